import ApusCPU
import Testing

/// SDM Vol. 3, "Accessed and Dirty Flags".
@Suite struct AccessedDirtyTests {
  /// Every level of every page size: a use sets the accessed flag in each entry it goes through, a write the
  /// dirty flag in the one that maps the page, and nothing else changes.
  @Test(arguments: PagingMode.allCases, AccessKind.allCases)
  func eachLevel(_ mode: PagingMode, _ kind: AccessKind) {
    for leaf in mode.leaves {
      for cpl in [0, 3] as [UInt8] {
        let bench = PagingBench(mode)
        let target = mode.target & ~(mode.pageSize(leaf) - 1)
        let at = leaf == 1 ? target : target + PagingBench.data
        bench.map(target, to: leaf == 1 ? PagingBench.data : 0, level: leaf)
        if kind == .fetch { bench.guest.write(Int(PagingBench.data), cpl == 0 ? [0xF4] : [0xCD, 0x80]) }
        let before = (leaf...mode.top).map { bench[$0, target] }
        #expect(before.allSatisfy { $0 & (Entry.A | Entry.D) == 0 })
        #expect(bench.access(kind, at, cpl: cpl) == .done)
        for level in leaf...mode.top {
          var expected = before[level - leaf]
          // PDPTE registers have no accessed flag: bit 5 is reserved.
          if mode != .pae || level != 3 { expected |= Entry.A }
          if level == leaf && (kind == .write || kind == .modify) { expected |= Entry.D }
          #expect(bench[level, target] == expected, "leaf \(leaf) level \(level)")
        }
      }
    }
  }

  /// A read puts the translation into the TLB; a write that follows must still set the dirty flag.
  @Test(arguments: PagingMode.allCases)
  func readThenWrite(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    bench.map(mode.target, to: PagingBench.data)
    bench[R.bx] = mode.target
    bench[R.di] = UInt64(bench.entryAddress(1, mode.target))
    let outcome = bench.run([
      0x8B, 0x03,  // mov eax, [rbx]
      0x8B, 0x03,  // mov eax, [rbx]
      0x8B, 0x0F,  // mov ecx, [rdi]
      0x89, 0x03,  // mov [rbx], eax
      0x8B, 0x17,  // mov edx, [rdi]
    ])
    #expect(outcome == .done)
    #expect(bench[R.cx] & (Entry.A | Entry.D) == Entry.A)
    #expect(bench[R.dx] & (Entry.A | Entry.D) == Entry.A | Entry.D)
  }

  /// Software clears the flags and invalidates: the next use sets them again ("Invalidation of TLBs and
  /// Paging-Structure Caches").
  @Test(arguments: PagingMode.allCases)
  func clearedAndInvalidated(_ mode: PagingMode) {
    for leaf in mode.leaves {
      let bench = PagingBench(mode)
      let target = mode.target & ~(mode.pageSize(leaf) - 1)
      bench.map(target, to: 0, level: leaf)
      let at = target + PagingBench.data
      if leaf == 1 { bench.map(at, to: PagingBench.data) }
      bench[R.bx] = at
      bench[R.di] = UInt64(bench.entryAddress(leaf, at))
      let outcome = bench.run([
        0x89, 0x03,  // mov [rbx], eax
        0x83, 0x27, 0x9F,  // and dword [rdi], ~60h
        0x0F, 0x01, 0x3B,  // invlpg [rbx]
        0x8B, 0x03,  // mov eax, [rbx]
        0x8B, 0x0F,  // mov ecx, [rdi]
        0x89, 0x03,  // mov [rbx], eax
      ])
      #expect(outcome == .done)
      #expect(bench[R.cx] & (Entry.A | Entry.D) == Entry.A)
      #expect(bench[leaf, at] & (Entry.A | Entry.D) == Entry.A | Entry.D)
    }
  }

  /// An access that the rights forbid does not use the translation: the entry that maps the page stays as it
  /// is. Those above may or may not be marked.
  @Test(arguments: PagingMode.allCases)
  func forbiddenAccess(_ mode: PagingMode) {
    for leaf in mode.leaves {
      let bench = PagingBench(mode)
      let target = mode.target & ~(mode.pageSize(leaf) - 1)
      bench.map(target, to: 0, level: leaf, flags: Entry.P)
      let entry = bench[leaf, target]
      #expect(bench.access(.write, target) == .pageFault(PF.P | PF.W, at: target))
      #expect(bench.access(.modify, target) == .pageFault(PF.P | PF.W, at: target))
      #expect(bench.access(.read, target, cpl: 3) == .pageFault(PF.P | PF.U, at: target))
      #expect(bench[leaf, target] == entry)
      if mode != .bits32 {
        bench[leaf, target] = entry | Entry.NX
        #expect(bench.access(.fetch, target) == .pageFault(PF.P | PF.I, at: target))
        #expect(bench[leaf, target] == entry | Entry.NX)
      }
    }
  }

