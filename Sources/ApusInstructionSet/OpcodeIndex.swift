/// A row with what decoding asks of it, worked out once.
struct IndexedRow: Sendable {
  let row: OpcodeRow
  let operands: [OperandCode]
  let hasModRM: Bool
  let is64BitInvalid: Bool
  let is64BitOnly: Bool
  /// The operand size in 64-bit mode is 64 unless 66h says 16; or always.
  let hasDefault64: Bool
  let hasForced64: Bool
  let isLockable: Bool
  /// Whether VEX.vvvv names an operand; it must be 1111b otherwise.
  let usesVvvv: Bool
  /// Whether SIB names vectors of indexes.
  let isVSIB: Bool
  /// Whether 66h in 64-bit mode makes it a branch to a 16-bit RIP on AMD's processors.
  let isNearBranch: Bool
  /// The values of VEX.W and VEX.L for which the row is: bit 0 for 0, bit 1 for 1.
  let vexW: UInt8
  let vexL: UInt8
  /// Whether ModRM.mod is not looked at: moves to and from control and debug registers.
  let ignoresMode: Bool
  /// Whether the mandatory prefix makes no difference: rows without and with it are the same instruction.
  var isPrefixRedundant = false

  /// Nil if an operand code is unknown.
  init?(_ row: OpcodeRow) {
    var codes: [OperandCode] = []
    for operand in row.operands {
      guard let code = OperandCode(operand) else { return nil }
      codes.append(code)
    }
    self.row = row
    operands = codes
    hasModRM = row.hasModRM
    is64BitInvalid = row.options.contains("i64")
    is64BitOnly = row.options.contains("o64")
    hasDefault64 = row.options.contains("d64")
    hasForced64 = row.options.contains("f64")
    isLockable = row.options.contains("lock")
    isVSIB = codes.contains { $0.memoryKind == .vd || $0.memoryKind == .vq }
    isNearBranch =
      hasForced64 && ["Jcc", "CALL", "JMP", "RET", "LOOP", "LOOPE", "LOOPNE", "JrCXZ"].contains(row.mnemonic)
    vexW = row.options.contains("W0") ? 1 : row.options.contains("W1") ? 2 : 3
    vexL = row.options.contains("L0") ? 1 : row.options.contains("L1") ? 2 : 3
    usesVvvv = codes.contains {
      switch $0.method {
      case .H, .B: return true
      default: return false
      }
    }
    ignoresMode = codes.contains {
      switch $0.method {
      case .C, .D: return true
      default: return false
      }
    }
  }
}

/// Rows by map and opcode byte.
struct OpcodeIndex: Sendable {
  private let table: [[IndexedRow]]

  /// Every row of the opcode maps.
  static let all = OpcodeIndex(OpcodeRow.all)

  /// The rows that share an opcode, in their order, in which they are tried.
  func rows(_ map: OpcodeRow.Map, _ opcode: UInt8) -> [IndexedRow] {
    table[OpcodeIndex.slot(map) * 256 + Int(opcode)]
  }

  private static func slot(_ map: OpcodeRow.Map) -> Int {
    switch map {
    case .oneByte: return 0
    case .twoByte: return 1
    case .threeByte38: return 2
    case .threeByte3A: return 3
    case .vex0F: return 4
    case .vex38: return 5
    case .vex3A: return 6
    }
  }

  /// Rows with an operand code that SDM Vol. 2 Appendix A does not have are left out.
  init(_ rows: [OpcodeRow]) {
    var table = [[IndexedRow]](repeating: [], count: OpcodeRow.Map.allCases.count * 256)
    for row in rows {
      guard let indexed = IndexedRow(row) else { continue }
      for opcode in row.opcodes { table[OpcodeIndex.slot(row.map) * 256 + Int(opcode)].append(indexed) }
    }
    for place in table.indices {
      let rows = table[place].map { $0.row }
      for index in rows.indices where rows[index].prefix != .none {
        table[place][index].isPrefixRedundant = rows.contains {
          $0.prefix == .none && $0.mnemonic == rows[index].mnemonic && $0.operands == rows[index].operands
        }
      }
    }
    self.table = table
  }
}
