import ApusCPU
import Testing

/// Flags, modes and NMIs at `IRET`: SDM Vol. 2, `IRET`; AMD APM Vol. 3, `IRET`.
@Suite struct InterruptReturnTests {
  /// Everything but TF, which would trap, NT and VM.
  static let image: UInt64 = 0x3F_3ED5 & ~Flag.VM
  static let always: UInt64 = 0xCD5
  static let wideAlways = always | Flag.RF | Flag.AC | Flag.ID

  /// What changes depends on the privilege before the return and the operand size.
  @Test(
    arguments: [
      (0, 0, false, wideAlways | 0x3200 | Flag.VIF | Flag.VIP), (0, 0, true, always | 0x3200),
      (3, 0, false, wideAlways), (3, 0, true, always), (3, 3, false, wideAlways | Flag.IF),
      (3, 3, true, always | Flag.IF), (3, 2, false, wideAlways),
    ] as [(UInt8, UInt64, Bool, UInt64)])
  func protectedFlags(_ cpl: UInt8, _ iopl: UInt64, _ is16: Bool, _ mask: UInt64) {
    for old in [0, Self.image & ~Flag.RF & ~0x3000] as [UInt64] {
      let machine = GuestMachine(.protected, cpl: cpl, code: is16 ? [0x66, 0xCF] : [0xCF])
      machine.state.rflags = old | iopl << 12 | 2
      let new = ~old & Self.image
      // A low place, because the 16-bit form has a 16-bit IP.
      machine.bench.write(0x9000, [0xCD, 0x80])
      let cs: UInt64 = cpl == 0 ? 8 : 0x1B
      if is16 {
        machine[R.sp] -= 6
        machine.bench.write(Int(machine[R.sp]), values: [0x9000, UInt16(cs), UInt16(new & 0xFFFF)])
      } else {
        machine.push(new, cs, 0x9000)
      }
      let outcome = machine.outcome()
      #expect(outcome == .completed)
      // INT 80h has cleared RF by the time it pushes.
      let expected = ((old | iopl << 12) & ~mask | new & mask) & ~Flag.RF | 2
      #expect(machine.saved(2, outcome) == expected)
    }
  }

  /// Real-address mode: VM, VIF and VIP stay (`IRETD`); the upper half stays (`IRET`).
  @Test(arguments: [false, true]) func realFlags(_ is32: Bool) {
    for old in [0, Flag.VIF | Flag.VIP | Flag.AC | Flag.ID | 0x3000] as [UInt64] {
      let machine = RealMachine(code: is32 ? [0x66, 0xCF] : [0xCF])
      machine.state.rflags = old | 2
      let new = ~old & (Self.image | Flag.NT) & ~Flag.RF
      machine.bench.write(0x9000, [0xF4])
      let size = is32 ? 4 : 2
      machine[R.sp] -= UInt64(size * 3)
      let sp = Int(machine[R.sp])
      if is32 {
        machine.bench.write(sp, values: [0x1000, 0xABCD_0800, UInt32(new)])
      } else {
        machine.bench.write(sp, values: [0x1000, 0x0800, UInt16(new & 0xFFFF)])
      }
      #expect(machine.outcome() == .completed)
      #expect(machine.state.segments[1].selector == 0x800 && machine.state.rip == 0x1001)
      #expect(machine[R.sp] == RealMachine.stack)
      let mask: UInt64 = is32 ? 0x25_7FD5 : 0x7FD5
      #expect(machine.state.rflags == old & ~mask | new & mask | 2)
    }
  }

  /// Within virtual-8086 mode at IOPL 3: IOPL, VM, VIF and VIP stay.
  @Test(arguments: [false, true]) func virtualFlags(_ is32: Bool) {
    let machine = GuestMachine(.virtual8086, code: is32 ? [0x66, 0xCF] : [0xCF])
    machine.state.rflags |= 0x3000
    machine[R.sp] = 0x8F00
    let image: UInt64 = 0x3F_0ED5 & ~Flag.RF & ~Flag.VM
    if is32 {
      machine.bench.write(0x8F00, values: [0x10, 0x1100, UInt32(image)])
    } else {
      machine.bench.write(0x8F00, values: [0x10, 0x1100, UInt16(image & 0xFFFF)])
    }
    machine.bench.write(0x1_1010, [0xCD, 0x80])
    let outcome = machine.outcome()
    #expect(outcome == .completed)
    #expect(machine.saved(0, outcome) == 0x12 && machine.saved(1, outcome) == 0x1100)
    let mask: UInt64 = is32 ? 0xED5 | Flag.AC | Flag.ID : 0xED5
    #expect(machine.saved(2, outcome) == image & mask | 0x3002 | Flag.VM)
    #expect(machine.savedSP(outcome) == (is32 ? 0x8F0C : 0x8F06))
  }

