// SDM Vol. 1 ch. 5, "Control Transfer Instructions": far transfers; Vol. 3, "Privilege Levels", "Call Gates".

extension UnsafeMutablePointer where Pointee == CPUState {
  /// `JMP ptr16:16/32`: the selector is in `displacement` bits 47:32 or up, see the decoder.
  func JMP_Ap<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let pointer = UInt64(bitPattern: op.pointee.displacement)
    return try farJump(op, UInt16(truncatingIfNeeded: pointer >> 32), pointer & 0xFFFF_FFFF)
  }

  func JMP_Mp<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let (selector, offset) = try farPointer(op, T.self)
    return try farJump(op, selector, offset)
  }

  func CALL_Ap<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let pointer = UInt64(bitPattern: op.pointee.displacement)
    return try farCall(
      op, UInt16(truncatingIfNeeded: pointer >> 32), pointer & 0xFFFF_FFFF, T.self)
  }

  func CALL_Mp<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let (selector, offset) = try farPointer(op, T.self)
    return try farCall(op, selector, offset, T.self)
  }

  /// A far pointer operand: offset of width `T`, then the selector. AMD's processors have no 64-bit offsets:
  /// with REX.W the offset has 32 bits there (AMD APM Vol. 3, `CALL (Far)`, `LDS`).
  func farPointer<T: OperandWidth>(
    _ op: OpPointer, _: T.Type
  ) throws(Exit) -> (selector: UInt16, offset: UInt64) {
    guard T.self != UInt64.self || pointee.isIntel else { return try farPointer(op, UInt32.self) }
    try checkWrap(op, MemoryLayout<T>.size + 2, Access.read)
    // Two accesses, the offset first, each checked by itself.
    let offset = try loadOperand(op, T.self)
    let linear = try segmentedAddress(op, at: UInt64(MemoryLayout<T>.size), 2, Access.read)
    return (try Slow.load(self, linear), offset.zeroExtended)
  }

  /// `LES`, `LDS`, `LSS`, `LFS`, `LGS`: the segment register's number is the immediate.
  func LxS<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let (selector, offset) = try farPointer(op, T.self)
    let name = SegmentName(rawValue: UInt8(truncatingIfNeeded: op.pointee.immediate)) ?? .ds
    try loadSegment(name, selector)
    setRegister(op.pointee.destination, T(truncatingIfNeeded: offset))
    if name == .ss { privilegeOrModeChanged() }
  }

  private func farJump(_ op: OpPointer, _ selector: UInt16, _ offset: UInt64) throws(Exit) -> OpPointer {
    guard hasDescriptors else {
      guard offset <= UInt64(segment(.cs).pointee.limit) else { throw fault(.GP, .limitOfCode) }
      loadRealSegment(.cs, selector)
      return finishFar(op, offset)
    }
    guard selector & 0xFFFC != 0 else { throw fault(.GP, .nullSelector) }
    var descriptor = try loadDescriptor(selector, isSystem: true)
    if descriptor.isCode {
      try checkDirectCode(selector, descriptor)
      try checkTarget(descriptor, offset)
      try markAccessed(selector, &descriptor)
      setSegment(.cs, selector & 0xFFFC | UInt16(pointee.cpl), descriptor)
      return finishFar(op, offset)
    }
    guard !descriptor.isCodeOrData else { throw fault(.GP, selector: selector, .notCode) }
    switch descriptor.type {
    case SystemType.callGate16 where !isLongMode, SystemType.callGate32:
      let (target, code) = try callGateTarget(selector, descriptor) {
        $0.isConforming ? $0.dpl <= pointee.cpl : $0.dpl == pointee.cpl
      }
      let offset = gateOffset(descriptor)
      try checkTarget(code, offset)
      var accessed = code
      try markAccessed(target, &accessed)
      setSegment(.cs, target & 0xFFFC | UInt16(pointee.cpl), accessed)
      return finishFar(op, offset)
    case SystemType.taskGate where !isLongMode:
      try checkGate(selector, descriptor)
      return try finishTask(op, descriptor.gateSelector, .jump)
    case SystemType.tss16Available where !isLongMode, SystemType.tss32Available where !isLongMode:
      try checkTSSAccess(selector, descriptor)
      return try finishTask(op, selector, .jump)
    default: throw fault(.GP, selector: selector, isLongMode ? .notSystem : typeRule(descriptor))
    }
  }

  private func farCall<T: OperandWidth>(
    _ op: OpPointer, _ selector: UInt16, _ offset: UInt64, _: T.Type
  ) throws(Exit) -> OpPointer {
    guard hasDescriptors else {
      guard offset <= UInt64(segment(.cs).pointee.limit) else { throw fault(.GP, .limitOfCode) }
      try pushPair(T(truncatingIfNeeded: segment(.cs).pointee.selector), T(truncatingIfNeeded: op.nextRIP))
      loadRealSegment(.cs, selector)
      return finishFar(op, offset)
    }
    guard selector & 0xFFFC != 0 else { throw fault(.GP, .nullSelector) }
    var descriptor = try loadDescriptor(selector, isSystem: true)
    if descriptor.isCode {
      try checkDirectCode(selector, descriptor)
      try checkTarget(descriptor, offset)
      try markAccessed(selector, &descriptor)
      // Into compatibility mode, the stack is the one of that mode already (measured).
      let old = self[.rsp]
      if is64Bit && !descriptor.isLong { self[.rsp] = old & 0xFFFF_FFFF }
      do throws(Exit) {
        try pushPair(T(truncatingIfNeeded: segment(.cs).pointee.selector), T(truncatingIfNeeded: op.nextRIP))
      } catch {
        self[.rsp] = old
        throw error
      }
      setSegment(.cs, selector & 0xFFFC | UInt16(pointee.cpl), descriptor)
      return finishFar(op, offset)
    }
    guard !descriptor.isCodeOrData else { throw fault(.GP, selector: selector, .notCode) }
    switch descriptor.type {
    case SystemType.callGate16 where !isLongMode, SystemType.callGate32:
      return try callThroughGate(op, selector, descriptor)
    case SystemType.taskGate where !isLongMode:
      try checkGate(selector, descriptor)
      return try finishTask(op, descriptor.gateSelector, .call)
    case SystemType.tss16Available where !isLongMode, SystemType.tss32Available where !isLongMode:
      try checkTSSAccess(selector, descriptor)
      return try finishTask(op, selector, .call)
    default: throw fault(.GP, selector: selector, isLongMode ? .notSystem : typeRule(descriptor))
    }
  }

  /// Pushes two words of which either both or neither land.
  private func pushPair<T: OperandWidth>(_ first: T, _ second: T) throws(Exit) {
    let old = self[.rsp]
    do throws(Exit) {
      try push(first)
      try push(second)
    } catch {
      self[.rsp] = old
      throw error
    }
  }

  /// Privilege of a direct far transfer to a code segment.
  private func checkDirectCode(_ selector: UInt16, _ descriptor: Descriptor) throws(Exit) {
    let rpl = UInt8(selector & 3)
    let isAllowed =
      descriptor.isConforming
      ? descriptor.dpl <= pointee.cpl : rpl <= pointee.cpl && descriptor.dpl == pointee.cpl
    guard isAllowed else { throw fault(.GP, selector: selector, .privilege) }
    guard !(isLongMode && descriptor.isLong && descriptor.isDefault32) else {
      throw fault(.GP, selector: selector, .longWithDefault32)
    }
    guard descriptor.isPresent else { throw fault(.NP, selector: selector, .segmentNotPresent) }
  }

  /// #GP for an entry point outside its code segment.
  func checkTarget(_ descriptor: Descriptor, _ offset: UInt64) throws(Exit) {
    if isLongMode && descriptor.isLong {
      guard isCanonical(offset) else { throw fault(.GP, selector: 0, .notCanonical) }
    } else {
      guard offset <= UInt64(descriptor.limit) else { throw fault(.GP, selector: 0, .limitOfCode) }
    }
  }

  private func checkGate(_ selector: UInt16, _ gate: Descriptor) throws(Exit) {
    guard gate.dpl >= pointee.cpl, gate.dpl >= UInt8(selector & 3) else {
      throw fault(.GP, selector: selector, .privilege)
    }
    guard gate.isPresent else { throw fault(.NP, selector: selector, .segmentNotPresent) }
  }

  private func checkTSSAccess(_ selector: UInt16, _ tss: Descriptor) throws(Exit) {
    guard tss.dpl >= pointee.cpl, tss.dpl >= UInt8(selector & 3) else {
      throw fault(.GP, selector: selector, .privilege)
    }
  }

  private func gateOffset(_ gate: Descriptor) -> UInt64 {
    isLongMode
      ? gate.gateOffset : gate.type & 8 != 0 ? gate.gateOffset & 0xFFFF_FFFF : gate.gateOffset & 0xFFFF
  }

  /// The code segment a call gate leads to, if its privilege `isAllowed`, which tells `CALL` from `JMP`.
  private func callGateTarget(
    _ selector: UInt16, _ gate: Descriptor, _ isAllowed: (Descriptor) -> Bool
  ) throws(Exit) -> (selector: UInt16, code: Descriptor) {
    guard isValidHigh(gate) else { throw fault(.GP, selector: selector, .descriptorUpperHalf) }
    try checkGate(selector, gate)
    let target = gate.gateSelector
    guard target & 0xFFFC != 0 else { throw fault(.GP, .nullSelector) }
    let code = try loadDescriptor(target)
    guard code.isCode else { throw fault(.GP, selector: target, .gateTargetNotCode) }
    guard isAllowed(code) else { throw fault(.GP, selector: target, .privilege) }
    if isLongMode {
      guard code.isLong, !code.isDefault32 else { throw fault(.GP, selector: target, .gateTargetNotLong) }
    }
    guard code.isPresent else { throw fault(.NP, selector: target, .segmentNotPresent) }
    return (target, code)
  }

  /// `CALL` through a call gate, with a stack switch if the target is more privileged.
  private func callThroughGate(
    _ op: OpPointer, _ selector: UInt16, _ gate: Descriptor
  ) throws(Exit) -> OpPointer {
    var (target, code) = try callGateTarget(selector, gate) { $0.dpl <= pointee.cpl }
    let offset = gateOffset(gate)
    let newCPL = code.isConforming ? pointee.cpl : code.dpl
    let saved = SavedState(self)
    do throws(Exit) {
      if isLongMode {
        try gateFrame64(op, newCPL: newCPL)
      } else if gate.type & 8 != 0 {
        try gateFrame(op, gate, newCPL: newCPL, UInt32.self)
      } else {
        try gateFrame(op, gate, newCPL: newCPL, UInt16.self)
      }
      try checkTarget(code, offset)
      try markAccessed(target, &code)
    } catch {
      nameStackFault(switched: pointee.cpl != saved.cpl)
      saved.restore(self)
      throw error
    }
    pointee.cpl = newCPL
    setSegment(.cs, target & 0xFFFC | UInt16(newCPL), code)
    return finishFar(op, offset)
  }

  private func gateFrame64(_ op: OpPointer, newCPL: UInt8) throws(Exit) {
    let oldSS = segment(.ss).pointee.selector
    let oldSP = self[.rsp]
    let oldCS = segment(.cs).pointee.selector
    let returnRIP = op.nextRIP
    var sp = oldSP
    let switches = newCPL < pointee.cpl
    if switches { sp = try stackFromTSS64(offset: 4 + UInt64(newCPL) * 8) }
    let size: UInt64 = switches ? 32 : 16
    try checkFlatStack(sp &- size, size)
    pointee.cpl = newCPL
    selectBank()
    let mask = pointee.linearMask
    pointee.linearMask = ~0
    defer { pointee.linearMask = mask }
    if switches {
      try Slow.store(self, sp &- 8, UInt64(oldSS))
      try Slow.store(self, sp &- 16, oldSP)
      sp &-= 16
    }
    try Slow.store(self, sp &- 8, UInt64(oldCS))
    try Slow.store(self, sp &- 16, returnRIP)
    self[.rsp] = sp &- 16
    if switches { setNullSegment(.ss, UInt16(newCPL)) }
  }

  private func gateFrame<T: OperandWidth>(
    _ op: OpPointer, _ gate: Descriptor, newCPL: UInt8, _: T.Type
  ) throws(Exit) {
    let oldCS = T(truncatingIfNeeded: segment(.cs).pointee.selector)
    if newCPL < pointee.cpl {
      let (ss, sp) = try stackFromTSS(newCPL)
      let oldSS = segment(.ss).pointee.selector
      let oldSP = self[.rsp] & stackMask
      let size = UInt64(MemoryLayout<T>.size)
      var parameters: [T] = []
      for index in 0..<gate.gateParameterCount { parameters.append(try peekStack(index * size, T.self)) }
      try loadStackSegment(ss, cpl: newCPL, .TS)
      pointee.cpl = newCPL
      updateStackSize()
      setStackPointer(sp)
      try push(T(truncatingIfNeeded: oldSS))
      try push(T(truncatingIfNeeded: oldSP))
      for parameter in parameters.reversed() { try push(parameter) }
    }
    try push(oldCS)
    try push(T(truncatingIfNeeded: op.nextRIP))
  }

  /// Takes SS.B into the code mode in the middle of a transfer.
  func updateStackSize() {
    let isBig = segment(.ss).pointee.attributes & 0x4000 != 0
    pointee.codeMode = (pointee.codeMode & ~CodeMode.stack32) | (isBig ? CodeMode.stack32 : 0)
    selectBank()
  }

  private func finishFar(_ op: OpPointer, _ rip: UInt64) -> OpPointer {
    privilegeOrModeChanged()
    return leave(op, to: rip)
  }

  private func finishTask(_ op: OpPointer, _ selector: UInt16, _ cause: TaskSwitch) throws(Exit) -> OpPointer
  {
    pointee.rip = op.nextRIP & instructionPointerMask
    let rip = pointee.rip
    do throws(Exit) {
      try switchTask(selector, cause)
    } catch {
      pointee.rip = rip
      throw error
    }
    return leave(op, to: pointee.rip)
  }

  /// `RET far`; the immediate is the number of bytes to drop.
  func RET_far<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let size = UInt64(MemoryLayout<T>.size)
    let selector = UInt16(truncatingIfNeeded: try peekStack(size, T.self))
    let rip = try peekStack(0, T.self).zeroExtended
    let drop = UInt64(truncatingIfNeeded: op.pointee.immediate)
    guard hasDescriptors else {
      guard rip <= UInt64(segment(.cs).pointee.limit) else { throw fault(.GP, .limitOfCode) }
      setStackPointer(self[.rsp] &+ size * 2 &+ drop)
      loadRealSegment(.cs, selector)
      return finishFar(op, rip)
    }
    try returnFar(
      selector, rip, T.self, sp: size * 2 &+ drop, outerDrop: drop)
    return finishFar(op, rip)
  }

  /// The common part of `RET far` and `IRET` in protected mode: checks and loads CS, and SS:SP when the
  /// return goes outward. `sp` is the distance to the outer SP on the stack (and what an inner return drops).
  /// All of the frame is read from its end down before anything is checked, as AMD's processors do.
  private func returnFar<T: OperandWidth>(
    _ selector: UInt16, _ rip: UInt64, _: T.Type, sp: UInt64, outerDrop: UInt64,
    alwaysLoadsStack: Bool = false
  ) throws(Exit) {
    let size = UInt64(MemoryLayout<T>.size)
    let rpl = UInt8(selector & 3)
    var ss: UInt16 = 0
    var newSP: UInt64 = 0
    if rpl != pointee.cpl || alwaysLoadsStack {
      ss = UInt16(truncatingIfNeeded: try peekStack(sp &+ size, T.self))
      newSP = try peekStack(sp, T.self).zeroExtended
    }
    guard selector & 0xFFFC != 0 else { throw fault(.GP, .nullSelector) }
    var code = try loadDescriptor(selector)
    guard code.isCode else { throw fault(.GP, selector: selector, .notCode) }
    guard rpl >= pointee.cpl, code.isConforming ? code.dpl <= rpl : code.dpl == rpl else {
      throw fault(.GP, selector: selector, .privilege)
    }
    guard !(isLongMode && code.isLong && code.isDefault32) else {
      throw fault(.GP, selector: selector, .longWithDefault32)
    }
    guard code.isPresent else { throw fault(.NP, selector: selector, .segmentNotPresent) }
    try checkTarget(code, rip)
    guard rpl > pointee.cpl || alwaysLoadsStack else {
      try markAccessed(selector, &code)
      setStackPointer(self[.rsp] &+ sp)
      setSegment(.cs, selector, code)
      return
    }
    let saved = SavedState(self)
    do throws(Exit) {
      if ss & 0xFFFC == 0 {
        guard isLongMode && code.isLong && rpl != 3 && UInt8(ss & 3) == rpl else {
          throw fault(.GP, .nullStackSelector)
        }
        setNullSegment(.ss, ss)
      } else {
        try loadStackSegment(ss, cpl: rpl)
      }
      try markAccessed(selector, &code)
    } catch {
      saved.restore(self)
      throw error
    }
    let oldCPL = pointee.cpl
    pointee.cpl = rpl
    setSegment(.cs, selector, code)
    privilegeOrModeChanged()
    setStackPointer(newSP &+ outerDrop)
    if rpl > oldCPL { dropInnerSegments() }
  }

  /// After a return to an outer ring, data segments that ring may not use become null, and null selectors
  /// lose their RPL (SDM Vol. 2, `RET`).
  private func dropInnerSegments() {
    for name in [SegmentName.es, .ds, .fs, .gs] {
      let segment = segment(name)
      let attributes = segment.pointee.attributes
      let isConformingCode = attributes & 0xC == 0xC
      if segment.pointee.isNull {
        // The base stays: 64-bit mode has written it apart from the selector.
        segment.pointee.selector = 0
      } else if !isConformingCode && UInt8(attributes >> 5 & 3) < pointee.cpl {
        setNullSegment(name, 0)
      }
    }
  }

  /// `IRET`, `IRETD`, `IRETQ` in every mode.
  func IRET<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    unblockNMI()
    if isVirtual8086 && iopl < 3 { return try returnWithVirtualFlags(op, T.self) }
    if hasDescriptors && pointee.systemFlags & RFLAGS.NT != 0 {
      guard !isLongMode else { throw fault(.GP, .nestedTask) }
      return try returnToOuterTask(op)
    }
    let size = UInt64(MemoryLayout<T>.size)
    let image = try peekStack(size * 2, T.self).zeroExtended
    let selector = UInt16(truncatingIfNeeded: try peekStack(size, T.self))
    let rip = try peekStack(0, T.self).zeroExtended
    if !hasDescriptors {
      guard rip <= UInt64(segment(.cs).pointee.limit) else { throw fault(.GP, .limitOfCode) }
      setStackPointer(self[.rsp] &+ size * 3)
      loadRealSegment(.cs, selector)
      setFlagsFromStack(image, T.self, cpl: isVirtual8086 ? 3 : 0, allowsVM: false)
    } else if !isLongMode && T.self == UInt32.self && image & RFLAGS.VM != 0 && pointee.cpl == 0 {
      try returnToVirtual8086(rip, selector, image)
    } else {
      let cpl = pointee.cpl
      let iopl = iopl
      try returnFar(
        selector, rip, T.self, sp: size * 3, outerDrop: 0, alwaysLoadsStack: is64Bit)
      setFlagsFromStack(image, T.self, cpl: cpl, iopl: iopl, allowsVM: false)
    }
    let next = finishFar(op, rip)
    flagsChanged()
    return next
  }

  /// NMIs are open again even if `IRET` faults (SDM Vol. 2, `IRET`).
  private func unblockNMI() {
    pointee.nmiBlocked = false
    if pointee.nmiPending { pointee.attention = 1 }
  }

  /// `IRET` within virtual-8086 mode below IOPL 3: its 16-bit form returns the image's IF to VIF under CR4.VME
  /// (AMD APM Vol. 3, `IRET`).
  private func returnWithVirtualFlags<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    try requireVirtualFlags(T.self)
    let rip = try peekStack(0, UInt16.self).zeroExtended
    let selector = try peekStack(2, UInt16.self)
    let image = try peekStack(4, UInt16.self).zeroExtended
    guard rip <= UInt64(segment(.cs).pointee.limit) else { throw fault(.GP, .limitOfCode) }
    try loadVirtualFlags(image)
    setStackPointer(self[.rsp] &+ 6)
    loadRealSegment(.cs, selector)
    return finishFar(op, rip)
  }

  private func returnToVirtual8086(_ rip: UInt64, _ cs: UInt16, _ image: UInt64) throws(Exit) {
    let sp = try peekStack(12, UInt32.self)
    var selectors: [(SegmentName, UInt16)] = [(.cs, cs)]
    for (index, name) in [SegmentName.ss, .es, .ds, .fs, .gs].enumerated() {
      let value = try peekStack(16 + UInt64(index) * 4, UInt32.self)
      selectors.append((name, UInt16(truncatingIfNeeded: value)))
    }
    setFlagsFromStack(image, UInt32.self, cpl: 0, allowsVM: true)
    pointee.cpl = 3
    for (name, selector) in selectors { loadRealSegment(name, selector) }
    privilegeOrModeChanged()
    self[.rsp] = UInt64(sp)
  }

  /// Loads RFLAGS from an image that `IRET` popped, under the rules for the privilege before the return.
  func setFlagsFromStack<T: OperandWidth>(
    _ image: UInt64, _: T.Type, cpl: UInt8, iopl: UInt8? = nil, allowsVM: Bool
  ) {
    var mask = RFLAGS.arithmetic | RFLAGS.TF | RFLAGS.DF | RFLAGS.NT
    if T.self != UInt16.self { mask |= RFLAGS.RF | RFLAGS.AC | RFLAGS.ID }
    if cpl == 0 { mask |= RFLAGS.IOPL }
    if cpl <= iopl ?? self.iopl { mask |= RFLAGS.IF }
    if isProtected && cpl == 0 && T.self != UInt16.self { mask |= RFLAGS.VIF | RFLAGS.VIP }
    if allowsVM { mask |= RFLAGS.VM }
    let hadAC = pointee.systemFlags & RFLAGS.AC != 0
    rflags = (rflags & ~mask) | (image & mask)
    if hadAC && pointee.systemFlags & RFLAGS.AC == 0 { dropSMAPEntries() }
  }

  /// After RFLAGS changed at will: interrupts may be due, single-stepping may begin, alignment checks too.
  func flagsChanged() {
    if pointee.systemFlags & (RFLAGS.TF | RFLAGS.RF) != 0 { pointee.attention = 1 }
    if pointee.interruptLine && pointee.systemFlags & RFLAGS.IF != 0 { pointee.attention = 1 }
    if pointee.cpl == 3 { selectBank() }
  }
}
