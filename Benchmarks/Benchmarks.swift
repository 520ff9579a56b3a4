import Foundation

/// Runs the guests and reports.
enum Benchmarks {
  /// Returns the exit status.
  static func main(_ arguments: [String]) -> Int32 {
    do throws(Failure) {
      let options = try Options(arguments)
      if options.wantsHelp {
        print(Options.help, terminator: "")
        return 0
      }
      Interruption.watch()
      #if DEBUG
        say("this is a debug build; what runs in it says nothing (use swift run -c release)")
      #endif
      if options.timeMachine {
        print(try TimeMachineBenchmark.text(options.guests), terminator: "")
        return 0
      }
      // First, because a mistake in it is a pity after half an hour.
      let baseline: Results? = if let path = options.baseline { try Results(reading: path) } else { nil }
      let results = try measure(options)
      print(Report(results: results).text, terminator: "")
      if let baseline, let path = options.baseline {
        print("\n" + Comparison(old: baseline, new: results, name: path).text, terminator: "")
      }
      if let path = options.json { try results.write(path) }
      return 0
    } catch {
      say(error.message)
      return error.status
    }
  }

  private static func measure(_ options: Options) throws(Failure) -> Results {
    try Interruption.withTemporaryDirectory { (scratch) throws(Failure) in
      try measure(options, scratch: scratch)
    }
  }

  private static func measure(_ options: Options, scratch: String) throws(Failure) -> Results {
    let bareGuests = try BareGuests()
    let suite = try Suite(options, bareGuests)
    let pinning = try Pinning(options.cpu)
    let runner = Runner(
      pinning: pinning, timeout: Double(options.timeout), bareGuests: bareGuests,
      workloadChecksums: try WorkloadChecksums(), scratch: scratch)
    var results = Results()
    results.host = HostCPU.model
    results.cpu = pinning.cpu
    results.skipped = suite.skipped
    for emulator in suite.emulators {
      results.emulators.append(
        .init(name: emulator.name, path: emulator.path, version: emulator.version))
    }
    if let runs = options.runs ?? (options.count ? nil : 5) {
      say("\(pinning.text); \(runs) \(runs == 1 ? "round" : "rounds")")
      try time(suite, runner, runs, &results)
    }
    if options.count { try count(suite, runner, &results) }
    return results
  }

  /// Round after round of everything, rather than row after row, so that a host that is slow for a while shows in
  /// the spread of every row and not in the median of one. One emulator after the other in each row, so that
  /// it slows both sides of a ratio.
  private static func time(
    _ suite: Suite, _ runner: Runner, _ runs: Int, _ results: inout Results
  ) throws(Failure) {
    for round in 1...runs {
      for guest in suite.inProcess {
        let run = try runner.bareGuests.runInProcess(guest, pinning: runner.pinning)
        try results.add(guest.row, Results.inProcess, run)
      }
      for job in suite.timed {
        for emulator in suite.emulators {
          say("round \(round) of \(runs): \(job.name), \(emulator.name)")
          for (row, run) in try runner.run(job, emulator) { try results.add(row, emulator.name, run) }
        }
      }
    }
  }

  private static func count(_ suite: Suite, _ runner: Runner, _ results: inout Results) throws(Failure) {
    guard let apus = suite.apus else { return }
    let counter = try HostInstructions()
    for job in suite.counted {
      say("\(job.name): host instructions, by \(counter.text)")
      let count = try counter.count(
        apus.command(job.boot), status: job.boot.status, timeout: runner.timeout)
      results.add(hostInstructions: count, job.rows[0], apus.name)
    }
  }

  private static func say(_ text: String) {
    FileHandle.standardError.write(Data("ApusBenchmarks: \(text)\n".utf8))
  }
}
