import ApusBase
import ApusDevices
import Testing

@Suite struct DeviceDescriptionTests {
  @Test func interruptController() {
    let pic = PIC8259Pair(INTR: Line(nil, 0))
    for (port, value) in [(0x20, 0x11), (0x21, 0x20), (0x21, 0x04), (0x21, 0x03), (0x21, 0xFE)]
      as [(UInt16, UInt8)]
    {
      pic.writeByte(port, value, at: 0)
    }
    pic.setLine(0, level: true, at: 0)
    let before = savedState(pic)
    let description = pic.description
    #expect(
      description["master IRR"] == "01h  IR0" && description["master INT"] == "high for IR0")
    #expect(description["master mode"] == "vectors 20h-27h, edge-triggered, AEOI, reads IRR")
    #expect(description["slave INT"] == "low" && savedState(pic) == before)
  }

  @Test func timer() {
    let pit = PIT8254(IRQ0: Line(nil, 0))
    pit.writeByte(0x43, 0x34, at: 0)
    pit.writeByte(0x40, 0xA9, at: 0)
    pit.writeByte(0x40, 0x04, at: 0)
    let before = savedState(pit)
    let rows = pit.description(at: 500_000).rows
    #expect(rows[0].name == "counter 0" && rows[0].value == "mode 2, rate generator; LSB then MSB, binary")
    #expect(
      rows[1].value.hasPrefix("count 1193, CE ") && rows[1].value.hasSuffix("OUT high, GATE high, 1000.1 Hz"))
    #expect(savedState(pit) == before)
  }

  /// Port 61h as it reads, and the tone of counter 2.
  @Test func speaker() {
    let pit = PIT8254(IRQ0: Line(nil, 0))
    for (port, value) in [(0x43, 0xB6), (0x42, 0xA9), (0x42, 0x04)] as [(UInt16, UInt8)] {
      pit.writeByte(port, value, at: 0)
    }
    #expect(pit.description(at: 0)["speaker"] == "off")
    pit.writeByte(0x61, 0x03, at: 0)
    let before = savedState(pit)
    let description = pit.description(at: 500_000)
    #expect(description["port 61h"] == "33h  counter 2 gate speaker data refresh toggle OUT2")
    #expect(description["speaker"] == "follows OUT2" && savedState(pit) == before)
    #expect(pit.readByte(0x61, at: 500_000) == 0x33)
    #expect(description.more("counter 2").first?.hasSuffix("OUT high, GATE high, 1000.1 Hz") == true)
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
    let before = savedState(uart)
    let description = uart.description
    #expect(
      description["LCR"] == "03h  8N1" && description["divisor latch"] == "1, 115200 baud")
    #expect(description["FCR"] == "81h  FIFOs on, trigger level 8")
    #expect(description["MCR"] == "0Bh  DTR RTS OUT2" && description["INTR"] == "high")
    #expect(description["IIR"] == "C2h  transmitter holding register empty")
    #expect(description["LSR"] == "79h  DR FE BI THRE TEMT" && savedState(uart) == before)
  }

  @Test func advancedInterruptControllers() {
    let apic = LocalAPIC(
      intr: Line(nil, 0), nmi: Line(nil, 0), smi: Line(nil, 0), initialization: Line(nil, 0))
    let ioAPIC = IOAPIC(destination: apic)
    apic.programVirtualWire(at: 0)
    apic.acceptInterrupt(vector: 0x31, levelTriggered: false, at: 0)
    ioAPIC.writeMemory(0, 0x10 + 2 * 4, width: 4, at: 0)
    ioAPIC.writeMemory(0x10, 0xA034, width: 4, at: 0)
    let before = savedState(apic) + savedState(ioAPIC)
    let local = apic.description(at: 5)
    #expect(local["IRR"] == "31h" && local["ISR"] == "none")
    #expect(local["LVT LINT0"] == "00000700h  vector 00h ExtINT edge")
    #expect(local["LVT timer"] == "00010000h  masked")
    let table = ioAPIC.description
    #expect(table["input 4"] == "vector 34h, fixed, physical 00h, level, active low")
    #expect(table["masked since reset"]?.hasPrefix("0 1 2 3 5") == true)
    #expect(savedState(apic) + savedState(ioAPIC) == before)
  }

  /// After SEEK to cylinder 5 and within READ DATA. SPECIFY's figures are those of 500 kb/s.
  @Test func floppyController() throws {
    let bench = try FloppyBench(disk: MemoryStore(sectors: 2880))
    bench.seek(5)
    let idle = bench.fdc.description
    #expect(idle["MSR"] == "80h  RQM" && idle["DOR"] == "1Ch  RESET# DMAGATE# MOT EN0")
    #expect(idle["SPECIFY"] == "SRT 3000 us, HLT 2000 us, HUT 240000 us, DMA")
    #expect(idle["CONFIGURE"] == "20h  no FIFO, PRETRK 0" && idle["DRATE SEL"] == "00h  500 kb/s")
    #expect(idle["drive 0"] == "PCN 5" && idle["drive 1"] == nil && idle["INT"] == "low")
    #expect(idle.more("drive 0") == ["1.44M, heads at cylinder 5, selected, disk of 80 x 2 x 18"])
    bench.send([0x46, 0, 5, 0])
    let before = savedState(bench.fdc)
    let partly = bench.fdc.description
    #expect(partly["MSR"] == "90h  CMD BUSY RQM" && partly["phase"] == "command")
    #expect(partly["command"] == "READ DATA 46h 00h 05h 00h" && savedState(bench.fdc) == before)
  }

  @Test func portsOfOneRegister() {
    let portA = SystemControlPortA(A20: Line(nil, 0), reset: Line(nil, 0))
    portA.writeByte(0x92, 0x02, at: 0)
    #expect(portA.description["port 92h"] == "02h  FAST_A20")
    let error = CoprocessorErrorPort(IRQ13: Line(nil, 0))
    error.signalError(at: 0)
    #expect(error.description["FERR# latch"] == "set, IRQ13 high")
    error.writeByte(0xF0, 0, at: 1)
    #expect(error.description["FERR# latch"] == "clear, IRQ13 low")
    let code = POSTCodePort()
    code.writeByte(0x80, 0x55, at: 0)
    #expect(code.description["port 80h"] == "55h")
    let exit = DebugExit(stop: Line(nil, 0))
    #expect(exit.description["value"] == "not written")
    exit.writePort(0xF4, 3, width: 1, at: 0)
    #expect(exit.description["value"] == "00000003h")
  }
}
