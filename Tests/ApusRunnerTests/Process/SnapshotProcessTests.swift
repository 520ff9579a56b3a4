import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct SnapshotProcessTests {
  private let scratch = Scratch()
  /// What is typed at the teaching guest.
  private static let lesson = Array("regs\nfault pf-read\nwalk 400000\nfault user-hlt\nhelp\nmem\n".utf8)

  private func run(_ words: String..., input: [UInt8]? = nil) -> Child.Result {
    Child.run(words + ["--state-hash"], input: input.map { scratch.file("input", $0) } ?? "/dev/null")
  }

  private func hash(_ result: Child.Result) -> Substring? {
    result.errors.split(separator: "\n").first { $0.hasPrefix("state-hash: ") }
  }

  @Test func aSavedMachineGoesOn() throws {
    let path = scratch.path + "/machine"
    let whole = run("--limit-instructions", "400K", input: Self.lesson)
    let first = run("--limit-instructions", "150K", "--save", path, input: Self.lesson)
    let second = run("--load", path, "--limit-instructions", "400K")
    #expect(first.status == 7 && second.status == 7)
    #expect(hash(second) == hash(whole) && hash(whole) != nil)
    #expect(first.output + second.output == whole.output && !second.output.isEmpty)
    // Saved again where it is, it is the same file.
    let again = scratch.path + "/again"
    _ = run("--load", path, "--limit-instructions", "150K", "--save", again)
    let isSame = Scratch.read(path) == Scratch.read(again)
    #expect(isSame)
  }

  @Test func keysSaveAndGoBack() {
    let path = scratch.path + "/machine"
    let typed = Array("help\n\u{1}wregs\n\u{1}l\u{1}x".utf8)
    let result = Child.run(["--serial", "mon:stdio", "--save", path], input: scratch.file("keys", typed))
    #expect(result.status == 0, "\(result.errors)")
    let said = result.output + result.errors
    #expect(said.contains("apus: \(path) has the machine at ") && said.contains("apus: back at "), "\(said)")
    let none = Child.run(
      ["--serial", "mon:stdio"], input: scratch.file("keys", Array("\u{1}w\u{1}l\u{1}x".utf8)))
    let text = none.output + none.errors
    #expect(text.contains("apus: --save FILE says where a machine is saved"), "\(text)")
    #expect(text.contains("apus: the machine was neither saved (Ctrl-A w) nor loaded"), "\(text)")
  }

  @Test func whatDoesNotFitIsRefused() {
    let program = scratch.file("program", [0xFE, 0x06, 0x00, 0x05, 0xEB, 0xFA])
    let path = scratch.path + "/machine"
    _ = run("--flat", "\(program),at=0x7c00", "--limit-instructions", "1000", "--save", path)
    #expect(run("--load", path, "--limit-instructions", "2000").status == 7)

    let more = run("--load", path, "-m", "64M")
    #expect(more.status == 2 && more.errors == "apus: --load: says what the machine is; '-m' cannot\n")
    scratch.file("program", [0xFE, 0x06, 0x00, 0x05, 0xEB, 0xFA, 0x90])
    let changed = run("--load", path)
    #expect(changed.status == 3, "\(changed.errors)")
    #expect(
      changed.errors.hasPrefix("apus: \(program): is not the program that \(path) was saved with: hash "))
    #expect(changed.errors.contains(", expected ") && changed.errors.split(separator: "\n").count == 1)
    unlink(program)
    let missing = run("--load", path)
    #expect(missing.status == 3 && missing.errors.hasPrefix("apus: \(program): cannot be opened"))

    let cut = scratch.file("cut", Array(Scratch.read(path).dropLast(100)))
    let short = run("--load", cut)
    #expect(short.status == 3 && short.errors.hasPrefix("apus: \(cut): is cut short"), "\(short.errors)")
    let nowhere = run("--limit-instructions", "1000", "--save", scratch.path + "/no/machine")
    #expect(nowhere.status == 5 && nowhere.errors.contains("/no/machine: cannot be written: "))
  }

  @Test func aRecordedRunIsDoneAgain() {
    let path = scratch.path + "/run"
    let first = run("--limit-instructions", "400K", "--record", path, "--rtc", "now", input: Self.lesson)
    let again = Child.run(["replay", path, "--state-hash"])
    #expect(again.status == 0 && again.output == first.output, "\(again.errors)")
    #expect(hash(again) == hash(first) && hash(first) != nil)
    #expect(run("--record", path, "--load", path).status == 2)
    #expect(Child.run(["replay"]).status == 2)
    let cut = scratch.file("cut", Array(Scratch.read(path).dropLast(30)))
    let short = Child.run(["replay", cut])
    #expect(
      short.status == 3 && short.errors == "apus: \(cut): is cut short in section End\n", "\(short.errors)")
  }

  /// Killed at any moment of a save, there is the old file or the new one.
  @Test func aKilledSaveLeavesAWholeFile() throws {
    let path = scratch.path + "/machine"
    _ = run("--limit-instructions", "50K", "--save", path, input: Self.lesson)
    let old = Scratch.read(path)
    let fresh = scratch.path + "/fresh"
    _ = run("--load", path, "--limit-instructions", "90K", "--save", fresh)
    let new = Scratch.read(fresh)
    let areTwo = !old.isEmpty && !new.isEmpty && old != new
    #expect(areTwo)
    for delay in stride(from: 1000 as UInt32, to: 60_000, by: 2300) {
      let child = try #require(
        Child(
          Child.apus, ["--load", path, "--limit-instructions", "90K", "--save", path], input: "/dev/null",
          output: "/dev/null", errors: "/dev/null"))
      usleep(delay)
      kill(child.pid, SIGKILL)
      _ = child.wait()
      let found = Scratch.read(path)
      let isWhole = found == old || found == new
      #expect(isWhole, "\(found.count) bytes after \(delay) µs")
      if found == new { scratch.file("machine", old) }
    }
  }
}

/// Debian's kernel saved on its way and gone on with in another process.
@Suite(.enabled(if: DebianGuest.isPresent, "APUS_DEBIAN_GUEST names no directory with a guest"))
struct DebianSnapshotTests {
  private let scratch = Scratch()

  @Test func aBootGoesOnInAnotherProcess() {
    let boot = DebianGuest.boot(DebianGuest.message)
    let path = scratch.path + "/debian"
    func run(_ words: [String]) -> Child.Result {
      Child.run(words + ["--state-hash"], seconds: DebianGuest.patience)
    }
    let whole = run(boot + ["--limit-instructions", "1100M"])
    _ = run(boot + ["--limit-instructions", "400M", "--save", path])
    _ = run(["--load", path, "--limit-instructions", "777777777", "--save", path])
    let rest = run(["--load", path, "--limit-instructions", "1100M"])
    let recorded = run(boot + ["--limit-instructions", "1100M", "--record", path])
    let again = run(["replay", path])
    #expect(recorded.errors == whole.errors && again.status == 0, "\(again.errors)")
    #expect(again.output == whole.output)
    #expect(rest.status == 7 && rest.errors == whole.errors, "\(rest.errors) for \(whole.errors)")
  }
}
