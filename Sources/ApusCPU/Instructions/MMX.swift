/// Data transfer and state management of MMX (SDM Vol. 1, "MMX Data Transfer Instructions", "MMX State
/// Management Instructions"), and the MMX stores of SSE.
extension UnsafeMutablePointer where Pointee == CPUState {
  /// `MOVD P,Ed` and, with REX.W, `MOVQ P,Eq`.
  func MOVD_MMX<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try requireMMX()
    let value: T = try readE(op)
    setMMX(op.pointee.destination, value.zeroExtended)
  }

  /// `MOVD Ed,P` and, with REX.W, `MOVQ Eq,P`.
  func MOVD_MMX_EV<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try requireMMX()
    try writeE(op, T(truncatingIfNeeded: mmx(op.pointee.destination)))
    enterMMX()
  }

  func MOVQ_MMX(_ op: OpPointer) throws(Exit) {
    try requireMMX()
    setMMX(op.pointee.destination, try sourceMMX(op))
  }

  /// `MOVQ Q,P` and `MOVNTQ`, whose hint changes nothing that a guest can see.
  func MOVQ_MMX_WV(_ op: OpPointer) throws(Exit) {
    try requireMMX()
    let value = mmx(op.pointee.destination)
    if op.pointee.isMemory {
      try store8(op, value)
      enterMMX()
    } else {
      setMMX(op.pointee.base, value)
    }
  }

  /// Empties all x87 registers; the top of the stack becomes 0 as with every MMX instruction.
  func EMMS(_ op: OpPointer) throws(Exit) {
    try requireMMX()
    enterMMX()
    pointee.x87.tag = 0
  }

  func MOVQ2DQ(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    try requireMMX()
    enterMMX()
    xmm(op.pointee.destination).pointee = SIMD16(vector64: mmx(op.pointee.base))
  }

  func MOVDQ2Q(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    try requireMMX()
    setMMX(op.pointee.destination, xmm(op.pointee.base).pointee.quadwords[0])
  }

  func MASKMOVQ(_ op: OpPointer) throws(Exit) {
    try requireMMX()
    let mask = PackedInteger.PMOVMSKB(mmx(op.pointee.source))
    enterMMX()
    try storeBytes(op, SIMD16(vector64: mmx(op.pointee.destination)), mask, count: 8)
  }

  /// Stores those of `count` bytes whose mask bit is set, one by one, so that nothing else is touched. All quadwords
  /// of the operand are checked before the first store, whatever the mask: SDM Vol. 2, `MASKMOVDQU`, leaves that
  /// to the implementation, and AMD's processors do it for an empty mask, too.
  func storeBytes(
    _ op: OpPointer, _ bytes: SIMD16<UInt8>, _ mask: UInt32, count: Int
  ) throws(Exit) {
    guard mask != 0 || !pointee.isIntel else { return }
    let linear = try segmentedAddress(op, 8, Access.write)
    for offset in stride(from: 0 as UInt64, to: UInt64(count), by: 8) {
      let quadword = try segmentedAddress(op, at: offset, 8, Access.write)
      _ = try slowPointer(quadword, 8, Access.write)
      pointee.bounceSize = 0
    }
    for index in 0..<count where mask &>> UInt32(truncatingIfNeeded: index) & 1 != 0 {
      try Slow.store(self, byteAddress(linear, index), bytes[index])
    }
  }

  func byteAddress(_ linear: UInt64, _ index: Int) -> UInt64 {
    (linear &+ UInt64(truncatingIfNeeded: index)) & pointee.linearMask
  }
}

extension SIMD16<UInt8> {
  /// A 64-bit operand in the low half.
  @inline(__always) init(vector64: UInt64) { self.init(quadwords: SIMD2(vector64, 0)) }
}
