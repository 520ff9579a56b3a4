import ApusBase

/// A handle on the raw state block: every instruction body is a method of it. The block has fixed offsets
/// (see `checkLayout`) and is followed in memory by the TLB banks, so that handlers reach all of it
/// from one register.
package typealias CPU = UnsafeMutablePointer<CPUState>
typealias RawPointer = UnsafeMutableRawPointer

/// The architectural and bookkeeping state of one logical processor. Plain data, no Swift-managed storage.
/// The fields that handlers address by an 8-bit offset come first and never move.
package struct CPUState {
  typealias EightRegisters = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

  // Offsets 0...255: the operand file, reached through `DecodedOp.destination`, `source`, `base`, `index`.
  var gprLow: EightRegisters = (0, 0, 0, 0, 0, 0, 0, 0)
  var gprHigh: EightRegisters = (0, 0, 0, 0, 0, 0, 0, 0)
  /// Reads as zero: the base or index of an address that has none.
  var zero: UInt64 = 0
  var rip: UInt64 = 0
  /// Copies of the FS and GS bases, so that `FS:[base + disp]` can use them as an index register.
  var fsBase: UInt64 = 0
  var gsBase: UInt64 = 0
  /// The lazy flags while no handler runs: see `LazyFlags`.
  var flagResult: UInt64 = 1
  var flagSource: UInt64 = 0
  var flagKind: UInt32 = 0
  /// Non-zero when something wants the threaded code left at the next instruction boundary.
  var attention: UInt32 = 0
  /// Instructions until the run loop wants control back; negative ends the slice at a block boundary.
  var budget: Int64 = 0
  /// The TLB and jump-cache bank of the present privilege (`TLB.swift`).
  var bank: UnsafeMutableRawPointer
  var slowHandlers: UnsafeMutableRawPointer
  var exitOp: UnsafeMutableRawPointer
  var lookupOp: UnsafeMutableRawPointer
  /// XORed with RIP to give the tag of a jump-cache entry.
  var codeTag: UInt64 = 0
  /// FFFF_FFFFh outside 64-bit mode, all ones within.
  var linearMask: UInt64 = 0xFFFF_FFFF

  // Segmentation. The order is the SDM's register encoding; 6 and 7 are the flat data and stack segments
  // that 64-bit mode uses in place of ES, CS, SS and DS.
  var segments:
    (
      Segment, Segment, Segment, Segment, Segment, Segment, Segment, Segment
    )
  var ldtr = Segment()
  var tr = Segment()
  var gdtr = DescriptorTable()
  var idtr = DescriptorTable()

  // Control.
  var cr0: UInt64 = 0
  var cr2: UInt64 = 0
  var cr3: UInt64 = 0
  /// The page-directory-pointer registers of PAE paging.
  var pdptes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  var cr4: UInt64 = 0
  var efer: UInt64 = 0
  var xcr0: UInt64 = 1
  var dr: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  var dr6: UInt64 = 0xFFFF_0FF0
  var dr7: UInt64 = 0x400
  /// RFLAGS without the six arithmetic flags, bit 1 set.
  var systemFlags: UInt64 = 2
  var cpl: UInt8 = 0
  /// The code and stack sizes blocks are decoded for: see `CodeMode`.
  var codeMode: UInt8 = 0
  var halted = false
  /// NMIs are blocked until `IRET`.
  var nmiBlocked = false
  var nmiPending = false
  /// The level of the INTR pin.
  var interruptLine = false
  var alignmentCheck = false
  var a20Mask: UInt64 = ~0
  /// The time (`now`) up to which `STI` or a load of SS holds interrupts off; `shadowDebug` also holds #DB.
  var shadowUntil: UInt64 = 0
  var shadowHoldsDebug = false
  /// Breakpoint conditions (DR6 bits) met by the present instruction, delivered after it.
  var pendingDebug: UInt64 = 0
  /// `MONITOR` was executed and no event came since.
  var monitorArmed = false
  var msr = ModelSpecificRegisters()

  // Faults on their way: set by `fault(_:_:_:)`, consumed by `deliverFault`.
  var faultVector: UInt8 = 0
  var faultCode: UInt32 = 0
  var faultRule = Rule.unnamed
  /// An event is being delivered: selector error codes get the EXT bit.
  var isDelivering = false
  /// What the jump caches of the two banks were filled for.
  var jumpKeySupervisor: UInt64 = ~0
  var jumpKeyUser: UInt64 = ~0

  /// The board wants `run` to return.
  var boardAttention = false
  /// The present instruction cleared TF by entering a handler: no single-step trap follows it.
  var suppressStepTrap = false
  /// RF was set when the present instruction, single-stepped, began.
  var hadRF = false
  /// The fault on its way is #DB as a trap: see `gather`.
  var isFaultTrap = false
  /// The op whose slow form runs.
  var currentOp: UnsafeMutablePointer<DecodedOp>?
  /// What is told to an observer, and where to stop for somebody outside.
  var hooks: Hooks = []

  // Time. `now == clockBase - budget` at a block boundary.
  var clockBase: UInt64 = 0
  /// The part of `now` that was skipped in `HLT` or spent on ports, so retired instructions = `now - idle`.
  var idle: UInt64 = 0
  var stop = StopCode.none
  var stopDetail: UInt64 = 0

  // Memory access bookkeeping.
  /// The bytes of an access that crosses pages or reaches a device or decoded code.
  var bounce: EightRegisters = (0, 0, 0, 0, 0, 0, 0, 0)
  var bounceSize = 0
  var bounceLinear: UInt64 = 0
  /// The physical addresses of the first byte and of the first byte in the second page.
  var bouncePhysical: UInt64 = 0
  var bouncePhysical2: UInt64 = 0
  /// The block of guest memory, and how far each page lies from its place in it.
  var ram: UnsafeMutableRawPointer
  var pageDisplacements: UnsafeMutablePointer<Int>
  var regions: UnsafeMutablePointer<MemoryRegion>
  var regionCount = 0
  var pageFlags: UnsafeMutablePointer<UInt8>
  var pageGranules: UnsafeMutablePointer<UInt64>
  var pageBlocks: UnsafeMutablePointer<UInt32>
  var entryHints: UnsafeMutablePointer<EntryHint>
  var owner: Unmanaged<Processor>
  var arena: UnsafeMutablePointer<DecodedOp>
  var arenaUsed: UInt32 = 0
  var arenaCapacity: UInt32 = 0
  var blockHeads: UnsafeMutablePointer<UInt32>
  var flushCount: UInt32 = 0

  /// The state of the generator behind `RDRAND` and `RDSEED`.
  var randomState: UInt64 = 0

  // SIMD and x87 state.
  var mxcsr: UInt32 = 0x1F80
  /// Access-disable and write-disable bits of the sixteen protection keys (SDM Vol. 3, "Protection Keys").
  var pkru: UInt32 = 0
  /// `VectorFault` bits: kept in step with CR0, CR4 and XCR0 by `updateVectorFaults`.
  var vectorFaults: UInt8 = 0
  var x87 = X87State()

  // The model: what it has, whose it is, and the bits that follow from that.
  var features = CPUFeatures()
  var isIntel = false
  var signature: UInt32 = 0
  var cr4Writable: UInt64 = 0
  var eferWritable: UInt64 = 0
  var xcr0Supported: UInt64 = 0

  // For `--stats` and `--profile`; never read by the guest.
  var counters = ExecutionProfile.Counters()
  /// Blocks get an op that counts.
  var isProfiling = false
  /// By form, where slow forms are counted.
  var slowCounts: UnsafeMutablePointer<UInt64>?
}

