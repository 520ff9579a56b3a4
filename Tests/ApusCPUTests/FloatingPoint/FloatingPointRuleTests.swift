import Testing

import ApusCPU

/// Rules of SDM Vol. 1 worked by hand: NaN operands, denormals, and what an exception leaves behind.
@Suite struct FloatingPointRuleTests {
  static let QNaN: UInt32 = 0x7FC0_1234
  static let otherQNaN: UInt32 = 0xFFC0_5678
  static let SNaN: UInt32 = 0x7F80_1234
  static let otherSNaN: UInt32 = 0xFF80_5678
  static let one: UInt32 = 0x3F80_0000
  static let infinity: UInt32 = 0x7F80_0000
  static let denormal: UInt32 = 1
  static let smallestNormal: UInt32 = 0x0080_0000
  static let largest: UInt32 = 0x7F7F_FFFF
  static let indefinite: UInt32 = 0xFFC0_0000
  static let negative: UInt32 = 0x8000_0000

  typealias Operation = (UInt32, UInt32, inout FloatingPointContext) -> UInt32

  private func check(
    _ operation: Operation, _ a: UInt32, _ b: UInt32, mxcsr: UInt32 = 0x1F80, gives result: UInt32,
    raising flags: UInt32, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var context = FloatingPointContext(mxcsr: mxcsr)
    #expect(operation(a, b, &context) == result, sourceLocation: sourceLocation)
    #expect(context.raised == flags, sourceLocation: sourceLocation)
  }

  /// SDM Vol. 1, "Operating on SNaNs and QNaNs": the first operand's NaN, made quiet, wins.
  @Test func NaNOperands() {
    let operations: [Operation] = [Binary32.add, Binary32.subtract, Binary32.multiply, Binary32.divide]
    for operation in operations {
      check(operation, Self.QNaN, Self.otherQNaN, gives: Self.QNaN, raising: 0)
      check(operation, Self.QNaN, Self.SNaN, gives: Self.QNaN, raising: MXCSR.IE)
      check(operation, Self.SNaN, Self.QNaN, gives: 0x7FC0_1234, raising: MXCSR.IE)
      check(operation, Self.SNaN, Self.otherSNaN, gives: 0x7FC0_1234, raising: MXCSR.IE)
      check(operation, Self.otherSNaN, Self.one, gives: 0xFFC0_5678, raising: MXCSR.IE)
      check(operation, Self.one, Self.otherQNaN, gives: Self.otherQNaN, raising: 0)
      // A NaN comes before the denormal operand and before division by zero.
      check(operation, Self.denormal, Self.QNaN, gives: Self.QNaN, raising: 0)
      check(operation, Self.QNaN, 0, gives: Self.QNaN, raising: 0)
    }
  }

  @Test func invalidOperations() {
    let minusInfinity = Self.infinity | Self.negative
    check(Binary32.add, Self.infinity, minusInfinity, gives: Self.indefinite, raising: MXCSR.IE)
    check(Binary32.subtract, Self.infinity, Self.infinity, gives: Self.indefinite, raising: MXCSR.IE)
    check(Binary32.multiply, 0, minusInfinity, gives: Self.indefinite, raising: MXCSR.IE)
    check(Binary32.divide, 0, Self.negative, gives: Self.indefinite, raising: MXCSR.IE)
    check(Binary32.divide, Self.infinity, minusInfinity, gives: Self.indefinite, raising: MXCSR.IE)
    check(Binary32.divide, Self.one, Self.negative, gives: minusInfinity, raising: MXCSR.ZE)
    check(Binary32.divide, Self.denormal, 0, gives: Self.infinity, raising: MXCSR.ZE)
    var context = FloatingPointContext(mxcsr: 0x1F80)
    #expect(Binary32.squareRoot(Self.one | Self.negative, &context) == Self.indefinite)
    #expect(context.raised == MXCSR.IE)
    context = FloatingPointContext(mxcsr: 0x1F80)
    #expect(Binary32.squareRoot(Self.negative, &context) == Self.negative)
    #expect(context.raised == 0)
  }

