// BMI1 and BMI2 (SDM Vol. 2, the instructions; AMD APM Vol. 3). All are encoded with VEX: `source` is the register
// of VEX.vvvv. Flags that the manuals leave undefined are what AMD's processors leave.

extension UnsafeMutablePointer where Pointee == CPUState {
  /// SF, ZF and PF of a result, CF as given, and OF = AF = 0.
  @inline(__always)
  private func setFlags<T: OperandWidth>(_ result: T, carry: Bool) {
    flags = LazyFlags(result.zeroExtended, carry ? RFLAGS.CF : 0, FlagKind.mixed + T.log2)
  }

  func ANDN<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let result = ~register(op.pointee.source, T.self) & (try readE(op, T.self))
    setRegister(op.pointee.destination, result)
    setFlags(result, carry: false)
  }

  /// Clears the lowest bit set.
  func BLSR<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let a = try readE(op, T.self)
    let result = a & (a &- 1)
    setRegister(op.pointee.source, result)
    setFlags(result, carry: a == 0)
  }

  /// Ones up to and with the lowest bit set.
  func BLSMSK<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let a = try readE(op, T.self)
    let result = a ^ (a &- 1)
    setRegister(op.pointee.source, result)
    setFlags(result, carry: a == 0)
  }

  /// The lowest bit set.
  func BLSI<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let a = try readE(op, T.self)
    let result = a & (0 &- a)
    setRegister(op.pointee.source, result)
    setFlags(result, carry: a != 0)
  }

  /// The bit field from bit 7:0 of the control on, as many bits as bits 15:8 say.
  func BEXTR<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let a = try readE(op, T.self).zeroExtended
    let control = register(op.pointee.source, UInt64.self)
    let start = control & 0xFF
    let length = control >> 8 & 0xFF
    let field = start < 64 ? a >> start : 0
    let result = T(truncatingIfNeeded: length < 64 ? field & (1 << length - 1) : field)
    setRegister(op.pointee.destination, result)
    flags = LazyFlags(
      image: RFLAGS.AF | (result == 0 ? RFLAGS.ZF : 0) | (parity(result.zeroExtended) ? RFLAGS.PF : 0))
  }

  /// Clears the bits from the index on.
  func BZHI<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let a = try readE(op, T.self)
    let index = register(op.pointee.source, UInt64.self) & 0xFF
    let isBeyond = index >= UInt64(T.bitWidth)
    let result = isBeyond ? a : a & T(truncatingIfNeeded: (1 as UInt64) << index &- 1)
    setRegister(op.pointee.destination, result)
    setFlags(result, carry: isBeyond)
  }

  /// Low bits of the first source to where the mask has ones.
  func PDEP<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    var mask = try readE(op, T.self).zeroExtended
    var bits = register(op.pointee.source, T.self).zeroExtended
    var result: UInt64 = 0
    while mask != 0 {
      if bits & 1 != 0 { result |= mask & (0 &- mask) }
      mask &= mask &- 1
      bits >>= 1
    }
    setRegister(op.pointee.destination, T(truncatingIfNeeded: result))
  }

  /// The bits of the first source where the mask has ones, to the low bits.
  func PEXT<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    var mask = try readE(op, T.self).zeroExtended
    let bits = register(op.pointee.source, T.self).zeroExtended
    var result: UInt64 = 0
    var bit: UInt64 = 1
    while mask != 0 {
      if bits & mask & (0 &- mask) != 0 { result |= bit }
      mask &= mask &- 1
      bit <<= 1
    }
    setRegister(op.pointee.destination, T(truncatingIfNeeded: result))
  }

  /// rDX times the operand, without flags; the upper half is written last and stays if both go to one register.
  func MULX<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let product = register(GPR.rdx.slot, T.self).multipliedFullWidth(by: try readE(op, T.self))
    setRegister(op.pointee.source, T(truncatingIfNeeded: product.low))
    setRegister(op.pointee.destination, product.high)
  }

  func RORX<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let a = try readE(op, T.self)
    let count = T(truncatingIfNeeded: op.pointee.immediate)
    setRegister(op.pointee.destination, a &>> count | a &<< (0 &- count))
  }

  func SHLX<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    setRegister(op.pointee.destination, try readE(op, T.self) &<< register(op.pointee.source, T.self))
  }
  func SHRX<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    setRegister(op.pointee.destination, try readE(op, T.self) &>> register(op.pointee.source, T.self))
  }
  func SARX<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let a = Int64(bitPattern: try readE(op, T.self).signExtended)
    let count = register(op.pointee.source, UInt64.self) & UInt64(T.bitWidth - 1)
    setRegister(op.pointee.destination, T(truncatingIfNeeded: a >> Int64(count)))
  }
}
