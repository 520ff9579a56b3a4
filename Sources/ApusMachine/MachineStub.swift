// TEMPORARY stand-in for the machine, so that the runner can be built and tested: a dozen real-mode
// instructions and one serial port. It is replaced by the board.
import ApusBase
@_exported import ApusCPU
import ApusDevices

public struct Drive {
  public enum Interface { case ide, virtio }
  package var interface: Interface
  package var store: any BlockStore
  package init(interface: Interface, store: any BlockStore) {
    self.interface = interface
    self.store = store
  }
}

public struct MachineConfiguration {
  public var memorySize: UInt64 = 0
  /// Nil starts the built-in guest.
  public var boot: BootSource?
  public var drives: [Drive] = []
  package var serial: [(any ByteSink)?] = [nil, nil, nil, nil]
  package var debugConsole: (any ByteSink)?
  public var startDate: Int64 = 0
  public var debugExit = false
  public var rebootStops = false
  public var cpuModel = "max"
  public init() {}
}

public enum Stop {
  case budget
  case idle(until: VirtualTime?)
  case poweredOff
  case reset
  case debugExit(UInt32)
  case tripleFault(report: String)
  case unimplemented(report: String)
}

public struct MachineError: Error {
  public enum Kind: Sendable { case badInput, usage, resources }
  public let message: String
  public let kind: Kind
}

public struct Statistics {
  public var instructions: UInt64 = 0
  public var blocksDecoded: UInt64 = 0
  public var tlbFills: UInt64 = 0
}

public final class Machine {
  private let configuration: MachineConfiguration
  private let ram: GuestRAM
  private var code: [UInt8] = []
  private var ip = 0
  private var al: UInt8 = 0
  private var dx: UInt16 = 0
  private var zero = false
  private var divisorLatch = false
  private var interruptFlag = false
  private var received: [UInt8] = []
  public private(set) var now: VirtualTime = 0
  public private(set) var instructions: UInt64 = 0
  public var interruptsEnabled: Bool { interruptFlag }
  public var statistics: Statistics { Statistics(instructions: instructions, blocksDecoded: 1, tlbFills: 0) }

  public init(_ configuration: MachineConfiguration, ram: GuestRAM) throws(MachineError) {
    self.configuration = configuration
    self.ram = ram
    switch configuration.boot {
    case .flat(let file, _, _): code = file.bytes
    case .kernel(let file, _, _):
      if case .unknown(let reason) = ImageKind(of: file) {
        throw MachineError(message: reason.message, kind: .badInput)
      }
    case .bootSector(let file): code = file.bytes
    case nil: code = Array([0xF4])
    }
  }

  public func run(instructions budget: UInt64) -> Stop {
    let end = instructions &+ budget
    while instructions < end {
      if let stop = step() { return stop }
    }
    return .budget
  }

  private func fetch() -> UInt8 {
    ip &+= 1
    return ip - 1 < code.count ? code[ip - 1] : 0xCC
  }

  private func step() -> Stop? {
    instructions &+= 1
    now &+= 1
    let opcode = fetch()
    switch opcode {
    case 0xBA: dx = UInt16(fetch()) | UInt16(fetch()) << 8
    case 0xB0: al = fetch()
    case 0xA8: zero = al & fetch() == 0
    case 0x3C: zero = al == fetch()
    case 0xEB, 0x74, 0x75:
      let displacement = Int(Int8(bitPattern: fetch()))
      if opcode == 0xEB || (opcode == 0x74) == zero { ip += displacement }
    case 0xEE:
      if dx == 0x3FB { divisorLatch = al & 0x80 != 0 }
      if dx == 0x3F8 && !divisorLatch { configuration.serial[0]?.send(al) }
      if dx == 0xE9 { configuration.debugConsole?.send(al) }
      if dx == 0xF4 && configuration.debugExit { return .debugExit(UInt32(al)) }
    case 0xEC:
      if dx == 0x3FD { al = received.isEmpty ? 0x60 : 0x61 }
      if dx == 0x3F8 { al = received.isEmpty ? 0 : received.removeFirst() }
    case 0xFA: interruptFlag = false
    case 0xFB: interruptFlag = true
    case 0xF4: return .idle(until: nil)
    case 0x90: break
    default: return .tripleFault(report: "triple fault at \(ip)\nrip=\(ip) al=\(al)")
    }
    return nil
  }

  public func receive(_ bytes: [UInt8], serial port: Int) -> Int {
    let count = min(bytes.count, 16 - received.count)
    received += bytes.prefix(count)
    return count
  }
  public func receiveBreak(serial port: Int) {}
  public func skipIdle(to time: VirtualTime) { now = max(now, time) }
  public func stateHash() -> UInt64 { instructions &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(ip) }
}
