import ApusBase
import ApusDevices
import Testing

/// Random accesses to every port of an IDE function with disks and CD-ROM drives.
@Suite struct IDEFuzzTests {
  private static let opcodes: [UInt32] = [
    0x08, 0x20, 0x25, 0x29, 0x30, 0x35, 0x3D, 0x42, 0x90, 0x91, 0xA0, 0xA0, 0xA0, 0xA1, 0xB0, 0xC4, 0xC5,
    0xC6, 0xC8, 0xCA, 0xE0, 0xE4, 0xE8, 0xEC, 0xEF,
  ]
  private static let packets: [UInt8] = [
    0x00, 0x03, 0x12, 0x1A, 0x1B, 0x1E, 0x25, 0x28, 0x28, 0x2B, 0x42, 0x43, 0x44, 0x46, 0x4A, 0x51, 0x52,
    0x55,
    0x5A, 0xA0, 0xA8, 0xAD, 0xB9, 0xBB, 0xBD, 0xBE, 0xBE,
  ]

  /// A PC with two of each kind, one of them empty and one unreadable in places.
  private struct Rig {
    let ram = StorageRAM(size: 1 << 16)
    let lines = StorageLines()
    let disk = MemoryStore(sectors: 300)
    let disc = MemoryStore(sectors: 401)
    let drive: ATAPICDROM
    let ide: PIIXIDE
    var now: VirtualTime = 0
    var accesses = 0

    init(_ random: inout StorageRandom) {
      disk.badSectors = [77, 200]
      disc.badSectors = [42, 300]
      drive = ATAPICDROM(medium: disc)
      ide = PIIXIDE(
        devices: [
          ATADisk(store: disk), drive, ATAPICDROM(), ATADisk(store: MemoryStore(sectors: 17)),
        ], memory: ram, irqs: [Line(lines, 14), Line(lines, 15)])
      ide.initializeAsFirmware(at: 0)
      ide.configuration.write(4, 5, width: 2)
      // Tables and data: half of the pointers lie in RAM.
      for i in stride(from: 0, to: ram.bytes.count, by: 8) {
        let value = random.next()
        ram.store(i, value & 1 == 0 ? value & 0x8000_0FFE_0000_FFFE : value)
      }
    }

    var state: [UInt8] {
      var writer = StateWriter()
      ide.save(to: &writer)
      return writer.bytes
    }

    private mutating func readBus(_ offset: UInt64, _ width: Int) {
      accesses += 1
      _ = ide.readBAR(4, offset, width: width, at: now)
    }
    private mutating func writeBus(_ offset: UInt64, _ value: UInt32, _ width: Int) {
      accesses += 1
      ide.writeBAR(4, offset, UInt64(value), width: width, at: now)
    }
    private mutating func read(_ port: UInt16, _ width: Int) {
      accesses += 1
      _ = ide.readPort(port, width: width, at: now)
    }
    private mutating func write(_ port: UInt16, _ value: UInt32, _ width: Int = 1) {
      accesses += 1
      ide.writePort(port, value, width: width, at: now)
    }

    /// One access, or a few that make one command likely.
    mutating func step(_ random: inout StorageRandom) {
      now += VirtualTime(random.below(8000))
      let value = UInt32(truncatingIfNeeded: random.next())
      let width = random.pick([1, 2, 4])
      let base: UInt16 = random.below(2) == 0 ? 0x1F0 : 0x170
      switch random.below(15) {
      case 0: write(base + 7, random.below(8) == 0 ? value & 0xFF : random.pick(IDEFuzzTests.opcodes))
      case 1: write(base + 1 + UInt16(random.below(6)), value & (random.below(3) == 0 ? 0xFF : 0x07))
      case 2: write(base + 6, 0xE0 | value & 0x10)
      case 3: read(base + UInt16(random.below(8)), width)
      case 4: write(base + UInt16(random.below(8)), value, width)
      case 5: writeBus(UInt64(random.below(18)), value, width)
      case 6: readBus(UInt64(random.below(18)), width)
      case 7: writeBus(base == 0x1F0 ? 4 : 12, value & 0xFFFC, 4)
      case 8: writeBus(base == 0x1F0 ? 0 : 8, value & 9, 1)
      case 9: for _ in 0..<random.below(20) { read(base, 2) }
      case 10: for _ in 0..<random.below(20) { write(base, value, 2) }
      case 11: packet(base, value, &random)
      case 12:
        write(base + 0x206, random.below(10) == 0 ? value & 0xFF : 0)
        if random.below(50) == 0 { media(value) }
      case 13: smart(base, value)
      default: ide.run(at: now)
      }
    }

    private mutating func smart(_ base: UInt16, _ value: UInt32) {
      write(base + 6, base == 0x1F0 ? 0xA0 : 0xB0)
      write(base + 1, 0xD0 | value & 0x0F)
      write(base + 2, value >> 4 & 1)
      write(base + 3, value >> 5 & 0x87)
      write(base + 4, 0x4F)
      write(base + 5, 0xC2)
      write(base + 7, 0xB0)
      now += 20_000
    }

