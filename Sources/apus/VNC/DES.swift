/// The Data Encryption Standard, which RFB's password check is made of: encryption of single blocks.
/// Source: FIPS PUB 46-3, "Data Encryption Standard"; the tables have its names. Bits count from 1 at the
/// left.
package struct DES {
  private static let initialPermutation: [UInt8] = [
    58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48,
    40,
    32, 24, 16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5,
    63,
    55, 47, 39, 31, 23, 15, 7,
  ]
  private static let finalPermutation: [UInt8] = [
    40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31, 38, 6, 46, 14, 54, 22, 62, 30, 37, 5, 45,
    13, 53,
    21, 61, 29, 36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27, 34, 2, 42, 10, 50, 18, 58, 26,
    33, 1,
    41, 9, 49, 17, 57, 25,
  ]
  private static let E: [UInt8] = [
    32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17, 16, 17, 18, 19, 20, 21,
    20,
    21, 22, 23, 24, 25, 24, 25, 26, 27, 28, 29, 28, 29, 30, 31, 32, 1,
  ]
  private static let P: [UInt8] = [
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6,
    22, 11,
    4, 25,
  ]
  private static let permutedChoice1: [UInt8] = [
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44,
    36, 63,
    55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
  ]
  private static let permutedChoice2: [UInt8] = [
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37,
    47, 55,
    30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
  ]
  private static let shifts = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1]
  /// S1 to S8, row after row, as hexadecimal digits.
  private static let S: [[UInt8]] = [
    "e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d",
    "f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9",
    "a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c",
    "7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e",
    "2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453",
    "c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d",
    "4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c",
    "d2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b",
  ].map { $0.compactMap { $0.hexDigitValue.map { UInt8($0) } } }

  private let keys: [UInt64]

  /// A key of 64 bits, of which the eighth of every eight has no effect.
  package init(key: UInt64) {
    let chosen = Self.permute(key, 64, Self.permutedChoice1)
    var (c, d) = (chosen >> 28, chosen & 0xFFF_FFFF)
    keys = Self.shifts.map { shift in
      c = (c << UInt64(shift) | c >> UInt64(28 - shift)) & 0xFFF_FFFF
      d = (d << UInt64(shift) | d >> UInt64(28 - shift)) & 0xFFF_FFFF
      return Self.permute(c << 28 | d, 56, Self.permutedChoice2)
    }
  }

  /// The cipher of a block.
  package func encrypt(_ block: UInt64) -> UInt64 {
    let start = Self.permute(block, 64, Self.initialPermutation)
    var (left, right) = (start >> 32, start & 0xFFFF_FFFF)
    for key in keys {
      let mixed = Self.permute(right, 32, Self.E) ^ key
      var chosen: UInt64 = 0
      for box in 0..<8 {
        let six = Int(mixed >> UInt64(42 - 6 * box) & 0x3F)
        // The outer bits are the row, the inner ones the column.
        let row = six >> 4 & 2 | six & 1
        chosen = chosen << 4 | UInt64(Self.S[box][row * 16 + (six >> 1 & 15)])
      }
      (left, right) = (right, left ^ Self.permute(chosen, 32, Self.P))
    }
    return Self.permute(right << 32 | left, 64, Self.finalPermutation)
  }

  private static func permute(_ value: UInt64, _ width: Int, _ table: [UInt8]) -> UInt64 {
    table.reduce(0) { $0 << 1 | value >> UInt64(width - Int($1)) & 1 }
  }

  /// The answer to a challenge of 16 bytes: RFC 6143, "VNC Authentication". The password is cut or padded
  /// with zeros to eight bytes, and each byte's bits are taken in the opposite order, as all clients do.
  package static func answer(to challenge: [UInt8], password: [UInt8]) -> [UInt8] {
    var key: UInt64 = 0
    for place in 0..<8 {
      var byte = place < password.count ? password[place] : 0
      for _ in 0..<8 {
        key = key << 1 | UInt64(byte & 1)
        byte >>= 1
      }
    }
    let cipher = DES(key: key)
    return stride(from: 0, to: challenge.count - 7, by: 8).flatMap { start -> [UInt8] in
      let block = challenge[start..<(start + 8)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      let result = cipher.encrypt(block)
      return (0..<8).map { UInt8(truncatingIfNeeded: result >> UInt64(56 - 8 * $0)) }
    }
  }
}
