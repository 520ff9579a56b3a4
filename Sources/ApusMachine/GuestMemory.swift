import ApusBase
import ApusCPU
import ApusDevices

/// RAM as devices and loaders reach it: by physical address, checked, around the TLB. Code that the processor
/// has decoded from what they write is dropped. ROM can be read.
package final class GuestMemory: DMAMemory, BootMemory {
  /// All RAM in bytes.
  package let size: UInt64
  /// Where RAM lies in physical memory, and where in the host block: what devices and loaders may write.
  private let map: ShadowRAM
  /// Set by the board once there is one; without it there is no memory.
  package var processor: Processor?

  /// The RAM that `map` has at the time.
  init(_ map: ShadowRAM, size: UInt64) {
    self.map = map
    self.size = size
  }

  /// The place in the host block of `count` bytes at `physical`; nil if they are not all memory of that kind.
  private func hostOffset(_ physical: UInt64, _ count: UInt64, isWrite: Bool = true) -> UInt64? {
    for region in map.regions where physical >= region.start && physical <= region.end {
      guard region.isWritable || !isWrite else { continue }
      if count <= region.end - physical { return physical - region.start + region.hostOffset }
    }
    return nil
  }

  // MARK: Devices

  package func dmaRead(_ physical: UInt64, into buffer: inout [UInt8], _ range: Range<Int>) -> Bool {
    if let processor, let offset = hostOffset(physical, UInt64(range.count), isWrite: false) {
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
    if let processor { _ = processor.zeroHost(0, count: size) }
  }
}
