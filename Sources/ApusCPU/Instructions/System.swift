// SDM Vol. 1 ch. 5, "System Instructions": time stamps, caches, translations, monitor, segment bases.

extension UnsafeMutablePointer where Pointee == CPUState {
  // MARK: Time stamps

  /// What the guest's time-stamp counter shows at `op`.
  func timeStamp(_ op: OpPointer) -> UInt64 { timeSinceReset(op) &+ pointee.msr.tscOffset }

  /// The time-stamp counter without IA32_TSC_ADJUST.
  func timeSinceReset(_ op: OpPointer) -> UInt64 { now(op) &- pointee.msr.tscOrigin }

  private func checkTimeStampAccess() throws(Exit) {
    if pointee.cr4 & CR4.TSD != 0 { try requireCPL0() }
  }

  func RDTSC(_ op: OpPointer) throws(Exit) {
    try checkTimeStampAccess()
    setPair(timeStamp(op))
  }

  func RDTSCP(_ op: OpPointer) throws(Exit) {
    try checkTimeStampAccess()
    setPair(timeStamp(op))
    self[.rcx] = pointee.msr.tscAux & 0xFFFF_FFFF
  }

  func RDPID(_ op: OpPointer) throws(Exit) {
    if is64Bit {
      setRegister(op.pointee.base, pointee.msr.tscAux)
    } else {
      setRegister(op.pointee.base, UInt32(truncatingIfNeeded: pointee.msr.tscAux))
    }
  }

