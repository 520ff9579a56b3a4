/// Guest RAM as the loaders see it. RAM that nothing has written yet reads as zero.
package protocol BootMemory: AnyObject {
  /// All RAM in bytes.
  var size: UInt64 { get }
  /// Copies `bytes[range]` to `physical`; false, with nothing written, if that is not all RAM.
  func write(_ bytes: [UInt8], _ range: Range<Int>, at physical: UInt64) -> Bool
  /// Zeroes `count` bytes from `physical`; false, with nothing written, if that is not all RAM. An
  /// implementation may leave out pages that nothing has written.
  func zero(_ count: UInt64, at physical: UInt64) -> Bool
}

extension BootMemory {
  /// Copies all of `bytes` to `physical`; false if that is not all RAM.
  package func write(_ bytes: [UInt8], at physical: UInt64) -> Bool {
    write(bytes, 0..<bytes.count, at: physical)
  }
}

/// Guest RAM together with the ranges that booting has already given out, so that nothing overlaps.
struct Placement {
  let memory: any BootMemory
  let map: MemoryMap
  private var used: [Range<UInt64>] = []

  /// Where tables for the guest go that a 16-bit or 32-bit guest must reach: conventional memory above the
  /// places that boot sectors use by custom, and below the room that kernels keep for start-up code.
  static let lowTables: Range<UInt64> = 0x1_0000..<0x9_0000

  init(_ memory: any BootMemory, _ map: MemoryMap) {
    self.memory = memory
    self.map = map
  }

  /// Takes `size` bytes at `start`; false if they are not all usable RAM or are taken already.
  mutating func claim(_ start: UInt64, _ size: UInt64) -> Bool {
    guard map.isUsable(start, size) else { return false }
    guard size > 0 else { return true }
    let range = start..<(start + size)
    for taken in used where taken.overlaps(range) { return false }
    used.append(range)
    return true
  }

  /// Takes `size` bytes at the lowest or, with `fromTop`, the highest free place within `limits` that is a
  /// multiple of `alignment` (a power of two); nil if there is none.
  mutating func allocate(
    _ size: UInt64, alignment: UInt64, in limits: Range<UInt64>, fromTop: Bool = false
  ) -> UInt64? {
    var best: UInt64?
    for region in map.regions where region.kind == .ram {
      let low = max(region.start, limits.lowerBound)
      let high = min(region.end, limits.upperBound)
      guard low < high, size <= high - low else { continue }
      if fromTop {
        best = highest(size, alignment, low, high) ?? best
      } else if let found = lowest(size, alignment, low, high) {
        best = found
        break
      }
    }
    guard let best, claim(best, size) else { return nil }
    return best
  }

  private func lowest(_ size: UInt64, _ alignment: UInt64, _ low: UInt64, _ high: UInt64) -> UInt64? {
    var start = low
    // Each round passes at least one taken range, so there are at most `used.count` + 1 rounds.
    for _ in 0...used.count {
      let (sum, overflow) = start.addingReportingOverflow(alignment - 1)
      guard !overflow else { return nil }
      start = sum & ~(alignment - 1)
      guard start <= high, size <= high - start else { return nil }
      guard let taken = firstTaken(start, size) else { return start }
      start = taken.upperBound
    }
    return nil
  }

  private func highest(_ size: UInt64, _ alignment: UInt64, _ low: UInt64, _ high: UInt64) -> UInt64? {
    var end = high
    for _ in 0...used.count {
      guard end >= low, size <= end - low else { return nil }
      let start = (end - size) & ~(alignment - 1)
      guard start >= low else { return nil }
      guard let taken = firstTaken(start, size) else { return start }
      end = taken.lowerBound
    }
    return nil
  }

  private func firstTaken(_ start: UInt64, _ size: UInt64) -> Range<UInt64>? {
    for taken in used where taken.lowerBound < start + size && start < taken.upperBound { return taken }
    return nil
  }

  /// Writes a table that is not part of any file.
  func store(_ bytes: [UInt8], at physical: UInt64) throws(BootError) {
    guard memory.write(bytes, at: physical) else { throw notRAM(physical, UInt64(bytes.count)) }
  }

  /// Writes a part of `file`.
  func store(_ file: BootFile, _ range: Range<Int>, at physical: UInt64) throws(BootError) {
    guard memory.write(file.bytes, range, at: physical) else {
      throw notRAM(physical, UInt64(range.count))
    }
  }

  /// Zeroes `count` bytes.
  func zero(_ count: UInt64, at physical: UInt64) throws(BootError) {
    guard count == 0 || memory.zero(count, at: physical) else { throw notRAM(physical, count) }
  }

  /// Takes room in low memory for a table and writes it there.
  mutating func storeLow(
    _ bytes: [UInt8], alignment: UInt64, _ what: String
  ) throws(BootError) -> UInt64 {
    guard let at = allocate(UInt64(bytes.count), alignment: alignment, in: Self.lowTables) else {
      throw BootError(
        role: "memory", field: what, found: "\(bytes.count) bytes",
        expected: "that much free RAM from \(hexadecimal(Self.lowTables.lowerBound)) to "
          + hexadecimal(Self.lowTables.upperBound))
    }
    try store(bytes, at: at)
    return at
  }

  private func notRAM(_ physical: UInt64, _ count: UInt64) -> BootError {
    BootError(
      role: "memory", field: "physical address \(hexadecimal(physical))",
      found: "no RAM for \(count) bytes", expected: "RAM of \(memory.size) bytes as the memory map says")
  }
}
