/// What a flush of translations covers.
enum FlushScope {
  /// Everything, global pages too.
  case all
  /// What `MOV CR3` drops: everything but global pages.
  case nonGlobal
  /// One page, in every bank.
  case page(UInt64)
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Drops cached translations and, with them, the jump-cache entries that rest on them: the one place where
  /// either is flushed. Dropping more than the architecture asks is always allowed.
  func flushTranslations(_ scope: FlushScope) {
    clearWalkCache()
    switch scope {
    case .page: pointee.counters.pageFlushes &+= 1
    default: pointee.counters.tlbFlushes &+= 1
    }
    switch scope {
    case .all:
      for index in 0..<Layout.bankCount {
        clearTLB(bank(index))
        clearFetchTLB(bank(index))
      }
      clearLargeSet()
      flushJumpCaches()
    case .nonGlobal:
      for index in 0..<Layout.bankCount {
        clearNonGlobal(bank(index))
        clearLocalFetches(bank(index))
        flushLocalJumps(bank(index))
      }
    case .page(let linear):
      if isInLargeSet(linear) { flushLargePage(linear) }
      for index in 0..<Layout.bankCount {
        let offset = TLB.entryOffset(linear)
        if (bank(index) + offset).load(as: UInt64.self) == linear & ~0xFFF { invalidate(bank(index), offset) }
        clearFetch(bank(index), linear)
        dropJumps(index, page: linear & ~0xFFF)
      }
    }
  }

  private func invalidate(_ bank: RawPointer, _ offset: Int) {
    (bank + offset).storeBytes(of: TLB.invalidTag(offset), as: UInt64.self)
    (bank + offset).storeBytes(of: TLB.invalidTag(offset), toByteOffset: TLB.writeTag, as: UInt64.self)
  }

  /// The offsets of all entries in a bank.
  private var entryOffsets: StrideTo<Int> { stride(from: 0, to: TLB.size, by: 1 << TLB.entryShift) }

  private func clearTLB(_ bank: RawPointer) {
    for offset in entryOffsets { invalidate(bank, offset) }
    EntryLog(bank, .localPages).clear()
    EntryLog(bank, .smapPages).clear()
  }

  private func clearNonGlobal(_ bank: RawPointer) {
    EntryLog(bank, .localPages).drain(all: TLB.entryCount) { index in
      let offset = index << TLB.entryShift
      let information = (bank + offset).load(fromByteOffset: TLB.information, as: UInt64.self)
      if information & TLB.global == 0 { invalidate(bank, offset) }
    }
  }

  // MARK: Large pages

  // The TLB holds 4 KiB pieces, but one `INVLPG` must drop every piece of a large page (SDM Vol. 3, "Operations
  // that Invalidate TLBs and Paging-Structure Caches"). Two hashed sets, of the 4 MiB and of the 1 GiB areas
  // in which large pages were met, tell when to look for pieces.

  var largeSet: UnsafeMutablePointer<UInt64> {
    (bank(0) + TLB.largeSetOffset).assumingMemoryBound(to: UInt64.self)
  }

  private static func largeSetBit(_ linear: UInt64) -> Int {
    Int(truncatingIfNeeded: (linear >> 22) ^ (linear >> 33)) & 2047
  }

  private static func hugeSetBit(_ linear: UInt64) -> Int {
    Int(truncatingIfNeeded: (linear >> 30) ^ (linear >> 41)) & 2047 | 2048
  }

  /// Records that `linear` lies in a page of `1 << shift` bytes, larger than 4 KiB.
  func noteLargePage(_ linear: UInt64, _ shift: UInt64) {
    let bit = shift == 30 ? Self.hugeSetBit(linear) : Self.largeSetBit(linear)
    largeSet[bit >> 6] |= 1 << UInt64(bit & 63)
  }

  private func isInLargeSet(_ linear: UInt64) -> Bool {
    let large = Self.largeSetBit(linear)
    let huge = Self.hugeSetBit(linear)
    let found = largeSet[large >> 6] >> UInt64(large & 63) | largeSet[huge >> 6] >> UInt64(huge & 63)
    return found & 1 != 0
  }

  private func clearLargeSet() {
    for word in 0..<64 { largeSet[word] = 0 }
  }

  /// Drops every piece of the large pages around `linear`, and code found through them.
  private func flushLargePage(_ linear: UInt64) {
    for index in 0..<2 {
      let bank = bank(index)
      for offset in entryOffsets {
        let information = (bank + offset).load(fromByteOffset: TLB.information, as: UInt64.self)
        if information & (TLB.large | TLB.huge) != 0 {
          let distance = (bank + offset).load(as: UInt64.self) ^ linear
          if distance >> (information & TLB.huge != 0 ? 30 : 22) == 0 { invalidate(bank, offset) }
        }
      }
    }
    for index in 0..<Layout.bankCount { clearFetchTLB(bank(index)) }
    flushJumpCaches()
  }

