import ApusCPU
import Testing

/// GFNI against FIPS 197: the substitution box is an inverse and an affine map, and "Multiplication" has examples.
@Suite struct GaloisFieldTests {
  /// The matrix of the affine map of FIPS 197, "SubBytes()", as `GF2P8AFFINEINVQB` takes it.
  private static let matrix = SIMD16<UInt8>(quadwords: SIMD2(repeating: 0xF1E3_C78F_1F3E_7CF8))

  @Test(
    arguments: [(0x00, 0x63), (0x01, 0x7C), (0x53, 0xED), (0xFF, 0x16), (0x9A, 0xB8)] as [(UInt8, UInt8)])
  func substitution(_ byte: UInt8, _ result: UInt8) {
    let found = GaloisField.GF2P8AFFINEINVQB(SIMD16(repeating: byte), Self.matrix, 0x63)
    #expect(found == SIMD16(repeating: result))
  }

  @Test(
    arguments: [(0x57, 0x83, 0xC1), (0x57, 0x13, 0xFE), (0x57, 0x02, 0xAE), (0x00, 0xFF, 0x00)]
      as [(UInt8, UInt8, UInt8)])
  func products(_ a: UInt8, _ b: UInt8, _ result: UInt8) {
    #expect(GaloisField.product(a, b) == result)
    #expect(GaloisField.GF2P8MULB(SIMD16(repeating: a), SIMD16(repeating: b)) == SIMD16(repeating: result))
  }

  /// A matrix with one bit in each row permutes the bits: byte 7 - i of a quadword makes bit i.
  @Test func permutations() {
    let identity = SIMD16<UInt8>(quadwords: SIMD2(repeating: 0x0102_0408_1020_4080))
    let reversal = SIMD16<UInt8>(quadwords: SIMD2(repeating: 0x8040_2010_0804_0201))
    for byte in 0...255 as ClosedRange<UInt8> {
      let value = SIMD16<UInt8>(repeating: byte)
      #expect(GaloisField.GF2P8AFFINEQB(value, identity, 0) == value)
      var reversed: UInt8 = 0
      for bit in 0..<8 where byte >> UInt8(bit) & 1 != 0 { reversed |= 1 << UInt8(7 - bit) }
      #expect(GaloisField.GF2P8AFFINEQB(value, reversal, 0xFF) == SIMD16(repeating: ~reversed))
    }
  }
}
