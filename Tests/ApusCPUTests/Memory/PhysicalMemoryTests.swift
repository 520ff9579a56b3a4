import ApusCPU
import Testing

/// Address line 20, holes, devices and ROM, as programs and the page walker see them.
@Suite struct PhysicalMemoryTests {
  // MARK: Address line 20

  /// Without paging, bit 20 of the linear address is lost on every kind of access.
  @Test(arguments: [0x10_0000, 0x12_3456, 0x30_0000] as [UInt64])
  func maskedWithoutPaging(_ address: UInt64) {
    let bench = PagingBench(.bits32, size: 0x40_0000)
    bench.state.cr0 &= ~(1 << 31)
    let masked = Int(address & ~0x10_0000)
    bench.guest.processor.setA20(false)
    bench.setPrivilege(0)
    bench[R.ax] = 0x1122_3344
    bench[R.bx] = address
    #expect(bench.run([0x89, 0x03, 0x8B, 0x0B]) == .done)  // mov [ebx], eax; mov ecx, [ebx]
    #expect(bench[R.cx] == 0x1122_3344)
    #expect(bench.guest.value(masked, UInt32.self) == 0x1122_3344)
    #expect(bench.guest.value(Int(address), UInt32.self) == 0)
    // Code, too.
    bench.guest.write(masked, [0xB9, 0x55, 0x00, 0x00, 0x00, 0xF4])  // mov ecx, 55h; hlt
    #expect(bench.access(.fetch, address) == .done)
    #expect(bench[R.cx] == 0x55)
  }

  /// With paging, the mask applies to what translation produces, not to the linear address.
  @Test(arguments: PagingMode.allCases)
  func maskedAfterTranslation(_ mode: PagingMode) {
    let bench = PagingBench(mode, size: 0x40_0000)
    let target = mode.target & ~0x1F_FFFF | 0x10_0000
    bench.map(target, to: 0x30_1000)
    bench.guest.write(0x20_1000, values: [0x1111 as UInt32])
    bench.guest.write(0x30_1000, values: [0x2222 as UInt32])
    for (isOpen, value) in [(false, 0x1111), (true, 0x2222), (false, 0x1111)] as [(Bool, UInt64)] {
      bench.guest.processor.setA20(isOpen)
      #expect(bench.access(.read, target) == .done)
      #expect(bench[R.ax] == value)
    }
  }

  /// The walker reads its tables, and marks them, through the mask.
  @Test(arguments: PagingMode.allCases)
  func maskedTables(_ mode: PagingMode) {
    let bench = PagingBench(mode, size: 0x40_0000)
    bench.map(mode.target, to: PagingBench.data)
    bench.guest.write(Int(PagingBench.data), values: [0x1111 as UInt32])
    let entry = bench.entryAddress(1, mode.target)
    // The directory names the table with bit 20 set; there is none there.
    bench[2, mode.target] |= 0x10_0000
    #expect(bench.access(.read, mode.target) == .pageFault(0, at: mode.target))
    bench.guest.processor.setA20(false)
    #expect(bench.access(.write, mode.target) == .done)
    #expect(bench.guest[entry] & 0x60 == 0x60)
    #expect(bench.guest[entry | 0x10_0000] == 0)
  }

  /// Translations made with the line open are not used once it is closed, in the middle of a program: the
  /// board closes it from a device access.
  @Test func maskFlushes() {
    let bench = PagingBench(.level4, size: 0x40_0000)
    bench.map(bench.mode.target, to: 0x30_0000)
    bench.map(bench.mode.target + 0x1000, to: 0xFEDC_B000)
    bench.guest.write(0x20_0000, values: [0x1111 as UInt32])
    bench.guest.write(0x30_0000, values: [0x2222 as UInt32])
    bench.guest.bus.onDeviceWrite = { [unowned guest = bench.guest] in guest.processor.setA20(false) }
    bench[R.bx] = bench.mode.target
    let outcome = bench.run([
      0x8B, 0x0B,  // mov ecx, [rbx]
      0x88, 0x83, 0x00, 0x10, 0x00, 0x00,  // mov [rbx + 1000h], al
      0x8B, 0x13,  // mov edx, [rbx]
    ])
    #expect(outcome == .done)
    #expect(bench[R.cx] == 0x2222)
    #expect(bench[R.dx] == 0x1111)
  }

