import ApusBase

// The picture. It depends on registers, memory and the time alone, and nothing here changes them.

extension VGA {
  /// Whether a picture is on: the palette address source on, the sequencer's screen off bit not set.
  package var isPictureOn: Bool {
    attribute.index.bit(5) && !sequencer[SequencerRegister.clockingMode].bit(5)
  }

  /// Whether characters come from a font, as opposed to dots from memory.
  package var isTextMode: Bool {
    !dispi.isEnabled && !graphics[GraphicsRegister.miscellaneous].bit(0)
  }

  var raster: VGARaster {
    VGARaster(
      crtc: crtc, clockingMode: sequencer[SequencerRegister.clockingMode],
      attributeMode: attribute[AttributeRegister.modeControl])
  }

  /// Draws the picture. Without one it is black, in the size that the registers say if that is a possible one,
  /// otherwise that of text. At most 4608×2048 pixels.
  package func render(into frame: inout ScreenFrame, at now: VirtualTime) {
    frame.generation = changeCount
    if dispi.isEnabled {
      frame.resize(width: dispi.width, height: dispi.height)
      if isPictureOn { renderDISPI(into: &frame, at: now) } else { frame.fill(0) }
      return
    }
    let raster = raster
    guard isPictureOn else {
      let isPossible = timing != .standard && raster.width >= 8
      frame.resize(width: isPossible ? raster.width : 720, height: isPossible ? raster.height : 400)
      return frame.fill(0)
    }
    frame.resize(width: raster.width, height: raster.height)
    if isTextMode {
      renderText(raster, into: &frame, at: now)
    } else {
      renderGraphics(raster, into: &frame, at: now)
    }
  }

  // MARK: Blinking

  /// Whether something on the screen changes by itself with `blinkPhase`.
  package var blinks: Bool {
    guard isPictureOn else { return false }
    let blinkEnabled = attribute[AttributeRegister.modeControl].bit(3)
    if dispi.isEnabled { return blinkEnabled && dispi.depth == 4 }
    guard isTextMode else { return blinkEnabled }
    guard let screen = textScreen() else { return false }
    return screen.cursor != nil || blinkEnabled && screen.cells.contains { $0.bit(15) }
  }

  /// Changes when what blinks may look different: a count of eight frames.
  package func blinkPhase(at now: VirtualTime) -> UInt64 { timing.frame(at: now) >> 3 }

  /// The cursor is on for eight frames and off for eight.
  func isCursorPhaseOn(at now: VirtualTime) -> Bool { !blinkPhase(at: now).bit(0) }

  /// Blinking characters and pixels are on for sixteen frames and off for sixteen.
  func isBlinkPhaseOn(at now: VirtualTime) -> Bool { !blinkPhase(at: now).bit(1) }

  // MARK: Colours

  /// The colours of the sixteen values of the attribute controller's input, through palette, colour select,
  /// mask and DAC. Source: IBM Video Subsystem Technical Reference, "Attribute Controller Registers".
  /// `inverted` is what blinking does to graphics: it changes bit 3 after the plane enable.
  func sixteenColors(inverted: Bool = false) -> [UInt32] {
    let enable = attribute[AttributeRegister.colorPlaneEnable] & 0x0F
    let select = attribute[AttributeRegister.colorSelect]
    let selectsLow = attribute[AttributeRegister.modeControl].bit(7)
    var colors = [UInt32](repeating: 0, count: 16)
    for value in 0..<16 {
      let index = UInt8(truncatingIfNeeded: value) & enable ^ (inverted ? 8 : 0)
      let palette = attribute[Int(index)]
      let low = selectsLow ? palette & 0x0F | (select & 0x03) << 4 : palette
      let color = low | (select & 0x0C) << 4
      colors[value] = dac.colors[Int(color & dac.pixelMask)]
    }
    return colors
  }

  /// The colours of bytes that go to the DAC as they are.
  func allColors() -> [UInt32] {
    var colors = dac.colors
    for value in 0..<256 { colors[value] = dac.colors[value & Int(dac.pixelMask)] }
    return colors
  }

  // MARK: Dots to pixels

  /// How many dots a line is shifted to the left: FreeVGA, "Horizontal Pixel Panning Register".
  func panning(_ raster: VGARaster) -> Int {
    let register = Int(attribute[AttributeRegister.horizontalPELPanning])
    if raster.characterWidth == 9 { return register >= 8 ? 0 : register + 1 }
    // With eight bits a pixel only whole pixels of two dots pan.
    return attribute[AttributeRegister.modeControl].bit(6) ? register & 6 : register & 7
  }

  /// Copies dots to line `number` of the frame, from dot `first` on.
  static func copy(
    _ dots: [UInt32], from first: Int, doubled: Bool, to number: Int, of frame: inout ScreenFrame
  ) {
    let base = number * frame.width
    if doubled {
      for x in 0..<(frame.width / 2) {
        frame.pixels[base + 2 * x] = dots[first + x]
        frame.pixels[base + 2 * x + 1] = dots[first + x]
      }
    } else {
      for x in 0..<frame.width { frame.pixels[base + x] = dots[first + x] }
    }
  }

  /// Makes line `number` of the frame like the one above it.
  static func repeatLine(_ number: Int, of frame: inout ScreenFrame) {
    let base = number * frame.width
    for x in 0..<frame.width { frame.pixels[base + x] = frame.pixels[base - frame.width + x] }
  }
}
