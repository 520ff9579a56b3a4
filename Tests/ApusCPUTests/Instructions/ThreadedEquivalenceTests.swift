import ApusCPU
import Testing

/// Threaded code takes many short cuts: fast forms, pairs and fused branches, flags left out, a return stack,
/// links between blocks. Single steps take none of them, so both ways of running a program must agree in
/// everything.
@Suite struct ThreadedEquivalenceTests {
  @Test(arguments: 0..<8) func randomPrograms(_ group: UInt64) {
    for seed in group * 25..<group * 25 + 25 {
      var program = RandomProgram(seed: seed)
      let code = program.assemble()
      let threaded = Outcome(code, stepping: false)
      let stepped = Outcome(code, stepping: true)
      #expect(threaded.halted && stepped.halted, "seed \(seed)")
      #expect(threaded.ticks >= RandomProgram.rounds * 20)
      #expect(threaded.state == stepped.state, "seed \(seed)")
      #expect(threaded.ticks == stepped.ticks, "seed \(seed)")
      #expect(threaded.memory == stepped.memory, "seed \(seed)")
    }
  }

  /// What a program came to.
  struct Outcome {
    var halted = false
    var state: ArchitecturalState
    var ticks: UInt64
    var memory: [UInt8]

    init(_ code: [UInt8], stepping: Bool) {
      let bench = PagingBench(.level4)
      bench.guest.write(Int(PagingBench.code), code)
      for index in 0..<0x4000 {
        bench.guest[RandomProgram.data + index] = UInt8(truncatingIfNeeded: index &* 167 &+ index >> 5)
      }
      for register in 0..<16 where register != 4 {
        bench[register] = UInt64(register) &* 0x9E37_79B9_7F4A_7C15
      }
      bench[R.si] = UInt64(RandomProgram.data)
      bench[12] = PagingBench.code + RandomProgram.subroutines
      bench[13] = 5
      bench[15] = RandomProgram.rounds
      bench.state.rip = PagingBench.code
      bench.state.cr4 |= 1 << 9  // OSFXSR
      let processor = bench.guest.processor
      processor.state = bench.state
      let start = processor.now
      if stepping {
        for _ in 0..<200_000 where !halted { halted = processor.run(until: processor.now + 1) == .halted }
      } else {
        halted = bench.guest.runToHalt(200_000)
      }
      state = processor.state
      ticks = processor.now - start
      memory = bench.guest.read(RandomProgram.data, 0x4000)
    }
  }
}

/// A loop of instructions that compilers emit, with random registers, constants and addresses. RSP is the
/// stack, RSI the data, R12 the subroutine, R13 a small index, R15 the loop's counter.
struct RandomProgram {
  static let data = 0x10_0000
  /// Where the subroutine begins, from the program's start on.
  static let subroutines: UInt64 = 0x800
  static let rounds: UInt64 = 40

  private var random: UInt64
  private var bytes: [UInt8] = []

  init(seed: UInt64) { random = seed &* 0xD134_2543_DE82_EF95 &+ 1 }

  private mutating func next(_ bound: Int) -> Int {
    random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(truncatingIfNeeded: (random >> 33) % UInt64(bound))
  }

  /// A register that programs may change: RAX, RCX, RDX, RBX, RBP, R8–R11, R14.
  private mutating func register() -> Int { [0, 1, 2, 3, 5, 8, 9, 10, 11, 14][next(10)] }

  mutating func assemble() -> [UInt8] {
    for _ in 0..<(20 + next(50)) { instruction() }
    bytes += [0x49, 0x83, 0xC5, 0x0B, 0x49, 0x81, 0xE5, 0xFF, 0x0F, 0, 0]  // add r13, 11; and r13, 4095
    bytes += [0x49, 0xFF, 0xCF]  // dec r15
    let back = -(bytes.count + 6)
    bytes += [0x0F, 0x85] + littleEndian(back)  // jnz start
    bytes.append(0xF4)
    bytes += [UInt8](repeating: 0xF4, count: Int(Self.subroutines) - bytes.count)
    for _ in 0..<next(6) { arithmetic() }
    switch next(3) {
    case 0: bytes += [0x41, 0x5B, 0x41, 0x53, 0xC3]  // pop r11; push r11; ret
    case 1: bytes += [0x41, 0x5B, 0x41, 0xFF, 0xE3]  // pop r11; jmp r11
    default: bytes.append(0xC3)
    }
    return bytes
  }

