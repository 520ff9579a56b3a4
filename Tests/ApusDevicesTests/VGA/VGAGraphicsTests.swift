import ApusBase
import ApusDevices
import Testing

@Suite struct VGAGraphicsTests {
  private static func pattern(_ x: Int, _ y: Int) -> Int {
    (x &* 5 ^ y &* 3 ^ (x >> 4) ^ (x &* y >> 5)) & 0xFF
  }

  /// The colour of a four-bit value in a mode.
  private func color(_ mode: VGAMode, _ value: Int) -> UInt32 { VGABench.rgb(Int(mode.attribute[value])) }

  @Test func powerOnShowsNothing() {
    let frame = VGABench().picture()
    #expect(frame.width == 720 && frame.height == 400)
    #expect(frame.pixels.allSatisfy { $0 == 0 })
  }

  /// 320×200 in four colours: two bits a pixel, odd lines 2000h further.
  @Test func mode4() {
    let bench = VGABench(.mode4)
    for y in 0..<200 {
      for byte in 0..<80 {
        var value = 0
        for x in 0..<4 { value = value << 2 | Self.pattern(4 * byte + x, y) & 3 }
        bench.poke(0xB8000 + UInt64(y & 1 * 0x2000 + y / 2 * 80 + byte), UInt64(value))
      }
    }
    #expect(
      differences(bench.picture(), 640, 400) { x, y in color(.mode4, Self.pattern(x / 2, y / 2) & 3) } == [])
  }

  @Test func mode6() {
    let bench = VGABench(.mode6)
    for y in 0..<200 {
      for byte in 0..<80 {
        var value = 0
        for x in 0..<8 { value = value << 1 | Self.pattern(8 * byte + x, y) & 1 }
        bench.poke(0xB8000 + UInt64(y & 1 * 0x2000 + y / 2 * 80 + byte), UInt64(value))
      }
    }
    #expect(
      differences(bench.picture(), 640, 400) { x, y in color(.mode6, Self.pattern(x, y / 2) & 1) } == [])
  }

  /// Draws the pattern plane by plane; `pitch` in bytes.
  private func drawPlanar(_ bench: VGABench, width: Int, height: Int, pitch: Int, start: Int = 0) {
    for plane in 0..<4 {
      bench.sequencer(2, 1 << UInt8(plane))
      for y in 0..<height {
        for byte in 0..<(width / 8) {
          var value = 0
          for x in 0..<8 { value = value << 1 | Self.pattern(8 * byte + x, y) >> plane & 1 }
          bench.poke(0xA0000 + UInt64((start + y * pitch + byte) & 0xFFFF), UInt64(value))
        }
      }
    }
    bench.sequencer(2, 0x0F)
  }

  @Test func mode12() {
    let bench = VGABench(.mode12)
    drawPlanar(bench, width: 640, height: 480, pitch: 80)
    #expect(differences(bench.picture(), 640, 480) { x, y in color(.mode12, Self.pattern(x, y) & 15) } == [])
    // Plane enable takes planes away; colour select replaces the palette's high bits.
    bench.attribute(0x12, 0x06)
    #expect(differences(bench.picture(), 640, 480) { x, y in color(.mode12, Self.pattern(x, y) & 6) } == [])
    bench.attribute(0x12, 0x0F)
    bench.attribute(0x14, 0x0E)
    bench.attribute(0x10, 0x81)
    #expect(
      differences(bench.picture(), 640, 480) { x, y in
        VGABench.rgb(Int(VGAMode.mode12.attribute[Self.pattern(x, y) & 15]) & 0x0F | 0xE0)
      } == [])
    bench.attribute(0x10, 0x01)
    bench.out(0x3C6, 0xC7)
    #expect(
      differences(bench.picture(), 640, 480) { x, y in
        VGABench.rgb((Int(VGAMode.mode12.attribute[Self.pattern(x, y) & 15]) | 0xC0) & 0xC7)
      } == [])
  }

  @Test func modeD() {
    let bench = VGABench(.modeD)
    drawPlanar(bench, width: 320, height: 200, pitch: 40)
    #expect(
      differences(bench.picture(), 640, 400) { x, y in color(.modeD, Self.pattern(x / 2, y / 2) & 15) } == [])
  }

  /// A wider virtual screen with start address and panning over a split lower part.
  @Test func panningAndSplit() {
    let bench = VGABench(.mode12)
    bench.crtc(0x13, 50)
    drawPlanar(bench, width: 800, height: 600, pitch: 100)
    bench.crtc(0x0C, 0x01)
    bench.crtc(0x0D, 0x2F)
    bench.attribute(0x13, 5)
    // Line compare 300 = 12Ch.
    bench.crtc(0x18, 0x2C)
    bench.crtc(0x09, 0x00)
    bench.attribute(0x10, 0x21)
    #expect(
      differences(bench.picture(), 640, 480) { x, y in
        // 12Fh is three lines and three bytes.
        let (x, y) = y <= 300 ? (x + 3 * 8 + 5, y + 3) : (x, y - 301)
        return color(.mode12, Self.pattern(x, y) & 15)
      } == [])
    // Byte panning adds two bytes.
    bench.crtc(0x08, 0x40)
    let frame = bench.picture()
    #expect(frame.pixels[640 * 7 + 9] == color(.mode12, Self.pattern(9 + 5 * 8 + 5, 10) & 15))
  }

  @Test func mode13() {
    let bench = VGABench(.mode13)
    for y in 0..<200 {
      for x in 0..<320 { bench.poke(0xA0000 + UInt64(y * 320 + x), UInt64(Self.pattern(x, y))) }
    }
    #expect(
      differences(bench.picture(), 640, 400) { x, y in VGABench.rgb(Self.pattern(x / 2, y / 2)) } == [])
    // Four pixels to the left, and two more by panning.
    bench.crtc(0x0D, 1)
    bench.attribute(0x13, 4)
    let frame = bench.picture()
    #expect(
      (0..<600).allSatisfy { frame.pixels[640 * 20 + $0] == VGABench.rgb(Self.pattern($0 / 2 + 6, 10)) })
    bench.out(0x3C6, 0x0F)
    #expect(bench.picture().pixels[640 * 20] == VGABench.rgb(Self.pattern(6, 10) & 0x0F))
  }

  /// What lies beyond 64 KiB of a chained screen is its beginning.
  @Test func mode13Wraps() {
    let bench = VGABench(.mode13)
    for i in 0..<0x10000 { bench.poke(0xA0000 + UInt64(i), UInt64((i >> 8 ^ i) & 0xFF)) }
    bench.crtc(0x0C, 0x20)
    let start = 0x8000
    #expect(
      differences(bench.picture(), 640, 400) { x, y in
        let i = (start + y / 2 * 320 + x / 2) & 0xFFFF
        return VGABench.rgb((i >> 8 ^ i) & 0xFF)
      } == [])
  }

  @Test func modeX() {
    let bench = VGABench(.modeX)
    for plane in 0..<4 {
      bench.sequencer(2, 1 << UInt8(plane))
      for y in 0..<480 {
        for byte in 0..<80 {
          bench.poke(0xA0000 + UInt64(y * 80 + byte), UInt64(Self.pattern(4 * byte + plane, y)))
        }
      }
    }
    for page in 0..<2 {
      bench.crtc(0x0C, UInt8((page * 240 * 80) >> 8))
      bench.crtc(0x0D, UInt8(page * 240 * 80 & 0xFF))
      #expect(
        differences(bench.picture(), 640, 480) { x, y in
          VGABench.rgb(Self.pattern(x / 2, y / 2 + page * 240))
        } == [])
    }
    // 320×480: no line is drawn twice.
    bench.crtc(0x0C, 0)
    bench.crtc(0x0D, 0)
    bench.crtc(0x09, 0x40)
    #expect(differences(bench.picture(), 640, 480) { x, y in VGABench.rgb(Self.pattern(x / 2, y)) } == [])
  }

  @Test func blinkingInGraphicsChangesBit3() {
    let bench = VGABench(.mode12)
    drawPlanar(bench, width: 640, height: 16, pitch: 80)
    #expect(!bench.vga.blinks)
    bench.attribute(0x10, 0x09)
    #expect(bench.vga.blinks)
    bench.now = VirtualTime(20e9 / 59.94)
    let frame = bench.picture()
    #expect((0..<640).allSatisfy { frame.pixels[$0] == color(.mode12, Self.pattern($0, 0) & 15 ^ 8) })
  }

  @Test func screenOff() {
    let bench = VGABench(.mode13)
    for i in 0..<16000 { bench.poke(0xA0000 + UInt64(4 * i), 0x0505_0505, width: 4) }
    let black = { (_: Int, _: Int) -> UInt32 in 0 }
    bench.sequencer(1, 0x21)
    #expect(differences(bench.picture(), 640, 400, black) == [])
    bench.sequencer(1, 0x01)
    #expect(differences(bench.picture(), 640, 400) { _, _ in VGABench.rgb(5) } == [])
    _ = bench.read(0x3DA)
    bench.out(0x3C0, 0)
    #expect(!bench.vga.isPictureOn)
    #expect(differences(bench.picture(), 640, 400, black) == [])
  }

  // MARK: DISPI

  private func dispi(_ width: Int, _ height: Int, _ depth: Int, virtual: Int) -> VGABench {
    let bench = VGABench(.mode3)
    bench.dispi(1, UInt16(width))
    bench.dispi(2, UInt16(height))
    bench.dispi(3, UInt16(depth))
    bench.dispi(4, 0x41)
    bench.dispi(6, UInt16(virtual))
    return bench
  }

  /// The picture is part of a larger one, of 88×50, from (8, 3) on (and by single pixels in the second run).
  @Test(arguments: [4, 8, 15, 16, 24, 32], [8, 13]) func packedPixels(depth: Int, left: Int) {
    let bench = dispi(64, 40, depth, virtual: 88)
    func pixel(_ x: Int, _ y: Int) -> UInt32 { UInt32(truncatingIfNeeded: x &* 0x9E3779B1 ^ y &* 0x85EBCA77) }
    let bytes = (depth + 1) / 8
    for y in 0..<50 {
      if depth == 4 {
        for plane in 0..<4 {
          bench.sequencer(2, 1 << UInt8(plane))
          for byte in 0..<11 {
            var value: UInt32 = 0
            for x in 0..<8 { value = value << 1 | pixel(8 * byte + x, y) >> UInt32(plane) & 1 }
            bench.graphics(5, 0)
            bench.poke(0xA0000 + UInt64(y * 11 + byte), UInt64(value))
          }
        }
        continue
      }
      for x in 0..<88 {
        for i in 0..<bytes {
          bench.store(
            UInt64((y * 88 + x) * bytes + i), UInt64(pixel(x, y) >> UInt32(8 * i) & 0xFF), width: 1)
        }
      }
    }
    bench.dispi(8, UInt16(left))
    bench.dispi(9, 3)
    func scaled(_ value: UInt32, _ low: Int, _ bits: Int) -> UInt32 {
      // As a binary fraction, the bits repeated without end.
      let level = value >> UInt32(low) & (1 << UInt32(bits) - 1)
      return level * 256 / (1 << UInt32(bits) - 1) - (level == 1 << UInt32(bits) - 1 ? 1 : 0)
    }
    #expect(
      differences(bench.picture(), 64, 40) { x, y in
        let value = pixel(x + left, y + 3)
        switch depth {
        case 4: return VGABench.rgb(Int(VGAMode.mode3.attribute[Int(value & 15)]))
        case 8: return VGABench.rgb(Int(value & 0xFF))
        case 15: return scaled(value, 10, 5) << 16 | scaled(value, 5, 5) << 8 | scaled(value, 0, 5)
        case 16: return scaled(value, 11, 5) << 16 | scaled(value, 5, 6) << 8 | scaled(value, 0, 5)
        default: return value & 0xFF_FFFF
        }
      } == [])
  }

  @Test func largestDISPIMode() {
    let bench = dispi(1920, 1200, 32, virtual: 1920)
    bench.store(UInt64(1920 * 1200 * 4 - 4), 0xFF12_3456, width: 4)
    let frame = bench.picture()
    #expect(frame.width == 1920 && frame.height == 1200 && frame.pixels.last == 0x12_3456)
    // Blanked by the attribute controller as other modes are.
    _ = bench.read(0x3DA)
    bench.out(0x3C0, 0)
    #expect(bench.picture().pixels.last == 0)
    bench.out(0x3C0, 0)
    // Disabled, the text mode is back.
    bench.dispi(4, 0)
    #expect(bench.picture().width == 720)
  }

  // MARK: Change detection

  @Test func changesAreCounted() {
    let bench = VGABench(.mode3)
    func changes(_ body: () -> Void) -> Bool {
      let before = bench.vga.changeCount
      body()
      return bench.vga.changeCount != before
    }
    #expect(changes { bench.poke(0xB8000, 1) })
    #expect(changes { bench.store(0, 1, width: 4) })
    #expect(changes { bench.crtc(0x0F, 5) })
    #expect(changes { bench.attribute(3, 9) })
    #expect(changes { bench.color(3, 63, 0, 63) })
    #expect(changes { bench.out(0x3C6, 1) })
    #expect(changes { bench.sequencer(3, 4) })
    #expect(changes { bench.sequencer(1, 1) })
    #expect(changes { bench.graphics(6, 5) })
    #expect(changes { bench.dispi(4, 0x41) })
    #expect(changes { bench.dispi(1, 640) })
    #expect(changes { bench.dispi(9, 1) })
    #expect(changes { bench.vga.reset(at: 0) })
    bench.vga.initializeAsFirmware(at: 0)
    bench.set(.mode3)
    #expect(
      !changes {
        bench.crtc(0x0F, bench.indexed(0x3D4, 0x0F))
        bench.color(3, 3, 0, 12)
        _ = bench.peek(0xB8000, width: 8)
        _ = bench.read(0x3DA)
        bench.poke(0xA0000, 1)
        _ = bench.picture()
        _ = bench.vga.textScreen()
      })
    #expect(bench.picture().generation == bench.vga.changeCount)
  }
}
