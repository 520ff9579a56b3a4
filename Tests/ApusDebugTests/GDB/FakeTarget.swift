import ApusDebug

/// A target that notes what it is asked to do. Linear memory is at 1000h–1FFFh and in the last page of the address space;
/// physically, the first of them is at 8000h.
final class FakeTarget: GDBTarget {
  var canReverse = true
  var registers: [RegisterID: [UInt8]] = [:]
  var memory = (0..<0x1000).map { UInt8(truncatingIfNeeded: $0) }
  var lastPage = [UInt8](repeating: 0xEE, count: 0x1000)
  var calls: [String] = []
  var result = PointResult.done
  var readOnly: Set<RegisterID> = [.mode, .cpl]
  var answer = ""
  /// Called at `resume`, to stop at once.
  var resumed: (() -> Void)?

  static let firstOfLastPage: UInt64 = 0xFFFF_FFFF_FFFF_F000

  init() {
    for (number, register) in TargetDescription.registers.enumerated() {
      registers[register.id] = Array(repeating: UInt8(number), count: register.byteSize)
    }
  }

  func takeCalls() -> [String] {
    defer { calls = [] }
    return calls
  }

  func readRegister(_ register: RegisterID) -> [UInt8]? { registers[register] }

  func writeRegister(_ register: RegisterID, _ bytes: [UInt8]) -> Bool {
    guard !readOnly.contains(register) else { return false }
    calls.append("write \(register)")
    registers[register] = bytes
    return true
  }

  private func page(_ address: UInt64, isPhysical: Bool) -> (bytes: [UInt8], offset: Int, isLast: Bool)? {
    let first: UInt64 = isPhysical ? 0x8000 : 0x1000
    if address >= first && address < first + 0x1000 { return (memory, Int(address - first), false) }
    guard !isPhysical, address >= Self.firstOfLastPage else { return nil }
    return (lastPage, Int(address - Self.firstOfLastPage), true)
  }

  func readMemory(_ address: UInt64, count: Int, isPhysical: Bool) -> [UInt8] {
    guard let page = page(address, isPhysical: isPhysical) else { return [] }
    return Array(page.bytes[page.offset...].prefix(count))
  }

  func writeMemory(_ address: UInt64, _ bytes: [UInt8], isPhysical: Bool) -> Bool {
    guard let page = page(address, isPhysical: isPhysical), page.offset + bytes.count <= 0x1000 else {
      return false
    }
    calls.append("write \(bytes.count) at \(String(address, radix: 16))")
    let places = page.offset..<(page.offset + bytes.count)
    if page.isLast {
      lastPage.replaceSubrange(places, with: bytes)
    } else {
      memory.replaceSubrange(places, with: bytes)
    }
    return true
  }

  func insert(_ kind: BreakpointKind, at address: UInt64, size: UInt64) -> PointResult {
    calls.append("insert \(Self.name(kind)) \(String(address, radix: 16)) \(size)")
    return result
  }

  func remove(_ kind: BreakpointKind, at address: UInt64, size: UInt64) -> PointResult {
    calls.append("remove \(Self.name(kind)) \(String(address, radix: 16)) \(size)")
    return result
  }

  private static func name(_ kind: BreakpointKind) -> String {
    switch kind {
    case .software: "software"
    case .hardware: "hardware"
    case .watch(.write): "write"
    case .watch(.read): "read"
    case .watch(.access): "access"
    }
  }

  func resume(_ how: Resumption) {
    switch how {
    case .run: calls.append("run")
    case .step: calls.append("step")
    case .range(let range):
      calls.append("range \(String(range.lowerBound, radix: 16)) \(String(range.upperBound, radix: 16))")
    case .reverseRun: calls.append("reverse run")
    case .reverseStep: calls.append("reverse step")
    }
    resumed?()
  }

  func interrupt() { calls.append("interrupt") }

  func monitor(_ command: String) -> String {
    calls.append("monitor \(command)")
    return answer
  }

  func detach() { calls.append("detach") }
  func kill() { calls.append("kill") }
}

// MARK: Client

/// The client's side of the protocol, written without the server's code.
final class Client {
  let target = FakeTarget()
  let server: GDBServer
  var acknowledges = true

  init() { server = GDBServer(target) }

  static func frame(_ content: [UInt8]) -> [UInt8] {
    let sum = content.reduce(0) { ($0 + Int($1)) % 256 }
    let digits = String(sum, radix: 16)
    return Array("$".utf8) + content + Array("#\(digits.utf8.count == 1 ? "0" : "")\(digits)".utf8)
  }

  static func frame(_ content: String) -> [UInt8] { frame(Array(content.utf8)) }

  /// All that the server has to say, as it is sent.
  func takeOutput() -> [UInt8] {
    var bytes: [UInt8] = []
    while server.hasOutput { bytes += server.takeOutput() }
    return bytes
  }

  /// What the server answers to `text`, as it is sent.
  func raw(_ text: String) -> String {
    server.receive(Array(text.utf8))
    return String(decoding: takeOutput(), as: UTF8.self)
  }

  /// Sends a packet and confirms the replies to it; returns what they say.
  func replies(_ content: [UInt8]) -> [String] {
    server.receive(Self.frame(content))
    return takeReplies()
  }

  func replies(_ content: String) -> [String] { replies(Array(content.utf8)) }

  /// The only reply to a packet; nil if there is none or more.
  func reply(_ content: String) -> String? { only(replies(content)) }
  func reply(_ content: [UInt8]) -> String? { only(replies(content)) }

  private func only(_ replies: [String]) -> String? { replies.count == 1 ? replies[0] : nil }

  func takeReplies() -> [String] {
    var replies: [String] = []
    while true {
      let packets = Self.packets(takeOutput())
      guard !packets.isEmpty else { return replies }
      replies += packets.map { String(decoding: $0, as: UTF8.self) }
      if acknowledges { server.receive(Array("+".utf8)) }
    }
  }

  /// The contents of packets whose checksums are right, runs expanded and escapes resolved.
  static func packets(_ bytes: [UInt8]) -> [[UInt8]] {
    var packets: [[UInt8]] = []
    var rest = bytes[...]
    while let start = rest.firstIndex(of: UInt8(ascii: "$")) {
      guard let end = rest[start...].firstIndex(of: UInt8(ascii: "#")), end + 2 < rest.endIndex else { break }
      let content = Array(rest[(start + 1)..<end])
      if frame(content) == Array(rest[start...(end + 2)]) { packets.append(expanded(content)) }
      rest = rest[(end + 3)...]
    }
    return packets
  }

  private static func expanded(_ content: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    var index = 0
    while index < content.count {
      if content[index] == UInt8(ascii: "*"), let last = text.last, index + 1 < content.count {
        text += Array(repeating: last, count: Int(content[index + 1]) - 29)
        index += 2
      } else {
        text.append(content[index])
        index += 1
      }
    }
    var bytes: [UInt8] = []
    var isEscaped = false
    for byte in text {
      if !isEscaped && byte == UInt8(ascii: "}") {
        isEscaped = true
      } else {
        bytes.append(isEscaped ? byte ^ 0x20 : byte)
        isEscaped = false
      }
    }
    return bytes
  }
}

func hex(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

func hex(_ text: String) -> String { hex(text.utf8) }
