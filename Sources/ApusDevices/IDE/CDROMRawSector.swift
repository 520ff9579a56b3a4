/// The 2352 bytes of a sector of mode 1 around its 2048 bytes of user data. ECMA-130, clause 14 "Digital data
/// in a Sector" and annexes A "Error correction encoding by RSPC" and B (scrambling, which a drive undoes).
enum RawSector {
  static func bytes(_ block: UInt32, _ data: [UInt8]) -> [UInt8] {
    var sector = [UInt8](repeating: 0, count: 2352)
    for i in 1...10 { sector[i] = 0xFF }
    for (i, byte) in DiscTime(block: block).bytes.enumerated() {
      // The header counts in binary coded decimals.
      let number = min(byte, 99)
      sector[12 + i] = (number / 10) << 4 | number % 10
    }
    sector[15] = 1
    for i in 0..<2048 { sector[16 + i] = data[i] }
    let check = detectionCode(sector, 0..<2064)
    for i in 0..<4 { sector[2064 + i] = UInt8(truncatingIfNeeded: check >> UInt32(8 * i)) }
    putParity(&sector)
    return sector
  }

  /// EDC: the remainder by (x^16 + x^15 + x^2 + 1)(x^16 + x^2 + x + 1), bits of a byte from the lowest.
  private static func detectionCode(_ sector: [UInt8], _ range: Range<Int>) -> UInt32 {
    var code: UInt32 = 0
    for i in range {
      code ^= UInt32(sector[i])
      for _ in 0..<8 { code = code >> 1 ^ (code & 1 == 0 ? 0 : 0xD801_8001) }
    }
    return code
  }

  /// The P and Q parity bytes, over bytes 12...2075 and 12...2247. Words of two bytes are coded as two planes;
  /// P runs down the 43 columns of 24 words, Q along the 26 diagonals of 43.
  private static func putParity(_ sector: inout [UInt8]) {
    for plane in 0..<2 {
      for column in 0..<43 {
        let words = (0..<24).map { 43 * $0 + column }
        putParity(&sector, words, plane, at: 1032 + column, 1032 + 43 + column)
      }
    }
    for plane in 0..<2 {
      for diagonal in 0..<26 {
        let words = (0..<43).map { (43 * diagonal + 44 * $0) % 1118 }
        putParity(&sector, words, plane, at: 1118 + diagonal, 1118 + 26 + diagonal)
      }
    }
  }

  /// Stores the two parity bytes p, q of a code word v with Σ v = 0 and Σ αⁱ v = 0, where the last byte has
  /// α⁰.
  private static func putParity(
    _ sector: inout [UInt8], _ words: [Int], _ plane: Int, at first: Int, _ second: Int
  ) {
    // By Horner's rule: weighted is Σ αⁱ v with i counting down to 2 for the last data byte.
    var sum: UInt8 = 0
    var weighted: UInt8 = 0
    for word in words {
      let byte = sector[12 + 2 * word + plane]
      sum ^= byte
      weighted = timesAlpha(weighted) ^ byte
    }
    weighted = timesAlpha(timesAlpha(weighted))
    // p + q = sum and α p + q = weighted, so (α + 1) p = sum + weighted.
    let p = dividedByAlphaPlusOne(sum ^ weighted)
    sector[12 + 2 * first + plane] = p
    sector[12 + 2 * second + plane] = sum ^ p
  }

  /// In GF(2^8) with x^8 + x^4 + x^3 + x^2 + 1; α is x.
  private static func timesAlpha(_ value: UInt8) -> UInt8 {
    value << 1 ^ (value & 0x80 == 0 ? 0 : 0x1D)
  }

  /// The inverse of x + 1 is x^7 + x^6 + x^5 + x^4 + x^2: F4h.
  private static func dividedByAlphaPlusOne(_ value: UInt8) -> UInt8 {
    var power = value
    var result: UInt8 = 0
    for i in 0..<8 {
      if (0xF4 as UInt8) >> UInt8(i) & 1 != 0 { result ^= power }
      power = timesAlpha(power)
    }
    return result
  }
}
