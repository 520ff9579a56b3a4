import ApusBase
import ApusCPU
import ApusDevices
import ApusMachine
import Testing

@Suite struct SnapshotFileTests {
  private static let files = [FileReference(role: "kernel", name: "vmlinuz", hash: 0x0123_4567_89AB_CDEF)]
  private static let sections = [SnapshotSection(name: "Options", payload: [1, 2, 3])]

  private static func start() throws -> Machine {
    let machine = try Machine.program([0xFE, 0x06, 0x00, 0x05, 0xEB, 0xFA]) {
      $0.drives = [Drive(interface: .ide, overlay: OverlayDisk(MemoryDisk(sectors: 20)))]
    }
    _ = machine.run(instructions: 1001)
    return machine
  }

  private static func encode(_ snapshot: MachineSnapshot) -> [UInt8] {
    var bytes: [UInt8] = []
    SnapshotFile.encode(snapshot, files: files, sections: sections) {
      bytes += $0
      return true
    }
    return bytes
  }

  private static func configuration() -> MachineConfiguration {
    var configuration = MachineConfiguration()
    configuration.memorySize = 32 << 20
    configuration.boot = .flat(
      BootFile(role: "program", name: "test", bytes: [0xF4]), address: 0x7C00, entry: nil)
    configuration.drives = [Drive(interface: .ide, overlay: OverlayDisk(MemoryDisk(sectors: 20)))]
    return configuration
  }

  @Test func aFileHoldsTheMachine() throws {
    let machine = try Self.start()
    let snapshot = try machine.snapshot()
    let bytes = Self.encode(snapshot)
    let file = try SnapshotFile(bytes)
    #expect(file.memorySize == 32 << 20 && file.instructions == machine.instructions)
    #expect(file.files == Self.files && file.sections == Self.sections)
    let other = try Machine(Self.configuration(), ram: .allocate(size: 32 << 20), file: file)
    #expect(other.stateHash() == machine.stateHash())
    _ = machine.run(instructions: 5000)
    _ = other.run(instructions: 5000)
    #expect(other.stateHash() == machine.stateHash())
    // Back to the file, in a machine with another block of memory.
    try machine.restore(try file.snapshot(in: .allocate(size: 32 << 20)))
    #expect(try Self.encode(machine.snapshot()) == bytes)
    _ = machine.run(instructions: 5000)
    #expect(other.stateHash() == machine.stateHash())
  }

