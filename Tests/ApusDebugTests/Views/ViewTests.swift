import ApusCPU
import ApusDebug
import ApusMachine
import Testing

@Suite struct SerialTextTests {
  private func lines(_ text: String, width: Int = 20, height: Int = 10) -> [String] {
    SerialText(Array(text.utf8)).tail(width: width, height: height).lines.map(\.text)
  }

  @Test func linesAreWhatATerminalShows() {
    #expect(lines("one\r\ntwo\nthree") == ["one", "two", "three"])
    #expect(lines("abc\rX") == ["Xbc"] && lines("abc\u{8}\u{8}Z") == ["aZc"])
    #expect(lines("a\tb") == ["a       b"])
    #expect(lines("\u{1B}[1;31mred\u{1B}[0m \u{1B}]0;title\u{7}x\u{1B}(By") == ["red xy"])
    #expect(lines("12345\r12\u{1B}[K") == ["12"])
    #expect(lines("old\u{1B}[2Jnew") == ["old", "new"])
    #expect(lines("grüße €\u{0}") == ["grüße €"])
    #expect(lines("0123456789abc", width: 5) == ["01234", "56789", "abc"])
    #expect(lines("1\n2\n3\n4", height: 2) == ["3", "4"])
    #expect(lines("x", width: 0).isEmpty && lines("x", height: 0).isEmpty && lines("") == [""])
  }

  @Test func anyBytesAreText() {
    var state: UInt64 = 7
    var bytes: [UInt8] = []
    for _ in 0..<50_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      bytes.append(UInt8(truncatingIfNeeded: state >> 57))
      if state >> 40 & 7 == 0 { bytes.append(0x1B) }
    }
    for size in [1, 3, 80] { #expect(SerialText(bytes).tail(width: size, height: size).lines.count <= size) }
  }
}

@Suite struct AddressExpressionTests {
  @Test func sumsOfRegistersSymbolsAndNumbers() throws {
    let debugger = try BuiltInGuestMachine.make()
    var state = debugger.machine.state
    state.registers[4] = 0x1000
    state.registers[0] = 0xFFFF_FFFF_8000_0005
    state.segments[3].base = 0x4_0000
    debugger.machine.state = state
    let symbols: [(address: UInt64, name: String)] = [(0x7C00, "boot"), (0xAB, "cafe")]
    debugger.symbols = SymbolTable(symbols)
    func value(_ text: String) -> UInt64? { AddressExpression.evaluate(text, debugger) }
    #expect(value("7c00") == 0x7C00 && value("0xFFFF_FFFF_8000_0000") == 0xFFFF_FFFF_8000_0000)
    #expect(value("rsp+10") == 0x1010 && value("esp - 8") == 0xFF8 && value("EAX") == 0x8000_0005)
    #expect(value("boot+0x20") == 0x7C20 && value("cafe") == 0xAB && value("ds:sp") == 0x4_1000)
    #expect(
      value("f000:fff0") == 0xF_FFF0 && value("-1") == .max && value("rip") == debugger.machine.state.rip)
    for text in ["", "+", "10+", "10++1", "xyz", ":", "ds:", "zz:1", "0x", "1ffff:0", "12345678901234567"] {
      #expect(value(text) == nil, "\(text)")
    }
  }

  @Test func moments() {
    #expect(AddressExpression.moment("1,500,000", now: 5) == 1_500_000)
    #expect(
      AddressExpression.moment("2M", now: 5) == 2_000_000
        && AddressExpression.moment("1g", now: 0) == 1_000_000_000)
    #expect(AddressExpression.moment("+10", now: 5) == 15 && AddressExpression.moment("-3", now: 5) == 2)
    #expect(AddressExpression.moment("-10k", now: 5) == 0)
    #expect(AddressExpression.moment("+18446744073709551615", now: 5) == .max)
    for text in ["", "k", "+", "x", "1x", "18446744073709551616", "18446744073709551615k", "--5"] {
      #expect(AddressExpression.moment(text, now: 5) == nil, "\(text)")
    }
  }
}

@Suite struct ViewTests {
  private static func machine(at moment: UInt64, symbols: [(address: UInt64, name: String)] = []) throws
    -> Debugger
  {
    let debugger = try BuiltInGuestMachine.make()
    debugger.symbols = SymbolTable(symbols)
    while debugger.machine.instructions < moment {
      switch debugger.machine.run(instructions: moment - debugger.machine.instructions) {
      case .budget, .idle(until: .some): break
      default: return debugger
      }
    }
    return debugger
  }

  /// Code is listed backwards from any of its instructions to those before.
  @Test func codeIsReadBackwards() throws {
    let debugger = try Self.machine(at: 60_000)
    var code = CodeView(at: debugger.machine.codeAddress)
    let start = code.cursor
    for _ in 0..<10 { code.move(by: 1, debugger, height: 12) }
    let end = code.cursor
    #expect(end > start)
    for _ in 0..<10 { code.move(by: -1, debugger, height: 12) }
    #expect(code.cursor == start)
    code.move(by: 10, debugger, height: 12)
    #expect(code.cursor == end)
    let text = code.lines(debugger, width: 80, height: 12).map(\.text)
    #expect(text.count == 12)
  }

