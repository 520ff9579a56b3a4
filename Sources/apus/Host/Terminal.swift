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
  // Standard output shows a screen of ours: set before the first byte of it and cleared before it is put
  // back.
  nonisolated(unsafe) private static var hasScreen: sig_atomic_t = 0

  /// The alternate screen, without automatic line ends.
  private static let enteringScreen = "\u{1B}[?1049h\u{1B}[?7l\u{1B}[0m\u{1B}[2J"
  /// Colours, line ends, cursor and its shape as they usually are, and the other screen.
  private static let leavingScreen: StaticString =
    "\u{1B}[0m\u{1B}[?7h\u{1B}[0 q\u{1B}[?25h\u{1B}[?1049l"

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
    register()
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

  /// Columns and rows of the terminal on standard output; nil if it does not say.
  static var size: (columns: Int, rows: Int)? {
    var size = winsize()
    guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Turns standard output to a screen of its own, which is blank.
  static func takeScreen() {
    guard hasScreen == 0 else { return }
    register()
    hasScreen = 1
    _ = Host.write(Array(enteringScreen.utf8), to: 1)
  }

  /// Puts back what was there before `takeScreen`.
  static func leaveScreen() {
    guard hasScreen != 0 else { return }
    hasScreen = 0
    let bytes = leavingScreen.withUTF8Buffer { Array($0) }
    _ = Host.write(bytes, to: 1, patience: .atMost(500_000_000))
  }

  private static func register() {
    guard !isRegistered else { return }
    isRegistered = true
    atexit { Terminal.restore() }
  }

  /// Puts the terminal back, if it is raw or shows a screen of ours.
  static func restore() {
    leaveScreen()
    guard isRaw != 0 else { return }
    isRaw = 0
    // A background process that sets attributes is stopped by SIGTTOU unless it ignores it.
    let previous = signal(SIGTTOU, SIG_IGN)
    tcsetattr(0, TCSANOW, &original)
    signal(SIGTTOU, previous)
  }

  /// The same from a fault handler: only calls that POSIX allows there ("Signal Concepts").
  static func restoreFromHandler() {
    if hasScreen != 0 {
      hasScreen = 0
      // A static string's bytes are constant data.
      _ = write(1, leavingScreen.utf8Start, leavingScreen.utf8CodeUnitCount)
    }
    guard isRaw != 0 else { return }
    isRaw = 0
    tcsetattr(0, TCSANOW, &original)
  }
}
