import ApusBase
import ApusDevices
import Testing

/// The registers and the PACKET protocol: ATA/ATAPI-7.
@Suite struct ATAPICDROMTests {
  let bench = CDROMBench(blocks: 400)

  private var signature: [UInt32] { [0x171, 0x172, 0x173, 0x174, 0x175].map { bench.read($0) } }

  @Test func signatureAfterReset() {
    let bench = CDROMBench(blocks: 4, ready: false)
    let ports: [UInt16] = [0x171, 0x172, 0x173, 0x174, 0x175, 0x176]
    #expect(ports.map { bench.read($0) } == [1, 1, 1, 0x14, 0xEB, 0])
    // DRDY waits for the first command.
    #expect(bench.read(0x177) == 0x00)
    bench.write(0x176, 0xB0)
    // No device 1, and nothing that looks like one.
    #expect(ports.map { bench.read($0) } == [0, 0, 0, 0, 0, 0] && bench.read(0x177) == 0)
    bench.write(0x174, 0x55)
    bench.write(0x376, 4)
    #expect(bench.read(0x177) == 0x80)
    bench.write(0x376, 0)
    bench.settle()
    #expect(ports.map { bench.read($0) } == [1, 1, 1, 0x14, 0xEB, 0])
    #expect(bench.read(0x177) == 0x00 && !bench.lines[15])
  }

  @Test func signatureByAbortedCommands() {
    for opcode: UInt32 in [0xEC, 0x20] {
      bench.write(0x174, 0x12)
      bench.write(0x175, 0x34)
      bench.command(opcode)
      #expect(bench.lines[15])
      #expect(bench.read(0x177) == 0x51 && bench.read(0x171) == 0x04)
      #expect([0x172, 0x173, 0x174, 0x175].map { bench.read($0) } == [1, 1, 0x14, 0xEB])
    }
  }

  @Test func deviceReset() {
    bench.send(CDROMBench.read10(0, 2))
    #expect(bench.read(0x376) == 0x58)
    bench.write(0x177, 0x08)
    #expect(bench.read(0x376) == 0x80)
    bench.settle()
    // ATA/ATAPI-7, "DEVICE RESET": the signature, and no interrupt.
    #expect(bench.read(0x376) == 0x00 && !bench.lines[15])
    #expect(signature == [1, 1, 1, 0x14, 0xEB])
    // It is taken while busy.
    bench.write(0x177, 0xA1)
    #expect(bench.read(0x376) == 0x80)
    bench.write(0x177, 0x08)
    bench.settle()
    #expect(bench.read(0x376) == 0x00)
    // It leaves no unit attention behind, unlike the power-on.
    #expect(bench.failure([0x00]).isEmpty)
  }

  @Test func identifyPacketDevice() {
    bench.command(0xA1)
    #expect(bench.lines[15])
    #expect(bench.read(0x177) == 0x58)
    let words = (0..<256).map { _ in UInt16(bench.read(0x170, width: 2)) }
    #expect(bench.read(0x177) == 0x50 && !bench.lines[15])
    // ATAPI (15:14), CD-ROM (12:8), removable (7), DRQ within 50 µs (6:5), 12 bytes (1:0).
    #expect(words[0] == 2 << 14 | 5 << 8 | 1 << 7 | 2 << 5)
    let model = words[27..<47].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    #expect(String(decoding: model, as: UTF8.self).hasPrefix("APUS CD-ROM "))
    #expect(words[49] & 0x0300 == 0x0300)
    // NOP, DEVICE RESET, PACKET, power management.
    #expect(words[82] == 1 << 14 | 1 << 9 | 1 << 4 | 1 << 3 && words[85] == words[82])
    #expect(words[63] == 0x0407 && words[88] == 0x003F)
    var sum: UInt8 = 0
    for word in words { sum = sum &+ UInt8(word & 0xFF) &+ UInt8(word >> 8) }
    #expect(words[255] & 0xFF == 0xA5 && sum == 0)
    bench.command(0xEF, features: 0x03, count: 0x44)
    #expect(bench.read(0x177) == 0x50)
    bench.command(0xA1)
    let changed = (0..<256).map { _ in UInt16(bench.read(0x170, width: 2)) }
    #expect(changed[63] == 0x0007 && changed[88] == 0x103F)
    for (features, count): (UInt32, UInt32) in [(3, 0x46), (3, 0x23), (0x02, 0), (0x55, 0)] {
      bench.command(0xEF, features: features, count: count)
      #expect(bench.read(0x177) == 0x51 && bench.read(0x171) == 0x04)
    }
  }

