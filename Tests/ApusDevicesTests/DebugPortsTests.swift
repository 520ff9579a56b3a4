import ApusBase
import ApusDevices
import Testing

private final class Buffer: ByteSink {
  var bytes: [UInt8] = []
  func send(_ byte: UInt8) { bytes.append(byte) }
}

@Suite struct DebugPortsTests {
  @Test func consoleSendsBytes() {
    let buffer = Buffer()
    let console = DebugConsole(sink: buffer)
    console.writePort(0xE9, 0x41, width: 1, at: 0)
    console.writePort(0xE9, 0x1242, width: 2, at: 0)
    #expect(buffer.bytes == [0x41, 0x42])
    #expect(console.readPort(0xE9, width: 1, at: 0) == 0xE9)
  }

  @Test func exitLatchesTheFirstValue() throws {
    for (width, expected): (Int, UInt32) in [(1, 0x78), (2, 0x5678), (4, 0x1234_5678)] {
      let lines = LineRecorder()
      let exit = DebugExit(stop: Line(lines, 3))
      #expect(exit.exitCode == nil)
      exit.writePort(0xF4, 0x1234_5678, width: width, at: 9)
      #expect(exit.value == expected)
      #expect(exit.exitCode == (expected << 1) | 1)
      #expect(lines.rises(3) == [9])
      exit.writePort(0xF4, 0, width: 4, at: 10)
      #expect(exit.value == expected)
      let other = DebugExit(stop: Line(nil, 0))
      try restore(other, from: savedState(exit))
      #expect(other.value == expected)
      exit.reset(at: 11)
      #expect(exit.exitCode == nil)
    }
  }

  @Test func POSTCodeIsLatched() {
    let port = POSTCodePort()
    port.writePort(0x80, 0xAB, width: 1, at: 0)
    #expect(port.code == 0xAB)
    #expect(port.readPort(0x80, width: 1, at: 0) == 0xAB)
  }

  @Test func portAResetsOnARisingBitAndGatesA20() {
    let lines = LineRecorder()
    let port = SystemControlPortA(A20: Line(lines, 0), reset: Line(lines, 1))
    port.reset(at: 0)
    port.writeByte(0x92, 0x02, at: 1)
    #expect(lines.level(0))
    #expect(port.readByte(0x92, at: 1) == 0x02)
    port.writeByte(0x92, 0xFF, at: 2)
    port.writeByte(0x92, 0x01, at: 3)
    #expect(lines.rises(1) == [2])
    #expect(!lines.level(0))
    port.writeByte(0x92, 0x00, at: 4)
    port.writeByte(0x92, 0x01, at: 5)
    #expect(lines.rises(1) == [2, 5])
  }

  @Test func surviveAnything() throws {
    try fuzz({ DebugConsole(sink: nil) }, ports: DebugConsole.portRanges, seed: 1, steps: 1000)
    try fuzz({ DebugExit(stop: Line(nil, 0)) }, ports: [DebugExit.usualPorts], seed: 2, steps: 1000)
    try fuzz({ POSTCodePort() }, ports: POSTCodePort.portRanges, seed: 3, steps: 1000)
    let portA = { SystemControlPortA(A20: Line(nil, 0), reset: Line(nil, 0)) }
    try fuzz(portA, ports: SystemControlPortA.portRanges, seed: 4, steps: 1000)
  }
}
