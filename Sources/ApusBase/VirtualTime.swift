/// Virtual time: nanoseconds since reset. It is a function of the number of retired instructions and of
/// the idle time skipped by `HLT`, never of the host's clock.
public typealias VirtualTime = UInt64

extension VirtualTime {
  /// A moment that never comes: the deadline of a device that has nothing to do.
  public static var never: VirtualTime { .max }

  /// Nanoseconds in a second.
  @inlinable package static var second: VirtualTime { 1_000_000_000 }

  /// The number of whole periods of a clock of `frequency` hertz in this time. Exact: the product is
  /// formed at 128 bits, and the result saturates at `UInt64.max`.
  @inlinable
  package func cycles(at frequency: UInt64) -> UInt64 {
    let product = multipliedFullWidth(by: frequency)
    guard product.high < VirtualTime.second else { return .max }
    return VirtualTime.second.dividingFullWidth(product).quotient
  }

  /// The earliest time at which a clock of `frequency` hertz has completed `count` periods: the smallest
  /// `t` with `t.cycles(at: frequency) >= count`. Saturates at `never`.
  @inlinable
  package static func time(ofCycle count: UInt64, at frequency: UInt64) -> VirtualTime {
    precondition(frequency != 0)
    let product = count.multipliedFullWidth(by: VirtualTime.second)
    guard product.high < frequency else { return .never }
    let (quotient, remainder) = frequency.dividingFullWidth(product)
    return remainder == 0 ? quotient : (quotient == .max ? .never : quotient + 1)
  }

  /// This time later by `delta` nanoseconds, saturating at `never`.
  @inlinable
  package func later(by delta: UInt64) -> VirtualTime {
    let (sum, overflow) = addingReportingOverflow(delta)
    return overflow ? .never : sum
  }
}
