// The commands that look at the machine.

let commands: [Command] = [
  Command(name: "help", usage: "", text: "this list", most: 0, run: helpCommand),
  Command(name: "cpu", usage: "", text: "what CPUID says of the processor", most: 0, run: cpuCommand),
  Command(name: "mem", usage: "", text: "where RAM is; summary of the page tables", most: 0, run: memCommand),
  Command(
    name: "walk", usage: " ADDRESS", text: "page-table entries of an address", most: 1, run: walkCommand),
  Command(
    name: "dump", usage: " ADDRESS [N]", text: "N bytes (64) from an address", most: 2, run: dumpCommand),
  Command(name: "regs", usage: "", text: "registers, control registers, segments", most: 0, run: regsCommand),
  Command(name: "ticks", usage: "", text: "timer interrupts since the start", most: 0, run: ticksCommand),
  Command(
    name: "fault", usage: " [NAME]", text: "provokes and explains exceptions", most: 1, run: faultCommand),
  Command(name: "bench", usage: "", text: "a few loops of known length, timed", most: 0, run: benchCommand),
  Command(name: "reboot", usage: "", text: "resets the machine", most: 0, run: rebootCommand),
  Command(name: "halt", usage: "", text: "turns the machine off", most: 0, run: haltCommand),
]

private func helpCommand(_ arguments: Arguments) {
  for command in commands {
    say("  ")
    say(command.name)
    sayPadded(command.usage, 22 - command.name.utf8CodeUnitCount)
    sayLine(command.text)
  }
  sayLine("Addresses are hexadecimal: 100000, 0x100000 or 100000h.")
}

private func faultCommand(_ arguments: Arguments) { Faults.command(arguments) }

/// The address given as the first word after the name; says what is wrong if there is none.
private func address(_ arguments: Arguments) -> UInt64? {
  guard arguments.count > 1 else {
    sayLine("an address is missing; for example: walk 100000")
    return nil
  }
  if let result = arguments.hexadecimal(1) { return result }
  say("\"")
  arguments.say(1)
  sayLine("\" is not an address: give 1 to 16 hexadecimal digits, such as 100000 or 0xFFFF0000")
  return nil
}

private func memCommand(_ arguments: Arguments) {
  sayLine("Memory map, as a BIOS would give it by INT 15h E820h (here from CMOS):")
  for index in 0..<MemoryMap.count {
    let range = MemoryMap[index]
    say("  ")
    sayHex(range.start, 16)
    say("-")
    sayHex(range.end - 1, 16)
    sayPadded(range.usable ? "  usable" : "  reserved", 12)
    say(range.text)
    say(", ")
    saySize(range.length)
    sayLine()
  }
  say("  usable in all: ")
  saySize(MemoryMap.usableBytes)
  sayLine()
  var summary = PageSummary()
  summary.add(table: readCR3() & ~0xFFF)
  summary.report()
}

/// Counts over all page tables.
private struct PageSummary {
  private var tables: UInt64 = 0
  private var small: UInt64 = 0
  private var large: UInt64 = 0
  private var writable: UInt64 = 0
  private var executable: UInt64 = 0
  private var user: UInt64 = 0
  private var both: UInt64 = 0

  /// Visits PML4, PDPTs, page directories and page tables, four levels and no more.
  mutating func add(table: UInt64) {
    tables += 1
    for first in 0..<UInt64(512) {
      guard let pointers = next(table, first) else { continue }
      for second in 0..<UInt64(512) {
        guard let directory = next(pointers, second) else { continue }
        for third in 0..<UInt64(512) {
          let entry = Paging.entry(directory + third * 8)
          if entry.isPresent, entry.has(PageEntry.large) {
            large += 1
            count(entry, 0x20_0000)
          } else if let pages = next(directory, third) {
            for fourth in 0..<UInt64(512) {
              let page = Paging.entry(pages + fourth * 8)
              guard page.isPresent else { continue }
              small += 1
              count(page, 0x1000)
            }
          }
        }
      }
    }
  }

  private mutating func next(_ table: UInt64, _ index: UInt64) -> UInt64? {
    let entry = Paging.entry(table + index * 8)
    guard entry.isPresent else { return nil }
    tables += 1
    return entry.physical
  }

  private mutating func count(_ entry: PageEntry, _ size: UInt64) {
    let isExecutable = !entry.has(PageEntry.noExecute)
    if entry.has(PageEntry.writable) { writable += size }
    if isExecutable { executable += size }
    if entry.has(PageEntry.user) { user += size }
    if entry.has(PageEntry.writable), isExecutable { both += size }
  }

  func report() {
    say("Page tables: ")
    sayDecimal(tables)
    say(" tables from CR3 ")
    sayHex(readCR3(), 16)
    sayLine(", 4-level paging")
    line("  4 KiB pages  ", small, small << 12)
    line("  2 MiB pages  ", large, large << 21)
    line("  writable     ", nil, writable)
    line("  executable   ", nil, executable)
    line("  both         ", nil, both)
    line("  for ring 3   ", nil, user)
  }

  private func line(_ text: StaticString, _ pages: UInt64?, _ bytes: UInt64) {
    say(text)
    if let pages {
      sayDecimal(pages, width: 8)
      say(" = ")
    } else {
      sayPadding(11)
    }
    saySize(bytes)
    sayLine()
  }
}

private let tableNames: InlineArray<4, StaticString> = ["PML4E", "PDPTE", "PDE", "PTE"]

