import Testing
import apus

/// Expectations from ECMA-48, xterm's "Control Sequences" and the Linux manual page console_codes(4).
@Suite struct EscapeFilterTests {
  private func filter(_ bytes: [UInt8]) -> [UInt8] {
    var filter = EscapeFilter()
    var output: [UInt8] = []
    filter.filter(bytes, into: &output)
    // The same, byte by byte: the state survives any division of the output.
    var single = EscapeFilter()
    var pieces: [UInt8] = []
    for byte in bytes { single.filter([byte], into: &pieces) }
    #expect(pieces == output)
    return output
  }

  private func filter(_ text: String) -> String {
    String(decoding: filter(Array(text.utf8)), as: UTF8.self)
  }

  @Test(arguments: [
    "plain text ~!@#\r\n\t\u{8}\u{7}\u{B}\u{C}", "Grüße, 世界 🐧 \u{A0}", "\u{1B}[0m\u{1B}[1;31mred\u{1B}[m",
    "\u{1B}[38;2;1;2;3m\u{1B}[38:5:9m", "\u{1B}[2J\u{1B}[H\u{1B}[10;20H\u{1B}[K\u{1B}[1K\u{1B}[3A\u{1B}[B",
    "\u{1B}7\u{1B}8\u{1B}D\u{1B}E\u{1B}M", "\u{1B}[s\u{1B}[u\u{1B}[5;20r\u{1B}[3L\u{1B}[2M\u{1B}[4P\u{1B}[@",
    "\u{1B}[?25l\u{1B}[?25h\u{1B}[?1049h\u{1B}[?7l\u{1B}[?2004h\u{1B}[?1;25h",
    "\u{1B}(B\u{1B}(0\u{1B})0\u{E}q\u{F}",
    "\u{1B}=\u{1B}>\u{1B}[4h\u{1B}[4l\u{1B}[2S\u{1B}[2T\u{1B}[?2J\u{1B}[?K\u{1B}[9999C\u{1B}[5b",
  ])
  func passes(_ text: String) {
    #expect(filter(text) == text)
  }

  @Test(arguments: [
    "\u{1B}]0;title\u{7}", "\u{1B}]0;title\u{1B}\\", "\u{1B}]52;c;ZXZpbA==\u{7}",
    "\u{1B}]8;;http://x\u{1B}\\",
    "\u{1B}P1$r0m\u{1B}\\", "\u{1B}P+q544e\u{1B}\\", "\u{1B}_Gf=100;AAAA\u{1B}\\", "\u{1B}^secret\u{1B}\\",
    "\u{1B}Xsos\u{1B}\\", "\u{1B}kscreen title\u{1B}\\", "\u{5}", "\u{0}", "\u{7F}", "\u{11}\u{13}",
    "\u{18}\u{1A}",
    "\u{1B}[c", "\u{1B}[>c", "\u{1B}[=c", "\u{1B}[5n", "\u{1B}[6n", "\u{1B}[?6n", "\u{1B}Z", "\u{1B}c",
    "\u{1B}[21t", "\u{1B}[8;50;100t", "\u{1B}[x", "\u{1B}[i", "\u{1B}[4i", "\u{1B}[?5i", "\u{1B}[>4;2m",
    "\u{1B}[?1000h", "\u{1B}[?1006h", "\u{1B}[?1004h", "\u{1B}[?3h", "\u{1B}[?25;1000h", "\u{1B}[20h",
    "\u{1B}[?h",
    "\u{1B}[2q", "\u{1B}[2 q", "\u{1B}[!p", "\u{1B}[61\"p", "\u{1B}[>1u", "\u{1B}[?u", "\u{1B}[1;2;3;4;5T",
    "\u{1B}[99999b", "\u{1B}[10000;1H", "\u{1B}#8", "\u{1B}%@", "\u{1B}%G", "\u{1B} F", "\u{1B} G", "\u{1B}n",
    "\u{1B}~", "\u{1B}N", "\u{1B}(K", "\u{1B}$(C", "\u{1B}]R", "\u{1B}]P1ff00ff", "\u{9B}6n",
    "\u{9D}0;title\u{7}", "\u{90}q\u{1B}\\", "\u{85}\u{84}", "\u{1B}[1$r", "\u{1B}[1;1;1;1*y", "\u{1B}H",
    "\u{1B}[?1049s", "\u{1B}[3g", "\u{1B}]0;x\u{18}", "\u{1B}[1\u{18}", "\u{1B}[1\u{1B}[2\u{1B}[c",
  ])
  func drops(_ sequence: String) {
    #expect(filter(sequence) == "")
    #expect(filter("a\(sequence)b") == "ab")
  }

