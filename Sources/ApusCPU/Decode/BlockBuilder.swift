// Builds blocks from decoded instructions: fusion, dead flags, link ops, and the end of a block.

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Decodes a block at RIP, whose first byte lies at `physical`, of at most `maximum` instructions. Returns
  /// its first op, or nil after delivering the exception that fetching its first instruction raised. The
  /// block is in the arena but in no list yet.
  func decodeBlock(_ physical: UInt64, _ maximum: Int) -> OpPointer? {
    pointee.counters.blocksDecoded &+= 1
    let start = pointee.arenaUsed
    let first = pointee.arena + Int(start) + 2
    var decoder = Decoder(self, physical: physical)
    var builder = BlockBuilder(cpu: self, first: first)
    if pointee.isProfiling && maximum > 1 { builder.countEntries() }
    decoder.maySpan = true
    while true {
      decoder.decode(builder.next)
      if decoder.failure != .none {
        guard builder.instructions != 0 else {
          deliverFetchFailure(decoder.failure)
          return nil
        }
        builder.finish(at: builder.lastRIP)
        break
      }
      builder.lastRIP = decoder.rip
      builder.accept(isHint: decoder.isHint)
      // Only the first instruction of a block may run into the next page, and then it is alone.
      decoder.maySpan = false
      if decoder.endsBlock {
        builder.end(fallThrough: decoder.rip)
        break
      }
      if builder.instructions >= maximum || decoder.secondPhysical != ~0 || builder.isNearlyFull
        || isBreakpoint(decoder.rip)
      {
        builder.finish(at: decoder.rip)
        break
      }
    }
    builder.removeDeadFlags()
    builder.setHandlers()
    // Which bytes after its last one the decoder looked at before it gave up is not known.
    let ahead: UInt64 = builder.endsUndefined ? 15 : 0
    UnsafeMutableRawPointer(first - 2).assumingMemoryBound(to: BlockHeader.self).initialize(
      to: BlockHeader(
        rip: pointee.rip, physical: physical, physical2: decoder.secondPhysical,
        codeLimit: is64Bit ? 0 : segment(.cs).pointee.limit, nextInHash: 0, nextInPage: 0,
        nextInPage2: 0, incoming: 0,
        length: UInt16(truncatingIfNeeded: builder.lastRIP &- pointee.rip &+ ahead),
        codeMode: pointee.codeMode, isValid: true))
    pointee.arenaUsed = start + 2 + UInt32(builder.next - first)
    return first
  }

  /// Decodes the one instruction at RIP into a block that no list knows and the next block overwrites. Nil
  /// after delivering the exception that fetching it raised.
  func decodeStep() -> OpPointer? {
    let start = pointee.arenaUsed
    let physical: UInt64
    do throws(Exit) {
      guard is64Bit ? isCanonical(pointee.rip) : pointee.rip <= UInt64(segment(.cs).pointee.limit) else {
        throw fault(.GP, fetchRule)
      }
      physical = try translateFetch(codeLinear(pointee.rip)).physical
    } catch {
      deliverException()
      return nil
    }
    let op = decodeBlock(physical, 1)
    pointee.counters.blocksDecoded &-= 1
    pointee.arenaUsed = start
    guard let op else { return nil }
    // No link may be made from it.
    op.header.pointee.isValid = false
    return op
  }

  private func deliverFetchFailure(_ failure: Decoder.Failure) {
    if failure == .limit { _ = fault(.GP, fetchRule) }
    deliverException()
  }

  /// Whether an armed instruction breakpoint lies at `rip`, so that a block must not run over it.
  private func isBreakpoint(_ rip: UInt64) -> Bool {
    pointee.dr7 & 0xFF != 0 && hasInstructionBreakpoints || hasStopPoint(rip)
  }
}

/// Appends ops to a block.
struct BlockBuilder {
  let cpu: CPU
  let first: OpPointer
  /// Where the next op goes.
  private(set) var next: OpPointer
  /// Instructions so far.
  private(set) var instructions = 0
  /// RIP after the last accepted instruction.
  var lastRIP: UInt64
  private var last: OpPointer?

  init(cpu: CPU, first: OpPointer) {
    self.cpu = cpu
    self.first = first
    next = first
    lastRIP = cpu.pointee.rip
  }

  /// Whether the last instruction is none.
  var endsUndefined: Bool { last.map { $0.pointee.form == Form.UD || $0.pointee.form == Form.GP } ?? false }

  var isNearlyFull: Bool { next - first > Int(BlockCache.maxOps) - 12 }

  /// Makes the block begin with an op that counts how often it is entered.
  mutating func countEntries() {
    next.pointee = DecodedOp(form: Form.countEntry)
    next.pointee.slot = 2
    next += 1
  }

