// SDM Vol. 3, "Task Management": "Task Switching", "Task-State Segment (TSS)", "16-Bit Task-State Segment".

/// What makes the processor switch tasks.
enum TaskSwitch {
  case jump
  case call
  /// `IRET` with RFLAGS.NT set.
  case iret
  /// An event through a task gate, with its error code and source.
  case interrupt(UInt32?, EventSource)

  /// The new task gets NT and a link back to the old one.
  var isNested: Bool {
    switch self {
    case .call, .interrupt: return true
    case .jump, .iret: return false
    }
  }

  var isReturn: Bool {
    if case .iret = self { return true }
    return false
  }
}

/// The dynamic part of a TSS, widened to 32 bits.
private struct TaskState {
  var cr3: UInt64 = 0
  var rip: UInt64 = 0
  var flags: UInt64 = 0
  /// In encoding order.
  var registers: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0, 0, 0, 0, 0)
  /// ES, CS, SS, DS, FS, GS.
  var selectors: (UInt16, UInt16, UInt16, UInt16, UInt16, UInt16) = (0, 0, 0, 0, 0, 0)
  var ldt: UInt16 = 0
  var traps = false
}

/// Field offsets of the two TSS formats.
private struct TaskLayout {
  let is32: Bool

  /// The smallest limit that holds the fields.
  var minimumLimit: UInt32 { is32 ? 0x67 : 0x2B }
  var rip: UInt64 { is32 ? 0x20 : 0x0E }
  var flags: UInt64 { is32 ? 0x24 : 0x10 }
  var registers: UInt64 { is32 ? 0x28 : 0x12 }
  var selectors: UInt64 { is32 ? 0x48 : 0x22 }
  var ldt: UInt64 { is32 ? 0x60 : 0x2A }
  var step: UInt64 { is32 ? 4 : 2 }
  var selectorCount: UInt64 { is32 ? 6 : 4 }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Switches to the task of a TSS selector whose privilege the caller has checked. RIP must be the address
  /// the old task resumes at; afterwards it is the new task's.
  ///
  /// Throws before anything has changed; or, while an event is being delivered, after the commit point as
  /// well, with the new task's state in place. Faults past the commit point of an instruction are delivered
  /// here, in the new task.
  func switchTask(_ selector: UInt16, _ cause: TaskSwitch) throws(Exit) {
    if pointee.hooks.contains(.deliveries) {
      tell(.task(TaskChange(selector: selector, from: pointee.tr.selector)))
    }
    var descriptor = try taskDescriptor(selector, cause)
    let layout = TaskLayout(is32: descriptor.type & 8 != 0)
    let oldLayout = TaskLayout(is32: pointee.tr.attributes & 8 != 0)
    guard pointee.tr.limit >= oldLayout.minimumLimit else {
      throw fault(.TS, selector: pointee.tr.selector, .taskStateTooSmall)
    }
    try probe(pointee.tr.base, UInt64(oldLayout.minimumLimit), Access.write)
    let newAccess = cause.isNested ? Access.write : Access.read
    try probe(descriptor.base, UInt64(layout.minimumLimit), newAccess)
    try probe(pointee.gdtr.base &+ UInt64(selector & 0xFFF8), 7, Access.write)
    let oldBusy = pointee.gdtr.base &+ UInt64(pointee.tr.selector & 0xFFF8)
    try probe(oldBusy, 7, Access.write)
    let new = try readTask(descriptor.base, layout)
    let loadsCR3 = layout.is32 && pointee.cr0 & CR0.PG != 0
    let usesPDPTEs = loadsCR3 && pointee.cr4 & CR4.PAE != 0

    // The old task.
    let image = outgoingFlags(cause)
    let oldSelector = pointee.tr.selector
    if !cause.isNested && oldSelector & 0xFFFC != 0 {
      let rights: UInt8 = try loadSystem(oldBusy &+ 5)
      try storeSystem(oldBusy &+ 5, rights & ~2)
    }
    try writeTask(pointee.tr.base, oldLayout, image)
    if usesPDPTEs {
      guard loadPDPTEs(new.cr3) else { throw fault(.GP, .pdpteReserved) }
    }

    // The new task: from here on faults are its own.
    if cause.isNested { try storeSystem(descriptor.base, oldSelector) }
    if !cause.isReturn { try setBusy(selector, &descriptor, true) }
    pointee.tr = systemSegment(selector, descriptor)
    pointee.cr0 |= CR0.TS
    updateVectorFaults()
    if loadsCR3 {
      pointee.cr3 = new.cr3
      flushTranslations(.nonGlobal)
    }
    pointee.dr7 &= ~DR7.localEnables
    pointee.attention = 1
    loadRegisters(new, isNested: cause.isNested)
    do throws(Exit) {
      try loadTaskSegments(new)
      if case .interrupt(let code?, _) = cause { try pushErrorCode(code, is32: layout.is32) }
    } catch {
      nameStackFault(switched: false)
      privilegeOrModeChanged()
      if pointee.isDelivering { throw error }
      return deliverException()
    }
    if new.traps { pointee.pendingDebug |= DR6.BT }
  }