  // MARK: Holes and devices

  /// Reads of every size outside RAM ask the bus, in naturally wide pieces, and writes tell it.
  @Test(
    arguments: [
      ([0x8A, 0x03], 1, [0]), ([0x66, 0x8B, 0x03], 2, [0]), ([0x8B, 0x03], 4, [0]),
      ([0x48, 0x8B, 0x03], 8, [0]), ([0x0F, 0x10, 0x03], 16, [0, 8]),
    ] as [([UInt8], Int, [UInt64])])
  func holeReads(_ load: [UInt8], _ size: Int, _ pieces: [UInt64]) {
    let bench = PagingBench(.level4)
    bench.state.cr4 |= 0x200
    bench.map(bench.mode.target, to: 0xFEDC_B000)
    bench.setPrivilege(0)
    bench[R.ax] = 0
    bench[R.bx] = bench.mode.target + 0x10
    bench[R.cx] = PagingBench.data
    // movups [rcx], xmm0
    #expect(bench.run(load + (size == 16 ? [0x0F, 0x11, 0x01] : [])) == .done)
    #expect(bench.guest.bus.deviceReads == pieces.map { 0xFEDC_B010 + $0 })
    if size == 16 {
      #expect(bench.guest.read(Int(PagingBench.data), 16) == [UInt8](repeating: 0xFF, count: 16))
    } else {
      #expect(bench[R.ax] == UInt64.max >> UInt64(64 - size * 8))
    }
  }

  /// Each access to a device reaches it: nothing is cached.
  @Test func deviceAccessesRepeat() {
    let bench = PagingBench(.level4)
    bench.map(bench.mode.target, to: 0xFEDC_B000)
    bench[R.bx] = bench.mode.target
    #expect(bench.run([0x8B, 0x03, 0x8B, 0x03, 0x01, 0x03, 0x89, 0x03]) == .done)
    #expect(bench.guest.bus.deviceReads == [UInt64](repeating: 0xFEDC_B000, count: 3))
    #expect(bench.guest.bus.deviceWrites == [UInt64](repeating: 0xFEDC_B000, count: 2))
  }

  /// A paging structure in a hole reads as ones: its entries are present and, where the format reserves bits,
  /// malformed.
  @Test(arguments: PagingMode.allCases)
  func tablesInHole(_ mode: PagingMode) {
    for level in 1...mode.top where mode != .pae || level < 3 {
      let bench = PagingBench(mode)
      bench.map(mode.target, to: PagingBench.data)
      if level == mode.top {
        // CR3 itself: the first fetch faults, and so does everything after it.
        bench.state.cr3 = 0xFEDC_B000
        bench.state.rip = PagingBench.code
        bench.guest.processor.state = bench.state
        #expect(!bench.guest.runToHalt(1000))
        // All ones make a 4 MiB PDE with reserved bit 21.
        #expect(bench.guest.processor.stopCode == .tripleFault)
        continue
      }
      bench[level + 1, mode.target] = 0xFEDC_B000 | (mode == .pae && level == 2 ? Entry.P : 7)
      if mode == .bits32 {
        // A PTE of ones maps the last page below 4 GiB, also a hole.
        #expect(bench.access(.read, mode.target + 0x10) == .done)
        #expect(bench.guest.bus.deviceReads.last == 0xFFFF_F010)
        #expect(bench[R.ax] == 0xFFFF_FFFF)
      } else {
        #expect(bench.access(.read, mode.target) == .pageFault(PF.P | PF.RSVD, at: mode.target))
      }
      // Accessed and dirty are set already: nothing is written.
      #expect(bench.guest.bus.deviceWrites.isEmpty)
    }
  }

