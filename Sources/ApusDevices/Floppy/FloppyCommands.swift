import ApusBase

/// A SEEK, RELATIVE SEEK or RECALIBRATE under way.
struct FloppySeek {
  /// The drive that was selected at the start, nil for none.
  let drive: Int?
  let start: VirtualTime
  /// Nanoseconds between step pulses.
  let interval: UInt64
  let pulses: UInt8
  let isInwards: Bool
  let isRecalibration: Bool
  /// PCN at the end.
  let target: UInt8
  let dueAt: VirtualTime

  init(
    drive: Int?, start: VirtualTime, interval: UInt64, pulses: Int, isInwards: Bool, target: UInt8,
    isRecalibration: Bool = false
  ) {
    self.drive = drive
    self.start = start
    self.interval = interval
    self.pulses = UInt8(clamping: pulses)
    self.isInwards = isInwards
    self.isRecalibration = isRecalibration
    self.target = target
    dueAt = start.later(by: UInt64(self.pulses) * interval + 100_000)
  }

  /// The pulses given by `now`.
  func pulses(by now: VirtualTime) -> Int { Int(min((now &- start) / max(interval, 1), UInt64(pulses))) }

  func save(to w: inout StateWriter) {
    w.write(UInt8(drive ?? 0xFF))
    w.write(start)
    w.write(interval)
    w.write(pulses)
    w.write(isInwards)
    w.write(isRecalibration)
    w.write(target)
    w.write(dueAt)
  }

  init(from r: inout StateReader) throws(StateError) {
    let number = try r.read(UInt8.self)
    guard number < 2 || number == 0xFF else { throw r.invalid("drive") }
    drive = number < 2 ? Int(number) : nil
    start = try r.read()
    interval = try r.read()
    pulses = try r.read()
    isInwards = try r.readBool("isInwards")
    isRecalibration = try r.readBool("isRecalibration")
    target = try r.read()
    dueAt = try r.read()
  }
}

/// The command phase, and the commands that move no data.
extension FloppyController82077AA {
  /// Bytes of the command that begins with `code`, nil for an invalid one: "82077AA Command Set". The scan
  /// commands of the 8272A are not in it.
  static func commandLength(_ code: UInt8) -> Int? {
    switch code {
    case 0x08, 0x0E, 0x10, 0x14, 0x94: return 1
    case 0x04, 0x07, 0x12: return 2
    case 0x03, 0x0F, 0x8F, 0xCF: return 3
    case 0x13: return 4
    default: break
    }
    switch code & 0x1F {
    case 0x06, 0x0C, 0x16: return 9
    case 0x05, 0x09: return code.bit(5) ? nil : 9
    case 0x02: return code & 0xA0 == 0 ? 9 : nil
    case 0x0D: return code & 0xA0 == 0 ? 6 : nil
    case 0x0A: return code & 0xA0 == 0 ? 2 : nil
    default: return nil
    }
  }

  /// Starts the command whose bytes are complete.
  func execute(at now: VirtualTime) {
    switch command[0] {
    case 0x03: setSpecification()
    case 0x04: present([senseDriveStatus()])
    case 0x07: recalibrate(at: now)
    case 0x08: senseInterruptStatus(at: now)
    case 0x0E: dumpRegisters()
    case 0x0F: seek(to: command[2], at: now)
    case 0x8F, 0xCF: relativeSeek(at: now)
    case 0x10: present([0x90])
    case 0x12: setPerpendicularMode()
    case 0x13: configure()
    case 0x14, 0x94:
      isLocked = command[0].bit(7)
      present([isLocked ? 0x10 : 0])
    default: beginExecution(at: now)
    }
  }

  // MARK: Registers

  /// Kilobits per second at the selected data rate.
  var dataRate: Int { [500, 300, 250, 1000][Int(rateSelect & 3)] }

  /// Nanoseconds for a byte on the disk at the selected data rate; the times of SPECIFY scale with it.
  var byteTime: UInt64 {
    switch rateSelect {
    case 0: return 16_000
    case 1: return 26_667
    case 2: return 32_000
    default: return 8_000
    }
  }

  /// The unit of SRT: 1 ms at 500 kb/s.
  private var timeUnit: UInt64 { byteTime * 125 / 2 }
  var stepTime: UInt64 { timeUnit * UInt64(16 - specify.0.bits(7, 4)) }
  var headUnloadTime: UInt64 {
    let HUT = UInt64(specify.0.bits(3, 0))
    return timeUnit * 16 * (HUT == 0 ? 16 : HUT)
  }
  var headLoadTime: UInt64 {
    let HLT = UInt64(specify.1.bits(7, 1))
    return timeUnit * 2 * (HLT == 0 ? 128 : HLT)
  }

