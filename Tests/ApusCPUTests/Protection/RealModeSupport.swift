import ApusCPU

/// A processor in real-address mode whose every vector leads to a `HLT` of its own. Code runs at 0000:8000 with
/// `HLT` behind it; the stack lies below 0000:7000.
final class RealMachine {
  static let code = 0x8000
  static let stack: UInt64 = 0x7000
  static let handlers = 0x600
  static let data = 0x9000

  let bench = GuestBench()
  var state: ArchitecturalState

  init(code: [UInt8]) {
    state = ArchitecturalState.real(bench, rip: UInt64(Self.code))
    state.registers[4] = Self.stack
    bench.write(Self.code, code + [0xF4])
    for vector in 0..<256 {
      setVector(vector, 0, UInt16(Self.handlers + vector * 4))
      bench[Self.handlers + vector * 4] = 0xF4
    }
  }

  func setVector(_ vector: Int, _ segment: UInt16, _ offset: UInt16) {
    bench.write(vector * 4, values: [offset, segment])
  }

  subscript(_ register: Int) -> UInt64 {
    get { state.registers[register] }
    set { state.registers[register] = newValue }
  }

  /// Runs; real mode pushes no error codes, so exceptions have none.
  func outcome(_ limit: UInt64 = 100_000) -> Outcome {
    bench.processor.state = state
    let halted = bench.runToHalt(limit)
    state = bench.processor.state
    let stop = bench.processor.stopCode
    guard stop == .none else { return .stopped(stop.rawValue) }
    guard halted else { return .timeout }
    let offset = Int(state.rip) - 1 - Self.handlers
    return state.segments[1].base == 0 && (0..<0x400).contains(offset)
      ? .exception(offset / 4, nil) : .completed
  }

  /// A word on the stack: IP, CS and FLAGS after an interrupt.
  func word(_ index: Int) -> UInt16 {
    let sp = Int(state.registers[4] & 0xFFFF) + Int(state.segments[2].base)
    return bench.value(sp + index * 2)
  }
}
