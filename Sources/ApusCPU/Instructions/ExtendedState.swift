// Saving and restoring x87, MMX, SSE and AVX state: SDM Vol. 1, "Managing State Using the XSAVE Feature Set",
// "FXSAVE and FXRSTOR Instructions"; Vol. 2, the instructions' pages.

/// The state components of XCR0 and the layout of the XSAVE area.
enum XState {
  static let x87: UInt64 = 1
  static let sse: UInt64 = 2
  /// Bits 255:128 of the vector registers.
  static let avx: UInt64 = 4
  /// PKRU.
  static let pkru: UInt64 = 1 << 9
  /// Where AVX state lies in either format, and how much it is.
  static let avxOffset = 576
  static let avxSize = 256
  /// Where PKRU lies in the standard format, as on AMD's processors, and its size.
  static let pkruOffset = 2432
  static let pkruSize = 8

  /// Whether XCR0 may be `value` where `supported` exists: x87 state always, AVX state only with SSE state.
  static func isValid(_ value: UInt64, of supported: UInt64) -> Bool {
    value & x87 != 0 && value & ~supported == 0 && (value & avx == 0 || value & sse != 0)
  }

  /// Bytes of an area with these components; in the compacted format extended components lie one behind the
  /// other (SDM Vol. 1, "Extended Region of an XSAVE Area").
  static func size(_ components: UInt64, isCompacted: Bool) -> Int {
    let base = legacySize + headerSize
    if isCompacted {
      return base + (components & avx != 0 ? avxSize : 0) + (components & pkru != 0 ? pkruSize : 0)
    }
    if components & pkru != 0 { return pkruOffset + pkruSize }
    return components & avx != 0 ? avxOffset + avxSize : base
  }

  /// Where PKRU lies in an area with these components.
  static func pkruOffset(_ components: UInt64, isCompacted: Bool) -> UInt64 {
    UInt64(isCompacted ? size(components & avx, isCompacted: true) : pkruOffset)
  }

  /// The area of `FXSAVE`, then the header.
  static let legacySize = 512
  static let headerSize = 64
  /// XCOMP_BV bit 63: compacted format.
  static let compacted: UInt64 = 1 << 63
}

/// Where a save area lies.
private struct SaveArea {
  let base: UInt64
  let offset: UInt64
  let addressMask: UInt64
  let linearMask: UInt64
  /// All of it in host memory, if it lies in one page that the TLB has.
  var host: RawPointer?

  func linear(_ distance: UInt64) -> UInt64 { (base &+ (offset &+ distance) & addressMask) & linearMask }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  // MARK: Areas

  /// The save area that is an op's memory operand; each of its parts has an address that wraps at the address size.
  private func saveArea(_ op: OpPointer) -> SaveArea {
    SaveArea(
      base: segment(at: op.pointee.segmentIndex).pointee.base, offset: effectiveAddress(op),
      addressMask: op.pointee.addressMask, linearMask: pointee.linearMask)
  }

  /// Checks the segment and the page of the byte `offset` bytes into a save area. What follows the checks of all
  /// pages cannot fault half-way.
  private func reach(_ op: OpPointer, _ offset: Int, _ access: UInt32) throws(Exit) {
    let linear = try segmentedAddress(op, at: UInt64(offset), 1, access)
    _ = try translate(linear, access | userBit)
  }

  /// The area with its place in host memory, if one page holds `size` bytes of it.
  private func withHost(_ area: SaveArea, _ size: Int, _ access: UInt32) -> SaveArea {
    var area = area
    let isObserved = !pointee.hooks.isDisjoint(with: .everyAccess)
    if !isObserved && area.linear(UInt64(size - 1)) == area.linear(0) &+ UInt64(size - 1) {
      area.host = cachedPointer(area.linear(0), size, isWrite: access & Access.write != 0)
    }
    return area
  }

  private func load<T>(_ area: SaveArea, _ offset: UInt64, _: T.Type = T.self) throws(Exit) -> T {
    if let host = area.host { return (host + Int(offset)).loadUnaligned(as: T.self) }
    return try Slow.load(self, area.linear(offset))
  }

