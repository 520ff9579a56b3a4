import ApusCPU
import Testing

/// SDM Vol. 3, "Self-Modifying Code": on the processor that writes, the new bytes count from the next
/// instruction on, without a jump or a serializing instruction, as they have since the P6 family for linear
/// addresses of the code itself. For aliases the manual asks for a serializing instruction; this design does
/// without, and without it guests would see stale code for no benefit.
@Suite struct SelfModifyingCodeTests {
  private static let alias = PagingMode.level4.target
  /// A function in a page of its own, identity-mapped and at `alias`.
  private static let function = 0x3_0000

  /// 64-bit mode at CPL 0; the pages of code and of the function are mapped at `alias` (code) and
  /// `alias + 1000h` (function) as well.
  private func makeBench(_ function: [UInt8] = []) -> PagingBench {
    let bench = PagingBench(.level4)
    bench.state.cr4 |= 0x600
    bench.map(Self.alias, to: PagingBench.code)
    bench.map(Self.alias + 0x1000, to: UInt64(Self.function))
    bench.guest.write(Self.function, function)
    bench.setPrivilege(0)
    return bench
  }

  /// Stores of every kind that change `mov eax, 11111111h`, directly behind them, to 22222222h. RBX points at
  /// the immediate, RDX has the new one, XMM0 16 bytes of 22h.
  static let stores: [MemoryInstruction] = [
    MemoryInstruction(name: "mov", bytes: [0x89, 0x13], size: 4),
    MemoryInstruction(name: "mov imm", bytes: [0xC7, 0x03, 0x22, 0x22, 0x22, 0x22], size: 4),
    MemoryInstruction(name: "add", bytes: [0x81, 0x03, 0x11, 0x11, 0x11, 0x11], size: 4),
    MemoryInstruction(name: "xchg", bytes: [0x87, 0x13], size: 4),
    MemoryInstruction(name: "shl", bytes: [0xD1, 0x23], size: 4),
    MemoryInstruction(name: "movnti", bytes: [0x0F, 0xC3, 0x13], size: 4),
    MemoryInstruction(name: "movd", bytes: [0x66, 0x0F, 0x7E, 0x03], size: 4),
    MemoryInstruction(name: "cmpxchg", bytes: [0x0F, 0xB1, 0x13], size: 4),
    MemoryInstruction(name: "stosd", bytes: [0x89, 0xD0, 0xAB], size: 4),
    MemoryInstruction(name: "rep stosb", bytes: [0x89, 0xD0, 0xF3, 0xAA], size: 4),
    MemoryInstruction(name: "rep movsb", bytes: [0xF3, 0xA4], size: 4),
    MemoryInstruction(
      name: "pop",
      bytes: [
        0x48, 0x89, 0xE5, 0x68, 0x22, 0x22, 0x22, 0x22, 0x66, 0x8F, 0x03, 0x66, 0x8F, 0x43, 0x02, 0x48, 0x89,
        0xEC,
      ], size: 4),
  ]

  /// In 64-bit mode, through the code's own address and through an alias, with the block decoded before
  /// (a second round) and on its way (the first).
  @Test(arguments: stores, [false, true])
  func nextInstruction(_ store: MemoryInstruction, _ throughAlias: Bool) {
    let bench = makeBench()
    let program: [UInt8] =
      store.bytes + [0xB8, 0x11, 0x11, 0x11, 0x11]  // mov eax, 1111_1111h
    bench.guest.write(Int(PagingBench.data), [UInt8](repeating: 0x22, count: 16))
    for warmUp in [true, false] {
      bench.setPrivilege(0)
      let immediate = UInt64(store.bytes.count + 1)
      bench[R.ax] = 0x1111_1111
      bench[R.dx] = 0x2222_2222
      bench[R.cx] = 4
      bench[R.si] = PagingBench.data
      // The first round stores elsewhere.
      let target = (throughAlias ? Self.alias : PagingBench.code) + immediate
      bench[R.bx] = warmUp ? PagingBench.data + 0x100 : target
      bench[R.di] = bench[R.bx]
      let setUp: [UInt8] = [0x0F, 0x10, 0x06]  // movups xmm0, [rsi]
      bench.guest.write(Int(PagingBench.data) + 0x200, setUp + [0xF4])
      #expect(bench.resume(at: PagingBench.data + 0x200) == .done)
      if warmUp {
        #expect(bench.run(program) == .done)
        #expect(bench[R.ax] == 0x1111_1111)
      } else {
        #expect(bench.resume(at: PagingBench.code) == .done)
        #expect(bench[R.ax] == 0x2222_2222)
      }
    }
  }

