// Decoded blocks: found by physical address, RIP and mode; linked to one another within a page; dropped when
// the bytes they were decoded from are written.
//
// Invariants that make the raw pointers safe: an op pointer stays readable until the whole arena is emptied,
// which happens only in `findBlock`, when no block is executing; a block that is dropped is unlinked from
// every path that leads to it, and the slow path that dropped it leaves threaded code before the next op.

/// Sizes of the block cache.
enum BlockCache {
  /// Ops in the arena: 32 MiB.
  static let arenaCapacity: UInt32 = 1 << 20
  static let hashCount = 1 << 16
  /// A block's upper bound, in instructions and in ops; ops address their header with 8 bits.
  static let maxInstructions = 64
  static let maxOps: UInt32 = 240
  /// A code page is watched in granules of 64 bytes.
  static let granuleShift: UInt64 = 6
}

/// A store as a number: its offset in the host block and, in the low six bits, its size; 0 for those too large.
private struct HarmlessStore {
  let key: UInt64
  let slot: Int

  init(_ offset: Int, _ size: Int) {
    key = size < 64 ? UInt64(truncatingIfNeeded: offset) << 6 | UInt64(truncatingIfNeeded: size) : 0
    slot = (offset >> 2 ^ offset >> 7) & (TLB.harmlessStoresCount - 1)
  }

  static func overlaps(_ key: UInt64, _ offset: Int, _ size: Int) -> Bool {
    let start = Int(truncatingIfNeeded: key >> 6)
    return start < offset + size && offset < start + Int(key & 63)
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  @inline(__always)
  func header(_ index: UInt32) -> UnsafeMutablePointer<BlockHeader> {
    UnsafeMutableRawPointer(pointee.arena + Int(index)).assumingMemoryBound(to: BlockHeader.self)
  }

  @inline(__always)
  private func index(of op: OpPointer) -> UInt32 { UInt32(truncatingIfNeeded: op - pointee.arena) }

  @inline(__always)
  private func hash(_ physical: UInt64, _ rip: UInt64) -> Int {
    let mixed = (physical ^ (rip &>> 20)) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 48) & (BlockCache.hashCount - 1)
  }

  /// The linear address of an instruction.
  @inline(__always)
  func codeLinear(_ rip: UInt64) -> UInt64 {
    is64Bit ? rip : (rip &+ segment(.cs).pointee.base) & 0xFFFF_FFFF
  }

  /// CS.limit as blocks are keyed by it.
  @inline(__always)
  private var codeLimit: UInt32 { is64Bit ? 0 : segment(.cs).pointee.limit }

  /// What forbids instructions at an address.
  var fetchRule: Rule { is64Bit ? .notCanonical : .fetchLimit }

  /// The slow form of the lookup op: the block at RIP, or the exit op if the slice is over or the run loop
  /// has to look.
  func lookup() -> OpPointer {
    while pointee.budget >= 0 && pointee.attention == 0 && pointee.stop == .none {
      if meetsStopPoint() { return exitOp }
      if let block = findBlock() { return block }
    }
    return exitOp
  }

  /// The first op of the block at RIP, decoded if need be; nil after delivering the exception that fetching
  /// it raised.
  func findBlock() -> OpPointer? {
    let rip = pointee.rip
    let physical: UInt64
    let isGlobal: Bool
    do throws(Exit) {
      let linear = codeLinear(rip)
      guard is64Bit ? isCanonical(rip) : rip <= UInt64(codeLimit) else { throw fault(.GP, fetchRule) }
      (physical, isGlobal) = try translateFetch(linear)
    } catch {
      deliverException()
      return nil
    }
    let bucket = hash(physical, rip)
    var at = pointee.blockHeads[bucket]
    while at != 0 {
      let header = header(at)
      if header.pointee.physical == physical && header.pointee.rip == rip
        && header.pointee.codeMode == pointee.codeMode && header.pointee.codeLimit == codeLimit
        && isSecondPageValid(header)
      {
        let op = pointee.arena + Int(at) + 2
        cacheJump(rip, op, isGlobal: isGlobal && header.pointee.physical2 == ~0)
        return op
      }
      at = header.pointee.nextInHash
    }
    if pointee.arenaCapacity - pointee.arenaUsed < BlockCache.maxOps + 16 { emptyBlockCache() }
    let isStepping = !pointee.hooks.isDisjoint(with: .stepping)
    guard let op = decodeBlock(physical, isStepping ? 1 : BlockCache.maxInstructions) else { return nil }
    let start = index(of: op) - 2
    if pointee.isProfiling { processor.profiler?.note(block: start, self) }
    insert(start, bucket)
    cacheJump(rip, op, isGlobal: isGlobal && op.header.pointee.physical2 == ~0)
    return op
  }

