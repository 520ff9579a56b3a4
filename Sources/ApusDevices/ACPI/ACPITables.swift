/// What the ACPI tables tell the guest about the machine.
package struct ACPIDescription {
  /// An ISA device with ports and an interrupt.
  package struct ISAPort: Equatable {
    package var port: UInt16
    package var irq: UInt8

    package init(port: UInt16, irq: UInt8) {
      self.port = port
      self.irq = irq
    }
  }

  /// The window of physical addresses below 4 GiB for PCI memory: above RAM, below the I/O APIC.
  package var pciMemory: Range<UInt64>
  /// A second window above RAM beyond 4 GiB, if the board routes one.
  package var pciMemoryAbove4G: Range<UInt64>?
  /// Whether A0000h...BFFFFh belongs to a VGA adapter on PCI.
  package var hasVGA = true
  package var hasHPET = true
  package var hasKeyboardController = true
  package var hasFloppyController = false
  /// COM1 and on, at most four.
  package var serialPorts: [ISAPort] = [ISAPort(port: 0x3F8, irq: 4)]
  /// LPT1 and on, at most three.
  package var parallelPorts: [ISAPort] = []
  /// CMOS index of the century, 0 if the RTC keeps none.
  package var centuryRegister: UInt8 = 0x32
  package var powerManagement = PowerManagementLayout()
  /// The ISA interrupt and GSI of the SCI, level-triggered and active high as on the PIIX4.
  package var sciInterrupt: UInt8 = 9
  /// INTA...INTD of PCI slot s are PIRQ `(s + pin + pirqRotation) & 3`; 3 makes INTA of slot 1 PIRQA.
  package var pirqRotation: UInt8 = 3
  /// The I/O APIC input of PIRQA; PIRQB...D follow.
  package var firstPIRQInput: UInt8 = 16
  /// The 8259A inputs of PIRQA...PIRQD, for guests that do not use the I/O APIC. Firmware or the board makes
  /// them level-triggered (ELCR).
  package var pirqInterrupts: [UInt8] = [10, 10, 11, 11]
  package var localAPICID: UInt8 = 0
  package var ioAPICID: UInt8 = 0

  /// A description with the usual devices.
  /// - Parameter lowRAMEnd: end of RAM below 4 GiB, 1000000h...FEB00000h; the PCI window is clamped to those.
  package init(lowRAMEnd: UInt64) {
    let start = min(max(lowRAMEnd, 0x100_0000), ACPITables.ioAPICBase - 0x10_0000)
    pciMemory = start..<ACPITables.ioAPICBase
  }
}

/// The tables as bytes to place in guest memory.
package struct ACPIImage {
  package struct Segment {
    package let physical: UInt64
    package let bytes: [UInt8]
  }

  /// The tables, and the RSDP if it lies elsewhere.
  package let segments: [Segment]
  /// Physical address of the RSDP.
  package let rsdp: UInt64
  /// Physical address of the FACS, which the guest writes (global lock): its page is ACPI NVS memory.
  package let facs: UInt64
}

/// Why the tables could not be built.
package enum ACPITableError: Error, Equatable {
  /// The range is too small, or reaches beyond 4 GiB.
  case doesNotFit(needed: UInt64)
  /// The RSDP's address is not a multiple of 16 below 4 GiB.
  case invalidRSDPAddress
  /// A window or list of the description makes no sense.
  case invalidDescription
}

