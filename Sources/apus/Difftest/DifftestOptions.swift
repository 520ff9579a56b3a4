import ApusDiff

/// The command line of `apus difftest`.
package struct DifftestOptions: Equatable {
  package enum Action: Equatable { case run, replay, emit, list, help }
  package enum OracleChoice: Equatable {
    case host
    case vectors(String)
    case exec(String)
  }

  package var action = Action.run
  package var oracle: OracleChoice?
  package var mode = CaseMode.long64
  package var seed: UInt64 = 1
  package var count: UInt64 = 1_000_000
  package var patterns: [String] = []
  package var provokesFaults = false
  package var sequenceInterval = 8
  package var comparesUndefinedFlags = false
  package var showsCoverage = false
  package var outputDirectory: String?
  package var jsonPath: String?
  package var sampleLimit = 20
  package var casesPerForm = 16
  package var paths: [String] = []

  package init() {}

  /// Reads the words after `difftest`.
  package static func parse(_ arguments: [String]) throws(Failure) -> DifftestOptions {
    var options = DifftestOptions()
    var words = arguments[...]
    let actions: [String: Action] = [
      "run": .run, "replay": .replay, "emit": .emit, "forms": .list, "help": .help,
    ]
    if let first = words.first, let action = actions[first] {
      options.action = action
      words = words.dropFirst()
    }
    while let word = words.popFirst() {
      guard word.hasPrefix("-"), word != "-" else {
        options.paths.append(word)
        continue
      }
      try options.take(word, &words)
    }
    try options.check()
    return options
  }

  private mutating func take(_ word: String, _ words: inout ArraySlice<String>) throws(Failure) {
    var name = word
    var value: String?
    if let equals = word.firstIndex(of: "=") {
      name = String(word[..<equals])
      value = String(word[word.index(after: equals)...])
    }
    func argument() throws(Failure) -> String {
      if let value { return value }
      guard let next = words.popFirst() else { throw Failure.usage(name, "a value is missing") }
      return next
    }
    func number(_ range: ClosedRange<UInt64>) throws(Failure) -> UInt64 {
      let text = try argument()
      let digits = text.filter { $0 != "_" }
      guard let number = UInt64(digits), range.contains(number) else {
        throw Failure.usage(name, "\"\(text)\" is no number from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }
    switch name {
    case "--help", "-h": action = .help
    case "--oracle":
      switch try argument() {
      case "host": oracle = .host
      case "vectors": oracle = .vectors(try value == nil ? argument() : next(&words, name))
      case "exec": oracle = .exec(try value == nil ? argument() : next(&words, name))
      case let other: throw Failure.usage(name, "\"\(other)\" is none of host, vectors PATH, exec COMMAND")
      }
    case "--mode":
      let text = try argument()
      guard let mode = CaseMode(name: text) else {
        throw Failure.usage(name, "\"\(text)\" is none of real16, prot32, compat32, long64")
      }
      self.mode = mode
    case "--seed": seed = try number(0...UInt64.max)
    case "--count": count = try number(1...UInt64.max)
    case "--forms": patterns.append(try argument())
    case "--faults": provokesFaults = true
    case "--sequences": sequenceInterval = Int(try number(0...1_000_000))
    case "--undefined-flags": comparesUndefinedFlags = true
    case "--coverage": showsCoverage = true
    case "--out": outputDirectory = try argument()
    case "--json": jsonPath = try argument()
    case "--samples": sampleLimit = Int(try number(0...100_000))
    case "--per-form": casesPerForm = Int(try number(1...100_000))
    default: throw Failure.usage(name, "is no option of apus difftest; see apus difftest --help")
    }
  }

  private func next(_ words: inout ArraySlice<String>, _ name: String) throws(Failure) -> String {
    guard let next = words.popFirst() else { throw Failure.usage(name, "a value is missing") }
    return next
  }

  private func check() throws(Failure) {
    switch action {
    case .run, .list:
      if let path = paths.first { throw Failure.usage(path, "is one word too many") }
    case .replay: if paths.isEmpty { throw Failure.usage("replay", "name at least one file of cases") }
    case .emit:
      guard paths.count == 1 else { throw Failure.usage("emit", "name one directory") }
    case .help: return
    }
    if action == .run || action == .emit, case .vectors = oracle, action == .emit {
      throw Failure.usage("--oracle", "vectors have no answers for new cases")
    }
    if (action == .run || action == .emit) && (oracle ?? .host) == .host && !mode.isUserMode {
      throw Failure.usage(
        "--mode",
        "this computer's processor runs long64 and compat32; \(mode.name) needs --oracle exec COMMAND")
    }
  }

  package static let help = """
    apus difftest - runs instructions in Apus and somewhere else, and compares everything they change

    Usage: apus difftest [run] [options]      makes cases and compares
           apus difftest replay FILE...       runs stored cases again; against the results in the files unless
                                              --oracle names another judge
           apus difftest emit DIR [options]   writes a corpus of cases with the oracle's results
           apus difftest forms [options]      lists the forms that would be tested

    Oracles:
      --oracle host           this computer's processor: x86-64 Linux only (the default)
      --oracle vectors PATH   captured vectors: a MOO file (plain or .gz), a file of cases, or a directory of them
      --oracle exec COMMAND   another emulator behind the line protocol of FORMATS.md; see
                              Scripts/difftest-unicorn.py

    Cases:
      --mode MODE             long64 (the default), compat32, or, for --oracle exec, prot32 (32-bit code in legacy
                              protected mode) or real16 (16-bit code in real-address mode)
      --seed N                another seed makes other cases (default 1)
      --count N               how many (default 1000000)
      --forms TEXT            only forms whose name contains TEXT, as 'apus difftest forms' shows them; may be
                              repeated
      --faults                most cases are to fault
      --sequences N           every N-th case is a sequence of instructions (default 8; 0: none)
      --undefined-flags       compares flags that the manuals leave undefined, too
      --per-form N            cases per form for emit (default 16)

    Results:
      --coverage              a table of all forms at the end, and rows without a form with the reason
      --samples N             how many mismatches are reduced and printed (default 20)
      --out DIR               writes each of them as a file for replay
      --json FILE             writes a summary; - is standard output

    Exit codes:
      0   everything agreed
      1   there was a mismatch
      2   the command line was not understood
      3   a file is missing or malformed
      5   an oracle is not available here, died, hung or broke its format; an output was refused

    """
}
