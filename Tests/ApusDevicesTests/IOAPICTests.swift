import ApusBase
import ApusDevices
import Testing

private struct Rig {
  let wires = InterruptWires()
  let apic: LocalAPIC
  let io: IOAPIC

  init(localEnabled: Bool = true) {
    apic = LocalAPIC(
      intr: wires.line(0), nmi: wires.line(1), smi: wires.line(2), initialization: wires.line(3))
    apic.reset(at: 0)
    io = IOAPIC(destination: apic, id: 1)
    io.reset(at: 0)
    apic.messageSource = io
    if localEnabled { local(0xF0, 0x1FF) }
  }

  func local(_ offset: UInt64, _ value: UInt32) {
    apic.writeMemory(offset, UInt64(value), width: 4, at: 0)
  }

  func read(_ index: UInt8) -> UInt32 {
    io.writeMemory(0, UInt64(index), width: 4, at: 0)
    return UInt32(truncatingIfNeeded: io.readMemory(0x10, width: 4, at: 0))
  }

  func write(_ index: UInt8, _ value: UInt32) {
    io.writeMemory(0, UInt64(index), width: 4, at: 0)
    io.writeMemory(0x10, UInt64(value), width: 4, at: 0)
  }

  func program(_ input: UInt8, _ low: UInt32, destination: UInt32 = 0) {
    write(0x11 + 2 * input, destination << 24)
    write(0x10 + 2 * input, low)
  }

  func set(_ input: Int, _ level: Bool) { io.setLine(input, level: level, at: 0) }

  var interrupt: Bool { wires.levels[0] }

  func acknowledge() -> InterruptAcknowledge { apic.acknowledge(at: 0) }

  func endOfInterrupt() { local(0xB0, 0) }
}

@Suite struct IOAPICTests {
  @Test func registers() {
    let rig = Rig()
    #expect(rig.read(0) == 0x0100_0000)
    #expect(rig.read(1) == 0x0017_0020)
    #expect(rig.read(2) == 0x0100_0000)
    for input: UInt8 in 0..<24 {
      #expect(rig.read(0x10 + 2 * input) == 0x0001_0000)
      #expect(rig.read(0x11 + 2 * input) == 0)
    }
    rig.write(0, 0xFFFF_FFFF)
    #expect(rig.read(0) == 0x0F00_0000)
    // Delivery status and remote IRR are read-only.
    rig.write(0x3E, 0xFFFF_FFFF)
    rig.write(0x3F, 0xFFFF_FFFF)
    #expect(rig.read(0x3E) == 0x0001_AFFF)
    #expect(rig.read(0x3F) == 0xFF00_0000)
    #expect(rig.read(0x40) == 0)
    rig.io.writeMemory(0, 1, width: 1, at: 0)
    #expect(rig.io.readMemory(0x12, width: 1, at: 0) == 0x17)
    #expect(rig.io.readMemory(0x10, width: 8, at: 0) == 0x0017_0020)
  }

  @Test func edge() {
    let rig = Rig()
    rig.program(4, 0x41)
    rig.set(4, true)
    #expect(rig.interrupt)
    #expect(rig.acknowledge() == .vector(0x41))
    rig.endOfInterrupt()
    // The level alone is not an edge.
    #expect(!rig.interrupt)
    rig.set(4, true)
    #expect(!rig.interrupt)
    rig.set(4, false)
    rig.set(4, true)
    #expect(rig.interrupt)
  }

  @Test func edgeWhileMaskedIsLost() {
    let rig = Rig()
    rig.program(4, 0x1_0041)
    rig.set(4, true)
    rig.program(4, 0x41)
    #expect(!rig.interrupt)
    #expect(rig.read(0x18) == 0x41)
  }

  @Test func levelWithRemoteIRR() {
    let rig = Rig()
    rig.program(16, 0xA051)
    rig.set(16, true)
    #expect(rig.read(0x30) == 0xE051)
    #expect(rig.acknowledge() == .vector(0x51))
    #expect(!rig.interrupt)
    // Still asserted at EOI: delivered again.
    rig.endOfInterrupt()
    #expect(rig.acknowledge() == .vector(0x51))
    rig.set(16, false)
    rig.endOfInterrupt()
    #expect(!rig.interrupt)
    #expect(rig.read(0x30) == 0xA051)
    // Unmasking an asserted level input delivers it.
    rig.program(16, 0x1_8051)
    rig.set(16, true)
    #expect(!rig.interrupt)
    rig.program(16, 0x8051)
    #expect(rig.interrupt)
  }

