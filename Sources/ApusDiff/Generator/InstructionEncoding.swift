import ApusInstructionSet

/// The parts of one encoding, before their order in memory is known.
struct Encoding {
  var modRM: UInt8 = 0
  var sib: UInt8?
  var displacementSize = 0
  var displacement: UInt64 = 0
  /// The address of a RIP-relative operand, whose displacement depends on the length.
  var ripTarget: UInt64?
  /// REX.R, X, B as bits 2, 1, 0.
  var rex: UInt8 = 0
  var segmentPrefix: UInt8 = 0
  var hasAddressPrefix = false
  var vvvv: UInt8 = 0
  /// ModRM.reg and ModRM.rm with their extensions.
  var reg = 0
  var rm = 0

  /// Which base registers a memory operand may have: those whose segment is SS without a prefix, the others, or
  /// any, where the segment is the same or makes no difference.
  enum Bases: UInt8 {
    case any, stack, data
  }
  var bases = Bases.any

  /// A base register of 32-bit addresses that `bases` allows.
  func base(_ low: UInt8) -> UInt8 {
    switch bases {
    case .any: low
    case .stack: 4 | low & 1
    case .data: low & 6 == 4 ? low ^ 4 : low
    }
  }
}

extension Generator {
  /// Appends one instruction of a form and sets the operands it takes.
  mutating func instruction(_ writer: inout CaseWriter, _ form: Form, _ traits: FormTraits, isFirst: Bool) {
    if isFirst && form.group == .branch {
      // Room for backward branches: INT3s in front of the code.
      for _ in 0..<24 { writer.emit(0xCC) }
      writer.image.put(MachineImage.rip, instructionPointer(writer.here))
    }
    var encoding = Encoding()
    let choice = random.next()
    if mode == .long64 && choice & 1 == 0 { encoding.rex = UInt8(truncatingIfNeeded: choice >> 8) & 7 }
    if choice >> 16 & (mode == .real16 ? 3 : 7) == 0 { encoding.segmentPrefix = segmentPrefix(choice >> 20) }
    encoding.hasAddressPrefix = choice >> 24 & (mode == .long64 ? 15 : mode == .real16 ? 3 : 31) == 0
    encoding.vvvv = form.hasVVVV ? UInt8(truncatingIfNeeded: choice >> 32) & 15 : 0
    if mode != .long64 { encoding.vvvv &= 7 }
    if form.hasModRM {
      let reg = form.reg ?? UInt8(truncatingIfNeeded: choice >> 40) & 7
      encoding.reg = Int(reg) | Int(encoding.rex & 4) << 1
      encoding.modRM = reg << 3
      // A register where only memory is defined, now and then.
      let isViolated = form.isMemory && form.mayViolateMode && choice >> 56 & 31 == 0
      if form.isMemory && !isViolated {
        memoryOperand(&writer, form, traits, &encoding, isFirst: isFirst)
      } else {
        let rm = form.rm ?? UInt8(truncatingIfNeeded: choice >> 44) & 7
        encoding.modRM |= 0xC0 | rm
        encoding.rm = Int(rm) | Int(encoding.rex & 1) << 3
      }
    }
    if isFirst { operands(&writer, form, traits, encoding) }
    emit(&writer, form, encoding)
    if traits.special == .shortDoubleShift && form.immediate == .byte { writer.limitLastByte(to: 15) }
  }

  private func segmentPrefix(_ bits: UInt64) -> UInt8 {
    let prefixes: [UInt8] = [0x64, 0x65, 0x64, 0x65, 0x26, 0x2E, 0x36, 0x3E]
    return prefixes[Int(bits & 7)]
  }

  // MARK: Memory operands

