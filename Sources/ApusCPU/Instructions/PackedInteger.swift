/// The operand of a packed instruction: a 64-bit MMX register or a 128-bit XMM register. An instruction that
/// treats all lanes alike is written once, on 128 bits; an MMX operand is widened with zeros and the upper
/// half of the result dropped.
package protocol PackedOperand: Sendable {
  /// Number of bytes: 8 or 16.
  static var byteCount: Int { get }
  /// The operand in a 128-bit vector, byte 0 first, the upper half zero for an MMX operand.
  var vector: SIMD16<UInt8> { get }
  /// The low bytes of a 128-bit vector.
  init(vector: SIMD16<UInt8>)
  /// The result of a pack: all lanes of `a`, then all of `b`, made half as wide. `narrow` does this for the
  /// lanes of one 128-bit vector.
  static func packed(_ a: Self, _ b: Self, _ narrow: (SIMD16<UInt8>) -> UInt64) -> Self
  /// The result of an unpack: the lanes of the low or high halves in turn, `a`'s first. `interleave` does
  /// this for all lanes of two 64-bit values.
  static func unpacked(
    _ a: Self, _ b: Self, high: Bool, _ interleave: (UInt64, UInt64) -> SIMD16<UInt8>
  ) -> Self
}

extension SIMD16<UInt8>: PackedOperand {
  @inline(__always) package static var byteCount: Int { 16 }
  @inline(__always) package var vector: SIMD16<UInt8> { self }
  @inline(__always) package init(vector: SIMD16<UInt8>) { self = vector }

  @inline(__always)
  package static func packed(
    _ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, _ narrow: (SIMD16<UInt8>) -> UInt64
  ) -> SIMD16<UInt8> {
    SIMD16(quadwords: SIMD2(narrow(a), narrow(b)))
  }

  @inline(__always)
  package static func unpacked(
    _ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, high: Bool,
    _ interleave: (UInt64, UInt64) -> SIMD16<UInt8>
  ) -> SIMD16<UInt8> {
    high ? interleave(a.quadwords[1], b.quadwords[1]) : interleave(a.quadwords[0], b.quadwords[0])
  }
}

extension UInt64: PackedOperand {
  @inline(__always) package static var byteCount: Int { 8 }
  @inline(__always) package var vector: SIMD16<UInt8> { SIMD16(quadwords: SIMD2(self, 0)) }
  @inline(__always) package init(vector: SIMD16<UInt8>) { self = vector.quadwords[0] }

  @inline(__always)
  package static func packed(
    _ a: UInt64, _ b: UInt64, _ narrow: (SIMD16<UInt8>) -> UInt64
  ) -> UInt64 {
    narrow(SIMD16(quadwords: SIMD2(a, b)))
  }

  @inline(__always)
  package static func unpacked(
    _ a: UInt64, _ b: UInt64, high: Bool, _ interleave: (UInt64, UInt64) -> SIMD16<UInt8>
  ) -> UInt64 {
    interleave(a, b).quadwords[high ? 1 : 0]
  }
}

/// Views of 128 bits as lanes of other widths, lane 0 in the lowest bytes.
///
/// `unsafeBitCast` is sound here: both sides are 16 bytes of plain integers, any bit pattern of which is a
/// value. Lane order is the guest's on every little-endian host, which is all that Apus supports.
extension SIMD16<UInt8> {
  @inline(__always) package var signedBytes: SIMD16<Int8> { unsafeBitCast(self, to: SIMD16<Int8>.self) }
  @inline(__always) package var words: SIMD8<UInt16> { unsafeBitCast(self, to: SIMD8<UInt16>.self) }
  @inline(__always) package var signedWords: SIMD8<Int16> { unsafeBitCast(self, to: SIMD8<Int16>.self) }
  @inline(__always) package var doublewords: SIMD4<UInt32> { unsafeBitCast(self, to: SIMD4<UInt32>.self) }
  @inline(__always) package var signedDoublewords: SIMD4<Int32> { unsafeBitCast(self, to: SIMD4<Int32>.self) }
  @inline(__always) package var quadwords: SIMD2<UInt64> { unsafeBitCast(self, to: SIMD2<UInt64>.self) }

