/// The translation lookaside buffer: direct-mapped, one bank per privilege. An entry is 32 bytes: read tag,
/// write tag (linear page, or `TLB.invalidTag`), addend (host address - linear address) and information.
///
/// A hit proves everything at once: present, permitted in this bank's privilege, RAM, on one page, and for
/// stores dirty, writable and free of decoded code. Only `fill` makes entries, from a validated region.
enum TLB {
  static let entryCount = 4096
  static let entryShift = 5
  static let size = entryCount << entryShift
  static let writeTag = 8
  static let addend = 16
  static let information = 24
  /// Bits of `information`: the rest is the host offset of the page.
  static let global: UInt64 = 1
  /// Supervisor access to a user page, allowed by RFLAGS.AC only.
  static let smap: UInt64 = 2
  /// A piece of a page of 2 or 4 MiB, and of 1 GiB.
  static let large: UInt64 = 4
  static let huge: UInt64 = 8
  /// A store to the page is permitted and the page-table entry says that it is dirty. The write tag needs more: no
  /// decoded code in the page, and no image that shares it.
  static let writable: UInt64 = 16

  /// A bank: the TLB, then the jump cache (16-byte entries: tag, op) and the set of pages in it.
  static let jumpCacheOffset = size
  static let jumpCacheCount = 4096
  static let pageSetOffset = jumpCacheOffset + jumpCacheCount * 16
  /// In the first bank: the set of 4 MiB areas in which large pages were used.
  static let largeSetOffset = pageSetOffset + 512
  /// The return stack: pointers to `BranchTargets`, and the offset of the newest.
  static let returnStackOffset = largeSetOffset + 512
  static let returnStackSize = 16 * 8
  static let returnTop = returnStackOffset + returnStackSize
  /// In the first bank: the page-directory cache (PageWalk.swift).
  static let walkCacheOffset = returnTop + 8
  static let walkCacheCount = 64
  /// The logs of a bank.
  static let logsOffset = walkCacheOffset + walkCacheCount * MemoryLayout<PageDirectoryEntry>.stride
  /// In the first bank: stores known to hit no code (BlockCache.swift).
  static let harmlessStoresOffset = logsOffset + EntryLog.Table.count * EntryLog.size
  static let harmlessStoresCount = 32
  /// The instruction TLB (FetchTLB.swift).
  static let fetchOffset = harmlessStoresOffset + 8 * harmlessStoresCount
  static let bankSize = (fetchOffset + FetchTLB.size + 63) & ~63

  /// Where the entry of a page is: by the low bits of 9/8 of its number, one address computation of the host's. By those
  /// of the number itself, copies between buffers a power of two apart would evict each other at every access.
  @inline(__always)
  static func entryOffset(_ linear: UInt64) -> Int {
    let page = UInt32(truncatingIfNeeded: linear &>> 12)
    let offset = (page &* 9) &<< UInt32(entryShift - 3)
    return Int(truncatingIfNeeded: offset & UInt32((entryCount - 1) << entryShift))
  }

  /// The tag of an empty entry: a page whose own entry is another one.
  static func invalidTag(_ offset: Int) -> UInt64 {
    offset == 0 ? 0x1000 : 0
  }

  /// Whether `size` bytes at `linear`, whose entry has this tag, lie in the tag's page: all in one comparison,
  /// that with the next page included.
  @inline(__always)
  static func hits(_ tag: UInt64, _ linear: UInt64, _ size: Int) -> Bool {
    linear &- tag <= UInt64(truncatingIfNeeded: 4096 &- size)
  }

  @inline(__always)
  static func jumpCacheEntry(_ rip: UInt64) -> Int {
    jumpCacheOffset
      &+ Int(truncatingIfNeeded: (rip ^ (rip &>> 12)) & UInt64(jumpCacheCount - 1)) &* 16
  }
}

