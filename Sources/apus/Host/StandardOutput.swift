/// Text for standard output, written in large pieces.
struct StandardOutput {
  private var pending: [UInt8] = []
  private var error: Int32 = 0
  private static let pieceSize = 1 << 16

  init() { Signals.ignoreBrokenPipes() }

  /// Whether a write has failed, so that more text is of no use.
  var hasFailed: Bool { error != 0 }

  mutating func write(_ text: String) {
    pending += text.utf8
    if pending.count >= StandardOutput.pieceSize { flush() }
  }

  private mutating func flush() {
    if error == 0 && !pending.isEmpty { error = Host.write(pending, to: 1).error }
    pending.removeAll(keepingCapacity: true)
  }

  /// Writes what is left.
  /// - Returns: the exit status; a failure has been reported.
  mutating func finish() -> Int32 {
    flush()
    if error == 0 { return ExitCode.success.status }
    if Host.isBrokenPipe(error) { return Host.brokenPipe.status }
    Host.report("apus: standard output: cannot be written: \(Host.text(forError: error))")
    return ExitCode.hostResources.status
  }

  /// Writes one text.
  /// - Returns: the exit status, as `finish`.
  static func show(_ text: String) -> Int32 {
    var output = StandardOutput()
    output.write(text)
    return output.finish()
  }
}
