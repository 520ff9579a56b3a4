// SDM Vol. 1 ch. 5, "Decimal Arithmetic Instructions". Flags that the SDM leaves undefined are cleared.

extension UnsafeMutablePointer where Pointee == CPUState {
  @inline(__always) private var al: UInt8 {
    get { register(GPR.rax.slot) }
    nonmutating set { setRegister(GPR.rax.slot, newValue) }
  }

  /// SF, ZF and PF of a byte, with CF and AF as given.
  private func setDecimalFlags(_ result: UInt8, carry: Bool, auxiliary: Bool) {
    var image: UInt64 = 0
    if carry { image |= RFLAGS.CF }
    if auxiliary { image |= RFLAGS.AF }
    if result == 0 { image |= RFLAGS.ZF }
    if result & 0x80 != 0 { image |= RFLAGS.SF }
    if parity(UInt64(result)) { image |= RFLAGS.PF }
    flags = LazyFlags(image: image)
  }

  func DAA(_ op: OpPointer) throws(Exit) {
    let old = flags.image
    let adjustsLow = al & 0xF > 9 || old & RFLAGS.AF != 0
    let adjustsHigh = al > 0x99 || old & RFLAGS.CF != 0
    let result = al &+ (adjustsLow ? 6 : 0) &+ (adjustsHigh ? 0x60 : 0)
    al = result
    setDecimalFlags(result, carry: adjustsHigh, auxiliary: adjustsLow)
  }

  func DAS(_ op: OpPointer) throws(Exit) {
    let old = flags.image
    let adjustsLow = al & 0xF > 9 || old & RFLAGS.AF != 0
    let adjustsHigh = al > 0x99 || old & RFLAGS.CF != 0
    // The low adjustment alone may borrow (SDM Vol. 2, `DAS`).
    let borrows = adjustsLow && al < 6
    let result = al &- (adjustsLow ? 6 : 0) &- (adjustsHigh ? 0x60 : 0)
    al = result
    setDecimalFlags(result, carry: adjustsHigh || borrows, auxiliary: adjustsLow)
  }

  func AAA(_ op: OpPointer) throws(Exit) { asciiAdjust { $0 &+ 0x106 } }
  func AAS(_ op: OpPointer) throws(Exit) { asciiAdjust { $0 &- 0x106 } }

  private func asciiAdjust(_ change: (UInt16) -> UInt16) {
    var ax: UInt16 = register(GPR.rax.slot)
    let adjusts = ax & 0xF > 9 || flags.image & RFLAGS.AF != 0
    if adjusts { ax = change(ax) }
    ax &= 0xFF0F
    setRegister(GPR.rax.slot, ax)
    setDecimalFlags(UInt8(truncatingIfNeeded: ax), carry: adjusts, auxiliary: adjusts)
  }

  func AAM(_ op: OpPointer) throws(Exit) {
    let base = UInt8(truncatingIfNeeded: op.pointee.immediate)
    guard base != 0 else { throw fault(.DE) }
    let (quotient, remainder) = al.quotientAndRemainder(dividingBy: base)
    setRegister(GPR.rax.slot, UInt16(quotient) << 8 | UInt16(remainder))
    setDecimalFlags(remainder, carry: false, auxiliary: false)
  }

  func AAD(_ op: OpPointer) throws(Exit) {
    let ax: UInt16 = register(GPR.rax.slot)
    let high = UInt8(truncatingIfNeeded: ax >> 8)
    let result = UInt8(truncatingIfNeeded: ax) &+ high &* UInt8(truncatingIfNeeded: op.pointee.immediate)
    setRegister(GPR.rax.slot, UInt16(result))
    setDecimalFlags(result, carry: false, auxiliary: false)
  }

  /// `SALC` (D6): all of AL becomes CF. Not in the SDM; every x86 processor has it.
  func SALC(_ op: OpPointer) throws(Exit) { al = flags.carry ? 0xFF : 0 }
}
