/// SSE3, SSSE3 and SSE4 (SDM Vol. 1, "Programming with Intel SSE3, SSSE3, SSE4"). The integer computation is that
/// of `PackedInteger`; a name that ends in `_MMX` works on MMX registers.

// MARK: SSE3

extension UnsafeMutablePointer where Pointee == CPUState {
  func MOVDDUP(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    let low = try sourceLow8(op)
    setDestinationXMM(op, SIMD16(quadwords: SIMD2(low, low)))
  }
  func MOVSLDUP(_ op: OpPointer) throws(Exit) {
    try packedXMM(op) { SIMD16(quadwords: ($1.quadwords & 0xFFFF_FFFF) &* 0x1_0000_0001) }
  }
  func MOVSHDUP(_ op: OpPointer) throws(Exit) {
    try packedXMM(op) { SIMD16(quadwords: ($1.quadwords &>> 32) &* 0x1_0000_0001) }
  }

  func ADDSUBPS(_ op: OpPointer) throws(Exit) {
    try wholeSingle(op) { a, b, context in
      SIMD4(
        Binary32.subtract(a[0], b[0], &context), Binary32.add(a[1], b[1], &context),
        Binary32.subtract(a[2], b[2], &context), Binary32.add(a[3], b[3], &context))
    }
  }
  func ADDSUBPD(_ op: OpPointer) throws(Exit) {
    try wholeDouble(op) { a, b, context in
      SIMD2(Binary64.subtract(a[0], b[0], &context), Binary64.add(a[1], b[1], &context))
    }
  }
  func HADDPS(_ op: OpPointer) throws(Exit) {
    try wholeSingle(op) { a, b, context in
      SIMD4(
        Binary32.add(a[0], a[1], &context), Binary32.add(a[2], a[3], &context),
        Binary32.add(b[0], b[1], &context), Binary32.add(b[2], b[3], &context))
    }
  }
  func HADDPD(_ op: OpPointer) throws(Exit) {
    try wholeDouble(op) { a, b, context in
      SIMD2(Binary64.add(a[0], a[1], &context), Binary64.add(b[0], b[1], &context))
    }
  }
  func HSUBPS(_ op: OpPointer) throws(Exit) {
    try wholeSingle(op) { a, b, context in
      SIMD4(
        Binary32.subtract(a[0], a[1], &context), Binary32.subtract(a[2], a[3], &context),
        Binary32.subtract(b[0], b[1], &context), Binary32.subtract(b[2], b[3], &context))
    }
  }
  func HSUBPD(_ op: OpPointer) throws(Exit) {
    try wholeDouble(op) { a, b, context in
      SIMD2(Binary64.subtract(a[0], a[1], &context), Binary64.subtract(b[0], b[1], &context))
    }
  }

  // Dot products, SSE4.1: the products that bits 7:4 choose, summed by neighbours, to the lanes of bits 3:0.

  func DPPS(_ op: OpPointer) throws(Exit) {
    let select = immediate8(op)
    try wholeSingle(op) { a, b, context in
      var product = SIMD4<UInt32>()
      for lane in 0..<4 where select >> UInt8(lane + 4) & 1 != 0 {
        product[lane] = Binary32.multiply(a[lane], b[lane], &context)
      }
      let low = Binary32.add(product[0], product[1], &context)
      let high = Binary32.add(product[2], product[3], &context)
      let sum = Binary32.add(low, high, &context)
      var result = SIMD4<UInt32>()
      for lane in 0..<4 where select >> UInt8(lane) & 1 != 0 { result[lane] = sum }
      return result
    }
  }
  func DPPD(_ op: OpPointer) throws(Exit) {
    let select = immediate8(op)
    try wholeDouble(op) { a, b, context in
      let low = select & 0x10 != 0 ? Binary64.multiply(a[0], b[0], &context) : 0
      let high = select & 0x20 != 0 ? Binary64.multiply(a[1], b[1], &context) : 0
      let sum = Binary64.add(low, high, &context)
      return SIMD2(select & 1 != 0 ? sum : 0, select & 2 != 0 ? sum : 0)
    }
  }
}

// MARK: SSSE3

