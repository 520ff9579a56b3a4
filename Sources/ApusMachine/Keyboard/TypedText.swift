/// The text of `--type` and of a script's `type`: characters of the US keyboard, `\n` (Enter), `\t`, `\b`,
/// `\e` (Esc), `\\`, `\<`, and keys in angle brackets as `Chord` reads them.
package enum TypedText {
  /// Why a text cannot be typed, without naming where it came from.
  package struct Refusal: Error, Equatable {
    package let reason: String
  }

  package static func chords(_ text: String) throws(Refusal) -> [Chord] {
    var chords: [Chord] = []
    var rest = Substring(text)
    while let character = rest.popFirst() {
      switch character {
      case "\\": chords.append(try escape(rest.popFirst()))
      case "<":
        guard let end = rest.firstIndex(of: ">") else {
          throw Refusal(
            reason: "'<' begins a key such as <F12>, and '>' is missing; '\\<' types the character")
        }
        let name = rest[..<end]
        guard let chord = Chord(name) else { throw Refusal(reason: "'<\(name)>' is not a key") }
        chords.append(chord)
        rest = rest[rest.index(after: end)...]
      case "\n", "\r\n": chords.append(Chord(Key(0x5A)))
      case "\t": chords.append(Chord(Key(0x0D)))
      default:
        guard let ascii = character.asciiValue, let chord = Chord(character: ascii) else {
          throw Refusal(reason: "'\(character)' is not on the US keyboard")
        }
        chords.append(chord)
      }
    }
    return chords
  }

  private static func escape(_ character: Character?) throws(Refusal) -> Chord {
    switch character {
    case "n", "r": return Chord(Key(0x5A))
    case "t": return Chord(Key(0x0D))
    case "b": return Chord(Key(0x66))
    case "e": return Chord(Key(0x76))
    case let other?:
      if ["\\", "<", ">", "\"", "'"].contains(other), let ascii = other.asciiValue,
        let chord = Chord(character: ascii)
      {
        return chord
      }
      throw Refusal(reason: "'\\\(other)' is not understood; expected \\n, \\t, \\b, \\e, \\\\ or \\<")
    case nil: throw Refusal(reason: "a backslash ends the text; '\\\\' types one")
    }
  }
}
