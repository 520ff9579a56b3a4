import Foundation

/// The results as a table for people.
struct Report {
  let results: Results

  var text: String {
    var text = ""
    for emulator in results.emulators { text += "\(emulator.name): \(emulator.path), \(emulator.version)\n" }
    for group in Group.allCases {
      let rows = results.rows.filter { $0.row.group == group }
      if !rows.isEmpty { text += (text.isEmpty ? "" : "\n") + table(group, rows) }
    }
    if !results.skipped.isEmpty { text += "\n" }
    for skipped in results.skipped { text += "\(skipped.rows) skipped: \(skipped.reason)\n" }
    return text
  }

  /// All but Apus, which the others are compared with.
  private var peers: [String] { results.emulators.map(\.name).filter { $0 != Results.apus } }

  private func table(_ group: Group, _ rows: [Results.Row]) -> String {
    var header = [group.title, "apus s", "spread %", "million/s", "peak MiB", "host instr."]
    for peer in peers {
      header += ["\(peer) s", group == .boots ? "peak MiB" : "", "apus/\(peer)"]
    }
    var table = TextTable(header)
    for row in rows { table.add(cells(row)) }
    let averaged = rows.filter { $0.row.isInMean && Results.apus(in: $0)?.seconds.isEmpty == false }
    if averaged.count > 1 { table.add(meanCells(averaged)) }
    return table.text
  }

  private func cells(_ row: Results.Row) -> [String] {
    let apus = Results.apus(in: row)
    var cells = [row.row.name, Self.seconds(apus)]
    cells.append(
      Statistics.spread(apus?.seconds ?? []).map {
        "\(Format.signed($0.lowerBound)) \(Format.signed($0.upperBound))"
      } ?? "")
    cells.append(speed(row).map { Format.fixed($0, 1) } ?? "")
    cells.append(Self.peak(row, apus))
    cells.append(apus?.hostInstructions.map { "\(Format.fixed(Double($0) / 1e6, 2)) M" } ?? "")
    for peer in peers {
      let measured = row.emulators[peer]
      cells += [
        Self.seconds(measured), Self.peak(row, measured),
        Ratio(apus?.seconds ?? [], to: measured?.seconds ?? []).map(Format.ratio) ?? "",
      ]
    }
    return cells
  }

  private func meanCells(_ rows: [Results.Row]) -> [String] {
    let integer = rows[0].row.group == .bare ? "integer " : ""
    var cells = ["geometric mean (\(rows.count) \(integer)rows)"]
    cells.append(Self.mean(rows.map { Statistics.median(Results.apus(in: $0)?.seconds ?? []) }, 3))
    cells += ["", Self.mean(rows.map(speed), 1), "", ""]
    for peer in peers {
      // What a peer cannot run has no ratio.
      let common = rows.filter { !$0.seconds(peer).isEmpty }
      let pairs = common.map { (times: Results.apus(in: $0)?.seconds ?? [], others: $0.seconds(peer)) }
      cells += [
        Self.mean(rows.map { Statistics.median($0.seconds(peer)) }, 3), "",
        Ratio(mean: pairs).map(Format.ratio) ?? "",
      ]
    }
    return cells
  }

  /// Million guest instructions per second of CPU time, in this program.
  private func speed(_ row: Results.Row) -> Double? {
    guard let count = row.guestInstructions, let median = Statistics.median(row.seconds(Results.inProcess)),
      median > 0
    else { return nil }
    return Double(count) / median / 1e6
  }

  private static func seconds(_ measured: Results.Measured?) -> String {
    guard let measured else { return "" }
    return measured.isAbsent
      ? "absent" : Statistics.median(measured.seconds).map { Format.fixed($0, 3) } ?? ""
  }

  private static func peak(_ row: Results.Row, _ measured: Results.Measured?) -> String {
    guard row.row.group == .boots else { return "" }
    return Statistics.median((measured?.peakKilobytes ?? []).map(Double.init))
      .map { Format.fixed($0 / 1024, 0) } ?? ""
  }

  private static func mean(_ values: [Double?], _ places: Int) -> String {
    let known = values.compactMap { $0 }
    guard known.count == values.count else { return "" }
    return Statistics.geometricMean(known).map { Format.fixed($0, places) } ?? ""
  }
}

/// Numbers for people.
enum Format {
  static func fixed(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }

  static func signed(_ value: Double) -> String { signed(value, 1) }

  static func signed(_ value: Double, _ places: Int) -> String { String(format: "%+.\(places)f", value) }

  static func ratio(_ ratio: Ratio) -> String {
    String(format: "%.2f (%.2f-%.2f)", ratio.medians, ratio.rounds.lowerBound, ratio.rounds.upperBound)
  }
}
