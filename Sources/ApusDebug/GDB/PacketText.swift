enum ASCII {
  static let number = UInt8(ascii: "#"), dollar = UInt8(ascii: "$"), asterisk = UInt8(ascii: "*")
  static let plus = UInt8(ascii: "+"), minus = UInt8(ascii: "-"), closingBrace = UInt8(ascii: "}")
}

enum Hex {
  static func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private static func character(_ digit: UInt8) -> UInt8 {
    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
  }

  static func append(_ byte: UInt8, to text: inout [UInt8]) {
    text.append(character(byte >> 4))
    text.append(character(byte & 15))
  }

  static func encoded(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(2 * bytes.count)
    for byte in bytes { append(byte, to: &text) }
    return text
  }

  /// nil unless `text` is pairs of digits.
  static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard text.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    var high: UInt8?
    for character in text {
      guard let digit = digit(character) else { return nil }
      if let first = high {
        bytes.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    return bytes
  }
}

/// What is left to read of a packet.
struct PacketText {
  private(set) var rest: ArraySlice<UInt8>

  init(_ bytes: some Sequence<UInt8>) { rest = Array(bytes)[...] }

  var isEmpty: Bool { rest.isEmpty }

  /// Reads on behind `prefix` if it is next.
  mutating func take(_ prefix: StaticString) -> Bool {
    let count = prefix.utf8CodeUnitCount
    guard rest.count >= count, prefix.description.utf8.elementsEqual(rest.prefix(count)) else { return false }
    rest = rest.dropFirst(count)
    return true
  }

  mutating func takeByte() -> UInt8? { rest.popFirst() }

  /// A hexadecimal number, at most 64 bits.
  mutating func takeNumber() -> UInt64? {
    var value: UInt64 = 0
    var hasDigits = false
    while let character = rest.first, let digit = Hex.digit(character) {
      guard value >> 60 == 0 else { return nil }
      value = value << 4 | UInt64(digit)
      hasDigits = true
      rest = rest.dropFirst()
    }
    return hasDigits ? value : nil
  }

  /// A number that is the rest.
  mutating func takeLastNumber() -> UInt64? {
    guard let value = takeNumber(), isEmpty else { return nil }
    return value
  }

  /// Up to `separator`, which is left out, or the end.
  mutating func takeField(_ separator: UInt8) -> ArraySlice<UInt8> {
    guard let end = rest.firstIndex(of: separator) else {
      defer { rest = [] }
      return rest
    }
    defer { rest = rest[(end + 1)...] }
    return rest[..<end]
  }
}
