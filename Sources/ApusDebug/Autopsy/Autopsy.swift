import ApusCPU
import ApusInstructionSet
import ApusMachine

/// What led to the end of a guest, for people. The last stretch is executed again, with everything told: the machine
/// comes out as it was.
package struct Autopsy {
  /// Instructions that are executed again, and those of them that are shown.
  private static let stretch: UInt64 = 20_000
  private static let shownInstructions = 24
  private static let shownExceptions = 4

  private let debugger: Debugger

  package init(_ debugger: Debugger) { self.debugger = debugger }

  /// The lines of the report, without line ends.
  package func lines() -> [String] {
    let machine = debugger.machine
    var lines = ["autopsy at instruction \(machine.instructions), in \(machine.mode.name):"]
    if let symbol = debugger.symbols.name(of: machine.codeAddress) { lines[0] += " in \(symbol)" }
    if machine.isHalted && !machine.interruptsEnabled {
      lines.append("the processor is halted with interrupts disabled: only an NMI or a reset can wake it")
    }
    do throws(MachineError) { lines += try story() } catch { lines.append(error.message) }
    return lines + machine.report.split(separator: "\n").map { String($0) }
  }

  private func story() throws(MachineError) -> [String] {
    guard let history = debugger.history else {
      return ["the guest cannot be taken back, so its last instructions are not known"]
    }
    let end = debugger.machine.instructions
    try history.seek(to: end - min(Self.stretch, end - history.start))
    var events: [TimedEvent] = []
    let machine = debugger.machine
    machine.observer = Observer(.all) { events += $0 }
    defer { machine.observer = nil }
    // The present ends as it did, or is not left.
    while history.isInPast {
      guard case .budget = try history.run(instructions: .max) else { break }
    }
    if !machine.hasEnded && machine.instructions == end { _ = machine.run(instructions: 0) }
    return exceptions(events) + instructions(events)
  }

  /// What the processor told from the last exceptions on that led to others, or the last of them.
  private func exceptions(_ events: [TimedEvent]) -> [String] {
    var starts: [Int] = []
    for (index, event) in events.enumerated() {
      if case .fault = event.event { starts.append(index) }
    }
    guard let first = starts.suffix(Self.shownExceptions).first else {
      return ["no exception in the last \(Self.stretch) instructions"]
    }
    // The walk that found no page comes before its exception.
    var begin = first
    while begin > 0, events[begin - 1].instructions == events[first].instructions {
      guard case .instruction = events[begin - 1].event else {
        begin -= 1
        continue
      }
      break
    }
    var lines = ["the last exceptions:"]
    var moment: UInt64?
    var batch: [TimedEvent] = []
    let isLong = debugger.machine.state.efer & 1 << 10 != 0
    func close() {
      guard let last = batch.first, batch.contains(where: Self.isOfException) else {
        return batch.removeAll()
      }
      let name = debugger.symbols.name(of: last.linear).map { " <\($0)>" } ?? ""
      lines.append("  #\(last.instructions) at \(Words.hex(last.linear))\(name)")
      for note in EventNotes(batch, symbols: debugger.symbols, isLong: isLong).notes {
        lines += note.lines(indent: 2)
      }
      batch.removeAll()
    }
    for event in events[begin...] {
      if event.instructions != moment { close() }
      moment = event.instructions
      if case .instruction = event.event { continue }
      batch.append(event)
    }
    close()
    return lines
  }

  private static func isOfException(_ event: TimedEvent) -> Bool {
    if case .fault = event.event { true } else { false }
  }

  private func instructions(_ events: [TimedEvent]) -> [String] {
    var shown: [String] = []
    for event in events.reversed() {
      guard case .instruction(let start) = event.event else { continue }
      let text = Disassembler.decode(start.code, at: start.linear, mode: start.mode.disassembly).text()
      let name = debugger.symbols.name(of: start.linear).map { "  <\($0)>" } ?? ""
      shown.append("  #\(event.instructions)  \(Words.hex(start.linear, 8))  \(text)\(name)")
      if shown.count == Self.shownInstructions { break }
    }
    return shown.isEmpty ? [] : ["the last instructions:"] + shown.reversed()
  }
}
