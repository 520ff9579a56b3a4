import ApusBase
import ApusDevices
import Testing

private final class Bench {
  typealias Key = FirmwareConfiguration.Key
  let ram = StorageRAM(size: 1 << 16)
  let device: FirmwareConfiguration

  init(_ items: [FirmwareConfiguration.Item]) throws {
    device = try #require(FirmwareConfiguration(items: items, memory: ram))
    device.reset(at: 0)
  }

  static func usual() throws -> Bench {
    try Bench([
      .init(Key.memorySize, UInt64(0x1234_5678_9ABC)),
      .init(Key.processors, UInt16(4)),
      .init(.file("etc/system-states"), [1, 2, 3, 4, 5, 6]),
      .init(.file("etc/log"), [UInt8](repeating: 0x11, count: 8), isWritable: true),
      FirmwareConfiguration.e820([
        .init(start: 0, length: 0x0900_0000, type: 1), .init(start: 0xFEFF_C000, length: 0x4000, type: 2),
      ]),
      FirmwareConfiguration.bootOrder(["/pci@i0cf8/ide@1,1/drive@0/disk@0", "HALT"]),
    ])
  }

  func select(_ key: UInt16) { device.writePort(0x510, UInt32(key), width: 2, at: 0) }
  func read(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: device.readPort(0x511, width: 1, at: 0)) }
  }
  func read(_ key: UInt16, _ count: Int) -> [UInt8] {
    select(key)
    return read(count)
  }

  /// As firmware walks the directory.
  func files() -> [String: (key: UInt16, size: Int)] {
    func big(_ bytes: [UInt8]) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }
    select(Key.fileDirectory)
    var files: [String: (key: UInt16, size: Int)] = [:]
    for _ in 0..<big(read(4)) {
      let (size, key, reserved, name) = (big(read(4)), UInt16(big(read(2))), read(2), read(56))
      #expect(reserved == [0, 0])
      files[String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)] = (key, size)
    }
    return files
  }

  /// A DMA access with its structure at 100h; returns what control holds afterwards.
  func DMA(_ control: UInt32, length: UInt32, address: UInt64, at structure: UInt32 = 0x100) -> UInt32 {
    ram.store(Int(structure), control.bigEndian)
    ram.store(Int(structure) + 4, length.bigEndian)
    ram.store(Int(structure) + 8, address.bigEndian)
    device.writePort(0x514, 0, width: 4, at: 0)
    device.writePort(0x518, structure.byteSwapped, width: 4, at: 0)
    return ram.load(Int(structure), UInt32.self).bigEndian
  }
}

@Suite struct FirmwareConfigurationTests {
  @Test func identification() throws {
    let bench = try Bench.usual()
    #expect(bench.read(4) == Array("QEMU".utf8))
    #expect(bench.read(0x00, 6) == Array("QEMU".utf8) + [0, 0])
    #expect(bench.read(0x01, 4) == [3, 0, 0, 0])
    // "QEMU CFG" in memory order, in any width.
    let low = bench.device.readPort(0x514, width: 4, at: 0)
    #expect(low == UInt32(0x5145_4D55).byteSwapped)
    #expect(bench.device.readPort(0x518, width: 4, at: 0) == UInt32(0x2043_4647).byteSwapped)
    #expect(bench.device.readPort(0x516, width: 2, at: 0) == 0x554D)
  }

  @Test func numberedItems() throws {
    let bench = try Bench.usual()
    #expect(bench.read(0x03, 8) == [0xBC, 0x9A, 0x78, 0x56, 0x34, 0x12, 0, 0])
    #expect(bench.read(0x05, 3) == [4, 0, 0])
    #expect(bench.read(0x4005, 2) == [4, 0])
    #expect(bench.read(0x7777, 2) == [0, 0])
    // A new selection starts over; other widths select nothing, and the data port takes nothing.
    _ = bench.read(0x05, 1)
    bench.device.writePort(0x511, 0xEE, width: 1, at: 0)
    bench.device.writePort(0x510, 0x03, width: 1, at: 0)
    #expect(bench.read(1) == [0])
    #expect(bench.read(0x05, 1) == [4])
  }

