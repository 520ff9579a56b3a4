import ApusCPU
import Testing

@Suite struct FlagControlTests {
  static let IF: UInt64 = 0x200
  static let VIF: UInt64 = 0x8_0000
  static let VIP: UInt64 = 0x10_0000
  static let everything: UInt64 = 0x3F_7FD5

  @Test func popfAtCPL0ChangesAllButVirtualFlags() {
    let machine = GuestMachine(.long, code: [0x9D])
    machine[R.sp] -= 8
    // Without TF, which would trap.
    machine.bench.write(Int(machine[R.sp]), values: [Self.everything & ~0x100 | 0xFFFF_FFFF_0000_0000])
    #expect(machine.run() == nil)
    // RF, VM, VIF and VIP stay clear (SDM Vol. 2, `POPF`).
    #expect(machine.state.rflags == Self.everything & ~0x100 & ~0x1B_0000 | 2)
  }

  @Test func popfAtCPL3KeepsIOPLAndIF() {
    for iopl in 0...3 as ClosedRange<UInt64> {
      let machine = GuestMachine(.long, cpl: 3, code: [0x9D])
      machine.state.rflags = 2 | iopl << 12
      machine[R.sp] -= 8
      machine.bench.write(Int(machine[R.sp]), values: [Self.IF | (3 - iopl) << 12 | 0xC5])
      #expect(machine.run() == 0x80)
      // What INT 80h pushed.
      #expect(machine.frame(2) == 0xC7 | iopl << 12 | (iopl == 3 ? Self.IF : 0))
    }
  }

  @Test func pushfHidesRFAndVM() {
    let machine = GuestMachine(.virtual8086, code: [0x66, 0x9C])
    machine.state.rflags |= 0x3000 | 0xD5
    machine[R.sp] = 0x8F00
    #expect(machine.run() == 0x80)
    #expect(machine.bench.value(0x8EFC, UInt32.self) == 0x30D7)
  }

  @Test func cliAndStiNeedIOPL() {
    for (opcode, start) in [(UInt8(0xFA), Self.IF), (0xFB, 0)] {
      for iopl in [0, 3] as [UInt64] {
        let machine = GuestMachine(.protected, cpl: 3, code: [opcode])
        machine.state.rflags = 2 | iopl << 12 | start
        #expect(machine.run() == (iopl == 3 ? 0x80 : 13))
        let expected = iopl == 3 ? start ^ Self.IF : start
        #expect(machine.frame(iopl == 3 ? 2 : 3) & Self.IF == expected)
      }
    }
  }

  /// SDM Vol. 3, "Protected-Mode Virtual Interrupts".
  @Test func protectedModeVirtualInterrupts() {
    for (opcode, start, vector, end) in [
      (UInt8(0xFA), Self.VIF, 0x80, UInt64(0)), (0xFB, 0, 0x80, Self.VIF), (0xFB, Self.VIP, 13, Self.VIP),
    ] {
      let machine = GuestMachine(.protected, cpl: 3, code: [opcode])
      machine.state.cr4 |= 2
      machine.state.rflags = 2 | Self.IF | start
      #expect(machine.run() == vector)
      #expect(machine.frame(vector == 13 ? 3 : 2) & (Self.IF | Self.VIF | Self.VIP) == Self.IF | end)
    }
  }

  @Test func virtual8086WithoutExtensionsFaultsBelowIOPL3() {
    for code in [[0x9C], [0x9D], [0xFA], [0xFB], [0xCD, 0x21], [0xCF], [0x66, 0x9C]] as [[UInt8]] {
      let machine = GuestMachine(.virtual8086, code: code)
      machine[R.sp] = 0x8F00
      #expect(machine.run() == 13, "\(code)")
      #expect(machine[R.sp] != 0x8F00 && machine.frame(1) == 0)
    }
  }

