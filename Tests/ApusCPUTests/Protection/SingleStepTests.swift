import ApusCPU
import Testing

/// SDM Vol. 3, "Single-Step Exception Condition", "Instruction-Breakpoint Exception Condition" (RF), "Masking
/// Exceptions and Interrupts When Switching Stacks".
@Suite struct SingleStepTests {
  struct Row: Sendable {
    let name: String
    let code: [UInt8]
    /// Offsets of the saved EIPs, in order.
    let traps: [Int]
    var startsWithTF = true
  }

  static let rows: [Row] = [
    Row(name: "each instruction", code: [0x90, 0x43, 0x90], traps: [1, 2, 3]),
    Row(name: "MOV SS", code: [0x8E, 0xD0, 0x43, 0x43], traps: [3, 4]),
    Row(name: "PUSH, POP SS", code: [0x50, 0x17, 0x43, 0x43], traps: [1, 3, 4]),
    Row(name: "MOV DS", code: [0x8E, 0xD8, 0x43], traps: [2, 3]),
    Row(name: "STI", code: [0xFB, 0x43], traps: [1, 2]),
    Row(name: "REP STOSB, three times", code: [0xF3, 0xAA, 0x43], traps: [0, 0, 2, 3]),
    Row(name: "LOOP, three times", code: [0xE2, 0xFE, 0x43], traps: [0, 0, 2, 3]),
    Row(name: "JMP", code: [0xEB, 0x01, 0xF4, 0x43], traps: [3, 4]),
    Row(name: "Jcc not taken", code: [0x74, 0x01, 0x43], traps: [2, 3]),
    Row(name: "CALL", code: [0xE8, 1, 0, 0, 0, 0x43, 0x59], traps: [6, 7]),
    Row(name: "HLT", code: [0xF4, 0x43], traps: [1, 2]),
    Row(name: "CPUID", code: [0x0F, 0xA2, 0x43], traps: [2, 3]),
    // The handler of INT 40h is an IRET: neither the entry nor the return traps.
    Row(name: "INT n", code: [0xCD, 0x40, 0x43], traps: [3]),
    Row(name: "INT3", code: [0xCC, 0x43], traps: [2]),
    Row(
      name: "POPF clears TF", code: [0x9C, 0x81, 0x24, 0x24, 0xFF, 0xFE, 0xFF, 0xFF, 0x9D, 0x43],
      traps: [1, 8, 9]),
    Row(
      name: "POPF sets TF", code: [0x9C, 0x81, 0x0C, 0x24, 0, 1, 0, 0, 0x9D, 0x43, 0x43], traps: [10, 11],
      startsWithTF: false),
    // pushfd; or; push cs; push +; iretd
    Row(
      name: "IRET sets TF",
      code: [
        0x9C, 0x81, 0x0C, 0x24, 0, 1, 0, 0, 0x0E, 0x68, 0x0F, 0x00, 0x01, 0x00, 0xCF, 0x43, 0x43,
      ], traps: [16, 17], startsWithTF: false),
    // UD2's handler skips it, returning TF: its image has RF and TF, and UD2 itself does not trap.
    Row(name: "fault", code: [0x43, 0x0F, 0x0B, 0x43], traps: [1, 4]),
  ]

  /// A 32-bit machine whose #DB handler writes the saved EIPs from `data` on and whose #UD handler skips two
  /// bytes.
  private func machine(_ code: [UInt8]) -> GuestMachine {
    let machine = GuestMachine(.protected, code: code + [0xCD, 0x80])
    // mov edx, [esp]; mov [ebp], edx; add ebp, 4; iret
    machine.bench.write(0x1_2000, [0x8B, 0x14, 0x24, 0x89, 0x55, 0x00, 0x83, 0xC5, 0x04, 0xCF])
    machine.bench.write(0x1_2100, [0xCF])
    // add dword [esp], 2; iret
    machine.bench.write(0x1_2200, [0x83, 0x04, 0x24, 0x02, 0xCF])
    machine.setGate(1, Table.gate(0x8E, 8, 0x1_2000))
    machine.setGate(3, Table.gate(0xEE, 8, 0x1_2100))
    machine.setGate(0x40, Table.gate(0xEE, 8, 0x1_2100))
    machine.setGate(6, Table.gate(0x8E, 8, 0x1_2200))
    machine[R.ax] = 0x10
    machine[R.cx] = 3
    machine[R.bp] = UInt64(GuestLayout.data)
    machine[R.di] = UInt64(GuestLayout.data + 0x1000)
    return machine
  }

