import ApusCPU
import Testing

extension SystemBench {
  /// Executes `WRMSR` in the present mode; RIP is left after it.
  @discardableResult
  func writeMSR(_ index: UInt32, _ value: UInt64) -> Ending {
    var state = processor.state
    let saved = state
    state.registers[0] = value & 0xFFFF_FFFF
    state.registers[1] = UInt64(index)
    state.registers[2] = value >> 32
    return runPrivileged(&state, saved, [0x0F, 0x30, 0xF4])
  }

  /// Executes `RDMSR`; nil if it faults.
  func readMSR(_ index: UInt32) -> UInt64? {
    var state = processor.state
    let saved = state
    state.registers[1] = UInt64(index)
    var result: UInt64 = 0
    let ending = runPrivileged(&state, saved, [0x0F, 0x32, 0xF4]) {
      result = self[.rdx] << 32 | self[.rax]
    }
    return ending == .halted ? result : nil
  }

  /// Runs at CPL 0, then restores everything but the bases of FS and GS and EFER.
  private func runPrivileged(
    _ state: inout ArchitecturalState, _ saved: ArchitecturalState, _ program: [UInt8],
    _ then: () -> Void = {}
  ) -> Ending {
    if state.cpl != 0 {
      state.cpl = 0
      state.segments[1] = SegmentRegister(selector: 8, base: 0, limit: .max, attributes: 0xA09B)
      state.segments[2] = SegmentRegister(selector: 0x10, base: 0, limit: .max, attributes: 0xC093)
    }
    processor.state = state
    let ending = run(program)
    then()
    let present = processor.state
    var restored = saved
    restored.efer = present.efer
    restored.segments[4].base = present.segments[4].base
    restored.segments[5].base = present.segments[5].base
    processor.state = restored
    return ending
  }
}

/// Expectations from SDM Vol. 4, "Architectural MSRs", Vol. 3, "Memory Type Range Registers (MTRRs)", "Page
/// Attribute Table (PAT)"; AMD APM Vol. 2.
@Suite struct ModelSpecificTests {
  @Test(
    arguments: [
      // EFER: reserved bits; LME changed while paging.
      (0xC000_0080, 0x1_0D01), (0xC000_0080, 0xC01),
      // Addresses that are not canonical.
      (0xC000_0082, 0x8000_0000_0000), (0xC000_0100, 0xFFFF_0000_0000_0000), (0xC000_0102, 1 << 63),
      (0x176, 0x8000_0000_0000),
      // PAT types 2 and 3 are reserved; MTRR types 2, 3 and 7; reserved bits; physical addresses above 40 bits.
      (0x277, 2), (0x277, 3 << 56), (0x2FF, 7), (0x2FF, 0x100), (0x200, 1 << 40), (0x201, 0x100),
      (0x250, 7 << 8),
      // Read-only or absent.
      (0xFE, 0), (0x179, 0), (0x1234_5678, 0), (0xC000_0103, 1 << 32), (0xDA0, 1), (0x1D9, 2), (0x401, 1),
      (0x48, 1 << 20),
    ] as [(UInt32, UInt64)])
  func refused(_ index: UInt32, _ value: UInt64) {
    let bench = SystemBench()
    bench.enterLongMode()
    #expect(bench.writeMSR(index, value) == .generalProtection())
  }

  @Test(
    arguments: [
      (0xC000_0080, 0x20_0D01), (0xC000_0081, 0x1234_5678_9ABC_DEF0), (0xC000_0082, 0xFFFF_8000_0000_0000),
      (0xC000_0084, 0x4_7700), (0xC000_0100, 0x7FFF_FFFF_FFFF), (0xC000_0103, 0xFFFF_FFFF), (0x174, 0x10),
      (0x277, 0x0007_0106_0007_0106), (0x2FF, 0xC06), (0x200, 0xFF_C000_0000), (0x201, 0xFF_C000_0800),
      (0x20F, 0x800), (0x259, 0x0605_0401_0006_0504), (0x26F, 0x0505_0505_0505_0505), (0x48, 1), (0x404, ~0),
      (0x17A, 4), (0xC001_0010, 0x14_0000),
    ] as [(UInt32, UInt64)])
  func kept(_ index: UInt32, _ value: UInt64) {
    let bench = SystemBench()
    bench.enterLongMode()
    #expect(bench.writeMSR(index, value) == .halted)
    #expect(bench.readMSR(index) == value)
  }

  @Test func resetValues() {
    let bench = SystemBench()
    bench.enterLongMode()
    #expect(bench.readMSR(0x277) == 0x0007_0406_0007_0406)
    #expect(bench.readMSR(0xFE) == 0x508)
    #expect(bench.readMSR(0xC001_0015) == 1 << 24)
    #expect(bench.readMSR(0x1B) == 0xFEE0_0900)
    #expect(bench.readMSR(0x1234_5678) == nil)
  }

