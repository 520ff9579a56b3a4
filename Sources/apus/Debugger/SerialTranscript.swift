import ApusDevices

/// What the guest wrote to its console, with when: the debugger shows what had come by the moment that it shows.
package final class SerialTranscript: ByteSink {
  /// The oldest bytes are forgotten beyond this.
  private static let limit = 1 << 18

  private var bytes: [UInt8] = []
  /// Instructions retired before each byte.
  private var moments: [UInt64] = []
  /// What is executed again has been seen.
  package var isReplaying = false
  /// The present moment; set once there is a machine. It only looks.
  package var clock: () -> UInt64 = { 0 }

  package init() {}

  package func send(_ byte: UInt8) {
    guard !isReplaying else { return }
    bytes.append(byte)
    moments.append(clock())
    guard bytes.count > Self.limit else { return }
    bytes.removeFirst(Self.limit / 4)
    moments.removeFirst(Self.limit / 4)
  }

  /// The latest `count` bytes of what had been written before a moment.
  package func text(before instructions: UInt64, count: Int) -> ArraySlice<UInt8> {
    var (low, high) = (0, moments.count)
    while low < high {
      let middle = (low + high) / 2
      if moments[middle] < instructions { low = middle + 1 } else { high = middle }
    }
    return bytes[..<low].suffix(count)
  }
}
