// The x87 instructions that compare, classify and move under a condition. SDM Vol. 1, "Comparison and
// Classification Instructions", "x87 FPU Conditional Move Instructions".

extension FloatingPointRelation {
  /// C3, C2 and C0 as `FCOM` and its kin leave them.
  fileprivate var codes: UInt16 {
    switch self {
    case .greater: 0
    case .less: X87Status.C0
    case .equal: X87Status.C3
    case .unordered: X87Status.C3 | X87Status.C2 | X87Status.C0
    }
  }
}

// MARK: Into the condition codes

extension UnsafeMutablePointer where Pointee == CPUState {
  func FCOM_m32(_ op: OpPointer) throws(Exit) { try compare(op, float: Binary32.self, pops: 0) }
  func FCOM_m64(_ op: OpPointer) throws(Exit) { try compare(op, float: Binary64.self, pops: 0) }
  func FCOMP_m32(_ op: OpPointer) throws(Exit) { try compare(op, float: Binary32.self, pops: 1) }
  func FCOMP_m64(_ op: OpPointer) throws(Exit) { try compare(op, float: Binary64.self, pops: 1) }
  func FICOM_m16(_ op: OpPointer) throws(Exit) { try compare(op, integer: Int16.self, pops: 0) }
  func FICOM_m32(_ op: OpPointer) throws(Exit) { try compare(op, integer: Int32.self, pops: 0) }
  func FICOMP_m16(_ op: OpPointer) throws(Exit) { try compare(op, integer: Int16.self, pops: 1) }
  func FICOMP_m32(_ op: OpPointer) throws(Exit) { try compare(op, integer: Int32.self, pops: 1) }

  func FCOM(_ op: OpPointer) throws(Exit) { try compare(op, signaling: true, pops: 0) }
  func FCOMP(_ op: OpPointer) throws(Exit) { try compare(op, signaling: true, pops: 1) }
  func FCOMPP(_ op: OpPointer) throws(Exit) { try compare(op, signaling: true, pops: 2) }
  func FUCOM(_ op: OpPointer) throws(Exit) { try compare(op, signaling: false, pops: 0) }
  func FUCOMP(_ op: OpPointer) throws(Exit) { try compare(op, signaling: false, pops: 1) }
  func FUCOMPP(_ op: OpPointer) throws(Exit) { try compare(op, signaling: false, pops: 2) }

  func FTST(_ op: OpPointer) throws(Exit) {
    try beginX87()
    noteX87(op)
    var context = x87Context
    compareTop(.zero(false), hasOther: true, signaling: true, pops: 0, &context)
  }

  private func compare<Format: BinaryFormat>(
    _ op: OpPointer, float: Format.Type, pops: Int
  ) throws(Exit) {
    try beginX87()
    let bits = try loadOperand(op, Format.Bits.self)
    var context = x87Context
    let other = ExtendedValue(bits, float, &context)
    noteX87(op)
    compareTop(other, hasOther: true, signaling: true, pops: pops, &context)
  }

  private func compare<T: FixedWidthInteger>(
    _ op: OpPointer, integer: T.Type, pops: Int
  ) throws(Exit) {
    try beginX87()
    let other = ExtendedValue(Int64(truncatingIfNeeded: try loadOperand(op, T.self)))
    var context = x87Context
    noteX87(op)
    compareTop(other, hasOther: true, signaling: true, pops: pops, &context)
  }

  private func compare(_ op: OpPointer, signaling: Bool, pops: Int) throws(Exit) {
    try beginX87()
    noteX87(op)
    let other = stackRegister(stackIndex(op))
    var context = x87Context
    compareTop(
      value(other), hasOther: isValid(other), signaling: signaling, pops: pops, &context)
  }

