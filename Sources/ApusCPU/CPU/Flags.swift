/// The arithmetic flags in lazy form, as handlers pass them in registers: the result (zero-extended, so that
/// ZF is `result == 0` for every kind), a source, and a kind = class + log2 of the width, with CF and OF in bits of
/// their own where an op has replaced just these.
struct LazyFlags {
  var result: UInt64
  var source: UInt64
  var kind: UInt32

  @inline(__always)
  init(_ result: UInt64, _ source: UInt64, _ kind: UInt32) {
    self.result = result
    self.source = source
    self.kind = kind
  }

  /// Flags given as an RFLAGS image (only the six arithmetic bits are used).
  @inline(__always)
  init(image: UInt64) { self.init(image & RFLAGS.ZF == 0 ? 1 : 0, image & RFLAGS.arithmetic, FlagKind.image) }
}

/// Flag classes. What `source` holds, per class:
enum FlagKind {
  /// The RFLAGS image itself; `result` is 0 exactly if ZF is set.
  static let image: UInt32 = 0
  /// The second addend.
  static let add: UInt32 = 4
  /// The subtrahend.
  static let sub: UInt32 = 8
  /// Nothing: CF = OF = AF = 0.
  static let logic: UInt32 = 12
  /// The preserved CF (bit 0).
  static let inc: UInt32 = 16
  static let dec: UInt32 = 20
  /// The RFLAGS bits CF, AF and OF themselves; ZF, SF and PF are the result's.
  static let mixed: UInt32 = 24
  /// The value shifted one place less than asked, so its top bit is CF.
  static let shl: UInt32 = 28
  /// The value shifted right one place less than asked, so its bottom bit is CF.
  static let shr: UInt32 = 32

  /// Bits beside class and width: CF and OF that an op has replaced without touching the other flags.
  static let classMask: UInt32 = 0xFC
  static let carryGiven: UInt32 = 1 << 8
  static let overflowGiven: UInt32 = 1 << 9
  static let carryShift: UInt32 = 10
  static let carry: UInt32 = 1 << 10
  static let overflow: UInt32 = 1 << 11
}

/// Bits of RFLAGS (SDM Vol. 1, "EFLAGS Register").
enum RFLAGS {
  static let CF: UInt64 = 1
  static let PF: UInt64 = 1 << 2
  static let AF: UInt64 = 1 << 4
  static let ZF: UInt64 = 1 << 6
  static let SF: UInt64 = 1 << 7
  static let TF: UInt64 = 1 << 8
  static let IF: UInt64 = 1 << 9
  static let DF: UInt64 = 1 << 10
  static let OF: UInt64 = 1 << 11
  static let IOPL: UInt64 = 3 << 12
  static let NT: UInt64 = 1 << 14
  static let RF: UInt64 = 1 << 16
  static let VM: UInt64 = 1 << 17
  static let AC: UInt64 = 1 << 18
  static let VIF: UInt64 = 1 << 19
  static let VIP: UInt64 = 1 << 20
  static let ID: UInt64 = 1 << 21
  static let arithmetic: UInt64 = CF | PF | AF | ZF | SF | OF
  /// Everything that exists; the rest reads as zero, bit 1 as one.
  static let all: UInt64 =
    arithmetic | TF | IF | DF | IOPL | NT | RF | VM | AC | VIF | VIP | ID
}

@inline(__always) func parity(_ value: UInt64) -> Bool {
  UInt8(truncatingIfNeeded: value).nonzeroBitCount & 1 == 0
}

/// All ones in the low `8 << log2` bits.
@inline(__always) func widthMask(_ log2: UInt32) -> UInt64 { ~0 &>> UInt64(64 &- (8 &<< log2)) }

extension LazyFlags {
  /// CF, the common kinds first. All inline: a handler that may call a function saves registers on every way.
  @inline(__always)
  var carry: Bool {
    if kind == FlagKind.sub + 3 { return (result &+ source) < source }
    if kind == FlagKind.sub + 2 {
      return UInt32(truncatingIfNeeded: result &+ source) < UInt32(truncatingIfNeeded: source)
    }
    if kind &- FlagKind.inc < 12 { return source & 1 != 0 }
    if kind &- FlagKind.add < 4 { return result < source }
    if kind &- FlagKind.logic < 4 { return false }
    if kind & FlagKind.carryGiven != 0 { return kind & FlagKind.carry != 0 }
    return classCarry
  }

