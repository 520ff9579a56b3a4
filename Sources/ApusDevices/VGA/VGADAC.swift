import ApusBase

/// The video DAC: a colour table with one address register for reading and writing, which moves on after each
/// third access of the data port.
///
/// Sources: INMOS IMS G171 datasheet, "Writing to the colour look-up table" and "Reading from the colour
/// look-up table"; IBM Video Subsystem Technical Reference, "Video Digital-to-Analog Converter".
struct VGADAC {
  /// 00RRGGBBh with eight bits a component, whatever the width of the data port.
  private(set) var colors = [UInt32](repeating: 0, count: 256)
  /// What a pixel's value is combined with before the table.
  var pixelMask: UInt8 = 0
  /// The address register.
  private(set) var address: UInt8 = 0
  private var isReading = false
  /// Which component the next access of the data port is for: 0 red, 1 green, 2 blue.
  private var component = 0
  /// The colour between the table and the data port, red in bits 23:16.
  private var holding: UInt32 = 0

  /// Bits 1:0 of the DAC state register: 3 for reading, 0 for writing.
  var state: UInt8 { isReading ? 3 : 0 }

  mutating func startWriting(at index: UInt8) {
    address = index
    component = 0
    isReading = false
  }

  mutating func startReading(at index: UInt8) {
    address = index
    component = 0
    isReading = true
    fetch()
  }

  private mutating func fetch() {
    holding = colors[Int(address)]
    address &+= 1
  }

  /// Reads the data port.
  mutating func readData(isEightBit: Bool) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: holding >> UInt32(16 - 8 * component))
    component += 1
    if component == 3 {
      component = 0
      fetch()
    }
    return isEightBit ? value : value >> 2
  }

  /// Writes the data port; says whether that changed a colour.
  mutating func writeData(_ value: UInt8, isEightBit: Bool) -> Bool {
    // Full intensity is FFh at both widths, so the high bits of six are repeated below them.
    let six = value & 0x3F
    let level = isEightBit ? value : six << 2 | six >> 4
    let shift = UInt32(16 - 8 * component)
    holding = holding & ~(0xFF << shift) | UInt32(level) << shift
    component += 1
    guard component == 3 else { return false }
    component = 0
    let changes = colors[Int(address)] != holding
    colors[Int(address)] = holding
    address &+= 1
    return changes
  }

  func save(to writer: inout StateWriter) {
    for color in colors { writer.write(color) }
    writer.write(pixelMask)
    writer.write(address)
    writer.write(isReading)
    writer.write(UInt8(component))
    writer.write(holding)
  }

  mutating func restore(from reader: inout StateReader) throws(StateError) {
    for i in colors.indices {
      let color: UInt32 = try reader.read()
      guard color >> 24 == 0 else { throw reader.invalid("colors") }
      colors[i] = color
    }
    pixelMask = try reader.read()
    address = try reader.read()
    isReading = try reader.readBool("isReading")
    component = Int(try reader.read(UInt8.self))
    guard component < 3 else { throw reader.invalid("component") }
    holding = try reader.read()
    guard holding >> 24 == 0 else { throw reader.invalid("holding") }
  }
}
