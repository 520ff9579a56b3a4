// The packed integer instructions of SSE2 and AVX2 (SDM Vol. 1, "SSE2 128-Bit SIMD Integer Instructions", "Intel
// Advanced Vector Extensions 2"). The computation is that of `PackedInteger`.

// MARK: Conversion

extension VectorForm {
  static func PACKSSWB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PACKSSWB)
  }
  @inline(__always)
  static func PACKSSDW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PACKSSDW)
  }
  @inline(__always)
  static func PACKUSWB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PACKUSWB)
  }
  @inline(__always)
  static func PUNPCKHBW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PUNPCKHBW)
  }
  @inline(__always)
  static func PUNPCKHWD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PUNPCKHWD)
  }
  @inline(__always)
  static func PUNPCKHDQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PUNPCKHDQ)
  }
  @inline(__always)
  static func PUNPCKLBW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PUNPCKLBW)
  }
  @inline(__always)
  static func PUNPCKLWD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PUNPCKLWD)
  }
  @inline(__always)
  static func PUNPCKLDQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PUNPCKLDQ)
  }
  @inline(__always)
  static func PUNPCKLQDQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PUNPCKLQDQ)
  }
  @inline(__always)
  static func PUNPCKHQDQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PUNPCKHQDQ)
  }
}

// MARK: Arithmetic

extension VectorForm {
  @inline(__always)
  static func PADDB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PADDB)
  }
  @inline(__always)
  static func PADDW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PADDW)
  }
  @inline(__always)
  static func PADDD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PADDD)
  }
  @inline(__always)
  static func PADDQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PADDQ)
  }
  static func PADDSB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PADDSB)
  }
  static func PADDSW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PADDSW)
  }
  static func PADDUSB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PADDUSB)
  }
  static func PADDUSW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PADDUSW)
  }
  @inline(__always)
  static func PSUBB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSUBB)
  }
  @inline(__always)
  static func PSUBW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSUBW)
  }
  @inline(__always)
  static func PSUBD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSUBD)
  }
  @inline(__always)
  static func PSUBQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSUBQ)
  }
  static func PSUBSB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSUBSB)
  }
  static func PSUBSW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSUBSW)
  }
  static func PSUBUSB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSUBUSB)
  }
  static func PSUBUSW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSUBUSW)
  }
  @inline(__always)
  static func PMULHW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMULHW)
  }
  static func PMULHUW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMULHUW)
  }
  @inline(__always)
  static func PMULLW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMULLW)
  }
  @inline(__always)
  static func PMULUDQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMULUDQ)
  }
  @inline(__always)
  static func PMADDWD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMADDWD)
  }
  static func PAVGB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PAVGB)
  }
  static func PAVGW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PAVGW)
  }
  @inline(__always)
  static func PMINUB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMINUB)
  }
  @inline(__always)
  static func PMINSW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMINSW)
  }
  @inline(__always)
  static func PMAXUB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMAXUB)
  }
  @inline(__always)
  static func PMAXSW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PMAXSW)
  }
  static func PSADBW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PSADBW)
  }
}

// MARK: Comparison and logic

/// `PAND` and its kin serve `ANDPS`, `ANDPD` and theirs too: the bits, the faults and the alignment rule are
/// the same.
extension VectorForm {
  @inline(__always)
  static func PCMPEQB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PCMPEQB)
  }
  @inline(__always)
  static func PCMPEQW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PCMPEQW)
  }
  @inline(__always)
  static func PCMPEQD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PCMPEQD)
  }
  @inline(__always)
  static func PCMPGTB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PCMPGTB)
  }
  @inline(__always)
  static func PCMPGTW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PCMPGTW)
  }
  @inline(__always)
  static func PCMPGTD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PCMPGTD)
  }
  @inline(__always)
  static func PAND(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PAND)
  }
  @inline(__always)
  static func PANDN(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PANDN)
  }
  @inline(__always)
  static func POR(_ cpu: CPU, _ op: some OpReference) throws(Exit) { try packed(cpu, op, PackedInteger.POR) }
  @inline(__always)
  static func PXOR(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try packed(cpu, op, PackedInteger.PXOR)
  }
}

