import ApusCPU

/// The packed integer instructions by mnemonic, for tests that take their cases from a table: destination,
/// source and immediate in, destination out. Shift counts are the source's low quadword; results that go
/// to a general register come back in the low quadword.
enum PackedIntegerOperations {
  typealias Operation<V> = @Sendable (V, V, UInt8) -> V

  /// Instructions with a 64-bit and a 128-bit form. `quadword` gives the low 64 bits of an operand.
  static func common<V: PackedOperand>(
    _ type: V.Type, quadword: @escaping @Sendable (V) -> UInt64
  ) -> [String: Operation<V>] {
    var table: [String: Operation<V>] = [:]
    func register(_ name: String, _ compute: @escaping @Sendable (V, V) -> V) {
      table[name] = { a, b, _ in compute(a, b) }
    }
    func registerShift(_ name: String, _ compute: @escaping @Sendable (V, UInt64) -> V) {
      table[name] = { a, b, _ in compute(a, quadword(b)) }
    }
    register("PADDB", PackedInteger.PADDB)
    register("PADDW", PackedInteger.PADDW)
    register("PADDD", PackedInteger.PADDD)
    register("PADDQ", PackedInteger.PADDQ)
    register("PSUBB", PackedInteger.PSUBB)
    register("PSUBW", PackedInteger.PSUBW)
    register("PSUBD", PackedInteger.PSUBD)
    register("PSUBQ", PackedInteger.PSUBQ)
    register("PADDUSB", PackedInteger.PADDUSB)
    register("PADDUSW", PackedInteger.PADDUSW)
    register("PSUBUSB", PackedInteger.PSUBUSB)
    register("PSUBUSW", PackedInteger.PSUBUSW)
    register("PADDSB", PackedInteger.PADDSB)
    register("PADDSW", PackedInteger.PADDSW)
    register("PSUBSB", PackedInteger.PSUBSB)
    register("PSUBSW", PackedInteger.PSUBSW)
    register("PMULLW", PackedInteger.PMULLW)
    register("PMULHW", PackedInteger.PMULHW)
    register("PMULHUW", PackedInteger.PMULHUW)
    register("PMULUDQ", PackedInteger.PMULUDQ)
    register("PMADDWD", PackedInteger.PMADDWD)
    register("PAVGB", PackedInteger.PAVGB)
    register("PAVGW", PackedInteger.PAVGW)
    register("PMINUB", PackedInteger.PMINUB)
    register("PMAXUB", PackedInteger.PMAXUB)
    register("PMINSW", PackedInteger.PMINSW)
    register("PMAXSW", PackedInteger.PMAXSW)
    register("PSADBW", PackedInteger.PSADBW)
    register("PCMPEQB", PackedInteger.PCMPEQB)
    register("PCMPEQW", PackedInteger.PCMPEQW)
    register("PCMPEQD", PackedInteger.PCMPEQD)
    register("PCMPGTB", PackedInteger.PCMPGTB)
    register("PCMPGTW", PackedInteger.PCMPGTW)
    register("PCMPGTD", PackedInteger.PCMPGTD)
    register("PAND", PackedInteger.PAND)
    register("PANDN", PackedInteger.PANDN)
    register("POR", PackedInteger.POR)
    register("PXOR", PackedInteger.PXOR)
    register("PACKSSWB", PackedInteger.PACKSSWB)
    register("PACKUSWB", PackedInteger.PACKUSWB)
    register("PACKSSDW", PackedInteger.PACKSSDW)
    register("PUNPCKLBW", PackedInteger.PUNPCKLBW)
    register("PUNPCKLWD", PackedInteger.PUNPCKLWD)
    register("PUNPCKLDQ", PackedInteger.PUNPCKLDQ)
    register("PUNPCKHBW", PackedInteger.PUNPCKHBW)
    register("PUNPCKHWD", PackedInteger.PUNPCKHWD)
    register("PUNPCKHDQ", PackedInteger.PUNPCKHDQ)
    registerShift("PSLLW", PackedInteger.PSLLW)
    registerShift("PSLLD", PackedInteger.PSLLD)
    registerShift("PSLLQ", PackedInteger.PSLLQ)
    registerShift("PSRLW", PackedInteger.PSRLW)
    registerShift("PSRLD", PackedInteger.PSRLD)
    registerShift("PSRLQ", PackedInteger.PSRLQ)
    registerShift("PSRAW", PackedInteger.PSRAW)
    registerShift("PSRAD", PackedInteger.PSRAD)
    table["PMOVMSKB"] = { a, _, _ in general(PackedInteger.PMOVMSKB(a)) }
    table["PEXTRW"] = { a, _, immediate in general(PackedInteger.PEXTRW(a, immediate)) }
    table["PINSRW"] = { a, b, immediate in
      PackedInteger.PINSRW(a, UInt16(truncatingIfNeeded: quadword(b)), immediate)
    }
    return table
  }

  /// A general register's value as an operand.
  static func general<V: PackedOperand>(_ value: UInt32) -> V {
    V(vector: SIMD16(quadwords: SIMD2(UInt64(value), 0)))
  }

  static let mmx: [String: Operation<UInt64>] = {
    var table = common(UInt64.self) { $0 }
    table["PSHUFW"] = { a, _, immediate in PackedInteger.PSHUFW(a, immediate) }
    return table
  }()

  static let xmm: [String: Operation<SIMD16<UInt8>>] = {
    var table = common(SIMD16<UInt8>.self) { $0.quadwords[0] }
    table["PUNPCKLQDQ"] = { a, b, _ in PackedInteger.PUNPCKLQDQ(a, b) }
    table["PUNPCKHQDQ"] = { a, b, _ in PackedInteger.PUNPCKHQDQ(a, b) }
    table["UNPCKLPS"] = { a, b, _ in PackedInteger.UNPCKLPS(a, b) }
    table["UNPCKHPS"] = { a, b, _ in PackedInteger.UNPCKHPS(a, b) }
    table["UNPCKLPD"] = { a, b, _ in PackedInteger.UNPCKLPD(a, b) }
    table["UNPCKHPD"] = { a, b, _ in PackedInteger.UNPCKHPD(a, b) }
    table["PSHUFD"] = { a, _, immediate in PackedInteger.PSHUFD(a, immediate) }
    table["PSHUFHW"] = { a, _, immediate in PackedInteger.PSHUFHW(a, immediate) }
    table["PSHUFLW"] = { a, _, immediate in PackedInteger.PSHUFLW(a, immediate) }
    table["PSLLDQ"] = { a, _, immediate in PackedInteger.PSLLDQ(a, immediate) }
    table["PSRLDQ"] = { a, _, immediate in PackedInteger.PSRLDQ(a, immediate) }
    table["SHUFPS"] = { a, b, immediate in PackedInteger.SHUFPS(a, b, immediate) }
    table["SHUFPD"] = { a, b, immediate in PackedInteger.SHUFPD(a, b, immediate) }
    table["MOVMSKPS"] = { a, _, _ in general(PackedInteger.MOVMSKPS(a)) }
    table["MOVMSKPD"] = { a, _, _ in general(PackedInteger.MOVMSKPD(a)) }
    return table
  }()
}
