import ApusInstructionSet

/// Rows that are not tested in a mode, and why.
package struct Exclusion: Sendable {
  package let mnemonic: String
  /// The first operand of the row, where the mnemonic has others; nil for all.
  package let operand: String?
  package let reason: String

  func applies(_ row: OpcodeRow) -> Bool {
    row.mnemonic == mnemonic && (operand == nil || row.operands.first == operand)
  }

  private static func rows(_ reason: String, _ mnemonics: String...) -> [Exclusion] {
    mnemonics.map { Exclusion(mnemonic: $0, operand: nil, reason: reason) }
  }

  /// What no two processors answer alike.
  private static let everywhere =
    rows("depends on time", "RDTSC", "RDTSCP")
    + rows("random", "RDRAND", "RDSEED")
    + rows("names the processor it runs on", "CPUID", "RDPID", "XGETBV")
    + rows("counts events, if the kernel lets it", "RDPMC")

  /// What a process of the host cannot run for an answer.
  private static let inProcesses =
    rows("enters the kernel of the host", "SYSCALL", "SYSENTER")
    + rows("hypervisors emulate it: the host sees #GP or RIP of the instruction itself", "SYSEXIT", "INT1")
    + rows("the kernel of the host emulates it under UMIP", "SGDT", "SIDT", "SLDT", "STR", "SMSW")

  /// What ends, hangs or changes a machine whose code runs at CPL 0.
  private static let withPrivilege =
    rows("stops the processor until an interrupt comes", "HLT", "MWAIT")
    + rows("depends on devices", "IN", "OUT", "INS", "OUTS")
    + rows("leaves real-address mode", "LMSW", "SYSENTER", "SYSCALL")
    + rows("moves the tables by which a case is seen to end", "LGDT", "LIDT")
    + rows("depends on, or changes, registers of the model", "RDMSR", "WRMSR")
    + rows("takes away state components that are compared", "XSETBV")
    + [
      Exclusion(mnemonic: "MOV", operand: "Cd", reason: "leaves real-address mode"),
      Exclusion(mnemonic: "MOV", operand: "Dd", reason: "arms breakpoints"),
    ]

  package static func all(_ mode: CaseMode) -> [Exclusion] {
    switch mode {
    case .compat32, .long64: everywhere + inProcesses
    case .prot32: everywhere
    case .real16: everywhere + withPrivilege
    }
  }

  /// Why a mode has nothing to test in a row, or nil.
  static func absence(_ row: OpcodeRow, _ mode: CaseMode) -> String? {
    // SDM Vol. 2, "VEX Encoding and 64-bit Mode".
    if row.map.isVEX && mode == .real16 { return "VEX prefixes are undefined in real-address mode" }
    let isPrefix =
      row.map == .oneByte && row.options.contains("i64")
      && ((0x40...0x4F).contains(row.opcodes.lowerBound)
        || [0x62, 0xC4, 0xC5].contains(row.opcodes.lowerBound))
    if isPrefix && mode == .long64 { return "a prefix in 64-bit mode" }
    return row.mnemonic == "MOVSXD" && mode != .long64 ? "the opcode is ARPL outside 64-bit mode" : nil
  }
}
