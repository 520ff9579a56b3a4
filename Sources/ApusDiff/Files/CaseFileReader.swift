/// A case read from a file, with its results if the file has them.
package struct StoredCase: Sendable {
  package var name: String
  /// A `CaseRecord` of `CaseRecord.size` bytes.
  package var record: [UInt8]
  /// An `OutcomeRecord`, or nil.
  package var outcome: [UInt8]?
}

/// Reads the text format of FORMATS.md. Whatever the text holds, the result is cases within their bounds or one
/// failure with the line and what was expected there.
package struct CaseFileReader {
  private let file: String
  private var line = 0
  private var cases: [StoredCase] = []
  private var name = ""
  private var record: [UInt8] = []
  private var outcome: [UInt8] = []
  private enum Part { case outside, input, results }
  private var part = Part.outside
  private var hasCode = false
  package private(set) var provenance = ""

  private init(file: String) { self.file = file }

  /// The cases of a file's content; `file` is for messages.
  package static func read(_ bytes: [UInt8], file: String) throws(DiffFailure) -> [StoredCase] {
    var reader = CaseFileReader(file: file)
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard let first = lines.first, String(decoding: first, as: UTF8.self) == CaseFileWriter.magic else {
      throw .badInput(file: file, place: "line 1", expectation: "\"\(CaseFileWriter.magic)\"")
    }
    for line in lines {
      reader.line += 1
      if reader.line == 1 { continue }
      try reader.take(String(decoding: line, as: UTF8.self))
    }
    if reader.part == .results { throw reader.bad("\"done\"") }
    try reader.finishCase()
    return reader.cases
  }

  /// One answer of an `exec` oracle: the lines from `result` to `done`.
  package static func readResults(
    _ lines: [String], record: [UInt8], oracle: String
  ) throws(DiffFailure) -> [UInt8] {
    var reader = CaseFileReader(file: oracle)
    reader.record = record
    reader.part = .input
    reader.hasCode = true
    for line in lines {
      reader.line += 1
      try reader.take(line)
    }
    guard reader.part == .outside, let result = reader.cases.last?.outcome else {
      throw reader.bad("\"done\"")
    }
    return result
  }

  private func bad(_ expectation: String) -> DiffFailure {
    .badInput(file: file, place: "line \(line)", expectation: expectation)
  }

  private mutating func take(_ line: String) throws(DiffFailure) {
    guard !line.isEmpty, !line.hasPrefix("#") else { return }
    let words = line.split(separator: " ", omittingEmptySubsequences: true)
    guard let key = words.first else { return }
    switch (String(key), part) {
    case ("provenance", .outside): provenance = String(line.dropFirst(11))
    case ("case", .outside), ("case", .input):
      try finishCase()
      name = String(line.dropFirst(5))
      record = [UInt8](repeating: 0, count: CaseRecord.size)
      withRecord { $0.put(CaseRecord.flagMask, ~0 as UInt64) }
      withRecord { record in
        record.put(CaseRecord.form, ~0 as UInt32)
        record.put(CaseRecord.mode, CaseMode.long64.rawValue)
        // Whatever a file says of the state is in use.
        record.put(CaseRecord.state + MachineImage.xstateBV, 7 as UInt64)
      }
      hasCode = false
      part = .input
    case ("result", .input):
      guard hasCode else { throw bad("\"code\" before \"result\"") }
      try beginResults(words)
    case ("done", .results):
      cases.append(StoredCase(name: name, record: record, outcome: outcome))
      part = .outside
    case ("mode", .input), ("code", .input), ("ignore-flags", .input), ("options", .input), ("steps", .input):
      try takeInput(words)
    case ("mem", .input), ("mem", .results): try takeMemory(words)
    case ("ignore-flags", .results):
      let value = try number(words.dropFirst().first, ~0, "flags")
      withOutcome { $0.put(OutcomeRecord.ignoredFlags, value) }
    case (_, .input), (_, .results): try takeField(words)
    default: throw bad("\"case\"")
    }
  }

  private mutating func finishCase() throws(DiffFailure) {
    guard part == .input else { return }
    guard hasCode else { throw bad("\"code\" in the case before") }
    cases.append(StoredCase(name: name, record: record, outcome: nil))
    part = .outside
  }

  private mutating func withRecord(_ body: (UnsafeMutableRawPointer) -> Void) {
    record.withUnsafeMutableBytes { if let base = $0.baseAddress { body(base) } }
  }

  private func number(_ text: Substring?, _ limit: UInt64, _ what: String) throws(DiffFailure) -> UInt64 {
    guard let text, let value = UInt64(text, radix: 16), value <= limit else {
      throw bad("\(what): a hexadecimal number up to \(Hex.text(limit, 1))")
    }
    return value
  }

  private func bytes(_ text: Substring?, _ range: ClosedRange<Int>) throws(DiffFailure) -> [UInt8] {
    let digits = Array((text ?? "").utf8)
    let values = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
      UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
    }
    guard digits.count % 2 == 0, values.count * 2 == digits.count, range.contains(values.count) else {
      throw bad("\(range.lowerBound) to \(range.upperBound) bytes in hexadecimal")
    }
    return values
  }

  private var layout: ModeLayout { (CaseMode(rawValue: record[CaseRecord.mode]) ?? .long64).layout }

  private mutating func takeInput(_ words: [Substring]) throws(DiffFailure) {
    switch words[0] {
    case "mode":
      guard words.count == 2, let mode = CaseMode(name: words[1]) else {
        throw bad("mode real16, prot32, compat32 or long64")
      }
      // Addresses are those of the mode.
      guard !hasCode, record[CaseRecord.patchCount] == 0 else {
        throw bad("\"mode\" before \"code\" and \"mem\"")
      }
      withRecord { $0.put(CaseRecord.mode, mode.rawValue) }
    case "code":
      let at = try number(words.dropFirst().first, 0xFFFF_FFFF, "the address of the code")
      guard layout.isSlot(at) else { throw bad("the address of a code slot") }
      let code = try bytes(words.dropFirst(2).first, 1...(LinearLayout.slotSize - 5))
      withRecord { record in
        record.put(CaseRecord.codeAddress, at)
        record.put(CaseRecord.codeLength, UInt32(code.count))
        record.put(CaseRecord.instructionCount, 1 as UInt8)
        for (index, byte) in code.enumerated() { record.put(CaseRecord.code + index, byte) }
        CaseRecord.appendExit(record)
      }
      hasCode = true
    case "ignore-flags":
      let value = try number(words.dropFirst().first, ~0, "flags")
      withRecord { $0.put(CaseRecord.flagMask, ~value) }
    case "options":
      let value = try number(words.dropFirst().first, 0xFFFF_FFFF, "options")
      withRecord { $0.put(CaseRecord.options, UInt32(value)) }
    default: withRecord { $0.put(CaseRecord.steps, 1 as UInt8) }
    }
  }

  private mutating func beginResults(_ words: [Substring]) throws(DiffFailure) {
    outcome = [UInt8](repeating: 0, count: OutcomeRecord.size)
    for index in 0..<MachineImage.size {
      outcome[OutcomeRecord.state + index] = record[CaseRecord.state + index]
    }
    let ends: [String: CaseEnd] = [
      "completed": .completed, "exception": .exception, "timeout": .timeout, "stopped": .stopped,
      "systemCall": .systemCall,
    ]
    guard words.count >= 2, let end = ends[String(words[1])] else {
      throw bad("result completed, exception, timeout, stopped or systemCall")
    }
    outcome[OutcomeRecord.end] = end.rawValue
    if end == .exception {
      guard words.count >= 4, let vector = UInt8(words[2]) else {
        throw bad("exception, its vector in decimal, its error code, and CR2 for vector 14")
      }
      outcome[OutcomeRecord.vector] = vector
      let code = try number(words[3], 0xFFFF_FFFF, "the error code")
      let cr2 = vector == 14 ? try number(words.dropFirst(4).first, ~0, "CR2") : 0
      withOutcome { outcome in
        outcome.put(OutcomeRecord.errorCode, UInt32(code))
        outcome.put(OutcomeRecord.cr2, cr2)
      }
    }
    part = .results
  }

  private mutating func withOutcome(_ body: (UnsafeMutableRawPointer) -> Void) {
    outcome.withUnsafeMutableBytes { if let base = $0.baseAddress { body(base) } }
  }

  private mutating func takeMemory(_ words: [Substring]) throws(DiffFailure) {
    let at = try number(words.dropFirst().first, 0xFFFF_FFFF, "the address of memory")
    let values = try bytes(words.dropFirst(2).first, 1...64)
    let data = layout.dataRange
    guard data.contains(at), data.upperBound - at >= UInt64(values.count) else {
      throw bad("memory within \(Hex.text(data.lowerBound, 8)) and \(Hex.text(data.upperBound, 8))")
    }
    let offset = Int(at - data.lowerBound)
    if part == .input {
      let count = Int(record[CaseRecord.patchCount])
      guard count < CaseRecord.patchLimit else { throw bad("at most \(CaseRecord.patchLimit) lines \"mem\"") }
      withRecord { record in
        let patch = record + (CaseRecord.patches + count * CaseRecord.patchSize)
        patch.put(0, UInt32(offset))
        patch.put(4, UInt32(values.count))
        for (index, byte) in values.enumerated() { patch.put(8 + index, byte) }
        record.put(CaseRecord.patchCount, UInt32(count + 1))
      }
      return
    }
    guard values.count == LinearLayout.lineSize, offset % LinearLayout.lineSize == 0 else {
      throw bad("changed memory in aligned lines of 64 bytes")
    }
    let line = UInt8(offset / LinearLayout.lineSize)
    var count = 0
    withOutcome { count = Int($0.get(OutcomeRecord.lineCount, UInt32.self)) }
    guard count == 0 || outcome[OutcomeRecord.lineNumbers + count - 1] < line else {
      throw bad("changed memory in ascending order")
    }
    withOutcome { outcome in
      outcome.put(OutcomeRecord.lineNumbers + count, line)
      let target = OutcomeRecord.lines + count * LinearLayout.lineSize
      for (index, byte) in values.enumerated() { outcome.put(target + index, byte) }
      outcome.put(OutcomeRecord.lineCount, UInt32(count + 1))
    }
  }

  private mutating func takeField(_ words: [Substring]) throws(DiffFailure) {
    let name = String(words[0])
    let value = words.dropFirst().first
    if let index = CaseFields.registers.firstIndex(of: name) {
      let number = try number(value, ~0, name)
      return withImage { $0.setGPR(index, number) }
    }
    if let field = CaseFields.scalars.first(where: { $0.name == name }) {
      let limit = field.size == 8 ? ~0 : (1 as UInt64) << UInt64(field.size * 8) - 1
      let number = try number(value, limit, name)
      return withImage { CaseFields.set($0, field, number) }
    }
    if name.hasPrefix("st"), let index = Int(name.dropFirst(2)), (0..<8).contains(index) {
      let parts = try bytes(value, 10...10)
      return withImage { image in
        for (offset, byte) in parts.reversed().enumerated() {
          image.put(MachineImage.st + index * 16 + offset, byte)
        }
      }
    }
    if name.hasPrefix("ymm"), let index = Int(name.dropFirst(3)), (0..<16).contains(index) {
      let parts = try bytes(value, 32...32)
      return withImage { image in
        for (offset, byte) in parts.reversed().enumerated() {
          let base = offset < 16 ? MachineImage.xmm : MachineImage.ymmHigh - 16
          image.put(base + index * 16 + offset, byte)
        }
      }
    }
    throw bad("the name of a field, not \"\(name)\"")
  }

  private mutating func withImage(_ body: (UnsafeMutableRawPointer) -> Void) {
    if part == .input {
      withRecord { body($0 + CaseRecord.state) }
    } else {
      withOutcome { body($0 + OutcomeRecord.state) }
    }
  }
}
