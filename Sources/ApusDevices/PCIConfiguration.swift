import ApusBase

/// The 256-byte configuration space of one PCI function with header type 0.
///
/// Source: PCI Local Bus Specification 3.0, chapter 6 "Configuration Space".
package struct PCIConfiguration {
  /// What a base address register decodes. Sizes are powers of two: I/O 4...32768, memory 16 and more.
  package enum BAR: Equatable {
    case none
    case io(size: UInt32)
    case memory(size: UInt32)
  }

  /// An active decode of a base address register.
  package struct Range {
    package let isIO: Bool
    package let base: UInt64
    package let size: UInt64
  }

  /// Offset of the command register.
  package static let command = 0x04
  /// Offset of the status register.
  package static let status = 0x06
  /// Offset of the interrupt line register.
  package static let interruptLine = 0x3C
  /// Offset of the interrupt pin register.
  package static let interruptPin = 0x3D

  private static let size = 256
  private var bytes: [UInt8]
  private var initial: [UInt8]
  /// Bits that software may write.
  private var writable: [UInt8]
  /// Bits that software clears by writing ones.
  private var clearable: [UInt8]
  /// Bits that the function changes by itself.
  private var volatile: [UInt8]
  private var bars: [BAR]
  /// In bytes; 0 without one.
  private var romSize: UInt32 = 0
  private var capabilityEnd = 0x40
  private var lastCapability = 0x34

  /// A header for the given identification. `classCode` is class, subclass and programming interface
  /// (bits 23:0). Of the command register, `commandMask` is writable; INTx pin 0 means none, 1 INTA#.
  package init(
    vendor: UInt16, device: UInt16, revision: UInt8, classCode: UInt32,
    subsystemVendor: UInt16 = 0, subsystem: UInt16 = 0, commandMask: UInt16,
    command: UInt16 = 0, status: UInt16 = 0, interruptPin: UInt8 = 0
  ) {
    bytes = [UInt8](repeating: 0, count: Self.size)
    initial = bytes
    writable = bytes
    clearable = bytes
    volatile = bytes
    bars = [BAR](repeating: .none, count: 6)
    define(0x00, UInt32(vendor) | UInt32(device) << 16)
    define(Self.command, UInt32(command) | UInt32(status) << 16, writable: UInt32(commandMask))
    define(0x08, UInt32(revision) | classCode << 8)
    define(0x2C, UInt32(subsystemVendor) | UInt32(subsystem) << 16)
    define(Self.interruptLine, UInt32(interruptPin) << 8, writable: 0xFF)
    // Status 15:11 and 8 are error reports, cleared by writing ones.
    clearable[Self.status + 1] = 0xF9
    volatile[Self.status + 1] = 0xF9
  }

  // MARK: Layout, used while the function is built

  /// Gives the double word at `offset` its reset value and its writable bits.
  package mutating func define(_ offset: Int, _ value: UInt32, writable mask: UInt32 = 0) {
    for i in 0..<4 {
      define(
        byte: offset + i, UInt8(truncatingIfNeeded: value >> UInt32(8 * i)),
        writable: UInt8(truncatingIfNeeded: mask >> UInt32(8 * i)))
    }
  }

  /// Gives the byte at `offset` its reset value and its writable bits.
  package mutating func define(byte offset: Int, _ value: UInt8, writable mask: UInt8 = 0) {
    bytes[offset] = value
    initial[offset] = value
    writable[offset] = mask
  }

  /// Marks bits of a byte as changed by the function itself (through `set`).
  package mutating func defineVolatile(byte offset: Int, _ mask: UInt8) { volatile[offset] |= mask }

  /// Sets bit 7 of the header type: the device has further functions.
  package mutating func markMultifunction() {
    bytes[0x0E] |= 0x80
    initial[0x0E] |= 0x80
  }

  /// The number of the expansion ROM among the base address registers.
  package static let expansionROM = 6

  /// Gives the function an expansion ROM of `size` bytes, a power of two of at least 2 KiB (PCI Local Bus
  /// Specification, "Expansion ROM Base Address Register").
  package mutating func defineExpansionROM(size: UInt32) {
    romSize = size
    define(0x30, 0, writable: ~(size &- 1) & ~0x7FF | 1)
  }

  /// Defines base address register `index` (0...5).
  package mutating func define(bar index: Int, _ bar: BAR) {
    bars[index] = bar
    switch bar {
    case .none: define(0x10 + 4 * index, 0)
    // All 32 bits, though the chip's 16: firmware takes the size for the complement of what it reads.
    case .io(let size): define(0x10 + 4 * index, 1, writable: ~(size &- 1))
    case .memory(let size): define(0x10 + 4 * index, 0, writable: ~(size &- 1))
    }
  }

  /// Appends a capability to the list and returns its offset. `body` follows the identification and the
  /// link to the next capability; `writable` masks the bytes of `body`.
  package mutating func appendCapability(_ id: UInt8, _ body: [UInt8], writable mask: [UInt8] = []) -> Int {
    let offset = capabilityEnd
    precondition(offset + 2 + body.count <= Self.size, "capabilities exceed the configuration space")
    define(byte: offset, id)
    define(byte: offset + 1, 0)
    for (i, byte) in body.enumerated() {
      define(byte: offset + 2 + i, byte, writable: i < mask.count ? mask[i] : 0)
    }
    define(byte: lastCapability, UInt8(truncatingIfNeeded: offset))
    lastCapability = offset + 1
    capabilityEnd = (offset + 2 + body.count + 3) & ~3
    // Status bit 4: the list exists.
    define(byte: Self.status, bytes[Self.status] | 0x10)
    return offset
  }

  // MARK: Access

  /// Puts every register into its state after RST#.
  package mutating func reset() { bytes = initial }

  /// Reads 1, 2 or 4 bytes; bytes beyond the space read as ones.
  package func read(_ offset: Int, width: Int) -> UInt32 {
    var value: UInt32 = 0
    for i in 0..<min(width, 4) {
      let byte = offset >= 0 && offset + i < Self.size ? bytes[offset + i] : 0xFF
      value |= UInt32(byte) << UInt32(8 * i)
    }
    return value
  }

  /// A software write of 1, 2 or 4 bytes: only writable bits change, clearable ones go off.
  package mutating func write(_ offset: Int, _ value: UInt32, width: Int) {
    for i in 0..<min(width, 4) where offset >= 0 && offset + i < Self.size {
      let at = offset + i
      let byte = UInt8(truncatingIfNeeded: value >> UInt32(8 * i))
      bytes[at] = (bytes[at] & ~writable[at] | byte & writable[at]) & ~(byte & clearable[at])
    }
  }

  /// The function changes a byte itself, past the masks.
  package mutating func set(byte offset: Int, _ value: UInt8) { bytes[offset] = value }

  /// Bits 7:0 of a byte.
  package subscript(offset: Int) -> UInt8 { bytes[offset] }

  /// The range that the expansion ROM decodes now, nil without one and while it is disabled or at 0.
  private var romRange: Range? {
    let register = read(0x30, width: 4)
    guard romSize != 0, decodesMemory, register & 1 != 0, register & ~0x7FF != 0 else { return nil }
    return Range(isIO: false, base: UInt64(register & ~0x7FF), size: UInt64(romSize))
  }

  /// Command bit 0: the function decodes I/O accesses.
  package var decodesIO: Bool { bytes[Self.command].bit(0) }
  /// Command bit 1: the function decodes memory accesses.
  package var decodesMemory: Bool { bytes[Self.command].bit(1) }
  /// Command bit 2: the function may master the bus.
  package var isBusMaster: Bool { bytes[Self.command].bit(2) }
  /// Command bit 10: the function must not assert INTx#.
  package var disablesINTx: Bool { bytes[Self.command + 1].bit(2) }

  /// What base address register `index` is for.
  package func bar(_ index: Int) -> BAR { bars[index] }

  /// The range that base address register `index` decodes now, nil if it is disabled or at 0. The expansion ROM
  /// counts as number 6.
  package func range(ofBAR index: Int) -> Range? {
    if index == Self.expansionROM { return romRange }
    let register = read(0x10 + 4 * index, width: 4)
    switch bars[index] {
    case .none: return nil
    case .io(let size):
      let base = register & ~3
      guard decodesIO && base != 0 && base <= 0xFFFF else { return nil }
      return Range(isIO: true, base: UInt64(base), size: UInt64(size))
    case .memory(let size):
      let base = register & ~0xF
      guard decodesMemory && base != 0 else { return nil }
      return Range(isIO: false, base: UInt64(base), size: UInt64(size))
    }
  }

  // MARK: Saved state

  /// Writes the register contents.
  package func save(to writer: inout StateWriter) { writer.write(bytes) }

  /// Reads the register contents; bits that nothing can change must be as after reset.
  package mutating func restore(from reader: inout StateReader) throws(StateError) {
    let read = try reader.readBytes(limit: Self.size, "configuration")
    guard read.count == Self.size else { throw reader.invalid("configuration") }
    for i in 0..<Self.size {
      let fixed = ~(writable[i] | clearable[i] | volatile[i])
      guard (read[i] ^ initial[i]) & fixed == 0 else { throw reader.invalid("configuration") }
    }
    bytes = read
  }
}