  private func store<T>(_ area: SaveArea, _ offset: UInt64, _ value: T) throws(Exit) {
    if let host = area.host { return (host + Int(offset)).storeUnaligned(value) }
    try Slow.store(self, area.linear(offset), value)
  }

  // MARK: x87 part

  /// Stores bytes 0–23 and the registers; `is64` is the format with 64-bit pointers. AMD's processors store the
  /// pointers of the last instruction only with an exception pending, else zeros (AMD APM Vol. 3, `FXSAVE`).
  private func storeX87(_ area: SaveArea, is64: Bool) throws(Exit) {
    var x87 = pointee.x87
    if !pointee.isIntel && x87.status & X87Status.ES == 0 {
      x87.opcode = 0
      x87.instructionPointer = 0
      x87.dataPointer = 0
      x87.instructionSelector = 0
      x87.dataSelector = 0
    }
    try store(
      area, 0,
      UInt64(x87.control) | UInt64(x87.status) << 16 | UInt64(x87.tag) << 32
        | UInt64(x87.opcode & 0x7FF) << 48)
    if is64 {
      try store(area, 8, x87.instructionPointer)
      try store(area, 16, x87.dataPointer)
    } else {
      try store(
        area, 8,
        x87.instructionPointer & 0xFFFF_FFFF | UInt64(x87.instructionSelector) << 32)
      try store(area, 16, x87.dataPointer & 0xFFFF_FFFF | UInt64(x87.dataSelector) << 32)
    }
    for index in 0..<8 as Range<UInt64> {
      let register = stackRegister(UInt8(index))
      try store(area, 32 + index * 16, significand(register).pointee)
      try store(area, 40 + index * 16, UInt64(exponent(register).pointee))
    }
  }

  private func loadX87(_ area: SaveArea, is64: Bool) throws(Exit) {
    let words: UInt64 = try load(area, 0)
    let instruction: UInt64 = try load(area, 8)
    let data: UInt64 = try load(area, 16)
    pointee.x87.control = UInt16(truncatingIfNeeded: words) & X87Control.writable | X87Control.fixed
    pointee.x87.status = UInt16(truncatingIfNeeded: words >> 16)
    pointee.x87.tag = UInt8(truncatingIfNeeded: words >> 32)
    pointee.x87.opcode = UInt16(truncatingIfNeeded: words >> 48) & 0x7FF
    if is64 {
      pointee.x87.instructionPointer = keptPointer(instruction)
      pointee.x87.dataPointer = keptPointer(data)
      pointee.x87.instructionSelector = 0
      pointee.x87.dataSelector = 0
    } else {
      pointee.x87.instructionPointer = instruction & 0xFFFF_FFFF
      pointee.x87.dataPointer = data & 0xFFFF_FFFF
      pointee.x87.instructionSelector = UInt16(truncatingIfNeeded: instruction >> 32)
      pointee.x87.dataSelector = UInt16(truncatingIfNeeded: data >> 32)
    }
    for index in 0..<8 as Range<UInt64> {
      let register = stackRegister(UInt8(index))
      significand(register).pointee = try load(area, 32 + index * 16)
      exponent(register).pointee = try load(area, 40 + index * 16)
    }
    updateX87Summary()
  }

  /// What the processor keeps of a 64-bit pointer of the last x87 instruction: on AMD's, 48 bits with their sign.
  private func keptPointer(_ pointer: UInt64) -> UInt64 {
    pointee.isIntel ? pointer : UInt64(bitPattern: Int64(bitPattern: pointer << 16) >> 16)
  }

  // MARK: SSE part

  /// XMM registers that the mode can name.
  var vectorCount: UInt8 { is64Bit ? 16 : 8 }

  private func storeVectors(_ area: SaveArea) throws(Exit) {
    for index in 0..<vectorCount {
      try store(area, 160 + UInt64(index) * 16, xmm(index).pointee)
    }
  }

  private func loadVectors(_ area: SaveArea) throws(Exit) {
    for index in 0..<vectorCount {
      xmm(index).pointee = try load(area, 160 + UInt64(index) * 16)
    }
  }

