import ApusBase

/// What Apus's BIOS asks the board, at two ports. Where there is no such board they read as FFh.
///
/// - 508h: when it comes to booting (INT 19h), whether the machine has a kernel of its own to start. It has if "K" is
///   read; a write then hands the machine over.
/// - 509h: when a program asked for a key and there was none, or for the time, whether the BIOS may wait for the next
///   interrupt before it answers. It may if "I" is read. Boot loaders and menus ask in a loop, and would keep the host
///   busy for nothing.
package final class FirmwarePort: BytePortDevice {
  package let name = "FirmwarePort"
  /// The ports to attach.
  package static let portRanges: [ClosedRange<UInt16>] = [0x508...0x509]

  private static let kernelAnswer: UInt8 = 0x4B
  private static let idleAnswer: UInt8 = 0x49
  /// A program that asks again within this many nanoseconds, without having changed the picture, has done nothing in
  /// between; after so many times in a row it is taken to wait for the key.
  private static let shortest: UInt64 = 20_000
  private static let patience: UInt8 = 64
  /// How often it may ask again after having waited before it waits once more.
  private static let renewal: UInt8 = 16
  /// A wait ends with an interrupt, which the system timer sends every 55 ms.
  private static let longestWait: UInt64 = 60_000_000

  private let kernelStart: Line?
  private let screen: VGA?
  private var lastAsked: VirtualTime = 0
  private var askedInVain: UInt8 = 0
  /// The last answer was to wait.
  private var hasWaited = false
  /// The picture's count of changes at that time.
  private var lastChanges: UInt64 = 0

  /// A board that starts a kernel by a pulse on `kernelStart`, if it has one, and shows `screen`.
  package init(kernelStart: Line?, screen: VGA?) {
    self.kernelStart = kernelStart
    self.screen = screen
  }

  package func reset(at now: VirtualTime) {
    lastAsked = 0
    askedInVain = 0
    hasWaited = false
  }

  package func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 {
    guard port == 0x509 else { return kernelStart == nil ? 0xFF : Self.kernelAnswer }
    let changes = screen?.changeCount ?? 0
    let isSoon = now &- lastAsked < (hasWaited ? Self.longestWait : Self.shortest)
    askedInVain = isSoon && changes == lastChanges ? askedInVain + 1 : 0
    lastAsked = now
    lastChanges = changes
    hasWaited = askedInVain >= Self.patience
    guard hasWaited else { return 0 }
    askedInVain -= Self.renewal
    return Self.idleAnswer
  }

  package func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    if port == 0x508 { kernelStart?.pulse(at: now) }
  }

  // Counts of changes are not kept, only whether there was one.
  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { writer in
      writer.write(lastAsked)
      writer.write(askedInVain)
      writer.write(hasWaited)
      writer.write(lastChanges == screen?.changeCount ?? 0)
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in
      lastAsked = try reader.read()
      askedInVain = try reader.read()
      guard askedInVain < Self.patience else { throw reader.invalid("askedInVain") }
      hasWaited = try reader.readBool("hasWaited")
      let changes = screen?.changeCount ?? 0
      lastChanges = try reader.readBool("lastChanges") ? changes : changes &- 1
    }
  }
}
