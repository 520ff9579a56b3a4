import ApusBase

/// Where message signalled interrupts go: the memory writes that reach a local APIC.
package protocol MSISink: AnyObject {
  /// A function has written `data` to `physical`.
  func deliverMSI(physical: UInt64, data: UInt32, at now: VirtualTime)
}

/// The MSI-X capability of a PCI function with its vector table and pending bits, which lie in one base
/// address register: the table at offset 0, the pending bits at 800h.
///
/// Source: PCI Local Bus Specification 3.0, section "MSI-X Capability and Table Structures".
struct MSIX {
  /// Bytes of the memory range.
  static let rangeSize: UInt32 = 0x1000
  private static let pendingOffset: UInt64 = 0x800

  /// Offset of the capability in configuration space.
  private let capability: Int
  /// Four double words a vector: address low, address high, data, control.
  private var table: [UInt32]
  private var pending: [Bool]
  private let sink: any MSISink

  /// Adds the capability to `configuration`, with `vectors` (1...128) in base address register `bar`.
  init(vectors: Int, bar: Int, sink: any MSISink, in configuration: inout PCIConfiguration) {
    precondition((1...128).contains(vectors))
    let size = UInt8(vectors - 1)
    configuration.define(bar: bar, .memory(size: Self.rangeSize))
    capability = configuration.appendCapability(
      0x11, [size, 0x00, UInt8(bar), 0, 0, 0, UInt8(bar), 0x08, 0, 0], writable: [0, 0xC0])
    table = []
    pending = []
    self.sink = sink
    for _ in 0..<vectors { pending.append(false) }
    table = [UInt32](repeating: 0, count: 4 * vectors)
    reset()
  }

  /// Masks every vector, as after RST#.
  mutating func reset() {
    for i in table.indices { table[i] = i & 3 == 3 ? 1 : 0 }
    for i in pending.indices { pending[i] = false }
  }

  /// The number of vectors.
  var vectors: Int { pending.count }

  /// Message control bit 15.
  func isEnabled(_ configuration: PCIConfiguration) -> Bool { configuration[capability + 3].bit(7) }

  /// Sends the message of a vector, or remembers it while the vector is masked.
  mutating func signal(_ vector: Int, _ configuration: PCIConfiguration, at now: VirtualTime) {
    guard pending.indices.contains(vector) else { return }
    pending[vector] = true
    deliverPending(configuration, at: now)
  }

  /// Sends what became unmasked; called after every change of a mask.
  mutating func deliverPending(_ configuration: PCIConfiguration, at now: VirtualTime) {
    // Message control bit 14 masks all; without bus mastering no message leaves.
    guard isEnabled(configuration), !configuration[capability + 3].bit(6), configuration.isBusMaster else {
      return
    }
    for vector in pending.indices where pending[vector] && !table[4 * vector + 3].bit(0) {
      pending[vector] = false
      sink.deliverMSI(
        physical: UInt64(table[4 * vector + 1]) << 32 | UInt64(table[4 * vector] & ~3),
        data: table[4 * vector + 2], at: now)
    }
  }

  func read(_ offset: UInt64, width: Int) -> UInt64 {
    var value: UInt64 = 0
    for i in 0..<UInt64(min(width, 8)) { value |= UInt64(byte(offset &+ i)) << (8 * i) }
    return value
  }

  private func byte(_ offset: UInt64) -> UInt8 {
    if offset < UInt64(4 * table.count) {
      return UInt8(truncatingIfNeeded: table[Int(offset / 4)] >> UInt32(8 * (offset % 4)))
    }
    guard offset >= Self.pendingOffset, offset < Self.pendingOffset + 16 else { return 0 }
    var bits: UInt8 = 0
    for i in 0..<8 {
      let vector = Int(offset - Self.pendingOffset) * 8 + i
      if vector < pending.count && pending[vector] { bits.setBit(i, true) }
    }
    return bits
  }

  /// Writes to the table; the pending bits are for reading.
  mutating func write(_ offset: UInt64, _ value: UInt64, width: Int) {
    for i in 0..<UInt64(min(width, 8)) {
      let at = offset &+ i
      guard at < UInt64(4 * table.count) else { continue }
      let index = Int(at / 4)
      let shift = UInt32(8 * (at % 4))
      let byte = UInt32(truncatingIfNeeded: value >> (8 * i)) & 0xFF
      table[index] = table[index] & ~(0xFF << shift) | byte << shift
      // Vector control has one bit.
      if index & 3 == 3 { table[index] &= 1 }
    }
  }

  func save(to w: inout StateWriter) {
    for word in table { w.write(word) }
    for bit in pending { w.write(bit) }
  }

  mutating func restore(from r: inout StateReader) throws(StateError) {
    for i in table.indices {
      let word = try r.read(UInt32.self)
      table[i] = i & 3 == 3 ? word & 1 : word
    }
    for i in pending.indices { pending[i] = try r.readBool("pending") }
  }
}

// MARK: For people

extension MSIX {
  /// Whether messages are sent, and which vectors wait.
  func text(_ configuration: PCIConfiguration) -> String {
    var words = ["\(vectors) vectors", isEnabled(configuration) ? "enabled" : "disabled"]
    if configuration[capability + 3].bit(6) { words.append("function mask") }
    for vector in pending.indices {
      var text = "vector \(vector)"
      if pending[vector] { text += " pending" }
      if table[4 * vector + 3].bit(0) {
        text += " masked"
      } else {
        let target = UInt64(table[4 * vector + 1]) << 32 | UInt64(table[4 * vector])
        text += " \(DeviceDescription.hex(table[4 * vector + 2])) to \(DeviceDescription.hex(target))"
      }
      words.append(text)
    }
    return words.joined(separator: ", ")
  }
}
