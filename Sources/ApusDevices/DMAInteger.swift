/// Little-endian integers in guest RAM. Free functions over the existential, because Embedded Swift cannot
/// call the generic extension methods of `DMAMemory` on it.
enum DMAInteger {
  /// The integer of `bytes` (1...8) bytes at `physical`, nil outside RAM.
  static func read(_ memory: any DMAMemory, _ physical: UInt64, bytes: Int) -> UInt64? {
    var buffer = [UInt8](repeating: 0, count: 8)
    guard memory.dmaRead(physical, into: &buffer, 0..<bytes) else { return nil }
    var value: UInt64 = 0
    for i in 0..<bytes { value |= UInt64(buffer[i]) << UInt64(8 * i) }
    return value
  }

  /// Stores the lower `bytes` (1...8) bytes of `value` at `physical`; false outside RAM.
  static func write(_ memory: any DMAMemory, _ physical: UInt64, _ value: UInt64, bytes: Int) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 8)
    for i in 0..<bytes { buffer[i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
    return memory.dmaWrite(physical, from: buffer, 0..<bytes)
  }
}
