/// Operands of the SIMD instructions: availability, registers and memory. A body checks availability first,
/// loads what it needs, computes, and commits last, so that a fault leaves everything as it was.
extension UnsafeMutablePointer where Pointee == CPUState {
  // MARK: Availability

  /// Faults of every instruction on XMM registers (SDM Vol. 2, "Exception Conditions for Legacy SIMD
  /// Instructions"): #UD by CR0.EM and CR4.OSFXSR, #NM by CR0.TS.
  @inline(__always)
  func requireSSE() throws(Exit) {
    let blocked = pointee.cr0 & (CR0.EM | CR0.TS) | (pointee.cr4 & CR4.OSFXSR ^ CR4.OSFXSR)
    if _slowPath(blocked != 0) { throw sseUnavailable() }
  }

  @inline(never)
  private func sseUnavailable() -> Exit {
    fault(pointee.cr0 & CR0.EM != 0 || pointee.cr4 & CR4.OSFXSR == 0 ? .UD : .NM)
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
    guard pointee.cr0 & CR0.EM == 0 else { throw fault(.UD) }
    guard pointee.cr0 & CR0.TS == 0 else { throw fault(.NM) }
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

  /// Whether an op addresses one of the flat segments of 64-bit mode: then a TLB hit proves the access.
  @inline(__always)
  private func isFlat(_ op: OpPointer) -> Bool {
    op.pointee.segmentIndex >= Int(SegmentName.flat.rawValue)
  }

  @inline(__always)
  private func load<T>(_ op: OpPointer, _ type: T.Type) throws(Exit) -> T {
    if _fastPath(isFlat(op)) {
      do throws(Exit) { return try Fast.load(self, effectiveAddress(op), T.self) } catch {}
    }
    return try loadOperand(op)
  }

  @inline(__always)
  private func store<T>(_ op: OpPointer, _ value: T) throws(Exit) {
    if _fastPath(isFlat(op)) {
      do throws(Exit) { return try Fast.store(self, effectiveAddress(op), value) } catch {}
    }
    try storeOperand(op, value)
  }

  /// The linear address of 16 bytes that must be aligned, whatever the segment, else #GP(0).
  @inline(never)
  private func alignedAddress(_ op: OpPointer, _ access: UInt32) throws(Exit) -> UInt64 {
    let linear = try segmentedAddress(op, 16, access)
    guard linear & 15 == 0 else { throw fault(.GP, 0) }
    return linear
  }

  /// 16 bytes that must be aligned.
  @inline(never)
  func loadAligned16(_ op: OpPointer) throws(Exit) -> SIMD16<UInt8> {
    let linear = effectiveAddress(op)
    if _fastPath(isFlat(op) && linear & 15 == 0) {
      do throws(Exit) { return try Fast.load(self, linear, SIMD16<UInt8>.self) } catch {}
    }
    return try Slow.load(self, alignedAddress(op, Access.read))
  }

  @inline(never)
  func storeAligned16(_ op: OpPointer, _ value: SIMD16<UInt8>) throws(Exit) {
    let linear = effectiveAddress(op)
    if _fastPath(isFlat(op) && linear & 15 == 0) {
      do throws(Exit) { return try Fast.store(self, linear, value) } catch {}
    }
    try Slow.store(self, alignedAddress(op, Access.write), value)
  }

  @inline(never)
  func load16(_ op: OpPointer) throws(Exit) -> SIMD16<UInt8> { try load(op, SIMD16<UInt8>.self) }
  @inline(never)
  func load8(_ op: OpPointer) throws(Exit) -> UInt64 { try load(op, UInt64.self) }
  @inline(never)
  func load4(_ op: OpPointer) throws(Exit) -> UInt32 { try load(op, UInt32.self) }
  @inline(never)
  func store16(_ op: OpPointer, _ value: SIMD16<UInt8>) throws(Exit) { try store(op, value) }
  @inline(never)
  func store8(_ op: OpPointer, _ value: UInt64) throws(Exit) { try store(op, value) }
  @inline(never)
  func store4(_ op: OpPointer, _ value: UInt32) throws(Exit) { try store(op, value) }

  // MARK: Sources

  /// The W operand: an XMM register, or 16 aligned bytes.
  @inline(__always)
  func sourceXMM(_ op: OpPointer) throws(Exit) -> SIMD16<UInt8> {
    op.pointee.isMemory ? try loadAligned16(op) : xmm(op.pointee.source).pointee
  }

  /// The W operand of an instruction that uses its low quadword and reads no more than that from memory.
  @inline(__always)
  func sourceLow8(_ op: OpPointer) throws(Exit) -> UInt64 {
    op.pointee.isMemory ? try load8(op) : xmm(op.pointee.source).pointee.quadwords[0]
  }

  /// The same for the low doubleword.
  @inline(__always)
  func sourceLow4(_ op: OpPointer) throws(Exit) -> UInt32 {
    op.pointee.isMemory ? try load4(op) : xmm(op.pointee.source).pointee.doublewords[0]
  }

  /// The Q operand: an MMX register, or 8 bytes.
  @inline(__always)
  func sourceMMX(_ op: OpPointer) throws(Exit) -> UInt64 {
    op.pointee.isMemory ? try load8(op) : mmx(op.pointee.source)
  }

  /// The destination register in ModRM.reg.
  @inline(__always)
  func destinationXMM(_ op: OpPointer) -> SIMD16<UInt8> { xmm(op.pointee.destination).pointee }
  @inline(__always)
  func setDestinationXMM(_ op: OpPointer, _ value: SIMD16<UInt8>) {
    xmm(op.pointee.destination).pointee = value
  }
  /// Replaces the low lanes only.
  @inline(__always)
  func setDestinationLow8(_ op: OpPointer, _ value: UInt64) {
    RawPointer(xmm(op.pointee.destination)).storeBytes(of: value, as: UInt64.self)
  }
  @inline(__always)
  func setDestinationLow4(_ op: OpPointer, _ value: UInt32) {
    RawPointer(xmm(op.pointee.destination)).storeBytes(of: value, as: UInt32.self)
  }

  /// The immediate byte.
  @inline(__always)
  func immediate8(_ op: OpPointer) -> UInt8 { UInt8(truncatingIfNeeded: op.pointee.immediate) }
}

// MARK: Bodies of two-operand instructions

extension UnsafeMutablePointer where Pointee == CPUState {
  /// V ← compute(V, W) on XMM registers, without floating-point exceptions.
  @inline(__always)
  func packedXMM(
    _ op: OpPointer, _ compute: (SIMD16<UInt8>, SIMD16<UInt8>) -> SIMD16<UInt8>
  ) throws(Exit) {
    try requireSSE()
    let source = try sourceXMM(op)
    setDestinationXMM(op, compute(destinationXMM(op), source))
  }