  /// PDPTEs in a hole are malformed: #GP(0) from `MOV CR3`.
  @Test func pointersInHole() {
    let bench = PagingBench(.pae)
    bench[R.ax] = 0xFEDC_B000
    #expect(bench.run([0x0F, 0x22, 0xD8]) == .fault(13, 0))
  }

  /// Code in a hole is all ones: FF /7, which is undefined.
  @Test(arguments: PagingMode.allCases)
  func fetchFromHole(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    bench.map(mode.target, to: 0xFEDC_B000)
    #expect(bench.access(.fetch, mode.target) == .fault(6, 0))
    // Invalid opcodes have no error code: the frame starts with RIP.
    #expect(bench.frame(0) == mode.target)
  }

  /// An instruction whose first byte is the last of RAM takes the rest from the hole.
  @Test func fetchAcrossEndOfRAM() {
    let bench = PagingBench(.level4)
    bench.map(bench.mode.target, to: 0x1F_F000)
    bench.map(bench.mode.target + 0x1000, to: 0xFEDC_B000)
    bench.guest.write(0x1F_FFFF, [0xB8])  // mov eax, FFFF_FFFFh
    #expect(bench.access(.fetch, bench.mode.target + 0xFFF) == .fault(6, 0))
    #expect(bench.frame(0) == bench.mode.target + 0x1004)
    #expect(bench[R.ax] == 0xFFFF_FFFF)
  }

  // MARK: ROM

  /// Writes to a region that is not writable vanish, whatever their form; the page still becomes dirty for the
  /// guest.
  @Test func readOnlyMemory() {
    let bench = PagingBench(.level4)
    let processor = bench.guest.processor
    processor.map([
      MemoryRegion(start: 0, end: 0x10_0000, hostOffset: 0, isWritable: true),
      MemoryRegion(start: 0xFFFF_F000, end: 0x1_0000_0000, hostOffset: 0x18_0000, isWritable: false),
    ])
    bench.map(bench.mode.target, to: 0xFFFF_F000)
    bench.guest.write(0x18_0000, values: [0x1122_3344 as UInt32])
    bench[R.ax] = 5
    bench[R.bx] = bench.mode.target
    bench[R.di] = bench.mode.target
    bench[R.cx] = 3
    let outcome = bench.run([
      0x89, 0x03,  // mov [rbx], eax
      0x01, 0x03,  // add [rbx], eax
      0x8B, 0x13,  // mov edx, [rbx]
      0x89, 0x03,  // mov [rbx], eax
      0xF3, 0xAA,  // rep stosb
      0x03, 0x13,  // add edx, [rbx]
    ])
    #expect(outcome == .done)
    #expect(bench[R.dx] == 0x2244_6688)
    #expect(bench[1, bench.mode.target] & Entry.D != 0)
    #expect(bench.guest.bus.deviceWrites.isEmpty)
  }

  // MARK: Memory types

  /// PAT and MTRRs are state without effect: every type behaves alike.
  @Test(arguments: [0, 8, 0x10, 0x18, 0x80, 0x98] as [UInt64])
  func memoryTypes(_ bits: UInt64) {
    let bench = PagingBench(.level4)
    bench.map(bench.mode.target, to: PagingBench.data, flags: 7 | bits)
    bench[R.bx] = bench.mode.target
    let outcome = bench.run([
      0xB9, 0x77, 0x02, 0x00, 0x00,  // mov ecx, 277h: IA32_PAT
      0xB8, 0x00, 0x01, 0x04, 0x05,  // mov eax, 0504_0100h
      0xBA, 0x06, 0x07, 0x00, 0x01,  // mov edx, 0100_0706h
      0x0F, 0x30,  // wrmsr
      0x89, 0x03,  // mov [rbx], eax
      0x31, 0xC0,  // xor eax, eax
      0x0F, 0x32,  // rdmsr
      0x8B, 0x33,  // mov esi, [rbx]
    ])
    #expect(outcome == .done)
    #expect(bench[R.ax] == 0x0504_0100)
    #expect(bench[R.dx] == 0x0100_0706)
    #expect(bench[R.si] == 0x0504_0100)
  }
}
