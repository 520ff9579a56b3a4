import ApusCPU
import Testing

/// A piece of code that invalidates translations. It may use RAX, RCX, RDX, and R9 for a descriptor in memory.
struct Invalidation: CustomTestStringConvertible {
  var name: String
  var bytes: [UInt8]
  /// Whether global pages must go, too.
  var includesGlobal: Bool
  var testDescription: String { name }

  static let invlpg = Invalidation(name: "INVLPG", bytes: [0x0F, 0x01, 0x3B], includesGlobal: true)
  static let cr3 = Invalidation(
    name: "MOV CR3",
    bytes: [
      0x0F, 0x20, 0xD8,  // mov rax, cr3
      0x0F, 0x22, 0xD8,  // mov cr3, rax
    ], includesGlobal: false)
  static let cr4PGE = Invalidation(
    name: "CR4.PGE off and on",
    bytes: [
      0x0F, 0x20, 0xE0,  // mov rax, cr4
      0x0F, 0xBA, 0xF8, 0x07,  // btc eax, 7
      0x0F, 0x22, 0xE0,  // mov cr4, rax
      0x0F, 0xBA, 0xF8, 0x07,  // btc eax, 7
      0x0F, 0x22, 0xE0,  // mov cr4, rax
    ], includesGlobal: true)

  /// `INVPCID` of a type with the descriptor at R9.
  static func invpcid(_ type: UInt8) -> Invalidation {
    Invalidation(
      name: "INVPCID \(type)",
      bytes: [
        0xB8, type, 0x00, 0x00, 0x00,  // mov eax, type
        0x66, 0x41, 0x0F, 0x38, 0x82, 0x01,  // invpcid rax, [r9]
      ], includesGlobal: type == 2)
  }

  /// Those that must drop the translation of `[rbx]` (SDM Vol. 3, "Operations that Invalidate TLBs and
  /// Paging-Structure Caches").
  static let all = [
    invlpg, cr3, cr4PGE, invpcid(0), invpcid(1), invpcid(2), invpcid(3),
    // From 0 to 1 only.
    Invalidation(
      name: "CR4.SMEP",
      bytes: [0x0F, 0x20, 0xE0, 0x0F, 0xBA, 0xF8, 0x14, 0x0F, 0x22, 0xE0], includesGlobal: true),
    // CR4.PCIDE from 1 to 0; this bench starts with 0, so it goes on and off.
    Invalidation(
      name: "CR4.PCIDE",
      bytes: [
        0x0F, 0x20, 0xE0, 0x0F, 0xBA, 0xF8, 0x11, 0x0F, 0x22, 0xE0, 0x0F, 0xBA, 0xF8, 0x11, 0x0F, 0x22, 0xE0,
      ], includesGlobal: true),
  ]

  /// Changes of rights that the bits in the TLB's entries rest on in this design.
  static let rights = [
    Invalidation(
      name: "CR0.WP", bytes: [0x0F, 0x20, 0xC0, 0x0F, 0xBA, 0xF8, 0x10, 0x0F, 0x22, 0xC0],
      includesGlobal: true),
    Invalidation(
      name: "CR4.SMAP", bytes: [0x0F, 0x20, 0xE0, 0x0F, 0xBA, 0xF8, 0x15, 0x0F, 0x22, 0xE0],
      includesGlobal: true),
    Invalidation(
      name: "EFER.NXE",
      bytes: [
        0xB9, 0x80, 0x00, 0x00, 0xC0,  // mov ecx, C000_0080h
        0x0F, 0x32,  // rdmsr
        0x0F, 0xBA, 0xF8, 0x0B,  // btc eax, 11
        0x0F, 0x30,  // wrmsr
      ], includesGlobal: true),
  ]
}

/// SDM Vol. 3, "Caching Translation Information". A processor may drop translations at any time; where a test
/// expects an old one to stay, that is this design's choice and what makes it fast.
@Suite struct TranslationCacheTests {
  static let oldPage = PagingBench.data
  static let newPage = PagingBench.data + 0x4000
  static let descriptor = PagingBench.data + 0x8000

