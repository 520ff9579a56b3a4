import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A guest that waits for GDB, and GDB itself.
private struct DebuggedGuest {
  static let gdb = ["/usr/bin/gdb", "/usr/local/bin/gdb"].first { (path: String) in access(path, X_OK) == 0 }

  let scratch = Scratch()
  let child: Child
  private var socket: String { scratch.path + "/gdb" }

  init(_ words: [String] = [], input: String = "/dev/null") throws {
    child = try #require(
      Child(
        Child.apus, words + ["--gdb", scratch.path + "/gdb", "-S"], input: input,
        output: scratch.path + "/out",
        errors: scratch.path + "/err"))
  }

  /// What GDB prints as it does these commands.
  func debug(_ commands: String, seconds: Int = 60) throws -> String {
    let gdb = try #require(Self.gdb)
    for _ in 0..<5000 where access(socket, F_OK) != 0 { usleep(1000) }
    let script = """
      set pagination off
      set confirm off
      set architecture i386:x86-64
      target remote \(socket)

      """
    let file = scratch.file("commands", Array((script + commands + "\n").utf8))
    let result = Child.run(["-nx", "-batch", "-x", file], program: gdb, seconds: seconds)
    #expect(result.status == 0, "\(result.errors)")
    return result.output + result.errors
  }

  var said: String { String(decoding: Scratch.read(scratch.path + "/out"), as: UTF8.self) }
}

