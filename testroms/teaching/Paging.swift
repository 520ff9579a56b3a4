// The kernel's own page tables: everything is mapped to itself (Intel SDM Vol. 3A, "4-Level Paging and
// 5-Level Paging").

struct PageEntry {
  var raw: UInt64

  static let present: UInt64 = 1
  static let writable: UInt64 = 1 << 1
  static let user: UInt64 = 1 << 2
  static let uncached: UInt64 = 1 << 4 | 1 << 3  // PCD and PWT
  static let large: UInt64 = 1 << 7
  static let global: UInt64 = 1 << 8
  static let noExecute: UInt64 = 1 << 63

  func has(_ bits: UInt64) -> Bool { raw & bits != 0 }
  var isPresent: Bool { has(Self.present) }
  /// Bits 51:12, the address of the next table or of a 4 KiB page.
  var physical: UInt64 { raw & 0x000F_FFFF_FFFF_F000 }
}

/// What the tables say about one linear address.
struct PageWalk {
  /// PML4E, PDPTE, PDE, PTE, as far as the walk went.
  var entries = InlineArray<4, PageEntry>(repeating: PageEntry(raw: 0))
  /// Where each entry lies.
  var places = InlineArray<4, UInt64>(repeating: 0)
  var count = 0
  /// log2 of the page size, 0 if the address is not mapped.
  var pageShift: UInt64 = 0
  var physical: UInt64 = 0
  var writable = true
  var user = true
  var executable = true
  var uncached = false

  var isMapped: Bool { pageShift != 0 }
}

enum Paging {
  nonisolated(unsafe) private static var nextPage: UInt64 = 0
  nonisolated(unsafe) private(set) static var tableCount = 0
  nonisolated(unsafe) private static var root: UInt64 = 0
  nonisolated(unsafe) private static var noExecute: UInt64 = 0

  /// RAM above 4 GiB that gets mapped: one page directory for each GiB must fit below 2 MiB.
  private static let highLimit: UInt64 = 0x1_0000_0000 + (64 << 30)

  /// `count` zeroed contiguous pages behind the kernel, below 2 MiB.
  static func allocate(_ count: UInt64) -> UInt64 {
    if nextPage == 0 { nextPage = Layout.bssEnd.linear }
    let result = nextPage
    nextPage += count << 12
    guard nextPage <= 0x20_0000 else { stop("the pages below 2 MiB are used up") }
    pointer(result).initializeMemory(as: UInt8.self, repeating: 0, count: Int(count << 12))
    return result
  }

  static func entry(_ physical: UInt64) -> PageEntry {
    PageEntry(raw: pointer(physical).load(as: UInt64.self))
  }

  static func setEntry(_ physical: UInt64, _ raw: UInt64) {
    pointer(physical).storeBytes(of: raw, as: UInt64.self)
  }

  /// Bits of the linear address that index the table of `level` (0 = PML4 … 3 = page table).
  static func index(_ linear: UInt64, level: Int) -> UInt64 {
    (linear >> UInt64(39 - 9 * level)) & 0x1FF
  }

  static func isCanonical(_ linear: UInt64) -> Bool {
    let top = Int64(bitPattern: linear) >> 47
    return top == 0 || top == -1
  }

  private static func newTable() -> UInt64 {
    tableCount += 1
    return allocate(1)
  }

  /// Maps one page to itself: 4 KiB, or 2 MiB if `flags` has `large`.
  private static func map(_ linear: UInt64, _ flags: UInt64) {
    let last = flags & PageEntry.large != 0 ? 2 : 3
    var table = root
    for level in 0..<last {
      let place = table + index(linear, level: level) * 8
      var raw = entry(place).raw
      if raw & PageEntry.present == 0 { raw = newTable() | PageEntry.present | PageEntry.writable }
      raw |= flags & PageEntry.user
      setEntry(place, raw)
      table = PageEntry(raw: raw).physical
    }
    setEntry(table + index(linear, level: last) * 8, linear | flags | PageEntry.present)
  }

  private static func map(from start: UInt64, to end: UInt64, _ flags: UInt64) {
    var linear = start
    while linear < end {
      if linear & 0x1F_FFFF == 0, end - linear >= 0x20_0000 {
        map(linear, flags | PageEntry.large)
        linear += 0x20_0000
      } else {
        map(linear, flags)
        linear += 0x1000
      }
    }
  }

  static func build() {
    if identify(0x8000_0001)[3] & 1 << 20 != 0 {
      noExecute = PageEntry.noExecute
      writeMSR(0xC000_0080, readMSR(0xC000_0080) | 1 << 11)
    }

    root = newTable()
    let global = PageEntry.global
    let data = PageEntry.writable | global | noExecute
    let readOnly = global | noExecute
    // Page 0 stays unmapped, so that a null pointer is caught.
    map(from: 0x1000, to: min(MemoryMap[0].end, 0xA_0000), data)
    map(from: 0xF_0000, to: 0x10_0000, readOnly)
    map(from: Layout.kernelStart.linear, to: Layout.userTextStart.linear, global)
    map(from: Layout.userTextStart.linear, to: Layout.textEnd.linear, PageEntry.user)
    map(from: Layout.textEnd.linear, to: Layout.rodataEnd.linear, readOnly)
    let guardPage = Layout.stackGuard.linear
    let user = Layout.userData.linear
    map(from: Layout.rodataEnd.linear, to: guardPage, data)
    map(from: guardPage + 0x1000, to: user, data)
    map(from: user, to: user + 0x1000, PageEntry.writable | PageEntry.user | noExecute)
    map(from: user + 0x1000, to: 0x20_0000, data)
    map(from: 0x20_0000, to: MemoryMap.lowEnd & ~0xFFF, data)
    map(from: LocalAPIC.base, to: LocalAPIC.base + 0x1000, data | PageEntry.uncached)
    map(from: 0xFFFF_0000, to: 0x1_0000_0000, readOnly)
    map(from: 0x1_0000_0000, to: min(MemoryMap.highEnd, highLimit), data)

    writeCR3(root)
    writeCR0((readCR0() | 1 << 16 | 1 << 5 | 1 << 1) & ~(1 << 2))  // WP, NE, MP; not EM
    writeCR4(readCR4() | 1 << 7)  // PGE
  }

  static func walk(_ linear: UInt64) -> PageWalk {
    var result = PageWalk()
    guard isCanonical(linear) else { return result }
    var table = PageEntry(raw: readCR3()).physical
    for level in 0..<4 {
      let place = table + index(linear, level: level) * 8
      let entry = entry(place)
      result.places[level] = place
      result.entries[level] = entry
      result.count = level + 1
      guard entry.isPresent else { return result }
      result.writable = result.writable && entry.has(PageEntry.writable)
      result.user = result.user && entry.has(PageEntry.user)
      result.executable = result.executable && !entry.has(PageEntry.noExecute)
      result.uncached = entry.has(PageEntry.uncached)
      let shift = UInt64(39 - 9 * level)
      if level == 3 || level > 0 && entry.has(PageEntry.large) {
        let offset = (UInt64(1) << shift) - 1
        result.pageShift = shift
        result.physical = entry.physical & ~offset | linear & offset
        return result
      }
      table = entry.physical
    }
    return result
  }
}
