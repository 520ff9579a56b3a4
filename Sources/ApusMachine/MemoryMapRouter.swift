import ApusDevices

/// Which device answers at which physical address outside RAM and ROM.
package struct MemoryMapRouter {
  /// A range of physical addresses and the device that answers there.
  package struct Entry: Equatable {
    package let range: ClosedRange<UInt64>
    package let device: Int
  }

  /// Ascending by address, without overlap.
  package private(set) var entries: [Entry] = []

  /// A map without devices.
  package init() {}

  /// Gives `range` to `device`; `names` are the names of all devices by number, for the error.
  package mutating func attach(
    _ range: ClosedRange<UInt64>, device: Int, names: [String]
  ) throws(AttachError) {
    var place = 0
    for entry in entries {
      if entry.range.overlaps(range) {
        throw .memoryOverlaps(
          device: names[device], first: range.lowerBound, last: range.upperBound, owner: names[entry.device])
      }
      if entry.range.lowerBound < range.lowerBound { place += 1 }
    }
    entries.insert(Entry(range: range, device: device), at: place)
  }

  /// The entry that holds all `width` bytes at `physical`; nil if none does.
  package func entry(_ physical: UInt64, width: Int) -> Entry? {
    for entry in entries where entry.range.contains(physical) {
      return entry.range.upperBound - physical >= UInt64(width) - 1 ? entry : nil
    }
    return nil
  }
}
