import ApusMachine

/// Turns what a terminal sends into keys of the US keyboard.
/// Sources: Thomas Dickey, "XTerm Control Sequences", "PC-Style Function Keys"; console_codes(4) for the
/// function keys of the Linux console.
package struct TerminalKeys {
  private enum State: Equatable {
    case ground
    /// After ESC, perhaps after two: the first then stands for Alt.
    case escape
    /// After ESC [, with the parameters so far.
    case control([UInt8])
    /// After ESC O.
    case single
    /// After ESC [ [, as the Linux console sends F1 to F5.
    case linux
    /// In a UTF-8 character, which the US keyboard does not have: this many bytes follow.
    case character(Int)
  }

  private static let longestControl = 32

  private var state = State.ground
  /// An ESC came before the sequence.
  private var isAlt = false

  package init() {}

  /// Whether an ESC has come that is the key itself unless something follows soon.
  package var isAwaitingMore: Bool { state != .ground }

  /// Nothing followed in time: what is there are keys as they stand.
  package mutating func finish() -> [Chord] {
    defer {
      state = .ground
      isAlt = false
    }
    switch state {
    case .escape: return isAlt ? [Chord(.alt, Self.escapeKey)] : [Chord(Self.escapeKey)]
    case .control: return character(UInt8(ascii: "["), alt: true)
    case .single: return character(UInt8(ascii: "O"), alt: true)
    default: return []
    }
  }

  /// The keys that the next byte completes.
  package mutating func feed(_ byte: UInt8) -> [Chord] {
    switch state {
    case .ground: return ground(byte)
    case .escape:
      state = .ground
      switch byte {
      case 0x1B:
        // ESC ESC: Esc with Alt, or the beginning of a sequence with Alt.
        defer { state = .escape }
        if isAlt { return [Chord(Self.escapeKey)] }
        isAlt = true
        return []
      case UInt8(ascii: "["): state = .control([])
      case UInt8(ascii: "O"): state = .single
      default:
        isAlt = false
        return character(byte, alt: true)
      }
      return []
    case .control(let parameters): return control(byte, parameters)
    case .single: return named(Self.singles[byte] ?? Self.finals[byte], modifier: 1)
    case .linux:
      let number = Int(byte) - 0x40
      return named((1...5).contains(number) ? "f\(number)" : nil, modifier: 1)
    case .character(let left):
      guard byte & 0xC0 == 0x80 else {
        state = .ground
        return ground(byte)
      }
      state = left > 1 ? .character(left - 1) : .ground
      return []
    }
  }

  private static let escapeKey = Key(0x76)

  private mutating func ground(_ byte: UInt8) -> [Chord] {
    switch byte {
    case 0x1B: state = .escape
    case 0xC2...0xDF: state = .character(1)
    case 0xE0...0xEF: state = .character(2)
    case 0xF0...0xF4: state = .character(3)
    case 0x80...0xFF: break
    default: return character(byte, alt: false)
    }
    return []
  }

  private func character(_ byte: UInt8, alt: Bool) -> [Chord] {
    let modifiers = alt ? [Key.alt] : []
    let letter: UInt8
    switch byte {
    case 0x0D: return [Chord(modifiers + [Key(0x5A)])]
    case 0x09: return [Chord(modifiers + [Key(0x0D)])]
    case 0x08, 0x7F: return [Chord(modifiers + [Key(0x66)])]
    case 0x00: letter = UInt8(ascii: " ")
    case 0x01...0x1A: letter = byte + 0x60
    case 0x1C: letter = UInt8(ascii: "\\")
    case 0x1D: letter = UInt8(ascii: "]")
    case 0x1E: letter = UInt8(ascii: "6")
    case 0x1F: letter = UInt8(ascii: "-")
    default: return Chord(character: byte, after: modifiers).map { [$0] } ?? []
    }
    return Chord(character: letter, after: modifiers + [.control]).map { [$0] } ?? []
  }

  private static let finals: [UInt8: String] = [
    0x41: "up", 0x42: "down", 0x43: "right", 0x44: "left", 0x45: "kp5", 0x46: "end", 0x48: "home",
    0x50: "f1", 0x51: "f2", 0x52: "f3", 0x53: "f4",
  ]
  private static let singles: [UInt8: String] = [
    0x4D: "kpenter", 0x6A: "kp*", 0x6B: "kp+", 0x6D: "kp-", 0x6F: "kp/",
  ]
  private static let numbers: [Int: String] = [
    1: "home", 2: "ins", 3: "del", 4: "end", 5: "pgup", 6: "pgdn", 7: "home", 8: "end", 11: "f1", 12: "f2",
    13: "f3", 14: "f4", 15: "f5", 17: "f6", 18: "f7", 19: "f8", 20: "f9", 21: "f10", 23: "f11", 24: "f12",
    29: "menu",
  ]

  private mutating func control(_ byte: UInt8, _ parameters: [UInt8]) -> [Chord] {
    switch byte {
    case UInt8(ascii: "[") where parameters.isEmpty:
      state = .linux
      return []
    case 0x20...0x3F:
      state = .control(parameters.count < Self.longestControl ? parameters + [byte] : parameters)
      return []
    case 0x1B:
      isAlt = false
      state = .escape
      return []
    case 0x40...0x7E: break
    default: return named(nil, modifier: 1)
    }
    let values = parameters.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
      .map { Int(String(decoding: $0, as: UTF8.self)) ?? 0 }
    let modifier = values.count > 1 ? values[1] : 1
    switch byte {
    case UInt8(ascii: "Z"): return named("tab", modifier: 2)
    case UInt8(ascii: "~"): return named(Self.numbers[values.first ?? 0], modifier: modifier)
    default: return named(Self.finals[byte], modifier: modifier)
    }
  }

  /// A key that has a name, with xterm's modifier: one more than 1 for Shift, 2 for Alt, 4 for Control.
  private mutating func named(_ name: String?, modifier: Int) -> [Chord] {
    defer {
      state = .ground
      isAlt = false
    }
    guard let name, let key = Key.named(name) else { return [] }
    let bits = max(modifier, 1) &- 1
    var keys: [Key] = []
    if bits & 4 != 0 { keys.append(.control) }
    if bits & 2 != 0 || isAlt { keys.append(.alt) }
    if bits & 1 != 0 { keys.append(.shift) }
    return [Chord(keys + [key])]
  }
}
