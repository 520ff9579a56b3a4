import Foundation

/// The host's processors, and which of them a thread may run on.
package enum HostCPU {
  /// Those that this process may run on, in ascending order. None where the host does not say.
  static var allowed: [Int] {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    for line in status.split(separator: "\n") where line.hasPrefix("Cpus_allowed_list:") {
      return list(line.drop { $0 != ":" }.dropFirst().trimmingCharacters(in: .whitespaces))
    }
    return []
  }

  /// The numbers of a list such as "0-3,8".
  package static func list(_ text: String) -> [Int] {
    text.split(separator: ",").flatMap { part -> [Int] in
      let ends = part.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, first <= last else { return [] }
      return Array(first...last)
    }
  }

  /// CPU time of a process and all its threads, user and system mode, in seconds. Nil if it has ended and is
  /// forgotten.
  static func seconds(of process: pid_t) -> Double? {
    #if os(Linux)
      var clock = clockid_t()
      var value = timespec()
      guard unsafe clock_getcpuclockid(process, &clock) == 0, unsafe clock_gettime(clock, &value) == 0 else {
        return nil
      }
      return Double(value.tv_sec) + Double(value.tv_nsec) / 1e9
    #else
      return nil
    #endif
  }

  /// CPU time of this process.
  static var ownSeconds: Double {
    var value = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &value)
    return Double(value.tv_sec) + Double(value.tv_nsec) / 1e9
  }

  /// As the host names its processor.
  static var model: String {
    for line in (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    where line.hasPrefix("model name") {
      return line.drop { $0 != ":" }.dropFirst().trimmingCharacters(in: .whitespaces)
    }
    return "unknown"
  }
}

/// What the emulators are pinned to. By taskset: glibc's calls for it are not among those that Swift imports.
struct Pinning {
  /// Nil if they are not.
  let cpu: Int?
  /// What stands before an emulator's command line.
  let prefix: [String]
  private let taskset: String?
  private let others: [Int]

  /// `cpu` is the one asked for; nil takes the last that this process may use.
  init(_ cpu: Int?) throws(Failure) {
    taskset = PackageFiles.program("taskset")
    let allowed = HostCPU.allowed
    guard let taskset, let last = allowed.last else {
      guard cpu == nil else { throw .file("--cpu: taskset is not installed, or this host does not pin") }
      self.cpu = nil
      prefix = []
      others = []
      return
    }
    let chosen = cpu ?? last
    guard allowed.contains(chosen) else { throw .usage("--cpu \(chosen): this process may not run there") }
    self.cpu = chosen
    prefix = [taskset, "-c", String(chosen)]
    others = allowed.filter { $0 != chosen }
    // This program reads the emulator's clock while that runs on, so it must not wait for its turn.
    move(to: others)
  }

  /// Runs `body` in this process on the CPU of the emulators.
  func pinned<Result>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    if let cpu { move(to: [cpu]) }
    defer { move(to: others) }
    return try body()
  }

  /// Lets this thread, the process's first, run on these alone.
  private func move(to cpus: [Int]) {
    guard let taskset, !cpus.isEmpty else { return }
    let list = cpus.map(String.init).joined(separator: ",")
    let command = [taskset, "-pc", list, String(getpid())]
    _ = try? ChildProcess(command: command, timeout: 10).run { _, _ in }
  }

  var text: String {
    cpu.map { "emulators pinned to CPU \($0)" } ?? "emulators not pinned (taskset is not installed)"
  }
}
