// The syntax of the GNU assembler: the source first, registers with %, immediates with $, and the operand size in
// a suffix of the mnemonic where no register shows it.

extension Instruction {
  /// The operands in AT&T's order.
  var attOperands: [String] {
    var list = operands
    // A shift by the opcode's 1 names no count.
    list.removeAll { $0 == .one }
    switch row?.mnemonic {
    case "ENTER"?, "BOUND"?: break
    default: list.reverse()
    }
    return list.flatMap(attText)
  }

  private var isIndirectBranch: Bool { row?.mnemonic == "CALL" || row?.mnemonic == "JMP" }

  private func attText(_ operand: Operand) -> [String] {
    let star = isIndirectBranch ? "*" : ""
    switch operand {
    case .register(let register): return [star + attName(register)]
    case .memory(let memory): return [star + attText(memory)]
    case .immediate(let value): return ["$" + hexadecimal(value)]
    case .one: return []
    case .port: return ["(%dx)"]
    case .target(let target): return [hexadecimal(target)]
    case .far(let selector, let offset):
      return ["$" + hexadecimal(UInt64(selector)), "$" + hexadecimal(UInt64(offset))]
    }
  }

  private func attName(_ register: Register) -> String {
    register.file == .debug ? "%db\(register.number)" : "%" + register.name
  }

  private func attText(_ memory: MemoryOperand) -> String {
    var text = memory.segment.map { attName($0) + ":" } ?? ""
    guard memory.base != nil || memory.index != nil else { return text + hexadecimal(memory.absolute) }
    if memory.hasDisplacement {
      text += (memory.displacement < 0 ? "-" : "") + hexadecimal(memory.displacement.magnitude)
    }
    text += "(" + (memory.base.map(attName) ?? "")
    if let index = memory.index {
      text += "," + attName(index)
      if memory.addressBytes != 2 { text += ",\(memory.scale)" }
    }
    return text + ")"
  }

  // MARK: Mnemonics

  /// The mnemonic in AT&T's syntax.
  var attMnemonic: String {
    guard let row else { return mnemonic }
    switch mnemonic {
    case "cbw": return "cbtw"
    case "cwde": return "cwtl"
    case "cdqe": return "cltq"
    case "cwd": return "cwtd"
    case "cdq": return "cltd"
    case "cqo": return "cqto"
    case "movsxd": return operandBytes == 8 ? "movslq" : "movsxd"
    default: break
    }
    if hasUnusualSize || row.mnemonic == "RETF" { return attImpliedSize(row) }
    if 0xD8...0xDF ~= opcode && row.map == .oneByte { return attX87(row) }
    switch row.mnemonic {
    case "MOVZX", "MOVSX": return attExtension(row)
    case "CALL", "JMP": return attBranch(row)
    case "VCVTPD2PS", "VCVTPD2DQ", "VCVTTPD2DQ":
      // The destination has 128 bits whatever the source has.
      return memoryBytes == 0 ? mnemonic : mnemonic + (memoryBytes == 32 ? "y" : "x")
    case "MOVS", "CMPS", "INS", "OUTS":
      if row.options.contains("string") { return mnemonic + Instruction.suffix(memoryBytes) }
    default: break
    }
    return takesSuffix(row) ? mnemonic + Instruction.suffix(memoryBytes) : mnemonic
  }

  private static func suffix(_ bytes: Int) -> String {
    bytes == 1 ? "b" : bytes == 2 ? "w" : bytes == 4 ? "l" : "q"
  }

  /// Bytes of the memory operand, 0 if there is none.
  private var memoryBytes: Int {
    for case .memory(let memory) in operands { return memory.bytes }
    return 0
  }

  private func attImpliedSize(_ row: OpcodeRow) -> String {
    var name = mnemonic
    if case .far? = operands.first { return "l" + name + Instruction.suffix(operandBytes) }
    if hasUnusualSize {
      if name.utf8.last == UInt8(ascii: "d") { name = String(name.dropLast()) + "l" }
    }
    return row.mnemonic == "RETF" ? "lret" + name.dropFirst(4) : name
  }

  private func attExtension(_ row: OpcodeRow) -> String {
    let source = row.operands.last == "Eb" ? "b" : "w"
    return String(mnemonic.dropLast()) + source + Instruction.suffix(operandBytes)
  }

  /// Far branches begin with an l; indirect ones have the suffix if the size is not the usual one.
  private func attBranch(_ row: OpcodeRow) -> String {
    if case .far? = operands.first { return "l" + mnemonic }
    let usual = mode.addressBytes
    if row.operands.first == "Mp" {
      let bytes = memoryBytes - 2
      let name = "l" + mnemonic
      return bytes == mode.operandBytes ? name : name + Instruction.suffix(bytes)
    }
    if case .memory? = operands.first, memoryBytes != usual {
      return mnemonic + Instruction.suffix(memoryBytes)
    }
    return mnemonic
  }

  /// Whether the size of the memory operand shows in nothing else.
  private func takesSuffix(_ row: OpcodeRow) -> Bool {
    guard operands.contains(where: { if case .memory = $0 { return true } else { return false } }) else {
      return false
    }
    switch row.mnemonic {
    case "CVTSI2SS", "CVTSI2SD", "VCVTSI2SS", "VCVTSI2SD", "CRC32": return true
    case "SETcc", "MOVD", "PINSRD", "PEXTRD", "VMOVD", "VPINSRD", "VPEXTRD": return false
    case "PUSH", "POP": return memoryBytes != (mode == .code64 ? 8 : mode.operandBytes)
    default: break
    }
    guard row.operands.contains("Ev") || row.operands.contains("Eb") else { return false }
    return !operands.contains {
      if case .register(let register) = $0 {
        return register != Register(.byte, 1) || row.operands.last != "CL"
      }
      return false
    }
  }

  /// Real operands have the suffixes s, l, t; integers s, l, ll. The reversed forms with a destination that is not
  /// the top of the stack have each other's names, a mistake of the first assemblers that all kept.
  private func attX87(_ row: OpcodeRow) -> String {
    if row.mode == .register {
      guard opcode == 0xDC || opcode == 0xDE else { return mnemonic }
      switch mnemonic {
      case "fsub": return "fsubr"
      case "fsubr": return "fsub"
      case "fdiv": return "fdivr"
      case "fdivr": return "fdiv"
      case "fsubp": return "fsubrp"
      case "fsubrp": return "fsubp"
      case "fdivp": return "fdivrp"
      case "fdivrp": return "fdivp"
      default: return mnemonic
      }
    }
    switch row.mnemonic {
    case "FLDCW", "FNSTCW", "FNSTSW", "FBLD", "FBSTP": return mnemonic
    default: break
    }
    let isInteger = mnemonic.utf8.starts(with: "fi".utf8)
    switch memoryBytes {
    case 2: return mnemonic + "s"
    case 4: return mnemonic + (isInteger ? "l" : "s")
    case 8: return mnemonic + (isInteger ? "ll" : "l")
    case 10: return mnemonic + "t"
    default: return mnemonic
    }
  }
}
