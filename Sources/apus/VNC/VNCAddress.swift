/// Where `--vnc` listens: `HOST:NUMBER`, where numbers below 100 count displays from port 5900 and others are
/// ports. Without a host it is this computer alone.
package struct VNCAddress: Equatable, Sendable {
  package let host: String
  package let port: UInt16

  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    guard let number = try? OptionValue.number(String(text[text.index(after: colon)...])), number <= 65535
    else {
      return nil
    }
    var host = String(text[..<colon])
    if host.hasPrefix("[") && host.hasSuffix("]") && host.count > 2 {
      host = String(host.dropFirst().dropLast())
    }
    guard !host.utf8.contains(0), !host.contains("["), !host.contains("]") else { return nil }
    self.host = host.isEmpty ? "127.0.0.1" : host
    port = UInt16(number < 100 ? number + 5900 : number)
  }

  /// Whether nobody but this computer's users can connect.
  package var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}
