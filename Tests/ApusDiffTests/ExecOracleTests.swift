import ApusDiff
import Testing

/// Programs that keep, bend and break the line protocol, written for the shell.
@Suite struct ExecOracleTests {
  /// Answers every case with `answer`.
  private func program(_ answer: String, greeting: String = "ready 7 shell") -> String {
    "read hello; echo '\(greeting)'; while read line; do [ \"$line\" = run ] && printf '\(answer)'; done"
  }

  private func run(_ command: String) throws -> Seen {
    let oracle = try ExecOracle(command: command)
    let batch = oracle.batches[0]
    let stored = try Cases.read(Cases.text("4801d8", "rax 1"))
    for (at, byte) in stored.record.enumerated() { batch.caseRecord(0).put(at, byte) }
    batch.count = 1
    try oracle.submit(batch)
    try oracle.collect(batch)
    return Seen(bytes: (0..<OutcomeRecord.size).map { batch.outcome(0).get($0) })
  }

  @Test func answersAreRead() throws {
    let seen = try run(program("result exception 14 6 dead\\nrax 5\\ndone\\n"))
    #expect(seen.end == .exception && seen.vector == 14 && seen.errorCode == 6 && seen.cr2 == 0xDEAD)
    #expect(seen.gpr(0) == 5)
    #expect(seen.gpr(4) == 0x1020_1000, "what is not named is as it was")
  }

  @Test func theNameIsKept() throws {
    let oracle = try ExecOracle(command: program("", greeting: "ready 3 Some emulator 1.2"))
    #expect(oracle.provenance == "Some emulator 1.2")
    #expect(oracle.components == 3)
  }

  @Test(
    arguments: [
      ("exit 3", "exit status 3"),
      ("read hello; echo hello", "where \"ready\""),
      ("read hello; echo 'ready x y'", "where \"ready\""),
      ("read hello; echo 'ready 6 y'", "where \"ready\""),
      ("read hello; echo 'ready 7 y'; read line; exit 4", "exit status 4"),
      ("read hello; echo 'ready 7 y'; read line; kill -9 $$", "signal 9"),
      ("read hello; echo 'ready 7 y'; read line; head -c 9000 /dev/zero", "a line of at most 4096 bytes"),
    ])
  func brokenProgramsAreNamed(_ command: String, _ said: String) {
    #expect {
      _ = try run(command)
    } throws: { error in
      guard case DiffFailure.oracle("exec \(command)", let reason) = error else { return false }
      return reason.contains(said)
    }
  }

  @Test(
    arguments: [
      ("resolt\\ndone\\n", "line 1"), ("result completed\\nrax x\\ndone\\n", "line 2"),
      ("result completed\\nmem 10200000 00\\ndone\\n", "line 2"), ("done\\n", "line 1"),
    ])
  func brokenAnswersAreNamed(_ answer: String, _ place: String) {
    #expect {
      _ = try run(program(answer))
    } throws: { error in
      guard case DiffFailure.oracle(_, let reason) = error else { return false }
      return reason.contains(place) && reason.contains("case 0")
    }
  }
}
