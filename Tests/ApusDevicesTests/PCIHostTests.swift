import ApusBase
import ApusDevices
import Testing

/// A function with one I/O and one memory range that remembers accesses.
private final class Probe: PCIFunction {
  let name = "Probe"
  var configuration: PCIConfiguration
  var registers = [UInt8](repeating: 0, count: 256)
  var resets = 0
  var wakeAt = VirtualTime.never

  init(device: UInt16, pin: UInt8 = 1) {
    configuration = PCIConfiguration(
      vendor: 0x1234, device: device, revision: 7, classCode: 0xFF_0000, commandMask: 0x0547,
      status: 0, interruptPin: pin)
    configuration.define(bar: 0, .io(size: 64))
    configuration.define(bar: 2, .memory(size: 0x2000))
  }

  func reset(at now: VirtualTime) {
    configuration.reset()
    resets += 1
  }

  func readBAR(_ bar: Int, _ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64 {
    UInt64(bar) << 32 | offset << 8 | UInt64(registers[Int(offset & 0xFF)])
  }

  func writeBAR(_ bar: Int, _ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime) {
    registers[Int(offset & 0xFF)] = UInt8(truncatingIfNeeded: value)
  }

  var deadline: VirtualTime { wakeAt }
  func run(at now: VirtualTime) { wakeAt = .never }
  func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { w in configuration.save(to: &w) }
  }
  func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (r, _) throws(StateError) in
      try configuration.restore(from: &r)
    }
  }
}

@Suite struct PCIHostTests {
  let pic = StorageLines()
  let ioAPIC = StorageLines()
  let resets = StorageLines()
  let host: PCIHost
  let isa: PIIX3
  private let first = Probe(device: 1)
  private let second = Probe(device: 2)

  init() {
    isa = PIIX3(pic: pic, ioAPIC: ioAPIC)
    host = PCIHost(
      memoryWindow: 0xC000_0000...0xFEBF_FFFF, pirq: isa, reset: Line(resets, 0))
    host.attach(I440FX(), slot: 0)
    host.attach(isa, slot: 1)
    host.attach(first, slot: 2)
    host.attach(second, slot: 3)
  }

  private func address(_ slot: Int, _ function: Int, _ offset: Int) -> UInt32 {
    0x8000_0000 | UInt32(slot << 11 | function << 8 | offset & 0xFC)
  }

  private func read(_ slot: Int, _ offset: Int, width: Int = 4, function: Int = 0) -> UInt32 {
    host.writePort(0xCF8, address(slot, function, offset), width: 4, at: 0)
    return host.readPort(0xCFC + UInt16(offset & 3), width: width, at: 0)
  }

  private func write(_ slot: Int, _ offset: Int, _ value: UInt32, width: Int = 4) {
    host.writePort(0xCF8, address(slot, 0, offset), width: 4, at: 0)
    host.writePort(0xCFC + UInt16(offset & 3), value, width: width, at: 0)
  }

  @Test func identification() {
    #expect(read(0, 0) == 0x1237_8086)
    #expect(read(1, 0) == 0x7000_8086)
    #expect(read(0, 8) >> 8 == 0x060000)
    #expect(read(1, 8) >> 8 == 0x060100)
    // PIIX3 is a multifunction device.
    #expect(read(1, 0x0E, width: 1) == 0x80)
    #expect(read(2, 0x0E, width: 1) == 0x00)
    #expect(read(4, 0) == .max)
    #expect(read(2, 0, function: 1) == .max)
  }

  @Test func everyWidthAndLane() {
    #expect(read(2, 0, width: 2) == 0x1234)
    #expect(read(2, 2, width: 2) == 0x0001)
    #expect(read(2, 1, width: 2) == 0x0112)
    for (lane, byte) in [0x34, 0x12, 0x01, 0x00].enumerated() {
      #expect(read(2, lane, width: 1) == UInt32(byte))
    }
    // Beyond CFFh nobody answers.
    #expect(read(2, 3, width: 2) == 0xFF00)
    write(2, 0x3C, 0x0B, width: 1)
    #expect(read(2, 0x3C) == 0x010B)
  }

  @Test func configurationMechanism() {
    // The check that Linux makes.
    host.writePort(0xCFB, 0x01, width: 1, at: 0)
    let old = host.readPort(0xCF8, width: 4, at: 0)
    host.writePort(0xCF8, 0x8000_0000, width: 4, at: 0)
    #expect(host.readPort(0xCF8, width: 4, at: 0) == 0x8000_0000)
    host.writePort(0xCF8, old, width: 4, at: 0)
    #expect(old == 0)
    // Without the enable bit, and on other buses, nothing answers.
    #expect(host.readPort(0xCFC, width: 4, at: 0) == .max)
    host.writePort(0xCF8, 0x8001_0000, width: 4, at: 0)
    #expect(host.readPort(0xCFC, width: 4, at: 0) == .max)
    host.writePort(0xCF8, 0xFFFF_FFFF, width: 4, at: 0)
    #expect(host.readPort(0xCF8, width: 4, at: 0) == 0x80FF_FFFC)
    #expect(host.readPort(0xCF8, width: 2, at: 0) == 0xFFFF)
  }

