import ApusCPU
import Testing

/// A program whose first exception is for a known reason.
struct RuleCase: Sendable, CustomTestStringConvertible {
  let rule: Rule
  let vector: UInt8
  let code: [UInt8]
  let mode: GuestMachine.Mode
  let cpl: UInt8
  let prepare: @Sendable (GuestMachine) -> Void

  init(
    _ rule: Rule, _ vector: UInt8, _ code: [UInt8], _ mode: GuestMachine.Mode = .long, cpl: UInt8 = 0,
    _ prepare: @escaping @Sendable (GuestMachine) -> Void = { _ in }
  ) {
    self.rule = rule
    self.vector = vector
    self.code = code
    self.mode = mode
    self.cpl = cpl
    self.prepare = prepare
  }

  var testDescription: String {
    "\(rule), " + code.map { hexadecimal(UInt64($0), 2) }.joined(separator: " ")
  }
}

/// Each exception names the check that raised it.
@Suite struct RuleTests {
  /// Instructions that are not there, or switched off.
  static let availability: [RuleCase] = [
    RuleCase(.opcodeUndefined, 6, [0x0F, 0x04]),
    RuleCase(.undefinedOnPurpose, 6, [0x0F, 0x0B]),
    RuleCase(.notIn64BitMode, 6, [0x06]),
    RuleCase(.operandForm, 6, [0x8D, 0xC0]),
    RuleCase(.lockPrefix, 6, [0xF0, 0x01, 0xC8]),
    RuleCase(.vexPrefix, 6, [0x66, 0xC5, 0xF0, 0x58, 0xC0]),
    RuleCase(.vexRegister, 6, [0xC5, 0xF0, 0x10, 0xC1]),
    RuleCase(.gatherOperands, 6, [0xC4, 0xE2, 0x71, 0x90, 0x04, 0x00]),
    RuleCase(.segmentRegister, 6, [0x8E, 0xC8]),
    RuleCase(.tooLong, 13, [UInt8](repeating: 0x66, count: 15) + [0x90]),
    RuleCase(.notSystemManagement, 6, [0x0F, 0xAA]),
    RuleCase(.noDescriptors, 6, [0x0F, 0x00, 0xC0], .virtual8086),
    RuleCase(.notInLongMode, 6, [0x0F, 0x34]),
    RuleCase(.sysenterNull, 13, [0x0F, 0x34], .protected),
    RuleCase(.syscallOff, 6, [0x0F, 0x05]),
    RuleCase(.fsgsbaseOff, 6, [0xF3, 0x0F, 0xAE, 0xC0]),
    RuleCase(.pkeOff, 6, [0x0F, 0x01, 0xEE]),
    RuleCase(.osxsaveOff, 6, [0x0F, 0x01, 0xD0]),
    RuleCase(.osxsaveOff, 6, [0xC5, 0xF0, 0x58, 0xC0]),
    RuleCase(.avxOff, 6, [0xC5, 0xF0, 0x58, 0xC0]) { $0.state.cr4 |= 1 << 18 },
    RuleCase(.osfxsrOff, 6, [0x0F, 0x58, 0xC1]),
    RuleCase(.emulation, 6, [0x0F, 0x58, 0xC1]) {
      $0.state.cr4 |= 0x200
      $0.state.cr0 |= 4
    },
    RuleCase(.taskSwitched, 7, [0x0F, 0x58, 0xC1]) {
      $0.state.cr4 |= 0x200
      $0.state.cr0 |= 8
    },
    RuleCase(.emulation, 7, [0xD8, 0xC1]) { $0.state.cr0 |= 4 },
    RuleCase(.taskSwitched, 7, [0xD8, 0xC1]) { $0.state.cr0 |= 8 },
    RuleCase(.waitTaskSwitched, 7, [0x9B]) { $0.state.cr0 |= 0xA },
  ]

