import Testing
import apus

/// Reads what `Deflate` writes: RFC 1951 with stored and fixed blocks, decoded bit by bit.
struct Inflater {
  private let bytes: [UInt8]
  private var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private mutating func bit() -> Int? {
    guard place / 8 < bytes.count else { return nil }
    defer { place += 1 }
    return Int(bytes[place / 8] >> UInt8(place % 8) & 1)
  }

  private mutating func bits(_ count: Int) -> Int? {
    var value = 0
    for i in 0..<count {
      guard let bit = bit() else { return nil }
      value |= bit << i
    }
    return value
  }

  private mutating func symbol() -> Int? {
    var code = 0
    for length in 1...9 {
      guard let bit = bit() else { return nil }
      code = code << 1 | bit
      switch (length, code) {
      case (7, 0...0x17): return 256 + code
      case (8, 0x30...0xBF): return code - 0x30
      case (8, 0xC0...0xC7): return 280 + code - 0xC0
      case (9, 0x190...0x1FF): return 144 + code - 0x190
      default: break
      }
    }
    return nil
  }

  /// The content of a zlib stream of one fixed block; nil if it is not one, or its checksum is wrong.
  mutating func zlib() -> [UInt8]? {
    guard bytes.count > 6, bytes[0] == 0x78, (Int(bytes[0]) << 8 | Int(bytes[1])) % 31 == 0 else {
      return nil
    }
    place = 16
    guard bits(3) == 3 else { return nil }
    var output: [UInt8] = []
    let bases =
      [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163]
      + [195, 227, 258]
    let distances =
      [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049]
      + [3073, 4097, 6145, 8193, 12289, 16385, 24577]
    while let symbol = symbol(), symbol != 256 {
      guard symbol > 256 else {
        output.append(UInt8(symbol))
        continue
      }
      let code = symbol - 257
      let extra = code < 8 || code == 28 ? 0 : code / 4 - 1
      guard code < 29, let more = bits(extra) else { return nil }
      var number = 0
      for _ in 0..<5 { number = number << 1 | (bit() ?? 0) }
      guard number < 30, let far = bits(number < 4 ? 0 : number / 2 - 1) else { return nil }
      let distance = distances[number] + far
      guard distance <= output.count else { return nil }
      for _ in 0..<(bases[code] + more) { output.append(output[output.count - distance]) }
    }
    let end = (place + 7) / 8
    guard end + 4 == bytes.count else { return nil }
    let sum = bytes[end...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return sum == Checksum.adler32(output) ? output : nil
  }
}

@Suite struct DeflateTests {
  /// The check values of the catalogue of CRC algorithms, and an example that is often quoted.
  @Test func checksums() {
    #expect(Checksum.crc32(Array("123456789".utf8)) == 0xCBF4_3926)
    #expect(Checksum.adler32(Array("Wikipedia".utf8)) == 0x11E6_0398)
    // The last chunk of every PNG file.
    #expect(Checksum.crc32(Array("IEND".utf8)) == 0xAE42_6082)
  }

  @Test func everythingComesBack() {
    var state: UInt64 = 99
    func next(_ count: UInt64) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % count)
    }
    var cases: [[UInt8]] = [[], [0], [1, 2], Array(repeating: 7, count: 70_000), Array(0...255)]
    for alphabet in [2, 4, 256] as [UInt64] {
      cases.append((0..<5000).map { _ in UInt8(next(alphabet)) })
    }
    // Repetitions at every distance up to beyond the window.
    var far: [UInt8] = (0..<300).map { _ in UInt8(next(256)) }
    for _ in 0..<400 {
      let length = 3 + next(280)
      let start = next(UInt64(far.count))
      far += far[start..<min(start + length, far.count)]
      far.append(UInt8(next(256)))
    }
    cases.append(far)
    for bytes in cases {
      var inflater = Inflater(Deflate.zlib(bytes))
      #expect(inflater.zlib() == bytes)
    }
  }

  @Test func repetitionsTakeLittle() {
    #expect(Deflate.zlib([UInt8](repeating: 0, count: 100_000)).count < 1000)
  }
}

