import ApusBase
import ApusDevices
import Testing

/// A virtio driver of the simplest kind, on a PCI host with one virtio block device.
final class VirtioBench {
  let ram = StorageRAM(size: 1 << 20)
  let lines = StorageLines()
  let messages = StorageMessages()
  let store: MemoryStore
  let block: VirtioBlock
  let device: VirtioPCI
  let host: PCIHost
  var now: VirtualTime = 0
  var base: UInt64 = 0
  var msixBase: UInt64 = 0
  var size = 16
  var availableIndex: UInt16 = 0
  var seenUsed: UInt16 = 0

  let table = 0x10000
  let available = 0x12000
  let used = 0x14000
  let header = 0x20000
  let statusAt = 0x20100
  let data = 0x40000

  init(_ store: MemoryStore, msix: Bool = false) {
    self.store = store
    block = VirtioBlock(store: store, serial: "serial-0123")
    host = PCIHost(memoryWindow: 0xC000_0000...0xFEBF_FFFF, pirq: lines, reset: Line(nil, 0))
    device = VirtioPCI(
      name: "VirtioPCI.0", backend: block, memory: ram, irq: host.interruptLine(slot: 4),
      msi: msix ? messages : nil)
    host.attach(device, slot: 4)
    _ = host.assignResources(at: 0)
    device.writeConfiguration(4, 6, width: 2, at: 0)
    base = UInt64(device.configuration.read(0x10, width: 4)) - 0xC000_0000
    msixBase = UInt64(device.configuration.read(0x14, width: 4) & ~0xF) &- 0xC000_0000
  }

  func read(_ offset: UInt64, width: Int) -> UInt64 { host.readMemory(base + offset, width: width, at: now) }
  func write(_ offset: UInt64, _ value: UInt64, width: Int) {
    host.writeMemory(base + offset, value, width: width, at: now)
  }

  func settle() {
    var rounds = 0
    while host.deadline < .never / 2 && rounds < 1000 {
      now = max(now, host.deadline)
      host.run(at: now)
      rounds += 1
    }
  }

  /// The level of slot 4 INTA#, which is PIRQD#.
  var interrupt: Bool { lines[3] }

  /// Initialisation as VIRTIO 1.2 section "Device Initialization" orders it.
  func start(features: UInt64 = 1 << 32 | 1 << 9) {
    write(0x14, 0, width: 1)
    write(0x14, 1, width: 1)
    write(0x14, 3, width: 1)
    for half: UInt64 in 0...1 {
      write(0x08, half, width: 4)
      write(0x0C, features >> (32 * half) & 0xFFFF_FFFF, width: 4)
    }
    write(0x14, 0x0B, width: 1)
    write(0x16, 0, width: 2)
    write(0x18, UInt64(size), width: 2)
    write(0x20, UInt64(table), width: 4)
    write(0x24, 0, width: 4)
    write(0x28, UInt64(available), width: 8)
    write(0x30, UInt64(used), width: 8)
    write(0x1C, 1, width: 2)
    write(0x14, 0x0F, width: 1)
    availableIndex = 0
    seenUsed = 0
    // A driver starts with empty rings.
    for i in 0..<8 {
      ram.bytes[available + i] = 0
      ram.bytes[used + i] = 0
    }
  }

  func descriptor(
    _ index: Int, _ physical: Int, _ length: Int, flags: UInt16, next: Int = 0, table: Int? = nil
  ) {
    let at = (table ?? self.table) + 16 * index
    ram.store(at, UInt64(truncatingIfNeeded: physical))
    ram.store(at + 8, UInt32(truncatingIfNeeded: length))
    ram.store(at + 12, flags)
    ram.store(at + 14, UInt16(next))
  }

  func offer(_ head: Int) {
    ram.store(available + 4 + 2 * (Int(availableIndex) % size), UInt16(head))
    availableIndex &+= 1
    ram.store(available + 2, availableIndex)
  }

  func notify() {
    write(0x3000, 0, width: 2)
    settle()
  }

  func putHeader(_ type: UInt32, sector: UInt64, at physical: Int? = nil) {
    ram.store(physical ?? header, type)
    ram.store((physical ?? header) + 4, UInt32(0))
    ram.store((physical ?? header) + 8, sector)
  }