  /// RFLAGS as the old task's TSS keeps it: for an event, what it would push.
  private func outgoingFlags(_ cause: TaskSwitch) -> UInt64 {
    switch cause {
    case .iret: return rflags & ~RFLAGS.NT
    case .interrupt(_, let source): return eventFlags(source)
    case .jump, .call: return rflags
    }
  }

  /// `IRET` with NT set: back to the task that the link field names.
  func returnToOuterTask(_ op: OpPointer) throws(Exit) -> OpPointer {
    let link: UInt16 = try loadSystem(pointee.tr.base)
    pointee.rip = op.nextRIP & instructionPointerMask
    try switchTask(link, .iret)
    flagsChanged()
    return leave(op, to: pointee.rip)
  }

  /// The TSS descriptor of the new task after the checks before the switch.
  private func taskDescriptor(_ selector: UInt16, _ cause: TaskSwitch) throws(Exit) -> Descriptor {
    let vector: Vector = cause.isReturn ? .TS : .GP
    guard selector & 0xFFFC != 0 else { throw fault(vector, selector: selector, .nullSelector) }
    guard selector & 4 == 0 else { throw fault(vector, selector: selector, .needsGDT) }
    let descriptor = try loadDescriptor(selector, vector)
    let wanted =
      cause.isReturn
      ? (SystemType.tss16Busy, SystemType.tss32Busy) : (SystemType.tss16Available, SystemType.tss32Available)
    guard !descriptor.isCodeOrData, descriptor.type == wanted.0 || descriptor.type == wanted.1 else {
      throw fault(
        vector, selector: selector, cause.isReturn ? returnTypeRule(descriptor) : typeRule(descriptor))
    }
    guard descriptor.isPresent else { throw fault(.NP, selector: selector, .segmentNotPresent) }
    let layout = TaskLayout(is32: descriptor.type & 8 != 0)
    guard descriptor.limit >= layout.minimumLimit else {
      throw fault(.TS, selector: selector, .taskStateTooSmall)
    }
    return descriptor
  }

  /// Why a descriptor is not of a task to return to.
  private func returnTypeRule(_ descriptor: Descriptor) -> Rule {
    guard !descriptor.isCodeOrData else { return .notSystem }
    let isAvailable =
      descriptor.type == SystemType.tss16Available || descriptor.type == SystemType.tss32Available
    return isAvailable ? .taskNotBusy : .notSystem
  }

  /// Translates every page of a system structure, so that using it cannot fault.
  private func probe(_ linear: UInt64, _ last: UInt64, _ access: UInt32) throws(Exit) {
    let first = linear & 0xFFFF_FFFF
    let end = (linear &+ last) & 0xFFFF_FFFF
    _ = try translate(first, access | Access.implicit)
    if (first ^ end) & ~0xFFF != 0 { _ = try translate(end, access | Access.implicit) }
  }

  private func taskField(_ linear: UInt64, _ is32: Bool) throws(Exit) -> UInt32 {
    is32 ? try loadSystem(linear) : UInt32(try loadSystem(linear, UInt16.self))
  }

  private func readTask(_ base: UInt64, _ layout: TaskLayout) throws(Exit) -> TaskState {
    let is32 = layout.is32
    var state = TaskState()
    if is32 { state.cr3 = UInt64(try loadSystem(base &+ 0x1C, UInt32.self)) }
    state.rip = UInt64(try taskField(base &+ layout.rip, is32))
    state.flags = UInt64(try taskField(base &+ layout.flags, is32))
    let at = base &+ layout.registers
    let step = layout.step
    state.registers = (
      try taskField(at, is32), try taskField(at &+ step, is32), try taskField(at &+ step * 2, is32),
      try taskField(at &+ step * 3, is32), try taskField(at &+ step * 4, is32),
      try taskField(at &+ step * 5, is32), try taskField(at &+ step * 6, is32),
      try taskField(at &+ step * 7, is32)
    )
    let selectors = base &+ layout.selectors
    state.selectors.0 = try loadSystem(selectors)
    state.selectors.1 = try loadSystem(selectors &+ step)
    state.selectors.2 = try loadSystem(selectors &+ step * 2)
    state.selectors.3 = try loadSystem(selectors &+ step * 3)
    if is32 {
      state.selectors.4 = try loadSystem(selectors &+ step * 4)
      state.selectors.5 = try loadSystem(selectors &+ step * 5)
      state.traps = try loadSystem(base &+ 0x64, UInt16.self) & 1 != 0
    }
    state.ldt = try loadSystem(base &+ layout.ldt)
    return state
  }

