import ApusBase
import ApusDevices
import Testing

/// The pair with 16 MiB less a little of RAM, as far as ISA addresses reach.
private struct Bench {
  let ram = StorageRAM(size: 1 << 20)
  let dma: DMA8237Pair
  /// The page register of each channel: AT Technical Reference, "Page Register Addresses".
  static let page: [UInt16] = [0x87, 0x83, 0x81, 0x82, 0x8F, 0x8B, 0x89, 0x8A]

  init(asFirmware: Bool = true) {
    dma = DMA8237Pair(memory: ram)
    dma.reset(at: 0)
    if asFirmware { dma.initializeAsFirmware() }
  }

  func out(_ port: UInt16, _ value: UInt8) { dma.writePort(port, UInt32(value), width: 1, at: 0) }
  func inp(_ port: UInt16) -> UInt8 { UInt8(truncatingIfNeeded: dma.readPort(port, width: 1, at: 0)) }

  /// Register `register` of the controller of `channel`.
  func port(_ channel: Int, _ register: UInt16) -> UInt16 {
    channel < 4 ? register : 0xC0 + register * 2
  }

  /// Programs and unmasks a channel as drivers do.
  func program(_ channel: Int, mode: UInt8, page: UInt8, address: UInt16, count: UInt16) {
    let number = UInt8(channel & 3)
    out(port(channel, 10), 4 | number)
    out(port(channel, 12), 0)
    out(port(channel, 11), mode | number)
    for value in [address, address >> 8] {
      out(port(channel, UInt16(number) * 2), UInt8(truncatingIfNeeded: value))
    }
    for value in [count, count >> 8] {
      out(port(channel, UInt16(number) * 2 + 1), UInt8(truncatingIfNeeded: value))
    }
    out(Bench.page[channel], page)
    out(port(channel, 10), number)
  }

  func current(_ channel: Int) -> (address: UInt16, count: UInt16) {
    out(port(channel, 12), 0)
    func word(_ register: UInt16) -> UInt16 {
      let low = inp(port(channel, register))
      return UInt16(low) | UInt16(inp(port(channel, register))) << 8
    }
    let number = UInt16(channel & 3)
    return (word(number * 2), word(number * 2 + 1))
  }
}