  /// A request of header, data and status; returns the status byte, nil if nothing came back.
  func request(_ type: UInt32, sector: UInt64 = 0, bytes: Int = 0, toGuest: Bool = true) -> UInt8? {
    putHeader(type, sector: sector)
    ram.bytes[statusAt] = 0xEE
    descriptor(0, header, 16, flags: 1, next: bytes == 0 ? 2 : 1)
    descriptor(1, data, bytes, flags: toGuest ? 3 : 1, next: 2)
    descriptor(2, statusAt, 1, flags: 2)
    offer(0)
    notify()
    return finished() ? ram.bytes[statusAt] : nil
  }

  /// Whether one more entry stands in the used ring.
  func finished() -> Bool {
    guard ram.load(used + 2, UInt16.self) == seenUsed &+ 1 else { return false }
    seenUsed &+= 1
    return true
  }

  /// The last used element: head and length.
  var lastUsed: (UInt32, UInt32) {
    let at = used + 4 + 8 * (Int(seenUsed &- 1) % size)
    return (ram.load(at, UInt32.self), ram.load(at + 4, UInt32.self))
  }

  var status: UInt64 { read(0x14, width: 1) }
}

@Suite struct VirtioBlockTests {
  let store = MemoryStore(sectors: 1000)
  let bench: VirtioBench

  init() { bench = VirtioBench(store) }

  @Test func identity() {
    let space = bench.device.configuration
    #expect(space.read(0, width: 4) == 0x1042_1AF4)
    #expect(space[8] == 1)
    #expect(space.read(0x2C, width: 2) == 0x1AF4)
    // Walk the capabilities: each structure once, within its range.
    var types: [UInt8] = []
    var offset = Int(space[0x34])
    while offset != 0 && types.count < 10 {
      #expect(space[offset] == 0x09)
      types.append(space[offset + 3])
      #expect(Int(space[offset + 2]) == [1: 16, 2: 20, 3: 16, 4: 16, 5: 20][Int(space[offset + 3])])
      offset = Int(space[offset + 1])
    }
    #expect(types == [1, 2, 3, 4, 5])
    #expect(space[6] & 0x10 != 0)
  }

  @Test func deviceConfiguration() {
    #expect(bench.read(0x2000, width: 8) == 1000)
    #expect(bench.read(0x2014, width: 4) == 512)
    #expect(bench.read(0x200C, width: 4) == 254)
    #expect(bench.read(0x2022, width: 2) == 1)
    #expect(bench.read(0x12, width: 2) == 1)
    bench.write(0x00, 1, width: 4)
    #expect(bench.read(0x04, width: 4) == 1)
    bench.write(0x00, 0, width: 4)
    #expect(bench.read(0x04, width: 4) == 1 << 2 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 14 | 1 << 28 | 1 << 29)
    bench.write(0x00, 2, width: 4)
    #expect(bench.read(0x04, width: 4) == 0)
  }

  @Test func featureNegotiation() {
    // Without VERSION_1, and with a bit that was not offered, FEATURES_OK does not stay.
    bench.start(features: 1 << 9)
    #expect(bench.status & 0x0C == 0)
    bench.start(features: 1 << 32 | 1 << 33)
    #expect(bench.status & 0x0C == 0)
    #expect(bench.request(8, bytes: 20) == nil)
    bench.start()
    #expect(bench.status == 0x0F)
    bench.write(0x14, 0, width: 1)
    #expect(bench.status == 0)
    #expect(bench.read(0x1C, width: 2) == 0)
  }

  @Test func queueSizes() {
    #expect(bench.read(0x18, width: 2) == 256)
    for size: UInt64 in [3, 0, 512, 257] {
      bench.write(0x18, size, width: 2)
      #expect(bench.read(0x18, width: 2) == 256)
    }
    bench.write(0x18, 1, width: 2)
    #expect(bench.read(0x18, width: 2) == 1)
    bench.write(0x16, 1, width: 2)
    #expect(bench.read(0x18, width: 2) == 0)
  }

