import ApusCPU
import Testing

/// SDM Vol. 3, "Determination of Access Rights".
@Suite struct AccessRightsTests {
  /// A page's rights over all levels.
  private struct Page {
    var isUser: Bool
    var isWritable: Bool
    var isExecutable: Bool
  }

  /// What the processor state adds.
  private struct Rules {
    var protectsWrites: Bool
    var smep: Bool
    var smap: Bool
    var ac: Bool

    init(_ bits: Int) {
      protectsWrites = bits & 1 != 0
      smep = bits & 2 != 0
      smap = bits & 4 != 0
      ac = bits & 8 != 0
    }
  }

  /// The manual's list, clause by clause.
  private static func allows(_ kind: AccessKind, _ cpl: UInt8, _ page: Page, _ rules: Rules) -> Bool {
    if cpl == 3 {
      guard page.isUser else { return false }
      switch kind {
      case .read: return true
      case .write, .modify: return page.isWritable
      case .fetch: return page.isExecutable
      }
    }
    switch kind {
    case .fetch: return page.isExecutable && !(page.isUser && rules.smep)
    case .read: return !page.isUser || !rules.smap || rules.ac
    case .write, .modify:
      guard !page.isUser || !rules.smap || rules.ac else { return false }
      return page.isWritable || !rules.protectsWrites
    }
  }

  /// Every combination of: the level, if any, at which R/W, U/S and XD deny; the access; CPL; CR0.WP, SMEP,
  /// SMAP and AC. A page that user mode may not run ends fetches of either privilege.
  @Test(arguments: PagingMode.allCases, AccessKind.allCases)
  func everyCombination(_ mode: PagingMode, _ kind: AccessKind) {
    let bench = PagingBench(mode)
    let target = mode.target
    bench.map(target, to: PagingBench.data)
    let entries = mode.rightsLevels.map { bench[$0, target] }
    let baseCR0 = bench.state.cr0 & ~Control.WP
    let baseCR4 = bench.state.cr4
    let deniers = 0...mode.rightsLevels.upperBound
    for readOnly in deniers {
      for supervisor in deniers {
        for noExecute in mode == .bits32 ? 0...0 : deniers {
          for level in mode.rightsLevels {
            var entry = entries[level - 1]
            if level == readOnly { entry &= ~Entry.W }
            if level == supervisor { entry &= ~Entry.U }
            if level == noExecute { entry |= Entry.NX }
            bench[level, target] = entry
          }
          let page = Page(
            isUser: supervisor == 0, isWritable: readOnly == 0, isExecutable: noExecute == 0)
          for bits in 0..<16 {
            let rules = Rules(bits)
            bench.state.cr0 = baseCR0 | (rules.protectsWrites ? Control.WP : 0)
            bench.state.cr4 =
              baseCR4 | (rules.smep ? Control.SMEP : 0) | (rules.smap ? Control.SMAP : 0)
            bench.state.rflags = rules.ac ? 0x4_0002 : 2
            for cpl in [0, 3] as [UInt8] {
              let outcome = attempt(bench, kind, target, cpl)
              let expected = Self.expected(kind, cpl, page, rules, mode, target)
              if outcome != expected {
                Issue.record(
                  "\(outcome), not \(expected): \(page), \(rules), CPL \(cpl), levels \(readOnly), \(supervisor), \(noExecute)"
                )
              }
            }
          }
        }
      }
    }
  }

  private func attempt(
    _ bench: PagingBench, _ kind: AccessKind, _ linear: UInt64, _ cpl: UInt8
  ) -> AccessOutcome {
    if kind == .fetch { bench.guest.write(Int(PagingBench.data), cpl == 0 ? [0xF4] : [0xCD, 0x80]) }
    return bench.access(kind, linear, cpl: cpl)
  }

  private static func expected(
    _ kind: AccessKind, _ cpl: UInt8, _ page: Page, _ rules: Rules, _ mode: PagingMode, _ target: UInt64
  ) -> AccessOutcome {
    if allows(kind, cpl, page, rules) { return .done }
    var code = PF.P | (cpl == 3 ? PF.U : 0)
    if kind == .write || kind == .modify { code |= PF.W }
    if kind == .fetch && (mode != .bits32 || rules.smep) { code |= PF.I }
    return .pageFault(code, at: target)
  }

