import ApusBase
import ApusDevices
import Testing

/// A PC with IDE disks and what a driver does to them.
final class IDEBench {
  let ram = StorageRAM(size: 1 << 20)
  let lines = StorageLines()
  let store: MemoryStore
  let ide: PIIXIDE
  let host: PCIHost
  var now: VirtualTime = 0
  /// Base of the bus master registers.
  var busMaster: UInt16 = 0

  init(_ store: MemoryStore, slave: MemoryStore? = nil) {
    self.store = store
    ide = PIIXIDE(
      devices: [ATADisk(store: store), slave.map { ATADisk(store: $0) }, nil, nil], memory: ram,
      irqs: [Line(lines, 14), Line(lines, 15)])
    host = PCIHost(memoryWindow: 0xC000_0000...0xFEBF_FFFF, pirq: nil, reset: Line(nil, 0))
    host.attach(ide, slot: 1, function: 1)
    _ = host.assignResources(at: 0)
    busMaster = UInt16(ide.configuration.read(0x20, width: 2) & 0xFFFC)
    ide.configuration.write(4, 5, width: 2)
  }

  func read(_ port: UInt16, width: Int = 1) -> UInt32 { host.readPort(port, width: width, at: now) }
  func write(_ port: UInt16, _ value: UInt32, width: Int = 1) {
    host.writePort(port, value, width: width, at: now)
  }

  /// Lets virtual time pass until nothing is due.
  func settle() {
    while host.deadline < .never / 2 {
      now = max(now, host.deadline)
      host.run(at: now)
    }
  }

  /// Writes the command block for LBA28 and starts a command.
  func command(
    _ opcode: UInt32, lba: UInt32 = 0, count: UInt32 = 1, features: UInt32 = 0, device: UInt32 = 0xE0
  ) {
    write(0x1F6, device | lba >> 24)
    write(0x1F1, features)
    write(0x1F2, count)
    write(0x1F3, lba & 0xFF)
    write(0x1F4, lba >> 8 & 0xFF)
    write(0x1F5, lba >> 16 & 0xFF)
    write(0x1F7, opcode)
    settle()
  }

  /// The same for 48-bit addresses.
  func extendedCommand(_ opcode: UInt32, lba: UInt64, count: UInt32) {
    write(0x1F6, 0x40)
    write(0x1F2, count >> 8)
    write(0x1F3, UInt32(lba >> 24 & 0xFF))
    write(0x1F4, UInt32(lba >> 32 & 0xFF))
    write(0x1F5, UInt32(lba >> 40 & 0xFF))
    write(0x1F2, count & 0xFF)
    write(0x1F3, UInt32(lba & 0xFF))
    write(0x1F4, UInt32(lba >> 8 & 0xFF))
    write(0x1F5, UInt32(lba >> 16 & 0xFF))
    write(0x1F7, opcode)
    settle()
  }

  func readWords(_ count: Int) -> [UInt16] { (0..<count).map { _ in UInt16(read(0x1F0, width: 2)) } }

  func readSector() -> [UInt8] {
    defer { settle() }
    return readWords(256).flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
  }

  func writeSector(_ byte: UInt8) {
    for _ in 0..<256 { write(0x1F0, UInt32(byte) | UInt32(byte) << 8, width: 2) }
    settle()
  }

  /// Puts a table of regions at `table` and starts the bus master.
  func startDMA(_ regions: [(UInt32, Int)], toMemory: Bool, table: Int = 0x1000) {
    for (i, region) in regions.enumerated() {
      ram.store(table + 8 * i, region.0)
      let last: UInt32 = i == regions.count - 1 ? 0x8000_0000 : 0
      ram.store(table + 8 * i + 4, UInt32(region.1 & 0xFFFF) | last)
    }
    write(busMaster + 4, UInt32(table), width: 4)
    write(busMaster + 2, 0x06)
    write(busMaster, toMemory ? 9 : 1)
    settle()
  }

