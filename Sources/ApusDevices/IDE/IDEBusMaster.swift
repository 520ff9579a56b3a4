import ApusBase

/// One channel of a bus master IDE controller: its registers and its walk through the table of physical
/// region descriptors.
///
/// Source: "Programming Interface for Bus Master IDE Controller", revision 1.0.
struct IDEBusMaster {
  /// Status bit 2.
  static let interrupt: UInt8 = 0x04
  private static let active: UInt8 = 0x01
  private static let failed: UInt8 = 0x02
  /// A table lies within 64 KiB and its descriptors have 8 bytes.
  private static let descriptorLimit = 8192

  /// Start (0) and direction (3: towards memory).
  private var command: UInt8 = 0
  var status: UInt8 = 0
  /// BMIDTP, bits 31:2.
  private var table: UInt32 = 0
  /// Where the next descriptor is, and how many were read since the start.
  private var nextDescriptor: UInt32 = 0
  private var descriptorsRead = 0
  /// What is left of the present region.
  private var region: UInt32 = 0
  private var regionBytes = 0
  private var isLastRegion = false

  func read(_ offset: Int) -> UInt8 {
    switch offset {
    case 0: return command
    case 2: return status
    case 4...7: return UInt8(truncatingIfNeeded: table >> UInt32(8 * (offset - 4)))
    default: return 0
    }
  }

  mutating func write(_ offset: Int, _ value: UInt8) {
    switch offset {
    case 0: writeCommand(value)
    case 2:
      // Bits 2:1 clear by writing ones, 6:5 are the drives' DMA capability, 0 is the controller's own.
      status = status & ~(value & 0x06) & ~0x60 | value & 0x60
    case 4...7:
      let shift = UInt32(8 * (offset - 4))
      table = (table & ~(0xFF << shift) | UInt32(value) << shift) & ~3
    default: break
    }
  }

  private mutating func writeCommand(_ value: UInt8) {
    let starts = value.bit(0) && !command.bit(0)
    // The direction must not change while the engine is active.
    command = status & Self.active != 0 ? command & 0x08 | value & 0x01 : value & 0x09
    if starts {
      status |= Self.active
      nextDescriptor = table
      descriptorsRead = 0
      regionBytes = 0
      isLastRegion = false
    } else if !value.bit(0) {
      status &= ~Self.active
    }
  }

  /// Moves bytes between the device and memory until either has nothing more. Bounded by what the device
  /// has ready and by the descriptors of the table.
  mutating func transfer(_ device: any IDEDevice, _ memory: any DMAMemory, at now: VirtualTime) {
    while status & Self.active != 0, let toMemory = device.dmaToMemory {
      guard toMemory == command.bit(3) else { return stop(failed: true) }
      if regionBytes == 0 {
        guard readDescriptor(memory) else { return stop(failed: true) }
      }
      let bytes = min(regionBytes, device.dmaBytes)
      guard bytes > 0, device.moveDMA(bytes, memory, at: UInt64(region), now) else {
        return stop(failed: true)
      }
      region = region &+ UInt32(bytes)
      regionBytes -= bytes
      // A table that ends before the device does leaves it waiting: Active = 0, Interrupt = 0. With the
      // device done before the table, Active stays until software stops the engine.
      if regionBytes == 0 && isLastRegion { stop(failed: false) }
    }
  }

  private mutating func stop(failed: Bool) {
    status &= ~Self.active
    if failed { status |= Self.failed }
  }

  private mutating func readDescriptor(_ memory: any DMAMemory) -> Bool {
    guard descriptorsRead < Self.descriptorLimit,
      let descriptor = DMAInteger.read(memory, UInt64(nextDescriptor), bytes: 8)
    else { return false }
    descriptorsRead += 1
    // The table must not cross a 64 KiB boundary: only the lower half of the pointer counts.
    nextDescriptor = nextDescriptor & 0xFFFF_0000 | (nextDescriptor &+ 8) & 0xFFFF
    region = UInt32(truncatingIfNeeded: descriptor) & ~1
    let bytes = Int(descriptor.bits(47, 32) & 0xFFFE)
    regionBytes = bytes == 0 ? 65_536 : bytes
    isLastRegion = descriptor.bit(63)
    return true
  }

  func save(to w: inout StateWriter) {
    w.write(command)
    w.write(status)
    w.write(table)
    w.write(nextDescriptor)
    w.write(UInt32(descriptorsRead))
    w.write(region)
    w.write(UInt32(regionBytes))
    w.write(isLastRegion)
  }

  mutating func restore(from r: inout StateReader) throws(StateError) {
    command = try r.read(UInt8.self) & 0x09
    status = try r.read(UInt8.self) & 0x67
    table = try r.read(UInt32.self) & ~3
    nextDescriptor = try r.read()
    descriptorsRead = Int(try r.read(UInt32.self))
    region = try r.read()
    let bytes = Int(try r.read(UInt32.self))
    guard bytes <= 65_536, bytes % 2 == 0 else { throw r.invalid("regionBytes") }
    regionBytes = bytes
    isLastRegion = try r.readBool("isLastRegion")
  }
}

// MARK: For people

extension IDEBusMaster {
  func describe(into description: inout DeviceDescription) {
    description.add("BMICOM", command, bits: ["SSBM", "", "", "RWCON"])
    description.add("BMISTA", status, bits: ["BMIDEA", "DMA error", "IDEINTS", "", "", "DMA0CAP", "DMA1CAP"])
    description.add("BMIDTP", table, "")
    guard status & Self.active != 0 else { return }
    var left = "\(descriptorsRead) descriptors read, the next at \(DeviceDescription.hex(nextDescriptor))"
    if regionBytes > 0 { left += "; \(regionBytes) bytes left at \(DeviceDescription.hex(region))" }
    description.add("region", left + (isLastRegion ? ", the last" : ""))
  }
}
