/// What a guest has written to a serial port as lines of text: control sequences have no effect but that they are not
/// seen. Sources: ECMA-48, "Elements of control functions".
package struct SerialText {
  private enum State { case ground, escape, control, string, stringEscape }

  private var state = State.ground
  private var lines: [[Unicode.Scalar]] = [[]]
  private var column = 0
  private var parameters = ""
  /// Bytes of a UTF-8 character that have come, and how many it has.
  private var character: (bytes: [UInt8], count: Int) = ([], 0)

  private static let longestLine = 4096
  private static let tabWidth = 8

  package init(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { take(byte) }
  }

  private mutating func take(_ byte: UInt8) {
    switch state {
    case .ground: ground(byte)
    case .escape:
      parameters = ""
      switch byte {
      case UInt8(ascii: "["): state = .control
      case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"):
        state = .string
      case 0x20...0x2F: break
      default: state = .ground
      }
    case .control:
      if byte >= 0x40 && byte <= 0x7E {
        state = .ground
        control(byte)
      } else if byte == 0x1B {
        state = .escape
      } else if parameters.utf8.count < 32 {
        parameters.unicodeScalars.append(Unicode.Scalar(byte))
      }
    case .string:
      if byte == 7 || byte == 0x18 { state = .ground } else if byte == 0x1B { state = .stringEscape }
    case .stringEscape: state = byte == UInt8(ascii: "\\") ? .ground : .string
    }
  }

  private mutating func control(_ final: UInt8) {
    let row = lines.count - 1
    switch final {
    // Erase in line, to its end.
    case UInt8(ascii: "K") where parameters.isEmpty || parameters == "0":
      lines[row].removeLast(max(lines[row].count - column, 0))
    // A screen that is erased begins below.
    case UInt8(ascii: "J") where parameters == "2":
      lines.append([])
      column = 0
    default: break
    }
  }

  private mutating func ground(_ byte: UInt8) {
    switch byte {
    case 0x1B: state = .escape
    case 0x0D: column = 0
    case 0x0A:
      // Drivers send a carriage return as well; a bare line feed begins a line, as where the terminal is cooked.
      lines.append([])
      column = 0
    case 0x08: column = max(column - 1, 0)
    case 0x09:
      for _ in 0..<(Self.tabWidth - column % Self.tabWidth) { put(" ") }
    case 0x20...0x7E: put(Unicode.Scalar(byte))
    case 0xC2...0xF4: character = ([byte], byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4)
    case 0x80...0xBF where !character.bytes.isEmpty:
      character.bytes.append(byte)
      guard character.bytes.count == character.count else { return }
      put(String(decoding: character.bytes, as: UTF8.self).unicodeScalars.first ?? "?")
      character = ([], 0)
    default: break
    }
  }

  private mutating func put(_ scalar: Unicode.Scalar) {
    let row = lines.count - 1
    guard column < Self.longestLine else { return }
    while lines[row].count < column { lines[row].append(" ") }
    if column < lines[row].count { lines[row][column] = scalar } else { lines[row].append(scalar) }
    column += 1
  }

  /// The last `height` lines, wrapped to `width`, and the column after what came last.
  package func tail(width: Int, height: Int) -> (lines: [StyledLine], column: Int) {
    guard width > 0, height > 0 else { return ([], 0) }
    var wrapped: [StyledLine] = []
    for line in lines.suffix(height) {
      if line.isEmpty { wrapped.append(StyledLine()) }
      for start in stride(from: 0, to: line.count, by: width) {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: line[start..<min(start + width, line.count)])
        wrapped.append(StyledLine(String(text)))
      }
    }
    return (Array(wrapped.suffix(height)), column % width)
  }
}