  private func storeUpperHalves(_ area: SaveArea) throws(Exit) {
    for index in 0..<vectorCount {
      try store(area, UInt64(XState.avxOffset) + UInt64(index) * 16, ymm(index).pointee.high)
    }
  }

  private func loadUpperHalves(_ area: SaveArea) throws(Exit) {
    for index in 0..<vectorCount {
      ymm(index).pointee.high = try load(area, UInt64(XState.avxOffset) + UInt64(index) * 16)
    }
  }

  /// MXCSR bits that exist; the others raise #GP.
  private var validMXCSR: UInt32 { 0xFFFF | (has(.misalignsse) ? MXCSR.MM : 0) }

  private func storeMXCSR(_ area: SaveArea) throws(Exit) {
    try store(area, 24, UInt64(pointee.mxcsr) | UInt64(validMXCSR) << 32)
  }

  /// MXCSR of an area; reserved bits raise #GP(0).
  private func areaMXCSR(_ area: SaveArea) throws(Exit) -> UInt32 {
    let value: UInt32 = try load(area, 24)
    guard value & ~validMXCSR == 0 else { throw fault(.GP, .reservedBits) }
    return value
  }

  // MARK: FXSAVE

  /// The area of `FXSAVE`: the limit counts for its first word before its alignment, which counts more than the type
  /// of the segment and than whether the end has an address; the end is looked at before the beginning.
  private func fxsaveArea(_ op: OpPointer, _ access: UInt32) throws(Exit) -> SaveArea {
    try checkX87()
    _ = try segmentedAddress(op, 4, is64Bit ? access : Access.read)
    let area = saveArea(op)
    if pointee.alignmentCheck && area.linear(0) & 3 != 0 { throw fault(.AC, .alignmentCheck) }
    guard area.linear(0) & 15 == 0 else { throw fault(.GP, .notAligned) }
    try reach(op, XState.legacySize - 1, access)
    try reach(op, 0, access)
    return withHost(area, XState.legacySize, access)
  }

