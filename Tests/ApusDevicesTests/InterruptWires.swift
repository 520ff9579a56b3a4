import ApusBase
import ApusDevices

/// Notes the level and the number of rising edges on each of its inputs.
final class InterruptWires: LineSink {
  private(set) var levels = [Bool](repeating: false, count: 64)
  private(set) var edges = [Int](repeating: 0, count: 64)
  /// The time of each rising edge, per input.
  private(set) var times = [[VirtualTime]](repeating: [], count: 64)

  func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    if level && !levels[input] {
      edges[input] += 1
      times[input].append(now)
    }
    levels[input] = level
  }

  func line(_ input: Int) -> Line { Line(self, input) }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the seeded source of the fuzz tests.
struct SeededGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }

  /// A value that is often small, all ones, or a single bit.
  mutating func value() -> UInt64 {
    switch below(5) {
    case 0: return below(4)
    case 1: return .max
    case 2: return 1 << below(64)
    case 3: return below(0x1_0000)
    default: return next()
    }
  }
}

/// Runs a device through every deadline up to `end`, at most `limit` of them. Returns how many there were, nil
/// if a deadline did not move after being served.
func serveDeadlines(of device: some Device, until end: VirtualTime, from start: VirtualTime, limit: Int)
  -> Int?
{
  var now = start
  var count = 0
  while device.deadline <= end && count < limit {
    let due = max(device.deadline, now)
    device.run(at: due)
    count += 1
    if device.deadline <= due && device.deadline != .never { return nil }
    now = due
  }
  return count
}

/// What a device saves, as bytes.
func savedState(of device: some Device) -> [UInt8] {
  var writer = StateWriter()
  device.save(to: &writer)
  return writer.bytes
}
