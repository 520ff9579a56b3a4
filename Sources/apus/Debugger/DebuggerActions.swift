import ApusBase
import ApusCPU
import ApusDebug
import ApusMachine

// What the machine does.

extension DebuggerModel {
  /// The guest has nothing to do until a time, or for ever (nil).
  package struct Idle: Equatable, Sendable {
    package let until: VirtualTime?
  }

  // MARK: One step

  func stepOnce() {
    remember()
    attempt { () throws(MachineError) in settle(try debugger.step()) }
  }

  /// Over what comes back to the next instruction.
  func stepOver() {
    guard let address = debugger.returnAddress else { return stepOnce() }
    begin(.forward(to: address, above: machine.state.registers[4]))
  }

  func stepBack() {
    remember()
    attempt { () throws(MachineError) in settle(try debugger.stepBack()) }
  }

  private func attempt(_ body: () throws(MachineError) -> Void) {
    do throws(MachineError) { try body() } catch { halt(error.message) }
  }

  // MARK: Activities

  func begin(_ next: Activity) {
    remember()
    message = ""
    activity = next
    isResuming = true
    if case .forward(let address?, _) = next {
      wantedStops = debugger.stopPoints
      debugger.stopPoints.breakpoints.insert(address)
    }
  }

  /// Goes on with what is under way, for at most `slice` instructions. Returns that the guest idles, if it does; whoever
  /// calls passes that time with `passIdle`, or gives the guest input.
  package func advance() -> Idle? {
    guard let activity else { return nil }
    do throws(MachineError) {
      switch activity {
      case .forward(let address, let stack): return try forward(to: address, above: stack)
      case .back: try goBack()
      case .seek(let moment): return try seek(moment)
      }
    } catch {
      halt(error.message)
    }
    return nil
  }

  private func goBack() throws(MachineError) {
    let reason = try debugger.runBack()
    if debugger.history?.wasInterrupted ?? false { return halt("stopped") }
    settle(reason, isBackwards: true)
  }

  /// Through the history, and on from its end.
  private func seek(_ moment: UInt64) throws(MachineError) -> Idle? {
    if let history = debugger.history, debugger.isInPast || moment < machine.instructions {
      try history.seek(to: min(moment, history.end))
      if history.wasInterrupted {
        halt("stopped")
        return nil
      }
    }
    guard machine.instructions < moment, !debugger.isInPast else {
      halt(debugger.isInPast ? "" : "the present")
      return nil
    }
    let idle = try forward(to: nil, above: nil, within: moment - machine.instructions)
    if activity != nil && machine.instructions >= moment { halt("") }
    return activity == nil ? nil : idle
  }

  private func forward(
    to address: UInt64?, above stack: UInt64?, within count: UInt64 = .max
  ) throws(MachineError) -> Idle? {
    feedGuest()
    let wasInPast = debugger.isInPast
    let reason = try debugger.run(min(slice, count), isResuming: isResuming)
    isResuming = false
    switch reason {
    case .step:
      // The guest's input waits for the present, and so does the user.
      if wasInPast && !debugger.isInPast { settle(.historyEnd) }
    case .breakpoint(let met) where met == address && !(wantedStops?.breakpoints.contains(met) ?? false):
      // A deeper call of the same function has a lower stack.
      if let stack, machine.state.registers[4] < stack {
        isResuming = true
      } else {
        halt("")
      }
    case .idle(let until) where !debugger.isInPast:
      if until != nil || machine.interruptsEnabled { return Idle(until: until) }
      settle(reason)
    default: settle(reason)
    }
    return nil
  }

  /// Passes idle time.
  package func passIdle(to time: VirtualTime) { machine.skipIdle(to: time) }

  /// The machine stands still.
  package func halt(_ text: String) {
    if let wantedStops { debugger.stopPoints = wantedStops }
    wantedStops = nil
    activity = nil
    message = text
    machine.flushObserver()
    follow()
  }

  private func settle(_ reason: Debugger.Reason, isBackwards: Bool = false) {
    halt(text(reason, isBackwards))
  }

  private func text(_ reason: Debugger.Reason, _ isBackwards: Bool) -> String {
    switch reason {
    case .step: return ""
    case .breakpoint(let address): return "breakpoint at \(name(of: address))"
    case .watchpoint(let watch, let isWrite):
      let access = isWrite ? "writes" : "reads"
      return (isBackwards ? "the next instruction " : "the last instruction ") + access + " "
        + "what is watched at \(name(of: watch.start))"
    case .historyStart: return "the first moment of the history"
    case .historyEnd: return "the present: what follows has not been executed yet"
    case .idle(let until):
      guard until == nil else { return "the processor is halted until the next interrupt" }
      return machine.interruptsEnabled
        ? "the processor is halted: it waits for input"
        : "the processor is halted for ever: interrupts are disabled"
    case .ended(let stop): return text(stop)
    }
  }

