// SDM Vol. 1 ch. 5, "Bit and Byte Instructions", and the bit counts.

/// What a bit-test instruction makes of the tested bit.
protocol BitOperation {
  static var writes: Bool { get }
  static func apply<T: OperandWidth>(_ a: T, _ bit: T) -> T
}
extension BitOperation { @inline(__always) static var writes: Bool { true } }

enum BT: BitOperation {
  @inline(__always) static var writes: Bool { false }
  @inline(__always) static func apply<T: OperandWidth>(_ a: T, _ bit: T) -> T { a }
}
enum BTS: BitOperation {
  @inline(__always) static func apply<T: OperandWidth>(_ a: T, _ bit: T) -> T { a | bit }
}
enum BTR: BitOperation {
  @inline(__always) static func apply<T: OperandWidth>(_ a: T, _ bit: T) -> T { a & ~bit }
}
enum BTC: BitOperation {
  @inline(__always) static func apply<T: OperandWidth>(_ a: T, _ bit: T) -> T { a ^ bit }
}

// Flags that the manuals leave undefined stay: those of the bit tests but CF, those of the scans but
// ZF. The counts clear all but OF.

extension Body {
  @inline(__always)
  static func bit_rr<A: BitOperation, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: A.Type, _: T.Type
  ) -> OpPointer {
    let bit = T(1) &<< cpu.register(op.fields.source, T.self)
    let a: T = cpu.register(op.fields.destination)
    flags = flags.replacing(carry: a & bit != 0 ? 1 : 0)
    if A.writes { cpu.setRegister(op.fields.destination, A.apply(a, bit)) }
    return op.next
  }

  @inline(__always)
  static func bit_ri<A: BitOperation, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: A.Type, _: T.Type
  ) -> OpPointer {
    let bit = T(1) &<< T(truncatingIfNeeded: op.fields.immediate)
    let a: T = cpu.register(op.fields.destination)
    flags = flags.replacing(carry: a & bit != 0 ? 1 : 0)
    if A.writes { cpu.setRegister(op.fields.destination, A.apply(a, bit)) }
    return op.next
  }

  @inline(__always)
  static func bit_mi<A: BitOperation, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: A.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let bit = T(1) &<< T(truncatingIfNeeded: op.fields.immediate)
    return try modify(cpu, op, T.self, F.self, writes: A.writes) {
      flags = flags.replacing(carry: $0 & bit != 0 ? 1 : 0)
      return A.apply($0, bit)
    }
  }

  /// The register holds a signed bit offset into a string of any length (SDM Vol. 1, "Bit Test and Modify").
  @inline(__always)
  static func bit_mr<A: BitOperation, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: A.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let offset = Int64(bitPattern: cpu.register(op.fields.source, T.self).signExtended)
    let bytes = (offset &>> Int64(T.log2 + 3)) &<< Int64(T.log2)
    let bit = T(1) &<< T(truncatingIfNeeded: offset)
    let access = A.writes ? Access.modify : Access.read
    let linear: UInt64
    if F.self == AddressS.self {
      guard !M.isFast else { throw Exit() }
      let effective = (cpu.effectiveAddress(op) &+ UInt64(bitPattern: bytes)) & op.fields.addressMask
      try cpu.checkSegmentOffset(op.pointer, effective)
      linear = try cpu.linearAddress(op.fields.segmentIndex, effective, MemoryLayout<T>.size, access)
    } else {
      linear =
        try F.linear(cpu, op, MemoryLayout<T>.size, access, M.self) &+ UInt64(bitPattern: bytes)
    }
    let pointer = try M.pointer(cpu, linear, T.self, access)
    let a = pointer.loadUnaligned(as: T.self)
    flags = flags.replacing(carry: a & bit != 0 ? 1 : 0)
    if A.writes {
      pointer.storeUnaligned(A.apply(a, bit))
      M.commit(cpu)
    } else if !M.isFast {
      cpu.pointee.bounceSize = 0
    }
    return op.next
  }

  @inline(__always)
  static func SETcc_r<X: ConditionCode>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type
  ) -> OpPointer {
    cpu.setRegister(op.fields.destination, holds(X.self, flags) ? UInt8(1) : 0)
    return op.next
  }

  @inline(__always)
  static func SETcc_m<X: ConditionCode, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: X.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, 1, Access.write, M.self)
    try M.store(cpu, linear, holds(X.self, flags) ? UInt8(1) : 0)
    return op.next
  }

  @inline(__always)
  static func BSWAP_r<T: OperandWidth>(_ cpu: CPU, _ op: some OpReference, _: T.Type) -> OpPointer {
    // 16-bit operands are undefined; processors clear the register's low word.
    let a: T = cpu.register(op.fields.destination)
    cpu.setRegister(op.fields.destination, T.self == UInt16.self ? 0 : a.byteSwapped)
    return op.next
  }
}

