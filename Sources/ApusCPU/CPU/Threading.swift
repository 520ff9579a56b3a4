// `@convention(thin)` is undocumented but has no thunk to pass through; `@convention(c)` works in its place, and
// alone compiles under Embedded Swift (6.3).
#if hasFeature(Embedded)
  /// A threaded handler: CPU, op, and the lazy flags in registers. It ends in a jump to the next op's handler.
  typealias FastHandler = @convention(c) (RawPointer, RawPointer, UInt64, UInt64, UInt32) -> Void
  /// The complete form of an op: flags in the state block, every kind of memory, faults delivered. Returns the
  /// op to go on with.
  typealias SlowHandler = @convention(c) (RawPointer, RawPointer) -> RawPointer
#else
  typealias FastHandler = @convention(thin) (RawPointer, RawPointer, UInt64, UInt64, UInt32) -> Void
  typealias SlowHandler = @convention(thin) (RawPointer, RawPointer) -> RawPointer
#endif

/// Continues with `next` in tail position.
@inline(__always)
func go(_ cpu: RawPointer, _ next: OpPointer, _ flags: LazyFlags) {
  let handler = unsafeBitCast(UInt(truncatingIfNeeded: next.pointee.handler), to: FastHandler.self)
  return handler(cpu, RawPointer(next), flags.result, flags.source, flags.kind)
}

/// Runs the slow form of `op`, then continues threaded. It is the handler of every op without a fast form.
@inline(never)
func missed(_ c: RawPointer, _ o: RawPointer, _ result: UInt64, _ source: UInt64, _ kind: UInt32) {
  let cpu = c.assumingMemoryBound(to: CPUState.self)
  cpu.flags = LazyFlags(result, source, kind)
  let next = cpu.runSlow(OpPointer(bound: o))
  return go(c, next, cpu.flags)
}

/// The fast handler of ops that have only a slow form.
let slowOnly: FastHandler = { c, o, r, s, k in missed(c, o, r, s, k) }

/// The handler of the lookup op, to which slow forms that leave their block lead: the jump cache knows most places.
let lookupHandler: FastHandler = { c, o, r, s, k in
  let cpu = c.assumingMemoryBound(to: CPUState.self)
  let rip = cpu.pointee.rip
  let entry = cpu.pointee.bank + TLB.jumpCacheEntry(rip)
  guard _fastPath(entry.load(as: UInt64.self) == rip ^ cpu.pointee.codeTag), cpu.pointee.budget >= 0,
    cpu.pointee.attention == 0
  else { return missed(c, o, r, s, k) }
  // Where the tag of an empty entry matches, it leads here again.
  let next = entry.load(fromByteOffset: 8, as: RawPointer.self)
  guard _fastPath(next != o) else { return missed(c, o, r, s, k) }
  return go(c, OpPointer(bound: next), LazyFlags(r, s, k))
}

/// Ends threaded execution: the handler of the exit op.
let exitHandler: FastHandler = { c, o, r, s, k in
  c.assumingMemoryBound(to: CPUState.self).flags = LazyFlags(r, s, k)
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Runs one op in its slow form and honours a request for attention after it.
  @inline(__always)
  func runSlow(_ op: OpPointer) -> OpPointer {
    let handlers = pointee.slowHandlers.assumingMemoryBound(to: UInt.self)
    let handler = unsafeBitCast(handlers[Int(op.pointee.form)], to: SlowHandler.self)
    // Devices ask for the time in the middle of a block.
    pointee.currentOp = op
    let next = OpPointer(bound: handler(raw, RawPointer(op)))
    pointee.currentOp = nil
    return _slowPath(pointee.attention != 0) ? attend(op, next) : next
  }

  /// Stops threaded execution at the instruction boundary between `op` and `next`.
  @inline(never)
  func attend(_ op: OpPointer, _ next: OpPointer) -> OpPointer {
    if next == op + 1 && op.pointee.length != 0 {
      // Hints have no ops, so `next` may stand for an instruction further on.
      pointee.budget &-= Int64(op.pointee.count) &+ 1
      pointee.rip = op.nextRIP & instructionPointerMask
      return exitOp
    }
    if next == exitOp || next == lookupOp { return exitOp }
    if next.pointee.form == Form.linkNear || next.pointee.form == Form.linkFar {
      pointee.rip = UInt64(bitPattern: next.pointee.displacement)
    } else {
      pointee.budget &-= Int64(next.pointee.count)
      pointee.rip = next.rip & instructionPointerMask
    }
    return exitOp
  }

  /// Runs threaded code from `op` until the exit op.
  @inline(never)
  func runThreaded(_ op: OpPointer) {
    #if DEBUG
      // Without optimisation a tail call is a call, so the slow forms run in a loop instead.
      var next = op
      while next != exitOp { next = runSlow(next) }
    #else
      let flags = flags
      go(raw, op, flags)
    #endif
  }
}

// What the stamps are made of.

@inline(__always) func cpu(_ c: RawPointer) -> CPU { c.assumingMemoryBound(to: CPUState.self) }
@inline(__always) func op(_ o: RawPointer) -> OpPointer { OpPointer(bound: o) }

/// A slow function that goes on with the next op.
@inline(__always)
func cold(
  _ c: RawPointer, _ o: RawPointer, _ body: (CPU, OpPointer) throws(Exit) -> Void
) -> RawPointer {
  let cpu = cpu(c)
  let op = op(o)
  do throws(Exit) {
    try body(cpu, op)
    return o + MemoryLayout<DecodedOp>.stride
  } catch {
    return RawPointer(cpu.deliverFault(op))
  }
}

/// A slow function that tells the op to go on with.
@inline(__always)
func coldJump(
  _ c: RawPointer, _ o: RawPointer, _ body: (CPU, OpPointer) throws(Exit) -> OpPointer
) -> RawPointer {
  let cpu = cpu(c)
  let op = op(o)
  do throws(Exit) {
    return RawPointer(try body(cpu, op))
  } catch {
    return RawPointer(cpu.deliverFault(op))
  }
}

/// The slow form of a hot body.
@inline(__always)
func hot(
  _ c: RawPointer, _ o: RawPointer,
  _ body: (CPU, OpPointer, inout LazyFlags) throws(Exit) -> OpPointer
) -> RawPointer {
  let cpu = cpu(c)
  let op = op(o)
  var flags = cpu.flags
  do throws(Exit) {
    let next = try body(cpu, op, &flags)
    cpu.flags = flags
    return RawPointer(next)
  } catch {
    return RawPointer(cpu.deliverFault(op))
  }
}
