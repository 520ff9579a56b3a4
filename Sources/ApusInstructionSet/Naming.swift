/// What an instruction is called where the row's mnemonic stands for several: by condition, operand size,
/// immediate.
struct Naming {
  var mnemonic: String
  var operands: [Operand]
  let operandBytes: Int
  /// Whether a prefix chose another operand size than the mode's, and no operand shows it: the mnemonic has a
  /// suffix.
  private(set) var hasUnusualSize = false
  private(set) var isPause = false

  init(_ decoder: inout InstructionDecoder, _ indexed: IndexedRow, _ operands: [Operand]) {
    var probe = decoder
    operandBytes = probe.operandBytes(indexed)
    self.operands = operands
    mnemonic = Naming.lowercased(indexed.row.mnemonic)
    nameCondition(decoder.opcode)
    nameBySize(&decoder, indexed)
    nameImpliedSize(&decoder, indexed)
    nameByImmediate()
    if indexed.row.mnemonic == "XCHG" && indexed.row.map == .oneByte && decoder.opcode == 0x90 {
      nameNOP(&decoder)
    }
    if indexed.row.mnemonic == "XLAT" { addTable(&decoder) }
  }

  private static func lowercased(_ text: String) -> String {
    String(decoding: text.utf8.map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 }, as: UTF8.self)
  }

  // MARK: By opcode

  private static let conditions = [
    "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g",
  ]

  private mutating func nameCondition(_ opcode: UInt8) {
    let condition = Naming.conditions[Int(opcode & 15)]
    switch mnemonic {
    case "jcc": mnemonic = "j" + condition
    case "setcc": mnemonic = "set" + condition
    case "cmovcc": mnemonic = "cmov" + condition
    default: break
    }
  }

  /// 90h is NOP unless REX.B makes it an exchange with R8, and with F3h PAUSE. 66h leaves it the exchange that it
  /// was named for, so that the bytes can be told apart.
  private mutating func nameNOP(_ decoder: inout InstructionDecoder) {
    guard decoder.rex & 1 == 0 else { return }
    isPause = decoder.repeatPrefix == 0xF3
    if !isPause && decoder.hasOperandSize && decoder.rex & 8 == 0 { return }
    mnemonic = isPause ? "pause" : "nop"
    operands = []
    decoder.showsOperandSize = false
    decoder.shownREX = 0
  }

  /// `XLAT` reads from the table at DS:rBX.
  private mutating func addTable(_ decoder: inout InstructionDecoder) {
    var memory = MemoryOperand()
    memory.addressBytes = decoder.addressBytes
    memory.base = Register(general: 3, bytes: decoder.addressBytes)
    memory.segment = decoder.effectiveSegment() ?? Register(.segment, 3)
    memory.bytes = 1
    decoder.showsAddressSize = true
    operands = [.memory(memory)]
  }

  // MARK: By size

  private mutating func nameBySize(_ decoder: inout InstructionDecoder, _ indexed: IndexedRow) {
    switch mnemonic {
    case "cbw", "cwd":
      let names = mnemonic == "cbw" ? ["cbw", "cwde", "cdqe"] : ["cwd", "cdq", "cqo"]
      mnemonic = names[decoder.operandBytes(indexed) / 4]
    case "jrcxz":
      decoder.showsAddressSize = true
      mnemonic = decoder.addressBytes == 2 ? "jcxz" : decoder.addressBytes == 4 ? "jecxz" : "jrcxz"
    case "mov":
      guard decoder.is64, operands.count == 2 else { return }
      switch (indexed.operands[0].method, indexed.operands[1].method) {
      case (.O, _), (_, .O): if decoder.addressBytes == 8 { mnemonic = "movabs" }
      case (.Z, .I): if operandBytes == 8 && indexed.operands[0].kind == .v { mnemonic = "movabs" }
      default: break
      }
    default: nameWide(&decoder)
    }
  }

  /// What REX.W or VEX.W gives another name.
  private mutating func nameWide(_ decoder: inout InstructionDecoder) {
    guard decoder.rex & 8 != 0 else { return }
    switch mnemonic {
    case "cmpxchg8b":
      mnemonic = "cmpxchg16b"
      operands = operands.map {
        guard case .memory(var memory) = $0 else { return $0 }
        memory.bytes = 16
        return .memory(memory)
      }
    case "movd", "vmovd", "pinsrd", "vpinsrd", "pextrd", "vpextrd":
      mnemonic.removeLast()
      mnemonic += "q"
    case "fxsave", "fxrstor", "xsave", "xrstor", "xsaveopt", "xsavec", "xsaves", "xrstors": mnemonic += "64"
    default: return
    }
    decoder.shownREX |= 8
  }

  /// Instructions that have an operand size which no operand shows get a suffix where it is not the usual one.
  private mutating func nameImpliedSize(_ decoder: inout InstructionDecoder, _ indexed: IndexedRow) {
    guard Naming.isSizeImplied(indexed, decoder) else { return }
    if mnemonic == "sysret" || mnemonic == "sysexit" {
      guard decoder.is64 else { return }
      hasUnusualSize = true
      decoder.shownREX |= 8
      mnemonic += decoder.rex & 8 != 0 ? "q" : "d"
      return
    }
    let bytes = decoder.operandBytes(indexed)
    let isStack = indexed.hasDefault64 || indexed.hasForced64
    hasUnusualSize = bytes != (decoder.is64 && isStack ? 8 : decoder.mode.operandBytes)
    guard hasUnusualSize else { return }
    // A far pointer shows its size in Intel's syntax.
    if case .far? = operands.first { return }
    mnemonic += bytes == 2 ? "w" : bytes == 4 ? "d" : "q"
  }

  private static func isSizeImplied(_ indexed: IndexedRow, _ decoder: InstructionDecoder) -> Bool {
    switch indexed.row.mnemonic {
    case "PUSHF", "POPF", "PUSHA", "POPA", "LEAVE", "ENTER", "RET", "RETF", "IRET": return true
    case "FLDENV", "FNSTENV", "FNSAVE", "FRSTOR": return decoder.rex & 8 == 0
    case "SYSRET", "SYSEXIT": return true
    case "PUSH", "POP":
      switch indexed.operands.first?.method {
      case .I?, .sI?, .segment?: return true
      default: return false
      }
    case "CALL", "JMP":
      switch indexed.operands.first?.method {
      case .A?: return true
      case .J?: return indexed.operands.first?.kind == .z
      default: return false
      }
    default: return false
    }
  }

  // MARK: By immediate

  private static let comparisons = [
    "eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord", "eq_uq", "nge", "ngt", "false", "neq_oq", "ge",
    "gt",
    "true", "eq_os", "lt_oq", "le_oq", "unord_s", "neq_us", "nlt_uq", "nle_uq", "ord_s", "eq_us", "nge_uq",
    "ngt_uq", "false_os", "neq_os", "ge_oq", "gt_oq", "true_us",
  ]

  /// The manuals' pseudo-ops: "CMPPS", "VCMPPS", "PCLMULQDQ".
  private mutating func nameByImmediate() {
    guard case .immediate(let value)? = operands.last else { return }
    switch mnemonic {
    case "cmpps", "cmppd", "cmpss", "cmpsd": nameComparison("cmp", value, below: 8)
    case "vcmpps", "vcmppd", "vcmpss", "vcmpsd": nameComparison("vcmp", value, below: 32)
    case "pclmulqdq", "vpclmulqdq":
      guard value & ~0x11 == 0 else { return }
      let halves = (value & 1 == 0 ? "l" : "h") + "q" + (value & 0x10 == 0 ? "l" : "h")
      mnemonic = (mnemonic.utf8.first == UInt8(ascii: "v") ? "vpclmul" : "pclmul") + halves + "qdq"
      operands.removeLast()
    default: break
    }
  }

  private mutating func nameComparison(_ stem: String, _ value: UInt64, below count: UInt64) {
    guard value < count else { return }
    mnemonic = stem + Naming.comparisons[Int(value)] + mnemonic.suffix(2)
    operands.removeLast()
  }
}

