import ApusBase
import ApusMachine
import Testing
import apus

@Suite struct ScriptParserTests {
  private func steps(_ text: String) throws -> [Script.Action] {
    try Script(text, name: "s").steps.map(\.action)
  }

  @Test func everyStep() throws {
    let chords = ["F12", "Ctrl+Alt+Del"].compactMap { Chord($0) }
    #expect(
      try steps(
        """
        # a remark
        wait screen login:

          wait serial "two words\\n" 2.5\u{20}
        type ls -l "x"\\n
        type " padded "
        press F12 Ctrl+Alt+Del
        mouse -3 4
        mouse 1 2 -1 5
        screenshot "a b.png"
        screen-text
        screen-text out.txt
        sleep 0.25
        exit 7
        """) == [
          .wait(.screen, text: "login:", limit: 60_000_000_000),
          .wait(.serial, text: "two words\n", limit: 2_500_000_000),
          .type(try TypedText.chords("ls -l \\\"x\\\"\\n")),
          .type(try TypedText.chords(" padded ")), .type(chords),
          .mouse(right: -3, down: 4, wheel: 0, buttons: 0), .mouse(right: 1, down: 2, wheel: -1, buttons: 5),
          .screenshot("a b.png"), .screenText(nil), .screenText("out.txt"), .sleep(250_000_000), .exit(7),
        ])
    #expect(try steps("") == [] && steps("\r\n# x\r\nexit 0\r\n") == [.exit(0)])
  }

  @Test(arguments: [
    "wait", "wait screen", "wait disk x", "wait screen \"\"", "wait screen a b", "wait screen a 1 2",
    "wait screen \"a", "wait screen \"a\"b", "wait screen \"\\q\"", "type", "type <F99>", "type é", "press",
    "press F99", "mouse", "mouse 1", "mouse a 1", "mouse 1 2 3 8", "mouse 1 2 3 4 5", "screenshot",
    "screenshot a b", "screen-text a b", "sleep", "sleep soon", "sleep -1", "exit",
    "exit 256", "exit -1", "Wait screen a", "frobnicate",
  ])
  func refusalsNameFileAndLine(_ line: String) {
    do {
      _ = try Script("# one\n\n\(line)\nexit 0", name: "boot.script")
      Issue.record("\(line) was accepted")
    } catch {
      #expect(error.code == .badInput && error.message.hasPrefix("boot.script:3: "), "\(error.message)")
      #expect(!error.message.contains("\n"))
    }
  }
}

/// A machine that exists for scripts alone.
private final class Stage: ScriptStage {
  var scriptTime: VirtualTime = 0
  var screenChanges: UInt64 = 0
  var screen = "" { didSet { screenChanges += 1 } }
  let serial = SerialLog(nil)
  var typed: [Chord] = []
  var hasTyped = true
  var saved: [String] = []

  func screenText() -> String { screen }
  func takeSerial(_ text: String) -> Bool { serial.take(text) }
  func type(_ chords: [Chord]) { typed += chords }
  func moveMouse(right: Int, down: Int, wheel: Int, buttons: UInt8) {
    saved.append("mouse \(right) \(down) \(wheel) \(buttons)")
  }
  func saveScreenshot(_ path: String) throws(Failure) {
    guard path != "bad" else { throw .badInput(path, "cannot be opened") }
    saved.append(path)
  }
  func saveScreenText(_ path: String?) throws(Failure) { saved.append(path ?? "-") }
}

@Suite struct ScriptRunTests {
  private func run(_ text: String) throws -> ScriptRun { ScriptRun(try Script(text, name: "s")) }

  @Test func stepsFollowEachOther() throws {
    let stage = Stage()
    var script = try run(
      "wait screen ready 1\ntype ab\nscreenshot a\nscreen-text\nsleep 2\nwait serial ok\nexit 3")
    #expect(try script.advance(stage) == nil && script.deadline == 1_000_000_000 && script.isWaiting)
    stage.scriptTime = 500_000_000
    stage.screen = "not yet\nread"
    #expect(try script.advance(stage) == nil && stage.typed.isEmpty)
    stage.scriptTime = 600_000_000
    stage.screen = "we are ready now"
    stage.hasTyped = false
    #expect(try script.advance(stage) == nil && stage.typed.count == 2 && stage.saved.isEmpty)
    #expect(script.deadline == nil)
    stage.hasTyped = true
    #expect(try script.advance(stage) == nil && stage.typed.count == 2 && stage.saved == ["a", "-"])
    #expect(script.deadline == 2_600_000_000 && !script.isWaiting)
    stage.scriptTime = 2_600_000_000
    for byte in "all is ok".utf8 { stage.serial.send(byte) }
    #expect(try script.advance(stage) == .scripted(3))
  }

  @Test func aWaitEndsInTime() throws {
    let stage = Stage()
    var script = try run("# \n wait screen \"no such\\ntext\" 0.5")
    #expect(try script.advance(stage) == nil)
    #expect(script.failureAtEnd?.code == .scriptFailed)
    stage.scriptTime = 500_000_000
    do {
      _ = try script.advance(stage)
      Issue.record("the wait did not fail")
    } catch {
      #expect(error.code.status == 8)
      #expect(
        error.message == "s:2: 'no such\\ntext' did not appear on the screen within 0.5 s of guest time")
    }
  }

  /// What appears just as the time is over counts.
  @Test func theLastLookCounts() throws {
    let stage = Stage()
    stage.screen = "a"
    var script = try run("wait screen b 0.0001\nexit 0")
    #expect(try script.advance(stage) == nil)
    stage.screen = "b"
    stage.scriptTime = 100_000
    #expect(try script.advance(stage) == .scripted(0))
  }

  @Test func otherFailuresPass() throws {
    var script = try run("screenshot bad")
    #expect(throws: Failure.badInput("bad", "cannot be opened")) { try script.advance(Stage()) }
    var done = try run("")
    #expect(try done.advance(Stage()) == nil && done.failureAtEnd == nil && done.deadline == nil)
  }
}

@Suite struct SerialLogTests {
  private func log(_ text: String) -> SerialLog {
    let log = SerialLog(nil)
    for byte in text.utf8 { log.send(byte) }
    return log
  }

  @Test func textsAreTakenInOrder() {
    let log = log("one two three two")
    #expect(log.take("two") && !log.take("one") && log.take("two") && !log.take("two"))
    for byte in "t".utf8 { log.send(byte) }
    #expect(!log.take("two"))
    for byte in "wo".utf8 { log.send(byte) }
    #expect(log.take("two"))
  }

  @Test func theLatestIsKept() {
    let log = log(String(repeating: "x", count: 1_000_000) + "end")
    #expect(log.take("xend"))
    let other = self.log("lost" + String(repeating: "x", count: 200_000))
    #expect(!other.take("lost"))
    #expect(other.take("xxx"))
  }
}
