// Operand codes to operands: SDM Vol. 2 Appendix A, "Key to Abbreviations", and ch. "Instruction Format".

extension InstructionDecoder {
  /// Bytes of an operand, 0 where it has no size of its own.
  mutating func bytes(_ kind: OperandCode.Kind, _ row: IndexedRow) -> Int {
    switch kind {
    case .none, .s, .vd, .vq: return 0
    case .b: return 1
    case .w: return 2
    case .d, .ss: return row.row.mnemonic == "MOVSXD" ? min(operandBytes(row), 4) : 4
    case .q, .sd, .pi: return 8
    case .t: return 10
    case .dq: return 16
    case .qq: return 32
    case .x, .ps, .pd, .ph: return vex?.is256 == true ? 32 : 16
    case .v: return operandBytes(row, mayBe64: row.row.mnemonic != "IN" && row.row.mnemonic != "OUT")
    case .z: return operandBytes(row, mayBe64: row.hasDefault64)
    case .y:
      guard is64 else { return 4 }
      if row.hasForced64 { return 8 }
      if rex & 8 != 0 { shownREX |= 8 }
      return rex & 8 != 0 ? 8 : 4
    case .a: return 2 * operandBytes(row)
    case .p: return 2 + operandBytes(row)
    }
  }

  // MARK: Registers

  /// ModRM.reg, ModRM.rm with their REX bits.
  private mutating func regNumber() -> UInt8 {
    shownREX |= 4
    return (modRM >> 3) & 7 | (rex & 4) << 1
  }
  private mutating func rmNumber() -> UInt8 {
    shownREX |= 1
    return modRM & 7 | (rex & 1) << 3
  }

  private mutating func general(_ number: UInt8, _ bytes: Int) -> Operand {
    // REX without bits is visible where it makes SPL of AH.
    if bytes == 1 && number & 0xC == 4 { shownREX |= 0x40 }
    return .register(Register(general: number, bytes: bytes, hasREX: rex != 0))
  }

  private func vector(_ number: UInt8, _ code: OperandCode) -> Operand {
    let is256: Bool
    switch code.kind {
    case .qq: is256 = true
    case .x, .ps, .pd, .ph: is256 = vex?.is256 == true && !code.isHalf && !code.isPart
    default: is256 = false
    }
    return .register(Register(is256 ? .ymm : .xmm, number))
  }

  /// The registers of a VEX prefix's bits are all looked at; REX ones only where there is an operand.
  mutating func operand(_ code: OperandCode, _ row: IndexedRow) -> Operand? {
    switch code.method {
    case .E, .M, .R, .Q, .N, .W, .U: return operandInRM(code, row)
    case .G: return general(regNumber(), bytes(code.kind, row))
    case .P: return .register(Register(.mmx, (modRM >> 3) & 7))
    case .V: return vector(regNumber(), code)
    case .H: return vector(vex?.register ?? 0, code)
    case .B: return general(vex?.register ?? 0, bytes(code.kind, row))
    case .L:
      let number = reader.byte() >> 4
      return vector(is64 ? number : number & 7, code)
    case .C: return .register(Register(.control, regNumber()))
    case .D: return .register(Register(.debug, regNumber()))
    case .S: return segmentRegister(row)
    case .Z:
      shownREX |= 1
      return general(opcode & 7 | (rex & 1) << 3, bytes(code.kind, row))
    case .I, .sI, .J, .A: return immediate(code, row)
    case .O: return offset(code, row)
    case .X: return stringOperand(code, row, isSource: true)
    case .Y: return stringOperand(code, row, isSource: false)
    case .accumulator: return general(0, bytes(code.kind, row))
    case .CL: return .register(Register(.byte, 1))
    case .DX: return .port
    case .one: return .one
    case .XMM0: return .register(Register(.xmm, 0))
    case .segment(let number): return .register(Register(.segment, number))
    case .ST0: return .register(Register(.x87Top, 0))
    case .STi: return .register(Register(.x87, modRM & 7))
    }
  }

