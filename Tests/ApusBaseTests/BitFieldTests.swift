import ApusBase
import Testing

/// Bit access in the datasheets' notation.
@Suite struct BitFieldTests {
  @Test func singleBits() {
    let value: UInt32 = 0x8000_0001
    #expect(value.bit(0))
    #expect(!value.bit(1))
    #expect(!value.bit(30))
    #expect(value.bit(31))
    #expect((-1 as Int8).bit(7))
  }

  @Test(
    arguments: [
      (7, 4, 0xD), (3, 0, 0xE), (0, 0, 0), (1, 1, 1), (63, 60, 0xF), (63, 63, 1), (62, 61, 3),
      (63, 0, 0xFEDC_BA98_7654_32DE), (47, 32, 0xBA98), (62, 0, 0x7EDC_BA98_7654_32DE),
    ] as [(Int, Int, UInt64)])
  func fields(_ high: Int, _ low: Int, _ expected: UInt64) {
    #expect((0xFEDC_BA98_7654_32DE as UInt64).bits(high, low) == expected)
  }

  /// A field as wide as a narrow type must not lose its mask.
  @Test func wholeWidth() {
    #expect((0xA5 as UInt8).bits(7, 0) == 0xA5)
    #expect((0xBEEF as UInt16).bits(15, 0) == 0xBEEF)
    #expect((0xBEEF as UInt16).bits(15, 8) == 0xBE)
  }

  @Test func setting() {
    var value: UInt16 = 0
    value.setBit(15, true)
    value.setBit(0, true)
    #expect(value == 0x8001)
    value.setBit(15, true)
    #expect(value == 0x8001)
    value.setBit(15, false)
    value.setBit(7, false)
    #expect(value == 1)
  }
}
