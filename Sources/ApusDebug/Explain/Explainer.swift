import ApusCPU
import ApusInstructionSet
import ApusMachine

/// Says what the processor really did: from what the code that executes tells while it does it.
package struct Explainer {
  private let debugger: Debugger

  /// Explains what the debugger's machine does.
  package init(_ debugger: Debugger) { self.debugger = debugger }

  /// Executes one instruction, and what comes before it at that moment: an interrupt that is delivered.
  package func step() throws(MachineError) -> (notes: [Note], reason: Debugger.Reason) {
    var reason = Debugger.Reason.step
    let notes = try explain { () throws(MachineError) in reason = try debugger.step() }
    return (notes, reason)
  }

  /// Explains what the machine does while `body` makes it execute one instruction.
  package func explain<E: Error>(_ body: () throws(E) -> Void) throws(E) -> [Note] {
    let before = debugger.machine.state
    var events: [TimedEvent] = []
    try observing(.all, { events += $0 }, body)
    return notes(events, before, isLong: before.efer & 1 << 10 != 0)
  }

  /// Runs `body` with an observer in the place of the one that there is.
  private func observing<R, E: Error>(
    _ kinds: EventKinds, _ sink: @escaping ([TimedEvent]) -> Void,
    _ body: () throws(E) -> R
  ) throws(E) -> R {
    let machine = debugger.machine
    let other = machine.observer
    machine.observer = Observer(kinds, sink)
    defer { machine.observer = other }
    return try body()
  }

  private func notes(_ events: [TimedEvent], _ before: ArchitecturalState, isLong: Bool) -> [Note] {
    let begin = events.firstIndex { if case .instruction = $0.event { true } else { false } }
    let first = EventNotes(events[..<(begin ?? events.count)], symbols: debugger.symbols, isLong: isLong)
      .notes
    guard let begin, case .instruction(let start) = events[begin].event else { return first }
    let instruction = Disassembler.decode(start.code, at: start.linear, mode: start.mode.disassembly)
    let words = StepNotes(instruction: instruction, before: before, after: debugger.machine.state)
    var parts: [Note] = []
    // After a delivery the registers were others when the instruction began.
    if first.isEmpty { parts += words.operands }
    parts += EventNotes(events[(begin + 1)...], symbols: debugger.symbols, isLong: isLong).notes
    if first.isEmpty { parts += words.changes }
    return first + [title(instruction, start, events[begin], parts)]
  }

  private func title(
    _ instruction: Instruction, _ start: InstructionStart, _ event: TimedEvent, _ parts: [Note]
  ) -> Note {
    let name = debugger.symbols.name(of: start.linear)
    let bytes = start.code.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
    let text = instruction.text()
    return Note(
      "instruction",
      "#\(event.instructions)  \(Words.hex(start.linear, start.mode == .long64 ? 16 : 8))  "
        + bytes.joined(separator: " ") + "  " + text + (name.map { "  <\($0)>" } ?? ""),
      [
        ("instructions", .number(event.instructions)), ("rip", .hex(event.rip)),
        ("linear", .hex(start.linear)),
        ("physical", .hex(start.physical)), ("bytes", .text(bytes.joined())), ("instruction", .text(text)),
        ("mode", .text(start.mode.name)),
      ] + (name.map { [("symbol", .text($0))] } ?? []), parts)
  }

  /// What a walk of the page tables finds for an access to a linear address now: nothing changes.
  package func walk(_ linear: UInt64, isWrite: Bool, isFetch: Bool, isUser: Bool) -> [Note] {
    let machine = debugger.machine
    guard machine.state.cr0 >> 31 & 1 != 0 else {
      return [Note("verdict", "paging is off: physical \(Words.hex(linear))", [("physical", .hex(linear))])]
    }
    var events: [TimedEvent] = []
    observing(.pageWalks, { events += $0 }) {
      machine.showWalk(linear, isWrite: isWrite, isFetch: isFetch, isUser: isUser)
    }
    return EventNotes(events, symbols: debugger.symbols, isLong: true).notes
  }
}

extension ProcessorMode {
  /// How the disassembler calls its code.
  package var disassembly: Disassembler.Mode {
    switch bits {
    case 16: .code16
    case 32: .code32
    default: .code64
    }
  }
}
