import ApusBase

/// The IDE function of Intel's PIIX3, as 00:01.1: two channels in compatibility mode (ports 1F0h–1F7h and
/// 3F6h with IRQ 14, 170h–177h and 376h with IRQ 15), two ATA or ATAPI devices each, and the bus master at
/// BAR 4.
///
/// Sources: Intel 82371SB datasheet (290550), "IDE Configuration Registers"; "Programming Interface for
/// Bus Master IDE Controller", revision 1.0; ATA/ATAPI-7 volume 2, "Device 0 only configurations".
///
/// The fixed ports are decoded while the command register enables I/O and IDETIM.IDE of the channel is set;
/// a BIOS does both, here `initializeAsFirmware` through `PCIHost.assignResources`.
package final class PIIXIDE: PCIFunction {
  /// The fixed ports, for the board to route to the `PCIHost`.
  package static let ports: [ClosedRange<UInt16>] = [
    0x170...0x177, 0x1F0...0x1F7, 0x376...0x376, 0x3F6...0x3F6,
  ]

  package let name = "PIIXIDE"
  package var configuration: PCIConfiguration
  private let memory: any DMAMemory
  private let irqs: [Line]
  /// Indexed by channel × 2 + device.
  private let devices: [(any IDEDevice)?]
  private var channels = [Channel(), Channel()]

  /// The state of a cable and of its bus master.
  private struct Channel {
    /// The DEV bit as last written.
    var selected = 0
    /// Device Control: HOB (7), SRST (2), nIEN (1).
    var control: UInt8 = 0
    /// INTRQ as driven on the IRQ.
    var asserted = false
    var busMaster = IDEBusMaster()
  }

  private static let IDETIM = 0x40

  /// The function with its devices: `devices` holds primary master and slave, secondary master and slave, nil
  /// where none is attached. `irqs` are IRQ 14 and IRQ 15.
  package init(devices: [(any IDEDevice)?], memory: any DMAMemory, irqs: [Line]) {
    precondition(devices.count == 4 && irqs.count == 2)
    self.devices = devices
    self.memory = memory
    self.irqs = irqs
    // Programming interface 80h: a bus master, both channels fixed in compatibility mode.
    configuration = PCIConfiguration(
      vendor: 0x8086, device: 0x7010, revision: 0, classCode: 0x01_0180,
      commandMask: 0x0005, command: 0x0000, status: 0x0280)
    configuration.define(byte: 0x0D, 0, writable: 0xF0)
    configuration.define(bar: 4, .io(size: 16))
    configuration.define(Self.IDETIM, 0, writable: 0xF3FF_F3FF)
    configuration.define(byte: 0x44, 0, writable: 0xFF)
    for i in 0..<4 { devices[i]?.device1Position = i & 1 == 1 }
    reset(at: 0)
  }

  /// The last failure of a medium that was the host's doing, of the first device that had one.
  package var lastError: BlockError? {
    for device in devices { if let error = device?.lastError { return error } }
    return nil
  }

  package func reset(at now: VirtualTime) {
    configuration.reset()
    for device in devices { device?.powerOn() }
    for i in 0..<2 {
      channels[i].selected = 0
      channels[i].control = 0
      channels[i].busMaster = IDEBusMaster()
      updateInterrupt(i, at: now)
    }
  }

  package func initializeAsFirmware(at now: VirtualTime) {
    // IDETIM.IDE of both channels, with the slowest timing.
    configuration.write(Self.IDETIM, 0x8000_8000, width: 4)
    configuration.write(
      PCIConfiguration.command, configuration.read(PCIConfiguration.command, width: 2) | 1, width: 2)
  }

  package func writeConfiguration(_ offset: Int, _ value: UInt32, width: Int, at now: VirtualTime) {
    configuration.write(offset, value, width: width)
    // Bus mastering may have been enabled under a started transfer.
    for channel in 0..<2 { transfer(channel, at: now) }
  }

  // MARK: Time

  package var deadline: VirtualTime {
    var earliest = VirtualTime.never
    for device in devices { earliest = min(earliest, device?.dueAt ?? .never) }
    return earliest
  }

  package func run(at now: VirtualTime) {
    for i in 0..<4 { devices[i]?.run(at: now) }
    for channel in 0..<2 { transfer(channel, at: now) }
  }

  /// The device that answers on a channel's INTRQ and Data register: nil if the selected one is absent.
  private func selectedDevice(_ channel: Int) -> (any IDEDevice)? {
    devices[channel * 2 + channels[channel].selected]
  }

  private func updateInterrupt(_ channel: Int, at now: VirtualTime) {
    let pending = selectedDevice(channel)?.interruptPending ?? false
    let level = pending && !channels[channel].control.bit(1)
    guard level != channels[channel].asserted else { return }
    channels[channel].asserted = level
    if level { channels[channel].busMaster.status |= IDEBusMaster.interrupt }
    irqs[channel].set(level, at: now)
  }

  // MARK: Fixed ports

  private func channel(ofPort port: UInt16) -> (channel: Int, register: Int)? {
    switch port {
    case 0x1F0...0x1F7: return (0, Int(port & 7))
    case 0x170...0x177: return (1, Int(port & 7))
    case 0x3F6: return (0, 8)
    case 0x376: return (1, 8)
    default: return nil
    }
  }

  package func claimsPort(_ port: UInt16) -> Bool {
    guard configuration.decodesIO, let (channel, _) = channel(ofPort: port) else { return false }
    return configuration[Self.IDETIM + 2 * channel + 1].bit(7)
  }

  package func readPort(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32 {
    guard let (channel, register) = channel(ofPort: port) else { return .max }
    if deadline <= now { run(at: now) }
    if register == 0 { return readData(channel, width: width, at: now) }
    // The registers behind Data are 8 bits wide; a wider access becomes successive byte cycles.
    var value: UInt32 = 0
    for i in 0..<min(width, 4) {
      var byte: UInt8 = 0xFF
      if i == 0 || register + i < 8 { byte = readRegister(channel, register + i, at: now) }
      value |= UInt32(byte) << UInt32(8 * i)
    }
    return value
  }

  package func writePort(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime) {
    guard let (channel, register) = channel(ofPort: port) else { return }
    if deadline <= now { run(at: now) }
    if register == 0 { return writeData(channel, value, width: width, at: now) }
    for i in 0..<min(width, 4) where i == 0 || register + i < 8 {
      writeRegister(channel, register + i, UInt8(truncatingIfNeeded: value >> UInt32(8 * i)), at: now)
    }
  }

  /// Data moves in 16-bit cycles: a 32-bit access makes two, an 8-bit one uses half of one.
  private func readData(_ channel: Int, width: Int, at now: VirtualTime) -> UInt32 {
    guard let device = selectedDevice(channel) else { return 0 }
    let low = UInt32(device.readData(at: now))
    if width == 1 { return low & 0xFF }
    return width == 2 ? low : low | UInt32(device.readData(at: now)) << 16
  }

  private func writeData(_ channel: Int, _ value: UInt32, width: Int, at now: VirtualTime) {
    guard let device = selectedDevice(channel) else { return }
    device.writeData(UInt16(truncatingIfNeeded: width == 1 ? value & 0xFF : value), at: now)
    if width >= 4 { device.writeData(UInt16(truncatingIfNeeded: value >> 16), at: now) }
  }

  private func readRegister(_ channel: Int, _ register: Int, at now: VirtualTime) -> UInt8 {
    guard let device = selectedDevice(channel) else { return readAbsent(channel, register) }
    switch register {
    case 7:
      let status = device.status
      device.interruptPending = false
      updateInterrupt(channel, at: now)
      return status
    case 8: return device.status
    default: return device.readRegister(register, previous: channels[channel].control.bit(7))
    }
  }

  /// ATA/ATAPI-7 volume 2, "Device 0 only configurations": device 0 answers for an absent device 1, with a
  /// status of 00h.
  ///
  /// Departs from hardware: where device 0 is absent as well everything reads as 00h instead of floating
  /// (7Fh with the host's pull-down on DD7), which every driver takes for an empty channel at once. So it
  /// does behind a packet device, whose signature in the registers would make drivers find it twice.
  private func readAbsent(_ channel: Int, _ register: Int) -> UInt8 {
    guard register < 7, channels[channel].selected == 1, let device0 = devices[channel * 2],
      !device0.isPacketDevice
    else { return 0 }
    return device0.readRegister(register, previous: channels[channel].control.bit(7))
      | (register == 6 ? 0x10 : 0)
  }

  private func writeRegister(_ channel: Int, _ register: Int, _ value: UInt8, at now: VirtualTime) {
    let pair = [devices[channel * 2], devices[channel * 2 + 1]]
    // Any write to the command block clears HOB.
    if register < 8 { channels[channel].control &= 0x7F }
    switch register {
    case 1...6:
      // Both devices take every parameter.
      for device in pair { device?.writeRegister(register, value) }
      if register == 6 { channels[channel].selected = value.bit(4) ? 1 : 0 }
    case 7:
      if value == 0x90 {
        channels[channel].selected = 0
        for device in pair { device?.writeCommand(value, at: now) }
      } else {
        selectedDevice(channel)?.writeCommand(value, at: now)
      }
    default:
      let changes = value ^ channels[channel].control
      channels[channel].control = value & 0x86
      if changes.bit(2) {
        // A reset selects device 0.
        channels[channel].selected = 0
        for device in pair { device?.softwareReset(value.bit(2), at: now) }
      }
    }
    updateInterrupt(channel, at: now)
  }

  // MARK: Bus master

  package func readBAR(_ bar: Int, _ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64 {
    run(at: now)
    var value: UInt64 = 0
    for i in 0..<UInt64(min(width, 8)) {
      let at = offset &+ i
      let byte = at < 16 ? channels[Int(at >> 3)].busMaster.read(Int(at & 7)) : 0xFF
      value |= UInt64(byte) << (8 * i)
    }
    return value
  }

  package func writeBAR(
    _ bar: Int, _ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime
  ) {
    run(at: now)
    for i in 0..<UInt64(min(width, 8)) where offset &+ i < 16 {
      let at = offset &+ i
      channels[Int(at >> 3)].busMaster.write(Int(at & 7), UInt8(truncatingIfNeeded: value >> (8 * i)))
    }
    for channel in 0..<2 { transfer(channel, at: now) }
  }

  /// Moves data if both the device and the bus master are ready, and drives the interrupt.
  private func transfer(_ channel: Int, at now: VirtualTime) {
    if configuration.isBusMaster, let device = selectedDevice(channel) {
      channels[channel].busMaster.transfer(device, memory, at: now)
    }
    updateInterrupt(channel, at: now)
  }

  // MARK: Saved state

  /// What stands at a position: 0 nothing, 1 a device without, 2 one with the PACKET feature set.
  private static func kind(_ device: (any IDEDevice)?) -> UInt8 {
    guard let device else { return 0 }
    return device.isPacketDevice ? 2 : 1
  }

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 2) { w in
      configuration.save(to: &w)
      for channel in channels {
        w.write(UInt8(channel.selected))
        w.write(channel.control)
        w.write(channel.asserted)
        channel.busMaster.save(to: &w)
      }
      for device in devices {
        w.write(Self.kind(device))
        device?.save(to: &w)
      }
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 2) { (r, version) throws(StateError) in
      guard version == 2 else { throw .unsupportedVersion(section: name, version: version) }
      try configuration.restore(from: &r)
      for i in 0..<2 {
        channels[i].selected = try r.readBool("selected") ? 1 : 0
        channels[i].control = try r.read(UInt8.self) & 0x86
        channels[i].asserted = try r.readBool("asserted")
        try channels[i].busMaster.restore(from: &r)
      }
      for device in devices {
        guard try r.read(UInt8.self) == Self.kind(device) else { throw r.invalid("device") }
        try device?.restore(from: &r)
      }
    }
  }
}

