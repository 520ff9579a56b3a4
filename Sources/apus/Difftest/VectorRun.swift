import ApusDiff

/// `apus difftest --oracle vectors PATH`: captured vectors instead of an oracle that answers.
enum VectorRun {
  /// Runs every file of vectors at `path`, which is a file or a directory of files.
  static func run(_ path: String, _ options: DifftestOptions) throws(Failure) -> Int32 {
    let names = HostFile.isDirectory(path) ? try HostFile.names(in: path) : nil
    let files = (names ?? [""]).map { $0.isEmpty ? path : "\(path)/\($0)" }
      .filter { names == nil || isMOO($0) || $0.hasSuffix(".cases") }
    guard !files.isEmpty else { throw .badInput(path, "has neither MOO files nor .cases files") }
    var counts = (agreed: 0, leftOut: 0, differed: 0)
    var shown = 0
    let machine = RealModeVectors()
    let subject = ModeSubjects()
    for file in files {
      let bytes = try HostFile.load(file, limit: HostFile.largestImage)
      let differences =
        isMOO(file)
        ? try moo(bytes, file, machine, &counts) : try cases(bytes, file, subject, &counts)
      for text in differences where shown < options.sampleLimit {
        shown += 1
        try DifftestOutput.write(text, to: "-")
      }
    }
    try DifftestOutput.write(
      "\(files.count) files: \(counts.agreed) vectors agree, \(counts.leftOut) are left out, "
        + "\(counts.differed) mismatches\n", to: "-")
    return counts.differed == 0 ? 0 : 1
  }

  private static func isMOO(_ path: String) -> Bool {
    let name = path.uppercased()
    return name.hasSuffix(".MOO") || name.hasSuffix(".MOO.GZ")
  }

  private static func moo(
    _ bytes: [UInt8], _ file: String, _ machine: RealModeVectors,
    _ counts: inout (agreed: Int, leftOut: Int, differed: Int)
  ) throws(Failure) -> [String] {
    let tests = try DifftestCommand.checked { () throws(DiffFailure) in
      try MOOFile(bytes, name: file).tests
    }
    let directory = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "."
    let name = file.lastIndex(of: "/").map { String(file[file.index(after: $0)...]) } ?? file
    var opcode = name
    for suffix in [".gz", ".MOO", ".moo"] where opcode.hasSuffix(suffix) {
      opcode.removeLast(suffix.count)
    }
    let metadataPath = directory + "/metadata.json"
    let metadata = try HostFile.load(metadataPath, limit: HostFile.largestImage)
    let mask = try DifftestCommand.checked { () throws(DiffFailure) in
      try RealModeVectors.flagMask(metadata: metadata, file: metadataPath, opcode: opcode)
    }
    var differences: [String] = []
    for test in tests {
      switch machine.run(test, opcode: opcode, flagMask: mask) {
      case .agrees: counts.agreed += 1
      case .leftOut: counts.leftOut += 1
      case .differs(let what):
        counts.differed += 1
        differences.append("\(file): \(test.name) [\(Hex.text(test.bytes))]: \(what)\n")
      }
    }
    return differences
  }

  private static func cases(
    _ bytes: [UInt8], _ file: String, _ subject: any Subject,
    _ counts: inout (agreed: Int, leftOut: Int, differed: Int)
  ) throws(Failure) -> [String] {
    let stored = try DifftestCommand.checked { () throws(DiffFailure) in
      try CaseFileReader.read(bytes, file: file)
    }
    let replay = Replay(subject: subject, oracle: nil)
    var differences: [String] = []
    for one in stored {
      let mismatch = try DifftestCommand.checked { () throws(DiffFailure) in try replay.run(one, file: file) }
      if let mismatch {
        counts.differed += 1
        differences.append("\(file): " + MismatchReport.text(mismatch, name: one.name))
      } else {
        counts.agreed += 1
      }
    }
    return differences
  }
}

/// `apus difftest emit DIR`.
enum CorpusWriter {
  static func emit(_ options: DifftestOptions, _ oracle: any Oracle) throws(Failure) -> Int32 {
    let list = try DifftestCommand.forms(options, oracle: oracle)
    var settings = DifftestCommand.settings(options, components: oracle.components)
    settings.sequenceInterval = 0
    let generator = Generator(list, mode: options.mode, settings: settings)
    var maker = CorpusMaker(oracle: oracle, list: list, generator: generator)
    let directory = options.paths[0]
    try HostFile.makeDirectory(directory)
    var files = 0
    try maker.make(casesPerForm: options.casesPerForm, failure: DifftestCommand.failure) {
      (name, text) throws(Failure) in
      try DifftestOutput.write(text, to: "\(directory)/\(name)")
      files += 1
    }
    try DifftestOutput.write(
      "\(files) files, \(list.forms.count * options.casesPerForm) cases, \(oracle.provenance)\n", to: "-")
    return ExitCode.success.status
  }
}
