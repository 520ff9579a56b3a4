import ApusBase

/// What a CD says about itself: one session, one data track.
extension ATAPICDROM {
  /// ADR 1 (position), CONTROL 4 (data track).
  private static let dataTrack: UInt8 = 0x14

  /// A block's address as MSF or LBA.
  private func address(_ block: UInt32, isTime: Bool) -> [UInt8] {
    if isTime { return [0] + DiscTime(block: block).bytes }
    var bytes = [UInt8](repeating: 0, count: 4)
    bytes.putBigEndian(block, at: 0)
    return bytes
  }

  func readCapacity() {
    var bytes = [UInt8](repeating: 0, count: 8)
    bytes.putBigEndian(blockCount - 1, at: 0)
    bytes.putBigEndian(UInt32(2048), at: 4)
    reply(bytes, allocation: 8)
  }

  // MARK: READ TOC

  /// READ TOC/PMA/ATIP. SFF-8020i has the format in byte 9 bits 7:6, MMC in byte 2 bits 3:0.
  func readTOC() {
    let format = packet[2] & 0x0F != 0 ? packet[2] & 0x0F : packet[9] >> 6
    let isTime = packet[1].bit(1)
    let start = packet[6]
    var bytes: [UInt8]
    switch format {
    case 0:
      guard start <= 1 || start == 0xAA else { return checkCondition(.invalidField) }
      bytes = [0, 0, 1, 1]
      if start <= 1 { bytes += [0, Self.dataTrack, 1, 0] + address(0, isTime: isTime) }
      bytes += [0, Self.dataTrack, 0xAA, 0] + address(blockCount, isTime: isTime)
    case 1:
      // The first track of the last session.
      bytes = [0, 0, 1, 1, 0, Self.dataTrack, 1, 0] + address(0, isTime: isTime)
    case 2:
      guard start <= 1 else { return checkCondition(.invalidField) }
      bytes = [0, 0, 1, 1]
      for (point, position) in rawEntries { bytes += [1, Self.dataTrack, 0, point, 0, 0, 0, 0] + position }
    default: return checkCondition(.invalidField)
    }
    bytes.putBigEndian(UInt16(bytes.count - 2), at: 0)
    reply(bytes, allocation: Int(packet.bigEndian(at: 7, count: 2)))
  }

  /// The Q sub-channel of the lead-in: first track (and type of disc), last track, lead-out, track 1. Always
  /// in minutes, seconds and frames.
  private var rawEntries: [(UInt8, [UInt8])] {
    [
      (0xA0, [1, 0, 0]), (0xA1, [1, 0, 0]), (0xA2, DiscTime(block: blockCount).bytes),
      (1, DiscTime(block: 0).bytes),
    ]
  }

  // MARK: Sub-channel and header

  func readSubChannel() {
    let isTime = packet[1].bit(1)
    var data: [UInt8] = []
    // SubQ asks for more than the header.
    if packet[2].bit(6) {
      switch packet[3] {
      case 1:
        data = [1, Self.dataTrack, 1, 1]
        data += address(headBlock, isTime: isTime)
        // Relative to the start of the track.
        data += isTime ? [0] + DiscTime(block: headBlock).relativeBytes : address(headBlock, isTime: false)
      case 2: data = [2] + [UInt8](repeating: 0, count: 19)  // No media catalogue number.
      case 3:
        guard packet[6] == 1 else { return checkCondition(.invalidField) }
        data = [3, Self.dataTrack, 1, 0] + [UInt8](repeating: 0, count: 16)  // No ISRC.
      default: return checkCondition(.invalidField)
      }
    }
    // Audio status 15h: no audio operation to report.
    reply(
      [0, 0x15, 0, UInt8(data.count)] + data, allocation: Int(packet.bigEndian(at: 7, count: 2)))
  }

  func readHeader() {
    let block = packet.bigEndian(at: 2, count: 4)
    guard block < blockCount else { return checkCondition(.outOfRange) }
    reply(
      [1, 0, 0, 0] + address(block, isTime: packet[1].bit(1)),
      allocation: Int(packet.bigEndian(at: 7, count: 2)))
  }

  // MARK: Disc, track, structure

  func readDiscInformation() {
    guard packet[1] & 0x07 == 0 else { return checkCondition(.invalidField) }
    var bytes = [UInt8](repeating: 0, count: 34)
    bytes[1] = 32
    bytes[2] = 0x0E  // A finalised disc, its last session complete.
    bytes[3] = 1  // First track; then sessions, and first and last track of the last one.
    bytes[4] = 1
    bytes[5] = 1
    bytes[6] = 1
    bytes[7] = 0x20  // Unrestricted use.
    // Neither a next session nor a lead-out can be written.
    for i in 16..<24 { bytes[i] = 0xFF }
    reply(bytes, allocation: Int(packet.bigEndian(at: 7, count: 2)))
  }

  func readTrackInformation() {
    let number = packet.bigEndian(at: 2, count: 4)
    switch packet[1] & 0x03 {
    case 0: guard number < blockCount else { return checkCondition(.outOfRange) }
    case 1, 2: guard number == 1 else { return checkCondition(.invalidField) }
    default: return checkCondition(.invalidField)
    }
    var bytes = [UInt8](repeating: 0, count: 36)
    bytes[1] = 34
    bytes[2] = 1  // Track.
    bytes[3] = 1  // Session.
    bytes[5] = 0x04  // A data track,
    bytes[6] = 0x01  // of mode 1.
    bytes.putBigEndian(blockCount, at: 24)
    reply(bytes, allocation: Int(packet.bigEndian(at: 7, count: 2)))
  }

  /// READ DVD STRUCTURE: a CD has none, and an image of a DVD lacks its lead-in, which holds them.
  func readDVDStructure() { checkCondition(isDVD ? .invalidField : .incompatibleFormat) }
}
