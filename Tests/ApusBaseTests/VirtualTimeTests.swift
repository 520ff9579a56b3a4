import ApusBase
import Testing

/// Conversions between nanoseconds and periods of a clock: exact, monotonic and saturating.
@Suite struct VirtualTimeTests {
  /// The clocks of the board, and the extremes.
  private static let frequencies: [UInt64] = [
    1, 3, 32_768, 1_193_182, 3_579_545, 100_000_000, 999_999_999, 1_000_000_000, 1_000_000_001, .max,
  ]

  @Test(
    arguments: [
      (0, 1_193_182, 0), (999_999_999, 1, 0), (1_000_000_000, 1, 1), (1_000_000_000, 1_193_182, 1_193_182),
      // 838.095 ns a period.
      (838, 1_193_182, 0), (839, 1_193_182, 1), (30_517, 32_768, 0), (30_518, 32_768, 1),
      // A day, beyond 64 bits of product.
      (86_400_000_000_000, 3_579_545, 309_272_688_000), (.max, 1_000_000_000, .max),
      (.max, 1_000_000_001, .max), (.max, .max, .max),
    ] as [(UInt64, UInt64, UInt64)])
  func cycles(_ time: UInt64, _ frequency: UInt64, _ expected: UInt64) {
    #expect(time.cycles(at: frequency) == expected)
  }

  /// `time(ofCycle:)` is the smallest time at which that many periods are over.
  @Test(arguments: frequencies)
  func inverse(_ frequency: UInt64) {
    for count in [0, 1, 2, 3, 7, 1000, 65_536, 1_193_182, 4_000_000_007] as [UInt64] {
      let time = VirtualTime.time(ofCycle: count, at: frequency)
      guard time != .never else {
        #expect(count / frequency >= UInt64.max / VirtualTime.second)
        continue
      }
      #expect(time.cycles(at: frequency) >= count)
      if time > 0 { #expect((time - 1).cycles(at: frequency) < count) }
    }
  }

  @Test func saturation() {
    #expect(VirtualTime.time(ofCycle: .max, at: 1) == .never)
    #expect(VirtualTime.time(ofCycle: 1 << 40, at: 1) == .never)
    // The largest whole second that fits.
    #expect(VirtualTime.time(ofCycle: 18_446_744_073, at: 1) == 18_446_744_073_000_000_000)
    #expect(VirtualTime.time(ofCycle: 18_446_744_074, at: 1) == .never)
    // Rounding up must not wrap either.
    #expect(VirtualTime.time(ofCycle: .max, at: 1_000_000_000) == .max)
    #expect(VirtualTime.time(ofCycle: .max, at: .max) == 1_000_000_000)
  }

  @Test func later() {
    #expect((5 as VirtualTime).later(by: 7) == 12)
    #expect((5 as VirtualTime).later(by: .max) == .never)
    #expect((VirtualTime.never - 1).later(by: 1) == .never)
    #expect(VirtualTime.never.later(by: 0) == .never)
    #expect((0 as VirtualTime).later(by: 0) == 0)
  }
}
