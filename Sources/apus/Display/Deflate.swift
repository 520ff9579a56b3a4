/// Compression in the DEFLATE format with fixed Huffman codes. Pictures of screens are mostly repetitions,
/// for which codes of their own would gain little.
/// Sources: RFC 1950, "ZLIB Compressed Data Format"; RFC 1951, "DEFLATE Compressed Data Format".
package struct Deflate {
  /// The longest match, and how far back one may begin (RFC 1951, "Compressed blocks").
  private static let longestMatch = 258
  private static let windowSize = 1 << 15
  /// Candidates looked at for a match.
  private static let chainLimit = 48

  /// Least lengths of the length codes from 257 on and least distances of the distance codes, each with the
  /// number of extra bits (RFC 1951, "Compressed blocks").
  private static let lengths: [(base: Int, extra: Int)] = codes(from: 3, count: 28, group: 4) + [(258, 0)]
  private static let distances: [(base: Int, extra: Int)] = codes(from: 1, count: 30, group: 2)

  /// Both tables: two groups without extra bits, then one more bit for each group.
  private static func codes(from first: Int, count: Int, group: Int) -> [(base: Int, extra: Int)] {
    var base = first
    return (0..<count).map { number in
      let extra = max(0, number / group - 1)
      defer { base += 1 << extra }
      return (base, extra)
    }
  }

  private var output: [UInt8] = []
  private var bits: UInt64 = 0
  private var bitCount = 0

  /// `bytes` as a zlib stream.
  package static func zlib(_ bytes: [UInt8]) -> [UInt8] {
    var deflate = Deflate()
    // CM 8 with a window of 32 KiB, FLEVEL 0, FCHECK.
    deflate.output = [0x78, 0x01]
    deflate.compress(bytes)
    return deflate.output + bigEndian(Checksum.adler32(bytes))
  }

  /// The four bytes of a number, the most significant first.
  static func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  /// One block with everything.
  private mutating func compress(_ bytes: [UInt8]) {
    // BFINAL, BTYPE 01.
    put(3, 3)
    // The newest place with a hash, and for each place the one before it with the same hash; -1 for none.
    var newest = [Int](repeating: -1, count: 1 << 15)
    var older = [Int](repeating: -1, count: Self.windowSize)
    var place = 0
    while place < bytes.count {
      let match = Self.match(bytes, place, newest, older)
      if match.length >= 3 {
        putMatch(match.length, match.distance)
      } else {
        putSymbol(Int(bytes[place]))
      }
      for next in place..<(place + max(match.length, 1)) where next + 2 < bytes.count {
        let hash = Self.hash(bytes, next)
        older[next % Self.windowSize] = newest[hash]
        newest[hash] = next
      }
      place += max(match.length, 1)
    }
    putSymbol(256)
    if bitCount > 0 { put(0, 8 - bitCount) }
  }

  private static func hash(_ bytes: [UInt8], _ place: Int) -> Int {
    let value = UInt32(bytes[place]) << 16 | UInt32(bytes[place + 1]) << 8 | UInt32(bytes[place + 2])
    return Int((value &* 0x9E37_79B1) >> 17)
  }

  /// The longest earlier text that goes on like the one at `place`; of length 0 if there is none of three
  /// bytes.
  private static func match(
    _ bytes: [UInt8], _ place: Int, _ newest: [Int], _ older: [Int]
  ) -> (length: Int, distance: Int) {
    let limit = min(longestMatch, bytes.count - place)
    guard limit >= 3 else { return (0, 0) }
    var best = (length: 0, distance: 0)
    var candidate = newest[hash(bytes, place)]
    var left = chainLimit
    while candidate >= 0, place - candidate <= windowSize, left > 0 {
      left -= 1
      var length = 0
      while length < limit && bytes[candidate + length] == bytes[place + length] { length += 1 }
      if length > best.length { best = (length, place - candidate) }
      if length == limit { break }
      let next = older[candidate % windowSize]
      // A slot that a newer place has taken over leads forward: the chain ends here.
      candidate = next < candidate ? next : -1
    }
    return best.length >= 3 ? best : (0, 0)
  }

  private mutating func putMatch(_ length: Int, _ distance: Int) {
    let code = Self.lengths.lastIndex { $0.base <= length } ?? 0
    putSymbol(257 + code)
    put(UInt64(length - Self.lengths[code].base), Self.lengths[code].extra)
    let place = Self.distances.lastIndex { $0.base <= distance } ?? 0
    putHuffman(place, 5)
    put(UInt64(distance - Self.distances[place].base), Self.distances[place].extra)
  }

  /// A literal, a length code or the end of the block: RFC 1951, "Compression with fixed Huffman codes".
  private mutating func putSymbol(_ symbol: Int) {
    switch symbol {
    case 0...143: putHuffman(0x30 + symbol, 8)
    case 144...255: putHuffman(0x190 + symbol - 144, 9)
    case 256...279: putHuffman(symbol - 256, 7)
    default: putHuffman(0xC0 + symbol - 280, 8)
    }
  }

  /// Huffman codes begin with their most significant bit.
  private mutating func putHuffman(_ code: Int, _ count: Int) {
    var reversed: UInt64 = 0
    for bit in 0..<count where code >> bit & 1 != 0 { reversed |= 1 << (count - 1 - bit) }
    put(reversed, count)
  }

  /// Everything else begins with its least significant bit. `count` is at most 16.
  private mutating func put(_ value: UInt64, _ count: Int) {
    bits |= value << bitCount
    bitCount += count
    while bitCount >= 8 {
      output.append(UInt8(truncatingIfNeeded: bits))
      bits >>= 8
      bitCount -= 8
    }
  }
}

/// The checksums of PNG files.
package enum Checksum {
  /// RFC 1950, "Appendix: Sample code": Adler-32.
  package static func adler32(_ bytes: [UInt8]) -> UInt32 {
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    return b << 16 | a
  }

  /// PNG Specification, "Sample CRC implementation": the CRC of ISO 3309.
  package static func crc32(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(0xFFFF_FFFF) { crc, byte in table[Int((crc ^ UInt32(byte)) & 0xFF)] ^ crc >> 8 }
  }

  private static let table: [UInt32] = (0..<256).map { number in
    (0..<8).reduce(UInt32(number)) { value, _ in value & 1 != 0 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
  }
}
