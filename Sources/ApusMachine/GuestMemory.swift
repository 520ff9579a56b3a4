import ApusBase
import ApusCPU
import ApusDevices

/// RAM as devices and loaders reach it: by physical address, checked, around the TLB. Code that the processor
/// has decoded from what they write is dropped. ROM is not RAM here.
package final class GuestMemory: DMAMemory, BootMemory {
  /// All RAM in bytes.
  package let size: UInt64
  /// Where RAM lies in physical memory, and where in the host block.
  package let regions: [MemoryRegion]
  /// Set by the board once there is one; without it there is no memory.
  package var processor: Processor?

  /// The RAM that `map` describes. A machine that starts without firmware has RAM in the BIOS area
  /// (`hasShadowRAM`), where firmware would stand otherwise.
  package init(_ map: MemoryMap, hasShadowRAM: Bool) {
    size = map.ramSize
    var regions = [
      MemoryRegion(start: 0, end: 0xA_0000, hostOffset: 0, isWritable: true),
      MemoryRegion(start: 0x10_0000, end: map.lowRAMSize, hostOffset: 0x10_0000, isWritable: true),
    ]
    if hasShadowRAM {
      let area = MemoryMap.biosArea
      regions[1] = MemoryRegion(
        start: area.lowerBound, end: map.lowRAMSize, hostOffset: area.lowerBound, isWritable: true)
    }
    if map.highRAMSize > 0 {
      let start = MemoryMap.highRAMStart
      regions.append(
        MemoryRegion(
          start: start, end: start + map.highRAMSize, hostOffset: map.lowRAMSize, isWritable: true))
    }
    self.regions = regions
  }

  /// The place in the host block of `count` bytes at `physical`; nil if they are not all RAM.
  private func hostOffset(_ physical: UInt64, _ count: UInt64) -> UInt64? {
    for region in regions where physical >= region.start && physical <= region.end {
      if count <= region.end - physical { return physical - region.start + region.hostOffset }
    }
    return nil
  }

  // MARK: Devices

  package func dmaRead(_ physical: UInt64, into buffer: inout [UInt8], _ range: Range<Int>) -> Bool {
    if let processor, let offset = hostOffset(physical, UInt64(range.count)) {
      return processor.readHost(offset, into: &buffer, range)
    }
    for index in range.clamped(to: 0..<buffer.count) { buffer[index] = 0xFF }
    return false
  }

  package func dmaWrite(_ physical: UInt64, from buffer: [UInt8], _ range: Range<Int>) -> Bool {
    write(buffer, range, at: physical)
  }

  // MARK: Loaders

  package func write(_ bytes: [UInt8], _ range: Range<Int>, at physical: UInt64) -> Bool {
    guard let processor, let offset = hostOffset(physical, UInt64(range.count)) else { return false }
    return processor.writeHost(offset, from: bytes, range)
  }

  package func zero(_ count: UInt64, at physical: UInt64) -> Bool {
    guard let processor, let offset = hostOffset(physical, count) else { return false }
    return processor.zeroHost(offset, count: count)
  }

  /// Zeroes all RAM, as when the power comes on.
  package func erase() {
    for region in regions { _ = zero(region.end - region.start, at: region.start) }
  }
}
