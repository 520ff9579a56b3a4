import ApusBase
import ApusCPU
import ApusMachine

/// A machine for a `GDBServer`. Whoever runs the machine asks `run` for stretches of it while `isRunning`, and looks
/// after the world in between.
package final class MachineTarget: GDBTarget {
  package let debugger: Debugger
  /// The server that is told of stops.
  package var server: GDBServer?
  /// What the client wants of the machine; nil while it stands still.
  private var resumption: Resumption?
  private var isResuming = false
  private var isInterrupted = false
  /// The client has let go, or wants the end.
  package private(set) var isDetached = false
  package private(set) var isKilled = false
  /// Does a command of the user's that is not about the machine; nil if it is none.
  package var command: (String) -> String? = { _ in nil }

  package init(_ debugger: Debugger) { self.debugger = debugger }

  private var machine: Machine { debugger.machine }

  /// Whether the client wants the machine to run; without a client it runs.
  package var isRunning: Bool { resumption != nil || isDetached }

  /// Whether `run` would do something other than to go on: idle time need not pass before.
  package var wantsStop: Bool { isInterrupted || resumption.map { $0 != .run } ?? false }

  /// A client is there: the machine stands still.
  package func attach() {
    isDetached = false
    resumption = nil
  }

  // MARK: Running

  /// Runs for at most `count` instructions. Returns why the machine stands still if that concerns its host: `budget` if
  /// the client has been told of a stop.
  package func run(_ count: UInt64) throws(MachineError) -> Stop {
    guard let resumption else {
      return try concern(debugger.run(count, isResuming: isDetached))
    }
    if isInterrupted { return tell(.interrupt) }
    switch resumption {
    case .run: return try report(debugger.run(count, isResuming: takeResuming()), isStep: false)
    case .step: return try report(debugger.step(), isStep: true)
    case .range(let range): return try runRange(range, count)
    case .reverseStep: return try report(debugger.stepBack(), isStep: true)
    case .reverseRun: return try report(debugger.runBack(), isStep: true)
    }
  }

  private func takeResuming() -> Bool {
    defer { isResuming = false }
    return isResuming
  }

  private func runRange(_ range: Range<UInt64>, _ count: UInt64) throws(MachineError) -> Stop {
    let end = machine.instructions &+ count
    repeat {
      let reason = try debugger.step()
      guard reason == .step else { return try report(reason, isStep: true) }
      guard range.contains(machine.codeAddress) else { return tell(.step) }
      if stopPoints.breakpoints.contains(machine.codeAddress) { return tell(.softwareBreakpoint) }
    } while machine.instructions < end && !isInterrupted
    return .budget
  }

  /// What the host has to know.
  private func concern(_ reason: Debugger.Reason) -> Stop {
    switch reason {
    case .idle(let until): .idle(until: until)
    case .ended(let stop): stop
    default: .budget
    }
  }

  private func report(_ reason: Debugger.Reason, isStep: Bool) throws(MachineError) -> Stop {
    switch reason {
    case .step: return isStep ? tell(.step) : .budget
    case .breakpoint: return tell(.softwareBreakpoint)
    case .watchpoint(let watch, let isWrite):
      let kind: WatchKind = watch.onRead && watch.onWrite ? .access : isWrite ? .write : .read
      return tell(.watchpoint(kind, address: watch.start))
    case .historyStart: return tell(.historyBegin)
    case .historyEnd: return tell(.historyEnd)
    case .idle(let until): return isStep && until == nil ? tell(.step) : .idle(until: until)
    case .ended(let stop): return ended(stop)
    }
  }

  /// A guest that died is looked at, and gone back in, before its run ends.
  private var toldEnd = false

  private func ended(_ stop: Stop) -> Stop {
    switch stop {
    case .tripleFault, .unimplemented:
      guard toldEnd else {
        toldEnd = true
        return tell(.signalled(.abort))
      }
      _ = tell(.terminated(.abort))
    case .debugExit(let value): _ = tell(.exited(UInt8(truncatingIfNeeded: value << 1 | 1)))
    default: _ = tell(.exited(0))
    }
    return stop
  }

  private func tell(_ reason: StopReason) -> Stop {
    resumption = nil
    isInterrupted = false
    server?.stopped(reason)
    return .budget
  }

  package func resume(_ how: Resumption) {
    resumption = how
    isResuming = true
    isInterrupted = false
  }

  package func interrupt() { isInterrupted = true }

  package func detach() {
    isDetached = true
    resumption = nil
    machine.stopPoints = StopPoints()
  }

  package func kill() { isKilled = true }

  package var canReverse: Bool { debugger.history != nil }

  // MARK: Registers and memory

  package func readRegister(_ register: RegisterID) -> [UInt8]? { MachineRegisters(machine).read(register) }

  package func writeRegister(_ register: RegisterID, _ bytes: [UInt8]) -> Bool {
    var registers = MachineRegisters(machine)
    guard registers.write(register, bytes) else { return false }
    let before = machine.registersHash()
    registers.store()
    if machine.registersHash() != before { debugger.noteChange() }
    return true
  }

  package func readMemory(_ address: UInt64, count: Int, isPhysical: Bool) -> [UInt8] {
    isPhysical ? machine.readPhysical(address, count: count) : machine.readLinear(address, count: count)
  }

  package func writeMemory(_ address: UInt64, _ bytes: [UInt8], isPhysical: Bool) -> Bool {
    if readMemory(address, count: bytes.count, isPhysical: isPhysical) == bytes { return true }
    let isDone = isPhysical ? machine.writePhysical(address, bytes) : machine.writeLinear(address, bytes)
    if isDone { debugger.noteChange() }
    return isDone
  }

  // MARK: Breakpoints

  private var stopPoints: StopPoints { machine.stopPoints }
  /// Both kinds may be at one address.
  private var inserted: Set<InsertedBreakpoint> = []

  private struct InsertedBreakpoint: Hashable {
    let address: UInt64
    let isHardware: Bool
  }

  package func insert(_ kind: BreakpointKind, at address: UInt64, size: UInt64) -> PointResult {
    var points = machine.stopPoints
    switch kind {
    case .software, .hardware:
      inserted.insert(InsertedBreakpoint(address: address, isHardware: kind == .hardware))
      points.breakpoints.insert(address)
    case .watch(let watch):
      guard points.watches.count < 256 else { return .failed }
      points.watches.append(Self.watch(watch, address, size))
    }
    machine.stopPoints = points
    return .done
  }

  package func remove(_ kind: BreakpointKind, at address: UInt64, size: UInt64) -> PointResult {
    var points = machine.stopPoints
    switch kind {
    case .software, .hardware:
      let found = inserted.remove(InsertedBreakpoint(address: address, isHardware: kind == .hardware))
      guard found != nil else { return .failed }
      let other = InsertedBreakpoint(address: address, isHardware: kind != .hardware)
      if !inserted.contains(other) { points.breakpoints.remove(address) }
    case .watch(let watch):
      guard let index = points.watches.firstIndex(of: Self.watch(watch, address, size)) else {
        return .failed
      }
      points.watches.remove(at: index)
    }
    machine.stopPoints = points
    return .done
  }

  private static func watch(_ kind: WatchKind, _ address: UInt64, _ size: UInt64) -> Watch {
    Watch(address, size: size, onRead: kind != .write, onWrite: kind != .read)
  }

  // MARK: Commands

  package func monitor(_ text: String) -> String {
    if let answer = command(text) { return answer }
    do throws(MachineError) { return try MonitorCommands(debugger).answer(text) } catch {
      return error.message + "\n"
    }
  }
}
