// The x87 register stack, its exceptions and what every x87 instruction does first. SDM Vol. 1, "x87 FPU
// Execution Environment", "x87 FPU Floating-Point Exception Handling".

extension UnsafeMutablePointer where Pointee == CPUState {
  // MARK: Registers

  /// TOP.
  var stackTop: UInt8 {
    get { UInt8(truncatingIfNeeded: pointee.x87.status >> 11) & 7 }
    nonmutating set {
      pointee.x87.status = (pointee.x87.status & ~X87Status.top) | UInt16(newValue & 7) << 11
    }
  }

  /// The physical register of ST(`index`), 0–7.
  func stackRegister(_ index: UInt8) -> UInt8 { (stackTop &+ index) & 7 }

  /// The significand of a physical register, 0–7; an MMX register in whole.
  @inline(__always)
  func significand(_ register: UInt8) -> UnsafeMutablePointer<UInt64> {
    (address(of: &pointee.x87.significand) + Int(register & 7) * 8).assumingMemoryBound(to: UInt64.self)
  }

  @inline(__always)
  func exponent(_ register: UInt8) -> UnsafeMutablePointer<UInt16> {
    (address(of: &pointee.x87.exponent) + Int(register & 7) * 2).assumingMemoryBound(to: UInt16.self)
  }

  func isValid(_ register: UInt8) -> Bool { pointee.x87.tag & (1 << register) != 0 }

  func value(_ register: UInt8) -> ExtendedValue {
    ExtendedValue(significand: significand(register).pointee, exponent: exponent(register).pointee)
  }

  func setValue(_ register: UInt8, _ value: ExtendedValue) {
    significand(register).pointee = value.significand
    exponent(register).pointee = value.exponent
    pointee.x87.tag |= 1 << register
  }

  /// The two-bit tag of the full tag word (SDM Vol. 1, "x87 FPU Tag Word").
  private func fullTag(_ register: UInt8) -> UInt16 {
    guard isValid(register) else { return 3 }
    let value = value(register)
    let exponent = value.exponent & 0x7FFF
    if exponent == 0 && value.significand == 0 { return 1 }
    return exponent == 0 || exponent == 0x7FFF || value.significand >> 63 == 0 ? 2 : 0
  }

  var fullTagWord: UInt16 {
    var word: UInt16 = 0
    for register in 0..<8 as Range<UInt8> { word |= fullTag(register) << UInt16(register * 2) }
    return word
  }

  // MARK: Exceptions

  /// #NM if the x87 unit is absent or its state another task's.
  func checkX87() throws(Exit) {
    guard pointee.cr0 & (CR0.EM | CR0.TS) == 0 else {
      throw fault(.NM, pointee.cr0 & CR0.EM != 0 ? .emulation : .taskSwitched)
    }
  }

  /// ES and B follow the unmasked exceptions.
  func updateX87Summary() {
    let status = pointee.x87.status
    let isPending = status & ~pointee.x87.control & X87Status.exceptions != 0
    pointee.x87.status =
      isPending ? status | X87Status.ES | X87Status.B : status & ~(X87Status.ES | X87Status.B)
  }

  /// What waiting instructions do first: a pending unmasked exception raises #MF, or with CR0.NE clear FERR#,
  /// whose interrupt the board delivers (SDM Vol. 3, "x87 FPU Exception"). Execution then goes on as with
  /// IGNNE# asserted.
  func checkPendingX87() throws(Exit) {
    guard pointee.x87.status & X87Status.ES != 0 else { return }
    guard pointee.cr0 & CR0.NE == 0 else { throw fault(.MF, .x87Exception) }
    processor.bus.signalFloatingPointError()
    pointee.attention = 1
  }

  func beginX87() throws(Exit) {
    try checkX87()
    try checkPendingX87()
  }

