/// One statement about what happened, with those that belong to it: text for people and JSON for programs from one
/// definition.
package struct Note: Sendable {
  package enum Value: Sendable {
    /// A number that JSON has as a string of `0x` and hexadecimal digits: it may have 64 bits.
    case hex(UInt64)
    /// The same for one that may have more bits, its lowest byte first; JSON has all digits.
    case wide([UInt8])
    case number(UInt64)
    case text(String)
    case flag(Bool)
  }

  /// What kind of statement it is, in lower case.
  package let kind: String
  /// One line, without a line end.
  package let text: String
  package let fields: [(name: String, value: Value)]
  package var parts: [Note]

  init(_ kind: String, _ text: String, _ fields: [(name: String, value: Value)] = [], _ parts: [Note] = []) {
    self.kind = kind
    self.text = text
    self.fields = fields
    self.parts = parts
  }

  /// The lines of text, those of parts further in.
  package func lines(indent: Int = 0) -> [String] {
    [String(repeating: "  ", count: indent) + text] + parts.flatMap { $0.lines(indent: indent + 1) }
  }

  /// A JSON object: `kind`, `text`, the fields, and `parts` if there are any.
  package var json: String {
    var members = [Self.member("kind", .text(kind)), Self.member("text", .text(text))]
    for field in fields { members.append(Self.member(field.name, field.value)) }
    if !parts.isEmpty {
      members.append("\"parts\":[" + parts.map { $0.json }.joined(separator: ",") + "]")
    }
    return "{" + members.joined(separator: ",") + "}"
  }

  private static func member(_ name: String, _ value: Value) -> String {
    quoted(name) + ":" + text(of: value)
  }

  private static func text(of value: Value) -> String {
    switch value {
    case .hex(let number): quoted(Words.hex(number))
    case .wide(let bytes): quoted(Words.wide(bytes, separator: ""))
    case .number(let number): String(number)
    case .text(let text): quoted(text)
    case .flag(let flag): flag ? "true" : "false"
    }
  }

  /// A JSON string (RFC 8259, "Strings").
  package static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