  static let privilege: [RuleCase] = [
    RuleCase(.privilegedInstruction, 13, [0xF4], cpl: 3),
    RuleCase(.privilegedInstruction, 6, [0x0F, 0x01, 0xCA], cpl: 3),
    RuleCase(.ioPrivilege, 13, [0xFA], cpl: 3),
    RuleCase(.portPermission, 13, [0xEC], cpl: 3) {
      $0.bench.write(GuestLayout.tss + GuestLayout.ioMap, [0xFF, 0xFF])
    },
    RuleCase(.virtual8086Privilege, 13, [0x9C], .virtual8086),
    RuleCase(.virtualInterruptPending, 13, [0xFB], .virtual8086) {
      $0.state.cr4 = 1
      $0.state.rflags |= Flag.VIP
    },
    RuleCase(.virtualTrapFlag, 13, [0x9D], .virtual8086) {
      $0.state.cr4 = 1
      $0.bench.write(GuestLayout.userStack, [0, 1])
    },
  ]

  /// MOV to CR0 and CR4 is 0F 22 C0 and 0F 22 E0.
  static let controlRegisters: [RuleCase] = [
    RuleCase(.reservedBits, 13, [0x0F, 0x22, 0xC0]) { $0[R.ax] = 1 << 32 | 0x8000_0011 },
    RuleCase(.pagingWithoutProtection, 13, [0x0F, 0x22, 0xC0]) { $0[R.ax] = 0x8000_0000 },
    RuleCase(.cacheControl, 13, [0x0F, 0x22, 0xC0]) { $0[R.ax] = 0xA000_0011 },
    RuleCase(.pagingOffIn64BitMode, 13, [0x0F, 0x22, 0xC0]) { $0[R.ax] = 0x11 },
    RuleCase(.pdpteReserved, 13, [0x0F, 0x22, 0xC0], .protected) {
      $0.state.cr3 = 0x9000
      $0.state.cr4 = 0x20
      $0.bench.write(0x9000, values: [7 as UInt64])
      $0[R.ax] = 0x8000_0011
    },
    RuleCase(.longModeWithoutPAE, 13, [0x0F, 0x22, 0xC0], .protected) {
      $0.state.efer = 0x100
      $0[R.ax] = 0x8000_0011
    },
    RuleCase(.longModeWithTSS16, 13, [0x0F, 0x22, 0xC0], .protected) {
      $0.state.efer = 0x100
      $0.state.cr4 = 0x20
      $0.state.tr.attributes = 0x83
      $0[R.ax] = 0x8000_0011
    },
    RuleCase(.reservedBits, 13, [0x0F, 0x22, 0xE0]) { $0[R.ax] = 1 << 15 | 0x20 },
    RuleCase(.longModeWithoutPAE, 13, [0x0F, 0x22, 0xE0]) { $0[R.ax] = 0 },
    RuleCase(.la57InLongMode, 13, [0x0F, 0x22, 0xE0]) { $0[R.ax] = 0x1020 },
    RuleCase(.pcidWithCR3, 13, [0x0F, 0x22, 0xE0]) {
      $0.state.cr3 |= 0x18
      $0[R.ax] = 0x2_0020
    },
    RuleCase(.pcidOutsideLongMode, 13, [0x0F, 0x22, 0xE0], .protected) { $0[R.ax] = 0x2_0000 },
    RuleCase(.systemRegisterAbsent, 6, [0x0F, 0x20, 0xC8]),
    RuleCase(.systemRegisterAbsent, 6, [0x44, 0x0F, 0x23, 0xC0]),
    RuleCase(.xcrAbsent, 13, [0x0F, 0x01, 0xD1]) {
      $0.state.cr4 |= 1 << 18
      $0[R.cx] = 1
    },
    RuleCase(.xcr0Value, 13, [0x0F, 0x01, 0xD1]) {
      $0.state.cr4 |= 1 << 18
      $0[R.ax] = 2
    },
  ]

