import ApusCPU
import Testing

/// SDM Vol. 3, "Processor State After Reset", Table "IA-32 and Intel 64 Processor States Following Power-up,
/// Reset, or INIT"; AMD APM Vol. 2, "Initial Processor State".
@Suite struct ResetTests {
  /// A reset after the processor has run for a while in another state.
  private func resetMachine() -> SystemBench {
    let bench = SystemBench()
    bench.enterLongMode()
    bench.writeMSR(0xC000_0081, 0x1234)
    bench.writeMSR(0x3B, 0x5555)
    for register in 0..<16 { bench.processor.state.registers[register] = 0xABCD }
    bench.processor.state.dr7 = 0x4FF
    bench.processor.state.cr2 = 0x1000
    #expect(bench.run([0x90, 0xF4]) == .halted)
    bench.processor.raiseNMI()
    bench.processor.reset()
    return bench
  }

  @Test func registers() {
    let state = resetMachine().processor.state
    // EDX is the signature that CPUID leaf 1 gives; everything else is zero.
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rax] = 1
    #expect(bench.run([0x0F, 0xA2, 0xF4]) == .halted)
    #expect(state.registers == [0, 0, bench[.rax]] + [UInt64](repeating: 0, count: 13))
    #expect(state.registers[2] >> 8 & 0xF == 0xF && state.registers[2] >> 20 & 0xFF == 0xA)
    #expect(state.rip == 0xFFF0)
    #expect(state.rflags == 2)
    #expect(state.cr0 == 0x6000_0010)
    #expect([state.cr2, state.cr3, state.cr4, state.efer] == [0, 0, 0, 0])
    #expect(state.breakpoints == [0, 0, 0, 0])
    #expect(state.dr6 == 0xFFFF_0FF0 && state.dr7 == 0x400)
    #expect(state.cpl == 0)
  }

  @Test func segments() {
    let state = resetMachine().processor.state
    #expect(state.segments[1].selector == 0xF000)
    #expect(state.segments[1].base == 0xFFFF_0000 && state.segments[1].limit == 0xFFFF)
    for index in [0, 2, 3, 4, 5] {
      #expect(
        state.segments[index]
          == SegmentRegister(selector: 0, base: 0, limit: 0xFFFF, attributes: 0x93))
    }
    #expect(state.gdtrBase == 0 && state.gdtrLimit == 0xFFFF)
    #expect(state.idtrBase == 0 && state.idtrLimit == 0xFFFF)
    #expect(state.ldtr == SegmentRegister(selector: 0, base: 0, limit: 0xFFFF, attributes: 0x82))
    #expect(state.tr == SegmentRegister(selector: 0, base: 0, limit: 0xFFFF, attributes: 0x8B))
  }

  /// Runs `RDMSR` in a mode set up without a reset.
  private func read(_ bench: SystemBench, _ index: UInt64) -> UInt64 {
    var state = bench.processor.state
    state.rip = 0x500
    state.segments[1] = SegmentRegister(selector: 0, base: 0, limit: 0xFFFF, attributes: 0x9B)
    state.registers[1] = index
    bench.processor.state = state
    bench.write(0x500, [0x0F, 0x32, 0xF4])
    #expect(bench.resume() == .halted)
    return bench[.rdx] << 32 | bench[.rax]
  }

  @Test func modelSpecificRegisters() {
    let bench = resetMachine()
    #expect(read(bench, 0xC000_0081) == 0)
    #expect(read(bench, 0xC000_0080) == 0)
    #expect(read(bench, 0x277) == 0x0007_0406_0007_0406)
  }

  /// The time-stamp counter starts again at zero, although virtual time goes on, and is writable as ever.
  @Test func timeStampCounter() {
    let bench = resetMachine()
    let reset = bench.processor.now
    #expect(reset > 0)
    #expect(read(bench, 0x10) == 0)
    #expect(read(bench, 0x3B) == 0)
    // wrmsr; rdtsc; hlt: the counter moves, and IA32_TSC_ADJUST by as much.
    let written = bench.processor.now
    var state = bench.processor.state
    (state.registers[0], state.registers[1], state.registers[2]) = (0x1_0000, 0x10, 0)
    state.rip = 0x600
    bench.processor.state = state
    bench.write(0x600, [0x0F, 0x30, 0x0F, 0x31, 0xF4])
    #expect(bench.resume() == .halted)
    #expect(bench[.rax] == 0x1_0001)
    #expect(read(bench, 0x3B) == 0x1_0000 - (written - reset))
  }

  /// A shutdown and a pending NMI end with a reset.
  @Test func pendingEvents() {
    let machine = GuestMachine(.protected, code: [0x0F, 0x0B])
    machine.state.idtrLimit = 0
    #expect(machine.outcome() == .shutdown)
    let processor = machine.bench.processor
    // Vectors 2 and 6. The machine has no memory at the reset vector: the ones read there are undefined.
    machine.bench.write(2 * 4, values: [0x600, 0] as [UInt16])
    machine.bench.write(6 * 4, values: [0x700, 0] as [UInt16])
    processor.raiseNMI()
    processor.reset()
    #expect(processor.stopCode == .none && !processor.isHalted)
    #expect(processor.run(until: processor.now + 1) == .deadline)
    #expect(processor.state.rip == 0x700)
  }
}
