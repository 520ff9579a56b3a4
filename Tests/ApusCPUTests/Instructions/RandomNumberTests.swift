import ApusCPU
import Testing

/// `RDRAND` and `RDSEED`: the numbers come from a generator of the guest's own.
@Suite struct RandomNumberTests {
  /// rdrand rax; rdseed rcx; rdrand edx; rdrand bx
  private static let code: [UInt8] =
    [0x48, 0x0F, 0xC7, 0xF0, 0x48, 0x0F, 0xC7, 0xF9, 0x0F, 0xC7, 0xF2, 0x66, 0x0F, 0xC7, 0xF3]

  private func run() -> GuestMachine {
    let machine = GuestMachine(.long, code: Self.code)
    machine[R.dx] = .max
    machine[R.bx] = 0x1111_2222_3333_4444
    machine.state.rflags |= 0x8D4
    #expect(machine.run() == nil)
    return machine
  }

  @Test func numbersRepeatWithTheRun() {
    let first = run()
    let second = run()
    #expect(first.state == second.state)
    // The first two outputs of SplitMix64 from state 0, as its authors' program gives them.
    #expect(first[R.ax] == 0xE220_A839_7B1D_CDAF)
    #expect(first[R.cx] == 0x6E78_9E6A_A1B9_65F4)
  }

  @Test func widthsAndFlags() {
    let machine = run()
    #expect(machine[R.dx] >> 32 == 0)
    #expect(machine[R.bx] >> 16 == 0x1111_2222_3333)
    #expect(machine.state.rflags & 0x8D5 == 1)
  }

  /// Memory forms are other instructions; F2 and F3 make others still.
  @Test(
    arguments: [[0xF2, 0x0F, 0xC7, 0xF0], [0xF0, 0x0F, 0xC7, 0xF0], [0xF3, 0x0F, 0xC7, 0xF0]] as [[UInt8]])
  func undefined(_ code: [UInt8]) {
    #expect(GuestMachine(.long, code: code).run() == 6)
  }
}
