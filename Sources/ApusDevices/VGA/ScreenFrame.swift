/// A picture, as a monitor would show it.
package struct ScreenFrame: Equatable {
  /// Size in pixels.
  package private(set) var width = 0
  package private(set) var height = 0
  /// 00RRGGBBh, row after row from the top left.
  package var pixels: [UInt32] = []
  /// The adapter's `changeCount` when the picture was drawn.
  package var generation: UInt64 = 0

  /// An empty picture.
  package init() {}

  /// Changes the size; the pixels are then of no particular colour.
  mutating func resize(width: Int, height: Int) {
    self.width = width
    self.height = height
    let count = width * height
    if pixels.count > count {
      pixels.removeLast(pixels.count - count)
    } else if pixels.count < count {
      pixels.append(contentsOf: repeatElement(0, count: count - pixels.count))
    }
  }

  /// Sets every pixel to `color`.
  mutating func fill(_ color: UInt32) {
    for i in pixels.indices { pixels[i] = color }
  }
}

/// What stands on the screen in a text mode.
package struct TextScreen: Equatable {
  /// The cursor: its place, and its first and last scan line within the character.
  package struct Cursor: Equatable {
    package let column: Int
    package let row: Int
    package let lines: ClosedRange<Int>

    /// A cursor at the given place.
    package init(column: Int, row: Int, lines: ClosedRange<Int>) {
      self.column = column
      self.row = row
      self.lines = lines
    }
  }

  package let columns: Int
  package let rows: Int
  /// Scan lines of a character.
  package let characterHeight: Int
  /// Row after row: the character in bits 7:0, its attribute in bits 15:8.
  package let cells: [UInt16]
  /// Nil while it is switched off or not on the screen. Its blinking is not considered.
  package let cursor: Cursor?
  /// Whether attribute bit 7 is blinking rather than a bright background.
  package let blinks: Bool
  /// The sixteen colours of attributes, 00RRGGBBh.
  package let colors: [UInt32]

  /// A screen of `columns` by `rows` characters; there must be as many cells, and sixteen colours.
  package init(
    columns: Int, rows: Int, characterHeight: Int, cells: [UInt16], cursor: Cursor?, blinks: Bool,
    colors: [UInt32]
  ) {
    precondition(cells.count == columns * rows && colors.count == 16)
    self.columns = columns
    self.rows = rows
    self.characterHeight = characterHeight
    self.cells = cells
    self.cursor = cursor
    self.blinks = blinks
    self.colors = colors
  }

  /// The character codes of a row.
  package func characters(row: Int) -> [UInt8] {
    cells[(row * columns)..<((row + 1) * columns)].map { UInt8(truncatingIfNeeded: $0) }
  }
}
