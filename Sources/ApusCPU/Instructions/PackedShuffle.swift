/// The instructions that move lanes about: packs, unpacks, shuffles, masks and single words (SDM Vol. 1,
/// "MMX Conversion Instructions", "SSE2 128-Bit SIMD Integer Instructions", "SSE Shuffle and Unpack
/// Instructions").
extension PackedInteger {
  /// Signed words to signed bytes with saturation; all of `a`, then all of `b`.
  @inline(__always) package static func PACKSSWB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.packed(a, b) { narrowWords($0, from: -128, to: 127) }
  }
  /// Signed words to unsigned bytes with saturation.
  @inline(__always) package static func PACKUSWB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.packed(a, b) { narrowWords($0, from: 0, to: 255) }
  }
  /// Signed doublewords to signed words with saturation.
  @inline(__always) package static func PACKSSDW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.packed(a, b) { vector in
      let lanes = vector.signedDoublewords
      let (lowest, highest) = (SIMD4<Int32>(repeating: -32768), SIMD4<Int32>(repeating: 32767))
      let floor = lanes.replacing(with: lowest, where: lanes .< lowest)
      let clamped = floor.replacing(with: highest, where: floor .> highest)
      return unsafeBitCast(SIMD16(signedDoublewords: clamped).words.evenHalf, to: UInt64.self)
    }
  }

  @inline(__always)
  private static func narrowWords(_ vector: SIMD16<UInt8>, from low: Int16, to high: Int16) -> UInt64 {
    // Comparisons with a scalar would compile to a loop over the lanes.
    let (lowest, highest) = (SIMD8(repeating: low), SIMD8(repeating: high))
    let lanes = vector.signedWords
    let floor = lanes.replacing(with: lowest, where: lanes .< lowest)
    let clamped = floor.replacing(with: highest, where: floor .> highest)
    // The low bytes of the words move together by halves: a shuffle of 16 bytes would be taken apart.
    let bytes = SIMD16(signedWords: clamped).quadwords & 0x00FF_00FF_00FF_00FF
    let pairs = (bytes | (bytes &>> 8)) & 0x0000_FFFF_0000_FFFF
    let fours = (pairs | (pairs &>> 16)) & 0xFFFF_FFFF
    return fours[0] | (fours[1] &<< 32)
  }

  @inline(__always) package static func PUNPCKLBW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.unpacked(a, b, high: false, interleaveBytes)
  }
  @inline(__always) package static func PUNPCKLWD<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.unpacked(a, b, high: false, interleaveWords)
  }
  @inline(__always) package static func PUNPCKLDQ<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.unpacked(a, b, high: false, interleaveDoublewords)
  }
  @inline(__always) package static func PUNPCKHBW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.unpacked(a, b, high: true, interleaveBytes)
  }
  @inline(__always) package static func PUNPCKHWD<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.unpacked(a, b, high: true, interleaveWords)
  }
  @inline(__always) package static func PUNPCKHDQ<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.unpacked(a, b, high: true, interleaveDoublewords)
  }
  @inline(__always)
  package static func PUNPCKLQDQ(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    SIMD16(quadwords: SIMD2(a.quadwords[0], b.quadwords[0]))
  }
  @inline(__always)
  package static func PUNPCKHQDQ(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    SIMD16(quadwords: SIMD2(a.quadwords[1], b.quadwords[1]))
  }

  @inline(__always)
  private static func interleaveBytes(_ a: UInt64, _ b: UInt64) -> SIMD16<UInt8> {
    var result = SIMD16<UInt8>()
    result.evenHalf = unsafeBitCast(a, to: SIMD8<UInt8>.self)
    result.oddHalf = unsafeBitCast(b, to: SIMD8<UInt8>.self)
    return result
  }
  @inline(__always)
  private static func interleaveWords(_ a: UInt64, _ b: UInt64) -> SIMD16<UInt8> {
    var result = SIMD8<UInt16>()
    result.evenHalf = unsafeBitCast(a, to: SIMD4<UInt16>.self)
    result.oddHalf = unsafeBitCast(b, to: SIMD4<UInt16>.self)
    return SIMD16(words: result)
  }
  @inline(__always)
  private static func interleaveDoublewords(_ a: UInt64, _ b: UInt64) -> SIMD16<UInt8> {
    var result = SIMD4<UInt32>()
    result.evenHalf = unsafeBitCast(a, to: SIMD2<UInt32>.self)
    result.oddHalf = unsafeBitCast(b, to: SIMD2<UInt32>.self)
    return SIMD16(doublewords: result)
  }

  /// `UNPCKLPS` moves what `PUNPCKLDQ` moves; so do the other three.
  @inline(__always)
  package static func UNPCKLPS(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    PUNPCKLDQ(a, b)
  }
  @inline(__always)
  package static func UNPCKHPS(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    PUNPCKHDQ(a, b)
  }
  @inline(__always)
  package static func UNPCKLPD(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    PUNPCKLQDQ(a, b)
  }
  @inline(__always)
  package static func UNPCKHPD(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    PUNPCKHQDQ(a, b)
  }
}

// MARK: Shuffles by an immediate

extension PackedInteger {
  /// Bits `2 * lane + 1 : 2 * lane` of the immediate.
  @inline(__always)
  private static func selector(_ immediate: UInt8, _ lane: UInt8) -> UInt64 {
    UInt64(immediate &>> (lane &* 2)) & 3
  }

  /// The doubleword of `a` that the immediate selects for `lane`.
  @inline(__always)
  private static func doubleword(_ a: SIMD16<UInt8>, _ immediate: UInt8, _ lane: UInt8) -> UInt64 {
    let index = selector(immediate, lane)
    let half = index & 2 != 0 ? a.quadwords[1] : a.quadwords[0]
    return (half &>> ((index & 1) &* 32)) & 0xFFFF_FFFF
  }

