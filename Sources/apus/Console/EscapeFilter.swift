/// Passes the guest's text to a terminal and withholds what could reprogram it, make it answer or hide
/// something from the user: operating-system, device-control and application strings (ECMA-48 "Control
/// strings"), device reports, window operations, printing, key and tab reprogramming, and the 8-bit forms of
/// all of these. Text, colours (SGR), cursor movement, erasure, scrolling and a few modes pass; every mode
/// that passes can be undone with `restoration`.
///
/// Only whole, valid UTF-8 characters pass above 7Fh, so no byte can be taken for an 8-bit control
/// (80h–9Fh), neither raw nor as U+0080–U+009F.
package struct EscapeFilter {
  private enum State: Equatable {
    case ground
    /// After ESC.
    case escape
    /// After ESC and an intermediate byte (20h–2Fh).
    case intermediate(UInt8)
    /// In a control sequence: `sequence` holds the bytes after the introducer.
    case control
    /// Inside a control string that is dropped.
    case string(StringEnd)
    /// After ESC inside a control string.
    case stringEscape
    /// Inside the Linux console's palette sequence, which has no terminator: this many bytes follow.
    case palette(Int)
    /// After a UTF-8 lead byte; the value counts the bytes still missing.
    case character(Int)
  }

  private enum StringEnd: Equatable {
    /// ST, BEL, CAN or SUB, or the cap.
    case terminator
    /// Also the end of the line: a raw 8-bit introducer may just be text in another character set.
    case terminatorOrNewline
    /// As `terminator`, and nothing of the string has been seen yet.
    case commandStart
  }

  /// A guest that never ends its string loses at most this many bytes of text.
  private static let longestString = 4096
  private static let longestControl = 64
  /// Larger parameters, such as a repetition count, serve no screen.
  private static let largestParameter = 9999

  private var state = State.ground
  private var sequence: [UInt8] = []
  private var stringLength = 0
  private var modes: Set<Int> = []
  private var hasAttributes = false
  private var hasMargins = false
  private var hasCharacterSet = false
  private var hasApplicationKeypad = false
  private var hasInsertMode = false

  package init() {}

  /// Appends what may pass of `bytes` to `output`.
  package mutating func filter(_ bytes: some Sequence<UInt8>, into output: inout [UInt8]) {
    for byte in bytes { filter(byte, &output) }
  }

  /// The control sequences that undo what passed: colours, a hidden cursor, the alternate screen, margins,
  /// character sets. Empty if there is nothing to undo.
  package var restoration: [UInt8] {
    var text = ""
    for mode in [1049, 1047, 47] where modes.contains(mode) { text += "\u{1B}[?\(mode)l" }
    if hasMargins { text += "\u{1B}7\u{1B}[r\u{1B}8" }
    for mode in [1, 5, 6, 12, 2004] where modes.contains(mode) { text += "\u{1B}[?\(mode)l" }
    for mode in [7, 25] where modes.contains(-mode) { text += "\u{1B}[?\(mode)h" }
    if hasInsertMode { text += "\u{1B}[4l" }
    if hasApplicationKeypad { text += "\u{1B}>" }
    if hasCharacterSet { text += "\u{0F}\u{1B}(B" }
    if hasAttributes { text += "\u{1B}[0m" }
    return Array(text.utf8)
  }

  private mutating func filter(_ byte: UInt8, _ output: inout [UInt8]) {
    switch state {
    case .ground: ground(byte, &output)
    case .escape: escape(byte, &output)
    case .intermediate(let first): designate(first, byte, &output)
    case .control: control(byte, &output)
    case .string(let end): string(byte, end)
    case .stringEscape:
      // ESC \ is ST; any other sequence begins anew, as on a terminal.
      state = .ground
      if byte != UInt8(ascii: "\\") {
        state = .escape
        escape(byte, &output)
      }
    case .palette(let left): state = left > 1 ? .palette(left - 1) : .ground
    case .character(let left): continuation(byte, left, &output)
    }
  }

  private mutating func ground(_ byte: UInt8, _ output: inout [UInt8]) {
    switch byte {
    case 0x1B: state = .escape
    case 0x20...0x7E, 0x07...0x0D: output.append(byte)
    case 0x0E, 0x0F:
      hasCharacterSet = true
      output.append(byte)
    case 0x80...0x9F: eightBitControl(byte, .terminatorOrNewline)
    case 0xC2...0xDF: lead(byte, 1)
    case 0xE0...0xEF: lead(byte, 2)
    case 0xF0...0xF4: lead(byte, 3)
    // A byte that no UTF-8 character begins with: shown as the terminal shows such bytes.
    case 0xA0...0xFF: output.append(UInt8(ascii: "?"))
    default: break
    }
  }

  private mutating func lead(_ byte: UInt8, _ missing: Int) {
    sequence = [byte]
    state = .character(missing)
  }

  private mutating func continuation(_ byte: UInt8, _ left: Int, _ output: inout [UInt8]) {
    var range: ClosedRange<UInt8> = 0x80...0xBF
    if sequence.count == 1 {
      // The Unicode Standard, table "Well-Formed UTF-8 Byte Sequences".
      switch sequence[0] {
      case 0xE0: range = 0xA0...0xBF
      case 0xED: range = 0x80...0x9F
      case 0xF0: range = 0x90...0xBF
      case 0xF4: range = 0x80...0x8F
      default: break
      }
    }
    guard range.contains(byte) else {
      output.append(UInt8(ascii: "?"))
      state = .ground
      return ground(byte, &output)
    }
    sequence.append(byte)
    guard left == 1 else { return state = .character(left - 1) }
    state = .ground
    if sequence.count == 2 && sequence[0] == 0xC2 && byte < 0xA0 { return eightBitControl(byte, .terminator) }
    output.append(contentsOf: sequence)
  }

  /// A C1 control: the sequences it begins are treated as their 7-bit forms, the others are dropped.
  private mutating func eightBitControl(_ byte: UInt8, _ end: StringEnd) {
    switch byte {
    case 0x9B:
      sequence = []
      state = .control
    case 0x90, 0x98, 0x9D, 0x9E, 0x9F:
      stringLength = 0
      state = .string(end)
    default: break
    }
  }

  private mutating func escape(_ byte: UInt8, _ output: inout [UInt8]) {
    state = .ground
    switch byte {
    case UInt8(ascii: "["):
      sequence = []
      state = .control
    case UInt8(ascii: "]"):
      stringLength = 0
      state = .string(.commandStart)
    case UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "k"):
      stringLength = 0
      state = .string(.terminator)
    case 0x20...0x2F: state = .intermediate(byte)
    case 0x1B: state = .escape
    case UInt8(ascii: "7"), UInt8(ascii: "8"), UInt8(ascii: "D"), UInt8(ascii: "E"), UInt8(ascii: "M"):
      output += [0x1B, byte]
    case UInt8(ascii: "="), UInt8(ascii: ">"):
      hasApplicationKeypad = true
      output += [0x1B, byte]
    case 0x80...0xFF: ground(byte, &output)
    case 0x07...0x0D: output.append(byte)
    default: break
    }
  }

  /// ESC ( and ESC ) with ASCII, the British set or the line-drawing set; other designations are dropped.
  private mutating func designate(_ first: UInt8, _ byte: UInt8, _ output: inout [UInt8]) {
    if (0x20...0x2F).contains(byte) { return state = .intermediate(0) }
    state = .ground
    if byte == 0x1B { return state = .escape }
    guard byte < 0x80 else { return ground(byte, &output) }
    let sets = [UInt8(ascii: "B"), UInt8(ascii: "0"), UInt8(ascii: "A")]
    guard first == UInt8(ascii: "(") || first == UInt8(ascii: ")"), sets.contains(byte) else { return }
    hasCharacterSet = true
    output += [0x1B, first, byte]
  }

  private mutating func string(_ byte: UInt8, _ end: StringEnd) {
    stringLength += 1
    switch byte {
    case 0x07, 0x18, 0x1A: state = .ground
    case 0x9C where end == .terminatorOrNewline: state = .ground
    case 0x0A where end == .terminatorOrNewline: state = .ground
    case 0x1B: state = .stringEscape
    // The Linux console's ESC ] R and ESC ] P nrrggbb (console_codes(4)) have no terminator.
    case UInt8(ascii: "R") where end == .commandStart: state = .ground
    case UInt8(ascii: "P") where end == .commandStart: state = .palette(7)
    default:
      state = stringLength >= Self.longestString ? .ground : .string(end == .commandStart ? .terminator : end)
    }
  }

  private mutating func control(_ byte: UInt8, _ output: inout [UInt8]) {
    switch byte {
    case 0x20...0x3F:
      sequence.append(byte)
      // Too long for anything that passes: dropped up to its final byte, without being stored.
      if sequence.count > Self.longestControl { sequence = [0x20] }
    case 0x40...0x7E:
      state = .ground
      if isAllowed(final: byte) { output += [0x1B, UInt8(ascii: "[")] + sequence + [byte] }
    case 0x1B: state = .escape
    case 0x18, 0x1A: state = .ground
    // Controls inside a sequence act at once on a terminal.
    case 0x07...0x0D: output.append(byte)
    case 0x80...0xFF:
      state = .ground
      ground(byte, &output)
    default: break
    }
  }

  /// Whether the control sequence in `sequence` with this final byte may pass.
  private mutating func isAllowed(final: UInt8) -> Bool {
    guard let parameters else { return isModeAllowed(final: final) }
    guard parameters.allSatisfy({ $0 <= Self.largestParameter }) else { return false }
    switch final {
    case UInt8(ascii: "m"): hasAttributes = true
    case UInt8(ascii: "r"): hasMargins = true
    case UInt8(ascii: "h"), UInt8(ascii: "l"):
      guard parameters == [4] else { return false }
      hasInsertMode = true
    // Longer forms of T start xterm's mouse tracking.
    case UInt8(ascii: "T"): return parameters.count <= 1
    // Cursor movement, tabs, erasure, insertion, deletion, scrolling, repetition, saved cursor.
    case UInt8(ascii: "A")...UInt8(ascii: "M"), UInt8(ascii: "P"), UInt8(ascii: "S"), UInt8(ascii: "X"),
      UInt8(ascii: "@"), UInt8(ascii: "Z"), UInt8(ascii: "`"), UInt8(ascii: "a"), UInt8(ascii: "b"),
      UInt8(ascii: "d"), UInt8(ascii: "e"), UInt8(ascii: "f"), UInt8(ascii: "s"), UInt8(ascii: "u"):
      break
    default: return false
    }
    return true
  }

  /// The numbers of a sequence that holds only digits, `;` and `:`; nil for private and intermediate bytes.
  private var parameters: [Int]? {
    var values: [Int] = []
    var value = 0
    for byte in sequence {
      switch byte {
      case 0x30...0x39: value = min(value * 10 + Int(byte - 0x30), Self.largestParameter + 1)
      case UInt8(ascii: ";"), UInt8(ascii: ":"):
        values.append(value)
        value = 0
      default: return nil
      }
    }
    return sequence.isEmpty ? [] : values + [value]
  }

  /// DEC private modes that only change how the guest's own text is shown, all of which `restoration` undoes.
  private mutating func isModeAllowed(final: UInt8) -> Bool {
    guard sequence.first == UInt8(ascii: "?"), final == UInt8(ascii: "h") || final == UInt8(ascii: "l") else {
      // Selective erasure: ESC [ ? J and ESC [ ? K.
      return sequence.first == UInt8(ascii: "?") && sequence.count <= 2
        && (final == UInt8(ascii: "J") || final == UInt8(ascii: "K"))
        && sequence.dropFirst().allSatisfy { (0x30...0x32).contains($0) }
    }
    sequence.removeFirst()
    let numbers = parameters
    sequence.insert(UInt8(ascii: "?"), at: 0)
    let known = [1, 5, 6, 7, 12, 25, 47, 1047, 1048, 1049, 2004]
    guard let numbers, !numbers.isEmpty, numbers.allSatisfy({ known.contains($0) }) else { return false }
    for number in numbers {
      // Modes 7 and 25 are normally on: what needs undoing is their reset.
      let isSet = final == UInt8(ascii: "h")
      let departs = number == 7 || number == 25 ? (key: -number, value: !isSet) : (key: number, value: isSet)
      if departs.value { modes.insert(departs.key) } else { modes.remove(departs.key) }
    }
    return true
  }
}
