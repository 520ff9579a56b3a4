import ApusBase
import ApusDevices
import Testing

private struct Bench {
  let lines = LineRecorder()
  let sink = StorageBytes()
  let port: ParallelPort
  init() {
    port = ParallelPort(IRQ: Line(lines, 7), sink: sink)
    port.reset(at: 0)
  }
  func out(_ address: UInt16, _ value: UInt8, _ now: VirtualTime) { port.writeByte(address, value, at: now) }
  func status(_ now: VirtualTime) -> UInt8 { port.readByte(0x379, at: now) }
}

@Suite struct ParallelPortTests {
  /// The sequence of a BIOS's INT 17h.
  @Test func printsWithHandshake() {
    let bench = Bench()
    bench.out(0x37A, 0x08, 0)
    #expect(bench.status(0) == 0x5F)  // INIT# low: busy
    bench.out(0x37A, 0x0C, 10)
    var now: VirtualTime = 100
    for byte in "Apus\r\n".utf8 {
      #expect(bench.status(now) == 0xDF)
      bench.out(0x378, byte, now)
      bench.out(0x37A, 0x0D, now)
      #expect(bench.status(now) == 0x5F)
      // A strobe while busy is lost, as is one that was not taken back.
      bench.out(0x37A, 0x0C, now)
      bench.out(0x37A, 0x0D, now)
      bench.out(0x37A, 0x0D, now + 1)
      bench.out(0x37A, 0x0C, now + 1)
      #expect(bench.port.deadline == now + 1000)
      #expect(bench.status(now + 1000) == 0x1F)
      #expect(bench.status(now + 1999) == 0x1F)
      #expect(bench.status(now + 2000) == 0xDF)
      now += 5000
    }
    #expect(bench.sink.bytes == Array("Apus\r\n".utf8))
    #expect(bench.lines.rises(7).isEmpty)
  }

  @Test func interruptsAfterTheAcknowledge() {
    let bench = Bench()
    bench.out(0x37A, 0x1C, 0)
    bench.out(0x37A, 0x1D, 100)
    runDevice(bench.port, until: 10_000)
    #expect(bench.lines.rises(7) == [2100])
    #expect(bench.port.deadline == .never)
  }

  @Test func registersReadBack() {
    let bench = Bench()
    bench.out(0x378, 0xA5, 0)
    #expect(bench.port.readByte(0x378, at: 0) == 0xA5)
    for value: UInt8 in [0x00, 0x15, 0x2A, 0xFF] {
      bench.out(0x37A, value, 0)
      #expect(bench.port.readByte(0x37A, at: 0) == value | 0xC0)
    }
    #expect(bench.port.readByte(0x378, at: 0) == 0xFF)  // direction: input
    bench.out(0x379, 0, 0)
    #expect(bench.port.readPort(0x378, width: 4, at: 9999) >> 24 == 0xFF)
    let empty = ParallelPort(name: "LPT2", base: 0x278, IRQ: Line(nil, 0), sink: nil)
    #expect(empty.readByte(0x279, at: 0) == 0x7F)
    empty.writeByte(0x27A, 0x0D, at: 0)
    #expect(empty.deadline == .never)
  }

  @Test func surviveAnything() throws {
    let make = { ParallelPort(IRQ: Line(nil, 0), sink: StorageBytes()) }
    try fuzz(make, ports: [0x376...0x37D], seed: 71)
    fuzzRestore(make, ports: [ParallelPort.LPT1], seed: 72)
  }

  @Test func describesItself() {
    let bench = Bench()
    bench.out(0x37A, 0x0C, 0)
    bench.out(0x378, 0x41, 100)
    bench.out(0x37A, 0x0D, 100)
    let before = savedState(bench.port)
    let description = bench.port.description
    #expect(description["base port"] == "0378h" && description["data"] == "41h")
    #expect(description["status"] == "5Fh  ERROR# SLCT ACK#" && description["printer"] == "busy")
    #expect(description["control"] == "0Dh  STROBE INIT# SELECT IN" && savedState(bench.port) == before)
  }
}
