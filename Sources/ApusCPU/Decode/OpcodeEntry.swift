/// How an instruction's operands are encoded, as the decoder acts on it. Derived from the operand codes of
/// the opcode maps by Scripts/generate-stamps.swift.
enum Shape: UInt8 {
  /// No operands, or implied ones.
  case none
  /// Not an instruction: #UD.
  case undefined
  /// Several instructions share the opcode: `register` and `memory` are start and count in the
  /// alternatives.
  case alternatives
  /// A group whose members are told apart by ModRM.reg alone: `register` is the index of the first of eight.
  case group
  /// A hint: nothing is executed.
  case nop
  /// E destination, G source, and the reverse.
  case EG, GE
  /// Immediates: to E, to rAX; three operands.
  case EI, AI, GEI
  /// One operand E; shifted by 1, by CL.
  case E, E1, ECL
  /// Double shifts.
  case EGI, EGCL
  /// The register in the opcode; with an immediate; exchanged with rAX.
  case Z, ZI, ZA
  /// Memory only: address of, read to G, written from G, alone.
  case GM, MG, M
  /// Accumulator and absolute offset.
  case AO, OA
  /// Relative branch.
  case J
  /// Immediates without other operands: pushed, `RET`, `ENTER`.
  case I, IwIb
  /// Far pointer immediate.
  case Ap
  /// Segment registers: `MOV Sw,E`, `MOV E,Sw`, fixed in the opcode, far-pointer loads.
  case SE, ES, S, GMp
  /// Control and debug registers: number in ModRM.reg, general register in ModRM.rm.
  case RC
  /// String instruction.
  case string
  /// Port in an immediate or in DX.
  case portI, portDX
  /// Near CALL, JMP, PUSH through E.
  case Enear
  /// `MOVSXD`.
  case movsxd
  /// SIMD: vector register destination and vector register or memory source, the reverse, and with an
  /// immediate; `source`, `base` and `destination` are register numbers: see `Decoder.vectorOperands`.
  case VW, WV, VWI, WVI
  /// SIMD with a general register or memory on the other side; then with an immediate.
  case VE, EV, VEI, EVI
  /// SIMD source, general register destination (`destination` is its operand-file offset); then with an
  /// immediate.
  case GW, GWI
  /// General registers with VEX: `destination` is G, `source` VEX.vvvv, and E an operand as elsewhere.
  case GBE
  /// SIMD with three sources: as VW, with the opcode in `immediate`.
  case FMA
  /// SIMD: vector register, memory whose index is a vector register, mask in VEX.vvvv.
  case gather
  /// `MASKMOVDQU`: vector registers in ModRM, memory at rDI.
  case maskMove
  /// SIMD shifts by an immediate (group 12–14): vector register in ModRM.rm.
  case UI
  /// x87: ModRM as it is, in `immediate`.
  case x87
}

/// The width an instruction works at.
enum WidthCode: UInt8 {
  /// Byte; word; doubleword; quadword.
  case b, w, d, q
  /// 16, 32 or 64 by operand size.
  case v
  /// 32, or 64 with REX.W.
  case y
  /// 16 or 32: never 64.
  case z
}

/// One row of an opcode map, ready for the decoder.
struct OpcodeEntry {
  var shape: Shape
  var width: WidthCode
  var options: UInt16
  /// The stamps of the register form and of the memory form at the lowest width.
  var register: UInt16
  var memory: UInt16
  /// The stamps outside 64-bit operand size, for instructions whose hot form is 64-bit only.
  var legacy: UInt16
  /// The `CPUFeature` without which it is #UD: in general, and with VEX.L = 1.
  var feature: UInt8 = 0
  var wideFeature: UInt8 = 0

  /// No instruction, for a rule that `memory` holds; those of the maps hold none there.
  static func undefined(_ rule: Rule) -> OpcodeEntry {
    OpcodeEntry(
      shape: .undefined, width: .b, options: 0, register: 0, memory: UInt16(rule.rawValue), legacy: 0)
  }
}

/// Bits of `OpcodeEntry.options`.
enum OpcodeOption {
  static let hot: UInt16 = 1
  static let end: UInt16 = 2
  static let lock: UInt16 = 4
  static let invalid64: UInt16 = 8
  static let only64: UInt16 = 16
  static let default64: UInt16 = 32
  static let force64: UInt16 = 64
  /// The form does not depend on the width.
  static let fixed: UInt16 = 128
  static let memoryOnly: UInt16 = 256
  static let registerOnly: UInt16 = 512
  static let signedByte: UInt16 = 1024
  /// The immediate is a byte although the operand is wider.
  static let byteImmediate: UInt16 = 2048
  /// E is a byte, or a word, whatever the operand size (`MOVZX`).
  static let byteSource: UInt16 = 4096
  static let wordSource: UInt16 = 8192
  /// MMX registers instead of XMM ones.
  static let mmx: UInt16 = 16384
  /// VEX.vvvv names a register; elsewhere it must be 1111.
  static let vvvv: UInt16 = 32768
}

/// One candidate where several instructions share an opcode.
struct OpcodeAlternative {
  /// Bit 0 no mandatory prefix, 1 66h, 2 F3h, 3 F2h.
  var prefixes: UInt8
  /// ModRM.reg and ModRM.rm, or FFh for any.
  var reg: UInt8
  var rm: UInt8
  /// 1 memory, 2 register, 3 either.
  var mod: UInt8
  /// Bits for where it exists: 0 outside 64-bit mode, 1 within; 2 with VEX.W = 0, 3 with 1; 4 with VEX.L = 0, 5
  /// with 1.
  var mode: UInt8
  var entry: OpcodeEntry
}
