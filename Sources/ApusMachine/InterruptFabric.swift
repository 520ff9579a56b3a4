import ApusBase
import ApusDevices

/// The wires between interrupt sources and the two interrupt controllers. An ISA interrupt reaches the
/// 8259A's input of its number and the I/O APIC's input of that number, but IRQ 0 its input 2 (MADT, interrupt
/// source override). A PCI interrupt reaches an 8259A input as the PIIX3 routes it, and the I/O APIC by wires
/// of its own that do not pass here. Several sources may share an interrupt, which is asserted while one of
/// them asserts it.
package final class InterruptFabric: LineSink {
  /// The source number under which the PIIX3's PCI interrupts arrive.
  package static let pirqSource = 15

  private let pic: any LineSink
  private let ioAPIC: any LineSink
  /// By IRQ, the sources that assert it: bit per source number.
  private var sources = [UInt16](repeating: 0, count: 16)

  /// A fabric in which nothing is asserted.
  package init(pic: any LineSink, ioAPIC: any LineSink) {
    self.pic = pic
    self.ioAPIC = ioAPIC
  }

  /// The wire of a device to `irq` (0...15). Devices that share an interrupt need different `source` numbers
  /// (0...14).
  package func line(_ irq: Int, source: Int = 0) -> Line { Line(self, irq << 4 | source) }

  /// Input: IRQ × 16 + source.
  package func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    let irq = input >> 4
    guard sources.indices.contains(irq) else { return }
    let old = sources[irq]
    sources[irq].setBit(input & 15, level)
    guard sources[irq] != old else { return }
    let isa: UInt16 = ~(1 << UInt16(Self.pirqSource))
    if (sources[irq] & isa != 0) != (old & isa != 0) { driveIOAPIC(irq, at: now) }
    if (sources[irq] != 0) != (old != 0) { pic.setLine(irq, level: sources[irq] != 0, at: now) }
  }

  private func driveIOAPIC(_ irq: Int, at now: VirtualTime) {
    let isa: UInt16 = ~(1 << UInt16(Self.pirqSource))
    ioAPIC.setLine(irq == 0 ? 2 : irq, level: sources[irq] & isa != 0, at: now)
  }

  /// Tells both controllers the levels of all wires, after they have forgotten them in a reset.
  package func driveAll(at now: VirtualTime) {
    for irq in 0..<16 {
      driveIOAPIC(irq, at: now)
      pic.setLine(irq, level: sources[irq] != 0, at: now)
    }
  }

  package func save(to writer: inout StateWriter) {
    writer.section("InterruptFabric", version: 1) { w in for mask in sources { w.write(mask) } }
  }

  /// The inverse of `save`. The controllers know the levels of their inputs themselves.
  func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section("InterruptFabric", newest: 1) { (r, _) throws(StateError) in
      for irq in sources.indices { sources[irq] = try r.read() }
    }
  }
}

/// The PIIX3's way to the 8259A: its inputs are the sixteen IRQs.
package final class PIRQWires: LineSink {
  private let fabric: InterruptFabric

  package init(_ fabric: InterruptFabric) { self.fabric = fabric }

  package func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    fabric.setLine(input << 4 | InterruptFabric.pirqSource, level: level, at: now)
  }
}

/// The gate in the NMI line from port 61h's error bits to the processor: bit 7 of port 70h closes it (Intel
/// 82371FB datasheet, "RTCI—Real-Time Clock Index Register").
package final class NMIGate: LineSink {
  private let output: Line
  private var input = false
  /// Whether port 70h masks the NMI.
  private var isMasked = false

  /// An open gate in front of `output`.
  package init(output: Line) { self.output = output }

  /// The only input is the NMI as the port 61h logic drives it.
  package func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    self.input = level
    output.set(level && !isMasked, at: now)
  }

  /// Follows bit 7 of port 70h.
  package func mask(_ masked: Bool, at now: VirtualTime) {
    guard masked != isMasked else { return }
    isMasked = masked
    output.set(input && !masked, at: now)
  }

  /// Writes its state as fields of the caller's section.
  package func save(to writer: inout StateWriter) {
    writer.write(input)
    writer.write(isMasked)
  }

  /// The inverse of `save`. The output's level is known where it leads.
  func restore(from reader: inout StateReader) throws(StateError) {
    input = try reader.readBool("NMI")
    isMasked = try reader.readBool("NMI mask")
  }
}

/// The path of message signalled interrupts to the local APIC.
package final class MSIBridge: MSISink {
  private let destination: LocalAPIC

  package init(_ destination: LocalAPIC) { self.destination = destination }

  /// A write elsewhere than to FEExxxxxh is no interrupt; it goes nowhere.
  package func deliverMSI(physical: UInt64, data: UInt32, at now: VirtualTime) {
    guard let message = InterruptMessage(msiPhysical: physical, data: data) else { return }
    destination.accept(message, at: now)
  }
}
