extension FixedWidthInteger {
  /// The value of `bytes`, lowest first; what does not fit is left out.
  package init(littleEndian bytes: some Sequence<UInt8>) {
    var value: Self = 0
    var shift = 0
    for byte in bytes where shift < Self.bitWidth {
      value |= Self(truncatingIfNeeded: byte) << Self(truncatingIfNeeded: shift)
      shift += 8
    }
    self = value
  }

  /// The lowest `count` bytes, lowest first.
  package func littleEndianBytes(_ count: Int = Self.bitWidth / 8) -> [UInt8] {
    (0..<count).map { $0 * 8 < Self.bitWidth ? UInt8(truncatingIfNeeded: self >> Self($0 * 8)) : 0 }
  }
}
