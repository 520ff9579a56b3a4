/// Runs stored cases.
package final class Replay {
  private let subject: any Subject
  private let oracle: (any Oracle)?
  private let batch = Batch()
  private let outcome: UnsafeMutableRawPointer

  /// Against the results in the files, or against `oracle`.
  package init(subject: any Subject, oracle: (any Oracle)?) {
    self.subject = subject
    self.oracle = oracle
    outcome = .allocate(byteCount: OutcomeRecord.size, alignment: 64)
    outcome.initializeMemory(as: UInt8.self, repeating: 0, count: OutcomeRecord.size)
  }

  deinit { outcome.deallocate() }

  /// The mismatch of a case, or nil if it agrees. `file` is for messages.
  package func run(_ stored: StoredCase, file: String) throws(DiffFailure) -> Mismatch? {
    let batch = oracle?.batches.first ?? self.batch
    let record = batch.caseRecord(0)
    stored.record.withUnsafeBytes { bytes in
      if let base = bytes.baseAddress { record.copyMemory(from: base, byteCount: CaseRecord.size) }
    }
    let mode = CaseRecord.caseMode(record)
    if let oracle, !oracle.runs(mode) {
      throw .unavailable(oracle.name, "it cannot run case \(stored.name) of \(file), which is \(mode.name)")
    }
    batch.count = 1
    var components = subject.components
    if let oracle {
      components &= oracle.components
      try oracle.submit(batch)
      try oracle.collect(batch)
    } else {
      guard let results = stored.outcome else {
        throw .badInput(file: file, place: "case \(stored.name)", expectation: "a result")
      }
      let target = batch.outcome(0)
      results.withUnsafeBytes { bytes in
        if let base = bytes.baseAddress { target.copyMemory(from: base, byteCount: OutcomeRecord.size) }
      }
    }
    subject.load(batch)
    subject.run(record, outcome)
    let comparison = Comparison(components: components)
    let differences = comparison.differences(record, outcome, batch.outcome(0))
    guard !differences.isEmpty else { return nil }
    return Mismatch(
      record: DifferentialRun.bytes(record, CaseRecord.size),
      apus: DifferentialRun.bytes(outcome, OutcomeRecord.size),
      oracle: DifferentialRun.bytes(batch.outcome(0), OutcomeRecord.size), differences: differences)
  }
}

/// Makes a corpus: cases with the results of an oracle, by row of the opcode maps.
package struct CorpusMaker {
  private let oracle: any Oracle
  private var generator: Generator
  private let list: FormList

  package init(oracle: any Oracle, list: FormList, generator: Generator) {
    self.oracle = oracle
    self.list = list
    self.generator = generator
  }

  /// Runs `casesPerForm` cases of each form and gives the text of each row's file with its name to `save`.
  package mutating func make<E: Error>(
    casesPerForm: Int, failure: (DiffFailure) -> E, save: (String, String) throws(E) -> Void
  ) throws(E) {
    var texts: [Int: String] = [:]
    var rest = list.forms.count * casesPerForm
    let batch = oracle.batches[0]
    while rest > 0 {
      batch.count = min(rest, Batch.capacity)
      rest -= batch.count
      for index in 0..<batch.count { generator.make(batch, index) }
      do throws(DiffFailure) {
        try oracle.submit(batch)
        try oracle.collect(batch)
      } catch {
        throw failure(error)
      }
      for index in 0..<batch.count { add(batch.caseRecord(index), batch.outcome(index), &texts) }
    }
    for (row, text) in texts.sorted(by: { $0.key < $1.key }) {
      try save(Self.fileName(row), CaseFileWriter.head(provenance: oracle.provenance) + text)
    }
  }

  private func add(
    _ record: UnsafeMutableRawPointer, _ outcome: UnsafeMutableRawPointer, _ texts: inout [Int: String]
  ) {
    let form = Int(record.get(CaseRecord.form, UInt32.self))
    // What an oracle could not finish is no example.
    let end = CaseEnd(rawValue: outcome.get(OutcomeRecord.end))
    guard form < list.forms.count, end == .completed || end == .exception else { return }
    let name = "\(list.forms[form].name) #\(record.get(CaseRecord.number, UInt64.self))"
    texts[list.forms[form].row, default: ""] +=
      CaseFileWriter.text(record, name: name) + CaseFileWriter.results(record, outcome)
  }

  /// The row with everything but letters and digits replaced.
  private static func fileName(_ row: Int) -> String {
    let name = FormList.rowName(row)
    let safe = name.utf8.map { byte -> UInt8 in
      let isPlain =
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || byte == UInt8(ascii: ".")
      return isPlain ? byte : UInt8(ascii: "_")
    }
    let number = String(row)
    return String(repeating: "0", count: max(0, 4 - number.count)) + number + "-"
      + String(decoding: safe, as: UTF8.self) + ".cases"
  }
}
