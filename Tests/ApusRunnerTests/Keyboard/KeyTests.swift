import ApusDevices
import ApusMachine
import Testing
import apus

@Suite struct KeyTests {
  /// Set 1 numbers the keys in rows, so its codes are known without a table: the 8042's translation of what
  /// the keys send must count along the rows.
  @Test(arguments: [
    ("1234567890-=", 0x02), ("qwertyuiop[]", 0x10), ("asdfghjkl;'`", 0x1E), ("\\zxcvbnm,./", 0x2B),
  ])
  func rowsOfSet1(_ row: String, _ first: Int) {
    for (offset, character) in row.utf8.enumerated() {
      let typing = Key.typing(character)
      #expect(typing?.isShifted == false)
      #expect(typing.map { Int(ScanCodeTranslation.set1($0.key.code, isBreak: false)) } == first + offset)
    }
  }

  @Test func shiftedCharacters() {
    for (plain, shifted) in zip("1234567890-=[]\\;'`,./abcz".utf8, "!@#$%^&*()_+{}|:\"~<>?ABCZ".utf8) {
      #expect(Key.typing(shifted)?.key == Key.typing(plain)?.key)
      #expect(Key.typing(shifted)?.isShifted == true)
    }
    for character: UInt8 in 0x20...0x7E { #expect(Key.typing(character) != nil) }
    #expect(Key.typing(0x7F) == nil && Key.typing(0x0A) == nil)
  }

  /// Set 1: F1–F10 are 3Bh–44h, F11 and F12 57h and 58h; cursor keys are E0h and the keypad's codes.
  @Test func namedKeys() {
    for number in 1...10 {
      let key = Key.named("F\(number)")
      #expect(key.map { Int(ScanCodeTranslation.set1($0.code, isBreak: false)) } == 0x3A + number)
    }
    let set1: [String: UInt8] = [
      "F11": 0x57, "F12": 0x58, "esc": 0x01, "Enter": 0x1C, "tab": 0x0F, "Backspace": 0x0E, "Home": 0x47,
      "up": 0x48, "PgUp": 0x49, "LEFT": 0x4B, "right": 0x4D, "end": 0x4F, "down": 0x50, "pgdn": 0x51,
      "ins": 0x52,
      "del": 0x53, "kp5": 0x4C, "kp*": 0x37, "kp+": 0x4E, "capslock": 0x3A, "numlock": 0x45,
      "scrolllock": 0x46,
      "win": 0x5B, "menu": 0x5D, "ctrl": 0x1D, "alt": 0x38, "shift": 0x2A, "rshift": 0x36, "less": 0x56,
    ]
    for (name, code) in set1 {
      let key = Key.named(name)
      #expect(key.map { ScanCodeTranslation.set1($0.code, isBreak: false) } == code, "\(name)")
    }
    for name in ["up", "del", "ralt", "rctrl", "kpenter", "kp/"] {
      #expect(Key.named(name)?.isExtended == true)
    }
    #expect(Key.named("F13") == nil && Key.named("") == nil)
  }

  @Test func makesAndBreaks() {
    #expect(Chord("Ctrl+Alt+Del")?.make == [0x14, 0x11, 0xE0, 0x71])
    #expect(Chord("Ctrl+Alt+Del")?.breakCodes == [0xE0, 0xF0, 0x71, 0xF0, 0x11, 0xF0, 0x14])
    #expect(Chord("A")?.make == [0x12, 0x1C] && Chord("A")?.breakCodes == [0xF0, 0x1C, 0xF0, 0x12])
    #expect(Chord("ctrl+C") == Chord("Ctrl+c"))
    #expect(Chord("+")?.make == [0x12, 0x55] && Chord("Ctrl+plus")?.make == [0x14, 0x12, 0x55])
    #expect(Chord("pause")?.make == [0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77])
    #expect(Chord("pause")?.breakCodes == [])
    #expect(Chord("print")?.breakCodes == [0xE0, 0xF0, 0x7C, 0xE0, 0xF0, 0x12])
    for bad in ["", "Ctrl+", "nonsense", "é", "Ctrl++", "pause+pause+a"] {
      #expect(Chord(bad) == nil, "\(bad)")
    }
  }
}

@Suite struct TypedTextTests {
  @Test func textsAndKeys() throws {
    let chords = try TypedText.chords("aB\\n\\t\\e\\\\\\<<F12><Ctrl+Alt+Del>\n")
    let expected = ["a", "B", "Enter", "Tab", "Esc", "\\", "<", "F12", "Ctrl+Alt+Del", "Enter"]
    #expect(chords == expected.compactMap { Chord($0) })
    #expect(chords.count == expected.count)
    #expect(try TypedText.chords("").isEmpty)
  }

