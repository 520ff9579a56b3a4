import ApusCPU
import Testing

/// What a profile counts, against what the program says it does.
@Suite struct ExecutionProfileTests {
  /// Ten thousand rounds of four instructions, a division by zero whose handler skips it, and a halt.
  private static let loop: [UInt8] = [
    0xB9, 0x10, 0x27, 0, 0,  // mov ecx, 10000
    0x48, 0x01, 0xC8,  // add rax, rcx
    0x48, 0x8B, 0x1E,  // mov rbx, [rsi]
    0xFF, 0xC9,  // dec ecx
    0x75, 0xF6,  // jnz
    0xF4,  // hlt
  ]

  private func bench(profiled: Bool) -> PagingBench {
    let bench = PagingBench(.level4)
    if profiled { bench.guest.processor.beginProfile() }
    bench.guest.write(Int(PagingBench.code), Self.loop)
    bench[R.si] = PagingBench.data
    bench.state.rip = PagingBench.code
    bench.guest.processor.state = bench.state
    return bench
  }

  @Test func countsBlocks() throws {
    let bench = bench(profiled: true)
    let processor = bench.guest.processor
    #expect(processor.run(until: 1_000_000) == .halted)
    let profile = try #require(processor.profile)
    // The first round belongs to the block that the first instruction begins; the last rounds run one by one.
    let hottest = try #require(profile.blocks.first)
    #expect(hottest.rip == PagingBench.code + 5 && hottest.codeBits == 64 && hottest.instructions == 4)
    #expect(hottest.entries == 9_999)
    #expect(hottest.bytes == Array(Self.loop[5..<15]))
    #expect(profile.blocks.reduce(0) { $0 + $1.executed } == processor.instructions)
    #expect(profile.memoryOperands == 10_000)
    #expect(profile.entries == profile.blocks.reduce(0) { $0 + $1.entries })
    #expect(profile.handlers.reduce(0) { $0 + $1.count } == profile.dispatches)
    #expect(profile.dispatches <= 30_003)
    #expect(profile.counters.tlbFills >= 1 && profile.counters.blocksDecoded >= 3)
    let runs = profile.frequentRuns(longest: 2).filter { $0.name.hasPrefix("rr ADD UInt64 | MOV_rm UInt64") }
    #expect(runs.first?.count == 10_000)
    withExtendedLifetime(bench) {}
  }

  @Test func theGuestDoesNotNotice() {
    let benches = (bench(profiled: false), bench(profiled: true))
    let plain = benches.0.guest.processor
    let profiled = benches.1.guest.processor
    #expect(plain.run(until: 1_000_000) == profiled.run(until: 1_000_000))
    #expect(plain.now == profiled.now && plain.instructions == profiled.instructions)
    #expect(plain.state == profiled.state)
    #expect(plain.profile == nil)
    withExtendedLifetime(benches) {}
  }

  /// The counts of code that was overwritten stay.
  @Test func keepsWhatIsDropped() throws {
    let bench = bench(profiled: true)
    let processor = bench.guest.processor
    #expect(processor.run(until: 1_000_000) == .halted)
    bench.guest.write(Int(PagingBench.code), [0x90, 0xF4])
    bench.state.rip = PagingBench.code
    processor.state = bench.state
    #expect(processor.run(until: processor.now + 1_000) == .halted)
    let profile = try #require(processor.profile)
    #expect(profile.blocks.contains { $0.entries == 9_999 })
    #expect(profile.blocks.contains { $0.bytes.first == 0x90 })
    #expect(profile.counters.blocksDropped > 0)
    withExtendedLifetime(bench) {}
  }

  @Test func countsEvents() throws {
    let guest = GuestBench()
    guest.processor.beginProfile()
    let bus = guest.bus
    bus.interruptVector = 0x21
    // Real mode: INT 3 twice, then an external interrupt during HLT.
    guest.write(0x7C00, [0xCC, 0xCC, 0xFB, 0xF4, 0xF4])
    guest.write(0x600, [0xCF])
    guest.write(4 * 3, [0, 6, 0, 0])
    guest.write(4 * 0x21, [0, 6, 0, 0])
    var state = guest.processor.state
    state.rip = 0x7C00
    state.segments[1].selector = 0
    state.segments[1].base = 0
    state.registers[4] = 0x7000
    guest.processor.state = state
    _ = guest.processor.run(until: guest.processor.now + 20)
    guest.processor.setInterruptLine(true)
    _ = guest.processor.run(until: guest.processor.now + 1)
    guest.processor.setInterruptLine(false)
    let profile = try #require(guest.processor.profile)
    #expect(profile.exceptions[3] == 2 && profile.exceptions.reduce(0, +) == 2)
    // The line is still up when the first handler returns.
    #expect(profile.interrupts[0x21] == 2 && profile.interrupts.reduce(0, +) == 2)
    #expect(profile.slowForms.contains { $0.name == "INT3" && $0.count == 2 })
  }
}