// MARK: Shifts

extension VectorForm {
  static func PSLLW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shifted(cpu, op, PackedInteger.PSLLW)
  }
  @inline(__always)
  static func PSLLW_I(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shiftedByImmediate(cpu, op, PackedInteger.PSLLW)
  }
  static func PSLLD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shifted(cpu, op, PackedInteger.PSLLD)
  }
  @inline(__always)
  static func PSLLD_I(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shiftedByImmediate(cpu, op, PackedInteger.PSLLD)
  }
  static func PSLLQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shifted(cpu, op, PackedInteger.PSLLQ)
  }
  @inline(__always)
  static func PSLLQ_I(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shiftedByImmediate(cpu, op, PackedInteger.PSLLQ)
  }
  static func PSRLW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shifted(cpu, op, PackedInteger.PSRLW)
  }
  @inline(__always)
  static func PSRLW_I(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shiftedByImmediate(cpu, op, PackedInteger.PSRLW)
  }
  static func PSRLD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shifted(cpu, op, PackedInteger.PSRLD)
  }
  @inline(__always)
  static func PSRLD_I(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shiftedByImmediate(cpu, op, PackedInteger.PSRLD)
  }
  static func PSRLQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shifted(cpu, op, PackedInteger.PSRLQ)
  }
  @inline(__always)
  static func PSRLQ_I(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shiftedByImmediate(cpu, op, PackedInteger.PSRLQ)
  }
  static func PSRAW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shifted(cpu, op, PackedInteger.PSRAW)
  }
  @inline(__always)
  static func PSRAW_I(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shiftedByImmediate(cpu, op, PackedInteger.PSRAW)
  }
  static func PSRAD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shifted(cpu, op, PackedInteger.PSRAD)
  }
  @inline(__always)
  static func PSRAD_I(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shiftedByImmediate(cpu, op, PackedInteger.PSRAD)
  }
  static func PSLLDQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shiftedByImmediate(cpu, op) { PackedInteger.PSLLDQ($0, UInt8(truncatingIfNeeded: $1)) }
  }
  static func PSRLDQ(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shiftedByImmediate(cpu, op) { PackedInteger.PSRLDQ($0, UInt8(truncatingIfNeeded: $1)) }
  }
}

// MARK: Shuffles, masks and single words

extension VectorForm {
  @inline(__always)
  static func PSHUFD(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shuffled(cpu, op) { PackedInteger.PSHUFD($1, $2) }
  }
  static func PSHUFHW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shuffled(cpu, op) { PackedInteger.PSHUFHW($1, $2) }
  }
  static func PSHUFLW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try shuffled(cpu, op) { PackedInteger.PSHUFLW($1, $2) }
  }
  /// The general register is written at 32 bits, and so zero-extended, with and without REX.W.
  @inline(__always)
  static func PMOVMSKB(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let mask = value(cpu, op.fields.base)
    let high = isWide ? PackedInteger.PMOVMSKB(mask.high) &<< 16 : 0
    cpu.setRegister(op.fields.destination, PackedInteger.PMOVMSKB(mask.low) | high)
  }
  static func PEXTRW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let source = cpu.xmm(op.fields.base).pointee
    cpu.setRegister(op.fields.destination, PackedInteger.PEXTRW(source, immediate8(op)))
  }
  /// A general register's low word, or two bytes of memory.
  static func PINSRW(_ cpu: CPU, _ op: some OpReference) throws(Exit) {
    try require(cpu)
    let word: UInt16 = try cpu.readE(op.pointer)
    commit(cpu, op, PackedInteger.PINSRW(first(cpu, op).low, word, immediate8(op)))
  }
}
