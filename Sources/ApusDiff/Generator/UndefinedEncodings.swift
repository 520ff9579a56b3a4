import ApusInstructionSet

extension CaseRecord {
  /// `form` of a case of bytes that are no instruction.
  package static let undefinedForm: UInt32 = ~1
}

extension Generator {
  /// Bytes that the opcode maps give no meaning: both sides have to raise #UD. Most are near what has one: another
  /// prefix, opcode or ModRM in a map.
  mutating func makeUndefined(_ writer: inout CaseWriter) {
    var bytes: [UInt8] = [0x0F, 0x0B]
    for _ in 0..<64 {
      let candidate = anyEncoding()
      let code = candidate.prefixes + candidate.opcode
      let decoded = Disassembler.decode(code, at: writer.address, mode: mode.disassembly)
      if decoded.outcome == .undefined && !Self.isOthers(candidate) {
        bytes = code
        break
      }
    }
    writer.beginInstruction()
    for byte in bytes { writer.emit(byte) }
    writer.record.put(CaseRecord.form, CaseRecord.undefinedForm)
    writer.record.put(CaseRecord.flagMask, ~0 as UInt64)
    writer.record.put(CaseRecord.options, 0 as UInt32)
  }

  struct Candidate {
    /// Legacy prefixes and REX.
    var prefixes: [UInt8] = []
    /// Opcode or VEX prefix, and what follows: 15 bytes in all with the prefixes.
    var opcode: [UInt8] = []
  }

  private mutating func anyEncoding() -> Candidate {
    let choice = random.next()
    var candidate = Candidate()
    if choice & 3 == 0 { candidate.prefixes.append([0x66, 0xF2, 0xF3, 0xF0][Int(choice >> 2 & 3)]) }
    if choice >> 4 & 7 == 0 { candidate.prefixes.append([0x66, 0xF2, 0xF3, 0x67][Int(choice >> 7 & 3)]) }
    if mode == .long64 && choice >> 9 & 3 == 0 {
      candidate.prefixes.append(0x40 | UInt8(truncatingIfNeeded: choice >> 11 & 15))
    }
    switch choice >> 16 & 15 {
    case 0, 1: break
    case 2...6: candidate.opcode = [0x0F]
    case 7, 8: candidate.opcode = [0x0F, 0x38]
    case 9, 10: candidate.opcode = [0x0F, 0x3A]
    case 11: candidate.opcode = [0xC5, UInt8(truncatingIfNeeded: choice >> 24) | 0xC0]
    // Mostly the three maps that there are.
    default:
      let map =
        choice >> 20 & 7 == 0 ? UInt8(truncatingIfNeeded: choice >> 32) & 31 : UInt8(choice >> 32 & 1) + 1
      candidate.opcode = [
        0xC4, UInt8(truncatingIfNeeded: choice >> 24) & 0xE0 | 0xC0 & (mode == .long64 ? 0 : 0xFF) | map,
        UInt8(truncatingIfNeeded: choice >> 40) | (choice >> 23 & 1 == 0 ? 0x78 : 0),
      ]
    }
    let rest = 15 - candidate.prefixes.count - candidate.opcode.count
    let (low, high) = (random.next(), random.next())
    for index in 0..<rest {
      candidate.opcode.append(UInt8(truncatingIfNeeded: (index < 8 ? low : high) >> UInt64((index & 7) * 8)))
    }
    return candidate
  }

  /// Encodings that Apus does not have and other processors do: AMD's SSE4a, 3DNow!, SVM, `CLZERO`, `MONITORX`,
  /// `RDPRU` and what else shares 0F 01; CET's shadow stacks; and EVEX, XOP and FMA4, of which parts exist.
  private static func isOthers(_ candidate: Candidate) -> Bool {
    let bytes = candidate.opcode
    // `LOCK MOV` of control registers is AMD's way to CR8, and `VERW` ignores `LOCK`.
    if candidate.prefixes.contains(0xF0) && bytes[0] == 0x0F && [0x00, 0x20, 0x22].contains(bytes[1]) {
      return true
    }
    switch bytes[0] {
    case 0x0F: break
    case 0x62, 0x8F, 0xD6: return true
    // FMA4, in map 3.
    case 0xC4: return bytes[1] & 31 == 3 && isFMA4(bytes[3])
    default: return false
    }
    switch bytes[1] {
    case 0x01, 0x0E, 0x0F, 0x1E, 0x24...0x27, 0x2B, 0x78, 0x79, 0xAE, 0xC7: return true
    case 0x38: return bytes[2] == 0xF5 || bytes[2] == 0xF6 || bytes[2] & 0xF8 == 0xF8
    default: return false
    }
  }

  private static func isFMA4(_ opcode: UInt8) -> Bool {
    switch opcode {
    case 0x48, 0x49, 0x5C...0x5F, 0x68...0x6F, 0x78...0x7F: return true
    default: return false
    }
  }
}
