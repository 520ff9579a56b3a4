// SDM Vol. 1 ch. 5, "Decimal Arithmetic Instructions". Flags that the manuals leave undefined are those of
// the addition that the adjustment is, on AMD's processors and on Intel's before the P6; see `hasP6Flags`.

extension UnsafeMutablePointer where Pointee == CPUState {
  @inline(__always) private var al: UInt8 {
    get { register(GPR.rax.slot) }
    nonmutating set { setRegister(GPR.rax.slot, newValue) }
  }

  /// SF, ZF and PF of a byte, with the others as given.
  private func setDecimalFlags(_ result: UInt8, carry: Bool, auxiliary: Bool, overflow: Bool) {
    var image: UInt64 = overflow ? RFLAGS.OF : 0
    if carry { image |= RFLAGS.CF }
    if auxiliary { image |= RFLAGS.AF }
    if result == 0 { image |= RFLAGS.ZF }
    if result & 0x80 != 0 { image |= RFLAGS.SF }
    if parity(UInt64(result)) { image |= RFLAGS.PF }
    flags = LazyFlags(image: image)
  }

  func DAA(_ op: OpPointer) throws(Exit) {
    let old = arithmeticFlags
    let adjustsLow = al & 0xF > 9 || old & RFLAGS.AF != 0
    let adjustsHigh = al > 0x99 || old & RFLAGS.CF != 0
    let change: UInt8 = (adjustsLow ? 6 : 0) + (adjustsHigh ? 0x60 : 0)
    let first = al
    let result = first &+ change
    al = result
    let overflow = hasP6Flags ? old & RFLAGS.OF != 0 : ((first ^ result) & (change ^ result)).isNegative
    setDecimalFlags(result, carry: adjustsHigh, auxiliary: adjustsLow, overflow: overflow)
  }

  func DAS(_ op: OpPointer) throws(Exit) {
    let old = arithmeticFlags
    let adjustsLow = al & 0xF > 9 || old & RFLAGS.AF != 0
    let adjustsHigh = al > 0x99 || old & RFLAGS.CF != 0
    // The low adjustment alone may borrow (SDM Vol. 2, `DAS`).
    let borrows = adjustsLow && al < 6
    let change: UInt8 = (adjustsLow ? 6 : 0) + (adjustsHigh ? 0x60 : 0)
    let first = al
    let result = first &- change
    al = result
    let overflow = hasP6Flags ? old & RFLAGS.OF != 0 : ((first ^ change) & (first ^ result)).isNegative
    setDecimalFlags(result, carry: adjustsHigh || borrows, auxiliary: adjustsLow, overflow: overflow)
  }

  func AAA(_ op: OpPointer) throws(Exit) { asciiAdjust(0x106) }
  func AAS(_ op: OpPointer) throws(Exit) { asciiAdjust(0 &- 0x106) }

  private func asciiAdjust(_ change: UInt16) {
    let first: UInt16 = register(GPR.rax.slot)
    let old = arithmeticFlags
    let adjusts = first & 0xF > 9 || old & RFLAGS.AF != 0
    let sum = adjusts ? first &+ change : first
    setRegister(GPR.rax.slot, sum & 0xFF0F)
    var image: UInt64 = adjusts ? RFLAGS.CF | RFLAGS.AF : 0
    if parity(UInt64(sum)) { image |= RFLAGS.PF }
    if sum == 0 { image |= RFLAGS.ZF }
    if hasP6Flags {
      image |= old & RFLAGS.OF
    } else {
      if sum.isNegative { image |= RFLAGS.SF }
      if adjusts && ((first ^ sum) & (change ^ sum)).isNegative { image |= RFLAGS.OF }
    }
    flags = LazyFlags(image: image)
  }

  func AAM(_ op: OpPointer) throws(Exit) {
    let base = UInt8(truncatingIfNeeded: op.pointee.immediate)
    guard base != 0 else { throw fault(.DE, .divisionByZero) }
    let (quotient, remainder) = al.quotientAndRemainder(dividingBy: base)
    setRegister(GPR.rax.slot, UInt16(quotient) << 8 | UInt16(remainder))
    setDecimalFlags(remainder, carry: false, auxiliary: false, overflow: false)
  }

  func AAD(_ op: OpPointer) throws(Exit) {
    let ax: UInt16 = register(GPR.rax.slot)
    let high = UInt8(truncatingIfNeeded: ax >> 8)
    let tens = high &* UInt8(truncatingIfNeeded: op.pointee.immediate)
    let result = ADD.apply(UInt8(truncatingIfNeeded: ax), tens, &flags)
    setRegister(GPR.rax.slot, UInt16(result))
  }

  /// `SALC` (D6): all of AL becomes CF. Not in the SDM; every x86 processor has it.
  func SALC(_ op: OpPointer) throws(Exit) { al = flags.carry ? 0xFF : 0 }
}
