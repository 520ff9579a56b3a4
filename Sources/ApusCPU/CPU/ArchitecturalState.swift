/// A segment register, or LDTR or TR, with its hidden part.
package struct SegmentRegister: Equatable, Sendable {
  package var selector: UInt16
  package var base: UInt64
  /// In bytes, granularity applied.
  package var limit: UInt32
  /// Bits 47:40 and 55:52 of the descriptor at bits 7:0 and 15:12 (SDM Vol. 3, "Guest Register State", format
  /// of access rights).
  package var attributes: UInt32
  /// No descriptor is loaded.
  package var isNull: Bool

  /// A segment register with all its parts.
  package init(selector: UInt16, base: UInt64, limit: UInt32, attributes: UInt32, isNull: Bool = false) {
    self.selector = selector
    self.base = base
    self.limit = limit
    self.attributes = attributes
    self.isNull = isNull
  }
}

/// The registers that a loader sets, and a debugger or a test looks at. SIMD, x87 and model-specific registers
/// are not among them.
package struct ArchitecturalState: Equatable, Sendable {
  /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8–R15: the order of the SDM's register encoding.
  package var registers: [UInt64]
  package var rip: UInt64
  package var rflags: UInt64
  package var cr0: UInt64
  package var cr2: UInt64
  package var cr3: UInt64
  package var cr4: UInt64
  package var efer: UInt64
  /// DR0–DR3.
  package var breakpoints: [UInt64]
  package var dr6: UInt64
  package var dr7: UInt64
  package var cpl: UInt8
  /// ES, CS, SS, DS, FS, GS: the order of the SDM's register encoding.
  package var segments: [SegmentRegister]
  package var ldtr: SegmentRegister
  package var tr: SegmentRegister
  package var gdtrBase: UInt64
  package var gdtrLimit: UInt16
  package var idtrBase: UInt64
  package var idtrLimit: UInt16
}

extension Segment {
  fileprivate init(_ register: SegmentRegister) {
    self.init(
      base: register.base, limit: register.limit, attributes: register.attributes,
      selector: register.selector, isNull: register.isNull)
  }

  var register: SegmentRegister {
    SegmentRegister(
      selector: selector, base: base, limit: limit, attributes: attributes, isNull: isNull)
  }
}

extension Processor {
  /// The registers between instructions. Setting them checks nothing that the architecture would, drops every
  /// cached translation, and wakes a halted processor.
  package var state: ArchitecturalState {
    get { cpu.architecturalState }
    set { cpu.setArchitecturalState(newValue) }
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  fileprivate static var segmentOrder: [SegmentName] { [.es, .cs, .ss, .ds, .fs, .gs] }

  fileprivate var architecturalState: ArchitecturalState {
    var registers: [UInt64] = []
    for index in 0..<16 as Range<UInt8> { registers.append(register(index << 3)) }
    var segments: [SegmentRegister] = []
    for name in Self.segmentOrder { segments.append(segment(name).pointee.register) }
    return ArchitecturalState(
      registers: registers, rip: pointee.rip, rflags: rflags, cr0: pointee.cr0, cr2: pointee.cr2,
      cr3: pointee.cr3, cr4: pointee.cr4, efer: pointee.efer,
      breakpoints: [pointee.dr.0, pointee.dr.1, pointee.dr.2, pointee.dr.3], dr6: pointee.dr6,
      dr7: pointee.dr7, cpl: pointee.cpl, segments: segments, ldtr: pointee.ldtr.register,
      tr: pointee.tr.register, gdtrBase: pointee.gdtr.base, gdtrLimit: pointee.gdtr.limit,
      idtrBase: pointee.idtr.base, idtrLimit: pointee.idtr.limit)
  }

  fileprivate func setArchitecturalState(_ state: ArchitecturalState) {
    for (index, value) in state.registers.prefix(16).enumerated() {
      setRegister(UInt8(truncatingIfNeeded: index << 3), value)
    }
    pointee.rip = state.rip
    rflags = state.rflags
    pointee.cr0 = state.cr0
    pointee.cr2 = state.cr2
    pointee.cr3 = state.cr3
    pointee.cr4 = state.cr4
    pointee.efer = state.efer
    if state.breakpoints.count == 4 {
      pointee.dr = (
        state.breakpoints[0], state.breakpoints[1], state.breakpoints[2], state.breakpoints[3]
      )
    }
    pointee.dr6 = state.dr6
    pointee.dr7 = state.dr7
    pointee.cpl = state.cpl & 3
    for (name, value) in zip(Self.segmentOrder, state.segments) { segment(name).pointee = Segment(value) }
    pointee.ldtr = Segment(state.ldtr)
    pointee.tr = Segment(state.tr)
    pointee.gdtr = DescriptorTable(base: state.gdtrBase, limit: state.gdtrLimit)
    pointee.idtr = DescriptorTable(base: state.idtrBase, limit: state.idtrLimit)
    pointee.halted = false
    flushTranslations(.all)
    privilegeOrModeChanged()
    for name in Self.segmentOrder { updateSegment(name) }
    // The registers of PAE paging: a state with malformed entries keeps the old ones.
    if isProtected && pointee.cr0 & CR0.PG != 0 && pointee.cr4 & CR4.PAE != 0 && !isLongMode {
      _ = loadPDPTEs(state.cr3)
    }
    pointee.attention = 1
  }
}
