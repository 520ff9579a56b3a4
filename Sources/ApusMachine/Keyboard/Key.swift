/// A key of the 101- and 102-key keyboards.
/// Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboard (101- and 102-Key)", "Scan Code Set 2".
package struct Key: Hashable, Sendable {
  /// The scan code of set 2, and whether E0h comes before it.
  package let code: UInt8
  package let isExtended: Bool

  package init(_ code: UInt8, extended: Bool = false) {
    self.code = code
    isExtended = extended
  }

  package static let shift = Key(0x12)
  package static let control = Key(0x14)
  package static let alt = Key(0x11)
  package static let printScreen = Key(0x7C, extended: true)
  package static let pause = Key(0xE1)

  /// What the key sends when it is pressed.
  package var make: [UInt8] {
    switch self {
    case .printScreen: [0xE0, 0x12, 0xE0, 0x7C]
    // Pause sends make and break at once, and nothing when it is released.
    case .pause: [0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77]
    default: isExtended ? [0xE0, code] : [code]
    }
  }

  /// What the key sends when it is released.
  package var breakCodes: [UInt8] {
    switch self {
    case .printScreen: [0xE0, 0xF0, 0x7C, 0xE0, 0xF0, 0x12]
    case .pause: []
    default: isExtended ? [0xE0, 0xF0, code] : [0xF0, code]
    }
  }

  // MARK: Names

  /// The key of a name such as `F12`, `PgUp` or `kp5`, in any case.
  package static func named(_ name: String) -> Key? { byName[name.lowercased()] }

  private static let byName: [String: Key] = {
    var keys: [String: Key] = [
      "enter": Key(0x5A), "return": Key(0x5A), "esc": Key(0x76), "escape": Key(0x76), "tab": Key(0x0D),
      "backspace": Key(0x66), "bs": Key(0x66), "space": Key(0x29), "capslock": Key(0x58),
      "numlock": Key(0x77), "scrolllock": Key(0x7E), "printscreen": printScreen, "prtsc": printScreen,
      "print": printScreen, "sysrq": printScreen, "pause": pause, "break": Key(0x7E, extended: true),
      "shift": shift, "lshift": shift, "rshift": Key(0x59), "ctrl": control, "control": control,
      "lctrl": control, "alt": alt, "lalt": alt, "less": Key(0x61), "kp*": Key(0x7C), "kp-": Key(0x7B),
      "kp+": Key(0x79), "kp.": Key(0x71),
    ]
    let extended: [(String, UInt8)] = [
      ("up", 0x75), ("down", 0x72), ("left", 0x6B), ("right", 0x74), ("home", 0x6C), ("end", 0x69),
      ("pgup", 0x7D), ("pageup", 0x7D), ("pgdn", 0x7A), ("pagedown", 0x7A), ("ins", 0x70), ("insert", 0x70),
      ("del", 0x71), ("delete", 0x71), ("rctrl", 0x14), ("ralt", 0x11), ("altgr", 0x11), ("win", 0x1F),
      ("super", 0x1F), ("meta", 0x1F), ("lwin", 0x1F), ("rwin", 0x27), ("menu", 0x2F), ("kp/", 0x4A),
      ("kpenter", 0x5A),
    ]
    for (name, code) in extended { keys[name] = Key(code, extended: true) }
    let functions: [UInt8] = [0x05, 0x06, 0x04, 0x0C, 0x03, 0x0B, 0x83, 0x0A, 0x01, 0x09, 0x78, 0x07]
    for (number, code) in functions.enumerated() { keys["f\(number + 1)"] = Key(code) }
    let keypad: [UInt8] = [0x70, 0x69, 0x72, 0x7A, 0x6B, 0x73, 0x74, 0x6C, 0x75, 0x7D]
    for (number, code) in keypad.enumerated() { keys["kp\(number)"] = Key(code) }
    return keys
  }()

  // MARK: Characters

  /// The key of an ASCII character on the US keyboard and whether Shift is needed.
  package static func typing(_ character: UInt8) -> (key: Key, isShifted: Bool)? { byCharacter[character] }

  private static let byCharacter: [UInt8: (key: Key, isShifted: Bool)] = {
    let plain = Array("`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./ ".utf8)
    let shifted = Array("~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:\"ZXCVBNM<>? ".utf8)
    let codes: [UInt8] = [
      0x0E, 0x16, 0x1E, 0x26, 0x25, 0x2E, 0x36, 0x3D, 0x3E, 0x46, 0x45, 0x4E, 0x55,
      0x15, 0x1D, 0x24, 0x2D, 0x2C, 0x35, 0x3C, 0x43, 0x44, 0x4D, 0x54, 0x5B, 0x5D,
      0x1C, 0x1B, 0x23, 0x2B, 0x34, 0x33, 0x3B, 0x42, 0x4B, 0x4C, 0x52,
      0x1A, 0x22, 0x21, 0x2A, 0x32, 0x31, 0x3A, 0x41, 0x49, 0x4A, 0x29,
    ]
    var keys: [UInt8: (key: Key, isShifted: Bool)] = [:]
    for (position, code) in codes.enumerated() {
      keys[shifted[position]] = (Key(code), true)
      keys[plain[position]] = (Key(code), false)
    }
    return keys
  }()
}

/// Keys that are pressed one after the other and then released in the opposite order.
package struct Chord: Equatable, Sendable {
  package let keys: [Key]

  package init(_ keys: Key...) { self.keys = keys }
  package init(_ keys: [Key]) { self.keys = keys }

  /// An ASCII character with further keys before it; nil if the US keyboard does not have it.
  package init?(character: UInt8, after modifiers: [Key] = []) {
    guard let typing = Key.typing(character) else { return nil }
    keys = modifiers + (typing.isShifted && !modifiers.contains(.shift) ? [.shift] : []) + [typing.key]
  }

  /// `F12`, `Ctrl+Alt+Del`, `a`, `A`: names or characters between plus signs; `plus` is the character itself.
  /// Nil if there is an unknown name among them, or more keys than a keyboard's buffer has room for.
  package init?(_ text: some StringProtocol) {
    var keys: [Key] = []
    for part in text == "+" ? ["plus"] : text.split(separator: "+", omittingEmptySubsequences: false) {
      if let key = Key.named(String(part)) {
        keys.append(key)
      } else if part.lowercased() == "plus", let plus = Chord(character: UInt8(ascii: "+"), after: keys) {
        keys = plus.keys
      } else if let one = Self.character(part, after: keys) {
        keys = one.keys
      } else {
        return nil
      }
    }
    self.keys = keys
    guard make.count <= Typist.bufferSize && breakCodes.count <= Typist.bufferSize else { return nil }
  }

  /// A letter after another key is that key whatever its case: `Ctrl+C` is not typed with Shift.
  private static func character(_ part: some StringProtocol, after keys: [Key]) -> Chord? {
    guard part.utf8.count == 1 else { return nil }
    let text = keys.isEmpty ? String(part) : part.lowercased()
    return text.utf8.first.flatMap { Chord(character: $0, after: keys) }
  }

  package var make: [UInt8] { keys.flatMap { $0.make } }
  package var breakCodes: [UInt8] { keys.reversed().flatMap { $0.breakCodes } }
}