/// Why the processor stopped for good.
package enum StopCode: UInt8 {
  case none
  /// A fault while a double fault was delivered; the board resets, the runner reports.
  case tripleFault
  /// An instruction that is defined but not implemented; `stopDetail` is its linear address.
  case unimplemented
  /// Inconsistent internal state: a defect in Apus itself.
  case internalError
}

/// A segment register: selector and the hidden part, with the limits in a form that one compare serves.
struct Segment {
  var base: UInt64 = 0
  /// Offsets that may be read: `readLow...readHigh`; an unreadable segment has low > high.
  var readLow: UInt64 = 0
  var readHigh: UInt64 = 0xFFFF
  var writeLow: UInt64 = 0
  var writeHigh: UInt64 = 0xFFFF
  /// In bytes, granularity applied.
  var limit: UInt32 = 0xFFFF
  /// Bits 47:40 and 55:52 of the descriptor at bits 7:0 and 15:12, as VMX keeps access rights.
  var attributes: UInt32 = 0x93
  var selector: UInt16 = 0
  /// No descriptor is loaded: any use faults (outside 64-bit mode).
  var isNull = false
  /// Makes the stride 64 bytes, so that an index becomes an offset by a shift.
  var padding: UInt64 = 0
}

/// GDTR or IDTR.
struct DescriptorTable {
  var base: UInt64 = 0
  var limit: UInt16 = 0xFFFF
}

