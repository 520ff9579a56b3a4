/// Floating-point arithmetic and comparison of SSE and SSE2 (SDM Vol. 1, "SSE Packed Arithmetic
/// Instructions", "SSE Comparison Instructions", and their SSE2 counterparts).

// MARK: Operand shapes

extension UnsafeMutablePointer where Pointee == CPUState {
  /// V ← compute(V, W) on all lanes together, in single precision.
  @inline(__always)
  func wholeSingle(
    _ op: OpPointer,
    _ compute: (SIMD4<UInt32>, SIMD4<UInt32>, inout FloatingPointContext) -> SIMD4<UInt32>
  ) throws(Exit) {
    try requireSSE()
    let b = try sourceXMM(op).doublewords
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let result = compute(destinationXMM(op).doublewords, b, &context)
    try report(context)
    setDestinationXMM(op, SIMD16(doublewords: result))
  }

  /// The same in double precision.
  @inline(__always)
  func wholeDouble(
    _ op: OpPointer,
    _ compute: (SIMD2<UInt64>, SIMD2<UInt64>, inout FloatingPointContext) -> SIMD2<UInt64>
  ) throws(Exit) {
    try requireSSE()
    let b = try sourceXMM(op).quadwords
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let result = compute(destinationXMM(op).quadwords, b, &context)
    try report(context)
    setDestinationXMM(op, SIMD16(quadwords: result))
  }

  /// Four lanes of single precision, each by itself.
  @inline(__always)
  func packedSingle(
    _ op: OpPointer, _ compute: (UInt32, UInt32, inout FloatingPointContext) -> UInt32
  ) throws(Exit) {
    try wholeSingle(op) { a, b, context in
      var result = SIMD4<UInt32>()
      result[0] = compute(a[0], b[0], &context)
      result[1] = compute(a[1], b[1], &context)
      result[2] = compute(a[2], b[2], &context)
      result[3] = compute(a[3], b[3], &context)
      return result
    }
  }

  /// Two lanes of double precision.
  @inline(__always)
  func packedDouble(
    _ op: OpPointer, _ compute: (UInt64, UInt64, inout FloatingPointContext) -> UInt64
  ) throws(Exit) {
    try wholeDouble(op) { a, b, context in
      SIMD2(compute(a[0], b[0], &context), compute(a[1], b[1], &context))
    }
  }

  /// The lowest lane; the others are kept.
  @inline(__always)
  func scalarSingle(
    _ op: OpPointer, _ compute: (UInt32, UInt32, inout FloatingPointContext) -> UInt32
  ) throws(Exit) {
    try requireSSE()
    let b = try sourceLow4(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let result = compute(destinationXMM(op).doublewords[0], b, &context)
    try report(context)
    setDestinationLow4(op, result)
  }

  @inline(__always)
  func scalarDouble(
    _ op: OpPointer, _ compute: (UInt64, UInt64, inout FloatingPointContext) -> UInt64
  ) throws(Exit) {
    try requireSSE()
    let b = try sourceLow8(op)
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let result = compute(destinationXMM(op).quadwords[0], b, &context)
    try report(context)
    setDestinationLow8(op, result)
  }

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
    fault(pointee.cr4 & CR4.OSXMMEXCPT != 0 ? .XM : .UD)
  }
}

// MARK: Arithmetic

extension UnsafeMutablePointer where Pointee == CPUState {
  func ADDPS(_ op: OpPointer) throws(Exit) { try packedSingle(op) { Binary32.add($0, $1, &$2) } }
  func ADDPD(_ op: OpPointer) throws(Exit) { try packedDouble(op) { Binary64.add($0, $1, &$2) } }
  func ADDSS(_ op: OpPointer) throws(Exit) { try scalarSingle(op) { Binary32.add($0, $1, &$2) } }
  func ADDSD(_ op: OpPointer) throws(Exit) { try scalarDouble(op) { Binary64.add($0, $1, &$2) } }

  func SUBPS(_ op: OpPointer) throws(Exit) { try packedSingle(op) { Binary32.subtract($0, $1, &$2) } }
  func SUBPD(_ op: OpPointer) throws(Exit) { try packedDouble(op) { Binary64.subtract($0, $1, &$2) } }
  func SUBSS(_ op: OpPointer) throws(Exit) { try scalarSingle(op) { Binary32.subtract($0, $1, &$2) } }
  func SUBSD(_ op: OpPointer) throws(Exit) { try scalarDouble(op) { Binary64.subtract($0, $1, &$2) } }

  func MULPS(_ op: OpPointer) throws(Exit) { try packedSingle(op) { Binary32.multiply($0, $1, &$2) } }
  func MULPD(_ op: OpPointer) throws(Exit) { try packedDouble(op) { Binary64.multiply($0, $1, &$2) } }
  func MULSS(_ op: OpPointer) throws(Exit) { try scalarSingle(op) { Binary32.multiply($0, $1, &$2) } }
  func MULSD(_ op: OpPointer) throws(Exit) { try scalarDouble(op) { Binary64.multiply($0, $1, &$2) } }

  func DIVPS(_ op: OpPointer) throws(Exit) { try packedSingle(op) { Binary32.divide($0, $1, &$2) } }
  func DIVPD(_ op: OpPointer) throws(Exit) { try packedDouble(op) { Binary64.divide($0, $1, &$2) } }
  func DIVSS(_ op: OpPointer) throws(Exit) { try scalarSingle(op) { Binary32.divide($0, $1, &$2) } }
  func DIVSD(_ op: OpPointer) throws(Exit) { try scalarDouble(op) { Binary64.divide($0, $1, &$2) } }

