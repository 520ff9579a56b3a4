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
      #if DEBUG
        say("this is a debug build; its times say nothing (use swift run -c release)")
      #endif
      let report = Report(measurements: try measure(Suite(options), runs: options.runs))
      print(report.table, terminator: "")
      if let path = options.json { try report.write(json: path) }
      return 0
    } catch {
      say(error.message)
      return error.status
    }
  }

  /// Round after round of all guests, rather than guest after guest, so that a host that is slow for a while
  /// shows in the spread of every guest and not in the median of one.
  private static func measure(_ suite: Suite, runs: Int) throws(Failure) -> [Measurement] {
    var measurements = suite.guests.map(Measurement.init)
    for round in 1...runs {
      say("round \(round) of \(runs)")
      for index in measurements.indices { try measurements[index].add(suite.run(measurements[index].guest)) }
    }
    return measurements
  }

  private static func say(_ text: String) {
    FileHandle.standardError.write(Data("ApusBenchmarks: \(text)\n".utf8))
  }
}
