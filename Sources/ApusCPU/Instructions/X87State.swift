// The x87 instructions without arithmetic: control, environment, stack and moves. SDM Vol. 1, "Programming
// with the x87 FPU"; Vol. 2, the instructions' pages.

/// Bits of the x87 control word.
enum X87Control {
  static let exceptionMasks: UInt16 = 0x3F
  static let IM: UInt16 = 1
  /// Everything but bit 6, which reads as one, and reserved bits 7 and 15:13. Bit 12 is the 80287's infinity
  /// control, kept without meaning.
  static let writable: UInt16 = 0x1F3F
  static let fixed: UInt16 = 0x40
}

/// Bits of the x87 status word (SDM Vol. 1, "x87 FPU Status Register").
enum X87Status {
  static let IE: UInt16 = 1
  static let SF: UInt16 = 1 << 6
  /// An unmasked exception is pending.
  static let ES: UInt16 = 1 << 7
  static let C1: UInt16 = 1 << 9
  /// TOP: the physical register that is ST(0).
  static let top: UInt16 = 7 << 11
  static let B: UInt16 = 1 << 15
  static let exceptions: UInt16 = 0x3F
}

/// An 80-bit value in its two parts.
struct ExtendedValue {
  var significand: UInt64
  /// Sign in bit 15, exponent below.
  var exponent: UInt16

  /// The QNaN floating-point indefinite.
  static let indefinite = ExtendedValue(significand: 0xC000_0000_0000_0000, exponent: 0xFFFF)
  static let zero = ExtendedValue(significand: 0, exponent: 0)
  static let one = ExtendedValue(significand: 1 << 63, exponent: 0x3FFF)

  /// An integer; exact.
  init(_ integer: Int64) {
    let magnitude = integer.magnitude
    let shift = magnitude.leadingZeroBitCount
    significand = magnitude == 0 ? 0 : magnitude &<< UInt64(shift)
    exponent = (integer < 0 ? 0x8000 : 0) | (magnitude == 0 ? 0 : UInt16(0x3FFF + 63 - shift))
  }