/// Model-specific registers that only store, and those with meaning to `SYSCALL` and `SYSENTER`.
struct ModelSpecificRegisters {
  var star: UInt64 = 0
  var lstar: UInt64 = 0
  var cstar: UInt64 = 0
  var sfmask: UInt64 = 0
  var kernelGSBase: UInt64 = 0
  var tscAux: UInt64 = 0
  /// The time of the last reset, when the time-stamp counter was zero, and IA32_TSC_ADJUST.
  var tscOrigin: UInt64 = 0
  var tscOffset: UInt64 = 0
  var sysenterCS: UInt64 = 0
  var sysenterESP: UInt64 = 0
  var sysenterEIP: UInt64 = 0
  var pat: UInt64 = 0x0007_0406_0007_0406
  var mtrrDefType: UInt64 = 0
  var mtrrFixed:
    (
      UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
    ) = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  var mtrrVariable: (CPUState.EightRegisters, CPUState.EightRegisters) = (
    (0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0)
  )
  var miscEnable: UInt64 = 1
  var specCtrl: UInt64 = 0
  var debugCtl: UInt64 = 0
  var syscfg: UInt64 = 0
  /// TscFreqSel: the TSC counts at the P0 frequency (AMD APM Vol. 2, "Hardware Configuration Register").
  var hwcr: UInt64 = 1 << 24
  var topOfMemory: UInt64 = 0
  var topOfMemory2: UInt64 = 0
  var decodeConfiguration: UInt64 = 2
  var loadStoreConfiguration: UInt64 = 0
  var machineCheckStatus: UInt64 = 0
  /// IA32_MCi_CTL and IA32_MCi_STATUS.
  var machineCheckControl: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  var machineCheckBank: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
}

/// The x87 FPU and MMX state in the order of the `FXSAVE` image.
struct X87State {
  var control: UInt16 = 0x40
  var status: UInt16 = 0
  /// One bit per physical register, 1 = valid (the abridged tag of `FXSAVE`).
  var tag: UInt8 = 0
  var opcode: UInt16 = 0
  var instructionPointer: UInt64 = 0
  var dataPointer: UInt64 = 0
  var instructionSelector: UInt16 = 0
  var dataSelector: UInt16 = 0
  /// Significands of the physical registers R0–R7; an MMX register is the significand of its R register.
  var significand: CPUState.EightRegisters = (0, 0, 0, 0, 0, 0, 0, 0)
  /// Sign and exponent of the physical registers.
  var exponent: (UInt16, UInt16, UInt16, UInt16, UInt16, UInt16, UInt16, UInt16) = (0, 0, 0, 0, 0, 0, 0, 0)
}

