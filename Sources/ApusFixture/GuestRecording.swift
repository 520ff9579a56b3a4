import ApusBase
import ApusMachine

/// What has reached a machine since it was switched on.
final class InputLog: InputRecorder {
  enum Entry: Sendable {
    case input(MachineInput, instructions: UInt64, afterRun: Bool)
    /// A hash of the registers.
    case check(UInt64, instructions: UInt64)
  }

  private(set) var entries: [Entry]
  /// The instructions of the next hash.
  private var nextCheck: UInt64

  /// A log that goes on from entries, at so many instructions.
  init(_ entries: [Entry] = [], at instructions: UInt64 = 0) {
    self.entries = entries
    nextCheck = 0
    reset(to: entries, at: instructions)
  }

  /// Goes back to what had come before.
  func reset(to entries: [Entry], at instructions: UInt64) {
    self.entries = entries
    nextCheck = instructions + GuestFixture.checkInterval
  }

  func record(_ input: MachineInput, at instructions: UInt64, afterRun: Bool) {
    entries.append(.input(input, instructions: instructions, afterRun: afterRun))
  }

  /// Notes the registers now and then, of a machine that has just run.
  func check(_ machine: Machine) {
    guard machine.instructions >= nextCheck, !machine.hasEnded else { return }
    entries.append(.check(machine.registersHash(), instructions: machine.instructions))
    nextCheck = machine.instructions + GuestFixture.checkInterval
  }
}

extension GuestFixture {
  /// The run so far as a file that `apus replay FILE` does again, from the moment at which the machine was switched on
  /// (or what it goes on from was), to the same `stateHash()`.
  ///
  /// It has the options of the machine and what reached it; kernel and images are not in it, but their names and a hash
  /// of each. The replay opens them by these names, relative ones from its own working directory, and refuses them if
  /// they have changed. Of a `GuestFile` made of bytes, write the bytes under its name first.
  public func bundle() -> [UInt8] {
    var bytes: [UInt8] = []
    // The configuration has made a machine, so it can be said in words.
    guard let files = try? configuration.references, let section = try? configuration.section else {
      return []
    }
    let recorder = RunRecorder(files: files, sections: [section]) { bytes += $0 }
    for entry in inputs.entries {
      switch entry {
      case .input(let input, let instructions, let afterRun):
        recorder.record(input, at: instructions, afterRun: afterRun)
      case .check(let hash, let instructions): recorder.check(hash, at: instructions, afterRun: true)
      }
    }
    recorder.finish(machine)
    return bytes
  }
}

/// A fixture at one moment. It costs little, as memory is shared with the machine until either writes to it; any number
/// of fixtures, on any threads, can go on from it.
public struct GuestSnapshot: Sendable {
  /// What the machine is made of.
  public let configuration: GuestConfiguration
  let machine: MachineSnapshot
  let ports: [OutputLog.Contents]
  let debugPort: OutputLog.Contents
  let inputs: [InputLog.Entry]
  let instructionLimit: UInt64

  /// Instructions that the guest had executed.
  public var instructions: UInt64 { machine.instructions }
}

extension GuestFixture {
  /// The machine as it is now, with what it has said. The guest does not notice. Throws `usage` after its end.
  public func snapshot() throws(MachineError) -> GuestSnapshot {
    GuestSnapshot(
      configuration: configuration, machine: try machine.snapshot(), ports: ports.map { $0.contents },
      debugPort: debugPort.contents, inputs: inputs.entries, instructionLimit: instructionLimit)
  }

  /// Goes back, or forth, to a moment of this machine or of another with the same configuration. Its recording is then
  /// that of the run to there. Throws `badInput` with nothing changed if it is of another machine.
  public func restore(_ snapshot: GuestSnapshot) throws(MachineError) {
    try machine.restore(snapshot.machine)
    adopt(snapshot)
  }

  private func adopt(_ snapshot: GuestSnapshot) {
    for (port, contents) in zip(ports, snapshot.ports) { port.contents = contents }
    debugPort.contents = snapshot.debugPort
    inputs.reset(to: snapshot.inputs, at: snapshot.instructions)
    settle()
  }

  /// Another fixture that goes on from here, on any thread; what one does from now on is nothing to the other. Throws
  /// `usage` after the guest's end.
  public func fork() throws(MachineError) -> GuestFixture {
    let ports = Self.ports()
    let debugPort = OutputLog()
    let snapshot = try snapshot()
    let other = try machine.fork {
      $0.serial = ports
      $0.debugConsole = debugPort
    }
    let fixture = GuestFixture(configuration, other, ports, debugPort, InputLog())
    fixture.adopt(snapshot)
    fixture.instructionLimit = instructionLimit
    return fixture
  }

  /// A fixture that goes on from a snapshot: how a task or a thread of its own begins. Throws as `init(_:)` does.
  public convenience init(_ snapshot: GuestSnapshot) throws(MachineError) {
    try self.init(snapshot.configuration)
    try restore(snapshot)
    instructionLimit = snapshot.instructionLimit
  }
}
