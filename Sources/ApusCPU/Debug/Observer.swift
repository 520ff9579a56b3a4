import ApusBase

// What goes on in a processor is told by hooks in the code that does it. Each asks one bit, in paths that are slow
// anyway; where all bits are clear, nothing else happens. Who wants to see every instruction or every access makes the
// processor run complete forms, one instruction a block: the guest does not notice, it gets slower alone.

/// What somebody wants to see or to stop at.
struct Hooks: OptionSet {
  let rawValue: UInt16

  static let breakpoints = Hooks(rawValue: 1)
  /// Stores, or all accesses, to some linear addresses.
  static let writeWatches = Hooks(rawValue: 2)
  static let accessWatches = Hooks(rawValue: 4)
  /// Events.
  static let instructions = Hooks(rawValue: 8)
  static let memory = Hooks(rawValue: 0x10)
  static let ports = Hooks(rawValue: 0x20)
  static let walks = Hooks(rawValue: 0x40)
  static let deliveries = Hooks(rawValue: 0x80)
  static let faults = Hooks(rawValue: 0x100)
  static let modes = Hooks(rawValue: 0x200)
  static let segments = Hooks(rawValue: 0x400)

  /// Those for which each access must be made by itself, through `slowPointer`.
  static let everyAccess: Hooks = [.memory, .accessWatches]
  /// Those about which `slowPointer` tells.
  static let accesses: Hooks = [.memory, .accessWatches, .writeWatches]
  /// Those for which instructions run one by one.
  static let stepping: Hooks = [.instructions, .memory, .accessWatches]
}

/// Kinds of events.
package struct EventKinds: OptionSet, Sendable {
  package let rawValue: UInt16
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  package static let instructions = EventKinds(rawValue: Hooks.instructions.rawValue)
  package static let memory = EventKinds(rawValue: Hooks.memory.rawValue)
  package static let ports = EventKinds(rawValue: Hooks.ports.rawValue)
  package static let pageWalks = EventKinds(rawValue: Hooks.walks.rawValue)
  /// Interrupts and exceptions on their way through the IDT.
  package static let deliveries = EventKinds(rawValue: Hooks.deliveries.rawValue)
  package static let faults = EventKinds(rawValue: Hooks.faults.rawValue)
  package static let modes = EventKinds(rawValue: Hooks.modes.rawValue)
  /// Descriptors read and segment registers loaded.
  package static let segments = EventKinds(rawValue: Hooks.segments.rawValue)
  package static let all: EventKinds = [
    .instructions, .memory, .ports, .pageWalks, .deliveries, .faults, .modes, .segments,
  ]
}

/// Gathers events and hands them on in batches.
package final class Observer {
  /// What is told.
  package let kinds: EventKinds
  /// Gets the events in order, in batches; it must not touch the machine. Where a batch ends with a delivery that begins
  /// or has been made, the machine is at that moment, and its registers may be looked at.
  private let sink: ([TimedEvent]) -> Void
  private static let capacity = 4096
  /// The events since the last batch. A trace is millions a second: numbers and pointers cost nothing to look at.
  private let events = UnsafeMutablePointer<TimedEvent>.allocate(capacity: capacity)
  private var count = 0
  /// Writes whose bytes are not stored yet: where their events are, and where the bytes will be. Each has an event.
  private let pending = UnsafeMutablePointer<PendingWrite>.allocate(capacity: capacity)
  private var pendingCount = 0

  private struct PendingWrite {
    var index: Int
    var host: UnsafeMutableRawPointer
  }

  /// An observer of events of some kinds.
  package init(_ kinds: EventKinds, _ sink: @escaping ([TimedEvent]) -> Void) {
    self.kinds = kinds
    self.sink = sink
  }

  // Events and writes are trivial values, which need no end.
  deinit {
    events.deallocate()
    pending.deallocate()
  }

  func note(_ event: TimedEvent) {
    if count == Self.capacity { drain(keeping: 64) }
    (events + count).initialize(to: event)
    count += 1
  }

  /// Notes a write whose bytes will be at `host`.
  func note(_ event: TimedEvent, pending host: UnsafeMutableRawPointer) {
    note(event)
    (pending + pendingCount).initialize(to: PendingWrite(index: count - 1, host: host))
    pendingCount += 1
  }

  /// Takes the bytes of writes that have been stored. A bounce buffer is emptied before its bytes are elsewhere.
  func settle() {
    for number in 0..<pendingCount { settle(pending[number]) }
    pendingCount = 0
  }

  private func settle(_ write: PendingWrite) {
    guard case .memory(var access) = events[write.index].event else { return }
    var value: UInt64 = 0
    withUnsafeMutableBytes(of: &value) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: write.host, count: Int(access.size)))
    }
    access.value = UInt64(littleEndian: value)
    events[write.index].event = .memory(access)
  }

  /// Hands on what there is, except for the last events if an instruction is under way that may yet store.
  private func drain(keeping kept: Int) {
    let first = min(pendingCount > 0 ? pending[0].index : count, count - kept)
    // An instruction with that many stores under way makes them one by one: the early ones are done.
    let number = first > 0 ? first : count - kept
    var left = 0
    for index in 0..<pendingCount {
      let write = pending[index]
      if write.index < number {
        settle(write)
      } else {
        pending[left] = PendingWrite(index: write.index - number, host: write.host)
        left += 1
      }
    }
    pendingCount = left
    hand(number)
    events.update(from: events + number, count: count)
  }

  /// Hands on everything, between instructions.
  package func flush() {
    settle()
    if count > 0 { hand(count) }
  }

  private func hand(_ number: Int) {
    count -= number
    sink(Array(UnsafeBufferPointer(start: events, count: number)))
  }
}

