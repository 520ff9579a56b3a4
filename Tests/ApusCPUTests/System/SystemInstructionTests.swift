import ApusCPU
import Testing

/// Expectations from SDM Vol. 2 and Vol. 3 and AMD APM Vol. 2, by the sections the source files name.
@Suite struct SystemInstructionTests {
  // MARK: SYSCALL and its kin

  @Test func syscallAndSysret() {
    let bench = SystemBench()
    bench.enterLongMode(cpl: 3)
    // STAR: SYSCALL CS 8, SYSRET base 1Bh: 64-bit user code 2Bh, stack 23h. LSTAR 9000h. SFMASK IF, TF.
    bench.writeMSR(0xC000_0081, 0x001B_0008 << 32)
    bench.writeMSR(0xC000_0082, 0x9000)
    bench.writeMSR(0xC000_0084, 0x300)
    bench.write(0x9000, [0xF4])
    bench.processor.state.rflags = 0x246
    #expect(bench.run([0x0F, 0x05, 0xF4]) == .halted)
    var state = bench.processor.state
    #expect(state.rip == 0x9001)
    #expect(state.cpl == 0)
    #expect(state.segments[1].selector == 8)
    #expect(state.segments[2].selector == 0x10)
    #expect(state.rflags == 0x46)
    #expect(bench[.rcx] == 0x8002)
    #expect(bench[.r11] == 0x246)
    // Back with SYSRETQ, to an INT3 that user mode may not use.
    bench.write(0x9001, [0x48, 0x0F, 0x07])
    bench.write(0x8002, [0xCC])
    state.rip = 0x9001
    bench.processor.state = state
    #expect(bench.resume() == .exception(13, code: 0x1A, rip: 0x8002))
    // The frame of the exception tells where it came from: CS 2Bh, RFLAGS with IF and RF, SS 23h.
    let frame = Int(bench[.rsp])
    #expect(bench.read64(frame + 16) == 0x2B)
    #expect(bench.read64(frame + 24) == 0x1_0246)
    #expect(bench.read64(frame + 40) == 0x23)
  }

