// The x87 instructions that compute. SDM Vol. 1, "Basic Arithmetic Instructions".

/// The six operations with forms for every kind of operand. The first operand is the destination.
enum X87Operation {
  case add
  case multiply
  case subtract
  case subtractReversed
  case divide
  case divideReversed

  func apply(
    _ destination: ExtendedValue, _ source: ExtendedValue, _ context: inout X87Context
  ) -> ExtendedValue {
    switch self {
    case .add: .add(destination, source, &context)
    case .multiply: .multiply(destination, source, &context)
    case .subtract: .subtract(destination, source, &context)
    case .subtractReversed: .subtract(source, destination, &context)
    case .divide: .divide(destination, source, &context)
    case .divideReversed: .divide(source, destination, &context)
    }
  }
}

// MARK: Two operands

extension UnsafeMutablePointer where Pointee == CPUState {
  func FADD_m32(_ op: OpPointer) throws(Exit) { try operate(op, .add, float: Binary32.self) }
  func FADD_m64(_ op: OpPointer) throws(Exit) { try operate(op, .add, float: Binary64.self) }
  func FADD_ST0(_ op: OpPointer) throws(Exit) { try operateOnTop(op, .add) }
  func FADD_STi(_ op: OpPointer) throws(Exit) { try operateOnOther(op, .add, pops: false) }
  func FADDP(_ op: OpPointer) throws(Exit) { try operateOnOther(op, .add, pops: true) }
  func FIADD_m16(_ op: OpPointer) throws(Exit) { try operate(op, .add, integer: Int16.self) }
  func FIADD_m32(_ op: OpPointer) throws(Exit) { try operate(op, .add, integer: Int32.self) }

  func FMUL_m32(_ op: OpPointer) throws(Exit) { try operate(op, .multiply, float: Binary32.self) }
  func FMUL_m64(_ op: OpPointer) throws(Exit) { try operate(op, .multiply, float: Binary64.self) }
  func FMUL_ST0(_ op: OpPointer) throws(Exit) { try operateOnTop(op, .multiply) }
  func FMUL_STi(_ op: OpPointer) throws(Exit) { try operateOnOther(op, .multiply, pops: false) }
  func FMULP(_ op: OpPointer) throws(Exit) { try operateOnOther(op, .multiply, pops: true) }
  func FIMUL_m16(_ op: OpPointer) throws(Exit) { try operate(op, .multiply, integer: Int16.self) }
  func FIMUL_m32(_ op: OpPointer) throws(Exit) { try operate(op, .multiply, integer: Int32.self) }

  func FSUB_m32(_ op: OpPointer) throws(Exit) { try operate(op, .subtract, float: Binary32.self) }
  func FSUB_m64(_ op: OpPointer) throws(Exit) { try operate(op, .subtract, float: Binary64.self) }
  func FSUB_ST0(_ op: OpPointer) throws(Exit) { try operateOnTop(op, .subtract) }
  func FSUB_STi(_ op: OpPointer) throws(Exit) { try operateOnOther(op, .subtract, pops: false) }
  func FSUBP(_ op: OpPointer) throws(Exit) { try operateOnOther(op, .subtract, pops: true) }
  func FISUB_m16(_ op: OpPointer) throws(Exit) { try operate(op, .subtract, integer: Int16.self) }
  func FISUB_m32(_ op: OpPointer) throws(Exit) { try operate(op, .subtract, integer: Int32.self) }

  func FSUBR_m32(_ op: OpPointer) throws(Exit) { try operate(op, .subtractReversed, float: Binary32.self) }
  func FSUBR_m64(_ op: OpPointer) throws(Exit) { try operate(op, .subtractReversed, float: Binary64.self) }
  func FSUBR_ST0(_ op: OpPointer) throws(Exit) { try operateOnTop(op, .subtractReversed) }
  func FSUBR_STi(_ op: OpPointer) throws(Exit) { try operateOnOther(op, .subtractReversed, pops: false) }
  func FSUBRP(_ op: OpPointer) throws(Exit) { try operateOnOther(op, .subtractReversed, pops: true) }
  func FISUBR_m16(_ op: OpPointer) throws(Exit) { try operate(op, .subtractReversed, integer: Int16.self) }
  func FISUBR_m32(_ op: OpPointer) throws(Exit) { try operate(op, .subtractReversed, integer: Int32.self) }

