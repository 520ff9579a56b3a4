import ApusBase
import ApusDevices
import Testing

@Suite struct DeviceDescriptionTests {
  private func value(_ name: String, _ description: DeviceDescription) -> String? {
    description.rows.first { $0.name == name }?.value
  }

  private func bytes(_ device: any Device) -> [UInt8] {
    var writer = StateWriter()
    device.save(to: &writer)
    return writer.bytes
  }

  @Test func interruptController() {
    let pic = PIC8259Pair(INTR: Line(nil, 0))
    for (port, value) in [(0x20, 0x11), (0x21, 0x20), (0x21, 0x04), (0x21, 0x03), (0x21, 0xFE)]
      as [(UInt16, UInt8)]
    {
      pic.writeByte(port, value, at: 0)
    }
    pic.setLine(0, level: true, at: 0)
    let before = bytes(pic)
    let description = pic.description
    #expect(
      value("master IRR", description) == "01h  IR0" && value("master INT", description) == "high for IR0")
    #expect(value("master mode", description) == "vectors 20h-27h, edge-triggered, AEOI, reads IRR")
    #expect(value("slave INT", description) == "low" && bytes(pic) == before)
  }

  @Test func timer() {
    let pit = PIT8254(IRQ0: Line(nil, 0))
    pit.writeByte(0x43, 0x34, at: 0)
    pit.writeByte(0x40, 0xA9, at: 0)
    pit.writeByte(0x40, 0x04, at: 0)
    let before = bytes(pit)
    let rows = pit.description(at: 500_000).rows
    #expect(rows[0].name == "counter 0" && rows[0].value == "mode 2, rate generator; LSB then MSB, binary")
    #expect(
      rows[1].value.hasPrefix("count 1193, CE ") && rows[1].value.hasSuffix("OUT high, GATE high, 1000.1 Hz"))
    #expect(bytes(pit) == before)
  }

  /// Reading LSR, IIR or RBR would clear something.
  @Test func serialPort() {
    let uart = UART16550(name: "COM1", base: 0x3F8, irq: Line(nil, 0), output: nil)
    for (register, value) in [(3, 0x83), (0, 1), (1, 0), (3, 0x03), (2, 0x81), (1, 0x03), (4, 0x0B)]
      as [(UInt16, UInt32)]
    {
      uart.writePort(0x3F8 + register, value, width: 1, at: 0)
    }
    uart.receiveBreak(at: 10)
    let before = bytes(uart)
    let description = uart.description
    #expect(
      value("LCR", description) == "03h  8N1" && value("divisor latch", description) == "1, 115200 baud")
    #expect(value("FCR", description) == "81h  FIFOs on, trigger level 8")
    #expect(value("MCR", description) == "0Bh  DTR RTS OUT2" && value("INTR", description) == "high")
    #expect(value("IIR", description) == "C2h  transmitter holding register empty")
    #expect(value("LSR", description) == "79h  DR FE BI THRE TEMT" && bytes(uart) == before)
  }

  @Test func advancedInterruptControllers() {
    let apic = LocalAPIC(
      intr: Line(nil, 0), nmi: Line(nil, 0), smi: Line(nil, 0), initialization: Line(nil, 0))
    let ioAPIC = IOAPIC(destination: apic)
    apic.programVirtualWire(at: 0)
    apic.acceptInterrupt(vector: 0x31, levelTriggered: false, at: 0)
    ioAPIC.writeMemory(0, 0x10 + 2 * 4, width: 4, at: 0)
    ioAPIC.writeMemory(0x10, 0xA034, width: 4, at: 0)
    let before = bytes(apic) + bytes(ioAPIC)
    let local = apic.description(at: 5)
    #expect(value("IRR", local) == "31h" && value("ISR", local) == "none")
    #expect(value("LVT LINT0", local) == "00000700h  vector 00h ExtINT edge")
    #expect(value("LVT timer", local) == "00010000h  masked")
    let table = ioAPIC.description
    #expect(value("input 4", table) == "vector 34h, fixed, physical 00h, level, active low")
    #expect(value("masked since reset", table)?.hasPrefix("0 1 2 3 5") == true)
    #expect(bytes(apic) + bytes(ioAPIC) == before)
  }
}
