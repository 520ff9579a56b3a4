/// How two floating-point values stand to each other. The raw values are distinct bits, so that a
/// predicate is a set of relations.
package enum FloatingPointRelation: UInt8, Sendable {
  case greater = 1
  case less = 2
  case equal = 4
  case unordered = 8

  /// ZF, PF and CF at their RFLAGS positions, as `COMISS` and its kin leave them (OF, SF and AF become 0).
  @inline(__always)
  package var flags: UInt32 {
    switch self {
    case .greater: 0
    case .less: 0x01
    case .equal: 0x40
    case .unordered: 0x45
    }
  }
}

/// Comparison, minimum and maximum.
extension BinaryFormat {
  /// The relation of two values that have been through `operand`.
  @inline(__always)
  package static func relation(_ a: Bits, _ b: Bits) -> FloatingPointRelation {
    if isNaN(a) || isNaN(b) { return .unordered }
    if a == b || (a | b) & ~signMask == 0 { return .equal }
    if isNegative(a) != isNegative(b) { return isNegative(a) ? .less : .greater }
    return (a < b) != isNegative(a) ? .less : .greater
  }

  /// Compares a with b. IE is raised for a signaling NaN, and for any NaN if `signaling`; DE only if
  /// neither is a NaN. `COMISS`, `COMISD` are signaling; `UCOMISS`, `UCOMISD` are not.
  @inline(__always)
  package static func compare(
    _ a: Bits, _ b: Bits, signaling: Bool, _ context: inout FloatingPointContext
  ) -> FloatingPointRelation {
    if isNaN(a) || isNaN(b) {
      if signaling || isSignalingNaN(a) || isSignalingNaN(b) { context.raise(MXCSR.IE) }
      return .unordered
    }
    return relation(operand(a, &context), operand(b, &context))
  }

  /// `CMPSS`, `CMPSD` and the lanes of `CMPPS`, `CMPPD`: all ones if the predicate holds, else 0. Of
  /// `predicate` the low five bits count, as in the VEX-encoded forms (SDM Vol. 2, `CMPPD`, "Comparison
  /// Predicate for CMPPD"); legacy SSE forms must pass only its low three.
  @inline(__always)
  package static func compare(
    _ a: Bits, _ b: Bits, predicate: UInt8, _ context: inout FloatingPointContext
  ) -> Bits {
    let index = UInt32(truncatingIfNeeded: predicate & 31)
    // Bit n tells whether predicate n signals on quiet NaNs.
    let signaling = (0x9999_6666 as UInt32) &>> index & 1 != 0
    let found = compare(a, b, signaling: signaling, &context)
    return relations(accepting: predicate) & UInt64(truncatingIfNeeded: found.rawValue) != 0 ? ~0 : 0
  }

  /// The set of relations (`FloatingPointRelation`) for which a predicate holds, in bits 3:0; the bits above are
  /// those of other predicates.
  @inline(__always)
  static func relations(accepting predicate: UInt8) -> UInt64 {
    // Hexadecimal digit n is the set for predicate n; 16...31 repeat 0...15.
    (0xF153_0EAC_79DB_8624 as UInt64) &>> (UInt64(truncatingIfNeeded: predicate & 15) &* 4)
  }

  /// `MINSS`, `MINSD` and the lanes of `MINPS`, `MINPD`. The second operand is the answer when either is a
  /// NaN (IE, quiet or not; the NaN is not made quiet) and when both are zeros.
  @inline(__always)
  package static func minimum(_ a: Bits, _ b: Bits, _ context: inout FloatingPointContext) -> Bits {
    select(a, b, .less, &context)
  }

  /// `MAXSS`, `MAXSD` and the lanes of `MAXPS`, `MAXPD`. The second operand is the answer when either is a
  /// NaN (IE, quiet or not; the NaN is not made quiet) and when both are zeros.
  @inline(__always)
  package static func maximum(_ a: Bits, _ b: Bits, _ context: inout FloatingPointContext) -> Bits {
    select(a, b, .greater, &context)
  }

  /// a if it stands to b as `wanted`, else b.
  @inline(__always)
  package static func select(
    _ a: Bits, _ b: Bits, _ wanted: FloatingPointRelation, _ context: inout FloatingPointContext
  ) -> Bits {
    if isNaN(a) || isNaN(b) {
      context.raise(MXCSR.IE)
      return quietOperand(b, context)
    }
    let first = operand(a, &context)
    let second = operand(b, &context)
    return relation(first, second) == wanted ? first : second
  }
}
