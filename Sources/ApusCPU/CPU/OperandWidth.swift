/// An operand width: one definition of an instruction serves all of them.
///
/// The conversions are requirements with concrete witnesses, and overload the standard library's generic
/// ones: those are an order of magnitude more code to specialise in each of some thousand stamps.
protocol OperandWidth: FixedWidthInteger, UnsignedInteger where Magnitude == Self {
  associatedtype Signed: FixedWidthInteger & SignedInteger
  /// log2 of the size in bytes.
  static var log2: UInt32 { get }
  /// The low bits.
  init(truncatingIfNeeded source: UInt64)
  /// The bits of the signed number of the same width.
  init(bits: Signed)
  var zeroExtended: UInt64 { get }
  var signExtended: UInt64 { get }
  /// The same bits as a signed number.
  var signed: Signed { get }
}

extension OperandWidth {
  @inline(__always) init(truncatingIfNeeded source: Int64) {
    self.init(truncatingIfNeeded: UInt64(bitPattern: source))
  }
  @inline(__always) init(truncatingIfNeeded source: Int32) {
    self.init(truncatingIfNeeded: UInt64(bitPattern: Int64(source)))
  }
  @inline(__always) init(truncatingIfNeeded source: Int) {
    self.init(truncatingIfNeeded: UInt64(bitPattern: Int64(source)))
  }
  @inline(__always) init(truncatingIfNeeded source: UInt32) {
    self.init(truncatingIfNeeded: UInt64(source))
  }
  @inline(__always) init(truncatingIfNeeded source: UInt16) {
    self.init(truncatingIfNeeded: UInt64(source))
  }
  @inline(__always) var isNegative: Bool { signExtended >> 63 != 0 }
}

extension UInt8: OperandWidth {
  typealias Signed = Int8
  @inline(__always) static var log2: UInt32 { 0 }
  @inline(__always) init(truncatingIfNeeded source: UInt64) { self = UInt8(source & 0xFF) }
  @inline(__always) init(bits: Int8) { self.init(bitPattern: bits) }
  @inline(__always) var zeroExtended: UInt64 { UInt64(self) }
  @inline(__always) var signExtended: UInt64 { UInt64(bitPattern: Int64(Int8(bitPattern: self))) }
  @inline(__always) var signed: Int8 { Int8(bitPattern: self) }
}
extension UInt16: OperandWidth {
  typealias Signed = Int16
  @inline(__always) static var log2: UInt32 { 1 }
  @inline(__always) init(truncatingIfNeeded source: UInt64) { self = UInt16(source & 0xFFFF) }
  @inline(__always) init(bits: Int16) { self.init(bitPattern: bits) }
  @inline(__always) var zeroExtended: UInt64 { UInt64(self) }
  @inline(__always) var signExtended: UInt64 { UInt64(bitPattern: Int64(Int16(bitPattern: self))) }
  @inline(__always) var signed: Int16 { Int16(bitPattern: self) }
}
extension UInt32: OperandWidth {
  typealias Signed = Int32
  @inline(__always) static var log2: UInt32 { 2 }
  @inline(__always) init(truncatingIfNeeded source: UInt64) { self = UInt32(source & 0xFFFFFFFF) }
  @inline(__always) init(bits: Int32) { self.init(bitPattern: bits) }
  @inline(__always) var zeroExtended: UInt64 { UInt64(self) }
  @inline(__always) var signExtended: UInt64 { UInt64(bitPattern: Int64(Int32(bitPattern: self))) }
  @inline(__always) var signed: Int32 { Int32(bitPattern: self) }
}
extension UInt64: OperandWidth {
  typealias Signed = Int64
  @inline(__always) static var log2: UInt32 { 3 }
  @inline(__always) init(truncatingIfNeeded source: UInt64) { self = source }
  @inline(__always) init(bits: Int64) { self.init(bitPattern: bits) }
  @inline(__always) var zeroExtended: UInt64 { self }
  @inline(__always) var signExtended: UInt64 { self }
  @inline(__always) var signed: Int64 { Int64(bitPattern: self) }
}