    private mutating func packet(_ base: UInt16, _ value: UInt32, _ random: inout StorageRandom) {
      write(base + 6, base == 0x1F0 ? 0xB0 : 0xA0)
      write(base + 1, value & 1)
      if random.below(4) == 0 { write(base + 5, 0x08) }
      write(base + 7, 0xA0)
      now += 20_000
      ide.run(at: now)
      var bytes = [UInt8](repeating: 0, count: 12)
      bytes[0] = random.below(10) == 0 ? UInt8(value & 0xFF) : random.pick(IDEFuzzTests.packets)
      for i in 1..<12 where random.below(3) == 0 {
        bytes[i] = UInt8(truncatingIfNeeded: random.next()) & (random.below(2) == 0 ? 0x1F : 0xFF)
      }
      shape(&bytes, value)
      for i in 0..<6 { write(base, UInt32(bytes[2 * i]) | UInt32(bytes[2 * i + 1]) << 8, 2) }
    }

    /// Makes packets with many constraints pass more often.
    private func shape(_ bytes: inout [UInt8], _ value: UInt32) {
      guard value.bit(9) else { return }
      switch bytes[0] {
      case 0x55: bytes.replaceSubrange(1..<9, with: [0x10, 0, 0, 0, 0, 0, 0, UInt8(8 + value >> 16 & 31)])
      case 0xB9: bytes.replaceSubrange(3..<9, with: [0, 2, UInt8(value >> 16 & 63), 0, 2, 64])
      case 0xBE:
        bytes.replaceSubrange(2..<9, with: [0, 0, 0, UInt8(value >> 16 & 127), 0, 0, UInt8(value >> 24 & 7)])
      default: return
      }
      if bytes[0] >= 0xB9 {
        bytes[1] = 0
        bytes[9] = value.bit(10) ? 0xF8 : 0x10
        bytes[10] = 0
      }
    }

    private func media(_ value: UInt32) {
      switch value >> 8 & 3 {
      case 0: drive.eject(forced: value & 0x10 != 0)
      default: drive.insert(disc, forced: value & 0x10 != 0)
      }
    }
  }

  /// A million accesses: no trap, nothing that grows, and devices that a reset brings back.
  @Test func aMillionAccesses() {
    var random = StorageRandom(seed: 11)
    var rig = Rig(&random)
    var largest = 0
    var steps = 0
    while rig.accesses < 1_000_000 {
      rig.step(&random)
      steps += 1
      if steps % 5000 == 0 { largest = max(largest, rig.state.count) }
    }
    // Two buffers of each kind, and change.
    #expect(largest < 2 * (65_536 + 63_504) + 4096)
    #expect(rig.disk.bytes.count == 300 * 512 && rig.ram.bytes.count == 1 << 16)
    #expect(rig.lines.edges[14] ?? 0 > 100 && rig.lines.edges[15] ?? 0 > 100)
    for base: UInt16 in [0x1F0, 0x170] {
      rig.ide.writePort(base + 0x206, 4, width: 1, at: rig.now)
      rig.ide.writePort(base + 0x206, 0, width: 1, at: rig.now)
      rig.now += 1_000_000
      rig.ide.run(at: rig.now)
      for device: UInt32 in [0xA0, 0xB0] {
        rig.ide.writePort(base + 6, device, width: 1, at: rig.now)
        let isPacket = (base == 0x1F0) == (device == 0xB0)
        #expect(rig.ide.readPort(base + 7, width: 1, at: rig.now) == (isPacket ? 0x00 : 0x50))
        #expect(rig.ide.readPort(base + 4, width: 2, at: rig.now) == (isPacket ? 0xEB14 : 0x0000))
      }
    }
  }

  @Test func sameSeedSameState() {
    func run(_ seed: UInt64) -> (state: [UInt8], ram: [UInt8], disk: [UInt8]) {
      var random = StorageRandom(seed: seed)
      var rig = Rig(&random)
      for _ in 0..<20_000 { rig.step(&random) }
      return (rig.state, rig.ram.bytes, rig.disk.bytes)
    }
    let first = run(5)
    let second = run(5)
    let same = first.state == second.state && first.ram == second.ram && first.disk == second.disk
    #expect(same)
    #expect(run(6).state != first.state)
  }

  /// A machine that was saved and restored at any moment goes on as the other does.
  @Test func restoredMachinesGoOn() throws {
    for seed: UInt64 in 20..<45 {
      var random = StorageRandom(seed: seed)
      var rig = Rig(&random)
      for _ in 0..<(500 + Int(seed) * 7) { rig.step(&random) }
      var unused = StorageRandom(seed: 0)
      var other = Rig(&unused)
      other.ram.bytes = rig.ram.bytes
      other.disk.bytes = rig.disk.bytes
      other.now = rig.now
      if rig.drive.medium == nil { other.drive.eject() }
      var reader = StateReader(rig.state)
      try other.ide.restore(from: &reader)
      #expect(other.state == rig.state)
      var copy = random
      for _ in 0..<300 {
        rig.step(&random)
        other.step(&copy)
      }
      let same = other.state == rig.state && other.ram.bytes == rig.ram.bytes
      #expect(same, "seed \(seed)")
    }
  }

  /// Saved state with wrong bytes is refused or harmless.
  @Test func spoiledState() {
    var random = StorageRandom(seed: 77)
    var rig = Rig(&random)
    var accepted = 0
    for round in 0..<1500 {
      for _ in 0..<30 { rig.step(&random) }
      let good = rig.state
      var bytes = good
      for _ in 0..<(1 + round % 3) {
        bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
      }
      var reader = StateReader(bytes)
      if (try? rig.ide.restore(from: &reader)) != nil {
        accepted += 1
      } else {
        reader = StateReader(good)
        #expect(throws: Never.self) { try rig.ide.restore(from: &reader) }
      }
      if rig.drive.medium == nil { rig.drive.insert(rig.disc, forced: true) }
    }
    #expect(accepted > 0 && accepted < 1500)
  }
}
