/// Compares what Apus made of a case with what an oracle made of it.
package struct Comparison: Sendable {
  /// Bits of XCR0 that both have.
  package let components: UInt64

  package init(components: UInt64) { self.components = components }

  /// Whether the two outcomes of a case agree in every bit that is compared. The quick form; `differences` tells
  /// which bits.
  @inline(__always)
  package func agree(
    _ record: UnsafeMutableRawPointer, _ apus: UnsafeMutableRawPointer, _ oracle: UnsafeMutableRawPointer
  ) -> Bool {
    if isEqual(record, apus, oracle) { return true }
    return differences(record, apus, oracle).isEmpty
  }

  /// The flags that count, and RF only where it is reported.
  @inline(__always)
  private func isEqual(
    _ record: UnsafeMutableRawPointer, _ apus: UnsafeMutableRawPointer, _ oracle: UnsafeMutableRawPointer
  ) -> Bool {
    var difference: UInt64 = 0
    difference |= UInt64(apus.get(OutcomeRecord.end, UInt8.self) ^ oracle.get(OutcomeRecord.end, UInt8.self))
    if oracle.get(OutcomeRecord.end, UInt8.self) == CaseEnd.exception.rawValue {
      difference |= apus.get(0, UInt64.self) & ~0xFF ^ oracle.get(0, UInt64.self) & ~0xFF
      if apus.get(OutcomeRecord.vector, UInt8.self) == 14 {
        difference |= apus.get(OutcomeRecord.cr2, UInt64.self) ^ oracle.get(OutcomeRecord.cr2, UInt64.self)
      }
    }
    let a = apus + OutcomeRecord.state
    let b = oracle + OutcomeRecord.state
    for offset in stride(from: 0, to: MachineImage.rflags, by: 8) {
      difference |= a.get(offset, UInt64.self) ^ b.get(offset, UInt64.self)
    }
    let mask = Self.flagMask(record, oracle)
    difference |= (a.get(MachineImage.rflags, UInt64.self) ^ b.get(MachineImage.rflags, UInt64.self)) & mask
    for offset in [MachineImage.fsBase, MachineImage.gsBase, MachineImage.selectors] {
      difference |= a.get(offset, UInt64.self) ^ b.get(offset, UInt64.self)
    }
    difference |= UInt64(
      a.get(MachineImage.selectors + 8, UInt32.self) ^ b.get(MachineImage.selectors + 8, UInt32.self))
    // See `savesPointers`.
    let saves = Self.savesPointers(b)
    difference |=
      (a.get(MachineImage.fcw, UInt64.self) ^ b.get(MachineImage.fcw, UInt64.self))
      & (saves ? ~0 : 0xFFFF_FFFF_FFFF)
    if saves {
      difference |= a.get(MachineImage.fip, UInt64.self) ^ b.get(MachineImage.fip, UInt64.self)
      difference |= a.get(MachineImage.fdp, UInt64.self) ^ b.get(MachineImage.fdp, UInt64.self)
    }
    difference |= UInt64(a.get(MachineImage.mxcsr, UInt32.self) ^ b.get(MachineImage.mxcsr, UInt32.self))
    for index in 0..<8 {
      let at = MachineImage.st + index * 16
      difference |= a.get(at, UInt64.self) ^ b.get(at, UInt64.self)
      difference |= UInt64(a.get(at + 8, UInt16.self) ^ b.get(at + 8, UInt16.self))
    }
    for offset in stride(from: MachineImage.xmm, to: MachineImage.xmm + 256, by: 8) {
      difference |= a.get(offset, UInt64.self) ^ b.get(offset, UInt64.self)
    }
    if components & 4 != 0 {
      for offset in stride(from: MachineImage.ymmHigh, to: MachineImage.ymmHigh + 256, by: 8) {
        difference |= a.get(offset, UInt64.self) ^ b.get(offset, UInt64.self)
      }
    }
    return difference == 0 && linesAgree(apus, oracle)
  }

  /// The flags that are compared.
  @inline(__always)
  private static func flagMask(
    _ record: UnsafeMutableRawPointer, _ oracle: UnsafeMutableRawPointer
  ) -> UInt64 {
    record.get(CaseRecord.flagMask, UInt64.self) & ~oracle.get(OutcomeRecord.ignoredFlags, UInt64.self)
  }

  /// Whether FOP, FIP and FDP of an image mean something: AMD's processors save them, other than as zeros, only
  /// with an unmasked exception pending (AMD APM Vol. 2, "FXSAVE and FXRSTOR Instructions").
  @inline(__always)
  static func savesPointers(_ oracle: UnsafeMutableRawPointer) -> Bool {
    oracle.get(MachineImage.fsw, UInt16.self) & 0x80 != 0
  }

  @inline(__always)
  private func linesAgree(_ apus: UnsafeMutableRawPointer, _ oracle: UnsafeMutableRawPointer) -> Bool {
    let count = lineCount(apus)
    guard count == lineCount(oracle) else { return false }
    for index in 0..<count {
      guard
        apus.get(OutcomeRecord.lineNumbers + index, UInt8.self)
          == oracle.get(OutcomeRecord.lineNumbers + index, UInt8.self)
      else { return false }
      let at = OutcomeRecord.lines + index * LinearLayout.lineSize
      for offset in stride(from: at, to: at + LinearLayout.lineSize, by: 8)
      where apus.get(offset, UInt64.self) != oracle.get(offset, UInt64.self) {
        return false
      }
    }
    return true
  }

  private func lineCount(_ outcome: UnsafeMutableRawPointer) -> Int {
    min(Int(outcome.get(OutcomeRecord.lineCount, UInt32.self)), LinearLayout.lineCount)
  }

  // MARK: Differences

  /// Every field that differs and is compared, in words.
  package func differences(
    _ record: UnsafeMutableRawPointer, _ apus: UnsafeMutableRawPointer, _ oracle: UnsafeMutableRawPointer
  ) -> [Difference] {
    var found: [Difference] = []
    let mode = CaseRecord.caseMode(record)
    let end = CaseEnd(rawValue: oracle.get(OutcomeRecord.end))
    // What the oracle does not let a case do it cannot judge.
    if end == .systemCall { return [] }
    let apusEnd = apus.get(OutcomeRecord.end, UInt8.self)
    if apusEnd != oracle.get(OutcomeRecord.end, UInt8.self) {
      found.append(Difference("end", Self.describeEnd(apus), Self.describeEnd(oracle)))
    }
    // An endless case is stopped at no particular place.
    if end == .timeout || apusEnd == CaseEnd.timeout.rawValue { return found }
    if end == .exception && apusEnd == CaseEnd.exception.rawValue { exception(apus, oracle, &found) }
    let a = apus + OutcomeRecord.state
    let b = oracle + OutcomeRecord.state
    general(mode, a, b, Self.flagMask(record, oracle), &found)
    let options = ComparisonOptions(rawValue: record.get(CaseRecord.options))
    extended(a, b, options, record + CaseRecord.state, &found)
    memory(record, apus, oracle, &found)
    return found
  }

  static func describeEnd(_ outcome: UnsafeMutableRawPointer) -> String {
    guard let end = CaseEnd(rawValue: outcome.get(OutcomeRecord.end)) else { return "?" }
    guard end == .exception else { return "\(end)" }
    return "exception \(outcome.get(OutcomeRecord.vector, UInt8.self))"
  }

  private func exception(
    _ apus: UnsafeMutableRawPointer, _ oracle: UnsafeMutableRawPointer, _ found: inout [Difference]
  ) {
    func compare(_ name: String, _ a: UInt64, _ b: UInt64) {
      if a != b { found.append(Difference(name, a, b, digits: 0)) }
    }
    let vector: UInt8 = oracle.get(OutcomeRecord.vector)
    compare("vector", UInt64(apus.get(OutcomeRecord.vector, UInt8.self)), UInt64(vector))
    guard vector == apus.get(OutcomeRecord.vector, UInt8.self) else { return }
    var ours: UInt32 = apus.get(OutcomeRecord.errorCode)
    var theirs: UInt32 = oracle.get(OutcomeRecord.errorCode)
    if vector == 14 {
      let linear: UInt64 = oracle.get(OutcomeRecord.cr2)
      compare("CR2", apus.get(OutcomeRecord.cr2), linear)
      // Linux reports every fault in its own half as a protection violation, so as not to tell what it maps.
      if linear >= Self.kernelStart {
        ours |= 1
        theirs |= 1
      }
    }
    compare("error code", UInt64(ours), UInt64(theirs))
  }

  /// Where Linux takes an address for one of its own: user space ends a page below the canonical boundary.
  private static let kernelStart: UInt64 = 0x7FFF_FFFF_F000

  private func general(
    _ mode: CaseMode, _ a: UnsafeMutableRawPointer, _ b: UnsafeMutableRawPointer, _ flagMask: UInt64,
    _ found: inout [Difference]
  ) {
    let names = [
      "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11", "R12", "R13", "R14",
      "R15",
    ]
    // Outside 64-bit mode the upper halves are undefined (SDM Vol. 1, "General-Purpose Registers in 64-Bit Mode").
    let mask: UInt64 = mode == .long64 ? ~0 : 0xFFFF_FFFF
    for index in 0..<(mode == .long64 ? 16 : 8) where (a.gpr(index) ^ b.gpr(index)) & mask != 0 {
      found.append(Difference(names[index], a.gpr(index) & mask, b.gpr(index) & mask, digits: 16))
    }
    let (ourRIP, theirRIP): (UInt64, UInt64) = (a.get(MachineImage.rip), b.get(MachineImage.rip))
    if ourRIP != theirRIP { found.append(Difference("RIP", ourRIP, theirRIP, digits: 16)) }
    let (ourFlags, theirFlags): (UInt64, UInt64) = (a.get(MachineImage.rflags), b.get(MachineImage.rflags))
    if (ourFlags ^ theirFlags) & flagMask != 0 {
      found.append(
        Difference(
          "RFLAGS", Hex.text(ourFlags, 6), Hex.text(theirFlags, 6),
          bits: Self.flagNames((ourFlags ^ theirFlags) & flagMask)))
    }
    for (index, name) in ["ES", "CS", "SS", "DS", "FS", "GS"].enumerated() {
      let at = MachineImage.selectors + index * 2
      let (ours, theirs): (UInt16, UInt16) = (a.get(at), b.get(at))
      // An interrupt of the host may turn one null selector into another: the return from it does (SDM Vol. 2,
      // `IRET`, "RETURN-TO-OUTER-PRIVILEGE-LEVEL").
      let areNull = mode != .real16 && ours < 4 && theirs < 4 && name != "CS" && name != "SS"
      if ours != theirs && !areNull {
        found.append(Difference(name, UInt64(ours), UInt64(theirs), digits: 4))
      }
    }
    for (name, at) in [("FS.base", MachineImage.fsBase), ("GS.base", MachineImage.gsBase)] {
      let (ours, theirs): (UInt64, UInt64) = (a.get(at), b.get(at))
      if ours != theirs { found.append(Difference(name, ours, theirs, digits: 16)) }
    }
  }

  /// The names of bits of RFLAGS.
  static func flagNames(_ bits: UInt64) -> String {
    let names: [Int: String] = [
      0: "CF", 1: "1", 2: "PF", 4: "AF", 6: "ZF", 7: "SF", 8: "TF", 9: "IF", 10: "DF", 11: "OF", 12: "IOPL0",
      13: "IOPL1", 14: "NT", 16: "RF", 17: "VM", 18: "AC", 19: "VIF", 20: "VIP", 21: "ID",
    ]
    return (0..<64).filter { bits >> UInt64($0) & 1 != 0 }.map { names[$0] ?? "bit \($0)" }
      .joined(separator: " ")
  }

  private func memory(
    _ record: UnsafeMutableRawPointer, _ apus: UnsafeMutableRawPointer, _ oracle: UnsafeMutableRawPointer,
    _ found: inout [Difference]
  ) {
    let mode = CaseRecord.caseMode(record)
    let data = mode.layout.data
    let mask = mode == .real16 ? Self.flagMask(record, oracle) : ~0
    let ours = lines(apus, mask)
    let theirs = lines(oracle, mask)
    for number in Set(ours.keys).union(theirs.keys).sorted() where ours[number] != theirs[number] {
      let linear = data + UInt64(number * LinearLayout.lineSize)
      found.append(
        Difference(
          "memory \(Hex.text(linear, 8))", ours[number].map(Hex.text) ?? "unchanged",
          theirs[number].map(Hex.text) ?? "unchanged"))
    }
  }

  private func lines(_ outcome: UnsafeMutableRawPointer, _ mask: UInt64) -> [Int: [UInt8]] {
    var result: [Int: [UInt8]] = [:]
    for index in 0..<lineCount(outcome) {
      let number = Int(outcome.get(OutcomeRecord.lineNumbers + index, UInt8.self))
      let at = OutcomeRecord.lines + index * LinearLayout.lineSize
      result[number] = (0..<LinearLayout.lineSize).map { outcome.get(at + $0) }
    }
    if mask != ~0 { maskPushedFlags(outcome, mask, &result) }
    return result
  }

  /// In real mode, the frame of an exception lies in the case's own memory: flags that do not count do not count
  /// there either.
  private func maskPushedFlags(
    _ outcome: UnsafeMutableRawPointer, _ mask: UInt64, _ lines: inout [Int: [UInt8]]
  ) {
    guard outcome.get(OutcomeRecord.end, UInt8.self) == CaseEnd.exception.rawValue else { return }
    let state = outcome + OutcomeRecord.state
    let stack = UInt64(state.get(MachineImage.selectors + 4, UInt16.self)) << 4
    for index in 0..<2 as Range<UInt64> {
      let linear = stack &+ (state.gpr(MachineImage.rsp) &+ 4 &+ index) & 0xFFFF
      let data = CaseMode.real16.layout.dataRange
      guard data.contains(linear) else { continue }
      let offset = Int(linear - data.lowerBound)
      lines[offset / LinearLayout.lineSize]?[offset % LinearLayout.lineSize] &=
        UInt8(truncatingIfNeeded: mask >> (index * 8))
    }
  }
}
