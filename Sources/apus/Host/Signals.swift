#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Signals from outside. A handler only notes the signal and wakes a waiting `poll`; the run loop acts on it
/// between slices.
enum Signals {
  // Plain stored globals with constant initial values: static data, so a handler may touch them. All are
  // written by handlers on the one thread that there is.
  nonisolated(unsafe) private static var exitSignal: sig_atomic_t = 0
  nonisolated(unsafe) private static var stopRequested: sig_atomic_t = 0
  nonisolated(unsafe) private static var continued: sig_atomic_t = 0
  nonisolated(unsafe) private static var resized: sig_atomic_t = 0
  nonisolated(unsafe) private static var wakeRead: Int32 = -1
  nonisolated(unsafe) private static var wakeWrite: Int32 = -1

  /// The descriptor that becomes readable when a signal arrives; -1 before `install`.
  static var wakeDescriptor: Int32 { wakeRead }

  /// The signal that asks the process to end.
  static var pendingExit: Int32? { exitSignal == 0 ? nil : Int32(exitSignal) }

  /// Whether SIGTSTP asked the process to stop since the last call.
  static func takeStopRequest() -> Bool {
    defer { stopRequested = 0 }
    return stopRequested != 0
  }

  /// Whether the process was continued since the last call.
  static func takeContinued() -> Bool {
    defer { continued = 0 }
    return continued != 0
  }

  /// Whether the terminal's size changed since the last call.
  static func takeResized() -> Bool {
    defer { resized = 0 }
    return resized != 0
  }

  /// Starts noting signals. SIGHUP stays ignored if it was, as under nohup; a broken pipe is reported by
  /// `write` instead of a signal.
  static func install() {
    var ends: [Int32] = [-1, -1]
    if pipe(&ends) == 0 {
      for end in ends {
        _ = fcntl(end, F_SETFL, O_NONBLOCK)
        _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      }
      wakeRead = ends[0]
      wakeWrite = ends[1]
    }
    ignoreBrokenPipes()
    let hangupWasIgnored = isIgnored(SIGHUP)
    for number in [SIGINT, SIGTERM, SIGQUIT] { watch(number, noteExit) }
    if !hangupWasIgnored { watch(SIGHUP, noteExit) }
    watch(SIGTSTP, noteStop)
    watch(SIGCONT, noteContinue)
    watch(SIGWINCH, noteResize)
    unblock([SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH])
  }

  /// A write to a pipe without a reader fails instead of ending the process.
  static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

  /// Restores the terminal if the process dies of a fault of its own, then dies of it as it would have.
  static func restoreTerminalOnFault() {
    // The fault may be an overflowed stack, so the handler gets one of its own.
    let size = 64 * 1024
    var stack = stack_t()
    stack.ss_sp = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    stack.ss_size = size
    sigaltstack(&stack, nil)
    for number in [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT] {
      var action = sigaction()
      // The action is the default again by now; the signal waits until the handler returns.
      setFunction(&action) { number in
        Terminal.restoreFromHandler()
        raise(number)
      }
      action.sa_flags = Int32(bitPattern: UInt32(truncatingIfNeeded: SA_ONSTACK))
      action.sa_flags |= Int32(truncatingIfNeeded: SA_RESETHAND)
      sigaction(number, &action, nil)
      unblock([number])
    }
  }

  /// Undoes a mask inherited from whoever started the process: a blocked signal could not end the run.
  private static func unblock(_ numbers: [Int32]) {
    var set = sigset_t()
    sigemptyset(&set)
    for number in numbers { sigaddset(&set, number) }
    sigprocmask(SIG_UNBLOCK, &set, nil)
  }

  /// Empties the wake pipe.
  static func clearWake() {
    var sink: UInt64 = 0
    while read(wakeRead, &sink, 8) == 8 {}
  }

  /// Stops the process as SIGTSTP would have done, and returns when it continues.
  static func stopNow() { raise(SIGSTOP) }

  private static func wake() {
    let saved = errno
    var byte: UInt8 = 0
    _ = write(wakeWrite, &byte, 1)
    errno = saved
  }

  private static let noteExit: @convention(c) (Int32) -> Void = { number in
    exitSignal = sig_atomic_t(number)
    wake()
  }
  private static let noteStop: @convention(c) (Int32) -> Void = { _ in
    stopRequested = 1
    wake()
  }
  private static let noteContinue: @convention(c) (Int32) -> Void = { _ in
    continued = 1
    wake()
  }

  private static let noteResize: @convention(c) (Int32) -> Void = { _ in
    resized = 1
    wake()
  }

  /// Without SA_RESTART, so that a blocked write ends.
  private static func watch(_ number: Int32, _ function: @escaping @convention(c) (Int32) -> Void) {
    var action = sigaction()
    setFunction(&action, function)
    sigaction(number, &action, nil)
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    #if canImport(Glibc)
      let function = action.__sigaction_handler.sa_handler
    #elseif canImport(Musl)
      let function = action.__sa_handler.sa_handler
    #else
      let function = action.__sigaction_u.__sa_handler
    #endif
    return unsafeBitCast(function, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  private static func setFunction(
    _ action: inout sigaction, _ function: @escaping @convention(c) (Int32) -> Void
  ) {
    #if canImport(Glibc)
      action.__sigaction_handler.sa_handler = function
    #elseif canImport(Musl)
      action.__sa_handler.sa_handler = function
    #else
      action.__sigaction_u.__sa_handler = function
    #endif
  }
}