  /// SDM Vol. 2, `MINSS`: the second operand for NaNs, unchanged, and for two zeros.
  @Test func minimumAndMaximum() {
    for operation in [Binary32.minimum, Binary32.maximum] as [Operation] {
      check(operation, 0, Self.negative, gives: Self.negative, raising: 0)
      check(operation, Self.negative, 0, gives: 0, raising: 0)
      check(operation, Self.QNaN, Self.one, gives: Self.one, raising: MXCSR.IE)
      check(operation, Self.one, Self.SNaN, gives: Self.SNaN, raising: MXCSR.IE)
      check(operation, Self.QNaN, Self.SNaN, gives: Self.SNaN, raising: MXCSR.IE)
    }
    check(Binary32.minimum, Self.denormal, Self.one, gives: Self.denormal, raising: MXCSR.DE)
    check(Binary32.maximum, Self.denormal, Self.negative, mxcsr: 0x1FC0, gives: Self.negative, raising: 0)
    check(Binary32.maximum, Self.negative, Self.denormal, mxcsr: 0x1FC0, gives: 0, raising: 0)
  }

  /// SDM Vol. 1, "Masked Responses to Numeric Overflow", for RC = nearest, down, up, toward zero.
  @Test func maskedOverflow() {
    let flags = MXCSR.OE | MXCSR.PE
    let positive = [Self.infinity, Self.largest, Self.infinity, Self.largest]
    let negative = [Self.infinity, Self.infinity, Self.largest, Self.largest]
    for mode in 0..<4 {
      let mxcsr = 0x1F80 | UInt32(mode) << 13
      check(
        Binary32.add, Self.largest, Self.largest, mxcsr: mxcsr, gives: positive[mode], raising: flags)
      check(
        Binary32.multiply, Self.largest | Self.negative, Self.largest, mxcsr: mxcsr,
        gives: negative[mode] | Self.negative, raising: flags)
    }
  }

  /// SDM Vol. 1, "Numeric Underflow Exception" and "Flush-To-Zero".
  @Test func underflow() {
    let half: UInt32 = 0x3F00_0000
    let tinyFlags = MXCSR.UE | MXCSR.PE
    // An exact denormal: masked no flag, unmasked UE alone, flushed UE and PE.
    check(Binary32.multiply, Self.smallestNormal, half, gives: 0x0040_0000, raising: 0)
    check(
      Binary32.multiply, Self.smallestNormal, half, mxcsr: 0x1780, gives: 0x0040_0000,
      raising: MXCSR.UE)
    check(Binary32.multiply, Self.smallestNormal, half, mxcsr: 0x9F80, gives: 0, raising: tinyFlags)
    check(
      Binary32.multiply, Self.smallestNormal, half | Self.negative, mxcsr: 0x9F80,
      gives: Self.negative, raising: tinyFlags)
    // FTZ does not count while underflow is unmasked.
    check(
      Binary32.multiply, Self.smallestNormal, half, mxcsr: 0x9780, gives: 0x0040_0000,
      raising: MXCSR.UE)
    // 1.5 × 2^-149 in the four modes.
    let results: [UInt32] = [2, 1, 2, 1]
    for mode in 0..<4 {
      check(
        Binary32.multiply, 0x0080_0000, 0x3440_0000, mxcsr: 0x1F80 | UInt32(mode) << 13,
        gives: results[mode], raising: tinyFlags)
    }
    // (1 − 2^-24) × 2^-126 rounds up to 24 bits exactly at the smallest normal as a denormal, but is
    // representable with an unbounded exponent, hence tiny: 0x3F7FFFFF is 1 − 2^-24.
    check(
      Binary32.multiply, Self.smallestNormal, 0x3F7F_FFFF, gives: Self.smallestNormal,
      raising: tinyFlags)
    // (1 + 2^-23)(1 − 2^-23) × 2^-126 = (1 − 2^-46) × 2^-126 rounds to 2^-126 with 24 bits too: not tiny.
    check(
      Binary32.multiply, Self.smallestNormal + 1, 0x3F7F_FFFE, gives: Self.smallestNormal,
      raising: MXCSR.PE)
  }

