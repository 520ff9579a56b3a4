import ApusBase

/// How a PC lays out a floppy disk: sectors of 512 bytes, numbered from 1 on every track, MFM.
public struct FloppyGeometry: Equatable, Sendable {
  /// Cylinders, 40, 80 or 82.
  public let cylinders: Int
  /// Sides, 1 or 2.
  public let heads: Int
  /// Sectors on a track, 8–36.
  public let sectorsPerTrack: Int
  /// Whether it is a 5¼-inch disk; otherwise 3½ inches.
  public let is5Inch: Bool
  /// Kilobits per second at the speed that the disk's own drives turn at.
  let rate: Int

  /// Every layout that an image can have, told apart by size.
  public static let all: [FloppyGeometry] = [
    FloppyGeometry(cylinders: 40, heads: 1, sectorsPerTrack: 8, is5Inch: true, rate: 250),
    FloppyGeometry(cylinders: 40, heads: 1, sectorsPerTrack: 9, is5Inch: true, rate: 250),
    FloppyGeometry(cylinders: 40, heads: 2, sectorsPerTrack: 8, is5Inch: true, rate: 250),
    FloppyGeometry(cylinders: 40, heads: 2, sectorsPerTrack: 9, is5Inch: true, rate: 250),
    FloppyGeometry(cylinders: 80, heads: 2, sectorsPerTrack: 9, is5Inch: false, rate: 250),
    FloppyGeometry(cylinders: 80, heads: 2, sectorsPerTrack: 15, is5Inch: true, rate: 500),
    FloppyGeometry(cylinders: 80, heads: 2, sectorsPerTrack: 18, is5Inch: false, rate: 500),
    FloppyGeometry(cylinders: 80, heads: 2, sectorsPerTrack: 21, is5Inch: false, rate: 500),
    FloppyGeometry(cylinders: 82, heads: 2, sectorsPerTrack: 21, is5Inch: false, rate: 500),
    FloppyGeometry(cylinders: 80, heads: 2, sectorsPerTrack: 36, is5Inch: false, rate: 1000),
  ]

  /// The number of 512-byte sectors.
  public var sectorCount: Int { cylinders * heads * sectorsPerTrack }

  /// The drive that a PC has for such a disk: 3½-inch disks up to 1.72 MB share one.
  package var usualDrive: CMOSConfiguration.FloppyDrive {
    if is5Inch { return rate == 250 ? .k360 : .m1_2 }
    return rate == 1000 ? .m2_88 : .m1_44
  }

  /// The layout of an image of `sectors` sectors.
  public static func ofImage(sectors: UInt64) throws(FloppyError) -> FloppyGeometry {
    for geometry in all where UInt64(geometry.sectorCount) == sectors { return geometry }
    throw .unsupportedSize(sectors: sectors)
  }
}

/// Why a floppy disk cannot be inserted.
public enum FloppyError: Error, Equatable {
  /// No layout has this many 512-byte sectors.
  case unsupportedSize(sectors: UInt64)
  /// The disk does not fit the drive, or is written at a density that the drive cannot read.
  case wrongDrive
  /// The controller has no such drive.
  case noDrive

  /// What to tell the user.
  public var message: String {
    switch self {
    case .unsupportedSize(let sectors):
      return "a floppy image of \(sectors) sectors has no known format; known are 160K, 180K, 320K, 360K, "
        + "720K, 1.2M, 1.44M, 1.68M, 1.72M and 2.88M: "
        + FloppyGeometry.all.map { "\($0.sectorCount * 512)" }.joined(separator: ", ") + " bytes"
    case .wrongDrive: return "the floppy disk does not fit this type of drive"
    case .noDrive: return "there is no such floppy drive"
    }
  }
}

/// A floppy drive, with or without a disk in it.
struct FloppyDrive {
  /// A disk in a drive.
  struct Medium {
    let store: any BlockStore
    let geometry: FloppyGeometry
    /// One bit for each sector with a deleted data address mark. An image has no place for them, so they last
    /// as long as the disk stays in.
    var deleted: [UInt8]
  }

  let type: CMOSConfiguration.FloppyDrive
  private(set) var medium: Medium?
  /// Where the heads are.
  private(set) var cylinder = 0
  /// DSKCHG: a disk was taken out, and no step pulse has found one since.
  private(set) var isChanged = true
  /// Whether the disk was written since the last flush.
  var isDirty = false

  init(type: CMOSConfiguration.FloppyDrive) { self.type = type }

  /// Nanoseconds for a revolution: 1.2M drives turn at 360 rpm, all others at 300.
  var revolution: UInt64 { type == .m1_2 ? 166_666_667 : 200_000_000 }

