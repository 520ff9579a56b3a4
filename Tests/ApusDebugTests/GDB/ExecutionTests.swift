import ApusDebug
import Testing

/// GDB manual, "Packets", "Stop Reply Packets".
@Suite struct GDBExecutionTests {
  /// RBP, RSP and RIP of `FakeTarget`.
  private static let registers = "06:0606060606060606;07:0707070707070707;10:1010101010101010;"
  private static func stop(_ signal: String, _ cause: String = "") -> String {
    "T\(signal)\(cause)\(registers)thread:1;"
  }

  private func clientOfGDB() -> Client {
    let client = Client()
    _ = client.reply("qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+;xmlRegisters=i386")
    return client
  }

  @Test func reasonForStandingStill() {
    let client = Client()
    #expect(client.reply("?") == Self.stop("05"))
    #expect(client.reply("??") == "E16")
    let other = FakeTarget()
    let server = GDBServer(other, stoppedBy: .exited(1))
    server.receive(Client.frame("?"))
    #expect(Client.packets(server.takeOutput()) == [Array("W01".utf8)])
  }

  // MARK: Resuming

  @Test(
    arguments: [
      ("c", "run"), ("s", "step"), ("C05", "run"), ("S02", "step"), ("bc", "reverse run"),
      ("bs", "reverse step"),
      ("vCont;c", "run"), ("vCont;s", "step"), ("vCont;C05", "run"), ("vCont;S05", "step"),
      ("vCont;c:1", "run"),
      ("vCont;s:1;c", "step"), ("vCont;c:-1", "run"), ("vCont;s:0", "step"), ("vCont;C05:1;c", "run"),
      ("vCont;r1000,1010:1;c", "range 1000 1010"), ("vCont;r1000,1000:1", "step"),
      ("vCont;r0,ffffffffffffffff", "range 0 ffffffffffffffff"), ("vCont;s:2;c", "run"),
      ("vCont;t:2;s:1", "step"),
      ("vCont;c;s", "run"),
    ])
  func resumption(_ packet: String, _ call: String) {
    let client = Client()
    #expect(client.replies(packet).isEmpty)
    #expect(client.server.isRunning)
    #expect(client.target.takeCalls() == [call])
    client.server.stopped(.step)
    #expect(!client.server.isRunning)
    #expect(client.takeReplies() == [Self.stop("05")])
  }

  @Test(arguments: [("c1234", "run"), ("s1234", "step"), ("C05;1234", "run"), ("S05;1234", "step")])
  func resumptionElsewhere(_ packet: String, _ call: String) {
    let client = Client()
    #expect(client.replies(packet).isEmpty)
    #expect(client.target.takeCalls() == ["write rip", call])
    #expect(client.target.registers[.rip] == UInt64(0x1234).littleEndianBytes())
  }

  @Test func resumptionWhereItCannotBe() {
    let client = Client()
    client.target.readOnly.insert(.rip)
    #expect(client.reply("c1234") == "E01")
    #expect(!client.server.isRunning)
    #expect(client.target.calls.isEmpty)
  }

  @Test(
    arguments: [
      "cx", "c1000,", "s1000;", "c10000000000000000", "C", "Cx", "C05;", "C05:", "S", "vCont;", "vCont;x",
      "vCont;c;", "vCont;;c", "vCont;C", "vCont;c5", "vCont;s:", "vCont;s:x", "vCont;s:-2", "vCont;s:p1.1",
      "vCont;s:2", "vCont;r", "vCont;r1000", "vCont;r1000,", "vCont;r1010,1000", "vCont;c:1;x", "vCont;c:1:1",
    ])
  func malformedResumption(_ packet: String) {
    let client = Client()
    #expect(client.reply(packet) == "E16")
    #expect(!client.server.isRunning)
    #expect(client.target.calls.isEmpty)
  }

  @Test func stopWithinResume() {
    let client = Client()
    client.target.resumed = { [server = client.server] in server.stopped(.step) }
    #expect(client.reply("s") == Self.stop("05"))
    // Many of them at once do not nest.
    _ = client.raw("$QStartNoAckMode#b0+")
    client.acknowledges = false
    for _ in 0..<200 { client.server.receive(Client.frame("vCont;s")) }
    #expect(client.takeReplies().count == 200)
  }

  @Test func backwardsWithoutHistory() {
    let client = Client()
    client.target.canReverse = false
    #expect(client.reply("bc") == "")
    #expect(client.reply("bs") == "")
    #expect(client.reply("b9600") == "")
    #expect(client.reply("qSupported")?.hasSuffix("vContSupported+") == true)
    #expect(client.target.calls.isEmpty)
  }