@Suite struct PNGTests {
  struct Picture: Equatable {
    var width = 0
    var height: Int { pixels.count / max(width, 1) }
    var pixels: [UInt32] = []
    var colorType: UInt8 = 0
    var depth: UInt8 = 0
  }

  /// Reads a file of ours; nil if something in it is wrong.
  static func decode(_ file: [UInt8]) -> Picture? {
    guard file.prefix(8) == [137, 80, 78, 71, 13, 10, 26, 10] else { return nil }
    var picture = Picture()
    var (palette, data): ([UInt8], [UInt8]) = ([], [])
    var place = 8
    func number(_ at: Int) -> Int { file[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) } }
    var names: [String] = []
    while place + 12 <= file.count {
      let length = number(place)
      let body = Array(file[(place + 4)..<(place + 8 + length)])
      guard number(place + 8 + length) == Int(Checksum.crc32(body)) else { return nil }
      let name = String(decoding: body[..<4], as: UTF8.self)
      names.append(name)
      switch name {
      case "IHDR":
        picture.width = number(place + 8)
        (picture.depth, picture.colorType) = (body[12], body[13])
        guard body[14...] == [0, 0, 0] else { return nil }
      case "PLTE": palette = Array(body[4...])
      case "IDAT": data += body[4...]
      default: break
      }
      place += 12 + length
    }
    let expected = picture.colorType == 3 ? ["IHDR", "PLTE", "IDAT", "IEND"] : ["IHDR", "IDAT", "IEND"]
    var inflater = Inflater(data)
    guard names == expected, place == file.count, let lines = inflater.zlib() else { return nil }
    picture.pixels = pixels(lines, picture, palette)
    return picture
  }

  private static func pixels(_ lines: [UInt8], _ picture: Picture, _ palette: [UInt8]) -> [UInt32] {
    let bits = picture.colorType == 3 ? Int(picture.depth) : 24
    let pitch = (picture.width * bits + 7) / 8
    var above = [UInt8](repeating: 0, count: pitch)
    var pixels: [UInt32] = []
    for start in stride(from: 0, to: lines.count, by: pitch + 1) {
      var line = Array(lines[(start + 1)..<(start + 1 + pitch)])
      for i in line.indices {
        if lines[start] == 1 && i >= 3 { line[i] &+= line[i - 3] }
        if lines[start] == 2 { line[i] &+= above[i] }
      }
      above = line
      for x in 0..<picture.width {
        var color = line[(x * bits / 8)...].prefix(3)
        if bits < 24 {
          let index = Int(line[x * bits / 8] >> UInt8(8 - bits - x * bits % 8)) & (1 << bits - 1)
          color = palette[(index * 3)...].prefix(3)
        }
        pixels.append(color.reduce(0) { $0 << 8 | UInt32($1) })
      }
    }
    return pixels
  }

  @Test(arguments: [(1, 1), (2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (256, 8)])
  func palettes(_ colors: Int, _ depth: UInt8) {
    let pixels = (0..<(37 * 11)).map { UInt32(truncatingIfNeeded: $0 % colors * 0x01_0307) & 0xFF_FFFF }
    let picture = Self.decode(PNG.encode(width: 37, height: 11, pixels: pixels))
    #expect(picture == Picture(width: 37, pixels: pixels, colorType: 3, depth: depth))
  }

  @Test func trueColor() {
    // Gradients for the filters, and noise.
    var pixels = (0..<UInt32(64 * 20)).map { (i: UInt32) -> UInt32 in (i % 64 * 4) << 16 | (i / 64) << 3 }
    pixels += (0..<UInt32(64 * 20)).map { (i: UInt32) -> UInt32 in (i &* 2_654_435_761) >> 8 }
    let picture = Self.decode(PNG.encode(width: 64, height: 40, pixels: pixels))
    #expect(picture == Picture(width: 64, pixels: pixels, colorType: 2, depth: 8))
    #expect(Self.decode(PNG.encode(width: 1, height: 300, pixels: (0..<300).map { $0 })) != nil)
  }
}