  @Test func filesAndTables() throws {
    let bench = try Bench.usual()
    let files = bench.files()
    #expect(files.keys.sorted() == ["bootorder", "etc/e820", "etc/log", "etc/system-states"])
    #expect(Set(files.values.map(\.key)) == [0x20, 0x21, 0x22, 0x23])
    let e820 = try #require(files["etc/e820"])
    #expect(e820.size == 40)
    #expect(
      bench.read(e820.key, 40) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 1, 0, 0, 0]
        + [0, 0xC0, 0xFF, 0xFE, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0])
    let order = try #require(files["bootorder"])
    let text = Array("/pci@i0cf8/ide@1,1/drive@0/disk@0\nHALT\0".utf8)
    #expect(bench.read(order.key, order.size) == text)
  }

  @Test func DMAReadsSkipsAndSelects() throws {
    let bench = try Bench.usual()
    let key = UInt32(try #require(bench.files()["etc/system-states"]).key)
    #expect(bench.DMA(key << 16 | 0x0A, length: 2, address: 0x200) == 0)
    #expect(bench.DMA(0x04, length: 1, address: 0) == 0)
    #expect(bench.DMA(0x02, length: 2, address: 0x202) == 0)
    #expect(Array(bench.ram.bytes[0x200..<0x205]) == [1, 2, 4, 5, 0])
    // Both interfaces share the offset; zeros follow the end.
    #expect(bench.read(1) == [6])
    for i in 0..<4 { bench.ram.bytes[0x300 + i] = 0xFF }
    #expect(bench.DMA(key << 16 | 0x08, length: 0, address: 0) == 0)
    #expect(bench.DMA(0x04, length: .max, address: 0) == 0)
    #expect(bench.DMA(0x02, length: 3, address: 0x300) == 0)
    #expect(Array(bench.ram.bytes[0x300..<0x304]) == [0, 0, 0, 0xFF])
    #expect(bench.DMA(0x7777 << 16 | 0x0A, length: 1, address: 0x303) == 0)
    #expect(bench.ram.bytes[0x303] == 0)
  }

  @Test func DMAErrors() throws {
    let bench = try Bench.usual()
    #expect(bench.DMA(0x0A, length: 4, address: 0xFFFF_FFFF_FFFF_FFFE) == 1)
    #expect(bench.DMA(0x0A, length: 4, address: 0xFFFE) == 1)
    #expect(bench.DMA(0x0A, length: .max, address: 0x200) == 1)
    #expect(bench.DMA(0x05 << 16 | 0x18, length: 2, address: 0x200) == 1)  // read-only
    // A structure outside RAM changes nothing.
    bench.device.writePort(0x514, 0xFFFF_FFFF, width: 4, at: 0)
    bench.device.writePort(0x518, 0xFFFF_FFFF, width: 4, at: 0)
    #expect(bench.read(0x05, 1) == [4])
  }

  @Test func DMAWritesWhatIsWritable() throws {
    let bench = try Bench.usual()
    let key = UInt32(try #require(bench.files()["etc/log"]).key)
    for i in 0..<9 { bench.ram.bytes[0x400 + i] = UInt8(i) }
    #expect(bench.DMA(key << 16 | 0x08, length: 0, address: 0) == 0)
    #expect(bench.DMA(0x04, length: 2, address: 0) == 0)
    #expect(bench.DMA(0x10, length: 3, address: 0x400) == 0)
    #expect(bench.DMA(0x10, length: 4, address: 0x400) == 1)
    let changed: [UInt8] = [0x11, 0x11, 0, 1, 2, 0x11, 0x11, 0x11]
    #expect(bench.read(UInt16(key), 8) == changed)
    let twin = try Bench.usual()
    try restore(twin.device, from: savedState(bench.device))
    #expect(twin.read(UInt16(key), 8) == changed)
    bench.device.reset(at: 1)
    #expect(bench.read(UInt16(key), 8) == [UInt8](repeating: 0x11, count: 8))
  }

  @Test func contradictoryItemsAreRefused() {
    let ram = StorageRAM(size: 16)
    typealias Item = FirmwareConfiguration.Item
    let bad: [[Item]] = [
      [Item(.file("a"), []), Item(.file("a"), [1])], [Item(.file(""), [])],
      [Item(.file(String(repeating: "x", count: 56)), [])], [Item(.key(0), [])], [Item(.key(0x19), [])],
      [Item(.key(3), []), Item(.key(3), [])], [Item(.key(0x20), [])], [Item(.key(0x4003), [])],
    ]
    for items in bad { #expect(FirmwareConfiguration(items: items, memory: ram) == nil) }
    #expect(
      FirmwareConfiguration(items: [Item(.file(String(repeating: "x", count: 55)), [])], memory: ram) != nil)
    #expect(FirmwareConfiguration(items: [Item(.key(0x8003), [1])], memory: ram) != nil)
  }

  @Test func surviveAnything() throws {
    let ports = [0x50E...0x51D] as [ClosedRange<UInt16>]
    try fuzz({ makeFilled() }, ports: ports, seed: 51)
    fuzzRestore({ makeFilled() }, ports: ports, seed: 52)
  }

  @Test func describesItself() throws {
    let bench = try Bench.usual()
    bench.select(0)
    _ = bench.read(1)
    let before = savedState(bench.device)
    let description = bench.device.description
    #expect(description["selector"] == "0000h" && description["offset"] == "1 of 4 bytes")
    #expect(savedState(bench.device) == before)
    bench.select(0x1234)
    #expect(bench.device.description["selector"] == "1234h  no such item")
    #expect(bench.device.description["offset"] == "0 of 0 bytes")
  }
}

/// A device over RAM in which every structure may be an access.
private func makeFilled() -> FirmwareConfiguration {
  let ram = StorageRAM(size: 1 << 12)
  var random = SplitMix64(state: 3)
  for i in ram.bytes.indices {
    ram.bytes[i] = random.next() % 3 == 0 ? UInt8(truncatingIfNeeded: random.next()) & 0x1F : 0
  }
  let items = [FirmwareConfiguration.Item(.file("w"), [1, 2, 3, 4, 5], isWritable: true)]
  guard let device = FirmwareConfiguration(items: items, memory: ram) else { fatalError("items are good") }
  return device
}
