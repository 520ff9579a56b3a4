// Six columns between bars: see OneByte.opcodes. The text is compared as bytes, since it is ASCII.

extension OpcodeRow {
  typealias Bytes = Substring.UTF8View

  /// Reads one line of a map.
  /// - Parameter defaultMap: the map of opcodes that name none: `1`, `0F`, `38`, `3A`, `V0F`, `V38` or `V3A`.
  /// - Returns: nil if the line is no row.
  package init?(_ line: Substring, defaultMap: String) {
    let columns = line.utf8.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
      .map(OpcodeRow.trimmed)
    guard columns.count == 6, let encoding = Encoding(columns[0], defaultMap: defaultMap),
      let written = StatusFlags(letters: columns[3]), let undefined = StatusFlags(letters: columns[4])
    else { return nil }
    map = encoding.map
    opcodes = encoding.opcodes
    prefix = encoding.prefix
    reg = encoding.reg
    mnemonic = OpcodeRow.text(columns[1])
    operands =
      OpcodeRow.text(columns[2]) == "-"
      ? [] : columns[2].split(separator: UInt8(ascii: ",")).map(OpcodeRow.text)
    flagsWritten = written
    flagsUndefined = undefined
    var options: Set<String> = []
    var mode = Mode.any
    var rm: UInt8?
    for word in OpcodeRow.words(columns[5]) {
      switch word {
      case "-": break
      case "mem": mode = .memory
      case "reg": mode = .register
      default:
        if word.utf8.starts(with: "rm=".utf8) {
          guard let value = UInt8(word.dropFirst(3)), value < 8 else { return nil }
          rm = value
        } else {
          options.insert(word)
        }
      }
    }
    self.options = options
    self.mode = mode
    self.rm = rm
  }

  static func text(_ bytes: Bytes) -> String { String(Substring(bytes)) }

  static func trimmed(_ bytes: Bytes) -> Bytes {
    var bytes = bytes.drop { $0 == UInt8(ascii: " ") }
    while bytes.last == UInt8(ascii: " ") { bytes = bytes.dropLast() }
    return bytes
  }

  static func words(_ bytes: Bytes) -> [String] { bytes.split(separator: UInt8(ascii: " ")).map(text) }
}

/// The opcode column: `[NP|66|F3|F2] [map.]opcode[-opcode][/reg]`, in hexadecimal.
private struct Encoding {
  var map: OpcodeRow.Map
  var opcodes: ClosedRange<UInt8>
  var prefix = OpcodeRow.MandatoryPrefix.any
  var reg: UInt8?

  init?(_ column: OpcodeRow.Bytes, defaultMap: String) {
    var words = OpcodeRow.words(column)
    if words.count == 2 {
      switch words.removeFirst() {
      case "NP": prefix = .none
      case "66": prefix = .x66
      case "F3": prefix = .xF3
      case "F2": prefix = .xF2
      default: return nil
      }
    }
    guard words.count == 1 else { return nil }
    var opcode = Substring(words[0]).utf8
    var mapName = defaultMap
    if let dot = opcode.firstIndex(of: UInt8(ascii: ".")) {
      mapName = OpcodeRow.text(opcode[..<dot])
      opcode = opcode[opcode.index(after: dot)...]
    }
    if let slash = opcode.firstIndex(of: UInt8(ascii: "/")) {
      guard let value = UInt8(OpcodeRow.text(opcode[opcode.index(after: slash)...])), value < 8 else {
        return nil
      }
      reg = value
      opcode = opcode[..<slash]
    }
    switch mapName {
    case "1": map = .oneByte
    case "0F": map = .twoByte
    case "38": map = .threeByte38
    case "3A": map = .threeByte3A
    case "V0F": map = .vex0F
    case "V38": map = .vex38
    case "V3A": map = .vex3A
    default: return nil
    }
    let ends = opcode.split(separator: UInt8(ascii: "-")).map { UInt8(OpcodeRow.text($0), radix: 16) }
    guard let first = ends.first, let last = ends.last, let first, let last, first <= last else { return nil }
    opcodes = first...last
  }
}

extension StatusFlags {
  /// Reads letters of `OSZAPC`, or `-` for none.
  fileprivate init?(letters: OpcodeRow.Bytes) {
    self = []
    for letter in letters {
      switch letter {
      case UInt8(ascii: "O"): insert(.OF)
      case UInt8(ascii: "S"): insert(.SF)
      case UInt8(ascii: "Z"): insert(.ZF)
      case UInt8(ascii: "A"): insert(.AF)
      case UInt8(ascii: "P"): insert(.PF)
      case UInt8(ascii: "C"): insert(.CF)
      case UInt8(ascii: "-") where letters.count == 1: break
      default: return nil
      }
    }
  }
}
