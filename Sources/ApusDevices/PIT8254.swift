import ApusBase

/// The 8254 programmable interval timer of a PC with port 61h: counter 0 drives IRQ0, counter 1 the
/// historical refresh request, counter 2 the speaker, gated by port 61h. Sources: Intel 8254 datasheet
/// (231164); Intel 82371FB datasheet, "NMISC - NMI Status and Control Register".
package final class PIT8254: BytePortDevice {
  package let name = "PIT8254"
  /// The ports to attach.
  package static let portRanges: [ClosedRange<UInt16>] = [0x40...0x43, 0x61...0x61]
  /// The input clock in hertz: 14.31818 MHz divided by 12.
  package static let frequency: UInt64 = 1_193_182

  private let IRQ0: Line
  private let NMI: Line
  private let speaker: PCSpeaker?
  private var counters: [Counter8254]
  /// The clock up to which OUT0 has been driven.
  private var synced: UInt64 = 0
  /// Bits 3:0 of port 61h: IOCHK# disable, SERR# disable, speaker data, counter 2 gate.
  private var portB: UInt8 = 0
  /// Bits 7 (SERR#/parity) and 6 (IOCHK#) of port 61h.
  private var errors: UInt8 = 0

  /// A timer after power-on. `IRQ0` is driven with OUT0; `NMI` with the error bits of port 61h (before the
  /// NMI mask in port 70h). `speaker` records what counter 2 and port 61h do, if it is there.
  package init(IRQ0: Line, NMI: Line = Line(nil, 0), speaker: PCSpeaker? = nil) {
    self.IRQ0 = IRQ0
    self.NMI = NMI
    self.speaker = speaker
    counters = Self.powerOnCounters(clock: 0)
  }

  private static func powerOnCounters(clock: UInt64) -> [Counter8254] {
    (0..<3).map { Counter8254(gate: $0 != 2, clock: clock) }
  }

  package func reset(at now: VirtualTime) {
    synced = now.cycles(at: Self.frequency)
    counters = Self.powerOnCounters(clock: synced)
    portB = 0
    errors = 0
    IRQ0.set(counters[0].out(at: synced), at: now)
    NMI.set(false, at: now)
    recordSpeaker(at: synced)
  }

  /// The speaker's cone position: OUT2 and the speaker data bit.
  package func speakerLevel(at now: VirtualTime) -> Bool {
    synchronise(at: now)
    return portB.bit(1) && counters[2].out(at: synced)
  }

  /// Gives the speaker's sink everything up to `now`.
  package func drainSpeaker(at now: VirtualTime) {
    guard let speaker else { return }
    synchronise(at: now)
    speaker.drain(until: synced)
  }

  /// Tells the speaker what follows from the state at `clock`, until counter 2 is loaded or written.
  private func recordSpeaker(at clock: UInt64) {
    guard let speaker else { return }
    var segment = SpeakerSegment(clock: clock, level: portB.bit(1) && counters[2].out(at: clock))
    if portB.bit(1), let first = counters[2].nextTransition(after: clock) {
      segment.first = first &- clock
      if let second = counters[2].nextTransition(after: first) {
        segment.second = second &- first
        segment.third = counters[2].nextTransition(after: second).map { $0 &- second } ?? 0
      }
    }
    speaker.record(segment)
  }

  /// Latches a system error (SERR#, on a PC also memory parity) unless port 61h bit 2 disables it.
  package func reportSystemError(at now: VirtualTime) { report(0x80, disabledBy: 2, at: now) }

  /// Latches an error of an expansion card (IOCHK#) unless port 61h bit 3 disables it.
  package func reportChannelCheck(at now: VirtualTime) { report(0x40, disabledBy: 3, at: now) }

  private func report(_ bit: UInt8, disabledBy disable: Int, at now: VirtualTime) {
    guard !portB.bit(disable) else { return }
    errors |= bit
    NMI.set(true, at: now)
  }

  // MARK: Time

  /// Whether somebody passes IRQ0's edges on. If not, nobody needs them at their time: who would know of them calls
  /// `run` first.
  package var isOutputHeard = true

  package var deadline: VirtualTime {
    guard isOutputHeard else { return .never }
    let transition = counters[0].nextTransition(after: synced) ?? .max
    let clock = min(transition, counters[0].pendingLoad ?? .max)
    return clock == .max ? .never : .time(ofCycle: clock, at: Self.frequency)
  }

  package func run(at now: VirtualTime) { synchronise(at: now) }

  /// Brings the counters to `now` and drives IRQ0 through what OUT0 did meanwhile.
  private func synchronise(at now: VirtualTime) {
    let clock = now.cycles(at: Self.frequency)
    guard clock > synced else { return }
    if let load = counters[0].pendingLoad, load <= clock {
      if load > synced { driveIRQ0(through: load &- 1, at: now) }
      let before = counters[0].out(at: synced)
      counters[0].advance(to: load)
      synced = load
      driveIRQ0(from: before, at: now)
    }
    driveIRQ0(through: clock, at: now)
    counters[1].advance(to: clock)
    let load = counters[2].pendingLoad
    counters[2].advance(to: clock)
    if let load, load <= clock { recordSpeaker(at: load) }
  }

  /// Drives OUT0's transitions up to `clock`: however many there were, the sink sees a rising edge if there
  /// was one, and the final level.
  private func driveIRQ0(through clock: UInt64, at now: VirtualTime) {
    var level = counters[0].out(at: synced)
    var from = synced
    for _ in 0..<2 {
      guard let transition = counters[0].nextTransition(after: from), transition <= clock else { break }
      level.toggle()
      IRQ0.set(level, at: now)
      from = transition
    }
    synced = clock
    driveIRQ0(from: level, at: now)
  }

  /// Drives IRQ0 if OUT0 is no longer at `level`.
  private func driveIRQ0(from level: Bool, at now: VirtualTime) {
    let present = counters[0].out(at: synced)
    if present != level { IRQ0.set(present, at: now) }
  }

  // MARK: Ports

  package func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 {
    synchronise(at: now)
    switch port {
    case 0x40...0x42:
      return counters[Int(port & 3)].read(at: synced)
    case 0x61: return statusB(counters[2], at: synced)
    default:
      return 0xFF  // the control register cannot be read
    }
  }

  /// What port 61h reads as with counter 2 at `clock`.
  private func statusB(_ counter2: Counter8254, at clock: UInt64) -> UInt8 {
    // The refresh toggle changes every 15.09 us, 18 clocks, as the PC's counter 1 made it; chip sets
    // derive it from a fixed refresh rate.
    let refresh: UInt8 = (clock / 18).bit(0) ? 0x10 : 0
    let out2: UInt8 = counter2.out(at: clock) ? 0x20 : 0
    return portB | refresh | out2 | errors
  }

  package func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    synchronise(at: now)
    let before = counters[0].out(at: synced)
    switch port {
    case 0x40...0x42: counters[Int(port & 3)].write(value, at: synced)
    case 0x43: writeControl(value)
    case 0x61: writePortB(value, at: now)
    default: return
    }
    driveIRQ0(from: before, at: now)
    if port == 0x42 || port == 0x61 || value.bits(7, 6) == 2 { recordSpeaker(at: synced) }
  }

  private func writeControl(_ value: UInt8) {
    let select = Int(value.bits(7, 6))
    if select == 3 {
      // "Read-Back Command": COUNT# and STATUS# are active low; bits 3:1 select the counters.
      for i in 0..<3 where value.bit(i + 1) {
        if !value.bit(5) { counters[i].latchCount(at: synced) }
        if !value.bit(4) { counters[i].latchStatus(at: synced) }
      }
    } else if value.bits(5, 4) == 0 {
      counters[select].latchCount(at: synced)
    } else {
      counters[select].program(value, at: synced)
    }
  }

  private func writePortB(_ value: UInt8, at now: VirtualTime) {
    portB = value & 0x0F
    counters[2].setGate(value.bit(0), at: synced)
    // Disabling a source clears its latched error.
    if value.bit(2) { errors &= ~0x80 }
    if value.bit(3) { errors &= ~0x40 }
    NMI.set(errors != 0, at: now)
  }

  // MARK: State

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { writer in
      for counter in counters { counter.save(to: &writer) }
      writer.write(synced)
      writer.write(portB)
      writer.write(errors)
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in
      for i in 0..<3 { try counters[i].restore(from: &reader) }
      synced = try reader.read()
      guard synced <= VirtualTime.max.cycles(at: Self.frequency) else { throw reader.invalid("synced") }
      for counter in counters where counter.pendingLoad ?? .max <= synced { throw reader.invalid("load") }
      portB = try reader.read()
      guard portB < 0x10 else { throw reader.invalid("portB") }
      errors = try reader.read()
      guard errors & 0x3F == 0 else { throw reader.invalid("errors") }
      recordSpeaker(at: synced)
    }
  }
}

// MARK: For people

extension PIT8254 {
  /// The counters and port 61h as they are at `now`.
  package func description(at now: VirtualTime) -> DeviceDescription {
    var description = DeviceDescription("8254 (PIT)")
    let clock = max(now.cycles(at: Self.frequency), synced)
    for (number, counter) in counters.enumerated() {
      counter.describe("counter \(number)", at: clock, into: &description)
    }
    var counter2 = counters[2]
    counter2.advance(to: clock)
    description.add(
      "port 61h", statusB(counter2, at: clock),
      bits: [
        "counter 2 gate", "speaker data", "SERR# off", "IOCHK# off", "refresh toggle", "OUT2", "IOCHK#",
        "SERR#",
      ])
    let isHeard = portB.bit(1) && counter2.nextTransition(after: clock) != nil
    description.add("speaker", !portB.bit(1) ? "off" : isHeard ? "follows OUT2" : "on, silent")
    return description
  }
}
