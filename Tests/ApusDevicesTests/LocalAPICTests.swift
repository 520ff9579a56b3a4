import ApusBase
import ApusDevices
import Testing

/// A local APIC with its wires; registers by MMIO offset as the SDM's register address map gives them.
private struct Rig {
  static let intr = 0
  static let nmi = 1
  static let smi = 2
  static let initialization = 3

  let wires = InterruptWires()
  let apic: LocalAPIC

  init(id: UInt8 = 0, supportsX2APIC: Bool = true) {
    apic = LocalAPIC(
      intr: wires.line(Rig.intr), nmi: wires.line(Rig.nmi), smi: wires.line(Rig.smi),
      initialization: wires.line(Rig.initialization), id: id, supportsX2APIC: supportsX2APIC)
    apic.reset(at: 0)
  }

  /// Software-enabled, spurious vector FFh.
  static func enabled(id: UInt8 = 0) -> Rig {
    let rig = Rig(id: id)
    rig.write(0xF0, 0x1FF)
    return rig
  }

  static func x2APIC(id: UInt8 = 0) -> Rig {
    let rig = enabled(id: id)
    #expect(rig.apic.writeMSR(0x1B, 0xFEE0_0D00, at: 0))
    return rig
  }

  func read(_ offset: UInt64, at now: VirtualTime = 0) -> UInt32 {
    UInt32(truncatingIfNeeded: apic.readMemory(offset, width: 4, at: now))
  }

  func write(_ offset: UInt64, _ value: UInt32, at now: VirtualTime = 0) {
    apic.writeMemory(offset, UInt64(value), width: 4, at: now)
  }

  var interrupt: Bool { wires.levels[Rig.intr] }

  @discardableResult
  func deliver(_ vector: UInt8, level: Bool = false, at now: VirtualTime = 0) -> Bool {
    apic.acceptInterrupt(vector: vector, levelTriggered: level, at: now)
  }

  /// The ESR after the write that latches it.
  func errors() -> UInt32 {
    write(0x280, 0)
    return read(0x280)
  }
}

