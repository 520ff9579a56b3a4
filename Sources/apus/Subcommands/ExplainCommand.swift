import ApusDebug
import ApusMachine

/// `apus explain`.
enum ExplainCommand {
  struct Values {
    var from: UInt64?
    var count: UInt64 = 1
    var isJSON = false
    var replayed: String?
    var symbols: String?
  }

  /// The most instructions that are explained at once.
  private static let limit: UInt64 = 1_000_000

  static let syntax = SubcommandSyntax<Values>(
    name: "explain",
    introduction: """
      apus explain - tells what a guest's instructions really did

      Usage: apus explain [--from N] [--count N] [--json] [options of a run] [image]
             apus explain [--from N] [--count N] [--json] --replay RUN

      Operands and how addresses come about, memory, ports, page walks entry by entry, descriptors, interrupts and
      exceptions on their way, registers and flags that changed and why: told by the code that executes. Nobody
      types, so that the answer is the same each time. --trace finds the numbers of instructions that are of
      interest.
      """,
    options: [
      SubcommandOption(
        "--from", value: "N", help: "run N instructions before; K, M, G count thousands (default 0)"
      ) { $0.from = try TracedRun.number($1, $2) },
      SubcommandOption("--count", value: "N", help: "explain N instructions (default 1)") {
        $0.count = try TracedRun.number($1, $2)
        guard (1...limit).contains($0.count) else {
          throw Failure.usage($2, "\($1): 1 to \(limit) instructions are explained")
        }
      },
      SubcommandOption("--json", help: "one JSON object to a line instead of text") { values, _, _ in
        values.isJSON = true
      },
      SubcommandOption("--replay", value: "RUN", help: "a run that --record wrote, with all that was typed") {
        values, path, _ in values.replayed = path
      },
      SubcommandOption(
        "--symbols", value: "FILE", help: "names of addresses: an ELF file, or a System.map"
      ) { values, path, _ in values.symbols = path },
    ],
    conclusion: """
      Exit codes:
        0   done, also if the guest ended before it had executed as many instructions
        2   the command line was not understood, or the guest ended before --from
        3   a kernel, disk image, snapshot, recorded run or file of symbols is missing or bad
        5   the host refused memory, or the output failed
        9   the recorded run was another, from what the message says on
        128+n  ended by signal n

      Examples:
        apus explain --count 3
        apus explain --from 200M --kernel vmlinuz --append console=ttyS0

      """
  ) {
    throw Failure(.internalError, "explain: '\($1)' is a word of a run \($0)")
  }

  static func run(_ arguments: [String]) throws(Failure) -> Int32 {
    var values = Values()
    let (own, others) = syntax.split(arguments)
    guard try syntax.read(own, into: &values) else { return StandardOutput.show(syntax.help) }
    let symbols = try values.symbols.map { path throws(Failure) in try SymbolFile.load(path) }
    var traced = try TracedRun.open(others, or: values.replayed, for: syntax.name, isSilent: true)
    Signals.install()
    if let status = try traced.advance(to: values.from) { return status }
    let debugger = Debugger(traced.machine, nil)
    debugger.symbols = symbols ?? SymbolTable()
    let explainer = Explainer(debugger)
    var output = StandardOutput()
    for _ in 0..<values.count where !output.hasFailed && Signals.pendingExit == nil {
      var stop: Stop?
      let notes = try explainer.explain { () throws(Failure) in stop = try traced.step() }
      for note in notes {
        if values.isJSON {
          output.write(note.json + "\n")
        } else {
          for line in note.lines() { output.write(line + "\n") }
        }
      }
      guard stop == .budget else {
        if let stop { Host.report("apus: the guest \(stop.sentence)") }
        break
      }
    }
    let status = output.finish()
    return Signals.pendingExit.map { ExitCode.signal($0).status } ?? status
  }
}
