import ApusBase
import ApusCPU
import ApusMachine
import Testing

/// What an observer saw of the teaching guest, from its start on.
struct Trace {
  private(set) var events: [TimedEvent] = []
  let machine: Machine

  init(_ kinds: EventKinds, length: UInt64) throws {
    machine = try Lesson.start()
    var all: [TimedEvent] = []
    machine.observer = Observer(kinds) { all += $0 }
    machine.advance(to: length)
    machine.observer = nil
    events = all
  }

  /// The moments at which instructions at a linear address began.
  func times(of linear: UInt64) -> [UInt64] {
    events.compactMap {
      if case .instruction(let start) = $0.event, start.linear == linear { $0.instructions } else { nil }
    }
  }

  var accesses: [(instructions: UInt64, access: DataAccess)] {
    events.compactMap { if case .memory(let access) = $0.event { ($0.instructions, access) } else { nil } }
  }
}

@Suite struct ObserverTests {
  static let length: UInt64 = 300_000

  @Test(arguments: [
    EventKinds.all, .instructions, [.ports, .faults, .deliveries, .modes, .pageWalks, .segments],
  ])
  func theGuestDoesNotNotice(kinds: EventKinds) throws {
    let plain = try Lesson.start()
    plain.advance(to: Self.length)
    let trace = try Trace(kinds, length: Self.length)
    #expect(trace.machine.instructions == plain.instructions)
    #expect(trace.machine.stateHash() == plain.stateHash())
    #expect(!trace.events.isEmpty)
  }

  /// Each moment has an instruction, or an exception that took its place.
  @Test func everyInstructionIsTold() throws {
    let trace = try Trace([.instructions, .faults], length: Lesson.length)
    var next: UInt64 = 0
    var faults = 0
    for event in trace.events {
      switch event.event {
      case .instruction:
        let isOrdered = event.instructions == next || event.instructions + 1 == next
        #expect(isOrdered, "instruction \(event.instructions) where \(next) is expected")
        next = event.instructions + 1
      case .fault:
        faults += 1
        // It is one tick, and the instruction that it ended is none.
        next = event.instructions + 1
      default: Issue.record("neither was asked for")
      }
    }
    #expect(next == trace.machine.instructions && faults > 2)
  }

  /// What instructions wrote last is what memory holds, and what they read is what they or nobody wrote.
  @Test func accessesAreWhatMemoryHolds() throws {
    let trace = try Trace([.memory, .pageWalks], length: Self.length)
    var written: [UInt64: UInt8] = [:]
    var tables: Set<UInt64> = []
    var wrongReads = 0
    for event in trace.events {
      switch event.event {
      case .walkEntry(let entry): tables.insert(entry.address & ~0xFFF)
      case .memory(let access):
        for index in 0..<UInt64(access.size) {
          let byte = UInt8(truncatingIfNeeded: access.value >> (8 * index))
          let at = access.physical + index
          if access.isWrite {
            written[at] = byte
          } else if let known = written[at], known != byte, !tables.contains(at & ~0xFFF) {
            wrongReads += 1
          }
        }
      default: break
      }
    }
    #expect(wrongReads == 0)
    var wrong = 0
    for (at, byte) in written where !tables.contains(at & ~0xFFF) {
      let held = trace.machine.readPhysical(at, count: 1)
      if !held.isEmpty && held != [byte] { wrong += 1 }
    }
    #expect(wrong == 0 && written.count > 1000)
  }

  /// The teaching guest goes through all modes, and faults where it is told to.
  @Test func eventsTellTheStory() throws {
    let trace = try Trace(.all, length: Lesson.length)
    var modes: [ProcessorMode] = []
    var rules: Set<PageRule> = []
    var vectors: Set<UInt8> = []
    var reasons: Set<Rule> = []
    var gates = 0
    for event in trace.events {
      switch event.event {
      case .mode(let change): if modes.last != change.to { modes.append(change.to) }
      case .walkResult(let result): rules.insert(result.rule)
      case .fault(let fault):
        vectors.insert(fault.vector)
        reasons.insert(fault.rule)
      case .gate: gates += 1
      default: break
      }
    }
    #expect(Array(modes.prefix(3)) == [.protected32, .long64, .protected32] || modes.contains(.long64))
    #expect(modes.contains(.protected32) || modes.contains(.compatibility32))
    #expect(rules.contains(.notPresent) && rules.contains(.permitted))
    #expect(vectors.isSuperset(of: [13, 14]) && gates > 10)
    #expect(reasons.count > 1 && !reasons.contains(.unnamed))
  }
}
