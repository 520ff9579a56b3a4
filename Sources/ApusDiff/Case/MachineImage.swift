/// Byte offsets of the flat image of user-visible processor state, `size` bytes, 64-byte aligned, that stubs in
/// machine code, Apus's kernels in `UserMachine` and the comparison all read and write in place.
package enum MachineImage {
  /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8–R15, 8 bytes each.
  package static let gpr = 0
  package static let rip = 128
  package static let rflags = 136
  package static let fsBase = 144
  package static let gsBase = 152
  /// ES, CS, SS, DS, FS, GS, 2 bytes each.
  package static let selectors = 160
  /// An `XSAVE64` area in the standard format (SDM Vol. 1, "XSAVE Area"): legacy region, header, and the upper
  /// halves of YMM0–YMM15 at offset 576.
  package static let xsave = 192
  package static let xsaveSize = 832
  package static let size = 1024

  // Offsets in the image of fields of the XSAVE area.
  package static let fcw = xsave
  package static let fsw = xsave + 2
  package static let ftw = xsave + 4
  package static let fop = xsave + 6
  package static let fip = xsave + 8
  package static let fdp = xsave + 16
  package static let mxcsr = xsave + 24
  /// ST0–ST7, 10 bytes of 16 each.
  package static let st = xsave + 32
  /// XMM0–XMM15.
  package static let xmm = xsave + 160
  package static let xstateBV = xsave + 512
  package static let ymmHigh = xsave + 576

  /// Index of RSP among the general registers.
  package static let rsp = 4
}

/// Byte offsets in the record of a case, as it lies in a batch. Plain bytes, so that a batch can lie in memory
/// shared with a worker and no case needs an allocation.
package enum CaseRecord {
  /// UInt32: bytes of code, without the jump to the exit that follows them.
  package static let codeLength = 0
  /// UInt8: `CaseMode`.
  package static let mode = 4
  /// UInt8: non-zero if Apus runs the case instruction by instruction instead of threaded.
  package static let steps = 6
  /// UInt64: linear address of the code.
  package static let codeAddress = 8
  /// UInt32: number of patches, at most `patchLimit`.
  package static let patchCount = 16
  /// UInt32: what the generator made the case for: an index in its list of forms.
  package static let form = 20
  /// UInt64: the bits of RFLAGS that are compared.
  package static let flagMask = 24
  /// UInt32: `ComparisonOptions`.
  package static let options = 32
  /// UInt64: number of the case in the run.
  package static let number = 40
  /// `LinearLayout.slotSize` bytes: code, the jump, `INT3`s.
  package static let code = 64
  /// A machine image.
  package static let state = 192
  /// Patches of the data memory, `patchSize` bytes each: offset UInt32, length UInt32 (1...64), 64 bytes.
  package static let patches = state + MachineImage.size
  package static let patchSize = 72
  package static let patchLimit = 8
  package static let size = 2048
}

/// How a case ended.
package enum CaseEnd: UInt8, Sendable {
  /// It reached the exit.
  case completed
  /// An exception or software interrupt was delivered.
  case exception
  /// It ran longer than a case may.
  case timeout
  /// It made a system call, which the worker does not let through.
  case systemCall
  /// The processor shut down or stopped: only Apus or another emulator can say so.
  case stopped
}

/// Byte offsets in the record of an outcome.
package enum OutcomeRecord {
  /// UInt8: `CaseEnd`.
  package static let end = 0
  /// UInt8: the vector of an exception.
  package static let vector = 1
  /// UInt32: its error code, 0 if it has none.
  package static let errorCode = 4
  /// UInt64: CR2, for page faults.
  package static let cr2 = 8
  /// UInt64: flags that whoever answered does not vouch for, beyond those that the case leaves undefined.
  package static let ignoredFlags = 24
  /// UInt32: how many lines of data memory differ from what they were.
  package static let lineCount = 16
  /// A machine image.
  package static let state = 64
  /// The numbers of the changed lines, one byte each, ascending.
  package static let lineNumbers = state + MachineImage.size
  /// Their content, `LinearLayout.lineSize` bytes each.
  package static let lines = lineNumbers + LinearLayout.lineCount
  package static let size = lines + LinearLayout.dataSize
}

/// What of an outcome is not compared exactly, with the reason at each.
package struct ComparisonOptions: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// x87 transcendental results: ST0 and ST1 within two units in the last place; C1 and the precision flag may
  /// differ, since the manuals promise no exact rounding (SDM Vol. 1, "Transcendental Instruction Accuracy").
  package static let transcendental = ComparisonOptions(rawValue: 1)
  /// The general register that the instruction leaves undefined is not compared: bits 31:16 hold its number + 1.
  package static let undefinedRegister = ComparisonOptions(rawValue: 2)
  /// Approximations: single-precision elements within a relative error of 1.5 × 2^-12 (SDM Vol. 2, `RCPPS`).
  package static let approximation = ComparisonOptions(rawValue: 4)
}
