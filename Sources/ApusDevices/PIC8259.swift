import ApusBase

/// One 8259A programmable interrupt controller without its bus: registers, priority resolver and INT
/// output. Source: Intel 8259A/8259A-2 datasheet (231468), whose register and bit names are used; the
/// edge/level register is that of the Intel 82371FB/82371SB datasheet, "ELCR1, ELCR2".
///
/// Departs from hardware: a request latched in edge mode stays when its line falls before INTA#, so that a
/// pulse requests an interrupt (the datasheet gives the default IR7 instead); the cascade input alone drops
/// its request. The M/S bit of ICW4 is ignored: the SP#/EN# wiring decides, as in every PC.
package struct PIC8259 {
  private enum Step: UInt8 {
    case ready, ICW2, ICW3, ICW4
  }

  /// Inputs whose edge request disappears with the line: the inputs that slaves drive.
  private let cascadeInputs: UInt8
  /// Present level of IR0–IR7.
  private var inputs: UInt8 = 0
  /// The edge-sense latches.
  private var edges: UInt8 = 0
  /// Interrupt mask register.
  package private(set) var IMR: UInt8 = 0xFF
  /// In-service register.
  package private(set) var ISR: UInt8 = 0
  /// Edge/level control register: a set bit makes its input level-triggered.
  package private(set) var ELCR: UInt8 = 0
  private var ICW1: UInt8 = 0
  private var ICW2: UInt8 = 0
  private var ICW3: UInt8 = 7
  private var ICW4: UInt8 = 0
  private var step = Step.ready
  /// The level of lowest priority; the next higher number (modulo 8) is the highest.
  private var lowestPriority: UInt8 = 7
  private var rotatesInAEOI = false
  private var specialMask = false
  private var polls = false
  private var readsISR = false

  /// A chip after power-on. `cascadeInputs` has a bit for each input that a slave's INT output drives.
  package init(cascadeInputs: UInt8) { self.cascadeInputs = cascadeInputs }

  private var SNGL: Bool { ICW1.bit(1) }
  private var AEOI: Bool { ICW4.bit(1) }

  /// Inputs that are level-triggered: all with ICW1's LTIM, else those the ELCR names.
  private var levelTriggered: UInt8 { ICW1.bit(3) ? 0xFF : ELCR }

  /// Interrupt request register.
  package var IRR: UInt8 { (edges & ~levelTriggered) | (inputs & levelTriggered) }

  /// The INT output.
  package var INT: Bool { highestRequest != nil }

  /// The slave address that the cascade lines must show for this chip to answer as a slave.
  package var slaveID: Int { Int(ICW3 & 7) }

  /// Whether this chip, as a master, leaves the vector for `level` to a slave.
  package func cascades(_ level: Int) -> Bool { !SNGL && ICW3.bit(level & 7) }

  /// The level that would be acknowledged now. Silent while the initialisation sequence is incomplete.
  package var highestRequest: Int? {
    let requests = IRR & ~IMR
    guard requests != 0 && step == .ready else { return nil }
    // Special mask mode: a masked level in service inhibits nobody ("Special Mask Mode").
    let inhibiting = specialMask ? ISR & ~IMR : ISR
    for rank: UInt8 in 1...8 {
      let level = Int((lowestPriority &+ rank) & 7)
      if inhibiting.bit(level) {
        // "The Special Fully Nest Mode": a slave in service is not locked out of its own level.
        let nested = ICW4.bit(4) && cascadeInputs.bit(level) && cascades(level)
        return nested && requests.bit(level) ? level : nil
      }
      if requests.bit(level) { return level }
    }
    return nil
  }

  /// Input `level` (0–7) changes.
  package mutating func setInput(_ level: Int, _ high: Bool) {
    let bit: UInt8 = 1 << UInt8(truncatingIfNeeded: level & 7)
    if high {
      if inputs & bit == 0 { edges |= bit & ~levelTriggered }
      inputs |= bit
    } else {
      inputs &= ~bit
      edges &= ~(bit & cascadeInputs)
    }
  }

  /// The INTA# sequence for `level`, which `highestRequest` gave: sets ISR, clears the edge latch, and ends
  /// the service at once under AEOI.
  package mutating func beginService(_ level: Int) {
    let bit: UInt8 = 1 << UInt8(truncatingIfNeeded: level & 7)
    edges &= ~bit
    if AEOI {
      if rotatesInAEOI { lowestPriority = UInt8(truncatingIfNeeded: level & 7) }
    } else {
      ISR |= bit
    }
  }

  /// The byte the chip drives in the second INTA# cycle. In MCS-80/85 mode that is the low byte of the CALL
  /// address ("Interrupt Sequence Outputs"); an x86 takes whatever comes as its vector.
  package func vector(_ level: Int) -> UInt8 {
    let level = UInt8(truncatingIfNeeded: level & 7)
    if ICW4.bit(0) { return (ICW2 & 0xF8) | level }
    return ICW1.bit(2) ? (ICW1 & 0xE0) | (level << 2) : (ICW1 & 0xC0) | (level << 3)
  }

  /// Reads with A0 = 0 (IRR or ISR) or A0 = 1 (IMR); after OCW3 with P, either is the poll (`polled` then
  /// says that the read acknowledged a request, which lowers INT).
  package mutating func read(A0: Bool) -> (value: UInt8, polled: Bool) {
    if polls {
      polls = false
      guard let level = highestRequest else { return (0, false) }
      beginService(level)
      return (0x80 | UInt8(truncatingIfNeeded: level), true)
    }
    if A0 { return (IMR, false) }
    return (readsISR ? ISR : IRR, false)
  }

  /// Writes with A0 = 0 (ICW1, OCW2, OCW3) or A0 = 1 (ICW2–ICW4, OCW1).
  package mutating func write(A0: Bool, _ value: UInt8) {
    if A0 {
      writeDataPort(value)
    } else if value.bit(4) {
      initialise(value)
    } else if value.bit(3) {
      writeOCW3(value)
    } else {
      writeOCW2(value)
    }
  }

  /// Writes the ELCR; `writable` has the inputs that may be level-triggered.
  package mutating func writeELCR(_ value: UInt8, writable: UInt8) {
    ELCR = value & writable
    edges &= ~levelTriggered
  }

  /// ICW1: "Initialization Command Words 1 and 2", items a–f.
  private mutating func initialise(_ value: UInt8) {
    ICW1 = value
    edges = 0
    IMR = 0
    ISR = 0
    lowestPriority = 7
    ICW3 = 7
    specialMask = false
    readsISR = false
    polls = false
    rotatesInAEOI = false
    ICW4 = 0
    step = .ICW2
  }

  private mutating func writeDataPort(_ value: UInt8) {
    switch step {
    case .ready:
      IMR = value
    case .ICW2:
      ICW2 = value
      step = SNGL ? afterICW3 : .ICW3
    case .ICW3:
      ICW3 = value
      step = afterICW3
    case .ICW4:
      ICW4 = value & 0x1F
      step = .ready
    }
  }

  private var afterICW3: Step { ICW1.bit(0) ? .ICW4 : .ready }

  private mutating func writeOCW3(_ value: UInt8) {
    if value.bit(6) { specialMask = value.bit(5) }
    polls = value.bit(2)
    if value.bit(1) { readsISR = value.bit(0) }
  }

  private mutating func writeOCW2(_ value: UInt8) {
    let level = value & 7
    switch value.bits(7, 5) {
    case 0b000: rotatesInAEOI = false
    case 0b001: endOfInterrupt(highestInService, rotate: false)
    case 0b011: endOfInterrupt(level, rotate: false)
    case 0b100: rotatesInAEOI = true
    case 0b101: endOfInterrupt(highestInService, rotate: true)
    case 0b110: lowestPriority = level
    case 0b111: endOfInterrupt(level, rotate: true)
    default: break  // 010: no operation
    }
  }

  /// What a non-specific EOI ends. "End of Interrupt (EOI)": under special mask mode a masked level in
  /// service is not cleared by it.
  private var highestInService: UInt8? {
    let candidates = specialMask ? ISR & ~IMR : ISR
    for rank: UInt8 in 1...8 {
      let level = (lowestPriority &+ rank) & 7
      if candidates.bit(Int(level)) { return level }
    }
    return nil
  }

  private mutating func endOfInterrupt(_ level: UInt8?, rotate: Bool) {
    guard let level else { return }
    ISR.setBit(Int(level), false)
    if rotate { lowestPriority = level }
  }

  /// Writes every register as fields of the caller's section.
  package func save(to writer: inout StateWriter) {
    for byte in [inputs, edges, IMR, ISR, ELCR, ICW1, ICW2, ICW3, ICW4, step.rawValue, lowestPriority] {
      writer.write(byte)
    }
    for flag in [rotatesInAEOI, specialMask, polls, readsISR] { writer.write(flag) }
  }

  /// Reads back what `save` wrote.
  package mutating func restore(from reader: inout StateReader) throws(StateError) {
    inputs = try reader.read()
    edges = try reader.read()
    IMR = try reader.read()
    ISR = try reader.read()
    ELCR = try reader.read()
    ICW1 = try reader.read()
    ICW2 = try reader.read()
    ICW3 = try reader.read()
    ICW4 = try reader.read()
    guard let savedStep = Step(rawValue: try reader.read()) else { throw reader.invalid("step") }
    step = savedStep
    lowestPriority = try reader.read()
    guard lowestPriority < 8 else { throw reader.invalid("lowestPriority") }
    rotatesInAEOI = try reader.readBool("rotatesInAEOI")
    specialMask = try reader.readBool("specialMask")
    polls = try reader.readBool("polls")
    readsISR = try reader.readBool("readsISR")
  }
}

