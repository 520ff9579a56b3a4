import ApusInstructionSet

/// What an instruction asks of its operands, beyond what its encoding says, to do something worth testing.
struct FormTraits {
  enum Special: UInt8 {
    case none
    /// The r/m operand is a selector.
    case selector
    /// A far pointer in memory.
    case farPointer
    /// The r/m operand or the stack holds a code address.
    case codePointer
    /// Far returns and IRET.
    case farReturn
    /// A bit offset in the register operand.
    case bitOffset
    case divide
    case compareExchange
    case compareExchangePair
    /// A save area with MXCSR, or with an XSAVE header too.
    case fxrstor
    case xrstor
    case xsave
    case mxcsr
    case decimal
    case maskMove
    case translate
    case popFlags
    /// SHLD and SHRD of 16 bits, whose result is undefined for counts above 16, and whose OF AMD's processors set
    /// by a rule of its own for 16.
    case shortDoubleShift
  }

  let special: Special
  /// VSIB: the index elements have 64 bits.
  let hasQuadwordIndex: Bool
  /// May stand in a sequence.
  let isPlain: Bool
  /// The operand is 16-byte aligned most of the time.
  let prefersAlignment: Bool

  init(_ form: Form, _ mode: CaseMode) {
    let row = OpcodeRow.all[form.row]
    special = FormTraits.special(row, form, mode)
    hasQuadwordIndex = row.mnemonic.contains("GATHERQ")
    prefersAlignment = form.group == .simd
    isPlain =
      FormTraits.plainSpecials.contains(special) && !FormTraits.unusual.contains(row.mnemonic)
      && form.immediate != .far && !row.operands.contains { ["FS", "GS", "ES", "SS", "DS"].contains($0) }
  }

  private static let plainSpecials: Set<Special> = [
    .none, .bitOffset, .divide, .compareExchange, .compareExchangePair, .decimal, .maskMove, .translate,
    .mxcsr,
  ]

  /// Instructions that fault at CPL 3, trap, or change what everything after them means.
  private static let unusual: Set<String> = [
    "HLT", "CLI", "STI", "IN", "OUT", "INS", "OUTS", "INT", "INT1", "INT3", "INTO", "BOUND", "LLDT", "LTR",
    "LGDT", "LIDT", "LMSW", "INVLPG", "MONITOR", "MWAIT", "CLAC", "STAC", "XSETBV", "SWAPGS", "CLTS",
    "SYSRET",
    "INVD", "WBINVD", "WRMSR", "RDMSR", "SYSEXIT", "UD0", "UD1", "UD2", "RSM", "XSAVES", "XRSTORS", "INVPCID",
    "WRFSBASE", "WRGSBASE",
  ]

  private static func special(_ row: OpcodeRow, _ form: Form, _ mode: CaseMode) -> Special {
    switch row.mnemonic {
    case "MOV" where row.operands.first == "Sw": return .selector
    case "LAR", "LSL", "VERR", "VERW", "ARPL", "LLDT", "LTR": return .selector
    case "POP" where row.operands.first.map({ ["ES", "SS", "DS", "FS", "GS"].contains($0) }) ?? false:
      return .codePointer
    case "LES", "LDS", "LSS", "LFS", "LGS": return .farPointer
    case "JMP", "CALL":
      if row.operands == ["Mp"] { return .farPointer }
      return row.operands == ["Ev"] ? .codePointer : .none
    case "RET": return .codePointer
    case "RETF", "IRET": return .farReturn
    case "BT", "BTS", "BTR", "BTC": return row.operands.last == "Gv" && form.isMemory ? .bitOffset : .none
    case "DIV", "IDIV": return .divide
    case "CMPXCHG": return .compareExchange
    case "CMPXCHG8B": return .compareExchangePair
    case "FXRSTOR": return .fxrstor
    case "XRSTOR": return .xrstor
    case "XSAVE", "XSAVEOPT", "XSAVEC": return .xsave
    case "LDMXCSR", "VLDMXCSR": return .mxcsr
    case "FBLD": return .decimal
    case "MASKMOVQ", "MASKMOVDQU", "VMASKMOVDQU": return .maskMove
    case "XLAT": return .translate
    case "POPF": return .popFlags
    case "SHLD", "SHRD": return form.operandBytes(mode) == 2 ? .shortDoubleShift : .none
    default: return .none
    }
  }
}
