/// The definition block: PCI root bridge with its windows and interrupt routing, ISA devices, HPET, S5.
enum DSDT {
  static func encode(_ description: ACPIDescription) -> [UInt8] {
    var aml = AMLWriter()
    // \_PIC tells whether the guest uses the 8259As (0) or the I/O APIC (1).
    aml.name("\\PICM", .integer(0))
    aml.method("\\_PIC", arguments: 1) { $0.storeArgument(0, to: "\\PICM") }
    let type = AMLValue.integer(UInt64(PowerManagementLayout.softOffType))
    aml.name("\\_S5", .package([type, type, .integer(0), .integer(0)]))
    aml.scope("\\_PR") { $0.processor("CPU0", id: 0) }
    aml.scope("\\_SB") { bus in
      bus.device("PCI0") { bridge in
        bridge.name("_HID", .eisaID("PNP0A03"))
        bridge.name("_UID", .integer(0))
        bridge.name("_BBN", .integer(0))
        bridge.name("_CRS", bridgeResources(description))
        interruptRouting(&bridge, description)
        bridge.device("ISA") { isa in
          isa.name("_ADR", .integer(0x0001_0000))
          systemDevices(&isa, description)
          peripherals(&isa, description)
        }
      }
      if description.hasHPET {
        bus.device("HPET") { hpet in
          hpet.name("_HID", .eisaID("PNP0103"))
          hpet.name("_UID", .integer(0))
          var resources = ResourceTemplate()
          resources.memory(UInt32(truncatingIfNeeded: ACPITables.hpetBase), size: 0x400)
          hpet.name("_CRS", resources.value)
        }
      }
    }
    return aml.bytes
  }

  private static func bridgeResources(_ description: ACPIDescription) -> AMLValue {
    var resources = ResourceTemplate()
    resources.window(.busNumber, 0 as UInt16, 0xFF)
    // The bridge's own configuration ports, then all others.
    resources.ports(0xCF8, count: 8)
    resources.window(.io, 0x0000 as UInt16, 0x0CF7)
    resources.window(.io, 0x0D00 as UInt16, 0xFFFF)
    if description.hasVGA { resources.window(.memory, 0x000A_0000 as UInt32, 0x000B_FFFF) }
    resources.window(
      .memory, UInt32(truncatingIfNeeded: description.pciMemory.lowerBound),
      UInt32(truncatingIfNeeded: description.pciMemory.upperBound &- 1))
    if let above = description.pciMemoryAbove4G {
      resources.window(.memory, above.lowerBound, above.upperBound &- 1)
    }
    return resources.value
  }

  /// `_PRT`: four pins of slots 1...31, as 8259A interrupts or as I/O APIC inputs. They are wired, so there
  /// are no link devices: the source is zero and the source index is the global system interrupt.
  private static func interruptRouting(_ bridge: inout AMLWriter, _ description: ACPIDescription) {
    var legacy: [AMLValue] = []
    var apic: [AMLValue] = []
    for slot in 1...31 {
      for pin in 0..<4 {
        let pirq = (slot + pin + Int(description.pirqRotation & 3)) & 3
        let address = AMLValue.integer(UInt64(slot) << 16 | 0xFFFF)
        let source: [AMLValue] = [address, .integer(UInt64(pin)), .integer(0)]
        let irq = UInt64(description.pirqInterrupts[pirq])
        legacy.append(.package(source + [.integer(irq)]))
        apic.append(.package(source + [.integer(UInt64(description.firstPIRQInput) + UInt64(pirq))]))
      }
    }
    bridge.name("PRTL", .package(legacy))
    bridge.name("PRTA", .package(apic))
    bridge.method("_PRT") { method in
      method.ifNonZero("\\PICM") { $0.returnObject("PRTA") }
      method.returnObject("PRTL")
    }
  }

  private static func device(
    _ isa: inout AMLWriter, _ name: String, _ id: String, unit: Int? = nil, _ resources: ResourceTemplate
  ) {
    isa.device(name) { device in
      device.name("_HID", .eisaID(id))
      if let unit { device.name("_UID", .integer(UInt64(unit))) }
      device.name("_CRS", resources.value)
    }
  }

  /// What every PC has: 8259As, 8237As, PIT, RTC, speaker, FPU, and the board's own registers.
  private static func systemDevices(_ isa: inout AMLWriter, _ description: ACPIDescription) {
    var pic = ResourceTemplate()
    pic.ports(0x20, count: 2)
    pic.ports(0xA0, count: 2)
    pic.ports(0x4D0, count: 2)
    pic.interrupt(2)
    device(&isa, "PIC", "PNP0000", pic)
    var dma = ResourceTemplate()
    dma.ports(0x00, count: 0x10)
    dma.ports(0x81, count: 0x0F)
    dma.ports(0xC0, count: 0x20)
    dma.dmaChannel(4)
    device(&isa, "DMAC", "PNP0200", dma)
    var pit = ResourceTemplate()
    pit.ports(0x40, count: 4)
    pit.interrupt(0)
    device(&isa, "TIMR", "PNP0100", pit)
    var rtc = ResourceTemplate()
    rtc.ports(0x70, count: 2)
    rtc.interrupt(8)
    device(&isa, "RTC", "PNP0B00", rtc)
    var speaker = ResourceTemplate()
    speaker.ports(0x61, count: 1)
    device(&isa, "SPKR", "PNP0800", speaker)
    var fpu = ResourceTemplate()
    fpu.ports(0xF0, count: 1)
    fpu.interrupt(13)
    device(&isa, "FPU", "PNP0C04", fpu)
    let pm = description.powerManagement
    var board = ResourceTemplate()
    board.ports(pm.base, count: UInt8(PowerManagementLayout.blockSize))
    board.ports(pm.commandPort, count: 2)
    board.memory(UInt32(truncatingIfNeeded: ACPITables.ioAPICBase), size: 0x1000)
    board.memory(UInt32(truncatingIfNeeded: ACPITables.localAPICBase), size: 0x1000)
    device(&isa, "BRD", "PNP0C02", unit: 1, board)
  }

  private static func peripherals(_ isa: inout AMLWriter, _ description: ACPIDescription) {
    if description.hasKeyboardController {
      var keyboard = ResourceTemplate()
      keyboard.ports(0x60, count: 1)
      keyboard.ports(0x64, count: 1)
      keyboard.interrupt(1)
      device(&isa, "KBD", "PNP0303", keyboard)
      var mouse = ResourceTemplate()
      mouse.interrupt(12)
      device(&isa, "MOU", "PNP0F13", mouse)
    }
    if description.hasFloppyController {
      var floppy = ResourceTemplate()
      floppy.ports(0x3F2, count: 4)
      floppy.ports(0x3F7, count: 1)
      floppy.interrupt(6)
      floppy.dmaChannel(2)
      device(&isa, "FDC", "PNP0700", floppy)
    }
    let digits = ["1", "2", "3", "4"]
    for (index, serial) in description.serialPorts.prefix(4).enumerated() {
      var resources = ResourceTemplate()
      resources.ports(serial.port, count: 8)
      resources.interrupt(serial.irq)
      device(&isa, "COM" + digits[index], "PNP0501", unit: index + 1, resources)
    }
    for (index, parallel) in description.parallelPorts.prefix(3).enumerated() {
      var resources = ResourceTemplate()
      resources.ports(parallel.port, count: 4)
      resources.interrupt(parallel.irq)
      device(&isa, "LPT" + digits[index], "PNP0400", unit: index + 1, resources)
    }
  }
}
