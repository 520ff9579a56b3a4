import ApusDevices
import ApusMachine
import Testing
import apus

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct OverlayDiskTests {
  private let scratch = Scratch()

  /// Writes of all shapes read back, and the image stays as it was. 19 sectors: the last piece is shorter.
  @Test func writesAreForgotten() throws {
    let bytes = (0..<19 * 512).map { UInt8(truncatingIfNeeded: $0 / 512) }
    let path = scratch.file("image", bytes)
    let disk = OverlayDisk(try HostDisk(path: path, readOnly: true))
    #expect(disk.sectorCount == 19 && !disk.isReadOnly)
    var expected = bytes
    for (sector, count) in [(3, 1), (6, 4), (0, 19), (18, 1), (15, 3)] {
      let data = [UInt8](repeating: UInt8(100 + sector), count: count * 512 + 7)
      try disk.write(sector: UInt64(sector), count: count, from: data, at: 7)
      expected.replaceSubrange(sector * 512..<(sector + count) * 512, with: data[7...])
      var all = [UInt8](repeating: 0, count: 19 * 512)
      try disk.read(sector: 0, count: 19, into: &all, at: 0)
      #expect(all == expected)
    }
    try disk.flush()
    #expect(Scratch.read(path) == bytes)
  }

  @Test func refusesWhatDoesNotLieOnTheMedium() throws {
    let image = try HostDisk(path: scratch.file("image", [UInt8](repeating: 0, count: 1024)), readOnly: true)
    let disk = OverlayDisk(image)
    var buffer = [UInt8](repeating: 0, count: 1024)
    for (sector, count, offset) in [(2, 1, 0), (.max, 1, 0), (0, -1, 0), (0, 1, -1), (0, 2, 1)]
      as [(UInt64, Int, Int)]
    {
      #expect(throws: BlockError.outOfRange) {
        try disk.write(sector: sector, count: count, from: buffer, at: offset)
      }
      #expect(throws: BlockError.outOfRange) {
        try disk.read(sector: sector, count: count, into: &buffer, at: offset)
      }
    }
  }
}

@Suite struct HostDiskTests {
  private let scratch = Scratch()

  @Test func readsAndWritesSectors() throws {
    let path = scratch.file("disk", (0..<4096).map { UInt8(truncatingIfNeeded: $0 / 512) })
    let disk = try HostDisk(path: path, readOnly: false)
    #expect(disk.sectorCount == 8 && !disk.isReadOnly)
    var buffer = [UInt8](repeating: 0xEE, count: 2048)
    try disk.read(sector: 3, count: 2, into: &buffer, at: 512)
    #expect(buffer[511] == 0xEE && buffer[512] == 3 && buffer[1535] == 4 && buffer[1536] == 0xEE)
    try disk.write(sector: 7, count: 1, from: buffer, at: 1024)
    try disk.flush()
    #expect(Scratch.read(path)[3584..<4096].allSatisfy { $0 == 4 })
    #expect(disk.failure == nil)
  }

