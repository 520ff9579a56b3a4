/// GDB's remote serial protocol for one connection: bytes in, bytes and calls of the target out. Whatever a client
/// sends, it costs no more memory than a few packets, and changes the target only by complete, valid packets.
/// One processor is thread 1 of one process; all-stop mode. Source: GDB manual, appendix "Remote Protocol".
///
/// The owner hands over what arrives (`receive`), sends what `takeOutput` gives, lets the target run while `isRunning`,
/// and closes the connection once `wantsClose` is set and all output is sent. The server keeps the target.
package final class GDBServer {
  /// The longest packet, in characters between `$` and `#`.
  package static let packetSize = 0x4000
  /// More than this is not produced ahead of what the owner takes and the client acknowledges.
  private static let outputLimit = 0x10000
  /// What may wait: GDB sends one packet and waits for its reply.
  private static let inboxLimit = (packets: 256, bytes: 0x10000)

  let target: any GDBTarget

  /// The target runs, and the client waits for a stop reply.
  package private(set) var isRunning = false
  /// Nothing is taken from the client any more; the owner closes the connection and says so with `disconnected`.
  package private(set) var wantsClose = false

  /// Why the target stands still.
  private(set) var stopReason: StopReason
  /// The target has been asked to stop.
  private var isInterrupted = false
  /// By the action `t` of `vCont`, whose stop has no signal.
  private var isStoppedSilently = false
  /// The target has been let go or ended at the client's request.
  private var isOver = false

  /// What the client understands of stop replies (`qSupported`).
  var clientFeatures: ClientFeatures = []
  /// Memory packets use physical addresses: QEMU's `PhyMemMode`.
  var isPhysical = false
  /// What the client has inserted.
  var points: [Point] = []

  private var reader = PacketReader(limit: packetSize)
  private var output: [UInt8] = []
  private var sendsAcknowledgments = true
  private var endsAcknowledgments = false
  /// The packet that the client has not confirmed yet, as it was sent.
  private var unacknowledged: [UInt8]?
  /// Packets that go out once those before are confirmed.
  private var outbox: [[UInt8]] = []
  private var outboxSize = 0
  /// Packets that wait for the target to stop, or for room for the reply; nil is a malformed one.
  private var inbox: [[UInt8]?] = []
  private var inboxSize = 0
  private var isPerforming = false

  /// The target stands still, for a reason that the client will ask for first.
  package init(_ target: any GDBTarget, stoppedBy reason: StopReason = .signalled(.trap)) {
    self.target = target
    stopReason = reason
  }

  // MARK: For the owner

  /// Takes what the client sent.
  package func receive(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      guard !wantsClose else { return }
      if let event = reader.take(byte) { take(event) }
    }
  }

  package var hasOutput: Bool { !output.isEmpty }

  /// What has to be sent. Packets that waited for room are done now, so there may be more afterwards.
  package func takeOutput() -> [UInt8] {
    let bytes = output
    output = []
    perform()
    return bytes
  }

  /// The target stands still; the client is told if it waits for that.
  package func stopped(_ reason: StopReason) {
    stopReason = reason
    guard isRunning else { return }
    isRunning = false
    let isSilent = isStoppedSilently && reason == .interrupt
    isStoppedSilently = false
    send(stopReply(isSilent: isSilent))
    perform()
  }

  /// Shows the user a text while the target runs: only then may `O` packets come. Text that nobody reads is dropped.
  package func show(_ text: String) {
    guard isRunning, !wantsClose, pendingSize < Self.outputLimit else { return }
    sendConsole(text)
  }

  /// The connection is gone: leaves no breakpoints behind and lets the target go, unless that has happened.
  package func disconnected() {
    letGo()
    close()
  }

  // MARK: Packets in

  private func take(_ event: PacketReader.Event) {
    switch event {
    case .start:
      // A client that asks for something new has what it asked for before, whether or not it said so.
      while unacknowledged != nil { acknowledged() }
    case .packet(let content):
      if sendsAcknowledgments { output.append(ASCII.plus) }
      accept(content)
    case .malformed:
      // Asking for it again would bring the same.
      if sendsAcknowledgments { output.append(ASCII.plus) }
      accept(nil)
    case .damaged:
      if sendsAcknowledgments { output.append(ASCII.minus) }
    case .acknowledged:
      acknowledged()
      perform()
    case .refused:
      if let frame = unacknowledged, pendingSize < Self.outputLimit { output += frame }
    case .interrupt:
      // One that comes when the target has stopped by itself was meant for that run.
      interrupt()
    }
  }

  /// While the target runs, the next packet out is the stop reply, and a client takes whatever comes for it. So what
  /// arrives waits until that is sent: each reply then follows its own packet. Only what has no reply of its own is
  /// done at once.
  private func accept(_ content: [UInt8]?) {
    if isRunning, let content {
      if content == Array("k".utf8) { return kill() }
      if Self.isStopRequest(content) {
        isStoppedSilently = true
        return interrupt()
      }
    }
    inbox.append(content)
    inboxSize += content?.count ?? 0
    perform()
    if inbox.count > Self.inboxLimit.packets || inboxSize > Self.inboxLimit.bytes { close() }
  }

  /// Does the packets that have arrived, in order, as long as there is room for replies.
  private func perform() {
    // The target may stop within `resume`.
    guard !isPerforming else { return }
    isPerforming = true
    defer { isPerforming = false }
    while !isRunning, !wantsClose, !inbox.isEmpty, pendingSize < Self.outputLimit {
      let content = inbox.removeFirst()
      inboxSize -= content?.count ?? 0
      answer(content.map { reply(to: $0) } ?? .failed(.malformed))
    }
  }

  // MARK: Packets out

  private var pendingSize: Int { output.count + outboxSize }

  private func answer(_ reply: Reply) {
    switch reply {
    case .ok: send(Array("OK".utf8))
    case .unsupported: send([])
    case .failed(let code): send([UInt8(ascii: "E")] + Hex.encoded([code.rawValue]))
    case .content(let content): send(content)
    case .later: break
    }
  }

  private func send(_ content: [UInt8]) {
    let frame = PacketFrame.framed(content)
    if !sendsAcknowledgments {
      output += frame
    } else if unacknowledged == nil {
      output += frame
      unacknowledged = frame
    } else {
      outbox.append(frame)
      outboxSize += frame.count
    }
  }

  private func acknowledged() {
    guard unacknowledged != nil else { return }
    unacknowledged = nil
    if endsAcknowledgments && outbox.isEmpty {
      sendsAcknowledgments = false
      reader.ignoresChecksums = true
    } else if !outbox.isEmpty {
      let frame = outbox.removeFirst()
      outboxSize -= frame.count
      output += frame
      unacknowledged = frame
    }
  }

  /// The reply to the request for it is the last that is acknowledged.
  func endAcknowledgments() { endsAcknowledgments = true }

  /// Text as `O` packets.
  func sendConsole(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let part = rest.prefix((Self.packetSize - 1) / 2)
      send([UInt8(ascii: "O")] + Hex.encoded(part))
      rest = rest.dropFirst(part.count)
    }
  }

  // MARK: The target

  func resume(_ how: Resumption) {
    isRunning = true
    isInterrupted = false
    isStoppedSilently = false
    target.resume(how)
  }

  private func interrupt() {
    guard isRunning, !isInterrupted else { return }
    isInterrupted = true
    target.interrupt()
  }

  /// Confirms a packet after which there is nothing more to say, and lets the target go.
  func confirmAndDetach() -> Reply {
    answer(.ok)
    disconnected()
    return .later
  }

  func confirmAndKill() -> Reply {
    answer(.ok)
    kill()
    return .later
  }

  func kill() {
    if !isOver {
      isOver = true
      target.kill()
    }
    close()
  }

  private func letGo() {
    guard !isOver else { return }
    isOver = true
    for point in points { _ = target.remove(point.kind, at: point.address, size: point.size) }
    points = []
    target.detach()
  }

  /// No more is taken, and no more waits for an acknowledgment.
  private func close() {
    wantsClose = true
    isRunning = false
    inbox = []
    inboxSize = 0
    while unacknowledged != nil { acknowledged() }
  }

  struct ClientFeatures: OptionSet {
    let rawValue: UInt8
    static let softwareBreakpoints = ClientFeatures(rawValue: 1)
    static let hardwareBreakpoints = ClientFeatures(rawValue: 2)
  }

  /// What a client has inserted.
  struct Point: Equatable {
    let kind: BreakpointKind
    let address: UInt64
    let size: UInt64
  }
}

