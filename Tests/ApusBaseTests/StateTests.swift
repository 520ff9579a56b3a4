import ApusBase
import Testing

/// Saved state: what is written comes back, and nothing in hostile input does harm.
@Suite struct StateTests {
  /// A section with a field of every kind.
  private static func sample() -> [UInt8] {
    var writer = StateWriter()
    writer.section("device", version: 2) { writer in
      writer.write(0xA5 as UInt8)
      writer.write(0x1234 as UInt16)
      writer.write(0xDEAD_BEEF as UInt32)
      writer.write(0x0123_4567_89AB_CDEF as UInt64)
      writer.write(-2 as Int32)
      writer.write(true)
      writer.write(false)
      writer.write([1, 2, 3] as [UInt8])
    }
    return writer.bytes
  }

  private static func readSample(_ bytes: [UInt8]) throws {
    var reader = StateReader(bytes)
    var numbers: [UInt64] = []
    var signed: Int32 = 0
    var flags: [Bool] = []
    var array: [UInt8] = []
    try reader.section("device", newest: 2) { reader, version throws(StateError) in
      numbers.append(UInt64(version))
      numbers.append(UInt64(try reader.read(UInt8.self)))
      numbers.append(UInt64(try reader.read(UInt16.self)))
      numbers.append(UInt64(try reader.read(UInt32.self)))
      numbers.append(try reader.read(UInt64.self))
      signed = try reader.read()
      flags = [try reader.readBool("yes"), try reader.readBool("no")]
      array = try reader.readBytes(limit: 3, "bytes")
    }
    #expect(numbers == [2, 0xA5, 0x1234, 0xDEAD_BEEF, 0x0123_4567_89AB_CDEF])
    #expect(signed == -2)
    #expect(flags == [true, false])
    #expect(array == [1, 2, 3])
    #expect(reader.isAtEnd)
  }

  @Test func roundTrip() throws { try Self.readSample(Self.sample()) }

  /// The format is part of what snapshots and hashes rest on.
  @Test func format() {
    var writer = StateWriter()
    writer.section("ab", version: 0x0102) { $0.write(0x0304 as UInt16) }
    #expect(writer.bytes == [2, 0x61, 0x62, 2, 1, 2, 0, 0, 0, 4, 3])
  }