// MARK: For people

extension PIIXIDE {
  /// The channels, each with its drives behind it.
  package var descriptions: [DeviceDescription] {
    var descriptions: [DeviceDescription] = []
    for number in 0..<2 {
      let name = number == 0 ? "IDE primary" : "IDE secondary"
      descriptions.append(channel(number, name))
      for place in 0..<2 {
        guard let device = devices[number * 2 + place] else { continue }
        var description = DeviceDescription("\(name) device \(place)")
        device.describe(into: &description)
        descriptions.append(description)
      }
    }
    return descriptions
  }

  private func channel(_ number: Int, _ name: String) -> DeviceDescription {
    let channel = channels[number]
    var description = DeviceDescription("\(name) channel")
    let timing = configuration.read(Self.IDETIM + 2 * number, width: 2)
    let isDecoded = configuration.decodesIO && timing.bit(15)
    description.add("IDETIM", UInt16(truncatingIfNeeded: timing), isDecoded ? "decoded" : "not decoded")
    description.add(
      "selected", "device \(channel.selected)" + (selectedDevice(number) == nil ? ", which is not there" : "")
    )
    description.add("Device Control", channel.control, bits: ["", "nIEN", "SRST", "", "", "", "", "HOB"])
    channel.busMaster.describe(into: &description)
    description.add("IRQ\(14 + number)", channel.asserted ? "high" : "low")
    return description
  }
}