  static func sector(_ lba: UInt64) -> [UInt8] { (0..<512).map { MemoryStore.pattern(lba, $0) } }
}

@Suite struct PIIXIDETests {
  let store = MemoryStore(sectors: 4096)
  let bench: IDEBench

  init() { bench = IDEBench(store) }

  @Test func pciIdentity() {
    #expect(bench.ide.configuration.read(0, width: 4) == 0x7010_8086)
    #expect(bench.ide.configuration.read(8, width: 4) == 0x0101_8000)
    // Without IDETIM.IDE the ports are dead.
    bench.ide.configuration.write(0x40, 0, width: 2)
    #expect(bench.read(0x1F7) == 0xFF)
    #expect(bench.read(0x177) == 0x00)
  }

  @Test func identify() {
    bench.command(0xEC)
    #expect(bench.lines[14])
    #expect(bench.read(0x1F7) == 0x58)
    #expect(!bench.lines[14])
    let words = bench.readWords(256)
    #expect(bench.read(0x1F7) == 0x50)
    #expect(words[0] & 0x8000 == 0)
    #expect(words[1] == 4 && words[3] == 16 && words[6] == 63)
    let model = words[27..<47].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    #expect(String(decoding: model, as: UTF8.self).hasPrefix("APUS HARDDISK "))
    #expect(UInt32(words[60]) | UInt32(words[61]) << 16 == 4096)
    #expect(UInt64(words[100]) | UInt64(words[101]) << 16 == 4096)
    #expect(Int(words[57]) | Int(words[58]) << 16 == Int(words[54]) * Int(words[55]) * Int(words[56]))
    #expect(words[49] & 0x0300 == 0x0300)
    #expect(words[83] & 0xC000 == 0x4000 && words[87] & 0xC000 == 0x4000)
    var sum: UInt8 = 0
    for word in words { sum = sum &+ UInt8(word & 0xFF) &+ UInt8(word >> 8) }
    #expect(words[255] & 0xFF == 0xA5 && sum == 0)
  }

  @Test func identifyOfAHugeDisk() {
    let bench = IDEBench(MemoryStore(sectors: 1, claimed: 0x2_1234_5678))
    bench.command(0xEC)
    let words = bench.readWords(256)
    #expect(words[1] == 16383)
    #expect(words[60] == 0xFFFF && words[61] == 0x0FFF)
    #expect(words[100] == 0x5678 && words[101] == 0x1234 && words[102] == 2)
  }

