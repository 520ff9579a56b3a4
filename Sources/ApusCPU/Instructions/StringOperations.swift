// SDM Vol. 1 ch. 5, "String Instructions"; Vol. 2, `REP`/`REPE`/`REPZ`/`REPNE`/`REPNZ`.
//
// A repeated instruction runs in chunks that leave the registers as they are after the last element: the run
// loop may deliver interrupts between chunks, with RIP still at the instruction. A chunk takes one tick of
// virtual time and ends with a page of either side, or after one element while single-stepping. Elements that
// go one by one (devices, ROM, armed data breakpoints) take a tick each, however they are cut into chunks, so
// that a guest that fills a device's memory is held to its time like any other.

/// One side of a string instruction at its present element.
private struct StringSide {
  let segment: Int
  let offset: UInt64
  let access: UInt32
}

extension UnsafeMutablePointer where Pointee == CPUState {
  @inline(__always)
  private var isStringDown: Bool { pointee.systemFlags & RFLAGS.DF != 0 }

  /// The rSI side: any segment.
  @inline(__always)
  private func stringSource(_ op: OpPointer) -> StringSide {
    StringSide(
      segment: op.pointee.segmentIndex, offset: self[.rsi] & op.pointee.addressMask, access: Access.read)
  }

  /// The rDI side: always ES, which is flat in 64-bit mode.
  @inline(__always)
  private func stringDestination(_ op: OpPointer, _ access: UInt32) -> StringSide {
    let name = is64Bit ? SegmentName.flat : SegmentName.es
    return StringSide(
      segment: Int(name.rawValue), offset: self[.rdi] & op.pointee.addressMask, access: access)
  }

  /// Moves an index register past `count` elements of `size` bytes.
  @inline(__always)
  private func advance(_ register: GPR, _ op: OpPointer, _ count: UInt64, _ size: Int) {
    let distance = count &* UInt64(size)
    let old = self[register]
    setIndex(register, isStringDown ? old &- distance : old &+ distance, op.pointee.addressMask)
  }

  /// Elements from the present one on that lie in one page and within the segment's limits and the address
  /// size; 0 if the present one does not.
  @inline(__always)
  private func run(_ side: StringSide, _ op: OpPointer, _ size: UInt64) -> UInt64 {
    let segment = segment(at: side.segment)
    let isWrite = side.access & Access.write != 0
    let low = isWrite ? segment.pointee.writeLow : segment.pointee.readLow
    let high = min(isWrite ? segment.pointee.writeHigh : segment.pointee.readHigh, op.pointee.addressMask)
    let last = size - 1
    guard side.offset >= low, high >= last, side.offset <= high - last else { return 0 }
    let inPage = (side.offset &+ segment.pointee.base) & 0xFFF
    guard inPage + size <= 4096 else { return 0 }
    if isStringDown { return min(side.offset - low, inPage) / size + 1 }
    return min(high - last - side.offset, 4096 - size - inPage) / size + 1
  }

  /// The linear address of the present element, checked.
  @inline(__always)
  private func stringLinear(_ side: StringSide, _ size: Int) throws(Exit) -> UInt64 {
    try linearAddress(side.segment, side.offset, size, side.access)
  }

  /// Host memory for `count` elements that `run` allows: the address of the lowest.
  @inline(__always)
  private func stringPointer(
    _ side: StringSide, _ count: UInt64, _ size: Int
  ) throws(Exit) -> RawPointer? {
    let linear = try stringLinear(side, size)
    let low = isStringDown ? linear &- (count - 1) &* UInt64(size) : linear
    return try runPointer(linear, low: low, Int(truncatingIfNeeded: count) * size, side.access)
  }

  /// The most elements the next chunk may have: all that remain, or one while single-stepping.
  @inline(__always)
  private func chunkLimit(_ op: OpPointer) -> UInt64 {
    let count = self[.rcx] & op.pointee.addressMask
    return pointee.systemFlags & RFLAGS.TF != 0 ? min(count, 1) : count
  }

