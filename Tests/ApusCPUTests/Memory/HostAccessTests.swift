import ApusCPU
import Testing

/// The board's access to the host block: ranges are checked, code is dropped, and the hash depends on contents
/// alone.
@Suite struct HostAccessTests {
  private static let size: UInt64 = 0x20_0000
  private static let hostSize = size + GuestRAM.romSize

  private static func makeProcessor() -> (Processor, TestBus) {
    let bus = TestBus()
    let region = MemoryRegion(start: 0, end: size, hostOffset: 0, isWritable: true)
    return (Processor(ram: GuestRAM.allocate(size: size), regions: [region], bus: bus), bus)
  }

  /// The room for the tables, and sizes that cannot be.
  @Test func requiredBytes() throws {
    let bytes = try #require(GuestRAM.requiredBytes(size: Self.size))
    #expect(UInt64(bytes) >= Self.hostSize + Self.hostSize / 4096 * 13)
    #expect(GuestRAM.requiredBytes(size: 0) != nil)
    #expect(GuestRAM.requiredBytes(size: 0x1001) == nil)
    #expect(GuestRAM.requiredBytes(size: 1 << 46) != nil)
    #expect(GuestRAM.requiredBytes(size: 1 << 46 + 0x1000) == nil)
    #expect(GuestRAM.requiredBytes(size: .max & ~0xFFF) == nil)
  }

  /// Heap memory comes in whole pages.
  @Test(arguments: [(0, 0), (1, 0x1000), (0x1000, 0x1000), (0x1001, 0x2000)] as [(UInt64, UInt64)])
  func allocation(_ size: UInt64, _ expected: UInt64) {
    #expect(GuestRAM.allocate(size: size).size == expected)
  }

  @Test func copies() {
    let (processor, bus) = Self.makeProcessor()
    defer { withExtendedLifetime(bus) {} }
    var buffer: [UInt8] = [0, 0, 0, 0, 0]
    #expect(processor.writeHost(0x1FFE, from: [9, 1, 2, 3, 4, 9], 1..<5))
    #expect(processor.readHost(0x1FFE, into: &buffer, 0..<4))
    #expect(buffer == [1, 2, 3, 4, 0])
    // ROM lies behind RAM.
    #expect(processor.writeHost(Self.hostSize - 2, from: [5, 6], 0..<2))
    #expect(processor.readHost(Self.hostSize - 2, into: &buffer, 3..<5))
    #expect(buffer == [1, 2, 3, 5, 6])
    #expect(processor.zeroHost(0x1FFF, count: 2))
    #expect(processor.readHost(0x1FFE, into: &buffer, 0..<4))
    #expect(buffer == [1, 0, 0, 4, 6])
  }

  /// Nothing happens, and nothing traps, outside the block or the buffer.
  @Test(
    arguments: [
      (hostSize - 3, 0..<4), (hostSize, 0..<1), (hostSize + 1, 0..<0), (.max, 0..<1), (.max - 1, 0..<4),
      (0, 1..<5), (0, -1..<1), (0, 5..<5), (1 << 63, 0..<4),
    ] as [(UInt64, Range<Int>)])
  func rangeChecks(_ offset: UInt64, _ range: Range<Int>) {
    let (processor, bus) = Self.makeProcessor()
    defer { withExtendedLifetime(bus) {} }
    let before = processor.memoryHash()
    var buffer: [UInt8] = [1, 2, 3, 4]
    #expect(!processor.readHost(offset, into: &buffer, range))
    #expect(buffer == [1, 2, 3, 4])
    #expect(!processor.writeHost(offset, from: buffer, range))
    #expect(processor.memoryHash() == before)
    if offset != 0 { #expect(!processor.zeroHost(offset, count: UInt64(max(range.count, 1)))) }
  }

  /// Nothing at the end of the block is a valid range.
  @Test func emptyRange() {
    let (processor, bus) = Self.makeProcessor()
    defer { withExtendedLifetime(bus) {} }
    var buffer: [UInt8] = []
    #expect(processor.readHost(Self.hostSize, into: &buffer, 0..<0))
    #expect(processor.writeHost(Self.hostSize, from: buffer, 0..<0))
    #expect(processor.zeroHost(Self.hostSize, count: 0))
  }

  /// Equal contents, equal hashes: whether zeros were written or never touched does not matter.
  @Test func hash() {
    let (first, firstBus) = Self.makeProcessor()
    let (second, secondBus) = Self.makeProcessor()
    defer { withExtendedLifetime((firstBus, secondBus)) {} }
    #expect(first.memoryHash() == second.memoryHash())
    let empty = first.memoryHash()
    #expect(first.writeHost(0x5000, from: [0, 0, 0], 0..<3))
    #expect(first.memoryHash() == empty)
    #expect(first.writeHost(0x5001, from: [7], 0..<1))
    let seven = first.memoryHash()
    #expect(seven != empty)
    #expect(second.writeHost(0x6001, from: [7], 0..<1))
    #expect(second.memoryHash() != seven)
    #expect(second.zeroHost(0x6000, count: 0x1000))
    #expect(second.writeHost(0x5001, from: [7], 0..<1))
    #expect(second.memoryHash() == seven)
    // Every byte counts, and so does ROM.
    #expect(second.writeHost(Self.hostSize - 1, from: [1], 0..<1))
    #expect(second.memoryHash() != seven)
  }

  /// A guest's store counts, and comes out of the hash again with the old value.
  @Test func hashAfterStores() {
    let bench = PagingBench(.level4)
    bench[R.bx] = PagingBench.data
    bench[R.ax] = 0
    #expect(bench.run([0x89, 0x03]) == .done)
    let before = bench.guest.processor.memoryHash()
    bench[R.ax] = 0x100
    #expect(bench.resume(at: PagingBench.code) == .done)
    let changed = bench.guest.processor.memoryHash()
    bench[R.ax] = 0
    #expect(bench.resume(at: PagingBench.code) == .done)
    #expect(changed != before)
    #expect(bench.guest.processor.memoryHash() == before)
  }
}
