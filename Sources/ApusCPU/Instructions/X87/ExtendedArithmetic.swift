/// Addition, subtraction, multiplication, division and square root, rounded as PC and RC say.
extension ExtendedValue {
  /// The answer if an operand is a NaN or no number at all; else nil. (SDM Vol. 1, "Operating on SNaNs and
  /// QNaNs", the rules for x87 instructions.)
  package static func propagateNaN(
    _ a: ExtendedValue, _ aKind: ExtendedClass, _ b: ExtendedValue, _ bKind: ExtendedClass,
    _ context: inout X87Context
  ) -> ExtendedValue? {
    if aKind == .unsupported || bKind == .unsupported { return context.invalid() }
    if aKind == .signalingNaN || bKind == .signalingNaN { context.raise(X87Status.IE) }
    let isA = aKind == .quietNaN || aKind == .signalingNaN
    let isB = bKind == .quietNaN || bKind == .signalingNaN
    if !isA && !isB { return nil }
    if !isB { return a.quieted }
    if !isA { return b.quieted }
    // A quiet NaN goes before a signaling one; else the larger significand, and of equals the positive one.
    if aKind != bKind { return aKind == .quietNaN ? a : b }
    if a.significand != b.significand { return (a.significand > b.significand ? a : b).quieted }
    return (a.isNegative ? b : a).quieted
  }

  /// The same for a single operand.
  package static func propagateNaN(
    _ a: ExtendedValue, _ kind: ExtendedClass, _ context: inout X87Context
  ) -> ExtendedValue? {
    switch kind {
    case .unsupported: return context.invalid()
    case .signalingNaN:
      context.raise(X87Status.IE)
      return a.quieted
    case .quietNaN: return a
    default: return nil
    }
  }

  /// `FADD`: a + b.
  package static func add(
    _ a: ExtendedValue, _ b: ExtendedValue, _ context: inout X87Context
  ) -> ExtendedValue {
    add(a, b, subtracting: false, &context)
  }

  /// `FSUB`: a − b.
  package static func subtract(
    _ a: ExtendedValue, _ b: ExtendedValue, _ context: inout X87Context
  ) -> ExtendedValue {
    add(a, b, subtracting: true, &context)
  }

  private static func add(
    _ a: ExtendedValue, _ second: ExtendedValue, subtracting: Bool, _ context: inout X87Context
  ) -> ExtendedValue {
    let (aKind, bKind) = (a.kind, second.kind)
    if let answer = propagateNaN(a, aKind, second, bKind, &context) { return answer }
    let b = subtracting ? second.negated : second
    if aKind == .infinity && bKind == .infinity && a.isNegative != b.isNegative {
      return context.invalid()
    }
    context.note(aKind, bKind)
    if aKind == .infinity { return a }
    if bKind == .infinity { return b }
    if aKind == .zero && bKind == .zero {
      return a.isNegative == b.isNegative ? a : zero(context.rounding == .down)
    }
    let precision = context.precision
    if aKind == .zero { return pack(DoubleWidth(b.unpacked), precision: precision, &context) }
    if bKind == .zero { return pack(DoubleWidth(a.unpacked), precision: precision, &context) }
    guard let sum = DoubleWidth(a.unpacked).sum(with: DoubleWidth(b.unpacked)) else {
      return zero(context.rounding == .down)
    }
    return pack(sum, precision: precision, &context)
  }

  /// `FMUL`: a × b.
  package static func multiply(
    _ a: ExtendedValue, _ b: ExtendedValue, _ context: inout X87Context
  ) -> ExtendedValue {
    let (aKind, bKind) = (a.kind, b.kind)
    if let answer = propagateNaN(a, aKind, b, bKind, &context) { return answer }
    let negative = a.isNegative != b.isNegative
    let isInfinity = aKind == .infinity || bKind == .infinity
    let isZero = aKind == .zero || bKind == .zero
    if isInfinity && isZero { return context.invalid() }
    context.note(aKind, bKind)
    if isInfinity { return infinity(negative) }
    if isZero { return zero(negative) }
    let product = DoubleWidth(a.unpacked, times: b.unpacked, negative: negative)
    return pack(product, precision: context.precision, &context)
  }

  /// `FDIV`: a ÷ b.
  package static func divide(
    _ a: ExtendedValue, _ b: ExtendedValue, _ context: inout X87Context
  ) -> ExtendedValue {
    let (aKind, bKind) = (a.kind, b.kind)
    if let answer = propagateNaN(a, aKind, b, bKind, &context) { return answer }
    let negative = a.isNegative != b.isNegative
    if aKind == bKind && (aKind == .infinity || aKind == .zero) { return context.invalid() }
    if bKind == .zero && aKind != .infinity {
      // Division by zero comes before the denormal operand, which is then not reported.
      context.raise(X87Status.ZE)
      return infinity(negative)
    }
    context.note(aKind, bKind)
    if aKind == .infinity { return infinity(negative) }
    if bKind == .infinity || aKind == .zero { return zero(negative) }
    let quotient = quotient(a.unpacked, b.unpacked, negative: negative)
    return pack(quotient, precision: context.precision, &context)
  }

  /// x ÷ y to 128 bits, the last one sticky.
  private static func quotient(_ x: Unpacked, _ y: Unpacked, negative: Bool) -> DoubleWidth {
    // The dividend is scaled so that the quotient has its top bit at 127; it stays below divisor × 2^64.
    let isBelowOne = x.significand < y.significand
    let start = isBelowOne ? (x.significand, 0) : (x.significand &>> 1, x.significand &<< 63)
    let (high, rest) = y.significand.dividingFullWidth(start)
    let (low, remainder) = y.significand.dividingFullWidth((rest, 0))
    var quotient = DoubleWidth(
      Unpacked(
        negative: negative, exponent: x.exponent &- y.exponent &- (isBelowOne ? 1 : 0),
        significand: high))
    quotient.low = low | (remainder != 0 ? 1 : 0)
    return quotient
  }

  /// `FSQRT`: √a.
  package static func squareRoot(_ a: ExtendedValue, _ context: inout X87Context) -> ExtendedValue {
    let kind = a.kind
    if let answer = propagateNaN(a, kind, &context) { return answer }
    if kind == .zero { return a }
    if a.isNegative { return context.invalid() }
    context.note(kind)
    if kind == .infinity { return a }
    let x = a.unpacked
    let isOdd = x.exponent & 1 != 0
    let radicand =
      isOdd ? (high: x.significand, low: 0) : (high: x.significand &>> 1, low: x.significand &<< 63)
    let (root, isExact) = integerSquareRoot(radicand.high, radicand.low)
    var number = DoubleWidth(
      Unpacked(negative: false, exponent: (x.exponent &- (isOdd ? 1 : 0)) / 2, significand: root))
    if !isExact {
      // The remainder is at most twice the root. The next bit of the root is set if it exceeds the root.
      let square = root.multipliedFullWidth(by: root)
      let (low, borrow) = radicand.low.subtractingReportingOverflow(square.low)
      let high = radicand.high &- square.high &- (borrow ? 1 : 0)
      number.low = (high != 0 || low > root ? 1 << 63 : 0) | 1
    }
    return pack(number, precision: context.precision, &context)
  }
}
