import ApusBase
import ApusDevices
import Testing

/// Commands of a disk beyond reading and writing: ATA/ATAPI-7 volume 1.
@Suite struct ATADiskTests {
  let store = MemoryStore(sectors: 4096)
  let bench: IDEBench

  init() { bench = IDEBench(store) }

  private func smart(_ subcommand: UInt32, log: UInt32 = 0, count: UInt32 = 0) -> UInt32 {
    bench.command(0xB0, lba: 0xC2_4F00 | log, count: count, features: subcommand)
    return bench.read(0x1F7)
  }

  private func isAborted(_ status: UInt32) -> Bool { status == 0x51 && bench.read(0x1F1) == 0x04 }

  private func isChecksummed(_ sector: [UInt8]) -> Bool { sector.reduce(0, &+) == 0 }

  @Test func smartData() {
    #expect(smart(0xD0) == 0x58)
    var data = bench.readSector()
    #expect(isChecksummed(data) && Array(data[0..<2]) == [0x10, 0])
    // Capability, error logging, off-line data collection never started.
    #expect(Array(data[367..<371]) == [0x11, 0x03, 0x00, 0x01] && data[362] == 0)
    #expect(smart(0xD4) == 0x50)
    #expect(smart(0xD0) == 0x58)
    data = bench.readSector()
    #expect(isChecksummed(data) && data[362] == 2)
    #expect(smart(0xD1) == 0x58)
    data = bench.readSector()
    #expect(isChecksummed(data) && Array(data[0..<2]) == [0x10, 0])
  }

  @Test func smartEnabling() {
    for (subcommand, count): (UInt32, UInt32) in [
      (0xD2, 0), (0xD2, 0xF1), (0xD3, 0), (0xDB, 0), (0xDB, 0xF8),
    ] {
      #expect(smart(subcommand, count: count) == 0x50)
    }
    #expect(isAborted(smart(0xD2, count: 5)))
    #expect(isAborted(smart(0xD7)))
    // RETURN STATUS: C24Fh is "threshold not exceeded".
    #expect(smart(0xDA) == 0x50 && bench.read(0x1F4) == 0x4F && bench.read(0x1F5) == 0xC2)
    #expect(smart(0xD9) == 0x50)
    bench.command(0xEC)
    #expect(bench.readWords(256)[85] & 1 == 0)
    for subcommand: UInt32 in [0xD0, 0xD1, 0xD2, 0xD4, 0xD5, 0xD9, 0xDA] {
      #expect(isAborted(smart(subcommand)))
    }
    #expect(smart(0xD8) == 0x50)
    bench.command(0xEC)
    let words = bench.readWords(256)
    #expect(words[82] & 1 == 1 && words[85] & 1 == 1)
    // Self-test and error logging.
    #expect(words[84] & 3 == 3 && words[87] & 3 == 3)
  }

  @Test func smartLogs() {
    #expect(smart(0xD5, log: 0, count: 1) == 0x58)
    let directory = bench.readSector()
    #expect(directory.indices.filter { directory[$0] != 0 } == [0, 2, 12])
    #expect(smart(0xD5, log: 1, count: 1) == 0x58)
    let errors = bench.readSector()
    #expect(isChecksummed(errors) && errors[0] == 1 && errors[1] == 0)
    #expect(smart(0xD5, log: 6, count: 1) == 0x58)
    var tests = bench.readSector()
    #expect(isChecksummed(tests) && tests[0] == 1 && tests[508] == 0)
    #expect(smart(0xD4, log: 0x02) == 0x50)
    #expect(smart(0xD5, log: 6, count: 1) == 0x58)
    tests = bench.readSector()
    // Newest is descriptor 1: extended self-test, completed without error.
    #expect(isChecksummed(tests) && tests[508] == 1 && tests[2] == 2 && tests[3] == 0)
    // A captive test reports by LBA Mid and High.
    #expect(smart(0xD4, log: 0x81) == 0x50 && bench.read(0x1F4) == 0x4F && bench.read(0x1F5) == 0xC2)
    #expect(isAborted(smart(0xD4, log: 0x55)))
    #expect(smart(0xD5, log: 2, count: 1) == 0x51 && bench.read(0x1F1) == 0x14)
    #expect(isAborted(smart(0xD5, log: 1, count: 0)))
    #expect(isAborted(smart(0xD6, log: 1, count: 1)))
    let other = IDEBench(MemoryStore(sectors: 4096))
    let state = savedState(bench.host)
    #expect(throws: Never.self) { try restoreState(other.host, state) }
    #expect(savedState(other.host) == state)
  }