  /// 16 bytes at once over several instructions that follow.
  @Test(arguments: [false, true])
  func wideStore(_ throughAlias: Bool) {
    let bench = makeBench()
    // inc eax, eight times, becomes dec eax.
    let program: [UInt8] =
      [0x0F, 0x10, 0x06, 0x0F, 0x11, 0x03] + (0..<8).flatMap { _ in [0xFF, 0xC0] as [UInt8] }
    bench.guest.write(Int(PagingBench.data), (0..<8).flatMap { _ in [0xFF, 0xC8] as [UInt8] })
    bench[R.si] = PagingBench.data
    bench[R.bx] = (throughAlias ? Self.alias : PagingBench.code) + 6
    bench[R.ax] = 100
    #expect(bench.run(program) == .done)
    #expect(bench[R.ax] == 92)
  }

  /// The second of two instructions that run as one: a compare and its branch.
  @Test func fusedBranch() {
    let bench = makeBench()
    let program: [UInt8] = [
      0x88, 0x13,  // mov [rbx], dl: the branch's opcode
      0x39, 0xC0,  // cmp eax, eax
      0x74, 0x02,  // je +2, to become jne
      0xB1, 0x01,  // mov cl, 1
      0x90,
    ]
    bench[R.bx] = PagingBench.data
    bench[R.dx] = 0x75
    bench[R.cx] = 0
    #expect(bench.run(program) == .done)
    #expect(bench[R.cx] == 0)
    bench.setPrivilege(0)
    bench[R.bx] = PagingBench.code + 4
    #expect(bench.resume(at: PagingBench.code) == .done)
    #expect(bench[R.cx] == 1)
  }

  /// Code of another page, which has run and is linked to: changed through its own address or an alias, then
  /// run again.
  @Test(arguments: [UInt64(function), alias + 0x1000])
  func anotherPage(_ address: UInt64) {
    let bench = makeBench([0xB8, 0x11, 0x11, 0x11, 0x11, 0xC3])  // mov eax, 1111_1111h; ret
    bench[R.bx] = UInt64(Self.function)
    bench[R.di] = address + 1
    bench[R.dx] = 0x2222_2222
    let outcome = bench.run([
      0xFF, 0xD3, 0xFF, 0xD3,  // call rbx; call rbx
      0x89, 0xC1,  // mov ecx, eax
      0x89, 0x17,  // mov [rdi], edx
      0xFF, 0xD3,  // call rbx
    ])
    #expect(outcome == .done)
    #expect(bench[R.cx] == 0x1111_1111)
    #expect(bench[R.ax] == 0x2222_2222)
  }

  /// A page that was written as data first, so that stores reach it directly, and then run.
  @Test(arguments: [UInt64(function), alias + 0x1000])
  func writtenBefore(_ address: UInt64) {
    let bench = makeBench([0xB8, 0x11, 0x11, 0x11, 0x11, 0xC3])
    bench[R.bx] = UInt64(Self.function)
    bench[R.di] = address + 1
    bench[R.dx] = 0x2222_2222
    let outcome = bench.run([
      0x89, 0x97, 0x00, 0x08, 0x00, 0x00,  // mov [rdi + 800h], edx
      0xFF, 0xD3, 0x89, 0xC1,  // call rbx; mov ecx, eax
      0x89, 0x17,  // mov [rdi], edx
      0xFF, 0xD3,  // call rbx
    ])
    #expect(outcome == .done)
    #expect(bench[R.cx] == 0x1111_1111)
    #expect(bench[R.ax] == 0x2222_2222)
  }

  /// The alias runs, the other address is written: links and caches by linear address must all give way.
  @Test func aliasRuns() {
    let bench = makeBench([0xB8, 0x11, 0x11, 0x11, 0x11, 0xC3])
    bench[R.bx] = Self.alias + 0x1000
    bench[R.bp] = UInt64(Self.function)
    let outcome = bench.run([
      0xFF, 0xD3, 0x89, 0xC1,  // call rbx; mov ecx, eax
      0xC7, 0x45, 0x01, 0x22, 0x22, 0x22, 0x22,  // mov dword [rbp + 1], 2222_2222h
      0xFF, 0xD3, 0x89, 0xC2,  // call rbx; mov edx, eax
      0xC7, 0x43, 0x01, 0x33, 0x33, 0x33, 0x33,  // mov dword [rbx + 1], 3333_3333h
      0xFF, 0xD5,  // call rbp
    ])
    #expect(outcome == .done)
    #expect(bench[R.cx] == 0x1111_1111)
    #expect(bench[R.dx] == 0x2222_2222)
    #expect(bench[R.ax] == 0x3333_3333)
  }