  /// CF of the kind's class, whatever CF the kind gives.
  @inline(__always)
  fileprivate var classCarry: Bool {
    let log2 = kind & 3
    switch kind & FlagKind.classMask {
    case FlagKind.image, FlagKind.inc, FlagKind.dec, FlagKind.mixed, FlagKind.shr: return source & 1 != 0
    case FlagKind.add: return result < source
    case FlagKind.sub: return ((result &+ source) & widthMask(log2)) < source
    case FlagKind.shl: return (source &>> (UInt64(8 << log2) - 1)) & 1 != 0
    default: return false
    }
  }

  /// AF, in its place in RFLAGS; for every kind but `image`. `shift` is what shifts leave there.
  @inline(__always)
  fileprivate func adjust(_ shift: UInt64) -> UInt64 {
    switch kind & FlagKind.classMask {
    case FlagKind.add: return ((result &- source) ^ source ^ result) & RFLAGS.AF
    case FlagKind.sub: return ((result &+ source) ^ source ^ result) & RFLAGS.AF
    case FlagKind.inc: return result & 0xF == 0 ? RFLAGS.AF : 0
    case FlagKind.dec: return result & 0xF == 0xF ? RFLAGS.AF : 0
    case FlagKind.mixed: return source & RFLAGS.AF
    case FlagKind.shl, FlagKind.shr: return shift
    default: return 0
    }
  }

  /// OF, in its place in RFLAGS.
  @inline(__always)
  var overflow: UInt64 {
    if kind &- FlagKind.logic < 4 { return 0 }
    if kind < 4 || kind &- FlagKind.mixed < 4 { return source & RFLAGS.OF }
    return flagImage(result, source, kind, 0) & RFLAGS.OF
  }

  /// The same flags but for CF, which is `carry` (0 or 1).
  @inline(__always)
  func replacing(carry: UInt64) -> LazyFlags {
    let given = FlagKind.carryGiven | UInt32(truncatingIfNeeded: carry) &<< FlagKind.carryShift
    return LazyFlags(result, source, kind & ~FlagKind.carry | given)
  }

  /// The same flags but for CF and OF, which are `carry` and `overflow` (0 or 1).
  @inline(__always)
  func replacing(carry: UInt64, overflow: UInt64) -> LazyFlags {
    let given = UInt32(truncatingIfNeeded: carry | overflow &<< 1) &<< FlagKind.carryShift
    return LazyFlags(
      result, source,
      kind & (FlagKind.classMask | 3) | FlagKind.carryGiven | FlagKind.overflowGiven | given)
  }
}

/// The six arithmetic flags as an RFLAGS image: the one place where lazy flags become real. `shift` is AF after a
/// shift.
@inline(never)
func flagImage(_ result: UInt64, _ source: UInt64, _ kind: UInt32, _ shift: UInt64) -> UInt64 {
  let log2 = kind & 3
  let top = UInt64(8 << log2) - 1
  if kind & FlagKind.classMask == FlagKind.image { return withGiven(source, kind) }
  var image = LazyFlags(result, source, kind).classCarry ? RFLAGS.CF : 0
  if result & widthMask(log2) == 0 { image |= RFLAGS.ZF }
  if (result >> top) & 1 != 0 { image |= RFLAGS.SF }
  if parity(result) { image |= RFLAGS.PF }
  image |= LazyFlags(result, source, kind).adjust(shift)
  var overflow = false
  switch kind & FlagKind.classMask {
  case FlagKind.add:
    let first = result &- source
    overflow = (((first ^ result) & (source ^ result)) >> top) & 1 != 0
  case FlagKind.sub:
    let first = result &+ source
    overflow = (((first ^ source) & (first ^ result)) >> top) & 1 != 0
  case FlagKind.inc: overflow = result & widthMask(log2) == 1 << top
  case FlagKind.dec: overflow = result & widthMask(log2) == (1 << top) - 1
  case FlagKind.mixed: overflow = source & RFLAGS.OF != 0
  case FlagKind.shl, FlagKind.shr: overflow = ((source ^ result) >> top) & 1 != 0
  default: break
  }
  return withGiven(overflow ? image | RFLAGS.OF : image, kind)
}

/// An image with the CF and OF that a kind gives.
@inline(__always)
private func withGiven(_ image: UInt64, _ kind: UInt32) -> UInt64 {
  var image = image
  if kind & FlagKind.carryGiven != 0 {
    image = image & ~RFLAGS.CF | (kind & FlagKind.carry != 0 ? RFLAGS.CF : 0)
  }
  if kind & FlagKind.overflowGiven != 0 {
    image = image & ~RFLAGS.OF | (kind & FlagKind.overflow != 0 ? RFLAGS.OF : 0)
  }
  return image
}

