import ApusBase

/// The commands of an ATA disk.
extension ATADisk {
  /// Opcodes that move or verify sectors: ATA/ATAPI-7 volume 1, "Command codes", and the codes without
  /// retry of ATA-3.
  static func mediaCommand(_ opcode: UInt8) -> MediaCommand? {
    switch opcode {
    case 0x20, 0x21: return MediaCommand()
    case 0x24: return MediaCommand(isExtended: true)
    case 0x25: return MediaCommand(isDMA: true, isExtended: true)
    case 0x29: return MediaCommand(isExtended: true, isMultiple: true)
    case 0x30, 0x31: return MediaCommand(isWrite: true)
    case 0x34: return MediaCommand(isWrite: true, isExtended: true)
    case 0x35: return MediaCommand(isWrite: true, isDMA: true, isExtended: true)
    case 0x39: return MediaCommand(isWrite: true, isExtended: true, isMultiple: true)
    // WRITE VERIFY (ATA-3): the data is on the medium when the command ends.
    case 0x3C: return MediaCommand(isWrite: true, isForced: true)
    case 0x3D: return MediaCommand(isWrite: true, isDMA: true, isExtended: true, isForced: true)
    case 0x40, 0x41: return MediaCommand(isVerify: true)
    case 0x42: return MediaCommand(isExtended: true, isVerify: true)
    case 0xC4: return MediaCommand(isMultiple: true)
    case 0xC5: return MediaCommand(isWrite: true, isMultiple: true)
    case 0xC8, 0xC9: return MediaCommand(isDMA: true)
    case 0xCA, 0xCB: return MediaCommand(isWrite: true, isDMA: true)
    case 0xCE: return MediaCommand(isWrite: true, isExtended: true, isMultiple: true, isForced: true)
    default: return nil
    }
  }

  /// Executes `command`. A code that is not here ends with ABRT: NOP, DEVICE RESET and the packet commands,
  /// which a device without the PACKET feature set must abort; SET MAX ADDRESS and the SECURITY commands,
  /// whose feature sets IDENTIFY DEVICE does not claim; DOWNLOAD MICROCODE.
  func execute() {
    if let media = Self.mediaCommand(command) { return startMedia(media) }
    switch command {
    case 0x10...0x1F: complete()  // RECALIBRATE
    case 0x27: readNativeMax(extended: true)
    case 0x70...0x7F: seek()
    case 0x90: diagnose()
    case 0x91: initializeParameters()
    case 0x94, 0xE0: setPower(0x00)  // STANDBY IMMEDIATE
    case 0x95, 0xE1: setPower(0x80)  // IDLE IMMEDIATE
    // STANDBY and IDLE. Departs from hardware: the standby timer that the count sets never runs out.
    case 0x96, 0xE2: setPower(0x00)
    case 0x97, 0xE3: setPower(0x80)
    case 0x98, 0xE5:
      count.current = powerMode
      complete()
    case 0x99, 0xE6:
      setPower(0x00)
      asleep = true
    case 0xB0: smart()
    case 0xC6: setMultiple()
    case 0xE4: present(sectorBuffer)
    case 0xE7, 0xEA: flush()
    case 0xE8: requestSectorBuffer()
    case 0xEC: present(identification())
    case 0xEF: setFeatures()
    case 0xF8: readNativeMax(extended: false)
    default: fail(ErrorBits.ABRT)
    }
  }

  private func setPower(_ mode: UInt8) {
    powerMode = mode
    complete()
  }

  private func seek() {
    guard let lba = requestedLBA(extended: false), lba < store.sectorCount else {
      return fail(ErrorBits.IDNF)
    }
    complete()
  }

  /// EXECUTE DEVICE DIAGNOSTIC: both devices run it whichever is selected, and device 0 reports.
  private func diagnose() {
    let isDevice1 = device1Position
    becomeReady()
    interruptPending = !isDevice1
  }

  private func initializeParameters() {
    guard count.current != 0 else { return fail(ErrorBits.ABRT) }
    logicalHeads = UInt16(device & 0x0F) + 1
    logicalSectors = UInt16(count.current)
    complete()
  }

  private func readNativeMax(extended: Bool) {
    guard device.bit(6) else { return fail(ErrorBits.ABRT) }
    let last = store.sectorCount == 0 ? 0 : store.sectorCount - 1
    setAddress(extended ? last : min(last, 0x0FFF_FFFF), extended: extended)
    complete()
  }

  private func setMultiple() {
    let sectors = count.current
    guard sectors <= Self.multipleLimit, sectors & (sectors &- 1) == 0 else {
      multipleSetting = 0
      return fail(ErrorBits.ABRT)
    }
    multipleSetting = sectors
    complete()
  }

  private func setFeatures() {
    switch features.current {
    case 0x02: writeCacheEnabled = true
    case 0x03: return setTransferMode(count.current)
    case 0x55: lookAheadEnabled = false
    case 0x66, 0xCC: break  // Settings survive a software reset either way.
    case 0x82:
      // What the cache holds becomes durable.
      writeCacheEnabled = false
      return flush()
    case 0xAA: lookAheadEnabled = true
    default: return fail(ErrorBits.ABRT)
    }
    complete()
  }

  /// SET FEATURES, "Set transfer mode": PIO default, PIO 0–4, multiword DMA 0–2, Ultra DMA 0–5.
  private func setTransferMode(_ mode: UInt8) {
    switch mode {
    case 0x00, 0x01, 0x08...0x0C: break
    case 0x20...0x22, 0x40...0x45: dmaMode = mode
    default: return fail(ErrorBits.ABRT)
    }
    complete()
  }
}
