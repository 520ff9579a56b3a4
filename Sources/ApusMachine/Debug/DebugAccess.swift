import ApusBase
import ApusCPU

// What debuggers and tracers see of a machine. Looking changes nothing of what the guest does; what is written changes
// it as if the machine had been so.

extension Machine {
  /// Where `run` stops with `paused`; the guest does not notice.
  package var stopPoints: StopPoints {
    get { processor.stopPoints }
    set { processor.stopPoints = newValue }
  }

  /// What `run` stopped at, which it does again and again until this is taken.
  package func takeStop() -> MetStop? { processor.takeStop() }

  /// The instruction that is next executes even if there is a breakpoint.
  package func passBreakpoint() { processor.passBreakpoint() }

  /// Who sees what the processor does; nil for nobody.
  package var observer: Observer? {
    get { processor.observer }
    set { processor.observer = newValue }
  }

  /// Hands the observer what has happened up to now; otherwise it hears of it when there is more.
  package func flushObserver() { processor.observer?.flush() }

  /// The registers between two instructions; see `Processor.state`.
  package var state: ArchitecturalState {
    get { processor.state }
    set { processor.state = newValue }
  }

  /// The registers of the x87 FPU and the vector registers.
  package var extendedRegisters: ExtendedRegisters {
    get { processor.extendedRegisters }
    set { processor.extendedRegisters = newValue }
  }

  /// How the next instruction is decoded.
  package var mode: ProcessorMode { processor.mode }
  /// The linear address of the next instruction.
  package var codeAddress: UInt64 { processor.codeAddress }
  /// IA32_KERNEL_GS_BASE.
  package var kernelGSBase: UInt64 { processor.kernelGSBase }
  /// CR8: the task priority class, 0–15.
  package var taskPriority: UInt8 { processor.taskPriority }
  /// Whether the processor waits for an interrupt.
  package var isHalted: Bool { processor.isHalted }

  /// Where the byte at a linear address lies; nil if the page tables map nothing there.
  package func physicalAddress(_ linear: UInt64) -> UInt64? { processor.physicalAddress(linear) }

  /// Tells the observer of a walk of the page tables that changes nothing: see `Processor.showWalk`.
  package func showWalk(_ linear: UInt64, isWrite: Bool, isFetch: Bool, isUser: Bool) {
    processor.showWalk(linear, isWrite: isWrite, isFetch: isFetch, isUser: isUser)
  }

  /// Up to `count` bytes of RAM or ROM from a physical address on: those before the first that is neither.
  package func readPhysical(_ physical: UInt64, count: Int) -> [UInt8] {
    processor.readPhysical(physical, count: count)
  }

  /// Up to `count` bytes from a linear address on: those before the first that is not mapped to RAM or ROM.
  package func readLinear(_ linear: UInt64, count: Int) -> [UInt8] {
    processor.readLinear(linear, count: count)
  }

  /// Stores bytes to RAM; false, with nothing done, if they do not all lie in RAM.
  package func writePhysical(_ physical: UInt64, _ bytes: [UInt8]) -> Bool {
    processor.writePhysical(physical, bytes)
  }

  /// Stores bytes at a linear address; false, with nothing done, if they are not all mapped to RAM.
  package func writeLinear(_ linear: UInt64, _ bytes: [UInt8]) -> Bool {
    processor.writeLinear(linear, bytes)
  }
}
