import ApusMachine

/// Keys by the numbers of the X Window System that RFB sends: X Window System Protocol, "Keysym Encoding".
package enum Keysym {
  /// The key of a number; characters are those of the US keyboard.
  package static func key(_ keysym: UInt32) -> Key? {
    if let character = UInt8(exactly: keysym) { return Key.typing(character)?.key }
    return special[keysym]
  }

  /// Whether a character's key needs Shift on the US keyboard, and whether Caps Lock turns that round; nil
  /// for what is no character.
  package static func shift(_ keysym: UInt32) -> (isNeeded: Bool, isLetter: Bool)? {
    guard let character = UInt8(exactly: keysym), let typing = Key.typing(character) else { return nil }
    // Space is the same with Shift.
    guard character != 0x20 else { return nil }
    return (typing.isShifted, (0x41...0x5A).contains(character & 0xDF))
  }

  private static let special: [UInt32: Key] = {
    let names: [UInt32: String] = [
      0xFF08: "backspace", 0xFF09: "tab", 0xFE20: "tab", 0xFF0D: "enter", 0xFF13: "pause",
      0xFF14: "scrolllock",
      0xFF15: "print", 0xFF1B: "esc", 0xFF50: "home", 0xFF51: "left", 0xFF52: "up", 0xFF53: "right",
      0xFF54: "down", 0xFF55: "pgup", 0xFF56: "pgdn", 0xFF57: "end", 0xFF61: "print", 0xFF63: "ins",
      0xFF67: "menu", 0xFF6B: "break", 0xFF7F: "numlock", 0xFF8D: "kpenter", 0xFF95: "kp7", 0xFF96: "kp4",
      0xFF97: "kp8", 0xFF98: "kp6", 0xFF99: "kp2", 0xFF9A: "kp9", 0xFF9B: "kp3", 0xFF9C: "kp1", 0xFF9D: "kp5",
      0xFF9E: "kp0", 0xFF9F: "kp.", 0xFFAA: "kp*", 0xFFAB: "kp+", 0xFFAC: "kp.", 0xFFAD: "kp-", 0xFFAE: "kp.",
      0xFFAF: "kp/", 0xFFE1: "shift", 0xFFE2: "rshift", 0xFFE3: "ctrl", 0xFFE4: "rctrl", 0xFFE5: "capslock",
      0xFFE7: "win", 0xFFE8: "rwin", 0xFFE9: "alt", 0xFFEA: "ralt", 0xFFEB: "win", 0xFFEC: "rwin",
      0xFE03: "altgr", 0xFFFF: "del",
    ]
    var keys: [UInt32: Key] = [:]
    for (keysym, name) in names { keys[keysym] = Key.named(name) }
    for number: UInt32 in 0...9 { keys[0xFFB0 + number] = Key.named("kp\(number)") }
    for number: UInt32 in 1...12 { keys[0xFFBD + number] = Key.named("f\(number)") }
    return keys
  }()
}

/// The keys that a client holds down, and what the guest's keyboard sends for them.
package struct RemoteKeyboard {
  package private(set) var pressed: Set<Key> = []

  package init() {}

  /// The keys to press and to release when a client says that a key goes down or up. A client with another layout may
  /// hold Shift for what the US keyboard types without, or the other way round: the guest's Shift then changes for a
  /// moment. `hasCapsLock` is the guest's.
  package mutating func change(_ keysym: UInt32, isDown: Bool, hasCapsLock: Bool) -> [(
    key: Key, isDown: Bool
  )] {
    guard let key = Keysym.key(keysym) else { return [] }
    guard isDown else {
      guard pressed.remove(key) != nil else { return [] }
      return [(key, false)]
    }
    let held = [Key.shift, Key(0x59)].filter { pressed.contains($0) }
    pressed.insert(key)
    guard let shift = Keysym.shift(keysym) else { return [(key, true)] }
    let isNeeded = shift.isNeeded != (shift.isLetter && hasCapsLock)
    guard isNeeded == held.isEmpty else { return [(key, true)] }
    let changed = isNeeded ? [Key.shift] : held
    return changed.map { ($0, isNeeded) } + [(key, true)] + changed.map { ($0, !isNeeded) }
  }

  /// Releases everything, in a fixed order.
  package mutating func releaseAll() -> [(key: Key, isDown: Bool)] {
    defer { pressed = [] }
    return pressed.sorted {
      ($0.isExtended ? 256 : 0) + Int($0.code) < ($1.isExtended ? 256 : 0) + Int($1.code)
    }
    .map { ($0, false) }
  }
}
