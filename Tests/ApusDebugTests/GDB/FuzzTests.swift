import ApusDebug
import Testing

/// Whatever a client sends: no trap, no more output than a few packets, and a target that changes only by complete and
/// valid packets. The bytes are the same in each run.
@Suite struct GDBFuzzTests {
  /// SplitMix64.
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var value = state
      value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
      value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
      return value ^ value >> 31
    }
  }

  private static let packets = [
    "?", "g", "p10", "P1=8877665544332211", "m1000,10", "M1000,2:aabb", "X1000,2:ab", "Z0,1000,1",
    "z0,1000,1",
    "Z2,1000,4", "c", "s", "C05;1000", "S05", "bc", "bs", "vCont?", "vCont;c", "vCont;s:1;c",
    "vCont;r1000,1010:1",
    "vCont;t", "D", "k", "vKill;1", "Hg0", "T1", "qC", "qfThreadInfo", "qsThreadInfo", "qThreadExtraInfo,1",
    "qAttached", "qRcmd,7878", "qTStatus", "qSymbol::", "vMustReplyEmpty", "qqemu.PhyMemMode",
    "Qqemu.PhyMemMode:1",
    "QStartNoAckMode", "qSupported:swbreak+", "qXfer:features:read:target.xml:0,100",
  ].map { Array($0.utf8) }

  private static let alphabet = Array("$#+-}*\u{3}0123456789abcdef,;:=mMXgGpPZzcsvCont?qQDHkT".utf8)

  private func checkOutput(_ client: Client) {
    let output = client.server.takeOutput()
    #expect(output.count < 0x40000)
  }

  /// The target stops now and then, as one does.
  private func stopSometimes(_ client: Client, _ numbers: inout Numbers) {
    if client.server.isRunning && numbers.next() % 4 == 0 { client.server.stopped(.step) }
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func randomBytes(_ seed: UInt64) {
    var numbers = Numbers(state: seed)
    var client = Client()
    for round in 0..<3000 {
      if client.server.wantsClose { client = Client() }
      let count = Int(numbers.next() % 64)
      let isAny = round.isMultiple(of: 2)
      client.server.receive(
        (0..<count).map { _ in
          isAny
            ? UInt8(truncatingIfNeeded: numbers.next())
            : Self.alphabet.randomElement(using: &numbers) ?? 0
        })
      checkOutput(client)
      stopSometimes(client, &numbers)
      // None of it is a packet with the right checksum that writes.
      #expect(!client.target.takeCalls().contains { $0.hasPrefix("write") })
    }
  }

  /// Changes some bytes of a packet, cuts it, or puts numbers in it that are too large.
  private static func mutated(_ packet: [UInt8], _ numbers: inout Numbers) -> [UInt8] {
    var packet = packet
    for _ in 0...(numbers.next() % 3) {
      let place = packet.isEmpty ? 0 : Int(numbers.next() % UInt64(packet.count))
      switch numbers.next() % 6 {
      case 0: packet = Array(packet.prefix(place))
      case 1: if !packet.isEmpty { packet[place] = UInt8(truncatingIfNeeded: numbers.next()) }
      case 2: if !packet.isEmpty { packet[place] = alphabet.randomElement(using: &numbers) ?? 0 }
      case 3:
        packet.insert(contentsOf: Array("ffffffffffffffff".utf8.prefix(Int(numbers.next() % 18))), at: place)
      case 4: packet += packets.randomElement(using: &numbers) ?? []
      default: if !packet.isEmpty { packet.remove(at: place) }
      }
    }
    return packet
  }

  /// What a packet writes to memory by the manual's definition of `M` and `X`; nil if it is neither.
  private static func write(_ content: [UInt8]) -> (address: UInt64, bytes: [UInt8])? {
    guard let colon = content.firstIndex(of: UInt8(ascii: ":")) else { return nil }
    let head = String(decoding: content[..<colon], as: UTF8.self)
    let fields = head.dropFirst().split(separator: ",", omittingEmptySubsequences: false)
    guard head.hasPrefix("M") || head.hasPrefix("X"), fields.count == 2,
      fields.allSatisfy({ !$0.hasPrefix("+") && !$0.hasPrefix("-") }),
      let address = UInt64(fields[0], radix: 16), let count = UInt64(fields[1], radix: 16)
    else { return nil }
    let data = content[(colon + 1)...]
    if head.hasPrefix("X") { return UInt64(data.count) == count ? (address, Array(data)) : nil }
    let digits = Array(String(decoding: data, as: UTF8.self))
    guard digits.count.isMultiple(of: 2), digits.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
      return nil
    }
    let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(digits[$0...($0 + 1)]), radix: 16)
    }
    return UInt64(bytes.count) == count ? (address, bytes) : nil
  }

  private static func unescaped(_ content: [UInt8]) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = content[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "}") else {
        bytes.append(byte)
        continue
      }
      guard let next = rest.popFirst() else { return nil }
      bytes.append(next ^ 0x20)
    }
    return bytes
  }

  /// One mutated packet at a time, with the right checksum: memory is what the packets say, and nothing else.
  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func mutatedPackets(_ seed: UInt64) {
    var numbers = Numbers(state: seed &* 1000)
    var client = Client()
    var expected = client.target.memory
    var writeCount = 0
    for _ in 0..<3000 {
      if client.server.wantsClose {
        client = Client()
        expected = client.target.memory
      }
      if client.server.isRunning { client.server.stopped(.step) }
      let writes = Self.packets.filter { $0.first == UInt8(ascii: "M") || $0.first == UInt8(ascii: "X") }
      let isWrite = numbers.next() % 2 == 0
      let packet = Self.mutated(
        (isWrite ? writes : Self.packets).randomElement(using: &numbers) ?? [], &numbers)
      // Those that end early are for `streams`.
      if packet.contains(UInt8(ascii: "#")) || packet.contains(UInt8(ascii: "$")) { continue }
      let isPhysical = client.replies("qqemu.PhyMemMode").last == "1"
      client.server.receive(Client.frame(packet))
      checkOutput(client)
      if let content = Self.unescaped(packet), let write = Self.write(content) {
        let first: UInt64 = isPhysical ? 0x8000 : 0x1000
        if write.address >= first && write.address < first + 0x1000 {
          let place = Int(write.address - first)
          if place + write.bytes.count <= 0x1000 {
            writeCount += 1
            expected.replaceSubrange(place..<(place + write.bytes.count), with: write.bytes)
          }
        }
      }
      let isExpected = client.target.memory == expected
      #expect(isExpected, "\(String(decoding: packet, as: UTF8.self))")
      guard isExpected else { return }
    }
    #expect(writeCount > 10)
  }

  /// Packets in a row, cut anywhere and partly damaged, with interruptions between them.
  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func streams(_ seed: UInt64) {
    var numbers = Numbers(state: seed &* 1_000_000)
    var client = Client()
    for _ in 0..<500 {
      if client.server.wantsClose { client = Client() }
      var stream: [UInt8] = []
      for _ in 0..<8 {
        var frame = Client.frame(Self.packets.randomElement(using: &numbers) ?? [])
        if numbers.next() % 4 == 0 { frame = Self.mutated(frame, &numbers) }
        stream += frame + [[], [3], Array("+".utf8), Array("-".utf8)][Int(numbers.next() % 4)]
      }
      while !stream.isEmpty {
        let part = stream.prefix(Int(numbers.next() % 40) + 1)
        client.server.receive(part)
        stream.removeFirst(part.count)
        stopSometimes(client, &numbers)
      }
      checkOutput(client)
      if numbers.next() % 50 == 0 { client.server.disconnected() }
    }
  }

  /// Each valid packet, cut at each length.
  @Test func truncatedPackets() {
    for packet in Self.packets {
      for count in 0..<packet.count {
        let client = Client()
        client.server.receive(Client.frame(Array(packet.prefix(count))))
        checkOutput(client)
        #expect(!client.target.calls.contains { $0.hasPrefix("write") && !$0.hasPrefix("write rip") })
      }
    }
  }

  /// Each number of each packet, replaced by ones at the limits.
  @Test(
    arguments: [
      "0", "7fffffff", "ffffffff", "7fffffffffffffff", "8000000000000000", "ffffffffffffffff",
      "10000000000000000",
      String(repeating: "f", count: 10000), "-1", "",
    ])
  func largeNumbers(_ number: String) {
    for packet in Self.packets.map({ String(decoding: $0, as: UTF8.self) }) {
      for separator in packet.indices.dropFirst() {
        let end = packet[separator...].firstIndex { ",;:=".contains($0) } ?? packet.endIndex
        let client = Client()
        let before = client.target.memory
        client.server.receive(Client.frame(packet[..<separator] + number + packet[end...]))
        checkOutput(client)
        if !packet.hasPrefix("M") && !packet.hasPrefix("X") { #expect(client.target.memory == before) }
      }
    }
  }
}
