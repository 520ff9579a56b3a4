import ApusBase
import ApusDevices
import Testing

/// The packet commands: SFF-8020i and MMC-3.
@Suite struct CDROMCommandTests {
  let bench = CDROMBench(blocks: 400)

  private static func big(_ value: Int, _ bytes: Int) -> [UInt8] { CDROMBench.big(value, bytes) }

  // MARK: Sense and attention

  @Test func unitAttentionAfterReset() {
    let bench = CDROMBench(blocks: 4, ready: false)
    // INQUIRY, GET CONFIGURATION and GET EVENT STATUS leave it alone.
    #expect(bench.run([0x12, 0, 0, 0, 36]).data.count == 36)
    #expect(bench.run([0x46, 0, 0, 0, 0, 0, 0, 0, 8]).data.count == 8)
    #expect(bench.run([0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8]).data.count == 8)
    #expect(bench.failure(CDROMBench.read10(0, 1)) == [6, 0x29, 0])
    #expect(bench.failure(CDROMBench.read10(0, 1)).isEmpty)
    // REQUEST SENSE reports it as well; once.
    bench.host.reset(at: bench.now)
    _ = bench.host.assignResources(at: bench.now)
    #expect(bench.sense() == [6, 0x29, 0])
    #expect(bench.sense() == [0, 0, 0])
    #expect(bench.failure([0x00]).isEmpty)
  }

