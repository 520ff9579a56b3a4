import ApusBase
import ApusDevices
import Testing

private let ms: UInt64 = 1_000_000

/// Writing, formatting, and transfers by the processor instead of DMA (Intel 82077AA datasheet).
@Suite struct FloppyWritingTests {
  @Test func writes() throws {
    let store = MemoryStore(sectors: 2880)
    let bench = try FloppyBench(disk: store)
    bench.seek(79)
    for i in 0..<1500 { bench.ram.bytes[0x1000 + i] = UInt8(truncatingIfNeeded: i &* 13) }
    bench.program(bytes: 1000, toMemory: false)
    #expect(bench.command([0x45, 4, 79, 1, 17, 2, 18, 0x1B, 0xFF]) == [4, 0, 0, 80, 1, 1, 2])
    let tail = Array(store.bytes[(2878 * 512)...])
    #expect(Array(tail.prefix(1000)) == Array(bench.memory.prefix(1000)))
    #expect(tail.suffix(24).allSatisfy { $0 == 0 })
    store.isReadOnly = true
    bench.program(bytes: 512, toMemory: false)
    #expect(bench.command([0x45, 4, 79, 1, 1, 2, 18, 0x1B, 0xFF]) == [0x44, 0x02, 0, 79, 1, 1, 2])
    #expect(bench.command([0x4D, 4, 2, 18, 0x54, 0xF6])[1] == 0x02)
    bench.send([0x04, 0])
    #expect(bench.result() == [0x68])
    #expect(bench.inp(0x3F0) & 2 == 0)
    store.isReadOnly = false
    store.badSectors = [2844]
    bench.program(bytes: 512, toMemory: false)
    #expect(bench.command([0x45, 0, 79, 0, 1, 2, 18, 0x1B, 0xFF])[1] == 0x20)
    #expect(bench.fdc.lastError == .io)
  }

  @Test func writesBecomeDurable() throws {
    let store = MemoryStore(sectors: 2880)
    let bench = try FloppyBench(disk: store)
    func write() {
      bench.program(bytes: 512, toMemory: false)
      #expect(bench.command([0x45, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF])[0] == 0)
    }
    bench.out(0x3F2, 0x0C)
    bench.out(0x3F2, 0x1C)
    #expect(store.flushes == 0)
    write()
    bench.out(0x3F2, 0x0C)
    #expect(store.flushes == 1)
    bench.out(0x3F2, 0x1C)
    write()
    store.flushFails = true
    bench.fdc.eject(drive: 0, at: bench.now)
    #expect(bench.fdc.lastError == .io)
  }