  /// 64-bit mode with the target on `oldPage`, RBX the target, RDI its leaf entry, RSI an entry for
  /// `newPage`. The pages hold 1111h and 2222h.
  static func makeBench(level: Int = 1, global: Bool = false) -> PagingBench {
    let bench = PagingBench(.level4, size: level == 1 ? 0x20_0000 : 0x60_0000)
    let target = bench.mode.target & ~(bench.mode.pageSize(level) - 1)
    let flags = 7 | Entry.A | Entry.D | (global ? Entry.G : 0)
    let old = level == 1 ? oldPage : 0x20_0000
    let new = level == 1 ? newPage : 0x40_0000
    bench.map(target, to: old, level: level, flags: flags)
    bench.state.cr4 |= Control.PGE
    bench.setPrivilege(0)
    bench[R.bx] = target
    bench[R.di] = UInt64(bench.entryAddress(level, target))
    bench[R.si] = new | flags | (level > 1 ? Entry.PS : 0)
    bench[9] = descriptor
    bench.guest.write(Int(descriptor), values: [0, target])
    bench.guest.write(Int(old), values: [0x1111 as UInt32])
    bench.guest.write(Int(new), values: [0x2222 as UInt32])
    return bench
  }

  /// Loads the translation, changes the entry, looks again (R12), invalidates, and looks a last time (R13).
  private static func program(_ invalidation: Invalidation) -> [UInt8] {
    [
      0x8B, 0x0B,  // mov ecx, [rbx]
      0x48, 0x89, 0x37,  // mov [rdi], rsi
      0x44, 0x8B, 0x23,  // mov r12d, [rbx]
    ] + invalidation.bytes + [
      0x44, 0x8B, 0x2B,  // mov r13d, [rbx]
    ]
  }

  @Test(arguments: Invalidation.all + Invalidation.rights)
  func invalidates(_ invalidation: Invalidation) {
    let bench = Self.makeBench()
    Self.takeFromUser(bench)
    #expect(bench.run(Self.program(invalidation)) == .done)
    #expect(bench[12] == 0x1111)
    #expect(bench[13] == 0x2222)
  }

  /// Makes the pages the supervisor's, so that SMAP has nothing against them.
  private static func takeFromUser(_ bench: PagingBench) {
    bench[1, bench[R.bx]] &= ~Entry.U
    bench[R.si] &= ~Entry.U
  }

  @Test(arguments: Invalidation.all + Invalidation.rights)
  func globalPages(_ invalidation: Invalidation) {
    let bench = Self.makeBench(global: true)
    Self.takeFromUser(bench)
    // INVPCID of type 0 may drop global translations, and need not.
    if invalidation.name == "INVPCID 0" { return }
    #expect(bench.run(Self.program(invalidation)) == .done)
    #expect(bench[12] == 0x1111)
    #expect(bench[13] == (invalidation.includesGlobal ? 0x2222 : 0x1111))
  }

  /// With CR4.PGE clear, G means nothing.
  @Test func globalPagesDisabled() {
    let bench = Self.makeBench(global: true)
    bench.state.cr4 &= ~Control.PGE
    #expect(bench.run(Self.program(.cr3)) == .done)
    #expect(bench[13] == 0x2222)
  }

  /// G counts in the entry that maps the page only.
  @Test func globalInDirectory() {
    let bench = Self.makeBench()
    for level in 2...4 { bench[level, bench[R.bx]] |= Entry.G }
    #expect(bench.run(Self.program(.cr3)) == .done)
    #expect(bench[13] == 0x2222)
  }

  /// An entry that was not present is not cached: making it present needs no invalidation (SDM Vol. 3,
  /// "Optional Invalidation").
  @Test(arguments: PagingMode.allCases)
  func absentEntriesAreNotCached(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    bench.map(mode.target, to: PagingBench.data, flags: 6)
    // The page-fault handler sets P and returns.
    let handler: UInt64 = 0x1_8000
    bench.guest.write(
      Int(handler),
      [0x80, 0x0F, 0x01]  // or byte [rdi], 1
        + (mode.is64 ? [0x48, 0x83, 0xC4, 0x08, 0x48, 0xCF] : [0x83, 0xC4, 0x04, 0xCF]))
    bench.setGate(14, handler)
    bench.guest.write(Int(PagingBench.data), values: [0x1111 as UInt32])
    bench[R.bx] = mode.target
    bench[R.di] = UInt64(bench.entryAddress(1, mode.target))
    #expect(bench.run([0x8B, 0x03]) == .done)
    #expect(bench[R.ax] == 0x1111)
  }