  init(significand: UInt64, exponent: UInt16) {
    self.significand = significand
    self.exponent = exponent
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  // MARK: Registers

  /// TOP.
  private var stackTop: UInt8 {
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

  private func isValid(_ register: UInt8) -> Bool { pointee.x87.tag & (1 << register) != 0 }

  private func value(_ register: UInt8) -> ExtendedValue {
    ExtendedValue(significand: significand(register).pointee, exponent: exponent(register).pointee)
  }

  private func setValue(_ register: UInt8, _ value: ExtendedValue) {
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

  private var fullTagWord: UInt16 {
    var word: UInt16 = 0
    for register in 0..<8 as Range<UInt8> { word |= fullTag(register) << UInt16(register * 2) }
    return word
  }

  // MARK: Exceptions

  /// #NM if the x87 unit is absent or its state another task's.
  func checkX87() throws(Exit) {
    guard pointee.cr0 & (CR0.EM | CR0.TS) == 0 else { throw fault(.NM) }
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
    guard pointee.cr0 & CR0.NE == 0 else { throw fault(.MF) }
    processor.bus.signalFloatingPointError()
    pointee.attention = 1
  }

  private func beginX87() throws(Exit) {
    try checkX87()
    try checkPendingX87()
  }

  /// A stack fault: C1 tells overflow from underflow. True if it is masked and the instruction goes on with
  /// the indefinite value.
  private func stackFault(isOverflow: Bool) -> Bool {
    var status = pointee.x87.status | X87Status.IE | X87Status.SF
    status = isOverflow ? status | X87Status.C1 : status & ~X87Status.C1
    pointee.x87.status = status
    updateX87Summary()
    return pointee.x87.control & X87Control.IM != 0
  }

  /// Notes the last non-control instruction and its operand, for `FNSTENV` and `FXSAVE`.
  private func noteX87(_ op: OpPointer, _ offset: UInt64? = nil) {
    pointee.x87.instructionPointer = op.rip
    pointee.x87.instructionSelector = segment(.cs).pointee.selector
    let code = UInt16(truncatingIfNeeded: op.pointee.immediate)
    pointee.x87.opcode = (code & 0x700) | (code & 0xFF)
    if op.pointee.isMemory {
      pointee.x87.dataPointer = effectiveAddress(op)
      pointee.x87.dataSelector = segment(at: op.pointee.segmentIndex).pointee.selector
    }
  }

  /// ModRM.rm of a register form.
  private func stackIndex(_ op: OpPointer) -> UInt8 { UInt8(truncatingIfNeeded: op.pointee.immediate) & 7 }

  // MARK: Control

  private func initializeX87() {
    pointee.x87.control = 0x37F
    pointee.x87.status = 0
    pointee.x87.tag = 0
    pointee.x87.opcode = 0
    pointee.x87.instructionPointer = 0
    pointee.x87.dataPointer = 0
    pointee.x87.instructionSelector = 0
    pointee.x87.dataSelector = 0
  }

  /// The initial configuration of the XSAVE state component: as `FNINIT`, and the registers cleared.
  func initializeX87Fully() {
    initializeX87()
    for register in 0..<8 as Range<UInt8> {
      significand(register).pointee = 0
      exponent(register).pointee = 0
    }
  }

  func FNINIT(_ op: OpPointer) throws(Exit) {
    try checkX87()
    initializeX87()
  }

  func FNCLEX(_ op: OpPointer) throws(Exit) {
    try checkX87()
    pointee.x87.status &= 0x7F00
  }

  func FNSTCW(_ op: OpPointer) throws(Exit) {
    try checkX87()
    try storeOperand(op, pointee.x87.control)
  }

  func FLDCW(_ op: OpPointer) throws(Exit) {
    try beginX87()
    let value = try loadOperand(op, UInt16.self)
    pointee.x87.control = value & X87Control.writable | X87Control.fixed
    updateX87Summary()
  }

  func FNSTSW(_ op: OpPointer) throws(Exit) {
    try checkX87()
    try storeOperand(op, pointee.x87.status)
  }

  func FNSTSW_AX(_ op: OpPointer) throws(Exit) {
    try checkX87()
    setRegister(GPR.rax.slot, pointee.x87.status)
  }

  /// `FENI`, `FDISI`, `FSETPM` of the 8087 and 80287 do nothing on later processors.
  func x87NoOperation(_ op: OpPointer) throws(Exit) { try checkX87() }

  func FNOP(_ op: OpPointer) throws(Exit) { try beginX87() }

  /// `WAIT`: CR0.MP decides whether CR0.TS counts; CR0.EM does not.
  func FWAIT(_ op: OpPointer) throws(Exit) {
    if pointee.cr0 & (CR0.MP | CR0.TS) == CR0.MP | CR0.TS { throw fault(.NM) }
    try checkPendingX87()
  }

  // MARK: Environment

  /// Seven words in one of four layouts, by operand size and whether there are descriptors (SDM Vol. 1,
  /// "Saving the x87 FPU's State with FSTENV/FNSTENV and FSAVE/FNSAVE").
  private func environment<T: OperandWidth>(_: T.Type) -> (UInt32, UInt32, UInt32, UInt32) {
    let x87 = pointee.x87
    let ip = UInt32(truncatingIfNeeded: x87.instructionPointer)
    let dp = UInt32(truncatingIfNeeded: x87.dataPointer)
    if hasDescriptors {
      return (ip, UInt32(x87.instructionSelector) | UInt32(x87.opcode) << 16, dp, UInt32(x87.dataSelector))
    }
    // Real-address and virtual-8086 mode: linear addresses of 20 bits, or 32.
    let code = ip &+ UInt32(x87.instructionSelector) << 4
    let data = dp &+ UInt32(x87.dataSelector) << 4
    if T.self == UInt16.self {
      return (code, (code >> 4) & 0xF000 | UInt32(x87.opcode), data, (data >> 4) & 0xF000)
    }
    return (
      code & 0xFFFF, (code >> 4) & 0x0FFF_F000 | UInt32(x87.opcode), data & 0xFFFF,
      (data >> 4) & 0x0FFF_F000
    )
  }

  /// The linear address of the environment, or of the whole state, with every page checked.
  private func x87Area(_ op: OpPointer, _ size: Int, _ access: UInt32) throws(Exit) -> UInt64 {
    let linear = try segmentedAddress(op, size, access)
    let last = (linear &+ UInt64(size - 1)) & pointee.linearMask
    _ = try translate(linear, access | userBit)
    if (linear ^ last) & ~0xFFF != 0 { _ = try translate(last, access | userBit) }
    return linear
  }

  private func storeEnvironment<T: OperandWidth>(_ linear: UInt64, _: T.Type) throws(Exit) {
    let size = T.self == UInt16.self ? 2 as UInt64 : 4
    let parts = environment(T.self)
    // The upper halves of the 32-bit format's words are ones where they are reserved.
    let high: UInt32 = 0xFFFF_0000
    let words: (UInt32, UInt32, UInt32) = (
      UInt32(pointee.x87.control) | high, UInt32(pointee.x87.status) | high, UInt32(fullTagWord) | high
    )
    let list = (words.0, words.1, words.2, parts.0, parts.1, parts.2, parts.3)
    for index in 0..<7 as Range<UInt64> {
      let word: UInt32
      switch index {
      case 0: word = list.0
      case 1: word = list.1
      case 2: word = list.2
      case 3: word = list.3
      case 4: word = list.4
      case 5: word = list.5
      default: word = hasDescriptors ? list.6 | high : list.6
      }
      let at = (linear &+ index * size) & pointee.linearMask
      if size == 2 {
        try Slow.store(self, at, UInt16(truncatingIfNeeded: word))
      } else {
        try Slow.store(self, at, word)
      }
    }
  }

  private func loadEnvironment<T: OperandWidth>(_ linear: UInt64, _: T.Type) throws(Exit) {
    let is16 = T.self == UInt16.self
    func word(_ index: UInt64) throws(Exit) -> UInt32 {
      let at = (linear &+ index * (is16 ? 2 : 4)) & pointee.linearMask
      return is16 ? UInt32(try Slow.load(self, at, UInt16.self)) : try Slow.load(self, at, UInt32.self)
    }
    let control = UInt16(truncatingIfNeeded: try word(0))
    let status = UInt16(truncatingIfNeeded: try word(1))
    let tags = UInt16(truncatingIfNeeded: try word(2))
    let (ip, code, dp, data) = (try word(3), try word(4), try word(5), try word(6))
    pointee.x87.control = control & X87Control.writable | X87Control.fixed
    pointee.x87.status = status
    pointee.x87.tag = 0
    for register in 0..<8 as Range<UInt16> where (tags >> (register * 2)) & 3 != 3 {
      pointee.x87.tag |= 1 << UInt8(register)
    }
    if hasDescriptors {
      pointee.x87.instructionPointer = UInt64(ip)
      pointee.x87.instructionSelector = UInt16(truncatingIfNeeded: code)
      pointee.x87.opcode = is16 ? 0 : UInt16(truncatingIfNeeded: code >> 16) & 0x7FF
      pointee.x87.dataPointer = UInt64(dp)
      pointee.x87.dataSelector = UInt16(truncatingIfNeeded: data)
    } else {
      let high: UInt32 = is16 ? 0xF000 : 0x0FFF_F000
      pointee.x87.instructionPointer = UInt64(ip & 0xFFFF | (code & high) << 4)
      pointee.x87.instructionSelector = 0
      pointee.x87.opcode = UInt16(truncatingIfNeeded: code) & 0x7FF
      pointee.x87.dataPointer = UInt64(dp & 0xFFFF | (data & high) << 4)
      pointee.x87.dataSelector = 0
    }
    updateX87Summary()
  }

  /// `FNSTENV`: then all exceptions are masked.
  func FNSTENV<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try checkX87()
    let linear = try x87Area(op, T.self == UInt16.self ? 14 : 28, Access.write)
    try storeEnvironment(linear, T.self)
    pointee.x87.control |= X87Control.exceptionMasks
    updateX87Summary()
  }

  func FLDENV<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try beginX87()
    try loadEnvironment(try x87Area(op, T.self == UInt16.self ? 14 : 28, Access.read), T.self)
  }

  /// `FNSAVE`: environment, ST(0)–ST(7), then as `FNINIT`.
  func FNSAVE<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try checkX87()
    let size = T.self == UInt16.self ? 14 : 28
    let linear = try x87Area(op, size + 80, Access.write)
    try storeEnvironment(linear, T.self)
    for index in 0..<8 as Range<UInt8> {
      let register = stackRegister(index)
      let at = linear &+ UInt64(size) &+ UInt64(index) * 10
      try Slow.store(self, at & pointee.linearMask, significand(register).pointee)
      try Slow.store(self, (at &+ 8) & pointee.linearMask, exponent(register).pointee)
    }
    initializeX87()
  }

