// Floating-point instructions through the host's own arithmetic, where its result and flags are provably the
// guest's: operands that are normal numbers or zero, results that are normal numbers with room below them or exact
// zeros, rounding to nearest, and an inexact result that leaves no trace because PE is masked and set already. The
// hot stamps use these; false means that the slow form must do it, and that nothing has happened.

/// An operation on two operands that the host has too.
protocol HostOperation {
  /// Whether the result may be inexact.
  static var rounds: Bool { get }
  static func apply<T: FloatingPoint>(_ a: T, _ b: T) -> T
  static func apply(_ a: SIMD4<Float>, _ b: SIMD4<Float>) -> SIMD4<Float>
  static func apply(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> SIMD2<Double>
  /// Whether a zero is exact, given the operands that make it; they are not denormal.
  static func isExactZero<T: FloatingPoint>(_ a: T, _ b: T) -> Bool
}

extension HostOperation {
  @inline(__always) static var rounds: Bool { true }
}

enum HostAdd: HostOperation {
  @inline(__always) static func apply<T: FloatingPoint>(_ a: T, _ b: T) -> T { a + b }
  @inline(__always)
  static func apply(_ a: SIMD4<Float>, _ b: SIMD4<Float>) -> SIMD4<Float> { a + b }
  @inline(__always)
  static func apply(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> SIMD2<Double> { a + b }
  @inline(__always) static func isExactZero<T: FloatingPoint>(_ a: T, _ b: T) -> Bool { true }
}

enum HostSubtract: HostOperation {
  @inline(__always) static func apply<T: FloatingPoint>(_ a: T, _ b: T) -> T { a - b }
  @inline(__always)
  static func apply(_ a: SIMD4<Float>, _ b: SIMD4<Float>) -> SIMD4<Float> { a - b }
  @inline(__always)
  static func apply(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> SIMD2<Double> { a - b }
  @inline(__always) static func isExactZero<T: FloatingPoint>(_ a: T, _ b: T) -> Bool { true }
}

enum HostMultiply: HostOperation {
  @inline(__always) static func apply<T: FloatingPoint>(_ a: T, _ b: T) -> T { a * b }
  @inline(__always)
  static func apply(_ a: SIMD4<Float>, _ b: SIMD4<Float>) -> SIMD4<Float> { a * b }
  @inline(__always)
  static func apply(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> SIMD2<Double> { a * b }
  @inline(__always) static func isExactZero<T: FloatingPoint>(_ a: T, _ b: T) -> Bool { a == 0 || b == 0 }
}

enum HostDivide: HostOperation {
  @inline(__always) static func apply<T: FloatingPoint>(_ a: T, _ b: T) -> T { a / b }
  @inline(__always)
  static func apply(_ a: SIMD4<Float>, _ b: SIMD4<Float>) -> SIMD4<Float> { a / b }
  @inline(__always)
  static func apply(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> SIMD2<Double> { a / b }
  @inline(__always) static func isExactZero<T: FloatingPoint>(_ a: T, _ b: T) -> Bool { a == 0 }
}

/// The second operand unless the first is smaller, as for zeros of either sign.
enum HostMinimum: HostOperation {
  @inline(__always) static var rounds: Bool { false }
  @inline(__always) static func apply<T: FloatingPoint>(_ a: T, _ b: T) -> T { a < b ? a : b }
  @inline(__always)
  static func apply(_ a: SIMD4<Float>, _ b: SIMD4<Float>) -> SIMD4<Float> {
    b.replacing(with: a, where: a .< b)
  }
  @inline(__always)
  static func apply(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> SIMD2<Double> {
    b.replacing(with: a, where: a .< b)
  }
  @inline(__always) static func isExactZero<T: FloatingPoint>(_ a: T, _ b: T) -> Bool { true }
}

enum HostMaximum: HostOperation {
  @inline(__always) static var rounds: Bool { false }
  @inline(__always) static func apply<T: FloatingPoint>(_ a: T, _ b: T) -> T { a > b ? a : b }
  @inline(__always)
  static func apply(_ a: SIMD4<Float>, _ b: SIMD4<Float>) -> SIMD4<Float> {
    b.replacing(with: a, where: a .> b)
  }
  @inline(__always)
  static func apply(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> SIMD2<Double> {
    b.replacing(with: a, where: a .> b)
  }
  @inline(__always) static func isExactZero<T: FloatingPoint>(_ a: T, _ b: T) -> Bool { true }
}

// MARK: What is provable

/// Zero or a finite normal number.
@inline(__always)
private func isPlain<F: BinaryFormat>(_ a: F.Bits, _: F.Type) -> Bool {
  let magnitude = a & ~F.signMask
  return magnitude == 0 || magnitude &- F.smallestNormal < F.infinity &- F.smallestNormal
}

/// Neither zero nor denormal. Operands that are this and make a result that is safely normal are plain: infinities and
/// NaNs make none.
@inline(__always)
private func isNormalSized<F: BinaryFormat>(_ a: F.Bits, _: F.Type) -> Bool {
  a & ~F.signMask >= F.smallestNormal
}

/// Whether every lane of a comparison is true.
@inline(__always)
private func all<S: SIMD>(_ mask: SIMDMask<S>) -> Bool {
  let halves = unsafeBitCast(mask, to: SIMD2<UInt64>.self)
  return halves[0] & halves[1] == ~0
}

extension HostOperation {
  @inline(__always)
  fileprivate static func result(_ a: UInt32, _ b: UInt32) -> UInt32? {
    let (x, y) = (Float(bitPattern: a), Float(bitPattern: b))
    let result = apply(x, y).bitPattern
    if rounds,
      _fastPath(
        isNormalSized(a, Binary32.self) && isNormalSized(b, Binary32.self) && Binary32.isSafelyNormal(result))
    {
      return result
    }
    guard isPlain(a, Binary32.self), isPlain(b, Binary32.self) else { return nil }
    guard !rounds || Binary32.isSafelyNormal(result) || Binary32.isZero(result) && isExactZero(x, y) else {
      return nil
    }
    return result
  }

