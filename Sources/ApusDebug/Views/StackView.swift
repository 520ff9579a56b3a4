import ApusCPU
import ApusMachine

/// What the stack pointer points to, in words of the stack's size.
package struct StackView {
  /// By how many words the first line is not that of the stack pointer.
  package var offset = 0

  package init() {}

  /// The lines of a pane.
  package func lines(_ debugger: Debugger, width: Int, height: Int) -> [StyledLine] {
    guard height > 0 else { return [] }
    let machine = debugger.machine
    let stack = GuestStack(machine)
    let style = AddressStyle(machine)
    var heading = StyledLine("stack ", .heading)
    if !stack.isLong {
      heading.add(Digits.hex(UInt64(machine.state.segments[2].selector), 4) + ":", .address)
    }
    heading.add("0x" + String(stack.top, radix: 16), .address)
    heading.add("  \(stack.wordSize) bytes a line", .faint)
    var lines = [heading]
    for index in offset..<(offset + height - 1) {
      let pointer = stack.pointer(index)
      var line = StyledLine(Digits.hex(stack.address(index), style.digits), .address)
      line.add("  ")
      guard let value = stack.word(index) else {
        line.add("not mapped", .faint)
        lines.append(line)
        continue
      }
      line.add(Digits.hex(value, Int(stack.wordSize) * 2))
      if pointer == stack.top { line.add(stack.isLong ? "  RSP" : "  SP", .heading) }
      if pointer == stack.frame { line.add(stack.isLong ? "  RBP" : "  BP", .heading) }
      if let name = debugger.symbols.name(of: value) { line.add("  " + name, .name) }
      lines.append(line)
    }
    return lines
  }
}
