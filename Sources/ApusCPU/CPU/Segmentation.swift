/// A segment or gate descriptor as it lies in memory (SDM Vol. 3, "Segment Descriptors").
struct Descriptor {
  var low: UInt64
  /// Bits 127:64 of a 16-byte system descriptor in IA-32e mode.
  var high: UInt64 = 0

  /// Access rights in the form of `Segment.attributes`.
  var attributes: UInt32 {
    UInt32(truncatingIfNeeded: low >> 40) & 0xFF | UInt32(truncatingIfNeeded: low >> 40) & 0xF000
  }
  var base: UInt64 {
    (low >> 16) & 0xFF_FFFF | (low >> 32) & 0xFF00_0000 | high << 32
  }
  /// In bytes, granularity applied.
  var limit: UInt32 {
    let raw = UInt32(truncatingIfNeeded: low & 0xFFFF) | UInt32(truncatingIfNeeded: (low >> 32) & 0xF_0000)
    return low & (1 << 55) != 0 ? raw << 12 | 0xFFF : raw
  }
  var type: UInt8 { UInt8(truncatingIfNeeded: low >> 40) & 15 }
  /// S: code or data rather than system.
  var isCodeOrData: Bool { low & (1 << 44) != 0 }
  var dpl: UInt8 { UInt8(truncatingIfNeeded: low >> 45) & 3 }
  var isPresent: Bool { low & (1 << 47) != 0 }
  var isCode: Bool { isCodeOrData && type & 8 != 0 }
  var isData: Bool { isCodeOrData && type & 8 == 0 }
  var isConforming: Bool { isCode && type & 4 != 0 }
  var isReadable: Bool { isCodeOrData && (type & 8 == 0 || type & 2 != 0) }
  var isWritableData: Bool { isData && type & 2 != 0 }
  /// L and D of a code segment.
  var isLong: Bool { low & (1 << 53) != 0 }
  var isDefault32: Bool { low & (1 << 54) != 0 }

  // Gates (SDM Vol. 3, "Call Gates", "IDT Descriptors").
  var gateSelector: UInt16 { UInt16(truncatingIfNeeded: low >> 16) }
  var gateOffset: UInt64 { low & 0xFFFF | (low >> 32) & 0xFFFF_0000 | high << 32 }
  var gateParameterCount: UInt64 { (low >> 32) & 31 }
  var gateIST: Int { Int(truncatingIfNeeded: low >> 32) & 7 }
}

/// System descriptor types.
enum SystemType {
  static let tss16Available: UInt8 = 1
  static let ldt: UInt8 = 2
  static let tss16Busy: UInt8 = 3
  static let callGate16: UInt8 = 4
  static let taskGate: UInt8 = 5
  static let interruptGate16: UInt8 = 6
  static let trapGate16: UInt8 = 7
  static let tss32Available: UInt8 = 9
  static let tss32Busy: UInt8 = 11
  static let callGate32: UInt8 = 12
  static let interruptGate32: UInt8 = 14
  static let trapGate32: UInt8 = 15
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Reads a system structure with supervisor rights.
  func loadSystem<T: OperandWidth>(_ linear: UInt64, _: T.Type = T.self) throws(Exit) -> T {
    try systemAccess(linear, MemoryLayout<T>.size, Access.read) { $0.loadUnaligned(as: T.self) }
  }

  func storeSystem<T: OperandWidth>(_ linear: UInt64, _ value: T) throws(Exit) {
    _ = try systemAccess(linear, MemoryLayout<T>.size, Access.write) { $0.storeUnaligned(value) }
  }

  /// Runs an access as CPL 0, whatever the CPL (SDM Vol. 3, "Determination of Access Rights": implicit
  /// supervisor-mode accesses).
  private func systemAccess<R>(
    _ linear: UInt64, _ size: Int, _ access: UInt32, _ body: (RawPointer) -> R
  ) throws(Exit) -> R {
    let cpl = pointee.cpl
    let bank = pointee.bank
    let checking = pointee.alignmentCheck
    pointee.cpl = 0
    pointee.bank = self.bank(0)
    pointee.alignmentCheck = false
    // What AC has let into the TLB is not for implicit accesses.
    dropSMAPEntries()
    defer {
      pointee.cpl = cpl
      pointee.bank = bank
      pointee.alignmentCheck = checking
    }
    let pointer = try slowPointer(isLongMode ? linear : linear & 0xFFFF_FFFF, size, access | Access.implicit)
    let result = body(pointer)
    if access & Access.write != 0 { Slow.commit(self) }
    pointee.bounceSize = 0
    return result
  }

