import ApusCPU
import Testing

/// SDM Vol. 3, "Interrupt and Exception Handling in 64-bit Mode"; AMD APM Vol. 2, "Long-Mode Interrupt Control
/// Transfers".
@Suite struct LongInterruptTests {
  /// RSP is aligned down to 16 bytes before the frame, which always holds SS:RSP.
  @Test(arguments: [0, 1, 7, 8, 15] as [UInt64], [0, 3] as [UInt8])
  func frame(_ misalignment: UInt64, _ cpl: UInt8) {
    let machine = GuestMachine(.long, cpl: cpl, code: [0xCD, 0x40])
    machine[R.sp] -= 0x100 - misalignment
    let sp = machine[R.sp]
    let top = cpl == 0 ? sp & ~15 : UInt64(GuestLayout.kernelStack)
    machine.state.rflags = 0x202 | Flag.NT
    #expect(machine.outcome() == .exception(0x40, nil))
    #expect(machine[R.sp] == top - 40)
    let expected = [
      UInt64(GuestLayout.code + 2), cpl == 0 ? 8 : 0x1B, 0x202 | Flag.NT, sp, cpl == 0 ? 0x10 : 0x23,
    ]
    #expect((0..<5).map { machine.frame($0) } == expected)
    #expect(machine.state.segments[2].selector == (cpl == 0 ? 0x10 : 0))
    #expect(machine.state.rflags == 2)
  }

  /// An error code goes below the frame, which stays aligned.
  @Test func errorCode() {
    // mov ds, eax
    let machine = GuestMachine(.long, code: [0x8E, 0xD8])
    machine[R.ax] = 0x100
    machine[R.sp] -= 3
    #expect(machine.outcome() == .GP(0x100))
    #expect(machine[R.sp] == UInt64(GuestLayout.kernelStack) - 16 - 48)
    #expect(machine.frame(4) == UInt64(GuestLayout.kernelStack) - 3)
  }

  /// The IST replaces the stack whether the ring changes or not; SS becomes null only if it does.
  @Test(arguments: [0, 3] as [UInt8], [1, 4, 7] as [UInt8])
  func interruptStackTable(_ cpl: UInt8, _ number: UInt8) {
    let machine = GuestMachine(.long, cpl: cpl, code: [0xCD, 0x40])
    machine.setGate(0x40, Table.gate(0xEE, 8, GuestMachine.handler(0x40), low: number), 0)
    machine.bench.write(GuestLayout.tss + 0x24 + Int(number - 1) * 8, values: [UInt64(0x9F07)])
    #expect(machine.outcome() == .exception(0x40, nil))
    #expect(machine[R.sp] == 0x9F00 - 40)
    #expect(machine.state.segments[2].selector == (cpl == 0 ? 0x10 : 0))
    #expect(machine.frame(3) == UInt64(cpl == 0 ? GuestLayout.kernelStack : GuestLayout.userStack))
  }

  /// Faults of the IST entry: beyond the TSS, not canonical, not mapped.
  @Test(arguments: InterruptDeliveryTests.Source.allCases)
  func stackTableFaults(_ source: InterruptDeliveryTests.Source) {
    for (limit, entry, expected) in [
      (0x2A, 0x9F00, Outcome.TS(0x28)), (0x2B, 0x0000_8000_0000_0000, .SS()),
      (0x2B, 0xFFFF_8000_0000_0020, .SS()), (0x2B, 0x2F_F000, .PF(2)),
    ] as [(UInt32, UInt64, Outcome)] {
      let machine = InterruptDeliveryTests.machine(.long, cpl: 3, source)
      machine.setGate(0x40, Table.gate(0xEE, 8, GuestMachine.handler(0x40), low: 1), 0)
      machine.bench.write(GuestLayout.tss + 0x24, values: [entry])
      machine.state.tr.limit = limit
      let sp = machine[R.sp]
      let outcome = machine.outcome()
      let isPageFault = expected == .PF(2)
      #expect(outcome == (isPageFault ? expected : InterruptDeliveryTests.ext(expected, source)))
      #expect(machine.isRestartable(outcome, sp: sp))
      if isPageFault { #expect(machine.state.cr2 == 0x2F_EFF8) }
    }
  }

  /// From compatibility mode: the frame lies in 64-bit space whatever SS holds, and IRETQ leads back.
  @Test func compatibilityMode() {
    let machine = GuestMachine(.long, cpl: 3, code: [0xCD, 0x40, 0x90])
    machine.define(0x40, Table.segment(Rights.code | Rights.dpl(3)))
    machine.state.segments[1] = SegmentRegister(selector: 0x43, base: 0, limit: .max, attributes: 0xC0FB)
    machine.state.segments[2].base = 0x1000
    machine.bench.write(0x1_2000, [0x48, 0xCF])
    machine.setGate(0x40, Table.gate(0xEE, 8, 0x1_2000), 0)
    let outcome = machine.outcome()
    #expect(outcome == .completed)
    #expect(machine.saved(0, outcome) == UInt64(GuestLayout.code + 5))
    #expect(machine.saved(1, outcome) == 0x43 && machine.saved(4, outcome) == 0x23)
    #expect(machine.saved(3, outcome) == UInt64(GuestLayout.userStack))
  }

  /// A frame at the very top of the address space ends at address zero.
  @Test func stackAtTheTop() {
    let machine = GuestMachine(.long, code: [0xCD, 0x40])
    // The last page of the address space: entry 511 of every level, through a second page table.
    machine.bench.write(GuestLayout.pml4 + 511 * 8, values: [UInt64(0x3_0007)])
    machine.bench.write(0x3_0000 + 511 * 8, values: [UInt64(0x3_1007)])
    machine.bench.write(0x3_1000 + 511 * 8, values: [UInt64(0x3_2007)])
    machine.bench.write(0x3_2000 + 511 * 8, values: [UInt64(0x3_3007)])
    machine[R.sp] = 0
    #expect(machine.outcome() == .exception(0x40, nil))
    #expect(machine[R.sp] == UInt64.max - 39)
    #expect(machine.bench.value(0x3_3FD8, UInt64.self) == UInt64(GuestLayout.code + 2))
  }

  /// The last canonical address of the lower half is as good.
  @Test func stackAtTheEndOfTheLowerHalf() {
    let machine = GuestMachine(.long, code: [0xCD, 0x40])
    machine.bench.write(GuestLayout.pml4 + 255 * 8, values: [UInt64(0x3_0007)])
    machine.bench.write(0x3_0000 + 511 * 8, values: [UInt64(0x3_1007)])
    machine.bench.write(0x3_1000 + 511 * 8, values: [UInt64(0x3_2007)])
    machine.bench.write(0x3_2000 + 511 * 8, values: [UInt64(0x3_3007)])
    machine[R.sp] = 0x0000_8000_0000_0000
    #expect(machine.outcome() == .exception(0x40, nil))
    #expect(machine[R.sp] == 0x0000_7FFF_FFFF_FFD8)
    #expect(machine.bench.value(0x3_3FF0, UInt64.self) == 0x0000_8000_0000_0000)
  }
}
