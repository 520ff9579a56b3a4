import ApusDiff
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

#if os(Linux) && arch(x86_64)
  enum HostOracleSupport {
    /// The built `apus`, which lies beside the test bundle.
    static let apus: String = {
      var bundle = CommandLine.arguments[0]
      if let flag = CommandLine.arguments.firstIndex(of: "--test-bundle-path"),
        flag + 1 < CommandLine.arguments.count
      {
        bundle = CommandLine.arguments[flag + 1]
      }
      return (bundle.lastIndex(of: "/").map { String(bundle[..<$0]) } ?? ".") + "/apus"
    }()

    static let isAvailable: Bool = {
      do {
        _ = try makeOracle()
        return true
      } catch DiffFailure.unavailable {
        return false
      } catch {
        // A worker that fails for another reason is a defect: the tests have to run and show it.
        return true
      }
    }()

    static func makeOracle() throws(DiffFailure) -> HostOracle {
      try HostOracle(program: apus, arguments: ["difftest-worker"])
    }
  }

  /// The host's processor as an oracle. Skipped where it cannot be one.
  @Suite(.enabled(if: HostOracleSupport.isAvailable, "the host oracle is not available"))
  struct HostOracleTests {
    static func run(_ texts: [String], on oracle: HostOracle) throws -> [Seen] {
      let batch = oracle.batches[0]
      for (index, text) in texts.enumerated() {
        let stored = try Cases.read(text)
        for (at, byte) in stored.record.enumerated() { batch.caseRecord(index).put(at, byte) }
      }
      batch.count = texts.count
      try oracle.submit(batch)
      try oracle.collect(batch)
      return texts.indices.map { index in
        Seen(bytes: (0..<OutcomeRecord.size).map { batch.outcome(index).get($0) })
      }
    }

    @Test(arguments: KnownCase.all)
    func reachesKnownResults(_ known: KnownCase) throws {
      let seen = try Self.run([known.text], on: try HostOracleSupport.makeOracle())
      #expect(known.check(seen[0]))
    }

    @Test func goesOnAfterEverything() throws {
      let oracle = try HostOracleSupport.makeOracle()
      for known in KnownCase.all + KnownCase.all.reversed() {
        #expect(known.check(try Self.run([known.text], on: oracle)[0]), "\(known.testDescription)")
      }
    }

    /// getpid() and exit_group(7) by SYSCALL and INT 80h: the filter keeps them from the kernel.
    @Test(arguments: [
      "b8270000000f05", "b8e7000000bf070000000f05", "b814000000cd80", "b801000000bb07000000cd80",
    ])
    func systemCallsDoNotGetThrough(_ code: String) throws {
      let oracle = try HostOracleSupport.makeOracle()
      #expect(try Self.run([Cases.text(code)], on: oracle)[0].end == .systemCall)
      #expect(try Self.run([Cases.text("90")], on: oracle)[0].end == .completed)
    }

    @Test func describesTheProcessor() throws {
      let oracle = try HostOracleSupport.makeOracle()
      #expect(oracle.provenance.count > 16)
      #expect(oracle.components & 3 == 3)
      #expect(oracle.features?.basic != 0)
    }

    /// The case overwrites the worker's control block, so that the way back leads nowhere. It stays without
    /// judgement, and a new worker goes on behind it, a limited number of times.
    @Test func goesOnAfterACaseThatKillsTheWorker() throws {
      let oracle = try HostOracleSupport.makeOracle()
      let killer = "48c7042500000110efbeadde"
      for _ in 0..<16 {
        #expect(try Self.run([Cases.text(killer)], on: oracle)[0].end == .systemCall)
        #expect(try Self.run([Cases.text("90")], on: oracle)[0].end == .completed)
      }
      do {
        _ = try Self.run([Cases.text(killer)], on: oracle)
        Issue.record("there was one more worker")
      } catch DiffFailure.oracle(let name, let reason) {
        #expect(name == "host")
        #expect(reason.contains(killer))
      }
    }

    @Test func aProgramThatIsNoWorkerIsNamed() {
      #expect {
        _ = try HostOracle(program: "/bin/true", arguments: [])
      } throws: { error in
        guard case DiffFailure.oracle("host", let reason) = error else { return false }
        return reason.contains("did not start")
      }
    }

    @Test func aMissingProgramIsNamed() {
      #expect {
        _ = try HostOracle(program: "/nonexistent/worker", arguments: [])
      } throws: { error in
        guard case DiffFailure.oracle("host", let reason) = error else { return false }
        return reason.contains("/nonexistent/worker")
      }
    }

    /// Rows in which Apus agrees with the processors that the vectors of ApusCPUTests came from.
    @Test func aRunAgrees() throws {
      let oracle = try HostOracleSupport.makeOracle()
      let subject = UserMachine()
      let list = FormList(
        mode: .long64, patterns: [" ADD ", " MOV Gv,Ev", " SHL ", " PADDB "], features: oracle.features)
      var settings = Generator.Settings()
      settings.sequenceInterval = 0
      settings.components = oracle.components & subject.components
      let run = DifferentialRun(
        oracle: oracle, subject: subject,
        generator: Generator(list, mode: .long64, settings: settings))
      try run.run(count: 20_000) { _ in true }
      #expect(run.summary.cases == 20_000)
      #expect(run.summary.casesByForm.dropLast().allSatisfy { $0 != 0 })
      let first = run.summary.samples.first.map { MismatchReport.text($0, name: list.caseName($0.record)) }
      #expect(run.summary.mismatches == 0, "\(first ?? "")")
    }
  }
#endif
