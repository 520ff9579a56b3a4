import ApusDevices
import ApusMachine
import Testing
import apus

@Suite struct CodePage437Tests {
  /// The upper half against Python's codec, as a hash (FNV-1a over two bytes a character).
  @Test func characters() {
    #expect(CodePage437.scalars.count == 256)
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for scalar in CodePage437.scalars[0x80...] {
      for byte in [scalar.value >> 8, scalar.value & 0xFF] {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
      }
    }
    #expect(hash == 0x5B3D_8318_CB1B_FE21)
    for code in 0x20..<0x7F { #expect(CodePage437.scalars[code].value == UInt32(code)) }
    // IBMGRAPH.TXT: smiling face, heart, bell's bullet, arrows.
    #expect(
      [1, 3, 7, 0x18, 0x1B, 0x7F].map { CodePage437.scalars[$0].value } == [
        0x263A, 0x2665, 0x2022, 0x2191, 0x2190, 0x2302,
      ])
  }

  @Test func linesEndWithTheirLastCharacter() {
    #expect(CodePage437.line([0x41, 0x20, 0x42, 0x20, 0x00, 0xFF]) == "A B")
    #expect(CodePage437.line([0x20, 0xC9]) == " ╔")
    #expect(CodePage437.line([]) == "" && CodePage437.line([0, 0]) == "")
  }
}

/// A terminal that knows what `TerminalCanvas` sends and nothing else.
private struct Screen {
  var cells: [String]
  let columns: Int
  private var place = 0
  private var attributes = ["30", "40"]
  var cursor: Int?
  var errors = 0

  init(_ columns: Int, _ rows: Int) {
    self.columns = columns
    cells = Array(repeating: " /40", count: columns * rows)
  }

  mutating func show(_ bytes: [UInt8]) {
    var rest = Substring(String(decoding: bytes, as: UTF8.self))
    while let character = rest.popFirst() {
      guard character == "\u{1B}" else {
        if place < cells.count {
          cells[place] =
            character == " " ? " /\(attributes[1])" : "\(character)/\(attributes[0])/\(attributes[1])"
        } else {
          errors += 1
        }
        place += 1
        continue
      }
      if rest.popFirst() != "[" { errors += 1 }
      let body = rest.prefix { !$0.isLetter }
      rest = rest.dropFirst(body.count)
      sequence(body, rest.popFirst() ?? "?")
    }
  }

  private mutating func sequence(_ body: Substring, _ final: Character) {
    let numbers = body.split(separator: ";", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
    switch final {
    case "H": place = (numbers[0] - 1) * columns + numbers[1] - 1
    case "J": cells = Array(repeating: " /40", count: cells.count)
    case "h" where body == "?25": cursor = place
    case "l" where body == "?25": cursor = nil
    case "q": break
    case "m": colors(numbers)
    default: errors += 1
    }
  }

  private mutating func colors(_ numbers: [Int]) {
    var rest = numbers[...]
    while let first = rest.popFirst() {
      switch first {
      case 0: attributes = ["37", "40"]
      case 38, 48:
        let kind = rest.popFirst() ?? 0
        let values = rest.prefix(kind == 2 ? 3 : 1)
        rest = rest.dropFirst(values.count)
        attributes[first == 48 ? 1 : 0] = "\(first);\(kind);" + values.map(String.init).joined(separator: ";")
      case 30...37, 90...97: attributes[0] = String(first)
      case 40...47, 100...107: attributes[1] = String(first)
      default: errors += 1
      }
    }
  }
}

@Suite struct TerminalCanvasTests {
  private func text(_ cells: [UInt16], _ columns: Int, cursor: (Int, Int)? = nil) -> TextScreen {
    TextScreen(
      columns: columns, rows: cells.count / columns, characterHeight: 16, cells: cells,
      cursor: cursor.map { TextScreen.Cursor(column: $0.0, row: $0.1, lines: 13...14) }, blinks: true,
      colors: TerminalPicture.standardColors)
  }

  @Test func colorsAreANSIs() {
    // Blue on black, light red on green, a blinking white on red.
    let screen = text([0x0141, 0x2C42, 0xCF43, 0x0020], 4)
    var terminal = Screen(4, 1)
    var canvas = TerminalCanvas()
    terminal.show(canvas.draw(TerminalPicture(screen, hidesBlinking: false, columns: 4, rows: 1)))
    #expect(terminal.cells == ["A/34/40", "B/91/42", "C/97/41", " /40"])
    terminal.show(canvas.draw(TerminalPicture(screen, hidesBlinking: true, columns: 4, rows: 1)))
    #expect(terminal.cells == ["A/34/40", "B/91/42", " /41", " /40"])
    #expect(terminal.errors == 0)
  }

