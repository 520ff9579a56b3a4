// SDM Vol. 1 ch. 5, "Data Transfer Instructions".

extension Body {
  @inline(__always)
  static func MOV_rr<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> OpPointer {
    cpu.setRegister(op.fields.destination, cpu.register(op.fields.source, T.self))
    return op.next
  }

  /// `MOV` of an immediate; only the 64-bit form has all 64 bits, in `displacement`.
  @inline(__always)
  static func MOV_ri<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> OpPointer {
    cpu.setRegister(op.fields.destination, T(truncatingIfNeeded: op.fields.displacement))
    return op.next
  }

  @inline(__always)
  static func MOV_rm<T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    try MOVZX_rm(cpu, op, T.self, T.self, F.self)
  }

  @inline(__always)
  static func MOV_mr<T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, Access.write, M.self)
    try M.store(cpu, linear, cpu.register(op.fields.source, T.self))
    return op.next
  }

  @inline(__always)
  static func MOV_mi<T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, Access.write, M.self)
    try M.store(cpu, linear, T(truncatingIfNeeded: op.fields.immediate))
    return op.next
  }

  @inline(__always)
  static func MOVZX_rr<S: OperandWidth, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _: S.Type, _: T.Type
  ) -> OpPointer {
    cpu.setRegister(
      op.fields.destination, T(truncatingIfNeeded: cpu.register(op.fields.source, S.self).zeroExtended))
    return op.next
  }

  @inline(__always)
  static func MOVZX_rm<S: OperandWidth, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _: S.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<S>.size, Access.read, M.self)
    let value = try M.load(cpu, linear, S.self)
    cpu.setRegister(op.fields.destination, T(truncatingIfNeeded: value.zeroExtended))
    return op.next
  }

  /// `MOVSX` and `MOVSXD`.
  @inline(__always)
  static func MOVSX_rr<S: OperandWidth, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _: S.Type, _: T.Type
  ) -> OpPointer {
    let value: S = cpu.register(op.fields.source)
    cpu.setRegister(op.fields.destination, T(truncatingIfNeeded: value.signExtended))
    return op.next
  }

  @inline(__always)
  static func MOVSX_rm<S: OperandWidth, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _: S.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<S>.size, Access.read, M.self)
    let value = try M.load(cpu, linear, S.self)
    cpu.setRegister(op.fields.destination, T(truncatingIfNeeded: value.signExtended))
    return op.next
  }

  @inline(__always)
  static func LEA_rm<T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let offset: UInt64
    if F.self == AddressS.self {
      offset = cpu.effectiveAddress(op)
    } else {
      offset = try F.linear(cpu, op, 1, Access.read, Fast.self)
    }
    cpu.setRegister(op.fields.destination, T(truncatingIfNeeded: offset))
    return op.next
  }

  @inline(__always)
  static func XCHG_rr<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> OpPointer {
    let a: T = cpu.register(op.fields.destination)
    let b: T = cpu.register(op.fields.source)
    cpu.setRegister(op.fields.destination, b)
    cpu.setRegister(op.fields.source, a)
    return op.next
  }

  @inline(__always)
  static func XCHG_mr<T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let register: T = cpu.register(op.fields.source)
    var old: T = 0
    let next = try modify(cpu, op, T.self, F.self, writes: true) {
      old = $0
      return register
    }
    cpu.setRegister(op.fields.source, old)
    return next
  }

  @inline(__always)
  static func XADD_rr<T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: T.Type
  ) -> OpPointer {
    let a: T = cpu.register(op.fields.destination)
    let b: T = cpu.register(op.fields.source)
    let sum = ADD.apply(a, b, &flags)
    cpu.setRegister(op.fields.source, a)
    cpu.setRegister(op.fields.destination, sum)
    return op.next
  }

  @inline(__always)
  static func XADD_mr<T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let register: T = cpu.register(op.fields.source)
    var old: T = 0
    let next = try modify(cpu, op, T.self, F.self, writes: true) {
      old = $0
      return ADD.apply($0, register, &flags)
    }
    cpu.setRegister(op.fields.source, old)
    return next
  }

  @inline(__always)
  static func CMPXCHG_rr<T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: T.Type
  ) -> OpPointer {
    let accumulator: T = cpu.register(GPR.rax.slot)
    let old: T = cpu.register(op.fields.destination)
    let isEqual = SUB.apply(accumulator, old, &flags) == 0
    if isEqual {
      cpu.setRegister(op.fields.destination, cpu.register(op.fields.source, T.self))
    } else {
      cpu.setRegister(GPR.rax.slot, old)
    }
    return op.next
  }

  /// The destination is written in either case, so a read-only page faults (SDM Vol. 2, `CMPXCHG`).
  @inline(__always)
  static func CMPXCHG_mr<T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let accumulator: T = cpu.register(GPR.rax.slot)
    let new: T = cpu.register(op.fields.source)
    var old: T = 0
    let next = try modify(cpu, op, T.self, F.self, writes: true) {
      old = $0
      return SUB.apply(accumulator, $0, &flags) == 0 ? new : $0
    }
    if old != accumulator { cpu.setRegister(GPR.rax.slot, old) }
    return next
  }

  @inline(__always)
  static func CMOVcc_rr<X: ConditionCode, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type, _: T.Type
  ) -> OpPointer {
    let a: T = cpu.register(op.fields.destination)
    let b: T = cpu.register(op.fields.source)
    cpu.setRegister(op.fields.destination, holds(X.self, flags) ? b : a)
    return op.next
  }

  @inline(__always)
  static func CMOVcc_rm<X: ConditionCode, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, Access.read, M.self)
    let b = try M.load(cpu, linear, T.self)
    let a: T = cpu.register(op.fields.destination)
    cpu.setRegister(op.fields.destination, holds(X.self, flags) ? b : a)
    return op.next
  }

  /// `CBW`, `CWDE`, `CDQE`.
  @inline(__always)
  static func CBW<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> OpPointer {
    let a: T = cpu.register(GPR.rax.slot)
    let shift = Int64(64 - T.bitWidth / 2)
    let wide = (Int64(bitPattern: a.zeroExtended) &<< shift) &>> shift
    cpu.setRegister(GPR.rax.slot, T(truncatingIfNeeded: wide))
    return op.next
  }

  /// `CWD`, `CDQ`, `CQO`.
  @inline(__always)
  static func CWD<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> OpPointer {
    let a: T = cpu.register(GPR.rax.slot)
    cpu.setRegister(GPR.rdx.slot, a.isNegative ? ~T(0) : 0)
    return op.next
  }

  /// Pushes in 64-bit mode.
  @inline(__always)
  static func push64(_ cpu: CPU, _ value: UInt64) throws(Exit) {
    let linear = cpu[.rsp] &- 8
    if !M.isFast { try cpu.checkFlatStack(linear, 8) }
    try M.store(cpu, linear, value)
    cpu[.rsp] = linear
  }

  @inline(__always)
  static func PUSH_r64(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> OpPointer {
    try push64(cpu, cpu.register(op.fields.source))
    return op.next
  }

  @inline(__always)
  static func PUSH_i64(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> OpPointer {
    try push64(cpu, UInt64(truncatingIfNeeded: op.fields.immediate))
    return op.next
  }

  @inline(__always)
  static func PUSH_m64<F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, 8, Access.read, M.self)
    try push64(cpu, try M.load(cpu, linear, UInt64.self))
    return op.next
  }

  @inline(__always)
  static func POP_r64(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> OpPointer {
    let linear = cpu[.rsp]
    if !M.isFast { try cpu.checkFlatStack(linear, 8) }
    let value = try M.load(cpu, linear, UInt64.self)
    cpu[.rsp] = linear &+ 8
    cpu.setRegister(op.fields.destination, value)
    return op.next
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// #SS(0) for a stack access outside the canonical range.
  func checkFlatStack(_ linear: UInt64, _ size: UInt64) throws(Exit) {
    guard isCanonical(linear) && isCanonical(linear &+ size &- 1) else { throw fault(.SS, .notCanonical) }
  }

  /// The mask of the stack pointer: SP, ESP or RSP by SS.B and mode.
  var stackMask: UInt64 {
    is64Bit ? ~0 : pointee.codeMode & CodeMode.stack32 != 0 ? 0xFFFF_FFFF : 0xFFFF
  }

  /// Writes the part of RSP that the stack size covers.
  func setStackPointer(_ value: UInt64) {
    let mask = stackMask
    self[.rsp] = mask == 0xFFFF ? (self[.rsp] & ~0xFFFF) | (value & 0xFFFF) : value & mask
  }

  /// The linear address of `size` bytes at stack offset `offset`, checked.
  func stackLinear(_ offset: UInt64, _ size: Int, _ access: UInt32) throws(Exit) -> UInt64 {
    let index = is64Bit ? SegmentName.flatStack : SegmentName.ss
    return try linearAddress(Int(index.rawValue), offset & stackMask, size, access)
  }

  /// Pushes in any mode; RSP changes only if the store succeeds.
  func push<T: OperandWidth>(_ value: T) throws(Exit) {
    let offset = self[.rsp] &- UInt64(MemoryLayout<T>.size)
    try Slow.store(self, try stackLinear(offset, MemoryLayout<T>.size, Access.write), value)
    setStackPointer(offset)
  }

  /// The value `depth` bytes above the stack pointer.
  func peekStack<T: OperandWidth>(_ depth: UInt64, _: T.Type) throws(Exit) -> T {
    try Slow.load(
      self, try stackLinear(self[.rsp] &+ depth, MemoryLayout<T>.size, Access.read), T.self)
  }

  func pop<T: OperandWidth>(_: T.Type) throws(Exit) -> T {
    let value = try peekStack(0, T.self)
    setStackPointer(self[.rsp] &+ UInt64(MemoryLayout<T>.size))
    return value
  }

  /// `PUSH` of a register outside the 64-bit form.
  func PUSH_r<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try push(register(op.fields.source, T.self))
  }

  func PUSH_i<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try push(T(truncatingIfNeeded: op.fields.immediate))
  }

  func PUSH_E<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try push(try readE(op, T.self))
  }

  func POP_r<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let value = try pop(T.self)
    setRegister(op.fields.destination, value)
  }

  /// `POP Ev`: an address that uses RSP is computed after the increment (SDM Vol. 2, `POP`).
  func POP_E<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let old = self[.rsp]
    let value = try pop(T.self)
    do {
      try writeE(op, value)
    } catch {
      self[.rsp] = old
      throw error
    }
  }

  /// `PUSHA`, `PUSHAD`: the stores are checked as a whole, so a fault leaves nothing changed but memory.
  func PUSHA<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let old = self[.rsp]
    do {
      for index in 0..<8 as Range<UInt8> {
        try push(index == GPR.rsp.rawValue ? T(truncatingIfNeeded: old) : register(index << 3, T.self))
      }
    } catch {
      self[.rsp] = old
      throw error
    }
  }

  /// `POPA`, `POPAD`: registers popped before a fault keep their values; restarting pops them again. The place of
  /// rSP is read, too.
  func POPA<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let size = UInt64(MemoryLayout<T>.size)
    for depth in 0..<8 as Range<UInt8> {
      let value = try peekStack(UInt64(depth) * size, T.self)
      if 7 - depth != GPR.rsp.rawValue { setRegister((7 - depth) << 3, value) }
    }
    setStackPointer(self[.rsp] &+ size * 8)
  }

  func MOVBE_GM<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    setRegister(op.fields.destination, try loadOperand(op, T.self).byteSwapped)
  }

  func MOVBE_MG<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try storeOperand(op, register(op.fields.source, T.self).byteSwapped)
  }

  /// `MOVNTI`: caching hints mean nothing here.
  func MOVNTI<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try storeOperand(op, register(op.fields.source, T.self))
  }

  /// `CMPXCHG8B`, and `CMPXCHG16B` with REX.W, which wants its operand aligned.
  func CMPXCHG8B<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    if T.self == UInt64.self {
      guard has(.cx16) else { throw fault(.UD, .instructionAbsent) }
      try compareExchangePair(op, UInt64.self, isAligned: true)
    } else {
      try compareExchangePair(op, UInt32.self, isAligned: false)
    }
  }

  private func compareExchangePair<T: OperandWidth>(
    _ op: OpPointer, _: T.Type, isAligned: Bool
  ) throws(Exit) {
    let size = MemoryLayout<T>.size
    if isAligned { try checkAlignment(op, 16) }
    let linear = try segmentedAddress(op, size * 2, Access.modify)
    let pointer = try slowPointer(linear, size * 2, Access.modify)
    let low = pointer.loadUnaligned(as: T.self)
    let high = (pointer + size).loadUnaligned(as: T.self)
    let isEqual = low == register(GPR.rax.slot) && high == register(GPR.rdx.slot)
    pointer.storeUnaligned(isEqual ? register(GPR.rbx.slot, T.self) : low)
    (pointer + size).storeUnaligned(isEqual ? register(GPR.rcx.slot, T.self) : high)
    Slow.commit(self)
    if !isEqual {
      setRegister(GPR.rax.slot, low)
      setRegister(GPR.rdx.slot, high)
    }
    flags = LazyFlags(image: (arithmeticFlags & ~RFLAGS.ZF) | (isEqual ? RFLAGS.ZF : 0))
  }

  /// `MOVSXD` with an operand-size prefix, from memory: AMD's processors read a doubleword (AMD APM Vol. 3,
  /// `MOVSXD`), Intel's a word, which is a `MOV`.
  func MOVSXD_w(_ op: OpPointer) throws(Exit) {
    let value = try loadOperand(op, UInt32.self)
    setRegister(op.fields.destination, UInt16(truncatingIfNeeded: value))
  }

  func XLAT(_ op: OpPointer) throws(Exit) {
    let offset = (self[.rbx] &+ (self[.rax] & 0xFF)) & op.fields.addressMask
    let linear = try linearAddress(op.fields.segmentIndex, offset, 1, Access.read)
    setRegister(GPR.rax.slot, try Slow.load(self, linear, UInt8.self))
  }
}