/// Which entries of a table were made since it was last emptied of such entries, so that emptying it after a few costs
/// little: an operating system that changes address spaces, or a boot loader that changes modes, does so all the time.
struct EntryLog {
  /// What is logged, for each bank.
  enum Table: Int {
    /// All of the jump cache, and what it has of pages that are not global.
    case jumps, localJumps
    /// Of the TLB: pages that are not global, and user pages that supervisor mode may access while RFLAGS.AC is set.
    case localPages, smapPages
    /// Of the instruction TLB: pages that are not global.
    case localFetches

    static let count = 5
  }

  private static let capacity = 256
  /// The number of entries, capacity + 1 if there were more, and their indices of 16 bits.
  static let size = 8 + 2 * capacity

  private let storage: RawPointer

  init(_ bank: RawPointer, _ table: Table) { storage = bank + TLB.logsOffset + table.rawValue * Self.size }

  var isEmpty: Bool { count == 0 }

  private var count: Int {
    get { storage.load(as: Int.self) }
    nonmutating set { storage.storeBytes(of: newValue, as: Int.self) }
  }

  func note(_ index: Int) {
    let count = count
    guard count < Self.capacity else { return noteMany() }
    storage.storeBytes(of: UInt16(truncatingIfNeeded: index), toByteOffset: 8 + 2 * count, as: UInt16.self)
    self.count = count + 1
  }

  /// What is in the table is not known.
  func noteMany() { count = Self.capacity + 1 }

  func clear() { count = 0 }

  /// Empties the log with `body` for each of its entries, or for all of `all`, if there were too many.
  @inline(__always)
  func drain(all: Int, _ body: (Int) -> Void) {
    let count = count
    self.count = 0
    guard count <= Self.capacity else {
      for index in 0..<all { body(index) }
      return
    }
    let indices = (storage + 8).assumingMemoryBound(to: UInt16.self)
    for position in 0..<count { body(Int(indices[position])) }
  }
}

/// Leaves the fast form of a handler (nothing has happened yet: the slow form runs) or the slow form
/// (a fault is recorded and will be delivered).
package struct Exit: Error {}

/// What an access does; the bits are those of the page-fault error code (SDM Vol. 3, "Page-Fault
/// Exceptions").
enum Access {
  static let read: UInt32 = 0
  static let write: UInt32 = 2
  static let user: UInt32 = 4
  static let fetch: UInt32 = 16
  /// Read, then write: devices see both.
  static let modify: UInt32 = 2 | 0x200
  /// Supervisor access that an instruction makes by itself (descriptor tables, TSS): SMAP ignores AC.
  static let implicit: UInt32 = 0x400
  /// Somebody outside looks: nothing is forbidden.
  static let outside: UInt32 = 0x800
}

/// How a body reaches memory: `Fast` through the TLB only, `Slow` with everything else.
protocol MemoryAccess {
  /// Host memory for `T` at `linear`. `Access.write` promises that all of it is stored before `commit`.
  static func pointer<T>(
    _ cpu: CPU, _ linear: UInt64, _ type: T.Type, _ access: UInt32
  ) throws(Exit) -> RawPointer
  /// Completes a store made through `pointer`.
  static func commit(_ cpu: CPU)
  static var isFast: Bool { get }
}

extension MemoryAccess {
  @inline(__always)
  static func load<T>(_ cpu: CPU, _ linear: UInt64, _ type: T.Type = T.self) throws(Exit) -> T {
    let pointer = try pointer(cpu, linear, T.self, Access.read)
    let value = pointer.loadUnaligned(as: T.self)
    if !isFast { cpu.pointee.bounceSize = 0 }
    return value
  }

  @inline(__always)
  static func store<T>(_ cpu: CPU, _ linear: UInt64, _ value: T) throws(Exit) {
    let pointer = try pointer(cpu, linear, T.self, Access.write)
    pointer.storeUnaligned(value)
    commit(cpu)
  }
}

