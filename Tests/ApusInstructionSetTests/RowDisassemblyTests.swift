import ApusInstructionSet
import Testing

/// Every row can be reached: no other row is found in its place, and its operand codes are known.
@Suite struct RowDisassemblyTests {
  /// Mnemonics of the maps that stand for several, or that prefixes, size or immediate change.
  private static let renamed: Set<String> = [
    "Jcc", "SETcc", "CMOVcc", "CBW", "CWD", "JrCXZ", "XCHG", "CMPPS", "CMPPD", "CMPSS", "CMPSD", "VCMPPS",
    "VCMPPD", "VCMPSS", "VCMPSD", "PCLMULQDQ", "VPCLMULQDQ", "MOV", "SYSRET", "SYSEXIT",
    // VEX.W chooses between D and Q.
    "VMOVD", "VPINSRD", "VPEXTRD",
  ]

  @Test(arguments: [false, true]) func everyRowIsFound(memory: Bool) {
    var missing: [String] = []
    for row in OpcodeRow.all {
      for mode in row.modes {
        let encodings = row.encodings(mode, memory: memory)
        if row.rm == 4 && row.map.isVEX && mode == .code16 { continue }
        if encodings.isEmpty { continue }
        let found = encodings.map { Disassembler.decode($0.bytes, at: 0x1000, mode: mode) }
          .filter { $0.row == row }
        let isNamed = found.allSatisfy {
          Self.renamed.contains(row.mnemonic) || $0.mnemonic == row.mnemonic.lowercased()
        }
        if found.isEmpty || !isNamed {
          missing.append("\(row.mnemonic) \(row.map) \(row.opcodes) \(row.operands) \(mode)")
        }
      }
    }
    #expect(missing.isEmpty)
  }

  /// What `Row.modes` leaves out is not decoded to the row.
  @Test func rowsOfOtherModesAreNotFound() {
    for row in OpcodeRow.all {
      for mode in [Disassembler.Mode.code64, .code32, .code16] where !row.modes.contains(mode) {
        for encoding in row.encodings(mode, memory: false) + row.encodings(mode, memory: true) {
          #expect(Disassembler.decode(encoding.bytes, at: 0, mode: mode).row != row)
        }
      }
    }
  }

  @Test func everyRegisterFormHasAMemoryFormOrSaysSo() {
    for row in OpcodeRow.all where row.hasModRM && row.mode == .any {
      #expect(!row.encodings(row.modes[0], memory: true).isEmpty)
      #expect(!row.encodings(row.modes[0], memory: false).isEmpty)
    }
  }

  /// The lengths of an instruction's beginnings: all are cut off, or are shorter instructions.
  @Test func beginningsAreTruncated() {
    for row in OpcodeRow.all {
      guard let encoding = row.encodings(row.modes[0], memory: false).first else { continue }
      let whole = Disassembler.decode(encoding.bytes, at: 0, mode: encoding.mode)
      guard whole.outcome == .defined else { continue }
      for count in 0..<whole.length {
        let part = Disassembler.decode(encoding.bytes.prefix(count), at: 0, mode: encoding.mode)
        #expect(part.outcome == .truncated, "\(row.mnemonic), \(count) bytes")
        #expect(part.length == 1)
      }
    }
  }
}