  @Test(arguments: rows) func traps(_ row: Row) {
    let machine = machine(row.code)
    if row.startsWithTF { machine.state.rflags |= Flag.TF }
    #expect(machine.outcome() == .completed, "\(row.name)")
    let count = (Int(machine[R.bp]) - GuestLayout.data) / 4
    let offsets = (0..<max(count, 0)).map {
      Int(machine.bench.value(GuestLayout.data + $0 * 4, UInt32.self)) - GuestLayout.code
    }
    #expect(offsets == row.traps, "\(row.name)")
    #expect(machine.state.dr6 == (row.traps.isEmpty ? 0xFFFF_0FF0 : 0xFFFF_4FF0))
  }

  /// A data breakpoint met by `MOV SS` waits with it, and comes with the next instruction's own single step.
  @Test func stackLoadHoldsDataBreakpoint() {
    // mov ss, [esi]; inc ebx; inc ebx
    let machine = GuestMachine(.protected, code: [0x8E, 0x16, 0x43, 0x43])
    machine.bench.write(GuestLayout.data, values: [0x10] as [UInt16])
    machine[R.si] = UInt64(GuestLayout.data)
    machine.state.breakpoints[0] = UInt64(GuestLayout.data)
    machine.state.dr7 = 0x0007_0401
    let outcome = machine.outcome()
    #expect(outcome == .DB)
    #expect(machine.saved(0, outcome) == UInt64(GuestLayout.code + 3))
    #expect(machine.state.dr6 == 0xFFFF_0FF1)
    #expect(machine[R.bx] == 1)
  }

  /// RF in the image that an event pushes.
  @Test func resumeFlag() {
    for (code, vector, expected) in [
      ([0x0F, 0x0B], 6, Flag.RF), ([0x8E, 0xD9], 13, Flag.RF), ([0xF7, 0xF2], 0, Flag.RF), ([0xCC], 3, 0),
      ([0xCD, 0x40], 0x40, 0), ([0xF1], 1, 0), ([0x0F, 0x21, 0xC0], 1, Flag.RF),
    ] as [([UInt8], Int, UInt64)] {
      let machine = GuestMachine(.protected, code: code)
      machine[R.cx] = 0x100
      // General detect, which is a fault.
      if code[0] == 0x0F && code[1] == 0x21 { machine.state.dr7 = 0x2400 }
      let outcome = machine.outcome()
      #expect(outcome == .exception(vector, GuestMachine.hasCode(vector) ? 0x100 : nil))
      #expect(machine.saved(2, outcome) & Flag.RF == expected, "\(code)")
      #expect(machine.state.rflags & Flag.RF == 0)
    }
    // A single-step trap, and an interrupt between instructions.
    let step = GuestMachine(.protected, code: [0x90, 0x90])
    step.state.rflags |= Flag.TF
    let trap = step.outcome()
    #expect(trap == .DB && step.saved(2, trap) & Flag.RF == 0)
    let interrupt = InterruptDeliveryTests.machine(.protected, cpl: 0, .external)
    let outcome = interrupt.outcome()
    #expect(interrupt.saved(2, outcome) & Flag.RF == 0)
  }

  /// A single-step trap between the iterations of a repeated string instruction has no RF in its image on AMD's
  /// processors, nor has that after the last one on any (captured by `apus difftest`).
  @Test func resumeFlagOfStrings() {
    for (count, expected) in [(2, 0), (1, 0)] as [(UInt64, UInt64)] {
      let machine = GuestMachine(.protected, code: [0xF3, 0xAA, 0x90])
      machine[R.cx] = count
      machine[R.di] = UInt64(GuestLayout.data)
      machine.state.rflags |= Flag.TF
      let outcome = machine.outcome()
      #expect(outcome == .DB)
      #expect(machine.saved(2, outcome) & Flag.RF == expected)
      #expect(machine[R.cx] == count - 1)
    }
  }

  /// RF from an image holds instruction breakpoints off for one instruction.
  @Test(arguments: [true, false]) func resumeFlagOfImages(_ isSet: Bool) {
    // iret to nop; inc ebx, with a breakpoint on the nop.
    let machine = GuestMachine(.protected, code: [0xCF, 0x90, 0x43])
    machine.push(isSet ? Flag.RF | 2 : 2, 8, UInt64(GuestLayout.code + 1))
    machine.state.breakpoints[0] = UInt64(GuestLayout.code + 1)
    machine.state.dr7 = 0x401
    #expect(machine.outcome() == (isSet ? .completed : .DB))
    #expect(machine[R.bx] == (isSet ? 1 : 0))
  }

  /// An interrupt before the first instruction clears TF for its handler.
  @Test func interruptHandlersStartWithoutTrap() {
    let machine = InterruptDeliveryTests.machine(.long, cpl: 0, .external)
    machine.state.rflags |= Flag.TF
    #expect(machine.outcome() == .exception(0x40, nil))
    #expect(machine.frame(2) & Flag.TF != 0)
    #expect(machine.state.dr6 == 0xFFFF_0FF0)
  }
}
