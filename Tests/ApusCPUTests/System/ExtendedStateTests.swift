import Testing

/// Expectations from SDM Vol. 1, "FXSAVE and FXRSTOR Instructions" (the layout table of `FXSAVE` in Vol. 2),
/// "Managing State Using the XSAVE Feature Set", "x87 FPU Data Types".
@Suite struct ExtendedStateTests {
  private let area = 0x1_1000

  private func bench() -> SystemBench {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rbx] = UInt64(area)
    return bench
  }

  /// FNINIT; FLD1; FLDZ; XMM0 = RAX; MXCSR = 1FA0h.
  private let prepare: [UInt8] = [
    0xDB, 0xE3,  // fninit
    0xD9, 0xE8,  // fld1
    0xD9, 0xEE,  // fldz
    0x66, 0x48, 0x0F, 0x6E, 0xC0,  // movq xmm0, rax
    0xC7, 0x03, 0xA0, 0x1F, 0x00, 0x00,  // mov dword [rbx], 1FA0h
    0x0F, 0xAE, 0x13,  // ldmxcsr [rbx]
  ]

  @Test func savesInLayout() {
    let bench = bench()
    bench[.rax] = 0x1122_3344_5566_7788
    bench.write(area + 416, [UInt8](repeating: 0xCC, count: 96))
    #expect(bench.run(prepare + [0x48, 0x0F, 0xAE, 0x03, 0xF4]) == .halted)  // fxsave64 [rbx]
    // FCW, FSW with TOP 6, abridged FTW: R6 and R7; without an exception pending no FOP, FIP and FDP.
    #expect(bench.read64(area) == 0x0000_00C0_3000_037F)
    #expect(bench.read64(area + 8) == 0)
    #expect(bench.read64(area + 24) == 0x0002_FFFF_0000_1FA0)
    // ST(0) = 0, ST(1) = 1.
    #expect(bench.read(area + 32, 16) == [UInt8](repeating: 0, count: 16))
    #expect(bench.read64(area + 48) == 1 << 63)
    #expect(bench.read64(area + 56) == 0x3FFF)
    #expect(bench.read64(area + 160) == 0x1122_3344_5566_7788)
    // Bytes 511:416 are not touched.
    #expect(bench.read(area + 416, 96) == [UInt8](repeating: 0xCC, count: 96))
  }

  /// AMD APM Vol. 3, `FXSAVE`: the pointers are stored with an exception pending.
  @Test func savesErrorPointers() {
    let bench = bench()
    let program: [UInt8] = [
      0xDB, 0xE3,  // fninit
      0xC7, 0x03, 0x7E, 0x03, 0x00, 0x00,  // mov dword [rbx], 37Eh
      0xD9, 0x2B,  // fldcw [rbx]
      0xD9, 0xFA,  // fsqrt of an empty register
      0x48, 0x0F, 0xAE, 0x03,  // fxsave64 [rbx]
      0xF4,
    ]
    #expect(bench.run(program) == .halted)
    // FSW: ES, B, SF, IE.
    #expect(bench.read64(area) == 0x01FA_0000_80C1_037E)
    #expect(bench.read64(area + 8) == SystemBench.code + 10)
  }

  @Test func restoresWhatWasSaved() {
    let bench = bench()
    bench[.rax] = 42
    bench[.rcx] = UInt64(area) + 0x400
    let program: [UInt8] =
      prepare + [
        0x48, 0x0F, 0xAE, 0x03,  // fxsave64 [rbx]
        0xDB, 0xE3,  // fninit
        0x66, 0x48, 0x0F, 0x6E, 0xC3,  // movq xmm0, rbx
        0x48, 0x0F, 0xAE, 0x0B,  // fxrstor64 [rbx]
        0x48, 0x0F, 0xAE, 0x01,  // fxsave64 [rcx]
        0xF4,
      ]
    #expect(bench.run(program) == .halted)
    #expect(bench.read(area, 416) == bench.read(area + 0x400, 416))
    #expect(bench.read64(area + 160) == 42)
  }

  @Test func saveFaults() {
    let bench = bench()
    bench[.rbx] = UInt64(area) + 8
    #expect(bench.run([0x48, 0x0F, 0xAE, 0x03]) == .generalProtection())
    // Reserved bits of MXCSR.
    bench.enterLongMode()
    bench[.rbx] = UInt64(area)
    bench.write32(area + 24, 0x1_1F80)
    #expect(bench.run([0x48, 0x0F, 0xAE, 0x0B]) == .generalProtection())
    bench.enterLongMode()
    bench[.rbx] = UInt64(area)
    bench.processor.state.cr0 |= 8
    #expect(bench.run([0x48, 0x0F, 0xAE, 0x03]) == .exception(7, code: 0, rip: 0x8000))
    // The second page of the area is not present: nothing is stored.
    bench.enterLongMode()
    bench[.rbx] = 0x1_1F00
    bench.write64(SystemBench.table + 0x12 * 8, 0)
    bench.write64(0x1_1F00, 0x5555)
    #expect(bench.run([0x48, 0x0F, 0xAE, 0x03]) == .exception(14, code: 2, rip: 0x8000))
    #expect(bench.read64(0x1_1F00) == 0x5555)
    #expect(bench.processor.state.cr2 >= 0x1_2000)
  }

  private let enable: [UInt8] = [
    0x48, 0x89, 0xC7,  // mov rdi, rax
    0xB8, 0x03, 0x00, 0x00, 0x00,  // mov eax, 3
    0x31, 0xC9,  // xor ecx, ecx
    0x31, 0xD2,  // xor edx, edx
    0x0F, 0x01, 0xD1,  // xsetbv
    0x48, 0x89, 0xF8,  // mov rax, rdi
  ]

  /// movq xmm0, rbx: SSE state in use.
  private let useSSE: [UInt8] = [0x66, 0x48, 0x0F, 0x6E, 0xC3]

  /// XSTATE_BV tells whether SSE state is in use; all that is requested is stored (SDM Vol. 1, "Operation of XSAVE").
  @Test(arguments: [false, true])
  func standardFormat(_ isUsed: Bool) {
    let bench = bench()
    bench[.rax] = 2
    bench.write64(area, 0x5555)
    bench.write64(area + 160, 0x5555)
    bench.write64(area + 512, 0xFF00)
    // xsave64 [rbx] of SSE alone: the x87 part stays, other bits of XSTATE_BV as well.
    let program = enable + (isUsed ? useSSE : []) + [0x48, 0x0F, 0xAE, 0x23, 0xF4]
    #expect(bench.run(program) == .halted)
    #expect(bench.read64(area) == 0x5555)
    #expect(bench.read64(area + 160) == (isUsed ? UInt64(area) : 0))
    #expect(bench.read64(area + 512) == (isUsed ? 0xFF02 : 0xFF00))
    #expect(bench.read64(area + 24) == 0x0002_FFFF_0000_1F80)
  }

  /// What is not in use is not stored (SDM Vol. 1, "Operation of XSAVEC").
  @Test(arguments: [false, true])
  func compactedFormat(_ isUsed: Bool) {
    let bench = bench()
    bench[.rax] = 7
    bench.write64(area + 160, 0x5555)
    let program = enable + (isUsed ? useSSE : []) + [0x48, 0x0F, 0xC7, 0x23, 0xF4]
    #expect(bench.run(program) == .halted)  // xsavec64 [rbx]
    #expect(bench.read64(area + 160) == (isUsed ? UInt64(area) : 0x5555))
    #expect(bench.read64(area + 512) == (isUsed ? 3 : 1))
    #expect(bench.read64(area + 520) == 0x8000_0000_0000_0003)
  }

  @Test func restoreInitializesWhatIsAbsent() {
    let bench = bench()
    bench[.rax] = 7
    bench.write(area + 0x400, [UInt8](repeating: 0, count: 576))
    bench.write32(area + 0x418, 0x1F80)
    bench.write64(area + 0x400 + 512, 1)
    bench.write64(area + 0x400, 0x0000_0000_0000_0277)
    let program: [UInt8] =
      enable + [
        0x66, 0x48, 0x0F, 0x6E, 0xC3,  // movq xmm0, rbx
        0x48, 0x81, 0xC3, 0x00, 0x04, 0x00, 0x00,  // add rbx, 400h
        0x48, 0x0F, 0xAE, 0x2B,  // xrstor64 [rbx]
        0x66, 0x48, 0x0F, 0x7E, 0xC6,  // movq rsi, xmm0
        0xD9, 0x3B,  // fnstcw [rbx]
        0xF4,
      ]
    #expect(bench.run(program) == .halted)
    #expect(bench[.rsi] == 0)
    #expect(bench.read16(area + 0x400) == 0x277)
  }

  @Test func headerFaults() {
    // A component outside XCR0; reserved header bytes; compacted with a component not in its format.
    for (bits, compaction, rest) in [
      (4, 0, 0), (1, 0, 1), (1, 2, 0), (2, 1 << 63 | 1, 0), (0, 1 << 63 | 4, 0),
    ] as [(UInt64, UInt64, UInt64)] {
      let bench = bench()
      bench[.rax] = 7
      bench.write32(area + 24, 0x1F80)
      bench.write64(area + 512, bits)
      bench.write64(area + 520, compaction)
      bench.write64(area + 528, rest)
      let at = SystemBench.code + UInt64(enable.count)
      #expect(bench.run(enable + [0x48, 0x0F, 0xAE, 0x2B, 0xF4]) == .generalProtection(at))
    }
  }

  @Test func movesWithoutArithmetic() {
    let bench = bench()
    bench.write(area, [0xFB, 0xFF])  // -5
    let program: [UInt8] = [
      0xDB, 0xE3,  // fninit
      0xD9, 0xE8,  // fld1
      0xD9, 0xE0,  // fchs
      0xDF, 0x03,  // fild word [rbx]
      0xD9, 0xC9,  // fxch st(1)
      0xDB, 0x7B, 0x10,  // fstp tbyte [rbx+16]
      0xDB, 0x7B, 0x20,  // fstp tbyte [rbx+32]
      0xDF, 0xE0,  // fnstsw ax
      0xD9, 0x7B, 0x30,  // fnstcw [rbx+48]
      0xF4,
    ]
    #expect(bench.run(program) == .halted)
    #expect(bench.read64(area + 16) == 1 << 63)
    #expect(bench.read16(area + 24) == 0xBFFF)
    // -5 = -1.25 × 2².
    #expect(bench.read64(area + 32) == 0xA000_0000_0000_0000)
    #expect(bench.read16(area + 40) == 0xC001)
    #expect(bench[.rax] & 0xFFFF == 0)
    #expect(bench.read16(area + 48) == 0x37F)
  }

  @Test func stackUnderflow() {
    let bench = bench()
    // fninit; fstp tbyte [rbx]; fnstsw ax
    #expect(bench.run([0xDB, 0xE3, 0xDB, 0x3B, 0xDF, 0xE0, 0xF4]) == .halted)
    // IE and SF, C1 clear, TOP 1; the indefinite is stored.
    #expect(bench[.rax] & 0xFFFF == 0x0841)
    #expect(bench.read64(area) == 0xC000_0000_0000_0000)
    #expect(bench.read16(area + 8) == 0xFFFF)
  }

  @Test func pendingException() {
    let bench = bench()
    let program: [UInt8] = [
      0xDB, 0xE3,  // fninit
      0x66, 0xC7, 0x03, 0x40, 0x03,  // mov word [rbx], 340h
      0xD9, 0x2B,  // fldcw [rbx]
      0xDD, 0xD8,  // fstp st(0): stack fault, unmasked
      0xDF, 0xE0,  // fnstsw ax
      0x9B,  // fwait
      0xF4,
    ]
    #expect(bench.run(program) == .exception(16, code: 0, rip: 0x800D))
    #expect(bench[.rax] & 0xFFFF == 0x80C1)
    // With CR0.NE clear FERR# goes to the board.
    bench.enterLongMode()
    bench[.rbx] = UInt64(area)
    bench.processor.state.cr0 &= ~(1 << 5)
    #expect(bench.run(program) == .halted)
    #expect(bench.bus.floatingPointErrors == 1)
  }

  @Test func environment() {
    let bench = bench()
    // fninit; fld1; fnstenv [rbx] in 64-bit mode: the 32-bit protected-mode layout.
    #expect(bench.run([0xDB, 0xE3, 0xD9, 0xE8, 0xD9, 0x33, 0xF4]) == .halted)
    #expect(bench.read32(area) == 0xFFFF_037F)
    #expect(bench.read32(area + 4) == 0xFFFF_3800)
    #expect(bench.read32(area + 8) == 0xFFFF_3FFF)
    #expect(bench.read32(area + 12) == 0x8002)
    #expect(bench.read32(area + 16) == 0x01E8_0008)
  }
}
