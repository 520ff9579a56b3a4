import ApusBase

/// The MC146818 real-time clock with 128 bytes of battery-backed RAM behind ports 70h and 71h. Sources:
/// Motorola MC146818 datasheet (ADI-856), whose register names are used; Intel 82371FB datasheet for the
/// ports and the NMI mask. Byte 32h is the century, as PC firmware and ACPI's FADT have it.
///
/// The clock runs on virtual time from a 32.768 kHz time base; nothing ticks, each access brings the
/// registers up to date. An update cycle ends at the second; UIP rises 244 us + 1984 us before that
/// (datasheet, "Update Cycle", Table 6).
///
/// Departs from hardware: DV 000 and 001, meant for faster crystals, run like 010; daylight saving (DSE) is
/// stored and ignored, as in PC chip sets; leap years follow the Gregorian rule with the century byte.
package final class RTC146818: BytePortDevice {
  package let name = "RTC146818"
  /// The ports to attach.
  package static let portRanges: [ClosedRange<UInt16>] = [0x70...0x71]
  /// 1 January 2024, 00:00:00 UTC: the date on which a machine starts unless told otherwise.
  package static let defaultStartDate: UInt64 = 1_704_067_200

  private static let frequency: UInt64 = 32768
  /// 8 + 65 periods of the time base.
  private static let updateInProgressLength: UInt64 = 73
  private enum Register {
    static let seconds = 0x00, secondsAlarm = 0x01, minutes = 0x02, minutesAlarm = 0x03
    static let hours = 0x04, hoursAlarm = 0x05, dayOfWeek = 0x06, dayOfMonth = 0x07, month = 0x08
    static let year = 0x09, A = 0x0A, B = 0x0B, C = 0x0C, D = 0x0D, shutdown = 0x0F, century = 0x32
  }

  private let IRQ8: Line
  /// All 128 bytes; A without UIP, C with its flags.
  private var bytes: [UInt8]
  private var index = 0
  /// Bit 7 of port 70h: NMI is masked.
  package private(set) var isNMIMasked = false
  /// The time-base period in which the divider chain started, modulo a second; wraps below zero.
  private var dividerStart: UInt64 = 0
  /// The time-base period up to which the registers are brought.
  private var synced: UInt64 = 0

  /// A clock that shows `startDate` (seconds since 1 January 1970 UTC, to the year 9999) at time 0, in 24 h
  /// BCD mode, with the configuration bytes PC firmware writes. `IRQ8` is driven with IRQF, a level.
  package init(IRQ8: Line, configuration: CMOSConfiguration, startDate: UInt64 = defaultStartDate) {
    self.IRQ8 = IRQ8
    bytes = configuration.bytes
    bytes[Register.A] = 0x26
    bytes[Register.B] = 0x02
    bytes[Register.D] = 0x80
    let seconds = Int(min(startDate, 253_402_300_799))
    store(days: seconds / 86400, secondOfDay: seconds % 86400)
    let weekday = CalendarDate.weekday(days: seconds / 86400)
    bytes[Register.dayOfWeek] = encoded(weekday)
  }

  /// The shutdown byte 0Fh, by which firmware tells a reset from a return to real mode.
  package var shutdownByte: UInt8 { bytes[Register.shutdown] }

  /// Reads configuration byte `index` (0Eh–7Fh) without a port access.
  package func configurationByte(_ index: Int) -> UInt8 { bytes[index & 0x7F] }

  /// Sets configuration byte `index` (0Eh–7Fh), for board settings beyond `CMOSConfiguration`.
  package func setConfigurationByte(_ index: Int, _ value: UInt8) {
    precondition((0x0E...0x7F).contains(index), "not a configuration byte")
    bytes[index] = value
    CMOSConfiguration.writeChecksum(&bytes)
  }

  /// RESET#: "clears PIE, AIE, UIE, SQWE and the flags of C"; time, calendar and RAM keep their values.
  package func reset(at now: VirtualTime) {
    synchronise(at: now)
    bytes[Register.B] &= 0x87
    bytes[Register.C] = 0
    isNMIMasked = false
    IRQ8.set(false, at: now)
  }

  // MARK: Time

  /// DV selects a running time base (register A, bits 6:4).
  private var isDividerRunning: Bool { bytes[Register.A].bits(6, 4) <= 2 }
  /// Whether the time is updated each second: SET inhibits it.
  private var isUpdating: Bool { isDividerRunning && !bytes[Register.B].bit(7) }

  /// The periodic interrupt's period in periods of the time base (datasheet, Table 5), 0 for none.
  private var periodicPeriod: UInt64 {
    switch bytes[Register.A] & 0x0F {
    case 0: 0
    case 1: 128
    case 2: 256
    case let rate: 1 << UInt64(rate - 1)
    }
  }

  private var isUpdateInProgress: Bool {
    isUpdating && (synced &- dividerStart) % Self.frequency >= Self.frequency - Self.updateInProgressLength
  }

  package var deadline: VirtualTime {
    guard isDividerRunning else { return .never }
    let (enables, flags) = (bytes[Register.B], bytes[Register.C])
    let waiting = enables & ~flags
    let phase = synced &- dividerStart
    var periods = UInt64.max
    if waiting.bit(6) && periodicPeriod != 0 { periods = periodicPeriod - phase % periodicPeriod }
    if isUpdating && waiting & 0x30 != 0 {
      periods = min(periods, Self.frequency - phase % Self.frequency)
    }
    return periods == .max ? .never : .time(ofCycle: synced &+ periods, at: Self.frequency)
  }

  package func run(at now: VirtualTime) { synchronise(at: now) }

  private func synchronise(at now: VirtualTime) {
    let present = now.cycles(at: Self.frequency)
    guard present > synced else { return }
    let (from, to) = (synced &- dividerStart, present &- dividerStart)
    synced = present
    guard isDividerRunning else { return }
    if periodicPeriod != 0 && from / periodicPeriod != to / periodicPeriod {
      bytes[Register.C].setBit(6, true)
    }
    let seconds = (to / Self.frequency) &- (from / Self.frequency)
    if seconds != 0 && isUpdating {
      advance(by: Int(truncatingIfNeeded: min(seconds, 1 << 36)))
      bytes[Register.C].setBit(4, true)
    }
    driveIRQ8(at: now)
  }

  private func driveIRQ8(at now: VirtualTime) {
    let isRequesting = bytes[Register.B] & bytes[Register.C] & 0x70 != 0
    bytes[Register.C].setBit(7, isRequesting)
    IRQ8.set(isRequesting, at: now)
  }

  /// Performs `seconds` updates and sets AF if one of them meets the alarm. Values that are no time or date
  /// count on from what their digits say.
  private func advance(by seconds: Int) {
    let year = decoded(bytes[Register.century]) * 100 + decoded(bytes[Register.year])
    let date = CalendarDate(
      year: year, month: decoded(bytes[Register.month]), day: decoded(bytes[Register.dayOfMonth]))
    let secondOfDay =
      decodedHours(bytes[Register.hours]) * 3600 + decoded(bytes[Register.minutes]) * 60
      + decoded(bytes[Register.seconds])
    let total = secondOfDay + seconds
    let passedDays = total / 86400
    if passedDays > 0 {
      let weekday = max(decoded(bytes[Register.dayOfWeek]), 1)
      bytes[Register.dayOfWeek] = encoded((weekday - 1 + passedDays) % 7 + 1)
    }
    store(days: date.days + passedDays, secondOfDay: total % 86400)
    if !bytes[Register.C].bit(5) && meetsAlarm(endingAt: total % 86400, count: min(seconds, 86400)) {
      bytes[Register.C].setBit(5, true)
    }
  }

  private func store(days: Int, secondOfDay: Int) {
    let date = CalendarDate(days: days)
    bytes[Register.seconds] = encoded(secondOfDay % 60)
    bytes[Register.minutes] = encoded(secondOfDay / 60 % 60)
    bytes[Register.hours] = encodedHours(secondOfDay / 3600)
    bytes[Register.dayOfMonth] = encoded(date.day)
    bytes[Register.month] = encoded(date.month)
    bytes[Register.year] = encoded(date.year % 100)
    bytes[Register.century] = encoded(date.year / 100 % 100)
  }

  /// Whether one of the `count` seconds of the day that end with `last` meets the three alarm bytes;
  /// C0h–FFh is "don't care".
  private func meetsAlarm(endingAt last: Int, count: Int) -> Bool {
    let hours = alarmValues(Register.hoursAlarm, 24)
    let minutes = alarmValues(Register.minutesAlarm, 60)
    let seconds = alarmValues(Register.secondsAlarm, 60)
    guard !hours.isEmpty && !minutes.isEmpty && !seconds.isEmpty else { return false }
    for back in 0..<count {
      let second = (last - back + 86400) % 86400
      if hours.contains(second / 3600) && minutes.contains(second / 60 % 60)
        && seconds.contains(second % 60)
      {
        return true
      }
    }
    return false
  }

  /// The values below `limit` that alarm byte `register` accepts.
  private func alarmValues(_ register: Int, _ limit: Int) -> Range<Int> {
    let alarm = bytes[register]
    if alarm >= 0xC0 { return 0..<limit }
    for value in 0..<limit where alarm == (limit == 24 ? encodedHours(value) : encoded(value)) {
      return value..<(value + 1)
    }
    return 0..<0
  }

  // MARK: Formats (register B: DM binary or BCD, 24/12 hours)

  private func encoded(_ value: Int) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: value % 100)
    return bytes[Register.B].bit(2) ? value : (value / 10) << 4 | value % 10
  }

  private func decoded(_ byte: UInt8) -> Int {
    bytes[Register.B].bit(2) ? Int(byte) : Int(byte >> 4) * 10 + Int(byte & 0x0F)
  }

  private func encodedHours(_ hour: Int) -> UInt8 {
    if bytes[Register.B].bit(1) { return encoded(hour) }
    return encoded(hour % 12 == 0 ? 12 : hour % 12) | (hour >= 12 ? 0x80 : 0)
  }

  private func decodedHours(_ byte: UInt8) -> Int {
    if bytes[Register.B].bit(1) { return decoded(byte) }
    return decoded(byte & 0x7F) % 12 + (byte.bit(7) ? 12 : 0)
  }

  // MARK: Ports

  package func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 {
    guard port == 0x71 else { return 0xFF }  // port 70h is write-only
    synchronise(at: now)
    switch index {
    case Register.A:
      return bytes[Register.A] | (isUpdateInProgress ? 0x80 : 0)
    case Register.C:
      let flags = bytes[Register.C]
      bytes[Register.C] = 0
      driveIRQ8(at: now)
      return flags
    default:
      return bytes[index]
    }
  }

  package func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    switch port {
    case 0x70:
      index = Int(value & 0x7F)
      isNMIMasked = value.bit(7)
    case 0x71:
      synchronise(at: now)
      writeRegister(value)
      driveIRQ8(at: now)
    default:
      return
    }
  }

  private func writeRegister(_ value: UInt8) {
    switch index {
    case Register.A:
      let wasRunning = isDividerRunning
      bytes[Register.A] = value & 0x7F
      // "Register A, DV2–DV0": the first update comes half a second after the divider's release.
      if isDividerRunning && !wasRunning { dividerStart = synced &- Self.frequency / 2 }
    case Register.B:
      // "SET": inhibits updates and clears UIE.
      bytes[Register.B] = value.bit(7) ? value & ~0x10 : value
    case Register.C, Register.D:
      break  // read-only
    default:
      bytes[index] = value
    }
  }

  // MARK: State

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { writer in
      writer.write(bytes)
      writer.write(UInt8(truncatingIfNeeded: index))
      writer.write(isNMIMasked)
      writer.write(dividerStart)
      writer.write(synced)
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in
      let savedBytes = try reader.readBytes(limit: 128, "bytes")
      guard savedBytes.count == 128 else { throw reader.invalid("bytes") }
      bytes = savedBytes
      index = Int(try reader.read(UInt8.self) & 0x7F)
      isNMIMasked = try reader.readBool("isNMIMasked")
      dividerStart = try reader.read()
      synced = try reader.read()
      guard synced <= VirtualTime.max.cycles(at: Self.frequency) else { throw reader.invalid("synced") }
    }
  }
}