  /// RDMSR and WRMSR are 0F 32 and 0F 30.
  static let modelSpecificRegisters: [RuleCase] = [
    RuleCase(.msrAbsent, 13, [0x0F, 0x32]) { $0[R.cx] = 0x12345 },
    RuleCase(.msrAbsent, 13, [0x0F, 0x30]) { $0[R.cx] = 0x12345 },
    RuleCase(.msrWriteOnly, 13, [0x0F, 0x32]) { $0[R.cx] = 0x49 },
    RuleCase(.msrReadOnly, 13, [0x0F, 0x30]) { $0[R.cx] = 0xFE },
    RuleCase(.msrValue, 13, [0x0F, 0x30]) {
      $0[R.cx] = 0x277
      $0[R.ax] = 2
    },
    RuleCase(.longModeChange, 13, [0x0F, 0x30]) { $0[R.cx] = 0xC000_0080 },
    RuleCase(.notCanonical, 13, [0x0F, 0x30]) {
      $0[R.cx] = 0xC000_0082
      $0[R.dx] = 0x8000
    },
    RuleCase(.apicRegister, 13, [0x0F, 0x32]) { $0[R.cx] = 0x1B },
  ]

  /// MOV to DS and SS from AX is 8E D8 and 8E D0, JMP FAR [RBX] FF 2B.
  static let segments: [RuleCase] = [
    RuleCase(.selectorBeyondTable, 13, [0x8E, 0xD8]) { $0[R.ax] = 0x200 },
    RuleCase(.notReadable, 13, [0x8E, 0xD8]) {
      $0.define(0x30, Table.segment(Rights.executeOnly))
      $0[R.ax] = 0x30
    },
    RuleCase(.privilege, 13, [0x8E, 0xD8], cpl: 3) { $0[R.ax] = 0x10 },
    RuleCase(.segmentNotPresent, 11, [0x8E, 0xD8]) {
      $0.define(0x30, Table.segment(Rights.data & ~Rights.absent))
      $0[R.ax] = 0x30
    },
    RuleCase(.nullStackSelector, 13, [0x8E, 0xD0], .protected) { $0[R.ax] = 0 },
    RuleCase(.notWritable, 13, [0x8E, 0xD0]) {
      $0.define(0x30, Table.segment(Rights.readOnly))
      $0[R.ax] = 0x30
    },
    RuleCase(.notCode, 13, [0xFF, 0x2B]) { $0.setPointer(0x10) },
    RuleCase(.nullSelector, 13, [0xFF, 0x2B]) { $0.setPointer(0) },
    RuleCase(.longWithDefault32, 13, [0xFF, 0x2B]) {
      $0.define(0x30, Table.segment(Rights.code, flags: 0xE))
      $0.setPointer(0x30)
    },
    RuleCase(.taskBusy, 13, [0xFF, 0x2B], .protected) {
      $0.define(0x30, Table.segment(0x8B, base: 0x2_5000, limit: 0x67, flags: 0))
      $0.setPointer(0x30)
    },
    RuleCase(.taskStateTooSmall, 10, [0xFF, 0x2B], .protected) {
      $0.define(0x30, Table.segment(0x89, base: 0x2_5000, limit: 0x20, flags: 0))
      $0.setPointer(0x30)
    },
    // LLDT AX, LTR AX
    RuleCase(.needsGDT, 13, [0x0F, 0x00, 0xD0]) { $0[R.ax] = 0x14 },
    RuleCase(.notSystem, 13, [0x0F, 0x00, 0xD0]) { $0[R.ax] = 0x10 },
    RuleCase(.descriptorUpperHalf, 13, [0x0F, 0x00, 0xD0]) {
      $0.define(0x30, Table.segment(0x82, limit: 0xFF, flags: 0), 1 << 40)
      $0[R.ax] = 0x30
    },
    RuleCase(.taskBusy, 13, [0x0F, 0x00, 0xD8], .protected) {
      $0.define(0x30, Table.segment(0x8B, base: 0x2_5000, limit: 0x67, flags: 0))
      $0[R.ax] = 0x30
    },
    RuleCase(.segmentLimit, 13, [0xA1, 0, 0x20, 0, 0], .protected) { $0.state.segments[3].limit = 0xFFF },
    // JMP RAX
    RuleCase(.limitOfCode, 13, [0xFF, 0xE0], .protected) {
      $0.state.segments[1].limit = 0x1_FFFF
      $0[R.ax] = 0x3_0000
    },
    RuleCase(.fetchLimit, 13, [0x90], .protected) {
      $0.state.segments[1].limit = UInt32(GuestLayout.code)
    },
    RuleCase(.notCanonical, 13, [0xFF, 0xE0]) { $0[R.ax] = 1 << 47 },
  ]