/// A condition code (SDM Vol. 1, "EFLAGS Condition Codes"): a type per code, so that stamps fold it away.
protocol ConditionCode {
  /// The `tttn` encoding.
  static var code: UInt32 { get }
}

extension ConditionCode {
  /// The condition after `CMP a, b`.
  @inline(__always)
  static func afterCompare<T: OperandWidth>(_ a: T, _ b: T) -> Bool {
    let x = a.signed
    let y = b.signed
    switch code {
    case 0: return x.subtractingReportingOverflow(y).overflow
    case 1: return !x.subtractingReportingOverflow(y).overflow
    case 2: return a < b
    case 3: return a >= b
    case 4: return a == b
    case 5: return a != b
    case 6: return a <= b
    case 7: return a > b
    case 8: return (a &- b).isNegative
    case 9: return !(a &- b).isNegative
    case 10: return parity((a &- b).zeroExtended)
    case 11: return !parity((a &- b).zeroExtended)
    case 12: return x < y
    case 13: return x >= y
    case 14: return x <= y
    default: return x > y
    }
  }

  /// The condition after a logical operation with result `r` (CF = OF = 0).
  @inline(__always)
  static func afterLogic<T: OperandWidth>(_ r: T) -> Bool {
    switch code {
    case 0, 2: return false
    case 1, 3: return true
    case 4, 6: return r == 0
    case 5, 7: return r != 0
    case 8, 12: return r.isNegative
    case 9, 13: return !r.isNegative
    case 10: return parity(r.zeroExtended)
    case 11: return !parity(r.zeroExtended)
    case 14: return r == 0 || r.isNegative
    default: return r != 0 && !r.isNegative
    }
  }

  /// The condition for any lazy flags.
  @inline(__always)
  static func holds(_ flags: LazyFlags) -> Bool {
    let looksAtOverflow = code < 2 || code >= 12
    if looksAtOverflow && !isQuick(flags.kind) {
      return conditionSlow(code, flags.result, flags.source, flags.kind)
    }
    return holdsQuickly(flags)
  }
}

/// Of conditions that look at OF: whether `holdsQuickly` knows them for this kind. Stamps ask, because the rest is left
/// to the slow form.
@inline(__always)
func isQuick(_ kind: UInt32) -> Bool {
  let quick: UInt32 = 1 << FlagKind.image | 12 << FlagKind.sub | 15 << FlagKind.logic
  return _fastPath(kind < 16 && quick &>> kind & 1 != 0)
}

extension ConditionCode {
  /// The condition for lazy flags without a call; for codes that look at OF only where `isQuick` holds.
  @inline(__always)
  static func holdsQuickly(_ flags: LazyFlags) -> Bool {
    if code == 4 { return flags.result == 0 }
    if code == 5 { return flags.result != 0 }
    if _fastPath(flags.kind == FlagKind.sub + 2) {
      return afterCompare(
        UInt32(truncatingIfNeeded: flags.result &+ flags.source), UInt32(truncatingIfNeeded: flags.source))
    }
    if _fastPath(flags.kind == FlagKind.sub + 3) {
      return afterCompare(flags.result &+ flags.source, flags.source)
    }
    let isImage = flags.kind & FlagKind.classMask == FlagKind.image
    switch code & ~1 {
    case 2: return flags.carry != (code & 1 != 0)
    case 6: return (flags.carry || flags.result == 0) != (code & 1 != 0)
    case 8: return (isImage ? flags.source & RFLAGS.SF != 0 : flags.isNegative) != (code & 1 != 0)
    case 10: return (isImage ? flags.source & RFLAGS.PF != 0 : parity(flags.result)) != (code & 1 != 0)
    default: return isImage ? conditionHolds(code, flags.source) : afterLogic(flags)
    }
  }

  /// The condition after a logical operation of any width.
  @inline(__always)
  private static func afterLogic(_ flags: LazyFlags) -> Bool {
    let sign: UInt64 = flags.isNegative ? 1 << 63 : 0
    return afterLogic(sign | (flags.result == 0 ? 0 : 1))
  }
}

extension LazyFlags {
  /// The sign bit of the result, at the kind's width.
  @inline(__always)
  fileprivate var isNegative: Bool { (result &>> (UInt64(8 &<< (kind & 3)) &- 1)) & 1 != 0 }
}