@Suite struct LocalAPICTests {
  @Test func stateAfterReset() {
    // SDM Vol. 3, "Local APIC State After Power-Up or Reset".
    let rig = Rig()
    #expect(rig.apic.readMSR(0x1B, at: 0) == 0xFEE0_0900)
    #expect(rig.read(0x20) == 0)
    #expect(rig.read(0x30) == 0x0105_0014)
    #expect(rig.read(0xD0) == 0)
    #expect(rig.read(0xE0) == 0xFFFF_FFFF)
    #expect(rig.read(0xF0) == 0xFF)
    for offset in stride(from: UInt64(0x320), through: 0x370, by: 0x10) {
      #expect(rig.read(offset) == 0x0001_0000)
    }
    for offset in stride(from: UInt64(0x100), through: 0x270, by: 0x10) { #expect(rig.read(offset) == 0) }
    for offset: UInt64 in [0x80, 0xA0, 0x280, 0x300, 0x310, 0x380, 0x390, 0x3E0] {
      #expect(rig.read(offset) == 0)
    }
    #expect(!rig.interrupt)
    #expect(rig.apic.mmioBase == 0xFEE0_0000)
    #expect(Rig(id: 5).read(0x20) == 0x0500_0000)
  }

  @Test func priorityAndNesting() {
    let rig = Rig.enabled()
    rig.deliver(0x31)
    rig.deliver(0x52)
    #expect(rig.interrupt)
    #expect(rig.apic.acknowledge(at: 0) == .vector(0x52))
    #expect(rig.read(0x120) == 1 << 0x12)
    #expect(rig.read(0xA0) == 0x50)
    // Same class does not preempt, a higher class does.
    rig.deliver(0x5F)
    #expect(!rig.interrupt)
    rig.deliver(0x60)
    #expect(rig.interrupt)
    #expect(rig.apic.acknowledge(at: 0) == .vector(0x60))
    rig.write(0xB0, 0)
    #expect(!rig.interrupt)
    rig.write(0xB0, 0)
    #expect(rig.apic.acknowledge(at: 0) == .vector(0x5F))
    rig.write(0xB0, 0)
    #expect(rig.apic.acknowledge(at: 0) == .vector(0x31))
    rig.write(0xB0, 0)
    #expect(!rig.interrupt)
    #expect(rig.read(0xA0) == 0)
  }

  @Test func taskPriorityAndCR8() {
    let rig = Rig.enabled()
    rig.write(0x80, 0x47)
    #expect(rig.apic.CR8 == 4)
    #expect(rig.read(0xA0) == 0x47)
    rig.deliver(0x4F)
    #expect(!rig.interrupt)
    rig.apic.writeCR8(3, at: 0)
    #expect(rig.read(0x80) == 0x30)
    #expect(rig.interrupt)
    // In service 41h with TPR 47h: equal classes give PPR = TPR.
    #expect(rig.apic.acknowledge(at: 0) == .vector(0x4F))
    rig.write(0x80, 0x47)
    #expect(rig.read(0xA0) == 0x47)
    rig.write(0x80, 0x37)
    #expect(rig.read(0xA0) == 0x40)
  }

  @Test func spuriousVectorWhenTheRequestIsGone() {
    let rig = Rig.enabled()
    rig.write(0xF0, 0x1EF)
    rig.deliver(0x40)
    #expect(rig.interrupt)
    rig.write(0x80, 0x80)
    #expect(rig.apic.acknowledge(at: 0) == .vector(0xEF))
    #expect(rig.read(0x170) == 0)
    rig.write(0x80, 0)
    #expect(rig.apic.acknowledge(at: 0) == .vector(0x40))
  }

  @Test func softwareDisabledKeepsWhatItHasAndRefusesMore() {
    let rig = Rig.enabled()
    rig.write(0x350, 0x700)
    #expect(rig.deliver(0x40))
    rig.write(0xF0, 0xFF)
    #expect(rig.read(0x350) == 0x1_0700)
    rig.write(0x350, 0x700)
    #expect(rig.read(0x350) == 0x1_0700)
    #expect(!rig.deliver(0x60))
    #expect(rig.interrupt)
    #expect(rig.apic.acknowledge(at: 0) == .vector(0x40))
    #expect(rig.apic.accept(InterruptMessage(vector: 0, deliveryMode: .nmi, destination: 0), at: 0))
    #expect(rig.wires.edges[Rig.nmi] == 1)
  }

  @Test func globallyDisabledPassesThePinsThrough() {
    let rig = Rig.enabled()
    rig.deliver(0x40)
    #expect(rig.apic.writeMSR(0x1B, 0xFEE0_0100, at: 0))
    #expect(!rig.apic.isEnabled)
    #expect(rig.apic.mmioBase == nil)
    #expect(!rig.interrupt)
    rig.apic.setLine(0, level: true, at: 1)
    #expect(rig.interrupt)
    #expect(rig.apic.acknowledge(at: 1) == .external)
    rig.apic.setLine(1, level: true, at: 2)
    #expect(rig.wires.levels[Rig.nmi])
    #expect(!rig.deliver(0x50))
    #expect(rig.apic.readMemory(0x30, width: 4, at: 2) == .max)
    // Enabled again, the registers have their reset values.
    #expect(rig.apic.writeMSR(0x1B, 0xFEE0_0900, at: 3))
    #expect(rig.read(0xF0) == 0xFF)
    #expect(!rig.interrupt)
  }

  @Test func virtualWire() {
    let rig = Rig()
    rig.apic.setLine(0, level: true, at: 0)
    #expect(!rig.interrupt)
    rig.apic.programVirtualWire(at: 0)
    #expect(rig.interrupt)
    #expect(rig.apic.acknowledge(at: 0) == .external)
    #expect(rig.interrupt)
    rig.apic.setLine(0, level: false, at: 1)
    #expect(!rig.interrupt)
    rig.apic.setLine(1, level: true, at: 2)
    #expect(rig.wires.edges[Rig.nmi] == 1)
    // A fixed interrupt of the APIC goes first, whatever the 8259A's priority.
    rig.apic.setLine(0, level: true, at: 3)
    rig.deliver(0x20, at: 3)
    #expect(rig.apic.acknowledge(at: 3) == .vector(0x20))
    #expect(rig.apic.acknowledge(at: 3) == .external)
  }

  @Test func externalByMessageIsServedOnce() {
    let rig = Rig.enabled()
    let message = InterruptMessage(vector: 0, deliveryMode: .external, destination: 0)
    #expect(rig.apic.accept(message, at: 0))
    #expect(rig.interrupt)
    #expect(rig.apic.acknowledge(at: 0) == .external)
    #expect(!rig.interrupt)
  }

  @Test func levelTriggeredLINT0HasRemoteIRR() {
    let rig = Rig.enabled()
    rig.write(0x350, 0x8045)
    rig.apic.setLine(0, level: true, at: 0)
    #expect(rig.read(0x350) == 0xC045)
    #expect(rig.read(0x1A0) == 1 << 5)
    #expect(rig.apic.acknowledge(at: 0) == .vector(0x45))
    rig.write(0xB0, 0)
    #expect(rig.apic.acknowledge(at: 0) == .vector(0x45))
    rig.apic.setLine(0, level: false, at: 1)
    rig.write(0xB0, 0)
    #expect(!rig.interrupt)
    #expect(rig.read(0x350) == 0x8045)
  }

  @Test func errorsAreLatchedByWriting() {
    let rig = Rig.enabled()
    rig.write(0x370, 0xE0)
    rig.write(0x300, 0x4_0005)
    #expect(rig.read(0x280) == 0)
    #expect(rig.apic.acknowledge(at: 0) == .vector(0xE0))
    #expect(rig.errors() == 0x20)
    rig.deliver(0x0F)
    #expect(rig.errors() == 0x40)
    #expect(rig.read(0x40) == 0)
    #expect(rig.errors() == 0x80)
    #expect(rig.errors() == 0)
  }

  @Test func partialAndWideAccess() {
    let rig = Rig.enabled()
    #expect(rig.apic.readMemory(0x32, width: 2, at: 0) == 0x0105)
    #expect(rig.apic.readMemory(0x30, width: 1, at: 0) == 0x14)
    #expect(rig.apic.readMemory(0x30, width: 8, at: 0) == 0x0105_0014)
    #expect(rig.apic.readMemory(0x34, width: 4, at: 0) == 0)
    rig.apic.writeMemory(0x80, 0x50, width: 1, at: 0)
    #expect(rig.read(0x80) == 0)
    rig.apic.writeMemory(0x80, 0xFFFF_FFFF_0000_0050, width: 8, at: 0)
    #expect(rig.read(0x80) == 0x50)
  }

  @Test func stateRoundTrip() throws {
    let rig = Rig.enabled()
    rig.write(0x320, 0x2_0040)
    rig.write(0x3E0, 11)
    rig.write(0x380, 1000)
    rig.deliver(0x55, level: true)
    rig.deliver(0x66)
    _ = rig.apic.acknowledge(at: 0)
    rig.apic.setLine(1, level: true, at: 1)
    rig.write(0x300, 0x4_0001, at: 2)
    let bytes = savedState(of: rig.apic)
    let other = Rig()
    var reader = StateReader(bytes)
    try other.apic.restore(from: &reader)
    #expect(reader.isAtEnd)
    #expect(savedState(of: other.apic) == bytes)
    #expect(other.apic.deadline == 1000)
    for length in 0..<bytes.count {
      var short = StateReader(Array(bytes[0..<length]))
      #expect(throws: StateError.self) { try other.apic.restore(from: &short) }
    }
  }
}

@Suite struct LocalAPICInterprocessorTests {
  /// ICR writes with the destination FFh in flat logical mode, physical mode and shorthands.
  @Test func destinations() {
    let rig = Rig.enabled(id: 3)
    func arrives(_ high: UInt32, _ low: UInt32) -> Bool {
      rig.write(0x310, high)
      rig.write(0x300, low)
      guard rig.interrupt else { return false }
      #expect(rig.apic.acknowledge(at: 0) == .vector(UInt8(truncatingIfNeeded: low)))
      rig.write(0xB0, 0)
      return true
    }
    #expect(arrives(0x0300_0000, 0x40))
    #expect(!arrives(0x0200_0000, 0x40))
    #expect(arrives(0xFF00_0000, 0x40))
    #expect(arrives(0, 0x4_0041))
    #expect(arrives(0, 0x8_0042))
    #expect(!arrives(0, 0xC_0043))
    // Flat: any common bit of the LDR.
    rig.write(0xD0, 0x0500_0000)
    #expect(arrives(0x0400_0000, 0x844))
    #expect(!arrives(0x0200_0000, 0x844))
    // Cluster 2, member 1.
    rig.write(0xE0, 0x0FFF_FFFF)
    rig.write(0xD0, 0x2200_0000)
    #expect(arrives(0x2300_0000, 0x945))
    #expect(!arrives(0x1300_0000, 0x945))
    #expect(!arrives(0x2500_0000, 0x945))
    #expect(arrives(0xF200_0000, 0x945))
    #expect(rig.errors() == 0)
    // Delivery status never stays pending.
    #expect(rig.read(0x300) & 0x1000 == 0)
  }

