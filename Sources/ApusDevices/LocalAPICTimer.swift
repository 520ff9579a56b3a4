import ApusBase

/// The local APIC's timer (SDM Vol. 3, "APIC Timer"). The count is never stepped: `expiry` says when it
/// reaches zero, and reads compute the rest.
extension LocalAPIC {
  enum TimerMode: UInt32 {
    case oneShot = 0
    case periodic = 1
    case tscDeadline = 2
    case reserved = 3
  }

  var timerMode: TimerMode { TimerMode(rawValue: lvt[LVT.timer.rawValue].bits(18, 17)) ?? .reserved }

  /// log2 of the divider: DCR bits 3 and 1:0, where 111b means divide by 1.
  var dividerShift: UInt64 {
    let code = (divideConfiguration & 8) >> 1 | divideConfiguration & 3
    return UInt64((code &+ 1) & 7)
  }

  /// Brings the timer to `now`: whatever expired since the last call fires once. Expiries of a short period
  /// that nobody could see apart, because the vector stayed requested, count as one.
  func settle(at now: VirtualTime) {
    guard expiry <= now, expiry != .never else { return }
    let period = UInt64(initialCount) << dividerShift
    if timerMode == .periodic && period != 0 {
      expiry = now.later(by: period - (now - expiry) % period)
    } else {
      expiry = .never
      deadlineTSC = 0
    }
    if timerMode != .reserved { raise(.timer, at: now) }
  }

  package func run(at now: VirtualTime) {
    settle(at: now)
    updateInterrupt(at: now)
  }

  /// The next expiry that has an effect: none while the entry is masked, or the same edge is already
  /// requested, so that a short period cannot keep an idle machine busy.
  package var deadline: VirtualTime {
    let entry = lvt[LVT.timer.rawValue]
    guard mode != .disabled, expiry != .never, !entry.bit(16) else { return .never }
    let vector = UInt8(truncatingIfNeeded: entry)
    if vector < 16 {
      return pendingErrors.bit(ErrorBit.receiveIllegalVector.rawValue) ? .never : expiry
    }
    return irr.contains(vector) && !tmr.contains(vector) ? .never : expiry
  }

  /// The current-count register.
  func currentCount(at now: VirtualTime) -> UInt32 {
    guard timerMode != .tscDeadline, expiry != .never, expiry > now else { return 0 }
    let shift = dividerShift
    let roundUp = (1 << shift) &- 1 as UInt64
    return UInt32(truncatingIfNeeded: (expiry - now).later(by: roundUp) >> shift)
  }

  func writeInitialCount(_ value: UInt32, at now: VirtualTime) {
    // "In TSC-deadline mode, writes to the initial-count register are ignored."
    guard timerMode != .tscDeadline else { return }
    initialCount = value
    expiry = value == 0 ? .never : now.later(by: UInt64(value) << dividerShift)
  }

  /// Changes the divider; the count goes on from where it is.
  func writeDivideConfiguration(_ value: UInt32, at now: VirtualTime) {
    let count = currentCount(at: now)
    divideConfiguration = value & 0xB
    guard timerMode != .tscDeadline, expiry != .never else { return }
    expiry = now.later(by: UInt64(count) << dividerShift)
  }

  /// Follows a change of the timer mode from `old`: to and from TSC-deadline mode the timer is disarmed.
  func timerModeChanged(from old: TimerMode) {
    let new = timerMode
    guard new != old, new == .tscDeadline || old == .tscDeadline else { return }
    expiry = .never
    deadlineTSC = 0
    if new == .tscDeadline { initialCount = 0 }
  }

  // MARK: TSC deadline

  /// RDMSR of IA32_TSC_DEADLINE: the value written, or 0 if the timer is disarmed or in another mode.
  package func tscDeadline(at now: VirtualTime) -> UInt64 {
    settle(at: now)
    updateInterrupt(at: now)
    return deadlineTSC
  }

  /// WRMSR to IA32_TSC_DEADLINE. `value` is the guest's TSC value; 0 disarms. `due` is the virtual time at
  /// which the guest's TSC reaches it, 0 if that is before reset and `never` if beyond the end of time. A
  /// deadline that has passed fires at once. Ignored outside TSC-deadline mode.
  package func writeTSCDeadline(_ value: UInt64, due: VirtualTime, at now: VirtualTime) {
    guard mode != .disabled, timerMode == .tscDeadline else { return }
    settle(at: now)
    deadlineTSC = value
    expiry = value == 0 ? .never : due
    settle(at: now)
    updateInterrupt(at: now)
  }

  /// The guest moved its TSC (IA32_TIME_STAMP_COUNTER or IA32_TSC_ADJUST): an armed deadline is now `due`.
  package func moveTSCDeadline(due: VirtualTime, at now: VirtualTime) {
    settle(at: now)
    if timerMode == .tscDeadline && deadlineTSC != 0 {
      expiry = due
      settle(at: now)
    }
    updateInterrupt(at: now)
  }
}
