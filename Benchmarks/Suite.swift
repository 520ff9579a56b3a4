import Foundation

/// What is to be run: jobs, and emulators for them.
struct Suite {
  let apus: Emulator?
  let peers: [Emulator]
  let jobs: [Job]
  /// Run in this program, besides.
  let inProcess: [BareGuest]
  private(set) var skipped: [Results.Skipped]

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
      return job.rows.map { LinuxGuests.workloads([$0], kernel: job.boot.kernel, initrd: initrd) }
    }
  }

  init(_ options: Options, _ bareGuests: BareGuests) throws(Failure) {
    let all = bareGuests.guests.map(\.row) + RowName.workloads + RowName.boots
    let only =
      options.only.isEmpty && options.count && options.runs == nil ? [Group.bare.rawValue] : options.only
    let selection = try Selection(only, among: all)
    let hasApus = try Self.findApus(options)
    apus = hasApus.emulator
    peers = try Self.findPeers(options)
    var linux = try LinuxGuests(options.guests)
    let selected = bareGuests.guests.filter { selection.contains($0.row) }
    jobs =
      selected.map { guest in
        Job(kind: .bare(guest), name: guest.row.full, rows: [guest.row], boot: bareGuests.boot(guest))
      }
      + linux.workloads(RowName.workloads.filter(selection.contains))
      + linux.boots(RowName.boots.filter(selection.contains))
    skipped = linux.skipped
    if let missing = hasApus.missing {
      skipped.append(.init(rows: "all that runs Apus as a process", reason: missing))
    }
    if options.peers == nil, peers.isEmpty {
      skipped.append(.init(rows: "qemu", reason: "qemu-system-x86_64 is not installed"))
    }
    inProcess = options.apus == nil ? selected : []
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
    for peer in options.peers ?? ["qemu"] {
      let parts = peer.split(separator: "=", maxSplits: 1).map(String.init)
      let path = parts.count == 2 ? parts[1] : installed[parts[0]] ?? parts[0]
      let kind: Emulator.Kind = parts[0] == "qemu" ? .qemu : parts[0] == "bochs" ? .bochs : .apus
      if let program = PackageFiles.program(path) {
        if kind == .bochs { try Bochs.check(program) }
        emulators.append(Emulator(name: parts[0], kind: kind, path: program))
      } else if options.peers != nil {
        throw .file(parts.count == 2 ? "\(path): is not an executable file" : "\(path) is not installed")
      }
    }
    return emulators
  }
}