  /// Below IOPL 3 only the 16-bit form under CR4.VME returns: IF goes to VIF; TF, and IF while VIP is set,
  /// fault.
  @Test(
    arguments: [
      (false, true, 0, 0x202, Outcome.GP()), (true, true, 0, 0x202, .completed),
      (true, true, 0, 2, .completed),
      (true, true, Flag.VIF, 0x3002, .completed), (true, true, Flag.VIP, 2, .completed),
      (true, true, Flag.VIP, 0x202, .GP()), (true, true, 0, 0x102, .GP()), (true, false, 0, 0x202, .GP()),
      (true, true, Flag.VIP | Flag.VIF, 0x0CD7, .completed),
    ] as [(Bool, Bool, UInt64, UInt64, Outcome)])
  func virtualInterruptFlag(
    _ hasVME: Bool, _ is16: Bool, _ old: UInt64, _ image: UInt64, _ expected: Outcome
  ) {
    let machine = GuestMachine(.virtual8086, code: is16 ? [0xCF] : [0x66, 0xCF])
    machine.state.cr4 |= hasVME ? 1 : 0
    machine.state.rflags |= old | 0x1000
    machine[R.sp] = 0x8F00
    if is16 {
      machine.bench.write(0x8F00, values: [0x10, 0x1100, UInt16(image)])
    } else {
      machine.bench.write(0x8F00, values: [0x10, 0x1100, UInt32(image)])
    }
    // HLT ends the program with #GP(0) of its own.
    machine.bench.write(0x1_1010, [0xF4])
    let outcome = machine.outcome()
    #expect(outcome == .GP())
    if expected == .completed {
      #expect(machine.saved(0, outcome) == 0x10 && machine.saved(1, outcome) == 0x1100)
      #expect(machine.savedSP(outcome) == 0x8F06)
      let vif = image & Flag.IF != 0 ? Flag.VIF : 0
      let flags = image & 0xCD5 | 2 | Flag.VM | 0x1000 | old & Flag.VIP | vif | Flag.RF
      #expect(machine.saved(2, outcome) == flags)
    } else {
      #expect(machine.isRestartable(outcome, rip: 0, sp: 0x8F00))
      #expect(machine.saved(2, outcome) & (Flag.VIF | Flag.VIP) == old)
    }
  }

  /// A word of the frame that crosses the end of the segment, and IP beyond its limit.
  @Test func virtualLimits() {
    let short = GuestMachine(.virtual8086, code: [0xCF])
    short.state.cr4 |= 1
    short[R.sp] = 0xFFFD
    let outcome = short.outcome()
    #expect(outcome == .SS())
    #expect(short.isRestartable(outcome, rip: 0, sp: 0xFFFD))
    let far = GuestMachine(.virtual8086, code: [0x66, 0xCF])
    far.state.rflags |= 0x3000
    far[R.sp] = 0x8F00
    far.bench.write(0x8F00, values: [0x1_0000, 0x1100, 2] as [UInt32])
    let second = far.outcome()
    #expect(second == .GP())
    #expect(far.isRestartable(second, rip: 0, sp: 0x8F00))
  }

  /// From ring 0 to virtual-8086 mode with all segments and flags, and back by an interrupt.
  @Test func toVirtual8086() {
    let machine = GuestMachine(.protected, code: [0xCF])
    machine.push(0x5555, 0x4444, 0x3333, 0x2222, 0x1000, 0x8F00)
    machine.push(0x3002 | Flag.VM | Flag.VIF | Flag.IF, 0xABCD_1100, 0x10)
    machine.bench.write(0x1_1010, [0xCD, 0x80])
    let outcome = machine.outcome()
    #expect(outcome == .completed)
    // EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS.
    let frame = (0..<9).map { machine.saved($0, outcome) }
    let flags = 0x3002 | Flag.VM | Flag.VIF | Flag.IF
    #expect(frame == [0x12, 0x1100, flags, 0x8F00, 0x1000, 0x2222, 0x3333, 0x4444, 0x5555])
    // The interrupt leaves the data segments null.
    for index in [0, 3, 4, 5] {
      #expect(machine.state.segments[index].selector == 0 && machine.state.segments[index].isNull)
    }
    #expect(machine.state.rflags & Flag.VM == 0)
  }

  /// VM in the image counts at CPL 0 with a 32-bit operand size only.
  @Test func otherRingsIgnoreVM() {
    let machine = GuestMachine(.protected, cpl: 3, code: [0xCF])
    machine.push(Flag.VM | 2, 0x1B, UInt64(GuestMachine.target))
    let outcome = machine.outcome()
    #expect(outcome == .completed)
    #expect(machine.saved(2, outcome) & Flag.VM == 0 && machine.saved(1, outcome) == 0x1B)
  }

  @Test func nestedTaskInLongMode() {
    let machine = GuestMachine(.long, code: [0x48, 0xCF])
    machine.state.rflags |= Flag.NT
    machine.push(0x10, 0xA000, 2, 8, UInt64(GuestMachine.target))
    #expect(machine.outcome() == .GP())
  }

  // MARK: NMI

  /// NMIs are blocked until `IRET`, even one that faults; one that came meanwhile is taken then.
  @Test(arguments: [true, false]) func unblocksNMI(_ faults: Bool) {
    let machine = GuestMachine(.protected, code: [0x90, 0x90])
    let processor = machine.bench.processor
    // The handler counts, and leaves with a good or a bad frame: inc ebx; [mov [esp+4], 0]; iret.
    let bad: [UInt8] = faults ? [0xC7, 0x44, 0x24, 0x04, 0, 0, 0, 0] : []
    machine.bench.write(0x1_2000, [0x43] + [UInt8](repeating: 0x90, count: 200) + bad + [0xCF])
    machine.setGate(2, Table.gate(0x8E, 8, 0x1_2000))
    processor.state = machine.state
    processor.raiseNMI()
    #expect(processor.run(until: processor.now + 5) == .deadline)
    #expect(processor.state.registers[R.bx] == 1)
    // Latched while blocked, whatever else happens in the handler.
    processor.raiseNMI()
    #expect(processor.run(until: processor.now + 100) == .deadline)
    #expect(processor.state.registers[R.bx] == 1)
    #expect(machine.bench.runToHalt(2000))
    #expect(processor.state.registers[R.bx] == 2)
  }
}
