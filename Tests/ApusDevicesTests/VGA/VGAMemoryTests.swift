import ApusBase
import ApusDevices
import Testing

/// The graphics controller bit by bit, as its register descriptions put it.
private struct ReferencePlanes {
  var planes = [[UInt8]](repeating: [UInt8](repeating: 0, count: 0x10000), count: 4)
  var latches: [UInt8] = [0, 0, 0, 0]
  var registers: [UInt8] = [0, 0, 0, 0, 0, 0, 0x05, 0x0F, 0xFF]
  var mapMask: UInt8 = 0x0F

  mutating func write(_ offset: Int, _ byte: UInt8) {
    let count = Int(registers[3] & 7)
    var rotated: UInt8 = 0
    for bit in 0..<8 where byte.bit((bit + count) % 8) { rotated.setBit(bit, true) }
    for plane in 0..<4 where mapMask.bit(plane) {
      var result: UInt8 = 0
      for bit in 0..<8 {
        let latch = latches[plane].bit(bit)
        var data: Bool
        var isMasked = !registers[8].bit(bit)
        switch registers[5] & 3 {
        case 0: data = registers[1].bit(plane) ? registers[0].bit(plane) : rotated.bit(bit)
        case 1: data = latch
        case 2: data = byte.bit(plane)
        default:
          data = registers[0].bit(plane)
          isMasked = isMasked || !rotated.bit(bit)
        }
        if registers[5] & 3 != 1 {
          switch registers[3] >> 3 & 3 {
          case 1: data = data && latch
          case 2: data = data || latch
          case 3: data = data != latch
          default: break
          }
          if isMasked { data = latch }
        }
        result.setBit(bit, data)
      }
      planes[plane][offset] = result
    }
  }

  mutating func read(_ offset: Int) -> UInt8 {
    for plane in 0..<4 { latches[plane] = planes[plane][offset] }
    guard registers[5].bit(3) else { return latches[Int(registers[4] & 3)] }
    var result: UInt8 = 0
    for bit in 0..<8 {
      let matches = (0..<4).allSatisfy { plane in
        !registers[7].bit(plane) || latches[plane].bit(bit) == registers[2].bit(plane)
      }
      result.setBit(bit, matches)
    }
    return result
  }
}

