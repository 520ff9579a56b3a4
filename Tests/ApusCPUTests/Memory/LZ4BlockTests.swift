import ApusCPU
import Testing

@Suite struct LZ4BlockTests {
  /// Bytes that look like memory: zeros, runs, counters, and noise.
  private static func sample(_ seed: UInt64, _ count: Int) -> [UInt8] {
    var state = seed
    var bytes: [UInt8] = []
    while bytes.count < count {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let length = Int(state >> 40 & 127) + 1
      switch state >> 60 & 3 {
      case 0: bytes += [UInt8](repeating: UInt8(state >> 50 & 1), count: length * 5)
      case 1: bytes += (0..<length).map { UInt8(truncatingIfNeeded: $0 >> 2) }
      case 2: bytes += bytes.suffix(length * 3)
      default: bytes += (0..<length).map { UInt8(truncatingIfNeeded: (state &* UInt64($0 * 2 + 1)) >> 33) }
      }
    }
    return Array(bytes.prefix(count))
  }

  private static func decompress(_ block: [UInt8], count: Int) -> [UInt8]? {
    var target = [UInt8](repeating: 0xEE, count: count)
    let isRight = block.withUnsafeBytes { source in
      target.withUnsafeMutableBytes { LZ4Block.decompress(source, into: $0) }
    }
    return isRight ? target : nil
  }

  private static func compress(_ bytes: [UInt8]) -> [UInt8] {
    bytes.withUnsafeBytes { LZ4Block.compress($0) }
  }

  @Test func whatIsCompressedComesBack() {
    for count in [1, 4, 5, 12, 13, 14, 17, 64, 270, 271, 272, 4095, 4096, 20_000, 65_535, 65_536] {
      for seed in 1...20 as ClosedRange<UInt64> {
        let bytes = Self.sample(seed * 77, count)
        let block = Self.compress(bytes)
        #expect(block.count <= LZ4Block.bound(count))
        #expect(Self.decompress(block, count: count) == bytes, "\(count) bytes of seed \(seed)")
      }
    }
    #expect(Self.compress([UInt8](repeating: 0, count: 65536)).count < 300)
  }

  /// Blocks that lz4 1.9 made (liblz4's high compression).
  @Test func blocksOfOthersAreUnderstood() {
    let zeros: [UInt8] =
      [0x1F, 0, 1, 0] + [UInt8](repeating: 0xFF, count: 15) + [0xF6, 0x50, 0, 0, 0, 0, 0]
    #expect(Self.decompress(zeros, count: 4096) == [UInt8](repeating: 0, count: 4096))
    let overlapping: [UInt8] = [0x3F, 0x61, 0x62, 0x63, 3, 0, 0xFF, 0xFF, 0x42, 0x50] + Array("bcxyz".utf8)
    let text = String(repeating: "abc", count: 200) + "xyz"
    #expect(Self.decompress(overlapping, count: 603) == Array(text.utf8))
  }

  /// Whatever the bytes are, the answer is yes or no, and nothing else is touched.
  @Test func damagedBlocksAreRefusedOrDecoded() {
    let bytes = Self.sample(9, 5000)
    let block = Self.compress(bytes)
    for end in 0..<block.count { #expect(Self.decompress(Array(block[..<end]), count: 5000) == nil) }
    #expect(Self.decompress(block, count: 4999) == nil && Self.decompress(block, count: 5001) == nil)
    #expect(Self.decompress([], count: 1) == nil && Self.decompress([0], count: 1) == nil)
    for bit in 0..<block.count * 8 {
      var damaged = block
      damaged[bit >> 3] ^= 1 << UInt8(bit & 7)
      _ = Self.decompress(damaged, count: 5000)
    }
    // A match before the first byte.
    #expect(Self.decompress([0x10, 0x41, 2, 0, 0x50, 1, 2, 3, 4, 5], count: 10) == nil)
    #expect(Self.decompress([0x10, 0x41, 0, 0, 0x50, 1, 2, 3, 4, 5], count: 10) == nil)
  }
}
