import ApusInstructionSet

extension Generator {
  /// Makes what a memory operand holds worth its instruction. `values` is the patch at the operand.
  mutating func prepareMemory(
    _ writer: inout CaseWriter, _ traits: FormTraits, _ form: Form, _ target: UInt64,
    _ values: UnsafeMutableRawPointer?
  ) {
    guard let values else { return }
    switch traits.special {
    case .selector: values.put(0, selector())
    case .farPointer:
      let code = codeSelector()
      values.put(0, farTarget(writer, code))
      values.put(form.operandBytes(mode), code)
    case .codePointer: values.put(0, instructionPointer(codeAddress(writer)))
    case .mxcsr: if !random.oneIn(8) { values.put(0, values.get(0, UInt32.self) & 0xFFFF) }
    case .fxrstor, .xrstor:
      if !random.oneIn(8) { values.put(24, mxcsr()) }
      guard traits.special == .xrstor else { return }
      // The header, 512 bytes further on; usually a valid one.
      guard let header = writer.patch(target &+ 512, 64, .integers, &random), !random.oneIn(8) else { return }
      for offset in stride(from: 0, to: 64, by: 8) { header.put(offset, 0 as UInt64) }
      header.put(0, random.next() & components)
      if random.oneIn(16) { header.put(8 * random.below(8), 1 as UInt64) }
    case .xsave: writer.patch(target &+ 512, 64, .integers, &random)
    case .decimal:
      for index in 0..<9 {
        let digits = UInt8(truncatingIfNeeded: random.below(100))
        values.put(index, digits / 10 << 4 | digits % 10)
      }
      values.put(9, UInt8(random.oneIn(2) ? 0x80 : 0))
    case .compareExchange where random.oneIn(2): writer.setGPR(0, values.get(0))
    case .compareExchangePair where random.oneIn(2):
      let isWide = form.size == .quadword
      writer.setGPR(0, isWide ? values.get(0) : UInt64(values.get(0, UInt32.self)))
      writer.setGPR(2, isWide ? values.get(8) : UInt64(values.get(4, UInt32.self)))
    default: break
    }
  }

  /// Sets the registers that an instruction takes beyond its address.
  mutating func operands(
    _ writer: inout CaseWriter, _ form: Form, _ traits: FormTraits, _ encoding: Encoding
  ) {
    let choice = random.next()
    switch form.group {
    case .string: stringOperands(&writer, encoding, choice)
    case .simd: vectorOperands(&writer, form, encoding, traits)
    case .x87, .mmx: if choice & 1 == 0 { refreshX87(writer.image) }
    case .branch: if choice & 3 != 0 { writer.setGPR(1, choice >> 8 & 3) }
    case .integer, .stack: break
    }
    switch traits.special {
    case .selector where !form.isMemory:
      writer.setGPR(encoding.rm, writer.gpr(encoding.rm) & ~0xFFFF | UInt64(selector()))
    case .codePointer:
      let target = instructionPointer(codeAddress(writer))
      if form.hasModRM && !form.isMemory { writer.setGPR(encoding.rm, target) }
      if let values = writer.patch(stackTop(writer), 16, .integers, &random) {
        let isPop = form.opcode & 7 == 1 || form.opcode == 0x07 || form.opcode & 0xE7 == 0x07
        if isPop && !form.hasModRM { values.put(0, selector()) } else { values.put(0, target) }
      }
    case .farReturn: farFrame(&writer, form)
    case .xsave,
      .xrstor where choice & 7 != 0:
      componentsInUse(&writer, choice >> 8)
    case .bitOffset where choice & 7 != 0:
      writer.setGPR(encoding.reg, UInt64(bitPattern: Int64(bitPattern: choice >> 8 & 0x3FFF) - 0x2000))
    case .divide where choice & 1 == 0:
      writer.setGPR(2, choice & 2 == 0 ? 0 : writer.gpr(2) & 0xF)
      if form.opcode == 0xF6 { writer.setGPR(0, writer.gpr(0) & 0xFFF) }
    case .compareExchange where !form.isMemory && choice & 1 == 0:
      writer.setGPR(0, writer.gpr(encoding.rm))
    case .shortDoubleShift where form.immediate == .none:
      writer.setGPR(1, writer.gpr(1) & ~31 | choice & 7 &+ (choice >> 8 & 8))
    case .maskMove:
      let segment = encoding.segment(default: 3)
      let at = operandAddress(writer, segment, 1)
      writer.setGPR(7, impliedOffset(writer, at, segment))
      writer.patch(at, 16, .integers, &random)
    case .translate:
      let segment = encoding.segment(default: 3)
      let at = operandAddress(writer, segment, 1)
      writer.setGPR(3, impliedOffset(writer, at, segment) &- (writer.gpr(0) & 0xFF))
    case .popFlags:
      if let values = writer.patch(stackTop(writer), 16, .integers, &random) {
        values.put(0, random.next() & (random.oneIn(8) ? ~0 : 0x27_CEFF) | UInt64(choice & 2))
      }
    default: break
    }
  }

