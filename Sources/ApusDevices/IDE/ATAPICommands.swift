import ApusBase

/// The command block registers and the ATA commands of a CD-ROM drive.
extension ATAPICDROM {
  // MARK: Command block registers

  package func readRegister(_ register: Int, previous: Bool) -> UInt8 {
    switch register {
    case 1: return error
    case 2: return interruptReason
    case 3: return lbaLow
    case 4: return UInt8(truncatingIfNeeded: byteCount)
    case 5: return UInt8(truncatingIfNeeded: byteCount >> 8)
    default: return device
    }
  }

  /// A busy device takes no parameters.
  package func writeRegister(_ register: Int, _ value: UInt8) {
    guard status & IDEStatus.BSY == 0 else { return }
    switch register {
    case 1: features = value
    case 2: interruptReason = value
    case 3: lbaLow = value
    case 4: byteCount = byteCount & 0xFF00 | UInt16(value)
    case 5: byteCount = byteCount & 0x00FF | UInt16(value) << 8
    default: device = value
    }
  }

  /// DEVICE RESET is taken in every state, all else only while the drive is neither busy nor asleep; a
  /// command during a data transfer ends that transfer.
  package func writeCommand(_ value: UInt8, at now: VirtualTime) {
    if value == 0x08 {
      guard phase != .resetting else { return }
      return startReset(until: now.later(by: Self.commandTime))
    }
    guard status & IDEStatus.BSY == 0, !asleep else { return }
    cancel()
    command = value
    error = 0
    status = IDEStatus.BSY
    phase = .starting
    dueAt = now.later(by: Self.commandTime)
  }

  // MARK: Commands

  /// Executes `command`. What is not here ends with ABRT, as NOP does with its subcommand 00h.
  func executeCommand() {
    switch command {
    case 0x90: diagnose()
    case 0xA0: requestPacket()
    case 0xA1: presentIdentification()
    // ATA/ATAPI-7 volume 1, "IDENTIFY DEVICE" and "READ SECTOR(S)": a device with the PACKET feature set
    // aborts them with its signature in the registers.
    case 0x20, 0x21, 0xEC:
      setSignature()
      abort()
    case 0x94, 0x96, 0xE0, 0xE2: setPower(0x00)  // STANDBY IMMEDIATE, STANDBY
    case 0x95, 0x97, 0xE1, 0xE3: setPower(0x80)  // IDLE IMMEDIATE, IDLE
    case 0x98, 0xE5:
      succeed()
      interruptReason = powerMode
    case 0x99, 0xE6:
      setPower(0x00)
      asleep = true
    case 0xEF: setFeatures()
    default: abort()
    }
  }

  /// The ATA command is done; INTRQ is asserted.
  private func succeed() {
    phase = .idle
    status = IDEStatus.DRDY | IDEStatus.DSC
    interruptPending = true
  }

  /// The ATA command is not accepted; INTRQ is asserted.
  private func abort() {
    phase = .idle
    error = Self.ABRT
    status = IDEStatus.DRDY | IDEStatus.DSC | IDEStatus.ERR
    interruptPending = true
  }

  private func setPower(_ mode: UInt8) {
    powerMode = mode
    succeed()
  }

  /// EXECUTE DEVICE DIAGNOSTIC: both devices run it whichever is selected, and device 0 reports.
  private func diagnose() {
    becomeReady()
    device = 0
    interruptPending = !device1Position
  }

  private func setFeatures() {
    switch features {
    case 0x03:
      switch interruptReason {
      // PIO default, PIO 0–4; multiword DMA 0–2, Ultra DMA 0–5.
      case 0x00, 0x01, 0x08...0x0C: break
      case 0x20...0x22, 0x40...0x45: dmaMode = interruptReason
      default: return abort()
      }
    case 0x66, 0xCC: break  // Settings survive a software reset either way.
    default: return abort()
    }
    succeed()
  }

  // MARK: PACKET

  private func requestPacket() {
    // OVL: overlapped commands are not supported.
    if features.bit(1) { return abort() }
    usesDMA = features.bit(0)
    // The limit is even: FFFFh counts as FFFEh. ATA/ATAPI-7 volume 1, "PACKET", "Byte Count Limit".
    byteCountLimit = Int(min(byteCount, 0xFFFE))
    packetBytes = 0
    interruptReason = Reason.packet
    // Within 50 µs and without an interrupt, as word 0 of IDENTIFY PACKET DEVICE says.
    status = IDEStatus.DRDY | IDEStatus.DSC | IDEStatus.DRQ
    phase = .packet
  }

  // MARK: IDENTIFY PACKET DEVICE

  private func presentIdentification() {
    let bytes = identification()
    for i in 0..<512 { buffer[i] = bytes[i] }
    position = 0
    limit = 512
    blockEnd = 512
    phase = .dataIn
    status = IDEStatus.DRDY | IDEStatus.DSC | IDEStatus.DRQ
    interruptPending = true
  }

  /// ATA/ATAPI-7 volume 1, "IDENTIFY PACKET DEVICE", names the words.
  private func identification() -> [UInt8] {
    var words = [UInt16](repeating: 0, count: 256)
    // ATAPI, CD-ROM, removable, DRQ within 50 µs of PACKET, packets of 12 bytes.
    words[0] = 0x85C0
    IdentifyData.store(serial, length: 20, at: 10, in: &words)
    IdentifyData.store(Array("1.0".utf8), length: 8, at: 23, in: &words)
    IdentifyData.store(model, length: 40, at: 27, in: &words)
    words[49] = 0x0F00  // IORDY and its disabling, LBA, DMA.
    words[50] = 0x4000
    words[51] = 0x0200
    words[53] = 0x0006
    words[63] = 0x0007 | (dmaMode & 0xF8 == 0x20 ? 0x0100 << UInt16(dmaMode & 7) : 0)
    words[64] = 0x0003
    for i in 65...68 { words[i] = 120 }
    words[80] = 0x00F0  // ATA/ATAPI-4 to -7.
    words[82] = 0x4218  // NOP, DEVICE RESET, PACKET, power management.
    words[83] = 0x4000
    words[84] = 0x4000
    words[85] = 0x4218
    words[87] = 0x4000
    words[88] = 0x003F | (dmaMode & 0xF8 == 0x40 ? 0x0100 << UInt16(dmaMode & 7) : 0)
    // Hardware reset result: 80-conductor cable, number by jumper, diagnostics passed.
    words[93] = device1Position ? 0x6300 : 0x600B
    return IdentifyData.bytes(words)
  }
}
