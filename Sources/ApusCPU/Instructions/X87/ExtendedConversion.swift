/// Conversions from and to the formats in memory.
extension ExtendedValue {
  /// The number encoded by `bits`; exact. A denormal is noted in the context for the operation to report; a
  /// signaling NaN stays one.
  package init<Format: BinaryFormat>(
    _ bits: Format.Bits, _: Format.Type, _ context: inout X87Context
  ) {
    let sign: UInt16 = Format.isNegative(bits) ? 0x8000 : 0
    let lift = UInt64(truncatingIfNeeded: 64 &- Format.precision)
    let fraction = UInt64(truncatingIfNeeded: bits & (Format.smallestNormal &- 1))
    if Format.isZero(bits) {
      self.init(significand: 0, exponent: sign)
    } else if Format.isInfinite(bits) || Format.isNaN(bits) {
      self.init(significand: 1 << 63 | fraction &<< lift, exponent: 0x7FFF | sign)
    } else {
      if Format.isDenormal(bits) { context.hasDenormalSource = true }
      let number = Format.unpack(bits)
      self.init(
        significand: number.significand,
        exponent: UInt16(truncatingIfNeeded: number.exponent &+ Self.largestExponent) | sign)
    }
  }

  /// What `FLD m32fp` and `FLD m64fp` push: a signaling NaN is made quiet (IE), a denormal raises DE.
  package static func load<Format: BinaryFormat>(
    _ bits: Format.Bits, _ format: Format.Type, _ context: inout X87Context
  ) -> ExtendedValue {
    let value = ExtendedValue(bits, format, &context)
    if let answer = propagateNaN(value, value.kind, &context) { return answer }
    context.note(.normal)
    return value
  }

  /// What `FST m32fp` and `FST m64fp` store; nil if an unmasked overflow or underflow forbids it.
  package func store<Format: BinaryFormat>(
    _ format: Format.Type, _ context: inout X87Context
  ) -> Format.Bits? {
    let kind = kind
    let sign = Format.zero(isNegative)
    if kind == .zero { return sign }
    if kind == .infinity { return sign | Format.infinity }
    if let answer = Self.propagateNaN(self, kind, &context) {
      let payload = answer.significand &>> UInt64(truncatingIfNeeded: 64 &- Format.precision)
      let fraction = Format.Bits(truncatingIfNeeded: payload) & (Format.smallestNormal &- 1)
      return Format.zero(answer.isNegative) | Format.infinity | fraction
    }
    return Self.narrow(unpacked, format, &context)
  }

  /// Rounds to a narrower format.
  private static func narrow<Format: BinaryFormat>(
    _ number: Unpacked, _ format: Format.Type, _ context: inout X87Context
  ) -> Format.Bits? {
    let sign = Format.zero(number.negative)
    let (mode, precision) = (context.rounding, Format.precision)
    let rounded = DoubleWidth.rounded(
      number.significand, 0, to: precision, mode, negative: number.negative)
    let exponent = number.exponent &+ (rounded.carried ? 1 : 0)
    if exponent > Format.largestExponent {
      context.raise(X87Status.OE)
      if !context.isMasked(X87Status.OE) {
        return nil
      }
      context.raise(X87Status.PE)
      let toInfinity = mode == .nearestEven || mode == (number.negative ? .down : .up)
      context.roundedUp = toInfinity
      return sign | (toInfinity ? Format.infinity : Format.infinity &- 1)
    }
    var significand = rounded.significand
    var field = exponent &+ Format.largestExponent
    if exponent < Format.smallestExponent {
      if !context.isMasked(X87Status.UE) {
        context.raise(X87Status.UE)
        return nil
      }
      let shifted = number.significand.shiftedRightSticky(Format.smallestExponent &- number.exponent)
      let denormal = DoubleWidth.rounded(shifted, 0, to: precision, mode, negative: number.negative)
      if denormal.inexact { context.raise(X87Status.UE | X87Status.PE) }
      context.roundedUp = denormal.upward
      significand = denormal.significand
      field = significand >> 63 != 0 ? 1 : 0
    } else {
      if rounded.inexact { context.raise(X87Status.PE) }
      context.roundedUp = rounded.upward
    }
    let fraction =
      Format.Bits(truncatingIfNeeded: significand &>> UInt64(truncatingIfNeeded: 64 &- precision))
      & (Format.smallestNormal &- 1)
    return sign | Format.Bits(truncatingIfNeeded: field) &<< Format.Bits(truncatingIfNeeded: precision &- 1)
      | fraction
  }
}

// MARK: Integers

