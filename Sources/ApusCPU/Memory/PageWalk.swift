/// What a page walk found for one linear address.
package struct Translation {
  package var physical: UInt64
  package var isUser: Bool
  package var isGlobal: Bool
  /// log2 of the page size in bytes: 12, 21, 22 or 30.
  package var pageShift: UInt64 = 12
}

/// Bits of a paging-structure entry (SDM Vol. 3, "Paging").
enum PageEntry {
  static let present: UInt64 = 1
  static let writable: UInt64 = 2
  static let user: UInt64 = 4
  static let accessed: UInt64 = 0x20
  static let dirty: UInt64 = 0x40
  static let pageSize: UInt64 = 0x80
  static let global: UInt64 = 0x100
  static let noExecute: UInt64 = 1 << 63
  static let addressMask: UInt64 = 0x000F_FFFF_FFFF_F000
}

/// The part of a walk above the page table, kept for the 2 MiB it holds for (SDM Vol. 3,
/// "Paging-Structure Caches"). Every flush of translations empties the cache.
struct PageDirectoryEntry {
  /// `linear >> 21`, or `invalidTag`.
  var tag: UInt64
  var table: UInt64
  /// W and U/S of all levels so far, and XD of any.
  var rights: UInt64
  var noExecute: UInt64

  static let invalidTag: UInt64 = ~0
}

extension PageRule {
  /// P, RSVD and PK of the error code.
  fileprivate var errorCode: UInt32 {
    switch self {
    case .permitted, .notPresent: 0
    case .reservedBit: 9
    case .protectionKey: 0x21
    default: 1
    }
  }
}