  /// The same bits on large pages, where one entry is leaf and directory at once.
  @Test(arguments: PagingMode.allCases)
  func largePages(_ mode: PagingMode) {
    for leaf in mode.leaves where leaf > 1 {
      let target = mode.target & ~(mode.pageSize(leaf) - 1)
      let bench = PagingBench(mode)
      bench.map(target, to: 0, level: leaf, flags: Entry.P | Entry.U)
      let at = target + PagingBench.data
      #expect(bench.access(.read, at, cpl: 3) == .done)
      #expect(bench.access(.write, at, cpl: 3) == .pageFault(PF.P | PF.W | PF.U, at: at))
      #expect(bench.access(.write, at) == .pageFault(PF.P | PF.W, at: at))
      bench[leaf, target] ^= Entry.U | Entry.W
      #expect(bench.access(.read, at, cpl: 3) == .pageFault(PF.P | PF.U, at: at))
      #expect(bench.access(.write, at) == .done)
      guard mode != .bits32 else { continue }
      bench[leaf, target] |= Entry.NX | Entry.U
      #expect(bench.access(.fetch, at, cpl: 3) == .pageFault(PF.P | PF.U | PF.I, at: at))
      #expect(bench.access(.read, at, cpl: 3) == .done)
    }
  }

  /// `CLAC` and `STAC` take effect at once, on translations that are cached, too.
  @Test func smapFollowsAC() {
    let bench = PagingBench(.level4)
    let target = bench.mode.target
    bench.map(target, to: PagingBench.data)
    bench.guest.write(Int(PagingBench.data), values: [0x1234_5678 as UInt32])
    bench.state.cr4 |= Control.SMAP
    bench.setPrivilege(0)
    bench[R.bx] = target
    let outcome = bench.run([
      0x0F, 0x01, 0xCB,  // stac
      0x8B, 0x0B,  // mov ecx, [rbx]
      0x89, 0x0B,  // mov [rbx], ecx
      0x0F, 0x01, 0xCA,  // clac
      0x8B, 0x13,  // mov edx, [rbx]
    ])
    #expect(outcome == .pageFault(PF.P, at: target))
    #expect(bench.faultRIP == PagingBench.code + 10)
    #expect(bench[R.cx] == 0x1234_5678)
  }

  /// The other ways AC goes to 0: `POPF` and `IRET`.
  @Test(
    arguments: [
      [0x6A, 0x02, 0x9D],  // push 2; popfq
      [
        0x6A, 0x10,  // push 10h: SS
        0x54,  // push rsp
        0x48, 0x83, 0x04, 0x24, 0x08,  // add qword [rsp], 8
        0x6A, 0x02,  // push 2: RFLAGS
        0x6A, 0x08,  // push 8: CS
        0x48, 0x8D, 0x05, 0x03, 0x00, 0x00, 0x00,  // lea rax, [rip + 3]
        0x50,  // push rax
        0x48, 0xCF,  // iretq
      ],
    ] as [[UInt8]])
  func smapFollowsFlags(_ clearing: [UInt8]) {
    let bench = PagingBench(.level4)
    let target = bench.mode.target
    bench.map(target, to: PagingBench.data)
    bench.state.cr4 |= Control.SMAP
    bench.setPrivilege(0)
    bench[R.bx] = target
    let setUp: [UInt8] = [0x0F, 0x01, 0xCB, 0x8B, 0x0B]  // stac; mov ecx, [rbx]
    let outcome = bench.run(setUp + clearing + [0x8B, 0x13])
    #expect(outcome == .pageFault(PF.P, at: target))
    #expect(bench.faultRIP == PagingBench.code + UInt64(setUp.count + clearing.count))
  }

  // MARK: Implicit supervisor accesses

