// Delivery through the IDT (SDM Vol. 3, "Exception- or Interrupt-Handler Procedures", "Interrupt and
// Exception Handling in 64-bit Mode").

extension UnsafeMutablePointer where Pointee == CPUState {
  /// The error code that names an IDT entry.
  private func idtCode(_ vector: UInt8) -> UInt32 {
    UInt32(vector) * 8 + 2 + (pointee.isDelivering ? 1 : 0)
  }

  /// Legacy protected mode and virtual-8086 mode.
  func deliverProtected(_ vector: UInt8, _ code: UInt32?, _ source: EventSource) throws(Exit) {
    let at = UInt64(vector) * 8
    guard at + 7 <= UInt64(pointee.idtr.limit) else { throw fault(.GP, idtCode(vector), .gateBeyondTable) }
    let gate = Descriptor(low: try loadSystem(pointee.idtr.base &+ at))
    if _slowPath(pointee.hooks.contains(.deliveries)) { tellGate(pointee.idtr.base &+ at, gate) }
    guard !gate.isCodeOrData else { throw fault(.GP, idtCode(vector), .gateType) }
    switch gate.type {
    case SystemType.taskGate, SystemType.interruptGate16, SystemType.trapGate16,
      SystemType.interruptGate32, SystemType.trapGate32:
      break
    default: throw fault(.GP, idtCode(vector), .gateType)
    }
    if source == .software && gate.dpl < pointee.cpl { throw fault(.GP, idtCode(vector), .gatePrivilege) }
    guard gate.isPresent else { throw fault(.NP, idtCode(vector), .gateNotPresent) }
    if gate.type == SystemType.taskGate {
      try switchTask(gate.gateSelector, .interrupt(code, source))
      return
    }
    let selector = gate.gateSelector
    guard selector & 0xFFFC != 0 else { throw fault(.GP, selector: 0, .nullSelector) }
    var target = try loadDescriptor(selector)
    guard target.isCode else { throw fault(.GP, selector: selector, .gateTargetNotCode) }
    guard target.dpl <= pointee.cpl else { throw fault(.GP, selector: selector, .handlerPrivilege) }
    guard target.isPresent else { throw fault(.NP, selector: selector, .segmentNotPresent) }
    let newCPL = target.isConforming ? pointee.cpl : target.dpl
    if isVirtual8086 && newCPL != 0 { throw fault(.GP, selector: selector, .handlerLeavesVirtual8086) }
    let is32 = gate.type & 8 != 0
    let offset = gate.gateOffset & (is32 ? 0xFFFF_FFFF : 0xFFFF)
    let saved = SavedState(self)
    do throws(Exit) {
      if is32 {
        try pushFrame(code, source, newCPL: newCPL, UInt32.self)
      } else {
        try pushFrame(code, source, newCPL: newCPL, UInt16.self)
      }
      try checkTarget(target, offset)
      try markAccessed(selector, &target)
    } catch {
      nameStackFault(switched: pointee.cpl != saved.cpl)
      saved.restore(self)
      throw error
    }
    pointee.cpl = newCPL
    setSegment(.cs, selector & 0xFFFC | UInt16(newCPL), target)
    pointee.rip = offset
    clearFlagsForGate(isInterrupt: gate.type & 1 == 0)
    privilegeOrModeChanged()
  }

  private func clearFlagsForGate(isInterrupt: Bool) {
    let hadAC = pointee.systemFlags & RFLAGS.AC != 0
    pointee.systemFlags &= ~(RFLAGS.TF | RFLAGS.NT | RFLAGS.RF | RFLAGS.VM)
    if isInterrupt { pointee.systemFlags &= ~RFLAGS.IF }
    if hadAC { dropSMAPEntries() }
  }

