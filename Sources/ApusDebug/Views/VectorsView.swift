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

  private static let rounding = ["to nearest", "down", "up", "to zero"]

  /// The letters of the exceptions whose bits are set, with something before and after them.
  private static func names(_ bits: UInt64, _ end: String) -> String {
    let set = Words.floatingPointExceptions(bits, end)
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
    (0..<8).map { index in
      let number = registers.st(index)
      let isValid = registers.isValid(registers.top + index)
      var line = StyledLine("ST(\(index)) ", .faint)
      line.add(
        Digits.hex(UInt64(number.exponent), 4) + " " + Digits.hex(number.significand, 16),
        number == before.st(index) ? .plain : .changed)
      line.add("  " + (isValid ? number.decimal : "empty"), isValid ? .plain : .faint)
      return line
    }
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
        let (value, old) = (Self.word(registers, index, word), Self.word(before, index, word))
        line.add(Digits.hex(value, 16), value == old ? (value == 0 ? .faint : .plain) : .changed)
        if word > 0 { line.add(" ") }
      }
      lines.append(line)
    }
    return lines
  }

  /// Eight bytes of a register.
  private static func word(_ registers: ExtendedRegisters, _ index: Int, _ first: Int) -> UInt64 {
    UInt64(littleEndian: registers.vector(index, first..<first + 8))
  }

  /// The lines of a pane, from the one with number `first` on.
  package func lines(width: Int, height: Int, from first: Int = 0) -> [StyledLine] {
    (control + stack + vectors(width: width)).window(from: first, height: height)
  }
}
