/// AES-NI, PCLMULQDQ and the SHA extensions (SDM Vol. 1, "AESNI and PCLMULQDQ"; Vol. 2, the instructions). AES as
/// FIPS 197 has it; a state's byte `row + 4 * column` is the vector's byte of that number.
package enum AES {
  /// FIPS 197, "SubBytes()": the inverse in the field, then an affine map. 3 generates the field, so that its
  /// powers and those of its inverse F6h go through all pairs of inverses.
  private static let substitution: InlineArray<256, UInt8> = {
    var table = InlineArray<256, UInt8>(repeating: 0x63)
    var (power, inverse) = (UInt8(1), UInt8(1))
    for _ in 0..<255 {
      var value = inverse
      for shift in 1...4 as ClosedRange<UInt8> { value ^= inverse &<< shift | inverse &>> (8 - shift) }
      table[Int(power)] = value ^ 0x63
      power = GaloisField.product(power, 3)
      inverse = GaloisField.product(inverse, 0xF6)
    }
    return table
  }()

  private static let inverseSubstitution: InlineArray<256, UInt8> = {
    var table = InlineArray<256, UInt8>(repeating: 0)
    for index in 0...255 as ClosedRange<UInt8> { table[Int(substitution[Int(index)])] = index }
    return table
  }()

  /// Rows 1 to 3 rotated by 1 to 3 columns, `direction` 1 or, for the inverse, -1; every byte substituted.
  @inline(__always)
  private static func shiftedRows(
    _ state: SIMD16<UInt8>, _ direction: Int, _ table: borrowing InlineArray<256, UInt8>
  ) -> SIMD16<UInt8> {
    var result = SIMD16<UInt8>()
    for index in 0..<16 {
      let row = index & 3
      result[index] = table[Int(state[(index + 4 * direction * row) & 15])]
    }
    return result
  }

  /// Each column times the polynomial with these coefficients (FIPS 197, "MixColumns()").
  private static func mixedColumns(_ state: SIMD16<UInt8>) -> SIMD16<UInt8> {
    // 2a + 3b + c + d = (a + b + c + d) + a + 2(a + b).
    let columns = state.doublewords
    let next = columns &>> 8 | columns &<< 24
    let pairs = columns ^ next
    let all = pairs ^ (pairs &>> 16 | pairs &<< 16)
    return SIMD16(doublewords: all ^ columns) ^ doubled(SIMD16(doublewords: pairs))
  }

  @inline(__always)
  private static func doubled(_ a: SIMD16<UInt8>) -> SIMD16<UInt8> {
    (a &<< 1) ^ SIMD16<UInt8>.zero.replacing(with: 0x1B, where: a .>= 0x80)
  }

  /// FIPS 197, "InvMixColumns()": the inverse polynomial is the forward one times 4x² + 5.
  package static func AESIMC(_ state: SIMD16<UInt8>) -> SIMD16<UInt8> {
    let columns = state.doublewords
    let opposite = columns ^ (columns &>> 16 | columns &<< 16)
    return mixedColumns(state ^ doubled(doubled(SIMD16(doublewords: opposite))))
  }

  package static func AESENC(_ state: SIMD16<UInt8>, _ key: SIMD16<UInt8>) -> SIMD16<UInt8> {
    mixedColumns(shiftedRows(state, 1, substitution)) ^ key
  }
  package static func AESENCLAST(_ state: SIMD16<UInt8>, _ key: SIMD16<UInt8>) -> SIMD16<UInt8> {
    shiftedRows(state, 1, substitution) ^ key
  }
  package static func AESDEC(_ state: SIMD16<UInt8>, _ key: SIMD16<UInt8>) -> SIMD16<UInt8> {
    AESIMC(shiftedRows(state, -1, inverseSubstitution)) ^ key
  }
  package static func AESDECLAST(_ state: SIMD16<UInt8>, _ key: SIMD16<UInt8>) -> SIMD16<UInt8> {
    shiftedRows(state, -1, inverseSubstitution) ^ key
  }

  package static func AESKEYGENASSIST(_ key: SIMD16<UInt8>, _ constant: UInt8) -> SIMD16<UInt8> {
    func substituted(_ word: UInt32) -> UInt32 {
      var result: UInt32 = 0
      for shift in stride(from: 0 as UInt32, to: 32, by: 8) {
        result |= UInt32(substitution[Int(word &>> shift & 0xFF)]) &<< shift
      }
      return result
    }
    let low = substituted(key.doublewords[1])
    let high = substituted(key.doublewords[3])
    return SIMD16(
      doublewords: SIMD4(
        low, (low &>> 8 | low &<< 24) ^ UInt32(constant), high, (high &>> 8 | high &<< 24) ^ UInt32(constant))
    )
  }
}

