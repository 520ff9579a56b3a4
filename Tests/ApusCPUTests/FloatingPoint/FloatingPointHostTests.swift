import Testing

import ApusCPU

/// The software paths and the public operations against the host's own arithmetic, which IEEE 754 makes an
/// oracle for rounding to nearest on operands that are no NaNs.
@Suite struct FloatingPointHostTests {
  static let caseCount = 250_000

  /// Nearest, everything masked; `sticky` has PE set, which opens the fast paths.
  static let nearest: UInt32 = 0x1F80
  static let sticky: UInt32 = 0x1FA0

  static func double(_ numbers: inout TestNumbers) -> UInt64 {
    let x = numbers.next()
    let fields: [UInt64] = [
      0, 0, 1, 2, 0x7FE, 0x7FF, 0x3FF, 0x3FE, 0x400, 0x400 + 51, 0x400 + 52, 0x400 + 62, 0x3FF - 511,
      0x3FF + 511, 0x3FF - 149, 0x3FF - 126, 0x3FF + 127, 0x380 + numbers.next() % 128,
      0x380 + numbers.next() % 128, numbers.next() % 0x7FF,
    ]
    let fractions: [UInt64] = [
      0, 1, 0xF_FFFF_FFFF_FFFF, 0x8_0000_0000_0000, 1 << (numbers.next() % 52),
      (1 << (numbers.next() % 52)) &- 1, numbers.next(), numbers.next(), numbers.next(), numbers.next(),
    ]
    let fraction = fractions[numbers.below(fractions.count)] & 0xF_FFFF_FFFF_FFFF
    let bits = (x & (1 << 63)) | (fields[numbers.below(fields.count)] << 52) | fraction
    return Double(bitPattern: bits).isNaN ? bits & ~0xF_FFFF_FFFF_FFFF : bits
  }

  static func single(_ numbers: inout TestNumbers) -> UInt32 {
    let x = numbers.next()
    let fields: [UInt64] = [
      0, 0, 1, 2, 254, 255, 127, 126, 128, 127 + 22, 127 + 23, 127 + 62, 127 - 63, 127 + 63,
      96 + numbers.next() % 64, 96 + numbers.next() % 64, numbers.next() % 255,
    ]
    let fractions: [UInt64] = [
      0, 1, 0x7F_FFFF, 0x40_0000, 1 << (numbers.next() % 23), (1 << (numbers.next() % 23)) &- 1,
      numbers.next(), numbers.next(), numbers.next(), numbers.next(),
    ]
    let fraction = fractions[numbers.below(fractions.count)] & 0x7F_FFFF
    let bits = ((x >> 32) & (1 << 31)) | (fields[numbers.below(fields.count)] << 23) | fraction
    let value = UInt32(truncatingIfNeeded: bits)
    return Float(bitPattern: value).isNaN ? value & ~0x7F_FFFF : value
  }

  /// The host's result with any NaN replaced by the floating-point indefinite, which is what an invalid
  /// operation gives on x86 whatever the host prefers.
  static func expected<Format: HostFormat>(_ format: Format.Type, _ bits: Format.Bits) -> Format.Bits {
    Format.isNaN(bits) ? Format.indefinite : bits
  }

  private func arithmetic<Format: HostFormat>(
    _ format: Format.Type, seed: UInt64, _ operand: (inout TestNumbers) -> Format.Bits,
    squareRoot: (Format.Bits) -> Format.Bits
  ) {
    var numbers = TestNumbers(seed: seed)
    var mismatches = 0
    for index in 0..<Self.caseCount {
      let a = operand(&numbers)
      var b = operand(&numbers)
      // Near neighbours with opposite signs: cancellation.
      if index & 7 == 0 && !Format.isInfinite(a) { b = (a ^ Format.signMask) ^ (b & 3) }
      if Format.isNaN(b) { b = a }
      var quiet = FloatingPointContext(mxcsr: Self.nearest)
      var fast = FloatingPointContext(mxcsr: Self.sticky)
      let sum = Self.expected(format, Format.hostAdd(a, b))
      let difference = Self.expected(format, Format.hostSubtract(a, b))
      let product = Self.expected(format, Format.hostMultiply(a, b))
      let quotient = Self.expected(format, Format.hostDivide(a, b))
      let root = Self.expected(format, squareRoot(a))
      let agrees =
        Format.softwareAdd(a, b, subtracting: false, &quiet) == sum
        && Format.softwareAdd(a, b, subtracting: true, &quiet) == difference
        && Format.softwareMultiply(a, b, &quiet) == product
        && Format.softwareDivide(a, b, &quiet) == quotient
        && Format.squareRoot(a, &quiet) == root
        && Format.add(a, b, &fast) == sum && Format.subtract(a, b, &fast) == difference
        && Format.multiply(a, b, &fast) == product && Format.divide(a, b, &fast) == quotient
        && Format.squareRoot(a, &fast) == root
        && quiet.updatedMXCSR | MXCSR.PE == fast.updatedMXCSR
      if !agrees {
        mismatches += 1
        if mismatches <= 3 { Issue.record("a = \(String(a, radix: 16)), b = \(String(b, radix: 16))") }
      }
    }
    #expect(mismatches == 0)
  }

  @Test func singlePrecisionArithmetic() {
    arithmetic(Binary32.self, seed: 1, Self.single) { Float(bitPattern: $0).squareRoot().bitPattern }
  }
  @Test func doublePrecisionArithmetic() {
    arithmetic(Binary64.self, seed: 2, Self.double) { Double(bitPattern: $0).squareRoot().bitPattern }
  }

