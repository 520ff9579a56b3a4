import ApusBase

/// Something that reaches a machine from outside. Together with the configuration, and with when each came, it decides
/// all that the machine does.
public enum MachineInput: Equatable, Sendable {
  /// Bytes for the receiver of a serial port, all of which it took.
  case serial(port: Int, bytes: [UInt8])
  /// A break on a serial port.
  case serialBreak(port: Int)
  /// Scan codes typed on the keyboard, which had room for them.
  case scancodes([UInt8])
  /// The mouse moves by counts, right and up, and its buttons are these.
  case mouse(x: Int, y: Int, wheel: Int, buttons: UInt8)
  /// The power button is pressed.
  case powerButton
  /// The time in which the processor is halted passes: see `Machine.skipIdle`.
  case idle(until: VirtualTime)
}

/// Hears what reaches a machine.
public protocol InputRecorder: AnyObject {
  /// `input` comes when the machine has retired so many instructions; `afterRun` says whether it was told to run since
  /// the input before. It must not call back into the machine.
  func record(_ input: MachineInput, at instructions: UInt64, afterRun: Bool)
}

extension Machine {
  /// Does again what was recorded of a machine of the same configuration, at the same count of instructions.
  public func apply(_ input: MachineInput) {
    switch input {
    case .serial(let port, let bytes): _ = receive(bytes, serial: port)
    case .serialBreak(let port): receiveBreak(serial: port)
    case .scancodes(let codes): _ = type(codes)
    case .mouse(let x, let y, let wheel, let buttons): moveMouse(x: x, y: y, wheel: wheel, buttons: buttons)
    case .powerButton: pressPowerButton()
    case .idle(let time): skipIdle(to: time)
    }
  }
}

// MARK: Bytes

extension MachineInput {
  /// What is added to the kind of an entry if the machine was told to run since the one before.
  static let afterRun: UInt8 = 0x40

  /// Kind (UInt8) and its numbers; those that are small have few bytes.
  func encode(to writer: inout StateWriter, since time: VirtualTime, afterRun: Bool) {
    let mark = afterRun ? Self.afterRun : 0
    switch self {
    case .serial(let port, let bytes):
      writer.write(mark | 0)
      writer.write(UInt8(truncatingIfNeeded: port))
      writer.writeCompact(UInt64(bytes.count))
      writer.append(bytes)
    case .serialBreak(let port):
      writer.write(mark | 1)
      writer.write(UInt8(truncatingIfNeeded: port))
    case .scancodes(let codes):
      writer.write(mark | 2)
      writer.writeCompact(UInt64(codes.count))
      writer.append(codes)
    case .mouse(let x, let y, let wheel, let buttons):
      writer.write(mark | 3)
      for count in [x, y, wheel] { writer.write(Int32(clamping: count)) }
      writer.write(buttons)
    case .powerButton: writer.write(mark | 4)
    case .idle(let until):
      writer.write(mark | 5)
      writer.writeCompact(until &- time)
    }
  }

  static let longestText = 1 << 16

  init(_ kind: UInt8, from reader: inout StateReader, since time: VirtualTime) throws(StateError) {
    switch kind {
    case 0: self = .serial(port: Int(try reader.read(UInt8.self)), bytes: try Self.text(from: &reader))
    case 1: self = .serialBreak(port: Int(try reader.read(UInt8.self)))
    case 2: self = .scancodes(try Self.text(from: &reader))
    case 3:
      self = .mouse(
        x: Int(try reader.read(Int32.self)), y: Int(try reader.read(Int32.self)),
        wheel: Int(try reader.read(Int32.self)), buttons: try reader.read())
    case 4: self = .powerButton
    case 5: self = .idle(until: time &+ (try reader.readCompact()))
    default: throw reader.invalid("kind of input")
    }
  }

  private static func text(from reader: inout StateReader) throws(StateError) -> [UInt8] {
    let count = try reader.readCompact()
    guard count <= longestText else { throw reader.invalid("length of input") }
    var bytes: [UInt8] = []
    for _ in 0..<count { bytes.append(try reader.read()) }
    return bytes
  }
}

extension StateWriter {
  /// Appends a number in groups of seven bits, the low ones first; bit 7 says that more follow.
  mutating func writeCompact(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      write(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    write(UInt8(rest))
  }
}

extension StateReader {
  mutating func readCompact() throws(StateError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0 as UInt64, to: 64, by: 7) {
      let byte: UInt8 = try read()
      let bits = UInt64(byte & 0x7F)
      guard shift < 63 || bits <= 1 else { break }
      value |= bits << shift
      if byte & 0x80 == 0 { return value }
    }
    throw invalid("number")
  }
}