  private mutating func memoryOperand(
    _ writer: inout CaseWriter, _ form: Form, _ traits: FormTraits, _ encoding: inout Encoding, isFirst: Bool
  ) {
    let alignment: UInt64 = traits.prefersAlignment && !random.oneIn(6) ? 32 : 1
    let needsMore = [.xrstor, .fxrstor, .xsave].contains(traits.special)
    if mode == .real16 && encoding.segmentPrefix == 0 { encoding.bases = random.oneIn(4) ? .stack : .data }
    let segment = encoding.segment(default: encoding.bases == .stack ? 2 : 3)
    var target = operandAddress(writer, segment, needsMore && !random.oneIn(8) ? 64 : alignment)
    if form.isVSIB { target = LinearLayout.data + 0x1000 }
    let values = writer.patch(target, form.group == .integer ? 16 : 64, form.kind, &random)
    prepareMemory(&writer, traits, form, target, values)
    var offset = target
    if mode == .long64 {
      let image = writer.image
      if encoding.segmentPrefix == 0x64 { offset &-= image.get(MachineImage.fsBase, UInt64.self) }
      if encoding.segmentPrefix == 0x65 { offset &-= image.get(MachineImage.gsBase, UInt64.self) }
    } else {
      offset = impliedOffset(writer, target, segment) & 0xFFFF_FFFF
    }
    if mode == .real16 && !encoding.hasAddressPrefix { return realOperand(&writer, &encoding, offset) }
    // Offsets above the limit.
    if mode == .real16 && random.oneIn(provokesFaults ? 3 : 16) { offset |= random.next() & 0xFFFF_0000 }
    if form.isVSIB { return vectorIndex(&writer, traits, &encoding, offset) }
    if mode != .long64 && mode != .real16 && encoding.hasAddressPrefix {
      return shortAddress(&writer, &encoding)
    }
    let fits = Int64(bitPattern: offset) == Int64(Int32(truncatingIfNeeded: offset)) || mode != .long64
    var choice = random.next() & 15
    if !isFirst { choice |= 12 }
    if choice >= 10 && !fits { choice = 0 }
    if choice >= 14 && mode != .long64 { choice = 12 }
    // These have no base.
    if choice >= 10 && encoding.bases == .stack { choice -= 9 }
    switch choice {
    case 0...4: baseOnly(&writer, &encoding, offset)
    case 5...9: baseAndIndex(&writer, &encoding, offset)
    case 10, 11: indexOnly(&writer, &encoding, offset)
    case 12, 13: absolute(&encoding, offset)
    default:
      encoding.modRM |= 5
      encoding.displacementSize = 4
      encoding.ripTarget = offset
    }
  }

  /// Sets a register that takes part in an address; with 32-bit addresses its upper half is anything.
  private mutating func setAddressRegister(
    _ writer: inout CaseWriter, _ encoding: Encoding, _ index: Int, _ value: UInt64
  ) {
    guard mode == .long64 && encoding.hasAddressPrefix else { return writer.setGPR(index, value) }
    writer.setGPR(index, value & 0xFFFF_FFFF | random.next() << 32)
  }

