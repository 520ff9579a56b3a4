import ApusBase

/// The sense data of a packet command. SFF-8020i and MMC-3, "REQUEST SENSE", and their tables of sense keys
/// and additional sense codes.
struct Sense: Equatable {
  static let illegalRequest: UInt8 = 5

  var key: UInt8
  var code: UInt8
  var qualifier: UInt8
  /// The Information field, a block address, if it is valid.
  var information: UInt32?

  init(_ key: UInt8, _ code: UInt8, _ qualifier: UInt8, information: UInt32? = nil) {
    self.key = key
    self.code = code
    self.qualifier = qualifier
    self.information = information
  }

  static let none = Sense(0, 0x00, 0x00)
  static let invalidOpcode = Sense(illegalRequest, 0x20, 0x00)
  static let outOfRange = Sense(illegalRequest, 0x21, 0x00)
  static let invalidField = Sense(illegalRequest, 0x24, 0x00)
  static let parameterListLength = Sense(illegalRequest, 0x1A, 0x00)
  static let invalidParameter = Sense(illegalRequest, 0x26, 0x00)
  static let savingNotSupported = Sense(illegalRequest, 0x39, 0x00)
  static let incompatibleFormat = Sense(illegalRequest, 0x30, 0x02)
  static let removalPrevented = Sense(illegalRequest, 0x53, 0x02)
  static let wrongSectorType = Sense(illegalRequest, 0x64, 0x00)
  /// A medium without a block.
  static let unreadableMedium = Sense(2, 0x30, 0x00)
  static let trayClosed = Sense(2, 0x3A, 0x01)
  static let trayOpen = Sense(2, 0x3A, 0x02)
  static let mediumChanged = Sense(6, 0x28, 0x00)
  static let wasReset = Sense(6, 0x29, 0x00)

  /// UNRECOVERED READ ERROR at a block.
  static func unreadable(_ block: UInt32) -> Sense { Sense(3, 0x11, 0x00, information: block) }

  /// The fixed format of 18 bytes, response code 70h.
  var bytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 18)
    bytes[0] = 0x70 | (information == nil ? 0 : 0x80)
    bytes[2] = key
    bytes.putBigEndian(information ?? 0, at: 3)
    bytes[7] = 10
    bytes[12] = code
    bytes[13] = qualifier
    return bytes
  }

  func save(to w: inout StateWriter) {
    w.write(key)
    w.write(code)
    w.write(qualifier)
    w.write(information != nil)
    w.write(information ?? 0)
  }

  init(from r: inout StateReader) throws(StateError) {
    key = try r.read()
    code = try r.read()
    qualifier = try r.read()
    let isValid = try r.readBool("information")
    let block = try r.read(UInt32.self)
    guard key < 16 else { throw r.invalid("sense") }
    information = isValid ? block : nil
  }
}

/// Numbers in packets and replies are big-endian.
extension [UInt8] {
  /// The number of `count` (1...4) bytes at `index`.
  func bigEndian(at index: Int, count: Int) -> UInt32 {
    var value: UInt32 = 0
    for i in 0..<count { value = value << 8 | UInt32(self[index + i]) }
    return value
  }

  mutating func putBigEndian(_ value: UInt32, at index: Int) {
    for i in 0..<4 { self[index + i] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * i)) }
  }

  mutating func putBigEndian(_ value: UInt16, at index: Int) {
    self[index] = UInt8(truncatingIfNeeded: value >> 8)
    self[index + 1] = UInt8(truncatingIfNeeded: value)
  }
}

/// An address on a CD in minutes, seconds and frames of 1/75 second; block 0 is at 00:02:00.
struct DiscTime {
  /// Frames since 00:00:00.
  private var frames: UInt64

  init(block: UInt32) { frames = UInt64(block) + 150 }

  /// The address in three bytes of a packet, nil if it is none.
  init?(_ packet: [UInt8], at index: Int) {
    guard packet[index + 1] < 60, packet[index + 2] < 75 else { return nil }
    frames = (UInt64(packet[index]) * 60 + UInt64(packet[index + 1])) * 75 + UInt64(packet[index + 2])
  }

  /// The block there, nil in the pregap.
  var block: UInt32? { frames < 150 ? nil : UInt32(frames - 150) }

  /// Minutes, seconds, frames since block 0.
  var relativeBytes: [UInt8] { Self.bytes(frames - Swift.min(frames, 150)) }

  /// Minutes, seconds, frames. What three bytes cannot hold, beyond 255:59:74, stays there.
  var bytes: [UInt8] { Self.bytes(frames) }

  private static func bytes(_ frames: UInt64) -> [UInt8] {
    let capped = Swift.min(frames, 256 * 60 * 75 - 1)
    return [UInt8(capped / 4500), UInt8(capped / 75 % 60), UInt8(capped % 75)]
  }
}