extension RawPointer {
  /// Stores a trivial value at any alignment.
  @inline(__always)
  func storeUnaligned<T>(_ value: T) {
    storeBytes(of: value, as: T.self)
  }
}

enum Fast: MemoryAccess {
  @inline(__always) static var isFast: Bool { true }
  @inline(__always)
  static func pointer<T>(
    _ cpu: CPU, _ linear: UInt64, _ type: T.Type, _ access: UInt32
  ) throws(Exit) -> RawPointer {
    let entry = cpu.pointee.bank + TLB.entryOffset(linear)
    let tag = entry.load(
      fromByteOffset: access & Access.write != 0 ? TLB.writeTag : 0, as: UInt64.self)
    guard _fastPath(TLB.hits(tag, linear, MemoryLayout<T>.size)) else { throw Exit() }
    let host = linear &+ entry.load(fromByteOffset: TLB.addend, as: UInt64.self)
    return RawPointer(bitPattern: UInt(truncatingIfNeeded: host)).unsafelyUnwrapped
  }
  @inline(__always) static func commit(_ cpu: CPU) {}

  /// Whether `pointer` would succeed. Stamps ask before they run a body: a `throw` calls the runtime's hook
  /// for debuggers, and a call makes a handler save all registers on entry; after the question the compiler
  /// sees that the body's own `throw` cannot happen and drops it.
  @inline(__always)
  static func reaches(_ cpu: CPU, _ linear: UInt64, _ size: Int, _ access: UInt32) -> Bool {
    let entry = cpu.pointee.bank + TLB.entryOffset(linear)
    let tag = entry.load(
      fromByteOffset: access & Access.write != 0 ? TLB.writeTag : 0, as: UInt64.self)
    return _fastPath(TLB.hits(tag, linear, size))
  }

  /// `reaches` for the memory operand of `op`.
  @inline(__always)
  static func reaches<T, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _: T.Type, _: F.Type, _ access: UInt32
  ) -> Bool {
    let size = MemoryLayout<T>.size
    guard _fastPath(F.isInside(cpu, op, size, access)) else { return false }
    return reaches(cpu, F.unchecked(cpu, op), size, access)
  }
}

enum Slow: MemoryAccess {
  @inline(__always) static var isFast: Bool { false }
  @inline(__always)
  static func pointer<T>(
    _ cpu: CPU, _ linear: UInt64, _ type: T.Type, _ access: UInt32
  ) throws(Exit) -> RawPointer {
    try cpu.slowPointer(linear, MemoryLayout<T>.size, access)
  }
  @inline(__always)
  static func commit(_ cpu: CPU) { if cpu.pointee.bounceSize != 0 { cpu.commitBounce() } }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// The bank at `index`: 0 supervisor, 1 user, 2 never hits.
  @inline(__always)
  func bank(_ index: Int) -> RawPointer { raw + Layout.banks + index * TLB.bankSize }

  /// Selects the bank for the present CPL and alignment checking. Call after either changed.
  func selectBank() {
    let checking =
      pointee.cpl == 3 && pointee.systemFlags & RFLAGS.AC != 0 && pointee.cr0 & CR0.AM != 0
    pointee.alignmentCheck = checking
    pointee.bank = bank(checking ? 2 : pointee.cpl == 3 ? 1 : 0)
  }

  /// The access bits of the present privilege.
  @inline(__always)
  var userBit: UInt32 { pointee.cpl == 3 ? Access.user : 0 }

  /// The host address of `size` (at most 4096) bytes at a linear address, if the TLB has it.
  @inline(__always)
  func cachedPointer(_ linear: UInt64, _ size: Int, isWrite: Bool) -> RawPointer? {
    let entry = pointee.bank + TLB.entryOffset(linear)
    let tag = entry.load(fromByteOffset: isWrite ? TLB.writeTag : 0, as: UInt64.self)
    guard _fastPath(TLB.hits(tag, linear, size)) else { return nil }
    let host = linear &+ entry.load(fromByteOffset: TLB.addend, as: UInt64.self)
    return RawPointer(bitPattern: UInt(truncatingIfNeeded: host))
  }

