import ApusBase
import ApusCPU

/// A bus with a local APIC's registers as far as the processor's own instructions reach them.
final class SystemTestBus: SystemBus {
  var taskPriority: UInt8 = 0
  var apicBase: UInt64 = 0xFEE0_0900
  var deadline: UInt64 = 0
  var due: VirtualTime?
  var movedTo: VirtualTime?
  var floatingPointErrors = 0

  func readPort(_ port: UInt16, width: Int) -> UInt32 { .max }
  func writePort(_ port: UInt16, _ value: UInt32, width: Int) {}
  func readPhysical(_ physical: UInt64, width: Int) -> UInt64 { .max }
  func writePhysical(_ physical: UInt64, _ value: UInt64, width: Int) {}
  func acknowledgeInterrupt() -> UInt8 { 0x30 }
  func readMSR(_ index: UInt32) -> UInt64? { index == 0x1B ? apicBase : nil }

  func writeMSR(_ index: UInt32, _ value: UInt64) -> Bool {
    guard index == 0x1B else { return false }
    apicBase = value
    return true
  }

  func readTSCDeadline() -> UInt64 { deadline }

  func writeTSCDeadline(_ value: UInt64, due: VirtualTime) {
    deadline = value
    self.due = due
  }

  func moveTSCDeadline(due: VirtualTime) { movedTo = due }
  func signalFloatingPointError() { floatingPointErrors += 1 }
}

/// How a test program ended.
enum Ending: Equatable {
  /// At a `HLT` outside the exception handlers.
  case halted
  /// In the handler of an exception: vector, error code (0 where there is none) and saved RIP.
  case exception(UInt8, code: UInt64, rip: UInt64)
  case stopped(StopCode)
  case timeout

  /// #GP(0) at the start of the program.
  static func generalProtection(_ rip: UInt64 = SystemBench.code) -> Ending {
    .exception(13, code: 0, rip: rip)
  }
}

/// A processor in a ready-made mode over 8 MiB of RAM, with descriptor tables, identity-mapped page tables and
/// a handler per exception that halts.
///
/// Physical layout: GDT 1000h, TSS 1800h, IDT 2000h, handlers 3000h, code 8000h, data 1_0000h, stack below
/// 2_0000h, 64-bit page tables from 10_0000h.
final class SystemBench {
  static let code: UInt64 = 0x8000
  static let data: UInt64 = 0x1_0000
  static let stack: UInt64 = 0x2_0000
  static let gdt = 0x1000
  static let tss = 0x1800
  static let idt = 0x2000
  static let handlers = 0x3000
  static let pml4 = 0x10_0000
  /// Maps the first 2 MiB with 4 KiB pages; the next three entries of the directory are 2 MiB pages.
  static let directory = 0x10_2000
  static let table = 0x10_3000

  let bus = SystemTestBus()
  let processor: Processor
  private let base: UnsafeMutableRawPointer
  private static let size = 8 << 20

  init(_ model: CPUModel = .max) {
    let bytes = GuestRAM.requiredBytes(size: UInt64(Self.size)) ?? 0
    base = .allocate(byteCount: bytes, alignment: 4096)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    processor = Processor(
      ram: GuestRAM(adopting: base, size: UInt64(Self.size)),
      regions: [
        MemoryRegion(start: 0, end: UInt64(Self.size), hostOffset: 0, isWritable: true)
      ], bus: bus, model: model)
  }

  deinit { base.deallocate() }

  // MARK: Memory

  func write(_ physical: Int, _ bytes: [UInt8]) {
    for (index, byte) in bytes.enumerated() {
      base.storeBytes(of: byte, toByteOffset: physical + index, as: UInt8.self)
    }
    if !bytes.isEmpty { processor.noteDMAWrite(hostOffset: UInt64(physical), count: bytes.count) }
  }

