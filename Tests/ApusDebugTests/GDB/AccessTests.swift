import ApusDebug
import Testing

/// GDB manual, "Packets": `g G p P m M X Z z`.
@Suite struct GDBAccessTests {
  private let all = TargetDescription.registers

  // MARK: Registers

  @Test func allRegisters() {
    let client = Client()
    let expected = all.enumerated().map {
      hex(Array(repeating: UInt8($0.offset), count: $0.element.byteSize))
    }
    #expect(client.reply("g") == expected.joined())
    #expect(client.reply("g0") == "E16")
  }

  @Test func unavailableRegisters() {
    let client = Client()
    client.target.registers[.general(0)] = nil
    #expect(client.reply("p0") == "xxxxxxxxxxxxxxxx")
    #expect(client.reply("g")?.hasPrefix("xxxxxxxxxxxxxxxx0101010101010101") == true)
  }

  @Test func shortAndLongValuesAreFitted() {
    let client = Client()
    client.target.registers[.selector(1)] = [0x10, 0x00]
    client.target.registers[.cpl] = [3, 0, 0, 0]
    #expect(client.reply("p12") == "10000000")
    #expect(client.reply("p64") == "03")
  }

  @Test func oneRegister() {
    let client = Client()
    client.target.registers[.rip] = UInt64(0xFFF0).littleEndianBytes()
    #expect(client.reply("p10") == "f0ff000000000000")
    #expect(client.reply("p010") == "f0ff000000000000")
    #expect(client.reply("p\(String(all.count - 1, radix: 16))") == "65656565")
  }

  @Test(arguments: ["p", "pg", "p10,", "p66", "pffffffffffffffff", "p10000000000000000", "p-1"])
  func registersThatAreNone(_ packet: String) {
    #expect(Client().reply(packet) == "E16")
  }

  @Test func registerIsWritten() {
    let client = Client()
    #expect(client.reply("P1=8877665544332211") == "OK")
    #expect(client.target.registers[.general(3)] == [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11])
    #expect(client.reply("P18=00112233445566778899") == "OK")
    #expect(client.target.registers[.st(0)]?.count == 10)
    #expect(client.reply("P65=01000000") == "E01")
  }

  @Test(
    arguments: [
      "P", "P1", "P1=", "P=00", "P1=88776655443322", "P1=887766554433221100", "P1=887766554433221g",
      "P1=887766554433221", "P66=00", "Pfffffffffffffffff=00", "P1:8877665544332211",
    ])
  func registerIsNotWritten(_ packet: String) {
    let client = Client()
    #expect(client.reply(packet) == "E16")
    #expect(client.target.calls.isEmpty)
  }

  @Test func allRegistersAreWritten() throws {
    let client = Client()
    let present = try #require(client.reply("g"))
    #expect(client.reply("G" + present) == "OK")
    #expect(client.target.takeCalls().isEmpty)
    #expect(client.reply("G" + "0123456789abcdef" + present.dropFirst(16)) == "OK")
    #expect(client.target.takeCalls() == ["write general(0)"])
    #expect(client.target.registers[.general(0)]?.first == 0x01)
    #expect(client.reply("Gxxxxxxxxxxxxxxxx" + present.dropFirst(16)) == "OK")
    #expect(client.target.takeCalls().isEmpty)
    // The mode cannot be written.
    #expect(client.reply("G" + present) == "OK")
    _ = client.target.takeCalls()
    #expect(client.reply("G" + present.dropLast(8) + "01000000") == "E01")
    for wrong in [String(present.dropLast(2)), present + "00", "zz" + present.dropFirst(2), ""] {
      #expect(client.reply("G" + wrong) == "E16")
    }
    #expect(client.target.takeCalls().isEmpty)
  }

  // MARK: Memory

  @Test func memoryIsRead() {
    let client = Client()
    #expect(client.reply("m1010,4") == "10111213")
    #expect(client.reply("m0000000000001010,0004") == "10111213")
    // As much as there is.
    #expect(client.reply("m1ffe,100") == "feff")
    #expect(client.reply("m1000,ffffffffffffffff")?.utf8.count == 0x2000)
    #expect(client.reply("mfffffffffffffffe,8") == "eeee")
    #expect(client.reply("mfffffffffffff000,ffffffffffffffff")?.utf8.count == 0x2000)
    #expect(client.reply("m2000,1") == "E0e")
    #expect(client.reply("m0,ffffffffffffffff") == "E0e")
  }

  @Test(
    arguments: [
      "m", "m1000", "m1000,", "m,4", "m1000,0", "m1000,4,", "m1000,4:", "mx,4", "m-1,4", "m1000, 4",
      "m10000000000000000,1", "m1000,10000000000000000",
    ])
  func memoryIsNotRead(_ packet: String) {
    #expect(Client().reply(packet) == "E16")
  }

  @Test func memoryIsWritten() {
    let client = Client()
    #expect(client.reply("M1000,3:aAbB0c") == "OK")
    #expect(client.target.memory.prefix(4) == [0xAA, 0xBB, 0x0C, 0x03])
    #expect(client.reply(Array("X1000,3:".utf8) + [0x00, 0xFF, 0x0A]) == "OK")
    #expect(client.target.memory.prefix(4) == [0x00, 0xFF, 0x0A, 0x03])
    #expect(client.reply("Mffffffffffffffff,1:77") == "OK")
    #expect(client.target.lastPage.last == 0x77)
    #expect(client.target.takeCalls().count == 3)
  }

