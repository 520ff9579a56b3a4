import ApusCPU
import Testing

/// Error codes, CR2 and the saved RIP (SDM Vol. 3, "Page-Fault Exceptions", "Interrupt 14—Page-Fault Exception
/// (#PF)").
@Suite struct PageFaultTests {
  /// A missing entry at any level: P is clear, the rest describes the access.
  @Test(arguments: PagingMode.allCases, [0, 3] as [UInt8])
  func missingEntry(_ mode: PagingMode, _ cpl: UInt8) {
    let target = mode.target
    let user = cpl == 3 ? PF.U : 0
    let fetch = mode == .bits32 ? 0 : PF.I
    for level in 1...mode.top {
      let bench = PagingBench(mode)
      bench.map(target, to: PagingBench.data)
      bench[level, target] &= ~Entry.P
      #expect(bench.access(.read, target + 0x123, cpl: cpl) == .pageFault(user, at: target + 0x123))
      #expect(bench.faultRIP == PagingBench.code)
      #expect(bench.access(.write, target, cpl: cpl) == .pageFault(user | PF.W, at: target))
      #expect(bench.access(.modify, target, cpl: cpl) == .pageFault(user | PF.W, at: target))
      #expect(bench.access(.fetch, target + 5, cpl: cpl) == .pageFault(user | fetch, at: target + 5))
      #expect(bench.faultRIP == target + 5)
    }
  }

  /// I/D is reported under SMEP, or under PAE with NXE, and not otherwise.
  @Test(arguments: PagingMode.allCases)
  func instructionFlag(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    let target = mode.target
    for (smep, nxe) in [(false, false), (true, false), (false, true), (true, true)] {
      bench.state.cr4 = bench.state.cr4 & ~Control.SMEP | (smep ? Control.SMEP : 0)
      bench.state.efer = bench.state.efer & ~Control.NXE | (nxe ? Control.NXE : 0)
      let reports = smep || nxe && mode != .bits32
      #expect(bench.access(.fetch, target) == .pageFault(reports ? PF.I : 0, at: target))
      #expect(bench.access(.read, target) == .pageFault(0, at: target))
    }
  }

  /// The saved flags have RF set, so that an instruction breakpoint does not fire twice (SDM Vol. 3,
  /// "Instruction-Breakpoint Exception Condition").
  @Test(arguments: [PagingMode.bits32, .level4])
  func savedFlags(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    #expect(bench.access(.read, mode.target) == .pageFault(0, at: mode.target))
    #expect(bench.frame(3) & 0x1_0000 != 0)
  }

  /// A fault in the middle of a block: what came before it counts, what comes after it does not.
  @Test(arguments: [PagingMode.bits32, .level4])
  func insideBlock(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    bench[R.bx] = mode.target
    let outcome = bench.run([
      0xB8, 0x11, 0x11, 0x00, 0x00,  // mov eax, 1111h
      0xB9, 0x22, 0x22, 0x00, 0x00,  // mov ecx, 2222h
      0x03, 0x0B,  // add ecx, [rbx]
      0xB8, 0x33, 0x33, 0x00, 0x00,  // mov eax, 3333h
    ])
    #expect(outcome == .pageFault(0, at: mode.target))
    #expect(bench.faultRIP == PagingBench.code + 10)
    #expect(bench[R.ax] == 0x1111)
    #expect(bench[R.cx] == 0x2222)
  }

  /// `PUSH`, `CALL` and `POP` leave the stack pointer alone if they fault.
  @Test(
    arguments: [PagingMode.bits32, .level4], [[0x50], [0xFF, 0xD0], [0x58], [0xC3], [0x9C]] as [[UInt8]])
  func stackAccess(_ mode: PagingMode, _ program: [UInt8]) {
    let bench = PagingBench(mode)
    let isPop = program == [0x58] || program == [0xC3]
    let size: UInt64 = mode.is64 ? 8 : 4
    let sp = mode.target + 0x100
    bench.setPrivilege(3)
    bench[R.ax] = PagingBench.code
    bench[R.sp] = sp
    let expected = AccessOutcome.pageFault(
      isPop ? PF.U : PF.U | PF.W, at: isPop ? sp : sp - size)
    #expect(bench.run(program) == expected)
    // The frame has the stack pointer of user mode behind RFLAGS.
    #expect(bench.frame(4) == sp)
    #expect(bench.faultRIP == PagingBench.code)
  }

  /// A fault while delivering a page fault is a double fault (SDM Vol. 3, "Interrupt 8—Double Fault Exception
  /// (#DF)"); CR2 then has the second address.
  @Test func faultInDelivery() {
    let bench = PagingBench(.level4)
    bench.guest.write(Int(PagingBench.tss) + 0x24, values: [UInt64(PagingBench.kernelStack)])
    // #DF gets a stack of its own, IST 1.
    let gate: UInt64 = bench.guest.value(PagingBench.idt + 8 * 16)
    bench.guest.write(PagingBench.idt + 8 * 16, values: [gate | 1 << 32])
    bench.setPrivilege(0)
    bench[R.sp] = bench.mode.target + 0x1000
    bench[R.bx] = bench.mode.target + 0x8000
    #expect(bench.run([0x8B, 0x03]) == .fault(8, 0))
    #expect(bench.state.cr2 == bench.mode.target + 0xFF8)
    #expect(bench.faultRIP == PagingBench.code)
  }

  /// The handler maps the page and returns: the instruction runs again and completes, once.
  @Test(arguments: [false, true])
  func restart(_ isSplit: Bool) {
    let bench = PagingBench(.level4)
    let target = bench.mode.target
    bench.map(target, to: PagingBench.data)
    bench.map(target + 0x1000, to: PagingBench.data + 0x4000)
    let missing = isSplit ? target + 0x1000 : target
    bench[1, missing] &= ~Entry.P
    // or byte [rdi], 1; add rsp, 8; inc r15; iretq
    let handler: UInt64 = 0x1_8000
    bench.guest.write(
      Int(handler), [0x80, 0x0F, 0x01, 0x48, 0x83, 0xC4, 0x08, 0x49, 0xFF, 0xC7, 0x48, 0xCF])
    bench.setGate(14, handler)
    bench.guest.write(Int(PagingBench.data) + 0xFFE, [0xFF, 0xFF])
    bench[R.di] = UInt64(bench.entryAddress(1, missing))
    bench[R.bx] = target + 0xFFE
    bench[15] = 0
    // add dword [rbx], 1 carries from the first page into the second.
    #expect(bench.run([0x83, 0x03, 0x01]) == .done)
    #expect(bench[15] == 1)
    #expect(bench.guest.read(Int(PagingBench.data) + 0xFFE, 2) == [0, 0])
    #expect(bench.guest.read(Int(PagingBench.data) + 0x4000, 2) == [1, 0])
  }
}