  /// Drops the supervisor bank's entries for user pages, when RFLAGS.AC goes from 1 to 0 under SMAP.
  func dropSMAPEntries() {
    let bank = bank(0)
    let log = EntryLog(bank, .smapPages)
    guard !log.isEmpty else { return }
    log.drain(all: TLB.entryCount) { index in
      let offset = index << TLB.entryShift
      if (bank + offset).load(fromByteOffset: TLB.information, as: UInt64.self) & TLB.smap != 0 {
        invalidate(bank, offset)
        (bank + offset).storeBytes(of: 0, toByteOffset: TLB.information, as: UInt64.self)
      }
    }
  }

  // What is translated stays as it is in the following; entries only lead elsewhere, or to the slow path.

  /// Takes the write tag for a host page out of every bank, when the page gets decoded code.
  func evictWriteTags(hostPage: UInt64) {
    forEachEntry(of: hostPage) { entry, offset in
      entry.storeBytes(of: TLB.invalidTag(offset), toByteOffset: TLB.writeTag, as: UInt64.self)
    }
  }

  /// Takes all write tags out of every bank, when an image gets the pages, and finds out anew where the entries are.
  func evictWriteTags() {
    pointee.entryHints.update(repeating: EntryHint(), count: processor.ram.pageCount)
    forEachEntry { entry, offset in
      entry.storeBytes(of: TLB.invalidTag(offset), toByteOffset: TLB.writeTag, as: UInt64.self)
      guard entry.load(as: UInt64.self) != TLB.invalidTag(offset) else { return }
      noteEntry(offset, hostPage: entry.load(fromByteOffset: TLB.information, as: UInt64.self))
    }
  }

  /// Makes the entries for a host page lead to where it is after it moved.
  func moveEntries(hostPage: UInt64, by distance: Int) {
    forEachEntry(of: hostPage) { entry, _ in
      let addend = entry.load(fromByteOffset: TLB.addend, as: Int.self)
      entry.storeBytes(of: addend &+ distance, toByteOffset: TLB.addend, as: Int.self)
    }
  }

  /// Remembers that the entries at `offset` in the banks may be for the host page of `information`.
  @inline(__always)
  func noteEntry(_ offset: Int, hostPage information: UInt64) {
    let page = Int(truncatingIfNeeded: information >> 12)
    pointee.entryHints[page].add(offset >> TLB.entryShift)
  }

  private func forEachEntry(of hostPage: UInt64, _ body: (RawPointer, Int) -> Void) {
    func visit(_ entry: RawPointer, _ offset: Int) {
      let information = entry.load(fromByteOffset: TLB.information, as: UInt64.self)
      if information & ~0xFFF == hostPage { body(entry, offset) }
    }
    let hint = pointee.entryHints[Int(truncatingIfNeeded: hostPage >> 12)]
    guard !hint.isMany else { return forEachEntry(visit) }
    for place in [hint.first, hint.second] {
      guard let place else { continue }
      for index in 0..<2 { visit(bank(index) + place << TLB.entryShift, place << TLB.entryShift) }
    }
  }

  @inline(__always)
  private func forEachEntry(_ body: (RawPointer, Int) -> Void) {
    for index in 0..<2 {
      let bank = bank(index)
      for offset in entryOffsets { body(bank + offset, offset) }
    }
  }

  /// Empties the jump caches of all banks.
  func flushJumpCaches() {
    for index in 0..<Layout.bankCount { flushJumpCache(bank(index)) }
  }

  /// Empties one jump cache; cheap if little was entered since the last time.
  func flushJumpCache(_ bank: RawPointer) {
    clearReturnStack(bank)
    EntryLog(bank, .localJumps).clear()
    let log = EntryLog(bank, .jumps)
    guard !log.isEmpty else { return }
    let pages = (bank + TLB.pageSetOffset).assumingMemoryBound(to: UInt64.self)
    for word in 0..<64 { pages[word] = 0 }
    log.drain(all: TLB.jumpCacheCount) { invalidateJump(bank + TLB.jumpCacheOffset + $0 * 16) }
  }

  /// Empties one jump cache of the code that was found through pages that are not global. Where there was none,
  /// what the return stack has is global, too.
  private func flushLocalJumps(_ bank: RawPointer) {
    let log = EntryLog(bank, .localJumps)
    guard !log.isEmpty else { return }
    clearReturnStack(bank)
    log.drain(all: TLB.jumpCacheCount) { invalidateJump(bank + TLB.jumpCacheOffset + $0 * 16) }
  }

  /// Drops all ways in a bank to code in the linear page at `page`.
  func dropJumps(_ index: Int, page: UInt64) {
    flushJumpCachePage(index, page)
    // A block may begin in the page before and end in this one.
    flushJumpCachePage(index, page &- 0x1000)
  }

