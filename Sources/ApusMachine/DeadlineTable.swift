import ApusBase
import ApusDevices

/// When the devices next want to run. The board reads a device's deadline again after every access to it, so
/// the earliest is always known without asking all of them.
package struct DeadlineTable {
  private var deadlines: [VirtualTime] = []
  /// The earliest deadline of all.
  package private(set) var earliest = VirtualTime.never

  /// A table without devices.
  package init() {}

  /// Adds a device that waits; its number is the number of those added before.
  package mutating func add() { deadlines.append(.never) }

  /// The deadline last noted for a device.
  package subscript(_ device: Int) -> VirtualTime { deadlines[device] }

  /// Notes a device's present deadline.
  package mutating func note(_ device: Int, _ deadline: VirtualTime) {
    let old = deadlines[device]
    guard old != deadline else { return }
    deadlines[device] = deadline
    if deadline < earliest {
      earliest = deadline
    } else if old == earliest {
      earliest = .never
      for time in deadlines where time < earliest { earliest = time }
    }
  }
}
