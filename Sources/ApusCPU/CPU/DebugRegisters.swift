// SDM Vol. 3, "Debug Registers", "Debug Exceptions".

/// Bits of DR6.
enum DR6 {
  /// Debug-register access detected (DR7.GD), single step, task switch (the T flag of a TSS).
  static let BD: UInt64 = 1 << 13
  static let BS: UInt64 = 1 << 14
  static let BT: UInt64 = 1 << 15
  static let writable: UInt64 = 0xF | BD | BS | BT
  /// Reserved bits that read as one; bit 11 (bus lock) and bit 16 (RTM) are conditions active low.
  static let fixed: UInt64 = 0xFFFF_0FF0
}

/// Bits of DR7.
enum DR7 {
  static let GD: UInt64 = 1 << 13
  /// The enable bits L0 and G0; those of breakpoint n are 2n higher.
  static let enable: UInt64 = 3
  static let allEnables: UInt64 = 0xFF
  static let localEnables: UInt64 = 0x155
  static let writable: UInt64 = 0xFFFF_23FF
  static let fixed: UInt64 = 1 << 10

  /// R/Wn.
  static func condition(_ dr7: UInt64, _ index: UInt64) -> BreakpointCondition {
    BreakpointCondition(rawValue: UInt8(truncatingIfNeeded: dr7 >> (16 + 4 * index)) & 3) ?? .execute
  }

  /// LENn in bytes: 1, 2, 4 or 8.
  static func length(_ dr7: UInt64, _ index: UInt64) -> UInt64 {
    switch (dr7 >> (18 + 4 * index)) & 3 {
    case 0: return 1
    case 1: return 2
    case 2: return 8
    default: return 4
    }
  }
}

/// R/Wn of DR7; `port` exists while CR4.DE is set.
enum BreakpointCondition: UInt8 {
  case execute, write, port, readWrite
}

extension UnsafeMutablePointer where Pointee == CPUState {
  func debugAddress(_ index: UInt64) -> UInt64 {
    switch index {
    case 0: return pointee.dr.0
    case 1: return pointee.dr.1
    case 2: return pointee.dr.2
    default: return pointee.dr.3
    }
  }

  private func isEnabled(_ index: UInt64) -> Bool {
    pointee.dr7 & (DR7.enable << (2 * index)) != 0
  }

  /// The first byte of the naturally aligned range that data or I/O breakpoint `index` watches.
  private func watchedStart(_ index: UInt64) -> UInt64 {
    debugAddress(index) & ~(DR7.length(pointee.dr7, index) - 1)
  }

  /// Notes data breakpoints that an access of `size` bytes meets; #DB follows the instruction.
  func checkDataBreakpoints(_ linear: UInt64, _ size: Int, _ isWrite: Bool) {
    let last = linear &+ UInt64(size - 1)
    for index in 0..<4 as Range<UInt64> where isEnabled(index) {
      let condition = DR7.condition(pointee.dr7, index)
      guard condition == .readWrite || (condition == .write && isWrite) else { continue }
      let start = watchedStart(index)
      let end = start &+ DR7.length(pointee.dr7, index) - 1
      if start <= last && end >= linear {
        pointee.pendingDebug |= 1 << index
        pointee.attention = 1
      }
    }
  }

  /// Whether a data breakpoint lies in the page at `page`, so that the TLB must not serve it.
  func hasDataBreakpoint(_ page: UInt64) -> Bool {
    for index in 0..<4 as Range<UInt64> where isEnabled(index) {
      let condition = DR7.condition(pointee.dr7, index)
      if condition == .readWrite || condition == .write, debugAddress(index) & ~0xFFF == page {
        return true
      }
    }
    return false
  }

  /// Notes I/O breakpoints that an access of `width` bytes at `port` meets.
  func checkIOBreakpoint(_ port: UInt16, _ width: Int) {
    guard pointee.dr7 & DR7.allEnables != 0, pointee.cr4 & CR4.DE != 0 else { return }
    let first = UInt64(port)
    let last = first + UInt64(width - 1)
    for index in 0..<4 as Range<UInt64> where isEnabled(index) {
      guard DR7.condition(pointee.dr7, index) == .port else { continue }
      let start = watchedStart(index)
      if start <= last && start &+ DR7.length(pointee.dr7, index) - 1 >= first {
        pointee.pendingDebug |= 1 << index
        pointee.attention = 1
      }
    }
  }