  @Test(arguments: ["a<b", "<F13>", "<>", "é", "\\x", "end\\", "\u{7}"])
  func refusals(_ text: String) {
    #expect(throws: TypedText.Refusal.self) { try TypedText.chords(text) }
  }
}

@Suite struct TypistTests {
  @Test func waitsForTheGuest() {
    var typist = Typist()
    #expect(typist.isDone(at: 0) && typist.deadline(room: 16) == nil)
    typist.type(Chord(Key(0x1C)), pace: 100)
    #expect(typist.deadline(room: 15) == nil && typist.take(at: 0, room: 15) == nil)
    #expect(typist.take(at: 50, room: 16) == [0x1C])
    #expect(typist.deadline(room: 16) == 150 && typist.take(at: 149, room: 16) == nil)
    #expect(typist.end(after: 140) == nil)
    #expect(typist.take(at: 150, room: 16) == [0xF0, 0x1C])
    #expect(typist.end(after: 249) == 250 && typist.end(after: 250) == nil)
    #expect(!typist.isDone(at: 249) && typist.isDone(at: 250))
  }

  /// A guest that takes nothing costs a bounded amount of memory.
  @Test func theQueueIsBounded() {
    var typist = Typist()
    for _ in 0..<100_000 { typist.type(Key(0x1C), isDown: true) }
    var count = 0
    while typist.take(at: 0, room: 16) != nil { count += 1 }
    #expect(count <= 1 << 16 && count > 1000)
  }
}

@Suite struct TerminalKeysTests {
  private func keys(_ text: String) -> [Chord] {
    var keys = TerminalKeys()
    return Array(text.utf8).flatMap { keys.feed($0) } + keys.finish()
  }

  /// What xterm and the Linux console send: XTerm Control Sequences, "PC-Style Function Keys";
  /// console_codes(4).
  @Test(arguments: [
    ("a", "a"), ("A", "A"), (" ", "space"), ("\r", "Enter"), ("\t", "Tab"), ("\u{7F}", "Backspace"),
    ("\u{3}", "Ctrl+c"), ("\u{1A}", "Ctrl+z"), ("\u{0}", "Ctrl+space"), ("\u{1C}", "Ctrl+\\"),
    ("\u{1B}", "Esc"),
    ("\u{1B}x", "Alt+x"), ("\u{1B}X", "Alt+shift+x"), ("\u{1B}\u{3}", "Alt+Ctrl+c"),
    ("\u{1B}\r", "Alt+Enter"),
    ("\u{1B}[A", "up"), ("\u{1B}[B", "down"), ("\u{1B}[C", "right"), ("\u{1B}[D", "left"), ("\u{1B}OA", "up"),
    ("\u{1B}[H", "home"), ("\u{1B}[F", "end"), ("\u{1B}[1~", "home"), ("\u{1B}[4~", "end"),
    ("\u{1B}[2~", "ins"),
    ("\u{1B}[3~", "del"), ("\u{1B}[5~", "pgup"), ("\u{1B}[6~", "pgdn"), ("\u{1B}OP", "f1"),
    ("\u{1B}OS", "f4"),
    ("\u{1B}[15~", "f5"), ("\u{1B}[17~", "f6"), ("\u{1B}[21~", "f10"), ("\u{1B}[23~", "f11"),
    ("\u{1B}[24~", "f12"),
    ("\u{1B}[[A", "f1"), ("\u{1B}[[E", "f5"), ("\u{1B}[11~", "f1"), ("\u{1B}[Z", "shift+tab"),
    ("\u{1B}[1;5C", "Ctrl+right"), ("\u{1B}[1;2A", "shift+up"), ("\u{1B}[1;3P", "Alt+f1"),
    ("\u{1B}[3;5~", "Ctrl+del"), ("\u{1B}[24;6~", "Ctrl+shift+f12"), ("\u{1B}[1;8H", "Ctrl+Alt+shift+home"),
    ("\u{1B}\u{1B}", "Alt+Esc"), ("\u{1B}\u{1B}[A", "Alt+up"), ("\u{1B}[", "Alt+["), ("\u{1B}OM", "kpenter"),
  ])
  func sequences(_ bytes: String, _ chord: String) {
    #expect(keys(bytes) == [Chord(chord)].compactMap { $0 }, "\(chord)")
    // A key before and a key after stay what they are.
    #expect(keys("q" + bytes).first == Chord("q"))
  }

  @Test func whatTheKeyboardLacksIsDropped() {
    #expect(keys("é€😀a") == [Chord("a")].compactMap { $0 })
    #expect(keys("\u{1B}[99~a\u{1B}[?1;2ca\u{1B}[Ia") == ["a", "a", "a"].compactMap { Chord($0) })
    #expect(keys("\u{1B}[1\u{1B}[Aa") == ["up", "a"].compactMap { Chord($0) })
  }

  /// Any bytes: no trap, and an ordinary key afterwards is itself.
  @Test func anyBytes() {
    var state: UInt64 = 77
    for _ in 0..<3000 {
      var keys = TerminalKeys()
      for _ in 0..<30 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let byte = UInt8(truncatingIfNeeded: state >> 40)
        let interesting: [UInt8] = [0x1B, 0x5B, 0x4F, 0x3B, 0x39, 0x7E, 0x31, 0xC3]
        _ = keys.feed(byte & 1 == 0 ? byte : interesting[Int(byte >> 1) % 8])
      }
      _ = keys.finish()
      #expect(keys.feed(0x61) == [Chord("a")].compactMap { $0 })
    }
  }
}
