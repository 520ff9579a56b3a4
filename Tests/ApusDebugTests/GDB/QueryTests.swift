import ApusCPU
import ApusDebug
import Testing

/// GDB manual, "General Query Packets".
@Suite struct GDBQueryTests {
  @Test func supportedFeatures() {
    let features =
      "PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;swbreak+;hwbreak+;vContSupported+;ReverseStep+;"
      + "ReverseContinue+"
    let client = Client()
    #expect(client.reply("qSupported") == features)
    #expect(client.reply("qSupported:multiprocess+;swbreak+;xmlRegisters=i386;;=;x-") == features)
    #expect(GDBServer.packetSize == 0x4000)
  }

  @Test(
    arguments: [
      ("qC", "QC1"), ("qfThreadInfo", "m1"), ("qsThreadInfo", "l"), ("qAttached", "1"), ("qAttached:1", "1"),
      ("qSymbol::", "OK"), ("qemu", ""), ("qqemu.Supported", "PhyMemMode"), ("vMustReplyEmpty", ""),
      ("qTStatus", ""), ("qTfP", ""), ("qOffsets", ""), ("q", ""), ("Q", ""), ("QNonStop:1", ""), ("!", ""),
      ("A0,0,", ""), ("i", ""), ("R00", ""), ("vAttach;1", ""), ("vRun;", ""), ("vFile:setfs:0", ""),
      ("v", ""),
      ("vCtrlC", ""), ("qCRC:0,1", ""), ("qXfer:memory-map:read::0,100", ""),
      ("qXfer:features:write:target.xml:0:", ""), ("qXfer", ""), ("\u{0}", ""), ("\u{7F}", ""),
      ("QStartNoAckMode:1", "E16"), ("qC1", ""), ("qC,1", "E16"),
    ])
  func replies(_ packet: String, _ reply: String) {
    let client = Client()
    #expect(client.reply(packet) == reply)
    #expect(client.target.calls.isEmpty)
  }

  @Test func threadInformation() {
    let client = Client()
    client.target.registers[.mode] = UInt32(ProcessorMode.long64.rawValue).littleEndianBytes()
    #expect(client.reply("qThreadExtraInfo,1") == hex("CPU 0, long64"))
    client.target.registers[.mode] = nil
    #expect(client.reply("qThreadExtraInfo,1") == hex("CPU 0"))
    for wrong in ["qThreadExtraInfo", "qThreadExtraInfo,", "qThreadExtraInfo,2", "qThreadExtraInfo:1"] {
      #expect(client.reply(wrong) == "E16")
    }
  }

  // MARK: Commands

  @Test func monitorCommand() {
    let client = Client()
    client.target.answer = "two\nlines\n"
    #expect(client.replies("qRcmd,\(hex("info time"))") == ["O" + hex("two\nlines\n"), "OK"])
    #expect(client.target.takeCalls() == ["monitor info time"])
    client.target.answer = ""
    #expect(client.replies("qRcmd,") == ["OK"])
    // Not text, but no reason to fail.
    #expect(client.replies("qRcmd,ff00") == ["OK"])
    #expect(client.target.takeCalls() == ["monitor ", "monitor \u{FFFD}\u{0}"])
  }

  @Test func monitorCommandWithMuchToSay() {
    let client = Client()
    client.target.answer = String(repeating: "0123456789", count: 5000)
    let replies = client.replies("qRcmd,\(hex("x"))")
    #expect(replies.last == "OK")
    #expect(replies.dropLast().map { $0.dropFirst() }.joined() == hex(client.target.answer))
    #expect(replies.allSatisfy { $0.utf8.count <= GDBServer.packetSize })
  }

  @Test(arguments: ["qRcmd", "qRcmd:00", "qRcmd,0", "qRcmd,0g"])
  func malformedCommand(_ packet: String) {
    let client = Client()
    #expect(client.reply(packet) == "E16")
    #expect(client.target.calls.isEmpty)
  }

  // MARK: Transfers

  @Test(arguments: [1, 7, 100, 0x1000, 0x4000, 0x7FFF_FFFF])
  func descriptionInParts(_ size: Int) throws {
    let client = Client()
    var document = ""
    // A byte at a time, the beginning will do.
    while document.utf8.count < (size < 100 ? 200 : .max) {
      let place = String(document.utf8.count, radix: 16)
      let request = "qXfer:features:read:target.xml:\(place),\(String(size, radix: 16))"
      let part = try #require(client.reply(request))
      #expect(part.utf8.count <= min(size, GDBServer.packetSize - 1) + 1)
      document += part.dropFirst()
      if part.hasPrefix("l") { break }
      #expect(part.hasPrefix("m") && part.utf8.count > 1)
    }
    #expect(Array(document.utf8) == Array(TargetDescription.xml.prefix(document.utf8.count)))
    #expect(size < 100 || document.utf8.count == TargetDescription.xml.count)
  }

  @Test func descriptionEnds() {
    let client = Client()
    let count = String(TargetDescription.xml.count, radix: 16)
    #expect(client.reply("qXfer:features:read:target.xml:\(count),100") == "l")
    let beyond = String(TargetDescription.xml.count + 1, radix: 16)
    #expect(client.reply("qXfer:features:read:target.xml:\(beyond),100") == "E16")
    #expect(client.reply("qXfer:features:read:target.xml:ffffffffffffffff,ffffffffffffffff") == "E16")
  }

  @Test(
    arguments: [
      ("qXfer:features:read:other.xml:0,100", "E00"), ("qXfer:features:read::0,100", "E00"),
      ("qXfer:features:read:target.xml:0", "E16"), ("qXfer:features:read:target.xml:,1", "E16"),
      ("qXfer:features:read:target.xml", "E16"), ("qXfer:features:read:target.xml:0,1,", "E16"),
    ])
  func malformedTransfer(_ packet: String, _ reply: String) {
    #expect(Client().reply(packet) == reply)
  }
}
