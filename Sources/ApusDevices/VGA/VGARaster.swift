import ApusBase

/// How the CRT controller walks through display memory: IBM Video Subsystem Technical Reference, "CRT Controller
/// Registers"; the wiring of address bits is its table in "CRTC Mode Control Register".
struct VGARaster {
  /// Displayed characters in a line, scan lines, and dots of a character as clocked (8 or 9).
  let columns: Int
  let lines: Int
  let characterWidth: Int
  /// Whether a dot takes two clocks.
  let isHalfRate: Bool
  /// Scan lines of a character row, less one, and whether each is drawn twice.
  let maximumRow: Int
  let doublesRows: Bool
  private let startAddress: Int
  private let startRow: Int
  private let bytePanning: Int
  private let pitch: Int
  private let lineCompare: Int
  /// Scan lines to a step of the vertical counter, as a shift.
  private let verticalShift: Int
  /// Characters to a step of the address counter, as a shift.
  private let countShift: Int
  private let isDoubleword: Bool
  private let isWord: Bool
  private let wrapBit: Int
  private let rowForBit13: Bool
  private let rowForBit14: Bool
  /// Whether panning ends at the line compare.
  private let splitEndsPanning: Bool

  init(crtc: IndexedRegisters, clockingMode: UInt8, attributeMode: UInt8) {
    let mode = crtc[CRTCRegister.modeControl]
    let underline = crtc[CRTCRegister.underlineLocation]
    let scanLine = crtc[CRTCRegister.maximumScanLine]
    verticalShift = mode.bit(2) ? 1 : 0
    columns = Int(crtc[CRTCRegister.horizontalDisplayEnableEnd]) + 1
    lines = (crtc.verticalDisplayEnd + 1) << verticalShift
    characterWidth = clockingMode.bit(0) ? 8 : 9
    isHalfRate = clockingMode.bit(3)
    maximumRow = Int(scanLine.bits(4, 0))
    doublesRows = scanLine.bit(7)
    startAddress = crtc.startAddress
    startRow = Int(crtc[CRTCRegister.presetRowScan].bits(4, 0))
    bytePanning = Int(crtc[CRTCRegister.presetRowScan].bits(6, 5))
    pitch = Int(crtc[CRTCRegister.offset]) * 2
    lineCompare = crtc.lineCompare
    countShift = underline.bit(5) ? 2 : mode.bit(3) ? 1 : 0
    isDoubleword = underline.bit(6)
    isWord = !mode.bit(6)
    wrapBit = mode.bit(5) ? 15 : 13
    rowForBit13 = !mode.bit(0)
    rowForBit14 = !mode.bit(1)
    splitEndsPanning = attributeMode.bit(5)
  }

  /// Width and height in pixels.
  var width: Int { columns * characterWidth << (isHalfRate ? 1 : 0) }
  var height: Int { lines }

  /// A scan line: the address counter at its first character, the row within the characters, and whether pixels
  /// are panned.
  struct Line: Equatable {
    var address: Int
    var row: Int
    var isPanned = true
  }

  /// The word of display memory for the character `column` of a line.
  func place(_ line: Line, _ column: Int) -> Int {
    let counter = (line.address + column >> countShift) & 0xFFFF
    var place = counter
    if isDoubleword {
      place = counter << 2 | counter >> 12 & 3
    } else if isWord {
      place = counter << 1 | counter >> wrapBit & 1
    }
    if rowForBit13 { place = place & ~0x2000 | (line.row & 1) << 13 }
    if rowForBit14 { place = place & ~0x4000 | (line.row >> 1 & 1) << 14 }
    return place & 0xFFFF
  }

  /// Calls `body` for each displayed scan line from the top, with its number.
  func forEachLine(_ body: (Int, Line) -> Void) {
    var line = Line(address: startAddress + bytePanning, row: startRow)
    var isRepeated = false
    // The last scan line before the split.
    let split = (lineCompare + 1) << verticalShift - 1
    for number in 0..<lines {
      body(number, line)
      if number == split {
        line = Line(
          address: splitEndsPanning ? 0 : bytePanning, row: 0, isPanned: line.isPanned && !splitEndsPanning)
        isRepeated = false
      } else if doublesRows && !isRepeated {
        isRepeated = true
      } else {
        isRepeated = false
        if line.row == maximumRow {
          line.row = 0
          line.address = (line.address + pitch) & 0xFFFF
        } else {
          line.row = (line.row + 1) & 31
        }
      }
    }
  }
}
