/// Counts the host instructions of a process, in user mode.
package struct HostInstructions {
  package enum Counter {
    /// By the processor's counters, at full speed.
    case perf(String)
    /// By a translation of the process.
    case valgrind(String)
  }

  package let counter: Counter

  /// Perf where the host has counters, which virtual machines often have not; else valgrind.
  package init() throws(Failure) {
    if let perf = PackageFiles.program("perf"), let `true` = PackageFiles.program("true") {
      let candidate = HostInstructions(counter: .perf(perf))
      if (try? candidate.count([`true`], status: 0, timeout: 10)) != nil {
        self = candidate
        return
      }
    }
    guard let valgrind = PackageFiles.program("valgrind") else {
      throw .file("--count: perf cannot count here, and valgrind is not installed")
    }
    self.init(counter: .valgrind(valgrind))
  }

  package init(counter: Counter) { self.counter = counter }

  package var text: String {
    switch counter {
    case .perf: "perf"
    case .valgrind: "valgrind"
    }
  }

  package func count(_ command: [String], status: Int32, timeout: Double) throws(Failure) -> UInt64 {
    let process = ChildProcess(command: prefix + command, timeout: timeout)
    var count: UInt64?
    let ending = try process.run { line, _ in count = self.count(line) ?? count }
    guard ending.status == status else {
      throw process.failure("it ended with status \(ending.status), not \(status)", ending.tail)
    }
    guard let count else { throw process.failure("\(text) gave no count", ending.tail) }
    return count
  }

  private var prefix: [String] {
    switch counter {
    case .perf(let path): [path, "stat", "-x,", "-e", "instructions:u", "--"]
    // Cachegrind without its cache counts instructions and nothing else. A profile is not wanted.
    case .valgrind(let path):
      [path, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    }
  }

  /// The count that a line says: `1234,,instructions:u,…` of perf, `==9== I   refs:      1,234` of valgrind.
  package func count(_ line: String) -> UInt64? {
    switch counter {
    case .perf:
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      return fields.count > 2 && fields[2].hasPrefix("instructions") ? UInt64(fields[0]) : nil
    case .valgrind:
      let words = line.split(separator: " ")
      guard words.count == 4, words[0].hasPrefix("=="), words[1] == "I", words[2] == "refs:" else {
        return nil
      }
      return UInt64(words[3].filter { $0 != "," })
    }
  }
}