  /// Takes `done` elements off the counter.
  @inline(__always)
  private func countDown(_ op: OpPointer, _ done: UInt64) {
    setCounter((self[.rcx] & op.pointee.addressMask) &- done, op.pointee.addressMask)
  }

  /// Goes on after a chunk: with the next instruction if nothing remains (or `isOver`), else with this one
  /// again. RF is set between iterations, so that the image an event pushes has it (SDM Vol. 3,
  /// "Instruction-Breakpoint Exception Condition"); the image of a single-step trap has it on AMD's processors only
  /// if it was set before.
  func continueString(_ op: OpPointer, isOver: Bool = false) -> OpPointer {
    if isOver || self[.rcx] & op.pointee.addressMask == 0 {
      pointee.systemFlags &= ~RFLAGS.RF
      return op + 1
    }
    let isStep = pointee.systemFlags & RFLAGS.TF != 0
    if !isStep || pointee.isIntel || pointee.hadRF { pointee.systemFlags |= RFLAGS.RF }
    pointee.budget &-= 1
    if pointee.budget < 0 {
      pointee.budget &-= Int64(op.pointee.count)
      pointee.rip = op.rip & instructionPointerMask
      return exitOp
    }
    return op
  }

  /// Runs `body`, one element, until the string or the time is over or something wants attention.
  @inline(__always)
  private func eachElement(
    _ op: OpPointer, _ limit: UInt64, _ body: () throws(Exit) -> Bool
  ) throws(Exit) -> OpPointer {
    var rest = limit
    while true {
      let isOver = try body()
      countDown(op, 1)
      rest -= 1
      if isOver { return continueString(op, isOver: true) }
      if rest == 0 || pointee.attention != 0 || pointee.budget <= Int64(op.pointee.count) { break }
      pointee.budget &-= 1
    }
    return continueString(op)
  }

  /// Whether somebody wants to see each element of a run.
  @inline(__always)
  private func isTold(_ first: StringSide, _ second: StringSide) -> Bool {
    guard _slowPath(!pointee.hooks.isDisjoint(with: .accesses)) else { return false }
    return isTold(first) || isTold(second)
  }

  private func isTold(_ side: StringSide) -> Bool {
    let linear = (side.offset &+ segment(at: side.segment).pointee.base) & pointee.linearMask
    return !pointee.hooks.isDisjoint(with: .accesses) && isObserved(linear & ~0xFFF)
  }

  /// Runs `body`, one element, for each of a chunk that somebody wants to see: in one tick, as without them.
  @inline(never)
  private func tellElements(
    _ op: OpPointer, _ count: UInt64, _ body: () throws(Exit) -> Bool
  ) throws(Exit) -> OpPointer {
    for _ in 0..<count {
      let isOver = try body()
      countDown(op, 1)
      if isOver { return continueString(op, isOver: true) }
    }
    return continueString(op)
  }

  // MARK: MOVS