  @Test func sizingAndDecoding() {
    write(2, 0x10, .max)
    #expect(read(2, 0x10) == 0xFFFF_FFC1)
    write(2, 0x18, .max)
    #expect(read(2, 0x18) == 0xFFFF_E000)
    write(2, 0x14, .max)
    #expect(read(2, 0x14) == 0)
    write(2, 0x30, .max)
    #expect(read(2, 0x30) == 0)
    write(2, 0x10, 0xD000)
    write(2, 0x18, 0xE000_0000)
    #expect(host.readPort(0xD004, width: 4, at: 0) == .max)
    #expect(host.readMemory(0x2000_0010, width: 4, at: 0) == 0xFFFF_FFFF)
    write(2, 4, 0x0003, width: 2)
    #expect(host.readPort(0xD004, width: 4, at: 0) == 0x400)
    host.writePort(0xD005, 0x77, width: 1, at: 0)
    #expect(first.registers[5] == 0x77)
    #expect(host.readPort(0xD040, width: 4, at: 0) == .max)
    #expect(host.readMemory(0x2000_1FFC, width: 8, at: 0) == 0x2_001F_FC00)
    #expect(host.readMemory(0x2000_2000, width: 8, at: 0) == .max)
    host.writeMemory(0x2000_0001, 0x99, width: 1, at: 0)
    #expect(first.registers[1] == 0x99)
    // Moving the range takes effect at once; disabling too.
    write(2, 0x10, 0xD100)
    #expect(host.readPort(0xD004, width: 4, at: 0) == .max)
    #expect(host.readPort(0xD104, width: 4, at: 0) == 0x400)
    write(2, 4, 0, width: 2)
    #expect(host.readPort(0xD104, width: 4, at: 0) == .max)
  }

  @Test func overlapGoesToTheFirst() {
    for slot in [2, 3] {
      write(slot, 0x10, 0xD000)
      write(slot, 4, 1, width: 2)
    }
    host.writePort(0xD000, 0x11, width: 1, at: 0)
    #expect(first.registers[0] == 0x11)
    #expect(second.registers[0] == 0)
  }

