import ApusBase

/// Register access of the local APIC, by MMIO (xAPIC) and by MSR (x2APIC). Registers are named by their
/// index: MMIO offset / 16 (SDM Vol. 3, "Local APIC Register Address Map"), which is also the x2APIC MSR
/// number less 800h ("x2APIC Register Address Space").
extension LocalAPIC {
  private enum Register {
    static let id = 0x02
    static let version = 0x03
    static let taskPriority = 0x08
    static let arbitrationPriority = 0x09
    static let processorPriority = 0x0A
    static let endOfInterrupt = 0x0B
    static let remoteRead = 0x0C
    static let logicalDestination = 0x0D
    static let destinationFormat = 0x0E
    static let spurious = 0x0F
    static let inService = 0x10...0x17
    static let triggerMode = 0x18...0x1F
    static let interruptRequest = 0x20...0x27
    static let errorStatus = 0x28
    static let commandLow = 0x30
    static let commandHigh = 0x31
    static let localVectorTable = 0x32...0x37
    static let initialCount = 0x38
    static let currentCount = 0x39
    static let divideConfiguration = 0x3E
    static let selfIPI = 0x3F
  }

  /// Version 14h (integrated xAPIC), max LVT entry 5 (six entries, no CMCI), EOI-broadcast suppression.
  package static let version: UInt32 = 0x0105_0014

  /// Writable bits of the LVT entries, in order of `LVT`.
  private func writableLVT(_ entry: LVT) -> UInt32 {
    switch entry {
    case .timer: 0x7_00FF
    case .thermal, .performance: 0x1_07FF
    case .lint0, .lint1: 0x1_A7FF
    case .error: 0x1_00FF
    }
  }

  // MARK: xAPIC