  @Test func otherATACommands() {
    for opcode: UInt32 in [0x00, 0x24, 0x25, 0x30, 0x91, 0xB0, 0xC8, 0xE7, 0xF8, 0xFF] {
      bench.command(opcode)
      #expect(bench.lines[15])
      #expect(bench.read(0x177) == 0x51 && bench.read(0x171) == 0x04)
    }
  }

  @Test func power() {
    bench.command(0xE5)
    #expect(bench.read(0x172) == 0xFF && bench.read(0x177) == 0x50)
    for (opcode, mode): (UInt32, UInt32) in [(0xE0, 0x00), (0xE1, 0x80), (0xE2, 0x00), (0xE3, 0x80)] {
      bench.command(opcode)
      #expect(bench.lines[15] && bench.read(0x177) == 0x50)
      bench.command(0xE5)
      #expect(bench.read(0x172) == mode)
    }
    #expect(bench.run(CDROMBench.read10(0, 1)).status == 0x50)
    bench.command(0xE5)
    #expect(bench.read(0x172) == 0xFF)
    // SLEEP ends with a reset, of which DEVICE RESET is one.
    bench.command(0xE6)
    #expect(bench.read(0x177) == 0x50)
    bench.command(0xA1)
    #expect(bench.read(0x376) == 0x50 && !bench.lines[15])
    bench.command(0x08)
    bench.command(0xA1)
    #expect(bench.read(0x177) == 0x58)
  }

  @Test func diagnostic() {
    let bench = CDROMBench(
      ATAPICDROM(medium: MemoryStore(sectors: 4)), slave: ATADisk(store: MemoryStore(sectors: 64)))
    bench.command(0x90, device: 0xB0)
    #expect(bench.lines[15])
    #expect(bench.read(0x171) == 1 && bench.read(0x174) == 0x14 && bench.read(0x175) == 0xEB)
    #expect(bench.read(0x177) == 0x00)
    bench.write(0x176, 0xB0)
    #expect(bench.read(0x171) == 1 && bench.read(0x174) == 0 && bench.read(0x177) == 0x50)
  }

  @Test func packetPhase() {
    bench.write(0x176, 0xA0)
    bench.write(0x171, 0)
    bench.write(0x174, 0)
    bench.write(0x175, 8)
    bench.write(0x177, 0xA0)
    #expect(bench.read(0x376) == 0x80)
    bench.settle()
    // Command packet: C/D = 1, I/O = 0, and no interrupt.
    #expect(bench.read(0x376) == 0x58 && bench.read(0x172) == 0x01 && !bench.lines[15])
    // 32-bit writes are two words.
    bench.write(0x170, 0x0000_0028, width: 4)
    bench.write(0x170, 0x0000_0100, width: 4)
    #expect(bench.read(0x376) == 0x58)
    bench.write(0x170, 0x0000_0001, width: 4)
    #expect(bench.read(0x376) == 0x80)
    bench.settle()
    #expect(bench.lines[15])
    #expect(bench.read(0x376) == 0x58 && bench.read(0x172) == 0x02)
    #expect(bench.read(0x174) == 0 && bench.read(0x175) == 8)
    let expected = CDROMBench.blocks(1..<2)
    var got: [UInt8] = []
    for _ in 0..<512 {
      let value = bench.read(0x170, width: 4)
      for i: UInt32 in 0..<4 { got.append(UInt8(value >> (8 * i) & 0xFF)) }
    }
    #expect(got == expected)
    #expect(bench.read(0x376) == 0x80)
    bench.settle()
    #expect(bench.lines[15] && bench.read(0x172) == 0x03 && bench.read(0x177) == 0x50)
    // Overlap is not supported.
    bench.command(0xA0, features: 2)
    #expect(bench.read(0x177) == 0x51 && bench.read(0x171) == 0x04)
  }

