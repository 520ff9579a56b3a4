import ApusCPU
import ApusDebug
import ApusMachine
import Testing
import apus

@Suite struct DebuggerModelTests {
  /// The guest is in 64-bit mode and has not begun to wait for input.
  private static let moment: UInt64 = 60_000

  @Test func stepsGoThereAndBack() throws {
    let bench = try DebuggerBench()
    bench.go(to: Self.moment)
    let (start, hash) = (bench.machine.instructions, bench.machine.stateHash())
    #expect(start == Self.moment && !bench.history.isInPast)
    bench.press("sss")
    let (end, later) = (bench.machine.instructions, bench.machine.stateHash())
    #expect(end > start && later != hash)
    bench.press("Sbb")
    #expect(bench.machine.instructions == end - 3 && bench.history.isInPast)
    bench.go(to: start)
    #expect(bench.machine.stateHash() == hash)
    bench.press(.end)
    #expect(
      bench.machine.stateHash() == later && !bench.history.isInPast && bench.model.message == "the present")
  }

  @Test func momentsAreGoneTo() throws {
    let bench = try DebuggerBench()
    bench.press("g70k")
    #expect(bench.model.prompt?.text == "70k")
    bench.press(.enter)
    #expect(bench.machine.instructions == 70_000 && bench.model.prompt == nil)
    bench.press("g-20,000")
    bench.press(.enter)
    #expect(bench.machine.instructions == 50_000 && bench.history.isInPast)
    bench.press("g+10")
    bench.press(.enter)
    #expect(bench.machine.instructions == 50_010)
    bench.press(.right)
    #expect(bench.machine.instructions == 51_010)
    bench.press("[[")
    bench.press(.left)
    #expect(bench.model.step == 10 && bench.machine.instructions == 51_000)
    bench.press("[[[]]")
    #expect(bench.model.step == 100)
    bench.press(.home)
    #expect(bench.machine.instructions == 0)
    bench.press(.left)
    #expect(bench.machine.instructions == 0)
    bench.press(.end)
    bench.press(.right)
    #expect(bench.machine.instructions == 70_100 && !bench.history.isInPast)
    bench.press("gsoon")
    bench.press(.enter)
    #expect(bench.model.message.contains("'soon' is not a count"))
    bench.press("g5")
    bench.press(.escape)
    #expect(bench.machine.instructions == 70_100 && bench.model.prompt == nil)
  }

  @Test func breakpointsStopInBothDirections() throws {
    let bench = try DebuggerBench()
    bench.go(to: Self.moment)
    bench.press("s")
    // The cursor is at the next instruction.
    let address = bench.machine.codeAddress
    #expect(bench.model.code.cursor == address)
    bench.press(" ")
    #expect(bench.model.debugger.stopPoints.breakpoints == [address])
    #expect(bench.text().contains("●▶"))
    let here = bench.machine.instructions
    bench.press("c")
    let next = bench.machine.instructions
    #expect(
      next > here && bench.machine.codeAddress == address && bench.model.message.hasPrefix("breakpoint at 0x")
    )
    bench.press("B")
    #expect(bench.machine.instructions == here && bench.machine.codeAddress == address)
    bench.press("c")
    #expect(bench.machine.instructions == next)
    bench.press(" ")
    #expect(bench.model.debugger.stopPoints.isEmpty)
    bench.press("B")
    #expect(bench.machine.instructions == 0 && bench.model.message == "the first moment of the history")
    bench.press("c")
    #expect(bench.machine.instructions == next && bench.model.message.hasPrefix("the present"))
  }

  @Test func watchpointsStop() throws {
    let bench = try DebuggerBench()
    bench.go(to: Self.moment)
    let stack = bench.machine.state.registers[4] - 8
    bench.press("wrsp-8,8,w")
    bench.press(.enter)
    #expect(bench.model.debugger.stopPoints.watches == [Watch(stack, size: 8)])
    bench.press("c")
    #expect(bench.model.message.hasPrefix("the last instruction writes what is watched at 0x"))
    let here = bench.machine.instructions
    bench.press("c")
    #expect(bench.machine.instructions > here)
    bench.press("BB")
    #expect(bench.machine.instructions < here && bench.model.message.hasPrefix("the next instruction writes"))
    bench.press("w" + String(stack, radix: 16))
    bench.press(.enter)
    #expect(bench.model.debugger.stopPoints.isEmpty)
    for text in ["nowhere", "10,0", "10,x", "10,5000"] {
      bench.press("w" + text)
      bench.press(.enter)
      #expect(bench.model.debugger.stopPoints.isEmpty && bench.model.message.hasPrefix("'"))
    }
    bench.press("w10,4,rw")
    bench.press(.enter)
    bench.press(" W")
    #expect(bench.model.debugger.stopPoints.isEmpty)
  }

  /// Over a call, to an address, and to the cursor.
  @Test func callsAreSteppedOver() throws {
    let bench = try DebuggerBench()
    bench.go(to: 20_000)
    var call: UInt64?
    for _ in 0..<3000 where call == nil {
      call = bench.model.debugger.returnAddress
      if call == nil { bench.press("s") }
    }
    let back = try #require(call)
    let (start, stack) = (bench.machine.instructions, bench.machine.state.registers[4])
    bench.press("n")
    #expect(bench.machine.codeAddress == back && bench.machine.instructions > start)
    #expect(bench.machine.state.registers[4] == stack && bench.model.debugger.stopPoints.isEmpty)
    let end = bench.machine.instructions
    bench.go(to: start)
    bench.press("r" + String(back, radix: 16))
    bench.press(.enter)
    #expect(bench.machine.codeAddress == back && bench.machine.instructions <= end)
    bench.go(to: start)
    bench.press(.down)
    #expect(bench.model.code.cursor == back)
    bench.press("r")
    bench.press(.enter)
    #expect(bench.machine.codeAddress == back && bench.machine.instructions <= end)
  }

  @Test func anyKeyStopsAndTheGuestIsTypedTo() throws {
    let bench = try DebuggerBench()
    bench.press("c")
    // The shell waits for input.
    #expect(bench.model.message == "idle")
    bench.press("0")
    #expect(bench.model.guestHasKeyboard && bench.text().contains("\napus>"))
    let before = bench.machine.instructions
    for byte in Array("ticks\r".utf8) { bench.model.type(byte) }
    bench.press("c")
    #expect(bench.machine.instructions > before && bench.text().contains("ticks"))
    let (end, hash) = (bench.machine.instructions, bench.machine.stateHash())
    // The page shows what had come by then, and the guest gets nothing in its past.
    bench.go(to: before)
    #expect(!bench.text().contains("ticks"))
    bench.model.type(0x61)
    #expect(bench.model.message.contains("in the present") && bench.history.end == end)
    bench.press(.end)
    #expect(bench.machine.stateHash() == hash && bench.text().contains("ticks"))
    // A key stops what runs, and does nothing else.
    bench.press("1")
    bench.model.press(.character("c"))
    #expect(bench.model.activity == .forward(to: nil, above: nil))
    bench.model.press(.character("q"))
    #expect(bench.model.activity == nil && bench.model.end == nil && bench.model.message == "stopped")
    bench.press("q")
    #expect(bench.model.end == .success)
  }

  @Test func theTimelineLeadsToItsMoments() throws {
    let bench = try DebuggerBench()
    bench.go(to: 90_000)
    let timeline = bench.model.timeline
    let entries = timeline.entries
    #expect(entries.count > 4)
    let modes = entries.compactMap { entry -> String? in
      guard case .mode(let from, let to, _, _) = entry.kind, from != to else { return nil }
      return "\(from) \(to)"
    }
    #expect(modes.first?.hasPrefix("real ") == true && modes.contains { $0.hasSuffix("long64") })
    // Executing again adds nothing.
    bench.press(.home)
    bench.press("c")
    #expect(timeline.entries == entries)
    bench.press("9")
    for _ in entries { bench.press(.up) }
    #expect(bench.model.timelineView.cursor == 0)
    bench.press(.enter)
    #expect(bench.machine.instructions == entries[0].instructions)
    #expect(timeline.index(at: bench.machine.instructions) == 0)
  }

  @Test func pagesHaveTheirOtherSide() throws {
    let bench = try DebuggerBench()
    bench.go(to: Self.moment)
    for page in DebuggerModel.Page.allCases {
      if bench.model.guestHasKeyboard { bench.model.press(.character("1")) }
      bench.press(String(page.digit))
      #expect(bench.model.page == page)
      let before = bench.text()
      #expect(before.hasPrefix(" \(page.digit) \(page.name)  instruction 60,000"))
      for key in [DebuggerKey.tab, .down, .pageDown, .up, .pageUp, .enter, .tab] {
        bench.press(key)
        _ = bench.text()
      }
    }
    bench.press("4")
    bench.press("arsp+10")
    bench.press(.enter)
    #expect(bench.model.memory.address == bench.machine.state.registers[4] + 16)
    bench.press("?")
    #expect(bench.text().contains("step one instruction") && bench.model.showsHelp)
    bench.press(.down)
    bench.press(.escape)
    #expect(!bench.model.showsHelp)
    bench.press("#")
    #expect(bench.model.message == "'#' is no key here; ? lists them")
  }

  @Test func devicesAreGoneThrough() throws {
    let bench = try DebuggerBench()
    bench.go(to: Self.moment)
    let hash = bench.machine.stateHash()
    bench.press("8")
    #expect(bench.rows()[1] == "8259A pair (PIC)" && bench.rows()[23].hasPrefix(" Tab next device"))
    bench.press(.tab)
    #expect(bench.rows()[1] == "local APIC")
    bench.press(.tab, .down)
    #expect(bench.rows()[1].hasPrefix("  ID"))
    bench.press(.shiftTab)
    #expect(bench.rows()[1] == "I/O APIC")
    bench.press(.shiftTab, .shiftTab, .shiftTab)
    let last = bench.rows()[1]
    #expect(!last.hasPrefix(" ") && last != "8259A pair (PIC)")
    // It scrolls no further than to the last lines.
    bench.press(.pageDown, .pageDown, .pageDown, .pageDown)
    #expect(!bench.rows()[1].isEmpty)
    bench.press(.tab)
    #expect(bench.rows()[1] == "8259A pair (PIC)")
    bench.press("/")
    #expect(bench.model.prompt?.kind == .device)
    bench.press("pci")
    bench.press(.enter)
    #expect(bench.rows()[1] == "PCI bus 0" && bench.model.prompt == nil)
    bench.press("/teapot")
    bench.press(.enter)
    #expect(bench.model.message == "no device has 'teapot' in its name" && bench.rows()[1] == "PCI bus 0")
    // Pages that are narrower have more lines, and others have fewer.
    for columns in [20, 200] { #expect(!bench.rows(columns, 24)[1].isEmpty) }
    bench.press("1/")
    #expect(bench.model.prompt == nil && bench.machine.stateHash() == hash)
    bench.press("?")
    #expect(bench.text(100, 50).contains("devices: the next one with these letters in its name"))
  }
}
