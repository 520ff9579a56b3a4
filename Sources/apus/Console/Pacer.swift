/// Keeps an idle guest's time to real time. All times are in nanoseconds.
///
/// While the guest is busy its time follows its instructions; while it idles, it waits until real time has
/// caught up. A small lag, as from late timers, is made good; a large one, as from a long computation, is
/// forgotten, so that a `sleep 1` after it still lasts a second.
package struct Pacer {
  /// The largest lag of guest time that is made good.
  package static let largestLag: UInt64 = 20_000_000

  private var realStart: UInt64 = 0
  private var virtualStart: UInt64 = 0

  package init() {}

  /// The guest, at `virtual`, becomes idle at the real time `real`.
  package mutating func beginIdle(virtual: UInt64, real: UInt64) {
    let realElapsed = real &- realStart
    let virtualElapsed = virtual &- virtualStart
    let lag = realElapsed &- virtualElapsed
    if real < realStart || virtual < virtualStart || realElapsed < virtualElapsed || lag > Self.largestLag {
      realStart = real
      virtualStart = virtual
    }
  }

  /// The real time at which an idle guest reaches `virtual`.
  package func realTime(of virtual: UInt64) -> UInt64 {
    guard virtual > virtualStart else { return realStart }
    let (sum, overflow) = realStart.addingReportingOverflow(virtual - virtualStart)
    return overflow ? .max : sum
  }

  /// The guest time that an idle guest has at the real time `real`.
  package func virtualTime(at real: UInt64) -> UInt64 {
    guard real > realStart else { return virtualStart }
    let (sum, overflow) = virtualStart.addingReportingOverflow(real - realStart)
    return overflow ? .max : sum
  }
}