  /// The host address of `size` (at most 64) bytes at a linear address for an access of the present
  /// privilege, or of the bounce buffer, which then holds the bytes (unless `access` is a plain write) and is
  /// stored by `commitBounce`.
  @inline(never)
  func slowPointer(_ linear: UInt64, _ size: Int, _ access: UInt32) throws(Exit) -> RawPointer {
    let pointer = try accessPointer(linear, size, access)
    if _slowPath(!pointee.hooks.isDisjoint(with: .accesses)) { noteAccess(linear, size, access, at: pointer) }
    return pointer
  }

  @inline(__always)
  private func accessPointer(_ linear: UInt64, _ size: Int, _ access: UInt32) throws(Exit) -> RawPointer {
    let isWrite = access & Access.write != 0
    pointee.bounceSize = 0
    if let pointer = cachedPointer(linear, size, isWrite: isWrite) { return pointer }
    if isWrite, let pointer = permittedPointer(linear, size, access) { return pointer }
    guard isCanonical(linear) else { throw fault(.GP, .notCanonical) }
    if pointee.alignmentCheck && linear & Self.alignmentMask(size) != 0 { throw fault(.AC, .alignmentCheck) }
    let kind = access | userBit
    if pointee.dr7 & 0xFF != 0 { checkDataBreakpoints(linear, size, isWrite) }
    let firstSize = min(size, 4096 - Int(linear & 0xFFF))
    if firstSize == size {
      let translation = try translate(linear, kind)
      if let pointer = directPointer(linear, linear, size, translation, kind) { return pointer }
      pointee.bouncePhysical = translation.physical
    } else {
      let next = ((linear & ~0xFFF) &+ 0x1000) & pointee.linearMask
      guard isCanonical(next) else { throw fault(.GP, .notCanonical) }
      let first = try translate(linear, kind)
      let second = try translate(next, kind)
      pointee.bouncePhysical = first.physical
      pointee.bouncePhysical2 = second.physical
    }
    return bounce(linear, size, firstSize, access)
  }

  /// The bounce buffer for an access whose physical addresses are set.
  private func bounce(_ linear: UInt64, _ size: Int, _ firstSize: Int, _ access: UInt32) -> RawPointer {
    pointee.bounceLinear = linear
    pointee.bounceSize = size
    let bounce = address(of: &pointee.bounce)
    if access & Access.modify != Access.write {
      readPiece(pointee.bouncePhysical, bounce, firstSize)
      if firstSize < size { readPiece(pointee.bouncePhysical2, bounce + firstSize, size - firstSize) }
    }
    return bounce
  }

  /// `slowPointer` for a store within a page that the TLB permits, though there is no write tag. The page tables are
  /// not asked again: that must not depend on what is decoded or shared, which a restored machine does not know.
  private func permittedPointer(_ linear: UInt64, _ size: Int, _ access: UInt32) -> RawPointer? {
    guard Int(linear & 0xFFF) + size <= 4096, let offset = permittedStore(linear),
      let region = writableRegion(ofHost: offset)
    else { return nil }
    if pointee.dr7 & 0xFF != 0 { checkDataBreakpoints(linear, size, true) }
    if preparesStore(offset, size) {
      if hasWriteTag(linear & ~0xFFF, hostPage: offset >> 12) {
        let entry = pointee.bank + TLB.entryOffset(linear)
        entry.storeBytes(of: linear & ~0xFFF, toByteOffset: TLB.writeTag, as: UInt64.self)
      }
      return host(offset)
    }
    pointee.bouncePhysical = UInt64(offset) &- region.hostOffset &+ region.start
    return bounce(linear, size, size, access)
  }

