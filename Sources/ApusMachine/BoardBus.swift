import ApusBase
import ApusCPU
import ApusDevices

// What the processor sees of the board. Each access tells the device the time and afterwards asks it for its
// deadline; a deadline before the end of the present slice, like a request for a reset, calls the processor
// back at the next instruction boundary.

extension Board: SystemBus {
  /// Virtual time, which for devices never runs backwards.
  package var now: VirtualTime {
    if let processor { lastTime = max(lastTime, processor.now) }
    return lastTime
  }

  /// Number of the local APIC among the devices: the first.
  private var apicNumber: Int { 0 }
  /// I/O APIC, 8259A and HPET, which pass on or hide what the PIT drives, and the PIT.
  private var timerListeners: ClosedRange<Int> { 1...3 }
  private var pitNumber: Int { 4 }

  // MARK: Ports

  package func readPort(_ port: UInt16, width: Int) -> UInt32 {
    let now = now
    switch ports.target(port, width: width) {
    case .device(let number): return read(number, port, width, now)
    case .none: return read(devices.count - 1, port, width, now)
    case .bytes:
      var value: UInt32 = 0
      for offset in 0..<UInt16(truncatingIfNeeded: width) {
        let byte = readPort(port &+ offset, width: 1)
        value |= (byte & 0xFF) << (8 * UInt32(offset))
      }
      return value
    }
  }

  package func writePort(_ port: UInt16, _ value: UInt32, width: Int) {
    let now = now
    switch ports.target(port, width: width) {
    case .device(let number): write(number, port, value, width, now)
    case .none: write(devices.count - 1, port, value, width, now)
    case .bytes:
      for offset in 0..<UInt16(truncatingIfNeeded: width) {
        writePort(port &+ offset, value >> (8 * UInt32(offset)) & 0xFF, width: 1)
      }
    }
  }

  /// PCI, the last device, gets what nobody attached: a base address register may decode any port.
  private func read(_ number: Int, _ port: UInt16, _ width: Int, _ now: VirtualTime) -> UInt32 {
    prepare(number, port: port, isWrite: false, now)
    let value = devices[number].readPort(port, width: width, at: now)
    settle(number, now)
    return value
  }

  private func write(_ number: Int, _ port: UInt16, _ value: UInt32, _ width: Int, _ now: VirtualTime) {
    prepare(number, port: port, isWrite: true, now)
    devices[number].writePort(port, value, width: width, at: now)
    if port == 0x70 { nmiGate.mask(rtc.isNMIMasked, at: now) }
    settle(number, now)
  }

  /// What comes before an access to a device: it is counted for a profile, and who passes on what the PIT drives is
  /// told what it has driven.
  private func prepare(_ number: Int, port: UInt16? = nil, isWrite: Bool, _ now: VirtualTime) {
    accesses?.note(number, port: port, isWrite: isWrite)
    if timerListeners.contains(number) { pit.run(at: now) }
  }

  // MARK: Memory

  /// Departs from hardware: a local APIC page moved over RAM is hidden by it.
  package func readPhysical(_ physical: UInt64, width: Int) -> UInt64 {
    let now = now
    if let base = localAPIC.mmioBase, physical &- base <= 0x1000 - UInt64(width) {
      prepare(apicNumber, isWrite: false, now)
      let value = localAPIC.readMemory(physical - base, width: width, at: now)
      settle(apicNumber, now)
      return value
    }
    if let entry = memoryMap.entry(physical, width: width), !isSplit(physical, width) {
      prepare(entry.device, isWrite: false, now)
      let offset = physical - entry.range.lowerBound
      let value = devices[entry.device].readMemory(offset, width: width, at: now)
      settle(entry.device, now)
      return value
    }
    guard width > 1 else { return UInt64(shadow.read(physical) ?? 0xFF) }
    var value: UInt64 = 0
    for index in 0..<UInt64(width) {
      value |= (readPhysical(physical &+ index, width: 1) & 0xFF) << (8 * index)
    }
    return value
  }

  package func writePhysical(_ physical: UInt64, _ value: UInt64, width: Int) {
    let now = now
    if let base = localAPIC.mmioBase, physical &- base <= 0x1000 - UInt64(width) {
      prepare(apicNumber, isWrite: true, now)
      localAPIC.writeMemory(physical - base, value, width: width, at: now)
      settle(apicNumber, now)
      return
    }
    if let entry = memoryMap.entry(physical, width: width), !isSplit(physical, width) {
      prepare(entry.device, isWrite: true, now)
      devices[entry.device].writeMemory(physical - entry.range.lowerBound, value, width: width, at: now)
      settle(entry.device, now)
      return
    }
    guard width > 1 else {
      _ = shadow.write(physical, UInt8(truncatingIfNeeded: value))
      return
    }
    for index in 0..<UInt64(width) {
      writePhysical(physical &+ index, value >> (8 * index) & 0xFF, width: 1)
    }
  }