// MARK: For people

extension RTC146818 {
  /// The clock as it was brought up to date last, and its registers; C is not cleared.
  package var description: DeviceDescription {
    var description = DeviceDescription("MC146818 (RTC)")
    let fields = [Register.century, Register.year, Register.month, Register.dayOfMonth].map {
      two(decoded(bytes[$0]))
    }
    let time = [
      decodedHours(bytes[Register.hours]), decoded(bytes[Register.minutes]), decoded(bytes[Register.seconds]),
    ]
    description.add("date", fields[0] + fields[1] + "-" + fields[2] + "-" + fields[3])
    description.add("time", time.map { two($0) }.joined(separator: ":"))
    description.add(
      "A",
      DeviceDescription.hex(bytes[Register.A]) + "  "
        + (periodicPeriod == 0 ? "no periodic interrupt" : "\(Self.frequency / periodicPeriod) Hz"))
    description.add(
      "B", bytes[Register.B], bits: ["DSE", "24 h", "binary", "SQWE", "UIE", "AIE", "PIE", "SET"])
    description.add("C", bytes[Register.C], bits: ["", "", "", "", "UF", "AF", "PF", "IRQF"])
    description.add(
      "index", DeviceDescription.hex(UInt8(truncatingIfNeeded: index)) + (isNMIMasked ? "  NMI masked" : ""))
    return description
  }

  private func two(_ value: Int) -> String { (value < 10 ? "0" : "") + "\(value)" }
}
