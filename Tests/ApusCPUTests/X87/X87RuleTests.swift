import Testing

/// What the vectors cannot show: the order of faults, deferred exceptions, the pointers of the last
/// instruction, reserved encodings. Expectations from SDM Vol. 1, "x87 FPU Exception Handling in Software",
/// "x87 FPU Instruction and Data (Operand) Pointers".
@Suite struct X87RuleTests {
  private let area = 0x1_1000

  private func bench(cpl: UInt8 = 0) -> SystemBench {
    let bench = SystemBench()
    bench.enterLongMode(cpl: cpl)
    bench[.rbx] = UInt64(area)
    return bench
  }

  /// Code for `fninit` and a control word set through [rbx].
  private func control(_ word: UInt16) -> [UInt8] {
    // fninit; mov word [rbx], word; fldcw [rbx]
    [0xDB, 0xE3, 0x66, 0xC7, 0x03, UInt8(word & 0xFF), UInt8(word >> 8), 0xD9, 0x2B]
  }

  @Test func reservedEncodings() {
    var bench = bench()
    let reserved: [(UInt8, ClosedRange<UInt8>)] = [
      (0xD9, 0xD1...0xD7), (0xD9, 0xE2...0xE3), (0xD9, 0xE6...0xE7), (0xD9, 0xEF...0xEF),
      (0xD9, 0x0B...0x0B), (0xDA, 0xE0...0xE8), (0xDA, 0xEA...0xFF), (0xDB, 0xE5...0xE7),
      (0xDB, 0xF8...0xFF), (0xDB, 0x23...0x23), (0xDB, 0x33...0x33), (0xDD, 0xF0...0xFF),
      (0xDD, 0x2B...0x2B), (0xDE, 0xD8...0xD8), (0xDE, 0xDA...0xDF), (0xDF, 0xE1...0xE7),
      (0xDF, 0xF8...0xFF),
    ]
    var expected: Set<UInt16> = []
    for (opcode, bytes) in reserved {
      for byte in bytes { expected.insert(UInt16(opcode) << 8 | UInt16(byte)) }
    }
    var found: Set<UInt16> = []
    for opcode in 0xD8...0xDF as ClosedRange<UInt8> {
      let memory = (0..<8 as Range<UInt8>).map { $0 << 3 | 3 }
      for byte in memory + (0xC0...0xFF) {
        bench[.rsp] = SystemBench.stack
        switch bench.run([0xDB, 0xE3, opcode, byte, 0xF4]) {
        case .exception(6, code: 0, rip: 0x8002): found.insert(UInt16(opcode) << 8 | UInt16(byte))
        case .stopped: bench = self.bench()
        default: break
        }
      }
    }
    #expect(found == expected)
  }

  @Test func divisionByZeroIsDeferred() {
    let bench = bench()
    // ZE unmasked; fldz; fld1; fdiv st0, st1; fnstsw ax; fnstenv [rbx]; fnclex; fld1; fdivr st0, st1; fld1
    let program: [UInt8] =
      control(0x37B) + [
        0xD9, 0xEE, 0xD9, 0xE8, 0xD8, 0xF1, 0xDF, 0xE0, 0xD9, 0x33, 0xDB, 0xE2, 0xD9, 0x2B, 0xD9, 0xE8,
        0xD8, 0xF2, 0xD9, 0xE8,
      ]
    #expect(bench.run(program) == .exception(16, code: 0, rip: 0x801B))
    // TOP 6, B, ES, ZE.
    #expect(bench[.rax] & 0xFFFF == 0xB084)
    #expect(bench.read32(area + 12) == 0x800D)
    // FDIV ST(0), ST(1): D8 F1.
    #expect(bench.read32(area + 16) == 0x00F1_0008)
    // The dividend is still one, and the divisor zero: the tags of R6 and R7 say so.
    #expect(bench.read32(area + 8) == 0xFFFF_4FFF)
  }

  @Test func unmaskedOverflowStoresNothing() {
    let bench = bench()
    bench.write64(area + 8, 0x5A5A_5A5A_5A5A_5A5A)
    bench.write64(area + 16, ~0)
    bench.write64(area + 24, 0x7FFE)
    // OE unmasked; fld tbyte [rbx+16]; fstp dword [rbx+8]; fnstsw ax; fnclex; fstp tbyte [rbx+32]
    let program: [UInt8] =
      control(0x377) + [
        0xDB, 0x6B, 0x10, 0xD9, 0x5B, 0x08, 0xDF, 0xE0, 0xDB, 0xE2, 0xDB, 0x7B, 0x20, 0xF4,
      ]
    #expect(bench.run(program) == .halted)
    #expect(bench[.rax] & 0xFFFF == 0xB888)
    #expect(bench.read64(area + 8) == 0x5A5A_5A5A_5A5A_5A5A)
    #expect(bench.read64(area + 32) == ~0)
  }

