import ApusBase
import ApusDevices
import Testing

@Suite struct VGARegisterTests {
  @Test func identification() {
    let vga = VGA()
    #expect(vga.configuration.read(0, width: 4) == 0x1111_1234)
    #expect(vga.configuration.read(8, width: 4) >> 8 == 0x03_0000)
    vga.writeConfiguration(0x10, .max, width: 4, at: 0)
    #expect(vga.configuration.read(0x10, width: 4) == 0xFF00_0008)
    vga.writeConfiguration(0x18, .max, width: 4, at: 0)
    #expect(vga.configuration.read(0x18, width: 4) == 0xFFFF_F000)
    vga.writeConfiguration(0x30, .max, width: 4, at: 0)
    #expect(vga.configuration.read(0x30, width: 4) == 0)
  }

  @Test func decodingFollowsTheCommandRegister() {
    let vga = VGA()
    vga.writePort(0x3C2, 0x67, width: 1, at: 0)
    #expect(vga.readPort(0x3CC, width: 1, at: 0) & 0xFF == 0xFF)
    #expect(!vga.claimsPort(0x3CC))
    vga.writeConfiguration(4, 1, width: 2, at: 0)
    #expect(vga.claimsPort(0x3CC) && vga.claimsPort(0x1CE) && !vga.claimsPort(0x3BC))
    #expect(vga.readPort(0x3CC, width: 1, at: 0) == 0)
    vga.writePort(0x3C2, 0x67, width: 1, at: 0)
    #expect(vga.readPort(0x3CC, width: 1, at: 0) == 0x67)
    #expect(vga.readMemory(0, width: 1, at: 0) & 0xFF == 0xFF)
    vga.writeConfiguration(4, 3, width: 2, at: 0)
    #expect(vga.readMemory(0, width: 1, at: 0) == 0)
  }

  /// The bits that exist, from the register tables of IBM's reference.
  @Test func bitsThatDoNotExistReadAsZero() {
    let bench = VGABench(.mode3)
    bench.crtc(0x11, 0)
    let files: [(UInt16, [UInt8])] = [
      (0x3C4, [0x03, 0x3D, 0x0F, 0x3F, 0x0E]),
      (0x3CE, [0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF]),
    ]
    for (port, masks) in files {
      for (i, mask) in masks.enumerated() {
        bench.indexed(port, UInt8(i), 0xFF)
        #expect(bench.indexed(port, UInt8(i)) == mask, "\(port) \(i)")
      }
      #expect(bench.indexed(port, UInt8(masks.count)) == 0)
    }
    for i in 0..<0x15 {
      bench.attribute(UInt8(i), 0xFF)
      _ = bench.read(0x3DA)
      bench.out(0x3C0, UInt8(i))
      #expect(bench.read(0x3C1) == (i < 0x10 ? 0x3F : [0xEF, 0xFF, 0x3F, 0x0F, 0x0F][i - 0x10]))
      bench.out(0x3C0, 0)
    }
    bench.out(0x3CE, 0xFF)
    #expect(bench.read(0x3CE) == 0x0F)
  }

