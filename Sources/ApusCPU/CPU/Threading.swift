/// A threaded handler: CPU, op, and the lazy flags in registers. It ends in a jump to the next op's handler.
/// `@convention(c)` closures compile to one function with the body inlined, and tables of them to static
/// data.
typealias FastHandler = @convention(c) (RawPointer, RawPointer, UInt64, UInt64, UInt32) -> Void

/// The complete form of an op: flags in the state block, every kind of memory, faults delivered. Returns the
/// op to go on with.
typealias SlowHandler = @convention(c) (RawPointer, RawPointer) -> RawPointer

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
    let next = OpPointer(bound: handler(raw, RawPointer(op)))
    return _slowPath(pointee.attention != 0) ? attend(next) : next
  }

  /// Stops threaded execution at the instruction boundary before `next`.
  @inline(never)
  func attend(_ next: OpPointer) -> OpPointer {
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

  /// The outcome of a slow function that goes on with the next op.
  @inline(__always)
  func slow(_ o: RawPointer, _ body: (OpPointer) throws(Exit) -> Void) -> RawPointer {
    let op = OpPointer(bound: o)
    do throws(Exit) {
      try body(op)
      return RawPointer(op + 1)
    } catch {
      return RawPointer(deliverFault(op))
    }
  }

  /// The outcome of a slow function that tells the op to go on with.
  @inline(__always)
  func slowJump(_ o: RawPointer, _ body: (OpPointer) throws(Exit) -> OpPointer) -> RawPointer {
    let op = OpPointer(bound: o)
    do throws(Exit) {
      return RawPointer(try body(op))
    } catch {
      return RawPointer(deliverFault(op))
    }
  }

  /// The outcome of the slow form of a hot body.
  @inline(__always)
  func slowBody(
    _ o: RawPointer, _ body: (OpPointer, inout LazyFlags) throws(Exit) -> OpPointer
  ) -> RawPointer {
    let op = OpPointer(bound: o)
    var flags = flags
    do throws(Exit) {
      let next = try body(op, &flags)
      self.flags = flags
      return RawPointer(next)
    } catch {
      return RawPointer(deliverFault(op))
    }
  }
}
