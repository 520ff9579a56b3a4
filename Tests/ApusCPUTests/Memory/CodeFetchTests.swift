import ApusCPU
import Testing

/// Instruction fetches that cross a page boundary: each page is translated by itself (SDM Vol. 3,
/// "Page-Fault Exceptions"), and the fault belongs to the instruction that begins in the first.
@Suite struct CodeFetchTests {
  private static let first = 0x3_4000
  private static let second = 0x3_8000

  /// Two pages at the target, mapped apart; `code` lies around their boundary, `head` bytes of it before.
  private func makeBench(_ mode: PagingMode, _ code: [UInt8], head: Int) -> PagingBench {
    let bench = PagingBench(mode)
    bench.map(mode.target, to: UInt64(Self.first))
    bench.map(mode.target + 0x1000, to: UInt64(Self.second))
    bench.guest.write(Self.first + 0x1000 - head, Array(code.prefix(head)))
    bench.guest.write(Self.second, Array(code.dropFirst(head)))
    return bench
  }

  /// mov dword [ebx + disp32], imm32: every part of an instruction comes to lie on the boundary once.
  private static let long: [UInt8] = [0xC7, 0x83, 0x04, 0x00, 0x00, 0x00, 0x78, 0x56, 0x34, 0x12]

  @Test(arguments: PagingMode.allCases)
  func everySplit(_ mode: PagingMode) {
    for head in 1..<Self.long.count {
      let bench = makeBench(mode, Self.long + [0xF4], head: head)
      bench.setPrivilege(0)
      bench[R.ax] = mode.target + 0x1000 - UInt64(head)
      bench[R.bx] = PagingBench.data
      #expect(bench.run([0xFF, 0xE0]) == .done)
      #expect(bench.guest.value(Int(PagingBench.data) + 4, UInt32.self) == 0x1234_5678, "\(head)")
    }
  }

  /// The second page is missing, not executable, or the supervisor's: CR2 is its first byte, RIP the start of
  /// the instruction.
  @Test(arguments: PagingMode.allCases, [0, 3] as [UInt8])
  func secondPageFaults(_ mode: PagingMode, _ cpl: UInt8) {
    let second = mode.target + 0x1000
    let user = cpl == 3 ? PF.U : 0
    let fetch = mode == .bits32 ? 0 : PF.I
    for head in 1..<Self.long.count {
      let bench = makeBench(mode, Self.long + [0xF4], head: head)
      let start = second - UInt64(head)
      let entry = bench[1, second]
      bench[1, second] = entry & ~Entry.P
      #expect(bench.access(.fetch, start, cpl: cpl) == .pageFault(user | fetch, at: second), "\(head)")
      #expect(bench.faultRIP == start)
      if mode != .bits32 {
        bench[1, second] = entry | Entry.NX
        #expect(bench.access(.fetch, start, cpl: cpl) == .pageFault(PF.P | user | PF.I, at: second))
        #expect(bench.faultRIP == start)
      }
      guard cpl == 3 else { continue }
      bench[1, second] = entry & ~Entry.U
      #expect(bench.access(.fetch, start, cpl: 3) == .pageFault(PF.P | PF.U | fetch, at: second))
    }
  }

