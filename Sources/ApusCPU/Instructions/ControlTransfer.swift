// SDM Vol. 1 ch. 5, "Control Transfer Instructions": the near ones. See FarTransfer.swift for the others.

/// The instructions of the block up to and with `op`, which stands for `count` of them. Added as bytes, so that the
/// sum is made before the budget is there: from one block's end to the next, the budget is what short loops wait for.
@inline(__always)
private func retiring(_ op: some OpReference, _ count: UInt8) -> Int64 { Int64(op.fields.count &+ count) }

extension Body {
  /// Whether a condition holds. A fast form knows how to tell without a call: see `isQuick`.
  @inline(__always)
  static func holds<X: ConditionCode>(_: X.Type, _ flags: LazyFlags) -> Bool {
    M.isFast ? X.holdsQuickly(flags) : X.holds(flags)
  }

  /// Ends the block: `retired` instructions from `op.count` on have retired, and control goes to one of two
  /// known targets.
  @inline(__always)
  static func branch(_ taken: Bool, _ cpu: CPU, _ op: some OpReference, retired: UInt8) -> OpPointer {
    let targets = op.targets
    let budget = cpu.pointee.budget &- retiring(op, retired)
    cpu.pointee.budget = budget
    if _slowPath(budget < 0) {
      cpu.pointee.rip = taken ? targets.pointee.takenRIP : targets.pointee.fallThroughRIP
      return OpPointer(bound: cpu.pointee.exitOp)
    }
    // A hint for its side effect: a jump that the host predicts. As a select between the two, everything after
    // the branch would wait for the guest's flags.
    if _fastPath(taken) { return targets.pointee.taken }
    return targets.pointee.fallThrough
  }

  /// Where control goes on at a computed address. A fast form knows only what the jump cache has: whether RIP may
  /// become the address (SDM Vol. 3, "Canonical Addressing") is left to the slow form.
  @inline(__always)
  static func target(_ cpu: CPU, _ rip: UInt64) throws(Exit) -> OpPointer {
    guard M.isFast else {
      guard cpu.isCanonical(rip) else { throw cpu.fault(.GP, .notCanonical) }
      return cpu.lookupOp
    }
    guard Fast.leads(cpu, to: rip) else { throw Exit() }
    let entry = cpu.pointee.bank + TLB.jumpCacheEntry(rip)
    // An empty entry can only match with an op that looks RIP up.
    return OpPointer(bound: entry.load(fromByteOffset: 8, as: RawPointer.self))
  }

  /// Ends the block with a jump to `next`, which is at `rip`.
  @inline(__always)
  static func jump(to next: OpPointer, at rip: UInt64, _ cpu: CPU, _ op: some OpReference) -> OpPointer {
    let budget = cpu.pointee.budget &- retiring(op, 1)
    cpu.pointee.budget = budget
    cpu.pointee.rip = rip
    return _fastPath(budget >= 0) ? next : OpPointer(bound: cpu.pointee.exitOp)
  }

  /// What a `CALL` to a computed address checks before it stores anything: the target, and that the return address
  /// has a place, which comes first (SDM Vol. 2, `CALL`). A fast form knows.
  @inline(__always)
  static func checkCall(_ cpu: CPU, _ target: UInt64) throws(Exit) {
    if M.isFast || cpu.isCanonical(target) { return }
    let stack = cpu[.rsp] &- 8
    try cpu.checkFlatStack(stack, 8)
    try cpu.verify(stack, 8, Access.write)
    throw cpu.fault(.GP, .notCanonical)
  }

  /// Notes for the `RET` to come that `targets.fallThrough` leads back. A slow form has no lasting targets.
  @inline(__always)
  static func noteCall(_ cpu: CPU, _ targets: UnsafeMutablePointer<BranchTargets>) {
    let bank = cpu.pointee.bank
    let top = (bank.load(fromByteOffset: TLB.returnTop, as: Int.self) &+ 8) & (TLB.returnStackSize - 8)
    bank.storeBytes(of: top, toByteOffset: TLB.returnTop, as: Int.self)
    let target = M.isFast ? RawPointer(targets) : RawPointer(cpu.lookupOp.targets)
    (bank + top).storeBytes(of: target, toByteOffset: TLB.returnStackOffset, as: RawPointer.self)
  }