extension UnsafeMutablePointer where Pointee == CPUState {
  func PSHUFB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSHUFB($0, $1) } }
  func PSHUFB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSHUFB($0, $1) } }
  func PHADDW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PHADDW($0, $1) } }
  func PHADDW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PHADDW($0, $1) } }
  func PHADDD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PHADDD($0, $1) } }
  func PHADDD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PHADDD($0, $1) } }
  func PHADDSW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PHADDSW($0, $1) } }
  func PHADDSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PHADDSW($0, $1) } }
  func PMADDUBSW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMADDUBSW($0, $1) } }
  func PMADDUBSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMADDUBSW($0, $1) } }
  func PHSUBW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PHSUBW($0, $1) } }
  func PHSUBW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PHSUBW($0, $1) } }
  func PHSUBD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PHSUBD($0, $1) } }
  func PHSUBD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PHSUBD($0, $1) } }
  func PHSUBSW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PHSUBSW($0, $1) } }
  func PHSUBSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PHSUBSW($0, $1) } }
  func PSIGNB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSIGNB($0, $1) } }
  func PSIGNB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSIGNB($0, $1) } }
  func PSIGNW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSIGNW($0, $1) } }
  func PSIGNW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSIGNW($0, $1) } }
  func PSIGND(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSIGND($0, $1) } }
  func PSIGND_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSIGND($0, $1) } }
  func PMULHRSW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMULHRSW($0, $1) } }
  func PMULHRSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMULHRSW($0, $1) } }
  func PABSB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PABSB($0, $1) } }
  func PABSB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PABSB($0, $1) } }
  func PABSW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PABSW($0, $1) } }
  func PABSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PABSW($0, $1) } }
  func PABSD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PABSD($0, $1) } }
  func PABSD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PABSD($0, $1) } }
  func PALIGNR(_ op: OpPointer) throws(Exit) { try shuffleXMM(op) { PackedInteger.PALIGNR($0, $1, $2) } }
  func PALIGNR_MMX(_ op: OpPointer) throws(Exit) {
    try packedMMX(op) { PackedInteger.PALIGNR($0, $1, immediate8(op)) }
  }
}

// MARK: SSE4: packed integers

extension UnsafeMutablePointer where Pointee == CPUState {
  func PMULDQ(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMULDQ($0, $1) } }
  func PCMPEQQ(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PCMPEQQ($0, $1) } }
  func PCMPGTQ(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PCMPGTQ($0, $1) } }
  func PACKUSDW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PACKUSDW($0, $1) } }
  func PMINSB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMINSB($0, $1) } }
  func PMINSD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMINSD($0, $1) } }
  func PMINUW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMINUW($0, $1) } }
  func PMINUD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMINUD($0, $1) } }
  func PMAXSB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMAXSB($0, $1) } }
  func PMAXSD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMAXSD($0, $1) } }
  func PMAXUW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMAXUW($0, $1) } }
  func PMAXUD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMAXUD($0, $1) } }
  func PMULLD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMULLD($0, $1) } }
  func PHMINPOSUW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PHMINPOSUW($0, $1) } }
  func PBLENDW(_ op: OpPointer) throws(Exit) { try shuffleXMM(op) { PackedInteger.PBLENDW($0, $1, $2) } }
  func BLENDPS(_ op: OpPointer) throws(Exit) { try shuffleXMM(op) { PackedInteger.BLENDPS($0, $1, $2) } }
  func BLENDPD(_ op: OpPointer) throws(Exit) { try shuffleXMM(op) { PackedInteger.BLENDPD($0, $1, $2) } }
  func MPSADBW(_ op: OpPointer) throws(Exit) { try shuffleXMM(op) { PackedInteger.MPSADBW($0, $1, $2) } }

  // The mask is XMM0, implied.
  func PBLENDVB(_ op: OpPointer) throws(Exit) {
    try packedXMM(op) { PackedInteger.PBLENDVB($0, $1, xmm(0).pointee) }
  }
  func BLENDVPS(_ op: OpPointer) throws(Exit) {
    try packedXMM(op) { PackedInteger.BLENDVPS($0, $1, xmm(0).pointee) }
  }
  func BLENDVPD(_ op: OpPointer) throws(Exit) {
    try packedXMM(op) { PackedInteger.BLENDVPD($0, $1, xmm(0).pointee) }
  }

  /// ZF: no bit in common; CF: no bit of the source outside the destination.
  func PTEST(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    let source = try sourceXMM(op).quadwords
    let common = source & destinationXMM(op).quadwords
    let outside = source & ~destinationXMM(op).quadwords
    flags = LazyFlags(
      image: (common == .zero ? RFLAGS.ZF : 0) | (outside == .zero ? RFLAGS.CF : 0))
  }

  /// The low lanes of W, extended; memory is read as far as they reach.
  @inline(__always)
  private func extended(_ op: OpPointer, _ size: Int, _ compute: (UInt64) -> SIMD16<UInt8>) throws(Exit) {
    try requireSSE()
    let low: UInt64
    switch size {
    case 8: low = try sourceLow8(op)
    case 4: low = UInt64(try sourceLow4(op))
    default:
      low =
        op.pointee.isMemory
        ? UInt64(try loadOperand(op, UInt16.self)) : xmm(op.pointee.source).pointee.quadwords[0]
    }
    setDestinationXMM(op, compute(low))
  }
  func PMOVSXBW(_ op: OpPointer) throws(Exit) { try extended(op, 8) { PackedInteger.PMOVSXBW($0) } }
  func PMOVZXBW(_ op: OpPointer) throws(Exit) { try extended(op, 8) { PackedInteger.PMOVZXBW($0) } }
  func PMOVSXBD(_ op: OpPointer) throws(Exit) { try extended(op, 4) { PackedInteger.PMOVSXBD($0) } }
  func PMOVZXBD(_ op: OpPointer) throws(Exit) { try extended(op, 4) { PackedInteger.PMOVZXBD($0) } }
  func PMOVSXBQ(_ op: OpPointer) throws(Exit) { try extended(op, 2) { PackedInteger.PMOVSXBQ($0) } }
  func PMOVZXBQ(_ op: OpPointer) throws(Exit) { try extended(op, 2) { PackedInteger.PMOVZXBQ($0) } }
  func PMOVSXWD(_ op: OpPointer) throws(Exit) { try extended(op, 8) { PackedInteger.PMOVSXWD($0) } }
  func PMOVZXWD(_ op: OpPointer) throws(Exit) { try extended(op, 8) { PackedInteger.PMOVZXWD($0) } }
  func PMOVSXWQ(_ op: OpPointer) throws(Exit) { try extended(op, 4) { PackedInteger.PMOVSXWQ($0) } }
  func PMOVZXWQ(_ op: OpPointer) throws(Exit) { try extended(op, 4) { PackedInteger.PMOVZXWQ($0) } }
  func PMOVSXDQ(_ op: OpPointer) throws(Exit) { try extended(op, 8) { PackedInteger.PMOVSXDQ($0) } }
  func PMOVZXDQ(_ op: OpPointer) throws(Exit) { try extended(op, 8) { PackedInteger.PMOVZXDQ($0) } }
}

