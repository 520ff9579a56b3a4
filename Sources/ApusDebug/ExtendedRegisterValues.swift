import ApusCPU

// How the registers of the x87 FPU, MMX, SSE and AVX are read, for all that show them.

/// A number of 80 bits, as a register of the x87 FPU holds it.
package struct ExtendedNumber: Equatable {
  package let significand: UInt64
  /// The sign is in bit 15.
  package let exponent: UInt16

  package init(_ significand: UInt64, _ exponent: UInt16) {
    self.significand = significand
    self.exponent = exponent
  }

  /// The number that ten bytes in memory are, the lowest first; nil for any other count.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == 10 else { return nil }
    self.init(UInt64(littleEndian: bytes[..<8]), UInt16(littleEndian: bytes[8...]))
  }

  /// The encoding, its lowest byte first.
  var bytes: [UInt8] { significand.littleEndianBytes() + exponent.littleEndianBytes() }

  private var isNegative: Bool { exponent >> 15 != 0 }
  private var power: Int { Int(exponent & 0x7FFF) }

  /// The number as a double at most.
  var decimal: String {
    if power == 0x7FFF {
      if significand << 1 != 0 { return "NaN" }
      return isNegative ? "-infinity" : "infinity"
    }
    if significand == 0 { return isNegative ? "-0.0" : "0.0" }
    let scale = min(max(power - 16383 - 63, -1200), 1200)
    return
      "\(Double(sign: isNegative ? .minus : .plus, exponent: scale, significand: Double(significand)))"
  }

  /// Binary places beyond which a number has too many decimal ones to be read.
  private static let mostPlaces = 10

  /// What the number is exactly, if that takes few digits; nil for others, and for encodings that are no number
  /// (SDM Vol. 1, "Unsupported Double Extended-Precision Floating-Point Encodings and Pseudo-Denormals").
  package var exactDecimal: String? {
    let sign = isNegative ? "-" : ""
    if significand == 0 { return power == 0 ? sign + "0" : nil }
    guard significand >> 63 != 0 else { return nil }
    if power == 0x7FFF {
      if significand << 1 == 0 { return sign + "infinity" }
      return significand >> 62 & 1 != 0 ? "QNaN" : "SNaN"
    }
    // It is `odd` × 2^`scale`.
    let zeros = significand.trailingZeroBitCount
    let odd = significand >> UInt64(zeros)
    let scale = power - 16383 - 63 + zeros
    if scale >= 0 { return scale <= odd.leadingZeroBitCount ? sign + String(odd << UInt64(scale)) : nil }
    guard -scale <= Self.mostPlaces else { return nil }
    // Each binary place is five units of a decimal one.
    var fraction = odd & (1 << UInt64(-scale) - 1)
    for _ in scale..<0 { fraction *= 5 }
    let digits = String(fraction)
    let zerosBefore = String(repeating: "0", count: -scale - digits.utf8.count)
    return sign + String(odd >> UInt64(-scale)) + "." + zerosBefore + digits
  }
}

extension ExtendedRegisters {
  /// The physical register that is ST(0).
  var top: Int { Int(status >> 11) & 7 }

  /// ST(`index`).
  func st(_ index: Int) -> ExtendedNumber { ExtendedNumber(significands[index & 7], exponents[index & 7]) }

  /// A physical register, R0 to R7; its significand is the MMX register of that number.
  func physical(_ register: Int) -> ExtendedNumber { st(register - top) }

  /// Whether something is in a physical register.
  func isValid(_ register: Int) -> Bool { tag >> UInt8(register & 7) & 1 != 0 }

  /// Bytes of a YMM register, the first 16 of which are the XMM register's, the lowest first.
  func vector(_ index: Int, _ bytes: Range<Int>) -> [UInt8] { bytes.map { vectors[index & 15][$0] } }
}
