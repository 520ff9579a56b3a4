import ApusCPU
import ApusMachine

/// What the processor's walk of the page tables finds for an address.
package struct PageWalkView {
  /// The access that is asked about.
  package enum Access: Int, CaseIterable, Sendable {
    case read, write, fetch

    package var name: String { ["read", "write", "instruction fetch"][rawValue] }
    package var next: Access { Access(rawValue: (rawValue + 1) % Access.allCases.count) ?? .read }
  }

  package var address: UInt64
  package var access = Access.read
  /// Made at CPL 3.
  package var isUser = false

  package init(of address: UInt64) { self.address = address }

  /// What is told of the walk. Nothing of the machine changes: see `Machine.showWalk`.
  private func events(_ machine: Machine) -> [ProcessorEvent] {
    machine.told(.pageWalks) {
      machine.showWalk(address, isWrite: access == .write, isFetch: access == .fetch, isUser: isUser)
    }.map { $0.event }
  }

  /// The lines of a pane.
  package func lines(_ debugger: Debugger, width: Int, height: Int, from first: Int = 0) -> [StyledLine] {
    let machine = debugger.machine
    var heading = StyledLine("walk for ", .heading)
    heading.add(
      "0x" + Digits.hex(address & AddressStyle(machine).mask, AddressStyle(machine).digits), .address)
    heading.add(", a \(isUser ? "user" : "supervisor") \(access.name)", .heading)
    if let name = debugger.symbols.name(of: address) { heading.add("  " + name, .name) }
    var lines = [heading]
    let state = machine.state
    guard state.cr0 >> 31 & 1 != 0 else {
      lines.append(StyledLine("Paging is off (CR0.PG = 0): the linear address is the physical one."))
      return lines.window(from: first, height: height)
    }
    var last: (level: UInt8, value: UInt64)?
    for event in events(machine) {
      switch event {
      case .walk(let start): lines.append(root(start, state))
      case .walkEntry(let entry):
        lines += text(entry, state, width)
        last = (entry.level, entry.value)
      case .walkResult(let result): lines += text(result, last?.level)
      default: break
      }
    }
    return lines.window(from: first, height: height)
  }

  private func root(_ start: PageWalkStart, _ state: ArchitecturalState) -> StyledLine {
    let isPAE = state.cr4 >> 5 & 1 != 0 && state.efer >> 10 & 1 == 0
    var line = StyledLine(isPAE ? "PDPTE register \(start.linear >> 30 & 3) " : "CR3 ", .plain)
    line.add(Digits.hex(start.root, 16), .address)
    line.add("  " + kind(state), .faint)
    return line
  }

  /// SDM Vol. 3, "Paging Modes".
  private func kind(_ state: ArchitecturalState) -> String {
    if state.cr4 >> 5 & 1 == 0 { return "32-bit paging" }
    if state.efer >> 10 & 1 == 0 { return "PAE paging" }
    return state.cr4 >> 12 & 1 != 0 ? "5-level paging" : "4-level paging"
  }

  private func text(_ entry: PageWalkEntry, _ state: ArchitecturalState, _ width: Int) -> [StyledLine] {
    let isNarrow = state.cr4 >> 5 & 1 == 0
    var line = StyledLine(Words.entryName(entry.level), .heading)
    line.pad(to: 6)
    line.add(Digits.hex(entry.value, isNarrow ? 8 : 16))
    let size: UInt64 = isNarrow ? 4 : 8
    line.add(" at ", .faint)
    line.add("0x" + String(entry.address, radix: 16), .address)
    line.add(", entry \((entry.address & 0xFFF) / size)", .faint)
    let words = Self.words(entry, isNarrow: isNarrow, state).joined(separator: ", ")
    return [line] + StyledLine("      ").wrapping(words, indent: 6, width: width)
  }

  /// The bits of a paging-structure entry (SDM Vol. 3, "Paging", figures of the formats of entries).
  private static func words(_ entry: PageWalkEntry, isNarrow: Bool, _ state: ArchitecturalState) -> [String] {
    let value = entry.value
    guard value & 1 != 0 else { return ["not present"] }
    let hasLargePages = !isNarrow || state.cr4 >> 4 & 1 != 0
    let isLarge = entry.level == 2 || entry.level == 3
    let isLeaf = entry.level == 1 || isLarge && hasLargePages && value & 0x80 != 0
    var words = [
      "present", value & 2 != 0 ? "writable" : "read-only", value & 4 != 0 ? "user" : "supervisor",
    ]
    if value & 8 != 0 { words.append("write-through") }
    if value & 0x10 != 0 { words.append("cache disabled") }
    words.append(value & 0x20 != 0 ? "accessed" : "not accessed")
    if isLeaf {
      words.append(value & 0x40 != 0 ? "dirty" : "clean")
      if value & 0x100 != 0 { words.append("global") }
      if entry.level > 1 {
        words.append(entry.level == 3 ? "1 GiB page" : isNarrow ? "4 MiB page" : "2 MiB page")
      }
      let key = value >> 59 & 15
      if !isNarrow && state.cr4 >> 22 & 1 != 0 { words.append("protection key \(key)") }
    }
    if !isNarrow && value >> 63 != 0 { words.append("execute-disable") }
    return words
  }

  private func text(_ result: PageWalkResult, _ level: UInt8?) -> [StyledLine] {
    guard result.rule == .permitted else {
      let place = level.map { " in the " + Words.entryName($0) } ?? ""
      let which = result.rule == .notPresent || result.rule == .reservedBit ? place : ""
      return [StyledLine("Page fault\(which): " + result.rule.text, .bad)]
    }
    var line = StyledLine("Permitted: ", .good)
    line.add("physical ")
    line.add("0x" + String(result.physical, radix: 16), .address)
    line.add(", in a page of " + Words.pageSize(result.pageShift), .faint)
    return [line]
  }
}