  func MOVS<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let size = MemoryLayout<T>.size
    if op.pointee.source == 0 {
      try moveElement(op, T.self)
      return op + 1
    }
    let limit = chunkLimit(op)
    if limit == 0 { return continueString(op) }
    let source = stringSource(op)
    let destination = stringDestination(op, Access.write)
    let count = min(limit, run(source, op, UInt64(size)), run(destination, op, UInt64(size)))
    if count > 0, let from = try stringPointer(source, count, size),
      let to = try stringPointer(destination, count, size)
    {
      if isTold(source, destination) {
        return try tellElements(op, count) { () throws(Exit) in
          try moveElement(op, T.self)
          return false
        }
      }
      moveRun(from, to, Int(truncatingIfNeeded: count), T.self)
      advance(.rsi, op, count, size)
      advance(.rdi, op, count, size)
      countDown(op, count)
      return continueString(op)
    }
    return try eachElement(op, max(count, 1)) { () throws(Exit) in
      try moveElement(op, T.self)
      return false
    }
  }

  /// One element. Both sides are translated before a device sees the read.
  @inline(never)
  private func moveElement<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let size = MemoryLayout<T>.size
    let from = try stringLinear(stringSource(op), size)
    try verify(from, size, Access.read)
    let to = try stringLinear(stringDestination(op, Access.write), size)
    try verify(to, size, Access.write)
    try Slow.store(self, to, try Slow.load(self, from, T.self))
    advance(.rsi, op, 1, size)
    advance(.rdi, op, 1, size)
  }

  /// Copies `count` elements, as if one after another in the direction of DF: where the ranges overlap so
  /// that an element read was written before, the copy repeats a pattern.
  @inline(__always)
  private func moveRun<T: OperandWidth>(_ from: RawPointer, _ to: RawPointer, _ count: Int, _: T.Type) {
    let size = MemoryLayout<T>.size
    let total = count * size
    let distance = isStringDown ? from - to : to - from
    if distance <= 0 || distance >= total {
      to.copyMemory(from: from, byteCount: total)
    } else if isStringDown {
      var at = total
      while at > 0 {
        at -= size
        (to + at).storeUnaligned((from + at).loadUnaligned(as: T.self))
      }
    } else if distance < size {
      var at = 0
      while at < total {
        (to + at).storeUnaligned((from + at).loadUnaligned(as: T.self))
        at += size
      }
    } else {
      // The result has the period `distance`; each round doubles what is known of it.
      var done = 0
      while done < total {
        let piece = min(distance + done, total - done)
        (to + done).copyMemory(from: from, byteCount: piece)
        done += piece
      }
    }
  }

  // MARK: STOS

  func STOS<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let size = MemoryLayout<T>.size
    let value: T = register(GPR.rax.slot)
    if op.pointee.source == 0 {
      try storeElement(op, value)
      return op + 1
    }
    let limit = chunkLimit(op)
    if limit == 0 { return continueString(op) }
    let destination = stringDestination(op, Access.write)
    let count = min(limit, run(destination, op, UInt64(size)))
    if count > 0, let to = try stringPointer(destination, count, size) {
      if isTold(destination) {
        return try tellElements(op, count) { () throws(Exit) in
          try storeElement(op, value)
          return false
        }
      }
      FastRepeat.fill(to, Int(truncatingIfNeeded: count) &* size, value)
      advance(.rdi, op, count, size)
      countDown(op, count)
      return continueString(op)
    }
    return try eachElement(op, max(count, 1)) { () throws(Exit) in
      try storeElement(op, value)
      return false
    }
  }

  @inline(__always)
  private func storeElement<T: OperandWidth>(_ op: OpPointer, _ value: T) throws(Exit) {
    let size = MemoryLayout<T>.size
    try Slow.store(self, try stringLinear(stringDestination(op, Access.write), size), value)
    advance(.rdi, op, 1, size)
  }

  // MARK: LODS

  func LODS<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let size = MemoryLayout<T>.size
    if op.pointee.source == 0 {
      try loadElement(op, T.self)
      return op + 1
    }
    let limit = chunkLimit(op)
    if limit == 0 { return continueString(op) }
    let source = stringSource(op)
    let count = min(limit, run(source, op, UInt64(size)))
    if count > 0, let from = try stringPointer(source, count, size) {
      if isTold(source) {
        return try tellElements(op, count) { () throws(Exit) in
          try loadElement(op, T.self)
          return false
        }
      }
      // Only the last element is left to see.
      let last = isStringDown ? 0 : (Int(truncatingIfNeeded: count) - 1) * size
      setRegister(GPR.rax.slot, (from + last).loadUnaligned(as: T.self))
      advance(.rsi, op, count, size)
      countDown(op, count)
      return continueString(op)
    }
    return try eachElement(op, max(count, 1)) { () throws(Exit) in
      try loadElement(op, T.self)
      return false
    }
  }

  @inline(__always)
  private func loadElement<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let size = MemoryLayout<T>.size
    let value = try Slow.load(self, try stringLinear(stringSource(op), size), T.self)
    setRegister(GPR.rax.slot, value)
    advance(.rsi, op, 1, size)
  }

  // MARK: SCAS, CMPS

  /// `REPNE` ends after an equal element, `REPE` after an unequal one.
  @inline(__always)
  private func stopsOnEqual(_ op: OpPointer) -> Bool { op.pointee.source == 2 }

  func SCAS<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let size = MemoryLayout<T>.size
    let value: T = register(GPR.rax.slot)
    if op.pointee.source == 0 {
      _ = try scanElement(op, value)
      return op + 1
    }
    let limit = chunkLimit(op)
    if limit == 0 { return continueString(op) }
    let destination = stringDestination(op, Access.read)
    let stopsOnEqual = stopsOnEqual(op)
    let count = min(limit, run(destination, op, UInt64(size)))
    if count > 0, let at = try stringPointer(destination, count, size) {
      if isTold(destination) {
        return try tellElements(op, count) { () throws(Exit) in
          try scanElement(op, value) == stopsOnEqual
        }
      }
      let elements = Int(truncatingIfNeeded: count)
      let done = scanRun(at, elements, value, stopsOnEqual: stopsOnEqual)
      let last = isStringDown ? elements - done : done - 1
      let b = (at + last &* size).loadUnaligned(as: T.self)
      setComparison(value, b)
      advance(.rdi, op, UInt64(done), size)
      countDown(op, UInt64(done))
      return continueString(op, isOver: (value == b) == stopsOnEqual)
    }
    return try eachElement(op, max(count, 1)) { () throws(Exit) in
      try scanElement(op, value) == stopsOnEqual
    }
  }

  @inline(__always)
  private func scanElement<T: OperandWidth>(_ op: OpPointer, _ value: T) throws(Exit) -> Bool {
    let size = MemoryLayout<T>.size
    let b = try Slow.load(self, try stringLinear(stringDestination(op, Access.read), size), T.self)
    setComparison(value, b)
    advance(.rdi, op, 1, size)
    return value == b
  }

  /// How many elements `SCAS` looks at: up to the first whose equality with `value` ends it.
  @inline(__always)
  private func scanRun<T: OperandWidth>(
    _ at: RawPointer, _ count: Int, _ value: T, stopsOnEqual: Bool
  ) -> Int {
    let size = MemoryLayout<T>.size
    var done = 0
    if !isStringDown {
      // Eight bytes at a time while none of their elements ends the scan.
      let pattern = repeated(value)
      let lowBits = repeated(T(1))
      let highBits = lowBits &<< UInt64(T.bitWidth - 1)
      let step = 8 / size
      while done &+ step <= count {
        let difference = (at + done &* size).loadUnaligned(as: UInt64.self) ^ pattern
        let hasEqual = (difference &- lowBits) & ~difference & highBits != 0
        if stopsOnEqual ? hasEqual : difference != 0 { break }
        done &+= step
      }
    }
    while done < count {
      let index = isStringDown ? count &- 1 &- done : done
      done &+= 1
      if ((at + index &* size).loadUnaligned(as: T.self) == value) == stopsOnEqual { break }
    }
    return done
  }

  func CMPS<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let size = MemoryLayout<T>.size
    if op.pointee.source == 0 {
      _ = try compareElement(op, T.self)
      return op + 1
    }
    let limit = chunkLimit(op)
    if limit == 0 { return continueString(op) }
    let source = stringSource(op)
    let destination = stringDestination(op, Access.read)
    let stopsOnEqual = stopsOnEqual(op)
    let count = min(limit, run(source, op, UInt64(size)), run(destination, op, UInt64(size)))
    // Processors look at the rDI side first.
    if count > 0, let second = try stringPointer(destination, count, size),
      let first = try stringPointer(source, count, size)
    {
      if isTold(source, destination) {
        return try tellElements(op, count) { () throws(Exit) in
          try compareElement(op, T.self) == stopsOnEqual
        }
      }
      let elements = Int(truncatingIfNeeded: count)
      let done = compareRun(first, second, elements, T.self, stopsOnEqual: stopsOnEqual)
      let last = (isStringDown ? elements - done : done - 1) &* size
      let a = (first + last).loadUnaligned(as: T.self)
      let b = (second + last).loadUnaligned(as: T.self)
      setComparison(a, b)
      advance(.rsi, op, UInt64(done), size)
      advance(.rdi, op, UInt64(done), size)
      countDown(op, UInt64(done))
      return continueString(op, isOver: (a == b) == stopsOnEqual)
    }
    return try eachElement(op, max(count, 1)) { () throws(Exit) in
      try compareElement(op, T.self) == stopsOnEqual
    }
  }

  @inline(never)
  private func compareElement<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> Bool {
    let size = MemoryLayout<T>.size
    let to = try stringLinear(stringDestination(op, Access.read), size)
    try verify(to, size, Access.read)
    let from = try stringLinear(stringSource(op), size)
    try verify(from, size, Access.read)
    let a = try Slow.load(self, from, T.self)
    let b = try Slow.load(self, to, T.self)
    setComparison(a, b)
    advance(.rsi, op, 1, size)
    advance(.rdi, op, 1, size)
    return a == b
  }

  @inline(__always)
  private func compareRun<T: OperandWidth>(
    _ first: RawPointer, _ second: RawPointer, _ count: Int, _: T.Type, stopsOnEqual: Bool
  ) -> Int {
    let size = MemoryLayout<T>.size
    var done = 0
    if !isStringDown && !stopsOnEqual {
      let step = 8 / size
      while done &+ step <= count {
        let at = done &* size
        let a = (first + at).loadUnaligned(as: UInt64.self)
        if a != (second + at).loadUnaligned(as: UInt64.self) { break }
        done &+= step
      }
    }
    while done < count {
      let at = (isStringDown ? count &- 1 &- done : done) &* size
      done &+= 1
      let a = (first + at).loadUnaligned(as: T.self)
      if (a == (second + at).loadUnaligned(as: T.self)) == stopsOnEqual { break }
    }
    return done
  }

  /// The flags of `CMP a, b`.
  @inline(__always)
  private func setComparison<T: OperandWidth>(_ a: T, _ b: T) {
    var flags = flags
    _ = CMP.apply(a, b, &flags)
    self.flags = flags
  }

  // MARK: INS, OUTS

  /// `INS`: the destination is checked before the port is read. A repeated one makes one access per tick.
  func INS<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let isRepeated = op.pointee.source != 0
    let port: UInt16 = register(GPR.rdx.slot)
    // Permission counts even if the counter is zero.
    try checkPortAccess(port, portWidth(T.self))
    if isRepeated && self[.rcx] & op.pointee.addressMask == 0 { return continueString(op) }
    // There is no 64-bit form: REX.W leaves the operand at 32 bits (SDM Vol. 2, `INS`).
    if T.self == UInt64.self {
      try inputElement(op, port, UInt32.self)
    } else {
      try inputElement(op, port, T.self)
    }
    guard isRepeated else { return op + 1 }
    countDown(op, 1)
    return continueString(op)
  }

  private func inputElement<T: OperandWidth>(
    _ op: OpPointer, _ port: UInt16, _: T.Type
  ) throws(Exit) {
    let size = MemoryLayout<T>.size
    let linear = try stringLinear(stringDestination(op, Access.write), size)
    try verify(linear, size, Access.write)
    try Slow.store(self, linear, T(truncatingIfNeeded: readPort(port, size)))
    advance(.rdi, op, 1, size)
  }

  func OUTS<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) -> OpPointer {
    let isRepeated = op.pointee.source != 0
    let port: UInt16 = register(GPR.rdx.slot)
    // Permission counts even if the counter is zero.
    try checkPortAccess(port, portWidth(T.self))
    if isRepeated && self[.rcx] & op.pointee.addressMask == 0 { return continueString(op) }
    if T.self == UInt64.self {
      try outputElement(op, port, UInt32.self)
    } else {
      try outputElement(op, port, T.self)
    }
    guard isRepeated else { return op + 1 }
    countDown(op, 1)
    return continueString(op)
  }

  private func outputElement<T: OperandWidth>(
    _ op: OpPointer, _ port: UInt16, _: T.Type
  ) throws(Exit) {
    let size = MemoryLayout<T>.size
    let value = try Slow.load(self, try stringLinear(stringSource(op), size), T.self)
    writePort(port, UInt32(truncatingIfNeeded: value), size)
    advance(.rsi, op, 1, size)
  }
}