  @Test func readSectors() {
    bench.command(0x20, lba: 5, count: 3)
    for i: UInt64 in 5..<8 {
      #expect(bench.lines[14])
      #expect(bench.read(0x1F7) == 0x58)
      #expect(bench.readSector() == IDEBench.sector(i))
    }
    #expect(!bench.lines[14])
    #expect(bench.read(0x1F7) == 0x50)
    // A count of 0 is 256.
    bench.command(0x20, lba: 0, count: 0)
    for i: UInt64 in 0..<256 { #expect(bench.readSector() == IDEBench.sector(i)) }
    #expect(bench.read(0x1F7) == 0x50)
  }

  @Test func busyBetweenBlocks() {
    bench.write(0x1F2, 2)
    bench.write(0x1F6, 0xE0)
    bench.write(0x1F7, 0x20)
    #expect(bench.read(0x3F6) == 0x80)
    // Parameters and commands are ignored by a busy device.
    bench.write(0x1F2, 99)
    bench.write(0x1F7, 0xEC)
    bench.settle()
    #expect(bench.read(0x1F2) == 1)
    _ = bench.readWords(256)
    #expect(bench.read(0x3F6) == 0x80)
    bench.settle()
    #expect(bench.read(0x3F6) == 0x58)
  }

  @Test func writeSectors() {
    bench.command(0x30, lba: 9, count: 2)
    // The first block is asked for without an interrupt.
    #expect(!bench.lines[14])
    #expect(bench.read(0x1F7) == 0x58)
    bench.writeSector(0xAA)
    #expect(bench.lines[14])
    #expect(bench.read(0x1F7) == 0x58)
    bench.writeSector(0xBB)
    #expect(bench.lines[14])
    #expect(bench.read(0x1F7) == 0x50)
    #expect(store.bytes[9 * 512] == 0xAA && store.bytes[11 * 512 - 1] == 0xBB)
    #expect(store.bytes[8 * 512..<9 * 512].elementsEqual(IDEBench.sector(8)))
    #expect(store.bytes[11 * 512..<12 * 512].elementsEqual(IDEBench.sector(11)))
  }

  @Test func multiple() {
    bench.command(0xC4, lba: 0, count: 8)
    #expect(bench.read(0x1F7) == 0x51)
    #expect(bench.read(0x1F1) == 0x04)
    bench.command(0xC6, count: 3)
    #expect(bench.read(0x1F7) == 0x51)
    bench.command(0xC6, count: 4)
    #expect(bench.read(0x1F7) == 0x50)
    bench.command(0xC4, lba: 100, count: 6)
    var edges = bench.lines.edges[14]!
    for i: UInt64 in 100..<106 { #expect(bench.readSector() == IDEBench.sector(i)) }
    // Four sectors without an interrupt, one for the rest (its level stayed high: status was not read).
    #expect(bench.read(0x1F7) == 0x50)
    #expect(bench.lines.edges[14]! - edges <= 1)
    edges = bench.lines.edges[14]!
    bench.command(0xC5, lba: 200, count: 5)
    for _ in 0..<5 { bench.writeSector(0x5A) }
    #expect(store.bytes[200 * 512..<205 * 512].allSatisfy { $0 == 0x5A })
    #expect(bench.read(0x1F7) == 0x50)
  }

  @Test func addressing48AndHOB() {
    bench.extendedCommand(0x24, lba: 4000, count: 2)
    #expect(bench.readSector() == IDEBench.sector(4000))
    #expect(bench.readSector() == IDEBench.sector(4001))
    bench.extendedCommand(0x27, lba: 0x0102_0304_0506, count: 1)
    #expect(bench.read(0x1F3) == 4095 & 0xFF)
    #expect(bench.read(0x1F4) == 4095 >> 8)
    // Out of range: the registers keep the two halves.
    bench.extendedCommand(0x24, lba: 0x0102_0304_0506, count: 0x0708)
    #expect(bench.read(0x1F7) == 0x51)
    #expect(bench.read(0x1F1) == 0x10)
    #expect([0x1F2, 0x1F3, 0x1F4, 0x1F5].map { bench.read($0) } == [8, 6, 5, 4])
    bench.write(0x3F6, 0x80)
    #expect([0x1F2, 0x1F3, 0x1F4, 0x1F5].map { bench.read($0) } == [7, 3, 2, 1])
    // A command block write ends it.
    bench.write(0x1F1, 0)
    #expect(bench.read(0x1F3) == 6)
  }

  @Test func cylindersHeadsSectors() {
    // C 1, H 2, S 3 at 16 heads of 63 sectors.
    let lba: UInt64 = (1 * 16 + 2) * 63 + 2
    bench.write(0x1F6, 0xA2)
    bench.write(0x1F2, 1)
    bench.write(0x1F3, 3)
    bench.write(0x1F4, 1)
    bench.write(0x1F5, 0)
    bench.write(0x1F7, 0x20)
    bench.settle()
    #expect(bench.readSector() == IDEBench.sector(lba))
    // Sector 0 does not exist.
    bench.command(0x20, lba: 0, device: 0xA0)
    #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x10)
    // Another translation: 4 heads of 17 sectors.
    bench.command(0x91, count: 17, device: 0xA3)
    #expect(bench.read(0x1F7) == 0x50)
    bench.write(0x1F6, 0xA2)
    bench.write(0x1F2, 1)
    bench.write(0x1F3, 3)
    bench.write(0x1F4, 1)
    bench.write(0x1F5, 0)
    bench.write(0x1F7, 0x20)
    bench.settle()
    #expect(bench.readSector() == IDEBench.sector((1 * 4 + 2) * 17 + 2))
    bench.command(0xEC)
    let words = bench.readWords(256)
    #expect(words[55] == 4 && words[56] == 17 && words[54] == 60)
  }

  @Test func outOfRange() {
    bench.command(0x20, lba: 4096)
    #expect(bench.lines[14])
    #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x10)
    bench.command(0x20, lba: 4095, count: 2)
    #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x10)
    #expect(bench.ide.lastError == nil)
  }

  @Test func unreadableSector() {
    store.badSectors = [12]
    bench.command(0x20, lba: 10, count: 5)
    #expect(bench.readSector() == IDEBench.sector(10))
    #expect(bench.readSector() == IDEBench.sector(11))
    #expect(bench.read(0x1F7) == 0x59)
    #expect(bench.read(0x1F1) == 0x40)
    #expect(bench.read(0x1F3) == 12)
    // The block with the error may be fetched; then the command is over.
    _ = bench.readSector()
    #expect(bench.read(0x1F7) == 0x51)
    #expect(bench.ide.lastError == .io)
    bench.command(0x40, lba: 10, count: 5)
    #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x40 && bench.read(0x1F3) == 12)
    // By DMA what precedes it arrives.
    bench.command(0xC8, lba: 10, count: 5)
    bench.startDMA([(0x8000, 5 * 512)], toMemory: true)
    #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x40 && bench.read(0x1F3) == 12)
    #expect(bench.ram.bytes[0x8000..<0x8400].elementsEqual(IDEBench.sector(10) + IDEBench.sector(11)))
    #expect(bench.ram.bytes[0x8400] == 0)
    #expect(bench.read(bench.busMaster + 2) & 7 == 5)
  }

  @Test func unwritableSector() {
    store.badSectors = [21]
    bench.command(0xCA, lba: 20, count: 3)
    bench.startDMA([(0x8000, 3 * 512)], toMemory: false)
    #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x04 && bench.read(0x1F3) == 21)
    #expect(store.bytes[20 * 512] == 0)
    #expect(bench.ide.lastError == .io)
  }

  @Test func readOnlyMedium() {
    store.isReadOnly = true
    for opcode: UInt32 in [0x30, 0xCA] {
      bench.command(opcode, lba: 1)
      #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x44)
    }
    #expect(bench.ide.lastError == nil)
    bench.command(0x20, lba: 1)
    #expect(bench.readSector() == IDEBench.sector(1))
  }

  @Test func readDMA() {
    bench.command(0xC8, lba: 7, count: 200)
    #expect(bench.read(0x3F6) == 0x58)
    #expect(!bench.lines[14])
    // Uneven pieces; a size of 0 is 64 KiB.
    bench.startDMA([(0x10000, 1000), (0x40002, 65_536), (0x60000, 200 * 512 - 66_536)], toMemory: true)
    #expect(bench.lines[14])
    #expect(bench.read(bench.busMaster + 2) & 7 == 4)
    #expect(bench.read(0x1F7) == 0x50)
    let expected = (7..<207).flatMap { IDEBench.sector(UInt64($0)) }
    let got =
      bench.ram.bytes[0x10000..<(0x10000 + 1000)] + bench.ram.bytes[0x40002..<0x50002]
      + bench.ram.bytes[0x60000..<(0x60000 + 200 * 512 - 66_536)]
    let same = got.elementsEqual(expected)
    #expect(same)
    // Bits 1 and 2 clear by writing ones.
    bench.write(bench.busMaster + 2, 0x64)
    #expect(bench.read(bench.busMaster + 2) == 0x60)
  }

  @Test func writeDMAWithEngineStartedFirst() {
    for i in 0..<2048 { bench.ram.bytes[0x20000 + i] = UInt8(truncatingIfNeeded: i / 3) }
    bench.startDMA([(0x20000, 2048)], toMemory: false)
    #expect(bench.read(bench.busMaster + 2) & 7 == 1)
    bench.extendedCommand(0x35, lba: 50, count: 4)
    #expect(bench.lines[14])
    #expect(bench.read(0x1F7) == 0x50)
    #expect(store.bytes[50 * 512..<54 * 512].elementsEqual(bench.ram.bytes[0x20000..<0x20800]))
    #expect(store.flushes == 0)
    // Forced unit access reaches the medium.
    bench.write(bench.busMaster, 0)
    bench.extendedCommand(0x3D, lba: 60, count: 1)
    bench.startDMA([(0x20000, 512)], toMemory: false)
    #expect(store.flushes == 1)
  }

  @Test func tablesThatDoNotFit() {
    // Longer than the transfer: Interrupt and Active.
    bench.command(0xC8, lba: 0, count: 1)
    bench.startDMA([(0x8000, 1024)], toMemory: true)
    #expect(bench.read(bench.busMaster + 2) & 7 == 5)
    _ = bench.read(0x1F7)
    bench.write(bench.busMaster, 0)
    #expect(bench.read(bench.busMaster + 2) & 1 == 0)
    // Shorter: neither, and the disk waits; a new table continues it.
    bench.command(0xC8, lba: 3, count: 2)
    bench.startDMA([(0x8000, 512)], toMemory: true)
    #expect(bench.read(bench.busMaster + 2) & 7 == 0)
    #expect(bench.read(0x3F6) == 0x58)
    bench.write(bench.busMaster, 0)
    bench.startDMA([(0x9000, 512)], toMemory: true)
    #expect(bench.read(bench.busMaster + 2) & 7 == 4)
    #expect(bench.ram.bytes[0x9000..<0x9200].elementsEqual(IDEBench.sector(4)))
    // Outside RAM: Error.
    bench.write(bench.busMaster, 0)
    bench.command(0xC8, lba: 3, count: 2)
    bench.startDMA([(0xFFFF_F000, 1024)], toMemory: true)
    #expect(bench.read(bench.busMaster + 2) & 7 == 2)
    // The wrong direction: Error.
    bench.write(bench.busMaster, 0)
    bench.command(0xC8, lba: 3, count: 2)
    bench.startDMA([(0x8000, 1024)], toMemory: false)
    #expect(bench.read(bench.busMaster + 2) & 7 == 2)
    // A table without an end, of tiny pieces.
    bench.write(bench.busMaster, 0)
    for i in 0..<8192 {
      bench.ram.store(0x10000 + 8 * i, UInt32(0x40000))
      bench.ram.store(0x10004 + 8 * i, UInt32(2))
    }
    bench.command(0xC8, lba: 0, count: 0)
    bench.write(bench.busMaster + 4, 0x10000, width: 4)
    bench.write(bench.busMaster, 9)
    #expect(bench.read(bench.busMaster + 2) & 7 == 2)
  }

  @Test func withoutBusMasteringNothingMoves() {
    bench.ide.configuration.write(4, 1, width: 2)
    bench.command(0xC8, lba: 7, count: 1)
    bench.startDMA([(0x8000, 512)], toMemory: true)
    #expect(bench.ram.bytes[0x8000] == 0)
    bench.ide.writeConfiguration(4, 5, width: 2, at: bench.now)
    #expect(bench.ram.bytes[0x8000..<0x8200].elementsEqual(IDEBench.sector(7)))
    #expect(bench.lines[14])
  }

  @Test func interruptEnable() {
    bench.write(0x3F6, 0x02)
    bench.command(0x20, lba: 1)
    #expect(!bench.lines[14])
    bench.write(0x3F6, 0x00)
    #expect(bench.lines[14])
    // The alternate status acknowledges nothing.
    _ = bench.read(0x3F6)
    #expect(bench.lines[14])
    _ = bench.read(0x1F7)
    #expect(!bench.lines[14])
  }

  @Test func absentDevices() {
    // ATA/ATAPI-7: device 0 answers for device 1 with a status of 0.
    bench.write(0x1F6, 0xB0)
    bench.write(0x1F2, 0x55)
    #expect(bench.read(0x1F7) == 0)
    #expect(bench.read(0x1F2) == 0x55)
    bench.write(0x1F7, 0xEC)
    bench.settle()
    #expect(bench.read(0x1F7) == 0)
    #expect(!bench.lines[14])
    // The secondary channel is empty.
    bench.write(0x176, 0xA0)
    bench.write(0x172, 0x55)
    #expect(bench.read(0x172) == 0 && bench.read(0x177) == 0 && bench.read(0x376) == 0)
    bench.write(0x177, 0xEC)
    bench.settle()
    #expect(!bench.lines[15])
  }

  @Test func resetAndDiagnostic() {
    let other = MemoryStore(sectors: 64)
    let bench = IDEBench(MemoryStore(sectors: 64), slave: other)
    bench.command(0x20, lba: 1, device: 0xF0)
    bench.write(0x3F6, 0x04)
    #expect(bench.read(0x1F7) == 0x80)
    bench.settle()
    #expect(bench.read(0x1F7) == 0x80)
    bench.write(0x3F6, 0x00)
    bench.settle()
    for device: UInt32 in [0xA0, 0xB0] {
      bench.write(0x1F6, device)
      #expect(bench.read(0x1F7) == 0x50)
      #expect([0x1F1, 0x1F2, 0x1F3, 0x1F4, 0x1F5].map { bench.read($0) } == [1, 1, 1, 0, 0])
    }
    // Both run the diagnostic; device 0 reports it.
    bench.command(0x90, device: 0xB0)
    #expect(bench.lines[14])
    #expect(bench.read(0x1F6) & 0x10 == 0)
    #expect(bench.read(0x1F7) == 0x50 && bench.read(0x1F1) == 1)
    bench.command(0xEC, device: 0xF0)
    #expect(bench.readWords(256)[60] == 64)
  }

  @Test func flushFeaturesPowerSMART() {
    bench.command(0xE7)
    bench.command(0xEA)
    #expect(store.flushes == 2)
    #expect(bench.read(0x1F7) == 0x50)
    // Without the write cache every write is durable at once.
    bench.command(0xEF, features: 0x82)
    #expect(store.flushes == 3)
    bench.command(0x30, lba: 1)
    bench.writeSector(1)
    #expect(store.flushes == 4)
    store.flushFails = true
    bench.command(0xE7)
    #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x04)
    #expect(bench.ide.lastError == .io)
    // Transfer modes show in words 63 and 88.
    bench.command(0xEF, count: 0x45, features: 0x03)
    bench.command(0xEC)
    var words = bench.readWords(256)
    #expect(words[63] == 0x0007 && words[88] == 0x203F)
    #expect(words[85] & 0x20 == 0)
    bench.command(0xEF, count: 0x21, features: 0x03)
    bench.command(0xEC)
    words = bench.readWords(256)
    #expect(words[63] == 0x0207 && words[88] == 0x003F)
    for (count, features): (UInt32, UInt32) in [(0x46, 3), (0, 0x10)] {
      bench.command(0xEF, count: count, features: features)
      #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x04)
    }
    bench.command(0xE0)
    bench.command(0xE5)
    #expect(bench.read(0x1F2) == 0x00)
    bench.command(0xE1)
    bench.command(0xE5)
    #expect(bench.read(0x1F2) == 0x80)
    bench.command(0xB0, lba: 0xC2_4F00, features: 0xDA)
    #expect(bench.read(0x1F7) == 0x50 && bench.read(0x1F4) == 0x4F && bench.read(0x1F5) == 0xC2)
    bench.command(0xB0, lba: 0xC2_4F00, features: 0xD0)
    var sum: UInt8 = 0
    for byte in bench.readSector() { sum &+= byte }
    #expect(sum == 0)
    bench.command(0xB0, lba: 0, features: 0xDA)
    #expect(bench.read(0x1F7) == 0x51)
  }

  @Test func smallCommands() {
    for opcode: UInt32 in [0x00, 0x08, 0xA0, 0xA1, 0xFF, 0x92] {
      bench.command(opcode)
      #expect(bench.lines[14])
      #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x04)
    }
    bench.command(0x10)
    #expect(bench.read(0x1F7) == 0x50)
    bench.command(0x70, lba: 4095)
    #expect(bench.read(0x1F7) == 0x50)
    bench.command(0x70, lba: 4096)
    #expect(bench.read(0x1F7) == 0x51)
    bench.command(0xF8)
    #expect(bench.read(0x1F3) == 0xFF && bench.read(0x1F4) == 0x0F)
    bench.command(0xE8)
    bench.writeSector(0x3C)
    bench.command(0xE4)
    #expect(bench.readSector().allSatisfy { $0 == 0x3C })
    // SLEEP ends with a reset only.
    bench.command(0xE6)
    bench.command(0xEC)
    #expect(bench.read(0x1F7) == 0x50)
    bench.write(0x3F6, 4)
    bench.write(0x3F6, 0)
    bench.settle()
    bench.command(0xEC)
    #expect(bench.read(0x1F7) == 0x58)
  }

  @Test func dataPortWidths() {
    bench.command(0x20, lba: 2)
    let sector = IDEBench.sector(2)
    let expected =
      UInt32(sector[0]) | UInt32(sector[1]) << 8 | UInt32(sector[2]) << 16 | UInt32(sector[3]) << 24
    #expect(bench.read(0x1F0, width: 4) == expected)
    #expect(bench.read(0x1F0, width: 2) == UInt32(sector[4]) | UInt32(sector[5]) << 8)
    #expect(bench.read(0x1F2, width: 2) == 0x0200)
  }

  @Test func stateRoundTripInMidTransfer() throws {
    bench.command(0x20, lba: 30, count: 4)
    _ = bench.readSector()
    _ = bench.readWords(100)
    let state = savedState(bench.host)
    let rest =
      bench.readWords(156)
      + {
        bench.settle(); return bench.readWords(256)
      }()
    let other = IDEBench(MemoryStore(sectors: 4096))
    try restoreState(other.host, state)
    #expect(savedState(other.host) == state)
    other.now = bench.now
    #expect(
      other.readWords(156)
        + {
          other.settle(); return other.readWords(256)
        }() == rest)
    for cut in stride(from: 0, to: state.count, by: 7) {
      #expect(throws: StateError.self) { try restoreState(other.host, Array(state[0..<cut])) }
    }
  }

  @Test func stateRoundTripInMidDMA() throws {
    bench.command(0xC8, lba: 30, count: 4)
    bench.startDMA([(0x8000, 700)], toMemory: true)
    bench.write(bench.busMaster, 0)
    let state = savedState(bench.host)
    let other = IDEBench(MemoryStore(sectors: 4096))
    try restoreState(other.host, state)
    other.startDMA([(0x8000, 2048 - 700)], toMemory: true)
    #expect(other.read(0x1F7) == 0x50)
    let all = (30..<34).flatMap { IDEBench.sector(UInt64($0)) }
    #expect(other.ram.bytes[0x8000..<(0x8000 + 2048 - 700)].elementsEqual(all[700...]))
  }
}