  private func littleEndian(_ value: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  /// An instruction with a register and a register operand. `width` is log2; bytes use REX registers.
  private mutating func registers(_ opcode: [UInt8], _ reg: Int, _ rm: Int, _ width: Int) {
    if width == 1 { bytes.append(0x66) }
    bytes.append(0x40 | (width == 3 ? 8 : 0) | UInt8(reg >> 3) << 2 | UInt8(rm >> 3))
    bytes += opcode + [0xC0 | UInt8(reg & 7) << 3 | UInt8(rm & 7)]
  }

  /// An instruction with a memory operand: `[rsi + d]`, `[rsi + r13 * 2 + d]`, near a page's end or anywhere.
  private mutating func memory(_ opcode: [UInt8], _ reg: Int, _ width: Int) {
    let displacement = littleEndian(next(4) == 0 ? 4096 - next(8) : next(0x1000))
    if width == 1 { bytes.append(0x66) }
    let rex: UInt8 = 0x40 | (width == 3 ? 8 : 0) | UInt8(reg >> 3) << 2
    let middle = UInt8(reg & 7) << 3
    if next(2) == 0 {
      bytes += [rex] + opcode + [0x86 | middle] + displacement
    } else {
      bytes += [rex | 2] + opcode + [0x84 | middle, 0x6E] + displacement
    }
  }

  /// SSE2: packed integers, scalar and packed doubles, moves between the register files and to and from memory.
  /// XMM0 to XMM7 hold whatever they hold; MXCSR as after reset, so that every result is the same everywhere.
  private mutating func vector() {
    let reg = next(4)
    let rm = next(4)
    switch next(8) {
    case 0...2:
      let opcodes: [UInt8] = [0xFC, 0xFD, 0xFE, 0xD4, 0xEF, 0xEB, 0xDB, 0x62, 0x6C, 0xF4]
      bytes += [0x66, 0x0F, opcodes[next(opcodes.count)], 0xC0 | UInt8(reg << 3 | rm)]
    case 3:
      bytes += [
        0x66, 0x0F, [0x72, 0x73][next(2)], 0xC0 | [2, 6][next(2)] << 3 | UInt8(rm), UInt8(next(20)),
      ]
    case 4:
      bytes += [[0xF2, 0x66][next(2)], 0x0F, [0x58, 0x59, 0x5C][next(3)], 0xC0 | UInt8(reg << 3 | rm)]
    case 5: bytes += [0x66, 0x0F, 0x70, 0xC0 | UInt8(reg << 3 | rm), UInt8(next(256))]  // pshufd
    case 6:
      // movups or movsd between a register and [rsi + d]
      let prefix: [UInt8] = next(2) == 0 ? [] : [0xF2]
      bytes += prefix + [0x0F, 0x10 | UInt8(next(2)), 0x86 | UInt8(reg << 3)] + littleEndian(next(0x1800))
    default:
      switch next(3) {
      case 0: bytes += [0x66, 0x48, 0x0F, [0x6E, 0x7E][next(2)], 0xC0 | UInt8(reg << 3 | next(4))]  // movq
      case 1: bytes += [0x0F, 0x28, 0xC0 | UInt8(reg << 3 | rm)]  // movaps
      default: bytes += [0xF2, 0x48, 0x0F, 0x2A, 0xC0 | UInt8(reg << 3 | next(4))]  // cvtsi2sd
      }
    }
  }

  private mutating func instruction() {
    switch next(19) {
    case 16...18: vector()
    case 0...5: arithmetic()
    case 6...8: move()
    case 9...10: memoryOperand()
    case 11: comparison()
    case 12: stack()
    case 13: bytes += next(2) == 0 ? [0x41, 0xFF, 0xD4] : callSubroutine()  // call r12
    case 14: string()
    default: skip()
    }
  }

  private mutating func callSubroutine() -> [UInt8] {
    [0xE8] + littleEndian(Int(Self.subroutines) - bytes.count - 5)
  }

  /// Byte and word operands now and then, the common widths mostly.
  private mutating func width() -> Int { [3, 3, 3, 2, 2, 2, 1, 0][next(8)] }

  private mutating func arithmetic() {
    let width = width()
    let wide: UInt8 = width == 0 ? 0 : 1
    switch next(9) {
    case 0...2: registers([UInt8(next(8)) << 3 | wide], register(), register(), width)  // ADD ... CMP
    case 3:
      registers([0x80 | wide << 1 | wide], next(8), register(), width)
      bytes.append(UInt8(next(256)))
    case 4:
      registers([0xC0 | wide], [0, 1, 4, 5, 7][next(5)], register(), width)  // ROL ROR SHL SHR SAR
      bytes.append(UInt8(next(66)))
    case 5: registers([0xD2 | wide], [0, 1, 4, 5, 7][next(5)], register(), width)  // by CL
    case 6: registers([0xFE | wide], next(2), register(), width)  // INC DEC
    case 7: registers([0xF6 | wide], 2 + next(2), register(), width)  // NOT NEG
    default: registers([0x0F, 0xAF], register(), register(), max(width, 1))  // IMUL
    }
  }

  private mutating func move() {
    let width = width()
    switch next(7) {
    case 0...1: registers([width == 0 ? 0x8A : 0x8B], register(), register(), width)
    case 2:
      registers([0xC7], 0, register(), 3)
      bytes += littleEndian(next(1 << 31))
    case 3: registers([0x0F, [0xB6, 0xB7, 0xBE, 0xBF][next(4)]], register(), register(), 2 + next(2))
    case 4: registers([0x63], register(), register(), 3)
    case 5: memory([0x8D], register(), 2 + next(2))
    default:
      bytes += [0x48, 0x0F, 0xC8]  // bswap rax
      registers([0x87], register(), register(), 3)
    }
  }

  private mutating func memoryOperand() {
    let width = width()
    let wide: UInt8 = width == 0 ? 0 : 1
    switch next(6) {
    case 0: memory([0x8A | wide], register(), width)
    case 1: memory([0x88 | wide], register(), width)
    case 2: memory([UInt8(next(8)) << 3 | 2 | wide], register(), width)
    case 3: memory([UInt8(next(8)) << 3 | wide], register(), width)
    case 4: memory([0x0F, [0xB6, 0xB7, 0xBE, 0xBF][next(4)]], register(), 2 + next(2))
    default: memory([0xFE | wide], next(2), width)
    }
  }

  /// A comparison, and something that looks at the flags.
  private mutating func comparison() {
    let width = width()
    switch next(3) {
    case 0: registers([width == 0 ? 0x38 : 0x39], register(), register(), width)
    case 1: registers([width == 0 ? 0x84 : 0x85], register(), register(), width)
    default: arithmetic()
    }
    let condition = UInt8(next(16))
    switch next(5) {
    case 0: registers([0x0F, 0x90 | condition], 0, register(), 2)
    case 1: registers([0x0F, 0x40 | condition], register(), register(), 2 + next(2))
    case 2: registers([0x11], register(), register(), width == 0 ? 2 : width)  // ADC
    case 3: bytes += [0x9C, 0x58 | UInt8(next(4))]  // PUSHFQ; POP
    default: branch([0x70 | condition])
    }
  }

  private mutating func skip() {
    branch(next(4) == 0 ? [0xEB] : [0x70 | UInt8(next(16))])
  }

  /// A branch over a few instructions.
  private mutating func branch(_ opcode: [UInt8]) {
    bytes += opcode + [0]
    let start = bytes.count
    for _ in 0..<(1 + next(3)) { if next(2) == 0 { arithmetic() } else { move() } }
    bytes[start - 1] = UInt8(bytes.count - start)
  }

  private mutating func stack() {
    for _ in 0..<2 { bytes += [0x50 | UInt8([0, 1, 2, 3, 5, 6][next(6)])] }
    if next(2) == 0 { arithmetic() }
    for _ in 0..<2 { bytes += [0x58 | UInt8([0, 1, 2, 3, 5][next(5)])] }
  }

  /// REP MOVS or STOS of any length and overlap, some of them downwards; RSI comes back.
  private mutating func string() {
    bytes += [0x49, 0x89, 0xF3]  // mov r11, rsi
    bytes += [0x48, 0x8D, 0xBE] + littleEndian(next(3) == 0 ? next(64) : next(0x1800))  // lea rdi, [rsi + d]
    bytes += [0x48, 0x8D, 0xB6] + littleEndian(next(3) == 0 ? next(64) : next(0x1800))  // lea rsi, [rsi + d]
    bytes += [0xB9] + littleEndian(next(4) == 0 ? next(250) : next(40))  // mov ecx, n
    let isDown = next(6) == 0
    if isDown {
      bytes += [0x48, 0x81, 0xC6] + littleEndian(0x800)  // add rsi, 2048
      bytes += [0x48, 0x81, 0xC7] + littleEndian(0x800) + [0xFD]  // add rdi, 2048; std
    }
    if next(5) == 0 { bytes.append(0x66) }
    bytes.append(0xF3)
    if next(2) == 0 { bytes.append(0x48) }
    bytes.append([0xA4, 0xA5, 0xAA, 0xAB][next(4)])
    if isDown { bytes.append(0xFC) }
    bytes += [0x4C, 0x89, 0xDE]  // mov rsi, r11
  }
}
