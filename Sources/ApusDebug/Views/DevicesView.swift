import ApusDevices
import ApusMachine

/// What is in the chips, in the terms of their datasheets, one chip below the other.
package struct DevicesView {
  private var lines: [StyledLine] = []
  /// The devices, and on which line each begins.
  package private(set) var devices: [(description: DeviceDescription, line: Int)] = []

  /// All lines, in a pane of `width` places.
  package init(_ machine: Machine, width: Int) {
    for device in machine.deviceDescriptions {
      devices.append((device, lines.count))
      lines.append(StyledLine(device.name, .heading))
      let column = (device.rows.map(\.name.utf8.count).max() ?? 0) + 4
      for row in device.rows {
        var line = StyledLine("  " + row.name, .faint)
        line.pad(to: column)
        lines += line.wrapping(row.value, indent: column, width: width)
      }
    }
  }

  /// The lines of a pane, from the one with number `first` on.
  package func lines(height: Int, from first: Int = 0) -> [StyledLine] {
    Array(lines.dropFirst(min(max(first, 0), last(height: height))).prefix(max(height, 0)))
  }

  /// The last line that can be the first of a pane: the lines from there on fill it, or are the last device's.
  package func last(height: Int) -> Int {
    max(lines.count - max(height, 0), devices.last?.line ?? 0)
  }

  /// Where the device after the one at line `first` begins, or the one before that line. After the last one comes the
  /// first one.
  package func neighbour(of first: Int, forward: Bool) -> Int {
    let starts = devices.map(\.line)
    let next = forward ? starts.first { $0 > first } : starts.last { $0 < first }
    return next ?? (forward ? starts.first : starts.last) ?? 0
  }

  /// Where the next device after the one at line `first` begins that `text` may mean; nil if there is none.
  package func line(of text: String, after first: Int) -> Int? {
    let found = devices.filter { $0.description.isMeant(by: text) }.map(\.line)
    return found.first { $0 > first } ?? found.first
  }
}

extension DeviceDescription {
  /// Whether somebody who writes `text` may mean the device: it is a part of its name, in whatever case.
  func isMeant(by text: String) -> Bool { name.lowercased().contains(text.lowercased()) }
}
