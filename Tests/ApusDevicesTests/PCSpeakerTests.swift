import ApusBase
import ApusDevices
import Testing

private final class Recorder: AudioSink {
  var segments: [SpeakerSegment] = []
  var end: UInt64 = 0
  var calls = 0
  func take(_ segments: [SpeakerSegment], until end: UInt64) {
    #expect(end >= self.end)
    self.segments += segments
    self.end = end
    calls += 1
  }

  func samples(rate: Int = 44_100) -> [Int16] {
    var sampler = SpeakerSampler(rate: rate)
    var all: [Int16] = []
    sampler.append(segments, until: end) { all += $0 }
    return all
  }
}

private struct Bench {
  let recorder = Recorder()
  let pit: PIT8254
  init() {
    pit = PIT8254(IRQ0: Line(nil, 0), speaker: PCSpeaker(sink: recorder))
    pit.reset(at: 0)
  }
  func out(_ port: UInt16, _ value: UInt8, _ now: VirtualTime) { pit.writeByte(port, value, at: now) }

  /// Counter 2 in mode 3, as everything that beeps programs it.
  func tone(_ count: UInt16, at now: VirtualTime) {
    out(0x43, 0xB6, now)
    out(0x42, UInt8(count & 0xFF), now)
    out(0x42, UInt8(count >> 8), now)
    out(0x61, 3, now)
  }
}

/// Upward crossings of zero.
private func cycles(_ samples: ArraySlice<Int16>) -> Int {
  zip(samples, samples.dropFirst()).reduce(0) { $0 + ($1.0 < 0 && $1.1 >= 0 ? 1 : 0) }
}

private let second: UInt64 = 1_000_000_000

@Suite struct PCSpeakerTests {
  @Test(arguments: [1193, 1356, 2712, 11932, 300] as [UInt16]) func frequency(count: UInt16) {
    let bench = Bench()
    bench.tone(count, at: second / 10)
    bench.out(0x61, 0, second + second / 10)
    bench.pit.drainSpeaker(at: 2 * second)
    let samples = bench.recorder.samples()
    #expect(samples.count == 2 * 44_100)
    #expect(samples.prefix(4409).allSatisfy { $0 == 0 })
    // A second's cycles after the first fifth; the filter has settled by then.
    let expected = 1_193_182.0 / Double(count) * 0.8
    #expect(abs(Double(cycles(samples[13_230..<48_510])) - expected) <= 1)
    #expect(samples[13_230..<48_510].max() ?? 0 > 7000)
    // Silence fades out.
    #expect(samples[60_000...].allSatisfy { abs(Int($0)) <= 1 })
  }

  @Test func changesOfPitchTakeEffectAtTheHalfCycle() {
    let bench = Bench()
    bench.tone(1000, at: 0)
    // A new count while OUT is high in the first half of a cycle.
    let clock: UInt64 = 1 + 10 * 1000 + 100
    let now = VirtualTime.time(ofCycle: clock, at: PIT8254.frequency)
    bench.out(0x42, 0xD0, now)
    bench.out(0x42, 0x07, now)
    bench.pit.drainSpeaker(at: second)
    let last = bench.recorder.segments.last
    #expect(last == SpeakerSegment(clock: 10_501, level: false, first: 1000, second: 1000, third: 1000))
  }

  @Test func bitsOfPort61AreHeard() {
    let bench = Bench()
    bench.out(0x43, 0xB6, 0)
    for i in 0..<4000 { bench.out(0x61, i % 2 == 0 ? 2 : 0, UInt64(i) * 500_000) }
    #expect(bench.recorder.calls > 0)
    bench.pit.drainSpeaker(at: 2 * second)
    // OUT2 is high without GATE in mode 3: toggling at 2 kHz is a tone of 1 kHz.
    let samples = bench.recorder.samples()
    #expect(abs(cycles(samples[4410..<48_510]) - 1000) <= 1)
    #expect(bench.recorder.segments.count >= 4000)
  }

  @Test func oneShotPulsesHaveTheirWidth() {
    let bench = Bench()
    bench.out(0x61, 3, 0)
    bench.out(0x43, 0x90, 0)
    bench.out(0x42, 60, 0)
    bench.pit.drainSpeaker(at: second)
    // Mode 0: OUT is low from the control word until 60 clocks after the load.
    let last = bench.recorder.segments.last
    #expect(last == SpeakerSegment(clock: 1, level: false, first: 60))
  }

