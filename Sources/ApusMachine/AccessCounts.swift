import ApusCPU

/// How often the processor reached which device, for a profile.
package final class AccessCounts {
  /// What was reached.
  package struct Target: Hashable {
    /// The device's number on the board.
    let device: Int
    /// Nil for all of the device's memory.
    let port: UInt16?
    let isWrite: Bool
  }

  private var counts: [Target: UInt64] = [:]

  func note(_ device: Int, port: UInt16? = nil, isWrite: Bool) {
    counts[Target(device: device, port: port, isWrite: isWrite), default: 0] += 1
  }

  /// The counts under the devices' names, greatest first.
  func named(_ names: [String]) -> [(name: String, count: UInt64)] {
    counts.map { target, count in
      let place = target.port.map { "port " + String($0, radix: 16, uppercase: true) + "h" } ?? "memory"
      return (name: "\(names[target.device]), \(place), \(target.isWrite ? "write" : "read")", count: count)
    }
    .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
  }
}

/// What a machine has executed since it was built, and where its time goes. The same run gives the same numbers.
package struct MachineProfile {
  package let processor: ExecutionProfile
  /// Accesses of the processor to devices, most frequent first.
  package let accesses: [(name: String, count: UInt64)]
}
