import ApusCPU
import Testing

/// SDM Vol. 3, "Interrupt 8 — Double Fault Exception (#DF)": the table of conditions; AMD APM Vol. 2, "#DF —
/// Double-Fault Exception".
@Suite struct DoubleFaultTests {
  /// The first event, raised in 64-bit mode at CPL 0.
  enum First: CaseIterable, Sendable {
    case divide, notPresent, stack, protection, pageFault, invalidOpcode, breakpoint, external, nonMaskable

    var vector: Int {
      switch self {
      case .divide: return 0
      case .notPresent: return 11
      case .stack: return 12
      case .protection: return 13
      case .pageFault: return 14
      case .invalidOpcode: return 6
      case .breakpoint: return 3
      case .external: return 0x40
      case .nonMaskable: return 2
      }
    }

    var code: [UInt8] {
      switch self {
      // div ecx; mov fs, eax; mov [rbp], eax beyond the canonical range; mov fs, edx; mov [rdi], eax.
      case .divide: return [0xF7, 0xF1]
      case .notPresent: return [0x8E, 0xE0]
      case .stack: return [0x89, 0x45, 0x00]
      case .protection: return [0x8E, 0xE2]
      case .pageFault: return [0x89, 0x07]
      case .invalidOpcode: return [0x0F, 0x0B]
      case .breakpoint: return [0xCC]
      case .external, .nonMaskable: return [0x90]
      }
    }

    var isContributory: Bool { [0, 11, 12, 13].contains(vector) }
    /// The EXT bit of what goes wrong on its delivery.
    var ext: UInt64 { self == .breakpoint ? 0 : 1 }
  }

  /// What goes wrong when the first event is delivered.
  enum Second: CaseIterable, Sendable {
    case notPresent, stack, protection, pageFault

    func outcome(_ first: First) -> Outcome {
      switch self {
      case .notPresent: return .NP(UInt64(first.vector * 8 + 2) | first.ext)
      case .stack: return .SS(first.ext)
      case .protection: return .GP(UInt64(first.vector * 8 + 2) | first.ext)
      case .pageFault: return .PF(2)
      }
    }
  }

  /// A page that is not mapped.
  static let hole: UInt64 = 0x1F_E000

  private func spoil(_ machine: GuestMachine, _ vector: Int, _ second: Second) {
    let handler = GuestMachine.handler(vector)
    switch second {
    case .notPresent: machine.setGate(vector, Table.gate(0x6E, 8, handler), 0)
    case .protection: machine.setGate(vector, Table.gate(0xE0, 8, handler), 0)
    case .stack:
      machine.setGate(vector, Table.gate(0xEE, 8, handler, low: 1), 0)
      machine.bench.write(GuestLayout.tss + 0x24, values: [0x0000_9000_0000_0000] as [UInt64])
    case .pageFault:
      machine.setGate(vector, Table.gate(0xEE, 8, handler, low: 2), 0)
      machine.bench.write(GuestLayout.tss + 0x2C, values: [Self.hole + 0x800])
    }
  }

  private func machine(_ first: First) -> GuestMachine {
    let machine = GuestMachine(.long, code: first.code)
    machine.define(0x40, Table.segment(Rights.data & 0x7F))
    machine.map(Int(Self.hole), to: nil)
    machine[R.ax] = 0x40
    machine[R.dx] = 0x100
    machine[R.bp] = 0x0000_9000_0000_0000
    machine[R.di] = Self.hole
    if first == .external {
      machine.state.rflags |= Flag.IF
      machine.bench.bus.interruptVector = 0x40
      machine.bench.processor.setInterruptLine(true)
    }
    if first == .nonMaskable { machine.bench.processor.raiseNMI() }
    return machine
  }

  @Test(arguments: First.allCases, Second.allCases)
  func combination(_ first: First, _ second: Second) {
    let machine = machine(first)
    spoil(machine, first.vector, second)
    let sp = machine[R.sp]
    let outcome = machine.outcome()
    let isDouble: Bool
    if first == .pageFault {
      isDouble = true
    } else {
      isDouble = first.isContributory && second != .pageFault
    }
    #expect(outcome == (isDouble ? .DF : second.outcome(first)))
    #expect(machine.isRestartable(outcome, sp: sp))
    // A page fault on the way leaves its address.
    if second == .pageFault { #expect(machine.state.cr2 == Self.hole + 0x7F8) }
    if first == .pageFault && second != .pageFault { #expect(machine.state.cr2 == Self.hole) }
  }

  /// Any fault on the way to the double-fault handler shuts the processor down.
  @Test(arguments: Second.allCases) func shutdown(_ third: Second) {
    let machine = machine(.divide)
    spoil(machine, 0, .notPresent)
    spoil(machine, 8, third)
    #expect(machine.outcome() == .shutdown)
    // It stays down.
    let processor = machine.bench.processor
    let now = processor.now
    #expect(processor.run(until: now + 100) == .stopped)
    #expect(processor.now == now)
    // Until a reset.
    processor.reset()
    #expect(processor.stopCode == .none)
  }

  /// Faults whose own vectors are spoilt in turn: benign, then #NP, whose delivery is a #GP: a double fault.
  @Test func chain() {
    let machine = machine(.invalidOpcode)
    spoil(machine, 6, .notPresent)
    spoil(machine, 11, .protection)
    #expect(machine.outcome() == .DF)
    let serial = self.machine(.invalidOpcode)
    spoil(serial, 6, .notPresent)
    spoil(serial, 11, .pageFault)
    #expect(serial.outcome() == .PF(2))
  }

  /// A serial pair may still become a double fault: #DE, then #PF, then #GP.
  @Test func pageFaultInBetween() {
    let machine = machine(.divide)
    spoil(machine, 0, .pageFault)
    spoil(machine, 14, .protection)
    #expect(machine.outcome() == .DF)
  }

  @Test func emptyTable() {
    for mode in [GuestMachine.Mode.protected, .long, .virtual8086] {
      let machine = GuestMachine(mode, cpl: 0, code: [0x0F, 0x0B])
      machine.state.idtrLimit = 0
      #expect(machine.outcome() == .shutdown)
    }
    let real = RealMachine(code: [0x0F, 0x0B])
    real.state.idtrLimit = 0
    #expect(real.outcome() == .shutdown)
  }

  /// A ring-0 stack that cannot take the frame of anything.
  @Test func noStack() {
    let machine = GuestMachine(.protected, code: [0x0F, 0x0B])
    machine.state.segments[2].limit = 0xFFF
    #expect(machine.outcome() == .shutdown)
    let real = RealMachine(code: [0xCD, 0x40])
    real[R.sp] = 1
    #expect(real.outcome() == .shutdown)
  }

  /// A fault on the way leaves no trace of the attempt: the registers that the frame shows, the others, and
  /// memory above the stack pointer are as before.
  @Test(arguments: Second.allCases) func undoes(_ second: Second) {
    let machine = GuestMachine(.long, cpl: 3, code: [0xCD, 0x40])
    machine.map(Int(Self.hole), to: nil)
    spoil(machine, 0x40, second)
    let before = machine.state
    let outcome = machine.outcome()
    guard case .exception = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(machine.isRestartable(outcome, sp: before.registers[4]))
    #expect(machine.saved(1, outcome) == 0x1B && machine.saved(4, outcome) == 0x23)
    #expect(machine.saved(2, outcome) == before.rflags | Flag.RF)
    for index in 0..<16 where index != 4 { #expect(machine[index] == before.registers[index]) }
    for index in [0, 3, 4, 5] { #expect(machine.state.segments[index] == before.segments[index]) }
  }
}