  /// INT 40h is CD 40.
  static let gates: [RuleCase] = [
    RuleCase(.gateBeyondTable, 13, [0xCD, 0x40]) { $0.state.idtrLimit = 0xDF },
    RuleCase(.gateType, 13, [0xCD, 0x40]) {
      $0.setGate(0x40, Table.gate(0xE2, 8, GuestMachine.handler(0x40)))
    },
    RuleCase(.gatePrivilege, 13, [0xCD, 0x40], cpl: 3) {
      $0.setGate(0x40, Table.gate(0x8E, 8, GuestMachine.handler(0x40)))
    },
    RuleCase(.gateNotPresent, 11, [0xCD, 0x40]) {
      $0.setGate(0x40, Table.gate(0x6E, 8, GuestMachine.handler(0x40)))
    },
    RuleCase(.gateTargetNotCode, 13, [0xCD, 0x40]) {
      $0.setGate(0x40, Table.gate(0xEE, 0x10, GuestMachine.handler(0x40)))
    },
    RuleCase(.nestedTask, 13, [0x48, 0xCF]) { $0.state.rflags |= Flag.NT },
  ]

  static let operands: [RuleCase] = [
    RuleCase(.notCanonical, 13, [0x8B, 0x03]) { $0[R.bx] = 1 << 47 },
    RuleCase(.notAligned, 13, [0x0F, 0x28, 0x03]) {
      $0.state.cr4 |= 0x200
      $0[R.bx] = UInt64(GuestLayout.data + 4)
    },
    RuleCase(.alignmentCheck, 17, [0x8B, 0x03], cpl: 3) {
      $0.state.cr0 |= 1 << 18
      $0.state.rflags |= Flag.AC
      $0[R.bx] = UInt64(GuestLayout.data + 1)
    },
    // DIV ECX, IDIV ECX, AAM 0
    RuleCase(.divisionByZero, 0, [0xF7, 0xF1]),
    RuleCase(.quotientTooLarge, 0, [0xF7, 0xF1]) {
      $0[R.cx] = 1
      $0[R.dx] = 1
    },
    RuleCase(.quotientTooLarge, 0, [0xF7, 0xF9]) {
      $0[R.ax] = 0x8000_0000
      $0[R.cx] = 0xFFFF_FFFF
      $0[R.dx] = 0xFFFF_FFFF
    },
    RuleCase(.divisionByZero, 0, [0xD4, 0x00], .protected),
    RuleCase(.outOfBounds, 5, [0x62, 0x03], .protected) {
      $0[R.ax] = 5
      $0[R.bx] = UInt64(GuestLayout.data)
    },
    // LDMXCSR [RBX]
    RuleCase(.reservedBits, 13, [0x0F, 0xAE, 0x13]) {
      $0.state.cr4 |= 0x200
      $0.bench.write(GuestLayout.data, values: [1 << 18 as UInt32])
      $0[R.bx] = UInt64(GuestLayout.data)
    },
    // XRSTOR [RBX] of a component that XCR0 leaves out
    RuleCase(.xsaveHeader, 13, [0x0F, 0xAE, 0x2B]) {
      $0.state.cr4 |= 1 << 18
      $0.bench.write(GuestLayout.data + 512, values: [4 as UInt64])
      $0[R.bx] = UInt64(GuestLayout.data)
    },
    // MONITOR with an extension, RDPMC, INVPCID EAX, [RBX]
    RuleCase(.registerNotZero, 13, [0x0F, 0x01, 0xC8]) { $0[R.cx] = 1 },
    RuleCase(.counterAbsent, 13, [0x0F, 0x33]),
    RuleCase(.invpcidType, 13, [0x66, 0x0F, 0x38, 0x82, 0x03]) {
      $0[R.ax] = 4
      $0[R.bx] = UInt64(GuestLayout.data)
    },
    RuleCase(.invpcidDescriptor, 13, [0x66, 0x0F, 0x38, 0x82, 0x03]) {
      $0.bench.write(GuestLayout.data, values: [1 as UInt64])
      $0[R.bx] = UInt64(GuestLayout.data)
    },
    // FNINIT; FLDCW [RBX] unmasks ZE; FLD1; FLDZ; FDIVP; FWAIT
    RuleCase(.x87Exception, 16, [0xDB, 0xE3, 0xD9, 0x2B, 0xD9, 0xE8, 0xD9, 0xEE, 0xDE, 0xF9, 0x9B]) {
      $0.state.cr0 |= 0x20
      $0.bench.write(GuestLayout.data, values: [0x37B as UInt16])
      $0[R.bx] = UInt64(GuestLayout.data)
    },
    RuleCase(.simdException, 19, divideByZero) {
      $0.state.cr4 |= 0x600
      $0.bench.write(GuestLayout.data, values: [0x1D80, 0x3F80_0000] as [UInt32])
      $0[R.bx] = UInt64(GuestLayout.data)
    },
    RuleCase(.simdExceptionOff, 6, divideByZero) {
      $0.state.cr4 |= 0x200
      $0.bench.write(GuestLayout.data, values: [0x1D80, 0x3F80_0000] as [UInt32])
      $0[R.bx] = UInt64(GuestLayout.data)
    },
  ]

