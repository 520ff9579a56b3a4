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

extension UnsafeMutablePointer where Pointee == CPUState {
  // MARK: Areas

  /// The linear address of a save area, every page of it checked for the access, so that what follows cannot
  /// fault half-way.
  private func area(_ op: OpPointer, _ size: Int, align: UInt64, _ access: UInt32) throws(Exit) -> UInt64 {
    let linear = try segmentedAddress(op, size, access)
    guard linear & (align - 1) == 0 else { throw fault(.GP, 0) }
    let last = (linear &+ UInt64(size - 1)) & pointee.linearMask
    _ = try translate(linear, access | userBit)
    if (linear ^ last) & ~0xFFF != 0 { _ = try translate(last, access | userBit) }
    return linear
  }

  private func at(_ linear: UInt64, _ offset: UInt64) -> UInt64 { (linear &+ offset) & pointee.linearMask }

  // MARK: x87 part

  /// Stores bytes 0–23 and the registers; `is64` is the format with 64-bit pointers.
  private func storeX87(_ linear: UInt64, is64: Bool) throws(Exit) {
    let x87 = pointee.x87
    try Slow.store(
      self, linear,
      UInt64(x87.control) | UInt64(x87.status) << 16 | UInt64(x87.tag) << 32
        | UInt64(x87.opcode & 0x7FF) << 48)
    if is64 {
      try Slow.store(self, at(linear, 8), x87.instructionPointer)
      try Slow.store(self, at(linear, 16), x87.dataPointer)
    } else {
      try Slow.store(
        self, at(linear, 8),
        x87.instructionPointer & 0xFFFF_FFFF | UInt64(x87.instructionSelector) << 32)
      try Slow.store(
        self, at(linear, 16), x87.dataPointer & 0xFFFF_FFFF | UInt64(x87.dataSelector) << 32)
    }
    for index in 0..<8 as Range<UInt64> {
      let register = stackRegister(UInt8(index))
      try Slow.store(self, at(linear, 32 + index * 16), significand(register).pointee)
      try Slow.store(self, at(linear, 40 + index * 16), UInt64(exponent(register).pointee))
    }
  }

  private func loadX87(_ linear: UInt64, is64: Bool) throws(Exit) {
    let words: UInt64 = try Slow.load(self, linear)
    let instruction: UInt64 = try Slow.load(self, at(linear, 8))
    let data: UInt64 = try Slow.load(self, at(linear, 16))
    pointee.x87.control = UInt16(truncatingIfNeeded: words) & X87Control.writable | X87Control.fixed
    pointee.x87.status = UInt16(truncatingIfNeeded: words >> 16)
    pointee.x87.tag = UInt8(truncatingIfNeeded: words >> 32)
    pointee.x87.opcode = UInt16(truncatingIfNeeded: words >> 48) & 0x7FF
    if is64 {
      pointee.x87.instructionPointer = instruction
      pointee.x87.dataPointer = data
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
      significand(register).pointee = try Slow.load(self, at(linear, 32 + index * 16))
      exponent(register).pointee = try Slow.load(self, at(linear, 40 + index * 16))
    }
    updateX87Summary()
  }

  // MARK: SSE part

  /// XMM registers that the mode can name.
  var vectorCount: UInt8 { is64Bit ? 16 : 8 }

  private func storeVectors(_ linear: UInt64) throws(Exit) {
    for index in 0..<vectorCount {
      try Slow.store(self, at(linear, 160 + UInt64(index) * 16), xmm(index).pointee)
    }
  }

  private func loadVectors(_ linear: UInt64) throws(Exit) {
    for index in 0..<vectorCount {
      xmm(index).pointee = try Slow.load(self, at(linear, 160 + UInt64(index) * 16))
    }
  }

  private func storeUpperHalves(_ linear: UInt64) throws(Exit) {
    for index in 0..<vectorCount {
      try Slow.store(
        self, at(linear, UInt64(XState.avxOffset) + UInt64(index) * 16), ymm(index).pointee.high)
    }
  }

  private func loadUpperHalves(_ linear: UInt64) throws(Exit) {
    for index in 0..<vectorCount {
      ymm(index).pointee.high = try Slow.load(
        self, at(linear, UInt64(XState.avxOffset) + UInt64(index) * 16))
    }
  }

