/// The packed integer instructions of MMX and their 128-bit forms of SSE2 (SDM Vol. 1, "MMX Instructions",
/// "SSE 64-Bit SIMD Integer Instructions", "SSE2 128-Bit SIMD Integer Instructions"). The computation is that
/// of `PackedInteger`; a name that ends in `_MMX` works on MMX registers.

// MARK: Conversion

extension UnsafeMutablePointer where Pointee == CPUState {
  func PACKSSWB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PACKSSWB($0, $1) } }
  func PACKSSWB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PACKSSWB($0, $1) } }
  func PACKSSDW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PACKSSDW($0, $1) } }
  func PACKSSDW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PACKSSDW($0, $1) } }
  func PACKUSWB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PACKUSWB($0, $1) } }
  func PACKUSWB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PACKUSWB($0, $1) } }
  func PUNPCKHBW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PUNPCKHBW($0, $1) } }
  func PUNPCKHBW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PUNPCKHBW($0, $1) } }
  func PUNPCKHWD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PUNPCKHWD($0, $1) } }
  func PUNPCKHWD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PUNPCKHWD($0, $1) } }
  func PUNPCKHDQ(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PUNPCKHDQ($0, $1) } }
  func PUNPCKHDQ_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PUNPCKHDQ($0, $1) } }
  func PUNPCKLBW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PUNPCKLBW($0, $1) } }
  func PUNPCKLBW_MMX(_ op: OpPointer) throws(Exit) {
    try unpackLowMMX(op) { PackedInteger.PUNPCKLBW($0, $1) }
  }
  func PUNPCKLWD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PUNPCKLWD($0, $1) } }
  func PUNPCKLWD_MMX(_ op: OpPointer) throws(Exit) {
    try unpackLowMMX(op) { PackedInteger.PUNPCKLWD($0, $1) }
  }
  func PUNPCKLDQ(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PUNPCKLDQ($0, $1) } }
  func PUNPCKLDQ_MMX(_ op: OpPointer) throws(Exit) {
    try unpackLowMMX(op) { PackedInteger.PUNPCKLDQ($0, $1) }
  }
  func PUNPCKLQDQ(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PUNPCKLQDQ($0, $1) } }
  func PUNPCKHQDQ(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PUNPCKHQDQ($0, $1) } }

  /// The low unpacks read only four bytes of memory.
  @inline(__always)
  private func unpackLowMMX(_ op: OpPointer, _ compute: (UInt64, UInt64) -> UInt64) throws(Exit) {
    try requireMMX()
    let source = op.pointee.isMemory ? UInt64(try load4(op)) : mmx(op.pointee.source)
    setMMX(op.pointee.destination, compute(mmx(op.pointee.destination), source))
  }
}

// MARK: Arithmetic

extension UnsafeMutablePointer where Pointee == CPUState {
  func PADDB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PADDB($0, $1) } }
  func PADDB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDB($0, $1) } }
  func PADDW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PADDW($0, $1) } }
  func PADDW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDW($0, $1) } }
  func PADDD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PADDD($0, $1) } }
  func PADDD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDD($0, $1) } }
  func PADDQ(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PADDQ($0, $1) } }
  func PADDQ_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDQ($0, $1) } }
  func PADDSB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PADDSB($0, $1) } }
  func PADDSB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDSB($0, $1) } }
  func PADDSW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PADDSW($0, $1) } }
  func PADDSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDSW($0, $1) } }
  func PADDUSB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PADDUSB($0, $1) } }
  func PADDUSB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDUSB($0, $1) } }
  func PADDUSW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PADDUSW($0, $1) } }
  func PADDUSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDUSW($0, $1) } }
  func PSUBB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSUBB($0, $1) } }
  func PSUBB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBB($0, $1) } }
  func PSUBW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSUBW($0, $1) } }
  func PSUBW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBW($0, $1) } }
  func PSUBD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSUBD($0, $1) } }
  func PSUBD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBD($0, $1) } }
  func PSUBQ(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSUBQ($0, $1) } }
  func PSUBQ_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBQ($0, $1) } }
  func PSUBSB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSUBSB($0, $1) } }
  func PSUBSB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBSB($0, $1) } }
  func PSUBSW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSUBSW($0, $1) } }
  func PSUBSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBSW($0, $1) } }
  func PSUBUSB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSUBUSB($0, $1) } }
  func PSUBUSB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBUSB($0, $1) } }
  func PSUBUSW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSUBUSW($0, $1) } }
  func PSUBUSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBUSW($0, $1) } }
  func PMULHW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMULHW($0, $1) } }
  func PMULHW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMULHW($0, $1) } }
  func PMULHUW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMULHUW($0, $1) } }
  func PMULHUW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMULHUW($0, $1) } }
  func PMULLW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMULLW($0, $1) } }
  func PMULLW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMULLW($0, $1) } }
  func PMULUDQ(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMULUDQ($0, $1) } }
  func PMULUDQ_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMULUDQ($0, $1) } }
  func PMADDWD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMADDWD($0, $1) } }
  func PMADDWD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMADDWD($0, $1) } }
  func PAVGB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PAVGB($0, $1) } }
  func PAVGB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PAVGB($0, $1) } }
  func PAVGW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PAVGW($0, $1) } }
  func PAVGW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PAVGW($0, $1) } }
  func PMINUB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMINUB($0, $1) } }
  func PMINUB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMINUB($0, $1) } }
  func PMINSW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMINSW($0, $1) } }
  func PMINSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMINSW($0, $1) } }
  func PMAXUB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMAXUB($0, $1) } }
  func PMAXUB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMAXUB($0, $1) } }
  func PMAXSW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PMAXSW($0, $1) } }
  func PMAXSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMAXSW($0, $1) } }
  func PSADBW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PSADBW($0, $1) } }
  func PSADBW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSADBW($0, $1) } }
}