extension ExtendedValue {
  /// |self| rounded to an integer, for a number below 2^64.
  private func integralMagnitude(_ mode: RoundingMode) -> (value: UInt64, inexact: Bool, upward: Bool) {
    let number = unpacked
    if number.exponent == 63 { return (number.significand, false, false) }
    // Below one half a quarter stands for it.
    let drop = 63 &- number.exponent
    let lifted =
      drop > 64
      ? (1, 2) : drop == 64 ? (number.significand == 1 << 63 ? 2 : 3, 2) : (number.significand, drop)
    let (value, inexact) = lifted.0.rounded(dropping: lifted.1, mode, negative: number.negative)
    let floor = lifted.0 &>> UInt64(truncatingIfNeeded: lifted.1)
    return (value, inexact, value != floor)
  }

  /// The value as an integer of at most `limit` (positive) or `negativeLimit` in magnitude, rounded by
  /// `mode`. Nil for what has none: then IE is raised. Denormals never raise DE here.
  private func integer(
    _ mode: RoundingMode, limit: UInt64, negativeLimit: UInt64, _ context: inout X87Context
  ) -> UInt64? {
    let kind = kind
    if kind == .zero { return 0 }
    if (kind == .normal || kind == .denormal) && unpacked.exponent <= 63 {
      let (value, inexact, upward) = integralMagnitude(mode)
      if value <= (isNegative ? negativeLimit : limit) {
        if inexact { context.raise(X87Status.PE) }
        context.roundedUp = upward
        return value
      }
    }
    context.raise(X87Status.IE)
    return nil
  }

  /// What `FIST` and, with `.towardZero`, `FISTTP` store: out of range the integer indefinite, which is the
  /// most negative integer.
  package func storeInteger<Integer: FixedWidthInteger & SignedInteger>(
    _: Integer.Type, rounding mode: RoundingMode, _ context: inout X87Context
  ) -> Integer {
    let limit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: Integer.bitWidth &- 1)
    guard let magnitude = integer(mode, limit: limit &- 1, negativeLimit: limit, &context) else {
      return .min
    }
    let value = Integer(truncatingIfNeeded: magnitude)
    return isNegative ? 0 &- value : value
  }

  /// `FRNDINT`: rounded to an integral value. A zero result keeps the sign.
  package static func roundToIntegral(
    _ a: ExtendedValue, _ context: inout X87Context
  ) -> ExtendedValue {
    let kind = a.kind
    if let answer = propagateNaN(a, kind, &context) { return answer }
    if kind == .zero || kind == .infinity { return a }
    context.note(kind)
    if a.unpacked.exponent >= 63 { return a }
    let (value, inexact, upward) = a.integralMagnitude(context.rounding)
    if inexact { context.raise(X87Status.PE) }
    context.roundedUp = upward
    return ExtendedValue(magnitude: value, negative: a.isNegative)
  }
}

// MARK: Packed decimal

/// An 80-bit packed BCD integer: 18 digits, the sign in bit 79 (SDM Vol. 1, "BCD and Packed BCD Integers").
package struct PackedDecimal: Equatable, Sendable {
  package var low: UInt64
  package var high: UInt16

  package init(low: UInt64, high: UInt16) {
    self.low = low
    self.high = high
  }

  package static var indefinite: PackedDecimal { PackedDecimal(low: 0xC000_0000_0000_0000, high: 0xFFFF) }
}

extension ExtendedValue {
  /// What `FBLD` pushes; exact. Digits above 9 are undefined; they count with their weight.
  package init(_ decimal: PackedDecimal) {
    var magnitude: UInt64 = 0
    for shift in [4, 0] as [UInt16] { magnitude = magnitude &* 10 &+ UInt64((decimal.high &>> shift) & 15) }
    for index in 0..<16 as Range<UInt64> {
      magnitude = magnitude &* 10 &+ (decimal.low &>> (60 &- index &* 4)) & 15
    }
    self.init(magnitude: magnitude, negative: decimal.high >> 15 != 0)
  }

  /// What `FBSTP` stores.
  package func storeDecimal(_ context: inout X87Context) -> PackedDecimal {
    let limit: UInt64 = 999_999_999_999_999_999
    guard var rest = integer(context.rounding, limit: limit, negativeLimit: limit, &context) else {
      return .indefinite
    }
    var decimal = PackedDecimal(low: 0, high: isNegative ? 0x8000 : 0)
    for index in 0..<16 as Range<UInt64> {
      decimal.low |= (rest % 10) &<< (index &* 4)
      rest /= 10
    }
    decimal.high |= UInt16(truncatingIfNeeded: rest % 10 | (rest / 10) &<< 4)
    return decimal
  }
}
