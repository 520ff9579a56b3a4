import ApusDiff
import Testing

/// Apus's side alone: results that the manuals give.
@Suite struct UserMachineTests {
  static func run(
    _ text: String, steps: Bool = false, on machine: any Subject = UserMachine()
  ) throws -> Seen {
    let batch = Batch()
    let stored = try Cases.read(text)
    let record = batch.caseRecord(0)
    for (index, byte) in stored.record.enumerated() { record.put(index, byte) }
    if steps { record.put(CaseRecord.steps, 1 as UInt8) }
    batch.count = 1
    machine.load(batch)
    machine.run(record, batch.outcome(0))
    return Seen(bytes: (0..<OutcomeRecord.size).map { batch.outcome(0).get($0) })
  }

  @Test(arguments: KnownCase.all)
  func reachesKnownResults(_ known: KnownCase) throws {
    #expect(known.check(try Self.run(known.text)))
    #expect(known.check(try Self.run(known.text, steps: true)), "instruction by instruction")
  }

  /// Nothing of a case may reach the next one, an endless one included.
  @Test func casesDoNotDisturbEachOther() throws {
    let machine = UserMachine()
    for known in KnownCase.all + KnownCase.all.reversed() {
      #expect(known.check(try Self.run(known.text, on: machine)), "\(known.testDescription)")
    }
  }

  @Test func memoryIsRestored() throws {
    let machine = UserMachine()
    let store = Cases.text("c60300", "rbx 10200123")
    for _ in 0..<2 {
      let seen = try Self.run(store, on: machine)
      #expect(seen.changedLines == 1)
      #expect(seen.changed(0, 0x23) == 0)
      #expect(seen.changed(0, 0x24) == LinearLayout.background(0x1020_0124))
    }
  }

  @Test func patchesAreInPlace() throws {
    let seen = try Self.run(Cases.text("8b03", "rbx 10200ffe", "mem 10200ffe 78563412"))
    #expect(seen.gpr(0) == 0x1234_5678)
    #expect(seen.changedLines == 0)
  }
}
