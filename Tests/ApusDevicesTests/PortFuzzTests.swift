import ApusBase
import ApusDevices
import Testing

/// The ISA devices that share guest memory, with their RAM and disks as one device, so that saved state holds all
/// that a twin needs.
private final class Bus: Device {
  let name = "Bus"
  let ram = StorageRAM(size: 1 << 14)
  let disks = [MemoryStore(sectors: 320), MemoryStore(sectors: 320)]
  let dma: DMA8237Pair
  let fdc: FloppyController82077AA
  let pit: PIT8254
  let LPT1: ParallelPort
  let configuration: FirmwareConfiguration
  private let parts: [(device: any Device, ports: [ClosedRange<UInt16>])]
  static let portRanges =
    DMA8237Pair.portRanges + FloppyController82077AA.portRanges + [ParallelPort.LPT1]
    + FirmwareConfiguration.portRanges + [0x42...0x43, 0x61...0x61]

  init(seed: UInt64) throws {
    var random = SplitMix64(state: seed)
    for i in ram.bytes.indices { ram.bytes[i] = UInt8(truncatingIfNeeded: random.next() % 40) }
    disks[0].badSectors = [3, 100]
    dma = DMA8237Pair(memory: ram)
    fdc = FloppyController82077AA(drives: (.k360, .m1_2), dma: dma, IRQ: Line(nil, 0))
    pit = PIT8254(IRQ0: Line(nil, 0), speaker: PCSpeaker(sink: Silence()))
    LPT1 = ParallelPort(IRQ: Line(nil, 0), sink: StorageBytes())
    let items = [FirmwareConfiguration.Item(.file("w"), [1, 2, 3, 4, 5], isWritable: true)]
    configuration = try #require(FirmwareConfiguration(items: items, memory: ram))
    parts = [
      (dma, DMA8237Pair.portRanges), (fdc, FloppyController82077AA.portRanges), (LPT1, [ParallelPort.LPT1]),
      (configuration, FirmwareConfiguration.portRanges), (pit, PIT8254.portRanges),
    ]
    try fdc.insert(disks[0], drive: 0, at: 0)
    reset(at: 0)
    dma.initializeAsFirmware()
  }

  func reset(at now: VirtualTime) { for part in parts { part.device.reset(at: now) } }
  private func device(_ port: UInt16) -> (any Device)? {
    parts.first { $0.ports.contains { $0.contains(port) } }?.device
  }
  func readPort(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32 {
    device(port)?.readPort(port, width: width, at: now) ?? .max
  }
  func writePort(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime) {
    device(port)?.writePort(port, value, width: width, at: now)
  }
  var deadline: VirtualTime { parts.map(\.device.deadline).min() ?? .never }
  func run(at now: VirtualTime) { for part in parts { part.device.run(at: now) } }

  func save(to writer: inout StateWriter) {
    for part in parts { part.device.save(to: &writer) }
    writer.section(name, version: 1) { writer in
      writer.write(ram.bytes)
      for disk in disks { writer.write(disk.bytes) }
    }
  }
  func restore(from reader: inout StateReader) throws(StateError) {
    for part in parts { try part.device.restore(from: &reader) }
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in
      ram.bytes = try reader.readBytes(limit: ram.bytes.count, "ram")
      for disk in disks { disk.bytes = try reader.readBytes(limit: disk.bytes.count, "disk") }
    }
  }

  private final class Silence: AudioSink {
    func take(_ segments: [SpeakerSegment], until end: UInt64) {}
  }
}

/// What a guest might do next: a plain access, or a whole floppy command with its DMA channel.
private struct Guest {
  var random: SplitMix64
  var now: VirtualTime = 0
  private(set) var accesses = 0

  init(seed: UInt64) { random = SplitMix64(state: seed) }

  private mutating func below(_ bound: UInt64) -> UInt64 { random.next() % bound }

  mutating func step(_ bus: Bus) {
    switch below(24) {
    case 0: startFloppy(bus)
    case 1, 2, 3: floppyCommand(bus)
    case 4: programDMA(bus)
    case 5, 6: for _ in 0..<below(24) { read(bus, 0x3F5, 1) }
    case 7:
      now += below(1 << below(28))
      bus.run(at: now)
      if bus.deadline <= now { Issue.record("a deadline at \(now) does not move on") }
    default:
      let range = Bus.portRanges[Int(below(UInt64(Bus.portRanges.count)))]
      let port = UInt16.random(in: range, using: &random)
      let width = [1, 1, 2, 4][Int(below(4))]
      // A controller held in reset answers nothing: rarely.
      let isHeld = (0x3F2...0x3F4).contains(port) && below(64) != 0
      if below(2) == 0 || isHeld {
        read(bus, port, width)
      } else {
        write(bus, port, UInt32(truncatingIfNeeded: random.next()), width)
      }
    }
  }

  private mutating func read(_ bus: Bus, _ port: UInt16, _ width: Int) {
    _ = bus.readPort(port, width: width, at: now)
    accesses += 1
  }

  private mutating func write(_ bus: Bus, _ port: UInt16, _ value: UInt32, _ width: Int = 1) {
    bus.writePort(port, value, width: width, at: now)
    accesses += 1
  }

  private mutating func startFloppy(_ bus: Bus) {
    if below(4) == 0 { write(bus, 0x3F2, 0) }
    write(bus, 0x3F2, below(8) == 0 ? 0x2D : 0x1C)
    write(bus, 0x3F7, 2)
    now += 200_000
    for byte in [0x03, UInt32(0xF0), UInt32(2 | below(8) / 7)] { write(bus, 0x3F5, byte) }
    for byte in [0x13, 0, UInt32(below(128)), 0] { write(bus, 0x3F5, byte) }
  }

