import ApusCPU
import Testing

/// SDM Vol. 2, `INT n/INTO/INT3/INT1`; Vol. 3, "Interrupt and Exception Handling"; AMD APM Vol. 2, "Exceptions
/// and Interrupts".
@Suite struct InterruptDeliveryTests {
  /// What makes the processor use gate 40h.
  enum Source: CaseIterable, Sendable { case software, external }

  static func machine(_ mode: GuestMachine.Mode, cpl: UInt8, _ source: Source) -> GuestMachine {
    let machine = GuestMachine(mode, cpl: cpl, code: source == .software ? [0xCD, 0x40] : [0x90])
    if source == .external {
      machine.state.rflags |= Flag.IF
      machine.bench.bus.interruptVector = 0x40
      machine.bench.processor.setInterruptLine(true)
    }
    return machine
  }

  /// The EXT bit of the error codes.
  static func ext(_ outcome: Outcome, _ source: Source) -> Outcome {
    guard case .exception(let vector, let code?) = outcome, source == .external else { return outcome }
    return .exception(vector, code | 1)
  }

  private func checkFault(_ machine: GuestMachine, _ source: Source, _ expected: Outcome) {
    let sp = machine[R.sp]
    let cs = UInt64(machine.state.segments[1].selector)
    let outcome = machine.outcome()
    #expect(outcome == Self.ext(expected, source), "\(source)")
    #expect(machine.isRestartable(outcome, rip: machine.mode == .virtual8086 ? 0 : GuestLayout.code, sp: sp))
    #expect(machine.saved(1, outcome) == cs)
  }

  // MARK: Gates

  struct GateRow: Sendable {
    let cpl: UInt8
    let gate: UInt8
    let selector: UInt16
    let code: UInt8
    let outcome: Outcome
    init(_ cpl: UInt8, _ gate: UInt8, _ selector: UInt16, _ code: UInt8, _ outcome: Outcome) {
      (self.cpl, self.gate, self.selector) = (cpl, gate, selector)
      (self.code, self.outcome) = (code, outcome)
    }
  }

  /// A gate's rights and selector, and the rights of the code segment 48h.
  static let faults: [GateRow] = [
    // Not a gate for events: reserved, TSS, LDT, call gate, code segment.
    GateRow(3, 0xE0, 0x48, Rights.code, .GP(0x202)), GateRow(3, 0xE9, 0x48, Rights.code, .GP(0x202)),
    GateRow(3, 0xE2, 0x48, Rights.code, .GP(0x202)), GateRow(3, 0xEC, 0x48, Rights.code, .GP(0x202)),
    GateRow(3, 0xFE, 0x48, Rights.code, .GP(0x202)), GateRow(0, 0x68, 0x48, Rights.code, .GP(0x202)),
    GateRow(0, 0x6E, 0x48, Rights.code, .NP(0x202)), GateRow(3, 0x6F, 0x48, Rights.code, .NP(0x202)),
    // The code segment.
    GateRow(0, 0xEE, 0, Rights.code, .GP()), GateRow(3, 0xEE, 3, Rights.code, .GP()),
    GateRow(0, 0xEE, 0x100, Rights.code, .GP(0x100)), GateRow(0, 0xEE, 0x4C, Rights.code, .GP(0x4C)),
    GateRow(0, 0xEE, 0x48, Rights.data, .GP(0x48)), GateRow(0, 0xEE, 0x48, 0x8C, .GP(0x48)),
    GateRow(0, 0xEE, 0x48, Rights.code | Rights.dpl(1), .GP(0x48)),
    GateRow(0, 0xEE, 0x4B, Rights.conforming | Rights.dpl(3), .GP(0x48)),
    GateRow(0, 0xEE, 0x48, Rights.code & 0x7F, .NP(0x48)),
    GateRow(3, 0xEE, 0x48, Rights.code & 0x7F, .NP(0x48)),
    GateRow(0, 0xEE, 0x48, (Rights.code | Rights.dpl(1)) & 0x7F, .GP(0x48)),
  ]