  @inline(__always) package init(signedBytes: SIMD16<Int8>) {
    self = unsafeBitCast(signedBytes, to: Self.self)
  }
  @inline(__always) package init(words: SIMD8<UInt16>) { self = unsafeBitCast(words, to: Self.self) }
  @inline(__always) package init(signedWords: SIMD8<Int16>) {
    self = unsafeBitCast(signedWords, to: Self.self)
  }
  @inline(__always) package init(doublewords: SIMD4<UInt32>) {
    self = unsafeBitCast(doublewords, to: Self.self)
  }
  @inline(__always) package init(signedDoublewords: SIMD4<Int32>) {
    self = unsafeBitCast(signedDoublewords, to: Self.self)
  }
  @inline(__always) package init(quadwords: SIMD2<UInt64>) { self = unsafeBitCast(quadwords, to: Self.self) }
}

/// The computation of the packed integer instructions of MMX, SSE and SSE2 (SDM Vol. 1, "MMX Instructions"
/// and "SSE2 128-Bit SIMD Integer Instructions"), each under its mnemonic. The first parameter is the
/// destination operand, the second the source. No instruction here touches flags or raises exceptions.
package enum PackedInteger {}

// MARK: Addition and subtraction

extension PackedInteger {
  /// Wraps a function of two vectors for either operand width.
  @inline(__always)
  static func lanes<V: PackedOperand>(
    _ a: V, _ b: V, _ compute: (SIMD16<UInt8>, SIMD16<UInt8>) -> SIMD16<UInt8>
  ) -> V {
    V(vector: compute(a.vector, b.vector))
  }

  @inline(__always) package static func PADDB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { $0 &+ $1 }
  }
  @inline(__always) package static func PADDW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(words: $0.words &+ $1.words) }
  }
  @inline(__always) package static func PADDD<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(doublewords: $0.doublewords &+ $1.doublewords) }
  }
  @inline(__always) package static func PADDQ<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(quadwords: $0.quadwords &+ $1.quadwords) }
  }
  @inline(__always) package static func PSUBB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { $0 &- $1 }
  }
  @inline(__always) package static func PSUBW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(words: $0.words &- $1.words) }
  }
  @inline(__always) package static func PSUBD<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(doublewords: $0.doublewords &- $1.doublewords) }
  }
  @inline(__always) package static func PSUBQ<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(quadwords: $0.quadwords &- $1.quadwords) }
  }

  /// Unsigned saturation: a sum below an operand has wrapped.
  @inline(__always) package static func PADDUSB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let sum = a &+ b
      return sum.replacing(with: .max, where: sum .< a)
    }
  }
  @inline(__always) package static func PADDUSW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let sum = a.words &+ b.words
      return SIMD16(words: sum.replacing(with: .max, where: sum .< a.words))
    }
  }
  @inline(__always) package static func PSUBUSB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in (a &- b).replacing(with: 0, where: a .< b) }
  }
  @inline(__always) package static func PSUBUSW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      SIMD16(words: (a.words &- b.words).replacing(with: 0, where: a.words .< b.words))
    }
  }

  /// Signed saturation: on overflow (a sum whose sign is neither operand's) the extreme of `a`'s sign.
  @inline(__always) package static func PADDSB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let sum = a &+ b
      let overflow = (a ^ sum) & (b ^ sum)
      return sum.replacing(with: extreme(a), where: overflow.signedBytes .< SIMD16<Int8>.zero)
    }
  }
  @inline(__always) package static func PADDSW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let sum = a.signedWords &+ b.signedWords
      let overflow = (a.signedWords ^ sum) & (b.signedWords ^ sum)
      return SIMD16(signedWords: sum.replacing(with: extreme(a.signedWords), where: overflow .< .zero))
    }
  }
  @inline(__always) package static func PSUBSB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let difference = a &- b
      let overflow = (a ^ b) & (a ^ difference)
      return difference.replacing(with: extreme(a), where: overflow.signedBytes .< SIMD16<Int8>.zero)
    }
  }
  @inline(__always) package static func PSUBSW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let difference = a.signedWords &- b.signedWords
      let overflow = (a.signedWords ^ b.signedWords) & (a.signedWords ^ difference)
      return SIMD16(
        signedWords: difference.replacing(with: extreme(a.signedWords), where: overflow .< .zero))
    }
  }

  /// The most positive or most negative value, by the sign of each lane.
  @inline(__always)
  private static func extreme(_ a: SIMD16<UInt8>) -> SIMD16<UInt8> { (a &>> 7) &+ 0x7F }
  @inline(__always)
  private static func extreme(_ a: SIMD8<Int16>) -> SIMD8<Int16> { (a &>> 15) ^ .max }
}

// MARK: Multiplication, average, minimum, maximum, sum of differences

