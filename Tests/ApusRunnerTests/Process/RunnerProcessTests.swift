import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Real-mode programs, assembled by hand.
private enum Guest {
  /// `mov al, c; mov dx, 3F8h; out dx, al` for each byte.
  static func text(_ text: String) -> [UInt8] { text.utf8.flatMap { [0xB0, $0, 0xBA, 0xF8, 0x03, 0xEE] } }
  /// `mov al, value; mov dx, 0F4h; out dx, al`
  static func exit(_ value: UInt8) -> [UInt8] { [0xB0, value, 0xBA, 0xF4, 0x00, 0xEE] }
  /// `cli; jmp $`
  static let spin: [UInt8] = [0xFA, 0xEB, 0xFE]
  /// `cli; hlt`
  static let halt: [UInt8] = [0xFA, 0xF4]
  /// `lidt [7000h]`, where RAM is zero, so the table is empty; `int3`
  static let tripleFault: [UInt8] = [0x0F, 0x01, 0x1E, 0x00, 0x70, 0xCC]
  /// Sets COM1 to 115200 baud. Then echoes what it receives, up to and including a 'q', by polling the
  /// line status register.
  static let echo: [UInt8] = [
    0xBA, 0xFB, 0x03, 0xB0, 0x83, 0xEE, 0xBA, 0xF8, 0x03, 0xB0, 0x01, 0xEE, 0xBA, 0xF9, 0x03, 0xB0, 0x00,
    0xEE,
    0xBA, 0xFB, 0x03, 0xB0, 0x03, 0xEE,
    0xBA, 0xFD, 0x03, 0xEC, 0xA8, 0x01, 0x74, 0xF8, 0xBA, 0xF8, 0x03, 0xEC, 0xEE, 0x3C, 0x71, 0x75, 0xEF,
  ]
}

@Suite struct RunnerProcessTests {
  private let scratch = Scratch()

  private func flat(_ code: [UInt8]) -> [String] {
    ["--memory", "4M", "--debug-exit", "--flat", "\(scratch.file("guest.bin", code)),at=0x7c00"]
  }

  @Test func textAndDebugExit() {
    let result = Child.run(flat(Guest.text("hello\n") + Guest.exit(0x10)))
    #expect(result.status == 33)
    #expect(result.output == "hello\n")
    #expect(result.errors == "")
  }

  @Test func successCode() {
    #expect(Child.run(flat(Guest.exit(0x10)) + ["--success-code", "33"]).status == 0)
    #expect(Child.run(flat(Guest.exit(0x11)) + ["--success-code", "33"]).status == 35)
  }

  @Test func limits() {
    let instructions = Child.run(flat(Guest.spin) + ["--limit-instructions", "12345", "--stats"])
    #expect(instructions.status == 7)
    #expect(instructions.errors.contains("instruction limit reached: 12345"))
    #expect(instructions.errors.contains("instructions retired  12345\n"))
    let time = Child.run(flat(Guest.spin) + ["--limit-seconds", "0.05"])
    #expect(time.status == 7)
    #expect(time.errors.contains("time limit reached: 0.050 s"))
  }

  @Test func profile() {
    let result = Child.run(
      flat(Guest.spin) + ["--limit-instructions", "100000", "--profile", "--profile-rows", "2"])
    #expect(result.status == 7)
    #expect(result.errors.contains("profile: summary\n  instructions retired  100000\n"))
    #expect(result.errors.contains("profile: hottest blocks, by instructions executed\n"))
    #expect(result.errors.contains("JMP_J"))
    // The profile changes nothing for the guest.
    let hash = { (options: [String]) in
      Child.run(flat(Guest.spin) + ["--limit-instructions", "100000", "--state-hash"] + options).errors.split(
        separator: "\n"
      )
      .first { $0.hasPrefix("state-hash") }
    }
    #expect(hash([]) != nil && hash([]) == hash(["--profile"]))
  }

  @Test func exitOnText() {
    let guest = flat(Guest.text("booting\nlogin: ") + Guest.spin)
    let result = Child.run(guest + ["--exit-on", "login:"])
    #expect(result.status == 0)
    #expect(result.output == "booting\nlogin: ")
  }

  @Test func panicsEndTheRun() {
    let guest = flat(Guest.text("oops\nKernel panic - not syncing: x\n") + Guest.spin)
    let result = Child.run(guest + ["--panic-on", "oops"])
    #expect(result.status == 6 && result.errors.contains("the guest has panicked: it wrote 'oops'"))
    // An autopsy knows what Linux says.
    let examined = Child.run(guest + ["--autopsy"])
    #expect(examined.status == 6, "\(examined.errors)")
    #expect(examined.errors.contains("it wrote 'Kernel panic - not syncing'"))
    #expect(examined.errors.contains("autopsy at instruction") && examined.errors.contains("RAX"))
  }

