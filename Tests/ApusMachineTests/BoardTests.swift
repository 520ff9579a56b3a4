import ApusBase
import ApusCPU
import ApusDevices
import ApusMachine
import Testing

@Suite struct BoardTests {
  // MARK: Routing

  @Test func reachesTheDevices() throws {
    let bench = try BoardBench()
    // PCI configuration mechanism #1: 00:00.0 is the 440FX.
    bench.out(0xCF8, 0x8000_0000, width: 4)
    #expect(bench.in(0xCF8, width: 4) == 0x8000_0000)
    #expect(bench.in(0xCFC, width: 4) == 0x1237_8086)
    // 00:01.1, the IDE function: class code.
    bench.out(0xCF8, 0x8000_0908, width: 4)
    #expect(bench.in(0xCFE, width: 2) == 0x0101)
    #expect(bench.in(0xE9) == 0xE9)
    bench.out(0x80, 0x55)
    #expect(bench.in(0x80) == 0x55)
    // Nobody is there.
    #expect(bench.in(0x3D4, width: 2) == 0xFFFF)
    #expect(bench.in(0xF4) == 0xFF, "no debug exit without the option")
    // I/O APIC version, local APIC version, HPET capabilities, a hole.
    bench.board.writePhysical(ACPITables.ioAPICBase, 1, width: 4)
    #expect(bench.board.readPhysical(ACPITables.ioAPICBase + 0x10, width: 4) & 0xFF00FF == 0x17_0020)
    #expect(bench.board.readPhysical(0xFEE0_0030, width: 4) == UInt64(LocalAPIC.version))
    #expect(bench.board.readPhysical(ACPITables.hpetBase, width: 8) == HPET.capabilities)
    #expect(bench.board.readPhysical(0xFEA0_0000, width: 8) == .max)
    #expect(bench.board.readPhysical(0xA_0000, width: 4) == 0xFFFF_FFFF)
    #expect(bench.board.readPhysical(.max, width: 8) == .max)
  }

  @Test func splitsAccessesAtTheEndOfADevice() throws {
    let bench = try BoardBench()
    #expect(bench.board.readPhysical(ACPITables.hpetBase + 0x3FC, width: 8) >> 32 == 0xFFFF_FFFF)
    #expect(bench.board.readPhysical(0xFEE0_0FFC, width: 8) >> 32 == 0xFFFF_FFFF)
    // Ports 91h to 94h: port 92h alone answers.
    bench.out(0x91, 0x0002_0200, width: 4)
    #expect(bench.in(0x91, width: 4) == 0xFFFF_02FF)
  }

  @Test func followsTheLocalAPICsBase() throws {
    let bench = try BoardBench()
    #expect(bench.board.writeMSR(0x1B, 0xFEE1_0900))
    #expect(bench.board.readMSR(0x1B) == 0xFEE1_0900)
    #expect(bench.board.readPhysical(0xFEE1_0030, width: 4) == UInt64(LocalAPIC.version))
    #expect(bench.board.readPhysical(0xFEE0_0030, width: 4) == 0xFFFF_FFFF)
    #expect(bench.board.readMSR(0x10) == nil && !bench.board.writeMSR(0x802, 0))
  }

