import ApusBase
import ApusCPU
import ApusMachine

// What the page reads: an object with tables (texts, code, names) and an array `steps` of one text for each step,
// whose words are separated by blanks. Numbers in words are hexadecimal, but for places in tables and registers.
//
//     CODE                    place of the instruction in `code`; - if none began
//     REGISTER=VALUE          a register's new value; REGISTER+N, REGISTER-N: what was added, where that is shorter
//     tN                      N (decimal) nanoseconds of the guest's time passed beyond that of the instruction
//     |                       the instruction begins here: what precedes came before it
//     rSIZE:LINEAR:VALUE[:PHYSICAL], w…   memory read, written; R and W by the processor itself
//     uCOUNT:START:LAST       more accesses than are kept; writes among them lie from START to LAST (0:0 if there are none)
//     iPORT:WIDTH:VALUE, o…               a port read, written
//     vKIND:LINEAR:ROOT:RULE:PHYSICAL:SHIFT[:LEVEL.ADDRESS.VALUE]…   a walk; KIND 1 write, 2 fetch, 4 user
//     fVECTOR:CODE:RULE:ADDRESS           an exception is raised
//     dVECTOR:SOURCE[:CODE]               an event is delivered
//     gLINEAR:LOW:HIGH:MODE               the gate for it
//     kSELECTOR:POINTER:IST               the stack it switches to
//     hSELECTOR:RIP:CPL                   its handler
//     mFROM:TO:CPL:CPL                    modes, by place in `modes`
//     eSELECTOR:LINEAR:LOW:HIGH           a descriptor read
//     xTO:FROM                            a task switch
//
// RIP is left out where it is the next instruction's. PHYSICAL is left out where the page is where it was last, or, the
// first time, where it is the linear address.

/// Writes a recording as JSON that can stand in a page.
struct TraceJSON {
  private(set) var bytes: [UInt8] = []
  /// Where linear pages were last.
  private var pages: [UInt64: UInt64] = [:]

  init(_ recording: TraceRecording, title: String, subtitle: String) {
    bytes.reserveCapacity(recording.steps.count * 48)
    append("{\"format\":1,\"title\":")
    string(title)
    append(",\"subtitle\":")
    string(subtitle)
    append(",\"first\":\(recording.first),\"time\":\(recording.startTime),\"ending\":")
    string(recording.ending.map { "The guest " + $0.sentence + "." } ?? "")
    names()
    list("initial", recording.initial) { json, value in json.quoted { $0.hex(value) } }
    code(recording.code)
    list("steps", recording.steps) { json, step in json.quoted { $0.step(step, recording.code) } }
    append("}\n")
  }

  // MARK: Pieces

  private mutating func append(_ text: String) { bytes += text.utf8 }

  private mutating func hex(_ value: UInt64) { bytes += String(value, radix: 16).utf8 }

  /// What `body` writes, which needs no escapes.
  private mutating func quoted(_ body: (inout TraceJSON) -> Void) {
    bytes.append(UInt8(ascii: "\""))
    body(&self)
    bytes.append(UInt8(ascii: "\""))
  }