  /// For a block that runs into a second page: whether that page is still the one it was decoded from.
  private func isSecondPageValid(_ header: UnsafeMutablePointer<BlockHeader>) -> Bool {
    guard header.pointee.physical2 != ~0 else { return true }
    let next = codeLinear((header.pointee.rip & ~0xFFF) &+ 0x1000)
    let linear = is64Bit ? next : (codeLinear(header.pointee.rip) & ~0xFFF) &+ 0x1000
    return probeFetch(linear & pointee.linearMask)?.physical == header.pointee.physical2
  }

  private func insert(_ start: UInt32, _ bucket: Int) {
    let header = header(start)
    header.pointee.nextInHash = pointee.blockHeads[bucket]
    pointee.blockHeads[bucket] = start
    let first = min(UInt64(header.pointee.length), 4096 - (header.pointee.physical & 0xFFF))
    if let offset = hostOffset(header.pointee.physical) {
      header.pointee.nextInPage = pointee.pageBlocks[offset >> 12]
      pointee.pageBlocks[offset >> 12] = start
      watch(hostOffset: offset, size: Int(first))
    }
    if header.pointee.physical2 != ~0, let offset = hostOffset(header.pointee.physical2) {
      header.pointee.nextInPage2 = pointee.pageBlocks[offset >> 12]
      pointee.pageBlocks[offset >> 12] = start
      watch(hostOffset: offset, size: Int(header.pointee.length) - Int(first))
    }
  }

  /// Marks the granules of a byte range as code. The first code of a page takes write permission for it out
  /// of the TLBs.
  private func watch(hostOffset offset: Int, size: Int) {
    for slot in 0..<TLB.harmlessStoresCount
    where HarmlessStore.overlaps(harmlessStores[slot], offset, max(size, 1)) {
      harmlessStores[slot] = 0
    }
    let page = offset >> 12
    pointee.pageGranules[page] |= granules(UInt64(offset & 0xFFF), UInt64(max(size, 1)))
    if pointee.pageFlags[page] & PageFlag.code == 0 {
      pointee.pageFlags[page] |= PageFlag.code
      evictWriteTags(hostPage: UInt64(page) << 12)
    }
  }

  /// The granule bits of `size` bytes at `offset` within a page.
  private func granules(_ offset: UInt64, _ size: UInt64) -> UInt64 {
    let first = offset >> BlockCache.granuleShift
    let last = min(offset + size - 1, 4095) >> BlockCache.granuleShift
    return (~0 << first) & (~0 >> (63 - last))
  }

  /// Whether blocks may have been decoded from `size` bytes within a page: from their granules, unless a store there
  /// is known to hit none.
  func holdsCode(hostOffset offset: Int, size: Int) -> Bool {
    guard pointee.pageGranules[offset >> 12] & granules(UInt64(offset & 0xFFF), UInt64(size)) != 0 else {
      return false
    }
    let store = HarmlessStore(offset, size)
    return store.key == 0 || harmlessStores[store.slot] != store.key
  }

  /// Stores that went to the granules of code but hit none, so that a variable between functions costs one look
  /// through the blocks of its page and not one for each store.
  private var harmlessStores: UnsafeMutablePointer<UInt64> {
    (bank(0) + TLB.harmlessStoresOffset).assumingMemoryBound(to: UInt64.self)
  }

  func clearHarmlessStores() {
    for slot in 0..<TLB.harmlessStoresCount { harmlessStores[slot] = 0 }
  }

  /// Drops the blocks decoded from bytes that are about to be, or were, written.
  @inline(never)
  func invalidateCode(hostOffset offset: Int, size: Int) {
    let page = offset >> 12
    guard holdsCode(hostOffset: offset, size: size) else { return }
    let pageStart = UInt64(page) << 12
    let written = UInt64(offset & 0xFFF)..<UInt64(offset & 0xFFF) + UInt64(size)
    var at = pointee.pageBlocks[page]
    var kept: UInt32 = 0
    var remaining: UInt64 = 0
    var hasDropped = false
    while at != 0 {
      let header = header(at)
      let isFirst = hostOffset(header.pointee.physical).map { UInt64($0) & ~0xFFF == pageStart } ?? false
      let next = isFirst ? header.pointee.nextInPage : header.pointee.nextInPage2
      let covered = coveredBytes(header, isFirst: isFirst)
      if covered.overlaps(written) {
        drop(at)
        hasDropped = true
      }
      if header.pointee.isValid {
        remaining |= granules(covered.lowerBound, covered.upperBound - covered.lowerBound)
        if isFirst { header.pointee.nextInPage = kept } else { header.pointee.nextInPage2 = kept }
        kept = at
      }
      at = next
    }
    pointee.pageBlocks[page] = kept
    pointee.pageGranules[page] = remaining
    if remaining == 0 { pointee.pageFlags[page] &= ~PageFlag.code }
    guard !hasDropped else {
      pointee.attention = 1
      return
    }
    let store = HarmlessStore(offset, size)
    harmlessStores[store.slot] = store.key
  }

