import ApusBase
import ApusCPU
import ApusDevices
import ApusMachine
import Foundation
import Testing

@Suite struct SnapshotTests {
  @Test func aForkGoesOnAsTheMachineDoes() throws {
    let said = Capture()
    let machine = try Lesson.start(said)
    machine.advance(to: 150_000)
    let heard = Capture()
    let before = machine.stateHash()
    let fork = try machine.fork { $0.serial = [heard] }
    #expect(fork.stateHash() == before && machine.stateHash() == before)
    #expect(try fork.snapshot().state == machine.snapshot().state)
    let start = said.bytes.count
    machine.advance(to: Lesson.length)
    #expect(fork.stateHash() == before, "what the machine does reaches no fork")
    fork.advance(to: Lesson.length)
    #expect(fork.stateHash() == machine.stateHash())
    #expect(fork.instructions == machine.instructions && fork.now == machine.now)
    #expect(heard.bytes == Array(said.bytes[start...]) && !heard.bytes.isEmpty)
  }

  /// At random moments of the run, the machine goes on from a snapshot of itself, in itself or in another machine, and
  /// ends as the one that nobody looked at.
  @Test(arguments: 1...8) func cyclesChangeNothing(seed: UInt64) throws {
    let unbroken = try Lesson.start()
    unbroken.advance(to: Lesson.length)
    var random = Random(seed)
    var machine = try Lesson.start()
    for _ in 0..<125 {
      machine.advance(to: machine.instructions + random.next(below: Lesson.length / 70))
      let snapshot = try machine.snapshot()
      switch random.next(below: 3) {
      case 0: try machine.restore(snapshot)
      case 1: machine = try machine.fork()
      default:
        // There and back again.
        machine.advance(to: machine.instructions + random.next(below: 5000))
        try machine.restore(snapshot)
      }
      #expect(try machine.snapshot().state == snapshot.state)
    }
    machine.advance(to: Lesson.length)
    #expect(machine.instructions == unbroken.instructions && machine.stateHash() == unbroken.stateHash())
  }

  @Test func forksOfForksAreTheirOwn() throws {
    let machine = try Lesson.start()
    machine.advance(to: 200_000)
    var forks: [Machine] = []
    for index in 0..<6 {
      let fork = try (forks.last ?? machine).fork()
      fork.advance(to: fork.instructions + UInt64(index) * 30_000)
      forks.append(fork)
    }
    let hashes = forks.map { $0.stateHash() }
    for fork in forks { fork.advance(to: Lesson.length) }
    machine.advance(to: Lesson.length)
    #expect(Set(hashes).count == forks.count, "each ran further than the one before")
    #expect(forks.allSatisfy { $0.stateHash() == machine.stateHash() })
  }

  /// Machines on several threads at once from one snapshot.
  @Test func forksRunAtOnce() async throws {
    let machine = try Lesson.start()
    machine.advance(to: 200_000)
    let snapshot = try machine.snapshot()
    let hashes = try await withThrowingTaskGroup(of: UInt64.self) { group in
      for _ in 0..<16 {
        group.addTask {
          let other = try Lesson.start()
          try other.restore(snapshot)
          other.advance(to: 600_000)
          return other.stateHash()
        }
      }
      return try await group.reduce(into: Set<UInt64>()) { $0.insert($1) }
    }
    machine.advance(to: 600_000)
    #expect(hashes == [machine.stateHash()])
  }

  @Test func damagedStateLeavesTheMachineAsItIs() throws {
    let machine = try Lesson.start()
    machine.advance(to: 300_000)
    let good = try machine.snapshot()
    machine.advance(to: 330_000)
    let before = machine.stateHash()
    var random = Random(5)
    var refused = 0
    for round in 0..<400 {
      var state = good.state
      let at = Int(random.next(below: UInt64(state.count)))
      if round % 2 == 0 {
        state.removeSubrange(at...)
      } else {
        state[at] ^= 1 << UInt8(random.next(below: 8))
      }
      let bad = MachineSnapshot(
        memory: good.memory, state: state, disks: good.disks, instructions: good.instructions)
      do {
        try machine.restore(bad)
        // A flipped bit of a register is a state like any other.
        machine.advance(to: machine.instructions + 2000)
        try machine.restore(good)
        machine.advance(to: 330_000)
      } catch {
        #expect(error.kind == .badInput && error.message.hasPrefix("snapshot: section "))
        refused += 1
      }
      if machine.stateHash() != before { Issue.record("round \(round) changed the machine"); return }
    }
    #expect(refused > 200)
  }

  @Test func drivesThatWriteToTheirFilesCannotGoBack() throws {
    func machine(_ drive: Drive) throws -> Machine {
      var configuration = Lesson.configuration()
      configuration.drives = [drive]
      return try Machine(configuration, ram: .allocate(size: configuration.memorySize))
    }
    let direct = try machine(Drive(interface: .ide, store: MemoryDisk(sectors: 64)))
    let expected = MachineError(
      message: "drive 0 writes to its file; attach it with snapshot=on to go back or to fork", kind: .usage)
    let snapshot = try direct.snapshot()
    #expect(throws: expected) { try direct.restore(snapshot) }
    #expect(throws: expected) { _ = try direct.fork() }

    let overlay = OverlayDisk(MemoryDisk(sectors: 64))
    let careful = try machine(Drive(interface: .ide, overlay: overlay))
    let sector = [UInt8](repeating: 0xA5, count: 512)
    try overlay.write(sector: 3, count: 1, from: sector, at: 0)
    let written = try careful.snapshot()
    var stores: [any BlockStore] = []
    let fork = try careful.fork { stores = $0.drives.map(\.store) }
    try overlay.write(sector: 3, count: 1, from: [UInt8](repeating: 0, count: 512), at: 0)
    var buffer = [UInt8](repeating: 0, count: 512)
    try stores[0].read(sector: 3, count: 1, into: &buffer, at: 0)
    #expect(buffer == sector, "the fork's disk is its own")
    try careful.restore(written)
    try overlay.read(sector: 3, count: 1, into: &buffer, at: 0)
    #expect(buffer == sector)
    withExtendedLifetime(fork) {}
  }

  @Test func anEndedRunHasNoSnapshot() throws {
    // OUT 604h, AX: soft off needs ACPI; HLT with interrupts off is no end, but a triple fault is.
    let machine = try Machine.program([0x0F, 0x01, 0x1E, 0x00, 0x7D, 0x0F, 0x0B])
    let good = try machine.snapshot()
    guard case .tripleFault = machine.run(instructions: 100) else {
      Issue.record("an IDT without entries has to end in a triple fault")
      return
    }
    #expect(throws: MachineError(message: "snapshot: the guest's run has ended", kind: .usage)) {
      _ = try machine.snapshot()
    }
    try machine.restore(good)
    guard case .tripleFault = machine.run(instructions: 100) else {
      Issue.record("and again after it went back")
      return
    }
  }
}
