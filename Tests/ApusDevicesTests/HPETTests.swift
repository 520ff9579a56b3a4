import ApusBase
import ApusDevices
import Testing

/// An HPET on wires: routes are inputs 0...23, IRQ0 is 32 and IRQ8 is 40. One tick is 10 ns.
private struct Rig {
  static let irq0 = 32
  static let irq8 = 40

  let wires = InterruptWires()
  let hpet: HPET

  init() {
    let wires = self.wires
    hpet = HPET(
      routes: (0..<24).map { wires.line($0) }, legacyPIT: wires.line(Rig.irq0),
      legacyRTC: wires.line(Rig.irq8))
    hpet.reset(at: 0)
  }

  func read(_ offset: UInt64, width: Int = 8, at now: VirtualTime = 0) -> UInt64 {
    hpet.readMemory(offset, width: width, at: now)
  }

  func write(_ offset: UInt64, _ value: UInt64, width: Int = 8, at now: VirtualTime = 0) {
    hpet.writeMemory(offset, value, width: width, at: now)
  }

  /// Serves deadlines up to `end`.
  func run(until end: VirtualTime, from start: VirtualTime = 0) {
    #expect(serveDeadlines(of: hpet, until: end, from: start, limit: 10_000) != nil)
  }
}

@Suite struct HPETTests {
  @Test func capabilities() {
    let rig = Rig()
    // 10,000,000 fs; vendor 8086h; legacy capable, 64-bit, three timers, revision 1.
    #expect(rig.read(0) == 0x0098_9680_8086_A201)
    #expect(rig.read(4, width: 4) == 10_000_000)
    for timer: UInt64 in 0..<3 {
      #expect(rig.read(0x100 + 0x20 * timer) == 0x00F0_0000_0000_0030)
      #expect(rig.read(0x108 + 0x20 * timer) == .max)
      #expect(rig.read(0x110 + 0x20 * timer) == 0)
    }
    #expect(rig.read(0x160) == 0)
    #expect(rig.hpet.deadline == .never)
  }

  @Test func mainCounter() {
    let rig = Rig()
    #expect(rig.read(0xF0, at: 1000) == 0)
    rig.write(0x10, 1, at: 1000)
    #expect(rig.read(0xF0, at: 2000) == 100)
    #expect(rig.read(0xF0, at: 2009) == 100)
    rig.write(0x10, 0, at: 2005)
    #expect(rig.read(0xF0, at: 9999) == 100)
    rig.write(0xF0, 0xFFFF_FFF0, width: 4, at: 10_000)
    rig.write(0xF4, 0x12, width: 4, at: 10_000)
    rig.write(0x10, 1, at: 10_000)
    #expect(rig.read(0xF0, at: 10_160) == 0x13_0000_0000)
    #expect(rig.read(0xF4, width: 4, at: 10_160) == 0x13)
    #expect(rig.read(0xF0, width: 4, at: 10_170) == 1)
  }

  @Test func oneShotEdge() {
    let rig = Rig()
    rig.write(0x100, 20 << 9 | 1 << 2)
    rig.write(0x108, 50)
    rig.write(0x10, 1)
    #expect(rig.hpet.deadline == 500)
    rig.run(until: 1_000_000)
    #expect(rig.wires.times[20] == [500])
    #expect(!rig.wires.levels[20])
    #expect(rig.hpet.deadline == .never)
    #expect(rig.read(0x20) == 0)
  }

  @Test func oneShot32BitFiresAtEachWrap() {
    let rig = Rig()
    rig.write(0x100, 20 << 9 | 1 << 8 | 1 << 2)
    rig.write(0x108, 0xFFFF_FFFF_0000_0032)
    #expect(rig.read(0x108) == 0x32)
    rig.write(0x10, 1)
    rig.run(until: 100_000_000_000)
    // 2^32 ticks are 42,949,672,960 ns.
    let expected: [VirtualTime] = [500, 42_949_673_460, 85_899_346_420]
    #expect(rig.wires.times[20] == expected)
  }

