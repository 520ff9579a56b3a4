import ApusDiff
import Testing

/// Outcomes that differ in one field: every field that counts is found, and nothing else is.
@Suite struct ComparisonTests {
  private struct Pair {
    let batch = Batch()
    let other = Batch()
    var record: UnsafeMutableRawPointer { batch.caseRecord(0) }
    var ours: UnsafeMutableRawPointer { batch.outcome(0) }
    var theirs: UnsafeMutableRawPointer { other.outcome(0) }

    init(mode: CaseMode = .long64, end: CaseEnd = .completed) {
      record.put(CaseRecord.mode, mode.rawValue)
      record.put(CaseRecord.flagMask, ~0 as UInt64)
      for outcome in [ours, theirs] { outcome.put(OutcomeRecord.end, end.rawValue) }
    }

    func names(_ components: UInt64 = 7) -> [String] {
      let comparison = Comparison(components: components)
      let names = comparison.differences(record, ours, theirs).map(\.name)
      // The quick form has to say the same.
      #expect(comparison.agree(record, ours, theirs) == names.isEmpty)
      return names
    }

    /// Flips a bit of the state of the oracle's outcome.
    func flip(_ offset: Int, _ bit: UInt8 = 0) {
      let at = OutcomeRecord.state + offset
      theirs.put(at, theirs.get(at, UInt8.self) ^ (1 << bit))
    }
  }

