import ApusDebug
import ApusMachine

/// `apus trace`.
enum TraceCommand {
  struct Values {
    var page: String?
    var from: UInt64?
    var count: UInt64 = 20_000
    var replayed: String?
  }

  static let syntax = SubcommandSyntax<Values>(
    name: "trace",
    introduction: """
      apus trace - runs a guest and writes a page that shows what it did, instruction by instruction

      Usage: apus trace --html FILE [--from N] [--count N] [options of a run] [image]
             apus trace --html FILE [--from N] [--count N] --replay RUN

      FILE is one page of HTML that needs nothing else: registers, memory, page walks, interrupts and modes at
      each instruction, to go through forwards and backwards. The options and the image are those of a run
      ('apus --help'); nobody types, so that the page is the same each time.
      """,
    options: [
      SubcommandOption("--html", value: "FILE", help: "where the page goes") {
        guard !$1.isEmpty, !$1.utf8.contains(0) else { throw Failure.usage($2, "'\($1)' names no file") }
        $0.page = $1
      },
      SubcommandOption(
        "--from", value: "N", help: "run N instructions before; K, M, G count thousands (default 0)"
      ) { $0.from = try TracedRun.number($1, $2) },
      SubcommandOption(
        "--count", value: "N", help: "show N instructions, at most \(TraceRecording.limit) (default 20000)"
      ) {
        let count = try TracedRun.number($1, $2)
        guard (1...UInt64(TraceRecording.limit)).contains(count) else {
          throw Failure.usage(
            $2, "\($1): a page shows 1 to \(TraceRecording.limit) instructions; --from says where it begins")
        }
        $0.count = count
      },
      SubcommandOption("--replay", value: "RUN", help: "a run that --record wrote, with all that was typed") {
        guard !$1.isEmpty, !$1.utf8.contains(0) else { throw Failure.usage($2, "'\($1)' names no file") }
        $0.replayed = $1
      },
    ],
    conclusion: """
      Exit codes:
        0   the page is written, also if the guest ended before it had executed as many instructions
        2   the command line was not understood, or the guest ended before --from
        3   a kernel, disk image, snapshot or recorded run is missing or bad
        5   the host refused memory, or the page could not be written
        9   the recorded run was another, from what the message says on
        128+n  ended by signal n; nothing is written

      Examples:
        apus trace --html lesson.html
        apus trace --html paging.html --from 60K --count 50K
        apus trace --html linux.html --from 200M --kernel vmlinuz --append console=ttyS0

      """
  ) {
    throw Failure(.internalError, "trace: '\($1)' is a word of a run \($0)")
  }

  static func run(_ arguments: [String]) throws(Failure) -> Int32 {
    var values = Values()
    let (own, others) = syntax.split(arguments)
    guard try syntax.read(own, into: &values) else { return StandardOutput.show(syntax.help) }
    guard let page = values.page else { throw Failure(.usage, "trace: --html says where the page goes") }
    var traced = try TracedRun.open(others, or: values.replayed, for: syntax.name)
    Signals.install()
    defer { traced.setup.console.finish(patience: .short) }
    if let status = try traced.advance(to: values.from) { return status }
    let recording = try traced.record(Int(values.count))
    if let signal = Signals.pendingExit { return ExitCode.signal(signal).status }
    let bytes = TracePage.bytes(recording, title: traced.title, subtitle: Help.version)
    try HostFile.replace(page) { _ = $0(bytes) }
    traced.setup.console.flush()
    Host.report("apus: \(page): \(recording.steps.count) instructions from \(recording.first) on")
    if let ending = recording.ending { Host.report("apus: the guest \(ending.sentence)") }
    return ExitCode.success.status
  }
}
