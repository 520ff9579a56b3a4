import ApusCPU
import Testing

/// AMD APM Vol. 2, "Fast System Call and Return"; Vol. 3, `SYSCALL`, `SYSRET`, `SYSENTER`, `SYSEXIT`, `SWAPGS`.
@Suite struct FastSystemCallTests {
  private static let entry: UInt64 = 0x9000
  private static let compatibilityEntry: UInt64 = 0x9100

  /// STAR: SYSCALL CS 8, SYSRET base 1Bh; SFMASK clears IF.
  private func bench(_ cpl: UInt8) -> SystemBench {
    let bench = SystemBench()
    bench.enterLongMode(cpl: cpl)
    bench.writeMSR(0xC000_0081, 0x001B_0008 << 32)
    bench.writeMSR(0xC000_0082, Self.entry)
    bench.writeMSR(0xC000_0083, Self.compatibilityEntry)
    bench.writeMSR(0xC000_0084, 0x200)
    bench.write(Int(Self.entry), [0xF4])
    bench.write(Int(Self.compatibilityEntry), [0xF4])
    return bench
  }

  /// From compatibility mode `SYSCALL` goes to CSTAR, in 64-bit mode.
  @Test func syscallFromCompatibilityMode() {
    let bench = bench(3)
    bench.processor.state.segments[1] = SegmentRegister(
      selector: 0x1B, base: 0, limit: .max, attributes: 0xC0FB)
    bench.processor.state.rflags = 0x202
    #expect(bench.run([0x0F, 0x05]) == .halted)
    let state = bench.processor.state
    #expect(state.rip == Self.compatibilityEntry + 1 && state.cpl == 0)
    #expect(state.segments[1].selector == 8 && state.segments[1].attributes & 0x6000 == 0x2000)
    #expect(bench[.rcx] == 0x8002 && bench[.r11] == 0x202)
    #expect(state.rflags == 2)
  }

  /// Outside long mode the target is in STAR, RFLAGS is not saved, and IF is cleared.
  @Test func syscallInProtectedMode() {
    let bench = SystemBench()
    bench.enterProtectedMode()
    bench.processor.state.efer = 1
    bench.writeMSR(0xC000_0081, 0x001B_0008 << 32 | Self.entry)
    bench.write(Int(Self.entry), [0xF4])
    bench.processor.state.rflags = 0x202
    bench[.r11] = 0x77
    #expect(bench.run([0x0F, 0x05]) == .halted)
    let state = bench.processor.state
    #expect(state.rip == Self.entry + 1 && state.rflags == 2)
    #expect(bench[.rcx] == 0x8002 && bench[.r11] == 0x77)
    #expect(state.segments[1].selector == 8 && state.segments[2].selector == 0x10)
    // And back: CS and SS from STAR, EIP from ECX, IF set.
    bench.write(0x9001, [0x0F, 0x07])
    bench.write(0x8002, [0xCC])
    bench.processor.state.tr = SegmentRegister(
      selector: 0x28, base: UInt64(SystemBench.tss), limit: 0x67, attributes: 0x8B)
    bench.write32(SystemBench.tss + 4, UInt32(SystemBench.stack))
    bench.write32(SystemBench.tss + 8, 0x10)
    #expect(bench.resume() == .exception(13, code: 0x1A, rip: 0x8002))
    let frame = Int(bench[.rsp])
    #expect(bench.read32(frame + 8) == 0x1B && bench.read32(frame + 20) == 0x23)
    #expect(bench.read32(frame + 12) & 0x200 != 0)
  }

  /// A 32-bit `SYSRET` leads to compatibility mode, with the lower half of RCX; RF and VM of R11 stay clear.
  @Test func sysretToCompatibilityMode() {
    let bench = bench(0)
    bench[.rcx] = 0xFFFF_FFFF_0000_8100
    bench[.r11] = 0x3_0246
    bench.write(0x8100, [0xCC])
    #expect(bench.run([0x0F, 0x07]) == .exception(13, code: 0x1A, rip: 0x8100))
    let frame = Int(bench[.rsp])
    // CS, RFLAGS (with the RF of the fault), SS.
    #expect(bench.read64(frame + 16) == 0x1B)
    #expect(bench.read64(frame + 24) == 0x1_0246)
    #expect(bench.read64(frame + 40) == 0x23)
  }

  /// AMD processors check the return address when it is used, in user mode.
  @Test func sysretToAddressNotCanonical() {
    let bench = bench(0)
    bench[.rcx] = 0x8000_0000_0000
    #expect(bench.run([0x48, 0x0F, 0x07]) == .exception(13, code: 0, rip: 0x8000_0000_0000))
    #expect(bench.read64(Int(bench[.rsp]) + 16) == 0x2B)
  }