  private func setSpecification() {
    specify = (command[1], command[2])
    beginCommandPhase()
  }

  private func configure() {
    configuration = command[2] & 0x7F
    PRETRK = command[3]
    beginCommandPhase()
  }

  /// D3–D0 change with OW only.
  private func setPerpendicularMode() {
    let value = command[1]
    perpendicular = value.bit(7) ? value & 0x3F : perpendicular & 0x3C | value & 0x03
    beginCommandPhase()
  }

  private func dumpRegisters() {
    present(
      PCN + [
        specify.0, specify.1, lastCount, (isLocked ? 0x80 : 0) | perpendicular, configuration, PRETRK,
      ])
  }

  /// ST3: RY and TS are fixed at 1.
  private func senseDriveStatus() -> UInt8 {
    side = command[1].bits(2, 2)
    var ST3 = 0x28 | command[1] & 0x07
    guard let selected, let drive = drives[selected] else { return ST3 }
    if drive.cylinder == 0 { ST3 |= 0x10 }
    if drive.isWriteProtected { ST3 |= 0x40 }
    return ST3
  }

  /// One status at a time, those of polling first; without any it is an invalid command. INT comes again for
  /// another seek, but not for the remaining statuses of polling.
  private func senseInterruptStatus(at now: VirtualTime) {
    guard let drive = sense.firstIndex(where: { $0 != nil }), let status = sense[drive] else {
      return present([0x80])
    }
    sense[drive] = nil
    present([status, PCN[drive]])
    acknowledge(at: now)
  }

  // MARK: Seeks

  private func recalibrate(at now: VirtualTime) {
    // At most 79 pulses, and as many if TRK0# never comes.
    let away = selected.flatMap { drives[$0]?.cylinder }
    let pulses = min(away ?? 79, 79)
    startSeek(pulses: pulses, isInwards: false, target: 0, isRecalibration: true, at: now)
  }

  private func seek(to target: UInt8, at now: VirtualTime) {
    let present = PCN[Int(command[1] & 3)]
    let pulses = abs(Int(target) - Int(present))
    startSeek(pulses: pulses, isInwards: target > present, target: target, at: now)
  }

  /// RELATIVE SEEK moves PCN with it, which wraps.
  private func relativeSeek(at now: VirtualTime) {
    let (isInwards, count) = (command[0].bit(6), command[2])
    let present = PCN[Int(command[1] & 3)]
    let target = isInwards ? present &+ count : present &- count
    startSeek(pulses: Int(count), isInwards: isInwards, target: target, at: now)
  }

  private func startSeek(
    pulses: Int, isInwards: Bool, target: UInt8, isRecalibration: Bool = false, at now: VirtualTime
  ) {
    let number = Int(command[1] & 3)
    if !isRecalibration { side = command[1].bits(2, 2) }
    cutSeek(number, at: now)
    sense[number] = nil
    self.isInwards = isInwards
    seeks[number] = FloppySeek(
      drive: selected, start: now, interval: stepTime, pulses: pulses, isInwards: isInwards, target: target,
      isRecalibration: isRecalibration)
    beginCommandPhase()
  }

  /// Stops a seek where it is. PCN keeps its old value, so software has to recalibrate.
  func cutSeek(_ number: Int, at now: VirtualTime) {
    guard let seek = seeks[number] else { return }
    if let drive = seek.drive { drives[drive]?.step(seek.pulses(by: now), inwards: seek.isInwards) }
    seeks[number] = nil
  }

  /// Ends a seek whose time has come, with SE and, if TRK0# did not come, EC.
  func endSeek(_ number: Int) {
    guard let seek = seeks[number] else { return }
    seeks[number] = nil
    if let drive = seek.drive { drives[drive]?.step(Int(seek.pulses), inwards: seek.isInwards) }
    PCN[number] = seek.target
    let reached = seek.drive.flatMap { drives[$0]?.cylinder } == 0
    // Statuses of polling that software did not ask for give way, so that its next one is this seek's.
    for drive in 0..<4 where sense[drive].map({ $0 & 0xE0 == 0xC0 }) ?? false { sense[drive] = nil }
    sense[number] = (seek.isRecalibration && !reached ? 0x70 : 0x20) | UInt8(number)
    interrupt = true
  }
}