  /// Rights that are raised count at the next attempt, because a fault is never raised from the TLB alone
  /// (SDM Vol. 3, "Optional Invalidation"): a write after reads of a read-only page.
  @Test func raisedRights() {
    let bench = Self.makeBench()
    bench[1, bench[R.bx]] &= ~Entry.W
    let outcome = bench.run([
      0x8B, 0x0B,  // mov ecx, [rbx]
      0x48, 0x83, 0x0F, 0x02,  // or qword [rdi], 2
      0x89, 0x3B,  // mov [rbx], edi
    ])
    #expect(outcome == .done)
  }

  /// Rights that are lowered count after INVLPG.
  @Test(arguments: [Entry.P, Entry.W])
  func loweredRights(_ bit: UInt64) {
    let bench = Self.makeBench()
    bench[R.si] = bench[1, bench[R.bx]] & ~bit
    let outcome = bench.run([
      0x89, 0x0B,  // mov [rbx], ecx
      0x48, 0x89, 0x37,  // mov [rdi], rsi
      0x89, 0x0B,  // mov [rbx], ecx: may still succeed
      0x0F, 0x01, 0x3B,  // invlpg [rbx]
      0x89, 0x0B,  // mov [rbx], ecx
    ])
    #expect(outcome == .pageFault(PF.W | (bit == Entry.P ? 0 : PF.P), at: bench[R.bx]))
    #expect(bench.faultRIP == PagingBench.code + 10)
  }

  /// One INVLPG drops all of a large page, whatever the address within and however many pieces were used
  /// (SDM Vol. 3, "Operations that Invalidate TLBs and Paging-Structure Caches").
  @Test(arguments: [0, 0x1000, 0x1F_F000] as [UInt64])
  func largePage(_ offset: UInt64) {
    let bench = Self.makeBench(level: 2)
    for (page, value) in [(0x20_0000, 0x11), (0x40_0000, 0x22)] as [(Int, UInt8)] {
      for piece in [0x1000, 0x8000, 0x1F_F000] { bench.guest[page + piece] = value }
    }
    bench[R.ax] = bench[R.bx] + offset
    let look: [UInt8] = [
      0x8A, 0x8B, 0x00, 0x10, 0x00, 0x00,  // mov cl, [rbx + 1000h]
      0x8A, 0xAB, 0x00, 0x80, 0x00, 0x00,  // mov ch, [rbx + 8000h]
      0x8A, 0x93, 0x00, 0xF0, 0x1F, 0x00,  // mov dl, [rbx + 1F_F000h]
    ]
    let outcome = bench.run(
      look + [0x48, 0x89, 0x37]  // mov [rdi], rsi
        + [0x0F, 0x01, 0x38]  // invlpg [rax]
        + look)
    #expect(outcome == .done)
    #expect(bench[R.cx] == 0x2222)
    #expect(bench[R.dx] == 0x22)
  }

  /// The same for 1 GiB and, in 32-bit paging, 4 MiB: the page is taken away, and INVLPG of its other end
  /// makes that known at both ends.
  @Test(arguments: [PagingMode.bits32, .level4, .level5])
  func largestPage(_ mode: PagingMode) {
    let level = mode.leaves.upperBound
    let bench = PagingBench(mode)
    let target = mode.target & ~(mode.pageSize(level) - 1)
    bench.map(target, to: 0, level: level)
    bench[R.bx] = target + PagingBench.data
    bench[R.bp] = target + 0x1F_F000
    bench[R.di] = UInt64(bench.entryAddress(level, target))
    bench[R.cx] = target + mode.pageSize(level) - 0x1000
    let outcome = bench.run([
      0x89, 0x03,  // mov [rbx], eax
      0x89, 0x45, 0x00,  // mov [rbp], eax
      0x80, 0x27, 0xFE,  // and byte [rdi], ~1
      0x0F, 0x01, 0x39,  // invlpg [rcx]
      0x89, 0x03,  // mov [rbx], eax
    ])
    #expect(outcome == .pageFault(PF.W, at: target + PagingBench.data))
    #expect(bench.faultRIP == PagingBench.code + 11)
  }