  private mutating func operandInRM(_ code: OperandCode, _ row: IndexedRow) -> Operand? {
    if var memory {
      memory.bytes = bytes(code.memoryKind, row)
      if code.isHalf { memory.bytes = vex?.is256 == true ? 16 : 8 }
      if code.isPart && vex?.is256 == true { memory.bytes *= 2 }
      switch code.method {
      case .Q, .W: memory.isVector = true
      case .M:
        switch code.memoryKind {
        case .x, .ps, .pd, .dq, .qq: memory.isVector = true
        default: break
        }
      default: break
      }
      // A gather reads elements of the size that VEX.W says.
      if row.isVSIB { memory.bytes = vex?.isWide == true ? 8 : 4 }
      return .memory(memory)
    }
    switch code.method {
    case .Q, .N: return .register(Register(.mmx, modRM & 7))
    case .W, .U: return vector(rmNumber(), code)
    case .R where row.ignoresMode:
      // Moves to and from control and debug registers have the size of the mode.
      return general(rmNumber(), is64 ? 8 : 4)
    default: return general(rmNumber(), bytes(code.kind, row))
    }
  }

  /// Numbers 6 and 7 are #UD, and so is loading CS (SDM Vol. 2, "MOV").
  private func segmentRegister(_ row: IndexedRow) -> Operand? {
    let number = (modRM >> 3) & 7
    if number > 5 { return nil }
    if number == 1, case .S? = row.operands.first?.method { return nil }
    return .register(Register(.segment, number))
  }

  // MARK: Immediates

  private mutating func immediate(_ code: OperandCode, _ row: IndexedRow) -> Operand {
    switch code.method {
    case .sI:
      let value = UInt64(bitPattern: reader.signed(1))
      return .immediate(value & MemoryOperand.mask(signExtendedBytes(row)))
    case .J:
      if code.kind == .b { return .target(UInt64(bitPattern: reader.signed(1))) }
      // The displacement has the operand size, up to 32 bits.
      if branchBytes(row) != 8 { showsOperandSize = true }
      let bytes = branchBytes(row) == 2 ? 2 : 4
      return .target(UInt64(bitPattern: reader.signed(bytes)))
    case .A:
      let offset = reader.integer(operandBytes(row, mayBe64: false))
      return .far(
        selector: UInt16(truncatingIfNeeded: reader.integer(2)), offset: UInt32(truncatingIfNeeded: offset))
    default:
      switch code.kind {
      case .z:
        let size = operandBytes(row)
        let value = UInt64(bitPattern: reader.signed(min(size, 4)))
        return .immediate(value & MemoryOperand.mask(size))
      default: return .immediate(reader.integer(bytes(code.kind, row)))
      }
    }
  }

  /// The size to which a signed byte is extended: that of the other operands, or of the stack's.
  private mutating func signExtendedBytes(_ row: IndexedRow) -> Int { operandBytes(row) }

  /// SDM Vol. 2 Appendix A, addressing method O. The address size shows in nothing but the instruction's length.
  private mutating func offset(_ code: OperandCode, _ row: IndexedRow) -> Operand {
    var memory = MemoryOperand()
    memory.addressBytes = addressBytes
    memory.displacement = Int64(bitPattern: reader.integer(addressBytes))
    memory.hasDisplacement = true
    memory.segment = effectiveSegment()
    memory.bytes = bytes(code.kind, row)
    self.memory = memory
    return .memory(memory)
  }

  private mutating func stringOperand(_ code: OperandCode, _ row: IndexedRow, isSource: Bool) -> Operand {
    var memory = MemoryOperand()
    memory.addressBytes = addressBytes
    showsAddressSize = true
    memory.base = Register(general: isSource ? 6 : 7, bytes: addressBytes)
    memory.segment = isSource ? effectiveSegment() ?? Register(.segment, 3) : Register(.segment, 0)
    memory.bytes = bytes(code.kind, row)
    return .memory(memory)
  }

  // MARK: Memory

  /// The register of a segment override that counts, which the operand then shows.
  mutating func effectiveSegment() -> Register? {
    switch segmentPrefix {
    case 0x26, 0x2E, 0x36, 0x3E:
      showsSegment = true
      return Register(.segment, (segmentPrefix >> 3) & 3)
    case 0x64, 0x65:
      showsSegment = true
      return Register(.segment, segmentPrefix & 7)
    default: return nil
    }
  }

