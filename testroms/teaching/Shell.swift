// A line editor and a table of commands.

/// One line of input, and the words in it.
struct Arguments {
  static let capacity = 100

  private var bytes = InlineArray<100, UInt8>(repeating: 0)
  private var length = 0
  private var starts = InlineArray<8, Int>(repeating: 0)
  private var ends = InlineArray<8, Int>(repeating: 0)
  /// Words found by `split`; those beyond the eighth are counted but not kept.
  private(set) var count = 0

  var isFull: Bool { length == Self.capacity }

  mutating func append(_ byte: UInt8) {
    guard !isFull else { return }
    bytes[length] = byte
    length += 1
  }

  /// Whether there was a byte to remove.
  mutating func removeLast() -> Bool {
    guard length > 0 else { return false }
    length -= 1
    return true
  }

  mutating func split() {
    count = 0
    var position = 0
    while position < length {
      while position < length, bytes[position] == 0x20 { position += 1 }
      guard position < length else { break }
      let start = position
      while position < length, bytes[position] != 0x20 { position += 1 }
      if count < 8 {
        starts[count] = start
        ends[count] = position
      }
      count += 1
    }
  }

  /// Case does not matter.
  func matches(_ word: Int, _ text: StaticString) -> Bool {
    guard word < min(count, 8), ends[word] - starts[word] == text.utf8CodeUnitCount else { return false }
    for index in 0..<text.utf8CodeUnitCount {
      guard lowercase(bytes[starts[word] + index]) == text.utf8Start[index] else { return false }
    }
    return true
  }

  func say(_ word: Int) {
    guard word < min(count, 8) else { return }
    for index in starts[word]..<ends[word] { Serial.write(bytes[index]) }
  }

  /// A hexadecimal number: `100000`, `0x100000`, `100000h`, with `_` between digits where wanted.
  func hexadecimal(_ word: Int) -> UInt64? {
    guard word < min(count, 8) else { return nil }
    var start = starts[word]
    var end = ends[word]
    if end - start > 2, bytes[start] == 0x30, lowercase(bytes[start + 1]) == 0x78 {
      start += 2
    } else if end - start > 1, lowercase(bytes[end - 1]) == 0x68 {
      end -= 1
    }
    return number(start, end, radix: 16)
  }

  /// A decimal number, or a hexadecimal one with `0x`.
  func decimal(_ word: Int) -> UInt64? {
    guard word < min(count, 8) else { return nil }
    if ends[word] - starts[word] > 2, lowercase(bytes[starts[word] + 1]) == 0x78 {
      return hexadecimal(word)
    }
    return number(starts[word], ends[word], radix: 10)
  }

  private func number(_ start: Int, _ end: Int, radix: UInt64) -> UInt64? {
    var value: UInt64 = 0
    var digits = 0
    for index in start..<end where bytes[index] != 0x5F {
      let byte = lowercase(bytes[index])
      let digit: UInt64
      switch byte {
      case 0x30...0x39: digit = UInt64(byte) - 0x30
      case 0x61...0x66: digit = UInt64(byte) - 0x61 + 10
      default: return nil
      }
      guard digit < radix else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: radix)
      let (sum, carry) = product.addingReportingOverflow(digit)
      guard !overflow, !carry else { return nil }
      value = sum
      digits += 1
    }
    return digits > 0 ? value : nil
  }

  private func lowercase(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5A ? byte + 0x20 : byte
  }
}

struct Command {
  var name: StaticString
  var usage: StaticString
  var text: StaticString
  /// Words that may follow the name.
  var most: Int
  var run: @Sendable (Arguments) -> Void
}

enum Shell {
  nonisolated(unsafe) private static var afterCarriageReturn = false

  static func run() -> Never {
    while true {
      say("apus> ")
      guard var line = readLine() else { continue }
      line.split()
      if line.count > 0 { execute(line) }
    }
  }

  private static func execute(_ line: Arguments) {
    for command in commands where line.matches(0, command.name) {
      if line.count - 1 > command.most {
        say("too many words; use: ")
        say(command.name)
        sayLine(command.usage)
        return
      }
      command.run(line)
      return
    }
    say("no command \"")
    line.say(0)
    sayLine("\"; type help for the list")
  }

  /// Nil if Ctrl-C threw the line away.
  private static func readLine() -> Arguments? {
    var line = Arguments()
    while true {
      let byte = Serial.read()
      let wasCarriageReturn = afterCarriageReturn
      afterCarriageReturn = byte == 0x0D
      switch byte {
      case 0x0A where wasCarriageReturn:
        break
      case 0x0D, 0x0A:
        sayLine()
        return line
      case 0x08, 0x7F:
        erase(&line)
      case 0x15:  // Ctrl-U
        while erase(&line) {}
      case 0x03:  // Ctrl-C
        sayLine("^C")
        return nil
      case 0x1B:
        skipEscapeSequence()
      case 0x20...0x7E where !line.isFull:
        line.append(byte)
        Serial.write(byte)
      default:
        Serial.write(0x07)
      }
    }
  }

  @discardableResult
  private static func erase(_ line: inout Arguments) -> Bool {
    guard line.removeLast() else { return false }
    say("\u{8} \u{8}")
    return true
  }

  /// Arrow and function keys: ESC [ … up to a byte of 40h-7Eh, or ESC O and one byte.
  private static func skipEscapeSequence() {
    let second = Serial.read()
    if second == 0x4F {
      _ = Serial.read()
    } else if second == 0x5B {
      var byte = Serial.read()
      while byte < 0x40 || byte > 0x7E { byte = Serial.read() }
    }
  }
}
