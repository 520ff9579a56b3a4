import ApusBase

/// QEMU's firmware configuration device, by which firmware reads what the machine was given: named and numbered
/// items of bytes. Selector at 510h, data at 511h, DMA address at 514h–51Bh. Source: QEMU documentation, "QEMU
/// Firmware Configuration (fw_cfg) Device".
package final class FirmwareConfiguration: Device {
  package let name = "FirmwareConfiguration"
  /// The ports to attach.
  package static let portRanges: [ClosedRange<UInt16>] = [0x510...0x511, 0x514...0x51B]

  /// The selector keys with a fixed meaning, for `Item.Name.key`.
  package enum Key {
    package static let signature: UInt16 = 0x00
    package static let ID: UInt16 = 0x01
    package static let UUID: UInt16 = 0x02
    /// Bytes of RAM, 8 bytes.
    package static let memorySize: UInt16 = 0x03
    package static let noGraphic: UInt16 = 0x04
    /// Processors at start, 2 bytes.
    package static let processors: UInt16 = 0x05
    package static let kernelAddress: UInt16 = 0x07
    package static let kernelSize: UInt16 = 0x08
    package static let initrdAddress: UInt16 = 0x0A
    package static let initrdSize: UInt16 = 0x0B
    package static let bootDevice: UInt16 = 0x0C
    /// Whether firmware offers a boot menu, 2 bytes.
    package static let bootMenu: UInt16 = 0x0E
    /// Processors at most, 2 bytes.
    package static let maximumProcessors: UInt16 = 0x0F
    package static let kernelEntry: UInt16 = 0x10
    package static let kernelData: UInt16 = 0x11
    package static let initrdData: UInt16 = 0x12
    package static let commandLineAddress: UInt16 = 0x13
    package static let commandLineSize: UInt16 = 0x14
    package static let commandLineData: UInt16 = 0x15
    package static let setupAddress: UInt16 = 0x16
    package static let setupSize: UInt16 = 0x17
    package static let setupData: UInt16 = 0x18
    package static let fileDirectory: UInt16 = 0x19
    /// The first file.
    package static let firstFile: UInt16 = 0x20
  }

  /// A piece of configuration.
  package struct Item {
    /// How firmware finds it.
    package enum Name {
      /// By a key of its own.
      case key(UInt16)
      /// By a name in the directory, at most 55 ASCII characters.
      case file(String)
    }

    package let name: Name
    package let bytes: [UInt8]
    /// Whether firmware may change the bytes by DMA. They are back as given after a reset.
    package let isWritable: Bool

    /// An item with its bytes.
    package init(_ name: Name, _ bytes: [UInt8], isWritable: Bool = false) {
      self.name = name
      self.bytes = bytes
      self.isWritable = isWritable
    }

    /// An item with a little-endian integer, as numbers behind keys are.
    package init<T: FixedWidthInteger>(_ key: UInt16, _ value: T) {
      let bytes = (0..<(T.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> T($0 * 8)) }
      self.init(.key(key), bytes)
    }
  }

  /// Bits of the control word of a DMA access.
  private enum Control {
    static let error: UInt32 = 0x01
    static let read: UInt32 = 0x02
    static let skip: UInt32 = 0x04
    static let select: UInt32 = 0x08
    static let write: UInt32 = 0x10
  }

  /// Files and fixed keys are looked up in arrays: the key of entry `i` is `keys[i]`.
  private let keys: [UInt16]
  private let given: [[UInt8]]
  private let isWritable: [Bool]
  private var entries: [[UInt8]]
  private let memory: any DMAMemory
  /// The selected entry, nil for a key that has none.
  private var selected: Int?
  private var selector: UInt16 = 0
  private var offset = 0
  /// The upper half of the DMA address.
  private var upperAddress: UInt32 = 0

  /// A device with `items`, or nil if two have the same name or key, a file's name is empty or too long, or a key
  /// is one that the device itself provides (signature, ID, directory, files). Files get keys in the order of
  /// their names.
  package init?(items: [Item], memory: any DMAMemory) {
    var fixed: [(key: UInt16, item: Item)] = []
    var files: [(name: [UInt8], item: Item)] = []
    for item in items {
      switch item.name {
      case .key(let key): fixed.append((key, item))
      case .file(let name): files.append((Array(name.utf8), item))
      }
    }
    files.sort { $0.name.lexicographicallyPrecedes($1.name) }
    var keys = [Key.signature, Key.ID, Key.fileDirectory]
    // Bit 0 of the ID: the traditional interface, bit 1: DMA.
    var bytes = [Array("QEMU".utf8), [3, 0, 0, 0], Self.directory(files)]
    var isWritable = [false, false, false]
    for (key, item) in fixed {
      let isFile = key & 0x8000 == 0 && key >= Key.firstFile
      guard !keys.contains(key), !isFile, key & 0x4000 == 0 else { return nil }
      keys.append(key)
      bytes.append(item.bytes)
      isWritable.append(item.isWritable)
    }
    guard files.count <= 0x3F00 else { return nil }
    for (i, file) in files.enumerated() {
      guard (1...55).contains(file.name.count), i == 0 || files[i - 1].name != file.name else { return nil }
      keys.append(Key.firstFile + UInt16(i))
      bytes.append(file.item.bytes)
      isWritable.append(file.item.isWritable)
    }
    self.keys = keys
    given = bytes
    entries = bytes
    self.isWritable = isWritable
    self.memory = memory
    selected = 0
  }

  /// The directory: a count, then size, key, two reserved bytes and 56 bytes of name for each file, big-endian.
  private static func directory(_ files: [(name: [UInt8], item: Item)]) -> [UInt8] {
    var bytes = bigEndian(UInt64(files.count), bytes: 4)
    for (i, file) in files.enumerated() {
      bytes += bigEndian(UInt64(file.item.bytes.count), bytes: 4)
      bytes += bigEndian(UInt64(Key.firstFile) + UInt64(i), bytes: 2) + [0, 0]
      bytes += file.name.prefix(55)
      bytes += [UInt8](repeating: 0, count: 56 - min(file.name.count, 55))
    }
    return bytes
  }

  private static func bigEndian(_ value: UInt64, bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (bytes - 1 - $0))) }
  }

  /// A range of `etc/e820`.
  package struct MemoryRange {
    package let start: UInt64
    package let length: UInt64
    /// As E820 numbers them: 1 RAM, 2 reserved, 3 ACPI, 4 NVS.
    package let type: UInt32

    /// A range in bytes.
    package init(start: UInt64, length: UInt64, type: UInt32) {
      self.start = start
      self.length = length
      self.type = type
    }
  }

  /// The file `etc/e820`: 20 bytes for each range, little-endian.
  package static func e820(_ ranges: [MemoryRange]) -> Item {
    var bytes: [UInt8] = []
    for range in ranges {
      bytes += bigEndian(range.start, bytes: 8).reversed()
      bytes += bigEndian(range.length, bytes: 8).reversed()
      bytes += bigEndian(UInt64(range.type), bytes: 4).reversed()
    }
    return Item(.file("etc/e820"), bytes)
  }

  /// The file `bootorder`: a line for each Open Firmware path, the last one ended by a zero byte.
  package static func bootOrder(_ paths: [String]) -> Item {
    Item(.file("bootorder"), Array(paths.joined(separator: "\n").utf8) + [0])
  }

  package func reset(at now: VirtualTime) {
    entries = given
    upperAddress = 0
    select(Key.signature)
  }

  private func select(_ key: UInt16) {
    selector = key
    offset = 0
    // Bit 14 asked for writing through the data port, which does not exist any more.
    selected = keys.firstIndex(of: key & 0xBFFF)
  }

  // MARK: Ports

  /// The data port is one byte wide, at 510h as well as at 511h. The DMA register reads as "QEMU CFG".
  package func readPort(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32 {
    var value: UInt32 = 0
    for i in 0..<min(max(width, 1), 4) {
      let at = port &+ UInt16(truncatingIfNeeded: i)
      var byte: UInt8 = 0xFF
      if (0x514...0x51B).contains(at) {
        byte = Self.bigEndian(0x5145_4D55_2043_4647, bytes: 8)[Int(at - 0x514)]
      } else if at == 0x511 || (at == 0x510 && width == 1) {
        byte = nextByte()
      }
      value |= UInt32(byte) << UInt32(8 * i)
    }
    return value
  }

  /// The selector is 16 bits wide and little-endian, the halves of the DMA address are 32 bits wide and
  /// big-endian; other widths do nothing. Writes to the data port are ignored.
  package func writePort(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime) {
    switch (port, width) {
    case (0x510, 2): select(UInt16(truncatingIfNeeded: value))
    case (0x514, 4): upperAddress = value.byteSwapped
    case (0x518, 4):
      let address = UInt64(upperAddress) << 32 | UInt64(value.byteSwapped)
      upperAddress = 0
      access(address)
    default: break
    }
  }

  /// Beyond the end, and for keys without an entry, everything reads as 0.
  private func nextByte() -> UInt8 {
    guard let selected, offset < entries[selected].count else { return 0 }
    defer { offset += 1 }
    return entries[selected][offset]
  }

  // MARK: DMA

  /// Performs the access that the structure at `physical` describes: control, length, address, big-endian. What
  /// is left in control is 0, or the error bit.
  private func access(_ physical: UInt64) {
    var descriptor = [UInt8](repeating: 0, count: 16)
    guard memory.dmaRead(physical, into: &descriptor, 0..<16) else { return }
    func field(_ range: Range<Int>) -> UInt64 { descriptor[range].reduce(0) { $0 << 8 | UInt64($1) } }
    let control = UInt32(truncatingIfNeeded: field(0..<4))
    if control & Control.select != 0 { select(UInt16(truncatingIfNeeded: control >> 16)) }
    let (length, address) = (Int(field(4..<8)), field(8..<16))
    var isGood = true
    if control & Control.read != 0 {
      isGood = read(length, to: address)
    } else if control & Control.write != 0 {
      isGood = write(length, from: address)
    } else if control & Control.skip != 0 {
      skip(length)
    }
    let status: [UInt8] = [0, 0, 0, isGood ? 0 : UInt8(Control.error)]
    _ = memory.dmaWrite(physical, from: status, 0..<4)
  }

  private func skip(_ length: Int) {
    guard let selected else { return }
    offset = min(offset + length, entries[selected].count)
  }

  /// Departs from QEMU: of the zeros beyond the end at most 1 MiB is written, more is an error, so that one access
  /// cannot keep the host busy with gigabytes of them.
  private func read(_ length: Int, to address: UInt64) -> Bool {
    let available = selected.map { entries[$0].count - offset } ?? 0
    let moved = min(length, available)
    guard length - moved <= 1 << 20 else { return false }
    let (end, overflow) = address.addingReportingOverflow(UInt64(length))
    guard !overflow else { return false }
    if moved > 0, let selected {
      guard memory.dmaWrite(address, from: entries[selected], offset..<(offset + moved)) else { return false }
      offset += moved
    }
    guard length > moved else { return true }
    let zeros = [UInt8](repeating: 0, count: length - moved)
    return memory.dmaWrite(end - UInt64(zeros.count), from: zeros, 0..<zeros.count)
  }

  private func write(_ length: Int, from address: UInt64) -> Bool {
    guard let selected, isWritable[selected], length <= entries[selected].count - offset else { return false }
    var bytes = [UInt8](repeating: 0, count: length)
    guard memory.dmaRead(address, into: &bytes, 0..<length) else { return false }
    entries[selected].replaceSubrange(offset..<(offset + length), with: bytes)
    offset += length
    return true
  }

  // MARK: State

  /// The items themselves belong to the machine's description; only what firmware can change is saved.
  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { writer in
      writer.write(selector)
      writer.write(UInt32(truncatingIfNeeded: offset))
      writer.write(upperAddress)
      writer.write(UInt32(entries.count))
      for i in entries.indices {
        writer.write(UInt32(truncatingIfNeeded: entries[i].count))
        if isWritable[i] { writer.write(entries[i]) }
      }
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in
      select(try reader.read())
      let position = Int(try reader.read(UInt32.self))
      guard position <= selected.map({ entries[$0].count }) ?? 0 else { throw reader.invalid("offset") }
      offset = position
      upperAddress = try reader.read()
      guard try reader.read(UInt32.self) == UInt32(entries.count) else { throw reader.invalid("items") }
      for i in entries.indices {
        let size = Int(try reader.read(UInt32.self))
        guard size == entries[i].count else { throw reader.invalid("size") }
        guard isWritable[i] else { continue }
        let bytes = try reader.readBytes(limit: size, "bytes")
        guard bytes.count == size else { throw reader.invalid("bytes") }
        entries[i] = bytes
      }
    }
  }
}

// MARK: For people

extension FirmwareConfiguration {
  /// What is selected.
  package var description: DeviceDescription {
    var description = DeviceDescription("firmware configuration")
    description.add("selector", selector, selected == nil ? "no such item" : "")
    description.add("offset", "\(offset) of \(selected.map { entries[$0].count } ?? 0) bytes")
    description.add("DMA address, upper half", upperAddress, "")
    description.add("items", "\(keys.count)")
    return description
  }
}