  /// Entries that are not present, or malformed, are never written.
  @Test(arguments: PagingMode.allCases)
  func invalidEntries(_ mode: PagingMode) {
    for level in mode.rightsLevels {
      let bench = PagingBench(mode)
      bench.map(mode.target, to: PagingBench.data)
      let entry = bench[level, mode.target] & ~Entry.P
      bench[level, mode.target] = entry
      #expect(bench.access(.write, mode.target) == .pageFault(PF.W, at: mode.target))
      #expect(bench[level, mode.target] == entry)
      guard mode != .bits32 else { continue }
      let malformed = entry | Entry.P | 1 << 45
      bench[level, mode.target] = malformed
      #expect(bench.access(.write, mode.target) == .pageFault(PF.P | PF.RSVD | PF.W, at: mode.target))
      #expect(bench[level, mode.target] == malformed)
    }
  }

  /// Both pages of a split access are marked.
  @Test(arguments: PagingMode.allCases, [false, true])
  func splitAccess(_ mode: PagingMode, _ isWrite: Bool) {
    let bench = PagingBench(mode)
    bench.map(mode.target, to: PagingBench.data)
    bench.map(mode.target + 0x1000, to: PagingBench.data + 0x3000)
    #expect(bench.access(isWrite ? .write : .read, mode.target + 0xFFE) == .done)
    let expected = Entry.A | (isWrite ? Entry.D : 0)
    #expect(bench[1, mode.target] & 0x60 == expected)
    #expect(bench[1, mode.target + 0x1000] & 0x60 == expected)
  }

  /// A second page that faults stays unmarked.
  @Test(arguments: PagingMode.allCases)
  func splitAccessFaults(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    bench.map(mode.target, to: PagingBench.data)
    bench.map(mode.target + 0x1000, to: PagingBench.data, flags: Entry.P | Entry.U)
    #expect(
      bench.access(.write, mode.target + 0xFFE) == .pageFault(PF.P | PF.W, at: mode.target + 0x1000))
    #expect(bench[1, mode.target + 0x1000] & 0x60 == 0)
  }

  /// Instructions that only look at memory do not make it dirty; those that may store do, even if the value
  /// stays the same (`CMPXCHG` writes the destination back on inequality).
  @Test(
    arguments: [
      ([0x39, 0x03], false),  // cmp [rbx], eax
      ([0x85, 0x03], false),  // test [rbx], eax
      ([0x0F, 0xA3, 0x03], false),  // bt [rbx], eax
      ([0xAC], false),  // lodsb
      ([0x0F, 0x18, 0x0B], false),  // prefetcht0 [rbx]
      ([0x0F, 0xAE, 0x3B], false),  // clflush [rbx]
      ([0x0F, 0xB1, 0x13], true),  // cmpxchg [rbx], edx, unequal
      ([0x83, 0x0B, 0x00], true),  // or dword [rbx], 0
      ([0x0F, 0xAB, 0x03], true),  // bts [rbx], eax
      ([0xAA], true),  // stosb
      ([0xF3, 0xAB], true),  // rep stosd
      ([0x0F, 0x94, 0x03], true),  // sete [rbx]
    ] as [([UInt8], Bool)])
  func dirtyByInstruction(_ program: [UInt8], _ isDirty: Bool) {
    let bench = PagingBench(.level4)
    let target = bench.mode.target
    bench.map(target, to: PagingBench.data)
    bench[R.ax] = 1
    bench[R.bx] = target
    bench[R.cx] = 1
    bench[R.si] = target
    bench[R.di] = target
    #expect(bench.run(program) == .done)
    #expect(bench[1, target] & Entry.D == (isDirty ? Entry.D : 0))
  }

  /// `REP` with a count of zero touches nothing.
  @Test func emptyString() {
    let bench = PagingBench(.level4)
    bench.map(bench.mode.target, to: PagingBench.data)
    bench[R.di] = bench.mode.target
    bench[R.cx] = 0
    #expect(bench.run([0xF3, 0xAA]) == .done)
    #expect(bench[1, bench.mode.target] & 0x60 == 0)
  }
}
