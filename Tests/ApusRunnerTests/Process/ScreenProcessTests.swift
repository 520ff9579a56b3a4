import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A real-mode program that programs the VGA for 80×25 text as a video BIOS does, writes a greeting, and
/// shows the scan code of each key as a character of the third line; Esc ends it with debug exit code 10h.
private enum ScreenGuest {
  static let greeting = "Hello, \u{1} world"

  /// `mov dx, port; mov al, value; out dx, al`
  private static func out(_ port: UInt16, _ value: UInt8) -> [UInt8] {
    [0xBA, UInt8(port & 0xFF), UInt8(port >> 8), 0xB0, value, 0xEE]
  }

  private static func registers(_ port: UInt16, _ values: [UInt8]) -> [UInt8] {
    values.enumerated().flatMap { out(port, UInt8($0.offset)) + out(port + 1, $0.element) }
  }

  /// IBM Video Subsystem Technical Reference, "Register Values for Compatible Modes", mode 3+.
  private static let mode: [UInt8] = {
    let attribute: [UInt8] =
      [0, 1, 2, 3, 4, 5, 0x14, 7] + Array(0x38...0x3F) + [0x0C, 0, 0x0F, 8, 0]
    var code = out(0x3C2, 0x67) + registers(0x3C4, [3, 0, 3, 0, 2]) + out(0x3D4, 0x11) + out(0x3D5, 0)
    code += registers(
      0x3D4,
      [
        0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F,
        0x28,
        0x1F, 0x96, 0xB9, 0xA3, 0xFF,
      ])
    code += registers(0x3CE, [0, 0, 0, 0, 0, 0x10, 0x0E, 0, 0xFF]) + out(0x3C6, 0xFF)
    for (number, index) in attribute.prefix(16).enumerated() {
      let level: (Int) -> UInt8 = { bit in
        // Brown has half the green of dark yellow.
        let low: UInt8 = number == 6 && bit == 1 ? 0x15 : number >> bit & 1 != 0 ? 0x2A : 0
        return low + (number & 8 != 0 ? 0x15 : 0)
      }
      code += out(0x3C8, index) + [2, 1, 0].flatMap { out(0x3C9, level($0)) }
    }
    // in al, 3DAh; then the attribute controller's registers, and the picture on.
    code += [0xBA, 0xDA, 0x03, 0xEC]
    for (number, value) in attribute.enumerated() { code += out(0x3C0, UInt8(number)) + out(0x3C0, value) }
    return code + out(0x3C0, 0x20)
  }()

  static let code: [UInt8] = {
    // cli; …; mov ax, B800h; mov es, ax; xor di, di
    var code: [UInt8] = [0xFA] + mode + [0xB8, 0x00, 0xB8, 0x8E, 0xC0, 0x31, 0xFF]
    // mov ax, 1E00h + character; stosw
    for character in greeting.utf8 { code += [0xB8, character, 0x1E, 0xAB] }
    // mov di, 320; IRQ 1 alone
    code += [0xBF, 0x40, 0x01] + out(0x21, 0xFD) + out(0xA1, 0xFF)
    // xor ax, ax; mov ds, ax; mov word [24h], handler; mov word [26h], 0; sti; hlt; jmp $-1
    let handler = 0x7C00 + code.count + 20
    code += [0x31, 0xC0, 0x8E, 0xD8, 0xC7, 0x06, 0x24, 0x00, UInt8(handler & 0xFF), UInt8(handler >> 8)]
    code += [0xC7, 0x06, 0x26, 0x00, 0x00, 0x00, 0xFB, 0xF4, 0xEB, 0xFD]
    // in al, 60h; mov ah, 1Fh; stosw; cmp al, 1; jne +4; mov al, 10h; out F4h, al; mov al, 20h; out 20h, al;
    // iret
    return code + [
      0xE4, 0x60, 0xB4, 0x1F, 0xAB, 0x3C, 0x01, 0x75, 4, 0xB0, 0x10, 0xE6, 0xF4, 0xB0, 0x20, 0xE6, 0x20, 0xCF,
    ]
  }()
}

@Suite struct ScreenProcessTests {
  private let scratch = Scratch()

