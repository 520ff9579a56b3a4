import ApusDebug
import ApusMachine

// A session whose guest is debugged, traced or examined.

/// What looks into the guest of a session.
struct SessionDebugging {
  var history: History?
  var gdb: GDBListener?
  var tracer: Tracer?
  var symbols = SymbolTable()
}

extension Session {
  /// Sets up what the options ask for. A machine that cannot go back is debugged forwards alone.
  static func debugging(
    _ options: Options, _ machine: Machine, _ setup: Setup
  ) throws(Failure) -> SessionDebugging {
    var debugging = SessionDebugging()
    if let path = options.symbols { debugging.symbols = try SymbolFile.load(path) }
    if options.goesBack {
      do throws(MachineError) {
        let history = try History(machine)
        let gate = setup.gate
        history.onReplay = { gate.isClosed = $0 }
        debugging.history = history
      } catch {
        Host.report("apus: there will be no way back: \(error.message)")
      }
    }
    if let address = options.gdb {
      let debugger = Debugger(machine, debugging.history)
      debugger.symbols = debugging.symbols
      debugging.gdb = try GDBListener(debugger, address, waits: options.waitsForGDB)
    }
    guard !options.trace.kinds.isEmpty else { return debugging }
    let file = setup.traceOutput
    debugging.tracer = Tracer(machine, options.trace.settings, debugging.symbols) { bytes in
      guard let file else { return Host.writeError(bytes) }
      file.send(bytes)
    }
    return debugging
  }

  /// Whether the guest does what it has done before: then it gets nothing new.
  var isInPast: Bool { debugging.history?.isInPast ?? false }

  /// Runs the guest for a stretch, as debuggers want it.
  func advance(_ budget: UInt64) throws(MachineError) -> Stop {
    if let gdb = debugging.gdb {
      defer { gdb.send() }
      return try gdb.target.run(budget)
    }
    guard let history = debugging.history else {
      guard let tracer = debugging.tracer else { return machine.run(instructions: budget) }
      tracer.update()
      return machine.run(instructions: min(budget, tracer.nextChange - machine.instructions))
    }
    return try history.run(instructions: budget)
  }

  /// Looks after GDB; while it wants the guest to stand still, waits for it. Returns the exit code if the run ends here.
  func serveDebugger() -> ExitCode? {
    guard let gdb = debugging.gdb else { return nil }
    gdb.serve(Host.wait(for: gdb.interests, timeout: 0))
    while gdb.isStopped && !gdb.isKilled {
      flush()
      let ready = Host.wait(for: gdb.interests, timeout: nil)
      if let end = pendingEnd() { return end }
      gdb.serve(ready)
    }
    return gdb.isKilled ? .success : nil
  }

  /// Ends what looks into the guest.
  func finishDebugging(_ end: ExitCode) {
    debugging.gdb?.finish()
    debugging.tracer?.finish()
    guard options.autopsy, [.guestDied, .limitReached, .internalError].contains(end) else { return }
    let debugger = Debugger(machine, debugging.history)
    debugger.symbols = debugging.symbols
    for line in Autopsy(debugger).lines() { Host.report(line) }
  }
}