  @Test func deathOfTheGuest() {
    let halt = Child.run(flat(Guest.halt))
    #expect(halt.status == 6)
    #expect(halt.errors.contains("interrupts are disabled"))
    let fault = Child.run(flat(Guest.text("x") + Guest.tripleFault))
    #expect(fault.status == 6)
    #expect(fault.output == "x")
    #expect(fault.errors.lowercased().contains("rip"))
  }

  @Test func pipedInputIsNotLost() {
    let text = String(repeating: "0123456789abcdef\n", count: 100) + "q"
    let input = scratch.file("input", Array(text.utf8))
    let first = Child.run(flat(Guest.echo + Guest.exit(1)) + ["--state-hash"], input: input)
    #expect(first.status == 3)
    #expect(first.output == text)
    let second = Child.run(flat(Guest.echo + Guest.exit(1)) + ["--state-hash"], input: input)
    #expect(first.errors.contains("state-hash: ") && first.errors == second.errors)
    let command = "cat '\(input)' | '\(Child.apus)' \"$@\""
    let shell = Child.run(["-c", command, "sh"] + flat(Guest.echo + Guest.exit(1)), program: "/bin/sh")
    #expect(shell.status == 3)
    #expect(shell.output == text)
  }

  @Test func endOfInputDoesNotEndTheGuest() {
    let result = Child.run(flat(Guest.spin) + ["--limit-instructions", "1M"], input: "/dev/null")
    #expect(result.status == 7)
    #expect(Child.run(flat(Guest.exit(2)), input: "closed").status == 5)
  }

  @Test func serialToFile() {
    let log = scratch.path + "/log"
    let result = Child.run(flat(Guest.text("to the log") + Guest.exit(0)) + ["--serial", "file:\(log)"])
    #expect(result.status == 1 && result.output == "")
    #expect(Scratch.read(log) == Array("to the log".utf8))
    #expect(Child.run(flat(Guest.spin) + ["--serial", "file:/nonexistent/log"]).status == 3)
  }

  /// A closed standard output must not become the disk image's descriptor.
  @Test func closedOutputDoesNotReachADisk() {
    let disk = scratch.file("disk.img", [UInt8](repeating: 0x5A, count: 4096))
    let code = scratch.file("g", Guest.text("overwritten") + Guest.exit(0))
    let child = Child(
      Child.apus, ["-m", "4M", "--debug-exit", "--hda", disk, "--flat", "\(code),at=0x7c00"], input: "closed",
      output: "closed", errors: "closed")
    #expect(child?.wait() == 1)
    #expect(Scratch.read(disk) == [UInt8](repeating: 0x5A, count: 4096))
  }

  /// The reader of the output sleeps; the limit ends the run all the same.
  @Test func blockedOutputDoesNotHoldUpALimit() {
    let guest = flat(Guest.text("x") + [0xEB, 0xFD]) + ["--limit-seconds", "0.2"]
    let stuck = "mkfifo p; sleep 20 < p & '\(Child.apus)' \"$@\" > p; echo $?; kill %1"
    let result = Child.run(["-c", "cd '\(scratch.path)'; " + stuck, "bash"] + guest, program: "/bin/bash")
    #expect(result.output == "7\n")
  }

  @Test func readerOfOutputGoesAway() {
    let guest = flat(Guest.text(String(repeating: "x", count: 64)) + [0xEB, 0x80])
    let command = "'\(Child.apus)' \"$@\" | head -c 1; echo \" ${PIPESTATUS[0]}\""
    let result = Child.run(["-c", command, "bash"] + guest, program: "/bin/bash")
    #expect(result.output == "x 141\n")
    #expect(Child.run(["-c", "'\(Child.apus)' --help | head -c 4"], program: "/bin/sh").output == "apus")
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT])
  func signals(_ signal: Int32) throws {
    let output = scratch.path + "/out"
    let child = try #require(
      Child(
        Child.apus, flat(Guest.text("up") + Guest.spin), input: "/dev/null", output: output,
        errors: scratch.path + "/err"))
    while Scratch.read(output).isEmpty && kill(child.pid, 0) == 0 { usleep(1000) }
    kill(child.pid, signal)
    #expect(child.wait() == 128 + signal)
    #expect(Scratch.read(output) == Array("up".utf8))
  }

  @Test func helpVersionAndUsage() {
    #expect(Child.run(["--help"]).output.hasPrefix("apus - "))
    #expect(Child.run(["--version"]).output == "apus 0.1.0\n")
    let refused = Child.run(["--frobnicate"])
    #expect(refused.status == 2)
    #expect(refused.errors == "apus: --frobnicate: not an option of apus; 'apus --help' lists them\n")
    let notice = Child.run(flat(Guest.exit(0)) + ["-enable-kvm"])
    #expect(notice.status == 1)
    #expect(notice.errors.split(separator: "\n").count == 1 && notice.errors.contains("-enable-kvm"))
  }
}

