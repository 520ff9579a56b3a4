/// A number with twice the significand of an extended one: ±(high:low) × 2^(exponent − 127), bit 63 of `high`
/// set. The transcendental functions give their results in it, for the caller to round to 64 bits.
///
/// Zero has a `high` and `low` of zero. `exponent` is not confined to the range of any format: results that
/// overflow or underflow are here as they are, their exponents below 2^17 in magnitude.
package struct WideNumber: Equatable, Sendable {
  package var negative: Bool
  package var exponent: Int
  package var high: UInt64
  package var low: UInt64
  /// Whether the number is the function's value. Where it is not, the relative error is at most 2^-110, and
  /// the value is no multiple of 2^(exponent − 127): to round it, set the lowest bit of `low` as a sticky one.
  package var isExact: Bool

  /// A number from its parts; bit 63 of `high` must be set, or both words zero.
  @inline(__always)
  package init(negative: Bool, exponent: Int, high: UInt64, low: UInt64, isExact: Bool) {
    self.negative = negative
    self.exponent = exponent
    self.high = high
    self.low = low
    self.isExact = isExact
  }

  /// An extended number, exactly.
  @inline(__always)
  package init(_ number: Unpacked) {
    self.init(
      negative: number.negative, exponent: number.exponent, high: number.significand, low: 0, isExact: true)
  }

  /// ±bits × 2^(exponent − 127), inexact; zero if the bits are.
  @inline(__always)
  init(negative: Bool, exponent: Int, normalizing bits: Bits128) {
    let shift = bits.isZero ? 0 : bits.leadingZeroBitCount
    let normal = bits.shiftedLeft(shift)
    self.init(
      negative: negative, exponent: exponent &- shift, high: normal.high, low: normal.low, isExact: false)
  }

  /// Whether the number is zero.
  @inline(__always)
  package var isZero: Bool { high == 0 }

  /// The significand, `high`:`low`.
  @inline(__always)
  var bits: Bits128 { Bits128(high: high, low: low) }

  /// The magnitude, which must be below one, as a fraction; what is below 2^-128 is lost.
  @inline(__always)
  var fraction: Bits128 { bits.shiftedRight(-1 &- exponent) }

  /// The same magnitude with another sign.
  @inline(__always)
  func signed(_ negative: Bool) -> WideNumber {
    var result = self
    result.negative = negative
    return result
  }

  /// The number × 2^places.
  @inline(__always)
  func scaled(_ places: Int) -> WideNumber {
    var result = self
    result.exponent &+= places
    return result
  }

  /// The number × a fraction; inexact. The relative error is at most 2^-125 for a fraction of at least one
  /// half.
  @inline(__always)
  func times(_ fraction: Bits128) -> WideNumber {
    WideNumber(negative: negative, exponent: exponent, normalizing: bits.timesFraction(fraction))
  }

  /// The number × (1 + fraction); inexact.
  @inline(__always)
  func timesOnePlus(_ fraction: Bits128) -> WideNumber {
    let (sum, carry) = bits.addingReportingOverflow(bits.timesFraction(fraction))
    var result = self
    result.isExact = false
    result.high = carry ? (sum.high &>> 1) | (1 &<< 63) : sum.high
    result.low = carry ? (sum.low &>> 1) | (sum.high &<< 63) : sum.low
    result.exponent &+= carry ? 1 : 0
    return result
  }

  /// The number × (1 − fraction), at least one unit below the number even for a fraction of zero; inexact.
  @inline(__always)
  func timesOneMinus(_ fraction: Bits128) -> WideNumber { times(fraction.complement) }

  /// The quotient, rounded towards zero; inexact. Neither number may be zero.
  @inline(__always)
  func divided(by divisor: WideNumber) -> WideNumber {
    let isBelow = bits < divisor.bits
    let dividend = isBelow ? bits : bits.shiftedRight(1)
    // A one lost from the dividend costs the quotient at most one in its last place.
    let quotient = dividend.dividedAsFraction(by: divisor.bits)
    return WideNumber(
      negative: negative != divisor.negative, exponent: exponent &- divisor.exponent &- (isBelow ? 1 : 0),
      high: quotient.high, low: quotient.low, isExact: false)
  }
}