  private mutating func displacement(_ encoding: inout Encoding, needsOne: Bool) {
    let choice = random.next()
    switch choice & 3 {
    case 0 where !needsOne: break
    case 1, 2:
      encoding.displacementSize = 1
      encoding.displacement = UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: choice >> 8)))
      encoding.modRM |= 0x40
    default:
      encoding.displacementSize = 4
      encoding.displacement = UInt64(
        bitPattern: Int64(Int32(truncatingIfNeeded: choice >> 8) >> Int32(choice >> 40 & 31)))
      encoding.modRM |= 0x80
    }
  }

  private mutating func baseOnly(_ writer: inout CaseWriter, _ encoding: inout Encoding, _ offset: UInt64) {
    let low = encoding.base(UInt8(truncatingIfNeeded: random.next() & 7))
    let base = Int(low) | Int(encoding.rex & 1) << 3
    displacement(&encoding, needsOne: low == 5)
    encoding.modRM |= low
    // No index; REX.X would make it R12.
    if low == 4 {
      encoding.sib = 0x24
      encoding.rex &= 5
    }
    setAddressRegister(&writer, encoding, base, offset &- encoding.displacement)
  }

  private mutating func baseAndIndex(_ writer: inout CaseWriter, _ encoding: inout Encoding, _ offset: UInt64)
  {
    let choice = random.next()
    let low = encoding.base(UInt8(truncatingIfNeeded: choice) & 7)
    var index = UInt8(truncatingIfNeeded: choice >> 3) & 7
    let base = Int(low) | Int(encoding.rex & 1) << 3
    if index == 4 && encoding.rex & 2 == 0 || Int(index) | Int(encoding.rex & 2) << 2 == base {
      index = index ^ 1
    }
    if index == 4 && encoding.rex & 2 == 0 { index = 6 }
    let indexRegister = Int(index) | Int(encoding.rex & 2) << 2
    let scale = UInt8(truncatingIfNeeded: choice >> 8) & 3
    displacement(&encoding, needsOne: low == 5)
    encoding.modRM |= 4
    encoding.sib = scale << 6 | index << 3 | low
    guard indexRegister != base else { return }
    let value = choice >> 16 & 1 == 0 ? random.next() & 0xFFF : OperandValues.integer(&random)
    setAddressRegister(&writer, encoding, indexRegister, value)
    let used = writer.gpr(indexRegister)
    setAddressRegister(&writer, encoding, base, offset &- encoding.displacement &- used << UInt64(scale))
  }

  private mutating func indexOnly(_ writer: inout CaseWriter, _ encoding: inout Encoding, _ offset: UInt64) {
    let choice = random.next()
    var index = UInt8(truncatingIfNeeded: choice) & 7
    if index == 4 && encoding.rex & 2 == 0 { index = 7 }
    let scale = UInt8(truncatingIfNeeded: choice >> 8) & 3
    let value = choice >> 16 & 0xFF
    encoding.modRM |= 4
    encoding.sib = scale << 6 | index << 3 | 5
    encoding.rex &= 6
    encoding.displacementSize = 4
    encoding.displacement = offset &- value << UInt64(scale)
    setAddressRegister(&writer, encoding, Int(index) | Int(encoding.rex & 2) << 2, value)
  }

  private func absolute(_ encoding: inout Encoding, _ offset: UInt64) {
    encoding.displacementSize = 4
    encoding.displacement = offset
    if mode == .long64 {
      encoding.modRM |= 4
      encoding.sib = 0x25
      encoding.rex &= 4
    } else {
      encoding.modRM |= 5
    }
  }

  /// 16-bit addressing (SDM Vol. 2, "16-Bit Addressing Forms with the ModR/M Byte"): of the registers that make the
  /// address, the first takes what the others and the displacement leave.
  private mutating func realOperand(_ writer: inout CaseWriter, _ encoding: inout Encoding, _ offset: UInt64)
  {
    let choice = random.next()
    let (bx, bp, si, di) = (3, 5, 6, 7)
    let registers = [[bx, si], [bx, di], [bp, si], [bp, di], [si], [di], [bp], [bx]]
    let allowed: [UInt8]
    switch encoding.bases {
    case .any: allowed = [0, 1, 2, 3, 4, 5, 6, 7, 6]
    case .stack: allowed = [2, 3, 6]
    // Without a register it is the offset alone.
    case .data: allowed = [0, 1, 4, 5, 7, 6]
    }
    let entry = Int(choice >> 8 & 0xFF) % allowed.count
    let rm = allowed[entry]
    encoding.modRM |= rm
    if rm == 6 && (encoding.bases == .data || entry == 8) {
      encoding.displacementSize = 2
      encoding.displacement = offset
      return
    }
    // With BP alone there has to be a displacement.
    let mod = rm == 6 ? UInt8(choice & 1) + 1 : UInt8(truncatingIfNeeded: choice) % 3
    encoding.modRM |= mod << 6
    encoding.displacementSize = Int(mod)
    let high = OperandValues.integer(&random) & 0xFFFF_0000
    if mod == 1 {
      encoding.displacement = UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: choice >> 16)))
    } else if mod == 2 {
      encoding.displacement = choice >> 16 & (choice & 0x80 == 0 ? 0xFFFF : 0xFF)
    }
    var rest = offset &- encoding.displacement
    let used = registers[Int(rm)]
    if used.count > 1 {
      let value = choice >> 32 & (choice & 0x40 == 0 ? 0xFFFF : 0xFF)
      writer.setGPR(used[1], value | high)
      rest = rest &- value
    }
    writer.setGPR(used[0], rest & 0xFFFF | high)
  }

  /// 16-bit addressing reaches nothing that is mapped, but the address shows in CR2.
  private mutating func shortAddress(_ writer: inout CaseWriter, _ encoding: inout Encoding) {
    let choice = random.next()
    let mod = UInt8(truncatingIfNeeded: choice) % 3
    let rm = UInt8(truncatingIfNeeded: choice >> 8) & 7
    encoding.modRM |= mod << 6 | rm
    encoding.displacementSize = mod == 1 ? 1 : mod == 2 || rm == 6 ? 2 : 0
    encoding.displacement = choice >> 16
  }

  /// Gathers: small offsets in the index register around the base.
  private mutating func vectorIndex(
    _ writer: inout CaseWriter, _ traits: FormTraits, _ encoding: inout Encoding, _ offset: UInt64
  ) {
    let choice = random.next()
    let low = UInt8(truncatingIfNeeded: choice) & 7
    let index = UInt8(truncatingIfNeeded: choice >> 3) & 7
    let scale = UInt8(truncatingIfNeeded: choice >> 6) & 3
    displacement(&encoding, needsOne: low == 5)
    encoding.modRM |= 4
    encoding.sib = scale << 6 | index << 3 | low
    setAddressRegister(
      &writer, encoding, Int(low) | Int(encoding.rex & 1) << 3, offset &- encoding.displacement)
    let register = Int(index) | Int(encoding.rex & 2) << 2
    for element in 0..<8 {
      // Within the data as a rule.
      let bound: UInt64 = random.oneIn(provokesFaults ? 4 : 64) ? 0xFFFF : 0x1FF
      let value = Int64(bitPattern: random.next() & bound) - Int64(bound / 2)
      let half = element < 4 ? MachineImage.xmm : MachineImage.ymmHigh
      let at = half + register * 16 + (element & 3) * 4
      if traits.hasQuadwordIndex {
        if element & 1 == 0 { writer.image.put(at, UInt64(bitPattern: value)) }
      } else {
        writer.image.put(at, UInt32(truncatingIfNeeded: value))
      }
    }
  }

  // MARK: Emission

  private mutating func emit(_ writer: inout CaseWriter, _ form: Form, _ encoding: Encoding) {
    let choice = random.next()
    var encoding = encoding
    if encoding.segmentPrefix != 0 { writer.emit(encoding.segmentPrefix) }
    if encoding.hasAddressPrefix { writer.emit(0x67) }
    if form.map.isVEX {
      emitVEX(&writer, form, encoding, choice)
    } else {
      emitLegacyPrefixes(&writer, form, choice)
      if mode == .long64 {
        // What ModRM does not use is noise that has to be ignored.
        if !form.hasModRM && form.group != .integer && form.group != .stack { encoding.rex &= 6 }
        var rex = encoding.rex
        if form.size == .quadword { rex |= 8 }
        if rex != 0 || choice >> 32 & 7 == 0 { writer.emit(0x40 | rex) }
      }
      switch form.map {
      case .oneByte, .vex0F, .vex38, .vex3A: break
      case .twoByte: writer.emit(0x0F)
      case .threeByte38:
        writer.emit(0x0F)
        writer.emit(0x38)
      case .threeByte3A:
        writer.emit(0x0F)
        writer.emit(0x3A)
      }
    }
    writer.emit(form.opcode)
    if form.hasModRM { writer.emit(encoding.modRM) }
    if let sib = encoding.sib { writer.emit(sib) }
    let displacementAt = writer.position
    writer.emit(encoding.displacement, encoding.displacementSize)
    immediate(&writer, form, encoding)
    if let target = encoding.ripTarget { writer.replace32(at: displacementAt, target &- writer.here) }
  }

  private func emitLegacyPrefixes(_ writer: inout CaseWriter, _ form: Form, _ choice: UInt64) {
    if form.size == .prefixed
      || (form.map == .oneByte && form.mandatory == 0 && choice & 127 == 0 && form.group == .x87)
    {
      writer.emit(0x66)
    }
    // Processors of AMD's family 19h ignore LOCK before VERW, and take F2h and F3h before LOOPE and LOOPNE for the
    // condition; no manual says so. LOCK before MOV of control registers is their way to CR8.
    let ignoresLock = form.map == .twoByte && [0x00, 0x20, 0x22].contains(form.opcode)
    let isLoop = form.opcode >= 0xE0 && form.opcode <= 0xE2
    if form.allowsLock ? choice >> 8 & 3 == 0 : choice >> 8 & 127 == 0 && !ignoresLock { writer.emit(0xF0) }
    if form.allowsRepeat {
      if choice >> 16 & 3 != 0 { writer.emit(choice >> 18 & 1 == 0 ? 0xF2 : 0xF3) }
    } else if form.map == .oneByte && form.mandatory == 0 && choice >> 16 & 63 == 0 && !isLoop {
      writer.emit(choice >> 22 & 1 == 0 ? 0xF2 : 0xF3)
    }
    if form.mandatory != 0 { writer.emit(form.mandatory) }
  }

  private func emitVEX(_ writer: inout CaseWriter, _ form: Form, _ encoding: Encoding, _ choice: UInt64) {
    let pp: UInt8
    switch form.mandatory {
    case 0x66: pp = 1
    case 0xF3: pp = 2
    case 0xF2: pp = 3
    default: pp = 0
    }
    // Reserved values of vvvv, L and W and prefixes that make it undefined, now and then.
    var w: UInt8 = form.size == .quadword ? 0x80 : 0
    var isLong = form.isLong
    var vvvv = encoding.vvvv
    switch choice >> 8 & 127 {
    case 0: w ^= 0x80
    case 1: isLong.toggle()
    case 2: vvvv ^= 1
    case 3: writer.emit([0x66, 0xF2, 0xF3, 0xF0][Int(choice >> 16 & 3)])
    case 4 where mode == .long64: writer.emit(0x40 | UInt8(choice >> 16 & 15))
    default: break
    }
    let low = (~vvvv & 15) << 3 | (isLong ? 4 : 0) | pp
    let inverted = ~encoding.rex & 7
    if form.map == .vex0F && w == 0 && encoding.rex & 3 == 0 && choice & 1 == 0 {
      writer.emit(0xC5)
      writer.emit((inverted & 4) << 5 | low)
    } else {
      writer.emit(0xC4)
      writer.emit(inverted << 5 | (form.map == .vex0F ? 1 : form.map == .vex38 ? 2 : 3))
      writer.emit(w | low)
    }
  }

  private mutating func immediate(_ writer: inout CaseWriter, _ form: Form, _ encoding: Encoding) {
    let operandSize = min(4, form.operandBytes(mode))
    switch form.immediate {
    case .none: break
    case .byte:
      var value = OperandValues.integer(&random)
      // INT 80h enters the kernel of the host.
      if mode.isUserMode && form.map == .oneByte && form.opcode == 0xCD && value & 0xFF == 0x80 {
        value = 0x81
      }
      writer.emit(value, 1)
    case .signedByte: writer.emit(OperandValues.integer(&random), 1)
    case .word: writer.emit(random.oneIn(4) ? OperandValues.integer(&random) : random.next() & 0x1F8, 2)
    case .operandSize: writer.emit(OperandValues.integer(&random), operandSize)
    case .full: writer.emit(OperandValues.integer(&random), form.size == .quadword ? 8 : operandSize)
    case .branchByte: writer.emit(branchTarget(writer, 1) &- writer.here &- 1, 1)
    case .branch:
      let size = operandSize
      writer.emit(branchTarget(writer, size) &- writer.here &- UInt64(size), size)
    case .offset:
      let segment = encoding.segment(default: 3)
      let target = operandAddress(writer, segment, 1)
      writer.patch(target, 16, .integers, &random)
      let (usual, other) = mode == .long64 ? (8, 4) : mode == .real16 ? (2, 4) : (4, 2)
      writer.emit(impliedOffset(writer, target, segment), encoding.hasAddressPrefix ? other : usual)
    case .far:
      let code = codeSelector()
      writer.emit(farTarget(writer, code), operandSize)
      writer.emit(UInt64(code), 2)
    case .enter:
      writer.emit(random.oneIn(4) ? OperandValues.integer(&random) : random.next() & 0x1FF, 2)
      writer.emit(random.oneIn(2) ? 0 : OperandValues.integer(&random), 1)
    }
  }

  /// A target that ends the case: filler before or after the code, the jump to the exit, or far away.
  private mutating func branchTarget(_ writer: CaseWriter, _ size: Int) -> UInt64 {
    let choice = random.next()
    switch choice & 7 {
    case 0: return writer.address + (choice >> 8 & 15)
    case 1 where size == 4: return 0x4000_0000 + (choice >> 8 & 0xFFFF)
    case 2 where size == 4 || mode == .real16: return mode.exit
    case 3, 4: return writer.here + UInt64(size)
    default: return writer.address + 96 + (choice >> 8 & 31)
    }
  }
}
