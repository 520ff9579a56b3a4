// Data transfer, shuffles and unpacks of SSE, SSE2 and AVX (SDM Vol. 1, "SSE Data Transfer Instructions", "SSE
// Shuffle and Unpack Instructions", "SSE2 Data Movement Instructions", "SSE2 Shuffle and Unpack Instructions").
// Instructions that differ only in the type they name (`MOVAPS`, `MOVAPD`, `MOVDQA`, `MOVNTPS` …) share one body.
// A name that ends in `_WV` or `_EV` stores: the stored register is in ModRM.reg.

// MARK: Moves of whole vectors

extension VectorForm {
  /// Memory must be aligned to the vector length, with VEX too.
  @inline(__always)
  static func MOVAPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    guard Source.isMemory(op) else { return commit(cpu, op, value(cpu, op.fields.base)) }
    commit(
      cpu, op,
      isWide
        ? try Source.loadAligned(cpu, op, YMM.self) : YMM(try Source.loadAligned(cpu, op, SIMD16<UInt8>.self))
    )
  }

  @inline(__always)
  static func MOVAPS_WV(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let data = value(cpu, op.fields.destination)
    guard Source.isMemory(op) else { return set(cpu, op.fields.base, data) }
    if isWide { try Source.storeAligned(cpu, op, data) } else { try Source.storeAligned(cpu, op, data.low) }
  }

  @inline(__always)
  static func MOVUPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    guard Source.isMemory(op) else { return commit(cpu, op, value(cpu, op.fields.base)) }
    commit(
      cpu, op, isWide ? try Source.load(cpu, op, YMM.self) : YMM(try Source.load(cpu, op, SIMD16<UInt8>.self))
    )
  }

  @inline(__always)
  static func MOVUPS_WV(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let data = value(cpu, op.fields.destination)
    guard Source.isMemory(op) else { return set(cpu, op.fields.base, data) }
    if isWide { try Source.store(cpu, op, data) } else { try Source.store(cpu, op, data.low) }
  }
}

// MARK: Scalar moves

/// From memory the rest of the register is zeroed; between registers `MOVSS` and `MOVSD` take it from the first
/// source, `MOVQ` zeroes it.
extension VectorForm {
  @inline(__always)
  static func MOVSS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    if Source.isMemory(op) {
      commit(cpu, op, SIMD16(vector64: UInt64(try second4(cpu, op))))
    } else {
      commitScalar(cpu, op, try second4(cpu, op))
    }
  }

  @inline(__always)
  static func MOVSS_WV(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let data = cpu.xmm(op.fields.destination).pointee.doublewords
    if Source.isMemory(op) { return try Source.store(cpu, op, data[0]) }
    var result = isVEX ? first(cpu, op).low.doublewords : cpu.xmm(op.fields.base).pointee.doublewords
    result[0] = data[0]
    set(cpu, op.fields.base, YMM(SIMD16(doublewords: result)))
  }

  @inline(__always)
  static func MOVSD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    if Source.isMemory(op) {
      commit(cpu, op, SIMD16(vector64: try second8(cpu, op)))
    } else {
      commitScalar(cpu, op, try second8(cpu, op))
    }
  }

  @inline(__always)
  static func MOVSD_WV(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let data = cpu.xmm(op.fields.destination).pointee.quadwords
    if Source.isMemory(op) { return try Source.store(cpu, op, data[0]) }
    let kept = isVEX ? first(cpu, op).low : cpu.xmm(op.fields.base).pointee
    set(cpu, op.fields.base, YMM(SIMD16(quadwords: SIMD2(data[0], kept.quadwords[1]))))
  }

  @inline(__always)
  static func MOVQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    commit(cpu, op, SIMD16(vector64: try second8(cpu, op)))
  }

  @inline(__always)
  static func MOVQ_WV(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let data = cpu.xmm(op.fields.destination).pointee.quadwords[0]
    if Source.isMemory(op) { return try Source.store(cpu, op, data) }
    set(cpu, op.fields.base, YMM(SIMD16(vector64: data)))
  }

  /// `MOVD V,Ed` and, with W, `MOVQ V,Eq`.
  @inline(__always)
  static func MOVD<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) throws(Exit) {
    try require(cpu)
    let value = try general(cpu, op, T.self)
    commit(cpu, op, SIMD16(vector64: value.zeroExtended))
  }

  /// `MOVD Ed,V` and, with W, `MOVQ Eq,V`.
  @inline(__always)
  static func MOVD_EV<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) throws(Exit) {
    try require(cpu)
    let value = T(truncatingIfNeeded: cpu.xmm(op.fields.destination).pointee.quadwords[0])
    if Source.isMemory(op) {
      try Source.store(cpu, op, value)
    } else {
      cpu.setRegister(op.fields.base, value)
    }
  }
}

// MARK: Halves

/// The forms with PD move the same bits as those with PS.
extension VectorForm {
  @inline(__always)
  static func MOVLPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    commitScalar(cpu, op, try second8(cpu, op))
  }

  @inline(__always)
  static func MOVLPS_WV(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    try Source.store(cpu, op, cpu.xmm(op.fields.destination).pointee.quadwords[0])
  }

  @inline(__always)
  static func MOVHPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let high = try second8(cpu, op)
    commit(cpu, op, SIMD16(quadwords: SIMD2(first(cpu, op).low.quadwords[0], high)))
  }

  @inline(__always)
  static func MOVHPS_WV(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    try Source.store(cpu, op, cpu.xmm(op.fields.destination).pointee.quadwords[1])
  }

  @inline(__always)
  static func MOVHLPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op) { SIMD16(quadwords: SIMD2($1.quadwords[1], $0.quadwords[1])) }
  }

  @inline(__always)
  static func MOVLHPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op) { SIMD16(quadwords: SIMD2($0.quadwords[0], $1.quadwords[0])) }
  }
}

// MARK: Shuffles, unpacks and masks

extension VectorForm {
  @inline(__always)
  static func SHUFPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shuffled(cpu, op, PackedInteger.SHUFPS)
  }
  @inline(__always)
  static func SHUFPD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try blended(cpu, op, 2, PackedInteger.SHUFPD)
  }
  @inline(__always)
  static func UNPCKLPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PUNPCKLDQ)
  }
  @inline(__always)
  static func UNPCKHPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PUNPCKHDQ)
  }

  @inline(__always)
  static func MOVMSKPS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let source = value(cpu, op.fields.base)
    let high = isWide ? PackedInteger.MOVMSKPS(source.high) &<< 4 : 0
    cpu.setRegister(op.fields.destination, PackedInteger.MOVMSKPS(source.low) | high)
  }

  @inline(__always)
  static func MOVMSKPD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let source = value(cpu, op.fields.base)
    let high = isWide ? PackedInteger.MOVMSKPD(source.high) &<< 2 : 0
    cpu.setRegister(op.fields.destination, PackedInteger.MOVMSKPD(source.low) | high)
  }

  static func MASKMOVDQU(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let mask = PackedInteger.PMOVMSKB(cpu.xmm(op.fields.source).pointee)
    try cpu.storeBytes(op.pointer, cpu.xmm(op.fields.destination).pointee, mask, count: 16)
  }
}