  /// Both draw from one generator, whose state is the guest's: runs with the same input get the same numbers.
  func RDRAND<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) { drawRandom(op, T.self) }
  func RDSEED<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) { drawRandom(op, T.self) }

  /// SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators"). CF tells of success, the
  /// other flags are cleared.
  @inline(__always)
  private func drawRandom<T: OperandWidth>(_ op: OpPointer, _: T.Type) {
    pointee.randomState &+= 0x9E37_79B9_7F4A_7C15
    var value = pointee.randomState
    value = (value ^ value &>> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value &>> 27) &* 0x94D0_49BB_1331_11EB
    setRegister(op.pointee.base, T(truncatingIfNeeded: value ^ value &>> 31))
    flags = LazyFlags(image: RFLAGS.CF)
  }

  /// CPUID reports no performance counters, so every counter number is invalid.
  func RDPMC(_ op: OpPointer) throws(Exit) { throw fault(.GP, .counterAbsent) }

  // MARK: Caches and translations

  /// There are no caches to write back.
  func INVD(_ op: OpPointer) throws(Exit) { try requireCPL0() }
  func WBINVD(_ op: OpPointer) throws(Exit) { try requireCPL0() }

  /// Instructions run one after the other as it is; this one ends its block.
  func SERIALIZE(_ op: OpPointer) throws(Exit) {}

  /// `CLFLUSH`, `CLFLUSHOPT`, `CLWB`: nothing to flush, but the address is checked as a load's is.
  func CLFLUSH(_ op: OpPointer) throws(Exit) {
    let linear = try segmentedAddress(op, 1, Access.read)
    _ = try translate(linear, Access.read | userBit)
  }

  /// `INVLPG`: no segment limit applies and nothing faults but privilege; an address that is not canonical
  /// names no page.
  func INVLPG(_ op: OpPointer) throws(Exit) {
    try requireCPL0()
    let base = segment(at: op.pointee.segmentIndex).pointee.base
    let linear = (effectiveAddress(op) &+ base) & pointee.linearMask
    guard isCanonical(linear) else { return }
    flushTranslations(.page(linear))
    pointee.attention = 1
  }

  /// `INVPCID`. The TLB holds the translations of the present PCID alone, so those of another are gone
  /// already.
  func INVPCID(_ op: OpPointer) throws(Exit) {
    try requireCPL0()
    let slot = op.pointee.destination
    let kind: UInt64 = is64Bit ? register(slot) : UInt64(register(slot, UInt32.self))
    let (pcid, linear) = try loadOperand(op, (UInt64, UInt64).self)
    guard kind <= 3 else { throw fault(.GP, .invpcidType) }
    guard pcid >> 12 == 0 else { throw fault(.GP, .invpcidDescriptor) }
    if kind < 2 {
      guard pcid == 0 || pointee.cr4 & CR4.PCIDE != 0 else { throw fault(.GP, .invpcidDescriptor) }
      guard kind == 1 || isCanonical(linear) else { throw fault(.GP, .notCanonical) }
    }
    let isPresent = pointee.cr4 & CR4.PCIDE == 0 || pcid == pointee.cr3 & 0xFFF
    switch kind {
    case 0: if isPresent { flushTranslations(.page(linear)) }
    case 1: if isPresent { flushTranslations(.nonGlobal) }
    case 2: flushTranslations(.all)
    default: flushTranslations(.nonGlobal)
    }
    pointee.attention = 1
  }

  // MARK: Monitor

  /// `MONITOR`: the address in rAX is checked as a load's is. Without a second processor the monitored line
  /// needs no watching.
  func MONITOR(_ op: OpPointer) throws(Exit) {
    guard pointee.cpl == 0 else { throw fault(.UD, .privilegedInstruction) }
    guard self[.rcx] & 0xFFFF_FFFF == 0 else { throw fault(.GP, .registerNotZero) }
    let offset = self[.rax] & op.pointee.addressMask
    let index = is64Bit ? SegmentName.flat : SegmentName.ds
    let linear = try linearAddress(Int(index.rawValue), offset, 1, Access.read)
    _ = try translate(linear, Access.read)
    pointee.monitorArmed = true
  }

  /// `MWAIT`: waits as `HLT` does if `MONITOR` was executed since the last event.
  /// Departs from hardware: a device's store to the monitored line ends the wait only with its interrupt.
  func MWAIT(_ op: OpPointer) throws(Exit) -> OpPointer {
    guard pointee.cpl == 0 else { throw fault(.UD, .privilegedInstruction) }
    // CPUID.05H:ECX reports no extensions.
    guard self[.rcx] & 0xFFFF_FFFF == 0 else { throw fault(.GP, .registerNotZero) }
    if pointee.monitorArmed {
      pointee.monitorArmed = false
      pointee.halted = true
      pointee.attention = 1
    }
    return leave(op, to: op.nextRIP & instructionPointerMask)
  }

  // MARK: SMAP override

  func CLAC(_ op: OpPointer) throws(Exit) {
    guard pointee.cpl == 0 else { throw fault(.UD, .privilegedInstruction) }
    setFlag(RFLAGS.AC, false)
    dropSMAPEntries()
  }

  func STAC(_ op: OpPointer) throws(Exit) {
    guard pointee.cpl == 0 else { throw fault(.UD, .privilegedInstruction) }
    setFlag(RFLAGS.AC, true)
  }

  // MARK: FS and GS bases

  func setFSBase(_ base: UInt64) {
    segment(.fs).pointee.base = base
    pointee.fsBase = base
  }

  func setGSBase(_ base: UInt64) {
    segment(.gs).pointee.base = base
    pointee.gsBase = base
  }

  func SWAPGS(_ op: OpPointer) throws(Exit) {
    try requireCPL0()
    let base = segment(.gs).pointee.base
    setGSBase(pointee.msr.kernelGSBase)
    pointee.msr.kernelGSBase = base
  }

  private func checkFSGSBASE() throws(Exit) {
    guard pointee.cr4 & CR4.FSGSBASE != 0 else { throw fault(.UD, .fsgsbaseOff) }
  }

  func RDFSBASE<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try checkFSGSBASE()
    setRegister(op.pointee.base, T(truncatingIfNeeded: segment(.fs).pointee.base))
  }

  func RDGSBASE<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try checkFSGSBASE()
    setRegister(op.pointee.base, T(truncatingIfNeeded: segment(.gs).pointee.base))
  }

  func WRFSBASE<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    setFSBase(try newBase(op, T.self))
  }

  func WRGSBASE<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    setGSBase(try newBase(op, T.self))
  }

  private func newBase<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> UInt64 {
    try checkFSGSBASE()
    let base = register(op.pointee.base, T.self).zeroExtended
    guard isCanonical(base) else { throw fault(.GP, .notCanonical) }
    return base
  }

  /// There is no system-management mode to resume from.
  func RSM(_ op: OpPointer) throws(Exit) -> OpPointer { throw fault(.UD, .notSystemManagement) }
}
