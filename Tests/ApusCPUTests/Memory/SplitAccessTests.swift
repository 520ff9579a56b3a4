import ApusCPU
import Testing

/// A memory instruction of 64-bit mode that accesses `[rbx]`.
struct MemoryInstruction: CustomTestStringConvertible {
  var name: String
  var bytes: [UInt8]
  var size: Int
  var reads = false
  var writes = false
  var testDescription: String { name }

  static let loads = [
    MemoryInstruction(name: "mov ax", bytes: [0x66, 0x8B, 0x03], size: 2, reads: true),
    MemoryInstruction(name: "mov eax", bytes: [0x8B, 0x03], size: 4, reads: true),
    MemoryInstruction(name: "mov rax", bytes: [0x48, 0x8B, 0x03], size: 8, reads: true),
    MemoryInstruction(name: "cmp eax", bytes: [0x3B, 0x03], size: 4, reads: true),
    MemoryInstruction(name: "movsx", bytes: [0x48, 0x0F, 0xBF, 0x03], size: 2, reads: true),
    MemoryInstruction(name: "push m", bytes: [0xFF, 0x33], size: 8, reads: true),
    MemoryInstruction(name: "movups", bytes: [0x0F, 0x10, 0x03], size: 16, reads: true),
    MemoryInstruction(name: "fld m80", bytes: [0xDB, 0x2B], size: 10, reads: true),
  ]

  static let stores = [
    MemoryInstruction(name: "mov ax", bytes: [0x66, 0x89, 0x03], size: 2, writes: true),
    MemoryInstruction(name: "mov eax", bytes: [0x89, 0x03], size: 4, writes: true),
    MemoryInstruction(name: "mov rax", bytes: [0x48, 0x89, 0x03], size: 8, writes: true),
    MemoryInstruction(name: "mov imm", bytes: [0xC7, 0x03, 0x78, 0x56, 0x34, 0x12], size: 4, writes: true),
    MemoryInstruction(name: "movups", bytes: [0x0F, 0x11, 0x03], size: 16, writes: true),
    MemoryInstruction(name: "fnstcw", bytes: [0xD9, 0x3B], size: 2, writes: true),
    MemoryInstruction(name: "pop m", bytes: [0x8F, 0x03], size: 8, writes: true),
  ]

  static let modifications = [
    MemoryInstruction(name: "add", bytes: [0x48, 0x01, 0x03], size: 8, reads: true, writes: true),
    MemoryInstruction(name: "inc", bytes: [0xFF, 0x03], size: 4, reads: true, writes: true),
    MemoryInstruction(name: "xchg", bytes: [0x48, 0x87, 0x03], size: 8, reads: true, writes: true),
    MemoryInstruction(name: "cmpxchg", bytes: [0x0F, 0xB1, 0x13], size: 4, reads: true, writes: true),
    MemoryInstruction(name: "shl", bytes: [0x66, 0xD1, 0x23], size: 2, reads: true, writes: true),
  ]

  static let all = loads + stores + modifications
}

/// Accesses that cross a page boundary.
@Suite struct SplitAccessTests {
  private static let first = Int(PagingBench.data)
  /// Not behind `first`, so that an access by physical address would show.
  private static let second = Int(PagingBench.data) + 0x5000

  /// Two pages at the target, mapped apart; the bytes around the boundary count up from 1.
  private func makeBench(_ mode: PagingMode = .level4) -> PagingBench {
    let bench = PagingBench(mode)
    bench.map(mode.target, to: UInt64(Self.first))
    bench.map(mode.target + 0x1000, to: UInt64(Self.second))
    bench.guest.write(Self.first + 0xFE0, (1...32).map { UInt8($0) })
    bench.guest.write(Self.second, (33...64).map { UInt8($0) })
    bench.state.cr4 |= 0x600
    bench.setPrivilege(0)
    return bench
  }

  private func bytes(_ bench: PagingBench) -> [UInt8] {
    bench.guest.read(Self.first + 0xFE0, 32) + bench.guest.read(Self.second, 32)
  }

  /// Loads and stores of 2, 4, 8 and 16 bytes at every offset around the boundary.
  @Test(arguments: [2, 4, 8, 16])
  func everyOffset(_ size: Int) {
    let operations: [Int: (load: [UInt8], store: [UInt8])] = [
      2: ([0x66, 0x8B, 0x03], [0x66, 0x89, 0x01]), 4: ([0x8B, 0x03], [0x89, 0x01]),
      8: ([0x48, 0x8B, 0x03], [0x48, 0x89, 0x01]), 16: ([0x0F, 0x10, 0x03], [0x0F, 0x11, 0x01]),
    ]
    guard let operation = operations[size] else { return }
    for offset in (32 - size)...32 {
      // Aligned copy out of the split place, then from an aligned place into it.
      let bench = makeBench()
      let split = bench.mode.target + 0xFE0 + UInt64(offset)
      bench[R.bx] = split
      bench[R.cx] = PagingBench.data + 0x8000
      #expect(bench.run(operation.load + operation.store) == .done)
      let expected = (0..<size).map { UInt8(offset + $0 + 1) }
      #expect(bench.guest.read(Int(PagingBench.data) + 0x8000, size) == expected)
      let pattern = (0..<size).map { UInt8(0xF0 + $0) }
      bench.guest.write(Int(PagingBench.data) + 0x8000, pattern)
      bench.setPrivilege(0)
      bench[R.bx] = PagingBench.data + 0x8000
      bench[R.cx] = split
      #expect(bench.run(operation.load + operation.store) == .done)
      var image = (1...64).map { UInt8($0) }
      image.replaceSubrange(offset..<(offset + size), with: pattern)
      #expect(bytes(bench) == image, "offset \(offset)")
      // Neither access may touch what lies behind the first page physically.
      #expect(bench.guest.read(Self.first + 0x1000, 16) == [UInt8](repeating: 0, count: 16))
    }
  }

