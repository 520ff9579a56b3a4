import ApusCPU
import Testing

/// `RET far` and `IRET` in protected and long mode: SDM Vol. 2, `RET`, `IRET`.
@Suite struct FarReturnTests {
  /// A return at `cpl` to CS, a descriptor 40h of the given rights, and SS, a descriptor 48h.
  struct Row: Sendable {
    let cpl: UInt8
    let cs: UInt16
    let code: UInt8
    var ss: UInt16 = 0x4B
    var stack: UInt8 = Rights.data | Rights.dpl(3)
    let outcome: Outcome

    init(_ cpl: UInt8, _ cs: UInt16, _ code: UInt8, _ outcome: Outcome) {
      (self.cpl, self.cs, self.code, self.outcome) = (cpl, cs, code, outcome)
    }

    init(ss: UInt16, _ stack: UInt8, _ outcome: Outcome) {
      self.init(0, 0x43, Rights.code | Rights.dpl(3), outcome)
      self.ss = ss
      self.stack = stack
    }
  }

  static let done = Outcome.completed
  static let user = Rights.data | Rights.dpl(3)
  static let rows: [Row] = [
    Row(0, 0x40, Rights.code, done), Row(0, 0x43, Rights.code | Rights.dpl(3), done),
    Row(3, 0x43, Rights.code | Rights.dpl(3), done),
    // A conforming segment may be less privileged than its selector, so the return leaves CPL at RPL.
    Row(0, 0x43, Rights.conforming, done), Row(0, 0x43, Rights.conforming | Rights.dpl(3), done),
    Row(3, 0x43, Rights.conforming, done), Row(0, 0x40, Rights.conforming, done),
    Row(0, 0, Rights.code, .GP()), Row(0, 3, Rights.code, .GP()),
    Row(0, 0x100, Rights.code, .GP(0x100)), Row(0, 0x44, Rights.code, .GP(0x44)),
    Row(0, 0x40, Rights.data, .GP(0x40)), Row(0, 0x40, 0x8C, .GP(0x40)),
    Row(3, 0x40, Rights.code, .GP(0x40)), Row(3, 0x42, Rights.conforming, .GP(0x40)),
    Row(0, 0x43, Rights.code, .GP(0x40)), Row(0, 0x40, Rights.code | Rights.dpl(3), .GP(0x40)),
    Row(0, 0x40, Rights.conforming | Rights.dpl(3), .GP(0x40)),
    Row(0, 0x41, Rights.conforming | Rights.dpl(2), .GP(0x40)),
    Row(0, 0x40, Rights.code & 0x7F, .NP(0x40)), Row(0, 0x43, Rights.code & 0x7F, .GP(0x40)),
    Row(0, 0x43, Rights.conforming & 0x7F, .NP(0x40)),
    // The outer stack.
    Row(ss: 0, user, .GP()), Row(ss: 3, user, .GP()), Row(ss: 0x103, user, .GP(0x100)),
    Row(ss: 0x4F, user, .GP(0x4C)), Row(ss: 0x48, user, .GP(0x48)), Row(ss: 0x4B, Rights.data, .GP(0x48)),
    Row(ss: 0x4B, Rights.readOnly | Rights.dpl(3), .GP(0x48)),
    Row(ss: 0x4B, Rights.code | Rights.dpl(3), .GP(0x48)), Row(ss: 0x4B, user & 0x7F, .SS(0x48)),
    Row(ss: 0x4B, Rights.data & 0x7F, .GP(0x48)),
  ]

