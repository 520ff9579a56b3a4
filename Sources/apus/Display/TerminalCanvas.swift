/// A colour of a character terminal.
package struct TerminalColor: Equatable, Sendable {
  private enum Kind: Equatable { case basic, indexed, direct }
  private let kind: Kind
  private let value: UInt32

  /// One of the sixteen of ANSI terminals: bit 0 red, 1 green, 2 blue, 3 bright.
  package static func basic(_ number: UInt8) -> TerminalColor {
    .init(kind: .basic, value: UInt32(number & 15))
  }

  /// The nearest in xterm's cube and greys of the 256-colour palette to 00RRGGBBh.
  package static func indexed(nearestTo color: UInt32) -> TerminalColor {
    .init(kind: .indexed, value: palette.nearest(to: color))
  }

  /// 00RRGGBBh itself.
  package static func direct(_ color: UInt32) -> TerminalColor {
    .init(kind: .direct, value: color & 0xFF_FFFF)
  }

  package static let black = TerminalColor.basic(0)

  private static let palette = IndexedPalette()

  /// The parameters of SGR (ECMA-48, "SELECT GRAPHIC RENDITION", and xterm's extensions of it).
  func parameters(background: Bool) -> String {
    let base: UInt32 = background ? 40 : 30
    switch kind {
    case .basic: return String(value < 8 ? base + value : base + 60 + value - 8)
    case .indexed: return "\(base + 8);5;\(value)"
    case .direct: return "\(base + 8);2;\(value >> 16);\(value >> 8 & 0xFF);\(value & 0xFF)"
    }
  }
}

/// Colours 16 to 255 of xterm: a cube of six levels and 24 greys.
private struct IndexedPalette {
  private let levels: [Int] = [0, 95, 135, 175, 215, 255]

  func nearest(to color: UInt32) -> UInt32 {
    let parts = [16, 8, 0].map { Int(color >> $0 & 0xFF) }
    let steps = parts.map { part in
      levels.indices.min { abs(levels[$0] - part) < abs(levels[$1] - part) } ?? 0
    }
    let grey = min(max((parts.reduce(0, +) / 3 - 3) / 10, 0), 23)
    func distance(_ candidate: [Int]) -> Int {
      zip(parts, candidate).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    let shade = 8 + 10 * grey
    if distance([shade, shade, shade]) < distance(steps.map { levels[$0] }) { return UInt32(232 + grey) }
    return UInt32(16 + 36 * steps[0] + 6 * steps[1] + steps[2])
  }
}

/// What stands in each place of a terminal.
package struct TerminalPicture: Equatable {
  package struct Cell: Equatable {
    package var scalar: Unicode.Scalar = " "
    package var foreground = TerminalColor.basic(7)
    package var background = TerminalColor.black

    package init() {}
  }

  package struct Cursor: Equatable {
    package let column: Int
    package let row: Int
    package let isBlock: Bool

    package init(column: Int, row: Int, isBlock: Bool) {
      self.column = column
      self.row = row
      self.isBlock = isBlock
    }
  }

  package let columns: Int
  package let rows: Int
  package var cells: [Cell]
  /// Nil while it is not shown.
  package var cursor: Cursor?

  /// Blanks.
  package init(columns: Int, rows: Int) {
    self.columns = max(columns, 1)
    self.rows = max(rows, 1)
    cells = [Cell](repeating: Cell(), count: self.columns * self.rows)
  }
}

/// Brings a terminal from one picture to the next with few bytes.
package struct TerminalCanvas {
  /// What the terminal shows; nil if that is not known.
  private var shown: TerminalPicture?

  package init() {}

  /// The next picture is drawn anew.
  package mutating func invalidate() { shown = nil }

  /// The bytes that make the terminal show `picture`; empty if it does already.
  package mutating func draw(_ picture: TerminalPicture) -> [UInt8] {
    guard picture != shown else { return [] }
    var output = ""
    var old = TerminalPicture(columns: picture.columns, rows: picture.rows)
    var isKnown = false
    if let shown, shown.columns == picture.columns, shown.rows == picture.rows {
      old = shown
      isKnown = true
    } else {
      output += "\u{1B}[0m\u{1B}[2J"
    }
    let cells = drawCells(of: picture, over: old)
    // The cursor would be seen jumping about.
    if !cells.isEmpty { output += "\u{1B}[?25l" + cells }
    if let cursor = picture.cursor {
      if !isKnown || old.cursor?.isBlock != cursor.isBlock {
        output += cursor.isBlock ? "\u{1B}[1 q" : "\u{1B}[3 q"
      }
      output += "\u{1B}[\(cursor.row + 1);\(cursor.column + 1)H\u{1B}[?25h"
    } else if cells.isEmpty {
      output += "\u{1B}[?25l"
    }
    shown = picture
    return Array(output.utf8)
  }

  private func drawCells(of picture: TerminalPicture, over old: TerminalPicture) -> String {
    var output = ""
    var place = -1
    var foreground: TerminalColor?
    var background: TerminalColor?
    for i in picture.cells.indices where picture.cells[i] != old.cells[i] {
      let cell = picture.cells[i]
      if place != i || i % picture.columns == 0 {
        output += "\u{1B}[\(i / picture.columns + 1);\(i % picture.columns + 1)H"
      }
      var parameters: [String] = []
      // A blank's own colour is not seen.
      if cell.scalar != " " && cell.foreground != foreground {
        parameters.append(cell.foreground.parameters(background: false))
        foreground = cell.foreground
      }
      if cell.background != background {
        parameters.append(cell.background.parameters(background: true))
        background = cell.background
      }
      if !parameters.isEmpty { output += "\u{1B}[\(parameters.joined(separator: ";"))m" }
      output.unicodeScalars.append(cell.scalar)
      place = i + 1
    }
    if !output.isEmpty { output += "\u{1B}[0m" }
    return output
  }
}
