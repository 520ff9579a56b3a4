import ApusCPU
import Testing

/// Far `JMP` and `CALL` without gates: SDM Vol. 2, `JMP`, `CALL`; Vol. 3, "Direct Calls or Jumps to Code
/// Segments".
@Suite struct FarTransferTests {
  /// A transfer at a CPL to selector 40h or another; descriptor 40h has the rights, G/D/L flags and limit.
  struct Row: Sendable {
    let cpl: UInt8
    let selector: UInt16
    let rights: UInt8
    var flags: UInt8 = 0xC
    var limit: UInt32 = 0xF_FFFF
    let outcome: Outcome
    /// CS afterwards.
    var cs: UInt16 = 0

    init(_ cpl: UInt8, _ selector: UInt16, _ rights: UInt8, _ outcome: Outcome) {
      self.cpl = cpl
      self.selector = selector
      self.rights = rights
      self.outcome = outcome
    }

    init(_ cpl: UInt8, _ selector: UInt16, _ rights: UInt8, cs: UInt16, flags: UInt8 = 0xC) {
      self.init(cpl, selector, rights, .completed)
      self.cs = cs
      self.flags = flags
    }

    init(_ cpl: UInt8, _ selector: UInt16, _ rights: UInt8, _ outcome: Outcome, flags: UInt8, limit: UInt32) {
      self.init(cpl, selector, rights, outcome)
      self.flags = flags
      self.limit = limit
    }
  }

  /// Alike in protected mode and long mode but for L and D.
  static let common: [Row] = [
    Row(0, 0, Rights.code, .GP()), Row(0, 3, Rights.code, .GP()),
    Row(0, 0x100, Rights.code, .GP(0x100)), Row(0, 0x44, Rights.code, .GP(0x44)),
    // Non-conforming: RPL ≤ CPL = DPL.
    Row(0, 0x43, Rights.code, .GP(0x40)), Row(3, 0x43, Rights.code, .GP(0x40)),
    Row(0, 0x40, Rights.code | Rights.dpl(3), .GP(0x40)),
    Row(3, 0x43, Rights.code | Rights.dpl(2), .GP(0x40)),
    // Conforming: DPL ≤ CPL, whatever the RPL.
    Row(0, 0x40, Rights.conforming | Rights.dpl(3), .GP(0x40)),
    // Present is checked after privilege.
    Row(0, 0x40, Rights.code & 0x7F, .NP(0x40)),
    Row(3, 0x43, Rights.conforming & 0x7F, .NP(0x40)),
    Row(0, 0x40, (Rights.code | Rights.dpl(3)) & 0x7F, .GP(0x40)),
    // Type: data, LDT, interrupt gate, reserved.
    Row(0, 0x40, Rights.data, .GP(0x40)), Row(0, 0x40, 0x82, .GP(0x40)), Row(0, 0x40, 0x8E, .GP(0x40)),
    Row(0, 0x40, 0x80, .GP(0x40)), Row(0, 0x40, Rights.data & 0x7F, .GP(0x40)),
  ]

  static let protected: [Row] =
    common + [
      Row(0, 0x40, Rights.code, cs: 0x40), Row(0, 0x40, Rights.executeOnly, cs: 0x40),
      Row(3, 0x43, Rights.code | Rights.dpl(3), cs: 0x43),
      Row(3, 0x40, Rights.code | Rights.dpl(3), cs: 0x43),
      Row(3, 0x43, Rights.conforming, cs: 0x43), Row(3, 0x40, Rights.conforming, cs: 0x43),
      Row(0, 0x43, Rights.conforming, cs: 0x40), Row(3, 0x41, Rights.conforming | Rights.dpl(2), cs: 0x43),
      Row(0, 0x40, Rights.code, .GP(), flags: 4, limit: 0x1_0FFF),
      Row(3, 0x43, Rights.conforming, .GP(), flags: 4, limit: 0x1_0FFF),
      Row(0, 0x40, Rights.code & 0x7F, .NP(0x40), flags: 4, limit: 0),
    ]

  static let long: [Row] =
    common + [
      // 64-bit, compatibility, and both L and D, which is reserved.
      Row(0, 0x40, Rights.code, cs: 0x40, flags: 0xA), Row(0, 0x40, Rights.code, cs: 0x40, flags: 0xC),
      Row(3, 0x40, Rights.conforming, cs: 0x43, flags: 0xA),
      Row(3, 0x43, Rights.code | Rights.dpl(3), cs: 0x43, flags: 0xC),
      Row(0, 0x40, Rights.code, .GP(0x40), flags: 0xE, limit: 0xF_FFFF),
      // A limit counts for compatibility mode alone.
      Row(0, 0x40, Rights.code, .GP(), flags: 4, limit: 0x1_0FFF),
    ]

  /// The instructions of a mode, and whether they push a return address.
  static let forms: [([UInt8], Bool)] = [([0xFF, 0x2B], false), ([0xFF, 0x1B], true)]