  @Test func disksAreInTheFile() throws {
    let machine = try Self.start()
    let fork = try machine.fork { configuration in
      let disk = OverlayDisk(MemoryDisk(sectors: 20))
      for sector in [0, 9, 19] as [UInt64] {
        try? disk.write(
          sector: sector, count: 1, from: [UInt8](repeating: UInt8(sector + 1), count: 512), at: 0)
      }
      configuration.drives = [Drive(interface: .ide, overlay: disk)]
    }
    // The constructor gives the fork the machine's changes: none.
    #expect(try fork.snapshot().disks.map { $0?.isEmpty } == [true])
    let disk = OverlayDisk(MemoryDisk(sectors: 20))
    for sector in [0, 9, 19] as [UInt64] {
      try disk.write(sector: sector, count: 1, from: [UInt8](repeating: UInt8(sector + 1), count: 512), at: 0)
    }
    let state = try machine.snapshot()
    let snapshot = MachineSnapshot(
      memory: state.memory, state: state.state, disks: [disk.changes], instructions: state.instructions)
    let file = try SnapshotFile(Self.encode(snapshot))
    let configuration = Self.configuration()
    let store = try #require(configuration.drives[0].overlay)
    _ = try Machine(configuration, ram: .allocate(size: 32 << 20), file: file)
    var expected = [UInt8](repeating: 0, count: 20 * 512)
    var found = expected
    try disk.read(sector: 0, count: 20, into: &expected, at: 0)
    try store.read(sector: 0, count: 20, into: &found, at: 0)
    #expect(found == expected && found[9 * 512] == 10)
    // A disk of another size has other pieces.
    var small = Self.configuration()
    small.drives = [Drive(interface: .ide, overlay: OverlayDisk(MemoryDisk(sectors: 19)))]
    #expect(
      throws: MachineError(message: "snapshot: section Disk, field piece: impossible value", kind: .badInput)
    ) {
      _ = try Machine(small, ram: .allocate(size: 32 << 20), file: file)
    }
  }

  /// Cut anywhere, or with any bit flipped: an error in one line, or, where no checksum can tell, never.
  @Test func damagedFilesAreRefused() throws {
    let bytes = Self.encode(try Self.start().snapshot())
    for end in Array(0..<min(bytes.count, 2000)) + Array(stride(from: 2000, to: bytes.count, by: 97)) {
      #expect(throws: SnapshotError.self, "cut at \(end)") { _ = try SnapshotFile(Array(bytes[..<end])) }
    }
    var bit = 0
    while bit < bytes.count * 8 {
      var damaged = bytes
      damaged[bit >> 3] ^= 1 << UInt8(bit & 7)
      #expect(throws: SnapshotError.self, "bit \(bit)") { _ = try SnapshotFile(damaged) }
      bit += bit < 8000 ? 5 : 1009
    }
    #expect(throws: SnapshotError.self) { _ = try SnapshotFile(bytes + [0]) }
    #expect(throws: SnapshotError("is no snapshot of Apus: it does not begin with APUSSNAP")) {
      _ = try SnapshotFile([])
    }
    var newer = bytes
    newer[8] = 9
    #expect(throws: SnapshotError("has format version 9; this Apus knows 1")) { _ = try SnapshotFile(newer) }
  }

  /// Runs with right checksums whose pages cannot be.
  @Test func impossiblePagesAreRefused() throws {
    func load(_ runs: [UInt8]) throws -> Int {
      try GuestRAM.allocate(size: 1 << 20).load(runs: runs, 0..<runs.count)
    }
    let page = [UInt8](repeating: 7, count: 4096)
    let raw: [UInt8] = [0, 0x10, 0, 0]
    let last: [UInt8] = [0xFF, 1, 0, 0, 0, 0]
    #expect(try load([0, 0, 0, 0, 0, 0] + raw + page + last + raw + page) == 2)
    #expect(throws: PageRunError.malformed) {
      try load([0, 0, 0, 0, 0, 0] + raw + page + [0, 0, 0, 0, 0, 0] + raw + page)
    }
    #expect(throws: PageRunError.malformed) { try load([0, 2, 0, 0, 0, 0] + raw + page) }
    #expect(throws: PageRunError.malformed) { try load([0xFF, 0xFF, 0xFF, 0xFF, 15, 1] + raw + page) }
    #expect(throws: PageRunError.malformed) { try load([0, 0, 0, 0, 16, 1] + raw + page) }
    #expect(throws: PageRunError.malformed) { try load([0, 0, 0, 0, 1, 0] + raw + page) }
    #expect(throws: PageRunError.malformed) { try load([0, 0, 0, 0, 0, 2] + raw + page) }
    #expect(throws: PageRunError.malformed) { try load([0, 0, 0, 0, 0, 1] + raw + page) }
    #expect(throws: PageRunError.truncated) { try load([0, 0, 0, 0, 0, 0] + raw + page.dropLast()) }
    #expect(throws: PageRunError.truncated) { try load([0, 0, 0, 0, 0, 0, 0]) }
  }

  @Test func machinesOfOtherKindsAreRefused() throws {
    let file = try SnapshotFile(Self.encode(try Self.start().snapshot()))
    func message(_ change: (inout MachineConfiguration) -> Void) -> String? {
      var configuration = Self.configuration()
      change(&configuration)
      do {
        _ = try Machine(configuration, ram: .allocate(size: configuration.memorySize), file: file)
        return nil
      } catch {
        return error.kind == .badInput ? error.message : nil
      }
    }
    #expect(message { _ in } == nil)
    #expect(
      message { $0.memorySize = 16 << 20 } == "snapshot: it is of a machine with other memory or drives")
    #expect(message { $0.drives = [] } == "snapshot: it is of a machine with other memory or drives")
    #expect(
      message { $0.cpuModel = .x86_64 } == "snapshot: section Processor, field features: impossible value")
    #expect(message { $0.hasVGA = true }?.hasPrefix("snapshot: section ") == true)
  }
}
