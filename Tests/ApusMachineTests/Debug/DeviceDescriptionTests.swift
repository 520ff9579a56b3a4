import ApusMachine
import Testing

@Suite struct DeviceDescriptionTests {
  /// From the first instruction to the shell.
  @Test func lookingChangesNothing() throws {
    let (watched, alone) = (try Lesson.start(), try Lesson.start())
    for moment in stride(from: 0 as UInt64, through: 400_000, by: 40_000) {
      watched.advance(to: moment)
      let before = watched.stateHash()
      let descriptions = watched.deviceDescriptions
      #expect(watched.stateHash() == before && watched.deviceDescriptions == descriptions)
    }
    alone.advance(to: 400_000)
    watched.advance(to: 400_000)
    #expect(watched.instructions == alone.instructions && watched.stateHash() == alone.stateHash())
  }

  /// Every chip of the board is there, the parts of a thing side by side.
  @Test func everyDeviceIsThere() throws {
    let machine = try Machine.program([0xF4]) {
      $0.hasVGA = true
      $0.drives = [
        Drive(interface: .ide, store: MemoryDisk(sectors: 64)),
        Drive(interface: .virtio, store: MemoryDisk(sectors: 64)),
      ]
      $0.debugExitPorts = 0xF4...0xF7
    }
    let names = machine.deviceDescriptions.map(\.name)
    #expect(
      names.filter { $0 != "firmware configuration" } == [
        "8259A pair (PIC)", "local APIC", "I/O APIC", "8254 (PIT)", "HPET", "MC146818 (RTC)",
        "ACPI power management",
        "system control port A", "coprocessor error", "8042 (keyboard controller)", "PS/2 keyboard",
        "PS/2 mouse", "COM1 (UART)", "COM2 (UART)",
        "COM3 (UART)", "COM4 (UART)", "LPT1 (parallel port)", "8237A pair (DMA)", "82077AA (floppy)",
        "POST code", "debug exit", "PCI bus 0", "82441FX",
        "82371SB", "IDE primary channel", "IDE primary device 0", "IDE secondary channel", "VGA",
        "VirtioBlock0",
      ])
    #expect(machine.deviceDescriptions.allSatisfy { !$0.rows.isEmpty })
  }
}
