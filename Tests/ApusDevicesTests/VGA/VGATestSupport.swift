import ApusBase
import ApusDevices
import Testing

/// The register values of a BIOS mode: IBM Video Subsystem Technical Reference, "VGA Function", "Register
/// values for modes"; mode X as in Abrash, Graphics Programming Black Book, chapter 47.
struct VGAMode {
  let miscellaneous: UInt8
  let sequencer: [UInt8]
  let crtc: [UInt8]
  let graphics: [UInt8]
  let attribute: [UInt8]

  private static let textPalette: [UInt8] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F,
  ]

  /// 80×25 text, 720×400.
  static let mode3 = VGAMode(
    miscellaneous: 0x67, sequencer: [0x03, 0x00, 0x03, 0x00, 0x02],
    crtc: [
      0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E, 0x00, 0x00, 0x00, 0x00,
      0x9C, 0x8E, 0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0E, 0x00, 0xFF],
    attribute: textPalette + [0x0C, 0x00, 0x0F, 0x08, 0x00])
  /// 40×25 text, 360×400.
  static let mode1 = VGAMode(
    miscellaneous: 0x67, sequencer: [0x03, 0x08, 0x03, 0x00, 0x02],
    crtc: [
      0x2D, 0x27, 0x28, 0x90, 0x2B, 0xA0, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E, 0x00, 0x00, 0x00, 0x00,
      0x9C, 0x8E, 0x8F, 0x14, 0x1F, 0x96, 0xB9, 0xA3, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0E, 0x00, 0xFF],
    attribute: textPalette + [0x0C, 0x00, 0x0F, 0x08, 0x00])
  /// 320×200, four colours.
  static let mode4 = VGAMode(
    miscellaneous: 0x63, sequencer: [0x03, 0x09, 0x03, 0x00, 0x02],
    crtc: [
      0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80, 0xBF, 0x1F, 0x00, 0xC1, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x9C, 0x8E, 0x8F, 0x14, 0x00, 0x96, 0xB9, 0xA2, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x30, 0x0F, 0x00, 0xFF],
    attribute: [
      0x00, 0x13, 0x15, 0x17, 0x02, 0x04, 0x06, 0x07, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
      0x01, 0x00, 0x03, 0x00, 0x00,
    ])
  /// 640×200, two colours.
  static let mode6 = VGAMode(
    miscellaneous: 0x63, sequencer: [0x03, 0x01, 0x01, 0x00, 0x06],
    crtc: [
      0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0x00, 0xC1, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x9C, 0x8E, 0x8F, 0x28, 0x00, 0x96, 0xB9, 0xC2, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0D, 0x00, 0xFF],
    attribute: [0x00] + [UInt8](repeating: 0x17, count: 15) + [0x01, 0x00, 0x01, 0x00, 0x00])
  /// 320×200, sixteen colours.
  static let modeD = VGAMode(
    miscellaneous: 0x63, sequencer: [0x03, 0x09, 0x0F, 0x00, 0x06],
    crtc: [
      0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80, 0xBF, 0x1F, 0x00, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x9C, 0x8E, 0x8F, 0x14, 0x00, 0x96, 0xB9, 0xE3, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x0F, 0xFF],
    attribute: textPalette + [0x01, 0x00, 0x0F, 0x00, 0x00])
  /// 640×480, sixteen colours.
  static let mode12 = VGAMode(
    miscellaneous: 0xE3, sequencer: [0x03, 0x01, 0x0F, 0x00, 0x06],
    crtc: [
      0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0x0B, 0x3E, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0xEA, 0x8C, 0xDF, 0x28, 0x00, 0xE7, 0x04, 0xE3, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x0F, 0xFF],
    attribute: textPalette + [0x01, 0x00, 0x0F, 0x00, 0x00])
  /// 320×200, 256 colours, chained.
  static let mode13 = VGAMode(
    miscellaneous: 0x63, sequencer: [0x03, 0x01, 0x0F, 0x00, 0x0E],
    crtc: [
      0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0x00, 0x41, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x9C, 0x8E, 0x8F, 0x28, 0x40, 0x96, 0xB9, 0xA3, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x05, 0x0F, 0xFF],
    attribute: (0..<16).map { UInt8($0) } + [0x41, 0x00, 0x0F, 0x00, 0x00])
  /// 320×240, 256 colours, in four planes.
  static let modeX = VGAMode(
    miscellaneous: 0xE3, sequencer: [0x03, 0x01, 0x0F, 0x00, 0x06],
    crtc: [
      0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0x0D, 0x3E, 0x00, 0x41, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0xEA, 0xAC, 0xDF, 0x28, 0x00, 0xE7, 0x06, 0xE3, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x05, 0x0F, 0xFF],
    attribute: (0..<16).map { UInt8($0) } + [0x41, 0x00, 0x0F, 0x00, 0x00])
}

/// An adapter with the accesses that a program makes.
final class VGABench {
  let vga = VGA()
  var now: VirtualTime = 0

  /// After power-on, its decoding enabled; then in `mode`, if there is one.
  init(_ mode: VGAMode? = nil) {
    vga.initializeAsFirmware(at: 0)
    if let mode { set(mode) }
  }

