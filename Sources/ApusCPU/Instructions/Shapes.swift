/// How a memory operand's address is formed. Chosen at decode time.
protocol AddressForm {
  /// The linear address, unchecked.
  static func unchecked(_ cpu: CPU, _ op: some OpReference) -> UInt64
  /// Whether the segment admits `size` bytes there; true where the form needs no such check.
  static func isInside(_ cpu: CPU, _ op: some OpReference, _ size: Int, _ access: UInt32) -> Bool
  /// The linear address of `size` bytes, checked as far as `M` demands.
  static func linear<M: MemoryAccess>(
    _ cpu: CPU, _ op: some OpReference, _ size: Int, _ access: UInt32, _ memory: M.Type
  ) throws(Exit) -> UInt64
}

extension AddressForm {
  @inline(__always)
  static func isInside(_ cpu: CPU, _ op: some OpReference, _ size: Int, _ access: UInt32) -> Bool { true }

  @inline(__always)
  static func linear<M: MemoryAccess>(
    _ cpu: CPU, _ op: some OpReference, _ size: Int, _ access: UInt32, _ memory: M.Type
  ) throws(Exit) -> UInt64 {
    unchecked(cpu, op)
  }
}

/// 64-bit mode, no segment base: base + displacement.
enum AddressB: AddressForm {
  @inline(__always)
  static func unchecked(_ cpu: CPU, _ op: some OpReference) -> UInt64 {
    cpu.register(op.fields.base, UInt64.self) &+ UInt64(bitPattern: op.fields.displacement)
  }
}

/// 64-bit mode: base + index × scale + displacement; FS and GS bases come as the index.
enum AddressF: AddressForm {
  @inline(__always)
  static func unchecked(_ cpu: CPU, _ op: some OpReference) -> UInt64 {
    cpu.register(op.fields.base, UInt64.self)
      &+ (cpu.register(op.fields.index, UInt64.self) &<< UInt64(op.fields.scale))
      &+ UInt64(bitPattern: op.fields.displacement)
  }
}

/// Everything else: any address size, segment base, limit and type.
enum AddressS: AddressForm {
  @inline(__always)
  static func linear<M: MemoryAccess>(
    _ cpu: CPU, _ op: some OpReference, _ size: Int, _ access: UInt32, _ memory: M.Type
  ) throws(Exit) -> UInt64 {
    if !M.isFast { return try cpu.segmentedAddress(op.pointer, size, access) }
    guard isInside(cpu, op, size, access) else { throw Exit() }
    return unchecked(cpu, op)
  }

  @inline(__always)
  static func unchecked(_ cpu: CPU, _ op: some OpReference) -> UInt64 {
    let base = cpu.segment(at: op.fields.segmentIndex).pointee.base
    return (cpu.effectiveAddress(op) &+ base) & cpu.pointee.linearMask
  }

