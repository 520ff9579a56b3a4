import ApusBase
import ApusDevices

// Drives, their controllers, and what firmware is told of them.

extension Board {
  func attachDrives(_ drives: [Drive]) throws(MachineError) {
    var ide: [(any IDEDevice)?] = [nil, nil, nil, nil]
    let places = ide.indices
    // Those that ask for a place get it before the others take what is free.
    for drive in drives where drive.interface == .ide && drive.place != nil {
      guard let place = drive.place, places.contains(place), ide[place] == nil else {
        throw MachineError(message: "IDE place \(drive.place ?? -1) is taken or not 0 to 3", kind: .usage)
      }
      ide[place] = Self.ideDevice(drive, place)
    }
    var slot = Self.virtioSlots.lowerBound
    for drive in drives {
      switch drive.interface {
      case .ide:
        guard drive.place == nil else { continue }
        guard let free = ide.firstIndex(where: { $0 == nil }) else {
          throw MachineError(message: "at most 4 IDE drives fit", kind: .usage)
        }
        ide[free] = Self.ideDevice(drive, free)
      case .floppy: continue
      case .virtio:
        guard slot <= Self.virtioSlots.upperBound else {
          throw MachineError(message: "at most \(Self.virtioSlots.count) virtio drives fit", kind: .usage)
        }
        let number = slot - Self.virtioSlots.lowerBound
        let function = VirtioPCI(
          name: "VirtioBlock\(number)",
          backend: VirtioBlock(store: drive.store, serial: "apus-virtio\(number)"),
          memory: memory, irq: pci.interruptLine(slot: slot), msi: MSIBridge(localAPIC))
        pci.attach(function, slot: slot)
        slot += 1
      }
    }
    // Sources 0 of IRQ 14 and 15: no ISA device has them.
    pci.attach(
      PIIXIDE(devices: ide, memory: memory, irqs: [fabric.line(14), fabric.line(15)]), slot: 1, function: 1)
  }

  private static func ideDevice(_ drive: Drive, _ place: Int) -> any IDEDevice {
    let serial = "AP0000000\(place + 1)"
    switch drive.medium {
    case .disk: return ATADisk(store: drive.store, serial: serial)
    case .cdrom: return ATAPICDROM(medium: drive.store, serial: serial)
    }
  }

  // MARK: Floppy disks

  /// The drives on the floppy cable by place.
  private static func floppies(_ drives: [Drive]) throws(MachineError) -> [Drive?] {
    var places: [Drive?] = [nil, nil]
    for drive in drives where drive.interface == .floppy {
      let place = drive.place ?? (places[0] == nil ? 0 : 1)
      guard places.indices.contains(place), places[place] == nil else {
        throw MachineError(message: "floppy drive \(place) is taken or not 0 or 1", kind: .usage)
      }
      places[place] = drive
    }
    return places
  }

  /// What kinds of drive take the disks. There is always an A:, of 1.44 MB if it is empty.
  static func floppyTypes(
    _ drives: [Drive]
  ) throws(MachineError) -> (CMOSConfiguration.FloppyDrive, CMOSConfiguration.FloppyDrive) {
    let types = try floppies(drives).map { drive -> CMOSConfiguration.FloppyDrive? in
      guard let drive else { return nil }
      return (try? FloppyGeometry.ofImage(sectors: drive.store.sectorCount))?.usualDrive ?? .m1_44
    }
    return (types[0] ?? .m1_44, types[1] ?? .none)
  }

  func insertFloppies(_ drives: [Drive]) throws(MachineError) {
    for (number, drive) in try Self.floppies(drives).enumerated() {
      guard let drive else { continue }
      do throws(FloppyError) { try floppy.insert(drive.store, drive: number, at: 0) } catch {
        throw MachineError(message: "floppy drive \(number): \(error.message)", kind: .badInput)
      }
    }
  }

  /// What the CMOS RAM says of drives and boot order.
  static func cmos(
    _ configuration: MachineConfiguration, _ map: MemoryMap
  ) throws(MachineError) -> CMOSConfiguration {
    var cmos = CMOSConfiguration(memoryBelow4GiB: map.lowRAMSize, memoryAbove4GiB: map.highRAMSize)
    cmos.floppies = try floppyTypes(configuration.drives)
    cmos.bootOrder = configuration.bootOrder.map { device in
      switch device {
      case .floppy: .floppy
      case .hardDisk: .hardDisk
      case .cdrom: .cdrom
      case .network: .network
      }
    }
    return cmos
  }
}
