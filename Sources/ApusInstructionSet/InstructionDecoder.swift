/// Prefixes, opcode, ModRM: SDM Vol. 2 ch. "Instruction Format".
struct InstructionDecoder {
  let address: UInt64
  let mode: Disassembler.Mode
  let vendor: Disassembler.Vendor
  var reader: InstructionReader

  /// Every prefix byte in its order; REX bytes among them, VEX not.
  var prefixes: [UInt8] = []
  var hasOperandSize = false
  var hasAddressSize = false
  var hasLock = false
  /// F2h or F3h, the last of them, or 0.
  var repeatPrefix: UInt8 = 0
  /// The last segment override byte, or 0.
  var segmentPrefix: UInt8 = 0
  /// REX with its leading 4, or 0. With a VEX prefix the bits that it holds inverted.
  var rex: UInt8 = 0
  var vex: VEXFields?

  var map = OpcodeRow.Map.oneByte
  var opcode: UInt8 = 0
  var modRM: UInt8 = 0
  var memory: MemoryOperand?

  // Which prefixes the text shows by other means.
  var showsOperandSize = false
  var showsAddressSize = false
  var showsSegment = false
  var shownREX: UInt8 = 0

  struct VEXFields {
    /// VEX.vvvv, inverted back.
    var register: UInt8
    var isWide: Bool
    var is256: Bool
    var prefix: OpcodeRow.MandatoryPrefix
    var isUnusedRegister: Bool
  }

  var is64: Bool { mode == .code64 }
  var isRegisterForm: Bool { modRM >= 0xC0 }

  init(_ bytes: [UInt8], at address: UInt64, mode: Disassembler.Mode, vendor: Disassembler.Vendor) {
    self.vendor = vendor
    reader = InstructionReader(bytes)
    self.address = address
    self.mode = mode
  }

  mutating func decode() -> Instruction {
    readPrefixes()
    guard readOpcode() else { return none(.undefined) }
    let candidates = OpcodeIndex.all.rows(map, opcode)
    if candidates.contains(where: { $0.hasModRM }) { modRM = reader.byte() }
    guard let row = choose(candidates), readMemory(row) else { return none(.undefined) }
    var operands: [Operand] = []
    for code in row.operands {
      guard let operand = operand(code, row) else { return none(.undefined) }
      operands.append(operand)
    }
    if reader.isPastEnd { return none(.undefined) }
    if row.isVSIB && !areDistinct(operands) { return none(.undefined) }
    if hasLock, !row.isLockable || memory == nil { return none(.undefined) }
    return Instruction(self, row, operands: resolvingTargets(operands, row))
  }

  private func none(_ outcome: Instruction.Outcome) -> Instruction {
    let isTruncated = reader.isPastEnd && reader.bytes.count < 15
    return Instruction(isTruncated ? .truncated : outcome, at: address, mode: mode)
  }

  /// A REX prefix counts only directly before the opcode (SDM Vol. 2, "REX Prefixes").
  private mutating func readPrefixes() {
    while let byte = reader.peek() {
      switch byte {
      case 0x66: hasOperandSize = true
      case 0x67: hasAddressSize = true
      case 0xF2, 0xF3: repeatPrefix = byte
      case 0xF0: hasLock = true
      case 0x26, 0x2E, 0x36, 0x3E: if !is64 { segmentPrefix = byte }
      case 0x64, 0x65: segmentPrefix = byte
      case 0x40...0x4F where is64: break
      default: return
      }
      rex = is64 && byte & 0xF0 == 0x40 ? byte : 0
      prefixes.append(reader.byte())
    }
  }

  /// The opcode byte and what chooses its map. False if a VEX prefix is not allowed or names no map.
  private mutating func readOpcode() -> Bool {
    opcode = reader.byte()
    if opcode & 0xFE == 0xC4, let next = reader.peek(), is64 || next >= 0xC0 { return readVEX() }
    guard opcode == 0x0F else { return true }
    opcode = reader.byte()
    switch opcode {
    case 0x38: map = .threeByte38
    case 0x3A: map = .threeByte3A
    default:
      map = .twoByte
      return true
    }
    opcode = reader.byte()
    return true
  }

