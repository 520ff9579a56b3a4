// Interrupt controllers, timer, and the one function to which every interrupt entry leads.

/// What machine.S pushes, lowest address first, above what the processor pushed.
struct InterruptFrame {
  var r15, r14, r13, r12, r11, r10, r9, r8: UInt64
  var rbp, rdi, rsi, rdx, rcx, rbx, rax: UInt64
  var vector, errorCode: UInt64
  var rip, cs, rflags, rsp, ss: UInt64
}

enum PIC {
  private static let command: InlineArray<2, UInt16> = [0x20, 0xA0]

  /// The 8259A pair at vectors 20h-2Fh, only the timer (IRQ 0) and COM1 (IRQ 4) unmasked (Intel 8259A,
  /// "Initialization Command Words").
  static func initialise() {
    for chip in 0..<2 {
      let port = command[chip]
      portWrite8(port, 0x11)  // ICW1: edge-triggered, cascaded, ICW4 follows
      portWrite8(port + 1, chip == 0 ? 0x20 : 0x28)  // ICW2: first vector
      portWrite8(port + 1, chip == 0 ? 0x04 : 0x02)  // ICW3: the slave is at IRQ 2
      portWrite8(port + 1, 0x01)  // ICW4: 8086 mode
    }
    portWrite8(0x21, 0xEE)
    portWrite8(0xA1, 0xFF)
  }

  /// Whether line 7 of a chip is really in service; if not, the interrupt is spurious.
  private static func isInService(_ chip: Int) -> Bool {
    portWrite8(command[chip], 0x0B)  // OCW3: read ISR
    return portRead8(command[chip]) & 0x80 != 0
  }

  /// OCW2: non-specific end of interrupt, left out where the interrupt was spurious.
  static func endOfInterrupt(_ line: UInt64) {
    if line >= 8 {
      if line != 15 || isInService(1) { portWrite8(command[1], 0x20) }
      portWrite8(command[0], 0x20)
    } else if line != 7 || isInService(0) {
      portWrite8(command[0], 0x20)
    }
  }
}

enum LocalAPIC {
  static let base: UInt64 = 0xFEE0_0000

  /// Virtual wire mode, which a BIOS would have set up: the local APIC passes INTR from the 8259A pair on
  /// (Intel SDM Vol. 3A, "Local Vector Table"; Intel MultiProcessor Specification, "Virtual Wire Mode").
  static func initialise() {
    guard identify(1)[3] & 1 << 9 != 0 else { return }
    pointer(base + 0xF0).storeBytes(of: 0x1FF, as: UInt32.self)  // enabled, spurious vector FFh
    pointer(base + 0x350).storeBytes(of: 0x700, as: UInt32.self)  // LINT0: ExtINT
    pointer(base + 0x360).storeBytes(of: 0x400, as: UInt32.self)  // LINT1: NMI
  }
}

enum PIT {
  /// 1193182 Hz / 11932: 100 interrupts a second from counter 0 in mode 2 (Intel 8254, "Mode 2").
  static func initialise() {
    portWrite8(0x43, 0x34)
    portWrite8(0x40, UInt8(truncatingIfNeeded: 11932))
    portWrite8(0x40, UInt8(truncatingIfNeeded: 11932 >> 8))
  }
}

/// Called by machine.S with the frame that it built; interrupts are off.
@c(interrupt)
public func interrupt(_ frame: UnsafeMutableRawPointer) {
  let frame = frame.assumingMemoryBound(to: InterruptFrame.self)
  let vector = frame.pointee.vector
  if vector >= 0x20, vector < 0x30 {
    if vector == 0x20 { countTick() }
    PIC.endOfInterrupt(vector - 0x20)
  } else if Faults.isArmed {
    Faults.record(frame)
  } else {
    reportUnexpected(frame)
  }
}

/// An exception that no probe provoked: a fault of the kernel itself.
private func reportUnexpected(_ frame: UnsafeMutablePointer<InterruptFrame>) -> Never {
  say("\r\nUnexpected exception ")
  sayDecimal(frame.pointee.vector)
  say(" error code ")
  sayHex(frame.pointee.errorCode, 4)
  say(" RIP ")
  sayHex(frame.pointee.rip, 16)
  say(" RSP ")
  sayHex(frame.pointee.rsp, 16)
  say(" CR2 ")
  sayHex(readCR2(), 16)
  stop("an exception in the kernel")
}
