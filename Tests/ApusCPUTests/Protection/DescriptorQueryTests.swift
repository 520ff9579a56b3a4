import ApusCPU
import Testing

/// SDM Vol. 2, `LAR`, `LSL`, `VERR/VERW`, `ARPL`, `LLDT`, `LTR`.
@Suite struct DescriptorQueryTests {
  /// Rights of descriptor 40h, its selector's RPL, CPL, and what `LAR`, `LSL`, `VERR` and `VERW` say in protected
  /// mode, and `LAR` in long mode.
  struct Row: Sendable {
    let rights: UInt8
    let rpl: UInt64
    let cpl: UInt8
    /// L, S, R, W for each instruction that sets ZF; l for `LAR` and s for `LSL` in long mode.
    let accepts: String

    init(_ rights: UInt8, _ rpl: UInt64, _ cpl: UInt8, _ accepts: String) {
      (self.rights, self.rpl, self.cpl, self.accepts) = (rights, rpl, cpl, accepts)
    }
  }

  static let rows: [Row] = [
    Row(Rights.data, 0, 0, "LSRWls"), Row(Rights.readOnly, 0, 0, "LSRls"),
    Row(Rights.expandDown, 0, 0, "LSRWls"),
    Row(Rights.code, 0, 0, "LSRls"), Row(Rights.executeOnly, 0, 0, "LSls"),
    Row(Rights.conforming, 3, 3, "LSRls"),
    Row(0x9C, 3, 3, "LSls"),
    // Privilege: RPL and CPL against DPL. Present does not count.
    Row(Rights.data, 3, 0, ""), Row(Rights.data, 0, 3, ""),
    Row(Rights.data | Rights.dpl(3), 3, 3, "LSRWls"),
    Row(Rights.code, 0, 3, ""), Row(Rights.data & 0x7F, 0, 0, "LSRWls"),
    // System types: TSS, LDT, gates, reserved.
    Row(0x81, 0, 0, "LS"), Row(0x82, 0, 0, "LSls"), Row(0x83, 0, 0, "LS"), Row(0x84, 0, 0, "L"),
    Row(0x85, 0, 0, "L"), Row(0x86, 0, 0, ""), Row(0x87, 0, 0, ""), Row(0x89, 0, 0, "LSls"),
    Row(0x8B, 0, 0, "LSls"), Row(0x8C, 0, 0, "Ll"), Row(0x8E, 0, 0, ""), Row(0x8F, 0, 0, ""),
    Row(0x80, 0, 0, ""), Row(0x88, 0, 0, ""), Row(0x8A, 0, 0, ""), Row(0x8D, 0, 0, ""),
    Row(0x89, 3, 0, ""), Row(0x8C, 0, 3, ""),
  ]

  @Test(arguments: rows) func queries(_ row: Row) {
    for mode in [GuestMachine.Mode.protected, .long] {
      for (name, code) in [
        ("L", [0x0F, 0x02, 0xC1]), ("S", [0x0F, 0x03, 0xC1]), ("R", [0x0F, 0x00, 0xE1]),
        ("W", [0x0F, 0x00, 0xE9]),
      ] as [(Character, [UInt8])] {
        for zf in [0, 0x40] as [UInt64] {
          let machine = GuestMachine(mode, cpl: row.cpl, code: code)
          let descriptor = Table.segment(row.rights, base: 0x1234_5678, limit: 0x5_4321, flags: 9)
          machine.define(0x40, descriptor, 0)
          machine.state.rflags |= zf | 0x895
          machine[R.cx] = 0x40 | row.rpl
          machine[R.ax] = 0x5555
          let outcome = machine.outcome()
          #expect(outcome == .completed)
          let isShort = mode == .long && "LS".contains(name)
          let key = isShort ? Character(name.lowercased()) : name
          let accepts = row.accepts.contains(key)
          let flags = row.cpl == 0 ? machine.state.rflags : machine.saved(2, outcome)
          #expect(flags & 0x8D5 == 0x895 | (accepts ? 0x40 : 0), "\(mode) \(name) \(row)")
          let lar = descriptor >> 32 & 0xFF_FF00
          let result = !accepts ? 0x5555 : name == "L" ? lar : name == "S" ? 0x5432_1FFF : 0x5555
          #expect(machine[R.ax] == result)
          // Nothing marks the descriptor accessed.
          #expect(machine.descriptor(0x40) == descriptor)
        }
      }
    }
  }

  /// A 16-bit operand size gives the low half.
  @Test(arguments: [(0x02, 0x9200), (0x03, 0x1FFF)] as [(UInt8, UInt64)])
  func operandSize16(_ opcode: UInt8, _ expected: UInt64) {
    let machine = GuestMachine(.protected, code: [0x66, 0x0F, opcode, 0xC1])
    machine.define(0x40, Table.segment(Rights.data, limit: 0x5_4321, flags: 9))
    machine[R.cx] = 0x40
    machine[R.ax] = 0xAAAA_5555
    #expect(machine.outcome() == .completed)
    #expect(machine[R.ax] == 0xAAAA_0000 | expected)
  }

  /// None of them exists without descriptors.
  @Test(
    arguments: [
      [0x0F, 0x02, 0xC1], [0x0F, 0x03, 0xC1], [0x0F, 0x00, 0xE1], [0x0F, 0x00, 0xE9], [0x63, 0xC1],
      [0x0F, 0x00, 0xD0],
      [0x0F, 0x00, 0xD8], [0x0F, 0x00, 0xC0], [0x0F, 0x00, 0xC8],
    ] as [[UInt8]])
  func withoutDescriptors(_ code: [UInt8]) {
    #expect(RealMachine(code: code).outcome() == .exception(6, nil))
    #expect(GuestMachine(.virtual8086, code: code).outcome() == .UD)
  }

