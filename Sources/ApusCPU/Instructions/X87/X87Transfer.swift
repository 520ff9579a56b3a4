// Loads from memory and stores to it, and the constants. SDM Vol. 1, "x87 FPU Data Transfer Instructions",
// "Load Constant Instructions".

extension UnsafeMutablePointer where Pointee == CPUState {
  // MARK: Loads

  func FLD_m32(_ op: OpPointer) throws(Exit) { try loadFloat(op, Binary32.self) }
  func FLD_m64(_ op: OpPointer) throws(Exit) { try loadFloat(op, Binary64.self) }

  /// A signaling NaN is an invalid operand. A denormal is loaded even if DE is unmasked: an AMD processor
  /// reports that after the fact.
  private func loadFloat<Format: BinaryFormat>(_ op: OpPointer, _ format: Format.Type) throws(Exit) {
    try beginX87()
    let bits = try loadOperand(op, Format.Bits.self)
    guard !isValid(stackRegister(7)) else { return pushX87(op, .indefinite) }
    var context = x87Context
    let value = ExtendedValue.load(bits, format, &context)
    let isPushed = reportX87(context) || context.raised & X87Status.IE == 0
    guard isPushed else { return noteX87(op) }
    pushX87(op, value)
  }

  /// `FLD m80fp`: no conversion, hence no exception but a stack fault.
  func FLD_m80(_ op: OpPointer) throws(Exit) {
    try beginX87()
    try checkFirstQuadword(op, Access.read)
    pushX87(op, try loadOperand(op, ExtendedValue.self))
  }

  func FILD_m16(_ op: OpPointer) throws(Exit) { try loadInteger(op, Int16.self) }
  func FILD_m32(_ op: OpPointer) throws(Exit) { try loadInteger(op, Int32.self) }
  func FILD_m64(_ op: OpPointer) throws(Exit) { try loadInteger(op, Int64.self) }

  private func loadInteger<T: FixedWidthInteger>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try beginX87()
    let value = try loadOperand(op, T.self)
    pushX87(op, ExtendedValue(Int64(truncatingIfNeeded: value)))
  }

  func FBLD(_ op: OpPointer) throws(Exit) {
    try beginX87()
    try checkFirstQuadword(op, Access.read)
    pushX87(op, ExtendedValue(try loadOperand(op, PackedDecimal.self)))
  }

  /// Operands of 80 bits are accessed as a quadword, whose faults come first, and a word.
  private func checkFirstQuadword(_ op: OpPointer, _ access: UInt32) throws(Exit) {
    try verify(try segmentedAddress(op, 8, access), 8, access)
  }

  // MARK: Stores

  func FST_m32(_ op: OpPointer) throws(Exit) { try storeFloat(op, Binary32.self, pops: false) }
  func FST_m64(_ op: OpPointer) throws(Exit) { try storeFloat(op, Binary64.self, pops: false) }
  func FSTP_m32(_ op: OpPointer) throws(Exit) { try storeFloat(op, Binary32.self, pops: true) }
  func FSTP_m64(_ op: OpPointer) throws(Exit) { try storeFloat(op, Binary64.self, pops: true) }

  private func storeFloat<Format: BinaryFormat>(
    _ op: OpPointer, _ format: Format.Type, pops: Bool
  ) throws(Exit) {
    try store(op, pops: pops, indefinite: Format.indefinite) { $0.store(format, &$1) }
  }

  /// `FSTP m80fp`: no conversion, hence no exception but a stack fault.
  func FSTP_m80(_ op: OpPointer) throws(Exit) {
    try store(op, pops: true, indefinite: ExtendedValue.indefinite) { value, _ in value }
  }

  func FIST_m16(_ op: OpPointer) throws(Exit) { try storeInteger(op, Int16.self, pops: false) }
  func FIST_m32(_ op: OpPointer) throws(Exit) { try storeInteger(op, Int32.self, pops: false) }
  func FISTP_m16(_ op: OpPointer) throws(Exit) { try storeInteger(op, Int16.self, pops: true) }
  func FISTP_m32(_ op: OpPointer) throws(Exit) { try storeInteger(op, Int32.self, pops: true) }
  func FISTP_m64(_ op: OpPointer) throws(Exit) { try storeInteger(op, Int64.self, pops: true) }

  func FISTTP_m16(_ op: OpPointer) throws(Exit) { try storeTruncated(op, Int16.self) }
  func FISTTP_m32(_ op: OpPointer) throws(Exit) { try storeTruncated(op, Int32.self) }
  func FISTTP_m64(_ op: OpPointer) throws(Exit) { try storeTruncated(op, Int64.self) }

  private func storeInteger<T: FixedWidthInteger & SignedInteger>(
    _ op: OpPointer, _: T.Type, pops: Bool
  ) throws(Exit) {
    try store(op, pops: pops, indefinite: T.min) {
      $0.storeInteger(T.self, rounding: $1.rounding, &$1)
    }
  }

  private func storeTruncated<T: FixedWidthInteger & SignedInteger>(
    _ op: OpPointer, _: T.Type
  ) throws(Exit) {
    try store(op, pops: true, indefinite: T.min) {
      $0.storeInteger(T.self, rounding: .towardZero, &$1)
    }
  }

  func FBSTP(_ op: OpPointer) throws(Exit) {
    try store(op, pops: true, indefinite: PackedDecimal.indefinite) { $0.storeDecimal(&$1) }
  }

  /// Stores ST(0) as `convert` gives it. Nothing is stored, and nothing popped, if an unmasked exception
  /// forbids it; but the destination must be writable all the same.
  private func store<T>(
    _ op: OpPointer, pops: Bool, indefinite: T,
    _ convert: (ExtendedValue, inout X87Context) -> T?
  ) throws(Exit) {
    try beginX87()
    let size = MemoryLayout<T>.size
    if size > 8 { try checkFirstQuadword(op, Access.write) }
    let linear = try segmentedAddress(op, size, Access.write)
    let pointer = try slowPointer(linear, size, Access.write)
    noteX87(op)
    let result: T?? = x87Result(isReady: isValid(stackTop), indefinite: indefinite, x87Context) {
      convert(value(stackTop), &$0)
    }
    guard case .some(let result?) = result else {
      pointee.bounceSize = 0
      return
    }
    pointer.storeUnaligned(result)
    Slow.commit(self)
    if pops { popX87() }
  }

  // MARK: Constants

  func FLD1(_ op: OpPointer) throws(Exit) {
    try beginX87()
    pushX87(op, .one)
  }

  func FLDZ(_ op: OpPointer) throws(Exit) {
    try beginX87()
    pushX87(op, .zero(false))
  }

  func FLDL2T(_ op: OpPointer) throws(Exit) { try loadConstant(op, X87Constant.log2Of10) }
  func FLDL2E(_ op: OpPointer) throws(Exit) { try loadConstant(op, X87Constant.log2OfE) }
  func FLDPI(_ op: OpPointer) throws(Exit) { try loadConstant(op, X87Constant.pi) }
  func FLDLG2(_ op: OpPointer) throws(Exit) { try loadConstant(op, X87Constant.log10Of2) }
  func FLDLN2(_ op: OpPointer) throws(Exit) { try loadConstant(op, X87Constant.logEOf2) }

  private func loadConstant(_ op: OpPointer, _ constant: DoubleWidth) throws(Exit) {
    try beginX87()
    pushX87(op, X87Constant.rounded(constant, control: pointee.x87.control))
  }
}
