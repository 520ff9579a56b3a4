#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The few calls to the operating system that have no better home.
package enum Host {
  /// The system's text for an `errno` value.
  package static func text(forError number: Int32) -> String { String(cString: strerror(number)) }

  /// Ends the process; handlers registered with `atexit` run.
  static func exit(_ status: Int32) -> Never {
    #if canImport(Glibc)
      Glibc.exit(status)
    #elseif canImport(Musl)
      Musl.exit(status)
    #else
      Darwin.exit(status)
    #endif
  }

  /// Which of the standard streams were closed when the process started.
  struct StandardStreams { var hadInput = true }

  /// Opens `/dev/null` for each standard stream that is closed. Otherwise the next file opened, perhaps a
  /// disk image, would become standard output and receive the console's text.
  static func openStandardStreams() -> StandardStreams {
    var streams = StandardStreams()
    for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) == -1 && errno == EBADF {
      if descriptor == 0 { streams.hadInput = false }
      // The lowest free descriptor is taken, which is this one.
      _ = open("/dev/null", O_RDWR)
    }
    return streams
  }

  /// How a write ended: the bytes that were taken, and 0 or an `errno` value.
  struct Written: Equatable {
    var count = 0
    var error: Int32 = 0
  }

  /// How long a write may take.
  enum Patience {
    /// As long as it takes, until a signal asks the process to end (EINTR) or until this reading of the
    /// monotonic clock (ETIMEDOUT).
    case until(UInt64)
    /// So many nanoseconds, whatever signal comes: for last words.
    case atMost(UInt64)

    /// Until a signal.
    static let endless = Patience.until(.max)
    /// The last words of a process that has been asked to end.
    static let short = Patience.atMost(50_000_000)
  }

  /// Writes all of `bytes`, unless the patience ends before.
  static func write(_ bytes: [UInt8], to descriptor: Int32, patience: Patience = .endless) -> Written {
    let deadline: UInt64
    let heedsSignals: Bool
    switch patience {
    case .until(let time): (deadline, heedsSignals) = (time, true)
    case .atMost(let time): (deadline, heedsSignals) = (Clock.monotonic + time, false)
    }
    // A file always has room, and never blocks for long. Of anything else, at most PIPE_BUF at a time: after poll has
    // said that there is room, such a write does not block.
    let isFile = HostFile.isRegular(descriptor)
    let most = isFile ? 1 << 20 : 4096
    var result = Written()
    while result.count < bytes.count {
      if heedsSignals && Signals.pendingExit != nil { return Written(count: result.count, error: EINTR) }
      let now = deadline == .max ? 0 : Clock.monotonic
      guard now < deadline else { return Written(count: result.count, error: ETIMEDOUT) }
      let timeout = deadline == .max ? nil : deadline - now
      guard isFile || wait(reading: nil, writing: descriptor, timeout: timeout).writable else { continue }
      let start = result.count
      let length = min(bytes.count - start, most)
      // start ..< start + length lies within the array.
      let count = bytes.withUnsafeBytes { raw in
        posixWrite(descriptor, raw.baseAddress.map { $0 + start }, length)
      }
      if count >= 0 {
        result.count += count
      } else if errno != EINTR && errno != EAGAIN {
        result.error = errno
        return result
      }
    }
    return result
  }

  /// Whether a write ended because of a signal or its patience, not because the output failed.
  static func isInterruption(_ error: Int32) -> Bool { error == EINTR || error == ETIMEDOUT }

  /// Whether the reader of a pipe has gone.
  static func isBrokenPipe(_ error: Int32) -> Bool { error == EPIPE }

  /// The exit status of a process whose reader has gone, as if SIGPIPE had ended it.
  static let brokenPipe = ExitCode.signal(SIGPIPE)

  /// Writes a line to standard error, whatever becomes of it: there is no better place to report to.
  static func report(_ line: String) {
    _ = write(Array((line + "\n").utf8), to: 2, patience: Signals.pendingExit == nil ? .endless : .short)
  }

  /// Writes to standard error as it is.
  static func writeError(_ bytes: [UInt8]) {
    _ = write(bytes, to: 2, patience: Signals.pendingExit == nil ? .endless : .short)
  }

  /// Replaces the present line of the terminal on standard error; an empty text clears it.
  static func showStatus(_ text: String) {
    _ = write(Array("\r\u{1B}[K\(text)".utf8), to: 2, patience: .short)
  }

  struct Readiness {
    var readable = false
    var writable = false
  }

  /// Waits until a descriptor is ready, a signal comes, or `timeout` nanoseconds have passed; nil waits
  /// without limit. Ends early at any signal that `Signals` watches.
  static func wait(reading: Int32?, writing: Int32?, timeout: UInt64?) -> Readiness {
    var interests: [Interest] = []
    if let reading { interests.append(Interest(descriptor: reading, reads: true)) }
    if let writing { interests.append(Interest(descriptor: writing, writes: true)) }
    let ready = wait(for: interests, timeout: timeout)
    return Readiness(readable: ready.contains { $0.readable }, writable: ready.contains { $0.writable })
  }

  /// What to wait for on a descriptor.
  struct Interest {
    let descriptor: Int32
    var reads = false
    var writes = false
  }

  /// The same for several descriptors; the answer is in their order.
  static func wait(for interests: [Interest], timeout: UInt64?) -> [Readiness] {
    var entries = [pollfd(fd: Signals.wakeDescriptor, events: Int16(POLLIN), revents: 0)]
    for interest in interests {
      let events = (interest.reads ? POLLIN : 0) | (interest.writes ? POLLOUT : 0)
      entries.append(pollfd(fd: interest.descriptor, events: Int16(events), revents: 0))
    }
    guard pollEntries(&entries, timeout) > 0 else {
      return [Readiness](repeating: Readiness(), count: interests.count)
    }
    if entries[0].revents != 0 { Signals.clearWake() }
    return zip(interests, entries.dropFirst()).map { interest, entry in
      // Hang-up and error count as ready: the read or write that follows reports them.
      let other = Int32(entry.revents) & ~Int32(POLLIN | POLLOUT) != 0
      let (input, output) = (Int32(entry.revents) & Int32(POLLIN), Int32(entry.revents) & Int32(POLLOUT))
      return Readiness(
        readable: interest.reads && (input != 0 || other), writable: interest.writes && (output != 0 || other)
      )
    }
  }

  /// Poll counts milliseconds; waiting a little too long is made good by the next wait (`Pacer`).
  private static func pollEntries(_ entries: inout [pollfd], _ timeout: UInt64?) -> Int32 {
    let milliseconds = timeout.map { Int32(min($0 / 1_000_000 + ($0 % 1_000_000 == 0 ? 0 : 1), 1_000_000)) }
    return poll(&entries, nfds_t(entries.count), milliseconds ?? -1)
  }

  private static func posixWrite(_ descriptor: Int32, _ base: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Glibc)
      Glibc.write(descriptor, base, count)
    #elseif canImport(Musl)
      Musl.write(descriptor, base, count)
    #else
      Darwin.write(descriptor, base, count)
    #endif
  }
}
