/// IDENTIFY DEVICE of an ATA disk.
extension ATADisk {
  /// The 512 bytes of identification. ATA/ATAPI-7 volume 1, "IDENTIFY DEVICE", names the words.
  func identification() -> [UInt8] {
    var words = [UInt16](repeating: 0, count: 256)
    let sectors = store.sectorCount
    let lba28 = UInt32(min(sectors, 0x0FFF_FFFF))
    words[0] = 0x0040
    identifyGeometry(&words)
    IdentifyData.store(serial, length: 20, at: 10, in: &words)
    IdentifyData.store(Array("1.0".utf8), length: 8, at: 23, in: &words)
    IdentifyData.store(model, length: 40, at: 27, in: &words)
    words[47] = 0x8000 | UInt16(Self.multipleLimit)
    words[49] = 0x2F00  // Standby timer, IORDY and its disabling, LBA, DMA.
    words[50] = 0x4000
    words[51] = 0x0200
    words[53] = 0x0007
    words[59] = multipleSetting == 0 ? 0 : 0x0100 | UInt16(multipleSetting)
    words[60] = UInt16(truncatingIfNeeded: lba28)
    words[61] = UInt16(truncatingIfNeeded: lba28 >> 16)
    words[63] = 0x0007 | (dmaMode & 0xF8 == 0x20 ? 0x0100 << UInt16(dmaMode & 7) : 0)
    words[64] = 0x0003
    for i in 65...68 { words[i] = 120 }
    words[80] = 0x00F0  // ATA/ATAPI-4 to -7.
    // NOP, READ BUFFER, WRITE BUFFER, look-ahead, write cache, power management, SMART.
    words[82] = 0x7069
    words[83] = 0x7400  // FLUSH CACHE EXT, FLUSH CACHE, 48-bit addresses.
    words[84] = 0x4043  // WRITE DMA FUA EXT and WRITE MULTIPLE FUA EXT, SMART self-test and error log.
    words[85] =
      0x7008 | (lookAheadEnabled ? 0x40 : 0) | (writeCacheEnabled ? 0x20 : 0) | (smartEnabled ? 1 : 0)
    words[86] = 0x3400
    words[87] = 0x4043
    words[88] = 0x003F | (dmaMode & 0xF8 == 0x40 ? 0x0100 << UInt16(dmaMode & 7) : 0)
    // Hardware reset result: 80-conductor cable, number by jumper, diagnostics passed.
    words[93] = device1Position ? 0x6300 : 0x600B
    for i in 0..<4 { words[100 + i] = UInt16(truncatingIfNeeded: sectors >> UInt64(16 * i)) }
    words[106] = 0x4000

    return IdentifyData.bytes(words)
  }

  private func identifyGeometry(_ words: inout [UInt16]) {
    // Words 1, 3, 6: the default translation, capped at 16383 cylinders.
    words[1] = UInt16(max(1, min(store.sectorCount / (16 * 63), 16_383)))
    words[3] = 16
    words[6] = 63
    words[54] = logicalCylinders
    words[55] = logicalHeads
    words[56] = logicalSectors
    let capacity = UInt32(logicalCylinders) * UInt32(logicalHeads) * UInt32(logicalSectors)
    words[57] = UInt16(truncatingIfNeeded: capacity)
    words[58] = UInt16(truncatingIfNeeded: capacity >> 16)
  }
}
