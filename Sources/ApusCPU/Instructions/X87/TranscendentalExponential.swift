/// `F2XM1`.
extension Transcendental {
  /// 2^x − 1 for |x| ≤ 1; exact for x = ±1 only, since two to another dyadic fraction is irrational. Beyond,
  /// where the SDM leaves the result undefined, it is x, as processors of AMD have it.
  package static func exponentialMinusOne(_ x: Unpacked) -> WideNumber {
    if x.exponent >= 0 {
      if x.exponent > 0 || x.significand != 1 &<< 63 { return WideNumber(x) }
      return WideNumber(
        negative: x.negative, exponent: x.negative ? -1 : 0, high: 1 &<< 63, low: 0, isExact: true)
    }
    // |x| = k/64 + g, 0 ≤ g < 1/64.
    let fraction = Bits128(high: x.significand, low: 0).shiftedRight(-1 &- x.exponent)
    let index = Int(truncatingIfNeeded: fraction.high &>> 58)
    if index == 0 { return exponentialOfSmall(WideNumber(x)) }
    let rest = Bits128(high: fraction.high & (~0 &>> 6), low: fraction.low)
    var step = Bits128.zero
    if !rest.isZero {
      let number = WideNumber(negative: x.negative, exponent: -1, normalizing: rest)
      step = exponentialOfSmall(number).fraction
    }
    // With E = |2^(±g) − 1|, B = 2^(k/64) − 1: 2^|x| − 1 = B + E + BE, and with B = 2^((64 − k)/64) − 1:
    // 1 − 2^−|x| = (1 − B + E + BE) / 2. No term cancels another.
    let power = TranscendentalTables.powers[x.negative ? 64 &- index : index]
    let product = power.timesFraction(step) &+ step
    if !x.negative { return WideNumber(negative: false, exponent: -1, normalizing: power &+ product) }
    let sum = power.complement.shiftedRight(1) &+ product.shiftedRight(1)
    return WideNumber(negative: true, exponent: -1, normalizing: sum)
  }

  /// 2^x − 1 for 0 < |x| < 1/64. With z = |x| ln 2: e^z − 1 = z (1 + z/2! + z²/3! + ...), and
  /// 1 − e^−z = z (1 − z/2! + z²/3! − ...); the first term left out is below 2^-135.
  @inline(__always)
  private static func exponentialOfSmall(_ x: WideNumber) -> WideNumber {
    let z = x.times(TranscendentalTables.naturalLogarithmOf2)
    let coefficients = TranscendentalTables.reciprocalFactorials
    if x.negative {
      return z.timesOneMinus(
        series(coefficients, from: 2, through: 15, by: 1, alternating: true, z.fraction))
    }
    return z.timesOnePlus(
      series(coefficients, from: 2, through: 15, by: 1, alternating: false, z.fraction))
  }
}
