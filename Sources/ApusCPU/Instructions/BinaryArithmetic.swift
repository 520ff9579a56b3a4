// SDM Vol. 1 ch. 5, "Binary Arithmetic Instructions".

enum ADD: BinaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ flags: inout LazyFlags) -> T {
    let r = a &+ b
    flags = LazyFlags(r.zeroExtended, b.zeroExtended, FlagKind.add + T.log2)
    return r
  }
}

enum SUB: BinaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ flags: inout LazyFlags) -> T {
    let r = a &- b
    flags = LazyFlags(r.zeroExtended, b.zeroExtended, FlagKind.sub + T.log2)
    return r
  }
}

enum CMP: BinaryOperation {
  @inline(__always) static var writes: Bool { false }
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ flags: inout LazyFlags) -> T {
    SUB.apply(a, b, &flags)
  }
}

enum ADC: BinaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ flags: inout LazyFlags) -> T {
    let r = a &+ b &+ (flags.carry ? 1 : 0)
    flags = eagerFlags(
      r, carry: (a & b) | ((a | b) & ~r), overflow: (a ^ r) & (b ^ r), auxiliary: a ^ b ^ r)
    return r
  }
}

enum SBB: BinaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ flags: inout LazyFlags) -> T {
    let r = a &- b &- (flags.carry ? 1 : 0)
    flags = eagerFlags(
      r, carry: (~a & b) | ((~a | b) & r), overflow: (a ^ b) & (a ^ r), auxiliary: a ^ b ^ r)
    return r
  }
}

/// Flags of a sum with carry in, whose operands the lazy kinds cannot tell: the top bits of `carry` and
/// `overflow` and bit 4 of `auxiliary` are CF, OF and AF.
@inline(__always)
func eagerFlags<T: OperandWidth>(_ r: T, carry: T, overflow: T, auxiliary: T) -> LazyFlags {
  let top = T(truncatingIfNeeded: T.bitWidth - 1)
  var image = (carry &>> top).zeroExtended & RFLAGS.CF
  image |= ((overflow &>> top).zeroExtended & 1) << 11
  image |= auxiliary.zeroExtended & RFLAGS.AF
  return LazyFlags(r.zeroExtended, image, FlagKind.mixed + T.log2)
}

enum INC: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    let carry: UInt64 = flags.carry ? 1 : 0
    let r = a &+ 1
    flags = LazyFlags(r.zeroExtended, carry, FlagKind.inc + T.log2)
    return r
  }
}

enum DEC: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    let carry: UInt64 = flags.carry ? 1 : 0
    let r = a &- 1
    flags = LazyFlags(r.zeroExtended, carry, FlagKind.dec + T.log2)
    return r
  }
}

/// `INC` where the block overwrites CF before anything reads it.
enum INC_deadCF: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    let r = a &+ 1
    flags = LazyFlags(r.zeroExtended, 0, FlagKind.inc + T.log2)
    return r
  }
}

/// `DEC` where the block overwrites CF before anything reads it.
enum DEC_deadCF: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    let r = a &- 1
    flags = LazyFlags(r.zeroExtended, 0, FlagKind.dec + T.log2)
    return r
  }
}

enum NEG: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    let r = 0 &- a
    flags = LazyFlags(r.zeroExtended, a.zeroExtended, FlagKind.sub + T.log2)
    return r
  }
}

// Multiplications set CF and OF; what the manuals leave undefined stays. Without `setsFlags`, the block overwrites
// these two before anything reads them.

extension Body {
  @inline(__always)
  private static func setProductFlags(_ flags: inout LazyFlags, _ overflow: Bool) {
    let bit: UInt64 = overflow ? 1 : 0
    flags = flags.replacing(carry: bit, overflow: bit)
  }

