import ApusCPU
import Testing

/// A page of some size, and where it shall lie.
struct PageCase: CustomTestStringConvertible {
  var mode: PagingMode
  var level: Int
  var linear: UInt64
  var physical: UInt64

  var testDescription: String { "\(mode) level \(level) at \(String(linear, radix: 16))" }
}

/// Physical addresses that translation produces (SDM Vol. 3, "32-Bit Paging", "PAE Paging", "4-Level Paging
/// and 5-Level Paging"). The pages lie outside RAM, so that the bus tells the physical address exactly.
@Suite struct TranslationTests {
  static let pages = [
    PageCase(mode: .bits32, level: 1, linear: 0xD234_5000, physical: 0xFEDC_B000),
    PageCase(mode: .bits32, level: 2, linear: 0xD200_0000, physical: 0xFEC0_0000),
    PageCase(mode: .bits32, level: 2, linear: 0xD200_0000, physical: 0xA5_3D40_0000),
    PageCase(mode: .pae, level: 1, linear: 0x9234_5000, physical: 0xAB_CDEF_1000),
    PageCase(mode: .pae, level: 2, linear: 0xFFE0_0000, physical: 0xAB_CDE0_0000),
    PageCase(mode: .level4, level: 1, linear: 0x5A3C_5678_9000, physical: 0xAB_CDEF_1000),
    PageCase(mode: .level4, level: 1, linear: 0xFFFF_FFFF_FFFF_F000, physical: 0xFF_FFFF_F000),
    PageCase(mode: .level4, level: 2, linear: 0xFFFF_9A3C_5660_0000, physical: 0xAB_CDE0_0000),
    PageCase(mode: .level4, level: 3, linear: 0xFFFF_9A3C_4000_0000, physical: 0xAB_4000_0000),
    PageCase(mode: .level5, level: 1, linear: 0x00A5_1234_5678_9000, physical: 0xAB_CDEF_1000),
    PageCase(mode: .level5, level: 2, linear: 0xFF5A_1234_5660_0000, physical: 0xAB_CDE0_0000),
    PageCase(mode: .level5, level: 3, linear: 0xFF5A_1234_4000_0000, physical: 0xAB_4000_0000),
  ]

  @Test(arguments: pages)
  func physicalAddress(_ page: PageCase) {
    let bench = PagingBench(page.mode)
    bench.map(page.linear, to: page.physical, level: page.level)
    let size = page.mode.pageSize(page.level)
    for offset in [0, 0x123, size / 2 + 0x1234 & (size - 4), size - 4] {
      bench.guest.bus.deviceReads = []
      #expect(bench.access(.read, page.linear + offset) == .done)
      #expect(bench.guest.bus.deviceReads == [page.physical + offset])
      bench.guest.bus.deviceWrites = []
      #expect(bench.access(.write, page.linear + offset) == .done)
      #expect(bench.guest.bus.deviceWrites == [page.physical + offset])
    }
  }