  /// `FXSAVE`; `T` is 64 bits wide for `FXSAVE64`. Without CR4.OSFXSR XMM registers and MXCSR stay out of it
  /// (AMD APM Vol. 3, `FXSAVE`).
  func FXSAVE<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let area = try fxsaveArea(op, Access.write)
    try storeX87(area, is64: T.self == UInt64.self)
    if pointee.cr4 & CR4.OSFXSR != 0 {
      try storeMXCSR(area)
      try storeVectors(area)
    }
  }

  func FXRSTOR<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let area = try fxsaveArea(op, Access.read)
    if pointee.cr4 & CR4.OSFXSR != 0 {
      pointee.mxcsr = try areaMXCSR(area)
      try loadVectors(area)
    }
    try loadX87(area, is64: T.self == UInt64.self)
  }

  // MARK: MXCSR

  func LDMXCSR(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    try loadMXCSR(op)
  }
  func VLDMXCSR(_ op: OpPointer) throws(Exit) {
    try requireAVX()
    try loadMXCSR(op)
  }
  private func loadMXCSR(_ op: OpPointer) throws(Exit) {
    let value = try loadOperand(op, UInt32.self)
    guard value & ~validMXCSR == 0 else { throw fault(.GP, .reservedBits) }
    pointee.mxcsr = value
  }

  func STMXCSR(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    try storeOperand(op, pointee.mxcsr)
  }
  func VSTMXCSR(_ op: OpPointer) throws(Exit) {
    try requireAVX()
    try storeOperand(op, pointee.mxcsr)
  }

  // MARK: XSAVE

  private func checkXSAVE() throws(Exit) {
    guard pointee.cr4 & CR4.OSXSAVE != 0 else { throw fault(.UD, .osxsaveOff) }
    guard pointee.cr0 & CR0.TS == 0 else { throw fault(.NM, .taskSwitched) }
  }

  /// XSTATE_BV and XCOMP_BV lie at these offsets.
  private static var bitsOffset: UInt64 { 512 }
  private static var compactionOffset: UInt64 { 520 }

  /// The area of `XSAVE` and `XRSTOR` with these components: its beginning is looked at first, then its end.
  private func xsaveArea(
    _ op: OpPointer, _ components: UInt64, isCompacted: Bool, _ access: UInt32
  ) throws(Exit) -> SaveArea {
    try checkXSAVE()
    try checkAlignment(op, 64)
    try reach(op, 0, access)
    let size = XState.size(components, isCompacted: isCompacted)
    try reach(op, size - 1, access)
    return withHost(saveArea(op), size, access)
  }

  /// XINUSE: the components that are not in their initial state, MXCSR aside. x87 state counts as in use whatever
  /// it is, and registers 8 to 15 count in every mode, as on AMD's processors (SDM Vol. 1, "Processor Tracking of
  /// XSAVE-Managed State", leaves that open).
  var componentsInUse: UInt64 {
    var low = SIMD16<UInt8>(repeating: 0)
    var high = low
    for index in 0..<16 as Range<UInt8> {
      low |= ymm(index).pointee.low
      high |= ymm(index).pointee.high
    }
    let zero = SIMD16<UInt8>(repeating: 0)
    return XState.x87 | (low == zero ? 0 : XState.sse) | (high == zero ? 0 : XState.avx)
      | (pointee.pkru == 0 ? 0 : XState.pkru)
  }

  /// The standard format: all that is requested.
  func XSAVE<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try saveStandard(op, ~0, T.self)
  }

  /// The standard format: what is requested and in use. All of it counts as modified (XMODIFIED), which the
  /// architecture allows.
  func XSAVEOPT<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try saveStandard(op, componentsInUse, T.self)
  }

  /// MXCSR belongs to SSE and to AVX state here and is stored in any case.
  private func saveStandard<T: OperandWidth>(
    _ op: OpPointer, _ saved: UInt64, _: T.Type
  ) throws(Exit) {
    let requested = pair & pointee.xcr0
    let area = try xsaveArea(op, requested, isCompacted: false, Access.modify)
    let old: UInt64 = try load(area, Self.bitsOffset)
    try storeComponents(area, requested & saved, requested, isCompacted: false, is64: T.self == UInt64.self)
    if requested & (XState.sse | XState.avx) != 0 { try storeMXCSR(area) }
    let bits = old & ~requested | requested & componentsInUse
    try store(area, Self.bitsOffset, bits)
  }

  /// The compacted format: what is requested and in use, with room for all that is requested. MXCSR belongs to SSE
  /// state alone. x87 and SSE state lie in the legacy region in it, too.
  func XSAVEC<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let requested = pair & pointee.xcr0
    let area = try xsaveArea(op, requested, isCompacted: true, Access.write)
    let hasMXCSR = pointee.mxcsr != MXCSR.reset
    let saved = requested & (componentsInUse | (hasMXCSR ? XState.sse : 0))
    try storeComponents(area, saved, requested, isCompacted: true, is64: T.self == UInt64.self)
    if saved & XState.sse != 0 { try storeMXCSR(area) }
    try store(area, Self.bitsOffset, saved)
    try store(area, Self.compactionOffset, requested | XState.compacted)
  }

  /// As `XSAVEC`; IA32_XSS has no components.
  func XSAVES<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    guard pointee.cr4 & CR4.OSXSAVE != 0 else { throw fault(.UD, .osxsaveOff) }
    try requireCPL0()
    try XSAVEC(op, T.self)
  }

  /// Stores `components` into an area that has places for those of `layout`.
  private func storeComponents(
    _ area: SaveArea, _ components: UInt64, _ layout: UInt64, isCompacted: Bool, is64: Bool
  ) throws(Exit) {
    if components & XState.x87 != 0 { try storeX87(area, is64: is64) }
    if components & XState.sse != 0 { try storeVectors(area) }
    if components & XState.avx != 0 { try storeUpperHalves(area) }
    if components & XState.pkru != 0 {
      let offset = XState.pkruOffset(layout, isCompacted: isCompacted)
      try store(area, offset, UInt64(pointee.pkru))
    }
  }

  /// The area of `XRSTOR` as far as its header, which is looked at after the beginning.
  private func headerArea(_ op: OpPointer) throws(Exit) -> SaveArea {
    try checkXSAVE()
    try checkAlignment(op, 64)
    try reach(op, 0, Access.read)
    try reach(op, XState.legacySize, Access.read)
    return withHost(saveArea(op), XState.legacySize + XState.headerSize, Access.read)
  }

  func XRSTOR<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let area = try headerArea(op)
    let present: UInt64 = try load(area, Self.bitsOffset)
    let compaction: UInt64 = try load(area, Self.compactionOffset)
    let isCompacted = compaction & XState.compacted != 0
    if isCompacted {
      try checkCompactedHeader(area, present, compaction)
    } else {
      // Bytes 23:8 of the header are zero and no component is outside XCR0.
      let rest: UInt64 = try load(area, Self.compactionOffset + 8)
      guard compaction == 0, rest == 0, present & ~pointee.xcr0 == 0 else { throw fault(.GP, .xsaveHeader) }
    }
    try loadComponents(op, present, isCompacted ? compaction : nil, is64: T.self == UInt64.self)
  }

  func XRSTORS<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    guard pointee.cr4 & CR4.OSXSAVE != 0 else { throw fault(.UD, .osxsaveOff) }
    try requireCPL0()
    let area = try headerArea(op)
    let present: UInt64 = try load(area, Self.bitsOffset)
    let compaction: UInt64 = try load(area, Self.compactionOffset)
    guard compaction & XState.compacted != 0 else { throw fault(.GP, .xsaveHeader) }
    try checkCompactedHeader(area, present, compaction)
    try loadComponents(op, present, compaction, is64: T.self == UInt64.self)
  }

  private func checkCompactedHeader(
    _ area: SaveArea, _ present: UInt64, _ compaction: UInt64
  ) throws(Exit) {
    let format = compaction & ~XState.compacted
    guard format & ~pointee.xcr0 == 0, present & ~format == 0 else { throw fault(.GP, .xsaveHeader) }
    for offset in stride(from: 16 as UInt64, to: 64, by: 8) {
      let reserved: UInt64 = try load(area, Self.bitsOffset + offset)
      guard reserved == 0 else { throw fault(.GP, .xsaveHeader) }
    }
  }

  /// Loads what is requested and present, initializes what is requested and absent. The standard format
  /// loads MXCSR with SSE requested even if absent (SDM Vol. 1, "Operation of XRSTOR").
  /// `compaction` is XCOMP_BV of a compacted area, whose components all have their places.
  private func loadComponents(
    _ op: OpPointer, _ present: UInt64, _ compaction: UInt64?, is64: Bool
  ) throws(Exit) {
    let requested = pair & pointee.xcr0
    let isCompacted = compaction != nil
    let area = try xsaveArea(op, compaction ?? requested, isCompacted: isCompacted, Access.read)
    var mxcsr = pointee.mxcsr
    // The standard format keeps MXCSR with AVX state too.
    if requested & (XState.sse | (isCompacted ? 0 : XState.avx)) != 0 {
      mxcsr = isCompacted && present & XState.sse == 0 ? 0x1F80 : try areaMXCSR(area)
    }
    if requested & XState.x87 != 0 {
      if present & XState.x87 != 0 { try loadX87(area, is64: is64) } else { initializeX87Fully() }
    }
    if requested & XState.sse != 0 {
      if present & XState.sse != 0 {
        try loadVectors(area)
      } else {
        for index in 0..<vectorCount { xmm(index).pointee = SIMD16(repeating: 0) }
      }
    }
    pointee.mxcsr = mxcsr
    if requested & XState.avx != 0 {
      if present & XState.avx != 0 {
        try loadUpperHalves(area)
      } else {
        for index in 0..<vectorCount { ymm(index).pointee.high = SIMD16(repeating: 0) }
      }
    }
    if requested & XState.pkru != 0 {
      var value: UInt64 = 0
      if present & XState.pkru != 0 {
        let offset = XState.pkruOffset(compaction ?? 0, isCompacted: isCompacted)
        value = try load(area, offset)
      }
      // Last, as it may make the area unreadable.
      setPKRU(UInt32(truncatingIfNeeded: value))
    }
  }
}
