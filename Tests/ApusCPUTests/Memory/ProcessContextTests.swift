import ApusCPU
import Testing

/// SDM Vol. 3, "Process-Context Identifiers (PCIDs)"; Vol. 2, `INVPCID`, `MOV—Move to/from Control Registers`.
@Suite struct ProcessContextTests {
  private static let keep: UInt64 = 1 << 63

  /// Two address spaces with the same low half: PCID 1 maps the target to a page with 1111h, PCID 2 to one
  /// with 2222h. RBX is the target, R14 and R15 the CR3 values of the two, without bit 63; RDI and RSI the
  /// target's entry in the first and a new value for it, which leads to 3333h. PCID 1 is present.
  private func makeBench(global: Bool = false) -> PagingBench {
    let bench = PagingBench(.level4)
    let target = bench.mode.target
    let first = bench.state.cr3
    let second = UInt64(bench.allocateTable())
    let flags = 7 | (global ? Entry.G : 0)
    bench.map(target, to: PagingBench.data, flags: flags)
    bench[R.di] = UInt64(bench.entryAddress(1, target))
    bench.guest.write(Int(second), values: [bench.guest.value(Int(first), UInt64.self)])
    bench.state.cr3 = second
    bench.map(target, to: PagingBench.data + 0x1000)
    bench.state.cr3 = first
    for (page, value) in [(0, 0x1111), (0x1000, 0x2222), (0x2000, 0x3333)] as [(UInt64, UInt32)] {
      bench.guest.write(Int(PagingBench.data + page), values: [value])
    }
    bench.state.cr4 |= Control.PCIDE | Control.PGE
    bench.setPrivilege(0)
    bench.state.cr3 = first | 1
    bench[R.bx] = target
    bench[R.si] = (PagingBench.data + 0x2000) | flags
    bench[9] = PagingBench.data + 0x8000
    bench[14] = first | 1
    bench[15] = second | 2
    return bench
  }

  private static let toFirst: [UInt8] = [0x41, 0x0F, 0x22, 0xDE]  // mov cr3, r14
  private static let toSecond: [UInt8] = [0x41, 0x0F, 0x22, 0xDF]  // mov cr3, r15
  private static let change: [UInt8] = [0x48, 0x89, 0x37]  // mov [rdi], rsi
  private static let readCX: [UInt8] = [0x8B, 0x0B]
  private static let readDX: [UInt8] = [0x8B, 0x13]
  private static let readAX: [UInt8] = [0x8B, 0x03]

  /// Translations of one PCID are never used for another, whether bit 63 asks to keep them or not.
  @Test(arguments: [0, keep])
  func separation(_ keep: UInt64) {
    let bench = makeBench()
    bench[14] |= keep
    bench[15] |= keep
    let outcome = bench.run(
      Self.readCX + Self.toSecond + Self.readDX + Self.toFirst + Self.readAX)
    #expect(outcome == .done)
    #expect(bench[R.cx] == 0x1111)
    #expect(bench[R.dx] == 0x2222)
    #expect(bench[R.ax] == 0x1111)
    // Bit 63 is never stored.
    #expect(bench.state.cr3 == bench[14] & ~Self.keep)
  }

  /// Global translations are used with every PCID.
  @Test func globalTranslations() {
    let bench = makeBench(global: true)
    let outcome = bench.run(Self.readCX + Self.toSecond + Self.readDX)
    #expect(outcome == .done)
    #expect(bench[R.dx] == 0x1111)
  }

  /// Without bit 63, `MOV CR3` drops what the new PCID has; with it, the same PCID keeps its translations in
  /// this design.
  @Test(arguments: [0, keep])
  func sameContext(_ keep: UInt64) {
    let bench = makeBench()
    bench[14] |= keep
    #expect(bench.run(Self.readCX + Self.change + Self.toFirst + Self.readDX) == .done)
    #expect(bench[R.dx] == (keep == 0 ? 0x3333 : 0x1111))
  }

