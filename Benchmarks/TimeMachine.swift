import ApusMachine
import Foundation

/// What it costs to copy a machine and to go back in its past: Debian's cloud kernel with 256 MiB, in this process, from
/// power-on to 1.2 thousand million instructions, near the end of its boot.
struct TimeMachineBenchmark {
  private static let length: UInt64 = 1_200_000_000
  private static let memory: UInt64 = 256 << 20

  private let kernel: [UInt8]
  private let initrd: [UInt8]
  private var table = TextTable(["", "median", "greatest", "unit"])

  init(_ directory: String?) throws(Failure) {
    let guests: String
    if let directory { guests = directory } else { guests = try PackageFiles.path(PackageFiles.guests) }
    kernel = try PackageFiles.read(guests + "/vmlinuz-cloud")
    initrd = try PackageFiles.read(guests + "/initramfs-message.cpio")
  }

  private func machine() throws(MachineError) -> Machine {
    var configuration = MachineConfiguration()
    configuration.memorySize = Self.memory
    configuration.skipsIdle = true
    configuration.boot = .kernel(
      BootFile(role: "kernel", name: "vmlinuz-cloud", bytes: kernel), commandLine: "console=ttyS0 quiet",
      modules: [BootModule(file: BootFile(role: "initrd", name: "initramfs", bytes: initrd))])
    return try Machine(configuration, ram: .allocate(size: Self.memory))
  }

  /// All measurements, as a table.
  static func text(_ directory: String?) throws(Failure) -> String {
    var benchmark = try Self(directory)
    do throws(MachineError) {
      try benchmark.forks()
      try benchmark.past()
    } catch {
      throw .file(error.message)
    }
    return benchmark.table.text
  }

  private mutating func add(
    _ name: String, _ seconds: [Double], _ unit: String = "ms", _ factor: Double = 1000
  ) {
    let sorted = seconds.sorted()
    func text(_ value: Double) -> String { String(format: "%.2f", value * factor) }
    table.add([
      name, text(sorted[sorted.count / 2]), sorted.count > 1 ? text(sorted[sorted.count - 1]) : "", unit,
    ])
  }

  private func timed<R>(_ body: () throws(MachineError) -> R) throws(MachineError) -> (R, Double) {
    let start = HostCPU.ownSeconds
    let result = try body()
    return (result, HostCPU.ownSeconds - start)
  }

  private mutating func forks() throws(MachineError) {
    let machine = try machine()
    let (_, boot) = try timed { () throws(MachineError) in _ = machine.run(instructions: Self.length) }
    add("boot", [boot], "s", 1)
    var forks: [Machine] = []
    var times: [Double] = []
    for _ in 0..<64 {
      // So that there is something to share again.
      _ = machine.run(instructions: 10_000)
      let (fork, seconds) = try timed { () throws(MachineError) in try machine.fork() }
      forks.append(fork)
      times.append(seconds)
    }
    add("fork", times)
    let before = Self.residentMegabytes
    // Each is used by one thread.
    nonisolated(unsafe) let machines = forks
    let start = Date()
    unsafe DispatchQueue.concurrentPerform(iterations: machines.count) { index in
      unsafe _ = machines[index].run(instructions: 5_000_000)
    }
    add("64 forks run 5 million instructions each, at once", [Date().timeIntervalSince(start)], "s", 1)
    table.add(["memory that they took", String(Self.residentMegabytes - before), "", "MiB"])
    _ = machine.run(instructions: 1_000_000)
    let image = try machine.snapshot()
    let (_, back) = try timed { () throws(MachineError) in try machine.restore(image) }
    add("restore", [back])
  }

  private mutating func past() throws(MachineError) {
    let history = try History(try machine())
    let (_, boot) = try timed { () throws(MachineError) in
      while history.machine.instructions < Self.length {
        let stop = try history.run(instructions: Self.length - history.machine.instructions)
        guard stop == .budget else { break }
      }
    }
    add("boot with checkpoints", [boot], "s", 1)
    table.add(["memory of the process", String(Self.residentMegabytes), "", "MiB"])
    var generator = SplitMix(state: 1)
    var steps: [Double] = []
    var next: [Double] = []
    for _ in 0..<24 {
      let moment = generator.next() % (Self.length - 2) + 2
      // From afar, and from the moment after.
      try history.seek(to: .max)
      steps.append(try timed { () throws(MachineError) in try history.seek(to: moment - 1) }.1)
      next.append(try timed { () throws(MachineError) in try history.seek(to: moment - 2) }.1)
    }
    add("step back to a random moment", steps)
    add("step back again", next)
    try history.seek(to: .max)
    // What nobody has written since 100 million instructions before.
    var writes: [Double] = []
    for page in [0x10_0000, 0x200_0000, 0x500_0000] as [UInt64] {
      writes.append(try timed { () throws(MachineError) in _ = try history.lastWrite(to: page..<page + 8) }.1)
    }
    add("last write to an address, in the whole boot", writes)
  }

  private static var residentMegabytes: Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n") where line.hasPrefix("VmRSS:") {
      return (line.split(separator: " ").compactMap { Int($0) }.first ?? 0) >> 10
    }
    return 0
  }
}

/// Numbers that are the same in every run.
private struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