private func walkCommand(_ arguments: Arguments) {
  guard let linear = address(arguments) else { return }
  guard Paging.isCanonical(linear) else {
    sayHex(linear, 16)
    sayLine(" is not canonical: bits 63-47 differ, so any access is #GP")
    return
  }
  let walk = Paging.walk(linear)
  say("CR3 ")
  sayHex(readCR3(), 16)
  sayLine()
  for level in 0..<walk.count {
    let entry = walk.entries[level]
    sayPadded(tableNames[level], 6)
    sayDecimal(Paging.index(linear, level: level), width: 3)
    say(" at ")
    sayHex(walk.places[level], 8)
    say(": ")
    sayHex(entry.raw, 16)
    say("  ")
    describe(entry, isLeaf: walk.isMapped && level == walk.count - 1)
    sayLine()
  }
  sayHex(linear, 16)
  guard walk.isMapped else {
    sayLine(" is not mapped: any access is #PF")
    return
  }
  say(" is physical ")
  sayHex(walk.physical, 16)
  say(" in a page of ")
  saySize(1 << walk.pageShift)
  say(": the kernel may ")
  permissions(write: walk.writable, execute: walk.executable)
  say("; ring 3 may ")
  if walk.user {
    permissions(write: walk.writable, execute: walk.executable)
  } else {
    say("do nothing")
  }
  sayLine()
}

private func permissions(write: Bool, execute: Bool) {
  var words = WordList()
  words.add("read")
  words.add("write", if: write)
  words.add("execute", if: execute)
}

private func describe(_ entry: PageEntry, isLeaf: Bool) {
  var words = WordList()
  guard entry.isPresent else {
    words.add("not present")
    return
  }
  words.add(entry.has(PageEntry.writable) ? "writable" : "read-only")
  words.add(entry.has(PageEntry.user) ? "user" : "supervisor")
  words.add("write-through", if: entry.has(1 << 3))
  words.add("uncached", if: entry.has(1 << 4))
  words.add("accessed", if: entry.has(1 << 5))
  words.add("dirty", if: isLeaf && entry.has(1 << 6))
  words.add("global", if: isLeaf && entry.has(PageEntry.global))
  words.add("no-execute", if: entry.has(PageEntry.noExecute))
}

private func dumpCommand(_ arguments: Arguments) {
  guard let start = address(arguments) else { return }
  var length: UInt64 = 64
  if arguments.count > 2 {
    guard let given = arguments.decimal(2), given >= 1, given <= 4096 else {
      say("\"")
      arguments.say(2)
      sayLine("\" is not a number of bytes from 1 to 4096")
      return
    }
    length = given
  }
  var linear = start
  while length > 0 {
    let walk = Paging.walk(linear)
    sayHex(linear, 16)
    guard walk.isMapped else {
      sayLine(Paging.isCanonical(linear) ? "  not mapped" : "  not canonical")
      return
    }
    guard !walk.uncached else {
      sayLine("  device registers: reading them could change the device")
      return
    }
    let count = min(16 - (linear & 15), length)
    dumpLine(linear, count)
    length -= count
    let (next, overflow) = linear.addingReportingOverflow(count)
    if overflow { return }
    linear = next
  }
}

/// `count` bytes from `linear`, in the columns of their line of 16.
private func dumpLine(_ linear: UInt64, _ count: UInt64) {
  let skipped = Int(linear & 15)
  say(" ")
  for column in 0..<16 {
    let index = column - skipped
    guard index >= 0, index < Int(count) else {
      say("   ")
      continue
    }
    say(" ")
    sayHex(UInt64(pointer(linear + UInt64(index)).load(as: UInt8.self)), 2)
  }
  say("  ")
  sayPadding(skipped)
  for index in 0..<count {
    let byte = pointer(linear + index).load(as: UInt8.self)
    Serial.write(byte >= 0x20 && byte < 0x7F ? byte : 0x2E)
  }
  sayLine()
}

private func ticksCommand(_ arguments: Arguments) {
  let ticks = readTicks()
  sayDecimal(ticks)
  say(" timer interrupts, 100 a second: ")
  sayDecimal(ticks / 100)
  say(".")
  sayHex(ticks % 100 / 10, 1)
  sayHex(ticks % 10, 1)
  sayLine(" s since the timer was started")
}

private func benchCommand(_ arguments: Arguments) {
  if benchBuffer == 0 { benchBuffer = Paging.allocate(10) }
  let buffer = pointer(benchBuffer)
  sayLine("loop            instructions   ticks of 10 ms")
  measure("integer", 96_000_000) { loopInteger(12_000_000) }
  measure("memory", 96_000_000) { loopMemory(16_000_000, buffer) }
  measure("call and return", 96_000_000) { loopCall(16_000_000) }
  measure("branch", 95_000_000) { loopBranch(19_000_000) }
  measure("REP MOVSQ", 1_572_864, mebibytes: 1024) { loopString(262_144, buffer, buffer + 4096) }
}

nonisolated(unsafe) private var benchBuffer: UInt64 = 0

/// Runs one loop; the rate is in instructions, or in bytes where one instruction moves many.
private func measure(
  _ name: StaticString, _ instructions: UInt64, mebibytes: UInt64 = 0, _ body: () -> Void
) {
  let first = readTicks()
  body()
  let ticks = readTicks() - first
  sayPadded(name, 16)
  sayDecimal(instructions, width: 12)
  sayDecimal(ticks, width: 17)
  if ticks > 0 {
    say("   ")
    sayDecimal(mebibytes > 0 ? mebibytes * 100 / ticks : instructions / (ticks * 10_000))
    say(mebibytes > 0 ? " MiB a second" : " million a second")
  }
  sayLine()
}
