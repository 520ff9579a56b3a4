import Foundation

/// What all runs of all rows gave; the file of `--json` and `--baseline`.
package struct Results: Codable {
  /// What one emulator took for a row.
  package struct Measured: Codable {
    /// CPU time, user and system mode, one value for each round.
    package var seconds: [Double] = []
    /// The greatest resident memory of the process. Empty where nothing asked for it.
    package var peakKilobytes: [Int] = []
    /// Of the whole process, in user mode; from `--count`.
    package var hostInstructions: UInt64?
    /// The emulator's processor or the guest has not what the row needs.
    package var isAbsent = false
  }

  package struct Row: Codable {
    package var row: RowName
    package var checksum: String?
    /// Counted in this program, where Apus runs the bare guests.
    package var guestInstructions: UInt64?
    /// By the emulator's name.
    package var emulators: [String: Measured] = [:]

    /// The emulator's times, or none.
    package func seconds(_ emulator: String) -> [Double] { emulators[emulator]?.seconds ?? [] }
  }

  package struct EmulatorRecord: Codable {
    package var name: String
    package var path: String
    package var version: String
  }

  package struct Skipped: Codable {
    package var rows: String
    package var reason: String
  }

  /// Apus as a process, and Apus in the process of this program.
  package static let apus = "apus"
  package static let inProcess = "apus-in-process"

  package private(set) var format = 2
  /// The host's processor, as it names itself.
  package var host = ""
  /// The host CPU that the emulators were pinned to.
  package var cpu: Int?
  package var emulators: [EmulatorRecord] = []
  package var rows: [Row] = []
  package var skipped: [Skipped] = []

  /// Whose times stand for Apus's in a row: those of the process, unless it ran in this program alone.
  package static func apus(in row: Row) -> Measured? {
    if let process = row.emulators[apus], !process.seconds.isEmpty || process.isAbsent { return process }
    return row.emulators[inProcess] ?? row.emulators[apus]
  }

  /// Adds one run. A row's checksum must be that of all other runs.
  package mutating func add(_ name: RowName, _ emulator: String, _ run: Run) throws(Failure) {
    let index = position(name)
    if let checksum = run.checksum {
      if let known = rows[index].checksum, known != checksum {
        throw .check("\(name.full): \(emulator) gave the checksum \(checksum), runs before it \(known)")
      }
      rows[index].checksum = checksum
    }
    if let count = run.guestInstructions {
      if let known = rows[index].guestInstructions, known != count {
        throw .check("\(name.full): \(count) instructions in one run, \(known) in those before")
      }
      rows[index].guestInstructions = count
    }
    var measured = rows[index].emulators[emulator] ?? Measured()
    if let seconds = run.seconds { measured.seconds.append(seconds) } else { measured.isAbsent = true }
    if let peak = run.peakKilobytes { measured.peakKilobytes.append(peak) }
    rows[index].emulators[emulator] = measured
  }

  package mutating func add(hostInstructions: UInt64, _ name: RowName, _ emulator: String) {
    rows[position(name)].emulators[emulator, default: Measured()].hostInstructions = hostInstructions
  }

  private mutating func position(_ name: RowName) -> Int {
    if let index = rows.firstIndex(where: { $0.row == name }) { return index }
    rows.append(Row(row: name))
    return rows.count - 1
  }

  package func write(_ path: String) throws(Failure) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    do {
      var data = try encoder.encode(self)
      data.append(contentsOf: "\n".utf8)
      try data.write(to: URL(fileURLWithPath: path))
    } catch {
      throw .file("\(path): cannot be written")
    }
  }

  /// What `--json` wrote earlier.
  package init(reading path: String) throws(Failure) {
    let data = Data(try PackageFiles.read(path))
    do { self = try JSONDecoder().decode(Results.self, from: data) } catch {
      throw .file("\(path): is not what --json writes")
    }
    guard format == 2 else { throw .file("\(path): its format is \(format), this program reads 2") }
  }

  package init() {}
}

/// One run of a row.
package struct Run: Equatable {
  /// Nil if what the row needs is absent.
  package var seconds: Double?
  package var peakKilobytes: Int?
  package var checksum: String?
  package var guestInstructions: UInt64?

  package init(
    seconds: Double? = nil, peakKilobytes: Int? = nil, checksum: String? = nil,
    guestInstructions: UInt64? = nil
  ) {
    self.seconds = seconds
    self.peakKilobytes = peakKilobytes
    self.checksum = checksum
    self.guestInstructions = guestInstructions
  }
}
