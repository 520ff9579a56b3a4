import ApusCPU
import ApusInstructionSet

/// Puts the registers that are not what they were into words.
struct RegisterChanges {
  private let before: RegisterSnapshot
  private let after: RegisterSnapshot
  /// What changed them; nil if no instruction did.
  private let instruction: Instruction?
  /// What was told of segment registers meanwhile: the last of each.
  private var told: [Int: SegmentRegister] = [:]

  init(_ stretch: Stretch, by instruction: Instruction?) {
    before = stretch.before
    after = stretch.after
    self.instruction = instruction
    for event in stretch.events {
      guard case .segment(let name, let register) = event.event else { continue }
      // 64-bit mode's flat segments are no registers of a program.
      if name != .flat && name != .flatStack { told[Int(name.rawValue)] = register }
    }
  }

  var notes: [Note] { general + segments + system + x87 + vectors + flags }

  private func change(
    _ name: String, _ old: UInt64, _ new: UInt64, _ words: ((UInt64) -> String)? = nil
  ) -> [Note] {
    guard old != new else { return [] }
    let meaning = words?(new) ?? ""
    return [
      Note(
        "register",
        "\(name) was \(Words.hex(old)), is \(Words.hex(new))" + (meaning.isEmpty ? "" : " (\(meaning))"),
        [("register", .text(name)), ("old", .hex(old)), ("new", .hex(new))])
    ]
  }

  private func change(_ name: String, _ old: [UInt8], _ new: [UInt8]) -> [Note] {
    guard old != new else { return [] }
    return [
      Note(
        "register", "\(name) was \(Words.wide(old)), is \(Words.wide(new))",
        [("register", .text(name)), ("old", .wide(old)), ("new", .wide(new))])
    ]
  }

  // MARK: General and system registers

  private var general: [Note] {
    let (old, new) = (before.state, after.state)
    let notes = RegisterFile.general.indices.flatMap { index in
      change(RegisterFile.general[index], old.registers[index], new.registers[index])
    }
    // Every instruction changes RIP.
    return instruction == nil ? notes + change("rip", old.rip, new.rip) : notes
  }

  private var segments: [Note] {
    let old = before.state.segments + [before.state.ldtr, before.state.tr]
    let new = after.state.segments + [after.state.ldtr, after.state.tr]
    var notes: [Note] = []
    for (index, name) in RegisterFile.segments.enumerated() {
      let (was, now) = (old[index], new[index])
      notes += change(name, UInt64(was.selector), UInt64(now.selector))
      // What came with the selector was told when it was loaded.
      if told[index] == now { continue }
      notes += change(name + " base", was.base, now.base)
      notes += change(name + " limit", UInt64(was.limit), UInt64(now.limit))
      notes += change(name + " attributes", UInt64(was.attributes), UInt64(now.attributes))
    }
    return notes
  }

  private var system: [Note] {
    let (old, new) = (before.state, after.state)
    var notes = change("cr0", old.cr0, new.cr0, Words.cr0)
    notes += change("cr2", old.cr2, new.cr2)
    notes += change("cr3", old.cr3, new.cr3)
    notes += change("cr4", old.cr4, new.cr4, Words.cr4)
    notes += change("cr8", UInt64(before.taskPriority), UInt64(after.taskPriority))
    notes += change("efer", old.efer, new.efer, Words.efer)
    notes += change("kernel gs base", before.kernelGSBase, after.kernelGSBase)
    notes += change("gdtr base", old.gdtrBase, new.gdtrBase)
    notes += change("gdtr limit", UInt64(old.gdtrLimit), UInt64(new.gdtrLimit))
    notes += change("idtr base", old.idtrBase, new.idtrBase)
    notes += change("idtr limit", UInt64(old.idtrLimit), UInt64(new.idtrLimit))
    notes += change("cpl", UInt64(old.cpl), UInt64(new.cpl))
    for index in old.breakpoints.indices {
      notes += change("dr\(index)", old.breakpoints[index], new.breakpoints[index])
    }
    notes += change("dr6", old.dr6, new.dr6)
    return notes + change("dr7", old.dr7, new.dr7)
  }

  // MARK: The x87 FPU and vector registers

  /// Registers of the x87 FPU by the physical one, which TOP does not move, and by what the program then calls it. The
  /// pointers to the last instruction and its operand are left out: each x87 instruction changes them.
  private var x87: [Note] {
    let (old, new) = (before.extended, after.extended)
    let isMMX = names { $0.file == .mmx }
    var notes: [Note] = []
    for number in 0..<8 {
      let (was, now) = (old.physical(number), new.physical(number))
      if isMMX {
        notes += change(
          "mm\(number)", was.significand.littleEndianBytes(), now.significand.littleEndianBytes())
      } else if was != now {
        let oldText = old.isValid(number) ? was.text : "empty"
        let newText = new.isValid(number) ? now.text : now.text + ", empty"
        let place = (number - new.top) & 7
        notes.append(
          Note(
            "register", "R\(number), now st(\(place)), was \(oldText), is \(newText)",
            [
              ("register", .text("R\(number)")), ("st", .number(UInt64(place))), ("old", .wide(was.bytes)),
              ("new", .wide(now.bytes)),
            ] + now.numberFields))
      }
    }
    notes += change("fcw", UInt64(old.control), UInt64(new.control), Words.fcw)
    notes += change("fsw", UInt64(old.status), UInt64(new.status), Words.fsw)
    return notes + change("ftw", UInt64(old.tag), UInt64(new.tag), Words.ftw)
  }

  private var vectors: [Note] {
    let (old, new) = (before.extended, after.extended)
    var notes: [Note] = []
    for index in old.vectors.indices where old.vectors[index] != new.vectors[index] {
      // Code without AVX knows of XMM registers alone.
      let isWide =
        old.vector(index, 16..<32) != new.vector(index, 16..<32)
        || names { $0.file == .ymm && Int($0.number) == index }
      let bytes = 0..<(isWide ? 32 : 16)
      notes += change(
        (isWide ? "ymm" : "xmm") + "\(index)", old.vector(index, bytes), new.vector(index, bytes))
    }
    return notes + change("mxcsr", UInt64(old.mxcsr), UInt64(new.mxcsr), Words.mxcsr)
  }

  /// Whether an operand is a register of some kind.
  private func names(_ isWanted: (Register) -> Bool) -> Bool {
    instruction?.operands.contains { operand in
      if case .register(let register) = operand { isWanted(register) } else { false }
    } ?? false
  }

  // MARK: Flags

  /// The flags that are not what they were, and why.
  private var flags: [Note] {
    let (old, new) = (before.state.rflags, after.state.rflags)
    var notes: [Note] = []
    func add(_ name: String, _ value: UInt64, _ reason: String) {
      notes.append(
        Note(
          "flag", "\(name) is now \(value)" + (reason.isEmpty ? "" : ": " + reason),
          [("flag", .text(name)), ("value", .number(value)), ("reason", .text(reason))]))
    }
    for (bit, name) in Words.flagBits where (old ^ new) >> bit & 1 != 0 {
      let value = new >> bit & 1
      add(name, value, reason(name, value != 0))
    }
    if (old ^ new) >> 12 & 3 != 0 { add("IOPL", new >> 12 & 3, "") }
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
    guard let name = instruction?.mnemonic else { return "" }
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
