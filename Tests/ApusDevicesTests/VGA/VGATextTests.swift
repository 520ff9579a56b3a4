import ApusBase
import ApusDevices
import Testing

@Suite struct VGATextTests {
  /// What the cell at (column, row) of the tests holds.
  private func cell(_ column: Int, _ row: Int) -> (character: Int, attribute: Int) {
    let index = row * 80 + column
    return (index & 0xFF, (index * 7) & 0xFF)
  }

  private func fill(_ bench: VGABench, columns: Int) {
    for row in 0..<25 {
      for column in 0..<columns {
        let (character, attribute) = cell(column, row)
        bench.poke(
          0xB8000 + UInt64(2 * (row * columns + column)), UInt64(character | attribute << 8), width: 2)
      }
    }
  }

  private func bench(_ mode: VGAMode = .mode3) -> VGABench {
    let bench = VGABench(mode)
    bench.loadFont(at: 0, testGlyph)
    fill(bench, columns: Int(mode.crtc[1]) + 1)
    bench.crtc(0x0A, 0x20)
    return bench
  }

  /// The colour of an attribute's four bits, through the palette of mode 3.
  private func color(_ four: Int) -> UInt32 { VGABench.rgb(Int(VGAMode.mode3.attribute[four])) }

  /// Dot (x, y) of a character cell.
  private func dot(
    _ character: Int, _ attribute: Int, _ x: Int, _ y: Int, blinkOn: Bool = true, blinks: Bool = true,
    glyph: (Int, Int) -> UInt8 = testGlyph
  ) -> UInt32 {
    let isLine = character >= 0xC0 && character <= 0xDF
    let isSet = x < 8 ? glyph(character, y) & (0x80 >> UInt8(x)) != 0 : isLine && glyph(character, y) & 1 != 0
    let hidden = blinks && attribute & 0x80 != 0 && !blinkOn
    return isSet && !hidden ? color(attribute & 15) : color(attribute >> 4 & (blinks ? 7 : 15))
  }

