import ApusBase

/// Where the power-management registers lie in I/O space, and the values that go with them. One value goes to
/// the device, to the board's port routing and to the FADT, so that they agree.
package struct PowerManagementLayout: Equatable {
  /// Base of the register block (PIIX4 PMBASE), 64-byte aligned.
  package var base: UInt16 = 0x600
  /// SMI_CMD (PIIX4 APMC).
  package var commandPort: UInt16 = 0xB2
  /// RESET_REG (PIIX3 RST_CNT). A one-byte port in the middle of the PCI CONFADD dword at CF8h.
  package var resetPort: UInt16 = 0xCF9
  /// Whether the power-management timer has 32 bits instead of 24.
  package var timerIs32Bit = true

  package init() {}

  /// Size of the register block.
  package static let blockSize: UInt16 = 0x40
  package static let eventOffset: UInt16 = 0x00
  package static let controlOffset: UInt16 = 0x04
  package static let timerOffset: UInt16 = 0x08
  package static let generalEventOffset: UInt16 = 0x0C
  /// Values for SMI_CMD.
  package static let enableCommand: UInt8 = 0xF1
  package static let disableCommand: UInt8 = 0xF0
  /// The value for RESET_REG: hard reset, with the rising edge of RCPU.
  package static let resetValue: UInt8 = 0x06
  /// SLP_TYP of S5, as in \_S5 (PIIX4: 000b is soft off).
  package static let softOffType: UInt8 = 0
}