  /// xterm's 256 colours: 196 is pure red, 244 is grey 808080h, 16 black.
  @Test func otherColorsAreTheNearest() {
    func nearest(_ color: UInt32) -> TerminalColor { .indexed(nearestTo: color) }
    #expect(nearest(0xFF0000) == nearest(0xF80808) && nearest(0x808080) == nearest(0x7F8180))
    #expect(nearest(0xFF0000) != nearest(0xD70000) && nearest(0x000000) != nearest(0x080808))
  }

  @Test func onlyChangesAreSent() {
    var canvas = TerminalCanvas()
    var cells = [UInt16](repeating: 0x0720, count: 2000)
    func draw() -> [UInt8] {
      canvas.draw(
        TerminalPicture(text(cells, 80, cursor: (3, 4)), hidesBlinking: false, columns: 80, rows: 25))
    }
    #expect(!draw().isEmpty)
    #expect(draw().isEmpty)
    cells[85] = 0x0741
    let change = String(decoding: draw(), as: UTF8.self)
    #expect(
      change.contains("\u{1B}[2;6H") && change.contains("A") && change.hasSuffix("\u{1B}[5;4H\u{1B}[?25h"))
    #expect(change.utf8.count < 60)
    canvas.invalidate()
    #expect(draw().count > 40)
  }

  @Test func theCursorsPartShowsOnASmallTerminal() {
    let cells = (0..<2000).map { UInt16(0x0700 | 0x41 + $0 / 80) }
    let picture = TerminalPicture(
      text(cells, 80, cursor: (79, 24)), hidesBlinking: false, columns: 20, rows: 5)
    #expect(picture.cursor == TerminalPicture.Cursor(column: 19, row: 4, isBlock: false))
    #expect(picture.cells[0].scalar == "U" && picture.cells[99].scalar == "Y")
    let large = TerminalPicture(text(cells, 80), hidesBlinking: false, columns: 100, rows: 30)
    #expect(large.cells[80].scalar == " " && large.cells[2400].scalar == "Y" && large.cursor == nil)
  }

  /// Whatever pictures follow each other, the terminal shows the last.
  @Test func differencesAddUp() {
    var state: UInt64 = 5
    func next(_ count: UInt64) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % count)
    }
    var terminal = Screen(12, 5)
    var canvas = TerminalCanvas()
    var cells = [UInt16](repeating: 0x0720, count: 60)
    for _ in 0..<300 {
      for _ in 0..<next(8) {
        cells[next(60)] = UInt16(next(3) == 0 ? 0x20 : next(256)) | UInt16(next(256)) << 8
      }
      let cursor = next(2) == 0 ? nil : (next(12), next(5))
      let picture = TerminalPicture(
        text(cells, 12, cursor: cursor), hidesBlinking: false, columns: 12, rows: 5)
      terminal.show(canvas.draw(picture))
      var fresh = Screen(12, 5)
      var other = TerminalCanvas()
      fresh.show(other.draw(picture))
      #expect(terminal.cells == fresh.cells && terminal.cursor == fresh.cursor && terminal.errors == 0)
      #expect(terminal.cursor == cursor.map { $0.1 * 12 + $0.0 })
    }
  }

  @Test func graphicsAreHalfBlocks() {
    // Red above blue.
    let pixels = (0..<(320 * 200)).map { $0 < 320 * 100 ? UInt32(0xFF0000) : 0x0000FF }
    let picture = TerminalPicture(width: 320, height: 200, pixels: pixels, columns: 40, rows: 15)
    // 4:3 in 40 by 30 dots: the boundary is between dots 15 and 16, within a place.
    let upper = picture.cells[7 * 40]
    #expect(picture.cells[0].scalar == " " && picture.cells[0].background == .direct(0xFF0000))
    #expect(upper.scalar == "▀" && upper.foreground == .direct(0xFF0000) && upper.background == .direct(0xFF))
    #expect(picture.cells[14 * 40 + 39].background == .direct(0x0000FF))
    // Wider than the screen, and degenerate sizes.
    let narrow = TerminalPicture(width: 320, height: 200, pixels: pixels, columns: 100, rows: 15)
    #expect(narrow.cells[39].background == .direct(0xFF0000) && narrow.cells[41].background == .black)
    for (columns, rows) in [(1, 1), (1, 50), (200, 1), (0, 0)] {
      _ = TerminalPicture(
        width: 4608, height: 2, pixels: .init(repeating: 1, count: 9216), columns: columns, rows: rows)
    }
    _ = TerminalPicture(width: 0, height: 0, pixels: [], columns: 5, rows: 5)
  }

  @Test func messagesLieOverTheLowerEdge() {
    var picture = TerminalPicture(columns: 6, rows: 3)
    picture.overlay(["one", "a long line"])
    #expect(String(String.UnicodeScalarView(picture.cells.map(\.scalar))) == "      one   a long")
    picture.overlay(["1", "2", "3", "4"])
    #expect(picture.cells[12].scalar == "3")
  }
}