  func MINPS(_ op: OpPointer) throws(Exit) { try packedSingle(op) { Binary32.minimum($0, $1, &$2) } }
  func MINPD(_ op: OpPointer) throws(Exit) { try packedDouble(op) { Binary64.minimum($0, $1, &$2) } }
  func MINSS(_ op: OpPointer) throws(Exit) { try scalarSingle(op) { Binary32.minimum($0, $1, &$2) } }
  func MINSD(_ op: OpPointer) throws(Exit) { try scalarDouble(op) { Binary64.minimum($0, $1, &$2) } }

  func MAXPS(_ op: OpPointer) throws(Exit) { try packedSingle(op) { Binary32.maximum($0, $1, &$2) } }
  func MAXPD(_ op: OpPointer) throws(Exit) { try packedDouble(op) { Binary64.maximum($0, $1, &$2) } }
  func MAXSS(_ op: OpPointer) throws(Exit) { try scalarSingle(op) { Binary32.maximum($0, $1, &$2) } }
  func MAXSD(_ op: OpPointer) throws(Exit) { try scalarDouble(op) { Binary64.maximum($0, $1, &$2) } }

  func SQRTPS(_ op: OpPointer) throws(Exit) { try packedSingle(op) { Binary32.squareRoot($1, &$2) } }
  func SQRTPD(_ op: OpPointer) throws(Exit) { try packedDouble(op) { Binary64.squareRoot($1, &$2) } }
  func SQRTSS(_ op: OpPointer) throws(Exit) { try scalarSingle(op) { Binary32.squareRoot($1, &$2) } }
  func SQRTSD(_ op: OpPointer) throws(Exit) { try scalarDouble(op) { Binary64.squareRoot($1, &$2) } }
}

// MARK: Comparison

extension UnsafeMutablePointer where Pointee == CPUState {
  /// The predicate of the forms without VEX: the low three bits, the others are reserved.
  @inline(__always)
  private func predicate(_ op: OpPointer) -> UInt8 { immediate8(op) & 7 }

  func CMPPS(_ op: OpPointer) throws(Exit) {
    let predicate = predicate(op)
    try packedSingle(op) { Binary32.compare($0, $1, predicate: predicate, &$2) }
  }
  func CMPPD(_ op: OpPointer) throws(Exit) {
    let predicate = predicate(op)
    try packedDouble(op) { Binary64.compare($0, $1, predicate: predicate, &$2) }
  }
  func CMPSS(_ op: OpPointer) throws(Exit) {
    let predicate = predicate(op)
    try scalarSingle(op) { Binary32.compare($0, $1, predicate: predicate, &$2) }
  }
  func CMPSD(_ op: OpPointer) throws(Exit) {
    let predicate = predicate(op)
    try scalarDouble(op) { Binary64.compare($0, $1, predicate: predicate, &$2) }
  }

  func COMISS(_ op: OpPointer) throws(Exit) { try compareSingle(op, signaling: true) }
  func UCOMISS(_ op: OpPointer) throws(Exit) { try compareSingle(op, signaling: false) }
  func COMISD(_ op: OpPointer) throws(Exit) { try compareDouble(op, signaling: true) }
  func UCOMISD(_ op: OpPointer) throws(Exit) { try compareDouble(op, signaling: false) }

  @inline(__always)
  private func compareSingle(_ op: OpPointer, signaling: Bool) throws(Exit) {
    try requireSSE()
    let b = try sourceLow4(op)
    let a = destinationXMM(op).doublewords[0]
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let relation = Binary32.compare(a, b, signaling: signaling, &context)
    try report(context)
    flags = LazyFlags(image: UInt64(relation.flags))
  }

  @inline(__always)
  private func compareDouble(_ op: OpPointer, signaling: Bool) throws(Exit) {
    try requireSSE()
    let b = try sourceLow8(op)
    let a = destinationXMM(op).quadwords[0]
    var context = FloatingPointContext(mxcsr: pointee.mxcsr)
    let relation = Binary64.compare(a, b, signaling: signaling, &context)
    try report(context)
    flags = LazyFlags(image: UInt64(relation.flags))
  }
}

// MARK: Approximations

extension UnsafeMutablePointer where Pointee == CPUState {
  func RCPPS(_ op: OpPointer) throws(Exit) { try approximate(op) { Binary32.reciprocalEstimate($0) } }
  func RSQRTPS(_ op: OpPointer) throws(Exit) { try approximate(op) { Binary32.reciprocalRootEstimate($0) } }

  func RCPSS(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    setDestinationLow4(op, Binary32.reciprocalEstimate(try sourceLow4(op)))
  }

  func RSQRTSS(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    setDestinationLow4(op, Binary32.reciprocalRootEstimate(try sourceLow4(op)))
  }

  @inline(__always)
  private func approximate(_ op: OpPointer, _ estimate: (UInt32) -> UInt32) throws(Exit) {
    try packedXMM(op) {
      let lanes = $1.doublewords
      return SIMD16(
        doublewords: SIMD4(estimate(lanes[0]), estimate(lanes[1]), estimate(lanes[2]), estimate(lanes[3])))
    }
  }
}