/// ACPI fixed hardware in the manner of the 82371AB (PIIX4) power-management function: PM1a event, enable and
/// control registers, PM timer, GPE0, SMI_CMD, and the PIIX3 reset control register.
///
/// Source: ACPI Specification, "ACPI Hardware Specification"; Intel 82371AB datasheet, "Power Management I/O
/// Space Registers"; Intel 82371SB datasheet, "RST_CNT—Reset Control Register".
///
/// LineSink inputs 0...15 are the general-purpose events. The board attaches `layout.base` (64 ports),
/// `layout.commandPort` (2 ports) and `layout.resetPort` (1 port).
///
/// Departs from hardware: the enable and disable commands to SMI_CMD take effect at once, as no SMM firmware
/// is there to do it; other commands are only kept for reading. Sleep states but S5 are not advertised, and
/// SLP_EN for them has no effect.
package final class PowerManagement: Device, LineSink {
  package let name = "PowerManagement"
  /// The PM timer's frequency in hertz.
  package static let timerFrequency: UInt64 = 3_579_545

  package let layout: PowerManagementLayout
  private let sci: Line
  private let hardReset: Line
  private let softReset: Line
  private let powerOff: Line

  // Bits of PM1_STS and PM1_EN.
  private static let timerBit = 0
  private static let powerButtonBit = 8
  private static let statusBits: UInt16 = 0x8731
  private static let enableBits: UInt16 = 0x0721

  private var status: UInt16 = 0
  private var enable: UInt16 = 0
  /// PM1_CNT without its write-only bits: SCI_EN (0), BM_RLD (1), SLP_TYP (12:10).
  private var control: UInt16 = 0
  private var generalStatus: UInt16 = 0
  private var generalEnable: UInt16 = 0
  private var generalLevels: UInt16 = 0
  private var command: UInt8 = 0
  private var commandStatus: UInt8 = 0
  private var resetControl: UInt8 = 0
  /// How often the timer's top bit had toggled when TMR_STS was last brought up to date.
  private var seenToggles: UInt64 = 0
  /// The guest asked for soft off, or the power button was pressed while no ACPI system listens. Stays until
  /// reset.
  package private(set) var powerOffRequested = false

  /// A power-management block.
  /// - Parameters:
  ///   - sci: level, the system control interrupt.
  ///   - hardReset: pulsed when RST_CNT asks for a hard reset.
  ///   - softReset: pulsed when RST_CNT asks for a soft reset (INIT to the CPU).
  ///   - powerOff: raised together with `powerOffRequested`.
  package init(
    layout: PowerManagementLayout = PowerManagementLayout(), sci: Line, hardReset: Line, softReset: Line,
    powerOff: Line
  ) {
    self.layout = layout
    self.sci = sci
    self.hardReset = hardReset
    self.softReset = softReset
    self.powerOff = powerOff
  }

  package func reset(at now: VirtualTime) {
    status = 0
    enable = 0
    control = 0
    generalStatus = 0
    generalEnable = 0
    generalLevels = 0
    command = 0
    commandStatus = 0
    resetControl = 0
    seenToggles = toggles(at: now)
    powerOffRequested = false
    powerOff.set(false, at: now)
    updateSCI(at: now)
  }

  // MARK: Events

  /// Whether the system runs in ACPI mode (PM1_CNT.SCI_EN).
  package var isACPIMode: Bool { control.bit(0) }

  /// The user presses the power button. Without ACPI, the system goes off at once, as a BIOS's SMM handler
  /// would do it.
  package func pressPowerButton(at now: VirtualTime) {
    settle(at: now)
    guard isACPIMode else { return requestPowerOff(at: now) }
    status.setBit(PowerManagement.powerButtonBit, true)
    updateSCI(at: now)
  }

  package func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    guard 0..<16 ~= input else { return }
    settle(at: now)
    generalLevels.setBit(input, level)
    updateSCI(at: now)
  }

  private func requestPowerOff(at now: VirtualTime) {
    powerOffRequested = true
    powerOff.set(true, at: now)
  }

  private func updateSCI(at now: VirtualTime) {
    // A general-purpose event still asserted sets its status bit again.
    generalStatus |= generalLevels
    sci.set(assertsSCI(status), at: now)
  }

  private func assertsSCI(_ status: UInt16) -> Bool {
    isACPIMode && (status & enable | generalStatus & generalEnable) != 0
  }

  // MARK: Timer

  /// The bit whose change sets TMR_STS.
  private var topBit: UInt64 { layout.timerIs32Bit ? 31 : 23 }

  private func toggles(at now: VirtualTime) -> UInt64 {
    now.cycles(at: PowerManagement.timerFrequency) >> topBit
  }

  private func settle(at now: VirtualTime) {
    let count = toggles(at: now)
    guard count > seenToggles else { return }
    seenToggles = count
    status.setBit(PowerManagement.timerBit, true)
  }

  private func timerValue(at now: VirtualTime) -> UInt32 {
    let count = UInt32(truncatingIfNeeded: now.cycles(at: PowerManagement.timerFrequency))
    return layout.timerIs32Bit ? count : count & 0xFF_FFFF
  }

  package var deadline: VirtualTime {
    guard isACPIMode, enable.bit(PowerManagement.timerBit), !status.bit(PowerManagement.timerBit) else {
      return .never
    }
    return .time(ofCycle: (seenToggles &+ 1) << topBit, at: PowerManagement.timerFrequency)
  }

  package func run(at now: VirtualTime) {
    settle(at: now)
    updateSCI(at: now)
  }

  // MARK: Registers

  package func readPort(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32 {
    settle(at: now)
    var value: UInt32 = 0
    for index in 0..<width {
      let byte = readByte(port &+ UInt16(truncatingIfNeeded: index), at: now)
      value |= UInt32(byte) << UInt32(8 * index)
    }
    return value
  }

  package func writePort(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime) {
    settle(at: now)
    for index in 0..<width {
      let byte = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
      writeByte(port &+ UInt16(truncatingIfNeeded: index), byte, at: now)
    }
    updateSCI(at: now)
  }

  private func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 {
    if port == layout.commandPort { return command }
    if port == layout.commandPort &+ 1 { return commandStatus }
    if port == layout.resetPort { return resetControl }
    let offset = port &- layout.base
    guard offset < PowerManagementLayout.blockSize else { return 0xFF }
    let register: UInt32
    switch offset & ~3 {
    case PowerManagementLayout.eventOffset: register = UInt32(status) | UInt32(enable) << 16
    case PowerManagementLayout.controlOffset: register = UInt32(control)
    case PowerManagementLayout.timerOffset: register = timerValue(at: now)
    case PowerManagementLayout.generalEventOffset:
      register = UInt32(generalStatus) | UInt32(generalEnable) << 16
    default: register = 0
    }
    return UInt8(truncatingIfNeeded: register >> UInt32((offset & 3) * 8))
  }

  private func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    if port == layout.commandPort { return writeCommand(value) }
    if port == layout.commandPort &+ 1 { return commandStatus = value }
    if port == layout.resetPort { return writeResetControl(value, at: now) }
    let offset = port &- layout.base
    let shift = (offset & 1) * 8
    let written = UInt16(value) << shift
    let mask: UInt16 = 0xFF << shift
    switch offset & ~1 {
    case PowerManagementLayout.eventOffset: status &= ~(written & PowerManagement.statusBits)
    case PowerManagementLayout.eventOffset + 2:
      enable = enable & ~mask | written & PowerManagement.enableBits
    case PowerManagementLayout.controlOffset: writeControl(written, mask: mask, at: now)
    case PowerManagementLayout.generalEventOffset: generalStatus &= ~written
    case PowerManagementLayout.generalEventOffset + 2: generalEnable = generalEnable & ~mask | written
    default: break
    }
  }

  private func writeControl(_ written: UInt16, mask: UInt16, at now: VirtualTime) {
    // SCI_EN belongs to SMI_CMD: "OSPM should always preserve" it, so a write does not change it.
    let writable: UInt16 = 0x1C02 & mask
    control = control & ~writable | written & writable
    let type = UInt8(truncatingIfNeeded: control.bits(12, 10))
    if written.bit(13) && type == PowerManagementLayout.softOffType { requestPowerOff(at: now) }
  }

  private func writeCommand(_ value: UInt8) {
    command = value
    if value == PowerManagementLayout.enableCommand { control |= 1 }
    if value == PowerManagementLayout.disableCommand { control &= ~1 }
  }

  private func writeResetControl(_ value: UInt8, at now: VirtualTime) {
    let rising = value.bit(2) && !resetControl.bit(2)
    resetControl = value & 0x06
    guard rising else { return }
    // SRST chooses the kind of reset that RCPU's rising edge starts.
    if value.bit(1) { hardReset.pulse(at: now) } else { softReset.pulse(at: now) }
  }

  // MARK: Saved state

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { w in
      w.write(status)
      w.write(enable)
      w.write(control)
      w.write(generalStatus)
      w.write(generalEnable)
      w.write(generalLevels)
      w.write(command)
      w.write(commandStatus)
      w.write(resetControl)
      w.write(seenToggles)
      w.write(powerOffRequested)
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (r, _) throws(StateError) in
      status = try r.read()
      enable = try r.read()
      control = try r.read()
      guard status & ~PowerManagement.statusBits == 0, enable & ~PowerManagement.enableBits == 0,
        control & ~0x1C03 == 0
      else { throw r.invalid("PM1") }
      generalStatus = try r.read()
      generalEnable = try r.read()
      generalLevels = try r.read()
      command = try r.read()
      commandStatus = try r.read()
      resetControl = try r.read()
      guard resetControl & ~0x06 == 0 else { throw r.invalid("RST_CNT") }
      seenToggles = try r.read()
      guard seenToggles < UInt64.max >> topBit else { throw r.invalid("PM timer") }
      powerOffRequested = try r.readBool("power off")
    }
  }
}

