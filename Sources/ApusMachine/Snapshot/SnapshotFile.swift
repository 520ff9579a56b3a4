import ApusBase
import ApusCPU
import ApusDevices

// The file of a snapshot: "APUSSNAP", version (UInt16), and sections (FileSection.swift). First comes `Machine`, which says
// of what machine the snapshot is, then those of the program that wrote it, `State`, a `Disk` for each drive, any number
// of `Memory`, and `End`, which counts them.

/// A section of a snapshot's file by the program that writes it.
public struct SnapshotSection: Equatable, Sendable {
  /// ASCII, at most 255 characters.
  public let name: String
  /// What it says, which the program understands.
  public let payload: [UInt8]

  /// A section with its payload.
  public init(name: String, payload: [UInt8]) {
    self.name = name
    self.payload = payload
  }
}

/// A snapshot's file, taken apart and checked as far as that is possible without a machine.
public struct SnapshotFile: Sendable {
  static let magic = Array("APUSSNAP".utf8)
  static let version: UInt16 = 1

  /// Bytes of RAM of the machine.
  public private(set) var memorySize: UInt64 = 0
  /// Instructions retired up to then.
  public private(set) var instructions: UInt64 = 0
  /// What has to be as it was.
  public private(set) var files: [FileReference] = []
  /// The sections of the program that wrote it.
  public private(set) var sections: [SnapshotSection] = []
  private(set) var state: [UInt8] = []
  private(set) var disks: [DiskChanges?] = []
  private let bytes: [UInt8]
  /// Where the payloads of the `Memory` sections are.
  private(set) var memory: [Range<Int>] = []
  private var isComplete = false
}

// MARK: Writing

extension SnapshotFile {
  /// Gives the file of a snapshot to `write`, piece by piece, until that returns false. `files` are those that the
  /// machine depends on, and the sections are for whoever reads it.
  public static func encode(
    _ snapshot: MachineSnapshot, files: [FileReference], sections: [SnapshotSection],
    _ write: ([UInt8]) -> Bool
  ) {
    var start = StateWriter()
    start.append(magic)
    start.write(version)
    var isGoing = write(start.bytes)
    func put(_ name: String, _ payload: [UInt8]) {
      if isGoing { isGoing = write(FileSection.encode(name, version, payload)) }
    }
    put("Machine", machine(snapshot, files))
    for section in sections { put(section.name, section.payload) }
    put("State", snapshot.state)
    for disk in snapshot.disks { put("Disk", disk.map { $0.encoded } ?? []) }
    var batch: [UInt8] = []
    var batches: UInt32 = 0
    func putBatch() {
      guard !batch.isEmpty else { return }
      put("Memory", batch)
      batches += 1
      batch.removeAll(keepingCapacity: true)
    }
    snapshot.memory.forEachRun { run in
      batch += run
      if batch.count >= 1 << 20 { putBatch() }
      return isGoing
    }
    putBatch()
    var end = StateWriter()
    end.write(batches)
    put("End", end.bytes)
  }

  private static func machine(_ snapshot: MachineSnapshot, _ files: [FileReference]) -> [UInt8] {
    var writer = StateWriter()
    writer.write(snapshot.memory.size)
    writer.write(snapshot.instructions)
    FileReference.encode(files, to: &writer)
    return writer.bytes
  }
}

// MARK: Reading

extension SnapshotFile {
  /// Takes a file apart.
  public init(_ bytes: [UInt8]) throws(SnapshotError) {
    self.bytes = bytes
    var sections = try FileSection.Reader(bytes, magic: Self.magic, version: Self.version, kind: "snapshot")
    while let (name, payload) = try sections.next() {
      guard !isComplete else {
        throw SnapshotError("has bytes behind section End, at offset \(sections.start)")
      }
      if name == "Memory" { memory.append(payload) } else { try take(name, Array(bytes[payload])) }
    }
    guard isComplete else {
      throw SnapshotError("is cut short at offset \(bytes.count): section End is missing")
    }
  }

