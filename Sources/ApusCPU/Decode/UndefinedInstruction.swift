extension Decoder {
  /// Which check finds that an opcode, prefixes and ModRM make no instruction of the processor in its mode.
  @inline(never)
  func undefinedRule(_ entry: OpcodeEntry) -> Rule {
    if entry.shape == .undefined {
      let rule = Rule(rawValue: UInt8(truncatingIfNeeded: entry.memory)) ?? .unnamed
      return rule == .unnamed ? .opcodeUndefined : rule
    }
    if !isPresent(entry) { return .instructionAbsent }
    if is64 && entry.options & OpcodeOption.invalid64 != 0 { return .notIn64BitMode }
    if !is64 && entry.options & OpcodeOption.only64 != 0 { return .only64BitMode }
    return .operandForm
  }
}
