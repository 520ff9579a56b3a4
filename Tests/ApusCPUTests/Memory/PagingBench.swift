import ApusCPU

/// The ways to translate linear addresses (SDM Vol. 3, "Paging Modes and Control Bits").
enum PagingMode: CaseIterable {
  case bits32, pae, level4, level5

  /// Levels count from 1, the page table, upwards.
  var top: Int {
    switch self {
    case .bits32: return 2
    case .pae: return 3
    case .level4: return 4
    case .level5: return 5
    }
  }

  /// The levels whose entries may map a page.
  var leaves: ClosedRange<Int> { is64 ? 1...3 : 1...2 }

  /// The levels whose entries have R/W and U/S: the PDPTEs of PAE paging do not.
  var rightsLevels: ClosedRange<Int> { 1...(self == .pae ? 2 : top) }

  var is64: Bool { self == .level4 || self == .level5 }
  var entrySize: Int { self == .bits32 ? 4 : 8 }

  /// The lowest bit of the linear address that selects an entry at `level`.
  func shift(_ level: Int) -> UInt64 { UInt64(self == .bits32 ? level * 10 + 2 : level * 9 + 3) }

  /// Bytes of a page that an entry at `level` maps.
  func pageSize(_ level: Int) -> UInt64 { 1 << shift(level) }

  /// A linear address outside the first 2 MiB whose index is different at each level.
  var target: UInt64 {
    switch self {
    case .bits32, .pae: return 0xD234_5000
    case .level4: return 0xFFFF_9A3C_5678_9000
    case .level5: return 0xFF5A_1234_5678_9000
    }
  }
}

/// Bits of a paging-structure entry.
enum Entry {
  static let P: UInt64 = 1
  static let W: UInt64 = 2
  static let U: UInt64 = 4
  static let A: UInt64 = 0x20
  static let D: UInt64 = 0x40
  static let PS: UInt64 = 0x80
  static let G: UInt64 = 0x100
  static let NX: UInt64 = 1 << 63
}

/// Bits of a page fault's error code (SDM Vol. 3, "Page-Fault Exceptions").
enum PF {
  static let P: UInt64 = 1
  static let W: UInt64 = 2
  static let U: UInt64 = 4
  static let RSVD: UInt64 = 8
  static let I: UInt64 = 16
}

/// Bits of control registers that change translation.
enum Control {
  static let WP: UInt64 = 1 << 16
  static let PSE: UInt64 = 1 << 4
  static let PAE: UInt64 = 1 << 5
  static let PGE: UInt64 = 1 << 7
  static let UMIP: UInt64 = 1 << 11
  static let LA57: UInt64 = 1 << 12
  static let PCIDE: UInt64 = 1 << 17
  static let SMEP: UInt64 = 1 << 20
  static let SMAP: UInt64 = 1 << 21
  static let NXE: UInt64 = 1 << 11
}

/// What a program came to.
enum AccessOutcome: Equatable {
  case done
  case pageFault(UInt64, at: UInt64)
  case fault(UInt8, UInt64)
  case stuck
}

/// A memory access as one instruction makes it.
enum AccessKind: CaseIterable { case read, write, modify, fetch }

/// A processor with paging on in any mode, at CPL 0 or 3. The first 2 MiB are mapped one to one, for
/// supervisor mode only but for the page of code and the stack of user mode; tests map what they look at
/// above.
///
/// The IDT begins near the end of its page, and the GDT has a second page, so that a test can take away what
/// no exception needs.
final class PagingBench {
  static let code: UInt64 = 0x1_0000
  static let data: UInt64 = 0x2_0000
  static let idt = 0x6F00
  static let handlers = 0x8000
  static let gdt = 0x9000
  /// The second page of the GDT.
  static let farGDT = 0xA000
  static let tss = 0xB000
  static let kernelStack = 0xD000
  static let userStack = 0xF000
  private static let firstFreeTable = 0x4_0000

  let guest: GuestBench
  let mode: PagingMode
  var state: ArchitecturalState
  private let root: Int
  private var nextTable = PagingBench.firstFreeTable

