import ApusMachine

/// A key as the debugger understands it.
package enum DebuggerKey: Equatable, Sendable {
  case character(Character)
  /// Ctrl and a letter.
  case control(Character)
  case enter, tab, shiftTab, backspace, escape
  case up, down, left, right, pageUp, pageDown, home, end
}

/// Turns what the terminal sends into keys, or passes it on to the guest. Ctrl-A before a key makes it the debugger's.
package struct DebuggerKeys {
  package enum Event: Equatable, Sendable {
    case key(DebuggerKey)
    /// A byte for the guest.
    case guest(UInt8)
  }

  private var keys = TerminalKeys()
  private var isPrefixed = false

  package init() {}

  /// Whether an ESC has come that is the key itself unless something follows soon.
  package var isAwaitingMore: Bool { keys.isAwaitingMore }

  /// What the next byte completes. `toGuest` says that the guest has the keyboard.
  package mutating func feed(_ byte: UInt8, toGuest: Bool) -> [Event] {
    if toGuest && !isPrefixed && !keys.isAwaitingMore {
      isPrefixed = byte == ConsoleKeys.prefix
      return isPrefixed ? [] : [.guest(byte)]
    }
    if isPrefixed && byte == ConsoleKeys.prefix && !keys.isAwaitingMore {
      isPrefixed = false
      return [.guest(byte)]
    }
    let wasAwaiting = keys.isAwaitingMore
    let chords = keys.feed(byte)
    guard !keys.isAwaitingMore else { return [] }
    isPrefixed = false
    if !wasAwaiting, let key = Self.plain(byte) { return [.key(key)] }
    return chords.compactMap { Self.key($0).map { .key($0) } }
  }

  /// Nothing followed in time.
  package mutating func finish() -> [Event] {
    isPrefixed = false
    return keys.finish().compactMap { Self.key($0).map { .key($0) } }
  }

  /// The key that one byte is.
  private static func plain(_ byte: UInt8) -> DebuggerKey? {
    switch byte {
    case 0x0A, 0x0D: .enter
    case 0x09: .tab
    case 0x08, 0x7F: .backspace
    case 0x01...0x1A: .control(Character(Unicode.Scalar(byte + 0x60)))
    case 0x20...0x7E: .character(Character(Unicode.Scalar(byte)))
    default: nil
    }
  }

  private static let named: [(name: String, key: DebuggerKey)] = [
    ("esc", .escape), ("up", .up), ("down", .down), ("left", .left), ("right", .right), ("pgup", .pageUp),
    ("pgdn", .pageDown), ("home", .home), ("end", .end), ("kpenter", .enter), ("f1", .character("?")),
    ("shift+tab", .shiftTab),
  ]

  private static func key(_ chord: Chord) -> DebuggerKey? {
    named.first { Chord($0.name) == chord }?.key
  }
}