/// A function on the PCI bus. Its `readPort`/`writePort` serve the fixed ports that it claims.
package protocol PCIFunction: Device {
  /// The standard configuration space.
  var configuration: PCIConfiguration { get set }
  /// Reads 1, 2 or 4 bytes of configuration space at `offset` (0...255).
  func readConfiguration(_ offset: Int, width: Int, at now: VirtualTime) -> UInt32
  /// Writes 1, 2 or 4 bytes of configuration space at `offset` (0...255).
  func writeConfiguration(_ offset: Int, _ value: UInt32, width: Int, at now: VirtualTime)
  /// Reads `width` bytes at `offset` within the range of base address register `bar`.
  func readBAR(_ bar: Int, _ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64
  /// Writes `width` bytes at `offset` within the range of base address register `bar`.
  func writeBAR(_ bar: Int, _ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime)
  /// Whether the function decodes this port now, outside its base address registers.
  func claimsPort(_ port: UInt16) -> Bool
  /// Sets up device-specific registers as firmware leaves them for an operating system.
  func initializeAsFirmware(at now: VirtualTime)
  /// What there is beside the configuration space, for people.
  var descriptions: [DeviceDescription] { get }
}

extension PCIFunction {
  package func readConfiguration(_ offset: Int, width: Int, at now: VirtualTime) -> UInt32 {
    configuration.read(offset, width: width)
  }
  package func writeConfiguration(_ offset: Int, _ value: UInt32, width: Int, at now: VirtualTime) {
    configuration.write(offset, value, width: width)
  }
  package func readBAR(_ bar: Int, _ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64 { .max }
  package func writeBAR(
    _ bar: Int, _ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime
  ) {}
  package func claimsPort(_ port: UInt16) -> Bool { false }
  package func initializeAsFirmware(at now: VirtualTime) {}
  package var descriptions: [DeviceDescription] { [] }
}

// MARK: For people

extension PCIConfiguration {
  /// The header, in rows that belong to the function at `place`.
  func describe(_ name: String, at place: String, into description: inout DeviceDescription) {
    func word(_ offset: Int) -> UInt16 { UInt16(truncatingIfNeeded: read(offset, width: 2)) }
    let classCode = [self[0x0B], self[0x0A], self[0x09]].map { DeviceDescription.hex($0) }
    let identification = "vendor \(DeviceDescription.hex(word(0))), device \(DeviceDescription.hex(word(2)))"
    description.add(place, "\(name), \(identification), class \(classCode.joined(separator: " "))")
    description.add(
      "", word(Self.command),
      bits: [
        "I/O", "memory", "bus master", "special cycles", "MWI", "VGA snoop", "PERR#", "", "SERR#",
        "fast back-to-back", "INTx# disabled",
      ])
    for index in 0..<6 {
      let register = read(0x10 + 4 * index, width: 4)
      switch bars[index] {
      case .none: continue
      case .io(let size): addBAR(index, "I/O", register & ~3, size, into: &description)
      case .memory(let size): addBAR(index, "memory", register & ~0xF, size, into: &description)
      }
    }
    if romSize != 0 {
      let base = DeviceDescription.hex(read(0x30, width: 4) & ~0x7FF)
      description.add("", "ROM at \(base), \(romSize) bytes" + (romRange == nil ? ", not decoded" : ""))
    }
  }

  private func addBAR(
    _ index: Int, _ kind: String, _ base: UInt32, _ size: UInt32, into description: inout DeviceDescription
  ) {
    description.add(
      "",
      "BAR\(index) \(kind) at \(DeviceDescription.hex(base)), \(size) bytes"
        + (range(ofBAR: index) == nil ? ", not decoded" : ""))
  }
}