  /// Bit 63 keeps what belongs to the PCID, but a root other than before must not be missed after INVPCID.
  @Test(arguments: [0, 1, 2, 3] as [UInt64])
  func invalidationOfAnother(_ type: UInt64) {
    let bench = makeBench()
    bench[14] |= Self.keep
    bench[15] |= Self.keep
    bench.guest.write(Int(PagingBench.data) + 0x8000, values: [1, bench.mode.target])
    bench[R.ax] = type
    let outcome = bench.run(
      Self.readCX + Self.toSecond + Self.change + [0x66, 0x41, 0x0F, 0x38, 0x82, 0x01]  // invpcid rax, [r9]
        + Self.toFirst + Self.readDX)
    #expect(outcome == .done)
    #expect(bench[R.dx] == 0x3333)
  }

  /// Each type drops the present PCID's translation of the address.
  @Test(arguments: [0, 1, 2, 3] as [UInt64])
  func invalidationOfPresent(_ type: UInt64) {
    let bench = makeBench()
    bench.guest.write(Int(PagingBench.data) + 0x8000, values: [1, bench.mode.target])
    bench[R.ax] = type
    let outcome = bench.run(
      Self.readCX + Self.change + [0x66, 0x41, 0x0F, 0x38, 0x82, 0x01] + Self.readDX)
    #expect(outcome == .done)
    #expect(bench[R.cx] == 0x1111)
    #expect(bench[R.dx] == 0x3333)
  }

  /// What `INVPCID` checks: type, reserved bits of the descriptor for every type, PCIDs without CR4.PCIDE, the
  /// address for type 0.
  @Test(arguments: [0, 1, 2, 3, 4, 1 << 32] as [UInt64], [false, true])
  func checks(_ type: UInt64, _ hasPCIDs: Bool) {
    let target = PagingMode.level4.target
    for (pcid, linear) in [
      (0, target), (1, target), (0xFFF, target), (0x1000, target), (1 << 63, target), (0, 1 << 47),
    ] as [(UInt64, UInt64)] {
      let bench = PagingBench(.level4)
      bench.state.cr4 |= hasPCIDs ? Control.PCIDE : 0
      bench.guest.write(Int(PagingBench.data), values: [pcid, linear])
      bench.setPrivilege(0)
      bench[R.ax] = type
      bench[R.bx] = PagingBench.data
      let isValid =
        type <= 3 && pcid >> 12 == 0 && (pcid == 0 || hasPCIDs || type >= 2)
        && (linear == target || type != 0)
      #expect(
        bench.run([0x66, 0x0F, 0x38, 0x82, 0x03]) == (isValid ? .done : .fault(13, 0)),
        "PCID \(pcid), address \(linear)")
    }
  }

  /// In 32-bit modes the type is in 32 bits; privilege is checked in every mode.
  @Test func legacyMode() {
    let bench = PagingBench(.bits32)
    bench.map(bench.mode.target, to: PagingBench.data)
    bench[R.bx] = bench.mode.target
    bench[R.ax] = 2
    #expect(bench.run([0x66, 0x0F, 0x38, 0x82, 0x03]) == .done)
    bench.setPrivilege(3)
    #expect(bench.run([0x66, 0x0F, 0x38, 0x82, 0x03]) == .fault(13, 0))
    // The register form does not exist.
    bench.setPrivilege(0)
    #expect(bench.run([0x66, 0x0F, 0x38, 0x82, 0xC3]) == .fault(6, 0))
  }

  /// CR4.PCIDE needs IA-32e mode, a zero PCID, and stays while paging does.
  @Test func enabling() {
    let legacy = PagingBench(.pae)
    legacy[R.ax] = Control.PAE | Control.PCIDE
    #expect(legacy.run([0x0F, 0x22, 0xE0]) == .fault(13, 0))
    let bench = PagingBench(.level4)
    bench.setPrivilege(0)
    bench.state.cr3 |= 8
    bench[R.ax] = Control.PAE | Control.PCIDE
    #expect(bench.run([0x0F, 0x22, 0xE0]) == .fault(13, 0))
  }
}
