import ApusBase

/// The world outside the processor: ports, memory-mapped devices, the interrupt controllers and the
/// chipset's model-specific registers. Class-bound; only slow paths call it.
package protocol SystemBus: AnyObject {
  /// Reads `width` (1, 2, 4) bytes from an I/O port.
  func readPort(_ port: UInt16, width: Int) -> UInt32
  func writePort(_ port: UInt16, _ value: UInt32, width: Int)
  /// Reads `width` (1, 2, 4, 8) bytes from a physical address outside RAM and ROM; holes read as ones.
  func readPhysical(_ physical: UInt64, width: Int) -> UInt64
  func writePhysical(_ physical: UInt64, _ value: UInt64, width: Int)
  /// The interrupt-acknowledge cycle: the vector to deliver.
  func acknowledgeInterrupt() -> UInt8
  /// Model-specific registers outside the core (local APIC); nil and false give #GP.
  func readMSR(_ index: UInt32) -> UInt64?
  func writeMSR(_ index: UInt32, _ value: UInt64) -> Bool
  /// IA32_TSC_DEADLINE: the time-stamp counter value last written, 0 if the APIC timer is disarmed or in
  /// another mode.
  func readTSCDeadline() -> UInt64
  /// Writes IA32_TSC_DEADLINE: the guest's TSC value, 0 to disarm, and `due`, the virtual time at which its
  /// TSC reaches that value: 0 if it already has, `.never` if beyond the end of time. Meant for
  /// `LocalAPIC.writeTSCDeadline`.
  func writeTSCDeadline(_ value: UInt64, due: VirtualTime)
  /// The guest moved its TSC while a deadline is armed, which is now `due`. Meant for
  /// `LocalAPIC.moveTSCDeadline`.
  func moveTSCDeadline(due: VirtualTime)
  /// FERR#: an x87 exception is pending and CR0.NE is clear. On a PC it latches IRQ 13 until port F0h is
  /// written.
  func signalFloatingPointError()
  /// CR8: the task priority class, 0–15.
  var taskPriority: UInt8 { get set }
}

/// Why `run` returned.
package enum RunExit {
  /// The time asked for was reached.
  case deadline
  /// The processor is halted with nothing pending; time may be skipped to the next event.
  case halted
  /// Something outside changed (a device access moved a deadline, a reset or stop was asked for).
  case attention
  /// It will not run again: see `stopCode`.
  case stopped
  /// A breakpoint or watchpoint of somebody outside: see `takeStop`.
  case paused
}

/// One logical processor: owns the state block, the TLBs and the decoded blocks.
public final class Processor {
  let cpu: CPU
  package let ram: GuestRAM
  package let bus: any SystemBus
  /// A PC needs at most 17: thirteen segments that may be shadowed, RAM in three pieces, ROM.
  private static let regionLimit = 24
  let slowTable: UnsafeMutablePointer<UInt>
  private let specialOps: UnsafeMutablePointer<DecodedOp>
  /// Counts what is executed, if somebody asked for it.
  var profiler: Profiler?
  /// See `observer`.
  var observing: Observer?
  /// An exception is being delivered, whose tick has passed.
  var isRaising = false
  /// Exceptions that were raised while others were delivered, at the last moment when there were any.
  var nestedFaults: (time: UInt64, chain: [(delivered: UInt8, raised: Fault)]) = (0, [])
  /// The mode and privilege that the observer knows of.
  var toldMode: (ProcessorMode, UInt8) = (.real, 0)
  /// Where the code is that the observer hears about while CS and RIP are changing: see `keepPlace`.
  var place: (instructions: UInt64, rip: UInt64, linear: UInt64)?
  /// See `stopPoints`, `takeStop`, and `passBreakpoint`: the time and the linear address of the instruction.
  var wantedStops = StopPoints()
  var metStop: MetStop?
  var passed: (time: VirtualTime, linear: UInt64)?

