import ApusBase

/// An ATAPI CD-ROM drive: the device side of the interface and the state of the drive.
///
/// Sources: ATA/ATAPI-7 (INCITS 397-2005), volume 1 "PACKET" and volume 2 "PACKET command protocol" for the
/// registers; SFF-8020i revision 2.6 "ATA Packet Interface for CD-ROMs" and MMC-3 (INCITS 360) for the packet
/// commands.
///
/// The medium is an image of 2048-byte blocks; what its last block lacks reads as zeros. It is one session
/// with one data track of mode 1. An image too large for the addresses of a CD counts as a DVD-ROM.
///
/// Registers and ATA commands are in `ATAPICommands.swift`, the PACKET protocol in `ATAPITransfer.swift`, the
/// packet commands in the files `CDROM….swift`.
package final class ATAPICDROM: IDEDevice {
  /// Nanoseconds from a command or packet to its first data or its end, and from a reset to readiness.
  package static let commandTime: UInt64 = 10_000
  /// Nanoseconds between two blocks of one command.
  package static let blockTime: UInt64 = 2_000
  /// The most bytes that are between medium and host at a time: 31 blocks of 2048, 27 of 2352. Every even
  /// byte count limit fits.
  static let bufferBytes = 63_504
  /// Blocks that a CD of 99 minutes, 59 seconds and 74 frames holds after the 150 of its pregap.
  static let compactDiscBlocks: UInt32 = 449_850

  enum Phase: UInt8 {
    /// Waiting for a command.
    case idle
    /// Busy with `command`, which takes effect at `dueAt`.
    case starting
    /// The host writes the packet to the Data register.
    case packet
    /// Busy with the packet, which takes effect at `dueAt`.
    case executing
    /// Busy until `dueAt`, then the next data is there for the host.
    case loading
    /// Busy until `dueAt`, then the host's data takes effect.
    case storing
    /// Busy until `dueAt`, then the command is done.
    case finishing
    /// The host reads a block from the Data register.
    case dataIn
    /// The host writes a block to the Data register.
    case dataOut
    /// The host adapter fetches the buffer by DMA.
    case dmaIn
    /// The host adapter fills the buffer by DMA.
    case dmaOut
    /// SRST is set (`dueAt` never), or a reset is over at `dueAt`.
    case resetting
  }

  /// Bits of the Interrupt Reason register, which is the Sector Count register.
  enum Reason {
    static let packet: UInt8 = 0x01
    static let dataOut: UInt8 = 0x00
    static let dataIn: UInt8 = 0x02
    static let complete: UInt8 = 0x03
  }

  static let ABRT: UInt8 = 0x04

  let model: [UInt8]
  let serial: [UInt8]
  package internal(set) var lastError: BlockError?
  package var device1Position = false
  package var isPacketDevice: Bool { true }

  // The drive.

  /// The disc in the tray, also while the tray is open.
  package internal(set) var medium: (any BlockStore)?
  /// Whether the tray is open, with or without a disc on it.
  package internal(set) var isTrayOpen = false
  /// PREVENT MEDIUM REMOVAL.
  package internal(set) var isLocked = false
  /// What GET EVENT STATUS NOTIFICATION has not reported yet.
  var events = MediaEvents()
  var modes = ModePages()
  /// What SET CD SPEED chose, in kB/s.
  var speed = ATAPICDROM.maximumSpeed
  /// The block that the last access ended at.
  var headBlock: UInt32 = 0

  // Sense data.

  /// Of the last packet command.
  var sense = Sense.none
  /// Unit attentions that no command has reported yet.
  var resetAttention = false
  var mediumAttention = false

  // Registers.

  var features: UInt8 = 0
  /// Sector Count.
  var interruptReason: UInt8 = 0
  var lbaLow: UInt8 = 0
  /// LBA Mid and LBA High: Byte Count Low and High.
  var byteCount: UInt16 = 0
  var device: UInt8 = 0
  package internal(set) var status: UInt8 = 0
  var error: UInt8 = 0
  var command: UInt8 = 0
  package var interruptPending = false
  var phase = Phase.idle
  package internal(set) var dueAt = VirtualTime.never

  // The command under way.

  var packet = [UInt8](repeating: 0, count: 12)
  /// Bytes of the packet that have arrived.
  var packetBytes = 0
  var byteCountLimit = 0
  var usesDMA = false
  /// The data in the buffer: `position` of `limit` bytes are through, and the present DRQ data block ends at
  /// `blockEnd`. One byte more than the largest odd number, because data moves in words.
  var buffer = [UInt8](repeating: 0, count: ATAPICDROM.bufferBytes + 2)
  var position = 0
  var blockEnd = 0
  var limit = 0
  /// The next block to read from the medium, how many are left, and which parts of them the host gets.
  var readBlock: UInt32 = 0
  var readRemaining: UInt32 = 0
  var readParts = SectorParts.userData
  /// What ends the command when the data that precedes the bad block has reached the host.
  var pendingFailure: Sense?

  // Settings of the interface.

  /// SET FEATURES 03h: 0x20 + n for multiword DMA, 0x40 + n for Ultra DMA.
  var dmaMode: UInt8 = 0x22
  /// As CHECK POWER MODE reports it: 00h standby, 80h idle, FFh active.
  var powerMode: UInt8 = 0xFF
  var asleep = false

  /// A drive with `medium` in it, or empty. `model` (40) and `serial` (20) are cut to their number of ASCII
  /// characters.
  package init(
    medium: (any BlockStore)? = nil, model: String = "APUS CD-ROM", serial: String = "AP00000001"
  ) {
    self.medium = medium
    self.model = Array(model.utf8.prefix(40))
    self.serial = Array(serial.utf8.prefix(20))
    powerOn()
  }

  // MARK: Reset

  package func powerOn() {
    isLocked = false
    // A drive draws its tray in when it is powered on.
    isTrayOpen = false
    events = MediaEvents()
    modes = ModePages()
    speed = Self.maximumSpeed
    headBlock = 0
    dmaMode = 0x22
    sense = .none
    // SFF-8020i, "Unit Attention Condition".
    resetAttention = true
    mediumAttention = false
    cancel()
    becomeReady()
  }

  /// SRST: the interface starts anew; mode pages, door lock and unit attentions survive.
  package func softwareReset(_ asserted: Bool, at now: VirtualTime) {
    device = 0
    startReset(until: asserted ? .never : now.later(by: Self.commandTime))
  }

  /// SRST or DEVICE RESET, which differ in what they do to DEV.
  func startReset(until ready: VirtualTime) {
    cancel()
    phase = .resetting
    status = IDEStatus.BSY
    dueAt = ready
  }

  /// Ends whatever is under way.
  func cancel() {
    phase = .idle
    dueAt = .never
    packetBytes = 0
    position = 0
    blockEnd = 0
    limit = 0
    readRemaining = 0
    pendingFailure = nil
    interruptPending = false
  }

  /// The state after a reset or a passed diagnostic. ATA/ATAPI-7 volume 2, "Power-on and hardware reset
  /// protocol", "Software reset protocol", "DEVICE RESET command protocol": DRDY stays clear.
  func becomeReady() {
    phase = .idle
    dueAt = .never
    features = 0
    setSignature()
    error = 0x01
    status = 0
    powerMode = 0xFF
    asleep = false
  }

  /// ATA/ATAPI-7 volume 1, "Device Signature".
  func setSignature() {
    interruptReason = 1
    lbaLow = 1
    byteCount = 0xEB14
    device &= 0x10
  }

  // MARK: The person at the drive

  /// Puts a disc in and closes the tray, taking out one that is there. Returns false, and does nothing but
  /// tell the guest that someone wants to, while the door is locked with a disc behind it; `forced` does it
  /// all the same.
  @discardableResult
  package func insert(_ medium: any BlockStore, forced: Bool = false) -> Bool {
    guard eject(forced: forced) else { return false }
    self.medium = medium
    closeTray()
    return true
  }

  /// Opens the tray and takes the disc out, as `insert` does.
  @discardableResult
  package func eject(forced: Bool = false) -> Bool {
    if isLocked && !forced && !isTrayOpen && medium != nil {
      events.ejectRequested = true
      return false
    }
    openTray()
    medium = nil
    return true
  }

  func openTray() {
    if !isTrayOpen && medium != nil { events.mediumRemoved = true }
    events.mediumInserted = false
    events.ejectRequested = false
    mediumAttention = false
    isTrayOpen = true
  }

  func closeTray() {
    guard isTrayOpen else { return }
    isTrayOpen = false
    headBlock = 0
    guard medium != nil else { return }
    events.mediumInserted = true
    mediumAttention = true
  }

  // MARK: The medium

  /// The disc that can be read.
  var loadedMedium: (any BlockStore)? { isTrayOpen ? nil : medium }

  /// Blocks of 2048 bytes on the disc, capped at what 32 bits address.
  var blockCount: UInt32 {
    guard let sectors = loadedMedium?.sectorCount else { return 0 }
    return UInt32(min(sectors / 4 + (sectors % 4 == 0 ? 0 : 1), 0xFFFF_FFFF))
  }

  var isDVD: Bool { blockCount > Self.compactDiscBlocks }

  // MARK: Time

  package func run(at now: VirtualTime) {
    guard dueAt <= now else { return }
    dueAt = .never
    switch phase {
    case .starting: executeCommand()
    case .executing: executePacket()
    case .loading: continueDataIn()
    case .storing: takeParameters()
    case .finishing: complete()
    case .resetting: becomeReady()
    case .idle, .packet, .dataIn, .dataOut, .dmaIn, .dmaOut: break
    }
  }
}