  @inline(__always)
  fileprivate static func result(_ a: UInt64, _ b: UInt64) -> UInt64? {
    let (x, y) = (Double(bitPattern: a), Double(bitPattern: b))
    let result = apply(x, y).bitPattern
    if rounds,
      _fastPath(
        isNormalSized(a, Binary64.self) && isNormalSized(b, Binary64.self) && Binary64.isSafelyNormal(result))
    {
      return result
    }
    guard isPlain(a, Binary64.self), isPlain(b, Binary64.self) else { return nil }
    guard !rounds || Binary64.isSafelyNormal(result) || Binary64.isZero(result) && isExactZero(x, y) else {
      return nil
    }
    return result
  }

  /// Lanes with a result of zero count only if all operations make exact ones (sums, differences, extremes).
  /// What is infinite or not a number shows in the result of an operation that rounds; for the others infinity
  /// is a number like any other.
  @inline(__always)
  fileprivate static func singles(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8>? {
    let (x, y) = (a.singles, b.singles)
    let result = apply(x, y)
    var isProven = isNoDenormal(x) .& isNoDenormal(y)
    if rounds {
      let r = magnitude(result)
      var isGood =
        (r .>= SIMD4(repeating: 2 * .leastNormalMagnitude))
        .& (r .<= SIMD4(repeating: .greatestFiniteMagnitude))
      if isExactZero(1 as Float, 1) { isGood = isGood .| (r .== SIMD4.zero) }
      isProven = isProven .& isGood
    }
    return all(isProven) ? unsafeBitCast(result, to: SIMD16<UInt8>.self) : nil
  }

  @inline(__always)
  fileprivate static func doubles(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8>? {
    let (x, y) = (a.doubles, b.doubles)
    let result = apply(x, y)
    var isProven = isNoDenormal(x) .& isNoDenormal(y)
    if rounds {
      let r = magnitude(result)
      var isGood =
        (r .>= SIMD2(repeating: 2 * .leastNormalMagnitude))
        .& (r .<= SIMD2(repeating: .greatestFiniteMagnitude))
      if isExactZero(1 as Double, 1) { isGood = isGood .| (r .== SIMD2.zero) }
      isProven = isProven .& isGood
    }
    return all(isProven) ? unsafeBitCast(result, to: SIMD16<UInt8>.self) : nil
  }
}

extension SIMD16<UInt8> {
  @inline(__always) fileprivate var singles: SIMD4<Float> { unsafeBitCast(self, to: SIMD4<Float>.self) }
  @inline(__always) fileprivate var doubles: SIMD2<Double> { unsafeBitCast(self, to: SIMD2<Double>.self) }
}

@inline(__always)
private func magnitude(_ a: SIMD4<Float>) -> SIMD4<Float> {
  unsafeBitCast(unsafeBitCast(a, to: SIMD4<UInt32>.self) & 0x7FFF_FFFF, to: SIMD4<Float>.self)
}
@inline(__always)
private func magnitude(_ a: SIMD2<Double>) -> SIMD2<Double> {
  unsafeBitCast(unsafeBitCast(a, to: SIMD2<UInt64>.self) & 0x7FFF_FFFF_FFFF_FFFF, to: SIMD2<Double>.self)
}

/// Lanes that are neither denormal nor NaN.
@inline(__always)
private func isNoDenormal(_ a: SIMD4<Float>) -> SIMDMask<SIMD4<Int32>> {
  (magnitude(a) .>= SIMD4(repeating: .leastNormalMagnitude)) .| (a .== SIMD4.zero)
}
@inline(__always)
private func isNoDenormal(_ a: SIMD2<Double>) -> SIMDMask<SIMD2<Int64>> {
  (magnitude(a) .>= SIMD2(repeating: .leastNormalMagnitude)) .| (a .== SIMD2.zero)
}

// MARK: Arithmetic

extension VectorForm {
  @inline(__always)
  private static func allowsHost(_ cpu: CPU, _ rounds: Bool) -> Bool {
    !rounds || _fastPath(FloatingPointContext(mxcsr: cpu.pointee.mxcsr).allowsHostArithmetic)
  }

  @inline(__always)
  static func hostPackedSingle<O: HostOperation>(_ cpu: CPU, _ op: some OpReference, _: O.Type) -> Bool {
    hostPacked(cpu, op, rounds: O.rounds) { O.singles($0, $1) }
  }
  @inline(__always)
  static func hostPackedDouble<O: HostOperation>(_ cpu: CPU, _ op: some OpReference, _: O.Type) -> Bool {
    hostPacked(cpu, op, rounds: O.rounds) { O.doubles($0, $1) }
  }

  @inline(__always)
  private static func hostPacked(
    _ cpu: CPU, _ op: some OpReference, rounds: Bool,
    _ compute: (SIMD16<UInt8>, SIMD16<UInt8>) -> SIMD16<UInt8>?
  ) -> Bool {
    guard allowsHost(cpu, rounds), let b = reached({ () throws(Exit) in try second(cpu, op) }) else {
      return false
    }
    let a = first(cpu, op)
    guard let low = compute(a.low, b.low) else { return false }
    guard isWide else {
      commit(cpu, op, YMM(low))
      return true
    }
    guard let high = compute(a.high, b.high) else { return false }
    commit(cpu, op, YMM(low, high))
    return true
  }

  @inline(__always)
  static func hostScalarSingle<O: HostOperation>(_ cpu: CPU, _ op: some OpReference, _: O.Type) -> Bool {
    guard allowsHost(cpu, O.rounds), let b = reached({ () throws(Exit) in try second4(cpu, op) }),
      let result = O.result(cpu.xmm(op.fields.source).pointee.doublewords[0], b)
    else { return false }
    commitScalar(cpu, op, result)
    return true
  }

  @inline(__always)
  static func hostScalarDouble<O: HostOperation>(_ cpu: CPU, _ op: some OpReference, _: O.Type) -> Bool {
    guard allowsHost(cpu, O.rounds), let b = reached({ () throws(Exit) in try second8(cpu, op) }),
      let result = O.result(cpu.xmm(op.fields.source).pointee.quadwords[0], b)
    else { return false }
    commitScalar(cpu, op, result)
    return true
  }

  /// `SQRTSD` and `SQRTSS`: the root of a normal number is one.
  @inline(__always)
  static func hostSquareRootDouble(_ cpu: CPU, _ op: some OpReference) -> Bool {
    guard allowsHost(cpu, true), let bits = reached({ () throws(Exit) in try second8(cpu, op) }),
      isPlain(bits, Binary64.self), bits & Binary64.signMask == 0 || Binary64.isZero(bits)
    else { return false }
    commitScalar(cpu, op, Double(bitPattern: bits).squareRoot().bitPattern)
    return true
  }

  @inline(__always)
  static func hostSquareRootSingle(_ cpu: CPU, _ op: some OpReference) -> Bool {
    guard allowsHost(cpu, true), let bits = reached({ () throws(Exit) in try second4(cpu, op) }),
      isPlain(bits, Binary32.self), bits & Binary32.signMask == 0 || Binary32.isZero(bits)
    else { return false }
    commitScalar(cpu, op, Float(bitPattern: bits).squareRoot().bitPattern)
    return true
  }

  /// What a load gives that the stamp has asked for already (`isReady`).
  @inline(__always)
  private static func reached<T>(_ load: () throws(Exit) -> T) -> T? {
    do throws(Exit) { return try load() } catch { return nil }
  }
}

// MARK: Comparison with a mask for a result

extension VectorForm {
  /// Which of greater, less and equal the predicate of the op accepts, as masks.
  @inline(__always)
  private static func accepted(_ op: some OpReference) -> (greater: UInt64, less: UInt64, equal: UInt64) {
    let relations = Binary64.relations(accepting: immediate8(op) & (isVEX ? 31 : 7))
    return (0 &- (relations & 1), 0 &- (relations >> 1 & 1), 0 &- (relations >> 2 & 1))
  }

  @inline(__always)
  static func hostMaskSingle(_ cpu: CPU, _ op: some OpReference) -> Bool {
    let accepted = accepted(op)
    return hostPacked(cpu, op, rounds: false) { a, b in
      let (x, y) = (a.singles, b.singles)
      guard all(isNoDenormal(x) .& isNoDenormal(y)) else { return nil }
      return unsafeBitCast(
        unsafeBitCast(x .> y, to: SIMD2<UInt64>.self) & accepted.greater
          | unsafeBitCast(x .< y, to: SIMD2<UInt64>.self) & accepted.less
          | unsafeBitCast(x .== y, to: SIMD2<UInt64>.self) & accepted.equal, to: SIMD16<UInt8>.self)
    }
  }

  @inline(__always)
  static func hostMaskDouble(_ cpu: CPU, _ op: some OpReference) -> Bool {
    let accepted = accepted(op)
    return hostPacked(cpu, op, rounds: false) { a, b in
      let (x, y) = (a.doubles, b.doubles)
      guard all(isNoDenormal(x) .& isNoDenormal(y)) else { return nil }
      return unsafeBitCast(
        unsafeBitCast(x .> y, to: SIMD2<UInt64>.self) & accepted.greater
          | unsafeBitCast(x .< y, to: SIMD2<UInt64>.self) & accepted.less
          | unsafeBitCast(x .== y, to: SIMD2<UInt64>.self) & accepted.equal, to: SIMD16<UInt8>.self)
    }
  }
}

// MARK: Comparison and conversion

extension VectorForm {
  /// `COMISS` and `UCOMISS`, which differ for NaNs alone.
  @inline(__always)
  static func hostCompareSingle(_ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags) -> Bool {
    let a = cpu.xmm(op.fields.destination).pointee.doublewords[0]
    guard let b = reached({ () throws(Exit) in try second4(cpu, op) }), isPlain(a, Binary32.self),
      isPlain(b, Binary32.self)
    else { return false }
    flags = compared(Float(bitPattern: a), Float(bitPattern: b))
    return true
  }

  @inline(__always)
  static func hostCompareDouble(_ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags) -> Bool {
    let a = cpu.xmm(op.fields.destination).pointee.quadwords[0]
    guard let b = reached({ () throws(Exit) in try second8(cpu, op) }), isPlain(a, Binary64.self),
      isPlain(b, Binary64.self)
    else { return false }
    flags = compared(Double(bitPattern: a), Double(bitPattern: b))
    return true
  }

  @inline(__always)
  private static func compared<T: FloatingPoint>(_ a: T, _ b: T) -> LazyFlags {
    LazyFlags(image: (a < b ? RFLAGS.CF : 0) | (a == b ? RFLAGS.ZF : 0))
  }

  @inline(__always)
  static func hostCVTSI2SD<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> Bool {
    guard let integer = reached({ () throws(Exit) in try general(cpu, op, T.self) }) else { return false }
    let value = Int64(bitPattern: integer.signExtended)
    guard T.bitWidth == 32 || value.magnitude <= 1 << 53 || allowsHost(cpu, true) else { return false }
    commitScalar(cpu, op, Double(value).bitPattern)
    return true
  }

  @inline(__always)
  static func hostCVTSI2SS<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> Bool {
    guard let integer = reached({ () throws(Exit) in try general(cpu, op, T.self) }) else { return false }
    let value = Int64(bitPattern: integer.signExtended)
    guard value.magnitude <= 1 << 24 || allowsHost(cpu, true) else { return false }
    commitScalar(cpu, op, Float(value).bitPattern)
    return true
  }

  /// `CVTTSD2SI` of values that fit.
  @inline(__always)
  static func hostCVTTSD2SI<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> Bool {
    guard let bits = reached({ () throws(Exit) in try second8(cpu, op) }) else { return false }
    return setTruncated(cpu, op, Double(bitPattern: bits), T.self)
  }

  @inline(__always)
  static func hostCVTTSS2SI<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> Bool {
    guard let bits = reached({ () throws(Exit) in try second4(cpu, op) }) else { return false }
    return setTruncated(cpu, op, Double(Float(bitPattern: bits)), T.self)
  }

  @inline(__always)
  private static func setTruncated<T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ value: Double, _: T.Type
  ) -> Bool {
    let limit: Double = T.bitWidth == 32 ? 0x1p31 : 0x1p63
    guard value.magnitude < limit else { return false }
    let integer = Int64(value)
    guard Double(integer) == value || cpu.pointee.mxcsr & (MXCSR.PE | MXCSR.PM) == MXCSR.PE | MXCSR.PM else {
      return false
    }
    cpu.setRegister(op.fields.destination, T(truncatingIfNeeded: integer))
    return true
  }

  @inline(__always)
  static func hostCVTSS2SD(_ cpu: CPU, _ op: some OpReference) -> Bool {
    guard let bits = reached({ () throws(Exit) in try second4(cpu, op) }), isPlain(bits, Binary32.self) else {
      return false
    }
    commitScalar(cpu, op, Double(Float(bitPattern: bits)).bitPattern)
    return true
  }

  @inline(__always)
  static func hostCVTSD2SS(_ cpu: CPU, _ op: some OpReference) -> Bool {
    guard allowsHost(cpu, true), let bits = reached({ () throws(Exit) in try second8(cpu, op) }),
      isPlain(bits, Binary64.self)
    else { return false }
    let result = Float(Double(bitPattern: bits)).bitPattern
    guard Binary32.isSafelyNormal(result) || Binary64.isZero(bits) else { return false }
    commitScalar(cpu, op, result)
    return true
  }
}
