// The operands that a ModRM byte names: SDM Vol. 2 ch. "Instruction Format", "ModR/M and SIB Bytes".

extension Decoder {
  /// Decodes the E operand: a register in `base`, or a memory operand.
  mutating func modRMOperand(_ op: OpPointer, _ width: UInt8) {
    if modRM >= 0xC0 {
      op.pointee.base = slot(rm, width)
      return
    }
    op.pointee.addressing |= DecodedOp.inMemory
    if addressSize == DecodedOp.addressSize16 {
      address16(op)
    } else {
      address32(op)
    }
    chooseAddressForm(op)
  }

  /// SDM Vol. 2, "16-Bit Addressing Forms with the ModR/M Byte".
  private mutating func address16(_ op: OpPointer) {
    let mod = modRM >> 6
    let rm = modRM & 7
    var usesStack = false
    switch rm {
    case 0, 1: op.pointee.base = GPR.rbx.slot
    case 2, 3:
      op.pointee.base = GPR.rbp.slot
      usesStack = true
    case 4: op.pointee.base = GPR.rsi.slot
    case 5: op.pointee.base = GPR.rdi.slot
    case 6 where mod != 0:
      op.pointee.base = GPR.rbp.slot
      usesStack = true
    case 6: break
    default: op.pointee.base = GPR.rbx.slot
    }
    if rm < 4 { op.pointee.index = rm & 1 == 0 ? GPR.rsi.slot : GPR.rdi.slot }
    if mod == 1 {
      op.pointee.displacement = Int64(Int8(bitPattern: byte()))
    } else if mod == 2 || rm == 6 && mod == 0 {
      op.pointee.displacement = Int64(Int16(bitPattern: word()))
    }
    setSegment(op, defaultsToStack: usesStack)
  }

  /// SDM Vol. 2, "32-Bit Addressing Forms with the ModR/M Byte", "… with the SIB Byte", and RIP-relative
  /// addressing.
  private mutating func address32(_ op: OpPointer) {
    let mod = modRM >> 6
    var usesStack = false
    var wantsDisplacement32 = mod == 2
    if modRM & 7 == 4 {
      let sib = byte()
      let index = (sib >> 3) & 7 | (rex & 2) << 2
      sibIndex = index
      sibScale = sib >> 6
      if index != 4 {
        op.pointee.index = index << 3
        op.pointee.scale = sib >> 6
      }
      if sib & 7 == 5 && mod == 0 {
        wantsDisplacement32 = true
      } else {
        op.pointee.base = (sib & 7 | (rex & 1) << 3) << 3
        // The default depends on the three bits alone: R12 and R13 are data.
        usesStack = rex & 1 == 0 && (sib & 7 == 4 || sib & 7 == 5)
      }
    } else if modRM & 7 == 5 && mod == 0 {
      wantsDisplacement32 = true
      isRIPRelative = is64
    } else {
      op.pointee.base = rm << 3
      usesStack = rm == 5
    }
    if mod == 1 {
      op.pointee.displacement = Int64(Int8(bitPattern: byte()))
    } else if wantsDisplacement32 {
      op.pointee.displacement = Int64(Int32(bitPattern: doubleword()))
    }
    setSegment(op, defaultsToStack: usesStack)
  }

  func setSegment(_ op: OpPointer, defaultsToStack: Bool) {
    var segment: UInt8
    if is64 {
      segment =
        segmentOverride != 0xFF
        ? segmentOverride
        : defaultsToStack ? SegmentName.flatStack.rawValue : SegmentName.flat.rawValue
    } else {
      segment =
        segmentOverride != 0xFF
        ? segmentOverride : defaultsToStack ? SegmentName.ss.rawValue : SegmentName.ds.rawValue
    }
    op.pointee.addressing = (op.pointee.addressing & ~7) | segment
  }

  /// 0 base, 1 base and index, 2 everything: see `AddressForm`. FS and GS bases become the index where it is
  /// free.
  mutating func chooseAddressForm(_ op: OpPointer) {
    guard is64 && !hasAddressSize else {
      addressForm = 2
      return
    }
    let segment = op.pointee.addressing & 7
    if segment == SegmentName.fs.rawValue || segment == SegmentName.gs.rawValue {
      guard op.pointee.index == Layout.zero else {
        addressForm = 2
        return
      }
      op.pointee.index = segment == SegmentName.fs.rawValue ? Layout.fsBase : Layout.gsBase
      op.pointee.addressing = (op.pointee.addressing & ~7) | SegmentName.flat.rawValue
      addressForm = 1
    } else {
      addressForm = op.pointee.index == Layout.zero ? 0 : 1
    }
  }

  // MARK: SIMD

  /// Vector register numbers: `destination` is ModRM.reg, `base` ModRM.rm of a register form, `source` the first
  /// source, which is VEX.vvvv or the destination. The bodies take the low three bits of an MMX register's number.
  mutating func vectorOperands(_ entry: OpcodeEntry, _ op: OpPointer, _ width: UInt8) {
    switch entry.shape {
    case .VE, .EV, .VEI, .EVI: modRMOperand(op, max(width, 1))
    case .gather: vectorIndexOperand(op)
    default:
      if modRM < 0xC0 { modRMOperand(op, width) } else { op.pointee.base = rm }
    }
    let hasFirst = entry.options & OpcodeOption.vvvv != 0
    op.pointee.destination = reg
    op.pointee.source = hasFirst ? vexRegister : reg
    switch entry.shape {
    case .GW: op.pointee.destination = reg << 3
    case .GWI:
      op.pointee.destination = reg << 3
      op.pointee.immediate = Int32(byte())
    case .UI:
      op.pointee.destination = hasFirst ? vexRegister : rm
      op.pointee.immediate = Int32(byte())
    case .VWI, .WVI, .VEI, .EVI: op.pointee.immediate = Int32(byte())
    case .FMA: op.pointee.immediate = Int32(vexOpcode)
    default: break
    }
  }

  /// VSIB addressing: the index is a vector register, and there is no form without SIB (SDM Vol. 2, "Vector SIB
  /// (VSIB) Memory Addressing").
  private mutating func vectorIndexOperand(_ op: OpPointer) {
    modRMOperand(op, 0)
    op.pointee.index = sibIndex
    op.pointee.scale = sibScale
    // FS and GS bases cannot stand in for the index.
    if is64 && segmentOverride != 0xFF {
      op.pointee.addressing = (op.pointee.addressing & ~7) | segmentOverride
    }
  }
}