  /// Ends the block with a return to `rip`, the stack pointer then being `stack`: by the return stack, or else as
  /// any jump. Nothing is stored before all is known, so that the compiler need not ask twice.
  @inline(__always)
  static func jump(
    backTo rip: UInt64, stack: UInt64, _ cpu: CPU, _ op: some OpReference
  ) throws(Exit) -> OpPointer {
    let bank = cpu.pointee.bank
    let top = bank.load(fromByteOffset: TLB.returnTop, as: Int.self)
    let expected = Fast.expectedReturn(bank, top)
    let next: OpPointer
    if _fastPath(expected.pointee.fallThroughRIP == rip) {
      next = expected.pointee.fallThrough
    } else {
      next = try target(cpu, rip)
    }
    bank.storeBytes(of: (top &- 8) & (TLB.returnStackSize - 8), toByteOffset: TLB.returnTop, as: Int.self)
    cpu[.rsp] = stack
    return jump(to: next, at: rip, cpu, op)
  }

  @inline(__always)
  static func JMP_J(_ cpu: CPU, _ op: some OpReference) -> OpPointer { branch(true, cpu, op, retired: 1) }

  /// The end of a block that stopped for its size or because something after it must be decoded anew.
  @inline(__always)
  static func blockEnd(_ cpu: CPU, _ op: some OpReference) -> OpPointer { branch(true, cpu, op, retired: 0) }

