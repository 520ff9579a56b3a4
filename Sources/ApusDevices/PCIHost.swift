import ApusBase

/// PCI bus 0 behind a host bridge: configuration mechanism #1, decoding of base address registers, INTx#
/// routing to the four PIRQ lines, and the reset control register.
///
/// The board attaches this one device to ports 0CF8h–0CFFh, to the fixed ports of its functions (for
/// `PIIXIDE` see there), to an I/O window for base address registers and to a memory window. Functions are
/// reached through it alone: it passes on reset, deadlines, `run` and saved state, in the order of their
/// attachment. Among overlapping ranges the one of the function attached first wins, and its lowest base
/// address register; an access that no function claims reads as all ones.
///
/// Sources: PCI Local Bus Specification 3.0, section "Software Generation of Configuration Transactions";
/// Intel 82441FX datasheet (290549), "CONFADD" and "CONFDATA"; Intel 82371SB datasheet (290550), "Reset
/// Control Register".
package final class PCIHost: Device, LineSink {
  package let name = "PCIHost"
  /// Where I/O base address registers may be placed by `assignResources`.
  package let ioWindow: ClosedRange<UInt16>
  /// The memory window in physical addresses; an attached memory access carries the offset from its start.
  package let memoryWindow: ClosedRange<UInt64>

  private struct Mapping {
    let base: UInt64
    let size: UInt64
    let bar: Int
    let function: any PCIFunction
  }

  private let pirq: (any LineSink)?
  private let reset: Line
  /// Indexed by slot × 8 + function.
  private var functions = [(any PCIFunction)?](repeating: nil, count: 256)
  /// The functions in the order of attachment, with their index.
  private var attached: [(index: Int, function: any PCIFunction)] = []
  private var ioMappings: [Mapping] = []
  private var memoryMappings: [Mapping] = []
  /// CONFADD.
  private var address: UInt32 = 0
  /// The reset control register: bits 2:1.
  private var resetControl: UInt8 = 0
  /// The INTx# level of each function.
  private var interrupts = [Bool](repeating: false, count: 256)

  /// A bus whose PIRQA#–PIRQD# go to inputs 0–3 of `pirq` (a `PIIX3`) and whose reset control register
  /// pulses `reset`.
  package init(
    ioWindow: ClosedRange<UInt16> = 0xC000...0xFEFF,
    memoryWindow: ClosedRange<UInt64>, pirq: (any LineSink)?, reset: Line
  ) {
    self.ioWindow = ioWindow
    self.memoryWindow = memoryWindow
    self.pirq = pirq
    self.reset = reset
  }

  /// Puts a function into `slot` (0...31) as `number` (0...7). The place must be free.
  package func attach(_ function: any PCIFunction, slot: Int, function number: Int = 0) {
    let index = slot * 8 + number
    precondition(functions[index] == nil, "two PCI functions in one place")
    functions[index] = function
    attached.append((index, function))
    // Function 0 tells software whether to look for others.
    if let first = functions[slot * 8], (1...7).contains(where: { functions[slot * 8 + $0] != nil }) {
      first.configuration.markMultifunction()
    }
    rebuildMappings()
  }

  /// The INTx# wire of the function in `slot`; which of INTA#–INTD# it is stands in its interrupt pin
  /// register.
  package func interruptLine(slot: Int, function number: Int = 0) -> Line { Line(self, slot * 8 + number) }

  package func reset(at now: VirtualTime) {
    address = 0
    resetControl = 0
    for (_, function) in attached { function.reset(at: now) }
    rebuildMappings()
  }

  // MARK: Configuration mechanism #1

  package func readPort(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32 {
    let value: UInt32
    switch port {
    case 0xCF8 where width == 4: value = address
    case 0xCF9 where width == 1: value = UInt32(resetControl)
    case 0xCFC...0xCFF: value = readConfigurationData(Int(port & 3), width: width, at: now)
    default: value = readIO(port, width: width, at: now)
    }
    return width < 4 ? value & (1 << UInt32(8 * width) - 1) : value
  }

  package func writePort(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime) {
    switch port {
    case 0xCF8 where width == 4:
      // Bits 30:24 and 1:0 are reserved. Narrower accesses pass CONFADD by, onto the bus.
      address = value & 0x80FF_FFFC
    case 0xCF9 where width == 1:
      let starts = value.bit(2) && !resetControl.bit(2)
      resetControl = UInt8(truncatingIfNeeded: value) & 0x06
      if starts { reset.pulse(at: now) }
    case 0xCFC...0xCFF: writeConfigurationData(Int(port & 3), value, width: width, at: now)
    default: writeIO(port, value, width: width, at: now)
    }
  }

  private var selected: (any PCIFunction)? {
    guard address.bit(31), address.bits(23, 16) == 0 else { return nil }
    return functions[Int(address.bits(15, 8))]
  }

  private func readConfigurationData(_ lane: Int, width: Int, at now: VirtualTime) -> UInt32 {
    guard let selected else { return .max }
    let inside = min(width, 4 - lane)
    let offset = Int(address & 0xFC) + lane
    if inside == width { return selected.readConfiguration(offset, width: width, at: now) }
    // The bytes past CFFh belong to a second cycle that nobody claims.
    var value = UInt32.max
    for i in 0..<inside {
      let shift = UInt32(8 * i)
      value = value & ~(0xFF << shift)
      value |= (selected.readConfiguration(offset + i, width: 1, at: now) & 0xFF) << shift
    }
    return value
  }

  private func writeConfigurationData(_ lane: Int, _ value: UInt32, width: Int, at now: VirtualTime) {
    guard let selected else { return }
    let inside = min(width, 4 - lane)
    let offset = Int(address & 0xFC) + lane
    if inside == width {
      selected.writeConfiguration(offset, value, width: width, at: now)
    } else {
      for i in 0..<inside {
        selected.writeConfiguration(offset + i, value >> UInt32(8 * i) & 0xFF, width: 1, at: now)
      }
    }
    rebuildMappings()
  }

  // MARK: Decoding

  private func rebuildMappings() {
    ioMappings = []
    memoryMappings = []
    for (_, function) in attached {
      for bar in 0...PCIConfiguration.expansionROM {
        guard let range = function.configuration.range(ofBAR: bar) else { continue }
        let mapping = Mapping(base: range.base, size: range.size, bar: bar, function: function)
        if range.isIO { ioMappings.append(mapping) } else { memoryMappings.append(mapping) }
      }
    }
  }

  private func readIO(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32 {
    for mapping in ioMappings where UInt64(port) &- mapping.base < mapping.size {
      let value = mapping.function.readBAR(
        mapping.bar, UInt64(port) &- mapping.base, width: width, at: now)
      return UInt32(truncatingIfNeeded: value)
    }
    for (_, function) in attached where function.claimsPort(port) {
      return function.readPort(port, width: width, at: now)
    }
    return .max
  }

  private func writeIO(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime) {
    for mapping in ioMappings where UInt64(port) &- mapping.base < mapping.size {
      mapping.function.writeBAR(
        mapping.bar, UInt64(port) &- mapping.base, UInt64(value), width: width, at: now)
      return
    }
    for (_, function) in attached where function.claimsPort(port) {
      function.writePort(port, value, width: width, at: now)
      return
    }
  }

  package func readMemory(_ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64 {
    let physical = memoryWindow.lowerBound &+ offset
    var value = UInt64.max
    for mapping in memoryMappings where physical &- mapping.base < mapping.size {
      value = mapping.function.readBAR(mapping.bar, physical &- mapping.base, width: width, at: now)
      break
    }
    return width < 8 ? value & (1 << UInt64(8 * width) - 1) : value
  }

  package func writeMemory(_ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime) {
    let physical = memoryWindow.lowerBound &+ offset
    for mapping in memoryMappings where physical &- mapping.base < mapping.size {
      mapping.function.writeBAR(mapping.bar, physical &- mapping.base, value, width: width, at: now)
      return
    }
  }

  // MARK: Interrupts

  /// The PIRQ line (0–3 for A–D) that an interrupt pin (1...4) of a slot is wired to: the pins rotate by
  /// slot, and slot 1 INTA# is PIRQA#.
  package static func pirq(slot: Int, pin: Int) -> Int { (slot &- 1 &+ pin &- 1) & 3 }

  /// Input: slot × 8 + function.
  package func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    guard interrupts.indices.contains(input), interrupts[input] != level else { return }
    interrupts[input] = level
    guard let pin = functions[input]?.configuration[PCIConfiguration.interruptPin], pin != 0 else { return }
    let line = Self.pirq(slot: input >> 3, pin: Int(pin))
    var any = false
    for (index, function) in attached where interrupts[index] {
      let other = Int(function.configuration[PCIConfiguration.interruptPin])
      if other != 0 && Self.pirq(slot: index >> 3, pin: other) == line { any = true }
    }
    pirq?.setLine(line, level: any, at: now)
  }

  // MARK: The part of firmware

  /// Does what a BIOS does before an operating system starts, since a direct boot has none: places every
  /// base address register in the windows, enables decoding, routes PIRQA#–PIRQD# to IRQ 10, 10, 11, 11
  /// and fills the interrupt line registers. Returns the IRQs (bit per number) that must be
  /// level-triggered at the PIC (ELCR).
  package func assignResources(at now: VirtualTime) -> UInt16 {
    var levelTriggered: UInt16 = 0
    for route in PIIX3.firmwareRoutes { levelTriggered |= 1 << UInt16(route) }
    var nextIO = UInt64(ioWindow.lowerBound)
    var nextMemory = memoryWindow.lowerBound
    for (index, function) in attached {
      function.initializeAsFirmware(at: now)
      var decodes: UInt32 = 0
      for bar in 0..<6 {
        switch function.configuration.bar(bar) {
        case .none: continue
        case .io(let size):
          let base = (nextIO + UInt64(size) - 1) & ~(UInt64(size) - 1)
          guard base + UInt64(size) - 1 <= UInt64(ioWindow.upperBound) else { continue }
          nextIO = base + UInt64(size)
          function.writeConfiguration(0x10 + 4 * bar, UInt32(base), width: 4, at: now)
          decodes |= 1
        case .memory(let size):
          // A page each, so that mappings can differ.
          let alignment = max(UInt64(size), 4096)
          let base = (nextMemory + alignment - 1) & ~(alignment - 1)
          guard base + UInt64(size) - 1 <= memoryWindow.upperBound, base < 1 << 32 else { continue }
          nextMemory = base + alignment
          function.writeConfiguration(
            0x10 + 4 * bar, UInt32(truncatingIfNeeded: base), width: 4, at: now)
          decodes |= 2
        }
      }
      let command = function.configuration.read(PCIConfiguration.command, width: 2)
      function.writeConfiguration(PCIConfiguration.command, command | decodes, width: 2, at: now)
      let pin = Int(function.configuration[PCIConfiguration.interruptPin])
      if pin != 0 {
        let route = PIIX3.firmwareRoutes[Self.pirq(slot: index >> 3, pin: pin)]
        function.writeConfiguration(
          PCIConfiguration.interruptLine, UInt32(route), width: 1, at: now)
      }
    }
    rebuildMappings()
    return levelTriggered
  }

  // MARK: Time and saved state

  package var deadline: VirtualTime {
    var earliest = VirtualTime.never
    for (_, function) in attached { earliest = min(earliest, function.deadline) }
    return earliest
  }

  package func run(at now: VirtualTime) {
    for (_, function) in attached where function.deadline <= now { function.run(at: now) }
  }

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { w in
      w.write(address)
      w.write(resetControl)
      for (index, _) in attached { w.write(interrupts[index]) }
    }
    for (_, function) in attached { function.save(to: &writer) }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (r, _) throws(StateError) in
      address = try r.read(UInt32.self) & 0x80FF_FFFC
      resetControl = try r.read(UInt8.self) & 0x06
      for (index, _) in attached { interrupts[index] = try r.readBool("interrupts") }
    }
    for (_, function) in attached { try function.restore(from: &reader) }
    rebuildMappings()
  }
}

