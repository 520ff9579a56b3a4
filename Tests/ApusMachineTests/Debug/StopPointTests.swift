import ApusBase
import ApusCPU
import ApusMachine
import Testing

@Suite struct StopPointTests {
  static let length: UInt64 = 200_000

  /// Runs to `length` and notes what stopped the machine on the way.
  static func stops(_ points: StopPoints, length: UInt64 = length) throws -> (stops: [MetStop], hash: UInt64)
  {
    let machine = try Lesson.start()
    machine.stopPoints = points
    var stops: [MetStop] = []
    while machine.instructions < length {
      switch machine.run(instructions: length - machine.instructions) {
      case .paused:
        guard let stop = machine.takeStop() else { break }
        stops.append(stop)
        if case .breakpoint = stop.point { machine.passBreakpoint() }
      case .budget, .idle(until: .some): break
      case let other: Issue.record("\(other)")
      }
    }
    return (stops, machine.stateHash())
  }

  private static func hash() throws -> UInt64 {
    let machine = try Lesson.start()
    machine.advance(to: length)
    return machine.stateHash()
  }

  /// Addresses of instructions that were executed often, seldom, and once.
  static func addresses(_ trace: Trace) -> [UInt64] {
    var counts: [UInt64: Int] = [:]
    for event in trace.events {
      if case .instruction(let start) = event.event { counts[start.linear, default: 0] += 1 }
    }
    let ranked = counts.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
    return [
      ranked[0].key, ranked[ranked.count / 2].key, ranked[ranked.count * 9 / 10].key,
      ranked[ranked.count - 1].key,
    ]
  }

  @Test func breakpointsAreMetEachTime() throws {
    let trace = try Trace(.instructions, length: Self.length)
    for address in Self.addresses(trace) {
      var points = StopPoints()
      points.breakpoints = [address]
      let (stops, hash) = try Self.stops(points)
      let wanted = trace.times(of: address)
      #expect(stops.count == wanted.count)
      let areSame = stops.map(\.instructions) == wanted
      #expect(areSame && stops.allSatisfy { $0.point == .breakpoint(address) })
      #expect(try hash == Self.hash(), "the guest does not notice")
    }
  }

  @Test(arguments: [(true, false), (false, true), (true, true)])
  func watchesAreMetByEachInstruction(onRead: Bool, onWrite: Bool) throws {
    let trace = try Trace(.memory, length: Self.length)
    // A place that is written and read often, and one in a page with code or tables.
    var counts: [UInt64: Int] = [:]
    for (_, access) in trace.accesses where !access.isImplicit { counts[access.linear, default: 0] += 1 }
    let ranked = counts.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
    for linear in [
      ranked[ranked.count - 1].key, ranked[ranked.count / 2].key, ranked[ranked.count * 3 / 4].key,
    ] {
      var points = StopPoints()
      points.watches = [Watch(linear, size: 4, onRead: onRead, onWrite: onWrite)]
      let (stops, hash) = try Self.stops(points)
      var wanted: [UInt64] = []
      for (time, access) in trace.accesses
      where access.linear < linear + 4 && access.linear + UInt64(access.size) > linear
        && (access.isWrite ? onWrite : onRead) && wanted.last != time
      {
        wanted.append(time)
      }
      let areSame = stops.map(\.instructions) == wanted
      #expect(areSame, "\(stops.count) stops, \(wanted.count) accesses")
      #expect(try hash == Self.hash(), "the guest does not notice")
    }
  }

  @Test func physicalMemoryIsWatched() throws {
    let trace = try Trace(.memory, length: Self.length)
    let writes = trace.accesses.filter { $0.access.isWrite }
    let chosen = writes[writes.count / 2].access
    var points = StopPoints()
    points.physicalWatches = [chosen.physical..<chosen.physical + 1]
    let (stops, hash) = try Self.stops(points)
    var wanted: [UInt64] = []
    for (time, access) in writes
    where access.physical <= chosen.physical && access.physical + UInt64(access.size) > chosen.physical
      && wanted.last != time
    {
      wanted.append(time)
    }
    let areSame = stops.map(\.instructions) == wanted
    #expect(areSame && !wanted.isEmpty)
    #expect(try hash == Self.hash())
  }

  /// Looking at memory does not change it, and writing does as asked.
  @Test func memoryIsSeenAndChanged() throws {
    let machine = try Lesson.start()
    machine.advance(to: 150_000)
    let before = machine.stateHash()
    #expect(machine.mode == .long64)
    let code = machine.readLinear(machine.codeAddress, count: 15)
    #expect(code.count == 15)
    let physical = try #require(machine.physicalAddress(machine.codeAddress))
    #expect(machine.readPhysical(physical, count: 15) == code)
    #expect(machine.physicalAddress(0x1234_5678_0000) == nil)
    #expect(machine.readLinear(0x1234_5678_0000, count: 4).isEmpty)
    #expect(machine.readPhysical(1 << 40, count: 4).isEmpty)
    #expect(!machine.writePhysical(1 << 40, [1]) && !machine.writeLinear(0x1234_5678_0000, [1]))
    #expect(machine.stateHash() == before)
    let at = machine.state.registers[4] - 4096
    let old = machine.readLinear(at, count: 16)
    #expect(machine.writeLinear(at, Array(1...16)) && machine.readLinear(at, count: 16) == Array(1...16))
    #expect(machine.writeLinear(at, old) && machine.stateHash() == before)
    var registers = machine.extendedRegisters
    registers.vectors[3] = SIMD32(repeating: 7)
    registers.significands[0] = 1 << 63
    registers.exponents[0] = 0x3FFF
    machine.extendedRegisters = registers
    #expect(machine.extendedRegisters == registers)
  }
}
