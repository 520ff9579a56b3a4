/// Pictures as PNG files.
/// Source: W3C, Portable Network Graphics (PNG) Specification.
package enum PNG {
  /// A file with a picture of `width` by `height` pixels, 00RRGGBBh each: with a palette if 256 colours are
  /// enough and as 8-bit RGB otherwise. There must be as many pixels as the size says, and at least one.
  package static func encode(width: Int, height: Int, pixels: [UInt32]) -> [UInt8] {
    precondition(width > 0 && height > 0 && pixels.count == width * height)
    var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    let size = Deflate.bigEndian(UInt32(width)) + Deflate.bigEndian(UInt32(height))
    if let palette = Palette(pixels) {
      // "IHDR Image header": bit depth, colour type 3 (palette) or 2 (RGB), compression, filter, no
      // interlace.
      file += chunk("IHDR", size + [UInt8(palette.depth), 3, 0, 0, 0])
      file += chunk("PLTE", palette.colors.flatMap { bytes($0) })
      file += chunk("IDAT", Deflate.zlib(packed(pixels, width: width, palette)))
    } else {
      file += chunk("IHDR", size + [8, 2, 0, 0, 0])
      file += chunk("IDAT", Deflate.zlib(filtered(pixels, width: width)))
    }
    return file + chunk("IEND", [])
  }

  private static func bytes(_ color: UInt32) -> [UInt8] {
    [16, 8, 0].map { UInt8(truncatingIfNeeded: color >> $0) }
  }

  private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
    let body = Array(type.utf8) + data
    return Deflate.bigEndian(UInt32(data.count)) + body + Deflate.bigEndian(Checksum.crc32(body))
  }

  /// The colours of a picture, in the order of their first pixels.
  private struct Palette {
    private(set) var colors: [UInt32] = []
    private(set) var index: [UInt32: UInt8] = [:]

    /// Nil if there are more than 256 colours.
    init?(_ pixels: [UInt32]) {
      var last: UInt32?
      for pixel in pixels where pixel != last {
        last = pixel
        guard index[pixel] == nil else { continue }
        guard colors.count < 256 else { return nil }
        index[pixel] = UInt8(colors.count)
        colors.append(pixel)
      }
    }

    /// Bits of a pixel.
    var depth: Int { colors.count <= 2 ? 1 : colors.count <= 4 ? 2 : colors.count <= 16 ? 4 : 8 }
  }

  /// Scan lines of palette indices, unfiltered: "for images of type 3 filter type 0 is usually the most
  /// effective".
  private static func packed(_ pixels: [UInt32], width: Int, _ palette: Palette) -> [UInt8] {
    let depth = palette.depth
    var data: [UInt8] = []
    for start in stride(from: 0, to: pixels.count, by: width) {
      data.append(0)
      var byte: UInt8 = 0
      var used = 0
      for pixel in pixels[start..<(start + width)] {
        byte |= (palette.index[pixel] ?? 0) << UInt8(8 - depth - used)
        used += depth
        if used == 8 {
          data.append(byte)
          (byte, used) = (0, 0)
        }
      }
      if used > 0 { data.append(byte) }
    }
    return data
  }

  /// Scan lines of RGB, each with the filter (None, Sub or Up) that leaves the least.
  private static func filtered(_ pixels: [UInt32], width: Int) -> [UInt8] {
    var data: [UInt8] = []
    var above = [UInt8](repeating: 0, count: width * 3)
    for start in stride(from: 0, to: pixels.count, by: width) {
      let line = pixels[start..<(start + width)].flatMap { bytes($0) }
      var sub = line
      for i in 3..<max(line.count, 3) { sub[i] = line[i] &- line[i - 3] }
      var up = line
      for i in line.indices { up[i] = line[i] &- above[i] }
      var best: (type: UInt8, line: [UInt8], weight: Int) = (0, line, weight(line))
      for (type, candidate) in [(UInt8(1), sub), (2, up)] where weight(candidate) < best.weight {
        best = (type, candidate, weight(candidate))
      }
      data.append(best.type)
      data += best.line
      above = line
    }
    return data
  }

  /// "Filter selection": the sum of the bytes as signed numbers without their signs.
  private static func weight(_ line: [UInt8]) -> Int {
    line.reduce(0) { $0 + Int(Int8(bitPattern: $1).magnitude) }
  }
}