  @Test func samplesAverageTheLevel() {
    // A quarter of the time high, far above the sampling rate, from sample 100 on.
    let recorder = Recorder()
    recorder.take([SpeakerSegment(clock: 2706, level: true, first: 1, second: 3, third: 1)], until: 1_193_182)
    let samples = recorder.samples()
    #expect(samples.count == 44_100)
    #expect((3900...4100).contains(samples[102]))
    // The mean of 4096 has faded; what is left is a clock more or less in each sample, 605.
    #expect(abs(Int(samples[44_000])) <= 610)
  }

  @Test func portionsGiveTheSameSamples() {
    let bench = Bench()
    bench.tone(777, at: 1000)
    bench.tone(3210, at: 70_000_000)
    bench.pit.drainSpeaker(at: 100_000_000)
    let whole = bench.recorder.samples()
    let twin = Bench()
    var sampler = SpeakerSampler()
    var parts: [Int16] = []
    twin.tone(777, at: 1000)
    for i in UInt64(1)...100 {
      if i == 70 { twin.tone(3210, at: 70_000_000) }
      twin.pit.drainSpeaker(at: i * 1_000_000)
      sampler.append(twin.recorder.segments, until: twin.recorder.end) { parts += $0 }
      twin.recorder.segments = []
    }
    #expect(parts == whole)
    // A tenth of a second is not a whole number of clocks, so the last sample is still incomplete.
    #expect(whole.count == 4409)
  }

  @Test func theMachineIsTheSameWithoutASink() {
    let (heard, unheard) = (Bench(), PIT8254(IRQ0: Line(nil, 0)))
    unheard.reset(at: 0)
    var random = SplitMix64(state: 5)
    var now: VirtualTime = 0
    for _ in 0..<20_000 {
      let word = random.next()
      let port: UInt16 = [0x42, 0x43, 0x61][Int(word % 3)]
      let value = port == 0x43 ? UInt8(word >> 8 & 0x3F) | 0x80 : UInt8(word >> 8 & 0xFF)
      heard.out(port, value, now)
      unheard.writeByte(port, value, at: now)
      now += word >> 16 & 0xFFFFF
    }
    heard.pit.drainSpeaker(at: now)
    unheard.run(at: now)
    #expect(savedState(heard.pit) == savedState(unheard))
    let clocks = heard.recorder.segments.map(\.clock)
    #expect(zip(clocks, clocks.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(heard.recorder.samples().count > 0)
  }

  /// Every level that the recording implies is the one that the PIT reports.
  @Test func recordingAgreesWithTheLevel() {
    let bench = Bench()
    var random = SplitMix64(state: 9)
    var (now, levels): (VirtualTime, [(UInt64, Bool)]) = (0, [])
    for _ in 0..<5000 {
      let word = random.next()
      let port: UInt16 = [0x42, 0x43, 0x61, 0x61][Int(word % 4)]
      var value = UInt8(word >> 8 & 0xFF)
      if port == 0x43 { value = [0xB6, 0xB0, 0x90, 0x96, 0x94, 0x98, 0x92][Int((word >> 20) % 7)] }
      if port == 0x61 { value |= 2 }
      bench.out(port, value, now)
      for _ in 0..<3 {
        now += random.next() % 100_000
        levels.append((now.cycles(at: PIT8254.frequency), bench.pit.speakerLevel(at: now)))
      }
      now += 2000
    }
    bench.pit.drainSpeaker(at: now)
    var index = 0
    let segments = bench.recorder.segments
    for (clock, level) in levels {
      while index + 1 < segments.count && segments[index + 1].clock <= clock { index += 1 }
      #expect(self.level(segments[index], at: clock) == level, "clock \(clock)")
    }
  }

  private func level(_ segment: SpeakerSegment, at clock: UInt64) -> Bool {
    var rest = clock - segment.clock
    guard segment.first != 0, rest >= segment.first else { return segment.level }
    rest -= segment.first
    guard segment.second != 0, segment.third != 0 else {
      return segment.second != 0 && rest >= segment.second ? segment.level : !segment.level
    }
    return rest % (segment.second + segment.third) < segment.second ? !segment.level : segment.level
  }
}
