import ApusBase

/// Bits of the per-page flag bytes.
enum PageFlag {
  /// Decoded blocks exist in the page: stores must take the slow path.
  static let code: UInt8 = 1
  /// The page was written since the machine was made.
  static let dirty: UInt8 = 2
  /// The page's bytes belong to an image: the first store copies them to a page of the machine's own.
  static let shared: UInt8 = 4
  /// Somebody outside wants to know of stores to the page: they must take the slow path.
  static let watched: UInt8 = 8
}

/// The guest's RAM and ROM, page by page in the memory of the host. At first all pages lie in one block; those that an
/// image shares (see `freeze`) move to pages of their own when they are written.
///
/// The block holds RAM, `romSize` of ROM and Apus's own per-page tables, all zero at first and touched lazily. The host
/// side provides it (`adopting`); for tests and small machines it is on the heap.
public final class GuestRAM {
  /// RAM in bytes, a multiple of 4096.
  public let size: UInt64
  /// Room for firmware images after RAM.
  package static let romSize: UInt64 = 1 << 20

  fileprivate let block: MemoryBlock
  private let tables: UnsafeMutableRawPointer
  private let ownsTables: Bool
  /// What the pages outside the block lie in.
  fileprivate private(set) var chunks: [PageChunk] = []
  /// An image of another block whose pages are shared, too.
  fileprivate private(set) var foundation: MemoryImage?
  /// Pages that were handed out of the last chunk.
  private var used = PageChunk.pageCount
  /// With more chunks than that, `freeze` looks for those that nobody uses.
  private var chunkLimit = 64
  /// The image that all pages still share, if nothing was written since it was made.
  private var image: MemoryImage?

  private static let tableBytesPerPage = 25

  /// Bytes of zeroed host memory that `adopting` needs for `size` bytes of RAM: RAM, ROM, 25 bytes per page.
  /// Nil if the sum does not fit.
  public static func requiredBytes(size: UInt64) -> Int? {
    guard size <= 1 << 46, size & 0xFFF == 0 else { return nil }
    return Int(exactly: size + romSize + UInt64(tableBytes(size)))
  }

  private static func tableBytes(_ size: UInt64) -> Int {
    (Int((size + romSize) >> 12) * tableBytesPerPage + 4095) & ~4095
  }

  /// RAM in memory the caller has mapped: `requiredBytes(size:)` zero bytes at `base`, page-aligned, which `owner`
  /// keeps; without an owner they must outlive this object and all images made of it.
  public convenience init(adopting base: UnsafeMutableRawPointer, size: UInt64, owner: AnyObject? = nil) {
    precondition(size & 0xFFF == 0 && UInt(bitPattern: base) & 0xFFF == 0)
    self.init(MemoryBlock(base, owner: owner), size)
  }

  private init(_ block: MemoryBlock, _ size: UInt64) {
    self.block = block
    self.size = size
    tables = block.base + Int(size + GuestRAM.romSize)
    ownsTables = false
  }

  /// RAM on the heap, zeroed at once: for tests and small machines. `size` is rounded up to pages and at most
  /// 1 GiB.
  public static func allocate(size: UInt64) -> GuestRAM {
    let rounded = (min(size, 1 << 30) + 4095) & ~4095
    return GuestRAM(MemoryBlock(zeroBytes: requiredBytes(size: rounded) ?? 0), rounded)
  }

  /// RAM with the contents of an image, all of it shared.
  package init(_ image: MemoryImage) {
    block = image.block
    size = image.size
    let bytes = Self.tableBytes(size)
    tables = .allocate(byteCount: bytes, alignment: 4096)
    tables.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    ownsTables = true
    revert(to: image)
  }

  deinit { if ownsTables { tables.deallocate() } }

  /// The first byte of the block: where a page lies for which `displacements` has 0.
  var base: UnsafeMutableRawPointer { block.base }
  var pageCount: Int { Int((size + GuestRAM.romSize) >> 12) }

  // The tables. Those of wider elements come first, for their alignment.

  /// Bitmaps of the 64-byte granules that hold code.
  var granules: UnsafeMutablePointer<UInt64> { tables.assumingMemoryBound(to: UInt64.self) }
  /// How far each page lies from its place in the block.
  var displacements: UnsafeMutablePointer<Int> {
    UnsafeMutableRawPointer(granules + pageCount).assumingMemoryBound(to: Int.self)
  }
  /// The lists of decoded blocks.
  var blockHeads: UnsafeMutablePointer<UInt32> {
    UnsafeMutableRawPointer(displacements + pageCount).assumingMemoryBound(to: UInt32.self)
  }
  /// Where in the TLBs entries for each page may be (TLBFlush.swift).
  var entryHints: UnsafeMutablePointer<EntryHint> {
    UnsafeMutableRawPointer(blockHeads + pageCount).assumingMemoryBound(to: EntryHint.self)
  }
  /// `PageFlag` bits.
  var flags: UnsafeMutablePointer<UInt8> {
    UnsafeMutableRawPointer(entryHints + pageCount).assumingMemoryBound(to: UInt8.self)
  }

  /// The host memory of a page.
  func page(_ number: Int) -> UnsafeMutableRawPointer { base + (number << 12 + displacements[number]) }