  /// Switches stacks if privilege rises and pushes the frame of width `T`.
  private func pushFrame<T: OperandWidth>(
    _ code: UInt32?, _ source: EventSource, newCPL: UInt8, _: T.Type
  ) throws(Exit) {
    let image = T(truncatingIfNeeded: eventFlags(source))
    let oldCS = segment(.cs).pointee.selector
    let oldSS = segment(.ss).pointee.selector
    let oldSP = self[.rsp]
    let wasVirtual = isVirtual8086
    if newCPL < pointee.cpl {
      let (ss, sp) = try stackFromTSS(newCPL)
      if pointee.hooks.contains(.deliveries) { tell(.stack(StackSwitch(selector: ss, pointer: sp, ist: 0))) }
      let data = [SegmentName.gs, .fs, .ds, .es].map { segment($0).pointee.selector }
      pointee.systemFlags &= ~RFLAGS.VM
      try loadStackSegment(ss, cpl: newCPL, .TS)
      pointee.cpl = newCPL
      updateStackSize()
      setStackPointer(sp)
      if wasVirtual {
        for selector in data { try push(T(truncatingIfNeeded: selector)) }
      }
      try push(T(truncatingIfNeeded: oldSS))
      try push(T(truncatingIfNeeded: oldSP))
      if wasVirtual {
        for name in [SegmentName.gs, .fs, .ds, .es] { setNullSegment(name, 0) }
      }
    }
    try push(image)
    try push(T(truncatingIfNeeded: oldCS))
    try push(T(truncatingIfNeeded: pointee.rip))
    if let code { try push(T(truncatingIfNeeded: code)) }
  }

  /// SS:ESP for a ring from the 16- or 32-bit TSS (SDM Vol. 3, "Stack Switching").
  func stackFromTSS(_ cpl: UInt8) throws(Exit) -> (ss: UInt16, sp: UInt64) {
    let is32 = pointee.tr.attributes & 8 != 0
    let at = is32 ? UInt64(cpl) * 8 + 4 : UInt64(cpl) * 4 + 2
    let last = at + (is32 ? 5 : 3)
    guard last <= UInt64(pointee.tr.limit) else {
      throw fault(.TS, selector: pointee.tr.selector, .taskStateLimit)
    }
    let base = pointee.tr.base &+ at
    if is32 {
      return (try loadSystem(base &+ 4), UInt64(try loadSystem(base, UInt32.self)))
    }
    return (try loadSystem(base &+ 2), UInt64(try loadSystem(base, UInt16.self)))
  }

  /// IA-32e mode: 16-byte gates, a 64-bit frame with SS:RSP always, IST.
  func deliverLong(_ vector: UInt8, _ code: UInt32?, _ source: EventSource) throws(Exit) {
    let at = UInt64(vector) * 16
    guard at + 15 <= UInt64(pointee.idtr.limit) else { throw fault(.GP, idtCode(vector), .gateBeyondTable) }
    let gateLinear = pointee.idtr.base &+ at
    let gate = Descriptor(low: try loadSystem(gateLinear), high: try loadSystem(gateLinear &+ 8))
    if _slowPath(pointee.hooks.contains(.deliveries)) { tellGate(gateLinear, gate) }
    guard !gate.isCodeOrData,
      gate.type == SystemType.interruptGate32 || gate.type == SystemType.trapGate32
    else { throw fault(.GP, idtCode(vector), .gateType) }
    if source == .software && gate.dpl < pointee.cpl { throw fault(.GP, idtCode(vector), .gatePrivilege) }
    guard gate.isPresent else { throw fault(.NP, idtCode(vector), .gateNotPresent) }
    let selector = gate.gateSelector
    guard selector & 0xFFFC != 0 else { throw fault(.GP, selector: 0, .nullSelector) }
    var target = try loadDescriptor(selector)
    guard target.isCode else { throw fault(.GP, selector: selector, .gateTargetNotCode) }
    guard target.dpl <= pointee.cpl else { throw fault(.GP, selector: selector, .handlerPrivilege) }
    guard target.isLong, !target.isDefault32 else { throw fault(.GP, selector: selector, .gateTargetNotLong) }
    guard target.isPresent else { throw fault(.NP, selector: selector, .segmentNotPresent) }
    let newCPL = target.isConforming ? pointee.cpl : target.dpl
    var sp = self[.rsp]
    if gate.gateIST != 0 {
      sp = try stackFromTSS64(offset: 0x24 + UInt64(gate.gateIST - 1) * 8)
    } else if newCPL < pointee.cpl {
      sp = try stackFromTSS64(offset: 4 + UInt64(newCPL) * 8)
    }
    if _slowPath(pointee.hooks.contains(.deliveries)), gate.gateIST != 0 || newCPL < pointee.cpl {
      let selector = newCPL < pointee.cpl ? UInt16(newCPL) : segment(.ss).pointee.selector
      tell(.stack(StackSwitch(selector: selector, pointer: sp, ist: UInt8(gate.gateIST))))
    }
    try markAccessed(selector, &target)
    let size: UInt64 = code == nil ? 40 : 48
    let frame = (sp & ~15) &- size
    guard isCanonical(frame), isCanonical(frame &+ size &- 1) else {
      throw fault(.SS, selector: 0, .notCanonical)
    }
    try checkTarget(target, gate.gateOffset)
    try storeLongFrame(frame, code, eventFlags(source), newCPL: newCPL)
    if newCPL < pointee.cpl { setNullSegment(.ss, UInt16(newCPL)) }
    self[.rsp] = frame
    pointee.cpl = newCPL
    setSegment(.cs, selector & 0xFFFC | UInt16(newCPL), target)
    pointee.rip = gate.gateOffset
    clearFlagsForGate(isInterrupt: gate.type & 1 == 0)
    privilegeOrModeChanged()
  }

