import ApusCPU
import ApusMachine

/// The registers of the x87 FPU, MMX, SSE and AVX, with what has changed.
package struct VectorsView {
  private let registers: ExtendedRegisters
  private let before: ExtendedRegisters
  private let count: Int

  /// `before` are the registers of the time when the machine stood still last.
  package init(_ machine: Machine, before: ExtendedRegisters) {
    registers = machine.extendedRegisters
    self.before = before
    count = machine.mode == .long64 ? 16 : 8
  }

  private static let exceptions = ["I", "D", "Z", "O", "U", "P"]
  private static let rounding = ["to nearest", "down", "up", "to zero"]

  /// The letters of the exceptions whose bits are set, with something before and after them.
  private static func names(_ bits: UInt64, _ end: String) -> String {
    let set = exceptions.indices.filter { bits >> UInt64($0) & 1 != 0 }.map { exceptions[$0] + end }
    return set.isEmpty ? "none" : set.joined(separator: " ")
  }

  private static func word(_ name: String, _ value: UInt64, _ old: UInt64, digits: Int, _ words: String)
    -> StyledLine
  {
    var line = StyledLine(name, .faint)
    line.pad(to: 6)
    line.add(Digits.hex(value, digits), value == old ? .plain : .changed)
    line.pad(to: 16)
    line.add(words, .faint)
    return line
  }

  private var control: [StyledLine] {
    let precision = ["single", "reserved", "double", "extended"]
    let fcw = UInt64(registers.control)
    let fsw = UInt64(registers.status)
    var states = ["TOP \(fsw >> 11 & 7)", "flags \(Self.names(fsw, "E"))"]
    let conditions = [(8, "C0"), (9, "C1"), (10, "C2"), (14, "C3"), (6, "SF"), (7, "ES"), (15, "B")]
    states += conditions.filter { fsw >> UInt64($0.0) & 1 != 0 }.map { $0.1 }
    return [
      Self.word(
        "FCW", fcw, UInt64(before.control), digits: 4,
        "rounds \(Self.rounding[Int(fcw >> 10 & 3)]), \(precision[Int(fcw >> 8 & 3)]) precision, masked \(Self.names(fcw, "M"))"
      ),
      Self.word("FSW", fsw, UInt64(before.status), digits: 4, states.joined(separator: ", ")),
      Self.word(
        "FTW", UInt64(registers.tag), UInt64(before.tag), digits: 2,
        "last opcode \(Digits.hex(UInt64(registers.opcode) | 0xD800, 4)) at "
          + "\(Digits.hex(UInt64(registers.instructionSelector), 4)):\(Digits.hex(registers.instructionPointer, 16))"
      ),
    ]
  }

  private var stack: [StyledLine] {
    let top = Int(registers.status >> 11) & 7
    return (0..<8).map { index in
      let (significand, exponent) = (registers.significands[index], registers.exponents[index])
      let isSame = significand == before.significands[index] && exponent == before.exponents[index]
      let isValid = registers.tag >> UInt8((top + index) & 7) & 1 != 0
      var line = StyledLine("ST(\(index)) ", .faint)
      line.add(
        Digits.hex(UInt64(exponent), 4) + " " + Digits.hex(significand, 16), isSame ? .plain : .changed)
      line.add("  " + (isValid ? Self.decimal(significand, exponent) : "empty"), isValid ? .plain : .faint)
      return line
    }
  }

  /// A number of 80 bits, as a double at most.
  private static func decimal(_ significand: UInt64, _ exponent: UInt16) -> String {
    let power = Int(exponent & 0x7FFF)
    let sign: FloatingPointSign = exponent >> 15 != 0 ? .minus : .plus
    if power == 0x7FFF {
      if significand << 1 != 0 { return "NaN" }
      return sign == .minus ? "-infinity" : "infinity"
    }
    if significand == 0 { return sign == .minus ? "-0.0" : "0.0" }
    let scale = min(max(power - 16383 - 63, -1200), 1200)
    return "\(Double(sign: sign, exponent: scale, significand: Double(significand)))"
  }

  private func vectors(width: Int) -> [StyledLine] {
    let status = UInt64(registers.mxcsr)
    var lines = [
      Self.word(
        "MXCSR", status, UInt64(before.mxcsr), digits: 8,
        "rounds \(Self.rounding[Int(status >> 13 & 3)]), flags \(Self.names(status, "E")), masked "
          + Self.names(status >> 7, "M") + (status >> 15 & 1 != 0 ? ", FZ" : "")
          + (status >> 6 & 1 != 0 ? ", DAZ" : ""))
    ]
    // A YMM register has 64 digits.
    let isWide = width >= 74
    lines.append(StyledLine(isWide ? "      bits 255:128, then those of XMM" : "      bits 127:0", .heading))
    for index in 0..<count {
      var line = StyledLine((isWide ? "YMM" : "XMM") + "\(index)", .faint)
      line.pad(to: 6)
      for word in stride(from: isWide ? 24 : 8, through: 0, by: -8) {
        let (value, old) = (Self.word(registers.vectors[index], word), Self.word(before.vectors[index], word))
        line.add(Digits.hex(value, 16), value == old ? (value == 0 ? .faint : .plain) : .changed)
        if word > 0 { line.add(" ") }
      }
      lines.append(line)
    }
    return lines
  }

  private static func word(_ vector: SIMD32<UInt8>, _ first: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(vector[first + $1]) << UInt64(8 * $1) }
  }

  /// The lines of a pane, from the one with number `first` on.
  package func lines(width: Int, height: Int, from first: Int = 0) -> [StyledLine] {
    (control + stack + vectors(width: width)).window(from: first, height: height)
  }
}
