/// A data object of ACPI Machine Language.
package indirect enum AMLValue {
  case integer(UInt64)
  case string(String)
  case buffer([UInt8])
  case package([AMLValue])
  /// A compressed EISA identifier of three letters and four hexadecimal digits, such as `PNP0A03`.
  case eisaID(String)
}

/// Encodes ACPI Machine Language (ACPI Specification, "ACPI Machine Language (AML) Specification"): the few
/// constructs that the tables of a PC need. Names are ASCII paths such as `\_SB.PCI0`; short segments are
/// padded with underscores.
package struct AMLWriter {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  // MARK: Named objects

  package mutating func scope(_ path: String, _ body: (inout AMLWriter) -> Void) {
    block([0x10], path: path, parameters: [], body)
  }

  package mutating func device(_ path: String, _ body: (inout AMLWriter) -> Void) {
    block([0x5B, 0x82], path: path, parameters: [], body)
  }

  /// A non-serialised method with 0...7 arguments.
  package mutating func method(_ path: String, arguments: UInt8 = 0, _ body: (inout AMLWriter) -> Void) {
    block([0x14], path: path, parameters: [arguments & 7], body)
  }

  /// A processor object without a P_BLK.
  package mutating func processor(_ path: String, id: UInt8) {
    block([0x5B, 0x83], path: path, parameters: [id, 0, 0, 0, 0, 0]) { _ in }
  }

  package mutating func name(_ path: String, _ value: AMLValue) {
    bytes.append(0x08)
    appendName(path)
    append(value)
  }

  // MARK: Statements

  /// `If (path) { body }`.
  package mutating func ifNonZero(_ path: String, _ body: (inout AMLWriter) -> Void) {
    block([0xA0], path: path, parameters: [], body)
  }

  /// `Return (path)`.
  package mutating func returnObject(_ path: String) {
    bytes.append(0xA4)
    appendName(path)
  }

  /// `Store (Arg<index>, path)`.
  package mutating func storeArgument(_ index: UInt8, to path: String) {
    bytes.append(0x70)
    bytes.append(0x68 &+ min(index, 6))
    appendName(path)
  }

  // MARK: Encoding

  private mutating func block(
    _ opcode: [UInt8], path: String, parameters: [UInt8], _ body: (inout AMLWriter) -> Void
  ) {
    var inner = AMLWriter()
    inner.appendName(path)
    inner.bytes += parameters
    body(&inner)
    bytes += opcode
    bytes += AMLWriter.packageLength(of: inner.bytes.count)
    bytes += inner.bytes
  }

  /// PkgLength for `count` bytes that follow it; it counts its own bytes. Contents up to 2^28 - 5 bytes.
  static func packageLength(of count: Int) -> [UInt8] {
    if count + 1 < 1 << 6 { return [UInt8(count + 1)] }
    var extra = 1
    while extra < 3 && count + 1 + extra >= 1 << (4 + 8 * extra) { extra += 1 }
    let total = count + 1 + extra
    var encoded = [UInt8(extra << 6 | total & 0xF)]
    for index in 0..<extra { encoded.append(UInt8(truncatingIfNeeded: total >> (4 + 8 * index))) }
    return encoded
  }

  private mutating func appendName(_ path: String) {
    var segments: [[UInt8]] = []
    var segment: [UInt8] = []
    for character in path.utf8 {
      switch character {
      // Root and parent prefixes come first and stand for themselves.
      case UInt8(ascii: "\\"), UInt8(ascii: "^"): bytes.append(character)
      case UInt8(ascii: "."):
        segments.append(segment)
        segment = []
      default: segment.append(character)
      }
    }
    if !segment.isEmpty { segments.append(segment) }
    switch segments.count {
    case 0: bytes.append(0x00)
    case 1: break
    case 2: bytes.append(0x2E)
    default: bytes += [0x2F, UInt8(truncatingIfNeeded: segments.count)]
    }
    for segment in segments {
      for index in 0..<4 { bytes.append(index < segment.count ? segment[index] : UInt8(ascii: "_")) }
    }
  }

  private mutating func append(_ value: AMLValue) {
    switch value {
    case .integer(let integer): append(integer)
    case .string(let string):
      bytes.append(0x0D)
      bytes += Array(string.utf8)
      bytes.append(0)
    case .buffer(let content):
      var inner = AMLWriter()
      inner.append(UInt64(content.count))
      inner.bytes += content
      bytes.append(0x11)
      bytes += AMLWriter.packageLength(of: inner.bytes.count)
      bytes += inner.bytes
    case .package(let elements):
      precondition(elements.count <= 255)
      var inner = AMLWriter()
      inner.bytes.append(UInt8(elements.count))
      for element in elements { inner.append(element) }
      bytes.append(0x12)
      bytes += AMLWriter.packageLength(of: inner.bytes.count)
      bytes += inner.bytes
    case .eisaID(let id):
      append(AMLWriter.compress(eisaID: id))
    }
  }

  private mutating func append(_ value: UInt64) {
    switch value {
    case 0, 1: bytes.append(UInt8(value))
    case ...0xFF: bytes += [0x0A, UInt8(value)]
    case ...0xFFFF:
      bytes.append(0x0B)
      bytes.append(littleEndian: UInt16(value))
    case ...0xFFFF_FFFF:
      bytes.append(0x0C)
      bytes.append(littleEndian: UInt32(value))
    default:
      bytes.append(0x0E)
      bytes.append(littleEndian: value)
    }
  }

  /// "EISAID": five bits a letter, then four hexadecimal digits, most significant byte first in memory.
  static func compress(eisaID: String) -> UInt64 {
    let characters = Array(eisaID.utf8)
    precondition(characters.count == 7)
    var letters: UInt16 = 0
    for character in characters[0..<3] { letters = letters << 5 | UInt16(character & 0x1F) }
    var digits: UInt16 = 0
    for character in characters[3..<7] {
      let digit = character <= UInt8(ascii: "9") ? character & 0xF : (character & 0xF) + 9
      digits = digits << 4 | UInt16(digit)
    }
    return UInt64(letters.byteSwapped) | UInt64(digits.byteSwapped) << 16
  }
}

