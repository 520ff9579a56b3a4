import ApusBase
import ApusDevices
import Testing

/// A floppy controller with its DMA controllers and RAM, driven as software drives it.
final class FloppyBench {
  let ram = StorageRAM(size: 1 << 20)
  let lines = LineRecorder()
  let dma: DMA8237Pair
  let fdc: FloppyController82077AA
  var now: VirtualTime = 1000

  init(_ a: CMOSConfiguration.FloppyDrive = .m1_44, _ b: CMOSConfiguration.FloppyDrive = .none) {
    dma = DMA8237Pair(memory: ram)
    dma.reset(at: 0)
    dma.initializeAsFirmware()
    fdc = FloppyController82077AA(drives: (a, b), dma: dma, IRQ: Line(lines, 6))
    fdc.reset(at: 0)
  }

  /// With a disk of `sectors` sectors in A:, started up at its data rate.
  convenience init(disk store: MemoryStore, rate: UInt32? = nil) throws {
    let geometry = try FloppyGeometry.ofImage(sectors: store.sectorCount)
    self.init(geometry.usualDrive)
    try fdc.insert(store, drive: 0, at: 0)
    start(rate: rate ?? [9: 2, 8: 2, 36: 3][geometry.sectorsPerTrack] ?? 0)
  }

  func out(_ port: UInt16, _ value: UInt32) { fdc.writePort(port, value, width: 1, at: now) }
  func inp(_ port: UInt16) -> UInt8 { UInt8(truncatingIfNeeded: fdc.readPort(port, width: 1, at: now)) }
  var interrupts: Bool { lines.level(6) }

  /// Reset, motor A, data rate, 4 SENSE INTERRUPT STATUS, SPECIFY with 3 ms steps, 2 ms head load, DMA.
  func start(rate: UInt32, nonDMA: Bool = false) {
    out(0x3F2, 0x00)
    out(0x3F2, 0x1C)
    wait()
    for drive in UInt8(0)..<4 { #expect(senseInterrupt() == [0xC0 | drive, 0]) }
    out(0x3F7, rate)
    send([0x03, 0xDF, nonDMA ? 0x03 : 0x02])
  }

  /// Lets time pass until IRQ 6, at most ten seconds.
  func wait() {
    let end = now + 10_000_000_000
    while !interrupts && fdc.deadline <= end {
      now = max(now, fdc.deadline)
      fdc.run(at: now)
    }
    #expect(interrupts)
  }

  func pass(_ time: VirtualTime) {
    let end = now + time
    while fdc.deadline <= end {
      now = max(now, fdc.deadline)
      fdc.run(at: now)
    }
    now = end
  }

  func send(_ bytes: [UInt8]) {
    for byte in bytes {
      #expect(inp(0x3F4) & 0xC0 == 0x80)
      out(0x3F5, UInt32(byte))
    }
  }

  /// Reads the result phase.
  func result() -> [UInt8] {
    var bytes: [UInt8] = []
    while inp(0x3F4) & 0xD0 == 0xD0 && bytes.count < 20 { bytes.append(inp(0x3F5)) }
    return bytes
  }

  func senseInterrupt() -> [UInt8] {
    send([0x08])
    return result()
  }

  /// Sends a command, waits for its interrupt and returns its result.
  func command(_ bytes: [UInt8]) -> [UInt8] {
    send(bytes)
    wait()
    return result()
  }

  func seek(_ cylinder: UInt8, drive: UInt8 = 0) {
    send([0x0F, drive, cylinder])
    wait()
    #expect(senseInterrupt() == [0x20 | drive, cylinder])
  }

  /// Programs channel 2 for `bytes` bytes at 1000h, into memory or from it.
  func program(bytes: Int, toMemory: Bool, verify: Bool = false) {
    let count = UInt16(bytes - 1)
    let mode: UInt32 = verify ? 0x42 : toMemory ? 0x46 : 0x4A
    let steps: [(UInt16, UInt32)] = [
      (0x0A, 6), (0x0C, 0), (0x0B, mode), (0x04, 0x00), (0x04, 0x10), (0x05, UInt32(count & 0xFF)),
      (0x05, UInt32(count >> 8)), (0x81, 0), (0x0A, 2),
    ]
    for (port, value) in steps { dma.writePort(port, value, width: 1, at: now) }
  }

  var memory: ArraySlice<UInt8> { ram.bytes[0x1000...] }
}

/// The bytes of `count` sectors as `MemoryStore` fills them.
func floppyPattern(_ sector: Int, count: Int = 1) -> [UInt8] {
  (sector..<(sector + count)).flatMap { s in (0..<512).map { MemoryStore.pattern(UInt64(s), $0) } }
}
