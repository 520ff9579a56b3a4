import ApusBase
import ApusCPU

/// A bus that records port accesses and answers them with ones; physical addresses outside RAM behave as
/// `deviceRead` and `deviceWrites` tell.
final class TestBus: SystemBus {
  struct PortAccess: Equatable {
    var port: UInt16
    var value: UInt32
    var width: Int
  }

  var portReads: [PortAccess] = []
  var portWrites: [PortAccess] = []
  /// What the next port reads return; ones when it runs out.
  var portInput: [UInt32] = []
  var deviceReads: [UInt64] = []
  var deviceWrites: [UInt64] = []
  var interruptVector: UInt8 = 0x20
  var taskPriority: UInt8 = 0
  /// Called on each device write, for tests that act in the middle of an instruction.
  var onDeviceWrite: (() -> Void)?

  func readPort(_ port: UInt16, width: Int) -> UInt32 {
    let ones = UInt32.max >> UInt32(32 - width * 8)
    let value = portInput.isEmpty ? ones : portInput.removeFirst() & ones
    portReads.append(PortAccess(port: port, value: value, width: width))
    return value
  }

  func writePort(_ port: UInt16, _ value: UInt32, width: Int) {
    portWrites.append(PortAccess(port: port, value: value, width: width))
  }

  func readPhysical(_ physical: UInt64, width: Int) -> UInt64 {
    deviceReads.append(physical)
    return UInt64.max >> UInt64(64 - width * 8)
  }

  func writePhysical(_ physical: UInt64, _ value: UInt64, width: Int) {
    deviceWrites.append(physical)
    onDeviceWrite?()
  }

  func acknowledgeInterrupt() -> UInt8 { interruptVector }
  func readMSR(_ index: UInt32) -> UInt64? { nil }
  func writeMSR(_ index: UInt32, _ value: UInt64) -> Bool { false }
  func readTSCDeadline() -> UInt64 { 0 }
  func writeTSCDeadline(_ value: UInt64, due: VirtualTime) {}
  func moveTSCDeadline(due: VirtualTime) {}
  func signalFloatingPointError() {}
}

/// A processor over RAM that the test can reach, from physical address 0.
final class GuestBench {
  let bus = TestBus()
  let processor: Processor
  private let base: UnsafeMutableRawPointer
  private let size: Int

  /// `size` bytes of RAM, a multiple of 4096.
  init(size: Int = 0x20_0000) {
    let bytes = GuestRAM.requiredBytes(size: UInt64(size)) ?? 0
    base = .allocate(byteCount: bytes, alignment: 4096)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    self.size = size
    processor = Processor(
      ram: GuestRAM(adopting: base, size: UInt64(size)),
      regions: [MemoryRegion(start: 0, end: UInt64(size), hostOffset: 0, isWritable: true)], bus: bus)
  }

  deinit { base.deallocate() }

  subscript(_ physical: Int) -> UInt8 {
    get { base.load(fromByteOffset: physical, as: UInt8.self) }
    set {
      base.storeBytes(of: newValue, toByteOffset: physical, as: UInt8.self)
      processor.noteDMAWrite(hostOffset: UInt64(physical), count: 1)
    }
  }

  func write(_ physical: Int, _ bytes: [UInt8]) {
    for (index, byte) in bytes.enumerated() { self[physical + index] = byte }
  }

  /// Little-endian integers, one after another.
  func write<T: FixedWidthInteger>(_ physical: Int, values: [T]) {
    var at = physical
    for value in values {
      for index in 0..<(T.bitWidth / 8) {
        self[at] = UInt8(truncatingIfNeeded: value >> T(index * 8))
        at += 1
      }
    }
  }

  func read(_ physical: Int, _ count: Int) -> [UInt8] { (0..<count).map { self[physical + $0] } }

  func value<T: FixedWidthInteger>(_ physical: Int, _: T.Type = T.self) -> T {
    var result: T = 0
    for index in (0..<(T.bitWidth / 8)).reversed() { result = result << 8 | T(self[physical + index]) }
    return result
  }

  func clear() {
    base.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    processor.noteDMAWrite(hostOffset: 0, count: size)
  }

  /// Runs until `HLT` or for `limit` ticks; whether it halted.
  @discardableResult
  func runToHalt(_ limit: UInt64 = 100_000) -> Bool {
    let end = processor.now + limit
    while processor.now < end {
      switch processor.run(until: end) {
      case .halted: return true
      case .attention: continue
      case .deadline, .stopped, .paused: return false
      }
    }
    return false
  }
}

extension ArchitecturalState {
  /// Real mode with flat-less segments, all selectors zero, execution at 0000:`rip`.
  static func real(_ bench: GuestBench, rip: UInt64) -> ArchitecturalState {
    bench.processor.reset()
    var state = bench.processor.state
    state.registers = [UInt64](repeating: 0, count: 16)
    state.rip = rip
    state.cr0 = 0x10
    state.idtrBase = 0
    state.idtrLimit = 0x3FF
    for index in 0..<6 { state.setReal(index, 0) }
    return state
  }

  /// Loads a segment register as real mode does; `index` is its encoding.
  mutating func setReal(_ index: Int, _ selector: UInt16) {
    segments[index] = SegmentRegister(
      selector: selector, base: UInt64(selector) << 4, limit: 0xFFFF, attributes: index == 1 ? 0x9B : 0x93)
  }
}
