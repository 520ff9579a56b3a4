/// Why the benchmarks end early.
struct Failure: Error {
  /// The exit status: 1 a guest did something else than it should, 2 usage, 3 a file.
  let status: Int32
  /// One line for the user.
  let message: String

  static func check(_ message: String) -> Failure { Failure(status: 1, message: message) }
  static func usage(_ message: String) -> Failure { Failure(status: 2, message: message) }
  static func file(_ message: String) -> Failure { Failure(status: 3, message: message) }
}

/// The command line.
struct Options {
  var runs = 5
  /// Names of guests; empty for all.
  var only: [String] = []
  var json: String?
  var image: String?
  var wantsHelp = false

  static let help = """
    Usage: ApusBenchmarks [OPTION]...

    Runs the guests of testroms/benchmarks several times each and prints the process's CPU time for them.

      --runs N            run each guest N times (default 5)
      --only NAME[,NAME]  run these guests, named as in testroms/benchmarks/checksums.txt
      --json FILE         also write the results, with the times of all runs, to FILE
      --image FILE        the guests' ELF file; checksums.txt is expected beside it
      --help              show this

    Exit status: 0 all is well; 1 a checksum was wrong, or the number of instructions differed between runs;
    2 usage; 3 a file cannot be read or written.

    """

  init(_ arguments: [String]) throws(Failure) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      if name == "--help" && parts.count == 1 {
        wantsHelp = true
        continue
      }
      guard ["--runs", "--only", "--json", "--image"].contains(name) else {
        throw .usage("unknown argument '\(argument)'; --help lists the options")
      }
      guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst(), !value.isEmpty else {
        throw .usage("\(name): a value is missing")
      }
      switch name {
      case "--runs":
        guard let count = Int(value), (1...1000).contains(count) else {
          throw .usage("--runs: '\(value)' is not a number from 1 to 1000")
        }
        runs = count
      case "--only": only += value.split(separator: ",").map(String.init)
      case "--json": json = value
      default: image = value
      }
    }
  }
}