// MARK: Replies

extension GDBServer {
  enum Reply: Equatable {
    case ok
    /// The empty reply, by which a client learns what there is not.
    case unsupported
    case failed(ErrorCode)
    case content([UInt8])
    /// A stop reply will follow, or nothing.
    case later

    static func text(_ text: String) -> Reply { .content(Array(text.utf8)) }
  }

  /// "The protocol does not define their meaning": these are Linux's `errno`.
  enum ErrorCode: UInt8 {
    case notPermitted = 1, fault = 14, malformed = 22, tooMany = 28
  }

  private func reply(to content: [UInt8]) -> Reply {
    var text = PacketText(content)
    guard let type = text.takeByte() else { return .unsupported }
    switch Character(UnicodeScalar(type)) {
    case "?": return text.isEmpty ? .content(stopReply()) : .failed(.malformed)
    case "g": return text.isEmpty ? readRegisters() : .failed(.malformed)
    case "G": return writeRegisters(text.rest)
    case "p": return readRegister(text)
    case "P": return writeRegister(text)
    case "m": return readMemory(text)
    case "M": return writeMemory(text, isBinary: false)
    case "X": return writeMemory(text, isBinary: true)
    case "Z": return insertPoint(text)
    case "z": return removePoint(text)
    case "c", "s": return resume(text, isStep: type == UInt8(ascii: "s"))
    case "C", "S": return resumeWithSignal(text, isStep: type == UInt8(ascii: "S"))
    case "b": return reverse(text)
    case "v": return verbose(text)
    case "D": return detach(text)
    case "k":
      kill()
      return .later
    case "H": return selectThread(text)
    case "T": return isThread(text)
    case "q": return query(text)
    case "Q": return configure(text)
    default: return .unsupported
    }
  }
}