// MARK: Comparison and logic

/// `PAND` and its kin serve `ANDPS`, `ANDPD` and theirs too: the bits, the faults and the alignment rule are
/// the same.
extension UnsafeMutablePointer where Pointee == CPUState {
  func PCMPEQB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PCMPEQB($0, $1) } }
  func PCMPEQB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PCMPEQB($0, $1) } }
  func PCMPEQW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PCMPEQW($0, $1) } }
  func PCMPEQW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PCMPEQW($0, $1) } }
  func PCMPEQD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PCMPEQD($0, $1) } }
  func PCMPEQD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PCMPEQD($0, $1) } }
  func PCMPGTB(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PCMPGTB($0, $1) } }
  func PCMPGTB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PCMPGTB($0, $1) } }
  func PCMPGTW(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PCMPGTW($0, $1) } }
  func PCMPGTW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PCMPGTW($0, $1) } }
  func PCMPGTD(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PCMPGTD($0, $1) } }
  func PCMPGTD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PCMPGTD($0, $1) } }
  func PAND(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PAND($0, $1) } }
  func PAND_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PAND($0, $1) } }
  func PANDN(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PANDN($0, $1) } }
  func PANDN_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PANDN($0, $1) } }
  func POR(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.POR($0, $1) } }
  func POR_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.POR($0, $1) } }
  func PXOR(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PXOR($0, $1) } }
  func PXOR_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PXOR($0, $1) } }
}

// MARK: Shifts

