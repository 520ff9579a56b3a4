import ApusBase

/// Which parts of a sector of mode 1 READ CD transfers: byte 9 of its packet. MMC-3, "READ CD", "Main
/// Channel Selection Bits".
struct SectorParts: Equatable {
  let rawValue: UInt8

  static let userData = SectorParts(rawValue: 0x10)

  private var hasSync: Bool { rawValue.bit(7) }
  private var hasHeader: Bool { rawValue.bit(5) }
  private var hasUserData: Bool { rawValue.bit(4) }
  private var hasCorrection: Bool { rawValue.bit(3) }

  /// Whether the parts follow each other without a gap, which the standard demands. The sub-header (bit 6)
  /// does not exist in mode 1.
  var areContiguous: Bool {
    switch (hasSync, hasHeader, hasUserData, hasCorrection) {
    case (true, false, true, _), (true, false, _, true), (_, true, false, true): return false
    default: return true
    }
  }

  /// Bytes of a sector that are transferred: 0, or an even number up to 2352.
  var bytes: Int {
    (hasSync ? 12 : 0) + (hasHeader ? 4 : 0) + (hasUserData ? 2048 : 0) + (hasCorrection ? 288 : 0)
  }

  /// Where they start in the sector of 2352 bytes.
  var offset: Int { hasSync ? 0 : hasHeader ? 12 : hasUserData ? 16 : 2064 }
}

/// Reading blocks.
extension ATAPICDROM {
  /// READ(10) and READ(12).
  func read(blocks: UInt32) {
    start(packet.bigEndian(at: 2, count: 4), blocks: blocks, .userData)
  }

  /// READ CD of `blocks` blocks from `block`.
  func readCD(_ block: UInt32, blocks: UInt32) {
    // Any type, or mode 1; the track has no other.
    let type = packet[1] >> 2 & 7
    guard type <= 5 else { return checkCondition(.invalidField) }
    guard type == 0 || type == 2 else { return checkCondition(.wrongSectorType) }
    // Neither C2 error bits nor sub-channels can be read.
    let parts = SectorParts(rawValue: packet[9] & 0xF8)
    guard packet[9] & 0x06 == 0, packet[10] & 7 == 0, parts.areContiguous else {
      return checkCondition(.invalidField)
    }
    start(block, blocks: blocks, parts)
  }

  /// READ CD MSF: from a time to before another.
  func readCDByTime() {
    guard let first = DiscTime(packet, at: 3)?.block, let end = DiscTime(packet, at: 6)?.block,
      first <= end
    else { return checkCondition(.invalidField) }
    readCD(first, blocks: end - first)
  }

  private func start(_ block: UInt32, blocks: UInt32, _ parts: SectorParts) {
    guard block < blockCount, blocks <= blockCount - block else { return checkCondition(.outOfRange) }
    readBlock = block
    readRemaining = blocks
    readParts = parts
    startReading()
  }

  func seek() {
    let block = packet.bigEndian(at: 2, count: 4)
    guard block < blockCount else { return checkCondition(.outOfRange) }
    headBlock = block
    complete()
  }

  // MARK: The medium

  /// Reads `count` blocks from `readBlock` and puts `readParts` of them into the buffer. Returns how many
  /// precede the first bad one, and the sense data of that.
  func readBlocks(_ count: Int, from medium: any BlockStore) -> (good: Int, failure: Sense?) {
    if readParts == .userData {
      if read(medium, readBlock, count, into: &buffer, at: 0) == nil { return (count, nil) }
    }
    var data = [UInt8](repeating: 0, count: 2048)
    for i in 0..<count {
      let block = readBlock + UInt32(i)
      if let failure = read(medium, block, 1, into: &data, at: 0) {
        if failure == .io { lastError = failure }
        return (i, failure == .outOfRange ? .outOfRange : .unreadable(block))
      }
      let length = readParts.bytes
      if readParts == .userData {
        for j in 0..<length { buffer[length * i + j] = data[j] }
      } else {
        let sector = RawSector.bytes(block, data)
        for j in 0..<length { buffer[length * i + j] = sector[readParts.offset + j] }
      }
    }
    return (count, nil)
  }

  /// Reads whole blocks; what the medium's last one lacks is zero.
  private func read(
    _ medium: any BlockStore, _ block: UInt32, _ count: Int, into target: inout [UInt8], at offset: Int
  ) -> BlockError? {
    let sector = UInt64(block) * 4
    let all = medium.sectorCount
    guard sector < all else { return .outOfRange }
    let present = Int(min(UInt64(count) * 4, all - sector))
    do throws(BlockError) {
      try medium.read(sector: sector, count: present, into: &target, at: offset)
    } catch {
      return error
    }
    for i in (512 * present)..<(2048 * count) { target[offset + i] = 0 }
    return nil
  }
}