  func out(_ port: UInt16, _ value: UInt8) { vga.writePort(port, UInt32(value), width: 1, at: now) }
  func out16(_ port: UInt16, _ value: UInt16) { vga.writePort(port, UInt32(value), width: 2, at: now) }
  func read(_ port: UInt16) -> UInt8 {
    UInt8(truncatingIfNeeded: vga.readPort(port, width: 1, at: now))
  }
  func indexed(_ port: UInt16, _ index: UInt8, _ value: UInt8) {
    out16(port, UInt16(index) | UInt16(value) << 8)
  }
  func indexed(_ port: UInt16, _ index: UInt8) -> UInt8 {
    out(port, index)
    return read(port + 1)
  }
  func sequencer(_ index: UInt8, _ value: UInt8) { indexed(0x3C4, index, value) }
  func graphics(_ index: UInt8, _ value: UInt8) { indexed(0x3CE, index, value) }
  func crtc(_ index: UInt8, _ value: UInt8) { indexed(0x3D4, index, value) }
  func attribute(_ index: UInt8, _ value: UInt8) {
    _ = read(0x3DA)
    out(0x3C0, index)
    out(0x3C0, value)
    out(0x3C0, 0x20)
  }
  func color(_ index: UInt8, _ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    out(0x3C8, index)
    for value in [red, green, blue] { out(0x3C9, value) }
  }
  func dispi(_ register: UInt16, _ value: UInt16) {
    out16(0x1CE, register)
    out16(0x1CF, value)
  }
  func dispi(_ register: UInt16) -> UInt16 {
    out16(0x1CE, register)
    return UInt16(truncatingIfNeeded: vga.readPort(0x1CF, width: 2, at: now))
  }

  /// A physical address in A0000h–BFFFFh.
  func poke(_ physical: UInt64, _ value: UInt64, width: Int = 1) {
    vga.writeMemory(physical - 0xA0000, value, width: width, at: now)
  }
  func peek(_ physical: UInt64, width: Int = 1) -> UInt64 {
    let value = vga.readMemory(physical - 0xA0000, width: width, at: now)
    return width == 8 ? value : value & (1 << UInt64(8 * width) - 1)
  }
  /// The linear framebuffer.
  func store(_ offset: UInt64, _ value: UInt64, width: Int) {
    vga.writeBAR(0, offset, value, width: width, at: now)
  }
  func load(_ offset: UInt64, width: Int) -> UInt64 {
    let value = vga.readBAR(0, offset, width: width, at: now)
    return width == 8 ? value : value & (1 << UInt64(8 * width) - 1)
  }

  func set(_ mode: VGAMode) {
    out(0x3C2, mode.miscellaneous)
    for (i, value) in mode.sequencer.enumerated() { sequencer(UInt8(i), value) }
    crtc(0x11, 0)
    for (i, value) in mode.crtc.enumerated() { crtc(UInt8(i), value) }
    for (i, value) in mode.graphics.enumerated() { graphics(UInt8(i), value) }
    _ = read(0x3DA)
    for (i, value) in mode.attribute.enumerated() {
      out(0x3C0, UInt8(i))
      out(0x3C0, value)
    }
    out(0x3C0, 0x20)
    out(0x3C6, 0xFF)
    // Every colour another, so that a wrong index shows.
    for i in 0..<256 { color(UInt8(i), UInt8(i & 0x3F), UInt8(i >> 2), UInt8(i >> 6 | (i & 0xF) << 2)) }
  }

  /// What `set` made of colour `index`.
  static func rgb(_ index: Int) -> UInt32 {
    func eight(_ six: Int) -> UInt32 { UInt32(six * 4 + six / 16) }
    return eight(index & 0x3F) << 16 | eight(index >> 2) << 8 | eight(index >> 6 | (index & 0xF) << 2)
  }

  func picture() -> ScreenFrame {
    var frame = ScreenFrame()
    vga.render(into: &frame, at: now)
    return frame
  }

  /// Loads a font at `offset` of plane 2 as programs do, with the registers as in mode 3 afterwards.
  func loadFont(at offset: Int, _ glyph: (Int, Int) -> UInt8) {
    sequencer(2, 0x04)
    sequencer(4, 0x06)
    graphics(5, 0x00)
    graphics(6, 0x04)
    for character in 0..<256 {
      for row in 0..<32 {
        poke(0xA0000 + UInt64(offset + character * 32 + row), UInt64(glyph(character, row)))
      }
    }
    sequencer(2, 0x03)
    sequencer(4, 0x02)
    graphics(5, 0x10)
    graphics(6, 0x0E)
  }
}

/// A glyph row that depends on every bit of character and row.
func testGlyph(_ character: Int, _ row: Int) -> UInt8 {
  UInt8(truncatingIfNeeded: character &* 73 ^ row &* 29 ^ (character << 3))
}

/// The first few places where two pictures differ, and their sizes if those do.
func differences(
  _ frame: ScreenFrame, _ width: Int, _ height: Int, _ expected: (Int, Int) -> UInt32
) -> [String] {
  guard frame.width == width && frame.height == height && frame.pixels.count == width * height else {
    return ["size \(frame.width)×\(frame.height)"]
  }
  var found: [String] = []
  for y in 0..<height {
    for x in 0..<width {
      let pixel = frame.pixels[y * width + x]
      let wanted = expected(x, y)
      if pixel != wanted && found.count < 5 {
        found.append("(\(x), \(y)): \(String(pixel, radix: 16)), not \(String(wanted, radix: 16))")
      }
    }
  }
  return found
}
