/// Why saved state could not be read back.
public enum StateError: Error, Equatable, Sendable {
  /// The data ended inside the named section.
  case truncated(section: String)
  /// A section of another name stands where `expected` should be.
  case wrongSection(expected: String, found: String)
  /// The section was written by a version of Apus that this one does not understand.
  case unsupportedVersion(section: String, version: UInt16)
  /// A field holds a value that no device could have saved.
  case invalidField(section: String, field: String)
}

/// Serialises machine state as named, versioned sections, little-endian. The same bytes serve snapshots
/// and the state hash, so whatever influences the next state must be written.
///
/// Section: name length (UInt8), name (ASCII), version (UInt16), payload length (UInt32), payload.
public struct StateWriter {
  /// Everything written so far.
  public private(set) var bytes: [UInt8] = []

  /// An empty writer.
  public init() {}

  /// Writes a section; `body` writes its payload.
  package mutating func section(_ name: String, version: UInt16, _ body: (inout StateWriter) -> Void) {
    let nameBytes = Array(name.utf8.prefix(255))
    bytes.append(UInt8(nameBytes.count))
    bytes.append(contentsOf: nameBytes)
    write(version)
    let lengthAt = bytes.count
    write(UInt32(0))
    body(&self)
    let length = UInt32(truncatingIfNeeded: bytes.count - lengthAt - 4)
    for i in 0..<4 { bytes[lengthAt + i] = UInt8(truncatingIfNeeded: length >> UInt32(8 * i)) }
  }

  // What is generic is inlined into other modules, where the type is known: a machine's state is tens of thousands of
  // integers, and a fork of it should take less than a few milliseconds.

  /// Appends an integer of at most 64 bits in little-endian order.
  @inlinable
  package mutating func write<T: FixedWidthInteger>(_ value: T) {
    write(UInt64(truncatingIfNeeded: value), size: T.bitWidth / 8)
  }

  @usableFromInline
  package mutating func write(_ value: UInt64, size: Int) {
    var rest = value
    for _ in 0..<size {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  /// Appends a Boolean as one byte, 0 or 1.
  package mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }

  /// Appends bytes as they are.
  package mutating func append(_ value: [UInt8]) { bytes.append(contentsOf: value) }

  /// Appends a byte array with its length (UInt32) in front.
  package mutating func write(_ value: [UInt8]) {
    write(UInt32(truncatingIfNeeded: value.count))
    bytes.append(contentsOf: value)
  }
}

/// Reads what `StateWriter` wrote. Every read is bounds-checked; nothing in hostile input traps.
public struct StateReader {
  private let bytes: [UInt8]
  private var position = 0
  private var end: Int
  /// The section being read, for error messages.
  private var name = ""

  /// A reader over saved state.
  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    end = bytes.count
  }

  /// Whether everything has been read.
  public var isAtEnd: Bool { position == end }

  /// Reads the section `expected` with `body`, which gets the version found (1...`newest`), and skips what
  /// `body` left unread.
  package mutating func section(
    _ expected: String, newest: UInt16,
    _ body: (inout StateReader, UInt16) throws(StateError) -> Void
  ) throws(StateError) {
    let outerName = name
    name = expected
    let nameLength = Int(try read(UInt8.self))
    guard nameLength <= end - position else { throw .truncated(section: expected) }
    var found = ""
    for byte in bytes[position..<(position + nameLength)] {
      found.unicodeScalars.append(Unicode.Scalar(byte))
    }
    position += nameLength
    guard found == expected else { throw .wrongSection(expected: expected, found: found) }
    let version = try read(UInt16.self)
    guard version >= 1 && version <= newest else {
      throw .unsupportedVersion(section: expected, version: version)
    }
    let length = Int(try read(UInt32.self))
    guard length <= end - position else { throw .truncated(section: expected) }
    let outerEnd = end
    end = position + length
    try body(&self, version)
    position = end
    end = outerEnd
    name = outerName
  }

  /// Reads a little-endian integer of at most 64 bits.
  @inlinable
  package mutating func read<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(StateError) -> T {
    T(truncatingIfNeeded: try read(size: T.bitWidth / 8))
  }

  @usableFromInline
  package mutating func read(size: Int) throws(StateError) -> UInt64 {
    guard size <= end - position else { throw .truncated(section: name) }
    var value: UInt64 = 0
    for index in 0..<size { value |= UInt64(bytes[position + index]) << UInt64(8 * index) }
    position += size
    return value
  }

  /// Reads a Boolean; any byte but 0 and 1 is an error.
  package mutating func readBool(_ field: String) throws(StateError) -> Bool {
    switch try read(UInt8.self) {
    case 0: return false
    case 1: return true
    default: throw invalid(field)
    }
  }

  /// Reads a byte array written with its length; longer than `limit` is an error.
  package mutating func readBytes(limit: Int, _ field: String) throws(StateError) -> [UInt8] {
    let count = Int(try read(UInt32.self))
    guard count <= limit else { throw invalid(field) }
    guard count <= end - position else { throw .truncated(section: name) }
    defer { position += count }
    return Array(bytes[position..<(position + count)])
  }

  /// The error for a field of the present section that holds an impossible value.
  package func invalid(_ field: String) -> StateError { .invalidField(section: name, field: field) }
}
