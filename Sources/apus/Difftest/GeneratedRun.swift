import ApusDiff
import ApusInstructionSet

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A run over generated cases, from the first batch to the report.
struct GeneratedRun {
  private let options: DifftestOptions
  private let oracle: any Oracle
  private let list: FormList
  private let campaign: DifferentialRun

  init(_ options: DifftestOptions, _ oracle: any Oracle) throws(Failure) {
    self.options = options
    self.oracle = oracle
    let subject = ModeSubjects()
    let components = oracle.components & subject.components
    list = try DifftestCommand.forms(options, oracle: oracle)
    guard !list.forms.isEmpty else {
      throw Failure.usage("--forms", "the oracle can judge none of these forms")
    }
    let generator = Generator(
      list, mode: options.mode, settings: DifftestCommand.settings(options, components: components))
    campaign = DifferentialRun(oracle: oracle, subject: subject, generator: generator)
  }

  func run() throws(Failure) -> Int32 {
    let start = Clock.monotonic
    let isTerminal = isatty(2) == 1
    var lastShown = start
    var failure: DiffFailure?
    var seconds: Double?
    do throws(DiffFailure) {
      try campaign.run(count: options.count) { summary in
        if isTerminal, Clock.monotonic - lastShown > 200_000_000 {
          lastShown = Clock.monotonic
          Self.showProgress(summary, options.count, seconds: Double(lastShown - start) / 1e9)
        }
        return true
      }
      seconds = Double(Clock.monotonic - start) / 1e9
      try campaign.confirm()
    } catch {
      failure = error
    }
    if isTerminal { Self.clearProgress() }
    let elapsed = seconds ?? Double(Clock.monotonic - start) / 1e9
    // The cases so far are kept, whatever ended the run.
    let files = try report(reduces: failure == nil)
    var text = summaryText(elapsed)
    if options.showsCoverage { text += coverageText() }
    try DifftestOutput.write(text, to: "-")
    if let path = options.jsonPath {
      let json = RunReport.json(
        campaign.summary, list, mode: options.mode, seed: options.seed, oracle: oracle.name,
        provenance: oracle.provenance, seconds: elapsed, files: files, failure: failure?.message)
      try DifftestOutput.write(json, to: path)
    }
    if let failure { throw DifftestCommand.failure(failure) }
    return campaign.summary.mismatches == 0 ? 0 : 1
  }

  private static func showProgress(_ summary: RunSummary, _ count: UInt64, seconds: Double) {
    let done = summary.casesByForm.dropLast().lazy.filter { $0 != 0 }.count
    let rate = seconds > 0 ? Double(summary.cases) / seconds : 0
    Host.showStatus(
      "\(summary.cases) of \(count) cases, \(done) of \(summary.casesByForm.count - 1) forms, "
        + "\(Text.fixed(rate, places: 0)) per second, \(summary.mismatches) mismatches")
  }

  private static func clearProgress() { Host.showStatus("") }

  /// Prints the mismatches, reduced if the oracle still works, and writes their files, whose paths it returns.
  private func report(reduces: Bool) throws(Failure) -> [String] {
    var files: [String] = []
    let shrinker = Shrinker { record throws(DiffFailure) in try campaign.rerun(record) }
    for (index, sample) in campaign.summary.samples.prefix(options.sampleLimit).enumerated() {
      let small =
        reduces
        ? try DifftestCommand.checked { () throws(DiffFailure) in try shrinker.shrink(sample) } : sample
      let name = list.caseName(small.record)
      try DifftestOutput.write(MismatchReport.text(small, name: name) + "\n", to: "-")
      guard let directory = options.outputDirectory else { continue }
      try HostFile.makeDirectory(directory)
      let path = "\(directory)/mismatch-\(index + 1).cases"
      try DifftestOutput.write(
        CaseFileWriter.head(provenance: oracle.provenance) + MismatchReport.stored(small, name: name),
        to: path)
      files.append(path)
    }
    return files
  }

  private func summaryText(_ seconds: Double) -> String {
    let summary = campaign.summary
    let rate = seconds > 0 ? Double(summary.cases) / seconds : 0
    var text =
      "\(summary.cases) cases in \(Text.fixed(seconds, places: 1)) s (\(Text.fixed(rate, places: 0)) "
    text +=
      "per second), seed \(options.seed), \(options.mode.name), oracle \(oracle.name): \(oracle.provenance)\n"
    let tested = summary.casesByForm.dropLast().filter { $0 != 0 }.count
    text += "\(tested) of \(list.forms.count) forms tested; \(list.excluded.count) rows have no oracle\n"
    text += "\(summary.exceptions) ended in an exception, \(summary.timeouts) were endless, "
    text += "\(summary.unjudged) could not be judged\n"
    text += "\(summary.mismatches) mismatches"
    let forms = summary.mismatchesByForm.filter { $0 != 0 }.count
    if summary.undefinedMismatches != 0 {
      text += ", \(summary.undefinedMismatches) of them in undefined encodings"
    }
    return text + (forms == 0 ? "\n" : " in \(forms) forms\n")
  }

  private func coverageText() -> String {
    let summary = campaign.summary
    var text = "\n     cases  mismatches  form\n"
    for (index, form) in list.forms.enumerated() {
      text += Text.padded(String(summary.casesByForm[index]), to: 10)
      text += Text.padded(String(summary.mismatchesByForm[index]), to: 12) + "  \(form.name)\n"
    }
    if let sequences = summary.casesByForm.last, sequences != 0 {
      text += Text.padded(String(sequences), to: 10)
      text += Text.padded(String(summary.mismatchesByForm.last ?? 0), to: 12) + "  sequences\n"
    }
    if summary.undefinedCases != 0 {
      text += Text.padded(String(summary.undefinedCases), to: 10)
      text += Text.padded(String(summary.undefinedMismatches), to: 12) + "  undefined encodings\n"
    }
    text += "\nwithout oracle:\n"
    for (row, reason) in list.excluded { text += "  \(FormList.rowName(row)): \(reason)\n" }
    return text
  }
}
