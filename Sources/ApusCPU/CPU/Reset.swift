extension UnsafeMutablePointer where Pointee == CPUState {
  /// The state after RESET# (SDM Vol. 3, "Processor State After Reset"). The clock goes on; the time-stamp
  /// counter starts at zero.
  func reset() {
    for index in 0..<16 as Range<UInt8> { setRegister(index << 3, UInt64(0)) }
    self[.rdx] = UInt64(pointee.signature)
    pointee.rip = 0xFFF0
    pointee.systemFlags = 2
    flags = LazyFlags(image: 0)
    pointee.cr0 = CR0.CD | CR0.NW | CR0.ET
    pointee.cr2 = 0
    pointee.cr3 = 0
    pointee.cr4 = 0
    pointee.efer = 0
    pointee.xcr0 = 1
    pointee.dr = (0, 0, 0, 0)
    pointee.dr6 = 0xFFFF_0FF0
    pointee.dr7 = 0x400
    pointee.cpl = 0
    pointee.msr = ModelSpecificRegisters()
    pointee.msr.tscOrigin = now
    pointee.gdtr = DescriptorTable()
    pointee.idtr = DescriptorTable()
    pointee.ldtr = Segment(attributes: 0x82)
    pointee.tr = Segment(attributes: 0x8B)
    pointee.halted = false
    pointee.nmiBlocked = false
    pointee.nmiPending = false
    pointee.monitorArmed = false
    pointee.shadowUntil = 0
    pointee.pendingDebug = 0
    pointee.stop = .none
    pointee.mxcsr = 0x1F80
    pointee.x87 = X87State()
    for index in 0..<16 as Range<UInt8> { ymm(index).pointee = YMM(SIMD16(repeating: 0)) }
    pointee.pkru = 0
    for name in [SegmentName.es, .ss, .ds, .fs, .gs] {
      segment(name).pointee = Segment()
      updateSegment(name)
    }
    segment(.cs).pointee = Segment(base: 0xFFFF_0000, attributes: 0x9B, selector: 0xF000)
    updateSegment(.cs)
    flushTranslations(.all)
    privilegeOrModeChanged()
    pointee.attention = 1
  }

  /// Registers and the bytes at RIP as text, for the reports of a stopped processor.
  func report() -> String {
    var text = pointee.stop == .tripleFault ? nestedFaults : ""
    let names = [
      "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14",
      "R15",
    ]
    for (index, name) in names.enumerated() {
      let value: UInt64 = register(UInt8(index) << 3)
      text += name + " " + hexadecimal(value, 16) + (index % 4 == 3 ? "\n" : "  ")
    }
    text += "RIP " + hexadecimal(pointee.rip, 16) + "  RFLAGS " + hexadecimal(rflags, 8)
    text += "  CPL " + hexadecimal(UInt64(pointee.cpl), 1) + "\n"
    text += "CR0 " + hexadecimal(pointee.cr0, 8) + "  CR2 " + hexadecimal(pointee.cr2, 16)
    text += "  CR3 " + hexadecimal(pointee.cr3, 16) + "  CR4 " + hexadecimal(pointee.cr4, 8)
    text += "  EFER " + hexadecimal(pointee.efer, 4) + "\n"
    let segments: [(String, SegmentName)] = [
      ("CS", .cs), ("SS", .ss), ("DS", .ds), ("ES", .es), ("FS", .fs), ("GS", .gs),
    ]
    for (index, item) in segments.enumerated() {
      let segment = segment(item.1).pointee
      text += item.0 + " " + hexadecimal(UInt64(segment.selector), 4)
      text += " base " + hexadecimal(segment.base, 16) + " limit " + hexadecimal(UInt64(segment.limit), 8)
      text += " rights " + hexadecimal(UInt64(segment.attributes), 4) + (index % 2 == 1 ? "\n" : "   ")
    }
    text += "GDT " + hexadecimal(pointee.gdtr.base, 16) + ":" + hexadecimal(UInt64(pointee.gdtr.limit), 4)
    text += "  IDT " + hexadecimal(pointee.idtr.base, 16) + ":" + hexadecimal(UInt64(pointee.idtr.limit), 4)
    text += "\nbytes at RIP:" + codeBytes(15) + "\n"
    return text
  }

  /// The exceptions on the way to a triple fault, a line each.
  private var nestedFaults: String {
    var text = ""
    for (delivered, fault) in processor.nestedFaults.chain {
      text += "exception \(fault.vector), error code " + hexadecimal(UInt64(fault.code), 4)
      if fault.vector == Vector.PF.rawValue { text += ", CR2 " + hexadecimal(fault.address, 16) }
      text += ", while vector \(delivered) was delivered"
      if let rule = fault.rule.text { text += ": " + rule }
      text += "\n"
    }
    return text
  }

  /// The next bytes of code as text, without side effects; `--` where they are not mapped.
  func codeBytes(_ count: Int) -> String {
    var text = ""
    for index in 0..<count {
      let linear = codeLinear(pointee.rip &+ UInt64(index))
      if let offset = processor.physicalAddress(linear).flatMap({ hostOffset($0) }) {
        text += " " + hexadecimal(UInt64(host(offset).load(as: UInt8.self)), 2)
      } else {
        text += " --"
      }
    }
    return text
  }
}

/// `value` in upper-case hexadecimal with at least `digits` digits.
package func hexadecimal(_ value: UInt64, _ digits: Int) -> String {
  let alphabet: StaticString = "0123456789ABCDEF"
  var text = ""
  var started = false
  for index in stride(from: 15, through: 0, by: -1) {
    let digit = Int(truncatingIfNeeded: value >> UInt64(index * 4)) & 15
    if digit != 0 || index < digits { started = true }
    if started { text.unicodeScalars.append(Unicode.Scalar(alphabet.utf8Start[digit])) }
  }
  return text
}
