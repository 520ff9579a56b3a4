import ApusCPU

/// Puts what was told of one step into words.
struct EventNotes {
  let symbols: SymbolTable
  /// Whether descriptors are those of IA-32e mode.
  let isLong: Bool
  private(set) var notes: [Note] = []
  /// Those that others belong to, the innermost last.
  private var open: [Note] = []

  init(_ events: some Sequence<TimedEvent>, symbols: SymbolTable, isLong: Bool) {
    self.symbols = symbols
    self.isLong = isLong
    for event in events { take(event.event) }
    while !open.isEmpty { close() }
  }

  private mutating func add(_ note: Note) {
    if open.isEmpty { notes.append(note) } else { open[open.count - 1].parts.append(note) }
  }

  private mutating func close() {
    if let note = open.popLast() { add(note) }
  }

  private mutating func closeAll(of kind: String) {
    while let last = open.last {
      let isIt = last.kind == kind
      close()
      if isIt { return }
    }
  }

  private mutating func take(_ event: ProcessorEvent) {
    switch event {
    case .instruction: break
    case .memory(let access): add(Self.note(access))
    case .port(let access): add(Self.note(access))
    case .walk(let walk): open.append(Self.note(walk))
    case .walkEntry(let entry): add(Self.note(entry))
    case .walkResult(let result):
      add(Self.note(result))
      closeAll(of: "walk")
    case .descriptor(let read): add(note(read))
    case .segment(let name, let register): add(Self.note(name, register))
    case .fault(let fault):
      // What was being delivered is not.
      if open.contains(where: { $0.kind == "delivery" }) { closeAll(of: "delivery") }
      add(Self.note(fault))
    case .delivery(let delivery): open.append(Self.note(delivery))
    case .gate(let gate): add(note(gate))
    case .stack(let stack): add(note(stack))
    case .delivered(let target):
      add(note(target))
      closeAll(of: "delivery")
    case .mode(let change): add(Self.note(change))
    case .task(let change):
      add(
        Note(
          "task",
          "switches from the task of TSS \(Words.hex(UInt64(change.from), 4)) to that of "
            + Words.hex(UInt64(change.selector), 4),
          [("from", .hex(UInt64(change.from))), ("selector", .hex(UInt64(change.selector)))]))
    }
  }

  static func note(_ access: DataAccess) -> Note {
    let size = access.size == 1 ? "1 byte" : "\(access.size) bytes"
    let verb = (access.isWrite ? "writes " : "reads ") + size
    let place = access.linear == access.physical ? "" : " (physical \(Words.hex(access.physical)))"
    return Note(
      "memory",
      verb + " at " + Words.hex(access.linear) + place + ": " + Words.hex(access.value, Int(access.size) * 2)
        + (access.isImplicit ? ", by itself" : ""),
      [
        ("linear", .hex(access.linear)), ("physical", .hex(access.physical)),
        ("size", .number(UInt64(access.size))),
        ("value", .hex(access.value)), ("write", .flag(access.isWrite)),
        ("implicit", .flag(access.isImplicit)),
      ])
  }

  private static func note(_ access: PortAccess) -> Note {
    let size = access.width == 1 ? "1 byte" : "\(access.width) bytes"
    return Note(
      "port",
      (access.isWrite ? "writes " : "reads ") + size + (access.isWrite ? " to port " : " from port ")
        + Words.hex(UInt64(access.port)) + ": " + Words.hex(UInt64(access.value), Int(access.width) * 2),
      [
        ("port", .hex(UInt64(access.port))), ("size", .number(UInt64(access.width))),
        ("value", .hex(UInt64(access.value))), ("write", .flag(access.isWrite)),
      ])
  }

  private static func note(_ walk: PageWalkStart) -> Note {
    let what = walk.access.isFetch ? "an instruction fetch" : walk.access.isWrite ? "a write" : "a read"
    let who = walk.access.isUser ? "user" : "supervisor"
    return Note(
      "walk",
      "translates \(Words.hex(walk.linear)) for \(what) by \(who) code, from \(Words.hex(walk.root))",
      [
        ("linear", .hex(walk.linear)), ("write", .flag(walk.access.isWrite)),
        ("fetch", .flag(walk.access.isFetch)),
        ("user", .flag(walk.access.isUser)), ("root", .hex(walk.root)),
      ])
  }

  private static func note(_ entry: PageWalkEntry) -> Note {
    let name = Words.entryName(entry.level)
    return Note(
      "entry",
      name + " at " + Words.hex(entry.address) + ": " + Words.hex(entry.value) + ", "
        + Words.pageEntry(entry.value, level: entry.level),
      [
        ("name", .text(name)), ("level", .number(UInt64(entry.level))), ("address", .hex(entry.address)),
        ("value", .hex(entry.value)),
      ])
  }

  private static func note(_ result: PageWalkResult) -> Note {
    guard result.rule == .permitted else {
      return Note("verdict", "page fault: " + result.rule.text, [("rule", .text(result.rule.text))])
    }
    return Note(
      "verdict",
      "permitted: physical \(Words.hex(result.physical)), in a page of \(Words.pageSize(result.pageShift))",
      [
        ("rule", .text(result.rule.text)), ("physical", .hex(result.physical)),
        ("pageShift", .number(UInt64(result.pageShift))),
      ])
  }

