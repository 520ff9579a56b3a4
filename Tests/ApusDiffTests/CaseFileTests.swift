import ApusDiff
import Testing

@Suite struct CaseFileTests {
  /// What a file says of generated cases and of what Apus makes of them is read back as it was.
  @Test(arguments: [CaseMode.long64, .compat32])
  func generatedCasesSurvive(_ mode: CaseMode) throws {
    var generator = Generator(FormList(mode: mode), mode: mode, settings: Generator.Settings())
    let batch = Batch()
    let machine = UserMachine()
    for round in 0..<20 {
      batch.count = 100
      for index in 0..<100 { generator.make(batch, index) }
      machine.load(batch)
      var text = CaseFileWriter.head(provenance: "Apus")
      for index in 0..<100 {
        let (record, outcome) = (batch.caseRecord(index), batch.outcome(index))
        machine.run(record, outcome)
        text += CaseFileWriter.text(record, name: "case \(index)") + CaseFileWriter.results(record, outcome)
      }
      let cases = try CaseFileReader.read(Array(text.utf8), file: "test")
      #expect(cases.count == 100)
      let comparison = Comparison(components: machine.components)
      for (index, stored) in cases.enumerated() {
        #expect(stored.name == "case \(index)")
        // Written again it is the same text.
        var again = stored
        let rewritten = again.record.withUnsafeMutableBytes { raw in
          raw.baseAddress.map { CaseFileWriter.text($0, name: stored.name) } ?? ""
        }
        #expect(text.contains(rewritten), "round \(round)")
        var outcome = try #require(stored.outcome)
        let differences = outcome.withUnsafeMutableBytes { raw in
          raw.baseAddress.map {
            comparison.differences(batch.caseRecord(index), batch.outcome(index), $0)
          }
        }
        #expect(differences?.isEmpty == true, "\(String(describing: differences))")
      }
    }
  }

  private static let head = "apus-cases 1\n"
  private static let start = head + "case x\nmode long64\ncode 10100000 90\n"

  /// Malformed files: the line and what was expected there.
  @Test(
    arguments: [
      ("", "line 1", "\"apus-cases 1\""),
      ("something\n", "line 1", "\"apus-cases 1\""),
      (head + "rax 1\n", "line 2", "\"case\""),
      (head + "case x\nmode long65\n", "line 3", "mode real16"),
      (head + "case x\ncode 10100001 90\n", "line 3", "the address of a code slot"),
      (head + "case x\ncode 10110000 90\n", "line 3", "the address of a code slot"),
      (head + "case x\ncode 10100000 9\n", "line 3", "1 to 123 bytes"),
      (head + "case x\ncode 10100000 \(String(repeating: "90", count: 124))\n", "line 3", "1 to 123 bytes"),
      (head + "case x\ncode 10100000 zz\n", "line 3", "1 to 123 bytes"),
      (head + "case x\nmode long64\ncase y\n", "line 4", "\"code\""),
      (start + "rax 10000000000000000\n", "line 5", "rax: a hexadecimal number"),
      (start + "rax\n", "line 5", "rax: a hexadecimal number"),
      (start + "cs 10000\n", "line 5", "cs: a hexadecimal number"),
      (start + "r16 1\n", "line 5", "the name of a field"),
      (start + "st8 00000000000000000000\n", "line 5", "the name of a field"),
      (start + "st0 00\n", "line 5", "10 to 10 bytes"),
      (start + "ymm0 00\n", "line 5", "32 to 32 bytes"),
      (start + "mem 10201fff 0000\n", "line 5", "memory within"),
      (start + "mem 101fffff 00\n", "line 5", "memory within"),
      (start + String(repeating: "mem 10200000 00\n", count: 9), "line 13", "at most 8"),
      (start + "result\n", "line 5", "result completed"),
      (start + "result exception\n", "line 5", "exception, its vector"),
      (start + "result exception 300 0\n", "line 5", "exception, its vector"),
      (start + "result exception 14 0\n", "line 5", "CR2"),
      (start + "result completed\nmode long64\n", "line 6", "the name of a field"),
      (start + "result completed\nmem 10200001 00\n", "line 6", "aligned lines"),
      (start + "result completed\n", "line 6", "\"done\""),
      (
        start + "result completed\nmem 10200040 \(String(repeating: "00", count: 64))\n"
          + "mem 10200000 \(String(repeating: "00", count: 64))\n", "line 7", "ascending"
      ),
      (head + "case x\nresult completed\n", "line 3", "\"code\""),
    ])
  func malformedFilesAreNamed(_ text: String, _ place: String, _ expectation: String) {
    #expect {
      _ = try CaseFileReader.read(Array(text.utf8), file: "some.cases")
    } throws: { error in
      guard case DiffFailure.badInput("some.cases", place, let said) = error else { return false }
      return said.contains(expectation)
    }
  }

  /// Random damage makes a failure or cases, never a trap.
  @Test func damageIsSurvived() {
    var random = RandomSource(seed: 11)
    let good = Array(
      (Self.start
        + "rax 12\nymm3 \(String(repeating: "0f", count: 32))\nmem 10200010 0102\nresult exception 14 6 0\n"
        + "rbx 5\nmem 10200000 \(String(repeating: "00", count: 64))\ndone\n").utf8)
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0...random.below(4) {
        let at = random.below(bytes.count)
        switch random.below(3) {
        case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.remove(at: at)
        default: bytes.insert(bytes[random.below(bytes.count)], at: at)
        }
      }
      if let cases = try? CaseFileReader.read(bytes, file: "damaged") {
        #expect(cases.allSatisfy { $0.record.count == CaseRecord.size })
      }
    }
  }
}
