/// Fused multiply-add (SDM Vol. 1, "Fused-Multiply-ADD (FMA) Numeric Behavior").
extension HostFormat {
  /// x × y + z rounded once. `VFMSUB`, `VFNMADD` and `VFNMSUB` are had by `negatingProduct` and
  /// `negatingAddend`, which leave the sign of a NaN alone. Of several NaNs x comes first, then y, then z;
  /// the operands of the 132, 213 and 231 forms are x, y, z in the order in which the mnemonic's digits
  /// name them, that is 1·3 + 2, 2·1 + 3 and 2·3 + 1.
  @inline(__always)
  package static func multiplyAdd(
    _ x: Bits, _ y: Bits, _ z: Bits, negatingProduct: Bool, negatingAddend: Bool,
    _ context: inout FloatingPointContext
  ) -> Bits {
    if context.allowsHostArithmetic && !isDenormal(x) && !isDenormal(y) && !isDenormal(z) {
      let sum = hostMultiplyAdd(negatingProduct ? x ^ signMask : x, y, negatingAddend ? z ^ signMask : z)
      if isSafelyNormal(sum) { return sum }
    }
    return softwareMultiplyAdd(
      x, y, z, negatingProduct: negatingProduct, negatingAddend: negatingAddend, &context)
  }

  /// The software path, correct for all operands.
  @inline(never)
  package static func softwareMultiplyAdd(
    _ first: Bits, _ second: Bits, _ addend: Bits, negatingProduct: Bool, negatingAddend: Bool,
    _ context: inout FloatingPointContext
  ) -> Bits {
    if isNaN(first) || isNaN(second) || isNaN(addend) {
      if isSignalingNaN(addend) { context.raise(MXCSR.IE) }
      if !isNaN(first) && !isNaN(second) { return addend | quietBit }
      return propagateNaN(first, second, &context)
    }
    let negative = (isNegative(first) != isNegative(second)) != negatingProduct
    let signedAddend = negatingAddend ? addend ^ signMask : addend
    let isInfiniteProduct = isInfinite(first) || isInfinite(second)
    if isInfiniteProduct {
      let isZeroFactor =
        isZero(quietOperand(first, context)) || isZero(quietOperand(second, context))
      if isZeroFactor || (isInfinite(addend) && isNegative(signedAddend) != negative) {
        return invalid(&context)
      }
    }
    let a = operand(first, &context)
    let b = operand(second, &context)
    let c = operand(signedAddend, &context)
    if isInfiniteProduct { return zero(negative) | infinity }
    if isInfinite(c) { return c }
    if isZero(a) || isZero(b) {
      if !isZero(c) { return pack(unpack(c), &context) }
      return isNegative(c) == negative ? c : zero(context.rounding == .down)
    }
    let product = DoubleWidth(unpack(a), times: unpack(b), negative: negative)
    let sum = isZero(c) ? product : product.sum(with: DoubleWidth(unpack(c)))
    guard let sum else { return zero(context.rounding == .down) }
    return pack(sum.narrowed, &context)
  }
}

/// A finite number with a 128-bit significand: ±(high:low) × 2^(exponent − 127), bit 127 set, bit 0 possibly
/// sticky.
package struct DoubleWidth {
  package var negative: Bool
  package var exponent: Int
  package var high: UInt64
  package var low: UInt64

  /// The number ±(high:low) × 2^(exponent − 127), brought to have bit 127 set; nil if it is zero.
  package init?(negative: Bool, exponent: Int, normalizing high: UInt64, _ low: UInt64) {
    if high | low == 0 { return nil }
    let shift = high != 0 ? high.leadingZeroBitCount : 64 &+ low.leadingZeroBitCount
    let count = UInt64(truncatingIfNeeded: shift)
    self.negative = negative
    self.exponent = exponent &- shift
    if shift == 0 {
      (self.high, self.low) = (high, low)
    } else if shift < 64 {
      (self.high, self.low) = ((high &<< count) | (low &>> (64 &- count)), low &<< count)
    } else {
      (self.high, self.low) = (low &<< (count &- 64), 0)
    }
  }

  /// The same number with a wider significand.
  @inline(__always)
  package init(_ number: Unpacked) {
    negative = number.negative
    exponent = number.exponent
    high = number.significand
    low = 0
  }

  /// The exact product, with the given sign.
  @inline(__always)
  package init(_ x: Unpacked, times y: Unpacked, negative: Bool) {
    let product = x.significand.multipliedFullWidth(by: y.significand)
    self.negative = negative
    if product.high &>> 63 != 0 {
      exponent = x.exponent &+ y.exponent &+ 1
      (high, low) = (product.high, product.low)
    } else {
      exponent = x.exponent &+ y.exponent
      (high, low) = ((product.high &<< 1) | (product.low &>> 63), product.low &<< 1)
    }
  }

  /// The upper half of the significand, the lower made sticky.
  @inline(__always)
  package var narrowed: Unpacked {
    Unpacked(negative: negative, exponent: exponent, significand: high | (low != 0 ? 1 : 0))
  }

  /// The significand shifted right by `count` ≥ 0 with a sticky bit 0.
  package func significandShiftedRight(_ count: Int) -> (high: UInt64, low: UInt64) {
    if count == 0 { return (high, low) }
    let shift = UInt64(truncatingIfNeeded: count & 63)
    if count < 64 {
      let lost: UInt64 = low &<< (64 &- shift) != 0 ? 1 : 0
      return (high &>> shift, (low &>> shift) | (high &<< (64 &- shift)) | lost)
    }
    return (0, high.shiftedRightSticky(count &- 64) | (low != 0 ? 1 : 0))
  }

  /// The sum, exact or sticky; nil if it is zero. A product has at most 106 significant bits and an addend
  /// 53, so that a shift that loses bits cancels at most one place.
  package func sum(with other: DoubleWidth) -> DoubleWidth? {
    let isLarger =
      exponent != other.exponent
      ? exponent > other.exponent
      : high != other.high ? high > other.high : low >= other.low
    let larger = isLarger ? self : other
    let smaller = isLarger ? other : self
    let aligned = smaller.significandShiftedRight(larger.exponent &- smaller.exponent)
    if negative != other.negative {
      let (low, borrow) = larger.low.subtractingReportingOverflow(aligned.low)
      let high = larger.high &- aligned.high &- (borrow ? 1 : 0)
      return DoubleWidth(
        negative: larger.negative, exponent: larger.exponent, normalizing: high, low)
    }
    let (low, carry) = larger.low.addingReportingOverflow(aligned.low)
    let (partial, carryHigh) = larger.high.addingReportingOverflow(aligned.high)
    let (high, carryOut) = partial.addingReportingOverflow(carry ? 1 : 0)
    if !carryHigh && !carryOut {
      return DoubleWidth(
        negative: larger.negative, exponent: larger.exponent, normalizing: high, low)
    }
    return DoubleWidth(
      negative: larger.negative, exponent: larger.exponent &+ 1,
      normalizing: (high &>> 1) | (1 &<< 63), (low &>> 1) | (high &<< 63) | (low & 1))
  }
}
