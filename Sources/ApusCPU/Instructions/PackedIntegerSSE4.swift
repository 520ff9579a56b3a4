// The packed integer computation of SSSE3 and SSE4 (SDM Vol. 1, "SSSE3 Instructions", "SSE4.1 Instructions",
// "SSE4.2 Instruction Set"), each under its mnemonic: the first parameter is the destination operand.

// MARK: SSSE3

extension PackedInteger {
  @inline(__always) package static func PSHUFB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      var result = SIMD16<UInt8>()
      for index in 0..<V.byteCount where b[index] & 0x80 == 0 {
        result[index] = a[Int(b[index]) & (V.byteCount - 1)]
      }
      return result
    }
  }

  @inline(__always) package static func PHADDW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.packed(a, b) { unsafeBitCast($0.words.evenHalf &+ $0.words.oddHalf, to: UInt64.self) }
  }
  @inline(__always) package static func PHADDD<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.packed(a, b) { unsafeBitCast($0.doublewords.evenHalf &+ $0.doublewords.oddHalf, to: UInt64.self) }
  }
  @inline(__always) package static func PHSUBW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.packed(a, b) { unsafeBitCast($0.words.evenHalf &- $0.words.oddHalf, to: UInt64.self) }
  }
  @inline(__always) package static func PHSUBD<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.packed(a, b) { unsafeBitCast($0.doublewords.evenHalf &- $0.doublewords.oddHalf, to: UInt64.self) }
  }
  @inline(__always) package static func PHADDSW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.packed(a, b) { saturated(evenWords($0) &+ ($0.signedDoublewords &>> 16)) }
  }
  @inline(__always) package static func PHSUBSW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    V.packed(a, b) { saturated(evenWords($0) &- ($0.signedDoublewords &>> 16)) }
  }

  /// Four doublewords as signed words, saturated.
  @inline(__always)
  private static func saturated(_ lanes: SIMD4<Int32>) -> UInt64 {
    PACKSSDW(SIMD16(signedDoublewords: lanes), .zero).quadwords[0]
  }

  /// Unsigned bytes of `a` times signed bytes of `b`; neighbouring products summed with saturation.
  @inline(__always) package static func PMADDUBSW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let even =
        SIMD8<Int16>(truncatingIfNeeded: a.evenHalf) &* SIMD8(truncatingIfNeeded: b.signedBytes.evenHalf)
      let odd =
        SIMD8<Int16>(truncatingIfNeeded: a.oddHalf) &* SIMD8(truncatingIfNeeded: b.signedBytes.oddHalf)
      return PADDSW(SIMD16(signedWords: even), SIMD16(signedWords: odd))
    }
  }

  @inline(__always) package static func PSIGNB<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let negated = a.signedBytes.replacing(with: 0 &- a.signedBytes, where: b.signedBytes .< .zero)
      return SIMD16(signedBytes: negated.replacing(with: 0, where: b.signedBytes .== .zero))
    }
  }
  @inline(__always) package static func PSIGNW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let negated = a.signedWords.replacing(with: 0 &- a.signedWords, where: b.signedWords .< .zero)
      return SIMD16(signedWords: negated.replacing(with: 0, where: b.signedWords .== .zero))
    }
  }
  @inline(__always) package static func PSIGND<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let lanes = a.signedDoublewords
      let negated = lanes.replacing(with: 0 &- lanes, where: b.signedDoublewords .< .zero)
      return SIMD16(signedDoublewords: negated.replacing(with: 0, where: b.signedDoublewords .== .zero))
    }
  }

  @inline(__always) package static func PABSB<V: PackedOperand>(_ a: V, _ b: V) -> V { PSIGNB(b, orOne(b)) }
  @inline(__always) package static func PABSW<V: PackedOperand>(_ a: V, _ b: V) -> V { PSIGNW(b, orOne(b)) }
  @inline(__always) package static func PABSD<V: PackedOperand>(_ a: V, _ b: V) -> V { PSIGND(b, orOne(b)) }

  /// The sign of every lane, and no zero.
  @inline(__always)
  private static func orOne<V: PackedOperand>(_ b: V) -> V { lanes(b, b) { b, _ in b | 1 } }

  /// The upper halves of signed products, rounded at bit 14.
  @inline(__always) package static func PMULHRSW<V: PackedOperand>(_ a: V, _ b: V) -> V {
    lanes(a, b) { a, b in
      let product =
        SIMD8<Int32>(truncatingIfNeeded: a.signedWords) &* SIMD8<Int32>(truncatingIfNeeded: b.signedWords)
      return SIMD16(signedWords: SIMD8<Int16>(truncatingIfNeeded: ((product &>> 14) &+ 1) &>> 1))
    }
  }

  /// Bytes `count` and up of `a` above `b`.
  @inline(__always)
  package static func PALIGNR<V: PackedOperand>(_ a: V, _ b: V, _ count: UInt8) -> V {
    lanes(a, b) { a, b in
      var result = SIMD16<UInt8>()
      for index in 0..<V.byteCount {
        let at = index + Int(count)
        if at < V.byteCount {
          result[index] = b[at]
        } else if at < 2 * V.byteCount {
          result[index] = a[at - V.byteCount]
        }
      }
      return result
    }
  }
}

