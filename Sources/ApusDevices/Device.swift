import ApusBase

/// A chip or board function. It knows registers, virtual time and lines, and nothing of the CPU.
///
/// The board calls `read…`/`write…` for the ranges it attached, with addresses relative to nothing: a port
/// is the port number on the bus, a memory access carries the offset into the attached range. Widths are 1,
/// 2, 4 or (memory only) 8 bytes. Values are zero-extended; a device ignores the bits above the width.
/// Unclaimed reads return all ones. The time passed in never decreases between calls.
///
/// A device holds no closures: everything that decides its future is saved by `save(to:)`.
package protocol Device: AnyObject {
  /// The name of the saved section and of messages, such as `PIC8259`.
  var name: String { get }
  /// Puts the device into the state after power-on or RESET#.
  func reset(at now: VirtualTime)
  /// Reads `width` (1, 2, 4) bytes from an I/O port.
  func readPort(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32
  /// Writes `width` (1, 2, 4) bytes to an I/O port.
  func writePort(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime)
  /// Reads `width` (1, 2, 4, 8) bytes at `offset` of the attached memory range.
  func readMemory(_ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64
  /// Writes `width` (1, 2, 4, 8) bytes at `offset` of the attached memory range.
  func writeMemory(_ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime)
  /// When the device next wants `run(at:)`; `never` if it waits for an access. Read again by the board after
  /// every access to the device and after every `run(at:)`.
  var deadline: VirtualTime { get }
  /// Does what is due at `now` (not before `deadline`).
  func run(at now: VirtualTime)
  /// Writes everything that influences later behaviour as one section.
  func save(to writer: inout StateWriter)
  /// Reads back what `save` wrote, validating each field.
  func restore(from reader: inout StateReader) throws(StateError)
}

extension Device {
  package func readPort(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32 { .max }
  package func writePort(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime) {}
  package func readMemory(_ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64 { .max }
  package func writeMemory(_ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime) {}
  package var deadline: VirtualTime { .never }
  package func run(at now: VirtualTime) {}
}

/// Whatever listens to lines: an interrupt controller, the CPU's INTR pin, the board's reset logic.
package protocol LineSink: AnyObject {
  /// Input `input` is now at `level` (true = asserted, in the sink's own active sense).
  func setLine(_ input: Int, level: Bool, at now: VirtualTime)
}

/// One wire from a device to a sink. The device keeps no copy of the level in it; it drives it.
package struct Line {
  package let sink: (any LineSink)?
  package let input: Int

  /// A wire to `input` of `sink`; a nil sink leaves the wire unconnected.
  package init(_ sink: (any LineSink)?, _ input: Int) {
    self.sink = sink
    self.input = input
  }

  /// Drives the wire.
  package func set(_ level: Bool, at now: VirtualTime) { sink?.setLine(input, level: level, at: now) }

  /// A low-to-high-to-low pulse, as an edge-triggered source gives it.
  package func pulse(at now: VirtualTime) {
    set(true, at: now)
    set(false, at: now)
  }
}

/// A device's bounded way to guest RAM. Accesses outside RAM, including to memory-mapped devices, fail:
/// reads give all ones, writes vanish, and the function returns false. No recursion into devices.
package protocol DMAMemory: AnyObject {
  /// Fills `buffer[range]` from guest RAM at `physical`.
  func dmaRead(_ physical: UInt64, into buffer: inout [UInt8], _ range: Range<Int>) -> Bool
  /// Copies `buffer[range]` to guest RAM at `physical`, invalidating code decoded from it.
  func dmaWrite(_ physical: UInt64, from buffer: [UInt8], _ range: Range<Int>) -> Bool
}

extension DMAMemory {
  /// A little-endian integer from guest RAM, nil outside RAM.
  package func dmaRead<T: FixedWidthInteger>(_ physical: UInt64, as type: T.Type) -> T? {
    let size = T.bitWidth / 8
    var bytes = [UInt8](repeating: 0, count: size)
    guard dmaRead(physical, into: &bytes, 0..<size) else { return nil }
    var value: T = 0
    for i in 0..<size { value |= T(truncatingIfNeeded: bytes[i]) << T(truncatingIfNeeded: 8 * i) }
    return value
  }

  /// Stores a little-endian integer to guest RAM; false outside RAM.
  @discardableResult
  package func dmaWrite<T: FixedWidthInteger>(_ physical: UInt64, _ value: T) -> Bool {
    let size = T.bitWidth / 8
    var bytes = [UInt8](repeating: 0, count: size)
    for i in 0..<size { bytes[i] = UInt8(truncatingIfNeeded: value >> T(truncatingIfNeeded: 8 * i)) }
    return dmaWrite(physical, from: bytes, 0..<size)
  }
}

/// Why a disk operation failed.
public enum BlockError: Error, Equatable {
  /// The host failed to read, write or flush; the medium's content is uncertain.
  case io
  /// The range does not lie on the medium.
  case outOfRange
  /// The medium is read-only.
  case readOnly
}

/// A medium of 512-byte sectors behind a disk device. The runner implements it on host files; it is
/// synchronous, so a run stays deterministic.
public protocol BlockStore: AnyObject {
  /// The size in 512-byte sectors.
  var sectorCount: UInt64 { get }
  /// Whether writes fail with `BlockError.readOnly`.
  var isReadOnly: Bool { get }
  /// Reads `count` sectors from `sector` into `buffer` at byte `offset`.
  func read(
    sector: UInt64, count: Int, into buffer: inout [UInt8], at offset: Int
  ) throws(BlockError)
  /// Writes `count` sectors from byte `offset` of `buffer`.
  func write(sector: UInt64, count: Int, from buffer: [UInt8], at offset: Int) throws(BlockError)
  /// Makes every completed write durable on the host's medium.
  func flush() throws(BlockError)
}

/// Where a device sends bytes for the world outside: the host console, a file, a test's buffer.
public protocol ByteSink: AnyObject {
  /// Takes one byte. It must not call back into the machine.
  func send(_ byte: UInt8)
}
