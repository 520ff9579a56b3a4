import ApusInstructionSet

/// One thing to test: a row of the opcode maps with its opcode, operand kind and width fixed.
package struct Form: Sendable {
  package enum OperandSize: UInt8, Sendable {
    /// Without prefixes: 32 bits, or what the instruction has.
    case normal
    /// 66h.
    case word
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
    case .word: text += " 66"
    case .quadword: text += " W"
    }
    return text + (isLong ? " L" : "")
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

/// A row, or part of one, that an oracle cannot judge.
package struct Exclusion: Sendable {
  package let mnemonic: String
  package let reason: String
}

extension Form {
  /// Rows that a user process cannot run for an answer, and why.
  package static let exclusions: [Exclusion] = {
    func rows(_ reason: String, _ mnemonics: String...) -> [Exclusion] {
      mnemonics.map { Exclusion(mnemonic: $0, reason: reason) }
    }
    return rows("depends on time", "RDTSC", "RDTSCP")
      + rows("random", "RDRAND", "RDSEED")
      + rows("names the processor it runs on", "CPUID", "RDPID", "XGETBV")
      + rows("counts events, if the kernel lets it", "RDPMC")
      + rows("enters the kernel of the host", "SYSCALL", "SYSENTER")
      + rows("hypervisors emulate it: the host sees #GP or RIP of the instruction itself", "SYSEXIT", "INT1")
      + rows("the kernel of the host emulates it under UMIP", "SGDT", "SIDT", "SLDT", "STR", "SMSW")
  }()
}
