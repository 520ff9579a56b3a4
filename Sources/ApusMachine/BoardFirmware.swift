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
  static func firmwareConfiguration(
    _ configuration: MachineConfiguration, _ memory: GuestMemory
  ) -> FirmwareConfiguration? {
    guard configuration.boot == nil, configuration.firmware != nil else { return nil }
    // QEMU Firmware Configuration Device: RAM size, no graphics, processors, boot menu, most processors.
    let items: [FirmwareConfiguration.Item] = [
      .init(0x03, configuration.memorySize), .init(0x04, UInt16(configuration.hasVGA ? 0 : 1)),
      .init(0x05, UInt16(1)), .init(0x0E, UInt16(0)), .init(0x0F, UInt16(1)),
    ]
    return FirmwareConfiguration(items: items, memory: memory)
  }

  /// Where the ACPI root pointer goes: the start of the BIOS area.
  static var acpiRSDP: UInt64 { 0xF_0000 }

  /// Writes the ACPI tables and returns the physical address of the root pointer.
  package func placeACPITables() throws(MachineError) -> UInt64 {
    var description = ACPIDescription(lowRAMEnd: map.lowRAMSize)
    description.hasVGA = vga != nil
    description.serialPorts = UART16550.standardPorts.map { .init(port: $0.base, irq: UInt8($0.irq)) }
    description.powerManagement = power.layout
    do throws(ACPITableError) {
      let image = try ACPITables.build(description, in: map.acpiTables, rsdpPhysical: Self.acpiRSDP)
      for segment in image.segments where !memory.write(segment.bytes, at: segment.physical) {
        throw ACPITableError.doesNotFit(needed: UInt64(segment.bytes.count))
      }
      return image.rsdp
    } catch {
      throw MachineError(message: "the ACPI tables do not fit into RAM", kind: .usage)
    }
  }
}
