import ApusBase
import ApusDevices
import Testing

@Suite struct FirmwarePortTests {
  private let wait: UInt8 = 0x49

  @Test func aKernelIsAnnouncedAndStarted() {
    let lines = LineRecorder()
    let port = FirmwarePort(kernelStart: Line(lines, 2), screen: nil)
    #expect(port.readByte(0x508, at: 0) == 0x4B)
    port.writeByte(0x508, 0, at: 5)
    #expect(lines.rises(2) == [5])
    #expect(FirmwarePort(kernelStart: nil, screen: nil).readByte(0x508, at: 0) == 0xFF)
  }

  /// Who asks often, and has drawn nothing, may wait; after having waited sooner than before.
  @Test func idleProgramsWait() {
    let bench = VGABench()
    let port = FirmwarePort(kernelStart: nil, screen: bench.vga)
    var now: VirtualTime = 1_000_000
    func asks(_ gap: UInt64) -> Int? {
      for count in 1...1000 {
        now += gap
        if port.readByte(0x509, at: now) == wait { return count }
      }
      return nil
    }
    #expect(asks(30_000) == nil)
    #expect(asks(10_000) == 64)
    // The wait itself takes until the next tick.
    now += 50_000_000
    #expect(asks(10_000) == 16)
    now += 50_000_000
    #expect(asks(10_000) == 16)
    // The DAC mask belongs to the picture.
    bench.out(0x3C6, 0x7F)
    // The first time does not count: it came after a change, or late.
    #expect(asks(10_000) == 65)
    now += 1_000_000_000
    #expect(asks(10_000) == 65)
  }

  @Test func stateIsKept() throws {
    let first = FirmwarePort(kernelStart: nil, screen: nil)
    for time in 0..<40 as Range<UInt64> { _ = first.readByte(0x509, at: time * 1000) }
    var writer = StateWriter()
    first.save(to: &writer)
    let second = FirmwarePort(kernelStart: nil, screen: nil)
    var reader = StateReader(writer.bytes)
    try second.restore(from: &reader)
    for time in 40..<200 as Range<UInt64> {
      #expect(first.readByte(0x509, at: time * 1000) == second.readByte(0x509, at: time * 1000))
    }
  }
}
