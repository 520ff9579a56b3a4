/// Bits of the x87 control word (SDM Vol. 1, "x87 FPU Control Word").
package enum X87Control {
  package static var exceptionMasks: UInt16 { 0x3F }
  package static var IM: UInt16 { 1 }
  /// Everything but bit 6, which reads as one, and reserved bits 7 and 15:13. Bit 12 is the 80287's infinity
  /// control, kept without meaning.
  package static var writable: UInt16 { 0x1F3F }
  package static var fixed: UInt16 { 0x40 }
}

/// Bits of the x87 status word (SDM Vol. 1, "x87 FPU Status Register"). The exceptions lie where their masks
/// lie in the control word.
package enum X87Status {
  package static var IE: UInt16 { 1 }
  package static var DE: UInt16 { 1 << 1 }
  package static var ZE: UInt16 { 1 << 2 }
  package static var OE: UInt16 { 1 << 3 }
  package static var UE: UInt16 { 1 << 4 }
  package static var PE: UInt16 { 1 << 5 }
  package static var SF: UInt16 { 1 << 6 }
  /// An unmasked exception is pending.
  package static var ES: UInt16 { 1 << 7 }
  package static var C0: UInt16 { 1 << 8 }
  package static var C1: UInt16 { 1 << 9 }
  package static var C2: UInt16 { 1 << 10 }
  /// TOP: the physical register that is ST(0).
  package static var top: UInt16 { 7 << 11 }
  package static var C3: UInt16 { 1 << 14 }
  package static var B: UInt16 { 1 << 15 }
  package static var exceptions: UInt16 { 0x3F }
  /// The exceptions found before an operation is computed.
  package static var precomputation: UInt16 { IE | DE | ZE }
}

/// What an x87 operation reads from the control word, and what it has to report.
package struct X87Context {
  package let control: UInt16
  /// The exceptions met so far, as status word bits.
  package private(set) var raised: UInt16 = 0
  /// C1 of an inexact result: whether rounding made it larger in magnitude.
  package var roundedUp = false
  /// An operand was a denormal in memory, which as an extended value is a normal number.
  package var hasDenormalSource = false

  package init(control: UInt16) { self.control = control }

  /// RC.
  @inline(__always)
  package var rounding: RoundingMode {
    switch (control >> 10) & 3 {
    case 0: .nearestEven
    case 1: .down
    case 2: .up
    default: .towardZero
    }
  }

  /// PC as a number of significant bits; the reserved encoding is taken as full precision.
  @inline(__always)
  package var precision: Int {
    switch (control >> 8) & 3 {
    case 0: 24
    case 2: 53
    default: 64
    }
  }

  @inline(__always)
  package func isMasked(_ exception: UInt16) -> Bool { control & exception != 0 }

  @inline(__always)
  package mutating func raise(_ flags: UInt16) { raised |= flags }

  /// Whether an unmasked exception was found before the operation, which then leaves everything as it was
  /// (SDM Vol. 1, "Unmasked Response to Exceptions").
  @inline(__always)
  package var isBlocked: Bool { raised & ~control & X87Status.precomputation != 0 }

  /// The exceptions to record: those of the result count only if it was computed.
  @inline(__always)
  package var reported: UInt16 { isBlocked ? raised & X87Status.precomputation : raised }

  /// The answer to an invalid operation on operands that are no NaNs.
  package mutating func invalid() -> ExtendedValue {
    raise(X87Status.IE)
    return .indefinite
  }

  /// Raises DE if `kind`, or an operand in memory, is denormal.
  @inline(__always)
  package mutating func note(_ kind: ExtendedClass) {
    if kind == .denormal || hasDenormalSource { raise(X87Status.DE) }
  }

  @inline(__always)
  package mutating func note(_ first: ExtendedClass, _ second: ExtendedClass) {
    note(first)
    note(second)
  }
}

// MARK: Rounding

/// A significand rounded to some precision, its top bit where it was.
package struct RoundedSignificand {
  package var significand: UInt64
  /// The significand became 2^64; it is then given as 2^63.
  package var carried: Bool
  package var inexact: Bool
  package var upward: Bool
}

