import ApusCPU
import Testing

/// SDM Vol. 1, "Canonical Addressing": an address that is not canonical raises #GP(0), or #SS(0) through the
/// stack segment, and never #PF.
@Suite struct CanonicalAddressTests {
  /// The ends of the halves in 48 and 57 bits: the last canonical byte, then the first one that is not, and so
  /// in the upper half.
  struct Width: CustomTestStringConvertible {
    var mode: PagingMode
    var lowEnd: UInt64
    var highStart: UInt64
    var testDescription: String { "\(mode)" }
  }

  static let widths = [
    Width(mode: .level4, lowEnd: 0x0000_7FFF_FFFF_FFFF, highStart: 0xFFFF_8000_0000_0000),
    Width(mode: .level5, lowEnd: 0x00FF_FFFF_FFFF_FFFF, highStart: 0xFF00_0000_0000_0000),
  ]

  @Test(arguments: widths, AccessKind.allCases.filter { $0 != .fetch })
  func boundaries(_ width: Width, _ kind: AccessKind) {
    let bench = PagingBench(width.mode)
    let write = kind == .read ? 0 : PF.W
    let size = 4 as UInt64
    for canonical in [width.lowEnd - size + 1, width.highStart, width.highStart + 0x1_2345_6789] {
      #expect(bench.access(kind, canonical) == .pageFault(write, at: canonical))
    }
    for wrong in [
      // The last byte, then all bytes outside.
      width.lowEnd - size + 2, width.lowEnd, width.lowEnd + 1, 0x8000_0000_0000_0000,
      width.highStart - size, width.highStart - 1,
    ] {
      #expect(bench.access(kind, wrong) == .fault(13, 0), "\(String(wrong, radix: 16))")
      #expect(bench.faultRIP == PagingBench.code)
    }
    // What 57 bits add is not canonical in 48.
    let between: UInt64 = 0x0012_3456_789A_BCDE
    let isCanonical = width.mode == .level5
    #expect(bench.access(kind, between) == (isCanonical ? .pageFault(write, at: between) : .fault(13, 0)))
  }

  /// CR2 keeps its value when the fault is not a page fault.
  @Test func faultingAddressRegister() {
    let bench = PagingBench(.level4)
    bench.state.cr2 = 0x1234
    #expect(bench.access(.read, 1 << 60) == .fault(13, 0))
    #expect(bench.state.cr2 == 0x1234)
  }

  /// Instructions of every kind with a memory operand at `[rbx]`.
  @Test(
    arguments: MemoryInstruction.all + [
      MemoryInstruction(name: "index", bytes: [0x8B, 0x04, 0x0B], size: 4),
      MemoryInstruction(name: "fs", bytes: [0x64, 0x8B, 0x03], size: 4),
      MemoryInstruction(name: "lodsb", bytes: [0xAC], size: 1),
      MemoryInstruction(name: "stosb", bytes: [0xAA], size: 1),
      MemoryInstruction(name: "rep movsb", bytes: [0xF3, 0xA4], size: 1),
      MemoryInstruction(name: "clflush", bytes: [0x0F, 0xAE, 0x3B], size: 1),
      MemoryInstruction(name: "jmp m", bytes: [0xFF, 0x23], size: 8),
      MemoryInstruction(name: "call m", bytes: [0xFF, 0x13], size: 8),
      MemoryInstruction(name: "lgdt", bytes: [0x0F, 0x01, 0x13], size: 10),
      MemoryInstruction(name: "cmpxchg16b", bytes: [0x48, 0x0F, 0xC7, 0x0B], size: 16),
      MemoryInstruction(name: "fxsave", bytes: [0x0F, 0xAE, 0x03], size: 512),
      MemoryInstruction(name: "invpcid", bytes: [0x66, 0x0F, 0x38, 0x82, 0x03], size: 16),
    ])
  func everyKind(_ instruction: MemoryInstruction) {
    let bench = PagingBench(.level4)
    bench.state.cr4 |= 0x600
    bench.setPrivilege(0)
    bench[R.bx] = 0x8000_0000_0000
    bench[R.si] = 0x8000_0000_0000
    bench[R.di] = 0x8000_0000_0000
    bench[R.cx] = instruction.name == "index" ? 0 : 1
    #expect(bench.run(instruction.bytes) == .fault(13, 0))
    #expect(bench.faultRIP == PagingBench.code)
    #expect(bench.frame(4) == UInt64(PagingBench.kernelStack))
  }

  /// Operands that use RBP or RSP as a base belong to the stack segment; so do the stack instructions.
  @Test(
    arguments: [
      [0x8B, 0x45, 0x00],  // mov eax, [rbp]
      [0x89, 0x45, 0x00],  // mov [rbp], eax
      [0x01, 0x45, 0x08],  // add [rbp + 8], eax
      [0x83, 0x7D, 0x00, 0x05, 0x74, 0x00],  // cmp dword [rbp], 5; je
      [0x8B, 0x44, 0x0D, 0x00],  // mov eax, [rbp + rcx]
      [0x8B, 0x04, 0x24],  // mov eax, [rsp]
      [0x3E, 0x8B, 0x45, 0x00],  // mov eax, ds:[rbp]: ignored in 64-bit mode
      [0x0F, 0x10, 0x45, 0x00],  // movups xmm0, [rbp]
      [0xF6, 0x45, 0x00, 0x01],  // test byte [rbp], 1
      [0x48, 0x63, 0x45, 0x00],  // movsxd rax, [rbp]
      [0xD1, 0x65, 0x00],  // shl dword [rbp], 1
      [0xFF, 0x65, 0x00],  // jmp [rbp]
      [0x50],  // push rax
      [0x58],  // pop rax
      [0x9C],  // pushfq
      [0xC3],  // ret
      [0xC9],  // leave
      [0xFF, 0xD0],  // call rax
      [0xE8, 0x00, 0x00, 0x00, 0x00],  // call
      [0x48, 0xCF],  // iretq
    ] as [[UInt8]])
  func stackSegment(_ program: [UInt8]) {
    let bench = PagingBench(.level4)
    bench.state.cr4 |= 0x600
    // The exception needs a stack: IST 1.
    bench.guest.write(PagingBench.tss + 0x24, values: [UInt64(PagingBench.kernelStack)])
    for vector in 12...14 {
      let at = PagingBench.idt + vector * 16
      bench.guest.write(at, values: [bench.guest.value(at, UInt64.self) | 1 << 32])
    }
    bench.setPrivilege(0)
    bench[R.ax] = PagingBench.code
    bench[R.cx] = 0
    bench[R.bp] = 0x8000_0000_0000
    bench[R.sp] = 0x8000_0000_0100
    #expect(bench.run(program) == .fault(12, 0))
    #expect(bench.faultRIP == PagingBench.code)
    #expect(bench.frame(4) == 0x8000_0000_0100)
  }

