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
    if x.exponent < -32 { return tangentOfSmall(x) }
    let (quadrant, angle) = reduce(x)
    return oddInSign(x, sine(quadrant, angle).divided(by: sine(quadrant &+ 1, angle)))
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
  private static func tangentOfSmall(_ x: Unpacked) -> WideNumber {
    let wide = WideNumber(x)
    let square = wide.times(wide.bits).scaled(x.exponent &+ 1)
    let third = Bits128(high: 0x5555_5555_5555_5555, low: 0x5555_5555_5555_5555)
    var result = wide.timesOnePlus(square.fraction.timesFraction(third))
    result.low |= 1
    return result
  }

  /// |x| = quadrant × π/2 + angle modulo 2π, |angle| ≤ π/4.
  ///
  /// The product of the significand and 2/π is exact but for the 2/π of 256 bits, whose error of 2^-257 it
  /// raises to at most 2^-194 in the quotient's fraction. As no x of 64 bits below 2^63 comes nearer to a
  /// multiple of π/2 than 2^-69 of it (`generate-transcendental-tables.py` computes that from the continued
  /// fraction), the angle has a relative error of at most 2^-123.
  private static func reduce(_ x: Unpacked) -> (quadrant: UInt64, angle: WideNumber) {
    if x.exponent < -1 {
      return (0, WideNumber(x).signed(false))
    }
    let constant = TranscendentalTables.twoOverPi
    let p0 = x.significand.multipliedFullWidth(by: constant.0)
    let p1 = x.significand.multipliedFullWidth(by: constant.1)
    let p2 = x.significand.multipliedFullWidth(by: constant.2)
    let p3 = x.significand.multipliedFullWidth(by: constant.3)
    // The words of the product below the integer word, and the carries into it.
    let upper = Bits128(high: p0.low, low: p1.low).addingReportingOverflow(
      Bits128(high: p1.high, low: p2.high))
    let lower = Bits128(high: p2.low, low: p3.low).addingReportingOverflow(Bits128(high: p3.high, low: 0))
    let fraction = upper.sum &+ Bits128(high: 0, low: lower.carry ? 1 : 0)
    let carry = upper.carry || (lower.carry && fraction.isZero)
    let integer = p0.high &+ (carry ? 1 : 0)
    // The product's binary point lies 63 − exponent places further up.
    let shift = x.exponent &+ 1
    var first = Bits128(high: integer, low: fraction.high).shiftedLeft(shift).high
    var second = fraction.shiftedLeft(shift).high
    var third = Bits128(high: fraction.low, low: lower.sum.high).shiftedLeft(shift).high
    var fourth = lower.sum.shiftedLeft(shift).high
    var quadrant = Bits128(high: 0, low: integer).shiftedLeft(shift).high
    let isAbove = first &>> 63 != 0
    if isAbove {
      quadrant &+= 1
      (first, second, third, fourth) = (~first, ~second, ~third, ~fourth)
    }
    var exponent = -1
    if first == 0 {
      (first, second, third) = (second, third, fourth)
      exponent &-= 64
    }
    let places = first.leadingZeroBitCount
    let high = Bits128(high: first, low: second).shiftedLeft(places & 63).high
    let low = Bits128(high: second, low: third).shiftedLeft(places & 63).high
    let turns = WideNumber(
      negative: isAbove, exponent: exponent &- places, high: high, low: low, isExact: false)
    return (quadrant, turns.times(TranscendentalTables.quarterPi).scaled(1))
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