  @inline(__always)
  static func isInside(_ cpu: CPU, _ op: some OpReference, _ size: Int, _ access: UInt32) -> Bool {
    let offset = cpu.effectiveAddress(op)
    let segment = cpu.segment(at: op.fields.segmentIndex)
    let isWrite = access & Access.write != 0
    let low = isWrite ? segment.pointee.writeLow : segment.pointee.readLow
    let high = isWrite ? segment.pointee.writeHigh : segment.pointee.readHigh
    return offset >= low && offset &+ UInt64(size - 1) <= high
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// The offset part of an op's memory operand, wrapped to the address size.
  @inline(__always)
  func effectiveAddress(_ op: some OpReference) -> UInt64 {
    (register(op.fields.base, UInt64.self)
      &+ (register(op.fields.index, UInt64.self) &<< UInt64(op.fields.scale))
      &+ UInt64(bitPattern: op.fields.displacement)) & op.fields.addressMask
  }

  /// The linear address of an op's memory operand with every segment check.
  @inline(never)
  func segmentedAddress(_ op: OpPointer, _ size: Int, _ access: UInt32) throws(Exit) -> UInt64 {
    try segmentedAddress(op, at: 0, size, access)
  }

  /// The linear address of `size` bytes that lie `distance` bytes behind the beginning of an op's memory operand:
  /// one of several accesses, each with an address of its own that wraps at the address size.
  func segmentedAddress(
    _ op: OpPointer, at distance: UInt64, _ size: Int, _ access: UInt32
  ) throws(Exit) -> UInt64 {
    let offset = (effectiveAddress(op) &+ distance) & op.fields.addressMask
    if is64Bit { try checkSegmentOffset(op, offset) }
    return try linearAddress(op.fields.segmentIndex, offset, size, access)
  }

  /// The fault of an operand of `size` bytes that goes beyond the end of 64 KiB: with 16-bit addresses, none of its
  /// parts is accessed then.
  func checkWrap(_ op: OpPointer, _ size: Int, _ access: UInt32) throws(Exit) {
    if op.fields.addressMask == 0xFFFF { _ = try segmentedAddress(op, size, access) }
  }

  /// #GP(0) for an operand with FS or GS in a hot address form whose offset is not canonical: see `linearAddress`.
  @inline(never)
  func checkSegmentOffset(_ op: OpPointer, _ linear: UInt64) throws(Exit) {
    let index = op.fields.index
    guard index == Layout.fsBase || index == Layout.gsBase, !pointee.isIntel else { return }
    guard isCanonical(linear &- register(index, UInt64.self)) else { throw fault(.GP, .notCanonical) }
  }

  /// The linear address of `size` bytes at `offset` of a segment (SDM Vol. 3, "Limit Checking", "Type
  /// Checking"; in 64-bit mode "Canonical Addressing"). AMD's processors want the offset canonical, too, where FS or
  /// GS has a base; the hot forms, which look at the linear address alone, differ from that only for pages less
  /// than a segment base away from the boundary.
  func linearAddress(
    _ index: Int, _ offset: UInt64, _ size: Int, _ access: UInt32
  ) throws(Exit) -> UInt64 {
    let segment = segment(at: index)
    let isWrite = access & Access.write != 0
    let low = isWrite ? segment.pointee.writeLow : segment.pointee.readLow
    let high = isWrite ? segment.pointee.writeHigh : segment.pointee.readHigh
    let isStack = index == Int(SegmentName.ss.rawValue) || index == Int(SegmentName.flatStack.rawValue)
    let linear = (offset &+ segment.pointee.base) & pointee.linearMask
    guard offset >= low && offset &+ UInt64(size - 1) <= high,
      isCanonical(linear), isCanonical((linear &+ UInt64(size - 1)) & pointee.linearMask),
      !is64Bit || pointee.isIntel || isCanonical(offset)
    else { throw fault(isStack ? .SS : .GP, is64Bit ? .notCanonical : .segmentLimit) }
    return linear
  }

  /// #GP(0) unless an op's memory operand is aligned to `size` bytes: it comes before the check for a canonical
  /// address, whose fault may be #SS.
  func checkAlignment(_ op: OpPointer, _ size: UInt64) throws(Exit) {
    let base = segment(at: op.fields.segmentIndex).pointee.base
    guard (effectiveAddress(op) &+ base) & (size - 1) == 0 else { throw fault(.GP, .notAligned) }
  }
}

/// An operation with two operands and one result, at any width.
protocol BinaryOperation {
  /// False for `CMP` and `TEST`, which only set flags.
  static var writes: Bool { get }
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ flags: inout LazyFlags) -> T
}
extension BinaryOperation { @inline(__always) static var writes: Bool { true } }

/// An operation on one operand; shifts find their count in the op or in CL.
protocol UnaryOperation {
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
}

