import ApusMachine

/// Bytes of memory, in hexadecimal and as ASCII characters.
package struct MemoryView {
  package var address: UInt64
  /// Whether it is a physical address, not a linear one.
  package var isPhysical = false

  package init(at address: UInt64) { self.address = address }

  /// What a line has room for: digits of its address, and bytes.
  private func shape(_ machine: Machine, width: Int) -> (digits: Int, count: Int) {
    let digits = isPhysical ? 10 : AddressStyle(machine).digits
    for (digits, count) in [
      (digits, 16), (min(digits, 8), 16), (digits, 8), (min(digits, 8), 8), (min(digits, 8), 4),
    ]
    where digits + 2 + count * 4 <= width {
      return (digits, count)
    }
    return (min(digits, 4), 1)
  }

  /// Goes on or back by lines.
  package mutating func move(by lines: Int, _ machine: Machine, width: Int) {
    let count = Int64(shape(machine, width: width).count) * Int64(lines)
    address = clamped(address &+ UInt64(bitPattern: count), machine)
  }

  private func clamped(_ address: UInt64, _ machine: Machine) -> UInt64 {
    isPhysical ? address & 0xFF_FFFF_FFFF : address & AddressStyle(machine).mask
  }

  private func heading(_ machine: Machine) -> StyledLine {
    var line = StyledLine(isPhysical ? "physical " : "linear ", .heading)
    line.add("0x" + String(address, radix: 16), .address)
    if !isPhysical {
      let place = machine.physicalAddress(address)
      line.add(place.map { " is physical 0x" + String($0, radix: 16) } ?? " is not mapped", .faint)
    }
    return line
  }

  /// The lines of a pane; the first says where that is.
  package func lines(_ debugger: Debugger, width: Int, height: Int) -> [StyledLine] {
    guard height > 0 else { return [] }
    let machine = debugger.machine
    let (digits, count) = shape(machine, width: width)
    var lines = [heading(machine)]
    var at = clamped(address, machine)
    while lines.count < height {
      let bytes = isPhysical ? machine.readPhysical(at, count: count) : machine.readLinear(at, count: count)
      var line = StyledLine(Digits.hex(at, digits), .address)
      for index in 0..<count {
        line.add(index == 8 ? "  " : " ")
        if index < bytes.count {
          line.add(Digits.byte(bytes[index]), style(of: at &+ UInt64(index), bytes[index], debugger))
        } else {
          line.add("··", .faint)
        }
      }
      line.add(" ")
      line.add(String(decoding: bytes.map { 0x20...0x7E ~= $0 ? $0 : UInt8(ascii: ".") }, as: UTF8.self))
      lines.append(line)
      at = clamped(at &+ UInt64(count), machine)
    }
    return lines
  }

  private func style(of address: UInt64, _ byte: UInt8, _ debugger: Debugger) -> TextStyle {
    if !isPhysical, debugger.stopPoints.watches.contains(where: { address &- $0.start < $0.size }) {
      return .mark
    }
    return byte == 0 ? .faint : .plain
  }
}
