import ApusBase
import ApusDevices
import ApusMachine

/// How a guest's run ended for good.
public enum GuestEnd: Equatable, Sendable {
  /// It switched the machine off.
  case poweredOff
  /// It asked for a reset.
  case reset
  /// It wrote this value to a debug exit port.
  case debugExit(UInt32)
  /// It faulted while a double fault was delivered; the registers then, as text.
  case tripleFault(report: String)
  /// It came upon something that Apus does not implement.
  case unimplemented(report: String)
}

/// A machine for a test to boot, talk to, and look at.
///
/// It runs only while a function of this class says so, for as long as that waits: nothing of the host's time reaches
/// the guest, so the same calls in the same order are the same run, to the last bit of `stateHash()`. Everything that
/// reaches the guest is recorded: `bundle()` is a file for `apus replay`. Any number of fixtures run independently, one
/// thread each.
public final class GuestFixture {
  /// Instructions between two looks at what the guest says, at most; looks come at multiples of it, whatever is waited
  /// for.
  static let slice: UInt64 = 20_000
  /// Instructions between two hashes in the recording.
  static let checkInterval: UInt64 = 100_000_000

  /// What the machine is made of.
  public let configuration: GuestConfiguration
  /// How many instructions the guest may execute in all: waiting for more fails.
  public var instructionLimit: UInt64 = 20_000_000_000
  /// Asked after every 20,000 instructions or fewer; what waits then fails if it returns true. It bounds a test in real
  /// time, by a clock of the caller's, or ends it from elsewhere.
  public var shouldStop: () -> Bool = { false }

  let machine: Machine
  let ports: [OutputLog]
  let debugPort: OutputLog
  let inputs: InputLog

  /// A machine that has just been switched on. Throws `MachineError` for a configuration that makes no sense, and for
  /// files that cannot be booted.
  public convenience init(_ configuration: GuestConfiguration) throws(MachineError) {
    let ports = Self.ports()
    let debugPort = OutputLog()
    let machine = try Machine(
      try configuration.machine(serial: ports, debugConsole: debugPort),
      ram: try Host.memory(configuration.memorySize))
    self.init(configuration, machine, ports, debugPort, InputLog())
  }

  init(
    _ configuration: GuestConfiguration, _ machine: Machine, _ ports: [OutputLog], _ debugPort: OutputLog,
    _ inputs: InputLog
  ) {
    self.configuration = configuration
    self.machine = machine
    self.ports = ports
    self.debugPort = debugPort
    self.inputs = inputs
    machine.recorder = inputs
    settle()
  }

  static func ports() -> [OutputLog] { (0..<4).map { _ in OutputLog() } }

  /// Lets the devices see what has come. The recording says of each input whether they had before; after this they
  /// always have, so that snapshots need not remember it.
  func settle() { _ = machine.run(instructions: 0) }

  // MARK: Looking

  /// The guest's end; nil while it can go on.
  public var end: GuestEnd? {
    guard machine.hasEnded else { return nil }
    switch machine.run(instructions: 0) {
    case .budget, .idle, .paused: return nil
    case .poweredOff: return .poweredOff
    case .reset: return .reset
    case .debugExit(let value): return .debugExit(value)
    case .tripleFault(let report): return .tripleFault(report: report)
    case .unimplemented(let report): return .unimplemented(report: report)
    }
  }

  /// Instructions that the guest has executed.
  public var instructions: UInt64 { machine.instructions }

  /// The guest's time since it was switched on, in seconds.
  public var seconds: Double { Double(machine.now) / 1e9 }

  /// The registers now.
  public var registers: Registers { machine.registers }

  /// The registers and the bytes at RIP, as text.
  public var registerText: String { machine.report }

  /// A hash of all that decides what the machine does next: processor, devices, RAM and ROM.
  public func stateHash() -> UInt64 { machine.stateHash() }

  /// `count` bytes from a physical address; nil if not all of them are RAM or ROM.
  public func read(physical: UInt64, count: Int) -> [UInt8]? {
    machine.read(physical: physical, count: count)
  }

  /// `count` bytes from a linear address through the page tables as they stand; nil if not all of them are mapped to RAM
  /// or ROM.
  public func read(linear: UInt64, count: Int) -> [UInt8]? { machine.read(linear: linear, count: count) }

  /// A little-endian number at a physical address; nil where there is no RAM or ROM.
  public func read<T: FixedWidthInteger & UnsignedInteger>(physical: UInt64, as type: T.Type) -> T? {
    read(physical: physical, count: T.bitWidth / 8).map { Self.number($0) }
  }

  /// A little-endian number at a linear address; nil where none is mapped.
  public func read<T: FixedWidthInteger & UnsignedInteger>(linear: UInt64, as type: T.Type) -> T? {
    read(linear: linear, count: T.bitWidth / 8).map { Self.number($0) }
  }

  private static func number<T: FixedWidthInteger & UnsignedInteger>(_ bytes: [UInt8]) -> T {
    bytes.reversed().reduce(0) { $0 << 8 | T(truncatingIfNeeded: $1) }
  }

  /// All that came over a serial port, 0 for COM1 to 3 for COM4; of very much the last 16 MiB at least.
  public func serialBytes(port: Int = 0) -> [UInt8] {
    ports.indices.contains(port) ? ports[port].contents.bytes : []
  }

  /// The same as text in UTF-8.
  public func serialText(port: Int = 0) -> String { String(decoding: serialBytes(port: port), as: UTF8.self) }

  /// All that was written to ports E9h and 402h; of very much the last 16 MiB at least.
  public var debugConsoleBytes: [UInt8] { debugPort.contents.bytes }

  /// The same as text in UTF-8.
  public var debugConsoleText: String { String(decoding: debugConsoleBytes, as: UTF8.self) }

  /// The lines on the screen, without blanks at their ends; nil without a picture of text.
  public var screenText: String? { machine.screen?.textScreen().map { CodePage437.text(of: $0) } }
}