  private var guest: [String] {
    let file = scratch.file("guest.bin", ScreenGuest.code)
    return ["-m", "4M", "--vga", "std", "--debug-exit", "--flat", "\(file),at=0x7c00"]
  }

  /// Scan codes of set 1: a 1Eh, Shift 2Ah, b 30h, F12 58h.
  @Test func typedKeysAreOnTheScreen() {
    let png = scratch.path + "/end.png"
    let result = Child.run(guest + ["--type", "aB<F12>\\e", "--screen-text", "--screenshot", png])
    #expect(result.status == 33, "\(result.errors)")
    let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count == 26 && lines[0] == "Hello, ☺ world" && lines[2] == "▲₧*0░¬X╪☺")
    let file = Scratch.read(png)
    // 720 × 400 pixels.
    #expect(
      file.prefix(8) == [137, 80, 78, 71, 13, 10, 26, 10]
        && file.dropFirst(16).prefix(8) == [0, 0, 2, 208, 0, 0, 1, 144])
  }

  @Test func scriptsRepeat() {
    let text = scratch.path + "/screen.txt"
    let script = scratch.file(
      "s", Array("wait screen \"Hello, ☺\" 5\ntype ab\nsleep 0.5\nscreen-text \(text)\nexit 9\n".utf8))
    let first = Child.run(guest + ["--script", script, "--state-hash"])
    #expect(first.status == 9 && first.errors.hasPrefix("state-hash: "))
    #expect(String(decoding: Scratch.read(text), as: UTF8.self).contains("\n▲₧0░\n"))
    #expect(Child.run(guest + ["--script", script, "--state-hash"]).errors == first.errors)
  }

  @Test func scriptsFail() {
    let script = scratch.file("s", Array("\nwait screen never 0.5\n".utf8))
    let result = Child.run(guest + ["--script", script])
    #expect(result.status == 8)
    #expect(
      result.errors == "apus: \(script):2: 'never' did not appear on the screen within 0.5 s of guest time\n")
    // The guest ends while the script waits.
    #expect(Child.run(guest + ["--script", script, "--type", "\\e", "--success-code", "33"]).status == 8)
    let bad = Child.run(guest + ["--script", scratch.file("bad", Array("sleep 1\njump\n".utf8))])
    #expect(bad.status == 3 && bad.errors.hasPrefix("apus: \(scratch.path)/bad:2: 'jump' is not a step"))
    #expect(Child.run(guest + ["--script", "/nonexistent"]).status == 3)
    #expect(Child.run(guest + ["--script", scratch.file("bytes", [0xFF])]).status == 3)
  }

  /// On a terminal the screen takes over once it has a picture, keys reach the keyboard, and the terminal is
  /// left as it was.
  @Test func theTerminalShowsTheScreen() throws {
    let terminal = try #require(PseudoTerminal())
    let other = open(terminal.path, O_RDWR | O_NOCTTY)
    defer { close(other) }
    let before = terminal.localFlags
    let child = try #require(
      Child(
        Child.apus, guest, input: terminal.path, output: terminal.path, errors: terminal.path, session: true))
    #expect(terminal.waitFor("\u{1B}[?1049h") && terminal.waitFor("\u{1B}[93;44mHello,"))
    terminal.type("\u{1B}[24~")
    // Make and break may be drawn one after the other.
    #expect(terminal.waitFor("X") && terminal.waitFor("╪"))
    terminal.type("\u{1}h")
    #expect(terminal.waitFor("serial break"))
    terminal.type("\u{1}x")
    #expect(terminal.waitFor("\u{1B}[?1049l"))
    #expect(child.wait() == 0 && terminal.localFlags == before)
  }

  @Test(arguments: [SIGTERM, SIGSEGV])
  func signalsLeaveTheScreen(_ signal: Int32) throws {
    let terminal = try #require(PseudoTerminal())
    let other = open(terminal.path, O_RDWR | O_NOCTTY)
    defer { close(other) }
    let child = try #require(
      Child(
        Child.apus, guest, input: terminal.path, output: terminal.path, errors: terminal.path, session: true))
    #expect(terminal.waitFor("Hello,"))
    kill(child.pid, signal)
    #expect(terminal.waitFor("\u{1B}[?1049l"))
    #expect(child.wait() == (signal == SIGTERM ? 143 : 1000 + SIGSEGV))
  }
}