  /// A text. Nothing in it can end the element of the page that it stands in.
  private mutating func string(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": append("\\" + String(scalar))
      case "<", ">", "&", "\u{0}"..<" ", "\u{7F}"..<"\u{A0}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        append("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits)
      default: append(String(scalar))
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func list<Element>(
    _ name: String, _ elements: some Sequence<Element>, _ one: (inout TraceJSON, Element) -> Void
  ) {
    append(",\n\"\(name)\":[")
    for (index, element) in elements.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      one(&self, element)
    }
    append("]")
  }

  // MARK: Tables

  /// What numbers in the steps mean.
  private mutating func names() {
    func texts(_ text: (UInt8) -> String?) -> [String] {
      var all: [String] = []
      for number in 0...UInt8.max {
        guard let text = text(number) else { break }
        all.append(text)
      }
      return all
    }
    list("registers", RegisterFile.names) { $0.string($1) }
    list("modes", texts { ProcessorMode(rawValue: $0)?.name }) { $0.string($1) }
    list("pageRules", texts { PageRule(rawValue: $0)?.text }) { $0.string($1) }
    list("rules", texts { number in Rule(rawValue: number).map { $0.text ?? "" } }) { $0.string($1) }
    list("sources", ["fault", "trap", "software interrupt", "external interrupt"]) { $0.string($1) }
  }

  private static func number(_ source: EventSource) -> Int {
    switch source {
    case .fault: 0
    case .trap: 1
    case .software: 2
    case .external: 3
    }
  }

  /// Each as [linear address, bytes, place of its text, mode, RIP if it is another].
  private mutating func code(_ code: [TraceRecording.Code]) {
    var places: [String: Int] = [:]
    var texts: [String] = []
    let numbers = code.map { code in
      let text = code.text
      if let place = places[text] { return place }
      places[text] = texts.count
      texts.append(text)
      return texts.count - 1
    }
    list("texts", texts) { $0.string($1) }
    list("code", zip(code, numbers)) { json, entry in
      let (code, text) = entry
      json.append("[")
      json.quoted { $0.hex(code.linear) }
      json.append(",")
      json.quoted { json in
        for byte in code.bytes { json.append((byte < 16 ? "0" : "") + String(byte, radix: 16)) }
      }
      json.append(",\(text),\(code.mode.rawValue)")
      if code.rip != code.linear {
        json.append(",")
        json.quoted { $0.hex(code.rip) }
      }
      json.append("]")
    }
  }

  // MARK: Steps

  private mutating func step(_ step: TraceRecording.Step, _ code: [TraceRecording.Code]) {
    append(step.code.map { String($0) } ?? "-")
    if step.wait > 0 { append(" t\(step.wait)") }
    let length = step.code.map { UInt64(code[$0].bytes.count) } ?? 0
    var ripIsNext = false
    for change in step.changes {
      if change.register == RegisterFile.rip && change.new == change.old &+ length {
        ripIsNext = true
        continue
      }
      self.change(change)
    }
    // A jump to itself, a repeated instruction.
    if !ripIsNext && length > 0 && !step.changes.contains(where: { $0.register == RegisterFile.rip }) {
      append(" \(RegisterFile.rip)+0")
    }
    for (index, event) in step.events.enumerated() {
      if case .instruction = event {
        if index > 0 { append(" |") }
      } else {
        self.event(event)
      }
    }
    let omitted = step.omitted
    guard omitted.count > 0 else { return }
    let hasWrites = omitted.start <= omitted.last
    word("u", UInt64(omitted.count), hasWrites ? omitted.start : 0, hasWrites ? omitted.last : 0)
  }

  private mutating func change(_ change: TraceRecording.Change) {
    append(" \(change.register)")
    let (up, down) = (change.new &- change.old, change.old &- change.new)
    let step = String(min(up, down), radix: 16)
    let value = String(change.new, radix: 16)
    if step.utf8.count < value.utf8.count {
      append((up <= down ? "+" : "-") + step)
    } else {
      append("=" + value)
    }
  }

  /// ` ` and `kind`, and the numbers in hexadecimal, separated by colons.
  private mutating func word(_ kind: String, _ numbers: UInt64...) {
    append(" " + kind)
    for (index, number) in numbers.enumerated() {
      if index > 0 { append(":") }
      hex(number)
    }
  }

  private mutating func event(_ event: ProcessorEvent) {
    switch event {
    case .instruction, .segment: break
    case .memory(let access): memory(access)
    case .port(let access):
      word(access.isWrite ? "o" : "i", UInt64(access.port), UInt64(access.width), UInt64(access.value))
    case .walk(let start): beginWalk(start)
    case .walkEntry(let entry): walk.entries.append(entry)
    case .walkResult(let result): endWalk(result)
    case .descriptor(let read): word("e", UInt64(read.selector), read.linear, read.low, read.high)
    case .fault(let fault):
      word("f", UInt64(fault.vector), UInt64(fault.code), UInt64(fault.rule.rawValue), fault.address)
    case .delivery(let delivery):
      word("d", UInt64(delivery.vector), UInt64(Self.number(delivery.source)))
      if let code = delivery.code { append(":" + String(code, radix: 16)) }
    case .gate(let gate): word("g", gate.linear, gate.low, gate.high, UInt64(gate.mode.rawValue))
    case .stack(let stack): word("k", UInt64(stack.selector), stack.pointer, UInt64(stack.ist))
    case .delivered(let target): word("h", UInt64(target.selector), target.rip, UInt64(target.cpl))
    case .mode(let change):
      word(
        "m", UInt64(change.from.rawValue), UInt64(change.to.rawValue), UInt64(change.fromCPL),
        UInt64(change.toCPL))
    case .task(let change): word("x", UInt64(change.selector), UInt64(change.from))
    }
  }

  private mutating func memory(_ access: DataAccess) {
    let kind = access.isWrite ? (access.isImplicit ? "W" : "w") : (access.isImplicit ? "R" : "r")
    word(kind, UInt64(access.size), access.linear, access.value)
    let page = access.linear & ~0xFFF
    guard pages[page] ?? page != access.physical & ~0xFFF else { return }
    pages[page] = access.physical & ~0xFFF
    append(":" + String(access.physical, radix: 16))
  }

  // MARK: Walks

  /// The walk that goes on: it is one word.
  private var walk: (start: PageWalkStart?, entries: [PageWalkEntry]) = (nil, [])

  private mutating func beginWalk(_ start: PageWalkStart) { walk = (start, []) }

  private mutating func endWalk(_ result: PageWalkResult) {
    guard let start = walk.start else { return }
    let access = start.access
    let kind: UInt64 = (access.isWrite ? 1 : 0) | (access.isFetch ? 2 : 0) | (access.isUser ? 4 : 0)
    word(
      "v", kind, start.linear, start.root, UInt64(result.rule.rawValue), result.physical,
      UInt64(result.pageShift))
    for entry in walk.entries {
      append(":\(entry.level).")
      hex(entry.address)
      append(".")
      hex(entry.value)
    }
    walk = (nil, [])
  }
}
