import ApusBase

/// The delivery mode of an interrupt message, encoded as in bits 10:8 of an LVT entry, of the ICR, of an
/// I/O APIC redirection entry and of an MSI data word (SDM Vol. 3, "Local Vector Table").
package enum DeliveryMode: UInt8 {
  case fixed = 0
  case lowestPriority = 1
  case smi = 2
  case reserved = 3
  case nmi = 4
  case initialize = 5
  case startUp = 6
  case external = 7

  /// The mode in bits 10:8 of a register.
  package init(register: UInt32) {
    switch register.bits(10, 8) {
    case 0: self = .fixed
    case 1: self = .lowestPriority
    case 2: self = .smi
    case 4: self = .nmi
    case 5: self = .initialize
    case 6: self = .startUp
    case 7: self = .external
    default: self = .reserved
    }
  }

  /// Whether the message carries a vector that waits in the IRR.
  package var isVectored: Bool { self == .fixed || self == .lowestPriority }
}

/// An interrupt message on the system bus: from an I/O APIC, from a device (MSI), or from a processor (IPI).
package struct InterruptMessage: Equatable {
  package var vector: UInt8
  package var deliveryMode: DeliveryMode
  /// Destination mode: logical (true) or physical.
  package var isLogical: Bool
  /// The destination field: 8 bits from I/O APICs, MSI and xAPIC IPIs; 32 bits from x2APIC IPIs.
  package var destination: UInt32
  /// Whether `destination` has 32 bits, so that the broadcast is FFFFFFFFh and not FFh.
  package var isExtended: Bool
  package var isLevelTriggered: Bool
  /// False for the level-deassert message, which has no effect on xAPICs.
  package var isAsserted: Bool

  package init(
    vector: UInt8, deliveryMode: DeliveryMode = .fixed, isLogical: Bool = false, destination: UInt32,
    isExtended: Bool = false, isLevelTriggered: Bool = false, isAsserted: Bool = true
  ) {
    self.vector = vector
    self.deliveryMode = deliveryMode
    self.isLogical = isLogical
    self.destination = destination
    self.isExtended = isExtended
    self.isLevelTriggered = isLevelTriggered
    self.isAsserted = isAsserted
  }

  /// The message that a device's write of `data` to `physical` (FEExxxxxh) means; nil for other addresses.
  /// SDM Vol. 3, "Message Address Register Format" and "Message Data Register Format". The redirection
  /// hint is ignored: with one processor there is nothing to choose.
  package init?(msiPhysical physical: UInt64, data: UInt32) {
    guard physical >> 20 == 0xFEE else { return nil }
    let level = data.bit(15)
    let mode = DeliveryMode(register: data)
    self.init(
      vector: UInt8(truncatingIfNeeded: data),
      // Start-up exists only as an IPI; its encoding is reserved in an MSI.
      deliveryMode: mode == .startUp ? .reserved : mode,
      isLogical: physical.bit(2), destination: UInt32(truncatingIfNeeded: physical.bits(19, 12)),
      isLevelTriggered: level && mode.isVectored, isAsserted: !level || data.bit(14))
  }
}

/// What the CPU reads in its interrupt-acknowledge cycle.
package enum InterruptAcknowledge: Equatable {
  /// The local APIC supplies the vector.
  case vector(UInt8)
  /// The interrupt is an ExtINT (or the local APIC is globally disabled): run INTA cycles on the 8259A.
  case external
}

/// A sender of interrupt messages that the local APIC answers: an I/O APIC.
package protocol InterruptMessageSource: AnyObject {
  /// EOI broadcast for a level-triggered `vector`.
  func endOfInterrupt(vector: UInt8, at now: VirtualTime)
  /// A local APIC may now accept messages that it refused before.
  func destinationsChanged(at now: VirtualTime)
}

/// A 256-bit register such as the IRR, as eight 32-bit registers.
struct VectorSet: Equatable {
  private var words = SIMD8<UInt32>(repeating: 0)

  subscript(word index: Int) -> UInt32 {
    get { words[index & 7] }
    set { words[index & 7] = newValue }
  }

  func contains(_ vector: UInt8) -> Bool { words[Int(vector >> 5)].bit(Int(vector & 31)) }

  mutating func set(_ vector: UInt8, _ value: Bool) {
    words[Int(vector >> 5)].setBit(Int(vector & 31), value)
  }

  /// The highest vector in the set.
  var highest: UInt8? {
    var index = 7
    while index >= 0 {
      let word = words[index]
      if word != 0 { return UInt8(truncatingIfNeeded: index * 32 + 31 - word.leadingZeroBitCount) }
      index -= 1
    }
    return nil
  }

  mutating func removeAll() { words = SIMD8(repeating: 0) }

  func save(to writer: inout StateWriter) { for index in 0..<8 { writer.write(words[index]) } }

  mutating func restore(from reader: inout StateReader) throws(StateError) {
    for index in 0..<8 { words[index] = try reader.read() }
  }
}
