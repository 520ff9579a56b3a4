/// The command line.
package struct Options: Equatable {
  /// Nil if it is not said: five, or with `count` none.
  package var runs: Int?
  /// Names of rows and groups; empty for all.
  package var only: [String] = []
  package var json: String?
  package var baseline: String?
  package var apus: String?
  /// Nil for QEMU if it is installed; else names and, after '=', paths.
  package var peers: [String]?
  package var guests: String?
  package var cpu: Int?
  package var timeout = 600
  package var count = false
  package var timeMachine = false
  package var wantsHelp = false

  package static let help = """
    Usage: ApusBenchmarks [OPTION]...

    Times Apus and, round by round beside it, other emulators: CPU seconds of the emulator's process, user and
    system mode, pinned to one CPU of the host. Prints medians, how far the fastest and the slowest run are from
    them, and Apus's median divided by the other's with the least and the greatest ratio of one round.

      bare        the guests of testroms/benchmarks, from their start line to their checksum. Apus runs them in
                  this program, too, for million guest instructions per second; without another emulator, only so.
      workloads   programs in Linux, from mark to mark: compute (dhry sieve sha256 memcpy rep-movsb strlen qsort
                  ptrchase nbody sse2) and system (getpid fork-exec pipe page-faults gzip)
      boots       Debian's kernels vmlinuz-cloud and vmlinuz-amd64, from the start to power-off after the first
                  program's message, with the emulator's greatest memory

    Every checksum is compared with the known one and between all runs of all emulators.

    What to run:
      --only NAME[,NAME]  rows or groups (bare, workloads, compute, system, boots); bare/sieve where sieve alone
                          would be more than one row
      --runs N            rounds; each runs each emulator once (default 5)
      --guests DIR        vmlinuz-* and initramfs-*.cpio (default .build/guests of the package), which
                          Scripts/fetch-debian-guest.sh --generic --workloads obtains. Rows whose files are absent
                          are reported as skipped.
      --timeout SECONDS   the longest that one process may run (default 600)
      --cpu N             the host CPU for the emulators (default: the last that this process may use)

    Emulators:
      --apus PATH         Apus (default: 'apus' beside this program). With it nothing runs in this program.
      --peer NAME[=PATH]  qemu (its TCG) or bochs; any other NAME=PATH is another build of Apus. May be repeated.
                          (default: qemu if it is installed.) Bochs boots from a CD that grub-mkrescue makes,
                          runs no bare guests and takes ten times as long: half a minute for vmlinuz-cloud.
      --against PATH      the same as --peer other=PATH: two builds of Apus, side by side
      --no-peers          Apus alone

    Results:
      --json FILE         also write all runs of all rows to FILE
      --baseline FILE     compare Apus with a FILE that --json wrote earlier: what each row gained or lost in CPU
                          time, and in host instructions if both have them
      --count             count host instructions of Apus's process instead of timing (with --runs: as well), once
                          for each row, by perf, or where the host has no counters by valgrind, which is some 30
                          times slower: 7 s for most bare guests, 30 s for avx2, two minutes for x87, five minutes
                          for all. A count hardly varies where times do. Counts bare guests; --only adds others:
                          a workload takes a minute and is counted with the boot of its Linux, a boot alone takes
                          one to five.
      --time-machine      instead of all that: what forks, checkpoints and steps back cost in the boot of
                          vmlinuz-cloud; CPU time of this program, not pinned
      --help              show this

    Exit status: 0 all is well, even if rows were skipped; 1 a checksum was wrong, the number of guest
    instructions differed between runs, or an emulator failed, whose last lines are shown; 2 usage; 3 a file cannot
    be read or written, or an emulator that was named is not there; 128 + N signal N, after ending the emulator.

    """

  private static let withValue = [
    "--only", "--runs", "--guests", "--timeout", "--cpu", "--apus", "--peer", "--against", "--json",
    "--baseline",
  ]

  package init(_ arguments: [String]) throws(Failure) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--help": wantsHelp = true
      case "--count": count = true
      case "--time-machine": timeMachine = true
      case "--no-peers":
        guard peers == nil else { throw .usage("--no-peers: there is a --peer or --against, too") }
        peers = []
      default:
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard Self.withValue.contains(name) else {
          throw .usage("unknown argument '\(argument)'; --help lists the options")
        }
        guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst(), !value.isEmpty else {
          throw .usage("\(name): a value is missing")
        }
        try set(name, value)
      }
    }
  }

  private mutating func set(_ name: String, _ value: String) throws(Failure) {
    switch name {
    case "--only": only += value.split(separator: ",").map(String.init)
    case "--runs": runs = try Self.number(name, value, 1...1000)
    case "--guests": guests = value
    case "--timeout": timeout = try Self.number(name, value, 1...1_000_000)
    case "--cpu": cpu = try Self.number(name, value, 0...1023)
    case "--apus": apus = value
    case "--peer": try addPeer(name, value)
    case "--against": try addPeer(name, "other=\(value)")
    case "--json": json = value
    default: baseline = value
    }
  }

  private mutating func addPeer(_ option: String, _ value: String) throws(Failure) {
    if peers == [] { throw .usage("\(option): there is --no-peers, too") }
    let parts = value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard !parts[0].isEmpty, parts.count == 1 || !parts[1].isEmpty else {
      throw .usage("\(option): '\(value)' is not NAME or NAME=PATH")
    }
    guard parts.count == 2 || ["qemu", "bochs"].contains(value) else {
      throw .usage("\(option): '\(value)' is neither qemu nor bochs nor NAME=PATH")
    }
    guard ![Results.apus, Results.inProcess].contains(String(parts[0])) else {
      throw .usage("\(option): '\(parts[0])' is the name of the Apus that others are compared with")
    }
    guard !(peers ?? []).contains(where: { $0.split(separator: "=")[0] == parts[0] }) else {
      throw .usage("\(option): there is more than one '\(parts[0])'")
    }
    peers = (peers ?? []) + [value]
  }

  private static func number(_ name: String, _ value: String, _ range: ClosedRange<Int>) throws(Failure)
    -> Int
  {
    guard let number = Int(value), range.contains(number) else {
      throw .usage("\(name): '\(value)' is not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
