import ApusBase

/// A range of physical addresses backed by host memory. Everything outside such regions is a device or a
/// hole.
package struct MemoryRegion {
  /// First and one past the last physical address; multiples of 4096.
  package var start: UInt64
  package var end: UInt64
  /// Offset of `start` in the host block; a multiple of 4096.
  package var hostOffset: UInt64
  /// False for ROM: writes vanish.
  package var isWritable: Bool

  package init(start: UInt64, end: UInt64, hostOffset: UInt64, isWritable: Bool) {
    self.start = start
    self.end = end
    self.hostOffset = hostOffset
    self.isWritable = isWritable
  }
}

/// Physical memory as instruction bodies and the page walker see it. Invariant of every pointer made here:
/// offsets in the host block are inside it, because regions are validated when attached, and `host` gives the page
/// that has the bytes of each.
extension UnsafeMutablePointer where Pointee == CPUState {
  /// The region that holds `physical`, or nil for a device or a hole.
  @inline(__always)
  func region(of physical: UInt64) -> UnsafeMutablePointer<MemoryRegion>? {
    var region = pointee.regions
    let end = region + pointee.regionCount
    while region < end {
      if physical >= region.pointee.start && physical < region.pointee.end { return region }
      region += 1
    }
    return nil
  }

  /// The region through which the guest stores to an offset in the host block.
  func writableRegion(ofHost offset: Int) -> MemoryRegion? {
    let offset = UInt64(offset)
    for index in 0..<pointee.regionCount {
      let region = pointee.regions[index]
      let isInside = offset >= region.hostOffset && offset - region.hostOffset < region.end - region.start
      if isInside && region.isWritable { return region }
    }
    return nil
  }

  /// The offset in the host block of a physical address in RAM or ROM.
  func hostOffset(_ physical: UInt64) -> Int? {
    guard let region = region(of: physical) else { return nil }
    return Int(truncatingIfNeeded: physical &- region.pointee.start &+ region.pointee.hostOffset)
  }

  /// Where the byte at an offset in the host block is: its page may lie elsewhere.
  @inline(__always)
  func host(_ offset: Int) -> RawPointer { pointee.ram + (offset &+ pointee.pageDisplacements[offset >> 12]) }

  /// A naturally aligned quantity at a physical address, for the page walker and other structures that never
  /// cross a page. Devices are asked through the bus; holes read as ones.
  func readPhysical<T: OperandWidth>(_ physical: UInt64, _ type: T.Type = T.self) -> T {
    let masked = physical & pointee.a20Mask
    if let offset = hostOffset(masked) {
      return host(offset).loadUnaligned(as: T.self)
    }
    return T(truncatingIfNeeded: processor.bus.readPhysical(masked, width: T.bitWidth / 8))
  }

  /// Stores a naturally aligned quantity, invalidating code decoded from it.
  func writePhysical<T: OperandWidth>(_ physical: UInt64, _ value: T) {
    let masked = physical & pointee.a20Mask
    guard let region = region(of: masked) else {
      processor.bus.writePhysical(masked, value.zeroExtended, width: T.bitWidth / 8)
      return
    }
    guard region.pointee.isWritable else { return }
    let offset = Int(truncatingIfNeeded: masked &- region.pointee.start &+ region.pointee.hostOffset)
    noteWrite(hostOffset: offset, size: T.bitWidth / 8)
    host(offset).storeBytes(of: value, as: T.self)
  }

  /// Must precede, without guest code between, every store to RAM that does not go through a TLB write entry: gives
  /// the page a place of its own, keeps the dirty flag and drops code decoded from the bytes. The range lies in one
  /// page.
  func noteWrite(hostOffset offset: Int, size: Int) {
    let page = offset >> 12
    let flags = pointee.pageFlags[page]
    if _slowPath(flags != PageFlag.dirty) {
      if flags & PageFlag.shared != 0 { unshare(page: page) }
      pointee.pageFlags[page] |= PageFlag.dirty
      if flags & PageFlag.code != 0 { invalidateCode(hostOffset: offset, size: size) }
      if flags & PageFlag.watched != 0 { noteWatchedStore(hostOffset: offset, size: size) }
    }
  }

  /// Gives a page that an image shares a place of its own, which the TLBs then lead to.
  @inline(never)
  func unshare(page: Int) {
    let distance = processor.ram.unshare(page: page)
    moveEntries(hostPage: UInt64(page) << 12, by: distance)
  }
}