  @Test func firmwareAssignsResources() {
    #expect(host.assignResources(at: 0) == 1 << 10 | 1 << 11)
    #expect(read(1, 0x60) == 0x0B0B_0A0A)
    var ranges: [ClosedRange<UInt32>] = []
    for slot in [2, 3] {
      #expect(read(slot, 4, width: 2) & 3 == 3)
      let io = read(slot, 0x10) & ~3
      #expect(io >= 0xC000 && io % 64 == 0)
      let memory = read(slot, 0x18)
      #expect(memory >= 0xC000_0000 && memory % 0x2000 == 0)
      ranges.append(io...(io + 63))
      ranges.append(memory...(memory + 0x1FFF))
      #expect(host.readPort(UInt16(io), width: 1, at: 0) & 0xFF == 0)
      #expect(host.readMemory(UInt64(memory) - 0xC000_0000, width: 8, at: 0) == 0x2_0000_0000)
    }
    for i in ranges.indices {
      for j in ranges.indices where i < j { #expect(!ranges[i].overlaps(ranges[j])) }
    }
    // Slot 2 INTA# is PIRQB#, slot 3 PIRQC#.
    #expect(read(2, 0x3C, width: 1) == 10)
    #expect(read(3, 0x3C, width: 1) == 11)
  }

  @Test func interruptRouting() {
    let a = host.interruptLine(slot: 2)
    let b = host.interruptLine(slot: 3)
    // After reset the PIRQs are not routed to the 8259s.
    a.set(true, at: 0)
    #expect(ioAPIC[17])
    #expect(pic.levels.isEmpty)
    write(1, 0x61, 10, width: 1)
    #expect(pic[10])
    b.set(true, at: 0)
    #expect(ioAPIC[18])
    write(1, 0x62, 10, width: 1)
    a.set(false, at: 0)
    #expect(!ioAPIC[17])
    #expect(pic[10])
    // Rerouting moves the level.
    write(1, 0x62, 5, width: 1)
    #expect(!pic[10])
    #expect(pic[5])
    write(1, 0x62, 0x85, width: 1)
    #expect(!pic[5])
    // IRQ 0, 1, 2, 8 and 13 are reserved codes.
    for code: UInt32 in [0, 1, 2, 8, 13] {
      write(1, 0x62, code, width: 1)
      #expect(!pic[Int(code)])
    }
  }

  @Test func resetControl() {
    host.writePort(0xCF9, 0x02, width: 1, at: 0)
    #expect(resets.edges[0] == nil)
    host.writePort(0xCF9, 0x06, width: 1, at: 0)
    #expect(resets.edges[0] == 1)
    #expect(host.readPort(0xCF9, width: 1, at: 0) == 0x06)
    host.reset(at: 0)
    #expect(first.resets == 1)
    #expect(host.readPort(0xCF9, width: 1, at: 0) == 0)
  }

  @Test func deadlinesAreThoseOfTheFunctions() {
    #expect(host.deadline == .never)
    second.wakeAt = 500
    first.wakeAt = 700
    #expect(host.deadline == 500)
    host.run(at: 500)
    #expect(host.deadline == 700)
  }

  @Test func stateRoundTrip() throws {
    _ = host.assignResources(at: 0)
    host.interruptLine(slot: 2).set(true, at: 0)
    let state = savedState(host)
    host.reset(at: 0)
    #expect(savedState(host) != state)
    try restoreState(host, state)
    #expect(savedState(host) == state)
    #expect(host.readMemory(UInt64(read(2, 0x18)) - 0xC000_0000, width: 8, at: 0) == 0x2_0000_0000)
    for cut in 0..<state.count {
      #expect(throws: StateError.self) { try restoreState(host, Array(state[0..<cut])) }
    }
    // A vendor number that no function could have saved.
    var wrong = state
    let at = try #require(
      (0..<(state.count - 3)).first { Array(state[$0..<($0 + 4)]) == [0x34, 0x12, 1, 0] })
    wrong[at] ^= 1
    #expect(throws: StateError.invalidField(section: "Probe", field: "configuration")) {
      try restoreState(host, wrong)
    }
  }

  @Test func fuzz() {
    var random = StorageRandom(seed: 0xCF8)
    for _ in 0..<300_000 {
      let width = random.pick([1, 2, 4])
      let value = UInt32(truncatingIfNeeded: random.next())
      switch random.below(6) {
      case 0: host.writePort(0xCF8, 0x8000_0000 | value & 0x3FFF, width: 4, at: 0)
      case 1: host.writePort(0xCF8 + UInt16(random.below(8)), value, width: width, at: 0)
      case 2: _ = host.readPort(0xCF8 + UInt16(random.below(8)), width: width, at: 0)
      case 3: host.writePort(UInt16(truncatingIfNeeded: value), 0, width: width, at: 0)
      case 4: _ = host.readMemory(random.next() & 0x3FFF_FFFF, width: 8, at: 0)
      default: host.setLine(random.below(300), level: value & 1 == 1, at: 0)
      }
    }
    #expect(host.readPort(0xCF8, width: 4, at: 0) & 0x7F00_0003 == 0)
  }

  @Test func describesItself() throws {
    _ = host.assignResources(at: 0)
    write(2, 0x10, 0xD000)
    write(2, 0x18, 0xE000_0000)
    write(2, 4, 0x0005, width: 2)
    write(0, 0x58, 0x0031_0000)
    host.interruptLine(slot: 2).set(true, at: 0)
    let before = savedState(host)
    let all = host.descriptions
    #expect(all.map(\.name) == ["PCI bus 0", "82441FX", "82371SB"])
    let bus = try #require(all.first)
    #expect(bus["CONFADD"] == "80000058h  bus 0, device 0, function 0, register 58h")
    #expect(bus["00:01.0"] == "PIIX3, vendor 8086h, device 7000h, class 06h 01h 00h")
    #expect(bus["00:02.0"] == "Probe, vendor 1234h, device 0001h, class FFh 00h 00h")
    #expect(
      bus.more("00:02.0") == [
        "0005h  I/O bus master", "BAR0 I/O at 0000D000h, 64 bytes",
        "BAR2 memory at E0000000h, 8192 bytes, not decoded", "INTA# to PIRQB#, Interrupt Line 0Ah, asserted",
      ])
    #expect(all[1]["PAM0"] == "00h  000F0000h PCI")
    #expect(all[1]["PAM1"] == "31h  000C0000h RE, 000C4000h RE WE")
    #expect(all[2]["PIRQRCA"] == "0Ah  IRQ10" && all[2]["PIRQRCB"] == "0Ah  IRQ10, asserted")
    #expect(all[2]["PIRQRCD"] == "0Bh  IRQ11" && savedState(host) == before)
  }
}
