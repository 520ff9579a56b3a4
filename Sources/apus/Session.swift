import ApusCPU
import ApusBase
import ApusCPU
import ApusMachine

/// One run of a machine: slices of instructions, and between them the host's signals, input and limits.
final class Session {
  /// Instructions between two looks at the outside. Fixed, so that input from a file enters at the same
  /// instruction in every run; small, so that even a guest that does a million instructions a second leaves
  /// signals waiting for no longer than 100 ms.
  static let slice: UInt64 = 100_000
  /// Nanoseconds between two looks at standard input and two writes of a busy guest's output.
  private static let outsideInterval: UInt64 = 2_000_000
  /// The guest's time at which `--type` begins.
  private static let typingStart: UInt64 = 1_000_000_000

  let options: Options
  let setup: Setup
  let machine: Machine
  /// What the machine goes back to: the file it came from, until it is saved.
  var saved: SavedMachine?
  var lastSnapshot: MachineSnapshot?
  /// Records the run, and when to look at the registers next.
  var recorder: RunRecorder?
  /// Who looks into the guest.
  var debugging = SessionDebugging()
  var nextCheck = checkInterval
  /// Instructions between two looks.
  static let checkInterval: UInt64 = 100_000_000
  let input: ConsoleInput?
  /// The screen on the terminal; nil where there is none.
  let display: TerminalDisplay?
  /// The screen for viewers; nil where nobody asked for it.
  let vnc: VNCServer?
  /// What is typed on the guest's keyboard, by a person or by itself.
  var typist = Typist()
  var terminalKeys = TerminalKeys()
  /// The reading of the monotonic clock at which the last key came from the terminal.
  var lastKeyTime: UInt64 = 0
  private var script: ScriptRun?
  private var hasBegunTyping = false
  private var pacer = Pacer()
  private let realStart = Clock.monotonic
  /// The reading of the monotonic clock at which `--limit-seconds` ends the run.
  private let realEnd: UInt64
  private var lastOutside: UInt64 = 0
  private var reportedDiskFailure = false
  /// The user asked for the end.
  private var hasLeft = false

  /// Opens and reads everything, and builds the machine.
  init(_ options: Options, _ saved: SavedMachine? = nil, hadInput: Bool) throws(Failure) {
    self.options = options
    let setup = try Setup(options)
    self.setup = setup
    try saved?.check(setup)
    let (end, overflow) = realStart.addingReportingOverflow(options.limitTime ?? .max)
    realEnd = overflow ? .max : end
    setup.console.deadline = realEnd
    let ram = try Self.guestRAM(options.memorySize)
    machine = try Self.machine(setup.configuration, ram, saved)
    self.saved = saved
    debugging = try Self.debugging(options, machine, setup)
    display = Self.display(options, machine)
    vnc = try Self.vnc(options, machine)
    script = setup.script.map { ScriptRun($0) }
    guard setup.consolePort != nil || display != nil, hadInput else {
      input = nil
      return
    }
    let kind: ConsoleInput.Kind =
      switch HostFile.kind(of: 0) {
      case .terminal: .terminal
      case .file: .file
      case .other: .stream
      }
    input = ConsoleInput(kind: kind, escapes: setup.forcesEscapes)
  }

  /// RAM of the host's, all zero.
  static func guestRAM(_ size: UInt64) throws(Failure) -> GuestRAM {
    let purpose = "--memory: \(size >> 20) MiB of RAM"
    guard let bytes = GuestRAM.requiredBytes(size: size) else {
      throw Failure(.hostResources, "\(purpose): the host cannot address it")
    }
    let memory = try HostMemory(size: UInt64(bytes), purpose: purpose)
    return GuestRAM(adopting: memory.base, size: size, owner: memory)
  }

  static func machine(
    _ configuration: MachineConfiguration, _ ram: GuestRAM, _ saved: SavedMachine?
  ) throws(Failure) -> Machine {
    do throws(MachineError) {
      guard let saved else { return try Machine(configuration, ram: ram) }
      return try Machine(configuration, ram: ram, file: saved.file)
    } catch {
      throw Failure(error, prefix: saved.map { "\($0.path): " } ?? "")
    }
  }

