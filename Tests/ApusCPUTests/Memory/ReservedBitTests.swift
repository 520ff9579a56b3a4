import ApusCPU
import Testing

/// Reserved bits of paging-structure entries (SDM Vol. 3, the formats under "32-Bit Paging", "PAE Paging",
/// "4-Level Paging and 5-Level Paging") with 40 physical-address bits.
@Suite struct ReservedBitTests {
  /// The reserved bits of a present entry at `level`.
  private static func reserved(_ mode: PagingMode, _ level: Int, isLeaf: Bool, nxe: Bool) -> UInt64 {
    // 4-byte entries: PSE-36 leaves bit 21 of a 4 MiB PDE.
    if mode == .bits32 { return isLeaf && level == 2 ? 1 << 21 : 0 }
    var bits: UInt64 = 0x000F_FF00_0000_0000
    if mode == .pae { bits |= 0x7FF0_0000_0000_0000 }
    if !nxe { bits |= Entry.NX }
    if level > 3 { bits |= Entry.PS }
    if isLeaf && level == 2 { bits |= 0x1F_E000 }
    if isLeaf && level == 3 { bits |= 0x3FFF_E000 }
    return bits
  }

  @Test(arguments: PagingMode.allCases, [true, false])
  func eachBit(_ mode: PagingMode, _ nxe: Bool) {
    for leaf in mode.leaves {
      let bench = PagingBench(mode)
      let target = mode.target & ~(mode.pageSize(leaf) - 1)
      bench.map(target, to: 0x8000_0000, level: leaf)
      bench.state.efer = bench.state.efer & ~Control.NXE | (nxe ? Control.NXE : 0)
      #expect(bench.access(.write, target, cpl: 3) == .done)
      for level in leaf...mode.rightsLevels.upperBound {
        let entry = bench[level, target]
        let reserved = Self.reserved(mode, level, isLeaf: level == leaf, nxe: nxe)
        for bit in 0..<64 where reserved >> UInt64(bit) & 1 != 0 {
          bench[level, target] = entry | 1 << UInt64(bit)
          let read = bench.access(.read, target + 8)
          #expect(read == .pageFault(PF.P | PF.RSVD, at: target + 8), "level \(level) bit \(bit)")
          let write = bench.access(.write, target, cpl: 3)
          #expect(
            write == .pageFault(PF.P | PF.RSVD | PF.W | PF.U, at: target), "level \(level) bit \(bit)")
        }
        bench[level, target] = entry
      }
      #expect(bench.access(.write, target, cpl: 3) == .done)
    }
  }

  /// A reserved bit counts only in a present entry.
  @Test(arguments: [PagingMode.pae, .level4, .level5])
  func notPresent(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    bench.map(mode.target, to: 0x8000_0000)
    for level in mode.rightsLevels {
      let entry = bench[level, mode.target]
      bench[level, mode.target] = entry & ~Entry.P | 1 << 45
      #expect(bench.access(.read, mode.target) == .pageFault(0, at: mode.target))
      bench[level, mode.target] = entry
    }
  }

  /// RSVD is reported even if the access rights forbid the access, too: without a valid translation there
  /// are none (SDM Vol. 3, "Page-Fault Exceptions").
  @Test func beforeAccessRights() {
    let bench = PagingBench(.level4)
    let target = bench.mode.target
    bench.map(target, to: 0x8000_0000, flags: Entry.P | 1 << 45)
    #expect(bench.access(.write, target, cpl: 3) == .pageFault(0xF, at: target))
  }

  /// With NXE off, a fetch through an entry with bit 63 set finds a reserved bit, and I/D is not reported.
  @Test(arguments: [PagingMode.pae, .level4, .level5])
  func executeDisableOff(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    bench.map(mode.target, to: PagingBench.data, flags: 7 | Entry.NX)
    bench.state.efer &= ~Control.NXE
    #expect(bench.access(.fetch, mode.target) == .pageFault(PF.P | PF.RSVD, at: mode.target))
    bench.state.efer |= Control.NXE
    #expect(bench.access(.fetch, mode.target) == .pageFault(PF.P | PF.I, at: mode.target))
    #expect(bench.access(.read, mode.target) == .done)
  }

  // MARK: PDPTE registers and CR3

  /// A program that loads CR3 from EAX.
  private static let loadCR3: [UInt8] = [0x0F, 0x22, 0xD8]

  /// SDM Vol. 3, "PDPTE Registers": a present PDPTE with a reserved bit makes `MOV CR3` raise #GP(0) and
  /// change nothing.
  @Test func malformedPDPTE() {
    let bench = PagingBench(.pae)
    let old = bench.state.cr3
    let table = bench.allocateTable()
    for index in 0..<4 {
      for bit in [1, 2, 5, 6, 7, 8] + Array(40...63) {
        let first = bench.guest.value(Int(old), UInt64.self)
        bench.guest.write(table, values: [first, 0, 0, 0])
        let malformed = (index == 0 ? first : 1) | 1 << UInt64(bit)
        bench.guest.write(table + index * 8, values: [malformed])
        bench.setPrivilege(0)
        bench[R.ax] = UInt64(table)
        #expect(bench.run(Self.loadCR3) == .fault(13, 0), "PDPTE \(index) bit \(bit)")
        #expect(bench.faultRIP == PagingBench.code)
        #expect(bench.state.cr3 == old)
        // Without P, the bits are ignored.
        if index != 0 {
          bench.guest.write(table + index * 8, values: [malformed & ~Entry.P])
          bench.setPrivilege(0)
          bench[R.ax] = UInt64(table)
          #expect(bench.run(Self.loadCR3) == .done)
          #expect(bench.state.cr3 == UInt64(table))
          bench.state.cr3 = old
        }
      }
    }
  }

  /// The PDPTEs are registers: memory counts only when CR3 is written. Translations of the first quarter of
  /// the address space go on through the old ones.
  @Test func pdptesAreRegisters() {
    let bench = PagingBench(.pae)
    let target = bench.mode.target
    bench.map(target, to: PagingBench.data)
    bench[R.bx] = target
    bench[R.di] = bench.state.cr3 + (target >> 30) * 8
    let outcome = bench.run([
      0x31, 0xC0,  // xor eax, eax
      0x89, 0x07,  // mov [edi], eax: the PDPTE is gone from memory
      0x0F, 0x01, 0x3B,  // invlpg [ebx]
      0x8B, 0x0B,  // mov ecx, [ebx]
      0x0F, 0x20, 0xD8,  // mov eax, cr3
      0x0F, 0x22, 0xD8,  // mov cr3, eax
      0x8B, 0x13,  // mov edx, [ebx]
    ])
    #expect(outcome == .pageFault(0, at: target))
    #expect(bench.faultRIP == PagingBench.code + 15)
  }

  /// Under PAE paging the PDPT lies at CR3 bits 31:5.
  @Test func pdptAlignment() {
    let bench = PagingBench(.pae)
    let table = bench.allocateTable() + 0x7E0
    bench.guest.write(table, values: [bench.guest.value(Int(bench.state.cr3), UInt64.self), 0, 0, 0])
    bench[R.ax] = UInt64(table) | 0x1F
    #expect(bench.run(Self.loadCR3 + [0x8B, 0x0D, 0, 0, 2, 0]) == .done)  // mov ecx, [2_0000h]
    #expect(bench.state.cr3 == UInt64(table) | 0x1F)
  }

  /// Bits 63:40 of CR3 are reserved in IA-32e mode, bit 63 unless CR4.PCIDE is set.
  @Test(arguments: [PagingMode.level4, .level5])
  func controlRegister3(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    let root = bench.state.cr3
    for bit in 40..<64 {
      bench.setPrivilege(0)
      bench[R.ax] = root | 1 << UInt64(bit)
      #expect(bench.run(Self.loadCR3) == .fault(13, 0), "bit \(bit)")
      #expect(bench.state.cr3 == root)
    }
    bench.state.cr4 |= Control.PCIDE
    for bit in 40..<64 {
      bench.setPrivilege(0)
      bench[R.ax] = root | 1 << UInt64(bit)
      #expect(bench.run(Self.loadCR3) == (bit == 63 ? .done : .fault(13, 0)), "bit \(bit)")
    }
  }
}
