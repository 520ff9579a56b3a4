/// What a line on a guest's console says about its progress. The bare guests print `bench N NAME start` and
/// `bench N NAME checksum HEX`, the workloads `mark NAME start` and `mark NAME end CHECKSUM NANOSECONDS`.
package enum Mark: Equatable {
  case start(String)
  case end(String, checksum: String)
  /// The guest cannot do this work: the processor has not the instructions, or the guest not the program.
  case absent(String)

  /// Nil for any other line. The mark may follow other text: QEMU's firmware leaves the cursor in a line that
  /// it has begun.
  package init?(line: String) {
    let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
    for index in words.indices.reversed() {
      let rest = Array(words[(index + 1)...])
      if words[index].hasSuffix("bench"), rest.count >= 3, Int(rest[0]) != nil {
        switch (rest[2], rest.count) {
        case ("start", 3): self = .start(rest[1])
        case ("checksum", 4): self = .end(rest[1], checksum: rest[3])
        case ("unavailable", 3): self = .absent(rest[1])
        default: continue
        }
        return
      }
      if words[index].hasSuffix("mark"), rest.count >= 2 {
        switch (rest[1], rest.count) {
        case ("start", 2): self = .start(rest[0])
        case ("end", 4) where UInt64(rest[3]) != nil: self = .end(rest[0], checksum: rest[2])
        case ("absent", 2): self = .absent(rest[0])
        default: continue
        }
        return
      }
    }
    return nil
  }
}

/// What the emulator took for the work between two marks.
package struct Interval: Equatable {
  package let name: String
  /// Nil if the work is absent.
  package let checksum: String?
  package let seconds: Double

  package init(name: String, checksum: String?, seconds: Double) {
    self.name = name
    self.checksum = checksum
    self.seconds = seconds
  }
}

/// Makes intervals of marks and the CPU times at which they came.
package struct MarkTimer {
  package private(set) var intervals: [Interval] = []
  private var open: (name: String, seconds: Double)?

  package init() {}

  /// Throws if this mark cannot follow those before.
  package mutating func add(_ mark: Mark, at seconds: Double) throws(Failure) {
    switch mark {
    case .start(let name):
      if let open { throw .check("'\(name)' starts before the end of '\(open.name)'") }
      try requireNew(name)
      open = (name, seconds)
    case .end(let name, let checksum):
      guard let start = open, start.name == name else { throw .check("'\(name)' ends without a start") }
      open = nil
      intervals.append(Interval(name: name, checksum: checksum, seconds: seconds - start.seconds))
    case .absent(let name):
      if let open, open.name != name { throw .check("'\(name)' is absent before the end of '\(open.name)'") }
      open = nil
      try requireNew(name)
      intervals.append(Interval(name: name, checksum: nil, seconds: 0))
    }
  }

  /// The intervals, which must be `names`, each once.
  package func finish(_ names: [String]) throws(Failure) -> [Interval] {
    if let open { throw .check("'\(open.name)' does not end") }
    for name in names where !intervals.contains(where: { $0.name == name }) {
      throw .check("'\(name)' does not start")
    }
    for interval in intervals where !names.contains(interval.name) {
      throw .check("'\(interval.name)' is none of the expected: \(names.joined(separator: ", "))")
    }
    return intervals
  }

  private func requireNew(_ name: String) throws(Failure) {
    if intervals.contains(where: { $0.name == name }) { throw .check("'\(name)' comes twice") }
  }
}
