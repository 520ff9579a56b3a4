/// The functions behind the x87 transcendental instructions (SDM Vol. 1, "Trigonometric Instructions",
/// "Logarithmic, Exponential, and Scale"; Vol. 2, the instructions' pages), for finite operands other than
/// zero. Zeros, infinities, NaNs, angles of 2^63 or more, flags and the rounding are the caller's.
///
/// Each reduces its operand until a Taylor series of at most 15 terms is enough and sums that in fractions of
/// 128 bits. Results that are not exact have a relative error of at most 2^-110 (2^-119.5 in 400 000
/// comparisons), so that rounding them to 64 bits is correct but for one operand in 2^45 or fewer, in every
/// rounding mode. The SDM asks for an error below one unit in the last place ("Transcendental Instruction
/// Accuracy").
///
/// Processors differ in the last place. They also reduce angles with a π of 66 bits ("Approximation of Pi"),
/// so that their sines near multiples of π keep few correct bits, or none. Here π is exact: an error below
/// one unit in the last place over the whole range leaves no other choice.
package enum Transcendental {
  /// u × (c[first] ∓ u × (c[first + step] ∓ ... c[last])) for u below one, by Horner's rule; the signs
  /// alternate if `alternating`. The truncation of each product leaves an error of at most a few 2^-128.
  @inline(__always)
  static func series(
    _ coefficients: [Bits128], from first: Int, through last: Int, by step: Int, alternating: Bool,
    _ u: Bits128
  ) -> Bits128 {
    var sum = coefficients[last]
    var index = last &- step
    while index >= first {
      let product = sum.timesFraction(u)
      sum = alternating ? coefficients[index] &- product : coefficients[index] &+ product
      index &-= step
    }
    return sum.timesFraction(u)
  }
}