@Suite struct BadInputTests {
  private let scratch = Scratch()

  private func expectRefusal(_ arguments: [String], _ status: Int32, _ words: [String]) {
    let result = Child.run(arguments)
    #expect(result.status == status, "\(arguments): \(result.errors)")
    #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    for word in words { #expect(result.errors.contains(word), "\(word) in \(result.errors)") }
  }

  @Test func kernels() {
    expectRefusal(["--kernel", "/nonexistent/k"], 3, ["/nonexistent/k", "No such file"])
    expectRefusal(["--kernel", scratch.path], 3, [scratch.path, "directory"])
    expectRefusal(["--kernel", "/dev/zero"], 3, ["/dev/zero", "regular file"])
    expectRefusal(["--kernel", scratch.file("empty", [])], 3, ["empty"])
    expectRefusal(["--kernel", scratch.file("junk", Array("junk".utf8))], 3, ["kernel"])
    expectRefusal(["/nonexistent/image"], 3, ["/nonexistent/image", "No such file"])
  }

  @Test func unreadableFiles() {
    // root reads everything.
    guard geteuid() != 0 else { return }
    let file = scratch.file("secret", [1])
    chmod(file, 0)
    expectRefusal(["--kernel", file], 3, [file, "Permission denied"])
    expectRefusal(["--hda", file], 3, [file, "Permission denied"])
  }

  @Test func tooLargeForTheGuest() {
    let file = scratch.file("big", [UInt8](repeating: 0, count: (1 << 20) + 1))
    expectRefusal(["-m", "1M", "--kernel", file], 3, [file, "1048577", "1048576"])
  }

  @Test func disks() {
    expectRefusal(["--hda", "/nonexistent/d"], 3, ["/nonexistent/d", "No such file"])
    expectRefusal(["--hda", scratch.path], 3, ["directory"])
    expectRefusal(["--drive", "file=\(scratch.path),readonly=on"], 3, ["directory"])
    expectRefusal(["--hda", scratch.file("empty", [])], 3, ["empty"])
    expectRefusal(
      ["--hda", scratch.file("odd", [UInt8](repeating: 0, count: 1000))], 3, ["1000", "512", "1024"])
    expectRefusal(["--hda", scratch.file("q", [0x51, 0x46, 0x49, 0xFB])], 3, ["qcow2"])
    expectRefusal(["--hda", "/dev/null"], 3, ["/dev/null"])
    let disk = scratch.file("disk", [UInt8](repeating: 0, count: 512))
    expectRefusal(["--hda", disk, "--hdb", disk], 3, ["in use"])
    expectRefusal(["--hda", disk, "--serial", "file:\(disk)"], 3, ["in use"])
    #expect(Scratch.read(disk).count == 512)
  }

  @Test(arguments: [
    ["-m", "1000000G"], ["-m", "65G"], ["-m", "0"], ["-m", "-1"],
    ["-m", "18446744073709551616G"], ["-m", ""],
    ["--limit-instructions", "18446744073709551615T"], ["--limit-seconds", "nan"],
    ["--limit-seconds", "1e400"], ["--limit-seconds", "-1"], ["--success-code", "256"], ["--smp", "0"],
    ["--rtc", "9999-99-99"], ["--rtc", "@99999999999999999999"], ["--serial", ""], ["--drive", "=,="],
    ["--device", ",,,"], ["--kernel"],
  ])
  func absurdValues(_ arguments: [String]) {
    expectRefusal(arguments, 2, [])
  }

  @Test func flatProgramsThatDoNotFit() {
    let code = scratch.file("g", Guest.spin)
    for address in ["", "-1", "zzz", "0xfffff", "4G", "0xffffffffffffffff"] {
      let result = Child.run(["-m", "4M", "--flat", "\(code),at=\(address)"])
      #expect(result.status == 2 || result.status == 3, "\(address)")
      #expect(result.errors.split(separator: "\n").count == 1, "\(address): \(result.errors)")
    }
  }

  @Test func memoryThatTheHostRefuses() {
    let result = Child.run(["-c", "ulimit -v 1000000; exec '\(Child.apus)' -m 4G"], program: "/bin/sh")
    #expect(result.status == 5)
    #expect(result.errors.split(separator: "\n").count == 1 && result.errors.contains("4096 MiB"))
  }
}

