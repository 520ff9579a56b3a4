import ApusDevices
import ApusMachine

/// Keeps what a guest sends through a port.
final class OutputLog: ByteSink {
  /// What was sent, as a value.
  struct Contents: Sendable {
    var bytes: [UInt8] = []
    /// Where the text that was last waited for ends: later ones are looked for from there.
    var taken = 0
  }

  /// Bytes that are kept at least: a guest may send for ever.
  static let capacity = 16 << 20

  var contents = Contents()
  /// How far the present text has been looked for.
  private var searched = 0

  func send(_ byte: UInt8) {
    contents.bytes.append(byte)
    guard contents.bytes.count >= 2 * Self.capacity else { return }
    contents.bytes.removeFirst(Self.capacity)
    contents.taken = max(0, contents.taken - Self.capacity)
    searched = max(0, searched - Self.capacity)
  }

  /// Looks for another text from now on.
  func begin() { searched = contents.taken }

  /// Whether `wanted` has come since `begin`; what was sent up to its end is then taken, and returned.
  func take(_ wanted: [UInt8]) -> [UInt8]? {
    let bytes = contents.bytes
    guard let end = Bytes.end(of: wanted, in: bytes, from: searched) else {
      searched = max(searched, bytes.count - wanted.count + 1)
      return nil
    }
    defer { contents.taken = end }
    return Array(bytes[contents.taken..<end])
  }
}
