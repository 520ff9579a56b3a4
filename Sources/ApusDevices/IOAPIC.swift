import ApusBase

/// The I/O APIC: 24 inputs, each with a redirection entry that turns it into an interrupt message.
///
/// Source: Intel 82093AA I/O Advanced Programmable Interrupt Controller datasheet; the EOI register (offset
/// 40h) and version 20h as in Intel's later I/O controller hubs, ICH9 datasheet "I/O APIC EOI Register".
///
/// As a `LineSink` it has inputs 0...23, "asserted" in the sense of the board's wiring. The board attaches
/// 4 KiB of memory at FEC00000h.
///
/// Departs from hardware: the polarity bit of an entry is kept but not applied. ISA and PCI lines differ in
/// their active level, and the guest programs what the ACPI tables say of the wiring, so the bit only
/// repeats what the line already carries; a guest that gets it wrong still sees its interrupts.
package final class IOAPIC: Device, LineSink, InterruptMessageSource {
  package let name = "IOAPIC"
  package static let inputCount = 24

  private let destination: LocalAPIC
  /// The ID after reset, as in the MADT.
  private let initialID: UInt8

  private var select: UInt8 = 0
  private var id: UInt8 = 0
  private var redirection = [UInt64](repeating: IOAPIC.entryMasked, count: IOAPIC.inputCount)
  /// Input levels, bit n for input n.
  private var levels: UInt32 = 0
  /// Edges not yet accepted by a local APIC (delivery status "send pending").
  private var pendingEdges: UInt32 = 0

  private static let entryMasked: UInt64 = 1 << 16
  private static let writable: UInt64 = 0xFF00_0000_0001_AFFF
  private static let remoteIRR = 14

  /// An I/O APIC that sends to `destination`. The board also makes it the local APIC's `messageSource`.
  package init(destination: LocalAPIC, id: UInt8 = 0) {
    self.destination = destination
    initialID = id & 0xF
    self.id = id & 0xF
  }

  package func reset(at now: VirtualTime) {
    select = 0
    id = initialID
    levels = 0
    pendingEdges = 0
    for index in redirection.indices { redirection[index] = IOAPIC.entryMasked }
  }

  // MARK: Inputs and delivery

  package func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    guard redirection.indices.contains(input) else { return }
    let rising = level && !levels.bit(input)
    levels.setBit(input, level)
    let entry = redirection[input]
    // "Edge-sensitive interrupts signaled on a masked interrupt pin are ignored."
    if rising && !isLevelTriggered(entry) && !entry.bit(16) { pendingEdges.setBit(input, true) }
    deliver(input, at: now)
  }

  /// Level-triggered in effect: SMI, NMI, INIT and ExtINT are edges whatever the trigger mode says.
  private func isLevelTriggered(_ entry: UInt64) -> Bool { entry.bit(15) && mode(entry).isVectored }

  /// Whether the entry of `input` is masked.
  package func isMasked(_ input: Int) -> Bool { redirection[input].bit(16) }

  /// Whether an unmasked entry sends what a processor with interrupts off takes: NMI, INIT or SMI.
  package var sendsNonMaskable: Bool {
    for entry in redirection where !entry.bit(16) && !mode(entry).isVectored && mode(entry) != .external {
      return true
    }
    return false
  }

  private func mode(_ entry: UInt64) -> DeliveryMode {
    DeliveryMode(register: UInt32(truncatingIfNeeded: entry))
  }

  /// Whether input `input` has a message to send.
  private func wantsService(_ input: Int) -> Bool {
    let entry = redirection[input]
    guard !entry.bit(16) else { return false }
    return isLevelTriggered(entry)
      ? levels.bit(input) && !entry.bit(IOAPIC.remoteIRR) : pendingEdges.bit(input)
  }

  private func deliver(_ input: Int, at now: VirtualTime) {
    guard wantsService(input) else { return }
    let entry = redirection[input]
    let level = isLevelTriggered(entry)
    let mode = mode(entry)
    // Both encodings are reserved here: nothing is sent.
    guard mode != .reserved && mode != .startUp else { return pendingEdges.setBit(input, false) }
    let vector = UInt8(truncatingIfNeeded: entry)
    let message = InterruptMessage(
      vector: vector, deliveryMode: mode, isLogical: entry.bit(11),
      destination: UInt32(truncatingIfNeeded: entry >> 56), isLevelTriggered: level)
    guard destination.accept(message, at: now) else { return }
    if level {
      // The local APIC answers an illegal vector with an error and will never send an EOI for it.
      redirection[input].setBit(IOAPIC.remoteIRR, vector >= 16)
    } else {
      pendingEdges.setBit(input, false)
    }
  }

  package func endOfInterrupt(vector: UInt8, at now: VirtualTime) {
    for input in redirection.indices {
      let entry = redirection[input]
      guard UInt8(truncatingIfNeeded: entry) == vector, isLevelTriggered(entry) else { continue }
      redirection[input].setBit(IOAPIC.remoteIRR, false)
      deliver(input, at: now)
    }
  }

  package func destinationsChanged(at now: VirtualTime) {
    for input in redirection.indices { deliver(input, at: now) }
  }

  // MARK: Registers

  /// IOREGSEL at 00h and IOWIN at 10h, 32 bits; narrower reads give the part addressed. 40h is write-only.
  package func readMemory(_ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64 {
    let register: UInt32
    switch offset & ~15 {
    case 0x00: register = UInt32(select)
    case 0x10: register = readIndexed()
    default: return 0
    }
    let shift = (offset & 15) * 8
    let value = shift < 32 ? UInt64(register) >> shift : 0
    return width >= 8 ? value : value & ((1 << UInt64(width * 8)) &- 1)
  }

  /// IOWIN and EOI take 4 or 8 byte writes at their own address; IOREGSEL and EOI, where only bits 7:0 are
  /// defined, any width.
  package func writeMemory(_ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime) {
    switch offset {
    case 0x00: select = UInt8(truncatingIfNeeded: value)
    case 0x10 where width >= 4: writeIndexed(UInt32(truncatingIfNeeded: value), at: now)
    case 0x40: endOfInterrupt(vector: UInt8(truncatingIfNeeded: value), at: now)
    default: break
    }
  }

  private func readIndexed() -> UInt32 {
    switch select {
    case 0x00: return UInt32(id) << 24
    // Version 20h; bits 23:16 hold the number of the last entry.
    case 0x01: return 0x20 | UInt32(IOAPIC.inputCount - 1) << 16
    // The arbitration ID is loaded with the ID.
    case 0x02: return UInt32(id) << 24
    case 0x10..<0x40:
      let input = Int(select - 0x10) >> 1
      var entry = redirection[input]
      entry.setBit(12, wantsService(input))
      return UInt32(truncatingIfNeeded: select.bit(0) ? entry >> 32 : entry)
    default: return 0
    }
  }

  private func writeIndexed(_ value: UInt32, at now: VirtualTime) {
    switch select {
    case 0x00: id = UInt8(truncatingIfNeeded: value >> 24) & 0xF
    case 0x10..<0x40:
      let input = Int(select - 0x10) >> 1
      let high = select.bit(0)
      let half: UInt64 = high ? 0xFFFF_FFFF_0000_0000 : 0xFFFF_FFFF
      let writable = IOAPIC.writable & half
      let entry = redirection[input] & ~writable | (high ? UInt64(value) << 32 : UInt64(value)) & writable
      redirection[input] = entry
      // Masking drops an edge that was not delivered. Remote IRR has no meaning for edges, and guests switch
      // to edge and back to clear it where there is no EOI register.
      if entry.bit(16) || isLevelTriggered(entry) { pendingEdges.setBit(input, false) }
      if !isLevelTriggered(entry) { redirection[input].setBit(IOAPIC.remoteIRR, false) }
      deliver(input, at: now)
    default: break
    }
  }

  // MARK: Saved state

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { w in
      w.write(select)
      w.write(id)
      w.write(levels)
      w.write(pendingEdges)
      for entry in redirection { w.write(entry) }
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (r, _) throws(StateError) in
      select = try r.read()
      id = try r.read()
      guard id <= 0xF else { throw r.invalid("ID") }
      levels = try r.read()
      pendingEdges = try r.read()
      guard (levels | pendingEdges) >> 24 == 0 else { throw r.invalid("inputs") }
      for input in redirection.indices {
        let entry: UInt64 = try r.read()
        guard entry & ~(IOAPIC.writable | 1 << 14) == 0 else { throw r.invalid("redirection") }
        redirection[input] = entry
      }
    }
  }
}

