import ApusBase
import ApusCPU
import ApusInstructionSet
import ApusMachine

/// What of a run is traced, and how it is written.
package struct TraceSettings: Sendable {
  package var kinds: EventKinds = []
  package var isJSON = false
  /// Linear addresses of instructions; events of others are left out. Nil for all.
  package var addresses: ClosedRange<UInt64>?
  /// The instructions, by their number in the run, that are traced.
  package var window: Range<UInt64> = 0..<UInt64.max
  /// Only so many of the last events are kept, and written at the end; nil for all, at once.
  package var last: Int?

  package init() {}
}

/// Writes what a machine does while it does it.
package final class Tracer {
  private let settings: TraceSettings
  private let symbols: SymbolTable
  private let write: ([UInt8]) -> Void
  private let lines: TraceLines
  /// The last events, of which `ringStart` is the oldest.
  private var ring: [TimedEvent] = []
  private var ringStart = 0
  private let known = InstructionLines()
  private let machine: Machine
  private var isOn = false

  /// A tracer that gives pieces of the trace to `write`.
  package init(
    _ machine: Machine, _ settings: TraceSettings, _ symbols: SymbolTable,
    _ write: @escaping ([UInt8]) -> Void
  ) {
    self.machine = machine
    self.settings = settings
    self.symbols = symbols
    self.write = write
    lines = TraceLines(isJSON: settings.isJSON)
    update()
  }

  // MARK: The window

  /// The next moment, in instructions retired, at which `update` has something to do; `.max` if there is none.
  package var nextChange: UInt64 {
    let now = machine.instructions
    if now < settings.window.lowerBound { return settings.window.lowerBound }
    return now < settings.window.upperBound ? settings.window.upperBound : .max
  }

  /// Begins to look or ceases to. A machine that nobody looks at is as fast as ever.
  package func update() {
    let wanted = settings.window.contains(machine.instructions)
    guard wanted != isOn else { return }
    isOn = wanted
    // The machine keeps its observer, which must not keep the tracer.
    machine.observer =
      wanted ? Observer(settings.kinds) { [weak self] in self?.take($0) } : nil
  }

  /// Writes what is left.
  package func finish() {
    machine.observer = nil
    isOn = false
    for index in ring.indices { put(ring[(ringStart + index) % ring.count]) }
    ring.removeAll()
    flush()
  }

  private func take(_ events: [TimedEvent]) {
    for event in events {
      if let addresses = settings.addresses, !addresses.contains(event.linear) { continue }
      guard let last = settings.last else {
        put(event)
        continue
      }
      if ring.count < last {
        ring.append(event)
      } else if last > 0 {
        ring[ringStart] = event
        ringStart = (ringStart + 1) % last
      }
    }
  }

  private func flush() {
    let bytes = lines.take()
    if !bytes.isEmpty { write(bytes) }
  }

  // MARK: Lines

  private func begin(_ kind: StaticString, _ event: TimedEvent) {
    lines.begin(kind, event.instructions, rip: event.rip, linear: event.linear)
  }

  private func put(_ event: TimedEvent) {
    func begin(_ kind: StaticString) { self.begin(kind, event) }
    switch event.event {
    case .instruction(let start):
      put(start, event)
      if lines.isFull { flush() }
      return
    case .memory(let access):
      begin(access.isWrite ? "write" : "read")
      lines.number("size", UInt64(access.size))
      lines.hex("linear", access.linear)
      lines.hex("physical", access.physical)
      lines.hex("value", access.value, Int(access.size) * 2)
      lines.flag("implicit", access.isImplicit)
    case .port(let access):
      begin(access.isWrite ? "out" : "in")
      lines.number("size", UInt64(access.width))
      lines.hex("port", UInt64(access.port))
      lines.hex("value", UInt64(access.value), Int(access.width) * 2)
    case .walk(let walk):
      begin("walk")
      lines.hex("linear", walk.linear)
      lines.word("access", walk.access.isFetch ? "fetch" : walk.access.isWrite ? "write" : "read")
      lines.word("by", walk.access.isUser ? "user" : "supervisor")
      lines.hex("root", walk.root)
    case .walkEntry(let entry):
      begin("entry")
      lines.number("level", UInt64(entry.level))
      lines.hex("address", entry.address)
      lines.hex("value", entry.value)
    case .walkResult(let result):
      begin("walked")
      if result.rule == .permitted { lines.hex("physical", result.physical) }
      lines.number("shift", UInt64(result.pageShift))
      if result.rule != .permitted { lines.text("fault", Array(result.rule.text.utf8)) }
    default: putEvent(event)
    }
    lines.end()
    if lines.isFull { flush() }
  }

  /// Those of segments, exceptions and modes.
  private func putEvent(_ event: TimedEvent) {
    func begin(_ kind: StaticString) { self.begin(kind, event) }
    switch event.event {
    case .descriptor(let read):
      begin("descriptor")
      lines.hex("selector", UInt64(read.selector))
      lines.hex("linear", read.linear)
      lines.hex("low", read.low)
      if read.high != 0 { lines.hex("high", read.high) }
    case .segment(let name, let register):
      begin("segment")
      lines.text("register", Self.segmentNames[Int(name.rawValue)])
      lines.hex("selector", UInt64(register.selector))
      lines.hex("base", register.base)
      lines.hex("limit", UInt64(register.limit))
    case .fault(let fault):
      begin("exception")
      lines.number("vector", UInt64(fault.vector))
      lines.hex("code", UInt64(fault.code))
      if fault.vector == 14 { lines.hex("cr2", fault.address) }
      if let rule = fault.rule.text { lines.text("rule", Array(rule.utf8)) }
    case .delivery(let delivery):
      begin("deliver")
      lines.number("vector", UInt64(delivery.vector))
      lines.word("source", Self.name(delivery.source))
      if let code = delivery.code { lines.hex("code", UInt64(code)) }
    case .gate(let gate):
      begin("gate")
      lines.hex("linear", gate.linear)
      lines.hex("low", gate.low)
      if gate.high != 0 { lines.hex("high", gate.high) }
    case .stack(let stack):
      begin("stack")
      lines.hex("selector", UInt64(stack.selector))
      lines.hex("pointer", stack.pointer)
      if stack.ist != 0 { lines.number("ist", UInt64(stack.ist)) }
    case .delivered(let target):
      begin("handler")
      lines.hex("selector", UInt64(target.selector))
      lines.hex("address", target.rip)
      lines.number("cpl", UInt64(target.cpl))
    case .mode(let change):
      begin("mode")
      lines.label("from", Array(change.from.shortName.utf8))
      lines.label("to", Array(change.to.shortName.utf8))
      lines.number("fromCPL", UInt64(change.fromCPL))
      lines.number("toCPL", UInt64(change.toCPL))
    case .task(let change):
      begin("task")
      lines.hex("selector", UInt64(change.selector))
      lines.hex("from", UInt64(change.from))
    default: return
    }
  }

  private static let segmentNames = ["es", "cs", "ss", "ds", "fs", "gs", "flat", "flatstack"].map {
    Array($0.utf8)
  }

  private static func name(_ source: EventSource) -> StaticString {
    switch source {
    case .fault: "fault"
    case .trap: "trap"
    case .software: "software"
    case .external: "external"
    }
  }

  private func put(_ start: InstructionStart, _ event: TimedEvent) {
    if settings.isJSON {
      begin("instruction", event)
      lines.hex("linear", start.linear)
      lines.hex("physical", start.physical)
      lines.number("bits", UInt64(start.mode.bits))
      lines.number("length", UInt64(start.length))
    } else {
      lines.column(event.instructions)
    }
    if known.complete(lines, start) { return }
    let position = lines.position
    if !settings.isJSON { lines.place(start.linear) }
    let instruction = Disassembler.decode(start.code, at: start.linear, mode: start.mode.disassembly)
    lines.text("instruction", Array(instruction.text().utf8))
    if !symbols.isEmpty, let name = symbols.name(of: start.linear) {
      lines.text("symbol", Array(settings.isJSON ? name.utf8 : "<\(name)>".utf8))
    }
    lines.end()
    known.keep(lines, from: position, start)
  }
}
