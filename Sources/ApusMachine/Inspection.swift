import ApusBase
import ApusCPU

/// The registers that a program in the guest works with, between two instructions. SIMD, x87 and model-specific
/// registers but EFER are not among them.
public struct Registers: Equatable, Sendable {
  /// A segment register, LDTR or TR, with its hidden part.
  public struct Segment: Equatable, Sendable {
    /// What the guest loaded.
    public var selector: UInt16
    /// Linear address of its first byte.
    public var base: UInt64
    /// The highest offset in bytes, granularity applied.
    public var limit: UInt32
    /// Bits 47:40 and 55:52 of the descriptor at bits 7:0 and 15:12 (SDM Vol. 3, "Guest Register State", format of
    /// access rights).
    public var attributes: UInt32
  }

  /// GDTR or IDTR.
  public struct DescriptorTable: Equatable, Sendable {
    /// Linear address of the first descriptor.
    public var base: UInt64
    /// The table's size in bytes, less one.
    public var limit: UInt16
  }

  /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8–R15: the order of the SDM's register encoding.
  public var general: [UInt64]
  /// The next instruction.
  public var rip: UInt64
  /// All flags.
  public var rflags: UInt64
  /// Control register 0.
  public var cr0: UInt64
  /// The linear address of the last page fault.
  public var cr2: UInt64
  /// The top page table, with its flags.
  public var cr3: UInt64
  /// Control register 4.
  public var cr4: UInt64
  /// IA32_EFER.
  public var efer: UInt64
  /// DR0–DR3.
  public var breakpoints: [UInt64]
  /// Debug status.
  public var dr6: UInt64
  /// Debug control.
  public var dr7: UInt64
  /// The current privilege level, 0 to 3.
  public var cpl: UInt8
  /// ES.
  public var es: Segment
  /// CS.
  public var cs: Segment
  /// SS.
  public var ss: Segment
  /// DS.
  public var ds: Segment
  /// FS.
  public var fs: Segment
  /// GS.
  public var gs: Segment
  /// LDTR.
  public var ldtr: Segment
  /// TR.
  public var tr: Segment
  /// GDTR.
  public var gdtr: DescriptorTable
  /// IDTR.
  public var idtr: DescriptorTable

  /// RAX.
  public var rax: UInt64 { general[0] }
  /// RCX.
  public var rcx: UInt64 { general[1] }
  /// RDX.
  public var rdx: UInt64 { general[2] }
  /// RBX.
  public var rbx: UInt64 { general[3] }
  /// RSP.
  public var rsp: UInt64 { general[4] }
  /// RBP.
  public var rbp: UInt64 { general[5] }
  /// RSI.
  public var rsi: UInt64 { general[6] }
  /// RDI.
  public var rdi: UInt64 { general[7] }
  /// R8.
  public var r8: UInt64 { general[8] }
  /// R9.
  public var r9: UInt64 { general[9] }
  /// R10.
  public var r10: UInt64 { general[10] }
  /// R11.
  public var r11: UInt64 { general[11] }
  /// R12.
  public var r12: UInt64 { general[12] }
  /// R13.
  public var r13: UInt64 { general[13] }
  /// R14.
  public var r14: UInt64 { general[14] }
  /// R15.
  public var r15: UInt64 { general[15] }

  init(_ state: ArchitecturalState) {
    let segments = state.segments.map { Segment($0) }
    general = state.registers
    (rip, rflags) = (state.rip, state.rflags)
    (cr0, cr2, cr3, cr4, efer) = (state.cr0, state.cr2, state.cr3, state.cr4, state.efer)
    (breakpoints, dr6, dr7) = (state.breakpoints, state.dr6, state.dr7)
    cpl = state.cpl
    (es, cs, ss, ds, fs, gs) = (segments[0], segments[1], segments[2], segments[3], segments[4], segments[5])
    (ldtr, tr) = (Segment(state.ldtr), Segment(state.tr))
    gdtr = DescriptorTable(base: state.gdtrBase, limit: state.gdtrLimit)
    idtr = DescriptorTable(base: state.idtrBase, limit: state.idtrLimit)
  }
}

extension Registers.Segment {
  fileprivate init(_ register: SegmentRegister) {
    self.init(
      selector: register.selector, base: register.base, limit: register.limit, attributes: register.attributes
    )
  }
}

extension Machine {
  /// The registers now.
  public var registers: Registers { Registers(processor.state) }

  /// `count` bytes of RAM or ROM from a physical address; nil if not all of them are memory: a device's registers and
  /// the VGA adapter's window are not. The guest does not notice.
  public func read(physical: UInt64, count: Int) -> [UInt8]? {
    read(from: physical, count) { $0 }
  }

  /// `count` bytes from a linear address, through the page tables as they stand; nil if not all of them are mapped to
  /// RAM or ROM. The guest does not notice.
  public func read(linear: UInt64, count: Int) -> [UInt8]? {
    let state = processor.state
    return read(from: linear, count) { Self.hasAddress($0, state) ? processor.physicalAddress($0) : nil }
  }

  /// Whether the processor has the linear address in its present mode (SDM Vol. 1, "Canonical Addressing").
  private static func hasAddress(_ linear: UInt64, _ state: ArchitecturalState) -> Bool {
    guard state.efer & 1 << 10 != 0 else { return linear >> 32 == 0 }
    let shift: Int64 = state.cr4 & 1 << 12 != 0 ? 7 : 16
    return (Int64(bitPattern: linear) << shift) >> shift == Int64(bitPattern: linear)
  }

  /// Page by page, each where `place` says.
  private func read(from start: UInt64, _ count: Int, _ place: (UInt64) -> UInt64?) -> [UInt8]? {
    // What cannot all be memory is not allocated either.
    guard count >= 0, UInt64(count) <= processor.ram.size else { return nil }
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let (address, overflow) = start.addingReportingOverflow(UInt64(done))
      let piece = min(count - done, 4096 - Int(address & 0xFFF))
      guard !overflow, let physical = place(address),
        board.memory.dmaRead(physical, into: &bytes, done..<done + piece)
      else { return nil }
      done += piece
    }
    return bytes
  }
}