  @Test func modes() {
    let rig = Rig.enabled()
    rig.write(0x300, 0x400)
    #expect(rig.wires.edges[Rig.nmi] == 1)
    rig.write(0x300, 0x4500)
    #expect(rig.wires.edges[Rig.initialization] == 1)
    // INIT level de-assert does nothing.
    rig.write(0x300, 0x8500)
    #expect(rig.wires.edges[Rig.initialization] == 1)
    rig.write(0x300, 0x200)
    #expect(rig.wires.edges[Rig.smi] == 1)
    rig.write(0x300, 0x69A)
    #expect(rig.apic.takeStartUpPage() == 0x9A)
    #expect(rig.apic.takeStartUpPage() == nil)
    // NMI to self by shorthand is not a valid combination; all excluding self is nobody here.
    rig.write(0x300, 0x4_0400)
    rig.write(0x300, 0xC_0400)
    rig.write(0x300, 0xC_4500)
    #expect(rig.wires.edges[Rig.nmi] == 1)
    #expect(rig.wires.edges[Rig.initialization] == 1)
  }

  @Test func initializationKeepsModeAndPins() {
    let rig = Rig.x2APIC(id: 0x25)
    rig.apic.setLine(0, level: true, at: 0)
    rig.deliver(0x40)
    rig.apic.initialize(at: 1)
    #expect(!rig.interrupt)
    #expect(rig.apic.mode == .x2APIC)
    #expect(rig.apic.readMSR(0x80D, at: 1) == 0x0002_0020)
    rig.apic.programVirtualWire(at: 2)
    #expect(rig.interrupt)
  }