  /// What SeaBIOS does: one SENSE INTERRUPT STATUS after the reset, whose other statuses must not be taken for
  /// those of the RECALIBRATE.
  @Test func staleStatusesOfPollingGiveWay() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    bench.out(0x3F2, 0)
    bench.out(0x3F2, 0x1C)
    bench.wait()
    #expect(bench.senseInterrupt() == [0xC0, 0])
    bench.send([0x07, 0])
    bench.wait()
    #expect(bench.senseInterrupt() == [0x20, 0])
    #expect(bench.senseInterrupt() == [0x80])
  }

  /// "Skip Bit" tables.
  @Test func deletedData() throws {
    let store = MemoryStore(sectors: 2880)
    let bench = try FloppyBench(disk: store)
    bench.program(bytes: 512, toMemory: false)
    #expect(bench.command([0x49, 0, 0, 0, 3, 2, 18, 0x1B, 0xFF])[0] == 0)
    #expect(store.bytes[2 * 512..<3 * 512].allSatisfy { $0 == 0 })
    func read(_ code: UInt8, bytes: Int) -> [UInt8] {
      bench.program(bytes: bytes, toMemory: true)
      return bench.command([code, 0, 0, 0, 2, 2, 18, 0x1B, 0xFF])
    }
    #expect(read(0x46, bytes: 1536) == [0, 0, 0x40, 0, 0, 3, 2])
    #expect(read(0x66, bytes: 1024) == [0, 0, 0x40, 0, 0, 5, 2])
    #expect(Array(bench.memory.prefix(1024)) == floppyPattern(1) + floppyPattern(3))
    #expect(read(0x4C, bytes: 512) == [0, 0, 0x40, 0, 0, 2, 2])
    #expect(read(0x6C, bytes: 512) == [0, 0, 0x40, 0, 0, 4, 2])
    // A normal write makes it a normal sector again.
    bench.program(bytes: 512, toMemory: false)
    _ = bench.command([0x45, 0, 0, 0, 3, 2, 18, 0x1B, 0xFF])
    #expect(read(0x46, bytes: 1536) == [0, 0, 0, 0, 0, 5, 2])
  }

  @Test func format() throws {
    let store = MemoryStore(sectors: 2880)
    let bench = try FloppyBench(disk: store)
    bench.seek(2)
    func format(_ IDs: [[UInt8]], N: UInt8 = 2, sectors: UInt8 = 18) -> [UInt8] {
      for (i, byte) in IDs.flatMap({ $0 }).enumerated() { bench.ram.bytes[0x1000 + i] = byte }
      bench.program(bytes: 4 * IDs.count, toMemory: false)
      return Array(bench.command([0x4D, 4, N, sectors, 0x54, 0xF6])[0...2])
    }
    let interleaved = (0..<18).map { [2, 1, UInt8($0 * 7 % 18 + 1), 2] as [UInt8] }
    let began = bench.now
    #expect(format(interleaved) == [4, 0, 0])
    #expect((200 * ms...402 * ms).contains(bench.now - began))
    let track = 5 * 18 * 512
    #expect(store.bytes[track..<(track + 18 * 512)].allSatisfy { $0 == 0xF6 })
    #expect(store.bytes[track - 1] != 0xF6 || store.bytes[track - 2] != 0xF6)
    #expect(Array(store.bytes[(track + 18 * 512)...].prefix(512)) == floppyPattern(6 * 18))
    // What an image cannot hold.
    #expect(format(interleaved, N: 3) == [0x54, 0, 0])
    #expect(format(Array(interleaved.prefix(9)), sectors: 9) == [0x54, 0, 0])
    #expect(format(interleaved.dropLast() + [interleaved[0]]) == [0x54, 0, 0])
    #expect(format(interleaved.dropLast() + [[9, 1, 18, 2]]) == [0x54, 0, 0])
    #expect(format(Array(interleaved.prefix(5))) == [0x54, 0, 0])
    bench.send([0x0E])
    #expect(bench.result()[6] == 18)
  }

  // MARK: Non-DMA mode

  @Test(arguments: [(0x20, 1), (0x00, 15), (0x0E, 1), (0x07, 8)] as [(UInt8, Int)])
  func nonDMARead(configuration: UInt8, burst: Int) throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    bench.start(rate: 0, nonDMA: true)
    bench.send([0x13, 0, configuration, 0])
    bench.send([0x46, 0, 0, 0, 17, 2, 18, 0x1B, 0xFF])
    var bytes: [UInt8] = []
    var first = true
    while bytes.count < 1024 {
      bench.wait()
      var count = 0
      while bench.inp(0x3F4) == 0xF0 {
        bytes.append(bench.inp(0x3F5))
        count += 1
      }
      if first { #expect(count == burst) }
      first = false
      guard count > 0 else { break }
    }
    #expect(bytes == floppyPattern(16, count: 2))
    bench.wait()
    // Without TC the command ends at EOT.
    #expect(bench.result() == [0x40, 0x80, 0, 1, 0, 1, 2])
  }

  @Test(arguments: [0x20, 0x00, 0x0F] as [UInt8]) func nonDMAWrite(configuration: UInt8) throws {
    let store = MemoryStore(sectors: 2880)
    let bench = try FloppyBench(disk: store)
    bench.start(rate: 0, nonDMA: true)
    bench.send([0x13, 0, configuration, 0])
    bench.send([0x45, 0, 0, 0, 17, 2, 18, 0x1B, 0xFF])
    var sent = 0
    while sent < 1024 && bench.inp(0x3F4) & 0xD0 != 0xD0 {
      bench.wait()
      while bench.inp(0x3F4) == 0xB0 && sent < 1024 {
        bench.out(0x3F5, UInt32(truncatingIfNeeded: sent &* 11 & 0xFF))
        sent += 1
      }
    }
    bench.wait()
    #expect(bench.result() == [0x40, 0x80, 0, 1, 0, 1, 2])
    #expect(
      Array(store.bytes[(16 * 512)..<(18 * 512)]) == (0..<1024).map { UInt8(truncatingIfNeeded: $0 &* 11) })
  }

  @Test func nonDMAOverrun() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    bench.start(rate: 0, nonDMA: true)
    for code: UInt8 in [0x46, 0x45] {
      bench.send([code, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF])
      bench.pass(300 * ms)
      #expect(bench.result() == [0x40, 0x10, 0, 0, 0, 1, 2])
    }
  }

  // MARK: Abort

  @Test func resetAbortsAnything() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    bench.program(bytes: 9 * 512, toMemory: true)
    bench.send([0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF])
    bench.pass(30 * ms)
    bench.start(rate: 0)
    #expect(bench.inp(0x3F4) == 0x80)
    // A seek that is cut off leaves the heads between.
    bench.send([0x0F, 0, 40])
    bench.pass(31 * ms)
    bench.start(rate: 0)
    #expect(bench.command([0x4A, 0])[3] == 10)
  }
}
