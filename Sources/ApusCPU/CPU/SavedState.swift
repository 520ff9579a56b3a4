import ApusBase

// The processor's architectural state as a saved section: what decides its future, and nothing of caches, host
// addresses or lazy forms.

extension Processor {
  /// RFLAGS.IF: whether the processor takes maskable interrupts.
  package var interruptsEnabled: Bool { cpu.pointee.systemFlags & RFLAGS.IF != 0 }

  /// Writes registers, time and what is pending as the section `Processor`. Memory is not in it.
  package func save(to writer: inout StateWriter) {
    writer.section("Processor", version: Self.stateVersion) { w in
      cpu.saveRegisters(to: &w)
      cpu.saveSegmentation(to: &w)
      cpu.saveControl(to: &w)
      cpu.savePending(to: &w)
      cpu.saveVectors(to: &w)
    }
  }

  /// 4: with `monitorArmed`.
  private static let stateVersion: UInt16 = 4

  /// The inverse of `save`, for a processor of the same model. Every field is checked: whatever the bytes say, the
  /// processor stays one that a guest may have. Drops decoded code and translations.
  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section("Processor", newest: Self.stateVersion) { r, version throws(StateError) in
      guard version == Self.stateVersion else {
        throw .unsupportedVersion(section: "Processor", version: version)
      }
      cpu.emptyBlockCache()
      try cpu.restoreRegisters(from: &r)
      try cpu.restoreSegmentation(from: &r)
      try cpu.restoreControl(from: &r)
      try cpu.restorePending(from: &r)
      try cpu.restoreVectors(from: &r)
      cpu.privilegeOrModeChanged()
      for name in [SegmentName.es, .cs, .ss, .ds, .fs, .gs] { cpu.updateSegment(name) }
      cpu.updateVectorFaults()
      cpu.flushTranslations(.all)
      cpu.pointee.attention = 1
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
    w.write(pointee.monitorArmed)
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

extension UnsafeMutablePointer where Pointee == CPUState {
  fileprivate func restoreRegisters(from r: inout StateReader) throws(StateError) {
    for index in 0..<16 as Range<UInt8> { setRegister(index << 3, try r.read(UInt64.self)) }
    pointee.rip = try r.read()
    rflags = try r.read()
    let time: UInt64 = try r.read()
    // Centuries below where sums of times would not fit any more.
    guard time < 1 << 62 else { throw r.invalid("time") }
    pointee.budget = 0
    pointee.clockBase = time
    pointee.idle = try r.read()
    guard pointee.idle <= time else { throw r.invalid("idle time") }
    pointee.randomState = try r.read()
  }

  fileprivate func restoreSegmentation(from r: inout StateReader) throws(StateError) {
    for index in 0..<6 { segment(at: index).pointee = try Self.segment(from: &r) }
    pointee.ldtr = try Self.segment(from: &r)
    pointee.tr = try Self.segment(from: &r)
    pointee.gdtr = DescriptorTable(base: try r.read(), limit: try r.read())
    pointee.idtr = DescriptorTable(base: try r.read(), limit: try r.read())
    pointee.cpl = try r.read()
    guard pointee.cpl <= 3 else { throw r.invalid("CPL") }
    for word in 0..<8 {
      guard try r.read(UInt32.self) == pointee.features[word: word] else { throw r.invalid("features") }
    }
    guard try r.read(UInt32.self) == pointee.signature else { throw r.invalid("signature") }
    guard try r.readBool("vendor") == pointee.isIntel else { throw r.invalid("vendor") }
  }

  private static func segment(from r: inout StateReader) throws(StateError) -> Segment {
    var segment = Segment()
    segment.selector = try r.read()
    segment.base = try r.read()
    segment.limit = try r.read()
    segment.attributes = try r.read()
    segment.isNull = try r.readBool("null segment")
    return segment
  }

  fileprivate func restoreControl(from r: inout StateReader) throws(StateError) {
    pointee.cr0 = try r.read()
    pointee.cr2 = try r.read()
    pointee.cr3 = try r.read()
    pointee.cr4 = try r.read()
    pointee.efer = try r.read()
    pointee.xcr0 = try r.read()
    let isPaging = pointee.cr0 & CR0.PG != 0
    guard pointee.cr0 & ~(CR0.writable | CR0.ET) == 0, !isPaging || pointee.cr0 & CR0.PE != 0 else {
      throw r.invalid("CR0")
    }
    guard pointee.cr4 & ~pointee.cr4Writable == 0 else { throw r.invalid("CR4") }
    let isLong = isPaging && pointee.efer & EFER.LME != 0
    guard pointee.efer & ~(pointee.eferWritable | EFER.LMA) == 0,
      (pointee.efer & EFER.LMA != 0) == isLong, !isLong || pointee.cr4 & CR4.PAE != 0
    else { throw r.invalid("EFER") }
    guard XState.isValid(pointee.xcr0, of: pointee.xcr0Supported) else { throw r.invalid("XCR0") }
    pointee.pdptes = (try r.read(), try r.read(), try r.read(), try r.read())
    pointee.dr = (try r.read(), try r.read(), try r.read(), try r.read())
    pointee.dr6 = try r.read()
    pointee.dr7 = try r.read()
    var msr = ModelSpecificRegisters()
    for offset in stride(from: 0, to: MemoryLayout<ModelSpecificRegisters>.size, by: 8) {
      let value: UInt64 = try r.read()
      withUnsafeMutableBytes(of: &msr) { $0.storeBytes(of: value, toByteOffset: offset, as: UInt64.self) }
    }
    pointee.msr = msr
  }

  fileprivate func restorePending(from r: inout StateReader) throws(StateError) {
    pointee.halted = try r.readBool("HLT")
    pointee.monitorArmed = try r.readBool("MONITOR")
    pointee.nmiBlocked = try r.readBool("blocked NMI")
    pointee.nmiPending = try r.readBool("pending NMI")
    pointee.interruptLine = try r.readBool("INTR")
    pointee.a20Mask = try r.read()
    guard pointee.a20Mask | 1 << 20 == ~0 else { throw r.invalid("A20") }
    let isShadowed = try r.readBool("interrupt shadow")
    pointee.shadowUntil = isShadowed ? now : 0
    pointee.shadowHoldsDebug = try r.readBool("debug shadow")
    pointee.pendingDebug = try r.read()
    guard let stop = StopCode(rawValue: try r.read()) else { throw r.invalid("stop code") }
    pointee.stop = stop
  }

  fileprivate func restoreVectors(from r: inout StateReader) throws(StateError) {
    pointee.mxcsr = try r.read()
    guard pointee.mxcsr >> 18 == 0 else { throw r.invalid("MXCSR") }
    pointee.pkru = try r.read()
    var x87 = X87State()
    x87.control = try r.read()
    x87.status = try r.read()
    x87.tag = try r.read()
    x87.opcode = try r.read()
    x87.instructionPointer = try r.read()
    x87.dataPointer = try r.read()
    x87.instructionSelector = try r.read()
    x87.dataSelector = try r.read()
    for index in 0..<64 {
      let byte: UInt8 = try r.read()
      withUnsafeMutableBytes(of: &x87.significand) { $0[index] = byte }
    }
    for index in 0..<16 {
      let byte: UInt8 = try r.read()
      withUnsafeMutableBytes(of: &x87.exponent) { $0[index] = byte }
    }
    pointee.x87 = x87
    for index in 0..<16 {
      let slot = raw + Layout.vectors + index << Layout.vectorShift
      for word in 0..<8 { slot.storeBytes(of: try r.read(), toByteOffset: word * 8, as: UInt64.self) }
    }
  }
}
