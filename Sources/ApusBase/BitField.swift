/// Bit-field access for register images, in the datasheets' own notation (`bits 7:4`).
extension FixedWidthInteger {
  /// Bit `index` as a Boolean. `index` must be below the width.
  @inlinable @inline(__always)
  package func bit(_ index: Int) -> Bool { (self >> Self(truncatingIfNeeded: index)) & 1 != 0 }

  /// Bits `high:low`, right-aligned. `0 <= low <= high < bitWidth`.
  @inlinable @inline(__always)
  package func bits(_ high: Int, _ low: Int) -> Self {
    let width = high - low + 1
    let mask: Self = width >= Self.bitWidth ? ~0 : (1 << Self(truncatingIfNeeded: width)) &- 1
    return (self >> Self(truncatingIfNeeded: low)) & mask
  }

  /// Sets or clears bit `index`.
  @inlinable @inline(__always)
  package mutating func setBit(_ index: Int, _ value: Bool) {
    let mask: Self = 1 << Self(truncatingIfNeeded: index)
    if value { self |= mask } else { self &= ~mask }
  }
}
