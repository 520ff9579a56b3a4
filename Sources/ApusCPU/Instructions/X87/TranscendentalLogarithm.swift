/// `FYL2X`, `FYL2XP1`.
extension Transcendental {
  /// y × log2 x for x > 0; its sign does not count. Exact if x is a power of two; zero for x = 1, with the
  /// sign of y.
  package static func logarithm(_ x: Unpacked, times y: Unpacked) -> WideNumber {
    product(y, binaryLogarithm(Bits128(high: x.significand, low: 0), exponent: x.exponent))
  }

  /// y × log2(1 + x) for x > −1, also beyond the |x| < 1 − √2/2 that the SDM defines; exact if 1 + x is a
  /// power of two. For x ≤ −1 the result is x, as processors of AMD have it.
  package static func logarithmPlusOne(_ x: Unpacked, times y: Unpacked) -> WideNumber {
    // |x| < 1/128.
    if x.exponent < -7 { return product(y, binaryLogarithmPlusOne(x)) }
    let magnitude = Bits128(high: x.significand, low: 0)
    if x.negative {
      if x.exponent >= 0 { return WideNumber(x) }
      let difference = WideNumber(
        negative: false, exponent: 0,
        normalizing: Bits128(high: 1 &<< 63, low: 0) &- magnitude.shiftedRight(0 &- x.exponent))
      return product(y, binaryLogarithm(difference.bits, exponent: difference.exponent))
    }
    // The sum in units of the larger number's last place; all bits of 1 + x are there below 2^128.
    let one = Bits128(high: 1 &<< 63, low: 0)
    let (sum, carry) =
      x.exponent < 0
      ? one.addingReportingOverflow(magnitude.shiftedRight(0 &- x.exponent))
      : magnitude.addingReportingOverflow(one.shiftedRight(x.exponent))
    let exponent = max(x.exponent, 0) &+ (carry ? 1 : 0)
    let carried = carry ? sum.shiftedRight(1) &+ one : sum
    var logarithm = binaryLogarithm(carried, exponent: exponent)
    if x.exponent > 127 { logarithm.isExact = false }
    return product(y, logarithm)
  }

  /// y × logarithm, whose low word is zero if it is exact.
  @inline(__always)
  private static func product(_ y: Unpacked, _ logarithm: WideNumber) -> WideNumber {
    let negative = y.negative != logarithm.negative
    if logarithm.isZero { return logarithm.signed(negative) }
    var result = logarithm.times(Bits128(high: y.significand, low: 0)).scaled(y.exponent &+ 1)
    result.negative = negative
    result.isExact = logarithm.isExact
    return result
  }

  /// log2(bits × 2^(exponent − 127)), bit 127 set; exact for powers of two.
  ///
  /// The number is m × 2^e, m in √½...√2 about. With c = k/64 near m and t = (m − c) / (m + c),
  /// ln(m/c) = 2 artanh t. Numerator and denominator are exact but for the last place of the latter, and
  /// |t| < 2^-7.4. With e = 0 and c = 1 nothing else adds to the logarithm, which then has the relative
  /// accuracy of t.
  private static func binaryLogarithm(_ bits: Bits128, exponent: Int) -> WideNumber {
    // 181/128 is the first multiple of 1/128 whose m is better halved.
    let isHalved = bits.high >= 0xB5 &<< 56
    let m = isHalved ? bits.shiftedRight(1) : bits
    let power = isHalved ? exponent &+ 1 : exponent
    // Units of 2^-127: the high word's upper byte counts 128ths.
    let nearest = ((m.high &>> 56) &+ 1) &>> 1
    let center = Bits128(high: nearest &<< 57, low: 0)
    let isBelow = m < center
    let numerator = isBelow ? center &- m : m &- center
    var part = Bits128.zero
    if !numerator.isZero {
      let halfSum = m.shiftedRight(1) &+ center.shiftedRight(1)
      let rest = doubleArtanh(
        WideNumber(negative: isBelow, exponent: -1, normalizing: numerator).divided(
          by: WideNumber(negative: false, exponent: 0, normalizing: halfSum)))
      if nearest == 64 && power == 0 { return rest }
      part = rest.fraction
    }
    // A negative logarithm of c has its integer part −1 here.
    var integer = Int64(truncatingIfNeeded: nearest < 64 ? power &- 1 : power)
    var fraction = TranscendentalTables.logarithms[Int(truncatingIfNeeded: nearest) &- 45]
    if isBelow {
      if fraction < part { integer &-= 1 }
      fraction = fraction &- part
    } else {
      let (sum, carry) = fraction.addingReportingOverflow(part)
      if carry { integer &+= 1 }
      fraction = sum
    }
    return fixedPoint(integer, fraction, isExact: numerator.isZero && nearest == 64)
  }

  /// integer + fraction.
  @inline(__always)
  private static func fixedPoint(_ integer: Int64, _ fraction: Bits128, isExact: Bool) -> WideNumber {
    let negative = integer < 0
    let magnitude = negative ? fraction.negated : fraction
    let whole = negative ? (fraction.isZero ? 0 &- integer : ~integer) : integer
    var result: WideNumber
    if whole == 0 {
      result = WideNumber(negative: negative, exponent: -1, normalizing: magnitude)
    } else {
      let shift = whole.leadingZeroBitCount
      let high = Bits128(high: UInt64(truncatingIfNeeded: whole), low: magnitude.high)
      result = WideNumber(
        negative: negative, exponent: 63 &- shift, high: high.shiftedLeft(shift).high,
        low: magnitude.shiftedLeft(shift).high, isExact: false)
    }
    result.isExact = isExact
    return result
  }

  /// log2(1 + x) for |x| < 1/128: t = x / (2 + x) has the relative accuracy of x.
  private static func binaryLogarithmPlusOne(_ x: Unpacked) -> WideNumber {
    let one = Bits128(high: 1 &<< 63, low: 0)
    let half = Bits128(high: x.significand, low: 0).shiftedRight(1 &- x.exponent)
    let halfSum = WideNumber(
      negative: false, exponent: 0, normalizing: x.negative ? one &- half : one &+ half)
    return doubleArtanh(WideNumber(x).scaled(-1).divided(by: halfSum))
  }

  /// 2 log2(e) artanh t = 2 log2(e) t (1 + t²/3 + t⁴/5 + ...) for 0 < |t| < 2^-7.4; the first term left out
  /// is below 2^-152.
  @inline(__always)
  private static func doubleArtanh(_ t: WideNumber) -> WideNumber {
    let fraction = t.fraction
    let excess = series(
      TranscendentalTables.oddReciprocals, from: 1, through: 9, by: 1, alternating: false,
      fraction.timesFraction(fraction))
    return t.timesOnePlus(excess).times(TranscendentalTables.halfLogarithmOfE).scaled(2)
  }
}
