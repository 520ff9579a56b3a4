import Testing

import ApusCPU

/// The packed integer instructions against hardware and against definitions written lane by lane.
@Suite struct PackedIntegerTests {
  // MARK: Captured vectors

  private func vector(_ text: Substring) throws -> SIMD16<UInt8> {
    try #require(text.count == 32)
    let high = try #require(UInt64(text.prefix(16), radix: 16))
    let low = try #require(UInt64(text.suffix(16), radix: 16))
    return SIMD16(quadwords: SIMD2(low, high))
  }

  @Test func everyVector() throws {
    let rows = try TestVectors("PackedInteger.txt").rows
    #expect(rows.count > 1000)
    var seen: Set<String> = []
    for row in rows {
      try #require(row.count == 6)
      let name = String(row[1])
      let immediate = try #require(UInt8(row[2], radix: 16))
      seen.insert("\(row[0]) \(name)")
      if row[0] == "MMX" {
        let operation = try #require(PackedIntegerOperations.mmx[name])
        let a = try #require(UInt64(row[3], radix: 16))
        let b = try #require(UInt64(row[4], radix: 16))
        let result = try #require(UInt64(row[5], radix: 16))
        #expect(operation(a, b, immediate) == result, "\(row)")
      } else {
        let operation = try #require(PackedIntegerOperations.xmm[name])
        let result = try operation(vector(row[3]), vector(row[4]), immediate)
        #expect(try result == vector(row[5]), "\(row)")
      }
    }
    let known = PackedIntegerOperations.mmx.count + PackedIntegerOperations.xmm.count
    #expect(seen.count == known, "every function has vectors")
  }

  // MARK: Lane-by-lane definitions

  /// The lanes of an operand of `byteCount` bytes, each `width` bytes wide, as unsigned or signed numbers.
  static func lanes(_ a: SIMD16<UInt8>, _ width: Int, _ byteCount: Int, signed: Bool) -> [Int] {
    stride(from: 0, to: byteCount, by: width).map { start in
      var value: UInt64 = 0
      for i in (0..<width).reversed() { value = value << 8 | UInt64(a[start + i]) }
      if !signed { return Int(value) }
      let unused = UInt64(64 - 8 * width)
      return Int(Int64(bitPattern: value << unused) >> Int64(unused))
    }
  }

  static func vector(_ lanes: [Int], _ width: Int) -> SIMD16<UInt8> {
    var result = SIMD16<UInt8>.zero
    for (index, lane) in lanes.enumerated() {
      for i in 0..<width { result[index * width + i] = UInt8(truncatingIfNeeded: lane >> (8 * i)) }
    }
    return result
  }

  struct LaneRule: Sendable {
    let name: String
    let width: Int
    let signed: Bool
    let compute: @Sendable (Int, Int) -> Int
  }

  static func clamp(_ low: Int, _ high: Int, _ value: Int) -> Int { min(max(value, low), high) }

