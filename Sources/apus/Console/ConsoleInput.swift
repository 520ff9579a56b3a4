/// Standard input on its way to a serial port. What has been read waits here until the guest takes it, and
/// no more is read until it does, so a long file is never lost in a full receiver.
final class ConsoleInput {
  /// What standard input is, which decides when it can be read.
  enum Kind {
    /// A person.
    case terminal
    /// A pipe or socket: bytes come when the other end writes them.
    case stream
    /// A regular file: its bytes enter at fixed instruction counts, so runs repeat.
    case file
  }

  /// A person's typing that the guest does not take is dropped beyond this, so that Ctrl-A is still seen.
  private static let longestTyping = 64 << 10

  let kind: Kind
  /// More may come. False after the end of the input.
  private(set) var isOpen = true
  /// A background job leaves its terminal alone until it is continued in the foreground.
  var isSuspended = false
  /// Commands typed and not yet carried out.
  private(set) var commands: [ConsoleKeys.Event] = []
  private var pending: [UInt8] = []
  private var next = 0
  private var keys: ConsoleKeys?

  /// Ctrl-A is a command key at a terminal, or where `escapes` asks for it.
  init(kind: Kind, escapes: Bool) {
    self.kind = kind
    keys = kind == .terminal || escapes ? ConsoleKeys() : nil
  }

  var hasPending: Bool { next < pending.count }

  /// Somebody may still type.
  var mayWait: Bool { isOpen && !isSuspended && kind != .file }

  /// Whether `read` has a use: a person is always listened to, others when the guest has taken everything.
  var wantsToRead: Bool { isOpen && !isSuspended && (kind == .terminal || !hasPending) }

  /// Reads what is there. Call it only when a read does not block.
  func read() {
    guard let bytes = HostFile.readSome(0) else {
      isOpen = false
      return
    }
    for byte in bytes {
      guard keys != nil else {
        pending.append(byte)
        continue
      }
      switch keys?.feed(byte) {
      case .input(let typed):
        if pending.count - next < Self.longestTyping { pending.append(typed) }
      case let command?: commands.append(command)
      case nil: break
      }
    }
  }

  /// Hands over the next bytes: `accept` says how many it took. Returns whether it took any.
  func feed(_ accept: ([UInt8]) -> Int) -> Bool {
    guard hasPending else { return false }
    let chunk = Array(pending[next..<min(next + 256, pending.count)])
    let taken = max(0, min(accept(chunk), chunk.count))
    next += taken
    if next == pending.count || next >= Self.longestTyping {
      pending.removeFirst(next)
      next = 0
    }
    return taken > 0
  }

  /// The next command typed.
  func takeCommand() -> ConsoleKeys.Event? { commands.isEmpty ? nil : commands.removeFirst() }
}
