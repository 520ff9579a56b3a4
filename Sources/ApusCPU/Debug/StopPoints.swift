import ApusBase

// Breakpoints and watchpoints of somebody outside, of which the guest notices nothing: the debug registers are its own.
// Blocks end before a breakpoint, and no way leads to the block that begins there but the lookup, which asks. Stores to
// watched addresses have no write tag in the TLB, and so take the complete form, which asks.

/// Linear addresses at which accesses stop the machine.
package struct Watch: Hashable, Sendable {
  package var start: UInt64
  /// At least 1 byte; none lies beyond the end of the address space.
  package var size: UInt64
  package var onRead: Bool
  package var onWrite: Bool

  package init(_ start: UInt64, size: UInt64, onRead: Bool = false, onWrite: Bool = true) {
    self.start = start
    self.size = max(size, 1)
    self.onRead = onRead
    self.onWrite = onWrite
  }

  func covers(_ first: UInt64, _ last: UInt64) -> Bool {
    first &- start < size || start &- first <= last &- first
  }

  func isIn(page: UInt64) -> Bool { covers(page, page | 0xFFF) }
}

/// Where a processor stops for somebody outside.
package struct StopPoints: Equatable, Sendable {
  /// Linear addresses of instructions.
  package var breakpoints: Set<UInt64> = []
  /// The first that an access meets is the one that is reported.
  package var watches: [Watch] = []
  /// Physical addresses in RAM, stores to which stop, whoever makes them: devices, too.
  package var physicalWatches: [Range<UInt64>] = []

  package init() {}

  package var isEmpty: Bool { breakpoints.isEmpty && watches.isEmpty && physicalWatches.isEmpty }
}

/// What of them was met, and when.
package struct MetStop: Equatable, Sendable {
  package enum Point: Equatable, Sendable {
    /// The instruction at this linear address is next.
    case breakpoint(UInt64)
    /// The instruction has accessed the bytes of a watch.
    case watch(Watch, isWrite: Bool)
    /// Physical memory that is watched was stored to, from this address on.
    case written(UInt64)
  }

  package var point: Point
  /// Instructions retired before the one that did it, or that is next.
  package var instructions: UInt64
  /// The linear address of that instruction.
  package var linear: UInt64
  /// No instruction did it but a device.
  package var isDevice: Bool
}

extension Processor {
  /// Where to stop. Changing it drops decoded blocks; the guest does not notice.
  package var stopPoints: StopPoints {
    get { wantedStops }
    set {
      guard newValue != wantedStops else { return }
      watchPhysical(false)
      wantedStops = newValue
      watchPhysical(true)
      updateHooks()
    }
  }

  /// What `run` stopped at; it returns `paused` until this is taken.
  package func takeStop() -> MetStop? {
    defer { metStop = nil }
    return metStop
  }

  /// The instruction that is next executes even if there is a breakpoint.
  package func passBreakpoint() { passed = (cpu.now, cpu.codeLinear(cpu.pointee.rip)) }

  /// Time is not what it was: nothing has been met, and nothing is passed.
  package func forgetStop() {
    metStop = nil
    passed = nil
    place = nil
  }

  /// Flags the pages of physical watches, or takes the flags away.
  func watchPhysical(_ isWatched: Bool) {
    for range in wantedStops.physicalWatches where !range.isEmpty {
      for page in (range.lowerBound >> 12)...((range.upperBound - 1) >> 12) {
        guard let offset = cpu.hostOffset(page << 12) else { continue }
        if isWatched {
          ram.flags[offset >> 12] |= PageFlag.watched
        } else {
          ram.flags[offset >> 12] &= ~PageFlag.watched
        }
      }
    }
  }

  /// A store of `size` bytes within a flagged page.
  func notePhysicalWrite(_ physical: UInt64, _ size: Int) {
    guard metStop == nil, size > 0 else { return }
    let written = physical..<physical &+ UInt64(size)
    guard wantedStops.physicalWatches.contains(where: { $0.overlaps(written) }) else { return }
    stop(at: .written(physical))
  }

  private func stop(at point: MetStop.Point) {
    metStop = MetStop(
      point: point, instructions: presentInstructions, linear: cpu.codeLinear(cpu.presentRIP),
      isDevice: cpu.pointee.currentOp == nil)
    cpu.pointee.attention = 1
  }

  func noteWatches(_ linear: UInt64, _ size: Int, isWrite: Bool) {
    guard metStop == nil else { return }
    let last = linear &+ UInt64(size - 1)
    let met = wantedStops.watches.first { (isWrite ? $0.onWrite : $0.onRead) && $0.covers(linear, last) }
    guard let met else { return }
    stop(at: .watch(met, isWrite: isWrite))
  }

  func watchesStores(page: UInt64) -> Bool { wantedStops.watches.contains { $0.isIn(page: page) } }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Whether somebody set a breakpoint at `rip`.
  @inline(__always)
  func hasStopPoint(_ rip: UInt64) -> Bool {
    pointee.hooks.contains(.breakpoints) && isStopPoint(codeLinear(rip))
  }

  @inline(never)
  private func isStopPoint(_ linear: UInt64) -> Bool { processor.stopPoints.breakpoints.contains(linear) }

  /// Whether the instruction at RIP must not execute now: then what was met is noted.
  func meetsStopPoint() -> Bool {
    guard hasStopPoint(pointee.rip) else { return false }
    let linear = codeLinear(pointee.rip)
    if let passed = processor.passed, passed == (now, linear) { return false }
    processor.metStop = MetStop(
      point: .breakpoint(linear), instructions: processor.instructions, linear: linear, isDevice: false)
    pointee.attention = 1
    return true
  }

  /// Tells of a store to a flagged page, at an offset in the host block.
  @inline(never)
  func noteWatchedStore(hostOffset offset: Int, size: Int) {
    guard let region = writableRegion(ofHost: offset) else { return }
    processor.notePhysicalWrite(UInt64(offset) - region.hostOffset + region.start, size)
  }
}
