import ApusCPU
import Testing

/// SDM Vol. 3, "Accessing a Code Segment Through a Call Gate", "Stack Switching"; Vol. 2, `CALL`, `JMP`.
@Suite struct CallGateTests {
  /// A transfer at `cpl` through the gate 48h, whose rights and target are given, to code at 40h.
  struct Row: Sendable {
    let cpl: UInt8
    let rpl: UInt16
    let gate: UInt8
    let target: UInt16
    let code: UInt8
    let call: Outcome
    let jump: Outcome
    /// CS at the target.
    let cs: UInt16

    init(_ cpl: UInt8, _ rpl: UInt16, _ gate: UInt8, _ target: UInt16, _ code: UInt8, _ outcome: Outcome) {
      self.init(cpl, rpl, gate, target, code, outcome, outcome, 0)
    }

    init(
      _ cpl: UInt8, _ rpl: UInt16, _ gate: UInt8, _ target: UInt16, _ code: UInt8, _ call: Outcome,
      _ jump: Outcome, _ cs: UInt16
    ) {
      (self.cpl, self.rpl, self.gate, self.target) = (cpl, rpl, gate, target)
      (self.code, self.call, self.jump, self.cs) = (code, call, jump, cs)
    }
  }

  static let done = Outcome.completed
  static let rows: [Row] = [
    Row(0, 0, 0x8C, 0x40, Rights.code, done, done, 0x40),
    // Only `CALL` goes inward; the target selector's RPL does not count.
    Row(3, 3, 0xEC, 0x40, Rights.code, done, .GP(0x40), 0x40),
    Row(3, 0, 0xEC, 0x43, Rights.code, done, .GP(0x40), 0x40),
    Row(3, 3, 0xEC, 0x40, Rights.conforming, done, done, 0x43),
    Row(3, 3, 0xEC, 0x40, Rights.code | Rights.dpl(3), done, done, 0x43),
    // The gate: DPL below CPL, below RPL, not present.
    Row(3, 3, 0x8C, 0x40, Rights.code, .GP(0x48)), Row(3, 3, 0xCC, 0x40, Rights.code, .GP(0x48)),
    Row(0, 3, 0x8C, 0x40, Rights.code, .GP(0x48)), Row(0, 0, 0x0C, 0x40, Rights.code, .NP(0x48)),
    Row(3, 3, 0x0C, 0x40, Rights.code, .GP(0x48)),
    // The target: null, outside its table, not code, too privileged or not enough, not present.
    Row(0, 0, 0x8C, 0, Rights.code, .GP()), Row(0, 0, 0x8C, 2, Rights.code, .GP()),
    Row(0, 0, 0x8C, 0x100, Rights.code, .GP(0x100)), Row(0, 0, 0x8C, 0x44, Rights.code, .GP(0x44)),
    Row(0, 0, 0x8C, 0x40, Rights.data, .GP(0x40)), Row(0, 0, 0x8C, 0x40, 0x8C, .GP(0x40)),
    Row(0, 0, 0x8C, 0x40, Rights.code | Rights.dpl(3), .GP(0x40)),
    Row(0, 0, 0x8C, 0x40, Rights.conforming | Rights.dpl(1), .GP(0x40)),
    Row(0, 0, 0x8C, 0x40, Rights.code & 0x7F, .NP(0x40)),
    Row(3, 3, 0xEC, 0x40, Rights.code & 0x7F, .NP(0x40), .GP(0x40), 0),
  ]