  /// Reads the descriptor a selector names; `vector` is raised for a selector outside its table.
  func loadDescriptor(
    _ selector: UInt16, _ vector: Vector = .GP, isSystem: Bool = false
  ) throws(Exit) -> Descriptor {
    let offset = UInt64(selector & 0xFFF8)
    let base: UInt64
    let limit: UInt64
    if selector & 4 != 0 {
      guard !pointee.ldtr.isNull else { throw fault(vector, selector: selector, .ldtrIsNull) }
      base = pointee.ldtr.base
      limit = UInt64(pointee.ldtr.limit)
    } else {
      base = pointee.gdtr.base
      limit = UInt64(pointee.gdtr.limit)
    }
    guard offset + 7 <= limit else { throw fault(vector, selector: selector, .selectorBeyondTable) }
    var descriptor = Descriptor(low: try loadSystem(base &+ offset))
    if isSystem && isLongMode && !descriptor.isCodeOrData {
      guard offset + 15 <= limit else { throw fault(vector, selector: selector, .selectorBeyondTable) }
      descriptor.high = try loadSystem(base &+ offset &+ 8)
    }
    if _slowPath(pointee.hooks.contains(.segments)) {
      tell(
        .descriptor(
          DescriptorRead(
            selector: selector, linear: base &+ offset, low: descriptor.low, high: descriptor.high)))
    }
    return descriptor
  }

  /// Sets the accessed bit of a code or data descriptor in memory and in `descriptor`.
  func markAccessed(_ selector: UInt16, _ descriptor: inout Descriptor) throws(Exit) {
    guard descriptor.low & (1 << 40) == 0 else { return }
    descriptor.low |= 1 << 40
    let base = selector & 4 != 0 ? pointee.ldtr.base : pointee.gdtr.base
    let linear = base &+ UInt64(selector & 0xFFF8)
    try storeSystem(linear &+ 5, UInt8(truncatingIfNeeded: descriptor.low >> 40))
  }

  /// To be called before an instruction or an event gives a segment register another base: events are told with the
  /// linear address of the code that causes them.
  @inline(__always)
  func willChange(_ name: SegmentName) {
    if _slowPath(name == .cs && !pointee.hooks.isEmpty) { keepPlace() }
  }

  /// Fills a segment register from a descriptor that passed its checks.
  func setSegment(_ name: SegmentName, _ selector: UInt16, _ descriptor: Descriptor) {
    willChange(name)
    let segment = segment(name)
    segment.pointee.selector = selector
    segment.pointee.base = descriptor.base
    segment.pointee.limit = descriptor.limit
    segment.pointee.attributes = descriptor.attributes
    segment.pointee.isNull = false
    updateSegment(name)
  }

  /// Loads a null selector into a data segment register. Base and limit become zero, as CPUID reports
  /// (8000_0021H:EAX, NullSelectClearsBase).
  func setNullSegment(_ name: SegmentName, _ selector: UInt16) {
    willChange(name)
    let segment = segment(name)
    segment.pointee.selector = selector
    segment.pointee.isNull = true
    segment.pointee.attributes = 0
    segment.pointee.base = 0
    segment.pointee.limit = 0
    updateSegment(name)
  }

  /// Real-address and virtual-8086 mode: base = selector × 16. Real mode keeps limit and attributes, which
  /// makes "unreal mode" work.
  func loadRealSegment(_ name: SegmentName, _ selector: UInt16) {
    willChange(name)
    let segment = segment(name)
    segment.pointee.selector = selector
    segment.pointee.base = UInt64(selector) << 4
    segment.pointee.isNull = false
    if isVirtual8086 {
      segment.pointee.limit = 0xFFFF
      segment.pointee.attributes = 0xF3
    } else if name == .cs {
      segment.pointee.attributes = (segment.pointee.attributes & 0x4000) | 0x93
    }
    updateSegment(name)
  }

  /// Recomputes what is derived from a segment's base, limit and attributes.
  func updateSegment(_ name: SegmentName) {
    let segment = segment(name)
    if _slowPath(pointee.hooks.contains(.segments)) { tell(.segment(name, segment.pointee.register)) }
    if name == .fs { pointee.fsBase = segment.pointee.base }
    if name == .gs { pointee.gsBase = segment.pointee.base }
    if is64Bit {
      segment.pointee.readLow = 0
      segment.pointee.readHigh = ~0
      segment.pointee.writeLow = 0
      segment.pointee.writeHigh = ~0
      return
    }
    let attributes = segment.pointee.attributes
    let isCode = attributes & 8 != 0
    var low: UInt64 = 0
    var high = UInt64(segment.pointee.limit)
    if !isCode && attributes & 4 != 0 {
      low = high + 1
      high = attributes & 0x4000 != 0 ? 0xFFFF_FFFF : 0xFFFF
    }
    let isUsable = !segment.pointee.isNull && attributes & 0x80 != 0
    let isReadable = isUsable && (!isCode || attributes & 2 != 0 || !hasDescriptors)
    let isWritable = isUsable && (!isCode && attributes & 2 != 0 || !hasDescriptors)
    segment.pointee.readLow = isReadable ? low : 1
    segment.pointee.readHigh = isReadable ? high : 0
    segment.pointee.writeLow = isWritable ? low : 1
    segment.pointee.writeHigh = isWritable ? high : 0
  }

