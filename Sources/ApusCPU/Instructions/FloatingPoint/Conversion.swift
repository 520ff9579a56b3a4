/// Conversions to and from integers, to integral values, and between the formats.
extension HostFormat {
  /// `CVTSI2SS`, `CVTDQ2PD` and their kin: a signed integer, sign-extended to 64 bits, rounded by MXCSR.RC.
  @inline(__always)
  package static func convert(_ integer: Int64, _ context: inout FloatingPointContext) -> Bits {
    // No more bits than the significand holds: exact in every rounding mode.
    let limit: Int64 = 1 &<< Int64(truncatingIfNeeded: precision)
    if context.allowsHostArithmetic || (integer >= 0 &- limit && integer <= limit) {
      return hostConvert(integer)
    }
    return softwareConvert(integer, &context)
  }

  /// The software path of `convert(_:_:)`, for any integer.
  @inline(never)
  package static func softwareConvert(_ integer: Int64, _ context: inout FloatingPointContext) -> Bits {
    if integer == 0 { return 0 }
    return pack(
      Unpacked(negative: integer < 0, exponent: 63, normalizing: integer.magnitude), &context)
  }

  /// `CVTSS2SI`, `CVTTPD2DQ` and their kin: a as a signed integer of the wanted width (32 or 64), rounded
  /// by `mode` (`context.rounding`, or `.towardZero` for the truncating forms). A NaN, an infinity and a
  /// value outside the range raise IE and give the integer indefinite, the most negative integer.
  /// Denormals never raise DE here.
  @inline(__always)
  package static func convertToInteger<Integer: FixedWidthInteger & SignedInteger>(
    _ source: Bits, as type: Integer.Type = Integer.self, rounding mode: RoundingMode,
    _ context: inout FloatingPointContext
  ) -> Integer {
    let a = quietOperand(source, context)
    if isZero(a) { return 0 }
    guard exponent(a) <= 63 else {
      context.raise(MXCSR.IE)
      return .min
    }
    let (magnitude, inexact) = integralMagnitude(a, mode)
    let limit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: Integer.bitWidth &- 1)
    if magnitude > limit || (magnitude == limit && !isNegative(a)) {
      context.raise(MXCSR.IE)
      return .min
    }
    if inexact { context.raise(MXCSR.PE) }
    let value = Integer(truncatingIfNeeded: magnitude)
    return isNegative(a) ? 0 &- value : value
  }

  /// The lanes of `ROUNDSS`, `ROUNDPD` and their kin: a rounded to an integral value by `mode`. A zero
  /// result keeps the sign of a. PE is raised for an inexact result unless `suppressingPrecision` (bit 3
  /// of the immediate); denormals never raise DE here.
  @inline(__always)
  package static func roundToIntegral(
    _ source: Bits, rounding mode: RoundingMode, suppressingPrecision: Bool,
    _ context: inout FloatingPointContext
  ) -> Bits {
    if isNaN(source) { return propagateNaN(source, source, &context) }
    let a = quietOperand(source, context)
    if isZero(a) || exponent(a) >= fractionWidth { return a }
    let (magnitude, inexact) = integralMagnitude(a, mode)
    if inexact && !suppressingPrecision { context.raise(MXCSR.PE) }
    // At most 2^fractionWidth, which the host converts exactly.
    return hostConvert(Int64(truncatingIfNeeded: magnitude)) | (a & signMask)
  }

  /// The exponent field of `a`, without its bias. Zeros and denormals give a value below every normal
  /// number's, infinities and NaNs one above.
  @inline(__always)
  package static func exponent(_ a: Bits) -> Int {
    Int(truncatingIfNeeded: (a & infinity) &>> Bits(truncatingIfNeeded: fractionWidth))
      &- largestExponent
  }

  /// |a| rounded to an integer, for a ≠ 0 below 2^64 in magnitude.
  @inline(__always)
  package static func integralMagnitude(
    _ a: Bits, _ mode: RoundingMode
  ) -> (value: UInt64, inexact: Bool) {
    let exponent = exponent(a)
    let negative = isNegative(a)
    if exponent < -1 {
      // Below one half: a quarter stands for it.
      return (1 as UInt64).rounded(dropping: 2, mode, negative: negative)
    }
    let significand = unpack(a).significand
    if exponent == -1 {
      // Two quarters for one half, three for anything between that and one.
      return (significand == 1 &<< 63 ? 2 : 3 as UInt64).rounded(dropping: 2, mode, negative: negative)
    }
    if exponent == 63 { return (significand, false) }
    return significand.rounded(dropping: 63 &- exponent, mode, negative: negative)
  }
}

extension Binary64 {
  /// `CVTSS2SD` and the lanes of `CVTPS2PD`: exact, but for IE (signaling NaN) and DE.
  @inline(__always)
  package static func convert(single source: UInt32, _ context: inout FloatingPointContext) -> UInt64 {
    if Binary32.isNaN(source) {
      if Binary32.isSignalingNaN(source) { context.raise(MXCSR.IE) }
      let sign = UInt64(source & Binary32.signMask) &<< 32
      return sign | infinity | quietBit | (UInt64(source & (Binary32.quietBit &- 1)) &<< 29)
    }
    let a = Binary32.operand(source, &context)
    // Written out because a host may be set to flush denormals.
    let sign = UInt64(a & Binary32.signMask) &<< 32
    let magnitude = UInt64(a & ~Binary32.signMask)
    if magnitude == 0 { return sign }
    if Binary32.isInfinite(a) { return sign | infinity }
    if a & Binary32.infinity == 0 { return pack(Binary32.unpack(a), &context) }
    let rebias = UInt64(truncatingIfNeeded: largestExponent &- Binary32.largestExponent)
    return sign | ((magnitude &<< 29) &+ (rebias &<< 52))
  }
}

extension Binary32 {
  /// `CVTSD2SS` and the lanes of `CVTPD2PS`: rounded by MXCSR.RC. A NaN keeps the upper bits of its payload.
  @inline(__always)
  package static func convert(double source: UInt64, _ context: inout FloatingPointContext) -> UInt32 {
    if context.allowsHostArithmetic && Binary64.isSafelyNormal(source) {
      let result = Float(Double(bitPattern: source)).bitPattern
      if isSafelyNormal(result) { return result }
    }
    return softwareConvert(double: source, &context)
  }

  /// The software path of `convert(double:_:)`, for any operand.
  @inline(never)
  package static func softwareConvert(
    double source: UInt64, _ context: inout FloatingPointContext
  ) -> UInt32 {
    let sign = UInt32(truncatingIfNeeded: source &>> 32) & signMask
    if Binary64.isNaN(source) {
      if Binary64.isSignalingNaN(source) { context.raise(MXCSR.IE) }
      let payload = UInt32(truncatingIfNeeded: source &>> 29) & (quietBit &- 1)
      return sign | infinity | quietBit | payload
    }
    let a = Binary64.operand(source, &context)
    if Binary64.isZero(a) { return sign }
    if Binary64.isInfinite(a) { return sign | infinity }
    return pack(Binary64.unpack(a), &context)
  }
}
