import ApusBase

/// A device's registers in the terms of its datasheet, for people. Describing a device changes nothing in it: no register
/// is read that reading would clear, and no counter goes on.
package struct DeviceDescription: Equatable, Sendable {
  /// A register or a pin, and what it holds.
  package struct Row: Equatable, Sendable {
    package let name: String
    package let value: String
  }

  package let name: String
  package private(set) var rows: [Row] = []

  init(_ name: String) { self.name = name }

  mutating func add(_ name: String, _ value: String) { rows.append(Row(name: name, value: value)) }

  /// A register as datasheets write it, `1Fh`, and the names of the bits that are set in it, bit 0 first; bits without a
  /// name are left out.
  mutating func add<T: FixedWidthInteger & UnsignedInteger>(_ name: String, _ value: T, bits names: [String])
  {
    add(name, value, Self.set(value, names).joined(separator: " "))
  }

  /// A register, and what it says.
  mutating func add<T: FixedWidthInteger & UnsignedInteger>(_ name: String, _ value: T, _ meaning: String) {
    add(name, Self.hex(value) + (meaning.isEmpty ? "" : "  " + meaning))
  }

  /// The names of the bits that are set, bit 0 first.
  static func set<T: FixedWidthInteger & UnsignedInteger>(_ value: T, _ names: [String]) -> [String] {
    var set: [String] = []
    for (bit, name) in names.enumerated() where bit < T.bitWidth && !name.isEmpty && value.bit(bit) {
      set.append(name)
    }
    return set
  }

  /// All digits of a number, and an h.
  static func hex<T: FixedWidthInteger & UnsignedInteger>(_ value: T) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(T.bitWidth / 4 - text.utf8.count, 0)) + text + "h"
  }

  /// Bytes one after the other, the first one first.
  static func list<T: Sequence>(_ bytes: T) -> String where T.Element == UInt8 {
    let text = bytes.map { hex($0) }.joined(separator: " ")
    return text.isEmpty ? "none" : text
  }
}
