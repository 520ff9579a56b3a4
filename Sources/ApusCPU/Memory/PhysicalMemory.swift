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

/// Bits of the per-page flag bytes.
enum PageFlag {
  /// Decoded blocks exist in the page: stores must take the slow path.
  static let code: UInt8 = 1
  /// The page was written since the flag was last cleared.
  static let dirty: UInt8 = 2
}

/// The guest's RAM and ROM in one block of host memory, followed by Apus's own per-page tables, all zero at
/// first and touched lazily. Created by the host side (`adopting`) or, for tests, on the heap.
public final class GuestRAM {
  /// The host block: `size` bytes of RAM, then `romSize` of ROM, then the tables.
  let base: UnsafeMutableRawPointer
  /// RAM in bytes, a multiple of 4096.
  public let size: UInt64
  /// Room for firmware images after RAM.
  package static let romSize: UInt64 = 1 << 20
  private let isOwned: Bool

  /// Bytes of zeroed host memory that `adopting` needs for `size` bytes of RAM: RAM, ROM, 13 bytes per page.
  /// Nil if the sum does not fit.
  public static func requiredBytes(size: UInt64) -> Int? {
    guard size <= 1 << 46, size & 0xFFF == 0 else { return nil }
    let pages = (size + romSize) / 4096
    return Int(exactly: size + romSize + pages * 16 + 4096)
  }

  /// RAM in memory the caller has mapped and keeps: `requiredBytes(size:)` zero bytes at `base`, page-aligned,
  /// which must outlive this object.
  public init(adopting base: UnsafeMutableRawPointer, size: UInt64) {
    precondition(size & 0xFFF == 0 && UInt(bitPattern: base) & 0xFFF == 0)
    self.base = base
    self.size = size
    isOwned = false
  }

  private init(owned base: UnsafeMutableRawPointer, size: UInt64) {
    self.base = base
    self.size = size
    isOwned = true
  }

  /// RAM on the heap, zeroed at once: for tests and small machines. `size` is rounded up to pages and at most
  /// 1 GiB.
  public static func allocate(size: UInt64) -> GuestRAM {
    let rounded = (min(size, 1 << 30) + 4095) & ~4095
    let bytes = requiredBytes(size: rounded) ?? 0
    let base = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    return GuestRAM(owned: base, size: rounded)
  }

  deinit { if isOwned { base.deallocate() } }

  var pageCount: Int { Int((size + GuestRAM.romSize) >> 12) }
  /// Per-page 64-byte-granule bitmaps, block-list heads, and flags.
  var granules: UnsafeMutablePointer<UInt64> {
    (base + Int(size + GuestRAM.romSize)).assumingMemoryBound(to: UInt64.self)
  }
  var blockHeads: UnsafeMutablePointer<UInt32> {
    UnsafeMutableRawPointer(granules + pageCount).assumingMemoryBound(to: UInt32.self)
  }
  var flags: UnsafeMutablePointer<UInt8> {
    UnsafeMutableRawPointer(blockHeads + pageCount).assumingMemoryBound(to: UInt8.self)
  }
}

/// Physical memory as instruction bodies and the page walker see it. Invariant of every pointer made here:
/// `hostPage` returns only addresses inside the host block, because regions are validated when attached.
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

  /// The offset in the host block of a physical address in RAM or ROM.
  func hostOffset(_ physical: UInt64) -> Int? {
    guard let region = region(of: physical) else { return nil }
    return Int(truncatingIfNeeded: physical &- region.pointee.start &+ region.pointee.hostOffset)
  }

  /// A naturally aligned quantity at a physical address, for the page walker and other structures that never
  /// cross a page. Devices are asked through the bus; holes read as ones.
  func readPhysical<T: OperandWidth>(_ physical: UInt64, _ type: T.Type = T.self) -> T {
    let masked = physical & pointee.a20Mask
    if let offset = hostOffset(masked) {
      return (pointee.ram + offset).loadUnaligned(as: T.self)
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
    (pointee.ram + offset).storeBytes(of: value, as: T.self)
  }

  /// Must precede or follow, without guest code between, every store to RAM that does not go through a TLB
  /// write entry: keeps the dirty flag and drops code decoded from the bytes. The range lies in one page.
  func noteWrite(hostOffset offset: Int, size: Int) {
    let page = offset >> 12
    let flags = pointee.pageFlags[page]
    if _slowPath(flags != PageFlag.dirty) {
      pointee.pageFlags[page] = flags | PageFlag.dirty
      if flags & PageFlag.code != 0 { invalidateCode(hostOffset: offset, size: size) }
    }
  }
}
