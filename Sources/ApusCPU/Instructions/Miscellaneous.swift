// SDM Vol. 1 ch. 5, "Miscellaneous Instructions", the software interrupts of "Control Transfer Instructions",
// and the segment register moves.

extension UnsafeMutablePointer where Pointee == CPUState {
  // MARK: Undefined instructions, HLT

  func UD0(_ op: OpPointer) throws(Exit) -> OpPointer { throw fault(.UD, .undefinedOnPurpose) }
  func UD1(_ op: OpPointer) throws(Exit) -> OpPointer { throw fault(.UD, .undefinedOnPurpose) }
  func UD2(_ op: OpPointer) throws(Exit) -> OpPointer { throw fault(.UD, .undefinedOnPurpose) }

  func HLT(_ op: OpPointer) throws(Exit) -> OpPointer {
    try requireCPL0()
    pointee.halted = true
    pointee.attention = 1
    return leave(op, to: op.nextRIP & instructionPointerMask)
  }

  // MARK: Software interrupts

  /// `INT n`. Virtual-8086 mode may send it to the 8086 program's own handler, or needs IOPL 3 (SDM Vol. 3,
  /// "Class 3 — Software Interrupt Handling in Virtual-8086 Mode").
  func INT(_ op: OpPointer) throws(Exit) -> OpPointer {
    let vector = UInt8(truncatingIfNeeded: op.pointee.immediate)
    if isVirtual8086 {
      if pointee.cr4 & CR4.VME != 0, try !isRedirectedToMonitor(vector) {
        try interruptVirtual8086(op, vector)
        return leave(op, to: pointee.rip)
      }
      guard iopl == 3 else { throw fault(.GP, .virtual8086Privilege) }
    }
    return try softwareInterrupt(op, vector, .software)
  }

  /// `INT3` (CC) and `INTO` heed neither IOPL nor the redirection map.
  func INT3(_ op: OpPointer) throws(Exit) -> OpPointer {
    try softwareInterrupt(op, Vector.BP.rawValue, .software)
  }

  func INTO(_ op: OpPointer) throws(Exit) -> OpPointer {
    guard arithmeticFlags & RFLAGS.OF != 0 else { return leave(op, to: op.nextRIP & instructionPointerMask) }
    return try softwareInterrupt(op, Vector.OF.rawValue, .software)
  }

  /// `INT1` (F1): #DB without a check of the gate's DPL; DR6 does not change.
  func INT1(_ op: OpPointer) throws(Exit) -> OpPointer {
    try softwareInterrupt(op, Vector.DB.rawValue, .trap)
  }

  private func softwareInterrupt(
    _ op: OpPointer, _ vector: UInt8, _ source: EventSource
  ) throws(Exit) -> OpPointer {
    pointee.rip = op.nextRIP & instructionPointerMask
    try deliver(vector, code: nil, source)
    return leave(op, to: pointee.rip)
  }

  /// The bit of `vector` in the software interrupt redirection bit map, the 32 bytes before the I/O
  /// permission bit map.
  private func isRedirectedToMonitor(_ vector: UInt8) throws(Exit) -> Bool {
    guard !pointee.tr.isNull, pointee.tr.attributes & 8 != 0, pointee.tr.limit >= 0x67 else {
      throw fault(.GP, .redirectionMap)
    }
    let base: UInt16 = try loadSystem(pointee.tr.base &+ 0x66)
    let at = Int64(base) - 32 + Int64(vector >> 3)
    guard at >= 0, at <= Int64(pointee.tr.limit) else { throw fault(.GP, .redirectionMap) }
    let bits: UInt8 = try loadSystem(pointee.tr.base &+ UInt64(bitPattern: at))
    return bits & (1 << (vector & 7)) != 0
  }

  /// `INT n` through the interrupt vector table at linear address 0, staying in virtual-8086 mode.
  private func interruptVirtual8086(_ op: OpPointer, _ vector: UInt8) throws(Exit) {
    let at = UInt64(vector) * 4
    let offset: UInt16 = try loadSystem(at)
    let selector: UInt16 = try loadSystem(at + 2)
    let hasIF = iopl == 3
    let image = hasIF ? rflags : virtualFlags(rflags)
    let old = self[.rsp]
    do throws(Exit) {
      try push(UInt16(truncatingIfNeeded: image))
      try push(segment(.cs).pointee.selector)
      try push(UInt16(truncatingIfNeeded: op.nextRIP))
    } catch {
      self[.rsp] = old
      throw error
    }
    pointee.systemFlags &= ~(RFLAGS.TF | RFLAGS.RF | (hasIF ? RFLAGS.IF : RFLAGS.VIF))
    pointee.suppressStepTrap = true
    loadRealSegment(.cs, selector)
    pointee.rip = UInt64(offset)
    privilegeOrModeChanged()
  }

