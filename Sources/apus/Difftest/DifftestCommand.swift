import ApusDiff

/// `apus difftest`.
enum DifftestCommand {
  /// The word that starts the worker of the host oracle; not for users.
  static let workerWord = "difftest-worker"

  /// Does what the words after `difftest` ask and returns the exit status. Throws only `Failure`.
  @Sendable
  static func main(_ arguments: [String]) throws -> Int32 {
    Signals.ignoreBrokenPipes()
    let options = try DifftestOptions.parse(arguments)
    switch options.action {
    case .help:
      try DifftestOutput.write(DifftestOptions.help, to: "-")
      return ExitCode.success.status
    case .list: return try list(options)
    case .run:
      if case .vectors(let path) = options.oracle { return try VectorRun.run(path, options) }
      return try GeneratedRun(options, try makeOracle(options)).run()
    case .replay: return try replay(options)
    case .emit: return try CorpusWriter.emit(options, try makeOracle(options))
    }
  }

  /// Turns a failure of the tester into one of the program.
  static func failure(_ failure: DiffFailure) -> Failure {
    switch failure {
    case .badInput, .file: Failure(.badInput, failure.message)
    case .usage: Failure(.usage, failure.message)
    case .oracle, .unavailable: Failure(.hostResources, failure.message)
    }
  }

  static func checked<T>(_ body: () throws(DiffFailure) -> T) throws(Failure) -> T {
    do { return try body() } catch { throw failure(error) }
  }

  static func makeOracle(_ options: DifftestOptions) throws(Failure) -> any Oracle {
    if case .exec(let command) = options.oracle {
      return try checked { () throws(DiffFailure) in try ExecOracle(command: command) }
    }
    #if os(Linux) && arch(x86_64)
      return try checked { () throws(DiffFailure) in
        try HostOracle(program: "/proc/self/exe", arguments: [workerWord])
      }
    #else
      throw failure(.unavailable("host", "it needs Linux on an x86-64 processor"))
    #endif
  }

  static func settings(
    _ options: DifftestOptions, components: UInt64
  ) -> Generator.Settings {
    var settings = Generator.Settings()
    settings.seed = options.seed
    settings.provokesFaults = options.provokesFaults
    settings.sequenceInterval = options.sequenceInterval
    settings.comparesUndefinedFlags = options.comparesUndefinedFlags
    settings.components = components
    return settings
  }

  static func forms(
    _ options: DifftestOptions, oracle: (any Oracle)?
  ) throws(Failure) -> FormList {
    let list = FormList(
      mode: options.mode, patterns: options.patterns, features: oracle?.features,
      components: oracle?.components ?? ~0)
    guard !list.forms.isEmpty || !list.excluded.isEmpty else {
      throw Failure.usage("--forms", "no form of \(options.mode.name) contains that")
    }
    return list
  }

  private static func list(_ options: DifftestOptions) throws(Failure) -> Int32 {
    let list = try forms(options, oracle: nil)
    var text = ""
    for form in list.forms { text += form.name + "\n" }
    for (row, reason) in list.excluded { text += "# \(FormList.rowName(row)): \(reason)\n" }
    try DifftestOutput.write(text, to: "-")
    return ExitCode.success.status
  }

  /// Runs stored cases, against their own results or an oracle.
  private static func replay(_ options: DifftestOptions) throws(Failure) -> Int32 {
    var failed = false
    let oracle: (any Oracle)?
    switch options.oracle {
    case .host, .exec: oracle = try makeOracle(options)
    case .vectors, nil: oracle = nil
    }
    let subject = ModeSubjects()
    for path in options.paths {
      let bytes = try HostFile.load(path, limit: HostFile.largestImage)
      let cases = try checked { () throws(DiffFailure) in try CaseFileReader.read(bytes, file: path) }
      let replay = Replay(subject: subject, oracle: oracle)
      for stored in cases {
        guard
          let mismatch = try checked({ () throws(DiffFailure) in try replay.run(stored, file: path) })
        else { continue }
        failed = true
        try DifftestOutput.write(MismatchReport.text(mismatch, name: stored.name), to: "-")
      }
      try DifftestOutput.write("\(path): \(cases.count) cases\(failed ? "" : " agree")\n", to: "-")
    }
    return failed ? 1 : 0
  }
}

/// Files and streams that the command writes.
enum DifftestOutput {
  /// Writes text to a file that is created or replaced; `-` is standard output.
  static func write(_ text: String, to path: String) throws(Failure) {
    if path == "-" {
      let result = Host.write(Array(text.utf8), to: 1)
      guard result.error == 0 || Host.isBrokenPipe(result.error) else {
        throw Failure(
          .hostResources, "standard output: cannot be written: \(Host.text(forError: result.error))")
      }
      return
    }
    try HostFile.save(path, Array(text.utf8))
  }
}
