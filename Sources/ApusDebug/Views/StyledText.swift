// Text of panes: what is drawn depends on nothing but what is shown and how large the pane is.

/// What a piece of text means; whoever draws it chooses colours.
package enum TextStyle: Sendable {
  case plain, faint, heading
  /// An address, or the name of one.
  case address, name
  /// It is not what it was when the machine stood still last.
  case changed
  /// A breakpoint, or what is watched.
  case mark
  case good, bad
}

/// What a whole line means.
package enum LineStyle: Sendable {
  case plain
  /// The instruction that is next.
  case current
  /// The cursor.
  case selected
  case currentAndSelected
}

/// A line of a pane, as long as its text; whoever draws it cuts it.
package struct StyledLine: Equatable, Sendable {
  package struct Span: Equatable, Sendable {
    package let text: String
    package let style: TextStyle
  }

  package private(set) var spans: [Span] = []
  /// Scalars, each of which takes one place of a terminal.
  package private(set) var width = 0
  package var style = LineStyle.plain

  package init() {}

  package init(_ text: String, _ style: TextStyle = .plain) { add(text, style) }

  package var text: String { spans.map(\.text).joined() }

  package mutating func add(_ text: String, _ style: TextStyle = .plain) {
    guard !text.isEmpty else { return }
    spans.append(Span(text: text, style: style))
    width += text.unicodeScalars.count
  }

  package mutating func add(_ line: StyledLine) {
    spans += line.spans
    width += line.width
  }

  /// Adds blanks up to a column, and one if the line is there already.
  package mutating func pad(to column: Int) {
    guard column > 0 else { return }
    add(String(repeating: " ", count: max(column - width, 1)))
  }
}

extension StyledLine {
  /// This line with words after it, in as many lines as they need; those after the first are indented.
  func wrapping(_ text: String, _ style: TextStyle = .plain, indent: Int, width: Int) -> [StyledLine] {
    var lines = [self]
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
      let last = lines[lines.count - 1].width
      if last > indent && last + word.unicodeScalars.count > width {
        lines.append(StyledLine(String(repeating: " ", count: indent)))
      }
      lines[lines.count - 1].add(word + " ", style)
    }
    return lines
  }
}

extension [StyledLine] {
  /// `height` of the lines from the one with number `first` on, or from the last on from which they fill the pane.
  func window(from first: Int, height: Int) -> [StyledLine] {
    let start = Swift.min(Swift.max(first, 0), Swift.max(count - Swift.max(height, 0), 0))
    return Array(self[start...].prefix(Swift.max(height, 0)))
  }
}

/// Numbers in columns.
enum Digits {
  /// The low `count` hexadecimal digits.
  static func hex(_ value: UInt64, _ count: Int) -> String {
    let text = String(value, radix: 16)
    if text.utf8.count > count { return String(text.suffix(count)) }
    return String(repeating: "0", count: count - text.utf8.count) + text
  }

  static func byte(_ value: UInt8) -> String { hex(UInt64(value), 2) }

  /// In groups of three digits.
  static func grouped(_ value: UInt64) -> String {
    var text = ""
    for (index, digit) in String(value).reversed().enumerated() {
      if index > 0 && index % 3 == 0 { text = "," + text }
      text = String(digit) + text
    }
    return text
  }

  /// Nanoseconds as seconds.
  static func seconds(_ nanoseconds: UInt64) -> String {
    let micros = String(nanoseconds / 1000 % 1_000_000)
    return grouped(nanoseconds / 1_000_000_000) + "." + String(repeating: "0", count: 6 - micros.count)
      + micros
  }
}
