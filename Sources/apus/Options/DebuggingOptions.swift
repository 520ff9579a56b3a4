import ApusCPU
import ApusDebug

/// Where `--gdb` listens: a port, of this computer alone unless a host is named, or a Unix socket.
package enum GDBAddress: Equatable, Sendable {
  case tcp(host: String, port: UInt16)
  case unix(path: String)

  /// `PORT`, `[HOST]:PORT`, `tcp:[HOST]:PORT`, `unix:PATH`, or a path with a slash.
  package init?(_ text: String) {
    if text.hasPrefix("unix:") || text.contains(where: { $0 == "/" }) {
      let path = text.hasPrefix("unix:") ? String(text.dropFirst(5)) : text
      // sockaddr_un has room for 108 bytes, on macOS 104, with the zero at the end.
      guard !path.isEmpty, path.utf8.count < 104, !path.utf8.contains(0) else { return nil }
      self = .unix(path: path)
      return
    }
    var rest = Substring(text.hasPrefix("tcp:") ? text.dropFirst(4) : text[...])
    var host = "127.0.0.1"
    if let colon = rest.lastIndex(of: ":") {
      let name = rest[..<colon]
      rest = rest[rest.index(after: colon)...]
      if !name.isEmpty { host = String(name) }
      if host.hasPrefix("[") && host.hasSuffix("]") && host.count > 2 {
        host = String(host.dropFirst().dropLast())
      }
    }
    guard let port = try? OptionValue.number(String(rest)), (1...65535).contains(port),
      !host.utf8.contains(0),
      !host.contains("["), !host.contains("]"), !host.contains(",")
    else { return nil }
    self = .tcp(host: host, port: UInt16(port))
  }

  /// Whether nobody but this computer's users can connect.
  package var isLoopback: Bool {
    switch self {
    case .tcp(let host, _): host == "localhost" || host == "::1" || host.hasPrefix("127.")
    case .unix: true
    }
  }
}

/// What of a run is traced, and where to.
package struct TraceOptions: Equatable, Sendable {
  /// The words of `--trace`; empty without it.
  package var kinds: [String] = []
  package var path: String?
  package var isJSON = false
  package var addresses: ClosedRange<UInt64>?
  package var start: UInt64?
  package var count: UInt64?
  package var last: Int?

  package init() {}

  /// The words that `--trace` knows.
  package static let words = [
    "instructions", "memory", "io", "interrupts", "exceptions", "pagewalks", "modes", "segments", "all",
  ]

  /// The option that has no meaning without `--trace`; nil if none was given.
  package var orphan: String? {
    guard kinds.isEmpty else { return nil }
    if path != nil { return "--trace-file" }
    if isJSON { return "--trace-format" }
    if addresses != nil { return "--trace-range" }
    if start != nil { return "--trace-from" }
    if count != nil { return "--trace-count" }
    return last != nil ? "--trace-last" : nil
  }

  var settings: TraceSettings {
    var settings = TraceSettings()
    for word in kinds {
      switch word {
      case "instructions": settings.kinds.insert(.instructions)
      case "memory": settings.kinds.insert(.memory)
      case "io": settings.kinds.insert(.ports)
      case "interrupts": settings.kinds.insert(.deliveries)
      case "exceptions": settings.kinds.formUnion([.faults, .deliveries])
      case "pagewalks": settings.kinds.insert(.pageWalks)
      case "modes": settings.kinds.insert(.modes)
      case "segments": settings.kinds.insert(.segments)
      default: settings.kinds = .all
      }
    }
    settings.isJSON = isJSON
    settings.addresses = addresses
    settings.last = last
    let first = start ?? 0
    let (end, overflow) = first.addingReportingOverflow(count ?? .max)
    settings.window = first..<(overflow ? .max : end)
    return settings
  }
}

