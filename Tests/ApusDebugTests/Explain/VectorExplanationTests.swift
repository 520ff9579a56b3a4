import ApusDebug
import Testing

/// Vector registers and the x87 FPU's, as operands and as results.
@Suite struct VectorExplanationTests {
  /// mov eax,cr4; or eax,0x200 (OSFXSR); mov cr4,eax
  private static let enableSSE: [UInt8] = [0x0F, 0x20, 0xE0, 0x66, 0x0D, 0x00, 0x02, 0, 0, 0x0F, 0x22, 0xE0]

  @Test func registersOfSSEHaveValues() throws {
    // movups xmm0,[0x7c30]; paddd xmm0,[0x7c40]; movaps [0x7c50],xmm0; ldmxcsr [0x7c60]
    let code: [UInt8] = [
      0x0F, 0x10, 0x06, 0x30, 0x7C, 0x66, 0x0F, 0xFE, 0x06, 0x40, 0x7C, 0x0F, 0x29, 0x06, 0x50, 0x7C,
      0x0F, 0xAE, 0x16, 0x60, 0x7C,
    ]
    let data: [UInt32] = [1, 2, 3, 4, 0x10, 0x20, 0x30, 0x40, 0, 0, 0, 0, 0x9F80]
    let program = try ExplainedProgram((Self.enableSSE + code).with(data, at: 0x30), steps: 7)
    #expect(
      program.lines(of: 3) == [
        "#3  0x00007c0c  0f 10 06 30 7c  movups xmm0,XMMWORD PTR ds:0x7c30",
        "  address 0x7c30 = 0x7c30",
        "  16 bytes at 0x7c30 are 0x0000000400000003_0000000200000001",
        "  reads 8 bytes at 0x7c30: 0x0000000200000001",
        "  reads 8 bytes at 0x7c38: 0x0000000400000003",
        "  xmm0 was 0x0000000000000000_0000000000000000, is 0x0000000400000003_0000000200000001",
      ])
    #expect(
      program.lines(of: 4) == [
        "#4  0x00007c11  66 0f fe 06 40 7c  paddd xmm0,XMMWORD PTR ds:0x7c40",
        "  xmm0 is 0x0000000400000003_0000000200000001",
        "  address 0x7c40 = 0x7c40",
        "  16 bytes at 0x7c40 are 0x0000004000000030_0000002000000010",
        "  reads 8 bytes at 0x7c40: 0x0000002000000010",
        "  reads 8 bytes at 0x7c48: 0x0000004000000030",
        "  xmm0 was 0x0000000400000003_0000000200000001, is 0x0000004400000033_0000002200000011",
      ])
    let store = program.lines(of: 5)
    #expect(store.contains("  xmm0 is 0x0000004400000033_0000002200000011"), "\(store)")
    #expect(store.last == "  16 bytes at 0x7c50 are now 0x0000004400000033_0000002200000011", "\(store)")
    #expect(program.lines(of: 6).last == "  mxcsr was 0x1f80, is 0x9f80 (FZ PM UM OM ZM DM IM)")
  }

  @Test func programsGetAllDigits() throws {
    // movups xmm0,[0x7c30]; paddd xmm0,[0x7c30]
    let code: [UInt8] = [0x0F, 0x10, 0x06, 0x30, 0x7C, 0x66, 0x0F, 0xFE, 0x06, 0x30, 0x7C]
    let program = try ExplainedProgram((Self.enableSSE + code).with([1, 2, 3, 4], at: 0x30), steps: 5)
    let note = try #require(program.notes[4].first)
    let operands = try note.partsAsJSON().filter { $0["kind"] as? String == "operand" }
    #expect(operands.map { $0["register"] as? String } == ["xmm0", nil])
    #expect(
      operands.map { $0["value"] as? String }
        == [String](repeating: "0x00000004000000030000000200000001", count: 2))
    let change = try #require(try note.change(of: "xmm0"))
    #expect(change["old"] as? String == "0x00000004000000030000000200000001")
    #expect(change["new"] as? String == "0x00000008000000060000000400000002")
  }

  /// Protected mode: there is no VEX prefix in real-address mode.
  @Test func registersOfAVXHaveValues() throws {
    // mov eax,cr4; or eax,0x40200 (OSXSAVE, OSFXSR); mov cr4,eax; xor ecx,ecx; xor edx,edx; mov eax,7; xsetbv
    var code: [UInt8] = [0x0F, 0x20, 0xE0, 0x0D, 0x00, 0x02, 0x04, 0x00, 0x0F, 0x22, 0xE0, 0x31, 0xC9]
    code += [0x31, 0xD2, 0xB8, 0x07, 0x00, 0x00, 0x00, 0x0F, 0x01, 0xD1]
    // vmovups ymm0,[0x100040]; vpaddd ymm1,ymm0,[0x100060]; vmovups [0x100080],ymm1; vzeroupper
    code += [0xC5, 0xFC, 0x10, 0x05, 0x40, 0x00, 0x10, 0x00, 0xC5, 0xFD, 0xFE, 0x0D, 0x60, 0x00, 0x10, 0x00]
    code += [0xC5, 0xFC, 0x11, 0x0D, 0x80, 0x00, 0x10, 0x00, 0xC5, 0xF8, 0x77]
    let data: [UInt32] = [1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80]
    let program = try ExplainedProgram(code.with(data, at: 0x40), steps: 11, at: 0x10_0000)
    let high = "0x0000000800000007_0000000600000005"
    let first = high + "_0000000400000003_0000000200000001"
    let zero = "0x0000000000000000_0000000000000000"
    let load = program.lines(of: 7)
    #expect(load.contains("  32 bytes at 0x100040 are " + first), "\(load)")
    #expect(load.last == "  ymm0 was \(zero)_0000000000000000_0000000000000000, is " + first, "\(load)")
    let sum = "0x0000008800000077_0000006600000055_0000004400000033_0000002200000011"
    let addition = program.lines(of: 8)
    // The sum's register is only written.
    #expect(addition[1] == "  ymm0 is " + first, "\(addition)")
    #expect(addition.last == "  ymm1 was \(zero)_0000000000000000_0000000000000000, is " + sum, "\(addition)")
    let store = program.lines(of: 9)
    #expect(store.last == "  32 bytes at 0x100080 are now " + sum, "\(store)")
    #expect(
      program.lines(of: 10) == [
        "#10  0x0010002f  c5 f8 77  vzeroupper",
        "  ymm0 was \(first), is \(zero)_0000000400000003_0000000200000001",
        "  ymm1 was \(sum), is \(zero)_0000004400000033_0000002200000011",
      ])
  }

  @Test func registersOfMMXHaveValues() throws {
    // movq mm0,[0x7c20]; paddd mm1,mm0
    let code: [UInt8] = [0x0F, 0x6F, 0x06, 0x20, 0x7C, 0x0F, 0xFE, 0xC8]
    let program = try ExplainedProgram(code.with([1, 2], at: 0x20), steps: 2)
    #expect(
      program.lines == [
        "#0  0x00007c00  0f 6f 06 20 7c  movq mm0,QWORD PTR ds:0x7c20",
        "  address 0x7c20 = 0x7c20",
        "  reads 8 bytes at 0x7c20: 0x0000000200000001",
        "  mm0 was 0x0000000000000000, is 0x0000000200000001",
        "  ftw was 0x0, is 0xff (R7 R6 R5 R4 R3 R2 R1 R0)",
        "#1  0x00007c05  0f fe c8  paddd mm1,mm0",
        "  mm1 is 0x0000000000000000",
        "  mm0 is 0x0000000200000001",
        "  mm1 was 0x0000000000000000, is 0x0000000200000001",
      ])
  }

  @Test func theStackOfTheFPUHasValues() throws {
    // fninit; fld1; fadd st,st(0); fstp TBYTE PTR [0x7c40]; fld st(1)
    let code: [UInt8] = [0xDB, 0xE3, 0xD9, 0xE8, 0xD8, 0xC0, 0xDB, 0x3E, 0x40, 0x7C, 0xD9, 0xC1]
    let program = try ExplainedProgram(code, steps: 5)
    #expect(
      program.lines(of: 0) == [
        "#0  0x00007c00  db e3  fninit", "  fcw was 0x40, is 0x37f (PC=3 PM UM OM ZM DM IM)",
      ])
    #expect(
      program.lines(of: 1) == [
        "#1  0x00007c02  d9 e8  fld1",
        "  R7, now st(0), was empty, is 0x3fff_8000000000000000 (1)",
        "  fsw was 0x0, is 0x3800 (TOP=7)",
        "  ftw was 0x0, is 0x80 (R7)",
      ])
    #expect(
      program.lines(of: 2) == [
        "#2  0x00007c04  d8 c0  fadd st,st(0)",
        "  st is 0x3fff_8000000000000000 (1)",
        "  st(0) is 0x3fff_8000000000000000 (1)",
        "  R7, now st(0), was 0x3fff_8000000000000000 (1), is 0x4000_8000000000000000 (2)",
      ])
    #expect(
      program.lines(of: 3) == [
        "#3  0x00007c06  db 3e 40 7c  fstp TBYTE PTR ds:0x7c40",
        "  address 0x7c40 = 0x7c40",
        "  writes 8 bytes at 0x7c40: 0x8000000000000000",
        "  writes 2 bytes at 0x7c48: 0x4000",
        "  10 bytes at 0x7c40 are now 0x4000_8000000000000000 (2)",
        "  fsw was 0x3800, is 0x0 (TOP=0)",
        "  ftw was 0x80, is 0x0",
      ])
    #expect(program.lines(of: 4)[1] == "  st(1) is empty")
    let change = try #require(try program.notes[2].first?.change(of: "R7"))
    #expect(change["new"] as? String == "0x40008000000000000000" && change["number"] as? String == "2")
  }

  @Test(
    arguments: [
      (0x8000_0000_0000_0000, 0x3FFF, "1"), (0x8000_0000_0000_0000, 0xBFFF, "-1"), (0, 0, "0"),
      (0, 0x8000, "-0"), (0xC000_0000_0000_0000, 0x3FFF, "1.5"), (0xA000_0000_0000_0000, 0x3FFA, "0.0390625"),
      (0xFFFF_FFFF_FFFF_FFFF, 0x403E, "18446744073709551615"), (0xFA00_0000_0000_0000, 0xC008, "-1000"),
      (0x8000_0000_0000_0000, 0x7FFF, "infinity"), (0xC000_0000_0000_0000, 0xFFFF, "QNaN"),
      (0xA000_0000_0000_0000, 0x7FFF, "SNaN"),
      // π, 2^64, 2^-11, an unnormal, a denormal.
      (0xC90F_DAA2_2168_C235, 0x4000, nil), (0x8000_0000_0000_0000, 0x403F, nil),
      (0x8000_0000_0000_0000, 0x3FF4, nil), (0x4000_0000_0000_0000, 0x3FFF, nil), (1, 0, nil),
    ] as [(UInt64, UInt16, String?)])
  func numbersAreExactOrNotSaid(_ significand: UInt64, _ exponent: UInt16, _ decimal: String?) {
    #expect(ExtendedNumber(significand, exponent).exactDecimal == decimal)
  }
}
