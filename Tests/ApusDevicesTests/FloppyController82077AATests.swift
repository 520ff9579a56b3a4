import ApusBase
import ApusDevices
import Testing

private let ms: UInt64 = 1_000_000

/// Results are written as ST0, ST1, ST2, C, H, R, N.
@Suite struct FloppyController82077AATests {
  // MARK: Registers and commands without data

  @Test func resetInterruptsAndPolls() {
    let bench = FloppyBench()
    #expect(bench.inp(0x3F4) == 0)
    bench.out(0x3F2, 0x0C)
    #expect(bench.inp(0x3F4) == 0)
    bench.wait()
    #expect(bench.inp(0x3F4) == 0x80)
    #expect(bench.inp(0x3F0) & 0x80 == 0x80)
    for drive in UInt8(0)..<4 {
      #expect(bench.senseInterrupt() == [0xC0 | drive, 0])
      #expect(!bench.interrupts)
    }
    #expect(bench.senseInterrupt() == [0x80])
    // The same by DSR; DMAGATE# holds the line back.
    bench.out(0x3F2, 0x04)
    bench.out(0x3F4, 0x80)
    bench.pass(ms)
    #expect(!bench.interrupts)
    bench.out(0x3F2, 0x0C)
    #expect(bench.interrupts)
    bench.out(0x3F2, 0x00)
    #expect(!bench.interrupts)
    bench.pass(ms)
    #expect(bench.inp(0x3F4) == 0)
  }

  @Test func identification() {
    let bench = FloppyBench()
    bench.start(rate: 0)
    bench.send([0x10])
    #expect(bench.result() == [0x90])
    for invalid: UInt8 in [0x00, 0x18, 0x11, 0x19, 0x1D, 0x25, 0x22, 0x48, 0x1F, 0xFF] {
      bench.send([invalid])
      #expect(bench.result() == [0x80], "\(invalid)")
    }
    #expect(!bench.interrupts)
    #expect(bench.inp(0x3F4) == 0x80)
  }

  @Test func dumpRegistersAndLock() {
    let bench = FloppyBench()
    bench.start(rate: 0)
    func dump() -> [UInt8] {
      bench.send([0x0E])
      return bench.result()
    }
    #expect(dump() == [0, 0, 0, 0, 0xDF, 0x02, 0, 0, 0x20, 0])
    bench.send([0x13, 0, 0x5A, 0x21])
    bench.send([0x12, 0x87 | 0x04])
    bench.send([0x94])
    #expect(bench.result() == [0x10])
    #expect(dump() == [0, 0, 0, 0, 0xDF, 0x02, 0, 0x87, 0x5A, 0x21])
    // D3–D0 without OW stay.
    bench.send([0x12, 0x38])
    #expect(dump()[7] == 0x84)
    bench.send([0x12, 0x03])
    // LOCK keeps EFIFO, FIFOTHR and PRETRK through a software reset, EIS, POLL, GAP and WGATE go.
    bench.out(0x3F4, 0x80)
    bench.wait()
    #expect(dump() == [0, 0, 0, 0, 0xDF, 0x02, 0, 0x84, 0x0A, 0x21])
    bench.send([0x14])
    #expect(bench.result() == [0])
    bench.out(0x3F4, 0x80)
    bench.wait()
    #expect(dump() == [0, 0, 0, 0, 0xDF, 0x02, 0, 0x04, 0x20, 0])
  }

  @Test func powerDownEndsWithAReset() {
    let bench = FloppyBench()
    bench.start(rate: 0)
    bench.seek(5)
    bench.out(0x3F4, 0x40)
    #expect(bench.inp(0x3F4) == 0)
    bench.out(0x3F5, 0x10)
    #expect(bench.inp(0x3F5) == 0)
    bench.out(0x3F4, 0x80)
    bench.wait()
    #expect(bench.senseInterrupt() == [0xC0, 0])
  }

  @Test func digitalRegisters() throws {
    let bench = FloppyBench(.m1_44, .m1_2)
    bench.start(rate: 0)
    #expect(bench.inp(0x3F2) == 0x1C)
    bench.out(0x3F3, 0xFE)
    #expect(bench.inp(0x3F3) & 3 == 2)
    #expect(bench.inp(0x3F1) == 0xC1)
    bench.out(0x3F2, 0x2D)
    #expect(bench.inp(0x3F1) == 0xE2)
    #expect(bench.inp(0x3F0) & 0x58 == 0)
    #expect(FloppyBench().inp(0x3F0) & 0x40 == 0x40)
    // A word read at 3F4h gives MSR and the FIFO.
    #expect(bench.fdc.readPort(0x3F4, width: 2, at: bench.now) == 0x80)
    #expect(!FloppyController82077AA.portRanges.contains { $0.contains(0x3F6) })
  }