  /// The offset in the host block of the byte at `linear`, if the TLB says that it may be stored to.
  @inline(__always)
  private func permittedStore(_ linear: UInt64) -> Int? {
    let entry = pointee.bank + TLB.entryOffset(linear)
    let information = entry.load(fromByteOffset: TLB.information, as: UInt64.self)
    guard entry.load(as: UInt64.self) == linear & ~0xFFF, information & TLB.writable != 0 else { return nil }
    return Int(truncatingIfNeeded: information & ~0xFFF | linear & 0xFFF)
  }

  /// Gives the page its own place and marks it written, before a store of `size` bytes within it. False if that hits
  /// decoded code: then nothing is done.
  private func preparesStore(_ offset: Int, _ size: Int) -> Bool {
    let page = offset >> 12
    let flags = pointee.pageFlags[page]
    guard flags & PageFlag.code == 0 || !holdsCode(hostOffset: offset, size: size) else { return false }
    if flags & PageFlag.shared != 0 { unshare(page: page) }
    pointee.pageFlags[page] |= PageFlag.dirty
    if flags & PageFlag.watched != 0 { noteWatchedStore(hostOffset: offset, size: size) }
    return true
  }

  /// Whether later stores to a page that may be written may take the fast path.
  private func hasWriteTag(_ linearPage: UInt64, hostPage: Int) -> Bool {
    pointee.pageFlags[hostPage] & (PageFlag.code | PageFlag.shared | PageFlag.watched) == 0
      && !(pointee.hooks.contains(.writeWatches) && processor.watchesStores(page: linearPage))
  }

  /// What the address of `size` bytes has to be a multiple of, less one (SDM Vol. 3, "Alignment Requirements by
  /// Data Type"): values of 80 bits are aligned like quadwords, far pointers like their offsets, and vectors of 256
  /// bits like those of 128. Areas of state have rules of their own.
  private static func alignmentMask(_ size: Int) -> UInt64 {
    if size > 32 { return 0 }
    return min(UInt64(1) << UInt64(63 - UInt64(size).leadingZeroBitCount), 16) - 1
  }

  /// Loads and stores that need not be aligned even where alignment is checked: parts of register images, lanes
  /// under a mask.
  func loadUnchecked<T: FixedWidthInteger>(_ linear: UInt64, _: T.Type) throws(Exit) -> T {
    guard pointee.alignmentCheck else { return try Slow.load(self, linear & pointee.linearMask) }
    var value: T = 0
    for index in 0..<(T.bitWidth / 8) {
      let byte: UInt8 = try Slow.load(self, (linear &+ UInt64(index)) & pointee.linearMask)
      value |= T(truncatingIfNeeded: byte) << T(index * 8)
    }
    return value
  }

  func storeUnchecked<T: FixedWidthInteger>(_ linear: UInt64, _ value: T) throws(Exit) {
    guard pointee.alignmentCheck else { return try Slow.store(self, linear & pointee.linearMask, value) }
    for index in 0..<(T.bitWidth / 8) {
      let at = (linear &+ UInt64(index)) & pointee.linearMask
      try Slow.store(self, at, UInt8(truncatingIfNeeded: value >> T(index * 8)))
    }
  }

  /// Stores the bounce buffer where its access pointed.
  @inline(never)
  func commitBounce() {
    if pointee.hooks.contains(.memory) { processor.observing?.settle() }
    let size = pointee.bounceSize
    pointee.bounceSize = 0
    let firstSize = min(size, 4096 - Int(pointee.bounceLinear & 0xFFF))
    let bounce = address(of: &pointee.bounce)
    writePiece(pointee.bouncePhysical, bounce, firstSize)
    if firstSize < size { writePiece(pointee.bouncePhysical2, bounce + firstSize, size - firstSize) }
  }

