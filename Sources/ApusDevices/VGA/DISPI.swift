import ApusBase

/// The display interface of Bochs and QEMU for modes beyond VGA's: sixteen-bit registers behind an index.
///
/// Sources: Bochs "VBE Display API" (register indexes, enable bits, identifications); QEMU "Standard VGA"
/// (docs/specs/standard-vga). Registers may be written in any order and at any time; sizes that do not fit are
/// brought into range while the interface is enabled and when it becomes so.
struct DISPI {
  enum Register {
    static let id: UInt16 = 0
    static let xres: UInt16 = 1
    static let yres: UInt16 = 2
    static let bpp: UInt16 = 3
    static let enable: UInt16 = 4
    static let bank: UInt16 = 5
    static let virtWidth: UInt16 = 6
    static let virtHeight: UInt16 = 7
    static let xOffset: UInt16 = 8
    static let yOffset: UInt16 = 9
    static let videoMemory64K: UInt16 = 10
  }
  private enum Enable {
    static let getCaps = 1
    static let bankGranularity32K = 4
    static let dac8Bit = 5
    static let noClearMemory = 7
  }

  /// The largest picture, in pixels.
  static let maximum: (width: Int, height: Int) = (2560, 1600)
  /// The longest line of memory, in pixels.
  private static let maximumVirtualWidth = 16000

  /// The index register.
  var index: UInt16 = 0
  private var id: UInt16 = 0xB0C5
  private var xres: UInt16 = 0
  private var yres: UInt16 = 0
  private var bpp: UInt16 = 8
  private var enable: UInt16 = 0
  private var bank: UInt16 = 0
  private var virtWidth: UInt16 = 0
  private var virtHeight: UInt16 = 0
  private var xOffset: UInt16 = 0
  private var yOffset: UInt16 = 0

  // MARK: What the registers say

  var isEnabled: Bool { enable.bit(0) }
  /// Whether the DAC's data port has eight bits.
  var hasEightBitDAC: Bool { enable.bit(Enable.dac8Bit) }
  var width: Int { Int(xres) }
  var height: Int { Int(yres) }
  /// Bits a pixel as programmed: 4, 8, 15, 16, 24 or 32 while enabled.
  var depth: Int { Int(bpp) }
  /// Bytes from a line to the next, counting all four planes of a planar mode.
  var pitch: Int { Int(virtWidth) * storedBits / 8 }
  /// The byte offset of the first displayed pixel; for planar modes of the eight pixels that hold it.
  var start: Int { Int(yOffset) * pitch + (bpp == 4 ? Int(xOffset) / 8 * 4 : Int(xOffset) * storedBits / 8) }
  /// In planar modes, how many of these eight pixels lie to the left of the screen.
  var panning: Int { bpp == 4 ? Int(xOffset & 7) : 0 }
  /// The byte offset of the window at A0000h.
  var bankOffset: Int { Int(bank) << (enable.bit(Enable.bankGranularity32K) ? 15 : 16) }

  /// Bits a pixel in memory: 15 are stored as 16.
  private var storedBits: Int { bpp == 15 ? 16 : Int(bpp) }

  // MARK: Registers

  func read(_ register: UInt16) -> UInt16 {
    let capabilities = enable.bit(Enable.getCaps)
    switch register {
    case Register.id: return id
    case Register.xres: return capabilities ? UInt16(Self.maximum.width) : xres
    case Register.yres: return capabilities ? UInt16(Self.maximum.height) : yres
    case Register.bpp: return capabilities ? 32 : bpp
    case Register.enable: return enable
    case Register.bank: return bank
    case Register.virtWidth: return virtWidth
    case Register.virtHeight: return virtHeight
    case Register.xOffset: return xOffset
    case Register.yOffset: return yOffset
    case Register.videoMemory64K: return UInt16(VGA.memorySize >> 16)
    default: return 0
    }
  }

  /// Writes a register. The result is the number of bytes at the start of memory to clear.
  mutating func write(_ register: UInt16, _ value: UInt16) -> Int {
    switch register {
    case Register.id: if (0xB0C0...0xB0C5).contains(value) { id = value }
    case Register.xres: xres = value
    case Register.yres: yres = value
    case Register.bpp: bpp = value == 0 ? 8 : value
    case Register.enable: return writeEnable(value)
    case Register.bank: bank = value
    case Register.virtWidth: virtWidth = value
    case Register.xOffset: xOffset = value
    case Register.yOffset: yOffset = value
    default: return 0
    }
    clamp()
    return 0
  }

  private mutating func writeEnable(_ value: UInt16) -> Int {
    let starts = value.bit(0) && !isEnabled
    enable = value & 0xF3
    if starts {
      virtWidth = 0
      xOffset = 0
      yOffset = 0
      bank = 0
    }
    clamp()
    return starts && !value.bit(Enable.noClearMemory) ? height * pitch : 0
  }

  /// Brings the registers into range, as far as they are in use.
  private mutating func clamp() {
    bank &= UInt16((VGA.memorySize >> (enable.bit(Enable.bankGranularity32K) ? 15 : 16)) - 1)
    guard isEnabled else { return }
    if ![4, 8, 15, 16, 24, 32].contains(bpp) { bpp = 8 }
    xres = min(max(xres & ~7, 8), UInt16(Self.maximum.width))
    virtWidth = max(min(virtWidth & ~7, UInt16(Self.maximumVirtualWidth)), xres)
    let lines = VGA.memorySize / pitch
    yres = UInt16(min(max(Int(yres), 1), Self.maximum.height, lines))
    virtHeight = UInt16(min(lines, 0xFFFF))
    // A picture that would reach beyond memory starts at its left or upper edge.
    if start + height * pitch > VGA.memorySize { yOffset = 0 }
    if start + height * pitch > VGA.memorySize { xOffset = 0 }
  }

  // MARK: Saved state

  func save(to writer: inout StateWriter) {
    for value in fields { writer.write(value) }
  }

  private var fields: [UInt16] {
    [index, id, xres, yres, bpp, enable, bank, virtWidth, virtHeight, xOffset, yOffset]
  }

  mutating func restore(from reader: inout StateReader) throws(StateError) {
    index = try reader.read()
    id = try reader.read()
    xres = try reader.read()
    yres = try reader.read()
    bpp = try reader.read()
    enable = try reader.read()
    bank = try reader.read()
    virtWidth = try reader.read()
    virtHeight = try reader.read()
    xOffset = try reader.read()
    yOffset = try reader.read()
    var valid = self
    valid.clamp()
    guard valid.fields == fields, enable & ~0xF3 == 0, bpp != 0, (0xB0C0...0xB0C5).contains(id) else {
      throw reader.invalid("DISPI")
    }
  }
}
