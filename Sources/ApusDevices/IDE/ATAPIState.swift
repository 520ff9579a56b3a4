import ApusBase

/// Saved state of a CD-ROM drive.
extension ATAPICDROM {
  package func save(to w: inout StateWriter) {
    w.write(medium != nil)
    w.write(medium?.sectorCount ?? 0)
    for flag in [
      isTrayOpen, isLocked, events.mediumRemoved, events.mediumInserted, events.ejectRequested,
      resetAttention, mediumAttention, interruptPending, usesDMA, asleep, pendingFailure != nil,
    ] {
      w.write(flag)
    }
    for byte in [
      features, interruptReason, lbaLow, device, status, error, command, phase.rawValue, dmaMode, powerMode,
      readParts.rawValue,
    ] {
      w.write(byte)
    }
    modes.save(to: &w)
    w.write(speed)
    w.write(headBlock)
    sense.save(to: &w)
    (pendingFailure ?? .none).save(to: &w)
    w.write(byteCount)
    w.write(dueAt)
    w.write(packet)
    w.write(UInt8(packetBytes))
    w.write(UInt16(byteCountLimit))
    w.write(UInt16(position))
    w.write(UInt16(blockEnd))
    w.write(Array(buffer[0..<limit]))
    w.write(readBlock)
    w.write(readRemaining)
  }

  /// The drive must hold the disc that it held when it was saved; a disc that was taken out since the machine
  /// was made is taken out here as well.
  package func restore(from r: inout StateReader) throws(StateError) {
    let hasMedium = try r.readBool("medium")
    let sectors = try r.read(UInt64.self)
    if hasMedium {
      guard medium?.sectorCount == sectors else { throw r.invalid("medium") }
    } else {
      medium = nil
    }
    isTrayOpen = try r.readBool("isTrayOpen")
    isLocked = try r.readBool("isLocked")
    events.mediumRemoved = try r.readBool("mediumRemoved")
    events.mediumInserted = try r.readBool("mediumInserted")
    events.ejectRequested = try r.readBool("ejectRequested")
    resetAttention = try r.readBool("resetAttention")
    mediumAttention = try r.readBool("mediumAttention")
    interruptPending = try r.readBool("interruptPending")
    usesDMA = try r.readBool("usesDMA")
    asleep = try r.readBool("asleep")
    let fails = try r.readBool("pendingFailure")
    features = try r.read()
    interruptReason = try r.read()
    lbaLow = try r.read()
    device = try r.read()
    status = try r.read()
    error = try r.read()
    command = try r.read()
    guard let phase = Phase(rawValue: try r.read()) else { throw r.invalid("phase") }
    dmaMode = try r.read()
    powerMode = try r.read()
    let parts = SectorParts(rawValue: try r.read(UInt8.self))
    guard parts.areContiguous else { throw r.invalid("readParts") }
    readParts = parts
    try modes.restore(from: &r)
    speed = try r.read()
    headBlock = try r.read()
    sense = try Sense(from: &r)
    let failure = try Sense(from: &r)
    pendingFailure = fails ? failure : nil
    byteCount = try r.read()
    dueAt = try r.read()
    try restoreTransfer(from: &r, phase)
  }

  /// What bounds later accesses is checked before it is stored.
  private func restoreTransfer(from r: inout StateReader, _ phase: Phase) throws(StateError) {
    let packet = try r.readBytes(limit: 12, "packet")
    let arrived = Int(try r.read(UInt8.self))
    guard packet.count == 12, arrived <= 12, arrived % 2 == 0 else { throw r.invalid("packet") }
    let most = try r.read(UInt16.self)
    let through = Int(try r.read(UInt16.self))
    let end = Int(try r.read(UInt16.self))
    let data = try r.readBytes(limit: Self.bufferBytes, "buffer")
    guard through <= data.count, end <= data.count, through % 2 == 0 || through == data.count else {
      throw r.invalid("position")
    }
    switch phase {
    case .dataIn, .dataOut: guard through < end else { throw r.invalid("blockEnd") }
    case .dmaIn, .dmaOut: guard through < data.count else { throw r.invalid("position") }
    default: break
    }
    self.packet = packet
    packetBytes = arrived
    byteCountLimit = Int(most)
    position = through
    blockEnd = end
    limit = data.count
    buffer.replaceSubrange(0..<limit, with: data)
    buffer[limit] = 0
    readBlock = try r.read()
    readRemaining = try r.read()
    self.phase = phase
  }
}
