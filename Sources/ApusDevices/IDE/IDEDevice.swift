import ApusBase

/// What a host adapter needs of a device on an IDE cable, ATA or ATAPI.
///
/// Source: ATA/ATAPI-7 (INCITS 397-2005), volume 2 "Parallel Transport Protocols".
package protocol IDEDevice: AnyObject {
  /// Whether the device is device 1 of its channel; set by the host adapter.
  var device1Position: Bool { get set }
  /// Whether the device implements the PACKET feature set.
  var isPacketDevice: Bool { get }
  /// The last failure of the medium that was the host's doing.
  var lastError: BlockError? { get }
  /// When the device next does something by itself.
  var dueAt: VirtualTime { get }
  /// The device's own INTRQ, before DEV and nIEN; the host adapter clears it when Status is read.
  var interruptPending: Bool { get set }
  /// The Status register.
  var status: UInt8 { get }

  /// Power-on or RESET#.
  func powerOn()
  /// SRST in the Device Control register was set or cleared.
  func softwareReset(_ asserted: Bool, at now: VirtualTime)
  /// Does what is due.
  func run(at now: VirtualTime)

  /// Reads register 1...6 (Error to Device); `previous` is HOB.
  func readRegister(_ register: Int, previous: Bool) -> UInt8
  /// Writes register 1...6 (Features to Device).
  func writeRegister(_ register: Int, _ value: UInt8)
  /// Writes the Command register of this device.
  func writeCommand(_ value: UInt8, at now: VirtualTime)
  /// Reads 16 bits from the Data register.
  func readData(at now: VirtualTime) -> UInt16
  /// Writes 16 bits to the Data register.
  func writeData(_ value: UInt16, at now: VirtualTime)

  /// Whether the device waits for the host adapter: true to memory, false from memory, nil not at all.
  var dmaToMemory: Bool? { get }
  /// Bytes that the host adapter may move now: even, and not 0 while `dmaToMemory` is not nil.
  var dmaBytes: Int { get }
  /// Moves `bytes` (1...`dmaBytes`) between the device and guest RAM at `physical`. False, and nothing
  /// moved, outside RAM.
  func moveDMA(_ bytes: Int, _ memory: any DMAMemory, at physical: UInt64, _ now: VirtualTime) -> Bool

  /// The registers and the state of the drive, for people; nothing changes, as reading Status through a port would.
  func describe(into description: inout DeviceDescription)

  func save(to w: inout StateWriter)
  func restore(from r: inout StateReader) throws(StateError)
}

/// Bits of the Status register. ATA/ATAPI-7 volume 1, "Status register"; DSC by ATA-3 and SFF-8020i.
enum IDEStatus {
  /// Error, or CHECK CONDITION of a packet command.
  static let ERR: UInt8 = 0x01
  static let DRQ: UInt8 = 0x08
  static let DSC: UInt8 = 0x10
  static let DRDY: UInt8 = 0x40
  static let BSY: UInt8 = 0x80
}

/// The 256 words of IDENTIFY DEVICE and IDENTIFY PACKET DEVICE.
enum IdentifyData {
  /// ATA strings: padded with spaces, the first character of each pair in bits 15:8.
  static func store(_ text: [UInt8], length: Int, at word: Int, in words: inout [UInt16]) {
    for i in 0..<(length / 2) {
      let first = 2 * i < text.count ? text[2 * i] : 0x20
      let second = 2 * i + 1 < text.count ? text[2 * i + 1] : 0x20
      words[word + i] = UInt16(first) << 8 | UInt16(second)
    }
  }

  /// The words as bytes, with the integrity word: signature A5h, and a checksum that makes the sum of all
  /// bytes zero.
  static func bytes(_ words: [UInt16]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 512)
    for (i, word) in words.prefix(255).enumerated() {
      bytes[2 * i] = UInt8(truncatingIfNeeded: word)
      bytes[2 * i + 1] = UInt8(truncatingIfNeeded: word >> 8)
    }
    bytes[510] = 0xA5
    bytes[511] = checksum(bytes)
    return bytes
  }

  /// What has to be added to a sector for the sum of its bytes to be zero.
  static func checksum(_ sector: [UInt8]) -> UInt8 {
    var sum: UInt8 = 0
    for byte in sector { sum &+= byte }
    return 0 &- sum
  }
}

// MARK: For people

/// Names of commands: ATA/ATAPI-7 volume 1, "Command codes", and ATA-3 for those that it has dropped.
enum IDECommand {
  static func name(_ opcode: UInt8) -> String {
    switch opcode {
    case 0x00: "NOP"
    case 0x08: "DEVICE RESET"
    case 0x10...0x1F: "RECALIBRATE"
    case 0x20, 0x21: "READ SECTORS"
    case 0x24: "READ SECTORS EXT"
    case 0x25: "READ DMA EXT"
    case 0x27: "READ NATIVE MAX ADDRESS EXT"
    case 0x29: "READ MULTIPLE EXT"
    case 0x30, 0x31: "WRITE SECTORS"
    case 0x34: "WRITE SECTORS EXT"
    case 0x35: "WRITE DMA EXT"
    case 0x39: "WRITE MULTIPLE EXT"
    case 0x3C: "WRITE VERIFY"
    case 0x3D: "WRITE DMA FUA EXT"
    case 0x40, 0x41: "READ VERIFY SECTORS"
    case 0x42: "READ VERIFY SECTORS EXT"
    case 0x70...0x7F: "SEEK"
    case 0x90: "EXECUTE DEVICE DIAGNOSTIC"
    case 0x91: "INITIALIZE DEVICE PARAMETERS"
    case 0x94, 0xE0: "STANDBY IMMEDIATE"
    case 0x95, 0xE1: "IDLE IMMEDIATE"
    case 0x96, 0xE2: "STANDBY"
    case 0x97, 0xE3: "IDLE"
    case 0x98, 0xE5: "CHECK POWER MODE"
    case 0x99, 0xE6: "SLEEP"
    default: others.first { $0.opcode == opcode }?.name ?? ""
    }
  }

  private static let others: [(opcode: UInt8, name: String)] = [
    (0xA0, "PACKET"), (0xA1, "IDENTIFY PACKET DEVICE"), (0xB0, "SMART"), (0xC4, "READ MULTIPLE"),
    (0xC5, "WRITE MULTIPLE"), (0xC6, "SET MULTIPLE MODE"), (0xC8, "READ DMA"), (0xC9, "READ DMA"),
    (0xCA, "WRITE DMA"), (0xCB, "WRITE DMA"), (0xCE, "WRITE MULTIPLE FUA EXT"), (0xE4, "READ BUFFER"),
    (0xE7, "FLUSH CACHE"), (0xE8, "WRITE BUFFER"), (0xEA, "FLUSH CACHE EXT"), (0xEC, "IDENTIFY DEVICE"),
    (0xEF, "SET FEATURES"), (0xF8, "READ NATIVE MAX ADDRESS"),
  ]

  /// What CHECK POWER MODE reports.
  static func power(_ mode: UInt8, asleep: Bool) -> String {
    if asleep { return "asleep" }
    return mode == 0x00 ? "standby" : mode == 0x80 ? "idle" : "active"
  }

  /// What SET FEATURES has chosen for DMA.
  static func transfer(_ mode: UInt8) -> String {
    (mode & 0xF8 == 0x40 ? "Ultra DMA " : "multiword DMA ") + "\(mode & 7)"
  }
}