  @inline(__always)
  static func Jcc_J<X: ConditionCode>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type
  ) -> OpPointer {
    branch(holds(X.self, flags), cpu, op, retired: 1)
  }

  @inline(__always)
  static func CALL_J64(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> OpPointer {
    try push64(cpu, op.targets.pointee.fallThroughRIP)
    noteCall(cpu, op.targets)
    return branch(true, cpu, op, retired: 1)
  }

  /// A `CALL` to a computed address.
  @inline(__always)
  static func call(_ address: UInt64, _ cpu: CPU, _ op: some OpReference) throws(Exit) -> OpPointer {
    try checkCall(cpu, address)
    let next = try target(cpu, address)
    // The op behind it ends the block.
    let targets = op.next.targets
    try push64(cpu, M.isFast ? targets.pointee.fallThroughRIP : op.nextRIP)
    noteCall(cpu, targets)
    return jump(to: next, at: address, cpu, op)
  }

  @inline(__always)
  static func CALL_r64(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> OpPointer {
    try call(cpu.register(op.fields.base), cpu, op)
  }

  @inline(__always)
  static func CALL_m64<F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, 8, Access.read, M.self)
    return try call(try M.load(cpu, linear, UInt64.self), cpu, op)
  }

  @inline(__always)
  static func JMP_r64(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> OpPointer {
    let address: UInt64 = cpu.register(op.fields.base)
    return jump(to: try target(cpu, address), at: address, cpu, op)
  }

  @inline(__always)
  static func JMP_m64<F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, 8, Access.read, M.self)
    let address = try M.load(cpu, linear, UInt64.self)
    return jump(to: try target(cpu, address), at: address, cpu, op)
  }

  /// `RET`, and `RET Iw` with the bytes to drop as immediate.
  @inline(__always)
  static func RET64(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> OpPointer {
    let linear = cpu[.rsp]
    if !M.isFast { try cpu.checkFlatStack(linear, 8) }
    let target = try M.load(cpu, linear, UInt64.self)
    let stack = linear &+ 8 &+ UInt64(truncatingIfNeeded: op.fields.immediate)
    return try jump(backTo: target, stack: stack, cpu, op)
  }

  @inline(__always)
  static func LEAVE64(_ cpu: CPU, _ op: some OpReference) throws(Exit) -> OpPointer {
    let linear = cpu[.rbp]
    if !M.isFast { try cpu.checkFlatStack(linear, 8) }
    let frame = try M.load(cpu, linear, UInt64.self)
    cpu[.rbp] = frame
    cpu[.rsp] = linear &+ 8
    return op.next
  }

  /// Leads to a block in another page: through the jump cache, because the mapping may change.
  @inline(__always)
  static func linkFar(_ cpu: CPU, _ op: some OpReference) -> OpPointer {
    let rip = UInt64(bitPattern: op.fields.displacement)
    let entry = cpu.pointee.bank + TLB.jumpCacheEntry(rip)
    cpu.pointee.rip = rip
    if _fastPath(entry.load(as: UInt64.self) == rip ^ cpu.pointee.codeTag) {
      return OpPointer(bound: entry.load(fromByteOffset: 8, as: RawPointer.self))
    }
    return OpPointer(bound: cpu.pointee.lookupOp)
  }

  // Fused compare and branch: two instructions in one op.

  @inline(__always)
  static func CMPJcc_rr<X: ConditionCode, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type, _: T.Type
  ) -> OpPointer {
    let a: T = cpu.register(op.fields.destination)
    let b: T = cpu.register(op.fields.source)
    _ = CMP.apply(a, b, &flags)
    return branch(X.afterCompare(a, b), cpu, op, retired: 2)
  }

  @inline(__always)
  static func CMPJcc_ri<X: ConditionCode, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type, _: T.Type
  ) -> OpPointer {
    let a: T = cpu.register(op.fields.destination)
    let b = T(truncatingIfNeeded: op.fields.immediate)
    _ = CMP.apply(a, b, &flags)
    return branch(X.afterCompare(a, b), cpu, op, retired: 2)
  }

  @inline(__always)
  static func CMPJcc_rm<X: ConditionCode, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, Access.read, M.self)
    let b = try M.load(cpu, linear, T.self)
    let a: T = cpu.register(op.fields.destination)
    _ = CMP.apply(a, b, &flags)
    return branch(X.afterCompare(a, b), cpu, op, retired: 2)
  }

  @inline(__always)
  static func CMPJcc_mr<X: ConditionCode, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, Access.read, M.self)
    let a = try M.load(cpu, linear, T.self)
    let b: T = cpu.register(op.fields.source)
    _ = CMP.apply(a, b, &flags)
    return branch(X.afterCompare(a, b), cpu, op, retired: 2)
  }

  @inline(__always)
  static func CMPJcc_mi<X: ConditionCode, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, Access.read, M.self)
    let a = try M.load(cpu, linear, T.self)
    let b = T(truncatingIfNeeded: op.fields.immediate)
    _ = CMP.apply(a, b, &flags)
    return branch(X.afterCompare(a, b), cpu, op, retired: 2)
  }

  @inline(__always)
  static func TESTJcc_rr<X: ConditionCode, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type, _: T.Type
  ) -> OpPointer {
    let r: T = TEST.apply(
      cpu.register(op.fields.destination), cpu.register(op.fields.source), &flags)
    return branch(X.afterLogic(r), cpu, op, retired: 2)
  }

  @inline(__always)
  static func TESTJcc_ri<X: ConditionCode, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type, _: T.Type
  ) -> OpPointer {
    let r: T = TEST.apply(
      cpu.register(op.fields.destination), T(truncatingIfNeeded: op.fields.immediate), &flags)
    return branch(X.afterLogic(r), cpu, op, retired: 2)
  }

  @inline(__always)
  static func TESTJcc_mi<X: ConditionCode, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, Access.read, M.self)
    let a = try M.load(cpu, linear, T.self)
    let r = TEST.apply(a, T(truncatingIfNeeded: op.fields.immediate), &flags)
    return branch(X.afterLogic(r), cpu, op, retired: 2)
  }

  /// `ADD`/`SUB` register, immediate and a branch on ZF.
  @inline(__always)
  static func ALUJZ_ri<A: BinaryOperation, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: A.Type, _: T.Type, ifZero: Bool
  ) -> OpPointer {
    let r: T = A.apply(
      cpu.register(op.fields.destination), T(truncatingIfNeeded: op.fields.immediate), &flags)
    cpu.setRegister(op.fields.destination, r)
    return branch((r == 0) == ifZero, cpu, op, retired: 2)
  }

  /// `INC`/`DEC` register and a branch on ZF.
  @inline(__always)
  static func incJZ_r<U: UnaryOperation, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: U.Type, _: T.Type, ifZero: Bool
  ) -> OpPointer {
    let r = U.apply(cpu.register(op.fields.destination, T.self), cpu, op, &flags)
    cpu.setRegister(op.fields.destination, r)
    return branch((r == 0) == ifZero, cpu, op, retired: 2)
  }
}