  /// A subtraction that gives zero is −0 only when rounding down.
  @Test func signOfZeroDifference() {
    for mode in 0..<4 as Range<UInt32> {
      check(
        Binary32.subtract, Self.one, Self.one, mxcsr: 0x1F80 | mode << 13,
        gives: mode == 1 ? Self.negative : 0, raising: 0)
      check(
        Binary32.add, 0, Self.negative, mxcsr: 0x1F80 | mode << 13,
        gives: mode == 1 ? Self.negative : 0, raising: 0)
    }
    check(Binary32.add, Self.negative, Self.negative, gives: Self.negative, raising: 0)
  }

  @Test func denormalOperands() {
    check(Binary32.add, Self.denormal, Self.one, gives: Self.one, raising: MXCSR.DE | MXCSR.PE)
    check(Binary32.add, Self.denormal, Self.one, mxcsr: 0x1FC0, gives: Self.one, raising: 0)
    check(
      Binary32.divide, Self.one, Self.denormal, mxcsr: 0x1FC0, gives: Self.infinity, raising: MXCSR.ZE)
    check(
      Binary32.multiply, Self.denormal, Self.infinity, mxcsr: 0x1FC0, gives: Self.indefinite,
      raising: MXCSR.IE)
    check(Binary32.multiply, Self.denormal, Self.infinity, gives: Self.infinity, raising: MXCSR.DE)
    // Conversions to integers report no denormal operand.
    var context = FloatingPointContext(mxcsr: 0x1F80)
    #expect(Binary32.convertToInteger(Self.denormal, as: Int32.self, rounding: .up, &context) == 1)
    #expect(context.raised == MXCSR.PE)
  }

  /// An unmasked pre-computation exception in one lane hides the post-computation flags of the others.
  @Test func unmaskedExceptionOfAnotherLane() {
    var context = FloatingPointContext(mxcsr: 0x1F80 & ~(MXCSR.ZE << MXCSR.maskShift))
    _ = Binary32.divide(Self.one, 0x4040_0000, &context)
    #expect(!context.isFaulting)
    #expect(context.updatedMXCSR == context.mxcsr | MXCSR.PE)
    _ = Binary32.divide(Self.one, 0, &context)
    #expect(context.isFaulting)
    #expect(context.updatedMXCSR == context.mxcsr | MXCSR.ZE)
    // A post-computation exception hides nothing.
    context = FloatingPointContext(mxcsr: 0x1F80 & ~MXCSR.PM)
    _ = Binary32.divide(Self.one, 0, &context)
    _ = Binary32.divide(Self.one, 0x4040_0000, &context)
    #expect(context.isFaulting)
    #expect(context.updatedMXCSR == context.mxcsr | MXCSR.ZE | MXCSR.PE)
  }

  @Test func integerIndefinite() {
    let cases: [(UInt64, Int32, UInt32)] = [
      (0x41DF_FFFF_FFC0_0000, 0x7FFF_FFFF, 0),
      (0x41DF_FFFF_FFE0_0000, .min, MXCSR.IE),
      (0x41E0_0000_0000_0000, .min, MXCSR.IE),
      (0xC1E0_0000_0000_0000, .min, 0),
      (0xC1E0_0000_0010_0000, .min, MXCSR.PE),
      (0xC1E0_0000_0020_0000, .min, MXCSR.IE),
      (0x7FF0_0000_0000_0000, .min, MXCSR.IE),
      (0x7FF8_0000_0000_0000, .min, MXCSR.IE),
    ]
    for (bits, integer, flags) in cases {
      var context = FloatingPointContext(mxcsr: 0x1F80)
      let result = Binary64.convertToInteger(bits, as: Int32.self, rounding: .nearestEven, &context)
      #expect(result == integer)
      // −2147483648.5 is a tie and rounds to the even −2147483648, the one below it does not.
      #expect(context.raised == flags, "\(String(bits, radix: 16))")
    }
  }
}
