import ApusBase

/// High precision event timer: a 64-bit main counter at 100 MHz and three 64-bit comparators, each able to
/// run one-shot or periodic.
///
/// Source: IA-PC HPET Specification 1.0a. FSB (message) delivery is absent, and the capability bits say so.
///
/// The board attaches 1 KiB of memory at FED00000h. The PIT's OUT0 and the RTC's IRQ go through this device
/// (inputs `pitInput`, `rtcInput`), as the legacy replacement route cuts them off from IRQ0 and IRQ8.
package final class HPET: Device, LineSink {
  package let name = "HPET"
  /// The main counter's frequency in hertz, and its period in femtoseconds.
  package static let frequency: UInt64 = 100_000_000
  package static let period: UInt64 = 10_000_000
  package static let timerCount = 3
  package static let pitInput = 0
  package static let rtcInput = 1

  /// GCAP_ID: period, vendor 8086h, legacy replacement capable, 64-bit counter, three timers, revision 1.
  package static let capabilities: UInt64 =
    period << 32 | 0x8086 << 16 | 1 << 15 | 1 << 13 | UInt64(timerCount - 1) << 8 | 1

  private struct Timer {
    /// Tn_INT_TYPE (1), INT_ENB (2), TYPE (3), VAL_SET (6), 32MODE (8), INT_ROUTE (13:9).
    var configuration: UInt64 = 0
    var comparator: UInt64 = .max
    /// What is added to the comparator at each match in periodic mode.
    var period: UInt64 = 0
    /// The 100 MHz cycle since power-on at which the counter next matches; `UInt64.max` for none.
    var next: UInt64 = .max

    var isLevel: Bool { configuration.bit(1) }
    var isEnabled: Bool { configuration.bit(2) }
    var isPeriodic: Bool { configuration.bit(3) }
    var is32Bit: Bool { configuration.bit(8) }
    var route: Int { Int(configuration.bits(13, 9)) }
    var mask: UInt64 { is32Bit ? 0xFFFF_FFFF : .max }

    /// Goes on to cycle `present`. Says whether there was a match on the way; several count as one.
    mutating func pass(to present: UInt64) -> Bool {
      guard next <= present, next != .max else { return false }
      let step = period & mask
      if isPeriodic && step != 0 {
        let following = present.later(by: step - (present - next) % step)
        comparator = (comparator &+ (following &- next)) & mask
        next = following
      } else if is32Bit {
        // "the timer will generate an additional interrupt when the main counter wraps around".
        next = present.later(by: (1 << 32) - (present - next) % (1 << 32))
      } else {
        next = .max
      }
      return true
    }
  }

  private static let writableConfiguration: UInt64 = 0x3F4E
  private static let valueSet = 6

  private let routes: [Line]
  private let routeMask: UInt32
  private let legacyPIT: Line
  private let legacyRTC: Line

  private var timers = [Timer](repeating: Timer(), count: HPET.timerCount)
  /// GEN_CONF: ENABLE_CNF (0), LEG_RT_CNF (1).
  private var configuration: UInt64 = 0
  private var status: UInt64 = 0
  /// The main counter while halted; while it runs, the counter less the present cycle.
  private var counter: UInt64 = 0
  private var pitLevel = false
  private var rtcLevel = false
  /// Levels driven: bits 31:0 for `routes`, then IRQ0 and IRQ8.
  private var driven: UInt64 = 0
  private static let legacyPITBit = 32
  private static let legacyRTCBit = 33

  /// An HPET with its outputs.
  /// - Parameters:
  ///   - routes: the I/O APIC inputs by number, at most 32.
  ///   - routeMask: which of them timers may select (Tn_INT_ROUTE_CAP).
  ///   - legacyPIT: IRQ0, as the PIT would drive it.
  ///   - legacyRTC: IRQ8.
  package init(routes: [Line], routeMask: UInt32 = 0x00F0_0000, legacyPIT: Line, legacyRTC: Line) {
    precondition(routes.count <= 32)
    self.routes = routes
    self.routeMask = routes.count == 32 ? routeMask : routeMask & ((1 << UInt32(routes.count)) &- 1)
    self.legacyPIT = legacyPIT
    self.legacyRTC = legacyRTC
  }

  package func reset(at now: VirtualTime) {
    for index in timers.indices { timers[index] = Timer() }
    configuration = 0
    status = 0
    counter = 0
    pitLevel = false
    rtcLevel = false
    driveLevels(at: now)
  }

  private var isRunning: Bool { configuration.bit(0) }
  package var isLegacyReplacement: Bool { configuration.bit(1) }

  private func cycle(_ now: VirtualTime) -> UInt64 { now.cycles(at: HPET.frequency) }

  private func mainCounter(at now: VirtualTime) -> UInt64 {
    isRunning ? counter &+ cycle(now) : counter
  }

  // MARK: Matching

  /// Finds the next match of timer `index` at or after `now`.
  private func schedule(_ index: Int, at now: VirtualTime) {
    guard isRunning else {
      timers[index].next = .max
      return
    }
    let distance = (timers[index].comparator &- mainCounter(at: now)) & timers[index].mask
    timers[index].next = cycle(now).later(by: distance)
  }

  /// Brings the timers to `now`. Matches in one call count as one interrupt.
  private func settle(at now: VirtualTime) {
    guard isRunning else { return }
    let present = cycle(now)
    for index in timers.indices {
      if timers[index].pass(to: present) { fire(index, at: now) }
    }
  }

  private func fire(_ index: Int, at now: VirtualTime) {
    if timers[index].isLevel {
      status.setBit(index, true)
      driveLevels(at: now)
    } else if timers[index].isEnabled, let bit = outputBit(index), !driven.bit(bit) {
      output(bit).pulse(at: now)
    }
  }

  package var deadline: VirtualTime {
    guard isRunning else { return .never }
    var next = UInt64.max
    for index in timers.indices where timers[index].isEnabled {
      // A level interrupt still unserved cannot be raised again.
      if timers[index].isLevel && status.bit(index) { continue }
      next = min(next, timers[index].next)
    }
    return next == .max ? .never : .time(ofCycle: next, at: HPET.frequency)
  }

  package func run(at now: VirtualTime) { settle(at: now) }

  // MARK: Outputs

  /// The output of timer `index` as a bit of `driven`; nil if it selects none.
  private func outputBit(_ index: Int) -> Int? {
    if isLegacyReplacement && index == 0 { return HPET.legacyPITBit }
    if isLegacyReplacement && index == 1 { return HPET.legacyRTCBit }
    let route = timers[index].route
    return routeMask.bit(route) ? route : nil
  }

  private func output(_ bit: Int) -> Line {
    switch bit {
    case HPET.legacyPITBit: legacyPIT
    case HPET.legacyRTCBit: legacyRTC
    default: bit < routes.count ? routes[bit] : Line(nil, 0)
    }
  }

  private var levels: UInt64 {
    var levels: UInt64 = 0
    if !isLegacyReplacement {
      levels.setBit(HPET.legacyPITBit, pitLevel)
      levels.setBit(HPET.legacyRTCBit, rtcLevel)
    }
    for index in timers.indices where timers[index].isLevel && timers[index].isEnabled && status.bit(index) {
      if let bit = outputBit(index) { levels.setBit(bit, true) }
    }
    return levels
  }

  private func driveLevels(at now: VirtualTime) {
    let new = levels
    var changed = new ^ driven
    driven = new
    while changed != 0 {
      let bit = changed.trailingZeroBitCount
      changed.setBit(bit, false)
      output(bit).set(new.bit(bit), at: now)
    }
  }

  package func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    switch input {
    case HPET.pitInput: pitLevel = level
    case HPET.rtcInput: rtcLevel = level
    default: return
    }
    driveLevels(at: now)
  }

  // MARK: Registers

  package func readMemory(_ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64 {
    settle(at: now)
    let value = readRegister(offset & ~7, at: now) >> ((offset & 7) * 8)
    return width >= 8 ? value : value & ((1 << UInt64(width * 8)) &- 1)
  }

  private func readRegister(_ offset: UInt64, at now: VirtualTime) -> UInt64 {
    switch offset {
    case 0x000: return HPET.capabilities
    case 0x010: return configuration
    case 0x020: return status
    case 0x0F0: return mainCounter(at: now)
    case 0x100..<(0x100 + 0x20 * UInt64(HPET.timerCount)):
      let timer = timers[Int((offset - 0x100) >> 5)]
      switch offset & 0x1F {
      case 0x00: return register(timer)
      case 0x08: return timer.comparator & timer.mask
      default: return 0
      }
    default: return 0
    }
  }

  /// Tn_CONF: periodic (4) and 64-bit (5) capable; VAL_SET reads as zero.
  private func register(_ timer: Timer) -> UInt64 {
    timer.configuration & ~(1 << 6) | 0x30 | UInt64(routeMask) << 32
  }

  /// Takes aligned writes of 4 and 8 bytes; the specification leaves others undefined, and they are ignored.
  package func writeMemory(_ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime) {
    guard width >= 4, offset & UInt64(width - 1) == 0 else { return }
    settle(at: now)
    let shift = (offset & 4) * 8
    let mask: UInt64 = width >= 8 ? .max : 0xFFFF_FFFF << shift
    let written = width >= 8 ? value : (value & 0xFFFF_FFFF) << shift
    switch offset & ~7 {
    case 0x010: writeConfiguration(configuration & ~mask | written, at: now)
    case 0x020: status &= ~written
    case 0x0F0: writeCounter(mainCounter(at: now) & ~mask | written, at: now)
    case 0x100..<(0x100 + 0x20 * UInt64(HPET.timerCount)):
      let index = Int((offset - 0x100) >> 5)
      switch offset & 0x18 {
      case 0x00: writeTimer(index, timers[index].configuration & ~mask | written, at: now)
      case 0x08: writeComparator(index, written, mask: mask, at: now)
      default: break
      }
    default: break
    }
    settle(at: now)
    driveLevels(at: now)
  }

  private func writeConfiguration(_ value: UInt64, at now: VirtualTime) {
    let count = mainCounter(at: now)
    let wasRunning = isRunning
    configuration = value & 3
    if isRunning != wasRunning { writeCounter(count, at: now) }
  }

  private func writeCounter(_ value: UInt64, at now: VirtualTime) {
    counter = isRunning ? value &- cycle(now) : value
    for index in timers.indices { schedule(index, at: now) }
  }

  private func writeTimer(_ index: Int, _ value: UInt64, at now: VirtualTime) {
    let old = timers[index]
    var new = value & HPET.writableConfiguration
    // "If the value is not supported, the value read back will not match what was written."
    if !routeMask.bit(Int(new.bits(13, 9))) { new = new & ~0x3E00 | old.configuration & 0x3E00 }
    // VAL_SET has a meaning in periodic mode only.
    if !new.bit(3) { new.setBit(HPET.valueSet, false) }
    timers[index].configuration = new
    timers[index].comparator &= timers[index].mask
    // Matches already past stay past: only a change of what is compared looks for the next one again.
    if timers[index].mask != old.mask { schedule(index, at: now) }
  }

  /// In periodic mode a write sets the period, and the comparator (the accumulator) as well after VAL_SET was
  /// written; in one-shot mode, the comparator.
  private func writeComparator(_ index: Int, _ value: UInt64, mask: UInt64, at now: VirtualTime) {
    let timer = timers[index]
    if timer.isPeriodic { timers[index].period = (timer.period & ~mask | value) & timer.mask }
    if !timer.isPeriodic || timer.configuration.bit(HPET.valueSet) {
      timers[index].comparator = (timer.comparator & ~mask | value) & timer.mask
      schedule(index, at: now)
    }
    timers[index].configuration.setBit(HPET.valueSet, false)
  }

  // MARK: Saved state

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { w in
      w.write(configuration)
      w.write(status)
      w.write(counter)
      w.write(pitLevel)
      w.write(rtcLevel)
      for timer in timers {
        w.write(timer.configuration)
        w.write(timer.comparator)
        w.write(timer.period)
        w.write(timer.next)
      }
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (r, _) throws(StateError) in
      configuration = try r.read()
      status = try r.read()
      guard configuration & ~3 == 0, status >> UInt64(HPET.timerCount) == 0 else {
        throw r.invalid("configuration")
      }
      counter = try r.read()
      pitLevel = try r.readBool("PIT")
      rtcLevel = try r.readBool("RTC")
      for index in timers.indices {
        timers[index].configuration = try r.read()
        timers[index].comparator = try r.read()
        timers[index].period = try r.read()
        timers[index].next = try r.read()
        guard timers[index].configuration & ~HPET.writableConfiguration == 0 else {
          throw r.invalid("Tn_CONF")
        }
      }
      driven = levels
    }
  }
}

