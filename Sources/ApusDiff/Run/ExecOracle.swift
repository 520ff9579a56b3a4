#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Another emulator, as a program that answers the line protocol of FORMATS.md on its standard streams.
package final class ExecOracle: Oracle {
  package let name: String
  package private(set) var provenance = ""
  package private(set) var components: UInt64 = 7
  package let batches = [Batch()]
  package let features: HostFeatures? = nil
  private var process: pid_t = -1
  private var input: Int32 = -1
  private var output: Int32 = -1
  private var pending: [UInt8] = []

  /// Milliseconds that the program may take to start, and for one case.
  private static let startPatience: Int32 = 30_000
  private static let patience: Int32 = 10_000
  /// Longer answers are no answers.
  private static let lineLimit = 4096
  private static let answerLimit = 400

  /// Starts `command` with a shell and waits until it is ready.
  package init(command: String) throws(DiffFailure) {
    name = "exec \(command)"
    try start(command)
    try send("apus-difftest 1\n")
    let greeting = try line(Self.startPatience, expecting: "\"ready\"")
    guard greeting.hasPrefix("ready ") else { throw badAnswer(greeting, "\"ready\", components and a name") }
    let words = greeting.split(separator: " ", maxSplits: 2)
    guard words.count == 3, let value = UInt64(words[1], radix: 16), value & 1 != 0 else {
      throw badAnswer(greeting, "\"ready\", XCR0 in hexadecimal and a name")
    }
    components = value & 7
    provenance = String(words[2])
  }

  deinit {
    if input >= 0 { close(input) }
    if output >= 0 { close(output) }
    if process > 0 {
      kill(process, SIGKILL)
      waitpid(process, nil, 0)
    }
  }

  private func start(_ command: String) throws(DiffFailure) {
    var toProgram: [Int32] = [-1, -1]
    var fromProgram: [Int32] = [-1, -1]
    guard pipe(&toProgram) == 0, pipe(&fromProgram) == 0 else { throw .unavailable(name, "no pipe") }
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
    #else
      var actions = posix_spawn_file_actions_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, toProgram[0], 0)
    posix_spawn_file_actions_adddup2(&actions, fromProgram[1], 1)
    for end in toProgram + fromProgram { posix_spawn_file_actions_addclose(&actions, end) }
    var words: [UnsafeMutablePointer<CChar>?] =
      ["/bin/sh", "-c", command].map { (word: String) in strdup(word) } + [nil]
    defer { for word in words { free(word) } }
    let failed = posix_spawn(&process, "/bin/sh", &actions, nil, &words, environ)
    close(toProgram[0])
    close(fromProgram[1])
    input = toProgram[1]
    output = fromProgram[0]
    guard failed == 0 else {
      process = -1
      throw .oracle(name, "it cannot be started: \(String(cString: strerror(failed)))")
    }
    signal(SIGPIPE, SIG_IGN)
  }

  package func submit(_ batch: Batch) throws(DiffFailure) {}

  package func collect(_ batch: Batch) throws(DiffFailure) {
    for index in 0..<batch.count { try run(batch.caseRecord(index), batch.outcome(index)) }
  }

  private func run(
    _ record: UnsafeMutableRawPointer, _ outcome: UnsafeMutableRawPointer
  ) throws(DiffFailure) {
    let number: UInt64 = record.get(CaseRecord.number)
    try send(CaseFileWriter.text(record, name: String(number)) + "run\n")
    var lines: [String] = []
    repeat {
      lines.append(try line(Self.patience, expecting: "an answer to case \(number)"))
      guard lines.count <= Self.answerLimit else {
        throw badAnswer(lines[0], "at most 400 lines up to \"done\"")
      }
    } while lines.last != "done"
    let bytes = DifferentialRun.bytes(record, CaseRecord.size)
    do {
      let result = try CaseFileReader.readResults(lines, record: bytes, oracle: name)
      result.withUnsafeBytes { source in
        if let base = source.baseAddress { outcome.copyMemory(from: base, byteCount: OutcomeRecord.size) }
      }
    } catch {
      guard case .badInput(_, let place, let expectation) = error else { throw error }
      throw .oracle(name, "its answer to case \(number), \(place): expected \(expectation)")
    }
  }

  private func badAnswer(_ text: String, _ expectation: String) -> DiffFailure {
    .oracle(name, "it answered \"\(text.prefix(60))\" where \(expectation) was expected")
  }

  private func send(_ text: String) throws(DiffFailure) {
    let bytes = Array(text.utf8)
    var sent = 0
    while sent < bytes.count {
      let start = sent
      let count = bytes.withUnsafeBytes { raw in
        write(input, raw.baseAddress.map { $0 + start }, bytes.count - start)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .oracle(name, "it takes no more cases\(epitaph())") }
      sent += count
    }
  }

  /// The next line of its output.
  private func line(_ milliseconds: Int32, expecting what: String) throws(DiffFailure) -> String {
    while true {
      if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: pending[..<end], as: UTF8.self)
        pending.removeSubrange(...end)
        return line
      }
      guard pending.count <= Self.lineLimit else {
        throw badAnswer(String(decoding: pending, as: UTF8.self), "a line of at most 4096 bytes")
      }
      var entry = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, milliseconds) > 0 else {
        throw .oracle(name, "it is silent for \(milliseconds / 1000) s where \(what) was expected")
      }
      var chunk = [UInt8](repeating: 0, count: 4096)
      let count = read(output, &chunk, chunk.count)
      guard count > 0 else { throw .oracle(name, "it ended where \(what) was expected\(epitaph())") }
      pending += chunk[..<count]
    }
  }

  private func epitaph() -> String {
    var status: Int32 = 0
    for _ in 0..<100 {
      if process > 0, waitpid(process, &status, WNOHANG) == process {
        process = -1
        return status & 0x7F == 0 ? " (exit status \((status >> 8) & 0xFF))" : " (signal \(status & 0x7F))"
      }
      usleep(1000)
    }
    return ""
  }
}
