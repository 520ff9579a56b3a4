/// GFNI: arithmetic on bytes as elements of GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, and affine maps of their bits
/// (SDM Vol. 2, `GF2P8MULB`, `GF2P8AFFINEQB`, `GF2P8AFFINEINVQB`).
package enum GaloisField {
  package static func product(_ a: UInt8, _ b: UInt8) -> UInt8 {
    var (a, b, result) = (a, b, UInt8(0))
    while b != 0 {
      if b & 1 != 0 { result ^= a }
      a = (a &<< 1) ^ (a & 0x80 != 0 ? 0x1B : 0)
      b &>>= 1
    }
    return result
  }

  /// a^254, which is the inverse, and 0 for 0.
  package static func inverse(_ a: UInt8) -> UInt8 {
    var (square, result) = (a, UInt8(1))
    for _ in 0..<7 {
      square = product(square, square)
      result = product(result, square)
    }
    return result
  }

  package static func GF2P8MULB(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    var (a, b, result) = (a, b, SIMD16<UInt8>())
    for _ in 0..<8 {
      result ^= a.replacing(with: 0, where: (b & 1) .== 0)
      a = (a &<< 1) ^ SIMD16<UInt8>(repeating: 0x1B).replacing(with: 0, where: a .< 0x80)
      b &>>= 1
    }
    return result
  }

  /// Bit i of a byte is the parity of the byte and byte 7 - i of the quadword of the matrix, plus bit i of the
  /// constant.
  package static func GF2P8AFFINEQB(
    _ a: SIMD16<UInt8>, _ matrix: SIMD16<UInt8>, _ constant: UInt8
  ) -> SIMD16<UInt8> {
    var result = SIMD16<UInt8>()
    for index in 0..<16 {
      var byte: UInt8 = 0
      for bit in 0..<8 {
        let parity = (a[index] & matrix[index & 8 | (7 - bit)]).nonzeroBitCount & 1
        byte |= UInt8(parity) << UInt8(bit)
      }
      result[index] = byte ^ constant
    }
    return result
  }

  package static func GF2P8AFFINEINVQB(
    _ a: SIMD16<UInt8>, _ matrix: SIMD16<UInt8>, _ constant: UInt8
  ) -> SIMD16<UInt8> {
    var inverses = SIMD16<UInt8>()
    for index in 0..<16 { inverses[index] = inverse(a[index]) }
    return GF2P8AFFINEQB(inverses, matrix, constant)
  }
}

extension VectorForm {
  static func GF2P8MULB(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packed(cpu, op, GaloisField.GF2P8MULB)
  }
  static func GF2P8AFFINEQB(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try shuffled(cpu, op, GaloisField.GF2P8AFFINEQB)
  }
  static func GF2P8AFFINEINVQB(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try shuffled(cpu, op, GaloisField.GF2P8AFFINEINVQB)
  }
}
