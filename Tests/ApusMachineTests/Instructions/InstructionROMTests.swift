import ApusFixture
import Foundation
import Testing

/// The guests of `testroms/instructions`: each prints a checksum for every form of an instruction that it tests,
/// and `expected/` has what a processor, or QEMU, printed.
@Suite struct InstructionROMTests {
  static let roms = ["onebyte", "twobyte", "threebyte", "simd", "x87", "protected", "real"]

  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  /// The lines of `expected/rom.txt` without its comments.
  private static func expected(_ rom: String) throws -> [Substring] {
    try text("testroms/instructions/expected/\(rom).txt").split(separator: "\n").filter { !$0.hasPrefix("#") }
  }

  @Test(arguments: roms) func printsWhatAProcessorPrints(rom: String) throws {
    let path = "testroms/instructions/\(rom).elf"
    let image = [UInt8](try Data(contentsOf: Self.root.appendingPathComponent(path)))
    var configuration = GuestConfiguration(.kernel(GuestFile(path, bytes: image)))
    configuration.memorySize = 8 << 20
    let machine = try GuestFixture(configuration)
    machine.instructionLimit = 2_000_000_000
    try recorded(machine) { try #require(machine.waitForEnd() == .debugExit(0)) }
    let expected = try Self.expected(rom)
    let printed = machine.debugConsoleText.split(separator: "\n")
    #expect(printed.count == expected.count)
    for (expected, printed) in zip(expected, printed) { #expect(printed == expected) }
  }

  /// A row of an opcode map: its opcode column, and its mnemonic.
  private struct Row {
    let opcode: String
    let mnemonic: String
    /// Whether rows that differ in the mandatory prefix are different instructions, as in the SIMD map.
    let prefixCounts: Bool

    /// The words with which lines begin that test this row.
    var names: [String] {
      let words = opcode.split(separator: " ")
      let full = "\(mnemonic) \(words.joined(separator: " "))"
      return prefixCounts || words.count == 1 ? [full] : [full, "\(mnemonic) \(words[1])"]
    }
  }

  private static func rows(_ map: String) throws -> [Row] {
    try text("Sources/ApusCPU/Decode/Maps/\(map).opcodes").split(separator: "\n").compactMap { line in
      let columns = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard !line.hasPrefix("#"), columns.count > 1 else { return nil }
      return Row(opcode: columns[0], mnemonic: columns[1], prefixCounts: map == "SIMD")
    }
  }

  private static let random = "the numbers are every processor's own; RandomNumberTests has these"

  /// Whether SSEVectorTests sees to it that there are captured vectors for the row.
  private static func hasVectors(_ map: String, _ row: Row) -> Bool {
    if map == "ThreeByte" { return !["INVPCID", "MOVBE"].contains(row.mnemonic) }
    let sse3: Set<String> = [
      "MOVSLDUP", "MOVDDUP", "MOVSHDUP", "HADDPD", "HADDPS", "HSUBPD", "HSUBPS", "ADDSUBPD", "ADDSUBPS",
      "LDDQU",
    ]
    return map == "SIMD" && sse3.contains(row.mnemonic)
  }

  private static let hint = "a hint, which the line of NOP 18-1D or PREFETCHW 0D executes"

  private static let unavailable = "the processors that gave the expected results do not have it"

  /// Rows that no line tests, or none of their name, and why.
  private static let untested: [String: String] = [
    "INT1 F1":
      "hypervisors and QEMU report the address of INT1 itself, the manuals that of the next instruction",
    "RDRAND NP C7/6": random, "RDRAND 66 C7/6": random, "RDSEED NP C7/7": random, "RDSEED 66 C7/7": random,
    "PREFETCHNTA 18/0": hint, "PREFETCHT0 18/1": hint, "PREFETCHT1 18/2": hint, "PREFETCHT2 18/3": hint,
    "PREFETCHW 0D/1": hint, "PREFETCH 0D": hint, "PREFETCHWT1 0D/2": "no operation, as all of 0D",
    "NOP 0D": "no operation, as all of 0D", "ENDBR64 F3 1E/7": "no operation, as all of F3 1E",
    "ENDBR32 F3 1E/7": "no operation, as all of F3 1E",
    "SERIALIZE NP 01/5": unavailable, "RDPKRU NP 01/5": unavailable, "WRPKRU NP 01/5": unavailable,
    "CLWB 66 AE/6": unavailable,
    "RDPMC 33": "whether programs may read counters is the system's choice, and QEMU has none",
  ]

  @Test func everyRowOfTheMapsHasALine() throws {
    var tested: Set<String> = []
    for rom in Self.roms {
      for line in try Self.expected(rom) {
        let words = line.split(separator: " ").prefix(3)
        for count in 2...3 { tested.insert(words.prefix(count).joined(separator: " ")) }
      }
    }
    var missing: [String] = []
    var needless = Set(Self.untested.keys)
    for map in ["OneByte", "TwoByte", "ThreeByte", "SIMD"] {
      for row in try Self.rows(map) where !Self.hasVectors(map, row) && tested.isDisjoint(with: row.names) {
        let name = "\(row.mnemonic) \(row.opcode)"
        if Self.untested[name] == nil { missing.append(name) } else { needless.remove(name) }
      }
    }
    #expect(missing.isEmpty)
    #expect(needless.isEmpty, "these have a line, or no row")
  }
}
