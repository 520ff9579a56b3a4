import ApusInstructionSet

/// The forms of a mode, in the order of the maps.
package struct FormList: Sendable {
  package let forms: [Form]
  /// Whether no pattern chose among them.
  let isComplete: Bool
  /// Row numbers that have no form, with the reason.
  package let excluded: [(row: Int, reason: String)]

  /// All forms of `mode` whose name contains one of the patterns, ignoring case; of all, if there is none.
  /// Rows that need what the oracle lacks are excluded: the oracle's processor may say what it has, and
  /// `components` are the bits of XCR0.
  package init(
    mode: CaseMode, patterns: [String] = [], features: HostFeatures? = nil, components: UInt64 = ~0
  ) {
    var forms: [Form] = []
    var excluded: [(row: Int, reason: String)] = []
    let exclusions = Exclusion.all(mode)
    let wanted = patterns.map { $0.uppercased() }
    for (index, row) in OpcodeRow.all.enumerated() {
      if let reason = Exclusion.absence(row, mode) {
        let name = FormList.rowName(index).uppercased()
        if wanted.isEmpty || wanted.contains(where: { name.contains($0) }) {
          excluded.append((index, reason))
        }
        continue
      }
      let its = FormList.forms(of: index, row, mode).filter { form in
        guard !wanted.isEmpty else { return true }
        let name = form.name.uppercased()
        return wanted.contains { name.contains($0) }
      }
      guard !its.isEmpty else { continue }
      if let exclusion = exclusions.first(where: { $0.applies(row) }) {
        excluded.append((index, exclusion.reason))
      } else if let missing = features?.missing(row) {
        excluded.append((index, missing))
      } else if components & 4 == 0 && row.needsAVXState {
        excluded.append((index, "the oracle has no AVX state"))
      } else {
        forms += its
      }
    }
    isComplete = patterns.isEmpty
    self.forms = forms
    self.excluded = excluded
  }

  private static func forms(of index: Int, _ row: OpcodeRow, _ mode: CaseMode) -> [Form] {
    var forms: [Form] = []
    for opcode in row.opcodes {
      for isMemory in operandKinds(row) {
        for size in sizes(row, mode) {
          for isLong in lengths(row) {
            var form = Form(row: index, opcode: opcode, isMemory: isMemory, size: size, isLong: isLong)
            form.plan(row)
            forms.append(form)
          }
        }
      }
    }
    return forms
  }

  private static func operandKinds(_ row: OpcodeRow) -> [Bool] {
    guard row.hasModRM else { return [false] }
    switch row.mode {
    case .memory: return [true]
    case .register: return [false]
    case .any:
      // Operands that are one or the other by their letters.
      if row.operands.contains(where: { $0.hasPrefix("M") && !$0.contains("/") }) { return [true] }
      if row.operands.contains(where: { ["R", "N", "U"].contains($0.prefix(1)) && isRegisterOnly($0) }) {
        return [false]
      }
      return [false, true]
    }
  }

  /// `Ux/Mq`, `RdMb` and the like name a register or memory.
  private static func isRegisterOnly(_ operand: String) -> Bool { !operand.dropFirst().contains("M") }

  private static func sizes(_ row: OpcodeRow, _ mode: CaseMode) -> [Form.OperandSize] {
    if row.map.isVEX {
      if row.options.contains("W0") { return [.normal] }
      if row.options.contains("W1") { return [.quadword] }
      return mode == .long64 ? [.normal, .quadword] : [.normal]
    }
    guard !row.options.contains("fixed") else { return [.normal] }
    let varies = row.operands.contains { $0.dropFirst().contains("v") || $0.dropFirst().contains("z") }
    let hasY = row.operands.contains { $0.hasSuffix("y") } || row.options.contains("width=y")
    let byte = row.operands.contains {
      $0 == "Eb" || $0 == "Gb" || $0 == "AL" || $0 == "Zb" || $0.hasSuffix("b")
    }
    var sizes: [Form.OperandSize] = [.normal]
    let isGeneral = varies || (row.operands.isEmpty && !hasY) || (!byte && !hasY)
    if isGeneral && row.prefix != .x66 && row.prefix != .none { sizes.append(.prefixed) }
    if (isGeneral || hasY || varies) && mode == .long64 { sizes.append(.quadword) }
    return sizes
  }

  private static func lengths(_ row: OpcodeRow) -> [Bool] {
    guard row.map.isVEX else { return [false] }
    if row.options.contains("L0") { return [false] }
    if row.options.contains("L1") { return [true] }
    // Scalars ignore L, if they do; 256-bit and by-length operands have both.
    let isScalar = row.operands.contains { $0.hasSuffix("ss") || $0.hasSuffix("sd") }
    return isScalar ? [false] : [false, true]
  }
}

