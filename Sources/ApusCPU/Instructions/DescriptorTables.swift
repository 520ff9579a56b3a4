// SDM Vol. 2: the instructions that load and store descriptor-table registers and the task register, and
// those that ask about descriptors (`LAR`, `LSL`, `VERR`, `VERW`).

extension UnsafeMutablePointer where Pointee == CPUState {
  func SGDT(_ op: OpPointer) throws(Exit) { try storeTable(op, pointee.gdtr) }
  func SIDT(_ op: OpPointer) throws(Exit) { try storeTable(op, pointee.idtr) }

  /// Limit, then a base of 32 bits (64 in 64-bit mode) whatever the operand size, as processors since the
  /// 80386 do (AMD APM Vol. 3, `SGDT`).
  private func storeTable(_ op: OpPointer, _ table: DescriptorTable) throws(Exit) {
    try checkUMIP()
    let size = is64Bit ? 10 : 6
    let linear = try segmentedAddress(op, size, Access.write)
    let pointer = try slowPointer(linear, size, Access.write)
    pointer.storeUnaligned(table.limit)
    if size == 10 {
      (pointer + 2).storeUnaligned(table.base)
    } else {
      (pointer + 2).storeUnaligned(UInt32(truncatingIfNeeded: table.base))
    }
    Slow.commit(self)
  }

