import ApusBase
import ApusCPU
import ApusDevices

/// A PC's board: which chips there are, and how they are wired. How accesses reach them is in
/// `BoardBus.swift`, what firmware would set up in `BoardFirmware.swift`.
///
/// The chip set is Intel's 440FX with PIIX3, with a power-management block in the PIIX4's manner, an I/O APIC
/// and an HPET: what guests know from QEMU's `pc`.
package final class Board {
  /// The PCI slot of the display adapter, as QEMU's.
  static let vgaSlot = 2
  /// More virtio drives have no PCI slot.
  static let virtioSlots = 3...30

  package let pins = ProcessorPins()
  let map: MemoryMap
  package let shadow: ShadowRAM
  package let memory: GuestMemory
  package let localAPIC: LocalAPIC
  package let ioAPIC: IOAPIC
  package let pic: PIC8259Pair
  let fabric: InterruptFabric
  let nmiGate: NMIGate
  let hpet: HPET
  let pit: PIT8254
  package let rtc: RTC146818
  let keyboard: Controller8042
  package let serial: [UART16550]
  let dma: DMA8237Pair
  let floppy: FloppyController82077AA
  let parallel: ParallelPort
  let portA: SystemControlPortA
  let coprocessorError: CoprocessorErrorPort
  let postCode = POSTCodePort()
  /// What firmware reads of the machine's configuration; nil for a machine without.
  private(set) var firmware: FirmwareConfiguration?
  package let power: PowerManagement
  package let pci: PCIHost
  package let vga: VGA?
  let debugExit: DebugExit
  /// Whether the debug exit answers at some port.
  private(set) var hasDebugExit = false

  /// In the order of attachment, in which they are reset, run and saved.
  var devices: [any Device] = []
  var names: [String] = []
  var ports = PortMap()
  var memoryMap = MemoryMapRouter()
  package var deadlines = DeadlineTable()
  /// Counts what reaches devices, if somebody asked for it.
  var accesses: AccessCounts?
  /// Set by `connect`.
  var processor: Processor?
  /// The time of the last access: what devices are told never decreases.
  var lastTime: VirtualTime = 0
  /// The time up to which the processor runs; an earlier deadline calls it back.
  var sliceEnd = VirtualTime.never

  /// A board with all its devices, after power-on but for `reset(at:)`. Throws `usage` for more drives than
  /// there are places, and for ranges that overlap. `romSize` is that of the firmware in bytes, 0 without one.
  package init(
    _ configuration: MachineConfiguration, _ map: MemoryMap, romSize: UInt64 = 0
  ) throws(MachineError) {
    self.map = map
    shadow = ShadowRAM(map, romSize: romSize)
    memory = GuestMemory(shadow, size: map.ramSize)

    // Interrupts: PIC pair to LINT0, I/O APIC by messages, NMI to LINT1, all else through the fabric.
    localAPIC = LocalAPIC(
      intr: pins.line(.INTR), nmi: pins.line(.NMI), smi: pins.line(.SMI), initialization: pins.line(.INIT))
    let ioAPIC = IOAPIC(destination: localAPIC)
    self.ioAPIC = ioAPIC
    localAPIC.messageSource = ioAPIC
    pic = PIC8259Pair(INTR: Line(localAPIC, 0))
    nmiGate = NMIGate(output: Line(localAPIC, 1))
    fabric = InterruptFabric(pic: pic, ioAPIC: ioAPIC)

    // Time: the HPET stands between the timer chips and IRQ 0 and IRQ 8.
    let routes = (0..<IOAPIC.inputCount).map { Line(ioAPIC, $0) }
    hpet = HPET(routes: routes, legacyPIT: fabric.line(0), legacyRTC: fabric.line(8))
    pit = PIT8254(
      IRQ0: Line(hpet, HPET.pitInput), NMI: Line(nmiGate, 0),
      speaker: configuration.speaker.map { PCSpeaker(sink: $0) })
    rtc = RTC146818(
      IRQ8: Line(hpet, HPET.rtcInput),
      configuration: try Self.cmos(configuration, map),
      startDate: UInt64(max(configuration.startDate, 0)))

    // Input, reset and power.
    keyboard = Controller8042(
      IRQ1: fabric.line(1), IRQ12: fabric.line(12), A20: pins.line(.A20), reset: pins.line(.reset))
    portA = SystemControlPortA(A20: pins.line(.A20), reset: pins.line(.reset))
    power = PowerManagement(
      sci: fabric.line(9), hardReset: pins.line(.reset), softReset: pins.line(.reset),
      powerOff: pins.line(.powerOff))
    coprocessorError = CoprocessorErrorPort(IRQ13: fabric.line(13))
    debugExit = DebugExit(stop: pins.line(.debugExit))

    dma = DMA8237Pair(memory: memory)
    floppy = FloppyController82077AA(
      drives: try Self.floppyTypes(configuration.drives), dma: dma, IRQ: fabric.line(6))

    // Serial ports 1 and 3, and 2 and 4, share an interrupt.
    var serial: [UART16550] = []
    for (index, port) in UART16550.standardPorts.enumerated() {
      let output = index < configuration.serial.count ? configuration.serial[index] : nil
      serial.append(
        UART16550(
          name: "COM\(index + 1)", base: port.base, irq: fabric.line(port.irq, source: index), output: output)
      )
    }
    self.serial = serial
    parallel = ParallelPort(IRQ: fabric.line(7), sink: configuration.parallel)

    // PCI: host bridge, ISA bridge with the interrupt router, IDE, virtio.
    let piix3 = PIIX3(pic: PIRQWires(fabric), ioAPIC: ioAPIC)
    let window = ACPIDescription(lowRAMEnd: map.lowRAMSize).pciMemory
    pci = PCIHost(
      memoryWindow: window.lowerBound...(window.upperBound - 1), pirq: piix3, reset: pins.line(.reset))
    pci.attach(I440FX(attributes: shadow), slot: 0)
    pci.attach(piix3, slot: 1)
    vga = configuration.hasVGA ? VGA(rom: configuration.videoROM?.bytes ?? []) : nil
    if let vga { pci.attach(vga, slot: Self.vgaSlot) }
    try attachDrives(configuration.drives)
    try insertFloppies(configuration.drives)
    firmware = try firmwareConfiguration(configuration)

    do throws(AttachError) {
      try attachDevices(configuration)
    } catch {
      throw MachineError(message: error.message, kind: .usage)
    }
  }

  /// Gives every device its ports and addresses.
  private func attachDevices(_ configuration: MachineConfiguration) throws(AttachError) {
    // The first five have their numbers in `BoardBus.swift`. The local APIC answers wherever its base register says,
    // so it has no fixed range.
    try attach(localAPIC)
    try attach(ioAPIC, memory: ACPITables.ioAPICBase, size: 0x1000)
    try attach(pic, ports: PIC8259Pair.portRanges)
    try attach(hpet, memory: ACPITables.hpetBase, size: 0x400)
    try attach(pit, ports: PIT8254.portRanges)
    try attach(rtc, ports: RTC146818.portRanges)
    try attach(keyboard, ports: Controller8042.portRanges)
    try attach(portA, ports: SystemControlPortA.portRanges)
    try attach(dma, ports: DMA8237Pair.portRanges)
    try attach(floppy, ports: FloppyController82077AA.portRanges)
    for uart in serial { try attach(uart, ports: [uart.base...(uart.base + 7)]) }
    try attach(parallel, ports: [ParallelPort.LPT1])
    let layout = power.layout
    try attach(
      power,
      ports: [
        layout.base...(layout.base + PowerManagementLayout.blockSize - 1),
        layout.commandPort...(layout.commandPort + 1), layout.resetPort...layout.resetPort,
      ])
    try attach(coprocessorError, ports: CoprocessorErrorPort.portRanges)
    try attach(postCode, ports: POSTCodePort.portRanges)
    try attach(DebugConsole(sink: configuration.debugConsole), ports: DebugConsole.portRanges)
    if let vga {
      let window = VGA.window
      try attach(
        VGAWindow(vga), ports: VGA.ports, memory: window.lowerBound,
        size: window.upperBound - window.lowerBound + 1)
    }
    if let firmware {
      try attach(firmware, ports: FirmwareConfiguration.portRanges)
      let start = configuration.startsKernelByFirmware ? pins.line(.kernelBoot) : nil
      try attach(FirmwarePort(kernelStart: start, screen: vga), ports: FirmwarePort.portRanges)
    }
    if let ports = configuration.debugExitPorts {
      try attach(debugExit, ports: [ports])
      hasDebugExit = true
    }
    let window = pci.memoryWindow
    try attach(
      pci, ports: [0xCFC...0xCFF, pci.ioWindow] + PIIXIDE.ports, memory: window.lowerBound,
      size: window.upperBound - window.lowerBound + 1)
    // CONFADD takes double words alone; bytes there belong to others, such as the reset control register.
    try ports.attachDoubleWord(0xCF8, device: devices.count - 1, names: names)
  }

  /// Adds a device, with the ports it answers at and the physical addresses, if it has some.
  package func attach(
    _ device: any Device, ports ranges: [ClosedRange<UInt16>] = [], memory base: UInt64 = 0, size: UInt64 = 0
  ) throws(AttachError) {
    let number = devices.count
    names.append(device.name)
    for range in ranges { try ports.attach(range, device: number, names: names) }
    if size > 0 { try memoryMap.attach(base...(base + size - 1), device: number, names: names) }
    devices.append(device)
    deadlines.add()
  }

  /// Puts the processor into its socket.
  package func connect(_ processor: Processor) {
    self.processor = processor
    pins.processor = processor
    memory.processor = processor
    shadow.processor = processor
    processor.setA20(pins.isA20Open)
  }

  /// Takes the processor out of its socket and breaks the reference cycles, so that the machine can go.
  package func disconnect() {
    processor = nil
    pins.processor = nil
    memory.processor = nil
    shadow.processor = nil
    localAPIC.messageSource = nil
  }
}