  /// Drops a bank's entries for code that begins in the linear page at `page`.
  private func flushJumpCachePage(_ index: Int, _ page: UInt64) {
    let bank = bank(index)
    clearReturnStack(bank)
    let key = index == 0 ? pointee.jumpKeySupervisor : pointee.jumpKeyUser
    let has64BitCode = UInt8(truncatingIfNeeded: key) & CodeMode.sizeMask == CodeMode.code64
    let page = has64BitCode ? page : page & 0xFFFF_FFFF
    let pages = (bank + TLB.pageSetOffset).assumingMemoryBound(to: UInt64.self)
    let bit = JumpCache.pageBit(page)
    guard pages[bit >> 6] & (1 << UInt64(bit & 63)) != 0 else { return }
    var entry = bank + TLB.jumpCacheOffset
    for _ in 0..<TLB.jumpCacheCount {
      let tag = entry.load(as: UInt64.self)
      // Elsewhere the tag has EIP below the base of the code segment.
      let linear = has64BitCode ? tag : (tag &+ tag >> 32) & 0xFFFF_FFFF
      if linear & ~0xFFF == page { invalidateJump(entry) }
      entry += 16
    }
  }
}

// The return stack predicts where `RET` leads: `CALL` pushes a pointer to the `BranchTargets` whose
// `fallThrough` is the way back, and `RET` takes that way if its RIP is the one the guest's stack holds. What
// an entry points to stays readable until the arena is emptied, which empties this stack too; that the way is
// still right is kept true as for every link between blocks. Entries depend on translations as jump-cache
// entries do and go with them.

extension UnsafeMutablePointer where Pointee == CPUState {
  private func clearReturnStack(_ bank: RawPointer) {
    let none = RawPointer(lookupOp.targets)
    for offset in stride(from: 0, to: TLB.returnStackSize, by: 8) {
      bank.storeBytes(of: none, toByteOffset: TLB.returnStackOffset + offset, as: RawPointer.self)
    }
    bank.storeBytes(of: 0, toByteOffset: TLB.returnTop, as: Int.self)
  }
}

/// The virtual-address cache in front of the block cache.
enum JumpCache {
  /// The tag of an empty entry: no canonical RIP.
  static let invalidTag: UInt64 = 0x7FFF_FFFF_FFFF_FFFF

  /// The bit in a bank's page set for the page of a linear address.
  static func pageBit(_ linear: UInt64) -> Int {
    Int(truncatingIfNeeded: (linear >> 12) ^ (linear >> 24)) & 4095
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Enters a block into the present bank's jump cache. `isGlobal`: all of it lies in global pages.
  func cacheJump(_ rip: UInt64, _ op: OpPointer, isGlobal: Bool) {
    if hasStopPoint(rip) { return }
    let offset = TLB.jumpCacheEntry(rip)
    let entry = pointee.bank + offset
    let index = (offset - TLB.jumpCacheOffset) >> 4
    EntryLog(pointee.bank, .jumps).note(index)
    if !isGlobal { EntryLog(pointee.bank, .localJumps).note(index) }
    entry.storeBytes(of: rip ^ pointee.codeTag, as: UInt64.self)
    entry.storeBytes(of: RawPointer(op), toByteOffset: 8, as: RawPointer.self)
    let pages = (pointee.bank + TLB.pageSetOffset).assumingMemoryBound(to: UInt64.self)
    let bit = JumpCache.pageBit(codeLinear(rip))
    pages[bit >> 6] |= 1 << UInt64(bit & 63)
  }

  /// Removes a block from the jump caches.
  func uncacheJump(_ rip: UInt64, _ op: OpPointer) {
    for index in 0..<Layout.bankCount {
      let entry = bank(index) + TLB.jumpCacheEntry(rip)
      if entry.load(fromByteOffset: 8, as: RawPointer.self) == RawPointer(op) {
        invalidateJump(entry)
      }
    }
  }

  /// An empty entry leads to the lookup, so that even a guest whose tag happens to match it is served right.
  private func invalidateJump(_ entry: RawPointer) {
    entry.storeBytes(of: JumpCache.invalidTag, as: UInt64.self)
    entry.storeBytes(of: pointee.lookupOp, toByteOffset: 8, as: RawPointer.self)
  }
}

/// Where in the TLBs there may be entries for a page: looking through all of them takes microseconds, and pages that an
/// image shares are moved one by one.
struct EntryHint {
  /// Two places plus one, 0 for none; all ones if there may be more.
  private var places: UInt32 = 0

  var isMany: Bool { places == .max }
  var first: Int? { place(places & 0xFFFF) }
  var second: Int? { place(places >> 16) }

  private func place(_ value: UInt32) -> Int? { value == 0 ? nil : Int(value) - 1 }

  @inline(__always)
  mutating func add(_ place: Int) {
    let value = UInt32(truncatingIfNeeded: place &+ 1)
    if places & 0xFFFF == value || places >> 16 == value || isMany { return }
    if places == 0 {
      places = value
    } else {
      places = places >> 16 == 0 ? places | value << 16 : .max
    }
  }
}