  @Test func requestSense() {
    _ = bench.run([0x00])
    #expect(
      bench.run([0x03, 0, 0, 0, 18]).data == [0x70, 0, 0, 0, 0, 0, 0, 10] + [UInt8](repeating: 0, count: 10))
    #expect(bench.run([0x81]).error == 0x54)
    #expect(bench.run([0x03, 0, 0, 0, 18]).data[2] == 5)
    // Sense data lives until the next command.
    _ = bench.run([0x81])
    _ = bench.run([0x12])
    #expect(bench.sense() == [0, 0, 0])
    #expect(bench.run([0x03, 0, 0, 0, 4]).data.count == 4)
  }

  @Test func unknownCommands() {
    for opcode: UInt8 in [
      0x01, 0x04, 0x08, 0x15, 0x2A, 0x2F, 0x35, 0x45, 0x4B, 0x5B, 0xA1, 0xA4, 0xAA, 0xBF, 0xFF,
    ] {
      #expect(bench.failure([opcode]) == [5, 0x20, 0], "\(opcode)")
    }
  }

  @Test func inquiry() {
    let data = bench.run([0x12, 0, 0, 0, 255]).data
    #expect(data.count == 36 && data[4] == 31)
    #expect(Array(data[0..<4]) == [0x05, 0x80, 0x00, 0x21])
    #expect(String(decoding: data[8..<32], as: UTF8.self) == "APUS    CD-ROM          ")
    #expect(bench.run([0x12, 1, 0x80, 0, 255]).data == [5, 0x80, 0, 10] + Array("AP00000001".utf8))
    #expect(bench.run([0x12, 1, 0, 0, 255]).data == [5, 0, 0, 2, 0, 0x80])
    #expect(bench.failure([0x12, 0, 1, 0, 255]) == [5, 0x24, 0])
    #expect(bench.failure([0x12, 1, 0x83, 0, 255]) == [5, 0x24, 0])
  }

  @Test func reportLUNs() {
    #expect(
      bench.run([0xA0, 0, 0, 0, 0, 0] + Self.big(64, 4)).data
        == [0, 0, 0, 8] + [UInt8](repeating: 0, count: 12))
    #expect(bench.failure([0xA0, 0, 3, 0, 0, 0] + Self.big(64, 4)) == [5, 0x24, 0])
  }

  // MARK: Reading

  @Test func readCommands() {
    #expect(bench.run(CDROMBench.read10(399, 1)).data == CDROMBench.blocks(399..<400))
    #expect(bench.run([0xA8, 0] + Self.big(5, 4) + Self.big(2, 4)).data == CDROMBench.blocks(5..<7))
    #expect(bench.run(CDROMBench.read10(5, 0)) == .init(status: 0x50, error: 0))
    for packet in [
      CDROMBench.read10(400, 1), CDROMBench.read10(399, 2), CDROMBench.read10(400, 0),
      CDROMBench.read10(0xFFFF_FFFF, 0xFFFF),
      [0xA8, 0] + Self.big(0xFFFF_FFFF, 4) + Self.big(0xFFFF_FFFF, 4),
      [0xA8, 0] + Self.big(1, 4) + Self.big(0xFFFF_FFFF, 4), [0x2B, 0] + Self.big(400, 4),
      [0xBE, 0] + Self.big(399, 4) + Self.big(2, 3) + [0x10],
    ] {
      #expect(bench.failure(packet) == [5, 0x21, 0], "\(packet)")
    }
    #expect(bench.ide.lastError == nil)
    #expect(bench.failure([0x2B, 0] + Self.big(399, 4)).isEmpty)
    #expect(bench.run([0x25]).data == Self.big(399, 4) + Self.big(2048, 4))
  }

  @Test func readCD() {
    let expected = CDROMBench.blocks(5..<7)
    #expect(bench.run([0xBE, 0] + Self.big(5, 4) + Self.big(2, 3) + [0x10]).data == expected)
    #expect(bench.run([0xBE, 0x08] + Self.big(5, 4) + Self.big(2, 3) + [0x10]).data == expected)
    // 00:02:05 to 00:02:07.
    #expect(bench.run([0xB9, 0, 0, 0, 2, 5, 0, 2, 7, 0x10]).data == expected)
    #expect(bench.run([0xB9, 0, 0, 0, 2, 5, 0, 2, 5, 0x10]).data == [])
    #expect(bench.run([0xBE, 0] + Self.big(5, 4) + Self.big(2, 3) + [0x00]).data == [])
    // Backwards, seconds and frames that do not exist, the pregap.
    for time: [UInt8] in [
      [0, 2, 7, 0, 2, 5], [0, 60, 0, 1, 0, 0], [0, 2, 75, 0, 3, 0], [0, 1, 0, 0, 3, 0],
    ] {
      #expect(bench.failure([0xB9, 0, 0] + time + [0x10]) == [5, 0x24, 0])
    }
    // CD-DA and mode 2: ILLEGAL MODE FOR THIS TRACK.
    for type: UInt8 in [1, 3, 4, 5] {
      #expect(bench.failure([0xBE, type << 2] + Self.big(5, 4) + Self.big(2, 3) + [0x10]) == [5, 0x64, 0])
    }
    // C2 errors, sub-channel, gaps between the parts.
    for (parts, channel): (UInt8, UInt8) in [(0x12, 0), (0x10, 1), (0x90, 0), (0x28, 0), (0x88, 0)] {
      let packet = [0xBE, 0] + Self.big(5, 4) + Self.big(2, 3) + [parts, channel]
      #expect(bench.failure(packet) == [5, 0x24, 0])
    }
  }

  @Test func rawSectors() {
    let raw = bench.run([0xBE, 0] + Self.big(100, 4) + Self.big(2, 3) + [0xF8]).data
    #expect(raw.count == 2 * 2352)
    let sector = Array(raw[2352...])
    // ECMA-130, 14.1: synchronisation; 14.2: address of block 101, 00:03:26 in BCD, and mode 1.
    #expect(Array(sector[0..<12]) == [0] + [UInt8](repeating: 0xFF, count: 10) + [0])
    #expect(Array(sector[12..<16]) == [0x00, 0x03, 0x26, 0x01])
    #expect(Array(sector[16..<2064]) == CDROMBench.blocks(101..<102))
    #expect(sector[2068..<2076].allSatisfy { $0 == 0 })
    // Parts of it.
    for (parts, range): (UInt8, Range<Int>) in [
      (0x80, 0..<12), (0x20, 12..<16), (0xA0, 0..<16), (0x30, 12..<2064), (0x18, 16..<2352),
      (0x38, 12..<2352),
      (0x08, 2064..<2352), (0x40, 0..<0), (0x50, 16..<2064), (0xB8, 0..<2352),
    ] {
      let data = bench.run([0xBE, 0] + Self.big(101, 4) + Self.big(1, 3) + [parts]).data
      #expect(data == Array(sector[range]), "\(parts)")
    }
    // More sectors than one buffer holds.
    let long = bench.run([0xBE, 0] + Self.big(90, 4) + Self.big(60, 3) + [0xF8])
    #expect(long.blocks == [27 * 2352, 27 * 2352, 6 * 2352])
    #expect(Array(long.data[(10 * 2352)..<(12 * 2352)]) == raw)
  }

  /// ECMA-130, 14.3 and annex A, by the definition: polynomial division and the parity-check matrix.
  @Test func errorCodes() {
    let raw = bench.run([0xBE, 0] + Self.big(123, 4) + Self.big(1, 3) + [0xF8]).data
    // EDC: the bits, lowest first, are divisible by the product of the two polynomials.
    var remainder: UInt64 = 0
    let product: UInt64 = {
      let first: UInt64 = 1 << 16 | 1 << 15 | 1 << 2 | 1
      let second: UInt64 = 1 << 16 | 1 << 2 | 1 << 1 | 1
      return (0...16).reduce(0) { second >> UInt64($1) & 1 == 1 ? $0 ^ first << UInt64($1) : $0 }
    }()
    for byte in raw[0..<2068] {
      for bit: UInt8 in 0..<8 {
        remainder = remainder << 1 | UInt64(byte >> bit & 1)
        if remainder >> 32 & 1 == 1 { remainder ^= product }
      }
    }
    #expect(remainder == 0)
    // P and Q: both rows of the parity-check matrix give zero for every code word of both planes.
    func times(_ a: UInt8, _ b: UInt8) -> UInt8 {
      var wide = 0
      for i in 0..<8 where b >> UInt8(i) & 1 == 1 { wide ^= Int(a) << i }
      for i in stride(from: 14, through: 8, by: -1) where wide >> i & 1 == 1 { wide ^= 0x11D << (i - 8) }
      return UInt8(wide)
    }
    func isCodeWord(_ bytes: [UInt8]) -> Bool {
      var sum: UInt8 = 0
      var weighted: UInt8 = 0
      var weight: UInt8 = 1
      for byte in bytes.reversed() {
        sum ^= byte
        weighted ^= times(weight, byte)
        weight = times(weight, 2)
      }
      return sum == 0 && weighted == 0
    }
    for plane in 0..<2 {
      func word(_ index: Int) -> UInt8 { raw[12 + 2 * index + plane] }
      for n in 0..<43 { #expect(isCodeWord((0..<26).map { word(43 * $0 + n) })) }
      for n in 0..<26 {
        let data = (0..<43).map { word((44 * $0 + 43 * n) % 1118) }
        #expect(isCodeWord(data + [word(1118 + n), word(1118 + 26 + n)]))
      }
    }
  }

  @Test func unevenImages() {
    // 401 sectors of 512 bytes: the last block has one of four.
    let bench = CDROMBench(ATAPICDROM(medium: MemoryStore(sectors: 401)))
    #expect(bench.run([0x25]).data == Self.big(100, 4) + Self.big(2048, 4))
    let data = bench.run(CDROMBench.read10(99, 2)).data
    #expect(Array(data[0..<2048]) == CDROMBench.blocks(99..<100))
    #expect(Array(data[2048..<2560]) == IDEBench.sector(400))
    #expect(data.count == 4096 && data[2560...].allSatisfy { $0 == 0 })
    // What was in the buffer before does not show.
    #expect(bench.run(CDROMBench.read10(0, 2)).data == CDROMBench.blocks(0..<2))
    #expect(bench.run([0xA8, 0] + Self.big(100, 4) + Self.big(1, 4)).data[512...].allSatisfy { $0 == 0 })
    // An image without a block cannot be read.
    let empty = CDROMBench(ATAPICDROM(medium: MemoryStore(sectors: 0)))
    #expect(empty.failure([0x00]) == [2, 0x30, 0] && empty.failure([0x25]) == [2, 0x30, 0])
  }

  // MARK: Contents

  @Test func tableOfContents() {
    // Lead-out of 400 blocks at 00:07:25.
    let header: [UInt8] = [1, 1]
    let track: [UInt8] = [0, 0x14, 1, 0]
    let leadOut: [UInt8] = [0, 0x14, 0xAA, 0]
    #expect(
      bench.run([0x43, 0, 0, 0, 0, 0, 0, 3, 0x24]).data
        == [0, 18] + header + track + [0, 0, 0, 0] + leadOut + Self.big(400, 4))
    #expect(
      bench.run([0x43, 2, 0, 0, 0, 0, 1, 3, 0x24]).data
        == [0, 18] + header + track + [0, 0, 2, 0] + leadOut + [0, 0, 7, 25])
    #expect(
      bench.run([0x43, 2, 0, 0, 0, 0, 0xAA, 3, 0x24]).data == [0, 10] + header + leadOut + [0, 0, 7, 25])
    #expect(bench.run([0x43, 0, 0, 0, 0, 0, 0, 0, 4]).data == [0, 18, 1, 1])
    #expect(bench.failure([0x43, 0, 0, 0, 0, 0, 2, 3, 0x24]) == [5, 0x24, 0])
    // Format 1 in both places: first track of the last session.
    for packet: [UInt8] in [[0x43, 0, 1, 0, 0, 0, 0, 0, 12], [0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40]] {
      #expect(bench.run(packet).data == [0, 10] + header + track + [0, 0, 0, 0])
    }
    // Format 2: A0, A1, A2 and the track, of eleven bytes each.
    let raw = bench.run([0x43, 0, 2, 0, 0, 0, 0, 1, 0]).data
    #expect(raw.count == 4 + 44 && Array(raw[0..<4]) == [0, 46, 1, 1])
    let entries = (0..<4).map { Array(raw[(4 + 11 * $0)..<(15 + 11 * $0)]) }
    #expect(entries[0] == [1, 0x14, 0, 0xA0, 0, 0, 0, 0, 1, 0, 0])
    #expect(entries[1] == [1, 0x14, 0, 0xA1, 0, 0, 0, 0, 1, 0, 0])
    #expect(entries[2] == [1, 0x14, 0, 0xA2, 0, 0, 0, 0, 0, 7, 25])
    #expect(entries[3] == [1, 0x14, 0, 0x01, 0, 0, 0, 0, 0, 2, 0])
    for format: UInt8 in 3...15 {
      #expect(bench.failure([0x43, 2, format, 0, 0, 0, 0, 1, 0]) == [5, 0x24, 0])
    }
  }

  @Test func subChannelAndHeader() {
    _ = bench.run(CDROMBench.read10(100, 1))
    #expect(bench.run([0x42, 0, 0, 1, 0, 0, 0, 0, 16]).data == [0, 0x15, 0, 0])
    #expect(
      bench.run([0x42, 0, 0x40, 1, 0, 0, 0, 0, 16]).data
        == [0, 0x15, 0, 12, 1, 0x14, 1, 1] + Self.big(100, 4) + Self.big(100, 4))
    // Block 100 is at 00:03:25, 00:01:25 into the track.
    #expect(
      bench.run([0x42, 2, 0x40, 1, 0, 0, 0, 0, 16]).data
        == [0, 0x15, 0, 12, 1, 0x14, 1, 1, 0, 0, 3, 25, 0, 0, 1, 25])
    #expect(bench.run([0x42, 2, 0x40, 2, 0, 0, 0, 0, 64]).data.count == 24)
    #expect(bench.run([0x42, 2, 0x40, 3, 0, 0, 1, 0, 64]).data.count == 24)
    #expect(bench.failure([0x42, 2, 0x40, 4, 0, 0, 0, 0, 64]) == [5, 0x24, 0])
    #expect(bench.run([0x44, 0, 0, 0, 0, 100, 0, 0, 8]).data == [1, 0, 0, 0, 0, 0, 0, 100])
    #expect(bench.run([0x44, 2, 0, 0, 0, 100, 0, 0, 8]).data == [1, 0, 0, 0, 0, 0, 3, 25])
    #expect(bench.failure([0x44, 2, 0, 0, 1, 200, 0, 0, 8]) == [5, 0x21, 0])
  }

  @Test func discAndTrackInformation() {
    let disc = bench.run([0x51, 0, 0, 0, 0, 0, 0, 0, 34]).data
    #expect(disc.count == 34 && disc[1] == 32)
    // Complete disc, complete session; one session, track 1.
    #expect(disc[2] & 0x1F == 0x0E && Array(disc[3..<7]) == [1, 1, 1, 1])
    for packet: [UInt8] in [[0x52, 0, 0, 0, 0, 9], [0x52, 1, 0, 0, 0, 1], [0x52, 2, 0, 0, 0, 1]] {
      let track = bench.run(packet + [0, 0, 36]).data
      #expect(track.count == 36 && track[1] == 34 && track[2] == 1 && track[3] == 1)
      #expect(track[5] & 0x0F == 4 && track[6] & 0x0F == 1)
      #expect(Array(track[8..<12]) == [0, 0, 0, 0] && Array(track[24..<28]) == Self.big(400, 4))
    }
    #expect(bench.failure([0x52, 1, 0, 0, 0, 2, 0, 0, 36]) == [5, 0x24, 0])
    #expect(bench.failure([0x52, 0, 0, 0, 2, 0, 0, 0, 36]) == [5, 0x21, 0])
    // CANNOT READ MEDIUM, INCOMPATIBLE FORMAT.
    #expect(bench.failure([0xAD, 0, 0, 0, 0, 0, 0, 0, 0, 20]) == [5, 0x30, 2])
  }

  @Test func largeImages() {
    // 4.7 GB: a DVD, whose addresses no CD has.
    let store = MemoryStore(sectors: 4, claimed: 4 * 2_295_104)
    let bench = CDROMBench(ATAPICDROM(medium: store))
    #expect(bench.run([0x25]).data == Self.big(2_295_103, 4) + Self.big(2048, 4))
    #expect(bench.run([0x46, 0, 0, 0, 0, 0, 0, 0, 8]).data[7] == 0x10)
    // (2295104 + 150) / 75 = 30603 s.
    let toc = bench.run([0x43, 2, 0, 0, 0, 0, 0xAA, 0, 12]).data
    #expect(Array(toc[8...]) == [0, 255, 59, 74])
    #expect(bench.failure([0xAD, 0, 0, 0, 0, 0, 0, 0, 0, 20]) == [5, 0x24, 0])
    // More than 32 bits address.
    let huge = CDROMBench(ATAPICDROM(medium: MemoryStore(sectors: 4, claimed: .max)))
    #expect(huge.run([0x25]).data == Self.big(0xFFFF_FFFE, 4) + Self.big(2048, 4))
    #expect(huge.failure([0xA8, 0] + Self.big(0xFFFF_FFFE, 4) + Self.big(1, 4)) == [3, 0x11, 0])
  }

  @Test func configuration() {
    let data = bench.run([0x46, 0, 0, 0, 0, 0, 0, 1, 0]).data
    #expect(Int(data[2]) << 8 | Int(data[3]) == data.count - 4)
    #expect(Array(data[6..<8]) == [0, 8])
    var codes: [Int] = []
    var at = 8
    while at < data.count {
      codes.append(Int(data[at]) << 8 | Int(data[at + 1]))
      #expect(data[at + 3] % 4 == 0)
      at += 4 + Int(data[at + 3])
    }
    #expect(at == data.count)
    #expect(codes == [0, 1, 3, 0x10, 0x1D, 0x1E, 0x1F, 0x100, 0x105])
    // Current features only: no DVD Read. One feature: Removable Medium.
    #expect(bench.run([0x46, 1, 0, 0x1F, 0, 0, 0, 1, 0]).data.count == 8 + 4 + 4)
    #expect(
      bench.run([0x46, 2, 0, 3, 0, 0, 0, 1, 0]).data == [0, 0, 0, 12, 0, 0, 0, 8, 0, 3, 3, 4, 0x29, 0, 0, 0])
    #expect(bench.run([0x46, 2, 0x12, 0x34, 0, 0, 0, 1, 0]).data == [0, 0, 0, 4, 0, 0, 0, 8])
    #expect(bench.failure([0x46, 3]) == [5, 0x24, 0])
  }
}
