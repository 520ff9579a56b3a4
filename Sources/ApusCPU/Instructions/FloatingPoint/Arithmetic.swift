/// Addition, subtraction, multiplication, division and square root of SSE and SSE2 (SDM Vol. 1,
/// "Programming with Intel Streaming SIMD Extensions"). All but the root have a fast path through the
/// host's own operation, and a software path that is exact in every rounding mode.
extension HostFormat {
  /// `ADDSS`, `ADDSD` and the lanes of `ADDPS`, `ADDPD`: a + b.
  @inline(__always)
  package static func add(_ a: Bits, _ b: Bits, _ context: inout FloatingPointContext) -> Bits {
    if context.allowsHostArithmetic && !isDenormal(a) && !isDenormal(b) {
      let sum = hostAdd(a, b)
      if isSafelyNormal(sum) { return sum }
    }
    return softwareAdd(a, b, subtracting: false, &context)
  }

  /// `SUBSS`, `SUBSD` and the lanes of `SUBPS`, `SUBPD`: a − b.
  @inline(__always)
  package static func subtract(_ a: Bits, _ b: Bits, _ context: inout FloatingPointContext) -> Bits {
    if context.allowsHostArithmetic && !isDenormal(a) && !isDenormal(b) {
      let difference = hostSubtract(a, b)
      if isSafelyNormal(difference) { return difference }
    }
    return softwareAdd(a, b, subtracting: true, &context)
  }

  /// `MULSS`, `MULSD` and the lanes of `MULPS`, `MULPD`: a × b.
  @inline(__always)
  package static func multiply(_ a: Bits, _ b: Bits, _ context: inout FloatingPointContext) -> Bits {
    if context.allowsHostArithmetic && !isDenormal(a) && !isDenormal(b) {
      let product = hostMultiply(a, b)
      if isSafelyNormal(product) { return product }
    }
    return softwareMultiply(a, b, &context)
  }

  /// `DIVSS`, `DIVSD` and the lanes of `DIVPS`, `DIVPD`: a ÷ b.
  @inline(__always)
  package static func divide(_ a: Bits, _ b: Bits, _ context: inout FloatingPointContext) -> Bits {
    if context.allowsHostArithmetic && !isDenormal(a) && !isDenormal(b) {
      let quotient = hostDivide(a, b)
      if isSafelyNormal(quotient) { return quotient }
    }
    return softwareDivide(a, b, &context)
  }
}

/// The software paths. They are correct for all operands; the fast paths above only save time.
extension BinaryFormat {
  /// a + b, or a − b if `subtracting`.
  @inline(never)
  package static func softwareAdd(
    _ first: Bits, _ second: Bits, subtracting: Bool, _ context: inout FloatingPointContext
  ) -> Bits {
    if isNaN(first) || isNaN(second) { return propagateNaN(first, second, &context) }
    let signedSecond = subtracting ? second ^ signMask : second
    if isInfinite(first) && isInfinite(second) {
      return first == signedSecond ? first : invalid(&context)
    }
    let a = operand(first, &context)
    let b = operand(signedSecond, &context)
    if isInfinite(a) { return a }
    if isInfinite(b) { return b }
    if isZero(a) {
      if isZero(b) { return a == b ? a : zero(context.rounding == .down) }
      return pack(unpack(b), &context)
    }
    if isZero(b) { return pack(unpack(a), &context) }
    let larger = a & ~signMask >= b & ~signMask ? a : b
    let smaller = a & ~signMask >= b & ~signMask ? b : a
    guard let sum = exactSum(unpack(larger), unpack(smaller)) else {
      return zero(context.rounding == .down)
    }
    return pack(sum, &context)
  }

  /// The sum of two numbers, the first of the larger magnitude; nil if it is zero.
  @inline(__always)
  package static func exactSum(_ larger: Unpacked, _ smaller: Unpacked) -> Unpacked? {
    let aligned = smaller.significand.shiftedRightSticky(larger.exponent &- smaller.exponent)
    if larger.negative == smaller.negative {
      let (sum, carry) = larger.significand.addingReportingOverflow(aligned)
      return Unpacked(
        negative: larger.negative, exponent: larger.exponent &+ (carry ? 1 : 0),
        significand: carry ? sum.shiftedRightSticky(1) | (1 &<< 63) : sum)
    }
    // A shift by more than 11 places, the first that can lose bits, cancels at most one place.
    let difference = larger.significand &- aligned
    if difference == 0 { return nil }
    return Unpacked(negative: larger.negative, exponent: larger.exponent, normalizing: difference)
  }