// MARK: SSE4

extension SIMD16<UInt8> {
  @inline(__always) package var signedQuadwords: SIMD2<Int64> { unsafeBitCast(self, to: SIMD2<Int64>.self) }
  @inline(__always) package init(signedQuadwords: SIMD2<Int64>) {
    self = unsafeBitCast(signedQuadwords, to: Self.self)
  }
}

extension PackedInteger {
  /// Lanes of `b` where the top bit of the mask's lane is set, for lanes of 1, 4 and 8 bytes.
  package static func PBLENDVB(
    _ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, _ mask: SIMD16<UInt8>
  ) -> SIMD16<UInt8> {
    a.replacing(with: b, where: mask.signedBytes .< .zero)
  }
  package static func BLENDVPS(
    _ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, _ mask: SIMD16<UInt8>
  ) -> SIMD16<UInt8> {
    SIMD16(doublewords: a.doublewords.replacing(with: b.doublewords, where: mask.signedDoublewords .< .zero))
  }
  package static func BLENDVPD(
    _ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, _ mask: SIMD16<UInt8>
  ) -> SIMD16<UInt8> {
    SIMD16(quadwords: a.quadwords.replacing(with: b.quadwords, where: mask.signedQuadwords .< .zero))
  }

  /// Lanes of `b` where the immediate has a one.
  package static func PBLENDW(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, _ mask: UInt8) -> SIMD16<UInt8> {
    var result = a.words
    for lane in 0..<8 where mask >> UInt8(lane) & 1 != 0 { result[lane] = b.words[lane] }
    return SIMD16(words: result)
  }
  package static func BLENDPS(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, _ mask: UInt8) -> SIMD16<UInt8> {
    var result = a.doublewords
    for lane in 0..<4 where mask >> UInt8(lane) & 1 != 0 { result[lane] = b.doublewords[lane] }
    return SIMD16(doublewords: result)
  }
  package static func BLENDPD(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, _ mask: UInt8) -> SIMD16<UInt8> {
    var result = a.quadwords
    for lane in 0..<2 where mask >> UInt8(lane) & 1 != 0 { result[lane] = b.quadwords[lane] }
    return SIMD16(quadwords: result)
  }

  @inline(__always) package static func PMULDQ(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    let first = (a.signedQuadwords &<< 32) &>> 32
    return SIMD16(signedQuadwords: first &* ((b.signedQuadwords &<< 32) &>> 32))
  }
  @inline(__always) package static func PMULLD(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    SIMD16(doublewords: a.doublewords &* b.doublewords)
  }
  @inline(__always) package static func PCMPEQQ(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    SIMD16(quadwords: SIMD2.zero.replacing(with: .max, where: a.quadwords .== b.quadwords))
  }
  @inline(__always) package static func PCMPGTQ(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    SIMD16(signedQuadwords: SIMD2.zero.replacing(with: -1, where: a.signedQuadwords .> b.signedQuadwords))
  }
  /// Signed doublewords to unsigned words with saturation.
  @inline(__always) package static func PACKUSDW(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    SIMD16<UInt8>.packed(a, b) { vector in
      let highest = SIMD4<Int32>(repeating: 65535)
      let floor = vector.signedDoublewords.replacing(with: 0, where: vector.signedDoublewords .< .zero)
      let clamped = floor.replacing(with: highest, where: floor .> highest)
      return unsafeBitCast(SIMD16(signedDoublewords: clamped).words.evenHalf, to: UInt64.self)
    }
  }

  @inline(__always) package static func PMINSB(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    a.replacing(with: b, where: b.signedBytes .< a.signedBytes)
  }
  @inline(__always) package static func PMAXSB(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    a.replacing(with: b, where: b.signedBytes .> a.signedBytes)
  }
  @inline(__always) package static func PMINUW(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    SIMD16(words: a.words.replacing(with: b.words, where: b.words .< a.words))
  }
  @inline(__always) package static func PMAXUW(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    SIMD16(words: a.words.replacing(with: b.words, where: b.words .> a.words))
  }
  @inline(__always) package static func PMINSD(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    let isLess = b.signedDoublewords .< a.signedDoublewords
    return SIMD16(doublewords: a.doublewords.replacing(with: b.doublewords, where: isLess))
  }
  @inline(__always) package static func PMAXSD(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    let isMore = b.signedDoublewords .> a.signedDoublewords
    return SIMD16(doublewords: a.doublewords.replacing(with: b.doublewords, where: isMore))
  }
  @inline(__always) package static func PMINUD(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    SIMD16(doublewords: a.doublewords.replacing(with: b.doublewords, where: b.doublewords .< a.doublewords))
  }
  @inline(__always) package static func PMAXUD(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    SIMD16(doublewords: a.doublewords.replacing(with: b.doublewords, where: b.doublewords .> a.doublewords))
  }

