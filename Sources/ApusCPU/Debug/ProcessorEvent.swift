/// What a processor does, told by the code that does it.
package enum ProcessorEvent: Sendable {
  /// An instruction begins.
  case instruction(InstructionStart)
  /// An instruction, or the delivery of an event, reads or writes memory.
  case memory(DataAccess)
  case port(PortAccess)
  /// The page tables are walked; entries follow, and a result.
  case walk(PageWalkStart)
  case walkEntry(PageWalkEntry)
  case walkResult(PageWalkResult)
  /// A descriptor of the GDT or an LDT is read.
  case descriptor(DescriptorRead)
  /// A segment register gets its hidden part.
  case segment(SegmentName, SegmentRegister)
  /// An exception is raised; its delivery follows.
  case fault(Fault)
  /// An interrupt or exception is delivered; what it takes follows, up to `delivered`, or a fault.
  case delivery(Delivery)
  /// The entry of the IDT for it.
  case gate(GateRead)
  /// The stack it switches to.
  case stack(StackSwitch)
  /// The handler's first instruction is next.
  case delivered(TransferTarget)
  /// The processor's mode or privilege changes.
  case mode(ModeChange)
  /// A task switch to the TSS that `selector` names begins.
  case task(TaskChange)
}

/// An event with when and where it happened.
package struct TimedEvent: Sendable {
  /// Instructions retired before the one that did it.
  package var instructions: UInt64
  /// RIP of that instruction; of what happens between two of them, RIP of the second.
  package var rip: UInt64
  /// The linear address of the instruction at RIP.
  package var linear: UInt64
  package var event: ProcessorEvent
}

/// How code is decoded, and what protects from it (SDM Vol. 3, "Modes of Operation").
package enum ProcessorMode: UInt8, Sendable, CaseIterable {
  case real, virtual8086, protected16, protected32, compatibility16, compatibility32, long64

  /// Bits of an instruction's default operand size, 64 in 64-bit mode.
  package var bits: Int {
    switch self {
    case .real, .virtual8086, .protected16, .compatibility16: 16
    case .protected32, .compatibility32: 32
    case .long64: 64
    }
  }

  /// For people.
  package var name: String {
    switch self {
    case .real: "real-address mode"
    case .virtual8086: "virtual-8086 mode"
    case .protected16: "protected mode, 16-bit code"
    case .protected32: "protected mode, 32-bit code"
    case .compatibility16: "compatibility mode, 16-bit code"
    case .compatibility32: "compatibility mode, 32-bit code"
    case .long64: "64-bit mode"
    }
  }
}

package struct InstructionStart: Sendable {
  /// The linear and the physical address of its first byte.
  package var linear: UInt64
  package var physical: UInt64
  /// 1 to 15 bytes.
  package var length: UInt8
  package var mode: ProcessorMode
  /// Its bytes, the first in the lowest place; what lies above them is zero.
  package var bytes: (UInt64, UInt64)

  /// Its bytes.
  package var code: [UInt8] {
    (0..<Int(length)).map { index in
      UInt8(truncatingIfNeeded: (index < 8 ? bytes.0 : bytes.1) >> UInt64(index % 8 * 8))
    }
  }
}

/// Up to eight bytes of a memory operand; larger ones are several accesses.
package struct DataAccess: Sendable {
  package var linear: UInt64
  package var physical: UInt64
  package var value: UInt64
  /// 1 to 8 bytes.
  package var size: UInt8
  package var isWrite: Bool
  /// The processor does it by itself, with supervisor rights: descriptor tables, task states.
  package var isImplicit: Bool
}

package struct PortAccess: Sendable {
  package var port: UInt16
  /// 1, 2 or 4 bytes.
  package var width: UInt8
  package var isWrite: Bool
  package var value: UInt32
}

package struct PageWalkStart: Sendable {
  package var linear: UInt64
  package var access: AccessKind
  /// CR3, or the PDPTE register of PAE paging.
  package var root: UInt64
}

/// What an access does, as page faults report it.
package struct AccessKind: Sendable {
  package var isWrite: Bool
  package var isFetch: Bool
  /// Made at CPL 3, and not an implicit access.
  package var isUser: Bool

  init(_ kind: UInt32) {
    isWrite = kind & Access.write != 0
    isFetch = kind & Access.fetch != 0
    isUser = kind & Access.user != 0
  }
}

package struct PageWalkEntry: Sendable {
  /// 5 for a PML5E, 4 for a PML4E, 3 for a PDPTE, 2 for a PDE, 1 for a PTE.
  package var level: UInt8
  /// The physical address of the entry.
  package var address: UInt64
  package var value: UInt64
}

package struct PageWalkResult: Sendable {
  package var rule: PageRule
  /// Where the byte lies; meaningless after a failure.
  package var physical: UInt64
  /// log2 of the page's size in bytes: 12, 21, 22 or 30.
  package var pageShift: UInt8
}

/// Why a walk of the page tables fails (SDM Vol. 3, "Determination of Access Rights", "Page-Fault Exceptions").
package enum PageRule: UInt8, Sendable {
  case permitted
  case notPresent, reservedBit
  case executeDisable, userPageOnly, readOnly, readOnlySupervisor, supervisorExecution, supervisorAccess
  case protectionKey

  /// For people.
  package var text: String {
    switch self {
    case .permitted: "permitted"
    case .notPresent: "the entry is not present (P = 0)"
    case .reservedBit: "a reserved bit of the entry is set"
    case .executeDisable: "the page holds no code (XD = 1)"
    case .userPageOnly: "user code reaches a supervisor page (U/S = 0)"
    case .readOnly: "the page is read-only (R/W = 0)"
    case .readOnlySupervisor: "the page is read-only (R/W = 0), also for supervisor code (CR0.WP = 1)"
    case .supervisorExecution: "supervisor code would execute a user page (CR4.SMEP = 1)"
    case .supervisorAccess: "supervisor code reaches a user page (CR4.SMAP = 1) with RFLAGS.AC = 0"
    case .protectionKey: "PKRU forbids the page's protection key"
    }
  }
}

package struct DescriptorRead: Sendable {
  package var selector: UInt16
  package var linear: UInt64
  package var low: UInt64
  /// Bits 127:64 of a system descriptor in IA-32e mode, else 0.
  package var high: UInt64
}

package struct Fault: Sendable {
  package var vector: UInt8
  package var code: UInt32
  /// The check that failed.
  package var rule: Rule
  /// CR2 of a page fault.
  package var address: UInt64
}

package struct Delivery: Sendable {
  package var vector: UInt8
  package var source: EventSource
  /// The error code that is pushed, if there is one.
  package var code: UInt32?
}

package struct GateRead: Sendable {
  package var linear: UInt64
  /// In real-address mode the four bytes of the interrupt vector table's entry.
  package var low: UInt64
  package var high: UInt64
  package var mode: ProcessorMode
}

package struct StackSwitch: Sendable {
  package var selector: UInt16
  package var pointer: UInt64
  /// 1 to 7 if the gate names one of the interrupt stack table.
  package var ist: UInt8
}

package struct TransferTarget: Sendable {
  package var selector: UInt16
  package var rip: UInt64
  /// The linear address.
  package var linear: UInt64
  package var cpl: UInt8
}

package struct ModeChange: Sendable {
  package var from: ProcessorMode
  package var to: ProcessorMode
  package var fromCPL: UInt8
  package var toCPL: UInt8
}

package struct TaskChange: Sendable {
  package var selector: UInt16
  package var from: UInt16
}
