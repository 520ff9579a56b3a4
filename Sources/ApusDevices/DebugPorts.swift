import ApusBase

/// The debug console at ports E9h and 402h: each byte written goes to the sink; reads give E9h, by which a guest
/// detects the port. Bochs introduced it; QEMU's `isa-debugcon` behaves so too, and SeaBIOS and OVMF write their logs
/// to port 402h.
package final class DebugConsole: BytePortDevice {
  package let name = "DebugConsole"
  /// The ports to attach.
  package static let portRanges: [ClosedRange<UInt16>] = [0xE9...0xE9, 0x402...0x402]

  private let sink: (any ByteSink)?

  /// A console that sends to `sink`; a nil sink discards.
  package init(sink: (any ByteSink)?) { self.sink = sink }

  package func reset(at now: VirtualTime) {}

  package func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 { 0xE9 }

  package func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    guard port == 0xE9 || port == 0x402 else { return }
    sink?.send(value)
  }

  package func save(to writer: inout StateWriter) { writer.section(name, version: 1) { _ in } }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (_, _) throws(StateError) in }
  }
}

/// The debug exit, QEMU's `isa-debug-exit`: a write of 1, 2 or 4 bytes to any of its ports asks the machine to
/// stop. The first write counts.
package final class DebugExit: Device {
  package let name = "DebugExit"
  /// The ports that test guests of many projects use, QEMU's `iobase=0xf4,iosize=0x4`.
  package static let usualPorts: ClosedRange<UInt16> = 0xF4...0xF7

  private let stop: Line
  /// The value written, zero-extended from the access width; nil before the write.
  package private(set) var value: UInt32?

  /// A device that pulses `stop` once a value is latched.
  package init(stop: Line) { self.stop = stop }

  /// The exit code asked for: `(value << 1) | 1`, as QEMU computes it.
  package var exitCode: UInt32? { value.map { ($0 << 1) | 1 } }

  package func reset(at now: VirtualTime) { value = nil }

  package func readPort(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32 { 0 }

  package func writePort(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime) {
    guard self.value == nil else { return }
    self.value = width >= 4 ? value : value & ((1 << UInt32(truncatingIfNeeded: 8 * max(width, 1))) &- 1)
    stop.pulse(at: now)
  }

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { writer in
      writer.write(value != nil)
      writer.write(value ?? 0)
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in
      let isLatched = try reader.readBool("isLatched")
      let saved: UInt32 = try reader.read()
      value = isLatched ? saved : nil
    }
  }
}

/// The power-on self-test code port, 80h: holds the last byte written. Operating systems also write it for
/// its bus delay.
package final class POSTCodePort: BytePortDevice {
  package let name = "POSTCodePort"
  /// The ports to attach.
  package static let portRanges: [ClosedRange<UInt16>] = [0x80...0x80]

  /// The last code written; 0 after reset.
  package private(set) var code: UInt8 = 0

  /// A port after power-on.
  package init() {}

  package func reset(at now: VirtualTime) { code = 0 }

  package func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 { port == 0x80 ? code : 0xFF }

  package func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    if port == 0x80 { code = value }
  }

  package func save(to writer: inout StateWriter) { writer.section(name, version: 1) { $0.write(code) } }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in code = try reader.read() }
  }
}

// MARK: For people

extension DebugExit {
  /// Whether the guest has asked for its end.
  package var description: DeviceDescription {
    var description = DeviceDescription("debug exit")
    description.add("value", value.map { DeviceDescription.hex($0) } ?? "not written")
    return description
  }
}

extension POSTCodePort {
  /// The last code.
  package var description: DeviceDescription {
    var description = DeviceDescription("POST code")
    description.add("port 80h", code, "")
    return description
  }
}
