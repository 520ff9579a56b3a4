import ApusDebug
import Testing

/// GDB manual, "Remote Protocol", "Overview", "Packet Acknowledgment", "Interrupts".
@Suite struct GDBFramingTests {
  @Test func packetIsAcknowledgedAndAnswered() {
    let client = Client()
    #expect(client.raw("$qC#b4") == "+$QC1#c5")
    #expect(client.raw("+") == "")
  }

  @Test func checksumDigitsMayBeLarge() {
    #expect(Client().raw("$qC#B4") == "+$QC1#c5")
  }

  @Test(arguments: ["$qC#b5", "$qC#zz", "$qC#b$", "$qC##b", "$#01"])
  func damagedPacketIsAskedForAgain(_ text: String) {
    let client = Client()
    #expect(client.raw(text) == "-")
    #expect(client.target.calls.isEmpty)
    #expect(client.raw("$qC#b4") == "+$QC1#c5")
  }

  @Test func replyIsSentAgain() {
    let client = Client()
    #expect(client.raw("$qC#b4") == "+$QC1#c5")
    #expect(client.raw("-") == "$QC1#c5")
    #expect(client.raw("-") == "$QC1#c5")
    #expect(client.raw("+") == "")
    #expect(client.raw("-") == "")
  }

  @Test func newPacketConfirmsTheReplyBefore() {
    let client = Client()
    #expect(client.raw("$qC#b4") == "+$QC1#c5")
    #expect(client.raw("$qC#b4") == "+$QC1#c5")
    #expect(client.raw("+-") == "")
  }

  @Test func packetMayArriveInPieces() {
    let client = Client()
    for byte in "$qC#b".utf8 {
      client.server.receive([byte])
      #expect(!client.server.hasOutput)
    }
    client.server.receive(Array("4".utf8))
    #expect(client.takeOutput() == Array("+$QC1#c5".utf8))
  }

  @Test func packetBeginsAnewAtDollar() {
    #expect(Client().raw("$m1000,$qC#b4") == "+$QC1#c5")
  }

  @Test func bytesBetweenPacketsMeanNothing() {
    #expect(Client().raw("\r\n++ab#}*\u{3}$qC#b4") == "+$QC1#c5")
  }

  @Test func noAcknowledgmentMode() {
    let client = Client()
    #expect(client.raw("$QStartNoAckMode#b0") == "+$OK#9a")
    // "GDB sends its acknowledgment of the OK", which could still be asked for again.
    #expect(client.raw("-") == "$OK#9a")
    #expect(client.raw("+") == "")
    #expect(client.raw("$qC#b4") == "$QC1#c5")
    #expect(client.raw("-") == "")
    // "GDB will ignore" checksums, and so do we: nothing could be done about them.
    #expect(client.raw("$qC#00") == "$QC1#c5")
  }

  @Test func noAcknowledgmentModeWithoutConfirmation() {
    #expect(Client().raw("$QStartNoAckMode#b0$qC#b4") == "+$OK#9a$QC1#c5")
  }

  @Test func escapesAreResolved() {
    let client = Client()
    // `#`, `$`, `}` and `*`, then one that needed no escape.
    let content = Array("X1000,5:".utf8) + [0x7D, 0x03, 0x7D, 0x04, 0x7D, 0x5D, 0x7D, 0x0A, 0x7D, 0x21]
    #expect(client.reply(content) == "OK")
    #expect(client.target.memory.prefix(6) == [0x23, 0x24, 0x7D, 0x2A, 0x01, 0x05])
  }

  @Test func escapeOfNothingIsAnError() {
    let client = Client()
    #expect(client.reply("X1000,1:}") == "E16")
    #expect(client.target.calls.isEmpty)
  }

  @Test func emptyPacketIsUnknown() {
    #expect(Client().raw("$#00") == "+$#00")
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 96, 97, 98, 99, 100, 195, 300])
  func runsAreShortened(_ count: Int) {
    let client = Client()
    client.target.memory = Array(repeating: 0, count: 4096)
    for index in count..<(count + 4) { client.target.memory[index] = 0x5A }
    let raw = client.raw(
      String(decoding: Client.frame("m1000,\(String(count + 4, radix: 16))"), as: UTF8.self))
    let content = Client.packets(Array(raw.utf8)).map { String(decoding: $0, as: UTF8.self) }
    #expect(content == [String(repeating: "00", count: count) + "5a5a5a5a"])
    #expect(raw.utf8.allSatisfy { 0x20 <= $0 && $0 <= 0x7E })
    #expect(raw.utf8.count <= 1 + 4 + 8 + 4 + 3 * (2 * count / 98 + 1))
  }

  /// "Run-length encoding": `0* ` stands for `0000`.
  @Test func runOfFour() {
    let client = Client()
    client.target.memory[0] = 0
    client.target.memory[1] = 0
    #expect(client.raw("$m1000,2#8c") == "+$0* #7a")
    // Seven zeros and eight would need the counts `#` and `$`.
    client.target.memory.replaceSubrange(0..<4, with: [0, 0, 0, 0])
    #expect(client.raw("$m1000,4#8e") == "+$0*\"00#dc")
  }

  // MARK: Limits

  @Test func longestPacket() {
    let client = Client()
    let count = 0x1000
    let start = "M1000,\(String(count, radix: 16)):"
    #expect(client.reply(start + String(repeating: "5a", count: count)) == "OK")
    #expect(client.target.memory.allSatisfy { $0 == 0x5A })
    let padded = "M1000,0001:5a"
    let zeros = String(repeating: "0", count: GDBServer.packetSize - padded.utf8.count)
    #expect(client.reply("M\(zeros)1000,0001:5b") == "OK")
    #expect(client.target.memory[0] == 0x5B)
    #expect(client.reply("M0\(zeros)1000,0001:5c") == "E16")
    #expect(client.target.memory[0] == 0x5B)
  }

  @Test func endlessPacketCostsNothing() {
    let client = Client()
    client.server.receive(Array("$X1000,1:".utf8))
    for _ in 0..<1000 { client.server.receive(Array(repeating: UInt8(ascii: "a"), count: 4096)) }
    #expect(!client.server.hasOutput)
    #expect(!client.server.wantsClose)
    #expect(client.target.calls.isEmpty)
    #expect(client.raw("$qC#b4") == "+$QC1#c5")
  }

  /// Replies that nobody takes hold back the packets behind them, and too many of those end the connection.
  @Test func repliesThatNobodyTakes() {
    let client = Client()
    _ = client.raw("$QStartNoAckMode#b0+")
    let request = Client.frame("m1000,1000")
    for _ in 0..<100 { client.server.receive(request) }
    #expect(!client.server.wantsClose)
    let first = client.server.takeOutput()
    #expect(first.count < 0x20000)
    #expect(Client.packets(first).count + Client.packets(client.takeOutput()).count == 100)

    for _ in 0..<1000 { client.server.receive(request) }
    #expect(client.server.wantsClose)
    #expect(client.takeOutput().count < 0x20000)
    client.server.disconnected()
    #expect(client.target.takeCalls() == ["detach"])
  }

  @Test func packetsWhileTheTargetRunsAreLimited() {
    let client = Client()
    #expect(client.replies("c").isEmpty)
    for _ in 0..<10000 { client.server.receive(Client.frame("?")) }
    #expect(client.server.wantsClose)
    #expect(client.takeOutput().count < 1000)
  }
}
