/// Puts the data memory of a case in place and finds out what the case did to it. Both sides of a comparison use
/// it: the worker on its own memory, Apus's side on guest RAM.
///
/// Safety: `live` is memory of `LinearLayout.dataSize` bytes; offsets and lengths of patches are clipped to it.
final class DataMemory {
  private let background: UnsafeMutableRawPointer
  private let before: UnsafeMutableRawPointer
  /// Lines that `before` has different from `background`: bit sets of 128 lines.
  private var patched: (UInt64, UInt64) = (0, 0)

  /// Data memory that begins at a linear address.
  init(at linear: UInt64 = LinearLayout.data) {
    background = .allocate(byteCount: LinearLayout.dataSize, alignment: 64)
    before = .allocate(byteCount: LinearLayout.dataSize, alignment: 64)
    LinearLayout.fillBackground(background, linear, LinearLayout.dataSize)
    before.copyMemory(from: background, byteCount: LinearLayout.dataSize)
  }

  deinit {
    background.deallocate()
    before.deallocate()
  }

  /// Fills memory with the background.
  func fill(_ live: UnsafeMutableRawPointer) {
    live.copyMemory(from: background, byteCount: LinearLayout.dataSize)
  }

  /// Applies the patches of a case to memory that holds the background.
  @inline(__always)
  func prepare(_ live: UnsafeMutableRawPointer, _ record: UnsafeMutableRawPointer) {
    let count = min(Int(record.get(CaseRecord.patchCount, UInt32.self)), CaseRecord.patchLimit)
    for index in 0..<count {
      let patch = record + (CaseRecord.patches + index * CaseRecord.patchSize)
      let offset = Int(patch.get(0, UInt32.self))
      guard offset < LinearLayout.dataSize else { continue }
      let length = min(Int(patch.get(4, UInt32.self)), 64, LinearLayout.dataSize - offset)
      guard length > 0 else { continue }
      (live + offset).copyMemory(from: patch + 8, byteCount: length)
      (before + offset).copyMemory(from: patch + 8, byteCount: length)
      mark(offset / LinearLayout.lineSize)
      mark((offset + length - 1) / LinearLayout.lineSize)
    }
  }

  @inline(__always)
  private func mark(_ line: Int) {
    if line < 64 { patched.0 |= 1 << UInt64(line) } else { patched.1 |= 1 << UInt64(line - 64) }
  }

  /// Writes the lines that the case changed to its outcome, and restores the background.
  @inline(__always)
  func report(_ live: UnsafeMutableRawPointer, _ outcome: UnsafeMutableRawPointer) {
    var count = 0
    for line in 0..<LinearLayout.lineCount {
      let offset = line * LinearLayout.lineSize
      guard differs(live + offset, before + offset) else { continue }
      outcome.put(OutcomeRecord.lineNumbers + count, UInt8(truncatingIfNeeded: line))
      (outcome + (OutcomeRecord.lines + count * LinearLayout.lineSize))
        .copyMemory(from: live + offset, byteCount: LinearLayout.lineSize)
      (live + offset).copyMemory(from: background + offset, byteCount: LinearLayout.lineSize)
      count += 1
    }
    outcome.put(OutcomeRecord.lineCount, UInt32(count))
    restore(live, &patched.0, 0)
    restore(live, &patched.1, 64)
  }

  @inline(__always)
  private func restore(_ live: UnsafeMutableRawPointer, _ lines: inout UInt64, _ first: Int) {
    while lines != 0 {
      let offset = (first + lines.trailingZeroBitCount) * LinearLayout.lineSize
      lines &= lines - 1
      (live + offset).copyMemory(from: background + offset, byteCount: LinearLayout.lineSize)
      (before + offset).copyMemory(from: background + offset, byteCount: LinearLayout.lineSize)
    }
  }

  @inline(__always)
  private func differs(_ a: UnsafeMutableRawPointer, _ b: UnsafeMutableRawPointer) -> Bool {
    let x = a.assumingMemoryBound(to: SIMD8<UInt64>.self).pointee
    let y = b.assumingMemoryBound(to: SIMD8<UInt64>.self).pointee
    let difference = x ^ y
    let half = difference.lowHalf | difference.highHalf
    let quarter = half.lowHalf | half.highHalf
    return quarter.x | quarter.y != 0
  }
}
