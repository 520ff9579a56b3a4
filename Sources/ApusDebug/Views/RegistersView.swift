import ApusCPU
import ApusMachine

/// The registers that every program has, and those of the system, with what has changed since the machine stood still
/// last.
package struct RegistersView {
  private let state: ArchitecturalState
  private let before: ArchitecturalState
  private let mode: ProcessorMode
  private let taskPriority: UInt8

  /// `before` are the registers of that time.
  package init(_ machine: Machine, before: ArchitecturalState) {
    state = machine.state
    self.before = before
    mode = machine.mode
    taskPriority = machine.taskPriority
  }

  // MARK: Parts

  private static let names = [
    "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11", "R12", "R13", "R14",
    "R15",
  ]
  /// The order in which people look for them.
  private static let order = [0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15]

  private static func cell(_ name: String, _ value: UInt64, _ old: UInt64, digits: Int, label: Int = 4)
    -> StyledLine
  {
    var line = StyledLine(name, .faint)
    line.pad(to: label)
    line.add(Digits.hex(value, digits), value == old ? .plain : .changed)
    return line
  }

  /// As many cells in a line as there is room for.
  private static func flow(_ cells: [StyledLine], width: Int) -> [StyledLine] {
    let cellWidth = (cells.map(\.width).max() ?? 0) + 2
    let columns = max((width + 2) / max(cellWidth, 1), 1)
    var lines: [StyledLine] = []
    for (index, cell) in cells.enumerated() {
      if index % columns == 0 { lines.append(StyledLine()) }
      let last = lines.count - 1
      if index % columns > 0 { lines[last].pad(to: index % columns * cellWidth) }
      lines[last].add(cell)
    }
    return lines
  }

  private func general(width: Int) -> [StyledLine] {
    let isLong = mode == .long64
    // Code of other modes has neither R8–R15 nor bits 63:32.
    let cells = Self.order.prefix(isLong ? 16 : 8).map { index in
      let name = isLong ? Self.names[index] : "E" + Self.names[index].dropFirst()
      let mask: UInt64 = isLong ? .max : 0xFFFF_FFFF
      return Self.cell(
        name, state.registers[index] & mask, before.registers[index] & mask, digits: isLong ? 16 : 8)
    }
    return Self.flow(Array(cells), width: width)
  }

  private var pointer: StyledLine {
    let isLong = mode == .long64
    return Self.cell(isLong ? "RIP" : "EIP", state.rip, before.rip, digits: isLong ? 16 : 8)
  }

  private static let shownFlags: [(bit: UInt64, name: String)] = [
    (11, "OF"), (10, "DF"), (9, "IF"), (8, "TF"), (7, "SF"), (6, "ZF"), (4, "AF"), (2, "PF"), (0, "CF"),
  ]
  private static let rareFlags: [(bit: UInt64, name: String)] = [
    (21, "ID"), (20, "VIP"), (19, "VIF"), (18, "AC"), (17, "VM"), (16, "RF"), (14, "NT"),
  ]

  /// RFLAGS: the flags that are set in capitals, the others in small letters or, if they are seldom set, not at all.
  private func flags(width: Int) -> [StyledLine] {
    let (value, old) = (state.rflags, before.rflags)
    var first = Self.cell("RFL", value, old, digits: 8)
    var cells: [StyledLine] = []
    for (bit, name) in Self.shownFlags {
      let isSet = value >> bit & 1 != 0
      let isChanged = (value ^ old) >> bit & 1 != 0
      cells.append(
        StyledLine(isSet ? name : name.lowercased(), isChanged ? .changed : isSet ? .plain : .faint))
    }
    for (bit, name) in Self.rareFlags where (value | old) >> bit & 1 != 0 {
      let isSet = value >> bit & 1 != 0
      let isChanged = (value ^ old) >> bit & 1 != 0
      cells.append(StyledLine(isSet ? name : name.lowercased(), isChanged ? .changed : .plain))
    }
    if value >> 12 & 3 != 0 || (value ^ old) >> 12 & 3 != 0 {
      cells.append(StyledLine("IOPL=\(value >> 12 & 3)", (value ^ old) >> 12 & 3 != 0 ? .changed : .plain))
    }
    var lines: [StyledLine] = []
    for cell in cells {
      if first.width + 1 + cell.width > width {
        lines.append(first)
        first = StyledLine("   ")
      }
      first.add(" ")
      first.add(cell)
    }
    return lines + [first]
  }

  /// A register with the names of the bits that are set, or have just been.
  private func bits(
    _ name: String, _ value: UInt64, _ old: UInt64, _ names: (UInt64) -> String, extra: String = "",
    width: Int
  ) -> [StyledLine] {
    var line = Self.cell(name, value, old, digits: 8, label: 5)
    var lines: [StyledLine] = []
    let (set, wasSet) = (names(value).split(separator: " "), names(old).split(separator: " "))
    for word in set + wasSet.filter({ !set.contains($0) }) {
      if line.width + 1 + word.utf8.count > width {
        lines.append(line)
        line = StyledLine("    ")
      }
      line.add(" ")
      let isSet = set.contains(word)
      line.add(isSet ? String(word) : word.lowercased(), isSet == wasSet.contains(word) ? .plain : .changed)
    }
    if !extra.isEmpty { line.add(" " + extra, .faint) }
    return lines + [line]
  }

  private var segments: [(name: String, register: SegmentRegister, before: SegmentRegister)] {
    let order = [(1, "CS"), (2, "SS"), (3, "DS"), (0, "ES"), (4, "FS"), (5, "GS")]
    return order.map { ($0.1, state.segments[$0.0], before.segments[$0.0]) }
      + [("LDTR", state.ldtr, before.ldtr), ("TR", state.tr, before.tr)]
  }

  private func segment(_ name: String, _ register: SegmentRegister, _ old: SegmentRegister, full: Bool)
    -> StyledLine
  {
    var line = Self.cell(name, UInt64(register.selector), UInt64(old.selector), digits: 4)
    line.add(" ")
    let digits = mode == .long64 || register.base >> 32 != 0 ? 16 : 8
    line.add(Digits.hex(register.base, digits), register.base == old.base ? .plain : .changed)
    guard full else { return line }
    line.add(" ")
    line.add(Digits.hex(UInt64(register.limit), 8), register.limit == old.limit ? .plain : .changed)
    line.add(" " + words(register), register.attributes == old.attributes ? .faint : .changed)
    return line
  }

  /// What the hidden part says (SDM Vol. 3, "Segment Descriptors").
  private func words(_ register: SegmentRegister) -> String {
    if register.isNull { return "null" }
    let access = UInt64(register.attributes)
    // The descriptor that this part came from, without base and limit.
    let descriptor = (access & 0xFF) << 40 | (access >> 12 & 15) << 52
    let words = TablesView.words(descriptor, 0, isLong: state.efer >> 10 & 1 != 0).split(separator: ",")
    return words.filter { !$0.hasPrefix(" base") && !$0.hasPrefix(" limit") }.joined(separator: ",")
  }

  // MARK: Panes

  /// What fits beside the code.
  package func narrow(width: Int, height: Int) -> [StyledLine] {
    let heading = mode == .real ? mode.name : Self.short(mode) + ", CPL \(state.cpl)"
    var lines = [StyledLine(heading, state.cpl == before.cpl ? .heading : .changed)]
    lines += general(width: width)
    lines += [pointer]
    lines += flags(width: width)
    for (name, register, old) in segments.prefix(6) {
      lines.append(segment(name, register, old, full: false))
    }
    lines += bits("CR0", state.cr0, before.cr0, Words.cr0, width: width)
    lines.append(Self.cell("CR2", state.cr2, before.cr2, digits: 16, label: 5))
    lines.append(Self.cell("CR3", state.cr3, before.cr3, digits: 16, label: 5))
    lines += bits("CR4", state.cr4, before.cr4, Words.cr4, width: width)
    lines += bits("EFER", state.efer, before.efer, Words.efer, width: width)
    return Array(lines.prefix(max(height, 0)))
  }

  private static func short(_ mode: ProcessorMode) -> String {
    switch mode {
    case .protected16: "protected 16-bit"
    case .protected32: "protected 32-bit"
    case .compatibility16: "compatibility 16"
    case .compatibility32: "compatibility 32"
    default: mode.name
    }
  }

  /// All of them, from the line with number `first` on.
  package func lines(width: Int, height: Int, from first: Int = 0) -> [StyledLine] {
    var lines = [StyledLine(mode.text(cpl: state.cpl), .heading)]
    lines += general(width: width)
    lines += Self.flow(
      [pointer] + [Self.cell("CR8", UInt64(taskPriority), UInt64(taskPriority), digits: 1)], width: width)
    lines += flags(width: width)
    lines.append(
      StyledLine("     selector base " + (mode == .long64 ? "           limit" : "   limit"), .heading))
    for (name, register, old) in segments { lines.append(segment(name, register, old, full: true)) }
    var tables = StyledLine()
    for (name, base, limit, old) in [
      ("GDTR", state.gdtrBase, state.gdtrLimit, (before.gdtrBase, before.gdtrLimit)),
      ("IDTR", state.idtrBase, state.idtrLimit, (before.idtrBase, before.idtrLimit)),
    ] {
      if tables.width > 0 { tables.add("  ") }
      tables.add(Self.cell(name, base, old.0, digits: 16, label: 5))
      tables.add(" ")
      tables.add(Digits.hex(UInt64(limit), 4), limit == old.1 ? .plain : .changed)
    }
    lines.append(tables)
    lines += bits("CR0", state.cr0, before.cr0, Words.cr0, width: width)
    var pages = Self.cell("CR2", state.cr2, before.cr2, digits: 16, label: 5)
    pages.add("  ")
    pages.add(Self.cell("CR3", state.cr3, before.cr3, digits: 16, label: 5))
    let root = state.cr3
    let hasContexts = state.cr4 >> 17 & 1 != 0
    pages.add(
      hasContexts ? " PCID \(root & 0xFFF)" : (root & 8 != 0 ? " PWT" : "") + (root & 16 != 0 ? " PCD" : ""),
      .faint)
    lines.append(pages)
    lines += bits("CR4", state.cr4, before.cr4, Words.cr4, width: width)
    lines += bits("EFER", state.efer, before.efer, Words.efer, width: width)
    let debug = zip(state.breakpoints, before.breakpoints).enumerated().map {
      Self.cell("DR\($0)", $1.0, $1.1, digits: 16)
    }
    lines += Self.flow(debug, width: width)
    lines += Self.flow(
      [
        Self.cell("DR6", state.dr6, before.dr6, digits: 8),
        Self.cell("DR7", state.dr7, before.dr7, digits: 8),
      ], width: width)
    return lines.window(from: first, height: height)
  }
}