@Suite struct DMA8237PairTests {
  @Test(arguments: [0, 1, 2, 3]) func bytesToMemory(channel: Int) {
    let bench = Bench()
    bench.program(channel, mode: 0x44, page: 5, address: 0x1234, count: 9)
    var buffer: [UInt8] = (0..<20).map { $0 + 1 }
    #expect(
      bench.dma.transfer(channel: channel, .write, &buffer, 0..<4) == .init(moved: 4, terminalCount: false))
    #expect(bench.current(channel) == (0x1238, 5))
    #expect(bench.inp(8) == 0)
    #expect(
      bench.dma.transfer(channel: channel, .write, &buffer, 4..<20) == .init(moved: 6, terminalCount: true))
    #expect(Array(bench.ram.bytes[0x51234..<0x51240]) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0])
    // Terminal count: the status bit, cleared by the read, and the mask.
    #expect(bench.current(channel) == (0x123E, 0xFFFF))
    #expect(bench.inp(0x0F) == 0x0F)
    #expect(bench.inp(8) == 1 << UInt8(channel))
    #expect(bench.inp(8) == 0)
    #expect(bench.dma.transfer(channel: channel, .write, &buffer, 0..<4) == nil)
  }

  @Test(arguments: [5, 6, 7]) func wordsFromMemory(channel: Int) {
    let bench = Bench()
    for i in 0..<8 { bench.ram.bytes[0x62468 + i] = UInt8(i) + 0x10 }
    // Bit 0 of the page is not used: 7 gives A23–A17 of 6.
    bench.program(channel, mode: 0x48, page: 7, address: 0x1234, count: 3)
    var buffer = [UInt8](repeating: 0, count: 9)
    #expect(
      bench.dma.transfer(channel: channel, .read, &buffer, 0..<3) == .init(moved: 2, terminalCount: false))
    #expect(bench.current(channel) == (0x1235, 2))
    #expect(
      bench.dma.transfer(channel: channel, .read, &buffer, 2..<9) == .init(moved: 6, terminalCount: true))
    #expect(buffer == [0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0])
    #expect(bench.inp(0xD0) == 1 << UInt8(channel & 3))
  }

  @Test func addressesWrapWithinThePage() {
    let bench = Bench()
    var buffer: [UInt8] = [1, 2, 3, 4]
    bench.program(1, mode: 0x44, page: 3, address: 0xFFFE, count: 3)
    #expect(bench.dma.transfer(channel: 1, .write, &buffer, 0..<4)?.moved == 4)
    #expect(Array(bench.ram.bytes[0x3FFFE...0x40001]) == [1, 2, 0, 0])
    #expect(Array(bench.ram.bytes[0x30000...0x30002]) == [3, 4, 0])
    bench.program(6, mode: 0x44, page: 8, address: 0xFFFF, count: 1)
    #expect(bench.dma.transfer(channel: 6, .write, &buffer, 0..<4)?.moved == 4)
    #expect(Array(bench.ram.bytes[0x9FFFE...0x9FFFF]) == [1, 2])
    #expect(Array(bench.ram.bytes[0x80000...0x80002]) == [3, 4, 0])
  }

  @Test func descendingAddresses() {
    let bench = Bench()
    var buffer: [UInt8] = [1, 2, 3, 4]
    bench.program(0, mode: 0x64, page: 2, address: 0x0001, count: 3)
    #expect(bench.dma.transfer(channel: 0, .write, &buffer, 0..<4)?.terminalCount == true)
    #expect(Array(bench.ram.bytes[0x20000...0x20001]) == [2, 1])
    #expect(Array(bench.ram.bytes[0x2FFFE...0x2FFFF]) == [4, 3])
    bench.program(0, mode: 0x68, page: 2, address: 0x0001, count: 3)
    var back = [UInt8](repeating: 0, count: 4)
    #expect(bench.dma.transfer(channel: 0, .read, &back, 0..<4)?.moved == 4)
    #expect(back == buffer)
    // Words keep their byte order.
    bench.program(5, mode: 0x64, page: 4, address: 0x0101, count: 1)
    #expect(bench.dma.transfer(channel: 5, .write, &buffer, 0..<4)?.moved == 4)
    #expect(Array(bench.ram.bytes[0x40200...0x40203]) == [3, 4, 1, 2])
  }

  @Test func autoInitialiseStartsOver() {
    let bench = Bench()
    bench.program(1, mode: 0x54, page: 1, address: 0x0100, count: 2)
    var buffer: [UInt8] = [1, 2, 3, 4, 5]
    #expect(bench.dma.transfer(channel: 1, .write, &buffer, 0..<5) == .init(moved: 3, terminalCount: true))
    #expect(bench.current(1) == (0x0100, 2))
    #expect(bench.dma.transfer(channel: 1, .write, &buffer, 3..<5) == .init(moved: 2, terminalCount: false))
    #expect(Array(bench.ram.bytes[0x10100...0x10103]) == [4, 5, 3, 0])
    #expect(bench.inp(8) == 2)
  }

  @Test func verifyCountsOnly() {
    let bench = Bench()
    bench.program(2, mode: 0x40, page: 1, address: 0x0100, count: 1)
    var buffer: [UInt8] = [1, 2]
    #expect(bench.dma.transfer(channel: 2, .write, &buffer, 0..<2) == .init(moved: 2, terminalCount: true))
    #expect(bench.ram.bytes[0x10100] == 0)
    #expect(buffer == [1, 2])
  }

  @Test func refusals() {
    let bench = Bench(asFirmware: false)
    var buffer: [UInt8] = [1, 2]
    func acknowledged() -> Bool { bench.dma.transfer(channel: 2, .write, &buffer, 0..<1) != nil }
    bench.program(2, mode: 0x54, page: 1, address: 0, count: 0xFFFF)
    #expect(!acknowledged())  // channel 4 is masked
    bench.out(0xD4, 0)
    #expect(!acknowledged())  // and not in cascade mode
    bench.out(0xD6, 0xC0)
    #expect(acknowledged())
    bench.out(0x08, 4)
    #expect(!acknowledged())
    bench.out(0x08, 0)
    bench.out(0xD0, 4)
    #expect(!acknowledged())
    bench.out(0xD0, 0)
    bench.out(0x0A, 6)
    #expect(!acknowledged())
    bench.out(0x0E, 0)
    #expect(acknowledged())
    bench.out(0x0F, 4)
    #expect(!acknowledged())
    bench.out(0x0F, 0x0B)
    #expect(acknowledged())
    bench.out(0x0B, 0x5E)  // transfer type 11
    #expect(!acknowledged())
    bench.out(0x0B, 0xC6)  // cascade
    #expect(!acknowledged())
    bench.out(0x0B, 0x5A)  // the other direction
    #expect(!acknowledged())
    bench.out(0x0B, 0x56)
    #expect(acknowledged())
    bench.out(0x0D, 0)
    #expect(!acknowledged())
    #expect(bench.dma.acknowledges(channel: 4) == nil)
    #expect(bench.dma.acknowledges(channel: 8) == nil)
  }

  @Test func flipFlopAndMasterClear() {
    let bench = Bench()
    bench.out(0x0C, 0)
    bench.out(0x00, 0x34)
    bench.out(0x0C, 0)
    bench.out(0x00, 0x78)
    bench.out(0x00, 0x56)
    #expect(bench.current(0).address == 0x5678)
    bench.out(0x00, 0xAA)
    bench.out(0x0D, 0)
    #expect(bench.inp(0x00) == 0xAA)
    #expect(bench.inp(0x00) == 0x56)
    #expect(bench.inp(0x0F) == 0x0F)
    #expect(bench.inp(0x0D) == 0)
    // A word access makes both halves: two cycles on the same register of the second controller.
    bench.out(0xD8, 0)
    bench.dma.writePort(0xC4, 0xBEEF, width: 2, at: 0)
    #expect(bench.current(5).address == 0xBEEF)
  }

  @Test func requestsShowInTheStatus() {
    let bench = Bench()
    bench.dma.setRequest(channel: 3, true)
    #expect(bench.inp(8) == 0x80)
    bench.out(9, 5)
    #expect(bench.inp(8) == 0xA0)
    bench.out(9, 1)
    bench.dma.setRequest(channel: 3, false)
    #expect(bench.inp(8) == 0)
    // A block-mode software request runs to its terminal count at once, masked or not.
    bench.program(1, mode: 0x84, page: 1, address: 0x10, count: 4999)
    bench.out(0x0A, 5)
    bench.out(9, 5)
    #expect(bench.inp(8) == 0x02)
    #expect(bench.ram.bytes[0x10010...0x11397].allSatisfy { $0 == 0xFF })
    #expect(bench.ram.bytes[0x11398] == 0)
  }

  @Test func pagesAreStorage() {
    let bench = Bench()
    for port in UInt16(0x81)...0x8F { bench.out(port, UInt8(port)) }
    for port in UInt16(0x81)...0x8F { #expect(bench.inp(port) == UInt8(port)) }
    #expect(!DMA8237Pair.portRanges.contains { $0.contains(0x80) })
  }

  @Test func outsideRAMReadsOnes() {
    let bench = Bench()
    var buffer: [UInt8] = [0, 0]
    bench.program(3, mode: 0x48, page: 0xFF, address: 0xFFFF, count: 1)
    #expect(bench.dma.transfer(channel: 3, .read, &buffer, 0..<2)?.moved == 2)
    #expect(buffer[0] == 0xFF)
  }

  @Test func surviveAnything() throws {
    let ram = StorageRAM(size: 1 << 16)
    let make = { DMA8237Pair(memory: ram) }
    try fuzz(make, ports: DMA8237Pair.portRanges, seed: 81) { dma, word, _ in
      var buffer = [UInt8](repeating: UInt8(truncatingIfNeeded: word), count: 700)
      _ = dma.transfer(
        channel: Int(word & 15), word.bit(4) ? .read : .write, &buffer, 0..<Int(word >> 8 & 511))
      dma.setRequest(channel: Int(word >> 5 & 7), word.bit(9))
    }
    fuzzRestore(make, ports: DMA8237Pair.portRanges, seed: 82)
  }

  /// Reading the status would clear TC, reading a channel would move the flip-flop.
  @Test func describesItself() {
    let bench = Bench()
    bench.program(2, mode: 0x44, page: 5, address: 0x1234, count: 9)
    bench.program(5, mode: 0x48, page: 3, address: 0x8000, count: 0)
    var buffer = [UInt8](repeating: 1, count: 10)
    _ = bench.dma.transfer(channel: 2, .write, &buffer, 0..<4)
    let before = savedState(bench.dma)
    let half = bench.dma.description
    #expect(half["channel 2"] == "single mode, write transfer")
    #expect(
      half.more("channel 2") == [
        "current address 1238h, count 0005h; base address 1234h, count 0009h", "page 05h, physical 00051238h",
      ])
    // Words: A0 is always 0, and bit 0 of the page is not used.
    #expect(half["channel 5"] == "single mode, read transfer")
    #expect(half.more("channel 5").last == "page 03h, physical 00030000h")
    #expect(half["channel 4"] == "cascade mode, verify transfer")
    #expect(half["channels at rest"] == "0 1 3 6 7")
    #expect(half["controller 1 mask"] == "0Bh  channel 0 channel 1 channel 3")
    #expect(half["controller 1 flip-flop"] == "lower byte next" && savedState(bench.dma) == before)
    _ = bench.dma.transfer(channel: 2, .write, &buffer, 4..<10)
    let done = bench.dma.description
    #expect(done["controller 1 status"] == "04h  TC2")
    #expect(done["channel 2"] == "single mode, write transfer, masked" && bench.inp(8) == 0x04)
  }
}