  /// A stack fault: C1 tells overflow from underflow. True if it is masked and the instruction goes on with
  /// the indefinite value (SDM Vol. 1, "Stack Overflow or Underflow Exception (#IS)").
  func stackFault(isOverflow: Bool) -> Bool {
    var status = pointee.x87.status | X87Status.IE | X87Status.SF
    status = isOverflow ? status | X87Status.C1 : status & ~X87Status.C1
    pointee.x87.status = status
    updateX87Summary()
    return pointee.x87.control & X87Control.IM != 0
  }

  /// What the next operation computes under.
  var x87Context: X87Context { X87Context(control: pointee.x87.control) }

  /// Records what an operation reports. False if an unmasked exception forbids it to change anything else.
  func reportX87(_ context: X87Context) -> Bool {
    pointee.x87.status =
      pointee.x87.status & ~X87Status.C1 | context.reported
      | (context.roundedUp && !context.isBlocked ? X87Status.C1 : 0)
    updateX87Summary()
    return !context.isBlocked
  }

  /// What `operation` gives, if its registers are as it needs them (`isReady`), or else `indefinite`, the answer
  /// to a masked stack fault. Nil if an unmasked exception forbids any result.
  func x87Result<Result>(
    isReady: Bool, isOverflow: Bool = false, indefinite: Result, _ start: X87Context,
    _ operation: (inout X87Context) -> Result
  ) -> Result? {
    guard isReady else { return stackFault(isOverflow: isOverflow) ? indefinite : nil }
    var context = start
    let result = operation(&context)
    return reportX87(context) ? result : nil
  }

  /// The same for an operation that computes under the present control word alone.
  func x87Result(
    isReady: Bool, _ operation: (inout X87Context) -> ExtendedValue
  ) -> ExtendedValue? {
    x87Result(isReady: isReady, indefinite: .indefinite, x87Context, operation)
  }

  /// Notes the last non-control instruction and its operand, for `FNSTENV` and `FXSAVE`.
  func noteX87(_ op: OpPointer) {
    pointee.x87.instructionPointer = op.rip
    pointee.x87.instructionSelector = segment(.cs).pointee.selector
    let code = UInt16(truncatingIfNeeded: op.pointee.immediate)
    pointee.x87.opcode = (code & 0x700) | (code & 0xFF)
    if op.pointee.isMemory {
      pointee.x87.dataPointer = offset(op)
      pointee.x87.dataSelector = segment(operandSegment(op)).pointee.selector
    }
  }

  /// The segment register of a memory operand: 64-bit mode has flat ones in the place of some.
  private func operandSegment(_ op: OpPointer) -> SegmentName {
    switch op.pointee.index {
    case Layout.fsBase: return .fs
    case Layout.gsBase: return .gs
    default: break
    }
    switch SegmentName(rawValue: UInt8(truncatingIfNeeded: op.pointee.segmentIndex)) {
    case .flatStack: return .ss
    case .some(let name) where name != .flat: return name
    default: return .ds
    }
  }

  /// The offset of a memory operand in its segment: in 64-bit mode the op has the base of FS or GS as a part of
  /// its address.
  private func offset(_ op: OpPointer) -> UInt64 {
    let linear = effectiveAddress(op)
    switch op.pointee.index {
    case Layout.fsBase: return linear &- pointee.fsBase
    case Layout.gsBase: return linear &- pointee.gsBase
    default: return linear
    }
  }

  /// ModRM.rm of a register form.
  func stackIndex(_ op: OpPointer) -> UInt8 { UInt8(truncatingIfNeeded: op.pointee.immediate) & 7 }

  // MARK: Push and pop

  /// Pushes a value; onto a register in use it is a stack fault.
  func pushX87(_ op: OpPointer, _ value: ExtendedValue) {
    noteX87(op)
    let register = (stackTop &- 1) & 7
    var result = value
    if isValid(register) {
      guard stackFault(isOverflow: true) else { return }
      result = .indefinite
    } else {
      pointee.x87.status &= ~X87Status.C1
    }
    stackTop = register
    setValue(register, result)
  }

  func popX87() {
    pointee.x87.tag &= ~(1 << stackTop)
    stackTop = stackTop &+ 1
  }
}