  // MARK: Seeks

  @Test func seekTakesStepTimes() {
    let bench = FloppyBench()
    bench.start(rate: 0)
    bench.send([0x0F, 0x00, 10])
    #expect(bench.inp(0x3F4) == 0x81)
    let began = bench.now
    bench.wait()
    #expect((30 * ms...31 * ms).contains(bench.now - began))
    #expect(bench.senseInterrupt() == [0x20, 10])
    #expect(bench.inp(0x3F4) == 0x80)
    // SRT of 8 at 250 kb/s is 16 ms.
    bench.out(0x3F7, 2)
    bench.send([0x03, 0x8F, 0x02])
    bench.send([0x0F, 0x00, 15])
    let second = bench.now
    bench.wait()
    #expect((80 * ms...81 * ms).contains(bench.now - second))
    #expect(bench.senseInterrupt() == [0x20, 15])
  }

  @Test func recalibrateAndST3() {
    let bench = FloppyBench(.m1_44, .none)
    bench.start(rate: 0)
    bench.seek(83)
    bench.send([0x04, 0x04])
    #expect(bench.result() == [0x2C])
    // 79 pulses do not reach track 0 from 83.
    bench.send([0x07, 0])
    bench.wait()
    #expect(bench.senseInterrupt() == [0x70, 0])
    bench.send([0x07, 0])
    bench.wait()
    #expect(bench.senseInterrupt() == [0x20, 0])
    bench.send([0x04, 0x00])
    #expect(bench.result() == [0x38])
    #expect(bench.inp(0x3F0) & 0x10 == 0)
    // No drive B: TRK0 never comes.
    bench.out(0x3F2, 0x2D)
    let began = bench.now
    bench.send([0x07, 1])
    bench.wait()
    #expect(bench.now - began > 79 * 3 * ms)
    #expect(bench.senseInterrupt() == [0x71, 0])
    // The motor line is part of the selection.
    bench.out(0x3F2, 0x0C)
    bench.send([0x07, 0])
    bench.wait()
    #expect(bench.senseInterrupt() == [0x70, 0])
  }

