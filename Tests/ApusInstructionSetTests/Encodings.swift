import ApusInstructionSet

/// Bytes made from a row of the opcode maps, by the rules of SDM Vol. 2 ch. "Instruction Format".
struct Encoding {
  var bytes: [UInt8]
  var mode: Disassembler.Mode
}

extension OpcodeRow {
  /// The modes in which the row is an instruction.
  var modes: [Disassembler.Mode] {
    options.contains("o64")
      ? [.code64] : options.contains("i64") ? [.code32, .code16] : [.code64, .code32, .code16]
  }

  /// What can follow the opcode: ModRM bytes in the memory or the register form, or nothing.
  func modRMs(memory: Bool) -> [[UInt8]] {
    guard hasModRM else { return memory ? [] : [[]] }
    if mode == .memory && !memory || mode == .register && memory { return [] }
    let regs = reg.map { [$0] } ?? Array(0...7)
    let rms = rm.map { [$0] } ?? (memory ? [0, 3] : Array(0...7))
    return regs.flatMap { reg in
      rms.map { rm in
        if operands.contains("Mvd") || operands.contains("Mvq") { return [reg << 3 | 4, 0x48] }
        return [(memory ? 0 : 0xC0) | reg << 3 | rm]
      }
    }
  }

  /// Encodings in a mode: some with every register, prefixes as the row asks for them.
  func encodings(_ mode: Disassembler.Mode, memory: Bool) -> [Encoding] {
    let tail: [UInt8] = [0x08, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]
    return modRMs(memory: memory).flatMap { modRM in
      opcodes.flatMap { opcode in
        heads(opcode).map { Encoding(bytes: Array(($0 + modRM + tail).prefix(15)), mode: mode) }
      }
    }
  }

  private func heads(_ opcode: UInt8) -> [[UInt8]] {
    let mandatory: [OpcodeRow.MandatoryPrefix: UInt8] = [.x66: 0x66, .xF3: 0xF3, .xF2: 0xF2]
    let prefix = mandatory[self.prefix].map { [$0] } ?? []
    switch map {
    case .oneByte: return [prefix + [opcode]]
    case .twoByte: return [prefix + [0x0F, opcode]]
    case .threeByte38: return [prefix + [0x0F, 0x38, opcode]]
    case .threeByte3A: return [prefix + [0x0F, 0x3A, opcode]]
    case .vex0F, .vex38, .vex3A: return vexHeads(opcode)
    }
  }

  private func vexHeads(_ opcode: UInt8) -> [[UInt8]] {
    let pp: [OpcodeRow.MandatoryPrefix: UInt8] = [.any: 0, .none: 0, .x66: 1, .xF3: 2, .xF2: 3]
    let field: UInt8 = map == .vex0F ? 1 : map == .vex38 ? 2 : 3
    let usesVvvv = operands.contains { $0.hasPrefix("H") || $0.hasPrefix("B") }
    let ws: [UInt8] = options.contains("W0") ? [0] : options.contains("W1") ? [1] : [0, 1]
    let ls: [UInt8] = options.contains("L0") ? [0] : options.contains("L1") ? [1] : [0, 1]
    return ws.flatMap { w in
      ls.map { l in
        [0xC4, 0xE0 | field, w << 7 | (usesVvvv ? 0x68 : 0x78) | l << 2 | (pp[prefix] ?? 0), opcode]
      }
    }
  }
}