  @Test func protectionOfTheHorizontalRegisters() {
    let bench = VGABench(.mode3)
    #expect(bench.indexed(0x3D4, 0x11) == 0x8E)
    for i in 0..<8 { bench.crtc(UInt8(i), UInt8(~VGAMode.mode3.crtc[i])) }
    for i in 0..<7 { #expect(bench.indexed(0x3D4, UInt8(i)) == VGAMode.mode3.crtc[i]) }
    // Of 07h, bit 4 is line compare and stays open.
    #expect(bench.indexed(0x3D4, 7) == 0x0F)
    bench.crtc(0x08, 0x05)
    #expect(bench.indexed(0x3D4, 8) == 0x05)
    bench.crtc(0x11, 0x0E)
    bench.crtc(0, 0x12)
    #expect(bench.indexed(0x3D4, 0) == 0x12)
  }

  @Test func attributeFlipFlop() {
    let bench = VGABench(.mode3)
    _ = bench.read(0x3DA)
    bench.out(0x3C0, 0x11)
    #expect(bench.indexed(0x3D4, 0x24) == 0x80)
    bench.out(0x3C0, 0x2A)
    #expect(bench.read(0x3C1) == 0x2A)
    #expect(bench.indexed(0x3D4, 0x24) == 0)
    // The next write is an index again; reading input status 1 makes it so at any time.
    bench.out(0x3C0, 0x10)
    _ = bench.read(0x3DA)
    bench.out(0x3C0, 0x11)
    bench.out(0x3C0, 0x15)
    #expect(bench.read(0x3C1) == 0x15)
    #expect(bench.indexed(0x3D4, 0x26) == 0x11)
    bench.out(0x3C0, 0x31)
    #expect(bench.read(0x3C0) == 0x31)
  }

  @Test func monochromePorts() {
    let bench = VGABench(.mode3)
    bench.crtc(0x0F, 0x55)
    #expect(bench.read(0x3B5) == 0xFF)
    bench.out(0x3C2, 0x66)
    #expect(bench.read(0x3D5) == 0xFF && bench.read(0x3DA) == 0xFF)
    #expect(bench.indexed(0x3B4, 0x0F) == 0x55)
    bench.out(0x3BA, 0x0B)
    #expect(bench.read(0x3CA) == 0x0B)
    bench.out(0x3DA, 0)
    #expect(bench.read(0x3CA) == 0x0B)
    _ = bench.read(0x3BA)
    bench.out(0x3C0, 0x10)
    #expect(bench.indexed(0x3B4, 0x24) == 0x80)
    _ = bench.read(0x3BA)
    #expect(bench.indexed(0x3B4, 0x24) == 0)
  }

  @Test func subsystemEnable() {
    let bench = VGABench(.mode3)
    bench.poke(0xB8000, 0x41)
    bench.out(0x3C3, 0)
    #expect(bench.read(0x3CC) == 0xFF && bench.peek(0xB8000) == 0xFF && bench.read(0x3C3) == 0)
    bench.out(0x3C3, 1)
    #expect(bench.read(0x3CC) == 0x67 && bench.peek(0xB8000) == 0x41)
  }

  @Test func wordWritesReachIndexAndData() {
    let bench = VGABench(.mode3)
    bench.vga.writePort(0x3CE, 0xA508, width: 2, at: 0)
    #expect(bench.vga.readPort(0x3CE, width: 2, at: 0) == 0xA508)
  }

  @Test func convertersSequence() {
    let bench = VGABench(.mode3)
    bench.out(0x3C8, 10)
    #expect(bench.read(0x3C7) == 0)
    for value: UInt8 in [1, 2, 3, 4, 5, 0xFF] { bench.out(0x3C9, value) }
    #expect(bench.read(0x3C8) == 12)
    bench.out(0x3C7, 10)
    #expect(bench.read(0x3C7) == 3)
    #expect((0..<6).map { _ in bench.read(0x3C9) } == [1, 2, 3, 4, 5, 0x3F])
    // Nothing changes before the third component; a new address starts with red.
    bench.out(0x3C8, 10)
    bench.out(0x3C9, 9)
    bench.out(0x3C9, 9)
    bench.out(0x3C8, 255)
    for value: UInt8 in [7, 8, 9, 10, 11, 12] { bench.out(0x3C9, value) }
    bench.out(0x3C7, 10)
    #expect((0..<3).map { _ in bench.read(0x3C9) } == [1, 2, 3])
    // The address wraps from 255 to 0.
    bench.out(0x3C7, 255)
    #expect((0..<6).map { _ in bench.read(0x3C9) } == [7, 8, 9, 10, 11, 12])
  }

  @Test func eightBitConverters() {
    let bench = VGABench(.mode3)
    bench.color(3, 0x3F, 0x2A, 0x15)
    bench.dispi(4, 0x20)
    bench.out(0x3C7, 3)
    #expect((0..<3).map { _ in bench.read(0x3C9) } == [0xFF, 0xAA, 0x55])
    bench.color(4, 0x12, 0xFE, 0x81)
    bench.out(0x3C7, 4)
    #expect((0..<3).map { _ in bench.read(0x3C9) } == [0x12, 0xFE, 0x81])
    bench.dispi(4, 0)
    bench.out(0x3C7, 4)
    #expect((0..<3).map { _ in bench.read(0x3C9) } == [0x04, 0x3F, 0x20])
  }

  @Test func memoryMappedRegisters() {
    let bench = VGABench(.mode3)
    bench.vga.writeBAR(2, 0x408, 0x20, width: 1, at: 0)
    #expect(bench.read(0x3C8) == 0x20)
    #expect(bench.vga.readBAR(2, 0x40C, width: 1, at: 0) == 0x67)
    bench.vga.writeBAR(2, 0x502, 800, width: 2, at: 0)
    bench.vga.writeBAR(2, 0x504, 600 | 24 << 16, width: 4, at: 0)
    #expect(bench.dispi(1) == 800 && bench.dispi(2) == 600 && bench.dispi(3) == 24)
    #expect(bench.vga.readBAR(2, 0x500, width: 4, at: 0) == 800 << 16 | 0xB0C5)
    #expect(bench.vga.readBAR(2, 0x503, width: 1, at: 0) == 800 >> 8)
    bench.vga.writeBAR(2, 0x503, 4, width: 1, at: 0)
    #expect(bench.dispi(1) == 0x420)
    // Memory decoding is enough for them.
    bench.vga.writeConfiguration(4, 2, width: 2, at: 0)
    #expect(bench.vga.readBAR(2, 0x40C, width: 1, at: 0) == 0x67)
    #expect(bench.vga.readBAR(2, 0xFFF, width: 8, at: 0) == 0)
  }

  /// Reading input status 1 would move the flip-flop.
  @Test func describesItself() {
    let bench = VGABench(.mode3)
    bench.crtc(0x0C, 0x12)
    bench.crtc(0x0D, 0x34)
    let before = savedState(bench.vga)
    let text = bench.vga.description
    #expect(text["picture"] == "text, 80 x 25 characters of 9 x 16")
    #expect(text["frequencies"] == "lines 31468 Hz, frames 70.0 Hz")
    #expect(text["Miscellaneous Output"] == "67h  IOS ERAM HSP 28 MHz")
    #expect(text["Start Address"] == "1234h" && text["Memory Mode"] == "02h  EM")
    #expect(text["Cursor Location"] == "0000h  rows 13 to 14")
    #expect(text["Graphics Mode"] == "10h  write mode 0, read mode 0 OE")
    #expect(text["Miscellaneous"] == "0Eh  OE B8000h-BFFFFh")
    #expect(text["CRT Mode Control"] == "A3h  CMS0 SRC ADW RST")
    #expect(text["Attribute Address"] == "20h  IPAS, data next" && savedState(bench.vga) == before)
    #expect(VGABench().vga.description["picture"]?.hasPrefix("off; ") == true)
  }

  @Test func describesGraphics() {
    let modes: [(VGAMode, String)] = [
      (.mode4, "320 x 200, 4 colors"), (.modeD, "320 x 200, 16 colors"), (.mode12, "640 x 480, 16 colors"),
      (.mode13, "320 x 200, 256 colors"), (.modeX, "320 x 240, 256 colors"),
    ]
    for (mode, text) in modes {
      #expect(VGABench(mode).vga.description["picture"] == "graphics, " + text)
    }
    #expect(VGABench(.mode12).vga.description["frequencies"] == "lines 31468 Hz, frames 59.9 Hz")
    #expect(VGABench(.mode1).vga.description["picture"] == "text, 40 x 25 characters of 9 x 16")
    let bench = VGABench(.mode3)
    for (register, value) in [(1, 1024), (2, 768), (3, 32), (4, 0x41)] as [(UInt16, UInt16)] {
      bench.dispi(register, value)
    }
    #expect(bench.vga.description["picture"] == "DISPI 1024 x 768, 32 bits a pixel")
    #expect(bench.vga.description["DISPI ENABLE"] == "0041h  ENABLED LFB_ENABLED")
    #expect(bench.vga.description["DISPI VIRT"]?.hasPrefix("1024 x 4096, offset 0, 0") == true)
  }
}