  @Test func messageSignalledInterrupts() throws {
    // SDM Vol. 3, "Message Address Register Format".
    #expect(InterruptMessage(msiPhysical: 0xFED0_0000, data: 0x41) == nil)
    let message = try #require(InterruptMessage(msiPhysical: 0xFEE0_3004, data: 0xC141))
    #expect(message.vector == 0x41)
    #expect(message.deliveryMode == .lowestPriority)
    #expect(message.isLogical && message.isLevelTriggered && message.isAsserted)
    #expect(message.destination == 3)
    let rig = Rig.enabled()
    rig.write(0xD0, 0x0100_0000)
    #expect(rig.apic.accept(message, at: 0))
    #expect(rig.apic.acknowledge(at: 0) == .vector(0x41))
  }
}

@Suite struct LocalAPICx2APICTests {
  @Test func baseTransitions() {
    // SDM Vol. 3, "x2APIC State Transitions": rows are the present mode, columns the written mode.
    let disabled: UInt64 = 0xFEE0_0100
    let xAPIC: UInt64 = 0xFEE0_0900
    let x2APIC: UInt64 = 0xFEE0_0D00
    let invalid: UInt64 = 0xFEE0_0500
    let table: [(UInt64, [Bool])] = [
      (disabled, [true, true, false, false]), (xAPIC, [true, true, true, false]),
      (x2APIC, [true, false, true, false]),
    ]
    for (present, allowed) in table {
      for (written, expected) in zip([disabled, xAPIC, x2APIC, invalid], allowed) {
        let rig = Rig()
        #expect(rig.apic.writeMSR(0x1B, present, at: 0))
        #expect(rig.apic.writeMSR(0x1B, written, at: 0) == expected)
        #expect(rig.apic.readMSR(0x1B, at: 0) == (expected ? written : present))
      }
    }
  }