/// Builds a resource template buffer (ACPI Specification, "Resource Data Types for ACPI").
package struct ResourceTemplate {
  private var bytes: [UInt8] = []

  package init() {}

  /// The buffer, closed by an end tag without a checksum.
  package var value: AMLValue { .buffer(bytes + [0x79, 0x00]) }

  /// `count` ports from `port`, decoded with 16 bits.
  package mutating func ports(_ port: UInt16, count: UInt8) {
    bytes += [0x47, 0x01]
    bytes.append(littleEndian: port)
    bytes.append(littleEndian: port)
    bytes += [0x01, count]
  }

  /// An ISA interrupt: edge, active high, exclusive.
  package mutating func interrupt(_ irq: UInt8) {
    bytes.append(0x22)
    bytes.append(littleEndian: UInt16(1) << UInt16(irq & 15))
  }

  /// An 8-bit ISA DMA channel, compatibility timing, not a bus master.
  package mutating func dmaChannel(_ channel: UInt8) { bytes += [0x2A, 1 << (channel & 7), 0x00] }

  /// A fixed, writable 32-bit memory range.
  package mutating func memory(_ physical: UInt32, size: UInt32) {
    bytes += [0x86, 0x09, 0x00, 0x01]
    bytes.append(littleEndian: physical)
    bytes.append(littleEndian: size)
  }

  /// The kinds of window that a bridge forwards.
  package enum Window: UInt8 {
    case memory = 0
    case io = 1
    case busNumber = 2

    /// Type-specific flags: non-cacheable read-write memory; the entire I/O range.
    fileprivate var flags: UInt8 {
      switch self {
      case .memory: 0x01
      case .io: 0x03
      case .busNumber: 0x00
      }
    }
  }

  /// General flags of an address space descriptor: minimum and maximum fixed, positive decode, producer.
  private static let fixedWindow: UInt8 = 0x0C

  /// A window of `first...last` in 16-, 32- or 64-bit numbers, produced by a bridge.
  package mutating func window<T: FixedWidthInteger & UnsignedInteger>(
    _ window: Window, _ first: T, _ last: T
  ) {
    let tag: UInt8 = T.bitWidth == 16 ? 0x88 : T.bitWidth == 32 ? 0x87 : 0x8A
    bytes.append(tag)
    bytes.append(littleEndian: UInt16(3 + 5 * T.bitWidth / 8))
    bytes += [window.rawValue, ResourceTemplate.fixedWindow, window.flags]
    bytes.append(littleEndian: T(0))
    bytes.append(littleEndian: first)
    bytes.append(littleEndian: last)
    bytes.append(littleEndian: T(0))
    bytes.append(littleEndian: last &- first &+ 1)
  }
}

extension [UInt8] {
  /// Appends an integer in little-endian order.
  mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
    for index in 0..<(T.bitWidth / 8) {
      append(UInt8(truncatingIfNeeded: value >> T(truncatingIfNeeded: 8 * index)))
    }
  }
}
