import ApusBase
import ApusDevices
import Testing

@Suite struct VGAStateTests {
  /// Random accesses to every port, the window and both base address registers; often enough sensible ones that
  /// modes are seen. The result is what was read.
  private func step(_ bench: VGABench, _ random: inout SplitMix64) -> UInt64 {
    let value = random.next()
    let word = UInt32(truncatingIfNeeded: value)
    let width = [1, 2, 4][Int((value >> 60) % 3)]
    let wide = [1, 2, 4, 8][Int(value >> 58 & 3)]
    let port = 0x3B0 + UInt16((value >> 32) % 48)
    let dispiPort = 0x1CE + UInt16((value >> 32) % 3)
    let place = value >> 20 & 0xFF_FFFF
    let (vga, now) = (bench.vga, bench.now)
    bench.now += value >> 40 & 0xFFFF
    switch random.next() % 24 {
    case 0..<4:
      bench.out16([0x3C4, 0x3CE, 0x3D4, 0x3B4][Int(random.next() % 4)], UInt16(truncatingIfNeeded: value))
    case 4, 5: vga.writePort(port, word, width: width, at: now)
    case 6, 7: return UInt64(vga.readPort(port, width: width, at: now))
    // Mostly small pictures: large ones take long to clear without optimisation.
    case 8 where value & 15 == 0: vga.writePort(dispiPort, word, width: width, at: now)
    case 9: bench.dispi(UInt16(random.next() % 12), UInt16(truncatingIfNeeded: value & 0x1FF))
    case 10: bench.attribute(UInt8(value & 0x1F), UInt8(truncatingIfNeeded: value >> 8))
    case 11: return UInt64(vga.readPort(dispiPort, width: width, at: now))
    case 12..<16: vga.writeMemory(place & 0x1FFFF, value, width: wide, at: now)
    case 16..<20: return vga.readMemory(place & 0x1FFFF, width: wide, at: now)
    case 20: vga.writeBAR(0, place, value, width: wide, at: now)
    case 21: return vga.readBAR(0, place, width: wide, at: now)
    case 22: vga.writeBAR(2, 0x3F0 + place % 0x140, value, width: wide, at: now)
    default: return vga.readBAR(2, place & 0xFFF, width: wide, at: now)
    }
    return 0
  }

  @Test func aMillionRandomAccesses() {
    var random = SplitMix64(state: 2026)
    let modes: [VGAMode] = [.mode1, .mode3, .mode4, .mode6, .modeD, .mode12, .mode13, .modeX]
    let bench = VGABench()
    var frame = ScreenFrame()
    for i in 0..<1_000_000 {
      _ = step(bench, &random)
      guard i % 40_000 == 39_999 else { continue }
      bench.vga.render(into: &frame, at: bench.now)
      #expect(frame.pixels.count == frame.width * frame.height)
      #expect(frame.width <= 4608 && frame.height <= 2048)
      _ = bench.vga.textScreen()
      _ = bench.vga.blinks
      bench.dispi(4, 0)
      bench.out(0x3C3, 1)
      bench.set(modes[i / 40_000 % modes.count])
    }
    // It still works.
    bench.vga.reset(at: bench.now)
    bench.vga.initializeAsFirmware(at: bench.now)
    bench.set(.mode3)
    bench.poke(0xB8000, 0x0741, width: 2)
    #expect(bench.vga.textScreen()?.cells.first == 0x0741)
  }

  /// A picture of every register setting, many of them impossible: nothing traps, all are bounded.
  @Test func randomRegistersAreDrawn() {
    var random = SplitMix64(state: 5)
    let bench = VGABench(.mode3)
    var frame = ScreenFrame()
    for _ in 0..<24 {
      for _ in 0..<12 {
        bench.crtc(0x11, 0)
        bench.crtc(UInt8(random.next() % 0x19), UInt8(truncatingIfNeeded: random.next()))
      }
      // Small enough for many, but for every eighth.
      if random.next() % 8 != 0 { bench.crtc(0x01, 20) }
      bench.sequencer(1, UInt8(random.next() & 0x1D))
      bench.graphics(5, UInt8(random.next() & 0x7B))
      bench.graphics(6, UInt8(random.next() & 0x0F))
      bench.attribute(0x10, UInt8(random.next() & 0xEF))
      bench.attribute(0x13, UInt8(random.next() & 0x0F))
      bench.vga.render(into: &frame, at: random.next())
      #expect(frame.pixels.count == frame.width * frame.height)
      _ = bench.vga.textScreen()
    }
  }

  @Test func savedStateGoesOnIdentically() throws {
    var random = SplitMix64(state: 77)
    let bench = VGABench(.mode3)
    bench.loadFont(at: 0x4000, testGlyph)
    for round in 0..<3 {
      for _ in 0..<3000 { _ = step(bench, &random) }
      let bytes = savedState(bench.vga)
      let twin = VGABench(.mode12)
      twin.poke(0xA0000, 0xFF)
      try restore(twin.vga, from: bytes)
      twin.now = bench.now
      #expect(savedState(twin.vga) == bytes)
      #expect(twin.picture().pixels == bench.picture().pixels)
      var other = random
      for i in 0..<3000 where step(bench, &random) != step(twin, &other) {
        Issue.record("round \(round), step \(i)")
        return
      }
      #expect(savedState(twin.vga) == savedState(bench.vga))
    }
  }

  @Test func zeroPagesAreNotSaved() {
    let bench = VGABench(.mode3)
    let empty = savedState(bench.vga).count
    #expect(empty < 2048)
    bench.store(0x12_3456, 1, width: 1)
    #expect(savedState(bench.vga).count == empty + 2 + 4 + 4096)
    bench.store(0x12_3456, 0, width: 1)
    #expect(savedState(bench.vga).count == empty)
  }

  @Test func corruptedStateIsRefusedOrHarmless() throws {
    let bench = VGABench(.mode3)
    bench.store(0x5000, 1, width: 1)
    bench.dispi(1, 640)
    bench.dispi(2, 480)
    bench.dispi(4, 0xC1)
    let good = savedState(bench.vga)
    // Name, version and length are in front.
    let header = 1 + 3 + 2 + 4
    var random = SplitMix64(state: 9)
    let twin = VGABench()
    var refused = 0
    var frame = ScreenFrame()
    for round in 0..<60 {
      var bytes = good
      // The registers come after the configuration space and before the palette.
      let place = round % 2 == 0 ? header + Int(random.next() % 380) : header + Int(random.next() % 1500)
      bytes[place] = UInt8(truncatingIfNeeded: random.next())
      if round % 10 == 9 { bytes.removeLast(Int(random.next() % 5000)) }
      var reader = StateReader(bytes)
      do {
        try twin.vga.restore(from: &reader)
      } catch {
        refused += 1
      }
      if round % 20 == 0 { twin.vga.render(into: &frame, at: 0) }
      for _ in 0..<20 { _ = step(twin, &random) }
    }
    #expect(refused > 6)
    var reader = StateReader(good)
    try twin.vga.restore(from: &reader)
    #expect(savedState(twin.vga) == good)
  }
}