// MARK: For people

extension IOAPIC {
  /// The redirection table; of entries that are as after a reset only the number.
  package var description: DeviceDescription {
    var description = DeviceDescription("I/O APIC")
    description.add("ID", "\(id)")
    description.add("IOREGSEL", DeviceDescription.hex(select))
    var untouched: [String] = []
    for (input, entry) in redirection.enumerated() {
      if entry == Self.entryMasked && !levels.bit(input) {
        untouched.append("\(input)")
        continue
      }
      var words = [
        entry.bit(16) ? "masked" : "vector \(DeviceDescription.hex(UInt8(truncatingIfNeeded: entry)))"
      ]
      words.append(mode(entry).text)
      words.append(
        (entry.bit(11) ? "logical " : "physical ")
          + DeviceDescription.hex(UInt8(truncatingIfNeeded: entry >> 56)))
      words.append(entry.bit(15) ? "level" : "edge")
      if entry.bit(13) { words.append("active low") }
      if entry.bit(Self.remoteIRR) { words.append("remote IRR") }
      if wantsService(input) { words.append("send pending") }
      if levels.bit(input) { words.append("input asserted") }
      description.add("input \(input)", words.joined(separator: ", "))
    }
    if !untouched.isEmpty { description.add("masked since reset", untouched.joined(separator: " ")) }
    return description
  }
}