  var hasInstructionBreakpoints: Bool {
    guard pointee.dr7 & DR7.allEnables != 0 else { return false }
    for index in 0..<4 as Range<UInt64> where isEnabled(index) {
      if DR7.condition(pointee.dr7, index) == .execute { return true }
    }
    return false
  }

  /// Delivers #DB if an instruction breakpoint is armed at RIP and neither RF nor a load of SS holds it off.
  /// The fault's saved RF is clear: the handler sets it (SDM Vol. 3, "Instruction-Breakpoint Exception
  /// Condition").
  func checkInstructionBreakpoint() -> Bool {
    guard hasInstructionBreakpoints, pointee.systemFlags & RFLAGS.RF == 0 else { return false }
    if pointee.shadowHoldsDebug && pointee.shadowUntil == now && pointee.shadowUntil != 0 { return false }
    let linear = codeLinear(pointee.rip)
    var met: UInt64 = 0
    for index in 0..<4 as Range<UInt64> where isEnabled(index) {
      if DR7.condition(pointee.dr7, index) == .execute, debugAddress(index) == linear { met |= 1 << index }
    }
    guard met != 0 else { return false }
    pointee.dr6 |= met
    _ = fault(.DB, .instructionBreakpoint)
    deliverException(.trap)
    return true
  }

  /// Records #DB for conditions (bits of DR6) that were met. A breakpoint among them says more than a single step.
  func raiseDebugTrap(_ conditions: UInt64) {
    pointee.dr6 |= conditions
    let isStep = conditions & ~DR6.BS == 0
    _ = fault(.DB, isStep ? .singleStep : conditions & DR6.BT != 0 ? .taskTrap : .dataBreakpoint)
  }

  /// `MOV r, DRn`: in 64-bit mode all 64 bits.
  func MOV_RD(_ op: OpPointer) throws(Exit) {
    let value: UInt64
    switch try debugRegisterNumber(op) {
    case 6: value = pointee.dr6
    case 7: value = pointee.dr7
    case let index: value = debugAddress(UInt64(index))
    }
    setControlOperand(op, value)
  }

  /// `MOV DRn, r`.
  func MOV_DR(_ op: OpPointer) throws(Exit) {
    let number = try debugRegisterNumber(op)
    let value = controlOperand(op)
    switch number {
    case 0: pointee.dr.0 = value
    case 1: pointee.dr.1 = value
    case 2: pointee.dr.2 = value
    case 3: pointee.dr.3 = value
    case 6:
      guard value >> 32 == 0 else { throw fault(.GP, .reservedBits) }
      pointee.dr6 = value & DR6.writable | DR6.fixed
    default:
      guard value >> 32 == 0 else { throw fault(.GP, .reservedBits) }
      pointee.dr7 = value & DR7.writable | DR7.fixed
    }
    // Pages with data breakpoints leave the TLB, and instruction breakpoints the threaded code.
    if number != 6 { flushTranslations(.all) }
    pointee.attention = 1
  }

  /// The debug register an op names, after the checks: DR4 and DR5 are DR6 and DR7 unless CR4.DE is set; with
  /// DR7.GD any access faults.
  private func debugRegisterNumber(_ op: OpPointer) throws(Exit) -> UInt8 {
    var number = op.pointee.source
    guard number < 8 else { throw fault(.UD, .systemRegisterAbsent) }
    if number == 4 || number == 5 {
      guard pointee.cr4 & CR4.DE == 0 else { throw fault(.UD, .debugExtensions) }
      number += 2
    }
    try requireCPL0()
    if pointee.dr7 & DR7.GD != 0 {
      pointee.dr6 |= DR6.BD
      throw fault(.DB, .generalDetect)
    }
    return number
  }
}
