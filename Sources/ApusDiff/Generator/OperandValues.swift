/// Operands biased to where instructions go wrong: the edges of each format.
struct OperandValues {
  /// What a vector register or memory operand is made of.
  enum Kind: UInt8 {
    case integers, singles, doubles, extended
  }

  private static let integerEdges: [UInt64] = [
    0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 0x7E, 0x7F, 0x80, 0x81, 0xFE, 0xFF, 0x100, 0x7FFE,
    0x7FFF, 0x8000, 0x8001, 0xFFFE, 0xFFFF, 0x1_0000, 0x7FFF_FFFE, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001,
    0xFFFF_FFFE, 0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFE, 0x7FFF_FFFF_FFFF_FFFF,
    0x8000_0000_0000_0000, 0x8000_0000_0000_0001, 0xFFFF_FFFF_FFFF_FFFE, 0xFFFF_FFFF_FFFF_FFFF,
    0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_7FFF_FFFF, 0xFFFF_FFFF_FFFF_8000, 0xFFFF_FFFF_FFFF_FF80,
    0x0101_0101_0101_0101, 0x8080_8080_8080_8080, 0x7F7F_7F7F_7F7F_7F7F, 0x5555_5555_5555_5555,
    0xAAAA_AAAA_AAAA_AAAA, 0x0F0F_0F0F_0F0F_0F0F, 0x0000_FFFF_0000_FFFF, 0x9999_9999_9999_9999,
  ]
  /// Zeros, denormals, the ends of the normal range, infinities, quiet and signalling NaNs, values around one and
  /// around the ends of the integer ranges.
  private static let singleEdges: [UInt32] = [
    0, 1, 0x7F_FFFF, 0x40_0000, 0x80_0000, 0x80_0001, 0x7F7F_FFFF, 0x7F80_0000, 0x7F80_0001, 0x7FBF_FFFF,
    0x7FC0_0000, 0x7FFF_FFFF, 0x3F80_0000, 0x3F80_0001, 0x3F7F_FFFF, 0x3F00_0000, 0x3FC0_0000, 0x4000_0000,
    0x4B00_0000, 0x4AFF_FFFF, 0x4EFF_FFFF, 0x4F00_0000, 0x4F80_0000, 0x5EFF_FFFF, 0x5F00_0000, 0x4700_0000,
    0x46FF_FE00, 0x3380_0000, 0x3400_0000, 0x0B80_0000, 0x7E80_0000, 0x3EFF_FFFF, 0x4020_0000, 0x42FE_0000,
  ]
  private static let doubleEdges: [UInt64] = [
    0, 1, 0xF_FFFF_FFFF_FFFF, 0x8_0000_0000_0000, 0x10_0000_0000_0000, 0x10_0000_0000_0001,
    0x7FEF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000, 0x7FF0_0000_0000_0001, 0x7FF7_FFFF_FFFF_FFFF,
    0x7FF8_0000_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x3FF0_0000_0000_0000, 0x3FF0_0000_0000_0001,
    0x3FEF_FFFF_FFFF_FFFF, 0x3FE0_0000_0000_0000, 0x3FF8_0000_0000_0000, 0x4000_0000_0000_0000,
    0x41DF_FFFF_FFC0_0000, 0x41E0_0000_0000_0000, 0x41EF_FFFF_FFE0_0000, 0x43DF_FFFF_FFFF_FFFF,
    0x43E0_0000_0000_0000, 0x4330_0000_0000_0000, 0x432F_FFFF_FFFF_FFFF, 0x47EF_FFFF_E000_0000,
    0x47EF_FFFF_F000_0000, 0x3810_0000_0000_0000, 0x380F_FFFF_C000_0000, 0x36A0_0000_0000_0000,
    0x3690_0000_0000_0000, 0x3FDF_FFFF_FFFF_FFFF, 0x4004_0000_0000_0000,
  ]