  /// Saves the present task's dynamic fields.
  private func writeTask(_ base: UInt64, _ layout: TaskLayout, _ image: UInt64) throws(Exit) {
    func field(_ offset: UInt64, _ value: UInt64) throws(Exit) {
      if layout.is32 {
        try storeSystem(base &+ offset, UInt32(truncatingIfNeeded: value))
      } else {
        try storeSystem(base &+ offset, UInt16(truncatingIfNeeded: value))
      }
    }
    try field(layout.rip, pointee.rip)
    try field(layout.flags, image)
    for index in 0..<8 as Range<UInt64> {
      try field(layout.registers + index * layout.step, register(UInt8(index) << 3, UInt64.self))
    }
    for index in 0..<layout.selectorCount {
      let selector = segment(at: Int(index)).pointee.selector
      try storeSystem(base &+ layout.selectors &+ index * layout.step, selector)
    }
  }

  private func loadRegisters(_ new: TaskState, isNested: Bool) {
    pointee.rip = new.rip
    let hadAC = pointee.systemFlags & RFLAGS.AC != 0
    rflags = isNested ? new.flags | RFLAGS.NT : new.flags
    if hadAC && pointee.systemFlags & RFLAGS.AC == 0 { dropSMAPEntries() }
    self[.rax] = UInt64(new.registers.0)
    self[.rcx] = UInt64(new.registers.1)
    self[.rdx] = UInt64(new.registers.2)
    self[.rbx] = UInt64(new.registers.3)
    self[.rsp] = UInt64(new.registers.4)
    self[.rbp] = UInt64(new.registers.5)
    self[.rsi] = UInt64(new.registers.6)
    self[.rdi] = UInt64(new.registers.7)
    // Until their descriptors are loaded the segments are unusable.
    setNullSegment(.es, new.selectors.0)
    setNullSegment(.cs, new.selectors.1)
    setNullSegment(.ss, new.selectors.2)
    setNullSegment(.ds, new.selectors.3)
    setNullSegment(.fs, new.selectors.4)
    setNullSegment(.gs, new.selectors.5)
    pointee.ldtr = Segment(limit: 0, attributes: 0, selector: new.ldt, isNull: true)
    pointee.cpl = isVirtual8086 ? 3 : UInt8(new.selectors.1 & 3)
  }

  private func loadTaskSegments(_ new: TaskState) throws(Exit) {
    try loadLDTR(new.ldt, .TS)
    if isVirtual8086 {
      loadRealSegment(.es, new.selectors.0)
      loadRealSegment(.cs, new.selectors.1)
      loadRealSegment(.ss, new.selectors.2)
      loadRealSegment(.ds, new.selectors.3)
      loadRealSegment(.fs, new.selectors.4)
      loadRealSegment(.gs, new.selectors.5)
      return privilegeOrModeChanged()
    }
    try loadTaskCode(new.selectors.1)
    try loadStackSegment(new.selectors.2, cpl: pointee.cpl, .TS)
    privilegeOrModeChanged()
    try loadTaskData(.ds, new.selectors.3)
    try loadTaskData(.es, new.selectors.0)
    try loadTaskData(.fs, new.selectors.4)
    try loadTaskData(.gs, new.selectors.5)
  }

  private func loadTaskCode(_ selector: UInt16) throws(Exit) {
    guard selector & 0xFFFC != 0 else { throw fault(.TS, selector: selector, .nullSelector) }
    var descriptor = try loadDescriptor(selector, .TS)
    let rpl = UInt8(selector & 3)
    guard descriptor.isCode else { throw fault(.TS, selector: selector, .notCode) }
    guard descriptor.isConforming ? descriptor.dpl <= rpl : descriptor.dpl == rpl else {
      throw fault(.TS, selector: selector, .privilege)
    }
    guard descriptor.isPresent else { throw fault(.NP, selector: selector, .segmentNotPresent) }
    try markAccessed(selector, &descriptor)
    setSegment(.cs, selector, descriptor)
  }

  private func loadTaskData(_ name: SegmentName, _ selector: UInt16) throws(Exit) {
    guard selector & 0xFFFC != 0 else { return }
    var descriptor = try loadDescriptor(selector, .TS)
    let rpl = UInt8(selector & 3)
    guard descriptor.isReadable else { throw fault(.TS, selector: selector, .notReadable) }
    guard descriptor.isConforming || (descriptor.dpl >= rpl && descriptor.dpl >= pointee.cpl) else {
      throw fault(.TS, selector: selector, .privilege)
    }
    guard descriptor.isPresent else { throw fault(.NP, selector: selector, .segmentNotPresent) }
    try markAccessed(selector, &descriptor)
    setSegment(name, selector, descriptor)
  }

  private func pushErrorCode(_ code: UInt32, is32: Bool) throws(Exit) {
    if is32 { try push(code) } else { try push(UInt16(truncatingIfNeeded: code)) }
  }
}
