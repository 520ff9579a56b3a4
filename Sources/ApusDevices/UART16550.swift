import ApusBase

/// National Semiconductor PC16550D UART, as the four serial ports of a PC use it.
///
/// Source: PC16550D datasheet (TI SNLS378), sections "Registers", "FIFO Interrupt Mode Operation" and
/// "FIFO Polled Mode Operation".
///
/// Departs from hardware: a character leaves the transmitter in no virtual time, so LSR.THRE and LSR.TEMT
/// are always set and the THRE interrupt follows each THR write at once. A driver that polls never waits,
/// one that is driven by interrupts gets its next interrupt as soon as it has filled the FIFO. Reception
/// runs at the programmed speed, but only while the receive FIFO has room, as if the far end honoured a
/// perfect flow control: nothing that `receive` accepted is lost to an overrun.
///
/// Departs from hardware: the far end also waits until the guest listens, that is, until it has enabled the
/// received-data interrupt or polls LSR for a character. Drivers empty the receiver when they start, and
/// input that was there before the guest (a file of commands, keys typed early) would be lost to that.
///
/// Departs from hardware: the medium carries whole bytes, so characters to and from it are not cut to the
/// word length in LCR 1:0, which is 5 bits after reset and which small programs never set.
package final class UART16550: Device {
  /// Base port and IRQ of COM1 to COM4 on a PC. Ports 1 and 3, and 2 and 4, share an IRQ.
  package static let standardPorts: [(base: UInt16, irq: Int)] = [
    (0x3F8, 4), (0x2F8, 3), (0x3E8, 4), (0x2E8, 3),
  ]

  /// Frequency of the crystal, in hertz; the baud rate is this over 16 times the divisor.
  package static let clock: UInt64 = 1_843_200

  /// The most bytes that wait between the host and the receive FIFO.
  package static let hostQueueLimit = 65_536

  package let name: String
  /// First of the eight ports.
  package let base: UInt16
  private let irq: Line
  private let output: (any ByteSink)?

  private static let fifoDepth = 16
  /// Characters received, oldest first: data in 7:0, LSR.PE, FE and BI in 12:10 (LSR bits shifted by 8).
  private var receiver: [UInt16] = []
  private var IER: UInt8 = 0
  /// The bits of FCR that are remembered: enable (0), DMA mode (3), receive trigger (7:6).
  private var FCR: UInt8 = 0
  private var LCR: UInt8 = 0
  private var MCR: UInt8 = 0
  private var SCR: UInt8 = 0
  private var divisor: UInt16 = 12
  /// LSR bits 4:1 not read yet.
  private var lineErrors: UInt8 = 0
  /// MSR bits 7:4 as last sampled.
  private var modemStatus: UInt8 = 0
  /// MSR bits 3:0 not read yet.
  private var modemDelta: UInt8 = 0
  /// DCD, RI, DSR and CTS at the pins, in MSR bits 7:4.
  private var modemPins: UInt8 = MSR.DCD | MSR.DSR | MSR.CTS
  /// The transmitter-holding-register-empty interrupt has not been acknowledged.
  private var transmitterPending = false
  /// The character timeout interrupt is active.
  private var timeoutPending = false
  /// When the character timeout interrupt becomes active.
  private var timeoutAt = VirtualTime.never
  /// When the next character of the host queue has arrived whole; `never` while none is on the wire.
  private var arrivalAt = VirtualTime.never
  /// Consecutive reads of LSR that found nothing to read, up to `emptyPollsOfAListener`; a guest that
  /// reached that number polls until it programs the UART anew.
  private var emptyPolls: UInt8 = 0
  /// One read is what a driver does that clears the UART or waits for the transmitter.
  private static let emptyPollsOfAListener: UInt8 = 2
  private var hostQueue: [UInt8] = []
  private var hostQueueHead = 0
  /// The level last driven on the IRQ.
  private var asserted = false

  private enum LSR {
    static let DR: UInt8 = 0x01
    static let OE: UInt8 = 0x02
    static let FE: UInt8 = 0x08
    static let BI: UInt8 = 0x10
    static let THRE: UInt8 = 0x20
    static let TEMT: UInt8 = 0x40
    static let FIFOError: UInt8 = 0x80
  }
  private enum MSR {
    static let CTS: UInt8 = 0x10
    static let DSR: UInt8 = 0x20
    static let RI: UInt8 = 0x40
    static let DCD: UInt8 = 0x80
  }
  private static let DLAB = 7
  private static let loop = 4
  private static let OUT2 = 3

  /// A UART with eight ports from `base`; `irq` is the ISA interrupt behind the OUT2 gate. Without an
  /// `output` the transmitted bytes vanish and everything else works.
  package init(name: String, base: UInt16, irq: Line, output: (any ByteSink)?) {
    self.name = name
    self.base = base
    self.irq = irq
    self.output = output
    modemStatus = modemPins
  }

  /// PC16550D, table "UART Reset Configuration". The divisor latch, RBR and SCR keep what they hold on
  /// hardware; here they get 9600 baud and 0. The modem pins and the host queue belong to the outside.
  package func reset(at now: VirtualTime) {
    receiver = []
    IER = 0
    FCR = 0
    LCR = 0
    MCR = 0
    SCR = 0
    divisor = 12
    lineErrors = 0
    modemStatus = modemPins
    modemDelta = 0
    transmitterPending = false
    timeoutPending = false
    timeoutAt = .never
    arrivalAt = .never
    emptyPolls = 0
    driveInterrupt(at: now)
  }

  // MARK: The side of the host

  /// How many bytes `receive` takes now.
  package var receiveCapacity: Int { Self.hostQueueLimit - queuedBytes }

  /// Whether more input is welcome: nothing waits for the guest any more.
  package var wantsInput: Bool { queuedBytes == 0 }

  private var queuedBytes: Int { hostQueue.count - hostQueueHead }

  /// Queues bytes that arrive from outside and returns how many were accepted (at most
  /// `receiveCapacity`); the caller keeps the rest and offers it again.
  @discardableResult
  package func receive(_ bytes: [UInt8], at now: VirtualTime) -> Int {
    let accepted = min(bytes.count, receiveCapacity)
    hostQueue.append(contentsOf: bytes[0..<accepted])
    scheduleArrival(at: now)
    return accepted
  }

  /// The line was held in the spacing state for longer than a character: a break. It enters the receiver
  /// at once, as a zero with LSR.BI and LSR.FE, ahead of what waits in the host queue.
  package func receiveBreak(at now: VirtualTime) {
    guard !MCR.bit(Self.loop) else { return }
    accept(0, errors: LSR.BI | LSR.FE, at: now)
    driveInterrupt(at: now)
  }

  /// Sets the modem status pins (true = asserted). After power-on CTS, DSR and DCD are asserted.
  package func setModemLines(CTS: Bool, DSR: Bool, RI: Bool, DCD: Bool, at now: VirtualTime) {
    modemPins =
      (CTS ? MSR.CTS : 0) | (DSR ? MSR.DSR : 0) | (RI ? MSR.RI : 0) | (DCD ? MSR.DCD : 0)
    sampleModemLines()
    driveInterrupt(at: now)
  }

  // MARK: Ports

  package func readPort(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32 {
    advance(to: now)
    var value: UInt32 = 0
    // An 8-bit ISA device sees a wider access as successive byte cycles.
    for i in 0..<min(width, 4) {
      let register = port &- base &+ UInt16(i)
      value |= UInt32(register < 8 ? readRegister(register, at: now) : 0xFF) << UInt32(8 * i)
    }
    return value
  }

  package func writePort(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime) {
    advance(to: now)
    for i in 0..<min(width, 4) {
      let register = port &- base &+ UInt16(i)
      if register < 8 {
        writeRegister(register, UInt8(truncatingIfNeeded: value >> UInt32(8 * i)), at: now)
      }
    }
  }

  private func readRegister(_ register: UInt16, at now: VirtualTime) -> UInt8 {
    switch register {
    case 0: return LCR.bit(Self.DLAB) ? UInt8(truncatingIfNeeded: divisor) : readRBR(at: now)
    case 1: return LCR.bit(Self.DLAB) ? UInt8(truncatingIfNeeded: divisor >> 8) : IER
    case 2: return readIIR(at: now)
    case 3: return LCR
    case 4: return MCR
    case 5: return readLSR(at: now)
    case 6:
      let value = modemStatus | modemDelta
      modemDelta = 0
      driveInterrupt(at: now)
      return value
    default: return SCR
    }
  }

  private func writeRegister(_ register: UInt16, _ value: UInt8, at now: VirtualTime) {
    if register != 0 || emptyPolls < Self.emptyPollsOfAListener { emptyPolls = 0 }
    switch register {
    case 0:
      if LCR.bit(Self.DLAB) {
        divisor = divisor & 0xFF00 | UInt16(value)
      } else {
        writeTHR(value, at: now)
      }
    case 1:
      if LCR.bit(Self.DLAB) {
        divisor = divisor & 0x00FF | UInt16(value) << 8
      } else {
        // Enabling the interrupt while THRE is set requests it again; Linux's 8250 driver tests for this
        // (UART_BUG_THRE) and starts every transmission this way.
        if value.bit(1) && !IER.bit(1) { transmitterPending = true }
        IER = value & 0x0F
        scheduleArrival(at: now)
      }
    case 2: writeFCR(value, at: now)
    case 3: writeLCR(value, at: now)
    case 4:
      MCR = value & 0x1F
      sampleModemLines()
      scheduleArrival(at: now)
    case 5, 6: break  // LSR and MSR are for reading; writing LSR is a factory test.
    default: SCR = value
    }
    driveInterrupt(at: now)
  }

  private func readRBR(at now: VirtualTime) -> UInt8 {
    guard !receiver.isEmpty else {
      if emptyPolls < Self.emptyPollsOfAListener { emptyPolls = 0 }
      return 0
    }
    let value = UInt8(truncatingIfNeeded: receiver.removeFirst())
    revealOldest()
    restartTimeout(at: now)
    scheduleArrival(at: now)
    driveInterrupt(at: now)
    return value
  }

  private func readIIR(at now: VirtualTime) -> UInt8 {
    let identification = interruptIdentification
    if identification == 0x02 {
      transmitterPending = false
      driveInterrupt(at: now)
    }
    return identification | (FCR.bit(0) ? 0xC0 : 0)
  }

  private func readLSR(at now: VirtualTime) -> UInt8 {
    var value = LSR.THRE | LSR.TEMT | lineErrors
    if !receiver.isEmpty {
      value |= LSR.DR
    } else if emptyPolls < Self.emptyPollsOfAListener {
      emptyPolls += 1
      scheduleArrival(at: now)
    }
    if FCR.bit(0) && (lineErrors & ~LSR.OE != 0 || receiver.contains { $0 > 0xFF }) {
      value |= LSR.FIFOError
    }
    lineErrors = 0
    driveInterrupt(at: now)
    return value
  }

  private func writeTHR(_ value: UInt8, at now: VirtualTime) {
    transmitterPending = false
    driveInterrupt(at: now)
    if MCR.bit(Self.loop) {
      accept(value & (0xFF >> (3 - LCR & 3)), errors: 0, at: now)
    } else if !LCR.bit(6) {
      // With LCR.6 (set break) SOUT is held spacing and the character is lost.
      output?.send(value)
    }
    transmitterPending = true
  }

  private func writeFCR(_ value: UInt8, at now: VirtualTime) {
    // "This bit must be a 1 when other FCR bits are written to or they will not be programmed."
    let enables = value.bit(0)
    if enables != FCR.bit(0) || enables && value.bit(1) {
      receiver = []
      timeoutPending = false
      timeoutAt = .never
    }
    FCR = enables ? value & 0xC9 : 0
    scheduleArrival(at: now)
  }

  private func writeLCR(_ value: UInt8, at now: VirtualTime) {
    let startsBreak = value.bit(6) && !LCR.bit(6)
    LCR = value
    // In loopback the transmitter output feeds the receiver, a break included.
    if startsBreak && MCR.bit(Self.loop) { accept(0, errors: LSR.BI | LSR.FE, at: now) }
  }

  // MARK: Receiver

  /// The time of one character: start bit, data, parity, stop bits. A divisor of 0 counts as 1.
  private var characterTime: VirtualTime {
    let dataBits = 5 + UInt64(LCR & 3)
    let stopHalfBits: UInt64 = LCR.bit(2) ? (dataBits == 5 ? 3 : 4) : 2
    let halfBits = 2 + 2 * dataBits + (LCR.bit(3) ? 2 : 0) + stopHalfBits
    return VirtualTime.time(ofCycle: 8 * UInt64(max(divisor, 1)) * halfBits, at: Self.clock)
  }

  private var receiverHasRoom: Bool { receiver.count < (FCR.bit(0) ? Self.fifoDepth : 1) }

  private var triggerLevel: Int {
    guard FCR.bit(0) else { return 1 }
    switch FCR >> 6 {
    case 0: return 1
    case 1: return 4
    case 2: return 8
    default: return 14
    }
  }

  /// A character has arrived whole. PC16550D, "Line Status Register", bit 1: when full, FIFO mode loses
  /// the new character, 16450 mode the old one.
  private func accept(_ character: UInt8, errors: UInt8, at now: VirtualTime) {
    let entry = UInt16(errors) << 8 | UInt16(character)
    if receiverHasRoom {
      receiver.append(entry)
    } else {
      lineErrors |= LSR.OE
      if !FCR.bit(0) { receiver = [entry] }
    }
    revealOldest()
    restartTimeout(at: now)
  }

  /// The errors of a character appear in LSR when it has reached the top of the FIFO.
  private func revealOldest() {
    guard let oldest = receiver.first, oldest > 0xFF else { return }
    lineErrors |= UInt8(truncatingIfNeeded: oldest >> 8)
    receiver[0] = oldest & 0xFF
  }

  /// PC16550D, "FIFO Interrupt Mode Operation": the timeout comes four character times after the last
  /// arrival and the last read, if a character waits; any read clears it.
  private func restartTimeout(at now: VirtualTime) {
    timeoutPending = false
    timeoutAt = FCR.bit(0) && !receiver.isEmpty ? now.later(by: 4 * characterTime) : .never
  }

  private var guestListens: Bool { IER.bit(0) || emptyPolls == Self.emptyPollsOfAListener }

  /// Puts the next byte of the host queue on the wire if the receiver will have room for it and the guest
  /// is there to read it.
  private func scheduleArrival(at now: VirtualTime) {
    guard queuedBytes > 0, receiverHasRoom, guestListens, !MCR.bit(Self.loop) else {
      arrivalAt = .never
      return
    }
    if arrivalAt == .never { arrivalAt = now.later(by: characterTime) }
  }

  private func advance(to now: VirtualTime) {
    guard now >= arrivalAt || now >= timeoutAt else { return }
    // Ends when the FIFO is full or the queue empty.
    while arrivalAt <= now {
      let arrival = arrivalAt
      guard receiverHasRoom, queuedBytes > 0 else {
        // A break has taken the last place; reading RBR puts the byte on the wire again.
        arrivalAt = .never
        break
      }
      let byte = hostQueue[hostQueueHead]
      hostQueueHead += 1
      if hostQueueHead == hostQueue.count || hostQueueHead >= 4096 {
        hostQueue.removeFirst(hostQueueHead)
        hostQueueHead = 0
      }
      accept(byte, errors: 0, at: arrival)
      arrivalAt = .never
      scheduleArrival(at: arrival)
    }
    if timeoutAt <= now {
      timeoutPending = true
      timeoutAt = .never
    }
    driveInterrupt(at: now)
  }

  package var deadline: VirtualTime { min(arrivalAt, timeoutAt) }

  package func run(at now: VirtualTime) { advance(to: now) }

  // MARK: Modem lines and interrupt

  /// Compares the modem lines with the last sample. In loopback they come from MCR: RTS, DTR, OUT1, OUT2.
  private func sampleModemLines() {
    var lines = modemPins
    if MCR.bit(Self.loop) {
      lines =
        (MCR.bit(1) ? MSR.CTS : 0) | (MCR.bit(0) ? MSR.DSR : 0) | (MCR.bit(2) ? MSR.RI : 0)
        | (MCR.bit(3) ? MSR.DCD : 0)
    }
    let changed = lines ^ modemStatus
    // DCTS, DDSR and DDCD report any change; TERI only the trailing edge of RI.
    modemDelta |= (changed & ~MSR.RI | modemStatus & ~lines & MSR.RI) >> 4
    modemStatus = lines
  }

  /// IIR 3:0 by priority: line status, received data or timeout, transmitter, modem status.
  private var interruptIdentification: UInt8 {
    if IER.bit(2) && lineErrors != 0 { return 0x06 }
    if IER.bit(0) {
      if receiver.count >= triggerLevel { return 0x04 }
      if timeoutPending { return 0x0C }
    }
    if IER.bit(1) && transmitterPending { return 0x02 }
    if IER.bit(3) && modemDelta != 0 { return 0x00 }
    return 0x01
  }

  /// On a PC the INTR pin reaches the IRQ through a buffer that OUT2 enables; loopback holds OUT2 inactive.
  private func driveInterrupt(at now: VirtualTime) {
    let level =
      MCR.bit(Self.OUT2) && !MCR.bit(Self.loop) && interruptIdentification != 0x01
    guard level != asserted else { return }
    asserted = level
    irq.set(level, at: now)
  }

  // MARK: Saved state

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { w in
      for register in [IER, FCR, LCR, MCR, SCR, lineErrors, modemStatus, modemDelta, modemPins, emptyPolls] {
        w.write(register)
      }
      w.write(divisor)
      w.write(transmitterPending)
      w.write(timeoutPending)
      w.write(asserted)
      w.write(timeoutAt)
      w.write(arrivalAt)
      w.write(UInt8(receiver.count))
      for entry in receiver { w.write(entry) }
      w.write(Array(hostQueue[hostQueueHead...]))
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (r, _) throws(StateError) in
      IER = try r.read(UInt8.self) & 0x0F
      FCR = try r.read(UInt8.self) & 0xC9
      LCR = try r.read(UInt8.self)
      MCR = try r.read(UInt8.self) & 0x1F
      SCR = try r.read(UInt8.self)
      lineErrors = try r.read(UInt8.self) & 0x1E
      modemStatus = try r.read(UInt8.self) & 0xF0
      modemDelta = try r.read(UInt8.self) & 0x0F
      modemPins = try r.read(UInt8.self) & 0xF0
      emptyPolls = min(try r.read(UInt8.self), Self.emptyPollsOfAListener)
      divisor = try r.read(UInt16.self)
      transmitterPending = try r.readBool("transmitterPending")
      timeoutPending = try r.readBool("timeoutPending")
      asserted = try r.readBool("asserted")
      timeoutAt = try r.read(VirtualTime.self)
      arrivalAt = try r.read(VirtualTime.self)
      let count = Int(try r.read(UInt8.self))
      guard count <= (FCR.bit(0) ? Self.fifoDepth : 1) else { throw r.invalid("receiver") }
      receiver = []
      for _ in 0..<count { receiver.append(try r.read(UInt16.self) & 0x1CFF) }
      hostQueue = try r.readBytes(limit: Self.hostQueueLimit, "hostQueue")
      hostQueueHead = 0
    }
  }
}

