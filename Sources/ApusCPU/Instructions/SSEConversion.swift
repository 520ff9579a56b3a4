// Conversions of SSE, SSE2 and AVX (SDM Vol. 1, "SSE Conversion Instructions", "SSE2 Conversion Instructions").

// MARK: General registers

extension VectorForm {
  static func CVTSI2SS<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) throws(Exit) {
    try require(cpu)
    let integer = try general(cpu, op, T.self)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    let result = Binary32.convert(Int64(bitPattern: integer.signExtended), &context)
    try cpu.report(context)
    commitScalar(cpu, op, result)
  }

  static func CVTSI2SD<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) throws(Exit) {
    try require(cpu)
    let integer = try general(cpu, op, T.self)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    let result = Binary64.convert(Int64(bitPattern: integer.signExtended), &context)
    try cpu.report(context)
    commitScalar(cpu, op, result)
  }

  static func CVTSS2SI<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) throws(Exit) {
    try singleToGeneral(cpu, op, T.self, truncating: false)
  }
  static func CVTTSS2SI<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) throws(Exit) {
    try singleToGeneral(cpu, op, T.self, truncating: true)
  }
  static func CVTSD2SI<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) throws(Exit) {
    try doubleToGeneral(cpu, op, T.self, truncating: false)
  }
  static func CVTTSD2SI<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) throws(Exit) {
    try doubleToGeneral(cpu, op, T.self, truncating: true)
  }

  @inline(__always)
  private static func singleToGeneral<T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _: T.Type, truncating: Bool
  ) throws(Exit) {
    try require(cpu)
    let source = try second4(cpu, op)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    let mode = truncating ? RoundingMode.towardZero : context.rounding
    let result = Binary32.convertToInteger(source, as: T.Signed.self, rounding: mode, &context)
    try cpu.report(context)
    cpu.setRegister(op.fields.destination, T(truncatingIfNeeded: result))
  }

  @inline(__always)
  private static func doubleToGeneral<T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _: T.Type, truncating: Bool
  ) throws(Exit) {
    try require(cpu)
    let source = try second8(cpu, op)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    let mode = truncating ? RoundingMode.towardZero : context.rounding
    let result = Binary64.convertToInteger(source, as: T.Signed.self, rounding: mode, &context)
    try cpu.report(context)
    cpu.setRegister(op.fields.destination, T(truncatingIfNeeded: result))
  }
}

// MARK: Between the formats

extension VectorForm {
  static func CVTSS2SD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let source = try second4(cpu, op)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    let result = Binary64.convert(single: source, &context)
    try cpu.report(context)
    commitScalar(cpu, op, result)
  }

  static func CVTSD2SS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let source = try second8(cpu, op)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    let result = Binary32.convert(double: source, &context)
    try cpu.report(context)
    commitScalar(cpu, op, result)
  }

  static func CVTPS2PD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try widen(cpu, op) { Binary64.convert(single: $0, &$1) }
  }

  static func CVTPD2PS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try narrow(cpu, op) { Binary32.convert(double: $0, &$1) }
  }

  /// Doublewords of the source, half as wide as the vector, to quadwords.
  @inline(__always)
  private static func widen(
    _ cpu: CPU, _ op: some OpReference, _ convert: (UInt32, inout FloatingPointContext) -> UInt64
  ) throws(Exit) {
    try require(cpu)
    let source = isWide ? try second16(cpu, op) : SIMD16(vector64: try second8(cpu, op))
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    let lanes = source.doublewords
    var result = YMM(SIMD16(quadwords: SIMD2(convert(lanes[0], &context), convert(lanes[1], &context))))
    if isWide {
      result.high = SIMD16(quadwords: SIMD2(convert(lanes[2], &context), convert(lanes[3], &context)))
    }
    try cpu.report(context)
    commit(cpu, op, result)
  }

  /// Quadwords to doublewords in the lower half of the vector; the rest becomes zero.
  @inline(__always)
  private static func narrow(
    _ cpu: CPU, _ op: some OpReference, _ convert: (UInt64, inout FloatingPointContext) -> UInt32
  ) throws(Exit) {
    try require(cpu)
    let source = try second(cpu, op)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    var lanes = SIMD4<UInt32>()
    lanes[0] = convert(source.low.quadwords[0], &context)
    lanes[1] = convert(source.low.quadwords[1], &context)
    if isWide {
      lanes[2] = convert(source.high.quadwords[0], &context)
      lanes[3] = convert(source.high.quadwords[1], &context)
    }
    try cpu.report(context)
    commit(cpu, op, SIMD16(doublewords: lanes))
  }
}

// MARK: Packed doublewords

extension VectorForm {
  static func CVTDQ2PS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packedSingle(cpu, op) { Binary32.convert(Int64(Int32(bitPattern: $1)), &$2) }
  }

  static func CVTPS2DQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packedSingle(cpu, op) { doubleword(single: $1, truncating: false, &$2) }
  }
  static func CVTTPS2DQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packedSingle(cpu, op) { doubleword(single: $1, truncating: true, &$2) }
  }

  /// Exact, so without exceptions.
  static func CVTDQ2PD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try widen(cpu, op) { Binary64.convert(Int64(Int32(bitPattern: $0)), &$1) }
  }

  static func CVTPD2DQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try narrow(cpu, op) { doubleword(double: $0, truncating: false, &$1) }
  }
  static func CVTTPD2DQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try narrow(cpu, op) { doubleword(double: $0, truncating: true, &$1) }
  }
}

