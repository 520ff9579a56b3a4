/// Appends bytes of x86 machine code; just the forms that the stubs of the host oracle and the kernels of
/// `UserMachine` need. What has a 64-bit register is 64-bit code. Absolute addresses are sign-extended 32-bit
/// displacements.
struct MachineCode {
  private(set) var bytes: [UInt8] = []

  mutating func emit(_ values: UInt8...) { bytes += values }

  mutating func emit32(_ value: UInt64) {
    for shift in stride(from: 0 as UInt64, to: 32, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  mutating func emit64(_ value: UInt64) {
    emit32(value)
    emit32(value >> 32)
  }

  /// Fills with `INT3` up to `offset`.
  mutating func align(to offset: Int) {
    precondition(bytes.count <= offset)
    while bytes.count < offset { bytes.append(0xCC) }
  }

  /// `MOV [absolute], register`.
  mutating func store(_ register: UInt8, absolute: UInt64) { move(0x89, register, absolute: absolute) }
  /// `MOV register, [absolute]`.
  mutating func load(_ register: UInt8, absolute: UInt64) { move(0x8B, register, absolute: absolute) }

  private mutating func move(_ opcode: UInt8, _ register: UInt8, absolute: UInt64) {
    emit(0x48 | (register >> 3) << 2, opcode, (register & 7) << 3 | 4, 0x25)
    emit32(absolute)
  }

  /// `MOV [base + displacement], register`; `base` is none of RSP and R12.
  mutating func store(_ register: UInt8, base: UInt8, _ displacement: Int) {
    move(0x89, register, base, displacement)
  }
  /// `MOV register, [base + displacement]`.
  mutating func load(_ register: UInt8, base: UInt8, _ displacement: Int) {
    move(0x8B, register, base, displacement)
  }

  private mutating func move(_ opcode: UInt8, _ register: UInt8, _ base: UInt8, _ displacement: Int) {
    emit(0x48 | (register >> 3) << 2 | base >> 3, opcode)
    operand(register, base, displacement)
  }

  private mutating func operand(_ register: UInt8, _ base: UInt8, _ displacement: Int) {
    emit(0x80 | (register & 7) << 3 | (base & 7))
    emit32(UInt64(truncatingIfNeeded: displacement))
  }

  /// `MOV register32, imm32`.
  mutating func set32(_ register: UInt8, _ value: UInt64) {
    if register >= 8 { emit(0x41) }
    emit(0xB8 | (register & 7))
    emit32(value)
  }

  /// `MOV register64, sign-extended imm32`.
  mutating func set(_ register: UInt8, _ value: UInt64) {
    emit(0x48 | register >> 3, 0xC7, 0xC0 | (register & 7))
    emit32(value)
  }

  /// `MOV ECX, segment`; `MOV [base + displacement], CX`.
  mutating func storeSegment(_ segment: UInt8, base: UInt8, _ displacement: Int) {
    emit(0x8C, 0xC1 | segment << 3)
    emit(0x66, 0x40 | base >> 3, 0x89)
    operand(1, base, displacement)
  }

  /// `MOVZX EAX, word [base + displacement]`.
  mutating func loadWord(base: UInt8, _ displacement: Int) {
    emit(0x40 | base >> 3, 0x0F, 0xB7)
    operand(0, base, displacement)
  }

  /// `MOV segment, EAX`.
  mutating func setSegment(_ segment: UInt8) { emit(0x8E, 0xC0 | segment << 3) }

  /// `RDFSBASE`, `RDGSBASE`, `WRFSBASE`, `WRGSBASE` by the value of ModRM.reg.
  mutating func base(_ operation: UInt8, _ register: UInt8) {
    emit(0xF3, 0x48 | register >> 3, 0x0F, 0xAE, 0xC0 | operation << 3 | (register & 7))
  }

  /// `XSAVE64` (4) or `XRSTOR64` (5) of the x87, SSE and AVX components at [base + displacement].
  mutating func extendedState(_ operation: UInt8, base: UInt8, _ displacement: Int) {
    set32(0, 7)
    emit(0x31, 0xD2)  // xor edx, edx
    emit(0x48 | base >> 3, 0x0F, 0xAE)
    operand(operation, base, displacement)
  }

  /// `JMP rel32` to `target` of code that lies at `origin`.
  mutating func jump(to target: UInt64, origin: UInt64) {
    emit(0xE9)
    emit32(target &- (origin &+ UInt64(bytes.count) &+ 4))
  }
}

/// Register numbers.
enum Register {
  static let rax: UInt8 = 0
  static let rcx: UInt8 = 1
  static let rdx: UInt8 = 2
  static let rbx: UInt8 = 3
  static let rsp: UInt8 = 4
  static let rbp: UInt8 = 5
  static let rsi: UInt8 = 6
  static let rdi: UInt8 = 7
}
