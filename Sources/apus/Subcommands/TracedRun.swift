import ApusDebug
import ApusMachine

/// A run of which a stretch is looked at. Nobody types.
struct TracedRun {
  let setup: Setup
  let machine: Machine
  /// What ran, for the page.
  let title: String
  private var replayed: ReplayedRun?
  private let path: String

  /// The value of an option that counts instructions.
  static func number(_ text: String, _ option: String) throws(Failure) -> UInt64 {
    do { return try OptionValue.count(text) } catch {
      throw .usage(option, "'\(text)' is not a number of instructions such as 20000 or 1.5M")
    }
  }

  /// The recorded run at `path`, or without one the run that the words describe.
  static func open(
    _ words: [String], or path: String?, for subcommand: String, isSilent: Bool = false
  ) throws(Failure) -> TracedRun {
    guard let path else { return try TracedRun(words, for: subcommand, isSilent: isSilent) }
    if let other = words.first { throw .usage("--replay", "says what the machine is; '\(other)' cannot") }
    return try TracedRun(replaying: path, isSilent: isSilent)
  }

  /// A run of its own, for a subcommand.
  init(_ words: [String], for subcommand: String, isSilent: Bool = false) throws(Failure) {
    var options = try OptionParser.parse(words)
    guard options.action == .run else {
      throw Failure(.usage, "\(subcommand): '\(words.last ?? "")' shows no guest")
    }
    let saved = try SavedMachine.open(&options, words)
    try Self.refuseForeign(options, subcommand)
    for notice in options.notices { Host.report("apus: \(notice)") }
    var setup = try Setup(options)
    if isSilent { setup.silence() }
    self.setup = setup
    try saved?.check(setup)
    let ram = try Session.guestRAM(options.memorySize)
    do throws(MachineError) {
      if let saved {
        machine = try Machine(setup.configuration, ram: ram, file: saved.file)
      } else {
        machine = try Machine(setup.configuration, ram: ram)
      }
    } catch {
      throw Failure(error, prefix: saved.map { "\($0.path): " } ?? "")
    }
    title = Self.title(options)
    path = saved?.path ?? title
  }

  /// A recorded run.
  init(replaying path: String, isSilent: Bool = false) throws(Failure) {
    let bytes = try HostFile.load(path, limit: 1 << 32)
    let recording: RunRecording
    do throws(SnapshotError) { recording = try RunRecording(bytes) } catch {
      throw .badInput(path, error.message)
    }
    var setup = try ReplayCommand.setup(recording, path)
    if isSilent { setup.silence() }
    self.setup = setup
    let ram = try Session.guestRAM(setup.configuration.memorySize)
    do throws(MachineError) { machine = try Machine(setup.configuration, ram: ram) } catch {
      throw Failure(error)
    }
    replayed = ReplayedRun(recording, on: machine)
    title = Self.name(path)
    self.path = path
  }

  /// Refuses what only a run with a console or a screen can do.
  private static func refuseForeign(_ options: Options, _ subcommand: String) throws(Failure) {
    let foreign = [
      ("--save", options.save != nil), ("--record", options.record != nil),
      ("--script", options.script != nil), ("--type", !options.typed.isEmpty),
      ("--screenshot", options.screenshot != nil), ("--screen-text", options.showsScreenText),
      ("--vnc", options.vnc != nil), ("--display terminal", options.display == .terminal),
      ("--exit-on", options.exitOn != nil), ("--panic-on", options.panicOn != nil),
      ("--limit-instructions", options.limitInstructions != nil),
      ("--limit-seconds", options.limitTime != nil), ("--profile", options.profileRows != nil),
      ("--gdb", options.gdb != nil), ("--trace", !options.trace.kinds.isEmpty),
      ("--autopsy", options.autopsy),
      ("--symbols", options.symbols != nil), ("--stats", options.stats), ("--state-hash", options.stateHash),
    ]
    for (option, isGiven) in foreign where isGiven {
      throw .usage(option, "is for runs, not for 'apus \(subcommand)'")
    }
  }

  private static func title(_ options: Options) -> String {
    let file =
      options.kernel ?? options.flat?.path ?? options.image ?? options.load ?? options.drives.first?.path
      ?? options.bios
    return file.map(name) ?? "The teaching guest"
  }

  /// A path's last part.
  private static func name(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  /// Runs on for as much as `count` instructions.
  private mutating func run(_ count: UInt64) throws(Failure) -> Stop? {
    guard replayed != nil else {
      let stop = machine.run(instructions: count)
      if case .idle(let until?) = stop {
        machine.skipIdle(to: until)
        return .budget
      }
      return stop
    }
    do throws(RunRecording.Divergence) { return try replayed?.run(instructions: count) } catch {
      throw Failure(.diverged, "\(path): \(error.message)")
    }
  }

  /// Runs to where the page begins. Returns the exit status if that is not reached.
  mutating func advance(to start: UInt64?) throws(Failure) -> Int32? {
    guard let start else { return nil }
    guard start >= machine.instructions else {
      throw .usage("--from", "\(start): the machine has executed \(machine.instructions) instructions")
    }
    while machine.instructions < start {
      if let signal = Signals.pendingExit { return ExitCode.signal(signal).status }
      let stop = try run(min(start - machine.instructions, 1_000_000))
      setup.console.flush()
      if stop == .budget || stop == .paused || machine.instructions == start { continue }
      let end = stop.map { "the guest " + $0.sentence } ?? "the recorded run ends"
      throw .usage("--from", "\(start): \(end) after \(machine.instructions) instructions")
    }
    return nil
  }

  /// Runs for one instruction; idle time passes.
  mutating func step() throws(Failure) -> Stop? {
    replayed == nil ? machine.advanceByInstruction() : try run(1)
  }

  /// Records the next instructions.
  mutating func record(_ count: Int) throws(Failure) -> TraceRecording {
    let machine = machine
    let isReplayed = replayed != nil
    return try TraceRecording(of: machine, count: count, isWanted: { Signals.pendingExit == nil }) {
      () throws(Failure) in
      isReplayed ? try run(1) ?? .idle(until: nil) : machine.advanceByInstruction()
    }
  }
}