/// A bit scan or count: a function of the source alone, which may leave the destination as it was.
protocol BitScan {
  static func apply<T: OperandWidth>(_ a: T, _ old: T, _ cpu: CPU, _ flags: inout LazyFlags) -> T
}

extension BitScan {
  /// The flags with another ZF (`BSF`, `BSR`).
  @inline(__always)
  static func scanFlags(_ isZero: Bool, _ cpu: CPU, _ flags: LazyFlags) -> LazyFlags {
    LazyFlags(image: cpu.image(of: flags) & ~RFLAGS.ZF | (isZero ? RFLAGS.ZF : 0))
  }
  /// CF if the source is zero, ZF if the result is (`LZCNT`, `TZCNT`).
  @inline(__always)
  static func countFlags<T: OperandWidth>(
    _ source: T, _ result: T, _ flags: LazyFlags
  ) -> LazyFlags {
    LazyFlags(
      image: flags.overflow | (source == 0 ? RFLAGS.CF : 0) | (result == 0 ? RFLAGS.ZF : 0))
  }
}

/// With a zero source the destination is unchanged, as AMD documents and all processors do.
enum BSF: BitScan {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ old: T, _ cpu: CPU, _ flags: inout LazyFlags) -> T {
    flags = scanFlags(a == 0, cpu, flags)
    return a == 0 ? old : T(truncatingIfNeeded: a.trailingZeroBitCount)
  }
}

enum BSR: BitScan {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ old: T, _ cpu: CPU, _ flags: inout LazyFlags) -> T {
    flags = scanFlags(a == 0, cpu, flags)
    return a == 0 ? old : T(truncatingIfNeeded: T.bitWidth - 1 - a.leadingZeroBitCount)
  }
}

enum TZCNT: BitScan {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ old: T, _ cpu: CPU, _ flags: inout LazyFlags) -> T {
    let r = T(truncatingIfNeeded: a.trailingZeroBitCount)
    flags = countFlags(a, r, flags)
    return r
  }
}

enum LZCNT: BitScan {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ old: T, _ cpu: CPU, _ flags: inout LazyFlags) -> T {
    let r = T(truncatingIfNeeded: a.leadingZeroBitCount)
    flags = countFlags(a, r, flags)
    return r
  }
}

enum POPCNT: BitScan {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ old: T, _ cpu: CPU, _ flags: inout LazyFlags) -> T {
    flags = LazyFlags(image: a == 0 ? RFLAGS.ZF : 0)
    return T(truncatingIfNeeded: a.nonzeroBitCount)
  }
}

extension Body {
  @inline(__always)
  static func scan_rr<A: BitScan, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: A.Type, _: T.Type
  ) -> OpPointer {
    scan(cpu, op, cpu.register(op.fields.source, T.self), A.self, &flags)
  }

  @inline(__always)
  static func scan_rm<A: BitScan, T: OperandWidth, F: AddressForm>(
    _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags, _: A.Type, _: T.Type, _: F.Type
  ) throws(Exit) -> OpPointer {
    let linear = try F.linear(cpu, op, MemoryLayout<T>.size, Access.read, M.self)
    return scan(cpu, op, try M.load(cpu, linear, T.self), A.self, &flags)
  }

  @inline(__always)
  private static func scan<A: BitScan, T: OperandWidth>(
    _ cpu: CPU, _ op: some OpReference, _ a: T, _: A.Type, _ flags: inout LazyFlags
  ) -> OpPointer {
    let old: T = cpu.register(op.fields.destination)
    let r = A.apply(a, old, cpu, &flags)
    // BSF and BSR of zero leave even bits 63:32 alone.
    let keeps = a == 0 && (A.self == BSF.self || A.self == BSR.self)
    if !keeps { cpu.setRegister(op.fields.destination, r) }
    return op.next
  }
}

// MARK: CRC32

extension UnsafeMutablePointer where Pointee == CPUState {
  func CRC32_Eb(_ op: OpPointer) throws(Exit) { try accumulateCRC32(op, UInt8.self) }
  func CRC32<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) { try accumulateCRC32(op, T.self) }

  /// CRC-32C, polynomial 11EDC6F41h, bits reflected (SDM Vol. 2, `CRC32`). The upper half of the destination
  /// becomes zero at every width.
  @inline(__always)
  private func accumulateCRC32<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    var rest = try readE(op, T.self).zeroExtended ^ UInt64(register(op.fields.destination, UInt32.self))
    for _ in 0..<T.bitWidth { rest = rest &>> 1 ^ (rest & 1 != 0 ? 0x82F6_3B78 : 0) }
    setRegister(op.fields.destination, UInt32(truncatingIfNeeded: rest))
  }
}
