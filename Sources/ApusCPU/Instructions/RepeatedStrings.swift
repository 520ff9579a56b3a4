// SDM Vol. 2, `REP`/`REPE`/`REPZ`/`REPNE`/`REPNZ`: the common case of `MOVS` and `STOS`. StringOperations.swift
// has all cases.

/// `value` in every element of eight bytes.
@inline(__always)
func repeated<T: OperandWidth>(_ value: T) -> UInt64 {
  value.zeroExtended &* (~0 / T.max.zeroExtended)
}

/// Runs of at most a page through the TLB, upwards, in 64-bit mode with flat segments. False, with nothing
/// done, for every other run. Who wants to see every access does not get here: only complete forms run then.
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

  @inline(__always)
  static func MOVS<T: OperandWidth>(_ cpu: CPU, _: T.Type) -> Bool {
    guard let size = byteCount(cpu, T.self) else { return false }
    if size == 0 { return true }
    let from = cpu[.rsi]
    let to = cpu[.rdi]
    guard let source = cpu.cachedPointer(from, size, isWrite: false),
      let target = cpu.cachedPointer(to, size, isWrite: true),
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
    guard let target = cpu.cachedPointer(to, size, isWrite: true) else { return false }
    fill(target, size, cpu.register(GPR.rax.slot, T.self))
    cpu[.rdi] = to &+ UInt64(truncatingIfNeeded: size)
    cpu[.rcx] = 0
    return true
  }

  /// Stores `value` over and over into `size` bytes, a multiple of its own size.
  @inline(__always)
  static func fill<T: OperandWidth>(_ target: RawPointer, _ size: Int, _ value: T) {
    let pattern = repeated(value)
    let byte = UInt8(truncatingIfNeeded: value)
    if size > 32 && pattern == repeated(byte) {
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