  @Test(arguments: Source.allCases, faults) func gateFaults(_ source: Source, _ row: GateRow) {
    for mode in [GuestMachine.Mode.protected, .long] {
      let machine = Self.machine(mode, cpl: row.cpl, source)
      machine.define(0x48, Table.segment(row.code, flags: mode == .long ? 0xA : 0xC))
      machine.setGate(0x40, Table.gate(row.gate, row.selector, GuestMachine.handler(0x40)))
      checkFault(machine, source, row.outcome)
    }
  }

  /// Only software interrupts look at the gate's DPL, before its present bit.
  @Test(arguments: [GuestMachine.Mode.protected, .long, .virtual8086])
  func gatePrivilege(_ mode: GuestMachine.Mode) {
    for rights in [0x8E, 0xCE, 0x0E] as [UInt8] {
      let software = Self.machine(mode, cpl: 3, .software)
      software.state.rflags |= 0x3000
      software.setGate(0x40, Table.gate(rights, 8, GuestMachine.handler(0x40)))
      checkFault(software, .software, .GP(0x202))
      let external = Self.machine(mode, cpl: 3, .external)
      external.setGate(0x40, Table.gate(rights, 8, GuestMachine.handler(0x40)))
      #expect(external.outcome() == (rights == 0x0E ? .NP(0x203) : .exception(0x40, nil)))
    }
  }

  /// The whole gate must lie within the IDT.
  @Test(arguments: Source.allCases, [GuestMachine.Mode.protected, .long])
  func tableLimit(_ source: Source, _ mode: GuestMachine.Mode) {
    let end: UInt16 = mode == .long ? 0x40F : 0x207
    for limit in [end, end - 1] {
      let machine = Self.machine(mode, cpl: 0, source)
      machine.state.idtrLimit = limit
      if limit == end {
        #expect(machine.outcome() == .exception(0x40, nil))
      } else {
        checkFault(machine, source, .GP(0x202))
      }
    }
  }

  /// In long mode: no 16-bit and no task gates, and a target that is 64-bit code.
  @Test(
    arguments: [
      (0xE6, 0xA, 0, Outcome.GP(0x202)), (0xE7, 0xA, 0, .GP(0x202)), (0xE5, 0xA, 0, .GP(0x202)),
      (0xEE, 0xC, 0, .GP(0x48)), (0xEE, 0xE, 0, .GP(0x48)), (0xEE, 0xA, 0x8000, .GP()),
      (0xEE, 0xA, 0xFFFF_7FFF, .GP()),
    ] as [(UInt8, UInt8, UInt64, Outcome)])
  func longGates(_ rights: UInt8, _ flags: UInt8, _ high: UInt64, _ expected: Outcome) {
    for source in Source.allCases {
      let machine = Self.machine(.long, cpl: 3, source)
      machine.define(0x48, Table.segment(Rights.code, flags: flags))
      machine.setGate(0x40, Table.gate(rights, 0x48, GuestMachine.handler(0x40)), high)
      checkFault(machine, source, expected)
    }
  }

  @Test(arguments: Source.allCases) func entryBeyondLimit(_ source: Source) {
    for cpl in [0, 3] as [UInt8] {
      let machine = Self.machine(.protected, cpl: cpl, source)
      machine.define(0x48, Table.segment(Rights.code, limit: 0x63FF, flags: 4))
      machine.setGate(0x40, Table.gate(0xEE, 0x48, 0x6400))
      checkFault(machine, source, .GP())
    }
  }

  /// Interrupt gates clear IF, trap gates do not; both clear TF, NT, RF and VM and save what was.
  @Test(arguments: [0xEE, 0xEF, 0xE6, 0xE7] as [UInt8], [0, 3] as [UInt8])
  func flags(_ rights: UInt8, _ cpl: UInt8) {
    let machine = Self.machine(.protected, cpl: cpl, .software)
    let old = 0x3202 | Flag.NT | Flag.AC | Flag.ID | Flag.TF | 0xCD5
    machine.state.rflags = old
    machine.setGate(0x40, Table.gate(rights, 8, GuestMachine.handler(0x40)))
    #expect(machine.outcome() == .exception(0x40, nil))
    let isTrap = rights & 1 != 0
    #expect(machine.state.rflags == old & ~(Flag.TF | Flag.NT | (isTrap ? 0 : Flag.IF)))
    let sp = Int(machine[R.sp])
    let words = cpl == 0 ? 3 : 5
    #expect(sp == GuestLayout.kernelStack - words * (rights & 8 != 0 ? 4 : 2))
    let frame: [UInt64] = (0..<words).map {
      rights & 8 != 0
        ? UInt64(machine.bench.value(sp + $0 * 4, UInt32.self))
        : UInt64(machine.bench.value(sp + $0 * 2, UInt16.self))
    }
    let mask: UInt64 = rights & 8 != 0 ? .max : 0xFFFF
    let next = UInt64(GuestLayout.code + 2)
    let inner = [next & mask, cpl == 0 ? 8 : 0x1B, old & mask]
    #expect(frame == (cpl == 0 ? inner : inner + [UInt64(GuestLayout.userStack), 0x23]))
  }