  /// Reads the register page. Registers are 32 bits at 16-byte boundaries; bytes 4...15 of a slot read zero,
  /// and a read across the end of the register gives its upper part. A reserved register reads zero and
  /// notes an illegal register address in the ESR.
  package func readMemory(_ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64 {
    guard mode == .xAPIC else { return .max }
    settle(at: now)
    let index = Int(truncatingIfNeeded: (offset & 0xFFF) >> 4)
    var value: UInt64 = 0
    if let register = readXAPIC(index, at: now) {
      let shift = (offset & 15) * 8
      value = shift < 32 ? UInt64(register) >> shift : 0
    } else {
      recordError(.illegalRegisterAddress, at: now)
    }
    updateInterrupt(at: now)
    return width >= 8 ? value : value & ((1 << UInt64(width * 8)) &- 1)
  }

  /// Writes the register page. Only accesses of 4 or 8 bytes at a register's address count; the SDM leaves
  /// others undefined, and here they are ignored.
  package func writeMemory(_ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime) {
    guard mode == .xAPIC, width >= 4, offset & 15 == 0 else { return }
    settle(at: now)
    let index = Int(truncatingIfNeeded: (offset & 0xFFF) >> 4)
    writeXAPIC(index, UInt32(truncatingIfNeeded: value), at: now)
    updateInterrupt(at: now)
  }

  private func readXAPIC(_ index: Int, at now: VirtualTime) -> UInt32? {
    switch index {
    case Register.id: id << 24
    // Neither exists on processors after the P6 family; the addresses are not reserved.
    case Register.arbitrationPriority, Register.remoteRead: 0
    case Register.endOfInterrupt: 0
    case Register.destinationFormat: destinationFormat
    case Register.commandHigh: commandHigh
    default: readShared(index, at: now)
    }
  }

  /// Registers that xAPIC and x2APIC have in common; nil if reserved or write-only.
  private func readShared(_ index: Int, at now: VirtualTime) -> UInt32? {
    switch index {
    case Register.version: LocalAPIC.version
    case Register.taskPriority: UInt32(taskPriority)
    case Register.processorPriority: UInt32(processorPriority)
    case Register.logicalDestination: logicalDestination
    case Register.spurious: spurious
    case Register.inService: isr[word: index - 0x10]
    case Register.triggerMode: tmr[word: index - 0x18]
    case Register.interruptRequest: irr[word: index - 0x20]
    case Register.errorStatus: errorStatus
    case Register.commandLow: commandLow
    case Register.localVectorTable: lvt[index - 0x32]
    case Register.initialCount: initialCount
    case Register.currentCount: currentCount(at: now)
    case Register.divideConfiguration: divideConfiguration
    default: nil
    }
  }

  private func writeXAPIC(_ index: Int, _ value: UInt32, at now: VirtualTime) {
    switch index {
    case Register.logicalDestination:
      logicalDestination = value & 0xFF00_0000
      messageSource?.destinationsChanged(at: now)
    case Register.destinationFormat:
      destinationFormat = value | 0x0FFF_FFFF
      messageSource?.destinationsChanged(at: now)
    case Register.spurious:
      writeSpurious(value & 0x13FF)
      messageSource?.destinationsChanged(at: now)
    case Register.commandLow:
      commandLow = value & 0x000C_CFFF
      sendInterprocessorInterrupt(
        destination: commandHigh >> 24, isExtended: false, at: now)
    case Register.commandHigh: commandHigh = value & 0xFF00_0000
    // Read-only: the ID is fixed by the board, as the MADT says.
    case Register.id, Register.version, Register.arbitrationPriority, Register.processorPriority,
      Register.remoteRead, Register.inService, Register.triggerMode, Register.interruptRequest,
      Register.currentCount:
      break
    default:
      if !writeShared(index, value, at: now) { recordError(.illegalRegisterAddress, at: now) }
    }
  }

  /// Writes a register that xAPIC and x2APIC have in common; false if there is none to write.
  private func writeShared(_ index: Int, _ value: UInt32, at now: VirtualTime) -> Bool {
    switch index {
    case Register.taskPriority: taskPriority = UInt8(truncatingIfNeeded: value)
    case Register.endOfInterrupt: endOfInterrupt(at: now)
    case Register.errorStatus:
      errorStatus = pendingErrors
      pendingErrors = 0
    case Register.localVectorTable:
      if let entry = LVT(rawValue: index - 0x32) { writeLVT(entry, value, at: now) }
    case Register.initialCount: writeInitialCount(value, at: now)
    case Register.divideConfiguration: writeDivideConfiguration(value, at: now)
    default: return false
    }
    return true
  }

  /// SVR. Clearing the enable bit masks the LVT, and it stays masked until the bit is set again.
  func writeSpurious(_ value: UInt32) {
    spurious = value
    guard !isSoftwareEnabled else { return }
    for index in lvt.indices { lvt[index] |= LocalAPIC.lvtMasked }
  }

  func writeLVT(_ entry: LVT, _ value: UInt32, at now: VirtualTime) {
    let oldMode = timerMode
    let writable = writableLVT(entry)
    var new = lvt[entry.rawValue] & ~writable | value & writable
    if !isSoftwareEnabled { new |= LocalAPIC.lvtMasked }
    lvt[entry.rawValue] = new
    if entry == .timer { timerModeChanged(from: oldMode) }
    if entry == .lint0 {
      if !isLevelTriggered(.lint0) { lvt[entry.rawValue].setBit(14, false) }
      serveLevelLINT0(at: now)
    }
  }

  // MARK: Interprocessor interrupts

  /// Acts on `commandLow` ("Interrupt Command Register (ICR)", table of valid combinations). With one
  /// processor, what is not for it reaches nobody: processors since the Pentium 4 report no send-accept error
  /// for that, and the delivery status is never seen pending.
  private func sendInterprocessorInterrupt(destination: UInt32, isExtended: Bool, at now: VirtualTime) {
    let deliveryMode = DeliveryMode(register: commandLow)
    let vector = UInt8(truncatingIfNeeded: commandLow)
    let shorthand = commandLow.bits(19, 18)
    if deliveryMode.isVectored && vector < 16 { return recordError(.sendIllegalVector, at: now) }
    // INIT level de-assert, which set arbitration IDs on earlier processors.
    if deliveryMode == .initialize && commandLow.bit(15) && !commandLow.bit(14) { return }
    // Reserved: ExtINT, and the remote read of the 82489DX.
    if deliveryMode == .external || deliveryMode == .reserved { return }
    switch shorthand {
    case 0:
      accept(
        InterruptMessage(
          vector: vector, deliveryMode: deliveryMode, isLogical: commandLow.bit(11),
          destination: destination, isExtended: isExtended), at: now)
    case 1, 2:
      // Self and all-including-self take only the fixed mode; "the local xAPIC will override the bit setting
      // and issue the interrupt as an edge triggered interrupt".
      if deliveryMode == .fixed { acceptInterrupt(vector: vector, levelTriggered: false, at: now) }
    default: break
    }
  }

  // MARK: MSRs

  /// Whether `readMSR` and `writeMSR` are responsible for MSR `index`: IA32_APIC_BASE and the x2APIC range.
  package static func ownsMSR(_ index: UInt32) -> Bool { index == 0x1B || index >> 8 == 8 }

  /// RDMSR; nil means #GP(0).
  package func readMSR(_ index: UInt32, at now: VirtualTime) -> UInt64? {
    if index == 0x1B { return base }
    guard mode == .x2APIC, index >> 8 == 8 else { return nil }
    settle(at: now)
    updateInterrupt(at: now)
    let register = Int(index & 0xFF)
    switch register {
    case Register.id: return UInt64(id)
    case Register.commandLow: return UInt64(commandHigh) << 32 | UInt64(commandLow)
    default: return readShared(register, at: now).map { UInt64($0) }
    }
  }

  /// WRMSR; false means #GP(0), and nothing has changed.
  package func writeMSR(_ index: UInt32, _ value: UInt64, at now: VirtualTime) -> Bool {
    settle(at: now)
    if index == 0x1B { return writeBase(value, at: now) }
    guard mode == .x2APIC, index >> 8 == 8 else { return false }
    let register = Int(index & 0xFF)
    guard let allowed = allowedInX2APIC(register), value & ~allowed == 0 else { return false }
    let low = UInt32(truncatingIfNeeded: value)
    switch register {
    case Register.spurious:
      writeSpurious(low)
      messageSource?.destinationsChanged(at: now)
    case Register.commandLow:
      commandLow = low & 0x000C_CFFF
      commandHigh = UInt32(truncatingIfNeeded: value >> 32)
      sendInterprocessorInterrupt(destination: commandHigh, isExtended: true, at: now)
    case Register.selfIPI:
      if low < 16 {
        recordError(.sendIllegalVector, at: now)
      } else {
        acceptInterrupt(vector: UInt8(truncatingIfNeeded: low), levelTriggered: false, at: now)
      }
    default: _ = writeShared(register, low, at: now)
    }
    updateInterrupt(at: now)
    return true
  }

  /// The bits that WRMSR may set without #GP, nil for registers that cannot be written. Read-only bits that
  /// software writes back as read (delivery status, remote IRR) are allowed.
  private func allowedInX2APIC(_ register: Int) -> UInt64? {
    switch register {
    case Register.taskPriority, Register.selfIPI: 0xFF
    case Register.endOfInterrupt, Register.errorStatus: 0
    case Register.spurious: 0x11FF
    case Register.commandLow: 0xFFFF_FFFF_000C_DFFF
    case Register.localVectorTable:
      LVT(rawValue: register - 0x32).map { entry in
        let readOnly: UInt32 = entry == .lint0 || entry == .lint1 ? 0x5000 : 0x1000
        return UInt64(writableLVT(entry) | readOnly)
      }
    case Register.initialCount: 0xFFFF_FFFF
    case Register.divideConfiguration: 0xB
    default: nil
    }
  }

  // MARK: Saved state

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { w in
      w.write(base)
      w.write(taskPriority)
      w.write(logicalDestination)
      w.write(destinationFormat)
      w.write(spurious)
      isr.save(to: &w)
      tmr.save(to: &w)
      irr.save(to: &w)
      w.write(errorStatus)
      w.write(pendingErrors)
      w.write(commandLow)
      w.write(commandHigh)
      for entry in lvt { w.write(entry) }
      w.write(initialCount)
      w.write(divideConfiguration)
      w.write(expiry)
      w.write(deadlineTSC)
      w.write(lintLevel[0])
      w.write(lintLevel[1])
      w.write(externalLatched)
      w.write(startUpLatched)
      w.write(startUpPage)
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (r, _) throws(StateError) in
      let newBase: UInt64 = try r.read()
      let reserved: UInt64 = 0x2FF | (UInt64.max << UInt64(physicalAddressBits))
      guard newBase & reserved == 0, !newBase.bit(10) || (newBase.bit(11) && supportsX2APIC) else {
        throw r.invalid("base")
      }
      base = newBase
      taskPriority = try r.read()
      logicalDestination = try r.read()
      destinationFormat = try r.read()
      spurious = try r.read()
      try isr.restore(from: &r)
      try tmr.restore(from: &r)
      try irr.restore(from: &r)
      guard (isr[word: 0] | irr[word: 0]) & 0xFFFF == 0 else { throw r.invalid("ISR, IRR") }
      errorStatus = try r.read()
      pendingErrors = try r.read()
      commandLow = try r.read()
      commandHigh = try r.read()
      for index in 0..<6 {
        let entry: UInt32 = try r.read()
        let kept = LVT(rawValue: index).map { writableLVT($0) | 0x5000 } ?? 0
        guard entry & ~kept == 0 else { throw r.invalid("LVT") }
        lvt[index] = entry
      }
      initialCount = try r.read()
      divideConfiguration = try r.read()
      guard divideConfiguration & ~0xB == 0 else { throw r.invalid("DCR") }
      expiry = try r.read()
      deadlineTSC = try r.read()
      lintLevel = [try r.readBool("LINT0"), try r.readBool("LINT1")]
      externalLatched = try r.readBool("ExtINT")
      startUpLatched = try r.readBool("SIPI")
      startUpPage = try r.read()
    }
  }
}
