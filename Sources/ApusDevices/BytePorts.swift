import ApusBase

/// A device with an eight-bit data path, as the chips of the ISA bus have. A wider access becomes byte
/// accesses at ascending port numbers, as the bus's conversion logic makes them (Intel 82371FB (PIIX)
/// datasheet, "ISA Interface"); bytes that fall on ports of other devices read FFh and write nowhere.
package protocol BytePortDevice: Device {
  /// Reads the byte at `port`.
  func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8
  /// Writes the byte at `port`.
  func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime)
}

extension BytePortDevice {
  package func readPort(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32 {
    var value: UInt32 = 0
    for i in 0..<min(max(width, 1), 4) {
      let byte = readByte(port &+ UInt16(truncatingIfNeeded: i), at: now)
      value |= UInt32(byte) << UInt32(truncatingIfNeeded: 8 * i)
    }
    return value
  }

  package func writePort(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime) {
    for i in 0..<min(max(width, 1), 4) {
      let byte = UInt8(truncatingIfNeeded: value >> UInt32(truncatingIfNeeded: 8 * i))
      writeByte(port &+ UInt16(truncatingIfNeeded: i), byte, at: now)
    }
  }
}
