import ApusCPU
import ApusMachine

/// What the stack pointer points to, in words of the stack's size.
package struct StackView {
  /// By how many words the first line is not that of the stack pointer.
  package var offset = 0

  package init() {}

  /// Bytes of a word (SDM Vol. 1, "Stack Alignment", "Address-Size Attributes for Stack Accesses"): in real-address mode
  /// and on 16-bit stacks two.
  private static func wordSize(_ machine: Machine) -> UInt64 {
    switch machine.mode {
    case .long64: 8
    case .protected32, .compatibility32: machine.state.segments[2].attributes >> 14 & 1 != 0 ? 4 : 2
    default: 2
    }
  }

  /// The lines of a pane.
  package func lines(_ debugger: Debugger, width: Int, height: Int) -> [StyledLine] {
    guard height > 0 else { return [] }
    let machine = debugger.machine
    let state = machine.state
    let size = Self.wordSize(machine)
    let isLong = machine.mode == .long64
    let style = AddressStyle(machine)
    let base = isLong ? 0 : state.segments[2].base
    let mask: UInt64 = isLong ? .max : state.segments[2].attributes >> 14 & 1 != 0 ? 0xFFFF_FFFF : 0xFFFF
    let (top, frame) = (state.registers[4] & mask, state.registers[5] & mask)
    var heading = StyledLine("stack ", .heading)
    if !isLong { heading.add(Digits.hex(UInt64(state.segments[2].selector), 4) + ":", .address) }
    heading.add("0x" + String(top, radix: 16), .address)
    heading.add("  \(size) bytes a line", .faint)
    var lines = [heading]
    for index in 0..<(height - 1) {
      let pointer = (top &+ UInt64(bitPattern: Int64(offset + index)) &* size) & mask
      let at = (pointer &+ base) & style.mask
      let bytes = machine.readLinear(at, count: Int(size))
      var line = StyledLine(Digits.hex(at, style.digits), .address)
      line.add("  ")
      guard bytes.count == Int(size) else {
        line.add("not mapped", .faint)
        lines.append(line)
        continue
      }
      let value = bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
      line.add(Digits.hex(value, Int(size) * 2))
      if pointer == top { line.add(isLong ? "  RSP" : "  SP", .heading) }
      if pointer == frame { line.add(isLong ? "  RBP" : "  BP", .heading) }
      if let name = debugger.symbols.name(of: value) { line.add("  " + name, .name) }
      lines.append(line)
    }
    return lines
  }
}
