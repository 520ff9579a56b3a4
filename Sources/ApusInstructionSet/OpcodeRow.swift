/// One row of the opcode maps (`Sources/ApusCPU/Decode/Maps/*.opcodes`): an encoding and what the manuals say of
/// it, in the notation of SDM Vol. 2 Appendix A.
package struct OpcodeRow: Sendable, Hashable {
  /// The bytes before the opcode byte that choose the table.
  package enum Map: Sendable, Hashable, CaseIterable {
    /// None.
    case oneByte
    /// 0F.
    case twoByte
    /// 0F 38, 0F 3A.
    case threeByte38, threeByte3A
    /// A VEX prefix whose field mmmmm is 1, 2, 3.
    case vex0F, vex38, vex3A

    /// Whether a VEX prefix precedes the opcode.
    package var isVEX: Bool { self == .vex0F || self == .vex38 || self == .vex3A }
  }

  /// What the row asks of the prefixes 66h, F3h and F2h.
  package enum MandatoryPrefix: Sendable, Hashable {
    /// Nothing: they have their usual meaning.
    case any
    /// None of them may be there.
    case none
    /// 66h, and neither F3h nor F2h.
    case x66
    /// F3h, F2h: of both, the last one counts.
    case xF3, xF2
  }

  /// What the row asks of ModRM.mod.
  package enum Mode: Sendable, Hashable {
    /// Nothing.
    case any
    /// Not 11b: ModRM names memory.
    case memory
    /// 11b: ModRM names a register.
    case register
  }

  /// The table the row is in.
  package let map: Map
  /// The opcode bytes. Where there are several, the low three or four bits name a register or a condition.
  package let opcodes: ClosedRange<UInt8>
  package let prefix: MandatoryPrefix
  /// The value of ModRM.reg, 0...7, or nil if it names an operand or does not matter.
  package let reg: UInt8?
  /// The value of ModRM.rm, 0...7, or nil.
  package let rm: UInt8?
  package let mode: Mode
  /// The mnemonic in capitals. `Jcc`, `SETcc`, `CMOVcc` stand for sixteen each.
  package let mnemonic: String
  /// Operand codes, destination first.
  package let operands: [String]
  /// The status flags that the instruction writes with a defined value.
  package let flagsWritten: StatusFlags
  /// The status flags that the manuals leave undefined afterwards.
  package let flagsUndefined: StatusFlags
  /// The words of the options column but for `mem`, `reg` and `rm=`, such as `i64`, `o64`, `d64`, `f64`, `lock`,
  /// `W0`, `W1`, `L0`, `L1`. See OneByte.opcodes and VEX.opcodes.
  package let options: Set<String>

  /// Whether a ModRM byte follows the opcode.
  package var hasModRM: Bool {
    reg != nil || rm != nil || mode != .any || operands.contains(where: OpcodeRow.isInModRM)
  }

  /// Every row of every map, in the order of the files.
  package static let all: [OpcodeRow] = {
    var rows: [OpcodeRow] = []
    for file in OpcodeMapText.files {
      for line in file.rows.utf8.split(separator: UInt8(ascii: "\n")) {
        if let row = OpcodeRow(Substring(line), defaultMap: file.map) { rows.append(row) }
      }
    }
    return rows
  }()

  /// Whether an operand code names something that ModRM encodes.
  private static func isInModRM(_ operand: String) -> Bool {
    switch operand {
    case "CL", "DX", "ES", "CS", "SS", "DS", "FS", "GS", "ST0", "XMM0": return false
    case "STi": return true
    default: break
    }
    switch operand.utf8.first {
    case UInt8(ascii: "E"), UInt8(ascii: "G"), UInt8(ascii: "M"), UInt8(ascii: "R"), UInt8(ascii: "P"),
      UInt8(ascii: "Q"), UInt8(ascii: "N"), UInt8(ascii: "V"), UInt8(ascii: "W"), UInt8(ascii: "U"),
      UInt8(ascii: "C"), UInt8(ascii: "D"), UInt8(ascii: "S"):
      return true
    default: return false
    }
  }
}

/// The status flags, at their positions in RFLAGS.
package struct StatusFlags: OptionSet, Sendable, Hashable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let CF = StatusFlags(rawValue: 1 << 0)
  package static let PF = StatusFlags(rawValue: 1 << 2)
  package static let AF = StatusFlags(rawValue: 1 << 4)
  package static let ZF = StatusFlags(rawValue: 1 << 6)
  package static let SF = StatusFlags(rawValue: 1 << 7)
  package static let OF = StatusFlags(rawValue: 1 << 11)

  /// All six.
  package static let all: StatusFlags = [.CF, .PF, .AF, .ZF, .SF, .OF]
}
