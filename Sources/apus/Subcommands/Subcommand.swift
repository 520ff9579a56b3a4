/// What `apus` does instead of running a guest when the first word names it.
package struct Subcommand: Sendable {
  package let name: String
  /// One line for `apus --help`.
  package let summary: String
  /// Does what the words after the name ask and returns the exit status. Throws only `Failure`, though a
  /// closure's type here cannot say so.
  let run: @Sendable ([String]) throws -> Int32

  /// All of them, in the order of `apus --help`.
  package static let all: [Subcommand] = [
    Subcommand(name: "debug", summary: "run a guest in a full-screen debugger", run: DebugCommand.run),
    Subcommand(name: "replay", summary: "do a recorded run again", run: ReplayCommand.run),
    Subcommand(name: "trace", summary: "write a page that shows what a guest does", run: TraceCommand.run),
    Subcommand(
      name: "explain", summary: "tell what a guest's instructions did", run: ExplainCommand.run),
    Subcommand(name: "disasm", summary: "disassemble a file", run: DisassembleCommand.run),
    Subcommand(
      name: "difftest", summary: "compare instructions with another processor", run: DifftestCommand.main),
  ]

  /// The one that the first word of a command line names.
  static func named(_ word: String?) -> Subcommand? { all.first { $0.name == word } }
}

/// One option of a subcommand.
struct SubcommandOption<Values>: Sendable {
  let spellings: [String]
  /// The placeholder of the value; nil for an option that takes none.
  let value: String?
  let help: String
  /// Reads the value (empty if the option takes none); the third argument is the option as the user spelt it.
  /// Throws only `Failure`.
  let apply: @Sendable (inout Values, String, String) throws -> Void

  init(
    _ spellings: String..., value: String? = nil, help: String,
    apply: @escaping @Sendable (inout Values, String, String) throws -> Void
  ) {
    self.spellings = spellings
    self.value = value
    self.help = help
    self.apply = apply
  }
}

/// The options of a subcommand: its parser and its `--help` come from one table.
struct SubcommandSyntax<Values>: Sendable {
  let name: String
  /// The text of `--help` above the options.
  let introduction: String
  let options: [SubcommandOption<Values>]
  /// The text below them.
  let conclusion: String
  /// What a word that is no option does. Throws only `Failure`.
  let word: @Sendable (inout Values, String) throws -> Void

  var help: String {
    let lines =
      options.map { Help.lines($0.spellings, $0.value, $0.help) }
      + [Help.lines(["--help", "-h"], nil, "show this text")]
    return introduction + "\n\nOptions:\n" + lines.joined() + "\n" + conclusion
  }

  /// Reads `arguments`. Options have one dash or two; a value is the next word or follows '='. After `--` all
  /// words are none.
  /// - Returns: false if help was asked for.
  func read(_ arguments: [String], into values: inout Values) throws(Failure) -> Bool {
    var rest = arguments[...]
    var isOption = true
    while let argument = rest.popFirst() {
      if isOption && argument == "--" {
        isOption = false
      } else if isOption && argument.hasPrefix("-") && argument != "-" {
        if ["--help", "-help", "-h"].contains(argument) { return false }
        try readOption(argument, &rest, &values)
      } else {
        try failing { try word(&values, argument) }
      }
    }
    return true
  }

  /// The words that are this subcommand's, and those of a run.
  func split(_ arguments: [String]) -> (own: [String], others: [String]) {
    var (own, others): ([String], [String]) = ([], [])
    var rest = arguments[...]
    while let word = rest.popFirst() {
      guard word.hasPrefix("-"), word != "-", word != "--" else {
        others.append(word)
        if word == "--" {
          others += rest
          break
        }
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = parts[0].drop { $0 == "-" }
      let option = options.first { $0.spellings.contains { $0.drop { $0 == "-" } == name } }
      let isOwn = option != nil || name == "help" || name == "h"
      let placeholder = option?.value ?? (isOwn ? nil : OptionTable.option(String(name))?.value)
      var words = [word]
      if placeholder != nil, parts.count == 1, let value = rest.popFirst() { words.append(value) }
      if isOwn { own += words } else { others += words }
    }
    return (own, others)
  }

  private func readOption(
    _ argument: String, _ rest: inout ArraySlice<String>, _ values: inout Values
  ) throws(Failure) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
      String.init)
    let spelling = parts[0]
    let bare = spelling.drop { $0 == "-" }
    let option = options.first { $0.spellings.contains { $0.drop { $0 == "-" } == bare } }
    guard let option, spelling.utf8.count - bare.utf8.count <= 2 else {
      throw .usage(spelling, "not an option of apus \(name); 'apus \(name) --help' lists them")
    }
    guard let placeholder = option.value else {
      guard parts.count == 1 else { throw .usage(spelling, "takes no value") }
      return try failing { try option.apply(&values, "", spelling) }
    }
    guard let value = parts.count > 1 ? parts[1] : rest.popFirst() else {
      throw .usage(spelling, "needs a value: \(placeholder)")
    }
    try failing { try option.apply(&values, value, spelling) }
  }

  private func failing(_ body: () throws -> Void) throws(Failure) {
    do { try body() } catch { throw error as? Failure ?? Failure(.internalError, "\(name): \(error)") }
  }
}
