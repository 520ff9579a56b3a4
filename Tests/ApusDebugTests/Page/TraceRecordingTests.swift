import ApusCPU
import ApusDebug
import ApusMachine
import Testing

/// Runs to look at.
enum TracedGuest {
  /// The teaching guest from reset on, and what is typed at it.
  static func lesson(_ typed: String = "") throws -> Machine {
    var configuration = MachineConfiguration()
    configuration.memorySize = 32 << 20
    let machine = try Machine(configuration, ram: .allocate(size: configuration.memorySize))
    let bytes = Array(typed.utf8)
    #expect(machine.receive(bytes, serial: 0) == bytes.count)
    return machine
  }

  /// A program of 16-bit code at 7C00h.
  static func program(_ bytes: [UInt8]) throws -> Machine {
    var configuration = MachineConfiguration()
    configuration.memorySize = 2 << 20
    configuration.boot = .flat(
      BootFile(role: "program", name: "program", bytes: bytes), address: 0x7C00, entry: nil)
    return try Machine(configuration, ram: .allocate(size: configuration.memorySize))
  }

  static func record(_ machine: Machine, _ count: Int) -> TraceRecording {
    TraceRecording(of: machine, count: count) { machine.advanceByInstruction() }
  }

  /// Runs without anybody who looks.
  static func advance(_ machine: Machine, to count: UInt64) {
    while machine.instructions < count {
      switch machine.run(instructions: count - machine.instructions) {
      case .idle(let until?): machine.skipIdle(to: until)
      case .budget: break
      default: return
      }
    }
  }
}

extension TraceRecording {
  /// The registers before a step, by what has changed.
  func registers(before count: Int) -> [UInt64] {
    var values = initial
    for step in steps[..<count] {
      for change in step.changes {
        #expect(values[change.register] == change.old)
        values[change.register] = change.new
      }
    }
    return values
  }

  /// The places of the steps at which something happens.
  func steps(with isWanted: (ProcessorEvent) -> Bool) -> [Int] {
    steps.indices.filter { steps[$0].events.contains(where: isWanted) }
  }
}

@Suite struct TraceRecordingTests {
  @Test func theFirstInstructions() throws {
    let recording = TracedGuest.record(try TracedGuest.lesson(), 100)
    #expect(recording.first == 0 && recording.steps.count == 100 && recording.ending == nil)
    let first = try #require(recording.steps[0].code.map { recording.code[$0] })
    #expect(first.linear == 0xFFFF_FFF0 && first.rip == 0xFFF0 && first.mode == .real)
    #expect(first.bytes.first == 0xE9 && first.text.hasPrefix("jmp 0x"))
    // OUT to the UART takes half a microsecond.
    let output = try #require(
      recording.steps.first { $0.events.contains { if case .port = $0 { true } else { false } } })
    #expect(output.wait > 100 && output.code.map { recording.code[$0].text } == "out dx,al")
    // Loops are kept once.
    #expect(recording.code.count < 60 && recording.steps.allSatisfy { $0.code != nil })
  }

  /// Through all modes, string instructions, interrupts, idle time, faults: the machine that is recorded does what one
  /// does that nobody looks at, and the changes add up to its registers.
  @Test func changesAddUp() throws {
    let typed = "fault pf-read\nfault user-hlt\n"
    let recording = TracedGuest.record(try TracedGuest.lesson(typed), 150_000)
    #expect(recording.steps.count == 150_000)
    let plain = try TracedGuest.lesson(typed)
    for count in [1, 500, 1905, 3790, 4650, 15_160, 16_230, 60_000, 100_000, 120_000, 149_999] {
      TracedGuest.advance(plain, to: UInt64(count))
      #expect(plain.instructions == UInt64(count))
      #expect(recording.registers(before: count) == RegisterFile.values(plain.state), "at \(count)")
    }
    var modes: Set<ProcessorMode> = []
    for code in recording.code { modes.insert(code.mode) }
    #expect(modes.isSuperset(of: [.real, .protected16, .protected32, .compatibility32, .long64]))
    let faults = recording.steps { if case .fault = $0 { true } else { false } }
    let deliveries = recording.steps { if case .delivery = $0 { true } else { false } }
    #expect(faults.count == 2 && deliveries.count > faults.count)
  }

  /// `mov cx, 0FFF0h; xor di, di; rep stosb` over and over: what is left out is said.
  @Test func accessesAreBounded() throws {
    let program: [UInt8] = [0xB9, 0xF0, 0xFF, 0x31, 0xFF, 0xF3, 0xAA, 0xEB, 0xF7]
    let machine = try TracedGuest.program([0xB8, 0x00, 0x20, 0x8E, 0xC0] + program)
    let recording = TracedGuest.record(machine, 6000)
    let kept = recording.steps.map { step in
      step.events.count { if case .memory = $0 { true } else { false } }
    }
    #expect(kept.allSatisfy { $0 <= 2048 } && kept.reduce(0, +) < 600_000)
    let first = try #require(recording.steps.first { $0.omitted.count > 0 }?.omitted)
    #expect(first.count == 2048 && first.start == 0x20800 && first.last == 0x20FFF)
    #expect(TracePage.bytes(recording, title: "", subtitle: "").count < 20_000_000)
  }

  @Test func endsAreTold() throws {
    // CLI; HLT
    let halted = TracedGuest.record(try TracedGuest.program([0xFA, 0xF4]), 10)
    #expect(halted.steps.count == 2 && halted.ending == .idle(until: nil))
    // LIDT of nothing; INT3: a triple fault
    let died = TracedGuest.record(try TracedGuest.program([0x0F, 0x01, 0x1E, 0x00, 0x50, 0xCC]), 10)
    let isTripleFault = if case .tripleFault = died.ending { true } else { false }
    #expect(isTripleFault, "\(String(describing: died.ending))")
    let last = try #require(died.steps.last)
    let rules = last.events.map { if case .fault(let fault) = $0 { fault.rule } else { Rule.unnamed } }
    #expect(rules.contains(.gateBeyondTable))
    // Nobody wants more.
    let machine = try TracedGuest.lesson()
    let none = TraceRecording(of: machine, count: 10, isWanted: { false }) { machine.advanceByInstruction() }
    #expect(none.steps.isEmpty && none.ending == nil && machine.observer == nil)
  }
}