  /// GDB asks in this way whether there is `X`.
  @Test func nothingIsWritten() {
    let client = Client()
    #expect(client.reply("X0,0:") == "OK")
    #expect(client.reply("M0,0:") == "OK")
    #expect(client.target.calls.isEmpty)
  }

  @Test(
    arguments: [
      ("M", "E16"), ("M1000", "E16"), ("M1000,1", "E16"), ("M1000,1:", "E16"), ("M1000,1:a", "E16"),
      ("M1000,1:aabb", "E16"), ("M1000,2:aa", "E16"), ("M1000,1:ag", "E16"), ("M1000,:aa", "E16"),
      ("M,1:aa", "E16"), ("M1000,ffffffffffffffff:aa", "E16"), ("X1000,2:a", "E16"), ("X1000,1:ab", "E16"),
      ("X1000,1", "E16"), ("M1fff,2:aabb", "E0e"), ("M0,1:aa", "E0e"), ("Mffffffffffffffff,2:aabb", "E0e"),
      ("Xffffffffffffffff,2:ab", "E0e"),
    ])
  func memoryIsNotWritten(_ packet: String, _ reply: String) {
    let client = Client()
    #expect(client.reply(packet) == reply)
    #expect(client.target.calls.isEmpty)
  }

  @Test func physicalMemory() {
    let client = Client()
    #expect(client.reply("qqemu.PhyMemMode") == "0")
    #expect(client.reply("m8010,2") == "E0e")
    #expect(client.reply("Qqemu.PhyMemMode:1") == "OK")
    #expect(client.reply("qqemu.PhyMemMode") == "1")
    #expect(client.reply("m8010,2") == "1011")
    #expect(client.reply("m1010,2") == "E0e")
    #expect(client.reply("M8010,1:99") == "OK")
    for wrong in ["Qqemu.PhyMemMode", "Qqemu.PhyMemMode:", "Qqemu.PhyMemMode:2", "Qqemu.PhyMemMode:1;"] {
      #expect(client.reply(wrong) == "E16")
    }
    #expect(client.reply("Qqemu.PhyMemMode:0") == "OK")
    #expect(client.reply("m1010,2") == "9911")
  }

  // MARK: Points

  @Test(
    arguments: [
      ("0,1234,1", "software 1234 1"), ("1,1234,1", "hardware 1234 1"), ("2,1234,4", "write 1234 4"),
      ("3,1234,8", "read 1234 8"), ("4,1234,2", "access 1234 2"), ("0,1234,0", "software 1234 1"),
      ("2,ffffffffffffffff,1", "write ffffffffffffffff 1"),
    ])
  func pointIsInsertedAndRemovedOnce(_ packet: String, _ call: String) {
    let client = Client()
    #expect(client.reply("Z" + packet) == "OK")
    #expect(client.reply("Z" + packet) == "OK")
    #expect(client.target.takeCalls() == ["insert " + call])
    #expect(client.reply("z" + packet) == "OK")
    #expect(client.reply("z" + packet) == "OK")
    #expect(client.target.takeCalls() == ["remove " + call])
  }

  @Test func pointIsRefused() {
    let client = Client()
    client.target.result = .unsupported
    #expect(client.reply("Z2,1000,4") == "")
    client.target.result = .failed
    #expect(client.reply("Z2,1000,4") == "E01")
    client.target.result = .done
    #expect(client.reply("Z2,1000,4") == "OK")
    client.target.result = .failed
    #expect(client.reply("z2,1000,4") == "E01")
    client.target.result = .done
    #expect(client.reply("z2,1000,4") == "OK")
  }

  @Test(
    arguments: [
      ("5,1000,1", ""), ("ffff,1000,1", ""), ("", "E16"), (",1000,1", "E16"), ("0,1000", "E16"),
      ("0,,1", "E16"),
      ("0,1000,", "E16"), ("0,1000,1;X1,00", "E16"), ("2,1000,0", "E16"), ("2,ffffffffffffffff,2", "E16"),
      ("2,1,ffffffffffffffff0", "E16"), ("0:1000,1", "E16"),
    ])
  func pointIsMalformed(_ packet: String, _ reply: String) {
    let client = Client()
    #expect(client.reply("Z" + packet) == reply)
    #expect(client.reply("z" + packet) == reply)
    #expect(client.target.calls.isEmpty)
  }

  @Test func pointsAreLimited() {
    let client = Client()
    let replies = (0..<1100).compactMap { client.reply("Z0,\(String($0, radix: 16)),1") }
    #expect(replies.count == 1100)
    #expect(replies.prefix(1024).allSatisfy { $0 == "OK" })
    #expect(replies.dropFirst(1024).allSatisfy { $0 == "E1c" })
    #expect(client.reply("z0,0,1") == "OK")
    #expect(client.reply("Z0,5000,1") == "OK")
  }
}
