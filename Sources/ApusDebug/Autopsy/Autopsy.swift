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
  /// Instructions that are searched for an exception if there was none in the stretch: a kernel that panics has said so
  /// on a serial port since, which takes millions.
  private static let search: UInt64 = 200_000_000
  /// Those that are shown before such an exception.
  private static let before: UInt64 = 8
  /// Words of the stack that are searched for return addresses, and those that are shown.
  private static let searchedWords = 512
  private static let shownCalls = 16

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
    return lines + calls() + machine.report.split(separator: "\n").map { String($0) }
  }

  /// Who has called whom, as far as the stack tells.
  private func calls() -> [String] {
    let found = GuestStack(debugger.machine).returnAddresses(
      words: Self.searchedWords, most: Self.shownCalls, debugger.codeMode)
    guard !found.isEmpty else { return [] }
    return ["return addresses on the stack, the last call first; some may be left from earlier calls:"]
      + found.map { address in
        let name = debugger.symbols.name(of: address).map { "  <\($0)>" } ?? ""
        return "  \(Words.hex(address, 8))\(name)"
      }
  }

  private func story() throws(MachineError) -> [String] {
    guard let history = debugger.history else {
      return ["the guest cannot be taken back, so its last instructions are not known"]
    }
    let machine = debugger.machine
    let end = machine.instructions
    try history.seek(to: end - min(Self.stretch, end - history.start))
    let events = try machine.told(.all) { () throws(MachineError) in try complete(history) }
    let lines = instructions(events)
    guard !events.contains(where: Self.isOfException) else { return exceptions(events) + lines }
    let earlier = try search(history, end)
    try complete(history)
    return earlier + lines
  }

  /// Goes on to the present, which ends as it did, or is not left.
  private func complete(_ history: History) throws(MachineError) {
    let machine = debugger.machine
    let end = history.end
    while history.isInPast {
      guard case .budget = try history.run(instructions: .max) else { break }
    }
    if !machine.hasEnded && machine.instructions == end { _ = machine.run(instructions: 0) }
  }

  /// The last exceptions of the supervisor's own code long before the end: those of programs are its daily business.
  private func search(_ history: History, _ end: UInt64) throws(MachineError) -> [String] {
    let machine = debugger.machine
    let start = end - min(Self.search, end - history.start)
    try history.seek(to: start)
    var cpl = machine.state.cpl
    var moments: [UInt64] = []
    for event in try machine.told([.faults, .modes], { () throws(MachineError) in try complete(history) }) {
      switch event.event {
      case .mode(let change): cpl = change.toCPL
      case .fault where cpl < 3 && moments.last != event.instructions: moments.append(event.instructions)
      default: break
      }
    }
    guard let last = moments.last else {
      return ["no exception in code of the supervisor in the last \(end - start) instructions"]
    }
    var events: [TimedEvent] = []
    for moment in moments.suffix(Self.shownExceptions) {
      events += try told(history, from: moment, to: moment + 1).filter { $0.instructions == moment }
    }
    let lines = exceptions(events)
    let code = try told(history, from: max(start, last - min(Self.before, last)), to: last + 1)
    let shown = instructions(
      code.filter { $0.instructions <= last }, title: "the instructions before the last of them:")
    return lines + shown + ["\(end - last) instructions later the guest came to its end"]
  }

  /// Everything from one moment to another.
  private func told(
    _ history: History, from start: UInt64, to end: UInt64
  ) throws(MachineError) -> [TimedEvent] {
    try history.seek(to: start)
    return try debugger.machine.told(.all) { () throws(MachineError) in
      _ = try history.run(instructions: end - start)
    }
  }

  /// What the processor told from the last exceptions on that led to others, or the last of them.
  private func exceptions(_ events: [TimedEvent]) -> [String] {
    var starts: [Int] = []
    for (index, event) in events.enumerated() {
      if case .fault = event.event { starts.append(index) }
    }
    guard let first = starts.suffix(Self.shownExceptions).first else { return [] }
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

  private func instructions(_ events: [TimedEvent], title: String = "the last instructions:") -> [String] {
    var shown: [String] = []
    for event in events.reversed() {
      guard case .instruction(let start) = event.event else { continue }
      let text = Disassembler.decode(start.code, at: start.linear, mode: start.mode.disassembly).text()
      let name = debugger.symbols.name(of: start.linear).map { "  <\($0)>" } ?? ""
      shown.append("  #\(event.instructions)  \(Words.hex(start.linear, 8))  \(text)\(name)")
      if shown.count == Self.shownInstructions { break }
    }
    return shown.isEmpty ? [] : [title] + shown.reversed()
  }
}