  static let laneRules: [LaneRule] = [
    LaneRule(name: "PADDB", width: 1, signed: false) { $0 + $1 },
    LaneRule(name: "PADDW", width: 2, signed: false) { $0 + $1 },
    LaneRule(name: "PADDD", width: 4, signed: false) { $0 + $1 },
    LaneRule(name: "PSUBB", width: 1, signed: false) { $0 - $1 },
    LaneRule(name: "PSUBW", width: 2, signed: false) { $0 - $1 },
    LaneRule(name: "PSUBD", width: 4, signed: false) { $0 - $1 },
    LaneRule(name: "PADDQ", width: 8, signed: true) { $0 &+ $1 },
    LaneRule(name: "PSUBQ", width: 8, signed: true) { $0 &- $1 },
    LaneRule(name: "PADDUSB", width: 1, signed: false) { clamp(0, 255, $0 + $1) },
    LaneRule(name: "PADDUSW", width: 2, signed: false) { clamp(0, 65535, $0 + $1) },
    LaneRule(name: "PSUBUSB", width: 1, signed: false) { clamp(0, 255, $0 - $1) },
    LaneRule(name: "PSUBUSW", width: 2, signed: false) { clamp(0, 65535, $0 - $1) },
    LaneRule(name: "PADDSB", width: 1, signed: true) { clamp(-128, 127, $0 + $1) },
    LaneRule(name: "PADDSW", width: 2, signed: true) { clamp(-32768, 32767, $0 + $1) },
    LaneRule(name: "PSUBSB", width: 1, signed: true) { clamp(-128, 127, $0 - $1) },
    LaneRule(name: "PSUBSW", width: 2, signed: true) { clamp(-32768, 32767, $0 - $1) },
    LaneRule(name: "PMULLW", width: 2, signed: true) { $0 * $1 },
    LaneRule(name: "PMULHW", width: 2, signed: true) { ($0 * $1) >> 16 },
    LaneRule(name: "PMULHUW", width: 2, signed: false) { ($0 * $1) >> 16 },
    LaneRule(name: "PAVGB", width: 1, signed: false) { ($0 + $1 + 1) / 2 },
    LaneRule(name: "PAVGW", width: 2, signed: false) { ($0 + $1 + 1) / 2 },
    LaneRule(name: "PMINUB", width: 1, signed: false) { min($0, $1) },
    LaneRule(name: "PMAXUB", width: 1, signed: false) { max($0, $1) },
    LaneRule(name: "PMINSW", width: 2, signed: true) { min($0, $1) },
    LaneRule(name: "PMAXSW", width: 2, signed: true) { max($0, $1) },
    LaneRule(name: "PCMPEQB", width: 1, signed: false) { $0 == $1 ? -1 : 0 },
    LaneRule(name: "PCMPEQW", width: 2, signed: false) { $0 == $1 ? -1 : 0 },
    LaneRule(name: "PCMPEQD", width: 4, signed: false) { $0 == $1 ? -1 : 0 },
    LaneRule(name: "PCMPGTB", width: 1, signed: true) { $0 > $1 ? -1 : 0 },
    LaneRule(name: "PCMPGTW", width: 2, signed: true) { $0 > $1 ? -1 : 0 },
    LaneRule(name: "PCMPGTD", width: 4, signed: true) { $0 > $1 ? -1 : 0 },
    LaneRule(name: "PAND", width: 8, signed: true) { $0 & $1 },
    LaneRule(name: "PANDN", width: 8, signed: true) { ~$0 & $1 },
    LaneRule(name: "POR", width: 8, signed: true) { $0 | $1 },
    LaneRule(name: "PXOR", width: 8, signed: true) { $0 ^ $1 },
  ]

  /// Lanes of extremes and neighbours of zero, mixed with random ones.
  static func operand(_ numbers: inout TestNumbers) -> SIMD16<UInt8> {
    let edges: [UInt8] = [0, 1, 0x7F, 0x80, 0x81, 0xFE, 0xFF]
    var result = SIMD16<UInt8>.zero
    let style = numbers.below(3)
    for i in 0..<16 {
      let random = UInt8(truncatingIfNeeded: numbers.next())
      result[i] = style == 0 || (style == 1 && random & 1 == 0) ? edges[numbers.below(7)] : random
    }
    return result
  }

  /// Runs both forms of an instruction against a definition of the 128-bit one over `byteCount` bytes.
  private func check(
    _ name: String, seed: UInt64 = 1, count: UInt64? = nil,
    _ define: (SIMD16<UInt8>, SIMD16<UInt8>, _ byteCount: Int) -> SIMD16<UInt8>
  ) throws {
    let xmm = try #require(PackedIntegerOperations.xmm[name])
    let mmx = try #require(PackedIntegerOperations.mmx[name])
    var numbers = TestNumbers(seed: seed)
    for _ in 0..<(count == nil ? 3000 : 20) {
      let a = Self.operand(&numbers)
      let b = count.map { SIMD16(quadwords: SIMD2($0, numbers.next())) } ?? Self.operand(&numbers)
      #expect(xmm(a, b, 0) == define(a, b, 16), "\(name) \(a) \(b)")
      let half = mmx(a.quadwords[0], b.quadwords[0], 0)
      #expect(half == define(a, b, 8).quadwords[0], "\(name) \(a) \(b)")
    }
  }

