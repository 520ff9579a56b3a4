import ApusMachine

/// Why what a test waited for did not happen, with all that is known of the guest then.
public struct GuestFailure: Error, Sendable, CustomStringConvertible {
  /// Why the wait ended.
  public enum Reason: Equatable, Sendable {
    /// The guest's time ran out.
    case timeUp
    /// The fixture's instructions ran out.
    case instructionLimit
    /// The fixture was told to stop.
    case stopped
    /// The guest is halted, and nothing but input can wake it.
    case halted
    /// The guest ended.
    case ended(GuestEnd)
    /// What was asked for does not exist.
    case misuse(String)
  }

  /// What was waited for.
  public let expectation: String
  /// Why the wait ended.
  public let reason: Reason
  /// Instructions that the guest has executed.
  public let instructions: UInt64
  /// The guest's time, in seconds.
  public let seconds: Double
  /// The registers.
  public let registers: Registers
  /// What came over the serial ports that were used, and to the debug console: the port's name and its last lines.
  public let output: [(port: String, lines: String)]
  /// The screen; nil without a picture of text.
  public let screenText: String?
  /// The registers and the bytes at RIP, as text.
  public let registerText: String

  /// A paragraph, then the ports' last lines, the screen and the registers.
  public var description: String {
    var text = "Waited for \(expectation); \(reason.description). "
    text += "The guest has executed \(instructions) instructions in \(Self.text(seconds)) s of its time.\n"
    if output.isEmpty { text += "It has sent nothing.\n" }
    for (port, lines) in output { text += "\(port):\n\(Self.indented(lines))" }
    if let screenText { text += "Screen:\n\(Self.indented(screenText))" }
    return text + "Registers:\n\(Self.indented(registerText))"
  }

  /// Three decimal places.
  private static func text(_ seconds: Double) -> String {
    let milliseconds = UInt64(max(0, min(seconds, 1e15)) * 1000)
    let fraction = String(milliseconds % 1000)
    return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
  }

  /// Without empty lines at the end, and without control characters, which a terminal would obey.
  private static func indented(_ text: String) -> String {
    var lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines.map { line in
      var shown = String.UnicodeScalarView()
      for scalar in line.unicodeScalars where scalar != "\r" {
        shown.append(scalar.properties.generalCategory == .control ? "?" : scalar)
      }
      return "  " + String(shown) + "\n"
    }.joined()
  }
}

extension GuestFailure.Reason: CustomStringConvertible {
  /// What happened instead.
  public var description: String {
    switch self {
    case .timeUp: "the time for it is over"
    case .instructionLimit: "the limit of instructions is reached"
    case .stopped: "the test was told to stop"
    case .halted: "the guest is halted and nothing but input can wake it"
    case .ended(.poweredOff): "the guest switched the machine off"
    case .ended(.reset): "the guest asked for a reset"
    case .ended(.debugExit(let value)): "the guest left through the debug exit with \(value)"
    case .ended(.tripleFault): "the guest died of a triple fault"
    case .ended(.unimplemented(let report)): report.prefix { $0 != "\n" }.description
    case .misuse(let what): what
    }
  }
}

extension GuestFixture {
  /// Lines of a port that a failure shows.
  private static let shownLines = 15
  /// Bytes of which those lines are the last.
  private static let shownBytes = 4096

  func failure(_ expectation: String, _ reason: GuestFailure.Reason) -> GuestFailure {
    var output: [(port: String, lines: String)] = []
    for (index, port) in ports.enumerated() where !port.contents.bytes.isEmpty {
      output.append((port: "COM\(index + 1)", lines: Self.lastLines(port)))
    }
    if !debugPort.contents.bytes.isEmpty {
      output.append((port: "Debug console", lines: Self.lastLines(debugPort)))
    }
    return GuestFailure(
      expectation: expectation, reason: reason, instructions: instructions, seconds: seconds,
      registers: registers, output: output, screenText: screenText, registerText: registerText)
  }

  private static func lastLines(_ log: OutputLog) -> String {
    String(decoding: log.contents.bytes.suffix(shownBytes), as: UTF8.self)
      .split(omittingEmptySubsequences: false) { $0.isNewline }.suffix(shownLines).joined(separator: "\n")
  }
}