// MARK: For people

extension UART16550 {
  /// The registers, those that reading would clear as well.
  package var description: DeviceDescription {
    var description = DeviceDescription("\(name) (UART)")
    description.add("base port", DeviceDescription.hex(base))
    description.add("IER", IER, bits: ["ERBFI", "ETBEI", "ELSI", "EDSSI"])
    let identification = interruptIdentification
    let interrupts: [UInt8: String] = [
      0x06: "receiver line status", 0x04: "received data available", 0x0C: "character timeout",
      0x02: "transmitter holding register empty", 0x00: "modem status",
    ]
    description.add(
      "IIR",
      DeviceDescription.hex(identification | (FCR.bit(0) ? 0xC0 : 0)) + "  "
        + (interrupts[identification] ?? "no interrupt pending"))
    description.add(
      "FCR",
      DeviceDescription.hex(FCR) + "  "
        + (FCR.bit(0) ? "FIFOs on, trigger level \(triggerLevel)" : "FIFOs off"))
    let parity = LCR.bit(3) ? (LCR.bit(5) ? (LCR.bit(4) ? "S" : "M") : (LCR.bit(4) ? "E" : "O")) : "N"
    var format = "\(5 + LCR & 3)\(parity)\(LCR.bit(2) ? (LCR & 3 == 0 ? "1.5" : "2") : "1")"
    if LCR.bit(6) { format += ", set break" }
    if LCR.bit(Self.DLAB) { format += ", DLAB" }
    description.add("LCR", DeviceDescription.hex(LCR) + "  " + format)
    description.add("MCR", MCR, bits: ["DTR", "RTS", "OUT1", "OUT2", "loop"])
    let received = receiver.isEmpty ? 0 : LSR.DR
    description.add(
      "LSR", LSR.THRE | LSR.TEMT | lineErrors | received,
      bits: ["DR", "OE", "PE", "FE", "BI", "THRE", "TEMT", "error in FIFO"])
    description.add(
      "MSR", modemStatus | modemDelta, bits: ["DCTS", "DDSR", "TERI", "DDCD", "CTS", "DSR", "RI", "DCD"])
    description.add("SCR", DeviceDescription.hex(SCR))
    let rate = Self.clock / 16 / UInt64(max(divisor, 1))
    description.add("divisor latch", "\(divisor), \(rate) baud")
    description.add("receiver", "\(receiver.count) in the FIFO, \(queuedBytes) to come")
    description.add("INTR", asserted ? "high" : "low")
    return description
  }
}