/// Physical addresses have this many bits (CPUID 8000_0008h EAX 7:0); higher ones are reserved in entries.
let physicalAddressBits: UInt64 = 40
private let reservedAddressBits: UInt64 = PageEntry.addressMask & ~((1 << physicalAddressBits) - 1)

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Translates `linear` for an access of `kind` (`Access` bits), setting accessed and dirty flags; a page
  /// fault sets CR2 and is recorded.
  @inline(never)
  func translate(_ linear: UInt64, _ kind: UInt32) throws(Exit) -> Translation {
    var failure = PageRule.permitted
    if let translation = walk(linear, kind, updating: true, &failure) {
      if _slowPath(translation.pageShift != 12) { noteLargePage(linear, translation.pageShift) }
      return translation
    }
    pointee.cr2 = linear
    throw fault(.PF, pageFaultCode(failure, kind), Rule(failure))
  }

  /// The error code of a page fault. I/D is reported only where instruction fetches can be told apart (SDM
  /// Vol. 3, "Page-Fault Exceptions").
  private func pageFaultCode(_ failure: PageRule, _ kind: UInt32) -> UInt32 {
    var code = failure.errorCode | (kind & (Access.write | Access.user))
    let noExecute = pointee.cr4 & CR4.PAE != 0 && pointee.efer & EFER.NXE != 0
    if kind & Access.fetch != 0 && (noExecute || pointee.cr4 & CR4.SMEP != 0) { code |= Access.fetch }
    return code
  }

  /// Walks the page tables. `failure` says why when the result is nil.
  /// Without `updating` nothing is written: for debuggers and the instruction decoder's probes.
  func walk(
    _ linear: UInt64, _ kind: UInt32, updating: Bool, _ failure: inout PageRule
  ) -> Translation? {
    guard pointee.cr0 & CR0.PG != 0 else {
      return Translation(physical: linear & pointee.a20Mask, isUser: true, isGlobal: false)
    }
    if _slowPath(pointee.hooks.contains(.walks)) { tellWalk(linear, kind) }
    let found =
      pointee.cr4 & CR4.PAE != 0
      ? walkLong(linear, kind, updating: updating, &failure)
      : walk32(linear, kind, updating: updating, &failure)
    if _slowPath(pointee.hooks.contains(.walks)) {
      tell(
        .walkResult(
          PageWalkResult(
            rule: found == nil ? failure : .permitted, physical: found?.physical ?? 0,
            pageShift: UInt8(truncatingIfNeeded: found?.pageShift ?? 12))))
    }
    return found
  }

  private func tellWalk(_ linear: UInt64, _ kind: UInt32) {
    let isPAE = pointee.cr4 & CR4.PAE != 0 && pointee.efer & EFER.LMA == 0
    let root = isPAE ? pdpte(Int(truncatingIfNeeded: linear >> 30) & 3) : pointee.cr3
    tell(.walk(PageWalkStart(linear: linear, access: AccessKind(kind), root: root)))
  }

  private func tellEntry(_ shift: UInt64, _ address: UInt64, _ value: UInt64) {
    let level = shift > 12 && pointee.cr4 & CR4.PAE == 0 ? 2 : (shift - 3) / 9
    tell(.walkEntry(PageWalkEntry(level: UInt8(level), address: address, value: value)))
  }

  /// PAE, 4-level and 5-level paging: 8-byte entries, 9 bits of the address per level.
  private func walkLong(
    _ linear: UInt64, _ kind: UInt32, updating: Bool, _ failure: inout PageRule
  ) -> Translation? {
    let cached = walkCache + Int(truncatingIfNeeded: linear >> 21) & (TLB.walkCacheCount - 1)
    var reserved = reservedAddressBits
    if pointee.efer & EFER.NXE == 0 { reserved |= PageEntry.noExecute }
    var rights = PageEntry.writable | PageEntry.user
    var noExecute: UInt64 = 0
    var table = pointee.cr3 & PageEntry.addressMask
    var shift: UInt64 = pointee.cr4 & CR4.LA57 != 0 ? 48 : 39
    if pointee.efer & EFER.LMA == 0 {
      // Bits 62:52, ignored in IA-32e mode, are reserved (SDM Vol. 3, "PAE Paging").
      reserved |= 0x7FF0_0000_0000_0000
      // The PDPTEs are registers, loaded and checked by MOV CR3.
      let pdpte = self.pdpte(Int(truncatingIfNeeded: linear >> 30) & 3)
      guard pdpte & PageEntry.present != 0 else {
        failure = .notPresent
        return nil
      }
      table = pdpte & PageEntry.addressMask
      shift = 21
    }
    if updating && cached.pointee.tag == linear >> 21 {
      table = cached.pointee.table
      rights = cached.pointee.rights
      noExecute = cached.pointee.noExecute
      shift = 12
    }
    while true {
      let at = table | ((linear >> shift) & 511) << 3
      let entry = readPhysical(at, UInt64.self)
      if _slowPath(pointee.hooks.contains(.walks)) { tellEntry(shift, at, entry) }
      guard entry & PageEntry.present != 0 else {
        failure = .notPresent
        return nil
      }
      let isLeaf = shift == 12 || (entry & PageEntry.pageSize != 0 && shift <= 30)
      var illegal = reserved
      if !isLeaf && shift > 30 { illegal |= PageEntry.pageSize }
      if isLeaf && shift > 12 { illegal |= ((1 << shift) - 1) & 0x3FFF_E000 }
      guard entry & illegal == 0 else {
        failure = .reservedBit
        return nil
      }
      rights &= entry
      noExecute |= entry & PageEntry.noExecute
      if !isLeaf {
        if updating && entry & PageEntry.accessed == 0 { writePhysical(at, entry | PageEntry.accessed) }
        table = entry & PageEntry.addressMask
        shift -= 9
        if updating && shift == 12 {
          cached.pointee = PageDirectoryEntry(
            tag: linear >> 21, table: table, rights: rights, noExecute: noExecute)
        }
        continue
      }
      failure = check(rights, noExecute, kind)
      if rights & PageEntry.user != 0 && isForbidden(byKey: entry >> 59 & 15, kind) {
        failure = .protectionKey
      }
      guard failure == .permitted else { return nil }
      if updating { markUsed(at, entry, kind) }
      let offset = (UInt64(1) << shift) - 1
      return Translation(
        physical: ((entry & PageEntry.addressMask & ~offset) | (linear & offset)) & pointee.a20Mask,
        isUser: rights & PageEntry.user != 0,
        isGlobal: entry & PageEntry.global != 0 && pointee.cr4 & CR4.PGE != 0, pageShift: shift)
    }
  }

  var walkCache: UnsafeMutablePointer<PageDirectoryEntry> {
    (bank(0) + TLB.walkCacheOffset).assumingMemoryBound(to: PageDirectoryEntry.self)
  }

  func clearWalkCache() {
    for index in 0..<TLB.walkCacheCount { walkCache[index].tag = PageDirectoryEntry.invalidTag }
  }

  private func markUsed(_ at: UInt64, _ entry: UInt64, _ kind: UInt32) {
    let wanted = PageEntry.accessed | (kind & Access.write != 0 ? PageEntry.dirty : 0)
    if entry & wanted != wanted { writePhysical(at, entry | wanted) }
  }

  /// 32-bit paging with 4-byte entries and, under CR4.PSE, 4 MiB pages with PSE-36.
  private func walk32(
    _ linear: UInt64, _ kind: UInt32, updating: Bool, _ failure: inout PageRule
  ) -> Translation? {
    let directoryAt = (pointee.cr3 & 0xFFFF_F000) | ((linear >> 22) & 1023) << 2
    let directory = UInt64(readPhysical(directoryAt, UInt32.self))
    if _slowPath(pointee.hooks.contains(.walks)) { tellEntry(22, directoryAt, directory) }
    guard directory & PageEntry.present != 0 else {
      failure = .notPresent
      return nil
    }
    var rights = directory
    var leaf = directory
    var leafAt = directoryAt
    var frame: UInt64
    let isLarge = directory & PageEntry.pageSize != 0 && pointee.cr4 & CR4.PSE != 0
    if isLarge {
      // Bits 20:13 are physical bits 39:32, bit 21 is reserved (SDM Vol. 3, "32-Bit Paging").
      guard directory & (1 << 21) == 0 else {
        failure = .reservedBit
        return nil
      }
      frame = (directory & 0xFFC0_0000) | ((directory >> 13) & 0xFF) << 32 | (linear & 0x3F_F000)
    } else {
      if updating && directory & PageEntry.accessed == 0 {
        writePhysical(directoryAt, UInt32(truncatingIfNeeded: directory | PageEntry.accessed))
      }
      leafAt = (directory & 0xFFFF_F000) | ((linear >> 12) & 1023) << 2
      leaf = UInt64(readPhysical(leafAt, UInt32.self))
      if _slowPath(pointee.hooks.contains(.walks)) { tellEntry(12, leafAt, leaf) }
      guard leaf & PageEntry.present != 0 else {
        failure = .notPresent
        return nil
      }
      rights &= leaf
      frame = leaf & 0xFFFF_F000
    }
    failure = check(rights, 0, kind)
    guard failure == .permitted else { return nil }
    if updating {
      let wanted = PageEntry.accessed | (kind & Access.write != 0 ? PageEntry.dirty : 0)
      if leaf & wanted != wanted { writePhysical(leafAt, UInt32(truncatingIfNeeded: leaf | wanted)) }
    }
    return Translation(
      physical: (frame | (linear & 0xFFF)) & pointee.a20Mask, isUser: rights & PageEntry.user != 0,
      isGlobal: leaf & PageEntry.global != 0 && pointee.cr4 & CR4.PGE != 0, pageShift: isLarge ? 22 : 12)
  }

  /// SDM Vol. 3, "Determination of Access Rights".
  private func check(_ rights: UInt64, _ noExecute: UInt64, _ kind: UInt32) -> PageRule {
    if kind & Access.outside != 0 { return .permitted }
    let isUserPage = rights & PageEntry.user != 0
    let isReadOnly = kind & Access.write != 0 && rights & PageEntry.writable == 0
    if kind & Access.fetch != 0 && noExecute != 0 { return .executeDisable }
    if kind & Access.user != 0 {
      guard isUserPage else { return .userPageOnly }
      return isReadOnly ? .readOnly : .permitted
    }
    if isUserPage {
      if kind & Access.fetch != 0 {
        if pointee.cr4 & CR4.SMEP != 0 { return .supervisorExecution }
      } else if pointee.cr4 & CR4.SMAP != 0
        && (kind & Access.implicit != 0 || pointee.systemFlags & RFLAGS.AC == 0)
      {
        return .supervisorAccess
      }
    }
    return isReadOnly && pointee.cr0 & CR0.WP != 0 ? .readOnlySupervisor : .permitted
  }

  /// Whether PKRU forbids a data access to a user page with this protection key (SDM Vol. 3, "Determination of
  /// Access Rights"). Supervisor code may write what is only write-disabled while CR0.WP is 0.
  private func isForbidden(byKey key: UInt64, _ kind: UInt32) -> Bool {
    guard pointee.cr4 & CR4.PKE != 0, isLongMode, kind & (Access.fetch | Access.outside) == 0 else {
      return false
    }
    let bits = pointee.pkru >> UInt32(truncatingIfNeeded: key * 2)
    if bits & 1 != 0 { return true }
    return bits & 2 != 0 && kind & Access.write != 0
      && (kind & Access.user != 0 || pointee.cr0 & CR0.WP != 0)
  }

  private func pdpte(_ index: Int) -> UInt64 {
    switch index {
    case 0: return pointee.pdptes.0
    case 1: return pointee.pdptes.1
    case 2: return pointee.pdptes.2
    default: return pointee.pdptes.3
    }
  }

  /// Reads the four PDPTEs of PAE paging (SDM Vol. 3, "PDPTE Registers"); false if a present one has
  /// reserved bits set, in which case nothing changes.
  func loadPDPTEs(_ cr3: UInt64) -> Bool {
    let at = cr3 & 0xFFFF_FFE0
    let entries = (
      readPhysical(at, UInt64.self), readPhysical(at + 8, UInt64.self),
      readPhysical(at + 16, UInt64.self), readPhysical(at + 24, UInt64.self)
    )
    let reserved = reservedAddressBits | PageEntry.noExecute | 0x7FF0_0000_0000_0000 | 0x1E6
    for entry in [entries.0, entries.1, entries.2, entries.3]
    where entry & PageEntry.present != 0 && entry & reserved != 0 { return false }
    pointee.pdptes = entries
    return true
  }
}
