import ApusCPU
import ApusInstructionSet
import ApusMachine

/// The instructions at some addresses, with what stops there.
package struct CodeView {
  /// Linear addresses: of the first line, and of the cursor.
  package private(set) var top: UInt64
  package private(set) var cursor: UInt64

  package init(at address: UInt64) { (top, cursor) = (address, address) }

  /// An instruction, or bytes that cannot be read.
  private struct Row {
    let linear: UInt64
    let bytes: [UInt8]
    /// Nil where nothing is mapped.
    let instruction: Instruction?
    /// The name of this very address.
    let label: String?

    var lines: Int { label == nil ? 1 : 2 }
    var length: UInt64 { UInt64(instruction?.length ?? 1) }
  }

  /// The rows that `height` lines have room for; the last may be cut.
  private static func rows(_ debugger: Debugger, from top: UInt64, height: Int) -> [Row] {
    let (machine, mode) = (debugger.machine, debugger.codeMode)
    let style = AddressStyle(machine)
    var rows: [Row] = []
    var (at, lines) = (top, 0)
    var window: [UInt8] = []
    var start = top
    while lines < height {
      // The address space may end within the pane.
      var done = (at &- start) & style.mask
      if done &+ 15 > UInt64(window.count) {
        (start, window, done) = (at, machine.readLinear(at, count: max((height - lines) * 5, 16)), 0)
      }
      let bytes = Array(window.dropFirst(Int(done)).prefix(15))
      let decoded =
        bytes.isEmpty ? nil : Disassembler.decode(bytes, at: style.offset(at), mode: mode)
      let name = debugger.symbols.name(of: at)
      rows.append(
        Row(
          linear: at, bytes: Array(bytes.prefix(decoded?.length ?? 0)), instruction: decoded,
          label: name?.contains("+") == false ? name : nil))
      lines += rows[rows.count - 1].lines
      at = (at &+ rows[rows.count - 1].length) & style.mask
    }
    return rows
  }

  // MARK: Moving

  /// Shows `address` with the cursor on it; if it is not shown already, a third down from the top.
  package mutating func show(_ address: UInt64, _ debugger: Debugger, height: Int) {
    cursor = address
    let whole = Self.rows(debugger, from: top, height: height)
    let shown = whole.prefix(max(whole.count - 2, 1))
    if shown.contains(where: { $0.linear == address }) { return }
    top = Self.before(address, count: height / 3, debugger)
  }

  /// Moves the cursor by instructions.
  package mutating func move(by count: Int, _ debugger: Debugger, height: Int) {
    if count < 0 {
      let target = Self.before(cursor, count: -count, debugger)
      let isShown = Self.rows(debugger, from: top, height: height).contains { $0.linear == target }
      cursor = target
      if !isShown { top = target }
      return
    }
    let rows = Self.rows(debugger, from: cursor, height: 2 * (count + 1))
    cursor = rows[min(count, rows.count - 1)].linear
    for _ in 0..<(count + 2) {
      let shown = Self.rows(debugger, from: top, height: height)
      guard shown.count > 1 else { return top = cursor }
      // The last row may have its label alone.
      if shown.dropLast().contains(where: { $0.linear == cursor }) { return }
      top = shown[1].linear
    }
    top = cursor
  }

  /// The address `count` instructions before `address`. Code cannot be read backwards: of the ways to arrive at
  /// `address`, the one from furthest away that meets the fewest bytes that are no instruction.
  static func before(_ address: UInt64, count: Int, _ debugger: Debugger) -> UInt64 {
    guard count > 0 else { return address }
    let (machine, mode) = (debugger.machine, debugger.codeMode)
    let style = AddressStyle(machine)
    var best: (bad: Int, start: UInt64)?
    let farthest = min(count * 5 + 15, 400)
    for distance in (max(farthest - 15, 1)...farthest).reversed() {
      let start = (address &- UInt64(distance)) & style.mask
      let bytes = machine.readLinear(start, count: distance)
      guard bytes.count == distance else { continue }
      var (at, bad) = (0, 0)
      var starts: [Int] = []
      while at < distance {
        let instruction = Disassembler.decode(
          bytes.dropFirst(at).prefix(15), at: style.offset(start &+ UInt64(at)), mode: mode)
        if instruction.outcome != .defined { bad += 1 }
        starts.append(at)
        at += instruction.length
      }
      guard at == distance, best.map({ bad < $0.bad }) ?? true else { continue }
      best = (bad, start &+ UInt64(starts[max(starts.count - count, 0)]))
    }
    return (best?.start ?? address &- UInt64(count)) & style.mask
  }

  // MARK: Drawing

  /// The lines of a pane.
  package func lines(_ debugger: Debugger, width: Int, height: Int) -> [StyledLine] {
    guard height > 0 else { return [] }
    let style = AddressStyle(debugger.machine)
    let next = debugger.machine.codeAddress
    let breakpoints = debugger.stopPoints.breakpoints
    var lines: [StyledLine] = []
    for row in Self.rows(debugger, from: top, height: height) {
      if let label = row.label { lines.append(StyledLine("  " + label + ":", .name)) }
      var line = StyledLine()
      line.add(breakpoints.contains(row.linear) ? "●" : " ", .mark)
      line.add(row.linear == next ? "▶" : " ", .changed)
      line.add(style.code(row.linear), .address)
      addBytes(row, to: &line, count: (width - style.codeWidth - 36) / 3)
      line.add(" ")
      addInstruction(row, to: &line, style, debugger)
      switch (row.linear == next, row.linear == cursor) {
      case (true, true): line.style = .currentAndSelected
      case (true, false): line.style = .current
      case (false, true): line.style = .selected
      case (false, false): break
      }
      lines.append(line)
    }
    return Array(lines.prefix(height))
  }

  /// As many bytes as there is room for, at most eight.
  private func addBytes(_ row: Row, to line: inout StyledLine, count: Int) {
    let count = min(count, 8)
    guard count >= 4 else { return }
    let isCut = row.bytes.count > count
    var text = ""
    for byte in row.bytes.prefix(count) { text += " " + Digits.byte(byte) }
    text += String(repeating: " ", count: 3 * count - text.utf8.count) + (isCut ? "+" : " ")
    line.add(text, .faint)
  }

  private func addInstruction(
    _ row: Row, to line: inout StyledLine, _ style: AddressStyle, _ debugger: Debugger
  ) {
    guard let instruction = row.instruction else { return line.add("not mapped", .faint) }
    line.add(instruction.text(), instruction.outcome == .defined ? .plain : .faint)
    let place = instruction.target.map { style.linear($0) } ?? instruction.relativeAddress
    if let name = place.flatMap({ debugger.symbols.name(of: $0) }) { line.add(" <\(name)>", .name) }
  }
}