/// Builds RSDP, RSDT, XSDT, FADT, FACS, MADT, HPET table and DSDT for the board (ACPI Specification 2.0 and
/// later, "ACPI Software Programming Model"; IA-PC HPET Specification 1.0a, "HPET Description Table"). There
/// is no MCFG, as the board has no memory-mapped PCI configuration space.
package enum ACPITables {
  package static let ioAPICBase: UInt64 = 0xFEC0_0000
  package static let hpetBase: UInt64 = 0xFED0_0000
  package static let localAPICBase: UInt64 = 0xFEE0_0000

  /// Builds the tables for placement at the start of `range`.
  /// - Parameters:
  ///   - description: what the machine has.
  ///   - range: physical addresses for the tables, below 4 GiB. 16 KiB is ample.
  ///   - rsdpPhysical: where the RSDP goes; nil puts it into `range` too. A BIOS-style guest looks for it on
  ///     16-byte boundaries in E0000h...FFFFFh ("Finding the RSDP on IA-PC Systems").
  package static func build(
    _ description: ACPIDescription, in range: Range<UInt64>, rsdpPhysical: UInt64? = nil
  ) throws(ACPITableError) -> ACPIImage {
    guard isValid(description) else { throw .invalidDescription }
    guard range.upperBound <= 1 << 32 else { throw .doesNotFit(needed: 0) }
    if let physical = rsdpPhysical {
      guard physical & 15 == 0, physical <= 0xFFFF_FFC0 else { throw .invalidRSDPAddress }
    }
    var area = Area(start: range.lowerBound)
    let inlineRSDP = rsdpPhysical == nil ? area.reserve(rsdpLength, alignment: 16) : nil
    let facs = area.place(facsTable(), alignment: 64)
    let dsdt = area.place(dsdtTable(description), alignment: 16)
    let fadt = area.place(fadtTable(description, facs: facs, dsdt: dsdt), alignment: 16)
    var tables = [fadt, area.place(madtTable(description), alignment: 16)]
    if description.hasHPET { tables.append(area.place(hpetTable(), alignment: 16)) }
    let rsdt = area.place(rootTable("RSDT", tables, as: UInt32.self), alignment: 16)
    let xsdt = area.place(rootTable("XSDT", tables, as: UInt64.self), alignment: 16)
    guard area.end <= range.upperBound else {
      throw .doesNotFit(needed: area.end - range.lowerBound)
    }
    let pointer = rsdpTable(rsdt: rsdt, xsdt: xsdt)
    if let offset = inlineRSDP {
      area.fill(offset, pointer)
      let physical = range.lowerBound &+ UInt64(offset)
      return ACPIImage(
        segments: [.init(physical: range.lowerBound, bytes: area.bytes)], rsdp: physical, facs: facs)
    }
    let physical = rsdpPhysical ?? range.lowerBound
    return ACPIImage(
      segments: [
        .init(physical: range.lowerBound, bytes: area.bytes), .init(physical: physical, bytes: pointer),
      ], rsdp: physical, facs: facs)
  }

  private static func isValid(_ description: ACPIDescription) -> Bool {
    let pci = description.pciMemory
    guard !pci.isEmpty, pci.upperBound <= ioAPICBase else { return false }
    if let above = description.pciMemoryAbove4G {
      guard !above.isEmpty, above.lowerBound >= 1 << 32 else { return false }
    }
    let interrupts =
      description.serialPorts.map { $0.irq } + description.parallelPorts.map { $0.irq }
      + description.pirqInterrupts + [description.sciInterrupt]
    return description.serialPorts.count <= 4 && description.parallelPorts.count <= 3
      && description.pirqInterrupts.count == 4 && interrupts.allSatisfy { $0 < 16 }
      && description.firstPIRQInput <= 20
  }

  /// Memory being laid out: tables one after the other, with their alignment.
  private struct Area {
    let start: UInt64
    var bytes: [UInt8] = []

    init(start: UInt64) { self.start = start }

    var end: UInt64 { start &+ UInt64(bytes.count) }

    mutating func reserve(_ count: Int, alignment: UInt64) -> Int {
      while end & (alignment - 1) != 0 { bytes.append(0) }
      let offset = bytes.count
      bytes += [UInt8](repeating: 0, count: count)
      return offset
    }

    mutating func place(_ table: [UInt8], alignment: UInt64) -> UInt64 {
      let offset = reserve(table.count, alignment: alignment)
      fill(offset, table)
      return start &+ UInt64(offset)
    }

    mutating func fill(_ offset: Int, _ table: [UInt8]) {
      bytes.replaceSubrange(offset..<(offset + table.count), with: table)
    }
  }

  // MARK: Root pointers

  private static let rsdpLength = 36
  private static let oemID = Array("APUS  ".utf8)
  private static let oemTableID = Array("APUSPC  ".utf8)

  private static func rsdpTable(rsdt: UInt64, xsdt: UInt64) -> [UInt8] {
    var table = Array("RSD PTR ".utf8)
    table.append(0)
    table += oemID
    table.append(2)
    table.append(littleEndian: UInt32(truncatingIfNeeded: rsdt))
    table.append(littleEndian: UInt32(rsdpLength))
    table.append(littleEndian: xsdt)
    table += [0, 0, 0, 0]
    // The first checksum covers the 20 bytes of ACPI 1.0, the second the whole structure.
    table[8] = checksum(table[0..<20])
    table[32] = checksum(table[...])
    return table
  }

  private static func rootTable<T: FixedWidthInteger>(
    _ signature: String, _ tables: [UInt64], as type: T.Type
  ) -> [UInt8] {
    var body: [UInt8] = []
    for table in tables { body.append(littleEndian: T(truncatingIfNeeded: table)) }
    return systemTable(signature, revision: 1, body)
  }

  /// The byte that makes the sum of `bytes` and itself zero; its place in `bytes` must hold zero.
  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt8 {
    var sum: UInt8 = 0
    for byte in bytes { sum &+= byte }
    return 0 &- sum
  }

  /// A table with the System Description Table Header.
  private static func systemTable(_ signature: String, revision: UInt8, _ body: [UInt8]) -> [UInt8] {
    var table = Array(signature.utf8)
    table.append(littleEndian: UInt32(36 + body.count))
    table += [revision, 0]
    table += oemID
    table += oemTableID
    table.append(littleEndian: UInt32(1))
    table += Array("APUS".utf8)
    table.append(littleEndian: UInt32(1))
    table += body
    table[9] = checksum(table[...])
    return table
  }

  // MARK: Fixed tables

  private static func facsTable() -> [UInt8] {
    var table = Array("FACS".utf8)
    table.append(littleEndian: UInt32(64))
    table += [UInt8](repeating: 0, count: 56)
    table[32] = 1
    return table
  }

  private static func appendAddress(
    _ table: inout [UInt8], space: UInt8, bits: UInt8, accessSize: UInt8, _ address: UInt64
  ) {
    table += [space, bits, 0, accessSize]
    table.append(littleEndian: address)
  }

  /// FADT revision 3 (ACPI 2.0), 244 bytes.
  private static func fadtTable(_ description: ACPIDescription, facs: UInt64, dsdt: UInt64) -> [UInt8] {
    let pm = description.powerManagement
    let event = pm.base &+ PowerManagementLayout.eventOffset
    let control = pm.base &+ PowerManagementLayout.controlOffset
    let timer = pm.base &+ PowerManagementLayout.timerOffset
    let general = pm.base &+ PowerManagementLayout.generalEventOffset
    var body: [UInt8] = []
    body.append(littleEndian: UInt32(truncatingIfNeeded: facs))
    body.append(littleEndian: UInt32(truncatingIfNeeded: dsdt))
    // INT_MODEL (reserved since 2.0), preferred profile: desktop.
    body += [0, 1]
    body.append(littleEndian: UInt16(description.sciInterrupt))
    body.append(littleEndian: UInt32(pm.commandPort))
    // ACPI_ENABLE, ACPI_DISABLE, S4BIOS_REQ, PSTATE_CNT.
    body += [PowerManagementLayout.enableCommand, PowerManagementLayout.disableCommand, 0, 0]
    // PM1a_EVT, PM1b_EVT, PM1a_CNT, PM1b_CNT, PM2_CNT, PM_TMR, GPE0, GPE1.
    for port in [event, 0, control, 0, 0, timer, general, 0] { body.append(littleEndian: UInt32(port)) }
    // Their lengths, GPE1_BASE, CST_CNT.
    body += [4, 2, 0, 4, 4, 0, 0, 0]
    // P_LVL2_LAT and P_LVL3_LAT beyond the limits: no C2, no C3. No flush, no duty cycle.
    body.append(littleEndian: UInt16(101))
    body.append(littleEndian: UInt16(1001))
    body += [0, 0, 0, 0, 0, 0]
    // DAY_ALRM, MON_ALRM, CENTURY.
    body += [0, 0, description.centuryRegister]
    // IAPC_BOOT_ARCH: legacy devices, 8042, no VGA.
    let bootArchitecture: UInt16 =
      1 | (description.hasKeyboardController ? 2 : 0) | (description.hasVGA ? 0 : 4)
    body.append(littleEndian: bootArchitecture)
    body.append(0)
    // WBINVD, PROC_C1, SLP_BUTTON (no fixed sleep button; the power button is fixed), FIX_RTC (no RTC wake
    // status), TMR_VAL_EXT, RESET_REG_SUP.
    let flags: UInt32 = 1 << 0 | 1 << 2 | 1 << 5 | 1 << 6 | (pm.timerIs32Bit ? 1 << 8 : 0) | 1 << 10
    body.append(littleEndian: flags)
    appendAddress(&body, space: 1, bits: 8, accessSize: 1, UInt64(pm.resetPort))
    body.append(PowerManagementLayout.resetValue)
    body += [0, 0, 0]
    body.append(littleEndian: facs)
    body.append(littleEndian: dsdt)
    appendAddress(&body, space: 1, bits: 32, accessSize: 2, UInt64(event))
    appendAddress(&body, space: 1, bits: 0, accessSize: 0, 0)
    appendAddress(&body, space: 1, bits: 16, accessSize: 2, UInt64(control))
    appendAddress(&body, space: 1, bits: 0, accessSize: 0, 0)
    appendAddress(&body, space: 1, bits: 0, accessSize: 0, 0)
    appendAddress(&body, space: 1, bits: 32, accessSize: 3, UInt64(timer))
    appendAddress(&body, space: 1, bits: 32, accessSize: 1, UInt64(general))
    appendAddress(&body, space: 1, bits: 0, accessSize: 0, 0)
    return systemTable("FACP", revision: 3, body)
  }

  /// MADT revision 1 (ACPI 2.0).
  private static func madtTable(_ description: ACPIDescription) -> [UInt8] {
    var body: [UInt8] = []
    body.append(littleEndian: UInt32(truncatingIfNeeded: localAPICBase))
    // PCAT_COMPAT: there is a pair of 8259As.
    body.append(littleEndian: UInt32(1))
    // Processor Local APIC: ACPI processor 0, enabled.
    body += [0, 8, 0, description.localAPICID]
    body.append(littleEndian: UInt32(1))
    // I/O APIC with GSIs from 0.
    body += [1, 12, description.ioAPICID, 0]
    body.append(littleEndian: UInt32(truncatingIfNeeded: ioAPICBase))
    body.append(littleEndian: UInt32(0))
    // Interrupt Source Override: IRQ0 is GSI 2, as the bus has it.
    body += [2, 10, 0, 0]
    body.append(littleEndian: UInt32(2))
    body.append(littleEndian: UInt16(0))
    // Interrupt Source Override: the SCI, active high, level.
    body += [2, 10, 0, description.sciInterrupt]
    body.append(littleEndian: UInt32(description.sciInterrupt))
    body.append(littleEndian: UInt16(0x000D))
    // Local APIC NMI: LINT1 of all processors, as the bus has it.
    body += [4, 6, 0xFF, 0, 0, 1]
    return systemTable("APIC", revision: 1, body)
  }

  private static func hpetTable() -> [UInt8] {
    var body: [UInt8] = []
    body.append(littleEndian: UInt32(truncatingIfNeeded: HPET.capabilities))
    appendAddress(&body, space: 0, bits: 64, accessSize: 0, hpetBase)
    // HPET number 0; minimum tick in periodic mode: 1 microsecond; no page protection.
    body.append(0)
    body.append(littleEndian: UInt16(100))
    body.append(0)
    return systemTable("HPET", revision: 1, body)
  }

  private static func dsdtTable(_ description: ACPIDescription) -> [UInt8] {
    systemTable("DSDT", revision: 2, DSDT.encode(description))
  }
}
