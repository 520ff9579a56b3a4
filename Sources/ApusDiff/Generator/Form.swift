import ApusInstructionSet

/// One thing to test: a row of the opcode maps with its opcode, operand kind and width fixed.
package struct Form: Sendable {
  package enum OperandSize: UInt8, Sendable {
    /// Without prefixes: 32 bits, 16 in 16-bit code, or what the instruction has.
    case normal
    /// 66h: the other of 16 and 32 bits.
    case prefixed
    /// REX.W or VEX.W.
    case quadword
  }

  /// What follows ModRM and displacement.
  enum Immediate: UInt8 {
    case none, byte, signedByte, word, operandSize, full, branchByte, branch, offset, far, enter
  }

  /// What operands are made of and which registers matter.
  enum Group: UInt8 {
    case integer, string, stack, branch, simd, mmx, x87
  }

  package let row: Int
  package let opcode: UInt8
  /// Whether ModRM names memory.
  package let isMemory: Bool
  package let size: OperandSize
  /// VEX.L.
  package let isLong: Bool

  // What the generator needs, worked out once.
  var map = OpcodeRow.Map.oneByte
  /// 0, 66h, F2h or F3h.
  var mandatory: UInt8 = 0
  var hasModRM = false
  var reg: UInt8?
  var rm: UInt8?
  var immediate = Immediate.none
  var group = Group.integer
  var kind = OperandValues.Kind.integers
  var allowsLock = false
  var allowsRepeat = false
  var isVSIB = false
  var hasVVVV = false
  var flagsUndefined: UInt64 = 0
  var readsFlags = false
  var comparison: ComparisonOptions = []
  /// ModRM.mod may say register where the row has memory only: what that is, is undefined or harmless.
  var mayViolateMode = false

  /// Opcode, mnemonic and operands, operand kind and size: what `--forms` matches and the coverage table shows.
  package var name: String {
    let row = OpcodeRow.all[self.row]
    var text = encodingName + " \(row.mnemonic)"
    if !row.operands.isEmpty { text += " " + row.operands.joined(separator: ",") }
    if row.hasModRM { text += isMemory ? " mem" : " reg" }
    switch size {
    case .normal: break
    case .prefixed: text += " 66"
    case .quadword: text += " W"
    }
    return text + (isLong ? " L" : "")
  }

  /// Bytes of an operand whose size prefixes change.
  func operandBytes(_ mode: CaseMode) -> Int {
    switch size {
    case .normal: mode == .real16 ? 2 : 4
    case .prefixed: mode == .real16 ? 4 : 2
    case .quadword: 8
    }
  }

  /// Prefix, map, opcode and what ModRM has to hold.
  var encodingName: String {
    let row = OpcodeRow.all[self.row]
    var text = ""
    switch row.prefix {
    case .any: break
    case .none: text = "NP "
    case .x66: text = "66 "
    case .xF3: text = "F3 "
    case .xF2: text = "F2 "
    }
    switch row.map {
    case .oneByte: break
    case .twoByte: text += "0F."
    case .threeByte38: text += "0F38."
    case .threeByte3A: text += "0F3A."
    case .vex0F: text += "V0F."
    case .vex38: text += "V38."
    case .vex3A: text += "V3A."
    }
    text += (opcode < 16 ? "0" : "") + String(opcode, radix: 16, uppercase: true)
    if let reg = row.reg { text += "/\(reg)" }
    if let rm = row.rm { text += " rm=\(rm)" }
    return text
  }
}