  private static func display(_ options: Options, _ machine: Machine) -> TerminalDisplay? {
    guard let vga = machine.screen, Terminal.isTerminal(1) else { return nil }
    switch options.display {
    case .serial: return nil
    case .automatic: return Terminal.isTerminal(0) ? TerminalDisplay(vga, waitsForPicture: true) : nil
    case .terminal: return TerminalDisplay(vga, waitsForPicture: false)
    }
  }

  /// Runs the guest to its end, leaves the terminal as it was, and returns the exit status.
  func run() -> Int32 {
    if input?.kind == .terminal {
      Signals.restoreTerminalOnFault()
      enterForeground()
    }
    if options.display == .terminal { showScreen(true) }
    do throws(Failure) { try beginRecording() } catch {
      note(error.message)
      return finish(error.code)
    }
    let code = loop()
    return finish(scripted(code))
  }

  /// A script that still waits for something has failed, however well the guest ended.
  private func scripted(_ code: ExitCode) -> ExitCode {
    guard code == .success, !hasLeft, let failure = script?.failureAtEnd else { return code }
    note(failure.message)
    return failure.code
  }

  private func loop() -> ExitCode {
    while true {
      if let end = checkpoint() { return end }
      var budget = Session.slice
      if let limit = options.limitInstructions {
        let executed = machine.instructions
        guard executed < limit else {
          note("instruction limit reached: \(limit)")
          return .limitReached
        }
        budget = min(budget, limit - executed)
      }
      let stop: Stop
      do throws(MachineError) { stop = try advance(budget) } catch {
        note(error.message)
        return .internalError
      }
      switch stop {
      case .budget, .paused: break
      case .idle(let until):
        if let end = idle(until: until) { return end }
      case .poweredOff, .reset: return shownEnd ?? .success
      case .debugExit(let value): return shownEnd ?? .debugExit(value)
      case .tripleFault(let report):
        note(report)
        return .guestDied
      case .unimplemented(let report):
        note(report)
        return .internalError
      }
    }
  }

  /// How the run ends because of what the guest wrote; nil if it has not.
  private var shownEnd: ExitCode? {
    if setup.console.hasShownExitText { return .success }
    guard setup.console.hasShownPanicText, let text = options.panicText else { return nil }
    note("the guest has panicked: it wrote '\(text)'")
    return .guestDied
  }

  /// What is done between slices. Returns the exit code if the run ends here.
  private func checkpoint() -> ExitCode? {
    if let end = pendingEnd() { return end }
    checkRecording()
    let now = Clock.monotonic
    if debugging.gdb?.isStopped ?? false, let end = serveDebugger() { return end }
    if now - lastOutside >= Session.outsideInterval {
      lastOutside = now
      flush()
      if let end = serveDebugger() { return end }
      if let input, input.kind != .file, input.wantsToRead,
        Host.wait(reading: 0, writing: nil, timeout: 0).readable
      {
        input.read()
      }
      expireKeys(now)
      serveViewers()
      updateScreen(now)
    }
    if let input, input.kind == .file, input.wantsToRead { input.read() }
    if let end = carryOutCommands() { return end }
    if isInPast { return nil }
    feed()
    return automate()
  }

  /// What happens by itself at times of the guest's: typing and the script.
  private func automate() -> ExitCode? {
    if !hasBegunTyping, machine.now >= Self.typingStart {
      hasBegunTyping = true
      type(options.typed)
    }
    do throws(Failure) {
      if let end = try script?.advance(self) { return end }
    } catch {
      note(error.message)
      return error.code
    }
    if let codes = typist.take(at: machine.now, room: machine.typingRoom) { _ = machine.type(codes) }
    return nil
  }

  /// When something of that is due; nil if nothing is.
  private var automationTime: VirtualTime? {
    let typing = options.typed.isEmpty || hasBegunTyping ? nil : Self.typingStart
    return [
      typing, script?.deadline, typist.deadline(room: machine.typingRoom), typist.end(after: machine.now),
    ].compactMap { $0 }.min()
  }

