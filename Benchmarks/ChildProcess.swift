import Foundation

/// How a process ended.
struct Ending {
  /// As a shell says it: the exit status, or 128 and the signal.
  let status: Int32
  /// CPU time, user and system mode.
  let seconds: Double
  /// The greatest resident memory.
  let peakKilobytes: Int
  /// The last lines that it printed.
  let tail: [String]
}

/// Runs an emulator, with nothing at its standard input, and looks at what it prints.
struct ChildProcess {
  let command: [String]
  /// Seconds of real time after which it is ended.
  let timeout: Double

  /// Calls `line` with each line of standard output and error, and the CPU time that the process had taken when
  /// it came. What `line` throws ends the process.
  func run(
    _ line: (_ text: String, _ seconds: Double) throws(Failure) -> Void
  ) throws(Failure) -> Ending {
    let (process, output) = try start()
    defer { close(output) }
    let deadline = Self.now + timeout
    var lines = OutputLines()
    var status: Int32 = 0
    var usage = rusage()
    do throws(Failure) {
      try read(output, process, until: deadline, &lines, line)
      while !Interruption.hasEnded(process, &status, &usage) {
        if Self.now > deadline { throw timedOut }
        usleep(1000)
      }
    } catch {
      kill(-process, SIGKILL)
      while !Interruption.hasEnded(process, &status, &usage) { usleep(1000) }
      throw failure(error.message, lines.tail)
    }
    // Darwin counts bytes.
    let unit = MemoryLayout<Int>.size == 8 && Self.countsBytes ? 1024 : 1
    return Ending(
      status: status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F,
      seconds: Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime),
      peakKilobytes: Int(usage.ru_maxrss) / unit, tail: lines.tail)
  }

  /// What went wrong, with the end of the output.
  func failure(_ message: String, _ tail: [String]) -> Failure {
    let output = tail.isEmpty ? "it printed nothing" : "the last it printed:\n" + tail.joined(separator: "\n")
    return .check("\(message); \(output)\ncommand: \(command.joined(separator: " "))")
  }

  private var timedOut: Failure { .check("no end after \(Int(timeout)) s (--timeout)") }

  private func read(
    _ output: Int32, _ process: pid_t, until deadline: Double, _ lines: inout OutputLines,
    _ line: (_ text: String, _ seconds: Double) throws(Failure) -> Void
  ) throws(Failure) {
    var buffer = [UInt8](repeating: 0, count: 65536)
    var seconds = 0.0
    while true {
      var ready = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      let rest = deadline - Self.now
      guard rest > 0 else { throw timedOut }
      guard unsafe poll(&ready, 1, Int32(min(rest * 1000 + 1, 1e9))) > 0 else { continue }
      let count = unsafe Foundation.read(output, &buffer, buffer.count)
      // The one moment that counts: before anything is done with what came.
      seconds = HostCPU.seconds(of: process) ?? seconds
      guard count > 0 else { break }
      for text in lines.append(buffer[..<count]) { try line(text, seconds) }
    }
    if let text = lines.finish() { try line(text, seconds) }
  }

  /// The process and the reading end of its standard output and error.
  private func start() throws(Failure) -> (process: pid_t, output: Int32) {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { throw .check("no pipe: \(Self.errorText(errno))") }
    Self.forgetPeakMemory()
    var problem: Int32 = 0
    let process = Interruption.start {
      var process: pid_t = -1
      problem = spawn(ends, &process)
      return problem == 0 ? process : -1
    }
    close(ends[1])
    guard problem == 0 else {
      close(ends[0])
      throw .file("\(command[0]): cannot be started: \(Self.errorText(problem))")
    }
    return (process, ends[0])
  }

  private func spawn(_ ends: [Int32], _ process: inout pid_t) -> Int32 {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #else
      var actions = unsafe posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #endif
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
    for end in ends { unsafe posix_spawn_file_actions_addclose(&actions, end) }
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    // A group of its own, to end it with all it started; and no signals blocked.
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    var words: [UnsafeMutablePointer<CChar>?] = unsafe command.map { word in unsafe strdup(word) } + [nil]
    defer { unsafe words.forEach { word in unsafe free(word) } }
    return unsafe posix_spawn(&process, command[0], &actions, &attributes, &words, environ)
  }

  /// A process starts with the peak of the memory it is made from, which is this program's (Linux keeps it across
  /// exec): of a guest that ran here, more than that of an emulator. proc(5), clear_refs: 5 resets the peak.
  private static func forgetPeakMemory() {
    #if os(Linux)
      let file = unsafe open("/proc/self/clear_refs", O_WRONLY)
      guard file >= 0 else { return }
      _ = unsafe write(file, "5", 1)
      close(file)
    #endif
  }

  private static var countsBytes: Bool {
    #if canImport(Darwin)
      return true
    #else
      return false
    #endif
  }

  private static var now: Double {
    var value = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &value)
    return Double(value.tv_sec) + Double(value.tv_nsec) / 1e9
  }

  private static func seconds(_ value: timeval) -> Double {
    Double(value.tv_sec) + Double(value.tv_usec) / 1e6
  }

  private static func errorText(_ number: Int32) -> String { unsafe String(cString: strerror(number)) }
}
