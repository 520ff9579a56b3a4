import ApusCPU
import Testing

/// Flags that the manuals leave undefined, by vendor. AMD's are in Regressions/UndefinedFlags.cases, from a processor;
/// here are those of Intel's since the P6, and that what came before resembles AMD's (sandpile.org, "rFLAGS register",
/// undefined integer flags behavior).
@Suite struct UndefinedFlagTests {
  private static let all: UInt64 = 0x8D5

  struct Expectation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let code: [UInt8]
    var rax: UInt64 = 0
    var rbx: UInt64 = 0
    /// The arithmetic flags with none, and with all of them set before.
    let amd: (UInt64, UInt64)
    let intel: (UInt64, UInt64)
  }

  static let expectations = [
    Expectation(
      testDescription: "SHL EBX,3", code: [0xC1, 0xE3, 0x03], rbx: 0x123, amd: (0x14, 0x14), intel: (4, 4)),
    Expectation(
      testDescription: "MUL EBX", code: [0xF7, 0xE3], rax: 3, rbx: 5, amd: (0, 0xD4), intel: (0, 0xD4)),
    Expectation(
      testDescription: "DIV EBX", code: [0xF7, 0xF3], rax: 100, rbx: 7, amd: (0x10, 0x811),
      intel: (0, 0x8D5)),
    Expectation(
      testDescription: "BTS EAX,EBX", code: [0x0F, 0xAB, 0xD8], rax: 0xF0, rbx: 4, amd: (1, 0x8D5),
      intel: (1, 0x8D5)),
    Expectation(
      testDescription: "BSF EAX,EBX", code: [0x0F, 0xBC, 0xC3], rbx: 0, amd: (0x40, 0x8D5),
      intel: (0x40, 0x8D5)),
    // 7FFBh + 106h overflows to 8101h, which has one bit in its low byte; ZF is the word's.
    Expectation(
      testDescription: "AAA", code: [0x37], rax: 0x7FFB, amd: (0x891, 0x891), intel: (0x11, 0x811)),
    Expectation(
      testDescription: "DAA", code: [0x27], rax: 0x7B, amd: (0x894, 0x895), intel: (0x94, 0x895)),
  ]

  private func flags(_ expectation: Expectation, _ model: CPUModel, _ before: UInt64) -> UInt64 {
    let bench = SystemBench(model)
    bench.enterProtectedMode()
    bench[.rax] = expectation.rax
    bench[.rbx] = expectation.rbx
    bench.processor.state.rflags = 2 | before
    #expect(bench.run(expectation.code + [0xF4]) == .halted)
    return bench.processor.state.rflags & Self.all
  }

  @Test(arguments: expectations)
  func followTheVendor(_ expectation: Expectation) {
    #expect(flags(expectation, .max, 0) == expectation.amd.0)
    #expect(flags(expectation, .max, Self.all) == expectation.amd.1)
    let intel = CPUModel.max.made(by: .intel)
    #expect(flags(expectation, intel, 0) == expectation.intel.0)
    #expect(flags(expectation, intel, Self.all) == expectation.intel.1)
  }

  @Test func thePentiumShiftsAsAMDDoes() {
    #expect(flags(Self.expectations[0], .pentium, 0) == Self.expectations[0].amd.0)
  }
}