  /// The last cylinder that the heads reach.
  private var lastCylinder: Int { type == .k360 ? 41 : 83 }

  /// Whether the drive's tracks are half as wide as the disk's, so that each second one is the disk's.
  private var stepsTwice: Bool { type == .m1_2 && medium?.geometry.cylinders == 40 }

  /// The disk's cylinder under the heads; nil beside its tracks or without a disk.
  var mediumCylinder: Int? {
    guard let geometry = medium?.geometry, !stepsTwice || cylinder % 2 == 0 else { return nil }
    let number = stepsTwice ? cylinder / 2 : cylinder
    return number < geometry.cylinders ? number : nil
  }

  /// Kilobits per second at which the disk passes in this drive.
  var rate: Int? {
    guard let geometry = medium?.geometry else { return nil }
    return type == .m1_2 && geometry.rate == 250 ? 300 : geometry.rate
  }

  /// Nanoseconds from one sector to the next: a track takes one revolution.
  var sectorTime: UInt64 { revolution / UInt64(medium?.geometry.sectorsPerTrack ?? 18) }

  var isWriteProtected: Bool { medium?.store.isReadOnly ?? false }

  mutating func insert(_ store: any BlockStore) throws(FloppyError) {
    let geometry = try FloppyGeometry.ofImage(sectors: store.sectorCount)
    let fits: Bool
    switch type {
    case .none: fits = false
    case .k360: fits = geometry.usualDrive == .k360
    case .m1_2: fits = geometry.is5Inch
    case .k720: fits = !geometry.is5Inch && geometry.rate == 250
    case .m1_44: fits = !geometry.is5Inch && geometry.rate <= 500
    case .m2_88: fits = !geometry.is5Inch
    }
    guard fits else { throw .wrongDrive }
    let deleted = [UInt8](repeating: 0, count: (geometry.sectorCount + 7) / 8)
    medium = Medium(store: store, geometry: geometry, deleted: deleted)
    isChanged = true
  }

  /// Makes what was written durable, as far as it was not.
  mutating func flush() throws(BlockError) {
    guard isDirty, let medium else { return }
    isDirty = false
    try medium.store.flush()
  }

  mutating func eject() -> (any BlockStore)? {
    let store = medium?.store
    medium = nil
    isDirty = false
    isChanged = true
    return store
  }

  /// `pulses` (0–255) step pulses, inwards or towards cylinder 0.
  mutating func step(_ pulses: Int, inwards: Bool) {
    guard pulses > 0 else { return }
    cylinder = inwards ? min(cylinder + pulses, lastCylinder) : max(cylinder - pulses, 0)
    if medium != nil { isChanged = false }
  }

  /// The image sector of sector `R` under head `side`; nil if the disk has none there.
  func sector(side: Int, R: Int) -> UInt64? {
    guard let geometry = medium?.geometry, let track = mediumCylinder, side < geometry.heads,
      (1...geometry.sectorsPerTrack).contains(R)
    else { return nil }
    return UInt64((track * geometry.heads + side) * geometry.sectorsPerTrack + R - 1)
  }

  func isDeleted(_ sector: UInt64) -> Bool {
    guard let medium, sector / 8 < UInt64(medium.deleted.count) else { return false }
    return medium.deleted[Int(sector / 8)].bit(Int(sector % 8))
  }

  mutating func setDeleted(_ sector: UInt64, _ value: Bool) {
    guard let medium, sector / 8 < UInt64(medium.deleted.count) else { return }
    self.medium?.deleted[Int(sector / 8)].setBit(Int(sector % 8), value)
  }

  func save(to w: inout StateWriter) {
    w.write(UInt8(cylinder))
    w.write(isChanged)
    w.write(isDirty)
    w.write(UInt32(medium?.geometry.sectorCount ?? 0))
    w.write(medium?.deleted ?? [])
  }

  /// Reads back what `save` wrote; the same disk must be in.
  mutating func restore(from r: inout StateReader) throws(StateError) {
    let head = Int(try r.read(UInt8.self))
    guard head <= lastCylinder else { throw r.invalid("cylinder") }
    let changed = try r.readBool("isChanged")
    let dirty = try r.readBool("isDirty")
    guard Int(try r.read(UInt32.self)) == medium?.geometry.sectorCount ?? 0 else { throw r.invalid("medium") }
    let marks = try r.readBytes(limit: 1024, "deleted")
    guard marks.count == medium?.deleted.count ?? 0 else { throw r.invalid("deleted") }
    medium?.deleted = marks
    cylinder = head
    isChanged = changed
    isDirty = dirty && medium != nil
  }
}