  @Test func unmaskedOverflowWrapsTheExponent() {
    let bench = bench()
    bench.write64(area + 16, 1 << 63)
    bench.write64(area + 24, 0x7FFE)
    // OE unmasked; fld tbyte [rbx+16]; fadd st0, st0; fnclex; fstp tbyte [rbx+32]
    let program: [UInt8] =
      control(0x377) + [0xDB, 0x6B, 0x10, 0xD8, 0xC0, 0xDB, 0xE2, 0xDB, 0x7B, 0x20, 0xF4]
    #expect(bench.run(program) == .halted)
    #expect(bench.read64(area + 32) == 1 << 63)
    #expect(bench.read16(area + 40) == 0x7FFF - 0x6000)
  }

  @Test func pageFaultComesBeforeStackFault() {
    let bench = bench()
    bench.write64(SystemBench.table + 0x50 * 8, 0)
    bench[.rcx] = 0x5_0000
    // fninit; fst qword [rcx]
    #expect(bench.run([0xDB, 0xE3, 0xDD, 0x11]) == .exception(14, code: 2, rip: 0x8002))
    bench[.rsp] = SystemBench.stack
    // fadd dword [rcx]
    #expect(bench.run([0xDB, 0xE3, 0xD8, 0x01]) == .exception(14, code: 0, rip: 0x8002))
    bench[.rsp] = SystemBench.stack
    // fnstsw ax
    #expect(bench.run([0xDF, 0xE0, 0xF4]) == .halted)
    #expect(bench[.rax] & 0xFFFF == 0)
  }

  @Test func storeWithoutEffectFaultsAllTheSame() {
    let bench = bench()
    bench.write64(SystemBench.table + 0x50 * 8, 0)
    bench[.rcx] = 0x5_0000
    // IE unmasked; fist dword [rcx] of an empty register
    #expect(bench.run(control(0x37E) + [0xDB, 0x11]) == .exception(14, code: 2, rip: 0x8009))
  }

  @Test func pointersOfTheLastInstruction() {
    let bench = bench()
    // fninit; fld1; fadd qword [rbx+64]; fnstcw [rbx+48]; fnstenv [rbx]
    let program: [UInt8] = [
      0xDB, 0xE3, 0xD9, 0xE8, 0xDC, 0x43, 0x40, 0xD9, 0x7B, 0x30, 0xD9, 0x33, 0xF4,
    ]
    #expect(bench.run(program) == .halted)
    #expect(bench.read32(area + 12) == 0x8004)
    #expect(bench.read32(area + 16) == 0x0443_0008)
    #expect(bench.read32(area + 20) == UInt32(area) + 64)
  }

  @Test func noOperationMovesThePointer() {
    let bench = bench()
    // fninit; fld1; fnop; fnstenv [rbx]
    #expect(bench.run([0xDB, 0xE3, 0xD9, 0xE8, 0xD9, 0xD0, 0xD9, 0x33, 0xF4]) == .halted)
    #expect(bench.read32(area + 12) == 0x8004)
    #expect(bench.read32(area + 16) == 0x01D0_0008)
  }

  @Test func deviceNotAvailable() {
    let bench = bench()
    bench.processor.state.cr0 |= 8
    #expect(bench.run([0xD8, 0xC1]) == .exception(7, code: 0, rip: 0x8000))
  }

  @Test func comparisonSteersBranches() {
    let bench = bench()
    // fninit; fld1; fldz; mov ecx, 0; fcomi st0, st1; jb +2; hlt; nop; inc ecx; fcmovb st0, st1;
    // fstp tbyte [rbx]; hlt
    let program: [UInt8] = [
      0xDB, 0xE3, 0xD9, 0xE8, 0xD9, 0xEE, 0xB9, 0, 0, 0, 0, 0xDB, 0xF1, 0x72, 0x02, 0xF4, 0x90, 0xDA, 0xC1,
      0xFF, 0xC1, 0xDB, 0x3B, 0xF4,
    ]
    #expect(bench.run(program) == .halted)
    #expect(bench[.rcx] == 1)
    #expect(bench.read16(area + 8) == 0x3FFF)
  }

  @Test func alignmentOf80Bits() {
    for (offset, isAligned) in [(8, true), (16, true), (4, false), (1, false)] {
      let bench = bench(cpl: 3)
      bench.processor.state.cr0 |= 1 << 18
      bench.processor.state.rflags |= 1 << 18
      bench[.rbx] = UInt64(area + offset)
      // fninit; fld tbyte [rbx]; ud2
      let ending = bench.run([0xDB, 0xE3, 0xDB, 0x2B, 0x0F, 0x0B])
      #expect(ending == .exception(isAligned ? 6 : 17, code: 0, rip: isAligned ? 0x8004 : 0x8002))
    }
  }
}