  private mutating func floppyCommand(_ bus: Bus) {
    let codes: [UInt32] = [
      0x46, 0xE6, 0x4C, 0x45, 0xC5, 0x49, 0x42, 0x4D, 0x4A, 0x56, 0xD6, 0x0F, 0x07, 0x08, 0xCF, 0x8F, 0x04,
      0x12, 0x94, 0x14, 0x0E,
    ]
    write(bus, 0x3F5, codes[Int(below(UInt64(codes.count)))])
    let head = below(2)
    let cylinder = below(4)
    for byte in [head << 2, cylinder, head, 1 + below(8), 2, 1 + below(9), 0x1B, below(256)] {
      write(bus, 0x3F5, UInt32(below(32) == 0 ? below(256) : byte))
    }
    if below(2) == 0 { programDMA(bus) }
    guard below(4) != 0 else { return }
    now += below(4) * 100_000_000
    bus.run(at: now)
    for _ in 0..<7 { read(bus, 0x3F5, 1) }
  }

  private mutating func programDMA(_ bus: Bus) {
    let mode = UInt32([0x46, 0x4A, 0x56, 0x6A][Int(below(4))])
    let values: [(UInt16, UInt32)] = [
      (0x0D, 0), (0xD6, 0xC0), (0xD4, 0), (0xD0, 0), (0x0B, mode), (0x04, 0), (0x04, UInt32(below(64))),
      (0x05, 0xFF), (0x05, UInt32(below(16))), (0x81, 0), (0x0A, 2),
    ]
    for (port, value) in values { write(bus, port, value) }
  }
}

@Suite struct PortFuzzTests {
  @Test func aMillionAccesses() throws {
    let bus = try Bus(seed: 1)
    var guest = Guest(seed: 2)
    var steps = 0
    while guest.accesses < 1_000_000 {
      guest.step(bus)
      steps += 1
      if steps % 20_000 == 0 {
        if steps % 40_000 == 0 { bus.fdc.eject(drive: 0, at: guest.now) }
        try bus.fdc.insert(bus.disks[0], drive: 0, at: guest.now)
        bus.disks[0].isReadOnly.toggle()
      }
    }
    // Nothing grew, and after a reset everything works.
    #expect(savedState(bus).count < 3 * 320 * 512)
    bus.disks[0].isReadOnly = false
    bus.reset(at: guest.now)
    bus.dma.initializeAsFirmware()
    bus.writePort(0x3F2, 0x1C, width: 1, at: guest.now)
    bus.run(at: guest.now + 1_000_000)
    bus.writePort(0x3F5, 0x10, width: 1, at: guest.now + 1_000_000)
    #expect(bus.readPort(0x3F5, width: 1, at: guest.now + 1_000_000) == 0x90)
    #expect(bus.readPort(0x511, width: 1, at: guest.now + 1_000_000) == 0x51)
  }

  /// Commands do get somewhere: a fuzz run in which nothing happens proves nothing.
  @Test func theRunReachesTheDisk() throws {
    let bus = try Bus(seed: 3)
    let before = bus.disks[0].bytes
    var guest = Guest(seed: 4)
    for _ in 0..<40_000 { guest.step(bus) }
    let changed = (0..<320).filter { i in
      bus.disks[0].bytes[512 * i..<512 * (i + 1)] != before[512 * i..<512 * (i + 1)]
    }
    #expect(changed.count > 10)
  }

  @Test(arguments: [5, 6, 7] as [UInt64]) func sameRunSameState(seed: UInt64) throws {
    let buses = [try Bus(seed: seed), try Bus(seed: seed)]
    for bus in buses {
      var guest = Guest(seed: seed)
      for _ in 0..<10_000 { guest.step(bus) }
    }
    #expect(savedState(buses[0]) == savedState(buses[1]))
  }

  /// A machine restored at any moment goes on as the one that was saved.
  @Test(arguments: [8, 9, 10, 11] as [UInt64]) func restoredTwinsAgree(seed: UInt64) throws {
    let bus = try Bus(seed: seed)
    var guest = Guest(seed: seed)
    for round in 0..<12 {
      for _ in 0..<(100 + round) { guest.step(bus) }
      let state = savedState(bus)
      let twin = try Bus(seed: 0)
      try restore(twin, from: state)
      #expect(savedState(twin) == state)
      #expect(twin.deadline == bus.deadline)
      var other = guest
      for _ in 0..<100 {
        guest.step(bus)
        other.step(twin)
      }
      let (one, two) = (savedState(bus), savedState(twin))
      #expect(one == two)
    }
  }

  /// Corrupted states are refused or harmless.
  @Test func corruptedStates() throws {
    let bus = try Bus(seed: 12)
    var guest = Guest(seed: 13)
    var accepted = 0
    for _ in 0..<1500 {
      for _ in 0..<30 { guest.step(bus) }
      var writer = StateWriter()
      bus.fdc.save(to: &writer)
      var bytes = writer.bytes
      for _ in 0..<(1 + guest.random.next() % 3) {
        let at = Int(guest.random.next() % UInt64(bytes.count))
        bytes[at] = UInt8(truncatingIfNeeded: guest.random.next())
      }
      var reader = StateReader(bytes)
      if (try? bus.fdc.restore(from: &reader)) != nil { accepted += 1 }
    }
    #expect(accepted > 100)
  }
}
