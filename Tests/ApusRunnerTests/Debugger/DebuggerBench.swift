import ApusDebug
import ApusDevices
import ApusMachine
import Testing
import apus

/// The debugger without a terminal, with the teaching guest in it, which goes from real-address mode through protected
/// mode to 64-bit mode and a shell.
struct DebuggerBench {
  let model: DebuggerModel
  let history: History
  var machine: Machine { model.debugger.machine }

  init(_ symbols: [(address: UInt64, name: String)] = []) throws {
    let transcript = SerialTranscript()
    var configuration = MachineConfiguration()
    configuration.memorySize = 32 << 20
    configuration.serial = [transcript]
    let machine = try Machine(configuration, ram: .allocate(size: configuration.memorySize))
    history = try History(machine, interval: 20_000)
    let debugger = Debugger(machine, history)
    debugger.symbols = SymbolTable(symbols)
    model = DebuggerModel(debugger, transcript, port: 0)
    model.slice = 7001
  }

  /// Presses keys one after the other, and lets each have its effect.
  func press(_ keys: DebuggerKey...) {
    for key in keys {
      model.press(key)
      settle()
    }
  }

  /// Types characters, each of which is a key.
  func press(_ text: String) {
    for character in text { press(.character(character)) }
  }

  /// Lets the machine run until there is a reason to stop, or it has waited for input through some ticks of its timer.
  func settle() {
    var idles = 0
    while model.activity != nil {
      guard let idle = model.advance() else { continue }
      idles += 1
      guard let until = idle.until, idles < 50 || model.typingTime != nil else { return model.halt("idle") }
      model.passIdle(to: until)
    }
  }

  /// Goes to a moment.
  func go(to moment: UInt64) {
    press("g\(moment)")
    press(.enter)
  }

  /// The rows of the screen, without blanks at their ends.
  func rows(_ columns: Int = 80, _ rows: Int = 24) -> [String] {
    model.size = (columns, rows)
    return Self.rows(DebuggerScreen.picture(model))
  }

  static func rows(_ picture: TerminalPicture) -> [String] {
    (0..<picture.rows).map { row in
      var text = String.UnicodeScalarView()
      text.append(
        contentsOf: picture.cells[(row * picture.columns)..<((row + 1) * picture.columns)].map(\.scalar))
      return String(String(text).reversed().drop { $0 == " " }.reversed())
    }
  }

  func text(_ columns: Int = 80, _ rows: Int = 24) -> String {
    self.rows(columns, rows).map { $0 + "\n" }.joined()
  }
}
