import Testing

import ApusCPU

/// Results, flags and faults captured from hardware; `Vectors/FloatingPoint.txt` tells how.
@Suite struct FloatingPointVectorTests {
  struct Vector {
    let operation: String
    let before: UInt32
    let a: UInt64
    let b: UInt64
    let c: UInt64
    let result: UInt64
    let after: UInt32
    let faults: Bool

    init(_ row: [Substring]) throws {
      try #require(row.count == 8)
      operation = String(row[0].dropLast())
      before = try #require(UInt32(row[1], radix: 16))
      a = try #require(UInt64(row[2], radix: 16))
      b = try #require(UInt64(row[3], radix: 16))
      c = try #require(UInt64(row[4], radix: 16))
      result = try #require(UInt64(row[5], radix: 16))
      after = try #require(UInt32(row[6], radix: 16))
      faults = row[7] == "1"
    }
  }

  @Test func everyVector() throws {
    let rows = try TestVectors("FloatingPoint.txt").rows
    #expect(rows.count > 4000)
    for row in rows {
      let vector = try Vector(row)
      var context = FloatingPointContext(mxcsr: vector.before)
      let isDouble = row[0].hasSuffix("D")
      let result =
        if vector.operation == "CVTF" {
          isDouble
            ? Binary64.convert(single: UInt32(vector.a), &context)
            : UInt64(Binary32.convert(double: vector.a, &context))
        } else if isDouble {
          try #require(compute(Binary64.self, vector, &context))
        } else {
          try #require(compute(Binary32.self, vector, &context))
        }
      #expect(context.isFaulting == vector.faults, "\(row)")
      #expect(context.updatedMXCSR == vector.after, "\(row)")
      if !vector.faults { #expect(result == vector.result, "\(row)") }
    }
  }

  private func compute<Format: HostFormat>(
    _ format: Format.Type, _ vector: Vector, _ context: inout FloatingPointContext
  ) -> UInt64? {
    let a = Format.Bits(truncatingIfNeeded: vector.a)
    let b = Format.Bits(truncatingIfNeeded: vector.b)
    let c = Format.Bits(truncatingIfNeeded: vector.c)
    let immediate = UInt8(truncatingIfNeeded: vector.c)
    switch vector.operation {
    case "ADD": return UInt64(Format.add(a, b, &context))
    case "SUB": return UInt64(Format.subtract(a, b, &context))
    case "MUL": return UInt64(Format.multiply(a, b, &context))
    case "DIV": return UInt64(Format.divide(a, b, &context))
    case "SQRT": return UInt64(Format.squareRoot(a, &context))
    case "MIN": return UInt64(Format.minimum(a, b, &context))
    case "MAX": return UInt64(Format.maximum(a, b, &context))
    case "COMI": return UInt64(Format.compare(a, b, signaling: true, &context).flags)
    case "UCOMI": return UInt64(Format.compare(a, b, signaling: false, &context).flags)
    case "CMP": return UInt64(Format.compare(a, b, predicate: immediate, &context))
    case "CVTSI32": return UInt64(Format.convert(Int64(Int32(truncatingIfNeeded: vector.a)), &context))
    case "CVTSI64": return UInt64(Format.convert(Int64(bitPattern: vector.a), &context))
    case "ROUND":
      let mode = immediate & 4 != 0 ? context.rounding : RoundingMode(rawValue: immediate & 3)
      guard let mode else { return nil }
      return UInt64(
        Format.roundToIntegral(
          a, rounding: mode, suppressingPrecision: immediate & 8 != 0, &context))
    case "FMADD": return multiplyAdd(format, b, a, c, (false, false), &context)
    case "FMSUB": return multiplyAdd(format, b, a, c, (false, true), &context)
    case "FNMADD": return multiplyAdd(format, b, a, c, (true, false), &context)
    case "FNMSUB": return multiplyAdd(format, b, a, c, (true, true), &context)
    case "PACKEDDIV":
      let low = Format.divide(a, b, &context)
      let high = Format.divide(c, Format.hostDivide(Format.hostConvert(3), Format.hostConvert(2)), &context)
      return UInt64(low ^ (high &* 3))
    default: return toInteger(format, vector.operation, a, &context)
    }
  }

  private func toInteger<Format: HostFormat>(
    _ format: Format.Type, _ operation: String, _ a: Format.Bits, _ context: inout FloatingPointContext
  ) -> UInt64? {
    let mode = context.rounding
    switch operation {
    case "CVT2SI32":
      return UInt64(
        UInt32(bitPattern: Format.convertToInteger(a, as: Int32.self, rounding: mode, &context)))
    case "CVTT2SI32":
      return UInt64(
        UInt32(bitPattern: Format.convertToInteger(a, as: Int32.self, rounding: .towardZero, &context)))
    case "CVT2SI64":
      return UInt64(bitPattern: Format.convertToInteger(a, as: Int64.self, rounding: mode, &context))
    case "CVTT2SI64":
      return UInt64(
        bitPattern: Format.convertToInteger(a, as: Int64.self, rounding: .towardZero, &context))
    default: return nil
    }
  }

  private func multiplyAdd<Format: HostFormat>(
    _ format: Format.Type, _ x: Format.Bits, _ y: Format.Bits, _ z: Format.Bits,
    _ negating: (product: Bool, addend: Bool), _ context: inout FloatingPointContext
  ) -> UInt64 {
    UInt64(
      Format.multiplyAdd(
        x, y, z, negatingProduct: negating.product, negatingAddend: negating.addend, &context))
  }
}
