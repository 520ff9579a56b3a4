// `SYSCALL`, `SYSRET`, `SYSENTER`, `SYSEXIT`. On AMD's processors `SYSCALL` works in every mode and `SYSENTER` not
// in long mode (AMD APM Vol. 2, "Fast System Call and Return"; Vol. 3, the instructions' pages); on Intel's
// `SYSCALL` works in 64-bit mode alone and `SYSENTER` in every protected mode (SDM Vol. 2, their pages; Vol. 3,
// "Fast System Calls in 64-Bit Mode").

extension UnsafeMutablePointer where Pointee == CPUState {
  func SYSCALL(_ op: OpPointer) throws(Exit) -> OpPointer {
    try requireSyscall()
    let star = pointee.msr.star
    let selector = UInt16(truncatingIfNeeded: star >> 32)
    let target: UInt64
    self[.rcx] = op.nextRIP & instructionPointerMask
    if isLongMode {
      let image = rflags & ~RFLAGS.RF
      self[.r11] = image
      target = is64Bit ? pointee.msr.lstar : pointee.msr.cstar
      // With TF masked no single-step trap follows: the kernel's first instruction must not trap.
      if image & RFLAGS.TF != 0 && pointee.msr.sfmask & RFLAGS.TF != 0 { pointee.suppressStepTrap = true }
      let hadAC = image & RFLAGS.AC != 0
      rflags = image & ~pointee.msr.sfmask
      if hadAC && pointee.systemFlags & RFLAGS.AC == 0 { dropSMAPEntries() }
    } else {
      target = star & 0xFFFF_FFFF
      pointee.systemFlags &= ~(RFLAGS.VM | RFLAGS.IF | RFLAGS.RF)
    }
    loadFlatCode(selector & 0xFFFC, dpl: 0, isLong: isLongMode)
    loadFlatStack((selector & 0xFFFC) &+ 8, dpl: 0)
    return enter(op, cpl: 0, rip: target)
  }

  /// `SYSRET`; with REX.W to 64-bit mode. A return address that is not canonical faults when it is fetched, in
  /// user mode; on Intel's processors at once, in kernel mode.
  /// Departs from hardware: SS gets the attributes of a flat stack segment, which AMD processors leave as
  /// they were.
  func SYSRET<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    try requireSyscall()
    guard hasDescriptors else { throw fault(.GP, .noDescriptors) }
    try requireCPL0()
    if pointee.isIntel && T.self == UInt64.self {
      guard isCanonical(self[.rcx]) else { throw fault(.GP, .notCanonical) }
    }
    let selector = UInt16(truncatingIfNeeded: pointee.msr.star >> 48)
    let to64 = T.self == UInt64.self
    let target = to64 ? self[.rcx] : self[.rcx] & 0xFFFF_FFFF
    if isLongMode {
      let hadAC = pointee.systemFlags & RFLAGS.AC != 0
      rflags = self[.r11] & ~(RFLAGS.RF | RFLAGS.VM)
      if hadAC && pointee.systemFlags & RFLAGS.AC == 0 { dropSMAPEntries() }
    } else {
      pointee.systemFlags |= RFLAGS.IF
    }
    loadFlatCode((to64 ? selector &+ 16 : selector) | 3, dpl: 3, isLong: to64)
    loadFlatStack((selector &+ 8) | 3, dpl: 3)
    let next = enter(op, cpl: 3, rip: target)
    flagsChanged()
    return next
  }

  /// #UD where `SYSCALL` and `SYSRET` do not exist or are off.
  private func requireSyscall() throws(Exit) {
    guard pointee.efer & EFER.SCE != 0 else { throw fault(.UD, .syscallOff) }
    guard is64Bit || !pointee.isIntel else { throw fault(.UD, .only64BitMode) }
  }

  func SYSENTER(_ op: OpPointer) throws(Exit) -> OpPointer {
    guard !isLongMode || pointee.isIntel else { throw fault(.UD, .notInLongMode) }
    let selector = UInt16(truncatingIfNeeded: pointee.msr.sysenterCS)
    guard isProtected else { throw fault(.GP, .realAddressMode) }
    guard selector & 0xFFFC != 0 else { throw fault(.GP, .sysenterNull) }
    pointee.systemFlags &= ~(RFLAGS.VM | RFLAGS.IF | RFLAGS.RF)
    let mask: UInt64 = isLongMode ? ~0 : 0xFFFF_FFFF
    loadFlatCode(selector & 0xFFFC, dpl: 0, isLong: isLongMode)
    loadFlatStack((selector & 0xFFFC) &+ 8, dpl: 0)
    self[.rsp] = pointee.msr.sysenterESP & mask
    return enter(op, cpl: 0, rip: pointee.msr.sysenterEIP & mask)
  }

  /// `SYSEXIT`; with REX.W, on Intel's processors, to 64-bit mode.
  func SYSEXIT<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    guard !isLongMode || pointee.isIntel else { throw fault(.UD, .notInLongMode) }
    let selector = UInt16(truncatingIfNeeded: pointee.msr.sysenterCS)
    guard hasDescriptors else { throw fault(.GP, .noDescriptors) }
    try requireCPL0()
    guard selector & 0xFFFC != 0 else { throw fault(.GP, .sysenterNull) }
    let to64 = T.self == UInt64.self
    let mask: UInt64 = to64 ? ~0 : 0xFFFF_FFFF
    let (target, stack) = (self[.rdx] & mask, self[.rcx] & mask)
    guard isCanonical(target), isCanonical(stack) else { throw fault(.GP, .notCanonical) }
    loadFlatCode((selector &+ (to64 ? 32 : 16)) | 3, dpl: 3, isLong: to64)
    loadFlatStack((selector &+ (to64 ? 40 : 24)) | 3, dpl: 3)
    self[.rsp] = stack
    return enter(op, cpl: 3, rip: target)
  }

  private func enter(_ op: OpPointer, cpl: UInt8, rip: UInt64) -> OpPointer {
    pointee.cpl = cpl
    privilegeOrModeChanged()
    return leave(op, to: rip)
  }

  /// CS with base 0 and limit 4 GiB, execute/read, accessed, without reading a descriptor.
  private func loadFlatCode(_ selector: UInt16, dpl: UInt8, isLong: Bool) {
    let attributes: UInt32 = (isLong ? 0xA09B : 0xC09B) | UInt32(dpl) << 5
    loadFlat(.cs, selector, attributes)
  }

  private func loadFlatStack(_ selector: UInt16, dpl: UInt8) {
    loadFlat(.ss, selector, 0xC093 | UInt32(dpl) << 5)
  }

  private func loadFlat(_ name: SegmentName, _ selector: UInt16, _ attributes: UInt32) {
    willChange(name)
    let segment = segment(name)
    segment.pointee.selector = selector
    segment.pointee.base = 0
    segment.pointee.limit = .max
    segment.pointee.attributes = attributes
    segment.pointee.isNull = false
    updateSegment(name)
  }
}