  /// Signals, limits and failures.
  func pendingEnd() -> ExitCode? {
    if let signal = Signals.pendingExit { return .signal(signal) }
    if Signals.takeStopRequest() {
      flush()
      Terminal.restore()
      Signals.stopNow()
    }
    if Signals.takeContinued() {
      if input?.kind == .terminal { enterForeground() }
      display?.resume()
    }
    if Signals.takeResized() { display?.redraw() }
    if let end = shownEnd { return end }
    let failure = max(setup.console.failure, display?.failure ?? 0)
    if failure != 0 {
      if Host.isBrokenPipe(failure) { return Host.brokenPipe }
      note("standard output: cannot be written: \(Host.text(forError: failure))")
      return .hostResources
    }
    for file in setup.files {
      guard let failure = file.failure else { continue }
      note(failure)
      return .hostResources
    }
    if !reportedDiskFailure, let failure = setup.disks.lazy.compactMap({ $0.failure }).first {
      reportedDiskFailure = true
      note(failure)
    }
    if let limit = options.limitTime, Clock.monotonic >= realEnd {
      note("time limit reached: \(Text.seconds(limit)) s")
      return .limitReached
    }
    return nil
  }

  /// The guest's time is not what it was: nothing waits for what comes after it any more.
  func forgetTime() {
    pacer = Pacer()
    typist = Typist()
  }

  private func enterForeground() {
    Terminal.resume()
    input?.isSuspended = !Terminal.isForeground
  }

  func flush() {
    setup.console.flush()
    if setup.recording != nil { machine.drainSpeaker() }
    for file in setup.files { file.flush() }
  }

  /// Gives the guest what it has room for. Returns whether it took any.
  @discardableResult
  private func feed() -> Bool {
    guard let input else { return false }
    if display?.isShown == true { return input.feed { typeKeys($0) } }
    guard let port = setup.consolePort else { return input.feed { $0.count } }
    return input.feed { machine.receive($0, serial: port) }
  }

  private func carryOutCommands() -> ExitCode? {
    while let command = input?.takeCommand() {
      switch command {
      case .exit:
        hasLeft = true
        return .success
      case .status: remark(statusLine)
      case .help: remark(ConsoleKeys.helpText)
      case .screenshot: takeScreenshot()
      case .switchView: switchView()
      case .save: saveNow()
      case .goBack: goBack()
      case .sendBreak: machine.receiveBreak(serial: setup.consolePort ?? 0)
      case .input: break
      }
    }
    return nil
  }

  /// The guest has nothing to do until `until`, or for ever. Returns the exit code if the run ends here.
  private func idle(until: VirtualTime?) -> ExitCode? {
    flush()
    if let input, input.kind == .file, input.wantsToRead { input.read() }
    if feed() { return nil }
    let until = [until, automationTime].compactMap { $0 }.min()
    guard isAttended else {
      guard let until else { return halted() }
      machine.skipIdle(to: until)
      return nil
    }
    if until == nil && !machine.interruptsEnabled { return halted() }
    return waitForUser(until: until)
  }

  /// Somebody may still type.
  private var isAttended: Bool { vnc != nil || debugging.gdb != nil || input?.mayWait ?? false }

  private func halted() -> ExitCode {
    let why = machine.interruptsEnabled ? "no timer runs and no input is left" : "interrupts are disabled"
    note("the guest halted and nothing can wake it: \(why)")
    return .guestDied
  }

  /// Waits in real time for `until` or for input, whichever is first.
  private func waitForUser(until: VirtualTime?) -> ExitCode? {
    pacer.beginIdle(virtual: machine.now, real: Clock.monotonic)
    let wakeTime = until.map { pacer.realTime(of: $0) } ?? .max
    while true {
      let now = Clock.monotonic
      if let until, now >= wakeTime {
        machine.skipIdle(to: until)
        return nil
      }
      updateScreen(now)
      let next = min(wakeTime, realEnd, screenDeadline)
      let timeout = next == .max ? nil : next - min(next, now)
      // A negative descriptor is never ready.
      let console = Host.Interest(descriptor: input?.wantsToRead == true ? 0 : -1, reads: true)
      let viewers = vnc?.interests ?? []
      var ready = Host.wait(for: [console] + viewers + (debugging.gdb?.interests ?? []), timeout: timeout)
      if let end = pendingEnd() { return end }
      if let gdb = debugging.gdb {
        gdb.serve(Array(ready[(1 + viewers.count)...]))
        ready = Array(ready[...viewers.count])
        // What it asked for is done between two stretches of the run.
        if gdb.isStopped || gdb.wantsStop { return nil }
      }
      if ready[0].readable { input?.read() }
      // The guest's time advances to the moment of the input, which then wakes it.
      machine.skipIdle(to: min(pacer.virtualTime(at: Clock.monotonic), until ?? .max))
      let hasViewers = serve(Array(ready.dropFirst()))
      if let end = carryOutCommands() { return end }
      let hasKeys = expireKeys(Clock.monotonic)
      let hasInput = ready[0].readable && (input?.hasPending ?? false || input?.isOpen == false)
      guard hasKeys || hasInput || hasViewers else { continue }
      feed()
      return nil
    }
  }