/// The two 8259As of a PC: the slave's INT on the master's IR2, ports 20h/21h and A0h/A1h, ELCR at 4D0h and
/// 4D1h. A `LineSink` with inputs 0–15 (IRQ0–IRQ15); input 2 is taken by the cascade and ignored.
package final class PIC8259Pair: BytePortDevice, LineSink {
  package let name = "PIC8259"
  /// The ports to attach.
  package static let portRanges: [ClosedRange<UInt16>] = [0x20...0x21, 0xA0...0xA1, 0x4D0...0x4D1]

  private let INTR: Line
  private static let cascadeLevel = 2
  /// IRQ0–IRQ7.
  package private(set) var master = PIC8259(cascadeInputs: 1 << 2)
  /// IRQ8–IRQ15.
  package private(set) var slave = PIC8259(cascadeInputs: 0)

  /// The pair after power-on. `INTR` is driven with the master's INT output, a level.
  package init(INTR: Line) { self.INTR = INTR }

  /// Whether the master asks for an interrupt.
  package var isRequesting: Bool { master.INT }

  package func reset(at now: VirtualTime) {
    master = PIC8259(cascadeInputs: 1 << 2)
    slave = PIC8259(cascadeInputs: 0)
    driveOutputs(at: now)
  }

  package func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    precondition((0..<16).contains(input), "IRQ number out of range")
    if input >= 8 {
      slave.setInput(input - 8, level)
    } else if input != Self.cascadeLevel {
      master.setInput(input, level)
    }
    driveOutputs(at: now)
  }

  /// The CPU's INTA cycles: the vector of the highest request, which goes into service. Without a request
  /// the chip gives its default IR7 and sets no ISR bit (the spurious IRQ7; IRQ15 when the slave alone has
  /// none, which takes a request lost between the two INTA cycles and so cannot come about while both are
  /// this one step). FFh when the addressed slave does not answer: nobody drives the bus.
  package func acknowledge(at now: VirtualTime) -> UInt8 {
    guard let level = master.highestRequest else { return master.vector(7) }
    master.beginService(level)
    var vector = master.vector(level)
    if master.cascades(level) {
      if level == Self.cascadeLevel && slave.slaveID == level {
        let slaveLevel = slave.highestRequest
        vector = slave.vector(slaveLevel ?? 7)
        if let slaveLevel { slave.beginService(slaveLevel) }
        // INT falls during INTA#; a further request of the slave gives the master a new edge.
        master.setInput(Self.cascadeLevel, false)
      } else {
        vector = 0xFF
      }
    }
    driveOutputs(at: now)
    return vector
  }

  package func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 {
    switch port {
    case 0x20, 0x21:
      let value = master.read(A0: port & 1 != 0).value
      driveOutputs(at: now)
      return value
    case 0xA0, 0xA1:
      let (value, polled) = slave.read(A0: port & 1 != 0)
      if polled { master.setInput(Self.cascadeLevel, false) }
      driveOutputs(at: now)
      return value
    case 0x4D0: return master.ELCR
    case 0x4D1: return slave.ELCR
    default: return 0xFF
    }
  }

  package func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    switch port {
    case 0x20, 0x21: master.write(A0: port & 1 != 0, value)
    case 0xA0, 0xA1: slave.write(A0: port & 1 != 0, value)
    // IRQ0, 1, 2, 8 and 13 are edge-triggered for good.
    case 0x4D0: master.writeELCR(value, writable: 0xF8)
    case 0x4D1: slave.writeELCR(value, writable: 0xDE)
    default: return
    }
    driveOutputs(at: now)
  }

  private func driveOutputs(at now: VirtualTime) {
    master.setInput(Self.cascadeLevel, slave.INT)
    INTR.set(master.INT, at: now)
  }

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { writer in
      master.save(to: &writer)
      slave.save(to: &writer)
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in
      try master.restore(from: &reader)
      try slave.restore(from: &reader)
    }
  }
}

