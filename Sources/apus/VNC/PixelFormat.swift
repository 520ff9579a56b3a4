/// How a client wants pixels: RFC 6143, "Pixel Format Data Structure".
package struct PixelFormat: Equatable {
  package var bitsPerPixel = 32
  package var depth: UInt8 = 24
  package var isBigEndian = false
  /// Otherwise pixels are indices of a colour map, which is always the one of `mapped`.
  package var isTrueColor = true
  package var maxima: [UInt32] = [255, 255, 255]
  package var shifts: [UInt32] = [16, 8, 0]

  /// What is offered.
  package init() {}

  /// Reads the 16 bytes of a format; nil if it is impossible.
  package init?(_ bytes: ArraySlice<UInt8>) {
    let data = Array(bytes)
    guard data.count == 16, [8, 16, 32].contains(data[0]) else { return nil }
    bitsPerPixel = Int(data[0])
    depth = data[1]
    isBigEndian = data[2] != 0
    isTrueColor = data[3] != 0
    maxima = [4, 6, 8].map { UInt32(data[$0]) << 8 | UInt32(data[$0 + 1]) }
    shifts = data[10...12].map { UInt32($0) }
    guard isTrueColor else {
      guard bitsPerPixel == 8 else { return nil }
      // Three bits of red, three of green, two of blue.
      (maxima, shifts) = ([7, 7, 3], [5, 2, 0])
      return
    }
    guard shifts.allSatisfy({ $0 < UInt32(bitsPerPixel) }) else { return nil }
  }

  package var bytes: [UInt8] {
    var bytes: [UInt8] = [UInt8(bitsPerPixel), depth, isBigEndian ? 1 : 0, isTrueColor ? 1 : 0]
    for most in maxima { bytes += [UInt8(most >> 8 & 0xFF), UInt8(most & 0xFF)] }
    for shift in shifts { bytes.append(UInt8(shift & 0xFF)) }
    return bytes + [0, 0, 0]
  }

  /// The colours of the map, red, green and blue of 16 bits each.
  static let map: [UInt8] = {
    var bytes: [UInt8] = []
    for index in 0..<256 {
      for (value, most) in [(index >> 5, 7), (index >> 2 & 7, 7), (index & 3, 3)] {
        let level = value * 65535 / most
        bytes += [UInt8(level >> 8), UInt8(level & 0xFF)]
      }
    }
    return bytes
  }()

  /// Whether 00RRGGBBh is sent as it is, least significant byte first.
  private var isNative: Bool {
    bitsPerPixel == 32 && !isBigEndian && maxima == [255, 255, 255] && shifts == [16, 8, 0]
  }

  /// Appends a pixel of 00RRGGBBh.
  func append(_ pixel: UInt32, to output: inout [UInt8]) {
    var value = pixel
    if !isNative {
      value = 0
      for part in 0..<3 {
        let level = pixel >> UInt32(16 - 8 * part) & 0xFF
        value |= ((level * maxima[part] + 127) / 255) << shifts[part]
      }
    }
    let count = bitsPerPixel / 8
    for byte in 0..<count {
      let shift = UInt32(8 * (isBigEndian ? count - 1 - byte : byte))
      output.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }
}

/// A picture that has been or will be sent to a client.
package struct RFBPicture: Equatable {
  package let width: Int
  package let height: Int
  package var pixels: [UInt32]

  package init(width: Int, height: Int, pixels: [UInt32]) {
    precondition(pixels.count == width * height)
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// The same in another size: cut, or black where there is nothing.
  func fitted(width: Int, height: Int) -> RFBPicture {
    guard width != self.width || height != self.height else { return self }
    var result = RFBPicture(width: width, height: height, pixels: .init(repeating: 0, count: width * height))
    for y in 0..<min(height, self.height) {
      for x in 0..<min(width, self.width) { result.pixels[y * width + x] = pixels[y * self.width + x] }
    }
    return result
  }
}

/// A part of a picture, in pixels.
package struct RFBRectangle: Equatable {
  package var xs: Range<Int>
  package var ys: Range<Int>

  var isEmpty: Bool { xs.isEmpty || ys.isEmpty }

  func clipped(to other: RFBRectangle) -> RFBRectangle {
    RFBRectangle(xs: xs.clamped(to: other.xs), ys: ys.clamped(to: other.ys))
  }

  func union(_ other: RFBRectangle) -> RFBRectangle {
    RFBRectangle(
      xs: min(xs.lowerBound, other.xs.lowerBound)..<max(xs.upperBound, other.xs.upperBound),
      ys: min(ys.lowerBound, other.ys.lowerBound)..<max(ys.upperBound, other.ys.upperBound))
  }
}

/// Hextile encoding: RFC 6143, "Hextile Encoding".
struct HextileEncoder {
  static let size = 16
  private enum Subencoding {
    static let raw: UInt8 = 1, background: UInt8 = 2, foreground: UInt8 = 4, subrectangles: UInt8 = 8
  }

  let format: PixelFormat
  private var background: UInt32?
  private var foreground: UInt32?

  init(_ format: PixelFormat) { self.format = format }

  mutating func encode(_ picture: RFBPicture, _ area: RFBRectangle, into output: inout [UInt8]) {
    for y in stride(from: area.ys.lowerBound, to: area.ys.upperBound, by: Self.size) {
      for x in stride(from: area.xs.lowerBound, to: area.xs.upperBound, by: Self.size) {
        let tile = RFBRectangle(
          xs: x..<min(x + Self.size, area.xs.upperBound), ys: y..<min(y + Self.size, area.ys.upperBound))
        encodeTile(picture, tile, into: &output)
      }
    }
  }

  private mutating func encodeTile(_ picture: RFBPicture, _ tile: RFBRectangle, into output: inout [UInt8]) {
    let first = picture.pixels[tile.ys.lowerBound * picture.width + tile.xs.lowerBound]
    var second: UInt32?
    for y in tile.ys {
      for pixel in picture.pixels[
        (y * picture.width + tile.xs.lowerBound)..<(y * picture.width + tile.xs.upperBound)]
      {
        if pixel == first || pixel == second { continue }
        guard second == nil else { return encodeRaw(picture, tile, into: &output) }
        second = pixel
      }
    }
    var kind: UInt8 = background == first ? 0 : Subencoding.background
    if let second {
      kind |= Subencoding.subrectangles | (foreground == second ? 0 : Subencoding.foreground)
    }
    output.append(kind)
    if kind & Subencoding.background != 0 { format.append(first, to: &output) }
    background = first
    guard let second else { return }
    if kind & Subencoding.foreground != 0 { format.append(second, to: &output) }
    foreground = second
    var runs: [UInt8] = []
    for y in tile.ys {
      var x = tile.xs.lowerBound
      while x < tile.xs.upperBound {
        var end = x
        while end < tile.xs.upperBound && picture.pixels[y * picture.width + end] == second { end += 1 }
        if end > x {
          let row = y - tile.ys.lowerBound
          runs += [UInt8((x - tile.xs.lowerBound) << 4 | row), UInt8((end - x - 1) << 4)]
        }
        x = max(end, x + 1)
      }
    }
    // At most eight runs in each of sixteen rows.
    output.append(UInt8(runs.count / 2))
    output += runs
  }

  private mutating func encodeRaw(_ picture: RFBPicture, _ tile: RFBRectangle, into output: inout [UInt8]) {
    (background, foreground) = (nil, nil)
    output.append(Subencoding.raw)
    for y in tile.ys {
      for x in tile.xs { format.append(picture.pixels[y * picture.width + x], to: &output) }
    }
  }
}
