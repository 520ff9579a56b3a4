/// Apus as the side under test: what runs cases and says what became of them.
package protocol Subject: AnyObject {
  /// The state components that it has (bits of XCR0).
  var components: UInt64 { get }
  /// Makes every code slot `INT3` again.
  func clearCode()
  /// Puts the code of a batch in place.
  func load(_ batch: Batch)
  /// Runs a case whose code `load` has put in place.
  func run(_ record: UnsafeMutableRawPointer, _ outcome: UnsafeMutableRawPointer)
}

/// The subjects of all modes, made when a case first needs them. All cases of a batch have one mode.
package final class ModeSubjects: Subject {
  private let user = UserMachine()
  private lazy var protected = UserMachine(kernel: ProtectedModeKernel())
  private lazy var real = RealModeMachine()

  package init() {}

  /// Every one of them is the same processor.
  package var components: UInt64 { user.components }

  package func clearCode() {
    user.clearCode()
    protected.clearCode()
    real.clearCode()
  }

  package func load(_ batch: Batch) {
    guard batch.count > 0 else { return }
    subject(of: batch.caseRecord(0)).load(batch)
  }

  package func run(_ record: UnsafeMutableRawPointer, _ outcome: UnsafeMutableRawPointer) {
    subject(of: record).run(record, outcome)
  }

  private func subject(of record: UnsafeMutableRawPointer) -> any Subject {
    switch CaseRecord.caseMode(record) {
    case .real16: real
    case .prot32: protected
    case .compat32, .long64: user
    }
  }
}