  @Test func actionsOfVCont() {
    let client = Client()
    #expect(client.reply("vCont?") == "vCont;c;C;s;S;t;r")
    #expect(client.reply("vCont") == "")
    // It stands still already.
    #expect(client.reply("vCont;t") == Self.stop("05"))
    #expect(client.target.calls.isEmpty)
  }

  // MARK: Stop replies

  @Test(
    arguments: [
      (.step, "05", ""), (.softwareBreakpoint, "05", "swbreak:;"), (.hardwareBreakpoint, "05", "hwbreak:;"),
      (.watchpoint(.write, address: 0x1234), "05", "watch:1234;"),
      (.watchpoint(.read, address: 0xFFFF_8000_0000_0000), "05", "rwatch:ffff800000000000;"),
      (.watchpoint(.access, address: 0), "05", "awatch:0;"), (.interrupt, "02", ""),
      (.historyBegin, "05", "replaylog:begin;"), (.historyEnd, "05", "replaylog:end;"),
      (.signalled(.segmentation), "0b", ""), (.signalled(.trap), "05", ""),
    ] as [(StopReason, String, String)])
  func stopReply(_ reason: StopReason, _ signal: String, _ cause: String) {
    let client = clientOfGDB()
    #expect(client.replies("c").isEmpty)
    client.server.stopped(reason)
    #expect(client.takeReplies() == [Self.stop(signal, cause)])
    #expect(client.reply("?") == Self.stop(signal, cause))
  }

  /// "This packet should not be sent by default; older GDB versions did not support it."
  @Test func breakpointForClientsThatDoNotKnowTheCause() {
    let client = Client()
    for reason in [StopReason.softwareBreakpoint, .hardwareBreakpoint] {
      #expect(client.replies("c").isEmpty)
      client.server.stopped(reason)
      #expect(client.takeReplies() == [Self.stop("05")])
    }
  }

  @Test func registersThatAreMissingInAStopReply() {
    let client = Client()
    client.target.registers[.general(4)] = nil
    #expect(client.reply("?") == "T0506:0606060606060606;10:1010101010101010;thread:1;")
  }

