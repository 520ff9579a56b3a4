/// A register by file and number.
package struct Register: Sendable, Hashable {
  package enum File: Sendable, Hashable {
    /// AL, CL, ... R15B, with SPL, BPL, SIL and DIL for 4...7; AH, CH, DH, BH for 4...7.
    case byte, legacyByte
    /// AX ..., EAX ..., RAX ...
    case word, doubleword, quadword
    case segment, control, debug, mmx, xmm, ymm
    /// The x87 register that is `number` below the top of the stack.
    case x87
    /// The top of the x87 stack where the instruction leaves no choice.
    case x87Top
    /// IP, EIP, RIP by size, as a base.
    case doublewordPointer, quadwordPointer
    /// The index that SIB writes as "none", shown where an assembler would encode the operand otherwise.
    case doublewordZero, quadwordZero
  }

  package let file: File
  /// 0...15.
  package let number: UInt8

  init(_ file: File, _ number: UInt8) {
    self.file = file
    self.number = number
  }

  /// A general register of 1, 2, 4 or 8 bytes.
  package init(general number: UInt8, bytes: Int, hasREX: Bool = true) {
    switch bytes {
    case 1: self.init(hasREX || number < 4 ? .byte : .legacyByte, number)
    case 2: self.init(.word, number)
    case 4: self.init(.doubleword, number)
    default: self.init(.quadword, number)
    }
  }

  /// The assembler's name, in lower case and without `%`.
  package var name: String {
    let n = Int(number & 15)
    switch file {
    case .byte: return n < 8 ? ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"][n] : "r\(n)b"
    case .legacyByte: return ["al", "cl", "dl", "bl", "ah", "ch", "dh", "bh"][n & 7]
    case .word: return n < 8 ? Register.words[n] : "r\(n)w"
    case .doubleword: return n < 8 ? "e" + Register.words[n] : "r\(n)d"
    case .quadword: return n < 8 ? "r" + Register.words[n] : "r\(n)"
    case .segment: return ["es", "cs", "ss", "ds", "fs", "gs", "?", "?"][n & 7]
    case .control: return "cr\(n)"
    case .debug: return "dr\(n)"
    case .mmx: return "mm\(n)"
    case .xmm: return "xmm\(n)"
    case .ymm: return "ymm\(n)"
    case .x87: return "st(\(n))"
    case .x87Top: return "st"
    case .doublewordPointer: return "eip"
    case .quadwordPointer: return "rip"
    case .doublewordZero: return "eiz"
    case .quadwordZero: return "riz"
    }
  }

  private static let words = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"]

  /// Whether it is one of RAX ... R15 or a part of one.
  var isGeneral: Bool {
    switch file {
    case .byte, .legacyByte, .word, .doubleword, .quadword: return true
    default: return false
    }
  }
}

/// A memory operand.
package struct MemoryOperand: Sendable, Hashable {
  /// The segment to write: an override that counts, or that of a string operand.
  package var segment: Register?
  package var base: Register?
  package var index: Register?
  /// 1, 2, 4 or 8.
  package var scale = 1
  /// Sign-extended from its encoding; from the end of the instruction if `base` is the instruction pointer.
  package var displacement: Int64 = 0
  /// Whether the encoding has a displacement, zero or not.
  package var hasDisplacement = false
  /// Bytes of the address: 2, 4 or 8.
  package var addressBytes = 8
  /// Bytes of the operand: 1, 2, 4, 6, 8, 10, 16, 32, or 0 if the instruction has no operand of one size.
  package var bytes = 0
  /// Whether the operand is read or written in vector registers.
  package var isVector = false

  package var isRelative: Bool {
    base?.file == .quadwordPointer || base?.file == .doublewordPointer
  }

  /// The displacement of an operand without base and index: an address of `addressBytes`.
  package var absolute: UInt64 { UInt64(bitPattern: displacement) & MemoryOperand.mask(addressBytes) }

  static func mask(_ bytes: Int) -> UInt64 { bytes >= 8 ? ~0 : (1 << (UInt64(bytes) * 8)) - 1 }
}

/// An operand as the instruction encodes it.
package enum Operand: Sendable, Hashable {
  case register(Register)
  case memory(MemoryOperand)
  /// An immediate, extended as the instruction extends it and cut to the operand size.
  case immediate(UInt64)
  /// The count 1 of a shift, which the opcode says.
  case one
  /// The port in DX.
  case port
  /// The RIP of a near branch, cut to the operand size.
  case target(UInt64)
  case far(selector: UInt16, offset: UInt32)
}
