// SSE3, SSSE3 and SSE4 with their AVX forms (SDM Vol. 1, "Programming with Intel SSE3, SSSE3, SSE4"). The integer
// computation is that of `PackedInteger`.

// MARK: SSE3

extension VectorForm {
  /// At 128 bits memory is read as far as the low quadword.
  static func MOVDDUP(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    if isWide {
      return try packed(cpu, op) { SIMD16(quadwords: SIMD2($1.quadwords[0], $1.quadwords[0])) }
    }
    try require(cpu)
    let low = try second8(cpu, op)
    commit(cpu, op, SIMD16(quadwords: SIMD2(low, low)))
  }
  static func MOVSLDUP(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packed(cpu, op) { SIMD16(quadwords: ($1.quadwords & 0xFFFF_FFFF) &* 0x1_0000_0001) }
  }
  static func MOVSHDUP(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packed(cpu, op) { SIMD16(quadwords: ($1.quadwords &>> 32) &* 0x1_0000_0001) }
  }

  static func ADDSUBPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try wholeSingle(cpu, op) { a, b, context in
      SIMD4(
        Binary32.subtract(a[0], b[0], &context), Binary32.add(a[1], b[1], &context),
        Binary32.subtract(a[2], b[2], &context), Binary32.add(a[3], b[3], &context))
    }
  }
  static func ADDSUBPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try wholeDouble(cpu, op) { a, b, context in
      SIMD2(Binary64.subtract(a[0], b[0], &context), Binary64.add(a[1], b[1], &context))
    }
  }
  static func HADDPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try wholeSingle(cpu, op) { a, b, context in
      SIMD4(
        Binary32.add(a[0], a[1], &context), Binary32.add(a[2], a[3], &context),
        Binary32.add(b[0], b[1], &context), Binary32.add(b[2], b[3], &context))
    }
  }
  static func HADDPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try wholeDouble(cpu, op) { a, b, context in
      SIMD2(Binary64.add(a[0], a[1], &context), Binary64.add(b[0], b[1], &context))
    }
  }
  static func HSUBPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try wholeSingle(cpu, op) { a, b, context in
      SIMD4(
        Binary32.subtract(a[0], a[1], &context), Binary32.subtract(a[2], a[3], &context),
        Binary32.subtract(b[0], b[1], &context), Binary32.subtract(b[2], b[3], &context))
    }
  }
  static func HSUBPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try wholeDouble(cpu, op) { a, b, context in
      SIMD2(Binary64.subtract(a[0], a[1], &context), Binary64.subtract(b[0], b[1], &context))
    }
  }

  // Dot products, SSE4.1: the products that bits 7:4 choose, summed by neighbours, to the lanes of bits 3:0.

  // An unmasked exception of the products keeps the sums from being computed, and so does one of the first sums
  // the last (SDM Vol. 2, `DPPS`, "#XM"; measured).

  static func DPPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    let select = immediate8(op)
    try require(cpu)
    let b = try second(cpu, op)
    let products = try stage(cpu, first(cpu, op), b) { a, b, context in
      var product = SIMD4<UInt32>()
      for lane in 0..<4 where select >> UInt8(lane + 4) & 1 != 0 {
        product[lane] = Binary32.multiply(a.doublewords[lane], b.doublewords[lane], &context)
      }
      return SIMD16(doublewords: product)
    }
    let sums = try stage(cpu, products, products) { products, _, context in
      let lanes = products.doublewords
      return SIMD16(
        doublewords: SIMD4(
          Binary32.add(lanes[0], lanes[1], &context), Binary32.add(lanes[2], lanes[3], &context), 0, 0))
    }
    let result = try stage(cpu, sums, sums) { sums, _, context in
      let sum = Binary32.add(sums.doublewords[0], sums.doublewords[1], &context)
      var result = SIMD4<UInt32>()
      for lane in 0..<4 where select >> UInt8(lane) & 1 != 0 { result[lane] = sum }
      return SIMD16(doublewords: result)
    }
    commit(cpu, op, result)
  }
  static func DPPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    let select = immediate8(op)
    try require(cpu)
    let b = try second(cpu, op)
    let products = try stage(cpu, first(cpu, op), b) { a, b, context in
      var product = SIMD2<UInt64>()
      for lane in 0..<2 where select >> UInt8(lane + 4) & 1 != 0 {
        product[lane] = Binary64.multiply(a.quadwords[lane], b.quadwords[lane], &context)
      }
      return SIMD16(quadwords: product)
    }
    let result = try stage(cpu, products, products) { products, _, context in
      let sum = Binary64.add(products.quadwords[0], products.quadwords[1], &context)
      return SIMD16(quadwords: SIMD2(select & 1 != 0 ? sum : 0, select & 2 != 0 ? sum : 0))
    }
    commit(cpu, op, result)
  }

  /// One step of an instruction with several, whose exceptions are raised before the next.
  @inline(__always)
  private static func stage(
    _ cpu: CPU, _ a: YMM, _ b: YMM,
    _ compute: (SIMD16<UInt8>, SIMD16<UInt8>, inout FloatingPointContext) -> SIMD16<UInt8>
  ) throws(Exit) -> YMM {
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    var result = YMM(compute(a.low, b.low, &context))
    if isWide { result.high = compute(a.high, b.high, &context) }
    try cpu.report(context)
    return result
  }
}

