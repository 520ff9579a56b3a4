import ApusMachine
import Testing

@Suite struct MemoryMapTests {
  @Test(
    arguments: [
      2 << 20, 16 << 20, 256 << 20, 3 << 30, (3 << 30) + 4096, 4 << 30, 64 << 30,
    ] as [UInt64])
  func regionsAscendAndCoverTheRAM(ramSize: UInt64) throws {
    let map = try MemoryMap(ramSize: ramSize)
    var end: UInt64 = 0
    for region in map.regions {
      #expect(region.start >= end && region.size > 0)
      end = region.end
    }
    // All RAM but the 256 KiB of video memory and option ROM space (A0000h to DFFFFh) is named.
    #expect(map.regions.reduce(0) { $0 + $1.size } == ramSize - 0x4_0000)
    #expect(map.lowRAMSize + map.highRAMSize == ramSize)
    #expect(map.lowRAMSize <= 0xC000_0000)
  }

  @Test func listsA256MiBMachineAsAPCDoes() throws {
    let map = try MemoryMap(ramSize: 256 << 20)
    let expected: [(UInt64, UInt64, UInt32)] = [
      (0, 0x9FC00, 1), (0x9FC00, 0x400, 2), (0xE0000, 0x20000, 2), (0x100000, 0xFEE_0000, 1),
      (0xFFE_0000, 0x2_0000, 4),
    ]
    #expect(map.regions.map(\.start) == expected.map(\.0))
    #expect(map.regions.map(\.size) == expected.map(\.1))
    #expect(map.regions.map(\.kind.rawValue) == expected.map(\.2))
    #expect(map.acpiTables == 0xFFE_0000..<0x1000_0000)
  }

  @Test func continuesAbove4GiB() throws {
    let map = try MemoryMap(ramSize: 4 << 30, reserved: [0xE000_0000..<0xF000_0000])
    #expect(map.regions.last == MemoryMap.Region(0x1_0000_0000..<0x1_4000_0000, .ram))
    #expect(map.regions.contains(MemoryMap.Region(0xE000_0000..<0xF000_0000, .reserved)))
    #expect(map.isUsable(0x1_0000_0000, 0x4000_0000))
    #expect(!map.isUsable(0x1_0000_0000, 0x4000_0001))
    #expect(!map.isUsable(0xC000_0000, 1))
    #expect(!map.isUsable(.max, 2))
  }

  @Test(arguments: [0, 4096, 0x1F_F000, 0x20_0001, (64 << 30) + 4096, .max] as [UInt64])
  func refusesOtherSizes(ramSize: UInt64) {
    #expect(throws: BootError.self) { try MemoryMap(ramSize: ramSize) }
  }
}