/// Products of polynomials over GF(2).
package enum CarrylessMultiplication {
  /// The quadwords that bits 0 and 4 of the immediate choose, multiplied without carries.
  package static func PCLMULQDQ(
    _ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>, _ select: UInt8
  ) -> SIMD16<UInt8> {
    let (low, high) = product(a.quadwords[Int(select & 1)], b.quadwords[Int(select >> 4 & 1)])
    return SIMD16(quadwords: SIMD2(low, high))
  }

  /// By integer multiplications of every fifth bit of both: at most 13 ones meet in a column of such a product, so no
  /// carry reaches the next bit that counts, five places on.
  @inline(__always)
  private static func product(_ a: UInt64, _ b: UInt64) -> (low: UInt64, high: UInt64) {
    // Bits 0, 5, 10 … of 64 and, continued, of the upper 64.
    let every: UInt64 = 0x1084_2108_4210_8421
    var (low, high) = (UInt64(0), UInt64(0))
    for column in 0..<5 as Range<UInt64> {
      var sum = (low: UInt64(0), high: UInt64(0))
      for place in 0..<5 as Range<UInt64> {
        let other = (column + 5 - place) % 5
        let part = (a & every &<< place).multipliedFullWidth(by: b & every &<< other)
        sum = (sum.low ^ part.low, sum.high ^ part.high)
      }
      // 64 is 4 modulo 5: bit 64 + n counts if n + 4 leaves the same remainder.
      low ^= sum.low & every &<< column
      high ^= sum.high & every &<< ((column + 1) % 5)
    }
    return (low, high)
  }
}

/// FIPS 180-4, in the lane orders of SDM Vol. 2.
package enum SHA {
  @inline(__always)
  private static func rotatedLeft(_ a: UInt32, _ count: UInt32) -> UInt32 { a &<< count | a &>> (32 - count) }

  /// Four rounds of SHA-1 of the kind bits 1:0 choose. A is the destination's highest lane; the source holds the
  /// schedule with E added to its highest.
  package static func SHA1RNDS4(
    _ state: SIMD16<UInt8>, _ schedule: SIMD16<UInt8>, _ select: UInt8
  ) -> SIMD16<UInt8> {
    var (a, b, c, d) = (
      state.doublewords[3], state.doublewords[2], state.doublewords[1], state.doublewords[0]
    )
    var e: UInt32 = 0
    for round in 0..<4 {
      let mixed: UInt32
      switch select & 3 {
      case 0: mixed = ((b & c) ^ (~b & d)) &+ 0x5A82_7999
      case 1: mixed = (b ^ c ^ d) &+ 0x6ED9_EBA1
      case 2: mixed = ((b & c) ^ (b & d) ^ (c & d)) &+ 0x8F1B_BCDC
      default: mixed = (b ^ c ^ d) &+ 0xCA62_C1D6
      }
      let next = mixed &+ rotatedLeft(a, 5) &+ schedule.doublewords[3 - round] &+ e
      (a, b, c, d, e) = (next, a, rotatedLeft(b, 30), c, d)
    }
    return SIMD16(doublewords: SIMD4(d, c, b, a))
  }

  package static func SHA1NEXTE(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    var result = b.doublewords
    result[3] &+= rotatedLeft(a.doublewords[3], 30)
    return SIMD16(doublewords: result)
  }

  package static func SHA1MSG1(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    SIMD16(quadwords: SIMD2(b.quadwords[1], a.quadwords[0])) ^ a
  }

  package static func SHA1MSG2(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    let (a, b) = (a.doublewords, b.doublewords)
    let first = rotatedLeft(a[3] ^ b[2], 1)
    return SIMD16(
      doublewords: SIMD4(
        rotatedLeft(a[0] ^ first, 1), rotatedLeft(a[1] ^ b[0], 1), rotatedLeft(a[2] ^ b[1], 1), first))
  }

  /// Two rounds of SHA-256: the state is A, B, E, F in the source and C, D, G, H in the destination, highest
  /// lanes first; `schedule`, XMM0, holds W + K.
  package static func SHA256RNDS2(
    _ low: SIMD16<UInt8>, _ high: SIMD16<UInt8>, _ schedule: SIMD16<UInt8>
  ) -> SIMD16<UInt8> {
    var (a, b, e, f) = (
      high.doublewords[3], high.doublewords[2], high.doublewords[1], high.doublewords[0]
    )
    var (c, d, g, h) = (low.doublewords[3], low.doublewords[2], low.doublewords[1], low.doublewords[0])
    for round in 0..<2 {
      let choice = (e & f) ^ (~e & g)
      let majority = (a & b) ^ (a & c) ^ (b & c)
      let sigma1 = rotatedLeft(e, 26) ^ rotatedLeft(e, 21) ^ rotatedLeft(e, 7)
      let sigma0 = rotatedLeft(a, 30) ^ rotatedLeft(a, 19) ^ rotatedLeft(a, 10)
      let sum = choice &+ sigma1 &+ schedule.doublewords[round] &+ h
      (a, b, c, d, e, f, g, h) = (sum &+ majority &+ sigma0, a, b, c, sum &+ d, e, f, g)
    }
    return SIMD16(doublewords: SIMD4(f, e, b, a))
  }

  package static func SHA256MSG1(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    func sigma0(_ w: UInt32) -> UInt32 { rotatedLeft(w, 25) ^ rotatedLeft(w, 14) ^ w &>> 3 }
    let w = a.doublewords
    return SIMD16(
      doublewords: w &+ SIMD4(sigma0(w[1]), sigma0(w[2]), sigma0(w[3]), sigma0(b.doublewords[0])))
  }

  package static func SHA256MSG2(_ a: SIMD16<UInt8>, _ b: SIMD16<UInt8>) -> SIMD16<UInt8> {
    func sigma1(_ w: UInt32) -> UInt32 { rotatedLeft(w, 15) ^ rotatedLeft(w, 13) ^ w &>> 10 }
    var result = a.doublewords
    result[0] &+= sigma1(b.doublewords[2])
    result[1] &+= sigma1(b.doublewords[3])
    result[2] &+= sigma1(result[0])
    result[3] &+= sigma1(result[1])
    return SIMD16(doublewords: result)
  }
}

