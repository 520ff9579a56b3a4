import ApusBase
import ApusDevices
import Testing

private struct Rig {
  static let sci = 0
  static let hardReset = 1
  static let softReset = 2
  static let powerOff = 3

  let wires = InterruptWires()
  let pm: PowerManagement

  init(timerIs32Bit: Bool = true) {
    var layout = PowerManagementLayout()
    layout.timerIs32Bit = timerIs32Bit
    pm = PowerManagement(
      layout: layout, sci: wires.line(Rig.sci), hardReset: wires.line(Rig.hardReset),
      softReset: wires.line(Rig.softReset), powerOff: wires.line(Rig.powerOff))
    pm.reset(at: 0)
  }

  func read(_ port: UInt16, _ width: Int, at now: VirtualTime = 0) -> UInt32 {
    pm.readPort(port, width: width, at: now)
  }

  func write(_ port: UInt16, _ value: UInt32, _ width: Int, at now: VirtualTime = 0) {
    pm.writePort(port, value, width: width, at: now)
  }

  func enableACPI() { write(0xB2, 0xF1, 1) }
}

@Suite struct PowerManagementTests {
  @Test func timerCountsAt3579545Hertz() {
    let rig = Rig()
    #expect(rig.read(0x608, 4, at: 1_000_000_000) == 3_579_545)
    #expect(rig.read(0x608, 4, at: 279) == 0)
    #expect(rig.read(0x608, 4, at: 280) == 1)
    // 5 s is 17,897,725 ticks, 2^24 + 1,120,509.
    #expect(rig.read(0x608, 4, at: 5_000_000_000) == 17_897_725)
    #expect(Rig(timerIs32Bit: false).read(0x608, 4, at: 5_000_000_000) == 1_120_509)
    #expect(rig.read(0x60A, 1, at: 5_000_000_000) == 17_897_725 >> 16 & 0xFF)
  }

  @Test func timerStatusAtEachToggleOfTheTopBit() {
    let rig = Rig(timerIs32Bit: false)
    rig.enableACPI()
    rig.write(0x602, 1, 2)
    // 2^23 ticks: 2.343... s.
    let toggle = VirtualTime(2_343_484_438)
    #expect(rig.pm.deadline == toggle)
    #expect(rig.read(0x600, 2, at: toggle - 1) == 0)
    rig.pm.run(at: toggle)
    #expect(rig.wires.levels[Rig.sci])
    #expect(rig.pm.deadline == .never)
    #expect(rig.read(0x600, 2, at: toggle) == 1)
    rig.write(0x600, 1, 2, at: toggle + 5)
    #expect(!rig.wires.levels[Rig.sci])
    #expect(rig.pm.deadline == 4_686_968_875)
    #expect(rig.read(0x600, 2, at: 4_686_968_875) == 1)
  }

  @Test func enablingACPI() {
    let rig = Rig()
    #expect(rig.read(0x604, 2) == 0)
    rig.enableACPI()
    #expect(rig.read(0x604, 2) == 1)
    #expect(rig.read(0xB2, 1) == 0xF1)
    // The guest's own write does not change SCI_EN.
    rig.write(0x604, 0, 2)
    #expect(rig.read(0x604, 2) == 1)
    rig.write(0xB2, 0xF0, 1)
    #expect(rig.read(0x604, 2) == 0)
  }

  @Test func powerButton() {
    let rig = Rig()
    rig.enableACPI()
    rig.write(0x602, 0x100, 2)
    rig.pm.pressPowerButton(at: 10)
    #expect(rig.wires.levels[Rig.sci])
    #expect(rig.read(0x600, 4, at: 10) == 0x0100_0100)
    // The byte of the status register that holds it.
    rig.write(0x601, 0x01, 1, at: 20)
    #expect(!rig.wires.levels[Rig.sci])
    #expect(!rig.pm.powerOffRequested)
    let legacy = Rig()
    legacy.pm.pressPowerButton(at: 0)
    #expect(legacy.pm.powerOffRequested)
  }

  @Test func softOff() {
    let rig = Rig()
    rig.enableACPI()
    // S1 (PIIX4 SLP_TYP 5, say) is not there.
    rig.write(0x604, 5 << 10 | 1 << 13, 2)
    #expect(!rig.pm.powerOffRequested)
    #expect(rig.read(0x604, 2) == 5 << 10 | 1)
    rig.write(0x604, 0 << 10, 2)
    #expect(!rig.pm.powerOffRequested)
    rig.write(0x604, 1 << 13, 2)
    #expect(rig.pm.powerOffRequested)
    #expect(rig.wires.levels[Rig.powerOff])
    #expect(rig.read(0x604, 2) == 1)
    rig.pm.reset(at: 5)
    #expect(!rig.pm.powerOffRequested && !rig.wires.levels[Rig.powerOff])
  }

