import ApusBase

/// The PACKET protocol of a CD-ROM drive: the packet, the data and the status after it.
extension ATAPICDROM {
  /// Whether the command under way is PACKET; IDENTIFY PACKET DEVICE ends without a status phase.
  private var isPacketCommand: Bool { command == 0xA0 }

  // MARK: Ends

  /// The packet command is done; INTRQ is asserted.
  func complete() {
    phase = .idle
    readRemaining = 0
    interruptReason = Reason.complete
    status = IDEStatus.DRDY | IDEStatus.DSC
    interruptPending = true
  }

  /// CHECK CONDITION. SFF-8020i, "ATAPI Error register": the sense key in bits 7:4, and ABRT for a packet
  /// that is invalid.
  func checkCondition(_ sense: Sense) {
    self.sense = sense
    phase = .idle
    readRemaining = 0
    pendingFailure = nil
    error = sense.key << 4 | (sense.key == Sense.illegalRequest ? Self.ABRT : 0)
    interruptReason = Reason.complete
    status = IDEStatus.DRDY | IDEStatus.DSC | IDEStatus.ERR
    interruptPending = true
  }

  // MARK: To the host

  /// Sends the first `allocation` bytes of a reply, and ends the command at once if that is none.
  func reply(_ bytes: [UInt8], allocation: Int) {
    let length = min(bytes.count, allocation, Self.bufferBytes)
    guard length > 0 else { return complete() }
    for i in 0..<length { buffer[i] = bytes[i] }
    readRemaining = 0
    startDataIn(length)
  }

  /// Starts reading blocks from the medium; `readBlock`, `readRemaining` and `readParts` are set.
  func startReading() {
    guard readRemaining > 0, readParts.bytes > 0 else { return complete() }
    powerMode = 0xFF
    loadBlocks()
  }

  /// Fills the buffer from the medium and offers it.
  private func loadBlocks() {
    // Someone may have changed the disc while the data was on its way.
    guard !mediumAttention else {
      mediumAttention = false
      return checkCondition(.mediumChanged)
    }
    guard let medium = loadedMedium else { return checkCondition(noMedium) }
    guard readBlock < blockCount, readRemaining <= blockCount - readBlock else {
      return checkCondition(.outOfRange)
    }
    let most = UInt32(Self.bufferBytes / max(readParts.bytes, 1))
    let blocks = min(readRemaining, most)
    let (good, failure) = readBlocks(Int(blocks), from: medium)
    readBlock += UInt32(good)
    readRemaining -= UInt32(good)
    headBlock = readBlock - (good > 0 ? 1 : 0)
    pendingFailure = failure
    if good == 0, let failure { return checkCondition(failure) }
    startDataIn(good * readParts.bytes)
  }

  /// Offers the first `length` (1...) bytes of the buffer.
  private func startDataIn(_ length: Int) {
    position = 0
    limit = length
    buffer[length] = 0
    if usesDMA {
      interruptReason = Reason.dataIn
      status = IDEStatus.DRDY | IDEStatus.DSC | IDEStatus.DRQ
      phase = .dmaIn
    } else {
      presentBlock(.dataIn)
    }
  }

  /// Asks for the next DRQ data block of a PIO transfer.
  ///
  /// ATA/ATAPI-7 volume 1, "PACKET", "Byte Count Limit": a limit of 0 is an error if there is data; an odd
  /// limit holds only for the last block.
  private func presentBlock(_ direction: Phase) {
    let left = limit - position
    let count = left <= byteCountLimit ? left : byteCountLimit & ~1
    guard count > 0 else { return checkCondition(.invalidField) }
    blockEnd = position + count
    byteCount = UInt16(count)
    interruptReason = direction == .dataIn ? Reason.dataIn : Reason.dataOut
    status = IDEStatus.DRDY | IDEStatus.DSC | IDEStatus.DRQ
    phase = direction
    interruptPending = true
  }

  /// The time between two blocks is over.
  func continueDataIn() {
    if position < limit { return presentBlock(.dataIn) }
    if let failure = pendingFailure { return checkCondition(failure) }
    loadBlocks()
  }

  package func readData(at now: VirtualTime) -> UInt16 {
    guard phase == .dataIn, position < blockEnd else { return 0 }
    let value = UInt16(buffer[position]) | UInt16(buffer[position + 1]) << 8
    position = min(position + 2, blockEnd)
    guard position == blockEnd else { return value }
    guard isPacketCommand else {
      phase = .idle
      status &= ~IDEStatus.DRQ
      return value
    }
    endDataIn(at: now)
    return value
  }

  /// A block has reached the host.
  private func endDataIn(at now: VirtualTime) {
    status = IDEStatus.BSY
    phase = position < limit || readRemaining > 0 || pendingFailure != nil ? .loading : .finishing
    dueAt = now.later(by: Self.blockTime)
  }

  // MARK: From the host

  /// Asks for `length` (1...bufferBytes) bytes of parameters.
  func requestParameters(_ length: Int) {
    position = 0
    limit = length
    if usesDMA {
      interruptReason = Reason.dataOut
      status = IDEStatus.DRDY | IDEStatus.DSC | IDEStatus.DRQ
      phase = .dmaOut
    } else {
      presentBlock(.dataOut)
    }
  }

  package func writeData(_ value: UInt16, at now: VirtualTime) {
    if phase == .packet { return writePacket(value, at: now) }
    guard phase == .dataOut, position < blockEnd else { return }
    buffer[position] = UInt8(truncatingIfNeeded: value)
    buffer[position + 1] = UInt8(truncatingIfNeeded: value >> 8)
    position = min(position + 2, blockEnd)
    if position == blockEnd { endDataOut(at: now) }
  }

  private func writePacket(_ value: UInt16, at now: VirtualTime) {
    guard packetBytes + 1 < packet.count else { return }
    packet[packetBytes] = UInt8(truncatingIfNeeded: value)
    packet[packetBytes + 1] = UInt8(truncatingIfNeeded: value >> 8)
    packetBytes += 2
    guard packetBytes == packet.count else { return }
    status = IDEStatus.BSY
    phase = .executing
    dueAt = now.later(by: Self.commandTime)
  }

  private func endDataOut(at now: VirtualTime) {
    status = IDEStatus.BSY
    phase = .storing
    dueAt = now.later(by: Self.blockTime)
  }

  /// The host's data has arrived, all of it or a block.
  func takeParameters() {
    if position < limit { return presentBlock(.dataOut) }
    executeParameters()
  }

  // MARK: DMA

  package var dmaToMemory: Bool? {
    switch phase {
    case .dmaIn: return true
    case .dmaOut: return false
    default: return nil
    }
  }

  /// Data moves in words, so an odd number of bytes is followed by one more.
  package var dmaBytes: Int { (limit + 1) & ~1 - position }

  package func moveDMA(
    _ bytes: Int, _ memory: any DMAMemory, at physical: UInt64, _ now: VirtualTime
  ) -> Bool {
    let range = position..<(position + bytes)
    let moved =
      phase == .dmaIn
      ? memory.dmaWrite(physical, from: buffer, range) : memory.dmaRead(physical, into: &buffer, range)
    guard moved else { return false }
    position += bytes
    guard position >= limit else { return true }
    position = limit
    if phase == .dmaIn { endDataIn(at: now) } else { endDataOut(at: now) }
    return true
  }
}