  /// A processor in its reset state over `ram`, with `regions` mapping physical addresses to it.
  package init(ram: GuestRAM, regions: [MemoryRegion], bus: any SystemBus, model: CPUModel = .max) {
    self.ram = ram
    self.bus = bus
    let block = UnsafeMutableRawPointer.allocate(byteCount: Layout.blockSize, alignment: 4096)
    block.initializeMemory(as: UInt8.self, repeating: 0, count: Layout.blockSize)
    slowTable = HandlerTables.makeSlowTable()
    specialOps = .allocate(capacity: 3)
    specialOps.initialize(repeating: DecodedOp(form: Form.exit), count: 3)
    specialOps[0].handler = HandlerTables.address(of: exitHandler)
    specialOps[1] = DecodedOp(form: Form.lookup)
    specialOps[1].handler = HandlerTables.address(of: lookupHandler)
    // What an empty entry of the return stack points to.
    UnsafeMutableRawPointer(specialOps + 2).assumingMemoryBound(to: BranchTargets.self).initialize(
      to: BranchTargets(
        taken: specialOps + 1, fallThrough: specialOps + 1, takenRIP: JumpCache.invalidTag,
        fallThroughRIP: JumpCache.invalidTag))
    let regionStorage = UnsafeMutablePointer<MemoryRegion>.allocate(capacity: Self.regionLimit)
    regionStorage.initialize(
      repeating: MemoryRegion(start: 0, end: 0, hostOffset: 0, isWritable: false),
      count: Self.regionLimit)
    let arena = UnsafeMutablePointer<DecodedOp>.allocate(capacity: Int(BlockCache.arenaCapacity))
    let heads = UnsafeMutablePointer<UInt32>.allocate(capacity: BlockCache.hashCount)
    heads.initialize(repeating: 0, count: BlockCache.hashCount)
    cpu = block.assumingMemoryBound(to: CPUState.self)
    let flat = Segment(readHigh: ~0, writeHigh: ~0, limit: .max)
    cpu.initialize(
      to: CPUState(
        bank: block + Layout.banks, slowHandlers: UnsafeMutableRawPointer(slowTable),
        exitOp: UnsafeMutableRawPointer(specialOps), lookupOp: UnsafeMutableRawPointer(specialOps + 1),
        segments: (
          Segment(), Segment(), Segment(), Segment(), Segment(), Segment(), flat, flat
        ),
        ram: ram.base, pageDisplacements: ram.displacements, regions: regionStorage, pageFlags: ram.flags,
        pageGranules: ram.granules,
        pageBlocks: ram.blockHeads, entryHints: ram.entryHints, owner: Unmanaged<Processor>.fromOpaque(block),
        arena: arena,
        arenaUsed: 1, arenaCapacity: BlockCache.arenaCapacity, blockHeads: heads))
    cpu.checkLayout()
    cpu.pointee.owner = Unmanaged.passUnretained(self)
    map(regions)
    cpu.prepareCaches()
    cpu.adopt(model)
    cpu.reset()
  }

  deinit {
    cpu.pointee.regions.deallocate()
    cpu.pointee.arena.deallocate()
    cpu.pointee.blockHeads.deallocate()
    slowTable.deallocate()
    specialOps.deallocate()
    UnsafeMutableRawPointer(cpu).deallocate()
  }

  /// Replaces the physical memory map. Regions that do not lie in the host block, overlap, or are not
  /// page-aligned are a defect of the board and trap here, before any guest code runs.
  package func map(_ regions: [MemoryRegion]) {
    precondition(regions.count <= Self.regionLimit)
    for (index, region) in regions.enumerated() {
      let size = region.end - region.start
      precondition(region.start & 0xFFF == 0 && region.end & 0xFFF == 0 && region.hostOffset & 0xFFF == 0)
      precondition(region.hostOffset + size <= ram.size + GuestRAM.romSize)
      cpu.pointee.regions[index] = region
    }
    cpu.pointee.regionCount = regions.count
    cpu.flushTranslations(.all)
  }