  init(_ mode: PagingMode, size: Int = 0x20_0000) {
    self.mode = mode
    guest = GuestBench(size: size)
    state = ArchitecturalState.real(guest, rip: PagingBench.code)
    root = 0x6000 - mode.top * 0x1000
    makeDescriptors()
    makeIdentity()
    makeState()
  }

  private func makeDescriptors() {
    let isLong = mode.is64
    guest.write(
      Self.gdt,
      values: [
        0, isLong ? 0x00AF_9B00_0000_FFFF : 0x00CF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF,
        isLong ? 0x00AF_FB00_0000_FFFF : 0x00CF_FB00_0000_FFFF, 0x00CF_F300_0000_FFFF,
      ] as [UInt64])
    guest.write(Self.farGDT, values: [0x00CF_F300_0000_FFFF] as [UInt64])
    for vector in 0..<256 {
      guest[Self.handlers + vector * 16] = 0xF4
      setGate(vector, UInt64(Self.handlers + vector * 16))
    }
    if isLong {
      guest.write(Self.tss + 4, values: [UInt64(Self.kernelStack)])
    } else {
      guest.write(Self.tss + 4, values: [UInt32(Self.kernelStack), 0x10])
    }
  }

  /// An interrupt gate with DPL 3 to code of CPL 0.
  func setGate(_ vector: Int, _ target: UInt64) {
    let gate = (target & 0xFFFF) | 8 << 16 | 0xEE00 << 32 | (target >> 16) << 48
    let size = mode.is64 ? 16 : 8
    guest.write(Self.idt + vector * size, values: mode.is64 ? [gate, 0] : [gate])
  }

  private func makeIdentity() {
    for level in stride(from: mode.top, to: 1, by: -1) {
      let flags = mode == .pae && level == 3 ? Entry.P : 7
      setEntry(at: 0x6000 - level * 0x1000, UInt64(0x6000 - (level - 1) * 0x1000) | flags)
    }
    for page in 0..<512 {
      setEntry(at: 0x5000 + page * mode.entrySize, UInt64(page) << 12 | Entry.P | Entry.W)
    }
  }

  private func makeState() {
    state.cr0 = 0x8001_0011
    switch mode {
    case .bits32: state.cr4 = Control.PSE
    case .pae, .level4: state.cr4 = Control.PAE
    case .level5: state.cr4 = Control.PAE | Control.LA57
    }
    state.efer = (mode.is64 ? 0x500 : 0) | (mode == .bits32 ? 0 : Control.NXE)
    state.cr3 = UInt64(root)
    state.gdtrBase = UInt64(Self.gdt)
    state.gdtrLimit = 0x1FFF
    state.idtrBase = UInt64(Self.idt)
    state.idtrLimit = 0xFFF
    state.tr = SegmentRegister(
      selector: 0x28, base: UInt64(Self.tss), limit: 0x67, attributes: 0x8B)
    setPrivilege(0)
  }

  /// Sets CPL, segments and stack for programs at `code`.
  func setPrivilege(_ cpl: UInt8) {
    let privilege = UInt32(cpl) << 5
    let codeAccess: UInt32 = (mode.is64 ? 0xA09B : 0xC09B) | privilege
    for index in 0..<6 {
      state.segments[index] = SegmentRegister(
        selector: cpl == 0 ? (index == 1 ? 8 : 0x10) : (index == 1 ? 0x1B : 0x23), base: 0, limit: .max,
        attributes: index == 1 ? codeAccess : 0xC093 | privilege)
    }
    state.cpl = cpl
    self[4] = UInt64(cpl == 0 ? Self.kernelStack : Self.userStack)
    let user = cpl == 0 ? 0 : Entry.U
    for page in [Self.code, Self.code + 0x1000, UInt64(Self.userStack) - 0x1000] {
      self[1, page] = page | Entry.P | Entry.W | user
    }
  }

  // MARK: Paging structures

  private func getEntry(at address: Int) -> UInt64 {
    mode.entrySize == 4 ? UInt64(guest.value(address, UInt32.self)) : guest.value(address, UInt64.self)
  }

  private func setEntry(at address: Int, _ value: UInt64) {
    if mode.entrySize == 4 {
      guest.write(address, values: [UInt32(truncatingIfNeeded: value)])
    } else {
      guest.write(address, values: [value])
    }
  }

