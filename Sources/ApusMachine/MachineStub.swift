// TEMPORARY stand-in for the machine, so that the runner can be built and tested: a dozen real-mode
// instructions and one serial port. It is replaced by the board.
import ApusBase
import ApusDevices

@safe public final class GuestRAM {
  let base: UnsafeMutableRawPointer
  let size: UInt64
  public init(adopting base: UnsafeMutableRawPointer, size: UInt64) {
    unsafe self.base = unsafe base
    self.size = size
  }
  public static func allocate(size: UInt64) -> GuestRAM {
    unsafe GuestRAM(adopting: .allocate(byteCount: Int(size), alignment: 4096), size: size)
  }
}

public enum BootSource {
  case builtIn
  case kernel(
    image: [UInt8], initrd: [UInt8]?, modules: [(name: String, bytes: [UInt8])], commandLine: String)
  case flat(image: [UInt8], physical: UInt64)
  case disk(Int)
}

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
  public var boot = BootSource.builtIn
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
    case .flat(let image, _): code = image
    case .kernel(let image, _, _, _):
      guard image.count >= 0x300 else {
        throw MachineError(message: "kernel: not a kernel that is understood", kind: .badInput)
      }
    case .disk(let number):
      var sector = [UInt8](repeating: 0, count: 512)
      let store = configuration.drives[number].store
      if (try? store.read(sector: 0, count: 1, into: &sector, at: 0)) == nil {
        throw MachineError(message: "disk \(number): cannot read the boot sector", kind: .badInput)
      }
      guard sector[510] == 0x55, sector[511] == 0xAA else {
        throw MachineError(message: "disk \(number): no boot signature 55AA at offset 510", kind: .badInput)
      }
      code = sector
    case .builtIn: code = Array([0xF4])
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
      if dx == 0x3F8 { configuration.serial[0]?.send(al) }
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
