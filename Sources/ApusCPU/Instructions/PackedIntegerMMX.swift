// The packed integer instructions of MMX and those on MMX registers of SSE (SDM Vol. 1, "MMX Instructions", "SSE
// 64-Bit SIMD Integer Instructions"). The computation is that of `PackedInteger`; the names end in `_MMX`.

// MARK: Conversion

extension UnsafeMutablePointer where Pointee == CPUState {
  func PACKSSWB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PACKSSWB($0, $1) } }
  func PACKSSDW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PACKSSDW($0, $1) } }
  func PACKUSWB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PACKUSWB($0, $1) } }
  func PUNPCKHBW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PUNPCKHBW($0, $1) } }
  func PUNPCKHWD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PUNPCKHWD($0, $1) } }
  func PUNPCKHDQ_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PUNPCKHDQ($0, $1) } }
  func PUNPCKLBW_MMX(_ op: OpPointer) throws(Exit) {
    try unpackLowMMX(op) { PackedInteger.PUNPCKLBW($0, $1) }
  }
  func PUNPCKLWD_MMX(_ op: OpPointer) throws(Exit) {
    try unpackLowMMX(op) { PackedInteger.PUNPCKLWD($0, $1) }
  }
  func PUNPCKLDQ_MMX(_ op: OpPointer) throws(Exit) {
    try unpackLowMMX(op) { PackedInteger.PUNPCKLDQ($0, $1) }
  }
  /// The low unpacks read only four bytes of memory.
  @inline(__always)
  private func unpackLowMMX(_ op: OpPointer, _ compute: (UInt64, UInt64) -> UInt64) throws(Exit) {
    try requireMMX()
    let source = op.pointee.isMemory ? UInt64(try load4(op)) : mmx(op.pointee.base)
    setMMX(op.pointee.destination, compute(mmx(op.pointee.destination), source))
  }
}

// MARK: Arithmetic

extension UnsafeMutablePointer where Pointee == CPUState {
  func PADDB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDB($0, $1) } }
  func PADDW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDW($0, $1) } }
  func PADDD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDD($0, $1) } }
  func PADDQ_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDQ($0, $1) } }
  func PADDSB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDSB($0, $1) } }
  func PADDSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDSW($0, $1) } }
  func PADDUSB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDUSB($0, $1) } }
  func PADDUSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PADDUSW($0, $1) } }
  func PSUBB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBB($0, $1) } }
  func PSUBW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBW($0, $1) } }
  func PSUBD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBD($0, $1) } }
  func PSUBQ_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBQ($0, $1) } }
  func PSUBSB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBSB($0, $1) } }
  func PSUBSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBSW($0, $1) } }
  func PSUBUSB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBUSB($0, $1) } }
  func PSUBUSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSUBUSW($0, $1) } }
  func PMULHW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMULHW($0, $1) } }
  func PMULHUW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMULHUW($0, $1) } }
  func PMULLW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMULLW($0, $1) } }
  func PMULUDQ_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMULUDQ($0, $1) } }
  func PMADDWD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMADDWD($0, $1) } }
  func PAVGB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PAVGB($0, $1) } }
  func PAVGW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PAVGW($0, $1) } }
  func PMINUB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMINUB($0, $1) } }
  func PMINSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMINSW($0, $1) } }
  func PMAXUB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMAXUB($0, $1) } }
  func PMAXSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMAXSW($0, $1) } }
  func PSADBW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSADBW($0, $1) } }
}

// MARK: Comparison and logic

extension UnsafeMutablePointer where Pointee == CPUState {
  func PCMPEQB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PCMPEQB($0, $1) } }
  func PCMPEQW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PCMPEQW($0, $1) } }
  func PCMPEQD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PCMPEQD($0, $1) } }
  func PCMPGTB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PCMPGTB($0, $1) } }
  func PCMPGTW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PCMPGTW($0, $1) } }
  func PCMPGTD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PCMPGTD($0, $1) } }
  func PAND_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PAND($0, $1) } }
  func PANDN_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PANDN($0, $1) } }
  func POR_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.POR($0, $1) } }
  func PXOR_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PXOR($0, $1) } }
}

// MARK: Shifts

extension UnsafeMutablePointer where Pointee == CPUState {
  func PSLLW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSLLW($0, $1) } }
  func PSLLW_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSLLW($0, $1) }
  }
  func PSLLD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSLLD($0, $1) } }
  func PSLLD_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSLLD($0, $1) }
  }
  func PSLLQ_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSLLQ($0, $1) } }
  func PSLLQ_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSLLQ($0, $1) }
  }
  func PSRLW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSRLW($0, $1) } }
  func PSRLW_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSRLW($0, $1) }
  }
  func PSRLD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSRLD($0, $1) } }
  func PSRLD_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSRLD($0, $1) }
  }
  func PSRLQ_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSRLQ($0, $1) } }
  func PSRLQ_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSRLQ($0, $1) }
  }
  func PSRAW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSRAW($0, $1) } }
  func PSRAW_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSRAW($0, $1) }
  }
  func PSRAD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSRAD($0, $1) } }
  func PSRAD_MMX_I(_ op: OpPointer) throws(Exit) {
    try shiftMMXByImmediate(op) { PackedInteger.PSRAD($0, $1) }
  }
}

// MARK: Shuffles, masks and single words

extension UnsafeMutablePointer where Pointee == CPUState {
  func PSHUFW(_ op: OpPointer) throws(Exit) {
    try packedMMX(op) { PackedInteger.PSHUFW($1, immediate8(op)) }
  }
  func PMOVMSKB_MMX(_ op: OpPointer) throws(Exit) {
    try requireMMX()
    enterMMX()
    setRegister(op.pointee.destination, PackedInteger.PMOVMSKB(mmx(op.pointee.base)))
  }
  func PEXTRW_MMX(_ op: OpPointer) throws(Exit) {
    try requireMMX()
    enterMMX()
    setRegister(op.pointee.destination, PackedInteger.PEXTRW(mmx(op.pointee.base), immediate8(op)))
  }
  func PINSRW_MMX(_ op: OpPointer) throws(Exit) {
    try requireMMX()
    let word: UInt16 = try readE(op)
    let register = op.pointee.destination
    setMMX(register, PackedInteger.PINSRW(mmx(register), word, immediate8(op)))
  }
}

// MARK: SSSE3

extension UnsafeMutablePointer where Pointee == CPUState {
  func PSHUFB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSHUFB($0, $1) } }
  func PHADDW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PHADDW($0, $1) } }
  func PHADDD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PHADDD($0, $1) } }
  func PHADDSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PHADDSW($0, $1) } }
  func PMADDUBSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMADDUBSW($0, $1) } }
  func PHSUBW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PHSUBW($0, $1) } }
  func PHSUBD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PHSUBD($0, $1) } }
  func PHSUBSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PHSUBSW($0, $1) } }
  func PSIGNB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSIGNB($0, $1) } }
  func PSIGNW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSIGNW($0, $1) } }
  func PSIGND_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PSIGND($0, $1) } }
  func PMULHRSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PMULHRSW($0, $1) } }
  func PABSB_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PABSB($0, $1) } }
  func PABSW_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PABSW($0, $1) } }
  func PABSD_MMX(_ op: OpPointer) throws(Exit) { try packedMMX(op) { PackedInteger.PABSD($0, $1) } }
  func PALIGNR_MMX(_ op: OpPointer) throws(Exit) {
    try packedMMX(op) { PackedInteger.PALIGNR($0, $1, immediate8(op)) }
  }
}
