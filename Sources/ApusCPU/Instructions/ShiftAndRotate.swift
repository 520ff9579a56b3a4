// SDM Vol. 1 ch. 5, "Shift and Rotate Instructions".

/// Where a shift finds its count, already masked to 5 bits (6 for 64-bit operands).
protocol ShiftCount {
  /// True if the count may be zero, in which case no flag changes.
  static var mayBeZero: Bool { get }
  static func count<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> UInt64
}

/// A constant that the decoder has masked and found not to be zero.
enum ByConstant: ShiftCount {
  @inline(__always) static var mayBeZero: Bool { false }
  @inline(__always)
  static func count<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> UInt64 {
    UInt64(truncatingIfNeeded: op.fields.immediate)
  }
}

enum ByCL: ShiftCount {
  @inline(__always) static var mayBeZero: Bool { true }
  @inline(__always)
  static func count<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> UInt64 {
    cpu.register(GPR.rcx.slot, UInt64.self) & (T.self == UInt64.self ? 63 : 31)
  }
}

enum SHL<N: ShiftCount>: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    let n = N.count(cpu, op, T.self)
    if N.mayBeZero && n == 0 { return a }
    let almost = T(truncatingIfNeeded: a.zeroExtended &<< (n &- 1))
    let r = almost &<< 1
    flags = LazyFlags(r.zeroExtended, almost.zeroExtended, FlagKind.shl + T.log2)
    return r
  }
}

enum SHR<N: ShiftCount>: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    let n = N.count(cpu, op, T.self)
    if N.mayBeZero && n == 0 { return a }
    let almost = a.zeroExtended &>> (n &- 1)
    let r = T(truncatingIfNeeded: almost &>> 1)
    flags = LazyFlags(r.zeroExtended, almost, FlagKind.shr + T.log2)
    return r
  }
}

enum SAR<N: ShiftCount>: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    let n = N.count(cpu, op, T.self)
    if N.mayBeZero && n == 0 { return a }
    let almost = Int64(bitPattern: a.signExtended) &>> Int64(truncatingIfNeeded: n &- 1)
    let r = T(truncatingIfNeeded: almost &>> 1)
    let source = T(truncatingIfNeeded: almost)
    flags = LazyFlags(r.zeroExtended, source.zeroExtended, FlagKind.shr + T.log2)
    return r
  }
}

/// A shift by a constant zero: it changes nothing, but its memory operand is checked, and a 32-bit register
/// zero-extended.
enum KEEP: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    a
  }
}

enum ROL<N: ShiftCount>: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    let n = N.count(cpu, op, T.self)
    if N.mayBeZero && n == 0 { return a }
    let r = rotateLeft(a, n)
    let carry = r.zeroExtended & 1
    let top = (r &>> T(truncatingIfNeeded: T.bitWidth - 1)).zeroExtended
    flags = flags.replacing(carry: carry, overflow: carry ^ top)
    return r
  }
}

enum ROR<N: ShiftCount>: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    let n = N.count(cpu, op, T.self)
    if N.mayBeZero && n == 0 { return a }
    let r = rotateLeft(a, 0 &- n)
    let top = (r &>> T(truncatingIfNeeded: T.bitWidth - 1)).zeroExtended
    let next = (r &>> T(truncatingIfNeeded: T.bitWidth - 2)).zeroExtended & 1
    flags = flags.replacing(carry: top, overflow: top ^ next)
    return r
  }
}

/// `ROL` where the block overwrites CF and OF before anything reads them.
enum ROL_deadFlags<N: ShiftCount>: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    rotateLeft(a, N.count(cpu, op, T.self))
  }
}

/// `ROR` where the block overwrites CF and OF before anything reads them.
enum ROR_deadFlags<N: ShiftCount>: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    rotateLeft(a, 0 &- N.count(cpu, op, T.self))
  }
}

/// Rotation by any count, modulo the width.
@inline(__always)
private func rotateLeft<T: OperandWidth>(_ a: T, _ n: UInt64) -> T {
  let m = T(truncatingIfNeeded: n)
  return (a &<< m) | (a &>> (0 &- m))
}

/// `SHLD`: OF as after a shift by one, also for larger counts.
enum SHLD {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ n: UInt64, _ flags: inout LazyFlags) -> T {
    if n == 0 { return a }
    let width = UInt64(T.bitWidth)
    if n > width {
      // Only 16-bit operands; undefined by the SDM. Shifts the pattern a:b:a, as processors do.
      let pattern = a.zeroExtended << 32 | b.zeroExtended << 16 | a.zeroExtended
      let almost = T(truncatingIfNeeded: (pattern << (n - 1)) >> 32)
      let r = T(truncatingIfNeeded: (pattern << n) >> 32)
      flags = LazyFlags(r.zeroExtended, almost.zeroExtended, FlagKind.shl + T.log2)
      return r
    }
    let almost =
      n == 1
      ? a
      : (a &<< T(truncatingIfNeeded: n &- 1)) | (b &>> T(truncatingIfNeeded: width &- n &+ 1))
    let r = (almost &<< 1) | ((b &>> T(truncatingIfNeeded: width &- n)) & 1)
    flags = LazyFlags(r.zeroExtended, almost.zeroExtended, FlagKind.shl + T.log2)
    return r
  }
}

