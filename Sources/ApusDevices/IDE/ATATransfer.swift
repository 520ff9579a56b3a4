import ApusBase

/// Addresses and data transfer of an ATA disk.
extension ATADisk {
  /// What a command that moves sectors wants.
  struct MediaCommand {
    var isWrite = false
    var isDMA = false
    var isExtended = false
    var isMultiple = false
    var isForced = false
    var isVerify = false
  }

  // MARK: Addresses

  /// Cylinders of the present CHS translation.
  var logicalCylinders: UInt16 {
    let perCylinder = UInt64(logicalHeads) * UInt64(logicalSectors)
    // ATA-5, annex "CHS and LBA addressing": no more than 16383 × 16 × 63 by default.
    let most: UInt64 = logicalHeads == 16 && logicalSectors == 63 ? 16_383 : 65_535
    return UInt16(max(1, min(store.sectorCount / perCylinder, most)))
  }

  /// The first sector that the registers name, nil for a CHS address that does not exist.
  func requestedLBA(extended: Bool) -> UInt64? {
    if extended {
      return UInt64(lbaLow.current) | UInt64(lbaMid.current) << 8 | UInt64(lbaHigh.current) << 16
        | UInt64(lbaLow.previous) << 24 | UInt64(lbaMid.previous) << 32 | UInt64(lbaHigh.previous) << 40
    }
    if device.bit(6) {
      return UInt64(lbaLow.current) | UInt64(lbaMid.current) << 8 | UInt64(lbaHigh.current) << 16
        | UInt64(device & 0x0F) << 24
    }
    let cylinder = UInt64(lbaMid.current) | UInt64(lbaHigh.current) << 8
    let head = UInt64(device & 0x0F)
    let sector = UInt64(lbaLow.current)
    guard cylinder < UInt64(logicalCylinders), head < UInt64(logicalHeads),
      (1...UInt64(logicalSectors)).contains(sector)
    else { return nil }
    return (cylinder * UInt64(logicalHeads) + head) * UInt64(logicalSectors) + sector - 1
  }

  /// Puts a sector's address into the registers, in the form that the command used.
  func setAddress(_ lba: UInt64, extended: Bool) {
    if !extended && !device.bit(6) {
      let track = lba / UInt64(logicalSectors)
      let cylinder = track / UInt64(logicalHeads)
      lbaLow.current = UInt8(truncatingIfNeeded: lba % UInt64(logicalSectors) + 1)
      lbaMid.current = UInt8(truncatingIfNeeded: cylinder)
      lbaHigh.current = UInt8(truncatingIfNeeded: cylinder >> 8)
      device = device & 0xF0 | UInt8(truncatingIfNeeded: track % UInt64(logicalHeads))
      return
    }
    lbaLow.current = UInt8(truncatingIfNeeded: lba)
    lbaMid.current = UInt8(truncatingIfNeeded: lba >> 8)
    lbaHigh.current = UInt8(truncatingIfNeeded: lba >> 16)
    if extended {
      lbaLow.previous = UInt8(truncatingIfNeeded: lba >> 24)
      lbaMid.previous = UInt8(truncatingIfNeeded: lba >> 32)
      lbaHigh.previous = UInt8(truncatingIfNeeded: lba >> 40)
    } else {
      device = device & 0xF0 | UInt8(truncatingIfNeeded: lba >> 24) & 0x0F
    }
  }

  private func setCount(_ remaining: Int, extended: Bool) {
    count.current = UInt8(truncatingIfNeeded: remaining)
    if extended { count.previous = UInt8(truncatingIfNeeded: remaining >> 8) }
  }

  /// The descriptor of the command under way; a default one for commands that move no sectors.
  private var media: MediaCommand { Self.mediaCommand(command) ?? MediaCommand() }

  // MARK: Start

