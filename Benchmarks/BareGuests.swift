import ApusCPU
import ApusDevices
import ApusMachine
import Foundation

/// One of the guests of `testroms/benchmarks`.
struct BareGuest {
  /// What `bench=` selects it by.
  let number: Int
  let name: String
  /// The checksum it prints.
  let checksum: String

  var row: RowName { RowName(group: .bare, name: name) }
}

/// The image with the bare guests.
struct BareGuests {
  let path: String
  let guests: [BareGuest]
  private let image: [UInt8]

  init() throws(Failure) {
    path = try PackageFiles.path(PackageFiles.benchmarks)
    image = try PackageFiles.read(path)
    let list = URL(fileURLWithPath: path).deletingLastPathComponent().appendingPathComponent("checksums.txt")
      .path
    let text = String(decoding: try PackageFiles.read(list), as: UTF8.self)
    var guests: [BareGuest] = []
    for line in text.split(whereSeparator: \.isNewline) {
      let fields = line.split(separator: " ")
      guard fields.count == 3, let number = Int(fields[0]) else {
        throw .file("\(list): '\(line)' is not 'NUMBER NAME CHECKSUM'")
      }
      guests.append(BareGuest(number: number, name: String(fields[1]), checksum: String(fields[2])))
    }
    guard !guests.isEmpty else { throw .file("\(list): names no guest") }
    self.guests = guests
  }

  func boot(_ guest: BareGuest) -> Boot {
    Boot(kernel: path, commandLine: "bench=\(guest.number)", megabytes: 128, leavesByDebugExit: true)
  }
}

/// Keeps what the guest says.
private final class Capture: ByteSink {
  private(set) var bytes: [UInt8] = []

  func send(_ byte: UInt8) { bytes.append(byte) }
}

extension BareGuests {
  /// The longest guest takes 250 million. One that is still running after this many never ends.
  private static let instructionLimit: UInt64 = 5_000_000_000

  /// Runs the guest once in a machine in this process, and checks how it ends and what it says. The time is from
  /// the first instruction to the last: reading files, obtaining memory and loading the image are the same for
  /// all guests.
  func runInProcess(_ guest: BareGuest, pinning: Pinning) throws(Failure) -> Run {
    let output = Capture()
    var configuration = MachineConfiguration()
    configuration.memorySize = 128 << 20
    configuration.debugExitPorts = 0xF4...0xF7
    configuration.serial = [output]
    configuration.boot = .kernel(
      BootFile(role: "kernel", name: path, bytes: image), commandLine: boot(guest).commandLine, modules: [])
    // This touches every page, so that the host's page faults are not in the measured time.
    let ram = GuestRAM.allocate(size: configuration.memorySize)
    let machine: Machine
    do { machine = try Machine(configuration, ram: ram) } catch { throw .file(error.message) }

    var stop: Stop?
    var seconds = 0.0
    try pinning.pinned { () throws(Failure) in
      let start = HostCPU.ownSeconds
      stop = machine.run(instructions: Self.instructionLimit)
      seconds = HostCPU.ownSeconds - start
    }
    var lines = OutputLines()
    let said = lines.append(output.bytes)
    guard stop == .debugExit(0) else {
      let end = stop.map { "\($0)" } ?? "nothing"
      throw .check(
        "\(guest.row.full): ended by \(end), not by debug exit 0; it said '\(said.joined(separator: "; "))'")
    }
    var timer = MarkTimer()
    for mark in said.compactMap(Mark.init(line:)) { try timer.add(mark, at: 0) }
    var run = try self.run(guest, timer.finish([guest.name])[0])
    run.guestInstructions = machine.instructions
    if run.seconds != nil { run.seconds = seconds }
    return run
  }

  /// What a run's only interval says, once its checksum is found right.
  func run(_ guest: BareGuest, _ interval: Interval) throws(Failure) -> Run {
    guard let checksum = interval.checksum else { return Run() }
    guard checksum == guest.checksum else {
      throw .check("its checksum is \(checksum), not \(guest.checksum)")
    }
    return Run(seconds: interval.seconds, checksum: checksum)
  }
}