@Suite(.enabled(if: DebuggedGuest.gdb != nil, "gdb is not installed"))
struct GDBProcessTests {
  /// The lines of a session, each of which begins with a mark of its own.
  private func marked(_ text: String) -> [String: String] {
    var found: [String: String] = [:]
    for line in text.split(separator: "\n") where line.hasPrefix("@") {
      let parts = line.split(separator: " ", maxSplits: 1)
      found[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
    }
    return found
  }

  @Test func stepsGoBothWays() throws {
    let guest = try DebuggedGuest()
    let text = try guest.debug(
      """
      printf "@start %lx %d\\n", $rip, $mode
      stepi 3
      printf "@three %lx\\n", $rip
      monitor statehash
      break *0x106952
      continue
      printf "@there %lx %d %d\\n", $rip, $mode, $cpl
      stepi 5
      printf "@on %lx\\n", $rip
      reverse-stepi
      reverse-stepi 4
      printf "@again %lx\\n", $rip
      reverse-stepi
      printf "@before %lx\\n", $rip
      reverse-continue
      printf "@first %lx\\n", $rip
      monitor statehash
      continue
      printf "@third %lx\\n", $rip
      kill
      """)
    let marks = marked(text)
    #expect(marks["@start"] == "fffffff0 0" && marks["@three"] == "fffff006", "\(text)")
    #expect(marks["@there"] == "106952 6 0" && marks["@again"] == "106952" && marks["@third"] == "106952")
    #expect(marks["@on"] != marks["@there"] && marks["@before"] != marks["@again"])
    #expect(text.contains("No more reverse-execution history") && marks["@first"] == "fffffff0")
    #expect(guest.child.wait() == 0)
  }

  @Test func dataIsWatchedInBothDirections() throws {
    let guest = try DebuggedGuest()
    let text = try guest.debug(
      """
      watch *(int*)0x124200
      continue
      printf "@written %lx %d\\n", $rip, *(int*)0x124200
      monitor when
      reverse-continue
      printf "@unwritten %d\\n", *(int*)0x124200
      delete
      stepi
      printf "@after %lx %d\\n", $rip, *(int*)0x124200
      monitor lastwrite 0x124200 4
      monitor walk 0x124200 write
      monitor explain
      set var *(int*)0x124200 = 77
      printf "@set %d\\n", *(int*)0x124200
      set $rax = 0x1234567890
      stepi
      reverse-stepi
      printf "@kept %d %lx\\n", *(int*)0x124200, $rax
      rwatch *(int*)0x124200
      continue
      printf "@read %lx\\n", $rip
      kill
      """)
    let marks = marked(text)
    #expect(marks["@unwritten"] == "0" && marks["@after"] == marks["@written"], "\(text)")
    #expect(marks["@set"] == "77" && marks["@kept"] == "77 1234567890")
    #expect(text.contains("the instruction at 0x") && text.contains("PTE at 0x"))
    #expect(text.contains("permitted: physical 0x124200, in a page of 4 KiB"))
    #expect(text.contains("Hardware read watchpoint") && marks["@read"] != nil)
    #expect(guest.child.wait() == 0)
  }

  /// Commands that are none, a connection that breaks off, another one, and a guest that runs on after it.
  @Test func clientsComeAndGo() throws {
    let guest = try DebuggedGuest(["--exit-on", "apus>"])
    let first = try guest.debug("monitor nonsense\nmonitor help\nmonitor goto x\nstepi 2")
    #expect(first.contains("'nonsense' is no command of Apus's") && first.contains("lastwrite ADDRESS"))
    #expect(guest.child.wait(seconds: 30) == 0, "GDB detached at its end")
    #expect(guest.said.contains("apus>"))
  }

  @Test func guestsThatDieAreLookedAt() throws {
    let boom = tripleFault()
    let guest = try DebuggedGuest(["--flat", boom.path + "/boom,at=0x7c00"])
    let text = try guest.debug(
      """
      continue
      printf "@dead %lx\\n", $rip
      reverse-stepi
      reverse-stepi
      printf "@alive %lx\\n", $rip
      continue
      continue
      """)
    #expect(text.contains("SIGABRT"), "\(text)")
    #expect(marked(text)["@alive"] == "7c00")
    #expect(guest.child.wait() == 6)
    withExtendedLifetime(boom) {}
  }

  /// LIDT of an empty table, and UD2.
  private func tripleFault() -> Scratch {
    let scratch = Scratch()
    scratch.file("boom", [0x0F, 0x01, 0x1E, 0x07, 0x7C, 0x0F, 0x0B, 0, 0, 0, 0, 0, 0])
    return scratch
  }
}

/// Debian's kernel under Debian's GDB.
@Suite(
  .enabled(
    if: DebianGuest.isPresent && DebuggedGuest.gdb != nil,
    "APUS_DEBIAN_GUEST names no directory with a guest, or gdb is not installed"))
struct DebianGDBTests {
  @Test func theKernelIsSteppedBackwards() throws {
    let words = DebianGuest.boot(DebianGuest.message, append: " nokaslr")
    // Somewhere in the kernel, after 300 million instructions.
    let trace = Child.run(
      words + [
        "--trace", "instructions", "--trace-from", "300M", "--trace-count", "1", "--limit-instructions",
        "300000001",
      ], seconds: DebianGuest.patience)
    let line = try #require(trace.errors.split(separator: "\n").first { $0.contains("ffffffff8") })
    let address = try #require(line.split(separator: " ").dropFirst().first)
    let guest = try DebuggedGuest(words)
    let text = try guest.debug(
      """
      hbreak *0x\(address)
      continue
      printf "@here %lx %d\\n", $rip, $mode
      monitor when
      info registers cr3 cr0 cr4 efer
      x/2i $rip
      stepi 10
      printf "@ten %lx\\n", $rip
      reverse-stepi 10
      printf "@back %lx\\n", $rip
      stepi 10
      printf "@again %lx\\n", $rip
      reverse-continue
      delete
      monitor when
      detach
      """, seconds: DebianGuest.patience)
    #expect(text.contains("@here \(address) 6") && text.contains("@back \(address)"), "\(text)")
    let lines = text.split(separator: "\n")
    let ten = lines.first { $0.hasPrefix("@ten") }?.dropFirst(4)
    #expect(ten != nil && ten == lines.first { $0.hasPrefix("@again") }?.dropFirst(6))
    #expect(text.contains("[ LMA LME NXE SCE ]") || text.contains("LMA"))
    #expect(guest.child.wait(seconds: DebianGuest.patience) == 0, "the boot goes on to its end")
    #expect(guest.said.contains("APUS"), "\(guest.said)")
  }
}
