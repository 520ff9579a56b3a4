// Loads and stores of single lanes: `VMASKMOVPS`, `VPMASKMOVD` and the gathers of AVX2 (SDM Vol. 2, their pages).
// Lanes that the mask leaves out are not accessed and do not fault; alignment is not checked.

extension VectorForm {
  /// Lanes of `T` whose sign bit is set in the mask, in VEX.vvvv, as bits.
  @inline(__always)
  private static func mask<T: FixedWidthInteger>(_ cpu: CPU, _ op: OpPointer, _: T.Type) -> UInt32 {
    let mask = first(cpu, op)
    if T.bitWidth == 32 { return PackedInteger.MOVMSKPS(mask.low) | PackedInteger.MOVMSKPS(mask.high) &<< 4 }
    return PackedInteger.MOVMSKPD(mask.low) | PackedInteger.MOVMSKPD(mask.high) &<< 2
  }

  @inline(__always)
  private static func lanes<T: FixedWidthInteger>(_: T.Type) -> Int {
    (isWide ? 32 : 16) / MemoryLayout<T>.size
  }

  /// The linear address of lane `index` of the memory operand.
  @inline(__always)
  private static func address<T: FixedWidthInteger>(
    _ cpu: CPU, _ op: OpPointer, _ index: Int, _: T.Type, _ access: UInt32
  ) throws(Exit) -> UInt64 {
    let size = MemoryLayout<T>.size
    return try cpu.segmentedAddress(op, at: UInt64(truncatingIfNeeded: index &* size), size, access)
  }

  private static func load<T: FixedWidthInteger>(_ cpu: CPU, _ op: OpPointer, _: T.Type) throws(Exit) {
    try require(cpu)
    let selected = mask(cpu, op, T.self)
    var result = YMM(SIMD16(repeating: 0))
    for index in 0..<lanes(T.self) where selected &>> UInt32(truncatingIfNeeded: index) & 1 != 0 {
      let lane = try cpu.loadUnchecked(address(cpu, op, index, T.self, Access.read), T.self)
      result.setLane(index, lane)
    }
    commit(cpu, op, result)
  }

  /// Every lane's page is checked before the first store.
  private static func store<T: FixedWidthInteger>(_ cpu: CPU, _ op: OpPointer, _: T.Type) throws(Exit) {
    try require(cpu)
    let selected = mask(cpu, op, T.self)
    let data = value(cpu, op.pointee.destination)
    for index in 0..<lanes(T.self) where selected &>> UInt32(truncatingIfNeeded: index) & 1 != 0 {
      let linear = try address(cpu, op, index, T.self, Access.write)
      _ = try cpu.slowPointer(linear, 1, Access.write)
      let last = (linear &+ UInt64(MemoryLayout<T>.size - 1)) & cpu.pointee.linearMask
      if (last ^ linear) & ~0xFFF != 0 { _ = try cpu.slowPointer(last & ~0xFFF, 1, Access.write) }
      cpu.pointee.bounceSize = 0
    }
    for index in 0..<lanes(T.self) where selected &>> UInt32(truncatingIfNeeded: index) & 1 != 0 {
      try cpu.storeUnchecked(address(cpu, op, index, T.self, Access.write), data.lane(index, T.self))
    }
  }

  static func VPMASKMOVD(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try load(cpu, op, UInt32.self) }
  static func VPMASKMOVQ(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try load(cpu, op, UInt64.self) }
  static func VPMASKMOVD_WV(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try store(cpu, op, UInt32.self) }
  static func VPMASKMOVQ_WV(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try store(cpu, op, UInt64.self) }
}

// MARK: Gathers

extension VectorForm {
  /// Elements `T` from addresses whose indexes are lanes `I` of the vector register in SIB.index. An element
  /// that was passed has its mask cleared at once, so that a fault at a later one finds the work done. Traps that
  /// such elements have pending are delivered in lieu of the fault, which the restarted instruction meets again
  /// (SDM Vol. 2, `VPGATHERDD`).
  private static func gather<I: FixedWidthInteger & SignedInteger, T: FixedWidthInteger>(
    _ cpu: CPU, _ op: OpPointer, _: I.Type, _: T.Type
  ) throws(Exit) {
    try require(cpu)
    let (destination, mask) = (op.pointee.destination, op.pointee.source)
    let count = (isWide ? 32 : 16) / max(MemoryLayout<I>.size, MemoryLayout<T>.size)
    let indexes = value(cpu, op.pointee.index)
    var hasWork = false
    for element in 0..<count {
      guard cpu.ymm(mask).pointee.lane(element, T.self).leadingZeroBitCount == 0 else {
        cpu.ymm(mask).pointee.setLane(element, 0 as T)
        continue
      }
      let index = Int64(truncatingIfNeeded: indexes.lane(element, I.self))
      let offset =
        cpu.register(op.pointee.base, UInt64.self)
        &+ UInt64(bitPattern: index) &<< UInt64(op.pointee.scale)
        &+ UInt64(bitPattern: op.pointee.displacement)
      do throws(Exit) {
        let linear = try cpu.linearAddress(
          op.pointee.segmentIndex, offset & op.pointee.addressMask, MemoryLayout<T>.size, Access.read)
        let loaded = try cpu.loadUnchecked(linear, T.self)
        cpu.ymm(destination).pointee.setLane(element, loaded)
      } catch {
        if hasWork { cpu.preferTrap() }
        throw error
      }
      cpu.ymm(mask).pointee.setLane(element, 0 as T)
      hasWork = true
    }
    var result = cpu.ymm(destination).pointee
    let size = count * MemoryLayout<T>.size
    if size < 32 { result.high = SIMD16(repeating: 0) }
    if size < 16 { result.low = SIMD16(vector64: result.low.quadwords[0]) }
    cpu.ymm(destination).pointee = result
    cpu.ymm(mask).pointee = YMM(SIMD16(repeating: 0))
  }

  // Also the forms for single and double precision.
  static func VPGATHERDD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try gather(cpu, op, Int32.self, UInt32.self)
  }
  static func VPGATHERDQ(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try gather(cpu, op, Int32.self, UInt64.self)
  }
  static func VPGATHERQD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try gather(cpu, op, Int64.self, UInt32.self)
  }
  static func VPGATHERQQ(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try gather(cpu, op, Int64.self, UInt64.self)
  }
}

extension YMM {
  /// Lane `index` of as many as there are of type `T`.
  @inline(__always)
  func lane<T: FixedWidthInteger>(_ index: Int, _: T.Type) -> T {
    if T.bitWidth == 32 { return T(truncatingIfNeeded: doublewords[index & 7]) }
    return T(truncatingIfNeeded: quadwords[index & 3])
  }

  @inline(__always)
  mutating func setLane<T: FixedWidthInteger>(_ index: Int, _ value: T) {
    if T.bitWidth == 32 {
      var lanes = doublewords
      lanes[index & 7] = UInt32(truncatingIfNeeded: value)
      self = YMM(doublewords: lanes)
    } else {
      var lanes = quadwords
      lanes[index & 3] = UInt64(truncatingIfNeeded: value)
      self = YMM(quadwords: lanes)
    }
  }
}
