import ApusBase
import ApusCPU
import ApusDevices

/// A machine at one moment, between two instructions. It costs little: memory is shared with the machine until either
/// writes to it. Any number of machines, on any threads, can go on from it.
public struct MachineSnapshot: Sendable {
  /// RAM and ROM.
  package let memory: MemoryImage
  /// The sections that `Machine.saveState` writes.
  package let state: [UInt8]
  /// By drive, in the configuration's order: what was written to it, nil for drives that keep nothing in memory.
  package let disks: [DiskChanges?]
  /// Instructions retired up to then.
  public let instructions: UInt64

  package init(memory: MemoryImage, state: [UInt8], disks: [DiskChanges?], instructions: UInt64) {
    self.memory = memory
    self.state = state
    self.disks = disks
    self.instructions = instructions
  }
}

extension Machine {
  /// The machine as it is now. The guest does not notice: whether and when snapshots are made changes nothing of what it
  /// does. Throws `usage` for a machine whose run has ended.
  public func snapshot() throws(MachineError) -> MachineSnapshot {
    guard end == nil else { throw MachineError(message: "snapshot: the guest's run has ended", kind: .usage) }
    return capture()
  }

  /// The same for a machine that may have ended, whose end is not in it.
  func capture() -> MachineSnapshot {
    var writer = StateWriter()
    saveState(to: &writer)
    return MachineSnapshot(
      memory: processor.freezeMemory(), state: writer.bytes,
      disks: configuration.drives.map { $0.overlay?.changes },
      instructions: processor.instructions)
  }

  /// Makes the machine what it was, or what another one of the same configuration was, at `snapshot`. Throws with the
  /// machine untouched if a drive that is written to has its writes in a file already (`usage`), or if the snapshot is
  /// not of such a machine (`badInput`).
  public func restore(_ snapshot: MachineSnapshot) throws(MachineError) {
    try checkDrives()
    guard snapshot.memory.size == processor.ram.size, snapshot.disks.count == configuration.drives.count
    else {
      throw MachineError(message: "snapshot: it is of a machine with other memory or drives", kind: .badInput)
    }
    let old = (end: end, snapshot: capture())
    do throws(StateError) { try adopt(snapshot) } catch {
      // Its own state fits a machine.
      try? adopt(old.snapshot)
      end = old.end
      throw MachineError(message: "snapshot: \(error.text)", kind: .badInput)
    }
  }

  /// A machine of its own that goes on from where this one is. Its ports lead nowhere and its drives keep what is
  /// written to them in memory, unless `adapt` changes that in its configuration; what it is made of must stay as it is.
  /// Throws as `restore` does, and for configurations that make no sense.
  public func fork(
    _ adapt: (inout MachineConfiguration) -> Void = { _ in }
  ) throws(MachineError) -> Machine {
    try checkDrives()
    var configuration = configuration
    configuration.serial = configuration.serial.map { _ in nil }
    (configuration.parallel, configuration.speaker, configuration.debugConsole) = (nil, nil, nil)
    configuration.isProfiled = false
    for (index, drive) in configuration.drives.enumerated() {
      guard let overlay = drive.overlay else { continue }
      configuration.drives[index] = Drive(
        interface: drive.interface, medium: drive.medium, place: drive.place,
        overlay: OverlayDisk(overlay.image, changes: overlay.changes))
    }
    adapt(&configuration)
    return try Machine(configuration, resuming: try snapshot(), rom: rom)
  }

  /// A machine that goes on from a snapshot of one with the same configuration.
  convenience init(
    _ configuration: MachineConfiguration, resuming snapshot: MachineSnapshot, rom: [UInt8]
  ) throws(MachineError) {
    try self.init(configuration, ram: GuestRAM(snapshot.memory), rom: rom)
    try resume(snapshot.state, snapshot.disks)
  }

  /// Gives a machine its state, whose memory is already as it has to be.
  func resume(_ state: [UInt8], _ disks: [DiskChanges?]) throws(MachineError) {
    do throws(StateError) { try restoreState(state, disks) } catch {
      throw MachineError(message: "snapshot: \(error.text)", kind: .badInput)
    }
  }

  /// Drives that write to their files cannot go back, nor be used by two machines.
  func checkDrives() throws(MachineError) {
    for (index, drive) in configuration.drives.enumerated()
    where !drive.store.isReadOnly && drive.overlay == nil {
      throw MachineError(
        message: "drive \(index) writes to its file; attach it with snapshot=on to go back or to fork",
        kind: .usage)
    }
  }

  private func adopt(_ snapshot: MachineSnapshot) throws(StateError) {
    processor.forgetStop()
    processor.revertMemory(to: snapshot.memory)
    try restoreState(snapshot.state, snapshot.disks)
  }

  private func restoreState(_ state: [UInt8], _ disks: [DiskChanges?]) throws(StateError) {
    for (drive, changes) in zip(configuration.drives, disks) {
      guard changes?.fit(drive.store.sectorCount) ?? true else {
        throw .invalidField(section: "Disk", field: "piece")
      }
      drive.overlay?.changes = changes ?? DiskChanges()
    }
    var reader = StateReader(state)
    try restoreState(from: &reader)
    end = nil
  }

  // MARK: Everything but memory and disks

  /// Writes what decides the machine's future, as sections.
  func saveState(to writer: inout StateWriter) {
    board.save(to: &writer)
    processor.save(to: &writer)
    processor.saveTranslations(to: &writer)
  }

  /// The inverse. The processor comes after the devices, which drive its pins, and the translations after what drops
  /// them.
  private func restoreState(from reader: inout StateReader) throws(StateError) {
    try board.restore(from: &reader)
    try processor.restore(from: &reader)
    try processor.restoreTranslations(from: &reader)
  }
}

extension StateError {
  /// What is wrong, for people.
  package var text: String {
    switch self {
    case .truncated(let section): "section \(section) is cut short"
    case .wrongSection(let expected, let found): "section \(expected) expected, \(found) found"
    case .unsupportedVersion(let section, let version):
      "section \(section) has version \(version), which is not known"
    case .invalidField(let section, let field): "section \(section), field \(field): impossible value"
    }
  }
}
