/// A double extended-precision value in its two parts (SDM Vol. 1, "Floating-Point Data Types").
package struct ExtendedValue: Equatable, Sendable {
  package var significand: UInt64
  /// Sign in bit 15, exponent below.
  package var exponent: UInt16

  /// A value from its parts, which may be any bits.
  @inline(__always)
  package init(significand: UInt64, exponent: UInt16) {
    self.significand = significand
    self.exponent = exponent
  }

  /// An integer; exact.
  package init(_ integer: Int64) {
    self.init(magnitude: integer.magnitude, negative: integer < 0)
  }

  /// ±`magnitude`; exact. Zero keeps its sign.
  package init(magnitude: UInt64, negative: Bool) {
    let shift = magnitude.leadingZeroBitCount
    significand = magnitude == 0 ? 0 : magnitude &<< UInt64(truncatingIfNeeded: shift)
    exponent = negative ? 0x8000 : 0
    if magnitude != 0 { exponent |= UInt16(truncatingIfNeeded: 0x3FFF &+ 63 &- shift) }
  }

  /// The QNaN floating-point indefinite.
  package static var indefinite: ExtendedValue {
    ExtendedValue(significand: 0xC000_0000_0000_0000, exponent: 0xFFFF)
  }
  package static var one: ExtendedValue { ExtendedValue(significand: 1 << 63, exponent: 0x3FFF) }

  @inline(__always)
  package static func zero(_ negative: Bool) -> ExtendedValue {
    ExtendedValue(significand: 0, exponent: negative ? 0x8000 : 0)
  }

  @inline(__always)
  package static func infinity(_ negative: Bool) -> ExtendedValue {
    ExtendedValue(significand: 1 << 63, exponent: negative ? 0xFFFF : 0x7FFF)
  }

  /// Exponent of the smallest normal number.
  @inline(__always)
  package static var smallestExponent: Int { -16382 }
  /// Exponent of the largest finite number; also the bias of the exponent field.
  @inline(__always)
  package static var largestExponent: Int { 16383 }
  /// The highest fraction bit, set in a quiet NaN.
  @inline(__always)
  package static var quietBit: UInt64 { 1 << 62 }
}

/// The classes of encodings.
package enum ExtendedClass: Sendable {
  case zero
  /// Exponent field 0, the integer bit clear or, in a pseudo-denormal, set.
  case denormal
  case normal
  case infinity
  case quietNaN
  case signalingNaN
  /// Pseudo-NaNs, pseudo-infinities and unnormals: invalid operands since the 80387 (SDM Vol. 1, "Unsupported
  /// Double Extended-Precision Floating-Point Encodings and Pseudo-Denormals").
  case unsupported
}

extension ExtendedValue {
  @inline(__always)
  package var isNegative: Bool { exponent & 0x8000 != 0 }

  /// The biased exponent.
  @inline(__always)
  package var field: Int { Int(exponent & 0x7FFF) }

  package var kind: ExtendedClass {
    if field == 0 { return significand == 0 ? .zero : .denormal }
    if significand >> 63 == 0 { return .unsupported }
    if field != 0x7FFF { return .normal }
    if significand == 1 << 63 { return .infinity }
    return significand & Self.quietBit != 0 ? .quietNaN : .signalingNaN
  }

  /// The number that a denormal or normal value encodes.
  @inline(__always)
  package var unpacked: Unpacked {
    Unpacked(
      negative: isNegative, exponent: max(field, 1) &- Self.largestExponent, normalizing: significand)
  }

  @inline(__always)
  package var negated: ExtendedValue {
    ExtendedValue(significand: significand, exponent: exponent ^ 0x8000)
  }

  @inline(__always)
  package var quieted: ExtendedValue {
    ExtendedValue(significand: significand | Self.quietBit, exponent: exponent)
  }
}
