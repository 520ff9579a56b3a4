/// Makes a failing case as simple as it can be while it still fails.
package struct Shrinker {
  private let rerun: ([UInt8]) throws(DiffFailure) -> Mismatch

  /// `rerun` runs a case record on both sides.
  package init(rerun: @escaping ([UInt8]) throws(DiffFailure) -> Mismatch) { self.rerun = rerun }

  /// The simplest case found, with its outcomes; the case itself if it does not fail again.
  package func shrink(_ mismatch: Mismatch) throws(DiffFailure) -> Mismatch {
    var best = try rerun(mismatch.record)
    guard !best.differences.isEmpty else { return mismatch }
    var improved = true
    for _ in 0..<4 where improved {
      improved = false
      for change in Shrinker.changes {
        var record = best.record
        guard change(&record), record != best.record else { continue }
        let result = try rerun(record)
        // It has to fail in the same fields, or another defect would take the place of this one.
        guard !result.differences.isEmpty, names(result).isSubset(of: names(mismatch)) else { continue }
        best = result
        improved = true
      }
    }
    return best
  }

  private func names(_ mismatch: Mismatch) -> Set<String> { Set(mismatch.differences.map(\.name)) }

  private typealias Change = @Sendable (inout [UInt8]) -> Bool

  /// Simplifications, the largest first. Each tells whether it applies.
  private static let changes: [Change] = {
    var changes: [Change] = []
    for index in (0..<8).reversed() { changes.append { dropInstruction(&$0, index) } }
    let state = CaseRecord.state
    changes.append { set(&$0, state + MachineImage.xmm, 256, []) }
    changes.append { set(&$0, state + MachineImage.ymmHigh, 256, []) }
    changes.append { set(&$0, state + MachineImage.st, 128, []) }
    changes.append { set(&$0, state + MachineImage.fcw, 24, [0x7F, 0x03]) }
    changes.append { set(&$0, CaseRecord.patchCount, 4, []) }
    for index in (0..<CaseRecord.patchLimit).reversed() { changes.append { dropPatch(&$0, index) } }
    changes.append { set(&$0, state + MachineImage.rflags, 8, [0x02, 0x02]) }
    for bit in [0, 2, 4, 6, 7, 8, 10, 11, 14, 16, 18, 21] {
      changes.append { clearBit(&$0, (state + MachineImage.rflags) * 8 + bit) }
    }
    changes.append { set(&$0, state + MachineImage.mxcsr, 4, [0x80, 0x1F]) }
    for index in 0..<16 { changes.append { set(&$0, state + index * 8, 8, []) } }
    for index in 0..<16 {
      changes.append { set(&$0, state + MachineImage.xmm + index * 16, 16, []) }
      changes.append { set(&$0, state + MachineImage.ymmHigh + index * 16, 16, []) }
      changes.append { set(&$0, state + MachineImage.xmm + index * 16 + 8, 8, []) }
    }
    for index in 0..<8 { changes.append { set(&$0, state + MachineImage.st + index * 16, 16, []) } }
    for offset in [2, 6, 8, 16] { changes.append { set(&$0, state + MachineImage.fcw + offset, 2, []) } }
    changes.append { set(&$0, state + MachineImage.ftw, 2, [0xFF, 0]) }
    changes.append { set(&$0, state + MachineImage.fsBase, 16, []) }
    changes.append { dropPrefix(&$0) }
    return changes
  }()

  private static func set(_ record: inout [UInt8], _ at: Int, _ count: Int, _ values: [UInt8]) -> Bool {
    for index in 0..<count { record[at + index] = index < values.count ? values[index] : 0 }
    return true
  }

  private static func clearBit(_ record: inout [UInt8], _ bit: Int) -> Bool {
    record[bit >> 3] &= ~(1 << UInt8(bit & 7))
    return true
  }

  private static func dropPatch(_ record: inout [UInt8], _ index: Int) -> Bool {
    let count = Int(record[CaseRecord.patchCount])
    guard index < count else { return false }
    let start = CaseRecord.patches + index * CaseRecord.patchSize
    let end = CaseRecord.patches + CaseRecord.patchLimit * CaseRecord.patchSize
    for at in start..<(end - CaseRecord.patchSize) { record[at] = record[at + CaseRecord.patchSize] }
    record[CaseRecord.patchCount] = UInt8(count - 1)
    return true
  }

  /// Replaces an instruction of a sequence by NOPs, which keeps all addresses.
  private static func dropInstruction(_ record: inout [UInt8], _ index: Int) -> Bool {
    let count = Int(record[CaseRecord.instructionCount])
    guard count > 1, index < count else { return false }
    let start = Int(record[CaseRecord.boundaries + index])
    let end =
      index + 1 < count ? Int(record[CaseRecord.boundaries + index + 1]) : Int(record[CaseRecord.codeLength])
    guard start < end, end <= LinearLayout.slotSize else { return false }
    for at in start..<end { record[CaseRecord.code + at] = 0x90 }
    return true
  }

  /// Replaces the first prefix of a single instruction by a NOP.
  private static func dropPrefix(_ record: inout [UInt8]) -> Bool {
    guard record[CaseRecord.instructionCount] == 1 else { return false }
    let prefixes: Set<UInt8> = [0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3]
    guard prefixes.contains(record[CaseRecord.code]) else { return false }
    record[CaseRecord.code] = 0x90
    return true
  }
}
