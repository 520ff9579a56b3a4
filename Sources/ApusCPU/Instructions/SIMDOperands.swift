/// What the SIMD instructions share beyond `VectorForm`: availability, MMX registers and memory. A body checks
/// availability first, loads what it needs, computes, and commits last, so that a fault leaves everything as it
/// was.
extension UnsafeMutablePointer where Pointee == CPUState {
  // MARK: Availability

  /// Faults of every instruction on XMM registers without VEX (SDM Vol. 2, "Exception Conditions of Legacy SIMD
  /// Instructions"): #UD by CR0.EM and CR4.OSFXSR, #NM by CR0.TS.
  @inline(__always)
  func requireSSE() throws(Exit) {
    if _slowPath(pointee.vectorFaults & VectorFault.sse != 0) { throw sseUnavailable() }
  }

  @inline(never)
  private func sseUnavailable() -> Exit {
    if pointee.cr0 & CR0.EM != 0 { return fault(.UD, .emulation) }
    if pointee.cr4 & CR4.OSFXSR == 0 { return fault(.UD, .osfxsrOff) }
    return fault(.NM, .taskSwitched)
  }

  /// Faults of every instruction on vector registers with VEX (SDM Vol. 2, "Exception Conditions of VEX-Encoded
  /// Instructions"): #UD unless CR4.OSXSAVE and XCR0 enable AVX state, #NM by CR0.TS.
  @inline(__always)
  func requireAVX() throws(Exit) {
    if _slowPath(pointee.vectorFaults & VectorFault.avx != 0) { throw avxUnavailable() }
  }

  @inline(never)
  private func avxUnavailable() -> Exit {
    if isAVXEnabled { return fault(.NM, .taskSwitched) }
    return fault(.UD, pointee.cr4 & CR4.OSXSAVE == 0 ? .osxsaveOff : .avxOff)
  }

  private var isAVXEnabled: Bool {
    pointee.cr4 & CR4.OSXSAVE != 0 && pointee.xcr0 & (XState.sse | XState.avx) == XState.sse | XState.avx
  }

  /// Recomputes `vectorFaults` after CR0, CR4 or XCR0 changed.
  func updateVectorFaults() {
    let blocked = pointee.cr0 & (CR0.EM | CR0.TS) | (pointee.cr4 & CR4.OSFXSR ^ CR4.OSFXSR)
    var faults: UInt8 = blocked != 0 ? VectorFault.sse : 0
    if !isAVXEnabled || pointee.cr0 & CR0.TS != 0 { faults |= VectorFault.avx }
    pointee.vectorFaults = faults
  }

  /// Faults of every instruction on MMX registers, `EMMS` included: #UD by CR0.EM, #NM by CR0.TS, #MF by an
  /// unmasked x87 exception that has not been delivered yet.
  @inline(__always)
  func requireMMX() throws(Exit) {
    let isPending = pointee.x87.status & X87Status.ES != 0
    if _slowPath(pointee.cr0 & (CR0.EM | CR0.TS) != 0 || isPending) { try mmxUnavailable() }
  }

  @inline(never)
  private func mmxUnavailable() throws(Exit) {
    guard pointee.cr0 & CR0.EM == 0 else { throw fault(.UD, .emulation) }
    guard pointee.cr0 & CR0.TS == 0 else { throw fault(.NM, .taskSwitched) }
    try checkPendingX87()
  }

  // MARK: MMX registers

  /// MMX register `index` modulo 8: the significand of a physical x87 register.
  @inline(__always)
  func mmx(_ index: UInt8) -> UInt64 { significand(index).pointee }

  /// Writes an MMX register. The exponent of its x87 register becomes all ones (SDM Vol. 3, "MMX State").
  @inline(__always)
  func setMMX(_ index: UInt8, _ value: UInt64) {
    significand(index).pointee = value
    exponent(index).pointee = 0xFFFF
    enterMMX()
  }

  /// What every MMX instruction does to the x87 state, `EMMS` then emptying the tags: all tags valid, the top
  /// of the stack 0 (SDM Vol. 3, "Effect of MMX, x87 FPU, FXSAVE, and FXRSTOR Instructions on the x87 FPU Tag
  /// Word").
  @inline(__always)
  func enterMMX() {
    pointee.x87.tag = 0xFF
    pointee.x87.status &= ~X87Status.top
  }

  // MARK: Memory

  /// The linear address of bytes that must be aligned to their number, whatever the segment, else #GP(0).
  @inline(never)
  func alignedAddress(_ op: OpPointer, _ size: Int, _ access: UInt32) throws(Exit) -> UInt64 {
    // Alignment comes first, as it shows where an address is not canonical on the stack.
    let base = segment(at: op.pointee.segmentIndex).pointee.base
    guard (effectiveAddress(op) &+ base) & UInt64(size - 1) == 0 else { throw fault(.GP, .notAligned) }
    return try segmentedAddress(op, size, access)
  }

  @inline(never)
  func load8(_ op: OpPointer) throws(Exit) -> UInt64 { try AnySource.load(self, op, UInt64.self) }
  @inline(never)
  func load4(_ op: OpPointer) throws(Exit) -> UInt32 { try AnySource.load(self, op, UInt32.self) }
  @inline(never)
  func store8(_ op: OpPointer, _ value: UInt64) throws(Exit) { try AnySource.store(self, op, value) }

  /// The Q operand: an MMX register, or 8 bytes.
  @inline(__always)
  func sourceMMX(_ op: OpPointer) throws(Exit) -> UInt64 {
    op.pointee.isMemory ? try load8(op) : mmx(op.pointee.base)
  }

  /// The immediate byte.
  @inline(__always)
  func immediate8(_ op: OpPointer) -> UInt8 { UInt8(truncatingIfNeeded: op.pointee.immediate) }

  // MARK: Bodies

  /// P ← compute(P, Q) on MMX registers.
  @inline(__always)
  func packedMMX(_ op: OpPointer, _ compute: (UInt64, UInt64) -> UInt64) throws(Exit) {
    try requireMMX()
    let source = try sourceMMX(op)
    setMMX(op.pointee.destination, compute(mmx(op.pointee.destination), source))
  }

  /// N ← compute(N, Ib).
  @inline(__always)
  func shiftMMXByImmediate(_ op: OpPointer, _ compute: (UInt64, UInt64) -> UInt64) throws(Exit) {
    try requireMMX()
    setMMX(op.pointee.base, compute(mmx(op.pointee.base), UInt64(immediate8(op))))
  }
}

/// Bits of `CPUState.vectorFaults`: why instructions on vector registers fault.
enum VectorFault {
  /// Those without VEX.
  static let sse: UInt8 = 1
  /// Those with VEX.
  static let avx: UInt8 = 2
}
