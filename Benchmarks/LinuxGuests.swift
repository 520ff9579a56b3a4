import Foundation

/// Debian's kernels and the programs for them, which Scripts/fetch-debian-guest.sh obtains.
struct LinuxGuests {
  private let directory: String
  /// Rows whose files are not there.
  private(set) var skipped: [Results.Skipped] = []

  private static let commandLine = "console=ttyS0 quiet"

  /// Nil for the package's own directory, which need not be there.
  init(_ directory: String?) throws(Failure) {
    if let directory, !PackageFiles.exists(directory) { throw .file("\(directory): is not there") }
    if let directory {
      self.directory = directory
    } else {
      self.directory = try PackageFiles.path(PackageFiles.guests)
    }
  }

  /// One job for all of these rows; none if there are no rows.
  mutating func workloads(_ rows: [RowName]) -> [Job] {
    guard !rows.isEmpty, let kernel = find("vmlinuz-cloud", for: "workloads", ""),
      let initrd = find("initramfs-workloads.cpio", for: "workloads", " --workloads")
    else { return [] }
    return [Self.workloads(rows, kernel: kernel, initrd: initrd)]
  }

  static func workloads(_ rows: [RowName], kernel: String, initrd: String) -> Job {
    // What follows -- the kernel hands to the first program, which takes it for the workloads to run.
    let names = rows.count == RowName.workloads.count ? [] : ["--"] + rows.map(\.name)
    let boot = boot(kernel, initrd, ([commandLine] + names).joined(separator: " "))
    return Job(kind: .workloads, name: rows.count == 1 ? rows[0].full : "workloads", rows: rows, boot: boot)
  }

  mutating func boots(_ rows: [RowName]) -> [Job] {
    var jobs: [Job] = []
    for row in rows {
      let option = row.name == "vmlinuz-cloud" ? "" : " --generic"
      guard let kernel = find(row.name, for: row.full, option),
        let initrd = find("initramfs-message.cpio", for: row.full, "")
      else { continue }
      jobs.append(
        Job(kind: .boot, name: row.full, rows: [row], boot: Self.boot(kernel, initrd, Self.commandLine)))
    }
    return jobs
  }

  private static func boot(_ kernel: String, _ initrd: String, _ commandLine: String) -> Boot {
    Boot(
      kernel: kernel, initrd: initrd, commandLine: commandLine, megabytes: 256, leavesByDebugExit: false)
  }

  /// The file's path; nil, and a note about the rows, if it is not there.
  private mutating func find(_ file: String, for rows: String, _ option: String) -> String? {
    let path = URL(fileURLWithPath: directory).appendingPathComponent(file).path
    if PackageFiles.exists(path) { return path }
    let hint = "Scripts/fetch-debian-guest.sh\(option)"
    skipped.append(.init(rows: rows, reason: "\(path) is not there (\(hint))"))
    return nil
  }
}
