import ApusBase

// The processor's architectural state as a saved section: what decides its future, and nothing of caches, host
// addresses or lazy forms.

extension Processor {
  /// RFLAGS.IF: whether the processor takes maskable interrupts.
  package var interruptsEnabled: Bool { cpu.pointee.systemFlags & RFLAGS.IF != 0 }

  /// Writes registers, time and what is pending as the section `Processor`. Memory is not in it.
  package func save(to writer: inout StateWriter) {
    writer.section("Processor", version: 3) { w in
      cpu.saveRegisters(to: &w)
      cpu.saveSegmentation(to: &w)
      cpu.saveControl(to: &w)
      cpu.savePending(to: &w)
      cpu.saveVectors(to: &w)
    }
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  fileprivate func saveRegisters(to w: inout StateWriter) {
    for index in 0..<16 as Range<UInt8> { w.write(register(index << 3, UInt64.self)) }
    w.write(pointee.rip)
    w.write(rflags)
    w.write(now)
    w.write(pointee.idle)
    w.write(pointee.randomState)
  }

  fileprivate func saveSegmentation(to w: inout StateWriter) {
    for index in 0..<6 { Self.save(segment(at: index).pointee, to: &w) }
    Self.save(pointee.ldtr, to: &w)
    Self.save(pointee.tr, to: &w)
    for table in [pointee.gdtr, pointee.idtr] {
      w.write(table.base)
      w.write(table.limit)
    }
    w.write(pointee.cpl)
    for word in 0..<8 { w.write(pointee.features[word: word]) }
    w.write(pointee.signature)
    w.write(pointee.isIntel)
  }

  private static func save(_ segment: Segment, to w: inout StateWriter) {
    w.write(segment.selector)
    w.write(segment.base)
    w.write(segment.limit)
    w.write(segment.attributes)
    w.write(segment.isNull)
  }

  fileprivate func saveControl(to w: inout StateWriter) {
    for value in [pointee.cr0, pointee.cr2, pointee.cr3, pointee.cr4, pointee.efer, pointee.xcr0] {
      w.write(value)
    }
    let pdptes = pointee.pdptes
    for value in [pdptes.0, pdptes.1, pdptes.2, pdptes.3] { w.write(value) }
    let dr = pointee.dr
    for value in [dr.0, dr.1, dr.2, dr.3, pointee.dr6, pointee.dr7] { w.write(value) }
    // All its fields are 64 bits wide, so it has no padding.
    withUnsafeBytes(of: pointee.msr) { bytes in
      for index in 0..<(bytes.count / 8) { w.write(bytes.load(fromByteOffset: index * 8, as: UInt64.self)) }
    }
  }

  fileprivate func savePending(to w: inout StateWriter) {
    w.write(pointee.halted)
    w.write(pointee.nmiBlocked)
    w.write(pointee.nmiPending)
    w.write(pointee.interruptLine)
    w.write(pointee.a20Mask)
    // A shadow of the past has no effect any more.
    let isShadowed = pointee.shadowUntil == now && pointee.shadowUntil != 0
    w.write(isShadowed)
    w.write(isShadowed && pointee.shadowHoldsDebug)
    w.write(pointee.pendingDebug)
    w.write(pointee.stop.rawValue)
  }

  fileprivate func saveVectors(to w: inout StateWriter) {
    w.write(pointee.mxcsr)
    w.write(pointee.pkru)
    let x87 = pointee.x87
    w.write(x87.control)
    w.write(x87.status)
    w.write(x87.tag)
    w.write(x87.opcode)
    w.write(x87.instructionPointer)
    w.write(x87.dataPointer)
    w.write(x87.instructionSelector)
    w.write(x87.dataSelector)
    withUnsafeBytes(of: x87.significand) { for byte in $0 { w.write(byte) } }
    withUnsafeBytes(of: x87.exponent) { for byte in $0 { w.write(byte) } }
    for index in 0..<16 {
      let slot = raw + Layout.vectors + index << Layout.vectorShift
      for word in 0..<8 { w.write(slot.load(fromByteOffset: word * 8, as: UInt64.self)) }
    }
  }
}
