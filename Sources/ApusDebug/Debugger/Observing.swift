import ApusCPU
import ApusMachine

extension Machine {
  /// Runs `body` with an observer in the place of the one that there is. `sink` has got everything when this returns.
  func observing<R, E: Error>(
    _ kinds: EventKinds, _ sink: @escaping ([TimedEvent]) -> Void, _ body: () throws(E) -> R
  ) throws(E) -> R {
    let other = observer
    observer = Observer(kinds, sink)
    defer { observer = other }
    return try body()
  }

  /// What is told while `body` runs.
  func told<E: Error>(_ kinds: EventKinds, _ body: () throws(E) -> Void) throws(E) -> [TimedEvent] {
    var events: [TimedEvent] = []
    try observing(kinds, { events += $0 }, body)
    return events
  }
}
