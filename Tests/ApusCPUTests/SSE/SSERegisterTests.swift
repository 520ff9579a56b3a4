import Testing

import ApusCPU

/// Register numbers, the x87 side of MMX registers, and the approximations.
@Suite struct SSERegisterTests {
  private static let data = SSETestMachine.data

  private func run(_ code: [UInt8], _ words: [UInt64] = []) throws -> SSETestMachine {
    let machine = SSETestMachine(code)
    for (index, word) in words.enumerated() { machine.write64(Self.data + UInt64(index) * 8, word) }
    #expect(try #require(machine.run()).vector == nil)
    return machine
  }

  /// `MOVDQU xmm, [600000h + offset]` or the reverse, for any of the sixteen registers.
  private func move(_ register: UInt8, _ offset: UInt8, storing: Bool = false) -> [UInt8] {
    let rex: [UInt8] = register > 7 ? [0x44] : []
    return [0xF3] + rex + [0x0F, storing ? 0x7F : 0x6F, 0x04 | (register & 7) << 3, 0x25, offset, 0, 0x60, 0]
  }

  @Test func allSixteenRegisters() throws {
    var code: [UInt8] = []
    // Registers n hold 2n and 2n + 1; then PADDQ n, 15 - n with both REX bits in play, and all are stored.
    for n in 0..<16 as Range<UInt8> { code += move(n, n * 16) }
    for n in 0..<8 as Range<UInt8> { code += [0x66, 0x41, 0x0F, 0xD4, 0xC0 | n << 3 | (15 - n) & 7] }
    code += [0x48, 0xC7, 0xC7, 0, 1, 0x60, 0]
    for n in 0..<16 as Range<UInt8> {
      code += [0x66] + (n > 7 ? [0x44] : []) + [0x0F, 0x7F, 0x87 | (n & 7) << 3, n * 16, 0, 0, 0]
    }
    let machine = try run(code, (0..<32).map { UInt64($0) })
    for n in 0..<16 as Range<UInt64> {
      let low = n < 8 ? 30 : 2 * n
      #expect(machine.read64(Self.data + 0x100 + n * 16) == low)
      #expect(machine.read64(Self.data + 0x108 + n * 16) == (n < 8 ? 32 : low + 1))
    }
  }

  /// REX.R and REX.B do not reach MMX registers, but they do the general or XMM register on the other side.
  @Test func rexWithMMX() throws {
    let code: [UInt8] =
      [0x4C, 0x0F, 0x6F, 0x14, 0x25, 0, 0, 0x60, 0]  // MOVQ MM2, [600000h]
      + [0x45, 0x0F, 0xD7, 0xCA]  // PMOVMSKB R9D, MM2
      + [0x45, 0x0F, 0x2A, 0xCA]  // CVTPI2PS XMM9, MM2
      + [0x49, 0x0F, 0x7E, 0xD2]  // MOVQ R10, MM2
      + [0x4D, 0x0F, 0x6E, 0xDA, 0x4C, 0x0F, 0x7F, 0x1C, 0x25, 0x30, 0, 0x60, 0]  // MOVQ MM3, R10; to memory
      + [0x4C, 0x89, 0x0C, 0x25, 0x10, 0, 0x60, 0]  // MOV [600010h], R9
      + [0x4C, 0x89, 0x14, 0x25, 0x18, 0, 0x60, 0]  // MOV [600018h], R10
      + move(9, 0x20, storing: true)
    let machine = try run(code, [0x8000_0001_0000_0080])
    #expect(machine.read64(Self.data + 0x10) == 0x81)
    #expect(machine.read64(Self.data + 0x18) == 0x8000_0001_0000_0080)
    #expect(machine.read64(Self.data + 0x20) == 0xCF00_0000_4300_0000)
    #expect(machine.read64(Self.data + 0x30) == 0x8000_0001_0000_0080)
  }

  /// The `FXSAVE` image after MMX instructions: all tags valid, the top of the stack 0, the exponent of the
  /// written register all ones; after `EMMS` all tags are empty.
  @Test func x87State() throws {
    let save: [UInt8] = [0x0F, 0xAE, 0x04, 0x25, 0, 0x10, 0x60, 0]
    let load: [UInt8] = [0x0F, 0x6F, 0x1C, 0x25, 0, 0, 0x60, 0]
    var machine = try run(load + save, [0x0123_4567_89AB_CDEF])
    let image = Self.data + 0x1000
    #expect(machine.read8(image + 4) == 0xFF)
    #expect(machine.read32(image) >> 16 & 0x3800 == 0)
    #expect(machine.read64(image + 32 + 3 * 16) == 0x0123_4567_89AB_CDEF)
    #expect(machine.read64(image + 40 + 3 * 16) & 0xFFFF == 0xFFFF)
    machine = try run(load + [0x0F, 0x77] + save, [0x0123_4567_89AB_CDEF])
    #expect(machine.read8(image + 4) == 0)
    #expect(machine.read64(image + 32 + 3 * 16) == 0x0123_4567_89AB_CDEF)
  }

