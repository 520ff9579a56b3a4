import ApusBase
import ApusDevices
import Testing

@Suite struct UART16550Tests {
  let lines = StorageLines()
  let output = StorageBytes()
  let uart: UART16550

  init() {
    uart = UART16550(name: "UART16550.0", base: 0x3F8, irq: Line(lines, 4), output: output)
  }

  private func read(_ register: UInt16, at now: VirtualTime = 0) -> UInt8 {
    UInt8(truncatingIfNeeded: uart.readPort(0x3F8 + register, width: 1, at: now))
  }

  private func write(_ register: UInt16, _ value: UInt8, at now: VirtualTime = 0) {
    uart.writePort(0x3F8 + register, UInt32(value), width: 1, at: now)
  }

  /// 115200 baud, 8N1, OUT2 on; FIFO control as given.
  private func setUp(FCR: UInt8 = 0) {
    write(3, 0x83)
    write(0, 1)
    write(1, 0)
    write(3, 0x03)
    write(2, FCR)
    write(4, 0x0B)
  }

  /// Waits for input as a guest without interrupts does.
  private func poll(at now: VirtualTime) {
    for _ in 0..<2 { #expect(read(5, at: now) & 1 == 0) }
  }

  /// 10 bits at 115200 baud.
  private let characterTime: VirtualTime = 86_806

  /// Runs the UART at each of its deadlines up to `end`.
  private func run(until end: VirtualTime) {
    while uart.deadline <= end { uart.run(at: uart.deadline) }
  }

  @Test func resetState() {
    // PC16550D, table "UART Reset Configuration".
    #expect(read(1) == 0)
    #expect(read(2) == 0x01)
    #expect(read(3) == 0)
    #expect(read(4) == 0)
    #expect(read(5) == 0x60)
    #expect(read(6) == 0xB0)
    #expect(!lines[4])
  }

  @Test func divisorLatchHidesDataAndIER() {
    write(3, 0x80)
    write(0, 0x34)
    write(1, 0x12)
    #expect(read(0) == 0x34)
    #expect(read(1) == 0x12)
    write(3, 0)
    #expect(read(1) == 0)
    #expect(output.bytes.isEmpty)
  }

  @Test func scratchAndReservedBits() {
    write(7, 0xA5)
    write(1, 0xFF)
    write(4, 0xEF)
    #expect(read(7) == 0xA5)
    #expect(read(1) == 0x0F)
    #expect(read(4) == 0x0F)
  }

  @Test func transmitterInterrupt() {
    setUp()
    write(1, 0x02)
    #expect(lines[4])
    #expect(read(2) == 0x02)
    // Reading IIR acknowledged it.
    #expect(read(2) == 0x01)
    #expect(!lines[4])
    write(0, 0x41)
    #expect(output.bytes == [0x41])
    #expect(lines[4])
    // Each further byte gives another edge for an edge-triggered controller.
    let edges = lines.edges[4]!
    write(0, 0x42)
    #expect(lines.edges[4]! == edges + 1)
  }

  @Test func enablingTransmitterInterruptAgainReassertsIt() {
    // What Linux's 8250 driver tests for before it trusts THRE interrupts.
    setUp()
    write(1, 0x02)
    #expect(read(2) == 0x02)
    write(1, 0)
    write(1, 0x02)
    #expect(read(2) == 0x02)
    // Enabling it while it is enabled is not an event.
    write(1, 0x02)
    #expect(read(2) == 0x01)
  }

  @Test func OUT2GatesTheIRQ() {
    setUp()
    write(4, 0x03)
    write(1, 0x02)
    #expect(!lines[4])
    #expect(read(5) == 0x60)
    write(4, 0x0B)
    #expect(lines[4])
    write(4, 0x1B)
    #expect(!lines[4])
  }

  @Test func receivesWithoutFIFO() {
    setUp()
    write(1, 0x01)
    uart.receive([0x31, 0x32], at: 1000)
    #expect(uart.deadline == 1000 + characterTime)
    #expect(read(5, at: 1000) == 0x60)
    run(until: 1000 + characterTime)
    #expect(lines[4])
    #expect(read(2) == 0x04)
    #expect(read(5, at: 90_000) == 0x61)
    #expect(read(0, at: 90_000) == 0x31)
    #expect(!lines[4])
    // The next one starts now and is not lost.
    run(until: 90_000 + characterTime)
    #expect(read(0, at: 200_000) == 0x32)
    #expect(read(5, at: 200_000) == 0x60)
  }

  @Test(arguments: [(0x01, 1), (0x41, 4), (0x81, 8), (0xC1, 14)])
  func triggerLevels(FCR: Int, level: Int) {
    setUp(FCR: UInt8(FCR))
    write(1, 0x01)
    uart.receive([UInt8](repeating: 0x55, count: 16), at: 0)
    for i in 1...16 {
      run(until: characterTime * VirtualTime(i))
      #expect(lines[4] == (i >= level))
      #expect(read(2, at: characterTime * VirtualTime(i)) == (i >= level ? 0xC4 : 0xC1))
    }
  }

  @Test func characterTimeout() {
    setUp(FCR: 0x81)
    write(1, 0x01)
    uart.receive([1, 2, 3], at: 0)
    run(until: 3 * characterTime)
    #expect(!lines[4])
    let timeout = uart.deadline
    // Four character times after the third character.
    #expect(timeout - 3 * characterTime <= 4 * characterTime)
    #expect(timeout - 3 * characterTime > 4 * characterTime - 8)
    uart.run(at: timeout)
    #expect(lines[4])
    #expect(read(2, at: timeout) == 0xCC)
    #expect(read(0, at: timeout) == 1)
    #expect(!lines[4])
    // Reading restarted it; it comes again for what is left.
    run(until: timeout + 4 * characterTime)
    #expect(read(2, at: timeout + 4 * characterTime) == 0xCC)
    #expect(read(0, at: timeout + 4 * characterTime) == 2)
    #expect(read(0, at: timeout + 4 * characterTime) == 3)
    #expect(uart.deadline == .never)
  }

  @Test func loopbackOverrun() {
    setUp(FCR: 0x01)
    write(4, 0x1B)
    for i in 0..<17 { write(0, UInt8(i)) }
    #expect(read(5) == 0x63)
    // The error went with the reading; the FIFO kept the first sixteen.
    #expect(read(5) == 0x61)
    for i in 0..<16 { #expect(read(0) == UInt8(i)) }
    #expect(read(5) == 0x60)
    #expect(output.bytes.isEmpty)
    // In 16450 mode the new character replaces the old one.
    write(2, 0)
    write(0, 0x11)
    write(0, 0x22)
    #expect(read(5) == 0x63)
    #expect(read(0) == 0x22)
  }

  @Test func loopbackModemLines() {
    // Linux's autoconfig: MCR = loop, OUT2, RTS must give DCD and CTS.
    write(4, 0x1A)
    #expect(read(6) & 0xF0 == 0x90)
    write(4, 0x1F)
    #expect(read(6) & 0xF0 == 0xF0)
  }

  @Test func modemDeltas() {
    setUp()
    write(1, 0x08)
    uart.setModemLines(CTS: false, DSR: true, RI: true, DCD: true, at: 0)
    #expect(lines[4])
    #expect(read(2) == 0x00)
    // RI going on is no event, going off is.
    #expect(read(6) == 0xE1)
    #expect(!lines[4])
    uart.setModemLines(CTS: false, DSR: true, RI: false, DCD: false, at: 0)
    #expect(read(6) == 0x2C)
    #expect(read(6) == 0x20)
  }

  @Test func breakIsAnErrorOfItsCharacter() {
    setUp(FCR: 0x01)
    write(1, 0x04)
    poll(at: 0)
    uart.receive([0x41], at: 0)
    run(until: characterTime)
    uart.receiveBreak(at: characterTime)
    // Behind a good character only LSR.7 tells.
    #expect(read(5, at: characterTime) == 0xE1)
    #expect(!lines[4])
    #expect(read(0, at: characterTime) == 0x41)
    #expect(lines[4])
    #expect(read(2, at: characterTime) == 0xC6)
    #expect(read(5, at: characterTime) == 0xF9)
    #expect(read(5, at: characterTime) == 0x61)
    #expect(read(0, at: characterTime) == 0)
  }

  @Test func nothingPastedIsLost() {
    setUp(FCR: 0xC1)
    var text: [UInt8] = []
    for i in 0..<100_000 { text.append(UInt8(truncatingIfNeeded: i * 7 + i / 256)) }
    var offered = 0
    var got: [UInt8] = []
    var now: VirtualTime = 0
    while got.count < text.count && now < 60 * .second {
      #expect(uart.receiveCapacity <= UART16550.hostQueueLimit)
      offered += uart.receive(Array(text[offered...].prefix(30_000)), at: now)
      // A guest that looks only every 5 ms, long after the FIFO is full.
      now += 5_000_000
      uart.run(at: now)
      while read(5, at: now) & 1 != 0 { got.append(read(0, at: now)) }
      #expect(read(5, at: now) & 0x02 == 0)
    }
    let complete = got == text
    #expect(complete)
    #expect(uart.wantsInput)
  }

  @Test func inputWaitsForAGuestThatListens() {
    uart.receive([0x41, 0x42, 0x43], at: 0)
    // What Linux's 8250 driver does when it opens a port: empties the FIFO, reads everything once, twice.
    for _ in 0..<2 {
      setUp(FCR: 0x07)
      for register: UInt16 in [5, 0, 2, 6] { _ = read(register) }
    }
    #expect(uart.deadline == .never)
    write(1, 0x05)
    run(until: 3 * characterTime)
    #expect((0..<3).map { _ in read(0, at: 3 * characterTime) } == [0x41, 0x42, 0x43])
    #expect(uart.deadline == .never)
  }

  @Test func inputArrivesForAGuestThatPolls() {
    setUp()
    uart.receive([0x41, 0x42], at: 0)
    // Waiting for the transmitter before each character is no sign of a reader.
    for _ in 0..<4 {
      _ = read(5)
      write(0, 0x2E)
    }
    #expect(uart.deadline == .never)
    poll(at: 0)
    #expect(uart.deadline == characterTime)
    run(until: characterTime)
    #expect(read(5, at: characterTime) == 0x61)
    #expect(read(0, at: characterTime) == 0x41)
    // It goes on listening while it echoes, until it sets up the UART anew.
    write(0, 0x41, at: characterTime)
    #expect(uart.deadline == 2 * characterTime)
    run(until: 2 * characterTime)
    #expect(read(0, at: 2 * characterTime) == 0x42)
    setUp()
    uart.receive([0x43], at: 2 * characterTime)
    #expect(uart.deadline == .never)
  }

  @Test func clearingTheFIFO() {
    setUp(FCR: 0x01)
    write(4, 0x1B)
    write(0, 0x11)
    // Other bits count only together with bit 0.
    write(2, 0x03)
    #expect(read(5) == 0x60)
    write(0, 0x22)
    write(2, 0x00)
    #expect(read(5) == 0x60)
    #expect(read(2) & 0xC0 == 0)
    write(2, 0xC0)
    #expect(read(2) & 0xC0 == 0)
  }

  @Test func wideAccessesAreByteCycles() {
    uart.writePort(0x3FB, 0x0B_03, width: 2, at: 0)
    #expect(read(3) == 0x03)
    #expect(read(4) == 0x0B)
    #expect(uart.readPort(0x3FD, width: 2, at: 0) == 0xB060)
    #expect(uart.readPort(0x3FF, width: 2, at: 0) == 0xFF00)
  }

  @Test func breakControlSilencesTheOutput() {
    setUp()
    write(3, 0x43)
    write(0, 0x41)
    write(3, 0x03)
    write(0, 0x42)
    #expect(output.bytes == [0x42])
  }

  @Test func stateRoundTrip() throws {
    setUp(FCR: 0x81)
    write(1, 0x0F)
    uart.receive([UInt8](0..<200), at: 0)
    run(until: 20 * characterTime)
    uart.receiveBreak(at: 20 * characterTime)
    let state = savedState(uart)
    let copy = UART16550(name: "UART16550.0", base: 0x3F8, irq: Line(nil, 0), output: nil)
    try restoreState(copy, state)
    #expect(savedState(copy) == state)
    for step in 0..<400 {
      let now = 20 * characterTime + VirtualTime(step) * 50_000
      uart.run(at: now)
      copy.run(at: now)
      let port = 0x3F8 + UInt16(step % 7)
      #expect(uart.readPort(port, width: 1, at: now) == copy.readPort(port, width: 1, at: now))
    }
    for cut in 0..<state.count {
      #expect(throws: StateError.self) { try restoreState(copy, Array(state[0..<cut])) }
    }
  }

  @Test func fuzz() throws {
    var random = StorageRandom(seed: 16550)
    var now: VirtualTime = 0
    for step in 0..<200_000 {
      now += VirtualTime(random.below(100_000))
      let port = 0x3F8 + UInt16(random.below(8))
      switch random.below(8) {
      case 0...2: _ = uart.readPort(port, width: random.pick([1, 2, 4]), at: now)
      case 3...5:
        uart.writePort(
          port, UInt32(truncatingIfNeeded: random.next()), width: random.pick([1, 2, 4]), at: now)
      case 6: uart.receive([UInt8](repeating: 1, count: random.below(40)), at: now)
      default: if step % 5 == 0 { uart.receiveBreak(at: now) } else { uart.run(at: now) }
      }
      #expect(uart.receiveCapacity >= 0)
    }
    // Hostile saved state is refused or works.
    let state = savedState(uart)
    for _ in 0..<2000 {
      var bytes = state
      bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
      guard (try? restoreState(uart, bytes)) != nil else { continue }
      uart.run(at: now)
      for register: UInt16 in 0..<8 { _ = uart.readPort(0x3F8 + register, width: 1, at: now) }
    }
  }
}