  /// `ARPL` raises RPL to that of the source, never lowers it.
  @Test func adjustsRPL() {
    for destination in 0..<4 as Range<UInt64> {
      for source in 0..<4 as Range<UInt64> {
        for isMemory in [false, true] {
          // arpl ax, cx; arpl [ebx], cx
          let machine = GuestMachine(
            .protected, cpl: 3, code: isMemory ? [0x63, 0x0B] : [0x63, 0xC8])
          machine[R.ax] = 0xABCD_1230 | destination
          machine[R.cx] = 0x7770 | source
          machine[R.bx] = UInt64(GuestLayout.data)
          machine.bench.write(GuestLayout.data, values: [0xABCD_1230 | UInt32(destination)])
          machine.state.rflags |= destination & 1 == 0 ? 0x895 : 0x8D5
          let outcome = machine.outcome()
          let result =
            isMemory ? UInt64(machine.bench.value(GuestLayout.data, UInt32.self)) : machine[R.ax]
          #expect(result == 0xABCD_1230 | max(source, destination))
          #expect(machine.saved(2, outcome) & 0x8D5 == 0x895 | (destination < source ? 0x40 : 0))
        }
      }
    }
  }

  /// `LLDT` and `LTR`: privilege, table, type, present, in this order.
  @Test(
    arguments: [
      (0xD0, 0, 0x40, 0x82, Outcome.completed), (0xD0, 0, 0, 0x82, .completed),
      (0xD0, 0, 3, 0x82, .completed),
      (0xD0, 0, 0x44, 0x82, .GP(0x44)), (0xD0, 0, 0x100, 0x82, .GP(0x100)),
      (0xD0, 0, 0x40, 0x89, .GP(0x40)),
      (0xD0, 0, 0x40, 0x92, .GP(0x40)), (0xD0, 0, 0x40, 0x02, .NP(0x40)),
      (0xD0, 0, 0x40, 0x09, .GP(0x40)),
      (0xD0, 3, 0x40, 0x82, .GP()), (0xD8, 3, 0x40, 0x89, .GP()), (0xD8, 0, 0x40, 0x89, .completed),
      (0xD8, 0, 0x43, 0x89, .completed), (0xD8, 0, 0, 0x89, .GP()),
      (0xD8, 0, 0x44, 0x89, .GP(0x44)),
      (0xD8, 0, 0x100, 0x89, .GP(0x100)), (0xD8, 0, 0x40, 0x8B, .GP(0x40)),
      (0xD8, 0, 0x40, 0x82, .GP(0x40)),
      (0xD8, 0, 0x40, 0x09, .NP(0x40)), (0xD8, 0, 0x40, 0x0B, .GP(0x40)),
    ] as [(UInt8, UInt8, UInt64, UInt8, Outcome)])
  func systemSegments(
    _ modRM: UInt8, _ cpl: UInt8, _ selector: UInt64, _ rights: UInt8, _ expected: Outcome
  ) {
    for mode in [GuestMachine.Mode.protected, .long] {
      let machine = GuestMachine(mode, cpl: cpl, code: [0x0F, 0x00, modRM])
      machine.define(0x40, Table.segment(rights, base: 0x2_4000, limit: 0x67, flags: 0), 0)
      machine[R.ax] = selector
      let before = machine.state
      let outcome = machine.outcome()
      #expect(outcome == expected, "\(mode)")
      let isTask = modRM == 0xD8
      let register = isTask ? machine.state.tr : machine.state.ldtr
      guard outcome == .completed else {
        #expect(register == (isTask ? before.tr : before.ldtr))
        #expect(machine.descriptor(0x40) >> 40 & 0xFF == UInt64(rights))
        continue
      }
      #expect(register.selector == UInt16(selector))
      if selector & 0xFFFC != 0 {
        #expect(register.base == 0x2_4000 && register.limit == 0x67)
        #expect(machine.descriptor(0x40) >> 40 & 0xFF == UInt64(isTask ? 0x8B : rights))
      } else {
        #expect(register.isNull)
      }
    }
  }

  /// In long mode the upper half counts: its type must be zero, its base canonical, and both in the table; a
  /// 16-bit TSS does not exist.
  @Test(
    arguments: [
      (0x8900, 0x100 << 32, 0xFF, Outcome.GP(0x40)), (0x8900, 0x8000, 0xFF, .GP(0x40)),
      (0x8900, 0, 0x4E, .GP(0x40)),
      (0x8900, 0xFFFF_8000, 0x4F, .completed), (0x8100, 0, 0xFF, .GP(0x40)),
    ] as [(UInt64, UInt64, UInt16, Outcome)])
  func longSystemSegments(_ rights: UInt64, _ high: UInt64, _ limit: UInt16, _ expected: Outcome) {
    let machine = GuestMachine(.long, code: [0x0F, 0x00, 0xD8])
    machine.define(0x40, rights << 32 | 0x67, high)
    machine.state.gdtrLimit = limit
    machine[R.ax] = 0x40
    #expect(machine.outcome() == expected)
    if expected == .completed { #expect(machine.state.tr.base == 0xFFFF_8000_0000_0000) }
  }
}