  /// Raises what an access of `size` bytes would raise, without making it. For instructions with two memory
  /// operands, which must not touch the first if the second faults.
  func verify(_ linear: UInt64, _ size: Int, _ access: UInt32) throws(Exit) {
    let entry = pointee.bank + TLB.entryOffset(linear)
    if TLB.hits(entry.load(as: UInt64.self), linear, size) {
      if access & Access.write == 0 || permittedStore(linear) != nil { return }
    }
    let last = linear &+ UInt64(size - 1)
    guard isCanonical(linear) else { throw fault(.GP, .notCanonical) }
    if pointee.alignmentCheck && linear & UInt64(size - 1) != 0 { throw fault(.AC, .alignmentCheck) }
    _ = try translate(linear, access | userBit)
    guard (last ^ linear) & ~0xFFF != 0 else { return }
    let next = last & ~0xFFF & pointee.linearMask
    guard isCanonical(next) else { throw fault(.GP, .notCanonical) }
    _ = try translate(next, access | userBit)
  }

  /// Host memory for the `size` bytes from `low` on, which lie in one page together with `linear`, where the
  /// first access goes (and faults, if the page does). Nil where each access must go by itself: devices,
  /// stores to ROM, pages with data breakpoints, alignment checks. For writes, the caller stores all of the
  /// bytes: code decoded from them is dropped here.
  func runPointer(
    _ linear: UInt64, low: UInt64, _ size: Int, _ access: UInt32
  ) throws(Exit) -> RawPointer? {
    let isWrite = access & Access.write != 0
    let page = linear & ~0xFFF
    let entry = pointee.bank + TLB.entryOffset(linear)
    if entry.load(fromByteOffset: isWrite ? TLB.writeTag : 0, as: UInt64.self) == page {
      let host = low &+ entry.load(fromByteOffset: TLB.addend, as: UInt64.self)
      return RawPointer(bitPattern: UInt(truncatingIfNeeded: host))
    }
    if pointee.alignmentCheck { return nil }
    if pointee.dr7 & 0xFF != 0 && hasDataBreakpoint(page) { return nil }
    if isWrite, let offset = permittedStore(linear) {
      let start = offset - Int(truncatingIfNeeded: linear &- low)
      noteWrite(hostOffset: start, size: size)
      return host(start)
    }
    let kind = access | userBit
    let translation = try translate(linear, kind)
    if let pointer = directPointer(linear, low, size, translation, kind) {
      return pointer - Int(truncatingIfNeeded: linear &- low)
    }
    guard isWrite, let region = region(of: translation.physical), region.pointee.isWritable else {
      return nil
    }
    let physical = (translation.physical & ~0xFFF) | (low & 0xFFF)
    let offset = Int(truncatingIfNeeded: physical &- region.pointee.start &+ region.pointee.hostOffset)
    noteWrite(hostOffset: offset, size: size)
    return host(offset)
  }

