import ApusDebug
import Testing

@Suite struct MonitorTests {
  @Test func devicesAreDescribed() throws {
    let target = MachineTarget(try BuiltInGuestMachine.make())
    let hash = target.debugger.machine.stateHash()
    let all = target.monitor("devices")
    #expect(all.hasPrefix("8259A pair (PIC)\n  master IRR") && all.contains("\n\nPCI bus 0\n  CONFADD"))
    let one = target.monitor("devices i/o apic")
    #expect(one.hasPrefix("I/O APIC\n  ID ") && !one.contains("local APIC"))
    let two = target.monitor("devices apic").split(separator: "\n").filter { !$0.hasPrefix(" ") }
    #expect(two == ["local APIC", "I/O APIC"])
    let none = target.monitor("devices teapot")
    #expect(none.hasPrefix("no device has 'teapot' in its name; there are 8259A pair (PIC), local APIC, "))
    #expect(target.monitor("help").contains("devices [NAME] ") && target.debugger.machine.stateHash() == hash)
  }
}