/// Byte offsets into the state block and what follows it.
enum Layout {
  static let zero: UInt8 = 128
  static let fsBase: UInt8 = 144
  static let gsBase: UInt8 = 152
  static let segments = 240
  static let segmentShift = 6
  /// XMM registers: 16 slots of 64 bytes, room for YMM and ZMM.
  static let vectors = 4096
  static let vectorShift = 6
  /// The banks: supervisor, user, and one that never hits (for alignment checks).
  static let banks = 8192
  static let bankCount = 3
  static let blockSize = banks + bankCount * TLB.bankSize
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Asserts the offsets that handlers and `Layout` rely on. Called once, when a processor is made.
  func checkLayout() {
    precondition(address(of: &pointee.zero) == raw + Int(Layout.zero))
    precondition(address(of: &pointee.fsBase) == raw + Int(Layout.fsBase))
    precondition(address(of: &pointee.gsBase) == raw + Int(Layout.gsBase))
    precondition(address(of: &pointee.segments) == raw + Layout.segments)
    precondition(MemoryLayout<Segment>.stride == 1 << Layout.segmentShift)
    precondition(MemoryLayout<CPUState>.size <= Layout.vectors)
    precondition(MemoryLayout<DecodedOp>.stride == 32)
    precondition(MemoryLayout<BlockHeader>.size <= 64)
  }

  @inline(__always) var raw: RawPointer { RawPointer(self) }

  /// Where a field of the state block lies: `address(of: &pointee.field)`. The block never moves, so the
  /// address stays good; Embedded Swift has no key paths for `MemoryLayout.offset(of:)`.
  @inline(__always)
  func address<T>(of field: inout T) -> RawPointer {
    withUnsafeMutablePointer(to: &field) { RawPointer($0) }
  }

  /// The register or other operand-file slot at byte offset `slot`. A slot is read and written at several widths, so
  /// its memory has no type: through typed pointers a store of one width and a load of another would not be known to
  /// be of the same memory.
  @inline(__always)
  func register<T: OperandWidth>(_ slot: UInt8, _ type: T.Type = T.self) -> T {
    raw.load(fromByteOffset: Int(slot), as: T.self)
  }

  /// Writes a register; a 32-bit write clears bits 63:32 (SDM Vol. 1, "General-Purpose Registers in 64-Bit
  /// Mode").
  @inline(__always)
  func setRegister<T: OperandWidth>(_ slot: UInt8, _ value: T) {
    if T.self == UInt32.self {
      raw.storeBytes(of: UInt64(truncatingIfNeeded: value), toByteOffset: Int(slot), as: UInt64.self)
    } else {
      raw.storeBytes(of: value, toByteOffset: Int(slot), as: T.self)
    }
  }

  /// A general register at full width.
  @inline(__always)
  subscript(_ register: GPR) -> UInt64 {
    get { self.register(register.slot, UInt64.self) }
    nonmutating set { setRegister(register.slot, newValue) }
  }

  @inline(__always)
  func segment(_ register: SegmentName) -> UnsafeMutablePointer<Segment> {
    segment(at: Int(register.rawValue))
  }

  @inline(__always)
  func segment(at index: Int) -> UnsafeMutablePointer<Segment> {
    (raw + Layout.segments + (index << Layout.segmentShift)).assumingMemoryBound(to: Segment.self)
  }

  /// The 128-bit vector register `index` (0–15).
  @inline(__always)
  func xmm(_ index: UInt8) -> UnsafeMutablePointer<SIMD16<UInt8>> {
    (raw + Layout.vectors + (Int(index) << Layout.vectorShift)).assumingMemoryBound(to: SIMD16<UInt8>.self)
  }

  /// The 256-bit vector register `index` (0–15).
  @inline(__always)
  func ymm(_ index: UInt8) -> UnsafeMutablePointer<YMM> {
    (raw + Layout.vectors + (Int(index) << Layout.vectorShift)).assumingMemoryBound(to: YMM.self)
  }

  @inline(__always) var processor: Processor { pointee.owner._withUnsafeGuaranteedRef { $0 } }
}

/// The general-purpose registers in encoding order.
enum GPR: UInt8 {
  case rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
  /// The byte offset in the operand file.
  @inline(__always) var slot: UInt8 { rawValue << 3 }
}

/// The segment registers in encoding order, and the two flat ones of 64-bit mode.
package enum SegmentName: UInt8, Sendable {
  case es, cs, ss, ds, fs, gs, flat, flatStack
}
