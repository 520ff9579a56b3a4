import ApusCPU
import ApusInstructionSet
import ApusMachine

/// Says what the processor really did: from what the code that executes tells while it does it.
package struct Explainer {
  private let debugger: Debugger

  /// Explains what the debugger's machine does.
  package init(_ debugger: Debugger) { self.debugger = debugger }

  /// Executes one instruction, and what comes before or after it at that moment: an interrupt that is delivered.
  package func step() throws(MachineError) -> (notes: [Note], reason: Debugger.Reason) {
    var reason = Debugger.Reason.step
    let notes = try explain { () throws(MachineError) in reason = try debugger.step() }
    return (notes, reason)
  }

  /// Explains what the machine does while `body` makes it execute one instruction.
  package func explain<E: Error>(_ body: () throws(E) -> Void) throws(E) -> [Note] {
    let machine = debugger.machine
    var record = StepRecord(RegisterSnapshot(machine))
    try machine.observing(.all, { record.take($0, RegisterSnapshot(machine)) }, body)
    record.cut(RegisterSnapshot(machine))
    return notes(record.stretches)
  }

  /// What belongs to an instruction is with it: also the delivery of an exception that it raises, not that of an
  /// interrupt which comes after it.
  private func notes(_ stretches: [Stretch]) -> [Note] {
    var notes: [Note] = []
    var present: Note?
    func end() {
      if let note = present { notes.append(note) }
      present = nil
    }
    for stretch in stretches {
      if let (begin, start) = stretch.beginning {
        end()
        notes += words(stretch.events[..<begin], of: stretch)
        present = instruction(start, at: begin, of: stretch)
        continue
      }
      if stretch.isInterrupt { end() }
      let others = others(stretch)
      if present == nil { notes += others } else { present?.parts += others }
    }
    end()
    return notes
  }

  private func words(_ events: ArraySlice<TimedEvent>, of stretch: Stretch) -> [Note] {
    let isLong = stretch.before.state.efer & 1 << 10 != 0
    return EventNotes(events, symbols: debugger.symbols, isLong: isLong).notes
  }

  /// What happens without an instruction: deliveries, and what comes before instructions.
  private func others(_ stretch: Stretch) -> [Note] {
    var notes = words(stretch.events[...], of: stretch)
    let changes = RegisterChanges(stretch, by: nil).notes
    if stretch.isDelivered, let last = notes.indices.last {
      notes[last].parts += changes
    } else {
      notes += changes
    }
    return notes
  }

  private func instruction(_ start: InstructionStart, at begin: Int, of stretch: Stretch) -> Note {
    let instruction = Disassembler.decode(start.code, at: start.linear, mode: start.mode.disassembly)
    let events = stretch.events[(begin + 1)...]
    let operands = OperandNotes(instruction, stretch.before, events)
    let parts = operands.notes + words(events, of: stretch) + operands.results
    let changes = RegisterChanges(stretch, by: instruction).notes
    return title(instruction, start, stretch.events[begin], parts + changes)
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
    let events = machine.told(.pageWalks) {
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