// MARK: For people

extension PIC8259 {
  /// Adds what is in the registers.
  func describe(_ name: String, into description: inout DeviceDescription) {
    let levels = (0..<8).map { "IR\($0)" }
    description.add("\(name) IRR", IRR, bits: levels)
    description.add("\(name) IMR", IMR, bits: levels)
    description.add("\(name) ISR", ISR, bits: levels)
    description.add("\(name) ELCR", ELCR, bits: levels)
    description.add(
      "\(name) ICW", [ICW1, ICW2, ICW3, ICW4].map { DeviceDescription.hex($0) }.joined(separator: " "))
    var modes = ["vectors \(DeviceDescription.hex(vector(0)))-\(DeviceDescription.hex(vector(7)))"]
    modes.append(ICW1.bit(3) ? "level-triggered" : "edge-triggered")
    if AEOI { modes.append(rotatesInAEOI ? "AEOI with rotation" : "AEOI") }
    if ICW4.bit(4) { modes.append("special fully nested") }
    if specialMask { modes.append("special mask mode") }
    if polls { modes.append("poll command") }
    if lowestPriority != 7 { modes.append("lowest priority IR\(lowestPriority)") }
    modes.append(readsISR ? "reads ISR" : "reads IRR")
    switch step {
    case .ready: break
    case .ICW2: modes.append("waits for ICW2")
    case .ICW3: modes.append("waits for ICW3")
    case .ICW4: modes.append("waits for ICW4")
    }
    description.add("\(name) mode", modes.joined(separator: ", "))
    description.add("\(name) INT", highestRequest.map { "high for IR\($0)" } ?? "low")
  }
}

extension PIC8259Pair {
  /// The registers of both chips.
  package var description: DeviceDescription {
    var description = DeviceDescription("8259A pair (PIC)")
    master.describe("master", into: &description)
    slave.describe("slave", into: &description)
    return description
  }
}
