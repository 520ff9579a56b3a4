import ApusDiff
import Testing

@Suite struct ShrinkerTests {
  /// A case that "fails" as long as RBX has bit 5 and the flag CF is set: everything else goes.
  @Test func keepsOnlyWhatMatters() throws {
    var generator = Generator(
      FormList(mode: .long64, patterns: ["01 ADD Ev,Gv reg"]), mode: .long64, settings: Generator.Settings())
    let batch = Batch()
    var record: [UInt8] = []
    func fails(_ record: [UInt8]) -> Bool {
      record[CaseRecord.state + 3 * 8] & 0x20 != 0 && record[CaseRecord.state + MachineImage.rflags] & 1 != 0
    }
    repeat {
      generator.make(batch, 0)
      record = (0..<CaseRecord.size).map { batch.caseRecord(0).get($0) }
    } while !fails(record)
    var runs = 0
    let shrinker = Shrinker { (record: [UInt8]) throws(DiffFailure) in
      runs += 1
      let differences = fails(record) ? [Difference("RAX", "1", "2")] : []
      return Mismatch(record: record, apus: [], oracle: [], differences: differences)
    }
    let start = Mismatch(record: record, apus: [], oracle: [], differences: [Difference("RAX", "1", "2")])
    let small = try shrinker.shrink(start)
    #expect(fails(small.record))
    #expect(runs > 10)
    func number(_ at: Int, _ count: Int) -> UInt64 {
      (0..<count).reversed().reduce(0) { $0 << 8 | UInt64(small.record[at + $1]) }
    }
    for index in 0..<16 where index != 3 { #expect(number(CaseRecord.state + index * 8, 8) == 0) }
    #expect(number(CaseRecord.patchCount, 4) == 0)
    #expect(number(CaseRecord.state + MachineImage.rflags, 8) & 0x8D5 == 1)
    #expect(number(CaseRecord.state + MachineImage.xmm, 8) == 0)
  }

  /// A change that makes another field differ is another defect.
  @Test func staysWithTheSameFields() throws {
    let record = [UInt8](repeating: 0xFF, count: CaseRecord.size)
    let shrinker = Shrinker { (record: [UInt8]) throws(DiffFailure) in
      let changed = record.contains(0)
      return Mismatch(
        record: record, apus: [], oracle: [], differences: [Difference(changed ? "RCX" : "RAX", "1", "2")])
    }
    let start = Mismatch(record: record, apus: [], oracle: [], differences: [Difference("RAX", "1", "2")])
    #expect(try !shrinker.shrink(start).record.contains(0))
  }

  @Test func aCaseThatDoesNotFailAgainIsLeftAlone() throws {
    let record = [UInt8](repeating: 0xFF, count: CaseRecord.size)
    let shrinker = Shrinker { (record: [UInt8]) throws(DiffFailure) in
      Mismatch(record: record, apus: [], oracle: [], differences: [])
    }
    let start = Mismatch(record: record, apus: [], oracle: [], differences: [Difference("RAX", "1", "2")])
    #expect(try shrinker.shrink(start).differences.map(\.name) == ["RAX"])
  }
}
