import ApusBase
import ApusCPU
import ApusDevices
import ApusMachine
import Testing

@Suite struct HistoryTests {
  private static let length: UInt64 = 400_000

  /// The teaching guest with a past, and input that comes while it runs.
  private static func history(interval: UInt64 = 20_000, limit: Int = 48) throws -> History {
    var configuration = Lesson.configuration(nil)
    configuration.skipsIdle = false
    let machine = try Machine(configuration, ram: .allocate(size: configuration.memorySize))
    return try History(machine, interval: interval, limit: limit)
  }

  /// Runs on, with input at moments of which the machine knows nothing before.
  private static func live(_ history: History, to end: UInt64, _ note: (Machine) -> Void = { _ in }) throws {
    let machine = history.machine
    while machine.instructions < end {
      let slice = min(1009, end - machine.instructions)
      if case .idle(let until) = try history.run(instructions: slice) {
        machine.skipIdle(to: until ?? machine.now + 1000)
      }
      if machine.instructions % 7 == 0 { _ = machine.receive(Array("regs\nfault pf-read\n".utf8), serial: 0) }
      note(machine)
    }
  }

  @Test(arguments: [4, 48]) func everyMomentIsFoundAgain(limit: Int) throws {
    let history = try Self.history(limit: limit)
    var random = Random(17)
    try Self.live(history, to: Self.length)
    let (end, hash) = (history.end, history.machine.stateHash())
    #expect(history.checkpointTimes.count <= limit && history.start == 0)
    // Each moment, however it is reached: from anywhere, or straight from the start.
    var moments: [UInt64: UInt64] = [:]
    for _ in 0..<40 {
      let moment = random.next(below: Self.length)
      try history.seek(to: moment)
      #expect(history.isInPast && history.machine.instructions == moment)
      moments[moment] = history.machine.stateHash()
    }
    for (moment, hash) in moments.sorted(by: { $0.key > $1.key }) {
      try history.seek(to: moment)
      #expect(history.machine.stateHash() == hash)
    }
    try history.seek(to: 0)
    for (moment, hash) in moments.sorted(by: { $0.key < $1.key }) {
      #expect(try history.run(instructions: moment - history.machine.instructions) == .budget)
      #expect(history.machine.stateHash() == hash)
    }
    #expect(try history.run(instructions: .max) == .budget)
    #expect(!history.isInPast && history.machine.instructions == end)
    #expect(history.machine.stateHash() == hash)
  }

  /// Having been in the past changes nothing of the future.
  @Test func theRunGoesOnAsIfNothingWas() throws {
    let unbroken = try Self.history()
    try Self.live(unbroken, to: Self.length)
    let history = try Self.history()
    try Self.live(history, to: Self.length / 2)
    try history.seek(to: Self.length / 3)
    _ = try history.run(instructions: 1234)
    try history.seek(to: .max)
    #expect(!history.isInPast)
    try Self.live(history, to: Self.length)
    #expect(history.machine.stateHash() == unbroken.machine.stateHash())
  }

  @Test func breakpointsAreFoundBackwards() throws {
    let trace = try Trace([.instructions, .memory], length: 200_000)
    let machine = try Lesson.start()
    let history = try History(machine, interval: 9_000)
    while machine.instructions < 200_000 { _ = try history.run(instructions: 200_000 - machine.instructions) }
    for address in StopPointTests.addresses(trace) {
      var points = StopPoints()
      points.breakpoints = [address]
      machine.stopPoints = points
      for time in trace.times(of: address).suffix(6).reversed() {
        let met = try #require(try history.runBack())
        #expect(met.instructions == time && machine.instructions == time && machine.codeAddress == address)
      }
      machine.stopPoints = StopPoints()
      try history.seek(to: .max)
    }
  }

