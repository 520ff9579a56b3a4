/// IEEE binary16, which only the conversions of F16C know.
package enum Binary16: BinaryFormat {
  /// The encoding: 16 bits.
  package typealias Bits = UInt16
  package static var precision: Int { 11 }

  /// `VCVTPS2PH`: MXCSR.FTZ does not count, DAZ does (SDM Vol. 2, `VCVTPS2PH`). `context` tells the rounding.
  package static func convert(single source: UInt32, _ context: inout FloatingPointContext) -> UInt16 {
    let sign = UInt16(truncatingIfNeeded: source &>> 16) & signMask
    if Binary32.isNaN(source) {
      if Binary32.isSignalingNaN(source) { context.raise(MXCSR.IE) }
      return sign | infinity | quietBit | UInt16(truncatingIfNeeded: source &>> 13) & (quietBit &- 1)
    }
    let a = Binary32.operand(source, &context)
    if Binary32.isZero(a) { return sign }
    if Binary32.isInfinite(a) { return sign | infinity }
    return pack(Binary32.unpack(a), &context)
  }
}

extension Binary32 {
  /// `VCVTPH2PS`: exact; denormals are numbers whatever MXCSR.DAZ says, and raise nothing (SDM Vol. 2,
  /// `VCVTPH2PS`).
  package static func convert(half source: UInt16, _ context: inout FloatingPointContext) -> UInt32 {
    let sign = UInt32(source & Binary16.signMask) &<< 16
    if Binary16.isNaN(source) {
      if Binary16.isSignalingNaN(source) { context.raise(MXCSR.IE) }
      return sign | infinity | quietBit | UInt32(source & (Binary16.quietBit &- 1)) &<< 13
    }
    if Binary16.isZero(source) { return sign }
    if Binary16.isInfinite(source) { return sign | infinity }
    return pack(Binary16.unpack(source), &context)
  }
}
