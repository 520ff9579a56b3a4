/// An IEEE 754 binary interchange format, described by its bit patterns. The arithmetic in this folder is
/// generic over it: `Binary64.add(a, b, &context)`.
package protocol BinaryFormat {
  /// An unsigned integer that holds a value's encoding.
  associatedtype Bits: FixedWidthInteger & UnsignedInteger & Sendable
  /// Bits of the significand, the implicit one included.
  static var precision: Int { get }
}

/// A format that the host computes in. Its own operations, rounding to nearest even, serve the fast paths, which
/// use them only for operands and results that are normal numbers (or zero), where IEEE 754 leaves no choice.
package protocol HostFormat: BinaryFormat {
  /// The host's a + b.
  static func hostAdd(_ a: Bits, _ b: Bits) -> Bits
  /// The host's a − b.
  static func hostSubtract(_ a: Bits, _ b: Bits) -> Bits
  /// The host's a × b.
  static func hostMultiply(_ a: Bits, _ b: Bits) -> Bits
  /// The host's a ÷ b.
  static func hostDivide(_ a: Bits, _ b: Bits) -> Bits
  /// The host's a × b + c, rounded once.
  static func hostMultiplyAdd(_ a: Bits, _ b: Bits, _ c: Bits) -> Bits
  /// The host's conversion of a signed 64-bit integer.
  static func hostConvert(_ integer: Int64) -> Bits
}

/// Single precision: 1 sign, 8 exponent, 23 fraction bits.
package enum Binary32: HostFormat {
  /// The encoding: 32 bits.
  package typealias Bits = UInt32
  package static var precision: Int { 24 }

  @inline(__always)
  package static func hostAdd(_ a: UInt32, _ b: UInt32) -> UInt32 {
    (Float(bitPattern: a) + Float(bitPattern: b)).bitPattern
  }
  @inline(__always)
  package static func hostSubtract(_ a: UInt32, _ b: UInt32) -> UInt32 {
    (Float(bitPattern: a) - Float(bitPattern: b)).bitPattern
  }
  @inline(__always)
  package static func hostMultiply(_ a: UInt32, _ b: UInt32) -> UInt32 {
    (Float(bitPattern: a) * Float(bitPattern: b)).bitPattern
  }
  @inline(__always)
  package static func hostDivide(_ a: UInt32, _ b: UInt32) -> UInt32 {
    (Float(bitPattern: a) / Float(bitPattern: b)).bitPattern
  }
  @inline(__always)
  package static func hostMultiplyAdd(_ a: UInt32, _ b: UInt32, _ c: UInt32) -> UInt32 {
    Float(bitPattern: c).addingProduct(Float(bitPattern: a), Float(bitPattern: b)).bitPattern
  }
  @inline(__always)
  package static func hostConvert(_ integer: Int64) -> UInt32 { Float(integer).bitPattern }
}

