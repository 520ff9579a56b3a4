import ApusCPU

/// A processor that boots itself through real mode into 64-bit mode at CPL 0, runs one program and halts. The
/// first 2 MiB and everything from 6 MiB are mapped linear = physical in large pages; 4 MiB to 6 MiB in 4 KiB
/// pages, of which some may be absent. Exceptions are recorded by handlers that halt.
final class SSETestMachine: SystemBus {
  static let program: UInt64 = 0x10_0000
  /// 4 KiB pages.
  static let pages: UInt64 = 0x40_0000
  static let data: UInt64 = 0x60_0000
  static let memorySize: UInt64 = 0x100_0000
  private static let record: UInt64 = 0x5F00
  private static let stack: UInt64 = 0x9000

  /// What ended a program.
  struct Outcome {
    /// Nil if the program reached its `HLT`.
    var vector: UInt8?
    var errorCode: UInt64
    /// RIP in the exception's frame.
    var rip: UInt64
  }

  enum Control {
    /// PE, MP, ET, NE, PG.
    static let cr0: UInt32 = 0x8000_0033
    static let EM: UInt32 = 4
    static let TS: UInt32 = 8
    /// PAE, OSFXSR, OSXMMEXCPT.
    static let cr4: UInt32 = 0x620
    static let OSFXSR: UInt32 = 0x200
    static let OSXMMEXCPT: UInt32 = 0x400
  }

  let memory: UnsafeMutableRawPointer
  private var processor: Processor?

  init(
    _ code: [UInt8], cr0: UInt32 = Control.cr0, cr4: UInt32 = Control.cr4, absentPages: [UInt64] = []
  ) {
    let count = GuestRAM.requiredBytes(size: Self.memorySize) ?? 0
    memory = .allocate(byteCount: count, alignment: 4096)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    buildTables(absentPages)
    write(0x1000, Self.boot(cr0: cr0, cr4: cr4))
    write(0x2000, Self.entry)
    write(Self.record, [0xFF])
    write(Self.program, code + [0xF4])
    // The reset vector, at the top of the 4 GiB, jumps to 0000:1000.
    write(Self.memorySize + 0xFF0, [0xEA, 0x00, 0x10, 0x00, 0x00])
  }

  deinit { memory.deallocate() }

  func write(_ physical: UInt64, _ bytes: [UInt8]) {
    for (index, byte) in bytes.enumerated() {
      memory.storeBytes(of: byte, toByteOffset: Int(physical) + index, as: UInt8.self)
    }
  }

  func write64(_ physical: UInt64, _ value: UInt64) {
    memory.storeBytes(of: value, toByteOffset: Int(physical), as: UInt64.self)
  }

  func read64(_ physical: UInt64) -> UInt64 {
    memory.loadUnaligned(fromByteOffset: Int(physical), as: UInt64.self)
  }

  func read32(_ physical: UInt64) -> UInt32 {
    memory.loadUnaligned(fromByteOffset: Int(physical), as: UInt32.self)
  }

  func read8(_ physical: UInt64) -> UInt8 { memory.load(fromByteOffset: Int(physical), as: UInt8.self) }

  /// Runs at most `limit` instructions; nil if the program has not halted by then.
  func run(limit: UInt64 = 100_000) -> Outcome? {
    let processor = Processor(
      ram: GuestRAM(adopting: memory, size: Self.memorySize),
      regions: [
        MemoryRegion(start: 0, end: Self.memorySize, hostOffset: 0, isWritable: true),
        MemoryRegion(
          start: 0xFFFF_F000, end: 0x1_0000_0000, hostOffset: Self.memorySize, isWritable: false),
      ], bus: self)
    self.processor = processor
    defer { self.processor = nil }
    while processor.now < limit {
      switch processor.run(until: limit) {
      case .halted:
        let vector = read8(Self.record)
        let hasCode = [8, 10, 11, 12, 13, 14, 17].contains(vector)
        return Outcome(
          vector: vector == 0xFF ? nil : vector,
          errorCode: hasCode ? read64(Self.stack - 48) : 0, rip: read64(Self.stack - 40))
      case .stopped, .paused: return nil
      case .deadline, .attention: continue
      }
    }
    return nil
  }