// MARK: SSSE3

extension VectorForm {
  static func PSHUFB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSHUFB)
  }
  static func PHADDW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PHADDW)
  }
  static func PHADDD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PHADDD)
  }
  static func PHADDSW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PHADDSW)
  }
  static func PMADDUBSW(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMADDUBSW)
  }
  static func PHSUBW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PHSUBW)
  }
  static func PHSUBD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PHSUBD)
  }
  static func PHSUBSW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PHSUBSW)
  }
  static func PSIGNB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSIGNB)
  }
  static func PSIGNW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSIGNW)
  }
  static func PSIGND(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSIGND)
  }
  static func PMULHRSW(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMULHRSW)
  }
  static func PABSB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PABSB)
  }
  static func PABSW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PABSW)
  }
  static func PABSD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PABSD)
  }
  static func PALIGNR(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try shuffled(cpu, op, PackedInteger.PALIGNR)
  }
}

// MARK: SSE4: packed integers

extension VectorForm {
  static func PMULDQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMULDQ)
  }
  @inline(__always)
  static func PCMPEQQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PCMPEQQ)
  }
  static func PCMPGTQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PCMPGTQ)
  }
  static func PACKUSDW(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packed(cpu, op, PackedInteger.PACKUSDW)
  }
  static func PMINSB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMINSB)
  }
  @inline(__always)
  static func PMINSD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMINSD)
  }
  static func PMINUW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMINUW)
  }
  @inline(__always)
  static func PMINUD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMINUD)
  }
  static func PMAXSB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMAXSB)
  }
  @inline(__always)
  static func PMAXSD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMAXSD)
  }
  static func PMAXUW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMAXUW)
  }
  @inline(__always)
  static func PMAXUD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMAXUD)
  }
  @inline(__always)
  static func PMULLD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMULLD)
  }
  static func PHMINPOSUW(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packed(cpu, op, PackedInteger.PHMINPOSUW)
  }
  static func PBLENDW(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try shuffled(cpu, op, PackedInteger.PBLENDW)
  }
  static func BLENDPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try blended(cpu, op, 4, PackedInteger.BLENDPS)
  }
  static func BLENDPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try blended(cpu, op, 2, PackedInteger.BLENDPD)
  }
  static func MPSADBW(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try blended(cpu, op, 3, PackedInteger.MPSADBW)
  }

  // The mask is XMM0, implied.
  static func PBLENDVB(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packed(cpu, op) { PackedInteger.PBLENDVB($0, $1, cpu.xmm(0).pointee) }
  }
  static func BLENDVPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packed(cpu, op) { PackedInteger.BLENDVPS($0, $1, cpu.xmm(0).pointee) }
  }
  static func BLENDVPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packed(cpu, op) { PackedInteger.BLENDVPD($0, $1, cpu.xmm(0).pointee) }
  }

  /// ZF: no bit in common; CF: no bit of the second operand outside the first.
  static func PTEST(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try require(cpu)
    let b = try second(cpu, op)
    let a = value(cpu, op.pointee.destination)
    let common = (a.low & b.low) | (a.high & b.high)
    let outside = (b.low & ~a.low) | (b.high & ~a.high)
    cpu.flags = LazyFlags(
      image: (common.quadwords == .zero ? RFLAGS.ZF : 0) | (outside.quadwords == .zero ? RFLAGS.CF : 0))
  }
}