extension InstructionDecoder {
  /// The prefixes that neither mnemonic nor operands show, in their order.
  func visiblePrefixes(_ indexed: IndexedRow, isPause: Bool) -> [String] {
    var names: [String] = []
    for (index, byte) in prefixes.enumerated() {
      let isLast = !prefixes[(index + 1)...].contains { InstructionDecoder.replaces($0, byte) }
      if let name = visibleName(
        byte, isLast: isLast, isAdjacent: index == prefixes.count - 1, indexed, isPause)
      {
        names.append(name)
      }
    }
    return names
  }

  /// Whether the later of two prefix bytes takes the place of the earlier.
  private static func replaces(_ later: UInt8, _ earlier: UInt8) -> Bool {
    switch earlier {
    case 0xF2, 0xF3: return later == 0xF2 || later == 0xF3
    case 0x64, 0x65: return later == 0x64 || later == 0x65
    case 0x26, 0x2E, 0x36, 0x3E:
      return later == 0x64 || later == 0x65 || [0x26, 0x2E, 0x36, 0x3E].contains(later)
    default: return later == earlier
    }
  }

  private func visibleName(
    _ byte: UInt8, isLast: Bool, isAdjacent: Bool, _ indexed: IndexedRow, _ isPause: Bool
  ) -> String? {
    let mandatory = indexed.isPrefixRedundant ? .any : indexed.row.prefix
    switch byte {
    case 0x66:
      if isLast && (mandatory == .x66 || showsOperandSize) { return nil }
      return mode == .code16 ? "data32" : "data16"
    case 0x67:
      if isLast && showsAddressSize { return nil }
      return mode == .code32 ? "addr16" : "addr32"
    case 0xF0: return "lock"
    case 0xF2, 0xF3:
      let isMandatory = mandatory == (byte == 0xF2 ? .xF2 : .xF3)
      if isLast && (isMandatory || isPause) { return nil }
      return repeatName(byte, indexed.row)
    case 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65:
      if byte == segmentPrefix && isLast && showsSegment { return nil }
      if byte == 0x3E && isIndirectBranch(indexed.row) { return "notrack" }
      return Register(.segment, byte & 0x40 != 0 ? byte & 7 : (byte >> 3) & 3).name
    default:
      let shown = shownREX & 0x40 != 0 ? shownREX | 0x40 : shownREX
      if isAdjacent && byte & 15 & ~shown == 0 && (byte & 15 != 0 || shown & 0x40 != 0) { return nil }
      let bits = [(8, "W"), (4, "R"), (2, "X"), (1, "B")].filter { byte & $0.0 != 0 }.map { $0.1 }
      return bits.isEmpty ? "rex" : "rex." + bits.joined()
    }
  }

  private func isIndirectBranch(_ row: OpcodeRow) -> Bool {
    row.map == .oneByte && opcode == 0xFF && (row.reg == 2 || row.reg == 4) && vex == nil
  }

  private func repeatName(_ byte: UInt8, _ row: OpcodeRow) -> String {
    let isF3 = byte == 0xF3
    switch row.mnemonic {
    case "MOVS", "STOS", "LODS", "INS", "OUTS":
      if row.options.contains("string") { return isF3 ? "rep" : "repnz" }
    case "CALL", "JMP", "RET", "Jcc": if !isF3 && row.options.contains("f64") { return "bnd" }
    case "MOV":
      // The stores that can end an elided lock.
      if isF3, memory != nil, opcode & 0xFE == 0x88 || opcode & 0xFE == 0xC6 { return "xrelease" }
    default: break
    }
    if memory != nil, hasLock || row.mnemonic == "XCHG" { return isF3 ? "xrelease" : "xacquire" }
    return isF3 ? "repz" : "repnz"
  }
}
