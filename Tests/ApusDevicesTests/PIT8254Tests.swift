import ApusBase
import ApusDevices
import Testing

/// The first nanosecond of PIT clock `clock`.
private func time(_ clock: UInt64) -> VirtualTime { .time(ofCycle: clock, at: 1_193_182) }

private struct Timer {
  let lines = LineRecorder()
  let pit: PIT8254
  init() {
    pit = PIT8254(IRQ0: Line(lines, 0), NMI: Line(lines, 1))
    pit.reset(at: 0)
  }
  func write(_ port: UInt16, _ value: UInt8, _ clock: UInt64) { pit.writeByte(port, value, at: time(clock)) }
  func read(_ port: UInt16, _ clock: UInt64) -> UInt8 { pit.readByte(port, at: time(clock)) }
  /// Counter 2's low byte of CE and OUT, clock by clock.
  func trace(_ clocks: ClosedRange<UInt64>) -> [(count: UInt8, out: Bool)] {
    clocks.map { clock in
      write(0x43, 0x80, clock)
      return (read(0x42, clock), read(0x61, clock) & 0x20 != 0)
    }
  }
  func gate(_ level: Bool, _ clock: UInt64) { write(0x61, level ? 1 : 0, clock) }
}

private func counts(_ trace: [(count: UInt8, out: Bool)]) -> [UInt8] { trace.map(\.count) }
private func outs(_ trace: [(count: UInt8, out: Bool)]) -> String {
  trace.map { $0.out ? "H" : "L" }.joined()
}

/// The waveforms are those of the datasheet's figures "Mode 0" to "Mode 5", on counter 2.
@Suite struct PIT8254Tests {
  @Test func mode0() {
    let timer = Timer()
    timer.gate(true, 1)
    timer.write(0x43, 0x90, 10)
    timer.write(0x42, 4, 10)
    let trace = timer.trace(11...17)
    #expect(counts(trace) == [4, 3, 2, 1, 0, 0xFF, 0xFE])
    #expect(outs(trace) == "LLLLHHH")
    // A new count restarts it.
    timer.write(0x42, 3, 20)
    #expect(outs(timer.trace(20...24)) == "LLLLH")
  }

  @Test func mode0WithGate() {
    let timer = Timer()
    timer.gate(true, 1)
    timer.write(0x43, 0x90, 10)
    timer.write(0x42, 3, 10)
    #expect(counts(timer.trace(11...12)) == [3, 2])
    timer.gate(false, 12)
    #expect(counts(timer.trace(13...14)) == [2, 2])
    timer.gate(true, 14)
    let trace = timer.trace(15...17)
    #expect(counts(trace) == [1, 0, 0xFF])
    #expect(outs(trace) == "LHH")
  }

  @Test func mode0TwoByteWriteStopsAtTheFirst() {
    let timer = Timer()
    timer.gate(true, 1)
    timer.write(0x43, 0xB0, 10)
    timer.write(0x42, 0, 10)
    timer.write(0x42, 1, 10)
    #expect(timer.read(0x61, 267) & 0x20 != 0)
    timer.write(0x42, 9, 268)
    #expect(timer.read(0x61, 268) & 0x20 == 0)
    #expect(timer.read(0x61, 400) & 0x20 == 0)
    timer.write(0x42, 0, 400)
    #expect(timer.read(0x61, 409) & 0x20 == 0)
    #expect(timer.read(0x61, 410) & 0x20 != 0)
  }

  @Test func mode1() {
    let timer = Timer()
    timer.write(0x43, 0x92, 10)
    timer.write(0x42, 3, 10)
    #expect(outs(timer.trace(11...13)) == "HHH")
    timer.gate(true, 14)
    let trace = timer.trace(15...19)
    #expect(counts(trace) == [3, 2, 1, 0, 0xFF])
    #expect(outs(trace) == "LLLHH")
    // Retriggered while low, the pulse is prolonged.
    timer.gate(false, 20)
    timer.gate(true, 20)
    _ = timer.trace(21...22)
    timer.gate(false, 22)
    timer.gate(true, 22)
    #expect(outs(timer.trace(23...26)) == "LLLH")
  }

  @Test func mode2() {
    let timer = Timer()
    timer.gate(true, 1)
    timer.write(0x43, 0x94, 10)
    timer.write(0x42, 3, 10)
    let trace = timer.trace(11...18)
    #expect(counts(trace) == [3, 2, 1, 3, 2, 1, 3, 2])
    #expect(outs(trace) == "HHLHHLHH")
    // A new count is taken at the end of the cycle.
    timer.write(0x42, 5, 18)
    #expect(counts(timer.trace(19...25)) == [1, 5, 4, 3, 2, 1, 5])
    // GATE low sets OUT high at once; its rise reloads.
    #expect(outs(timer.trace(29...29)) == "L")
    timer.gate(false, 29)
    #expect(outs(timer.trace(29...31)) == "HHH")
    timer.gate(true, 31)
    #expect(counts(timer.trace(32...34)) == [5, 4, 3])
  }

  @Test func mode3() {
    let timer = Timer()
    timer.gate(true, 1)
    timer.write(0x43, 0x96, 10)
    timer.write(0x42, 4, 10)
    var trace = timer.trace(11...18)
    #expect(counts(trace) == [4, 2, 4, 2, 4, 2, 4, 2])
    #expect(outs(trace) == "HHLLHHLL")
    timer.write(0x43, 0x96, 20)
    timer.write(0x42, 5, 20)
    trace = timer.trace(21...30)
    #expect(counts(trace) == [4, 2, 0, 4, 2, 4, 2, 0, 4, 2])
    #expect(outs(trace) == "HHHLLHHHLL")
    // A new count written in the high half is taken for the low half.
    timer.write(0x42, 8, 31)
    trace = timer.trace(31...38)
    #expect(outs(trace) == "HHHLLLLH")
  }