// MARK: SSE4: extension

extension VectorForm {
  /// The low lanes of W, extended; memory is read as far as they reach: `size` bytes for 128 bits of result.
  @inline(__always)
  private static func extended(
    _ cpu: CPU, _ op: OpPointer, _ size: Int, _ compute: (UInt64) -> SIMD16<UInt8>
  ) throws(Exit) {
    try require(cpu)
    let low: UInt64
    var high: UInt64 = 0
    switch (size, isWide) {
    case (8, true):
      let source = try second16(cpu, op).quadwords
      low = source[0]
      high = source[1]
    case (8, false): low = try second8(cpu, op)
    case (4, true):
      low = try second8(cpu, op)
      high = low &>> 32
    case (4, false): low = UInt64(try second4(cpu, op))
    case (_, true):
      low = UInt64(try second4(cpu, op))
      high = low &>> 16
    default: low = UInt64(try second2(cpu, op))
    }
    commit(cpu, op, isWide ? YMM(compute(low), compute(high)) : YMM(compute(low)))
  }

  static func PMOVSXBW(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try extended(cpu, op, 8) { PackedInteger.PMOVSXBW($0) }
  }
  static func PMOVZXBW(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try extended(cpu, op, 8) { PackedInteger.PMOVZXBW($0) }
  }
  static func PMOVSXBD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try extended(cpu, op, 4) { PackedInteger.PMOVSXBD($0) }
  }
  static func PMOVZXBD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try extended(cpu, op, 4) { PackedInteger.PMOVZXBD($0) }
  }
  static func PMOVSXBQ(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try extended(cpu, op, 2) { PackedInteger.PMOVSXBQ($0) }
  }
  static func PMOVZXBQ(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try extended(cpu, op, 2) { PackedInteger.PMOVZXBQ($0) }
  }
  static func PMOVSXWD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try extended(cpu, op, 8) { PackedInteger.PMOVSXWD($0) }
  }
  static func PMOVZXWD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try extended(cpu, op, 8) { PackedInteger.PMOVZXWD($0) }
  }
  static func PMOVSXWQ(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try extended(cpu, op, 4) { PackedInteger.PMOVSXWQ($0) }
  }
  static func PMOVZXWQ(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try extended(cpu, op, 4) { PackedInteger.PMOVZXWQ($0) }
  }
  static func PMOVSXDQ(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try extended(cpu, op, 8) { PackedInteger.PMOVSXDQ($0) }
  }
  static func PMOVZXDQ(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try extended(cpu, op, 8) { PackedInteger.PMOVZXDQ($0) }
  }
}

// MARK: SSE4: single lanes

extension VectorForm {
  /// A lane to a general register, zero-extended, or to as many bytes of memory.
  @inline(__always)
  private static func extract<T: OperandWidth>(_ cpu: CPU, _ op: OpPointer, _ lane: T) throws(Exit) {
    if op.pointee.isMemory { return try cpu.storeOperand(op, lane) }
    cpu.setRegister(op.pointee.base, lane.zeroExtended)
  }

