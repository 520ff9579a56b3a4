// The x87 instructions that control the unit and save its state. SDM Vol. 1, "x87 FPU Control Instructions".

extension UnsafeMutablePointer where Pointee == CPUState {
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

  /// Changes the pointers of the last instruction and nothing else.
  func FNOP(_ op: OpPointer) throws(Exit) {
    try beginX87()
    noteX87(op)
  }

  /// `WAIT`: CR0.MP decides whether CR0.TS counts; CR0.EM does not.
  func FWAIT(_ op: OpPointer) throws(Exit) {
    if pointee.cr0 & (CR0.MP | CR0.TS) == CR0.MP | CR0.TS { throw fault(.NM, .waitTaskSwitched) }
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

  /// The linear address of the environment, or of the whole state, with every page checked: the first word, then
  /// the last byte. The words have to be aligned if alignment is checked, the registers behind them need not.
  private func x87Area<T: OperandWidth>(
    _ op: OpPointer, _ size: Int, _ access: UInt32, _: T.Type
  ) throws(Exit) -> UInt64 {
    let word = T.self == UInt16.self ? 2 : 4
    try checkWrap(op, size, access)
    let linear = try segmentedAddress(op, word, access)
    try verify(linear, word, access)
    try verify(segmentedAddress(op, at: UInt64(size - 1), 1, access), 1, access)
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
    let linear = try x87Area(op, T.self == UInt16.self ? 14 : 28, Access.write, T.self)
    try storeEnvironment(linear, T.self)
    pointee.x87.control |= X87Control.exceptionMasks
    updateX87Summary()
  }

  func FLDENV<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try beginX87()
    let linear = try x87Area(op, T.self == UInt16.self ? 14 : 28, Access.read, T.self)
    try loadEnvironment(linear, T.self)
  }

  /// `FNSAVE`: environment, ST(0)–ST(7), then as `FNINIT`.
  func FNSAVE<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try checkX87()
    let size = T.self == UInt16.self ? 14 : 28
    let linear = try x87Area(op, size + 80, Access.write, T.self)
    try storeEnvironment(linear, T.self)
    for index in 0..<8 as Range<UInt8> {
      let register = stackRegister(index)
      let at = linear &+ UInt64(size) &+ UInt64(index) * 10
      try storeUnchecked(at, significand(register).pointee)
      try storeUnchecked(at &+ 8, exponent(register).pointee)
    }
    initializeX87()
  }

  func FRSTOR<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try beginX87()
    let size = T.self == UInt16.self ? 14 : 28
    let linear = try x87Area(op, size + 80, Access.read, T.self)
    try loadEnvironment(linear, T.self)
    for index in 0..<8 as Range<UInt8> {
      let register = stackRegister(index)
      let at = linear &+ UInt64(size) &+ UInt64(index) * 10
      significand(register).pointee = try loadUnchecked(at, UInt64.self)
      exponent(register).pointee = try loadUnchecked(at &+ 8, UInt16.self)
    }
  }
}