  /// A 4 KiB page and a large one nearby: INVLPG of the small page is enough for it.
  @Test func smallPageNearLargeOne() {
    let bench = Self.makeBench()
    let large = bench[R.bx] & ~0x1F_FFFF ^ 0x20_0000
    bench.map(large, to: 0, level: 2)
    bench[R.bp] = large + PagingBench.data
    let outcome = bench.run([
      0x8B, 0x45, 0x00,  // mov eax, [rbp]
      0x8B, 0x0B,  // mov ecx, [rbx]
      0x48, 0x89, 0x37,  // mov [rdi], rsi
      0x0F, 0x01, 0x3B,  // invlpg [rbx]
      0x8B, 0x13,  // mov edx, [rbx]
    ])
    #expect(outcome == .done)
    #expect(bench[R.cx] == 0x1111)
    #expect(bench[R.dx] == 0x2222)
  }

  /// INVLPG at CPL 0 drops user mode's translation, too, and the code found through it; with alignment checks
  /// on (AC and AM), under which data is never cached but code is, no less.
  @Test(arguments: [2, 0x4_0002] as [UInt64], [false, true])
  func userTranslations(_ rflags: UInt64, _ isCode: Bool) {
    let bench = Self.makeBench()
    bench.state.cr0 |= 1 << 18
    // mov eax, 1111h; ret and mov eax, 2222h; ret: the data to be read are the immediates.
    bench.guest.write(Int(Self.oldPage), [0xB8, 0x11, 0x11, 0x00, 0x00, 0xC3])
    bench.guest.write(Int(Self.newPage), [0xB8, 0x22, 0x22, 0x00, 0x00, 0xC3])
    // INT 81h: mov [rdi], rsi; invlpg [rbx]; iretq.
    let handler: UInt64 = 0x1_8000
    bench.guest.write(Int(handler), [0x48, 0x89, 0x37, 0x0F, 0x01, 0x3B, 0x48, 0xCF])
    bench.setGate(0x81, handler)
    // INT 82h only returns: the first entry to the kernel empties more caches than it must.
    bench.guest.write(Int(handler) + 0x10, [0x48, 0xCF])
    bench.setGate(0x82, handler + 0x10)
    bench.state.rflags = rflags
    bench.setPrivilege(3)
    // call rbx, or movzx eax, byte [rbx + 1]
    let look: [UInt8] = isCode ? [0xFF, 0xD3] : [0x0F, 0xB6, 0x43, 0x01]
    #expect(
      bench.run(
        [0xCD, 0x82] + look + look + [0x89, 0xC1]  // mov ecx, eax
          + [0xCD, 0x81] + look) == .done)
    #expect(bench[R.cx] == (isCode ? 0x1111 : 0x11))
    #expect(bench[R.ax] == (isCode ? 0x2222 : 0x22))
  }

  /// INVLPG names a linear address, whatever the base of the segment through which user mode ran its code.
  @Test func codeSegmentBase() {
    let bench = PagingBench(.bits32)
    let target = bench.mode.target
    let base = target - 0x3000
    bench.map(target, to: Self.oldPage)
    bench.guest.write(Int(Self.oldPage), [0xB8, 0x11, 0x11, 0x00, 0x00, 0xFF, 0xE5])
    bench.guest.write(Int(Self.newPage), [0xB8, 0x22, 0x22, 0x00, 0x00, 0xFF, 0xE5])
    let handler: UInt64 = 0x1_8000
    bench.guest.write(Int(handler), [0x89, 0x37, 0x0F, 0x01, 0x3B, 0xCF])
    bench.setGate(0x81, handler)
    let descriptor = 0x00CF_FB00_0000_FFFF | (base & 0xFF_FFFF) << 16 | (base >> 24) << 56
    bench.guest.write(PagingBench.gdt + 24, values: [descriptor])
    bench.setPrivilege(3)
    bench.state.segments[1].base = base
    bench[R.bx] = target
    bench[R.di] = UInt64(bench.entryAddress(1, target))
    bench[R.si] = Self.newPage | 7
    let start = (PagingBench.code &- base) & 0xFFFF_FFFF
    bench[R.bp] = start + 5
    bench[R.dx] = 2
    let distance = UInt32(truncatingIfNeeded: 0x3000 &- (start + 5))
    bench.guest.write(
      Int(PagingBench.code),
      [0xE9] + (0..<4).map { UInt8(truncatingIfNeeded: distance >> UInt32($0 * 8)) }  // again: jmp target
        + [
          0x4A,  // dec edx: the target comes back here
          0x74, 0x06,  // jz end
          0x89, 0xC1,  // mov ecx, eax
          0xCD, 0x81,  // int 81h
          0xEB, 0xF2,  // jmp again
          0xCD, 0x80,  // end: int 80h
        ])
    #expect(bench.resume(at: start) == .done)
    #expect(bench[R.cx] == 0x1111)
    #expect(bench[R.ax] == 0x2222)
  }

  /// Paging goes off and on.
  @Test func pagingOffAndOn() {
    let bench = PagingBench(.bits32)
    let target: UInt64 = 0x1F_0000
    bench.map(target, to: PagingBench.data)
    bench.guest.write(Int(PagingBench.data), values: [0x1111 as UInt32])
    bench.guest.write(Int(target), values: [0x2222 as UInt32])
    bench[R.bx] = target
    let toggle: [UInt8] = [
      0x0F, 0x20, 0xC0,  // mov eax, cr0
      0x0F, 0xBA, 0xF8, 0x1F,  // btc eax, 31
      0x0F, 0x22, 0xC0,  // mov cr0, eax
    ]
    let outcome = bench.run(
      [0x8B, 0x0B] + toggle  // mov ecx, [ebx]
        + [0x8B, 0x13] + toggle  // mov edx, [ebx]
        + [0x8B, 0x33])  // mov esi, [ebx]
    #expect(outcome == .done)
    #expect(bench[R.cx] == 0x1111)
    #expect(bench[R.dx] == 0x2222)
    #expect(bench[R.si] == 0x1111)
  }

  /// Two linear addresses whose translations share a place in the cache keep out of each other's way.
  @Test(arguments: [0x40_0000, 0x40_0400_0000, 0x1000_0000] as [UInt64])
  func collisions(_ distance: UInt64) {
    let bench = PagingBench(.level4)
    bench.map(0x5A00_0000_0000, to: Self.oldPage)
    bench.map(0x5A00_0000_0000 + distance, to: Self.newPage)
    bench[R.bx] = 0x5A00_0000_0000
    bench[R.bp] = 0x5A00_0000_0000 + distance
    bench[R.ax] = 0x11
    bench[R.dx] = 0x22
    bench[R.cx] = 100
    let outcome = bench.run([
      0x00, 0x03,  // loop: add [rbx], al
      0x00, 0x55, 0x00,  // add [rbp], dl
      0x02, 0x03,  // add al, [rbx]
      0x02, 0x55, 0x00,  // add dl, [rbp]
      0xFF, 0xC9,  // dec ecx
      0x75, 0xF2,  // jnz loop
    ])
    var expected: [UInt8] = [0, 0x11, 0, 0x22]
    for _ in 0..<100 {
      for pair in [0, 2] {
        expected[pair] &+= expected[pair + 1]
        expected[pair + 1] &+= expected[pair]
      }
    }
    #expect(outcome == .done)
    #expect(bench.guest[Int(Self.oldPage)] == expected[0])
    #expect(bench.guest[Int(Self.newPage)] == expected[2])
  }
}