  static func PEXTRB(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try require(cpu)
    try extract(cpu, op, cpu.xmm(op.pointee.destination).pointee[Int(immediate8(op) & 15)])
  }
  static func PEXTRW_EV(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try require(cpu)
    try extract(cpu, op, cpu.xmm(op.pointee.destination).pointee.words[Int(immediate8(op) & 7)])
  }
  static func PEXTRD<T: OperandWidth>(_ cpu: CPU, _ op: OpPointer, _: T.Type) throws(Exit) {
    try require(cpu)
    let source = cpu.xmm(op.pointee.destination).pointee
    if T.self == UInt64.self {
      try extract(cpu, op, source.quadwords[Int(immediate8(op) & 1)])
    } else {
      try extract(cpu, op, source.doublewords[Int(immediate8(op) & 3)])
    }
  }
  static func EXTRACTPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try PEXTRD(cpu, op, UInt32.self) }

  static func PINSRB(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try require(cpu)
    // A register operand is 32 bits wide: its number never means AH.
    let byte: UInt8 = try cpu.readE(op)
    var result = first(cpu, op).low
    result[Int(immediate8(op) & 15)] = byte
    commit(cpu, op, result)
  }
  static func PINSRD<T: OperandWidth>(_ cpu: CPU, _ op: OpPointer, _: T.Type) throws(Exit) {
    try require(cpu)
    let value: T = try cpu.readE(op)
    if T.self == UInt64.self {
      var result = first(cpu, op).low.quadwords
      result[Int(immediate8(op) & 1)] = value.zeroExtended
      commit(cpu, op, SIMD16(quadwords: result))
    } else {
      var result = first(cpu, op).low.doublewords
      result[Int(immediate8(op) & 3)] = UInt32(truncatingIfNeeded: value.zeroExtended)
      commit(cpu, op, SIMD16(doublewords: result))
    }
  }
  /// From memory there is one lane to choose from.
  static func INSERTPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try require(cpu)
    let select = immediate8(op)
    let lane =
      Source.isMemory(op)
      ? try second4(cpu, op) : cpu.xmm(op.pointee.base).pointee.doublewords[Int(select >> 6)]
    commit(cpu, op, PackedInteger.INSERTPS(first(cpu, op).low, lane, select))
  }
}

// MARK: SSE4: rounding

extension VectorForm {
  /// Bits 1:0 of the immediate are the rounding mode unless bit 2 leaves it to MXCSR; bit 3 suppresses PE.
  @inline(__always)
  private static func roundingMode(_ op: OpPointer, _ context: FloatingPointContext) -> RoundingMode {
    if immediate8(op) & 4 != 0 { return context.rounding }
    return FloatingPointContext(mxcsr: UInt32(immediate8(op) & 3) << 13).rounding
  }

  static func ROUNDPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedSingle(cpu, op) { round32(op, $1, &$2) }
  }
  static func ROUNDPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedDouble(cpu, op) { round64(op, $1, &$2) }
  }
  static func ROUNDSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarSingle(cpu, op) { round32(op, $1, &$2) }
  }
  static func ROUNDSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarDouble(cpu, op) { round64(op, $1, &$2) }
  }

  private static func round32(_ op: OpPointer, _ a: UInt32, _ context: inout FloatingPointContext) -> UInt32 {
    Binary32.roundToIntegral(
      a, rounding: roundingMode(op, context), suppressingPrecision: immediate8(op) & 8 != 0, &context)
  }
  private static func round64(_ op: OpPointer, _ a: UInt64, _ context: inout FloatingPointContext) -> UInt64 {
    Binary64.roundToIntegral(
      a, rounding: roundingMode(op, context), suppressingPrecision: immediate8(op) & 8 != 0, &context)
  }
}
