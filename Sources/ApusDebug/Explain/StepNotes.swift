import ApusCPU
import ApusInstructionSet

/// Puts what an instruction has and what it leaves into words.
struct StepNotes {
  let instruction: Instruction
  let before: ArchitecturalState
  let after: ArchitecturalState

  private static let registerNames = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
    "r15",
  ]

  // MARK: Operands

  /// Instructions whose first operand is only written.
  private static let writers: Set<String> = ["mov", "movabs", "movzx", "movsx", "movsxd", "lea", "pop"]

  /// The registers that the operands name, and how addresses come about.
  var operands: [Note] {
    var notes: [Note] = []
    var named: Set<String> = []
    for (index, operand) in instruction.operands.enumerated() {
      switch operand {
      case .register(let register):
        if index == 0 && Self.writers.contains(instruction.mnemonic) { continue }
        guard named.insert(register.name).inserted, let value = value(of: register) else { continue }
        notes.append(
          Note(
            "operand", "\(register.name) is \(Words.hex(value))",
            [("register", .text(register.name)), ("value", .hex(value))]))
      case .memory(let memory): notes.append(address(of: memory))
      case .port: notes.append(Note("operand", "dx is \(Words.hex(before.registers[2] & 0xFFFF))"))
      case .immediate, .one, .target, .far: continue
      }
    }
    return notes
  }

  /// The value of a general, segment or control register; nil for others.
  private func value(of register: Register) -> UInt64? {
    let number = Int(register.number & 15)
    switch register.file {
    case .byte: return before.registers[number] & 0xFF
    case .legacyByte:
      return number < 4 ? before.registers[number] & 0xFF : before.registers[number & 3] >> 8 & 0xFF
    case .word: return before.registers[number] & 0xFFFF
    case .doubleword: return before.registers[number] & 0xFFFF_FFFF
    case .quadword: return before.registers[number]
    case .segment: return number < 6 ? UInt64(before.segments[number].selector) : nil
    case .control: return [0: before.cr0, 2: before.cr2, 3: before.cr3, 4: before.cr4][number]
    case .doublewordPointer: return (instruction.address &+ UInt64(instruction.length)) & 0xFFFF_FFFF
    case .quadwordPointer: return instruction.address &+ UInt64(instruction.length)
    default: return nil
    }
  }

  private func address(of memory: MemoryOperand) -> Note {
    var terms: [String] = []
    var sum = UInt64(bitPattern: memory.displacement)
    if let base = memory.base, let value = value(of: base) {
      terms.append("\(base.name) \(Words.hex(value))")
      sum &+= value
    }
    if let index = memory.index, let value = value(of: index) {
      terms.append("\(index.name) \(Words.hex(value))" + (memory.scale == 1 ? "" : " × \(memory.scale)"))
      sum &+= value &* UInt64(memory.scale)
    }
    if memory.displacement != 0 || terms.isEmpty {
      let sign = memory.displacement < 0 && !terms.isEmpty ? "-" : ""
      terms.append(
        sign
          + Words.hex(sign.isEmpty ? UInt64(bitPattern: memory.displacement) : memory.displacement.magnitude))
    }
    if memory.addressBytes < 8 { sum &= 1 << UInt64(memory.addressBytes * 8) - 1 }
    var fields: [(name: String, value: Note.Value)] = [("offset", .hex(sum))]
    var text = "address \(terms.joined(separator: " + ")) = \(Words.hex(sum))"
    if let segment = memory.segment, Int(segment.number) < 6 {
      let base = before.segments[Int(segment.number)].base
      text += ", in \(segment.name) with base \(Words.hex(base))"
      fields.append(("segment", .text(segment.name)))
      fields.append(("base", .hex(base)))
    }
    return Note("address", text, fields)
  }

  // MARK: Results

  /// The registers that are not what they were.
  var changes: [Note] {
    var notes: [Note] = []
    func compare(_ name: String, _ old: UInt64, _ new: UInt64, _ words: ((UInt64) -> String)? = nil) {
      guard old != new else { return }
      let meaning = words.map { " (\($0(new)))" } ?? ""
      notes.append(
        Note(
          "register", "\(name) was \(Words.hex(old)), is \(Words.hex(new))\(meaning)",
          [("register", .text(name)), ("old", .hex(old)), ("new", .hex(new))]))
    }
    for (index, name) in Self.registerNames.enumerated() {
      compare(name, before.registers[index], after.registers[index])
    }
    compare("cr0", before.cr0, after.cr0, Words.cr0)
    compare("cr2", before.cr2, after.cr2)
    compare("cr3", before.cr3, after.cr3)
    compare("cr4", before.cr4, after.cr4, Words.cr4)
    compare("efer", before.efer, after.efer, Words.efer)
    compare("gdtr base", before.gdtrBase, after.gdtrBase)
    compare("gdtr limit", UInt64(before.gdtrLimit), UInt64(after.gdtrLimit))
    compare("idtr base", before.idtrBase, after.idtrBase)
    compare("idtr limit", UInt64(before.idtrLimit), UInt64(after.idtrLimit))
    compare("cpl", UInt64(before.cpl), UInt64(after.cpl))
    return notes + flags
  }

  /// The flags that are not what they were, and why.
  private var flags: [Note] {
    var notes: [Note] = []
    for (bit, name) in Words.flagBits where (before.rflags ^ after.rflags) >> bit & 1 != 0 {
      let isSet = after.rflags >> bit & 1 != 0
      let reason = reason(name, isSet)
      notes.append(
        Note(
          "flag", "\(name) is now \(isSet ? 1 : 0)" + (reason.isEmpty ? "" : ": " + reason),
          [("flag", .text(name)), ("value", .number(isSet ? 1 : 0)), ("reason", .text(reason))]))
    }
    return notes
  }

  private static let logical: Set<String> = ["and", "or", "xor", "test"]
  private static let additions: Set<String> = ["add", "adc", "inc", "xadd"]
  private static let subtractions: Set<String> = ["sub", "sbb", "cmp", "dec", "neg", "cmpxchg"]
  private static let shifts: Set<String> = [
    "shl", "sal", "shr", "sar", "shld", "shrd", "rcl", "rcr", "rol", "ror",
  ]

  /// Why an instruction of these groups leaves a status flag so (SDM Vol. 1, "Status Flags"); empty for others.
  private func reason(_ flag: String, _ isSet: Bool) -> String {
    let name = instruction.mnemonic
    let isArithmetic = Self.additions.contains(name) || Self.subtractions.contains(name)
    guard isArithmetic || Self.logical.contains(name) || Self.shifts.contains(name) else { return "" }
    switch flag {
    case "ZF": return isSet ? "the result is zero" : "the result is not zero"
    case "SF": return isSet ? "the result's highest bit is set" : "the result's highest bit is clear"
    case "PF": return "the result's low byte has an \(isSet ? "even" : "odd") number of ones"
    case "CF" where Self.logical.contains(name), "OF" where Self.logical.contains(name):
      return "logical instructions clear it"
    case "CF" where Self.shifts.contains(name): return "the last bit shifted out was \(isSet ? 1 : 0)"
    case "CF" where Self.additions.contains(name):
      return isSet ? "a carry came out of the highest bit" : "no carry came out of the highest bit"
    case "CF":
      return isSet ? "the unsigned subtrahend was the greater one" : "the unsigned subtrahend was not greater"
    case "OF" where isArithmetic:
      return isSet ? "the signed result does not fit" : "the signed result fits"
    case "AF" where isArithmetic:
      let what = Self.additions.contains(name) ? "carry came out of" : "borrow went into"
      return isSet ? "a \(what) bit 3" : "no \(what) bit 3"
    default: return ""
    }
  }
}
