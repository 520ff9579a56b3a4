import Testing

/// Expectations from SDM Vol. 3, "Debug Registers", "Debug Exceptions".
@Suite struct DebugTests {
  @Test func dataBreakpointTrapsAfterTheStore() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rbx] = SystemBench.data
    // L0, 4 bytes, on writes.
    bench[.rax] = 0x000D_0001
    let program: [UInt8] = [
      0x0F, 0x23, 0xC3,  // mov dr0, rbx
      0x0F, 0x23, 0xF8,  // mov dr7, rax
      0x8B, 0x0B,  // mov ecx, [rbx]: a read does not count
      0xC7, 0x43, 0x03, 0x05, 0x00, 0x00, 0x00,  // mov dword [rbx+3], 5
      0xFF, 0xC2, 0xF4,  // inc edx; hlt
    ]
    #expect(bench.run(program) == .exception(1, code: 0, rip: 0x800F))
    #expect(bench.processor.state.dr6 == 0xFFFF_0FF1)
    #expect(bench.read32(0x1_0003) == 5)
  }

  @Test func dataBreakpointMissesItsNeighbours() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rbx] = SystemBench.data
    bench[.rax] = 0x000D_0001
    let program: [UInt8] = [
      0x0F, 0x23, 0xC3, 0x0F, 0x23, 0xF8,
      0xC7, 0x43, 0x04, 0x05, 0x00, 0x00, 0x00,  // mov dword [rbx+4], 5
      0xF4,
    ]
    #expect(bench.run(program) == .halted)
  }

  @Test func instructionBreakpointFaultsBefore() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rbx] = 0x8007
    bench[.rax] = 0x0000_0008
    let program: [UInt8] = [
      0x0F, 0x23, 0xCB,  // mov dr1, rbx
      0x0F, 0x23, 0xF8,  // mov dr7, rax
      0x90,  // nop
      0xFF, 0xC2,  // inc edx
      0xF4,
    ]
    #expect(bench.run(program) == .exception(1, code: 0, rip: 0x8007))
    #expect(bench.processor.state.dr6 == 0xFFFF_0FF2)
    #expect(bench[.rdx] == 0)
    // With RF set in the image, IRETQ passes it once.
    let frame = Int(bench[.rsp])
    bench.write64(frame + 16, bench.read64(frame + 16) | 0x1_0000)
    bench.write(0x3000 + 17, [0x48, 0xCF])
    #expect(bench.resume() == .halted)
    #expect(bench[.rdx] == 1)
  }

  @Test func generalDetect() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rax] = 0x2400
    // mov dr7, rax; mov rcx, dr0
    #expect(bench.run([0x0F, 0x23, 0xF8, 0x0F, 0x21, 0xC1]) == .exception(1, code: 0, rip: 0x8003))
    #expect(bench.processor.state.dr6 == 0xFFFF_2FF0)
    // The handler may use the debug registers.
    #expect(bench.processor.state.dr7 == 0x400)
  }

  @Test func reservedBits() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rax] = 1 << 32
    #expect(bench.run([0x0F, 0x23, 0xF8]) == .generalProtection())
    bench.enterLongMode()
    bench[.rax] = 0
    // mov dr6, rax; mov rcx, dr6; mov dr7, rax; mov rdx, dr7
    let program: [UInt8] = [
      0x0F, 0x23, 0xF0, 0x0F, 0x21, 0xF1, 0x0F, 0x23, 0xF8, 0x0F, 0x21, 0xFA, 0xF4,
    ]
    #expect(bench.run(program) == .halted)
    #expect(bench[.rcx] == 0xFFFF_0FF0)
    #expect(bench[.rdx] == 0x400)
    // DR4 is DR6 until CR4.DE.
    #expect(bench.run([0x0F, 0x21, 0xE1, 0xF4]) == .halted)
    bench.processor.state.cr4 |= 8
    #expect(bench.run([0x0F, 0x21, 0xE1]) == .exception(6, code: 0, rip: 0x8000))
  }

  @Test func singleStep() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench.processor.state.rflags = 0x102
    #expect(bench.run([0x90, 0x90, 0xF4]) == .exception(1, code: 0, rip: 0x8001))
    #expect(bench.processor.state.dr6 == 0xFFFF_4FF0)
  }
}
