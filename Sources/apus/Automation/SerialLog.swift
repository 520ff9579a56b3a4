import ApusDevices
import ApusMachine

/// Passes a serial port's bytes on and keeps the latest, for a script to look for texts in.
package final class SerialLog: ByteSink {
  /// Bytes that are kept at least.
  private static let size = 64 << 10

  private let sink: (any ByteSink)?
  private var bytes: [UInt8] = []
  /// How far the present text has been looked for.
  private var searched = 0
  private var text: [UInt8] = []

  /// Passes bytes on to `sink`.
  package init(_ sink: (any ByteSink)?) { self.sink = sink }

  package func send(_ byte: UInt8) {
    sink?.send(byte)
    bytes.append(byte)
    guard bytes.count >= Self.size * 2 else { return }
    bytes.removeFirst(Self.size)
    searched = max(0, searched - Self.size)
  }

  /// Whether `text` has come. What was sent up to its end is then forgotten.
  package func take(_ text: String) -> Bool {
    let wanted = Array(text.utf8)
    if wanted != self.text {
      self.text = wanted
      searched = 0
    }
    guard let end = Bytes.end(of: wanted, in: bytes, from: searched) else {
      searched = max(0, bytes.count - wanted.count + 1)
      return false
    }
    bytes.removeFirst(end)
    searched = 0
    return true
  }
}
