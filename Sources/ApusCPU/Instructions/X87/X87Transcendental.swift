// The transcendental instructions. SDM Vol. 1, "Trigonometric Instructions", "Logarithmic, Exponential, and
// Scale".

extension UnsafeMutablePointer where Pointee == CPUState {
  func FSIN(_ op: OpPointer) throws(Exit) { try replaceAngle(op) { .sine($0, &$1) } }
  func FCOS(_ op: OpPointer) throws(Exit) { try replaceAngle(op) { .cosine($0, &$1) } }

  /// `FSINCOS`: the sine replaces ST(0), the cosine is pushed.
  func FSINCOS(_ op: OpPointer) throws(Exit) {
    try replaceAngleAndPush(op) { (.sine($0, &$1), .cosine($0, &$1)) }
  }

  /// `FPTAN`: the tangent replaces ST(0), 1.0 is pushed; for no number, it is pushed itself.
  func FPTAN(_ op: OpPointer) throws(Exit) {
    try replaceAngleAndPush(op) { angle, context in
      let result = ExtendedValue.tangent(angle, &context)
      return (result, result.field == 0x7FFF ? result : .one)
    }
  }

  func F2XM1(_ op: OpPointer) throws(Exit) {
    try operateOnTop(op) { .exponentialMinusOne($0, &$1) }
  }

  func FPATAN(_ op: OpPointer) throws(Exit) {
    try replaceOtherAndPop(op) { .arctangent($0, over: $1, &$2) }
  }

  func FYL2X(_ op: OpPointer) throws(Exit) {
    try replaceOtherAndPop(op) { .logarithm($1, times: $0, &$2) }
  }

  func FYL2XP1(_ op: OpPointer) throws(Exit) {
    try replaceOtherAndPop(op) { .logarithmPlusOne($1, times: $0, &$2) }
  }

  /// Clears C1 and C2, or sets C2 for an angle that stays as it is: true then.
  private func isAngleRefused() -> Bool {
    let isRefused = isValid(stackTop) && value(stackTop).isAngleOutOfRange
    pointee.x87.status &= ~(X87Status.C1 | X87Status.C2)
    if isRefused { pointee.x87.status |= X87Status.C2 }
    return isRefused
  }

  private func replaceAngle(
    _ op: OpPointer, _ function: (ExtendedValue, inout X87Context) -> ExtendedValue
  ) throws(Exit) {
    try beginX87()
    noteX87(op)
    if isAngleRefused() { return }
    guard let result = x87Result(isReady: isValid(stackTop), { function(value(stackTop), &$0) })
    else { return }
    setValue(stackTop, result)
  }

  private func replaceAngleAndPush(
    _ op: OpPointer, _ function: (ExtendedValue, inout X87Context) -> (ExtendedValue, ExtendedValue)
  ) throws(Exit) {
    try beginX87()
    noteX87(op)
    // With nowhere to push, the stack fault goes before the range.
    if isAngleRefused() {
      if !isValid(stackRegister(7)) { return }
      pointee.x87.status &= ~X87Status.C2
    }
    replaceTopAndPush(function)
  }

  /// ST(1) ← f(ST(1), ST(0)), then a pop.
  private func replaceOtherAndPop(
    _ op: OpPointer,
    _ function: (ExtendedValue, ExtendedValue, inout X87Context) -> ExtendedValue
  ) throws(Exit) {
    try beginX87()
    noteX87(op)
    let other = stackRegister(1)
    let result = x87Result(isReady: isValid(stackTop) && isValid(other)) {
      function(value(other), value(stackTop), &$0)
    }
    guard let result else { return }
    setValue(other, result)
    popX87()
  }
}
