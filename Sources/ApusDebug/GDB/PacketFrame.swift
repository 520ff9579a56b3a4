enum PacketFrame {
  /// A packet as it is sent: `$`, the content with its runs shortened, `#` and the checksum.
  static func framed(_ content: [UInt8]) -> [UInt8] {
    var frame: [UInt8] = [ASCII.dollar]
    appendRuns(content, to: &frame)
    let sum = frame.dropFirst().reduce(0 as UInt8) { $0 &+ $1 }
    frame.append(ASCII.number)
    Hex.append(sum, to: &frame)
    return frame
  }

  /// "Run-length encoding": a byte, `*`, and how often it comes again as a printable character, at least three times.
  /// Registers and memory are mostly zeros.
  private static func appendRuns(_ content: [UInt8], to frame: inout [UInt8]) {
    var index = 0
    while index < content.count {
      let byte = content[index]
      var end = index + 1
      // The count 97 is `~`, the last printable character.
      while end < content.count, content[end] == byte, end - index <= 97 { end += 1 }
      var repeats = end - index - 1
      frame.append(byte)
      if repeats >= 3 {
        // These counts would be `#` and `$`.
        if repeats == 6 || repeats == 7 { repeats = 5 }
        frame += [ASCII.asterisk, UInt8(repeats + 29)]
        index += 1 + repeats
      } else {
        index += 1
      }
    }
  }
}