extension VectorForm {
  /// V ← compute(V, W) of SHA: AMD's processors do not ask memory to be aligned (as measured on family 25), Intel's
  /// do (SDM Vol. 2, `SHA1NEXTE`).
  @inline(__always)
  private static func hashed(
    _ cpu: CPU, _ op: OpPointer, _ compute: (SIMD16<UInt8>, SIMD16<UInt8>) -> SIMD16<UInt8>
  ) throws(Exit) {
    try require(cpu)
    let b = cpu.pointee.isIntel ? try second(cpu, op).low : try second16(cpu, op)
    commit(cpu, op, compute(first(cpu, op).low, b))
  }

  static func AESENC(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try packed(cpu, op, AES.AESENC) }
  static func AESENCLAST(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try packed(cpu, op, AES.AESENCLAST) }
  static func AESDEC(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try packed(cpu, op, AES.AESDEC) }
  static func AESDECLAST(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try packed(cpu, op, AES.AESDECLAST) }
  static func AESIMC(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try packed(cpu, op) { AES.AESIMC($1) } }
  static func AESKEYGENASSIST(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try shuffled(cpu, op) { AES.AESKEYGENASSIST($1, $2) }
  }
  static func PCLMULQDQ(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try shuffled(cpu, op, CarrylessMultiplication.PCLMULQDQ)
  }
  static func SHA1RNDS4(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try hashed(cpu, op) { SHA.SHA1RNDS4($0, $1, immediate8(op)) }
  }
  static func SHA1NEXTE(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try hashed(cpu, op, SHA.SHA1NEXTE) }
  static func SHA1MSG1(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try hashed(cpu, op, SHA.SHA1MSG1) }
  static func SHA1MSG2(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try hashed(cpu, op, SHA.SHA1MSG2) }
  static func SHA256RNDS2(_ cpu: CPU, _ op: OpPointer) throws(Exit) {
    try hashed(cpu, op) { SHA.SHA256RNDS2($0, $1, cpu.xmm(0).pointee) }
  }
  static func SHA256MSG1(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try hashed(cpu, op, SHA.SHA256MSG1) }
  static func SHA256MSG2(_ cpu: CPU, _ op: OpPointer) throws(Exit) { try hashed(cpu, op, SHA.SHA256MSG2) }
}
