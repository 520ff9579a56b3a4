import ApusBase

/// A file of registers behind an index register and a data port. Bits that a register does not have read as
/// zero.
struct IndexedRegisters {
  /// The index register as written.
  var index: UInt8 = 0
  private var values: [UInt8]
  private let masks: [UInt8]

  /// Registers that are all zero; `masks` holds the bits that each has.
  init(masks: [UInt8]) {
    self.masks = masks
    values = [UInt8](repeating: 0, count: masks.count)
  }

  var count: Int { values.count }

  subscript(register: Int) -> UInt8 { values[register] }

  /// Writes `register`, of which only the bits of `writable` change; says whether any did. Registers that do
  /// not exist take nothing.
  mutating func write(_ register: Int, _ value: UInt8, writable: UInt8 = 0xFF) -> Bool {
    guard register < values.count else { return false }
    let mask = masks[register] & writable
    let new = values[register] & ~mask | value & mask
    guard new != values[register] else { return false }
    values[register] = new
    return true
  }

  mutating func reset() {
    index = 0
    for i in values.indices { values[i] = 0 }
  }

  func save(to writer: inout StateWriter) {
    writer.write(index)
    for value in values { writer.write(value) }
  }

  mutating func restore(from reader: inout StateReader, _ field: String) throws(StateError) {
    index = try reader.read()
    for i in values.indices {
      let value: UInt8 = try reader.read()
      guard value & ~masks[i] == 0 else { throw reader.invalid(field) }
      values[i] = value
    }
  }
}

// The registers and their bits: IBM Video Subsystem Technical Reference (S42G-2193), "VGA Function",
// section "Registers"; the names are that document's.

enum SequencerRegister {
  static let clockingMode = 1
  static let mapMask = 2
  static let characterMapSelect = 3
  static let memoryMode = 4
  static let masks: [UInt8] = [0x03, 0x3D, 0x0F, 0x3F, 0x0E]
}

enum GraphicsRegister {
  static let setReset = 0
  static let enableSetReset = 1
  static let colorCompare = 2
  static let dataRotate = 3
  static let readMapSelect = 4
  static let mode = 5
  static let miscellaneous = 6
  static let colorDontCare = 7
  static let bitMask = 8
  static let masks: [UInt8] = [0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF]
}

enum AttributeRegister {
  static let modeControl = 0x10
  static let overscanColor = 0x11
  static let colorPlaneEnable = 0x12
  static let horizontalPELPanning = 0x13
  static let colorSelect = 0x14
  static let masks: [UInt8] = [UInt8](repeating: 0x3F, count: 16) + [0xEF, 0xFF, 0x3F, 0x0F, 0x0F]
}

enum CRTCRegister {
  static let horizontalTotal = 0x00
  static let horizontalDisplayEnableEnd = 0x01
  static let verticalTotal = 0x06
  static let overflow = 0x07
  static let presetRowScan = 0x08
  static let maximumScanLine = 0x09
  static let cursorStart = 0x0A
  static let cursorEnd = 0x0B
  static let startAddressHigh = 0x0C
  static let startAddressLow = 0x0D
  static let cursorLocationHigh = 0x0E
  static let cursorLocationLow = 0x0F
  static let verticalRetraceStart = 0x10
  static let verticalRetraceEnd = 0x11
  static let verticalDisplayEnableEnd = 0x12
  static let offset = 0x13
  static let underlineLocation = 0x14
  static let modeControl = 0x17
  static let lineCompare = 0x18
  /// Bits 7 of 08h, 6–7 of 0Ah, 7 of 0Bh and 14h and 4 of 17h do not exist.
  static let masks: [UInt8] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0x3F, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xEF, 0xFF,
  ]
}

extension IndexedRegisters {
  // Numbers of the CRT controller whose bits are spread over several registers.

  /// Vertical total, in scan lines less two.
  var verticalTotal: Int { spread(CRTCRegister.verticalTotal, 0, 5) }
  /// The scan line at which vertical retrace begins.
  var verticalRetraceStart: Int { spread(CRTCRegister.verticalRetraceStart, 2, 7) }
  /// The last displayed scan line.
  var verticalDisplayEnd: Int { spread(CRTCRegister.verticalDisplayEnableEnd, 1, 6) }
  /// The last scan line before the address counter restarts from 0.
  var lineCompare: Int {
    Int(self[CRTCRegister.lineCompare]) | (self[CRTCRegister.overflow].bit(4) ? 0x100 : 0)
      | (self[CRTCRegister.maximumScanLine].bit(6) ? 0x200 : 0)
  }
  /// The address counter at the first displayed character.
  var startAddress: Int {
    Int(self[CRTCRegister.startAddressHigh]) << 8 | Int(self[CRTCRegister.startAddressLow])
  }
  /// The address counter at the cursor, its skew included.
  var cursorAddress: Int {
    let location = Int(self[CRTCRegister.cursorLocationHigh]) << 8 | Int(self[CRTCRegister.cursorLocationLow])
    return (location + Int(self[CRTCRegister.cursorEnd].bits(6, 5))) & 0xFFFF
  }

  private func spread(_ low: Int, _ bit8: Int, _ bit9: Int) -> Int {
    let overflow = self[CRTCRegister.overflow]
    return Int(self[low]) | (overflow.bit(bit8) ? 0x100 : 0) | (overflow.bit(bit9) ? 0x200 : 0)
  }
}
