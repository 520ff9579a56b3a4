// What SIMD instructions on vector registers are made of. A body is a static function of a `VectorForm` and so
// exists once for the legacy encoding and for VEX at both lengths: checks, operands and the treatment of the bits
// above the result are the form's, the computation is on 128-bit lanes.

/// How a SIMD instruction is encoded, and where its second source lies.
protocol VectorForm {
  /// With VEX the first source has a register of its own, memory need not be aligned, and the bits above the
  /// result become zero; without it the first source is the destination, 16 bytes of memory must be aligned,
  /// and the bits above are kept (SDM Vol. 1, "Programming with Intel AVX, FMA, and Intel AVX2").
  static var isVEX: Bool { get }
  /// Whether the vector length is 256 bits.
  static var isWide: Bool { get }
  associatedtype Source: VectorSource
}

/// The encoding without VEX.
enum Legacy<Source: VectorSource>: VectorForm {
  @inline(__always) static var isVEX: Bool { false }
  @inline(__always) static var isWide: Bool { false }
}

/// VEX with L = 0, or where L is ignored.
enum VEX128<Source: VectorSource>: VectorForm {
  @inline(__always) static var isVEX: Bool { true }
  @inline(__always) static var isWide: Bool { false }
}

/// VEX with L = 1.
enum VEX256<Source: VectorSource>: VectorForm {
  @inline(__always) static var isVEX: Bool { true }
  @inline(__always) static var isWide: Bool { true }
}

/// A register of 256 bits, or a value for one; of 128-bit forms the upper half is zero.
struct YMM {
  var low: SIMD16<UInt8>
  var high: SIMD16<UInt8>

  @inline(__always)
  init(_ low: SIMD16<UInt8>, _ high: SIMD16<UInt8> = SIMD16(repeating: 0)) {
    self.low = low
    self.high = high
  }
}

// MARK: Second source

/// Where the operand in ModRM.rm lies.
protocol VectorSource {
  static func isMemory(_ op: some OpReference) -> Bool
  /// Bytes of the memory operand, at any alignment.
  static func load<T>(_ cpu: CPU, _ op: some OpReference, _ type: T.Type) throws(Exit) -> T
  /// Bytes of the memory operand, which must be aligned to their number, else #GP(0).
  static func loadAligned<T>(_ cpu: CPU, _ op: some OpReference, _ type: T.Type) throws(Exit) -> T
  /// The same for an operand that is stored.
  static func store<T>(_ cpu: CPU, _ op: some OpReference, _ value: T) throws(Exit)
  static func storeAligned<T>(_ cpu: CPU, _ op: some OpReference, _ value: T) throws(Exit)
  /// Whether none of the above would miss. Hot stamps ask before they run a body: see `Fast.reaches`.
  static func reaches(_ cpu: CPU, _ op: some OpReference, _ size: Int, isAligned: Bool, _ access: UInt32)
    -> Bool
}

/// A register or memory, as the op tells: the slow forms.
enum AnySource: VectorSource {
  @inline(__always) static func isMemory(_ op: some OpReference) -> Bool { op.fields.isMemory }

  @inline(never)
  static func load<T>(_ cpu: CPU, _ op: some OpReference, _ type: T.Type) throws(Exit) -> T {
    if _fastPath(op.fields.isFlat) {
      do throws(Exit) { return try Fast.load(cpu, cpu.effectiveAddress(op), T.self) } catch {}
    }
    return try cpu.loadOperand(op.pointer)
  }

  @inline(never)
  static func loadAligned<T>(_ cpu: CPU, _ op: some OpReference, _ type: T.Type) throws(Exit) -> T {
    try Slow.load(cpu, cpu.alignedAddress(op.pointer, MemoryLayout<T>.size, Access.read))
  }

