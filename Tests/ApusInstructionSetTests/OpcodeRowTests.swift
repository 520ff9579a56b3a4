import ApusInstructionSet
import Foundation
import Testing

@Suite struct OpcodeRowTests {
  /// Counted in the maps themselves, past the generator and the parser.
  @Test func everyLineOfTheMapsIsARow() throws {
    let maps = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Sources/ApusCPU/Decode/Maps").standardized
    let files = try FileManager.default.contentsOfDirectory(at: maps, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "opcodes" }
    let lines = try files.flatMap { try String(contentsOf: $0, encoding: .utf8).split(separator: "\n") }
      .filter { !$0.hasPrefix("#") }
    #expect(OpcodeRow.all.count == lines.count)
    #expect(lines.count > 900)
  }

  /// Read from SDM Vol. 2, not from the maps.
  @Test func rowsSayWhatTheManualSays() throws {
    let add = try #require(OpcodeRow.all.first { $0.map == .oneByte && $0.opcodes == 0x01...0x01 })
    #expect(add.mnemonic == "ADD")
    #expect(add.operands == ["Ev", "Gv"])
    #expect(add.flagsWritten == .all)
    #expect(add.flagsUndefined == [])
    #expect(add.options.contains("lock"))
    #expect(add.prefix == .any && add.mode == .any && add.reg == nil && add.hasModRM)

    let shift = try #require(
      OpcodeRow.all.first { $0.map == .oneByte && $0.opcodes == 0xD3...0xD3 && $0.reg == 5 })
    #expect(shift.mnemonic == "SHR")
    #expect(shift.flagsUndefined == .AF)

    let clac = try #require(OpcodeRow.all.first { $0.mnemonic == "CLAC" })
    #expect(clac.map == .twoByte && clac.opcodes == 0x01...0x01 && clac.reg == 1 && clac.rm == 2)
    #expect(clac.mode == .register && clac.hasModRM)

    let jumps = try #require(OpcodeRow.all.first { $0.map == .twoByte && $0.mnemonic == "Jcc" })
    #expect(jumps.opcodes == 0x80...0x8F && !jumps.hasModRM)

    let andn = try #require(OpcodeRow.all.first { $0.mnemonic == "ANDN" })
    #expect(andn.map == .vex38 && andn.prefix == .none && andn.options.contains("L0"))
  }

  /// SDM Vol. 2 Appendix A: what has an E, G, V ... operand has a ModRM byte, and so have the groups.
  @Test(arguments: [
    ("RET", false), ("MOVS", false), ("CPUID", false), ("EMMS", false), ("BSWAP", false), ("ENTER", false),
    ("LEA", true), ("PADDB", true), ("MONITOR", true), ("FSIN", true), ("RDRAND", true), ("LES", true),
  ])
  func modRMIsDerived(mnemonic: String, expected: Bool) throws {
    let rows = OpcodeRow.all.filter { $0.mnemonic == mnemonic }
    #expect(!rows.isEmpty)
    #expect(rows.allSatisfy { $0.hasModRM == expected })
  }

  @Test(arguments: [
    "", "00 | ADD | Eb,Gb | OSZAPC | -", "GG | ADD | Eb | - | - |", "XX 00 | ADD | Eb | - | - |",
    "9.00 | ADD | Eb | - | - |", "00/8 | ADD | Eb | - | - |", "00 | ADD | Eb | Q | - |",
    "10-00 | ADD | Eb | - | - |", "00 | ADD | Eb | - | - | rm=8",
  ])
  func otherLinesAreNone(line: String) {
    let row = OpcodeRow(Substring(line), defaultMap: "1")
    #expect(row == nil)
  }
}