  /// Compares ST(0) with `other`. AMD processors set the condition codes even if an unmasked exception then
  /// keeps the instruction from popping.
  private func compareTop(
    _ other: ExtendedValue, hasOther: Bool, signaling: Bool, pops: Int, _ context: inout X87Context
  ) {
    var relation = FloatingPointRelation.unordered
    let isComplete: Bool
    if isValid(stackTop) && hasOther {
      relation = ExtendedValue.compare(value(stackTop), other, signaling: signaling, &context)
      isComplete = reportX87(context)
    } else {
      isComplete = stackFault(isOverflow: false)
    }
    let codes = X87Status.C0 | X87Status.C2 | X87Status.C3
    pointee.x87.status = pointee.x87.status & ~codes | relation.codes
    guard isComplete else { return }
    for _ in 0..<pops { popX87() }
  }

  /// `FXAM`: C1 is the sign, of an empty register as well.
  func FXAM(_ op: OpPointer) throws(Exit) {
    try beginX87()
    noteX87(op)
    let value = value(stackTop)
    var codes = isValid(stackTop) ? value.examined : X87Status.C3 | X87Status.C0
    if value.isNegative { codes |= X87Status.C1 }
    pointee.x87.status =
      pointee.x87.status & ~(X87Status.C0 | X87Status.C1 | X87Status.C2 | X87Status.C3) | codes
  }
}

// MARK: Into RFLAGS

extension UnsafeMutablePointer where Pointee == CPUState {
  func FCOMI(_ op: OpPointer) throws(Exit) { try compareToFlags(op, signaling: true, pops: false) }
  func FCOMIP(_ op: OpPointer) throws(Exit) { try compareToFlags(op, signaling: true, pops: true) }
  func FUCOMI(_ op: OpPointer) throws(Exit) { try compareToFlags(op, signaling: false, pops: false) }
  func FUCOMIP(_ op: OpPointer) throws(Exit) { try compareToFlags(op, signaling: false, pops: true) }

  /// AMD processors leave C1 alone, and set the flags as `compareTop` sets the condition codes.
  private func compareToFlags(_ op: OpPointer, signaling: Bool, pops: Bool) throws(Exit) {
    try beginX87()
    noteX87(op)
    let other = stackRegister(stackIndex(op))
    var relation = FloatingPointRelation.unordered
    let isComplete: Bool
    if isValid(stackTop) && isValid(other) {
      var context = x87Context
      relation = ExtendedValue.compare(value(stackTop), value(other), signaling: signaling, &context)
      let code = pointee.x87.status & X87Status.C1
      isComplete = reportX87(context)
      pointee.x87.status |= code
    } else {
      isComplete = stackFault(isOverflow: false)
    }
    flags = LazyFlags(image: UInt64(relation.flags))
    if isComplete && pops { popX87() }
  }

  // C1 stays as it is, but for a stack fault.
  func FCMOVB(_ op: OpPointer) throws(Exit) { try moveIf(op, CC_B.self) }
  func FCMOVE(_ op: OpPointer) throws(Exit) { try moveIf(op, CC_Z.self) }
  func FCMOVBE(_ op: OpPointer) throws(Exit) { try moveIf(op, CC_BE.self) }
  func FCMOVU(_ op: OpPointer) throws(Exit) { try moveIf(op, CC_P.self) }
  func FCMOVNB(_ op: OpPointer) throws(Exit) { try moveIf(op, CC_NB.self) }
  func FCMOVNE(_ op: OpPointer) throws(Exit) { try moveIf(op, CC_NZ.self) }
  func FCMOVNBE(_ op: OpPointer) throws(Exit) { try moveIf(op, CC_NBE.self) }
  func FCMOVNU(_ op: OpPointer) throws(Exit) { try moveIf(op, CC_NP.self) }

  private func moveIf<C: ConditionCode>(_ op: OpPointer, _: C.Type) throws(Exit) {
    try beginX87()
    noteX87(op)
    let other = stackRegister(stackIndex(op))
    guard isValid(stackTop) && isValid(other) else {
      if stackFault(isOverflow: false) { setValue(stackTop, .indefinite) }
      return
    }
    if C.holds(flags) { setValue(stackTop, value(other)) }
  }
}
