import ApusBase
import ApusMachine

/// `apus replay`.
enum ReplayCommand {
  struct Values {
    var path: String?
    var showsHash = false
  }

  static let syntax = SubcommandSyntax<Values>(
    name: "replay",
    introduction: """
      apus replay - does a recorded run again

      Usage: apus replay [options] FILE

      FILE is what --record wrote. The machine is made as it was, from the same kernel and disk images, which FILE
      names; what came from outside comes at the same instructions. What the guest writes to disks is forgotten.
      """,
    options: [
      SubcommandOption(
        "--state-hash", help: "print a hash of the machine's state at the end, on standard error"
      ) {
        values, _, _ in values.showsHash = true
      }
    ],
    conclusion: """
      Exit codes:
        0   the run was the same
        2   the command line was not understood
        3   FILE or a file that it names is missing, damaged or not what it was
        9   the run was another, from what the message says on
        128+n  ended by signal n

      """
  ) {
    if let first = $0.path { throw Failure(.usage, "replay: one file at a time; '\(first)' is one already") }
    $0.path = $1
  }

  static func run(_ arguments: [String]) throws(Failure) -> Int32 {
    var values = Values()
    guard try syntax.read(arguments, into: &values) else { return StandardOutput.show(syntax.help) }
    guard let path = values.path else { throw Failure(.usage, "replay: which FILE?") }
    let bytes = try HostFile.load(path, limit: 1 << 32)
    let recording: RunRecording
    do throws(SnapshotError) { recording = try RunRecording(bytes) } catch {
      throw .badInput(path, error.message)
    }
    let setup = try setup(recording, path)
    let ram = try Session.guestRAM(setup.configuration.memorySize)
    let machine: Machine
    do throws(MachineError) { machine = try Machine(setup.configuration, ram: ram) } catch {
      throw Failure(error)
    }
    Signals.install()
    var code = ExitCode.success
    do throws(RunRecording.Divergence) {
      try recording.replay(on: machine) {
        setup.console.flush()
        return Signals.pendingExit == nil
      }
    } catch {
      setup.console.flush()
      Host.report("apus: \(path): \(error.message)")
      code = .diverged
    }
    setup.console.finish(patience: .endless)
    if let signal = Signals.pendingExit { return ExitCode.signal(signal).status }
    if recording.end == nil {
      Host.report("apus: \(path): the recording was cut off at \(machine.instructions) instructions")
    }
    if values.showsHash { Host.report("state-hash: \(Text.hex(machine.stateHash()))") }
    return code.status
  }

  /// What the recorded run had, with drives that forget what is written.
  static func setup(_ recording: RunRecording, _ path: String) throws(Failure) -> Setup {
    var options: Options
    do throws(SnapshotError) { options = try SavedMachine.options(recording.sections, []) } catch {
      throw .badInput(path, error.message)
    }
    // The images are as they were before the run only if nothing is written to them.
    for index in options.drives.indices { options.drives[index].isSnapshot = true }
    let setup = try Setup(options)
    try setup.check(recording.files, of: path)
    return setup
  }
}