  @Test func refusesWhatDoesNotLieOnTheMedium() throws {
    let disk = try HostDisk(path: scratch.file("disk", [UInt8](repeating: 0, count: 1024)), readOnly: false)
    var buffer = [UInt8](repeating: 0, count: 1024)
    let cases: [(UInt64, Int, Int)] = [
      (2, 1, 0), (1, 2, 0), (.max, 1, 0), (.max, Int.max, 0), (0, -1, 0), (0, 1, -1), (0, 2, 1), (0, 1, 513),
      (0, 1, Int.max), (0, Int.max, 0),
    ]
    for (sector, count, offset) in cases {
      #expect(throws: BlockError.outOfRange) {
        try disk.read(sector: sector, count: count, into: &buffer, at: offset)
      }
      #expect(throws: BlockError.outOfRange) {
        try disk.write(sector: sector, count: count, from: buffer, at: offset)
      }
    }
    try disk.read(sector: 2, count: 0, into: &buffer, at: 1024)
    #expect(disk.failure == nil)
  }

  @Test func readOnlyMediaAreNotWritten() throws {
    let path = scratch.file("disk", [UInt8](repeating: 1, count: 512))
    let disk = try HostDisk(path: path, readOnly: true)
    #expect(throws: BlockError.readOnly) {
      try disk.write(sector: 0, count: 1, from: [UInt8](repeating: 0, count: 512), at: 0)
    }
    try disk.flush()
    #expect(Scratch.read(path) == [UInt8](repeating: 1, count: 512))
  }

  @Test func failuresOfTheHostAreKept() throws {
    let path = scratch.file("disk", [UInt8](repeating: 1, count: 2048))
    let disk = try HostDisk(path: path, readOnly: false)
    truncate(path, 512)
    var buffer = [UInt8](repeating: 0, count: 1024)
    #expect(throws: BlockError.io) { try disk.read(sector: 0, count: 2, into: &buffer, at: 0) }
    #expect(disk.failure?.contains(path) == true)
  }

  /// A CD image may end within a sector; what is missing reads as zeros.
  @Test func aLastSectorIsPadded() throws {
    let path = scratch.file("cd", [UInt8](repeating: 7, count: 1124))
    #expect(throws: Failure.self) { try HostDisk(path: path, readOnly: true) }
    #expect(throws: Failure.self) { try HostDisk(path: path, readOnly: false, isPadded: true) }
    let disk = try HostDisk(path: path, readOnly: true, isPadded: true)
    #expect(disk.sectorCount == 3)
    var buffer = [UInt8](repeating: 0xEE, count: 2048)
    try disk.read(sector: 1, count: 2, into: &buffer, at: 512)
    #expect(buffer[512..<1124].allSatisfy { $0 == 7 })
    #expect(buffer[1124..<1536].allSatisfy { $0 == 0 } && buffer[1536] == 0xEE && buffer[511] == 0xEE)
    #expect(disk.failure == nil)
  }

  @Test func imagesAreWhatTheyAreCopiesOf() {
    func device(_ bytes: [UInt8]) -> BootDevice { DiskFormat.bootDevice(scratch.file("image", bytes)) }
    var image = [UInt8](repeating: 0, count: 1_474_560)
    #expect(device(image) == .floppy)
    #expect(device([UInt8](repeating: 0, count: 368_640)) == .floppy)
    #expect(device([UInt8](repeating: 0, count: 512)) == .hardDisk)
    #expect(device(image + [0]) == .hardDisk)
    image.replaceSubrange(0x8001..<0x8006, with: Array("CD001".utf8))
    #expect(device(image) == .cdrom)
    #expect(DiskFormat.bootDevice(scratch.path + "/absent") == .hardDisk)
  }

  @Test func writersExcludeEveryoneReadersShare() throws {
    let path = scratch.file("disk", [UInt8](repeating: 1, count: 512))
    do {
      let first = try HostDisk(path: path, readOnly: true)
      let second = try HostDisk(path: path, readOnly: true)
      #expect(first.sectorCount == second.sectorCount)
      #expect(throws: Failure.self) { try HostDisk(path: path, readOnly: false) }
    }
    let writer = try HostDisk(path: path, readOnly: false)
    #expect(throws: Failure.self) { try HostDisk(path: path, readOnly: true) }
    #expect(writer.sectorCount == 1)
  }
}

@Suite struct HostFileTests {
  private let scratch = Scratch()

  @Test func loadsWholeFiles() throws {
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    var shares: [Double] = []
    let loaded = try HostFile.load(scratch.file("f", bytes), limit: 3_000_000) { shares.append($0) }
    #expect(loaded == bytes)
    #expect(shares.last == 1 && shares == shares.sorted())
    #expect(throws: Failure.self) { try HostFile.load(scratch.path + "/f", limit: 2_999_999) }
  }
}

@Suite struct HostMemoryTests {
  @Test func isZeroedAndLazy() throws {
    let memory = try HostMemory(size: 64 << 30, purpose: "test")
    #expect(memory.size == 64 << 30)
    #expect(UInt(bitPattern: memory.base) % (2 << 20) == 0)
    #expect(memory.base.load(as: UInt64.self) == 0)
    let last = memory.base + ((64 << 30) - 8)
    last.storeBytes(of: 7, as: UInt64.self)
    #expect(last.load(as: UInt64.self) == 7)
  }

  /// mincore and msync fail for addresses without a mapping; write() from an inaccessible page gives EFAULT.
  @Test func guardsAreInaccessible() throws {
    let memory = try HostMemory(size: 1 << 20, purpose: "test")
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    let inside = [memory.base, memory.base + ((1 << 20) - 1)]
    let outside = [
      memory.base - 1, memory.base - HostMemory.guardSize, memory.base + (1 << 20),
      memory.base + (1 << 20) + HostMemory.guardSize - 1,
    ]
    for pointer in inside { #expect(write(ends[1], pointer, 1) == 1) }
    for pointer in outside {
      #expect(write(ends[1], pointer, 1) == -1)
      #expect(errno == EFAULT)
    }
  }

  @Test func absurdSizesAreRefused() {
    for size: UInt64 in [1 << 62, .max & ~4095] {
      #expect(throws: Failure.self) { try HostMemory(size: size, purpose: "test") }
    }
  }
}