  /// `REP STOS` over a function of many blocks, forwards and backwards, and in a range that ends in it.
  @Test(
    arguments: [
      // First byte, count, backwards; in bytes from the function.
      (0, 64, false), (63, 64, true), (-0x800, 0x810, false), (0x10, 0x20, false), (2, 1, false),
    ] as [(Int, Int, Bool)])
  func stringStore(_ first: Int, _ count: Int, _ isDown: Bool) {
    // inc eax, 40 times with jumps to the next between, and ret; filled with NOP, some stop counting.
    let unit: [UInt8] = [0xFF, 0xC0, 0xEB, 0x00]
    let bench = makeBench((0..<40).flatMap { _ in unit } + [0xC3])
    bench[R.bx] = UInt64(Self.function)
    bench[R.si] = 0x90
    let program: [UInt8] =
      [0x31, 0xC0, 0xFF, 0xD3, 0x89, 0xC2]  // xor eax, eax; call rbx; mov edx, eax
      + [0x89, 0xF0] + (isDown ? [0xFD] : []) + [0xF3, 0xAA, 0xFC]  // mov eax, esi; rep stosb; cld
      + [0x31, 0xC0, 0xFF, 0xD3]  // xor eax, eax; call rbx
    bench[R.di] = UInt64(Self.function + first)
    bench[R.cx] = UInt64(count)
    #expect(bench.run(program) == .done)
    let low = isDown ? first - count + 1 : first
    let written = low..<(low + count)
    #expect(bench[R.dx] == 40)
    // NOP for the EBh of a jump leaves its 00h, which makes ADD of the next unit's first byte.
    guard count > 1 else {
      #expect(bench.guest[Self.function + 2] == 0x90)
      #expect(bench[R.ax] == 39)
      return
    }
    let left = (0..<40).filter { !written.contains($0 * 4) }.count
    #expect(bench[R.ax] == UInt64(left))
  }

  /// `REP STOS` over what follows it: the next instruction is new.
  @Test func stringStoreAhead() {
    let bench = makeBench()
    // Eight times inc ecx, overwritten with F4h: HLT.
    let program: [UInt8] = [0xF3, 0xAA] + (0..<8).flatMap { _ in [0xFF, 0xC1] as [UInt8] }
    bench[R.di] = PagingBench.code + 2
    bench[R.cx] = 16
    bench[R.ax] = 0xF4
    #expect(bench.run(program) == .done)
    #expect(bench[R.cx] == 0)
    #expect(bench.state.rip == PagingBench.code + 3)
  }

  /// A device writes memory that is being executed: the processor sees it at the next boundary at which the
  /// device acts.
  @Test func directMemoryAccess() {
    let bench = makeBench()
    // loop: inc eax; jmp loop
    bench.guest.write(Int(PagingBench.code), [0xFF, 0xC0, 0xEB, 0xFC])
    bench[R.ax] = 0
    bench.state.rip = PagingBench.code
    let processor = bench.guest.processor
    processor.state = bench.state
    _ = processor.run(until: processor.now + 1000)
    #expect(processor.state.registers[R.ax] == 500)
    // dec eax
    #expect(processor.writeHost(PagingBench.code + 1, from: [0xC8], 0..<1))
    _ = processor.run(until: processor.now + 600)
    #expect(processor.state.registers[R.ax] == 200)
  }

  /// The same while the processor is in the middle of a block: the write to a device triggers the transfer.
  @Test func transferDuringBlock() {
    let bench = makeBench()
    bench.map(Self.alias + 0x2000, to: 0xFEDC_B000)
    let program: [UInt8] = [
      0x88, 0x03,  // mov [rbx], al
      0xB8, 0x11, 0x11, 0x11, 0x11,  // mov eax, 1111_1111h
    ]
    bench.guest.bus.onDeviceWrite = { [unowned guest = bench.guest] in
      guest.write(Int(PagingBench.code) + 3, [0x22, 0x22, 0x22, 0x22])
    }
    bench[R.bx] = Self.alias + 0x2000
    #expect(bench.run(program) == .done)
    #expect(bench[R.ax] == 0x2222_2222)
  }