  /// MXCSR bits that exist; the others raise #GP.
  private var validMXCSR: UInt32 { 0xFFFF | (has(.misalignsse) ? MXCSR.MM : 0) }

  private func storeMXCSR(_ linear: UInt64) throws(Exit) {
    try Slow.store(self, at(linear, 24), UInt64(pointee.mxcsr) | UInt64(validMXCSR) << 32)
  }

  /// MXCSR of an area; reserved bits raise #GP(0).
  private func areaMXCSR(_ linear: UInt64) throws(Exit) -> UInt32 {
    let value: UInt32 = try Slow.load(self, at(linear, 24))
    guard value & ~validMXCSR == 0 else { throw fault(.GP, 0) }
    return value
  }

  // MARK: FXSAVE

  private func checkFXSAVE() throws(Exit) {
    guard pointee.cr0 & (CR0.EM | CR0.TS) == 0 else { throw fault(.NM) }
  }

  /// `FXSAVE`; `T` is 64 bits wide for `FXSAVE64`. Without CR4.OSFXSR XMM registers and MXCSR stay out of it
  /// (AMD APM Vol. 3, `FXSAVE`).
  func FXSAVE<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try checkFXSAVE()
    let linear = try area(op, XState.legacySize, align: 16, Access.write)
    try storeX87(linear, is64: T.self == UInt64.self)
    if pointee.cr4 & CR4.OSFXSR != 0 {
      try storeMXCSR(linear)
      try storeVectors(linear)
    }
  }

  func FXRSTOR<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try checkFXSAVE()
    let linear = try area(op, XState.legacySize, align: 16, Access.read)
    if pointee.cr4 & CR4.OSFXSR != 0 {
      pointee.mxcsr = try areaMXCSR(linear)
      try loadVectors(linear)
    }
    try loadX87(linear, is64: T.self == UInt64.self)
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
    guard value & ~validMXCSR == 0 else { throw fault(.GP, 0) }
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
    guard pointee.cr4 & CR4.OSXSAVE != 0 else { throw fault(.UD) }
    guard pointee.cr0 & CR0.TS == 0 else { throw fault(.NM) }
  }

  /// XSTATE_BV and XCOMP_BV lie at these offsets.
  private static var bitsOffset: UInt64 { 512 }
  private static var compactionOffset: UInt64 { 520 }

  private func xsaveArea(
    _ op: OpPointer, _ components: UInt64, isCompacted: Bool, _ access: UInt32
  ) throws(Exit) -> UInt64 {
    try checkXSAVE()
    return try area(op, XState.size(components, isCompacted: isCompacted), align: 64, access)
  }

  /// The standard format. Every component counts as in use and modified, which the architecture allows
  /// (XINUSE, XMODIFIED), so `XSAVEOPT` saves as much as `XSAVE`.
  func XSAVE<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let requested = pair & pointee.xcr0
    let linear = try xsaveArea(op, requested, isCompacted: false, Access.modify)
    let old: UInt64 = try Slow.load(self, at(linear, Self.bitsOffset))
    try storeComponents(linear, requested, isCompacted: false, is64: T.self == UInt64.self)
    try Slow.store(self, at(linear, Self.bitsOffset), old & ~requested | requested)
  }

  func XSAVEOPT<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try XSAVE(op, T.self)
  }

  /// The compacted format: x87 and SSE state lie in the legacy region in it too.
  func XSAVEC<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let requested = pair & pointee.xcr0
    let linear = try xsaveArea(op, requested, isCompacted: true, Access.write)
    try storeComponents(linear, requested, isCompacted: true, is64: T.self == UInt64.self)
    try Slow.store(self, at(linear, Self.bitsOffset), requested)
    try Slow.store(self, at(linear, Self.compactionOffset), requested | XState.compacted)
  }

  /// As `XSAVEC`; IA32_XSS has no components.
  func XSAVES<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    guard pointee.cr4 & CR4.OSXSAVE != 0 else { throw fault(.UD) }
    try requireCPL0()
    try XSAVEC(op, T.self)
  }

  private func storeComponents(
    _ linear: UInt64, _ components: UInt64, isCompacted: Bool, is64: Bool
  ) throws(Exit) {
    if components & XState.x87 != 0 { try storeX87(linear, is64: is64) }
    if components & XState.sse != 0 {
      try storeVectors(linear)
      try storeMXCSR(linear)
    }
    if components & XState.avx != 0 { try storeUpperHalves(linear) }
    if components & XState.pkru != 0 {
      let offset = XState.pkruOffset(components, isCompacted: isCompacted)
      try Slow.store(self, at(linear, offset), UInt64(pointee.pkru))
    }
  }

  func XRSTOR<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let linear = try xsaveArea(op, 0, isCompacted: false, Access.read)
    let present: UInt64 = try Slow.load(self, at(linear, Self.bitsOffset))
    let compaction: UInt64 = try Slow.load(self, at(linear, Self.compactionOffset))
    let isCompacted = compaction & XState.compacted != 0
    if isCompacted {
      try checkCompactedHeader(linear, present, compaction)
    } else {
      // Bytes 23:8 of the header are zero and no component is outside XCR0.
      let rest: UInt64 = try Slow.load(self, at(linear, Self.compactionOffset + 8))
      guard compaction == 0, rest == 0, present & ~pointee.xcr0 == 0 else { throw fault(.GP, 0) }
    }
    try loadComponents(op, present, isCompacted ? compaction : nil, is64: T.self == UInt64.self)
  }

  func XRSTORS<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    guard pointee.cr4 & CR4.OSXSAVE != 0 else { throw fault(.UD) }
    try requireCPL0()
    let linear = try xsaveArea(op, 0, isCompacted: false, Access.read)
    let present: UInt64 = try Slow.load(self, at(linear, Self.bitsOffset))
    let compaction: UInt64 = try Slow.load(self, at(linear, Self.compactionOffset))
    guard compaction & XState.compacted != 0 else { throw fault(.GP, 0) }
    try checkCompactedHeader(linear, present, compaction)
    try loadComponents(op, present, compaction, is64: T.self == UInt64.self)
  }

  private func checkCompactedHeader(
    _ linear: UInt64, _ present: UInt64, _ compaction: UInt64
  ) throws(Exit) {
    let format = compaction & ~XState.compacted
    guard format & ~pointee.xcr0 == 0, present & ~format == 0 else { throw fault(.GP, 0) }
    for offset in stride(from: 16 as UInt64, to: 64, by: 8) {
      let reserved: UInt64 = try Slow.load(self, at(linear, Self.bitsOffset + offset))
      guard reserved == 0 else { throw fault(.GP, 0) }
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
    let linear = try xsaveArea(
      op, compaction ?? (requested & present), isCompacted: isCompacted, Access.read)
    var mxcsr = pointee.mxcsr
    // The standard format keeps MXCSR with AVX state too.
    if requested & (XState.sse | (isCompacted ? 0 : XState.avx)) != 0 {
      mxcsr = isCompacted && present & XState.sse == 0 ? 0x1F80 : try areaMXCSR(linear)
    }
    if requested & XState.x87 != 0 {
      if present & XState.x87 != 0 { try loadX87(linear, is64: is64) } else { initializeX87Fully() }
    }
    if requested & XState.sse != 0 {
      if present & XState.sse != 0 {
        try loadVectors(linear)
      } else {
        for index in 0..<vectorCount { xmm(index).pointee = SIMD16(repeating: 0) }
      }
    }
    pointee.mxcsr = mxcsr
    if requested & XState.avx != 0 {
      if present & XState.avx != 0 {
        try loadUpperHalves(linear)
      } else {
        for index in 0..<vectorCount { ymm(index).pointee.high = SIMD16(repeating: 0) }
      }
    }
    if requested & XState.pkru != 0 {
      var value: UInt64 = 0
      if present & XState.pkru != 0 {
        let offset = XState.pkruOffset(compaction ?? 0, isCompacted: isCompacted)
        value = try Slow.load(self, at(linear, offset))
      }
      // Last, as it may make the area unreadable.
      setPKRU(UInt32(truncatingIfNeeded: value))
    }
  }
}