  /// Whether a page holds only zeros.
  static func isZero(_ page: UnsafeRawBufferPointer) -> Bool {
    var seen = SIMD4<UInt64>(repeating: 0)
    for offset in stride(from: 0, to: page.count, by: 32) {
      seen |= page.load(fromByteOffset: offset, as: SIMD4<UInt64>.self)
    }
    return seen == SIMD4(repeating: 0)
  }

  // MARK: Images

  /// What the memory holds now, as an image that no later store changes. The caller takes write permission for all
  /// pages out of the TLBs, if there is a processor.
  package func freeze() -> MemoryImage {
    if let image { return image }
    dropUnusedChunks()
    for page in 0..<pageCount { flags[page] |= PageFlag.shared }
    let image = MemoryImage(self)
    self.image = image
    return image
  }

  /// Lets go of chunks none of whose pages is in use any more, when there are twice as many as the last time.
  private func dropUnusedChunks() {
    guard chunks.count > chunkLimit else { return }
    chunks.sort { $0.base < $1.base }
    var isUsed = [Bool](repeating: false, count: chunks.count)
    let starts = chunks.map { $0.base }
    for number in 0..<pageCount where displacements[number] != 0 {
      let page = page(number)
      var (low, high) = (0, starts.count)
      while low < high {
        let middle = (low + high) / 2
        if starts[middle] <= page { low = middle + 1 } else { high = middle }
      }
      if low > 0 && page - starts[low - 1] < PageChunk.size { isUsed[low - 1] = true }
    }
    chunks = zip(chunks, isUsed).filter { $0.1 }.map { $0.0 }
    chunkLimit = max(64, chunks.count * 2)
    // Which of them was the last is not known any more.
    used = PageChunk.pageCount
  }

  /// Makes the contents those of an image of the same size, all of it shared. The caller drops decoded code and
  /// translations.
  func revert(to image: MemoryImage) {
    precondition(image.size == size)
    for number in 0..<pageCount {
      displacements[number] = image.place(number) - (base + number << 12)
      flags[number] = image.flags[number] | PageFlag.shared
    }
    (chunks, used) = (image.chunks, PageChunk.pageCount)
    foundation = image.block === block ? image.foundation : image
    self.image = image
  }

  /// Gives a shared page a place of its own, with the same bytes. Returns how far it moved. TLB entries that lead to
  /// the old place are the caller's to mend.
  func unshare(page number: Int) -> Int {
    image = nil
    if used == PageChunk.pageCount {
      chunks.append(PageChunk())
      used = 0
    }
    let old = page(number)
    let new = chunks[chunks.count - 1].base + used << 12
    used += 1
    new.copyMemory(from: old, byteCount: 4096)
    displacements[number] += new - old
    flags[number] &= ~PageFlag.shared
    return new - old
  }
}

/// RAM and ROM as they were at one moment. Nothing writes to it any more, so any number of machines, on any threads, can
/// go on from it, and it costs what they have written since.
public final class MemoryImage: @unchecked Sendable {
  /// RAM in bytes.
  public let size: UInt64
  fileprivate let block: MemoryBlock
  fileprivate let chunks: [PageChunk]
  fileprivate let foundation: MemoryImage?
  /// By page: how far it lies from its place in the block, and the `dirty` bit of its flags. Written in `init` alone.
  private let displacements: UnsafeMutablePointer<Int>
  fileprivate let flags: UnsafeMutablePointer<UInt8>
  package let pageCount: Int

  fileprivate init(_ ram: GuestRAM) {
    size = ram.size
    (block, chunks, foundation) = (ram.block, ram.chunks, ram.foundation)
    pageCount = ram.pageCount
    displacements = .allocate(capacity: pageCount)
    displacements.initialize(from: ram.displacements, count: pageCount)
    flags = .allocate(capacity: pageCount)
    for page in 0..<pageCount { flags[page] = ram.flags[page] & PageFlag.dirty }
  }

  deinit {
    displacements.deallocate()
    flags.deallocate()
  }

  fileprivate func place(_ number: Int) -> UnsafeMutableRawPointer {
    block.base + (number << 12 + displacements[number])
  }

  /// The bytes of a page, as long as the image lives; nil for one that nothing ever wrote, which holds zeros.
  package func page(_ number: Int) -> UnsafeRawBufferPointer? {
    guard flags[number] & PageFlag.dirty != 0 else { return nil }
    return UnsafeRawBufferPointer(start: place(number), count: 4096)
  }
}

/// The memory that all pages lie in at first.
private final class MemoryBlock {
  let base: UnsafeMutableRawPointer
  private let owner: AnyObject?
  private let isOwned: Bool

  init(_ base: UnsafeMutableRawPointer, owner: AnyObject?) {
    self.base = base
    self.owner = owner
    isOwned = false
  }

  init(zeroBytes count: Int) {
    base = .allocate(byteCount: count, alignment: 4096)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    owner = nil
    isOwned = true
  }

  deinit { if isOwned { base.deallocate() } }
}

/// Pages that were written after they had been shared. A page is handed out once: once an image has it, it stays as it
/// is until the last of those who use the chunk goes.
private final class PageChunk {
  static let pageCount = 64
  static let size = pageCount << 12
  let base = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)

  deinit { base.deallocate() }
}