  /// The second page faults: CR2 is its first byte, nothing has been stored, and the instruction restarts.
  @Test(arguments: MemoryInstruction.all)
  func secondPageFaults(_ instruction: MemoryInstruction) {
    for head in 1..<instruction.size {
      let bench = makeBench()
      let target = bench.mode.target
      let second = target + 0x1000
      bench[1, second] &= ~Entry.P
      bench[R.bx] = second - UInt64(head)
      let stack = bench[R.sp]
      let write = instruction.writes ? PF.W : 0
      #expect(bench.run(instruction.bytes) == .pageFault(write, at: second), "\(head) bytes")
      #expect(bench.faultRIP == PagingBench.code)
      #expect(bench.frame(4) == stack)
      #expect(bytes(bench) == (1...64).map { UInt8($0) })
      guard instruction.writes else { continue }
      // Present but read-only.
      bench[1, second] = UInt64(Self.second) | Entry.P
      bench.setPrivilege(0)
      bench[R.bx] = second - UInt64(head)
      #expect(bench.run(instruction.bytes) == .pageFault(PF.P | PF.W, at: second))
      #expect(bytes(bench) == (1...64).map { UInt8($0) })
    }
  }

  /// The first page faults, whether the second would or not: CR2 is the address of the operand.
  @Test(arguments: MemoryInstruction.all, [true, false])
  func firstPageFaults(_ instruction: MemoryInstruction, _ secondIsPresent: Bool) {
    let bench = makeBench()
    let second = bench.mode.target + 0x1000
    bench[1, bench.mode.target] = 0
    if !secondIsPresent { bench[1, second] = 0 }
    bench[R.bx] = second - 1
    let write = instruction.writes ? PF.W : 0
    #expect(bench.run(instruction.bytes) == .pageFault(write, at: second - 1))
    #expect(bytes(bench) == (1...64).map { UInt8($0) })
  }

  /// Each page's rights count for its part: user mode may not reach into a supervisor page.
  @Test(arguments: MemoryInstruction.all.filter { $0.name != "push m" && $0.name != "pop m" })
  func secondPageIsSupervisors(_ instruction: MemoryInstruction) {
    let bench = makeBench()
    let second = bench.mode.target + 0x1000
    bench[1, second] &= ~Entry.U
    bench.setPrivilege(3)
    bench[R.bx] = second - 1
    let write = instruction.writes ? PF.W : 0
    #expect(bench.run(instruction.bytes) == .pageFault(PF.P | PF.U | write, at: second))
  }

  /// In 32-bit modes, too, also with a segment base that alone makes the access cross.
  @Test(arguments: [PagingMode.bits32, .pae])
  func legacyModes(_ mode: PagingMode) {
    let bench = makeBench(mode)
    bench.state.segments[3].base = 0xFFE
    bench[R.bx] = mode.target
    #expect(bench.run([0x8B, 0x03]) == .done)
    #expect(bench[R.ax] == 0x2221_201F)
    bench[1, mode.target + 0x1000] = 0
    bench.setPrivilege(0)
    bench.state.segments[3].base = 0xFFE
    bench[R.bx] = mode.target
    #expect(bench.run([0x89, 0x03]) == .pageFault(PF.W, at: mode.target + 0x1000))
  }

  /// One half in RAM, the other in a device.
  @Test func halfDevice() {
    let bench = makeBench()
    bench[1, bench.mode.target + 0x1000] = 0xFEDC_B000 | 7
    bench[R.bx] = bench.mode.target + 0xFFC
    bench[R.dx] = 0x8877_6655_4433_2211
    #expect(bench.run([0x48, 0x8B, 0x03, 0x48, 0x89, 0x13]) == .done)  // mov rax, [rbx]; mov [rbx], rdx
    #expect(bench[R.ax] == 0xFFFF_FFFF_201F_1E1D)
    #expect(bench.guest.bus.deviceReads == [0xFEDC_B000])
    #expect(bench.guest.bus.deviceWrites == [0xFEDC_B000])
    #expect(bench.guest.read(Self.first + 0xFFC, 4) == [0x11, 0x22, 0x33, 0x44])
  }

  /// String instructions that walk over the boundary fault at the second page with the counters where the
  /// first fault left them (SDM Vol. 2, `REP`).
  @Test func stringAcrossPages() {
    let bench = makeBench()
    let second = bench.mode.target + 0x1000
    bench[1, second] = 0
    bench[R.di] = second - 8
    bench[R.cx] = 20
    bench[R.ax] = 0xAB
    #expect(bench.run([0xF3, 0xAA]) == .pageFault(PF.W, at: second))  // rep stosb
    #expect(bench[R.cx] == 12)
    #expect(bench[R.di] == second)
    #expect(bench.faultRIP == PagingBench.code)
    #expect(bench.guest.read(Self.first + 0xFF8, 8) == [UInt8](repeating: 0xAB, count: 8))
  }
}
