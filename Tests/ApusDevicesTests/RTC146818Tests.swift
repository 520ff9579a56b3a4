import ApusBase
import ApusDevices
import Testing

private struct Clock {
  let lines = LineRecorder()
  let rtc: RTC146818

  init(startDate: UInt64 = RTC146818.defaultStartDate) {
    let configuration = CMOSConfiguration(memoryBelow4GiB: 128 << 20)
    rtc = RTC146818(IRQ8: Line(lines, 8), configuration: configuration, startDate: startDate)
    rtc.reset(at: 0)
  }
  func read(_ index: UInt8, at now: VirtualTime) -> UInt8 {
    rtc.writeByte(0x70, index, at: now)
    return rtc.readByte(0x71, at: now)
  }
  func write(_ index: UInt8, _ value: UInt8, at now: VirtualTime) {
    rtc.writeByte(0x70, index, at: now)
    rtc.writeByte(0x71, value, at: now)
  }
  /// Century, year, month, day, weekday, hours, minutes, seconds.
  func registers(at now: VirtualTime) -> [UInt8] {
    [0x32, 9, 8, 7, 6, 4, 2, 0].map { read($0, at: now) }
  }
  func set(_ values: [UInt8], at now: VirtualTime) {
    let B = read(0x0B, at: now)
    write(0x0B, B | 0x80, at: now)
    for (index, value) in zip([0x32, 9, 8, 7, 6, 4, 2, 0] as [UInt8], values) { write(index, value, at: now) }
    write(0x0B, B, at: now)
  }
}

private let second = VirtualTime.second

