import ApusCPU
import ApusMachine

/// The registers at one moment.
struct RegisterSnapshot {
  let state: ArchitecturalState
  let extended: ExtendedRegisters
  let kernelGSBase: UInt64
  let taskPriority: UInt8

  init(_ machine: Machine) {
    state = machine.state
    extended = machine.extendedRegisters
    kernelGSBase = machine.kernelGSBase
    taskPriority = machine.taskPriority
  }
}

/// What happened between two looks at the registers.
struct Stretch {
  let events: [TimedEvent]
  let before: RegisterSnapshot
  let after: RegisterSnapshot

  /// Where an instruction begins. One that was interrupted or restarted begins more than once.
  var beginning: (index: Int, start: InstructionStart)? {
    for (index, event) in events.enumerated() {
      if case .instruction(let start) = event.event { return (index, start) }
    }
    return nil
  }

  /// Whether it is the delivery of what no instruction causes.
  var isInterrupt: Bool {
    if case .delivery(let delivery)? = events.first?.event { delivery.source == .external } else { false }
  }

  /// Whether it is a delivery that reached its handler.
  var isDelivered: Bool {
    if case .delivered? = events.last?.event { true } else { false }
  }
}

/// What is told of a step, cut where deliveries of interrupts and exceptions begin and end. A step has both: the
/// registers that a delivery changes are not changed by the instruction before or after it.
struct StepRecord {
  private(set) var stretches: [Stretch] = []
  private var events: [TimedEvent] = []
  private var before: RegisterSnapshot

  /// A step that begins with these registers.
  init(_ registers: RegisterSnapshot) { before = registers }

  /// Takes what the observer of a machine gets; `registers` are the machine's, now.
  mutating func take(_ batch: [TimedEvent], _ registers: @autoclosure () -> RegisterSnapshot) {
    events += batch
    switch batch.last?.event {
    case .delivery?:
      let delivery = events.removeLast()
      cut(registers())
      events.append(delivery)
    case .delivered?: cut(registers())
    default: break
    }
  }

  /// Ends a stretch.
  mutating func cut(_ registers: RegisterSnapshot) {
    stretches.append(Stretch(events: events, before: before, after: registers))
    events = []
    before = registers
  }
}