  /// With a 32-bit address size MASKMOVDQU takes EDI.
  @Test func maskMoveAddress() throws {
    let code: [UInt8] =
      [0x48, 0xBF, 0x00, 0x01, 0x60, 0, 1, 0, 0, 0]  // MOV RDI, 1_0060_0100h
      + move(0, 0) + [0x66, 0x0F, 0x76, 0xC9, 0x67, 0x66, 0x0F, 0xF7, 0xC1]
    let machine = try run(code, [0x1122_3344_5566_7788, 0x99AA_BBCC_DDEE_FF00])
    #expect(machine.read64(Self.data + 0x100) == 0x1122_3344_5566_7788)
    #expect(machine.read64(Self.data + 0x108) == 0x99AA_BBCC_DDEE_FF00)
  }

  // MARK: Approximations

  private static let bound = 1.5 / 4096

  @Test func reciprocalEstimate() {
    var numbers = TestNumbers(seed: 1)
    for _ in 0..<100_000 {
      // Exponent fields 1 to 252 have a result that is not tiny.
      let field = UInt32(1 + numbers.below(252))
      let bits = UInt32(truncatingIfNeeded: numbers.next()) & 0x807F_FFFF | field << 23
      let exact = 1 / Double(Float(bitPattern: bits))
      let estimate = Double(Float(bitPattern: Binary32.reciprocalEstimate(bits)))
      #expect(abs(estimate - exact) <= Self.bound * abs(exact), "\(bits)")
    }
  }

  @Test func reciprocalRootEstimate() {
    var numbers = TestNumbers(seed: 2)
    for _ in 0..<100_000 {
      let field = UInt32(1 + numbers.below(254))
      let bits = UInt32(truncatingIfNeeded: numbers.next()) & 0x007F_FFFF | field << 23
      let exact = 1 / Double(Float(bitPattern: bits)).squareRoot()
      let estimate = Double(Float(bitPattern: Binary32.reciprocalRootEstimate(bits)))
      #expect(abs(estimate - exact) <= Self.bound * exact, "\(bits)")
    }
  }

  /// SDM Vol. 2, `RCPPS` and `RSQRTPS`: zeros, denormals, infinities, NaNs, tiny results.
  @Test func specialEstimates() {
    let reciprocals: [(UInt32, UInt32)] = [
      (0, 0x7F80_0000), (0x8000_0000, 0xFF80_0000), (1, 0x7F80_0000), (0x807F_FFFF, 0xFF80_0000),
      (0x7F80_0000, 0), (0xFF80_0000, 0x8000_0000), (0x7FA0_0001, 0x7FE0_0001), (0xFFC0_0002, 0xFFC0_0002),
      (0x3F80_0000, 0x3F80_0000), (0x7E80_0C01, 0), (0xFF00_0000, 0x8000_0000),
    ]
    for (source, result) in reciprocals { #expect(Binary32.reciprocalEstimate(source) == result) }
    let roots: [(UInt32, UInt32)] = [
      (0, 0x7F80_0000), (0x8000_0000, 0xFF80_0000), (1, 0x7F80_0000), (0x8000_0001, 0xFF80_0000),
      (0x7F80_0000, 0), (0xFF80_0000, 0xFFC0_0000), (0xBF80_0000, 0xFFC0_0000), (0x7FA0_0001, 0x7FE0_0001),
      (0xFFC0_0002, 0xFFC0_0002), (0x3F80_0000, 0x3F80_0000), (0x4080_0000, 0x3F00_0000),
    ]
    for (source, result) in roots { #expect(Binary32.reciprocalRootEstimate(source) == result) }
  }

  /// The instructions apply the estimates to all lanes or to the lowest; MXCSR stays as it was.
  @Test func estimateInstructions() throws {
    let source: [UInt64] = [0x3F80_0000_4080_0000, 0x8000_0000_3E80_0000, 7, 8]
    // XMM1 holds the source; XMM0, loaded with 7 and 8, is the destination.
    func result(_ code: [UInt8]) throws -> SIMD2<UInt64> {
      let stored = move(0, 0x20, storing: true) + [0x0F, 0xAE, 0x1C, 0x25, 0x30, 0, 0x60, 0]
      let machine = try run(move(1, 0) + move(0, 0x10) + code + stored, source)
      #expect(machine.read32(Self.data + 0x30) == 0x1F80)
      return SIMD2(machine.read64(Self.data + 0x20), machine.read64(Self.data + 0x28))
    }
    #expect(try result([0x0F, 0x53, 0xC1]) == SIMD2(0x3F80_0000_3E80_0000, 0xFF80_0000_4080_0000))
    #expect(try result([0xF3, 0x0F, 0x53, 0xC1]) == SIMD2(0x3E80_0000, 8))
    #expect(try result([0x0F, 0x52, 0xC1]) == SIMD2(0x3F80_0000_3F00_0000, 0xFF80_0000_4000_0000))
    #expect(try result([0xF3, 0x0F, 0x52, 0xC1]) == SIMD2(0x3F00_0000, 8))
  }
}