  private func check(_ mode: GuestMachine.Mode, _ row: Row, isInterrupt: Bool) {
    let wide: [UInt8] = mode == .long ? [0x48] : []
    let machine = GuestMachine(mode, cpl: row.cpl, code: wide + [isInterrupt ? 0xCF : 0xCB])
    machine.define(0x40, Table.segment(row.code, flags: mode == .long ? 0xA : 0xC))
    machine.define(0x48, Table.segment(row.stack))
    // In 64-bit mode IRET pops SS:RSP within a ring as well.
    let isOuter = row.cs & 3 > UInt16(row.cpl)
    let popsStack = isOuter || (isInterrupt && mode == .long)
    let sp = machine[R.sp] - 0x100
    machine[R.sp] = sp
    let inner: UInt16 = row.cpl == 0 ? 0x10 : 0x23
    if popsStack { machine.push(UInt64(isOuter ? row.ss : inner), isOuter ? 0xBE00 : sp) }
    if isInterrupt { machine.push(2) }
    machine.push(UInt64(row.cs), UInt64(GuestMachine.target))
    let start = machine[R.sp]
    let outcome = machine.outcome()
    #expect(outcome == row.outcome, "\(mode) \(row) iret \(isInterrupt)")
    guard outcome == .completed else {
      #expect(machine.isRestartable(outcome, sp: start))
      #expect(machine.saved(1, outcome) == (row.cpl == 0 ? 8 : 0x1B))
      return
    }
    #expect(machine.saved(0, outcome) == UInt64(GuestMachine.target + 2))
    #expect(machine.saved(1, outcome) == UInt64(row.cs))
    #expect(machine.savedSP(outcome) == (isOuter ? 0xBE00 : sp))
    if isOuter { #expect(machine.saved(4, outcome) == UInt64(row.ss)) }
  }

  @Test(arguments: rows) func protectedMode(_ row: Row) {
    check(.protected, row, isInterrupt: false)
    check(.protected, row, isInterrupt: true)
  }

  @Test(arguments: rows) func longMode(_ row: Row) {
    check(.long, row, isInterrupt: false)
    check(.long, row, isInterrupt: true)
  }

  /// The return address must lie within the segment's limit, or be canonical.
  @Test(arguments: [GuestMachine.Mode.protected, .long], [UInt16(0x40), 0x43])
  func badReturnAddress(_ mode: GuestMachine.Mode, _ cs: UInt16) {
    badReturnAddress(mode, cs, isInterrupt: false)
    badReturnAddress(mode, cs, isInterrupt: true)
  }

  private func badReturnAddress(_ mode: GuestMachine.Mode, _ cs: UInt16, isInterrupt: Bool) {
    let machine = GuestMachine(
      mode, code: (mode == .long ? [0x48] : []) + [isInterrupt ? 0xCF : 0xCB])
    let level = UInt8(cs & 3)
    machine.define(
      0x40,
      Table.segment(Rights.code | Rights.dpl(level), limit: 0x1_0FFF, flags: mode == .long ? 2 : 4))
    machine.define(0x48, Table.segment(Rights.data | Rights.dpl(level)))
    machine.push(0x48 | UInt64(level), 0xBE00)
    if isInterrupt { machine.push(2) }
    machine.push(UInt64(cs), mode == .long ? 0x8000_0000_0000 : 0x1_1000)
    let sp = machine[R.sp]
    let outcome = machine.outcome()
    #expect(outcome == .GP())
    #expect(machine.isRestartable(outcome, sp: sp))
  }

  /// A stack that ends within the frame: #SS(0).
  @Test(arguments: [false, true]) func frameBeyondStack(_ isInterrupt: Bool) {
    for size in 1..<(isInterrupt ? 12 : 8) {
      let machine = GuestMachine(.protected, cpl: 3, code: [isInterrupt ? 0xCF : 0xCB])
      machine.state.segments[2].limit = 0xBFFF
      machine[R.sp] = UInt64(0xC000 - size)
      let outcome = machine.outcome()
      #expect(outcome == .SS())
      #expect(machine.isRestartable(outcome, sp: UInt64(0xC000 - size)))
    }
  }

  /// Data segments more privileged than the outer ring become null unless they hold conforming code; selectors
  /// that are null already lose their RPL.
  @Test(arguments: [false, true]) func clearsDataSegments(_ isInterrupt: Bool) {
    for (descriptor, selector, expected) in [
      (Rights.data, 0x50, 0), (Rights.data | Rights.dpl(3), 0x50, 0x50),
      (Rights.data | Rights.dpl(3), 0x53, 0x53),
      (Rights.data | Rights.dpl(2), 0x50, 0), (Rights.code, 0x50, 0), (Rights.conforming, 0x50, 0x50),
      (Rights.data, 3, 0),
    ] as [(UInt8, UInt64, UInt16)] {
      // mov ds, es, fs, gs, eax; then the return.
      let machine = GuestMachine(
        .protected, code: [0x8E, 0xD8, 0x8E, 0xC0, 0x8E, 0xE0, 0x8E, 0xE8, isInterrupt ? 0xCF : 0xCB])
      machine.define(0x50, Table.segment(descriptor))
      machine[R.ax] = selector
      machine.push(0x23, 0xBE00)
      if isInterrupt { machine.push(2) }
      machine.push(0x1B, UInt64(GuestMachine.target))
      #expect(machine.outcome() == .completed)
      for index in [0, 3, 4, 5] { #expect(machine.state.segments[index].selector == expected) }
    }
  }

  /// A selector that is null already keeps the base that 64-bit mode gave FS and GS.
  @Test func outerReturnKeepsBases() {
    // iretq; then at CPL 3 mov al, fs:[rbx].
    let machine = GuestMachine(.long, code: [0x48, 0xCF])
    machine.state.segments[4] = SegmentRegister(
      selector: 3, base: 0x1000, limit: 0, attributes: 0, isNull: true)
    machine[R.bx] = UInt64(GuestLayout.data)
    machine.bench[GuestLayout.data + 0x1000] = 0x5A
    machine.bench.write(0x1_2000, [0x64, 0x8A, 0x03, 0xCD, 0x80])
    machine.push(0x23, 0xBE00, 2, 0x1B, 0x1_2000)
    #expect(machine.outcome() == .completed)
    #expect(machine[R.ax] == 0x5A)
    #expect(machine.state.segments[4].selector == 0)
  }

  /// To a compatibility-mode segment the upper halves of RIP and RSP are lost; SS may not be null.
  @Test(arguments: [(0x23, Outcome.completed), (3, .GP())] as [(UInt64, Outcome)])
  func toCompatibilityMode(_ ss: UInt64, _ expected: Outcome) {
    let machine = GuestMachine(.long, code: [0x48, 0xCF])
    machine.define(0x40, Table.segment(Rights.code | Rights.dpl(3)))
    machine.push(ss, 0x1_0000_BE00, 2, 0x43, UInt64(GuestMachine.target))
    let outcome = machine.outcome()
    #expect(outcome == expected)
    guard outcome == .completed else { return }
    #expect(machine.saved(1, outcome) == 0x43 && machine.saved(3, outcome) == 0xBE00)
  }

  /// A null SS may come back in 64-bit mode below CPL 3.
  @Test func nullStackSegment() {
    let machine = GuestMachine(.long, code: [0x48, 0xCF])
    machine.define(0x40, Table.segment(Rights.code | Rights.dpl(1), flags: 0xA))
    machine.push(1, 0xBE00, 2, 0x41, UInt64(GuestMachine.target))
    let outcome = machine.outcome()
    #expect(outcome == .completed)
    #expect(machine.saved(1, outcome) == 0x41 && machine.saved(4, outcome) == 1)
    let wrong = GuestMachine(.long, code: [0x48, 0xCF])
    wrong.define(0x40, Table.segment(Rights.code | Rights.dpl(1), flags: 0xA))
    wrong.push(2, 0xBE00, 2, 0x41, UInt64(GuestMachine.target))
    #expect(wrong.outcome() == .GP())
  }

  /// A 16-bit stack takes the low half of ESP alone.
  @Test func toStackOf16Bits() {
    let machine = GuestMachine(.protected, code: [0xCF])
    machine.define(0x48, Table.segment(Rights.data | Rights.dpl(3), limit: 0xFFFF, flags: 0))
    machine.push(0x4B, 0xBE00, 2, 0x1B, 0x1_2000)
    machine.bench.write(0x1_2000, [0x50, 0xCD, 0x80])
    let outcome = machine.outcome()
    #expect(outcome == .completed)
    #expect(machine.saved(3, outcome) & 0xFFFF == 0xBDFC)
  }
}
