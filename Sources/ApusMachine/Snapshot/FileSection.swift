import ApusBase

/// What a snapshot's file or a machine for it lacks: one line, which names the section.
public struct SnapshotError: Error, Equatable, Sendable {
  /// For people, without the file's name.
  public let message: String

  /// An error with its message.
  public init(_ message: String) { self.message = message }
}

/// A file that a machine depends on.
public struct FileReference: Equatable, Sendable {
  /// What it is for: `kernel`, `drive 0`.
  public let role: String
  /// As the user gave it.
  public let name: String
  /// The `ContentHash` of its bytes.
  public let hash: UInt64

  /// A file with the hash of what is in it.
  public init(role: String, name: String, hash: UInt64) {
    self.role = role
    self.name = name
    self.hash = hash
  }
}

extension FileReference {
  static func encode(_ files: [FileReference], to writer: inout StateWriter) {
    writer.write(UInt32(truncatingIfNeeded: files.count))
    for file in files {
      writer.write(Array(file.role.utf8))
      writer.write(Array(file.name.utf8))
      writer.write(file.hash)
    }
  }

  static func list(from reader: inout StateReader) throws(StateError) -> [FileReference] {
    var files: [FileReference] = []
    for _ in 0..<(try reader.read(UInt32.self)) {
      let role = try reader.readBytes(limit: 4096, "role")
      let file = try reader.readBytes(limit: 1 << 16, "name")
      files.append(
        FileReference(
          role: String(decoding: role, as: UTF8.self), name: String(decoding: file, as: UTF8.self),
          hash: try reader.read()))
    }
    return files
  }
}

/// The sections of Apus's files, all numbers little-endian: name length (UInt8), name (ASCII), version (UInt16), payload
/// length (UInt64), payload, and the ContentHash of all of that (UInt64).
enum FileSection {
  static func encode(_ name: String, _ version: UInt16, _ payload: [UInt8]) -> [UInt8] {
    var writer = StateWriter()
    let name = Array(name.utf8.prefix(255))
    writer.write(UInt8(name.count))
    writer.append(name)
    writer.write(version)
    writer.write(UInt64(payload.count))
    writer.append(payload)
    writer.write(ContentHash.of(writer.bytes))
    return writer.bytes
  }

  /// Takes a file apart, section by section.
  struct Reader {
    private let bytes: [UInt8]
    private let version: UInt16
    private var at: Int
    /// Where the last section begins.
    private(set) var start = 0

    /// Checks the magic and the version of the format; `kind` is what the file should be.
    init(_ bytes: [UInt8], magic: [UInt8], version: UInt16, kind: String) throws(SnapshotError) {
      guard bytes.starts(with: magic) else {
        let text = String(decoding: magic, as: UTF8.self)
        throw SnapshotError("is no \(kind) of Apus: it does not begin with \(text)")
      }
      self.bytes = bytes
      self.version = version
      at = magic.count
      let format = try number(2, "the header")
      guard format == UInt64(version) else {
        throw SnapshotError("has format version \(format); this Apus knows \(version)")
      }
    }

    /// The next section's name, and where its payload is; nil at the end.
    mutating func next() throws(SnapshotError) -> (String, Range<Int>)? {
      guard at < bytes.count else { return nil }
      start = at
      let place = "a section at offset \(start)"
      let nameLength = Int(try number(1, place))
      guard nameLength <= bytes.count - at else { throw SnapshotError("is cut short in \(place)") }
      let nameBytes = bytes[at..<at + nameLength]
      at += nameLength
      guard nameLength > 0, nameBytes.allSatisfy({ (0x20..<0x7F).contains($0) }) else {
        throw SnapshotError("\(place) has no name")
      }
      let name = String(decoding: nameBytes, as: UTF8.self)
      let found = try number(2, "section \(name)")
      guard found == UInt64(version) else {
        throw SnapshotError("section \(name) has version \(found); this Apus knows \(version)")
      }
      let length = try number(8, "section \(name)")
      guard length <= UInt64(bytes.count - at) else {
        throw SnapshotError("is cut short in section \(name), of \(length) bytes at offset \(at)")
      }
      let payload = at..<at + Int(length)
      at = payload.upperBound
      var hash = ContentHash()
      hash.update(bytes[start..<at])
      guard try number(8, "section \(name)") == hash.value else {
        throw SnapshotError("section \(name) at offset \(start) is damaged: its checksum is another")
      }
      return (name, payload)
    }

    private mutating func number(_ count: Int, _ place: String) throws(SnapshotError) -> UInt64 {
      guard count <= bytes.count - at else { throw SnapshotError("is cut short in \(place)") }
      var value: UInt64 = 0
      for index in 0..<count { value |= UInt64(bytes[at + index]) << UInt64(8 * index) }
      at += count
      return value
    }
  }
}