  func FDIV_m32(_ op: OpPointer) throws(Exit) { try operate(op, .divide, float: Binary32.self) }
  func FDIV_m64(_ op: OpPointer) throws(Exit) { try operate(op, .divide, float: Binary64.self) }
  func FDIV_ST0(_ op: OpPointer) throws(Exit) { try operateOnTop(op, .divide) }
  func FDIV_STi(_ op: OpPointer) throws(Exit) { try operateOnOther(op, .divide, pops: false) }
  func FDIVP(_ op: OpPointer) throws(Exit) { try operateOnOther(op, .divide, pops: true) }
  func FIDIV_m16(_ op: OpPointer) throws(Exit) { try operate(op, .divide, integer: Int16.self) }
  func FIDIV_m32(_ op: OpPointer) throws(Exit) { try operate(op, .divide, integer: Int32.self) }

  func FDIVR_m32(_ op: OpPointer) throws(Exit) { try operate(op, .divideReversed, float: Binary32.self) }
  func FDIVR_m64(_ op: OpPointer) throws(Exit) { try operate(op, .divideReversed, float: Binary64.self) }
  func FDIVR_ST0(_ op: OpPointer) throws(Exit) { try operateOnTop(op, .divideReversed) }
  func FDIVR_STi(_ op: OpPointer) throws(Exit) { try operateOnOther(op, .divideReversed, pops: false) }
  func FDIVRP(_ op: OpPointer) throws(Exit) { try operateOnOther(op, .divideReversed, pops: true) }
  func FIDIVR_m16(_ op: OpPointer) throws(Exit) { try operate(op, .divideReversed, integer: Int16.self) }
  func FIDIVR_m32(_ op: OpPointer) throws(Exit) { try operate(op, .divideReversed, integer: Int32.self) }

  private func operate<Format: BinaryFormat>(
    _ op: OpPointer, _ operation: X87Operation, float: Format.Type
  ) throws(Exit) {
    try beginX87()
    let bits = try loadOperand(op, Format.Bits.self)
    var context = x87Context
    let source = ExtendedValue(bits, float, &context)
    noteX87(op)
    combine(operation, into: stackTop, source, hasSource: true, pops: false, context)
  }

  private func operate<T: FixedWidthInteger>(
    _ op: OpPointer, _ operation: X87Operation, integer: T.Type
  ) throws(Exit) {
    try beginX87()
    let source = ExtendedValue(Int64(truncatingIfNeeded: try loadOperand(op, T.self)))
    noteX87(op)
    combine(operation, into: stackTop, source, hasSource: true, pops: false, x87Context)
  }

  /// ST(0) ← ST(0) ∘ ST(i).
  private func operateOnTop(_ op: OpPointer, _ operation: X87Operation) throws(Exit) {
    try beginX87()
    noteX87(op)
    let source = stackRegister(stackIndex(op))
    combine(
      operation, into: stackTop, value(source), hasSource: isValid(source), pops: false, x87Context)
  }

  /// ST(i) ← ST(i) ∘ ST(0).
  private func operateOnOther(
    _ op: OpPointer, _ operation: X87Operation, pops: Bool
  ) throws(Exit) {
    try beginX87()
    noteX87(op)
    combine(
      operation, into: stackRegister(stackIndex(op)), value(stackTop), hasSource: isValid(stackTop),
      pops: pops, x87Context)
  }