  @Test func resetControl() {
    let rig = Rig()
    rig.write(0xCF9, 0x02, 1)
    #expect(rig.wires.edges[Rig.hardReset] == 0)
    rig.write(0xCF9, 0x06, 1)
    #expect(rig.wires.edges[Rig.hardReset] == 1)
    rig.write(0xCF9, 0x06, 1)
    #expect(rig.wires.edges[Rig.hardReset] == 1)
    rig.write(0xCF9, 0x00, 1)
    rig.write(0xCF9, 0x04, 1)
    #expect(rig.wires.edges[Rig.softReset] == 1)
    #expect(rig.read(0xCF9, 1) == 0x04)
  }

  @Test func generalPurposeEvents() {
    let rig = Rig()
    rig.enableACPI()
    rig.write(0x60E, 0x0002, 2)
    rig.pm.setLine(1, level: true, at: 0)
    #expect(rig.wires.levels[Rig.sci])
    #expect(rig.read(0x60C, 4) == 0x0002_0002)
    // Asserted still: the status comes back.
    rig.write(0x60C, 0x02, 1)
    #expect(rig.wires.levels[Rig.sci])
    rig.pm.setLine(1, level: false, at: 0)
    #expect(rig.wires.levels[Rig.sci])
    rig.write(0x60C, 0x02, 1)
    #expect(!rig.wires.levels[Rig.sci])
  }

  @Test func stateRoundTrip() throws {
    let rig = Rig()
    rig.enableACPI()
    rig.write(0x602, 0x0321, 2)
    rig.write(0x60E, 0x00FF, 2)
    rig.pm.setLine(1, level: true, at: 0)
    rig.pm.pressPowerButton(at: 10)
    rig.write(0xCF9, 0x02, 1)
    rig.pm.run(at: 700_000_000_000)
    let bytes = savedState(of: rig.pm)
    let other = Rig()
    var reader = StateReader(bytes)
    try other.pm.restore(from: &reader)
    #expect(reader.isAtEnd)
    #expect(savedState(of: other.pm) == bytes)
    #expect(other.read(0x600, 4, at: 700_000_000_000) == 0x0321_0101)
  }

  @Test(arguments: [UInt64(31), 32]) func randomAccess(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let rig = Rig(timerIs32Bit: seed == 31)
    let widths = [1, 2, 4]
    var now: VirtualTime = 0
    for _ in 0..<60_000 {
      now = now.later(by: random.below(1 << random.below(44)))
      let width = widths[Int(random.below(3))]
      let ports: [UInt16] = [
        UInt16(random.below(0x10000)), 0xB2, 0xCF9, 0x600 + UInt16(random.below(0x10)),
        0x600 + UInt16(random.below(0x40)),
      ]
      let port = ports[Int(random.below(5))]
      let value = UInt32(truncatingIfNeeded: random.value())
      switch random.below(6) {
      case 0, 1: _ = rig.read(port, width, at: now)
      case 2: rig.pm.setLine(Int(random.below(20)), level: random.below(2) == 0, at: now)
      case 3: rig.write(0xB2, 0xF0 + value % 2, 1, at: now)
      default: rig.write(port, value, width, at: now)
      }
      guard serveDeadlines(of: rig.pm, until: now.later(by: 10_000_000_000), from: now, limit: 8) != nil
      else {
        Issue.record("a deadline did not move at \(now)")
        return
      }
      now = now.later(by: 10_000_000_000)
    }
  }

  @Test func describesItself() {
    let rig = Rig()
    rig.enableACPI()
    rig.write(0x602, 0x0101, 2)
    rig.pm.setLine(3, level: true, at: 0)
    rig.pm.pressPowerButton(at: 1_000_000_000)
    let before = savedState(of: rig.pm)
    let description = rig.pm.description(at: 1_000_000_000)
    #expect(description["PM1_STS"] == "0100h  PWRBTN_STS")
    #expect(description["PM1_EN"] == "0101h  TMR_EN PWRBTN_EN")
    #expect(description["PM1_CNT"] == "0001h  SCI_EN SLP_TYP 0")
    #expect(description["PM_TMR"] == "00369E99h  32 bits")
    #expect(description["GPE0_STS"] == "0008h  3" && description["GPE0_EN"] == "0000h")
    #expect(description["SMI_CMD"] == "F1h  ACPI enable" && description["SCI"] == "high")
    // Bit 31 of the timer has changed after 599.9 seconds.
    #expect(rig.pm.description(at: 600_000_000_000)["PM1_STS"] == "0101h  TMR_STS PWRBTN_STS")
    #expect(savedState(of: rig.pm) == before)
  }
}