extension DoubleWidth {
  /// The significand's upper `precision` bits (1...64), rounded by the rest. It need not be normalised.
  package static func rounded(
    _ high: UInt64, _ low: UInt64, to precision: Int, _ mode: RoundingMode, negative: Bool
  ) -> RoundedSignificand {
    let drop = UInt64(truncatingIfNeeded: 64 &- precision)
    // The last kept bit, the first lost one, and whether anything lies below: enough to round by.
    let sticky: UInt64 = drop == 0 ? (low &<< 1 != 0 ? 1 : 0) : low != 0 ? 1 : 0
    let kept = high &>> drop
    let first = drop == 0 ? low &>> 63 : (high &>> (drop &- 1)) & 1
    let below = drop == 0 ? 0 : high & ((1 &<< (drop &- 1)) &- 1)
    let summary = (kept & 1) &<< 2 | first &<< 1 | (below != 0 ? 1 : sticky)
    let (value, inexact) = summary.rounded(dropping: 2, mode, negative: negative)
    let upward = value != kept & 1
    let truncated = kept &<< drop
    if !upward {
      return RoundedSignificand(significand: truncated, carried: false, inexact: inexact, upward: false)
    }
    let (sum, carried) = truncated.addingReportingOverflow(1 &<< drop)
    return RoundedSignificand(
      significand: carried ? 1 << 63 : sum, carried: carried, inexact: inexact, upward: true)
  }
}

extension ExtendedValue {
  /// What unmasked overflow takes from the exponent, and underflow adds (SDM Vol. 1, "Numeric Overflow
  /// Exception", "Numeric Underflow Exception").
  private static var wrap: Int { 24576 }

  @inline(__always)
  private init(negative: Bool, exponent: Int, significand: UInt64) {
    self.init(
      significand: significand,
      exponent: UInt16(truncatingIfNeeded: exponent &+ Self.largestExponent) | (negative ? 0x8000 : 0))
  }

  /// Rounds an exact (or sticky) result to `precision` bits and records OE, UE, PE and C1.
  package static func pack(
    _ number: DoubleWidth, precision: Int, _ context: inout X87Context
  ) -> ExtendedValue {
    let rounded = DoubleWidth.rounded(
      number.high, number.low, to: precision, context.rounding, negative: number.negative)
    let exponent = number.exponent &+ (rounded.carried ? 1 : 0)
    if exponent < smallestExponent { return packTiny(number, rounded, precision, &context) }
    if exponent > largestExponent {
      return packOverflow(number.negative, exponent, rounded, precision, &context)
    }
    if rounded.inexact { context.raise(X87Status.PE) }
    context.roundedUp = rounded.upward
    return ExtendedValue(
      negative: number.negative, exponent: exponent, significand: rounded.significand)
  }

  /// Masked, overflow gives infinity or the largest finite number; unmasked, the exponent is wrapped.
  private static func packOverflow(
    _ negative: Bool, _ exponent: Int, _ rounded: RoundedSignificand, _ precision: Int,
    _ context: inout X87Context
  ) -> ExtendedValue {
    context.raise(X87Status.OE)
    guard context.isMasked(X87Status.OE) else {
      // Too large even so: `FSCALE` alone comes here.
      if exponent &- wrap > largestExponent {
        context.raise(X87Status.PE)
        context.roundedUp = true
        return infinity(negative)
      }
      if rounded.inexact { context.raise(X87Status.PE) }
      context.roundedUp = rounded.upward
      return ExtendedValue(
        negative: negative, exponent: exponent &- wrap, significand: rounded.significand)
    }
    context.raise(X87Status.PE)
    let toInfinity =
      switch context.rounding {
      case .nearestEven: true
      case .down: negative
      case .up: !negative
      case .towardZero: false
      }
    context.roundedUp = toInfinity
    if toInfinity { return infinity(negative) }
    return ExtendedValue(
      negative: negative, exponent: largestExponent,
      significand: ~0 &<< UInt64(truncatingIfNeeded: 64 &- precision))
  }

  /// Masked, a tiny result becomes a denormal, and underflow is reported only if that is inexact; unmasked,
  /// the exponent is wrapped. Tininess is detected after rounding (SDM Vol. 1, "Numeric Underflow
  /// Exception").
  private static func packTiny(
    _ number: DoubleWidth, _ rounded: RoundedSignificand, _ precision: Int,
    _ context: inout X87Context
  ) -> ExtendedValue {
    guard context.isMasked(X87Status.UE) else {
      context.raise(X87Status.UE)
      let exponent = number.exponent &+ (rounded.carried ? 1 : 0) &+ wrap
      if exponent < smallestExponent {
        context.raise(X87Status.PE)
        return zero(number.negative)
      }
      if rounded.inexact { context.raise(X87Status.PE) }
      context.roundedUp = rounded.upward
      return ExtendedValue(
        negative: number.negative, exponent: exponent, significand: rounded.significand)
    }
    let (high, low) = number.significandShiftedRight(smallestExponent &- number.exponent)
    let denormal = DoubleWidth.rounded(
      high, low, to: precision, context.rounding, negative: number.negative)
    if denormal.inexact { context.raise(X87Status.UE | X87Status.PE) }
    context.roundedUp = denormal.upward
    // A carry into the integer bit makes it the smallest normal number.
    let field: UInt16 = denormal.significand >> 63 != 0 ? 1 : 0
    return ExtendedValue(
      significand: denormal.significand, exponent: field | (number.negative ? 0x8000 : 0))
  }
}