  /// Asks for components that there are as a rule. They are in use: whether a component counts as such after it came
  /// back to its initial state depends on what the host's kernel did in between.
  private mutating func componentsInUse(_ writer: inout CaseWriter, _ choice: UInt64) {
    writer.setGPR(0, choice & components)
    writer.setGPR(2, 0)
    for start in [MachineImage.xmm, MachineImage.ymmHigh] {
      writer.image.put(start + Int(choice >> 16 & 31) * 8, random.next() | 1)
    }
    if choice >> 24 & 1 == 0 { writer.image.put(MachineImage.mxcsr, 0x1F80 as UInt32) }
  }

  /// The linear address of the top of the stack.
  private func stackTop(_ writer: CaseWriter) -> UInt64 {
    let pointer = writer.gpr(MachineImage.rsp)
    return mode == .real16 ? writer.realBase(2) + pointer & 0xFFFF : pointer
  }

  private mutating func stringOperands(_ writer: inout CaseWriter, _ encoding: Encoding, _ choice: UInt64) {
    for (index, register) in [6, 7].enumerated() {
      let segment = register == 6 ? encoding.segment(default: 3) : 0
      let at = operandAddress(writer, segment, 1)
      writer.setGPR(register, impliedOffset(writer, at, segment))
      let isUsed = choice >> UInt64(index) & 1 == 0 || index == 1
      if isUsed, let values = writer.patch(at &- 16, 32, .integers, &random), choice >> 8 & 1 == 0 {
        // Equal runs, so that comparisons go on.
        let value = UInt64(writer.gpr(0) & 0xFF) &* 0x0101_0101_0101_0101
        for offset in stride(from: 0, to: 24, by: 8) { values.put(offset, value) }
      }
    }
    if choice >> 16 & 15 != 0 { writer.setGPR(1, choice >> 24 & 31) }
    if choice >> 32 & 1 == 0 {
      let flags: UInt64 = writer.image.get(MachineImage.rflags)
      writer.image.put(MachineImage.rflags, flags ^ 0x400)
    }
  }

  private mutating func vectorOperands(
    _ writer: inout CaseWriter, _ form: Form, _ encoding: Encoding, _ traits: FormTraits
  ) {
    let image = writer.image
    for register in [encoding.reg, encoding.rm, Int(encoding.vvvv)] {
      if form.isVSIB && register == encoding.rm { continue }
      let kind = random.oneIn(6) ? OperandValues.Kind.integers : form.kind
      OperandValues.fill(image + MachineImage.xmm + (register & 15) * 16, 16, kind, &random)
      OperandValues.fill(image + MachineImage.ymmHigh + (register & 15) * 16, 16, kind, &random)
    }
  }

  /// RIP, CS, RFLAGS, RSP and SS as RETF and IRET find them.
  private mutating func farFrame(_ writer: inout CaseWriter, _ form: Form) {
    let size = form.operandBytes(mode)
    guard let values = writer.patch(stackTop(writer), 48, .integers, &random) else { return }
    let choice = random.next()
    let code: UInt16 = choice & 3 == 0 ? codeSelector() : writer.mode.selectors[1]
    let target = farTarget(writer, code)
    values.put(0, target)
    values.put(size, UInt64(code))
    values.put(size * 2, UInt64(choice >> 8 & 0x24_0CD5 | 0x202))
    if form.opcode == 0xCF && mode != .real16 {
      values.put(size * 3, LinearLayout.data + 0x1000 + (choice >> 32 & 0xFF8))
      values.put(size * 4, UInt64(choice >> 48 & 7 == 0 ? selector() : 0x2B))
    }
  }
}