  /// The truncated product; CF = OF = it did not fit.
  @inline(__always)
  private static func signedProduct<T: OperandWidth>(
    _ a: T, _ b: T, setsFlags: Bool, _ flags: inout LazyFlags
  ) -> T {
    guard setsFlags else { return a &* b }
    let (product, overflow) = a.signed.multipliedReportingOverflow(by: b.signed)
    setProductFlags(&flags, overflow)
    return T(bits: product)
  }

  /// `IMUL Gv, Ev` with a register source.
  @inline(__always)
  static func IMUL_rr<T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: T.Type, setsFlags: Bool
  ) -> OpPointer {
    let a: T = cpu.register(op.fields.destination)
    let b: T = cpu.register(op.fields.source)
    cpu.setRegister(op.fields.destination, signedProduct(a, b, setsFlags: setsFlags, &flags))
    return op.next
  }

  /// `IMUL Gv, Ev` with a memory source.
  @inline(__always)
  static func IMUL_rm<T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: T.Type, _: F.Type, setsFlags: Bool
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, Access.read, M.self)
    let value = try M.load(cpu, linear, T.self)
    let a: T = cpu.register(op.fields.destination)
    cpu.setRegister(op.fields.destination, signedProduct(a, value, setsFlags: setsFlags, &flags))
    return op.next
  }

  /// `IMUL Gv, Ev, I` with a register source.
  @inline(__always)
  static func IMUL_rri<T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: T.Type, setsFlags: Bool
  ) -> OpPointer {
    let a: T = cpu.register(op.fields.source)
    let factor = T(truncatingIfNeeded: op.fields.immediate)
    cpu.setRegister(op.fields.destination, signedProduct(a, factor, setsFlags: setsFlags, &flags))
    return op.next
  }

  /// `IMUL Gv, Ev, I` with a memory source.
  @inline(__always)
  static func IMUL_rmi<T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: T.Type, _: F.Type, setsFlags: Bool
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, Access.read, M.self)
    let value = try M.load(cpu, linear, T.self)
    let factor = T(truncatingIfNeeded: op.fields.immediate)
    cpu.setRegister(op.fields.destination, signedProduct(value, factor, setsFlags: setsFlags, &flags))
    return op.next
  }

  /// The double-width product of the accumulator and `value`.
  @inline(__always)
  private static func multiply<T: OperandWidth>(
    _ cpu: CPU, _ value: T, signed: Bool, setsFlags: Bool, _ flags: inout LazyFlags
  ) {
    let a: T = cpu.register(GPR.rax.slot)
    let low: T
    let high: T
    let overflow: Bool
    if signed {
      let product = a.signed.multipliedFullWidth(by: value.signed)
      low = T(truncatingIfNeeded: product.low)
      high = T(bits: product.high)
      overflow = high != (low.isNegative ? T.max : 0)
    } else {
      let product = a.multipliedFullWidth(by: value)
      low = T(truncatingIfNeeded: product.low)
      high = product.high
      overflow = high != 0
    }
    if setsFlags { setProductFlags(&flags, overflow) }
    if T.self == UInt8.self {
      cpu.setRegister(
        GPR.rax.slot,
        UInt16(truncatingIfNeeded: low.zeroExtended) | UInt16(truncatingIfNeeded: high.zeroExtended) << 8)
    } else {
      cpu.setRegister(GPR.rax.slot, low)
      cpu.setRegister(GPR.rdx.slot, high)
    }
  }

  /// `MUL` and one-operand `IMUL` with a register operand.
  @inline(__always)
  static func MUL_r<T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: T.Type, signed: Bool, setsFlags: Bool
  ) -> OpPointer {
    let value: T = cpu.register(op.fields.destination)
    multiply(cpu, value, signed: signed, setsFlags: setsFlags, &flags)
    return op.next
  }

  /// `MUL` and one-operand `IMUL` with a memory operand.
  @inline(__always)
  static func MUL_m<T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: T.Type, _: F.Type, signed: Bool,
    setsFlags: Bool
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, Access.read, M.self)
    let value = try M.load(cpu, linear, T.self)
    multiply(cpu, value, signed: signed, setsFlags: setsFlags, &flags)
    return op.next
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// `DIV`: #DE for a zero divisor or a quotient that does not fit.
  func DIV<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let divisor: T = try readE(op)
    let (high, low) = dividend(T.self)
    guard divisor != 0 && high < divisor else {
      throw fault(.DE, divisor == 0 ? .divisionByZero : .quotientTooLarge)
    }
    let (quotient, remainder) = Self.divide(high, low, by: divisor)
    setQuotient(quotient, remainder)
  }

  /// `IDIV`: truncates toward zero; the most negative dividend over -1 gives #DE like any overflow.
  func IDIV<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let divisor: T = try readE(op)
    guard divisor != 0 else { throw fault(.DE, .divisionByZero) }
    var (high, low) = dividend(T.self)
    let dividendIsNegative = high.isNegative
    if dividendIsNegative {
      low = 0 &- low
      high = low == 0 ? 0 &- high : ~high
    }
    let magnitude = divisor.isNegative ? 0 &- divisor : divisor
    guard high < magnitude else { throw fault(.DE, .quotientTooLarge) }
    let (quotient, remainder) = Self.divide(high, low, by: magnitude)
    let isNegative = dividendIsNegative != divisor.isNegative
    let limit = T(1) << T(truncatingIfNeeded: T.bitWidth - 1)
    guard quotient < limit || (isNegative && quotient == limit) else { throw fault(.DE, .quotientTooLarge) }
    setQuotient(isNegative ? 0 &- quotient : quotient, dividendIsNegative ? 0 &- remainder : remainder)
  }

  /// Most dividends fit in half of their registers, and 128 bits are divided by a function.
  private static func divide<T: OperandWidth>(
    _ high: T, _ low: T, by divisor: T
  ) -> (quotient: T, remainder: T) {
    high == 0 ? low.quotientAndRemainder(dividingBy: divisor) : divisor.dividingFullWidth((high, low))
  }

  /// AX for bytes, else rDX:rAX.
  private func dividend<T: OperandWidth>(_: T.Type) -> (high: T, low: T) {
    if T.self == UInt8.self {
      let ax: UInt16 = register(GPR.rax.slot)
      return (T(truncatingIfNeeded: ax >> 8), T(truncatingIfNeeded: ax))
    }
    return (register(GPR.rdx.slot), register(GPR.rax.slot))
  }

  /// The manuals leave all flags undefined. Intel's processors keep them, AMD's only CF and OF.
  private func setQuotient<T: OperandWidth>(_ quotient: T, _ remainder: T) {
    if !pointee.isIntel { flags = LazyFlags(image: arithmeticFlags & (RFLAGS.CF | RFLAGS.OF) | RFLAGS.AF) }
    if T.self == UInt8.self {
      let ax = UInt16(truncatingIfNeeded: remainder) << 8 | UInt16(truncatingIfNeeded: quotient)
      setRegister(GPR.rax.slot, ax)
    } else {
      setRegister(GPR.rax.slot, quotient)
      setRegister(GPR.rdx.slot, remainder)
    }
  }
}

// MARK: ADX

extension UnsafeMutablePointer where Pointee == CPUState {
  func ADCX<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try addWithFlag(op, T.self, RFLAGS.CF)
  }
  func ADOX<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try addWithFlag(op, T.self, RFLAGS.OF)
  }

  /// An addition that takes and leaves its carry in `flag`, and no other flag changes.
  @inline(__always)
  private func addWithFlag<T: OperandWidth>(_ op: OpPointer, _: T.Type, _ flag: UInt64) throws(Exit) {
    let image = arithmeticFlags
    let b: T = try readE(op)
    let a: T = register(op.fields.destination)
    let (sum, first) = a.addingReportingOverflow(b)
    let (result, second) = sum.addingReportingOverflow(image & flag != 0 ? 1 : 0)
    setRegister(op.fields.destination, result)
    flags = LazyFlags(image: first || second ? image | flag : image & ~flag)
  }
}
