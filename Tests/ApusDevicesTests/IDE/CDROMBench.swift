import ApusBase
import ApusDevices
import Testing

/// A CD-ROM drive as secondary master and what a driver does to it.
final class CDROMBench {
  /// How a packet command ended.
  struct Outcome: Equatable {
    var status: UInt32
    var error: UInt32
    var data: [UInt8] = []
    /// Byte counts of the DRQ data blocks.
    var blocks: [Int] = []
  }

  let ram = StorageRAM(size: 1 << 20)
  let lines = StorageLines()
  let drive: ATAPICDROM
  let ide: PIIXIDE
  let host: PCIHost
  var now: VirtualTime = 0
  var busMaster: UInt16 = 0

  /// With `ready` the unit attention of the power-on is over.
  init(_ drive: ATAPICDROM, slave: (any IDEDevice)? = nil, ready: Bool = true) {
    self.drive = drive
    ide = PIIXIDE(
      devices: [nil, nil, drive, slave], memory: ram, irqs: [Line(lines, 14), Line(lines, 15)])
    host = PCIHost(memoryWindow: 0xC000_0000...0xFEBF_FFFF, pirq: nil, reset: Line(nil, 0))
    host.attach(ide, slot: 1, function: 1)
    _ = host.assignResources(at: 0)
    busMaster = UInt16(ide.configuration.read(0x20, width: 2) & 0xFFFC) + 8
    ide.configuration.write(4, 5, width: 2)
    if ready { _ = run([0x00]) }
  }

  /// A disc of `blocks` whole blocks.
  convenience init(blocks: Int, ready: Bool = true) {
    self.init(ATAPICDROM(medium: MemoryStore(sectors: 4 * blocks)), ready: ready)
  }

  func read(_ port: UInt16, width: Int = 1) -> UInt32 { host.readPort(port, width: width, at: now) }
  func write(_ port: UInt16, _ value: UInt32, width: Int = 1) {
    host.writePort(port, value, width: width, at: now)
  }

  func settle() {
    while host.deadline < .never / 2 {
      now = max(now, host.deadline)
      host.run(at: now)
    }
  }

  /// An ATA command.
  func command(_ opcode: UInt32, features: UInt32 = 0, count: UInt32 = 0, device: UInt32 = 0xA0) {
    write(0x176, device)
    write(0x171, features)
    write(0x172, count)
    write(0x177, opcode)
    settle()
  }

  /// PACKET up to the packet's last byte.
  func send(_ packet: [UInt8], limit: Int = 0xFFFE, features: UInt32 = 0) {
    write(0x176, 0xA0)
    write(0x171, features)
    write(0x174, UInt32(limit & 0xFF))
    write(0x175, UInt32(limit >> 8))
    write(0x177, 0xA0)
    settle()
    let bytes = packet + [UInt8](repeating: 0, count: 12 - packet.count)
    for i in 0..<6 { write(0x170, UInt32(bytes[2 * i]) | UInt32(bytes[2 * i + 1]) << 8, width: 2) }
    settle()
  }

  /// A whole packet command by PIO.
  func run(_ packet: [UInt8], limit: Int = 0xFFFE, out: [UInt8] = []) -> Outcome {
    send(packet, limit: limit)
    var data: [UInt8] = []
    var blocks: [Int] = []
    var sent = 0
    while read(0x376) & 0x88 == 0x08 {
      #expect(lines[15])
      _ = read(0x177)
      let count = Int(read(0x174) | read(0x175) << 8)
      blocks.append(count)
      for i in 0..<((count + 1) / 2) {
        if read(0x172) == 0 {
          let low = sent < out.count ? out[sent] : 0
          let high = sent + 1 < out.count ? out[sent + 1] : 0
          write(0x170, UInt32(low) | UInt32(high) << 8, width: 2)
          sent += 2
        } else {
          #expect(read(0x172) == 2)
          let word = read(0x170, width: 2)
          data.append(UInt8(word & 0xFF))
          if 2 * i + 1 < count { data.append(UInt8(word >> 8)) }
        }
      }
      settle()
    }
    #expect(lines[15])
    #expect(read(0x172) == 3)
    let status = read(0x177)
    #expect(!lines[15])
    return Outcome(status: status, error: read(0x171), data: data, blocks: blocks)
  }

  /// Sense key, code and qualifier after a CHECK CONDITION.
  func sense() -> [UInt8] {
    let bytes = run([0x03, 0, 0, 0, 18]).data
    return bytes.count == 18 ? [bytes[2] & 0x0F, bytes[12], bytes[13]] : []
  }

  /// The sense data with which a packet fails, empty if it does not.
  func failure(_ packet: [UInt8], out: [UInt8] = []) -> [UInt8] {
    let outcome = run(packet, out: out)
    if outcome.status == 0x50 { return [] }
    #expect(outcome.status == 0x51)
    let bytes = sense()
    #expect(outcome.error >> 4 == UInt32(bytes[0]))
    return bytes
  }

  func startDMA(_ regions: [(UInt32, Int)], toMemory: Bool = true) {
    for (i, region) in regions.enumerated() {
      ram.store(0x1000 + 8 * i, region.0)
      let last: UInt32 = i == regions.count - 1 ? 0x8000_0000 : 0
      ram.store(0x1004 + 8 * i, UInt32(region.1 & 0xFFFF) | last)
    }
    write(busMaster + 4, 0x1000, width: 4)
    write(busMaster + 2, 0x06)
    write(busMaster, toMemory ? 9 : 1)
    settle()
  }

  /// READ(10).
  static func read10(_ block: Int, _ count: Int) -> [UInt8] {
    [0x28, 0] + big(block, 4) + [0] + big(count, 2)
  }

  static func big(_ value: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(value >> (8 * (bytes - 1 - $0)) & 0xFF) }
  }

  /// What `MemoryStore` holds in blocks of 2048 bytes.
  static func blocks(_ range: Range<Int>) -> [UInt8] {
    (4 * range.lowerBound..<4 * range.upperBound).flatMap { IDEBench.sector(UInt64($0)) }
  }
}
