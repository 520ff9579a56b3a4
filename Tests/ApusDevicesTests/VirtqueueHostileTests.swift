import ApusBase
import ApusDevices
import Testing

@Suite struct VirtqueueHostileTests {
  let bench = VirtioBench(MemoryStore(sectors: 64))

  /// The device gave up: it says so, and does nothing until it is reset.
  private func expectNeedsReset() {
    #expect(bench.status & 0x40 != 0)
    #expect(bench.read(0x1000, width: 1) & 2 != 0)
    #expect(bench.request(8, bytes: 20) == nil)
    bench.start()
    #expect(bench.status == 0x0F)
    #expect(bench.request(8, bytes: 20) == 0)
  }

  private func good() {
    bench.start()
    bench.putHeader(0, sector: 0)
    bench.descriptor(0, bench.header, 16, flags: 1, next: 1)
    bench.descriptor(1, bench.data, 512, flags: 3, next: 2)
    bench.descriptor(2, bench.statusAt, 1, flags: 2)
  }

  private func run() {
    bench.offer(0)
    bench.notify()
    expectNeedsReset()
  }

  @Test func loopingChain() {
    good()
    bench.descriptor(1, bench.data, 512, flags: 3, next: 1)
    run()
  }

  @Test func nextOutsideTheTable() {
    good()
    bench.descriptor(1, bench.data, 512, flags: 3, next: 16)
    run()
  }

  @Test func headOutsideTheTable() {
    good()
    bench.offer(400)
    bench.notify()
    expectNeedsReset()
  }

  @Test func availableIndexJumps() {
    good()
    bench.ram.store(bench.available + 2, UInt16(17))
    bench.notify()
    expectNeedsReset()
  }

  @Test func readableAfterWritable() {
    good()
    bench.descriptor(2, bench.statusAt, 1, flags: 0)
    run()
  }

  @Test func withoutStatusOrHeader() {
    good()
    bench.descriptor(0, bench.header, 16, flags: 0)
    run()
    good()
    bench.descriptor(0, bench.header, 15, flags: 1, next: 1)
    run()
    good()
    bench.descriptor(0, bench.header, 0, flags: 1, next: 2)
    bench.descriptor(2, bench.statusAt, 0, flags: 2)
    run()
  }

  @Test func statusOutsideRAM() {
    good()
    bench.descriptor(2, 1 << 40, 1, flags: 2)
    run()
  }

  @Test func ringsOutsideRAM() {
    for (field, area): (UInt64, UInt64) in [
      (0x20, .max - 8), (0x28, 1 << 50), (0x30, 0xF_FFFF), (0x20, 0xF_FFF8),
    ] {
      good()
      bench.write(0x14, 0, width: 1)
      // Like `good`, with one area elsewhere.
      for (at, value) in [(0x14, 3)] as [(UInt64, UInt64)] { bench.write(at, value, width: 1) }
      bench.write(0x08, 1, width: 4)
      bench.write(0x0C, 1, width: 4)
      bench.write(0x14, 0x0B, width: 1)
      bench.write(0x18, 16, width: 2)
      bench.write(0x20, UInt64(bench.table), width: 8)
      bench.write(0x28, UInt64(bench.available), width: 8)
      bench.write(0x30, UInt64(bench.used), width: 8)
      bench.write(field, area, width: 8)
      bench.write(0x1C, 1, width: 2)
      bench.write(0x14, 0x0F, width: 1)
      run()
    }
  }

  @Test(arguments: [(0, 4), (8, 4), (24, 4), (48, 5)])
  func brokenIndirectDescriptors(length: Int, flags: Int) {
    good()
    bench.descriptor(0, 0x16000, length, flags: UInt16(flags))
    run()
  }

  @Test func nestedIndirectDescriptors() {
    good()
    bench.descriptor(0, 0x16000, 16, flags: 4)
    bench.descriptor(0, 0x16000, 16, flags: 4, table: 0x16000)
    run()
  }

  @Test func longIndirectLoop() {
    good()
    bench.descriptor(0, 0x16000, 32, flags: 4)
    bench.descriptor(0, bench.data, Int(UInt32.max), flags: 3, next: 1, table: 0x16000)
    bench.descriptor(1, bench.data, Int(UInt32.max), flags: 3, next: 0, table: 0x16000)
    run()
  }

  @Test(arguments: [11, 12, 13]) func fuzz(seed: UInt64) throws {
    var random = StorageRandom(seed: seed)
    for _ in 0..<400 {
      good()
      if random.below(3) == 0 { bench.start(features: 1 << 32 | 1 << 28 | 1 << 29 | 1 << 14) }
      for _ in 0..<30 {
        switch random.below(9) {
        case 0...2:
          let at = random.pick([bench.table, bench.available, bench.used, bench.header, 0x16000])
          bench.ram.bytes[at + random.below(80)] = UInt8(truncatingIfNeeded: random.next())
        case 3:
          bench.descriptor(
            random.below(16), random.pick([bench.header, bench.data, 0x16000, 0xFFFFF, -1]),
            random.pick([0, 1, 16, 48, 512, 4096, -1]), flags: UInt16(random.below(8)), next: random.below(17)
          )
        case 4: bench.offer(random.below(17))
        case 5: bench.notify()
        case 6:
          bench.host.writeMemory(
            bench.base + UInt64(random.below(0x3100)), random.next(), width: random.pick([1, 2, 4, 8]),
            at: bench.now)
        case 7: _ = bench.read(UInt64(random.below(0x4000)), width: random.pick([1, 2, 4, 8]))
        default:
          let offset = random.below(256)
          guard !(0x04..<0x28).contains(offset) else { continue }
          bench.device.writeConfiguration(
            offset, UInt32(truncatingIfNeeded: random.next()), width: random.pick([1, 2, 4]), at: bench.now)
        }
      }
      bench.host.run(at: bench.now + 100_000)
      var state = savedState(bench.host)
      try restoreState(bench.host, state)
      state[random.below(state.count)] ^= UInt8(1 + random.below(255))
      _ = try? restoreState(bench.host, state)
      bench.notify()
      // Whatever the driver did, it can start again.
      bench.host.reset(at: bench.now)
      _ = bench.host.assignResources(at: bench.now)
      bench.device.writeConfiguration(4, 6, width: 2, at: bench.now)
      bench.start()
      #expect(bench.request(8, bytes: 20) == 0)
    }
  }
}