  /// Reads SIB and displacement, if the row has an operand in memory there. False if the form is #UD.
  mutating func readMemory(_ row: IndexedRow) -> Bool {
    guard row.hasModRM, !isRegisterForm, !row.ignoresMode else { return !row.isVSIB }
    var memory = MemoryOperand()
    memory.addressBytes = addressBytes
    showsAddressSize = true
    if addressBytes == 2 {
      if row.isVSIB { return false }
      readAddress16(&memory)
    } else {
      if row.isVSIB && modRM & 7 != 4 { return false }
      readAddress32(&memory, row)
    }
    memory.segment = effectiveSegment()
    self.memory = memory
    return true
  }

  /// "16-Bit Addressing Forms with the ModR/M Byte".
  private mutating func readAddress16(_ memory: inout MemoryOperand) {
    let mod = modRM >> 6
    let rm = modRM & 7
    let bases: [UInt8] = [3, 3, 5, 5, 6, 7, 5, 3]
    let isAbsolute = rm == 6 && mod == 0
    if !isAbsolute { memory.base = Register(.word, bases[Int(rm)]) }
    if rm < 4 { memory.index = Register(.word, rm & 1 == 0 ? 6 : 7) }
    if mod == 1 {
      memory.displacement = reader.signed(1)
    } else if mod == 2 || isAbsolute {
      memory.displacement = reader.signed(2)
    }
    memory.hasDisplacement = mod == 1 || mod == 2 || isAbsolute
  }

  /// "32-Bit Addressing Forms with the ModR/M Byte", "... with the SIB Byte", "RIP-Relative Addressing".
  private mutating func readAddress32(_ memory: inout MemoryOperand, _ row: IndexedRow) {
    let mod = modRM >> 6
    var hasDisplacement32 = mod == 2
    if modRM & 7 == 4 {
      readSIB(&memory, row, &hasDisplacement32)
    } else if modRM & 7 == 5 && mod == 0 {
      hasDisplacement32 = true
      if is64 {
        shownREX |= 1
        memory.base = Register(addressBytes == 8 ? .quadwordPointer : .doublewordPointer, 0)
      }
    } else {
      memory.base = Register(general: rmNumber(), bytes: addressBytes)
    }
    if mod == 1 {
      memory.displacement = reader.signed(1)
    } else if hasDisplacement32 {
      memory.displacement = reader.signed(4)
    }
    memory.hasDisplacement = mod == 1 || hasDisplacement32
  }

  private mutating func readSIB(
    _ memory: inout MemoryOperand, _ row: IndexedRow, _ hasDisplacement32: inout Bool
  ) {
    let sib = reader.byte()
    let index = (sib >> 3) & 7 | (rex & 2) << 2
    shownREX |= 2
    memory.scale = 1 << Int(sib >> 6)
    if sib & 7 == 5 && modRM < 0x40 {
      hasDisplacement32 = true
    } else {
      shownREX |= 1
      memory.base = Register(general: sib & 7 | (rex & 1) << 3, bytes: addressBytes)
    }
    if row.isVSIB {
      memory.index = Register(vectorIndexFile(row), index)
    } else if index != 4 {
      memory.index = Register(general: index, bytes: addressBytes)
    } else if sib >> 6 != 0 || (memory.base == nil ? !is64 : sib & 7 != 4) {
      // Without the pseudo-index an assembler would leave out SIB, or the scale. Only in 64-bit mode is there no
      // other way to encode an address that is not relative to RIP.
      memory.index = Register(addressBytes == 8 ? .quadwordZero : .doublewordZero, 0)
    }
  }

  /// SDM Vol. 2, "Vector SIB (VSIB) Memory Addressing": there are as many indexes as elements fit in 16 or 32 bytes,
  /// and the wider of the two fill them. Quadwords with doubleword indexes leave half an index register over.
  private func vectorIndexFile(_ row: IndexedRow) -> Register.File {
    let isNarrow = row.operands.contains { $0.memoryKind == .vd } && vex?.isWide == true
    return vex?.is256 == true && !isNarrow ? .ymm : .xmm
  }
}
