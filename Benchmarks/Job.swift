/// What one process of an emulator does: a bare guest, all workloads, or a boot.
struct Job {
  enum Kind {
    case bare(BareGuest)
    case workloads
    case boot
  }

  let kind: Kind
  /// For messages.
  let name: String
  let rows: [RowName]
  let boot: Boot
}

/// Runs jobs in emulators.
struct Runner {
  let pinning: Pinning
  let timeout: Double
  let bareGuests: BareGuests
  let workloadChecksums: WorkloadChecksums
  /// A directory for what must be made for an emulator.
  let scratch: String

  /// What the first program of a boot prints.
  static let message = "APUS-BOOT-OK"

  /// One run of each of the job's rows, in their order.
  func run(_ job: Job, _ emulator: Emulator) throws(Failure) -> [(row: RowName, run: Run)] {
    guard emulator.runs(job.boot) else { return job.rows.map { ($0, Run()) } }
    let command =
      emulator.kind == .bochs
      ? try Bochs(path: emulator.path, directory: scratch).command(job.boot, name: job.name)
      : emulator.command(job.boot)
    let process = ChildProcess(command: pinning.prefix + command, timeout: timeout)
    var timer = MarkTimer()
    var saidMessage = false
    do throws(Failure) {
      let ending = try process.run { (line, seconds) throws(Failure) in
        if let mark = Mark(line: line) { try timer.add(mark, at: seconds) }
        if line.contains(Self.message) { saidMessage = true }
      }
      do throws(Failure) {
        let status = emulator.status(job.boot)
        guard ending.status == status else {
          throw .check("it ended with status \(ending.status), not \(status)")
        }
        return try runs(job, timer, saidMessage: saidMessage, ending)
      } catch {
        throw process.failure(error.message, ending.tail)
      }
    } catch {
      throw Failure(status: error.status, message: "\(job.name): \(emulator.name): \(error.message)")
    }
  }

  private func runs(
    _ job: Job, _ timer: MarkTimer, saidMessage: Bool, _ ending: Ending
  ) throws(Failure) -> [(row: RowName, run: Run)] {
    if case .boot = job.kind {
      guard saidMessage else { throw .check("it did not print \(Self.message)") }
      return [(job.rows[0], Run(seconds: ending.seconds, peakKilobytes: ending.peakKilobytes))]
    }
    let intervals = try timer.finish(job.rows.map(\.name))
    var runs: [(row: RowName, run: Run)] = []
    for row in job.rows {
      guard let interval = intervals.first(where: { $0.name == row.name }) else { continue }
      var run: Run
      switch job.kind {
      case .bare(let guest): run = try bareGuests.run(guest, interval)
      case .workloads, .boot: run = try workloadChecksums.run(row, interval)
      }
      // Both marks were read at once: the guest was faster than this program looks, or its output was held back.
      if let seconds = run.seconds, seconds <= 0 {
        throw .check("'\(row.name)' took no time; the emulator holds its output back")
      }
      run.peakKilobytes = ending.peakKilobytes
      runs.append((row, run))
    }
    return runs
  }
}
