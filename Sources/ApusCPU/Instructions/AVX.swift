// Instructions that exist only with VEX: AVX and AVX2 (SDM Vol. 1, "Programming with Intel AVX, FMA, and Intel
// AVX2"). The AVX forms of older instructions are the older instructions' bodies.

// MARK: Upper halves

extension VectorForm {
  /// Zeroes what lies above bit 127 of the registers that the mode can name.
  @inline(__always)
  static func VZEROUPPER(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    for index in 0..<cpu.vectorCount { cpu.ymm(index).pointee.high = SIMD16(repeating: 0) }
  }

  static func VZEROALL(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    for index in 0..<cpu.vectorCount { cpu.ymm(index).pointee = YMM(SIMD16(repeating: 0)) }
  }
}

// MARK: Broadcasts and 128-bit lanes

extension VectorForm {
  @inline(__always)
  private static func broadcast(_ cpu: CPU, _ op: some OpReference, _ lane: SIMD16<UInt8>) {
    commit(cpu, op, YMM(lane, lane))
  }

  @inline(__always)
  static func VPBROADCASTB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let lane: UInt8 =
      Source.isMemory(op) ? try Source.load(cpu, op, UInt8.self) : cpu.xmm(op.fields.base).pointee[0]
    broadcast(cpu, op, SIMD16(repeating: lane))
  }
  @inline(__always)
  static func VPBROADCASTW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    broadcast(cpu, op, SIMD16(words: SIMD8(repeating: try second2(cpu, op))))
  }
  /// Also `VBROADCASTSS`.
  @inline(__always)
  static func VPBROADCASTD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    broadcast(cpu, op, SIMD16(doublewords: SIMD4(repeating: try second4(cpu, op))))
  }
  /// Also `VBROADCASTSD`.
  @inline(__always)
  static func VPBROADCASTQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    broadcast(cpu, op, SIMD16(quadwords: SIMD2(repeating: try second8(cpu, op))))
  }
  /// Also `VBROADCASTF128`.
  @inline(__always)
  static func VBROADCASTI128(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    broadcast(cpu, op, try second16(cpu, op))
  }

  /// Also `VEXTRACTF128`.
  @inline(__always)
  static func VEXTRACTI128(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let source = cpu.ymm(op.fields.destination).pointee
    let lane = immediate8(op) & 1 == 0 ? source.low : source.high
    if Source.isMemory(op) { return try Source.store(cpu, op, lane) }
    set(cpu, op.fields.base, YMM(lane))
  }

  /// Also `VINSERTF128`.
  @inline(__always)
  static func VINSERTI128(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let lane = try second16(cpu, op)
    var result = first(cpu, op)
    if immediate8(op) & 1 == 0 { result.low = lane } else { result.high = lane }
    commit(cpu, op, result)
  }

  /// Each lane one of the four of both sources, or zero. Also `VPERM2F128`.
  static func VPERM2I128(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let b = try second(cpu, op)
    let a = first(cpu, op)
    func lane(_ select: UInt8) -> SIMD16<UInt8> {
      if select & 8 != 0 { return SIMD16(repeating: 0) }
      let source = select & 2 == 0 ? a : b
      return select & 1 == 0 ? source.low : source.high
    }
    commit(cpu, op, YMM(lane(immediate8(op)), lane(immediate8(op) &>> 4)))
  }
}

// MARK: Permutations

extension YMM {
  @inline(__always) var quadwords: SIMD4<UInt64> { unsafeBitCast(self, to: SIMD4<UInt64>.self) }
  @inline(__always) var doublewords: SIMD8<UInt32> { unsafeBitCast(self, to: SIMD8<UInt32>.self) }
  @inline(__always) init(quadwords: SIMD4<UInt64>) { self = unsafeBitCast(quadwords, to: YMM.self) }
  @inline(__always) init(doublewords: SIMD8<UInt32>) { self = unsafeBitCast(doublewords, to: YMM.self) }
}

