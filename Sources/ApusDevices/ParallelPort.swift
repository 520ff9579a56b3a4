import ApusBase

/// A parallel port with a printer on it that sends its bytes to a sink: the standard parallel port of a PC/AT with
/// the direction bit of the PS/2. Sources: IBM AT Technical Reference, "Parallel Port"; IEEE 1284-1994,
/// "Compatibility Mode", for the handshake. EPP and ECP are not there, and their registers read as open bus.
package final class ParallelPort: BytePortDevice {
  package let name: String
  /// The ports of LPT1, which has IRQ 7; LPT2 is at 278h with IRQ 5.
  package static let LPT1: ClosedRange<UInt16> = 0x378...0x37A
  package static let LPT2: ClosedRange<UInt16> = 0x278...0x27A
  /// Nanoseconds from nSTROBE to nACK low, and from there to nACK high with BUSY low.
  private static let handshakeTime: UInt64 = 1000

  /// What the printer does.
  private enum Printer: UInt8 { case idle, busy, acknowledging }

  private let base: UInt16
  private let IRQ: Line
  private let sink: (any ByteSink)?
  private var data: UInt8 = 0
  /// Bits 5:0: direction, interrupt enable, SELECT IN, INIT#, AUTO FEED, STROBE.
  private var control: UInt8 = 0
  private var printer = Printer.idle
  private var dueAt = VirtualTime.never

  /// A port at `base` with a printer that prints to `sink`; a nil sink leaves the connector empty.
  package init(name: String = "LPT1", base: UInt16 = 0x378, IRQ: Line, sink: (any ByteSink)?) {
    self.name = name
    self.base = base
    self.IRQ = IRQ
    self.sink = sink
  }

  package func reset(at now: VirtualTime) {
    data = 0
    control = 0
    settle()
    IRQ.set(false, at: now)
  }

  private func settle() {
    printer = .idle
    dueAt = .never
  }

  package var deadline: VirtualTime { dueAt }

  package func run(at now: VirtualTime) {
    while dueAt <= now && dueAt != .never {
      if printer == .busy {
        printer = .acknowledging
        dueAt = dueAt.later(by: Self.handshakeTime)
      } else {
        settle()
        // The interrupt comes as nACK goes from active to inactive.
        if control.bit(4) { IRQ.pulse(at: now) }
      }
    }
  }

  package func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 {
    run(at: now)
    switch port &- base {
    // Nothing drives the lines towards the PC.
    case 0: return control.bit(5) ? 0xFF : data
    case 1: return status
    case 2: return 0xC0 | control
    default: return 0xFF
    }
  }

  /// Bits 7:3: BUSY#, ACK#, PE, SLCT, ERROR#. The inputs of an empty connector are pulled up. A printer that is
  /// being initialised is busy.
  private var status: UInt8 {
    guard sink != nil else { return 0x7F }
    let isBusy = printer != .idle || !control.bit(2)
    return 0x1F | (isBusy ? 0 : 0x80) | (printer == .acknowledging ? 0 : 0x40)
  }

  package func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    run(at: now)
    switch port &- base {
    case 0: data = value
    case 2:
      let isStrobed = value.bit(0) && !control.bit(0)
      control = value & 0x3F
      if !control.bit(2) { settle() }
      if isStrobed { strobe(at: now) }
    default: break
    }
  }

  /// A busy printer takes no byte.
  private func strobe(at now: VirtualTime) {
    guard let sink, printer == .idle, control.bit(2) else { return }
    sink.send(control.bit(5) ? 0xFF : data)
    printer = .busy
    dueAt = now.later(by: Self.handshakeTime)
  }

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { writer in
      writer.write(data)
      writer.write(control)
      writer.write(printer.rawValue)
      writer.write(dueAt)
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in
      data = try reader.read()
      control = try reader.read()
      guard control < 0x40 else { throw reader.invalid("control") }
      guard let saved = Printer(rawValue: try reader.read()) else { throw reader.invalid("printer") }
      printer = saved
      dueAt = try reader.read()
      guard printer != .idle || dueAt == .never else { throw reader.invalid("dueAt") }
    }
  }
}

// MARK: For people

extension ParallelPort {
  /// The registers and the printer.
  package var description: DeviceDescription {
    var description = DeviceDescription("\(name) (parallel port)")
    description.add("base port", base, "")
    description.add("data", data, "")
    description.add("status", status, bits: ["", "", "", "ERROR#", "SLCT", "PE", "ACK#", "BUSY#"])
    description.add(
      "control", control,
      bits: ["STROBE", "AUTO FEED", "INIT#", "SELECT IN", "interrupt enable", "direction in"])
    guard sink != nil else {
      description.add("printer", "none")
      return description
    }
    let states: [Printer: String] = [.idle: "idle", .busy: "busy", .acknowledging: "acknowledges"]
    description.add("printer", control.bit(2) ? states[printer] ?? "" : "is initialised")
    return description
  }
}