  /// The smallest word and, above it, its index.
  package static func PHMINPOSUW(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    var best = 0
    for lane in 1..<8 where b.words[lane] < b.words[best] { best = lane }
    return SIMD16(quadwords: SIMD2(UInt64(b.words[best]) | UInt64(best) << 16, 0))
  }

  /// Eight sums of four absolute differences: of the block of `b` that bits 1:0 of the immediate choose, with
  /// eleven bytes of `a` from where bit 2 tells.
  package static func MPSADBW(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, _ select: UInt8) -> SIMD16<UInt8> {
    let from = Int(select >> 2 & 1) * 4
    let block = Int(select & 3) * 4
    var result = SIMD8<UInt16>()
    for lane in 0..<8 {
      for byte in 0..<4 {
        let difference = Int16(a[from + lane + byte]) - Int16(b[block + byte])
        result[lane] &+= difference.magnitude
      }
    }
    return SIMD16(words: result)
  }

  // Sign and zero extension of the low lanes: eight bytes hold all that the widest of them reads.

  @inline(__always) package static func PMOVSXBW(_ a: UInt64) -> SIMD16<UInt8> {
    SIMD16(signedWords: SIMD8(truncatingIfNeeded: unsafeBitCast(a, to: SIMD8<Int8>.self)))
  }
  @inline(__always) package static func PMOVZXBW(_ a: UInt64) -> SIMD16<UInt8> {
    SIMD16(words: SIMD8(truncatingIfNeeded: unsafeBitCast(a, to: SIMD8<UInt8>.self)))
  }
  @inline(__always) package static func PMOVSXBD(_ a: UInt64) -> SIMD16<UInt8> {
    PMOVSXWD(PMOVSXBW(a).quadwords[0])
  }
  @inline(__always) package static func PMOVZXBD(_ a: UInt64) -> SIMD16<UInt8> {
    PMOVZXWD(PMOVZXBW(a).quadwords[0])
  }
  @inline(__always) package static func PMOVSXBQ(_ a: UInt64) -> SIMD16<UInt8> {
    PMOVSXDQ(PMOVSXBD(a).quadwords[0])
  }
  @inline(__always) package static func PMOVZXBQ(_ a: UInt64) -> SIMD16<UInt8> {
    PMOVZXDQ(PMOVZXBD(a).quadwords[0])
  }
  @inline(__always) package static func PMOVSXWD(_ a: UInt64) -> SIMD16<UInt8> {
    SIMD16(signedDoublewords: SIMD4(truncatingIfNeeded: unsafeBitCast(a, to: SIMD4<Int16>.self)))
  }
  @inline(__always) package static func PMOVZXWD(_ a: UInt64) -> SIMD16<UInt8> {
    SIMD16(doublewords: SIMD4(truncatingIfNeeded: unsafeBitCast(a, to: SIMD4<UInt16>.self)))
  }
  @inline(__always) package static func PMOVSXWQ(_ a: UInt64) -> SIMD16<UInt8> {
    PMOVSXDQ(PMOVSXWD(a).quadwords[0])
  }
  @inline(__always) package static func PMOVZXWQ(_ a: UInt64) -> SIMD16<UInt8> {
    PMOVZXDQ(PMOVZXWD(a).quadwords[0])
  }
  @inline(__always) package static func PMOVSXDQ(_ a: UInt64) -> SIMD16<UInt8> {
    SIMD16(signedQuadwords: SIMD2(truncatingIfNeeded: unsafeBitCast(a, to: SIMD2<Int32>.self)))
  }
  @inline(__always) package static func PMOVZXDQ(_ a: UInt64) -> SIMD16<UInt8> {
    SIMD16(quadwords: SIMD2(truncatingIfNeeded: unsafeBitCast(a, to: SIMD2<UInt32>.self)))
  }

  /// `INSERTPS`: `value` to the lane of bits 5:4, then zeros where bits 3:0 have ones.
  package static func INSERTPS(_ a: SIMD16<UInt8>, _ value: UInt32, _ select: UInt8) -> SIMD16<UInt8> {
    var result = a.doublewords
    result[Int(select >> 4 & 3)] = value
    for lane in 0..<4 where select >> UInt8(lane) & 1 != 0 { result[lane] = 0 }
    return SIMD16(doublewords: result)
  }
}