  /// The four words of `source` in the order that the immediate selects.
  @inline(__always)
  private static func shuffledWords(_ source: UInt64, _ immediate: UInt8) -> UInt64 {
    var result: UInt64 = 0
    for lane in 0..<4 as Range<UInt8> {
      let word = (source &>> (selector(immediate, lane) &* 16)) & 0xFFFF
      result |= word &<< (UInt64(lane) &* 16)
    }
    return result
  }

  @inline(__always)
  package static func PSHUFD(_ source: SIMD16<UInt8>, _ immediate: UInt8) -> SIMD16<UInt8> {
    SHUFPS(source, source, immediate)
  }
  /// Shuffles the upper four words and copies the lower.
  @inline(__always)
  package static func PSHUFHW(_ source: SIMD16<UInt8>, _ immediate: UInt8) -> SIMD16<UInt8> {
    SIMD16(quadwords: SIMD2(source.quadwords[0], shuffledWords(source.quadwords[1], immediate)))
  }
  /// Shuffles the lower four words and copies the upper.
  @inline(__always)
  package static func PSHUFLW(_ source: SIMD16<UInt8>, _ immediate: UInt8) -> SIMD16<UInt8> {
    SIMD16(quadwords: SIMD2(shuffledWords(source.quadwords[0], immediate), source.quadwords[1]))
  }
  /// The MMX shuffle.
  @inline(__always)
  package static func PSHUFW(_ source: UInt64, _ immediate: UInt8) -> UInt64 {
    shuffledWords(source, immediate)
  }
  /// Two doublewords of `a`, then two of `b`.
  @inline(__always)
  package static func SHUFPS(
    _ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, _ immediate: UInt8
  ) -> SIMD16<UInt8> {
    let low = doubleword(a, immediate, 0) | (doubleword(a, immediate, 1) &<< 32)
    let high = doubleword(b, immediate, 2) | (doubleword(b, immediate, 3) &<< 32)
    return SIMD16(quadwords: SIMD2(low, high))
  }
  /// A quadword of `a` by bit 0 of the immediate, then one of `b` by bit 1.
  @inline(__always)
  package static func SHUFPD(
    _ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, _ immediate: UInt8
  ) -> SIMD16<UInt8> {
    let low = immediate & 1 != 0 ? a.quadwords[1] : a.quadwords[0]
    let high = immediate & 2 != 0 ? b.quadwords[1] : b.quadwords[0]
    return SIMD16(quadwords: SIMD2(low, high))
  }
}

// MARK: Masks and single words

extension PackedInteger {
  /// The top bits of all bytes, byte 0's in bit 0; the rest is zero.
  @inline(__always) package static func PMOVMSKB<V: PackedOperand>(_ source: V) -> UInt32 {
    let halves = source.vector.quadwords
    let low = byteSigns(halves[0])
    return V.byteCount == 8 ? low : low | (byteSigns(halves[1]) &<< 8)
  }
  /// The signs of four singles.
  @inline(__always) package static func MOVMSKPS(_ source: SIMD16<UInt8>) -> UInt32 {
    let (low, high) = (source.quadwords[0], source.quadwords[1])
    let signs = ((low &>> 31) & 1) | ((low &>> 63) &<< 1) | ((high &>> 29) & 4) | ((high &>> 63) &<< 3)
    return UInt32(truncatingIfNeeded: signs)
  }
  /// The signs of two doubles.
  @inline(__always) package static func MOVMSKPD(_ source: SIMD16<UInt8>) -> UInt32 {
    UInt32(truncatingIfNeeded: (source.quadwords[0] &>> 63) | ((source.quadwords[1] &>> 63) &<< 1))
  }

  /// Gathers bits 7, 15 ... 63 in the top byte of a product: bit 8i times 2^(7(8 − i)) is bit 56 + i, and no
  /// two of the partial products meet.
  @inline(__always)
  private static func byteSigns(_ eight: UInt64) -> UInt32 {
    let bits = (eight &>> 7) & 0x0101_0101_0101_0101
    return UInt32(truncatingIfNeeded: (bits &* 0x0102_0408_1020_4080) &>> 56)
  }

  /// The word that the immediate selects (modulo the number of words), zero-extended.
  @inline(__always)
  package static func PEXTRW<V: PackedOperand>(_ source: V, _ immediate: UInt8) -> UInt32 {
    let index = UInt64(immediate) & UInt64(truncatingIfNeeded: V.byteCount / 2 &- 1)
    let half = index & 4 != 0 ? source.vector.quadwords[1] : source.vector.quadwords[0]
    return UInt32(truncatingIfNeeded: half &>> ((index & 3) &* 16)) & 0xFFFF
  }
  /// Replaces the word that the immediate selects (modulo the number of words).
  @inline(__always)
  package static func PINSRW<V: PackedOperand>(_ a: V, _ value: UInt16, _ immediate: UInt8) -> V {
    let index = UInt64(immediate) & UInt64(truncatingIfNeeded: V.byteCount / 2 &- 1)
    let shift = (index & 3) &* 16
    let keep = ~((0xFFFF as UInt64) &<< shift)
    let word = UInt64(value) &<< shift
    let halves = a.vector.quadwords
    let replaced = ((index & 4 != 0 ? halves[1] : halves[0]) & keep) | word
    return V(
      vector: SIMD16(
        quadwords: index & 4 != 0 ? SIMD2(halves[0], replaced) : SIMD2(replaced, halves[1])))
  }
}
