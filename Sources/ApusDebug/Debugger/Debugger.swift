import ApusBase
import ApusCPU
import ApusInstructionSet
import ApusMachine

/// A machine that is run and stepped in both directions of time. Nothing here waits for the world: `run` takes a number
/// of instructions, so that whoever calls it looks after input and output between two calls.
package final class Debugger {
  /// Why the machine stands still.
  package enum Reason: Equatable, Sendable {
    /// As many instructions have been executed as were asked for.
    case step
    /// The instruction at a breakpoint is next.
    case breakpoint(UInt64)
    /// The last instruction accessed what is watched; backwards, the next one does.
    case watchpoint(Watch, isWrite: Bool)
    /// The first moment of the history, and its last.
    case historyStart, historyEnd
    /// The processor is halted, and nothing happens before that time, or ever, but for input.
    case idle(until: VirtualTime?)
    /// The run has ended for good.
    case ended(Stop)
  }

  package let machine: Machine
  /// Its past; nil if nobody wants to go back.
  package let history: History?
  package var symbols = SymbolTable()
  /// Breakpoints and watchpoints that the user set; steps have some of their own for a while.
  package var stopPoints: StopPoints {
    get { machine.stopPoints }
    set { machine.stopPoints = newValue }
  }

  /// Takes a machine that stands still.
  package init(_ machine: Machine, _ history: History?) {
    self.machine = machine
    self.history = history
  }

  /// Whether the machine executes what it has executed before.
  package var isInPast: Bool { history?.isInPast ?? false }

  /// How the next instruction is decoded.
  package var codeMode: Disassembler.Mode {
    switch machine.mode.bits {
    case 16: .code16
    case 32: .code32
    default: .code64
    }
  }

  /// The instruction that is next; of bytes that are not mapped there are none.
  package var nextInstruction: Instruction {
    let linear = machine.codeAddress
    return Disassembler.decode(machine.readLinear(linear, count: 15), at: linear, mode: codeMode)
  }

  // MARK: Forwards

  /// Runs for at most `count` instructions. The one that is next executes even if there is a breakpoint, if
  /// `isResuming`: the machine stands there because of it.
  package func run(_ count: UInt64, isResuming: Bool) throws(MachineError) -> Reason {
    if isResuming { machine.passBreakpoint() }
    let wasInPast = isInPast
    let target = machine.instructions &+ count
    switch try advance(count) {
    case .budget where wasInPast && !isInPast && machine.instructions < target: return .historyEnd
    case .budget: return .step
    case .idle(let until): return .idle(until: until)
    case .paused: return met()
    case let stop: return .ended(stop)
    }
  }

  private func advance(_ count: UInt64) throws(MachineError) -> Stop {
    if let history { return try history.run(instructions: count) }
    return machine.run(instructions: count)
  }

  private func met() -> Reason {
    guard let stop = machine.takeStop() else { return .step }
    switch stop.point {
    case .breakpoint(let address): return .breakpoint(address)
    case .watch(let watch, let isWrite): return .watchpoint(watch, isWrite: isWrite)
    case .written: return .step
    }
  }

  /// How often idle time is passed in one step: a processor that no interrupt wakes executes nothing.
  private static let idleLimit = 1000

  /// Executes one instruction, or what takes its place: the first one of an interrupt's handler. Idle time passes.
  package func step() throws(MachineError) -> Reason {
    let start = machine.instructions
    for _ in 0..<Self.idleLimit {
      switch try run(1, isResuming: true) {
      case .idle(let until):
        guard machine.instructions == start else { return .step }
        guard let until, !isInPast else { return .idle(until: until) }
        machine.skipIdle(to: until)
      case let reason: return reason
      }
    }
    return .idle(until: nil)
  }

  /// Where the instruction that is next comes back to, if it is a call, a software interrupt or a repeated string
  /// instruction: what a user steps over.
  package var returnAddress: UInt64? {
    let next = nextInstruction
    guard next.outcome == .defined else { return nil }
    let isRepeated = next.prefixes.contains { $0.hasPrefix("rep") }
    let calls = ["call", "callf", "lcall", "int", "int3", "into", "syscall", "sysenter"]
    guard isRepeated || calls.contains(next.mnemonic) else { return nil }
    return next.address &+ UInt64(next.length)
  }

  /// Runs for at most `count` instructions, or until the one at the linear address `address` is next, on a stack that is
  /// not deeper than `stack` if that is given: the same function may run inside itself.
  package func run(
    to address: UInt64, above stack: UInt64? = nil, _ count: UInt64
  ) throws(MachineError) -> Reason {
    let wanted = stopPoints
    var points = wanted
    points.breakpoints.insert(address)
    stopPoints = points
    defer { stopPoints = wanted }
    let (sum, overflow) = machine.instructions.addingReportingOverflow(count)
    let end = overflow ? .max : sum
    while true {
      let reason = try run(end - min(end, machine.instructions), isResuming: true)
      guard case .breakpoint(address) = reason, !wanted.breakpoints.contains(address), let stack else {
        return reason == .breakpoint(address) && !wanted.breakpoints.contains(address) ? .step : reason
      }
      if machine.state.registers[4] >= stack { return .step }
    }
  }

  // MARK: Backwards

  /// Goes back by so many instructions.
  package func stepBack(_ count: UInt64 = 1) throws(MachineError) -> Reason {
    guard let history else { return .historyStart }
    let now = machine.instructions
    guard now > history.start else {
      try history.seek(to: history.start)
      return .historyStart
    }
    let target = now - min(count, now - history.start)
    try history.seek(to: target)
    guard count == 1, !stopPoints.watches.isEmpty else { return .step }
    // What the instruction does when it is executed tells whether it was a watched access.
    machine.passBreakpoint()
    guard try history.run(instructions: 1) == .paused, let met = machine.takeStop() else {
      try history.seek(to: target)
      return .step
    }
    try history.seek(to: target)
    if case .watch(let watch, let isWrite) = met.point { return .watchpoint(watch, isWrite: isWrite) }
    return .step
  }

  /// Goes back to where a breakpoint or watchpoint was met last.
  package func runBack() throws(MachineError) -> Reason {
    guard let met = try history?.runBack() else { return .historyStart }
    switch met.point {
    case .breakpoint(let address): return .breakpoint(address)
    case .watch(let watch, let isWrite): return .watchpoint(watch, isWrite: isWrite)
    case .written: return .step
    }
  }

  // MARK: Changes

  /// Somebody has changed registers or memory; call it after each change.
  package func noteChange() { history?.noteChange() }
}