  @Test func baseReservedBitsAndRelocation() {
    let rig = Rig()
    for bit in [0, 1, 7, 9, 40, 63] {
      #expect(!rig.apic.writeMSR(0x1B, 0xFEE0_0900 | 1 << UInt64(bit), at: 0))
    }
    #expect(rig.apic.writeMSR(0x1B, 0x12_3456_7800 & ~0xFFF | 0x800, at: 0))
    #expect(rig.apic.mmioBase == 0x12_3456_7000)
    #expect(!Rig(supportsX2APIC: false).apic.writeMSR(0x1B, 0xFEE0_0D00, at: 0))
  }

  @Test func registerFaults() {
    let xAPIC = Rig.enabled()
    #expect(xAPIC.apic.readMSR(0x802, at: 0) == nil)
    #expect(!xAPIC.apic.writeMSR(0x808, 0, at: 0))
    let rig = Rig.x2APIC(id: 0x25)
    #expect(rig.apic.mmioBase == nil)
    #expect(rig.apic.readMSR(0x802, at: 0) == 0x25)
    #expect(rig.apic.readMSR(0x803, at: 0) == 0x0105_0014)
    // LDR = cluster (ID[31:4]) and bit (ID[3:0]): "Deriving Logical x2APIC ID from the Local x2APIC ID".
    #expect(rig.apic.readMSR(0x80D, at: 0) == 0x0002_0020)
    let readable: Set<UInt32> = Set(
      [0x802, 0x803, 0x808, 0x80A, 0x80D, 0x80F, 0x828, 0x830, 0x838, 0x839, 0x83E]
        + Array(0x810...0x827) + Array(0x832...0x837))
    let writable: Set<UInt32> = Set(
      [0x808, 0x80B, 0x80F, 0x828, 0x830, 0x838, 0x83E, 0x83F] + Array(0x832...0x837))
    for index: UInt32 in 0x800...0x8FF {
      #expect((rig.apic.readMSR(index, at: 0) != nil) == readable.contains(index), "\(index)")
      // A self IPI of vector 0 is allowed and counts as an error, not as a fault.
      #expect(rig.apic.writeMSR(index, 0, at: 0) == writable.contains(index), "\(index)")
    }
    #expect(rig.apic.writeMSR(0x80F, 0x1FF, at: 0))
    let faulting: [(UInt32, UInt64)] = [
      (0x808, 0x100), (0x80B, 1), (0x80F, 0x200), (0x828, 1), (0x830, 0x2000), (0x832, 0x8_0000),
      (0x833, 0x8000), (0x837, 0x700), (0x838, 1 << 32), (0x83E, 4), (0x83F, 0x100),
    ]
    for (index, value) in faulting { #expect(!rig.apic.writeMSR(index, value, at: 0), "\(index)") }
  }

  @Test func interprocessorInterrupts() {
    let rig = Rig.x2APIC(id: 0x25)
    func arrives(_ value: UInt64) -> Bool {
      #expect(rig.apic.writeMSR(0x830, value, at: 0))
      guard rig.interrupt else { return false }
      _ = rig.apic.acknowledge(at: 0)
      #expect(rig.apic.writeMSR(0x80B, 0, at: 0))
      return true
    }
    #expect(arrives(0x25 << 32 | 0x40))
    #expect(!arrives(0xFF << 32 | 0x40))
    #expect(arrives(0xFFFF_FFFF << 32 | 0x40))
    #expect(arrives(0x0002_0030 << 32 | 0x840))
    #expect(!arrives(0x0001_0020 << 32 | 0x840))
    #expect(!arrives(0x0002_0010 << 32 | 0x840))
    #expect(rig.apic.readMSR(0x830, at: 0) == 0x0002_0010 << 32 | 0x840)
    #expect(rig.apic.writeMSR(0x83F, 0x77, at: 0))
    #expect(rig.apic.acknowledge(at: 0) == .vector(0x77))
  }
}

@Suite struct LocalAPICTimerTests {
  @Test(arguments: [
    (UInt32(0), UInt64(2)), (1, 4), (2, 8), (3, 16), (8, 32), (9, 64), (10, 128), (11, 1),
  ]) func divider(code: UInt32, divisor: UInt64) {
    let rig = Rig.enabled()
    rig.write(0x3E0, code)
    rig.write(0x380, 1000)
    #expect(rig.read(0x390) == 1000)
    #expect(rig.read(0x390, at: divisor - 1) == 1000)
    #expect(rig.read(0x390, at: divisor) == 999)
    #expect(rig.read(0x390, at: divisor * 999) == 1)
    #expect(rig.read(0x390, at: divisor * 1000) == 0)
    #expect(rig.read(0x390, at: divisor * 1001) == 0)
  }

