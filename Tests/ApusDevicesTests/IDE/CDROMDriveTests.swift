import ApusBase
import ApusDevices
import Testing

/// Mode pages, tray, lock and events: SFF-8020i and MMC-3.
@Suite struct CDROMDriveTests {
  let bench = CDROMBench(blocks: 400)

  private func mode(_ page: UInt8, length: UInt8 = 255) -> [UInt8] {
    bench.run([0x5A, 0, page, 0, 0, 0, 0, 0, length]).data
  }

  // MARK: Mode pages

  @Test func modeSense() {
    #expect(mode(0x01) == [0, 14, 0x01, 0, 0, 0, 0, 0, 0x01, 6, 0, 5, 0, 0, 0, 0])
    // 60 S units per M, 75 F units per S.
    #expect(mode(0x0D) == [0, 14, 0x01, 0, 0, 0, 0, 0, 0x0D, 6, 0, 0, 0, 60, 0, 75])
    #expect(
      mode(0x0E)
        == [0, 22, 0x01, 0, 0, 0, 0, 0, 0x0E, 14, 4, 0, 0, 0, 0, 75, 1, 0xFF, 2, 0xFF, 0, 0, 0, 0])
    let abilities = Array(mode(0x2A)[8...])
    #expect(abilities.count == 20 && abilities[0] == 0x2A && abilities[1] == 18)
    // Nothing is written; lock and eject, a tray.
    #expect(abilities[3] == 0 && abilities[6] == 0x29)
    #expect(Int(abilities[8]) << 8 | Int(abilities[9]) == 24 * 176)
    // All pages, in ascending order, and cut to the allocation length.
    let all = mode(0x3F)
    #expect(all.count == 8 + 8 + 8 + 16 + 20 && Int(all[1]) == all.count - 2)
    #expect([8, 16, 24, 40].map { all[$0] } == [0x01, 0x0D, 0x0E, 0x2A])
    #expect(mode(0x3F, length: 10) == Array(all[0..<10]))
    // The form of six bytes.
    let short = bench.run([0x1A, 0, 0x3F, 0, 255]).data
    #expect(short == [UInt8(all.count - 8 + 3), 0x01, 0, 0] + all[8...])
    // Changeable values.
    #expect(Array(mode(0x4D)[8...]) == [0x0D, 6, 0, 0x0F, 0, 0, 0, 0])
    #expect(mode(0x6A)[10...].allSatisfy { $0 == 0 })
    // Saved values, and pages that are not there.
    #expect(bench.failure([0x5A, 0, 0xC1, 0, 0, 0, 0, 0, 64]) == [5, 0x39, 0])
    #expect(bench.failure([0x5A, 0, 0x05, 0, 0, 0, 0, 0, 64]) == [5, 0x24, 0])
  }

  @Test func modeSelect() {
    func select(_ pages: [UInt8], header: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0], flags: UInt8 = 0x10) -> [UInt8]
    {
      let list = header + pages
      return bench.failure([0x55, flags, 0, 0, 0, 0, 0, 0, UInt8(list.count)], out: list)
    }
    #expect(select([0x01, 6, 0x20, 9, 0, 0, 0, 0, 0x0D, 6, 0, 3, 0, 60, 0, 75]).isEmpty)
    #expect(Array(mode(0x01)[10..<12]) == [0x20, 9] && mode(0x0D)[11] == 3)
    // The default stays what it was.
    #expect(Array(mode(0x81)[10..<12]) == [0, 5])
    let audio: [UInt8] = [0x0E, 14, 4, 0, 0, 0, 0, 75, 1, 0x80, 2, 0x80, 0, 0, 0, 0]
    #expect(select(audio).isEmpty)
    #expect(Array(mode(0x0E)[8...]) == audio)
    // INVALID FIELD IN PARAMETER LIST: an unchangeable field, an unknown page, block descriptors; nothing of
    // the list is taken.
    #expect(select([0x01, 6, 0, 1, 0, 0, 0, 0, 0x0D, 6, 0, 3, 0, 61, 0, 75]) == [5, 0x26, 0])
    #expect(mode(0x01)[11] == 9)
    #expect(select([0x05, 6, 0, 1, 0, 0, 0, 0]) == [5, 0x26, 0])
    #expect(select([0x01, 10] + [UInt8](repeating: 0, count: 10)) == [5, 0x26, 0])
    #expect(select([], header: [0, 0, 0, 0, 0, 0, 0, 8]) == [5, 0x26, 0])
    // PARAMETER LIST LENGTH ERROR: a page that is cut off, or the header.
    #expect(select([0x01, 6, 0, 1]) == [5, 0x1A, 0])
    #expect(select([0x01]) == [5, 0x1A, 0])
    #expect(select([], header: [0, 0, 0, 0]) == [5, 0x1A, 0])
    #expect(bench.failure([0x55, 0x10, 0, 0, 0, 0, 0, 0xFF, 0xFF]) == [5, 0x1A, 0])
    // Saving is not supported.
    #expect(select([], flags: 0x11) == [5, 0x24, 0])
    #expect(bench.failure([0x55, 0x10]).isEmpty)
    // In pieces, and by DMA.
    let list: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0x01, 6, 0x04, 7, 0, 0, 0, 0]
    let outcome = bench.run([0x55, 0x10, 0, 0, 0, 0, 0, 0, 16], limit: 6, out: list)
    #expect(outcome.blocks == [6, 6, 4] && outcome.status == 0x50 && mode(0x01)[11] == 7)
    for i in list.indices { bench.ram.bytes[0x8000 + i] = list[i] }
    bench.ram.bytes[0x800B] = 8
    bench.send([0x55, 0x10, 0, 0, 0, 0, 0, 0, 16], features: 1)
    bench.startDMA([(0x8000, 16)], toMemory: false)
    #expect(bench.lines[15] && bench.read(0x177) == 0x50 && mode(0x01)[11] == 8)
  }

  @Test func speed() {
    func current() -> Int { Int(mode(0x2A)[22]) << 8 | Int(mode(0x2A)[23]) }
    #expect(current() == 24 * 176)
    #expect(bench.failure([0xBB, 0, 0x02, 0xC0]).isEmpty)
    #expect(current() == 704)
    #expect(bench.failure([0xBB, 0, 0xFF, 0xFF]).isEmpty)
    #expect(current() == 24 * 176)
  }

  // MARK: Tray and lock

  private func mediaEvent() -> [UInt8] { bench.run([0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8]).data }

  @Test func ejectByGuest() {
    #expect(bench.failure([0x1B, 0, 0, 0, 0x02]).isEmpty)
    #expect(bench.drive.isTrayOpen)
    // MEDIUM NOT PRESENT - TRAY OPEN.
    for packet: [UInt8] in [
      [0x00], [0x25], CDROMBench.read10(0, 1), [0x43, 0, 0, 0, 0, 0, 0, 0, 4], [0x1B, 0, 0, 0, 1],
    ] {
      #expect(bench.failure(packet) == [2, 0x3A, 2])
    }
    #expect(mode(0x01)[2] == 0x71)
    #expect(bench.run([0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8]).data[1] & 0x10 != 0)
    #expect(bench.run([0x46, 0, 0, 0, 0, 0, 0, 0, 8]).data[7] == 0)
    // MediaRemoval, tray open, no media; then nothing.
    #expect(mediaEvent() == [0, 4, 4, 0x16, 3, 1, 0, 0])
    #expect(mediaEvent() == [0, 4, 4, 0x16, 0, 1, 0, 0])
    // Closed again, with the disc on it: a new medium.
    #expect(bench.failure([0x1B, 0, 0, 0, 0x03]).isEmpty)
    #expect(!bench.drive.isTrayOpen)
    #expect(bench.failure([0x00]) == [6, 0x28, 0])
    #expect(bench.failure([0x00]).isEmpty)
    #expect(mediaEvent() == [0, 4, 4, 0x16, 2, 2, 0, 0])
    #expect(mediaEvent() == [0, 4, 4, 0x16, 0, 2, 0, 0])
  }

  @Test func lockedDoor() {
    #expect(bench.failure([0x1E, 0, 0, 0, 1]).isEmpty)
    #expect(mode(0x2A)[14] & 0x02 != 0)
    // MEDIUM REMOVAL PREVENTED.
    #expect(bench.failure([0x1B, 0, 0, 0, 0x02]) == [5, 0x53, 2])
    #expect(!bench.drive.eject() && !bench.drive.insert(MemoryStore(sectors: 4)))
    #expect(mediaEvent() == [0, 4, 4, 0x16, 1, 2, 0, 0])
    #expect(bench.failure(CDROMBench.read10(399, 1)).isEmpty)
    #expect(bench.failure([0x1E]).isEmpty)
    #expect(bench.drive.eject())
    #expect(bench.drive.medium == nil)
    // A lock holds nothing in an empty drive; force opens a door.
    bench.drive.insert(MemoryStore(sectors: 40))
    _ = bench.run([0x00])
    #expect(bench.failure([0x1E, 0, 0, 0, 1]).isEmpty)
    #expect(bench.drive.eject(forced: true) && bench.drive.medium == nil)
  }

  @Test func mediumChange() {
    bench.drive.eject()
    #expect(bench.failure([0x00]) == [2, 0x3A, 2])
    #expect(mediaEvent()[4] == 3)
    bench.drive.insert(MemoryStore(sectors: 4 * 77))
    #expect(mediaEvent() == [0, 4, 4, 0x16, 2, 2, 0, 0])
    #expect(bench.failure([0x25]) == [6, 0x28, 0])
    #expect(bench.run([0x25]).data == CDROMBench.big(76, 4) + CDROMBench.big(2048, 4))
    // Swapped at once: the removal, then the new disc.
    bench.drive.insert(MemoryStore(sectors: 4 * 9))
    #expect(mediaEvent()[4] == 3)
    #expect(mediaEvent()[4] == 2)
    #expect(bench.failure([0x00]) == [6, 0x28, 0])
    #expect(bench.run([0x25]).data == CDROMBench.big(8, 4) + CDROMBench.big(2048, 4))
  }

  @Test func changeDuringRead() {
    bench.send(CDROMBench.read10(0, 80), limit: 0xF800)
    bench.drive.insert(MemoryStore(sectors: 1600))
    for _ in 0..<(31 * 1024) { _ = bench.read(0x170, width: 2) }
    bench.settle()
    #expect(bench.read(0x177) == 0x51 && bench.sense() == [6, 0x28, 0])
    bench.send(CDROMBench.read10(0, 80), limit: 0xF800)
    bench.drive.eject()
    for _ in 0..<(31 * 1024) { _ = bench.read(0x170, width: 2) }
    bench.settle()
    #expect(bench.read(0x177) == 0x51 && bench.sense() == [2, 0x3A, 2])
  }

  @Test func emptyDrive() {
    let bench = CDROMBench(ATAPICDROM())
    // MEDIUM NOT PRESENT - TRAY CLOSED.
    for packet: [UInt8] in [
      [0x00], [0x25], CDROMBench.read10(0, 1), [0x51], [0x52], [0xAD], [0x1B, 0, 0, 0, 1],
    ] {
      #expect(bench.failure(packet) == [2, 0x3A, 1])
    }
    #expect(bench.run([0x5A, 0, 1, 0, 0, 0, 0, 0, 8]).data[2] == 0x70)
    #expect(bench.failure([0x1B, 0, 0, 0, 2]).isEmpty && bench.drive.isTrayOpen)
    #expect(bench.failure([0x1B, 0, 0, 0, 3]).isEmpty && !bench.drive.isTrayOpen)
    #expect(bench.failure([0x00]) == [2, 0x3A, 1])
    bench.drive.insert(MemoryStore(sectors: 400))
    #expect(bench.failure([0x00]) == [6, 0x28, 0])
    #expect(bench.run(CDROMBench.read10(9, 1)).data == CDROMBench.blocks(9..<10))
  }

  @Test func events() {
    // Asynchronous notification is not supported; no class that exists: No Event Available.
    #expect(bench.failure([0x4A, 0, 0, 0, 0x10, 0, 0, 0, 8]) == [5, 0x24, 0])
    #expect(bench.run([0x4A, 1, 0, 0, 0x40, 0, 0, 0, 8]).data == [0, 0, 0x80, 0x16])
    // Power management: active.
    #expect(bench.run([0x4A, 1, 0, 0, 0x04, 0, 0, 0, 8]).data == [0, 4, 2, 0x16, 0, 1, 0, 0])
    // The class of the highest priority, unless another has an event.
    #expect(bench.run([0x4A, 1, 0, 0, 0x16, 0, 0, 0, 8]).data[2] == 1)
    bench.drive.eject()
    // An event that was cut off is still there.
    #expect(bench.run([0x4A, 1, 0, 0, 0x16, 0, 0, 0, 4]).data == [0, 4, 4, 0x16])
    #expect(bench.run([0x4A, 1, 0, 0, 0x16, 0, 0, 0, 8]).data == [0, 4, 4, 0x16, 3, 1, 0, 0])
  }

  @Test func powerConditions() {
    #expect(bench.failure([0x1B, 0, 0, 0, 0x30]).isEmpty)
    bench.command(0xE5)
    #expect(bench.read(0x172) == 0x00)
    #expect(bench.failure([0x1B, 0, 0, 0, 0x20]).isEmpty)
    bench.command(0xE5)
    #expect(bench.read(0x172) == 0x80)
    #expect(bench.failure([0x1B, 0, 0, 0, 0x40]) == [5, 0x24, 0])
    #expect(bench.failure([0x1B, 0, 0, 0, 0x50]).isEmpty)
    bench.command(0xA1)
    #expect(bench.read(0x376) == 0x50)
    bench.command(0x08)
    #expect(bench.failure([0x00]).isEmpty)
  }
}