  func LGDT<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    pointee.gdtr = try loadTable(op, T.self)
  }

  func LIDT<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    pointee.idtr = try loadTable(op, T.self)
  }

  /// A 16-bit operand size takes 24 bits of the base; 64-bit mode ignores the operand size.
  private func loadTable<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> DescriptorTable {
    try requireCPL0()
    let size = is64Bit ? 10 : 6
    let linear = try segmentedAddress(op, size, Access.read)
    let pointer = try slowPointer(linear, size, Access.read)
    let limit = pointer.loadUnaligned(as: UInt16.self)
    var base =
      is64Bit
      ? (pointer + 2).loadUnaligned(as: UInt64.self) : UInt64((pointer + 2).loadUnaligned(as: UInt32.self))
    pointee.bounceSize = 0
    if T.self == UInt16.self && !is64Bit { base &= 0xFF_FFFF }
    guard isCanonical(base) else { throw fault(.GP, .notCanonical) }
    return DescriptorTable(base: base, limit: limit)
  }

  /// #UD where there are no descriptors: real-address and virtual-8086 mode.
  private func requireDescriptors() throws(Exit) {
    guard hasDescriptors else { throw fault(.UD, .noDescriptors) }
  }

  func SLDT<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try requireDescriptors()
    try checkUMIP()
    try storeWord(op, UInt64(pointee.ldtr.selector), T.self)
  }

  func STR<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try requireDescriptors()
    try checkUMIP()
    try storeWord(op, UInt64(pointee.tr.selector), T.self)
  }

  func LLDT(_ op: OpPointer) throws(Exit) {
    try requireDescriptors()
    try requireCPL0()
    let selector = try readE(op, UInt16.self)
    try loadLDTR(selector, .GP)
  }

  /// Loads LDTR; a bad selector or descriptor raises `vector` (#GP from `LLDT`, #TS from a task switch).
  func loadLDTR(_ selector: UInt16, _ vector: Vector) throws(Exit) {
    guard selector & 0xFFFC != 0 else {
      pointee.ldtr = Segment(limit: 0, attributes: 0, selector: selector, isNull: true)
      return
    }
    guard selector & 4 == 0 else { throw fault(vector, selector: selector, .needsGDT) }
    let descriptor = try loadDescriptor(selector, vector, isSystem: true)
    guard !descriptor.isCodeOrData, descriptor.type == SystemType.ldt else {
      throw fault(vector, selector: selector, .notSystem)
    }
    guard isValidHigh(descriptor) else { throw fault(vector, selector: selector, .descriptorUpperHalf) }
    guard descriptor.isPresent else {
      throw fault(vector == .TS ? .TS : .NP, selector: selector, .segmentNotPresent)
    }
    guard isCanonical(descriptor.base) else { throw fault(vector, selector: selector, .notCanonical) }
    pointee.ldtr = systemSegment(selector, descriptor)
  }

  func LTR(_ op: OpPointer) throws(Exit) {
    try requireDescriptors()
    try requireCPL0()
    let selector = try readE(op, UInt16.self)
    guard selector & 0xFFFC != 0 else { throw fault(.GP, .nullSelector) }
    guard selector & 4 == 0 else { throw fault(.GP, selector: selector, .needsGDT) }
    var descriptor = try loadDescriptor(selector, isSystem: true)
    let isAvailable =
      descriptor.type == SystemType.tss32Available
      || (descriptor.type == SystemType.tss16Available && !isLongMode)
    guard !descriptor.isCodeOrData, isAvailable else {
      throw fault(.GP, selector: selector, typeRule(descriptor))
    }
    guard isValidHigh(descriptor) else { throw fault(.GP, selector: selector, .descriptorUpperHalf) }
    guard descriptor.isPresent else { throw fault(.NP, selector: selector, .segmentNotPresent) }
    guard isCanonical(descriptor.base) else { throw fault(.GP, selector: selector, .notCanonical) }
    try setBusy(selector, &descriptor, true)
    pointee.tr = systemSegment(selector, descriptor)
  }

  /// The type field of the upper half of a 16-byte descriptor must be zero.
  func isValidHigh(_ descriptor: Descriptor) -> Bool { (descriptor.high >> 40) & 0x1F == 0 }

  /// Why a descriptor does not do where an available TSS would.
  func typeRule(_ descriptor: Descriptor) -> Rule {
    guard !descriptor.isCodeOrData else { return .notSystem }
    let isBusy = descriptor.type == SystemType.tss16Busy || descriptor.type == SystemType.tss32Busy
    return isBusy ? .taskBusy : .notSystem
  }

  /// LDTR or TR from its descriptor.
  func systemSegment(_ selector: UInt16, _ descriptor: Descriptor) -> Segment {
    Segment(
      base: descriptor.base, limit: descriptor.limit, attributes: descriptor.attributes,
      selector: selector, isNull: false)
  }

  /// Sets or clears the busy flag of a TSS descriptor in the GDT and in `descriptor`.
  func setBusy(_ selector: UInt16, _ descriptor: inout Descriptor, _ isBusy: Bool) throws(Exit) {
    let bit: UInt64 = 1 << 41
    descriptor.low = isBusy ? descriptor.low | bit : descriptor.low & ~bit
    let linear = pointee.gdtr.base &+ UInt64(selector & 0xFFF8)
    try storeSystem(linear &+ 5, UInt8(truncatingIfNeeded: descriptor.low >> 40))
  }

  // MARK: Questions about descriptors

  /// The descriptor a selector names, or nil where `LAR` and its kin clear ZF: null, or outside its table.
  /// Memory faults are faults.
  private func findDescriptor(_ selector: UInt16) throws(Exit) -> Descriptor? {
    guard selector & 0xFFFC != 0 else { return nil }
    let isLocal = selector & 4 != 0
    if isLocal && pointee.ldtr.isNull { return nil }
    let limit = isLocal ? UInt64(pointee.ldtr.limit) : UInt64(pointee.gdtr.limit)
    let base = isLocal ? pointee.ldtr.base : pointee.gdtr.base
    let offset = UInt64(selector & 0xFFF8)
    guard offset + 7 <= limit else { return nil }
    var descriptor = Descriptor(low: try loadSystem(base &+ offset))
    if isLongMode && !descriptor.isCodeOrData {
      guard offset + 15 <= limit else { return nil }
      descriptor.high = try loadSystem(base &+ offset &+ 8)
      guard isValidHigh(descriptor) else { return nil }
    }
    return descriptor
  }

  /// Whether CPL and RPL may see a descriptor.
  private func isVisible(_ descriptor: Descriptor, _ selector: UInt16) -> Bool {
    descriptor.isConforming
      || (descriptor.dpl >= pointee.cpl && descriptor.dpl >= UInt8(selector & 3))
  }

  private func setZF(_ value: Bool) {
    flags = LazyFlags(image: (arithmeticFlags & ~RFLAGS.ZF) | (value ? RFLAGS.ZF : 0))
  }

  func LAR<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try requireDescriptors()
    let selector = try readE(op, UInt16.self)
    guard let descriptor = try findDescriptor(selector), isVisible(descriptor, selector) else {
      return setZF(false)
    }
    if !descriptor.isCodeOrData {
      switch descriptor.type {
      case SystemType.ldt, SystemType.tss32Available, SystemType.tss32Busy, SystemType.callGate32: break
      case SystemType.tss16Available, SystemType.tss16Busy, SystemType.callGate16, SystemType.taskGate:
        if isLongMode { return setZF(false) }
      default: return setZF(false)
      }
    }
    // The limit's upper bits, which the manuals leave undefined, come along as on hardware.
    let rights = (descriptor.low >> 32) & 0x00FF_FF00
    setRegister(op.pointee.destination, T(truncatingIfNeeded: rights))
    setZF(true)
  }

  func LSL<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try requireDescriptors()
    let selector = try readE(op, UInt16.self)
    guard let descriptor = try findDescriptor(selector), isVisible(descriptor, selector) else {
      return setZF(false)
    }
    if !descriptor.isCodeOrData {
      switch descriptor.type {
      case SystemType.ldt, SystemType.tss32Available, SystemType.tss32Busy: break
      case SystemType.tss16Available, SystemType.tss16Busy: if isLongMode { return setZF(false) }
      default: return setZF(false)
      }
    }
    setRegister(op.pointee.destination, T(truncatingIfNeeded: descriptor.limit))
    setZF(true)
  }

  func VERR(_ op: OpPointer) throws(Exit) {
    try requireDescriptors()
    let selector = try readE(op, UInt16.self)
    guard let descriptor = try findDescriptor(selector) else { return setZF(false) }
    setZF(descriptor.isReadable && isVisible(descriptor, selector))
  }

  func VERW(_ op: OpPointer) throws(Exit) {
    try requireDescriptors()
    let selector = try readE(op, UInt16.self)
    guard let descriptor = try findDescriptor(selector) else { return setZF(false) }
    setZF(descriptor.isWritableData && isVisible(descriptor, selector))
  }
}
