import ApusDiff

/// Development stub.
enum DifftestCommand {
  static func main(_ arguments: [String]) -> Int32 {
    #if os(Linux) && arch(x86_64)
    var settings = Generator.Settings()
    var mode = CaseMode.long64
    var count: UInt64 = 100_000
    var patterns: [String] = []
    var shrink = 40
    var it = arguments.makeIterator()
    while let a = it.next() {
      switch a {
      case "--seed": settings.seed = UInt64(it.next() ?? "") ?? 1
      case "--count": count = UInt64(it.next() ?? "") ?? 1
      case "--mode": mode = CaseMode(name: it.next() ?? "") ?? .long64
      case "--forms": patterns.append(it.next() ?? "")
      case "--faults": settings.provokesFaults = true
      case "--exact": settings.comparesUndefinedFlags = true
      case "--seq": settings.sequenceInterval = Int(it.next() ?? "") ?? 8
      case "--shrink": shrink = Int(it.next() ?? "") ?? 8
      default: Host.report("? \(a)")
      }
    }
    do {
      let oracle = try HostOracle(program: "/proc/self/exe", arguments: ["difftest-worker"])
      let subject = UserMachine()
      settings.components = oracle.components & subject.components
      print(oracle.provenance, oracle.components, subject.components)
      let list = FormList(mode: mode, patterns: patterns, features: oracle.features, components: settings.components)
      print("\(list.forms.count) forms, \(list.excluded.count) rows excluded")
      let run = DifferentialRun(
        oracle: oracle, subject: subject, generator: Generator(list, mode: mode, settings: settings))
      let start = Clock.monotonic
      do { try run.run(count: count) { _ in true } } catch { print("FAILURE", error.message) }
      let seconds = Double(Clock.monotonic - start) / 1e9
      let s = run.summary
      print("\(s.cases) cases, \(s.mismatches) mismatches, \(s.exceptions) exceptions, \(s.timeouts) timeouts, \(s.unjudged) unjudged; \(Int(Double(s.cases) / seconds)) per second")
      for v in 0..<256 where s.vectors[v] != 0 { print("vector \(v): \(s.vectors[v])") }
      let shrinker = Shrinker { r throws(DiffFailure) in try run.rerun(r) }
      for m in s.samples.prefix(shrink) {
        var m2 = m
        m2 = (try? shrinker.shrink(m)) ?? m
        m2.record.withUnsafeMutableBytes { p in
          let r = p.baseAddress!
          let form = Int(r.get(CaseRecord.form, UInt32.self))
          let name = form < list.forms.count ? "\(list.forms[form].name)  [\(s.mismatchesByForm[form])/\(s.casesByForm[form])]" : "sequence [\(s.mismatchesByForm.last!)]"
          let len = Int(r.get(CaseRecord.codeLength, UInt32.self))
          let code = (0..<len).map { r.get(CaseRecord.code + $0, UInt8.self) }
          print("--", name, "code", Hex.text(code), "steps", r.get(CaseRecord.steps, UInt8.self))
          for d in m2.differences.prefix(9) { print("    \(d.name): apus \(d.apus) oracle \(d.oracle) \(d.bits)") }
        }
      }
      for i in list.forms.indices where s.mismatchesByForm[i] != 0 { print("M \(list.forms[i].name): \(s.mismatchesByForm[i])/\(s.casesByForm[i])") }
      return s.mismatches == 0 ? 0 : 1
    } catch { Host.report("apus: \(error)"); return 5 }
    #else
    return 5
    #endif
  }
}