  /// Takes the op at `next` into the block. A hint leaves only its count.
  mutating func accept(isHint: Bool) {
    next.pointee.count = UInt8(truncatingIfNeeded: instructions)
    next.pointee.slot = UInt8(truncatingIfNeeded: next - first + 2)
    instructions += 1
    if isHint { return }
    last = next
    next += 1
  }

  /// Completes a block whose last instruction ends it: a branch gets its targets, anything else a jump to
  /// what follows.
  mutating func end(fallThrough: UInt64) {
    guard let op = last, op == next - 1 else { return finish(at: fallThrough) }
    let form = op.pointee.form
    let isBranch = FormTables.isBranch(form)
    guard isBranch else { return finish(at: fallThrough) }
    var branch = op
    let target = UInt64(bitPattern: op.pointee.displacement)
    if op > first, let fused = FormTables.fused(op - 1, op) {
      branch = op - 1
      branch.pointee.form = fused
      next = op
    }
    addTargets(branch, taken: target, fallThrough: fallThrough & cpu.instructionPointerMask)
  }

  /// Completes a block that goes on at `rip`.
  mutating func finish(at rip: UInt64) {
    let op = next
    op.pointee = DecodedOp(form: Form.blockEnd)
    op.pointee.count = UInt8(truncatingIfNeeded: instructions)
    op.pointee.slot = UInt8(truncatingIfNeeded: op - first + 2)
    op.pointee.location = UInt16(truncatingIfNeeded: rip &- cpu.pointee.rip) << 4
    last = op
    next += 1
    let wrapped = rip & cpu.instructionPointerMask
    addTargets(op, taken: wrapped, fallThrough: wrapped)
  }

  /// Puts the branch targets and the two link ops behind a branch.
  private mutating func addTargets(_ branch: OpPointer, taken: UInt64, fallThrough: UInt64) {
    next = branch + 4
    last = branch
    UnsafeMutableRawPointer(branch + 1).assumingMemoryBound(to: BranchTargets.self).initialize(
      to: BranchTargets(
        taken: branch + 2, fallThrough: branch + 3, takenRIP: taken, fallThroughRIP: fallThrough))
    link(branch + 2, taken, 2)
    link(branch + 3, fallThrough, 3)
  }

  private func link(_ op: OpPointer, _ rip: UInt64, _ distance: UInt8) {
    let isNear = (rip ^ cpu.pointee.rip) & ~0xFFF == 0 && cpu.pointee.codeTag & 0xFFF_0000_0000 == 0
    op.pointee = DecodedOp(form: isNear ? Form.linkNear : Form.linkFar)
    op.pointee.displacement = Int64(bitPattern: rip)
    op.pointee.destination = distance
    op.pointee.slot = UInt8(truncatingIfNeeded: op - first + 2)
    op.pointee.handler = HandlerTables.fast(op.pointee.form)
  }

  /// Replaces instructions by forms that leave out flags which the block overwrites before it reads them,
  /// and before anything can fault.
  func removeDeadFlags() {
    guard let last else { return }
    var op = last
    var isDead = false
    while true {
      let form = op.pointee.form
      if isDead, let variant = FormTables.deadFlagForm(form) { op.pointee.form = variant }
      switch FormTables.flagEffect(op.pointee.form) {
      case .overwrites: isDead = true
      case .none: break
      case .barrier: isDead = false
      }
      if op == first { return }
      op -= 1
    }
  }

  /// Writes the handler address of every op: that of a run of ops where it makes the block's way shorter. The
  /// handlers of the run's later ops are there for when an op before them takes its slow form.
  func setHandlers() {
    guard let last else { return }
    var op = last
    // What it costs from one op further on to the end, from two, and as far as runs reach.
    var ahead = InlineArray<6, Int>(repeating: 0)
    while true {
      op.pointee.handler = HandlerTables.fast(op.pointee.form)
      var least = ahead[0] + HandlerCost.entry
      if op < last {
        for index in HandlerTables.runs(op.pointee.form, (op + 1).pointee.form) {
          let length = HandlerTables.runLength(index, op, last)
          guard length != 0 else { continue }
          let cost =
            ahead[length - 1] + HandlerCost.entry
            - HandlerTables.forwardingCount(index) * HandlerCost.forwarding
          if cost < least {
            least = cost
            op.pointee.handler = HandlerTables.run(index)
          }
        }
      }
      for distance in stride(from: ahead.count - 1, to: 0, by: -1) { ahead[distance] = ahead[distance - 1] }
      ahead[0] = least
      if op == first { return }
      op -= 1
    }
  }
}

/// What handlers cost, roughly and in proportion: entering one, and what is gained where an op gets its operand from
/// the op before it rather than from the register file.
private enum HandlerCost {
  static let entry = 3
  static let forwarding = 2
}
