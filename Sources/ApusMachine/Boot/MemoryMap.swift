/// Where the PC's RAM lies in physical memory, and how the guest is told so.
///
/// RAM fills physical memory from 0 up to at most `pciHoleStart`; what does not fit continues at 4 GiB.
/// Between the two are PCI memory, the APICs and the firmware's flash. The types are those of ACPI
/// Specification 6.5, "Address Range Types"; the same list serves Linux's zero page, PVH and multiboot.
package struct MemoryMap: Equatable, Sendable {
  /// ACPI address range types, as `INT 15h, AX=E820h` returns them.
  package enum Kind: UInt32, Sendable {
    /// AddressRangeMemory: RAM that the guest may use.
    case ram = 1
    /// AddressRangeReserved: not for the guest's use.
    case reserved = 2
    /// AddressRangeNVS: the ACPI tables. They stay where they are, as the guest writes to one of them (the
    /// FACS, for its global lock).
    case acpiNVS = 4
  }

  /// One range of the map; `size` in bytes, never 0.
  package struct Region: Equatable, Sendable {
    package let start: UInt64
    package let size: UInt64
    package let kind: Kind

    /// The first address after the range.
    package var end: UInt64 { start + size }

    /// A range of `kind`. `start + size` must not overflow.
    package init(_ range: Range<UInt64>, _ kind: Kind) {
      start = range.lowerBound
      size = range.upperBound - range.lowerBound
      self.kind = kind
    }
  }

  /// The end of RAM below 4 GiB at most: 3 GiB.
  package static let pciHoleStart: UInt64 = 0xC000_0000
  /// Where RAM that does not fit below the hole continues: 4 GiB.
  package static let highRAMStart: UInt64 = 0x1_0000_0000
  /// The smallest and largest RAM in bytes: 2 MiB, 64 GiB.
  package static let ramSizes: ClosedRange<UInt64> = 0x20_0000...0x10_0000_0000
  /// The extended BIOS data area: the last KiB of conventional memory.
  package static let extendedBIOSDataArea: Range<UInt64> = 0x9_FC00..<0xA_0000
  /// The BIOS area, searched by guests for the RSDP (ACPI Specification 6.5, "Finding the RSDP on IA-PC
  /// Systems"). RAM here, written by the board only.
  package static let biosArea: Range<UInt64> = 0xE_0000..<0x10_0000
  /// Bytes set aside for ACPI tables at the top of RAM below 4 GiB.
  package static let acpiTablesSize: UInt64 = 0x2_0000

  /// All RAM in bytes, including what the map reserves.
  package let ramSize: UInt64
  /// Ascending and disjoint. What no region covers is not RAM.
  package let regions: [Region]

  /// RAM in bytes from physical address 0.
  package var lowRAMSize: UInt64 { min(ramSize, Self.pciHoleStart) }
  /// RAM in bytes from physical address 4 GiB.
  package var highRAMSize: UInt64 { ramSize - lowRAMSize }
  /// Where the board puts its ACPI tables.
  package var acpiTables: Range<UInt64> { lowRAMSize - Self.acpiTablesSize..<lowRAMSize }

  /// The map of a PC with `ramSize` bytes of RAM. `reserved` are ranges that the board uses in the hole and
  /// that the map must name (such as the PCI Express configuration window): ascending, disjoint, and
  /// between `pciHoleStart` and `highRAMStart`. Throws for a size outside `ramSizes` or not in whole pages.
  package init(ramSize: UInt64, reserved: [Range<UInt64>] = []) throws(BootError) {
    guard Self.ramSizes.contains(ramSize) && ramSize % 4096 == 0 else {
      throw BootError(
        role: "memory", field: "size", found: "\(ramSize) bytes",
        expected: "2 MiB to 64 GiB in multiples of 4 KiB")
    }
    self.ramSize = ramSize
    let lowRAM = min(ramSize, Self.pciHoleStart)
    let tables = lowRAM - Self.acpiTablesSize
    var regions = [
      Region(0..<Self.extendedBIOSDataArea.lowerBound, .ram),
      Region(Self.extendedBIOSDataArea, .reserved),
      Region(Self.biosArea, .reserved),
      Region(0x10_0000..<tables, .ram),
      Region(tables..<lowRAM, .acpiNVS),
    ]
    var previousEnd = Self.pciHoleStart
    for range in reserved {
      precondition(
        range.lowerBound >= previousEnd && range.upperBound <= Self.highRAMStart && !range.isEmpty,
        "reserved ranges ascend within the PCI hole")
      regions.append(Region(range, .reserved))
      previousEnd = range.upperBound
    }
    if ramSize > lowRAM {
      regions.append(Region(Self.highRAMStart..<(Self.highRAMStart + ramSize - lowRAM), .ram))
    }
    self.regions = regions
  }

  /// The end of the RAM that starts at 1 MiB and lies below 4 GiB.
  package var extendedRAMEnd: UInt64 { acpiTables.lowerBound }

  /// Whether `start..<start + size` is RAM that the map gives to the guest.
  package func isUsable(_ start: UInt64, _ size: UInt64) -> Bool {
    let (end, overflow) = start.addingReportingOverflow(size)
    guard !overflow else { return false }
    for region in regions where region.kind == .ram && start >= region.start && end <= region.end {
      return true
    }
    return false
  }
}
