import ApusBase

/// The AT's logic between the x87 unit's FERR# and IRQ 13: an error latches the interrupt, and a write of any
/// value to port F0h clears it. Source: IBM AT Technical Reference, "Coprocessor"; Intel 82371FB datasheet,
/// "Coprocessor Error Register". Reads give FFh.
package final class CoprocessorErrorPort: BytePortDevice {
  package let name = "CoprocessorErrorPort"
  /// The ports to attach.
  package static let portRanges: [ClosedRange<UInt16>] = [0xF0...0xF0]

  private let IRQ13: Line
  private var isLatched = false

  /// A port after power-on. `IRQ13` is driven with a level.
  package init(IRQ13: Line) { self.IRQ13 = IRQ13 }

  package func reset(at now: VirtualTime) { drive(false, at: now) }

  /// FERR# was asserted: an unmasked x87 exception is pending while CR0.NE is clear.
  package func signalError(at now: VirtualTime) { drive(true, at: now) }

  private func drive(_ level: Bool, at now: VirtualTime) {
    isLatched = level
    IRQ13.set(level, at: now)
  }

  package func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 { 0xFF }

  package func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    if port == 0xF0 { drive(false, at: now) }
  }

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { $0.write(isLatched) }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in
      isLatched = try reader.readBool("isLatched")
    }
  }
}

// MARK: For people

extension CoprocessorErrorPort {
  /// The latch.
  package var description: DeviceDescription {
    var description = DeviceDescription("coprocessor error")
    description.add("FERR# latch", isLatched ? "set, IRQ13 high" : "clear, IRQ13 low")
    return description
  }
}
