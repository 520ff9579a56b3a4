import ApusBase
import ApusMachine

// Running the guest until something has happened.

extension GuestFixture {
  /// What a function that waits says when it is asked between slices.
  enum Look {
    case done
    /// Not yet. It has to be asked again at this time of the guest's even if the guest sleeps; nil if only the guest can
    /// bring what is waited for.
    case notYet(VirtualTime?)
  }

  /// Runs the guest until `look` is done; returns why that will not happen, nil if it has. A guest that sleeps sleeps on
  /// without taking time of the host's.
  func proceed(
    until deadline: VirtualTime, instructions last: UInt64 = .max, _ look: () -> Look
  ) -> GuestFailure.Reason? {
    // What had come when the guest halted for good.
    var inputsAtHalt: Int?
    while case .notYet(let wake) = look() {
      if let end { return .ended(end) }
      if inputsAtHalt == inputs.entries.count { return .halted }
      inputsAtHalt = nil
      let (now, executed) = (machine.now, machine.instructions)
      guard now < deadline else { return .timeUp }
      guard executed < instructionLimit else { return .instructionLimit }
      if shouldStop() { return .stopped }
      let budget = min(
        Self.slice - executed % Self.slice, instructionLimit - executed, last - executed, deadline - now)
      if case .idle(let until) = machine.run(instructions: budget) {
        if let next = [until, wake].compactMap({ $0 }).min() {
          machine.skipIdle(to: min(next, deadline))
          settle()
        } else {
          inputsAtHalt = inputs.entries.count
        }
      }
      inputs.check(machine)
    }
    return nil
  }

  /// The time `seconds` from now.
  func deadline(_ seconds: Double) -> VirtualTime {
    machine.now.later(by: seconds > 0 ? UInt64(min(seconds * 1e9, 1e18)) : 0)
  }

  /// Runs the guest until `text` has come over a serial port (0 for COM1), for so many seconds of the guest's time at
  /// most. What was sent before counts, but for what earlier waits have found. Returns what came since then, up to the
  /// end of the text.
  @discardableResult
  public func waitForSerial(
    _ text: String, port: Int = 0, within seconds: Double = 60
  ) throws(GuestFailure) -> String {
    let what = "'\(text)' on COM\(port + 1)"
    guard ports.indices.contains(port) else { throw failure(what, .misuse("there are ports 0 to 3")) }
    return try wait(for: text, from: ports[port], what, seconds)
  }

  /// The same for what is written to ports E9h and 402h.
  @discardableResult
  public func waitForDebugConsole(_ text: String, within seconds: Double = 60) throws(GuestFailure) -> String
  {
    try wait(for: text, from: debugPort, "'\(text)' on the debug console", seconds)
  }

  private func wait(
    for text: String, from log: OutputLog, _ what: String, _ seconds: Double
  ) throws(GuestFailure) -> String {
    let wanted = Array(text.utf8)
    log.begin()
    var found: [UInt8]?
    let reason = proceed(until: deadline(seconds)) {
      found = log.take(wanted)
      return found == nil ? .notYet(nil) : .done
    }
    guard let found else { throw failure(what, reason ?? .timeUp) }
    return String(decoding: found, as: UTF8.self)
  }

  /// Runs the guest until `text` stands on the screen, within a line or, with line feeds, over several.
  public func waitForScreen(_ text: String, within seconds: Double = 60) throws(GuestFailure) {
    let what = "'\(text)' on the screen"
    guard let screen = machine.screen else { throw failure(what, .misuse("the machine has no screen")) }
    let wanted = Array(text.utf8)
    func isShown() -> Bool {
      Bytes.end(of: wanted, in: Array((screenText ?? "").utf8), from: 0) != nil
    }
    // A screen that scrolls changes all the time.
    let interval: UInt64 = 1_000_000
    var last: (time: VirtualTime, changes: UInt64)?
    let reason = proceed(until: deadline(seconds)) {
      if let last, screen.changeCount == last.changes || machine.now < last.time.later(by: interval) {
        return .notYet(nil)
      }
      last = (machine.now, screen.changeCount)
      return isShown() ? .done : .notYet(nil)
    }
    guard let reason, !isShown() else { return }
    throw failure(what, reason)
  }

  /// Runs the guest until it ends, and returns how.
  @discardableResult
  public func waitForEnd(within seconds: Double = 60) throws(GuestFailure) -> GuestEnd {
    let reason = proceed(until: deadline(seconds)) { .notYet(nil) }
    guard let end else { throw failure("the end of the run", reason ?? .timeUp) }
    return end
  }

  /// Runs the guest until `condition` holds, which is asked after every 20,000 instructions or fewer; `what` names it in
  /// a failure.
  public func wait(
    for what: String, within seconds: Double = 60, until condition: (GuestFixture) -> Bool
  ) throws(GuestFailure) {
    let reason = proceed(until: deadline(seconds)) { condition(self) ? .done : .notYet(nil) }
    if let reason { throw failure(what, reason) }
  }

  /// Runs the guest for so many instructions exactly, over whatever it waits for.
  public func run(instructions count: UInt64) throws(GuestFailure) {
    let (sum, overflow) = machine.instructions.addingReportingOverflow(count)
    let last = overflow ? .max : sum
    let reason = proceed(until: .never, instructions: last) {
      machine.instructions >= last ? .done : .notYet(nil)
    }
    if let reason { throw failure("\(count) instructions", reason) }
  }

  /// Runs the guest for so many seconds of its time, which also pass while it is halted.
  public func run(seconds: Double) throws(GuestFailure) {
    let deadline = deadline(seconds)
    let reason = proceed(until: deadline) { machine.now >= deadline ? .done : .notYet(deadline) }
    if let reason { throw failure("\(seconds) s of guest time", reason) }
  }
}