@Suite struct VGAMemoryTests {
  @Test(arguments: 1...6 as ClosedRange<UInt64>) func planarAgainstTheReference(seed: UInt64) {
    var random = SplitMix64(state: seed)
    let bench = VGABench(.mode12)
    var reference = ReferencePlanes()
    for step in 0..<40_000 {
      let byte = UInt8(truncatingIfNeeded: random.next())
      let offset = Int(random.next() % 32) * 2047
      switch random.next() % 8 {
      case 0:
        let register = Int(random.next() % 9)
        // Odd/even, shifts and the memory map stay as in the mode.
        let value = register == 5 ? byte & 0x0B : register == 6 ? 0x05 : byte
        reference.registers[register] = value
        bench.graphics(UInt8(register), value)
      case 1:
        reference.mapMask = byte & 0x0F
        bench.sequencer(2, byte)
      case 2..<5:
        reference.write(offset, byte)
        bench.poke(0xA0000 + UInt64(offset), UInt64(byte))
      default:
        guard reference.read(offset) == UInt8(bench.peek(0xA0000 + UInt64(offset))) else {
          Issue.record("step \(step)")
          return
        }
        let plane = Int(reference.registers[4] & 3)
        if step % 16 == 0 { #expect(bench.indexed(0x3D4, 0x22) == reference.latches[plane]) }
      }
    }
    bench.graphics(5, 0)
    for plane in 0..<4 {
      bench.graphics(4, UInt8(plane))
      for offset in 0..<0x10000 where bench.peek(0xA0000 + UInt64(offset)) != reference.planes[plane][offset]
      {
        Issue.record("plane \(plane) offset \(offset)")
        return
      }
    }
  }

  /// Accesses of any width and alignment are those of their bytes in ascending order.
  @Test(arguments: [VGAMode.mode3, .mode12, .mode13, .mode4, .mode6]) func widths(mode: VGAMode) {
    let wide = VGABench(mode)
    let narrow = VGABench(mode)
    var random = SplitMix64(state: 11)
    let window: UInt64 = mode.graphics[6] & 0x08 != 0 ? 0xB8000 : 0xA0000
    for step in 0..<6000 {
      let physical = window + random.next() % 0x2000
      let width = [1, 2, 4, 8][Int(random.next() % 4)]
      let value = random.next()
      if step % 500 == 0 {
        // Each setting for a while: a masked and a set/reset write must not take a short way.
        let settings: [(UInt8, UInt8)] = [(8, 0x5A), (8, 0xFF), (1, 0x05), (1, 0), (3, 0x1B), (3, 0)]
        let (register, setting) = settings[step / 500 % settings.count]
        for bench in [wide, narrow] { bench.graphics(register, setting) }
      }
      if random.next() % 2 == 0 {
        wide.poke(physical, value, width: width)
        for i in 0..<width { narrow.poke(physical + UInt64(i), value >> UInt64(8 * i) & 0xFF) }
      } else {
        var bytes: UInt64 = 0
        for i in 0..<width { bytes |= narrow.peek(physical + UInt64(i)) << UInt64(8 * i) }
        guard wide.peek(physical, width: width) == bytes else {
          Issue.record("step \(step)")
          return
        }
      }
    }
    #expect(savedState(wide.vga) == savedState(narrow.vga))
  }

  @Test func textIsInPlanesZeroAndOne() {
    let bench = VGABench(.mode3)
    bench.poke(0xB8000 + 6, 0x1F41, width: 2)
    bench.poke(0xB8000 + 9, 0x2E)
    #expect(bench.peek(0xB8006, width: 2) == 0x1F41)
    // Seen plane by plane: the even address has the character in plane 0, and the attribute in plane 1.
    bench.graphics(5, 0x00)
    bench.graphics(6, 0x04)
    bench.graphics(4, 0)
    #expect(bench.peek(0xA0006, width: 4) == 0x41)
    bench.graphics(4, 1)
    #expect(bench.peek(0xA0006, width: 4) == 0x2E_001F)
    for plane: UInt8 in [2, 3] {
      bench.graphics(4, plane)
      #expect(bench.peek(0xA0006, width: 4) == 0)
    }
  }

  @Test func chainedAddressesAreInFourPlanes() {
    let bench = VGABench(.mode13)
    bench.poke(0xA0100, 0x4433_2211, width: 4)
    bench.poke(0xA0107, 0x88)
    #expect(bench.peek(0xA0100, width: 8) == 0x8800_0000_4433_2211)
    bench.sequencer(4, 0x06)
    for (plane, byte) in [(0, 0x11), (1, 0x22), (2, 0x33), (3, 0x44)] {
      bench.graphics(4, UInt8(plane))
      #expect(bench.peek(0xA0100) == byte)
    }
    bench.graphics(4, 3)
    #expect(bench.peek(0xA0104) == 0x88)
    // The map mask holds for chained writes too.
    bench.sequencer(4, 0x0E)
    bench.sequencer(2, 0x05)
    bench.poke(0xA0100, 0xFFFF_FFFF, width: 4)
    #expect(bench.peek(0xA0100, width: 4) == 0x44FF_22FF)
  }

  @Test func memoryMaps() {
    let bench = VGABench(.mode12)
    let maps: [(UInt8, ClosedRange<UInt64>)] = [
      (0x01, 0xA0000...0xBFFFF), (0x05, 0xA0000...0xAFFFF), (0x09, 0xB0000...0xB7FFF),
      (0x0D, 0xB8000...0xBFFFF),
    ]
    bench.poke(0xA0000, 0x5A)
    for (value, range) in maps {
      bench.graphics(6, value)
      for physical: UInt64 in [0xA0000, 0xAFFFF, 0xB0000, 0xB7FFF, 0xB8000, 0xBFFFF] {
        let first = (physical &- range.lowerBound) & 0xFFFF == 0
        let expected: UInt64 = range.contains(physical) ? (first ? 0x5A : 0) : 0xFF
        #expect(bench.peek(physical) == expected, "\(value) \(physical)")
      }
    }
    // The bytes of an access across the end are each on their own.
    bench.graphics(6, 0x09)
    bench.poke(0xB7FFE, 0x4433_2211, width: 4)
    #expect(bench.peek(0xB7FFE, width: 4) == 0xFFFF_2211)
    // Miscellaneous output bit 1 closes the window.
    bench.out(0x3C2, 0xE1)
    #expect(bench.peek(0xB7FFE) == 0xFF)
  }

  @Test func linearFramebuffer() {
    let bench = VGABench()
    var reference = [UInt8](repeating: 0, count: 256)
    var random = SplitMix64(state: 3)
    for _ in 0..<4000 {
      let width = [1, 2, 4, 8][Int(random.next() % 4)]
      let offset = Int(random.next() % UInt64(256 - width))
      let value = random.next()
      if random.next() % 2 == 0 {
        bench.store(UInt64(offset), value, width: width)
        for i in 0..<width { reference[offset + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
      } else {
        var expected: UInt64 = 0
        for i in 0..<width { expected |= UInt64(reference[offset + i]) << UInt64(8 * i) }
        #expect(bench.load(UInt64(offset), width: width) == expected)
      }
    }
    bench.store(0xFF_FFF8, 0x1122_3344_5566_7788, width: 8)
    #expect(bench.load(0xFF_FFFE, width: 2) == 0x1122)
  }

  @Test func framebufferShowsPlanesSideBySide() {
    let bench = VGABench(.mode12)
    for plane in 0..<4 {
      bench.sequencer(2, 1 << UInt8(plane))
      bench.poke(0xA0123, UInt64(0x10 + plane))
    }
    #expect(bench.load(0x123 * 4, width: 4) == 0x1312_1110)
  }
}
