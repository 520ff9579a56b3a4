import Testing

/// Expectations from SDM Vol. 2, `MOV—Move to/from Control Registers`, Vol. 3, "Control Registers".
@Suite struct ControlRegisterTests {
  @Test(
    arguments: [
      // Paging off in 64-bit mode; NW without CD; bits 63:32.
      0x33, 0xA001_0033, 0x1_8001_0033,
      // Protection off with paging on.
      0x8001_0032,
    ] as [UInt64])
  func invalidCR0(_ value: UInt64) {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rax] = value
    let ending = bench.run([
      0x0F, 0x22, 0xC0,  // mov cr0, rax
      0xF4,  // hlt
    ])
    #expect(ending == .generalProtection())
    #expect(bench.processor.state.cr0 == 0x8001_0033)
  }

  @Test func validCR0() {
    let bench = SystemBench()
    bench.enterLongMode()
    // Reserved bits 28:19, 17, 15:6 are ignored; ET stays set.
    bench[.rax] = 0xDFFF_FFEF
    #expect(bench.run([0x0F, 0x22, 0xC0, 0xF4]) == .halted)
    #expect(bench.processor.state.cr0 == 0xC005_003F)
  }

  @Test(
    arguments: [
      // Reserved bits; PAE off in IA-32e mode; LA57 changed in IA-32e mode.
      0x8_0000_0000, 0x5_46A0, 0x5_0680, 0x5_16A0,
    ] as [UInt64])
  func invalidCR4(_ value: UInt64) {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rax] = value
    #expect(bench.run([0x0F, 0x22, 0xE0, 0xF4]) == .generalProtection())
    #expect(bench.processor.state.cr4 == 0x5_06A0)
  }

  @Test func processContextIdentifiers() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench.processor.state.cr3 = UInt64(SystemBench.pml4) | 5
    bench[.rax] = 0x7_06A0
    // PCIDE while CR3[11:0] is not zero.
    #expect(bench.run([0x0F, 0x22, 0xE0, 0xF4]) == .generalProtection())
    bench.enterLongMode()
    bench[.rax] = 0x7_06A0
    #expect(bench.run([0x0F, 0x22, 0xE0, 0xF4]) == .halted)
    // Bit 63 asks to keep translations and is not stored.
    bench[.rax] = 1 << 63 | UInt64(SystemBench.pml4) | 7
    #expect(bench.run([0x0F, 0x22, 0xD8, 0xF4]) == .halted)
    #expect(bench.processor.state.cr3 == UInt64(SystemBench.pml4) | 7)
    // Paging cannot end under PCIDE, and physical addresses have 40 bits.
    bench[.rax] = 1 << 40
    #expect(bench.run([0x0F, 0x22, 0xD8, 0xF4]) == .generalProtection())
  }

  @Test func taskPriority() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rax] = 9
    #expect(bench.run([0x44, 0x0F, 0x22, 0xC0, 0xF4]) == .halted)  // mov cr8, rax; hlt
    #expect(bench.bus.taskPriority == 9)
    bench[.rax] = 16
    #expect(bench.run([0x44, 0x0F, 0x22, 0xC0, 0xF4]) == .generalProtection())
    // mov rcx, cr8; mov cr5, rax is undefined.
    #expect(bench.run([0x44, 0x0F, 0x20, 0xC1, 0x0F, 0x22, 0xE8]) == .exception(6, code: 0, rip: 0x8004))
    #expect(bench[.rcx] == 9)
  }

  @Test func entersLongModeByInstructions() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench.enterProtectedMode()
    // Descriptor 1 is 32-bit code in protected mode: make 3 the 64-bit one.
    bench.descriptor(3, 0x00AF_9B00_0000_FFFF)
    bench.write(
      0x8040,
      [
        0x48, 0xB8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,  // mov rax, 1122334455667788h
        0xF4,  // hlt
      ])
    let ending = bench.run([
      0xB8, 0x00, 0x00, 0x10, 0x00,  // mov eax, 100000h
      0x0F, 0x22, 0xD8,  // mov cr3, eax
      0x0F, 0x20, 0xE0,  // mov eax, cr4
      0x83, 0xC8, 0x20,  // or eax, 20h
      0x0F, 0x22, 0xE0,  // mov cr4, eax
      0xB9, 0x80, 0x00, 0x00, 0xC0,  // mov ecx, C0000080h
      0x0F, 0x32,  // rdmsr
      0x0D, 0x00, 0x01, 0x00, 0x00,  // or eax, 100h
      0x0F, 0x30,  // wrmsr
      0x0F, 0x20, 0xC0,  // mov eax, cr0
      0x0D, 0x00, 0x00, 0x00, 0x80,  // or eax, 80000000h
      0x0F, 0x22, 0xC0,  // mov cr0, eax
      0xEA, 0x40, 0x80, 0x00, 0x00, 0x18, 0x00,  // jmp 18h:8040h
    ])
    #expect(ending == .halted)
    #expect(bench[.rax] == 0x1122_3344_5566_7788)
    #expect(bench.processor.state.efer == 0x500)
  }

  @Test func longModeNeedsPAE() {
    let bench = SystemBench()
    bench.enterProtectedMode()
    bench.processor.state.efer = 0x100
    bench[.rax] = 0x8000_0033
    #expect(bench.run([0x0F, 0x22, 0xC0, 0xF4]) == .generalProtection())
    #expect(bench.processor.state.efer == 0x100)
  }

  @Test func malformedPDPTEFaults() {
    let bench = SystemBench()
    bench.enterProtectedMode()
    bench.processor.state.cr4 = 0x20
    bench.processor.state.cr3 = 0x4_0000
    bench[.rax] = 0x8000_0033
    // Bit 1 of a present PDPTE is reserved.
    bench.write64(0x4_0000, 0x4_1003)
    #expect(bench.run([0x0F, 0x22, 0xC0, 0xF4]) == .generalProtection())
    bench.write64(0x4_0000, 0x4_1001)
    bench.write64(0x4_1000, 0x83)
    #expect(bench.run([0x0F, 0x22, 0xC0, 0xF4]) == .halted)
  }

  @Test func userModeMayNot() {
    for program in [
      [0x0F, 0x20, 0xC0], [0x0F, 0x22, 0xD8], [0x0F, 0x21, 0xF8], [0x0F, 0x06], [0x0F, 0x08],
      [0x0F, 0x09], [0x0F, 0x30], [0x0F, 0x32], [0x0F, 0x01, 0x3B], [0x0F, 0x01, 0x13], [0x0F, 0x01, 0xF0],
      [0x0F, 0x00, 0xD0], [0x0F, 0x00, 0xD8], [0x0F, 0x01, 0xF8], [0x0F, 0x01, 0xD1], [0x48, 0x0F, 0x07],
      [0x66, 0x0F, 0x38, 0x82, 0x03],
    ] as [[UInt8]] {
      let bench = SystemBench()
      bench.enterLongMode(cpl: 3)
      bench[.rbx] = SystemBench.data
      #expect(bench.run(program) == .generalProtection(), "\(program)")
    }
  }

  @Test func userModeInstructionPrevention() {
    for program in [
      [0x0F, 0x01, 0x03], [0x0F, 0x01, 0x0B], [0x0F, 0x00, 0xC0], [0x0F, 0x00, 0xC8], [0x0F, 0x01, 0xE0],
    ] as [[UInt8]] {
      let bench = SystemBench()
      bench.enterLongMode(cpl: 3)
      bench[.rbx] = SystemBench.data
      // After the instruction, INT3 (whose gate user mode may not use) shows that it did not fault.
      #expect(
        bench.run(program + [0xCC])
          == .exception(13, code: 0x1A, rip: SystemBench.code + UInt64(program.count)))
      bench.enterLongMode(cpl: 3)
      bench.processor.state.cr4 |= 1 << 11
      bench[.rbx] = SystemBench.data
      #expect(bench.run(program) == .generalProtection())
    }
  }

  @Test func machineStatusWord() {
    let bench = SystemBench()
    bench.enterLongMode()
    // lmsw ax with PE clear: PE stays, MP, EM, TS follow. smsw rcx.
    bench[.rax] = 0x000E
    #expect(bench.run([0x0F, 0x01, 0xF0, 0x48, 0x0F, 0x01, 0xE1, 0xF4]) == .halted)
    #expect(bench[.rcx] == 0x8001_003F)
    #expect(bench.run([0x0F, 0x06, 0xF4]) == .halted)  // clts
    #expect(bench.processor.state.cr0 == 0x8001_0037)
  }

  @Test func extendedControlRegister() {
    let bench = SystemBench()
    bench.enterLongMode()
    let program: [UInt8] = [
      0x0F, 0x01, 0xD1,  // xsetbv
      0x31, 0xC0,  // xor eax, eax
      0x0F, 0x01, 0xD0,  // xgetbv
      0xF4,
    ]
    bench[.rax] = 3
    #expect(bench.run(program) == .halted)
    #expect(bench[.rax] == 3)
    // x87 cannot be off, nor SSE with AVX on; bit 3 does not exist, and there is no XCR1.
    for (value, index) in [(2, 0), (5, 0), (8, 0), (3, 1)] as [(UInt64, UInt64)] {
      bench.enterLongMode()
      bench[.rax] = value
      bench[.rcx] = index
      #expect(bench.run(program) == .generalProtection())
    }
    bench.enterLongMode()
    bench.processor.state.cr4 &= ~(1 << 18)
    #expect(bench.run(program) == .exception(6, code: 0, rip: SystemBench.code))
  }
}