  /// Starts reading, writing or verifying sectors.
  func startMedia(_ media: MediaCommand) {
    if media.isExtended && !device.bit(6) { return fail(ErrorBits.ABRT) }
    if media.isMultiple && multipleSetting == 0 { return fail(ErrorBits.ABRT) }
    if media.isWrite && store.isReadOnly { return fail(ErrorBits.WP | ErrorBits.ABRT) }
    var sectors = Int(count.current)
    if media.isExtended { sectors |= Int(count.previous) << 8 }
    if sectors == 0 { sectors = media.isExtended ? 65_536 : 256 }
    guard let lba = requestedLBA(extended: media.isExtended) else { return fail(ErrorBits.IDNF) }
    guard lba < store.sectorCount, UInt64(sectors) <= store.sectorCount - lba else {
      if lba < store.sectorCount { setAddress(store.sectorCount, extended: media.isExtended) }
      return fail(ErrorBits.IDNF)
    }
    powerMode = 0xFF
    transferLBA = lba
    transferRemaining = sectors
    if media.isVerify { return verify(media) }
    blockSectors = media.isDMA ? Self.bufferSectors : media.isMultiple ? Int(multipleSetting) : 1
    if media.isWrite { requestBlock(first: true) } else { presentBlock() }
  }

  private func verify(_ media: MediaCommand) {
    while transferRemaining > 0 {
      let sectors = min(transferRemaining, Self.bufferSectors)
      let (good, failure) = readSectors(sectors)
      transferLBA += UInt64(good)
      transferRemaining -= good
      if let failure {
        setAddress(transferLBA, extended: media.isExtended)
        return fail(failure)
      }
    }
    setAddress(transferLBA &- 1, extended: media.isExtended)
    setCount(0, extended: media.isExtended)
    complete()
  }

  // MARK: To the host

  /// Sends bytes that do not come from the medium, such as identification: one PIO block of 512.
  func present(_ bytes: [UInt8]) {
    for i in 0..<512 { buffer[i] = i < bytes.count ? bytes[i] : 0 }
    position = 0
    limit = 512
    transferRemaining = 0
    phase = .dataIn
    status = IDEStatus.DRDY | IDEStatus.DSC | IDEStatus.DRQ
    interruptPending = true
  }

  /// Reads sectors from `transferLBA` into the buffer. Returns how many precede the first bad one, and
  /// the error bits for that.
  private func readSectors(_ sectors: Int) -> (good: Int, failure: UInt8?) {
    guard (try? store.read(sector: transferLBA, count: sectors, into: &buffer, at: 0)) == nil else {
      return (sectors, nil)
    }
    // Find the sector that fails: what precedes it is good.
    for i in 0..<sectors {
      do throws(BlockError) {
        try store.read(sector: transferLBA &+ UInt64(i), count: 1, into: &buffer, at: 512 * i)
      } catch {
        record(error)
        for byte in (512 * i)..<(512 * sectors) { buffer[byte] = 0 }
        return (i, error == .outOfRange ? ErrorBits.IDNF : ErrorBits.UNC)
      }
    }
    return (sectors, nil)
  }

  /// Fills the buffer with the next block and offers it to the host.
  ///
  /// ATA/ATAPI-7 volume 2, "PIO data-in command protocol": a block with a bad sector is transferred all the
  /// same, with ERR. By DMA the host gets what precedes the bad sector.
  func presentBlock() {
    let media = self.media
    let sectors = min(transferRemaining, blockSectors)
    let (good, failure) = readSectors(sectors)
    transferLBA += UInt64(good)
    transferRemaining -= good
    setAddress(failure == nil ? transferLBA &- 1 : transferLBA, extended: media.isExtended)
    setCount(transferRemaining, extended: media.isExtended)
    position = 0
    status = IDEStatus.DRDY | IDEStatus.DSC | IDEStatus.DRQ
    if let failure { pendingFailure = (transferLBA, failure) }
    if media.isDMA {
      limit = 512 * good
      phase = .dmaIn
      if good == 0, let failure { fail(failure) }
      return
    }
    limit = 512 * sectors
    phase = .dataIn
    if let failure {
      error = failure
      status |= IDEStatus.ERR
    }
    interruptPending = true
  }

  /// Reads 16 bits from the Data register.
  package func readData(at now: VirtualTime) -> UInt16 {
    guard phase == .dataIn, position + 1 < limit else { return 0 }
    let value = UInt16(buffer[position]) | UInt16(buffer[position + 1]) << 8
    position += 2
    guard position == limit else { return value }
    if pendingFailure != nil || transferRemaining == 0 {
      // The last block ends without an interrupt; ERR stays.
      pendingFailure = nil
      transferRemaining = 0
      phase = .idle
      status &= ~IDEStatus.DRQ
    } else {
      status = IDEStatus.BSY
      phase = .loading
      dueAt = now.later(by: Self.blockTime)
    }
    return value
  }

