/// As much of JSON as the metadata of vectors needs. Depth is limited, so that no input can overflow the stack.
enum JSONValue {
  case object([String: JSONValue])
  case array([JSONValue])
  case string(String)
  case number(Double)
  case other

  subscript(_ key: String) -> JSONValue? {
    if case .object(let members) = self { return members[key] }
    return nil
  }

  var integer: Int? {
    if case .number(let value) = self { return Int(exactly: value) }
    return nil
  }

  /// Reads a document; `file` is for messages.
  static func read(_ bytes: [UInt8], file: String) throws(DiffFailure) -> JSONValue {
    var reader = JSONReader(bytes: bytes, file: file)
    return try reader.value(depth: 0)
  }
}

private struct JSONReader {
  let bytes: [UInt8]
  let file: String
  var at = 0

  func bad(_ expectation: String) -> DiffFailure {
    .badInput(file: file, place: "offset \(at)", expectation: expectation)
  }

  private mutating func peek() -> UInt8 {
    while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
    return at < bytes.count ? bytes[at] : 0
  }

  private mutating func expect(_ character: Character) throws(DiffFailure) {
    guard peek() == character.asciiValue else { throw bad("\"\(character)\"") }
    at += 1
  }

  mutating func value(depth: Int) throws(DiffFailure) -> JSONValue {
    guard depth < 32 else { throw bad("at most 32 levels") }
    switch peek() {
    case UInt8(ascii: "{"): return try object(depth)
    case UInt8(ascii: "["): return try array(depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default:
      for word in ["true", "false", "null"] where bytes[at...].starts(with: word.utf8) {
        at += word.utf8.count
        return .other
      }
      throw bad("a JSON value")
    }
  }

  private mutating func object(_ depth: Int) throws(DiffFailure) -> JSONValue {
    at += 1
    var members: [String: JSONValue] = [:]
    if peek() == UInt8(ascii: "}") {
      at += 1
      return .object(members)
    }
    while true {
      guard peek() == UInt8(ascii: "\"") else { throw bad("the name of a member") }
      let name = try string()
      try expect(":")
      members[name] = try value(depth: depth + 1)
      if peek() != UInt8(ascii: ",") { break }
      at += 1
    }
    try expect("}")
    return .object(members)
  }

  private mutating func array(_ depth: Int) throws(DiffFailure) -> JSONValue {
    at += 1
    var elements: [JSONValue] = []
    if peek() == UInt8(ascii: "]") {
      at += 1
      return .array(elements)
    }
    while true {
      elements.append(try value(depth: depth + 1))
      if peek() != UInt8(ascii: ",") { break }
      at += 1
    }
    try expect("]")
    return .array(elements)
  }

  /// Escapes other than `\"` and `\\` stay as they are: no name that matters has them.
  private mutating func string() throws(DiffFailure) -> String {
    at += 1
    var text: [UInt8] = []
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      if bytes[at] == UInt8(ascii: "\\"), at + 1 < bytes.count {
        at += 1
        if bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\") {
          text.append(UInt8(ascii: "\\"))
        }
      }
      text.append(bytes[at])
      at += 1
    }
    guard at < bytes.count else { throw bad("the end of a string") }
    at += 1
    return String(decoding: text, as: UTF8.self)
  }

  private mutating func number() throws(DiffFailure) -> JSONValue {
    let start = at
    while at < bytes.count, "+-.eE0123456789".utf8.contains(bytes[at]) { at += 1 }
    guard let value = Double(String(decoding: bytes[start..<at], as: UTF8.self)) else {
      throw bad("a number")
    }
    return .number(value)
  }
}
