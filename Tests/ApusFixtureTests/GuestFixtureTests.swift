import ApusFixture
import ApusMachine
import Testing

@Suite struct GuestFixtureTests {
  /// What a wait throws.
  private func failure(_ wait: () throws -> Void) -> GuestFailure? {
    do {
      try wait()
      return nil
    } catch { return error as? GuestFailure }
  }

  // MARK: Waiting

  @Test func textsAreFoundInTheirOrder() throws {
    let machine = try GuestFixture(program: Code.say("one two one three") + Code.halt)
    #expect(try machine.waitForSerial("one") == "one")
    #expect(try machine.waitForSerial("one") == " two one")
    #expect(try machine.waitForSerial("three", within: 0) == " three", "it was there before")
    #expect(failure { try machine.waitForSerial("two") }?.reason == .halted)
    #expect(machine.serialText() == "one two one three" && machine.serialText(port: 1).isEmpty)
    #expect(
      failure { try machine.waitForSerial("one", port: 4) }?.reason == .misuse("there are ports 0 to 3"))
  }

  @Test func theReasonOfAFailureIsNamed() throws {
    let spinning = try GuestFixture(program: Code.say("up\u{1B}[2J\r\n") + Code.spin)
    let late = try #require(failure { try spinning.waitForSerial("never", within: 0.001) })
    #expect(late.reason == .timeUp && late.seconds >= 0.001 && late.seconds < 0.0011)
    #expect(late.output.map(\.port) == ["COM1"] && late.registers == spinning.registers)
    let text = late.description
    #expect(text.hasPrefix("Waited for 'never' on COM1; the time for it is over. The guest has executed "))
    #expect(text.contains(" in 0.001 s of its time.\nCOM1:\n  up?[2J\nRegisters:\n  RAX "), "\(text)")
    spinning.instructionLimit = spinning.instructions + 12_345
    #expect(failure { try spinning.waitForEnd() }?.reason == .instructionLimit)
    #expect(spinning.instructions == spinning.instructionLimit)
    spinning.instructionLimit = .max
    var looks = 0
    spinning.shouldStop = {
      looks += 1
      return looks == 10
    }
    #expect(failure { try spinning.waitForEnd() }?.reason == .stopped && looks == 10)

    let dying = try GuestFixture(program: Code.tripleFault)
    let death = try #require(failure { try dying.waitForSerial("alive") })
    guard case .ended(.tripleFault(let report)) = death.reason else {
      Issue.record("\(death)")
      return
    }
    #expect(report.contains("RIP 0000000000007C05"))
    #expect(death.description.contains("'alive' on COM1; the guest died of a triple fault. The guest has"))
    #expect(death.description.contains("\nIt has sent nothing.\nRegisters:\n"))
    #expect(try dying.waitForEnd() == .tripleFault(report: report))
    #expect(throws: MachineError.self) { try dying.snapshot() }
  }

  @Test func endsAreReturned() throws {
    #expect(try GuestFixture(program: Code.exit(0x2A)).waitForEnd() == .debugExit(0x2A))
    // mov dx, 604h; mov ax, 2000h; out dx, ax
    let off: [UInt8] = [0xBA, 0x04, 0x06, 0xB8, 0x00, 0x20, 0xEF]
    let machine = try GuestFixture(program: Code.say("bye") + off)
    #expect(try machine.waitForSerial("bye") == "bye")
    #expect(try machine.waitForEnd() == .poweredOff && machine.end == .poweredOff)
    try machine.press("a")
    #expect(failure { try machine.run(instructions: 1) }?.reason == .ended(.poweredOff))
    // mov al, 0FEh; out 64h, al
    let reset: [UInt8] = [0xB0, 0xFE, 0xE6, 0x64]
    #expect(try GuestFixture(program: reset + Code.spin).waitForEnd() == .reset)
    let again = try GuestFixture(program: Code.say("x") + reset + Code.spin) { $0.resetEnds = false }
    try again.run(instructions: 60)
    #expect(again.serialText().hasPrefix("xxx"))
    let deaf = try GuestFixture(program: Code.exit(1) + Code.halt) { $0.debugExitPorts = nil }
    #expect(failure { try deaf.waitForEnd() }?.reason == .halted)
  }

  @Test func runsAreExact() throws {
    let machine = try GuestFixture(program: Code.spin)
    try machine.run(instructions: 123_457)
    #expect(machine.instructions == 123_457)
    try machine.run(seconds: 0.01)
    #expect(machine.seconds == 0.010123457)
    let halted = try GuestFixture(program: Code.halt)
    try halted.run(seconds: 3600)
    #expect(halted.seconds == 3600 && halted.instructions == 2)
    #expect(failure { try halted.run(instructions: 1) }?.reason == .halted)
    try machine.wait(for: "eleven million") { $0.instructions >= 11_000_000 }
    #expect(machine.instructions == 11_000_000, "looks come at multiples of 20,000")
  }

  // MARK: Looking

  @Test func registersAndMemoryAreTheGuests() throws {
    // mov ax, 1234h; mov ds, ax; mov dword [10h], 89ABCDEFh; cli; hlt
    let machine = try GuestFixture(
      program: [
        0xB8, 0x34, 0x12, 0x8E, 0xD8, 0x66, 0xC7, 0x06, 0x10, 0x00, 0xEF, 0xCD, 0xAB, 0x89,
      ] + Code.halt)
    #expect(failure { try machine.waitForEnd() }?.reason == .halted)
    let registers = machine.registers
    #expect(registers.rax & 0xFFFF == 0x1234 && registers.rip == 0x7C10 && registers.cpl == 0)
    #expect(registers.ds.selector == 0x1234 && registers.ds.base == 0x1_2340)
    #expect(machine.read(physical: 0x1_2350, as: UInt32.self) == 0x89AB_CDEF)
    #expect(machine.read(linear: 0x1_2350, count: 4) == [0xEF, 0xCD, 0xAB, 0x89])
    // The end of RAM, the VGA's window, and nothing at all.
    #expect(machine.read(physical: (4 << 20) - 4, count: 4) == [0, 0, 0, 0])
    #expect(machine.read(physical: (4 << 20) - 4, count: 5) == nil)
    #expect(machine.read(physical: 0xA_0000, as: UInt8.self) == nil)
    #expect(machine.read(physical: .max, as: UInt16.self) == nil)
    #expect(machine.read(physical: 0, count: .max) == nil && machine.read(physical: 0, count: -1) == nil)
    #expect(machine.read(linear: 1 << 32, count: 1) == nil, "without paging there are 32 bits")
  }

  @Test func pageTablesAreFollowedWithoutATrace() throws {
    let machine = try GuestFixture.lesson()
    try machine.waitForSerial("apus> ")
    let hash = machine.stateHash()
    let registers = machine.registers
    #expect(registers.efer & 1 << 10 != 0 && registers.cs.attributes & 1 << 13 != 0, "64-bit code")
    // Kernel text at 1 MiB is mapped to itself; 0 is not mapped, nor is what no processor has.
    #expect(
      machine.read(linear: registers.rip, count: 16) == machine.read(physical: registers.rip, count: 16))
    #expect(machine.read(linear: 0, as: UInt8.self) == nil)
    #expect(machine.read(linear: 1 << 47, as: UInt8.self) == nil)
    // Across pages, as far as RAM goes.
    #expect(
      machine.read(linear: 0x10_0FF8, count: 0x1010) == machine.read(physical: 0x10_0FF8, count: 0x1010))
    #expect(machine.stateHash() == hash)
  }

  @Test func configurationsAreChecked() throws {
    func message(_ change: (inout GuestConfiguration) -> Void) -> String? {
      do {
        _ = try GuestFixture(program: Code.halt, change)
        return nil
      } catch { return (error as? MachineError)?.message }
    }
    let file = GuestFile("x", bytes: [UInt8](repeating: 0, count: 1024))
    #expect(message { $0.memorySize = 5000 }?.hasPrefix("memory: 5000 bytes; expected") == true)
    #expect(message { $0.start = .disks } == "disks: there is none to start from")
    #expect(message { $0.bootOrder = [] } == "boot order: expected one to three")
    #expect(message { $0.debugExitPorts = 0...5 } == "debug exit: at most four ports")
    #expect(
      message { $0.disks = [GuestDisk](repeating: GuestDisk(file), count: 5) }?.contains("at most 4") == true)
    #expect(
      message { $0.disks = [GuestDisk(GuestFile("x", bytes: [1]))] } == "x: has 1 bytes, not sectors of 512")
    #expect(
      message { $0.disks = [GuestDisk(GuestFile("", bytes: file.bytes))] }?.contains("is empty") == true)
    #expect(message { $0.start = .kernel(GuestFile("k", bytes: [1])) }?.contains("\"k\"") == true)
    #expect(throws: MachineError.self) { try GuestFile("/nonexistent") }
    #expect(GuestDisk(GuestFile("x", bytes: [UInt8](repeating: 0, count: 1_474_560))).kind == .floppy)
    #expect(GuestDisk(try GuestFile(RepositoryFile.path("testroms/bios/torito.img"))).kind == .cdrom)
  }

  // MARK: Going back, and others

  private static let commands = ["regs", "fault pf-read", "walk 400000", "fault user-hlt", "mem"]

  /// What a machine says to commands, and its state then.
  private static func session(_ machine: GuestFixture, _ commands: some Sequence<String>) throws -> UInt64 {
    for command in commands {
      try machine.send(command + "\n")
      try machine.waitForSerial("apus> ")
    }
    return machine.stateHash()
  }

  @Test func aRestoredMachineDoesTheSameAgain() throws {
    let machine = try GuestFixture.lesson()
    try machine.waitForSerial("apus> ")
    let booted = try machine.snapshot()
    let first = try Self.session(machine, Self.commands)
    let (said, bundle) = (machine.serialText(), machine.bundle())
    try machine.restore(booted)
    #expect(machine.serialText() != said && machine.instructions == booted.instructions)
    _ = try Self.session(machine, ["help"])
    try machine.restore(booted)
    #expect(try Self.session(machine, Self.commands) == first)
    #expect(machine.serialText() == said)
    let isSame = machine.bundle() == bundle
    #expect(isSame, "the recording has no trace of what was left")
    let elsewhere = try GuestFixture(booted)
    #expect(try Self.session(elsewhere, Self.commands) == first && elsewhere.serialText() == said)
  }

  @Test func forksAreTheirOwn() throws {
    let machine = try GuestFixture.lesson()
    try machine.waitForSerial("apus> ")
    let fork = try machine.fork()
    let before = fork.stateHash()
    let hash = try Self.session(machine, Self.commands)
    #expect(fork.stateHash() == before)
    #expect(try Self.session(fork, Self.commands) == hash && fork.serialText() == machine.serialText())
    let isSame = fork.bundle() == machine.bundle()
    #expect(isSame)
  }

  /// Eight machines, each with input of its own, one after another and four at a time.
  @Test func machinesRunAtOnce() async throws {
    @Sendable func run(_ number: Int) throws -> UInt64 {
      let machine = try GuestFixture.lesson()
      try machine.waitForSerial("apus> ")
      return try Self.session(machine, Self.commands.shuffled(by: number))
    }
    let one = try (0..<8).map { try run($0) }
    let all = try await withThrowingTaskGroup(of: (Int, UInt64).self) { group in
      var hashes = [UInt64](repeating: 0, count: one.count)
      for number in one.indices {
        if number >= 4, let (done, hash) = try await group.next() { hashes[done] = hash }
        group.addTask { (number, try run(number)) }
      }
      for try await (done, hash) in group { hashes[done] = hash }
      return hashes
    }
    #expect(all == one && Set(one).count == one.count)
  }

  /// From one snapshot, on threads of their own.
  @Test func tasksGoOnFromASnapshot() async throws {
    let machine = try GuestFixture.lesson()
    try machine.waitForSerial("apus> ")
    let booted = try machine.snapshot()
    let hashes = try await withThrowingTaskGroup(of: UInt64.self) { group in
      for _ in 0..<4 { group.addTask { try Self.session(try GuestFixture(booted), Self.commands) } }
      return try await group.reduce(into: Set<UInt64>()) { $0.insert($1) }
    }
    #expect(hashes == [try Self.session(machine, Self.commands)])
  }
}

extension Array {
  /// Another order for each number below 8, always the same.
  fileprivate func shuffled(by number: Int) -> [Element] {
    let (turn, isReversed) = (number % 4, number >= 4)
    let turned = Array(self[turn...] + self[..<turn])
    return isReversed ? turned.reversed() : turned
  }
}