  /// Virtual time in nanoseconds: one per retired instruction, plus what `HLT` skipped.
  package var now: VirtualTime { cpu.now &+ UInt64(cpu.pointee.currentOp?.pointee.count ?? 0) }
  /// Retired instructions since the processor was made.
  package var instructions: UInt64 { now - cpu.pointee.idle }
  package var stopCode: StopCode { cpu.pointee.stop }
  /// Counts of what the guest does not see.
  package var counters: ExecutionProfile.Counters { cpu.pointee.counters }
  package var isHalted: Bool { cpu.pointee.halted }

  /// Runs until virtual time `deadline`, or until there is a reason to stop earlier. It never runs past it:
  /// the last instructions before it go one at a time, so events arrive at exact counts.
  package func run(until deadline: VirtualTime) -> RunExit { cpu.run(until: deadline) }

  /// Skips idle time: the halted processor's clock moves to `time`.
  package func skip(to time: VirtualTime) { cpu.skip(to: time) }

  /// Drives the INTR pin.
  package func setInterruptLine(_ level: Bool) {
    cpu.pointee.interruptLine = level
    if level { cpu.pointee.attention = 1 }
  }

  /// Latches an NMI.
  package func raiseNMI() {
    cpu.pointee.nmiPending = true
    cpu.pointee.attention = 1
  }

  /// Makes `run` return at the next instruction boundary.
  package func requestAttention() {
    cpu.pointee.attention = 1
    cpu.pointee.boardAttention = true
  }

  /// Enables or disables address line 20.
  package func setA20(_ enabled: Bool) {
    let mask: UInt64 = enabled ? ~0 : ~(1 << 20)
    guard mask != cpu.pointee.a20Mask else { return }
    cpu.pointee.a20Mask = mask
    cpu.flushTranslations(.all)
    cpu.pointee.attention = 1
  }

  /// The state after RESET# (SDM Vol. 3, "Processor State After Reset").
  package func reset() { cpu.reset() }

  /// Drops code decoded from RAM that a device has written.
  package func noteDMAWrite(hostOffset: UInt64, count: Int) {
    var offset = Int(hostOffset)
    var rest = count
    while rest > 0 {
      let piece = min(rest, 4096 - (offset & 0xFFF))
      cpu.noteWrite(hostOffset: offset, size: piece)
      offset += piece
      rest -= piece
    }
  }

  /// The instruction an `unimplemented` stop names, and the registers, for reports.
  package var report: String { cpu.report() }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Virtual time at a block boundary.
  @inline(__always)
  var now: UInt64 { pointee.clockBase &- UInt64(bitPattern: pointee.budget) }

  /// Virtual time when `op` executes.
  @inline(__always)
  func now(_ op: OpPointer) -> UInt64 { now &+ UInt64(op.pointee.count) }

  /// Sets the budget without moving the clock.
  func setBudget(_ budget: Int64) {
    let time = now
    pointee.budget = budget
    pointee.clockBase = time &+ UInt64(bitPattern: budget)
  }

  func prepareCaches() {
    for index in 0..<Layout.bankCount {
      // So that the first flush touches everything.
      EntryLog(bank(index), .jumps).noteMany()
    }
    clearHarmlessStores()
    flushTranslations(.all)
  }

  func skip(to time: UInt64) {
    let current = now
    guard time > current else { return }
    pointee.idle &+= time - current
    pointee.clockBase &+= time - current
  }

