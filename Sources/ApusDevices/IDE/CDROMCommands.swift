import ApusBase

/// The packet commands of a CD-ROM drive: which there are, and those about the drive itself.
extension ATAPICDROM {
  /// Takes the packet. MMC-3, "Unit Attention": four commands neither report nor clear a unit attention,
  /// and REQUEST SENSE returns it as sense data.
  func executePacket() {
    let opcode = packet[0]
    if opcode == 0x03 { return requestSense() }
    sense = .none
    switch opcode {
    case 0x12: return inquiry()
    case 0x46: return getConfiguration()
    case 0x4A: return getEventStatus()
    default: break
    }
    guard Self.isImplemented(opcode) else { return checkCondition(.invalidOpcode) }
    if let attention = takeAttention() { return checkCondition(attention) }
    if Self.needsMedium(opcode) {
      guard loadedMedium != nil else { return checkCondition(noMedium) }
      guard blockCount > 0 else { return checkCondition(.unreadableMedium) }
      return executeOnMedium()
    }
    switch opcode {
    case 0x1A: modeSense(isLong: false)
    case 0x1B: startStopUnit()
    case 0x1E:
      isLocked = packet[4].bit(0)
      complete()
    case 0x55: modeSelect()
    case 0x5A: modeSense(isLong: true)
    case 0xA0: reportLUNs()
    case 0xBB: setSpeed()
    default: mechanismStatus()
    }
  }

  private static func needsMedium(_ opcode: UInt8) -> Bool {
    switch opcode {
    case 0x00, 0x25, 0x28, 0x2B, 0x42...0x44, 0x51, 0x52, 0xA8, 0xAD, 0xB9, 0xBE: return true
    default: return false
    }
  }

  private static func isImplemented(_ opcode: UInt8) -> Bool {
    switch opcode {
    case 0x1A, 0x1B, 0x1E, 0x55, 0x5A, 0xA0, 0xBB, 0xBD: return true
    default: return needsMedium(opcode)
    }
  }

  /// The commands that work on a readable disc.
  private func executeOnMedium() {
    switch packet[0] {
    case 0x25: readCapacity()
    case 0x28: read(blocks: packet.bigEndian(at: 7, count: 2))
    case 0x2B: seek()
    case 0x42: readSubChannel()
    case 0x43: readTOC()
    case 0x44: readHeader()
    case 0x51: readDiscInformation()
    case 0x52: readTrackInformation()
    case 0xA8: read(blocks: packet.bigEndian(at: 6, count: 4))
    case 0xAD: readDVDStructure()
    case 0xB9: readCDByTime()
    case 0xBE: readCD(packet.bigEndian(at: 2, count: 4), blocks: packet.bigEndian(at: 6, count: 3))
    default: complete()  // TEST UNIT READY
    }
  }

  /// The host's data has arrived: only MODE SELECT asks for any.
  func executeParameters() { takeModes(Array(buffer[0..<limit])) }

  // MARK: Sense

  var noMedium: Sense { isTrayOpen ? .trayOpen : .trayClosed }

  /// The next unit attention, which is thereby reported.
  private func takeAttention() -> Sense? {
    if resetAttention {
      resetAttention = false
      return .wasReset
    }
    guard mediumAttention else { return nil }
    mediumAttention = false
    return .mediumChanged
  }

  private func requestSense() {
    if sense == .none, let attention = takeAttention() { sense = attention }
    let bytes = sense.bytes
    sense = .none
    reply(bytes, allocation: Int(packet[4]))
  }

  // MARK: The drive

  private func inquiry() {
    let allocation = Int(packet.bigEndian(at: 3, count: 2))
    if packet[1].bit(0) {
      switch packet[2] {
      case 0x00: return reply([0x05, 0x00, 0x00, 0x02, 0x00, 0x80], allocation: allocation)
      // Unit serial number.
      case 0x80: return reply([0x05, 0x80, 0x00, UInt8(serial.count)] + serial, allocation: allocation)
      default: return checkCondition(.invalidField)
      }
    }
    guard packet[2] == 0 else { return checkCondition(.invalidField) }
    // CD-ROM, removable, no version of SCSI claimed, ATAPI version 2, response data format 1.
    let bytes: [UInt8] = [0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0]
    reply(
      bytes + Self.padded("APUS", 8) + Self.padded("CD-ROM", 16) + Self.padded("1.0", 4),
      allocation: allocation)
  }

  private static func padded(_ text: StaticString, _ length: Int) -> [UInt8] {
    let characters = Array(text.description.utf8.prefix(length))
    return characters + [UInt8](repeating: 0x20, count: length - characters.count)
  }

  /// START STOP UNIT. The spindle has no state of its own: a stopped disc starts when it is read.
  private func startStopUnit() {
    switch packet[4] >> 4 {
    case 0: break
    case 1: return setPowerCondition(0xFF)
    case 2: return setPowerCondition(0x80)
    case 3: return setPowerCondition(0x00)
    case 5:
      setPowerCondition(0x00)
      asleep = true
      return
    default: return checkCondition(.invalidField)
    }
    switch packet[4] & 0x03 {
    case 0x01:
      guard loadedMedium != nil else { return checkCondition(noMedium) }
    case 0x02:
      if isLocked && !isTrayOpen { return checkCondition(.removalPrevented) }
      openTray()
    case 0x03:
      closeTray()
    default: break
    }
    complete()
  }

  private func setPowerCondition(_ mode: UInt8) {
    powerMode = mode
    complete()
  }

  private func reportLUNs() {
    guard packet[2] <= 2 else { return checkCondition(.invalidField) }
    var bytes = [UInt8](repeating: 0, count: 16)
    bytes[3] = 8
    reply(bytes, allocation: Int(packet.bigEndian(at: 6, count: 4)))
  }

  /// SET CD SPEED: FFFFh is the fastest.
  private func setSpeed() {
    let requested = UInt16(packet.bigEndian(at: 2, count: 2))
    speed = max(176, min(requested, Self.maximumSpeed))
    complete()
  }

  private func mechanismStatus() {
    var bytes = [UInt8](repeating: 0, count: 8)
    // Idle; door open in bit 4. Not a changer: no slots.
    bytes[1] = isTrayOpen ? 0x10 : 0
    for i in 0..<3 { bytes[2 + i] = UInt8(truncatingIfNeeded: headBlock >> UInt32(16 - 8 * i)) }
    reply(bytes, allocation: Int(packet.bigEndian(at: 8, count: 2)))
  }
}