@inline(never)
func conditionSlow(_ code: UInt32, _ result: UInt64, _ source: UInt64, _ kind: UInt32) -> Bool {
  // No condition looks at AF.
  conditionHolds(code, flagImage(result, source, kind, 0))
}

/// Condition `code` for an RFLAGS image.
@inline(__always)
func conditionHolds(_ code: UInt32, _ image: UInt64) -> Bool {
  let sign = image & RFLAGS.SF != 0
  let overflow = image & RFLAGS.OF != 0
  let base: Bool
  switch code >> 1 {
  case 0: base = overflow
  case 1: base = image & RFLAGS.CF != 0
  case 2: base = image & RFLAGS.ZF != 0
  case 3: base = image & (RFLAGS.CF | RFLAGS.ZF) != 0
  case 4: base = sign
  case 5: base = image & RFLAGS.PF != 0
  case 6: base = sign != overflow
  default: base = image & RFLAGS.ZF != 0 || sign != overflow
  }
  return base != (code & 1 != 0)
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// The lazy flags that slow functions find and leave in the state block.
  @inline(__always)
  var flags: LazyFlags {
    get { LazyFlags(pointee.flagResult, pointee.flagSource, pointee.flagKind) }
    nonmutating set {
      pointee.flagResult = newValue.result
      pointee.flagSource = newValue.source
      pointee.flagKind = newValue.kind
    }
  }

  /// Whether what the manuals leave undefined in the flags is as on Intel's P6 and its successors, instead of as on
  /// AMD's processors since Zen, whom Intel's before the P6 resemble. The figures for AMD are measured, those for
  /// Intel are sandpile.org's ("rFLAGS register", undefined integer flags behavior).
  var hasP6Flags: Bool { pointee.isIntel && has(.cmov) }

  /// AF after a shift. The P6 keeps it and the Pentium 4 clears it, which is done here.
  var shiftAdjust: UInt64 { hasP6Flags ? 0 : RFLAGS.AF }

  /// The six arithmetic flags as an RFLAGS image.
  func image(of flags: LazyFlags) -> UInt64 { flagImage(flags.result, flags.source, flags.kind, shiftAdjust) }
  var arithmeticFlags: UInt64 { image(of: flags) }

  /// RFLAGS, complete. Setting it does no checks and has no side effects but those of `flagsChanged`.
  var rflags: UInt64 {
    get { pointee.systemFlags | arithmeticFlags }
    nonmutating set {
      flags = LazyFlags(image: newValue)
      pointee.systemFlags = (newValue & RFLAGS.all & ~RFLAGS.arithmetic) | 2
    }
  }

  @inline(__always)
  func setFlag(_ flag: UInt64, _ value: Bool) {
    pointee.systemFlags = value ? pointee.systemFlags | flag : pointee.systemFlags & ~flag
  }
}
enum CC_O: ConditionCode { @inline(__always) static var code: UInt32 { 0 } }
enum CC_NO: ConditionCode { @inline(__always) static var code: UInt32 { 1 } }
enum CC_B: ConditionCode { @inline(__always) static var code: UInt32 { 2 } }
enum CC_NB: ConditionCode { @inline(__always) static var code: UInt32 { 3 } }
enum CC_Z: ConditionCode { @inline(__always) static var code: UInt32 { 4 } }
enum CC_NZ: ConditionCode { @inline(__always) static var code: UInt32 { 5 } }
enum CC_BE: ConditionCode { @inline(__always) static var code: UInt32 { 6 } }
enum CC_NBE: ConditionCode { @inline(__always) static var code: UInt32 { 7 } }
enum CC_S: ConditionCode { @inline(__always) static var code: UInt32 { 8 } }
enum CC_NS: ConditionCode { @inline(__always) static var code: UInt32 { 9 } }
enum CC_P: ConditionCode { @inline(__always) static var code: UInt32 { 10 } }
enum CC_NP: ConditionCode { @inline(__always) static var code: UInt32 { 11 } }
enum CC_L: ConditionCode { @inline(__always) static var code: UInt32 { 12 } }
enum CC_NL: ConditionCode { @inline(__always) static var code: UInt32 { 13 } }
enum CC_LE: ConditionCode { @inline(__always) static var code: UInt32 { 14 } }
enum CC_NLE: ConditionCode { @inline(__always) static var code: UInt32 { 15 } }