/// Double precision: 1 sign, 11 exponent, 52 fraction bits.
package enum Binary64: HostFormat {
  /// The encoding: 64 bits.
  package typealias Bits = UInt64
  package static var precision: Int { 53 }

  @inline(__always)
  package static func hostAdd(_ a: UInt64, _ b: UInt64) -> UInt64 {
    (Double(bitPattern: a) + Double(bitPattern: b)).bitPattern
  }
  @inline(__always)
  package static func hostSubtract(_ a: UInt64, _ b: UInt64) -> UInt64 {
    (Double(bitPattern: a) - Double(bitPattern: b)).bitPattern
  }
  @inline(__always)
  package static func hostMultiply(_ a: UInt64, _ b: UInt64) -> UInt64 {
    (Double(bitPattern: a) * Double(bitPattern: b)).bitPattern
  }
  @inline(__always)
  package static func hostDivide(_ a: UInt64, _ b: UInt64) -> UInt64 {
    (Double(bitPattern: a) / Double(bitPattern: b)).bitPattern
  }
  @inline(__always)
  package static func hostMultiplyAdd(_ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64 {
    Double(bitPattern: c).addingProduct(Double(bitPattern: a), Double(bitPattern: b)).bitPattern
  }
  @inline(__always)
  package static func hostConvert(_ integer: Int64) -> UInt64 { Double(integer).bitPattern }
}

/// Constants and classification of encodings.
extension BinaryFormat {
  /// The sign bit.
  @inline(__always)
  package static var signMask: Bits { 1 &<< Bits(truncatingIfNeeded: Bits.bitWidth &- 1) }
  /// Width of the fraction field: the precision without the implicit bit.
  @inline(__always)
  package static var fractionWidth: Int { precision &- 1 }
  /// The smallest positive normal number: exponent field 1.
  @inline(__always)
  package static var smallestNormal: Bits { 1 &<< Bits(truncatingIfNeeded: fractionWidth) }
  /// Positive infinity, which is also the mask of the exponent field.
  @inline(__always)
  package static var infinity: Bits { (signMask &- 1) & ~(smallestNormal &- 1) }
  /// The highest fraction bit, set in a quiet NaN.
  @inline(__always)
  package static var quietBit: Bits { smallestNormal &>> 1 }
  /// The QNaN floating-point indefinite, which answers a masked invalid operation.
  @inline(__always)
  package static var indefinite: Bits { signMask | infinity | quietBit }
  /// Exponent of the largest finite number; also the bias of the exponent field.
  @inline(__always)
  package static var largestExponent: Int { (1 &<< (Bits.bitWidth &- precision &- 1)) &- 1 }
  /// Exponent of the smallest normal number.
  @inline(__always)
  package static var smallestExponent: Int { 1 &- largestExponent }

  /// Whether the sign bit is set.
  @inline(__always)
  package static func isNegative(_ a: Bits) -> Bool { a & signMask != 0 }
  /// Whether `a` is a quiet or signaling NaN.
  @inline(__always)
  package static func isNaN(_ a: Bits) -> Bool { a & ~signMask > infinity }
  /// Whether `a` is a signaling NaN.
  @inline(__always)
  package static func isSignalingNaN(_ a: Bits) -> Bool { isNaN(a) && a & quietBit == 0 }
  /// Whether `a` is an infinity of either sign.
  @inline(__always)
  package static func isInfinite(_ a: Bits) -> Bool { a & ~signMask == infinity }
  /// Whether `a` is a zero of either sign.
  @inline(__always)
  package static func isZero(_ a: Bits) -> Bool { a & ~signMask == 0 }
  /// Whether `a` is denormal: not zero, exponent field 0.
  @inline(__always)
  package static func isDenormal(_ a: Bits) -> Bool { (a & ~signMask) &- 1 < smallestNormal &- 1 }
  /// Whether `a` is a normal number above the smallest exponent. A result that rounded to such a value
  /// was neither tiny nor an overflow, and no operand of it was an infinity or a NaN.
  @inline(__always)
  package static func isSafelyNormal(_ a: Bits) -> Bool {
    (a & ~signMask) &- 2 &* smallestNormal < infinity &- 2 &* smallestNormal
  }

  /// `a` as the context lets an operation see it: under DAZ a denormal is a zero of the same sign;
  /// otherwise a denormal raises DE.
  @inline(__always)
  package static func operand(_ a: Bits, _ context: inout FloatingPointContext) -> Bits {
    guard isDenormal(a) else { return a }
    if context.denormalsAreZeros { return a & signMask }
    context.raise(MXCSR.DE)
    return a
  }

  /// `a` as the context lets an operation see it that reports no denormal operand.
  @inline(__always)
  package static func quietOperand(_ a: Bits, _ context: FloatingPointContext) -> Bits {
    context.denormalsAreZeros && isDenormal(a) ? a & signMask : a
  }

  /// The result of an operation of which at least one operand is a NaN: the first operand if it is a NaN,
  /// otherwise the second, made quiet; a signaling NaN raises IE. (SDM Vol. 1, "Operating on SNaNs and
  /// QNaNs", rules for SSE instructions.)
  @inline(__always)
  package static func propagateNaN(_ a: Bits, _ b: Bits, _ context: inout FloatingPointContext) -> Bits {
    if isSignalingNaN(a) || isSignalingNaN(b) { context.raise(MXCSR.IE) }
    return (isNaN(a) ? a : b) | quietBit
  }

  /// The answer to an invalid operation on operands that are no NaNs.
  @inline(__always)
  package static func invalid(_ context: inout FloatingPointContext) -> Bits {
    context.raise(MXCSR.IE)
    return indefinite
  }

  /// A zero of the given sign.
  @inline(__always)
  package static func zero(_ negative: Bool) -> Bits { negative ? signMask : 0 }
}
