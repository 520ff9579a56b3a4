import ApusDevices

/// Which device answers at which I/O port: a table by port number. Devices are numbered by the board.
///
/// A range belongs to one device, and an overlap is refused. Only a register that takes double words alone,
/// such as PCI's CONFADD, may stand over byte ports of others (PCI Local Bus Specification 3.0, "Software
/// Generation of Configuration Transactions": other accesses to CONFIG_ADDRESS pass through to the bus).
package struct PortMap {
  /// Who answers an access.
  package enum Target: Equatable {
    /// The device takes the access whole.
    case device(Int)
    /// The bytes belong to different devices: the access is made byte by byte.
    case bytes
    /// Nobody attached the ports.
    case none
  }

  /// Device number + 1 by port, 0 for none.
  private var owners = [UInt8](repeating: 0, count: 0x1_0000)
  private var doubleWords: [(port: UInt16, device: Int)] = []

  /// A map without devices.
  package init() {}

  /// Gives `range` to `device`; `names` are the names of all devices by number, for the error.
  package mutating func attach(
    _ range: ClosedRange<UInt16>, device: Int, names: [String]
  ) throws(AttachError) {
    for port in range where owners[Int(port)] != 0 {
      throw .portsOverlap(
        device: names[device], first: range.lowerBound, last: range.upperBound,
        owner: names[Int(owners[Int(port)]) - 1])
    }
    for port in range { owners[Int(port)] = UInt8(device + 1) }
  }

  /// Gives double-word accesses at `port` to `device`, whoever has the bytes.
  package mutating func attachDoubleWord(
    _ port: UInt16, device: Int, names: [String]
  ) throws(AttachError) {
    for other in doubleWords where other.port == port {
      throw .portsOverlap(device: names[device], first: port, last: port &+ 3, owner: names[other.device])
    }
    doubleWords.append((port, device))
  }

  /// Who answers an access of `width` (1, 2, 4) bytes at `port`. Ports wrap after FFFFh.
  package func target(_ port: UInt16, width: Int) -> Target {
    let first = owners[Int(port)]
    if width == 4 {
      for entry in doubleWords where entry.port == port { return .device(entry.device) }
    }
    for offset in 1..<max(UInt16(truncatingIfNeeded: width), 1) where owners[Int(port &+ offset)] != first {
      return .bytes
    }
    return first == 0 ? .none : .device(Int(first) - 1)
  }
}
