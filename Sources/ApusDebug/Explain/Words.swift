import ApusCPU

// What bits mean, in the manuals' names.

/// Numbers and bit fields as people read them.
package enum Words {
  /// `0x` and at least `digits` hexadecimal digits.
  package static func hex(_ value: UInt64, _ digits: Int = 1) -> String {
    let text = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
  }

  /// A number of any size, its lowest byte first: `0x` and all its digits, in groups of sixteen.
  package static func wide(_ bytes: [UInt8], separator: String = "_") -> String {
    let groups = stride(from: 0, to: bytes.count, by: 8).map { start in
      let group = bytes[start..<min(start + 8, bytes.count)]
      return Digits.hex(UInt64(littleEndian: group), group.count * 2)
    }
    return "0x" + groups.reversed().joined(separator: separator)
  }

  /// The names of the bits that are set, highest first.
  private static func names(_ value: UInt64, _ bits: [(bit: UInt64, name: String)]) -> [String] {
    bits.filter { value >> $0.bit & 1 != 0 }.map { $0.name }
  }

  // MARK: Registers (SDM Vol. 1, "EFLAGS Register"; Vol. 3, "Control Registers", "Extended Feature Enable Register")

  package static let flagBits: [(bit: UInt64, name: String)] = [
    (21, "ID"), (20, "VIP"), (19, "VIF"), (18, "AC"), (17, "VM"), (16, "RF"), (14, "NT"), (11, "OF"),
    (10, "DF"),
    (9, "IF"), (8, "TF"), (7, "SF"), (6, "ZF"), (4, "AF"), (2, "PF"), (0, "CF"),
  ]

  package static func flags(_ value: UInt64) -> String {
    let set = names(value, flagBits)
    let iopl = value >> 12 & 3
    return (set + (iopl == 0 ? [] : ["IOPL=\(iopl)"])).joined(separator: " ")
  }

  package static func cr0(_ value: UInt64) -> String {
    names(
      value,
      [
        (31, "PG"), (30, "CD"), (29, "NW"), (18, "AM"), (16, "WP"), (5, "NE"), (4, "ET"), (3, "TS"),
        (2, "EM"),
        (1, "MP"), (0, "PE"),
      ]
    ).joined(separator: " ")
  }

  package static func cr4(_ value: UInt64) -> String {
    names(
      value,
      [
        (24, "PKS"), (23, "CET"), (22, "PKE"), (21, "SMAP"), (20, "SMEP"), (18, "OSXSAVE"), (17, "PCIDE"),
        (16, "FSGSBASE"), (14, "SMXE"), (13, "VMXE"), (12, "LA57"), (11, "UMIP"), (10, "OSXMMEXCPT"),
        (9, "OSFXSR"), (8, "PCE"), (7, "PGE"), (6, "MCE"), (5, "PAE"), (4, "PSE"), (3, "DE"), (2, "TSD"),
        (1, "PVI"), (0, "VME"),
      ]
    ).joined(separator: " ")
  }

  package static func efer(_ value: UInt64) -> String {
    names(value, [(14, "FFXSR"), (12, "SVME"), (11, "NXE"), (10, "LMA"), (8, "LME"), (0, "SCE")])
      .joined(separator: " ")
  }

  // MARK: x87 FPU and SSE (SDM Vol. 1, "x87 FPU Instruction Execution", "MXCSR Control and Status Register")

  /// The exceptions whose bits are set, lowest first; `end` is E for flags, M for masks.
  static func floatingPointExceptions(_ bits: UInt64, _ end: String) -> [String] {
    let letters = ["I", "D", "Z", "O", "U", "P"]
    return letters.indices.filter { bits >> UInt64($0) & 1 != 0 }.map { letters[$0] + end }
  }

  /// A field of several bits; nothing if they are clear.
  private static func field(_ name: String, _ value: UInt64) -> [String] {
    value == 0 ? [] : ["\(name)=\(value)"]
  }

  /// The x87 FPU control word.
  package static func fcw(_ value: UInt64) -> String {
    var words = field("RC", value >> 10 & 3) + field("PC", value >> 8 & 3)
    words += floatingPointExceptions(value, "M").reversed()
    return words.joined(separator: " ")
  }

  /// The x87 FPU status word.
  package static func fsw(_ value: UInt64) -> String {
    var words = names(value, [(15, "B"), (14, "C3")])
    words.append("TOP=\(value >> 11 & 7)")
    words += names(value, [(10, "C2"), (9, "C1"), (8, "C0"), (7, "ES"), (6, "SF")])
    words += floatingPointExceptions(value, "E").reversed()
    return words.joined(separator: " ")
  }

  /// The abridged x87 FPU tag word, as `FXSAVE` stores it: the physical registers that are not empty.
  package static func ftw(_ value: UInt64) -> String {
    let bits: [(bit: UInt64, name: String)] = [
      (7, "R7"), (6, "R6"), (5, "R5"), (4, "R4"), (3, "R3"), (2, "R2"), (1, "R1"), (0, "R0"),
    ]
    return names(value, bits).joined(separator: " ")
  }

  package static func mxcsr(_ value: UInt64) -> String {
    var words = names(value, [(15, "FZ")]) + field("RC", value >> 13 & 3)
    words += floatingPointExceptions(value >> 7, "M").reversed()
    words += names(value, [(6, "DAZ")])
    words += floatingPointExceptions(value, "E").reversed()
    return words.joined(separator: " ")
  }

  // MARK: Paging (SDM Vol. 3, "Paging")

  /// What an entry of `level` (see `PageWalkEntry`) is called.
  package static func entryName(_ level: UInt8) -> String {
    switch level {
    case 5: "PML5E"
    case 4: "PML4E"
    case 3: "PDPTE"
    case 2: "PDE"
    default: "PTE"
    }
  }

  /// The bits of a paging-structure entry.
  package static func pageEntry(_ entry: UInt64, level: UInt8) -> String {
    guard entry & 1 != 0 else { return "not present" }
    var words = ["P", entry & 2 != 0 ? "R/W" : "read-only", entry & 4 != 0 ? "user" : "supervisor"]
    if entry & 0x8 != 0 { words.append("PWT") }
    if entry & 0x10 != 0 { words.append("PCD") }
    if entry & 0x20 != 0 { words.append("A") }
    if entry & 0x40 != 0 && (level == 1 || entry & 0x80 != 0) { words.append("D") }
    if level > 1 && entry & 0x80 != 0 { words.append("PS") }
    if level == 1 && entry & 0x80 != 0 { words.append("PAT") }
    if entry & 0x100 != 0 && (level == 1 || entry & 0x80 != 0) { words.append("G") }
    if entry >> 63 != 0 { words.append("XD") }
    return words.joined(separator: " ")
  }

  /// `size` bytes of a page, in the unit in which it is whole.
  package static func pageSize(_ shift: UInt8) -> String {
    switch shift {
    case 12: "4 KiB"
    case 21: "2 MiB"
    case 22: "4 MiB"
    default: "1 GiB"
    }
  }

  // MARK: Exceptions (SDM Vol. 3, "Exception and Interrupt Vectors", "Error Code")

  private static let exceptions = [
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "", "#TS", "#NP", "#SS", "#GP", "#PF", "",
    "#MF",
    "#AC", "#MC", "#XM", "#VE", "#CP",
  ]

  /// A vector's number, with the exception's name if `isException`.
  package static func vector(_ vector: UInt8, isException: Bool = true) -> String {
    guard isException, Int(vector) < exceptions.count, !exceptions[Int(vector)].isEmpty else {
      return "\(vector)"
    }
    return "\(vector) (\(exceptions[Int(vector)]))"
  }

  /// What an error code says.
  package static func errorCode(_ code: UInt32, of vector: UInt8) -> String {
    if vector == 14 {
      let parts = [
        code & 1 != 0 ? "protection" : "not present",
        code & 2 != 0 ? "write" : code & 16 != 0 ? "fetch" : "read",
        code & 4 != 0 ? "user" : "supervisor", code & 8 != 0 ? "reserved bit" : "",
        code & 32 != 0 ? "protection key" : "",
      ]
      return parts.filter { !$0.isEmpty }.joined(separator: ", ")
    }
    guard code & ~7 != 0 || code & 2 != 0 else { return code & 1 != 0 ? "external event" : "" }
    let table = code & 2 != 0 ? "IDT entry \(code >> 3)" : code & 4 != 0 ? "LDT selector" : "GDT selector"
    let selector = code & 2 != 0 ? "" : " " + hex(UInt64(code & 0xFFFC), 4)
    return table + selector + (code & 1 != 0 ? ", external event" : "")
  }

  // MARK: Descriptors (SDM Vol. 3, "Segment Descriptors", "System Descriptor Types", "IDT Descriptors")

  /// A descriptor of the GDT or an LDT; `isLong` says that the processor is in IA-32e mode.
  package static func descriptor(_ low: UInt64, _ high: UInt64, isLong: Bool) -> String {
    if low == 0 && high == 0 { return "null" }
    let fields = DescriptorFields(low, high)
    var words: [String] = []
    if fields.isCodeOrData {
      words.append(codeOrData(fields, isLong: isLong))
    } else {
      words.append(systemType(fields.type, isLong: isLong))
    }
    words.append("DPL \(fields.dpl)")
    words.append(fields.isPresent ? "present" : "not present")
    if fields.isGate {
      words.append("to " + hex(UInt64(fields.gateSelector), 4) + ":" + hex(fields.gateOffset))
      if isLong && fields.ist != 0 { words.append("IST \(fields.ist)") }
    } else {
      words.append("base " + hex(fields.base, 8))
      words.append("limit " + hex(fields.limit))
    }
    return words.joined(separator: ", ")
  }

  private static func codeOrData(_ fields: DescriptorFields, isLong: Bool) -> String {
    let accessed = fields.type & 1 != 0 ? ", accessed" : ""
    if fields.type & 8 != 0 {
      let size = fields.isLong && isLong ? "64-bit" : fields.isBig ? "32-bit" : "16-bit"
      let kind = (fields.type & 4 != 0 ? "conforming " : "") + "code"
      return size + " " + kind + (fields.type & 2 != 0 ? ", readable" : "") + accessed
    }
    let kind = fields.type & 4 != 0 ? "expand-down data" : "data"
    return (fields.isBig ? "32-bit " : "16-bit ") + kind + (fields.type & 2 != 0 ? ", writable" : "")
      + accessed
  }

  private static func systemType(_ type: UInt8, isLong: Bool) -> String {
    let bits = isLong ? "64-bit" : "32-bit"
    return switch type {
    case 1: "16-bit TSS (available)"
    case 2: "LDT"
    case 3: "16-bit TSS (busy)"
    case 4: "16-bit call gate"
    case 5: "task gate"
    case 6: "16-bit interrupt gate"
    case 7: "16-bit trap gate"
    case 9: bits + " TSS (available)"
    case 11: bits + " TSS (busy)"
    case 12: bits + " call gate"
    case 14: bits + " interrupt gate"
    case 15: bits + " trap gate"
    default: "reserved type \(type)"
    }
  }
}