  @Test(arguments: laneRules.indices) func laneByLane(_ index: Int) throws {
    let rule = Self.laneRules[index]
    try check(rule.name) { a, b, bytes in
      let lanes = zip(
        Self.lanes(a, rule.width, bytes, signed: rule.signed),
        Self.lanes(b, rule.width, bytes, signed: rule.signed))
      return Self.vector(lanes.map { rule.compute($0, $1) }, rule.width)
    }
  }

  @Test func productsAndSums() throws {
    try check("PMULUDQ") { a, b, bytes in
      let x = Self.lanes(a, 4, bytes, signed: false)
      let y = Self.lanes(b, 4, bytes, signed: false)
      let products = stride(from: 0, to: x.count, by: 2).map { UInt64(x[$0]) * UInt64(y[$0]) }
      return Self.vector(products.map { Int(bitPattern: UInt($0)) }, 8)
    }
    try check("PMADDWD") { a, b, bytes in
      let x = Self.lanes(a, 2, bytes, signed: true)
      let y = Self.lanes(b, 2, bytes, signed: true)
      return Self.vector(
        stride(from: 0, to: x.count, by: 2).map { x[$0] * y[$0] + x[$0 + 1] * y[$0 + 1] }, 4)
    }
    try check("PSADBW") { a, b, bytes in
      let x = Self.lanes(a, 1, bytes, signed: false)
      let y = Self.lanes(b, 1, bytes, signed: false)
      return Self.vector(
        stride(from: 0, to: bytes, by: 8).map { start in
          (start..<(start + 8)).reduce(0) { $0 + abs(x[$1] - y[$1]) }
        }, 8)
    }
    // The one sum of products that overflows.
    let lowest: UInt64 = 0x8000_8000_8000_8000
    #expect(PackedInteger.PMADDWD(lowest, lowest) == 0x8000_0000_8000_0000)
  }

  @Test func packs() throws {
    let rules = [
      ("PACKSSWB", 2, -128, 127), ("PACKUSWB", 2, 0, 255), ("PACKSSDW", 4, -32768, 32767),
    ]
    for (name, width, low, high) in rules {
      try check(name) { a, b, bytes in
        let lanes =
          Self.lanes(a, width, bytes, signed: true) + Self.lanes(b, width, bytes, signed: true)
        return Self.vector(lanes.map { Self.clamp(low, high, $0) }, width / 2)
      }
    }
  }

  @Test func unpacks() throws {
    for (suffix, width) in [("BW", 1), ("WD", 2), ("DQ", 4)] {
      for isHigh in [false, true] {
        try check("PUNPCK" + (isHigh ? "H" : "L") + suffix) { a, b, bytes in
          let x = Self.lanes(a, width, bytes, signed: false)
          let y = Self.lanes(b, width, bytes, signed: false)
          let half = x.count / 2
          let range = isHigh ? half..<x.count : 0..<half
          return Self.vector(range.flatMap { [x[$0], y[$0]] }, width)
        }
      }
    }
  }

  @Test func shifts() throws {
    let counts: [UInt64] = [
      0, 1, 7, 8, 14, 15, 16, 17, 30, 31, 32, 33, 62, 63, 64, 65, 255, 256, 1 << 32, (1 << 32) + 1, .max,
    ]
    for (suffix, width) in [("W", 2), ("D", 4), ("Q", 8)] {
      for count in counts {
        let places = Int(min(count, 64))
        try check("PSLL" + suffix, count: count) { a, _, bytes in
          Self.vector(
            Self.lanes(a, width, bytes, signed: true).map {
              places >= 8 * width ? 0 : $0 << places
            }, width)
        }
        try check("PSRL" + suffix, count: count) { a, _, bytes in
          Self.vector(
            Self.lanes(a, width, bytes, signed: true).map {
              let mask = width == 8 ? UInt.max : (1 << UInt(8 * width)) - 1
              return places >= 8 * width ? 0 : Int(bitPattern: (UInt(bitPattern: $0) & mask) >> UInt(places))
            }, width)
        }
        if width == 8 { continue }
        try check("PSRA" + suffix, count: count) { a, _, bytes in
          Self.vector(Self.lanes(a, width, bytes, signed: true).map { $0 >> min(places, 63) }, width)
        }
      }
    }
  }