  /// Loading a segment register reads the GDT with supervisor rights at any CPL: U/S of the error code is
  /// clear, and a supervisor page is readable.
  @Test(arguments: PagingMode.allCases, [0, 3] as [UInt8])
  func descriptorTable(_ mode: PagingMode, _ cpl: UInt8) {
    let bench = PagingBench(mode)
    bench.setPrivilege(cpl)
    bench[R.ax] = 0x1003
    let load: [UInt8] = [0x8E, 0xC0]  // mov es, ax
    #expect(bench.run(load) == .done)
    let entry = bench[1, UInt64(PagingBench.farGDT)]
    bench[1, UInt64(PagingBench.farGDT)] = 0
    bench.setPrivilege(cpl)
    bench[R.ax] = 0x1003
    #expect(bench.run(load) == .pageFault(0, at: UInt64(PagingBench.farGDT)))
    bench[1, UInt64(PagingBench.farGDT)] = entry
  }

  /// Under SMAP an implicit access to a user page faults whatever AC says, even if an explicit access under
  /// AC has just been made there.
  @Test(arguments: PagingMode.allCases, [false, true])
  func implicitAccessIgnoresAC(_ mode: PagingMode, _ isCached: Bool) {
    let bench = PagingBench(mode)
    bench[1, UInt64(PagingBench.farGDT)] |= Entry.U
    bench.state.cr4 |= Control.SMAP
    bench.state.rflags = 0x4_0002
    bench.setPrivilege(0)
    bench[R.ax] = 0x1003
    bench[R.bx] = UInt64(PagingBench.farGDT)
    let touch: [UInt8] = [0x8B, 0x0B]  // mov ecx, [rbx]
    #expect(
      bench.run((isCached ? touch : []) + [0x8E, 0xC0])
        == .pageFault(PF.P, at: UInt64(PagingBench.farGDT)))
    // The same access is allowed without SMAP.
    bench.state.cr4 &= ~Control.SMAP
    bench.setPrivilege(0)
    bench[R.ax] = 0x1003
    #expect(bench.run([0x8E, 0xC0]) == .done)
  }

  /// At CPL 3, AC is the alignment check's; an implicit access to a user page faults under SMAP all the same.
  @Test(arguments: [2, 0x4_0002] as [UInt64])
  func implicitAccessFromUserMode(_ rflags: UInt64) {
    let bench = PagingBench(.level4)
    bench[1, UInt64(PagingBench.farGDT)] |= Entry.U
    bench.state.cr4 |= Control.SMAP
    bench.state.rflags = rflags
    bench.setPrivilege(3)
    bench[R.ax] = 0x1003
    #expect(bench.run([0x8E, 0xC0]) == .pageFault(PF.P, at: UInt64(PagingBench.farGDT)))
  }

  /// Delivery reads the IDT, and the stack pointer in the TSS, with supervisor rights.
  @Test(arguments: [PagingMode.bits32, .level4])
  func interruptTable(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    bench.setPrivilege(3)
    // The gate of vector 81h lies behind the page of those of the exceptions.
    let gate = UInt64(PagingBench.idt + 0x81 * (mode.is64 ? 16 : 8))
    bench[1, gate & ~0xFFF] = 0
    #expect(bench.run([0xCD, 0x81]) == .pageFault(0, at: gate))
    #expect(bench.faultRIP == PagingBench.code)
  }

  // MARK: UMIP

  /// UMIP concerns user mode only: at CPL 0 the instructions work.
  @Test(
    arguments: [
      [0x0F, 0x01, 0x03], [0x0F, 0x01, 0x0B], [0x0F, 0x00, 0xC0], [0x0F, 0x00, 0xC8], [0x0F, 0x01, 0xE0],
    ] as [[UInt8]])
  func userModeInstructionPrevention(_ program: [UInt8]) {
    for (umip, cpl) in [(false, 0), (false, 3), (true, 0), (true, 3)] as [(Bool, UInt8)] {
      let bench = PagingBench(.level4)
      bench.state.cr4 |= umip ? Control.UMIP : 0
      bench.setPrivilege(cpl)
      bench.map(bench.mode.target, to: PagingBench.data)
      bench[R.bx] = bench.mode.target
      #expect(bench.run(program) == (umip && cpl == 3 ? .fault(13, 0) : .done), "CPL \(cpl)")
    }
  }
}
