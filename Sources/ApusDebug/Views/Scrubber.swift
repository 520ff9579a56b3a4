/// Where the machine is in its history, as a bar.
package struct Scrubber {
  private let start: UInt64
  private let end: UInt64
  private let now: UInt64
  private let checkpoints: [UInt64]
  private let step: UInt64

  /// `step` is how far one key goes.
  package init(_ debugger: Debugger, step: UInt64) {
    now = debugger.machine.instructions
    start = debugger.history?.start ?? now
    end = max(debugger.history?.end ?? now, now)
    checkpoints = debugger.history?.checkpointTimes ?? []
    self.step = step
  }

  /// The place of a moment on a bar of `width` places.
  private func place(_ moment: UInt64, width: Int) -> Int {
    guard end > start, width > 1 else { return 0 }
    let share = Double(min(max(moment, start), end) - start) / Double(end - start)
    return min(Int(share * Double(width - 1)), width - 1)
  }

  /// The line, `width` places long.
  package func line(width: Int) -> StyledLine {
    guard width > 0 else { return StyledLine() }
    var left = Digits.grouped(start) + " "
    var right = " " + Digits.grouped(end) + " ±" + Digits.grouped(step)
    if width - left.count - right.unicodeScalars.count < 20 {
      (left, right) = ("", " ±" + Digits.grouped(step))
    }
    if width - right.unicodeScalars.count < 4 { right = "" }
    let barWidth = max(width - left.count - right.unicodeScalars.count, 1)
    var marks = [Character](repeating: "─", count: barWidth)
    for checkpoint in checkpoints { marks[place(checkpoint, width: barWidth)] = "┼" }
    let here = place(now, width: barWidth)
    var line = StyledLine(left, .faint)
    line.add(String(marks[..<here]), .address)
    line.add("█", .changed)
    line.add(String(marks[(here + 1)...]), .faint)
    line.add(right, .faint)
    return line
  }
}
