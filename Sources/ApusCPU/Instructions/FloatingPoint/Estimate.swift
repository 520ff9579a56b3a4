/// The approximations of `RCPPS` and `RSQRTPS` (SDM Vol. 2, `RCPPS`, `RSQRTPS`). The architecture asks for a
/// relative error of at most 1.5 × 2^-12 and leaves the rest open, so that processors differ. These round the
/// exact value to 13 significant bits (an error of at most 2^-13) by integer arithmetic, the same on every
/// host. MXCSR neither governs nor records anything: denormals count as zeros, tiny results become zeros.
extension Binary32 {
  /// About 1 / a.
  @inline(never)
  package static func reciprocalEstimate(_ a: UInt32) -> UInt32 {
    let sign = a & signMask
    if isNaN(a) { return a | quietBit }
    if isInfinite(a) { return sign }
    let field = (a & infinity) &>> 23
    if field == 0 { return sign | infinity }
    let significand = UInt64(a & 0x7F_FFFF | 0x80_0000)
    // 2^13 / m for m = significand / 2^23 in [1, 2), rounded.
    let quotient = ((1 &<< 36) &+ significand / 2) / significand
    return sign | estimate(quotient, exponentField: 254 &- Int(field))
  }

  /// About 1 / √a. Zeros give an infinity of their sign, other negative numbers the indefinite.
  @inline(never)
  package static func reciprocalRootEstimate(_ a: UInt32) -> UInt32 {
    if isNaN(a) { return a | quietBit }
    let field = (a & infinity) &>> 23
    if field == 0 { return a & signMask | infinity }
    if isNegative(a) { return indefinite }
    if isInfinite(a) { return 0 }
    // a = m × 2^(2 × half) with m in [1, 4).
    let exponent = Int(field) &- 127
    let half = exponent &>> 1
    let significand = UInt64(a & 0x7F_FFFF | 0x80_0000) &<< UInt64(truncatingIfNeeded: exponent & 1)
    // 2^38 / m; its root is 2^19 / √m.
    let square = (1 &<< 61) / significand
    if square &>> 38 != 0 { return estimate(1 &<< 13, exponentField: 127 &- half) }
    let root = integerSquareRoot(square &<< 26, 0).value
    return estimate(((root &>> 50) &+ 1) &>> 1, exponentField: 127 &- half)
  }

  /// quotient / 2^13 × 2^(exponentField - 127) for a quotient in 2^12...2^13; zero if that is tiny.
  @inline(__always)
  private static func estimate(_ quotient: UInt64, exponentField: Int) -> UInt32 {
    let isOne = quotient &>> 13 != 0
    let field = isOne ? exponentField : exponentField &- 1
    if field < 1 { return 0 }
    let fraction = isOne ? 0 : UInt32(truncatingIfNeeded: (quotient &- (1 &<< 12)) &<< 11)
    return UInt32(truncatingIfNeeded: field) &<< 23 | fraction
  }
}
