// Running, stopping and letting go. GDB manual, "Packets", "Stop Reply Packets".

extension GDBServer {
  // MARK: Stop replies

  /// Why the target stands still, with the registers that save GDB from asking for all of them after each step.
  func stopReply(isSilent: Bool = false) -> [UInt8] {
    var signal = GDBSignal.trap
    var cause = ""
    switch stopReason {
    case .step: break
    case .softwareBreakpoint:
      // "This packet should not be sent by default; older GDB versions did not support it."
      if clientFeatures.contains(.softwareBreakpoints) { cause = "swbreak:;" }
    case .hardwareBreakpoint:
      if clientFeatures.contains(.hardwareBreakpoints) { cause = "hwbreak:;" }
    case .watchpoint(let kind, let address):
      let name =
        switch kind {
        case .write: "watch"
        case .read: "rwatch"
        case .access: "awatch"
        }
      cause = "\(name):\(String(address, radix: 16));"
    case .historyBegin: cause = "replaylog:begin;"
    case .historyEnd: cause = "replaylog:end;"
    case .interrupt: signal = isSilent ? .none : .interrupt
    case .signalled(let given): signal = given
    case .exited(let code): return Array("W".utf8) + Hex.encoded([code])
    case .terminated(let given): return Array("X".utf8) + Hex.encoded([given.rawValue])
    }
    let registers = expedited(.general(5)) + expedited(.general(4)) + expedited(.rip)
    return Array("T".utf8) + Hex.encoded([signal.rawValue]) + Array(cause.utf8) + registers
      + Array("thread:1;".utf8)
  }

  // MARK: Running

  /// `c` and `s`, with an address to go on from or without.
  func resume(_ packet: PacketText, isStep: Bool) -> Reply {
    var packet = packet
    guard !packet.isEmpty else { return begin(isStep ? .step : .run) }
    guard let address = packet.takeLastNumber() else { return .failed(.malformed) }
    return begin(isStep ? .step : .run, at: address)
  }

  /// `C` and `S`: a machine has no signals, so this one is nothing to it.
  func resumeWithSignal(_ packet: PacketText, isStep: Bool) -> Reply {
    var packet = packet
    guard packet.takeNumber() != nil else { return .failed(.malformed) }
    guard !packet.isEmpty else { return begin(isStep ? .step : .run) }
    guard packet.take(";"), let address = packet.takeLastNumber() else { return .failed(.malformed) }
    return begin(isStep ? .step : .run, at: address)
  }

  /// `bc` and `bs`.
  func reverse(_ packet: PacketText) -> Reply {
    var packet = packet
    let isStep = packet.take("s")
    guard isStep || packet.take("c"), packet.isEmpty, target.canReverse else { return .unsupported }
    return begin(isStep ? .reverseStep : .reverseRun)
  }

  private func begin(_ how: Resumption, at address: UInt64? = nil) -> Reply {
    // What has ended stays where it is, and does not run forward. Back is possible.
    if stopReason.isEnd && how != .reverseRun && how != .reverseStep { return .content(stopReply()) }
    if let address {
      guard target.writeRegister(.rip, address.littleEndianBytes()) else { return .failed(.notPermitted) }
    }
    resume(how)
    return .later
  }

  // MARK: vCont

  private enum Action: Equatable {
    case resume(Resumption)
    case stop
  }

  private func resumeByActions(_ packet: PacketText) -> Reply {
    switch Self.action(packet) {
    case .resume(let how): return begin(how)
    // It stands still already.
    case .stop: return .content(stopReply())
    case nil: return .failed(.malformed)
    }
  }

  /// Whether a packet asks to stop what runs.
  static func isStopRequest(_ content: [UInt8]) -> Bool {
    var packet = PacketText(content)
    return packet.take("vCont;") && action(packet) == .stop
  }

  /// `action[:thread]` separated by `;`: "the leftmost action with a matching thread-id is applied".
  /// nil if anything is malformed or nothing is for this thread.
  private static func action(_ packet: PacketText) -> Action? {
    var chosen: Action?
    for field in packet.rest.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false) {
      let parts = field.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
      guard let action = singleAction(parts[0]) else { return nil }
      var isHere = true
      if parts.count == 2 {
        guard let thread = thread(PacketText(parts[1])) else { return nil }
        isHere = thread
      }
      if isHere && chosen == nil { chosen = action }
    }
    return chosen
  }

  private static func singleAction(_ field: ArraySlice<UInt8>) -> Action? {
    var text = PacketText(field)
    guard let letter = text.takeByte() else { return nil }
    switch Character(UnicodeScalar(letter)) {
    case "c": return text.isEmpty ? .resume(.run) : nil
    case "s": return text.isEmpty ? .resume(.step) : nil
    case "t": return text.isEmpty ? .stop : nil
    case "C": return text.takeLastNumber() == nil ? nil : .resume(.run)
    case "S": return text.takeLastNumber() == nil ? nil : .resume(.step)
    case "r":
      guard let start = text.takeNumber(), text.take(","), let end = text.takeLastNumber(), start <= end
      else { return nil }
      return .resume(start == end ? .step : .range(start..<end))
    default: return nil
    }
  }

  // MARK: Verbose packets, letting go

  func verbose(_ packet: PacketText) -> Reply {
    var packet = packet
    if packet.take("Cont?") { return packet.isEmpty ? .text("vCont;c;C;s;S;t;r") : .unsupported }
    if packet.take("Cont;") { return resumeByActions(packet) }
    if packet.take("Kill;") {
      // There is one process; a client that does not count them makes its number up.
      guard packet.takeLastNumber() != nil else { return .failed(.malformed) }
      return confirmAndKill()
    }
    // Among them `vMustReplyEmpty`, by which GDB finds out that unknown ones get this.
    return .unsupported
  }

  /// `D`, or `D;` and a process of a client that counts them.
  func detach(_ packet: PacketText) -> Reply {
    var packet = packet
    guard packet.isEmpty || (packet.take(";") && packet.takeLastNumber() != nil) else {
      return .failed(.malformed)
    }
    return confirmAndDetach()
  }

  // MARK: Threads

  /// Whether a thread-id means thread 1: -1 is all and 0 is any; nil if it is none.
  private static func thread(_ packet: PacketText) -> Bool? {
    var packet = packet
    if packet.take("-") { return packet.takeLastNumber() == 1 ? true : nil }
    return packet.takeLastNumber().map { $0 <= 1 }
  }

  /// `Hg` and `Hc`.
  func selectThread(_ packet: PacketText) -> Reply {
    var packet = packet
    guard packet.take("g") || packet.take("c"), let isHere = Self.thread(packet)
    else { return .failed(.malformed) }
    return isHere ? .ok : .failed(.notPermitted)
  }

  /// `T`: whether the thread is alive.
  func isThread(_ packet: PacketText) -> Reply {
    var packet = packet
    guard let number = packet.takeLastNumber() else { return .failed(.malformed) }
    return number == 1 ? .ok : .failed(.notPermitted)
  }
}
