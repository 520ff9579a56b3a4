import ApusBase
import ApusMachine

/// The debugger at the terminal: draws the model, reads keys, and lets it go on.
final class DebugSession {
  /// Nanoseconds between two drawings while the machine runs.
  private static let drawingInterval: UInt64 = 100_000_000
  /// Nanoseconds that a slice should take, so that keys are seen soon.
  private static let sliceTime: UInt64 = 20_000_000
  private static let slices: ClosedRange<UInt64> = 1000...2_000_000
  /// The longest wait of an idle guest between two looks at what else there is.
  private static let idleTime: UInt64 = 50_000_000
  /// How long after an ESC the terminal may take to send the rest of a key.
  private static let escapeTime: UInt64 = 50_000_000

  private let options: Options
  private let setup: Setup
  private let model: DebuggerModel
  private var canvas = TerminalCanvas()
  private var keys = DebuggerKeys()
  /// What has been typed and not been taken: a key has its effect before the next one is looked at.
  private var typed: [UInt8] = []
  private var pacer = Pacer()
  private var lastDrawing: UInt64 = 0
  private var lastKey: UInt64 = 0
  private var isInputOpen = true
  /// What went wrong with standard output: an `errno` value, or 0.
  private var failure: Int32 = 0

  init(_ options: Options, _ setup: Setup, _ model: DebuggerModel) {
    self.options = options
    self.setup = setup
    self.model = model
  }

  /// Runs until the user leaves, puts the terminal back, and returns the exit status.
  func run() -> Int32 {
    Signals.install()
    Signals.restoreTerminalOnFault()
    Terminal.resume()
    Terminal.takeScreen()
    updateSize()
    model.debugger.history?.mayGoOn = { [weak self] in self?.lookUp() ?? true }
    let code = loop()
    Terminal.restore()
    for file in setup.files { file.flush(patience: .short) }
    for disk in setup.disks { disk.finish() }
    if failure != 0 && !Host.isBrokenPipe(failure) {
      Host.report("apus: standard output: cannot be written: \(Host.text(forError: failure))")
    }
    if options.stateHash { Host.report("state-hash: \(Text.hex(model.debugger.machine.stateHash()))") }
    return code.status
  }

  private func loop() -> ExitCode {
    while true {
      if let end = pendingEnd() { return end }
      guard model.activity != nil else {
        if typed.isEmpty {
          draw()
          // A signal that came while drawing wakes nobody any more.
          if let end = pendingEnd() { return end }
          read(within: model.wantsRedraw ? 0 : keys.isAwaitingMore ? Self.escapeTime : nil)
        }
        takeKeys()
        continue
      }
      let start = Clock.monotonic
      let idle = model.advance()
      let end = Clock.monotonic
      adapt(end - start)
      for file in setup.files { file.flush() }
      if end - lastDrawing >= Self.drawingInterval { draw() }
      if let idle { wait(idle) } else { read(within: 0) }
      if model.activity != nil { takeKeys() }
    }
  }

  /// Slices take as long as they should, on any host.
  private func adapt(_ time: UInt64) {
    if time > Self.sliceTime { model.slice = max(model.slice / 2, Self.slices.lowerBound) }
    if time < Self.sliceTime / 4 { model.slice = min(model.slice * 2, Self.slices.upperBound) }
  }

  private func pendingEnd() -> ExitCode? {
    if let end = model.end { return end }
    if let signal = Signals.pendingExit { return .signal(signal) }
    if failure != 0 { return Host.isBrokenPipe(failure) ? Host.brokenPipe : .hostResources }
    guard isInputOpen else { return .success }
    if Signals.takeStopRequest() || model.wantsStop {
      model.wantsStop = false
      Terminal.restore()
      Signals.stopNow()
    }
    if Signals.takeContinued() {
      Terminal.resume()
      Terminal.takeScreen()
      model.wantsRedraw = true
    }
    if Signals.takeResized() { updateSize() }
    return nil
  }

  private func updateSize() {
    let size = Terminal.size ?? (80, 24)
    model.size = (size.columns, size.rows)
    model.wantsRedraw = true
  }

  // MARK: Output

  private func draw() {
    lastDrawing = Clock.monotonic
    if model.wantsRedraw { canvas.invalidate() }
    model.wantsRedraw = false
    let result = Host.write(
      canvas.draw(DebuggerScreen.picture(model)), to: 1, patience: .atMost(1_000_000_000))
    guard result.error != 0 else { return }
    if Host.isInterruption(result.error) { model.wantsRedraw = true } else { failure = result.error }
  }

  // MARK: Input

  /// Waits for keys.
  private func read(within timeout: UInt64?) {
    let isReady = Host.wait(reading: 0, writing: nil, timeout: timeout).readable
    let now = Clock.monotonic
    guard isReady else {
      if now >= lastKey + Self.escapeTime {
        if keys.isAwaitingMore { take(keys.finish()) }
        model.expireGuestKeys()
      }
      return
    }
    lastKey = now
    guard let bytes = HostFile.readSome(0) else { return isInputOpen = false }
    typed += bytes
  }

  /// Does what has been typed, up to a key after which the machine moves.
  private func takeKeys() {
    while !typed.isEmpty {
      let wasStill = model.activity == nil
      take(keys.feed(typed.removeFirst(), toGuest: model.guestHasKeyboard))
      if wasStill && model.activity != nil { return }
    }
  }

  private func take(_ events: [DebuggerKeys.Event]) {
    for event in events {
      switch event {
      case .key(let key): model.press(key)
      case .guest(let byte): model.type(byte)
      }
    }
  }

  private static let scrubbing: [DebuggerKey] = [.left, .right, .character("S"), .character("b")]

  /// Looks up on the way to another moment: a signal ends it, and so does a key, which does nothing else. Keys that would
  /// only go on to yet another moment, as a key does that is held down, wait.
  private func lookUp() -> Bool {
    if Clock.monotonic - lastDrawing >= Self.drawingInterval { draw() }
    if Signals.pendingExit != nil { return false }
    guard Host.wait(reading: 0, writing: nil, timeout: 0).readable else { return true }
    guard let bytes = HostFile.readSome(0) else {
      isInputOpen = false
      return false
    }
    var keys = DebuggerKeys()
    let events = bytes.flatMap { keys.feed($0, toGuest: model.guestHasKeyboard) }
    let isScrubbing = events.allSatisfy { event in Self.scrubbing.contains { event == .key($0) } }
    typed = isScrubbing ? bytes : []
    return isScrubbing
  }

  /// The guest has nothing to do: its time passes as real time does, until a key is pressed.
  private func wait(_ idle: DebuggerModel.Idle) {
    let machine = model.debugger.machine
    pacer.beginIdle(virtual: machine.now, real: Clock.monotonic)
    let until = [idle.until, model.typingTime].compactMap { $0 }.min()
    let now = Clock.monotonic
    let wakeTime = until.map { pacer.realTime(of: $0) } ?? .max
    // Signals that came while drawing wait no longer than that.
    let timeout = min(wakeTime - min(wakeTime, now), Self.idleTime)
    if timeout > 0 { _ = Host.wait(reading: 0, writing: nil, timeout: timeout) }
    // The guest's time advances to the moment of the input, which then wakes it.
    model.passIdle(to: min(pacer.virtualTime(at: Clock.monotonic), until ?? .max))
    read(within: 0)
  }
}
