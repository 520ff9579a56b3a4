import ApusBase

/// System control port A, port 92h: bit 0 resets the CPU on a 0-to-1 change, bit 1 opens the A20 gate.
/// Bits 7:2 are reserved and read 0 (Intel 82371FB datasheet, "Port 92 Register").
///
/// The board combines this A20 output with the 8042's.
package final class SystemControlPortA: BytePortDevice {
  package let name = "SystemControlPortA"
  /// The ports to attach.
  package static let portRanges: [ClosedRange<UInt16>] = [0x92...0x92]

  private let A20: Line
  private let resetLine: Line
  private var register: UInt8 = 0

  /// A port after power-on: A20 gate closed. `A20` is driven with a level, `reset` pulsed.
  package init(A20: Line, reset: Line) {
    self.A20 = A20
    resetLine = reset
  }

  package func reset(at now: VirtualTime) {
    register = 0
    A20.set(false, at: now)
  }

  package func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 { port == 0x92 ? register : 0xFF }

  package func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    guard port == 0x92 else { return }
    let resets = value.bit(0) && !register.bit(0)
    register = value & 0x03
    A20.set(register.bit(1), at: now)
    if resets { resetLine.pulse(at: now) }
  }

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { $0.write(register) }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in
      let value: UInt8 = try reader.read()
      guard value <= 3 else { throw reader.invalid("register") }
      register = value
    }
  }
}

// MARK: For people

extension SystemControlPortA {
  /// Port 92h.
  package var description: DeviceDescription {
    var description = DeviceDescription("system control port A")
    description.add("port 92h", register, bits: ["FAST_INIT", "FAST_A20"])
    return description
  }
}
