// Fused multiply-add (SDM Vol. 1, "Fused-Multiply-ADD (FMA) Extensions"; Vol. 2, `VFMADD132PD/VFMADD213PD/
// VFMADD231PD` and their kin). The digits of a mnemonic say which operands are multiplied, and the op's immediate
// holds the opcode, whose high nibble says the same: 9 for 132, A for 213, B for 231.

extension VectorForm {
  /// The operands in the order first factor, second factor, addend.
  @inline(__always)
  private static func ordered<T>(_ op: OpPointer, _ one: T, _ two: T, _ three: T) -> (T, T, T) {
    switch immediate8(op) >> 4 {
    case 9: (one, three, two)
    case 0xA: (two, one, three)
    default: (two, three, one)
    }
  }

  /// Lanes of single precision: ±(x × y) ± z, the signs of the lanes with even numbers and of the others apart.
  @inline(__always)
  private static func fusedSingle(
    _ cpu: CPU, _ op: OpPointer, negatingProduct: Bool, even: Bool, odd: Bool
  ) throws(Exit) {
    try require(cpu)
    let three = try second(cpu, op)
    let (x, y, z) = ordered(op, value(cpu, op.pointee.destination), first(cpu, op), three)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    var result = SIMD8<UInt32>()
    for lane in 0..<(isWide ? 8 : 4) {
      result[lane] = Binary32.multiplyAdd(
        x.doublewords[lane], y.doublewords[lane], z.doublewords[lane], negatingProduct: negatingProduct,
        negatingAddend: lane & 1 == 0 ? even : odd, &context)
    }
    try cpu.report(context)
    commit(cpu, op, YMM(doublewords: result))
  }

  /// The same in double precision.
  @inline(__always)
  private static func fusedDouble(
    _ cpu: CPU, _ op: OpPointer, negatingProduct: Bool, even: Bool, odd: Bool
  ) throws(Exit) {
    try require(cpu)
    let three = try second(cpu, op)
    let (x, y, z) = ordered(op, value(cpu, op.pointee.destination), first(cpu, op), three)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    var result = SIMD4<UInt64>()
    for lane in 0..<(isWide ? 4 : 2) {
      result[lane] = Binary64.multiplyAdd(
        x.quadwords[lane], y.quadwords[lane], z.quadwords[lane], negatingProduct: negatingProduct,
        negatingAddend: lane & 1 == 0 ? even : odd, &context)
    }
    try cpu.report(context)
    commit(cpu, op, YMM(quadwords: result))
  }

  /// The lowest lane; the others are the destination's.
  @inline(__always)
  private static func fusedScalarSingle(
    _ cpu: CPU, _ op: OpPointer, negatingProduct: Bool, negatingAddend: Bool
  ) throws(Exit) {
    try require(cpu)
    let three = try second4(cpu, op)
    let one = cpu.xmm(op.pointee.destination).pointee.doublewords
    let (x, y, z) = ordered(op, one[0], first(cpu, op).low.doublewords[0], three)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    var result = one
    result[0] = Binary32.multiplyAdd(
      x, y, z, negatingProduct: negatingProduct, negatingAddend: negatingAddend, &context)
    try cpu.report(context)
    commit(cpu, op, SIMD16(doublewords: result))
  }

  @inline(__always)
  private static func fusedScalarDouble(
    _ cpu: CPU, _ op: OpPointer, negatingProduct: Bool, negatingAddend: Bool
  ) throws(Exit) {
    try require(cpu)
    let three = try second8(cpu, op)
    let one = cpu.xmm(op.pointee.destination).pointee.quadwords
    let (x, y, z) = ordered(op, one[0], first(cpu, op).low.quadwords[0], three)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    let result = Binary64.multiplyAdd(
      x, y, z, negatingProduct: negatingProduct, negatingAddend: negatingAddend, &context)
    try cpu.report(context)
    commit(cpu, op, SIMD16(quadwords: SIMD2(result, one[1])))
  }
}

extension VectorForm {
  static func VFMADDPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedSingle(cpu, op, negatingProduct: false, even: false, odd: false)
  }
  static func VFMADDPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedDouble(cpu, op, negatingProduct: false, even: false, odd: false)
  }
  static func VFMADDSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedScalarSingle(cpu, op, negatingProduct: false, negatingAddend: false)
  }
  static func VFMADDSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedScalarDouble(cpu, op, negatingProduct: false, negatingAddend: false)
  }
  static func VFMSUBPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedSingle(cpu, op, negatingProduct: false, even: true, odd: true)
  }
  static func VFMSUBPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedDouble(cpu, op, negatingProduct: false, even: true, odd: true)
  }
  static func VFMSUBSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedScalarSingle(cpu, op, negatingProduct: false, negatingAddend: true)
  }
  static func VFMSUBSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedScalarDouble(cpu, op, negatingProduct: false, negatingAddend: true)
  }
  static func VFNMADDPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedSingle(cpu, op, negatingProduct: true, even: false, odd: false)
  }
  static func VFNMADDPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedDouble(cpu, op, negatingProduct: true, even: false, odd: false)
  }
  static func VFNMADDSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedScalarSingle(cpu, op, negatingProduct: true, negatingAddend: false)
  }
  static func VFNMADDSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedScalarDouble(cpu, op, negatingProduct: true, negatingAddend: false)
  }
  static func VFNMSUBPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedSingle(cpu, op, negatingProduct: true, even: true, odd: true)
  }
  static func VFNMSUBPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedDouble(cpu, op, negatingProduct: true, even: true, odd: true)
  }
  static func VFNMSUBSS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedScalarSingle(cpu, op, negatingProduct: true, negatingAddend: true)
  }
  static func VFNMSUBSD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedScalarDouble(cpu, op, negatingProduct: true, negatingAddend: true)
  }
  static func VFMADDSUBPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedSingle(cpu, op, negatingProduct: false, even: true, odd: false)
  }
  static func VFMADDSUBPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedDouble(cpu, op, negatingProduct: false, even: true, odd: false)
  }
  static func VFMSUBADDPS(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedSingle(cpu, op, negatingProduct: false, even: false, odd: true)
  }
  static func VFMSUBADDPD(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try fusedDouble(cpu, op, negatingProduct: false, even: false, odd: true)
  }
}