  @inline(never)
  static func store<T>(_ cpu: CPU, _ op: some OpReference, _ value: T) throws(Exit) {
    if _fastPath(op.fields.isFlat) {
      do throws(Exit) { return try Fast.store(cpu, cpu.effectiveAddress(op), value) } catch {}
    }
    try cpu.storeOperand(op.pointer, value)
  }

  @inline(never)
  static func storeAligned<T>(_ cpu: CPU, _ op: some OpReference, _ value: T) throws(Exit) {
    try Slow.store(cpu, cpu.alignedAddress(op.pointer, MemoryLayout<T>.size, Access.write), value)
  }

  static func reaches(
    _ cpu: CPU, _ op: some OpReference, _ size: Int, isAligned: Bool, _ access: UInt32
  ) -> Bool { false }
}

/// A register: the hot stamps of register forms.
enum RegisterSource: VectorSource {
  @inline(__always) static func isMemory(_ op: some OpReference) -> Bool { false }
  static func load<T>(_ cpu: CPU, _ op: some OpReference, _ type: T.Type) throws(Exit) -> T { throw Exit() }
  static func loadAligned<T>(_ cpu: CPU, _ op: some OpReference, _ type: T.Type) throws(Exit) -> T {
    throw Exit()
  }
  static func store<T>(_ cpu: CPU, _ op: some OpReference, _ value: T) throws(Exit) { throw Exit() }
  static func storeAligned<T>(_ cpu: CPU, _ op: some OpReference, _ value: T) throws(Exit) { throw Exit() }
  @inline(__always)
  static func reaches(
    _ cpu: CPU, _ op: some OpReference, _ size: Int, isAligned: Bool, _ access: UInt32
  ) -> Bool { true }
}

/// Memory that the TLB reaches: the hot stamps of memory forms.
enum MemorySource<Address: AddressForm>: VectorSource {
  @inline(__always) static func isMemory(_ op: some OpReference) -> Bool { true }

  @inline(__always)
  static func load<T>(_ cpu: CPU, _ op: some OpReference, _ type: T.Type) throws(Exit) -> T {
    try Fast.load(cpu, Address.unchecked(cpu, op), T.self)
  }

  @inline(__always)
  static func loadAligned<T>(_ cpu: CPU, _ op: some OpReference, _ type: T.Type) throws(Exit) -> T {
    let linear = Address.unchecked(cpu, op)
    guard _fastPath(linear & UInt64(MemoryLayout<T>.size - 1) == 0) else { throw Exit() }
    return try Fast.load(cpu, linear, T.self)
  }

  @inline(__always)
  static func store<T>(_ cpu: CPU, _ op: some OpReference, _ value: T) throws(Exit) {
    try Fast.store(cpu, Address.unchecked(cpu, op), value)
  }

  @inline(__always)
  static func storeAligned<T>(_ cpu: CPU, _ op: some OpReference, _ value: T) throws(Exit) {
    let linear = Address.unchecked(cpu, op)
    guard _fastPath(linear & UInt64(MemoryLayout<T>.size - 1) == 0) else { throw Exit() }
    try Fast.store(cpu, linear, value)
  }

  @inline(__always)
  static func reaches(
    _ cpu: CPU, _ op: some OpReference, _ size: Int, isAligned: Bool, _ access: UInt32
  ) -> Bool {
    let linear = Address.unchecked(cpu, op)
    return _fastPath(!isAligned || linear & UInt64(size - 1) == 0) && Fast.reaches(cpu, linear, size, access)
  }
}

// MARK: Operands

extension VectorForm {
  /// Faults of every instruction of this form that do not depend on operands.
  @inline(__always)
  static func require(_ cpu: CPU) throws(Exit) {
    if isVEX { try cpu.requireAVX() } else { try cpu.requireSSE() }
  }

