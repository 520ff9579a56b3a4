import Foundation
import Testing

/// `apus difftest` from outside: exit codes and messages.
@Suite struct DifftestProcessTests {
  private static let good = """
    apus-cases 1
    provenance the manual
    case ADD
    mode long64
    code 10100000 4801d8
    rax 7fffffffffffffff
    rbx 1
    rip 10100000
    rflags 202
    cs 33
    ss 2b
    fcw 37f
    ftw ff
    mxcsr 1f80
    result completed
    rax 8000000000000000
    rip 10000a6d
    rflags a96
    done

    """

  @Test func help() {
    let result = Child.run(["difftest", "--help"])
    #expect(result.status == 0)
    #expect(result.output.contains("--oracle exec COMMAND"))
  }

  @Test(
    arguments: [
      (["difftest", "--frobnicate"], "--frobnicate"), (["difftest", "--count", "x"], "--count"),
      (["difftest", "--count", "0"], "--count"), (["difftest", "--mode", "long128"], "--mode"),
      (["difftest", "--mode", "real16"], "--mode"), (["difftest", "--seed"], "--seed"),
      (["difftest", "--oracle", "guess"], "--oracle"), (["difftest", "replay"], "replay"),
      (["difftest", "emit"], "emit"), (["difftest", "word"], "word"),
      (["difftest", "forms", "--forms", "no such form"], "--forms"),
    ])
  func badCommandLines(_ arguments: [String], _ named: String) {
    let result = Child.run(arguments)
    #expect(result.status == 2)
    #expect(result.errors.hasPrefix("apus: \(named): "))
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  @Test func formsAreListed() {
    let result = Child.run(["difftest", "forms", "--forms", "CPUID", "--forms", " SALC"])
    #expect(result.status == 0)
    #expect(result.output.contains("D6 SALC\n"))
    #expect(result.output.contains("# 0F.A2 CPUID: "))
  }

  @Test func storedCasesReplay() {
    let scratch = Scratch()
    let agrees = Child.run(["difftest", "replay", scratch.file("good.cases", Array(Self.good.utf8))])
    #expect(agrees.status == 0)
    #expect(agrees.output.contains("1 cases agree"))
    let wrong = Self.good.replacing("rflags a96", with: "rflags a97")
    let differs = Child.run(["difftest", "replay", scratch.file("wrong.cases", Array(wrong.utf8))])
    #expect(differs.status == 1)
    #expect(differs.output.contains("differs: RFLAGS: apus 000a96, oracle 000a97 (CF)"))
    let vectors = Child.run(["difftest", "--oracle", "vectors", scratch.path])
    #expect(vectors.status == 1)
    #expect(vectors.output.contains("2 files: 1 vectors agree, 0 are left out, 1 mismatches"))
  }

  @Test func badFilesAreNamed() {
    let scratch = Scratch()
    let bad = scratch.file("bad.cases", Array(Self.good.replacing("rbx 1", with: "rbx g").utf8))
    for arguments in [["difftest", "replay", bad], ["difftest", "--oracle", "vectors", bad]] {
      let result = Child.run(arguments)
      #expect(result.status == 3)
      #expect(
        result.errors == "apus: \(bad): line 7: expected rbx: a hexadecimal number up to ffffffffffffffff\n")
    }
    let moo = scratch.file("bad.MOO", Array("MOO ".utf8) + [200, 0, 0, 0])
    let result = Child.run(["difftest", "--oracle", "vectors", moo])
    #expect(result.status == 3)
    #expect(result.errors == "apus: \(moo): offset 4: expected a length of at most 0\n")
    #expect(Child.run(["difftest", "replay", "/nonexistent"]).status == 3)
  }

  @Test func aBrokenOracleIsNamedAndTheCasesAreKept() {
    let scratch = Scratch()
    let json = scratch.path + "/summary.json"
    let result = Child.run(["difftest", "--oracle", "exec", "exit 9", "--json", json])
    #expect(result.status == 5)
    #expect(result.errors.hasPrefix("apus: oracle exec exit 9: "))
    let dies =
      "read a; echo ready 3 x; n=0; while read l; do if [ \"$l\" = run ]; then n=$((n+1)); "
      + "[ $n = 300 ] && exit 1; echo result systemCall; echo done; fi; done"
    let late = Child.run(["difftest", "--oracle", "exec", dies, "--json", json])
    #expect(late.status == 5)
    #expect(late.output.contains("255 cases in "))
    let summary = String(decoding: Scratch.read(json), as: UTF8.self)
    #expect(summary.contains("\"cases\": 255,"))
    #expect(summary.contains("where an answer to case"))
    _ = Child.run(["-f", json], program: "/bin/rm")
  }

  /// Whether this computer's processor can be an oracle.
  static let hasHostOracle: Bool = {
    let result = Child.run(["difftest", "--count", "1", "--samples", "0", "--forms", " XOR "])
    return !result.errors.contains("is not available here")
  }()

  @Test(.enabled(if: hasHostOracle, "the host oracle is not available"))
  func theHostJudges() {
    let arguments = ["difftest", "--count", "3000", "--seed", "5", "--forms", " XOR ", "--json", "-"]
    let result = Child.run(arguments)
    #expect(result.status == 0, "\(result.errors)\(result.output.prefix(2000))")
    #expect(result.output.contains("\"mismatches\": 0"))
  }

  /// The worked example of the line protocol, in the modes that no process of a host can be in.
  static let unicorn: String? = {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../../Scripts/difftest-unicorn.py").standardizedFileURL.path
    let command = "python3 '\(script)'"
    let greeting = Child.run(["-c", "echo apus-difftest 1 | \(command)"], program: "/bin/sh")
    return greeting.output.hasPrefix("ready 3 Unicorn") ? command : nil
  }()

  @Test(
    .enabled(if: unicorn != nil, "Python's package unicorn is not installed"),
    arguments: ["real16", "prot32", "compat32", "long64"])
  func unicornJudges(_ mode: String) throws {
    let command = try #require(Self.unicorn)
    let result = Child.run(
      ["difftest", "--mode", mode, "--oracle", "exec", command, "--count", "400", "--seed", "12"])
    #expect(result.status == 0, "\(result.errors)\(result.output.prefix(4000))")
    #expect(result.output.contains(" 0 mismatches") || result.output.contains("\n0 mismatches"))
  }

  @Test(.enabled(if: hasHostOracle, "the host oracle is not available"))
  func aCorpusIsWrittenAndReplays() {
    let scratch = Scratch()
    let directory = scratch.path + "/corpus"
    let result = Child.run(["difftest", "emit", directory, "--forms", " NEG ", "--per-form", "5"])
    #expect(result.status == 0, "\(result.errors)")
    let again = Child.run(["difftest", "--oracle", "vectors", directory])
    #expect(again.status == 0, "\(again.output)")
    #expect(again.output.contains(" 0 mismatches"))
  }
}
