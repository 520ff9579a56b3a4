/// The transcendental functions of extended values: what `Transcendental` computes, with zeros, infinities and
/// NaNs (SDM Vol. 2, the instructions' tables), flags and rounding. PC has no say in them (SDM Vol. 1,
/// "Precision Control Field").
///
/// Where the manuals leave the result open (operands outside the stated range), it is AMD's, as measured.
extension ExtendedValue {
  /// Rounds a function's value. PE is raised for exact ones, too, as processors do; zeros alone are exact.
  private static func pack(_ number: WideNumber, _ context: inout X87Context) -> ExtendedValue {
    if number.isZero { return zero(number.negative) }
    var exact = DoubleWidth(
      Unpacked(negative: number.negative, exponent: number.exponent, significand: number.high))
    exact.low = number.isExact ? number.low : number.low | 1
    let result = pack(exact, precision: 64, &context)
    // Processors take every result for inexact, and so tiny ones for underflows.
    context.raise(result.field == 0 ? X87Status.PE | X87Status.UE : X87Status.PE)
    return result
  }

  // MARK: Angles

  /// Whether the trigonometric instructions leave the operand alone and set C2: a finite value of 2^63 or more.
  package var isAngleOutOfRange: Bool { kind == .normal && field >= 0x403E }

  /// `FSIN`, for angles in range.
  package static func sine(_ a: ExtendedValue, _ context: inout X87Context) -> ExtendedValue {
    angle(a, ofZero: a, &context) { Transcendental.sine($0) }
  }

  /// `FCOS`, for angles in range.
  package static func cosine(_ a: ExtendedValue, _ context: inout X87Context) -> ExtendedValue {
    angle(a, ofZero: one, &context) { Transcendental.cosine($0) }
  }

  /// `FPTAN`, for angles in range.
  package static func tangent(_ a: ExtendedValue, _ context: inout X87Context) -> ExtendedValue {
    angle(a, ofZero: a, &context) { Transcendental.tangent($0) }
  }

  private static func angle(
    _ a: ExtendedValue, ofZero resultOfZero: ExtendedValue, _ context: inout X87Context,
    _ function: (Unpacked) -> WideNumber
  ) -> ExtendedValue {
    let kind = a.kind
    if let answer = propagateNaN(a, kind, &context) { return answer }
    if kind == .infinity { return context.invalid() }
    if kind == .zero { return resultOfZero }
    context.note(kind)
    return pack(function(a.unpacked), &context)
  }

  /// `FPATAN`: the angle of the point (x, y).
  package static func arctangent(
    _ y: ExtendedValue, over x: ExtendedValue, _ context: inout X87Context
  ) -> ExtendedValue {
    let (yKind, xKind) = (y.kind, x.kind)
    if let answer = propagateNaN(y, yKind, x, xKind, &context) { return answer }
    context.note(yKind, xKind)
    if yKind == .infinity {
      let eighths = xKind != .infinity ? 4 : x.isNegative ? 6 : 2
      return angle(ofEighths: eighths, y.isNegative, &context)
    }
    if yKind == .zero || xKind == .infinity {
      return x.isNegative ? angle(ofEighths: 8, y.isNegative, &context) : zero(y.isNegative)
    }
    if xKind == .zero { return angle(ofEighths: 4, y.isNegative, &context) }
    return pack(Transcendental.arctangent(y.unpacked, over: x.unpacked), &context)
  }

  /// ±π × `eighths` / 8, for 2, 4, 6 or 8.
  private static func angle(
    ofEighths eighths: Int, _ negative: Bool, _ context: inout X87Context
  ) -> ExtendedValue {
    // The angles of (1, 1), (0, 1), (-1, 1) and (-1, 0); those on the axes are twice and four times the first.
    let one = Unpacked(negative: false, exponent: 0, significand: 1 << 63)
    var x = one
    x.negative = eighths == 6
    var angle = Transcendental.arctangent(one, over: x)
    angle.negative = negative
    angle.exponent += eighths == 8 ? 2 : eighths == 4 ? 1 : 0
    return pack(angle, &context)
  }

  // MARK: Powers and logarithms

  /// `F2XM1`: 2^a − 1.
  package static func exponentialMinusOne(_ a: ExtendedValue, _ context: inout X87Context) -> ExtendedValue {
    let kind = a.kind
    if let answer = propagateNaN(a, kind, &context) { return answer }
    if kind == .zero { return a }
    if kind == .infinity { return a.isNegative ? one.negated : a }
    context.note(kind)
    return pack(Transcendental.exponentialMinusOne(a.unpacked), &context)
  }

  /// `FYL2X`: y × log₂ x.
  package static func logarithm(
    _ x: ExtendedValue, times y: ExtendedValue, _ context: inout X87Context
  ) -> ExtendedValue {
    let (yKind, xKind) = (y.kind, x.kind)
    if let answer = propagateNaN(y, yKind, x, xKind, &context) { return answer }
    if xKind == .zero {
      if yKind == .zero { return context.invalid() }
      // The pole is no division by zero for an infinity. ZE goes before DE, which is then not reported.
      if yKind != .infinity { context.raise(X87Status.ZE) }
      return infinity(!y.isNegative)
    }
    if x.isNegative { return context.invalid() }
    let isOne = x == one
    if xKind == .infinity && yKind == .zero || isOne && yKind == .infinity { return context.invalid() }
    context.note(yKind, xKind)
    let isBelowOne = x.field < one.field
    if xKind == .infinity || yKind == .infinity { return infinity(y.isNegative != isBelowOne) }
    if isOne || yKind == .zero { return zero(y.isNegative != isBelowOne) }
    return pack(Transcendental.logarithm(x.unpacked, times: y.unpacked), &context)
  }

  /// `FYL2XP1`: y × log₂(x + 1).
  package static func logarithmPlusOne(
    _ x: ExtendedValue, times y: ExtendedValue, _ context: inout X87Context
  ) -> ExtendedValue {
    let (yKind, xKind) = (y.kind, x.kind)
    if let answer = propagateNaN(y, yKind, x, xKind, &context) { return answer }
    let negative = y.isNegative != x.isNegative
    let isInfinity = xKind == .infinity || yKind == .infinity
    let isZero = xKind == .zero || yKind == .zero
    // There is no logarithm of what lies below zero.
    if isInfinity && isZero || xKind == .infinity && x.isNegative { return context.invalid() }
    context.note(yKind, xKind)
    if isInfinity { return infinity(negative) }
    if isZero { return zero(negative) }
    return pack(Transcendental.logarithmPlusOne(x.unpacked, times: y.unpacked), &context)
  }
}
