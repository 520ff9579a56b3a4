import ApusCPU
import ApusInstructionSet
import ApusMachine

/// A stretch of a run, one instruction after the other: what each did, and what the registers were after it.
package struct TraceRecording {
  /// An instruction as it was executed somewhere.
  package struct Code: Hashable {
    package let linear: UInt64
    package let rip: UInt64
    package let bytes: [UInt8]
    package let mode: ProcessorMode

    /// Its text; targets of branches are those of RIP.
    package var text: String {
      let size: Disassembler.Mode = mode.bits == 64 ? .code64 : mode.bits == 32 ? .code32 : .code16
      return Disassembler.decode(bytes, at: rip, mode: size).text()
    }
  }

  /// A register that is not what it was: its place in the row, and the values.
  package struct Change: Equatable {
    package let register: Int
    package let old: UInt64
    package let new: UInt64
  }

  /// Accesses of a step that are not kept.
  package struct Omission: Equatable {
    package var count = 0
    /// Where the writes among them are.
    package var start: UInt64 = .max
    package var last: UInt64 = 0
  }

  /// One instruction, or the exception that took its place, with all that happened until the next one.
  package struct Step {
    /// The place in `code`; nil if no instruction began.
    package var code: Int?
    /// What happened, in this order. `.instruction` says which events came before it.
    package var events: [ProcessorEvent] = []
    package var changes: [Change] = []
    package var omitted = Omission()
    /// Nanoseconds of the guest's time that passed beyond that of the instruction.
    package var wait: UInt64 = 0
  }

  /// Instructions retired before the first step, and the time then.
  package let first: UInt64
  package let startTime: UInt64
  package let initial: [UInt64]
  package private(set) var code: [Code] = []
  package private(set) var steps: [Step] = []
  /// Why there are no more steps, if it is not that they were as many as were asked for.
  package private(set) var ending: Stop?

  /// The most steps that a page takes.
  package static let limit = 200_000
  /// The most accesses of one step that are kept, a page's worth of a string instruction. When there are that many in
  /// all, steps with more events than deliveries have keep a few.
  private static let stepAccesses = 2048
  private static let allAccesses = 300_000
  private static let usualEvents = 24
  private static let fewAccesses = 4
  private var accesses = 0

  private var places: [Code: Int] = [:]

  /// Records at most `count` steps of a machine that stands still. `advance` executes one instruction, or says why there
  /// is none; `isWanted` is asked now and then whether to go on.
  package init<Problem: Error>(
    of machine: Machine, count: Int, isWanted: () -> Bool = { true },
    advance: () throws(Problem) -> Stop
  ) throws(Problem) {
    first = machine.instructions
    startTime = machine.now
    initial = RegisterFile.values(machine.state)
    let gathered = Gathered()
    let before = machine.observer
    machine.observer = gathered.observer
    defer { machine.observer = before }
    var registers = initial
    while steps.count < min(count, Self.limit), ending == nil {
      guard steps.count & 0x3FF != 0 || isWanted() else { break }
      let start = (instructions: machine.instructions, time: machine.now, code: machine.codeAddress)
      let bytes = machine.readLinear(start.code, count: 15)
      let stop = try advance()
      var step = Step()
      keep(gathered.take(), in: &step)
      let executed = machine.instructions - start.instructions
      if executed == 0 || stop.isFinal { ending = stop }
      guard executed > 0 || !step.events.isEmpty else { break }
      let passed = machine.now - start.time
      step.wait = passed - min(executed, passed)
      step.code = place(of: step.events, machine, registers, bytes, at: start.code)
      let values = RegisterFile.values(machine.state)
      for index in values.indices where values[index] != registers[index] {
        step.changes.append(Change(register: index, old: registers[index], new: values[index]))
      }
      registers = values
      steps.append(step)
    }
  }

  /// Puts events into a step, but for accesses that are too many.
  private mutating func keep(_ events: [ProcessorEvent], in step: inout Step) {
    let isUsual = events.count <= Self.usualEvents
    var room = isUsual || accesses < Self.allAccesses ? Self.stepAccesses : Self.fewAccesses
    for event in events {
      guard case .memory(let access) = event else {
        step.events.append(event)
        continue
      }
      guard room == 0 else {
        room -= 1
        accesses += 1
        step.events.append(event)
        continue
      }
      step.omitted.count += 1
      guard access.isWrite else { continue }
      step.omitted.start = min(step.omitted.start, access.linear)
      step.omitted.last = max(step.omitted.last, access.linear &+ UInt64(access.size) &- 1)
    }
  }

  /// Where the observer's events go until the machine stands still again.
  private final class Gathered {
    private final class Events { var all: [ProcessorEvent] = [] }

    private let events: Events
    let observer: Observer

    init() {
      let events = Events()
      self.events = events
      observer = Observer(.all) { batch in events.all += batch.map { $0.event } }
    }

    /// What has happened since the last time.
    func take() -> [ProcessorEvent] {
      observer.flush()
      defer { events.all = [] }
      return events.all
    }
  }

  /// The place of the instruction that began last. `bytes` are those that were at `linear` before it did.
  private mutating func place(
    of events: [ProcessorEvent], _ machine: Machine, _ registers: [UInt64], _ bytes: [UInt8],
    at linear: UInt64
  ) -> Int? {
    var found: (start: InstructionStart, rip: UInt64)?
    // A delivery before it has changed RIP.
    var rip = registers[RegisterFile.rip]
    for event in events {
      switch event {
      case .instruction(let start): found = (start, rip)
      case .delivered(let target): rip = target.rip
      default: break
      }
    }
    guard let (start, rip) = found else { return nil }
    let length = Int(start.length)
    // The handler of an interrupt, of which nobody knew; where it does not lie any more, its pages have been changed.
    var actual = bytes
    if start.linear != linear { actual = machine.readLinear(start.linear, count: length) }
    if actual.count < length { actual = machine.readPhysical(start.physical, count: length) }
    let code = Code(linear: start.linear, rip: rip, bytes: Array(actual.prefix(length)), mode: start.mode)
    if let known = places[code] { return known }
    places[code] = self.code.count
    self.code.append(code)
    return self.code.count - 1
  }
}

extension Stop {
  /// Whether the machine does nothing more.
  fileprivate var isFinal: Bool {
    switch self {
    case .budget, .idle, .paused: false
    case .poweredOff, .reset, .debugExit, .tripleFault, .unimplemented: true
    }
  }

  /// For people, as the end of a sentence about the guest.
  package var sentence: String {
    switch self {
    case .budget: "was told to stop"
    case .idle: "halted, and nothing can wake it"
    case .poweredOff: "switched the machine off"
    case .reset: "reset the machine"
    case .debugExit(let value): "left through the debug-exit port with \(value)"
    case .tripleFault: "died of a triple fault"
    case .unimplemented: "needs something that Apus does not have"
    case .paused: "was stopped"
    }
  }
}

extension Machine {
  /// How often idle time is passed before the next instruction: a processor that no interrupt wakes executes none.
  private static let idleLimit = 1000

  /// Executes one instruction. Idle time passes.
  package func advanceByInstruction() -> Stop {
    let start = instructions
    for _ in 0..<Self.idleLimit {
      let stop = run(instructions: 1)
      guard case .idle(let until?) = stop, instructions == start else { return stop }
      skipIdle(to: until)
    }
    return .idle(until: nil)
  }
}
