import ApusCPU
import Testing

/// Events through task gates, and the checks of a task switch: SDM Vol. 3, "Task Gate", "Task Switching"; Vol. 2,
/// `INT n`, `IRET`.
@Suite struct TaskGateTests {
  private static let old = 0x2_4000
  private static let new = 0x2_5000

  /// The present task is 48h, that of the gate 50h, whose code is a `HLT` at 1_2000h.
  private func machine(_ code: [UInt8], cpl: UInt8 = 0) -> GuestMachine {
    let machine = GuestMachine(.protected, cpl: cpl, code: code)
    machine.define(0x48, Table.segment(0x8B, base: UInt32(Self.old), limit: 0x67, flags: 0))
    machine.define(0x50, Table.segment(0x89, base: UInt32(Self.new), limit: 0x67, flags: 0))
    machine.state.tr = SegmentRegister(
      selector: 0x48, base: UInt64(Self.old), limit: 0x67, attributes: 0x8B)
    machine.bench.write(Self.old + 4, values: [UInt32(GuestLayout.kernelStack), 0x10])
    machine.bench.write(Self.new + 0x20, values: [0x1_2000, 2] as [UInt32])
    machine.bench.write(Self.new + 0x38, values: [0x9F00] as [UInt32])
    machine.bench.write(Self.new + 0x48, values: [0x10, 8, 0x10, 0x10, 0, 0] as [UInt32])
    machine.bench.write(0x1_2000, [0xF4])
    return machine
  }

  private func savedFlags(_ machine: GuestMachine) -> UInt64 {
    UInt64(machine.bench.value(Self.old + 0x24, UInt32.self))
  }

