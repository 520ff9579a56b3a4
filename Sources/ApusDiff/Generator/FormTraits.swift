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

  init(_ form: Form) {
    let row = OpcodeRow.all[form.row]
    special = FormTraits.special(row, form)
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

  private static func special(_ row: OpcodeRow, _ form: Form) -> Special {
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
    case "SHLD", "SHRD": return form.size == .word ? .shortDoubleShift : .none
    default: return .none
    }
  }
}

extension FormList {
  /// Whether form `index` may stand in a sequence.
  func traitsAllowSequence(_ index: Int) -> Bool { FormTraits(forms[index]).isPlain }
}

extension Generator {
  /// Selectors of every kind but that of the host's per-processor segment (78h–7Fh), whose limit says where the
  /// host happens to run.
  mutating func selector() -> UInt16 {
    let values: [UInt16] = [
      0, 1, 2, 3, 0x08, 0x0B, 0x10, 0x13, 0x18, 0x1B, 0x20, 0x23, 0x28, 0x2B, 0x2B, 0x2B, 0x2A, 0x29, 0x30,
      0x33,
      0x38, 0x3B, 0x60, 0x63, 0x6B, 0x73, 0x80, 0x83, 0xFFF8, 0xFFFB, 0x04, 0x07, 0x0F, 0x2F, 0x7FFF, 0xFFFC,
    ]
    return values[random.below(values.count)]
  }

  /// Where a branch may lead: a filler byte of the slot, the exit, or where nothing is.
  mutating func codeAddress(_ writer: CaseWriter) -> UInt64 {
    let choice = random.next()
    if provokesFaults && choice & 3 == 0 { return anyAddress() }
    switch choice >> 8 & 15 {
    case 0...3: return mode.exit
    case 4: return anyAddress()
    case 5: return LinearLayout.data + (choice >> 16 & 0xFFF)
    default: return writer.address + 96 + (choice >> 16 & 31)
    }
  }

  /// Where a far branch may lead: the exit is code of the case's own mode alone.
  mutating func farTarget(_ writer: CaseWriter, _ selector: UInt16) -> UInt64 {
    let target = codeAddress(writer)
    return target == mode.exit && selector | 3 != mode.selectors[1] ? writer.address + 100 : target
  }

  /// An address that is not of data memory as a rule: absent, read-only, non-canonical, the kernel's, the edges
  /// of what is there.
  mutating func anyAddress() -> UInt64 {
    let choice = random.next()
    let small = choice >> 16 & 0x3F
    let data = LinearLayout.data
    let end = data + UInt64(LinearLayout.dataSize)
    let constant = LinearLayout.constant
    switch choice & 15 {
    case 0: return end &- small
    case 1: return data &- small
    case 2: return constant + UInt64(LinearLayout.constantSize) &- small
    case 3: return constant + (choice >> 16 & 0xFFF)
    case 4: return constant &- small
    case 5: return end + small
    case 6: return 0x4000_0000 + (choice >> 16 & 0xFF_FFFF)
    case 7: return small
    case 8: return 0xFFFF_FFFF_FFFF_FFFF &- small
    case 9: return 0x0000_8000_0000_0000 &- small
    case 10: return 0x0000_8000_0000_0000 &+ small
    case 11: return 0xFFFF_7FFF_FFFF_FFFF &- small
    case 12: return 0x7FFF_FFFF &- small + (choice >> 32 & 1) << 6
    case 13: return 0xFFFF_FFFF &- small
    case 14: return random.next() | 1 << 52
    default: return LinearLayout.code + (choice >> 16 & 0x7F)
    }
  }

  /// The linear address of a memory operand.
  mutating func operandAddress(_ alignsTo: UInt64) -> UInt64 {
    let choice = random.next()
    let data = LinearLayout.data
    if provokesFaults ? choice & 1 == 0 : choice & 31 == 0 { return anyAddress() }
    switch choice >> 8 & 15 {
    case 0...6: return data + ((choice >> 16) & 0x1F80) + ((choice >> 32) & 0x7F & ~(alignsTo &- 1))
    case 7: return data + 0x1000 - ((choice >> 16) & 0x3F)
    case 8: return data + 0x1000 - ((choice >> 16) & 0x3F & ~(alignsTo &- 1))
    case 9: return data + UInt64(LinearLayout.dataSize) - ((choice >> 16) & 0x7F)
    case 10: return data + ((choice >> 16) & 0x3F)
    case 11: return data + ((choice >> 16) & 0x1FFF)
    default: return data + 0x400 + ((choice >> 16) & 0x1FFF & ~(alignsTo &- 1)) % 0x1800
    }
  }
}
