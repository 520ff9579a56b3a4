// SDM Vol. 2, "Opcode Map": from the bytes of an opcode to its entry.

extension Decoder {
  /// The entry of the maps for an opcode whose first byte is given. Reads the rest of it, and ModRM.
  mutating func lookUp(_ opcode: UInt8) -> OpcodeEntry {
    var entry: OpcodeEntry
    if opcode & 0xFE == 0xC4 { return lookUpVEX(opcode) }
    if opcode == 0x0F {
      let second = byte()
      switch second {
      case 0x38: entry = OpcodeTables.threeByte38[Int(byte())]
      case 0x3A: entry = OpcodeTables.threeByte3A[Int(byte())]
      default: entry = OpcodeTables.twoByte[Int(second)]
      }
    } else {
      entry = OpcodeTables.oneByte[Int(opcode)]
    }
    switch entry.shape {
    case .undefined, .none, .AI, .Z, .ZI, .ZA, .AO, .OA, .J, .I, .IwIb, .Ap, .S, .string, .portI, .portDX:
      return entry
    case .group:
      modRM = byte()
      return OpcodeTables.groups[Int(entry.register) + Int((modRM >> 3) & 7)]
    case .alternatives:
      let prefix: UInt8 =
        repeatPrefix == 0xF3 ? 4 : repeatPrefix == 0xF2 ? 8 : hasOperandSize ? 2 : 1
      let chosen = choose(entry, prefix, is64 ? 2 : 1)
      // `PREFETCHW` of a register does nothing on Intel's processors and is #UD on AMD's.
      let isPrefetch = chosen.shape == .nop && chosen.feature == CPUFeature.prefetchw.rawValue
      return isPrefetch && modRM >= 0xC0 && !cpu.pointee.isIntel ? .undefined(.operandForm) : chosen
    default:
      modRM = byte()
      return entry
    }
  }

  /// An opcode behind a VEX prefix (SDM Vol. 2, "The VEX Prefix"), or `LES` and `LDS`, which have the same first
  /// byte outside 64-bit mode.
  private mutating func lookUpVEX(_ opcode: UInt8) -> OpcodeEntry {
    let first = byte()
    if !is64 && (first < 0xC0 || mode & CodeMode.protected == 0) {
      modRM = first
      return OpcodeTables.oneByte[Int(opcode)]
    }
    let isForbidden = hasLock || hasOperandSize || repeatPrefix != 0 || rex != 0
    var map: UInt8 = 1
    var last = first
    rex = 0x40 | (~first >> 5) & 4
    if opcode == 0xC4 {
      map = first & 31
      rex |= (~first >> 5) & 3
      last = byte()
      rex |= last >> 4 & 8
    }
    // Outside 64-bit mode there are eight registers, and operands have no 64 bits.
    var isWide = rex & 8 != 0
    if !is64 { rex = 0 }
    vexRegister = (~last >> 3) & (is64 ? 15 : 7)
    isWideVector = last & 4 != 0
    vexOpcode = byte()
    if map == 3 && !cpu.pointee.isIntel {
      // AMD's processors: `VPERMQ` and `VPERMPD` whatever VEX.W is; no `VPEXTRQ` and `VPINSRQ` outside 64-bit mode,
      // where Intel's take them for `VPEXTRD` and `VPINSRD`.
      if vexOpcode <= 1 { isWide = true }
      if !is64 && isWide && (vexOpcode == 0x16 || vexOpcode == 0x22) {
        return .undefined(.only64BitMode)
      }
    }
    let table: OpcodeEntry
    switch map {
    case 1: table = OpcodeTables.vex0F[Int(vexOpcode)]
    case 2: table = OpcodeTables.vex38[Int(vexOpcode)]
    case 3: table = OpcodeTables.vex3A[Int(vexOpcode)]
    default: return .undefined(.opcodeUndefined)
    }
    guard table.shape == .alternatives else { return .undefined(.opcodeUndefined) }
    if isForbidden { return .undefined(.vexPrefix) }
    let entry = choose(
      table, 1 << (last & 3),
      (is64 ? 2 : 1) | (isWide ? 8 : 4) | (isWideVector ? 32 : 16))
    if entry.options & OpcodeOption.vvvv == 0 && entry.shape != .undefined && last & 0x78 != 0x78 {
      return .undefined(.vexRegister)
    }
    return entry
  }

  /// Picks the alternative that fits prefix, mode and ModRM.
  private mutating func choose(_ entry: OpcodeEntry, _ prefix: UInt8, _ mode: UInt8) -> OpcodeEntry {
    // `EMMS` alone has a mandatory prefix (none) and no ModRM.
    let first = OpcodeTables.alternatives[Int(entry.register)]
    let hasModRM = first.entry.shape != .none || first.reg != 0xFF || first.rm != 0xFF || first.mod != 3
    modRM = hasModRM ? byte() : 0xC0
    let found = match(entry, prefix, mode)
    // Without their features F3 BC and F3 BD are `BSF` and `BSR` with a prefix that means nothing.
    if (found.register == Form.TZCNT_rr || found.register == Form.LZCNT_rr) && !isPresent(found) {
      return match(entry, 1, mode)
    }
    return found
  }

  private func match(_ entry: OpcodeEntry, _ prefix: UInt8, _ mode: UInt8) -> OpcodeEntry {
    let mod: UInt8 = modRM >= 0xC0 ? 2 : 1
    for index in Int(entry.register)..<(Int(entry.register) + Int(entry.memory)) {
      let alternative = OpcodeTables.alternatives[index]
      if alternative.prefixes & prefix != 0, alternative.mod & mod != 0,
        alternative.mode & mode == mode,
        alternative.reg == 0xFF || alternative.reg == (modRM >> 3) & 7,
        alternative.rm == 0xFF || alternative.rm == modRM & 7
      {
        return alternative.entry
      }
    }
    return .undefined(.opcodeUndefined)
  }

  /// Whether the model has the instruction, at this vector length.
  func isPresent(_ entry: OpcodeEntry) -> Bool {
    cpu.pointee.features.contains(number: isWideVector ? entry.wideFeature : entry.feature)
  }

  /// Whether the entry is an instruction in this mode, with this ModRM.
  func isValid(_ entry: OpcodeEntry) -> Bool {
    guard isPresent(entry) else { return false }
    if entry.options & (is64 ? OpcodeOption.invalid64 : OpcodeOption.only64) != 0 { return false }
    let isRegister = modRM >= 0xC0
    if entry.options & OpcodeOption.memoryOnly != 0 && isRegister { return false }
    if entry.options & OpcodeOption.registerOnly != 0 && !isRegister && entry.shape != .RC { return false }
    return true
  }

  /// Which check finds that an opcode, prefixes and ModRM make no instruction of the processor in its mode.
  @inline(never)
  func undefinedRule(_ entry: OpcodeEntry) -> Rule {
    if entry.shape == .undefined {
      let rule = Rule(rawValue: UInt8(truncatingIfNeeded: entry.memory)) ?? .unnamed
      return rule == .unnamed ? .opcodeUndefined : rule
    }
    if !isPresent(entry) { return .instructionAbsent }
    if is64 && entry.options & OpcodeOption.invalid64 != 0 { return .notIn64BitMode }
    if !is64 && entry.options & OpcodeOption.only64 != 0 { return .only64BitMode }
    return .operandForm
  }
}