// MARK: SSE4: single lanes

extension UnsafeMutablePointer where Pointee == CPUState {
  /// A lane to a general register, zero-extended, or to as many bytes of memory.
  @inline(__always)
  private func extract<T: OperandWidth>(_ op: OpPointer, _ lane: T) throws(Exit) {
    if op.pointee.isMemory { return try storeOperand(op, lane) }
    setRegister(op.pointee.base, lane.zeroExtended)
  }

  func PEXTRB(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    try extract(op, destinationXMM(op)[Int(immediate8(op) & 15)])
  }
  func PEXTRW_EV(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    try extract(op, destinationXMM(op).words[Int(immediate8(op) & 7)])
  }
  func PEXTRD<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try requireSSE()
    if T.self == UInt64.self {
      try extract(op, destinationXMM(op).quadwords[Int(immediate8(op) & 1)])
    } else {
      try extract(op, destinationXMM(op).doublewords[Int(immediate8(op) & 3)])
    }
  }
  func EXTRACTPS(_ op: OpPointer) throws(Exit) { try PEXTRD(op, UInt32.self) }

  func PINSRB(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    // A register operand is 32 bits wide: its number never means AH.
    let byte: UInt8 = try readE(op)
    var result = destinationXMM(op)
    result[Int(immediate8(op) & 15)] = byte
    setDestinationXMM(op, result)
  }
  func PINSRD<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try requireSSE()
    let value: T = try readE(op)
    if T.self == UInt64.self {
      var result = destinationXMM(op).quadwords
      result[Int(immediate8(op) & 1)] = value.zeroExtended
      setDestinationXMM(op, SIMD16(quadwords: result))
    } else {
      var result = destinationXMM(op).doublewords
      result[Int(immediate8(op) & 3)] = UInt32(truncatingIfNeeded: value.zeroExtended)
      setDestinationXMM(op, SIMD16(doublewords: result))
    }
  }
  /// From memory there is one lane to choose from.
  func INSERTPS(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    let select = immediate8(op)
    let value =
      op.pointee.isMemory ? try load4(op) : xmm(op.pointee.source).pointee.doublewords[Int(select >> 6)]
    setDestinationXMM(op, PackedInteger.INSERTPS(destinationXMM(op), value, select))
  }
}

// MARK: SSE4: rounding

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Bits 1:0 of the immediate are the rounding mode unless bit 2 leaves it to MXCSR; bit 3 suppresses PE.
  @inline(__always)
  private func roundingMode(_ op: OpPointer, _ context: FloatingPointContext) -> RoundingMode {
    if immediate8(op) & 4 != 0 { return context.rounding }
    return FloatingPointContext(mxcsr: UInt32(immediate8(op) & 3) << 13).rounding
  }

  func ROUNDPS(_ op: OpPointer) throws(Exit) { try packedSingle(op) { round32(op, $1, &$2) } }
  func ROUNDPD(_ op: OpPointer) throws(Exit) { try packedDouble(op) { round64(op, $1, &$2) } }
  func ROUNDSS(_ op: OpPointer) throws(Exit) { try scalarSingle(op) { round32(op, $1, &$2) } }
  func ROUNDSD(_ op: OpPointer) throws(Exit) { try scalarDouble(op) { round64(op, $1, &$2) } }

  private func round32(_ op: OpPointer, _ a: UInt32, _ context: inout FloatingPointContext) -> UInt32 {
    Binary32.roundToIntegral(
      a, rounding: roundingMode(op, context), suppressingPrecision: immediate8(op) & 8 != 0, &context)
  }
  private func round64(_ op: OpPointer, _ a: UInt64, _ context: inout FloatingPointContext) -> UInt64 {
    Binary64.roundToIntegral(
      a, rounding: roundingMode(op, context), suppressingPrecision: immediate8(op) & 8 != 0, &context)
  }
}