  @Test func oneShot() {
    let rig = Rig.enabled()
    rig.write(0x3E0, 11)
    rig.write(0x320, 0x40)
    rig.write(0x380, 500, at: 100)
    #expect(rig.apic.deadline == 600)
    rig.apic.run(at: 600)
    #expect(rig.interrupt)
    #expect(rig.apic.acknowledge(at: 600) == .vector(0x40))
    rig.write(0xB0, 0, at: 601)
    #expect(rig.apic.deadline == .never)
    #expect(!rig.interrupt)
    // Masked, it counts and loses the interrupt.
    rig.write(0x320, 0x1_0040, at: 601)
    rig.write(0x380, 100, at: 700)
    #expect(rig.apic.deadline == .never)
    rig.write(0x320, 0x40, at: 900)
    #expect(!rig.interrupt)
    #expect(rig.apic.deadline == .never)
    // Zero stops it.
    rig.write(0x380, 100, at: 1000)
    rig.write(0x380, 0, at: 1050)
    #expect(rig.apic.deadline == .never)
  }

  @Test func periodic() {
    let rig = Rig.enabled()
    rig.write(0x3E0, 11)
    rig.write(0x320, 0x2_0040)
    rig.write(0x380, 100)
    for period in 1...5 {
      let due = UInt64(period) * 100
      #expect(rig.apic.deadline == due)
      rig.apic.run(at: due)
      #expect(rig.read(0x390, at: due) == 100)
      #expect(rig.apic.acknowledge(at: due) == .vector(0x40))
      rig.write(0xB0, 0, at: due)
    }
    // While the vector is requested, further expiries merge into it, and the phase stays.
    rig.apic.run(at: 600)
    #expect(rig.apic.deadline == .never)
    #expect(rig.apic.acknowledge(at: 1234) == .vector(0x40))
    #expect(rig.apic.deadline == 1300)
    #expect(rig.read(0x390, at: 1234) == 66)
    // A change of the divider goes on from the present count.
    rig.write(0x3E0, 0, at: 1250)
    #expect(rig.read(0x390, at: 1250) == 50)
    #expect(rig.apic.deadline == 1350)
  }