@inline(__always)
private func doubleword(
  single: UInt32, truncating: Bool, _ context: inout FloatingPointContext
) -> UInt32 {
  let mode = truncating ? RoundingMode.towardZero : context.rounding
  return UInt32(bitPattern: Binary32.convertToInteger(single, as: Int32.self, rounding: mode, &context))
}

@inline(__always)
private func doubleword(
  double: UInt64, truncating: Bool, _ context: inout FloatingPointContext
) -> UInt32 {
  let mode = truncating ? RoundingMode.towardZero : context.rounding
  return UInt32(bitPattern: Binary64.convertToInteger(double, as: Int32.self, rounding: mode, &context))
}

// MARK: MMX registers

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Two singles in the lower half; the upper is kept.
  func CVTPI2PS(_ op: OpPointer) throws(Exit) {
    let source = try sourceForConversion(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let low = Binary32.convert(Int64(Int32(truncatingIfNeeded: source)), &context)
    let high = Binary32.convert(Int64(Int32(truncatingIfNeeded: source &>> 32)), &context)
    // The registers are MMX registers even if the conversion faults.
    if !op.fields.isMemory { enterMMX() }
    try report(context)
    Legacy<AnySource>.commitScalar(self, op, UInt64(low) | UInt64(high) &<< 32)
  }

  /// Exact.
  func CVTPI2PD(_ op: OpPointer) throws(Exit) {
    let source = try sourceForConversion(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let low = Binary64.convert(Int64(Int32(truncatingIfNeeded: source)), &context)
    let high = Binary64.convert(Int64(Int32(truncatingIfNeeded: source &>> 32)), &context)
    if !op.fields.isMemory { enterMMX() }
    xmm(op.fields.destination).pointee = SIMD16(quadwords: SIMD2(low, high))
  }

  /// The Q operand of a conversion to XMM. With a memory operand the x87 state neither matters nor changes
  /// (SDM Vol. 2, `CVTPI2PD`; AMD processors do the same for `CVTPI2PS`, as measured on family 25).
  @inline(__always)
  private func sourceForConversion(_ op: OpPointer) throws(Exit) -> UInt64 {
    try requireSSE()
    if op.fields.isMemory { return try load8(op) }
    try requireMMX()
    return mmx(op.fields.base)
  }

  func CVTPS2PI(_ op: OpPointer) throws(Exit) { try singlesToMMX(op, truncating: false) }
  func CVTTPS2PI(_ op: OpPointer) throws(Exit) { try singlesToMMX(op, truncating: true) }
  func CVTPD2PI(_ op: OpPointer) throws(Exit) { try doublesToMMX(op, truncating: false) }
  func CVTTPD2PI(_ op: OpPointer) throws(Exit) { try doublesToMMX(op, truncating: true) }

  @inline(__always)
  private func singlesToMMX(_ op: OpPointer, truncating: Bool) throws(Exit) {
    try requireSSE()
    try requireMMX()
    let source = try Legacy<AnySource>.second8(self, op)
    enterMMX()
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let low = doubleword(
      single: UInt32(truncatingIfNeeded: source), truncating: truncating, &context)
    let high = doubleword(
      single: UInt32(truncatingIfNeeded: source &>> 32), truncating: truncating, &context)
    try report(context)
    setMMX(op.fields.destination, UInt64(low) | UInt64(high) &<< 32)
  }

  @inline(__always)
  private func doublesToMMX(_ op: OpPointer, truncating: Bool) throws(Exit) {
    try requireSSE()
    try requireMMX()
    let source = try Legacy<AnySource>.second(self, op).low.quadwords
    enterMMX()
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let low = doubleword(double: source[0], truncating: truncating, &context)
    let high = doubleword(double: source[1], truncating: truncating, &context)
    try report(context)
    setMMX(op.fields.destination, UInt64(low) | UInt64(high) &<< 32)
  }
}

// MARK: Half precision

extension VectorForm {
  /// Words of the source, half as wide as the vector, to singles.
  static func VCVTPH2PS(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let source = isWide ? try second16(cpu, op) : SIMD16(vector64: try second8(cpu, op))
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    var result = SIMD8<UInt32>()
    for lane in 0..<(isWide ? 8 : 4) {
      result[lane] = Binary32.convert(half: source.words[lane], &context)
    }
    try cpu.report(context)
    commit(cpu, op, YMM(doublewords: result))
  }

  /// Singles to words in half the vector. The rounding mode is bits 1:0 of the immediate, or MXCSR's with bit 2.
  static func VCVTPS2PH(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let source = value(cpu, op.fields.destination).doublewords
    var mxcsr = cpu.pointee.mxcsr & ~MXCSR.FTZ
    if immediate8(op) & 4 == 0 { mxcsr = mxcsr & ~MXCSR.RC | UInt32(immediate8(op) & 3) &<< 13 }
    var rounding = FloatingPointContext(mxcsr: mxcsr)
    var words = SIMD8<UInt16>()
    for lane in 0..<(isWide ? 8 : 4) { words[lane] = Binary16.convert(single: source[lane], &rounding) }
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    context.raise(rounding.raised)
    let result = SIMD16(words: words)
    guard op.fields.isMemory else {
      try cpu.report(context)
      return set(cpu, op.fields.base, YMM(result))
    }
    // A page fault comes before the exceptions of the conversion, which it keeps out of MXCSR.
    let linear = try cpu.segmentedAddress(op.pointer, isWide ? 16 : 8, Access.write)
    _ = try cpu.slowPointer(linear, isWide ? 16 : 8, Access.write)
    cpu.pointee.bounceSize = 0
    try cpu.report(context)
    if isWide { try Source.store(cpu, op, result) } else { try Source.store(cpu, op, result.quadwords[0]) }
  }
}