  /// A conforming handler runs at the CPL of the interrupted code, on its stack.
  @Test func conformingHandler() {
    let machine = Self.machine(.protected, cpl: 3, .software)
    machine.define(0x48, Table.segment(Rights.conforming))
    machine.setGate(0x40, Table.gate(0xEE, 0x48, GuestMachine.target))
    let outcome = machine.outcome()
    #expect(outcome == .completed)
    #expect(machine.saved(1, outcome) == 0x4B)
    #expect(machine.saved(3, outcome) == UInt64(GuestLayout.userStack - 12))
  }

  // MARK: Inner stacks

  @Test(
    arguments: [
      (0, Rights.data | Rights.dpl(1), Outcome.TS(0)), (0x101, Rights.data | Rights.dpl(1), .TS(0x100)),
      (0x50, Rights.data | Rights.dpl(1), .TS(0x50)), (0x51, Rights.data, .TS(0x50)),
      (0x51, Rights.readOnly | Rights.dpl(1), .TS(0x50)), (0x51, Rights.code | Rights.dpl(1), .TS(0x50)),
      (0x51, (Rights.data | Rights.dpl(1)) & 0x7F, .SS(0x50)),
    ] as [(UInt16, UInt8, Outcome)], Source.allCases)
  func innerStack(_ row: (UInt16, UInt8, Outcome), _ source: Source) {
    let machine = ring1(source)
    machine.define(0x50, Table.segment(row.1, base: 0x4_0000, limit: 0xFFFF, flags: 4))
    machine.bench.write(GuestLayout.tss + 12, values: [0x7000, UInt32(row.0)])
    checkFault(machine, source, row.2)
  }

  private func ring1(_ source: Source) -> GuestMachine {
    let machine = Self.machine(.protected, cpl: 3, source)
    machine.define(0x48, Table.segment(Rights.code | Rights.dpl(1)))
    machine.define(0x50, Table.segment(Rights.data | Rights.dpl(1), base: 0x4_0000, limit: 0xFFFF, flags: 4))
    machine.setGate(0x40, Table.gate(0xEE, 0x48, GuestMachine.target))
    machine.bench.write(GuestLayout.tss + 12, values: [0x7000, 0x51] as [UInt32])
    return machine
  }

  /// Five words of frame; #SS names the new stack.
  @Test(arguments: Source.allCases) func innerRoom(_ source: Source) {
    for sp in [19, 16, 4] as [UInt32] {
      let machine = ring1(source)
      machine.bench.write(GuestLayout.tss + 12, values: [sp, 0x51])
      checkFault(machine, source, .SS(0x50))
    }
    let machine = ring1(source)
    machine.bench.write(GuestLayout.tss + 12, values: [20, 0x51] as [UInt32])
    #expect(machine.outcome() == .completed)
    let short = ring1(source)
    short.state.tr.limit = 0x10
    checkFault(short, source, .TS(0x28))
  }

  /// Without a switch of stacks #SS names none.
  @Test(arguments: Source.allCases) func sameStackRoom(_ source: Source) {
    let machine = Self.machine(.protected, cpl: 3, source)
    machine.define(0x48, Table.segment(Rights.conforming))
    machine.setGate(0x40, Table.gate(0xEE, 0x48, GuestMachine.target))
    machine.state.segments[2] = SegmentRegister(
      selector: 0x23, base: 0xB000, limit: 0xFFF, attributes: 0x40F3)
    machine[R.sp] = 8
    checkFault(machine, source, .SS())
  }

