// SDM Vol. 2, `MOV—Move to/from Control Registers`, `LMSW`, `SMSW`, `CLTS`, `XGETBV`, `XSETBV`.

extension UnsafeMutablePointer where Pointee == CPUState {
  /// #GP(0) outside CPL 0. Real-address mode is CPL 0, virtual-8086 mode CPL 3.
  @inline(__always)
  func requireCPL0() throws(Exit) {
    guard pointee.cpl == 0 else { throw fault(.GP, .privilegedInstruction) }
  }

  /// The general register of a control- or debug-register move: 64 bits in 64-bit mode, else 32.
  func controlOperand(_ op: OpPointer) -> UInt64 {
    is64Bit ? register(op.pointee.destination) : UInt64(register(op.pointee.destination, UInt32.self))
  }

  func setControlOperand(_ op: OpPointer, _ value: UInt64) {
    if is64Bit {
      setRegister(op.pointee.destination, value)
    } else {
      setRegister(op.pointee.destination, UInt32(truncatingIfNeeded: value))
    }
  }

  /// `MOV r, CRn`.
  func MOV_RC(_ op: OpPointer) throws(Exit) {
    let number = op.pointee.source
    guard number == 0 || number == 8 || 2...4 ~= number else { throw fault(.UD, .systemRegisterAbsent) }
    try requireCPL0()
    let value: UInt64
    switch number {
    case 0: value = pointee.cr0
    case 2: value = pointee.cr2
    case 3: value = pointee.cr3
    case 4: value = pointee.cr4
    default: value = UInt64(processor.bus.taskPriority & 15)
    }
    setControlOperand(op, value)
  }

  /// `MOV CRn, r`.
  func MOV_CR(_ op: OpPointer) throws(Exit) {
    let number = op.pointee.source
    guard number == 0 || number == 8 || 2...4 ~= number else { throw fault(.UD, .systemRegisterAbsent) }
    try requireCPL0()
    let value = controlOperand(op)
    switch number {
    case 0: try writeCR0(value)
    case 2: pointee.cr2 = value
    case 3: try writeCR3(value)
    case 4: try writeCR4(value)
    default: try writeCR8(value)
    }
  }

  /// `LMSW`: bits 3:0 of CR0; PE can be set but not cleared.
  func LMSW(_ op: OpPointer) throws(Exit) {
    try requireCPL0()
    let value = UInt64(try readE(op, UInt16.self))
    try writeCR0((pointee.cr0 & ~0xE) | (value & 0xF))
  }

  /// `SMSW`: memory gets 16 bits, a register as much of CR0 as the operand size has.
  func SMSW<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try checkUMIP()
    try storeWord(op, pointee.cr0, T.self)
  }

  func CLTS(_ op: OpPointer) throws(Exit) {
    try requireCPL0()
    pointee.cr0 &= ~CR0.TS
    updateVectorFaults()
    pointee.attention = 1
  }

  func XGETBV(_ op: OpPointer) throws(Exit) {
    guard pointee.cr4 & CR4.OSXSAVE != 0 else { throw fault(.UD, .osxsaveOff) }
    let value: UInt64
    switch self[.rcx] & 0xFFFF_FFFF {
    case 0: value = pointee.xcr0
    // XCR0 AND XINUSE, which has SSE state in use for the sake of MXCSR, too (SDM Vol. 2, `XGETBV`).
    case 1:
      let hasMXCSR = pointee.mxcsr != MXCSR.reset
      value = pointee.xcr0 & (componentsInUse | (hasMXCSR ? XState.sse : 0))
    default: throw fault(.GP, .xcrAbsent)
    }
    setPair(value)
  }

  func XSETBV(_ op: OpPointer) throws(Exit) {
    guard pointee.cr4 & CR4.OSXSAVE != 0 else { throw fault(.UD, .osxsaveOff) }
    try requireCPL0()
    let value = pair
    guard self[.rcx] & 0xFFFF_FFFF == 0 else { throw fault(.GP, .xcrAbsent) }
    guard XState.isValid(value, of: pointee.xcr0Supported) else { throw fault(.GP, .xcr0Value) }
    pointee.xcr0 = value
    updateVectorFaults()
  }

  // MARK: Protection keys

  func RDPKRU(_ op: OpPointer) throws(Exit) {
    guard pointee.cr4 & CR4.PKE != 0 else { throw fault(.UD, .pkeOff) }
    guard self[.rcx] & 0xFFFF_FFFF == 0 else { throw fault(.GP, .registerNotZero) }
    setPair(UInt64(pointee.pkru))
  }

  func WRPKRU(_ op: OpPointer) throws(Exit) {
    guard pointee.cr4 & CR4.PKE != 0 else { throw fault(.UD, .pkeOff) }
    guard (self[.rcx] | self[.rdx]) & 0xFFFF_FFFF == 0 else { throw fault(.GP, .registerNotZero) }
    setPKRU(UInt32(truncatingIfNeeded: self[.rax]))
  }

  /// What the old rights let into the TLB has to go.
  func setPKRU(_ value: UInt32) {
    guard value != pointee.pkru else { return }
    pointee.pkru = value
    if pointee.cr4 & CR4.PKE != 0 {
      flushTranslations(.all)
      pointee.attention = 1
    }
  }

  /// EDX:EAX.
  var pair: UInt64 { self[.rdx] << 32 | self[.rax] & 0xFFFF_FFFF }

  func setPair(_ value: UInt64) {
    self[.rax] = value & 0xFFFF_FFFF
    self[.rdx] = value >> 32
  }

  /// CR4.UMIP: user code may not see where system structures are (SDM Vol. 3, "Control Registers").
  func checkUMIP() throws(Exit) {
    if pointee.cr4 & CR4.UMIP != 0 { try requireCPL0() }
  }

  /// Stores a system register: 16 bits to memory, the whole operand size to a register.
  func storeWord<T: OperandWidth>(_ op: OpPointer, _ value: UInt64, _: T.Type) throws(Exit) {
    if op.pointee.isMemory {
      try writeE(op, UInt16(truncatingIfNeeded: value))
    } else {
      setRegister(op.pointee.base, T(truncatingIfNeeded: value))
    }
  }
}