  func run(until deadline: UInt64) -> RunExit {
    while true {
      if pointee.stop != .none { return .stopped }
      if processor.metStop != nil { return .paused }
      pointee.attention = 0
      if pointee.boardAttention {
        pointee.boardAttention = false
        return .attention
      }
      if pointee.halted {
        guard wakes else { return .halted }
        pointee.halted = false
      }
      // Delivering a trap takes a tick, for which there must be time.
      if pointee.pendingDebug != 0 && now >= deadline { return .deadline }
      if deliverPending() { continue }
      let time = now
      guard time < deadline else { return .deadline }
      if meetsStopPoint() { return .paused }
      let remaining = Int64(truncatingIfNeeded: min(deadline - time, 1 << 40))
      if mustStep(remaining) {
        step()
        continue
      }
      setBudget(remaining - Int64(BlockCache.maxInstructions))
      if pointee.hooks.isDisjoint(with: .stepping) { runThreaded(lookupOp) } else { runObserved(lookupOp) }
    }
  }

  /// Whether a halted processor resumes.
  private var wakes: Bool {
    pointee.nmiPending && !pointee.nmiBlocked
      || pointee.interruptLine && pointee.systemFlags & RFLAGS.IF != 0
      || pointee.pendingDebug != 0
  }

  /// Delivers what is pending at this boundary, in the SDM's order (Vol. 3, "Priority Among Simultaneous
  /// Exceptions and Interrupts"). True if something was delivered.
  private func deliverPending() -> Bool {
    let isShadowed = pointee.shadowUntil == now && pointee.shadowUntil != 0
    if pointee.pendingDebug != 0 && !(isShadowed && pointee.shadowHoldsDebug) {
      raiseDebugTrap(pointee.pendingDebug)
      pointee.pendingDebug = 0
      deliverException(.trap)
      return true
    }
    if isShadowed { return false }
    if pointee.nmiPending && !pointee.nmiBlocked {
      pointee.nmiPending = false
      deliverExternal(Vector.NMI.rawValue)
      return true
    }
    if pointee.interruptLine && pointee.systemFlags & RFLAGS.IF != 0 {
      deliverExternal(processor.bus.acknowledgeInterrupt())
      // A trap gate leaves IF set: a request that stays would be delivered for ever if no instruction ran in
      // between.
      if pointee.interruptLine && pointee.systemFlags & RFLAGS.IF != 0 {
        pointee.shadowUntil = now
        pointee.shadowHoldsDebug = false
      }
      return true
    }
    return false
  }

  private func deliverExternal(_ vector: UInt8) {
    pointee.halted = false
    do throws(Exit) {
      try deliver(vector, code: nil, .external)
    } catch {
      deliverException()
    }
  }

  /// Whether the next instruction must run alone: near the deadline, in an interrupt shadow, while
  /// single-stepping or with RF set, and while instruction breakpoints are armed in its page.
  private func mustStep(_ remaining: Int64) -> Bool {
    remaining <= Int64(BlockCache.maxInstructions)
      || pointee.shadowUntil == now && pointee.shadowUntil != 0
      || pointee.systemFlags & (RFLAGS.TF | RFLAGS.RF) != 0
      || hasInstructionBreakpoints
  }

  /// Runs one instruction in a block of its own.
  private func step() {
    if checkInstructionBreakpoint() { return }
    let hadTF = pointee.systemFlags & RFLAGS.TF != 0
    setBudget(0)
    if pointee.arenaCapacity - pointee.arenaUsed < BlockCache.maxOps + 16 { emptyBlockCache() }
    guard let op = decodeStep() else { return }
    let before = now
    pointee.hadRF = pointee.systemFlags & RFLAGS.RF != 0
    pointee.systemFlags &= ~RFLAGS.RF
    // With attention set, the op's slow form returns at the boundary after it.
    pointee.attention = 1
    // Handlers entered since the last step have set it, too.
    pointee.suppressStepTrap = false
    beginInstruction(op)
    _ = runSlow(op)
    processor.observing?.flush()
    pointee.attention = 0
    if hadTF && now != before && !pointee.suppressStepTrap { pointee.pendingDebug |= DR6.BS }
  }
}