// MARK: For people

extension HPET {
  /// The registers as they are at `now`.
  package func description(at now: VirtualTime) -> DeviceDescription {
    var description = DeviceDescription("HPET")
    description.add("GCAP_ID", Self.capabilities, "\(Self.timerCount) timers, \(Self.period) fs a count")
    description.add("GEN_CONF", configuration, bits: ["ENABLE_CNF", "LEG_RT_CNF"])
    // Timers that interrupt nobody are brought up to date when a register is read.
    let present = cycle(now)
    var (timers, status) = (self.timers, self.status)
    for index in timers.indices where isRunning {
      if timers[index].pass(to: present) && timers[index].isLevel { status.setBit(index, true) }
    }
    description.add("GINTR_STS", status, bits: (0..<Self.timerCount).map { "T\($0)_INT_STS" })
    description.add("MAIN_CNT", mainCounter(at: now), isRunning ? "counts" : "halted")
    for (index, timer) in timers.enumerated() {
      description.add(
        "T\(index)_CONF", register(timer),
        bits: [
          "", "INT_TYPE_CNF", "INT_ENB_CNF", "TYPE_CNF", "PER_INT_CAP", "SIZE_CAP", "", "", "32MODE_CNF",
        ])
      description.add("", modes(index, timer).joined(separator: ", "))
      var matches = ""
      if isRunning && timer.next != .max { matches = "matches in \(timer.next &- present) counts" }
      description.add("T\(index)_COMP", timer.comparator & timer.mask, matches)
    }
    return description
  }

  private func modes(_ index: Int, _ timer: Timer) -> [String] {
    var modes = [timer.isPeriodic ? "periodic, every \(timer.period & timer.mask) counts" : "one-shot"]
    modes.append(timer.isLevel ? "level" : "edge")
    modes.append(timer.isEnabled ? "enabled" : "disabled")
    switch outputBit(index) ?? -1 {
    case Self.legacyPITBit: modes.append("IRQ0")
    case Self.legacyRTCBit: modes.append("IRQ8")
    case -1: modes.append("no route")
    case let route: modes.append("I/O APIC input \(route)")
    }
    return modes
  }
}