  // MARK: From the host

  /// Asks the host for the next block. The first of a PIO command comes without an interrupt.
  func requestBlock(first: Bool) {
    position = 0
    limit = 512 * min(transferRemaining, blockSectors)
    status = IDEStatus.DRDY | IDEStatus.DSC | IDEStatus.DRQ
    phase = media.isDMA ? .dmaOut : .dataOut
    if !first && phase == .dataOut { interruptPending = true }
  }

  /// Asks for 512 bytes that do not go to the medium (WRITE BUFFER).
  func requestSectorBuffer() {
    position = 0
    limit = 512
    transferRemaining = 0
    status = IDEStatus.DRDY | IDEStatus.DSC | IDEStatus.DRQ
    phase = .dataOut
  }

  /// Writes 16 bits to the Data register.
  package func writeData(_ value: UInt16, at now: VirtualTime) {
    guard phase == .dataOut, position + 1 < limit else { return }
    buffer[position] = UInt8(truncatingIfNeeded: value)
    buffer[position + 1] = UInt8(truncatingIfNeeded: value >> 8)
    position += 2
    guard position == limit else { return }
    status = IDEStatus.BSY
    phase = .storing
    dueAt = now.later(by: Self.blockTime)
  }

  /// Writes the block in the buffer to the medium and goes on.
  func storeBlock() {
    guard transferRemaining > 0 else {
      sectorBuffer = Array(buffer[0..<512])
      return complete()
    }
    let media = self.media
    let sectors = min(transferRemaining, blockSectors)
    var good = sectors
    var failure: BlockError?
    do throws(BlockError) {
      try store.write(sector: transferLBA, count: sectors, from: buffer, at: 0)
    } catch {
      (good, failure) = writeSingly(sectors, after: error)
    }
    transferLBA += UInt64(good)
    transferRemaining -= good
    if let failure {
      setAddress(transferLBA, extended: media.isExtended)
      return fail(Self.writeErrorBits(failure))
    }
    setAddress(transferLBA &- 1, extended: media.isExtended)
    setCount(transferRemaining, extended: media.isExtended)
    if transferRemaining > 0 { return requestBlock(first: false) }
    // Without a write cache, and for a forced write, the data is durable when the command ends.
    if media.isForced || !writeCacheEnabled { flush() } else { complete() }
  }

  /// Finds the sector that cannot be written after a block could not.
  private func writeSingly(_ sectors: Int, after first: BlockError) -> (Int, BlockError?) {
    record(first)
    for i in 0..<sectors {
      do throws(BlockError) {
        try store.write(sector: transferLBA &+ UInt64(i), count: 1, from: buffer, at: 512 * i)
      } catch {
        record(error)
        return (i, error)
      }
    }
    return (sectors, nil)
  }

  private static func writeErrorBits(_ failure: BlockError) -> UInt8 {
    switch failure {
    case .io: return ErrorBits.ABRT
    case .outOfRange: return ErrorBits.IDNF
    case .readOnly: return ErrorBits.WP | ErrorBits.ABRT
    }
  }

  /// FLUSH CACHE: ends the command when everything written is durable.
  func flush() {
    do throws(BlockError) {
      try store.flush()
      complete()
    } catch {
      record(error)
      fail(ErrorBits.ABRT)
    }
  }

  // MARK: DMA

  package var dmaToMemory: Bool? {
    switch phase {
    case .dmaIn: return true
    case .dmaOut: return false
    default: return nil
    }
  }

  package var dmaBytes: Int { limit - position }

  package func moveDMA(
    _ bytes: Int, _ memory: any DMAMemory, at physical: UInt64, _ now: VirtualTime
  ) -> Bool {
    let range = position..<(position + bytes)
    let moved =
      phase == .dmaIn
      ? memory.dmaWrite(physical, from: buffer, range) : memory.dmaRead(physical, into: &buffer, range)
    guard moved else { return false }
    position += bytes
    if position == limit { endDMABlock() }
    return true
  }

  /// The whole buffer is through.
  private func endDMABlock() {
    if phase == .dmaOut { return storeBlock() }
    if let failure = pendingFailure {
      fail(failure.error)
    } else if transferRemaining > 0 {
      presentBlock()
    } else {
      complete()
    }
  }
}