  /// `MOV` and `POP` to a data or stack segment register, in any mode.
  func loadSegment(_ name: SegmentName, _ selector: UInt16) throws(Exit) {
    guard hasDescriptors else { return loadRealSegment(name, selector) }
    if name == .ss { return try loadStackSegment(selector, cpl: pointee.cpl) }
    guard selector & 0xFFFC != 0 else { return setNullSegment(name, selector) }
    var descriptor = try loadDescriptor(selector)
    let rpl = UInt8(selector & 3)
    guard descriptor.isReadable else { throw fault(.GP, selector: selector, .notReadable) }
    guard descriptor.isConforming || (descriptor.dpl >= rpl && descriptor.dpl >= pointee.cpl) else {
      throw fault(.GP, selector: selector, .privilege)
    }
    guard descriptor.isPresent else { throw fault(.NP, selector: selector, .segmentNotPresent) }
    try markAccessed(selector, &descriptor)
    setSegment(name, selector, descriptor)
  }

  /// Loads SS for privilege `cpl`; faults are `vector` (#GP from `MOV`, #TS from a stack switch).
  func loadStackSegment(_ selector: UInt16, cpl: UInt8, _ vector: Vector = .GP) throws(Exit) {
    if selector & 0xFFFC == 0 {
      guard is64Bit && cpl != 3 && UInt8(selector & 3) == cpl else {
        throw fault(vector, selector: 0, .nullStackSelector)
      }
      return setNullSegment(.ss, selector)
    }
    var descriptor = try loadDescriptor(selector, vector)
    guard descriptor.isWritableData else { throw fault(vector, selector: selector, .notWritable) }
    guard UInt8(selector & 3) == cpl, descriptor.dpl == cpl else {
      throw fault(vector, selector: selector, .privilege)
    }
    guard descriptor.isPresent else { throw fault(.SS, selector: selector, .segmentNotPresent) }
    try markAccessed(selector, &descriptor)
    setSegment(.ss, selector, descriptor)
  }

  private func tellMode() {
    let processor = processor
    let now = (self.mode, pointee.cpl)
    guard now != processor.toldMode else { return }
    let (mode, cpl) = processor.toldMode
    processor.toldMode = now
    tell(.mode(ModeChange(from: mode, to: now.0, fromCPL: cpl, toCPL: now.1)))
  }

  /// Recomputes the code mode, segments' limits, masks and caches after CS, SS.B, CPL, CR0.PE, EFER.LMA or
  /// RFLAGS.VM changed.
  func privilegeOrModeChanged() {
    let cs = segment(.cs)
    var mode: UInt8
    if isLongMode && cs.pointee.attributes & 0x2000 != 0 {
      mode = CodeMode.code64
    } else {
      mode = cs.pointee.attributes & 0x4000 != 0 ? CodeMode.code32 : CodeMode.code16
      if segment(.ss).pointee.attributes & 0x4000 != 0 { mode |= CodeMode.stack32 }
    }
    if isLongMode { mode |= CodeMode.long }
    if hasDescriptors { mode |= CodeMode.protected }
    let was64Bit = is64Bit
    let old = pointee.codeMode
    pointee.codeMode = mode
    if _slowPath(pointee.hooks.contains(.modes)) { tellMode() }
    if was64Bit != is64Bit || (old ^ mode) & CodeMode.protected != 0 {
      for name in [SegmentName.es, .cs, .ss, .ds, .fs, .gs] { updateSegment(name) }
    }
    pointee.linearMask = is64Bit ? ~0 : 0xFFFF_FFFF
    updateVectorFaults()
    pointee.codeTag = is64Bit ? 0 : cs.pointee.base << 32
    selectBank()
    // What, besides RIP, the code base and privilege, decides which block an entry may lead to.
    let key = UInt64(mode) | (is64Bit ? 0 : UInt64(cs.pointee.limit) << 8)
    let index = pointee.cpl == 3 ? 1 : 0
    let known = index == 1 ? pointee.jumpKeyUser : pointee.jumpKeySupervisor
    if known != key {
      // What the bank holds was decoded for another mode.
      flushJumpCache(bank(index))
      flushJumpCache(bank(2))
      if index == 0 { pointee.jumpKeySupervisor = key } else { pointee.jumpKeyUser = key }
    }
  }
}
