import ApusCPU
import ApusInstructionSet

/// Puts what an instruction works on into words.
struct OperandNotes {
  let instruction: Instruction
  let before: RegisterSnapshot
  private let events: ArraySlice<TimedEvent>

  /// Words for an instruction that began with the registers `before`; `events` tell what it did.
  init(_ instruction: Instruction, _ before: RegisterSnapshot, _ events: ArraySlice<TimedEvent>) {
    self.instruction = instruction
    self.before = before
    self.events = events
  }

  /// Instructions whose first operand is only written. Moves that keep a part of a vector register are not.
  private static let writers: Set<String> = [
    "mov", "movabs", "movzx", "movsx", "movsxd", "lea", "pop", "movaps", "movapd", "movups", "movupd",
    "movdqa", "movdqu", "movd", "movq", "movq2dq", "movdq2q", "movntdqa", "lddqu", "movddup", "movshdup",
    "movsldup",
  ]

  /// Those with VEX that read their first operand all the same begin so.
  private static let readers = [
    "vfm", "vfnm", "vgather", "vpgather", "vcomis", "vucomis", "vtest", "vptest", "vpcmpestr", "vpcmpistr",
    "vmaskmovdqu",
  ]

  private var onlyWritesFirst: Bool {
    let name = instruction.mnemonic
    if Self.writers.contains(name) { return true }
    guard case .register(let register)? = instruction.operands.first, register.isVector,
      instruction.row?.map.isVEX ?? false
    else { return false }
    return !Self.readers.contains { name.hasPrefix($0) }
  }

  /// The registers that the operands name, how addresses come about, and what large operands in memory are.
  var notes: [Note] {
    var notes: [Note] = []
    var named: Set<String> = []
    func add(_ register: Register) {
      if named.insert(register.name).inserted, let note = note(about: register) { notes.append(note) }
    }
    for (index, operand) in instruction.operands.enumerated() {
      switch operand {
      case .register(let register): if index > 0 || !onlyWritesFirst { add(register) }
      case .memory(let memory):
        notes.append(address(of: memory))
        if let elements = memory.index, elements.isVector { add(elements) }
        notes += value(of: memory, isWrite: false)
      case .port: notes.append(Note("operand", "dx is \(Words.hex(before.state.registers[2] & 0xFFFF))"))
      case .immediate, .one, .target, .far: continue
      }
    }
    return notes + implied
  }

  /// What large operands in memory have become.
  var results: [Note] {
    var notes: [Note] = []
    for case .memory(let memory) in instruction.operands { notes += value(of: memory, isWrite: true) }
    return notes
  }

  // MARK: Registers

  /// The value of a register for people and for programs.
  private struct Reading {
    let text: String
    let fields: [(name: String, value: Note.Value)]

    init(_ text: String, _ fields: [(name: String, value: Note.Value)]) {
      self.text = text
      self.fields = fields
    }

    init(_ bytes: [UInt8]) { self.init(Words.wide(bytes), [("value", .wide(bytes))]) }
  }

  /// What a register holds; nil for those that nobody sees.
  func note(about register: Register) -> Note? {
    reading(of: register).map {
      Note(
        "operand", "\(register.name) is \($0.text)", [("register", .text(register.name))] + $0.fields)
    }
  }

  /// The value of a register; nil for those that nobody sees.
  private func reading(of register: Register) -> Reading? {
    let extended = before.extended
    let number = Int(register.number & 15)
    switch register.file {
    case .mmx: return Reading(extended.physical(number).significand.littleEndianBytes())
    case .xmm: return Reading(extended.vector(number, 0..<16))
    case .ymm: return Reading(extended.vector(number, 0..<32))
    case .x87, .x87Top:
      guard extended.isValid(extended.top + number) else { return Reading("empty", [("empty", .flag(true))]) }
      let value = extended.st(number)
      return Reading(value.text, [("value", .wide(value.bytes))] + value.numberFields)
    default:
      guard let value = value(of: register) else { return nil }
      return Reading(Words.hex(value), [("value", .hex(value))])
    }
  }