  @Test func tscDeadline() {
    let rig = Rig.enabled()
    // Outside TSC-deadline mode, writes are ignored and reads are zero.
    rig.apic.writeTSCDeadline(5000, due: 5000, at: 0)
    #expect(rig.apic.tscDeadline(at: 0) == 0)
    rig.write(0x320, 0x4_0040)
    rig.write(0x380, 100)
    #expect(rig.read(0x380) == 0)
    rig.apic.writeTSCDeadline(7000, due: 5000, at: 0)
    #expect(rig.apic.tscDeadline(at: 4999) == 7000)
    #expect(rig.apic.deadline == 5000)
    #expect(rig.read(0x390) == 0)
    rig.apic.run(at: 5000)
    #expect(rig.apic.tscDeadline(at: 5000) == 0)
    #expect(rig.apic.acknowledge(at: 5000) == .vector(0x40))
    rig.write(0xB0, 0, at: 5000)
    // A deadline in the past fires at once.
    rig.apic.writeTSCDeadline(1, due: 0, at: 6000)
    #expect(rig.interrupt)
    #expect(rig.apic.tscDeadline(at: 6000) == 0)
    _ = rig.apic.acknowledge(at: 6000)
    rig.write(0xB0, 0, at: 6000)
    // Zero disarms; leaving the mode disarms; moving the TSC moves the deadline.
    rig.apic.writeTSCDeadline(9000, due: 9000, at: 6000)
    rig.apic.writeTSCDeadline(0, due: 0, at: 6000)
    #expect(rig.apic.deadline == .never)
    rig.apic.writeTSCDeadline(9000, due: 9000, at: 6000)
    rig.apic.moveTSCDeadline(due: 8000, at: 6000)
    #expect(rig.apic.deadline == 8000)
    rig.write(0x320, 0x40, at: 6000)
    #expect(rig.apic.deadline == .never)
    #expect(rig.apic.tscDeadline(at: 6000) == 0)
  }

  @Test func performanceEntryMasksItself() {
    let rig = Rig.enabled()
    rig.write(0x340, 0x400)
    rig.apic.performanceCounterOverflow(at: 0)
    rig.apic.performanceCounterOverflow(at: 1)
    #expect(rig.wires.edges[Rig.nmi] == 1)
    #expect(rig.read(0x340) == 0x1_0400)
    rig.write(0x330, 0x50)
    rig.apic.thermalEvent(at: 2)
    #expect(rig.apic.acknowledge(at: 2) == .vector(0x50))
  }
}

@Suite struct LocalAPICFuzzTests {
  /// Random accesses never trap, the INTR output always agrees with the registers, deadlines always move.
  @Test(arguments: [UInt64(1), 2, 3, 4]) func randomAccess(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let rig = Rig(id: UInt8(random.below(0xFE)))
    let io = IOAPIC(destination: rig.apic)
    rig.apic.messageSource = io
    let widths = [1, 2, 4, 8]
    let bases: [UInt64] = [0xFEE0_0100, 0xFEE0_0900, 0xFEE0_0D00]
    var now: VirtualTime = 0
    for _ in 0..<60_000 {
      now = now.later(by: random.below(3) == 0 ? random.below(1 << random.below(40)) : random.below(100))
      let offset = random.below(3) == 0 ? random.next() : random.below(0x40) << 4
      let width = widths[Int(random.below(4))]
      switch random.below(12) {
      case 0, 1: _ = rig.apic.readMemory(offset, width: width, at: now)
      case 2, 3: rig.apic.writeMemory(offset, random.value(), width: width, at: now)
      case 4:
        if random.below(20) == 0 {
          _ = rig.apic.writeMSR(0x1B, bases[Int(random.below(3))], at: now)
          rig.write(0xF0, 0x1FF, at: now)
        }
      case 5: _ = rig.apic.writeMSR(0x800 + UInt32(random.below(0x40)), random.value(), at: now)
      case 6: _ = rig.apic.readMSR(0x800 + UInt32(random.below(0x40)), at: now)
      case 7: rig.apic.setLine(Int(random.below(3)), level: random.below(2) == 0, at: now)
      case 8: if rig.interrupt { _ = rig.apic.acknowledge(at: now) }
      case 9:
        rig.apic.writeTSCDeadline(random.value(), due: now.later(by: random.below(1000)), at: now)
        rig.apic.writeCR8(random.below(16), at: now)
      case 10:
        rig.apic.acceptInterrupt(
          vector: UInt8(random.below(256)), levelTriggered: random.below(2) == 0, at: now)
        io.writeMemory(0x10 * random.below(5), random.value(), width: 4, at: now)
        io.setLine(Int(random.below(24)), level: random.below(2) == 0, at: now)
      default: rig.write(0xB0, 0, at: now)
      }
      #expect(rig.interrupt == rig.apic.interruptPending)
      let end = now.later(by: 50)
      guard serveDeadlines(of: rig.apic, until: end, from: now, limit: 8) != nil else {
        Issue.record("a deadline did not move at \(now)")
        return
      }
      now = end
    }
  }
}
