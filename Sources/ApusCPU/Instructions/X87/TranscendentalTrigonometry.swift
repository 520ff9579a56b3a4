/// `FSIN`, `FCOS`, `FSINCOS`, `FPTAN`: |x| < 2^63.
extension Transcendental {
  /// sin x.
  package static func sine(_ x: Unpacked) -> WideNumber {
    let (quadrant, angle) = reduce(x)
    return oddInSign(x, sine(quadrant, angle))
  }

  /// cos x.
  package static func cosine(_ x: Unpacked) -> WideNumber {
    let (quadrant, angle) = reduce(x)
    return sine(quadrant &+ 1, angle)
  }

  /// sin x and cos x.
  package static func sineAndCosine(_ x: Unpacked) -> (sine: WideNumber, cosine: WideNumber) {
    let (quadrant, angle) = reduce(x)
    return (oddInSign(x, sine(quadrant, angle)), sine(quadrant &+ 1, angle))
  }

  /// tan x.
  package static func tangent(_ x: Unpacked) -> WideNumber {
    let (quadrant, angle) = reduce(x)
    guard angle.exponent < -32 else {
      return oddInSign(x, sine(quadrant, angle).divided(by: sine(quadrant &+ 1, angle)))
    }
    let small = tangentOfSmall(angle)
    if quadrant & 1 == 0 { return oddInSign(x, small) }
    // tan(a + π/2) = −1 / tan a.
    let one = WideNumber(negative: false, exponent: 0, high: 1 &<< 63, low: 0, isExact: true)
    let inverse = one.divided(by: small)
    return oddInSign(x, inverse.signed(!small.negative))
  }

  /// sin(quadrant × π/2 + angle), by sin(a + π/2) = cos a and sin(a + π) = −sin a.
  @inline(__always)
  private static func sine(_ quadrant: UInt64, _ angle: WideNumber) -> WideNumber {
    let result = quadrant & 1 == 0 ? sineOfReduced(angle) : cosineOfReduced(angle)
    return result.signed(result.negative != (quadrant & 2 != 0))
  }

  /// f(x) from f(|x|) of an odd function.
  @inline(__always)
  private static func oddInSign(_ x: Unpacked, _ value: WideNumber) -> WideNumber {
    value.signed(value.negative != x.negative)
  }

  /// tan x = x (1 + x²/3 + 2x⁴/15 + ...) for |x| < 2^-32, which the first two terms give to 130 bits. The
  /// result is above x however small x is, which a quotient would not promise.
  private static func tangentOfSmall(_ x: WideNumber) -> WideNumber {
    let square = x.times(x.bits).scaled(x.exponent &+ 1)
    let third = Bits128(high: 0x5555_5555_5555_5555, low: 0x5555_5555_5555_5555)
    var result = x.timesOnePlus(square.fraction.timesFraction(third))
    result.low |= 1
    return result
  }

  /// |x| = quadrant × π/2 + angle, |angle| ≤ π/4, exactly, for the π of 66 bits that processors have: SDM Vol. 1,
  /// "Approximation of Pi". Far from zero their results differ from those of the true functions for that.
  ///
  /// In units of 2^-65, π/2 is p = 3243F6A8885A308D3h. It is odd and longer than the significand, so no x but zero
  /// is a multiple.
  private static func reduce(_ x: Unpacked) -> (quadrant: UInt64, angle: WideNumber) {
    if x.exponent < -1 {
      return (0, WideNumber(x).signed(false))
    }
    let p = Bits128(high: 3, low: 0x243F_6A88_85A3_08D3)
    let number = Bits128(high: 0, low: x.significand).shiftedLeft(x.exponent &+ 2)
    // Without the two low bits of p the quotient is at most one too large.
    let quarter = number.shiftedRight(2)
    var quadrant = UInt64(0xC90F_DAA2_2168_C234).dividingFullWidth((quarter.high, quarter.low)).quotient
    let product = quadrant.multipliedFullWidth(by: p.low)
    var rest = number &- Bits128(high: product.high &+ quadrant &* p.high, low: product.low)
    if rest.high &>> 63 != 0 {
      quadrant &-= 1
      rest = rest &+ p
    }
    let other = p &- rest
    let isAbove = other < rest
    // Bit 127 has the weight 2^62.
    let angle = WideNumber(negative: isAbove, exponent: 62, normalizing: isAbove ? other : rest)
    return (isAbove ? quadrant &+ 1 : quadrant, angle)
  }

  /// sin r = r (1 − r²/3! + r⁴/5! − ...) for |r| ≤ π/4; the first term left out is below 2^-133.
  private static func sineOfReduced(_ r: WideNumber) -> WideNumber {
    let fraction = r.fraction
    return r.timesOneMinus(
      series(
        TranscendentalTables.reciprocalFactorials, from: 3, through: 31, by: 2, alternating: true,
        fraction.timesFraction(fraction)))
  }

  /// cos r = 1 − r²/2! + r⁴/4! − ... for |r| ≤ π/4; the first term left out is below 2^-128. The result is
  /// below one however small r is.
  private static func cosineOfReduced(_ r: WideNumber) -> WideNumber {
    let fraction = r.fraction
    let decrease = series(
      TranscendentalTables.reciprocalFactorials, from: 2, through: 30, by: 2, alternating: true,
      fraction.timesFraction(fraction))
    return WideNumber(negative: false, exponent: -1, normalizing: decrease.complement)
  }
}