  func FRSTOR<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try beginX87()
    let size = T.self == UInt16.self ? 14 : 28
    let linear = try x87Area(op, size + 80, Access.read)
    try loadEnvironment(linear, T.self)
    for index in 0..<8 as Range<UInt8> {
      let register = stackRegister(index)
      let at = linear &+ UInt64(size) &+ UInt64(index) * 10
      significand(register).pointee = try Slow.load(self, at & pointee.linearMask)
      exponent(register).pointee = try Slow.load(self, (at &+ 8) & pointee.linearMask)
    }
  }

  // MARK: Stack and moves

  /// Pushes a value; onto a register in use it is a stack fault.
  private func pushX87(_ op: OpPointer, _ value: ExtendedValue) {
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

  private func popX87() {
    pointee.x87.tag &= ~(1 << stackTop)
    stackTop = stackTop &+ 1
  }

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

  /// `FLD m80fp`: no conversion, hence no exception but a stack fault.
  func FLD_m80(_ op: OpPointer) throws(Exit) {
    try beginX87()
    let linear = try segmentedAddress(op, 10, Access.read)
    let pointer = try slowPointer(linear, 10, Access.read)
    let value = ExtendedValue(
      significand: pointer.loadUnaligned(as: UInt64.self),
      exponent: (pointer + 8).loadUnaligned(as: UInt16.self))
    pointee.bounceSize = 0
    pushX87(op, value)
  }

  func FSTP_m80(_ op: OpPointer) throws(Exit) {
    try beginX87()
    let linear = try segmentedAddress(op, 10, Access.write)
    let pointer = try slowPointer(linear, 10, Access.write)
    noteX87(op)
    var result = value(stackTop)
    if isValid(stackTop) {
      pointee.x87.status &= ~X87Status.C1
    } else {
      guard stackFault(isOverflow: false) else {
        pointee.bounceSize = 0
        return
      }
      result = .indefinite
    }
    pointer.storeUnaligned(result.significand)
    (pointer + 8).storeUnaligned(result.exponent)
    Slow.commit(self)
    popX87()
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

  func FLD1(_ op: OpPointer) throws(Exit) {
    try beginX87()
    pushX87(op, .one)
  }

  func FLDZ(_ op: OpPointer) throws(Exit) {
    try beginX87()
    pushX87(op, .zero)
  }

  func FILD_m16(_ op: OpPointer) throws(Exit) { try loadInteger(op, Int16.self) }
  func FILD_m32(_ op: OpPointer) throws(Exit) { try loadInteger(op, Int32.self) }
  func FILD_m64(_ op: OpPointer) throws(Exit) { try loadInteger(op, Int64.self) }

  private func loadInteger<T: FixedWidthInteger>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try beginX87()
    let value = try loadOperand(op, T.self)
    pushX87(op, ExtendedValue(Int64(truncatingIfNeeded: value)))
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

  /// The x87 instructions with arithmetic.
  func x87Unimplemented(_ op: OpPointer) throws(Exit) {
    try beginX87()
    throw unimplemented(op)
  }
}