  /// Whether the local APIC's page has some of the bytes.
  private func isSplit(_ physical: UInt64, _ width: Int) -> Bool {
    guard let base = localAPIC.mmioBase else { return false }
    return physical &- base < 0x1000 || (physical &+ UInt64(width) &- 1) &- base < 0x1000
  }

  // MARK: Interrupts and model-specific registers

  package func acknowledgeInterrupt() -> UInt8 {
    let now = now
    let vector =
      switch localAPIC.acknowledge(at: now) {
      case .vector(let vector): vector
      case .external: pic.acknowledge(at: now)
      }
    settle(apicNumber, now)
    return vector
  }

  package var taskPriority: UInt8 {
    get { UInt8(truncatingIfNeeded: localAPIC.CR8) }
    set {
      let now = now
      localAPIC.writeCR8(UInt64(newValue), at: now)
      settle(apicNumber, now)
    }
  }

  package func readMSR(_ index: UInt32) -> UInt64? {
    let now = now
    defer { settle(apicNumber, now) }
    return LocalAPIC.ownsMSR(index) ? localAPIC.readMSR(index, at: now) : nil
  }

  package func writeMSR(_ index: UInt32, _ value: UInt64) -> Bool {
    let now = now
    defer { settle(apicNumber, now) }
    return LocalAPIC.ownsMSR(index) ? localAPIC.writeMSR(index, value, at: now) : false
  }

  package func readTSCDeadline() -> UInt64 {
    let now = now
    defer { settle(apicNumber, now) }
    return localAPIC.tscDeadline(at: now)
  }

  package func writeTSCDeadline(_ value: UInt64, due: VirtualTime) {
    let now = now
    localAPIC.writeTSCDeadline(value, due: due, at: now)
    settle(apicNumber, now)
  }

  package func moveTSCDeadline(due: VirtualTime) {
    let now = now
    localAPIC.moveTSCDeadline(due: due, at: now)
    settle(apicNumber, now)
  }

  package func signalFloatingPointError() {
    let now = now
    coprocessorError.signalError(at: now)
    settle(apicNumber, now)
  }

  // MARK: Time

  /// Notes the deadlines of a device that was accessed, and of the local APIC, whose own depends on which
  /// interrupts are waiting.
  private func settle(_ number: Int, _ now: VirtualTime) {
    if timerListeners.contains(number) { listenToTimer() }
    deadlines.note(number, devices[number].deadline)
    if number != apicNumber { deadlines.note(apicNumber, localAPIC.deadline) }
    if deadlines.earliest < sliceEnd { processor?.requestAttention() }
  }

  /// Lets the PIT run on by itself while its edges change nothing but bits that somebody would have to read: a timer of
  /// 18.2 Hz that firmware has left running would wake an idle host 36 times a second.
  private func listenToTimer() {
    let isHeard = !hpet.isLegacyReplacement && !(pic.master.IMR.bit(0) && ioAPIC.isMasked(2))
    guard isHeard != pit.isOutputHeard else { return }
    pit.isOutputHeard = isHeard
    deadlines.note(pitNumber, pit.deadline)
  }

  /// Runs the devices whose deadline has come, each at most once.
  package func runDevices() {
    let now = now
    guard deadlines.earliest <= now else { return }
    for number in devices.indices where deadlines[number] <= now {
      devices[number].run(at: now)
      deadlines.note(number, devices[number].deadline)
    }
    deadlines.note(apicNumber, localAPIC.deadline)
  }

  /// Reads every device's deadline, after something other than an access may have moved them.
  package func noteDeadlines() {
    listenToTimer()
    for number in devices.indices { deadlines.note(number, devices[number].deadline) }
  }

  /// Whether a processor that is halted with interrupts off may still be woken: by an NMI or INIT that the
  /// APICs are programmed to send, or by a device's message.
  package var canWakeUnmaskably: Bool {
    pci.deadline != .never || localAPIC.sendsNonMaskable || ioAPIC.sendsNonMaskable
  }

  // MARK: State

  /// Writes the state of everything but the processor and memory.
  package func save(to writer: inout StateWriter) {
    writer.section("Board", version: 2) { w in
      // Devices that nothing touched saw an earlier time, which depends on how the run was cut into slices.
      w.write(now)
      pins.save(to: &w)
      nmiGate.save(to: &w)
    }
    fabric.save(to: &writer)
    for device in devices { device.save(to: &writer) }
  }

  /// The inverse of `save`, for a board with the same devices. What it does to the processor on the way, the
  /// processor's own state has to undo.
  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section("Board", newest: 2) { (r, version) throws(StateError) in
      guard version == 2 else { throw .unsupportedVersion(section: "Board", version: version) }
      lastTime = try r.read()
      try pins.restore(from: &r)
      try nmiGate.restore(from: &r)
    }
    try fabric.restore(from: &reader)
    for device in devices { try device.restore(from: &reader) }
    noteDeadlines()
  }
}
