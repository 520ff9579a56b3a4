/// What a check that raises an exception asks; each exception names the one that failed.
package enum Rule: UInt8, Sendable, CaseIterable {
  /// No exception has been raised yet.
  case unnamed

  // Segments and addresses.
  case selectorBeyondTable, ldtrIsNull, needsGDT, nullSelector, nullStackSelector
  case segmentNotPresent, notReadable, notWritable, notCode, notSystem, descriptorUpperHalf, longWithDefault32
  case privilege, segmentLimit, limitOfCode, fetchLimit, notCanonical

  // Gates, events and tasks.
  case gateBeyondTable, gateType, gatePrivilege, gateNotPresent, gateTargetNotCode, gateTargetNotLong
  case handlerPrivilege, handlerLeavesVirtual8086, doubleFault
  case taskStateLimit, taskStateTooSmall, taskBusy, taskNotBusy, nestedTask, redirectionMap

  // What only some privilege may.
  case privilegedInstruction, ioPrivilege, portPermission
  case virtual8086Privilege, virtualInterruptPending, virtualTrapFlag

  // Control registers and MSRs, and what they do not take.
  case reservedBits, systemRegisterAbsent, pdpteReserved
  case pagingWithoutProtection, cacheControl, pagingOffIn64BitMode, pagingOffWithPCID
  case longModeWithoutPAE, longModeFromLongCode, longModeWithTSS16, longModeChange, la57InLongMode
  case pcidOutsideLongMode, pcidWithCR3
  case xcrAbsent, xcr0Value, msrAbsent, msrReadOnly, msrWriteOnly, msrValue, apicRegister

  // What is switched off, or does not exist in a mode.
  case emulation, taskSwitched, waitTaskSwitched
  case osfxsrOff, osxsaveOff, avxOff, fsgsbaseOff, pkeOff, syscallOff, sysenterNull
  case realAddressMode, noDescriptors, notInLongMode, notIn64BitMode, only64BitMode, notSystemManagement

  // The instruction's bytes.
  case opcodeUndefined, undefinedOnPurpose, instructionAbsent, operandForm, lockPrefix
  case vexPrefix, vexRegister, gatherOperands, segmentRegister, tooLong

  // Operands and results.
  case alignmentCheck, notAligned, divisionByZero, quotientTooLarge, outOfBounds
  case registerNotZero, counterAbsent, invpcidType, invpcidDescriptor, xsaveHeader
  case x87Exception, simdException, simdExceptionOff

  // Debugging.
  case singleStep, instructionBreakpoint, dataBreakpoint, taskTrap, generalDetect, debugExtensions

  // The rules of paging that a page fault names, in the order of `PageRule` from its second on.
  case pageNotPresent, pageReservedBit
  case pageExecuteDisable, pageOfSupervisor, pageReadOnly, pageReadOnlySupervisor
  case pageSupervisorExecution, pageSupervisorAccess
  case pageProtectionKey

  /// The rule of a walk that failed.
  init(_ page: PageRule) {
    self = Rule(rawValue: Rule.pageNotPresent.rawValue - 1 + page.rawValue) ?? .unnamed
  }

  /// For people; nil where no check failed. Each group asks the next one for what is not its own.
  package var text: String? {
    switch self {
    case .selectorBeyondTable: "the selector lies beyond the limit of its descriptor table"
    case .ldtrIsNull: "the selector names the LDT, and there is none"
    case .needsGDT: "the selector names the LDT (TI = 1) where only the GDT will do"
    case .nullSelector: "the selector is null"
    case .nullStackSelector: "a null selector for SS, other than in 64-bit mode below CPL 3"
    case .segmentNotPresent: "the descriptor is not present (P = 0)"
    case .notReadable: "the descriptor is not of readable memory"
    case .notWritable: "the descriptor is not of writable data"
    case .notCode: "the descriptor is not of code"
    case .notSystem: "the descriptor is not of the system type that is needed"
    case .descriptorUpperHalf: "the upper half of the system descriptor has a type other than 0"
    case .longWithDefault32: "the code segment has both L and D set"
    case .privilege: "DPL, RPL and CPL do not permit it"
    case .segmentLimit:
      "the operand lies beyond the segment's limit, or the segment does not permit the access"
    case .limitOfCode: "the target lies beyond the limit of the code segment"
    case .fetchLimit: "the instruction lies beyond the limit of the code segment"
    case .notCanonical: "the address is not canonical"
    default: textOfEvents
    }
  }

  private var textOfEvents: String? {
    switch self {
    case .gateBeyondTable: "the vector lies beyond the limit of the IDT"
    case .gateType: "the entry of the IDT is not a gate for events"
    case .gatePrivilege: "a software interrupt through a gate whose DPL is below CPL"
    case .gateNotPresent: "the gate is not present (P = 0)"
    case .gateTargetNotCode: "the gate's selector does not name code"
    case .gateTargetNotLong: "the gate's selector does not name 64-bit code (L = 1, D = 0)"
    case .handlerPrivilege: "the handler's code has a DPL above CPL"
    case .handlerLeavesVirtual8086: "an event in virtual-8086 mode needs a handler at CPL 0"
    case .doubleFault:
      "an exception came while another one was delivered, and the two cannot be handled serially"
    case .taskStateLimit: "the stack pointer lies beyond the limit of the TSS"
    case .taskStateTooSmall: "the limit of the TSS is below 67h (2Bh for a 16-bit TSS)"
    case .taskBusy: "the TSS is busy"
    case .taskNotBusy: "the TSS to return to is not busy"
    case .nestedTask: "RFLAGS.NT is set, and IA-32e mode has no task to return to"
    case .redirectionMap: "the interrupt redirection bit map lies outside the TSS"
    default: textOfPrivilege
    }
  }

  private var textOfPrivilege: String? {
    switch self {
    case .privilegedInstruction: "the instruction needs CPL 0"
    case .ioPrivilege: "CPL is above IOPL"
    case .portPermission:
      "CPL is above IOPL, and the I/O permission bit map of the TSS does not allow the port"
    case .virtual8086Privilege: "IOPL is below 3 in virtual-8086 mode"
    case .virtualInterruptPending: "RFLAGS.VIF would be set while a virtual interrupt is pending (VIP = 1)"
    case .virtualTrapFlag: "RFLAGS.TF would be set in virtual-8086 mode with IOPL below 3"
    default: textOfRegisters
    }
  }

  private var textOfRegisters: String? {
    switch self {
    case .reservedBits: "a reserved bit of the register would be set"
    case .systemRegisterAbsent: "there is no control or debug register of that number"
    case .pdpteReserved: "a page-directory-pointer-table entry that is present has a reserved bit set"
    case .pagingWithoutProtection: "CR0.PG would be set with CR0.PE clear"
    case .cacheControl: "CR0.NW would be set with CR0.CD clear"
    case .pagingOffIn64BitMode: "CR0.PG would be cleared in 64-bit mode"
    case .pagingOffWithPCID: "CR0.PG would be cleared with CR4.PCIDE set"
    case .longModeWithoutPAE: "CR4.PAE would be clear in IA-32e mode"
    case .longModeFromLongCode: "IA-32e mode would begin with CS.L set"
    case .longModeWithTSS16: "IA-32e mode would begin with a 16-bit TSS in TR"
    case .longModeChange: "EFER.LME would change with CR0.PG set"
    case .la57InLongMode: "CR4.LA57 would change in IA-32e mode"
    case .pcidOutsideLongMode: "CR4.PCIDE would be set outside IA-32e mode"
    case .pcidWithCR3: "CR4.PCIDE would be set with bits 11:0 of CR3 not zero"
    case .xcrAbsent: "there is no extended control register of the number in ECX"
    case .xcr0Value: "XCR0 does not take that combination of state components"
    case .msrAbsent: "the processor has no MSR of the number in ECX"
    case .msrReadOnly: "the MSR can only be read"
    case .msrWriteOnly: "the MSR can only be written"
    case .msrValue: "the MSR does not take the value"
    case .apicRegister: "the local APIC does not take the access to its MSR"
    default: textOfAvailability
    }
  }

  private var textOfAvailability: String? {
    switch self {
    case .emulation: "CR0.EM is set"
    case .taskSwitched: "CR0.TS is set"
    case .waitTaskSwitched: "CR0.MP and CR0.TS are set"
    case .osfxsrOff: "CR4.OSFXSR is clear"
    case .osxsaveOff: "CR4.OSXSAVE is clear"
    case .avxOff: "XCR0 does not enable SSE and AVX state"
    case .fsgsbaseOff: "CR4.FSGSBASE is clear"
    case .pkeOff: "CR4.PKE is clear"
    case .syscallOff: "EFER.SCE is clear"
    case .sysenterNull: "IA32_SYSENTER_CS holds a null selector"
    case .realAddressMode: "the instruction does not work in real-address mode"
    case .noDescriptors: "the instruction is not recognized in real-address and virtual-8086 mode"
    case .notInLongMode: "the processor does not have the instruction in IA-32e mode"
    case .notIn64BitMode: "the instruction does not exist in 64-bit mode"
    case .only64BitMode: "the instruction exists in 64-bit mode alone"
    case .notSystemManagement: "the processor is not in system-management mode"
    default: textOfInstruction
    }
  }

  private var textOfInstruction: String? {
    switch self {
    case .opcodeUndefined: "the opcode map has no instruction for the bytes in this mode"
    case .undefinedOnPurpose: "the instruction is there to raise #UD"
    case .instructionAbsent: "the processor does not have the instruction (CPUID)"
    case .operandForm:
      "a register stands where the instruction needs memory, or memory where it needs a register"
    case .lockPrefix: "LOCK before an instruction that does not take it, or does not write memory"
    case .vexPrefix: "LOCK, 66h, F2h, F3h or REX before a VEX prefix"
    case .vexRegister: "VEX.vvvv is not 1111b, and the instruction does not use it"
    case .gatherOperands: "the registers of a gather are not all different, or its address has 16 bits"
    case .segmentRegister: "there is no such segment register, or it is CS and would be loaded"
    case .tooLong: "the instruction is longer than 15 bytes"
    default: textOfOperands
    }
  }

  private var textOfOperands: String? {
    switch self {
    case .alignmentCheck: "the operand is not aligned, with CR0.AM and RFLAGS.AC set at CPL 3"
    case .notAligned: "the operand is not aligned as the instruction needs it"
    case .divisionByZero: "the divisor is zero"
    case .quotientTooLarge: "the quotient does not fit its register"
    case .outOfBounds: "the index lies outside the bounds"
    case .registerNotZero: "ECX or EDX is not zero where the instruction needs it to be"
    case .counterAbsent: "there is no performance counter of the number in ECX"
    case .invpcidType: "the type of INVPCID is above 3"
    case .invpcidDescriptor:
      "the INVPCID descriptor has a reserved bit set, or a PCID with CR4.PCIDE clear"
    case .xsaveHeader: "the header of the XSAVE area is not one that XRSTOR takes"
    case .x87Exception: "an unmasked x87 exception is pending (ES = 1 in the status word)"
    case .simdException: "an unmasked SIMD floating-point exception (MXCSR)"
    case .simdExceptionOff: "an unmasked SIMD floating-point exception with CR4.OSXMMEXCPT clear"
    default: textOfDebugging
    }
  }

  private var textOfDebugging: String? {
    switch self {
    case .singleStep: "a single step (RFLAGS.TF = 1)"
    case .instructionBreakpoint: "an instruction breakpoint (R/Wn = 00b in DR7)"
    case .dataBreakpoint: "a data or I/O breakpoint (R/Wn in DR7)"
    case .taskTrap: "the T flag of the new task's TSS is set"
    case .generalDetect: "a debug register is accessed with DR7.GD set"
    case .debugExtensions: "DR4 or DR5 is accessed with CR4.DE set"
    default: textOfPaging
    }
  }

  private var textOfPaging: String? {
    guard rawValue >= Rule.pageNotPresent.rawValue else { return nil }
    return PageRule(rawValue: rawValue - Rule.pageNotPresent.rawValue + 1)?.text
  }
}