  /// Cut anywhere, the state is refused, and the section is named.
  @Test func truncation() {
    let whole = Self.sample()
    for length in 0..<whole.count {
      #expect(throws: StateError.truncated(section: "device"), "\(length) bytes") {
        try Self.readSample(Array(whole.prefix(length)))
      }
    }
  }

  @Test func wrongSection() {
    #expect(throws: StateError.wrongSection(expected: "other", found: "device")) {
      var reader = StateReader(Self.sample())
      try reader.section("other", newest: 2) { _, _ throws(StateError) in }
    }
    // Bytes that are no ASCII are no reason to trap.
    #expect(throws: StateError.wrongSection(expected: "x", found: "\u{FF}")) {
      var reader = StateReader([1, 0xFF, 1, 0, 0, 0, 0, 0])
      try reader.section("x", newest: 1) { _, _ throws(StateError) in }
    }
  }

  @Test(arguments: [0, 3, 0xFFFF] as [UInt16])
  func unsupportedVersion(_ version: UInt16) {
    var writer = StateWriter()
    writer.section("device", version: version) { _ in }
    let bytes = writer.bytes
    #expect(throws: StateError.unsupportedVersion(section: "device", version: version)) {
      var reader = StateReader(bytes)
      try reader.section("device", newest: 2) { _, _ throws(StateError) in
        Issue.record("read all the same")
      }
    }
  }

  /// Older versions are handed to the reader.
  @Test func olderVersion() throws {
    var writer = StateWriter()
    writer.section("device", version: 1) { $0.write(7 as UInt8) }
    var reader = StateReader(writer.bytes)
    var found: UInt16 = 0
    try reader.section("device", newest: 9) { _, version throws(StateError) in found = version }
    #expect(found == 1)
    #expect(reader.isAtEnd)
  }

  /// What a section's reader leaves is skipped; the next section is found.
  @Test func unreadPayload() throws {
    var writer = StateWriter()
    writer.section("first", version: 1) { $0.write([UInt8](repeating: 9, count: 100)) }
    writer.section("second", version: 1) { $0.write(5 as UInt8) }
    var reader = StateReader(writer.bytes)
    try reader.section("first", newest: 1) { reader, _ throws(StateError) in
      _ = try reader.read(UInt8.self)
    }
    var value: UInt8 = 0
    try reader.section("second", newest: 1) { reader, _ throws(StateError) in value = try reader.read() }
    #expect(value == 5)
    #expect(reader.isAtEnd)
  }

  /// A section cannot be read past its end, even where the next one has bytes.
  @Test func boundary() {
    var writer = StateWriter()
    writer.section("first", version: 1) { $0.write(1 as UInt8) }
    writer.section("second", version: 1) { $0.write(2 as UInt8) }
    let bytes = writer.bytes
    #expect(throws: StateError.truncated(section: "first")) {
      var reader = StateReader(bytes)
      try reader.section("first", newest: 1) { reader, _ throws(StateError) in
        _ = try reader.read(UInt16.self)
      }
    }
  }

  /// Sections within sections: the inner one ends in the outer one, and errors name the one being read.
  @Test func nesting() throws {
    var writer = StateWriter()
    writer.section("outer", version: 1) { writer in
      writer.section("inner", version: 4) { $0.write(1 as UInt8) }
      writer.write(2 as UInt8)
    }
    let bytes = writer.bytes
    var reader = StateReader(bytes)
    var values: [UInt8] = []
    try reader.section("outer", newest: 1) { reader, _ throws(StateError) in
      try reader.section("inner", newest: 4) { reader, _ throws(StateError) in
        values.append(try reader.read())
      }
      values.append(try reader.read())
    }
    #expect(values == [1, 2])
    #expect(reader.isAtEnd)
    #expect(throws: StateError.truncated(section: "outer")) {
      var reader = StateReader(bytes)
      try reader.section("outer", newest: 1) { reader, _ throws(StateError) in
        try reader.section("inner", newest: 4) { _, _ throws(StateError) in }
        _ = try reader.read(UInt32.self)
      }
    }
    // An inner length that runs past the outer end. Outer header 12 bytes, inner name and version 8.
    var hostile = bytes
    hostile[20] = 3
    #expect(throws: StateError.truncated(section: "inner")) {
      var reader = StateReader(hostile)
      try reader.section("outer", newest: 1) { reader, _ throws(StateError) in
        try reader.section("inner", newest: 4) { _, _ throws(StateError) in }
      }
    }
  }

  // MARK: Hostile lengths

  /// Lengths that exceed the data, up to the largest: of the payload and of a byte array.
  @Test(arguments: [4, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF] as [UInt32])
  func hostileLengths(_ length: UInt32) {
    let encoded = (0..<4).map { UInt8(truncatingIfNeeded: length >> UInt32($0 * 8)) }
    #expect(throws: StateError.truncated(section: "x")) {
      var reader = StateReader([1, 0x78, 1, 0] + encoded + [1, 2, 3])
      try reader.section("x", newest: 1) { _, _ throws(StateError) in }
    }
    let array = [1, 0x78, 1, 0, 7, 0, 0, 0] + encoded + [1, 2, 3]
    #expect(throws: StateError.truncated(section: "x")) {
      var reader = StateReader(array)
      try reader.section("x", newest: 1) { reader, _ throws(StateError) in
        _ = try reader.readBytes(limit: .max, "field")
      }
    }
    #expect(throws: StateError.invalidField(section: "x", field: "field")) {
      var reader = StateReader(array)
      try reader.section("x", newest: 1) { reader, _ throws(StateError) in
        _ = try reader.readBytes(limit: 3, "field")
      }
    }
  }

  /// The length of a name may exceed the data as well.
  @Test func hostileName() {
    #expect(throws: StateError.truncated(section: "x")) {
      var reader = StateReader([255, 0x78])
      try reader.section("x", newest: 1) { _, _ throws(StateError) in }
    }
  }

  @Test func emptyArray() throws {
    var writer = StateWriter()
    writer.section("x", version: 1) { $0.write([] as [UInt8]) }
    var reader = StateReader(writer.bytes)
    var array: [UInt8]?
    try reader.section("x", newest: 1) { reader, _ throws(StateError) in
      array = try reader.readBytes(limit: 0, "field")
    }
    #expect(array == [])
  }

  @Test(arguments: [2, 0x80, 0xFF] as [UInt8])
  func hostileBoolean(_ value: UInt8) {
    #expect(throws: StateError.invalidField(section: "x", field: "flag")) {
      var reader = StateReader([1, 0x78, 1, 0, 1, 0, 0, 0, value])
      try reader.section("x", newest: 1) { reader, _ throws(StateError) in
        _ = try reader.readBool("flag")
      }
    }
  }

  /// Names longer than the format's 255 bytes are cut, not written with a wrong length.
  @Test func longName() throws {
    let name = String(repeating: "n", count: 300)
    var writer = StateWriter()
    writer.section(name, version: 1) { $0.write(1 as UInt8) }
    #expect(writer.bytes.count == 1 + 255 + 2 + 4 + 1)
    var reader = StateReader(writer.bytes)
    try reader.section(String(name.prefix(255)), newest: 1) { _, _ throws(StateError) in }
    #expect(reader.isAtEnd)
  }

  /// An empty state has no sections and is at its end.
  @Test func empty() {
    #expect(StateReader([]).isAtEnd)
    #expect(throws: StateError.truncated(section: "x")) {
      var reader = StateReader([])
      try reader.section("x", newest: 1) { _, _ throws(StateError) in }
    }
  }
}
