import ApusBase
import ApusCPU
import ApusDevices
import ApusFixture
import ApusMachine
import Testing

/// Runs a test; if it fails with an error, attaches the run as a file for `apus replay`.
func recorded(_ machine: GuestFixture, _ test: () throws -> Void) throws {
  do { try test() } catch {
    Attachment.record(machine.bundle(), named: "failed.run")
    throw error
  }
}

/// Keeps what a guest sends.
final class Capture: ByteSink {
  private(set) var bytes: [UInt8] = []
  func send(_ byte: UInt8) { bytes.append(byte) }
  var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// A disk in memory.
final class MemoryDisk: BlockStore {
  var bytes: [UInt8]
  let isReadOnly = false
  init(sectors: Int) { bytes = [UInt8](repeating: 0, count: sectors * 512) }
  var sectorCount: UInt64 { UInt64(bytes.count / 512) }

  func read(sector: UInt64, count: Int, into buffer: inout [UInt8], at offset: Int) throws(BlockError) {
    let start = Int(sector) * 512
    buffer.replaceSubrange(offset..<(offset + count * 512), with: bytes[start..<(start + count * 512)])
  }

  func write(sector: UInt64, count: Int, from buffer: [UInt8], at offset: Int) throws(BlockError) {
    let start = Int(sector) * 512
    bytes.replaceSubrange(start..<(start + count * 512), with: buffer[offset..<(offset + count * 512)])
  }

  func flush() throws(BlockError) {}
}

/// A board with a processor that never runs: tests play the processor, and move its clock.
final class BoardBench {
  let board: Board
  let processor: Processor

  init(_ change: (inout MachineConfiguration) -> Void = { _ in }) throws {
    var configuration = MachineConfiguration()
    configuration.memorySize = 32 << 20
    configuration.boot = .flat(
      BootFile(role: "program", name: "", bytes: [0xF4]), address: 0x7C00, entry: nil)
    change(&configuration)
    let map = try MemoryMap(ramSize: configuration.memorySize)
    board = try Board(configuration, map)
    processor = Processor(
      ram: .allocate(size: configuration.memorySize), regions: board.shadow.regions, bus: board)
    board.connect(processor)
    board.reset(at: 0)
    board.initializeAsFirmware(at: 0)
  }

  deinit { board.disconnect() }

  func out(_ port: UInt16, _ value: UInt32, width: Int = 1) { board.writePort(port, value, width: width) }
  func `in`(_ port: UInt16, width: Int = 1) -> UInt32 { board.readPort(port, width: width) }

  /// Virtual time goes on to `time`, in steps from deadline to deadline.
  func advance(to time: VirtualTime) {
    for _ in 0..<100_000 where board.deadlines.earliest <= time {
      processor.skip(to: max(board.deadlines.earliest, processor.now + 1))
      board.runDevices()
    }
    processor.skip(to: time)
    board.runDevices()
  }

  /// The 8259A pair at vectors 20h and 28h, with the given inputs unmasked.
  func initializePIC(unmasked: UInt16) {
    for (port, base, cascade, mask) in [
      (0x20, 0x20, 0x04, ~unmasked & 0xFF), (0xA0, 0x28, 0x02, ~unmasked >> 8),
    ] as [(UInt16, UInt32, UInt32, UInt16)] {
      out(port, 0x11)
      for word in [base, cascade, 0x01, UInt32(mask)] { out(port + 1, word) }
    }
  }

  /// Programs an entry of the I/O APIC: `low` is bits 31:0, the destination APIC 0.
  func redirect(_ input: UInt64, _ low: UInt64) {
    let base = ACPITables.ioAPICBase
    board.writePhysical(base, 0x11 + 2 * input, width: 4)
    board.writePhysical(base + 0x10, 0, width: 4)
    board.writePhysical(base, 0x10 + 2 * input, width: 4)
    board.writePhysical(base + 0x10, low, width: 4)
  }
}

extension Machine {
  /// A machine of 32 MiB that starts a program: in real mode at 0000:7C00, or in 32-bit mode from 1 MiB on.
  static func program(
    _ bytes: [UInt8], at address: UInt64 = 0x7C00, _ change: (inout MachineConfiguration) -> Void = { _ in }
  ) throws -> Machine {
    var configuration = MachineConfiguration()
    configuration.memorySize = 32 << 20
    configuration.boot = .flat(
      BootFile(role: "program", name: "test", bytes: bytes), address: address, entry: nil)
    change(&configuration)
    return try Machine(configuration, ram: .allocate(size: configuration.memorySize))
  }

  /// Runs in slices of `slice` until something other than the budget ends it, or `limit` instructions.
  func run(upTo limit: UInt64, slice: UInt64) -> Stop {
    while instructions < limit {
      let stop = run(instructions: min(slice, limit - instructions))
      if stop != .budget { return stop }
    }
    return .budget
  }
}
