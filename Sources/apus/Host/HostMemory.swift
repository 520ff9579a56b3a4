#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Address space for guest memory between two inaccessible regions. The host provides pages as the guest
/// touches them; untouched ones read as zero and cost nothing.
package final class HostMemory {
  /// Inaccessible bytes on each side: more than any displacement of one guest access past a page.
  package static let guardSize = 2 << 20

  /// The first byte, aligned to 2 MiB; `size` bytes from here are readable and writable until
  /// this object goes.
  package let base: UnsafeMutableRawPointer
  /// In bytes.
  package let size: UInt64
  private let mapping: UnsafeMutableRawPointer
  private let mappingSize: Int

  /// Reserves `size` bytes, rounded up to pages. `purpose` names in a refusal what they are for.
  package init(size: UInt64, purpose: String) throws(Failure) {
    let refusal = "\(purpose): the host cannot provide it"
    guard let inner = Int(exactly: size), inner <= Int.max / 2 else { throw Failure(.hostResources, refusal) }
    let alignment = 2 << 20
    mappingSize = (inner + alignment - 1) / alignment * alignment + 2 * HostMemory.guardSize + alignment
    #if os(Linux)
      let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    #else
      let flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
    #endif
    guard let start = mmap(nil, mappingSize, PROT_NONE, flags, -1, 0),
      start != UnsafeMutableRawPointer(bitPattern: -1)
    else { throw Failure(.hostResources, "\(refusal): \(Host.text(forError: errno))") }
    let address = Int(bitPattern: start) + HostMemory.guardSize
    let aligned = (address + alignment - 1) / alignment * alignment
    // aligned + inner + guardSize lies within the mapping by the choice of mappingSize.
    base = start + (aligned - Int(bitPattern: start))
    mapping = start
    self.size = size
    guard mprotect(base, inner, PROT_READ | PROT_WRITE) == 0 else {
      let reason = Host.text(forError: errno)
      munmap(start, mappingSize)
      throw Failure(.hostResources, "\(refusal): \(reason)")
    }
    Self.preferLargePages(UnsafeMutableRawBufferPointer(start: base, count: inner))
  }

  /// Asks the host for large pages: fewer page faults and fewer misses of the host's TLB. Without them nothing is lost.
  static func preferLargePages(_ buffer: UnsafeMutableRawBufferPointer) {
    #if os(Linux)
      let size = 2 << 20
      guard let base = buffer.baseAddress, buffer.count >= 2 * size else { return }
      let skipped = -Int(bitPattern: base) & (size - 1)
      madvise(base + skipped, (buffer.count - skipped) & ~(size - 1), MADV_HUGEPAGE)
    #endif
  }

  deinit { munmap(mapping, mappingSize) }
}
