import ApusMachine

/// A script of `--script`: one step to a line. Words are separated by blanks; a text with blanks in it stands
/// in double quotes, where `\"`, `\\`, `\n` and `\t` mean what they usually do. Lines that begin with `#` are
/// remarks.
package struct Script: Equatable, Sendable {
  package enum Source: String, Equatable, Sendable { case screen, serial }

  package enum Action: Equatable, Sendable {
    /// Until a text has appeared, but no longer than this, in nanoseconds of guest time.
    case wait(Source, text: String, limit: UInt64)
    /// Keys one after the other.
    case type([Chord])
    /// Moves the mouse by counts, right, down and of the wheel towards the user, and holds buttons: bits 0 left,
    /// 1 right, 2 middle.
    case mouse(right: Int, down: Int, wheel: Int, buttons: UInt8)
    case screenshot(String)
    /// The text on the screen, to a file or to standard output.
    case screenText(String?)
    /// Nanoseconds of guest time.
    case sleep(UInt64)
    case exit(Int32)
  }

  package struct Step: Equatable, Sendable {
    /// Counted from 1.
    package let line: Int
    package let action: Action
  }

  /// How long a `wait` waits that does not say so.
  package static let usualLimit: UInt64 = 60_000_000_000
  /// The most that a script may have, in bytes.
  package static let largestSize: UInt64 = 1 << 20

  /// For messages.
  package let name: String
  package let steps: [Step]

  /// Reads a script. A failure names the line.
  package init(_ text: String, name: String) throws(Failure) {
    var steps: [Step] = []
    var number = 0
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }) {
      number += 1
      do throws(Refusal) {
        if let action = try Self.action(Self.trimmed(line)) {
          steps.append(Step(line: number, action: action))
        }
      } catch {
        throw .badInput("\(name):\(number)", error.reason)
      }
    }
    self.name = name
    self.steps = steps
  }

  private struct Refusal: Error { let reason: String }

  private static func trimmed(_ line: Substring) -> Substring {
    let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\r\n" }
    let rest = line.drop(while: isBlank)
    guard let last = rest.lastIndex(where: { !isBlank($0) }) else { return "" }
    return rest[...last]
  }

  private static func action(_ line: Substring) throws(Refusal) -> Action? {
    guard !line.isEmpty && !line.hasPrefix("#") else { return nil }
    let verb = line.prefix { $0 != " " && $0 != "\t" }
    let rest = trimmed(line.dropFirst(verb.count))
    switch verb {
    case "type": return .type(try typed(rest))
    case "wait": return try wait(try words(rest))
    case "press": return .type(try pressed(try words(rest)))
    case "mouse": return try mouse(try words(rest))
    case "screenshot": return .screenshot(try one(try words(rest), "a file"))
    case "screen-text":
      let words = try words(rest)
      guard words.count <= 1 else { throw Refusal(reason: "screen-text: expected at most one file") }
      return .screenText(words.first)
    case "sleep":
      let text = try one(try words(rest), "a number of seconds")
      return .sleep(try seconds(text))
    case "exit":
      let text = try one(try words(rest), "an exit code")
      guard let code = try? OptionValue.number(text), code <= 255 else {
        throw Refusal(reason: "exit: '\(text)' is not an exit code from 0 to 255")
      }
      return .exit(Int32(code))
    default:
      let known = "wait, type, press, mouse, screenshot, screen-text, sleep or exit"
      throw Refusal(reason: "'\(verb)' is not a step; expected \(known)")
    }
  }

  private static func one(_ words: [String], _ what: String) throws(Refusal) -> String {
    guard words.count == 1, !words[0].isEmpty, !words[0].utf8.contains(0) else {
      throw Refusal(reason: "expected \(what) and nothing else")
    }
    return words[0]
  }

  private static func seconds(_ text: String) throws(Refusal) -> UInt64 {
    guard let nanoseconds = try? OptionValue.seconds(text) else {
      throw Refusal(reason: "'\(text)' is not a number of seconds, such as 10 or 0.5")
    }
    return nanoseconds
  }

  private static func wait(_ words: [String]) throws(Refusal) -> Action {
    guard words.count == 2 || words.count == 3, let source = Source(rawValue: words[0]), !words[1].isEmpty
    else {
      throw Refusal(
        reason: "wait: expected 'screen' or 'serial', a text (in quotes, if it has blanks) and seconds")
    }
    let limit = words.count == 3 ? try seconds(words[2]) : usualLimit
    return .wait(source, text: words[1], limit: limit)
  }

  /// The rest of the line as it is, or what is between quotes: blanks at the ends count there.
  private static func typed(_ rest: Substring) throws(Refusal) -> [Chord] {
    var text = rest
    if text.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"") { text = text.dropFirst().dropLast() }
    guard !text.isEmpty else { throw Refusal(reason: "type: expected a text") }
    do { return try TypedText.chords(String(text)) } catch { throw Refusal(reason: "type: \(error.reason)") }
  }

  private static func pressed(_ words: [String]) throws(Refusal) -> [Chord] {
    guard !words.isEmpty else { throw Refusal(reason: "press: expected keys such as F12 or Ctrl+Alt+Del") }
    var chords: [Chord] = []
    for word in words {
      guard let chord = Chord(word) else { throw Refusal(reason: "press: '\(word)' is not a key") }
      chords.append(chord)
    }
    return chords
  }

  private static func mouse(_ words: [String]) throws(Refusal) -> Action {
    let numbers = words.compactMap { Int($0) }
    guard numbers.count == words.count, (2...4).contains(numbers.count),
      numbers.allSatisfy({ (-10_000...10_000).contains($0) })
    else {
      throw Refusal(reason: "mouse: expected counts right and down, of the wheel, and buttons")
    }
    let (wheel, buttons) = (numbers.count > 2 ? numbers[2] : 0, numbers.count > 3 ? numbers[3] : 0)
    guard (0...7).contains(buttons) else {
      throw Refusal(reason: "mouse: buttons are 1 left, 2 right and 4 middle, added")
    }
    return .mouse(right: numbers[0], down: numbers[1], wheel: wheel, buttons: UInt8(buttons))
  }

  private static func words(_ line: Substring) throws(Refusal) -> [String] {
    var words: [String] = []
    var rest = trimmed(line)
    while let first = rest.first {
      if first == "\"" {
        words.append(try quoted(&rest))
      } else {
        let word = rest.prefix { $0 != " " && $0 != "\t" }
        words.append(String(word))
        rest = rest.dropFirst(word.count)
      }
      guard rest.isEmpty || rest.first == " " || rest.first == "\t" else {
        throw Refusal(reason: "a blank is missing after '\"'")
      }
      rest = trimmed(rest)
    }
    return words
  }

  private static func quoted(_ rest: inout Substring) throws(Refusal) -> String {
    var text = ""
    rest.removeFirst()
    while let character = rest.popFirst() {
      switch character {
      case "\"": return text
      case "\\":
        switch rest.popFirst() {
        case "n": text += "\n"
        case "t": text += "\t"
        case "\"": text += "\""
        case "\\": text += "\\"
        default: throw Refusal(reason: "in quotes, a backslash is followed by n, t, '\"' or a backslash")
        }
      default: text.append(character)
      }
    }
    throw Refusal(reason: "the closing '\"' is missing")
  }
}
