import ApusCPU

/// A register that GDB sees. Numbers are those of the SDM's encodings, not GDB's.
package enum RegisterID: Hashable, Sendable {
  /// RAX 0, RCX 1, RDX 2, RBX 3, RSP 4, RBP 5, RSI 6, RDI 7, R8 to R15.
  case general(Int)
  case rip
  case rflags
  /// ES 0, CS 1, SS 2, DS 3, FS 4, GS 5.
  case selector(Int)
  case segmentBase(Int)
  /// IA32_KERNEL_GS_BASE.
  case kernelGSBase

  /// ST(i), counted from the top of the stack.
  case st(Int)
  case x87Control
  case x87Status
  /// The full tag word of `FSAVE`, two bits a register, not the abridged one of `FXSAVE`.
  case x87Tag
  /// FCS and the low 32 bits of FIP; in 64-bit mode bits 47:32 and 31:0 of FIP.
  case x87InstructionSelector, x87InstructionOffset
  /// FDS and FDP likewise.
  case x87OperandSelector, x87OperandOffset
  /// The last 11 bits of the last opcode.
  case x87Opcode

  case xmm(Int)
  case mxcsr
  /// Bits 255:128.
  case ymmHigh(Int)

  /// CR0, CR2, CR3, CR4, CR8.
  case control(Int)
  case efer
  /// DR0 to DR3, DR6, DR7.
  case debug(Int)

  case gdtrBase, gdtrLimit
  case idtrBase, idtrLimit
  case ldtr, ldtrBase
  case tr, trBase

  case cpl
  /// A `ProcessorMode`.
  case mode
}

extension ProcessorMode {
  /// As GDB shows it.
  var shortName: String {
    switch self {
    case .real: "real"
    case .virtual8086: "v86"
    case .protected16: "protected16"
    case .protected32: "protected32"
    case .compatibility16: "compatibility16"
    case .compatibility32: "compatibility32"
    case .long64: "long64"
    }
  }
}
