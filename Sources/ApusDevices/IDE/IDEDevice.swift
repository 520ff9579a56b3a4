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
