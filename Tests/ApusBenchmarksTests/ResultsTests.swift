import ApusBenchmarks
import Foundation
import Testing

/// Runs, their checksums, and the comparison with an earlier file.
@Suite struct ResultsTests {
  private let crc = RowName(group: .bare, name: "crc32")
  private let sieve = RowName(group: .bare, name: "sieve")
  private let boot = RowName(group: .boots, name: "vmlinuz-cloud")

  private func results(_ rows: [(RowName, String, Double)]) throws -> Results {
    var results = Results()
    for (row, emulator, seconds) in rows { try results.add(row, emulator, Run(seconds: seconds)) }
    return results
  }

  @Test func allEmulatorsGiveTheSameChecksum() throws {
    var results = Results()
    try results.add(crc, "apus", Run(seconds: 1, checksum: "AB"))
    try results.add(crc, "qemu", Run(seconds: 1, checksum: "AB"))
    #expect(throws: Failure.check("bare/crc32: qemu gave the checksum AC, runs before it AB")) {
      try results.add(crc, "qemu", Run(seconds: 1, checksum: "AC"))
    }
  }

  @Test func allRunsRetireAsManyInstructions() throws {
    var results = Results()
    try results.add(crc, Results.inProcess, Run(seconds: 1, guestInstructions: 5))
    #expect(throws: Failure.check("bare/crc32: 6 instructions in one run, 5 in those before")) {
      try results.add(crc, Results.inProcess, Run(seconds: 1, guestInstructions: 6))
    }
  }

  @Test func knownChecksumsAreRequired() throws {
    let known = try WorkloadChecksums("dhry AB\ngzip -\n", path: "list")
    let dhry = RowName.workloads[0]
    let run = Run(seconds: 2, checksum: "AB")
    #expect(try known.run(dhry, Interval(name: "dhry", checksum: "AB", seconds: 2)) == run)
    #expect(throws: Failure.check("compute/dhry: its checksum is AC, not AB")) {
      try known.run(dhry, Interval(name: "dhry", checksum: "AC", seconds: 2))
    }
    let gzip = RowName(group: .system, name: "gzip")
    #expect(try known.run(gzip, Interval(name: "gzip", checksum: "1", seconds: 2)).checksum == "1")
    #expect(try known.run(gzip, Interval(name: "gzip", checksum: nil, seconds: 0)) == Run())
    #expect(throws: Failure.file("list: 'dhry' is not 'NAME CHECKSUM'")) {
      try WorkloadChecksums("dhry\n", path: "list")
    }
  }

  @Test func aFileIsReadAsItWasWritten() throws {
    var results = try results([(crc, "apus", 1.5), (crc, "qemu", 0.5), (boot, "apus", 3)])
    try results.add(sieve, "qemu", Run())
    results.add(hostInstructions: 12345, crc, "apus")
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try results.write(path)
    let read = try Results(reading: path)
    #expect(read.rows.map(\.row) == [crc, boot, sieve])
    #expect(read.rows[0].emulators["apus"]?.hostInstructions == 12345)
    #expect(read.rows[0].seconds("qemu") == [0.5])
    #expect(read.rows[2].emulators["qemu"]?.isAbsent == true)
    try Data("{}".utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: Failure.file("\(path): is not what --json writes")) { try Results(reading: path) }
  }

  @Test func aComparisonSaysWhatWasGained() throws {
    var old = try results([
      (crc, "apus", 2), (crc, "apus-in-process", 4), (sieve, "apus", 1), (boot, "apus", 8),
    ])
    var new = try results([
      (crc, "apus", 9), (crc, "apus-in-process", 3), (sieve, "apus", 3), (boot, "qemu", 8),
    ])
    old.add(hostInstructions: 1000, sieve, "apus")
    new.add(hostInstructions: 1100, sieve, "apus")
    try new.add(RowName.workloads[0], "apus", Run(seconds: 1))
    let comparison = Comparison(old: old, new: new, name: "old.json")
    // Both ran crc32 in the program; nothing of Apus is in the new boot.
    #expect(comparison.changes.map(\.seconds) == [-25, 200, nil])
    #expect(comparison.changes[0].instructions == nil)
    #expect(abs(try #require(comparison.changes[1].instructions) - 10) < 1e-9)
    #expect(comparison.added == [RowName.workloads[0]])
    #expect(abs(try #require(comparison.mean(.bare, \.seconds)) - 50) < 1e-9)
    #expect(comparison.mean(.boots, \.seconds) == nil)
    #expect(comparison.text.contains("compute/dhry: not in old.json"))
  }

  @Test func aSelectionIsOfRowsAndGroups() throws {
    let rows = [crc, sieve, boot] + RowName.workloads
    func names(_ only: [String]) throws -> [String] {
      let selection = try Selection(only, among: rows)
      return rows.filter(selection.contains).map(\.full)
    }
    #expect(try names([]).count == rows.count)
    #expect(try names(["sieve"]) == ["bare/sieve", "compute/sieve"])
    #expect(try names(["bare/sieve", "boots"]) == ["bare/sieve", "boots/vmlinuz-cloud"])
    #expect(try names(["workloads"]).count == 15)
    #expect(try names(["system"]).count == 5)
    #expect(throws: Failure.self) { try names(["siev"]) }
  }
}