  @Test func byteCountLimits() {
    // Whole buffers of 31 blocks at most; a limit splits them.
    var outcome = bench.run(CDROMBench.read10(3, 40))
    #expect(outcome.data == CDROMBench.blocks(3..<43) && outcome.blocks == [31 * 2048, 9 * 2048])
    outcome = bench.run(CDROMBench.read10(3, 3), limit: 2048)
    #expect(outcome.data == CDROMBench.blocks(3..<6) && outcome.blocks == [2048, 2048, 2048])
    outcome = bench.run(CDROMBench.read10(3, 2), limit: 3000)
    #expect(outcome.data == CDROMBench.blocks(3..<5) && outcome.blocks == [3000, 1096])
    // FFFFh is FFFEh; an odd limit is rounded down unless everything fits.
    outcome = bench.run(CDROMBench.read10(3, 31), limit: 0xFFFF)
    #expect(outcome.blocks == [31 * 2048])
    outcome = bench.run(CDROMBench.read10(3, 1), limit: 1001)
    #expect(outcome.data == CDROMBench.blocks(3..<4) && outcome.blocks == [1000, 1000, 48])
    outcome = bench.run([0x12, 0, 0, 0, 7], limit: 7)
    #expect(outcome.data == [0x05, 0x80, 0x00, 0x21, 0x1F, 0, 0] && outcome.blocks == [7])
    outcome = bench.run([0x12, 0, 0, 0, 7], limit: 6)
    #expect(outcome.data.count == 7 && outcome.blocks == [6, 1])
    // A limit of 0 aborts what has data, and only that.
    for limit in [0, 1] {
      outcome = bench.run(CDROMBench.read10(3, 1), limit: limit)
      #expect(outcome.status == 0x51 && outcome.error & 0x04 != 0 && outcome.data.isEmpty)
      #expect(bench.sense() == [5, 0x24, 0])
    }
    #expect(bench.run([0x00], limit: 0).status == 0x50)
    #expect(bench.run([0x12], limit: 0).status == 0x50)
  }

  @Test func readDMA() {
    bench.send(CDROMBench.read10(7, 90), features: 1)
    #expect(bench.read(0x376) == 0x58 && bench.read(0x172) == 0x02 && !bench.lines[15])
    bench.startDMA([(0x10000, 1000), (0x20002, 0), (0x40000, 0), (0x60000, 90 * 2048 - 132_072)])
    #expect(bench.lines[15])
    #expect(bench.read(bench.busMaster + 2) & 7 == 4)
    #expect(bench.read(0x172) == 0x03 && bench.read(0x177) == 0x50)
    let got =
      bench.ram.bytes[0x10000..<0x103E8] + bench.ram.bytes[0x20002..<0x30002]
      + bench.ram.bytes[0x40000..<0x50000] + bench.ram.bytes[0x60000..<(0x60000 + 90 * 2048 - 132_072)]
    let same = got.elementsEqual(CDROMBench.blocks(7..<97))
    #expect(same)
  }

  @Test func tablesThatDoNotFit() {
    // Longer than the transfer: Interrupt and Active.
    bench.send(CDROMBench.read10(2, 1), features: 1)
    bench.startDMA([(0x8000, 4096)])
    #expect(bench.read(bench.busMaster + 2) & 7 == 5 && bench.read(0x177) == 0x50)
    bench.write(bench.busMaster, 0)
    #expect(bench.read(bench.busMaster + 2) & 1 == 0)
    // Shorter: neither, and the drive waits; a new table continues it.
    bench.send(CDROMBench.read10(40, 40), features: 1)
    bench.startDMA([(0x10000, 0)])
    #expect(bench.read(bench.busMaster + 2) & 7 == 0 && bench.read(0x376) == 0x58)
    bench.write(bench.busMaster, 0)
    bench.startDMA([(0x20000, 40 * 2048 - 65_536)])
    #expect(bench.read(bench.busMaster + 2) & 7 == 4 && bench.read(0x177) == 0x50)
    let same = bench.ram.bytes[0x10000..<(0x10000 + 40 * 2048)].elementsEqual(CDROMBench.blocks(40..<80))
    #expect(same)
    // Outside RAM and in the wrong direction: Error. DEVICE RESET frees the drive.
    for (region, toMemory): (UInt32, Bool) in [(0xFFFF_F000, true), (0x8000, false)] {
      bench.write(bench.busMaster, 0)
      bench.send(CDROMBench.read10(3, 2), features: 1)
      bench.startDMA([(region, 4096)], toMemory: toMemory)
      #expect(bench.read(bench.busMaster + 2) & 7 == 2)
      bench.command(0x08)
      #expect(bench.read(0x376) == 0)
    }
  }

