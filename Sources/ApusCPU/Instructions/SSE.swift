/// Data transfer, shuffles and unpacks of SSE and SSE2 (SDM Vol. 1, "SSE Data Transfer Instructions", "SSE
/// Shuffle and Unpack Instructions", "SSE2 Data Movement Instructions", "SSE2 Shuffle and Unpack
/// Instructions"). Instructions that differ only in the type they name (`MOVAPS`, `MOVAPD`, `MOVDQA`,
/// `MOVNTPS` …) share one body. A name that ends in `_WV` or `_EV` stores.

// MARK: 128-bit moves

extension UnsafeMutablePointer where Pointee == CPUState {
  func MOVAPS(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    setDestinationXMM(op, try sourceXMM(op))
  }

  func MOVAPS_WV(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    if op.pointee.isMemory {
      try storeAligned16(op, destinationXMM(op))
    } else {
      xmm(op.pointee.source).pointee = destinationXMM(op)
    }
  }

  func MOVUPS(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    setDestinationXMM(op, op.pointee.isMemory ? try load16(op) : xmm(op.pointee.source).pointee)
  }

  func MOVUPS_WV(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    if op.pointee.isMemory {
      try store16(op, destinationXMM(op))
    } else {
      xmm(op.pointee.source).pointee = destinationXMM(op)
    }
  }
}

// MARK: Scalar moves

/// From memory the rest of the register is zeroed; between registers `MOVSS` and `MOVSD` keep it, `MOVQ`
/// zeroes it.
extension UnsafeMutablePointer where Pointee == CPUState {
  func MOVSS(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    if op.pointee.isMemory {
      setDestinationXMM(op, SIMD16(vector64: UInt64(try load4(op))))
    } else {
      setDestinationLow4(op, xmm(op.pointee.source).pointee.doublewords[0])
    }
  }

  func MOVSS_WV(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    let value = destinationXMM(op).doublewords[0]
    if op.pointee.isMemory {
      try store4(op, value)
    } else {
      RawPointer(xmm(op.pointee.source)).storeBytes(of: value, as: UInt32.self)
    }
  }

  func MOVSD(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    if op.pointee.isMemory {
      setDestinationXMM(op, SIMD16(vector64: try load8(op)))
    } else {
      setDestinationLow8(op, xmm(op.pointee.source).pointee.quadwords[0])
    }
  }

  func MOVSD_WV(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    let value = destinationXMM(op).quadwords[0]
    if op.pointee.isMemory {
      try store8(op, value)
    } else {
      RawPointer(xmm(op.pointee.source)).storeBytes(of: value, as: UInt64.self)
    }
  }

  func MOVQ(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    setDestinationXMM(op, SIMD16(vector64: try sourceLow8(op)))
  }

  func MOVQ_WV(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    let value = destinationXMM(op).quadwords[0]
    if op.pointee.isMemory {
      try store8(op, value)
    } else {
      xmm(op.pointee.source).pointee = SIMD16(vector64: value)
    }
  }

  /// `MOVD V,Ed` and, with REX.W, `MOVQ V,Eq`.
  func MOVD<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try requireSSE()
    let value: T = try readE(op)
    setDestinationXMM(op, SIMD16(vector64: value.zeroExtended))
  }

  /// `MOVD Ed,V` and, with REX.W, `MOVQ Eq,V`.
  func MOVD_EV<T: OperandWidth>(_ op: OpPointer, _: T.Type) throws(Exit) {
    try requireSSE()
    try writeE(op, T(truncatingIfNeeded: destinationXMM(op).quadwords[0]))
  }
}

// MARK: Halves

/// The forms with PD move the same bits as those with PS.
extension UnsafeMutablePointer where Pointee == CPUState {
  func MOVLPS(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    setDestinationLow8(op, try load8(op))
  }

  func MOVLPS_WV(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    try store8(op, destinationXMM(op).quadwords[0])
  }

  func MOVHPS(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    let high = try load8(op)
    setDestinationXMM(op, SIMD16(quadwords: SIMD2(destinationXMM(op).quadwords[0], high)))
  }

  func MOVHPS_WV(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    try store8(op, destinationXMM(op).quadwords[1])
  }

  func MOVHLPS(_ op: OpPointer) throws(Exit) {
    try packedXMM(op) { SIMD16(quadwords: SIMD2($1.quadwords[1], $0.quadwords[1])) }
  }

  func MOVLHPS(_ op: OpPointer) throws(Exit) {
    try packedXMM(op) { SIMD16(quadwords: SIMD2($0.quadwords[0], $1.quadwords[0])) }
  }
}

// MARK: Shuffles, unpacks and masks

extension UnsafeMutablePointer where Pointee == CPUState {
  func SHUFPS(_ op: OpPointer) throws(Exit) { try shuffleXMM(op) { PackedInteger.SHUFPS($0, $1, $2) } }
  func SHUFPD(_ op: OpPointer) throws(Exit) { try shuffleXMM(op) { PackedInteger.SHUFPD($0, $1, $2) } }
  func UNPCKLPS(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PUNPCKLDQ($0, $1) } }
  func UNPCKHPS(_ op: OpPointer) throws(Exit) { try packedXMM(op) { PackedInteger.PUNPCKHDQ($0, $1) } }

  func MOVMSKPS(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    setRegister(op.pointee.destination, PackedInteger.MOVMSKPS(xmm(op.pointee.source).pointee))
  }

  func MOVMSKPD(_ op: OpPointer) throws(Exit) {
    try requireSSE()
    setRegister(op.pointee.destination, PackedInteger.MOVMSKPD(xmm(op.pointee.source).pointee))
  }
}
