/// A case in which Apus and the oracle disagree, with both outcomes: copies of the records.
package struct Mismatch: Sendable {
  package var record: [UInt8]
  package var apus: [UInt8]
  package var oracle: [UInt8]
  package var differences: [Difference]

  package init(record: [UInt8], apus: [UInt8], oracle: [UInt8], differences: [Difference]) {
    self.record = record
    self.apus = apus
    self.oracle = oracle
    self.differences = differences
  }
}

/// What a run found.
package struct RunSummary: Sendable {
  package var cases: UInt64 = 0
  package var mismatches: UInt64 = 0
  /// Cases that ended in an exception on the oracle's side, that it could not judge, and that were endless.
  package var exceptions: UInt64 = 0
  package var unjudged: UInt64 = 0
  package var timeouts: UInt64 = 0
  /// Cases and mismatches of each form; sequences are the last entry.
  package var casesByForm: [UInt64]
  package var mismatchesByForm: [UInt64]
  /// Exceptions by vector.
  package var vectors = [UInt64](repeating: 0, count: 256)
  /// Cases of bytes that are no instruction, and mismatches in them.
  package var undefinedCases: UInt64 = 0
  package var undefinedMismatches: UInt64 = 0
  /// The first mismatches of each form.
  package var samples: [Mismatch] = []
}