  private func transfer(_ machine: GuestMachine, _ row: Row, _ code: [UInt8], isCall: Bool) {
    machine.define(0x40, Table.segment(row.rights, limit: row.limit, flags: row.flags))
    machine.setPointer(row.selector)
    let sp = machine[R.sp]
    let outcome = machine.outcome()
    #expect(outcome == row.outcome, "\(row) \(code)")
    guard outcome == .completed else {
      #expect(machine.isRestartable(outcome, sp: sp))
      #expect(machine.saved(1, outcome) & 3 == UInt64(row.cpl))
      #expect(machine.descriptor(0x40) & 1 << 40 == 0)
      return
    }
    #expect(machine.saved(0, outcome) == UInt64(GuestMachine.target + 2))
    #expect(machine.saved(1, outcome) == UInt64(row.cs))
    #expect(machine.descriptor(0x40) & 1 << 40 != 0)
    let after = machine.savedSP(outcome)
    guard isCall else { return #expect(after == sp) }
    #expect(after == sp - 8)
    #expect(machine.bench.value(Int(after), UInt32.self) == UInt32(GuestLayout.code + code.count))
    #expect(machine.bench.value(Int(after) + 4, UInt32.self) == (row.cpl == 0 ? 8 : 0x1B))
  }

  @Test(arguments: protected) func protectedMode(_ row: Row) {
    for (code, isCall) in Self.forms {
      transfer(GuestMachine(.protected, cpl: row.cpl, code: code), row, code, isCall: isCall)
    }
    for opcode in [0xEA, 0x9A] as [UInt8] {
      let code: [UInt8] = [
        opcode, 0x00, 0x10, 0x01, 0x00, UInt8(row.selector & 0xFF), UInt8(row.selector >> 8),
      ]
      transfer(GuestMachine(.protected, cpl: row.cpl, code: code), row, code, isCall: opcode == 0x9A)
    }
  }

  @Test(arguments: long) func longMode(_ row: Row) {
    for (code, isCall) in Self.forms {
      transfer(GuestMachine(.long, cpl: row.cpl, code: code), row, code, isCall: isCall)
    }
  }

  /// The direct forms do not exist in 64-bit mode.
  @Test(arguments: [0xEA, 0x9A] as [UInt8]) func directFormsInLongMode(_ opcode: UInt8) {
    #expect(GuestMachine(.long, code: [opcode, 0, 0, 0, 0, 8, 0]).outcome() == .UD)
  }

  /// A stack without room for the return address: #SS(0) and nothing pushed.
  @Test func callWithoutRoom() {
    let machine = GuestMachine(.protected, cpl: 3, code: [0xFF, 0x1B])
    machine.define(0x40, Table.segment(Rights.code | Rights.dpl(3)))
    machine.setPointer(0x43)
    machine.state.segments[2] = SegmentRegister(
      selector: 0x23, base: 0xB000, limit: 0xFFF, attributes: 0x40F3)
    machine[R.sp] = 4
    machine.bench.write(0xB000, [1, 2, 3, 4])
    let outcome = machine.outcome()
    #expect(outcome == .SS())
    #expect(machine.isRestartable(outcome, sp: 4))
  }

  /// A 16-bit operand size takes a 16-bit offset and pushes 16-bit words.
  @Test func operandSize16() {
    let machine = GuestMachine(.protected, code: [0x66, 0xFF, 0x1B])
    machine.define(0x40, Table.segment(Rights.code, base: 0x1_0000))
    machine.setPointer(0, 0x40_1000)
    let sp = machine[R.sp]
    let outcome = machine.outcome()
    #expect(outcome == .completed)
    #expect(machine.saved(0, outcome) == 0x1002)
    #expect(machine.savedSP(outcome) == sp - 4)
    #expect(machine.bench.value(Int(sp) - 4, UInt32.self) == 0x0008_0003)
  }

  /// Real-address and virtual-8086 mode: base = 16 × selector, no checks but the limit's.
  @Test(arguments: [0xEA, 0x9A] as [UInt8]) func realTransfers(_ opcode: UInt8) {
    let code: [UInt8] = [opcode, 0x08, 0x00, 0x00, 0x11]
    let real = RealMachine(code: code)
    real.bench.write(0x1_1008, [0xF4])
    #expect(real.outcome() == .completed)
    #expect(real.state.rip == 9)
    #expect(real.state.segments[1].base == 0x1_1000)
    #expect(real[R.sp] == RealMachine.stack - (opcode == 0x9A ? 4 : 0))
    if opcode == 0x9A { #expect(real.word(0) == UInt16(RealMachine.code + 5) && real.word(1) == 0) }
    let virtual = GuestMachine(.virtual8086, code: code)
    virtual.state.rflags |= 0x3000
    virtual[R.sp] = 0x8F00
    virtual.bench.write(0x1_1008, [0xCD, 0x80])
    let outcome = virtual.outcome()
    #expect(outcome == .completed)
    #expect(virtual.saved(0, outcome) == 10 && virtual.saved(1, outcome) == 0x1100)
    #expect(virtual.savedSP(outcome) == (opcode == 0x9A ? 0x8EFC : 0x8F00))
  }

  /// An offset beyond 64 KiB with a 32-bit operand size.
  @Test(arguments: [0xEA, 0x9A] as [UInt8]) func realOffsetBeyond64K(_ opcode: UInt8) {
    let machine = RealMachine(code: [0x66, opcode, 0, 0, 1, 0, 0x00, 0x11])
    #expect(machine.outcome() == .exception(13, nil))
    #expect(machine.word(0) == UInt16(RealMachine.code))
    #expect(machine[R.sp] == RealMachine.stack - 6)
  }
}