  /// a × b.
  @inline(never)
  package static func softwareMultiply(
    _ first: Bits, _ second: Bits, _ context: inout FloatingPointContext
  ) -> Bits {
    if isNaN(first) || isNaN(second) { return propagateNaN(first, second, &context) }
    let negative = isNegative(first) != isNegative(second)
    let isInfinity = isInfinite(first) || isInfinite(second)
    if isInfinity {
      let a = quietOperand(first, context)
      let b = quietOperand(second, context)
      if isZero(a) || isZero(b) { return invalid(&context) }
    }
    let a = operand(first, &context)
    let b = operand(second, &context)
    if isInfinity { return zero(negative) | infinity }
    if isZero(a) || isZero(b) { return zero(negative) }
    let x = unpack(a)
    let y = unpack(b)
    let product = x.significand.multipliedFullWidth(by: y.significand)
    let isLong = product.high &>> 63 != 0
    let significand =
      isLong
      ? product.high | (product.low != 0 ? 1 : 0)
      : (product.high &<< 1) | (product.low &>> 63) | (product.low &<< 1 != 0 ? 1 : 0)
    let exponent = x.exponent &+ y.exponent &+ (isLong ? 1 : 0)
    return pack(Unpacked(negative: negative, exponent: exponent, significand: significand), &context)
  }

  /// a ÷ b.
  @inline(never)
  package static func softwareDivide(
    _ first: Bits, _ second: Bits, _ context: inout FloatingPointContext
  ) -> Bits {
    if isNaN(first) || isNaN(second) { return propagateNaN(first, second, &context) }
    let negative = isNegative(first) != isNegative(second)
    if isInfinite(first) && isInfinite(second) { return invalid(&context) }
    if isZero(quietOperand(second, context)) && !isInfinite(first) {
      if isZero(quietOperand(first, context)) { return invalid(&context) }
      // Division by zero comes before the denormal operand, which is then not reported.
      context.raise(MXCSR.ZE)
      return zero(negative) | infinity
    }
    let a = operand(first, &context)
    let b = operand(second, &context)
    if isInfinite(a) { return zero(negative) | infinity }
    if isInfinite(b) || isZero(a) { return zero(negative) }
    let x = unpack(a)
    let y = unpack(b)
    // The dividend is scaled so that the quotient has its top bit at 63; it stays below divisor × 2^64.
    let isBelowOne = x.significand < y.significand
    let high = isBelowOne ? x.significand : x.significand &>> 1
    let low = isBelowOne ? 0 : x.significand &<< 63
    let (quotient, remainder) = y.significand.dividingFullWidth((high, low))
    let number = Unpacked(
      negative: negative, exponent: x.exponent &- y.exponent &- (isBelowOne ? 1 : 0),
      significand: quotient | (remainder != 0 ? 1 : 0))
    return pack(number, &context)
  }

  /// `SQRTSS`, `SQRTSD` and the lanes of `SQRTPS`, `SQRTPD`: √a. There is no path through the host, because
  /// the library's `squareRoot()` calls C's `sqrt`, which the core does without.
  @inline(never)
  package static func squareRoot(_ source: Bits, _ context: inout FloatingPointContext) -> Bits {
    if isNaN(source) { return propagateNaN(source, source, &context) }
    let quiet = quietOperand(source, context)
    if isZero(quiet) { return quiet }
    if isNegative(quiet) { return invalid(&context) }
    let a = operand(source, &context)
    if isInfinite(a) { return a }
    let x = unpack(a)
    let isOdd = x.exponent & 1 != 0
    let high = isOdd ? x.significand : x.significand &>> 1
    let low = isOdd ? 0 : x.significand &<< 63
    let root = integerSquareRoot(high, low)
    let number = Unpacked(
      negative: false, exponent: (x.exponent &- (isOdd ? 1 : 0)) / 2,
      significand: root.value | (root.isExact ? 0 : 1))
    return pack(number, &context)
  }
}

/// ⌊√(high:low)⌋ of a 128-bit integer of at least 2^126, and whether it is the exact root.
@inline(__always)
package func integerSquareRoot(_ high: UInt64, _ low: UInt64) -> (value: UInt64, isExact: Bool) {
  // Just below 2^64, too near for the division below.
  if high == .max { return (.max, false) }
  // The reciprocal root of the upper half: halving the exponent field of a double errs by less than
  // 4 %, each Newton step gives 1.5 times the square of the error, and four leave only rounding errors.
  let upper = Double(high)
  let half = upper * 0.5
  var reciprocal = Double(bitPattern: 0x5FE6_EB50_C7B5_37A9 &- (upper.bitPattern &>> 1))
  for _ in 0..<4 { reciprocal *= 1.5 - half * reciprocal * reciprocal }
  // That makes the root good to 2^-49. Raised by more than this errs it is not below the true root, so that
  // the division cannot overflow; one Newton step on integers then lands at most 1 above the floor.
  let estimate = upper * reciprocal * 0x1p32 + 0x1p16
  let start = estimate < 0x1p64 ? UInt64(estimate) : .max
  let (quotient, _) = start.dividingFullWidth((high, low))
  var root = quotient &+ ((start &- quotient) &>> 1)
  var square = root.multipliedFullWidth(by: root)
  if square.high > high || (square.high == high && square.low > low) {
    root &-= 1
    square = root.multipliedFullWidth(by: root)
  }
  return (root, square.high == high && square.low == low)
}