  /// The walk is the processor's own, with each rule it can fail by in words.
  @Test func walksSayWhatTheProcessorFinds() throws {
    let debugger = try Self.machine(at: 60_000)
    func text(_ change: (inout PageWalkView) -> Void) -> [String] {
      var view = PageWalkView(of: debugger.machine.codeAddress)
      change(&view)
      return view.lines(debugger, width: 80, height: 40).map(\.text)
    }
    let hash = debugger.machine.stateHash()
    let fetch = text { $0.access = .fetch }
    #expect(fetch[0].hasSuffix(", a supervisor instruction fetch") && fetch[1].hasSuffix("4-level paging"))
    #expect(fetch.contains { $0.hasPrefix("PML4E ") } && fetch.contains { $0.contains("present, ") })
    let physical = try #require(debugger.machine.physicalAddress(debugger.machine.codeAddress))
    #expect(fetch.last?.hasPrefix("Permitted: physical 0x" + String(physical, radix: 16)) == true)
    let missing = text { $0.address = 0xFFFF_8000_0000_0000 }
    #expect(missing.last == "Page fault in the PML4E: the entry is not present (P = 0)")
    #expect(debugger.machine.stateHash() == hash && debugger.machine.observer == nil)
    let real = try Self.machine(at: 5)
    #expect(PageWalkView(of: 0).lines(real, width: 80, height: 40)[1].text.hasPrefix("Paging is off"))
  }

  @Test func descriptorsAreInWords() throws {
    let debugger = try Self.machine(at: 86_000)
    var view = TablesView()
    let table = view.lines(debugger, width: 100, height: 40).map(\.text)
    #expect(
      table[0].hasPrefix("GDT at 0x") && table.contains { $0.contains("64-bit code") && $0.hasSuffix("CS") })
    #expect(table.contains { $0.contains("64-bit TSS (busy)") && $0.hasSuffix("TR") })
    view.table = .idt
    let gates = view.lines(debugger, width: 100, height: 60).map(\.text)
    #expect(gates.contains { $0.hasPrefix("0e (#PF)") && $0.contains("interrupt gate") })
    view.table = .ldt
    #expect(view.lines(debugger, width: 100, height: 40)[1].text == "There is none: LDTR is null.")
    let real = try Self.machine(at: 2)
    view.table = .idt
    #expect(view.lines(real, width: 80, height: 300).count == 257)
  }

  @Test func devicesAreInTheirTerms() throws {
    let debugger = try Self.machine(at: 86_000)
    let hash = debugger.machine.stateHash()
    let view = DevicesView(debugger.machine, width: 80)
    let text = view.lines(height: .max).map(\.text)
    for (device, line) in view.devices { #expect(text[line] == device.name) }
    for heading in [
      "8259A pair (PIC)", "local APIC", "I/O APIC", "8254 (PIT)", "MC146818 (RTC)", "COM1 (UART)",
      "COM4 (UART)", "82077AA (floppy)",
    ] {
      #expect(text.contains(heading))
    }
    #expect(debugger.machine.stateHash() == hash)
    #expect(DevicesView(debugger.machine, width: 1).lines(height: 3).count == 3)
    #expect(text.allSatisfy { $0.count <= 81 }, "words are shorter than a line")
  }

  /// Each device can be the first of a pane, also the last one, and a pane is never empty.
  @Test func devicesAreGoneThrough() throws {
    let debugger = try Self.machine(at: 86_000)
    let view = DevicesView(debugger.machine, width: 80)
    let starts = view.devices.map(\.line)
    var (line, seen) = (0, [0])
    for _ in starts.dropFirst() {
      line = view.neighbour(of: line, forward: true)
      seen.append(line)
      #expect(line <= view.last(height: 21))
      #expect(view.lines(height: 21, from: line).first?.text == view.devices[seen.count - 1].description.name)
    }
    #expect(seen == starts && view.neighbour(of: line, forward: true) == 0)
    #expect(view.neighbour(of: line - 1, forward: false) == starts[starts.count - 2])
    #expect(view.neighbour(of: 0, forward: false) == line)
    #expect(view.lines(height: 21, from: .max) == view.lines(height: 21, from: view.last(height: 21)))
    // In whatever case, from the next device on, and from the first one on again.
    let ports = view.devices.filter { $0.description.name.hasPrefix("COM") }.map(\.line)
    #expect(view.line(of: "com", after: 0) == ports[0] && view.line(of: "Com", after: ports[0]) == ports[1])
    #expect(view.line(of: "COM", after: ports[3]) == ports[0] && view.line(of: "teapot", after: 0) == nil)
  }

  @Test func whatChangedIsMarked() throws {
    let debugger = try Self.machine(at: 60_000)
    let before = debugger.machine.state
    #expect(
      !RegistersView(debugger.machine, before: before).lines(width: 80, height: 60).contains { line in
        line.spans.contains { $0.style == .changed }
      })
    var old = before
    old.registers[3] ^= 1
    old.rflags ^= 0x40
    old.cr4 ^= 0x200
    let changed = RegistersView(debugger.machine, before: old).lines(width: 80, height: 60).flatMap(\.spans)
      .filter { $0.style == .changed }.map { $0.text.uppercased() }
    #expect(changed.contains("ZF") && changed.contains("OSFXSR") && changed.count == 5)
  }

  @Test func theBarShowsWhereOneIs() throws {
    let debugger = try BuiltInGuestMachine.make(history: true)
    let history = try #require(debugger.history)
    while debugger.machine.instructions < 40_000 { _ = try history.run(instructions: 10_000) }
    let line = Scrubber(debugger, step: 100).line(width: 60).text
    #expect(line.count == 60 && line.hasPrefix("0 ┼") && line.hasSuffix("█ 40,000 ±100"))
    try history.seek(to: 20_000)
    let middle = Array(Scrubber(debugger, step: 100).line(width: 60).text)
    let bar = middle.dropFirst(2).prefix { $0 != " " }
    #expect(abs((bar.firstIndex(of: "█") ?? 0) - 2 - bar.count / 2) <= 1)
    for width in 0...60 { #expect(Scrubber(debugger, step: 1).line(width: width).width <= max(width, 0)) }
  }
}
