import ApusCPU
import Testing

/// Expectations from SDM Vol. 3, "Limit Checking", and Vol. 2, the exception lists of the instructions.
@Suite struct SegmentLimitTests {
  /// Access rights of the segment, limit in bytes, offset and size of an access, and whether it is allowed.
  static let accesses: [(UInt32, UInt32, UInt64, Int, Bool)] = [
    (0x4093, 0x0FFF, 0x0FFF, 1, true), (0x4093, 0x0FFF, 0x1000, 1, false),
    (0x4093, 0x0FFF, 0x0FFC, 4, true), (0x4093, 0x0FFF, 0x0FFD, 4, false),
    (0x4093, 0x0FFF, 0x0FFE, 4, false), (0x4093, 0x0FFF, 0x0FFF, 4, false),
    (0x4093, 0, 0, 1, true), (0x4093, 0, 0, 4, false), (0x4093, 0, 0xFFFF_FFFF, 1, false),
    (0x4093, 2, 0, 4, false), (0x4093, 3, 0, 4, true), (0x0093, 0x1_FFFF, 0x1_0000, 4, true),
    (0xC093, 0xFFFF_FFFF, 0xFFFF_FFFC, 4, true),
    // Expand-down: the limit is the last offset that is not in the segment, B its upper bound.
    (0x4097, 0x0FFF, 0x0FFF, 1, false), (0x4097, 0x0FFF, 0x1000, 1, true), (0x4097, 0x0FFF, 0x0FFE, 4, false),
    (0x4097, 0x0FFF, 0, 1, false), (0x4097, 0x0FFF, 0x1_0000, 4, true),
    (0x4097, 0x0FFF, 0xFFFF_FFFC, 4, true),
    (0x0097, 0x0FFF, 0x1000, 4, true), (0x0097, 0x0FFF, 0xFFFF, 1, true), (0x0097, 0x0FFF, 0xFFFC, 4, true),
    (0x0097, 0x0FFF, 0xFFFD, 4, false), (0x0097, 0x0FFF, 0x1_0000, 1, false),
    (0x4097, 0xFFFF_FFFF, 0, 1, false), (0x4097, 0xFFFF_FFFF, 0xFFFF_FFFF, 1, false),
  ]