// MARK: For people

extension PCIHost {
  /// The bus, and whatever its functions have to say of themselves, in the order of their numbers.
  package var descriptions: [DeviceDescription] {
    var bus = DeviceDescription("PCI bus 0")
    var others: [DeviceDescription] = []
    bus.add("CONFADD", address, address.bit(31) ? selectedRegister : "disabled")
    bus.add("RST_CNT", resetControl, bits: ["", "SRST", "RCPU"])
    for (index, function) in functions.enumerated() {
      guard let function else { continue }
      let (slot, number) = (UInt8(truncatingIfNeeded: index >> 3), index & 7)
      let place = "00:" + String(DeviceDescription.hex(slot).dropLast()) + ".\(number)"
      let configuration = function.configuration
      configuration.describe(function.name, at: place, into: &bus)
      let pin = Int(configuration[PCIConfiguration.interruptPin])
      if (1...4).contains(pin) {
        let names = ["A", "B", "C", "D"]
        let pirq = names[Self.pirq(slot: index >> 3, pin: pin)]
        let line = DeviceDescription.hex(configuration[PCIConfiguration.interruptLine])
        var wire = "INT\(names[pin - 1])# to PIRQ\(pirq)#, Interrupt Line \(line)"
        if interrupts[index] { wire += ", asserted" }
        bus.add("", wire)
      }
      others += function.descriptions
    }
    return [bus] + others
  }

  private var selectedRegister: String {
    let (bus, slot, number) = (address.bits(23, 16), address.bits(15, 11), address.bits(10, 8))
    return "bus \(bus), device \(slot), function \(number), register "
      + DeviceDescription.hex(UInt8(truncatingIfNeeded: address & 0xFC))
  }
}