  /// A line of the runner's own, after what the guest has written.
  func note(_ text: String) {
    showScreen(false)
    flush()
    Host.report("apus: \(text)")
  }

  private var statusLine: String {
    let wall = Clock.monotonic - realStart
    let statistics = machine.statistics
    return "apus: \(statistics.instructions) instructions, \(Text.seconds(machine.now)) s of guest time, "
      + "\(Text.seconds(wall)) s of real time, \(Text.seconds(Clock.processCPU)) s of CPU time, "
      + "\(statistics.blocksDecoded) blocks decoded\n"
  }

  private func finish(_ end: ExitCode) -> Int32 {
    // Whoever asked for the end waits for it; who set a limit gets the output that is taken soon.
    let isAsked = if case .signal = end { true } else { Signals.pendingExit != nil }
    let patience: Host.Patience = isAsked ? .short : end == .limitReached ? .atMost(1_000_000_000) : .endless
    let wasShown = display?.isShown ?? false
    showScreen(false)
    showEnd(ofScreen: wasShown && [.guestDied, .internalError, .limitReached].contains(end), patience)
    setup.console.finish(patience: patience)
    recorder?.finish(machine)
    if let recording = setup.recording {
      machine.drainSpeaker()
      recording.finish()
    }
    finishDebugging(end)
    for file in setup.files { file.flush(patience: patience) }
    Terminal.restore()
    if !isAsked { for disk in setup.disks { disk.finish() } }
    var code = end
    if !isAsked, let failure = saveLastScreenshot() {
      Host.report("apus: \(failure.message)")
      if code == .success || code == .scripted(0) { code = failure.code }
    }
    if !isAsked, let failure = saveAtEnd() {
      Host.report("apus: \(failure.message)")
      if [.success, .scripted(0), .limitReached].contains(code) { code = failure.code }
    }
    let failures = setup.disks.compactMap { $0.failure }
    if !failures.isEmpty {
      if !reportedDiskFailure { for failure in failures { Host.report("apus: \(failure)") } }
      if [.success, .scripted(0), .limitReached].contains(code) { code = .diskFailure }
    }
    if options.stats { reportStatistics() }
    if let rows = options.profileRows, let profile = machine.profile {
      let report = ProfileReport(profile, rows: rows, instructions: machine.instructions)
      for line in report.lines { Host.report(line) }
    }
    if options.stateHash { Host.report("state-hash: \(Text.hex(machine.stateHash()))") }
    if case .debugExit = code, code.status == options.successCode { return ExitCode.success.status }
    return code.status
  }

  private func reportStatistics() {
    let wall = Clock.monotonic - realStart
    let cpu = Clock.processCPU
    let statistics = machine.statistics
    let speed = cpu == 0 ? "-" : Text.fixed(Double(statistics.instructions) * 1000 / Double(cpu), places: 1)
    let rows = [
      ("instructions retired", String(statistics.instructions)),
      ("blocks decoded", String(statistics.blocksDecoded)),
      ("TLB fills", String(statistics.tlbFills)),
      ("guest time", Text.seconds(machine.now) + " s"),
      ("wall time", Text.seconds(wall) + " s"),
      ("CPU time", Text.seconds(cpu) + " s"),
      ("speed", speed + " million instructions per second of CPU time"),
    ]
    for (name, value) in rows {
      Host.report("stats: \(name)\(String(repeating: " ", count: 22 - name.count))\(value)")
    }
  }
}
