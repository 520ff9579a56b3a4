import ApusBase

/// What the speaker's cone does from one moment on: a level with up to two changes, or with a repeating pair.
public struct SpeakerSegment: Equatable, Sendable {
  /// When it begins, in clocks of the PIT (1,193,182 Hz) since reset.
  public var clock: UInt64
  /// The level at the beginning.
  public var level: Bool
  /// Clocks to the first change, 0 if there is none.
  public var first: UInt64
  /// Clocks from the first change to the second, 0 if there is none.
  public var second: UInt64
  /// Clocks from the second change to the third, after which `second` and `third` alternate; 0 if there is none.
  public var third: UInt64

  /// A segment from its parts.
  public init(clock: UInt64, level: Bool, first: UInt64 = 0, second: UInt64 = 0, third: UInt64 = 0) {
    self.clock = clock
    self.level = level
    self.first = first
    self.second = second
    self.third = third
  }

  /// How long the level is high in the first `time` units, of which a clock has `scale`.
  func highTime(_ time: UInt64, scale: UInt64) -> UInt64 {
    let (first, second, third) = (first &* scale, second &* scale, third &* scale)
    guard first != 0, time > first else { return level ? time : 0 }
    // `inverse` counts the time at the other level.
    let rest = time - first
    var inverse = rest
    if second != 0 {
      if third == 0 {
        inverse = min(rest, second)
      } else {
        let period = second &+ third
        inverse = rest / period &* second &+ min(rest % period, second)
      }
    }
    return level ? time &- inverse : inverse
  }
}

/// Where the speaker's sound goes.
public protocol AudioSink: AnyObject {
  /// Takes what the speaker did since the last call, up to the clock `end` (of the PIT). Each segment lasts until
  /// the next begins, the last one beyond `end`. It must not call back into the machine.
  func take(_ segments: [SpeakerSegment], until end: UInt64)
}

/// The speaker of a PC, driven by counter 2 of the PIT and port 61h: records what its cone does for a sink.
///
/// It is not a device with registers and decides nothing of the machine's future, so no state of it is saved.
package final class PCSpeaker {
  /// The sink gets what was recorded when so many segments wait, or when asked to.
  private static let capacity = 1024

  private let sink: any AudioSink
  private var pending: [SpeakerSegment] = []

  /// A speaker that is heard by `sink`.
  package init(sink: any AudioSink) { self.sink = sink }

  /// Records that from `segment.clock` on, not before earlier segments, the cone does this.
  package func record(_ segment: SpeakerSegment) {
    if let last = pending.last, last.clock >= segment.clock { pending.removeLast() }
    if pending.count >= Self.capacity { drain(until: segment.clock) }
    pending.append(segment)
  }

  /// Gives the sink everything up to `clock`.
  package func drain(until clock: UInt64) {
    sink.take(pending, until: clock)
    pending.removeAll(keepingCapacity: true)
  }
}

/// Makes samples of segments. The level is averaged over each sample, and what is constant fades out, as a
/// loudspeaker has it; arithmetic is in integers, so that the same segments give the same samples everywhere.
public struct SpeakerSampler {
  /// Sample values are at most this far from 0.
  public static let amplitude = 16_384

  private let rate: UInt64
  /// The clock of sample 0.
  private let origin: UInt64
  private var present: SpeakerSegment
  /// Samples given, and the time of the present one, in units of 1/`rate` clock, of which high.
  private var samples: UInt64 = 0
  private var high: UInt64 = 0
  /// The high-pass filter: the last input, and the last output times 256.
  private var input = 0
  private var output = 0

  /// A sampler of `rate` (8000–192000) samples a second whose first one begins at PIT clock `origin`.
  public init(rate: Int = 44_100, origin: UInt64 = 0) {
    self.rate = UInt64(min(max(rate, 8000), 192_000))
    self.origin = origin
    present = SpeakerSegment(clock: origin, level: false)
  }

  /// Takes segments as an `AudioSink` gets them and hands the samples completed by `end` to `body`, at most 4096
  /// at a time. `end` is less than a year after the origin.
  public mutating func append(
    _ segments: [SpeakerSegment], until end: UInt64, _ body: ([Int16]) -> Void
  ) {
    var block: [Int16] = []
    var at = position
    for segment in segments {
      let until = units(segment.clock)
      advance(&at, to: until, &block, body)
      present = segment
    }
    advance(&at, to: units(end), &block, body)
    if !block.isEmpty { body(block) }
    position = at
  }

  /// How far the samples have come, in units of 1/`rate` clock after the origin.
  private var position: UInt64 = 0

  private func units(_ clock: UInt64) -> UInt64 { clock <= origin ? 0 : (clock - origin) &* rate }

  private mutating func advance(
    _ at: inout UInt64, to end: UInt64, _ block: inout [Int16], _ body: ([Int16]) -> Void
  ) {
    // Time within the segment; it may have begun before the origin.
    let start = units(present.clock)
    while at < end {
      let boundary = (samples &+ 1) &* PIT8254.frequency
      let next = min(end, boundary)
      let (from, to) = (at >= start ? at - start : 0, next >= start ? next - start : 0)
      high &+= present.highTime(to, scale: rate) &- present.highTime(from, scale: rate)
      at = next
      guard at == boundary else { break }
      block.append(filter(Int(truncatingIfNeeded: high &* UInt64(Self.amplitude) / PIT8254.frequency)))
      high = 0
      samples &+= 1
      if block.count == 4096 {
        body(block)
        block.removeAll(keepingCapacity: true)
      }
    }
  }

  /// Takes out what is constant: the time constant is 256 samples, 27 Hz at 44100.
  private mutating func filter(_ value: Int) -> Int16 {
    output = output &- output >> 8 &+ (value &- input) &* 256
    input = value
    return Int16(clamping: output >> 8)
  }
}