  /// The value of a register that has 64 bits at most and is not the x87 FPU's or MMX's; nil for others.
  private func value(of register: Register) -> UInt64? {
    let number = Int(register.number & 15)
    let state = before.state
    switch register.file {
    case .byte: return state.registers[number] & 0xFF
    case .legacyByte:
      return number < 4 ? state.registers[number] & 0xFF : state.registers[number & 3] >> 8 & 0xFF
    case .word: return state.registers[number] & 0xFFFF
    case .doubleword: return state.registers[number] & 0xFFFF_FFFF
    case .quadword: return state.registers[number]
    case .segment: return number < 6 ? UInt64(state.segments[number].selector) : nil
    case .control:
      return [0: state.cr0, 2: state.cr2, 3: state.cr3, 4: state.cr4, 8: UInt64(before.taskPriority)][number]
    case .debug:
      // DR4 and DR5 are DR6 and DR7, where they exist.
      return number < 4 ? state.breakpoints[number] : number & 1 == 0 ? state.dr6 : state.dr7
    case .doublewordPointer: return (instruction.address &+ UInt64(instruction.length)) & 0xFFFF_FFFF
    case .quadwordPointer: return instruction.address &+ UInt64(instruction.length)
    default: return nil
    }
  }

  // MARK: Memory

  private func address(of memory: MemoryOperand) -> Note {
    var terms: [String] = []
    var sum = UInt64(bitPattern: memory.displacement)
    let scale = memory.scale == 1 ? "" : " × \(memory.scale)"
    if let base = memory.base, let value = value(of: base) {
      terms.append("\(base.name) \(Words.hex(value))")
      sum &+= value
    }
    if let index = memory.index, let value = value(of: index) {
      terms.append("\(index.name) \(Words.hex(value))" + scale)
      sum &+= value &* UInt64(memory.scale)
    }
    if let index = memory.index, index.isVector { terms.append("each element of \(index.name)" + scale) }
    if memory.displacement != 0 || terms.isEmpty {
      let sign = memory.displacement < 0 && !terms.isEmpty ? "-" : ""
      terms.append(
        sign
          + Words.hex(sign.isEmpty ? UInt64(bitPattern: memory.displacement) : memory.displacement.magnitude))
    }
    if memory.addressBytes < 8 { sum &= 1 << UInt64(memory.addressBytes * 8) - 1 }
    var fields: [(name: String, value: Note.Value)] = []
    var text = "address \(terms.joined(separator: " + "))"
    // There are as many addresses as elements.
    if !(memory.index?.isVector ?? false) {
      text += " = \(Words.hex(sum))"
      fields.append(("offset", .hex(sum)))
    }
    if let segment = memory.segment, Int(segment.number) < 6 {
      let base = before.state.segments[Int(segment.number)].base
      text += ", in \(segment.name) with base \(Words.hex(base))"
      fields.append(("segment", .text(segment.name)))
      fields.append(("base", .hex(base)))
    }
    return Note("address", text, fields)
  }

  /// An operand of vector registers or of the x87 FPU that takes several accesses, put together from them; nothing
  /// where some of its elements are not accessed.
  private func value(of memory: MemoryOperand, isWrite: Bool) -> [Note] {
    let isOfX87 = memory.bytes == 10 && instruction.mnemonic.hasPrefix("f")
    guard memory.bytes > 8, memory.isVector || isOfX87 else { return [] }
    var bytes: [UInt8] = []
    var start: UInt64 = 0
    for event in events {
      guard case .memory(let access) = event.event, access.isWrite == isWrite, !access.isImplicit else {
        continue
      }
      if bytes.isEmpty { start = access.linear }
      guard access.linear == start &+ UInt64(bytes.count) else { return [] }
      bytes += access.value.littleEndianBytes(Int(access.size))
    }
    guard bytes.count == memory.bytes else { return [] }
    // FBLD and FBSTP have decimal digits in as many bytes.
    let number = instruction.mnemonic.hasPrefix("fb") ? nil : ExtendedNumber(bytes)
    return [
      Note(
        "operand",
        "\(bytes.count) bytes at \(Words.hex(start)) are \(isWrite ? "now " : "")"
          + (number?.text ?? Words.wide(bytes)),
        [
          ("linear", .hex(start)), ("size", .number(UInt64(bytes.count))), ("value", .wide(bytes)),
          ("write", .flag(isWrite)),
        ] + (number?.numberFields ?? []))
    ]
  }
}

extension Register {
  /// Whether it is an XMM or YMM register.
  var isVector: Bool { file == .xmm || file == .ymm }
}

extension ExtendedNumber {
  /// The encoding, and the number if that is simple.
  var text: String { Words.wide(bytes) + (exactDecimal.map { " (\($0))" } ?? "") }

  /// What programs are told besides the encoding.
  var numberFields: [(name: String, value: Note.Value)] {
    exactDecimal.map { [("number", .text($0))] } ?? []
  }
}