  @Test func eightBitControls() {
    for byte: UInt8 in 0x80...0x9F where ![0x90, 0x98, 0x9B, 0x9D, 0x9E, 0x9F].contains(byte) {
      #expect(filter([0x41, byte, 0x42]) == [0x41, 0x42])
    }
    // CSI 6 n and CSI 1 m in their 8-bit forms: the first is dropped, the second passes in 7 bits.
    #expect(filter([0x9B, 0x36, 0x6E]) == [])
    #expect(filter([0x9B, 0x31, 0x6D]) == Array("\u{1B}[1m".utf8))
    #expect(filter([0x9D, 0x30, 0x3B, 0x78, 0x9C, 0x41]) == [0x41])
    #expect(filter([0x9D, 0x30, 0x3B, 0x78, 0x0A, 0x41]) == [0x41])
  }

  /// No byte from 80h to 9Fh leaves the filter except inside a valid character.
  @Test func noControlHidesInBrokenCharacters() {
    #expect(filter([0xE2, 0x9B, 0x41]) == [0x3F, 0x41])
    #expect(filter([0xC2, 0x9B, 0x36, 0x6E]) == [])
    #expect(filter([0xC0, 0x9B]) == [0x3F])
    #expect(filter([0xE0, 0x9B, 0x80]) == [0x3F])
    #expect(filter([0xED, 0xA0, 0x80]) == [0x3F, 0x3F])
    #expect(filter([0xF4, 0x90, 0x80, 0x80]) == [0x3F])
    #expect(filter([0xE9, 0x20]) == [0x3F, 0x20])
    #expect(filter([0xF0, 0x9F, 0x1B, 0x5B, 0x63]) == [0x3F])
  }

  /// Whatever comes in, what goes out is valid UTF-8 without controls beyond those that may pass.
  @Test func anyBytes() {
    var state: UInt64 = 0x1234_5678
    for _ in 0..<2000 {
      var bytes: [UInt8] = []
      for _ in 0..<40 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let interesting: [UInt8] = [0x1B, 0x5B, 0x5D, 0x9B, 0x9D, 0xC2, 0xE2, 0x07, 0x3F, 0x68, 0x6E, 0x63]
        let choice = UInt8(truncatingIfNeeded: state >> 33)
        bytes.append(choice & 1 == 0 ? choice : interesting[Int(choice >> 1) % interesting.count])
      }
      let output = filter(bytes)
      let text = String(validating: output, as: UTF8.self)
      #expect(text != nil)
      #expect(text?.unicodeScalars.contains { (0x80...0x9F).contains($0.value) || $0.value == 5 } == false)
      #expect(text?.contains("\u{1B}]") == false)
    }
  }

  @Test func unendingStringsAreGivenUp() {
    let text = "\u{1B}]0;" + String(repeating: "x", count: 10000) + "end"
    #expect(filter(text).hasSuffix("end"))
    #expect(filter("\u{1B}[" + String(repeating: "1", count: 100_000) + "mtext") == "text")
  }

  @Test func restorationUndoesWhatPassed() {
    func restoration(_ text: String) -> String {
      var filter = EscapeFilter()
      var output: [UInt8] = []
      filter.filter(text.utf8, into: &output)
      return String(decoding: filter.restoration, as: UTF8.self)
    }
    #expect(restoration("text\r\n") == "")
    #expect(restoration("\u{1B}[31m") == "\u{1B}[0m")
    #expect(restoration("\u{1B}[?25l") == "\u{1B}[?25h")
    #expect(restoration("\u{1B}[?25l\u{1B}[?25h") == "")
    #expect(restoration("\u{1B}[?1049h\u{1B}[?2004h") == "\u{1B}[?1049l\u{1B}[?2004l")
    #expect(restoration("\u{1B}[?1049h\u{1B}[?1049l") == "")
    #expect(restoration("\u{1B}[?1000h") == "")
    #expect(restoration("\u{1B}[?7l") == "\u{1B}[?7h")
    #expect(restoration("\u{E}") == "\u{F}\u{1B}(B")
    #expect(restoration("\u{1B}[4h\u{1B}=") == "\u{1B}[4l\u{1B}>")
  }
}
