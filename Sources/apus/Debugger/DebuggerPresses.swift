import ApusDebug
import ApusMachine

// What keys do.

extension DebuggerModel {
  /// Whether what is typed goes to the guest.
  package var guestHasKeyboard: Bool { page == .guest && prompt == nil && !showsHelp }

  /// Does what a key stands for.
  package func press(_ key: DebuggerKey) {
    if showsHelp { return pressInHelp(key) }
    if prompt != nil { return pressInPrompt(key) }
    guard activity == nil else {
      halt("stopped")
      // On other pages any key does nothing else.
      if case .character(let digit) = key { show(digit) }
      if page == .guest { message = "" }
      return
    }
    message = ""
    switch key {
    case .character(let character): press(character)
    case .control("c"): end = .signal(2)
    case .control("l"): wantsRedraw = true
    case .control("z"): wantsStop = true
    case .control, .backspace: break
    case .enter: enter()
    case .escape: page = .code
    case .tab: alternate()
    case .shiftTab: alternate(forward: false)
    case .up: move(by: -1)
    case .down: move(by: 1)
    case .pageUp: move(by: -max(pageHeight - 1, 1))
    case .pageDown: move(by: max(pageHeight - 1, 1))
    case .left: scrub(forward: false)
    case .right: scrub(forward: true)
    case .home: go(to: 0)
    case .end: go(to: debugger.history?.end ?? 0)
    }
  }

  private func press(_ character: Character) {
    switch character {
    case "s": stepOnce()
    case "n": stepOver()
    case "c": begin(.forward(to: nil, above: nil))
    case "S", "b": stepBack()
    case "B": begin(.back)
    case "r": prompt = Prompt(kind: .runTo)
    case "g": prompt = Prompt(kind: .moment)
    case "a": prompt = Prompt(kind: .address)
    case "w": prompt = Prompt(kind: .watch)
    case "/" where page == .devices: prompt = Prompt(kind: .device)
    case "W": clearStopPoints()
    case " ": toggleBreakpoint()
    case "u": walk.isUser.toggle()
    case "[": step = max(step / 10, 1)
    case "]": step = min(step * 10, 1_000_000_000_000)
    case "?": (showsHelp, helpScroll) = (true, 0)
    case "q": end = .success
    default:
      if !show(character) { message = "'\(character)' is no key here; ? lists them" }
    }
  }

  /// Shows the page of a digit. Returns whether it is one.
  @discardableResult
  private func show(_ digit: Character) -> Bool {
    guard let wanted = Page.allCases.first(where: { $0.digit == digit }) else { return false }
    page = wanted
    return true
  }

  private var pageHeight: Int { page == .code ? layout.codeHeight : layout.height }

  private func move(by lines: Int) {
    switch page {
    case .code: code.move(by: lines, debugger, height: layout.codeHeight)
    case .memory: memory.move(by: lines, machine, width: size.columns)
    case .stack: stack.offset += lines
    case .timeline:
      timelineView.cursor = min(max(timelineView.cursor + lines, 0), max(timeline.entries.count - 1, 0))
    case .guest: break
    case .devices: showDevice(at: devicesTop + lines)
    case .registers, .vectors, .walk, .tables:
      // The page shows its last lines at most: drawing says how many there are.
      let most = max(
        DebuggerScreen.lines(of: page, self, width: size.columns, height: .max).count - layout.height, 0)
      scroll[page] = min(max((scroll[page] ?? 0) + lines, 0), most)
    }
  }

  private var devices: DevicesView { DevicesView(machine, width: size.columns) }
  private var devicesTop: Int { scroll[.devices] ?? 0 }

  private func showDevice(at line: Int) {
    scroll[.devices] = min(max(line, 0), devices.last(height: layout.height))
  }

  /// The other side of a page, or the next one of its parts.
  private func alternate(forward: Bool = true) {
    switch page {
    case .code: showsMemoryBelow.toggle()
    case .memory: memory.isPhysical.toggle()
    case .walk: walk.access = walk.access.next
    case .tables: (tables.table, scroll[.tables]) = (tables.table.next, 0)
    case .guest: if machine.screen != nil { showsScreen.toggle() }
    case .devices: showDevice(at: devices.neighbour(of: devicesTop, forward: forward))
    case .registers, .vectors, .stack, .timeline: break
    }
  }

  private func enter() {
    switch page {
    case .timeline:
      guard timeline.entries.indices.contains(timelineView.cursor) else { return }
      go(to: timeline.entries[timelineView.cursor].instructions)
    case .memory where !memory.isPhysical: showCode(at: memory.address)
    default: break
    }
  }

  private func showCode(at address: UInt64) {
    page = .code
    code.show(address, debugger, height: layout.codeHeight)
  }

  private func pressInHelp(_ key: DebuggerKey) {
    let most = max(DebuggerHelp.lines.count - layout.height, 0)
    switch key {
    case .up: helpScroll = max(helpScroll - 1, 0)
    case .down: helpScroll = min(helpScroll + 1, most)
    case .pageUp: helpScroll = max(helpScroll - layout.height, 0)
    case .pageDown: helpScroll = min(helpScroll + layout.height, most)
    default: showsHelp = false
    }
  }

  // MARK: Prompts

  private static let longestPrompt = 200

  private func pressInPrompt(_ key: DebuggerKey) {
    guard var asked = prompt else { return }
    switch key {
    case .character(let character):
      if asked.text.utf8.count < Self.longestPrompt { asked.text.append(character) }
      prompt = asked
    case .backspace:
      if asked.text.isEmpty { prompt = nil } else { prompt?.text.removeLast() }
    case .control("u"): prompt?.text = ""
    case .escape, .control: prompt = nil
    case .enter:
      prompt = nil
      answer(asked)
    default: break
    }
  }

  private func answer(_ asked: Prompt) {
    if asked.text.isEmpty && asked.kind != .runTo { return }
    switch asked.kind {
    case .moment:
      guard let moment = AddressExpression.moment(asked.text, now: machine.instructions) else {
        return message = "'\(asked.text)' is not a count of instructions, such as 1500000, 1M or -500"
      }
      go(to: moment)
    case .watch: toggleWatch(asked.text)
    case .device:
      guard let line = devices.line(of: asked.text, after: devicesTop) else {
        return message = "no device has '\(asked.text)' in its name"
      }
      showDevice(at: line)
    case .runTo where asked.text.isEmpty: begin(.forward(to: code.cursor, above: nil))
    case .runTo, .address:
      guard let address = AddressExpression.evaluate(asked.text, debugger) else {
        return message = "'\(asked.text)' is not an address, such as 7c00, rsp+10 or ds:si"
      }
      if asked.kind == .runTo { begin(.forward(to: address, above: nil)) } else { look(at: address) }
    }
  }

  /// Shows an address on the page that there is, if it has one, else in memory.
  private func look(at address: UInt64) {
    switch page {
    case .code: showCode(at: address)
    case .walk: walk.address = address
    default:
      page = .memory
      memory.address = address
    }
  }
}