  // MARK: INT3, INTO, INT1

  /// `INT3` and `INTO` check the gate's DPL, `INT1` does not; none of them heeds IOPL in virtual-8086 mode.
  @Test(
    arguments: [GuestMachine.Mode.protected, .virtual8086],
    [([0xCC], 3), ([0xCE], 4), ([0xF1], 1)] as [([UInt8], Int)])
  func shortForms(_ mode: GuestMachine.Mode, _ form: ([UInt8], Int)) {
    for (rights, isOpen) in [(0xEE, true), (0x8E, form.1 == 1)] as [(UInt8, Bool)] {
      let machine = GuestMachine(mode, cpl: 3, code: form.0)
      machine.state.rflags |= 0x800
      machine.setGate(form.1, Table.gate(rights, 8, GuestMachine.handler(form.1)))
      let outcome = machine.outcome()
      #expect(outcome == (isOpen ? .exception(form.1, nil) : .GP(UInt64(form.1 * 8 + 2))))
      let start = UInt64(mode == .virtual8086 ? 0 : GuestLayout.code)
      #expect(machine.saved(0, outcome) == start + (isOpen ? 1 : 0))
      #expect(machine.saved(2, outcome) & Flag.RF == (isOpen ? 0 : Flag.RF))
      #expect(machine.state.dr6 == 0xFFFF_0FF0)
    }
  }

  @Test func overflowInterrupt() {
    #expect(GuestMachine(.protected, code: [0xCE]).outcome() == .completed)
    #expect(GuestMachine(.long, code: [0xCE]).outcome() == .UD)
  }

  /// From virtual-8086 mode a handler must run in ring 0.
  @Test(
    arguments: Source.allCases, [Rights.code | Rights.dpl(1), Rights.conforming, Rights.code | Rights.dpl(3)])
  func virtualHandlerRing(_ source: Source, _ rights: UInt8) {
    let machine = Self.machine(.virtual8086, cpl: 3, source)
    machine.state.rflags |= 0x3000
    machine.define(0x48, Table.segment(rights))
    machine.setGate(0x40, Table.gate(0xEE, 0x48, GuestMachine.target))
    checkFault(machine, source, .GP(0x48))
  }

  // MARK: Real-address mode

  @Test func realMode() {
    let machine = RealMachine(code: [0xCD, 0x40])
    machine.state.rflags = 0x3202 | Flag.AC | Flag.NT | 0x4D5
    machine.setVector(0x40, 0x900, 0x10)
    machine.bench.write(0x9010, [0xF4])
    #expect(machine.outcome() == .completed)
    #expect(machine.state.segments[1].selector == 0x900 && machine.state.rip == 0x11)
    #expect([machine.word(0), machine.word(1), machine.word(2)] == [0x8002, 0, 0x76D7])
    #expect(machine.state.rflags == 0x3002 | Flag.NT | 0x4D5)
  }

  /// A vector beyond the table: #GP, which finds its own vector beyond it, too.
  @Test(
    arguments: [
      (0xFF, Outcome.exception(13, nil)), (0x102, .exception(13, nil)), (0x103, .exception(0x40, nil)),
      (0x36, .exception(8, nil)), (0x1F, .shutdown),
    ] as [(UInt16, Outcome)])
  func realTableLimit(_ limit: UInt16, _ expected: Outcome) {
    let machine = RealMachine(code: [0xCD, 0x40])
    machine.state.idtrLimit = limit
    #expect(machine.outcome() == expected)
    if expected != .shutdown && limit < 0x103 { #expect(machine.word(0) == UInt16(RealMachine.code)) }
  }

  /// The table may lie anywhere.
  @Test func realTableBase() {
    let machine = RealMachine(code: [0xCD, 0x40])
    machine.state.idtrBase = 0x10_0000
    machine.bench.write(0x10_0100, values: [0x10, 0x0900] as [UInt16])
    machine.bench.write(0x9010, [0xF4])
    #expect(machine.outcome() == .completed)
    #expect(machine.state.segments[1].selector == 0x900)
  }
}
