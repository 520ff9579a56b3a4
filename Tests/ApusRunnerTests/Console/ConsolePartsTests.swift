import Testing
import apus

@Suite struct ConsoleKeysTests {
  private func events(_ text: String) -> [ConsoleKeys.Event] {
    var keys = ConsoleKeys()
    return text.utf8.compactMap { keys.feed($0) }
  }

  @Test func commandsFollowTheirPrefix() {
    #expect(events("ax") == [.input(0x61), .input(0x78)])
    #expect(events("\u{1}x") == [.exit])
    #expect(events("\u{1}c\u{1}h\u{1}?\u{1}s\u{1}b") == [.status, .help, .help, .sendBreak, .sendBreak])
    #expect(events("\u{1}p\u{1}V") == [.screenshot, .switchView])
    #expect(events("\u{1}\u{1}x") == [.input(1), .input(0x78)])
    #expect(events("\u{1}qx") == [.input(0x78)])
    #expect(events("\u{1}") == [])
    #expect(events("\u{3}\u{4}\u{1A}\u{1C}") == [.input(3), .input(4), .input(0x1A), .input(0x1C)])
  }
}

@Suite struct TextMatcherTests {
  private func position(_ pattern: String, _ text: String) -> Int? {
    var matcher = TextMatcher(pattern)
    for (index, byte) in text.utf8.enumerated() {
      matcher.feed(byte)
      if matcher.hasMatched { return index }
    }
    return nil
  }

  @Test func findsTextsThatOverlapThemselves() {
    #expect(position("login:", "debian login: ") == 12)
    #expect(position("aab", "aaab") == 3)
    #expect(position("abcabd", "abcabcabd") == 8)
    #expect(position("aaa", "aabaabaaa") == 8)
    #expect(position("x", "yyy") == nil)
    #expect(position("é", "caf\u{E9}") == 4)
  }

  /// Against the obvious search.
  @Test func agreesWithTheObviousSearch() {
    var state: UInt64 = 7
    func next(_ count: UInt64) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1
      return Int((state >> 40) % count)
    }
    for _ in 0..<500 {
      let pattern = String((0..<(1 + next(5))).map { _ in next(2) == 0 ? "a" : "b" })
      let text = String((0..<40).map { _ in next(2) == 0 ? "a" : "b" })
      let expected = Array(text.indices).enumerated().first { text[$1...].hasPrefix(pattern) }?.offset
      #expect(position(pattern, text) == expected.map { $0 + pattern.count - 1 })
    }
  }
}

@Suite struct PacerTests {
  @Test func idleTimeIsRealTime() {
    var pacer = Pacer()
    pacer.beginIdle(virtual: 5_000, real: 1_000_000_000)
    #expect(pacer.realTime(of: 10_005_000) == 1_010_000_000)
    #expect(pacer.virtualTime(at: 1_002_000_000) == 2_005_000)
    #expect(pacer.realTime(of: .max) == .max)
  }

  @Test func aSmallLagIsMadeGood() {
    var pacer = Pacer()
    pacer.beginIdle(virtual: 0, real: 0)
    // Woken 3 ms late at 13 ms for a timer at 10 ms: the next one, at 20 ms, is not late.
    pacer.beginIdle(virtual: 10_000_000, real: 13_000_000)
    #expect(pacer.realTime(of: 20_000_000) == 20_000_000)
  }

  @Test func aLargeLagIsForgotten() {
    var pacer = Pacer()
    pacer.beginIdle(virtual: 0, real: 0)
    pacer.beginIdle(virtual: 1_000_000_000, real: 3_000_000_000)
    #expect(pacer.realTime(of: 2_000_000_000) == 4_000_000_000)
  }

  @Test func aGuestAheadOfRealTimeDoesNotWaitForIt() {
    var pacer = Pacer()
    pacer.beginIdle(virtual: 0, real: 0)
    pacer.beginIdle(virtual: 9_000_000_000, real: 1_000_000_000)
    #expect(pacer.realTime(of: 9_500_000_000) == 1_500_000_000)
  }
}

@Suite struct TextTests {
  @Test func numbers() {
    #expect(Text.fixed(1234.56, places: 1) == "1234.6")
    #expect(Text.fixed(0.004, places: 2) == "0.00")
    #expect(Text.fixed(0.005, places: 2) == "0.01")
    #expect(Text.fixed(7, places: 0) == "7")
    #expect(Text.fixed(.infinity, places: 1) == "-")
    #expect(Text.fixed(.nan, places: 1) == "-")
    #expect(Text.seconds(1_234_500_000) == "1.235")
    #expect(Text.hex(0xAB) == "00000000000000ab")
  }
}

@Suite struct DiskFormatTests {
  @Test func magics() {
    #expect(DiskFormat.name([]) == nil)
    #expect(DiskFormat.name([UInt8](repeating: 0, count: 512)) == nil)
    #expect(DiskFormat.name([0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3]) == "qcow2")
    #expect(DiskFormat.name(Array("KDMV".utf8)) == "VMDK")
    #expect(DiskFormat.name([UInt8](repeating: 0x20, count: 64) + [0x7F, 0x10, 0xDA, 0xBE]) == "VDI")
    #expect(DiskFormat.name([UInt8](repeating: 0x20, count: 64) + [0x7F, 0x10, 0xDA]) == nil)
  }
}