extension PackedInteger {
  @inline(__always) package static func PMULLW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(words: $0.words &* $1.words) }
  }

  /// The upper halves of signed 32-bit products. Even and odd words are taken from doublewords.
  @inline(__always) package static func PMULHW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let even = evenWords(a) &* evenWords(b)
      let odd = (a.signedDoublewords &>> 16) &* (b.signedDoublewords &>> 16)
      return SIMD16(
        doublewords: SIMD4<UInt32>(truncatingIfNeeded: even) &>> 16
          | SIMD4<UInt32>(truncatingIfNeeded: odd) & 0xFFFF_0000)
    }
  }
  @inline(__always) package static func PMULHUW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let even = (a.doublewords & 0xFFFF) &* (b.doublewords & 0xFFFF)
      let odd = (a.doublewords &>> 16) &* (b.doublewords &>> 16)
      return SIMD16(doublewords: even &>> 16 | odd & 0xFFFF_0000)
    }
  }
  /// The products of the even doublewords, unsigned, 64 bits wide.
  @inline(__always) package static func PMULUDQ<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) {
      SIMD16(quadwords: ($0.quadwords & 0xFFFF_FFFF) &* ($1.quadwords & 0xFFFF_FFFF))
    }
  }
  /// Sums of neighbouring signed products; the one sum that overflows, of four 0x8000, wraps.
  @inline(__always) package static func PMADDWD<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let even =
        SIMD4<Int32>(truncatingIfNeeded: a.signedWords.evenHalf)
        &* SIMD4<Int32>(truncatingIfNeeded: b.signedWords.evenHalf)
      let odd =
        SIMD4<Int32>(truncatingIfNeeded: a.signedWords.oddHalf)
        &* SIMD4<Int32>(truncatingIfNeeded: b.signedWords.oddHalf)
      return SIMD16(signedDoublewords: even &+ odd)
    }
  }

  /// The even words, sign-extended to 32 bits.
  @inline(__always)
  static func evenWords(_ a: SIMD16<UInt8>) -> SIMD4<Int32> {
    (a.signedDoublewords &<< 16) &>> 16
  }

  /// (a + b + 1) / 2 without a wider sum.
  @inline(__always) package static func PAVGB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { ($0 | $1) &- (($0 ^ $1) &>> 1) }
  }
  @inline(__always) package static func PAVGW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(words: ($0.words | $1.words) &- (($0.words ^ $1.words) &>> 1)) }
  }
  @inline(__always) package static func PMINUB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { $0.replacing(with: $1, where: $1 .< $0) }
  }
  @inline(__always) package static func PMAXUB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { $0.replacing(with: $1, where: $1 .> $0) }
  }
  @inline(__always) package static func PMINSW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      SIMD16(
        signedWords: a.signedWords.replacing(with: b.signedWords, where: b.signedWords .< a.signedWords))
    }
  }
  @inline(__always) package static func PMAXSW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      SIMD16(
        signedWords: a.signedWords.replacing(with: b.signedWords, where: b.signedWords .> a.signedWords))
    }
  }
  /// Per quadword, the sum of the absolute differences of its unsigned bytes.
  @inline(__always) package static func PSADBW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let difference = (a &- b).replacing(with: b &- a, where: a .< b).quadwords
      let pairs = (difference & 0x00FF_00FF_00FF_00FF) &+ ((difference &>> 8) & 0x00FF_00FF_00FF_00FF)
      let fours = (pairs & 0x0000_FFFF_0000_FFFF) &+ ((pairs &>> 16) & 0x0000_FFFF_0000_FFFF)
      return SIMD16(quadwords: (fours &+ (fours &>> 32)) & 0xFFFF)
    }
  }
}

// MARK: Comparison and logic

extension PackedInteger {
  @inline(__always) package static func PCMPEQB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16<UInt8>.zero.replacing(with: .max, where: $0 .== $1) }
  }
  @inline(__always) package static func PCMPEQW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(words: SIMD8.zero.replacing(with: .max, where: $0.words .== $1.words)) }
  }
  @inline(__always) package static func PCMPEQD<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) {
      SIMD16(doublewords: SIMD4.zero.replacing(with: .max, where: $0.doublewords .== $1.doublewords))
    }
  }
  @inline(__always) package static func PCMPGTB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) {
      SIMD16(signedBytes: SIMD16.zero.replacing(with: -1, where: $0.signedBytes .> $1.signedBytes))
    }
  }
  @inline(__always) package static func PCMPGTW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) {
      SIMD16(signedWords: SIMD8.zero.replacing(with: -1, where: $0.signedWords .> $1.signedWords))
    }
  }
  @inline(__always) package static func PCMPGTD<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) {
      SIMD16(
        signedDoublewords: SIMD4.zero.replacing(
          with: -1, where: $0.signedDoublewords .> $1.signedDoublewords))
    }
  }

  @inline(__always) package static func PAND<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(quadwords: $0.quadwords & $1.quadwords) }
  }
  /// The complement of the destination, and the source.
  @inline(__always) package static func PANDN<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(quadwords: ~$0.quadwords & $1.quadwords) }
  }
  @inline(__always) package static func POR<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(quadwords: $0.quadwords | $1.quadwords) }
  }
  @inline(__always) package static func PXOR<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { SIMD16(quadwords: $0.quadwords ^ $1.quadwords) }
  }
}