  @Test func endOfInterruptRegisterAndSuppression() {
    let rig = Rig()
    rig.local(0xF0, 0x11FF)
    rig.program(16, 0x8051)
    rig.set(16, true)
    #expect(rig.acknowledge() == .vector(0x51))
    rig.endOfInterrupt()
    #expect(rig.read(0x30) == 0xC051)
    #expect(!rig.interrupt)
    rig.io.writeMemory(0x40, 0x51, width: 4, at: 0)
    #expect(rig.interrupt)
  }

  @Test func edgeAndBackClearsRemoteIRR() {
    let rig = Rig()
    rig.program(16, 0x8051)
    rig.set(16, true)
    _ = rig.acknowledge()
    rig.set(16, false)
    rig.program(16, 0x1_0051)
    rig.program(16, 0x8051)
    #expect(rig.read(0x30) == 0x8051)
  }

  @Test func refusedMessagesWaitForTheLocalAPIC() {
    let rig = Rig(localEnabled: false)
    rig.program(16, 0x8051)
    rig.program(4, 0x41)
    rig.set(16, true)
    rig.set(4, true)
    // Delivery status: send pending, no remote IRR.
    #expect(rig.read(0x30) == 0x9051)
    #expect(rig.read(0x18) == 0x1041)
    rig.local(0xF0, 0x1FF)
    #expect(rig.read(0x30) == 0xC051)
    #expect(rig.read(0x18) == 0x41)
    #expect(rig.acknowledge() == .vector(0x51))
  }

  @Test func deliveryModesAndDestinations() {
    let rig = Rig()
    rig.program(1, 0x8400)
    rig.set(1, true)
    rig.set(1, true)
    #expect(rig.wires.edges[1] == 1)
    rig.program(2, 0x200)
    rig.set(2, true)
    #expect(rig.wires.edges[2] == 1)
    rig.program(3, 0x500)
    rig.set(3, true)
    #expect(rig.wires.edges[3] == 1)
    rig.program(0, 0x700)
    rig.set(0, true)
    #expect(rig.acknowledge() == .external)
    #expect(!rig.interrupt)
    rig.program(5, 0x145, destination: 7)
    rig.set(5, true)
    #expect(!rig.interrupt)
    // Logical, lowest priority, flat.
    rig.local(0xD0, 0x0100_0000)
    rig.program(6, 0x946, destination: 0xFF)
    rig.set(6, true)
    #expect(rig.acknowledge() == .vector(0x46))
  }

  @Test func stateRoundTrip() throws {
    let rig = Rig()
    rig.program(16, 0xA051)
    rig.set(16, true)
    rig.program(5, 0x145, destination: 7)
    rig.set(5, true)
    let bytes = savedState(of: rig.io)
    let other = Rig()
    var reader = StateReader(bytes)
    try other.io.restore(from: &reader)
    #expect(reader.isAtEnd)
    #expect(savedState(of: other.io) == bytes)
    #expect(other.read(0x30) == 0xE051)
    #expect(other.read(0x1A) == 0x1145)
  }

  @Test(arguments: [UInt64(11), 12]) func randomAccess(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let rig = Rig()
    let widths = [1, 2, 4, 8]
    for _ in 0..<100_000 {
      let width = widths[Int(random.below(4))]
      switch random.below(6) {
      case 0: rig.io.writeMemory(random.value(), random.value(), width: width, at: 0)
      case 1: _ = rig.io.readMemory(random.value(), width: width, at: 0)
      case 2: rig.write(UInt8(random.below(0x50)), UInt32(truncatingIfNeeded: random.value()))
      case 3: rig.set(Int(random.below(30)), random.below(2) == 0)
      case 4: if rig.interrupt { _ = rig.acknowledge() }
      default: rig.endOfInterrupt()
      }
      #expect(rig.interrupt == rig.apic.interruptPending)
    }
  }
}
