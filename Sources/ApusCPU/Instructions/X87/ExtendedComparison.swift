/// Comparison and classification.
extension ExtendedValue {
  /// Compares a with b. A NaN or an unsupported encoding makes them unordered; IE is raised for either, but
  /// for a quiet NaN only if `signaling`. `FCOM` and its kin are signaling, `FUCOM` and its kin are not.
  package static func compare(
    _ a: ExtendedValue, _ b: ExtendedValue, signaling: Bool, _ context: inout X87Context
  ) -> FloatingPointRelation {
    let (aKind, bKind) = (a.kind, b.kind)
    if a.isUnordered(aKind, signaling, &context) || b.isUnordered(bKind, signaling, &context) {
      // The second operand counts even if the first has settled the answer.
      _ = b.isUnordered(bKind, signaling, &context)
      return .unordered
    }
    context.note(aKind, bKind)
    if aKind == .zero && bKind == .zero { return .equal }
    if a.isNegative != b.isNegative { return a.isNegative ? .less : .greater }
    let order = a.magnitudeOrder(b)
    if order == .equal { return .equal }
    return (order == .less) != a.isNegative ? .less : .greater
  }

  private func isUnordered(
    _ kind: ExtendedClass, _ signaling: Bool, _ context: inout X87Context
  ) -> Bool {
    switch kind {
    case .unsupported, .signalingNaN: context.raise(X87Status.IE)
    case .quietNaN: if signaling { context.raise(X87Status.IE) }
    default: return false
    }
    return true
  }

  /// A pseudo-denormal equals the smallest normal number of the same significand.
  private func magnitudeOrder(_ other: ExtendedValue) -> FloatingPointRelation {
    let (x, y) = (max(field, 1), max(other.field, 1))
    // A zero or denormal has exponent field 0, but is smaller by its significand anyway.
    if x != y { return x < y ? .less : .greater }
    if significand == other.significand { return .equal }
    return significand < other.significand ? .less : .greater
  }

  /// C3, C2 and C0 as `FXAM` sets them for a register in use.
  package var examined: UInt16 {
    switch kind {
    case .unsupported: 0
    case .quietNaN, .signalingNaN: X87Status.C0
    case .normal: X87Status.C2
    case .infinity: X87Status.C2 | X87Status.C0
    case .zero: X87Status.C3
    case .denormal: X87Status.C3 | X87Status.C2
    }
  }
}
