import ApusBase
import ApusDevices
import ApusMachine
import Testing

/// Random values for every register of every device, in random order: whatever the devices then do, they do it
/// without harm to the process they run in, and the same way each time.
@Suite struct RegisterFuzzTests {
  private final class Silence: AudioSink {
    func take(_ segments: [SpeakerSegment], until end: UInt64) {}
  }

  /// A board with everything that can be on it.
  private static func bench() throws -> BoardBench {
    try BoardBench {
      $0.boot = nil
      $0.firmware = .bios
      $0.hasVGA = true
      $0.drives = [
        Drive(interface: .ide, place: 0, store: MemoryDisk(sectors: 4096)),
        Drive(interface: .ide, medium: .cdrom, place: 2, store: MemoryDisk(sectors: 4096)),
        Drive(interface: .virtio, store: MemoryDisk(sectors: 64)),
        Drive(interface: .floppy, store: MemoryDisk(sectors: 2880)),
        Drive(interface: .floppy, store: MemoryDisk(sectors: 720)),
      ]
      $0.serial = [Capture(), nil, nil, nil]
      $0.parallel = Capture()
      $0.speaker = Silence()
      $0.debugExitPorts = 0xF4...0xF7
    }
  }

  /// Where devices answer: most accesses go there, the others anywhere.
  private static let ports: [ClosedRange<UInt16>] = [
    0x00...0x0F, 0x20...0x21, 0x40...0x43, 0x60...0x61, 0x64...0x64, 0x70...0x71, 0x80...0x92, 0xA0...0xA1,
    0xC0...0xDF, 0xF0...0xF7, 0x170...0x177, 0x1CE...0x1CF, 0x1F0...0x1F7, 0x2E8...0x2EF, 0x2F8...0x2FF,
    0x376...0x37A, 0x3B0...0x3DF, 0x3E8...0x3FF, 0x4D0...0x4D1, 0x510...0x51B, 0x600...0x63F, 0xCF8...0xCFF,
    0xC000...0xC03F,
  ]
  private static let memory: [ClosedRange<UInt64>] = [
    0xA_0000...0xF_FFFF, 0xFEC0_0000...0xFEC0_00FF, 0xFED0_0000...0xFED0_03FF, 0xFEE0_0000...0xFEE0_03FF,
  ]

  /// What one run does with its board: a generator of accesses, and the windows that PCI devices have there.
  private struct Fuzz {
    let bench: BoardBench
    var random: SeededGenerator
    var windows = RegisterFuzzTests.memory
    var answers: UInt64 = 0
    /// How much was to be seen of the devices.
    var rows = 0

    init(seed: UInt64) throws {
      bench = try RegisterFuzzTests.bench()
      random = SeededGenerator(state: seed)
      windows.append(
        bench.board.pci.memoryWindow.lowerBound...bench.board.pci.memoryWindow.lowerBound + 0x20_0000)
    }

    private mutating func value() -> UInt64 {
      switch random.next() % 4 {
      case 0: return random.next()
      case 1: return random.next() & 0xFF
      case 2: return 1 << (random.next() % 64)
      default: return [0, .max, 0x80, 0xFF, 0x8000_0000, 0x1000][Int(random.next() % 6)]
      }
    }

    private mutating func port() -> UInt16 {
      guard random.next() % 16 != 0 else { return UInt16(truncatingIfNeeded: random.next()) }
      let range = RegisterFuzzTests.ports[Int(random.next() % UInt64(RegisterFuzzTests.ports.count))]
      return range.lowerBound + UInt16(random.next() % UInt64(range.count))
    }

    private mutating func access() {
      let isWrite = random.next() % 4 != 0
      let width = 1 << Int(random.next() % 3)
      switch random.next() % 8 {
      case 0:
        // A register of a PCI function that exists.
        let slot = random.next() % 5
        bench.out(0xCF8, 0x8000_0000 | UInt32(slot) << 11 | UInt32(random.next() & 0x1FC), width: 4)
        if isWrite {
          bench.out(0xCFC, UInt32(truncatingIfNeeded: value()), width: width)
        } else {
          answers ^= UInt64(bench.in(0xCFC, width: width))
        }
      case 1:
        let range = windows[Int(random.next() % UInt64(windows.count))]
        let physical = range.lowerBound + random.next() % (range.upperBound - range.lowerBound)
        if isWrite {
          bench.board.writePhysical(physical, value(), width: width)
        } else {
          answers ^= bench.board.readPhysical(physical, width: width)
        }
      default:
        let port = port()
        if isWrite {
          bench.out(port, UInt32(truncatingIfNeeded: value()), width: width)
        } else {
          answers = answers &* 31 &+ UInt64(bench.in(port, width: width))
        }
      }
    }

    /// Accesses, and a millisecond for the devices after every 1000. Returns a hash of all that was read and of the
    /// board's state. With `describing` somebody looks at all devices after every so many accesses.
    mutating func run(_ count: Int, describing interval: Int = .max) -> UInt64 {
      var time: VirtualTime = 0
      for number in 1...count {
        access()
        if number % interval == 0 {
          rows += bench.board.descriptions(at: time).reduce(0) { $0 + $1.rows.count }
        }
        guard number % 1000 == 0 else { continue }
        time = time.later(by: 1_000_000)
        bench.advance(to: time)
        _ = bench.board.pins.takeRequests()
      }
      var writer = StateWriter()
      bench.board.save(to: &writer)
      return writer.bytes.reduce(answers) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
  }

  @Test func tenMillionAccesses() throws {
    var fuzz = try Fuzz(seed: 1)
    _ = fuzz.run(10_000_000)
  }

  @Test(arguments: [2, 3, 4] as [UInt64])
  func theSameEachTime(seed: UInt64) throws {
    var first = try Fuzz(seed: seed)
    var second = try Fuzz(seed: seed)
    #expect(first.run(200_000) == second.run(200_000))
  }

  /// Whatever is in the registers can be described, and nobody notices.
  @Test(arguments: [5, 6, 7] as [UInt64])
  func lookingChangesNothing(seed: UInt64) throws {
    var alone = try Fuzz(seed: seed)
    var watched = try Fuzz(seed: seed)
    #expect(alone.run(100_000) == watched.run(100_000, describing: 37))
    #expect(watched.rows > 100 * 100_000 / 37)
  }
}