// MARK: For people

extension ATAPICDROM {
  package func describe(into description: inout DeviceDescription) {
    var drive = [medium == nil ? "empty" : "\(blockCount) blocks", isTrayOpen ? "tray open" : "tray closed"]
    if isLocked { drive.append("locked") }
    description.add("CD-ROM", drive.joined(separator: ", "))
    description.add("Status", status, bits: ["CHK", "", "", "DRQ", "DSC", "DF", "DRDY", "BSY"])
    description.add(
      "Error", error, "sense key \(error.bits(7, 4))" + (error & Self.ABRT != 0 ? ", ABRT" : ""))
    description.add("Command", command, IDECommand.name(command))
    description.add("Features", features, bits: ["DMA", "OVL"])
    description.add("Interrupt Reason", interruptReason, bits: ["C/D", "I/O", "REL"])
    description.add("LBA Low", lbaLow, "")
    description.add("Byte Count", byteCount, "\(byteCount)")
    description.add("Device", device, "")
    description.add("INTRQ", interruptPending ? "pending" : "none")
    description.add("phase", phase.text)
    description.add("packet", DeviceDescription.list(packet.prefix(packetBytes)))
    if phase != .idle {
      description.add(
        "transfer", "\(position) of \(limit) bytes, \(readRemaining) more blocks from \(readBlock)")
    }
    let codes = [sense.code, sense.qualifier].map { DeviceDescription.hex($0) }.joined(separator: " ")
    description.add("sense", "key \(sense.key), code and qualifier \(codes)")
    if resetAttention || mediumAttention {
      description.add("unit attention", mediumAttention ? "the medium may have changed" : "reset")
    }
    description.add("settings", IDECommand.transfer(dmaMode))
    description.add("power mode", IDECommand.power(powerMode, asleep: asleep))
  }
}

extension ATAPICDROM.Phase {
  fileprivate var text: String {
    switch self {
    case .idle: "waits for a command"
    case .starting: "busy with the command"
    case .packet: "waits for the packet"
    case .executing: "busy with the packet"
    case .loading: "busy until the next data is there"
    case .storing: "busy with the data from the host"
    case .finishing: "busy until the command ends"
    case .dataIn: "PIO data-in"
    case .dataOut: "PIO data-out"
    case .dmaIn: "DMA data-in"
    case .dmaOut: "DMA data-out"
    case .resetting: "reset"
    }
  }
}
