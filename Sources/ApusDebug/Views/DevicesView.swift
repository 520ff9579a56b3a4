import ApusDevices
import ApusMachine

/// What is in the chips, in the terms of their datasheets.
package struct DevicesView {
  package init() {}

  /// The lines of a pane, from the one with number `first` on.
  package func lines(_ machine: Machine, width: Int, height: Int, from first: Int = 0) -> [StyledLine] {
    var lines: [StyledLine] = []
    for device in machine.deviceDescriptions {
      lines.append(StyledLine(device.name, .heading))
      let column = (device.rows.map(\.name.utf8.count).max() ?? 0) + 4
      for row in device.rows {
        var line = StyledLine("  " + row.name, .faint)
        line.pad(to: column)
        lines += line.wrapping(row.value, indent: column, width: width)
      }
    }
    return lines.window(from: first, height: height)
  }
}
