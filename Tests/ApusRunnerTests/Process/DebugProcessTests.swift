import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// `apus debug` at a terminal.
@Suite struct DebugProcessTests {
  private let scratch = Scratch()

  /// The child leads no session: with its leader a terminal loses what nobody has read yet.
  private func start(_ arguments: [String], on terminal: PseudoTerminal) -> Child? {
    Child(
      Child.apus, ["debug"] + arguments, input: terminal.path, output: terminal.path, errors: terminal.path)
  }

  /// Presses keys, and has everything drawn anew: what is the same as before is not written again.
  private func type(_ keys: String, on terminal: PseudoTerminal, andSee text: String) -> Bool {
    terminal.type(keys + "\u{C}")
    return terminal.waitFor(text)
  }

  @Test func itStepsAndLeavesTheTerminalAsItWas() throws {
    let terminal = try #require(PseudoTerminal())
    let other = open(terminal.path, O_RDWR | O_NOCTTY)
    defer { close(other) }
    var size = winsize(ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(terminal.descriptor, UInt(TIOCSWINSZ), &size)
    let (before, beforeInput) = (terminal.localFlags, terminal.inputFlags)
    let child = try #require(start(["-m", "16M"], on: terminal))
    #expect(terminal.waitFor("\u{1B}[?1049h") && terminal.waitFor("1 code") && terminal.waitFor("f000:fff0"))
    #expect(terminal.localFlags & tcflag_t(ICANON | ECHO | ISIG) == 0)
    #expect(type("s", on: terminal, andSee: "instruction 1  "))
    #expect(type("s", on: terminal, andSee: "instruction 2  "))
    #expect(type("S", on: terminal, andSee: "in the past"))
    // It is drawn again in the new size.
    size.ws_col = 132
    size.ws_row = 40
    _ = ioctl(terminal.descriptor, UInt(TIOCSWINSZ), &size)
    kill(child.pid, SIGWINCH)
    #expect(terminal.waitFor("\u{1B}[40;"))
    // The guest's console is a page, and what it prints is not on the terminal before.
    terminal.type("\u{1B}[Fg20k\r")
    #expect(type("", on: terminal, andSee: "instruction 20,000"))
    #expect(!String(decoding: terminal.seen, as: UTF8.self).contains("[unreal]"))
    #expect(type("0\u{1}", on: terminal, andSee: "[unreal]"))
    terminal.type("\u{1}q")
    #expect(terminal.waitFor("\u{1B}[?1049l"))
    #expect(child.wait() == 0 && terminal.localFlags == before && terminal.inputFlags == beforeInput)
  }

  @Test(
    arguments: [("\u{3}", 130, 0), ("", 143, SIGTERM), ("", 1000 + SIGSEGV, SIGSEGV)]
      as [(String, Int32, Int32)]
  )
  func everyWayOutLeavesTheScreen(_ keys: String, _ status: Int32, _ signal: Int32) throws {
    let terminal = try #require(PseudoTerminal())
    let other = open(terminal.path, O_RDWR | O_NOCTTY)
    defer { close(other) }
    let before = terminal.localFlags
    let child = try #require(start(["-m", "16M"], on: terminal))
    #expect(terminal.waitFor("f000:fff0"))
    if signal == 0 { terminal.type(keys) } else { kill(child.pid, signal) }
    #expect(terminal.waitFor("\u{1B}[?1049l"))
    #expect(child.wait() == status && terminal.localFlags == before)
  }

  @Test func whatCannotBeDebuggedIsRefused() throws {
    #expect(Child.run(["debug"]).status == 2)
    #expect(Child.run(["debug"]).errors == "apus: debug: standard input and output must be a terminal\n")
    let script = Child.run(["debug", "--script", "x"])
    #expect(script.status == 2 && script.errors == "apus: --script: 'apus debug' does not do that\n")
    #expect(Child.run(["debug", "--nonsense"]).status == 2)
    let help = Child.run(["debug", "--help"])
    #expect(help.status == 0 && help.output.contains("step over") && help.output.contains("snapshot=on"))
    #expect(!help.output.contains("\u{1B}"))

    // A drive that is written to cannot go back.
    var image = [UInt8](repeating: 0, count: 1 << 16)
    (image[510], image[511]) = (0x55, 0xAA)
    let path = scratch.file("disk.img", image)
    let terminal = try #require(PseudoTerminal())
    let other = open(terminal.path, O_RDWR | O_NOCTTY)
    defer { close(other) }
    let child = try #require(start(["--drive", "file=\(path),format=raw"], on: terminal))
    #expect(terminal.waitFor("attach it with snapshot=on"))
    #expect(child.wait() == 2)
  }
}
