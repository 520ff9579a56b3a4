// The x87 instructions that move values about the stack unchanged. SDM Vol. 1, "x87 FPU Data Transfer
// Instructions", "x87 FPU Control Instructions".

extension UnsafeMutablePointer where Pointee == CPUState {
  func FLD_STi(_ op: OpPointer) throws(Exit) {
    try beginX87()
    let register = stackRegister(stackIndex(op))
    guard isValid(register) else {
      noteX87(op)
      if stackFault(isOverflow: false) {
        stackTop = stackTop &- 1
        setValue(stackTop, .indefinite)
      }
      return
    }
    pushX87(op, value(register))
  }

  func FST_STi(_ op: OpPointer) throws(Exit) { try storeX87Register(op, pops: false) }
  func FSTP_STi(_ op: OpPointer) throws(Exit) { try storeX87Register(op, pops: true) }

  private func storeX87Register(_ op: OpPointer, pops: Bool) throws(Exit) {
    try beginX87()
    noteX87(op)
    var result = value(stackTop)
    if isValid(stackTop) {
      pointee.x87.status &= ~X87Status.C1
    } else {
      guard stackFault(isOverflow: false) else { return }
      result = .indefinite
    }
    setValue(stackRegister(stackIndex(op)), result)
    if pops { popX87() }
  }

  /// D9 D8+i: as `FSTP`, but an empty ST(0) is no stack fault; then it only pops.
  func FSTP1(_ op: OpPointer) throws(Exit) {
    try beginX87()
    noteX87(op)
    if isValid(stackTop) { setValue(stackRegister(stackIndex(op)), value(stackTop)) }
    pointee.x87.status &= ~X87Status.C1
    popX87()
  }

  func FXCH(_ op: OpPointer) throws(Exit) {
    try beginX87()
    noteX87(op)
    let other = stackRegister(stackIndex(op))
    var a = value(stackTop)
    var b = value(other)
    if isValid(stackTop) && isValid(other) {
      pointee.x87.status &= ~X87Status.C1
    } else {
      let (hasA, hasB) = (isValid(stackTop), isValid(other))
      guard stackFault(isOverflow: false) else { return }
      if !hasA { a = .indefinite }
      if !hasB { b = .indefinite }
    }
    setValue(stackTop, b)
    setValue(other, a)
  }

  func FFREE(_ op: OpPointer) throws(Exit) {
    try beginX87()
    noteX87(op)
    pointee.x87.tag &= ~(1 << stackRegister(stackIndex(op)))
    pointee.x87.status &= ~X87Status.C1
  }

  /// `FFREEP`, undocumented by Intel but present in every x87 unit since the 80287: `FFREE`, then a pop.
  func FFREEP(_ op: OpPointer) throws(Exit) {
    try FFREE(op)
    popX87()
  }

  func FINCSTP(_ op: OpPointer) throws(Exit) {
    try beginX87()
    noteX87(op)
    stackTop = stackTop &+ 1
    pointee.x87.status &= ~X87Status.C1
  }

  func FDECSTP(_ op: OpPointer) throws(Exit) {
    try beginX87()
    noteX87(op)
    stackTop = stackTop &- 1
    pointee.x87.status &= ~X87Status.C1
  }

  func FCHS(_ op: OpPointer) throws(Exit) { try changeSign(op) { $0 ^ 0x8000 } }
  func FABS(_ op: OpPointer) throws(Exit) { try changeSign(op) { $0 & 0x7FFF } }

  private func changeSign(_ op: OpPointer, _ change: (UInt16) -> UInt16) throws(Exit) {
    try beginX87()
    noteX87(op)
    guard isValid(stackTop) else {
      if stackFault(isOverflow: false) { setValue(stackTop, .indefinite) }
      return
    }
    exponent(stackTop).pointee = change(exponent(stackTop).pointee)
    pointee.x87.status &= ~X87Status.C1
  }
}
