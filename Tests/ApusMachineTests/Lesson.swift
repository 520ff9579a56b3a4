import ApusDevices
import ApusMachine
import Testing

/// Numbers that are the same in every run.
struct Random {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next(below limit: UInt64) -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state >> 33) % limit
  }
}

/// The teaching guest, which goes from reset through all modes to a shell, with commands typed at it.
struct Lesson {
  static let input = Array(
    "regs\nfault pf-read\nticks\nfault user-hlt\nwalk 400000\nfault gp-tss\nfault user-write\nreboot\nhelp\nmem\n"
      .utf8)
  static let length: UInt64 = 1_000_000

  static func configuration(_ serial: (any ByteSink)? = nil) -> MachineConfiguration {
    var configuration = MachineConfiguration()
    configuration.memorySize = 32 << 20
    configuration.skipsIdle = true
    configuration.serial = [serial]
    return configuration
  }

  static func start(_ serial: (any ByteSink)? = nil) throws -> Machine {
    let configuration = configuration(serial)
    let machine = try Machine(configuration, ram: .allocate(size: configuration.memorySize))
    #expect(machine.receive(input, serial: 0) == input.count)
    return machine
  }
}

extension Machine {
  /// Runs to an instruction count, over whatever the guest waits for.
  func advance(to count: UInt64) {
    while instructions < count {
      switch run(instructions: count - instructions) {
      case .budget, .idle(until: .some): break
      default: return
      }
    }
  }
}