enum SHRD {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ n: UInt64, _ flags: inout LazyFlags) -> T {
    if n == 0 { return a }
    let width = UInt64(T.bitWidth)
    if n > width {
      let pattern = a.zeroExtended << 32 | b.zeroExtended << 16 | a.zeroExtended
      let almost = T(truncatingIfNeeded: pattern >> (n - 1))
      let r = T(truncatingIfNeeded: pattern >> n)
      flags = LazyFlags(r.zeroExtended, almost.zeroExtended, FlagKind.shr + T.log2)
      return r
    }
    let almost =
      n == 1
      ? a
      : (a &>> T(truncatingIfNeeded: n &- 1)) | (b &<< T(truncatingIfNeeded: width &- n &+ 1))
    let top = (b &>> T(truncatingIfNeeded: n &- 1)) & 1
    let r = (almost &>> 1) | top &<< T(truncatingIfNeeded: width &- 1)
    flags = LazyFlags(r.zeroExtended, almost.zeroExtended, FlagKind.shr + T.log2)
    return r
  }
}

/// A double shift, for the stamps.
protocol DoubleShift {
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ n: UInt64, _ flags: inout LazyFlags) -> T
}
extension SHLD: DoubleShift {}
extension SHRD: DoubleShift {}

extension Body {
  @inline(__always)
  static func doubleShift_rr<D: DoubleShift, N: ShiftCount, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: D.Type, _: N.Type, _: T.Type
  ) -> OpPointer {
    let n = N.count(cpu, op, T.self)
    let r: T = D.apply(
      cpu.register(op.fields.destination), cpu.register(op.fields.source), n, &flags)
    cpu.setRegister(op.fields.destination, r)
    return op.next
  }

  @inline(__always)
  static func doubleShift_mr<D: DoubleShift, N: ShiftCount, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: D.Type, _: N.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let n = N.count(cpu, op, T.self)
    return try modify(cpu, op, T.self, F.self, writes: true) {
      D.apply($0, cpu.register(op.fields.source), n, &flags)
    }
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// `RCL`: the operand and CF as one number of width + 1 bits. The count is in the op, or in CL where the
  /// op says so (`source` = 1).
  func RCL<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try rotateThroughCarry(op, T.self) { n, size in n % size }
  }

  func RCR<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try rotateThroughCarry(op, T.self) { n, size in (size - n % size) % size }
  }

  private func rotateThroughCarry<T: OperandWidth>(
    _ op: OpPointer, _: T.Type, _ leftCount: (UInt64, UInt64) -> UInt64
  ) throws(Exit) {
    let mask: UInt64 = T.self == UInt64.self ? 63 : 31
    let isByCL = op.fields.source == 1
    let raw: UInt64 = isByCL ? register(GPR.rcx.slot) : UInt64(truncatingIfNeeded: op.fields.immediate)
    let count = raw & mask
    let isLeft = leftCount(1, 3) == 1
    let size = UInt64(T.bitWidth) + 1
    let n = leftCount(count, size)
    let image = arithmeticFlags
    var newImage = image
    try modifyE(op, T.self) { a throws(Exit) in
      let carry = image & RFLAGS.CF
      var r = a
      var newCarry = carry
      if n != 0 {
        let m = T(truncatingIfNeeded: n)
        let low: T = n == 1 ? 0 : a &>> T(truncatingIfNeeded: size - n)
        let high: T = n == UInt64(T.bitWidth) ? 0 : a &<< m
        r = high | (T(truncatingIfNeeded: carry) &<< T(truncatingIfNeeded: n - 1)) | low
        newCarry = (a &>> T(truncatingIfNeeded: UInt64(T.bitWidth) - n)).zeroExtended & 1
      }
      guard count != 0 else { return r }
      let top = (r &>> T(truncatingIfNeeded: T.bitWidth - 1)).zeroExtended & 1
      let next = (r &>> T(truncatingIfNeeded: T.bitWidth - 2)).zeroExtended & 1
      let overflow = isLeft ? top ^ newCarry : top ^ next
      newImage = (image & ~(RFLAGS.CF | RFLAGS.OF)) | newCarry | overflow << 11
      return r
    }
    if count != 0 { flags = LazyFlags(image: newImage) }
  }
}
