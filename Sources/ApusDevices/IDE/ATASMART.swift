/// SMART of an ATA disk: a device without attributes that always passes.
///
/// Source: ATA/ATAPI-7 volume 1, "SMART" commands and "Device SMART data structure".
/// Departs from hardware: errors are not logged, and self-tests end at once without reading the medium.
extension ATADisk {
  /// SMART: the subcommand is in Features, the key C24Fh in LBA Mid and High.
  func smart() {
    guard lbaMid.current == 0x4F, lbaHigh.current == 0xC2 else { return fail(ErrorBits.ABRT) }
    if features.current == 0xD8 {
      smartEnabled = true
      return complete()
    }
    guard smartEnabled else { return fail(ErrorBits.ABRT) }
    switch features.current {
    case 0xD0: present(smartData())
    case 0xD1: present(Self.smartSector([0x10, 0x00]))  // Thresholds, of no attributes.
    // Enable and disable autosave: there is nothing to save.
    case 0xD2 where count.current == 0x00 || count.current == 0xF1: complete()
    case 0xD3: complete()  // Save attribute values (ATA-5).
    case 0xD4: executeOffline()
    case 0xD5: readSMARTLog()
    case 0xD9:
      smartEnabled = false
      complete()
    case 0xDA: complete()  // RETURN STATUS: LBA Mid and High unchanged, no threshold exceeded.
    // Enable and disable automatic off-line data collection (ATA-3).
    case 0xDB where count.current == 0x00 || count.current == 0xF8: complete()
    default: fail(ErrorBits.ABRT)
    }
  }

  /// EXECUTE OFF-LINE IMMEDIATE: the routine is in LBA Low.
  private func executeOffline() {
    switch lbaLow.current {
    case 0x00: smartOfflineDone = true
    // Short and extended self-test, off-line and captive.
    case 0x01, 0x02, 0x81, 0x82: lastSelfTest = lbaLow.current
    case 0x7F: break  // Abort: none is running.
    default: return fail(ErrorBits.ABRT)
    }
    complete()
  }

  /// READ LOG: the log's address is in LBA Low, sectors in Sector Count; each log here has one.
  private func readSMARTLog() {
    guard count.current == 1 else { return fail(ErrorBits.ABRT) }
    switch lbaLow.current {
    case 0x00:
      // Directory: version 1, and the sectors of each log at its word. No checksum.
      var directory = [UInt8](repeating: 0, count: 512)
      for log in [0, 1, 6] { directory[2 * log] = 1 }
      present(directory)
    case 0x01: present(Self.smartSector([0x01]))  // Summary error log, without entries.
    case 0x06: present(selfTestLog())
    default: fail(ErrorBits.IDNF | ErrorBits.ABRT)
    }
  }

  private func selfTestLog() -> [UInt8] {
    var log = Self.smartSector([0x01, 0x00])
    if lastSelfTest != 0 {
      // The first of 21 descriptors: routine, completed without error; the index of the newest.
      log[2] = lastSelfTest
      log[508] = 1
      log[511] = 0
      log[511] = IdentifyData.checksum(log)
    }
    return log
  }

  private func smartData() -> [UInt8] {
    var sector = [UInt8](repeating: 0, count: 512)
    sector[0] = 0x10
    sector[362] = smartOfflineDone ? 0x02 : 0x00
    sector[367] = 0x11  // EXECUTE OFF-LINE IMMEDIATE and self-tests.
    sector[368] = 0x03  // Attributes are saved before power saving, and by themselves.
    sector[370] = 0x01  // Error logging.
    sector[372] = 1  // Minutes to poll for a short and an extended self-test.
    sector[373] = 1
    sector[511] = IdentifyData.checksum(sector)
    return sector
  }

  /// A sector that starts with `start`, with its checksum.
  private static func smartSector(_ start: [UInt8]) -> [UInt8] {
    var sector = start + [UInt8](repeating: 0, count: 512 - start.count)
    sector[511] = IdentifyData.checksum(sector)
    return sector
  }
}
