// Floating-point arithmetic and comparison of SSE, SSE2 and AVX (SDM Vol. 1, "SSE Packed Arithmetic Instructions",
// "SSE Comparison Instructions", and their SSE2 counterparts).

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Records the exceptions of an instruction in MXCSR; an unmasked one becomes #XM, or #UD while
  /// CR4.OSXMMEXCPT is 0 (SDM Vol. 3, "Interrupt 19 — SIMD Floating-Point Exception"). Call it before
  /// anything is committed.
  @inline(__always)
  func report(_ context: FloatingPointContext) throws(Exit) {
    pointee.mxcsr = context.updatedMXCSR
    if _slowPath(context.isFaulting) { throw simdException() }
  }

  @inline(never)
  private func simdException() -> Exit {
    if pointee.cr4 & CR4.OSXMMEXCPT != 0 { return fault(.XM, .simdException) }
    return fault(.UD, .simdExceptionOff)
  }
}

// MARK: Arithmetic

extension VectorForm {
  static func ADDPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedSingle(cpu, op) { Binary32.add($0, $1, &$2) }
  }
  static func ADDPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedDouble(cpu, op) { Binary64.add($0, $1, &$2) }
  }
  static func ADDSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarSingle(cpu, op) { Binary32.add($0, $1, &$2) }
  }
  static func ADDSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarDouble(cpu, op) { Binary64.add($0, $1, &$2) }
  }

  static func SUBPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedSingle(cpu, op) { Binary32.subtract($0, $1, &$2) }
  }
  static func SUBPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedDouble(cpu, op) { Binary64.subtract($0, $1, &$2) }
  }
  static func SUBSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarSingle(cpu, op) { Binary32.subtract($0, $1, &$2) }
  }
  static func SUBSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarDouble(cpu, op) { Binary64.subtract($0, $1, &$2) }
  }

  static func MULPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedSingle(cpu, op) { Binary32.multiply($0, $1, &$2) }
  }
  static func MULPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedDouble(cpu, op) { Binary64.multiply($0, $1, &$2) }
  }
  static func MULSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarSingle(cpu, op) { Binary32.multiply($0, $1, &$2) }
  }
  static func MULSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarDouble(cpu, op) { Binary64.multiply($0, $1, &$2) }
  }

  static func DIVPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedSingle(cpu, op) { Binary32.divide($0, $1, &$2) }
  }
  static func DIVPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedDouble(cpu, op) { Binary64.divide($0, $1, &$2) }
  }
  static func DIVSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarSingle(cpu, op) { Binary32.divide($0, $1, &$2) }
  }
  static func DIVSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarDouble(cpu, op) { Binary64.divide($0, $1, &$2) }
  }

  static func MINPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedSingle(cpu, op) { Binary32.minimum($0, $1, &$2) }
  }
  static func MINPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedDouble(cpu, op) { Binary64.minimum($0, $1, &$2) }
  }
  static func MINSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarSingle(cpu, op) { Binary32.minimum($0, $1, &$2) }
  }
  static func MINSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarDouble(cpu, op) { Binary64.minimum($0, $1, &$2) }
  }

  static func MAXPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedSingle(cpu, op) { Binary32.maximum($0, $1, &$2) }
  }
  static func MAXPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedDouble(cpu, op) { Binary64.maximum($0, $1, &$2) }
  }
  static func MAXSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarSingle(cpu, op) { Binary32.maximum($0, $1, &$2) }
  }
  static func MAXSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarDouble(cpu, op) { Binary64.maximum($0, $1, &$2) }
  }

  static func SQRTPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedSingle(cpu, op) { Binary32.squareRoot($1, &$2) }
  }
  static func SQRTPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try packedDouble(cpu, op) { Binary64.squareRoot($1, &$2) }
  }
  static func SQRTSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarSingle(cpu, op) { Binary32.squareRoot($1, &$2) }
  }
  static func SQRTSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try scalarDouble(cpu, op) { Binary64.squareRoot($1, &$2) }
  }
}

// MARK: Comparison

extension VectorForm {
  /// Three bits of predicate without VEX, five with it; the others are reserved.
  @inline(__always)
  private static func predicate(_ op: OpPointer) -> UInt8 { immediate8(op) & (isVEX ? 31 : 7) }

  static func CMPPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    let predicate = predicate(op)
    try packedSingle(cpu, op) { Binary32.compare($0, $1, predicate: predicate, &$2) }
  }
  static func CMPPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    let predicate = predicate(op)
    try packedDouble(cpu, op) { Binary64.compare($0, $1, predicate: predicate, &$2) }
  }
  static func CMPSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    let predicate = predicate(op)
    try scalarSingle(cpu, op) { Binary32.compare($0, $1, predicate: predicate, &$2) }
  }
  static func CMPSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    let predicate = predicate(op)
    try scalarDouble(cpu, op) { Binary64.compare($0, $1, predicate: predicate, &$2) }
  }

  static func COMISS(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try compareSingle(cpu, op, signaling: true) }
  static func UCOMISS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try compareSingle(cpu, op, signaling: false)
  }
  static func COMISD(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try compareDouble(cpu, op, signaling: true) }
  static func UCOMISD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try compareDouble(cpu, op, signaling: false)
  }

  @inline(__always)
  private static func compareSingle(_ cpu: CPU, _ op: OpPointer, signaling: Bool) throws(Exit) {
    try require(cpu)
    let b = try second4(cpu, op)
    let a = cpu.xmm(op.pointee.destination).pointee.doublewords[0]
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    let relation = Binary32.compare(a, b, signaling: signaling, &context)
    try cpu.report(context)
    cpu.flags = LazyFlags(image: UInt64(relation.flags))
  }

  @inline(__always)
  private static func compareDouble(_ cpu: CPU, _ op: OpPointer, signaling: Bool) throws(Exit) {
    try require(cpu)
    let b = try second8(cpu, op)
    let a = cpu.xmm(op.pointee.destination).pointee.quadwords[0]
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    let relation = Binary64.compare(a, b, signaling: signaling, &context)
    try cpu.report(context)
    cpu.flags = LazyFlags(image: UInt64(relation.flags))
  }
}

// MARK: Approximations

extension VectorForm {
  static func RCPPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try approximated(cpu, op) { Binary32.reciprocalEstimate($0) }
  }
  static func RSQRTPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try approximated(cpu, op) { Binary32.reciprocalRootEstimate($0) }
  }

  static func RCPSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try require(cpu)
    commitScalar(cpu, op, Binary32.reciprocalEstimate(try second4(cpu, op)))
  }

  static func RSQRTSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try require(cpu)
    commitScalar(cpu, op, Binary32.reciprocalRootEstimate(try second4(cpu, op)))
  }

  @inline(__always)
  private static func approximated(
    _ cpu: CPU, _ op: OpPointer, _ estimate: (UInt32) -> UInt32
  ) throws(Exit) {
    try packed(cpu, op) {
      let lanes = $1.doublewords
      return SIMD16(
        doublewords: SIMD4(estimate(lanes[0]), estimate(lanes[1]), estimate(lanes[2]), estimate(lanes[3])))
    }
  }
}