  @Test(arguments: accesses)
  func access(_ rights: UInt32, _ limit: UInt32, _ offset: UInt64, _ size: Int, _ isAllowed: Bool) {
    for isStack in [false, true] {
      for isWrite in [false, true] {
        let opcode: UInt8 = (isWrite ? 0x88 : 0x8A) | (size == 4 ? 1 : 0)
        let machine = GuestMachine(.protected, cpl: 3, code: (isStack ? [0x36] : []) + [opcode, 0x0B])
        let index = isStack ? 2 : 3
        machine.state.segments[index] = SegmentRegister(
          selector: 0x23, base: 0x2_0000, limit: limit, attributes: rights | 0x60)
        machine[R.bx] = offset
        let outcome = machine.outcome()
        #expect(outcome == (isAllowed ? .completed : isStack ? .SS() : .GP()), "stack \(isStack)")
        if !isAllowed { #expect(machine.saved(0, outcome) == UInt64(GuestLayout.code)) }
      }
    }
  }

  /// A 16-bit effective address wraps at 64 KiB; the bytes of an operand do not (SDM Vol. 1, "Specifying an
  /// Offset").
  @Test func effectiveAddressWraps() {
    // mov cl, [bx+si]; mov edx, [di]
    let machine = GuestMachine(.protected, code: [0x67, 0x8A, 0x08, 0x67, 0x8B, 0x15])
    machine.state.segments[3].base = 0x2_0000
    machine.bench.write(0x2_0001, [0x5A])
    machine.bench.write(0x2_FFFE, [1, 2, 3, 4])
    machine[R.bx] = 0x7_FFFF
    machine[R.si] = 0x9_0002
    machine[R.di] = 0x3_FFFE
    #expect(machine.outcome() == .completed)
    #expect(machine[R.cx] == 0x5A)
    #expect(machine[R.dx] == 0x0403_0201)
  }

  // MARK: Stacks

  /// `PUSH EAX` at a stack pointer: size by B, wrapping within 64 KiB if it is clear.
  @Test(
    arguments: [
      (0x00F3, 0xFFFF, 0x12_0000, Outcome.completed, 0x12_FFFC),
      (0x00F3, 0xFFFF, 0x12_0002, .SS(), 0x12_0002),
      (0x00F3, 0xFFFF, 0x12_0004, .completed, 0x12_0000), (0x00F3, 0x7FFF, 0x12_0000, .SS(), 0x12_0000),
      (0x40F3, 0xFFFF, 0x1_0000, .completed, 0xFFFC), (0x40F3, 0xFFFF, 0x1_0002, .SS(), 0x1_0002),
      (0x40F3, 0xFFFF, 0, .SS(), 0), (0x40F7, 0x0FFF, 0x1004, .completed, 0x1000),
      (0x40F7, 0x0FFF, 0x1003, .SS(), 0x1003), (0x00F7, 0x0FFF, 0x1003, .SS(), 0x1003),
    ] as [(UInt32, UInt32, UInt64, Outcome, UInt64)])
  func pushes(_ rights: UInt32, _ limit: UInt32, _ sp: UInt64, _ expected: Outcome, _ newSP: UInt64) {
    let machine = GuestMachine(.protected, cpl: 3, code: [0x50])
    machine.state.segments[2] = SegmentRegister(
      selector: 0x23, base: 0x3_0000, limit: limit, attributes: rights)
    machine[R.sp] = sp
    let outcome = machine.outcome()
    #expect(outcome == expected)
    #expect(machine.savedSP(outcome) == newSP)
  }

  // MARK: Code

  /// Fetching a byte beyond the limit faults at the instruction's start, before it does anything.
  @Test(
    arguments: [
      ([0x90, 0x90, 0x90, 0x90, 0x43], 4), ([0x90, 0x90, 0xBB, 1, 0, 0, 0], 2),
      ([0x90, 0x90, 0x90, 0xFF, 0xC3], 3),
    ] as [([UInt8], Int)])
  func fetchBeyondLimit(_ code: [UInt8], _ offset: Int) {
    let machine = GuestMachine(.protected, code: code)
    machine.state.segments[1].limit = UInt32(GuestLayout.code + 3)
    let outcome = machine.outcome()
    #expect(outcome == .GP())
    #expect(machine.saved(0, outcome) == UInt64(GuestLayout.code + offset))
    #expect(machine[R.bx] == 0)
  }

  /// A near branch beyond the limit faults at the branch, with counter and stack unchanged; one not taken does
  /// not fault.
  @Test(
    arguments: [
      [0xEB, 0x7E], [0xE9, 0xFB, 0x0F, 0x00, 0x00], [0xE8, 0xFB, 0x0F, 0x00, 0x00], [0xFF, 0xE0],
      [0xFF, 0xD0],
      [0xFF, 0x23], [0xFF, 0x13], [0x75, 0x7E], [0x0F, 0x85, 0xFA, 0x0F, 0x00, 0x00], [0xE2, 0x7E],
      [0xE0, 0x7E],
      [0x67, 0xE3, 0x7E], [0xC3], [0xC2, 8, 0],
    ] as [[UInt8]])
  func branchBeyondLimit(_ code: [UInt8]) {
    let machine = GuestMachine(.protected, code: code)
    machine.state.segments[1].limit = UInt32(GuestLayout.code + 0x60)
    machine[R.ax] = UInt64(GuestMachine.target)
    machine[R.cx] = code[0] == 0x67 ? 0x5_0000 : 5
    machine.setPointer(8)
    machine.push(UInt64(GuestMachine.target))
    let sp = machine[R.sp]
    let cx = machine[R.cx]
    let outcome = machine.outcome()
    #expect(outcome == .GP())
    #expect(machine.isRestartable(outcome, sp: sp))
    #expect(machine[R.cx] == cx)
  }

  @Test(
    arguments: [[0x74, 0x7E], [0x0F, 0x84, 0xFA, 0x0F, 0x00, 0x00], [0xE1, 0x7E], [0xE3, 0x7E]] as [[UInt8]])
  func branchNotTaken(_ code: [UInt8]) {
    let machine = GuestMachine(.protected, code: code)
    machine.state.segments[1].limit = UInt32(GuestLayout.code + 0x60)
    machine[R.cx] = 5
    #expect(machine.outcome() == .completed)
  }

  /// Branches to addresses that are not canonical (SDM Vol. 2, "64-Bit Mode Exceptions" of `JMP`, `CALL`,
  /// `RET`).
  @Test(arguments: [[0xFF, 0xE0], [0xFF, 0xD0], [0xFF, 0x23], [0xFF, 0x13], [0xC3]] as [[UInt8]])
  func branchNotCanonical(_ code: [UInt8]) {
    let machine = GuestMachine(.long, code: code)
    let target: UInt64 = 0x0000_8000_0000_0000
    machine[R.ax] = target
    machine[R.bx] = UInt64(GuestLayout.data)
    machine.bench.write(GuestLayout.data, values: [target])
    machine.push(target)
    #expect(machine.outcome() == .GP())
  }

  // MARK: Real-address and virtual-8086 mode

  @Test(
    arguments: [
      // mov ax, [bx]; mov eax, [bx]; mov [bx], ax; mov al, [bx]; the same on SS by BP.
      ([0x8B, 0x07], 0xFFFF, 13), ([0x66, 0x8B, 0x07], 0xFFFD, 13), ([0x89, 0x07], 0xFFFF, 13),
      ([0x8A, 0x07], 0xFFFF, nil), ([0x8B, 0x07], 0xFFFE, nil), ([0x8B, 0x46, 0x00], 0xFFFF, 12),
      ([0x89, 0x46, 0x00], 0xFFFF, 12), ([0x8A, 0x46, 0x00], 0xFFFF, nil),
      ([0x67, 0x8B, 0x03], 0x1_0000, 13),
    ] as [([UInt8], UInt64, Int?)])
  func limit64K(_ code: [UInt8], _ offset: UInt64, _ vector: Int?) {
    let real = RealMachine(code: code)
    real[R.bx] = offset
    real[R.bp] = offset
    #expect(real.outcome() == (vector.map { .exception($0, nil) } ?? .completed))
    if vector != nil { #expect(real.word(0) == UInt16(RealMachine.code)) }
    let virtual = GuestMachine(.virtual8086, code: code)
    virtual.state.rflags |= 0x3000
    virtual[R.bx] = offset
    virtual[R.bp] = offset
    virtual[R.sp] = 0x8F00
    #expect(virtual.outcome() == (vector.map { .exception($0, 0) } ?? .completed))
  }

  /// IP does not wrap: the fetch beyond FFFFh is a limit violation.
  @Test func realFetchBeyond64K() {
    let machine = RealMachine(code: [])
    machine.bench.write(0xFFFE, [0x90, 0x90])
    machine.state.rip = 0xFFFE
    #expect(machine.outcome() == .exception(13, nil))
    #expect(machine.word(0) == 0)
  }

  /// A limit loaded in protected mode survives loads in real-address mode (the selector changes base only).
  @Test(arguments: [true, false]) func unrealMode(_ isLoaded: Bool) {
    let machine = RealMachine(code: [
      0x0F, 0x01, 0x16, 0x00, 0x95,  // lgdt [9500h]
      0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22, 0xC0,  // cr0 |= PE
      0xBB, 0x08, 0x00, 0x8E, 0xDB,  // mov bx, 8; mov ds, bx
      0x24, 0xFE, 0x0F, 0x22, 0xC0,  // cr0 &= ~PE
      0xB9, 0x20, 0x00, 0x8E, 0xD9,  // mov cx, 20h; mov ds, cx
      0x67, 0x66, 0x8B, 0x0D, 0x00, 0x00, 0x10, 0x00,  // mov ecx, [10_0000h]
    ])
    machine.bench.write(0x9500, values: [0x0F, 0x9600, 0] as [UInt16])
    machine.bench.write(
      0x9608, values: [Table.segment(Rights.data, limit: 0xF_FFFF, flags: isLoaded ? 8 : 0)])
    machine.bench.write(0x10_0200, values: [0x1122_3344] as [UInt32])
    let expected: Outcome = isLoaded ? .completed : .exception(13, nil)
    // A byte-granular limit of FFFFFh just ends before the operand.
    #expect(machine.outcome() == expected)
    if isLoaded { #expect(machine[R.cx] == 0x1122_3344) }
    #expect(machine.state.segments[3].base == 0x200)
  }

  /// Virtual-8086 mode gives every load limit FFFFh and base 16 × selector, and checks nothing.
  @Test(arguments: [(0xC0, 0), (0xD0, 2), (0xD8, 3), (0xE0, 4), (0xE8, 5)] as [(UInt8, Int)])
  func virtualSegments(_ modRM: UInt8, _ index: Int) {
    // mov sreg, ax; then HLT, which faults at CPL 3: the monitor's frame shows the segments.
    let machine = GuestMachine(.virtual8086, code: [0x8E, modRM, 0xF4])
    machine.state.segments[index].limit = .max
    machine[R.ax] = 0x1FFF
    let outcome = machine.outcome()
    #expect(outcome == .GP())
    // SS, ES, DS, FS, GS follow ESP.
    let position = [0: 5, 2: 4, 3: 6, 4: 7, 5: 8][index] ?? 0
    #expect(machine.saved(position, outcome) == 0x1FFF)
    #expect(machine.saved(0, outcome) == 2)
    guard index == 3 else { return }
    // mov ds, ax; mov cl, [67h: 1_0000h]
    let far = GuestMachine(.virtual8086, code: [0x8E, 0xD8, 0x67, 0x8A, 0x0B])
    far.state.segments[3].limit = .max
    far[R.bx] = 0x1_0000
    let second = far.outcome()
    #expect(second == .GP())
    #expect(far.saved(0, second) == 2)
  }
}