extension Fast {
  /// Whether the jump cache has the code at `target`. Stamps ask before they run the body of a computed jump.
  @inline(__always)
  static func leads(_ cpu: CPU, to target: UInt64) -> Bool {
    let entry = cpu.pointee.bank + TLB.jumpCacheEntry(target)
    return _fastPath(entry.load(as: UInt64.self) == target ^ cpu.pointee.codeTag)
  }

  /// Whether a return to `target` is what the return stack expects, or the jump cache has the code there.
  @inline(__always)
  static func returns(_ cpu: CPU, to target: UInt64) -> Bool {
    let bank = cpu.pointee.bank
    let expected = expectedReturn(bank, bank.load(fromByteOffset: TLB.returnTop, as: Int.self))
    return _fastPath(expected.pointee.fallThroughRIP == target) || leads(cpu, to: target)
  }

  @inline(__always)
  static func expectedReturn(_ bank: RawPointer, _ top: Int) -> UnsafeMutablePointer<BranchTargets> {
    (bank + top).load(fromByteOffset: TLB.returnStackOffset, as: RawPointer.self)
      .assumingMemoryBound(to: BranchTargets.self)
  }

  /// The eight bytes at a linear address that the TLB is known to have.
  @inline(__always)
  static func known(_ cpu: CPU, _ linear: UInt64) -> UInt64 {
    let entry = cpu.pointee.bank + TLB.entryOffset(linear)
    let host = linear &+ entry.load(fromByteOffset: TLB.addend, as: UInt64.self)
    return RawPointer(bitPattern: UInt(truncatingIfNeeded: host)).unsafelyUnwrapped.loadUnaligned(
      as: UInt64.self)
  }
}

extension OpPointer {
  /// An op whose address is kept raw in the state block.
  @inline(__always)
  init(bound raw: RawPointer) { self = raw.assumingMemoryBound(to: DecodedOp.self) }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  @inline(__always) var lookupOp: OpPointer { OpPointer(bound: pointee.lookupOp) }
  @inline(__always) var exitOp: OpPointer { OpPointer(bound: pointee.exitOp) }

  /// Ends the block from a slow function with control at `rip`.
  @inline(__always)
  func leave(_ op: OpPointer, to rip: UInt64) -> OpPointer {
    pointee.budget &-= Int64(op.fields.count) &+ 1
    pointee.rip = rip
    return lookupOp
  }

  /// The mask of a near branch target for an operand width.
  @inline(__always)
  func nearTarget<T: OperandWidth>(_ value: T) throws(Exit) -> UInt64 {
    let target = value.zeroExtended
    if is64Bit {
      guard isCanonical(target) else { throw fault(.GP, .notCanonical) }
    } else if target > UInt64(segment(.cs).pointee.limit) {
      throw fault(.GP, .limitOfCode)
    }
    return target
  }

  /// What forbids the target of a near branch.
  private var targetRule: Rule { is64Bit ? .notCanonical : .limitOfCode }