  /// SET MAX ADDRESS(_EXT), SECURITY, DOWNLOAD MICROCODE, DEVICE CONFIGURATION, queued and log commands,
  /// READ and WRITE LONG, GET MEDIA STATUS.
  @Test func refusedCommands() {
    bench.command(0xF8)
    for opcode: UInt32 in [
      0xF9, 0x37, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0x92, 0xB1, 0xC7, 0xCC, 0x26, 0x36, 0x2F, 0x3F, 0x22,
      0x32,
      0xDA, 0xA2,
    ] {
      bench.command(opcode, lba: 100)
      #expect(bench.lines[14])
      #expect(isAborted(bench.read(0x1F7)), "\(opcode)")
    }
    bench.command(0xEC)
    let words = bench.readWords(256)
    // Neither Security, Host Protected Area nor DOWNLOAD MICROCODE.
    #expect(words[82] & 0x0402 == 0 && words[83] & 0x0901 == 0 && words[128] == 0)
    bench.extendedCommand(0x37, lba: 100, count: 0)
    #expect(isAborted(bench.read(0x1F7)))
    bench.command(0xF8)
    #expect(bench.read(0x1F3) == 0xFF && bench.read(0x1F4) == 0x0F)
  }

  @Test func verify() {
    store.badSectors = [33]
    bench.command(0x40, lba: 0, count: 33)
    #expect(bench.lines[14] && bench.read(0x1F7) == 0x50)
    bench.command(0x41, lba: 30, count: 9)
    #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x40 && bench.read(0x1F3) == 33)
    bench.extendedCommand(0x42, lba: 34, count: 300)
    #expect(bench.read(0x1F7) == 0x50)
    bench.extendedCommand(0x42, lba: 4000, count: 97)
    #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x10)
    bench.command(0x3C, lba: 8, count: 1)
    bench.writeSector(0x77)
    #expect(bench.read(0x1F7) == 0x50 && store.bytes[8 * 512] == 0x77 && store.flushes == 1)
  }

  @Test func readOnlyMediumRefusesEveryWrite() {
    store.isReadOnly = true
    bench.command(0xC6, count: 4)
    for opcode: UInt32 in [0x30, 0x31, 0x3C, 0xC5, 0xCA, 0xCB] {
      bench.command(opcode, lba: 1)
      #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x44, "\(opcode)")
    }
    for opcode: UInt32 in [0x34, 0x35, 0x39, 0x3D, 0xCE] {
      bench.extendedCommand(opcode, lba: 1, count: 1)
      #expect(bench.read(0x1F7) == 0x51 && bench.read(0x1F1) == 0x44, "\(opcode)")
    }
    #expect(store.bytes[512..<1024].elementsEqual(IDEBench.sector(1)))
    #expect(bench.ide.lastError == nil)
  }

  @Test func powerModes() {
    func mode() -> UInt32 {
      bench.command(0xE5)
      return bench.read(0x1F2)
    }
    #expect(mode() == 0xFF)
    for (opcode, expected): (UInt32, UInt32) in [(0xE2, 0x00), (0xE3, 0x80), (0x94, 0x00), (0x95, 0x80)] {
      bench.command(opcode, count: 0)
      #expect(bench.lines[14] && bench.read(0x1F7) == 0x50)
      #expect(mode() == expected)
    }
    // The medium wakes the disk; what needs none does not.
    bench.command(0xE0)
    bench.command(0xEC)
    _ = bench.readWords(256)
    #expect(mode() == 0x00)
    bench.command(0x20, lba: 1)
    _ = bench.readSector()
    #expect(mode() == 0xFF)
  }

  @Test func cylinderAddressesOfExtendedCommands() {
    // ATA/ATAPI-7: the 48-bit commands take LBA only.
    bench.write(0x1F6, 0x00)
    bench.write(0x1F2, 1)
    bench.write(0x1F7, 0x24)
    bench.settle()
    #expect(isAborted(bench.read(0x1F7)))
    // READ NATIVE MAX ADDRESS too.
    bench.command(0xF8, device: 0xA0)
    #expect(isAborted(bench.read(0x1F7)))
    // Errors of CHS commands are reported as CHS: 4 heads of 17 sectors.
    bench.command(0x91, count: 17, device: 0xA3)
    store.badSectors = [(2 * 4 + 1) * 17 + 4]
    bench.command(0x20, lba: 0x00_0205, device: 0xA1)
    #expect(bench.read(0x1F7) == 0x59 && bench.read(0x1F1) == 0x40)
    #expect([0x1F3, 0x1F4, 0x1F5].map { bench.read($0) } == [5, 2, 0] && bench.read(0x1F6) & 0x0F == 1)
  }
}