  private func combine(
    _ operation: X87Operation, into register: UInt8, _ source: ExtendedValue, hasSource: Bool,
    pops: Bool, _ context: X87Context
  ) {
    let result = x87Result(
      isReady: isValid(register) && hasSource, indefinite: .indefinite, context
    ) { operation.apply(value(register), source, &$0) }
    guard let result else { return }
    setValue(register, result)
    if pops { popX87() }
  }
}

// MARK: ST(0), and ST(1)

extension UnsafeMutablePointer where Pointee == CPUState {
  func FSQRT(_ op: OpPointer) throws(Exit) {
    try operateOnTop(op) { ExtendedValue.squareRoot($0, &$1) }
  }

  func FRNDINT(_ op: OpPointer) throws(Exit) {
    try operateOnTop(op) { ExtendedValue.roundToIntegral($0, &$1) }
  }

  /// ST(0) ← f(ST(0)).
  func operateOnTop(
    _ op: OpPointer, _ function: (ExtendedValue, inout X87Context) -> ExtendedValue
  ) throws(Exit) {
    try beginX87()
    noteX87(op)
    guard let result = x87Result(isReady: isValid(stackTop), { function(value(stackTop), &$0) })
    else { return }
    setValue(stackTop, result)
  }

  func FSCALE(_ op: OpPointer) throws(Exit) {
    try beginX87()
    noteX87(op)
    let other = stackRegister(1)
    let result = x87Result(isReady: isValid(stackTop) && isValid(other)) {
      .scale(value(stackTop), value(other), &$0)
    }
    if let result { setValue(stackTop, result) }
  }

  func FPREM(_ op: OpPointer) throws(Exit) { try partialRemainder(op, nearest: false) }
  func FPREM1(_ op: OpPointer) throws(Exit) { try partialRemainder(op, nearest: true) }

  /// C0, C3 and C1 report the low three bits of the quotient, C2 an incomplete reduction. An operand without
  /// a remainder leaves C0 and C3 alone on AMD processors.
  private func partialRemainder(_ op: OpPointer, nearest: Bool) throws(Exit) {
    try beginX87()
    noteX87(op)
    pointee.x87.status &= ~X87Status.C2
    let other = stackRegister(1)
    guard isValid(stackTop) && isValid(other) else {
      if stackFault(isOverflow: false) { setValue(stackTop, .indefinite) }
      return
    }
    var context = x87Context
    let result = ExtendedValue.remainder(value(stackTop), value(other), nearest: nearest, &context)
    guard reportX87(context) else { return }
    setValue(stackTop, result.value)
    if result.isIncomplete { pointee.x87.status |= X87Status.C2 }
    guard let quotient = result.quotient else { return }
    var codes: UInt16 = 0
    if quotient & 1 != 0 { codes |= X87Status.C1 }
    if quotient & 2 != 0 { codes |= X87Status.C3 }
    if quotient & 4 != 0 { codes |= X87Status.C0 }
    pointee.x87.status =
      pointee.x87.status & ~(X87Status.C0 | X87Status.C1 | X87Status.C3) | codes
  }

  /// `FXTRACT`: the exponent replaces ST(0), the significand is pushed.
  func FXTRACT(_ op: OpPointer) throws(Exit) {
    try beginX87()
    noteX87(op)
    replaceTopAndPush {
      let parts = ExtendedValue.extract($0, &$1)
      return (parts.exponent, parts.significand)
    }
  }

  /// The first result replaces ST(0), the second is pushed.
  func replaceTopAndPush(
    _ function: (ExtendedValue, inout X87Context) -> (ExtendedValue, ExtendedValue)
  ) {
    let (top, next) = (stackTop, stackRegister(7))
    let results = x87Result(
      isReady: isValid(top) && !isValid(next), isOverflow: isValid(top),
      indefinite: (ExtendedValue.indefinite, ExtendedValue.indefinite), x87Context
    ) { function(value(top), &$0) }
    guard let results else { return }
    setValue(top, results.0)
    stackTop = next
    setValue(next, results.1)
  }
}
