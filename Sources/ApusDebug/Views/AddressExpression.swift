import ApusCPU
import ApusMachine

/// What a person types for an address or a moment.
package enum AddressExpression {
  /// Sums and differences of hexadecimal numbers, registers and symbols, perhaps after a segment register and a colon:
  /// `7c00`, `rsp+10`, `ds:si`, `main+0x20`. Nil if it is none. A word that is a register and a number is the register.
  package static func evaluate(_ text: String, _ debugger: Debugger) -> UInt64? {
    let state = debugger.machine.state
    var rest = Substring(text.filter { $0 != " " })
    var sum: UInt64 = 0
    if let colon = rest.firstIndex(of: ":") {
      guard let base = base(String(rest[..<colon]), debugger) else { return nil }
      sum = base
      rest = rest[rest.index(after: colon)...]
    }
    guard !rest.isEmpty else { return nil }
    var isNegative = false
    while true {
      let end = rest.dropFirst().firstIndex { $0 == "+" || $0 == "-" } ?? rest.endIndex
      var term = rest[..<end]
      if term.first == "+" || term.first == "-" {
        isNegative = term.first == "-"
        term = term.dropFirst()
      }
      guard let value = value(String(term), state, debugger.symbols) else { return nil }
      sum = isNegative ? sum &- value : sum &+ value
      if end == rest.endIndex { return sum }
      rest = rest[end...]
    }
  }

  /// The base of a segment register, or of a number that is a segment of real-address mode.
  private static func base(_ name: String, _ debugger: Debugger) -> UInt64? {
    let names = ["es", "cs", "ss", "ds", "fs", "gs"]
    if let index = names.firstIndex(of: name.lowercased()) {
      return debugger.machine.state.segments[index].base
    }
    return number(name).flatMap { $0 <= 0xFFFF ? $0 << 4 : nil }
  }

  private static let names = [
    "ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "8", "9", "10", "11", "12", "13", "14", "15",
  ]

  private static func value(_ name: String, _ state: ArchitecturalState, _ symbols: SymbolTable) -> UInt64? {
    let lower = name.lowercased()
    switch lower {
    case "rip", "pc": return state.rip
    case "eip": return state.rip & 0xFFFF_FFFF
    case "ip": return state.rip & 0xFFFF
    case "cr2": return state.cr2
    case "cr3": return state.cr3 & ~0xFFF
    default: break
    }
    for (index, suffix) in names.enumerated() {
      if lower == "r" + suffix { return state.registers[index] }
      guard index < 8 else { continue }
      if lower == "e" + suffix { return state.registers[index] & 0xFFFF_FFFF }
      if lower == suffix { return state.registers[index] & 0xFFFF }
    }
    return symbols.address(of: name) ?? number(name)
  }

  private static func number(_ text: String) -> UInt64? {
    let digits = text.lowercased().hasPrefix("0x") ? String(text.dropFirst(2)) : text
    return digits.first == "+" || digits.first == "-" ? nil : UInt64(digits.filter { $0 != "_" }, radix: 16)
  }

  /// A moment: a count of instructions, decimal with k, M or G, from the present one on after a plus or a minus. Sums and
  /// differences stay between zero and the largest number.
  package static func moment(_ text: String, now: UInt64) -> UInt64? {
    var digits = text.filter { $0 != " " && $0 != "," && $0 != "_" }
    let sign = digits.first
    if sign == "+" || sign == "-" { digits.removeFirst() }
    var scale: UInt64 = 1
    switch digits.last {
    case "k", "K": scale = 1000
    case "m", "M": scale = 1_000_000
    case "g", "G": scale = 1_000_000_000
    default: break
    }
    if scale > 1 { digits.removeLast() }
    guard digits.first?.isNumber == true, let number = UInt64(digits) else { return nil }
    let (count, overflow) = number.multipliedReportingOverflow(by: scale)
    guard !overflow else { return nil }
    switch sign {
    case "+": return now.addingReportingOverflow(count).overflow ? .max : now + count
    case "-": return now - min(count, now)
    default: return count
    }
  }
}