  /// Copies `size` bytes of one physical page; devices are read in the largest natural pieces.
  func readPiece(_ physical: UInt64, _ destination: RawPointer, _ size: Int) {
    if let offset = hostOffset(physical) {
      destination.copyMemory(from: host(offset), byteCount: size)
      return
    }
    var done = 0
    while done < size {
      let at = physical &+ UInt64(done)
      let width = Self.devicePiece(at, size - done)
      let value = processor.bus.readPhysical(at, width: width)
      withUnsafeBytes(of: value.littleEndian) {
        (destination + done).copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: width)
      }
      done += width
    }
  }

  func writePiece(_ physical: UInt64, _ source: RawPointer, _ size: Int) {
    if let region = region(of: physical) {
      guard region.pointee.isWritable else { return }
      let offset = Int(truncatingIfNeeded: physical &- region.pointee.start &+ region.pointee.hostOffset)
      noteWrite(hostOffset: offset, size: size)
      host(offset).copyMemory(from: source, byteCount: size)
      return
    }
    var done = 0
    while done < size {
      let at = physical &+ UInt64(done)
      let width = Self.devicePiece(at, size - done)
      var value: UInt64 = 0
      withUnsafeMutableBytes(of: &value) {
        $0.baseAddress.unsafelyUnwrapped.copyMemory(from: source + done, byteCount: width)
      }
      processor.bus.writePhysical(at, UInt64(littleEndian: value), width: width)
      done += width
    }
  }

  /// The width of the next device access: as large as the rest allows, 8 at most. An unaligned access that
  /// stays in the device goes out as one piece if its width exists.
  private static func devicePiece(_ physical: UInt64, _ rest: Int) -> Int {
    rest >= 8 ? 8 : rest >= 4 ? 4 : rest >= 2 ? 2 : 1
  }

  /// The host address of `linear` for an access to `size` bytes from `low` on, all within one page of RAM or ROM, that
  /// needs no bounce, entering the page into the TLB where later hits may skip every check. A store beside code in a
  /// page needs none either, but the next one may hit the code: boot sectors and other small programs have their
  /// stacks there.
  @inline(__always)
  private func directPointer(
    _ linear: UInt64, _ low: UInt64, _ size: Int, _ translation: Translation, _ kind: UInt32
  ) -> RawPointer? {
    guard let region = region(of: translation.physical) else { return nil }
    let offset = Int(
      truncatingIfNeeded: translation.physical &- region.pointee.start &+ region.pointee.hostOffset)
    let isWrite = kind & Access.write != 0
    guard region.pointee.isWritable || !isWrite else { return nil }
    let start = offset - Int(truncatingIfNeeded: linear &- low)
    let isReady = !isWrite || preparesStore(start, size)
    fill(linear, translation, hostPage: UInt64(offset) & ~0xFFF, isWrite: isWrite)
    return isReady ? host(offset) : nil
  }

  /// Enters a translation into the present bank: the one place where TLB entries are made.
  private func fill(_ linear: UInt64, _ translation: Translation, hostPage: UInt64, isWrite: Bool) {
    guard !pointee.alignmentCheck else { return }
    let page = linear & ~0xFFF
    if pointee.dr7 & 0xFF != 0 && hasDataBreakpoint(page) { return }
    pointee.counters.tlbFills &+= 1
    let offset = TLB.entryOffset(linear)
    let entry = pointee.bank + offset
    let isWritable = isWrite || permittedStore(page) != nil
    let hasWriteTag = isWritable && hasWriteTag(page, hostPage: Int(hostPage >> 12))
    entry.storeBytes(of: page, as: UInt64.self)
    entry.storeBytes(
      of: hasWriteTag ? page : TLB.invalidTag(offset), toByteOffset: TLB.writeTag, as: UInt64.self)
    let host = UInt64(UInt(bitPattern: host(Int(truncatingIfNeeded: hostPage))))
    entry.storeBytes(of: host &- page, toByteOffset: TLB.addend, as: UInt64.self)
    var information = hostPage
    if isWritable { information |= TLB.writable }
    if translation.isGlobal { information |= TLB.global }
    if translation.pageShift != 12 {
      information |= translation.pageShift == 30 ? TLB.huge : TLB.large
    }
    if translation.isUser && pointee.cpl != 3 && pointee.cr4 & CR4.SMAP != 0 {
      information |= TLB.smap
      EntryLog(pointee.bank, .smapPages).note(offset >> TLB.entryShift)
    }
    if !translation.isGlobal { EntryLog(pointee.bank, .localPages).note(offset >> TLB.entryShift) }
    entry.storeBytes(of: information, toByteOffset: TLB.information, as: UInt64.self)
    noteEntry(offset, hostPage: hostPage)
  }

  /// Whether `linear` is canonical for the paging mode (SDM Vol. 1, "Canonical Addressing"). Outside IA-32e
  /// mode every 32-bit address is.
  @inline(__always)
  func isCanonical(_ linear: UInt64) -> Bool {
    let shift: Int64 = pointee.cr4 & CR4.LA57 != 0 ? 7 : 16
    let signed = Int64(bitPattern: linear)
    return (signed &<< shift) &>> shift == signed
  }
}