  @Test func theLastWriteIsFound() throws {
    let trace = try Trace(.memory, length: 200_000)
    let machine = try Lesson.start()
    let history = try History(machine, interval: 9_000)
    while machine.instructions < 200_000 { _ = try history.run(instructions: 200_000 - machine.instructions) }
    let hash = machine.stateHash()
    let writes = trace.accesses.filter { $0.access.isWrite }
    for index in [writes.count - 1, writes.count / 2, writes.count / 3] {
      let at = writes[index].access.physical
      let last = writes.last { $0.access.physical <= at && $0.access.physical + UInt64($0.access.size) > at }
      let met = try #require(try history.lastWrite(to: at..<at + 1))
      #expect(met.instructions == last?.instructions && !met.isDevice)
      #expect(machine.stateHash() == hash && !history.isInPast)
      // And before that one.
      try history.seek(to: met.instructions)
      let earlier = writes.last {
        $0.access.physical <= at && $0.access.physical + UInt64($0.access.size) > at
          && $0.instructions < met.instructions
      }
      #expect(try history.lastWrite(to: at..<at + 1)?.instructions == earlier?.instructions)
      try history.seek(to: .max)
    }
    #expect(try history.lastWrite(to: 0x1FF_0000..<0x1FF_0008) == nil)
  }

  /// What is looked for may lie before the latest checkpoint, or nowhere; the present stays what it was.
  @Test func earlierStretchesAreSearched() throws {
    let machine = try Lesson.start()
    let history = try History(machine, interval: 9_000)
    while machine.instructions < 60_000 { _ = try history.run(instructions: 60_000 - machine.instructions) }
    let hash = machine.stateHash()
    // The guest loads CR0 for the last time on its way to IA-32e mode.
    try history.seek(to: 15_156)
    let address = machine.codeAddress
    try history.seek(to: .max)
    machine.stopPoints.breakpoints = [address]
    #expect(try history.runBack()?.instructions == 15_156)
    #expect(history.end == 60_000 && history.isInPast)
    #expect(try history.runBack() == nil)
    #expect(machine.instructions == 0 && history.end == 60_000)
    machine.stopPoints = StopPoints()
    try history.seek(to: .max)
    #expect(machine.instructions == 60_000 && !history.isInPast && machine.stateHash() == hash)
    #expect(try history.runBack() == nil)
    #expect(machine.instructions == 0 && history.end == 60_000)
  }

  /// The way to another moment is given up where one is asked.
  @Test func searchesAreGivenUp() throws {
    let machine = try Machine.program([0xEB, 0xFE])
    let history = try History(machine, interval: 100_000_000)
    while machine.instructions < 9_000_000 {
      _ = try history.run(instructions: 9_000_000 - machine.instructions)
    }
    var questions = 0
    history.mayGoOn = {
      questions += 1
      return questions != 2
    }
    try history.seek(to: 8_500_000)
    #expect(history.wasInterrupted && machine.instructions == 4_000_000 && history.end == 9_000_000)
    questions = 2
    try history.seek(to: 8_500_000)
    #expect(!history.wasInterrupted && machine.instructions == 8_500_000)
    questions = 0
    #expect(try history.runBack() == nil)
    #expect(history.wasInterrupted && machine.instructions == 8_500_000 && history.end == 9_000_000)
  }

  /// A change by somebody outside makes another future, which is found again as well.
  @Test func changesAreKept() throws {
    let history = try Self.history()
    try Self.live(history, to: 150_000)
    try history.seek(to: 100_000)
    let before = history.machine.stateHash()
    #expect(history.machine.writePhysical(0x1F0_0000, [1, 2, 3]))
    history.noteChange()
    #expect(!history.isInPast && history.end == 100_000)
    try Self.live(history, to: 160_000)
    let hash = history.machine.stateHash()
    try history.seek(to: 90_000)
    #expect(history.machine.readPhysical(0x1F0_0000, count: 3) == [0, 0, 0])
    try history.seek(to: .max)
    #expect(history.machine.readPhysical(0x1F0_0000, count: 3) == [1, 2, 3])
    #expect(history.machine.stateHash() == hash)
    try history.seek(to: 100_000)
    #expect(history.machine.stateHash() != before)
  }
}