  @Test func memoryTypesOfABIOS() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench.processor.programMemoryTypes(uncachedFrom: 0xB000_0000)
    #expect(bench.readMSR(0x2FF) == 0xC06)
    // B000_0000h for 256 MiB, then C000_0000h for 1 GiB.
    #expect(bench.readMSR(0x200) == 0xB000_0000)
    #expect(bench.readMSR(0x201) == 0xFF_F000_0800)
    #expect(bench.readMSR(0x202) == 0xC000_0000)
    #expect(bench.readMSR(0x203) == 0xFF_C000_0800)
    #expect(bench.readMSR(0x204) == 0)
  }

  @Test func timeStampCounterMoves() {
    let bench = SystemBench()
    bench.enterLongMode()
    bench[.rcx] = 0x10
    bench[.rdx] = 1
    // wrmsr; rdtsc; hlt: two instructions at one tick each.
    #expect(bench.run([0x0F, 0x30, 0x0F, 0x31, 0xF4]) == .halted)
    #expect(bench[.rdx] << 32 | bench[.rax] == 0x1_0000_0001)
    // TSC_ADJUST moved by as much.
    let now = bench.processor.now
    let adjust = bench.readMSR(0x3B) ?? 0
    #expect(adjust <= 0x1_0000_0000 && adjust > 0x1_0000_0000 - now)
  }

  @Test func timeStampDeadline() throws {
    let bench = SystemBench()
    bench.enterLongMode()
    #expect(bench.writeMSR(0x6E0, 5_000_000) == .halted)
    // TSC and virtual time still agree.
    #expect(bench.bus.due == 5_000_000)
    #expect(bench.writeMSR(0x3B, 1_000_000) == .halted)
    #expect(bench.bus.movedTo == 4_000_000)
    #expect(bench.writeMSR(0x6E0, 500) == .halted)
    #expect(bench.bus.due == 0)
    #expect(bench.writeMSR(0x6E0, .max) == .halted)
    let due = try #require(bench.bus.due)
    #expect(due == UInt64.max - 1_000_000)
  }

  @Test func timeStampDisable() {
    let bench = SystemBench()
    bench.enterLongMode(cpl: 3)
    bench.processor.state.cr4 |= 4
    #expect(bench.run([0x0F, 0x31]) == .generalProtection())
    bench.enterLongMode(cpl: 3)
    bench.processor.state.cr4 |= 4
    #expect(bench.run([0x0F, 0x01, 0xF9]) == .generalProtection())  // rdtscp
  }
}

/// The identification agrees with what works.
@Suite struct IdentificationTests {
  private func identify(_ bench: SystemBench, _ leaf: UInt64, _ subleaf: UInt64 = 0) -> [UInt64] {
    bench[.rax] = leaf
    bench[.rcx] = subleaf
    #expect(bench.run([0x0F, 0xA2, 0xF4]) == .halted)
    return [bench[.rax], bench[.rbx], bench[.rcx], bench[.rdx]]
  }

  private func text(_ words: [UInt64]) -> String {
    let bytes = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) } }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func names() {
    let bench = SystemBench()
    bench.enterLongMode()
    let vendor = identify(bench, 0)
    #expect(text([vendor[1], vendor[3], vendor[2]]) == "AuthenticAMD")
    let extended = identify(bench, 0x8000_0000)
    #expect(extended[0] == 0x8000_0021)
    #expect(Array(extended[1...]) == Array(vendor[1...]))
    let hypervisor = identify(bench, 0x4000_0000)
    #expect(text(Array(hypervisor[1...])) == "ApusApusApus")
    let brand = (2...4).flatMap { identify(bench, 0x8000_0000 + $0) }
    #expect(text(brand).hasPrefix("Apus x86-64"))
  }

  @Test func mirrors() {
    let bench = SystemBench()
    bench.enterLongMode()
    #expect(identify(bench, 1)[2] & (1 << 27) != 0)
    #expect(identify(bench, 1)[3] & (1 << 9) != 0)
    bench.processor.state.cr4 &= ~(1 << 18)
    bench.bus.apicBase = 0xFEE0_0100
    #expect(identify(bench, 1)[2] & (1 << 27) == 0)
    #expect(identify(bench, 1)[3] & (1 << 9) == 0)
    #expect(identify(bench, 0x8000_0001)[3] & (1 << 9) == 0)
  }

  @Test func sizes() {
    let bench = SystemBench()
    bench.enterLongMode()
    #expect(identify(bench, 0x8000_0008)[0] == 57 << 8 | 40)
    // x87, SSE, AVX and PKRU; XCR0 enables x87 alone.
    #expect(identify(bench, 0xD) == [0x207, 576, 2440, 0])
    #expect(identify(bench, 0xD, 2) == [256, 576, 0, 0])
    #expect(identify(bench, 0xD, 9) == [8, 2432, 0, 0])
    #expect(identify(bench, 0xD, 1)[0] == 0xF)
    #expect(identify(bench, 0x15) == [1, 1, 1_000_000_000, 0])
    #expect(identify(bench, 0x7FFF_FFFF) == [0, 0, 0, 0])
    // Reset leaves the signature in EDX.
    let signature = identify(bench, 1)[0]
    bench.processor.reset()
    #expect(bench[.rdx] == signature)
  }

  /// What no model has is not claimed: AVX-512, TSX, MPX, CET.
  @Test func absentFeatures() {
    let bench = SystemBench()
    bench.enterLongMode()
    let structured = identify(bench, 7)
    for bit in [4, 11, 14, 16, 17, 21, 28, 30, 31] as [UInt64] { #expect(structured[1] & (1 << bit) == 0) }
    for bit in [1, 6, 7, 11, 12, 14] as [UInt64] { #expect(structured[2] & (1 << bit) == 0) }
  }
}
