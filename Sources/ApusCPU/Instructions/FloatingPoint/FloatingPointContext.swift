/// The four rounding modes, numbered as MXCSR.RC and the immediate of `ROUNDPS` encode them (SDM Vol. 1,
/// "Rounding").
package enum RoundingMode: UInt8, Sendable {
  case nearestEven = 0
  case down = 1
  case up = 2
  case towardZero = 3
}

/// Bits of MXCSR (SDM Vol. 1, "MXCSR Control and Status Register").
package enum MXCSR {
  /// Invalid operation.
  package static var IE: UInt32 { 1 << 0 }
  /// Denormal operand.
  package static var DE: UInt32 { 1 << 1 }
  /// Division by zero.
  package static var ZE: UInt32 { 1 << 2 }
  /// Overflow.
  package static var OE: UInt32 { 1 << 3 }
  /// Underflow.
  package static var UE: UInt32 { 1 << 4 }
  /// Precision (inexact result).
  package static var PE: UInt32 { 1 << 5 }
  /// Denormals are zeros.
  package static var DAZ: UInt32 { 1 << 6 }
  /// Underflow mask.
  package static var UM: UInt32 { 1 << 11 }
  /// Precision mask.
  package static var PM: UInt32 { 1 << 12 }
  /// Rounding control, both bits.
  package static var RC: UInt32 { 3 << 13 }
  /// Flush to zero.
  package static var FTZ: UInt32 { 1 << 15 }

  /// Misaligned exception mask of AMD's processors: 16-byte operands need not be aligned.
  package static var MM: UInt32 { 1 << 17 }

  /// All six exception flags, bits 5:0.
  package static var flags: UInt32 { 0x3F }
  /// The exceptions found before an operation is computed: IE, DE, ZE.
  package static var precomputation: UInt32 { IE | DE | ZE }
  /// All six exception masks, bits 12:7.
  package static var masks: UInt32 { 0x3F << 7 }
  /// Distance from an exception flag up to its mask.
  package static var maskShift: UInt32 { 7 }
  /// Value after reset (SDM Vol. 3, "Processor State After Reset"): all masked, nearest, no flags.
  package static var reset: UInt32 { 0x1F80 }
}

/// The floating-point environment of one instruction: MXCSR as the instruction found it, and the
/// exceptions its lanes have raised so far.
///
/// Make one per instruction, compute every lane into temporaries, then look at `isFaulting`: if it is
/// false, commit the lanes; in both cases store `updatedMXCSR`, and when it is true raise #XM (or #UD
/// while CR4.OSXMMEXCPT is 0) instead of committing.
package struct FloatingPointContext: Sendable {
  /// MXCSR at the start of the instruction.
  package let mxcsr: UInt32
  /// Exceptions raised by this instruction, masked or not, in the bit positions of MXCSR's flags.
  package var raised: UInt32 = 0

  /// The environment for one instruction executed under `mxcsr`.
  @inline(__always)
  package init(mxcsr: UInt32) { self.mxcsr = mxcsr }

  /// MXCSR.RC.
  @inline(__always)
  package var rounding: RoundingMode {
    switch (mxcsr >> 13) & 3 {
    case 0: .nearestEven
    case 1: .down
    case 2: .up
    default: .towardZero
    }
  }

  /// MXCSR.DAZ.
  @inline(__always)
  package var denormalsAreZeros: Bool { mxcsr & MXCSR.DAZ != 0 }

  /// Whether tiny results become zero: FTZ counts only while underflow is masked (SDM Vol. 1,
  /// "Flush-To-Zero").
  @inline(__always)
  package var flushesToZero: Bool { mxcsr & (MXCSR.FTZ | MXCSR.UM) == MXCSR.FTZ | MXCSR.UM }

  /// Whether an inexact result rounded to nearest leaves no trace: PE is masked and already set. Then the
  /// host's operation on normal numbers is the guest's, result and flags.
  @inline(__always)
  package var allowsHostArithmetic: Bool {
    (mxcsr | raised) & (MXCSR.PE | MXCSR.PM | MXCSR.RC) == MXCSR.PE | MXCSR.PM
  }

  /// Records exceptions, given as MXCSR flags.
  @inline(__always)
  package mutating func raise(_ flags: UInt32) { raised |= flags }

  /// Whether any lane raised an unmasked exception, so that no lane may be committed.
  @inline(__always)
  package var isFaulting: Bool { raised & ~(mxcsr >> MXCSR.maskShift) & MXCSR.flags != 0 }

  /// MXCSR after the instruction. An unmasked pre-computation exception in any lane keeps every lane from
  /// being computed, so that OE, UE and PE then stay as they were (SDM Vol. 1, "SIMD Floating-Point
  /// Exception Conditions").
  @inline(__always)
  package var updatedMXCSR: UInt32 {
    let unmasked = raised & ~(mxcsr >> MXCSR.maskShift)
    let reported = unmasked & MXCSR.precomputation != 0 ? raised & MXCSR.precomputation : raised
    return mxcsr | reported
  }
}