  /// Whether a body can run in threaded code: its instruction is available, and its memory operand of the
  /// vector's width (without VEX an aligned one), of that width always aligned or never, or of `size` bytes, is
  /// in reach. The stamps ask; see `Fast.reaches`.
  @inline(__always)
  static func isReady(_ cpu: CPU, _ op: some OpReference, _ access: UInt32) -> Bool {
    isReady(cpu, op, access, isAligned: !isVEX)
  }
  @inline(__always)
  static func isReady(_ cpu: CPU, _ op: some OpReference, _ access: UInt32, isAligned: Bool) -> Bool {
    isReady(cpu, op, access, size: isWide ? 32 : 16, isAligned: isAligned)
  }
  @inline(__always)
  static func isReady(
    _ cpu: CPU, _ op: some OpReference, _ access: UInt32, size: Int, isAligned: Bool = false
  ) -> Bool {
    _fastPath(cpu.pointee.vectorFaults & (isVEX ? VectorFault.avx : VectorFault.sse) == 0)
      && Source.reaches(cpu, op, size, isAligned: isAligned, access)
  }

  /// The first source: VEX.vvvv, or the destination.
  @inline(__always)
  static func first(_ cpu: CPU, _ op: some OpReference) -> YMM { value(cpu, op.fields.source) }

  /// A register at the vector length.
  @inline(__always)
  static func value(_ cpu: CPU, _ register: UInt8) -> YMM {
    isWide ? cpu.ymm(register).pointee : YMM(cpu.xmm(register).pointee)
  }