  @Test(
    arguments: [(.exited(0), "W00"), (.exited(255), "Wff"), (.terminated(.abort), "X06")]
      as [(StopReason, String)])
  func end(_ reason: StopReason, _ reply: String) {
    let client = Client()
    #expect(client.replies("c").isEmpty)
    client.server.stopped(reason)
    #expect(client.takeReplies() == [reply])
    // It does not run any more, but can be looked at, and may have a history.
    _ = client.target.takeCalls()
    for packet in ["c", "s", "vCont;c", "?"] { #expect(client.reply(packet) == reply) }
    #expect(client.target.takeCalls().isEmpty)
    #expect(client.reply("m1000,1") == "00")
    #expect(client.replies("bs").isEmpty)
    #expect(client.target.takeCalls() == ["reverse step"])
  }

  @Test func stopThatNobodyWaitsForIsNotSent() {
    let client = Client()
    client.server.stopped(.historyEnd)
    #expect(client.takeReplies().isEmpty)
    #expect(client.reply("?") == Self.stop("05", "replaylog:end;"))
  }

  // MARK: While it runs

  @Test func interruption() {
    let client = Client()
    #expect(client.raw("\u{3}") == "")
    #expect(client.target.calls.isEmpty)
    #expect(client.replies("c").isEmpty)
    #expect(client.raw("\u{3}\u{3}") == "")
    #expect(client.target.takeCalls() == ["run", "interrupt"])
    client.server.stopped(.interrupt)
    #expect(client.takeReplies() == [Self.stop("02")])
    // The next run can be interrupted, too.
    #expect(client.raw("$vCont;c#a8\u{3}") == "+")
    #expect(client.target.takeCalls() == ["run", "interrupt"])
  }

  /// 0x03 in a packet is a byte like others.
  @Test func interruptionIsBetweenPackets() {
    let client = Client()
    #expect(client.replies("c").isEmpty)
    #expect(client.replies(Array("X1000,1:".utf8) + [3]).isEmpty)
    #expect(client.target.takeCalls() == ["run"])
  }

  /// "The corresponding stop reply should indicate that the thread has stopped with signal 0."
  @Test func stopByAction() {
    let client = Client()
    #expect(client.replies("vCont;c").isEmpty)
    #expect(client.replies("vCont;t:1").isEmpty)
    #expect(client.replies("vCont;t").isEmpty)
    #expect(client.target.takeCalls() == ["run", "interrupt"])
    client.server.stopped(.interrupt)
    #expect(client.takeReplies() == [Self.stop("00")])
    #expect(client.replies("c").isEmpty)
    client.server.stopped(.interrupt)
    #expect(client.takeReplies() == [Self.stop("02")])
  }

  @Test func packetsWaitForTheStop() {
    let client = Client()
    #expect(client.replies("c").isEmpty)
    #expect(client.replies("m1001,1").isEmpty)
    #expect(client.replies("M1001,1:77").isEmpty)
    #expect(client.replies("m1001,1").isEmpty)
    #expect(client.replies("s").isEmpty)
    #expect(client.replies("qC").isEmpty)
    #expect(client.target.takeCalls() == ["run"])
    #expect(client.target.memory[1] == 1)
    client.server.stopped(.step)
    #expect(client.takeReplies() == [Self.stop("05"), "01", "OK", "77"])
    #expect(client.target.takeCalls() == ["write 1 at 1001", "step"])
    client.server.stopped(.step)
    #expect(client.takeReplies() == [Self.stop("05"), "QC1"])
  }

  @Test func textWhileItRuns() {
    let client = Client()
    client.server.show("early")
    #expect(client.takeReplies().isEmpty)
    #expect(client.replies("c").isEmpty)
    client.server.show("ab\n")
    #expect(client.takeReplies() == ["O61620a"])
    for _ in 0..<100_000 { client.server.show("nobody reads this") }
    let kept = client.takeReplies()
    #expect(kept.count < 4000 && kept.allSatisfy { $0 == "O" + hex("nobody reads this") })
    client.server.stopped(.step)
    #expect(client.takeReplies() == [Self.stop("05")])
  }

  // MARK: Letting go

  @Test(arguments: ["D", "D;1", "D;a410"])
  func detaching(_ packet: String) {
    let client = Client()
    #expect(client.reply("Z0,1000,1") == "OK")
    #expect(client.reply("Z2,1000,8") == "OK")
    _ = client.target.takeCalls()
    #expect(client.reply(packet) == "OK")
    #expect(client.target.takeCalls() == ["remove software 1000 1", "remove write 1000 8", "detach"])
    #expect(client.server.wantsClose)
    #expect(client.raw("$qC#b4") == "")
    client.server.disconnected()
    #expect(client.target.takeCalls().isEmpty)
  }

  @Test(arguments: [("vKill;1", ["OK"]), ("vKill;a410", ["OK"]), ("k", [])] as [(String, [String])])
  func killing(_ packet: String, _ replies: [String]) {
    let client = Client()
    #expect(client.replies(packet) == replies)
    #expect(client.target.takeCalls() == ["kill"])
    #expect(client.server.wantsClose)
    client.server.disconnected()
    #expect(client.target.takeCalls().isEmpty)
  }

  @Test func killingWhileItRuns() {
    let client = Client()
    #expect(client.replies("c").isEmpty)
    #expect(client.replies("k").isEmpty)
    #expect(client.target.takeCalls() == ["run", "kill"])
    #expect(client.server.wantsClose && !client.server.isRunning)
  }

  @Test func connectionIsLost() {
    let client = Client()
    #expect(client.reply("Z1,1000,1") == "OK")
    #expect(client.replies("c").isEmpty)
    _ = client.target.takeCalls()
    client.server.disconnected()
    client.server.disconnected()
    #expect(client.target.takeCalls() == ["remove hardware 1000 1", "detach"])
    client.server.stopped(.step)
    #expect(client.takeReplies().isEmpty)
  }

  @Test(arguments: ["D;", "D1", "D;x", "vKill;", "vKill;x"])
  func malformedEnd(_ packet: String) {
    let client = Client()
    #expect(client.reply(packet) == "E16")
    #expect(client.target.calls.isEmpty && !client.server.wantsClose)
  }

  // MARK: Threads

  @Test(
    arguments: [
      ("Hg0", "OK"), ("Hg1", "OK"), ("Hg-1", "OK"), ("Hc-1", "OK"), ("Hc0", "OK"), ("Hg2", "E01"),
      ("Hgp1.1", "E16"),
      ("H", "E16"), ("Hg", "E16"), ("Hx1", "E16"), ("Hg-2", "E16"), ("Hg1,", "E16"), ("T1", "OK"),
      ("T2", "E01"),
      ("T0", "E01"), ("T", "E16"), ("Tx", "E16"),
    ])
  func threads(_ packet: String, _ reply: String) {
    #expect(Client().reply(packet) == reply)
  }
}