  @Test func oddReplyByDMA() {
    // Seven bytes are four words.
    for i in 0x8000..<0x8010 { bench.ram.bytes[i] = 0xCC }
    bench.send([0x12, 0, 0, 0, 7], features: 1)
    bench.startDMA([(0x8000, 4), (0x8004, 4)])
    #expect(bench.read(bench.busMaster + 2) & 7 == 4 && bench.read(0x177) == 0x50)
    #expect(bench.ram.bytes[0x8000..<0x800A].elementsEqual([5, 0x80, 0, 0x21, 0x1F, 0, 0, 0, 0xCC, 0xCC]))
  }

  @Test func unreadableBlock() {
    let store = MemoryStore(sectors: 400)
    store.badSectors = [4 * 50 + 3]
    let bench = CDROMBench(ATAPICDROM(medium: store))
    // What precedes it arrives; sense: MEDIUM ERROR, UNRECOVERED READ ERROR, and where.
    let outcome = bench.run(CDROMBench.read10(48, 5))
    #expect(outcome.status == 0x51 && outcome.error >> 4 == 3)
    #expect(outcome.data == CDROMBench.blocks(48..<50))
    let sense = bench.run([0x03, 0, 0, 0, 18]).data
    #expect(sense[0] == 0xF0 && sense[2] == 3 && sense[12] == 0x11 && sense[13] == 0)
    #expect(Array(sense[3..<7]) == [0, 0, 0, 50])
    #expect(bench.ide.lastError == .io)
    #expect(bench.failure(CDROMBench.read10(50, 1)) == [3, 0x11, 0])
    #expect(bench.failure(CDROMBench.read10(51, 1)).isEmpty)
    bench.send(CDROMBench.read10(49, 5), features: 1)
    bench.startDMA([(0x8000, 5 * 2048)])
    #expect(bench.read(0x177) == 0x51 && bench.read(bench.busMaster + 2) & 7 == 5)
    #expect(bench.ram.bytes[0x8000..<0x8800].elementsEqual(CDROMBench.blocks(49..<50)))
    #expect(bench.ram.bytes[0x8800] == 0)
  }

  @Test func stateRoundTripInMidTransfer() throws {
    bench.send(CDROMBench.read10(7, 40), limit: 5000)
    for _ in 0..<100 { _ = bench.read(0x170, width: 2) }
    let state = savedState(bench.host)
    func rest(_ bench: CDROMBench) -> [UInt32] {
      var words: [UInt32] = []
      for _ in 0..<(20 * 1024) {
        words.append(bench.read(0x170, width: 2))
        bench.settle()
      }
      return words + [bench.read(0x172), bench.read(0x177), bench.read(0x170, width: 2)]
    }
    let other = CDROMBench(blocks: 400)
    try restoreState(other.host, state)
    #expect(savedState(other.host) == state)
    other.now = bench.now
    #expect(rest(other) == rest(bench))
    for cut in stride(from: 0, to: state.count, by: 11) {
      #expect(throws: StateError.self) { try restoreState(other.host, Array(state[0..<cut])) }
    }
    // Another disc is not the one that was saved; a disc that was taken out stays out.
    #expect(throws: StateError.self) { try restoreState(CDROMBench(blocks: 399).host, state) }
    bench.drive.eject()
    let empty = savedState(bench.host)
    let third = CDROMBench(blocks: 400)
    try restoreState(third.host, empty)
    #expect(third.drive.medium == nil && savedState(third.host) == empty)
    // A disk is not a drive.
    #expect(throws: StateError.self) {
      try restoreState(IDEBench(MemoryStore(sectors: 1600)).host, state)
    }
  }
}
