import ApusBase

// Graphics modes: every character clock fetches a byte of each plane, which the shift registers turn into eight
// dots of four bits. Source: IBM Video Subsystem Technical Reference, "Graphics Mode Register".

extension VGA {
  /// The order in which the shift registers deliver the bits of four planes.
  private enum Shift {
    /// A bit of each plane for a dot.
    case planar
    /// Two bits of a plane for a dot, planes 0 and 2 before planes 1 and 3.
    case interleaved
    /// Half a byte for a dot, plane after plane.
    case packed
  }

  func renderGraphics(_ raster: VGARaster, into frame: inout ScreenFrame, at now: VirtualTime) {
    let graphicsMode = graphics[GraphicsRegister.mode]
    let shift: Shift = graphicsMode.bit(6) ? .packed : graphicsMode.bit(5) ? .interleaved : .planar
    let attributeMode = attribute[AttributeRegister.modeControl]
    let isEightBit = attributeMode.bit(6)
    let isInverted = attributeMode.bit(3) && !isBlinkPhaseOn(at: now)
    let colors = isEightBit ? allColors() : sixteenColors(inverted: isInverted)
    let panning = panning(raster)
    let count = (raster.columns + 2) * raster.characterWidth
    var values = [UInt8](repeating: 0, count: count)
    var dots = [UInt32](repeating: 0, count: count)
    var last: VGARaster.Line?
    let memory = memory.words
    raster.forEachLine { number, line in
      if line == last { return Self.repeatLine(number, of: &frame) }
      last = line
      for column in 0..<(raster.columns + 2) {
        Self.serialize(
          memory[raster.place(line, column)], shift, into: &values, at: column * raster.characterWidth)
      }
      if isEightBit {
        // Two dots in succession make one pixel, high half first.
        for pair in 0..<(count / 2) {
          let color = colors[Int(values[2 * pair] << 4 | values[2 * pair + 1])]
          dots[2 * pair] = color
          dots[2 * pair + 1] = color
        }
      } else {
        for dot in 0..<count { dots[dot] = colors[Int(values[dot])] }
      }
      let first = line.isPanned ? panning : 0
      Self.copy(dots, from: first, doubled: raster.isHalfRate, to: number, of: &frame)
    }
  }

  /// Turns a word of display memory into eight dots. A ninth, if there is one, stays 0.
  private static func serialize(_ word: UInt32, _ shift: Shift, into values: inout [UInt8], at place: Int) {
    switch shift {
    case .planar: serializePlanar(word, into: &values, at: place)
    case .interleaved:
      for dot in 0..<8 {
        let bit = UInt32(6 - 2 * (dot & 3))
        let planes = dot < 4 ? word : word >> 8
        values[place + dot] = UInt8(truncatingIfNeeded: planes >> bit & 3 | planes >> (14 + bit) & 0xC)
      }
    case .packed:
      for dot in 0..<8 {
        let half = UInt32(dot >> 1 * 8 + (dot & 1 == 0 ? 4 : 0))
        values[place + dot] = UInt8(truncatingIfNeeded: word >> half & 0xF)
      }
    }
  }

  private static func serializePlanar(_ word: UInt32, into values: inout [UInt8], at place: Int) {
    for dot in 0..<8 {
      let bits = word >> UInt32(7 - dot) & 0x0101_0101
      values[place + dot] = UInt8(truncatingIfNeeded: (bits | bits >> 7 | bits >> 14 | bits >> 21) & 0xF)
    }
  }

  // MARK: DISPI

  func renderDISPI(into frame: inout ScreenFrame, at now: VirtualTime) {
    if dispi.depth == 4 { return renderDISPIPlanar(into: &frame, at: now) }
    let colors = dispi.depth == 8 ? allColors() : []
    let width = frame.width
    let memory = memory
    for y in 0..<frame.height {
      var byte = dispi.start + y * dispi.pitch
      let base = y * width
      switch dispi.depth {
      case 8:
        for x in 0..<width {
          frame.pixels[base + x] = colors[Int(memory.readLinear(byte, width: 1))]
          byte += 1
        }
      case 15:
        for x in 0..<width {
          let value = UInt32(truncatingIfNeeded: memory.readLinear(byte, width: 2))
          frame.pixels[base + x] = Self.expand(value, red: 10, green: 5, greenBits: 5)
          byte += 2
        }
      case 16:
        for x in 0..<width {
          let value = UInt32(truncatingIfNeeded: memory.readLinear(byte, width: 2))
          frame.pixels[base + x] = Self.expand(value, red: 11, green: 5, greenBits: 6)
          byte += 2
        }
      default:
        let step = dispi.depth / 8
        for x in 0..<width {
          frame.pixels[base + x] = UInt32(truncatingIfNeeded: memory.readLinear(byte, width: 4)) & 0xFF_FFFF
          byte += step
        }
      }
    }
  }

  /// Five and six bits of a component become eight by repeating the high ones below.
  private static func expand(_ value: UInt32, red: UInt32, green: UInt32, greenBits: UInt32) -> UInt32 {
    let r = value >> red & 0x1F
    let g = value >> green & (1 << greenBits - 1)
    let b = value & 0x1F
    let g8 = g << (8 - greenBits) | g >> (2 * greenBits - 8)
    return (r << 3 | r >> 2) << 16 | g8 << 8 | (b << 3 | b >> 2)
  }

  private func renderDISPIPlanar(into frame: inout ScreenFrame, at now: VirtualTime) {
    let blinks = attribute[AttributeRegister.modeControl].bit(3)
    let colors = sixteenColors(inverted: blinks && !isBlinkPhaseOn(at: now))
    let words = frame.width / 8 + 1
    let memory = memory.words
    var values = [UInt8](repeating: 0, count: words * 8)
    for y in 0..<frame.height {
      let first = (dispi.start + y * dispi.pitch) / 4
      for i in 0..<words {
        Self.serializePlanar(memory[(first + i) % memory.count], into: &values, at: 8 * i)
      }
      for x in 0..<frame.width {
        frame.pixels[y * frame.width + x] = colors[Int(values[x + dispi.panning])]
      }
    }
  }
}
