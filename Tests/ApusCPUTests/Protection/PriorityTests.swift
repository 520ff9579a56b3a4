import ApusCPU
import Testing

/// SDM Vol. 3, "Prioritization of Concurrent Events"; Vol. 2, "Exceptions" of the instructions; AMD APM Vol. 2,
/// "Priorities".
@Suite struct PriorityTests {
  /// LOCK is for a memory destination of a few instructions; anything else is #UD before privilege, memory and
  /// operands are looked at.
  @Test(
    arguments: [
      [0xF0, 0x01, 0xC0], [0xF0, 0x03, 0x03], [0xF0, 0x39, 0x03], [0xF0, 0x84, 0x03],
      [0xF0, 0x89, 0x03],
      [0xF0, 0xF4], [0xF0, 0xFA], [0xF0, 0xCD, 0x40], [0xF0, 0xC3], [0xF0, 0xFF, 0x33],
      [0xF0, 0x0F, 0xA3, 0x03],
      [0xF0, 0x0F, 0xBA, 0x23, 1], [0xF0, 0x0F, 0xB1, 0xC1], [0xF0, 0x0F, 0xC7, 0xF0],
      [0xF0, 0xD0, 0x23],
      [0xF0, 0xA4], [0xF0, 0x0F, 0x0B],
    ] as [[UInt8]])
  func lockIsUndefined(_ code: [UInt8]) {
    let machine = GuestMachine(.long, cpl: 3, code: code)
    machine[R.bx] = 0x0000_9000_0000_0000
    #expect(machine.outcome() == .UD)
  }

  @Test(
    arguments: [
      [0xF0, 0x01, 0x03], [0xF0, 0x83, 0x0B, 1], [0xF0, 0xFE, 0x03], [0xF0, 0xF7, 0x13],
      [0xF0, 0x86, 0x03],
      [0xF0, 0x0F, 0xAB, 0x03], [0xF0, 0x0F, 0xBA, 0x2B, 1], [0xF0, 0x0F, 0xB1, 0x0B],
      [0xF0, 0x0F, 0xC1, 0x03],
      [0xF0, 0x0F, 0xC7, 0x0B],
    ] as [[UInt8]])
  func lockIsAllowed(_ code: [UInt8]) {
    let machine = GuestMachine(.long, code: code)
    machine[R.bx] = UInt64(GuestLayout.data)
    #expect(machine.outcome() == .completed)
  }

  /// What is undefined is so at every privilege: control registers that do not exist, DR4 under CR4.DE.
  @Test(
    arguments: [
      [0x0F, 0x22, 0xC8], [0x0F, 0x20, 0xE9], [0x0F, 0x21, 0xE0], [0x0F, 0x23, 0xE8],
      [0x0F, 0x01, 0xD0], [0x0F, 0x0B],
    ] as [[UInt8]])
  func undefinedBeforePrivilege(_ code: [UInt8]) {
    let machine = GuestMachine(.long, cpl: 3, code: code)
    machine.state.cr4 |= 8
    #expect(machine.outcome() == .UD)
  }

  /// #NM comes before the memory operand's fault.
  @Test(arguments: [[0xD9, 0x2B], [0x0F, 0x28, 0x03], [0x0F, 0x6F, 0x03]] as [[UInt8]])
  func unavailableBeforeMemory(_ code: [UInt8]) {
    for (address, expected) in [
      (0x2F_F000, Outcome.PF(0)), (0x0000_9000_0000_0000, .GP()),
    ] as [(UInt64, Outcome)] {
      for isSwitched in [true, false] {
        let machine = GuestMachine(.long, code: code)
        machine.state.cr4 |= 0x600
        if isSwitched { machine.state.cr0 |= 8 }
        machine[R.bx] = address
        #expect(machine.outcome() == (isSwitched ? .exception(7, nil) : expected))
      }
    }
  }

  // MARK: Length

