#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The terminal on standard input: raw while the guest runs, and as it was on every way out.
enum Terminal {
  // Static data, for the fault handler. `isRaw` is set after `original` is complete and cleared before the
  // attributes are put back, so a handler never uses a half-written value.
  nonisolated(unsafe) private static var original = termios()
  nonisolated(unsafe) private static var isRaw: sig_atomic_t = 0
  nonisolated(unsafe) private static var isRegistered = false

  /// Whether `descriptor` is a terminal.
  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// Whether the process may read the terminal on standard input: a background job may not.
  static var isForeground: Bool {
    let group = tcgetpgrp(0)
    return group == -1 || group == getpgrp()
  }

  /// Gives every key to the guest: no echo, no line editing, no signals. Output processing stays, so that
  /// a guest's bare line feed starts a new line.
  static func makeRaw() {
    guard isRaw == 0, isForeground, tcgetattr(0, &original) == 0 else { return }
    if !isRegistered {
      isRegistered = true
      atexit { Terminal.restore() }
    }
    isRaw = 1
    apply()
  }

  /// Makes the terminal raw again after the process was stopped: the shell has changed it meanwhile.
  static func resume() {
    if isRaw == 0 { return makeRaw() }
    if isForeground { apply() }
  }

  private static func apply() {
    var raw = original
    raw.c_iflag &= ~tcflag_t(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON)
    raw.c_lflag &= ~tcflag_t(ECHO | ECHONL | ICANON | IEXTEN | ISIG)
    raw.c_cflag &= ~tcflag_t(CSIZE | PARENB)
    raw.c_cflag |= tcflag_t(CS8)
    withUnsafeMutableBytes(of: &raw.c_cc) { codes in
      // c_cc is a tuple of NCCS bytes, and VMIN and VTIME are below NCCS.
      codes[Int(VMIN)] = 1
      codes[Int(VTIME)] = 0
    }
    tcsetattr(0, TCSADRAIN, &raw)
  }

  /// Puts the terminal back, if it is raw.
  static func restore() {
    guard isRaw != 0 else { return }
    isRaw = 0
    // A background process that sets attributes is stopped by SIGTTOU unless it ignores it.
    let previous = signal(SIGTTOU, SIG_IGN)
    tcsetattr(0, TCSANOW, &original)
    signal(SIGTTOU, previous)
  }

  /// The same from a fault handler: only calls that POSIX allows there ("Signal Concepts").
  static func restoreFromHandler() {
    guard isRaw != 0 else { return }
    isRaw = 0
    tcsetattr(0, TCSANOW, &original)
  }
}
