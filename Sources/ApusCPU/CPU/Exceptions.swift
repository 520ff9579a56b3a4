/// Exception vectors (SDM Vol. 3, "Exception and Interrupt Vectors").
enum Vector: UInt8 {
  case DE = 0
  case DB = 1
  case NMI = 2
  case BP = 3
  case OF = 4
  case BR = 5
  case UD = 6
  case NM = 7
  case DF = 8
  case TS = 10
  case NP = 11
  case SS = 12
  case GP = 13
  case PF = 14
  case MF = 16
  case AC = 17
  case MC = 18
  case XM = 19

  /// Whether the processor pushes an error code in protected mode.
  static func hasErrorCode(_ vector: UInt8) -> Bool {
    switch vector {
    case 8, 10, 11, 12, 13, 14, 17, 21: return true
    default: return false
    }
  }

  /// The classes that make a double fault (SDM Vol. 3, "Interrupt 8 — Double Fault Exception").
  static func isContributory(_ vector: UInt8) -> Bool { vector == 0 || (vector >= 10 && vector <= 13) }
}

/// Where an event comes from, which decides privilege checks, the saved RF and the EXT bit.
package enum EventSource: Sendable {
  /// A fault: RIP is that of the instruction, RF is set in the saved image.
  case fault
  /// A trap the processor raised after an instruction (#DB), or `INT1`: no DPL check.
  case trap
  /// `INT n`, `INT3`, `INTO`: the gate's DPL counts.
  case software
  /// INTR or NMI.
  case external
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Records a fault of the present instruction, with the check that failed; throw the result.
  func fault(_ vector: Vector, _ code: UInt32, _ rule: Rule) -> Exit {
    pointee.faultVector = vector.rawValue
    pointee.faultCode = code
    pointee.faultRule = rule
    return Exit()
  }

  /// Records a fault whose error code is 0, or that has none.
  func fault(_ vector: Vector, _ rule: Rule) -> Exit { fault(vector, 0, rule) }

  /// Records the fault of an op that the decoder made for bytes which are no instruction; it holds the rule.
  func decodedFault(_ vector: Vector, _ op: OpPointer) -> Exit {
    fault(vector, Rule(rawValue: UInt8(truncatingIfNeeded: op.pointee.immediate)) ?? .opcodeUndefined)
  }

  /// Stops the processor at an instruction that is defined but not implemented; throw the result.
  func unimplemented(_ op: OpPointer) -> Exit {
    pointee.stop = .unimplemented
    pointee.stopDetail = op.rip
    return Exit()
  }

  /// Records a fault whose error code names a selector, with the EXT bit if an event is being delivered.
  func fault(_ vector: Vector, selector: UInt16, _ rule: Rule) -> Exit {
    fault(vector, UInt32(selector & 0xFFFC) | (pointee.isDelivering ? 1 : 0), rule)
  }

  /// Completes the error code of a fault met while a frame was pushed: #SS for a frame that does not fit names
  /// the new stack's segment if the stack was `switched` (SDM Vol. 2, `CALL`, `INT n`, "#SS(selector)").
  func nameStackFault(switched: Bool) {
    guard pointee.faultVector == Vector.SS.rawValue, pointee.faultCode == 0 else { return }
    _ = fault(.SS, selector: switched ? segment(.ss).pointee.selector : 0, pointee.faultRule)
  }

  /// Puts #DB in the place of the recorded fault if the part of the instruction that is done has a trap pending: a
  /// data breakpoint or a single step. The instruction is not done, so a single step leaves RF as it was.
  func preferTrap() {
    let step = pointee.systemFlags & RFLAGS.TF != 0 ? DR6.BS : 0
    guard pointee.pendingDebug | step != 0 else { return }
    pointee.isFaultTrap = true
    if step != 0 && pointee.hadRF { pointee.systemFlags |= RFLAGS.RF }
    raiseDebugTrap(pointee.pendingDebug | step)
  }

  /// Delivers the recorded fault of `op` with everything before it retired. Returns the op to go on with.
  @inline(never)
  func deliverFault(_ op: OpPointer) -> OpPointer {
    pointee.bounceSize = 0
    // Data breakpoints of an instruction that faults are met again when it is restarted.
    pointee.pendingDebug = 0
    pointee.budget &-= Int64(op.pointee.count)
    pointee.currentOp = nil
    pointee.rip = op.rip
    if pointee.stop != .none { return exitOp }
    let source = pointee.isFaultTrap ? EventSource.trap : .fault
    pointee.isFaultTrap = false
    deliverException(source)
    return pointee.stop == .none && pointee.budget >= 0 ? lookupOp : exitOp
  }

  /// Delivers the recorded fault at RIP, turning faults on the way into double and triple faults. It counts as
  /// one instruction: a handler whose first instruction faults retires nothing, and time must pass all the
  /// same for deadlines, limits and signals to end it. `first` is `.trap` for #DB from a breakpoint or a
  /// single step; that of general detect is a fault.
  func deliverException(_ first: EventSource = .fault) {
    pointee.budget &-= 1
    pointee.suppressStepTrap = true
    processor.isRaising = true
    defer { processor.isRaising = false }
    var vector = pointee.faultVector
    var code = pointee.faultCode
    var source = first
    // Each round ends delivery, or moves up: fault, double fault, shutdown; a serial pair stays below.
    for _ in 0..<8 {
      if _slowPath(pointee.hooks.contains(.faults)) { tellFault(vector, code) }
      do throws(Exit) {
        try deliver(vector, code: Vector.hasErrorCode(vector) ? code : nil, source)
        return
      } catch {
        if pointee.stop != .none { return }
        let second = pointee.faultVector
        noteNested(vector, code)
        if vector == Vector.DF.rawValue {
          if pointee.hooks.contains(.faults) { tellFault(second, pointee.faultCode) }
          pointee.stop = .tripleFault
          return
        }
        let firstIsPageFault = vector == Vector.PF.rawValue
        let secondIsPageFault = second == Vector.PF.rawValue
        if (Vector.isContributory(vector) && Vector.isContributory(second))
          || (firstIsPageFault && (Vector.isContributory(second) || secondIsPageFault))
        {
          if pointee.hooks.contains(.faults) { tellFault(second, pointee.faultCode) }
          vector = Vector.DF.rawValue
          code = 0
          pointee.faultRule = .doubleFault
        } else {
          vector = second
          code = pointee.faultCode
        }
        source = .fault
      }
    }
    pointee.stop = .tripleFault
  }

  /// Remembers for the report of a triple fault what failed on the way to it.
  private func noteNested(_ vector: UInt8, _ code: UInt32) {
    let time = processor.instructions
    if processor.nestedFaults.time != time { processor.nestedFaults = (time, []) }
    let fault = Fault(
      vector: pointee.faultVector, code: pointee.faultCode, rule: pointee.faultRule, address: pointee.cr2)
    processor.nestedFaults.chain.append((delivered: vector, raised: fault))
  }

  private func tellFault(_ vector: UInt8, _ code: UInt32) {
    tell(.fault(Fault(vector: vector, code: code, rule: pointee.faultRule, address: pointee.cr2)))
  }

  /// Delivers an event through the IVT or IDT. Nothing has changed if it throws.
  func deliver(_ vector: UInt8, code: UInt32?, _ source: EventSource) throws(Exit) {
    pointee.isDelivering = source != .software
    pointee.suppressStepTrap = true
    if pointee.isProfiling { processor.profiler?.note(vector, source) }
    let isObserved = !pointee.hooks.isEmpty
    if _slowPath(isObserved) { keepPlace() }
    defer {
      pointee.isDelivering = false
      if _slowPath(isObserved) { forgetPlace() }
    }
    let isTold = pointee.hooks.contains(.deliveries)
    if _slowPath(isTold) { tellNow(.delivery(Delivery(vector: vector, source: source, code: code))) }
    if isLongMode {
      try deliverLong(vector, code, source)
    } else if isProtected {
      try deliverProtected(vector, code, source)
    } else {
      try deliverReal(vector, source)
    }
    pointee.monitorArmed = false
    // Debug registers are open to the handler (SDM Vol. 3, "Debug Control Register (DR7)", GD).
    if vector == Vector.DB.rawValue && source != .software { pointee.dr7 &= ~DR7.GD }
    if vector == Vector.NMI.rawValue && source == .external { pointee.nmiBlocked = true }
    if _slowPath(isTold) {
      tellNow(
        .delivered(
          TransferTarget(
            selector: segment(.cs).pointee.selector, rip: pointee.rip, linear: codeLinear(pointee.rip),
            cpl: pointee.cpl)))
    }
  }

  func tellGate(_ linear: UInt64, _ gate: Descriptor) {
    tell(.gate(GateRead(linear: linear, low: gate.low, high: gate.high, mode: mode)))
  }

  /// RFLAGS as an event pushes it.
  func eventFlags(_ source: EventSource) -> UInt64 {
    let image = rflags & ~RFLAGS.RF
    // Faults are restartable: RF keeps an instruction breakpoint from firing again (SDM Vol. 3,
    // "Instruction-Breakpoint Exception Condition").
    if source == .fault { return image | RFLAGS.RF }
    return image | (rflags & RFLAGS.RF)
  }

  /// Real-address mode (SDM Vol. 3, "Interrupt and Exception Handling" under "Real-Address Mode").
  private func deliverReal(_ vector: UInt8, _ source: EventSource) throws(Exit) {
    let at = UInt64(vector) * 4
    guard at + 3 <= UInt64(pointee.idtr.limit) else { throw fault(.GP, .gateBeyondTable) }
    let linear = (pointee.idtr.base &+ at) & 0xFFFF_FFFF
    let offset: UInt16 = try loadSystem(linear)
    let selector: UInt16 = try loadSystem(linear &+ 2)
    if pointee.hooks.contains(.deliveries) {
      tellGate(linear, Descriptor(low: UInt64(selector) << 16 | UInt64(offset)))
    }
    let old = self[.rsp]
    let image = UInt16(truncatingIfNeeded: rflags)
    do throws(Exit) {
      try push(image)
      try push(segment(.cs).pointee.selector)
      try push(UInt16(truncatingIfNeeded: pointee.rip))
    } catch {
      self[.rsp] = old
      throw error
    }
    pointee.systemFlags &= ~(RFLAGS.IF | RFLAGS.TF | RFLAGS.AC | RFLAGS.RF)
    loadRealSegment(.cs, selector)
    pointee.rip = UInt64(offset)
    privilegeOrModeChanged()
  }
}
