import ApusCPU
import Testing

/// Expectations from SDM Vol. 2, `MOV`, `POP`, `LDS/LES/LFS/LGS/LSS`, and Vol. 3, "Protection", "Privilege
/// Level Checking When Accessing Data Segments".
@Suite struct SegmentLoadTests {
  /// The instructions that load DS or SS, from AX, the stack or memory.
  enum Form: CaseIterable, Sendable {
    case move, pop, pointer

    func bytes(_ isStack: Bool) -> [UInt8] {
      switch self {
      case .move: return isStack ? [0x8E, 0xD0] : [0x8E, 0xD8]
      case .pop: return isStack ? [0x17] : [0x1F]
      case .pointer: return isStack ? [0x0F, 0xB2, 0x0B] : [0xC5, 0x0B]
      }
    }
  }

  /// A load of selector 28h or another at a CPL; descriptor 28h has the rights.
  struct Row: Sendable {
    let cpl: UInt8
    let selector: UInt16
    let rights: UInt8
    let outcome: Outcome
    init(_ cpl: UInt8, _ selector: UInt16, _ rights: UInt8, _ outcome: Outcome) {
      self.cpl = cpl
      self.selector = selector
      self.rights = rights
      self.outcome = outcome
    }
  }

  static let dataRows: [Row] = [
    Row(0, 0x28, Rights.data, .completed),
    Row(0, 0x28, Rights.readOnly, .completed),
    Row(0, 0x28, Rights.expandDown, .completed),
    Row(0, 0x28, Rights.code, .completed),
    Row(0, 0x28, Rights.conforming, .completed),
    Row(0, 0x28, Rights.data | Rights.dpl(3), .completed),
    Row(0, 0x2B, Rights.data | Rights.dpl(3), .completed),
    Row(3, 0x28, Rights.data | Rights.dpl(3), .completed),
    Row(3, 0x2B, Rights.conforming, .completed),
    // Type: execute-only code, a TSS, an LDT, a call gate.
    Row(0, 0x28, Rights.executeOnly, .GP(0x28)),
    Row(0, 0x28, 0x89, .GP(0x28)),
    Row(0, 0x28, 0x82, .GP(0x28)),
    Row(0, 0x28, 0x8C, .GP(0x28)),
    // Privilege: RPL, then CPL, above DPL; code is no exception unless it conforms.
    Row(0, 0x2B, Rights.data, .GP(0x28)),
    Row(0, 0x2A, Rights.data | Rights.dpl(1), .GP(0x28)),
    Row(3, 0x28, Rights.data, .GP(0x28)),
    Row(3, 0x2B, Rights.data | Rights.dpl(2), .GP(0x28)),
    Row(3, 0x2B, Rights.code, .GP(0x28)),
    // Present counts only after type and privilege.
    Row(0, 0x28, Rights.data & 0x7F, .NP(0x28)),
    Row(3, 0x2B, (Rights.data | Rights.dpl(3)) & 0x7F, .NP(0x28)),
    Row(0, 0x2B, Rights.data & 0x7F, .GP(0x28)),
    Row(0, 0x28, Rights.executeOnly & 0x7F, .GP(0x28)),
    // Outside the tables; no LDT is loaded.
    Row(0, 0x100, Rights.data, .GP(0x100)),
    Row(0, 0xFFFB, Rights.data, .GP(0xFFF8)),
    Row(0, 0x2C, Rights.data, .GP(0x2C)),
    // Null selectors, whatever their RPL.
    Row(0, 0, Rights.data, .completed),
    Row(0, 3, Rights.data, .completed),
    Row(3, 1, Rights.data, .completed),
  ]

  static let stackRows: [Row] = [
    Row(0, 0x28, Rights.data, .completed),
    Row(0, 0x28, Rights.expandDown, .completed),
    Row(3, 0x2B, Rights.data | Rights.dpl(3), .completed),
    Row(0, 0, Rights.data, .GP()),
    Row(3, 3, Rights.data, .GP()),
    Row(0, 0x2B, Rights.data | Rights.dpl(3), .GP(0x28)),
    Row(0, 0x29, Rights.data, .GP(0x28)),
    Row(0, 0x28, Rights.data | Rights.dpl(3), .GP(0x28)),
    Row(3, 0x2B, Rights.data, .GP(0x28)),
    Row(3, 0x28, Rights.data | Rights.dpl(3), .GP(0x28)),
    Row(0, 0x28, Rights.readOnly, .GP(0x28)),
    Row(0, 0x28, Rights.code, .GP(0x28)),
    Row(0, 0x28, 0x82, .GP(0x28)),
    Row(0, 0x28, Rights.data & 0x7F, .SS(0x28)),
    Row(0, 0x28, Rights.readOnly & 0x7F, .GP(0x28)),
    Row(0, 0x100, Rights.data, .GP(0x100)),
    Row(0, 0x2C, Rights.data, .GP(0x2C)),
  ]