  @Test func mode3() {
    let bench = bench()
    #expect(
      differences(bench.picture(), 720, 400) { x, y in
        let (character, attribute) = cell(x / 9, y / 16)
        return dot(character, attribute, x % 9, y % 16)
      } == [])
  }

  @Test func eightDotsAndFortyColumns() {
    let bench = bench(.mode1)
    func expected(_ width: Int) -> (Int, Int) -> UInt32 {
      return { x, y in
        let (character, attribute) = cell(x / 2 / width, y / 16)
        return dot(character, attribute, x / 2 % width, y % 16)
      }
    }
    #expect(differences(bench.picture(), 720, 400, expected(9)) == [])
    bench.sequencer(1, 0x09)
    #expect(differences(bench.picture(), 640, 400, expected(8)) == [])
  }

  @Test func blinkingGoesWithTheFrames() {
    let bench = bench()
    #expect(bench.vga.blinks)
    let frame = 1e9 / 70.087
    for (number, on) in [(0.5, true), (15.5, true), (16.5, false), (31.5, false), (32.5, true)] {
      bench.now = VirtualTime(number * frame)
      #expect(
        differences(bench.picture(), 720, 400) { x, y in
          let (character, attribute) = cell(x / 9, y / 16)
          return dot(character, attribute, x % 9, y % 16, blinkOn: on)
        } == [])
    }
    // Without blinking, attribute bit 7 is a bright background.
    bench.attribute(0x10, 0x04)
    #expect(!bench.vga.blinks)
    #expect(
      differences(bench.picture(), 720, 400) { x, y in
        let (character, attribute) = cell(x / 9, y / 16)
        return dot(character, attribute, x % 9, y % 16, blinks: false)
      } == [])
  }

  /// Offsets of the eight fonts: IBM's table of the character map select register.
  @Test(arguments: [
    (0x00, 0, 0), (0x01, 0x4000, 0), (0x02, 0x8000, 0), (0x03, 0xC000, 0), (0x10, 0x2000, 0),
    (0x11, 0x6000, 0),
    (0x12, 0xA000, 0), (0x13, 0xE000, 0), (0x04, 0, 0x4000), (0x2C, 0, 0xE000), (0x28, 0, 0xA000),
  ]) func twoFonts(select: Int, normal: Int, bright: Int) {
    func other(_ character: Int, _ row: Int) -> UInt8 { ~testGlyph(character, row) &+ 17 }
    func third(_ character: Int, _ row: Int) -> UInt8 { testGlyph(row, character) }
    let bench = bench()
    for offset in stride(from: 0, to: 0x10000, by: 0x2000) where offset != normal && offset != bright {
      bench.loadFont(at: offset) { _, _ in 0xA5 }
    }
    bench.loadFont(at: normal, other)
    bench.loadFont(at: bright, normal == bright ? other : third)
    bench.sequencer(3, UInt8(select))
    #expect(
      differences(bench.picture(), 720, 400) { x, y in
        let (character, attribute) = cell(x / 9, y / 16)
        let glyph = attribute & 8 != 0 && normal != bright ? third : other
        return dot(character, attribute, x % 9, y % 16, glyph: glyph)
      } == [])
  }

  @Test func cursor() {
    let bench = bench()
    bench.crtc(0x0A, 13)
    bench.crtc(0x0B, 14)
    bench.crtc(0x0E, 0x01)
    bench.crtc(0x0F, 0x45)
    let (column, row) = (0x145 % 80, 0x145 / 80)
    func check(_ rows: ClosedRange<Int>?) {
      #expect(
        differences(bench.picture(), 720, 400) { x, y in
          let (character, attribute) = cell(x / 9, y / 16)
          if x / 9 == column && y / 16 == row && rows?.contains(y % 16) == true {
            return color(attribute & 15)
          }
          return dot(character, attribute, x % 9, y % 16)
        } == [])
    }
    check(13...14)
    #expect(bench.vga.textScreen()?.cursor == TextScreen.Cursor(column: column, row: row, lines: 13...14))
    bench.crtc(0x0A, 0)
    bench.crtc(0x0B, 31)
    check(0...15)
    // Frames 8 to 15 are the dark half.
    bench.now = VirtualTime(9.5e9 / 70.087)
    check(nil)
    bench.now = 0
    bench.crtc(0x0A, 0x20)
    check(nil)
    #expect(bench.vga.textScreen()?.cursor == nil)
    bench.crtc(0x0A, 12)
    bench.crtc(0x0B, 11)
    check(nil)
  }

  @Test func eightLineCharactersAndDoubledLines() {
    let bench = bench()
    bench.crtc(9, 0x47)
    let frame = bench.picture()
    #expect(
      (0..<200).allSatisfy { y in
        (0..<720).allSatisfy { x in
          let (character, attribute) = cell(x / 9, y / 8)
          return frame.pixels[y * 720 + x] == dot(character, attribute, x % 9, y % 8)
        }
      })
    #expect(bench.vga.textScreen()?.rows == 50)
    bench.crtc(9, 0xC7)
    #expect(
      differences(bench.picture(), 720, 400) { x, y in
        let (character, attribute) = cell(x / 9, y / 16)
        return dot(character, attribute, x % 9, y / 2 % 8)
      } == [])
    #expect(bench.vga.textScreen()?.rows == 25)
  }

  /// Start address, preset row scan and pixel panning move the picture; line compare pins its lower part.
  @Test func scrolling() {
    let bench = bench()
    bench.crtc(0x0D, 81)
    bench.crtc(0x08, 3)
    bench.attribute(0x13, 4)
    bench.crtc(0x18, 199)
    bench.crtc(0x07, 0x0F)
    bench.crtc(0x09, 0x0F)
    bench.attribute(0x10, 0x2C)
    #expect(
      differences(bench.picture(), 720, 400) { x, y in
        var (x, y) = (x, y)
        if y >= 200 {
          y -= 200
        } else {
          x += 9 + 5
          y += 16 + 3
        }
        let index = y / 16 * 80 + x / 9
        let (character, attribute) = cell(index % 80, index / 80)
        return dot(character, attribute, x % 9, y % 16)
      } == [])
    // Without the compatibility bit the lower part pans too.
    bench.attribute(0x10, 0x0C)
    let frame = bench.picture()
    let (character, attribute) = cell(0, 0)
    #expect(frame.pixels[200 * 720] == dot(character, attribute, 5, 0))
  }

  @Test func underlineOfMonochromeText() {
    let bench = bench()
    bench.crtc(0x14, 0x0C)
    let frame = bench.picture()
    for column in 0..<80 {
      let (character, attribute) = cell(column, 3)
      for x in 0..<9 {
        let underlined = attribute & 0x77 == 1
        let expected = underlined ? color(attribute & 15) : dot(character, attribute, x, 12)
        #expect(frame.pixels[(48 + 12) * 720 + 9 * column + x] == expected)
      }
    }
  }

  @Test func screen() throws {
    let bench = bench()
    let screen = try #require(bench.vga.textScreen())
    #expect(screen.columns == 80 && screen.rows == 25 && screen.characterHeight == 16 && screen.blinks)
    for row in 0..<25 {
      for column in 0..<80 {
        let (character, attribute) = cell(column, row)
        #expect(screen.cells[row * 80 + column] == UInt16(character | attribute << 8))
      }
    }
    #expect(screen.characters(row: 1)[0] == 80)
    #expect(screen.colors == (0..<16).map { color($0) })
    // No text without a picture, nor in graphics.
    _ = bench.read(0x3DA)
    bench.out(0x3C0, 0)
    #expect(bench.vga.textScreen() == nil)
    #expect(VGABench(.mode12).vga.textScreen() == nil)
    #expect(VGABench().vga.textScreen() == nil)
  }
}
