// SDM Vol. 1 ch. 5, "I/O Instructions", and ch. "Input/Output". `INS` and `OUTS` are in StringOperations.swift.

enum PortTiming {
  /// Nanoseconds of virtual time for an access to a port, beside that of the instruction.
  static let access: UInt64 = 500
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Bytes of a port access: 4 at most, whatever REX.W says.
  @inline(__always)
  func portWidth<T: OperandWidth>(_: T.Type) -> Int { min(MemoryLayout<T>.size, 4) }

  func IN<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let port = portNumber(op)
    let width = portWidth(T.self)
    try checkPortAccess(port, width)
    let value = readPort(port, width)
    if width == 4 {
      setRegister(GPR.rax.slot, value)
    } else {
      setRegister(GPR.rax.slot, T(truncatingIfNeeded: value))
    }
  }

  func OUT<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    let port = portNumber(op)
    let width = portWidth(T.self)
    try checkPortAccess(port, width)
    writePort(port, UInt32(truncatingIfNeeded: register(GPR.rax.slot, T.self)), width)
  }

  /// The immediate, or DX where the op has -1.
  private func portNumber(_ op: OpPointer) -> UInt16 {
    op.pointee.immediate < 0
      ? register(GPR.rdx.slot) : UInt16(truncatingIfNeeded: op.pointee.immediate)
  }

  func readPort(_ port: UInt16, _ width: Int) -> UInt32 {
    notePortBreakpoint(port, width)
    let value = processor.bus.readPort(port, width: width)
    if pointee.hooks.contains(.ports) { tellPort(port, width, value, isWrite: false) }
    waitForPort()
    return value
  }

  func writePort(_ port: UInt16, _ value: UInt32, _ width: Int) {
    notePortBreakpoint(port, width)
    if pointee.hooks.contains(.ports) { tellPort(port, width, value, isWrite: true) }
    processor.bus.writePort(port, value, width: width)
    waitForPort()
  }

  @inline(never)
  private func tellPort(_ port: UInt16, _ width: Int, _ value: UInt32, isWrite: Bool) {
    tell(.port(PortAccess(port: port, width: UInt8(width), isWrite: isWrite, value: value)))
  }

  /// Passes the time that an access to a port takes: half a microsecond, about what it is on the ISA bus
  /// (IEEE P996, "I/O cycles"), and far more than an instruction. Guests measure time by such accesses (port 80h)
  /// and wait in loops of them. What is due by then comes right after the instruction, whatever block it is in.
  private func waitForPort() {
    pointee.idle &+= PortTiming.access
    pointee.budget &-= Int64(PortTiming.access)
    if pointee.budget < 0 { pointee.attention = 1 }
  }

  /// Whether the present privilege may use `width` ports from `port` on: #GP(0) if not (SDM Vol. 1,
  /// "I/O Privilege Level", "I/O Permission Bit Map").
  func checkPortAccess(_ port: UInt16, _ width: Int) throws(Exit) {
    guard isProtected, isVirtual8086 || pointee.cpl > iopl else { return }
    // A 16-bit TSS has no map.
    guard !pointee.tr.isNull, pointee.tr.attributes & 8 != 0, pointee.tr.limit >= 0x67 else {
      throw fault(.GP, .portPermission)
    }
    let base: UInt16 = try loadSystem(pointee.tr.base &+ 0x66)
    let at = UInt64(base) + UInt64(port >> 3)
    // Two bytes are always read, so that an access may straddle bytes of the map.
    guard at + 1 <= UInt64(pointee.tr.limit) else { throw fault(.GP, .portPermission) }
    let bits: UInt16 = try loadSystem(pointee.tr.base &+ at)
    let wanted = UInt16((1 << width) - 1)
    guard (bits >> (port & 7)) & wanted == 0 else { throw fault(.GP, .portPermission) }
  }

  /// I/O breakpoints: R/W = 10b with CR4.DE (SDM Vol. 3, "Debug Control Register (DR7)", "Data Memory and I/O
  /// Breakpoint Exception Conditions"). The trap follows the instruction.
  @inline(__always)
  private func notePortBreakpoint(_ port: UInt16, _ width: Int) {
    if _slowPath(pointee.dr7 & 0xFF != 0 && pointee.cr4 & CR4.DE != 0) { matchPortBreakpoints(port, width) }
  }

  @inline(never)
  private func matchPortBreakpoints(_ port: UInt16, _ width: Int) {
    let addresses = (pointee.dr.0, pointee.dr.1, pointee.dr.2, pointee.dr.3)
    matchPortBreakpoint(0, addresses.0, port, width)
    matchPortBreakpoint(1, addresses.1, port, width)
    matchPortBreakpoint(2, addresses.2, port, width)
    matchPortBreakpoint(3, addresses.3, port, width)
  }

  private func matchPortBreakpoint(_ index: UInt64, _ address: UInt64, _ port: UInt16, _ width: Int) {
    guard (pointee.dr7 >> (index * 2)) & 3 != 0 else { return }
    let control = pointee.dr7 >> (16 + index * 4)
    guard control & 3 == 2 else { return }
    // LEN 00, 01, 11: 1, 2, 4 bytes, aligned; 10 means 8 and serves memory only.
    let mask = (control >> 2) & 3
    let first = address & 0xFFFF & ~mask
    let last = first + mask
    guard UInt64(port) <= last, UInt64(port) + UInt64(width) - 1 >= first else { return }
    pointee.pendingDebug |= 1 << index
    pointee.attention = 1
  }
}
