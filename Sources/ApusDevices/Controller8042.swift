import ApusBase

/// The 8042 keyboard controller of a PS/2: ports 60h and 64h, a keyboard and a mouse behind it, IRQ1 and
/// IRQ12, the A20 gate and the CPU reset on its output port. Source: IBM PS/2 Hardware Interface Technical
/// Reference, "Keyboard and Auxiliary Device Controller"; IBM AT Technical Reference, "Keyboard
/// Controller".
///
/// A byte from a device takes `byteTime` to reach the output buffer; answers of the controller itself are
/// there at once, or as soon as the buffer is free.
///
/// Departs from hardware: the input buffer is always empty again (IBF reads 0); a device's byte takes 100 us,
/// not the 700–1100 us of the serial link, and a device's self-test takes no longer than a byte; the
/// password commands A5h and A6h do nothing (A4h says that no password is installed). Commands not
/// mentioned in the references are ignored.
package final class Controller8042: BytePortDevice {
  package let name = "Controller8042"
  /// The ports to attach.
  package static let portRanges: [ClosedRange<UInt16>] = [0x60...0x60, 0x64...0x64]
  /// Nanoseconds from one byte of a device to the next.
  package static let byteTime: VirtualTime = 100_000

  /// Marks a byte for the output buffer as one of the auxiliary device.
  private static let auxiliary: UInt16 = 0x100
  /// Controller answers that wait for the output buffer.
  private static let replyLimit = 16

  private let IRQ1: Line
  private let IRQ12: Line
  private let A20: Line
  private let resetLine: Line

  package private(set) var keyboard = PS2Keyboard()
  package private(set) var mouse = PS2Mouse()
  /// The controller's RAM, addressed by commands 20h–3Fh and 60h–7Fh; byte 0 is the command byte.
  private var RAM = [UInt8](repeating: 0, count: 32)
  private var systemFlag = false
  private var lastWriteWasCommand = true
  /// The command whose data byte is awaited at port 60h, 0 for none.
  private var pending: UInt8 = 0
  private var outputBuffer: UInt8 = 0
  private var isOutputFull = false
  private var isOutputAuxiliary = false
  private var replies: [UInt16] = []
  /// Bit 1 of the output port.
  private var gateA20 = true
  /// When the next byte of a device arrives.
  private var arrival: VirtualTime = .never
  /// Whether the last byte that arrived was the mouse's: the two alternate.
  private var lastWasMouse = false
  /// The translation swallowed a break prefix and waits for its key.
  private var sawBreak = false

  /// A controller after power-on. `IRQ1`, `IRQ12` and `A20` are driven with levels, `reset` is pulsed.
  package init(IRQ1: Line, IRQ12: Line, A20: Line, reset: Line) {
    self.IRQ1 = IRQ1
    self.IRQ12 = IRQ12
    self.A20 = A20
    resetLine = reset
    RAM[0] = Self.initialCommandByte
  }

  /// Translation and both interrupts on: what firmware leaves, for kernels booted without any.
  private static let initialCommandByte: UInt8 = 0x43

  package func reset(at now: VirtualTime) {
    keyboard = PS2Keyboard()
    mouse = PS2Mouse()
    RAM = [UInt8](repeating: 0, count: 32)
    RAM[0] = Self.initialCommandByte
    systemFlag = false
    lastWriteWasCommand = true
    pending = 0
    outputBuffer = 0
    isOutputFull = false
    isOutputAuxiliary = false
    replies = []
    gateA20 = true
    arrival = .never
    lastWasMouse = false
    sawBreak = false
    A20.set(true, at: now)
    driveInterrupts(at: now)
  }

  /// Types scan codes of set 2, as `PS2Keyboard.enqueue`. The board reads `deadline` again afterwards.
  @discardableResult
  package func type(_ scancodes: [UInt8], at now: VirtualTime) -> Bool {
    let isTaken = keyboard.enqueue(scancodes)
    synchronise(at: now)
    return isTaken
  }

  /// How many bytes `type` takes now; 0 while scanning is disabled.
  package var typingRoom: Int { keyboard.isEnabled ? keyboard.freeSpace : 0 }

  /// Moves the mouse, as `PS2Mouse.move`. The board reads `deadline` again afterwards.
  package func moveMouse(x: Int, y: Int, wheel: Int = 0, buttons: UInt8, at now: VirtualTime) {
    mouse.move(x: x, y: y, wheel: wheel, buttons: buttons)
    synchronise(at: now)
  }

  // MARK: Time

  package var deadline: VirtualTime { min(arrival, mouse.reportDeadline) }

  package func run(at now: VirtualTime) { synchronise(at: now) }

  /// Command byte: bit 4 disables the keyboard's interface, bit 5 the auxiliary device's.
  private var keyboardCanSend: Bool { !RAM[0].bit(4) && keyboard.hasData }
  private var mouseCanSend: Bool { !RAM[0].bit(5) && mouse.hasData }

  private func synchronise(at now: VirtualTime) {
    if arrival <= now {
      arrival = .never
      if !isOutputFull { receiveFromDevice(at: now) }
    }
    if mouse.reportDeadline <= now { mouse.report(at: now) }
    if !isOutputFull && !replies.isEmpty {
      let reply = replies.removeFirst()
      fillOutputBuffer(UInt8(truncatingIfNeeded: reply), auxiliary: reply >= Self.auxiliary, at: now)
    }
    if !isOutputFull && arrival == .never && (keyboardCanSend || mouseCanSend) {
      arrival = now.later(by: Self.byteTime)
    }
  }

  private func receiveFromDevice(at now: VirtualTime) {
    let takesMouse = mouseCanSend && (!keyboardCanSend || !lastWasMouse)
    if takesMouse, let byte = mouse.send() {
      lastWasMouse = true
      fillOutputBuffer(byte, auxiliary: true, at: now)
    } else if keyboardCanSend, let byte = nextKeyboardByte() {
      lastWasMouse = false
      fillOutputBuffer(byte, auxiliary: false, at: now)
    }
  }

  /// The keyboard's next byte after translation (command byte bit 6), under which a break prefix and its
  /// key become one byte.
  private func nextKeyboardByte() -> UInt8? {
    guard let byte = keyboard.send() else { return nil }
    guard RAM[0].bit(6) else { return byte }
    if byte != 0xF0 {
      defer { sawBreak = false }
      return ScanCodeTranslation.set1(byte, isBreak: sawBreak)
    }
    sawBreak = true
    guard let key = keyboard.send() else { return nil }
    sawBreak = false
    return ScanCodeTranslation.set1(key, isBreak: true)
  }

  private func fillOutputBuffer(_ byte: UInt8, auxiliary: Bool, at now: VirtualTime) {
    outputBuffer = byte
    isOutputFull = true
    isOutputAuxiliary = auxiliary
    driveInterrupts(at: now)
  }

  /// Command byte: bit 0 enables IRQ1 for the output buffer, bit 1 IRQ12 for auxiliary data in it.
  private func driveInterrupts(at now: VirtualTime) {
    IRQ1.set(assertsIRQ1, at: now)
    IRQ12.set(assertsIRQ12, at: now)
  }

  private var assertsIRQ1: Bool { isOutputFull && !isOutputAuxiliary && RAM[0].bit(0) }
  private var assertsIRQ12: Bool { isOutputFull && isOutputAuxiliary && RAM[0].bit(1) }

  // MARK: Ports

  package func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 {
    synchronise(at: now)
    switch port {
    case 0x60:
      let byte = outputBuffer
      if isOutputFull {
        isOutputFull = false
        driveInterrupts(at: now)
        synchronise(at: now)
      }
      return byte
    case 0x64:
      return status
    default:
      return 0xFF
    }
  }

  /// Status: bit 0 OBF, 2 system flag, 3 command/data, 4 not inhibited, 5 auxiliary data in OBF.
  private var status: UInt8 {
    var status: UInt8 = 0x10
    if isOutputFull { status |= 0x01 }
    if systemFlag { status |= 0x04 }
    if lastWriteWasCommand { status |= 0x08 }
    if isOutputFull && isOutputAuxiliary { status |= 0x20 }
    return status
  }

  package func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    synchronise(at: now)
    switch port {
    case 0x60:
      lastWriteWasCommand = false
      writeData(value, at: now)
    case 0x64:
      lastWriteWasCommand = true
      pending = 0
      writeCommand(value, at: now)
    default:
      return
    }
    synchronise(at: now)
    driveInterrupts(at: now)
  }

  private func reply(_ byte: UInt8, auxiliary: Bool = false) {
    if replies.count == Self.replyLimit { replies.removeFirst() }
    replies.append(UInt16(byte) | (auxiliary ? Self.auxiliary : 0))
  }

  private func writeData(_ value: UInt8, at now: VirtualTime) {
    let command = pending
    pending = 0
    switch command {
    case 0x60...0x7F:
      RAM[Int(command & 0x1F)] = value
      if command == 0x60 { systemFlag = value.bit(2) }
    case 0xD1:
      setA20(value.bit(1), at: now)
      if !value.bit(0) { resetLine.pulse(at: now) }
    case 0xD2:
      reply(value)
    case 0xD3:
      reply(value, auxiliary: true)
    case 0xD4:
      // Sending to a device enables its interface.
      RAM[0] &= ~0x20
      mouse.receive(value)
    default:
      RAM[0] &= ~0x10
      keyboard.receive(value)
    }
  }

  private func writeCommand(_ command: UInt8, at now: VirtualTime) {
    switch command {
    case 0x20...0x3F: reply(RAM[Int(command & 0x1F)])
    case 0x60...0x7F, 0xD1...0xD4: pending = command
    case 0xA4: reply(0xF1)  // no password installed
    case 0xA7: RAM[0] |= 0x20
    case 0xA8: RAM[0] &= ~0x20
    case 0xA9, 0xAB: reply(0x00)  // interface test: no error
    case 0xAA:
      systemFlag = true
      RAM[0] |= 0x04
      reply(0x55)
    case 0xAD: RAM[0] |= 0x10
    case 0xAE: RAM[0] &= ~0x10
    // Input port: bit 7 not inhibited, bit 5 manufacturing jumper out, bits 1:0 device data lines idle.
    case 0xC0: reply(0xA3)
    case 0xD0: reply(outputPort)
    case 0xDD: setA20(false, at: now)
    case 0xDF: setA20(true, at: now)
    // Test inputs: T0 keyboard clock, T1 auxiliary clock, held low while the interface is disabled.
    case 0xE0: reply((RAM[0].bit(4) ? 0 : 1) | (RAM[0].bit(5) ? 0 : 2))
    case 0xF0...0xFF: pulseOutputPort(~command & 0x03, at: now)
    default: break
    }
  }

  /// Output port: bit 0 not reset, 1 A20, 2 auxiliary data, 3 auxiliary clock (inverted drive), 4 IRQ1, 5
  /// IRQ12, 6 keyboard clock (inverted drive), 7 keyboard data.
  private var outputPort: UInt8 {
    var port: UInt8 = 0x01
    if gateA20 { port |= 0x02 }
    if RAM[0].bit(5) { port |= 0x08 }
    if isOutputFull && !isOutputAuxiliary { port |= 0x10 }
    if isOutputFull && isOutputAuxiliary { port |= 0x20 }
    if RAM[0].bit(4) { port |= 0x40 }
    return port | 0x80
  }

  private func setA20(_ level: Bool, at now: VirtualTime) {
    gateA20 = level
    A20.set(level, at: now)
  }

  /// F0h–FFh: "Pulse Output Port": the bits that are 0 in the command go low for about 6 us; bits 2 and 3
  /// carry idle device lines, on which that has no effect.
  private func pulseOutputPort(_ bits: UInt8, at now: VirtualTime) {
    if bits.bit(1) && gateA20 {
      A20.set(false, at: now)
      A20.set(true, at: now)
    }
    if bits.bit(0) { resetLine.pulse(at: now) }
  }

  // MARK: State

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { writer in
      keyboard.save(to: &writer)
      mouse.save(to: &writer)
      writer.write(RAM)
      for flag in [
        systemFlag, lastWriteWasCommand, isOutputFull, isOutputAuxiliary, gateA20, lastWasMouse, sawBreak,
      ] {
        writer.write(flag)
      }
      writer.write(pending)
      writer.write(outputBuffer)
      writer.write(UInt8(truncatingIfNeeded: replies.count))
      for reply in replies { writer.write(reply) }
      writer.write(arrival)
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in
      try keyboard.restore(from: &reader)
      try mouse.restore(from: &reader)
      let savedRAM = try reader.readBytes(limit: 32, "RAM")
      guard savedRAM.count == 32 else { throw reader.invalid("RAM") }
      RAM = savedRAM
      systemFlag = try reader.readBool("systemFlag")
      lastWriteWasCommand = try reader.readBool("lastWriteWasCommand")
      isOutputFull = try reader.readBool("isOutputFull")
      isOutputAuxiliary = try reader.readBool("isOutputAuxiliary")
      gateA20 = try reader.readBool("gateA20")
      lastWasMouse = try reader.readBool("lastWasMouse")
      sawBreak = try reader.readBool("sawBreak")
      pending = try reader.read()
      outputBuffer = try reader.read()
      let count = Int(try reader.read(UInt8.self))
      guard count <= Self.replyLimit else { throw reader.invalid("replies") }
      replies = []
      for _ in 0..<count {
        let reply: UInt16 = try reader.read()
        guard reply < 2 * Self.auxiliary else { throw reader.invalid("replies") }
        replies.append(reply)
      }
      arrival = try reader.read()
    }
  }
}

