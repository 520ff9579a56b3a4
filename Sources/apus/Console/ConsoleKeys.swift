/// Tells the user's typing from commands to the runner: Ctrl-A and a letter.
package struct ConsoleKeys {
  package enum Event: Equatable {
    /// A byte for the guest.
    case input(UInt8)
    case exit
    case status
    case help
    case sendBreak
    /// A picture of the screen goes to a file.
    case screenshot
    /// The terminal shows the serial port in place of the screen, or the screen again.
    case switchView
    /// The machine is saved.
    case save
    /// The machine becomes what it was when it was saved last.
    case goBack
  }

  /// Ctrl-A.
  package static let prefix: UInt8 = 0x01
  private var isPrefixed = false

  package init() {}

  /// What the next byte typed means; nil if nothing yet, or if Ctrl-A was followed by an unknown key.
  package mutating func feed(_ byte: UInt8) -> Event? {
    guard isPrefixed else {
      isPrefixed = byte == Self.prefix
      return isPrefixed ? nil : .input(byte)
    }
    isPrefixed = false
    switch byte {
    case Self.prefix: return .input(byte)
    case UInt8(ascii: "x"), UInt8(ascii: "X"): return .exit
    case UInt8(ascii: "c"), UInt8(ascii: "C"): return .status
    case UInt8(ascii: "h"), UInt8(ascii: "H"), UInt8(ascii: "?"): return .help
    case UInt8(ascii: "s"), UInt8(ascii: "S"), UInt8(ascii: "b"), UInt8(ascii: "B"): return .sendBreak
    case UInt8(ascii: "p"), UInt8(ascii: "P"): return .screenshot
    case UInt8(ascii: "v"), UInt8(ascii: "V"): return .switchView
    case UInt8(ascii: "w"), UInt8(ascii: "W"): return .save
    case UInt8(ascii: "l"), UInt8(ascii: "L"): return .goBack
    default: return nil
    }
  }

  /// What Ctrl-A h shows.
  package static let helpText = """
    Ctrl-A x  leave             Ctrl-A c  instructions, time and speed
    Ctrl-A s  serial break      Ctrl-A h  this list        Ctrl-A Ctrl-A  Ctrl-A itself
    Ctrl-A p  screenshot        Ctrl-A v  serial port or screen
    Ctrl-A w  save (--save)     Ctrl-A l  go back to where it was saved or loaded

    """
}