  /// The second source: the register in ModRM.rm, or memory as wide as the vector.
  @inline(__always)
  static func second(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> YMM {
    guard Source.isMemory(op) else { return value(cpu, op.fields.base) }
    if isWide { return try Source.load(cpu, op, YMM.self) }
    return YMM(try second(cpu, op, width: SIMD16<UInt8>.self))
  }

  /// Memory of the second source, aligned unless VEX or MXCSR.MM (AMD APM Vol. 1, "Misaligned Exception Mask") says
  /// that it need not be.
  @inline(__always)
  private static func second<T>(_ cpu: CPU, _ op: some OpReference, width: T.Type) throws(Exit) -> T {
    if isVEX || cpu.pointee.mxcsr & MXCSR.MM != 0 { return try Source.load(cpu, op, T.self) }
    return try Source.loadAligned(cpu, op, T.self)
  }

  /// The second source where it has 128 bits at any vector length, without an alignment rule.
  @inline(__always)
  static func second16(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> SIMD16<UInt8> {
    Source.isMemory(op) ? try Source.load(cpu, op, SIMD16<UInt8>.self) : cpu.xmm(op.fields.base).pointee
  }

  /// The low quadword of the second source; no more is read from memory.
  @inline(__always)
  static func second8(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> UInt64 {
    Source.isMemory(op)
      ? try Source.load(cpu, op, UInt64.self) : cpu.xmm(op.fields.base).pointee.quadwords[0]
  }

  /// The same for the low doubleword.
  @inline(__always)
  static func second4(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> UInt32 {
    Source.isMemory(op)
      ? try Source.load(cpu, op, UInt32.self) : cpu.xmm(op.fields.base).pointee.doublewords[0]
  }

  /// The same for the low word.
  @inline(__always)
  static func second2(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> UInt16 {
    Source.isMemory(op)
      ? try Source.load(cpu, op, UInt16.self) : cpu.xmm(op.fields.base).pointee.words[0]
  }

  /// The general register in ModRM.rm, or memory.
  @inline(__always)
  static func general<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) throws(Exit) -> T {
    Source.isMemory(op) ? try Source.load(cpu, op, T.self) : cpu.register(op.fields.base)
  }

  /// Writes a result of the vector length to a register.
  @inline(__always)
  static func set(_ cpu: CPU, _ register: UInt8, _ value: YMM) {
    if isVEX {
      cpu.ymm(register).pointee = isWide ? value : YMM(value.low)
    } else {
      cpu.xmm(register).pointee = value.low
    }
  }

  /// Writes the destination in ModRM.reg.
  @inline(__always)
  static func commit(_ cpu: CPU, _ op: some OpReference, _ value: YMM) {
    set(cpu, op.fields.destination, value)
  }

  /// Writes 128 bits to the destination.
  @inline(__always)
  static func commit(_ cpu: CPU, _ op: some OpReference, _ value: SIMD16<UInt8>) {
    commit(cpu, op, YMM(value))
  }

  /// Writes the low lane; the other lanes of the low 128 bits are the first source's.
  @inline(__always)
  static func commitScalar<T: FixedWidthInteger>(_ cpu: CPU, _ op: some OpReference, _ value: T) {
    let slot = RawPointer(cpu.xmm(op.fields.destination))
    if isVEX { commit(cpu, op, cpu.xmm(op.fields.source).pointee) }
    slot.storeBytes(of: value, as: T.self)
  }

  /// The immediate byte.
  @inline(__always)
  static func immediate8(_ op: some OpReference) -> UInt8 { UInt8(truncatingIfNeeded: op.fields.immediate) }
}

// MARK: Bodies without floating-point exceptions

extension VectorForm {
  /// V ← compute(V, W), lane by lane of 128 bits.
  @inline(__always)
  static func packed(
    _ cpu: CPU, _ op: some OpReference, _ compute: (SIMD16<UInt8>, SIMD16<UInt8>) -> SIMD16<UInt8>
  ) throws(Exit) {
    try require(cpu)
    let b = try second(cpu, op)
    let a = first(cpu, op)
    commit(cpu, op, isWide ? YMM(compute(a.low, b.low), compute(a.high, b.high)) : YMM(compute(a.low, b.low)))
  }

  /// V ← compute(V, W, Ib).
  @inline(__always)
  static func shuffled(
    _ cpu: CPU, _ op: some OpReference, _ compute: (SIMD16<UInt8>, SIMD16<UInt8>, UInt8) -> SIMD16<UInt8>
  ) throws(Exit) {
    let select = immediate8(op)
    try packed(cpu, op) { compute($0, $1, select) }
  }

  /// V ← compute(V, W, low half of Ib), compute(V, W, high half of Ib): one bit a lane for both lanes of 128 bits.
  @inline(__always)
  static func blended(
    _ cpu: CPU, _ op: some OpReference, _ bits: UInt8,
    _ compute: (SIMD16<UInt8>, SIMD16<UInt8>, UInt8) -> SIMD16<UInt8>
  ) throws(Exit) {
    try require(cpu)
    let b = try second(cpu, op)
    let a = first(cpu, op)
    let select = immediate8(op)
    let low = compute(a.low, b.low, select)
    commit(cpu, op, isWide ? YMM(low, compute(a.high, b.high, select &>> bits)) : YMM(low))
  }

  /// V ← compute(V, count): the count is the low quadword of an operand of 128 bits.
  @inline(__always)
  static func shifted(
    _ cpu: CPU, _ op: some OpReference, _ compute: (SIMD16<UInt8>, UInt64) -> SIMD16<UInt8>
  ) throws(Exit) {
    try require(cpu)
    let count: UInt64
    if Source.isMemory(op) {
      count = try second(cpu, op, width: SIMD16<UInt8>.self).quadwords[0]
    } else {
      count = cpu.xmm(op.fields.base).pointee.quadwords[0]
    }
    let a = first(cpu, op)
    commit(cpu, op, isWide ? YMM(compute(a.low, count), compute(a.high, count)) : YMM(compute(a.low, count)))
  }

  /// The destination ← compute(U, Ib): U is also the destination without VEX, which has it in VEX.vvvv.
  @inline(__always)
  static func shiftedByImmediate(
    _ cpu: CPU, _ op: some OpReference, _ compute: (SIMD16<UInt8>, UInt64) -> SIMD16<UInt8>
  ) throws(Exit) {
    try require(cpu)
    let count = UInt64(immediate8(op))
    let a = value(cpu, op.fields.base)
    commit(cpu, op, isWide ? YMM(compute(a.low, count), compute(a.high, count)) : YMM(compute(a.low, count)))
  }
}

// MARK: Bodies with floating-point exceptions

extension VectorForm {
  /// V ← compute(V, W), lane by lane of 128 bits, in single precision.
  @inline(__always)
  static func wholeSingle(
    _ cpu: CPU, _ op: some OpReference,
    _ compute: (SIMD4<UInt32>, SIMD4<UInt32>, inout FloatingPointContext) -> SIMD4<UInt32>
  ) throws(Exit) {
    try floating(cpu, op) { a, b, context in
      SIMD16(doublewords: compute(a.doublewords, b.doublewords, &context))
    }
  }

  /// The same in double precision.
  @inline(__always)
  static func wholeDouble(
    _ cpu: CPU, _ op: some OpReference,
    _ compute: (SIMD2<UInt64>, SIMD2<UInt64>, inout FloatingPointContext) -> SIMD2<UInt64>
  ) throws(Exit) {
    try floating(cpu, op) { a, b, context in
      SIMD16(quadwords: compute(a.quadwords, b.quadwords, &context))
    }
  }

  @inline(__always)
  private static func floating(
    _ cpu: CPU, _ op: some OpReference,
    _ compute: (SIMD16<UInt8>, SIMD16<UInt8>, inout FloatingPointContext) -> SIMD16<UInt8>
  ) throws(Exit) {
    try require(cpu)
    let b = try second(cpu, op)
    let a = first(cpu, op)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    var result = YMM(compute(a.low, b.low, &context))
    if isWide { result.high = compute(a.high, b.high, &context) }
    try cpu.report(context)
    commit(cpu, op, result)
  }

  /// Lanes of single precision, each by itself.
  @inline(__always)
  static func packedSingle(
    _ cpu: CPU, _ op: some OpReference, _ compute: (UInt32, UInt32, inout FloatingPointContext) -> UInt32
  ) throws(Exit) {
    try wholeSingle(cpu, op) { a, b, context in
      var result = SIMD4<UInt32>()
      result[0] = compute(a[0], b[0], &context)
      result[1] = compute(a[1], b[1], &context)
      result[2] = compute(a[2], b[2], &context)
      result[3] = compute(a[3], b[3], &context)
      return result
    }
  }

  /// Lanes of double precision.
  @inline(__always)
  static func packedDouble(
    _ cpu: CPU, _ op: some OpReference, _ compute: (UInt64, UInt64, inout FloatingPointContext) -> UInt64
  ) throws(Exit) {
    try wholeDouble(cpu, op) { a, b, context in
      SIMD2(compute(a[0], b[0], &context), compute(a[1], b[1], &context))
    }
  }

  /// The lowest lane; the others are the first source's.
  @inline(__always)
  static func scalarSingle(
    _ cpu: CPU, _ op: some OpReference, _ compute: (UInt32, UInt32, inout FloatingPointContext) -> UInt32
  ) throws(Exit) {
    try require(cpu)
    let b = try second4(cpu, op)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    let result = compute(cpu.xmm(op.fields.source).pointee.doublewords[0], b, &context)
    try cpu.report(context)
    commitScalar(cpu, op, result)
  }

  @inline(__always)
  static func scalarDouble(
    _ cpu: CPU, _ op: some OpReference, _ compute: (UInt64, UInt64, inout FloatingPointContext) -> UInt64
  ) throws(Exit) {
    try require(cpu)
    let b = try second8(cpu, op)
    var context = FloatingPointContext(mxcsr: cpu.pointee.mxcsr)
    let result = compute(cpu.xmm(op.fields.source).pointee.quadwords[0], b, &context)
    try cpu.report(context)
    commitScalar(cpu, op, result)
  }
}
