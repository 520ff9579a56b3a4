import ApusBase
import ApusCPU
import Testing

/// `run(until:)` keeps its deadline whatever the guest does.
@Suite struct DeadlineTests {
  private static let ticks: UInt64 = 100_000

  private func keepsDeadline(_ processor: Processor, _ ticks: UInt64 = ticks) {
    let deadline = processor.now + ticks
    var exit = processor.run(until: deadline)
    while exit == .attention { exit = processor.run(until: deadline) }
    #expect(exit == .deadline)
    #expect(processor.now == deadline)
  }

  /// IVT[6] leads to an undefined instruction, so that each delivery faults again.
  @Test func endlessInvalidOpcode() {
    let machine = RealMachine(code: [0x0F, 0x0B])
    machine.setVector(6, 0, UInt16(RealMachine.code))
    machine.state.setReal(2, 0x2000)
    machine.bench.processor.state = machine.state
    keepsDeadline(machine.bench.processor)
    #expect(machine.bench.processor.state.rip == UInt64(RealMachine.code))
    // Every delivery pushed three words.
    let pushed = (RealMachine.stack &- Self.ticks * 6) & 0xFFFF
    #expect(machine.bench.processor.state.registers[4] == pushed)
  }

  /// Handlers in protected mode that fault first thing: #UD, #GP, #SS, on a 16-bit stack that wraps.
  @Test(
    arguments: [
      ([0x0F, 0x0B], 6), ([0x8E, 0xD8], 13), ([0x36, 0xA1, 0xFE, 0xFF, 0, 0], 12),
      ([0xF7, 0xF1], 0),
      ([0xEA, 0, 0, 0, 0, 0x58, 0], 11),
    ] as [([UInt8], Int)])
  func endlessFaults(_ code: [UInt8], _ vector: Int) {
    let machine = GuestMachine(.protected, code: code)
    machine.define(0x58, Table.segment(Rights.code & 0x7F))
    machine.setGate(vector, Table.gate(0x8E, 8, GuestLayout.code))
    machine.state.segments[2] = SegmentRegister(
      selector: 0x10, base: 0x4_0000, limit: 0xFFFF, attributes: 0x93)
    machine[R.ax] = 0x200
    let processor = machine.bench.processor
    processor.state = machine.state
    keepsDeadline(processor)
    #expect(processor.state.rip == UInt64(GuestLayout.code))
  }

  /// The page of the page-fault handler is not there; the stack is an IST's.
  @Test(arguments: [0, 3] as [UInt8]) func endlessPageFault(_ cpl: UInt8) {
    let machine = GuestMachine(.long, cpl: cpl, code: [0x8B, 0x03])
    machine.map(0x1F_E000, to: nil)
    machine.bench.write(GuestLayout.tss + 0x24, values: [UInt64(0x9F00)])
    machine.setGate(14, Table.gate(0x8E, 8, 0x1F_E000, low: 1), 0)
    machine[R.bx] = 0x1F_E008
    let processor = machine.bench.processor
    processor.state = machine.state
    keepsDeadline(processor)
    #expect(processor.state.rip == 0x1F_E000 && processor.state.cr2 == 0x1F_E000)
    #expect(processor.stopCode == .none)
  }

  /// An interrupt request that never goes away, through a trap gate: the handler still gets on.
  @Test func endlessInterrupt() {
    let machine = InterruptDeliveryTests.machine(.protected, cpl: 0, .external)
    machine.bench.write(0x1_2000, [0x43, 0xEB, 0xFD])
    machine.setGate(0x40, Table.gate(0x8F, 8, 0x1_2000))
    machine.state.segments[2] = SegmentRegister(
      selector: 0x10, base: 0x4_0000, limit: 0xFFFF, attributes: 0x93)
    let processor = machine.bench.processor
    processor.skip(to: 10)
    processor.state = machine.state
    keepsDeadline(processor)
    #expect(processor.state.registers[R.bx] > 0)
  }

  // MARK: Repeated string instructions that reach a device

  /// Between RAM (20000h) and unmapped space (40_0000h), with the number of accesses per element.
  static let strings: [(String, [UInt8], Int, Int)] = [
    ("STOSB", [0xF3, 0xAA], 0, 1), ("STOSD", [0xF3, 0xAB], 0, 1),
    ("MOVSW to a device", [0xF3, 0x66, 0xA5], 0, 1),
    ("LODSD", [0xF3, 0xAD], 1, 0), ("SCASB", [0xF2, 0xAE], 1, 0), ("CMPSB", [0xF3, 0xA6], 1, 0),
  ]

  private func device(_ code: [UInt8], _ count: UInt64, around other: [UInt8] = []) -> GuestMachine {
    let machine = GuestMachine(.protected, code: other + code + other)
    machine[R.cx] = count
    machine[R.ax] = 0x1111_1111
    let reads = code.last == 0xAD || code.last == 0xA6
    machine[R.si] = reads ? 0x40_0000 : UInt64(GuestLayout.data)
    machine[R.di] = code.last == 0xA6 ? UInt64(GuestLayout.data) : 0x40_0000
    for index in 0..<4096 { machine.bench[GuestLayout.data + index] = 0xFF }
    return machine
  }

  /// Each element costs a tick, so a deadline comes when it should.
  @Test(arguments: strings)
  func everyElementTakesATick(_ name: String, _ code: [UInt8], _ reads: Int, _ writes: Int) {
    let machine = device(code, 1000)
    let processor = machine.bench.processor
    processor.state = machine.state
    let start = processor.now
    for deadline in [1, 7, 64, 65, 130, 999] as [UInt64] {
      #expect(processor.run(until: start + deadline) == .deadline, "\(name)")
      #expect(processor.now == start + deadline)
      #expect(processor.state.registers[R.cx] == 1000 - deadline)
      #expect(processor.state.rip == UInt64(GuestLayout.code))
      #expect(machine.bench.bus.deviceReads.count == Int(deadline) * reads)
      #expect(machine.bench.bus.deviceWrites.count == Int(deadline) * writes)
    }
    // The last element retires the instruction.
    #expect(processor.run(until: start + 1000) == .deadline)
    #expect(processor.state.rip == UInt64(GuestLayout.code + code.count))
  }

  /// What the guest and the device see does not depend on where deadlines cut the run.
  @Test(arguments: strings)
  func cutsDoNotShow(_ name: String, _ code: [UInt8], _ reads: Int, _ writes: Int) {
    var results: [(ArchitecturalState, [UInt64], [UInt64], UInt64)] = []
    for step in [1, 3, 64, 1000, 5000] as [UInt64] {
      // A few instructions before and after, so that blocks are cut as well.
      let machine = device(code, 300, around: [0x90, 0x43])
      let processor = machine.bench.processor
      processor.state = machine.state
      let start = processor.now
      var end = start
      while processor.run(until: end) != .halted && end < start + 10_000 { end += step }
      results.append(
        (
          processor.state, machine.bench.bus.deviceReads, machine.bench.bus.deviceWrites,
          processor.now - start
        ))
    }
    for result in results {
      #expect(result.0 == results[0].0, "\(name)")
      #expect(result.1 == results[0].1 && result.2 == results[0].2)
      #expect(result.3 == 305)
    }
  }
}