  /// Puts `code` into every exception handler, after the store of the vector and in place of its `HLT`.
  func extendHandlers(_ code: [UInt8]) {
    let shared: UInt64 = 0x6000
    write(shared, code)
    for vector in 0..<256 as Range<UInt64> {
      let at = 0x3000 + vector * 16 + 8
      let distance = UInt32(truncatingIfNeeded: shared &- at &- 5)
      write(at, [0xE9] + Self.bytes(distance))
    }
  }

  private func buildTables(_ absentPages: [UInt64]) {
    // Paging: PML4 at 10000h, PDPT, PD, and the page table of 4 MiB to 6 MiB.
    write64(0x1_0000, 0x1_1003)
    write64(0x1_1000, 0x1_2003)
    for index in 0..<512 as Range<UInt64> {
      write64(0x1_2000 + index * 8, index == 2 ? 0x1_3003 : index << 21 | 0x83)
      let page = Self.pages + index << 12
      write64(0x1_3000 + index * 8, absentPages.contains(page) ? 0 : page | 3)
    }
    // GDT: null, 64-bit code, data; and its pseudo-descriptor.
    write64(0x5008, 0x00AF_9B00_0000_FFFF)
    write64(0x5010, 0x00CF_9300_0000_FFFF)
    write(0x5E00, [0x17, 0x00, 0x00, 0x50, 0x00, 0x00])
    write(0x5E10, [0xFF, 0x0F, 0x00, 0x40, 0, 0, 0, 0, 0, 0])
    // Interrupt gates to handlers that store the vector and halt.
    for vector in 0..<256 as Range<UInt64> {
      let handler = 0x3000 + vector * 16
      write64(0x4000 + vector * 16, handler | 0x8 << 16 | 0x8E00 << 32)
      write(handler, [0xC6, 0x04, 0x25, 0x00, 0x5F, 0, 0, UInt8(vector), 0xF4, 0xEB, 0xFD])
    }
  }

  private static func bytes(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  /// Real mode: load CR4, CR3, EFER.LME, CR0, and jump to 64-bit code at 2000h.
  private static func boot(cr0: UInt32, cr4: UInt32) -> [UInt8] {
    var code: [UInt8] = [0xFA, 0x31, 0xC0, 0x8E, 0xD8]
    code += [0x66, 0x0F, 0x01, 0x16, 0x00, 0x5E]
    code += [0x66, 0xB8] + bytes(cr4) + [0x0F, 0x22, 0xE0]
    code += [0x66, 0xB8] + bytes(0x1_0000) + [0x0F, 0x22, 0xD8]
    code += [0x66, 0xB9] + bytes(0xC000_0080) + [0x66, 0xB8] + bytes(0x100)
    code += [0x66, 0x31, 0xD2, 0x0F, 0x30]
    code += [0x66, 0xB8] + bytes(cr0) + [0x0F, 0x22, 0xC0]
    code += [0x66, 0xEA] + bytes(0x2000) + [0x08, 0x00]
    return code
  }

  /// 64-bit mode: data segments, RSP, the IDT, and a jump to the program.
  private static let entry: [UInt8] =
    [0xB8, 0x10, 0, 0, 0, 0x8E, 0xD8, 0x8E, 0xC0, 0x8E, 0xD0, 0xBC, 0x00, 0x90, 0, 0]
    + [0x0F, 0x01, 0x1C, 0x25, 0x10, 0x5E, 0, 0, 0xB8, 0, 0, 0x10, 0, 0xFF, 0xE0]

  // The board is empty.
  func readPort(_ port: UInt16, width: Int) -> UInt32 { .max }
  func writePort(_ port: UInt16, _ value: UInt32, width: Int) {}
  func readPhysical(_ physical: UInt64, width: Int) -> UInt64 { .max }
  func writePhysical(_ physical: UInt64, _ value: UInt64, width: Int) {}
  func acknowledgeInterrupt() -> UInt8 { 0xFF }
  func readMSR(_ index: UInt32) -> UInt64? { nil }
  func writeMSR(_ index: UInt32, _ value: UInt64) -> Bool { false }
  func readTSCDeadline() -> UInt64 { 0 }
  func writeTSCDeadline(_ value: UInt64, due: UInt64) {}
  func moveTSCDeadline(due: UInt64) {}
  func signalFloatingPointError() {}
  var taskPriority: UInt8 = 0
}
