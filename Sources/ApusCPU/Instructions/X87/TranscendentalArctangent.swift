/// `FPATAN`.
extension Transcendental {
  /// The angle of the point (x, y), −π...π: arctan(y / x) in the quadrant that the signs tell. Never exact.
  package static func arctangent(_ y: Unpacked, over x: Unpacked) -> WideNumber {
    let isSteep =
      y.exponent > x.exponent || (y.exponent == x.exponent && y.significand > x.significand)
    let angle = isSteep ? arctangentOfRatio(x, y) : arctangentOfRatio(y, x)
    if !isSteep && !x.negative { return angle.signed(y.negative) }
    // The reflections at the diagonal and at the vertical axis: π/2 − a, π/2 + a, π − a. These sums are
    // between π/4 and π, so that fractions of 4 hold them with an error of 2^-125.
    let quarter = TranscendentalTables.quarterPi
    let base = isSteep ? quarter.shiftedRight(1) : quarter
    let small = angle.fraction.shiftedRight(2)
    let sum = isSteep && x.negative ? base &+ small : base &- small
    return WideNumber(negative: y.negative, exponent: 1, normalizing: sum)
  }

  /// arctan |m / n| for |m| ≤ |n|.
  ///
  /// With c = k/64 near q = m/n, arctan q = arctan c + arctan t, t = (q − c) / (1 + qc) = (m − cn) / (n + cm).
  /// Numerator and denominator are exact and |t| ≤ 2^-7. For c = 0 the quotient keeps its relative accuracy.
  @inline(__always)
  private static func arctangentOfRatio(_ m: Unpacked, _ n: Unpacked) -> WideNumber {
    let distance = n.exponent &- m.exponent
    let nearest = distance > 8 ? 0 : nearestIn64ths(m.significand, n.significand, distance)
    if nearest == 0 {
      return arctangentOfSmall(WideNumber(m).signed(false).divided(by: WideNumber(n).signed(false)))
    }
    // Units of 2^-127 of n's leading place; `distance` is at most 8, which loses nothing.
    let upper = Bits128(high: n.significand, low: 0).shiftedRight(1)
    let lower = Bits128(high: m.significand, low: 0).shiftedRight(1 &+ distance)
    let upperPart = inSixtyFourths(n.significand, nearest)
    let lowerPart = inSixtyFourths(m.significand, nearest).shiftedRight(distance)
    let isBelow = lower < upperPart
    let numerator = isBelow ? upperPart &- lower : lower &- upperPart
    let base = TranscendentalTables.arctangents[nearest]
    if numerator.isZero { return WideNumber(negative: false, exponent: -1, normalizing: base) }
    let t = WideNumber(negative: false, exponent: 0, normalizing: numerator).divided(
      by: WideNumber(negative: false, exponent: 0, normalizing: upper &+ lowerPart))
    let rest = arctangentOfSmall(t).fraction
    return WideNumber(
      negative: false, exponent: -1, normalizing: isBelow ? base &- rest : base &+ rest)
  }

  /// 64 m / n for the significands of numbers whose exponents are `distance` apart, rounded; the upper halves
  /// tell it to within 1/2 + 2^-24.
  @inline(__always)
  private static func nearestIn64ths(_ m: UInt64, _ n: UInt64, _ distance: Int) -> Int {
    let scaled = ((m &>> 32) &<< 7) &>> UInt64(truncatingIfNeeded: distance)
    return Int(truncatingIfNeeded: (scaled / (n &>> 32) &+ 1) &>> 1)
  }

  /// significand × count / 64 in units in which `significand` is the high word shifted right by one.
  @inline(__always)
  private static func inSixtyFourths(_ significand: UInt64, _ count: Int) -> Bits128 {
    let product = significand.multipliedFullWidth(by: UInt64(truncatingIfNeeded: count))
    return Bits128(high: product.high, low: product.low).shiftedLeft(57)
  }

  /// arctan t = t (1 − t²/3 + t⁴/5 − ...) for 0 < t < 2^-6.9; the first term left out is below 2^-130.
  @inline(__always)
  private static func arctangentOfSmall(_ t: WideNumber) -> WideNumber {
    let fraction = t.fraction
    return t.timesOneMinus(
      series(
        TranscendentalTables.oddReciprocals, from: 1, through: 9, by: 1, alternating: true,
        fraction.timesFraction(fraction)))
  }
}