/// Runs generated cases on both sides and compares.
package final class DifferentialRun {
  private let oracle: any Oracle
  private let subject: any Subject
  private var generator: Generator
  private let comparison: Comparison
  private let outcome: UnsafeMutableRawPointer
  package private(set) var summary: RunSummary
  /// Records of mismatches, until they are confirmed.
  private var suspects: [[UInt8]] = []
  private static let suspectLimit = 4096
  /// Mismatches kept per form, and in all.
  private static let samplesPerForm = 2
  private static let sampleLimit = 400

  package init(oracle: any Oracle, subject: any Subject, generator: Generator) {
    self.oracle = oracle
    self.subject = subject
    self.generator = generator
    comparison = Comparison(components: oracle.components & subject.components)
    outcome = .allocate(byteCount: OutcomeRecord.size, alignment: 64)
    outcome.initializeMemory(as: UInt8.self, repeating: 0, count: OutcomeRecord.size)
    let count = generator.forms.count + 1
    summary = RunSummary(
      casesByForm: [UInt64](repeating: 0, count: count),
      mismatchesByForm: [UInt64](repeating: 0, count: count))
  }

  deinit { outcome.deallocate() }

  /// Runs `count` cases. `observe` is called after every batch and ends the run by returning false. What was
  /// found before a failure stays in `summary`.
  package func run(count: UInt64, observe: (RunSummary) -> Bool) throws(DiffFailure) {
    let batches = oracle.batches
    var rest = count
    var current = 0
    fill(batches[0], &rest)
    guard batches[0].count > 0 else { return }
    try oracle.submit(batches[0])
    while true {
      let batch = batches[current]
      // While the oracle works, the next batch is made and Apus runs this one.
      let next = (current + 1) % batches.count
      let overlaps = next != current
      if overlaps { fill(batches[next], &rest) }
      subject.load(batch)
      // Apus's outcomes are compared as soon as they are there, so the oracle's have to come first.
      try oracle.collect(batch)
      if overlaps && batches[next].count > 0 { try oracle.submit(batches[next]) }
      for index in 0..<batch.count { examine(batch, index) }
      guard observe(summary) else {
        if overlaps && batches[next].count > 0 { try oracle.collect(batches[next]) }
        return
      }
      if !overlaps {
        fill(batch, &rest)
        guard batch.count > 0 else { return }
        try oracle.submit(batch)
      } else if batches[next].count == 0 {
        return
      }
      current = next
    }
  }

  private func fill(_ batch: Batch, _ rest: inout UInt64) {
    let count = Int(min(rest, UInt64(Batch.capacity)))
    for index in 0..<count { generator.make(batch, index) }
    batch.count = count
    rest -= UInt64(count)
  }

  @inline(__always)
  private func examine(_ batch: Batch, _ index: Int) {
    let record = batch.caseRecord(index)
    let theirs = batch.outcome(index)
    subject.run(record, outcome)
    summary.cases += 1
    count(record.get(CaseRecord.form), 1, 0)
    switch CaseEnd(rawValue: theirs.get(OutcomeRecord.end)) {
    case .exception:
      summary.exceptions += 1
      summary.vectors[Int(theirs.get(OutcomeRecord.vector, UInt8.self))] += 1
    case .systemCall: summary.unjudged += 1
    case .timeout: summary.timeouts += 1
    default: break
    }
    if comparison.agree(record, outcome, theirs) { return }
    count(record.get(CaseRecord.form), 0, 1)
    if suspects.count < Self.suspectLimit { suspects.append(Self.bytes(record, CaseRecord.size)) }
    keep(
      Mismatch(
        record: Self.bytes(record, CaseRecord.size), apus: Self.bytes(outcome, OutcomeRecord.size),
        oracle: Self.bytes(theirs, OutcomeRecord.size),
        differences: comparison.differences(record, outcome, theirs)))
  }

  /// Adds to the counts of a form.
  private func count(_ form: UInt32, _ cases: Int64, _ mismatches: Int64) {
    func add(_ number: inout UInt64, _ value: Int64) { number &+= UInt64(bitPattern: value) }
    add(&summary.mismatches, mismatches)
    if form == CaseRecord.undefinedForm {
      add(&summary.undefinedCases, cases)
      add(&summary.undefinedMismatches, mismatches)
    } else {
      let index = min(Int(form), summary.casesByForm.count - 1)
      add(&summary.casesByForm[index], cases)
      add(&summary.mismatchesByForm[index], mismatches)
    }
  }

  private func keep(_ mismatch: Mismatch) {
    func form(_ sample: Mismatch) -> ArraySlice<UInt8> {
      sample.record[CaseRecord.form..<CaseRecord.form + 4]
    }
    guard summary.samples.count < Self.sampleLimit,
      summary.samples.lazy.filter({ form($0) == form(mismatch) }).count < Self.samplesPerForm
    else { return }
    summary.samples.append(mismatch)
  }

  /// Runs the mismatches again, each alone, and takes back those that are none: a case of a batch may branch into
  /// the code of another, whose undefined results it does not know.
  package func confirm() throws(DiffFailure) {
    let records = suspects
    suspects = []
    guard !records.isEmpty else { return }
    summary.samples = []
    for record in records {
      let again = try rerun(record)
      if again.differences.isEmpty {
        let form = record[CaseRecord.form..<CaseRecord.form + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        count(form, 0, -1)
      } else {
        keep(again)
      }
    }
  }

  static func bytes(_ pointer: UnsafeMutableRawPointer, _ count: Int) -> [UInt8] {
    [UInt8](UnsafeRawBufferPointer(start: pointer, count: count))
  }

  /// Runs one case on both sides, with no other case in flight and no code but its own.
  package func rerun(_ record: [UInt8]) throws(DiffFailure) -> Mismatch {
    oracle.clearCode()
    subject.clearCode()
    let batch = oracle.batches[0]
    let target = batch.caseRecord(0)
    record.withUnsafeBytes { bytes in
      guard let source = bytes.baseAddress else { return }
      target.copyMemory(from: source, byteCount: min(bytes.count, CaseRecord.size))
    }
    batch.count = 1
    try oracle.submit(batch)
    subject.load(batch)
    subject.run(target, outcome)
    try oracle.collect(batch)
    let theirs = batch.outcome(0)
    return Mismatch(
      record: Self.bytes(target, CaseRecord.size), apus: Self.bytes(outcome, OutcomeRecord.size),
      oracle: Self.bytes(theirs, OutcomeRecord.size),
      differences: comparison.differences(target, outcome, theirs))
  }
}