  @Test func periodicWithAccumulator() {
    let rig = Rig()
    // The order of Linux: comparator after VAL_SET, then the period.
    rig.write(0x120, 21 << 9 | 1 << 6 | 1 << 3 | 1 << 2)
    rig.write(0x128, 70)
    #expect(rig.read(0x128) == 70)
    rig.write(0x128, 100)
    #expect(rig.read(0x128) == 70)
    rig.write(0x10, 1)
    rig.run(until: 3800)
    #expect(rig.wires.times[21] == [700, 1700, 2700, 3700])
    #expect(rig.read(0x128, at: 3800) == 470)
    // A late run counts as one interrupt and keeps the phase.
    rig.hpet.run(at: 10_050)
    #expect(rig.wires.edges[21] == 5)
    #expect(rig.hpet.deadline == 10_700)
    #expect(rig.read(0x128, at: 10_050) == 1070)
  }

  @Test func periodicSetByOneWrite() {
    // IA-PC HPET 1.0a, "Periodic Mode": with VAL_SET one write sets comparator and period.
    let rig = Rig()
    rig.write(0x100, 20 << 9 | 1 << 6 | 1 << 3 | 1 << 2)
    rig.write(0x108, 0x123)
    rig.write(0x10, 1)
    rig.run(until: 10_000)
    #expect(rig.wires.times[20] == [2910, 5820, 8730])
  }

  @Test func levelTriggered() {
    let rig = Rig()
    rig.write(0x100, 20 << 9 | 1 << 6 | 1 << 3 | 1 << 2 | 1 << 1)
    rig.write(0x108, 10)
    rig.write(0x140, 20 << 9 | 1 << 2 | 1 << 1)
    rig.write(0x148, 15)
    rig.write(0x10, 1)
    rig.run(until: 100)
    #expect(rig.wires.levels[20])
    #expect(rig.read(0x20, at: 100) == 1)
    rig.run(until: 155, from: 100)
    #expect(rig.read(0x20, at: 155) == 5)
    // The line is shared: it falls with the last status bit.
    rig.write(0x20, 1, at: 156)
    #expect(rig.wires.levels[20])
    rig.write(0x20, 4, at: 157)
    #expect(!rig.wires.levels[20])
    #expect(rig.hpet.deadline == 200)
    // With the timer's interrupt off, only the status appears.
    rig.write(0x100, 20 << 9 | 1 << 3 | 1 << 1, at: 158)
    #expect(rig.hpet.deadline == .never)
    #expect(rig.read(0x20, at: 300) == 1)
    #expect(!rig.wires.levels[20])
  }

  @Test func unsupportedRouteKeepsTheOldOne() {
    let rig = Rig()
    rig.write(0x100, 22 << 9)
    rig.write(0x100, 5 << 9 | 1 << 2)
    #expect(rig.read(0x100, width: 4) == 22 << 9 | 1 << 2 | 0x30)
    // FSB delivery is absent.
    rig.write(0x100, 1 << 14)
    #expect(rig.read(0x100, width: 4) & 0xC000 == 0)
  }

  @Test func legacyReplacement() {
    let rig = Rig()
    rig.hpet.setLine(HPET.pitInput, level: true, at: 0)
    rig.hpet.setLine(HPET.rtcInput, level: true, at: 0)
    #expect(rig.wires.levels[Rig.irq0] && rig.wires.levels[Rig.irq8])
    rig.write(0x100, 20 << 9 | 1 << 2)
    rig.write(0x108, 50)
    rig.write(0x120, 21 << 9 | 1 << 2)
    rig.write(0x128, 60)
    rig.write(0x10, 3)
    #expect(!rig.wires.levels[Rig.irq0] && !rig.wires.levels[Rig.irq8])
    rig.hpet.setLine(HPET.pitInput, level: false, at: 1)
    rig.hpet.setLine(HPET.pitInput, level: true, at: 2)
    rig.run(until: 1000)
    #expect(rig.wires.times[Rig.irq0] == [0, 500])
    #expect(rig.wires.times[Rig.irq8] == [0, 600])
    #expect(rig.wires.edges[20] == 0 && rig.wires.edges[21] == 0)
    rig.write(0x10, 1, at: 1000)
    #expect(rig.wires.levels[Rig.irq0])
  }

