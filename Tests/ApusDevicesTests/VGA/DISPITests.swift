import ApusBase
import ApusDevices
import Testing

@Suite struct DISPITests {
  private func mode(_ width: UInt16, _ height: UInt16, _ depth: UInt16, flags: UInt16 = 0x41) -> VGABench {
    let bench = VGABench(.mode3)
    bench.dispi(1, width)
    bench.dispi(2, height)
    bench.dispi(3, depth)
    bench.dispi(4, flags)
    return bench
  }

  @Test func identification() {
    let bench = VGABench()
    #expect(bench.dispi(0) == 0xB0C5)
    for id: UInt16 in 0xB0C0...0xB0C5 {
      bench.dispi(0, id)
      #expect(bench.dispi(0) == id)
    }
    bench.dispi(0, 0xB0C6)
    bench.dispi(0, 0)
    #expect(bench.dispi(0) == 0xB0C5)
    #expect(bench.dispi(10) == 256)
    #expect(bench.dispi(11) == 0)
  }

  @Test func dataIsAlsoAtTheAlignedPort() {
    let bench = VGABench()
    bench.out16(0x1CE, 1)
    bench.out16(0x1D0, 640)
    #expect(bench.vga.readPort(0x1D0, width: 2, at: 0) == 640)
    #expect(bench.vga.readPort(0x1CF, width: 2, at: 0) == 640)
    #expect(bench.vga.readPort(0x1CE, width: 2, at: 0) == 1)
  }

  @Test func capabilities() {
    let bench = mode(800, 600, 16)
    bench.dispi(4, 0x43)
    #expect(bench.dispi(1) == 2560 && bench.dispi(2) == 1600 && bench.dispi(3) == 32)
    bench.dispi(4, 0x41)
    #expect(bench.dispi(1) == 800 && bench.dispi(2) == 600 && bench.dispi(3) == 16)
  }

  @Test(
    arguments: [
      ([0, 0, 0], [8, 1, 8]), ([805, 600, 32], [800, 600, 32]), ([1920, 1200, 32], [1920, 1200, 32]),
      ([65535, 65535, 8], [2560, 1600, 8]), ([640, 480, 17], [640, 480, 8]), ([7, 10, 24], [8, 10, 24]),
      ([2560, 1600, 32], [2560, 1600, 32]), ([1024, 768, 4], [1024, 768, 4]),
    ] as [([UInt16], [UInt16])])
  func sizesAreBroughtIntoRange(written: [UInt16], read: [UInt16]) {
    let bench = mode(written[0], written[1], written[2])
    #expect([bench.dispi(1), bench.dispi(2), bench.dispi(3)] == read)
    let stored = read[2] == 15 ? 16 : Int(read[2])
    let lines = (16 << 20) / (Int(read[0]) * stored / 8)
    #expect(bench.dispi(6) == read[0])
    #expect(Int(bench.dispi(7)) == min(lines, 65535))
    // The picture has that size; the largest ones take long to draw without optimisation.
    guard read[0] < 1000 else { return }
    let frame = bench.picture()
    #expect(frame.width == Int(read[0]) && frame.height == Int(read[1]))
  }

  @Test func virtualSizeAndOffsets() {
    let bench = mode(640, 480, 32)
    bench.dispi(6, 1023)
    #expect(bench.dispi(6) == 1016)
    #expect(bench.dispi(7) == UInt16((16 << 20) / (1016 * 4)))
    bench.dispi(6, 100)
    #expect(bench.dispi(6) == 640)
    bench.dispi(6, 65535)
    #expect(bench.dispi(6) == 16000)
    // 262 lines of 64000 bytes fit, so the picture shrinks.
    #expect(bench.dispi(7) == 262 && bench.dispi(2) == 262)
    bench.dispi(9, 1)
    #expect(bench.dispi(9) == 0)
    // Read only.
    bench.dispi(7, 1)
    #expect(bench.dispi(7) == 262)
  }

  @Test func offsetsStayWithinMemory() {
    let bench = mode(640, 480, 32)
    let last = (16 << 20) / 2560 - 480
    bench.dispi(9, UInt16(last))
    #expect(Int(bench.dispi(9)) == last)
    bench.dispi(8, 639)
    #expect(bench.dispi(9) == 0 && bench.dispi(8) == 639)
    bench.dispi(9, UInt16(last + 1))
    #expect(bench.dispi(9) == 0)
  }

  @Test func enablingClearsWhatIsShown() {
    let bench = VGABench(.mode3)
    let size: UInt64 = 320 * 200
    for (flags, cleared): (UInt16, Bool) in [(0xC1, false), (0x41, true)] {
      bench.dispi(4, 0)
      bench.store(size - 4, 0x0101_0101, width: 4)
      bench.store(size, 0x0202_0202, width: 4)
      bench.dispi(1, 320)
      bench.dispi(2, 200)
      bench.dispi(3, 8)
      bench.dispi(4, flags)
      #expect(bench.load(size - 4, width: 4) == (cleared ? 0 : 0x0101_0101))
      #expect(bench.load(size, width: 4) == 0x0202_0202)
      #expect(bench.dispi(4) == flags)
    }
    // Already enabled: nothing is cleared.
    bench.store(0, 0x77, width: 1)
    bench.dispi(4, 0x61)
    #expect(bench.load(0, width: 1) == 0x77)
  }

  @Test func banks() {
    let bench = mode(1024, 768, 32, flags: 0x01)
    bench.store(0x12_3456, 0x1122_3344_5566_7788, width: 8)
    bench.dispi(5, 0x12)
    #expect(bench.peek(0xA3456, width: 8) == 0x1122_3344_5566_7788)
    #expect(bench.peek(0xA3457, width: 2) == 0x6677)
    bench.poke(0xA3458, 0xABCD_EF01, width: 4)
    #expect(bench.load(0x12_3456, width: 8) == 0x1122_ABCD_EF01_7788)
    bench.dispi(4, 0x11)
    #expect(bench.dispi(5) == 0x12)
    bench.dispi(5, 0x24)
    #expect(bench.peek(0xA3456, width: 8) == 0x1122_ABCD_EF01_7788)
    bench.dispi(5, 0xFFFF)
    #expect(bench.dispi(5) == 0x1FF)
    // The window is 64 KiB at A0000h; without DISPI it is the mode's again.
    #expect(bench.peek(0xB8000) == 0xFF)
    bench.dispi(4, 0)
    #expect(bench.peek(0xA0000) == 0xFF && bench.peek(0xB8000) == 0)
  }

  @Test func planarBanks() {
    let bench = mode(1280, 1024, 4)
    bench.dispi(5, 1)
    bench.sequencer(2, 0x0A)
    bench.graphics(5, 0)
    bench.poke(0xA0010, 0x81)
    #expect(bench.load(0x1_0010 * 4, width: 4) == 0x8100_8100)
  }
}
