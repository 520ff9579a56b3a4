// SDM Vol. 1 ch. 5, "Flag Control (EFLAG) Instructions"; virtual interrupts: Vol. 3, "Interrupt and Exception
// Handling in Virtual-8086 Mode", "Protected-Mode Virtual Interrupts".

/// What `CLI`, `STI`, `PUSHF` and `POPF` act on at the present privilege.
private enum InterruptFlagAccess {
  /// IF itself.
  case real
  /// VIF, under CR4.VME or CR4.PVI.
  case virtual
  /// Nothing: #GP.
  case none
}

extension UnsafeMutablePointer where Pointee == CPUState {
  func CMC(_ op: OpPointer) throws(Exit) { flags = LazyFlags(image: arithmeticFlags ^ RFLAGS.CF) }
  func CLC(_ op: OpPointer) throws(Exit) { flags = LazyFlags(image: arithmeticFlags & ~RFLAGS.CF) }
  func STC(_ op: OpPointer) throws(Exit) { flags = LazyFlags(image: arithmeticFlags | RFLAGS.CF) }
  func CLD(_ op: OpPointer) throws(Exit) { setFlag(RFLAGS.DF, false) }
  func STD(_ op: OpPointer) throws(Exit) { setFlag(RFLAGS.DF, true) }

  /// AH is bits 7:0 of RFLAGS: SF ZF 0 AF 0 PF 1 CF.
  func LAHF(_ op: OpPointer) throws(Exit) {
    guard !is64Bit || has(.lahf_lm) else { throw fault(.UD, .instructionAbsent) }
    let image = arithmeticFlags & ~RFLAGS.OF | 2
    setRegister(GPR.rax.slot + 1, UInt8(truncatingIfNeeded: image))
  }

  func SAHF(_ op: OpPointer) throws(Exit) {
    guard !is64Bit || has(.lahf_lm) else { throw fault(.UD, .instructionAbsent) }
    let ah: UInt8 = register(GPR.rax.slot + 1)
    let mask = RFLAGS.arithmetic & ~RFLAGS.OF
    flags = LazyFlags(image: (arithmeticFlags & RFLAGS.OF) | (UInt64(ah) & mask))
  }

  private var interruptFlagAccess: InterruptFlagAccess {
    guard isProtected, pointee.cpl > iopl else { return .real }
    let enable = isVirtual8086 ? CR4.VME : CR4.PVI
    return pointee.cpl == 3 && pointee.cr4 & enable != 0 ? .virtual : .none
  }

  func CLI(_ op: OpPointer) throws(Exit) {
    switch interruptFlagAccess {
    case .real: setFlag(RFLAGS.IF, false)
    case .virtual: setFlag(RFLAGS.VIF, false)
    case .none: throw fault(.GP, .ioPrivilege)
    }
  }

  /// Sets IF after the next instruction has run, if it was clear. VIF takes effect at once, and #GP tells the
  /// monitor of a virtual interrupt that waits.
  func STI(_ op: OpPointer) throws(Exit) {
    switch interruptFlagAccess {
    case .real:
      if pointee.systemFlags & RFLAGS.IF == 0 {
        setFlag(RFLAGS.IF, true)
        holdInterrupts(op, holdsDebug: false)
      }
    case .virtual:
      if pointee.systemFlags & RFLAGS.VIP != 0 { throw fault(.GP, .virtualInterruptPending) }
      setFlag(RFLAGS.VIF, true)
    case .none: throw fault(.GP, .ioPrivilege)
    }
  }

  /// Holds interrupts off for the instruction after `op` (SDM Vol. 3, "Masking Maskable Hardware Interrupts",
  /// "Masking Exceptions and Interrupts When Switching Stacks").
  func holdInterrupts(_ op: OpPointer, holdsDebug: Bool) {
    pointee.shadowUntil = now(op) + 1
    pointee.shadowHoldsDebug = holdsDebug
    if pointee.interruptLine && pointee.systemFlags & RFLAGS.IF != 0 { pointee.attention = 1 }
    if pointee.nmiPending || pointee.pendingDebug != 0 { pointee.attention = 1 }
  }

  /// `PUSHF`, `PUSHFD`, `PUSHFQ`: RF and VM are pushed as zero. A 16-bit one in virtual-8086 mode may show VIF
  /// as IF and IOPL as 3.
  func PUSHF<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    var image = rflags & ~(RFLAGS.RF | RFLAGS.VM)
    if isVirtual8086 && iopl < 3 {
      try requireVirtualFlags(T.self)
      image = virtualFlags(image)
    }
    try push(T(truncatingIfNeeded: image))
  }

  /// #GP(0) in virtual-8086 mode with IOPL below 3, unless CR4.VME gives an instruction of 16 bits a virtual IF.
  func requireVirtualFlags<T: OperandWidth>(_: T.Type) throws(Exit) {
    guard T.self == UInt16.self && pointee.cr4 & CR4.VME != 0 else {
      throw fault(.GP, .virtual8086Privilege)
    }
  }

  /// An RFLAGS image as a virtual-8086 program sees it under CR4.VME: IOPL 3, VIF in the place of IF.
  func virtualFlags(_ image: UInt64) -> UInt64 {
    (image & ~RFLAGS.IF) | RFLAGS.IOPL | (image & RFLAGS.VIF != 0 ? RFLAGS.IF : 0)
  }

  /// `POPF`, `POPFD`, `POPFQ` (SDM Vol. 2, `POPF`, "Effect of POPF/POPFD on the EFLAGS Register").
  func POPF<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    if isVirtual8086 && iopl < 3 {
      try requireVirtualFlags(T.self)
      return try popVirtualFlags()
    }
    let image = try pop(T.self).zeroExtended
    var mask = RFLAGS.arithmetic | RFLAGS.TF | RFLAGS.DF | RFLAGS.NT
    if T.self != UInt16.self { mask |= RFLAGS.AC | RFLAGS.ID }
    if !isProtected || pointee.cpl == 0 { mask |= RFLAGS.IOPL }
    if !isProtected || pointee.cpl <= iopl { mask |= RFLAGS.IF }
    replaceFlags(image, mask)
  }

  /// The 16-bit form in virtual-8086 mode with IOPL below 3, under CR4.VME.
  private func popVirtualFlags() throws(Exit) {
    try loadVirtualFlags(try peekStack(0, UInt16.self).zeroExtended)
    setStackPointer(self[.rsp] &+ 2)
  }

  /// Takes a 16-bit image as a virtual-8086 program under CR4.VME may: its IF is VIF, and TF and a virtual
  /// interrupt that waits are the monitor's business.
  func loadVirtualFlags(_ image: UInt64) throws(Exit) {
    let isBlocked = pointee.systemFlags & RFLAGS.VIP != 0 && image & RFLAGS.IF != 0
    guard !isBlocked else { throw fault(.GP, .virtualInterruptPending) }
    guard image & RFLAGS.TF == 0 else { throw fault(.GP, .virtualTrapFlag) }
    setFlag(RFLAGS.VIF, image & RFLAGS.IF != 0)
    replaceFlags(image, RFLAGS.arithmetic | RFLAGS.TF | RFLAGS.DF | RFLAGS.NT)
  }

  private func replaceFlags(_ image: UInt64, _ mask: UInt64) {
    let hadAC = pointee.systemFlags & RFLAGS.AC != 0
    rflags = (rflags & ~mask) | (image & mask)
    if hadAC && pointee.systemFlags & RFLAGS.AC == 0 { dropSMAPEntries() }
    flagsChanged()
  }
}
