import ApusBase

/// Display memory as the processor sees it: the window at A0000h–BFFFFh, and all of it one byte after the other.
///
/// What an access needs is one value, so that Swift checks the exclusiveness of an access once and not for each
/// part; that made accesses more than twice as fast.
struct VGADisplayMemory {
  private static let lastWord = VGA.memorySize / 4 - 1

  /// A word holds one byte of each plane, plane 0 in bits 7:0.
  var words = [UInt32](repeating: 0, count: VGA.memorySize / 4)
  /// What the last read of planar memory fetched.
  var latch: UInt32 = 0
  /// What registers make of an access.
  var host = VGAHostAccess()
  /// Moves on with each write, and with whatever else may change the picture.
  var changeCount: UInt64 = 0

  /// Reads at `offset` from A0000h. Bytes outside the window that the registers choose read as ones.
  mutating func read(_ offset: UInt64, width: Int) -> UInt64 {
    let address = offset &- host.windowBase
    guard address < host.windowSize else { return .max }
    let place = Int(truncatingIfNeeded: address)
    if host.windowSize - address >= UInt64(width) {
      if host.organization == .linear { return readLinear(host.bankOffset &+ place, width: width) }
      if host.organization == .chained && width == 4 && place & 3 == 0 && !host.comparesColor {
        latch = words[host.place(place)]
        return UInt64(latch)
      }
    }
    if width == 1 { return UInt64(readByte(place)) }
    var value: UInt64 = 0
    for i in 0..<min(width, 8) {
      let byte = UInt64(place &+ i) < host.windowSize ? readByte(place &+ i) : 0xFF
      value |= UInt64(byte) << UInt64(truncatingIfNeeded: 8 * i)
    }
    return value
  }

  /// Writes at `offset` from A0000h.
  mutating func write(_ offset: UInt64, _ value: UInt64, width: Int) {
    let address = offset &- host.windowBase
    guard address < host.windowSize else { return }
    let place = Int(truncatingIfNeeded: address)
    changeCount &+= 1
    if host.windowSize - address >= UInt64(width) {
      if host.organization == .linear {
        return writeLinear(host.bankOffset &+ place, value, width: width)
      }
      if host.writesPlainly && writePlainly(place, value, width: width) { return }
    }
    for i in 0..<min(width, 8) where UInt64(place &+ i) < host.windowSize {
      writeByte(place &+ i, UInt8(truncatingIfNeeded: value >> UInt64(truncatingIfNeeded: 8 * i)))
    }
  }

  private mutating func readByte(_ address: Int) -> UInt8 {
    if host.organization == .linear {
      return UInt8(truncatingIfNeeded: readLinear(host.bankOffset &+ address, width: 1))
    }
    latch = words[host.place(address)]
    if host.comparesColor { return host.compare(latch) }
    return UInt8(truncatingIfNeeded: latch >> host.readShift[address & 3])
  }

  private mutating func writeByte(_ address: Int, _ byte: UInt8) {
    if host.organization == .linear {
      return writeLinear(host.bankOffset &+ address, UInt64(byte), width: 1)
    }
    let place = host.place(address)
    words[place] = host.write(
      byte, over: words[place], latch: latch, planes: host.writePlanes[address & 3])
  }

  /// The aligned accesses of text and 256-colour modes, a word of memory at a time; false for all others.
  private mutating func writePlainly(_ address: Int, _ value: UInt64, width: Int) -> Bool {
    switch host.organization {
    case .chained where width >= 4 && address & 3 == 0:
      let planes = host.writePlanes[0] | host.writePlanes[1] | host.writePlanes[2] | host.writePlanes[3]
      for i in 0..<(width / 4) {
        let place = host.place(address &+ 4 * i)
        let data = UInt32(truncatingIfNeeded: value >> UInt64(truncatingIfNeeded: 32 * i))
        words[place] = words[place] & ~planes | data & planes
      }
    case .oddEven where width >= 2 && address & 1 == 0:
      // The even byte is for planes 0 and 2, the odd one for 1 and 3; without odd/even writes, the odd byte
      // overwrites what the even one wrote.
      let even = host.writePlanes[0]
      let odd = host.writePlanes[1]
      for i in 0..<(width / 2) {
        let place = host.place(address &+ 2 * i)
        let pair = UInt32(truncatingIfNeeded: value >> UInt64(truncatingIfNeeded: 16 * i))
        let low = (pair & 0xFF) &* 0x0101_0101
        let high = (pair >> 8 & 0xFF) &* 0x0101_0101
        words[place] = (words[place] & ~even | low & even) & ~odd | high & odd
      }
    default: return false
    }
    return true
  }

  // MARK: Linear access

  /// Writes 1, 2, 4 or 8 bytes of the linear framebuffer.
  mutating func writeFramebuffer(_ address: Int, _ value: UInt64, width: Int) {
    changeCount &+= 1
    writeLinear(address, value, width: width)
  }

  /// Reads 1, 2, 4 or 8 bytes of display memory, which repeats beyond its end.
  func readLinear(_ address: Int, width: Int) -> UInt64 {
    let word = address >> 2 & Self.lastWord
    let lane = UInt64(truncatingIfNeeded: 8 * (address & 3))
    if lane == 0 && width == 4 { return UInt64(words[word]) }
    let low = UInt64(words[word])
    if width == 1 { return low >> lane & 0xFF }
    let pair = low | UInt64(words[(word + 1) & Self.lastWord]) << 32
    if width < 8 { return pair >> lane & (width == 4 ? 0xFFFF_FFFF : 0xFFFF) }
    guard lane != 0 else { return pair }
    return pair >> lane | UInt64(words[(word + 2) & Self.lastWord]) << (64 - lane)
  }

  /// Writes 1, 2, 4 or 8 bytes of display memory.
  private mutating func writeLinear(_ address: Int, _ value: UInt64, width: Int) {
    let word = address >> 2 & Self.lastWord
    let lane = address & 3
    if lane == 0 && width >= 4 {
      words[word] = UInt32(truncatingIfNeeded: value)
      if width == 8 { words[(word + 1) & Self.lastWord] = UInt32(truncatingIfNeeded: value >> 32) }
      return
    }
    if width <= 2 && lane + width <= 4 {
      let shift = UInt32(truncatingIfNeeded: 8 * lane)
      let mask: UInt32 = (width == 1 ? 0xFF : 0xFFFF) << shift
      words[word] = words[word] & ~mask | UInt32(truncatingIfNeeded: value) << shift & mask
      return
    }
    for i in 0..<min(width, 8) {
      let byte = value >> UInt64(truncatingIfNeeded: 8 * i) & 0xFF
      writeLinear(address &+ i, byte, width: 1)
    }
  }
}