  /// LDMXCSR [RBX]; MOVSS XMM0, [RBX+4]; XORPS XMM1, XMM1; DIVSS XMM0, XMM1
  static let divideByZero: [UInt8] = [
    0x0F, 0xAE, 0x13, 0xF3, 0x0F, 0x10, 0x43, 0x04, 0x0F, 0x57, 0xC9, 0xF3, 0x0F, 0x5E, 0xC1,
  ]

  static let debugging: [RuleCase] = [
    RuleCase(.singleStep, 1, [0x90]) { $0.state.rflags |= Flag.TF },
    RuleCase(.dataBreakpoint, 1, [0xC6, 0x03, 0x01]) {
      $0.state.breakpoints[0] = UInt64(GuestLayout.data)
      $0.state.dr7 = 0x1_0401
      $0[R.bx] = UInt64(GuestLayout.data)
    },
    RuleCase(.instructionBreakpoint, 1, [0x90, 0x90]) {
      $0.state.breakpoints[0] = UInt64(GuestLayout.code + 1)
      $0.state.dr7 = 0x401
    },
    RuleCase(.generalDetect, 1, [0x0F, 0x21, 0xC0]) { $0.state.dr7 = 0x2400 },
    RuleCase(.debugExtensions, 6, [0x0F, 0x21, 0xE0]) { $0.state.cr4 |= 8 },
    RuleCase(.reservedBits, 13, [0x0F, 0x23, 0xF8]) { $0[R.ax] = 1 << 32 },
  ]