  @Test func byteShiftsByEveryCount() {
    var numbers = TestNumbers(seed: 9)
    for count in 0...255 {
      let a = Self.operand(&numbers)
      var left = SIMD16<UInt8>.zero
      var right = SIMD16<UInt8>.zero
      for i in 0..<16 {
        if i + count < 16 { left[i + count] = a[i] }
        if i - count >= 0 { right[i - count] = a[i] }
      }
      #expect(PackedInteger.PSLLDQ(a, UInt8(count)) == left)
      #expect(PackedInteger.PSRLDQ(a, UInt8(count)) == right)
    }
  }

  @Test func shufflesByEveryImmediate() {
    var numbers = TestNumbers(seed: 10)
    for immediate in 0...255 as ClosedRange<UInt8> {
      let a = Self.operand(&numbers)
      let b = Self.operand(&numbers)
      let select = (0..<4).map { Int(immediate >> UInt8(2 * $0)) & 3 }
      let (words, x, y) = (a.words, a.doublewords, b.doublewords)
      let low = (0..<4).map { Int(words[select[$0]]) }
      let high = (0..<4).map { Int(words[4 + select[$0]]) }
      let all = (0..<8).map { Int(words[$0]) }
      #expect(PackedInteger.PSHUFLW(a, immediate) == Self.vector(low + all[4...], 2))
      #expect(PackedInteger.PSHUFHW(a, immediate) == Self.vector(all[..<4] + high, 2))
      #expect(PackedInteger.PSHUFW(a.quadwords[0], immediate) == Self.vector(low, 2).quadwords[0])
      #expect(PackedInteger.PSHUFD(a, immediate) == Self.vector(select.map { Int(x[$0]) }, 4))
      #expect(
        PackedInteger.SHUFPS(a, b, immediate)
          == Self.vector(
            [Int(x[select[0]]), Int(x[select[1]]), Int(y[select[2]]), Int(y[select[3]])], 4))
      let double = SIMD2(
        a.quadwords[Int(immediate & 1)], b.quadwords[Int((immediate >> 1) & 1)])
      #expect(PackedInteger.SHUFPD(a, b, immediate) == SIMD16(quadwords: double))
    }
  }

  @Test func masksAndWords() {
    var numbers = TestNumbers(seed: 11)
    for _ in 0..<2000 {
      let a = Self.operand(&numbers)
      let immediate = UInt8(truncatingIfNeeded: numbers.next())
      let value = UInt16(truncatingIfNeeded: numbers.next())
      let bytes = (0..<16).reduce(UInt32(0)) { $0 | UInt32(a[$1] >> 7) << UInt32($1) }
      #expect(PackedInteger.PMOVMSKB(a) == bytes)
      #expect(PackedInteger.PMOVMSKB(a.quadwords[0]) == bytes & 0xFF)
      let singles = (0..<4).reduce(UInt32(0)) { $0 | (a.doublewords[$1] >> 31) << UInt32($1) }
      #expect(PackedInteger.MOVMSKPS(a) == singles)
      let doubles = UInt32(a.quadwords[0] >> 63) | UInt32(a.quadwords[1] >> 63) << 1
      #expect(PackedInteger.MOVMSKPD(a) == doubles)
      #expect(PackedInteger.PEXTRW(a, immediate) == UInt32(a.words[Int(immediate & 7)]))
      #expect(PackedInteger.PEXTRW(a.quadwords[0], immediate) == UInt32(a.words[Int(immediate & 3)]))
      var words = a.words
      words[Int(immediate & 7)] = value
      #expect(PackedInteger.PINSRW(a, value, immediate).words == words)
      words = a.words
      words[Int(immediate & 3)] = value
      let half = PackedInteger.PINSRW(a.quadwords[0], value, immediate)
      #expect(half == SIMD16(words: words).quadwords[0])
    }
  }
}