  private func note(_ read: DescriptorRead) -> Note {
    let words = Words.descriptor(read.low, read.high, isLong: isLong)
    return Note(
      "descriptor",
      "descriptor of selector \(Words.hex(UInt64(read.selector), 4)) (RPL \(read.selector & 3)) at "
        + Words.hex(read.linear) + ": " + words,
      [
        ("selector", .hex(UInt64(read.selector))), ("linear", .hex(read.linear)), ("low", .hex(read.low)),
        ("high", .hex(read.high)), ("words", .text(words)),
      ])
  }

  private static func note(_ name: SegmentName, _ register: SegmentRegister) -> Note {
    let names = ["ES", "CS", "SS", "DS", "FS", "GS", "flat", "flat stack"]
    let words =
      register.isNull
      ? "null" : "base \(Words.hex(register.base)), limit \(Words.hex(UInt64(register.limit)))"
    return Note(
      "segment", "\(names[Int(name.rawValue)]) holds \(Words.hex(UInt64(register.selector), 4)): \(words)",
      [
        ("register", .text(names[Int(name.rawValue)])), ("selector", .hex(UInt64(register.selector))),
        ("base", .hex(register.base)), ("limit", .hex(UInt64(register.limit))),
        ("attributes", .hex(UInt64(register.attributes))), ("null", .flag(register.isNull)),
      ])
  }

  private static func note(_ fault: Fault) -> Note {
    var text = "exception \(Words.vector(fault.vector))"
    var fields: [(name: String, value: Note.Value)] = [
      ("vector", .number(UInt64(fault.vector))), ("code", .hex(UInt64(fault.code))),
    ]
    let words = Words.errorCode(fault.code, of: fault.vector)
    if fault.code != 0 || fault.vector == 14 { text += ", error code \(Words.hex(UInt64(fault.code)))" }
    if !words.isEmpty && (fault.code != 0 || fault.vector == 14) { text += " (\(words))" }
    if fault.vector == 14 {
      text += ", CR2 \(Words.hex(fault.address))"
      fields.append(("cr2", .hex(fault.address)))
    }
    // The walk before a page fault has told its rule.
    if let rule = fault.rule.text, fault.vector != 14 {
      text += ": " + rule
      fields.append(("rule", .text(rule)))
    }
    return Note("exception", text, fields)
  }

  private static func note(_ delivery: Delivery) -> Note {
    let isException = delivery.source == .fault || delivery.source == .trap
    let source: String =
      switch delivery.source {
      case .fault: "fault"
      case .trap: "trap"
      case .software: "software interrupt"
      case .external: delivery.vector == 2 ? "NMI" : "interrupt"
      }
    var fields: [(name: String, value: Note.Value)] = [
      ("vector", .number(UInt64(delivery.vector))), ("source", .text(source)),
    ]
    if let code = delivery.code { fields.append(("code", .hex(UInt64(code)))) }
    return Note(
      "delivery",
      "delivers vector \(Words.vector(delivery.vector, isException: isException)), \(source)"
        + (delivery.code.map { ", with error code \(Words.hex(UInt64($0)))" } ?? ""), fields)
  }

  private func note(_ gate: GateRead) -> Note {
    let isRealMode = gate.mode == .real
    let words =
      isRealMode
      ? "to \(Words.hex(gate.low >> 16, 4)):\(Words.hex(gate.low & 0xFFFF, 4))"
      : Words.descriptor(gate.low, gate.high, isLong: isLong)
    return Note(
      "gate",
      (isRealMode ? "interrupt vector at " : "gate at ") + Words.hex(gate.linear) + ": " + words,
      [
        ("linear", .hex(gate.linear)), ("low", .hex(gate.low)), ("high", .hex(gate.high)),
        ("words", .text(words)),
      ])
  }

  private func note(_ stack: StackSwitch) -> Note {
    // In IA-32e mode the TSS has no SS.
    let place =
      isLong
      ? "stack pointer \(Words.hex(stack.pointer))"
      : "stack \(Words.hex(UInt64(stack.selector), 4)):\(Words.hex(stack.pointer))"
    return Note(
      "stack", "switches to the \(place) of the TSS" + (stack.ist == 0 ? "" : ", IST \(stack.ist)"),
      [
        ("selector", .hex(UInt64(stack.selector))), ("pointer", .hex(stack.pointer)),
        ("ist", .number(UInt64(stack.ist))),
      ])
  }

  private func note(_ target: TransferTarget) -> Note {
    let name = symbols.name(of: target.linear).map { " (\($0))" } ?? ""
    return Note(
      "handler",
      "handler at \(Words.hex(UInt64(target.selector), 4)):\(Words.hex(target.rip))\(name), CPL \(target.cpl)",
      [
        ("selector", .hex(UInt64(target.selector))), ("rip", .hex(target.rip)),
        ("linear", .hex(target.linear)), ("cpl", .number(UInt64(target.cpl))),
      ])
  }

  private static func note(_ change: ModeChange) -> Note {
    var parts: [String] = []
    if change.from != change.to { parts.append("\(change.from.name) to \(change.to.name)") }
    if change.fromCPL != change.toCPL { parts.append("CPL \(change.fromCPL) to \(change.toCPL)") }
    return Note(
      "mode", "goes from " + parts.joined(separator: ", from "),
      [
        ("from", .text(change.from.name)), ("to", .text(change.to.name)),
        ("fromCPL", .number(UInt64(change.fromCPL))), ("toCPL", .number(UInt64(change.toCPL))),
      ])
  }
}
