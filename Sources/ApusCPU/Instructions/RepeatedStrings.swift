// SDM Vol. 2, `REP`/`REPE`/`REPZ`/`REPNE`/`REPNZ`: the common case of `MOVS` and `STOS`. StringOperations.swift
// has all cases.

/// Runs of at most a page through the TLB, upwards, in 64-bit mode with flat segments. False, with nothing
/// done, for every other run.
enum FastRepeat {
  /// The bytes that the counter asks for; nil if they cannot lie in one page, or a flag calls for care.
  @inline(__always)
  private static func byteCount<T: OperandWidth>(_ cpu: CPU, _: T.Type) -> Int? {
    let size = MemoryLayout<T>.size
    let count = cpu[.rcx]
    guard _fastPath(count <= UInt64(4096 / size)),
      _fastPath(cpu.pointee.systemFlags & (RFLAGS.DF | RFLAGS.TF | RFLAGS.RF) == 0)
    else { return nil }
    return Int(truncatingIfNeeded: count) &* size
  }

  /// Host memory for `size` bytes at `linear`, if the TLB has it.
  @inline(__always)
  private static func pointer(_ cpu: CPU, _ linear: UInt64, _ size: Int, _ tagOffset: Int) -> RawPointer? {
    let entry = cpu.pointee.bank + TLB.entryOffset(linear)
    guard _fastPath(TLB.hits(entry.load(fromByteOffset: tagOffset, as: UInt64.self), linear, size)) else {
      return nil
    }
    let host = linear &+ entry.load(fromByteOffset: TLB.addend, as: UInt64.self)
    return RawPointer(bitPattern: UInt(truncatingIfNeeded: host))
  }

  @inline(__always)
  static func MOVS<T: OperandWidth>(_ cpu: CPU, _: T.Type) -> Bool {
    guard let size = byteCount(cpu, T.self) else { return false }
    if size == 0 { return true }
    let from = cpu[.rsi]
    let to = cpu[.rdi]
    guard let source = pointer(cpu, from, size, 0), let target = pointer(cpu, to, size, TLB.writeTag),
      // Where the target begins within the source, elements are read that were written before.
      _fastPath(UInt(bitPattern: target) &- UInt(bitPattern: source) >= UInt(bitPattern: size))
    else { return false }
    copy(source, target, size)
    cpu[.rsi] = from &+ UInt64(truncatingIfNeeded: size)
    cpu[.rdi] = to &+ UInt64(truncatingIfNeeded: size)
    cpu[.rcx] = 0
    return true
  }

  /// Most runs are a few bytes long, and a call of `memmove` would cost more than they do.
  @inline(__always)
  private static func copy(_ source: RawPointer, _ target: RawPointer, _ size: Int) {
    if size > 32 { return target.copyMemory(from: source, byteCount: size) }
    if size >= 16 { return copyEnds(source, target, size, SIMD2<UInt64>.self) }
    if size >= 8 { return copyEnds(source, target, size, UInt64.self) }
    if size >= 4 { return copyEnds(source, target, size, UInt32.self) }
    for index in 0..<size { (target + index).storeUnaligned((source + index).loadUnaligned(as: UInt8.self)) }
  }

  /// Copies the first and the last bytes, of which some may be the same.
  @inline(__always)
  private static func copyEnds<T>(_ source: RawPointer, _ target: RawPointer, _ size: Int, _: T.Type) {
    let last = size &- MemoryLayout<T>.size
    let low = source.loadUnaligned(as: T.self)
    let high = (source + last).loadUnaligned(as: T.self)
    target.storeUnaligned(low)
    (target + last).storeUnaligned(high)
  }

  @inline(__always)
  static func STOS<T: OperandWidth>(_ cpu: CPU, _: T.Type) -> Bool {
    guard let size = byteCount(cpu, T.self) else { return false }
    if size == 0 { return true }
    let to = cpu[.rdi]
    guard let target = pointer(cpu, to, size, TLB.writeTag) else { return false }
    fill(target, size, cpu.register(GPR.rax.slot, T.self))
    cpu[.rdi] = to &+ UInt64(truncatingIfNeeded: size)
    cpu[.rcx] = 0
    return true
  }

  @inline(__always)
  private static func fill<T: OperandWidth>(_ target: RawPointer, _ size: Int, _ value: T) {
    let pattern = value.zeroExtended &* (~0 / T.max.zeroExtended)
    let byte = UInt8(truncatingIfNeeded: value)
    if size > 32 && (MemoryLayout<T>.size == 1 || pattern == UInt64(byte) &* 0x0101_0101_0101_0101) {
      target.initializeMemory(as: UInt8.self, repeating: byte, count: size)
      return
    }
    var at = 0
    while at &+ 8 <= size {
      (target + at).storeUnaligned(pattern)
      at &+= 8
    }
    while at < size {
      (target + at).storeUnaligned(value)
      at &+= MemoryLayout<T>.size
    }
  }
}
