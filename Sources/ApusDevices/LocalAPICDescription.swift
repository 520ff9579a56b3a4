import ApusBase

extension LocalAPIC {
  private static let vectorNames = ["timer", "thermal", "performance", "LINT0", "LINT1", "error"]

  /// The registers as they are at `now`.
  package func description(at now: VirtualTime) -> DeviceDescription {
    var description = DeviceDescription("local APIC")
    let modes: [Mode: String] = [.disabled: "disabled", .xAPIC: "xAPIC", .x2APIC: "x2APIC"]
    description.add(
      "IA32_APIC_BASE",
      DeviceDescription.hex(base) + "  " + (modes[mode] ?? "") + (isBootstrap ? ", BSP" : ""))
    description.add("ID", "\(id)")
    description.add(
      "TPR, PPR", DeviceDescription.hex(taskPriority) + ", " + DeviceDescription.hex(processorPriority))
    description.add(
      "SVR",
      DeviceDescription.hex(spurious) + "  " + (isSoftwareEnabled ? "software enabled" : "software disabled"))
    description.add(
      "LDR, DFR", DeviceDescription.hex(logicalDestination) + ", " + DeviceDescription.hex(destinationFormat))
    description.add("IRR", irr.text)
    description.add("ISR", isr.text)
    description.add("TMR", tmr.text)
    for (index, value) in lvt.enumerated() {
      description.add("LVT \(Self.vectorNames[index])", text(ofEntry: value, LVT(rawValue: index) ?? .error))
    }
    let timers: [TimerMode: String] = [
      .oneShot: "one-shot", .periodic: "periodic", .tscDeadline: "TSC-deadline", .reserved: "reserved mode",
    ]
    description.add(
      "timer",
      "\(timers[timerMode] ?? ""), initial count \(initialCount), current \(currentCount(at: now)), divided by "
        + "\(UInt64(1) << dividerShift)")
    description.add(
      "ESR", errorStatus,
      bits: ["", "", "", "", "", "send illegal vector", "receive illegal vector", "illegal register address"])
    description.add("ICR", DeviceDescription.hex(commandHigh) + " " + DeviceDescription.hex(commandLow))
    description.add(
      "pins",
      "LINT0 \(lintLevel[0] ? "high" : "low"), LINT1 \(lintLevel[1] ? "high" : "low"), "
        + "INTR \(interruptPending ? "high" : "low")")
    return description
  }

  private func text(ofEntry value: UInt32, _ entry: LVT) -> String {
    var words = [DeviceDescription.hex(value) + " "]
    words.append(
      value.bit(16) ? "masked" : "vector \(DeviceDescription.hex(UInt8(truncatingIfNeeded: value)))")
    if entry != .timer && entry != .error { words.append(DeliveryMode(register: value).text) }
    if entry == .lint0 { words.append(value.bit(15) ? "level" : "edge") }
    if value.bit(14) { words.append("remote IRR") }
    return words.joined(separator: " ")
  }
}

extension DeliveryMode {
  /// As the SDM calls it.
  var text: String {
    switch self {
    case .fixed: "fixed"
    case .lowestPriority: "lowest priority"
    case .smi: "SMI"
    case .reserved: "reserved"
    case .nmi: "NMI"
    case .initialize: "INIT"
    case .startUp: "start-up"
    case .external: "ExtINT"
    }
  }
}

extension VectorSet {
  /// The vectors in the set, the highest first.
  fileprivate var text: String {
    var vectors: [String] = []
    for vector in (0...255 as ClosedRange<UInt8>).reversed() where contains(vector) {
      vectors.append(DeviceDescription.hex(vector))
    }
    return vectors.isEmpty ? "none" : vectors.joined(separator: " ")
  }
}