// MARK: For people

extension Controller8042 {
  /// The controller; keyboard and mouse describe themselves.
  package var description: DeviceDescription {
    var description = DeviceDescription("8042 (keyboard controller)")
    description.add(
      "status", status,
      bits: ["OBF", "IBF", "system flag", "command", "not inhibited", "AUXB", "time-out", "parity error"])
    description.add(
      "command byte", RAM[0],
      bits: [
        "keyboard interrupt", "auxiliary interrupt", "system flag", "", "disable keyboard",
        "disable auxiliary device", "keyboard translate",
      ])
    description.add(
      "output buffer", outputBuffer,
      !isOutputFull ? "empty" : isOutputAuxiliary ? "full, from the auxiliary device" : "full")
    description.add(
      "output port", outputPort,
      bits: [
        "not reset", "A20", "auxiliary data", "auxiliary clock low", "IRQ1", "IRQ12", "keyboard clock low",
        "keyboard data",
      ])
    if pending != 0 {
      description.add("input buffer", "waits for the data of \(DeviceDescription.hex(pending))")
    }
    if !replies.isEmpty {
      let bytes = replies.map { UInt8(truncatingIfNeeded: $0) }
      description.add("answers", DeviceDescription.list(bytes))
    }
    if arrival != .never { description.add("next byte", "comes at \(arrival) ns") }
    description.add(
      "pins", "IRQ1 \(assertsIRQ1 ? "high" : "low"), IRQ12 \(assertsIRQ12 ? "high" : "low")")
    return description
  }
}