  /// An instruction on two pages, of which the second changes: by a store to it, by a store through another
  /// address, and by mapping another page there.
  @Test(arguments: [0, 1, 2])
  func secondPage(_ way: Int) {
    let bench = makeBench()
    let start = Self.alias + 0x10_0000
    let pages = [0x3_4000, 0x3_8000, 0x3_C000]
    bench.map(start, to: UInt64(pages[0]))
    bench.map(start + 0x1000, to: UInt64(pages[1]))
    // mov eax, 1111_1111h with two bytes on either page; ret
    bench.guest.write(pages[0] + 0xFFD, [0xB8, 0x11, 0x11])
    bench.guest.write(pages[1], [0x11, 0x11, 0xC3])
    bench.guest.write(pages[2], [0x22, 0x22, 0xC3])
    bench[R.bx] = start + 0xFFD
    bench[R.bp] = way == 0 ? start + 0x1000 : UInt64(pages[1])
    bench[R.di] = UInt64(bench.entryAddress(1, start + 0x1000))
    bench[R.si] = UInt64(pages[2]) | 7
    bench[R.dx] = start + 0x1000
    let change: [UInt8] =
      way == 2
      ? [0x48, 0x89, 0x37, 0x0F, 0x01, 0x3A]  // mov [rdi], rsi; invlpg [rdx]
      : [0x66, 0xC7, 0x45, 0x00, 0x22, 0x22]  // mov word [rbp], 2222h
    #expect(
      bench.run(
        [0xFF, 0xD3, 0xFF, 0xD3, 0x89, 0xC1]  // call rbx; call rbx; mov ecx, eax
          + change + [0xFF, 0xD3]) == .done)
    #expect(bench[R.cx] == 0x1111_1111)
    #expect(bench[R.ax] == 0x2222_1111)
  }

  /// Both pages hold parts of the instruction, and a store changes the first.
  @Test func firstPage() {
    let bench = makeBench()
    let start = Self.alias + 0x10_0000
    bench.map(start, to: 0x3_4000)
    bench.map(start + 0x1000, to: 0x3_8000)
    bench.guest.write(0x3_4FFD, [0xB8, 0x11, 0x11])
    bench.guest.write(0x3_8000, [0x11, 0x11, 0xC3])
    bench[R.bx] = start + 0xFFD
    let outcome = bench.run([
      0xFF, 0xD3, 0x89, 0xC1,  // call rbx; mov ecx, eax
      0xC6, 0x43, 0x01, 0x22,  // mov byte [rbx + 1], 22h
      0xFF, 0xD3,  // call rbx
    ])
    #expect(outcome == .done)
    #expect(bench[R.cx] == 0x1111_1111)
    #expect(bench[R.ax] == 0x1111_1122)
  }

  /// One store that changes code on both sides of a page boundary, and in one page across granules.
  @Test(arguments: [0xFFE, 0x7E] as [UInt64])
  func splitStore(_ offset: UInt64) {
    let bench = makeBench()
    let start = Self.alias + 0x10_0000
    bench.map(start, to: 0x3_4000)
    bench.map(start + 0x1000, to: 0x3_5000)
    // inc eax; inc eax around the place, then ret.
    bench.guest.write(0x3_4000 + Int(offset), [0xFF, 0xC0, 0xFF, 0xC0, 0xC3])
    bench[R.bx] = start + offset
    bench[R.ax] = 10
    let outcome = bench.run([
      0xFF, 0xD3, 0x89, 0xC1,  // call rbx; mov ecx, eax
      0xC7, 0x03, 0xFF, 0xC8, 0xFF, 0xC8,  // mov dword [rbx], dec eax; dec eax
      0xFF, 0xD3,  // call rbx
    ])
    #expect(outcome == .done)
    #expect(bench[R.cx] == 12)
    #expect(bench[R.ax] == 10)
  }

  /// Data next to code in its page may change without harm, and code that is written again and again runs
  /// right each time.
  @Test func counterInCodePage() {
    let bench = makeBench()
    let program: [UInt8] = [
      0xFF, 0x03,  // loop: inc dword [rbx]
      0xFE, 0x05, 0x01, 0x00, 0x00, 0x00,  // inc byte [rip + 1]: the next immediate
      0xB0, 0x00,  // mov al, 0
      0x00, 0xC2,  // add dl, al
      0xFF, 0xC9,  // dec ecx
      0x75, 0xF0,  // jnz loop
    ]
    bench[R.bx] = PagingBench.code + 0x800
    bench[R.cx] = 100
    bench[R.dx] = 0
    #expect(bench.run(program) == .done)
    #expect(bench.guest.value(Int(PagingBench.code) + 0x800, UInt32.self) == 100)
    #expect(bench[R.dx] == UInt64(UInt8(truncatingIfNeeded: 5050)))
  }
}