  /// SDM Vol. 2, "The VEX Prefix". 66h, F2h, F3h, LOCK and REX before it are #UD.
  private mutating func readVEX() -> Bool {
    let isForbidden = hasOperandSize || repeatPrefix != 0 || hasLock || rex != 0
    let first = reader.byte()
    var field: UInt8 = 1
    var last = first
    rex = (~first >> 5) & 4
    if opcode == 0xC4 {
      field = first & 31
      rex |= (~first >> 5) & 3
      last = reader.byte()
    }
    let isWide = opcode == 0xC4 && last & 0x80 != 0
    // Outside 64-bit mode there are eight registers.
    rex = is64 ? rex | 0x40 : 0
    if is64 && isWide { rex |= 8 }
    let register = (~last >> 3) & 15
    let pp: [OpcodeRow.MandatoryPrefix] = [.none, .x66, .xF3, .xF2]
    vex = VEXFields(
      register: is64 ? register : register & 7, isWide: isWide, is256: last & 4 != 0,
      prefix: pp[Int(last & 3)], isUnusedRegister: register == 0)
    opcode = reader.byte()
    switch field {
    case 1: map = .vex0F
    case 2: map = .vex38
    case 3: map = .vex3A
    default: return false
    }
    return !isForbidden
  }

  /// The first row that fits, as in the decoder of the processor.
  private func choose(_ candidates: [IndexedRow]) -> IndexedRow? {
    let prefix: OpcodeRow.MandatoryPrefix =
      vex?.prefix
      ?? (repeatPrefix == 0xF3 ? .xF3 : repeatPrefix == 0xF2 ? .xF2 : hasOperandSize ? .x66 : .none)
    return candidates.first { candidate in
      let row = candidate.row
      if row.prefix != .any && row.prefix != prefix { return false }
      if is64 ? candidate.is64BitInvalid : candidate.is64BitOnly { return false }
      if let reg = row.reg, reg != (modRM >> 3) & 7 { return false }
      if let rm = row.rm, rm != modRM & 7 { return false }
      if row.mode != .any, !candidate.ignoresMode, (row.mode == .register) != isRegisterForm { return false }
      if let vex {
        if candidate.vexW & (vex.isWide ? 2 : 1) == 0 { return false }
        if candidate.vexL & (vex.is256 ? 2 : 1) == 0 { return false }
        if !candidate.usesVvvv && !vex.isUnusedRegister { return false }
      }
      return true
    }
  }

  /// Whether destination, index and mask of a gather are three registers; it is #UD otherwise (SDM Vol. 2, "VPGATHERDD").
  private func areDistinct(_ operands: [Operand]) -> Bool {
    let numbers = operands.compactMap { operand -> UInt8? in
      switch operand {
      case .register(let register): return register.number
      case .memory(let memory): return memory.index?.number
      default: return nil
      }
    }
    return Set(numbers).count == numbers.count
  }

  /// Branch targets count from the end of the instruction, which only now is known.
  private mutating func resolvingTargets(_ operands: [Operand], _ row: IndexedRow) -> [Operand] {
    operands.map { operand in
      guard case .target(let distance) = operand else { return operand }
      let target = address &+ UInt64(reader.position) &+ distance
      let mask = MemoryOperand.mask(branchBytes(row))
      // 16-bit code is often looked at by linear address: IP wraps within its 64 KiB.
      let base = mode == .code16 ? address & ~0xFFFF : 0
      return .target(base & ~mask | target & mask)
    }
  }

  // MARK: Sizes

  /// Bytes of the address size.
  var addressBytes: Int {
    switch mode {
    case .code64: return hasAddressSize ? 4 : 8
    case .code32: return hasAddressSize ? 2 : 4
    case .code16: return hasAddressSize ? 4 : 2
    }
  }

  /// Bytes of the operand size of a row: 2, 4 or 8. Notes which prefixes that shows.
  mutating func operandBytes(_ row: IndexedRow, mayBe64: Bool = true) -> Int {
    if is64 {
      if row.hasForced64 {
        guard isShortBranch(row) else { return 8 }
        showsOperandSize = true
        return 2
      }
      if rex & 8 != 0 {
        // 66h counts for nothing then, even where the operand has 32 bits at most.
        if !mayBe64 { return 4 }
        if !row.hasDefault64 { shownREX |= 8 }
        return 8
      }
      showsOperandSize = true
      if hasOperandSize { return 2 }
      return row.hasDefault64 ? 8 : 4
    }
    showsOperandSize = true
    return (mode == .code32) != hasOperandSize ? 4 : 2
  }

  /// Bytes of RIP that a near branch loads.
  func branchBytes(_ row: IndexedRow) -> Int {
    if is64 { return isShortBranch(row) ? 2 : 8 }
    return (mode == .code32) != hasOperandSize ? 4 : 2
  }

  /// With 66h, Intel's processors ignore it (SDM Vol. 1, "Near Branches in 64-Bit Mode"), AMD's cut RIP to 16 bits
  /// and have displacements of 16 bits (AMD APM Vol. 3, "Near Branches in 64-Bit Mode").
  private func isShortBranch(_ row: IndexedRow) -> Bool {
    vendor == .amd && hasOperandSize && row.isNearBranch
  }
}
