/// `PCMPESTRI`, `PCMPESTRM`, `PCMPISTRI`, `PCMPISTRM` (SDM Vol. 2, "Imm8 Control Byte Operation for PCMPESTRI/
/// PCMPESTRM/PCMPISTRI/PCMPISTRM").
package struct StringComparison {
  /// One bit per element of the second operand.
  package let mask: UInt32
  package let count: Int
  private let lengths: (Int, Int)

  /// Compares the first `lengths` elements of `a` and `b` as the control byte tells: bits 1:0 elements (unsigned
  /// or signed, bytes or words), 3:2 aggregation, 5:4 polarity.
  package init(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, _ lengths: (Int, Int), _ control: UInt8) {
    let count = control & 1 == 0 ? 16 : 8
    self.count = count
    self.lengths = lengths
    func element(_ vector: SIMD16<UInt8>, _ index: Int) -> Int32 {
      switch control & 3 {
      case 0: return Int32(vector[index])
      case 1: return Int32(vector.words[index])
      case 2: return Int32(vector.signedBytes[index])
      default: return Int32(vector.signedWords[index])
      }
    }
    var result: UInt32 = 0
    for j in 0..<count {
      let isSet: Bool
      switch control >> 2 & 3 {
      case 0:  // equal any
        isSet = j < lengths.1 && (0..<lengths.0).contains { element(a, $0) == element(b, j) }
      case 1:  // ranges
        isSet =
          j < lengths.1
          && stride(from: 0, to: lengths.0 & ~1, by: 2).contains {
            element(a, $0) <= element(b, j) && element(b, j) <= element(a, $0 + 1)
          }
      case 2:  // equal each: elements past both ends are equal
        isSet = (j < lengths.0) == (j < lengths.1) && (j >= lengths.0 || element(a, j) == element(b, j))
      default:  // equal ordered: past the end of `a` everything matches
        isSet = (0..<min(lengths.0, count - j)).allSatisfy {
          j + $0 < lengths.1 && element(a, $0) == element(b, j + $0)
        }
      }
      if isSet { result |= 1 << UInt32(j) }
    }
    switch control >> 4 & 3 {
    case 1: result ^= 1 << UInt32(count) &- 1
    case 3: result ^= 1 << UInt32(lengths.1) &- 1
    default: break
    }
    mask = result
  }

  /// Elements before the first that is zero.
  package static func implicitLength(_ a: SIMD16<UInt8>, _ control: UInt8) -> Int {
    let count = control & 1 == 0 ? 16 : 8
    for index in 0..<count where count == 16 ? a[index] == 0 : a.words[index] == 0 { return index }
    return count
  }

  /// The magnitude of a length register, at most the number of elements.
  package static func explicitLength(_ value: Int64, _ control: UInt8) -> Int {
    Int(min(value.magnitude, control & 1 == 0 ? 16 : 8))
  }

  /// The index of the lowest or, with bit 6 of the control byte, highest bit set; `count` if there is none.
  package func index(_ control: UInt8) -> UInt32 {
    if mask == 0 { return UInt32(count) }
    return UInt32(control & 0x40 == 0 ? mask.trailingZeroBitCount : 31 - mask.leadingZeroBitCount)
  }

  /// The mask as bits or, with bit 6 of the control byte, as elements of all ones.
  package func vector(_ control: UInt8) -> SIMD16<UInt8> {
    if control & 0x40 == 0 { return SIMD16(quadwords: SIMD2(UInt64(mask), 0)) }
    var result = SIMD16<UInt8>()
    for byte in 0..<16 where mask >> UInt32(byte * count / 16) & 1 != 0 { result[byte] = 0xFF }
    return result
  }

  /// CF any bit set, ZF and SF whether the second and the first operand end early, OF bit 0.
  package var flags: UInt64 {
    (mask != 0 ? RFLAGS.CF : 0) | (lengths.1 < count ? RFLAGS.ZF : 0)
      | (lengths.0 < count ? RFLAGS.SF : 0) | (mask & 1 != 0 ? RFLAGS.OF : 0)
  }
}

extension VectorForm {
  static func PCMPESTRM<T: OperandWidth>(_ cpu: CPU, _ op: OpPointer, _: T.Type) throws(Exit) {
    setMask(cpu, op, try explicitComparison(cpu, op, T.self))
  }
  static func PCMPESTRI<T: OperandWidth>(_ cpu: CPU, _ op: OpPointer, _: T.Type) throws(Exit) {
    setIndex(cpu, op, try explicitComparison(cpu, op, T.self))
  }
  static func PCMPISTRM(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    setMask(cpu, op, try implicitComparison(cpu, op))
  }
  static func PCMPISTRI(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    setIndex(cpu, op, try implicitComparison(cpu, op))
  }

  /// Lengths in EAX and EDX, or RAX and RDX with W.
  private static func explicitComparison<T: OperandWidth>(
    _ cpu: CPU, _ op: OpPointer, _: T.Type
  ) throws(Exit) -> StringComparison {
    let (a, b, control) = try comparisonOperands(cpu, op)
    func length(_ register: GPR) -> Int {
      let value: T = cpu.register(register.slot)
      return StringComparison.explicitLength(Int64(bitPattern: value.signExtended), control)
    }
    return StringComparison(a, b, (length(.rax), length(.rdx)), control)
  }

  private static func implicitComparison(_ cpu: CPU, _ op: OpPointer) throws(Exit) -> StringComparison {
    let (a, b, control) = try comparisonOperands(cpu, op)
    let lengths = (
      StringComparison.implicitLength(a, control), StringComparison.implicitLength(b, control)
    )
    return StringComparison(a, b, lengths, control)
  }

  /// The memory operand need not be aligned.
  @inline(__always)
  private static func comparisonOperands(
    _ cpu: CPU, _ op: OpPointer
  ) throws(Exit) -> (SIMD16<UInt8>, SIMD16<UInt8>, UInt8) {
    try require(cpu)
    let b = try second16(cpu, op)
    return (cpu.xmm(op.pointee.destination).pointee, b, immediate8(op))
  }

  private static func setMask(_ cpu: CPU, _ op: OpPointer, _ result: StringComparison) {
    set(cpu, 0, YMM(result.vector(immediate8(op))))
    cpu.flags = LazyFlags(image: result.flags)
  }

  private static func setIndex(_ cpu: CPU, _ op: OpPointer, _ result: StringComparison) {
    cpu[.rcx] = UInt64(result.index(immediate8(op)))
    cpu.flags = LazyFlags(image: result.flags)
  }
}
