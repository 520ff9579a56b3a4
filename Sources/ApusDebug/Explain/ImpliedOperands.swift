import ApusCPU
import ApusInstructionSet

// Operands that no assembler writes: registers that an instruction always takes.

extension OperandNotes {
  /// What the instruction takes besides its operands.
  var implied: [Note] {
    let registers = before.state.registers
    let pair = registers[2] << 32 | registers[0] & 0xFFFF_FFFF
    let selected = UInt32(truncatingIfNeeded: registers[1])
    switch instruction.mnemonic {
    case "rdmsr": return [modelSpecific("reads", selected, [])]
    case "wrmsr": return [modelSpecific("writes \(Words.hex(pair)) to", selected, [("value", .hex(pair))])]
    case "xgetbv": return [extendedControl("reads", selected, [])]
    case "xsetbv": return [extendedControl("writes \(Words.hex(pair)) to", selected, [("value", .hex(pair))])]
    case "cpuid":
      let leaf = registers[0] & 0xFFFF_FFFF
      return [
        Note(
          "operand", "leaf \(Words.hex(leaf)), subleaf \(Words.hex(UInt64(selected)))",
          [("leaf", .hex(leaf)), ("subleaf", .hex(UInt64(selected)))])
      ]
    default: return takenRegisters.compactMap { general($0.number, $0.bytes) }
    }
  }

  private func modelSpecific(
    _ verb: String, _ index: UInt32, _ fields: [(name: String, value: Note.Value)]
  ) -> Note {
    let name = Words.modelSpecificRegister(index)
    return Note(
      "operand", "\(verb) MSR \(Words.hex(UInt64(index)))" + (name.map { " (\($0))" } ?? ""),
      [("msr", .hex(UInt64(index)))] + (name.map { [("register", .text($0))] } ?? []) + fields)
  }

  private func extendedControl(
    _ verb: String, _ index: UInt32, _ fields: [(name: String, value: Note.Value)]
  ) -> Note {
    Note("operand", "\(verb) XCR\(index)", [("register", .text("XCR\(index)"))] + fields)
  }

  private func general(_ number: UInt8, _ bytes: Int) -> Note? {
    let isNamed = instruction.operands.contains { operand in
      guard case .register(let other) = operand else { return false }
      return other.number == number && [.byte, .word, .doubleword, .quadword].contains(other.file)
    }
    return isNamed ? nil : note(about: Register(general: number, bytes: bytes))
  }

  /// General registers, by number, and how many of their bytes count.
  private var takenRegisters: [(number: UInt8, bytes: Int)] {
    if instruction.prefixes.contains(where: { $0.hasPrefix("rep") }) { return [(1, addressBytes)] }
    let size = firstBytes
    switch instruction.mnemonic {
    case "mul": return [(0, size)]
    case "imul" where instruction.operands.count == 1: return [(0, size)]
    case "div", "idiv":
      if size == 1 { return [(0, 2)] }
      return [(2, size), (0, size)]
    case "cmpxchg": return [(0, size)]
    case "cmpxchg8b": return [(2, 4), (0, 4), (1, 4), (3, 4)]
    case "cmpxchg16b": return [(2, 8), (0, 8), (1, 8), (3, 8)]
    case "cbw": return [(0, 1)]
    case "cwde", "cwd": return [(0, 2)]
    case "cdqe", "cdq": return [(0, 4)]
    case "cqo": return [(0, 8)]
    case "loop", "loope", "loopne", "jcxz", "jecxz", "jrcxz": return [(1, addressBytes)]
    case "sahf": return [(0, 2)]
    case "xlat": return [(0, 1)]
    case "mulx": return [(2, size)]
    default: return []
    }
  }

  /// Bytes of the first operand.
  private var firstBytes: Int {
    switch instruction.operands.first {
    case .memory(let memory): memory.bytes
    case .register(let register) where [.byte, .legacyByte].contains(register.file): 1
    default: instruction.operandBytes
    }
  }

  /// Bytes of the counter of a repetition: the address size.
  private var addressBytes: Int {
    for case .memory(let memory) in instruction.operands { return memory.addressBytes }
    switch instruction.mnemonic {
    case "jcxz": return 2
    case "jecxz": return 4
    default:
      switch instruction.mode {
      case .code16: return 2
      case .code32: return 4
      default: return 8
      }
    }
  }
}
