import Foundation

/// Ends this program at SIGINT, SIGTERM and SIGHUP without leaving an emulator behind. A thread waits for the
/// signals, which are blocked everywhere else; so what it does needs not be safe in a signal handler.
enum Interruption {
  private static let lock = NSLock()
  // Both only under the lock.
  nonisolated(unsafe) private static var child: pid_t = 0
  nonisolated(unsafe) private static var directories: [String] = []

  /// To be called before there is another thread, which would not have the signals blocked.
  static func watch() {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for signal in [SIGINT, SIGTERM, SIGHUP] { unsafe sigaddset(&signals, signal) }
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    Thread.detachNewThread { [signals] in
      var signals = signals
      var signal: Int32 = 0
      while unsafe sigwait(&signals, &signal) != 0 {}
      // Never unlocked: nothing starts another child, and the end of this one is not taken for its failure.
      lock.lock()
      let process = unsafe child
      if process > 0 { kill(-process, SIGKILL) }
      for directory in unsafe directories { try? FileManager.default.removeItem(atPath: directory) }
      exit(128 + signal)
    }
  }

  /// Starts a process, which is in a group of its own, by `body`, and ends it if a signal comes.
  static func start(_ body: () -> pid_t) -> pid_t {
    lock.withLock {
      let process = body()
      unsafe child = max(0, process)
      return process
    }
  }

  /// Asks for the end of the process, without waiting. Its identifier may be another's as soon as this returns
  /// true.
  static func hasEnded(_ process: pid_t, _ status: inout Int32, _ usage: inout rusage) -> Bool {
    lock.withLock {
      let ended = unsafe wait4(process, &status, WNOHANG, &usage) == process
      if ended { unsafe child = 0 }
      return ended
    }
  }

  /// Makes a directory that is removed at the end of `body`, or if a signal comes.
  static func withTemporaryDirectory<Result>(
    _ body: (String) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("apus-benchmarks-\(UUID().uuidString)").path
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    } catch {
      throw .file("\(path): cannot be made")
    }
    lock.withLock { unsafe directories.append(path) }
    defer {
      try? FileManager.default.removeItem(atPath: path)
      lock.withLock { unsafe directories.removeAll { $0 == path } }
    }
    return try body(path)
  }
}