extension Form {
  /// Works out what the generator needs from the row.
  mutating func plan(_ row: OpcodeRow) {
    map = row.map
    switch row.prefix {
    case .any, .none: mandatory = 0
    case .x66: mandatory = 0x66
    case .xF3: mandatory = 0xF3
    case .xF2: mandatory = 0xF2
    }
    hasModRM = row.hasModRM
    reg = row.reg
    rm = row.rm
    allowsLock = row.options.contains("lock") && isMemory
    allowsRepeat = row.options.contains("string") && row.mnemonic != "XLAT"
    isVSIB = row.operands.contains { $0 == "Mvd" || $0 == "Mvq" }
    hasVVVV = row.operands.contains { $0.hasPrefix("H") || $0.hasPrefix("B") }
    flagsUndefined = UInt64(row.flagsUndefined.rawValue)
    immediate = Form.immediate(row)
    group = Form.group(row, opcode)
    kind = Form.kind(row, group)
    comparison = Form.comparison(row)
    readsFlags = Form.readsFlags(row.mnemonic)
    // Groups whose register forms ask the clock, random numbers or a hypervisor, and what becomes another prefix.
    let hasOtherRegisterForms =
      row.map == .twoByte && [0x00, 0x01, 0xAE, 0xC7].contains(opcode)
      || row.map == .oneByte && [0x62, 0xC4, 0xC5].contains(opcode)
    mayViolateMode = row.mode == .memory && !hasOtherRegisterForms && !isVSIB && group != .x87
  }

  private static func immediate(_ row: OpcodeRow) -> Immediate {
    if row.mnemonic == "ENTER" { return .enter }
    for operand in row.operands {
      switch operand {
      case "Ib": return .byte
      case "sIb": return .signedByte
      case "Iw": return .word
      case "Iz": return .operandSize
      case "Iv": return .full
      case "Jb": return .branchByte
      case "Jz": return .branch
      case "Ob", "Ov": return .offset
      case "Ap": return .far
      default: if operand.hasPrefix("L") { return .byte }
      }
    }
    return .none
  }

  private static func group(_ row: OpcodeRow, _ opcode: UInt8) -> Group {
    if row.map == .oneByte && (0xD8...0xDF).contains(opcode) { return .x87 }
    if row.options.contains("string") { return .string }
    if row.operands.contains(where: { ["P", "Q", "N"].contains($0.prefix(1)) }) { return .mmx }
    if row.operands.contains(where: { ["V", "W", "U", "H", "L"].contains($0.prefix(1)) }) { return .simd }
    switch row.mnemonic {
    case "Jcc", "JMP", "CALL", "RET", "RETF", "IRET", "LOOP", "LOOPE", "LOOPNE", "JrCXZ": return .branch
    case "PUSH", "POP", "PUSHA", "POPA", "PUSHF", "POPF", "ENTER", "LEAVE": return .stack
    case "VZEROALL", "VZEROUPPER", "FXRSTOR", "XRSTOR", "FXSAVE", "XSAVE", "XSAVEOPT", "XSAVEC", "EMMS":
      return .simd
    default: return .integer
    }
  }

  private static func kind(_ row: OpcodeRow, _ group: Group) -> OperandValues.Kind {
    if group == .x87 { return .extended }
    guard group == .simd || group == .mmx else { return .integers }
    let name = row.mnemonic
    if name.contains("PS") || name.hasSuffix("SS") || name.contains("SS2") { return .singles }
    if name.contains("PD") || name.hasSuffix("SD") || name.contains("SD2") { return .doubles }
    return .integers
  }

  private static func comparison(_ row: OpcodeRow) -> ComparisonOptions {
    switch row.mnemonic {
    case "F2XM1", "FYL2X", "FYL2XP1", "FPTAN", "FPATAN", "FSIN", "FCOS", "FSINCOS": return .transcendental
    case "RCPPS", "RCPSS", "RSQRTPS", "RSQRTSS", "VRCPPS", "VRCPSS", "VRSQRTPS", "VRSQRTSS":
      return .approximation
    default: return []
    }
  }

  private static func readsFlags(_ mnemonic: String) -> Bool {
    switch mnemonic {
    case "ADC", "SBB", "RCL", "RCR", "Jcc", "SETcc", "CMOVcc", "LOOPE", "LOOPNE", "PUSHF", "LAHF", "CMC",
      "SALC",
      "INTO", "DAA", "DAS", "AAA", "AAS", "ADCX", "ADOX", "INC", "DEC":
      return true
    default: return mnemonic.hasPrefix("FCMOV")
    }
  }
}