  /// P ← compute(P, Q) on MMX registers.
  @inline(__always)
  func packedMMX(_ op: OpPointer, _ compute: (UInt64, UInt64) -> UInt64) throws(Exit) {
    try requireMMX()
    let source = try sourceMMX(op)
    setMMX(op.pointee.destination, compute(mmx(op.pointee.destination), source))
  }

  /// V ← compute(V, count) where the count is the low quadword of W.
  @inline(__always)
  func shiftXMM(
    _ op: OpPointer, _ compute: (SIMD16<UInt8>, UInt64) -> SIMD16<UInt8>
  ) throws(Exit) {
    try packedXMM(op) { compute($0, $1.quadwords[0]) }
  }

  /// U ← compute(U, Ib).
  @inline(__always)
  func shiftXMMByImmediate(
    _ op: OpPointer, _ compute: (SIMD16<UInt8>, UInt64) -> SIMD16<UInt8>
  ) throws(Exit) {
    try requireSSE()
    let register = xmm(op.pointee.base)
    register.pointee = compute(register.pointee, UInt64(immediate8(op)))
  }

  /// N ← compute(N, Ib).
  @inline(__always)
  func shiftMMXByImmediate(_ op: OpPointer, _ compute: (UInt64, UInt64) -> UInt64) throws(Exit) {
    try requireMMX()
    setMMX(op.pointee.base, compute(mmx(op.pointee.base), UInt64(immediate8(op))))
  }

  /// V ← compute(V, W, Ib).
  @inline(__always)
  func shuffleXMM(
    _ op: OpPointer, _ compute: (SIMD16<UInt8>, SIMD16<UInt8>, UInt8) -> SIMD16<UInt8>
  ) throws(Exit) {
    try packedXMM(op) { compute($0, $1, immediate8(op)) }
  }
}
