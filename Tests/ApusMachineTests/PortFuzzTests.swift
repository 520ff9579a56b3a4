import ApusBase
import ApusMachine
import Testing

/// A guest that writes every value to every port: whatever the devices then do, they do it without harm to
/// the process they run in.
@Suite struct PortFuzzTests {
  private func bench() throws -> BoardBench {
    try BoardBench {
      $0.drives = [
        Drive(interface: .ide, store: MemoryDisk(sectors: 64)),
        Drive(interface: .virtio, store: MemoryDisk(sectors: 64)),
      ]
      $0.debugExitPorts = 0xF4...0xF7
    }
  }

  /// Gives the devices their time, which some of them wait for, and forgets what they asked of the machine.
  private func settle(_ bench: BoardBench, _ time: inout VirtualTime) {
    time = time.later(by: 1_000_000)
    bench.advance(to: time)
    _ = bench.board.pins.takeRequests()
  }

  @Test func everyValueToEveryPort() throws {
    let bench = try bench()
    var time: VirtualTime = 0
    var isWithinAByte = true
    for value: UInt32 in 0...0xFF {
      for port in 0...UInt16.max {
        bench.out(port, value)
        if bench.in(port) > 0xFF { isWithinAByte = false }
      }
      settle(bench, &time)
    }
    #expect(isWithinAByte)
  }

  @Test(arguments: [2, 4])
  func wideAccessesToEveryPort(width: Int) throws {
    let bench = try bench()
    var time: VirtualTime = 0
    for value: UInt32 in [0, 1, 0x8000_0904, 0xFFFF_FFFF, 0x1234_5678] {
      for port in 0...UInt16.max {
        bench.out(port, value, width: width)
        _ = bench.in(port, width: width)
      }
      settle(bench, &time)
    }
  }
}
