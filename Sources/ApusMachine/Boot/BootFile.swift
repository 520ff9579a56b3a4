/// A file that takes part in booting, read into memory by the runner.
public struct BootFile: Sendable {
  /// What the file is for, as messages say it: `kernel`, `initrd`, `module 2`, `disk`.
  public let role: String
  /// The path or name that the user gave.
  public let name: String
  /// The contents.
  public let bytes: [UInt8]

  /// A file with its role, the user's name for it, and its contents.
  public init(role: String, name: String, bytes: [UInt8]) {
    self.role = role
    self.name = name
    self.bytes = bytes
  }
}

/// Why something cannot be booted: which file, which field of it, what stands there and what should.
public struct BootError: Error, Equatable, Sendable {
  /// What the file is for: `kernel`, `initrd`, `command line`, `memory`.
  public let role: String
  /// The user's name for the file; empty where there is no file.
  public let name: String
  /// The field in its specification's own spelling, such as `setup_sects`.
  public let field: String
  /// The field's byte offset in the file; nil where the fault has no place in it.
  public let offset: UInt64?
  /// What was found.
  public let found: String
  /// What the specification, or this machine, asks for.
  public let expected: String

  /// An error with all its parts.
  public init(
    role: String, name: String = "", field: String, offset: UInt64? = nil, found: String, expected: String
  ) {
    self.role = role
    self.name = name
    self.field = field
    self.offset = offset
    self.found = found
    self.expected = expected
  }

  /// The whole error on one line, without a line end. Control characters of a file name become `?`.
  public var message: String {
    var line = ""
    for scalar in role.unicodeScalars { line.unicodeScalars.append(scalar) }
    if !name.isEmpty {
      line += " \""
      for scalar in name.unicodeScalars {
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        line.unicodeScalars.append(isControl ? "?" : scalar)
      }
      line += "\""
    }
    line += ": " + field
    if let offset { line += " at offset " + hexadecimal(offset) }
    return line + ": found " + found + ", expected " + expected
  }
}

/// `value` in hexadecimal with the prefix `0x`.
package func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

extension BootFile {
  /// The size in bytes.
  package var size: UInt64 { UInt64(bytes.count) }

  /// An error about a field of this file.
  package func failure(
    _ field: String, at offset: UInt64? = nil, found: String, expected: String
  ) -> BootError {
    BootError(role: role, name: name, field: field, offset: offset, found: found, expected: expected)
  }

  /// The little-endian integer at byte `offset`, which is the field `field`. Throws if the file ends before.
  package func read<T: FixedWidthInteger & UnsignedInteger>(
    _ type: T.Type = T.self, at offset: UInt64, _ field: String
  ) throws(BootError) -> T {
    let width = UInt64(T.bitWidth / 8)
    let start = try range(offset, width, field).lowerBound
    var value: T = 0
    for i in 0..<Int(width) {
      value |= T(truncatingIfNeeded: bytes[start + i]) << T(truncatingIfNeeded: 8 * i)
    }
    return value
  }

  /// `count` bytes from `offset` as indices into `bytes`. Throws if the file ends before.
  package func range(
    _ offset: UInt64, _ count: UInt64, _ field: String
  ) throws(BootError) -> Range<Int> {
    let (end, overflow) = offset.addingReportingOverflow(count)
    guard !overflow && end <= size else {
      throw failure(
        field, at: offset, found: "the end of the file at \(hexadecimal(size))",
        expected: "\(count) bytes")
    }
    return Int(offset)..<Int(end)
  }

  /// Whether `magic` stands at `offset`.
  package func has(_ magic: [UInt8], at offset: Int) -> Bool {
    guard offset >= 0, bytes.count >= magic.count, offset <= bytes.count - magic.count else { return false }
    for i in 0..<magic.count where bytes[offset + i] != magic[i] { return false }
    return true
  }
}

extension [UInt8] {
  /// Stores `value` in little-endian order at `offset` of a table built here.
  package mutating func put<T: FixedWidthInteger>(_ value: T, at offset: Int) {
    for i in 0..<(T.bitWidth / 8) {
      self[offset + i] = UInt8(truncatingIfNeeded: value >> T(truncatingIfNeeded: 8 * i))
    }
  }

  /// Appends `value` in little-endian order.
  package mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
    for i in 0..<(T.bitWidth / 8) {
      append(UInt8(truncatingIfNeeded: value >> T(truncatingIfNeeded: 8 * i)))
    }
  }
}