extension Processor {
  /// Instructions retired before the present one, or before the one in whose place an exception comes.
  var presentInstructions: UInt64 { instructions - (isRaising ? 1 : 0) }

  /// Who sees what the processor does; nil for nobody. The guest does not notice.
  package var observer: Observer? {
    get { observing }
    set {
      observing?.flush()
      observing = newValue
      toldMode = (cpu.mode, cpu.pointee.cpl)
      place = nil
      updateHooks()
    }
  }

  /// Brings the bits that the hooks ask into line with what is wanted.
  func updateHooks() {
    var hooks = Hooks(rawValue: observing?.kinds.rawValue ?? 0)
    if !stopPoints.breakpoints.isEmpty { hooks.insert(.breakpoints) }
    if !stopPoints.watches.isEmpty { hooks.insert(.writeWatches) }
    if stopPoints.watches.contains(where: { $0.onRead }) { hooks.insert(.accessWatches) }
    cpu.pointee.hooks = hooks
    // Blocks are cut by what is wanted.
    cpu.emptyBlockCache()
    cpu.evictWriteTags()
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// RIP of the instruction that executes, or of the next one.
  var presentRIP: UInt64 {
    guard let op = pointee.currentOp, op.pointee.slot != 0, op.pointee.length != 0 else { return pointee.rip }
    return op.rip
  }

  /// Tells the observer; callers ask `hooks` first.
  @inline(never)
  func tell(_ event: ProcessorEvent) { processor.observing?.note(timed(event)) }

  /// Tells the observer at once, so that it can look at the registers. No store may be under way.
  @inline(never)
  func tellNow(_ event: ProcessorEvent) {
    tell(event)
    processor.observing?.flush()
  }

  private func timed(_ event: ProcessorEvent) -> TimedEvent {
    let instructions = processor.presentInstructions
    if let place = processor.place, place.instructions == instructions {
      return TimedEvent(
        instructions: instructions, rip: place.rip, linear: place.linear, event: event)
    }
    let rip = presentRIP
    return TimedEvent(instructions: instructions, rip: rip, linear: codeLinear(rip), event: event)
  }

  /// CS or RIP are about to be those of other code: what is told until the instruction, or the delivery, is done has
  /// its place where they still are. The first of several calls counts.
  @inline(never)
  func keepPlace() {
    let processor = processor
    guard processor.observing != nil else { return }
    let instructions = processor.presentInstructions
    if let place = processor.place, place.instructions == instructions { return }
    let rip = presentRIP
    processor.place = (instructions, rip, codeLinear(rip))
  }

  /// The delivery of an event is over. One that an instruction asked for ends with that: no other has its number.
  @inline(never)
  func forgetPlace() {
    if pointee.currentOp == nil { processor.place = nil }
  }

  /// Runs complete forms one after the other until the exit op.
  @inline(never)
  func runObserved(_ op: OpPointer) {
    var next = op
    while next != exitOp {
      if next.pointee.slot == 2 { beginInstruction(next) }
      next = runSlow(next)
    }
    processor.observing?.flush()
  }

  /// `op` is the first of its block, which has one instruction.
  func beginInstruction(_ op: OpPointer) {
    guard let observer = processor.observing else { return }
    observer.settle()
    guard pointee.hooks.contains(.instructions) else { return }
    let header = op.header.pointee
    let linear = codeLinear(header.rip)
    observer.note(
      TimedEvent(
        instructions: processor.instructions, rip: header.rip, linear: linear,
        event: .instruction(
          InstructionStart(
            linear: linear, physical: header.physical,
            length: UInt8(min(header.length, 15)), mode: mode, bytes: codeBytes(header)))))
  }

  /// The bytes of the one instruction of a block.
  private func codeBytes(_ header: BlockHeader) -> (UInt64, UInt64) {
    var bytes: (UInt64, UInt64) = (0, 0)
    let size = min(Int(header.length), 15)
    let firstSize = min(size, 4096 - Int(header.physical & 0xFFF))
    withUnsafeMutableBytes(of: &bytes) { target in
      guard let base = target.baseAddress else { return }
      if let offset = hostOffset(header.physical) {
        base.copyMemory(from: host(offset), byteCount: firstSize)
      }
      if firstSize < size, let offset = hostOffset(header.physical2) {
        (base + firstSize).copyMemory(from: host(offset), byteCount: size - firstSize)
      }
    }
    return (UInt64(littleEndian: bytes.0), UInt64(littleEndian: bytes.1))
  }

  /// The present mode.
  var mode: ProcessorMode {
    let size = pointee.codeMode & CodeMode.sizeMask
    if size == CodeMode.code64 { return .long64 }
    if !isProtected { return .real }
    if isVirtual8086 { return .virtual8086 }
    let is32 = size == CodeMode.code32
    if isLongMode { return is32 ? .compatibility32 : .compatibility16 }
    return is32 ? .protected32 : .protected16
  }

  /// Whether accesses to the linear page must be made one by one.
  @inline(never)
  func isObserved(_ page: UInt64) -> Bool {
    !pointee.hooks.isDisjoint(with: .everyAccess) || processor.watchesStores(page: page)
  }

  /// An access of `size` bytes that `slowPointer` has allowed; its bytes are, or will be, at `host`.
  @inline(never)
  func noteAccess(_ linear: UInt64, _ size: Int, _ access: UInt32, at host: RawPointer) {
    if !pointee.hooks.isDisjoint(with: [.writeWatches, .accessWatches]) {
      processor.noteWatches(linear, size, isWrite: access & Access.write != 0)
    }
    guard pointee.hooks.contains(.memory), let observer = processor.observing else { return }
    // One that is not bounced lies in one page.
    let firstSize = min(size, 4096 - Int(linear & 0xFFF))
    var done = 0
    while done < size {
      let isFirst = done < firstSize
      let count = min(8, (isFirst ? firstSize : size) - done)
      var data = DataAccess(
        linear: (linear &+ UInt64(done)) & pointee.linearMask,
        physical: physicalAddress(linear, done, isFirst ? 0 : firstSize), value: 0,
        size: UInt8(truncatingIfNeeded: count), isWrite: false, isImplicit: access & Access.implicit != 0)
      if access & Access.modify != Access.write {
        withUnsafeMutableBytes(of: &data.value) {
          $0.copyMemory(from: UnsafeRawBufferPointer(start: host + done, count: count))
        }
        observer.note(timed(.memory(data)))
      }
      if access & Access.write != 0 {
        data.isWrite = true
        observer.note(timed(.memory(data)), pending: host + done)
      }
      done += count
    }
  }

  /// The physical address of the byte `done` bytes into the access that `slowPointer` made last; `secondStart` is how
  /// many bytes come before the second page, if the byte lies there.
  private func physicalAddress(_ linear: UInt64, _ done: Int, _ secondStart: Int) -> UInt64 {
    if pointee.bounceSize != 0 {
      if secondStart != 0 { return pointee.bouncePhysical2 &+ UInt64(done - secondStart) }
      return pointee.bouncePhysical &+ UInt64(done)
    }
    let entry = pointee.bank + TLB.entryOffset(linear)
    if entry.load(as: UInt64.self) == linear & ~0xFFF {
      let page = entry.load(fromByteOffset: TLB.information, as: UInt64.self) & ~0xFFF
      if let physical = ramAddress(ofHost: page) { return physical &+ (linear & 0xFFF) &+ UInt64(done) }
    }
    // The access was allowed; whose it is does not matter here.
    return processor.physicalAddress(linear).map { $0 &+ UInt64(done) } ?? 0
  }

  /// The physical address of a page of RAM in the host block; nil for ROM, which is at several.
  private func ramAddress(ofHost page: UInt64) -> UInt64? {
    guard let region = writableRegion(ofHost: Int(truncatingIfNeeded: page)) else { return nil }
    return page - region.hostOffset + region.start
  }
}