  private func storeLongFrame(
    _ frame: UInt64, _ code: UInt32?, _ image: UInt64, newCPL: UInt8
  ) throws(Exit) {
    let oldCPL = pointee.cpl
    pointee.cpl = newCPL
    selectBank()
    defer {
      pointee.cpl = oldCPL
      selectBank()
    }
    // In 64-bit linear space even if the interrupted code was in compatibility mode.
    let mask = pointee.linearMask
    pointee.linearMask = ~0
    defer { pointee.linearMask = mask }
    let start = code == nil ? frame : frame &+ 8
    // The last word first: an expanding stack faults where hardware would.
    try Slow.store(self, start &+ 32, UInt64(segment(.ss).pointee.selector))
    try Slow.store(self, start &+ 24, self[.rsp] & mask)
    try Slow.store(self, start &+ 16, image)
    try Slow.store(self, start &+ 8, UInt64(segment(.cs).pointee.selector))
    try Slow.store(self, start, pointee.rip)
    if let code { try Slow.store(self, frame, UInt64(code)) }
  }

  /// A stack pointer from the 64-bit TSS.
  func stackFromTSS64(offset: UInt64) throws(Exit) -> UInt64 {
    guard offset + 7 <= UInt64(pointee.tr.limit) else {
      throw fault(.TS, selector: pointee.tr.selector, .taskStateLimit)
    }
    let sp: UInt64 = try loadSystem(pointee.tr.base &+ offset)
    guard isCanonical(sp) else { throw fault(.SS, selector: 0, .notCanonical) }
    return sp
  }
}

/// What a multi-step transfer changes before its last check, so that a fault can undo it.
struct SavedState {
  private let rsp: UInt64
  private let systemFlags: UInt64
  let cpl: UInt8
  private let codeMode: UInt8
  private let segments: (Segment, Segment, Segment, Segment, Segment, Segment, Segment, Segment)

  init(_ cpu: CPU) {
    rsp = cpu[.rsp]
    systemFlags = cpu.pointee.systemFlags
    cpl = cpu.pointee.cpl
    codeMode = cpu.pointee.codeMode
    segments = cpu.pointee.segments
  }

  func restore(_ cpu: CPU) {
    cpu[.rsp] = rsp
    cpu.pointee.systemFlags = systemFlags
    cpu.pointee.cpl = cpl
    cpu.pointee.codeMode = codeMode
    cpu.pointee.segments = segments
    cpu.pointee.fsBase = segments.4.base
    cpu.pointee.gsBase = segments.5.base
    cpu.selectBank()
  }
}