  private func load(_ form: Form, _ row: Row, isStack: Bool) {
    let machine = GuestMachine(.protected, cpl: row.cpl, code: form.bytes(isStack))
    machine.define(0x28, Table.segment(row.rights, limit: 0xF_FFFF))
    machine[R.ax] = UInt64(row.selector)
    machine[R.cx] = 0xAAAA
    machine.setPointer(row.selector, 0x5555)
    machine[R.sp] -= 16
    let sp = machine[R.sp]
    machine.bench.write(Int(sp), values: [UInt32(row.selector)])
    let before = machine.state.segments
    let descriptor = machine.descriptor(0x28)
    let outcome = machine.outcome()
    #expect(outcome == row.outcome, "\(form) \(row)")
    let index = isStack ? 2 : 3
    guard outcome == .completed else {
      #expect(machine.isRestartable(outcome, sp: sp))
      #expect(machine[R.cx] == 0xAAAA)
      #expect(machine.descriptor(0x28) == descriptor)
      if !isStack { #expect(machine.state.segments[index] == before[index]) }
      return
    }
    #expect(form != .pointer || machine[R.cx] == 0x5555)
    if !isStack { #expect(machine.state.segments[index].selector == row.selector) }
    #expect(machine.descriptor(0x28) & 1 << 40 != 0 || row.selector < 4)
  }

  @Test(arguments: Form.allCases, dataRows) func dataSegment(_ form: Form, _ row: Row) {
    load(form, row, isStack: false)
  }

  @Test(arguments: Form.allCases, stackRows) func stackSegment(_ form: Form, _ row: Row) {
    load(form, row, isStack: true)
  }

  /// Every data segment register has its own encoding in `MOV`, `POP` and the pointer loads.
  @Test(
    arguments: [
      (0, [0x8E, 0xC0], [0x07], [0xC4, 0x0B]), (3, [0x8E, 0xD8], [0x1F], [0xC5, 0x0B]),
      (4, [0x8E, 0xE0], [0x0F, 0xA1], [0x0F, 0xB4, 0x0B]),
      (5, [0x8E, 0xE8], [0x0F, 0xA9], [0x0F, 0xB5, 0x0B]),
    ] as [(Int, [UInt8], [UInt8], [UInt8])])
  func encodings(_ index: Int, _ move: [UInt8], _ pop: [UInt8], _ pointer: [UInt8]) {
    for code in [move, pop, pointer] {
      let machine = GuestMachine(.protected, code: code)
      machine.define(0x28, Table.segment(Rights.data, base: 0x0345_6789, limit: 0x12345, flags: 4))
      machine[R.ax] = 0x28
      machine.setPointer(0x28)
      machine.push(0x28)
      #expect(machine.outcome() == .completed)
      let expected = SegmentRegister(selector: 0x28, base: 0x0345_6789, limit: 0x12345, attributes: 0x4093)
      #expect(machine.state.segments[index] == expected)
    }
  }

  /// The last byte of the descriptor must lie within the limit.
  @Test(arguments: [(0x2E, Outcome.GP(0x28)), (0x2F, .completed)] as [(UInt16, Outcome)])
  func tableLimit(_ limit: UInt16, _ expected: Outcome) {
    let machine = GuestMachine(.protected, code: [0x8E, 0xD8])
    machine.define(0x28, Table.segment(Rights.data))
    machine.state.gdtrLimit = limit
    machine[R.ax] = 0x28
    #expect(machine.outcome() == expected)
  }

  @Test(
    arguments: [
      (0x0C, 0x0F, Outcome.completed), (0x0F, 0x0F, .GP(0x0C)), (0x0C, 0x0E, .GP(0x0C)),
      (0x14, 0x0F, .GP(0x14)),
    ] as [(UInt16, UInt32, Outcome)])
  func localTable(_ selector: UInt16, _ limit: UInt32, _ expected: Outcome) {
    let machine = GuestMachine(.protected, code: [0x8E, 0xD8])
    machine.bench.write(0x7808, values: [Table.segment(Rights.data, base: 0x4_0000)])
    machine.state.ldtr = SegmentRegister(selector: 0x30, base: 0x7800, limit: limit, attributes: 0x82)
    machine[R.ax] = UInt64(selector)
    #expect(machine.outcome() == expected)
    #expect(machine.state.segments[3].base == (expected == .completed ? 0x4_0000 : 0))
    #expect((machine.bench[0x780D] & 1 != 0) == (expected == .completed))
  }

  /// A null segment faults when it is used, not when it is loaded; a code segment may be read through.
  @Test(
    arguments: [
      (0, 0, [0x8A, 0x0B], Outcome.GP()), (0, 0, [0x88, 0x0B], .GP()),
      (0x28, Rights.data, [0x88, 0x0B], .completed), (0x28, Rights.readOnly, [0x8A, 0x0B], .completed),
      (0x28, Rights.readOnly, [0x88, 0x0B], .GP()), (0x28, Rights.code, [0x8A, 0x0B], .completed),
      (0x28, Rights.code, [0x88, 0x0B], .GP()), (0x28, Rights.conforming, [0x00, 0x0B], .GP()),
    ] as [(UInt64, UInt8, [UInt8], Outcome)])
  func use(_ selector: UInt64, _ rights: UInt8, _ access: [UInt8], _ expected: Outcome) {
    let machine = GuestMachine(.protected, code: [0x8E, 0xD8] + access)
    machine.define(0x28, Table.segment(rights))
    machine[R.ax] = selector
    machine[R.bx] = UInt64(GuestLayout.data)
    let outcome = machine.outcome()
    #expect(outcome == expected)
    if outcome != .completed { #expect(machine.saved(0, outcome) == UInt64(GuestLayout.code + 2)) }
  }

  /// An execute-only code segment cannot be read even through CS.
  @Test func executeOnlyCode() {
    let machine = GuestMachine(.protected, code: [0x2E, 0x8A, 0x0B])
    machine.state.segments[1].attributes = 0xC099
    #expect(machine.outcome() == .GP())
  }

  // MARK: 64-bit mode

  /// SS may be null below CPL 3 if its RPL is CPL (SDM Vol. 2, `MOV`, "64-Bit Mode Exceptions").
  @Test(
    arguments: [
      (0, 0, Outcome.completed), (0, 1, .GP()), (0, 3, .GP()), (3, 3, .GP()), (3, 0, .GP()),
      (0, 0x10, .completed),
      (3, 0x23, .completed), (3, 0x10, .GP(0x10)),
    ] as [(UInt8, UInt64, Outcome)])
  func longStackSegment(_ cpl: UInt8, _ selector: UInt64, _ expected: Outcome) {
    let machine = GuestMachine(.long, cpl: cpl, code: [0x8E, 0xD0])
    machine[R.ax] = selector
    #expect(machine.outcome() == expected)
  }

  /// In 64-bit mode data segments are checked when they are loaded but neither null selectors nor limits count
  /// when they are used; only FS and GS have bases.
  @Test(
    arguments: [
      (0, 0, Outcome.completed), (0x28, Rights.readOnly, .completed), (0x28, Rights.executeOnly, .GP(0x28)),
      (0x28, Rights.data & 0x7F, .NP(0x28)), (0x2B, Rights.data, .GP(0x28)),
    ] as [(UInt64, UInt8, Outcome)])
  func longDataSegments(_ selector: UInt64, _ rights: UInt8, _ expected: Outcome) {
    // mov ds, eax; mov [rbx], ecx
    let machine = GuestMachine(.long, code: [0x8E, 0xD8, 0x89, 0x0B])
    machine.define(0x28, Table.segment(rights, base: 0x5_0000, limit: 0, flags: 4))
    machine[R.ax] = selector
    machine[R.bx] = UInt64(GuestLayout.data)
    machine[R.cx] = 0x1234_5678
    #expect(machine.outcome() == expected)
    #expect(machine.bench.value(GuestLayout.data, UInt32.self) == (expected == .completed ? 0x1234_5678 : 0))
  }

  @Test(arguments: [(0x8E, 0xE0, 0x64), (0x8E, 0xE8, 0x65)] as [(UInt8, UInt8, UInt8)])
  func longBases(_ opcode: UInt8, _ modRM: UInt8, _ prefix: UInt8) {
    // mov fs, eax; mov fs:[rbx], ecx; mov fs, edx; mov fs:[rbx], ecx
    let machine = GuestMachine(
      .long, code: [opcode, modRM, prefix, 0x89, 0x0B, opcode, modRM | 2, prefix, 0x89, 0x0B])
    machine.define(0x28, Table.segment(Rights.data, base: 0x5_0000, limit: 0, flags: 4))
    machine[R.ax] = 0x28
    machine[R.bx] = 0x1_2340
    machine[R.cx] = 0x77
    #expect(machine.outcome() == .completed)
    #expect(machine.bench[0x6_2340] == 0x77)
    // A null selector clears the base: CPUID 8000_0021H:EAX.NullSelectClearsBase.
    #expect(machine.bench[0x1_2340] == 0x77)
  }

  /// `MOV` to CS and to the segment registers 6 and 7 does not exist.
  @Test(arguments: [0xC8, 0xF0, 0xF8] as [UInt8]) func undefinedRegisters(_ modRM: UInt8) {
    for mode in [GuestMachine.Mode.protected, .long] {
      #expect(GuestMachine(mode, code: [0x8E, modRM]).outcome() == .UD)
    }
  }
}