/// The fields of a descriptor.
package struct DescriptorFields {
  package let type: UInt8
  package let isCodeOrData: Bool
  package let dpl: UInt8
  package let isPresent: Bool
  package let isLong: Bool
  /// D or B: 32-bit operands, or a 32-bit stack.
  package let isBig: Bool
  package let base: UInt64
  /// In bytes, granularity applied.
  package let limit: UInt64
  package let gateSelector: UInt16
  package let gateOffset: UInt64
  package let ist: UInt8

  package init(_ low: UInt64, _ high: UInt64) {
    type = UInt8(truncatingIfNeeded: low >> 40) & 15
    isCodeOrData = low >> 44 & 1 != 0
    dpl = UInt8(truncatingIfNeeded: low >> 45) & 3
    isPresent = low >> 47 & 1 != 0
    isLong = low >> 53 & 1 != 0
    isBig = low >> 54 & 1 != 0
    base = low >> 16 & 0xFF_FFFF | low >> 32 & 0xFF00_0000 | high << 32
    let raw = low & 0xFFFF | low >> 32 & 0xF_0000
    limit = low >> 55 & 1 != 0 ? raw << 12 | 0xFFF : raw
    gateSelector = UInt16(truncatingIfNeeded: low >> 16)
    gateOffset = low & 0xFFFF | low >> 32 & 0xFFFF_0000 | high << 32
    ist = UInt8(truncatingIfNeeded: low >> 32) & 7
  }

  /// A call, task, interrupt or trap gate.
  package var isGate: Bool { !isCodeOrData && [4, 5, 6, 7, 12, 14, 15].contains(type) }
}
