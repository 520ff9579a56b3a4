#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

import ApusDevices

/// Standard output as the guest sees it: a serial port's bytes, collected and written at the end of a slice.
final class ConsoleOutput: ByteSink {
  /// Written when this much has collected, so that a slice of nothing but output stays bounded.
  private static let blockSize = 32 << 10
  /// The most that is kept while a signal keeps output from being written.
  private static let largestBacklog = 1 << 20

  /// What is kept of what comes while somebody else has the terminal.
  private static let largestHeld = 64 << 10

  /// Somebody else has the terminal: what comes is kept until that is over.
  var isHeld = false
  private let isTerminal: Bool
  /// Nil when everything passes.
  private var filter: EscapeFilter?
  private var exitMatcher: TextMatcher?
  private var panicMatcher: TextMatcher?
  /// What the guest sent since the last flush.
  private var received: [UInt8] = []
  /// What may be written and has not been.
  private var ready: [UInt8] = []
  private var isAtLineStart = true
  /// The `errno` value of the failure that ended output; 0 while all is well.
  private(set) var failure: Int32 = 0

  /// The reading of the monotonic clock at which the run ends: a blocked output does not hold it up.
  var deadline = UInt64.max

  /// `exitText` is the text of `--exit-on`, and `panicText` that of `--panic-on`.
  init(raw: Bool, exitText: String?, panicText: String?) {
    isTerminal = Terminal.isTerminal(1)
    filter = isTerminal && !raw ? EscapeFilter() : nil
    exitMatcher = exitText.map { TextMatcher($0) }
    panicMatcher = panicText.map { TextMatcher($0) }
  }

  /// Whether the guest has written the text of `--exit-on`.
  var hasShownExitText: Bool { exitMatcher?.hasMatched ?? false }
  /// Whether it has written the text of `--panic-on`.
  var hasShownPanicText: Bool { panicMatcher?.hasMatched ?? false }

  func send(_ byte: UInt8) {
    exitMatcher?.feed(byte)
    panicMatcher?.feed(byte)
    guard failure == 0, received.count + ready.count < Self.largestBacklog else { return }
    received.append(byte)
    if received.count >= Self.blockSize { flush() }
  }

  /// Writes what has collected. What the patience does not suffice for is kept.
  func flush(patience: Host.Patience? = nil) {
    if filter != nil {
      filter?.filter(received, into: &ready)
    } else {
      ready += received
    }
    received.removeAll(keepingCapacity: true)
    if isHeld {
      if ready.count > Self.largestHeld { ready.removeFirst(ready.count - Self.largestHeld) }
      return
    }
    write(patience ?? .until(deadline))
  }

  /// Writes a text at the end of a run, as it is.
  func show(_ text: String, patience: Host.Patience) {
    flush(patience: patience)
    ready += Array(((isAtLineStart ? "" : "\n") + text).utf8)
    write(patience)
  }

  /// Writes a remark of the runner's own on lines of its own.
  func note(_ text: String) {
    flush()
    ready += Array(((isAtLineStart ? "" : "\n") + text).utf8)
    write(.until(deadline))
  }

  /// Undoes what the guest did to the terminal and ends its last line. Nothing if output is no terminal.
  func finish(patience: Host.Patience) {
    flush(patience: patience)
    guard isTerminal else { return }
    if let filter { ready += filter.restoration }
    if !isAtLineStart { ready.append(UInt8(ascii: "\n")) }
    write(patience)
  }

  private func write(_ patience: Host.Patience) {
    guard !ready.isEmpty && failure == 0 else { return }
    let result = Host.write(ready, to: 1, patience: patience)
    if result.count > 0 { isAtLineStart = ready[result.count - 1] == UInt8(ascii: "\n") }
    ready.removeFirst(result.count)
    if result.error != 0 && !Host.isInterruption(result.error) { failure = result.error }
  }
}

/// A file that receives a port's bytes.
final class FileOutput: ByteSink {
  private let path: String
  private let descriptor: Int32
  private var pending: [UInt8] = []
  /// What went wrong first, for the user.
  private(set) var failure: String?

  /// Creates or empties the file.
  init(path: String) throws(Failure) {
    self.path = path
    descriptor = try HostFile.create(path)
  }

  func send(_ byte: UInt8) {
    guard failure == nil, pending.count < 1 << 20 else { return }
    pending.append(byte)
    if pending.count >= 32 << 10 { flush() }
  }

  /// Writes what has collected. What the patience does not suffice for is kept.
  func flush(patience: Host.Patience = .endless) {
    guard !pending.isEmpty && failure == nil else { return }
    let result = Host.write(pending, to: descriptor, patience: patience)
    pending.removeFirst(result.count)
    if result.error != 0 && !Host.isInterruption(result.error) {
      failure = "\(path): cannot be written: \(Host.text(forError: result.error))"
    }
  }

  /// Takes many bytes at once.
  func send(_ bytes: [UInt8]) {
    guard failure == nil else { return }
    if pending.isEmpty { pending = bytes } else { pending += bytes }
    if pending.count >= 32 << 10 { flush() }
  }

  /// Replaces the file's first bytes. What cannot be written to twice, such as a pipe, keeps them.
  func overwrite(_ bytes: [UInt8]) {
    flush()
    guard pending.isEmpty, lseek(descriptor, 0, SEEK_SET) == 0 else { return }
    pending = bytes
    flush()
  }
}

/// A port that exists and whose output vanishes.
final class NullOutput: ByteSink {
  func send(_ byte: UInt8) {}
}

/// Whether what a guest writes is new: a guest that is taken back writes it again.
final class ReplayGate {
  var isClosed = false
}

/// Lets through what is new.
final class GatedOutput: ByteSink {
  private let next: any ByteSink
  private let gate: ReplayGate

  init(_ next: any ByteSink, _ gate: ReplayGate) {
    self.next = next
    self.gate = gate
  }

  func send(_ byte: UInt8) {
    if !gate.isClosed { next.send(byte) }
  }
}

/// The same for sound.
final class GatedSound: AudioSink {
  private let next: any AudioSink
  private let gate: ReplayGate

  init(_ next: any AudioSink, _ gate: ReplayGate) {
    self.next = next
    self.gate = gate
  }

  func take(_ segments: [SpeakerSegment], until end: UInt64) {
    if !gate.isClosed { next.take(segments, until: end) }
  }
}
