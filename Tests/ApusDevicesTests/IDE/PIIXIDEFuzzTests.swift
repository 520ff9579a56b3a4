import ApusBase
import ApusDevices
import Testing

@Suite struct PIIXIDEFuzzTests {
  /// Random register and bus master accesses, with commands likely to do something.
  private func step(_ bench: IDEBench, _ random: inout StorageRandom) {
    let opcodes: [UInt32] = [
      0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x3D, 0x40, 0x42, 0xC4, 0xC5, 0xC6, 0xC8, 0xCA,
      0xCE, 0xEC, 0xEF, 0xE7, 0x91, 0xB0, 0xE8, 0xE4, 0x27,
    ]
    bench.now += VirtualTime(random.below(8000))
    let value = UInt32(truncatingIfNeeded: random.next())
    let width = random.pick([1, 2, 4])
    switch random.below(12) {
    case 0: bench.write(0x1F7, random.below(10) == 0 ? value & 0xFF : random.pick(opcodes))
    case 1: bench.write(0x1F1 + UInt16(random.below(6)), value & (random.below(3) == 0 ? 0xFF : 0x07))
    case 2: bench.write(0x1F6, 0xE0 | value & 0x10 & (value >> 8))
    case 3: _ = bench.read(0x1F0 + UInt16(random.below(8)), width: width)
    case 4: bench.write(0x1F0 + UInt16(random.below(8)), value, width: width)
    case 5: bench.write(bench.busMaster + UInt16(random.below(16)), value, width: width)
    case 6: bench.write(bench.busMaster + 4, value & 0xF_FFFC, width: 4)
    case 7: bench.write(bench.busMaster, value & 9)
    case 8: for _ in 0..<random.below(300) { _ = bench.read(0x1F0, width: 2) }
    case 9: for _ in 0..<random.below(300) { bench.write(0x1F0, value, width: 2) }
    case 10: if random.below(40) == 0 { bench.write(0x3F6, value & 0xFF) } else { bench.write(0x3F6, 0) }
    default: bench.host.run(at: bench.now)
    }
  }

  @Test(arguments: [1, 2, 3, 4]) func registers(seed: UInt64) {
    var random = StorageRandom(seed: seed)
    let store = MemoryStore(sectors: 300)
    store.badSectors = [77, 200]
    let bench = IDEBench(store, slave: MemoryStore(sectors: 17))
    for i in bench.ram.bytes.indices { bench.ram.bytes[i] = UInt8(truncatingIfNeeded: random.next()) }
    for _ in 0..<60_000 { step(bench, &random) }
    #expect(store.bytes.count == 300 * 512)
    // Whatever happened, a reset brings the disk back.
    bench.write(0x3F6, 4)
    bench.write(0x3F6, 0)
    bench.settle()
    #expect(bench.read(0x1F7) == 0x50)
    bench.command(0xEC)
    #expect(bench.readWords(256)[60] == 300)
  }

  @Test func savedState() throws {
    var random = StorageRandom(seed: 99)
    let bench = IDEBench(MemoryStore(sectors: 300))
    var accepted = 0
    for round in 0..<1500 {
      bench.host.reset(at: bench.now)
      _ = bench.host.assignResources(at: bench.now)
      for _ in 0..<40 { step(bench, &random) }
      var bytes = ApusDevicesTests.savedState(bench.host)
      try restoreState(bench.host, bytes)
      for _ in 0..<(1 + round % 3) {
        bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
      }
      guard (try? restoreState(bench.host, bytes)) != nil else { continue }
      accepted += 1
      for _ in 0..<40 { step(bench, &random) }
    }
    #expect(accepted > 0)
  }
}