  /// Instructions before it in the same run of code have retired.
  @Test(arguments: [PagingMode.bits32, .level4])
  func afterOthers(_ mode: PagingMode) {
    // mov eax, 5; mov ecx, 6, the latter split.
    let code: [UInt8] = [0xB8, 5, 0, 0, 0, 0xB9, 6, 0, 0, 0, 0xF4]
    let bench = makeBench(mode, code, head: 7)
    let second = mode.target + 0x1000
    bench[1, second] &= ~Entry.P
    bench[R.ax] = 0
    bench[R.cx] = 0
    #expect(
      bench.access(.fetch, second - 7) == .pageFault(mode == .bits32 ? 0 : PF.I, at: second))
    #expect(bench.faultRIP == second - 2)
    #expect(bench[R.ax] == 5)
    #expect(bench[R.cx] == 0)
  }

  /// Code that ends exactly at the boundary runs whether or not there is a next page, and the fault comes with
  /// the next instruction.
  @Test(arguments: [PagingMode.bits32, .level4])
  func endsAtBoundary(_ mode: PagingMode) {
    let bench = makeBench(mode, [0xB8, 5, 0, 0, 0, 0x90], head: 5)
    let second = mode.target + 0x1000
    bench[1, second] &= ~Entry.P
    bench[R.ax] = 0
    #expect(
      bench.access(.fetch, second - 5) == .pageFault(mode == .bits32 ? 0 : PF.I, at: second))
    #expect(bench.faultRIP == second)
    #expect(bench[R.ax] == 5)
    bench.guest.write(Self.first + 0xFFF, [0xF4])
    #expect(bench.access(.fetch, second - 1) == .done)
  }

  /// The handler maps the second page; the instruction then runs as if nothing had been.
  @Test func restart() {
    let bench = makeBench(.level4, [0xB8, 0x78, 0x56, 0x34, 0x12, 0xC3], head: 3)
    let second = bench.mode.target + 0x1000
    bench[1, second] &= ~Entry.P
    // or byte [rdi], 1; add rsp, 8; inc r15; iretq
    let handler: UInt64 = 0x1_8000
    bench.guest.write(
      Int(handler), [0x80, 0x0F, 0x01, 0x48, 0x83, 0xC4, 0x08, 0x49, 0xFF, 0xC7, 0x48, 0xCF])
    bench.setGate(14, handler)
    bench[R.di] = UInt64(bench.entryAddress(1, second))
    bench[R.bx] = second - 3
    bench[15] = 0
    #expect(bench.run([0xFF, 0xD3, 0xFF, 0xD3]) == .done)  // call rbx, twice
    #expect(bench[R.ax] == 0x1234_5678)
    #expect(bench[15] == 1)
  }

  /// The second page goes away after the instruction has run: with INVLPG of that page it faults at the next
  /// attempt.
  @Test(arguments: [Entry.P, Entry.NX])
  func secondPageIsTaken(_ change: UInt64) {
    let bench = makeBench(.level4, [0xB8, 0x78, 0x56, 0x34, 0x12, 0xC3], head: 3)
    let second = bench.mode.target + 0x1000
    bench[R.di] = UInt64(bench.entryAddress(1, second))
    bench[R.si] = bench[1, second] ^ change
    bench[R.dx] = second
    bench[R.bx] = second - 3
    let outcome = bench.run([
      0xFF, 0xD3, 0xFF, 0xD3,  // call rbx; call rbx
      0x48, 0x89, 0x37,  // mov [rdi], rsi
      0x0F, 0x01, 0x3A,  // invlpg [rdx]
      0xFF, 0xD3,  // call rbx
    ])
    #expect(outcome == .pageFault(PF.I | (change == Entry.NX ? PF.P : 0), at: second))
    #expect(bench.faultRIP == second - 3)
  }

  /// More than 15 bytes raise #GP(0) (SDM Vol. 3, "Interrupt 13—General Protection Exception (#GP)"), across
  /// pages as within one; a missing page among the first 15 comes before that.
  @Test func tooLong() {
    let bench = makeBench(.level4, [UInt8](repeating: 0x66, count: 18) + [0x90, 0xF4], head: 8)
    let second = bench.mode.target + 0x1000
    for distance in [4, 8] as [UInt64] {
      let length = 10 + distance + 1
      let expected = length > 15 ? AccessOutcome.fault(13, 0) : .done
      #expect(bench.access(.fetch, second - distance) == expected)
      if length > 15 { #expect(bench.faultRIP == second - distance) }
    }
    bench[1, second] = 0
    #expect(bench.access(.fetch, second - 8) == .pageFault(PF.I, at: second))
  }

  /// Same linear page, another physical page behind it after a switch of CR3: the code of the new one runs.
  @Test func addressSpaces() {
    let bench = PagingBench(.level4)
    let target = bench.mode.target
    let first = bench.state.cr3
    let second = UInt64(bench.allocateTable())
    bench.guest.write(Int(second), values: [bench.guest.value(Int(first), UInt64.self)])
    bench.map(target, to: UInt64(Self.first))
    bench.state.cr3 = second
    bench.map(target, to: UInt64(Self.second))
    bench.state.cr3 = first
    bench.guest.write(Self.first, [0xB8, 0x11, 0, 0, 0, 0xC3])
    bench.guest.write(Self.second, [0xB8, 0x22, 0, 0, 0, 0xC3])
    bench[R.bx] = target
    bench[R.si] = second
    bench[R.di] = first
    let outcome = bench.run([
      0xFF, 0xD3, 0x89, 0xC1,  // call rbx; mov ecx, eax
      0x0F, 0x22, 0xDE,  // mov cr3, rsi
      0xFF, 0xD3, 0x89, 0xC2,  // call rbx; mov edx, eax
      0x0F, 0x22, 0xDF,  // mov cr3, rdi
      0xFF, 0xD3,  // call rbx
    ])
    #expect(outcome == .done)
    #expect(bench[R.cx] == 0x11)
    #expect(bench[R.dx] == 0x22)
    #expect(bench[R.ax] == 0x11)
  }

  /// The same for pages that are not global, called from one that is, a few of them and more than are remembered one
  /// by one: what is global stays in the caches of code, and nothing else does.
  @Test(arguments: [1, 3, 400]) func addressSpacesWithGlobalCaller(_ pages: Int) {
    let bench = PagingBench(.level4)
    let target = bench.mode.target & ~0x1F_FFFF
    let first = bench.state.cr3
    let second = UInt64(bench.allocateTable())
    bench.guest.write(Int(second), values: [bench.guest.value(Int(first), UInt64.self)])
    for (table, physical) in [(first, Self.first), (second, Self.second)] {
      bench.state.cr3 = table
      for page in 0..<UInt64(pages) { bench.map(target + page << 12, to: UInt64(physical)) }
    }
    bench.state.cr3 = first
    bench.state.cr4 |= Control.PGE
    bench[1, PagingBench.code] |= Entry.G
    bench.guest.write(Self.first, [0xB8, 1, 0, 0, 0, 0xC3])  // mov eax, 1; ret
    bench.guest.write(Self.second, [0xB8, 0, 1, 0, 0, 0xC3])  // mov eax, 256; ret
    bench[R.bx] = target
    bench[R.si] = second
    bench[R.di] = first
    /// Calls all pages and adds what they give to R8 or R9.
    func calls(_ register: UInt8) -> [UInt8] {
      // mov r13d, pages; mov r14, rbx
      [0x41, 0xBD, UInt8(pages & 0xFF), UInt8(pages >> 8), 0, 0, 0x49, 0x89, 0xDE]
        + [0x41, 0xFF, 0xD6, 0x49, 0x01, 0xC0 | register]  // call r14; add register, rax
        + [0x49, 0x81, 0xC6, 0, 0x10, 0, 0, 0x41, 0xFF, 0xCD, 0x75, 0xEE]  // add r14, 4096; dec r13d; jnz
    }
    let outcome = bench.run(
      calls(0) + calls(0) + [0x0F, 0x22, 0xDE] + calls(1) + calls(1) + [0x0F, 0x22, 0xDF] + calls(0))
    #expect(outcome == .done)
    #expect(bench[8] == UInt64(pages) * 3)
    #expect(bench[9] == UInt64(pages) * 512)
  }

  /// Kernel code does not become user mode's by having run: the caches of code are apart for the privileges.
  @Test func privilege() {
    let bench = PagingBench(.level4)
    let target = bench.mode.target
    bench.map(target, to: UInt64(Self.first), flags: Entry.P)
    bench.guest.write(Self.first, [0xC3])
    // INT 81h: call rbx; iretq.
    bench.guest.write(0x1_8000, [0xFF, 0xD3, 0x48, 0xCF])
    bench.setGate(0x81, 0x1_8000)
    bench.setPrivilege(3)
    bench[R.bx] = target
    #expect(
      bench.run([0xCD, 0x81, 0xCD, 0x81, 0xFF, 0xD3]) == .pageFault(PF.P | PF.U | PF.I, at: target))
    #expect(bench.faultRIP == target)
  }

  /// An instruction ends in a large page; INVLPG of another address there drops it, also if it was found again,
  /// and not decoded, since all translations were dropped.
  @Test func endsInLargePage() {
    let bench = PagingBench(.level4, size: 0x60_0000)
    let large = bench.mode.target & ~0x1F_FFFF + 0x20_0000
    bench.map(large - 0x1000, to: UInt64(Self.first))
    bench.map(large, to: 0x20_0000, level: 2)
    let code = Self.long + [0xC3]
    bench.guest.write(Self.first + 0x1000 - 5, Array(code.prefix(5)))
    bench.guest.write(0x20_0000, Array(code.dropFirst(5)))
    bench.guest.write(0x40_0000, Array(code.dropFirst(5)))
    bench.guest[0x40_0000 + 1] = 0x99
    bench.state.cr4 |= Control.PGE
    bench[R.bx] = PagingBench.data
    bench[8] = large - 5
    bench[9] = large + 0x10_0000
    bench[R.di] = UInt64(bench.entryAddress(2, large))
    bench[R.dx] = 0x40_0000 | 7 | Entry.PS
    let call: [UInt8] = [0x41, 0xFF, 0xD0]  // call r8
    let remap: [UInt8] = [0x48, 0x89, 0x17, 0x41, 0x0F, 0x01, 0x39]  // mov [rdi], rdx; invlpg [r9]
    #expect(bench.run(call + Invalidation.cr4PGE.bytes + call + remap + call) == .done)
    #expect(bench.guest.value(Int(PagingBench.data) + 4, UInt32.self) == 0x1234_5699)
  }
}