  /// The physical address of the entry at `level` for `linear`; the entries above must exist.
  func entryAddress(_ level: Int, _ linear: UInt64) -> Int {
    var table = Int(state.cr3 & 0xF_FFFF_F000)
    var at = mode.top
    while true {
      let bits: UInt64 = mode == .bits32 ? 10 : 9
      let index = (linear >> mode.shift(at)) & ((1 << bits) - 1)
      let address = table + Int(index) * mode.entrySize
      if at == level { return address }
      table = Int(getEntry(at: address) & 0xF_FFFF_F000)
      at -= 1
    }
  }

  subscript(_ level: Int, _ linear: UInt64) -> UInt64 {
    get { getEntry(at: entryAddress(level, linear)) }
    set { setEntry(at: entryAddress(level, linear), newValue) }
  }

  /// Maps the page of `linear` with an entry at `level`; the tables it needs allow everything.
  func map(_ linear: UInt64, to physical: UInt64, level: Int = 1, flags: UInt64 = 7) {
    for above in stride(from: mode.top, to: level, by: -1) where self[above, linear] & Entry.P == 0 {
      self[above, linear] = UInt64(allocateTable()) | (mode == .pae && above == 3 ? Entry.P : 7)
    }
    var entry = physical
    if mode == .bits32 && level == 2 {
      // PSE-36: bits 39:32 of the address lie in bits 20:13 (SDM Vol. 3, "32-Bit Paging").
      entry = physical & 0xFFC0_0000 | (physical >> 32) << 13
    }
    self[level, linear] = entry | flags | (level > 1 ? Entry.PS : 0)
  }

  /// An empty table.
  func allocateTable() -> Int {
    defer { nextTable += 0x1000 }
    return nextTable
  }

  // MARK: Running

  subscript(_ register: Int) -> UInt64 {
    get { state.registers[register] }
    set { state.registers[register] = newValue }
  }

  /// What the last exception pushed, from its error code on.
  func frame(_ index: Int) -> UInt64 {
    let at = Int(truncatingIfNeeded: self[4]) + index * (mode.is64 ? 8 : 4)
    return mode.is64 ? guest.value(at, UInt64.self) : UInt64(guest.value(at, UInt32.self))
  }

  /// RIP as an exception with an error code saved it.
  var faultRIP: UInt64 { frame(1) }

  /// Runs `program` at `code` to its end, which this function provides, or to an exception.
  func run(_ program: [UInt8]) -> AccessOutcome {
    guest.write(Int(Self.code), program + ending)
    return resume(at: Self.code)
  }

  /// What ends a program: `HLT`, which user mode must leave to `INT 80h`.
  var ending: [UInt8] { state.cpl == 0 ? [0xF4] : [0xCD, 0x80] }

  /// Runs from `rip` with translations flushed.
  func resume(at rip: UInt64) -> AccessOutcome {
    state.rip = rip
    guest.processor.state = state
    let halted = guest.runToHalt()
    state = guest.processor.state
    guard halted else { return .stuck }
    let offset = state.rip &- 1 &- UInt64(Self.handlers)
    guard state.cpl == 0, offset < 0x1000, offset & 15 == 0 else { return .done }
    switch offset >> 4 {
    case 0x80: return .done
    case 14: return .pageFault(frame(0), at: state.cr2)
    case 8, 10, 11, 12, 13, 17: return .fault(UInt8(offset >> 4), frame(0))
    default: return .fault(UInt8(offset >> 4), 0)
    }
  }

  /// One access to `linear` at a CPL. What a fetch finds must end the program.
  func access(_ kind: AccessKind, _ linear: UInt64, cpl: UInt8 = 0) -> AccessOutcome {
    setPrivilege(cpl)
    self[R.bx] = linear
    switch kind {
    case .read: return run([0x8B, 0x03])  // mov eax, [rbx]
    case .write: return run([0x89, 0x03])  // mov [rbx], eax
    case .modify: return run([0x01, 0x03])  // add [rbx], eax
    case .fetch: return run([0xFF, 0xE3])  // jmp rbx
    }
  }
}