  /// 64 bits: an edge, an edge plus or minus a little, sparse bits, or anything.
  @inline(__always)
  static func integer(_ random: inout RandomSource) -> UInt64 {
    let choice = random.next()
    switch choice & 7 {
    case 0, 1, 2: return integerEdges[Int(truncatingIfNeeded: choice >> 8) % integerEdges.count]
    case 3: return (choice >> 8) & 0xFF
    case 4: return random.next() & random.next()
    case 5: return random.next() >> (choice >> 58)
    default: return random.next()
    }
  }

  @inline(__always)
  static func single(_ random: inout RandomSource) -> UInt32 {
    let choice = random.next()
    let sign = UInt32(truncatingIfNeeded: choice >> 63) << 31
    let low = UInt32(truncatingIfNeeded: choice >> 8)
    switch choice & 7 {
    case 0, 1, 2:
      return sign | singleEdges[Int(truncatingIfNeeded: choice >> 32 & 0xFFFF) % singleEdges.count]
    // Of the size of one, with few or many bits.
    case 3, 4: return sign | (0x3F80_0000 &+ ((low & 7) << 23) &- (3 << 23)) | low >> 9
    case 5: return sign | (0x3F80_0000 &+ ((low & 31) << 23)) | (low >> 9 & 0x70_0000)
    default: return low
    }
  }

  @inline(__always)
  static func double(_ random: inout RandomSource) -> UInt64 {
    let choice = random.next()
    let sign = choice & 1 << 63
    switch choice & 7 {
    case 0, 1, 2:
      return sign | doubleEdges[Int(truncatingIfNeeded: choice >> 32 & 0xFFFF) % doubleEdges.count]
    case 3, 4: return sign | 0x3FE0_0000_0000_0000 &+ ((choice >> 8 & 3) << 52) | random.next() >> 12
    case 5: return sign | 0x3FF0_0000_0000_0000 &+ ((choice >> 8 & 63) << 52) | (choice & 0xF << 48)
    default: return random.next()
    }
  }

  /// An 80-bit number as its significand and its sign and exponent: all classes, pseudo-denormals and unnormals
  /// among them.
  static func extended(_ random: inout RandomSource) -> (UInt64, UInt16) {
    let choice = random.next()
    let sign = UInt16(truncatingIfNeeded: choice >> 48) & 0x8000
    let integerBit: UInt64 = 1 << 63
    switch choice & 15 {
    case 0: return (0, sign)
    case 1: return (integerBit, sign | 0x3FFF)
    case 2: return (integerBit, sign | 0x7FFF)
    case 3: return (random.next() | integerBit | 1 << 62, sign | 0x7FFF)
    case 4: return (random.next() & ~(1 << 62) | integerBit | 1, sign | 0x7FFF)
    case 5: return (random.next() >> (choice >> 58), sign)
    case 6: return (random.next(), sign | UInt16(truncatingIfNeeded: random.next()) & 0x7FFF)
    case 7: return (random.next() | integerBit, sign)
    case 8: return (~0, sign | 0x7FFE)
    // Integers of up to 64 bits and halves between them.
    case 9, 10:
      return (random.next() & (~0 << (choice >> 58)) | integerBit, sign | 0x3FFE + UInt16(choice >> 8 & 66))
    case 11, 12: return (random.next() | integerBit, sign | 0x3FF8 + UInt16(choice >> 8 & 15))
    default: return (random.next() | integerBit, sign | UInt16(truncatingIfNeeded: choice >> 16) & 0x7FFF)
    }
  }

  /// Fills `count` bytes, a multiple of 16, with elements of a kind.
  static func fill(
    _ target: UnsafeMutableRawPointer, _ count: Int, _ kind: Kind, _ random: inout RandomSource
  ) {
    var at = 0
    while at < count {
      switch kind {
      case .integers: target.put(at, integer(&random))
      case .singles:
        target.put(at, UInt64(single(&random)) | UInt64(single(&random)) << 32)
      case .doubles: target.put(at, double(&random))
      case .extended:
        let (significand, exponent) = extended(&random)
        target.put(at, significand)
        target.put(at + 8, UInt64(exponent))
        at += 8
      }
      at += 8
    }
  }
}
