import ApusDebug
import ApusDevices
import ApusMachine

/// Draws what the debugger shows: a picture is a function of the model and its size alone.
package enum DebuggerScreen {
  /// The whole screen.
  package static func picture(_ model: DebuggerModel) -> TerminalPicture {
    let layout = model.layout
    var picture = TerminalPicture(columns: layout.columns, rows: layout.rows)
    drawPage(model, layout, &picture)
    if layout.hasTitle { put(title(model), row: 0, width: layout.columns, bar: true, in: &picture) }
    if layout.hasScrubber {
      let line = Scrubber(model.debugger, step: model.step).line(width: layout.columns)
      put(line, row: layout.rows - 2, width: layout.columns, in: &picture)
    }
    if layout.hasFoot {
      let line = foot(model)
      put(line, row: layout.rows - 1, width: layout.columns, bar: model.prompt == nil, in: &picture)
      if model.prompt != nil {
        picture.cursor = .init(
          column: min(line.width, layout.columns - 1), row: layout.rows - 1, isBlock: false)
      }
    }
    return picture
  }

  // MARK: Frame

  private static func title(_ model: DebuggerModel) -> StyledLine {
    let machine = model.debugger.machine
    var line = StyledLine(" \(model.page.digit) \(model.showsHelp ? "keys" : model.page.name)", .heading)
    line.add("  instruction " + grouped(machine.instructions))
    line.add("  " + Text.seconds(machine.now) + " s")
    if model.debugger.isInPast { line.add("  in the past", .changed) }
    if machine.isHalted { line.add("  halted", .changed) }
    if model.activity != nil { line.add("  running", .changed) }
    let hasLevels = machine.mode != .real
    line.add("  " + machine.mode.name + (hasLevels ? ", CPL \(machine.state.cpl)" : ""))
    return line
  }

  private static func grouped(_ value: UInt64) -> String {
    var digits = Array(String(value))
    for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: place) }
    return String(digits)
  }

  private static func foot(_ model: DebuggerModel) -> StyledLine {
    if let prompt = model.prompt { return StyledLine(prompt.label + prompt.text) }
    if model.showsHelp { return StyledLine(" up, down scroll; any other key closes the list") }
    if !model.message.isEmpty { return StyledLine(" " + model.message) }
    if model.page == .guest {
      return StyledLine(
        model.activity == nil
          ? " stopped: Ctrl-A c continues, Ctrl-A 1 code, Ctrl-A ? keys"
          : " running: Ctrl-A and any key stops")
    }
    if model.activity != nil { return StyledLine(" running: any key stops") }
    if model.page == .devices {
      return StyledLine(
        " Tab next device  Shift-Tab previous  / find  PgUp PgDn scroll  s step  ? keys")
    }
    return StyledLine(
      " s step  n over  c continue  S back  B continue back  r run to  g go to  ? keys  q leave")
  }

  // MARK: Pages

  private static func drawPage(
    _ model: DebuggerModel, _ layout: DebuggerLayout, _ picture: inout TerminalPicture
  ) {
    if model.showsHelp {
      let lines = Array(DebuggerHelp.lines.dropFirst(model.helpScroll))
      return put(lines, top: layout.top, height: layout.height, width: layout.columns, in: &picture)
    }
    switch model.page {
    case .code: drawCode(model, layout, &picture)
    case .guest: drawGuest(model, layout, &picture)
    default:
      let lines = lines(of: model.page, model, width: layout.columns, height: layout.height)
      put(lines, top: layout.top, height: layout.height, width: layout.columns, in: &picture)
    }
  }

  /// The lines of a page that has one pane.
  static func lines(of page: DebuggerModel.Page, _ model: DebuggerModel, width: Int, height: Int)
    -> [StyledLine]
  {
    let debugger = model.debugger
    let first = height == .max ? 0 : model.scroll[page] ?? 0
    switch page {
    case .code, .guest: return []
    case .registers:
      return RegistersView(debugger.machine, before: model.before).lines(
        width: width, height: height, from: first)
    case .vectors:
      return VectorsView(debugger.machine, before: model.vectorsBefore).lines(
        width: width, height: height, from: first)
    case .memory: return model.memory.lines(debugger, width: width, height: height)
    case .stack: return model.stack.lines(debugger, width: width, height: height)
    case .walk: return model.walk.lines(debugger, width: width, height: height, from: first)
    case .tables: return model.tables.lines(debugger, width: width, height: height, from: first)
    case .devices: return DevicesView(debugger.machine, width: width).lines(height: height, from: first)
    case .timeline: return model.timelineView.lines(debugger, model.timeline, width: width, height: height)
    }
  }

  private static func drawCode(
    _ model: DebuggerModel, _ layout: DebuggerLayout, _ picture: inout TerminalPicture
  ) {
    let debugger = model.debugger
    let width = layout.mainWidth
    let code = model.code.lines(debugger, width: width, height: layout.codeHeight)
    put(code, top: layout.top, height: layout.codeHeight, width: width, in: &picture)
    let lower =
      model.showsMemoryBelow
      ? model.memory.lines(debugger, width: width, height: layout.lowerHeight)
      : model.stack.lines(debugger, width: width, height: layout.lowerHeight)
    put(lower, top: layout.top + layout.codeHeight, height: layout.lowerHeight, width: width, in: &picture)
    guard layout.sideWidth > 0 else { return }
    let registers = RegistersView(debugger.machine, before: model.before).narrow(
      width: layout.sideWidth, height: layout.height)
    for row in layout.top..<(layout.top + layout.height) {
      put(StyledLine("│", .faint), row: row, column: width, width: 1, in: &picture)
    }
    put(
      registers, top: layout.top, height: layout.height, column: width + 1, width: layout.sideWidth,
      in: &picture)
  }

  private static func drawGuest(
    _ model: DebuggerModel, _ layout: DebuggerLayout, _ picture: inout TerminalPicture
  ) {
    let (columns, rows) = (layout.columns, layout.height)
    guard rows > 0 else { return }
    if model.showsScreen, let vga = model.debugger.machine.screen {
      return drawScreen(vga, at: model.debugger.machine.now, layout, &picture)
    }
    // Lines of a few control sequences each, at most.
    let bytes = model.transcript.text(before: model.debugger.machine.instructions, count: columns * rows * 8)
    let (lines, column) = SerialText(bytes).tail(width: columns, height: rows)
    put(lines, top: layout.top, height: rows, width: columns, in: &picture)
    if model.prompt == nil {
      picture.cursor = .init(column: column, row: layout.top + max(lines.count - 1, 0), isBlock: false)
    }
  }

  private static func drawScreen(
    _ vga: VGA, at now: UInt64, _ layout: DebuggerLayout, _ picture: inout TerminalPicture
  ) {
    var screen = TerminalPicture(columns: layout.columns, rows: layout.height)
    if let text = vga.textScreen() {
      screen = TerminalPicture(text, hidesBlinking: false, columns: layout.columns, rows: layout.height)
    } else if vga.isPictureOn {
      var frame = ScreenFrame()
      vga.render(into: &frame, at: now)
      screen = TerminalPicture(
        width: frame.width, height: frame.height, pixels: frame.pixels, columns: layout.columns,
        rows: layout.height)
    }
    let start = layout.top * layout.columns
    picture.cells.replaceSubrange(start..<(start + screen.cells.count), with: screen.cells)
    if let cursor = screen.cursor, cursor.row < layout.height {
      picture.cursor = .init(column: cursor.column, row: cursor.row + layout.top, isBlock: cursor.isBlock)
    }
  }

  // MARK: Cells

  private static func put(
    _ lines: [StyledLine], top: Int, height: Int, column: Int = 0, width: Int,
    in picture: inout TerminalPicture
  ) {
    for (row, line) in lines.prefix(max(height, 0)).enumerated() {
      put(line, row: top + row, column: column, width: width, in: &picture)
    }
  }

  /// Puts a line into a row of the picture, cut or filled to `width` places; a bar is in reverse.
  private static func put(
    _ line: StyledLine, row: Int, column: Int = 0, width: Int, bar: Bool = false,
    in picture: inout TerminalPicture
  ) {
    guard row >= 0, row < picture.rows, column >= 0 else { return }
    let end = min(column + width, picture.columns)
    let start = row * picture.columns
    let background = bar ? TerminalColor.basic(7) : Self.background(line.style)
    var place = column
    func set(_ scalar: Unicode.Scalar, _ style: TextStyle) {
      guard place < end else { return }
      var cell = TerminalPicture.Cell()
      // What comes from the guest or from a file must not reach the terminal as a control sequence.
      cell.scalar = scalar.value < 0x20 || 0x7F...0x9F ~= scalar.value ? "." : scalar
      cell.background = background
      cell.foreground = bar ? barColor(style) : line.style == .plain ? color(style) : .basic(15)
      picture.cells[start + place] = cell
      place += 1
    }
    for span in line.spans {
      for scalar in span.text.unicodeScalars { set(scalar, span.style) }
    }
    while place < end { set(" ", .plain) }
  }

  private static func color(_ style: TextStyle) -> TerminalColor {
    switch style {
    case .plain: .basic(7)
    case .faint: .basic(8)
    case .heading: .basic(14)
    case .address: .basic(6)
    case .name: .basic(10)
    case .changed: .basic(11)
    case .mark: .basic(9)
    case .good: .basic(2)
    case .bad: .basic(9)
    }
  }

  private static func barColor(_ style: TextStyle) -> TerminalColor {
    switch style {
    case .heading: .basic(4)
    case .changed, .bad: .basic(1)
    default: .black
    }
  }

  private static func background(_ style: LineStyle) -> TerminalColor {
    switch style {
    case .plain: .black
    case .current: .basic(4)
    case .selected: .basic(8)
    case .currentAndSelected: .basic(5)
    }
  }
}