  /// The bytes within its first or its second page from which a block was decoded. Exactly those count: boot
  /// loaders keep variables between their functions, and decoding the code around them again after every store
  /// would cost more than looking for what the store hits.
  private func coveredBytes(
    _ header: UnsafeMutablePointer<BlockHeader>, isFirst: Bool
  ) -> Range<UInt64> {
    let start = header.pointee.physical & 0xFFF
    let length = UInt64(max(header.pointee.length, 1))
    if isFirst { return start..<min(start + length, 4096) }
    return 0..<max(start + length, 4097) - 4096
  }

  /// Takes a block out of every path that leads to it. It stays in the page list of its other page, marked
  /// invalid, until that page's list is next walked.
  private func drop(_ start: UInt32) {
    let header = header(start)
    guard header.pointee.isValid else { return }
    header.pointee.isValid = false
    pointee.counters.blocksDropped &+= 1
    let bucket = hash(header.pointee.physical, header.pointee.rip)
    if pointee.blockHeads[bucket] == start {
      pointee.blockHeads[bucket] = header.pointee.nextInHash
    } else {
      var at = pointee.blockHeads[bucket]
      while at != 0 && self.header(at).pointee.nextInHash != start {
        at = self.header(at).pointee.nextInHash
      }
      if at != 0 { self.header(at).pointee.nextInHash = header.pointee.nextInHash }
    }
    uncacheJump(header.pointee.rip, pointee.arena + Int(start) + 2)
    var link = header.pointee.incoming
    header.pointee.incoming = 0
    while link != 0 {
      let op = pointee.arena + Int(link)
      let next = UInt32(bitPattern: op.pointee.immediate)
      op.pointee.immediate = 0
      let isTaken = op.pointee.destination == 2
      let targets = (op - Int(op.pointee.destination)).targets
      if isTaken { targets.pointee.taken = op } else { targets.pointee.fallThrough = op }
      link = next
    }
  }

  /// The slow form of a link op within a page: finds the target and makes the branch lead straight to it.
  func linkNear(_ op: OpPointer) -> OpPointer {
    pointee.rip = UInt64(bitPattern: op.pointee.displacement)
    let flushes = pointee.flushCount
    let sourceHeader = op.header
    let target = lookup()
    guard target != exitOp, flushes == pointee.flushCount, sourceHeader.pointee.isValid else {
      return target
    }
    let targetHeader = target.header
    // The pages must be the same physically and by RIP, and neither block may leave it; and the lookup must
    // have found the target rather than an exception handler.
    guard targetHeader.pointee.rip == UInt64(bitPattern: op.pointee.displacement),
      targetHeader.pointee.physical ^ sourceHeader.pointee.physical <= 0xFFF,
      targetHeader.pointee.rip ^ sourceHeader.pointee.rip <= 0xFFF,
      targetHeader.pointee.physical2 == ~0, sourceHeader.pointee.physical2 == ~0,
      targetHeader.pointee.codeMode == sourceHeader.pointee.codeMode,
      targetHeader.pointee.codeLimit == sourceHeader.pointee.codeLimit,
      pointee.dr7 & 0xFF == 0, !hasStopPoint(targetHeader.pointee.rip)
    else { return target }
    op.pointee.immediate = Int32(bitPattern: targetHeader.pointee.incoming)
    targetHeader.pointee.incoming = index(of: op)
    let targets = (op - Int(op.pointee.destination)).targets
    if op.pointee.destination == 2 {
      targets.pointee.taken = target
    } else {
      targets.pointee.fallThrough = target
    }
    return target
  }

  /// Forgets every block, when the arena is full or what blocks depend on changed wholesale. Only while no
  /// block is executing.
  func emptyBlockCache() {
    pointee.flushCount &+= 1
    pointee.counters.cacheEmptied &+= 1
    if let profiler = processor.profiler {
      profiler.harvest(self)
      profiler.forgetBlocks()
    }
    for bucket in 0..<BlockCache.hashCount { pointee.blockHeads[bucket] = 0 }
    var region = pointee.regions
    for _ in 0..<pointee.regionCount {
      let first = Int(region.pointee.hostOffset >> 12)
      let count = Int((region.pointee.end - region.pointee.start) >> 12)
      for page in first..<(first + count) where pointee.pageFlags[page] & PageFlag.code != 0 {
        pointee.pageFlags[page] &= ~PageFlag.code
        pointee.pageGranules[page] = 0
        pointee.pageBlocks[page] = 0
      }
      region += 1
    }
    // Index 0 means "none", so the first op is never used.
    pointee.arenaUsed = 1
    flushJumpCaches()
  }
}
