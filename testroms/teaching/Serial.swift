// COM1, a 16550A with its FIFOs off (TI PC16550D, "Registers"). Output is polled; input is polled too, but
// the receive interrupt ends the HLT in which the shell waits. The interrupt handler leaves the byte where
// it is, so that a sender that sees whether it was read is slowed down to the speed of the shell.

enum Serial {
  private static let data: UInt16 = 0x3F8
  private static let interruptEnable: UInt16 = 0x3F9
  private static let lineStatus: UInt16 = 0x3FD

  /// Byte received (LSR bit 0).
  private static var hasInput: Bool { portRead8(lineStatus) & 0x01 != 0 }

  /// Transmitter holding register empty (LSR bit 5).
  private static var canWrite: Bool { portRead8(lineStatus) & 0x20 != 0 }

  static func write(_ byte: UInt8) {
    while !canWrite {}
    portWrite8(data, byte)
  }

  /// Waits until the last byte has left the shift register (LSR bit 6).
  static func drain() {
    while portRead8(lineStatus) & 0x40 == 0 {}
  }

  static func enableReceiveInterrupt() { portWrite8(interruptEnable, 0x01) }

  /// Sleeps until a byte arrives.
  static func read() -> UInt8 {
    interruptsOff()
    while !hasInput {
      waitForInterrupt()
      interruptsOff()
    }
    interruptsOn()
    return portRead8(data)
  }
}