  /// The flags of the old task are what the event would have pushed: RF set by faults alone.
  @Test(
    arguments: [
      (6, [0x0F, 0x0B], Flag.RF, 0), (13, [0x8E, 0xD8], Flag.RF, 0), (3, [0xCC], 0, 1),
      (0x40, [0xCD, 0x40], 0, 2),
      (1, [0xF1], 0, 1),
    ] as [(Int, [UInt8], UInt64, Int)])
  func savedResumeFlag(_ vector: Int, _ code: [UInt8], _ expected: UInt64, _ length: Int) {
    let machine = machine(code)
    machine[R.ax] = 0x200
    machine.setGate(vector, Table.gate(0xE5, 0x50, 0))
    #expect(machine.outcome() == .completed)
    #expect(machine.state.rip == 0x1_2001 && machine.state.tr.selector == 0x50)
    #expect(savedFlags(machine) == 2 | expected)
    #expect(machine.bench.value(Self.old + 0x20, UInt32.self) == UInt32(GuestLayout.code + length))
    // Only exceptions push their error code.
    #expect(machine[R.sp] == (vector == 13 ? 0x9EFC : 0x9F00))
    if vector == 13 { #expect(machine.bench.value(0x9EFC, UInt32.self) == 0x200) }
    #expect(machine.state.rflags & Flag.NT != 0)
  }

  /// An interrupt between instructions leaves RF clear; IRET goes back and the interrupt may come again.
  @Test func interruptAndReturn() {
    let machine = machine([0x43, 0x43])
    machine.setGate(0x40, Table.gate(0x85, 0x50, 0))
    machine.bench.write(0x1_2000, [0x41, 0xCF])
    machine.bench.bus.interruptVector = 0x40
    machine.state.rflags |= Flag.IF
    let processor = machine.bench.processor
    processor.state = machine.state
    processor.setInterruptLine(true)
    #expect(processor.run(until: processor.now + 1) == .deadline)
    #expect(processor.state.tr.selector == 0x50 && processor.state.registers[R.cx] == 1)
    #expect(savedFlags(machine) == 0x202)
    processor.setInterruptLine(false)
    #expect(machine.bench.runToHalt())
    machine.state = processor.state
    #expect(machine.state.rip == UInt64(GuestLayout.code + 3) && machine[R.bx] == 2)
    #expect(machine.state.tr.selector == 0x48)
    // The handler's task is available again, and its NT was cleared in its TSS.
    #expect(machine.descriptor(0x50) >> 40 & 0xF == 9)
    #expect(machine.bench.value(Self.new + 0x24, UInt32.self) & 0x4000 == 0)
  }

  /// The gate and the TSS are checked before anything changes; EXT tells software interrupts from others.
  @Test(
    arguments: [
      (0x05, 0x50, 0x89, 0x67, Outcome.NP(0x202)), (0x85, 0x50, 0x89, 0x67, .GP(0x202)),
      (0xE5, 0x50, 0x8B, 0x67, .GP(0x50)), (0xE5, 0x50, 0x82, 0x67, .GP(0x50)),
      (0xE5, 0x50, 0x92, 0x67, .GP(0x50)),
      (0xE5, 0x50, 0x09, 0x67, .NP(0x50)), (0xE5, 0x50, 0x89, 0x66, .TS(0x50)),
      (0xE5, 0x50, 0x81, 0x2A, .TS(0x50)),
      (0xE5, 0x54, 0x89, 0x67, .GP(0x54)), (0xE5, 0x100, 0x89, 0x67, .GP(0x100)),
      (0xE5, 0, 0x89, 0x67, .GP()),
    ] as [(UInt8, UInt16, UInt8, UInt32, Outcome)])
  func faultsBeforeTheSwitch(
    _ gate: UInt8, _ selector: UInt16, _ rights: UInt8, _ limit: UInt32, _ expected: Outcome
  ) {
    for source in InterruptDeliveryTests.Source.allCases {
      // An interrupt from outside does not look at the gate's DPL.
      if source == .external && gate == 0x85 { continue }
      let isSoftware = source == .software
      let machine = machine(isSoftware ? [0xCD, 0x40] : [0x90], cpl: gate == 0x05 ? 0 : 3)
      machine.setGate(0x40, Table.gate(gate, selector, 0))
      machine.define(0x50, Table.segment(rights, base: UInt32(Self.new), limit: limit, flags: 0))
      if !isSoftware {
        machine.state.rflags |= Flag.IF
        machine.bench.bus.interruptVector = 0x40
        machine.bench.processor.setInterruptLine(true)
      }
      let sp = machine[R.sp]
      let outcome = machine.outcome()
      #expect(outcome == InterruptDeliveryTests.ext(expected, source))
      #expect(machine.isRestartable(outcome, sp: sp))
      #expect(machine.state.tr.selector == 0x48)
      #expect(machine.descriptor(0x48) >> 40 & 0xF == 0xB)
    }
  }

  /// Past the commit point faults are the new task's: its selectors, its EIP, and EXT for what an event began
  /// (SDM Vol. 3, table "Exception Conditions Checked During a Task Switch").
  @Test(
    arguments: [
      (0x4C, 0, Outcome.TS(0)), (0x4C, 0x10, .TS(0x10)), (0x4C, 0x100, .TS(0x100)),
      (0x4C, 0x58, .NP(0x58)),
      (0x50, 0x18, .TS(0x18)), (0x50, 0, .TS(0)), (0x50, 0x60, .SS(0x60)), (0x50, 0x13, .TS(0x10)),
      (0x54, 0x100, .TS(0x100)), (0x48, 0x68, .NP(0x68)), (0x58, 0x48, .TS(0x48)),
      (0x60, 0x10, .TS(0x10)),
    ] as [(Int, UInt32, Outcome)])
  func faultsInTheNewTask(_ offset: Int, _ selector: UInt32, _ expected: Outcome) {
    let machine = machine([0xCD, 0x40])
    machine.define(0x58, Table.segment(Rights.code & 0x7F))
    machine.define(0x60, Table.segment(Rights.data & 0x7F))
    machine.define(0x68, Table.segment(Rights.data & 0x7F))
    machine.setGate(0x40, Table.gate(0xE5, 0x50, 0))
    machine.bench.write(Self.new + offset, values: [selector])
    // A task whose stack is not there yet has none for the handler; a task of its own handles it.
    let handler = 0x2_6000
    machine.define(0x70, Table.segment(0x89, base: UInt32(handler), limit: 0x67, flags: 0))
    machine.bench.write(handler + 0x20, values: [0x1_2100, 2] as [UInt32])
    machine.bench.write(handler + 0x38, values: [0x9800] as [UInt32])
    machine.bench.write(handler + 0x48, values: [0x10, 8, 0x10, 0x10, 0, 0] as [UInt32])
    machine.bench.write(0x1_2100, [0xF4])
    guard case .exception(let vector, let code) = expected else { return }
    machine.setGate(vector, Table.gate(0x85, 0x70, 0))
    #expect(machine.outcome() == .completed)
    #expect(machine.state.tr.selector == 0x70 && machine[R.sp] == 0x97FC)
    #expect(UInt64(machine.bench.value(0x97FC, UInt32.self)) == code)
    // The faulting task is 50h, at its first instruction; its link leads back to 48h.
    #expect(machine.bench.value(handler, UInt16.self) == 0x50)
    #expect(machine.bench.value(Self.new + 0x20, UInt32.self) == 0x1_2000)
    #expect(machine.bench.value(Self.new, UInt16.self) == 0x48)
  }

  /// `IRET` with NT: the link must name a busy TSS in the GDT; faults are #TS, not #GP.
  @Test(
    arguments: [
      (0x50, 0x8B, Outcome.completed), (0x50, 0x89, .TS(0x50)), (0x50, 0x92, .TS(0x50)),
      (0x54, 0x8B, .TS(0x54)),
      (0x100, 0x8B, .TS(0x100)), (0, 0x8B, .TS(0)), (0x50, 0x0B, .NP(0x50)),
    ] as [(UInt16, UInt8, Outcome)])
  func returnLink(_ link: UInt16, _ rights: UInt8, _ expected: Outcome) {
    let machine = machine([0xCF])
    machine.define(0x50, Table.segment(rights, base: UInt32(Self.new), limit: 0x67, flags: 0))
    machine.bench.write(Self.old, values: [link])
    machine.state.rflags |= Flag.NT
    let sp = machine[R.sp]
    let outcome = machine.outcome()
    #expect(outcome == expected)
    if outcome == .completed {
      #expect(machine.state.tr.selector == 0x50 && machine.state.rflags & Flag.NT == 0)
      #expect(machine.descriptor(0x48) >> 40 & 0xF == 9)
    } else {
      #expect(machine.isRestartable(outcome, sp: sp))
      #expect(machine.saved(2, outcome) & Flag.NT != 0)
    }
  }
}
