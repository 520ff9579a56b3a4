import ApusDevices
import ApusMachine

// What the guest's screen looks like on a terminal.

extension TerminalPicture {
  /// The colours that a VGA BIOS sets for attributes 0 to 15, to six bits a component.
  package static let standardColors: [UInt32] = [
    0x000000, 0x0000AA, 0x00AA00, 0x00AAAA, 0xAA0000, 0xAA00AA, 0xAA5500, 0xAAAAAA, 0x555555, 0x5555FF,
    0x55FF55, 0x55FFFF, 0xFF5555, 0xFF55FF, 0xFFFF55, 0xFFFFFF,
  ]

  /// A colour of the guest's: those of the standard palette in the colours that the user gave the terminal.
  private static func color(_ color: UInt32) -> TerminalColor {
    let known = standardColors.firstIndex { ($0 ^ color) & 0xFCFCFC == 0 }
    guard let known else { return .indexed(nearestTo: color) }
    // IBM counts blue, green, red and ANSI red, green, blue.
    let number = UInt8(known)
    return .basic(number & 0b1010 | (number & 1) << 2 | (number & 4) >> 2)
  }

  /// A text screen. Where the terminal is too small, the part with the cursor shows. With `hidesBlinking`,
  /// what blinks is in its dark phase.
  package init(_ screen: TextScreen, hidesBlinking: Bool, columns: Int, rows: Int) {
    self.init(columns: columns, rows: rows)
    let colors = screen.colors.map { Self.color($0) }
    let left = screen.cursor.map { max(0, $0.column - self.columns + 1) } ?? 0
    let top = screen.cursor.map { max(0, $0.row - self.rows + 1) } ?? 0
    for row in 0..<min(self.rows, screen.rows - top) {
      for column in 0..<min(self.columns, screen.columns - left) {
        let value = screen.cells[(top + row) * screen.columns + left + column]
        let attribute = Int(value >> 8)
        var cell = Cell()
        cell.background = colors[attribute >> 4 & (screen.blinks ? 7 : 15)]
        cell.foreground = colors[attribute & 15]
        let isDark = screen.blinks && attribute & 0x80 != 0 && hidesBlinking
        let scalar = CodePage437.scalars[Int(value & 0xFF)]
        cell.scalar =
          isDark || scalar == "\u{A0}" || cell.foreground == cell.background && scalar != "█" ? " " : scalar
        if cell.scalar == " " { cell.foreground = TerminalColor.basic(7) }
        cells[row * self.columns + column] = cell
      }
    }
    if let cursor = screen.cursor {
      self.cursor = Cursor(
        column: cursor.column - left, row: cursor.row - top,
        isBlock: cursor.lines.count * 2 > screen.characterHeight)
    }
  }

  /// A picture of `width` by `height` pixels, 00RRGGBBh each, in half blocks, as large as fits. Pictures in
  /// the sizes of VGA modes fill a monitor of 4:3 whatever their pixels.
  package init(width: Int, height: Int, pixels: [UInt32], columns: Int, rows: Int) {
    self.init(columns: columns, rows: rows)
    guard width > 0, height > 0, pixels.count >= width * height else { return }
    let isVGA = width <= 720 && height <= 480
    let (aspectWidth, aspectHeight) = isVGA ? (4, 3) : (width, height)
    // A place has two square dots.
    let (fullWidth, fullHeight) = (self.columns, self.rows * 2)
    var (shownWidth, shownHeight) = (fullWidth, fullWidth * aspectHeight / aspectWidth)
    if shownHeight > fullHeight {
      (shownWidth, shownHeight) = (fullHeight * aspectWidth / aspectHeight, fullHeight)
    }
    shownWidth = min(max(shownWidth, 1), fullWidth)
    shownHeight = min(max(shownHeight, 2), fullHeight)
    func dot(_ x: Int, _ y: Int) -> TerminalColor {
      guard y < shownHeight else { return .direct(0) }
      let left = x * width / shownWidth
      let top = y * height / shownHeight
      let right = max((x + 1) * width / shownWidth, left + 1)
      let bottom = max((y + 1) * height / shownHeight, top + 1)
      return .direct(Self.mean(pixels, width, left..<min(right, width), top..<min(bottom, height)))
    }
    for row in 0..<((shownHeight + 1) / 2) {
      for column in 0..<shownWidth {
        var cell = Cell()
        cell.foreground = dot(column, row * 2)
        cell.background = dot(column, row * 2 + 1)
        cell.scalar = cell.foreground == cell.background ? " " : "▀"
        cells[row * self.columns + column] = cell
      }
    }
  }

  /// Puts lines over the lower edge, black on white.
  package mutating func overlay(_ lines: [String]) {
    let first = max(0, rows - lines.count)
    for (row, line) in zip(first..<rows, lines) {
      let scalars = Array(line.unicodeScalars)
      for column in 0..<columns {
        var cell = Cell()
        cell.background = .basic(7)
        cell.foreground = .basic(0)
        if column < scalars.count && scalars[column].value >= 0x20 { cell.scalar = scalars[column] }
        cells[row * columns + column] = cell
      }
    }
  }

  /// The mean colour of a rectangle.
  private static func mean(_ pixels: [UInt32], _ width: Int, _ xs: Range<Int>, _ ys: Range<Int>) -> UInt32 {
    var (red, green, blue): (UInt64, UInt64, UInt64) = (0, 0, 0)
    for y in ys {
      for x in xs {
        let pixel = UInt64(pixels[y * width + x])
        red += pixel >> 16 & 0xFF
        green += pixel >> 8 & 0xFF
        blue += pixel & 0xFF
      }
    }
    let count = UInt64(xs.count * ys.count)
    return UInt32((red / count) << 16 | (green / count) << 8 | blue / count)
  }
}