@Suite struct RTC146818Tests {
  @Test func startsAtTheDateGiven() {
    // `date -u -d @N` and `date -u +%w`: 2000-02-29 was a Tuesday, 1999-12-31 a Friday.
    #expect(
      Clock(startDate: 951_827_696).registers(at: 0) == [0x20, 0x00, 0x02, 0x29, 3, 0x12, 0x34, 0x56])
    #expect(
      Clock(startDate: 946_684_799).registers(at: 0) == [0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59])
    #expect(Clock().registers(at: 0) == [0x20, 0x24, 0x01, 0x01, 2, 0, 0, 0])
    #expect(Clock(startDate: .max).registers(at: 0) == [0x99, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59])
  }

  @Test func secondsCarryThroughTheCentury() {
    let clock = Clock(startDate: 946_684_799)
    #expect(clock.read(0, at: second - 1) == 0x59)
    #expect(clock.registers(at: second) == [0x20, 0x00, 0x01, 0x01, 7, 0, 0, 0])
    // A long sleep is caught up at once: 366 days later, a leap year.
    #expect(clock.registers(at: (366 * 86400 + 1) * second) == [0x20, 0x01, 0x01, 0x01, 2, 0, 0, 0])
  }

  @Test func leapYears() {
    let clock = Clock()
    var start: VirtualTime = 0
    for (year, expected): (UInt8, [UInt8]) in [
      (0x23, [0x20, 0x23, 0x03, 0x01]), (0x24, [0x20, 0x24, 0x02, 0x29]), (0x00, [0x20, 0x00, 0x02, 0x29]),
    ] {
      start += 10 * second
      clock.set([0x20, year, 0x02, 0x28, 1, 0x23, 0x59, 0x59], at: start)
      #expect(Array(clock.registers(at: start + second).prefix(4)) == expected)
    }
  }

  @Test func calendarAgreesWithItself() {
    for (days, date) in [
      (0, (1970, 1, 1)), (19_782, (2024, 2, 29)), (11_016, (2000, 2, 29)), (-1, (1969, 12, 31)),
      (-25_508, (1900, 3, 1)), (47_541, (2100, 3, 1)),
    ] {
      let expected = CalendarDate(year: date.0, month: date.1, day: date.2)
      #expect(CalendarDate(days: days) == expected)
      #expect(expected.days == days)
    }
    for days in stride(from: -1_000_000, to: 3_000_000, by: 97) {
      #expect(CalendarDate(days: days).days == days)
    }
  }

  @Test func binaryAndTwelveHourFormats() {
    let clock = Clock()
    clock.write(0x0B, 0x00, at: 0)  // BCD, 12 h
    clock.set([0x20, 0x24, 0x01, 0x01, 2, 0x11, 0x59, 0x59], at: 0)
    #expect(clock.read(4, at: second) == 0x92)  // 12 PM
    clock.set([0x20, 0x24, 0x01, 0x01, 2, 0x92, 0x59, 0x59], at: second)
    #expect(clock.read(4, at: 2 * second) == 0x81)
    clock.set([0x20, 0x24, 0x01, 0x01, 2, 0x91, 0x59, 0x59], at: 2 * second)
    #expect(clock.read(4, at: 3 * second) == 0x12)  // 12 AM
    #expect(clock.read(7, at: 3 * second) == 0x02)
    clock.write(0x0B, 0x06, at: 3 * second)  // binary, 24 h
    clock.set([20, 24, 12, 31, 3, 23, 59, 59], at: 3 * second)
    #expect(clock.registers(at: 4 * second) == [20, 25, 1, 1, 4, 0, 0, 0])
    clock.write(0x0B, 0x04, at: 4 * second)  // binary, 12 h
    clock.set([20, 24, 1, 1, 2, 0x80 | 11, 59, 59], at: 4 * second)
    #expect(clock.read(4, at: 5 * second) == 12)
  }

  @Test func updateInProgressPrecedesTheSecond() {
    let clock = Clock()
    // 73 of 32768 periods: 2.228 ms.
    #expect(clock.read(0x0A, at: second - 2_229_000) == 0x26)
    #expect(clock.read(0x0A, at: second - 2_227_000) == 0xA6)
    #expect(clock.read(0x0A, at: second - 1) == 0xA6)
    #expect(clock.read(0x0A, at: second) == 0x26)
    clock.write(0x0B, 0x82, at: second)
    #expect(clock.read(0x0A, at: 2 * second - 1) == 0x26)
  }

  @Test func SETStopsUpdatesAndClearsUIE() {
    let clock = Clock()
    clock.write(0x0B, 0x92, at: 0)
    #expect(clock.read(0x0B, at: 0) == 0x82)
    #expect(clock.read(0, at: 10 * second) == 0)
    #expect(clock.read(0x0C, at: 10 * second) & 0x30 == 0)
    clock.write(0x0B, 0x02, at: 10 * second)
    #expect(clock.read(0, at: 11 * second) == 1)
  }

  @Test func dividerReleaseUpdatesAfterHalfASecond() {
    let clock = Clock()
    let start = 3 * second + 123_456_789
    clock.write(0x0A, 0x76, at: start)
    #expect(clock.read(0, at: 10 * second) == 0x03)
    clock.write(0x0A, 0x26, at: 10 * second + 700_000_000)
    #expect(clock.read(0, at: 11 * second + 199_900_000) == 0x03)
    #expect(clock.read(0, at: 11 * second + 200_100_000) == 0x04)
  }

  @Test func updateEndedInterrupt() {
    let clock = Clock()
    clock.write(0x0B, 0x12, at: 0)
    #expect(clock.rtc.deadline == second)
    runDevice(clock.rtc, until: second)
    #expect(clock.lines.level(8))
    #expect(clock.rtc.deadline == .never)
    #expect(clock.read(0x0C, at: second) & 0xBF == 0x90)
    #expect(!clock.lines.level(8))
    #expect(clock.read(0x0C, at: second) == 0)
    #expect(clock.rtc.deadline == 2 * second)
  }

  @Test func alarmWithWildcards() {
    // (hours, minutes, seconds alarm) and the second at which it strikes, from midnight.
    for (alarm, expected): ([UInt8], UInt64) in [
      ([0x00, 0x00, 0x07], 7), ([0xFF, 0xC0, 0xFF], 1), ([0xFF, 0xFF, 0x30], 30), ([0xFF, 0x02, 0xFF], 120),
      ([0x01, 0x00, 0x00], 3600), ([0x23, 0x59, 0x59], 86399), ([0x00, 0x00, 0x00], 86400),
    ] {
      let clock = Clock()
      for (index, value) in zip([5, 3, 1] as [UInt8], alarm) { clock.write(index, value, at: 0) }
      clock.write(0x0B, 0x22, at: 0)
      runDevice(clock.rtc, until: 86401 * second)
      #expect(clock.lines.rises(8) == [expected * second])
      // Without interrupts the flag is found all the same, however late one looks.
      let lazy = Clock()
      for (index, value) in zip([5, 3, 1] as [UInt8], alarm) { lazy.write(index, value, at: 0) }
      #expect(lazy.read(0x0C, at: expected * second - 1) & 0x20 == 0)
      let late = Clock()
      for (index, value) in zip([5, 3, 1] as [UInt8], alarm) { late.write(index, value, at: 0) }
      #expect(late.read(0x0C, at: 90000 * second) & 0x20 != 0)
    }
    let never = Clock()
    never.write(5, 0x24, at: 0)
    never.write(0x0B, 0x22, at: 0)
    #expect(never.read(0x0C, at: 100_000 * second) & 0x20 == 0)
  }

  @Test func periodicRates() {
    // Datasheet, Table 5, at 32.768 kHz: interrupts per second.
    let rates: [UInt8: Int] = [
      1: 256, 2: 128, 3: 8192, 4: 4096, 5: 2048, 6: 1024, 7: 512, 8: 256, 9: 128, 10: 64, 11: 32, 12: 16,
      13: 8, 14: 4, 15: 2, 0: 0,
    ]
    for (rate, expected) in rates.sorted(by: { $0.key < $1.key }) {
      let clock = Clock()
      clock.write(0x0A, 0x20 | rate, at: 0)
      clock.write(0x0B, 0x42, at: 0)
      var interrupts = 0
      while clock.rtc.deadline <= second {
        let now = clock.rtc.deadline
        clock.rtc.run(at: now)
        #expect(clock.lines.level(8))
        #expect(clock.read(0x0C, at: now) & 0xC0 == 0xC0)
        interrupts += 1
      }
      #expect(interrupts == expected)
    }
  }

  @Test func enablingABitWithItsFlagSetInterrupts() {
    let clock = Clock()
    #expect(clock.read(0x0D, at: 0) == 0x80)
    clock.rtc.run(at: second)
    #expect(!clock.lines.level(8))
    clock.write(0x0B, 0x12, at: second + 1)
    #expect(clock.lines.level(8))
    clock.rtc.reset(at: second + 2)
    #expect(!clock.lines.level(8))
    #expect(clock.read(0x0B, at: second + 2) == 0x02)
  }

  /// QEMU 7.2, `-M pc -m N`, read through ports 70h/71h.
  @Test func memorySizesAndBootOrderAreQEMUs() {
    let indices = [
      0x10, 0x14, 0x15, 0x16, 0x17, 0x18, 0x30, 0x31, 0x34, 0x35, 0x5B, 0x5C, 0x5D, 0x5F, 0x38, 0x3D,
    ]
    let MiB: UInt64 = 1 << 20
    let machines: [(UInt64, UInt64, [UInt8])] = [
      (1 * MiB, 0, [0, 6, 0x80, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x30, 0x12]),
      (16 * MiB, 0, [0, 6, 0x80, 2, 0, 0x3C, 0, 0x3C, 0, 0, 0, 0, 0, 0, 0x30, 0x12]),
      (128 * MiB, 0, [0, 6, 0x80, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0, 7, 0, 0, 0, 0, 0x30, 0x12]),
      (
        3072 * MiB, 3072 * MiB,
        [0, 6, 0x80, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0xBF, 0, 0xC0, 0, 0, 0x30, 0x12]
      ),
    ]
    for (below, above, expected) in machines {
      let bytes = CMOSConfiguration(memoryBelow4GiB: below, memoryAbove4GiB: above).bytes
      #expect(indices.map { bytes[$0] } == expected)
    }
  }

  @Test func configurationBytes() {
    var configuration = CMOSConfiguration(memoryBelow4GiB: 64 << 20)
    configuration.floppies = (.m1_44, .k360)
    configuration.processors = 4
    let rtc = RTC146818(IRQ8: Line(nil, 0), configuration: configuration)
    #expect(rtc.configurationByte(0x10) == 0x41)
    #expect(rtc.configurationByte(0x14) == 0x47)
    #expect(rtc.configurationByte(0x5F) == 3)
    rtc.setConfigurationByte(0x12, 0xF0)
    var sum: UInt16 = 0
    for index in 0x10...0x2D { sum += UInt16(rtc.configurationByte(index)) }
    #expect(rtc.configurationByte(0x2E) == UInt8(sum >> 8))
    #expect(rtc.configurationByte(0x2F) == UInt8(sum & 0xFF))
    rtc.writeByte(0x70, 0x8F, at: 0)
    #expect(rtc.isNMIMasked)
    rtc.writeByte(0x71, 0x0A, at: 0)
    #expect(rtc.shutdownByte == 0x0A)
    rtc.reset(at: 5)
    #expect(rtc.shutdownByte == 0x0A)
    #expect(rtc.readByte(0x70, at: 5) == 0xFF)
  }

  @Test func survivesAnything() throws {
    let make = {
      RTC146818(IRQ8: Line(nil, 0), configuration: CMOSConfiguration(memoryBelow4GiB: 1 << 30))
    }
    for seed: UInt64 in 1...3 {
      try fuzz(make, ports: RTC146818.portRanges, seed: seed) { rtc, word, now in
        // Aim at the clock's registers and skip days.
        rtc.writeByte(0x70, UInt8(word & 0x0F), at: now)
        rtc.writeByte(0x71, UInt8(truncatingIfNeeded: word >> 8), at: now)
        _ = rtc.readByte(0x71, at: now)
      }
    }
    // Years between accesses, with every byte of nonsense in the registers.
    var random = SplitMix64(state: 5)
    let rtc = make()
    var now: VirtualTime = 0
    for _ in 0..<3000 {
      for index: UInt8 in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0B, 0x32] {
        rtc.writeByte(0x70, index, at: now)
        rtc.writeByte(0x71, UInt8(truncatingIfNeeded: random.next()) & (index == 0x0B ? 0x7F : 0xFF), at: now)
      }
      now = now.later(by: random.next() % (100 * 86400 * second))
      rtc.run(at: now)
      #expect(rtc.deadline > now || now == .never)
    }
    fuzzRestore(make, ports: RTC146818.portRanges, seed: 4)
  }
}
