import ApusBase
import ApusDevices
import ApusMachine

/// A snapshot's file as a run goes on from it.
struct SavedMachine {
  let path: String
  let file: SnapshotFile

  /// The section of a snapshot's file with the words that say what the machine is.
  private static let section = "Options"

  /// Opens the file that `--load` names and completes the options with those of its machine; nil without one.
  static func open(_ options: inout Options, _ arguments: [String]) throws(Failure) -> SavedMachine? {
    guard let path = options.load else { return nil }
    let bytes = try HostFile.load(path, limit: 1 << 40)
    do throws(SnapshotError) {
      let file = try SnapshotFile(bytes)
      options = try Self.options(file.sections, arguments)
      return SavedMachine(path: path, file: file)
    } catch {
      throw .badInput(path, error.message)
    }
  }

  /// The options of the machine that a file is of, and those for the run.
  static func options(
    _ sections: [SnapshotSection], _ arguments: [String]
  ) throws(SnapshotError) -> Options {
    guard let section = sections.first(where: { $0.name == section }) else {
      throw SnapshotError("section \(section) is missing")
    }
    guard let words = words(section.payload) else {
      throw SnapshotError("section \(section.name) is no list of words")
    }
    do { return try OptionParser.parse(arguments, machine: words) } catch {
      throw SnapshotError("section \(section.name): \(error.message)")
    }
  }

  /// The words, each ended by a zero byte.
  private static func words(_ payload: [UInt8]) -> [String]? {
    guard payload.last ?? 0 == 0 else { return nil }
    var words: [String] = []
    for word in payload.dropLast().split(separator: 0, omittingEmptySubsequences: false) {
      guard let text = String(validating: word, as: UTF8.self) else { return nil }
      words.append(text)
    }
    return payload.isEmpty ? [] : words
  }

  static func section(_ words: [String]) -> SnapshotSection {
    SnapshotSection(name: section, payload: words.flatMap { Array($0.utf8) + [0] })
  }

  /// Refuses files that are not what they were.
  func check(_ setup: Setup) throws(Failure) { try setup.check(file.files, of: path) }
}

extension Setup {
  /// Refuses files that are not what they were when the file at `path` was written.
  func check(_ files: [FileReference], of path: String) throws(Failure) {
    let present = try fileReferences()
    guard present.map(\.role) == files.map(\.role) else {
      throw .badInput(
        path, "is of a machine with other files: \(files.map(\.role).joined(separator: ", "))")
    }
    for (now, then) in zip(present, files) where now.hash != then.hash {
      throw .badInput(
        now.name,
        "is not the \(now.role) that \(path) was saved with: hash \(Text.hex(now.hash)), expected \(Text.hex(then.hash))"
      )
    }
  }
}

extension Setup {
  /// The files that the machine depends on, with what is in them.
  func fileReferences() throws(Failure) -> [FileReference] {
    var references: [FileReference] = []
    func add(_ file: BootFile) {
      references.append(FileReference(role: file.role, name: file.name, hash: ContentHash.of(file.bytes)))
    }
    switch configuration.boot {
    case .kernel(let kernel, _, let modules):
      add(kernel)
      for module in modules { add(module.file) }
    case .flat(let file, _, _): add(file)
    case nil: break
    }
    if case .image(let file) = configuration.firmware { add(file) }
    if let rom = configuration.videoROM { add(rom) }
    for (index, disk) in disks.enumerated() {
      references.append(FileReference(role: "drive \(index)", name: disk.path, hash: try disk.contentHash()))
    }
    return references
  }
}

extension HostDisk {
  /// The hash of the whole image.
  func contentHash() throws(Failure) -> UInt64 {
    let step: UInt64 = 2048
    var hash = ContentHash()
    var buffer = [UInt8](repeating: 0, count: Int(step) * Self.sectorSize)
    for sector in stride(from: 0, to: sectorCount, by: Int(step)) {
      let count = Int(min(step, sectorCount - sector))
      do { try read(sector: sector, count: count, into: &buffer, at: 0) } catch {
        throw Failure(.diskFailure, failure ?? "\(path): cannot be read")
      }
      hash.update(buffer[..<(count * Self.sectorSize)])
    }
    return hash.value
  }
}

extension Session {
  /// At the user's wish.
  func saveNow() {
    guard let path = options.save else { return remark("apus: --save FILE says where a machine is saved\n") }
    do throws(Failure) {
      try save(path)
      remark("apus: \(path) has the machine at \(machine.instructions) instructions\n")
    } catch {
      remark("apus: \(error.message)\n")
    }
  }

  /// What `--save` asks for, unless the guest ended the run. Returns what went wrong.
  func saveAtEnd() -> Failure? {
    guard let path = options.save, !machine.hasEnded else { return nil }
    do throws(Failure) {
      try save(path)
      return nil
    } catch {
      return error
    }
  }

  private func save(_ path: String) throws(Failure) {
    let snapshot: MachineSnapshot
    do throws(MachineError) { snapshot = try machine.snapshot() } catch { throw Failure(error) }
    for disk in setup.disks { try? disk.flush() }
    let files = try setup.fileReferences()
    try HostFile.replace(path) { write in
      SnapshotFile.encode(snapshot, files: files, sections: [SavedMachine.section(machineWords)], write)
    }
    lastSnapshot = snapshot
  }

  /// The words that say what the machine is, with what followed from other options.
  var machineWords: [String] {
    var words = options.machineWords
    if options.hasVGA == nil { words += ["--vga", setup.configuration.hasVGA ? "std" : "none"] }
    if options.successCode != nil && !words.contains("--debug-exit") { words.append("--debug-exit") }
    if let date = setup.fixedDate { words += ["--rtc", "@\(date)"] }
    return words
  }

  /// Begins to record, if that was asked for. What the machine was given before is its configuration.
  func beginRecording() throws(Failure) {
    guard let output = setup.runOutput else { return }
    let files = try setup.fileReferences()
    let recorder = RunRecorder(files: files, sections: [SavedMachine.section(machineWords)]) { bytes in
      for byte in bytes { output.send(byte) }
    }
    machine.recorder = recorder
    self.recorder = recorder
  }

  /// Every so many instructions, whatever the slices are.
  func checkRecording() {
    guard let recorder, machine.instructions >= nextCheck else { return }
    recorder.check(machine)
    nextCheck = machine.instructions + Self.checkInterval
  }

  /// At the user's wish: to the last snapshot, or to the file that the machine came from.
  func goBack() {
    guard recorder == nil else { return remark("apus: a run that is recorded cannot go back\n") }
    do throws(Failure) {
      guard let snapshot = try earlier() else {
        return remark("apus: the machine was neither saved (Ctrl-A w) nor loaded\n")
      }
      do throws(MachineError) { try machine.restore(snapshot) } catch { throw Failure(error) }
      forgetTime()
      remark("apus: back at \(machine.instructions) instructions\n")
    } catch {
      remark("apus: \(error.message)\n")
    }
  }

  private func earlier() throws(Failure) -> MachineSnapshot? {
    guard lastSnapshot == nil, let saved else { return lastSnapshot }
    let ram = try Self.guestRAM(options.memorySize)
    do throws(MachineError) { lastSnapshot = try saved.file.snapshot(in: ram) } catch {
      throw Failure(error, prefix: "\(saved.path): ")
    }
    return lastSnapshot
  }
}