  private func check(_ machine: GuestMachine, _ row: Row, _ expected: Outcome, isCall: Bool) {
    machine.setPointer(0x48 | row.rpl, 0x7777)
    let sp = machine[R.sp]
    let outcome = machine.outcome()
    #expect(outcome == expected, "\(row) call \(isCall)")
    guard outcome == .completed else {
      #expect(machine.isRestartable(outcome, sp: sp))
      return
    }
    #expect(machine.saved(0, outcome) == UInt64(GuestMachine.target + 2))
    #expect(machine.saved(1, outcome) == UInt64(row.cs))
    // A `JMP` and a `CALL` within the ring stay on their stack.
    if !isCall { #expect(machine.savedSP(outcome) == sp) }
    guard isCall && UInt16(row.cpl) == row.cs & 3 else { return }
    let words: UInt64 = machine.mode == .long ? 16 : 8
    #expect(machine.savedSP(outcome) == sp - words)
    #expect(machine.bench.value(Int(sp - words), UInt32.self) == UInt32(GuestLayout.code + 2))
  }

  @Test(arguments: rows) func gates32(_ row: Row) {
    for isCall in [true, false] {
      let machine = GuestMachine(.protected, cpl: row.cpl, code: [0xFF, isCall ? 0x1B : 0x2B])
      machine.define(0x40, Table.segment(row.code))
      machine.define(0x48, Table.gate(row.gate, row.target, GuestMachine.target))
      check(machine, row, isCall ? row.call : row.jump, isCall: isCall)
    }
  }

  @Test(arguments: rows) func gates64(_ row: Row) {
    for isCall in [true, false] {
      let machine = GuestMachine(.long, cpl: row.cpl, code: [0xFF, isCall ? 0x1B : 0x2B])
      machine.define(0x40, Table.segment(row.code, flags: 0xA))
      machine.define(0x48, Table.gate(row.gate, row.target, GuestMachine.target), 0)
      check(machine, row, isCall ? row.call : row.jump, isCall: isCall)
    }
  }

  /// What long mode adds (AMD APM Vol. 2, "Long-Mode Call Gates"): gate rights, the upper half, the code's L and
  /// D, the offset's upper half.
  @Test(
    arguments: [
      (0x8C, 0, 0xC, Outcome.GP(0x40)), (0x8C, 0, 0xE, .GP(0x40)), (0x84, 0, 0xA, .GP(0x48)),
      (0x85, 0, 0xA, .GP(0x48)), (0x89, 0, 0xA, .GP(0x48)), (0x8C, 0x100 << 32, 0xA, .GP(0x48)),
      (0x8C, 0x1F00 << 32, 0xA, .GP(0x48)), (0x8C, 0x8000, 0xA, .GP()), (0x8C, 0xFFFF_0000, 0xA, .GP()),
    ] as [(UInt8, UInt64, UInt8, Outcome)])
  func longModeRules(_ gate: UInt8, _ high: UInt64, _ flags: UInt8, _ expected: Outcome) {
    for code in [[0xFF, 0x1B], [0xFF, 0x2B]] as [[UInt8]] {
      let machine = GuestMachine(.long, code: code)
      machine.define(0x40, Table.segment(Rights.code, flags: flags))
      machine.define(0x48, Table.gate(gate, 0x40, GuestMachine.target), high)
      machine.setPointer(0x48)
      let sp = machine[R.sp]
      let outcome = machine.outcome()
      #expect(outcome == expected)
      #expect(machine.isRestartable(outcome, sp: sp))
    }
  }

  /// A 16-byte gate must lie within the table as a whole.
  @Test(arguments: [(0x57, Outcome.completed), (0x56, .GP(0x48)), (0x4F, .GP(0x48))] as [(UInt16, Outcome)])
  func longGateLimit(_ limit: UInt16, _ expected: Outcome) {
    let machine = GuestMachine(.long, code: [0xFF, 0x2B])
    machine.define(0x48, Table.gate(0x8C, 8, GuestMachine.target), 0)
    machine.state.gdtrLimit = limit
    machine.setPointer(0x48)
    #expect(machine.outcome() == expected)
  }

  // MARK: Inner stacks

  /// A machine at CPL 3 with a gate of `type` to ring 1, whose stack is selector `ss` at ESP 7000h.
  private func ring1(_ type: UInt8, count: UInt8 = 0, ss: UInt16 = 0x51, sp: UInt32 = 0x7000) -> GuestMachine
  {
    let machine = GuestMachine(.protected, cpl: 3, code: [0xFF, 0x1B])
    machine.define(0x40, Table.segment(Rights.code | Rights.dpl(1)))
    machine.define(0x48, Table.gate(type | 0x60, 0x41, GuestMachine.target, low: count))
    machine.define(0x50, Table.segment(Rights.data | Rights.dpl(1), base: 0x4_0000, limit: 0xFFFF, flags: 4))
    machine.bench.write(GuestLayout.tss + 12, values: [sp, UInt32(ss)])
    machine.setPointer(0x48)
    machine[R.sp] = 0xBF00
    return machine
  }

  /// Parameters go over in order, below the old SS:ESP and above the return address.
  @Test(arguments: [0, 1, 3, 31] as [UInt8], [0x84, 0x8C] as [UInt8])
  func parameters(_ count: UInt8, _ type: UInt8) {
    let machine = ring1(type, count: count)
    // Within the reach of a 16-bit gate.
    machine.define(0x48, Table.gate(type | 0x60, 0x41, 0x9000, low: count))
    machine.bench.write(0x9000, [0xCD, 0x80])
    let is32 = type == 0x8C
    let size = is32 ? 4 : 2
    for index in 0..<40 {
      if is32 {
        machine.bench.write(0xBF00 + index * 4, values: [UInt32(0x1111_0000 + index)])
      } else {
        machine.bench.write(0xBF00 + index * 2, values: [UInt16(0x1100 + index)])
      }
    }
    let outcome = machine.outcome()
    #expect(outcome == .completed)
    #expect(machine.saved(1, outcome) == 0x41)
    #expect(machine.saved(4, outcome) == 0x51)
    let words = Int(count) + 4
    let sp = 0x7000 - words * size
    #expect(machine.saved(3, outcome) == UInt64(sp))
    let frame = (0..<words).map { index -> UInt32 in
      let at = 0x4_0000 + sp + index * size
      return is32 ? machine.bench.value(at) : UInt32(machine.bench.value(at, UInt16.self))
    }
    let parameters = (0..<UInt32(count)).map { (is32 ? 0x1111_0000 : 0x1100) + $0 }
    let back = UInt32(GuestLayout.code + 2) & (is32 ? .max : 0xFFFF)
    #expect(frame == [back, 0x1B] + parameters + [0xBF00, 0x23])
  }

  /// `RET` undoes it: the parameters go off both stacks. A 16-bit return address reaches only the first 64 KiB.
  @Test(
    arguments: [
      (0x84, 3, [0x66, 0xCA, 0x06, 0x00], 6), (0x84, 0, [0x66, 0xCB], 0), (0x8C, 0, [0xCB], 0),
      (0x8C, 3, [0xCA, 0x0C, 0x00], 12),
    ] as [(UInt8, UInt8, [UInt8], UInt64)])
  func returnsWithParameters(_ type: UInt8, _ count: UInt8, _ code: [UInt8], _ drop: UInt64) {
    let machine = ring1(type, count: count)
    machine.define(0x48, Table.gate(type | 0x60, 0x41, 0x9100, low: count))
    machine.bench.write(0x9100, code)
    machine.bench.write(0x9000, [0xFF, 0x1B, 0xCD, 0x80])
    machine.state.rip = 0x9000
    let outcome = machine.outcome()
    #expect(outcome == .completed)
    #expect(machine.saved(0, outcome) == 0x9004 && machine.saved(1, outcome) == 0x1B)
    #expect(machine.saved(3, outcome) == 0xBF00 + drop && machine.saved(4, outcome) == 0x23)
  }

  /// The inner stack's selector and descriptor: #TS, but #SS if it is not present.
  @Test(
    arguments: [
      (0, Rights.data | Rights.dpl(1), Outcome.TS(0)), (3, Rights.data | Rights.dpl(1), .TS(0)),
      (0x101, Rights.data | Rights.dpl(1), .TS(0x100)), (0x55, Rights.data | Rights.dpl(1), .TS(0x54)),
      (0x50, Rights.data | Rights.dpl(1), .TS(0x50)), (0x53, Rights.data | Rights.dpl(1), .TS(0x50)),
      (0x51, Rights.data, .TS(0x50)), (0x51, Rights.data | Rights.dpl(3), .TS(0x50)),
      (0x51, Rights.readOnly | Rights.dpl(1), .TS(0x50)), (0x51, Rights.code | Rights.dpl(1), .TS(0x50)),
      (0x51, (Rights.data | Rights.dpl(1)) & 0x7F, .SS(0x50)),
      (0x51, (Rights.readOnly | Rights.dpl(1)) & 0x7F, .TS(0x50)),
      (0x51, Rights.data | Rights.dpl(1), .completed),
    ] as [(UInt16, UInt8, Outcome)])
  func innerStack(_ selector: UInt16, _ rights: UInt8, _ expected: Outcome) {
    let machine = ring1(0x8C, ss: selector)
    machine.define(0x50, Table.segment(rights, base: 0x4_0000, limit: 0xFFFF, flags: 4))
    let outcome = machine.outcome()
    #expect(outcome == expected)
    if outcome != .completed { #expect(machine.isRestartable(outcome, sp: 0xBF00)) }
  }

  /// A frame that does not fit the new stack names that stack; parameters that cannot be read do not.
  @Test func room() {
    for (sp, count, expected) in [
      (16, 0, Outcome.completed), (15, 0, .SS(0x50)), (12, 0, .SS(0x50)), (16, 1, .SS(0x50)),
      (20, 1, .completed),
    ] as [(UInt32, UInt8, Outcome)] {
      let machine = ring1(0x8C, count: count, sp: sp)
      let outcome = machine.outcome()
      #expect(outcome == expected, "\(sp)")
      if outcome != .completed { #expect(machine.isRestartable(outcome, sp: 0xBF00)) }
    }
    let machine = ring1(0x8C, count: 2)
    machine.state.segments[2].limit = 0xBF06
    let outcome = machine.outcome()
    #expect(outcome == .SS(0))
    #expect(machine.isRestartable(outcome, sp: 0xBF00))
  }

  /// The TSS must hold the stack of the new ring: 32- and 16-bit layouts.
  @Test(
    arguments: [
      (0x8B, 0x11, Outcome.completed), (0x8B, 0x10, .TS(0x28)), (0x83, 0x09, .completed),
      (0x83, 0x08, .TS(0x28)),
    ] as [(UInt32, UInt32, Outcome)])
  func taskStateLimit(_ rights: UInt32, _ limit: UInt32, _ expected: Outcome) {
    let machine = ring1(0x8C)
    machine.state.tr.limit = limit
    machine.state.tr.attributes = rights
    // SP0:SS0 and SP1:SS1 of a 16-bit TSS.
    if rights == 0x83 {
      machine.bench.write(
        GuestLayout.tss + 2, values: [UInt16(GuestLayout.kernelStack), 0x10, 0x7000, 0x51])
    }
    let outcome = machine.outcome()
    #expect(outcome == expected)
    if outcome == .completed { #expect(machine.saved(3, outcome) == 0x6FF0) }
  }

  @Test func offsetBeyondLimit() {
    let machine = ring1(0x8C)
    machine.define(0x40, Table.segment(Rights.code | Rights.dpl(1), limit: 0x1_0FFF, flags: 4))
    let outcome = machine.outcome()
    #expect(outcome == .GP())
    #expect(machine.isRestartable(outcome, sp: 0xBF00))
  }

  // MARK: 64-bit stacks

  /// To ring 0 of long mode: SS becomes null, the frame has SS, RSP, CS and RIP.
  @Test func longInnerStack() {
    let machine = GuestMachine(.long, cpl: 3, code: [0xFF, 0x1B])
    machine.define(0x48, Table.gate(0xEC, 8, GuestMachine.target), 0)
    machine.setPointer(0x48)
    let sp = machine[R.sp]
    let outcome = machine.outcome()
    #expect(outcome == .completed)
    let inner = Int(machine.saved(3, outcome))
    #expect(inner == GuestLayout.kernelStack - 32)
    #expect(machine.saved(1, outcome) == 8 && machine.saved(4, outcome) == 0)
    let frame = (0..<4).map { machine.bench.value(inner + $0 * 8, UInt64.self) }
    #expect(frame == [UInt64(GuestLayout.code + 2), 0x1B, sp, 0x23])
  }

  /// Faults on the way to the inner stack, taken on an IST stack because RSP0 is unusable.
  @Test(
    arguments: [
      (0x0000_8000_0000_0000, .SS()), (0xFFFF_8000_0000_0010, .SS()), (0xFFFF_8000_0000_0020, .PF(2)),
    ] as [(UInt64, Outcome)])
  func longStackFaults(_ rsp0: UInt64, _ expected: Outcome) {
    let machine = GuestMachine(.long, cpl: 3, code: [0xFF, 0x1B])
    machine.define(0x48, Table.gate(0xEC, 8, GuestMachine.target), 0)
    machine.setPointer(0x48)
    machine.bench.write(GuestLayout.tss + 4, values: [rsp0])
    machine.bench.write(GuestLayout.tss + 0x24, values: [UInt64(0x9000)])
    for vector in [12, 14] {
      machine.setGate(vector, Table.gate(0x8E, 8, GuestMachine.handler(vector), low: 1), 0)
    }
    let sp = machine[R.sp]
    let outcome = machine.outcome()
    #expect(outcome == expected)
    #expect(machine.isRestartable(outcome, sp: sp))
  }

  /// RSP1 must lie within the TSS.
  @Test(arguments: [(0x13, Outcome.completed), (0x12, .TS(0x28))] as [(UInt32, Outcome)])
  func longTaskStateLimit(_ limit: UInt32, _ expected: Outcome) {
    let machine = GuestMachine(.long, cpl: 3, code: [0xFF, 0x1B])
    machine.define(0x40, Table.segment(Rights.code | Rights.dpl(1), flags: 0xA))
    machine.define(0x48, Table.gate(0xEC, 0x40, GuestMachine.target), 0)
    machine.setPointer(0x48)
    machine.bench.write(GuestLayout.tss + 12, values: [UInt64(0x9800)])
    machine.state.tr.limit = limit
    let outcome = machine.outcome()
    #expect(outcome == expected)
    if outcome == .completed {
      #expect(machine.saved(1, outcome) == 0x41 && machine.saved(3, outcome) == 0x97E0)
      #expect(machine.saved(4, outcome) == 1)
    }
  }
}
