import ApusCPU

/// What happened to the flow of control, and when: interrupts, exceptions, changes of mode and privilege. It observes the
/// kinds of events that cost nothing while they do not happen.
package final class Timeline {
  package struct Entry: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
      /// An interrupt, or an exception with its error code.
      case delivery(vector: UInt8, isExternal: Bool, isSoftware: Bool)
      case mode(from: ProcessorMode, to: ProcessorMode, fromCPL: UInt8, toCPL: UInt8)
      case task(selector: UInt16)
    }

    /// Instructions retired before it.
    package let instructions: UInt64
    /// The linear address where that was.
    package let linear: UInt64
    package let kind: Kind
    /// The error code that is pushed, if there is one.
    package fileprivate(set) var code: UInt32?
    /// The check that raised an exception, and CR2 of a page fault.
    package fileprivate(set) var rule = Rule.unnamed
    package fileprivate(set) var address: UInt64 = 0
    /// The linear address of the handler; nil if it was not reached.
    package fileprivate(set) var handler: UInt64?
  }

  package static let kinds: EventKinds = [.deliveries, .faults, .modes]
  /// The oldest are forgotten beyond this.
  private static let limit = 1 << 17

  package private(set) var entries: [Entry] = []
  /// What is executed again has been seen.
  package var isReplaying = false
  /// A fault whose delivery has not come yet.
  private var fault: Fault?

  package init() {}

  /// An observer that fills it.
  package func observer() -> Observer {
    Observer(Self.kinds) { [weak self] batch in
      for event in batch { self?.note(event) }
    }
  }

  /// What came after a moment did not happen: the machine was changed there.
  package func forget(after instructions: UInt64) { entries.removeAll { $0.instructions > instructions } }

  private func note(_ event: TimedEvent) {
    guard !isReplaying else { return }
    switch event.event {
    case .fault(let fault): self.fault = fault
    case .delivery(let delivery): note(delivery, event)
    case .delivered(let target):
      if let last = entries.indices.last, case .delivery = entries[last].kind {
        entries[last].handler = target.linear
      }
    case .mode(let change):
      add(
        Entry(
          instructions: event.instructions, linear: event.linear,
          kind: .mode(from: change.from, to: change.to, fromCPL: change.fromCPL, toCPL: change.toCPL)))
    case .task(let change):
      add(
        Entry(instructions: event.instructions, linear: event.linear, kind: .task(selector: change.selector)))
    default: break
    }
  }

  private func note(_ delivery: Delivery, _ event: TimedEvent) {
    var entry = Entry(
      instructions: event.instructions, linear: event.linear,
      kind: .delivery(
        vector: delivery.vector, isExternal: delivery.source == .external,
        isSoftware: delivery.source == .software))
    entry.code = delivery.code
    if let fault, fault.vector == delivery.vector {
      entry.rule = fault.rule
      entry.address = fault.address
    }
    fault = nil
    add(entry)
  }

  private func add(_ entry: Entry) {
    entries.append(entry)
    if entries.count > Self.limit { entries.removeFirst(Self.limit / 4) }
  }

  /// The number of the first entry at or after a moment.
  package func index(at instructions: UInt64) -> Int {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].instructions < instructions { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// The entries of a timeline, the cursor on one of them.
package struct TimelineView {
  package var cursor = 0

  package init() {}

  /// The lines of a pane.
  package func lines(_ debugger: Debugger, _ timeline: Timeline, width: Int, height: Int) -> [StyledLine] {
    guard height > 0 else { return [] }
    let now = debugger.machine.instructions
    var lines = [
      StyledLine("interrupts, exceptions and changes of mode: \(timeline.entries.count)", .heading)
    ]
    if timeline.entries.isEmpty { lines.append(StyledLine("None has been seen yet.", .faint)) }
    let room = max(height - 1, 1)
    let first = min(max(cursor - room / 2, 0), max(timeline.entries.count - room, 0))
    let here = timeline.index(at: now)
    for (index, entry) in timeline.entries.enumerated().dropFirst(first).prefix(room) {
      var line = StyledLine(index == here ? "▶" : " ", .changed)
      let count = Digits.grouped(entry.instructions)
      line.add(
        String(repeating: " ", count: max(15 - count.count, 0)) + count, index < here ? .plain : .faint)
      line.add("  ")
      Self.describe(entry, debugger, in: &line)
      if index == cursor { line.style = .selected }
      lines.append(line)
    }
    return Array(lines.prefix(height))
  }

  private static func describe(_ entry: Timeline.Entry, _ debugger: Debugger, in line: inout StyledLine) {
    switch entry.kind {
    case .mode(let from, let to, let fromCPL, let toCPL):
      if from != to { line.add(from.name + " → " + to.name, .good) }
      if fromCPL != toCPL { line.add((from == to ? "" : ", ") + "CPL \(fromCPL) → \(toCPL)", .good) }
    case .task(let selector): line.add("task switch to TSS " + Words.hex(UInt64(selector), 4), .good)
    case .delivery(let vector, let isExternal, let isSoftware):
      if isExternal || isSoftware {
        line.add(
          (isExternal ? "interrupt " : "int ") + Words.hex(UInt64(vector), 2), isExternal ? .heading : .plain)
      } else {
        line.add("exception " + Words.vector(vector), .bad)
      }
      if let code = entry.code { line.add(", " + Words.errorCode(code, of: vector)) }
      if vector == 14 && !isExternal && !isSoftware {
        line.add(" at 0x" + String(entry.address, radix: 16), .address)
      }
      if let rule = entry.rule.text { line.add(": " + rule) }
    }
    line.add("  at 0x" + String(entry.linear, radix: 16), .faint)
    if let handler = entry.handler {
      line.add(" → " + (debugger.symbols.name(of: handler) ?? "0x" + String(handler, radix: 16)), .faint)
    }
  }
}