  @Test func readAndWrite() {
    bench.start()
    #expect(bench.request(0, sector: 10, bytes: 1536) == 0)
    #expect(
      bench.ram.bytes[bench.data..<(bench.data + 1536)].elementsEqual(
        (10..<13).flatMap { IDEBench.sector($0) }))
    #expect(bench.lastUsed == (0, 1537))
    #expect(bench.interrupt)
    #expect(bench.read(0x1000, width: 1) == 1)
    #expect(!bench.interrupt)
    #expect(bench.read(0x1000, width: 1) == 0)
    for i in 0..<1024 { bench.ram.bytes[bench.data + i] = 0x77 }
    #expect(bench.request(1, sector: 998, bytes: 1024, toGuest: false) == 0)
    #expect(bench.lastUsed == (0, 1))
    #expect(store.bytes[998 * 512..<1000 * 512].allSatisfy { $0 == 0x77 })
    #expect(store.bytes[997 * 512..<998 * 512].elementsEqual(IDEBench.sector(997)))
    #expect(store.flushes == 0)
    #expect(bench.request(4) == 0)
    #expect(store.flushes == 1)
  }

  @Test func writeThroughWithoutFLUSH() {
    bench.start(features: 1 << 32)
    #expect(bench.request(1, sector: 1, bytes: 512, toGuest: false) == 0)
    #expect(store.flushes == 1)
  }

  @Test func largeScatteredTransfer() {
    // 150 KiB in uneven pieces, header and status split as VERSION_1 allows.
    bench.start()
    bench.putHeader(0, sector: 100)
    let pieces = [1, 100_000, 511, 53_088]
    bench.descriptor(0, bench.header, 5, flags: 1, next: 1)
    bench.descriptor(1, bench.header + 5, 11, flags: 1, next: 2)
    var at = bench.data
    for (i, piece) in pieces.enumerated() {
      let last = i == pieces.count - 1
      bench.descriptor(2 + i, at, piece + (last ? 1 : 0), flags: last ? 2 : 3, next: 3 + i)
      at += piece
    }
    bench.offer(0)
    bench.notify()
    #expect(bench.finished())
    #expect(bench.lastUsed == (0, 153_601))
    let expected = (100..<400).flatMap { IDEBench.sector(UInt64($0)) }
    let same = bench.ram.bytes[bench.data..<(bench.data + 153_600)].elementsEqual(expected)
    #expect(same)
    #expect(bench.ram.bytes[bench.data + 153_600] == 0)
  }

  @Test func identification() {
    bench.start()
    #expect(bench.request(8, bytes: 20) == 0)
    let text = Array("serial-0123".utf8) + [UInt8](repeating: 0, count: 9)
    #expect(Array(bench.ram.bytes[bench.data..<(bench.data + 20)]) == text)
    #expect(bench.lastUsed == (0, 21))
  }

  @Test func writeZeroes() {
    bench.start(features: 1 << 32 | 1 << 9 | 1 << 14)
    bench.ram.store(bench.data, UInt64(20))
    bench.ram.store(bench.data + 8, UInt32(300))
    bench.ram.store(bench.data + 12, UInt32(0))
    #expect(bench.request(13, bytes: 16, toGuest: false) == 0)
    #expect(store.bytes[20 * 512..<320 * 512].allSatisfy { $0 == 0 })
    #expect(store.bytes[320 * 512..<321 * 512].elementsEqual(IDEBench.sector(320)))
    bench.ram.store(bench.data + 8, UInt32.max)
    #expect(bench.request(13, bytes: 16, toGuest: false) == 1)
    bench.ram.store(bench.data + 12, UInt32(4))
    #expect(bench.request(13, bytes: 16, toGuest: false) == 2)
  }

  @Test func failingRequests() {
    bench.start()
    #expect(bench.request(0, sector: 999, bytes: 1024) == 1)
    #expect(bench.request(0, sector: .max, bytes: 512) == 1)
    #expect(bench.request(0, sector: 0, bytes: 100) == 1)
    #expect(bench.request(1, sector: 1000, bytes: 512, toGuest: false) == 1)
    #expect(bench.request(11, bytes: 16, toGuest: false) == 2)
    #expect(bench.request(13, bytes: 16, toGuest: false) == 2)
    #expect(bench.request(0x8000_0000) == 2)
    #expect(bench.block.lastError == nil)
    store.badSectors = [5]
    #expect(bench.request(0, sector: 4, bytes: 1024) == 1)
    #expect(bench.block.lastError == .io)
    store.flushFails = true
    #expect(bench.request(4) == 1)
    // Data outside RAM.
    bench.putHeader(0, sector: 0)
    bench.descriptor(0, bench.header, 16, flags: 1, next: 1)
    bench.descriptor(1, -4096, 512, flags: 3, next: 2)
    bench.offer(0)
    bench.notify()
    #expect(bench.finished() && bench.ram.bytes[bench.statusAt] == 1)
    // More than the bound of a request.
    bench.descriptor(1, bench.data, Int(UInt32.max), flags: 3, next: 2)
    bench.offer(0)
    bench.notify()
    #expect(bench.finished() && bench.ram.bytes[bench.statusAt] == 1)
    #expect(bench.status & 0x40 == 0)
    #expect(bench.request(0, sector: 10, bytes: 512) == 0)
  }

  @Test func readOnlyStore() {
    store.isReadOnly = true
    let bench = VirtioBench(store)
    bench.write(0x00, 0, width: 4)
    #expect(bench.read(0x04, width: 4) & (1 << 5 | 1 << 14) == 1 << 5)
    bench.start()
    #expect(bench.request(1, sector: 0, bytes: 512, toGuest: false) == 1)
    #expect(bench.request(0, sector: 0, bytes: 512) == 0)
    #expect(bench.block.lastError == nil)
  }

  @Test func indirectDescriptors() {
    bench.start(features: 1 << 32 | 1 << 28 | 1 << 9)
    let inner = 0x16000
    bench.putHeader(0, sector: 3)
    bench.descriptor(0, inner, 48, flags: 4)
    bench.descriptor(0, bench.header, 16, flags: 1, next: 2, table: inner)
    bench.descriptor(2, bench.data, 512, flags: 3, next: 1, table: inner)
    bench.descriptor(1, bench.statusAt, 1, flags: 2, table: inner)
    bench.offer(0)
    bench.notify()
    #expect(bench.finished())
    #expect(bench.ram.bytes[bench.statusAt] == 0)
    #expect(bench.ram.bytes[bench.data..<(bench.data + 512)].elementsEqual(IDEBench.sector(3)))
  }

  @Test func ringsWrap() {
    bench.size = 4
    bench.start()
    for i in 0..<70_000 {
      let status = bench.request(8, bytes: 20)
      if status != 0 {
        Issue.record("request \(i) gave \(String(describing: status))")
        break
      }
    }
  }

  @Test func interruptSuppression() {
    bench.start()
    bench.ram.store(bench.available, UInt16(1))
    #expect(bench.request(8, bytes: 20) == 0)
    #expect(!bench.interrupt)
    bench.ram.store(bench.available, UInt16(0))
    #expect(bench.request(8, bytes: 20) == 0)
    #expect(bench.interrupt)
  }

  @Test func eventIndex() {
    bench.start(features: 1 << 32 | 1 << 29 | 1 << 9)
    let usedEvent = bench.available + 4 + 2 * bench.size
    let availableEvent = bench.used + 4 + 8 * bench.size
    // An interrupt only when the third entry (index 2) is used.
    bench.ram.store(usedEvent, UInt16(2))
    for i in 1...4 {
      #expect(bench.request(8, bytes: 20) == 0)
      #expect(bench.interrupt == (i == 3))
      _ = bench.read(0x1000, width: 1)
      #expect(bench.ram.load(availableEvent, UInt16.self) == UInt16(i))
    }
  }

  @Test func interruptDisable() {
    bench.start()
    bench.device.writeConfiguration(4, 0x0406, width: 2, at: 0)
    #expect(bench.request(8, bytes: 20) == 0)
    #expect(!bench.interrupt)
    #expect(bench.device.configuration[6] & 0x08 != 0)
    bench.device.writeConfiguration(4, 0x0006, width: 2, at: 0)
    #expect(bench.interrupt)
  }

  @Test func messages() {
    let bench = VirtioBench(store, msix: true)
    #expect(bench.device.configuration[0x40] == 0x11)
    #expect(bench.device.configuration.read(0x42, width: 2) == 1)
    bench.device.writeConfiguration(0x42, 0x8000, width: 2, at: 0)
    for vector: UInt64 in 0...1 {
      let at = bench.msixBase + 16 * vector
      #expect(bench.host.readMemory(at + 12, width: 4, at: 0) == 1)
      bench.host.writeMemory(at, 0xFEE0_1000 + vector << 12, width: 4, at: 0)
      bench.host.writeMemory(at + 8, 0x40 + vector, width: 4, at: 0)
    }
    bench.start()
    bench.write(0x1A, 7, width: 2)
    #expect(bench.read(0x1A, width: 2) == 0xFFFF)
    bench.write(0x1A, 1, width: 2)
    bench.write(0x10, 0, width: 2)
    #expect(bench.request(8, bytes: 20) == 0)
    // Masked: pending.
    #expect(bench.messages.messages.isEmpty)
    #expect(bench.host.readMemory(bench.msixBase + 0x800, width: 8, at: 0) == 2)
    bench.host.writeMemory(bench.msixBase + 28, 0, width: 4, at: 0)
    #expect(bench.messages.messages.count == 1)
    #expect(bench.messages.messages[0].physical == 0xFEE0_2000)
    #expect(bench.messages.messages[0].data == 0x41)
    #expect(bench.host.readMemory(bench.msixBase + 0x800, width: 8, at: 0) == 0)
    // The function mask holds everything back.
    bench.device.writeConfiguration(0x42, 0xC000, width: 2, at: 0)
    #expect(bench.request(8, bytes: 20) == 0)
    #expect(bench.messages.messages.count == 1)
    bench.device.writeConfiguration(0x42, 0x8000, width: 2, at: 0)
    #expect(bench.messages.messages.count == 2)
    #expect(!bench.interrupt)
  }

  @Test func accessThroughConfigurationSpace() {
    let space = bench.device.configuration
    var offset = Int(space[0x34])
    while space[offset + 3] != 5 { offset = Int(space[offset + 1]) }
    bench.device.writeConfiguration(offset + 4, 0, width: 1, at: 0)
    bench.device.writeConfiguration(offset + 8, 0x2000, width: 4, at: 0)
    bench.device.writeConfiguration(offset + 12, 4, width: 4, at: 0)
    #expect(bench.device.readConfiguration(offset + 16, width: 4, at: 0) == 1000)
    bench.device.writeConfiguration(offset + 8, 0x14, width: 4, at: 0)
    bench.device.writeConfiguration(offset + 12, 1, width: 4, at: 0)
    bench.device.writeConfiguration(offset + 16, 3, width: 1, at: 0)
    #expect(bench.status == 3)
    // An impossible length does nothing.
    bench.device.writeConfiguration(offset + 12, 3, width: 4, at: 0)
    bench.device.writeConfiguration(offset + 16, 0, width: 1, at: 0)
    #expect(bench.status == 3)
  }

  @Test func notifiedBeforeBusMastering() {
    bench.start()
    bench.device.writeConfiguration(4, 2, width: 2, at: 0)
    #expect(bench.request(8, bytes: 20) == nil)
    bench.device.writeConfiguration(4, 6, width: 2, at: 0)
    bench.settle()
    #expect(bench.finished())
  }

  @Test func stateRoundTrip() throws {
    bench.start()
    #expect(bench.request(0, sector: 1, bytes: 512) == 0)
    bench.putHeader(0, sector: 8)
    bench.offer(0)
    bench.write(0x3000, 0, width: 2)
    let state = savedState(bench.host)
    let other = VirtioBench(MemoryStore(sectors: 1000))
    try restoreState(other.host, state)
    #expect(savedState(other.host) == state)
    other.ram.bytes = bench.ram.bytes
    other.settle()
    #expect(other.ram.load(other.used + 2, UInt16.self) == 2)
    #expect(other.ram.bytes[other.data..<(other.data + 512)].elementsEqual(IDEBench.sector(8)))
    for cut in stride(from: 0, to: state.count, by: 5) {
      #expect(throws: StateError.self) { try restoreState(other.host, Array(state[0..<cut])) }
    }
  }

  /// Reading the ISR would clear it.
  @Test func describesItself() throws {
    let bench = VirtioBench(MemoryStore(sectors: 1000))
    #expect(bench.device.description["device_status"] == "00h")
    bench.start()
    #expect(bench.request(0, bytes: 512) == 0)
    bench.offer(0)
    let before = savedState(bench.host)
    let description = try #require(bench.host.descriptions.last)
    #expect(description.name == "VirtioPCI.0" && description["block device"] == "1000 sectors")
    #expect(description["device_status"] == "0Fh  ACKNOWLEDGE DRIVER DRIVER_OK FEATURES_OK")
    #expect(
      description["device_feature"]
        == "0000000130004644h  SEG_MAX BLK_SIZE FLUSH TOPOLOGY WRITE_ZEROES INDIRECT_DESC EVENT_IDX VERSION_1"
    )
    #expect(description["driver_feature"] == "0000000100000200h  FLUSH VERSION_1")
    #expect(description["queue 0"] == "16 entries, enabled, no vector")
    #expect(description["queue_desc"] == "0000000000010000h")
    #expect(description["queue_driver"] == "0000000000012000h")
    #expect(description["queue_device"] == "0000000000014000h")
    #expect(description["indices"] == "next available 1, next used 1, 1 waiting")
    #expect(description["ISR status"] == "01h  queue" && description["INTA#"] == "asserted")
    #expect(savedState(bench.host) == before && bench.read(0x1000, width: 1) == 1)
    // More waiting than the ring has room for.
    bench.ram.store(bench.available + 2, UInt16(99))
    #expect(
      bench.device.description["indices"] == "next available 1, next used 1, no valid available ring")
    let messages = VirtioBench(MemoryStore(sectors: 8), msix: true).device.description
    #expect(messages["MSI-X"] == "2 vectors, disabled, vector 0 masked, vector 1 masked")
  }
}