  @Test func relativeSeekMovesPCN() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    bench.seek(10)
    bench.send([0xCF, 0, 5])
    bench.wait()
    #expect(bench.senseInterrupt() == [0x20, 15])
    bench.send([0x8F, 0, 3])
    bench.wait()
    #expect(bench.senseInterrupt() == [0x20, 12])
    #expect(bench.command([0x4A, 0])[3] == 12)
    bench.send([0x8F, 0, 20])
    bench.wait()
    #expect(bench.senseInterrupt() == [0x20, 248])
    #expect(bench.command([0x4A, 0])[3] == 0)
  }

  @Test func twoSeeksAtOnceInterruptTwice() {
    let bench = FloppyBench(.m1_44, .m1_44)
    bench.start(rate: 0)
    bench.send([0x0F, 0, 2])
    bench.out(0x3F2, 0x3D)
    bench.send([0x0F, 1, 2])
    #expect(bench.inp(0x3F4) == 0x83)
    bench.pass(10 * ms)
    let rises = bench.lines.rises(6).count
    #expect(bench.senseInterrupt() == [0x20, 2])
    #expect(bench.interrupts)
    #expect(bench.lines.rises(6).count > rises)
    #expect(bench.senseInterrupt() == [0x21, 2])
    #expect(!bench.interrupts)
  }

  @Test func diskChangeLine() throws {
    let bench = FloppyBench(.m1_44, .m1_2)
    bench.start(rate: 0)
    #expect(bench.inp(0x3F7) & 0x80 == 0x80)
    bench.seek(1)
    #expect(bench.inp(0x3F7) & 0x80 == 0x80)  // no disk
    try bench.fdc.insert(MemoryStore(sectors: 2880), drive: 0, at: bench.now)
    bench.seek(1)  // no step
    #expect(bench.inp(0x3F7) & 0x80 == 0x80)
    bench.seek(0)
    #expect(bench.inp(0x3F7) & 0x80 == 0)
    #expect(bench.fdc.eject(drive: 0, at: bench.now) != nil)
    #expect(bench.inp(0x3F7) & 0x80 == 0x80)
    bench.out(0x3F2, 0x0C)
    #expect(bench.inp(0x3F7) & 0x80 == 0)  // not selected
  }

  // MARK: Media

  @Test(arguments: [
    (320, 40, 1, 8), (360, 40, 1, 9), (640, 40, 2, 8), (720, 40, 2, 9), (1440, 80, 2, 9), (2400, 80, 2, 15),
    (2880, 80, 2, 18), (3360, 80, 2, 21), (3444, 82, 2, 21), (5760, 80, 2, 36),
  ]) func formats(sectors: Int, cylinders: Int, heads: Int, perTrack: Int) throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: sectors))
    let geometry = try #require(bench.fdc.geometry(drive: 0))
    #expect(geometry.cylinders == cylinders && geometry.heads == heads)
    #expect(geometry.sectorsPerTrack == perTrack)
    // The last sector of the disk.
    let (C, H, R) = (UInt8(cylinders - 1), UInt8(heads - 1), UInt8(perTrack))
    bench.seek(C)
    bench.program(bytes: 512, toMemory: true)
    let began = bench.now
    #expect(bench.command([0x46, H << 2, C, H, R, 2, R, 0x1B, 0xFF]) == [H << 2, 0, 0, C + 1, H, 1, 2])
    #expect(Array(bench.memory.prefix(512)) == floppyPattern(sectors - 1))
    let revolution: UInt64 = sectors == 2400 ? 166_666_667 : 200_000_000
    #expect(bench.now - began < revolution / UInt64(perTrack) + 5 * ms)
    // One sector beyond it.
    #expect(bench.command([0x46, H << 2, C, H, R + 1, 2, R + 1, 0x1B, 0xFF])[1] == 0x04)
    // The other rates find no address mark.
    for rate in UInt32(0)..<4 {
      bench.out(0x3F7, rate)
      let found = bench.command([0x4A, H << 2])[1] == 0
      #expect(found == (rate == ([8: 2, 9: 2, 36: 3][perTrack] ?? 0)))
    }
  }

  @Test func otherSizesAreRefused() {
    let bench = FloppyBench(.m1_44, .k360)
    for sectors in [0, 1, 2879, 2881, 1 << 20] {
      let store = MemoryStore(sectors: 0, claimed: UInt64(sectors))
      #expect(throws: FloppyError.unsupportedSize(sectors: UInt64(sectors))) {
        try bench.fdc.insert(store, drive: 0, at: 0)
      }
    }
    let message = FloppyError.unsupportedSize(sectors: 7).message
    for size in [
      "160K", "180K", "320K", "360K", "720K", "1.2M", "1.44M", "1.68M", "1.72M", "2.88M", "1474560",
    ] {
      #expect(message.contains(size))
    }
    let disk = MemoryStore(sectors: 2880)
    #expect(throws: FloppyError.wrongDrive) { try bench.fdc.insert(disk, drive: 1, at: 0) }
    #expect(throws: FloppyError.noDrive) { try bench.fdc.insert(disk, drive: 2, at: 0) }
    #expect(bench.fdc.geometry(drive: 0) == nil)
  }

  @Test func wideTracksInA12MDrive() throws {
    let bench = FloppyBench(.m1_2)
    try bench.fdc.insert(MemoryStore(sectors: 720), drive: 0, at: 0)
    bench.start(rate: 1)
    bench.seek(10)
    #expect(bench.command([0x4A, 0])[3] == 5)
    bench.seek(11)
    #expect(bench.command([0x4A, 0])[1] == 1)
  }

  // MARK: Reading

  @Test func readsATrackInOneRevolution() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    bench.seek(3)
    bench.program(bytes: 18 * 512, toMemory: true)
    let began = bench.now
    bench.send([0x66, 0x04, 3, 1, 1, 2, 18, 0x1B, 0xFF])
    #expect(bench.inp(0x3F4) == 0x10)
    bench.wait()
    #expect((200 * ms...204 * ms).contains(bench.now - began))
    #expect(bench.inp(0x3F4) == 0xD0)
    #expect(bench.result() == [0x04, 0, 0, 4, 1, 1, 2])
    #expect(!bench.interrupts)
    #expect(Array(bench.memory.prefix(18 * 512)) == floppyPattern((3 * 2 + 1) * 18, count: 18))
    // The same sector comes again a revolution later, another at once.
    for (R, range) in [(UInt8(5), 9 * ms...15 * ms), (5, 195 * ms...201 * ms), (6, 9 * ms...15 * ms)] {
      bench.program(bytes: 512, toMemory: true)
      let start = bench.now
      _ = bench.command([0x46, 0x04, 3, 1, R, 2, R, 0x1B, 0xFF])
      #expect(range.contains(bench.now - start))
    }
  }

  @Test func multiTrackGoesOnUnderHead1() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    bench.program(bytes: 4 * 512, toMemory: true)
    #expect(bench.command([0xC6, 0, 0, 0, 17, 2, 18, 0x1B, 0xFF]) == [0x04, 0, 0, 0, 1, 3, 2])
    #expect(Array(bench.memory.prefix(4 * 512)) == floppyPattern(16, count: 4))
  }

  /// "Result Phase Table", with TC after one sector.
  @Test(
    arguments: [
      (0x46, 0x00, 8, [0, 0, 9]), (0x46, 0x00, 9, [1, 0, 1]), (0x46, 0x04, 8, [0, 1, 9]),
      (0x46, 0x04, 9, [1, 1, 1]), (0xC6, 0x00, 8, [0, 0, 9]), (0xC6, 0x00, 9, [0, 1, 1]),
      (0xC6, 0x04, 8, [0, 1, 9]), (0xC6, 0x04, 9, [1, 0, 1]),
    ] as [(UInt8, UInt8, UInt8, [UInt8])]) func resultID(code: UInt8, head: UInt8, R: UInt8, ID: [UInt8])
    throws
  {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 1440))
    bench.program(bytes: 512, toMemory: true)
    let result = bench.command([code, head, 0, head >> 2, R, 2, 9, 0x1B, 0xFF])
    #expect(result == [head, 0, 0] + ID + [2])
  }

  @Test func endsWithoutTerminalCount() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    bench.program(bytes: 4096, toMemory: true)
    #expect(bench.command([0x46, 0, 0, 0, 17, 2, 18, 0x1B, 0xFF]) == [0x40, 0x80, 0, 1, 0, 1, 2])
    // TC in the middle of a sector.
    bench.ram.bytes[0x1000 + 100] = 0x77
    bench.program(bytes: 100, toMemory: true)
    #expect(bench.command([0x46, 0, 0, 0, 2, 2, 18, 0x1B, 0xFF]) == [0, 0, 0, 0, 0, 3, 2])
    #expect(Array(bench.memory.prefix(101)) == floppyPattern(1).prefix(100) + [0x77])
    // Nobody serves DRQ.
    #expect(bench.command([0x46, 0, 0, 0, 2, 2, 18, 0x1B, 0xFF]) == [0x40, 0x10, 0, 0, 0, 2, 2])
    bench.program(bytes: 512, toMemory: false)
    #expect(bench.command([0x46, 0, 0, 0, 3, 2, 18, 0x1B, 0xFF])[1] == 0x10)
  }

  @Test func verifyingDMAReadsNothing() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    bench.program(bytes: 512, toMemory: true, verify: true)
    #expect(bench.command([0x46, 0, 0, 0, 2, 2, 18, 0x1B, 0xFF])[0] == 0)
    #expect(bench.memory.prefix(512).allSatisfy { $0 == 0 })
  }

  @Test func addressErrors() throws {
    let store = MemoryStore(sectors: 2880)
    store.badSectors = [5]
    let bench = try FloppyBench(disk: store)
    func read(_ C: UInt8, _ H: UInt8, _ R: UInt8, _ N: UInt8, head: UInt8 = 0, code: UInt8 = 0x46) -> [UInt8]
    {
      bench.program(bytes: 512, toMemory: true)
      return bench.command([code, head << 2, C, H, R, N, 18, 0x1B, 0xFF])
    }
    let began = bench.now
    #expect(read(0, 0, 19, 2) == [0x40, 0x04, 0, 0, 0, 19, 2])
    #expect((200 * ms...405 * ms).contains(bench.now - began))
    #expect(read(0, 0, 0, 2)[1] == 0x04)
    #expect(read(0, 0, 1, 3)[1] == 0x04)
    #expect(read(0, 1, 1, 2)[1] == 0x04)
    #expect(read(1, 0, 1, 2) == [0x40, 0x04, 0x10, 1, 0, 1, 2])
    #expect(read(0, 0, 1, 2, code: 0x06)[1] == 0x01)  // FM
    #expect(read(0, 0, 6, 2) == [0x40, 0x20, 0x20, 0, 0, 6, 2])
    #expect(bench.fdc.lastError == .io)
    bench.seek(81)
    #expect(read(81, 0, 1, 2)[1] == 0x01)
    // Without a motor and without a disk.
    bench.out(0x3F2, 0x0C)
    #expect(read(0, 0, 1, 2)[1] == 0x01)
    bench.out(0x3F2, 0x1C)
    bench.fdc.eject(drive: 0, at: bench.now)
    #expect(read(0, 0, 1, 2) == [0x40, 0x01, 0, 0, 0, 1, 2])
    // A side that is not there.
    let single = try FloppyBench(disk: MemoryStore(sectors: 360))
    #expect(single.command([0x4A, 0x04]) == [0x44, 0x01, 0, 0, 0, 0, 0])
  }

  @Test func impliedSeek() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    bench.send([0x13, 0, 0x40, 0])
    bench.program(bytes: 512, toMemory: true)
    let began = bench.now
    #expect(bench.command([0x46, 0, 40, 0, 1, 2, 18, 0x1B, 0xFF]) == [0, 0, 0, 40, 0, 2, 2])
    #expect(bench.now - began > 120 * ms)
    #expect(Array(bench.memory.prefix(512)) == floppyPattern(40 * 36))
    bench.send([0x0E])
    #expect(bench.result()[0] == 40)
  }

  @Test func headLoadIsPaidOnce() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    bench.send([0x03, 0xD1, 0xC8])  // HUT 16 ms, HLT 200 ms
    func time(_ R: UInt8) -> UInt64 {
      bench.program(bytes: 512, toMemory: true)
      let began = bench.now
      _ = bench.command([0x46, 0, 0, 0, R, 2, 18, 0x1B, 0xFF])
      return bench.now - began
    }
    #expect((211 * ms...212 * ms).contains(time(1)))
    #expect((11 * ms...12 * ms).contains(time(2)))
    bench.pass(17 * ms)
    #expect((211 * ms...212 * ms).contains(time(3)))
  }

  @Test func readIDFollowsTheRotation() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    var (last, times): (UInt8, [VirtualTime]) = (0, [])
    for i in 0..<40 {
      let result = bench.command([0x4A, 0x04])
      #expect(Array(result[0...4]) == [0x04, 0, 0, 0, 1] && result[6] == 2)
      if i > 0 { #expect(result[5] == last % 18 + 1) }
      last = result[5]
      if last == 7 { times.append(bench.now) }
    }
    #expect(times.count >= 2)
    for i in 1..<times.count { #expect(abs(Int(times[i] - times[i - 1]) - 200_000_000) < 100) }
  }

  @Test func readTrackIgnoresIDs() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 1440))
    bench.program(bytes: 9 * 512, toMemory: true)
    #expect(bench.command([0x42, 0, 0, 0, 1, 2, 9, 0x1B, 0xFF]) == [0, 0, 0, 1, 0, 1, 2])
    #expect(Array(bench.memory.prefix(9 * 512)) == floppyPattern(0, count: 9))
    bench.program(bytes: 3 * 512, toMemory: true)
    let result = bench.command([0x42, 0, 0, 0, 5, 2, 3, 0x1B, 0xFF])
    #expect(result[0] == 0x40 && result[1] == 0x04)
    #expect(Array(bench.memory.prefix(3 * 512)) == floppyPattern(0, count: 3))
  }

  /// "Verify Command Result Phase Table".
  @Test func verify() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 1440))
    #expect(bench.command([0x56, 0, 0, 0, 1, 2, 9, 0x1B, 0xFF]) == [0, 0, 0, 1, 0, 1, 2])
    #expect(bench.command([0x56, 0x80, 0, 0, 1, 2, 9, 0x1B, 4]) == [0, 0, 0, 0, 0, 5, 2])
    #expect(bench.command([0xD6, 0x80, 0, 0, 8, 2, 9, 0x1B, 4]) == [0x04, 0, 0, 0, 1, 3, 2])
    #expect(bench.command([0x56, 0x80, 0, 0, 8, 2, 9, 0x1B, 4])[0] == 0x40)
    #expect(bench.command([0x56, 0, 0, 0, 1, 2, 10, 0x1B, 0xFF])[1] == 0x04)
  }
}