  @Test func refusesASecondDeviceAtItsPlace() throws {
    let bench = try BoardBench()
    #expect(
      throws: AttachError.portsOverlap(device: "DebugConsole", first: 0xE9, last: 0xE9, owner: "DebugConsole")
    ) { try bench.board.attach(DebugConsole(sink: nil), ports: DebugConsole.portRanges) }
    #expect(
      throws: AttachError.memoryOverlaps(
        device: "DebugConsole", first: 0xFED0_0000, last: 0xFED0_0FFF, owner: "HPET")
    ) { try bench.board.attach(DebugConsole(sink: nil), memory: 0xFED0_0000, size: 0x1000) }
  }

  @Test func refusesTooManyDrives() throws {
    let four = (0..<4).map { _ in Drive(interface: .ide, store: MemoryDisk(sectors: 8)) }
    _ = try BoardBench { $0.drives = four }
    #expect(throws: MachineError.self) {
      try BoardBench { $0.drives = four + [Drive(interface: .ide, store: MemoryDisk(sectors: 8))] }
    }
    let virtio = (0..<29).map { _ in Drive(interface: .virtio, store: MemoryDisk(sectors: 8)) }
    _ = try BoardBench { $0.drives = Array(virtio.prefix(28)) }
    #expect(throws: MachineError.self) { try BoardBench { $0.drives = virtio } }
  }

  @Test func drivesTakeTheirPlaces() throws {
    let second = Drive(interface: .ide, place: 1, store: MemoryDisk(sectors: 8))
    let bench = try BoardBench { $0.drives = [second] }
    // Status of the primary channel's drives: 0 is absent, 50h is ready.
    bench.out(0x1F6, 0xA0)
    #expect(bench.in(0x1F7) == 0)
    bench.out(0x1F6, 0xB0)
    #expect(bench.in(0x1F7) == 0x50)
    #expect(throws: MachineError.self) { try BoardBench { $0.drives = [second, second] } }
    #expect(throws: MachineError.self) {
      try BoardBench { $0.drives = [Drive(interface: .ide, place: 4, store: MemoryDisk(sectors: 8))] }
    }
  }

  // MARK: Interrupts

  /// 8254 → HPET → fabric → 8259A → LINT0 → INTR.
  @Test func deliversTheTimerThroughThePIC() throws {
    let bench = try BoardBench()
    bench.initializePIC(unmasked: 1)
    for (port, value) in [(0x43, 0x34), (0x40, 0xE8), (0x40, 0x03)] as [(UInt16, UInt32)] {
      bench.out(port, value)
    }
    #expect(!bench.board.localAPIC.interruptPending)
    // 1000 periods of 1.193182 MHz are 838 us.
    bench.advance(to: 830_000)
    #expect(!bench.board.localAPIC.interruptPending)
    bench.advance(to: 845_000)
    #expect(bench.board.localAPIC.interruptPending)
    #expect(bench.board.acknowledgeInterrupt() == 0x20)
    #expect(!bench.board.localAPIC.interruptPending)
  }

  /// IRQ 0 is input 2 of the I/O APIC.
  @Test func deliversTheTimerThroughTheIOAPIC() throws {
    let bench = try BoardBench()
    bench.redirect(2, 0x31)
    for (port, value) in [(0x43, 0x34), (0x40, 0xE8), (0x40, 0x03)] as [(UInt16, UInt32)] {
      bench.out(port, value)
    }
    bench.advance(to: 845_000)
    #expect(bench.board.localAPIC.interruptPending)
    #expect(bench.board.acknowledgeInterrupt() == 0x31)
  }

  /// Under the legacy replacement route, timer 0 of the HPET has IRQ 0 and the 8254 does not.
  @Test func replacesTheTimerByTheHPET() throws {
    let bench = try BoardBench()
    bench.redirect(2, 0x31)
    let base = ACPITables.hpetBase
    bench.board.writePhysical(base + 0x10, 3, width: 8)
    for (port, value) in [(0x43, 0x34), (0x40, 0xE8), (0x40, 0x03)] as [(UInt16, UInt32)] {
      bench.out(port, value)
    }
    bench.advance(to: 900_000)
    #expect(!bench.board.localAPIC.interruptPending)
    bench.board.writePhysical(base + 0x100, 4, width: 8)
    // 100 MHz, started at 0: 1 ms.
    bench.board.writePhysical(base + 0x108, 100_000, width: 8)
    bench.advance(to: 990_000)
    #expect(!bench.board.localAPIC.interruptPending)
    bench.advance(to: 1_010_000)
    #expect(bench.board.acknowledgeInterrupt() == 0x31)
  }

  @Test func deliversSerialInput() throws {
    let bench = try BoardBench()
    bench.initializePIC(unmasked: 1 << 4)
    // COM3 shares IRQ 4 with COM1: received data interrupt, OUT2.
    bench.out(0x3E9, 0x01)
    bench.out(0x3EC, 0x08)
    #expect(bench.board.serial[2].receive([0x41], at: bench.processor.now) == 1)
    bench.board.noteDeadlines()
    bench.advance(to: 10_000_000)
    #expect(bench.board.acknowledgeInterrupt() == 0x24)
    #expect(bench.in(0x3E8) == 0x41)
  }

  @Test func latchesFloatingPointErrors() throws {
    let bench = try BoardBench()
    bench.initializePIC(unmasked: 1 << 13 | 1 << 2)
    bench.board.signalFloatingPointError()
    #expect(bench.board.acknowledgeInterrupt() == 0x2D)
    bench.out(0xF0, 0)
    bench.out(0xA0, 0x0B)
    #expect(bench.in(0xA0) == 0x20, "in service")
    bench.out(0xA0, 0x20)
    bench.out(0x20, 0x20)
    #expect(!bench.board.localAPIC.interruptPending)
  }

  @Test func armsTheTSCDeadline() throws {
    let bench = try BoardBench()
    // Past the first clock of the PIT, which loads its counter.
    bench.advance(to: 1000)
    // Timer LVT: TSC-deadline mode, vector 40h.
    bench.board.writePhysical(0xFEE0_0320, 0x4_0040, width: 4)
    bench.board.writeTSCDeadline(5000, due: 5000)
    #expect(bench.board.readTSCDeadline() == 5000)
    #expect(bench.board.deadlines.earliest == 5000)
    bench.board.moveTSCDeadline(due: 7000)
    #expect(bench.board.deadlines.earliest == 7000)
    bench.advance(to: 7000)
    #expect(bench.board.acknowledgeInterrupt() == 0x40)
  }

  // MARK: Reset, A20, power

  @Test func notesResetsUntilTheAccessIsOver() throws {
    let bench = try BoardBench()
    for (port, value) in [(0x64, 0xFE), (0x92, 0x01), (0xCF9, 0x06), (0xCF9, 0x04)] as [(UInt16, UInt32)] {
      bench.out(0xCF9, 0)
      #expect(!bench.board.pins.requests.reset)
      bench.out(port, value)
      #expect(bench.board.pins.takeRequests().reset, "port \(port)")
    }
    bench.out(0x604, 0x2000, width: 2)
    #expect(bench.board.pins.takeRequests().powerOff)
  }

  @Test func opensA20AsTheLastWriterHasIt() throws {
    let bench = try BoardBench()
    #expect(bench.board.pins.isA20Open)
    bench.out(0x92, 0x00)
    #expect(!bench.board.pins.isA20Open)
    bench.out(0x64, 0xD1)
    bench.out(0x60, 0xDF)
    #expect(bench.board.pins.isA20Open)
    bench.out(0x64, 0xD1)
    bench.out(0x60, 0xDD)
    #expect(!bench.board.pins.isA20Open)
    bench.out(0x92, 0x02)
    #expect(bench.board.pins.isA20Open)
    bench.out(0x92, 0x00)
    bench.board.reset(at: bench.processor.now)
    #expect(bench.board.pins.isA20Open)
  }

  // MARK: What firmware leaves

  @Test func programsELCRAndPCI() throws {
    let bench = try BoardBench { $0.drives = [Drive(interface: .virtio, store: MemoryDisk(sectors: 8))] }
    // IRQ 9, 10 and 11 are level-triggered.
    #expect(bench.in(0x4D0) == 0 && bench.in(0x4D1) == 0x0E)
    // 00:03.0 is the virtio drive, with its base address registers in the PCI window.
    bench.out(0xCF8, 0x8000_1800, width: 4)
    #expect(bench.in(0xCFC, width: 4) == 0x1042_1AF4)
    bench.out(0xCF8, 0x8000_1810, width: 4)
    let base = UInt64(bench.in(0xCFC, width: 4) & ~0xF)
    #expect(bench.board.pci.memoryWindow.contains(base))
    // num_queues of the common configuration structure (VIRTIO 1.2).
    #expect(bench.board.readPhysical(base + 0x12, width: 2) == 1)
  }

  @Test(arguments: [32 << 20, 256 << 20, 3 << 30, 5 << 30] as [UInt64])
  func tellsMemorySizesInCMOS(size: UInt64) throws {
    var configuration = MachineConfiguration()
    configuration.memorySize = size
    let map = try MemoryMap(ramSize: size)
    let board = try Board(configuration, map)
    defer { board.disconnect() }
    func byte(_ index: UInt32) -> UInt64 {
      board.writePort(0x70, index, width: 1)
      return UInt64(board.readPort(0x71, width: 1))
    }
    #expect(byte(0x15) | byte(0x16) << 8 == 640)
    let below = 16 << 20 + (byte(0x34) | byte(0x35) << 8) << 16
    let above = (byte(0x5B) | byte(0x5C) << 8 | byte(0x5D) << 16) << 16
    #expect(below == min(size, 3 << 30))
    #expect(below + above == size)
  }

  @Test func placesTheACPITables() throws {
    let bench = try BoardBench()
    let rsdp = try bench.board.placeACPITables()
    #expect(rsdp == 0xF_0000)
    var pointer = [UInt8](repeating: 0, count: 36)
    #expect(bench.board.memory.dmaRead(rsdp, into: &pointer, 0..<36))
    #expect(Array(pointer[0..<8]) == Array("RSD PTR ".utf8))
    #expect(pointer[0..<20].reduce(0, &+) == 0 && pointer.reduce(0, &+) == 0)
    let xsdt = try #require(bench.board.memory.dmaRead(rsdp + 24, as: UInt64.self))
    let map = try MemoryMap(ramSize: 32 << 20)
    #expect(map.acpiTables.contains(xsdt) && !map.isUsable(xsdt, 1))
    #expect(bench.board.memory.dmaRead(xsdt, as: UInt32.self) == 0x5444_5358)
  }

  // MARK: Guest memory

  @Test func keepsDMAWithinRAM() throws {
    let bench = try BoardBench()
    let memory = bench.board.memory
    let end = UInt64(32 << 20)
    #expect(memory.dmaWrite(end - 4, UInt32(0x1234_5678)))
    #expect(memory.dmaRead(end - 4, as: UInt32.self) == 0x1234_5678)
    for physical in [end - 3, end, 0x9_FFFD, 0xA_0000, 0xFEC0_0000, 1 << 32, .max, .max - 2] as [UInt64] {
      #expect(!memory.dmaWrite(physical, UInt32(1)))
      var buffer: [UInt8] = [1, 2, 3, 4, 5]
      #expect(!memory.dmaRead(physical, into: &buffer, 1..<5))
      #expect(buffer == [1, 0xFF, 0xFF, 0xFF, 0xFF])
    }
    #expect(!memory.zero(.max, at: 1) && !memory.zero(end + 1, at: 0))
    #expect(memory.zero(4, at: end - 4))
    #expect(memory.dmaRead(end - 4, as: UInt32.self) == 0)
  }

  @Test func survivesRandomMemoryAccesses() throws {
    let bench = try BoardBench { $0.drives = [Drive(interface: .virtio, store: MemoryDisk(sectors: 8))] }
    var generator = SeededGenerator(state: 2)
    let bases: [UInt64] = [0xFEC0_0000, 0xFED0_0000, 0xFEE0_0000, 0x200_0000, 0xA_0000, .max - 0xFFF]
    for _ in 0..<200_000 {
      let physical =
        (bases.randomElement(using: &generator) ?? 0) &+ .random(in: 0..<0x4100, using: &generator)
      let width = [1, 2, 4, 8].randomElement(using: &generator) ?? 1
      if Bool.random(using: &generator) {
        bench.board.writePhysical(physical, .random(in: 0...(.max), using: &generator), width: width)
      } else {
        _ = bench.board.readPhysical(physical, width: width)
      }
    }
    bench.advance(to: bench.processor.now + 1_000_000)
  }
}
