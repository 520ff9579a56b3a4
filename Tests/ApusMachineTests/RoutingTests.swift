import ApusBase
import ApusDevices
import ApusMachine
import Testing

@Suite struct PortMapTests {
  private let names = ["A", "B", "C"]

  @Test func refusesOverlapsByName() throws {
    var map = PortMap()
    try map.attach(0x60...0x64, device: 0, names: names)
    try map.attach(0x65...0x65, device: 1, names: names)
    for range in [0x5F...0x60, 0x64...0x70, 0x61...0x61, 0...0xFFFF] as [ClosedRange<UInt16>] {
      #expect(
        throws: AttachError.portsOverlap(
          device: "C", first: range.lowerBound, last: range.upperBound, owner: "A")
      ) { try map.attach(range, device: 2, names: names) }
    }
    // A refused range leaves nothing behind.
    #expect(map.target(0x5F, width: 1) == .none)
    #expect(map.target(0x66, width: 1) == .none)
    #expect(map.target(0x65, width: 1) == .device(1))
  }

  @Test func splitsAccessesAcrossDevices() throws {
    var map = PortMap()
    try map.attach(0x70...0x71, device: 0, names: names)
    try map.attach(0x72...0x72, device: 1, names: names)
    try map.attach(0xFFFF...0xFFFF, device: 2, names: names)
    #expect(map.target(0x70, width: 2) == .device(0))
    #expect(map.target(0x71, width: 2) == .bytes)
    #expect(map.target(0x70, width: 4) == .bytes)
    #expect(map.target(0x72, width: 2) == .bytes)
    #expect(map.target(0x80, width: 4) == .none)
    #expect(map.target(0xFFFE, width: 2) == .bytes)
    #expect(map.target(0xFFFF, width: 4) == .bytes)
  }

  @Test func givesDoubleWordsToTheirOwnDevice() throws {
    var map = PortMap()
    try map.attach(0xCF9...0xCF9, device: 0, names: names)
    try map.attachDoubleWord(0xCF8, device: 1, names: names)
    #expect(map.target(0xCF8, width: 4) == .device(1))
    #expect(map.target(0xCF8, width: 1) == .none)
    #expect(map.target(0xCF8, width: 2) == .bytes)
    #expect(map.target(0xCF9, width: 1) == .device(0))
    #expect(throws: AttachError.portsOverlap(device: "C", first: 0xCF8, last: 0xCFB, owner: "B")) {
      try map.attachDoubleWord(0xCF8, device: 2, names: names)
    }
  }
}

@Suite struct MemoryMapRouterTests {
  @Test func refusesOverlapsByName() throws {
    let names = ["IOAPIC", "HPET", "C"]
    var map = MemoryMapRouter()
    try map.attach(0xFED0_0000...0xFED0_03FF, device: 1, names: names)
    try map.attach(0xFEC0_0000...0xFEC0_0FFF, device: 0, names: names)
    #expect(map.entries.map(\.device) == [0, 1])
    #expect(
      throws: AttachError.memoryOverlaps(device: "C", first: 0xFED0_03FF, last: 0xFED0_0400, owner: "HPET")
    ) { try map.attach(0xFED0_03FF...0xFED0_0400, device: 2, names: names) }
    #expect(map.entry(0xFEC0_0FF8, width: 8)?.device == 0)
    #expect(map.entry(0xFEC0_0FF9, width: 8) == nil)
    #expect(map.entry(0xFEC0_1000, width: 1) == nil)
    #expect(map.entry(.max, width: 8) == nil)
  }

  @Test func saysWhatOverlaps() {
    let error = AttachError.memoryOverlaps(device: "A", first: 0x1000, last: 0x1FFF, owner: "B")
    #expect(error.message == "A: addresses 0x1000 to 0x1fff overlap those of B")
    let ports = AttachError.portsOverlap(device: "A", first: 0x60, last: 0x64, owner: "B")
    #expect(ports.message == "A: ports 0x60 to 0x64 overlap those of B")
  }
}

@Suite struct DeadlineTableTests {
  /// Against the minimum over all, for seeded changes.
  @Test func knowsTheEarliest() {
    var generator = SeededGenerator(state: 7)
    var table = DeadlineTable()
    var all = [VirtualTime](repeating: .never, count: 9)
    for _ in all { table.add() }
    #expect(table.earliest == .never)
    for _ in 0..<2000 {
      let device = Int.random(in: 0..<9, using: &generator)
      let time = Bool.random(using: &generator) ? VirtualTime.never : .random(in: 0..<20, using: &generator)
      all[device] = time
      table.note(device, time)
      #expect(table.earliest == all.min())
      #expect(table[device] == time)
    }
  }
}

/// Notes the levels it is told.
private final class Levels: LineSink {
  var levels: [Int: Bool] = [:]
  var calls = 0
  func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    levels[input] = level
    calls += 1
  }
}

@Suite struct InterruptFabricTests {
  @Test func reachesBothControllers() {
    let pic = Levels()
    let ioAPIC = Levels()
    let fabric = InterruptFabric(pic: pic, ioAPIC: ioAPIC)
    fabric.line(0).set(true, at: 0)
    #expect(pic.levels == [0: true] && ioAPIC.levels == [2: true])
    fabric.line(8).set(true, at: 0)
    #expect(pic.levels[8] == true && ioAPIC.levels[8] == true)
    // A level that does not change drives nothing.
    let calls = pic.calls
    fabric.line(8).set(true, at: 0)
    #expect(pic.calls == calls)
  }

  @Test func sharesInterrupts() {
    let pic = Levels()
    let ioAPIC = Levels()
    let fabric = InterruptFabric(pic: pic, ioAPIC: ioAPIC)
    fabric.line(4, source: 0).set(true, at: 0)
    fabric.line(4, source: 2).set(true, at: 0)
    fabric.line(4, source: 0).set(false, at: 0)
    #expect(pic.levels[4] == true && ioAPIC.levels[4] == true)
    fabric.line(4, source: 2).set(false, at: 0)
    #expect(pic.levels[4] == false && ioAPIC.levels[4] == false)
  }

  @Test func keepsPCIInterruptsFromTheIOAPICsISAInputs() {
    let pic = Levels()
    let ioAPIC = Levels()
    let fabric = InterruptFabric(pic: pic, ioAPIC: ioAPIC)
    PIRQWires(fabric).setLine(10, level: true, at: 0)
    #expect(pic.levels == [10: true] && ioAPIC.levels == [:])
    fabric.line(10).set(true, at: 0)
    PIRQWires(fabric).setLine(10, level: false, at: 0)
    #expect(pic.levels == [10: true] && ioAPIC.levels == [10: true])
  }

  @Test func gatesTheNMI() {
    let apic = Levels()
    let gate = NMIGate(output: Line(apic, 1))
    gate.setLine(0, level: true, at: 0)
    #expect(apic.levels == [1: true])
    gate.mask(true, at: 0)
    #expect(apic.levels == [1: false])
    gate.setLine(0, level: false, at: 0)
    gate.setLine(0, level: true, at: 0)
    #expect(apic.levels == [1: false])
    gate.mask(false, at: 0)
    #expect(apic.levels == [1: true])
  }
}
