import ApusCPU

/// How a program on a `GuestMachine` ended.
enum Outcome: Equatable, Sendable {
  /// At the program's own `HLT`, or the `INT 80h` that ends what cannot halt.
  case completed
  /// In the handler of an exception, with the error code it found on its stack.
  case exception(Int, UInt64?)
  /// Stopped for good, by the raw value of the stop code.
  case stopped(UInt8)
  case timeout

  static let DB = Outcome.exception(1, nil)
  static let UD = Outcome.exception(6, nil)
  static let DF = Outcome.exception(8, 0)
  static let shutdown = Outcome.stopped(StopCode.tripleFault.rawValue)
  static func TS(_ code: UInt64) -> Outcome { .exception(10, code) }
  static func NP(_ code: UInt64) -> Outcome { .exception(11, code) }
  static func SS(_ code: UInt64 = 0) -> Outcome { .exception(12, code) }
  static func GP(_ code: UInt64 = 0) -> Outcome { .exception(13, code) }
  static func PF(_ code: UInt64) -> Outcome { .exception(14, code) }
}

/// Descriptors as the SDM draws them: Vol. 3, "Segment Descriptors", "Gate Descriptors".
enum Table {
  /// A code or data segment, or a system segment without its upper half. `flags` are G, D/B, L and AVL.
  static func segment(
    _ rights: UInt8, base: UInt32 = 0, limit: UInt32 = 0xF_FFFF, flags: UInt8 = 0xC
  ) -> UInt64 {
    let base = UInt64(base)
    let limit = UInt64(limit)
    return limit & 0xFFFF | (base & 0xFF_FFFF) << 16 | UInt64(rights) << 40 | (limit >> 16) << 48
      | UInt64(flags) << 52 | (base >> 24) << 56
  }

  /// A gate; `rights` hold P, DPL and type, `low` is the parameter count or the IST number.
  static func gate(_ rights: UInt8, _ selector: UInt16, _ offset: Int, low: UInt8 = 0) -> UInt64 {
    let offset = UInt64(truncatingIfNeeded: offset)
    return offset & 0xFFFF | UInt64(selector) << 16 | UInt64(low) << 32 | UInt64(rights) << 40
      | (offset >> 16 & 0xFFFF) << 48
  }
}

/// Access bytes, without the accessed bit.
enum Rights {
  static let data: UInt8 = 0x92
  static let readOnly: UInt8 = 0x90
  static let expandDown: UInt8 = 0x96
  static let code: UInt8 = 0x9A
  static let executeOnly: UInt8 = 0x98
  static let conforming: UInt8 = 0x9E
  static let absent: UInt8 = 0x80
  static func dpl(_ level: UInt8) -> UInt8 { level << 5 }
}

extension GuestMachine {
  /// Where far transfers lead: an `INT 80h`, whose frame tells where it came from.
  static let target = 0x1_1000

  /// Writes a GDT entry; the table then ends at FFh.
  func define(_ selector: UInt16, _ values: UInt64...) {
    bench.write(GuestLayout.gdt + Int(selector & 0xFFF8), values: values)
    state.gdtrLimit = max(state.gdtrLimit, 0xFF)
  }

  /// The GDT entry of a selector.
  func descriptor(_ selector: UInt16) -> UInt64 {
    bench.value(GuestLayout.gdt + Int(selector & 0xFFF8), UInt64.self)
  }

  func setGate(_ vector: Int, _ values: UInt64...) {
    bench.write(GuestLayout.idt + vector * (mode == .long ? 16 : 8), values: values)
  }

  /// The handler that belongs to a vector.
  static func handler(_ vector: Int) -> Int { GuestLayout.handlers + vector * 16 }

  /// Runs and says how it ended.
  func outcome(_ limit: UInt64 = 100_000) -> Outcome {
    bench.write(Self.target, [0xCD, 0x80])
    switch run(limit) {
    case nil, 0x80: return .completed
    case -1:
      let stop = bench.processor.stopCode
      return stop == .none ? .timeout : .stopped(stop.rawValue)
    case let vector?: return .exception(vector, Self.hasCode(vector) ? frame(0) : nil)
    }
  }

  static func hasCode(_ vector: Int) -> Bool { [8, 10, 11, 12, 13, 14, 17].contains(vector) }

  /// What the handler of `outcome` finds above its error code: RIP, CS, RFLAGS, and RSP and SS if pushed.
  func saved(_ index: Int, _ outcome: Outcome) -> UInt64 {
    if case .exception(_, .some) = outcome { return frame(index + 1) }
    return frame(index)
  }

  /// RSP of the interrupted program.
  func savedSP(_ outcome: Outcome) -> UInt64 {
    if mode == .long || saved(1, outcome) & 3 != 0 || saved(2, outcome) & 1 << 17 != 0 {
      return saved(3, outcome)
    }
    var words: UInt64 = 3
    if case .exception(_, .some) = outcome { words = 4 }
    return state.registers[4] + words * 4
  }

  /// Checks that a program faulted at `rip` with the stack pointer it began with.
  func isRestartable(_ outcome: Outcome, rip: Int = GuestLayout.code, sp: UInt64) -> Bool {
    saved(0, outcome) == UInt64(rip) && savedSP(outcome) == sp
  }

  /// A far pointer for `JMP FAR [RBX]` (FF 2B) and `CALL FAR [RBX]` (FF 1B).
  func setPointer(_ selector: UInt16, _ offset: Int = GuestMachine.target) {
    self[R.bx] = UInt64(GuestLayout.data)
    bench.write(GuestLayout.data, values: [UInt32(truncatingIfNeeded: offset), UInt32(selector)])
  }

  /// Pushes words of the mode's natural size, the first one highest.
  func push(_ values: UInt64...) {
    let size = mode == .long ? 8 : 4
    for value in values {
      self[R.sp] -= UInt64(size)
      if mode == .long {
        bench.write(Int(self[R.sp]), values: [value])
      } else {
        bench.write(Int(self[R.sp]), values: [UInt32(truncatingIfNeeded: value)])
      }
    }
  }
}

/// Bits of RFLAGS for tests.
enum Flag {
  static let TF: UInt64 = 0x100
  static let IF: UInt64 = 0x200
  static let NT: UInt64 = 0x4000
  static let RF: UInt64 = 0x1_0000
  static let VM: UInt64 = 0x2_0000
  static let AC: UInt64 = 0x4_0000
  static let VIF: UInt64 = 0x8_0000
  static let VIP: UInt64 = 0x10_0000
  static let ID: UInt64 = 0x20_0000
}