  /// MOV EAX, [RBX] and MOV BYTE [RBX], 1.
  static let paging: [RuleCase] = [
    RuleCase(.pageNotPresent, 14, [0x8B, 0x03]) { RuleTests.entry($0, 0) },
    RuleCase(.pageReservedBit, 14, [0x8B, 0x03]) { RuleTests.entry($0, 1 << 45 | 7) },
    RuleCase(.pageReadOnlySupervisor, 14, [0xC6, 0x03, 0x01]) { RuleTests.entry($0, 5) },
    RuleCase(.pageReadOnly, 14, [0xC6, 0x03, 0x01], cpl: 3) { RuleTests.entry($0, 5) },
    RuleCase(.pageOfSupervisor, 14, [0x8B, 0x03], cpl: 3) { RuleTests.entry($0, 3) },
  ]

  /// Gives the page of data, to which RBX points, an entry with these bits.
  private static func entry(_ machine: GuestMachine, _ bits: UInt64) {
    machine[R.bx] = UInt64(GuestLayout.data)
    machine.bench.write(
      GuestLayout.pageTable + (GuestLayout.data >> 12) * 8, values: [UInt64(GuestLayout.data) | bits])
  }

  private func observe(_ machine: GuestMachine) -> (vector: Int?, faults: [Fault]) {
    var faults: [Fault] = []
    machine.bench.processor.observer = Observer(.faults) { events in
      for event in events {
        if case .fault(let fault) = event.event { faults.append(fault) }
      }
    }
    let vector = machine.run()
    machine.bench.processor.observer = nil
    return (vector, faults)
  }

  @Test(
    arguments: [
      availability, privilege, controlRegisters, modelSpecificRegisters, segments, gates, operands, debugging,
      paging,
    ].flatMap { $0 })
  func isNamed(_ row: RuleCase) {
    let machine = GuestMachine(row.mode, cpl: row.cpl, code: row.code)
    row.prepare(machine)
    let (vector, faults) = observe(machine)
    #expect(vector == Int(row.vector))
    #expect(faults.map(\.vector) == [row.vector])
    #expect(faults.first?.rule == row.rule)
  }

  /// The gate of #GP is not present.
  @Test func ofADoubleFault() {
    let machine = GuestMachine(.long, code: [0x8B, 0x03])
    machine[R.bx] = 1 << 47
    machine.setGate(13, Table.gate(0x0E, 8, GuestMachine.handler(13)))
    let (vector, faults) = observe(machine)
    #expect(vector == 8)
    #expect(faults.map(\.vector) == [13, 11, 8])
    #expect(faults.map(\.rule) == [.notCanonical, .gateNotPresent, .doubleFault])
  }

  /// `CMOVZ` on an i486.
  @Test func ofAnInstructionThatTheModelLacks() {
    let bench = SystemBench(.i486)
    bench.enterProtectedMode()
    var rules: [Rule] = []
    bench.processor.observer = Observer(.faults) { events in
      for event in events {
        if case .fault(let fault) = event.event { rules.append(fault.rule) }
      }
    }
    #expect(bench.run([0x0F, 0x44, 0xC1]) == .exception(6, code: 0, rip: SystemBench.code))
    bench.processor.observer = nil
    #expect(rules == [.instructionAbsent])
  }

  /// Every rule but that of no exception has a sentence of its own, which a line of a trace can hold.
  @Test func hasASentence() {
    var seen: Set<String> = []
    for rule in Rule.allCases where rule != .unnamed {
      let text = rule.text ?? ""
      #expect(!text.isEmpty && !text.hasSuffix("."), "\(rule)")
      #expect(text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }, "\(rule)")
      #expect(seen.insert(text).inserted, "\(rule)")
    }
    #expect(Rule.unnamed.text == nil)
  }

  /// A page fault says what the walk of the tables says.
  @Test func ofPagingIsThatOfTheWalk() {
    let first = Rule.pageNotPresent.rawValue
    let all = Rule.allCases.filter { $0.rawValue >= first }
    #expect(all.last == .pageProtectionKey)
    for rule in all {
      #expect(rule.text == PageRule(rawValue: rule.rawValue - first + 1)?.text, "\(rule)")
    }
    #expect(PageRule(rawValue: UInt8(all.count + 1)) == nil)
  }
}