extension VectorForm {
  /// Also `VPERMPD`.
  static func VPERMQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let source = try second(cpu, op).quadwords
    var result = SIMD4<UInt64>()
    for lane in 0..<4 { result[lane] = source[Int(immediate8(op) >> UInt8(lane * 2) & 3)] }
    commit(cpu, op, YMM(quadwords: result))
  }

  /// The first source holds the lane numbers. Also `VPERMPS`.
  static func VPERMD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let source = try second(cpu, op).doublewords
    let select = first(cpu, op).doublewords
    var result = SIMD8<UInt32>()
    for lane in 0..<8 { result[lane] = source[Int(select[lane] & 7)] }
    commit(cpu, op, YMM(doublewords: result))
  }

  static func VPERMILPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op) { a, b in
      var result = SIMD4<UInt32>()
      for lane in 0..<4 { result[lane] = a.doublewords[Int(b.doublewords[lane] & 3)] }
      return SIMD16(doublewords: result)
    }
  }
  static func VPERMILPD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op) { a, b in
      let select = b.quadwords
      return SIMD16(
        quadwords: SIMD2(
          a.quadwords[Int(select[0] &>> 1 & 1)], a.quadwords[Int(select[1] &>> 1 & 1)]))
    }
  }
  static func VPERMILPS_I(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shuffled(cpu, op) { PackedInteger.SHUFPS($1, $1, $2) }
  }
  static func VPERMILPD_I(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try blended(cpu, op, 2) { PackedInteger.SHUFPD($1, $1, $2) }
  }
}

// MARK: Blends and tests

extension VectorForm {
  static func VPBLENDD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try blended(cpu, op, 4, PackedInteger.BLENDPS)
  }

  /// The mask is a register of its own, in bits 7:4 of the immediate; outside 64-bit mode bit 7 is ignored.
  @inline(__always)
  private static func masked(
    _ cpu: CPU, _ op: some OpReference,
    _ compute: (SIMD16<UInt8>, SIMD16<UInt8>, SIMD16<UInt8>) -> SIMD16<UInt8>
  ) throws(Exit) {
    try require(cpu)
    let b = try second(cpu, op)
    let a = first(cpu, op)
    let mask = value(cpu, immediate8(op) &>> 4 & (cpu.vectorCount - 1))
    let low = compute(a.low, b.low, mask.low)
    commit(cpu, op, isWide ? YMM(low, compute(a.high, b.high, mask.high)) : YMM(low))
  }
  static func VPBLENDVB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try masked(cpu, op, PackedInteger.PBLENDVB)
  }
  static func VBLENDVPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try masked(cpu, op, PackedInteger.BLENDVPS)
  }
  static func VBLENDVPD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try masked(cpu, op, PackedInteger.BLENDVPD)
  }

  /// `PTEST` of the sign bits alone.
  @inline(__always)
  private static func testSigns(_ cpu: CPU, _ op: some OpReference, _ signs: UInt64) throws(Exit) {
    try require(cpu)
    let b = try second(cpu, op).quadwords & SIMD4(repeating: signs)
    let a = value(cpu, op.fields.destination).quadwords
    cpu.flags = LazyFlags(
      image: (a & b == .zero ? RFLAGS.ZF : 0) | (b & ~a == .zero ? RFLAGS.CF : 0))
  }
  static func VTESTPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try testSigns(cpu, op, 0x8000_0000_8000_0000)
  }
  static func VTESTPD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try testSigns(cpu, op, 0x8000_0000_0000_0000)
  }
}

// MARK: Shifts by a count of each lane

extension VectorForm {
  static func VPSLLVD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op) { a, b in
      // `<<` and `>>` of the library give zero (or the sign) for counts at or beyond the width.
      SIMD16(doublewords: shifted(a.doublewords, b.doublewords) { $0 << $1 })
    }
  }
  static func VPSRLVD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op) { a, b in
      SIMD16(doublewords: shifted(a.doublewords, b.doublewords) { $0 >> $1 })
    }
  }
  static func VPSRAVD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op) { a, b in
      SIMD16(
        doublewords: shifted(a.doublewords, b.doublewords) {
          UInt32(bitPattern: Int32(bitPattern: $0) >> $1)
        })
    }
  }
  static func VPSLLVQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op) { a, b in
      SIMD16(
        quadwords: SIMD2(a.quadwords[0] << b.quadwords[0], a.quadwords[1] << b.quadwords[1]))
    }
  }
  static func VPSRLVQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op) { a, b in
      SIMD16(
        quadwords: SIMD2(a.quadwords[0] >> b.quadwords[0], a.quadwords[1] >> b.quadwords[1]))
    }
  }

  @inline(__always)
  private static func shifted(
    _ a: SIMD4<UInt32>, _ counts: SIMD4<UInt32>, _ shift: (UInt32, UInt32) -> UInt32
  ) -> SIMD4<UInt32> {
    SIMD4(
      shift(a[0], counts[0]), shift(a[1], counts[1]), shift(a[2], counts[2]), shift(a[3], counts[3]))
  }
}