// MARK: Shifts

/// `count` is the low quadword of the source operand, or the immediate: all 64 bits count. A logical shift
/// by the lane's width or more gives zero, an arithmetic one gives copies of the sign.
extension PackedInteger {
  @inline(__always) package static func PSLLW<V: PackedOperand>(_ a: V, _ count: UInt64) -> V {
    if count > 15 { return V(vector: .zero) }
    return V(vector: SIMD16(words: a.vector.words &<< UInt16(truncatingIfNeeded: count)))
  }
  @inline(__always) package static func PSLLD<V: PackedOperand>(_ a: V, _ count: UInt64) -> V {
    if count > 31 { return V(vector: .zero) }
    return V(vector: SIMD16(doublewords: a.vector.doublewords &<< UInt32(truncatingIfNeeded: count)))
  }
  @inline(__always) package static func PSLLQ<V: PackedOperand>(_ a: V, _ count: UInt64) -> V {
    if count > 63 { return V(vector: .zero) }
    return V(vector: SIMD16(quadwords: a.vector.quadwords &<< count))
  }
  @inline(__always) package static func PSRLW<V: PackedOperand>(_ a: V, _ count: UInt64) -> V {
    if count > 15 { return V(vector: .zero) }
    return V(vector: SIMD16(words: a.vector.words &>> UInt16(truncatingIfNeeded: count)))
  }
  @inline(__always) package static func PSRLD<V: PackedOperand>(_ a: V, _ count: UInt64) -> V {
    if count > 31 { return V(vector: .zero) }
    return V(vector: SIMD16(doublewords: a.vector.doublewords &>> UInt32(truncatingIfNeeded: count)))
  }
  @inline(__always) package static func PSRLQ<V: PackedOperand>(_ a: V, _ count: UInt64) -> V {
    if count > 63 { return V(vector: .zero) }
    return V(vector: SIMD16(quadwords: a.vector.quadwords &>> count))
  }
  @inline(__always) package static func PSRAW<V: PackedOperand>(_ a: V, _ count: UInt64) -> V {
    let places = Int16(truncatingIfNeeded: count > 15 ? 15 : count)
    return V(vector: SIMD16(signedWords: a.vector.signedWords &>> places))
  }
  @inline(__always) package static func PSRAD<V: PackedOperand>(_ a: V, _ count: UInt64) -> V {
    let places = Int32(truncatingIfNeeded: count > 31 ? 31 : count)
    return V(vector: SIMD16(signedDoublewords: a.vector.signedDoublewords &>> places))
  }

  /// Left by whole bytes, 0...255; 16 and more give zero.
  @inline(__always) package static func PSLLDQ(_ a: SIMD16<UInt8>, _ count: UInt8) -> SIMD16<UInt8> {
    let (low, high) = (a.quadwords[0], a.quadwords[1])
    let bits = UInt64(count) &* 8
    if count == 0 { return a }
    if count > 15 { return .zero }
    if count > 7 { return SIMD16(quadwords: SIMD2(0, low &<< (bits &- 64))) }
    return SIMD16(quadwords: SIMD2(low &<< bits, (high &<< bits) | (low &>> (64 &- bits))))
  }
  /// Right by whole bytes, 0...255; 16 and more give zero.
  @inline(__always) package static func PSRLDQ(_ a: SIMD16<UInt8>, _ count: UInt8) -> SIMD16<UInt8> {
    let (low, high) = (a.quadwords[0], a.quadwords[1])
    let bits = UInt64(count) &* 8
    if count == 0 { return a }
    if count > 15 { return .zero }
    if count > 7 { return SIMD16(quadwords: SIMD2(high &>> (bits &- 64), 0)) }
    return SIMD16(quadwords: SIMD2((low &>> bits) | (high &<< (64 &- bits)), high &>> bits))
  }
}