extension OptionTable {
  static let debugging = Group(
    title: "Debugging",
    entries: [
      OptionEntry(
        "--gdb", value: "ADDRESS",
        help: """
          let GDB debug the guest, backwards, too: at a port of this computer, HOST:PORT, or the path of a Unix \
          socket
          """
      ) { try $0.setGDB($1) },
      OptionEntry("-s", help: "as --gdb 1234") { parser, _ in try parser.setGDB("1234") },
      OptionEntry("-S", help: "wait for GDB before the first instruction") { parser, _ in
        parser.options.waitsForGDB = true
      },
      OptionEntry(
        "--symbols", value: "FILE", help: "names of addresses, for debugging: an ELF file, or a System.map"
      ) { $0.options.symbols = try $0.path($1) },
      OptionEntry(
        "--autopsy",
        help: """
          say what led to the end of a guest that died, hung or panicked: its last exceptions and instructions
          """
      ) { parser, _ in parser.options.autopsy = true },
      OptionEntry(
        "--trace", value: "KIND,…",
        help: """
          write what the guest does: instructions, memory, io, interrupts, exceptions, pagewalks, modes, segments \
          or all
          """
      ) { try $0.setTrace($1) },
      OptionEntry("--trace-file", value: "FILE", help: "where to, instead of standard error") {
        $0.options.trace.path = try $0.path($1)
      },
      OptionEntry("--trace-format", value: "text|json", help: "lines of text (default), or of JSON") {
        try $0.setTraceFormat($1)
      },
      OptionEntry(
        "--trace-range", value: "LOW-HIGH", help: "only what instructions at these addresses do"
      ) { try $0.setTraceRange($1) },
      OptionEntry("--trace-from", value: "N", help: "begin after N instructions") {
        $0.options.trace.start = try $0.count($1)
      },
      OptionEntry("--trace-count", value: "N", help: "end after N more instructions") {
        $0.options.trace.count = try $0.count($1)
      },
      OptionEntry("--trace-last", value: "N", help: "keep only the last N lines, and write them at the end") {
        try $0.setTraceLast($1)
      },
    ])
}

extension OptionParser {
  mutating func setGDB(_ text: String) throws(Failure) {
    guard text != "none" else { return options.gdb = nil }
    guard let address = GDBAddress(text) else {
      throw refuse("'\(text)' is not an address; expected PORT, HOST:PORT or unix:PATH")
    }
    options.gdb = address
  }

  mutating func setTrace(_ text: String) throws(Failure) {
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard TraceOptions.words.contains(String(word)) else {
        throw refuse("'\(word)' is none of \(TraceOptions.words.joined(separator: ", "))")
      }
      options.trace.kinds.append(String(word))
    }
  }

  mutating func setTraceFormat(_ text: String) throws(Failure) {
    try accept(text, ["text", "json"], "this format")
    options.trace.isJSON = text == "json"
  }

  mutating func setTraceRange(_ text: String) throws(Failure) {
    let parts = text.split(separator: "-", maxSplits: 1)
    guard parts.count == 2, let low = try? OptionValue.number(String(parts[0])),
      let high = try? OptionValue.number(String(parts[1])), low <= high
    else { throw refuse("'\(text)' is not a range of addresses such as 0x100000-0x1fffff") }
    options.trace.addresses = low...high
  }

  mutating func setTraceLast(_ text: String) throws(Failure) {
    guard let number = try? OptionValue.number(text), (1...10_000_000).contains(number) else {
      throw refuse("'\(text)' is not a number of lines from 1 to 10000000")
    }
    options.trace.last = Int(number)
  }

  /// Checks what only the whole command line can tell about debugging.
  mutating func finishDebugging() throws(Failure) {
    if let orphan = options.trace.orphan { throw .usage(orphan, "needs --trace") }
    if options.waitsForGDB && options.gdb == nil { throw .usage("-S", "needs --gdb or -s") }
    if options.gdb != nil && !options.trace.kinds.isEmpty {
      throw .usage("--trace", "cannot be given together with --gdb, which has 'monitor explain'")
    }
    if options.gdb != nil && options.record != nil {
      throw .usage("--record", "cannot be given together with --gdb, which can change the guest")
    }
    if let gdb = options.gdb, !gdb.isLoopback {
      notice("--gdb: anybody who reaches this port can read and change the guest")
    }
  }
}