  /// Only the first and last byte of the page lead there.
  @Test(arguments: pages.filter { $0.linear < 0xFFFF_FFFF_FFFF_F000 })
  func extent(_ page: PageCase) {
    let bench = PagingBench(page.mode)
    bench.map(page.linear, to: page.physical, level: page.level)
    let size = page.mode.pageSize(page.level)
    let after = (page.linear &+ size) & (page.mode.is64 ? .max : 0xFFFF_FFFF)
    if after != 0 { #expect(bench.access(.read, after) == .pageFault(0, at: after)) }
    #expect(bench.access(.read, page.linear - 4) == .pageFault(0, at: page.linear - 4))
    // As part of a page before it that is mapped, an access that runs into the page is split.
    bench.map(page.linear - 0x1000, to: 0x2_0000)
    #expect(bench.access(.read, page.linear - 2) == .done)
    #expect(bench.guest.bus.deviceReads == [page.physical])
  }

  /// Tables above 4 GiB are out of reach of this RAM, but not of the walker.
  @Test(arguments: [PagingMode.pae, .level4, .level5])
  func tableAddress(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    let target = mode.target
    bench.map(target, to: 0xAB_CDEF_1000)
    bench[2, target] = 0xCD_1234_5000 | 7
    // The bus answers with ones, which have reserved bits set.
    #expect(bench.access(.read, target) == .pageFault(PF.P | PF.RSVD, at: target))
    #expect(bench.guest.bus.deviceReads == [0xCD_1234_5000 | (target >> 12 & 511) << 3])
  }

  /// CR4.PSE off: bit 7 of a PDE is ignored, and no bit is reserved (SDM Vol. 3, "32-Bit Paging").
  @Test func pageSizeExtensionsOff() {
    let bench = PagingBench(.bits32)
    let target = bench.mode.target
    bench.map(target, to: 0xFEDC_B000)
    bench[2, target] |= Entry.PS
    bench.state.cr4 &= ~Control.PSE
    #expect(bench.access(.read, target + 8) == .done)
    #expect(bench.guest.bus.deviceReads == [0xFEDC_B008])
    // The same entry maps a page once PSE is on: the table's bits 20:13 become bits 39:32.
    bench.guest.bus.deviceReads = []
    bench.state.cr4 |= Control.PSE
    #expect(bench.access(.read, target + 8) == .done)
    #expect(bench.guest.bus.deviceReads == [(bench[2, target] >> 13 & 0xFF) << 32 | (target + 8) & 0x3F_FFFF])
  }

  /// PSE has no effect under PAE: large pages are always on, and CR4.PSE does not bring 4 MiB pages.
  @Test(arguments: [PagingMode.pae, .level4], [false, true])
  func pageSizeExtensionsUnderPAE(_ mode: PagingMode, _ pse: Bool) {
    let bench = PagingBench(mode)
    let target = mode.target & ~0x1F_FFFF
    bench.map(target, to: 0xAB_CDE0_0000, level: 2)
    bench.state.cr4 |= pse ? Control.PSE : 0
    #expect(bench.access(.read, target + 0x1F_FFF0) == .done)
    #expect(bench.guest.bus.deviceReads == [0xAB_CDFF_FFF0])
  }

  /// Bits that the formats of the entries call ignored, and memory types: they change nothing.
  @Test(arguments: PagingMode.allCases)
  func ignoredBits(_ mode: PagingMode) {
    // Bits 62:52 in IA-32e mode; under PAE paging they are reserved.
    let high: UInt64 = mode.is64 ? 0x7FF0_0000_0000_0000 : 0
    for leaf in mode.leaves {
      let size = mode.pageSize(leaf)
      let target = mode.target & ~(size - 1)
      let physical: UInt64 = mode == .bits32 && leaf == 1 ? 0xC000_0000 : 0xFE_C000_0000
      let bench = PagingBench(mode)
      bench.map(target, to: physical, level: leaf)
      for level in leaf...mode.top {
        var ignored: UInt64
        if mode == .pae && level == 3 {
          ignored = 0xE18
        } else if level == leaf {
          // AVL, PWT, PCD, and PAT where the size puts it.
          ignored = high | 0xE18 | (leaf == 1 ? 0x80 : 0x1000)
        } else {
          ignored = high | 0xF58
        }
        let entry = bench[level, target]
        bench[level, target] = entry | ignored
        bench.guest.bus.deviceReads = []
        #expect(bench.access(.read, target + 0x10) == .done, "level \(level)")
        #expect(bench.guest.bus.deviceReads == [physical + 0x10], "level \(level)")
        bench[level, target] = entry
      }
    }
  }

  /// Paging off: linear addresses are physical ones.
  @Test func pagingOff() {
    let bench = PagingBench(.bits32)
    bench.state.cr0 &= ~(1 << 31)
    #expect(bench.access(.read, 0xD234_5678) == .done)
    #expect(bench.guest.bus.deviceReads == [0xD234_5678])
  }

  /// CR3's low bits: PWT and PCD, or the PCID, are no part of the root's address.
  @Test(arguments: PagingMode.allCases)
  func rootAddress(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    bench.map(mode.target, to: 0xFEDC_B000)
    bench.state.cr3 |= 0x18
    #expect(bench.access(.read, mode.target) == .done)
    #expect(bench.guest.bus.deviceReads == [0xFEDC_B000])
  }
}
