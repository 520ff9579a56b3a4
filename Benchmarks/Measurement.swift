import ApusCPU
import ApusDevices
import ApusMachine
import Foundation

/// What one run of a guest took.
struct Run {
  let instructions: UInt64
  /// CPU time of the process, in user and system mode, from the first instruction to the last. Reading files,
  /// obtaining memory and loading the image are outside: they are the same for all guests.
  let seconds: Double
}

/// All runs of a guest.
struct Measurement {
  let guest: Guest
  private(set) var instructions: UInt64 = 0
  private(set) var seconds: [Double] = []

  init(_ guest: Guest) { self.guest = guest }

  /// Takes one more run. Throws if it retired another number of instructions than those before.
  mutating func add(_ run: Run) throws(Failure) {
    if seconds.isEmpty { instructions = run.instructions }
    guard run.instructions == instructions else {
      throw .check(
        "\(guest.name): \(run.instructions) instructions in run \(seconds.count + 1), "
          + "\(instructions) in those before")
    }
    seconds.append(run.seconds)
  }

  var median: Double {
    let sorted = seconds.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// How far the fastest and the slowest run are from the median, in percent of it.
  var spread: ClosedRange<Double> {
    let middle = median
    let percents = seconds.map { ($0 / middle - 1) * 100 }
    return (percents.min() ?? 0)...(percents.max() ?? 0)
  }

  /// Million guest instructions per second of CPU time.
  var speed: Double { Double(instructions) / median / 1e6 }
}

/// Keeps what the guest says.
private final class Capture: ByteSink {
  private var bytes: [UInt8] = []

  func send(_ byte: UInt8) { bytes.append(byte) }
  var text: String { String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
}

extension Suite {
  /// The longest guest takes 250 million. One that is still running after this many never ends.
  private static let instructionLimit: UInt64 = 5_000_000_000

  /// Runs `guest` once in a new machine, and checks how it ends and what it says.
  func run(_ guest: Guest) throws(Failure) -> Run {
    let output = Capture()
    var configuration = MachineConfiguration()
    configuration.memorySize = 128 << 20
    configuration.debugExitPorts = 0xF4...0xF7
    configuration.serial = [output]
    configuration.boot = .kernel(
      BootFile(role: "kernel", name: path, bytes: image), commandLine: "bench=\(guest.number)", modules: [])
    // This touches every page, so that the host's page faults are not in the measured time.
    let ram = GuestRAM.allocate(size: configuration.memorySize)
    let machine: Machine
    do { machine = try Machine(configuration, ram: ram) } catch { throw .file(error.message) }

    let start = processSeconds()
    let stop = machine.run(instructions: Self.instructionLimit)
    let seconds = processSeconds() - start

    guard stop == .debugExit(0) else {
      throw .check("\(guest.name): ended by \(stop), not by debug exit 0; it said '\(output.text)'")
    }
    let name = "bench \(guest.number) \(guest.name)"
    let expected = "\(name) start\r\n\(name) checksum \(guest.checksum)"
    guard output.text == expected else {
      throw .check("\(guest.name): said '\(output.text)', expected '\(expected)'")
    }
    return Run(instructions: machine.instructions, seconds: seconds)
  }

  private func processSeconds() -> Double {
    var value = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &value)
    return Double(value.tv_sec) + Double(value.tv_nsec) / 1e9
  }
}
