import ApusBase

// The file of a recorded run: "APUSRUNS", version (UInt16), and sections (FileSection.swift). First comes `Machine`: the
// files that the machine depends on; then those of the program that wrote it, any number of `Input`, and `End`. An
// `Input` is entries, each with the instructions since the one before (compact), and either an input or kind 3Fh and a
// hash of the registers (UInt64); 40h is added to the kind if the machine was told to run since the entry before.

/// Writes a run's file while it goes on.
public final class RunRecorder: InputRecorder {
  static let magic = Array("APUSRUNS".utf8)
  static let version: UInt16 = 1
  static let check: UInt8 = 0x3F
  private static let batchSize = 1 << 14

  private let write: ([UInt8]) -> Void
  private var batch = StateWriter()
  private var instructions: UInt64 = 0
  private var time: VirtualTime = 0

  /// A recorder that gives the pieces of the file to `write`.
  public init(files: [FileReference], sections: [SnapshotSection], _ write: @escaping ([UInt8]) -> Void) {
    self.write = write
    var start = StateWriter()
    start.append(Self.magic)
    start.write(Self.version)
    write(start.bytes)
    var machine = StateWriter()
    FileReference.encode(files, to: &machine)
    put("Machine", machine.bytes)
    for section in sections { put(section.name, section.payload) }
  }

  private func put(_ name: String, _ payload: [UInt8]) {
    write(FileSection.encode(name, Self.version, payload))
  }

  /// Notes an input.
  public func record(_ input: MachineInput, at instructions: UInt64, afterRun: Bool) {
    advance(to: instructions)
    input.encode(to: &batch, since: time, afterRun: afterRun)
    if case .idle(let until) = input { time = until }
    if batch.bytes.count >= Self.batchSize { flush() }
  }

  /// Notes what the machine's registers are, so that a replay notices where it begins to differ.
  public func check(_ machine: Machine) {
    check(machine.registersHash(), at: machine.instructions, afterRun: machine.hasRun)
  }

  /// Notes what the hash of the registers was at so many instructions; see `record` for `afterRun`.
  package func check(_ hash: UInt64, at instructions: UInt64, afterRun: Bool) {
    advance(to: instructions)
    batch.write(Self.check | (afterRun ? MachineInput.afterRun : 0))
    batch.write(hash)
  }

  private func advance(to count: UInt64) {
    batch.writeCompact(count - instructions)
    instructions = count
  }

  private func flush() {
    guard !batch.bytes.isEmpty else { return }
    put("Input", batch.bytes)
    batch = StateWriter()
  }

  /// Completes the file.
  public func finish(_ machine: Machine) {
    flush()
    var end = StateWriter()
    end.write(machine.instructions)
    end.write(machine.stateHash())
    end.write(machine.hasRun)
    put("End", end.bytes)
  }
}

/// A recorded run.
public struct RunRecording: Sendable {
  enum Entry: Sendable {
    case input(MachineInput)
    case check(UInt64)
  }

  /// What has to be as it was.
  public private(set) var files: [FileReference] = []
  /// The sections of the program that wrote it.
  public private(set) var sections: [SnapshotSection] = []
  private(set) var entries: [(instructions: UInt64, afterRun: Bool, entry: Entry)] = []
  /// The instructions of the whole run, and the hash of the state at its end; nil if its recording was cut off.
  public private(set) var end: (instructions: UInt64, hash: UInt64, afterRun: Bool)?
  private var time: VirtualTime = 0

  /// Takes a file apart.
  public init(_ bytes: [UInt8]) throws(SnapshotError) {
    var reader = try FileSection.Reader(
      bytes, magic: RunRecorder.magic, version: RunRecorder.version, kind: "recorded run")
    while let (name, payload) = try reader.next() {
      guard end == nil else { throw SnapshotError("has bytes behind section End, at offset \(reader.start)") }
      var contents = StateReader(Array(bytes[payload]))
      do throws(StateError) {
        switch name {
        case "Machine": files = try FileReference.list(from: &contents)
        case "Input": while !contents.isAtEnd { try takeEntry(&contents) }
        case "End": end = (try contents.read(), try contents.read(), try contents.readBool("run"))
        default: sections.append(SnapshotSection(name: name, payload: Array(bytes[payload])))
        }
      } catch {
        throw SnapshotError("section \(name): \(error.text)")
      }
    }
  }

  private mutating func takeEntry(_ reader: inout StateReader) throws(StateError) {
    let (count, overflow) = (entries.last?.instructions ?? 0).addingReportingOverflow(
      try reader.readCompact())
    guard !overflow, count < 1 << 62 else { throw reader.invalid("instructions") }
    let kind: UInt8 = try reader.read()
    let afterRun = kind & MachineInput.afterRun != 0
    let bare = kind & ~MachineInput.afterRun
    if bare == RunRecorder.check {
      entries.append((count, afterRun, .check(try reader.read())))
      return
    }
    let input = try MachineInput(bare, from: &reader, since: time)
    if case .idle(let until) = input { time = until }
    entries.append((count, afterRun, .input(input)))
  }

  /// Where a replay first differs from the recorded run.
  public struct Divergence: Error, Equatable, Sendable {
    /// One line for people.
    public let message: String
  }

  /// Does the run again on a machine that has just been made, of the same configuration. `pause` is called now and then
  /// and says whether to go on.
  public func replay(on machine: Machine, _ pause: () -> Bool = { true }) throws(Divergence) {
    for index in entries.indices {
      guard try advance(machine, to: entries[index].instructions, pause) else { return }
      try take(index, on: machine)
    }
    guard let end, try advance(machine, to: end.instructions, pause) else { return }
    if end.afterRun { _ = machine.run(instructions: 0) }
    guard machine.stateHash() == end.hash else {
      throw Divergence(message: "the state differs at the end, at \(end.instructions) instructions")
    }
  }

  /// Does an entry on a machine that has come to its moment.
  func take(_ index: Int, on machine: Machine) throws(Divergence) {
    let (count, afterRun, entry) = entries[index]
    if afterRun { _ = machine.run(instructions: 0) }
    switch entry {
    case .input(let input): machine.apply(input)
    case .check(let hash):
      guard machine.registersHash() == hash else {
        throw Divergence(
          message: "the registers differ at \(count) instructions, or since the check before")
      }
    }
  }

  private func advance(_ machine: Machine, to count: UInt64, _ pause: () -> Bool) throws(Divergence) -> Bool {
    while machine.instructions < count {
      guard pause() else { return false }
      let stop = machine.run(instructions: min(count - machine.instructions, 10_000_000))
      if stop == .budget { continue }
      if machine.instructions != count {
        throw Divergence(
          message: "the guest stops at \(machine.instructions) instructions; it went on to \(count)")
      }
    }
    return true
  }
}
