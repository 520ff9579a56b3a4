import ApusBase
import ApusDevices

// Power-on, and what firmware does on a real PC before an operating system starts. A machine that starts a
// kernel directly has no firmware, so the board does its part.

extension Board {
  /// Resets every device, in order of attachment, and the wires between them.
  package func reset(at now: VirtualTime) {
    for device in devices { device.reset(at: now) }
    // The controllers forgot the levels of wires whose devices have nothing to change.
    fabric.driveAll(at: now)
    nmiGate.mask(rtc.isNMIMasked, at: now)
    // A20 is open after a reset, although port 92h reads as closed.
    pins.line(.A20).set(true, at: now)
    _ = pins.takeRequests()
    noteDeadlines()
  }

  /// Does what a BIOS does: interrupt controllers, system timer, PCI resources.
  package func initializeAsFirmware(at now: VirtualTime) {
    localAPIC.programVirtualWire(at: now)
    dma.initializeAsFirmware()
    // PIC pair at vectors 08h and 70h, everything masked (IBM AT Technical Reference, "BIOS").
    for (port, base, cascade) in [(0x20, 0x08, 0x04), (0xA0, 0x70, 0x02)] as [(UInt16, UInt8, UInt8)] {
      pic.writeByte(port, 0x11, at: now)
      for word in [base, cascade, 0x01, 0xFF] { pic.writeByte(port + 1, word, at: now) }
    }
    // Counter 0 in mode 3 with 65536: 18.2 Hz.
    for (port, value) in [(0x43, 0x36), (0x40, 0), (0x40, 0)] as [(UInt16, UInt8)] {
      pit.writeByte(port, value, at: now)
    }
    // The SCI is level-triggered like the PCI interrupts.
    let levelTriggered = pci.assignResources(at: now) | 1 << 9
    pic.writeByte(0x4D0, UInt8(truncatingIfNeeded: levelTriggered), at: now)
    pic.writeByte(0x4D1, UInt8(truncatingIfNeeded: levelTriggered >> 8), at: now)
    noteDeadlines()
  }

  /// What firmware asks the machine for; nil for a machine that starts without.
  func firmwareConfiguration(
    _ configuration: MachineConfiguration
  ) throws(MachineError) -> FirmwareConfiguration? {
    if configuration.boot == nil, case .builtInGuest = configuration.firmware { return nil }
    guard configuration.boot == nil || configuration.startsKernelByFirmware else { return nil }
    typealias Key = FirmwareConfiguration.Key
    var items: [FirmwareConfiguration.Item] = [
      .init(Key.memorySize, configuration.memorySize),
      .init(Key.noGraphic, UInt16(configuration.hasVGA ? 0 : 1)),
      .init(Key.processors, UInt16(1)), .init(Key.maximumProcessors, UInt16(1)),
      .init(Key.bootMenu, UInt16(configuration.showsBootMenu ? 1 : 0)),
    ]
    // The addresses are offsets until firmware has found places for the two files.
    let image = try acpiTables(in: 0..<0x1_0000, rsdp: 0x1_0000)
    items += ACPILoaderScript.items(tables: image.segments[0].bytes, rsdp: image.segments[1].bytes)
    return FirmwareConfiguration(items: items, memory: memory)
  }

  /// The cursor's place on the text screen that firmware has left, from the BIOS data area.
  var firmwareScreen: FirmwareScreen {
    var place: [UInt8] = [0, 0]
    _ = memory.dmaRead(0x450, into: &place, 0..<2)
    return FirmwareScreen(column: place[0], row: place[1])
  }

  // MARK: ACPI tables

  /// The BIOS area begins with the ACPI root pointer.
  static let acpiRSDP: UInt64 = 0xF_0000
  /// What Apus's BIOS leaves to the board there, after the root pointer.
  static let firmwareTableArea: Range<UInt64> = 0xF_0040..<0xF_4000

  /// Writes the ACPI tables and returns the physical address of the root pointer.
  package func placeACPITables() throws(MachineError) -> UInt64 {
    let image = try acpiTables(in: map.acpiTables, rsdp: Self.acpiRSDP)
    for segment in image.segments where !memory.write(segment.bytes, at: segment.physical) {
      throw MachineError(message: Self.noRoom, kind: .usage)
    }
    return image.rsdp
  }

  /// What lies in RAM behind the ROM when firmware starts. Apus's BIOS leaves it in place; other firmware
  /// overwrites it as it copies itself there.
  func firmwareTables() throws(MachineError) -> [ACPIImage.Segment] {
    guard firmware != nil else { return [] }
    return try acpiTables(in: Self.firmwareTableArea, rsdp: Self.acpiRSDP).segments
  }

  private static let noRoom = "the ACPI tables do not fit into RAM"

  private func acpiTables(in range: Range<UInt64>, rsdp: UInt64) throws(MachineError) -> ACPIImage {
    var description = ACPIDescription(lowRAMEnd: map.lowRAMSize)
    description.hasVGA = vga != nil
    description.hasFloppyController = true
    description.serialPorts = UART16550.standardPorts.map { .init(port: $0.base, irq: UInt8($0.irq)) }
    description.parallelPorts = [.init(port: ParallelPort.LPT1.lowerBound, irq: 7)]
    description.powerManagement = power.layout
    do throws(ACPITableError) {
      return try ACPITables.build(description, in: range, rsdpPhysical: rsdp)
    } catch {
      throw MachineError(message: Self.noRoom, kind: .usage)
    }
  }
}
