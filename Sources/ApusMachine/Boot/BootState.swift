/// A segment register with its hidden part (SDM Vol. 3A, "Segment Registers").
package struct SegmentState: Equatable, Sendable {
  /// The visible part.
  package var selector: UInt16
  /// The linear base address.
  package var base: UInt64
  /// The limit in bytes: the highest valid offset, the G bit already applied.
  package var limit: UInt32
  /// Bits 23:8 of the descriptor's upper doubleword, moved to bits 15:0 with the limit's bits cleared (SDM
  /// Vol. 3C, "Guest Register State", format of access rights): 3:0 type, 4 S, 6:5 DPL, 7 P, 12 AVL, 13 L,
  /// 14 D/B, 15 G.
  package var access: UInt32

  /// A segment register with all its parts.
  package init(selector: UInt16, base: UInt64 = 0, limit: UInt32, access: UInt32) {
    self.selector = selector
    self.base = base
    self.limit = limit
    self.access = access
  }

  /// 16-bit data, writable, accessed, present, with the base that real mode gives the selector.
  package static func real(_ selector: UInt16) -> SegmentState {
    SegmentState(selector: selector, base: UInt64(selector) << 4, limit: 0xFFFF, access: 0x0093)
  }

  /// As `real`, but code.
  package static func realCode(_ selector: UInt16) -> SegmentState {
    SegmentState(selector: selector, base: UInt64(selector) << 4, limit: 0xFFFF, access: 0x009B)
  }

  /// Execute/read, 32-bit, base 0, limit 4 GiB.
  package static func flatCode32(_ selector: UInt16) -> SegmentState {
    SegmentState(selector: selector, limit: .max, access: 0xC09B)
  }

  /// Execute/read, 64-bit.
  package static func flatCode64(_ selector: UInt16) -> SegmentState {
    SegmentState(selector: selector, limit: .max, access: 0xA09B)
  }

  /// Read/write, 32-bit, base 0, limit 4 GiB.
  package static func flatData(_ selector: UInt16) -> SegmentState {
    SegmentState(selector: selector, limit: .max, access: 0xC093)
  }

  /// The 8-byte descriptor that loads this segment.
  package var descriptor: UInt64 {
    let rawLimit = UInt64(access & 0x8000 != 0 ? limit >> 12 : limit)
    let low = (rawLimit & 0xFFFF) | (base & 0xFF_FFFF) << 16
    let high = UInt64(access & 0xF0FF) << 40 | (rawLimit & 0xF_0000) << 32 | (base >> 24 & 0xFF) << 56
    return low | high
  }
}

/// The base and limit of GDTR or IDTR.
package struct TableState: Equatable, Sendable {
  /// The linear base address.
  package var base: UInt64
  /// The highest valid offset in bytes.
  package var limit: UInt16

  /// A table register.
  package init(base: UInt64, limit: UInt16) {
    self.base = base
    self.limit = limit
  }
}

/// The state in which a loader hands the processor to a guest. Registers that are not named here have their
/// values after RESET# (SDM Vol. 3A, "Processor State After Reset").
package struct BootState: Equatable, Sendable {
  /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8–R15: the order of the SDM's register encoding.
  package var registers = [UInt64](repeating: 0, count: 16)
  package var rip: UInt64 = 0
  /// Bit 1 is always set; interrupts are off.
  package var rflags: UInt64 = 2
  /// ET, which is hard-wired, and nothing else: caches on, paging and protection off.
  package var cr0: UInt64 = 0x10
  package var cr3: UInt64 = 0
  package var cr4: UInt64 = 0
  package var efer: UInt64 = 0
  package var gdtr = TableState(base: 0, limit: 0xFFFF)
  package var idtr = TableState(base: 0, limit: 0x3FF)
  package var es = SegmentState.real(0)
  package var cs = SegmentState.realCode(0)
  package var ss = SegmentState.real(0)
  package var ds = SegmentState.real(0)
  package var fs = SegmentState.real(0)
  package var gs = SegmentState.real(0)
  package var ldtr = SegmentState(selector: 0, limit: 0xFFFF, access: 0x0082)
  package var tr = SegmentState(selector: 0, limit: 0xFFFF, access: 0x008B)
  /// What the loader could not give the guest though it asked, one line each, for the user to read.
  package var notices: [String] = []

  /// Real mode at 0000:0000 with interrupts off.
  package init() {}

  /// An index into `registers`.
  package enum Register: Int { case rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi }

  package subscript(_ register: Register) -> UInt64 {
    get { registers[register.rawValue] }
    set { registers[register.rawValue] = newValue }
  }

  /// The selectors of the table that `enterProtectedMode` writes: those that the Linux boot protocol names
  /// (`__BOOT_CS`, `__BOOT_DS`), and a TSS.
  static let codeSelector: UInt16 = 0x10
  static let dataSelector: UInt16 = 0x18
  static let taskSelector: UInt16 = 0x20

  /// Turns on protection with flat segments, privilege level 0, and a GDT in low memory that describes what
  /// the segment registers hold. The IDT has limit 0: an exception before the guest sets its own is a
  /// triple fault.
  mutating func enterProtectedMode(
    code: SegmentState, _ placement: inout Placement
  ) throws(BootError) {
    let data = SegmentState.flatData(Self.dataSelector)
    cs = code
    (ds, es, ss, fs, gs) = (data, data, data, data, data)
    tr = SegmentState(selector: Self.taskSelector, limit: 0x67, access: 0x008B)
    var table: [UInt8] = []
    // The last entry is the upper half of the TSS descriptor in 64-bit mode.
    for descriptor in [0, 0, code.descriptor, data.descriptor, tr.descriptor, 0] {
      table.append(littleEndian: descriptor)
    }
    let base = try placement.storeLow(table, alignment: 16, "GDT")
    gdtr = TableState(base: base, limit: UInt16(table.count - 1))
    idtr = TableState(base: 0, limit: 0)
    cr0 |= 1
  }

  /// As above for 64-bit mode: PAE paging with an identity map of the first 4 GiB in 2 MiB pages.
  mutating func enterLongMode(_ placement: inout Placement) throws(BootError) {
    try enterProtectedMode(code: .flatCode64(Self.codeSelector), &placement)
    // One PML4, one page-directory-pointer table and four page directories, in that order.
    let pages: UInt64 = 6
    guard let root = placement.allocate(pages * 4096, alignment: 4096, in: Placement.lowTables) else {
      throw BootError(
        role: "memory", field: "page tables", found: "no free low RAM", expected: "24 KiB")
    }
    let presentWritable: UInt64 = 0x3
    let pageSize: UInt64 = 0x80
    var tables = [UInt8](repeating: 0, count: Int(pages) * 4096)
    tables.put(root + 4096 | presentWritable, at: 0)
    for i in 0..<4 {
      tables.put(root + 8192 + UInt64(i) * 4096 | presentWritable, at: 4096 + 8 * i)
    }
    for i in 0..<2048 {
      tables.put(UInt64(i) << 21 | pageSize | presentWritable, at: 8192 + 8 * i)
    }
    try placement.store(tables, at: root)
    cr3 = root
    cr4 = 0x20  // PAE
    efer = 0x500  // LME, LMA
    cr0 |= 0x8000_0000  // PG
  }
}