  @Test func mode4() {
    let timer = Timer()
    timer.gate(true, 1)
    timer.write(0x43, 0x98, 10)
    timer.write(0x42, 3, 10)
    let trace = timer.trace(11...17)
    #expect(counts(trace) == [3, 2, 1, 0, 0xFF, 0xFE, 0xFD])
    #expect(outs(trace) == "HHHLHHH")
  }

  @Test func mode5() {
    let timer = Timer()
    timer.write(0x43, 0x9A, 10)
    timer.write(0x42, 3, 10)
    #expect(outs(timer.trace(11...12)) == "HH")
    timer.gate(true, 12)
    let trace = timer.trace(13...18)
    #expect(counts(trace) == [3, 2, 1, 0, 0xFF, 0xFE])
    #expect(outs(trace) == "HHHLHH")
  }

  @Test func BCDCounts() {
    let timer = Timer()
    timer.gate(true, 1)
    timer.write(0x43, 0xB1, 10)
    timer.write(0x42, 0x00, 10)
    timer.write(0x42, 0x10, 10)  // 1000
    timer.write(0x43, 0x80, 12)
    #expect(timer.read(0x42, 12) == 0x99)
    #expect(timer.read(0x42, 12) == 0x09)
    #expect(timer.read(0x61, 1010) & 0x20 == 0)
    #expect(timer.read(0x61, 1011) & 0x20 != 0)
    timer.write(0x43, 0x80, 1012)
    #expect(timer.read(0x42, 1012) == 0x99)
    #expect(timer.read(0x42, 1012) == 0x99)
  }

  @Test func readBackGivesStatusThenCount() {
    let timer = Timer()
    timer.write(0x43, 0x34, 10)
    timer.write(0x43, 0xE2, 10)  // status of counter 0
    #expect(timer.read(0x40, 10) == 0xF4)  // OUT, null count, RW 3, mode 2
    timer.write(0x40, 0x34, 10)
    timer.write(0x40, 0x12, 10)
    timer.write(0x43, 0xC2, 11)  // both
    timer.write(0x43, 0xC2, 15)  // ignored: still latched
    #expect(timer.read(0x40, 20) == 0xB4)
    #expect(timer.read(0x40, 20) == 0x34)
    #expect(timer.read(0x40, 20) == 0x12)
    // Unlatched: the present count, 20 - 11 clocks on.
    #expect(timer.read(0x40, 20) == 0x2B)
    #expect(timer.read(0x40, 20) == 0x12)
    #expect(timer.read(0x43, 20) == 0xFF)
  }

  @Test func IRQ0RisesExactlyAndWithoutDrift() {
    let timer = Timer()
    timer.write(0x43, 0x34, 0)
    timer.write(0x40, 0xA9, 0)
    timer.write(0x40, 0x04, 0)  // 1193: 1000.15 Hz
    let before = timer.lines.rises(0).count
    runDevice(timer.pit, until: 10 * .second)
    let rises = timer.lines.rises(0).dropFirst(before)
    #expect(rises.count == 10001)  // floor((11931820 - 1) / 1193)
    for (k, rise) in rises.enumerated() where rise != time(1 + 1193 * UInt64(k + 1)) {
      Issue.record("rise \(k) at \(rise)")
      return
    }
  }

  @Test func lateRunStillGivesAnEdge() {
    let timer = Timer()
    timer.write(0x43, 0x34, 0)
    timer.write(0x40, 100, 0)
    timer.write(0x40, 0, 0)
    let before = timer.lines.rises(0).count
    timer.pit.run(at: time(5050))
    #expect(timer.lines.rises(0).count > before)
    #expect(timer.lines.level(0))
  }

  @Test func oneShotStops() {
    let timer = Timer()
    timer.write(0x43, 0x30, 5)
    timer.write(0x40, 10, 5)
    timer.write(0x40, 0, 5)
    #expect(!timer.lines.level(0))
    runDevice(timer.pit, until: .second)
    #expect(timer.lines.rises(0).last == time(16))
    #expect(timer.pit.deadline == .never)
  }

  @Test func port61() {
    let timer = Timer()
    timer.write(0x61, 0xF3, 0)
    #expect(timer.read(0x61, 0) & 0xCF == 0x03)
    // The refresh bit toggles every 18 clocks (15.09 us).
    #expect(timer.read(0x61, 17) & 0x10 == 0)
    #expect(timer.read(0x61, 18) & 0x10 != 0)
    #expect(timer.read(0x61, 36) & 0x10 == 0)
    timer.pit.reportSystemError(at: time(40))
    #expect(timer.read(0x61, 40) & 0xC0 == 0x80)
    #expect(timer.lines.level(1))
    timer.write(0x61, 0x07, 41)
    #expect(timer.read(0x61, 41) & 0xCF == 0x07)
    #expect(!timer.lines.level(1))
    timer.pit.reportSystemError(at: time(42))
    timer.pit.reportChannelCheck(at: time(42))
    #expect(timer.read(0x61, 42) & 0xC0 == 0x40)
  }

  @Test func survivesAnything() throws {
    let make = { PIT8254(IRQ0: Line(nil, 0)) }
    for seed: UInt64 in 1...3 {
      try fuzz(make, ports: PIT8254.portRanges, seed: seed)
    }
    fuzzRestore(make, ports: PIT8254.portRanges, seed: 4)
  }
}
