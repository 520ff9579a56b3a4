import ApusCPU
import ApusMachine

/// The descriptor tables with each entry in words.
package struct TablesView {
  package enum Table: Int, CaseIterable, Sendable {
    case gdt, ldt, idt

    package var name: String { ["GDT", "LDT", "IDT"][rawValue] }
    package var next: Table { Table(rawValue: (rawValue + 1) % Table.allCases.count) ?? .gdt }
  }

  package var table = Table.gdt

  package init() {}

  /// The lines of a pane, from the one with number `first` on.
  package func lines(_ debugger: Debugger, width: Int, height: Int, from first: Int = 0) -> [StyledLine] {
    let machine = debugger.machine
    let state = machine.state
    let lines: [StyledLine]
    switch table {
    case .gdt:
      lines =
        [heading(state.gdtrBase, UInt64(state.gdtrLimit))]
        + descriptors(machine, state.gdtrBase, UInt64(state.gdtrLimit), ti: 0, state, width)
    case .ldt:
      if state.ldtr.isNull || state.ldtr.selector & ~3 == 0 {
        lines = [StyledLine("LDT ", .heading), StyledLine("There is none: LDTR is null.")]
      } else {
        // A descriptor table has 8192 entries at most.
        let limit = UInt64(min(state.ldtr.limit, 0xFFFF))
        lines =
          [heading(state.ldtr.base, limit)]
          + descriptors(machine, state.ldtr.base, limit, ti: 4, state, width)
      }
    case .idt:
      lines =
        [heading(state.idtrBase, UInt64(state.idtrLimit))]
        + (machine.mode == .real ? vectors(debugger, state) : gates(debugger, state))
    }
    return lines.window(from: first, height: height)
  }

  private func heading(_ base: UInt64, _ limit: UInt64) -> StyledLine {
    var line = StyledLine(table.name + " ", .heading)
    line.add("at ", .faint)
    line.add("0x" + String(base, radix: 16), .address)
    line.add(", limit 0x" + String(limit, radix: 16), .faint)
    return line
  }

  private static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// A descriptor in words; that it is present goes without saying.
  static func words(_ low: UInt64, _ high: UInt64, isLong: Bool) -> String {
    Words.descriptor(low, high, isLong: isLong).split(separator: ",").filter { $0 != " present" }
      .joined(separator: ",")
  }

  /// Null entries are left out.
  private func descriptors(
    _ machine: Machine, _ base: UInt64, _ limit: UInt64, ti: UInt64, _ state: ArchitecturalState,
    _ width: Int
  ) -> [StyledLine] {
    let bytes = machine.readLinear(base, count: Int(limit) + 1)
    let isLong = state.efer >> 10 & 1 != 0
    var lines: [StyledLine] = []
    var at = 0
    while at + 8 <= bytes.count {
      let low = Self.word(bytes[at...])
      // System descriptors of IA-32e mode have 16 bytes (SDM Vol. 3, "Segment Descriptor Tables in IA-32e Mode").
      let isWide = isLong && low >> 44 & 1 == 0 && low >> 40 & 15 != 0 && at + 16 <= bytes.count
      let high = isWide ? Self.word(bytes[(at + 8)...]) : 0
      if low != 0 || high != 0 {
        var line = StyledLine(Digits.hex(UInt64(at) | ti, 4), .address)
        line.add("  ")
        lines += line.wrapping(Self.words(low, high, isLong: isLong), indent: 6, width: width)
        let users = holders(UInt16(truncatingIfNeeded: UInt64(at) | ti), state)
        if !users.isEmpty { lines[lines.count - 1].add(users.joined(separator: " "), .name) }
      }
      at += isWide ? 16 : 8
    }
    if bytes.count < Int(limit) + 1 { lines.append(StyledLine("The rest is not mapped.", .faint)) }
    return lines
  }

  /// The segment registers that hold a selector.
  private func holders(_ selector: UInt16, _ state: ArchitecturalState) -> [String] {
    let names = ["ES", "CS", "SS", "DS", "FS", "GS"]
    var holders: [String] = []
    for (name, register) in zip(names, state.segments) where register.selector & ~3 == selector {
      holders.append(name)
    }
    if state.ldtr.selector & ~3 == selector { holders.append("LDTR") }
    if state.tr.selector & ~3 == selector { holders.append("TR") }
    return holders
  }

  private func gates(_ debugger: Debugger, _ state: ArchitecturalState) -> [StyledLine] {
    let isLong = state.efer >> 10 & 1 != 0
    let size = isLong ? 16 : 8
    let count = min((Int(state.idtrLimit) + 1) / size, 256)
    let bytes = debugger.machine.readLinear(state.idtrBase, count: count * size)
    var lines: [StyledLine] = []
    for vector in 0..<(bytes.count / size) {
      let low = Self.word(bytes[(vector * size)...])
      let high = isLong ? Self.word(bytes[(vector * size + 8)...]) : 0
      guard low != 0 || high != 0 else { continue }
      var line = StyledLine(Self.name(vector), .address)
      line.pad(to: 10)
      line.add(Self.words(low, high, isLong: isLong))
      let fields = DescriptorFields(low, high)
      if let name = debugger.symbols.name(of: fields.gateOffset) { line.add("  " + name, .name) }
      lines.append(line)
    }
    if bytes.count < count * size { lines.append(StyledLine("The rest is not mapped.", .faint)) }
    return lines.isEmpty ? [StyledLine("All entries are empty.", .faint)] : lines
  }

  /// The interrupt vector table of real-address mode, four bytes an entry (SDM Vol. 3, "Interrupt and Exception
  /// Handling" in real-address mode).
  private func vectors(_ debugger: Debugger, _ state: ArchitecturalState) -> [StyledLine] {
    let count = min((Int(state.idtrLimit) + 1) / 4, 256)
    let bytes = debugger.machine.readLinear(state.idtrBase, count: count * 4)
    return (0..<(bytes.count / 4)).map { vector in
      let entry = Self.word(bytes[(vector * 4)...]) & 0xFFFF_FFFF
      var line = StyledLine(Self.name(vector), .address)
      line.pad(to: 10)
      line.add(Digits.hex(entry >> 16, 4) + ":" + Digits.hex(entry & 0xFFFF, 4))
      return line
    }
  }

  private static func name(_ vector: Int) -> String {
    Digits.hex(UInt64(vector), 2) + " " + Words.vector(UInt8(truncatingIfNeeded: vector)).drop { $0 != "(" }
  }
}
