import ApusBase
import ApusCPU
import ApusDevices

/// The physical memory map of a PC: RAM, the firmware's ROM, and between 768 KiB and 1 MiB whichever of the two, or
/// of the bus, the host bridge's PAM registers choose for reads and for writes (Intel 82441FX datasheet, "PAM —
/// Programmable Attribute Map Registers").
package final class ShadowRAM: AttributeMap {
  /// C0000h–FFFFFh: twelve segments of 16 KiB, then one of 64.
  private static let area: Range<UInt64> = 0xC_0000..<0x10_0000
  private static let last = 12

  /// What a segment's reads and writes reach: DRAM, or what is behind it.
  private struct Segment: Equatable {
    var readsRAM = false
    var writesRAM = false
  }

  private let map: MemoryMap
  /// The ROM ends at 4 GiB, and its last 128 KiB also at 1 MiB. In bytes, a multiple of 4096.
  private let romSize: UInt64
  private var segments = [Segment](repeating: Segment(), count: ShadowRAM.last + 1)
  /// Set by the board once there is one.
  var processor: Processor?
  package private(set) var regions: [MemoryRegion] = []

  /// The memory of `map` with a ROM of `romSize` bytes, which lies behind RAM in the host block.
  init(_ map: MemoryMap, romSize: UInt64) {
    self.map = map
    self.romSize = romSize
    update()
  }

  /// PAM0 to PAM6: bits 0 and 4 read, bits 1 and 5 write, of the segment in the low and the high half.
  package func setAttributes(_ registers: [UInt8]) {
    var chosen = segments
    func segment(_ bits: UInt8) -> Segment { Segment(readsRAM: bits & 1 != 0, writesRAM: bits & 2 != 0) }
    for index in 0..<min(registers.count, 7) {
      let (low, high) = (segment(registers[index]), segment(registers[index] >> 4))
      if index == 0 {
        chosen[Self.last] = high
      } else {
        chosen[2 * index - 2] = low
        chosen[2 * index - 1] = high
      }
    }
    guard chosen != segments else { return }
    segments = chosen
    update()
    processor?.map(regions)
    processor?.requestAttention()
  }

  private func range(_ index: Int) -> Range<UInt64> {
    let start = Self.area.lowerBound + UInt64(index) * 0x4000
    return start..<(index == Self.last ? Self.area.upperBound : start + 0x4000)
  }

  /// Where in the ROM the byte at `physical` below 1 MiB is; nil for what is no ROM.
  private func romOffset(_ physical: UInt64) -> UInt64? {
    let size = min(romSize, 0x2_0000)
    guard physical >= Self.area.upperBound - size, physical < Self.area.upperBound else { return nil }
    return romSize - (Self.area.upperBound - physical)
  }

  private func update() {
    regions = [MemoryRegion(start: 0, end: 0xA_0000, hostOffset: 0, isWritable: true)]
    for index in segments.indices {
      let range = range(index)
      if segments[index].readsRAM {
        append(range, range.lowerBound, segments[index].writesRAM)
      } else if !segments[index].writesRAM {
        let low = max(range.lowerBound, Self.area.upperBound - min(romSize, 0x2_0000))
        if low < range.upperBound, let offset = romOffset(low) {
          append(low..<range.upperBound, map.ramSize + offset, false)
        }
      }
    }
    append(0x10_0000..<map.lowRAMSize, 0x10_0000, true)
    let start = MemoryMap.highRAMStart
    if romSize > 0 { append(start - romSize..<start, map.ramSize, false) }
    if map.highRAMSize > 0 { append(start..<start + map.highRAMSize, map.lowRAMSize, true) }
  }

  /// Adds a region, or lets the last one grow.
  private func append(_ range: Range<UInt64>, _ hostOffset: UInt64, _ isWritable: Bool) {
    let last = regions[regions.count - 1]
    if last.end == range.lowerBound && last.isWritable == isWritable
      && last.hostOffset + (last.end - last.start) == hostOffset
    {
      regions[regions.count - 1].end = range.upperBound
    } else {
      regions.append(
        MemoryRegion(
          start: range.lowerBound, end: range.upperBound, hostOffset: hostOffset, isWritable: isWritable))
    }
  }

  // MARK: Segments whose reads and writes differ

  /// A byte of a segment that writes to RAM and reads what is behind it; nil elsewhere and where nothing is.
  func read(_ physical: UInt64) -> UInt8? {
    guard isSplit(physical), let processor, let offset = romOffset(physical) else { return nil }
    var byte: [UInt8] = [0xFF]
    _ = processor.readHost(map.ramSize + offset, into: &byte, 0..<1)
    return byte[0]
  }

  /// Stores a byte to such a segment; false elsewhere.
  func write(_ physical: UInt64, _ value: UInt8) -> Bool {
    guard isSplit(physical), let processor else { return false }
    return processor.writeHost(physical, from: [value], 0..<1)
  }

  private func isSplit(_ physical: UInt64) -> Bool {
    guard Self.area.contains(physical) else { return false }
    let segment = segments[min(Int((physical - Self.area.lowerBound) >> 14), Self.last)]
    return segment.writesRAM && !segment.readsRAM
  }
}
