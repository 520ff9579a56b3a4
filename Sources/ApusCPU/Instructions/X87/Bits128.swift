/// 128 bits in two words. The transcendental functions read them as a fraction, (high:low) / 2^128, unless
/// they say otherwise. All arithmetic wraps.
struct Bits128: Equatable, Sendable {
  var high: UInt64
  var low: UInt64

  /// The bits from their halves.
  @inline(__always)
  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  @inline(__always)
  static var zero: Bits128 { Bits128(high: 0, low: 0) }

  @inline(__always)
  var isZero: Bool { high | low == 0 }

  @inline(__always)
  var leadingZeroBitCount: Int { high != 0 ? high.leadingZeroBitCount : 64 &+ low.leadingZeroBitCount }

  /// One minus the fraction, less 2^-128: never one, even for zero.
  @inline(__always)
  var complement: Bits128 { Bits128(high: ~high, low: ~low) }

  @inline(__always)
  var negated: Bits128 { Bits128.zero &- self }

  @inline(__always)
  func addingReportingOverflow(_ other: Bits128) -> (sum: Bits128, carry: Bool) {
    let (sumLow, carryLow) = low.addingReportingOverflow(other.low)
    let (sumHigh, carryHigh) = high.addingReportingOverflow(other.high)
    let (carried, carryOut) = sumHigh.addingReportingOverflow(carryLow ? 1 : 0)
    return (Bits128(high: carried, low: sumLow), carryHigh || carryOut)
  }

  @inline(__always)
  static func &+ (a: Bits128, b: Bits128) -> Bits128 {
    let (low, carry) = a.low.addingReportingOverflow(b.low)
    return Bits128(high: a.high &+ b.high &+ (carry ? 1 : 0), low: low)
  }

  @inline(__always)
  static func &- (a: Bits128, b: Bits128) -> Bits128 {
    let (low, borrow) = a.low.subtractingReportingOverflow(b.low)
    return Bits128(high: a.high &- b.high &- (borrow ? 1 : 0), low: low)
  }

  @inline(__always)
  static func < (a: Bits128, b: Bits128) -> Bool { a.high < b.high || (a.high == b.high && a.low < b.low) }

  /// Shifted right by any `count` ≥ 0; what falls out is lost.
  @inline(__always)
  func shiftedRight(_ count: Int) -> Bits128 {
    if count == 0 { return self }
    if count > 127 { return .zero }
    let places = UInt64(truncatingIfNeeded: count & 63)
    if count > 63 { return Bits128(high: 0, low: high &>> places) }
    return Bits128(high: high &>> places, low: (low &>> places) | (high &<< (64 &- places)))
  }

  /// Shifted left by `count`, 0...127.
  @inline(__always)
  func shiftedLeft(_ count: Int) -> Bits128 {
    if count == 0 { return self }
    let places = UInt64(truncatingIfNeeded: count & 63)
    if count > 63 { return Bits128(high: low &<< places, low: 0) }
    return Bits128(high: (high &<< places) | (low &>> (64 &- places)), low: low &<< places)
  }

  /// The product of two fractions. The lowest partial product and the low halves of the middle ones are left
  /// out, so that it is up to 3 × 2^-128 below the true value; it is exact if both low words are zero.
  @inline(__always)
  func timesFraction(_ other: Bits128) -> Bits128 {
    let top = high.multipliedFullWidth(by: other.high)
    let (middle, carry) = high.multipliedFullWidth(by: other.low).high.addingReportingOverflow(
      low.multipliedFullWidth(by: other.high).high)
    let (sum, carry2) = top.low.addingReportingOverflow(middle)
    return Bits128(high: top.high &+ (carry ? 1 : 0) &+ (carry2 ? 1 : 0), low: sum)
  }

  /// ⌊self × 2^128 / divisor⌋ for self < divisor, bit 127 of the divisor set: schoolbook division with two
  /// digits of 64 bits.
  @inline(__always)
  func dividedAsFraction(by divisor: Bits128) -> Bits128 {
    let (first, rest) = quotientDigit(by: divisor)
    return Bits128(high: first, low: rest.quotientDigit(by: divisor).digit)
  }

  /// ⌊self × 2^64 / divisor⌋ and the remainder, for self < divisor, bit 127 of the divisor set. The estimate
  /// from the divisor's high word is at most 2 above the digit.
  @inline(__always)
  private func quotientDigit(by divisor: Bits128) -> (digit: UInt64, remainder: Bits128) {
    var digit = UInt64.max
    var left: UInt64
    var isBeyond = false
    if high < divisor.high {
      (digit, left) = divisor.high.dividingFullWidth((high, low))
    } else {
      // The high words are equal. The estimate 2^64 − 1 leaves low + divisor.high, and if that is beyond a
      // word, the estimate is right: what the divisor's low word takes away is less.
      (left, isBeyond) = low.addingReportingOverflow(divisor.high)
    }
    let product = digit.multipliedFullWidth(by: divisor.low)
    let excess = Bits128(high: product.high, low: product.low)
    var remainder = Bits128(high: left, low: 0)
    var isShort = !isBeyond && remainder < excess
    remainder = remainder &- excess
    while isShort {
      digit &-= 1
      let (sum, carry) = remainder.addingReportingOverflow(divisor)
      remainder = sum
      isShort = !carry
    }
    return (digit, remainder)
  }
}
