/// Readers for the values of options. All of them are total: any text gives a value or a reason.
package enum OptionValue {
  /// Why a value was refused.
  package enum Refusal: Error, Equatable { case malformed, tooLarge }

  /// A size in bytes: digits, perhaps with a decimal fraction, and K, M, G or T (powers of 1024, either
  /// case). A number without a suffix counts units of `unit` bytes.
  package static func size(_ text: String, unit: UInt64) throws(Refusal) -> UInt64 {
    try scaled(text, unit: unit, step: 1024)
  }

  /// A count: digits, perhaps with a decimal fraction, and K, M, G or T (powers of 1000, either case).
  package static func count(_ text: String) throws(Refusal) -> UInt64 {
    try scaled(text, unit: 1, step: 1000)
  }

  /// A duration in seconds, perhaps with a decimal fraction, as nanoseconds.
  package static func seconds(_ text: String) throws(Refusal) -> UInt64 {
    guard text.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }) else { throw .malformed }
    return try scaled(text, unit: 1_000_000_000, step: 1000)
  }

  private static func scaled(_ text: String, unit: UInt64, step: UInt64) throws(Refusal) -> UInt64 {
    var digits = Array(text.utf8)
    var multiplier = unit
    if let last = digits.last, let power = suffixPower(last) {
      digits.removeLast()
      multiplier = (0..<power).reduce(1) { product, _ in product &* step }
    }
    let parts = digits.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first, !whole.isEmpty, whole.allSatisfy(isDigit) else { throw .malformed }
    var value: UInt64 = 0
    for digit in whole {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit &- UInt8(ascii: "0")))
      guard !overflow && !carry else { throw .tooLarge }
      value = sum
    }
    let (scaledWhole, overflow) = value.multipliedReportingOverflow(by: multiplier)
    guard !overflow else { throw .tooLarge }
    guard parts.count == 2 else { return scaledWhole }
    let (sum, carry) = scaledWhole.addingReportingOverflow(try fraction(parts[1], of: multiplier))
    guard !carry else { throw .tooLarge }
    return sum
  }

  /// `0.digits × multiplier`, rounded down; at most nine digits.
  private static func fraction(_ digits: ArraySlice<UInt8>, of multiplier: UInt64) throws(Refusal) -> UInt64 {
    guard (1...9).contains(digits.count), digits.allSatisfy(isDigit) else { throw .malformed }
    var numerator: UInt64 = 0
    var denominator: UInt64 = 1
    for digit in digits {
      numerator = numerator &* 10 &+ UInt64(digit &- UInt8(ascii: "0"))
      denominator = denominator &* 10
    }
    return denominator.dividingFullWidth(numerator.multipliedFullWidth(by: multiplier)).quotient
  }

  private static func suffixPower(_ byte: UInt8) -> Int? {
    switch byte | 0x20 {
    case UInt8(ascii: "k"): 1
    case UInt8(ascii: "m"): 2
    case UInt8(ascii: "g"): 3
    case UInt8(ascii: "t"): 4
    default: nil
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  /// An unsigned number, decimal or with `0x` hexadecimal.
  package static func number(_ text: String) throws(Refusal) -> UInt64 {
    let isHex = text.hasPrefix("0x") || text.hasPrefix("0X")
    let digits = isHex ? text.dropFirst(2) : text[...]
    let valid = digits.utf8.allSatisfy { isDigit($0) || (isHex && ($0 | 0x20) &- UInt8(ascii: "a") < 6) }
    guard !digits.isEmpty && valid else { throw .malformed }
    guard let value = UInt64(digits, radix: isHex ? 16 : 10) else { throw .tooLarge }
    return value
  }

  /// A switch as QEMU spells it: on/off, yes/no, true/false, y/n.
  package static func toggle(_ text: String) throws(Refusal) -> Bool {
    switch text {
    case "on", "yes", "true", "y": return true
    case "off", "no", "false", "n": return false
    default: throw .malformed
    }
  }

  /// A date in UTC as Unix seconds: `YYYY-MM-DD`, `YYYY-MM-DDTHH:MM:SS` with or without `Z`, or `@SECONDS`.
  /// Years 1970 to 9999, what an RTC with a century byte can hold.
  package static func date(_ text: String) throws(Refusal) -> Int64 {
    if text.hasPrefix("@") {
      let seconds = try number(String(text.dropFirst()))
      guard seconds <= 253_402_300_799 else { throw .tooLarge }
      return Int64(seconds)
    }
    var bytes = Array(text.utf8)
    if bytes.last == UInt8(ascii: "Z") && bytes.count == 20 { bytes.removeLast() }
    let shape = Array("dddd-dd-ddTdd:dd:dd".utf8)
    guard bytes.count == 10 || bytes.count == shape.count else { throw .malformed }
    for (byte, expected) in zip(bytes, shape) {
      guard expected == UInt8(ascii: "d") ? isDigit(byte) : byte == expected else { throw .malformed }
    }
    func field(_ start: Int, _ length: Int) -> Int {
      guard bytes.count >= start + length else { return 0 }
      return bytes[start..<(start + length)].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }
    let (year, month, day) = (field(0, 4), field(5, 2), field(8, 2))
    let (hour, minute, second) = (field(11, 2), field(14, 2), field(17, 2))
    guard year >= 1970, (1...12).contains(month), day >= 1, day <= days(inMonth: month, of: year),
      hour < 24, minute < 60, second < 60
    else { throw .malformed }
    return Int64(days(before: year, month) + day - 1) * 86400 + Int64(hour * 3600 + minute * 60 + second)
  }

  private static func isLeap(_ year: Int) -> Bool {
    (year.isMultiple(of: 4) && !year.isMultiple(of: 100)) || year.isMultiple(of: 400)
  }

  private static func days(inMonth month: Int, of year: Int) -> Int {
    month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  /// Days from 1970-01-01 to the first of the month. Proleptic Gregorian calendar.
  private static func days(before year: Int, _ month: Int) -> Int {
    let past = year - 1
    let leapDays = (past / 4 - past / 100 + past / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400)
    return (year - 1970) * 365 + leapDays + (1..<month).reduce(0) { $0 + days(inMonth: $1, of: year) }
  }
}

/// A value in QEMU's list form, `first,key=value,flag`; a doubled comma is a comma inside a value.
package struct KeyValueList: Equatable {
  package struct Entry: Equatable {
    package let key: String
    /// Nil when the entry had no `=`.
    package let value: String?
  }
  package let entries: [Entry]

  /// Splits `text`. A first entry without `=` is the value of `impliedKey`, if there is one.
  package init(_ text: String, impliedKey: String? = nil) {
    var fields: [[UInt8]] = [[]]
    let bytes = Array(text.utf8)
    var i = 0
    while i < bytes.count {
      if bytes[i] != UInt8(ascii: ",") {
        fields[fields.count - 1].append(bytes[i])
      } else if i + 1 < bytes.count && bytes[i + 1] == UInt8(ascii: ",") {
        fields[fields.count - 1].append(bytes[i])
        i += 1
      } else {
        fields.append([])
      }
      i += 1
    }
    var entries: [Entry] = []
    for (position, field) in fields.enumerated() {
      if let equals = field.firstIndex(of: UInt8(ascii: "=")) {
        entries.append(
          Entry(
            key: String(decoding: field[..<equals], as: UTF8.self),
            value: String(decoding: field[(equals + 1)...], as: UTF8.self)))
      } else if position == 0, let impliedKey {
        entries.append(Entry(key: impliedKey, value: String(decoding: field, as: UTF8.self)))
      } else {
        entries.append(Entry(key: String(decoding: field, as: UTF8.self), value: nil))
      }
    }
    self.entries = entries
  }
}
