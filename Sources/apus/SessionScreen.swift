import ApusBase
import ApusDevices
import ApusMachine

// The screen and the keyboard of a run.

extension Session {
  /// How long after an ESC the terminal may take to send the rest of a key.
  private static let escapeTime: UInt64 = 50_000_000

  // MARK: The terminal

  /// Gives the terminal to the screen, or to the serial port.
  func showScreen(_ isWanted: Bool) {
    guard let display, display.isShown != isWanted else { return }
    flush()
    display.show(isWanted)
    setup.console.isHeld = isWanted
    flush()
  }

  /// Draws what has changed.
  func updateScreen(_ real: UInt64) {
    vnc?.update(at: machine.now, real: real)
    guard let display else { return }
    if display.becomesVisible { showScreen(true) }
    display.update(at: machine.now, real: real)
  }

  func switchView() {
    guard let display else { return remark("apus: there is no screen to show here\n") }
    showScreen(!display.isShown)
  }

  /// A text of the runner's own for the user.
  func remark(_ text: String) {
    if let display, display.isShown { display.show(message: text) } else { setup.console.note(text) }
  }

  /// The monotonic clock's reading at which the terminal needs attention.
  var screenDeadline: UInt64 {
    let keys = terminalKeys.isAwaitingMore ? lastKeyTime + Self.escapeTime : .max
    let viewers = min(vnc?.deadline(at: machine.now) ?? .max, vnc?.handshakeDeadline ?? .max)
    return min(keys, viewers, display?.deadline(at: machine.now) ?? .max)
  }

  // MARK: The keyboard

  /// Types what came from the terminal. Returns how many bytes that was.
  func typeKeys(_ bytes: [UInt8]) -> Int {
    display?.show(message: nil)
    for byte in bytes {
      for chord in terminalKeys.feed(byte) { typist.type(chord, pace: Typist.livePace) }
    }
    lastKeyTime = Clock.monotonic
    return bytes.count
  }

  /// An ESC that nothing follows is a key. Returns whether there was one.
  @discardableResult
  func expireKeys(_ now: UInt64) -> Bool {
    guard terminalKeys.isAwaitingMore, now >= lastKeyTime + Self.escapeTime else { return false }
    let chords = terminalKeys.finish()
    for chord in chords { typist.type(chord, pace: Typist.livePace) }
    return !chords.isEmpty
  }

  // MARK: Viewers

  static func vnc(_ options: Options, _ machine: Machine) throws(Failure) -> VNCServer? {
    guard let address = options.vnc, let vga = machine.screen else { return nil }
    var password: [UInt8]?
    if let path = options.vncPasswordFile {
      let line = try HostFile.load(path, limit: 4096).prefix { $0 != 0x0A && $0 != 0x0D }
      guard !line.isEmpty else { throw .badInput(path, "has no password in its first line") }
      password = Array(line)
    }
    return try VNCServer(vga, address, password: password)
  }

  /// Looks after viewers while the guest runs.
  func serveViewers() {
    guard let vnc else { return }
    serve(Host.wait(for: vnc.interests, timeout: 0))
  }

  /// Does what viewers want. Returns whether the guest notices.
  @discardableResult
  func serve(_ ready: [Host.Readiness]) -> Bool {
    guard let vnc else { return false }
    let hasCapsLock = machine.keyboardLights & 4 != 0
    let inputs = vnc.serve(ready, at: Clock.monotonic, hasCapsLock: hasCapsLock)
    for input in inputs {
      switch input {
      case .key(let key, let isDown): typist.type(key, isDown: isDown)
      case .mouse(let x, let y, let wheel, let buttons):
        machine.moveMouse(x: x, y: -y, wheel: wheel, buttons: buttons)
      }
    }
    return !inputs.isEmpty
  }

  // MARK: Pictures

  /// The picture as a PNG file; throws if there is no adapter.
  private func picture() throws(Failure) -> [UInt8] {
    guard let vga = machine.screen else {
      throw Failure(.usage, "a picture needs a VGA adapter (--vga std)")
    }
    var frame = ScreenFrame()
    vga.render(into: &frame, at: machine.now)
    return PNG.encode(width: frame.width, height: frame.height, pixels: frame.pixels)
  }

  /// At the user's wish: to the file of `--screenshot`, or to a new one.
  func takeScreenshot() {
    do throws(Failure) {
      let names = (1...999).lazy.map { "apus-\($0).png" }
      let path = options.screenshot ?? names.first { !HostFile.exists($0) } ?? "apus.png"
      try saveScreenshot(path)
      remark("apus: \(path) has a picture of the screen\n")
    } catch {
      remark("apus: \(error.message)\n")
    }
  }

  /// Saves what `--screenshot` asked for at the end. Returns what went wrong.
  func saveLastScreenshot() -> Failure? {
    guard let path = options.screenshot else { return nil }
    do throws(Failure) {
      try saveScreenshot(path)
      return nil
    } catch {
      return error
    }
  }

  /// Shows the text on the screen at the end if it was asked for, or if it was on the terminal a moment ago
  /// and may say why the guest ended.
  func showEnd(ofScreen wasShown: Bool, _ patience: Host.Patience) {
    guard options.showsScreenText || wasShown else { return }
    setup.console.show(screenText(), patience: patience)
  }
}

extension Session: ScriptStage {
  var scriptTime: VirtualTime { machine.now }
  var screenChanges: UInt64 { machine.screen?.changeCount ?? 0 }
  var hasTyped: Bool { typist.isDone(at: machine.now) }

  func screenText() -> String {
    guard let screen = machine.screen?.textScreen() else { return "" }
    return CodePage437.text(of: screen)
  }

  func takeSerial(_ text: String) -> Bool { setup.serialLog?.take(text) ?? false }

  func type(_ chords: [Chord]) {
    for chord in chords { typist.type(chord, pace: Typist.steadyPace) }
  }

  func moveMouse(right: Int, down: Int, wheel: Int, buttons: UInt8) {
    machine.moveMouse(x: right, y: -down, wheel: wheel, buttons: buttons)
  }

  func saveScreenshot(_ path: String) throws(Failure) { try HostFile.save(path, try picture()) }

  func saveScreenText(_ path: String?) throws(Failure) {
    guard let path else { return setup.console.note(screenText()) }
    try HostFile.save(path, Array(screenText().utf8))
  }
}