  /// An operand that only ends outside goes by its segment, too.
  @Test(arguments: widths)
  func straddle(_ width: Width) {
    let bench = PagingBench(width.mode)
    bench.map(width.lowEnd & ~0xFFF, to: PagingBench.data)
    #expect(bench.access(.read, width.lowEnd - 3) == .done)
    for (program, vector) in [([0x8B, 0x03], 13), ([0x8B, 0x45, 0x00], 12)] as [([UInt8], UInt8)] {
      bench.setPrivilege(0)
      bench[R.bx] = width.lowEnd - 2
      bench[R.bp] = width.lowEnd - 2
      #expect(bench.run(program) == .fault(vector, 0))
      // Once more with the page in the TLB.
      bench.setPrivilege(0)
      bench[R.cx] = width.lowEnd - 3
      bench[R.bx] = width.lowEnd - 2
      bench[R.bp] = width.lowEnd - 2
      #expect(bench.run([0x8B, 0x11] + program) == .fault(vector, 0))
    }
  }

  /// R13 as a base, and RBP as an index, do not mean the stack.
  @Test(arguments: [[0x41, 0x8B, 0x45, 0x00], [0x8B, 0x04, 0x2B]] as [[UInt8]])
  func dataSegment(_ program: [UInt8]) {
    let bench = PagingBench(.level4)
    bench.setPrivilege(0)
    bench[13] = 0x8000_0000_0000
    bench[R.bx] = 0
    bench[R.bp] = 0x8000_0000_0000
    #expect(bench.run(program) == .fault(13, 0))
  }

  /// `INVLPG` of an address that is not canonical does nothing (SDM Vol. 2, `INVLPG`).
  @Test func invalidation() {
    let bench = PagingBench(.level4)
    bench[R.bx] = 0x8000_0000_0000
    #expect(bench.run([0x0F, 0x01, 0x3B]) == .done)
  }

  /// Code that runs off the end of the lower half.
  @Test(arguments: widths)
  func fetch(_ width: Width) {
    let bench = PagingBench(width.mode)
    bench.map(width.lowEnd & ~0xFFF, to: PagingBench.data)
    bench.guest.write(Int(PagingBench.data) + 0xFFC, [0x90, 0x90, 0x90, 0xF4])
    #expect(bench.access(.fetch, width.lowEnd - 3) == .done)
    bench.guest.write(Int(PagingBench.data) + 0xFFC, [0x90, 0x90, 0x90, 0x90])
    #expect(bench.access(.fetch, width.lowEnd - 3) == .fault(13, 0))
    #expect(bench.faultRIP == width.lowEnd + 1)
    // An instruction that would end outside.
    bench.guest.write(Int(PagingBench.data) + 0xFFC, [0x90, 0x90, 0x90, 0xB8])
    #expect(bench.access(.fetch, width.lowEnd - 3) == .fault(13, 0))
    #expect(bench.faultRIP == width.lowEnd)
  }

  /// Registers that hold linear addresses take canonical ones only: bases through `WRMSR`. Whether those count
  /// as canonical that only 57 bits make so is left out where CR4.LA57 is clear: processors differ.
  @Test(arguments: widths, [0xC000_0100, 0xC000_0101, 0xC000_0102, 0xC000_0082, 0x176] as [UInt64])
  func baseRegisters(_ width: Width, _ register: UInt64) {
    let bench = PagingBench(width.mode)
    for (value, expected) in [
      (width.lowEnd, AccessOutcome.done), (0x0100_0000_0000_0000, .fault(13, 0)), (width.highStart, .done),
      (0xFEFF_FFFF_FFFF_FFFF, .fault(13, 0)),
    ] {
      bench.setPrivilege(0)
      bench[R.cx] = register
      bench[R.ax] = value & 0xFFFF_FFFF
      bench[R.dx] = value >> 32
      #expect(bench.run([0x0F, 0x30]) == expected, "\(String(value, radix: 16))")
    }
  }

  /// Outside 64-bit mode there are no such checks: addresses have 32 bits and wrap.
  @Test(arguments: [PagingMode.bits32, .pae])
  func legacyModes(_ mode: PagingMode) {
    let bench = PagingBench(mode)
    bench.map(0x8000_0000, to: PagingBench.data)
    #expect(bench.access(.read, 0x8000_0000) == .done)
    bench.setPrivilege(0)
    bench.state.segments[3].base = 0xC000_0000
    bench[R.bx] = 0xC000_0000
    #expect(bench.run([0x8B, 0x03]) == .done)
  }
}
