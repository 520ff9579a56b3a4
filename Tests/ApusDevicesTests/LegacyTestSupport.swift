import ApusBase
import ApusDevices
import Testing

/// Records every level driven onto it, per input.
final class LineRecorder: LineSink {
  /// (input, level, time) in the order driven, repetitions of the same level left out.
  private(set) var changes: [(input: Int, level: Bool, time: VirtualTime)] = []
  private(set) var levels: [Int: Bool] = [:]

  func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    if levels[input, default: false] != level { changes.append((input, level, now)) }
    levels[input] = level
  }

  func level(_ input: Int) -> Bool { levels[input, default: false] }
  func rises(_ input: Int) -> [VirtualTime] {
    changes.filter { $0.input == input && $0.level }.map(\.time)
  }
}

/// A seeded generator (Steele, Lea and Flood's SplitMix64).
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Runs `device` at each of its deadlines up to `end`; checks that each run moves the deadline on.
func runDevice(_ device: any Device, until end: VirtualTime, limit: Int = 1_000_000) {
  var runs = 0
  while device.deadline <= end {
    let now = device.deadline
    device.run(at: now)
    runs += 1
    guard device.deadline > now && runs < limit else {
      Issue.record("\(device.name) does not move its deadline on from \(now)")
      return
    }
  }
}

func savedState(_ device: any Device) -> [UInt8] {
  var writer = StateWriter()
  device.save(to: &writer)
  return writer.bytes
}

func restore(_ device: any Device, from bytes: [UInt8]) throws {
  var reader = StateReader(bytes)
  try device.restore(from: &reader)
  #expect(reader.isAtEnd)
}

/// Seeded random accesses to every port of `device` with advancing time. Checks that the deadline is later
/// than `now` after each run, and, halfway, that a twin restored from saved state goes on identically.
/// `stimulus` does what the outside world can do to the device; it gets the device and a random word.
func fuzz<D: Device>(
  _ make: () -> D, ports: [ClosedRange<UInt16>], seed: UInt64, steps: Int = 40_000,
  stimulus: (D, UInt64, VirtualTime) -> Void = { _, _, _ in }
) throws {
  var random = SplitMix64(state: seed)
  let device = make()
  var twin: D?
  var now: VirtualTime = 0
  device.reset(at: 0)
  for step in 0..<steps {
    if step == steps / 2 {
      let other = make()
      try restore(other, from: savedState(device))
      twin = other
    }
    let range = ports[Int(random.next() % UInt64(ports.count))]
    let port = UInt16.random(in: range, using: &random)
    let value = UInt32(truncatingIfNeeded: random.next())
    let width = [1, 1, 1, 2, 4][Int(random.next() % 5)]
    let action = random.next() % 16
    switch action {
    case 0..<6:
      device.writePort(port, value, width: width, at: now)
      twin?.writePort(port, value, width: width, at: now)
    case 6..<11:
      let read = device.readPort(port, width: width, at: now)
      if let twin { #expect(twin.readPort(port, width: width, at: now) == read) }
    case 11:
      let word = random.next()
      stimulus(device, word, now)
      if let twin { stimulus(twin, word, now) }
    default:
      let exponent = random.next() % 31
      now = now.later(by: random.next() % (1 << exponent))
      device.run(at: now)
      twin?.run(at: now)
      #expect(device.deadline > now)
    }
    if let twin, twin.deadline != device.deadline {
      Issue.record("step \(step): the restored \(device.name) has another deadline")
      return
    }
  }
  if let twin { #expect(savedState(twin) == savedState(device)) }
}

/// Feeds `device` truncated and corrupted copies of its saved state: errors are fine, traps and livelocks
/// are not.
func fuzzRestore<D: Device>(_ make: () -> D, ports: [ClosedRange<UInt16>], seed: UInt64) {
  var random = SplitMix64(state: seed)
  let good = savedState(make())
  for _ in 0..<2000 {
    var bytes = good
    let header = 1 + Int(good[0]) + 6
    guard bytes.count > header else { return }
    for _ in 0..<(1 + random.next() % 4) {
      bytes[Int.random(in: header..<bytes.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
    }
    if random.next() % 8 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
    let device = make()
    var reader = StateReader(bytes)
    guard (try? device.restore(from: &reader)) != nil else { continue }
    var now = VirtualTime(1_000_000)
    for _ in 0..<20 {
      device.run(at: now)
      #expect(device.deadline > now)
      let range = ports[Int(random.next() % UInt64(ports.count))]
      let port = UInt16.random(in: range, using: &random)
      _ = device.readPort(port, width: 1, at: now)
      device.writePort(port, UInt32(truncatingIfNeeded: random.next()), width: 1, at: now)
      now += 700_000
    }
  }
}
