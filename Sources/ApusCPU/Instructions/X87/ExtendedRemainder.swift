/// Partial remainders, scaling, the parts of a number, and constants.

/// What `FPREM` and `FPREM1` give.
package struct PartialRemainder {
  package var value: ExtendedValue
  /// The low bits of the quotient, of which three are reported. Nil leaves C3 and C0 as they are.
  package var quotient: UInt64?
  /// The reduction has to go on: C2.
  package var isIncomplete = false
}

extension ExtendedValue {
  /// `FPREM`, or with `nearest` `FPREM1`: a − b × quotient, the quotient truncated or rounded to nearest
  /// even. It is exact, hence without regard to RC and PC.
  package static func remainder(
    _ a: ExtendedValue, _ b: ExtendedValue, nearest: Bool, _ context: inout X87Context
  ) -> PartialRemainder {
    let (aKind, bKind) = (a.kind, b.kind)
    if let answer = propagateNaN(a, aKind, b, bKind, &context) { return PartialRemainder(value: answer) }
    if aKind == .infinity || bKind == .zero { return PartialRemainder(value: context.invalid()) }
    context.note(aKind, bKind)
    if aKind == .zero { return PartialRemainder(value: a, quotient: 0) }
    if bKind == .infinity {
      return PartialRemainder(
        value: pack(DoubleWidth(a.unpacked), precision: 64, &context), quotient: 0)
    }
    let (x, y) = (a.unpacked, b.unpacked)
    let distance = x.exponent &- y.exponent
    if distance < 64 { return complete(x, y, nearest: nearest, &context) }
    // The exponents come closer by 32 to 63 places.
    let places = 32 &+ (distance & 31)
    let rest = divide(x.significand, y.significand, places).remainder
    return PartialRemainder(
      value: exact(x.negative, x.exponent &- places, rest, &context), quotient: 0, isIncomplete: true)
  }

  /// x × 2^`places` ÷ y in integers, for `places` in 0...63.
  private static func divide(
    _ x: UInt64, _ y: UInt64, _ places: Int
  ) -> (quotient: UInt64, remainder: UInt64) {
    let shift = UInt64(truncatingIfNeeded: places)
    if shift == 0 { return x >= y ? (1, x &- y) : (0, x) }
    return y.dividingFullWidth((x &>> (64 &- shift), x &<< shift))
  }

  private static func exact(
    _ negative: Bool, _ exponent: Int, _ significand: UInt64, _ context: inout X87Context
  ) -> ExtendedValue {
    if significand == 0 { return zero(negative) }
    let number = Unpacked(negative: negative, exponent: exponent, normalizing: significand)
    return pack(DoubleWidth(number), precision: 64, &context)
  }

  private static func complete(
    _ x: Unpacked, _ y: Unpacked, nearest: Bool, _ context: inout X87Context
  ) -> PartialRemainder {
    let distance = x.exponent &- y.exponent
    if distance < 0 {
      // Below half the divisor if the exponents are further apart; of the same scale as half of it else.
      let isNearer = nearest && distance == -1 && x.significand > y.significand
      if !isNearer {
        return PartialRemainder(
          value: exact(x.negative, x.exponent, x.significand, &context), quotient: 0)
      }
      let rest = y.significand &- (x.significand &- y.significand)
      return PartialRemainder(value: exact(!x.negative, x.exponent, rest, &context), quotient: 1)
    }
    let (quotient, rest) = divide(x.significand, y.significand, distance)
    let complement = y.significand &- rest
    if nearest && (rest > complement || (rest == complement && quotient & 1 != 0)) {
      return PartialRemainder(
        value: exact(!x.negative, y.exponent, complement, &context), quotient: quotient &+ 1)
    }
    return PartialRemainder(value: exact(x.negative, y.exponent, rest, &context), quotient: quotient)
  }

  /// `FSCALE`: a × 2^b, b truncated to an integer.
  package static func scale(
    _ a: ExtendedValue, _ b: ExtendedValue, _ context: inout X87Context
  ) -> ExtendedValue {
    let (aKind, bKind) = (a.kind, b.kind)
    if let answer = propagateNaN(a, aKind, b, bKind, &context) { return answer }
    if bKind == .infinity {
      if b.isNegative ? aKind == .infinity : aKind == .zero { return context.invalid() }
      context.note(aKind, bKind)
      return b.isNegative ? zero(a.isNegative) : infinity(a.isNegative)
    }
    context.note(aKind, bKind)
    if aKind == .infinity || aKind == .zero { return a }
    var number = DoubleWidth(a.unpacked)
    if bKind != .zero {
      let factor = b.unpacked
      // Beyond 2^16 every finite number overflows or becomes zero.
      let magnitude =
        factor.exponent < 0
        ? 0
        : factor.exponent > 16
          ? 1 << 17 : Int(factor.significand &>> UInt64(truncatingIfNeeded: 63 &- factor.exponent))
      number.exponent &+= b.isNegative ? 0 &- magnitude : magnitude
    }
    return pack(number, precision: 64, &context)
  }

  /// `FXTRACT`: the unbiased exponent, and the significand with the sign.
  package static func extract(
    _ a: ExtendedValue, _ context: inout X87Context
  ) -> (exponent: ExtendedValue, significand: ExtendedValue) {
    let kind = a.kind
    if let answer = propagateNaN(a, kind, &context) { return (answer, answer) }
    if kind == .zero {
      context.raise(X87Status.ZE)
      return (infinity(true), a)
    }
    if kind == .infinity { return (infinity(false), a) }
    context.note(kind)
    let number = a.unpacked
    let significand = ExtendedValue(
      significand: number.significand, exponent: 0x3FFF | (number.negative ? 0x8000 : 0))
    return (ExtendedValue(Int64(number.exponent)), significand)
  }
}

/// The constants of `FLDL2T` and its kin, to 128 bits (SDM Vol. 1, "Pi" and "Load Constant Instructions").
package enum X87Constant {
  package static var log2Of10: DoubleWidth { make(1, 0xD49A_784B_CD1B_8AFE, 0x492B_F6FF_4DAF_DB4C) }
  package static var log2OfE: DoubleWidth { make(0, 0xB8AA_3B29_5C17_F0BB, 0xBE87_FED0_691D_3E88) }
  package static var pi: DoubleWidth { make(1, 0xC90F_DAA2_2168_C234, 0xC4C6_628B_80DC_1CD1) }
  package static var log10Of2: DoubleWidth { make(-2, 0x9A20_9A84_FBCF_F798, 0x8F89_59AC_0B7C_9178) }
  package static var logEOf2: DoubleWidth { make(-1, 0xB172_17F7_D1CF_79AB, 0xC9E3_B398_03F2_F6AF) }

  private static func make(_ exponent: Int, _ high: UInt64, _ low: UInt64) -> DoubleWidth {
    var number = DoubleWidth(Unpacked(negative: false, exponent: exponent, significand: high))
    number.low = low
    return number
  }

  /// `constant` rounded to 64 bits by RC, whatever PC says. No exception is reported.
  package static func rounded(_ constant: DoubleWidth, control: UInt16) -> ExtendedValue {
    var context = X87Context(control: control | X87Control.exceptionMasks)
    return ExtendedValue.pack(constant, precision: 64, &context)
  }
}