  @Test func stateRoundTrip() throws {
    let rig = Rig()
    rig.write(0x100, 20 << 9 | 1 << 6 | 1 << 3 | 1 << 2 | 1 << 1)
    rig.write(0x108, 10)
    rig.write(0x140, 21 << 9 | 1 << 2)
    rig.write(0x148, 1000)
    rig.write(0x10, 1)
    rig.run(until: 100)
    let bytes = savedState(of: rig.hpet)
    let other = Rig()
    var reader = StateReader(bytes)
    try other.hpet.restore(from: &reader)
    #expect(reader.isAtEnd)
    #expect(savedState(of: other.hpet) == bytes)
    #expect(other.hpet.deadline == rig.hpet.deadline)
    rig.run(until: 20_000, from: 100)
    other.run(until: 20_000, from: 100)
    #expect(other.wires.times[21] == [10_000])
    #expect(savedState(of: other.hpet) == savedState(of: rig.hpet))
  }

  @Test(arguments: [UInt64(21), 22, 23]) func randomAccess(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let rig = Rig()
    let widths = [1, 2, 4, 8]
    let registers: [UInt64] = [0x10, 0x14, 0x20, 0xF0, 0xF4, 0x100, 0x108, 0x10C, 0x120, 0x128, 0x140, 0x148]
    var now: VirtualTime = 0
    for _ in 0..<60_000 {
      now = now.later(by: random.below(4) == 0 ? random.below(1 << random.below(42)) : random.below(100))
      let width = widths[Int(random.below(4))]
      let offset = random.below(3) == 0 ? random.value() : registers[Int(random.below(12))]
      switch random.below(4) {
      case 0: _ = rig.read(offset, width: width, at: now)
      case 1, 2: rig.write(offset, random.value(), width: width, at: now)
      default: rig.hpet.setLine(Int(random.below(3)), level: random.below(2) == 0, at: now)
      }
      let end = now.later(by: 50)
      guard serveDeadlines(of: rig.hpet, until: end, from: now, limit: 8) != nil else {
        Issue.record("a deadline did not move at \(now)")
        return
      }
      now = end
    }
  }

  /// Timers that interrupt nobody are not brought up to date by looking, but shown so.
  @Test func describesItself() {
    let rig = Rig()
    rig.write(0x100, 20 << 9 | 1 << 2)
    rig.write(0x108, 50_000)
    rig.write(0x120, 21 << 9 | 1 << 6 | 0xE)
    rig.write(0x128, 100_000)
    rig.write(0x140, 1 << 6 | 1 << 3)
    rig.write(0x148, 1000)
    rig.write(0x10, 1)
    let before = savedState(of: rig.hpet)
    let description = rig.hpet.description(at: 25_000)
    #expect(description["GEN_CONF"] == "0000000000000001h  ENABLE_CNF")
    #expect(description["MAIN_CNT"] == "00000000000009C4h  counts")
    #expect(description["T0_CONF"] == "00F0000000002834h  INT_ENB_CNF PER_INT_CAP SIZE_CAP")
    #expect(description.more("T0_CONF") == ["one-shot, edge, enabled, I/O APIC input 20"])
    #expect(description["T0_COMP"] == "000000000000C350h  matches in 47500 counts")
    #expect(
      description.more("T1_CONF") == ["periodic, every 100000 counts, level, enabled, I/O APIC input 21"])
    #expect(description.more("T2_CONF") == ["periodic, every 1000 counts, edge, disabled, no route"])
    #expect(description["T2_COMP"] == "0000000000000BB8h  matches in 500 counts")
    #expect(savedState(of: rig.hpet) == before)
    #expect(rig.read(0x148, at: 25_000) == 3000)
    // A level interrupt of a match that is due.
    #expect(rig.hpet.description(at: 1_000_000)["GINTR_STS"] == "0000000000000002h  T1_INT_STS")
    rig.write(0x10, 2, at: 1_000_000)
    #expect(rig.hpet.description(at: 1_000_000).more("T0_CONF") == ["one-shot, edge, enabled, IRQ0"])
  }
}
