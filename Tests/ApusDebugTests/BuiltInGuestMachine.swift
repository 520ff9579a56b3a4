import ApusDebug
import ApusDevices
import ApusMachine

/// The teaching guest, or a program at an address, under a debugger.
enum BuiltInGuestMachine {
  static func make(
    history: Bool = false, flat: [UInt8]? = nil, at address: UInt64 = 0x7C00
  ) throws -> Debugger {
    var configuration = MachineConfiguration()
    configuration.memorySize = 32 << 20
    configuration.skipsIdle = true
    if let flat {
      let file = BootFile(role: "program", name: "test", bytes: flat)
      configuration.boot = .flat(file, address: address, entry: nil)
    }
    let machine = try Machine(configuration, ram: .allocate(size: configuration.memorySize))
    return Debugger(machine, history ? try History(machine, interval: 10_000) : nil)
  }
}
