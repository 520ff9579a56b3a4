import ApusBase

/// The processor's local APIC: xAPIC (memory-mapped) and x2APIC (MSR) register access, local vector table,
/// timer, interprocessor interrupts, and the choice of the vector that the CPU gets.
///
/// Source: SDM Vol. 3, "Advanced Programmable Interrupt Controller (APIC)".
///
/// Wiring: input 0 is LINT0 (the 8259A's INTR), input 1 is LINT1 (the board's NMI). The outputs are lines to
/// the CPU: `intr` is a level, `nmi`, `smi` and `initialization` are pulses. On `initialization` the board
/// resets the CPU as INIT does and calls `initialize(at:)`. The board attaches `mmioBase` as a 4 KiB memory
/// range, and reads `deadline` again after every call that takes a time, including `acknowledge(at:)`.
///
/// The timer's input clock is 1 GHz: one count per virtual nanosecond before the divider.
///
/// Departs from hardware: the polarity bits of LINT0 and LINT1 are kept but not applied, as lines carry
/// "asserted" and not a voltage.
package final class LocalAPIC: Device, LineSink {
  package let name = "LocalAPIC"

  /// The register sets selected by IA32_APIC_BASE.
  package enum Mode: UInt8 {
    case disabled = 0
    case xAPIC = 2
    case x2APIC = 3
  }

  /// Entries of the local vector table, numbered in register order from 320h.
  enum LVT: Int {
    case timer = 0
    case thermal, performance, lint0, lint1, error
  }

  /// Bits of the ESR ("Error Status Register (ESR)").
  enum ErrorBit: Int {
    case sendIllegalVector = 5
    case receiveIllegalVector = 6
    case illegalRegisterAddress = 7
  }

  // MARK: Wiring

  let intr: Line
  let nmi: Line
  let smi: Line
  let initialization: Line
  /// Where EOI messages of level-triggered interrupts go. The board sets it, and clears it to break the
  /// reference cycle when the machine is discarded.
  package var messageSource: (any InterruptMessageSource)?

  /// The initial APIC ID, also in CPUID.01H:EBX[31:24].
  package let id: UInt32
  let isBootstrap: Bool
  let physicalAddressBits: Int
  let supportsX2APIC: Bool

  // MARK: State

  /// IA32_APIC_BASE.
  var base: UInt64 = 0
  var taskPriority: UInt8 = 0
  var logicalDestination: UInt32 = 0
  var destinationFormat: UInt32 = .max
  var spurious: UInt32 = 0xFF
  var isr = VectorSet()
  var tmr = VectorSet()
  var irr = VectorSet()
  /// The ESR as last latched by a write, and the errors detected since.
  var errorStatus: UInt32 = 0
  var pendingErrors: UInt32 = 0
  var commandLow: UInt32 = 0
  var commandHigh: UInt32 = 0
  var lvt = [UInt32](repeating: LocalAPIC.lvtMasked, count: 6)
  var initialCount: UInt32 = 0
  var divideConfiguration: UInt32 = 0
  /// When the timer next counts to zero, or the TSC reaches its deadline; `never` if it does not run.
  var expiry: VirtualTime = .never
  /// IA32_TSC_DEADLINE as written; zero if disarmed.
  var deadlineTSC: UInt64 = 0
  var lintLevel = [false, false]
  /// An ExtINT message of an I/O APIC waits for its INTA cycle.
  var externalLatched = false
  var startUpLatched = false
  var startUpPage: UInt8 = 0

  /// LVT value after reset: masked.
  static let lvtMasked: UInt32 = 1 << 16

  /// A local APIC with its output lines.
  /// - Parameters:
  ///   - id: initial APIC ID, 0...254.
  ///   - isBootstrap: whether this processor starts (IA32_APIC_BASE.BSP).
  ///   - physicalAddressBits: MAXPHYADDR, 32...52; IA32_APIC_BASE bits above are reserved.
  ///   - supportsX2APIC: CPUID.01H:ECX[21]; if false IA32_APIC_BASE.EXTD is reserved.
  package init(
    intr: Line, nmi: Line, smi: Line, initialization: Line, id: UInt8 = 0, isBootstrap: Bool = true,
    physicalAddressBits: Int = 40, supportsX2APIC: Bool = true
  ) {
    precondition(32...52 ~= physicalAddressBits && id != 0xFF)
    self.intr = intr
    self.nmi = nmi
    self.smi = smi
    self.initialization = initialization
    self.id = UInt32(id)
    self.isBootstrap = isBootstrap
    self.physicalAddressBits = physicalAddressBits
    self.supportsX2APIC = supportsX2APIC
    base = resetBase
  }

  private var resetBase: UInt64 { 0xFEE0_0800 | (isBootstrap ? 1 << 8 : 0) }

  // MARK: Reset

  package func reset(at now: VirtualTime) {
    base = resetBase
    resetRegisters()
    lintLevel = [false, false]
    updateInterrupt(at: now)
  }

  /// INIT: as `reset(at:)`, but IA32_APIC_BASE, hence the mode, and the APIC ID stay ("Local APIC State
  /// After an INIT Reset"). The levels on LINT0 and LINT1 belong to the wires and stay as well.
  package func initialize(at now: VirtualTime) {
    resetRegisters()
    if mode == .x2APIC { logicalDestination = x2APICLogicalID }
    updateInterrupt(at: now)
  }

  /// "Local APIC State After Power-Up or Reset".
  func resetRegisters() {
    taskPriority = 0
    logicalDestination = 0
    destinationFormat = .max
    spurious = 0xFF
    isr.removeAll()
    tmr.removeAll()
    irr.removeAll()
    errorStatus = 0
    pendingErrors = 0
    commandLow = 0
    commandHigh = 0
    for index in lvt.indices { lvt[index] = LocalAPIC.lvtMasked }
    initialCount = 0
    divideConfiguration = 0
    expiry = .never
    deadlineTSC = 0
    externalLatched = false
    startUpLatched = false
    startUpPage = 0
  }

  /// Programs the state in which an MP-aware BIOS leaves the bootstrap processor: software-enabled, LINT0 as
  /// ExtINT, LINT1 as NMI (MultiProcessor Specification 1.4, "Virtual Wire Mode"). For boards that start a
  /// kernel, or a BIOS that knows no APIC, directly. No effect while globally disabled.
  package func programVirtualWire(at now: VirtualTime) {
    guard mode != .disabled else { return }
    settle(at: now)
    writeSpurious(0x1FF)
    writeLVT(.lint0, 0x700, at: now)
    writeLVT(.lint1, 0x400, at: now)
    updateInterrupt(at: now)
    messageSource?.destinationsChanged(at: now)
  }

  // MARK: Mode

  package var mode: Mode { base.bit(11) ? (base.bit(10) ? .x2APIC : .xAPIC) : .disabled }

  /// Whether the APIC is globally enabled; CPUID.01H:EDX.APIC mirrors it.
  package var isEnabled: Bool { base.bit(11) }

  /// Where the 4 KiB register page lies; nil unless in xAPIC mode.
  package var mmioBase: UInt64? { mode == .xAPIC ? base & ~0xFFF : nil }

  var isSoftwareEnabled: Bool { spurious.bit(8) }

  var x2APICLogicalID: UInt32 { (id >> 4) << 16 | 1 << (id & 15) }

  /// WRMSR to IA32_APIC_BASE ("x2APIC State Transitions"). False means #GP(0).
  func writeBase(_ value: UInt64, at now: VirtualTime) -> Bool {
    var reserved: UInt64 = 0x2FF | (UInt64.max << UInt64(physicalAddressBits))
    if !supportsX2APIC { reserved |= 1 << 10 }
    guard value & reserved == 0 else { return false }
    let old = mode
    let enable = value.bit(11)
    let extended = value.bit(10)
    if extended && (!enable || old == .disabled) { return false }
    if old == .x2APIC && enable && !extended { return false }
    base = value
    if !enable && old != .disabled { resetRegisters() }
    if enable && old == .disabled { nmi.set(false, at: now) }
    if extended && old == .xAPIC {
      logicalDestination = x2APICLogicalID
      commandHigh = 0
    }
    updateInterrupt(at: now)
    messageSource?.destinationsChanged(at: now)
    return true
  }

  // MARK: Priority and the CPU's side

  /// PPR ("Task and Processor Priorities").
  package var processorPriority: UInt8 {
    let inService = isr.highest ?? 0
    return taskPriority & 0xF0 >= inService & 0xF0 ? taskPriority : inService & 0xF0
  }

  /// The vector that the CPU would get: the highest requested one, if its class is above PPR's.
  private var deliverableVector: UInt8? {
    guard let vector = irr.highest, vector >> 4 > processorPriority >> 4 else { return nil }
    return vector
  }

  /// Whether ExtINT asks for service, through a LINT pin or an I/O APIC message.
  private var externalPending: Bool {
    externalLatched || (lintLevel[0] && isExternal(.lint0)) || (lintLevel[1] && isExternal(.lint1))
  }

  private func isExternal(_ entry: LVT) -> Bool {
    let value = lvt[entry.rawValue]
    return !value.bit(16) && DeliveryMode(register: value) == .external
  }

  /// The level of the INTR output. Globally disabled, it is the LINT0 pin.
  package var interruptPending: Bool {
    guard mode != .disabled else { return lintLevel[0] }
    return deliverableVector != nil || externalPending
  }

  func updateInterrupt(at now: VirtualTime) { intr.set(interruptPending, at: now) }

  /// The CPU's interrupt-acknowledge cycle. A fixed interrupt moves from IRR to ISR; if the interrupt has gone
  /// since INTR was sampled, the result is the spurious vector, which sets no ISR bit ("Spurious Interrupt").
  package func acknowledge(at now: VirtualTime) -> InterruptAcknowledge {
    guard mode != .disabled else { return .external }
    settle(at: now)
    if let vector = deliverableVector {
      irr.set(vector, false)
      isr.set(vector, true)
      updateInterrupt(at: now)
      return .vector(vector)
    }
    if externalPending {
      externalLatched = false
      updateInterrupt(at: now)
      return .external
    }
    return .vector(UInt8(truncatingIfNeeded: spurious))
  }

  /// CR8: the task-priority class, TPR[7:4].
  package var CR8: UInt64 { UInt64(taskPriority >> 4) }

  /// MOV to CR8. `value` must be 0...15; the CPU has raised #GP otherwise. TPR[3:0] become 0.
  package func writeCR8(_ value: UInt64, at now: VirtualTime) {
    guard mode != .disabled else { return }
    settle(at: now)
    taskPriority = UInt8(truncatingIfNeeded: value & 15) << 4
    updateInterrupt(at: now)
  }

  /// The page number of the last start-up IPI (the CPU in wait-for-SIPI starts at `page << 12`), once.
  package func takeStartUpPage() -> UInt8? {
    guard startUpLatched else { return nil }
    startUpLatched = false
    return startUpPage
  }

  // MARK: Accepting interrupts

  /// Takes a fixed interrupt addressed to this processor. False if the APIC is disabled by hardware or
  /// software and so refuses it ("Local APIC State After It Has Been Software Disabled").
  @discardableResult
  package func acceptInterrupt(vector: UInt8, levelTriggered: Bool, at now: VirtualTime) -> Bool {
    guard mode != .disabled else { return false }
    settle(at: now)
    guard isSoftwareEnabled else { return false }
    request(vector, levelTriggered: levelTriggered, at: now)
    updateInterrupt(at: now)
    return true
  }

  /// Takes a message from the bus. False if it is addressed to another processor or is refused.
  @discardableResult
  package func accept(_ message: InterruptMessage, at now: VirtualTime) -> Bool {
    guard mode != .disabled, isAddressed(by: message) else { return false }
    guard message.isAsserted else { return true }
    switch message.deliveryMode {
    case .fixed, .lowestPriority:
      return acceptInterrupt(
        vector: message.vector, levelTriggered: message.isLevelTriggered, at: now)
    case .smi: smi.pulse(at: now)
    case .nmi: nmi.pulse(at: now)
    case .initialize: initialization.pulse(at: now)
    case .startUp:
      startUpLatched = true
      startUpPage = message.vector
    case .external:
      guard isSoftwareEnabled else { return false }
      externalLatched = true
      updateInterrupt(at: now)
    case .reserved: return false
    }
    return true
  }

  /// "Determining IPI Destination" and "Logical x2APIC ID".
  private func isAddressed(by message: InterruptMessage) -> Bool {
    let destination = message.destination
    if destination == (message.isExtended ? .max : 0xFF) { return true }
    guard message.isLogical else { return destination == id }
    if mode == .x2APIC {
      return destination >> 16 == logicalDestination >> 16
        && destination & logicalDestination & 0xFFFF != 0
    }
    let own = logicalDestination >> 24
    if destinationFormat >> 28 == 0xF { return destination & own != 0 }
    let cluster = destination.bits(7, 4)
    return (cluster == 0xF || cluster == own.bits(7, 4)) && destination & own & 0xF != 0
  }

  /// Sets the IRR bit of `vector`, which is known to be accepted.
  func request(_ vector: UInt8, levelTriggered: Bool, at now: VirtualTime) {
    guard vector >= 16 else { return recordError(.receiveIllegalVector, at: now) }
    irr.set(vector, true)
    tmr.set(vector, levelTriggered)
  }

  /// Notes an error; the first of its kind since the last ESR write raises the LVT error interrupt.
  func recordError(_ error: ErrorBit, at now: VirtualTime) {
    guard !pendingErrors.bit(error.rawValue) else { return }
    pendingErrors.setBit(error.rawValue, true)
    raise(.error, at: now)
  }

  /// Whether LINT0, the 8259A's INTR, is programmed to send NMI or INIT.
  package var sendsNonMaskable: Bool {
    let value = lvt[LVT.lint0.rawValue]
    let mode = DeliveryMode(register: value)
    return !value.bit(16) && (mode == .nmi || mode == .initialize)
  }

  /// A local interrupt source fires through its LVT entry.
  func raise(_ entry: LVT, at now: VirtualTime) {
    let value = lvt[entry.rawValue]
    guard !value.bit(16) else { return }
    let vector = UInt8(truncatingIfNeeded: value)
    // The timer and error entries have no delivery mode: they are always fixed.
    let mode = entry == .timer || entry == .error ? .fixed : DeliveryMode(register: value)
    switch mode {
    case .fixed: request(vector, levelTriggered: false, at: now)
    case .smi: smi.pulse(at: now)
    case .nmi: nmi.pulse(at: now)
    case .initialize: initialization.pulse(at: now)
    // ExtINT follows the pin's level; the other encodings are reserved in the LVT.
    case .external, .lowestPriority, .startUp, .reserved: break
    }
  }

  /// The performance-monitoring counters overflowed. The entry masks itself ("Local Vector Table").
  package func performanceCounterOverflow(at now: VirtualTime) {
    guard mode != .disabled else { return }
    settle(at: now)
    raise(.performance, at: now)
    lvt[LVT.performance.rawValue].setBit(16, true)
    updateInterrupt(at: now)
  }

  /// The thermal sensor tripped.
  package func thermalEvent(at now: VirtualTime) {
    guard mode != .disabled else { return }
    settle(at: now)
    raise(.thermal, at: now)
    updateInterrupt(at: now)
  }

  // MARK: LINT pins

  package func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    guard input == 0 || input == 1 else { return }
    let rising = level && !lintLevel[input]
    lintLevel[input] = level
    guard mode != .disabled else {
      // "functionally equivalent to a processor without an on-chip APIC": the pins are INTR and NMI.
      if input == 1 { nmi.set(level, at: now) } else { updateInterrupt(at: now) }
      return
    }
    settle(at: now)
    let entry: LVT = input == 0 ? .lint0 : .lint1
    if isLevelTriggered(entry) {
      serveLevelLINT0(at: now)
    } else if rising {
      raise(entry, at: now)
    }
    updateInterrupt(at: now)
  }

  /// Only fixed interrupts on LINT0 can be level-triggered; LINT1 is always edge-triggered.
  func isLevelTriggered(_ entry: LVT) -> Bool {
    let value = lvt[entry.rawValue]
    return entry == .lint0 && value.bit(15) && DeliveryMode(register: value) == .fixed
  }

  /// Requests a level-triggered LINT0 interrupt if the pin is asserted and none is in progress (remote IRR).
  func serveLevelLINT0(at now: VirtualTime) {
    let value = lvt[LVT.lint0.rawValue]
    guard isLevelTriggered(.lint0), lintLevel[0], !value.bit(16), !value.bit(14) else { return }
    let vector = UInt8(truncatingIfNeeded: value)
    request(vector, levelTriggered: true, at: now)
    // An illegal vector never gets an EOI, so it must not set remote IRR.
    if vector >= 16 { lvt[LVT.lint0.rawValue].setBit(14, true) }
  }

  // MARK: End of interrupt

  /// A write to the EOI register ("Signaling Interrupt Servicing Completion").
  func endOfInterrupt(at now: VirtualTime) {
    guard let vector = isr.highest else { return }
    isr.set(vector, false)
    guard tmr.contains(vector) else { return }
    let lint0 = lvt[LVT.lint0.rawValue]
    if lint0.bit(14) && UInt8(truncatingIfNeeded: lint0) == vector {
      lvt[LVT.lint0.rawValue].setBit(14, false)
      serveLevelLINT0(at: now)
    }
    // SVR[12]: the guest writes the I/O APIC's EOI register itself.
    if !spurious.bit(12) { messageSource?.endOfInterrupt(vector: vector, at: now) }
  }
}
