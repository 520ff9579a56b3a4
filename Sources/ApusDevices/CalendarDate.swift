/// Days of the proleptic Gregorian calendar, counted from 1 January 1970.
package struct CalendarDate: Equatable {
  package var year: Int
  /// 1...12
  package var month: Int
  /// 1...31
  package var day: Int

  package init(year: Int, month: Int, day: Int) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// The date `days` after 1 January 1970; `days` may be negative, its magnitude below 2^40.
  package init(days: Int) {
    // Counts from 1 March of year 0, so that the leap day ends each year; 146097 days make 400 years.
    let shifted = days + 719_468
    let era = Self.floor(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  /// Days since 1 January 1970. A month or day out of range counts on into the next year or month.
  package var days: Int {
    let monthIndex = month - 1
    let carriedYear = year + Self.floor(monthIndex, 12)
    let normalMonth = monthIndex - Self.floor(monthIndex, 12) * 12 + 1
    let marchYear = normalMonth <= 2 ? carriedYear - 1 : carriedYear
    let era = Self.floor(marchYear, 400)
    let yearOfEra = marchYear - era * 400
    let monthFromMarch = normalMonth > 2 ? normalMonth - 3 : normalMonth + 9
    let dayOfYear = (153 * monthFromMarch + 2) / 5
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468 + day - 1
  }

  /// The day of the week, 1 (Sunday) to 7, of the day `days` after 1 January 1970, a Thursday.
  package static func weekday(days: Int) -> Int { days + 4 - floor(days + 4, 7) * 7 + 1 }

  private static func floor(_ dividend: Int, _ divisor: Int) -> Int {
    dividend >= 0 ? dividend / divisor : -((divisor - 1 - dividend) / divisor)
  }
}