  /// What only CPL 0 may do, and what long mode or protected mode does not have.
  @Test(
    arguments: [
      (true, 3, [0x0F, 0x07], 13), (true, 3, [0x48, 0x0F, 0x07], 13),
      (true, 3, [0x0F, 0x01, 0xF8], 13),
      (true, 0, [0x0F, 0x35], 6), (true, 3, [0x0F, 0x34], 6), (false, 0, [0x0F, 0x05], 6),
      (false, 0, [0x0F, 0x07], 6),
      (false, 0, [0x0F, 0x01, 0xF8], 6), (false, 0, [0x0F, 0x34], 13),
      (false, 0, [0x0F, 0x35], 13),
    ] as [(Bool, UInt8, [UInt8], UInt8)])
  func unavailable(_ isLong: Bool, _ cpl: UInt8, _ code: [UInt8], _ vector: UInt8) {
    let bench = SystemBench()
    if isLong { bench.enterLongMode(cpl: cpl) } else { bench.enterProtectedMode() }
    #expect(bench.run(code) == .exception(vector, code: 0, rip: SystemBench.code))
  }

  /// `SYSENTER` and `SYSEXIT` take segments at distances of 8 from IA32_SYSENTER_CS, with fixed attributes.
  @Test func sysenterAndSysexit() {
    let bench = SystemBench()
    bench.enterProtectedMode()
    bench.writeMSR(0x174, 0x0B)
    bench.writeMSR(0x175, 0x7000)
    bench.writeMSR(0x176, Self.entry)
    bench.write(Int(Self.entry), [0x0F, 0x35])
    bench[.rcx] = 0x6000
    bench[.rdx] = 0x8100
    bench.write(0x8100, [0xCC])
    bench.processor.state.rflags = 0x202
    bench.processor.state.tr = SegmentRegister(
      selector: 0x28, base: UInt64(SystemBench.tss), limit: 0x67, attributes: 0x8B)
    bench.write32(SystemBench.tss + 4, UInt32(SystemBench.stack))
    bench.write32(SystemBench.tss + 8, 0x10)
    #expect(bench.run([0x0F, 0x34]) == .exception(13, code: 0x1A, rip: 0x8100))
    let frame = Int(bench[.rsp])
    // CS 8 + 16, EFLAGS without IF, ESP from ECX, SS 8 + 24.
    #expect(bench.read32(frame + 8) == 0x1B && bench.read32(frame + 20) == 0x23)
    #expect(bench.read32(frame + 12) & 0x200 == 0)
    #expect(bench.read32(frame + 16) == 0x6000)
  }

  @Test func sysexitNeedsPrivilege() {
    #expect(GuestMachine(.protected, cpl: 3, code: [0x0F, 0x35]).outcome() == .GP())
    #expect(RealMachine(code: [0x0F, 0x35]).outcome() == .exception(13, nil))
    #expect(RealMachine(code: [0x0F, 0x34]).outcome() == .exception(13, nil))
  }

  /// SWAPGS exchanges the base alone: the selector and the limit of GS stay.
  @Test func swapgsKeepsSelector() {
    let bench = bench(0)
    bench.processor.state.segments[5].selector = 0x23
    bench.writeMSR(0xC000_0102, 0x5_0000)
    bench.processor.state.segments[5].base = 0x6_0000
    #expect(bench.run([0x0F, 0x01, 0xF8, 0x0F, 0x01, 0xF8, 0x0F, 0x01, 0xF8, 0xF4]) == .halted)
    #expect(bench.processor.state.segments[5].selector == 0x23)
    #expect(bench.processor.state.segments[5].base == 0x5_0000)
    #expect(bench.readMSR(0xC000_0102) == 0x6_0000)
  }

  /// With TF set the kernel's first instruction is not executed before the trap of `SYSCALL` itself, unless SFMASK
  /// clears TF, when none follows.
  @Test(arguments: [true, false]) func singleStep(_ isMasked: Bool) {
    let bench = bench(3)
    bench.writeMSR(0xC000_0084, isMasked ? 0x300 : 0x200)
    bench.processor.state.rflags = 0x102
    let expected: Ending = isMasked ? .halted : .exception(1, code: 0, rip: Self.entry)
    #expect(bench.run([0x0F, 0x05]) == expected)
    #expect(bench[.r11] == 0x102)
  }
}