  func write64(_ physical: Int, _ value: UInt64) {
    write(physical, (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) })
  }

  func write32(_ physical: Int, _ value: UInt32) {
    write(physical, (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32($0 * 8)) })
  }

  func read(_ physical: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { base.load(fromByteOffset: physical + $0, as: UInt8.self) }
  }

  func read64(_ physical: Int) -> UInt64 {
    read(physical, 8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  func read32(_ physical: Int) -> UInt32 { UInt32(truncatingIfNeeded: read64(physical)) }
  func read16(_ physical: Int) -> UInt16 { UInt16(truncatingIfNeeded: read64(physical)) }

  /// Descriptor `index` of the GDT.
  func descriptor(_ index: Int, _ value: UInt64) { write64(Self.gdt + index * 8, value) }

  // MARK: Modes

  /// 1 64-bit code, 2 data, 3 32-bit code, 4 user data, 5 user 64-bit code, 6 and 7 the 64-bit TSS.
  private func prepareTables(is64: Bool) {
    descriptor(1, is64 ? 0x00AF_9B00_0000_FFFF : 0x00CF_9B00_0000_FFFF)
    descriptor(2, 0x00CF_9300_0000_FFFF)
    descriptor(3, 0x00CF_9B00_0000_FFFF)
    descriptor(4, 0x00CF_F300_0000_FFFF)
    descriptor(5, 0x00AF_FB00_0000_FFFF)
    let handlers = UInt64(Self.handlers)
    for vector in 0..<32 {
      let offset = handlers + UInt64(vector * 16)
      write(Int(offset), [0xF4])
      let gate = offset & 0xFFFF | 8 << 16 | 0x8E00 << 32 | (offset >> 16) << 48
      if is64 {
        write64(Self.idt + vector * 16, gate)
      } else {
        write64(Self.idt + vector * 8, gate)
      }
    }
  }

  /// 64-bit mode at `cpl` 0 or 3, with SSE, FSGSBASE and XSAVE enabled.
  func enterLongMode(cpl: UInt8 = 0) {
    prepareTables(is64: true)
    // The TSS: RSP0.
    write64(Self.tss + 4, Self.stack)
    descriptor(6, 0x0000_8B00_1800_0067)
    descriptor(7, 0)
    write64(Self.pml4, 0x10_1007)
    write64(0x10_1000, 0x10_2007)
    write64(Self.directory, UInt64(Self.table) | 7)
    for index in 0..<512 { write64(Self.table + index * 8, UInt64(index) << 12 | 7) }
    for index in 1..<4 { write64(Self.directory + index * 8, UInt64(index) << 21 | 0x87) }
    processor.reset()
    var state = processor.state
    state.cr0 = 0x8001_0033
    state.cr3 = UInt64(Self.pml4)
    // PAE, PGE, OSFXSR, OSXMMEXCPT, FSGSBASE, OSXSAVE.
    state.cr4 = 0x5_06A0
    // SCE, LME, LMA, NXE.
    state.efer = 0xD01
    state.cpl = cpl
    let code = SegmentRegister(
      selector: cpl == 0 ? 8 : 0x2B, base: 0, limit: .max, attributes: cpl == 0 ? 0xA09B : 0xA0FB)
    let stack = SegmentRegister(
      selector: cpl == 0 ? 0x10 : 0x23, base: 0, limit: .max, attributes: cpl == 0 ? 0xC093 : 0xC0F3)
    state.segments = [stack, code, stack, stack, stack, stack]
    state.tr = SegmentRegister(selector: 0x30, base: UInt64(Self.tss), limit: 0x67, attributes: 0x8B)
    finish(&state, idtLimit: 0x1FF)
  }

  /// 32-bit protected mode at CPL 0 without paging.
  func enterProtectedMode() {
    prepareTables(is64: false)
    processor.reset()
    var state = processor.state
    state.cr0 = 0x33
    state.cr4 = 0x600
    let code = SegmentRegister(selector: 8, base: 0, limit: .max, attributes: 0xC09B)
    let data = SegmentRegister(selector: 0x10, base: 0, limit: .max, attributes: 0xC093)
    state.segments = [data, code, data, data, data, data]
    finish(&state, idtLimit: 0xFF)
  }

  private func finish(_ state: inout ArchitecturalState, idtLimit: UInt16) {
    state.registers = [UInt64](repeating: 0, count: 16)
    state.registers[4] = Self.stack
    state.gdtrBase = UInt64(Self.gdt)
    state.gdtrLimit = 0x7F
    state.idtrBase = UInt64(Self.idt)
    state.idtrLimit = idtLimit
    state.rip = Self.code
    processor.state = state
  }

  // MARK: Running

  /// General registers in encoding order.
  enum Register: Int {
    case rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
  }

  subscript(_ register: Register) -> UInt64 {
    get { processor.state.registers[register.rawValue] }
    set { processor.state.registers[register.rawValue] = newValue }
  }

  /// Runs `program` at `code` until it halts or faults.
  func run(_ program: [UInt8]) -> Ending {
    write(Int(Self.code), program)
    processor.state.rip = Self.code
    return resume()
  }

  /// Runs on from RIP.
  func resume() -> Ending {
    // Setting the state wakes a halted processor.
    processor.state = processor.state
    let end = processor.now + 10_000
    while processor.now < end {
      switch processor.run(until: end) {
      case .halted: return ending
      case .stopped: return .stopped(processor.stopCode)
      case .deadline, .paused: return .timeout
      case .attention: continue
      }
    }
    return .timeout
  }

  private var ending: Ending {
    let state = processor.state
    let offset = state.rip &- 1 &- UInt64(Self.handlers)
    guard offset < 32 * 16, offset & 15 == 0 else { return .halted }
    let vector = UInt8(offset >> 4)
    let hasCode = [8, 10, 11, 12, 13, 14, 17].contains(vector)
    let at = Int(state.registers[4])
    if state.efer & 0x400 != 0 {
      let code = hasCode ? read64(at) : 0
      return .exception(vector, code: code, rip: read64(hasCode ? at + 8 : at))
    }
    let code = hasCode ? UInt64(read32(at)) : 0
    return .exception(vector, code: code, rip: UInt64(read32(hasCode ? at + 4 : at)))
  }
}