  @Test func equalOutcomesAgree() { #expect(Pair().names().isEmpty) }

  @Test func everyFieldCounts() {
    var fields: [(Int, String)] = [
      (MachineImage.rip, "RIP"), (MachineImage.rflags, "RFLAGS"), (MachineImage.fsBase, "FS.base"),
      (MachineImage.gsBase, "GS.base"), (MachineImage.fcw, "FCW"), (MachineImage.fsw, "FSW"),
      (MachineImage.ftw, "FTW"), (MachineImage.mxcsr, "MXCSR"),
    ]
    let registers = ["RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI"] + (8..<16).map { "R\($0)" }
    for (index, name) in registers.enumerated() { fields.append((index * 8 + 7, name)) }
    for (index, name) in ["ES", "CS", "SS", "DS", "FS", "GS"].enumerated() {
      fields.append((MachineImage.selectors + index * 2, name))
    }
    for index in 0..<8 {
      fields.append((MachineImage.st + index * 16, "ST\(index)"))
      fields.append((MachineImage.st + index * 16 + 9, "ST\(index)"))
    }
    for index in 0..<16 {
      for byte in [0, 15] {
        fields.append((MachineImage.xmm + index * 16 + byte, "XMM\(index)"))
        fields.append((MachineImage.ymmHigh + index * 16 + byte, "YMMhigh\(index)"))
      }
    }
    for (offset, name) in fields {
      let pair = Pair()
      // Bit 3: selectors that differ below it are all null.
      pair.flip(offset, 3)
      #expect(pair.names() == [name])
    }
  }

  @Test func nullSelectorsAreEqual() {
    let pair = Pair()
    let at = OutcomeRecord.state + MachineImage.selectors
    pair.theirs.put(at + 6, 3 as UInt16)
    #expect(pair.names().isEmpty)
    pair.theirs.put(at + 6, 4 as UInt16)
    #expect(pair.names() == ["DS"])
  }

  @Test func pointersCountWithAPendingException() {
    for (offset, name) in [(MachineImage.fop, "FOP"), (MachineImage.fip, "FIP"), (MachineImage.fdp, "FDP")] {
      let pair = Pair()
      pair.flip(offset)
      #expect(pair.names().isEmpty)
      for outcome in [pair.ours, pair.theirs] {
        outcome.put(OutcomeRecord.state + MachineImage.fsw, 0x80 as UInt16)
      }
      #expect(pair.names() == [name])
    }
  }

  @Test func whatIsNotThereDoesNotCount() {
    let pair = Pair()
    // Padding of ST0, the reserved part of the legacy region, the header.
    for offset in [MachineImage.st + 10, MachineImage.xsave + 420, MachineImage.xstateBV] {
      pair.flip(offset)
    }
    #expect(pair.names().isEmpty)
    pair.flip(MachineImage.ymmHigh)
    #expect(pair.names(3).isEmpty)
    #expect(pair.names(7) == ["YMMhigh0"])
  }

  @Test func compatibilityModeHasEightHalfRegisters() {
    let pair = Pair(mode: .compat32)
    pair.flip(4)
    pair.flip(8 * 8)
    #expect(pair.names().isEmpty)
    pair.flip(3, 7)
    #expect(pair.names() == ["RAX"])
  }

  @Test func undefinedFlagsDoNotCount() {
    let pair = Pair()
    pair.record.put(CaseRecord.flagMask, ~0x10 as UInt64)
    pair.flip(MachineImage.rflags, 4)
    #expect(pair.names().isEmpty)
    pair.flip(MachineImage.rflags, 6)
    #expect(pair.names() == ["RFLAGS"])
  }

  @Test func exceptionsCount() {
    let pair = Pair(end: .exception)
    pair.theirs.put(OutcomeRecord.vector, 13 as UInt8)
    pair.ours.put(OutcomeRecord.vector, 12 as UInt8)
    #expect(pair.names() == ["vector"])
    pair.ours.put(OutcomeRecord.vector, 13 as UInt8)
    pair.ours.put(OutcomeRecord.errorCode, 8 as UInt32)
    #expect(pair.names() == ["error code"])
    pair.ours.put(OutcomeRecord.errorCode, 0 as UInt32)
    // CR2 is left over from before, unless it is a page fault.
    pair.ours.put(OutcomeRecord.cr2, 1 as UInt64)
    #expect(pair.names().isEmpty)
    for outcome in [pair.ours, pair.theirs] { outcome.put(OutcomeRecord.vector, 14 as UInt8) }
    #expect(pair.names() == ["CR2"])
  }

  /// Linux hides which of its own pages are present.
  @Test(arguments: [(0x1020_2000 as UInt64, false), (0x7FFF_FFFF_F000, true), (0xFFFF_8000_0000_0000, true)])
  func presenceInTheKernelsHalfDoesNotCount(_ linear: UInt64, _ isHidden: Bool) {
    let pair = Pair(end: .exception)
    for outcome in [pair.ours, pair.theirs] {
      outcome.put(OutcomeRecord.vector, 14 as UInt8)
      outcome.put(OutcomeRecord.cr2, linear)
    }
    pair.ours.put(OutcomeRecord.errorCode, 4 as UInt32)
    pair.theirs.put(OutcomeRecord.errorCode, 5 as UInt32)
    #expect(pair.names().isEmpty == isHidden)
  }

  @Test func memoryCounts() {
    let pair = Pair()
    pair.theirs.put(OutcomeRecord.lineCount, 1 as UInt32)
    pair.theirs.put(OutcomeRecord.lineNumbers, 2 as UInt8)
    #expect(pair.names() == ["memory 10200080"])
    pair.ours.put(OutcomeRecord.lineCount, 1 as UInt32)
    pair.ours.put(OutcomeRecord.lineNumbers, 2 as UInt8)
    #expect(pair.names().isEmpty)
    pair.ours.put(OutcomeRecord.lines + 63, 1 as UInt8)
    #expect(pair.names() == ["memory 10200080"])
  }

  @Test func theEndCounts() {
    let pair = Pair()
    pair.ours.put(OutcomeRecord.end, CaseEnd.exception.rawValue)
    #expect(pair.names() == ["end"])
  }

  @Test func whatTheOracleCannotJudgeAgrees() {
    let pair = Pair()
    pair.theirs.put(OutcomeRecord.end, CaseEnd.systemCall.rawValue)
    pair.flip(0)
    #expect(pair.names().isEmpty)
  }

  @Test func transcendentalResultsMayBeOneUnitApart() {
    let pair = Pair()
    pair.record.put(CaseRecord.options, ComparisonOptions.transcendental.rawValue)
    let at = OutcomeRecord.state + MachineImage.st
    for (apart, agrees) in [(1, true), (2, false)] as [(UInt64, Bool)] {
      pair.ours.put(at, 0x8000_0000_0000_0000 as UInt64)
      pair.theirs.put(at, 0x8000_0000_0000_0000 + apart)
      #expect(pair.names().isEmpty == agrees)
    }
    pair.theirs.put(at, 0x8000_0000_0000_0000 as UInt64)
    pair.flip(MachineImage.st + 9, 7)
    #expect(pair.names() == ["ST0"])
  }

  @Test func approximationsMayBeAFewUnitsApart() {
    let pair = Pair()
    pair.record.put(CaseRecord.options, ComparisonOptions.approximation.rawValue)
    let at = OutcomeRecord.state + MachineImage.xmm
    pair.ours.put(at, (1.0 as Float).bitPattern)
    pair.theirs.put(at, (1.0005 as Float).bitPattern)
    #expect(pair.names().isEmpty)
    pair.theirs.put(at, (1.001 as Float).bitPattern)
    #expect(pair.names() == ["XMM0"])
  }
}
