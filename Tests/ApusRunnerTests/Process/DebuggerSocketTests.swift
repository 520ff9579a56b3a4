import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A client of the debugger's socket that says what it likes.
private struct RudeClient {
  private let descriptor: Int32

  /// Nil if nobody listens at `path` within five seconds.
  init?(_ path: String) {
    #if canImport(Darwin)
      let stream = SOCK_STREAM
    #elseif canImport(Musl)
      let stream = SOCK_STREAM
    #else
      let stream = Int32(SOCK_STREAM.rawValue)
    #endif
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    descriptor = socket(AF_UNIX, stream, 0)
    for _ in 0..<5000 {
      let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      if result == 0 { return }
      usleep(1000)
    }
    close(descriptor)
    return nil
  }

  func say(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// Whether the server sends this within some seconds, whatever it said before.
  func hears(_ text: String) -> Bool {
    var heard: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    while poll(&entry, 1, 5000) > 0 {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return false }
      heard += buffer[..<count]
      if String(decoding: heard, as: UTF8.self).contains(text) { return true }
    }
    return false
  }

  /// Whether the server says that the guest stands still.
  func isAnswered() -> Bool {
    say(Array("$?#3f".utf8))
    return hears("$T05")
  }

  func leave() { close(descriptor) }
}

/// What a client may say that GDB says seldom or never.
@Suite struct DebuggerSocketTests {
  /// With wrong checksums, of wrong forms, without an end; of right forms, but about what is not there.
  private static let malformed: [[UInt8]] =
    [
      "$", "$#", "$##", "$g#00", "$m0,10#zz", "}", "$}#7d", "$P999=00#", "+++---+", "\u{FF}\u{0}", "$$$$",
      "$mffffffffffffffffff,1", "#00#00#00", "$c#62", "$s#72", "$vCont;c#a7", "$G00#",
    ].map { Array($0.utf8) }
    + [
      "mzz,1", "m0,ffffffffffffffff", "M0,4:00", "M0,1:zz", "X0,8:1", "P", "P0", "Pff=00", "G12", "pffff",
      "Z9,0,1", "Z0", "z1,zz,1", "Z2,0,ffffffff", "vCont;q:1", "vCont;s:99", "qXfer:features:read:../x:0,10",
      "qXfer:features:read:target.xml:ffffffffffffffff,1", "qRcmd,zz", "qRcmd,6", "Hgzz", "Tzz",
      "vFile:open:00",
    ].map { packet($0) }
    + [Array(repeating: 0x24, count: 10_000), [0x24] + Array(repeating: 0x61, count: 300_000)]

  private static func packet(_ text: String) -> [UInt8] {
    let sum = text.utf8.reduce(UInt8(0)) { $0 &+ $1 }
    let digits = String(sum, radix: 16)
    return Array("$\(text)#\(digits.count == 1 ? "0" : "")\(digits)".utf8)
  }

  /// The guest is busy until then: an idle one would wait in real time for GDB to say something.
  private static let limit = ["--limit-instructions", "100000", "--state-hash"]

  private func hash(_ errors: String) -> Substring? {
    errors.split(separator: "\n").first { $0.hasPrefix("state-hash") }
  }

  /// Whatever is said, the guest does what it does when nothing is said.
  @Test func theGuestIsNotDisturbed() throws {
    let alone = Child.run(Self.limit)
    let expected = try #require(hash(alone.errors))
    let scratch = Scratch()
    let socket = scratch.path + "/gdb"
    let child = try #require(
      Child(
        Child.apus, Self.limit + ["--gdb", socket, "-S"], input: "/dev/null", output: scratch.path + "/out",
        errors: scratch.path + "/err"))
    let client = try #require(RudeClient(socket))
    for bytes in Self.malformed {
      client.say(bytes)
      // Ends what the malformed packet left open.
      client.say(Array("#00".utf8))
      #expect(client.isAnswered(), "after \(bytes.prefix(40))")
    }
    client.leave()
    #expect(child.wait() == alone.status, "the guest goes on without its debugger")
    let errors = String(decoding: Scratch.read(scratch.path + "/err"), as: UTF8.self)
    #expect(hash(errors) == expected, "\(errors)")
  }

  /// Ctrl-C of GDB's user is a byte of its own, while the guest runs.
  @Test func controlCStopsARunningGuest() throws {
    let scratch = Scratch()
    let socket = scratch.path + "/gdb"
    let child = try #require(
      Child(
        Child.apus, ["--gdb", socket, "-S"], input: "/dev/null", output: scratch.path + "/out",
        errors: scratch.path + "/err"))
    let client = try #require(RudeClient(socket))
    for _ in 0..<3 {
      client.say(Array("$c#63".utf8))
      // Once while the guest boots, then while it idles.
      usleep(100_000)
      client.say([0x03])
      // SIGINT.
      let stops = client.hears("$T02")
      #expect(stops)
      client.say([UInt8(ascii: "+")])
    }
    client.say(Array("$k#6b".utf8))
    #expect(child.wait() == 0)
    client.leave()
  }
}
