import ApusBase
import ApusDevices
import Testing

@Suite struct VGATimingTests {
  /// Times of rising edges of `bit` of input status 1 in a tenth of a second, polled every `step` ns, and how
  /// long it was on at all.
  private func edges(_ bench: VGABench, bit: Int, step: UInt64) -> (rises: [VirtualTime], on: Double) {
    var rises: [VirtualTime] = []
    var before = true
    var on = 0
    let polls = 100_000_000 / step
    for i in 0..<polls {
      bench.now = i * step
      let level = bench.read(0x3DA).bit(bit)
      if level && !before { rises.append(bench.now) }
      if level { on += 1 }
      before = level
    }
    return (rises, Double(on) / Double(polls))
  }

  struct Rates {
    let mode: VGAMode
    let hertz: Double
    let kilohertz: Double
    /// Displayed of all scan lines, and of all dots of one.
    let lines: Double
    let dots: Double
  }
  static let IBM = [
    Rates(mode: .mode3, hertz: 70.087, kilohertz: 31.469, lines: 400.0 / 449, dots: 0.8),
    Rates(mode: .mode12, hertz: 59.940, kilohertz: 31.469, lines: 480.0 / 525, dots: 0.8),
    Rates(mode: .mode13, hertz: 70.087, kilohertz: 31.469, lines: 400.0 / 449, dots: 0.8),
    Rates(mode: .mode4, hertz: 70.087, kilohertz: 31.469, lines: 400.0 / 449, dots: 0.8),
  ]

  /// Frame and line rates of IBM's modes.
  @Test(arguments: IBM) func frequencies(_ rates: Rates) {
    let (hertz, kilohertz) = (rates.hertz, rates.kilohertz)
    let bench = VGABench(rates.mode)
    let vertical = edges(bench, bit: 3, step: 2000)
    #expect(abs(Double(vertical.rises.count) - hertz / 10) < 1)
    for (a, b) in zip(vertical.rises, vertical.rises.dropFirst()) {
      #expect(abs(Double(b - a) - 1e9 / hertz) < 3000)
    }
    // Two scan lines of pulse.
    #expect(abs(vertical.on - 2 / kilohertz / 1000 * hertz) < 0.0005)
    let blank = edges(bench, bit: 0, step: 500)
    #expect(abs(blank.on - (1 - rates.lines * rates.dots)) < 0.002)
    let first = blank.rises.dropFirst(2).first ?? 0
    #expect(abs(Double(first) - 3e6 / kilohertz) < 31_000)
    #expect(abs(Double(blank.rises[200] - blank.rises[100]) - 100e6 / kilohertz) < 1000)
  }

  /// Whatever the registers, loops that wait for either state of a bit end within a tenth of a second.
  @Test func everyWaitEnds() {
    var random = SplitMix64(state: 7)
    let bench = VGABench(.mode3)
    for _ in 0..<150 {
      bench.out(0x3C2, UInt8(truncatingIfNeeded: random.next()) | 1)
      bench.sequencer(1, UInt8(truncatingIfNeeded: random.next()))
      for _ in 0..<8 {
        bench.crtc(0x11, 0)
        bench.crtc(UInt8(random.next() % 0x19), UInt8(truncatingIfNeeded: random.next()))
      }
      for bit in [0, 3] {
        for level in [true, false] {
          let start = bench.now
          while bench.read(0x3DA).bit(bit) != level && bench.now - start < 100_000_000 { bench.now += 700 }
          #expect(bench.now - start < 100_000_000)
        }
      }
    }
  }

  @Test func beforeAnyModeTheRetraceGoesOn() {
    let bench = VGABench()
    bench.out(0x3C2, 1)
    #expect(edges(bench, bit: 3, step: 5000).rises.count == 7)
  }

  @Test func verticalInterruptStatus() {
    let bench = VGABench(.mode3)
    #expect(bench.read(0x3C2) == 0x10)
    bench.now = 1_000_000
    bench.crtc(0x11, 0x1E)
    #expect(bench.read(0x3C2) == 0x10)
    // 400 of 449 lines of 31.778 µs.
    bench.now = 12_700_000
    #expect(bench.read(0x3C2) == 0x10)
    bench.now = 12_720_000
    #expect(bench.read(0x3C2) == 0x90)
    bench.crtc(0x11, 0x0E)
    #expect(bench.read(0x3C2) == 0x10)
    bench.crtc(0x11, 0x1E)
    #expect(bench.read(0x3C2) == 0x10)
    bench.now += 15_000_000
    #expect(bench.read(0x3C2) == 0x90)
  }

  @Test func diagnosticBitsShowTheOverscanColor() {
    let bench = VGABench(.mode3)
    bench.attribute(0x11, 0x04)
    bench.now = 13_000_000
    #expect(bench.read(0x3DA) & 0x31 == 0x21)
    bench.attribute(0x12, 0x1F)
    #expect(bench.read(0x3DA) & 0x31 == 0x01)
    bench.attribute(0x11, 0x10)
    #expect(bench.read(0x3DA) & 0x31 == 0x11)
  }
}
