import ApusCPU
import Testing

/// SDM Vol. 3, "Protection Keys" and "Page-Fault Exceptions"; Vol. 2, `RDPKRU`, `WRPKRU`.
@Suite struct ProtectionKeyTests {
  private static let page: UInt64 = 0x1_0000
  private static let writeCR4: [UInt8] = [0x0F, 0x22, 0xE0]
  private static let rdpkru: [UInt8] = [0x0F, 0x01, 0xEE]
  private static let wrpkru: [UInt8] = [0x0F, 0x01, 0xEF]

  /// CPL 0 in 64-bit mode with CR4.PKE; the data page is a user page with key 5.
  private func bench() -> SystemBench {
    let bench = SystemBench()
    bench.enterLongMode()
    bench.write64(SystemBench.table + 16 * 8, Self.page | 7 | 5 << 59)
    bench.processor.state.cr4 |= 1 << 22
    bench[.rbx] = Self.page
    return bench
  }

  /// PKRU ← EAX, then the access; registers RCX and RDX are zero.
  private func access(_ bench: SystemBench, pkru: UInt64, _ code: [UInt8]) -> Ending {
    bench[.rax] = pkru
    bench[.rcx] = 0
    bench[.rdx] = 0
    return bench.run(Self.wrpkru + code + [0xF4])
  }

  private let load: [UInt8] = [0x8B, 0x33]
  private let store: [UInt8] = [0x89, 0x33]

  /// P, PK, and W/R of a store, at CPL 0.
  private func pageFault(write: Bool) -> Ending {
    .exception(14, code: write ? 0x23 : 0x21, rip: SystemBench.code + 3)
  }

  @Test func accessDisable() {
    let bench = bench()
    #expect(access(bench, pkru: 1 << 10, load) == pageFault(write: false))
    #expect(bench.processor.state.cr2 == Self.page)
    #expect(access(bench, pkru: 1 << 10, store) == pageFault(write: true))
    // Another key's bits do not count.
    #expect(access(bench, pkru: ~(3 << 10) & 0xFFFF_FFFC, load + store) == .halted)
  }

  @Test func writeDisable() {
    let bench = bench()
    #expect(access(bench, pkru: 2 << 10, load) == .halted)
    #expect(access(bench, pkru: 2 << 10, store) == pageFault(write: true))
    // CR0.WP = 0 lets supervisor code write.
    bench.processor.state.cr0 &= ~(1 << 16)
    #expect(access(bench, pkru: 2 << 10, store) == .halted)
  }

  /// What the TLB holds does not outlive the rights.
  @Test func rightsTakenAway() {
    let bench = bench()
    #expect(access(bench, pkru: 0, load + store) == .halted)
    #expect(access(bench, pkru: 1 << 10, load) == pageFault(write: false))
  }

  @Test func registerAndFaults() {
    let bench = bench()
    #expect(access(bench, pkru: 0x5555_5554, Self.rdpkru) == .halted)
    #expect(bench[.rax] == 0x5555_5554 && bench[.rdx] == 0)
    bench[.rcx] = 1
    #expect(bench.run(Self.rdpkru) == .generalProtection())
    bench[.rcx] = 0
    bench[.rdx] = 1
    #expect(bench.run(Self.wrpkru) == .generalProtection())
    bench.enterLongMode()
    #expect(bench.run(Self.rdpkru) == .exception(6, code: 0, rip: SystemBench.code))
  }
}
