import ApusCPU
import Testing

/// Expectations from SDM Vol. 3, "Task Management".
@Suite struct TaskSwitchTests {
  private let oldTSS = 0x4000
  private let newTSS = 0x5000

  /// Descriptor 4 (20h) is the new TSS, 5 (28h) the old one, busy; the new task starts at 9000h.
  private func bench() -> SystemBench {
    let bench = SystemBench()
    bench.enterProtectedMode()
    bench.descriptor(4, 0x0000_8900_5000_0067)
    bench.descriptor(5, 0x0000_8B00_4000_0067)
    bench.processor.state.tr = SegmentRegister(selector: 0x28, base: 0x4000, limit: 0x67, attributes: 0x8B)
    bench.write32(newTSS + 0x20, 0x9000)
    bench.write32(newTSS + 0x24, 0x2)
    bench.write32(newTSS + 0x28, 0xAAAA)
    bench.write32(newTSS + 0x38, 0x7000)
    for (index, selector) in ([0x10, 0x08, 0x10, 0x10, 0, 0] as [UInt32]).enumerated() {
      bench.write32(newTSS + 0x48 + index * 4, selector)
    }
    bench.write(0x9000, [0xF4])
    return bench
  }

  private func busy(_ bench: SystemBench, _ index: Int) -> Bool {
    bench.read(SystemBench.gdt + index * 8 + 5, 1)[0] & 2 != 0
  }

  @Test func jump() {
    let bench = bench()
    let program: [UInt8] = [
      0xB8, 0x34, 0x12, 0x00, 0x00,  // mov eax, 1234h
      0xEA, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00,  // jmp 20h:0
    ]
    #expect(bench.run(program) == .halted)
    let state = bench.processor.state
    #expect(state.rip == 0x9001)
    #expect(state.tr.selector == 0x20)
    #expect(state.cr0 & 8 != 0)
    #expect(bench[.rax] == 0xAAAA)
    #expect(bench[.rsp] == 0x7000)
    #expect(state.rflags & 0x4000 == 0)
    // The old task: EIP after the jump, EAX, ESP, CS; no longer busy.
    #expect(bench.read32(oldTSS + 0x20) == 0x800C)
    #expect(bench.read32(oldTSS + 0x28) == 0x1234)
    #expect(bench.read32(oldTSS + 0x38) == 0x2_0000)
    #expect(bench.read16(oldTSS + 0x4C) == 8)
    #expect(busy(bench, 4) && !busy(bench, 5))
  }

  @Test func callAndReturn() {
    let bench = bench()
    bench.write(0x9000, [0xB9, 0x55, 0x00, 0x00, 0x00, 0xCF])  // mov ecx, 55h; iret
    let program: [UInt8] = [
      0x9A, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00,  // call 20h:0
      0xBB, 0x77, 0x00, 0x00, 0x00,  // mov ebx, 77h
      0xF4,
    ]
    #expect(bench.run(program) == .halted)
    #expect(bench[.rbx] == 0x77)
    #expect(bench[.rcx] == 0)
    #expect(bench.processor.state.tr.selector == 0x28)
    // The link; ECX and a clear NT saved on the way back; EIP after the IRET.
    #expect(bench.read16(newTSS) == 0x28)
    #expect(bench.read32(newTSS + 0x2C) == 0x55)
    #expect(bench.read32(newTSS + 0x24) & 0x4000 == 0)
    #expect(bench.read32(newTSS + 0x20) == 0x9006)
    #expect(!busy(bench, 4) && busy(bench, 5))
  }

  @Test func faultsBeforeTheSwitch() {
    // Busy; too small; not present.
    for (descriptor, vector, code) in [
      (0x0000_8B00_5000_0067, 13, 0x20), (0x0000_8900_5000_0066, 10, 0x20), (0x0000_0900_5000_0067, 11, 0x20),
    ] as [(UInt64, UInt8, UInt64)] {
      let bench = bench()
      bench.descriptor(4, descriptor)
      let ending = bench.run([0xEA, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00])
      #expect(ending == .exception(vector, code: code, rip: 0x8000))
      #expect(bench.processor.state.tr.selector == 0x28)
      #expect(busy(bench, 5))
    }
  }

  /// Past the commit point the fault is the new task's: its EIP is saved.
  @Test func faultsInTheNewTask() {
    let bench = bench()
    bench.write32(newTSS + 0x54, 0x78)
    let ending = bench.run([0xEA, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00])
    #expect(ending == .exception(10, code: 0x78, rip: 0x9000))
    #expect(bench.processor.state.tr.selector == 0x20)
  }

  @Test func exceptionThroughATaskGate() {
    let bench = bench()
    // Vector 13 is a task gate to 20h.
    bench.write64(SystemBench.idt + 13 * 8, 0x0000_8500_0020_0000)
    // mov eax, 80h; mov ds, ax: no such descriptor.
    #expect(bench.run([0xB8, 0x80, 0x00, 0x00, 0x00, 0x8E, 0xD8]) == .halted)
    #expect(bench.processor.state.rip == 0x9001)
    #expect(bench.read32(oldTSS + 0x20) == 0x8005)
    // The error code lies on the new stack; NT and the link lead back.
    #expect(bench[.rsp] == 0x6FFC)
    #expect(bench.read32(0x6FFC) == 0x80)
    #expect(bench.processor.state.rflags & 0x4000 != 0)
    #expect(bench.read16(newTSS) == 0x28)
    #expect(busy(bench, 4) && busy(bench, 5))
  }

  @Test func trapFlagOfTheTSS() {
    let bench = bench()
    bench.write32(newTSS + 0x64, 1)
    let ending = bench.run([0xEA, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00])
    #expect(ending == .exception(1, code: 0, rip: 0x9000))
    #expect(bench.processor.state.dr6 == 0xFFFF_8FF0)
  }

  @Test func task16Bit() {
    let bench = bench()
    bench.descriptor(4, 0x0000_8100_5000_002B)
    bench.write(newTSS, [UInt8](repeating: 0, count: 0x40))
    bench.write32(newTSS + 0x0E, 0x0002_9000)
    bench.write32(newTSS + 0x12, 0xBEEF)
    bench.write32(newTSS + 0x1A, 0x7000)
    bench.write32(newTSS + 0x22, 0x0008_0010)
    bench.write32(newTSS + 0x26, 0x0010_0010)
    #expect(bench.run([0xEA, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00]) == .halted)
    #expect(bench.processor.state.rip == 0x9001)
    #expect(bench[.rax] & 0xFFFF == 0xBEEF)
    #expect(bench.processor.state.segments[2].selector == 0x10)
  }
}