  private mutating func take(_ name: String, _ payload: [UInt8]) throws(SnapshotError) {
    var reader = StateReader(payload)
    do throws(StateError) {
      switch name {
      case "Machine":
        memorySize = try reader.read()
        instructions = try reader.read()
        files = try FileReference.list(from: &reader)
      case "State": state = payload
      case "Disk": disks.append(payload.isEmpty ? nil : try DiskChanges(&reader))
      case "End":
        let count: UInt32 = try reader.read()
        guard count == memory.count else {
          throw StateError.invalidField(section: name, field: "number of Memory sections")
        }
        isComplete = true
      default: sections.append(SnapshotSection(name: name, payload: payload))
      }
    } catch {
      throw SnapshotError("section \(name): \(error.text)")
    }
  }

  /// Fills memory that is all zero.
  func load(into ram: GuestRAM) throws(SnapshotError) {
    guard ram.size == memorySize else {
      throw SnapshotError("section Machine is of \(memorySize) bytes of RAM, not \(ram.size)")
    }
    for (index, payload) in memory.enumerated() {
      do throws(PageRunError) { _ = try ram.load(runs: bytes, payload) } catch {
        let reason = error == .truncated ? "is cut short" : "has pages that cannot be"
        throw SnapshotError("section Memory, number \(index + 1), \(reason)")
      }
    }
  }
}

extension SnapshotFile {
  /// The snapshot in memory, for `Machine.restore`: in `ram`, which is all zero and which nothing else may use. Throws
  /// `badInput` if the file's memory is malformed or of another size.
  public func snapshot(in ram: GuestRAM) throws(MachineError) -> MachineSnapshot {
    do throws(SnapshotError) { try load(into: ram) } catch {
      throw MachineError(message: "snapshot: \(error.message)", kind: .badInput)
    }
    return MachineSnapshot(memory: ram.freeze(), state: state, disks: disks, instructions: instructions)
  }
}

extension Machine {
  /// A machine of this configuration that goes on from a file's snapshot, in `ram`, which is all zero. Throws
  /// `badInput` if the snapshot is of another machine, and what `init(_:ram:)` throws.
  public convenience init(
    _ configuration: MachineConfiguration, ram: GuestRAM, file: SnapshotFile
  ) throws(MachineError) {
    try self.init(configuration, ram: ram, rom: try Self.firmware(configuration))
    guard file.disks.count == configuration.drives.count, file.memorySize == ram.size else {
      throw MachineError(message: "snapshot: it is of a machine with other memory or drives", kind: .badInput)
    }
    do throws(SnapshotError) { try file.load(into: ram) } catch {
      throw MachineError(message: "snapshot: \(error.message)", kind: .badInput)
    }
    try resume(file.state, file.disks)
  }
}

// MARK: Disks

extension DiskChanges {
  /// Number of pieces, and of each its number, length and bytes, in the order of their numbers.
  var encoded: [UInt8] {
    var writer = StateWriter()
    writer.write(UInt64(pieces.count))
    for (number, piece) in pieces.sorted(by: { $0.key < $1.key }) {
      writer.write(number)
      writer.write(piece)
    }
    return writer.bytes
  }

  /// Whether all pieces are those of a disk of so many sectors.
  func fit(_ sectors: UInt64) -> Bool {
    let last = sectors / Self.sectorsPerPiece
    let rest = Int(sectors % Self.sectorsPerPiece) * 512
    return pieces.allSatisfy { number, piece in
      number < last && piece.count == Self.pieceSize || number == last && piece.count == rest
    }
  }

  init(_ reader: inout StateReader) throws(StateError) {
    let count: UInt64 = try reader.read()
    for _ in 0..<count {
      let number: UInt64 = try reader.read()
      let piece = try reader.readBytes(limit: Self.pieceSize, "piece")
      guard !piece.isEmpty, piece.count % 512 == 0, pieces[number] == nil else {
        throw reader.invalid("piece")
      }
      pieces[number] = piece
    }
  }
}