  /// `nearTarget` for a `CALL`: that the return address has a place is looked at first (SDM Vol. 2, `CALL`).
  private func callTarget<T: OperandWidth>(_ value: T) throws(Exit) -> UInt64 {
    do throws(Exit) {
      return try nearTarget(value)
    } catch {
      let size = MemoryLayout<T>.size
      try verify(try stackLinear(self[.rsp] &- UInt64(size), size, Access.write), size, Access.write)
      throw fault(.GP, targetRule)
    }
  }

  /// The width of a near branch outside its 64-bit form is in the op as `scale`: see the decoder.
  func CALL_J<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let target = try callTarget(T(truncatingIfNeeded: op.fields.displacement))
    try push(T(truncatingIfNeeded: op.nextRIP))
    return leave(op, to: target)
  }

  func CALL_E<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let target = try callTarget(try readE(op, T.self))
    try push(T(truncatingIfNeeded: op.nextRIP))
    return leave(op, to: target)
  }

  func JMP_E<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    leave(op, to: try nearTarget(try readE(op, T.self)))
  }

  /// A near `JMP` or `Jcc` whose taken target faults: outside the limit or not canonical. The condition is
  /// in `source`, 16 for none.
  func branchBeyondLimit(_ op: OpPointer) throws(Exit) -> OpPointer {
    let code = UInt32(op.fields.source)
    if code == 16 || conditionHolds(code, arithmeticFlags) { throw fault(.GP, targetRule) }
    return leave(op, to: op.nextRIP & instructionPointerMask)
  }

  func RET<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let target = try nearTarget(try peekStack(0, T.self))
    setStackPointer(
      self[.rsp] &+ UInt64(MemoryLayout<T>.size) &+ UInt64(truncatingIfNeeded: op.fields.immediate))
    return leave(op, to: target)
  }

  func LEAVE<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let value = try Slow.load(
      self, try stackLinear(self[.rbp], MemoryLayout<T>.size, Access.read), T.self)
    setStackPointer(self[.rbp] &+ UInt64(MemoryLayout<T>.size))
    setRegister(GPR.rbp.slot, value)
  }

  /// All ones in the bits that RIP has in the present mode.
  var instructionPointerMask: UInt64 { is64Bit ? ~0 : 0xFFFF_FFFF }

  /// `LOOP`, `LOOPE`, `LOOPNE`: the counter has the address size; no flag changes.
  func LOOP(_ op: OpPointer) throws(Exit) -> OpPointer { try loop(op) { _ in true } }
  func LOOPE(_ op: OpPointer) throws(Exit) -> OpPointer { try loop(op) { $0 & RFLAGS.ZF != 0 } }
  func LOOPNE(_ op: OpPointer) throws(Exit) -> OpPointer { try loop(op) { $0 & RFLAGS.ZF == 0 } }

  private func loop(_ op: OpPointer, _ condition: (UInt64) -> Bool) throws(Exit) -> OpPointer {
    let mask = op.fields.addressMask
    let count = (self[.rcx] &- 1) & mask
    let taken = count != 0 && condition(arithmeticFlags)
    let target = UInt64(bitPattern: op.fields.displacement)
    if taken { _ = try nearTarget(target) }
    setCounter(count, mask)
    return leave(op, to: taken ? target : op.nextRIP & instructionPointerMask)
  }

  func JrCXZ(_ op: OpPointer) throws(Exit) -> OpPointer {
    guard self[.rcx] & op.fields.addressMask == 0 else {
      return leave(op, to: op.nextRIP & instructionPointerMask)
    }
    return leave(op, to: try nearTarget(UInt64(bitPattern: op.fields.displacement)))
  }

  /// Writes CX, ECX or RCX by the address mask.
  @inline(__always)
  func setCounter(_ value: UInt64, _ mask: UInt64) { setIndex(.rcx, value, mask) }

  /// Writes a register at the address size: 16 bits keep the rest, 32 bits clear it.
  @inline(__always)
  func setIndex(_ register: GPR, _ value: UInt64, _ mask: UInt64) {
    self[register] = mask == 0xFFFF ? (self[register] & ~0xFFFF) | (value & 0xFFFF) : value & mask
  }
}