/// On a pseudo-terminal.
@Suite struct TerminalTests {
  private let scratch = Scratch()

  private func start(_ code: [UInt8], _ more: [String] = []) throws -> (Child, PseudoTerminal) {
    let terminal = try #require(PseudoTerminal())
    let guest = scratch.file("guest.bin", code)
    let child = try #require(
      Child(
        Child.apus, ["-m", "4M", "--debug-exit", "--flat", "\(guest),at=0x7c00"] + more, input: terminal.path,
        output: terminal.path, errors: terminal.path, session: true))
    return (child, terminal)
  }

  private let rawFlags = tcflag_t(ECHO | ICANON | ISIG | IEXTEN)

  /// Runs a guest on a terminal, does something to it, and expects the terminal as it was.
  private func expectRestored(
    _ code: [UInt8], _ more: [String] = [], status: Int32, isRawMeanwhile: Bool = true,
    _ act: (Child, PseudoTerminal) -> Void
  ) throws {
    let before = try #require(PseudoTerminal()).localFlags
    let (child, terminal) = try start(Guest.text("ready") + code, more)
    // Held open, so that the terminal outlives the child and can be looked at.
    let other = open(terminal.path, O_RDWR | O_NOCTTY)
    defer { close(other) }
    #expect(terminal.waitFor("ready"))
    if isRawMeanwhile { #expect(terminal.localFlags & rawFlags == 0) }
    act(child, terminal)
    #expect(child.wait() == status)
    #expect(terminal.localFlags == before)
    #expect(before & rawFlags == rawFlags)
  }

  @Test func controlAXLeaves() throws {
    try expectRestored(Guest.spin, status: 0) { _, terminal in terminal.type("\u{1}x") }
  }

  /// The guest halts with interrupts enabled and waits for a person.
  @Test func controlAXLeavesAnIdleGuest() throws {
    try expectRestored([0xFB, 0xF4, 0xEB, 0xFD], status: 0) { _, terminal in terminal.type("\u{1}x") }
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT])
  func signalsRestore(_ signal: Int32) throws {
    try expectRestored(Guest.spin, status: 128 + signal) { child, _ in kill(child.pid, signal) }
  }

  @Test func faultsOfTheRunnerRestore() throws {
    try expectRestored(Guest.spin, status: 1000 + SIGSEGV) { child, _ in kill(child.pid, SIGSEGV) }
    try expectRestored(Guest.spin, status: 1000 + SIGILL) { child, _ in kill(child.pid, SIGILL) }
  }

  @Test func endsOfTheGuestRestore() throws {
    try expectRestored(Guest.echo + Guest.exit(3), status: 7) { _, terminal in terminal.type("q") }
    try expectRestored(Guest.echo + Guest.tripleFault, status: 6) { _, terminal in terminal.type("q") }
    try expectRestored(Guest.echo + Guest.halt, status: 6) { _, terminal in terminal.type("q") }
    try expectRestored(Guest.spin, ["--limit-seconds", "0.3"], status: 7) { _, _ in }
  }

  @Test func everyKeyReachesTheGuest() throws {
    try expectRestored(Guest.echo + Guest.exit(0), status: 1) { _, terminal in
      terminal.type("\u{3}a\u{1}\u{1}\u{1A}\u{4}bc")
      #expect(terminal.waitFor("bc"))
      terminal.type("q")
    }
  }

  @Test func statusAndHelp() throws {
    try expectRestored(Guest.spin, status: 0) { _, terminal in
      terminal.type("\u{1}c")
      #expect(terminal.waitFor("of guest time"))
      terminal.type("\u{1}h")
      #expect(terminal.waitFor("serial break"))
      terminal.type("\u{1}x")
    }
  }

  @Test func outputIsFiltered() throws {
    let code = Guest.text("\u{1B}]0;evil\u{7}\u{1B}[6n\u{1B}[?25lshown") + Guest.spin
    let (child, terminal) = try start(code)
    let other = open(terminal.path, O_RDWR | O_NOCTTY)
    defer { close(other) }
    #expect(terminal.waitFor("shown"))
    terminal.type("\u{1}x")
    #expect(terminal.waitFor("\u{1B}[?25h"))
    #expect(child.wait() == 0)
    let seen = String(decoding: terminal.seen, as: UTF8.self)
    #expect(!seen.contains("evil") && !seen.contains("\u{1B}[6n"))
    let (raw, rawTerminal) = try start(code, ["--raw-console"])
    #expect(rawTerminal.waitFor("\u{1B}]0;evil\u{7}\u{1B}[6n\u{1B}[?25lshown"))
    rawTerminal.type("\u{1}x")
    #expect(raw.wait() == 0)
  }
}
