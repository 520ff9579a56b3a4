import ApusBase

/// How the processor's accesses to A0000h–BFFFFh reach display memory: what the sequencer's and the graphics
/// controller's registers amount to, worked out when they change so that accesses are short.
///
/// A word of display memory holds one byte of each plane, plane 0 in bits 7:0. A set of planes is a mask of such
/// a word, a value for all planes is such a word.
///
/// Sources: IBM Video Subsystem Technical Reference, "Graphics Controller Registers", "Sequencer Registers" and
/// "Display Buffer"; J. D. Neal, FreeVGA, "Accessing the VGA Display Memory".
struct VGAHostAccess {
  /// How an address within the window is divided into plane and offset.
  enum Organization {
    /// Bytes one after the other, past all planes: a DISPI mode of packed pixels.
    case linear
    /// Address bits 1:0 are the plane.
    case chained
    /// Address bit 0 is bit 0 of the plane.
    case oddEven
    /// The planes are chosen by registers alone.
    case planar
  }

  /// Where the window begins, from A0000h, and its size in bytes; 0 if there is none.
  var windowBase: UInt64 = 0
  var windowSize: UInt64 = 0
  var organization = Organization.planar
  /// What is added to the place: bytes in linear organisation, otherwise words.
  var bankOffset = 0
  /// The planes that a write reaches, by address bits 1:0.
  private(set) var writePlanes = SIMD4<UInt32>()
  /// Eight times the plane that a read takes, by address bits 1:0.
  private(set) var readShift = SIMD4<UInt32>()
  /// Whether reads compare colours: read mode 1.
  private(set) var comparesColor = false
  /// Whether a written byte goes to memory as it is.
  private(set) var writesPlainly = false

  private var writeMode: UInt8 = 0
  private var rotation: UInt8 = 0
  private var function: UInt8 = 0
  private var setReset: UInt32 = 0
  private var enableSetReset: UInt32 = 0
  private var bitMask: UInt32 = 0
  private var colorCompare: UInt32 = 0
  private var colorCare: UInt32 = 0

  /// FFh in the byte of each plane whose bit is set in bits 3:0.
  static func planes(_ bits: UInt8) -> UInt32 {
    let b = UInt32(bits)
    return (b & 1 | (b & 2) << 7 | (b & 4) << 14 | (b & 8) << 21) &* 0xFF
  }

  /// A byte for all four planes.
  static func replicate(_ byte: UInt8) -> UInt32 { UInt32(byte) &* 0x0101_0101 }

  /// Takes over what the graphics controller says about values.
  mutating func update(graphics: IndexedRegisters) {
    let mode = graphics[GraphicsRegister.mode]
    writeMode = mode.bits(1, 0)
    comparesColor = mode.bit(3)
    rotation = graphics[GraphicsRegister.dataRotate].bits(2, 0)
    function = graphics[GraphicsRegister.dataRotate].bits(4, 3)
    setReset = Self.planes(graphics[GraphicsRegister.setReset])
    enableSetReset = Self.planes(graphics[GraphicsRegister.enableSetReset])
    bitMask = Self.replicate(graphics[GraphicsRegister.bitMask])
    colorCompare = Self.planes(graphics[GraphicsRegister.colorCompare])
    colorCare = Self.planes(graphics[GraphicsRegister.colorDontCare])
    writesPlainly =
      writeMode == 0 && rotation == 0 && function == 0 && enableSetReset == 0 && bitMask == .max
  }

  /// Takes over what the registers say about planes and the window.
  mutating func update(sequencer: IndexedRegisters, graphics: IndexedRegisters, dispi: DISPI, isOpen: Bool) {
    let memoryMode = sequencer[SequencerRegister.memoryMode]
    let misc = graphics[GraphicsRegister.miscellaneous]
    organization = memoryMode.bit(3) ? .chained : misc.bit(1) ? .oddEven : .planar
    bankOffset = 0
    switch misc.bits(3, 2) {
    case 0: (windowBase, windowSize) = (0, 0x20000)
    case 1: (windowBase, windowSize) = (0, 0x10000)
    case 2: (windowBase, windowSize) = (0x10000, 0x8000)
    default: (windowBase, windowSize) = (0x18000, 0x8000)
    }
    if dispi.isEnabled {
      (windowBase, windowSize) = (0, 0x10000)
      organization = dispi.depth == 4 ? .planar : .linear
      bankOffset = dispi.bankOffset
    }
    if !isOpen { windowSize = 0 }
    updatePlanes(sequencer: sequencer, graphics: graphics, isPlanar: dispi.isEnabled)
  }

  private mutating func updatePlanes(
    sequencer: IndexedRegisters, graphics: IndexedRegisters, isPlanar: Bool
  ) {
    let mask = sequencer[SequencerRegister.mapMask]
    let isSequential = sequencer[SequencerRegister.memoryMode].bit(2)
    let readPlane = graphics[GraphicsRegister.readMapSelect]
    let readsOddEven = graphics[GraphicsRegister.mode].bit(4)
    for low in 0..<4 {
      let bit = UInt8(truncatingIfNeeded: low)
      if isPlanar {
        writePlanes[low] = Self.planes(mask)
        readShift[low] = UInt32(readPlane) * 8
      } else if organization == .chained {
        writePlanes[low] = Self.planes(mask & 1 << bit)
        readShift[low] = UInt32(bit) * 8
      } else {
        writePlanes[low] = Self.planes(isSequential ? mask : mask & (bit & 1 == 0 ? 0x5 : 0xA))
        readShift[low] = UInt32(readsOddEven ? readPlane & 2 | bit & 1 : readPlane) * 8
      }
    }
  }

  /// The word of display memory behind an address in the window, for all but linear organisation.
  ///
  /// Chained addresses lend bits 15:14 to the low bits of the place, which the planes took; so the CRT
  /// controller finds them in doubleword mode. Odd/even addresses lend bit 16, as in its word mode.
  /// Departs from hardware: the odd/even page bit of the miscellaneous output register is not decoded.
  func place(_ address: Int) -> Int {
    switch organization {
    case .chained: return address & 0xFFFC | address >> 14 & 3
    case .oddEven: return address & 0xFFFE | address >> 16 & 1
    default: return (address & 0xFFFF &+ bankOffset) & (VGA.memorySize / 4 - 1)
    }
  }

  /// The word that a write of `byte` leaves in `planes` of `old`.
  func write(_ byte: UInt8, over old: UInt32, latch: UInt32, planes: UInt32) -> UInt32 {
    var data: UInt32
    var mask = bitMask
    switch writeMode {
    case 0: data = Self.replicate(rotated(byte)) & ~enableSetReset | setReset & enableSetReset
    case 1: return old & ~planes | latch & planes
    case 2: data = Self.planes(byte & 0x0F)
    default:
      data = setReset
      mask &= Self.replicate(rotated(byte))
    }
    switch function {
    case 0: break
    case 1: data &= latch
    case 2: data |= latch
    default: data ^= latch
    }
    data = data & mask | latch & ~mask
    return old & ~planes | data & planes
  }

  private func rotated(_ byte: UInt8) -> UInt8 {
    rotation == 0 ? byte : byte >> rotation | byte << (8 - rotation)
  }

  /// Read mode 1: a one for each pixel of `word` whose planes, as far as they count, have the compared colour.
  func compare(_ word: UInt32) -> UInt8 {
    let differing = (word ^ colorCompare) & colorCare
    let halves = differing | differing >> 16
    return ~UInt8(truncatingIfNeeded: halves | halves >> 8)
  }
}