  // MARK: BOUND, ENTER, ARPL

  /// #BR unless lower ≤ index ≤ upper, signed.
  func BOUND<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let size = MemoryLayout<T>.size
    try checkWrap(op, size * 2, Access.read)
    // Two accesses, each checked by itself.
    let lower = try loadOperand(op, T.self).signed
    let upper = try Slow.load(
      self, try segmentedAddress(op, at: UInt64(size), size, Access.read), T.self
    ).signed
    let index = register(op.pointee.destination, T.self).signed
    guard index >= lower && index <= upper else { throw fault(.BR, .outOfBounds) }
  }

  /// `ENTER`: the registers change only after every access, so a fault restarts it. The final stack pointer
  /// must be writable (SDM Vol. 2, `ENTER`).
  func ENTER<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let size = UInt64(MemoryLayout<T>.size)
    let level = UInt64(op.pointee.source & 31)
    let old = self[.rsp]
    do throws(Exit) {
      try push(register(GPR.rbp.slot, T.self))
      let frame = self[.rsp]
      if level > 0 {
        for index in 1..<level {
          let display = try stackLinear(self[.rbp] &- index &* size, MemoryLayout<T>.size, Access.read)
          try push(try Slow.load(self, display, T.self))
        }
        try push(T(truncatingIfNeeded: frame))
      }
      let top = self[.rsp] &- UInt64(truncatingIfNeeded: op.pointee.immediate)
      try verify(
        try stackLinear(top, MemoryLayout<T>.size, Access.write), MemoryLayout<T>.size, Access.write)
      setStackPointer(top)
      setRegister(GPR.rbp.slot, T(truncatingIfNeeded: frame))
    } catch {
      self[.rsp] = old
      throw error
    }
  }

  /// `ARPL` does not exist in real-address and virtual-8086 mode.
  func ARPL(_ op: OpPointer) throws(Exit) {
    guard hasDescriptors else { throw fault(.UD, .noDescriptors) }
    let wanted = register(op.pointee.source, UInt16.self) & 3
    // A selector that stays as it is is only read.
    let isRaised = try readE(op, UInt16.self) & 3 < wanted
    if isRaised { try modifyE(op, UInt16.self) { selector throws(Exit) in (selector & ~3) | wanted } }
    flags = LazyFlags(image: (arithmeticFlags & ~RFLAGS.ZF) | (isRaised ? RFLAGS.ZF : 0))
  }

  // MARK: Segment registers

  private func segmentName(_ op: OpPointer) throws(Exit) -> SegmentName {
    guard op.pointee.source <= SegmentName.gs.rawValue,
      let name = SegmentName(rawValue: op.pointee.source)
    else { throw fault(.UD, .segmentRegister) }
    return name
  }

  /// `PUSH` of a segment register: zero-extended to the operand size.
  func PUSH_S<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try push(T(truncatingIfNeeded: segment(try segmentName(op)).pointee.selector))
  }

  /// `POP` to a segment register: the stack pointer moves by the operand size, as the old SS counts it.
  func POP_S<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let name = try segmentName(op)
    let value = try peekStack(0, T.self)
    try loadSegment(name, UInt16(truncatingIfNeeded: value))
    setStackPointer(self[.rsp] &+ UInt64(MemoryLayout<T>.size))
    if name == .ss { stackSegmentLoaded(op) }
  }

  /// `MOV Sw, Ew`.
  func MOV_SE(_ op: OpPointer) throws(Exit) {
    let name = try segmentName(op)
    try loadSegment(name, try readE(op, UInt16.self))
    if name == .ss { stackSegmentLoaded(op) }
  }

  private func stackSegmentLoaded(_ op: OpPointer) {
    privilegeOrModeChanged()
    holdInterrupts(op, holdsDebug: true)
  }

  /// `MOV Ev, Sw`: 16 bits to memory, zero-extended to the operand size in a register.
  func MOV_ES<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let selector = segment(try segmentName(op)).pointee.selector
    if op.pointee.isMemory {
      try writeE(op, selector)
    } else {
      setRegister(op.pointee.base, T(truncatingIfNeeded: selector))
    }
  }
}