  /// An instruction has at most 15 bytes, valid or not.
  @Test(
    arguments: [
      (14, [0x90], Outcome.completed), (15, [0x90], .GP()), (13, [0x0F, 0x0B], .UD),
      (14, [0x0F, 0x0B], .GP()),
      (15, [0x0F, 0x0B], .GP()), (30, [0x90], .GP()), (10, [0x05, 0, 0], .completed),
      (12, [0x05, 0, 0], .completed),
      (13, [0x05, 0, 0], .GP()),
    ] as [(Int, [UInt8], Outcome)])
  func length(_ prefixes: Int, _ code: [UInt8], _ expected: Outcome) {
    for mode in [GuestMachine.Mode.protected, .long] {
      let machine = GuestMachine(mode, code: [UInt8](repeating: 0x66, count: prefixes) + code)
      let outcome = machine.outcome()
      #expect(outcome == expected)
      if outcome != .completed { #expect(machine.saved(0, outcome) == UInt64(GuestLayout.code)) }
    }
  }

  /// The sixteenth byte is never fetched; the fifteenth is.
  @Test(arguments: [(15, Outcome.GP()), (14, .PF(0))] as [(Int, Outcome)])
  func lengthAtPageEnd(_ count: Int, _ expected: Outcome) {
    let machine = GuestMachine(.long, code: [])
    let start = 0x1_3000 - count
    machine.bench.write(start, [UInt8](repeating: 0x66, count: count))
    machine.map(0x1_3000, to: nil)
    machine.state.rip = UInt64(start)
    let outcome = machine.outcome()
    #expect(outcome == expected)
    #expect(machine.saved(0, outcome) == UInt64(start))
    if expected == .PF(0) { #expect(machine.state.cr2 == 0x1_3000) }
  }

  // MARK: Fetch

  /// A page fault on the fetch names the first byte that is not there, at any privilege.
  @Test(arguments: [0, 3] as [UInt8])
  func fetchFaults(_ cpl: UInt8) {
    for (start, cr2) in [(0x1_3000, 0x1_3000), (0x1_2FFF, 0x1_3000), (0x1_2FFD, 0x1_3000)] {
      let machine = GuestMachine(.long, cpl: cpl, code: [])
      machine.bench.write(start, [0xB8, 1, 2, 3, 4])
      machine.map(0x1_3000, to: nil)
      machine.state.rip = UInt64(start)
      let outcome = machine.outcome()
      #expect(outcome == .PF(cpl == 0 ? 0 : 4))
      #expect(machine.state.cr2 == UInt64(cr2))
      #expect(machine.saved(0, outcome) == UInt64(start))
      #expect(machine[R.ax] == 0)
    }
  }

  /// An instruction breakpoint comes before anything about the instruction: its fetch, its length, its opcode.
  @Test(arguments: [true, false]) func breakpointFirst(_ isArmed: Bool) {
    for (code, isMapped, otherwise) in [
      ([0x0F, 0x0B], true, Outcome.UD), ([0x90], false, .PF(0)),
      ([UInt8](repeating: 0x66, count: 16), true, .GP()),
    ] as [([UInt8], Bool, Outcome)] {
      let machine = GuestMachine(.long, code: [])
      machine.bench.write(0x1_3000, code)
      if !isMapped { machine.map(0x1_3000, to: nil) }
      machine.state.rip = 0x1_3000
      machine.state.breakpoints[2] = 0x1_3000
      machine.state.dr7 = isArmed ? 0x410 : 0x400
      let outcome = machine.outcome()
      #expect(outcome == (isArmed ? .DB : otherwise))
      #expect(machine.saved(0, outcome) == 0x1_3000)
      #expect(machine.saved(2, outcome) & Flag.RF == (isArmed ? 0 : Flag.RF))
      if isArmed { #expect(machine.state.dr6 == 0xFFFF_0FF4) }
    }
  }

  // MARK: Between instructions

  /// Of what waits at a boundary, traps come first, then NMI, then INTR, each at the start of the other's
  /// handler, then an instruction breakpoint.
  @Test func pendingEvents() {
    let machine = GuestMachine(.protected, code: [0x90, 0x90, 0x90])
    let processor = machine.bench.processor
    // Handlers that nest: INTR's ends the run, and interrupts are open in NMI's and #DB's, which are trap gates.
    for (vector, place) in [(1, 0x1_2000), (2, 0x1_2100)] {
      machine.bench.write(place, [0x90, 0xF4])
      machine.setGate(vector, Table.gate(0x8F, 8, place))
    }
    machine.state.rflags |= Flag.TF | Flag.IF
    machine.state.breakpoints[0] = UInt64(GuestLayout.code + 1)
    machine.state.dr7 = 0x401
    machine.bench.bus.interruptVector = 0x40
    processor.state = machine.state
    #expect(processor.run(until: processor.now + 1) == .deadline)
    processor.setInterruptLine(true)
    processor.raiseNMI()
    #expect(machine.bench.runToHalt())
    machine.state = processor.state
    let sp = Int(machine[R.sp])
    let frames = (0..<9).map { machine.bench.value(sp + $0 * 4, UInt32.self) }
    // INTR met the start of NMI's handler, NMI that of #DB's, and #DB the second instruction.
    #expect(
      frames[0] == 0x1_2100 && frames[3] == 0x1_2000 && frames[6] == UInt32(GuestLayout.code + 1))
    #expect(machine.state.dr6 & 0x4000 != 0)
  }

  /// A faulting instruction that also met a data breakpoint reports the fault alone.
  @Test func faultDropsDataBreakpoint() {
    // push dword [ebx], where the stack is not writable at this point.
    let machine = GuestMachine(.protected, cpl: 3, code: [0xFF, 0x33])
    machine[R.bx] = UInt64(GuestLayout.data)
    machine.state.segments[2].limit = 0xFFF
    machine.state.breakpoints[0] = UInt64(GuestLayout.data)
    machine.state.dr7 = 0xF_0401
    #expect(machine.outcome() == .SS())
    #expect(machine.state.dr6 == 0xFFFF_0FF0)
  }
}
