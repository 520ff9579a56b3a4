/// What Apus gained or lost since an earlier run.
package struct Comparison {
  /// A row that both runs have.
  package struct Change: Equatable {
    package let row: RowName
    /// Medians of CPU time.
    package let oldSeconds: Double?
    package let newSeconds: Double?
    /// In percent of the earlier run; negative is a gain.
    package let instructions: Double?

    package var seconds: Double? {
      guard let oldSeconds, let newSeconds, oldSeconds > 0 else { return nil }
      return Statistics.change(from: oldSeconds, to: newSeconds)
    }
  }

  package let changes: [Change]
  /// Rows of this run that the earlier one has not.
  package let added: [RowName]
  private let name: String
  private let otherHost: String?

  package init(old: Results, new: Results, name: String) {
    self.name = name
    otherHost = old.host == new.host ? nil : old.host
    var changes: [Change] = []
    var added: [RowName] = []
    for row in new.rows {
      guard let before = old.rows.first(where: { $0.row == row.row }) else {
        added.append(row.row)
        continue
      }
      let (oldTimes, newTimes) = Self.times(before, row)
      let counts = (Self.count(before), Self.count(row))
      var instructions: Double?
      if case (let was?, let now?) = counts, was > 0 {
        instructions = Statistics.change(from: Double(was), to: Double(now))
      }
      changes.append(
        Change(
          row: row.row, oldSeconds: Statistics.median(oldTimes), newSeconds: Statistics.median(newTimes),
          instructions: instructions))
    }
    self.changes = changes
    self.added = added
  }

  /// Times that were taken in the same way: in this program if both were, which is the quieter, else as a process.
  private static func times(_ old: Results.Row, _ new: Results.Row) -> ([Double], [Double]) {
    for emulator in [Results.inProcess, Results.apus]
    where !old.seconds(emulator).isEmpty && !new.seconds(emulator).isEmpty {
      return (old.seconds(emulator), new.seconds(emulator))
    }
    return ([], [])
  }

  private static func count(_ row: Results.Row) -> UInt64? { row.emulators[Results.apus]?.hostInstructions }

  /// The change of the geometric mean of a group's rows, in percent; nil if it has less than two.
  package func mean(_ group: Group, _ ratio: (Change) -> Double?) -> Double? {
    let changes = changes.filter { $0.row.group == group && $0.row.isInMean }.compactMap(ratio)
    guard changes.count > 1 else { return nil }
    return Statistics.geometricMean(changes.map { 1 + $0 / 100 }).map { ($0 - 1) * 100 }
  }

  package var text: String {
    var table = TextTable(["apus against \(name)", "then s", "now s", "time %", "host instr. %"])
    for group in Group.allCases {
      for change in changes where change.row.group == group {
        table.add([
          change.row.full, change.oldSeconds.map { Format.fixed($0, 3) } ?? "",
          change.newSeconds.map { Format.fixed($0, 3) } ?? "", change.seconds.map(Format.signed) ?? "",
          change.instructions.map { Format.signed($0, 2) } ?? "",
        ])
      }
      let seconds = mean(group, \.seconds)
      let instructions = mean(group, \.instructions)
      if seconds != nil || instructions != nil {
        table.add([
          "geometric mean, \(group == .bare ? "integer " : "")\(group.title)", "", "",
          seconds.map(Format.signed) ?? "", instructions.map { Format.signed($0, 2) } ?? "",
        ])
      }
    }
    var text = table.text
    for row in added { text += "\(row.full): not in \(name)\n" }
    if let otherHost { text += "\(name) is of another host, '\(otherHost)': its times say nothing here\n" }
    return text
  }
}