  private func text(_ stop: Stop) -> String {
    switch stop {
    case .poweredOff: "the guest has switched the machine off"
    case .reset: "the guest has asked for a reset"
    case .debugExit(let value): "the guest wrote \(value) to the debug-exit port"
    case .tripleFault: "triple fault: the processor has shut down"
    case .unimplemented(let report): String(report.prefix { $0 != "\n" })
    case .budget, .idle, .paused: ""
    }
  }

  func name(of address: UInt64) -> String {
    let number = "0x" + String(address, radix: 16)
    return debugger.symbols.name(of: address).map { "\(number) <\($0)>" } ?? number
  }

  // MARK: Moments

  func scrub(forward: Bool) {
    let now = machine.instructions
    let target = forward ? (now &+ step < now ? .max : now + step) : now - min(step, now)
    go(to: target)
  }

  /// To a moment of the history; one that has not come yet is run to.
  func go(to moment: UInt64) {
    guard let history = debugger.history else { return }
    begin(.seek(max(moment, history.start)))
  }

  // MARK: Stop points

  func toggleBreakpoint() {
    let address = code.cursor
    if debugger.stopPoints.breakpoints.remove(address) == nil {
      debugger.stopPoints.breakpoints.insert(address)
    }
  }

  func clearStopPoints() {
    debugger.stopPoints = StopPoints()
    message = "no breakpoints and watchpoints"
  }

  /// `ADDRESS[,SIZE][,r|w|rw]`: a watchpoint that is not there is made, one that is there goes.
  func toggleWatch(_ text: String) {
    let parts = text.split(separator: ",").map { String($0.filter { $0 != " " }) }
    guard let first = parts.first, let address = AddressExpression.evaluate(first, debugger) else {
      return message = "'\(text)' is not an address"
    }
    if parts.count == 1, let index = debugger.stopPoints.watches.firstIndex(where: { $0.start == address }) {
      debugger.stopPoints.watches.remove(at: index)
      return message = "nothing is watched at \(name(of: address))"
    }
    var watch = Watch(address, size: 8)
    for part in parts.dropFirst() {
      switch part {
      case "r": (watch.onRead, watch.onWrite) = (true, false)
      case "w": (watch.onRead, watch.onWrite) = (false, true)
      case "rw": (watch.onRead, watch.onWrite) = (true, true)
      default:
        guard let size = UInt64(part), 1...4096 ~= size, address <= .max - (size - 1) else {
          return message = "'\(part)' is neither a size, 1 to 4096, nor r, w or rw"
        }
        watch.size = size
      }
    }
    debugger.stopPoints.watches.removeAll { $0.start == address }
    debugger.stopPoints.watches.append(watch)
    let kind = watch.onRead ? (watch.onWrite ? "reads and writes" : "reads") : "writes"
    message = "watching \(kind) of \(watch.size) bytes at \(name(of: address))"
  }

  // MARK: Input for the guest

  /// A byte typed on the guest's page.
  package func type(_ byte: UInt8) {
    if showsScreen {
      for chord in guestKeys.feed(byte) { typist.type(chord, pace: Typist.livePace) }
    } else {
      typed.append(byte)
    }
    if debugger.isInPast {
      message = "the guest gets input in the present: Ctrl-A End goes there"
    } else {
      feedGuest()
    }
  }

  /// An ESC that nothing follows is a key.
  package func expireGuestKeys() {
    for chord in guestKeys.finish() { typist.type(chord, pace: Typist.livePace) }
  }

  /// Gives the guest what it has room for.
  package func feedGuest() {
    guard !debugger.isInPast else { return }
    if !typed.isEmpty, let port {
      typed.removeFirst(min(machine.receive(typed, serial: port), typed.count))
    } else {
      typed.removeAll()
    }
    if let codes = typist.take(at: machine.now, room: machine.typingRoom) { _ = machine.type(codes) }
  }

  /// When the guest's keyboard has room for more, nil if nothing waits.
  package var typingTime: VirtualTime? {
    [typist.deadline(room: machine.typingRoom), typist.end(after: machine.now)].compactMap { $0 }.min()
  }
}
