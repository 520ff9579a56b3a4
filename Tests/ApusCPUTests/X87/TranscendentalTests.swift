import Testing

import ApusCPU

/// The kernels of the x87 transcendental instructions against references of 128 bits;
/// `Vectors/Transcendental.txt` tells how they were made.
@Suite struct TranscendentalTests {
  struct Vector {
    let function: Substring
    let x: Unpacked
    let y: Unpacked
    let reference: WideNumber

    init(_ row: [Substring]) throws {
      let hasTwo = row.count == 12
      try #require(hasTwo || row.count == 9)
      function = row[0]
      x = try Self.operand(row[1...3])
      y = hasTwo ? try Self.operand(row[4...6]) : x
      let result = Array(row.suffix(5))
      reference = WideNumber(
        negative: result[0] == "1", exponent: try #require(Int(result[1])),
        high: try #require(UInt64(result[2], radix: 16)), low: try #require(UInt64(result[3], radix: 16)),
        isExact: result[4] == "1")
    }

    static func operand(_ fields: ArraySlice<Substring>) throws -> Unpacked {
      let fields = Array(fields)
      return Unpacked(
        negative: fields[0] == "1", exponent: try #require(Int(fields[1])),
        significand: try #require(UInt64(fields[2], radix: 16)))
    }

    var result: WideNumber? {
      switch function {
      case "FSIN": Transcendental.sine(x)
      case "FCOS": Transcendental.cosine(x)
      case "FPTAN": Transcendental.tangent(x)
      case "FPATAN": Transcendental.arctangent(y, over: x)
      case "F2XM1": Transcendental.exponentialMinusOne(x)
      case "FYL2X": Transcendental.logarithm(x, times: y)
      case "FYL2XP1": Transcendental.logarithmPlusOne(x, times: y)
      default: nil
      }
    }
  }

  /// Whether two numbers lie within 2^-110 of their magnitude. They have at least the 64 bits of `high` in
  /// common then, unless the error crosses a multiple of 2^64, which none of these vectors is near enough for.
  private func agree(_ a: WideNumber, _ b: WideNumber) -> Bool {
    guard a.negative == b.negative && a.exponent == b.exponent && a.high == b.high else { return false }
    let difference = a.low > b.low ? a.low - b.low : b.low - a.low
    return a.isExact == b.isExact && difference < (a.isExact ? 1 : 1 << 17)
  }

  @Test func everyVector() throws {
    let rows = try TestVectors("Transcendental.txt").rows
    #expect(rows.count > 3500)
    for row in rows {
      let vector = try Vector(row)
      let result = try #require(vector.result)
      #expect(agree(result, vector.reference), "\(row.joined(separator: " ")): \(result)")
    }
  }

  @Test func sineAndCosineTogether() throws {
    for row in try TestVectors("Transcendental.txt").rows where row[0] == "FSIN" || row[0] == "FCOS" {
      let vector = try Vector(row)
      let both = Transcendental.sineAndCosine(vector.x)
      #expect(agree(row[0] == "FSIN" ? both.sine : both.cosine, vector.reference))
    }
  }

  /// log2 1 is zero, which has no vector; its sign is that of y.
  @Test func logarithmOfOne() {
    let one = Unpacked(negative: false, exponent: 0, significand: 1 << 63)
    for negative in [false, true] {
      let y = Unpacked(negative: negative, exponent: 3, significand: 1 << 63)
      let result = Transcendental.logarithm(one, times: y)
      #expect(result.isZero && result.isExact && result.negative == negative)
    }
  }

  /// Odd and even functions: a sign changes nothing but signs. Operands are of every exponent there is.
  @Test func symmetry() {
    var numbers = TestNumbers(seed: 7)
    for exponent in -16445...62 {
      let x = Unpacked(negative: false, exponent: exponent, significand: numbers.next() | 1 << 63)
      let opposite = Unpacked(negative: true, exponent: exponent, significand: x.significand)
      let positive = Transcendental.sineAndCosine(x)
      let negative = Transcendental.sineAndCosine(opposite)
      #expect(magnitude(positive.sine) == magnitude(negative.sine))
      #expect(positive.sine.negative != negative.sine.negative)
      #expect(positive.cosine == negative.cosine)
      let tangents = (Transcendental.tangent(x), Transcendental.tangent(opposite))
      #expect(magnitude(tangents.0) == magnitude(tangents.1))
      #expect(tangents.0.negative == (positive.sine.negative != positive.cosine.negative))
      #expect(tangents.0.negative != tangents.1.negative)
      let angle = Transcendental.arctangent(x, over: opposite)
      let mirrored = Transcendental.arctangent(opposite, over: opposite)
      #expect(magnitude(angle) == magnitude(mirrored) && !angle.negative && mirrored.negative)
    }
  }

  private func magnitude(_ number: WideNumber) -> WideNumber {
    var result = number
    result.negative = false
    return result
  }

  /// What the SDM leaves undefined, as processors of AMD have it: the operand itself.
  @Test func operandsOutOfRange() {
    for negative in [false, true] {
      let x = Unpacked(negative: negative, exponent: 3, significand: 3 << 62)
      #expect(Transcendental.exponentialMinusOne(x) == WideNumber(x))
    }
    let x = Unpacked(negative: true, exponent: 0, significand: 1 << 63)
    #expect(Transcendental.logarithmPlusOne(x, times: x) == WideNumber(x))
  }

  /// A tiny operand must leave the result on its true side of a number of 64 bits, for the directed rounding
  /// modes: sin x and arctan x below x, tan x above it, cos x below one.
  @Test func sidesOfTinyResults() {
    for exponent in [-16445, -16382, -1000, -128, -65, -64, -40] {
      let x = Unpacked(negative: false, exponent: exponent, significand: 1 << 63)
      let one = Unpacked(negative: false, exponent: 0, significand: 1 << 63)
      #expect(Transcendental.sine(x).exponent == exponent - 1)
      #expect(Transcendental.arctangent(x, over: one).exponent == exponent - 1)
      #expect(Transcendental.cosine(x).exponent == -1)
      let tangent = Transcendental.tangent(x)
      #expect(tangent.exponent == exponent && tangent.high == 1 << 63 && tangent.low != 0)
    }
  }
}
