import ApusCPU
import ApusDevices
import ApusMachine

/// What a user of GDB asks with `monitor`: what GDB itself has no words for.
struct MonitorCommands {
  private let debugger: Debugger

  init(_ debugger: Debugger) { self.debugger = debugger }

  private static let help = """
    when                       instructions retired, and from and to when one can go
    goto N                     go to the moment at which N instructions were retired
    explain [N]                execute N instructions (1) and tell what each did
    walk ADDRESS [write|fetch] [user]
                               what a walk of the page tables finds for an access
    lastwrite ADDRESS [SIZE]   who wrote last to the bytes at a linear address
    registers                  all registers as Apus writes them
    devices [NAME]             what is in the chips: in all of them, or in those with NAME in theirs
    statehash                  a hash of all that decides what the machine does next

    Numbers are decimal, or hexadecimal with 0x.

    """

  func answer(_ text: String) throws(MachineError) -> String {
    let words = text.split(separator: " ").map { String($0) }
    let arguments = Array(words.dropFirst())
    switch words.first {
    case "help", nil: return Self.help
    case "when": return when()
    case "goto": return try goTo(arguments)
    case "explain": return try explain(arguments)
    case "walk": return walk(arguments)
    case "lastwrite": return try lastWrite(arguments)
    case "registers": return debugger.machine.report
    case "devices": return devices(arguments.joined(separator: " "))
    case "statehash": return Words.hex(debugger.machine.stateHash(), 16) + "\n"
    case let other?: return "'\(other)' is no command of Apus's; 'monitor help' lists them\n"
    }
  }

  /// Decimal digits, or hexadecimal ones after 0x.
  private func number(_ text: String) -> UInt64? {
    text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
  }

  private func when() -> String {
    let now = debugger.machine.instructions
    guard let history = debugger.history else { return "\(now) instructions; there is no way back\n" }
    return "\(now) instructions, of \(history.start) to \(history.end)\n"
  }

  private func goTo(_ arguments: [String]) throws(MachineError) -> String {
    guard arguments.count == 1, let target = number(arguments[0]) else {
      return "goto: which number of instructions?\n"
    }
    guard let history = debugger.history else { return "there is no way back\n" }
    try history.seek(to: target)
    return when()
      + "GDB does not know that the machine is elsewhere: 'maintenance flush register-cache' tells it\n"
  }

  private func explain(_ arguments: [String]) throws(MachineError) -> String {
    let count = arguments.isEmpty ? 1 : arguments.first.flatMap { number($0) } ?? 0
    guard count > 0, count <= 1000 else { return "explain: 1 to 1000 instructions\n" }
    var text = ""
    for _ in 0..<count {
      let (notes, reason) = try Explainer(debugger).step()
      for note in notes { for line in note.lines() { text += line + "\n" } }
      guard reason == .step else { break }
    }
    return text + "GDB does not know that the machine went on: 'maintenance flush register-cache' tells it\n"
  }

  private func walk(_ arguments: [String]) -> String {
    guard let first = arguments.first, let address = number(first) else { return "walk: which address?\n" }
    let notes = Explainer(debugger).walk(
      address, isWrite: arguments.contains("write"), isFetch: arguments.contains("fetch"),
      isUser: arguments.contains("user"))
    return notes.flatMap { $0.lines() }.joined(separator: "\n") + "\n"
  }

  private func devices(_ name: String) -> String {
    let all = debugger.machine.deviceDescriptions
    let wanted = name.isEmpty ? all : all.filter { $0.isMeant(by: name) }
    guard !wanted.isEmpty else {
      return "no device has '\(name)' in its name; there are " + all.map(\.name).joined(separator: ", ")
        + "\n"
    }
    return wanted.map(text).joined(separator: "\n")
  }

  private func text(_ device: DeviceDescription) -> String {
    let column = (device.rows.map(\.name.utf8.count).max() ?? 0) + 2
    var text = device.name + "\n"
    for row in device.rows {
      let gap = String(repeating: " ", count: max(column - row.name.utf8.count, 0))
      text += "  " + row.name + gap + row.value + "\n"
    }
    return text
  }

  private func lastWrite(_ arguments: [String]) throws(MachineError) -> String {
    guard let first = arguments.first, let address = number(first) else {
      return "lastwrite: which address?\n"
    }
    let size = arguments.count > 1 ? number(arguments[1]) ?? 0 : 1
    guard (1...4096).contains(size) else { return "lastwrite: 1 to 4096 bytes\n" }
    guard let history = debugger.history else { return "there is no way back\n" }
    guard let physical = debugger.machine.physicalAddress(address) else { return "nothing is mapped there\n" }
    guard physical & 0xFFF + size <= 4096 else { return "lastwrite: the bytes must lie in one page\n" }
    guard let write = try history.lastWrite(to: physical..<physical + size) else {
      return "nobody has written there since instruction \(history.start)\n"
    }
    let name = debugger.symbols.name(of: write.linear).map { " <\($0)>" } ?? ""
    return write.isDevice
      ? "a device, at instruction \(write.instructions)\n"
      : "the instruction at \(Words.hex(write.linear))\(name), number \(write.instructions)\n"
  }
}
