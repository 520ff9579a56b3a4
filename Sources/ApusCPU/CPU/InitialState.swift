import ApusBase

/// The state in which a loader hands the processor to a guest, as plain values. What is not named here has
/// its value after RESET#.
package struct InitialState {
  /// A segment register with its hidden part.
  package struct SegmentRegister {
    package var selector: UInt16
    package var base: UInt64
    /// The highest valid offset in bytes, granularity applied.
    package var limit: UInt32
    /// Access rights as VMX keeps them (SDM Vol. 3, "Guest Register State"): 3:0 type, 4 S, 6:5 DPL, 7 P,
    /// 12 AVL, 13 L, 14 D/B, 15 G.
    package var access: UInt32

    package init(selector: UInt16, base: UInt64, limit: UInt32, access: UInt32) {
      self.selector = selector
      self.base = base
      self.limit = limit
      self.access = access
    }
  }

  /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8–R15: the order of the SDM's register encoding.
  package var registers: [UInt64] = []
  package var rip: UInt64 = 0
  package var rflags: UInt64 = 2
  package var cr0: UInt64 = 0
  package var cr3: UInt64 = 0
  package var cr4: UInt64 = 0
  /// IA32_EFER, with LMA as it follows from LME and CR0.PG.
  package var efer: UInt64 = 0
  package var gdtr: (base: UInt64, limit: UInt16) = (0, 0xFFFF)
  package var idtr: (base: UInt64, limit: UInt16) = (0, 0xFFFF)
  /// ES, CS, SS, DS, FS, GS: the order of the SDM's register encoding.
  package var segments: [SegmentRegister] = []
  package var ldtr: SegmentRegister
  package var tr: SegmentRegister

  /// A state whose arrays the caller fills: 16 registers and 6 segments.
  package init(ldtr: SegmentRegister, tr: SegmentRegister) {
    self.ldtr = ldtr
    self.tr = tr
  }
}

extension Processor {
  /// Resets the processor and puts it into `state`, as if code had brought it there.
  package func load(_ state: InitialState) {
    precondition(state.registers.count == 16 && state.segments.count == 6)
    cpu.reset()
    cpu.load(state)
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  fileprivate func load(_ state: InitialState) {
    for index in 0..<16 { setRegister(UInt8(index) << 3, state.registers[index]) }
    pointee.rip = state.rip
    pointee.cr0 = (state.cr0 & CR0.writable) | CR0.ET
    pointee.cr3 = state.cr3
    pointee.cr4 = state.cr4 & pointee.cr4Writable
    pointee.efer = state.efer & (pointee.eferWritable | EFER.LMA)
    pointee.gdtr = DescriptorTable(base: state.gdtr.base, limit: state.gdtr.limit)
    pointee.idtr = DescriptorTable(base: state.idtr.base, limit: state.idtr.limit)
    rflags = state.rflags
    pointee.cpl = UInt8(truncatingIfNeeded: state.segments[2].access >> 5) & 3
    for (index, register) in state.segments.enumerated() {
      segment(at: index).pointee = Self.segment(register, canBeNull: index != 1)
    }
    pointee.ldtr = Self.segment(state.ldtr, canBeNull: true)
    pointee.tr = Self.segment(state.tr, canBeNull: false)
    // Limits depend on the code size, which the code segment decides.
    privilegeOrModeChanged()
    for name in [SegmentName.es, .cs, .ss, .ds, .fs, .gs] { updateSegment(name) }
    flushTranslations(.all)
    pointee.attention = 1
  }

  private static func segment(_ register: InitialState.SegmentRegister, canBeNull: Bool) -> Segment {
    var segment = Segment()
    segment.selector = register.selector
    segment.base = register.base
    segment.limit = register.limit
    segment.attributes = register.access
    segment.isNull = canBeNull && register.access & 0x80 == 0
    return segment
  }
}
