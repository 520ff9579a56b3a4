/// A 64-bit hash of bytes, which tells whether a file is still what it was. Fast, and no protection against somebody who
/// wants two files to look alike.
public struct ContentHash: Sendable {
  private var lanes = SIMD4<UInt64>(
    0x1319_8A2E_0370_7344, 0xA409_3822_299F_31D0, 0x082E_FA98_EC4E_6C89, 0x4528_21E6_38D0_1377)
  private var count: UInt64 = 0
  /// What does not fill 32 bytes yet.
  private var rest: [UInt8] = []

  /// The hash of nothing.
  public init() {}

  /// The hash of these bytes.
  public static func of(_ bytes: [UInt8]) -> UInt64 {
    var hash = ContentHash()
    hash.update(bytes[...])
    return hash.value
  }

  /// Adds bytes behind those before.
  public mutating func update(_ bytes: ArraySlice<UInt8>) {
    count &+= UInt64(bytes.count)
    var bytes = bytes
    if !rest.isEmpty {
      let taken = bytes.prefix(32 - rest.count)
      rest += taken
      bytes = bytes.dropFirst(taken.count)
      guard rest.count == 32 else { return }
      mix(rest[...])
      rest = []
    }
    let whole = bytes.count & ~31
    mix(bytes.prefix(whole))
    rest += bytes.dropFirst(whole)
  }

  private mutating func mix(_ bytes: ArraySlice<UInt8>) {
    var lanes = lanes
    unsafe bytes.withUnsafeBytes { raw in
      for offset in stride(from: 0, to: raw.count, by: 32) {
        let block = unsafe raw.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
        lanes = (lanes ^ block) &* SIMD4(repeating: 0xD6E8_FEB8_6659_FD93)
        lanes ^= lanes &>> SIMD4(repeating: 32)
      }
    }
    self.lanes = lanes
  }

  /// The hash of all bytes so far.
  public var value: UInt64 {
    var copy = self
    if !rest.isEmpty { copy.mix((rest + [UInt8](repeating: 0, count: 32 - rest.count))[...]) }
    var hash = count
    for lane in 0..<4 {
      hash = (hash ^ copy.lanes[lane]) &* 0xD6E8_FEB8_6659_FD93
      hash ^= hash >> 32
    }
    return hash
  }
}
