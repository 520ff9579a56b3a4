import ApusCPU
import Testing

/// SDM Vol. 2, "The VEX Prefix", "VEX Encoding and the VEX.vvvv Operand", and the exception classes of the
/// instructions on general registers.
@Suite struct VEXPrefixTests {
  /// andn eax, ebx, ecx
  private static let andn: [UInt8] = [0xC4, 0xE2, 0x60, 0xF2, 0xC1]

  private func run(_ mode: GuestMachine.Mode, _ code: [UInt8]) -> (Int?, GuestMachine) {
    let machine = GuestMachine(mode, code: code)
    machine[R.bx] = 0x5555_0000_F0F0_F0F0
    machine[R.cx] = 0x1234_5678_FFFF_FFFF
    machine[R.dx] = 3
    let vector = machine.run()
    return (vector, machine)
  }

  @Test func runsInProtectedAndLongMode() {
    for mode in [GuestMachine.Mode.protected, .long] {
      let (vector, machine) = run(mode, Self.andn)
      #expect(vector == nil)
      #expect(machine[R.ax] == 0x0F0F_0F0F)
    }
  }

  /// W chooses 64 bits in 64-bit mode, and nothing elsewhere.
  @Test func width() {
    let wide: [UInt8] = [0xC4, 0xE2, 0xE0, 0xF2, 0xC1]
    #expect(run(.long, wide).1[R.ax] == 0x0220_5678_0F0F_0F0F)
    #expect(run(.protected, wide).1[R.ax] == 0x0F0F_0F0F)
  }

  /// R, X, B and vvvv reach the upper registers in 64-bit mode; elsewhere B and the top bit of vvvv do not count.
  @Test func upperRegisters() {
    // andn r8d, r11d, r9d
    let machine = GuestMachine(.long, code: [0xC4, 0x42, 0x20, 0xF2, 0xC1])
    machine[11] = 0xFF
    machine[9] = 0x1234
    #expect(machine.run() == nil)
    #expect(machine[8] == 0x1200)
    #expect(run(.protected, [0xC4, 0xC2, 0x20, 0xF2, 0xC1]).1[R.ax] == 0x0F0F_0F0F)
  }

  @Test(arguments: [[0x66], [0xF2], [0xF3], [0xF0], [0x48], [0x40], [0x66, 0x48]] as [[UInt8]])
  func prefixesBefore(_ prefixes: [UInt8]) {
    #expect(run(.long, prefixes + Self.andn).0 == 6)
  }

  /// Segment overrides and the address size are allowed.
  @Test func otherPrefixes() {
    for prefix in [0x2E, 0x3E, 0x64, 0x67] as [UInt8] { #expect(run(.long, [prefix] + Self.andn).0 == nil) }
    // andn eax, ebx, fs:[eip-relative by 67h]: reads the bytes after the program.
    #expect(run(.long, [0x67, 0xC4, 0xE2, 0x60, 0xF2, 0x05, 0, 0, 0, 0]).0 == nil)
  }

  @Test func undefined() {
    // L = 1; a map that does not exist; an opcode that does not; pp without a row.
    #expect(run(.long, [0xC4, 0xE2, 0x64, 0xF2, 0xC1]).0 == 6)
    #expect(run(.long, [0xC4, 0xE0, 0x60, 0xF2, 0xC1]).0 == 6)
    #expect(run(.long, [0xC4, 0xE4, 0x60, 0xF2, 0xC1]).0 == 6)
    #expect(run(.long, [0xC4, 0xE2, 0x60, 0xFF, 0xC1]).0 == 6)
    #expect(run(.long, [0xC4, 0xE2, 0x61, 0xF2, 0xC1]).0 == 6)
    // rorx eax, ecx, 4 with vvvv = 1111 and without.
    #expect(run(.long, [0xC4, 0xE3, 0x7B, 0xF0, 0xC1, 4]).1[R.ax] == 0xFFFF_FFFF)
    #expect(run(.long, [0xC4, 0xE3, 0x73, 0xF0, 0xC1, 4]).0 == 6)
  }

  /// There the bytes are `LES` and `LDS`, whose register form does not exist.
  @Test func notInVirtual8086Mode() {
    #expect(run(.virtual8086, Self.andn).0 == 6)
    #expect(run(.virtual8086, [0xC5, 0xF8, 0x77]).0 == 6)
  }

  /// Outside 64-bit mode a ModRM byte of memory keeps `LES` and `LDS` what they were.
  @Test func farPointerLoads() {
    let machine = GuestMachine(.protected, code: [0xC4, 0x03])  // les eax, [ebx]
    machine.bench.write(GuestLayout.data, values: [0x1234_5678 as UInt32, 0x10])
    machine[R.bx] = UInt64(GuestLayout.data)
    #expect(machine.run() == nil)
    #expect(machine[R.ax] == 0x1234_5678)
    #expect(run(.long, [0xC4, 0x03]).0 == 6)
  }
}