// MARK: For people

extension PowerManagement {
  /// The registers as they are at `now`.
  package func description(at now: VirtualTime) -> DeviceDescription {
    var description = DeviceDescription("ACPI power management")
    description.add("base port", layout.base, "")
    // TMR_STS is brought up to date when a register is read.
    var status = self.status
    if toggles(at: now) > seenToggles { status.setBit(Self.timerBit, true) }
    description.add(
      "PM1_STS", status,
      bits: [
        "TMR_STS", "", "", "", "BM_STS", "GBL_STS", "", "", "PWRBTN_STS", "SLPBTN_STS", "RTC_STS", "", "", "",
        "", "WAK_STS",
      ])
    description.add(
      "PM1_EN", enable,
      bits: ["TMR_EN", "", "", "", "", "GBL_EN", "", "", "PWRBTN_EN", "SLPBTN_EN", "RTC_EN"])
    let modes = DeviceDescription.set(control, ["SCI_EN", "BM_RLD"]) + ["SLP_TYP \(control.bits(12, 10))"]
    description.add("PM1_CNT", control, modes.joined(separator: " "))
    description.add("PM_TMR", timerValue(at: now), layout.timerIs32Bit ? "32 bits" : "24 bits")
    let events = (0..<16).map { "\($0)" }
    description.add("GPE0_STS", generalStatus, bits: events)
    description.add("GPE0_EN", generalEnable, bits: events)
    let commands = [
      PowerManagementLayout.enableCommand: "ACPI enable",
      PowerManagementLayout.disableCommand: "ACPI disable",
    ]
    description.add("SMI_CMD", command, commands[command] ?? "")
    description.add("APMS", commandStatus, "")
    description.add("RST_CNT", resetControl, bits: ["", "SRST", "RCPU"])
    description.add("SCI", assertsSCI(status) ? "high" : "low")
    if powerOffRequested { description.add("power", "off asked for") }
    return description
  }
}
