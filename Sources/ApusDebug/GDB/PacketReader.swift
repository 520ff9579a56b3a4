/// Takes packets out of what a client sends. GDB manual, "Remote Protocol", "Overview", "Interrupts".
struct PacketReader {
  enum Event: Equatable {
    /// What a packet says, escapes resolved; its checksum is right or does not matter.
    case packet([UInt8])
    /// A packet that arrived undamaged and still says nothing: too long, or with an escape of nothing.
    case malformed
    case damaged
    /// A packet begins.
    case start
    /// `+`, `-` and 0x03 between packets.
    case acknowledged, refused, interrupt
  }

  private enum State {
    case between, data, checksumHigh, checksumLow
  }

  /// The manual has GDB ignore checksums in no-acknowledgment mode, since it could not ask again.
  var ignoresChecksums = false

  private let limit: Int
  private var state = State.between
  private var data: [UInt8] = []
  private var isTooLong = false
  private var sum: UInt8 = 0
  private var highDigit: UInt8?

  /// Takes packets of at most `limit` characters between `$` and `#`.
  init(limit: Int) { self.limit = limit }

  mutating func take(_ byte: UInt8) -> Event? {
    switch state {
    case .between: return takeBetween(byte)
    case .data:
      switch byte {
      case ASCII.dollar:
        // Never part of a packet: the end of the one before was lost.
        return start()
      case ASCII.number:
        state = .checksumHigh
      default:
        sum &+= byte
        if data.count < limit { data.append(byte) } else { isTooLong = true }
      }
      return nil
    case .checksumHigh:
      highDigit = Hex.digit(byte)
      state = .checksumLow
      return nil
    case .checksumLow:
      state = .between
      return end(low: Hex.digit(byte))
    }
  }

  private mutating func takeBetween(_ byte: UInt8) -> Event? {
    switch byte {
    case ASCII.dollar: return start()
    case ASCII.plus: return .acknowledged
    case ASCII.minus: return .refused
    case 3: return .interrupt
    default: return nil
    }
  }

  private mutating func start() -> Event {
    state = .data
    data = []
    isTooLong = false
    sum = 0
    return .start
  }

  private mutating func end(low: UInt8?) -> Event {
    let packet = data
    data = []
    if !ignoresChecksums {
      guard let highDigit, let low, highDigit << 4 | low == sum else { return .damaged }
    }
    guard !isTooLong, let content = Escape.decoded(packet) else { return .malformed }
    return .packet(content)
  }
}

/// `}` and the byte with bit 5 inverted stand for a byte that must not appear.
/// GDB manual, "Remote Protocol", "Overview".
enum Escape {
  static let mark = ASCII.closingBrace

  /// nil if nothing follows an escape.
  static func decoded(_ bytes: [UInt8]) -> [UInt8]? {
    guard bytes.contains(mark) else { return bytes }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var isEscaped = false
    for byte in bytes {
      if isEscaped {
        result.append(byte ^ 0x20)
        isEscaped = false
      } else if byte == mark {
        isEscaped = true
      } else {
        result.append(byte)
      }
    }
    return isEscaped ? nil : result
  }

  /// As many of the bytes as fit in `limit` when escaped.
  static func encoded(_ bytes: ArraySlice<UInt8>, limit: Int) -> (text: [UInt8], count: Int) {
    var text: [UInt8] = []
    var count = 0
    for byte in bytes {
      switch byte {
      case ASCII.dollar, ASCII.number, ASCII.asterisk, mark:
        guard text.count + 2 <= limit else { return (text, count) }
        text += [mark, byte ^ 0x20]
      default:
        guard text.count < limit else { return (text, count) }
        text.append(byte)
      }
      count += 1
    }
    return (text, count)
  }
}