  @Test func syscallNeedsSCE() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench.processor.state.efer &= ~1
    #expect(bench.run([0x0F, 0x05]) == .exception(6, code: 0, rip: 0x8000))
  }

  @Test func sysenterIsUndefinedInLongMode() {
    let bench = SystemBench()
    bench.enterLongMode()
    #expect(bench.run([0x0F, 0x34]) == .exception(6, code: 0, rip: 0x8000))
  }

  @Test func sysenterInProtectedMode() {
    let bench = SystemBench()
    bench.enterProtectedMode()
    #expect(bench.run([0x0F, 0x34]) == .generalProtection())
    bench.enterProtectedMode()
    bench.writeMSR(0x174, 8)
    bench.writeMSR(0x175, 0x7000)
    bench.writeMSR(0x176, 0x9000)
    bench.write(0x9000, [0xF4])
    bench.processor.state.rip = SystemBench.code
    #expect(bench.run([0x0F, 0x34]) == .halted)
    #expect(bench.processor.state.rip == 0x9001)
    #expect(bench[.rsp] == 0x7000)
    #expect(bench.processor.state.segments[2].selector == 0x10)
  }

  // MARK: Bases

  @Test func swapgsAndBases() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench.writeMSR(0xC000_0101, 0x1111)
    bench.writeMSR(0xC000_0102, 0xFFFF_8000_0000_2222)
    let ending = bench.run([
      0x0F, 0x01, 0xF8,  // swapgs
      0xF3, 0x48, 0x0F, 0xAE, 0xC8,  // rdgsbase rax
      0xF3, 0x48, 0x0F, 0xAE, 0xD6,  // wrfsbase rsi
      0xF3, 0x0F, 0xAE, 0xC1,  // rdfsbase ecx
      0xF4,
    ])
    #expect(ending == .halted)
    #expect(bench[.rax] == 0xFFFF_8000_0000_2222)
    #expect(bench[.rcx] == 0)
    #expect(bench.readMSR(0xC000_0102) == 0x1111)
    bench[.rsi] = 0x8000_0000_0000
    // wrfsbase of an address that is not canonical.
    #expect(bench.run([0xF3, 0x48, 0x0F, 0xAE, 0xD6]) == .generalProtection())
    bench.enterLongMode()
    bench.processor.state.cr4 &= ~(1 << 16)
    #expect(bench.run([0xF3, 0x48, 0x0F, 0xAE, 0xC8]) == .exception(6, code: 0, rip: 0x8000))
  }

  // MARK: Descriptor queries

  @Test(
    arguments: [
      // Selector; LAR, LSL results or nil; VERR, VERW.
      (0x08, 0x00AF_9B00, 0xFFFF_FFFF, true, false), (0x10, 0x00CF_9300, 0xFFFF_FFFF, true, true),
      (0x30, 0x0000_8B00, 0x67, false, false), (0x00, nil, nil, false, false), (0x80, nil, nil, false, false),
      // RPL 3 may not see DPL 0.
      (0x13, nil, nil, false, false),
    ] as [(UInt64, UInt64?, UInt64?, Bool, Bool)])
  func queries(_ selector: UInt64, _ rights: UInt64?, _ limit: UInt64?, _ reads: Bool, _ writes: Bool) {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rdx] = selector
    bench[.rax] = 0xAAAA
    bench[.rbx] = 0xBBBB
    let ending = bench.run([
      0x0F, 0x02, 0xC2,  // lar eax, edx
      0xB9, 0x00, 0x00, 0x00, 0x00,  // mov ecx, 0
      0x0F, 0x94, 0xC1,  // setz cl
      0x0F, 0x03, 0xDA,  // lsl ebx, edx
      0xBE, 0x00, 0x00, 0x00, 0x00,  // mov esi, 0
      0x40, 0x0F, 0x94, 0xC6,  // setz sil
      0x0F, 0x00, 0xE2,  // verr dx
      0xBF, 0x00, 0x00, 0x00, 0x00,  // mov edi, 0
      0x40, 0x0F, 0x94, 0xC7,  // setz dil
      0x0F, 0x00, 0xEA,  // verw dx
      0x41, 0xB8, 0x00, 0x00, 0x00, 0x00,  // mov r8d, 0
      0x41, 0x0F, 0x94, 0xC0,  // setz r8b
      0xF4,
    ])
    #expect(ending == .halted)
    // Bits 51:48 of a descriptor are undefined in the result; processors give them.
    #expect(bench[.rax] == rights ?? 0xAAAA)
    #expect(bench[.rcx] == (rights == nil ? 0 : 1))
    #expect(bench[.rbx] == limit ?? 0xBBBB)
    #expect(bench[.rsi] == (limit == nil ? 0 : 1))
    #expect(bench[.rdi] == (reads ? 1 : 0))
    #expect(bench[.r8] == (writes ? 1 : 0))
  }

  @Test func loadTaskRegister() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rax] = 0x30
    // The TSS is busy.
    #expect(bench.run([0x0F, 0x00, 0xD8]) == .exception(13, code: 0x30, rip: 0x8000))
    bench.enterLongMode()
    bench.descriptor(6, 0x1234_8900_1800_0067)
    bench.descriptor(7, 0xFFFF_8000)
    bench[.rax] = 0x30
    #expect(bench.run([0x0F, 0x00, 0xD8, 0x0F, 0x00, 0xC9, 0xF4]) == .halted)  // ltr ax; str ecx
    #expect(bench[.rcx] == 0x30)
    #expect(bench.processor.state.tr.base == 0xFFFF_8000_1200_1800)
    #expect(bench.read(SystemBench.gdt + 0x35, 1) == [0x8B])
  }

  @Test func descriptorTableRegisters() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rbx] = SystemBench.data
    #expect(bench.run([0x0F, 0x01, 0x03, 0xF4]) == .halted)  // sgdt [rbx]
    #expect(bench.read(0x1_0000, 10) == [0x7F, 0, 0, 0x10, 0, 0, 0, 0, 0, 0])
    bench.write64(0x1_0002, 0x8000_0000_0000)
    #expect(bench.run([0x0F, 0x01, 0x1B, 0xF4]) == .generalProtection())  // lidt [rbx]
    bench.enterProtectedMode()
    bench.write64(0x1_0000, 0x1234_5678_0FFF)
    bench[.rbx] = SystemBench.data
    // A 16-bit operand size takes 24 bits of the base.
    #expect(bench.run([0x66, 0x0F, 0x01, 0x1B, 0xF4]) == .halted)
    #expect(bench.processor.state.idtrBase == 0x34_5678)
    #expect(bench.processor.state.idtrLimit == 0x0FFF)
  }

  // MARK: Translations

  /// A TLB may hold 4 KiB pieces of a large page, but `INVLPG` of any address in it drops them all.
  @Test func invalidatesLargePages() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench.write64(0x20_0000, 1)
    bench.write64(0x20_1000, 2)
    bench.write64(0x40_0000, 3)
    bench.write64(0x40_1000, 4)
    bench[.rsi] = 0x20_0000
    bench[.rdi] = UInt64(SystemBench.directory) + 8
    // The second 2 MiB move to the third.
    bench[.rax] = 0x40_0087
    let ending = bench.run([
      0x48, 0x8B, 0x0E,  // mov rcx, [rsi]
      0x48, 0x8B, 0x96, 0x00, 0x10, 0x00, 0x00,  // mov rdx, [rsi+1000h]
      0x48, 0x89, 0x07,  // mov [rdi], rax
      0x0F, 0x01, 0x3E,  // invlpg [rsi]
      0x4C, 0x8B, 0x0E,  // mov r9, [rsi]
      0x4C, 0x8B, 0x96, 0x00, 0x10, 0x00, 0x00,  // mov r10, [rsi+1000h]
      0xF4,
    ])
    #expect(ending == .halted)
    #expect([bench[.rcx], bench[.rdx], bench[.r9], bench[.r10]] == [1, 2, 3, 4])
  }

  @Test(arguments: 0...3 as ClosedRange<UInt64>)
  func invalidatesByType(_ type: UInt64) {
    let bench = SystemBench()
    bench.enterLongMode()
    bench.write64(0x5_0000, 1)
    bench.write64(0x5_1000, 2)
    bench.write64(0x1_0008, 0x5_0000)
    bench[.rax] = type
    bench[.rbx] = SystemBench.data
    bench[.rdx] = 0x5_1007
    bench[.rsi] = 0x5_0000
    bench[.rdi] = UInt64(SystemBench.table) + 0x50 * 8
    let ending = bench.run([
      0x48, 0x8B, 0x0E,  // mov rcx, [rsi]
      0x48, 0x89, 0x17,  // mov [rdi], rdx
      0x66, 0x0F, 0x38, 0x82, 0x03,  // invpcid rax, [rbx]
      0x4C, 0x8B, 0x0E,  // mov r9, [rsi]
      0xF4,
    ])
    #expect(ending == .halted)
    #expect([bench[.rcx], bench[.r9]] == [1, 2])
  }

  @Test func invalidPCIDOperands() {
    // Type 4; a reserved bit of the PCID; a PCID without CR4.PCIDE; an address that is not canonical.
    for (type, pcid, linear) in [
      (4, 0, 0), (0, 0x1000, 0), (0, 1, 0), (0, 0, 0x8000_0000_0000),
    ] as [(UInt64, UInt64, UInt64)] {
      let bench = SystemBench()
      bench.enterLongMode()
      bench.write64(0x1_0000, pcid)
      bench.write64(0x1_0008, linear)
      bench[.rax] = type
      bench[.rbx] = SystemBench.data
      #expect(bench.run([0x66, 0x0F, 0x38, 0x82, 0x03]) == .generalProtection())
    }
  }

  // MARK: Monitor

  @Test func monitorAndWait() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rbx] = SystemBench.data
    let program: [UInt8] = [
      0x48, 0x89, 0xD8,  // mov rax, rbx
      0x0F, 0x01, 0xC8,  // monitor
      0x0F, 0x01, 0xC9,  // mwait
      0x0F, 0x01, 0xC9,  // mwait: nothing armed, falls through
      0xF4,
    ]
    #expect(bench.run(program) == .halted)
    #expect(bench.processor.state.rip == 0x8009)
    bench.processor.state.rip = 0x8009
    #expect(bench.resume() == .halted)
    #expect(bench.processor.state.rip == 0x800D)
    bench[.rcx] = 1
    #expect(bench.run(program) == .generalProtection(0x8003))
  }
}
