import Testing
import apus

@Suite struct DebuggerKeysTests {
  private func events(_ bytes: [UInt8], toGuest: Bool = false) -> [DebuggerKeys.Event] {
    var keys = DebuggerKeys()
    return bytes.flatMap { keys.feed($0, toGuest: toGuest) } + (keys.isAwaitingMore ? keys.finish() : [])
  }

  private func keys(_ text: String) -> [DebuggerKey] {
    events(Array(text.utf8)).map {
      guard case .key(let key) = $0 else { return .escape }
      return key
    }
  }

  @Test func keysOfTheTerminal() {
    #expect(keys("sB?") == [.character("s"), .character("B"), .character("?")])
    #expect(keys("\r\n\t\u{7F}\u{8}") == [.enter, .enter, .tab, .backspace, .backspace])
    #expect(keys("\u{3}\u{C}") == [.control("c"), .control("l")])
    #expect(keys("\u{1B}[A\u{1B}[B\u{1B}OC\u{1B}[D") == [.up, .down, .right, .left])
    #expect(keys("\u{1B}[5~\u{1B}[6~\u{1B}[H\u{1B}[4~") == [.pageUp, .pageDown, .home, .end])
    #expect(keys("\u{1B}OP\u{1B}[Z") == [.character("?"), .shiftTab])
    #expect(keys("\u{1B}") == [.escape])
    // What means nothing here, and characters that the keyboard does not have.
    #expect(keys("\u{1B}[24~é€\u{1B}[200~x") == [.character("x")])
  }

  @Test func theGuestHasTheKeyboard() {
    #expect(
      events([0x61, 0x03, 0x1B, 0x5B, 0x41], toGuest: true)
        == [0x61, 0x03, 0x1B, 0x5B, 0x41].map { .guest($0) })
    #expect(events([1, 0x63, 0x64], toGuest: true) == [.key(.character("c")), .guest(0x64)])
    #expect(events([1, 1, 0x71], toGuest: true) == [.guest(1), .guest(0x71)])
    #expect(events([1, 0x1B, 0x5B, 0x46, 0x61], toGuest: true) == [.key(.end), .guest(0x61)])
  }

  @Test func anyBytesAreKeys() {
    var state: UInt64 = 1
    var keys = DebuggerKeys()
    for round in 0..<20_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      _ = keys.feed(UInt8(truncatingIfNeeded: state >> 56), toGuest: round / 100 % 2 == 1)
    }
    _ = keys.finish()
    #expect(!keys.isAwaitingMore)
  }
}
