import Testing

@Suite struct TraceProcessTests {
  private let scratch = Scratch()

  private func trace(_ words: String...) -> Child.Result { Child.run(["trace"] + words, input: "/dev/null") }

  @Test func aPageIsWritten() {
    let path = scratch.path + "/page.html"
    let result = trace("--html", path, "--count", "500", "--from", "2K", "-m", "64M", "--serial", "none")
    #expect(result.status == 0 && result.output.isEmpty, "\(result.errors)")
    #expect(result.errors == "apus: \(path): 500 instructions from 2000 on\n")
    let page = String(decoding: Scratch.read(path), as: UTF8.self)
    #expect(page.contains("\"first\":2000,"))
    #expect(page.contains("<title>The teaching guest - Apus trace</title>"))
    // It is the same each time.
    let again = scratch.path + "/again.html"
    _ = trace("--html=" + again, "--from=2000", "--count=500", "-m", "64M", "--serial", "none")
    let isSame = Scratch.read(path) == Scratch.read(again)
    #expect(isSame)
  }

  @Test func aRecordedRunHasItsInput() {
    let run = scratch.path + "/run"
    let typed = scratch.file("typed", Array("fault pf-read\n".utf8))
    #expect(Child.run(["--record", run, "--limit-instructions", "150K"], input: typed).status == 7)
    let path = scratch.path + "/page.html"
    let result = trace("--html", path, "--replay", run, "--from", "100K", "--count", "60K")
    #expect(result.status == 0 && result.output.contains("apus> fault pf-read"), "\(result.errors)")
    #expect(result.errors.hasPrefix("apus: \(path): 50000 instructions from 100000 on\n"), "\(result.errors)")
    let page = String(decoding: Scratch.read(path), as: UTF8.self)
    // Vector Eh, error code 0, a rule, CR2.
    let hasFault = page.contains(#/ fe:0:[0-9a-f]+:10 /#)
    #expect(hasFault, "no page fault at 10h")
    let late = trace("--html", path, "--replay", run, "--from", "200K")
    #expect(late.status == 2 && late.errors.contains("the recorded run ends after 150000 instructions"))
  }

  @Test func whatCannotBeIsRefused() {
    let path = scratch.path + "/page.html"
    func refused(_ words: String..., status: Int32, _ text: String) {
      let result = Child.run(["trace"] + words, input: "/dev/null")
      #expect(result.status == status && result.errors.contains(text), "\(words): \(result.errors)")
      #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    }
    refused(status: 2, "--html says where the page goes")
    refused("--html", path, "--count", "1M", status: 2, "a page shows 1 to 200000 instructions")
    refused("--html", path, "--from", "x", status: 2, "is not a number of instructions")
    refused("--html", path, "--script", "s", status: 2, "--script: is for runs")
    refused("--html", path, "--nonsense", status: 2, "--nonsense: not an option of apus")
    refused("--html", path, "--replay", scratch.path + "/none", status: 3, "cannot be opened")
    refused("--html", path, "--replay", "run", "image", status: 2, "'image' cannot")
    refused("--html", path, "--kernel", scratch.path + "/none", status: 3, "cannot be opened")
    refused(
      "--html", scratch.path + "/no/page", "--count", "1", "--serial", "none", status: 5,
      "/no/page: cannot be written")
    let halted = scratch.file("program", [0xFA, 0xF4])
    refused(
      "--html", path, "--flat", "\(halted),at=0x7c00", "--from", "9", status: 2,
      "the guest halted, and nothing can wake it after 2 instructions")
    let help = trace("--help")
    #expect(help.status == 0 && help.output.hasPrefix("apus trace - ") && help.output.contains("Exit codes:"))
  }
}
