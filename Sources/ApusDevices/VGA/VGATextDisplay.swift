import ApusBase

// Text modes: plane 0 has characters, plane 1 their attributes, plane 2 the fonts.
// Source: IBM Video Subsystem Technical Reference, "VGA Function", "Modes of Operation", and the registers named.

extension VGA {
  /// The cursor's scan lines within a character, nil if it is off or has none.
  private var cursorLines: ClosedRange<Int>? {
    let start = crtc[CRTCRegister.cursorStart]
    let end = Int(crtc[CRTCRegister.cursorEnd].bits(4, 0))
    guard !start.bit(5), start.bits(4, 0) <= end else { return nil }
    return Int(start.bits(4, 0))...end
  }

  /// The first word of a font: character map select holds its number with bit 2 apart.
  private static func fontStart(_ low: UInt8, _ high: Bool) -> Int { Int(low) << 14 | (high ? 0x2000 : 0) }

  func renderText(_ raster: VGARaster, into frame: inout ScreenFrame, at now: VirtualTime) {
    let mode = attribute[AttributeRegister.modeControl]
    let maps = sequencer[SequencerRegister.characterMapSelect]
    let painter = TextPainter(
      colors: sixteenColors(), cellWidth: raster.characterWidth,
      fonts: [Self.fontStart(maps.bits(1, 0), maps.bit(4)), Self.fontStart(maps.bits(3, 2), maps.bit(5))],
      blinkEnabled: mode.bit(3), blinkOn: isBlinkPhaseOn(at: now), hasLineGraphics: mode.bit(2),
      underline: Int(crtc[CRTCRegister.underlineLocation].bits(4, 0)))
    let cursor = isCursorPhaseOn(at: now) ? cursorLines : nil
    let cursorAddress = crtc.cursorAddress
    let panning = panning(raster)
    var dots = [UInt32](repeating: 0, count: (raster.columns + 2) * raster.characterWidth)
    var last: VGARaster.Line?
    let memory = memory.words
    raster.forEachLine { number, line in
      if line == last { return Self.repeatLine(number, of: &frame) }
      last = line
      let cursorHere = cursor?.contains(line.row) ?? false
      for column in 0..<(raster.columns + 2) {
        let isCursor = cursorHere && (line.address + column) & 0xFFFF == cursorAddress
        painter.paint(
          memory[raster.place(line, column)], row: line.row, isCursor: isCursor, memory: memory,
          into: &dots, at: column * raster.characterWidth)
      }
      let first = line.isPanned ? panning : 0
      Self.copy(dots, from: first, doubled: raster.isHalfRate, to: number, of: &frame)
    }
  }

  /// What stands on the screen, nil while there is no picture or it is not text. Rows of which the screen's lower
  /// edge leaves only a part are not included.
  package func textScreen() -> TextScreen? {
    guard isPictureOn && isTextMode else { return nil }
    let raster = raster
    let height = (raster.maximumRow + 1) << (raster.doublesRows ? 1 : 0)
    var starts: [(line: Int, first: VGARaster.Line)] = []
    raster.forEachLine { number, line in
      let isNew = starts.last.map { $0.first.address != line.address || line.row == 0 } ?? true
      let isRepeated = starts.last.map { $0.first == line && number == $0.line + 1 } ?? false
      if isNew && !isRepeated { starts.append((number, line)) }
    }
    if let last = starts.last, starts.count > 1, raster.lines - last.line < height { starts.removeLast() }
    let memory = memory.words
    var cells: [UInt16] = []
    cells.reserveCapacity(starts.count * raster.columns)
    var cursor: TextScreen.Cursor?
    let cursorAddress = crtc.cursorAddress
    for (row, start) in starts.enumerated() {
      for column in 0..<raster.columns {
        cells.append(UInt16(truncatingIfNeeded: memory[raster.place(start.first, column)]))
      }
      let column = (cursorAddress - start.first.address) & 0xFFFF
      guard cursor == nil, column < raster.columns, let lines = cursorLines else { continue }
      if lines.lowerBound <= raster.maximumRow {
        cursor = TextScreen.Cursor(column: column, row: row, lines: lines)
      }
    }
    return TextScreen(
      columns: raster.columns, rows: starts.count, characterHeight: height, cells: cells, cursor: cursor,
      blinks: attribute[AttributeRegister.modeControl].bit(3), colors: sixteenColors())
  }
}

/// Turns characters into dots.
private struct TextPainter {
  let colors: [UInt32]
  let cellWidth: Int
  /// First words of the fonts for attribute bit 3 clear and set.
  let fonts: [Int]
  let blinkEnabled: Bool
  let blinkOn: Bool
  /// Whether C0h–DFh join across the ninth dot.
  let hasLineGraphics: Bool
  /// The row of underlines.
  let underline: Int

  /// Paints a row of the character and attribute in `cell` (bits 7:0 and 15:8).
  func paint(
    _ cell: UInt32, row: Int, isCursor: Bool, memory: [UInt32], into dots: inout [UInt32], at place: Int
  ) {
    let character = Int(cell & 0xFF)
    let attribute = Int(cell >> 8 & 0xFF)
    var foreground = colors[attribute & 0x0F]
    let background = colors[attribute >> 4 & (blinkEnabled ? 0x7 : 0xF)]
    if blinkEnabled && attribute & 0x80 != 0 && !blinkOn { foreground = background }
    let glyph = memory[fonts[attribute >> 3 & 1] + character * 32 + row]
    var bits = UInt8(truncatingIfNeeded: glyph >> 16)
    let isUnderlined = row == underline && attribute & 0x77 == 0x01
    if isCursor || isUnderlined { bits = 0xFF }
    for dot in 0..<8 {
      dots[place + dot] = bits & 0x80 != 0 ? foreground : background
      bits <<= 1
    }
    if cellWidth == 9 {
      let joins = isCursor || isUnderlined || hasLineGraphics && (0xC0...0xDF).contains(character)
      dots[place + 8] = joins ? dots[place + 7] : background
    }
  }
}