extension UnsafeMutablePointer where Pointee == CPUState {
  func PSLLW(_ op: OpPointer) throws(Exit) { try shiftXMM(op) { PackedInteger.PSLLW($0, $1) } }
  func PSLLW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSLLW($0, $1) } }
  func PSLLW_I(_ op: OpPointer) throws(Exit) { try shiftXMMByImmediate(op) { PackedInteger.PSLLW($0, $1) } }
  func PSLLW_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSLLW($0, $1) }
  }
  func PSLLD(_ op: OpPointer) throws(Exit) { try shiftXMM(op) { PackedInteger.PSLLD($0, $1) } }
  func PSLLD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSLLD($0, $1) } }
  func PSLLD_I(_ op: OpPointer) throws(Exit) { try shiftXMMByImmediate(op) { PackedInteger.PSLLD($0, $1) } }
  func PSLLD_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSLLD($0, $1) }
  }
  func PSLLQ(_ op: OpPointer) throws(Exit) { try shiftXMM(op) { PackedInteger.PSLLQ($0, $1) } }
  func PSLLQ_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSLLQ($0, $1) } }
  func PSLLQ_I(_ op: OpPointer) throws(Exit) { try shiftXMMByImmediate(op) { PackedInteger.PSLLQ($0, $1) } }
  func PSLLQ_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSLLQ($0, $1) }
  }
  func PSRLW(_ op: OpPointer) throws(Exit) { try shiftXMM(op) { PackedInteger.PSRLW($0, $1) } }
  func PSRLW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSRLW($0, $1) } }
  func PSRLW_I(_ op: OpPointer) throws(Exit) { try shiftXMMByImmediate(op) { PackedInteger.PSRLW($0, $1) } }
  func PSRLW_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSRLW($0, $1) }
  }
  func PSRLD(_ op: OpPointer) throws(Exit) { try shiftXMM(op) { PackedInteger.PSRLD($0, $1) } }
  func PSRLD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSRLD($0, $1) } }
  func PSRLD_I(_ op: OpPointer) throws(Exit) { try shiftXMMByImmediate(op) { PackedInteger.PSRLD($0, $1) } }
  func PSRLD_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSRLD($0, $1) }
  }
  func PSRLQ(_ op: OpPointer) throws(Exit) { try shiftXMM(op) { PackedInteger.PSRLQ($0, $1) } }
  func PSRLQ_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSRLQ($0, $1) } }
  func PSRLQ_I(_ op: OpPointer) throws(Exit) { try shiftXMMByImmediate(op) { PackedInteger.PSRLQ($0, $1) } }
  func PSRLQ_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSRLQ($0, $1) }
  }
  func PSRAW(_ op: OpPointer) throws(Exit) { try shiftXMM(op) { PackedInteger.PSRAW($0, $1) } }
  func PSRAW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSRAW($0, $1) } }
  func PSRAW_I(_ op: OpPointer) throws(Exit) { try shiftXMMByImmediate(op) { PackedInteger.PSRAW($0, $1) } }
  func PSRAW_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSRAW($0, $1) }
  }
  func PSRAD(_ op: OpPointer) throws(Exit) { try shiftXMM(op) { PackedInteger.PSRAD($0, $1) } }
  func PSRAD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSRAD($0, $1) } }
  func PSRAD_I(_ op: OpPointer) throws(Exit) { try shiftXMMByImmediate(op) { PackedInteger.PSRAD($0, $1) } }
  func PSRAD_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSRAD($0, $1) }
  }
  func PSLLDQ(_ op: OpPointer) throws(Exit) {
    try shiftXMMByImmediate(op) { PackedInteger.PSLLDQ($0, UInt8(truncatingIfNeeded: $1)) }
  }
  func PSRLDQ(_ op: OpPointer) throws(Exit) {
    try shiftXMMByImmediate(op) { PackedInteger.PSRLDQ($0, UInt8(truncatingIfNeeded: $1)) }
  }
}

// MARK: Shuffles, masks and single words

extension UnsafeMutablePointer where Pointee == CPUState {
  func PSHUFD(_ op: OpPointer) throws(Exit) { try shuffleXMM(op) { PackedInteger.PSHUFD($1, $2) } }
  func PSHUFHW(_ op: OpPointer) throws(Exit) { try shuffleXMM(op) { PackedInteger.PSHUFHW($1, $2) } }
  func PSHUFLW(_ op: OpPointer) throws(Exit) { try shuffleXMM(op) { PackedInteger.PSHUFLW($1, $2) } }
  func PSHUFW(_ op: OpPointer) throws(Exit) {
    try packedMMX(op) { PackedInteger.PSHUFW($1, immediate8(op)) }
  }

  /// The general register is written at 32 bits, and so zero-extended, with and without REX.W.
  func PMOVMSKB(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    setRegister(op.pointee.destination, PackedInteger.PMOVMSKB(xmm(op.pointee.source).pointee))
  }
  func PMOVMSKB_MMX(_ op: OpPointer) throws(Exit) {
    try requireMMX()
    enterMMX()
    setRegister(op.pointee.destination, PackedInteger.PMOVMSKB(mmx(op.pointee.source)))
  }
  func PEXTRW(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    let source = xmm(op.pointee.source).pointee
    setRegister(op.pointee.destination, PackedInteger.PEXTRW(source, immediate8(op)))
  }
  func PEXTRW_MMX(_ op: OpPointer) throws(Exit) {
    try requireMMX()
    enterMMX()
    setRegister(op.pointee.destination, PackedInteger.PEXTRW(mmx(op.pointee.source), immediate8(op)))
  }
  /// A general register's low word, or two bytes of memory.
  func PINSRW(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    let word: UInt16 = try readE(op)
    setDestinationXMM(op, PackedInteger.PINSRW(destinationXMM(op), word, immediate8(op)))
  }
  func PINSRW_MMX(_ op: OpPointer) throws(Exit) {
    try requireMMX()
    let word: UInt16 = try readE(op)
    let register = op.pointee.destination
    setMMX(register, PackedInteger.PINSRW(mmx(register), word, immediate8(op)))
  }
}
