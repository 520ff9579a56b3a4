import ApusMachine

/// What the exit status of `apus` says. These numbers are an interface: scripts and Makefiles test them.
package enum ExitCode: Equatable, Sendable {
  /// The guest powered off, was reset under `--no-reboot`, wrote the text of `--exit-on`, or was left with
  /// Ctrl-A x.
  case success
  /// The command line was not understood.
  case usage
  /// A kernel, initrd, module or disk image is missing, unreadable or not what it should be.
  case badInput
  /// Reading, writing or flushing a disk image failed; its content is uncertain.
  case diskFailure
  /// The host refused memory or an output.
  case hostResources
  /// The guest died: a triple fault, a halt that nothing can end, or the text of `--panic-on`.
  case guestDied
  /// A limit that the user set was reached.
  case limitReached
  /// What a step of `--script` waited for did not come.
  case scriptFailed
  /// `--script` ended the run with this value, 0...255.
  case scripted(Int32)
  /// A replayed run was not the recorded one.
  case diverged
  /// The guest asked for something that Apus does not implement, or Apus itself failed.
  case internalError
  /// The run was ended by this signal.
  case signal(Int32)
  /// The guest wrote this value to the debug-exit port.
  case debugExit(UInt32)

  /// The number given to `exit`, 0...255.
  package var status: Int32 {
    switch self {
    case .success: 0
    case .usage: 2
    case .badInput: 3
    case .diskFailure: 4
    case .hostResources: 5
    case .guestDied: 6
    case .limitReached: 7
    case .scriptFailed: 8
    case .diverged: 9
    case .scripted(let value): value & 0xFF
    case .internalError: 70
    case .signal(let number): 128 + (number & 0x7F)
    // As QEMU's isa-debug-exit; a process keeps only the low byte of its status.
    case .debugExit(let value): Int32(truncatingIfNeeded: ((value << 1) | 1) & 0xFF)
    }
  }
}

/// Why a run could not start or had to end, in one line for the user.
package struct Failure: Error, Equatable, Sendable {
  package let code: ExitCode
  /// One line without the leading `apus:`; names the option or file at fault first.
  package let message: String

  package init(_ code: ExitCode, _ message: String) {
    self.code = code
    self.message = message
  }

  /// What is wrong with a machine.
  init(_ error: MachineError, prefix: String = "") {
    let code: ExitCode =
      switch error.kind {
      case .badInput: .badInput
      case .usage: .usage
      case .resources: .hostResources
      }
    self.init(code, prefix + error.message)
  }

  /// A usage error that names the option as the user spelt it.
  package static func usage(_ option: String, _ reason: String) -> Failure {
    Failure(.usage, "\(option): \(reason)")
  }

  /// A file that is not what it should be.
  package static func badInput(_ path: String, _ reason: String) -> Failure {
    Failure(.badInput, "\(path): \(reason)")
  }
}
