import ApusBase
import ApusMachine

// What a person or another computer does to the machine. An ended machine takes nothing.

extension GuestFixture {
  /// Presses keys together and releases them: `F12`, `Ctrl+Alt+Del`, `a`, `A`; names or characters of the US keyboard
  /// between plus signs. Runs the guest meanwhile, as keys take time, for so many seconds at most.
  public func press(_ keys: String, within seconds: Double = 60) throws(GuestFailure) {
    let what = "the guest to take the key '\(keys)'"
    guard let chord = Chord(keys) else { throw failure(what, .misuse("there is no such key")) }
    try type([chord], what, seconds)
  }

  /// Types a text of the US keyboard's characters, with `\n` for Enter, `\t`, and further keys in angle brackets
  /// (`<F12>`, `<Ctrl+c>`); a backslash before `<` or `\` types that. Runs the guest meanwhile: its keyboard's
  /// buffer takes a key in 40 ms of its time, and no more before it is read.
  public func type(_ text: String, within seconds: Double = 60) throws(GuestFailure) {
    let what = "the guest to take the keys of '\(text)'"
    let chords: [Chord]
    do throws(TypedText.Refusal) { chords = try TypedText.chords(text) } catch {
      throw failure(what, .misuse(error.reason))
    }
    try type(chords, what, seconds)
  }

  private func type(_ chords: [Chord], _ what: String, _ seconds: Double) throws(GuestFailure) {
    let deadline = deadline(seconds)
    for chord in chords {
      var typist = Typist()
      typist.type(chord, pace: Typist.steadyPace)
      let reason = proceed(until: deadline) {
        if let codes = typist.take(at: machine.now, room: machine.typingRoom), end == nil {
          _ = machine.type(codes)
          settle()
        }
        if typist.isDone(at: machine.now) { return .done }
        return .notYet(typist.deadline(room: machine.typingRoom) ?? typist.end(after: machine.now))
      }
      switch reason {
      case nil: break
      // What ended the guest may be the key itself.
      case .ended: return
      case let reason?: throw failure(what, reason)
      }
    }
  }

  /// Sends a text to a serial port (0 for COM1), which the guest sees byte by byte at the port's speed. Returns at
  /// once unless more than 64 KiB wait there; then the guest runs until it has read enough.
  public func send(_ text: String, port: Int = 0, within seconds: Double = 60) throws(GuestFailure) {
    try send(Array(text.utf8), port: port, within: seconds)
  }

  /// Sends bytes to a serial port.
  public func send(_ bytes: [UInt8], port: Int = 0, within seconds: Double = 60) throws(GuestFailure) {
    let what = "the guest to read what was sent to COM\(port + 1)"
    guard ports.indices.contains(port) else { throw failure(what, .misuse("there are ports 0 to 3")) }
    var rest = bytes[...]
    let reason = proceed(until: deadline(seconds)) {
      guard end == nil else { return rest.isEmpty ? .done : .notYet(nil) }
      rest = rest.dropFirst(machine.receive(Array(rest), serial: port))
      settle()
      return rest.isEmpty ? .done : .notYet(nil)
    }
    if let reason { throw failure(what, reason) }
  }

  /// Sends a break to a serial port.
  public func sendBreak(port: Int = 0) {
    guard end == nil else { return }
    machine.receiveBreak(serial: port)
    settle()
  }

  /// Moves the PS/2 mouse by counts, right and down, turns its wheel towards the user, and holds buttons: bits 0 left,
  /// 1 right, 2 middle.
  public func moveMouse(right: Int, down: Int, wheel: Int = 0, buttons: UInt8 = 0) {
    guard end == nil else { return }
    machine.moveMouse(x: right, y: -down, wheel: wheel, buttons: buttons)
    settle()
  }

  /// Presses the power button: ACPI systems are told, others are switched off.
  public func pressPowerButton() {
    guard end == nil else { return }
    machine.pressPowerButton()
    settle()
  }
}
