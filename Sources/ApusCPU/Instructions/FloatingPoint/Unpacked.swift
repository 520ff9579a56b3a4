/// A finite number other than zero: ±significand × 2^(exponent − 63), bit 63 of the significand set. Bit 0
/// of the significand may be sticky: it then stands for anything that was lost below it. Encoded values
/// occupy at most the upper 53 bits, so that at least 10 exact bits lie between a result and the sticky
/// one.
package struct Unpacked {
  package var negative: Bool
  package var exponent: Int
  package var significand: UInt64

  /// A number from its parts; bit 63 of `significand` must be set.
  @inline(__always)
  package init(negative: Bool, exponent: Int, significand: UInt64) {
    self.negative = negative
    self.exponent = exponent
    self.significand = significand
  }

  /// The number ±significand × 2^(exponent − 63) for any significand but 0.
  @inline(__always)
  package init(negative: Bool, exponent: Int, normalizing significand: UInt64) {
    let shift = significand.leadingZeroBitCount
    self.init(
      negative: negative, exponent: exponent &- shift,
      significand: significand &<< UInt64(truncatingIfNeeded: shift))
  }
}

extension UInt64 {
  /// Shifted right by `count` ≥ 0, with any bit lost kept as a sticky bit 0.
  @inline(__always)
  package func shiftedRightSticky(_ count: Int) -> UInt64 {
    if count == 0 { return self }
    if count > 63 { return self != 0 ? 1 : 0 }
    let lost = self &<< UInt64(truncatingIfNeeded: 64 &- count)
    return (self &>> UInt64(truncatingIfNeeded: count)) | (lost != 0 ? 1 : 0)
  }

  /// `self` / 2^`count` (1...63) rounded to an integer, and whether that lost anything.
  @inline(__always)
  package func rounded(
    dropping count: Int, _ mode: RoundingMode, negative: Bool
  ) -> (value: UInt64, inexact: Bool) {
    let shift = UInt64(truncatingIfNeeded: count)
    let kept = self &>> shift
    let lost = self & ((1 &<< shift) &- 1)
    guard lost != 0 else { return (kept, false) }
    let half: UInt64 = 1 &<< (shift &- 1)
    let upward =
      switch mode {
      case .nearestEven: lost > half || (lost == half && kept & 1 != 0)
      case .down: negative
      case .up: !negative
      case .towardZero: false
      }
    return (upward ? kept &+ 1 : kept, true)
  }
}

extension BinaryFormat {
  /// The number encoded by `a`, which must be finite and not zero.
  @inline(__always)
  package static func unpack(_ a: Bits) -> Unpacked {
    let magnitude = UInt64(truncatingIfNeeded: a & ~signMask)
    let field = Int(truncatingIfNeeded: magnitude &>> UInt64(truncatingIfNeeded: fractionWidth))
    let lift = UInt64(truncatingIfNeeded: 64 &- precision)
    if field == 0 {
      return Unpacked(
        negative: isNegative(a), exponent: smallestExponent, normalizing: magnitude &<< lift)
    }
    return Unpacked(
      negative: isNegative(a), exponent: field &- largestExponent,
      significand: (magnitude &<< lift) | (1 &<< 63))
  }

  /// Rounds an exact (or sticky) result to the format and records OE, UE and PE.
  package static func pack(_ number: Unpacked, _ context: inout FloatingPointContext) -> Bits {
    let mode = context.rounding
    let drop = 64 &- precision
    let (significand, inexact) = number.significand.rounded(
      dropping: drop, mode, negative: number.negative)
    let carried = significand &>> UInt64(truncatingIfNeeded: precision) != 0
    // Tininess is detected after rounding, as if the exponent were unbounded (SDM Vol. 1, "Numeric
    // Underflow Exception").
    let roundedExponent = number.exponent &+ (carried ? 1 : 0)
    if roundedExponent < smallestExponent { return packTiny(number, inexact: inexact, &context) }
    if inexact { context.raise(MXCSR.PE) }
    if roundedExponent > largestExponent {
      return packOverflow(negative: number.negative, mode, &context)
    }
    // The significand's implicit bit adds 1 to the exponent field, a carry out of it 1 more.
    let field = UInt64(truncatingIfNeeded: number.exponent &+ largestExponent &- 1)
    let magnitude = (field &<< UInt64(truncatingIfNeeded: fractionWidth)) &+ significand
    return Bits(truncatingIfNeeded: magnitude) | zero(number.negative)
  }

  /// The answer to a result beyond the largest finite number (SDM Vol. 1, "Masked Responses to Numeric
  /// Overflow"). Masked, it is always inexact; unmasked, PE tells whether the significand was rounded.
  @inline(__always)
  package static func packOverflow(
    negative: Bool, _ mode: RoundingMode, _ context: inout FloatingPointContext
  ) -> Bits {
    context.raise(MXCSR.OE)
    if context.mxcsr & (MXCSR.OE << MXCSR.maskShift) != 0 { context.raise(MXCSR.PE) }
    let toInfinity =
      switch mode {
      case .nearestEven: true
      case .down: negative
      case .up: !negative
      case .towardZero: false
      }
    return zero(negative) | (toInfinity ? infinity : infinity &- 1)
  }

  /// The answer to a tiny result. Masked, underflow is reported only when the denormal is inexact;
  /// unmasked, always, and PE tells whether the significand was rounded (`inexact`).
  @inline(never)
  package static func packTiny(
    _ number: Unpacked, inexact: Bool, _ context: inout FloatingPointContext
  ) -> Bits {
    if context.flushesToZero {
      context.raise(MXCSR.UE | MXCSR.PE)
      return zero(number.negative)
    }
    if context.mxcsr & MXCSR.UM == 0 {
      context.raise(inexact ? MXCSR.UE | MXCSR.PE : MXCSR.UE)
    }
    let shifted = number.significand.shiftedRightSticky(smallestExponent &- number.exponent)
    let (significand, denormalInexact) = shifted.rounded(
      dropping: 64 &- precision, context.rounding, negative: number.negative)
    if denormalInexact && context.mxcsr & MXCSR.UM != 0 { context.raise(MXCSR.UE | MXCSR.PE) }
    return Bits(truncatingIfNeeded: significand) | zero(number.negative)
  }
}
