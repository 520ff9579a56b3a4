/// Conversions of SSE and SSE2 (SDM Vol. 1, "SSE Conversion Instructions", "SSE2 Conversion Instructions").

// MARK: General registers

extension UnsafeMutablePointer where Pointee == CPUState {
  func CVTSI2SS<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try requireSSE()
    let integer: T = try readE(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let result = Binary32.convert(Int64(bitPattern: integer.signExtended), &context)
    try report(context)
    setDestinationLow4(op, result)
  }

  func CVTSI2SD<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try requireSSE()
    let integer: T = try readE(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let result = Binary64.convert(Int64(bitPattern: integer.signExtended), &context)
    try report(context)
    setDestinationLow8(op, result)
  }

  func CVTSS2SI<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try singleToGeneral(op, T.self, truncating: false)
  }
  func CVTTSS2SI<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try singleToGeneral(op, T.self, truncating: true)
  }
  func CVTSD2SI<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try doubleToGeneral(op, T.self, truncating: false)
  }
  func CVTTSD2SI<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try doubleToGeneral(op, T.self, truncating: true)
  }

  @inline(__always)
  private func singleToGeneral<T: OperandWidth>(
    _ op: OpPointer, _: T.Type, truncating: Bool
  ) throws(Exit) {
    try requireSSE()
    let source = try sourceLow4(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let mode = truncating ? RoundingMode.towardZero : context.rounding
    let result = Binary32.convertToInteger(source, as: T.Signed.self, rounding: mode, &context)
    try report(context)
    setRegister(op.pointee.destination, T(truncatingIfNeeded: result))
  }

  @inline(__always)
  private func doubleToGeneral<T: OperandWidth>(
    _ op: OpPointer, _: T.Type, truncating: Bool
  ) throws(Exit) {
    try requireSSE()
    let source = try sourceLow8(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let mode = truncating ? RoundingMode.towardZero : context.rounding
    let result = Binary64.convertToInteger(source, as: T.Signed.self, rounding: mode, &context)
    try report(context)
    setRegister(op.pointee.destination, T(truncatingIfNeeded: result))
  }
}

// MARK: Between the formats

extension UnsafeMutablePointer where Pointee == CPUState {
  func CVTSS2SD(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    let source = try sourceLow4(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let result = Binary64.convert(single: source, &context)
    try report(context)
    setDestinationLow8(op, result)
  }

  func CVTSD2SS(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    let source = try sourceLow8(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let result = Binary32.convert(double: source, &context)
    try report(context)
    setDestinationLow4(op, result)
  }

  func CVTPS2PD(_ op: OpPointer) throws(Exit) {
    try convertLow(op) { Binary64.convert(single: $0, &$1) }
  }

  func CVTPD2PS(_ op: OpPointer) throws(Exit) {
    try narrow(op) { Binary32.convert(double: $0, &$1) }
  }

  /// Two doublewords of the source (eight bytes of memory) to two quadwords.
  @inline(__always)
  private func convertLow(
    _ op: OpPointer, _ convert: (UInt32, inout FloatingPointContext) -> UInt64
  ) throws(Exit) {
    try requireSSE()
    let source = try sourceLow8(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let low = convert(UInt32(truncatingIfNeeded: source), &context)
    let high = convert(UInt32(truncatingIfNeeded: source &>> 32), &context)
    try report(context)
    setDestinationXMM(op, SIMD16(quadwords: SIMD2(low, high)))
  }

  /// Two quadwords to the two low doublewords; the upper half becomes zero.
  @inline(__always)
  private func narrow(
    _ op: OpPointer, _ convert: (UInt64, inout FloatingPointContext) -> UInt32
  ) throws(Exit) {
    try requireSSE()
    let source = try sourceXMM(op).quadwords
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let low = convert(source[0], &context)
    let high = convert(source[1], &context)
    try report(context)
    setDestinationXMM(op, SIMD16(vector64: UInt64(low) | UInt64(high) &<< 32))
  }
}

// MARK: Packed doublewords

extension UnsafeMutablePointer where Pointee == CPUState {
  func CVTDQ2PS(_ op: OpPointer) throws(Exit) {
    try packedSingle(op) { Binary32.convert(Int64(Int32(bitPattern: $1)), &$2) }
  }

  func CVTPS2DQ(_ op: OpPointer) throws(Exit) {
    try packedSingle(op) { Self.doubleword(single: $1, truncating: false, &$2) }
  }
  func CVTTPS2DQ(_ op: OpPointer) throws(Exit) {
    try packedSingle(op) { Self.doubleword(single: $1, truncating: true, &$2) }
  }

  /// Exact, so without exceptions.
  func CVTDQ2PD(_ op: OpPointer) throws(Exit) {
    try convertLow(op) { Binary64.convert(Int64(Int32(bitPattern: $0)), &$1) }
  }

  func CVTPD2DQ(_ op: OpPointer) throws(Exit) {
    try narrow(op) { Self.doubleword(double: $0, truncating: false, &$1) }
  }
  func CVTTPD2DQ(_ op: OpPointer) throws(Exit) {
    try narrow(op) { Self.doubleword(double: $0, truncating: true, &$1) }
  }

  @inline(__always)
  private static func doubleword(
    single: UInt32, truncating: Bool, _ context: inout FloatingPointContext
  ) -> UInt32 {
    let mode = truncating ? RoundingMode.towardZero : context.rounding
    return UInt32(
      bitPattern: Binary32.convertToInteger(single, as: Int32.self, rounding: mode, &context))
  }

  @inline(__always)
  private static func doubleword(
    double: UInt64, truncating: Bool, _ context: inout FloatingPointContext
  ) -> UInt32 {
    let mode = truncating ? RoundingMode.towardZero : context.rounding
    return UInt32(
      bitPattern: Binary64.convertToInteger(double, as: Int32.self, rounding: mode, &context))
  }
}

// MARK: MMX registers

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Two singles in the lower half; the upper is kept.
  func CVTPI2PS(_ op: OpPointer) throws(Exit) {
    let source = try sourceForConversion(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let low = Binary32.convert(Int64(Int32(truncatingIfNeeded: source)), &context)
    let high = Binary32.convert(Int64(Int32(truncatingIfNeeded: source &>> 32)), &context)
    try report(context)
    if !op.pointee.isMemory { enterMMX() }
    setDestinationLow8(op, UInt64(low) | UInt64(high) &<< 32)
  }

  /// Exact.
  func CVTPI2PD(_ op: OpPointer) throws(Exit) {
    let source = try sourceForConversion(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let low = Binary64.convert(Int64(Int32(truncatingIfNeeded: source)), &context)
    let high = Binary64.convert(Int64(Int32(truncatingIfNeeded: source &>> 32)), &context)
    if !op.pointee.isMemory { enterMMX() }
    setDestinationXMM(op, SIMD16(quadwords: SIMD2(low, high)))
  }

  /// The Q operand of a conversion to XMM. With a memory operand the x87 state neither matters nor changes
  /// (SDM Vol. 2, `CVTPI2PD`; AMD processors do the same for `CVTPI2PS`, as measured on family 25).
  @inline(__always)
  private func sourceForConversion(_ op: OpPointer) throws(Exit) -> UInt64 {
    try requireSSE()
    if op.pointee.isMemory { return try load8(op) }
    try requireMMX()
    return mmx(op.pointee.source)
  }

  func CVTPS2PI(_ op: OpPointer) throws(Exit) { try singlesToMMX(op, truncating: false) }
  func CVTTPS2PI(_ op: OpPointer) throws(Exit) { try singlesToMMX(op, truncating: true) }
  func CVTPD2PI(_ op: OpPointer) throws(Exit) { try doublesToMMX(op, truncating: false) }
  func CVTTPD2PI(_ op: OpPointer) throws(Exit) { try doublesToMMX(op, truncating: true) }

  @inline(__always)
  private func singlesToMMX(_ op: OpPointer, truncating: Bool) throws(Exit) {
    try requireSSE()
    try requireMMX()
    let source = try sourceLow8(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let low = Self.doubleword(
      single: UInt32(truncatingIfNeeded: source), truncating: truncating, &context)
    let high = Self.doubleword(
      single: UInt32(truncatingIfNeeded: source &>> 32), truncating: truncating, &context)
    try report(context)
    setMMX(op.pointee.destination, UInt64(low) | UInt64(high) &<< 32)
  }

  @inline(__always)
  private func doublesToMMX(_ op: OpPointer, truncating: Bool) throws(Exit) {
    try requireSSE()
    try requireMMX()
    let source = try sourceXMM(op).quadwords
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let low = Self.doubleword(double: source[0], truncating: truncating, &context)
    let high = Self.doubleword(double: source[1], truncating: truncating, &context)
    try report(context)
    setMMX(op.pointee.destination, UInt64(low) | UInt64(high) &<< 32)
  }
}
