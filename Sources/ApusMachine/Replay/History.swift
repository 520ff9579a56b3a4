import ApusBase
import ApusCPU

/// The past of a running machine, to go back to. Checkpoints share memory with the machine until it writes; what lies
/// between them is executed again, with the input that came then, and so comes out the same. A moment is named by the
/// instructions retired until then, before anything that happens at the next one: interrupts, input.
///
/// While the machine is in its past, `onReplay` has said so: what the guest writes comes a second time. Input that the
/// world has for the guest waits until the machine is back in the present.
package final class History {
  /// The machine as it was.
  private struct Checkpoint {
    let snapshot: MachineSnapshot
    /// The inputs that had come by then.
    let inputs: Int
    /// Somebody changed the machine here: what comes later does not follow from earlier checkpoints.
    let isChange: Bool

    var instructions: UInt64 { snapshot.instructions }
  }

  package let machine: Machine
  private let log: InputLog
  private var checkpoints: [Checkpoint] = []
  /// Instructions from one checkpoint to the next. It doubles when there are too many.
  private var interval: UInt64
  private let limit: Int
  /// In the past: how many inputs have come, and what the present is.
  private var applied = 0
  private var present: UInt64?
  /// A moment shortly before the one that was gone to last: who goes back does so step by step.
  private var near: Checkpoint?
  /// Instructions between it and the moment.
  private static let nearDistance: UInt64 = 50_000
  /// Hears true before something is executed again, and false after it.
  package var onReplay: (Bool) -> Void = { _ in }
  /// Asked every few million instructions that are executed again; false gives that up.
  package var mayGoOn: () -> Bool = { true }
  /// Whether the last way to another moment was given up: `seek` leaves the machine on the way, `runBack` where it was.
  package private(set) var wasInterrupted = false
  /// Instructions between two questions.
  private static let stride: UInt64 = 2_000_000

  /// Begins with the machine as it is now. A checkpoint is made every `interval` instructions, at least 1,000; beyond
  /// `limit`, at least 4, every other one is forgotten. Throws `usage` for a machine that cannot go back: see
  /// `Machine.restore`.
  package init(
    _ machine: Machine, interval: UInt64 = 50_000_000, limit: Int = 48
  ) throws(MachineError) {
    try machine.checkDrives()
    self.machine = machine
    self.interval = max(interval, 1000)
    self.limit = max(limit, 4)
    log = InputLog(machine.recorder)
    machine.recorder = log
    addCheckpoint()
  }

  deinit { machine.recorder = log.next }

  /// Whether something is executed that was executed before.
  package var isInPast: Bool { present != nil }
  /// The first moment there is, and the last.
  package var start: UInt64 { checkpoints[0].instructions }
  package var end: UInt64 { present ?? machine.instructions }
  /// The moments of all checkpoints.
  package var checkpointTimes: [UInt64] { checkpoints.map { $0.instructions } }

  // MARK: Forwards

  /// Runs as `Machine.run` does. In the past it goes no further than the present, where it returns `budget`.
  package func run(instructions count: UInt64) throws(MachineError) -> Stop {
    let (sum, overflow) = machine.instructions.addingReportingOverflow(count)
    let target = overflow ? .max : sum
    guard present == nil else { return try replaying { () throws(MachineError) in try advance(to: target) } }
    while true {
      let now = machine.instructions
      let next = checkpoints[checkpoints.count - 1].instructions + interval
      if now >= next && !machine.hasEnded { addCheckpoint() }
      let stop = machine.run(instructions: min(target, max(next, now + 1)) - now)
      guard stop == .budget, machine.instructions < target else { return stop }
    }
  }

  private func addCheckpoint(isChange: Bool = false) {
    checkpoints.append(
      Checkpoint(snapshot: machine.capture(), inputs: log.inputs.count, isChange: isChange))
    guard checkpoints.count > limit else { return }
    interval *= 2
    var isKept = false
    let first = checkpoints[0].instructions
    checkpoints = checkpoints.filter {
      isKept.toggle()
      return isKept || $0.isChange || $0.instructions == first
    }
  }

  /// Somebody has changed registers or memory: what was after this moment is no more, and nothing that comes follows
  /// from what was before it.
  package func noteChange() {
    let now = machine.instructions
    checkpoints.removeAll { $0.instructions > now }
    near = nil
    if present != nil {
      log.inputs.removeLast(log.inputs.count - applied)
      present = nil
    }
    if let last = checkpoints.last, last.instructions == now, last.isChange { checkpoints.removeLast() }
    addCheckpoint(isChange: true)
  }

  // MARK: Backwards

  /// Goes to a moment, or to the first or the last if it is not between them.
  package func seek(to target: UInt64) throws(MachineError) {
    try replaying { () throws(MachineError) in try go(to: target) }
  }

  private func go(to target: UInt64) throws(MachineError) {
    leavePresent()
    let stops = machine.stopPoints
    machine.stopPoints = StopPoints()
    defer { machine.stopPoints = stops }
    let start = checkpoints[checkpoint(before: target)]
    if let near, near.instructions > start.instructions, near.instructions < target {
      try restore(near)
    } else {
      try restore(start)
      if target > start.instructions + 4 * Self.nearDistance {
        _ = try advance(to: target - Self.nearDistance)
        if wasInterrupted { return }
        if isInPast && !machine.hasEnded {
          near = Checkpoint(snapshot: machine.capture(), inputs: applied, isChange: false)
        }
      }
    }
    _ = try advance(to: target)
  }

  /// The last checkpoint from which `target` lies ahead, with all that comes then.
  private func checkpoint(before target: UInt64) -> Int {
    let found = checkpoints.lastIndex { checkpoint in
      if checkpoint.instructions < target { return true }
      let comesBefore = checkpoint.inputs == 0 || log.inputs[checkpoint.inputs - 1].instructions < target
      return checkpoint.instructions == target && (comesBefore || checkpoint.isChange)
    }
    return found ?? 0
  }

  private func leavePresent() {
    guard present == nil else { return }
    present = machine.instructions
    applied = log.inputs.count
  }

  private func restore(_ checkpoint: Checkpoint) throws(MachineError) {
    try machine.restore(checkpoint.snapshot)
    applied = checkpoint.inputs
  }

  private func replaying<R>(_ body: () throws(MachineError) -> R) throws(MachineError) -> R {
    log.isReplaying = true
    wasInterrupted = false
    onReplay(true)
    defer {
      log.isReplaying = false
      onReplay(false)
    }
    return try body()
  }

  /// Executes again what comes before `target`; from the present on, nothing does. Whoever only looks `passesBy` when that
  /// is the present.
  private func advance(to target: UInt64, passesBy: Bool = false) throws(MachineError) -> Stop {
    guard let present else { return .budget }
    while true {
      let now = machine.instructions
      let change = checkpoints.firstIndex { $0.isChange && $0.instructions > now }
      let input = applied < log.inputs.count ? log.inputs[applied] : nil
      if let input, input.instructions <= now, input.instructions < target || target >= present {
        if input.afterRun { _ = machine.run(instructions: 0) }
        machine.apply(input.input)
        applied += 1
        continue
      }
      guard now < min(target, present) else {
        if now >= present && applied == log.inputs.count && !passesBy { self.present = nil }
        return .budget
      }
      let nextChange = change.map { checkpoints[$0].instructions } ?? .max
      let goal = min(target, present, input?.instructions ?? .max, nextChange, now + Self.stride)
      let time = machine.now
      let stop = machine.run(instructions: goal - now)
      if let change, machine.instructions == nextChange {
        try restore(checkpoints[change])
        continue
      }
      switch stop {
      case .budget:
        guard machine.instructions == now + Self.stride, !mayGoOn() else { continue }
        wasInterrupted = true
        return .budget
      // Whoever ran it told it to go on.
      case .idle where machine.now != time || machine.instructions == goal: continue
      case .paused: return stop
      default: if machine.instructions != goal { return stop }
      }
    }
  }

  /// Goes back to the last moment before this one at which a stop point was met: for a breakpoint, with its instruction
  /// next; for others, before the instruction that did it. Nil, and the first moment, if there is none.
  package func runBack() throws(MachineError) -> MetStop? {
    let stops = machine.stopPoints
    let here = machine.instructions
    return try replaying { () throws(MachineError) in
      leavePresent()
      guard let met = try lastStop(before: here, stops) else {
        machine.stopPoints = stops
        let isGivenUp = wasInterrupted
        wasInterrupted = false
        try go(to: isGivenUp ? here : start)
        if isGivenUp { wasInterrupted = true }
        return nil
      }
      try go(to: met.instructions)
      // Devices and interrupts may come before the instruction at that moment.
      if !wasInterrupted, case .breakpoint = met.point {
        machine.stopPoints = stops
        _ = machine.run(instructions: 1)
        _ = machine.takeStop()
      }
      return met
    }
  }

  /// The last time before this moment that somebody stored to `physical`; nil if that was before the first moment. The
  /// machine stays where it is.
  package func lastWrite(to physical: Range<UInt64>) throws(MachineError) -> MetStop? {
    var stops = StopPoints()
    stops.physicalWatches = [physical]
    let (wanted, here, wasPresent) = (machine.stopPoints, machine.instructions, present)
    let (snapshot, inputs, end) = (machine.capture(), applied, machine.end)
    return try replaying { () throws(MachineError) in
      leavePresent()
      let found = try lastStop(before: here, stops)
      machine.stopPoints = StopPoints()
      try machine.restore(snapshot)
      machine.end = end
      (applied, present) = (inputs, wasPresent)
      machine.stopPoints = wanted
      return found
    }
  }

  /// Looks through the stretches between checkpoints, the latest first. Leaves the machine anywhere.
  private func lastStop(before here: UInt64, _ stops: StopPoints) throws(MachineError) -> MetStop? {
    var end = here
    for index in checkpoints.indices.reversed() where checkpoints[index].instructions < end {
      machine.stopPoints = StopPoints()
      try restore(checkpoints[index])
      machine.stopPoints = stops
      var last: MetStop?
      while try advance(to: end, passesBy: true) == .paused {
        guard let met = machine.takeStop() else { break }
        if met.instructions < end { last = met }
        if case .breakpoint = met.point { machine.passBreakpoint() }
      }
      if wasInterrupted { return nil }
      if let last { return last }
      end = checkpoints[index].instructions
    }
    return nil
  }
}

/// What has come from outside, for doing it again.
private final class InputLog: InputRecorder {
  struct Entry {
    let input: MachineInput
    let instructions: UInt64
    let afterRun: Bool
  }

  var inputs: [Entry] = []
  var isReplaying = false
  /// Who else hears of it.
  let next: (any InputRecorder)?

  init(_ next: (any InputRecorder)?) { self.next = next }

  func record(_ input: MachineInput, at instructions: UInt64, afterRun: Bool) {
    guard !isReplaying else { return }
    inputs.append(Entry(input: input, instructions: instructions, afterRun: afterRun))
    next?.record(input, at: instructions, afterRun: afterRun)
  }
}
