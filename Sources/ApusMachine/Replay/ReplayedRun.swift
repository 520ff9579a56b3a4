import ApusBase

/// A recorded run that is done again bit by bit, for whoever wants to look at a stretch of it.
package struct ReplayedRun {
  package let machine: Machine
  private let recording: RunRecording
  /// The next entry.
  private var next = 0
  private var isOver = false

  /// Takes a machine that has just been made, of the recording's configuration.
  package init(_ recording: RunRecording, on machine: Machine) {
    self.recording = recording
    self.machine = machine
  }

  /// The instructions of the next entry, or of the end; nil behind it.
  private var nextMoment: UInt64? {
    let entries = recording.entries
    return next < entries.count ? entries[next].instructions : recording.end?.instructions
  }

  /// Runs as `Machine.run` does, and what came from outside comes when it came. Nil if the recorded run is over.
  package mutating func run(instructions count: UInt64) throws(RunRecording.Divergence) -> Stop? {
    let (sum, overflow) = machine.instructions.addingReportingOverflow(count)
    let target = overflow ? .max : sum
    while machine.instructions < target {
      try takeEntries()
      let now = machine.instructions
      guard let goal = nextMoment, now < goal else {
        finish()
        return nil
      }
      let stop = machine.run(instructions: min(target, goal) - now)
      if stop == .budget || machine.instructions == goal && !machine.hasEnded { continue }
      guard machine.instructions >= min(target, goal) || machine.hasEnded else {
        throw RunRecording.Divergence(
          message: "the guest stops at \(machine.instructions) instructions; it went on to \(goal)")
      }
      return stop
    }
    return .budget
  }

  /// The machine is as the recorded one was at the end of its run.
  private mutating func finish() {
    if !isOver, recording.end?.afterRun ?? false { _ = machine.run(instructions: 0) }
    isOver = true
  }

  /// What came at this moment.
  private mutating func takeEntries() throws(RunRecording.Divergence) {
    let entries = recording.entries
    while next < entries.count, entries[next].instructions == machine.instructions {
      try recording.take(next, on: machine)
      next += 1
    }
  }
}