/// The instruction bodies of the hot stamps, by operand shape: r register, i immediate, m memory, destination
/// first. Each returns the op to go on with.
enum Body<M: MemoryAccess> {
  @inline(__always)
  static func rr<A: BinaryOperation, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: A.Type, _: T.Type
  ) -> OpPointer {
    let result: T = A.apply(
      cpu.register(op.fields.destination), cpu.register(op.fields.source), &flags)
    if A.writes { cpu.setRegister(op.fields.destination, result) }
    return op.next
  }

  @inline(__always)
  static func ri<A: BinaryOperation, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: A.Type, _: T.Type
  ) -> OpPointer {
    let result: T = A.apply(
      cpu.register(op.fields.destination), T(truncatingIfNeeded: op.fields.immediate), &flags)
    if A.writes { cpu.setRegister(op.fields.destination, result) }
    return op.next
  }

  @inline(__always)
  static func rm<A: BinaryOperation, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: A.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, Access.read, M.self)
    let value = try M.load(cpu, linear, T.self)
    let result: T = A.apply(cpu.register(op.fields.destination), value, &flags)
    if A.writes { cpu.setRegister(op.fields.destination, result) }
    return op.next
  }

  @inline(__always)
  static func mr<A: BinaryOperation, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: A.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    try modify(cpu, op, T.self, F.self, writes: A.writes) {
      A.apply($0, cpu.register(op.fields.source), &flags)
    }
  }

  @inline(__always)
  static func mi<A: BinaryOperation, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: A.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    try modify(cpu, op, T.self, F.self, writes: A.writes) {
      A.apply($0, T(truncatingIfNeeded: op.fields.immediate), &flags)
    }
  }

  /// Reads a memory operand, and stores what `body` makes of it unless the operation only tests.
  @inline(__always)
  static func modify<T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _: T.Type, _: F.Type, writes: Bool, _ body: (T) -> T
  ) throws(Exit) -> OpPointer {
    let access = writes ? Access.modify : Access.read
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, access, M.self)
    let pointer = try M.pointer(cpu, linear, T.self, access)
    let result = body(pointer.loadUnaligned(as: T.self))
    if writes {
      pointer.storeUnaligned(result)
      M.commit(cpu)
    } else if !M.isFast {
      cpu.pointee.bounceSize = 0
    }
    return op.next
  }

  @inline(__always)
  static func r<U: UnaryOperation, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: U.Type, _: T.Type
  ) -> OpPointer {
    cpu.setRegister(
      op.fields.destination, U.apply(cpu.register(op.fields.destination, T.self), cpu, op, &flags))
    return op.next
  }

  @inline(__always)
  static func m<U: UnaryOperation, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: U.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    try modify(cpu, op, T.self, F.self, writes: true) { U.apply($0, cpu, op, &flags) }
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// The E operand of an op decoded for a slow function: memory, or the register in `base`.
  @inline(__always)
  func readE<T: OperandWidth>(_ op: OpPointer, _ type: T.Type = T.self) throws(Exit) -> T {
    guard op.fields.isMemory else { return register(op.fields.base) }
    return try loadOperand(op)
  }

  /// Stores to the E operand. A 32-bit register write zero-extends.
  @inline(__always)
  func writeE<T: OperandWidth>(_ op: OpPointer, _ value: T) throws(Exit) {
    guard op.fields.isMemory else { return setRegister(op.fields.base, value) }
    let linear = try segmentedAddress(op, MemoryLayout<T>.size, Access.write)
    try Slow.store(self, linear, value)
  }

  /// Replaces the E operand by what `body` makes of it.
  @inline(__always)
  func modifyE<T: OperandWidth>(
    _ op: OpPointer, _ type: T.Type, _ body: (T) throws(Exit) -> T
  ) throws(Exit) {
    guard op.fields.isMemory else {
      return setRegister(op.fields.base, try body(register(op.fields.base)))
    }
    let linear = try segmentedAddress(op, MemoryLayout<T>.size, Access.modify)
    let pointer = try slowPointer(linear, MemoryLayout<T>.size, Access.modify)
    let result = try body(pointer.loadUnaligned(as: T.self))
    pointer.storeUnaligned(result)
    Slow.commit(self)
  }

  /// Loads any trivial value from an op's memory operand.
  @inline(__always)
  func loadOperand<T>(_ op: OpPointer, _ type: T.Type = T.self) throws(Exit) -> T {
    let linear = try segmentedAddress(op, MemoryLayout<T>.size, Access.read)
    return try Slow.load(self, linear)
  }

  /// Stores any trivial value to an op's memory operand.
  @inline(__always)
  func storeOperand<T>(_ op: OpPointer, _ value: T) throws(Exit) {
    let linear = try segmentedAddress(op, MemoryLayout<T>.size, Access.write)
    try Slow.store(self, linear, value)
  }
}