  /// CR4.VME: VIF stands for IF, IOPL reads as 3 (SDM Vol. 3, "Interrupt and Exception Handling in
  /// Virtual-8086 Mode").
  @Test func virtual8086ModeExtensions() {
    // STI; PUSHF; CLI; PUSHF; POPF; PUSHF.
    let machine = GuestMachine(.virtual8086, code: [0xFB, 0x9C, 0xFA, 0x9C, 0x58, 0x9D, 0x9C])
    machine.state.cr4 |= 1
    machine[R.sp] = 0x8F00
    // INT 80h goes to the monitor.
    machine.bench[GuestLayout.tss + GuestLayout.ioMap - 16] = 1
    machine.state.rflags |= 0x3000
    machine.state.rflags &= ~0x3000
    #expect(machine.run() == 13, "INT with redirection to the monitor needs IOPL 3")
    #expect(machine.bench.value(0x8EFE, UInt16.self) == 0x3202)
    #expect(machine[R.ax] & 0xFFFF == 0x3002)
    #expect(machine.frame(3) & Self.VIF != 0)
  }

  @Test func virtual8086InterruptRedirection() {
    // INT 21h through the vector table at 0, whose handler is the INT 80h of the code's end.
    let machine = GuestMachine(.virtual8086, code: [0xCD, 0x21, 0x90])
    machine.state.cr4 |= 1
    machine.state.rflags |= Self.VIF
    machine[R.sp] = 0x8F00
    machine.bench.write(0x21 * 4, values: [3, UInt16(GuestLayout.code >> 4)])
    machine.bench[GuestLayout.tss + GuestLayout.ioMap - 16] = 1
    #expect(machine.run() == 13)
    #expect(machine.frame(1) == 3)
    #expect(machine.frame(3) & Self.VIF == 0)
    #expect(machine.bench.value(0x8EFE, UInt16.self) & 0x3200 == 0x3200)
    #expect(machine.bench.value(0x8EFA, UInt16.self) == 2)
  }

  @Test func stiHoldsInterruptsForOneInstruction() {
    // STI; INC EBX; INC EBX.
    let machine = GuestMachine(.long, code: [0xFB, 0xFF, 0xC3, 0xFF, 0xC3])
    machine.bench.processor.setInterruptLine(true)
    #expect(machine.run() == 0x20)
    #expect(machine.frame(0) == UInt64(GuestLayout.code + 3))
    #expect(machine[R.bx] == 1)
  }

  @Test func loadingSSHoldsInterruptsAndTraps() {
    // MOV SS, AX; INC EBX; INC EBX with an interrupt waiting, then with TF.
    for isTrap in [false, true] {
      let machine = GuestMachine(.long, code: [0x8E, 0xD0, 0xFF, 0xC3, 0xFF, 0xC3])
      machine[R.ax] = 0x10
      machine.state.rflags |= isTrap ? 0x100 : Self.IF
      // With IF set from the start the interrupt would come first, so it comes from the device that STI waits
      // for: raise it once the instruction has begun.
      if isTrap {
        #expect(machine.run() == 1)
        #expect(machine.frame(0) == UInt64(GuestLayout.code + 4))
      } else {
        let processor = machine.bench.processor
        processor.state = machine.state
        #expect(processor.run(until: processor.now + 1) == .deadline)
        processor.setInterruptLine(true)
        #expect(machine.bench.runToHalt())
        machine.state = processor.state
        #expect(machine.frame(0) == UInt64(GuestLayout.code + 4))
      }
      #expect(machine[R.bx] == 1)
    }
  }

  @Test func lahfAndSahf() {
    // SAHF; LAHF with AH = FFh, then 00h.
    for (ah, flags) in [(UInt64(0xFF), UInt64(0xD7)), (0, 2)] {
      let machine = GuestMachine(.long, code: [0x9E, 0x9F])
      machine.state.rflags |= 0x800
      machine[R.ax] = ah << 8
      #expect(machine.run() == nil)
      #expect(machine[R.ax] == flags << 8)
      #expect(machine.state.rflags == flags | 0x800)
    }
  }
}