  @Test func conversions() {
    var numbers = TestNumbers(seed: 3)
    var mismatches = 0
    for _ in 0..<Self.caseCount {
      let a = Self.double(&numbers)
      let s = Self.single(&numbers)
      let integer = Int64(bitPattern: numbers.next()) >> Int64(numbers.below(64))
      for mxcsr in [Self.nearest, Self.sticky] {
        var context = FloatingPointContext(mxcsr: mxcsr)
        let narrow = Binary32.convert(double: a, &context)
        let wide = Binary64.convert(single: s, &context)
        let truncated = Binary64.convertToInteger(a, as: Int64.self, rounding: .towardZero, &context)
        let rounded = Binary64.convertToInteger(a, as: Int32.self, rounding: .nearestEven, &context)
        let agrees =
          narrow == Float(Double(bitPattern: a)).bitPattern
          && wide == Double(Float(bitPattern: s)).bitPattern
          && truncated == Int64(exactly: Double(bitPattern: a).rounded(.towardZero)) ?? .min
          && rounded == Int32(exactly: Double(bitPattern: a).rounded(.toNearestOrEven)) ?? .min
          && Binary64.softwareConvert(integer, &context) == Double(integer).bitPattern
          && Binary32.softwareConvert(integer, &context) == Float(integer).bitPattern
          && Binary64.convert(integer, &context) == Double(integer).bitPattern
          && Binary32.convert(integer, &context) == Float(integer).bitPattern
        if !agrees { mismatches += 1 }
      }
    }
    #expect(mismatches == 0)
  }

  static let modes: [(RoundingMode, FloatingPointRoundingRule)] = [
    (.nearestEven, .toNearestOrEven), (.down, .down), (.up, .up), (.towardZero, .towardZero),
  ]

  @Test(arguments: [0, 1, 2, 3]) func roundingToIntegralValues(_ index: Int) {
    let (mode, rule) = Self.modes[index]
    var numbers = TestNumbers(seed: 4)
    var mismatches = 0
    for _ in 0..<200_000 {
      let a = Self.double(&numbers)
      let exact = Double(bitPattern: a).rounded(rule)
      var context = FloatingPointContext(mxcsr: Self.nearest)
      let result = Binary64.roundToIntegral(
        a, rounding: mode, suppressingPrecision: false, &context)
      let flags = exact == Double(bitPattern: a) ? 0 : MXCSR.PE
      if result != exact.bitPattern || context.raised != flags { mismatches += 1 }
      context = FloatingPointContext(mxcsr: Self.nearest)
      _ = Binary64.roundToIntegral(a, rounding: mode, suppressingPrecision: true, &context)
      if context.raised != 0 { mismatches += 1 }
    }
    #expect(mismatches == 0)
  }

  /// The product of two singles is exact in double precision, and so tells the result of every rounding
  /// mode and whether it is inexact.
  @Test(arguments: [0, 1, 2, 3]) func singleProductsInEveryMode(_ index: Int) {
    let mode = Self.modes[index].0
    var numbers = TestNumbers(seed: 5)
    var checked = 0
    var mismatches = 0
    for _ in 0..<Self.caseCount {
      let a = Self.single(&numbers)
      let b = Self.single(&numbers)
      let exact = Double(Float(bitPattern: a)) * Double(Float(bitPattern: b))
      let nearest = Float(exact)
      guard nearest.isNormal, nearest.magnitude > 0x1p-125, nearest.magnitude < 0x1p127 else { continue }
      let below = Double(nearest) <= exact ? nearest : nearest.nextDown
      let above = Double(nearest) >= exact ? nearest : nearest.nextUp
      let wanted =
        switch mode {
        case .nearestEven: nearest
        case .down: below
        case .up: above
        case .towardZero: exact < 0 ? above : below
        }
      var context = FloatingPointContext(mxcsr: Self.nearest | UInt32(mode.rawValue) << 13)
      let result = Binary32.multiply(a, b, &context)
      let inexact = Double(nearest) != exact
      checked += 1
      if result != wanted.bitPattern || (context.raised & MXCSR.PE != 0) != inexact { mismatches += 1 }
    }
    #expect(checked > Self.caseCount / 10)
    #expect(mismatches == 0)
  }

  @Test func fusedMultiplyAdd() {
    var numbers = TestNumbers(seed: 6)
    var mismatches = 0
    for index in 0..<300_000 {
      let a = Double(bitPattern: Self.double(&numbers))
      let b = Double(bitPattern: Self.double(&numbers))
      let c = index & 1 == 0 ? Double(bitPattern: Self.double(&numbers)) : 0 - a * b
      if c.isNaN { continue }
      let wanted = c.addingProduct(a, b)
      var context = FloatingPointContext(mxcsr: Self.nearest)
      let result = Binary64.softwareMultiplyAdd(
        a.bitPattern, b.bitPattern, c.bitPattern, negatingProduct: false, negatingAddend: false, &context)
      if result != Self.expected(Binary64.self, wanted.bitPattern) { mismatches += 1 }
      var (slow, fast) = (FloatingPointContext(mxcsr: Self.sticky), FloatingPointContext(mxcsr: Self.sticky))
      let negated = Binary64.softwareMultiplyAdd(
        a.bitPattern, b.bitPattern, c.bitPattern, negatingProduct: true, negatingAddend: index & 2 == 0, &slow
      )
      let public64 = Binary64.multiplyAdd(
        a.bitPattern, b.bitPattern, c.bitPattern, negatingProduct: true, negatingAddend: index & 2 == 0, &fast
      )
      // Inexact results raise nothing new: PE is set.
      if negated != public64 || (slow.raised ^ fast.raised) & ~MXCSR.PE != 0 { mismatches += 1 }
    }
    #expect(mismatches == 0)
  }
}
