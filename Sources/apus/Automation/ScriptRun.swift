import ApusBase
import ApusMachine

/// What a script sees of a machine and does to it.
package protocol ScriptStage: AnyObject {
  /// The guest's time.
  var scriptTime: VirtualTime { get }
  /// Moves on when the screen may have changed.
  var screenChanges: UInt64 { get }
  /// The lines of the screen in UTF-8, empty if it shows no text.
  func screenText() -> String
  /// Whether a text has come over the serial port; what comes up to its end is then past.
  func takeSerial(_ text: String) -> Bool
  func type(_ chords: [Chord])
  func moveMouse(right: Int, down: Int, wheel: Int, buttons: UInt8)
  /// Whether everything has been typed.
  var hasTyped: Bool { get }
  func saveScreenshot(_ path: String) throws(Failure)
  func saveScreenText(_ path: String?) throws(Failure)
}

/// A script on its way. It looks at nothing but the guest's time and state, so runs repeat.
package struct ScriptRun {
  /// Nanoseconds of guest time between two looks at a screen that changes.
  private static let interval: UInt64 = 1_000_000

  private let script: Script
  private var next = 0
  /// When the present step ends at the latest; nil before it has begun.
  private var deadlineOfStep: VirtualTime?
  private var hasTypedStep = false
  private var lastLook: (time: VirtualTime, changes: UInt64)?

  package init(_ script: Script) { self.script = script }

  /// When something has to be done even if nothing happens; nil if nothing has.
  package var deadline: VirtualTime? { deadlineOfStep }

  /// Whether the script waits for something that an ended guest will not show any more.
  package var isWaiting: Bool {
    guard next < script.steps.count, case .wait = script.steps[next].action else { return false }
    return true
  }

  /// Does the steps that can be done now. Returns the exit code if the script ends the run; throws what
  /// failed.
  package mutating func advance(_ stage: some ScriptStage) throws(Failure) -> ExitCode? {
    while next < script.steps.count {
      let step = script.steps[next]
      let now = stage.scriptTime
      switch step.action {
      case .wait(let source, let text, let limit):
        let end = deadlineOfStep ?? now.later(by: limit)
        deadlineOfStep = end
        guard isShown(text, source, stage, isLast: now >= end) else {
          if now >= end {
            throw failure(step, "within \(Text.fixed(Double(limit) / 1e9, places: 1)) s of guest time")
          }
          return nil
        }
      case .sleep(let time):
        let end = deadlineOfStep ?? now.later(by: time)
        deadlineOfStep = end
        guard now >= end else { return nil }
      case .type(let chords):
        if !hasTypedStep { stage.type(chords) }
        hasTypedStep = true
        guard stage.hasTyped else { return nil }
      case .mouse(let right, let down, let wheel, let buttons):
        stage.moveMouse(right: right, down: down, wheel: wheel, buttons: buttons)
      case .screenshot(let path): try stage.saveScreenshot(path)
      case .screenText(let path): try stage.saveScreenText(path)
      case .exit(let code): return .scripted(code)
      }
      next += 1
      deadlineOfStep = nil
      hasTypedStep = false
      lastLook = nil
    }
    return nil
  }

  /// The failure of the step that waits when the guest has ended.
  package var failureAtEnd: Failure? {
    isWaiting ? failure(script.steps[next], "before the guest ended") : nil
  }

  private func failure(_ step: Script.Step, _ when: String) -> Failure {
    guard case .wait(let source, let text, _) = step.action else {
      return Failure(.internalError, "\(script.name):\(step.line): this step waits for nothing")
    }
    let place = source == .screen ? "on the screen" : "on the serial port"
    let shown = text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
    return Failure(.scriptFailed, "\(script.name):\(step.line): '\(shown)' did not appear \(place) \(when)")
  }

  private mutating func isShown(
    _ text: String, _ source: Script.Source, _ stage: some ScriptStage, isLast: Bool
  ) -> Bool {
    guard source == .screen else { return stage.takeSerial(text) }
    let changes = stage.screenChanges
    if let lastLook, !isLast {
      guard changes != lastLook.changes, stage.scriptTime >= lastLook.time.later(by: Self.interval) else {
        return false
      }
    }
    lastLook = (stage.scriptTime, changes)
    return Bytes.end(of: Array(text.utf8), in: Array(stage.screenText().utf8), from: 0) != nil
  }
}
