import Foundation

/// What is to be run: jobs, and emulators for them.
struct Suite {
  let apus: Emulator?
  let peers: [Emulator]
  let jobs: [Job]
  /// Run in this program, besides.
  let inProcess: [BareGuest]
  private(set) var skipped: [Results.Skipped] = []

  /// Apus first; none at all without it.
  var emulators: [Emulator] { apus.map { [$0] + peers } ?? [] }

  /// Jobs whose times say something that runs in this program do not.
  var timed: [Job] {
    jobs.filter { job in
      if case .bare = job.kind { return !peers.isEmpty || inProcess.isEmpty }
      return true
    }
  }

  /// The same with a process for each row: a count is of a whole process.
  var counted: [Job] {
    jobs.flatMap { job in
      guard case .workloads = job.kind, let initrd = job.boot.initrd else { return [job] }
      return job.rows.map { Self.workloads([$0], kernel: job.boot.kernel, initrd: initrd) }
    }
  }

  private static func workloads(_ rows: [RowName], kernel: String, initrd: String) -> Job {
    // What follows -- the kernel hands to the first program, which takes it for the workloads to run.
    let names = rows.count == RowName.workloads.count ? [] : ["--"] + rows.map(\.name)
    let boot = Boot(
      kernel: kernel, initrd: initrd, commandLine: ([Self.commandLine] + names).joined(separator: " "),
      megabytes: 256, leavesByDebugExit: false)
    return Job(kind: .workloads, name: rows.count == 1 ? rows[0].full : "workloads", rows: rows, boot: boot)
  }

  private static let commandLine = "console=ttyS0 quiet"

  init(_ options: Options, _ bareGuests: BareGuests) throws(Failure) {
    let boots = ["vmlinuz-cloud", "vmlinuz-amd64"].map { RowName(group: .boots, name: $0) }
    let all = bareGuests.guests.map(\.row) + RowName.workloads + boots
    let only =
      options.only.isEmpty && options.count && options.runs == nil ? [Group.bare.rawValue] : options.only
    let selection = try Selection(only, among: all)
    let hasApus = try Self.findApus(options)
    apus = hasApus.emulator
    peers = try Self.findPeers(options)

    let directory: String
    if let guests = options.guests {
      directory = guests
    } else {
      directory = try PackageFiles.path(PackageFiles.guests)
    }
    if options.guests != nil, !PackageFiles.exists(directory) { throw .file("\(directory): is not there") }
    var skipped: [Results.Skipped] = []
    /// The file's path; nil, and a note about the rows, if it is not there.
    func guest(_ file: String, _ rows: String, _ script: String) -> String? {
      let path = URL(fileURLWithPath: directory).appendingPathComponent(file).path
      if PackageFiles.exists(path) { return path }
      skipped.append(
        .init(rows: rows, reason: "\(path) is not there (Scripts/fetch-debian-guest.sh\(script))"))
      return nil
    }

    let selected = bareGuests.guests.filter { selection.contains($0.row) }
    var jobs = selected.map { guest in
      Job(kind: .bare(guest), name: guest.row.full, rows: [guest.row], boot: bareGuests.boot(guest))
    }
    let workloads = RowName.workloads.filter(selection.contains)
    if !workloads.isEmpty, let kernel = guest("vmlinuz-cloud", "workloads", ""),
      let initrd = guest("initramfs-workloads.cpio", "workloads", " --workloads")
    {
      jobs.append(Self.workloads(workloads, kernel: kernel, initrd: initrd))
    }
    for row in boots.filter(selection.contains) {
      let script = row.name == "vmlinuz-cloud" ? "" : " --generic"
      guard let kernel = guest(row.name, row.full, script),
        let initrd = guest("initramfs-message.cpio", row.full, "")
      else { continue }
      let boot = Boot(
        kernel: kernel, initrd: initrd, commandLine: Self.commandLine, megabytes: 256,
        leavesByDebugExit: false)
      jobs.append(Job(kind: .boot, name: row.full, rows: [row], boot: boot))
    }
    if let missing = hasApus.missing, !jobs.isEmpty {
      skipped.append(.init(rows: "all rows that run Apus as a process", reason: missing))
    }
    self.jobs = jobs
    inProcess = options.apus == nil ? selected : []
    self.skipped = skipped
  }

  private static func findApus(_ options: Options) throws(Failure) -> (emulator: Emulator?, missing: String?)
  {
    let path = options.apus ?? PackageFiles.apus
    if let program = PackageFiles.program(path) {
      return (Emulator(name: Results.apus, kind: .apus, path: program), nil)
    }
    guard options.apus == nil else { throw .file("\(path): is not an executable file") }
    return (nil, "\(path) is not there (swift build -c release --product apus)")
  }

  private static let installed = ["qemu": "qemu-system-x86_64", "bochs": "bochs"]

  private static func findPeers(_ options: Options) throws(Failure) -> [Emulator] {
    var emulators: [Emulator] = []
    for peer in options.peers ?? ["qemu", "bochs"] {
      let parts = peer.split(separator: "=", maxSplits: 1).map(String.init)
      let path = parts.count == 2 ? parts[1] : installed[parts[0]] ?? parts[0]
      let kind: Emulator.Kind = parts[0] == "qemu" ? .qemu : parts[0] == "bochs" ? .bochs : .apus
      if let program = PackageFiles.program(path) {
        emulators.append(Emulator(name: parts[0], kind: kind, path: program))
      } else if options.peers != nil {
        throw .file(parts.count == 2 ? "\(path): is not an executable file" : "\(path) is not installed")
      }
    }
    return emulators
  }
}
