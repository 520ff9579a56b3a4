import ApusBase
import ApusDevices

/// A medium in memory that can be told to fail.
final class MemoryStore: BlockStore {
  var bytes: [UInt8]
  var isReadOnly = false
  var badSectors: Set<UInt64> = []
  var flushes = 0
  var flushFails = false
  private let claimed: UInt64?

  /// `claimed` overrides the size that is reported, for disks too large to keep in memory.
  init(sectors: Int, claimed: UInt64? = nil) {
    bytes = [UInt8](repeating: 0, count: sectors * 512)
    self.claimed = claimed
    for i in 0..<sectors {
      for j in 0..<512 { bytes[512 * i + j] = MemoryStore.pattern(UInt64(i), j) }
    }
  }

  static func pattern(_ sector: UInt64, _ index: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: sector &* 31 &+ UInt64(index) &* 7 &+ 3)
  }

  var sectorCount: UInt64 { claimed ?? UInt64(bytes.count / 512) }

  private func check(_ sector: UInt64, _ count: Int) throws(BlockError) {
    guard sector + UInt64(count) <= sectorCount else { throw .outOfRange }
    for i in 0..<UInt64(count) where badSectors.contains(sector + i) { throw .io }
    guard Int(sector) + count <= bytes.count / 512 else { throw .io }
  }

  func read(
    sector: UInt64, count: Int, into buffer: inout [UInt8], at offset: Int
  ) throws(BlockError) {
    try check(sector, count)
    let start = Int(sector) * 512
    for i in 0..<(count * 512) { buffer[offset + i] = bytes[start + i] }
  }

  func write(sector: UInt64, count: Int, from buffer: [UInt8], at offset: Int) throws(BlockError) {
    if isReadOnly { throw .readOnly }
    try check(sector, count)
    let start = Int(sector) * 512
    for i in 0..<(count * 512) { bytes[start + i] = buffer[offset + i] }
  }

  func flush() throws(BlockError) {
    if flushFails { throw .io }
    flushes += 1
  }
}

/// Guest RAM from physical 0.
final class StorageRAM: DMAMemory {
  var bytes: [UInt8]

  init(size: Int) { bytes = [UInt8](repeating: 0, count: size) }

  private func start(_ physical: UInt64, _ count: Int) -> Int? {
    guard physical <= UInt64(bytes.count), UInt64(count) <= UInt64(bytes.count) - physical else { return nil }
    return Int(physical)
  }

  func dmaRead(_ physical: UInt64, into buffer: inout [UInt8], _ range: Range<Int>) -> Bool {
    guard let from = start(physical, range.count) else {
      for i in range { buffer[i] = 0xFF }
      return false
    }
    for (i, at) in range.enumerated() { buffer[at] = bytes[from + i] }
    return true
  }

  func dmaWrite(_ physical: UInt64, from buffer: [UInt8], _ range: Range<Int>) -> Bool {
    guard let to = start(physical, range.count) else { return false }
    for (i, at) in range.enumerated() { bytes[to + i] = buffer[at] }
    return true
  }

  func store<T: FixedWidthInteger>(_ physical: Int, _ value: T) {
    for i in 0..<(T.bitWidth / 8) {
      bytes[physical + i] = UInt8(truncatingIfNeeded: value >> T(truncatingIfNeeded: 8 * i))
    }
  }

  func load<T: FixedWidthInteger>(_ physical: Int, _ type: T.Type) -> T {
    var value: T = 0
    for i in 0..<(T.bitWidth / 8) { value |= T(truncatingIfNeeded: bytes[physical + i]) << T(8 * i) }
    return value
  }
}

/// Remembers levels and counts rising edges.
final class StorageLines: LineSink {
  var levels: [Int: Bool] = [:]
  var edges: [Int: Int] = [:]

  func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    if level && levels[input] != true { edges[input, default: 0] += 1 }
    levels[input] = level
  }

  subscript(input: Int) -> Bool { levels[input] ?? false }
}

/// Collects what a UART sends.
final class StorageBytes: ByteSink {
  var bytes: [UInt8] = []
  func send(_ byte: UInt8) { bytes.append(byte) }
}

/// Collects message signalled interrupts.
final class StorageMessages: MSISink {
  var messages: [(physical: UInt64, data: UInt32)] = []
  func deliverMSI(physical: UInt64, data: UInt32, at now: VirtualTime) { messages.append((physical, data)) }
}

/// A seeded generator (SplitMix64), so that fuzz runs repeat.
struct StorageRandom {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
}

/// Restores a device from bytes.
func restoreState(_ device: any Device, _ bytes: [UInt8]) throws {
  var reader = StateReader(bytes)
  try device.restore(from: &reader)
}
