/// What a `GDBServer` debugs: one processor and its memory. All calls come from within the server's own functions, and
/// while the target stands still; only `interrupt`, `kill` and, when the connection is lost, `remove` and `detach` may
/// come while it runs.
package protocol GDBTarget: AnyObject {
  /// Whether there is a history to run backwards through.
  var canReverse: Bool { get }

  /// The value of a register, lowest byte first; nil if there is none to be had. Missing bytes count as zeros.
  func readRegister(_ register: RegisterID) -> [UInt8]?
  /// `bytes` are as many as the register has. False, and nothing is written, if it cannot be, or not with this value.
  func writeRegister(_ register: RegisterID, _ bytes: [UInt8]) -> Bool

  /// As many of the bytes as are mapped from `address` on; without any effect on the guest.
  /// `count` is at most half of `GDBServer.packetSize`, and `address + count` at most 2^64.
  func readMemory(_ address: UInt64, count: Int, isPhysical: Bool) -> [UInt8]
  /// Writes all of the bytes or, if that is not possible, none.
  func writeMemory(_ address: UInt64, _ bytes: [UInt8], isPhysical: Bool) -> Bool

  /// Inserts what is not inserted yet. The last of the `size` bytes is at most at 2^64 - 1; a breakpoint has one.
  /// What is inserted shows in no register and no memory.
  func insert(_ kind: BreakpointKind, at address: UInt64, size: UInt64) -> PointResult
  /// Removes what is inserted.
  func remove(_ kind: BreakpointKind, at address: UInt64, size: UInt64) -> PointResult

  /// Begins to run and returns. `GDBServer.stopped` says, at once or later, why it stands still again.
  func resume(_ how: Resumption)
  /// Stops soon, with `GDBServer.stopped`. Asked at most once for each `resume`.
  func interrupt()

  /// A command of the user's for the target; returns the text to show.
  func monitor(_ command: String) -> String

  /// The client has let go: the target runs on by itself. Called once, and not after `kill`.
  func detach()
  /// The client wants the target to end. Called once.
  func kill()
}

/// What a data breakpoint waits for.
package enum WatchKind: UInt8, Sendable {
  case write, read, access
}

/// Types of the `Z` packets.
package enum BreakpointKind: Equatable, Sendable {
  /// Before an instruction; GDB has any number of them.
  case software
  /// Before an instruction, as the debug registers do it.
  case hardware
  /// After an access to data.
  case watch(WatchKind)
}

package enum PointResult: Equatable, Sendable {
  case done
  /// There are no points of this kind.
  case unsupported
  /// Not at this address, of this size, or not so many.
  case failed
}

package enum Resumption: Equatable, Sendable {
  case run
  /// One instruction.
  case step
  /// Steps as long as RIP is in the range, but one instruction at least.
  case range(Range<UInt64>)
  /// Back to a breakpoint or the beginning of the history.
  case reverseRun
  /// Back by one instruction.
  case reverseStep
}

/// Signals by GDB's own numbers, which are not those of any host (include/gdb/signals.h).
package enum GDBSignal: UInt8, Sendable {
  case none = 0, interrupt = 2, illegalInstruction = 4, trap = 5, abort = 6, arithmetic = 8, kill = 9
  case bus = 10, segmentation = 11, terminate = 15
}

/// Why the target stands still.
package enum StopReason: Equatable, Sendable {
  case step
  /// RIP is at the breakpoint.
  case softwareBreakpoint
  case hardwareBreakpoint
  /// The access is done; `address` is where it was.
  case watchpoint(WatchKind, address: UInt64)
  /// `GDBTarget.interrupt` was asked for.
  case interrupt
  case historyBegin
  case historyEnd
  /// Something that concerns a debugger has happened, and the target can go on.
  case signalled(GDBSignal)
  /// The target has ended by itself.
  case exited(UInt8)
  /// The target has ended, and not by itself.
  case terminated(GDBSignal)

  /// There is nothing left to run.
  var isEnd: Bool {
    switch self {
    case .exited, .terminated: true
    default: false
    }
  }
}
