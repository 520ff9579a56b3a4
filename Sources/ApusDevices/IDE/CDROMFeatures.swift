import ApusBase

/// What GET EVENT STATUS NOTIFICATION tells about the medium.
struct MediaEvents: Equatable {
  var mediumRemoved = false
  var mediumInserted = false
  /// Someone pressed the button of a locked drive.
  var ejectRequested = false

  /// The event code of the oldest event, which is thereby reported; 0 if there is none.
  mutating func take() -> UInt8 {
    if mediumRemoved {
      mediumRemoved = false
      return 3
    }
    if mediumInserted {
      mediumInserted = false
      return 2
    }
    if ejectRequested {
      ejectRequested = false
      return 1
    }
    return 0
  }
}

/// GET CONFIGURATION and GET EVENT STATUS NOTIFICATION, by MMC-3.
extension ATAPICDROM {
  private struct Feature {
    var code: UInt16
    var isPersistent = false
    var isCurrent: Bool
    var data: [UInt8] = []

    var bytes: [UInt8] {
      [
        UInt8(truncatingIfNeeded: code >> 8), UInt8(truncatingIfNeeded: code),
        (isPersistent ? 2 : 0) | (isCurrent ? 1 : 0), UInt8(data.count),
      ] + data
    }
  }

  /// Profiles: CD-ROM 0008h, DVD-ROM 0010h, none 0000h.
  private var currentProfile: UInt16 { blockCount == 0 ? 0x0000 : isDVD ? 0x0010 : 0x0008 }

  /// In ascending order of codes.
  private var featureList: [Feature] {
    let profile = currentProfile
    let hasCD = profile == 0x0008
    let hasDVD = profile == 0x0010
    let profiles: [UInt8] = [0x00, 0x10, hasDVD ? 1 : 0, 0, 0x00, 0x08, hasCD ? 1 : 0, 0]
    return [
      Feature(code: 0x0000, isPersistent: true, isCurrent: true, data: profiles),
      // Core: the interface is ATAPI.
      Feature(code: 0x0001, isPersistent: true, isCurrent: true, data: [0, 0, 0, 2]),
      // Removable Medium: a tray that ejects and locks.
      Feature(code: 0x0003, isPersistent: true, isCurrent: true, data: [0x29, 0, 0, 0]),
      // Random Readable: blocks of 2048 bytes, 16 to an ECC block of a DVD; mode page 01h is there.
      Feature(code: 0x0010, isCurrent: hasCD || hasDVD, data: [0, 0, 8, 0, 0, hasDVD ? 16 : 1, 1, 0]),
      Feature(code: 0x001D, isCurrent: hasCD),  // Multi-Read
      Feature(code: 0x001E, isCurrent: hasCD, data: [0, 0, 0, 0]),  // CD Read
      Feature(code: 0x001F, isCurrent: hasDVD),  // DVD Read
      Feature(code: 0x0100, isPersistent: true, isCurrent: true),  // Power Management
      Feature(code: 0x0105, isPersistent: true, isCurrent: true),  // Time-out
    ]
  }

  func getConfiguration() {
    let requested = packet[1] & 0x03
    let start = UInt16(packet.bigEndian(at: 2, count: 2))
    var bytes = [UInt8](repeating: 0, count: 8)
    bytes.putBigEndian(currentProfile, at: 6)
    for feature in featureList {
      let isWanted: Bool
      switch requested {
      case 0: isWanted = feature.code >= start
      case 1: isWanted = feature.code >= start && feature.isCurrent
      case 2: isWanted = feature.code == start
      default: return checkCondition(.invalidField)
      }
      if isWanted { bytes += feature.bytes }
    }
    bytes.putBigEndian(UInt32(bytes.count - 4), at: 0)
    reply(bytes, allocation: Int(packet.bigEndian(at: 7, count: 2)))
  }

  /// Polled only. The classes are operational change (1), power management (2) and media (4); the first has
  /// no events here and the second reports the present state.
  func getEventStatus() {
    guard packet[1].bit(0) else { return checkCondition(.invalidField) }
    let supported: UInt8 = 0x16
    let wanted = packet[4] & supported
    let allocation = Int(packet.bigEndian(at: 7, count: 2))
    // No Event Available: none of the classes exists.
    guard wanted != 0 else { return reply([0, 0, 0x80, supported], allocation: allocation) }
    // A class with an event goes before those without; an event that does not fit is not lost.
    var pending = events
    let code = wanted.bit(4) ? pending.take() : 0
    let notificationClass: UInt8 = code != 0 ? 4 : wanted.bit(1) ? 1 : wanted.bit(2) ? 2 : 4
    if code != 0 && allocation > 4 { events = pending }
    var event: [UInt8] = [code, 0, 0, 0]
    switch notificationClass {
    case 1: break
    case 2: event[1] = powerMode == 0xFF ? 1 : powerMode == 0x80 ? 2 : 3
    default: event[1] = (isTrayOpen ? 1 : 0) | (loadedMedium != nil ? 2 : 0)
    }
    reply([0, 4, notificationClass, supported] + event, allocation: allocation)
  }
}
